//! Notices as events of CloudEvents 1.0, for programs behind Azure's message services.
//!
//! `data` is the body of a webhook, `type` its type, `id` that of the delivery, so that a receiver
//! can recognize a second one, and `source` names the installation and the budget.

use serde_json::{Value, json};
use url::Url;

use crate::channel::ConfigError;
use crate::notice::{Message, Notice};
use crate::webhook::body;

/// The source of events where nothing else is configured.
pub const DEFAULT_SOURCE: &str = "/spendwatch";

/// Checks a source of events: a URI, or a path such as `/spendwatch/contoso`.
///
/// # Errors
/// [`ConfigError::Key`] when it is none, or has a query or a fragment.
pub fn check_source(text: &str) -> Result<(), ConfigError> {
    Source::new(text).map(drop)
}

/// Where events come from.
#[derive(Debug, Clone)]
pub(crate) struct Source(String);

impl Source {
    /// A URI or the path of one, such as `/spendwatch/contoso`.
    pub(crate) fn new(text: &str) -> Result<Source, ConfigError> {
        let text = text.trim().trim_end_matches('/');
        let fits = !text.is_empty()
            && text.len() <= 512
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && !text.contains(['?', '#', '<', '>', '"', '\\', '^', '`', '{', '|', '}']);
        let is_uri = text.starts_with('/') || Url::parse(text).is_ok();
        if fits && is_uri {
            Ok(Source(text.to_owned()))
        } else {
            Err(ConfigError::Key {
                what: "source of events",
                right: "a URI or a path without spaces, such as /spendwatch/contoso",
            })
        }
    }

    /// The event of a notice.
    pub(crate) fn event(&self, notice: &Notice) -> Value {
        let data = body(notice);
        let (mut source, mut subject) = (self.0.clone(), None);
        if let Message::Crossing(transition) = &notice.message {
            let status = &transition.status;
            source = format!("{source}/budgets/{}", segment(&status.budget));
            subject = Some(format!("{}/{}", status.period_key, transition.threshold));
        }
        let mut event = json!({
            "specversion": "1.0",
            "id": notice.safe_id(),
            "source": source,
            "type": data["type"],
            "time": notice.message.at().to_string(),
            "datacontenttype": "application/json",
            "data": data,
        });
        if let Some(subject) = subject {
            event["subject"] = json!(subject);
        }
        event
    }
}

/// One segment of a path.
fn segment(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            safe.push(char::from(byte));
        } else {
            safe.push_str(&format!("%{byte:02X}"));
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn sources_are_uris() {
        for good in [
            "/spendwatch",
            "/spendwatch/contoso/",
            "urn:contoso:cost",
            "https://c.example/x",
        ] {
            assert!(Source::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "spendwatch",
            "/a b",
            "/a?b",
            "/a\nb",
            "https://c.example/#x",
        ] {
            assert!(Source::new(bad).is_err(), "{bad}");
        }
        assert_eq!(segment("a/b ü"), "a%2Fb%20%C3%BC");
    }

    #[test]
    fn events_have_what_the_specification_requires() {
        let source = Source::new("/spendwatch/contoso").unwrap();
        for (name, notice) in samples::all() {
            let event = source.event(&notice);
            let data = &event["data"];
            assert_eq!(event["specversion"], "1.0");
            assert_eq!(event["id"], notice.safe_id());
            assert_eq!(event["type"], data["type"], "{name}");
            assert!(!event["type"].as_str().unwrap().is_empty(), "{name}");
            let time: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
            assert_eq!(time, notice.message.at());
            // Names of attributes: lower-case letters and digits.
            for name in event.as_object().unwrap().keys() {
                assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{name}");
            }
            // Some services take no larger ones.
            assert!(event.to_string().len() < 48 * 1024, "{name}");
        }
        let crossing = source.event(&samples::crossing());
        assert_eq!(
            crossing["source"],
            "/spendwatch/contoso/budgets/payments-prod"
        );
        assert_eq!(crossing["subject"], "monthly-2026-05-01/eighty");
        assert_eq!(
            source.event(&samples::probe())["source"],
            "/spendwatch/contoso"
        );
    }
}
