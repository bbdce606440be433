//! One request: signed, paced and repeated within bounds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{Secret, TokenCredential};
use futures::StreamExt;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, IF_NONE_MATCH, RETRY_AFTER};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::client::Limits;
use crate::error::{Error, ErrorBody};
use crate::kept::{AnswerStore, kept_or_new};
use crate::quotas::{Caller, Quotas};
use crate::request::{Answer, Repeat, Request};
use crate::retry::{Gate, Pacing, Retry, asked_wait};

/// The header by which Azure gives each kind of program quotas of its own.
const CLIENT_TYPE: &str = "ClientType";

/// What all services have in common. Clones share pace, quotas and credential.
#[derive(Clone)]
pub(crate) struct Transport {
    http: reqwest::Client,
    sign_in: SignIn,
    pub(crate) retry: Retry,
    pub(crate) limits: Limits,
    pub(crate) gate: Arc<Gate>,
    pub(crate) quotas: Quotas,
    pub(crate) caller: Caller,
    /// Answers that the service may call unchanged, where it does that.
    pub(crate) kept: Option<Arc<dyn AnswerStore>>,
}

/// How requests say who asks.
#[derive(Clone)]
pub(crate) enum SignIn {
    /// Not at all.
    Nobody,
    /// By a token of Microsoft Entra ID.
    Token {
        credential: Arc<dyn TokenCredential>,
        audience: &'static str,
    },
    /// By a key that is sent like a token.
    Key(Secret),
}

impl Transport {
    pub(crate) fn new(http: reqwest::Client, sign_in: SignIn) -> Transport {
        Transport {
            http,
            sign_in,
            retry: Retry::default(),
            limits: Limits::default(),
            gate: Arc::new(Gate::new(Pacing::default())),
            quotas: Quotas::new(),
            caller: Caller {
                tenant: String::new(),
                client_type: "spendwatch".to_owned(),
            },
            kept: None,
        }
    }

