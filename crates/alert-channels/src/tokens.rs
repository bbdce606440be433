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
