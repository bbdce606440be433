//! Slack: Block Kit through an incoming webhook.
//!
//! Names and figures sit in `plain_text`, in which nothing is interpreted; only the links, which
//! are ours, are `mrkdwn`. Links are text and not buttons, because a button of a webhook shows a
//! warning unless the Slack app takes interactions. Slack answers `ok` or one word that says why not.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::http::{Access, Endpoint, Http, Reply, by_status, throttled};
use crate::notice::Notice;
use crate::outcome::{Class, Failure, SendResult};
use crate::text::{Tone, Wording, wording};
use crate::untrusted::capped;

const MAX_HEADER: usize = 150;
const MAX_SECTION: usize = 3000;
const MAX_FIELD: usize = 2000;
const MAX_FIELDS: usize = 10;
/// The sum of all text is limited near 13,000 characters, which Slack documents nowhere.
const MAX_TEXT: usize = 12_000;

/// A Slack channel behind an incoming webhook.
#[derive(Debug)]
pub struct Slack {
    endpoint: Endpoint,
}

impl Slack {
    /// A destination. `url` is the incoming webhook, taken whole.
    pub fn new(http: &Http, url: &SecretString, access: Access) -> Result<Slack, ConfigError> {
        let endpoint = http.endpoint(url, access)?;
        Ok(Slack { endpoint })
    }

    fn judge(&self, reply: &Reply, at: Timestamp) -> SendResult {
        let word = reply.body.trim();
        let shown = self.endpoint.showable(word).unwrap_or("another text");
        let detail = format!("status {}: {shown}", reply.status);
        match (reply.status, word) {
            (200, "ok") => SendResult::Delivered { provider_id: None },
            (429, _) | (_, "rate_limited") => throttled(reply, at),
            (_, "invalid_payload" | "invalid_blocks" | "no_text" | "too_many_attachments") => {
                SendResult::message(Class::Invalid, detail)
            }
            (_, "msg_blocks_too_long") => SendResult::message(Class::TooLarge, detail),
            (
                _,
                "action_prohibited"
                | "invalid_token"
                | "posting_to_general_channel_denied"
                | "team_disabled",
            ) => SendResult::destination(Class::Auth, detail),
            (
                _,
                "user_not_found" | "channel_not_found" | "no_service" | "no_service_id" | "no_team"
                | "no_active_hooks",
            ) => SendResult::destination(Class::NotFound, detail),
            (_, "channel_is_archived") => SendResult::destination(Class::Gone, detail),
            // A transaction that Slack has rolled back: nothing was posted.
            (500, "rollup_error") => SendResult::transient(Class::Server, detail),
            (200..=299, _) if !reply.complete => SendResult::unknown(Class::Interrupted, detail),
            // A page of somebody else's, such as a login page: not Slack at all.
            (200..=299, _) => SendResult::destination(Class::Protocol, detail),
            _ => by_status(reply, false, at),
        }
    }
}

