//! The ways in which Azure misbehaves, switched on one by one.

mod reading;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::answer::Refusal;
use super::state::lock;

/// What goes wrong, in the order in which it goes wrong.
///
/// As JSON (the control endpoint) and as a table of a scenario it is a list of [`Fault`]s:
/// `[{"what": {"throttled": {"Retry-After": 3}}, "operation": "Query_Usage", "times": 2}]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Faults(pub Vec<Fault>);

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub what: Mishap,
    /// Name of the operation that it happens to, in any case, for example `UsageDetails_List`; a
    /// `*` at the end stands for anything. Without it, it happens to every operation of the cost
    /// APIs, but to neither tokens (`Token_Get`) nor blobs (`Blob_Get`, `Blob_List`). Reading a
    /// name that no operation has is an error.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "reading::operation"
    )]
    pub operation: Option<String>,
    /// How many requests go well before.
    #[serde(default)]
    pub after: u32,
    /// How many requests it happens to; all of them without a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl Fault {
    /// A fault of every operation, for ever.
    pub fn new(what: Mishap) -> Fault {
        Fault {
            what,
            operation: None,
            after: 0,
            times: None,
        }
    }

    /// A 429 with one header, for example `x-ms-ratelimit-microsoft.consumption-retry-after`.
    pub fn throttled(header: &str, wait: Wait) -> Fault {
        let headers = [(header.to_owned(), wait)];
        Fault::new(Mishap::Throttled(headers.into()))
    }

    /// Only for so many requests.
    pub fn times(mut self, times: u32) -> Fault {
        self.times = Some(times);
        self
    }

    /// Only after so many requests.
    pub fn after(mut self, after: u32) -> Fault {
        self.after = after;
        self
    }

    /// Only for one operation, or for all that a `*` at the end covers.
    pub fn of(mut self, operation: &str) -> Fault {
        self.operation = Some(operation.to_owned());
        self
    }

    fn concerns(&self, operation: &str) -> bool {
        match &self.operation {
            // It can hit nothing else.
            None if self.what == Mishap::ExpiredLink => true,
            None => !operation.starts_with("Token_") && !operation.starts_with("Blob_"),
            Some(aim) => match aim.strip_suffix('*') {
                Some(start) => {
                    let head = operation.get(..start.len());
                    head.is_some_and(|head| head.eq_ignore_ascii_case(start))
                }
                None => aim.eq_ignore_ascii_case(operation),
            },
        }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Faults {
        Faults(vec![fault])
    }
}

/// What can go wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mishap {
    /// 429 with these headers.
    Throttled(#[serde(deserialize_with = "reading::headers")] BTreeMap<String, Wait>),
    /// 503, with `Retry-After` or without.
    #[serde(rename_all = "snake_case")]
    Unavailable {
        /// The header's value.
        #[serde(default, deserialize_with = "reading::wait")]
        retry_after: Option<Wait>,
    },
    /// A page of HTML instead of JSON; with status 200 too.
    Html {
        /// The status, 200 to 599.
        #[serde(deserialize_with = "reading::status")]
        status: u16,
    },
    /// An error in Azure's shape.
    Refused {
        /// The status, 200 to 599.
        #[serde(deserialize_with = "reading::status")]
        status: u16,
        /// The error's code.
        code: String,
    },
    /// 401, as for a token that was withdrawn.
    Unauthorized,
    /// 204, though there are data.
    NoContent,
    /// 304, though nothing was asked about.
    NotModified,
    /// 202 without `Location`.
    AcceptedWithoutLocation,
    /// The answer takes a while.
    Slow {
        /// How long.
        milliseconds: u64,
    },
    /// The connection breaks in the middle of the body.
    CutOff,
    /// A page's link leads to another host.
    OtherHost,
    /// Links of pages and to files say `http://`, and the host that Azure itself has. No request
    /// that carries a token or a signature may follow them in clear.
    HttpLink,
    /// A page's link leads to itself. A reader that follows it never ends.
    SelfLink,
    /// The first page comes twice, each with a link of its own: the sum of all pages is too large.
    RepeatedPage,
    /// Each page but the first begins with the last row of the one before: the sum is too large.
    RepeatedRow,
    /// Each page but the first lacks its first row: the sum is too small.
    SkippedRow,
    /// Empty pages with a link come between: the sum is right.
    EmptyPages,
    /// Pages of different lengths: the sum is right.
    UnevenPages,
    /// The rows of a page come in another order: the sum is right.
    ShuffledRows,
    /// The pages come in another order: the sum is right.
    ShuffledPages,
    /// Signed links are answered with 403, as after their time.
    ExpiredLink,
    /// Reports say that their links ended an hour ago.
    PastValidity,
    /// Reports fail, with HTTP 200.
    FailedReport,
    /// Reports are polled this often before they are there.
    StalePolls(u32),
}