    /// Sends a request until it is answered. Any 2xx is an answer, and so are redirects, which are
    /// not followed. An answer that has not changed since it was kept is the kept one.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        match &self.kept {
            Some(kept) if request.method == http::Method::GET => {
                let key = request.url.as_str();
                let known = kept.get(key);
                let answer = match &known {
                    Some(known) => {
                        let asked = request.clone().with_header(IF_NONE_MATCH, &known.etag);
                        self.send_always(&asked).await?
                    }
                    None => self.send_always(request).await?,
                };
                Ok(kept_or_new(&**kept, key, known, answer))
            }
            _ => self.send_always(request).await,
        }
    }

    async fn send_always(&self, request: &Request) -> Result<Answer, Error> {
        let operation = &*request.operation;
        let end = Instant::now() + self.retry.total;
        let mut tries = 0;
        let mut signed_in_again = false;
        let mut may_be_done = false;
        loop {
            self.wait_for_quota(request, end).await?;
            let failure = match timeout_at(end, self.send_once(request)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                Err(_) => late(),
            };
            let (throttled, asked, begun, problem) = match failure {
                // What an earlier try deleted without telling is not there any more.
                Failure::Final(Error::NotFound { .. })
                    if may_be_done && request.method == http::Method::DELETE =>
                {
                    return Ok(Answer {
                        status: 204,
                        headers: HeaderMap::new(),
                        body: Vec::new(),
                    });
                }
                Failure::Final(error) => return Err(error),
                Failure::SignIn(error) => {
                    if signed_in_again || !matches!(self.sign_in, SignIn::Token { .. }) {
                        return Err(error);
                    }
                    // Credentials keep their tokens, so the next one is new only if the last one
                    // was about to end or was taken back.
                    signed_in_again = true;
                    tracing::debug!(operation, "token refused, asking for another");
                    continue;
                }
                Failure::Again {
                    throttled,
                    asked,
                    begun,
                    problem,
                } => (throttled, asked, begun, problem),
            };
            tries += 1;
            may_be_done |= begun;
            let wait = self.retry.wait(tries, asked);
            let is_unsafe = begun && request.repeat == Repeat::IfNotBegun;
            if is_unsafe || tries >= self.retry.tries || Instant::now() + wait > end {
                let operation = operation.to_owned();
                return Err(if throttled {
                    Error::Throttled {
                        operation,
                        until: Timestamp::now() + asked.unwrap_or(wait),
                    }
                } else {
                    Error::Unavailable {
                        operation,
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

    /// Waits until the quotas have room, if that is before the end.
    async fn wait_for_quota(&self, request: &Request, end: Instant) -> Result<(), Error> {
        loop {
            let now = Instant::now();
            let taken = self.quotas.take(&self.caller, &request.meters, now);
            let Err(opens) = taken else { return Ok(()) };
            if opens > end {
                return Err(Error::Throttled {
                    operation: request.operation.clone(),
                    until: Timestamp::now() + opens.saturating_duration_since(now),
                });
            }
            let wait_ms = opens.saturating_duration_since(now).as_millis();
            if wait_ms > 3000 {
                let operation = &request.operation;
                tracing::info!(operation, wait_ms, "waiting for Azure's quota");
            }
            tokio::time::sleep_until(opens).await;
        }
    }

    async fn send_once(&self, request: &Request) -> Result<Answer, Failure> {
        let operation = &*request.operation;
        let _turn = self.gate.turn().await;
        let mut builder = self
            .http
            .request(request.method.clone(), request.url.clone())
            .timeout(self.retry.timeout)
            .header(ACCEPT, "application/json")
            .headers(request.headers.clone());
        match &self.sign_in {
            SignIn::Nobody => {}
            SignIn::Key(key) => builder = builder.bearer_auth(key.secret()),
            SignIn::Token {
                credential,
                audience,
            } => {
                let token = credential.get_token(&[audience], None).await;
                let token =
                    token.map_err(|source| Failure::Final(Error::no_token(operation, source)))?;
                builder = builder
                    .bearer_auth(token.token.secret())
                    .header(CLIENT_TYPE, &self.caller.client_type);
            }
        }
        builder = match &request.body {
            Some(body) => builder
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
            // Azure's front end wants to be told that a POST has no body.
            None if request.method == http::Method::POST => builder.header(CONTENT_LENGTH, 0),
            None => builder,
        };
        let response = builder.send().await.map_err(|error| lost(&error))?;
        if response.url().origin() != request.url.origin() {
            let problem = "it came from another host";
            return Err(Failure::Final(Error::unexpected(operation, problem)));
        }
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        self.quotas
            .learn(&self.caller, &request.meters, &headers, Instant::now());
        match status {
            200..=399 => {
                let limit = request.answer_bytes.unwrap_or(self.limits.answer_bytes);
                match read_body(response, limit).await? {
                    Body::Whole(body) => Ok(Answer {
                        status,
                        headers,
                        body,
                    }),
                    Body::TooLong => Err(Failure::Final(Error::unexpected(
                        operation,
                        format!("it is longer than {limit} bytes"),
                    ))),
                }
            }
            408 | 429 | 500..=599 => {
                let asked = asked_wait(&headers, Timestamp::now());
                let body = read_start(response).await;
                let ErrorBody { code, message } = ErrorBody::parse(status, &body);
                Err(Failure::Again {
                    throttled: is_throttled(status, asked),
                    asked,
                    begun: !refused_at_the_door(status, &headers),
                    problem: format!("status {status}: {message} ({code})"),
                })
            }
            _ if request.accepts == Some(status) => Ok(Answer {
                status,
                headers,
                body: read_start(response).await,
            }),
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

    /// The plain HTTP client, for links that carry their own permission.
    pub(crate) fn unsigned(&self) -> &reqwest::Client {
        &self.http
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("signs_in", &!matches!(self.sign_in, SignIn::Nobody))
            .field("retry", &self.retry)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Whether a failure is a matter of time: the service throttles, or says when to come back.
pub(crate) fn is_throttled(status: u16, asked: Option<Duration>) -> bool {
    status == 429 || (status == 503 && asked.is_some())
}

/// Whether the service certainly did nothing: it throttles, or names a time to come back.
fn refused_at_the_door(status: u16, headers: &HeaderMap) -> bool {
    status == 429 || (status == 503 && headers.contains_key(RETRY_AFTER))
}

/// How one try ended without an answer.
pub(crate) enum Failure {
    Final(Error),
    SignIn(Error),
    Again {
        throttled: bool,
        asked: Option<Duration>,
        /// Whether the service may have begun to do what was asked.
        begun: bool,
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
pub(crate) async fn read_start(response: reqwest::Response) -> Vec<u8> {
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

pub(crate) fn late() -> Failure {
    Failure::Again {
        throttled: false,
        asked: None,
        begun: true,
        problem: "no answer in time".to_owned(),
    }
}

pub(crate) fn lost(error: &reqwest::Error) -> Failure {
    if error.is_timeout() && !error.is_connect() {
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
        begun: !error.is_connect(),
        problem: problem.to_owned(),
    }
}
