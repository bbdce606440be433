//! Tokens of our own identity, for destinations that are Azure services.
//!
//! Whoever makes a channel brings the source; this crate signs in nowhere. A token goes to hosts of
//! the one service that it is for and nowhere else, by https.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use crate::channel::ConfigError;
use crate::http::{Access, Endpoint, Http};
use crate::outcome::{Class, SendResult};

/// Gives tokens of one identity.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token for a scope such as `https://storage.azure.com/.default` that holds for some minutes
    /// at least. Called for every send, so the source keeps its tokens.
    async fn token(&self, scope: &str) -> Result<SecretString, NoToken>;
}

/// Why there is no token. Says nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no token of our identity: {0}")]
pub struct NoToken(pub String);

/// A service that takes tokens: which hosts it has, and for what tokens must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// What the names of its hosts end in.
    pub(crate) suffixes: &'static [&'static str],
    /// The scope of its tokens.
    pub(crate) scope: &'static str,
}

/// A place of a service, and the tokens for it.
#[derive(Clone)]
pub(crate) struct Signed {
    endpoint: Endpoint,
    service: Service,
    tokens: Arc<dyn TokenSource>,
}

impl Signed {
    /// A place; refused if it is none of the service.
    pub(crate) fn new(
        http: &Http,
        url: &str,
        access: Access,
        service: Service,
        tokens: Arc<dyn TokenSource>,
    ) -> Result<Signed, ConfigError> {
        let endpoint = http.endpoint(&url.into(), access)?;
        let suffixes = service.suffixes;
        if !endpoint.may_carry_tokens(suffixes) {
            return Err(ConfigError::ForeignHost { suffixes });
        }
        Ok(Signed {
            endpoint,
            service,
            tokens,
        })
    }

    /// A place below this one, for the same tokens.
    pub(crate) fn below(&self, segments: &[&str], query: &[(&str, &str)]) -> Signed {
        Signed {
            endpoint: self.endpoint.below(segments, query),
            ..self.clone()
        }
    }

    /// The place, never showing the token, and the header that carries it. Without a token nothing is
    /// sent, so it may be tried again.
    pub(crate) async fn sign(&self) -> Result<(Endpoint, (&'static str, String)), SendResult> {
        match self.tokens.token(self.service.scope).await {
            Ok(token) => {
                let header = format!("Bearer {}", token.expose_secret());
                let endpoint = self.endpoint.clone().hiding(&token);
                Ok((endpoint, ("authorization", header)))
            }
            Err(error) => Err(SendResult::transient(Class::Auth, error.to_string())),
        }
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::testing::{FixedToken, answering, local_http};

    const SERVICE: Service = Service {
        suffixes: &[".communication.azure.com", ".communication.azure.us"],
        scope: "https://communication.azure.com/.default",
    };

    fn signed(http: &Http, url: &str, access: Access) -> Result<Signed, ConfigError> {
        Signed::new(http, url, access, SERVICE, Arc::new(FixedToken))
    }

    #[test]
    fn tokens_are_for_hosts_of_their_service_by_https() {
        let http = Http::new().unwrap();
        for good in [
            "https://a.communication.azure.com",
            "https://a.unitedstates.COMMUNICATION.azure.com/",
            "https://a.communication.azure.us",
            "https://a.communication.azure.com.",
        ] {
            assert!(signed(&http, good, Access::public()).is_ok(), "{good}");
        }
        for bad in [
            "https://communication.azure.com.contoso.example",
            "https://a-communication.azure.com",
            "https://communication.azure.com",
            "https://contoso.example/.communication.azure.com",
            "https://contoso.example?x=.communication.azure.com",
            "https://127.0.0.1",
            "https://a.queue.core.windows.net",
        ] {
            assert!(signed(&http, bad, Access::public()).is_err(), "{bad}");
        }
        // Not in the clear, wherever it leads, but for this machine.
        let plain = "http://a.communication.azure.com";
        let private = || Access::private(["10.0.0.0/8".parse().unwrap()]);
        assert!(signed(&http, plain, private()).is_err());
        assert!(signed(&http, &plain.replace("http", "https"), private()).is_ok());
        assert!(signed(&http, plain, Access::loopback()).is_ok());
        let mixed = Access::private(["127.0.0.1/32", "10.0.0.0/8"].map(|net| net.parse().unwrap()));
        assert!(signed(&http, plain, mixed).is_err());
    }

    /// Gives none.
    struct NoTokens;

    #[async_trait]
    impl TokenSource for NoTokens {
        async fn token(&self, _: &str) -> Result<SecretString, NoToken> {
            Err(NoToken("the identity is not assigned".into()))
        }
    }

    #[tokio::test]
    async fn without_a_token_nothing_is_sent() {
        let server = answering(ResponseTemplate::new(202)).await;
        let url = server
            .uri()
            .replace("127.0.0.1", "a.communication.azure.com");
        let (http, tokens) = (local_http(), Arc::new(NoTokens));
        let place = Signed::new(&http, &url, Access::loopback(), SERVICE, tokens).unwrap();
        let result = place.sign().await.unwrap_err();
        assert_eq!(result.as_str(), "transient");
        let failure = result.failure().unwrap();
        assert_eq!(failure.class, Class::Auth);
        assert!(failure.detail.contains("the identity is not assigned"));
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