impl Mishap {
    /// Whether it concerns how rows are laid out on pages.
    pub(super) fn is_of_pages(&self) -> bool {
        matches!(
            self,
            Mishap::OtherHost
                | Mishap::HttpLink
                | Mishap::SelfLink
                | Mishap::RepeatedPage
                | Mishap::RepeatedRow
                | Mishap::SkippedRow
                | Mishap::EmptyPages
                | Mishap::UnevenPages
                | Mishap::ShuffledRows
                | Mishap::ShuffledPages
        )
    }

    /// The answer that replaces the real one, if this is a mishap of that kind.
    pub(super) fn answer(&self) -> Option<Response> {
        let status = |number| StatusCode::from_u16(number).unwrap_or(StatusCode::BAD_GATEWAY);
        Some(match self {
            Mishap::Throttled(headers) => {
                let message = "Too many requests. Please retry.";
                let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "429", message);
                let mut response = refusal.into_response();
                for (name, wait) in headers {
                    insert(response.headers_mut(), name, wait);
                }
                response
            }
            Mishap::Unavailable { retry_after } => {
                let message = "Service is temporarily unavailable.";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let refusal = Refusal::new(status, "ServiceUnavailable", message);
                let mut response = refusal.into_response();
                if let Some(wait) = retry_after {
                    insert(response.headers_mut(), RETRY_AFTER.as_str(), wait);
                }
                response
            }
            Mishap::Html { status: number } => {
                let page =
                    "<html><body><h1>Our services aren't available right now</h1></body></html>";
                (status(*number), [(CONTENT_TYPE, "text/html")], page).into_response()
            }
            Mishap::Refused {
                status: number,
                code,
            } => Refusal::new(status(*number), code, "Refused on purpose.").into_response(),
            Mishap::Unauthorized => {
                let message = "The access token is invalid.";
                let status = StatusCode::UNAUTHORIZED;
                Refusal::new(status, "InvalidAuthenticationToken", message).into_response()
            }
            Mishap::NoContent => StatusCode::NO_CONTENT.into_response(),
            Mishap::NotModified => StatusCode::NOT_MODIFIED.into_response(),
            Mishap::AcceptedWithoutLocation => StatusCode::ACCEPTED.into_response(),
            _ => return None,
        })
    }
}

/// The value of a header that tells a wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Wait {
    /// Seconds.
    Seconds(u32),
    /// An HTTP date.
    Date {
        /// How many seconds it lies ahead.
        date_in: u32,
    },
    /// Any text.
    Text(String),
}

impl Wait {
    fn value(&self) -> String {
        match self {
            Wait::Seconds(seconds) => seconds.to_string(),
            Wait::Text(text) => text.clone(),
            Wait::Date { date_in } => {
                let at = Timestamp::now() + SignedDuration::from_secs((*date_in).into());
                let printed = DateTimePrinter::new().timestamp_to_rfc9110_string(&at);
                printed.unwrap_or_default()
            }
        }
    }
}

fn insert(headers: &mut HeaderMap, name: &str, wait: &Wait) {
    let name = HeaderName::from_bytes(name.as_bytes());
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&wait.value())) {
        headers.insert(name, value);
    }
}

/// The faults that are on, with what is left of each.
#[derive(Debug, Default)]
pub(super) struct Switchboard(Mutex<Vec<Fault>>);

impl Switchboard {
    pub(super) fn new(faults: Faults) -> Switchboard {
        Switchboard(Mutex::new(faults.0))
    }

    /// What is left of the faults.
    pub(super) fn left(&self) -> Faults {
        Faults(lock(&self.0).clone())
    }

