//! The client: one request, signed, paced and repeated within bounds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use futures::StreamExt;
use http::header::ACCEPT;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::cloud::Endpoint;
use crate::error::{Error, ErrorBody};
use crate::retry::{Gate, Pacing, Retry, asked_wait};

/// Azure's cost APIs at one endpoint. Cheap to clone; clones share the pace.
///
/// The HTTP client should follow no redirects: an answer from another host is refused.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    pub(crate) endpoint: Endpoint,
    credential: Option<Arc<dyn TokenCredential>>,
    retry: Retry,
    pub(crate) limits: Limits,
    gate: Arc<Gate>,
}

/// Bounds on what a server may make the client read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one answer, unpacked.
    pub answer_bytes: usize,
    /// Pages of one operation.
    pub pages: usize,
}

impl Default for Limits {
    /// Azure ends answers at 12 MB, so 32 MB is out of the question; 20,000 pages are 20 million
    /// rows, for which exports are the right source.
    fn default() -> Self {
        Limits {
            answer_bytes: 32 << 20,
            pages: 20_000,
        }
    }
}

impl Client {
    /// A client with default [`Retry`], [`Pacing`] and [`Limits`]. Without a credential it sends
    /// no token, which only a local stand-in accepts.
    pub fn new(
        http: reqwest::Client,
        endpoint: Endpoint,
        credential: Option<Arc<dyn TokenCredential>>,
    ) -> Client {
        Client {
            http,
            endpoint,
            credential,
            retry: Retry::default(),
            limits: Limits::default(),
            gate: Arc::new(Gate::new(Pacing::default())),
        }
    }

    /// The same client with other bounds of repetition.
    pub fn with_retry(mut self, retry: Retry) -> Client {
        self.retry = retry;
        self
    }

    /// The same client with a pace of its own, no longer shared with its earlier clones.
    pub fn with_pacing(mut self, pacing: Pacing) -> Client {
        self.gate = Arc::new(Gate::new(pacing));
        self
    }

    /// The same client with other bounds on answers.
    pub fn with_limits(mut self, limits: Limits) -> Client {
        self.limits = limits;
        self
    }

    /// GET with retry. `None` is a 204: there is nothing.
    pub(crate) async fn get(&self, operation: &str, url: &Url) -> Result<Option<Vec<u8>>, Error> {
        let end = Instant::now() + self.retry.total;
        let mut tries = 0;
        let mut signed_in_again = false;
        loop {
            let failure = match timeout_at(end, self.get_once(operation, url)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                Err(_) => late(),
            };
            let (throttled, asked, problem) = match failure {
                Failure::Final(error) => return Err(error),
                Failure::SignIn(error) if signed_in_again || self.credential.is_none() => {
                    return Err(error);
                }
                Failure::SignIn(_) => {
                    // Credentials keep their tokens, so the next one is new only if the last one
                    // was about to end or was taken back.
                    signed_in_again = true;
                    tracing::debug!(operation, "token refused, asking for another");
                    continue;
                }
                Failure::Again {
                    throttled,
                    asked,
                    problem,
                } => (throttled, asked, problem),
            };
            tries += 1;
            let wait = self.retry.wait(tries, asked);
            if tries >= self.retry.tries || Instant::now() + wait > end {
                return Err(if throttled {
                    Error::Throttled {
                        operation: operation.to_owned(),
                        until: Timestamp::now() + asked.unwrap_or(wait),
                    }
                } else {
                    Error::Unavailable {
                        operation: operation.to_owned(),
                        tries,
                        problem,
                    }
                });
            }
            let wait_ms = wait.as_millis();
            tracing::debug!(operation, tries, wait_ms, problem, "trying again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn get_once(&self, operation: &str, url: &Url) -> Result<Option<Vec<u8>>, Failure> {
        let _turn = self.gate.turn().await;
        let mut request = self
            .http
            .get(url.clone())
            .timeout(self.retry.timeout)
            .header(ACCEPT, "application/json");
        if let Some(credential) = &self.credential {
            let scopes = [self.endpoint.token_scope()];
            let token = credential.get_token(&scopes, None).await;
            let token = token.map_err(|source| {
                Failure::Final(Error::NoToken {
                    operation: operation.to_owned(),
                    source,
                })
            })?;
            request = request.bearer_auth(token.token.secret());
        }
        let response = request.send().await.map_err(|error| lost(&error))?;
        if response.url().origin() != url.origin() {
            let problem = "it came from another host";
            return Err(Failure::Final(Error::unexpected(operation, problem)));
        }
        let status = response.status().as_u16();
        match status {
            200 => {
                let limit = self.limits.answer_bytes;
                match read_body(response, limit).await? {
                    Body::Whole(body) => Ok(Some(body)),
                    Body::TooLong => Err(Failure::Final(Error::unexpected(
                        operation,
                        format!("it is longer than {limit} bytes"),
                    ))),
                }
            }
            204 => Ok(None),
            408 | 429 | 500..=599 => {
                let asked = asked_wait(response.headers(), Timestamp::now());
                let body = read_start(response).await;
                let ErrorBody { code, message } = ErrorBody::parse(status, &body);
                Err(Failure::Again {
                    throttled: status == 429,
                    asked,
                    problem: format!("status {status}: {message} ({code})"),
                })
            }
            _ => {
                let body = read_start(response).await;
                let error = Error::of_status(operation, status, &body);
                Err(match status {
                    401 => Failure::SignIn(error),
                    _ => Failure::Final(error),
                })
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint.base().host_str())
            .field("signs_in", &self.credential.is_some())
            .field("retry", &self.retry)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How one try ended without an answer.
enum Failure {
    Final(Error),
    SignIn(Error),
    Again {
        throttled: bool,
        asked: Option<Duration>,
        problem: String,
    },
}

enum Body {
    Whole(Vec<u8>),
    TooLong,
}

/// Reads a body and stops as soon as it is too long. A body that breaks off is a lost connection.
async fn read_body(response: reqwest::Response, limit: usize) -> Result<Body, Failure> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| lost(&error))?;
        if body.len() + chunk.len() > limit {
            return Ok(Body::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Body::Whole(body))
}

/// The first stretch of an error's body: enough for its code and message.
async fn read_start(response: reqwest::Response) -> Vec<u8> {
    const ENOUGH: usize = 64 << 10;
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        let room = ENOUGH - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ENOUGH {
            break;
        }
    }
    body
}

fn late() -> Failure {
    Failure::Again {
        throttled: false,
        asked: None,
        problem: "no answer in time".to_owned(),
    }
}

fn lost(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return late();
    }
    let problem = if error.is_connect() {
        "no connection"
    } else {
        // The error's own text may hold the URL, and a page link in it is as good as a key.
        "the connection broke off"
    };
    Failure::Again {
        throttled: false,
        asked: None,
        problem: problem.to_owned(),
    }
}
