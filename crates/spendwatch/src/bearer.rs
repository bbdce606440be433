//! Tokens for channels that are Azure services, from the credentials that sources use.

use std::sync::Arc;

use alert_channels::tokens::{NoToken, TokenSource};
use anyhow::Context;
use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_cost::credentials::Auth;
use secrecy::SecretString;
use url::Url;

use crate::environment::{Environment, cloud_of};

/// One identity. The credential keeps its tokens and renews them.
pub(crate) struct Bearer(Arc<dyn TokenCredential>);

impl Bearer {
    /// The identity of a way to sign in (`auth`), in the cloud that a service is in.
    pub(crate) fn open(
        auth: &str,
        service: &Url,
        environment: &Environment,
    ) -> anyhow::Result<Bearer> {
        let variables = environment.variables();
        let auth = Auth::parse(auth, variables)?;
        let credential = auth.credential(cloud_of(service), variables);
        let credential = credential
            .with_context(|| format!("sign in to {}", service.host_str().unwrap_or_default()))?;
        Ok(Bearer(credential))
    }
}

#[async_trait]
impl TokenSource for Bearer {
    async fn token(&self, scope: &str) -> Result<SecretString, NoToken> {
        match self.0.get_token(&[scope], None).await {
            Ok(token) => Ok(token.token.secret().to_owned().into()),
            Err(error) => {
                // The particulars are for whoever runs this; what is stored with a delivery is brief.
                tracing::warn!(scope, error = %error, "no token for a channel");
                Err(NoToken(format!("signing in failed for {scope}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use azure_core::credentials::{AccessToken, Secret, TokenRequestOptions};
    use azure_core::error::ErrorKind;
    use secrecy::ExposeSecret;

    use super::*;

    /// Knows one scope.
    #[derive(Debug)]
    struct One;

    #[async_trait]
    impl TokenCredential for One {
        async fn get_token(
            &self,
            scopes: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            if scopes == ["https://storage.azure.com/.default"] {
                let until = azure_core::time::OffsetDateTime::now_utc();
                Ok(AccessToken::new(Secret::new("t0k3n"), until))
            } else {
                let error = azure_core::Error::with_message(ErrorKind::Credential, "c4n4ry");
                Err(error)
            }
        }
    }

    #[tokio::test]
    async fn tokens_are_those_of_the_credential_and_errors_are_brief() {
        let bearer = Bearer(Arc::new(One));
        let token = bearer.token("https://storage.azure.com/.default").await;
        assert_eq!(token.unwrap().expose_secret(), "t0k3n");
        let error = bearer.token("https://other.example/.default").await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("https://other.example/.default"), "{error}");
        assert!(!error.contains("c4n4ry"), "{error}");
    }

    #[test]
    fn a_way_to_sign_in_that_lacks_something_says_what() {
        crate::install_crypto();
        let url = "https://contoso.communication.azure.us".parse().unwrap();
        let none = Environment::default();
        let Err(error) = Bearer::open("client-secret", &url, &none) else {
            panic!("nothing is set");
        };
        assert!(format!("{error:#}").contains("AZURE_TENANT_ID"));
        assert!(Bearer::open("azure-cli", &url, &none).is_ok());
    }
}
