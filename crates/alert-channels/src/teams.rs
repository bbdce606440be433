//! Microsoft Teams: an Adaptive Card 1.5 posted to a Workflows trigger.
//!
//! The trigger answers 202 before the card is posted and never tells what came of it, so the best
//! result is [`SendResult::Accepted`]. Cards beyond 28 KB, counted after Teams has rewritten them,
//! vanish later; hence an own limit of 18 KiB and a card that sheds parts until it fits. All text
//! sits in `TextRun`s, in which nothing is interpreted.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::http::{Access, Endpoint, Http, Reply, by_status};
use crate::notice::Notice;
use crate::outcome::{Class, Failure, SendResult};
use crate::text::{Tone, Wording, wording};
use crate::untrusted::capped;

/// Largest card in bytes of JSON.
pub const MAX_CARD_BYTES: usize = 18 * 1024;

/// A Teams channel or chat behind a Workflows trigger.
#[derive(Debug)]
pub struct Teams {
    endpoint: Endpoint,
}

impl Teams {
    /// A destination. `url` is what Teams shows when the workflow is made, taken whole.
    pub fn new(http: &Http, url: &SecretString, access: Access) -> Result<Teams, ConfigError> {
        let endpoint = http.endpoint(url, access)?;
        let host = endpoint.host();
        let retired = host == "outlook.office.com" || host.ends_with(".webhook.office.com");
        if retired {
            return Err(ConfigError::RetiredConnector);
        }
        Ok(Teams { endpoint })
    }

    fn judge(&self, reply: &Reply, at: Timestamp) -> SendResult {
        match reply.status {
            200..=299 => SendResult::Accepted { provider_id: None },
            400 => {
                let code = serde_json::from_str::<Value>(&reply.body).ok();
                let code = code
                    .as_ref()
                    .and_then(|body| body["error"]["code"].as_str())
                    .and_then(|code| self.endpoint.showable(code));
                let lower = code.unwrap_or_default().to_ascii_lowercase();
                let detail = format!("status 400 {}", code.unwrap_or("without a code"));
                // The workflow is off, gone, or its address incomplete; anything else is the card.
                let place = [
                    "disabled",
                    "notfound",
                    "notenabled",
                    "apiversion",
                    "suspended",
                ];
                if place.iter().any(|word| lower.contains(word)) {
                    SendResult::destination(Class::NotFound, detail)
                } else {
                    SendResult::message(Class::Invalid, detail)
                }
            }
            _ => by_status(reply, false, at),
        }
    }
}

#[async_trait]
impl Channel for Teams {
    fn kind(&self) -> Kind {
        Kind::Teams
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

/// The request body: the largest version of the card that fits.
fn message(notice: &Notice) -> Vec<u8> {
    let mut words = wording(notice);
    let sheds: [fn(&mut Wording); 5] = [
        |_| {},
        |words| words.drivers = None,
        |words| words.links.truncate(3),
        |words| words.facts.truncate(4),
        |words| {
            words.links.clear();
            words.remarks.clear();
            words.advice = None;
            words.facts.clear();
            words.headline = capped(&words.headline, 400, 1600);
            words.why.clear();
        },
    ];
    let mut bytes = Vec::new();
    for shed in sheds {
        shed(&mut words);
        bytes = envelope(&words).to_string().into_bytes();
        if bytes.len() <= MAX_CARD_BYTES {
            break;
        }
    }
    bytes
}

fn envelope(words: &Wording) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            // The trigger's schema wants it there and null.
            "contentUrl": null,
            "content": card(words),
        }],
    })
}