#[async_trait]
impl Channel for Slack {
    fn kind(&self) -> Kind {
        Kind::Slack
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
    message_value(notice).to_string().into_bytes()
}

/// The message, without the channel it goes to.
pub(crate) fn message_value(notice: &Notice) -> Value {
    let mut words = wording(notice);
    let mut message = payload(&words);
    if text_size(&message) > MAX_TEXT {
        words.drivers = None;
        words.facts.truncate(4);
        words.links.truncate(3);
        words.remarks.truncate(3);
        message = payload(&words);
    }
    message
}

fn payload(words: &Wording) -> Value {
    let mark = match words.tone {
        Tone::Calm => String::new(),
        Tone::Info | Tone::Warning => format!("{}: ", words.tone_word),
        Tone::Critical => format!("{}: ", words.tone_word.to_uppercase()),
    };
    let subject = words.subject.trim_start_matches("[Cost] ");
    let mut blocks = vec![
        json!({"type": "header", "text": plain(&format!("{mark}{subject}"), MAX_HEADER)}),
        section(&words.headline),
    ];
    if !words.remarks.is_empty() {
        blocks.push(section(&words.remarks.join("\n")));
    }
    if !words.facts.is_empty() {
        let fields: Vec<Value> = words
            .facts
            .iter()
            .take(MAX_FIELDS)
            .map(|fact| plain(&format!("{}\n{}", fact.label, fact.value), MAX_FIELD))
            .collect();
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    if let Some(drivers) = &words.drivers {
        let mut text = drivers.title.clone();
        for row in &drivers.rows {
            text.push_str(&format!("\n{}  {}", row.name, row.change));
            if !row.share.is_empty() {
                text.push_str(&format!("  ({})", row.share));
            }
            if !row.cause.is_empty() {
                text.push_str(&format!("  {}", row.cause));
            }
        }
        blocks.push(section(&text));
    }
    if let Some(advice) = &words.advice {
        blocks.push(section(advice));
    }
    if !words.links.is_empty() {
        // Whole links until the block is full: half a link would be none.
        let mut links = String::new();
        for link in &words.links {
            let one = format!("<{}|{}>", address(&link.url), escape(&label(&link.title)));
            if links.len() + one.len() + 3 > MAX_SECTION {
                break;
            }
            if !links.is_empty() {
                links.push_str(" | ");
            }
            links.push_str(&one);
        }
        if !links.is_empty() {
            blocks.push(json!({
                "type": "section",
                "text": {"type": "mrkdwn", "text": links, "verbatim": true},
            }));
        }
    }
    let small: Vec<Value> = [&words.why, &words.footer]
        .into_iter()
        .filter(|line| !line.is_empty())
        .map(|line| plain(line, MAX_FIELD))
        .collect();
    blocks.push(json!({"type": "context", "elements": small}));
    json!({
        // What notifications and screen readers show.
        "text": escape(&words.headline),
        "mrkdwn": false,
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "blocks": blocks,
    })
}

pub(crate) fn section(text: &str) -> Value {
    json!({"type": "section", "text": plain(text, MAX_SECTION)})
}

/// Text in which nothing is interpreted, cut to what Slack takes, lines kept.
pub(crate) fn plain(text: &str, max_chars: usize) -> Value {
    let cut = if text.chars().count() > max_chars {
        let mut cut: String = text.chars().take(max_chars - 1).collect();
        cut.push('…');
        cut
    } else {
        text.to_owned()
    };
    json!({"type": "plain_text", "text": cut, "emoji": false})
}

/// The three characters that control `mrkdwn`.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// An address inside `<…|…>`: its own `|`, `<` and `>` are percent-encoded.
fn address(url: &str) -> String {
    url.replace('|', "%7C")
        .replace('<', "%3C")
        .replace('>', "%3E")
        .replace('&', "&amp;")
}

/// A link's title without what ends or formats it.
fn label(title: &str) -> String {
    let formats = ['|', '*', '_', '~', '`'];
    capped(&title.replace(formats, " "), 40, 160)
}

/// Characters of all text in a message.
fn text_size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.iter().map(text_size).sum(),
        Value::Object(members) => members.values().map(text_size).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::{Link, Message};
    use crate::samples;

    /// Slack's documented limits, checked over a whole message.
    #[track_caller]
    fn check_limits(bytes: &[u8]) {
        let message: Value = serde_json::from_slice(bytes).unwrap();
        let length = |value: &Value| value["text"].as_str().unwrap().chars().count();
        assert!(
            message["text"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        let blocks = message["blocks"].as_array().unwrap();
        assert!((1..=50).contains(&blocks.len()));
        for block in blocks {
            match block["type"].as_str().unwrap() {
                "header" => assert!((1..=MAX_HEADER).contains(&length(&block["text"]))),
                "section" if block["fields"].is_array() => {
                    let fields = block["fields"].as_array().unwrap();
                    assert!((1..=MAX_FIELDS).contains(&fields.len()));
                    for field in fields {
                        assert!((1..=MAX_FIELD).contains(&length(field)));
                    }
                }
                "section" => assert!((1..=MAX_SECTION).contains(&length(&block["text"]))),
                "context" => {
                    assert!((1..=10).contains(&block["elements"].as_array().unwrap().len()));
                }
                other => panic!("unexpected block {other}"),
            }
        }
        assert!(text_size(&message) <= 13_000);
    }

    #[test]
    fn messages_keep_slacks_limits() {
        for (_, notice) in samples::all() {
            check_limits(&message(&notice));
        }
        let mut notice = samples::hostile();
        notice.links = (0..200)
            .map(|n| Link {
                title: "t|*>".repeat(100),
                url: format!(
                    "https://costs.contoso.example/{}/{n}?a=<|>&b",
                    "y".repeat(300)
                ),
            })
            .collect();
        let Message::Crossing(transition) = &mut notice.message else {
            unreachable!("the sample is a crossing");
        };
        transition.when = "w".repeat(9000);
        transition.also = vec!["x".repeat(5000); 50];
        check_limits(&message(&notice));
    }
}