    pub(super) fn replace(&self, faults: Faults) {
        *lock(&self.0) = faults.0;
    }

    /// Takes the first fault of a kind that is on for an operation.
    pub(super) fn take(&self, operation: &str, kind: impl Fn(&Mishap) -> bool) -> Option<Mishap> {
        let mut faults = lock(&self.0);
        let mut on = faults
            .iter_mut()
            .filter(|fault| fault.times != Some(0))
            .filter(|fault| fault.concerns(operation) && kind(&fault.what));
        on.find_map(use_one)
    }

    /// Takes every fault of a kind that is on for an operation.
    pub(super) fn take_all(&self, operation: &str, kind: impl Fn(&Mishap) -> bool) -> Vec<Mishap> {
        let mut faults = lock(&self.0);
        let on = faults
            .iter_mut()
            .filter(|fault| fault.times != Some(0))
            .filter(|fault| fault.concerns(operation) && kind(&fault.what));
        on.filter_map(use_one).collect()
    }
}

/// Counts one request; nothing if it still goes well.
fn use_one(fault: &mut Fault) -> Option<Mishap> {
    if fault.after > 0 {
        fault.after -= 1;
        return None;
    }
    fault.times = fault.times.map(|times| times.saturating_sub(1));
    Some(fault.what.clone())
}

/// How long the slow ones of some mishaps take together.
pub(super) fn delay(mishaps: &[Mishap]) -> Duration {
    let millis = mishaps.iter().map(|mishap| match mishap {
        Mishap::Slow { milliseconds } => *milliseconds,
        _ => 0,
    });
    Duration::from_millis(millis.sum())
}

/// Half of an answer, and then the connection breaks.
pub(super) async fn cut_off(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await;
    let whole = whole.unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    let broken = std::io::Error::other("cut off on purpose");
    let body = Body::from_stream(stream::iter([Ok(half), Err(broken)]));
    Response::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_aimed_and_counted() {
        let board = Switchboard::new(Faults(vec![
            Fault::new(Mishap::CutOff).of("budgets_*").after(1).times(2),
            Fault::new(Mishap::NoContent).times(1),
        ]));
        let cut = |operation| {
            board
                .take(operation, |what| *what == Mishap::CutOff)
                .is_some()
        };
        assert!(!cut("UsageDetails_List"));
        assert_eq!(
            [(); 4].map(|()| cut("Budgets_Get")),
            [false, true, true, false]
        );
        let empty = |operation| board.take(operation, |what| *what == Mishap::NoContent);
        assert_eq!(empty("Token_Get"), None);
        assert_eq!(empty("Budgets_Get"), Some(Mishap::NoContent));
        assert_eq!(empty("Budgets_Get"), None);
    }

    #[test]
    fn faults_are_written_as_documented() {
        let text = r#"[
            {"what": {"throttled": {"Retry-After": 3, "x-other": {"date_in": 5}, "x-third": "soon"}}},
            {"what": "cut_off", "operation": "Query_Usage", "times": 2},
            {"what": {"unavailable": {}}, "after": 1},
            {"what": {"stale_polls": 2}}
        ]"#;
        let faults: Faults = serde_json::from_str(text).unwrap();
        let Mishap::Throttled(headers) = &faults.0[0].what else {
            panic!("{faults:?}");
        };
        assert_eq!(headers["Retry-After"], Wait::Seconds(3));
        assert_eq!(headers["x-other"], Wait::Date { date_in: 5 });
        assert_eq!(headers["x-third"], Wait::Text("soon".to_owned()));
        assert_eq!(
            faults.0[1],
            Fault::new(Mishap::CutOff).of("Query_Usage").times(2)
        );
        let again = serde_json::to_string(&faults).unwrap();
        assert_eq!(serde_json::from_str::<Faults>(&again).unwrap(), faults);
        assert!(serde_json::from_str::<Faults>(r#"[{"what":"cut_off","time":1}]"#).is_err());
    }

    #[test]
    fn throttling_carries_every_header() {
        let fault = Fault::throttled("Retry-After", Wait::Date { date_in: 60 });
        let response = fault.what.answer().unwrap();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        let value = response.headers()[RETRY_AFTER].to_str().unwrap();
        assert!(value.ends_with(" GMT") && value.len() == 29, "{value}");
    }
}