/// The card itself.
fn card(words: &Wording) -> Value {
    let style = match words.tone {
        Tone::Calm => "good",
        Tone::Info => "accent",
        Tone::Warning => "warning",
        Tone::Critical => "attention",
    };
    let mut head = vec![text(vec![
        run(&format!("{}  ", words.tone_word))
            .with("weight", "Bolder")
            .with("isSubtle", true),
        run(&words.headline)
            .with("weight", "Bolder")
            .with("size", "Medium"),
    ])];
    head.extend(words.remarks.iter().map(|remark| text(vec![run(remark)])));
    let mut body = vec![json!({
        "type": "Container", "style": style, "bleed": true, "items": head,
    })];
    body.extend(words.facts.iter().map(|fact| {
        json!({
            "type": "ColumnSet",
            "spacing": "Small",
            "columns": [
                {
                    "type": "Column", "width": "90px",
                    "items": [text(vec![run(fact.label).with("isSubtle", true)])],
                },
                {
                    "type": "Column", "width": "stretch",
                    "items": [text(vec![run(&fact.value)])],
                },
            ],
        })
    }));
    if let Some(drivers) = &words.drivers {
        let mut items = vec![text(vec![run(&drivers.title).with("weight", "Bolder")])];
        items.extend(drivers.rows.iter().map(|row| {
            let mut tail = format!("  {}", row.change);
            if !row.share.is_empty() {
                tail.push_str(&format!("  ({})", row.share));
            }
            if !row.cause.is_empty() {
                tail.push_str(&format!("  {}", row.cause));
            }
            let mut block = text(vec![run(&row.name), run(&tail).with("weight", "Bolder")]);
            block["spacing"] = json!("None");
            block
        }));
        body.push(json!({"type": "Container", "spacing": "Medium", "items": items}));
    }
    if let Some(advice) = &words.advice {
        body.push(text(vec![run(advice)]));
    }
    let small = |line: &str| {
        let mut block = text(vec![run(line).with("isSubtle", true).with("size", "Small")]);
        block["spacing"] = json!("Small");
        block
    };
    if !words.why.is_empty() {
        body.push(small(&words.why));
    }
    body.push(small(&words.footer));
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "msteams": {"width": "Full"},
        // What clients show that cannot draw the card, and what is read aloud.
        "fallbackText": unformatted(&words.headline),
        "speak": unformatted(&words.headline),
        "body": body,
    });
    if !words.links.is_empty() {
        let actions =
            words.links.iter().take(6).map(
                |link| json!({"type": "Action.OpenUrl", "title": without_mentions(&link.title), "url": link.url}),
            );
        card["actions"] = actions.collect();
    }
    card
}

/// A block of runs: the one element whose text is not Markdown.
fn text(inlines: Vec<Value>) -> Value {
    json!({"type": "RichTextBlock", "inlines": inlines})
}

fn run(text: &str) -> Value {
    json!({"type": "TextRun", "text": without_mentions(text)})
}

/// Text for places where it is not known what is interpreted.
fn unformatted(text: &str) -> String {
    without_mentions(text).replace(['<', '>', '[', ']', '*', '_', '`', '~', '#', '|'], " ")
}

/// Keeps tools that add mentions from finding one.
fn without_mentions(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at + 1);
        safe.push_str(before);
        let name = tag.strip_prefix('/').unwrap_or(tag).trim_start();
        if name
            .get(..2)
            .is_some_and(|name| name.eq_ignore_ascii_case("at"))
        {
            safe.push(' ');
        }
        rest = tag;
    }
    safe.push_str(rest);
    safe
}

trait With {
    fn with(self, member: &str, value: impl Into<Value>) -> Self;
}

impl With for Value {
    fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self[member] = value.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::{Link, Message};
    use crate::samples;

    #[test]
    fn mentions_are_broken() {
        assert_eq!(without_mentions("a <b> <At>x</ at>"), "a <b> < At>x< / at>");
        assert_eq!(without_mentions("1 < 2 <"), "1 < 2 <");
    }

    #[test]
    fn cards_shed_parts_until_they_fit() {
        let mut notice = samples::hostile();
        notice.links = (0..500)
            .map(|n| Link {
                title: "\"".repeat(200),
                url: format!("https://costs.contoso.example/{}/{n}", "y".repeat(400)),
            })
            .collect();
        let Message::Crossing(transition) = &mut notice.message else {
            unreachable!("the sample is a crossing");
        };
        transition.also = vec!["\\".repeat(2000); 3];
        transition.when = "\u{fffd}\"".repeat(5000);
        let bytes = message(&notice);
        assert!(bytes.len() <= MAX_CARD_BYTES, "{}", bytes.len());
        assert!(String::from_utf8(bytes).unwrap().contains("AdaptiveCard"));
        for (name, notice) in samples::all() {
            let bytes = message(&notice);
            assert!(bytes.len() < MAX_CARD_BYTES, "{name}: {}", bytes.len());
            let whole = envelope(&wording(&notice)).to_string();
            if name == "crossing" {
                assert_eq!(bytes, whole.into_bytes(), "nothing is shed as a rule");
            }
        }
    }

    #[test]
    fn retired_connectors_are_refused_with_advice() {
        let http = Http::new().unwrap();
        for url in [
            "https://contoso.webhook.office.com/webhookb2/x",
            "https://outlook.office.com/webhook/x",
        ] {
            let error = Teams::new(&http, &url.into(), Access::public()).unwrap_err();
            assert_eq!(error, ConfigError::RetiredConnector);
        }
    }
}
