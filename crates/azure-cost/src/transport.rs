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
use crate::measures;
use crate::quotas::{Caller, Full, Quotas};
use crate::request::{Answer, Repeat, Request};
use crate::retry::{Gate, Pacing, Retry, asked_wait};
use crate::waits::Waits;

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
    pub(crate) waits: Waits,
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
            waits: Waits::default(),
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
            let again = Instant::now() + wait;
            if is_unsafe || tries >= self.retry.tries || again > self.waits.end(end) {
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
            let reason = match asked {
                Some(_) => format!("Azure asks for it, with {problem}"),
                None => format!("trying again after {problem}"),
            };
            self.waits.wait(operation, again, &reason).await;
        }
    }

    /// Waits until the quotas have room, if that is before the end and waits may last so long.
    async fn wait_for_quota(&self, request: &Request, end: Instant) -> Result<(), Error> {
        loop {
            let now = Instant::now();
            let taken = self.quotas.take(&self.caller, &request.meters, now);
            let Err(Full { opens, reason }) = taken else {
                return Ok(());
            };
            if opens > self.waits.end(end) {
                return Err(Error::Throttled {
                    operation: request.operation.clone(),
                    until: Timestamp::now() + opens.saturating_duration_since(now),
                });
            }
            self.waits.wait(&request.operation, opens, reason).await;
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
        let response = builder.send().await.map_err(|error| {
            measures::answered(&request.url, 0);
            lost(&error)
        })?;
        measures::answered(&request.url, response.status().as_u16());
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::quotas::Meters;

    fn query() -> Request {
        let url = "https://management.azure.com/".parse().unwrap();
        Request::get("query costs", url).with_meters(Meters::query("/subscriptions/1", 1))
    }

    fn transport(waits: Waits) -> Transport {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut transport = Transport::new(reqwest::Client::new(), SignIn::Nobody);
        transport.waits = waits;
        transport
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_quota_is_told_for_how_long_and_why() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let transport = transport(Waits {
            until: None,
            tell: Some(Arc::new(move |wait| {
                let words = wait.map(ToString::to_string);
                heard.lock().unwrap().extend(words);
            })),
        });
        let begin = Instant::now();
        let end = begin + Duration::from_secs(180);
        for _ in 0..5 {
            transport.wait_for_quota(&query(), end).await.unwrap();
        }
        assert_eq!(begin.elapsed(), Duration::from_secs(60));
        let words = "waiting 60 s: Azure allows 4 queries of one scope a minute";
        assert_eq!(*told.lock().unwrap(), [words]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_bound_is_throttling_at_once() {
        let begin = Instant::now();
        let transport = transport(Waits {
            until: Some(begin + Duration::from_secs(50)),
            tell: None,
        });
        let end = begin + Duration::from_secs(180);
        for _ in 0..4 {
            transport.wait_for_quota(&query(), end).await.unwrap();
        }
        let error = transport.wait_for_quota(&query(), end).await.unwrap_err();
        let Error::Throttled { until, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(begin.elapsed(), Duration::ZERO, "nothing was waited for");
        assert!(until > Timestamp::now() + Duration::from_secs(50));
    }
}
