//! Mattermost: Markdown through an incoming webhook.
//!
//! Mattermost is mostly one's own server, often on a private address: see
//! [`Access::private`]. It answers `ok`, or JSON with the id of an error. Text of a webhook is
//! Markdown in which mentions, channel names and addresses are found as in text that people type, so
//! all of them are broken.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::http::{Access, Endpoint, Http, Reply, by_status};
use crate::inert::{cut, link, markdown, units};
use crate::notice::Notice;
use crate::outcome::{Class, Failure, SendResult};
use crate::text::{Wording, wording};

/// Largest text in characters; more is cut into several messages or refused.
const MAX_TEXT: usize = 16_383;
/// Own bound of one line.
const MAX_LINE: usize = 2000;

/// A Mattermost channel behind an incoming webhook.
#[derive(Debug)]
pub struct Mattermost {
    endpoint: Endpoint,
}

impl Mattermost {
    /// A destination. `url` is the incoming webhook, taken whole.
    pub fn new(http: &Http, url: &SecretString, access: Access) -> Result<Mattermost, ConfigError> {
        let endpoint = http.endpoint(url, access)?;
        Ok(Mattermost { endpoint })
    }

    fn judge(&self, reply: &Reply, at: Timestamp) -> SendResult {
        let body = reply.json();
        let id = body["id"].as_str().unwrap_or_default();
        let shown = self.endpoint.showable(id).unwrap_or("without an id");
        let detail = format!("status {}: {shown}", reply.status);
        match (reply.status, id) {
            (200, _) if reply.body.trim() == "ok" => SendResult::Delivered { provider_id: None },
            (200..=299, _) if !reply.complete => SendResult::unknown(Class::Interrupted, detail),
            // A page of somebody else's, such as a login page: not Mattermost at all.
            (200..=299, _) => SendResult::destination(Class::Protocol, detail),
            // The webhook was removed, or its user was; other errors with 400 are the text's.
            (400, "web.incoming_webhook.invalid.app_error") => {
                SendResult::destination(Class::NotFound, detail)
            }
            (400, _) if id.starts_with("web.incoming_webhook.user") => {
                SendResult::destination(Class::NotFound, detail)
            }
            (400 | 413, _) if id.contains("too_large") || id.contains("length") => {
                SendResult::message(Class::TooLarge, detail)
            }
            (400, _) => SendResult::message(Class::Invalid, detail),
            (501, "web.incoming_webhook.disabled.app_error") => {
                SendResult::destination(Class::Policy, detail)
            }
            _ => by_status(reply, false, at),
        }
    }
}

#[async_trait]
impl Channel for Mattermost {
    fn kind(&self) -> Kind {
        Kind::Mattermost
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        Ok(Rendered {
            content_type: "application/json",
            extension: "json",
            bytes: message(notice),
        })
    }

    async fn reach(&self, now: Timestamp) -> Option<Result<(), Failure>> {
        Some(self.endpoint.reach(now).await)
    }

    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult {
        match self.endpoint.post(&[], message(notice), attempt.at).await {
            Ok(reply) => self.judge(&reply, attempt.at),
            Err(result) => result,
        }
    }
}

fn message(notice: &Notice) -> Vec<u8> {
    let words = wording(notice);
    let mut text = String::new();
    for line in lines(&words) {
        // Whole lines only: half a link would be none.
        if units(&text) + units(&line) < MAX_TEXT {
            text.push_str(&line);
            text.push('\n');
        }
    }
    json!({"text": text.trim_end()}).to_string().into_bytes()
}

fn lines(words: &Wording) -> Vec<String> {
    let plain = |text: &str| cut(&markdown(text), MAX_LINE);
    let mut lines = vec![
        format!("**{}: {}**", words.tone_word, plain(&words.headline)),
        String::new(),
    ];
    lines.extend(words.remarks.iter().map(|remark| plain(remark)));
    lines.extend(
        words
            .facts
            .iter()
            .map(|fact| format!("* **{}** {}", plain(fact.label), plain(&fact.value))),
    );
    if let Some(drivers) = &words.drivers {
        lines.extend([String::new(), plain(&drivers.title)]);
        lines.extend(drivers.rows.iter().map(|row| {
            let parts = [row.name.as_str(), &row.change, &row.share, row.cause];
            let parts = parts.into_iter().filter(|part| !part.is_empty());
            format!("* {}", plain(&parts.collect::<Vec<_>>().join("  ")))
        }));
    }
    if let Some(advice) = &words.advice {
        lines.extend([String::new(), plain(advice)]);
    }
    if !words.links.is_empty() {
        lines.push(String::new());
        let links = words.links.iter().map(|one| link(&one.title, &one.url));
        lines.extend(links.map(|link| format!("* {link}")));
    }
    lines.extend([String::new(), plain(&words.why), plain(&words.footer)]);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Link;
    use crate::samples;

    #[test]
    fn messages_keep_mattermosts_limit() {
        let check = |notice: &Notice| {
            let message: serde_json::Value = serde_json::from_slice(&message(notice)).unwrap();
            let text = message["text"].as_str().unwrap();
            assert!((1..=16_383).contains(&text.chars().count()));
            text.to_owned()
        };
        for (name, notice) in samples::all() {
            let text = check(&notice);
            assert!(text.contains("delivery"), "{name}: nothing was left out");
        }
        let mut notice = samples::hostile();
        notice.links = (0..200)
            .map(|n| Link {
                title: "t".repeat(100),
                url: format!("https://costs.contoso.example/{}/{n}", "y".repeat(300)),
            })
            .collect();
        let text = check(&notice);
        let links = text.lines().filter(|line| line.contains("](https://"));
        assert!(links.clone().count() > 10);
        assert!(links.into_iter().all(|line| line.ends_with(')')));
    }
}
