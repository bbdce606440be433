//! What an answer means before a channel's own rules, and when to come back.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::outcome::{Class, Failure, SendResult};

/// How long to leave a destination alone that says 429 without saying how long.
const DEFAULT_THROTTLE: Duration = Duration::from_secs(60);
/// A longer `Retry-After` is cut to this.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// Headers in which Azure's services count milliseconds.
const IN_MILLISECONDS: [&str; 2] = ["retry-after-ms", "x-ms-retry-after-ms"];

/// The part of an answer that decides.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Not before this.
    pub(crate) retry_after: Option<Timestamp>,
    /// The first 64 KiB.
    pub(crate) body: String,
    /// Whether that is all of it.
    pub(crate) complete: bool,
    headers: HeaderMap,
}

impl Reply {
    pub(super) fn new(
        status: u16,
        headers: HeaderMap,
        body: String,
        complete: bool,
        at: Timestamp,
    ) -> Reply {
        let retry_after = wait(&headers, at);
        Reply {
            status,
            retry_after,
            body,
            complete,
            headers,
        }
    }

    /// Whether the status says success.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header of the answer, if it is there and plain ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; null if it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What the headers say about when to come back.
fn wait(headers: &HeaderMap, at: Timestamp) -> Option<Timestamp> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let exact = IN_MILLISECONDS.iter().find_map(|name| {
        let milliseconds: f64 = text(name)?.trim().parse().ok()?;
        seconds(milliseconds / 1000.0, at)
    });
    exact.or_else(|| retry_after(text(RETRY_AFTER.as_str())?, at))
}

/// So many seconds from `at`, at most 24 hours.
pub(crate) fn seconds(seconds: f64, at: Timestamp) -> Option<Timestamp> {
    let capped = seconds.min(MAX_RETRY_AFTER.as_secs_f64());
    (seconds.is_finite() && seconds >= 0.0).then(|| at + Duration::from_secs_f64(capped))
}

/// What a status other than success means, before the channel's own rules. `repeatable` says that
/// the receiver recognizes a second one.
pub(crate) fn by_status(reply: &Reply, repeatable: bool, at: Timestamp) -> SendResult {
    let detail = format!("status {}", reply.status);
    match reply.status {
        300..=399 => SendResult::destination(
            Class::Redirect,
            format!("{detail}: redirects are not followed"),
        ),
        401 | 403 | 407 => SendResult::destination(Class::Auth, detail),
        404 | 405 => SendResult::destination(Class::NotFound, detail),
        410 => SendResult::destination(Class::Gone, detail),
        413 => SendResult::message(Class::TooLarge, detail),
        400 | 409 | 411 | 414 | 415 | 422 | 431 => SendResult::message(Class::Invalid, detail),
        429 => throttled(reply, at),
        408 | 425 | 503 => later(reply, Class::Server, detail),
        501 | 505 => SendResult::destination(Class::Protocol, detail),
        500..=599 if repeatable => later(reply, Class::Server, detail),
        500..=599 => SendResult::unknown(Class::Server, detail),
        // Anything else from a client's fault is about the place rather than this one notice; so
        // notices are kept.
        400..=499 => SendResult::destination(Class::Protocol, detail),
        _ => SendResult::unknown(Class::Protocol, detail),
    }
}

pub(crate) fn throttled(reply: &Reply, at: Timestamp) -> SendResult {
    let until = reply.retry_after.unwrap_or(at + DEFAULT_THROTTLE);
    SendResult::Throttled { until }
}

pub(crate) fn later(reply: &Reply, class: Class, detail: String) -> SendResult {
    SendResult::Transient {
        failure: Failure::new(class, detail),
        not_before: reply.retry_after,
    }
}

/// When to come back: seconds, with or without a fraction, or an HTTP date. Nothing that lies in
/// the past, and at most 24 hours ahead.
fn retry_after(value: &str, at: Timestamp) -> Option<Timestamp> {
    let value = value.trim();
    let until = match value.parse::<f64>() {
        Ok(number) => return seconds(number, at),
        Err(_) => jiff::fmt::rfc2822::parse(value).ok()?.timestamp(),
    };
    Some(until.clamp(at, at + MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn now() -> Timestamp {
        crate::samples::at()
    }

    #[test]
    fn retry_after_is_read_in_every_form() {
        let seconds = |text| retry_after(text, now()).map(|until| until.duration_since(now()));
        let whole = |n| Some(jiff::SignedDuration::from_secs(n));
        assert_eq!(seconds("120"), whole(120));
        assert_eq!(
            seconds(" 0.5 "),
            Some(jiff::SignedDuration::from_millis(500))
        );
        assert_eq!(seconds("Fri, 15 May 2026 06:31:00 GMT"), whole(60));
        assert_eq!(
            seconds("Thu, 14 May 2026 06:31:00 GMT"),
            whole(0),
            "the past is now"
        );
        assert_eq!(seconds("99999999"), whole(24 * 60 * 60));
        for bad in ["", "-1", "soon", "NaN", "inf"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn azures_milliseconds_come_before_the_usual_header() {
        let wait = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            });
            wait(&headers.collect(), now()).map(|until| until.duration_since(now()))
        };
        let milliseconds = |n| Some(jiff::SignedDuration::from_millis(n));
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("retry-after", "2")]), milliseconds(2000));
        for name in IN_MILLISECONDS {
            assert_eq!(wait(&[(name, "1500")]), milliseconds(1500));
            let both = [("retry-after", "2"), (name, "1500")];
            assert_eq!(wait(&both), milliseconds(1500));
            let broken = [("retry-after", "2"), (name, "-3")];
            assert_eq!(wait(&broken), milliseconds(2000));
        }
    }
}
