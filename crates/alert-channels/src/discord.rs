//! Discord: an embed through a webhook.
//!
//! The request says `wait=true`: without it Discord answers before the message is stored and tells
//! no failure. It also says that nothing in the text is a mention. Limits are those of Discord's
//! documentation, counted in UTF-16 code units. When an answer says that its bucket of requests is
//! empty, the next notice waits, because requests that are refused count towards a ban.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::http::{Access, Endpoint, Http, Reply, by_status, seconds, throttled};
use crate::inert::{cut, link, markdown, units, unlinked};
use crate::notice::Notice;
use crate::outcome::{Class, Failure, SendResult};
use crate::text::{Wording, wording};

const MAX_CONTENT: usize = 2000;
const MAX_DESCRIPTION: usize = 4096;
const MAX_FIELDS: usize = 25;
const MAX_FIELD_NAME: usize = 256;
const MAX_FIELD_VALUE: usize = 1024;
const MAX_FOOTER: usize = 2048;
/// Of all texts of an embed together.
const MAX_EMBED: usize = 6000;

/// A Discord channel behind a webhook.
#[derive(Debug)]
pub struct Discord {
    endpoint: Endpoint,
    /// When the bucket is full again, if the last answer said that it is empty.
    full_at: Mutex<Option<Timestamp>>,
}

impl Discord {
    /// A destination. `url` is what Discord shows when the webhook is made, taken whole.
    pub fn new(http: &Http, url: &SecretString, access: Access) -> Result<Discord, ConfigError> {
        let endpoint = http.endpoint(url, access)?;
        Ok(Discord {
            endpoint: endpoint.below(&[], &[("wait", "true")]),
            full_at: Mutex::new(None),
        })
    }

    fn judge(&self, reply: &Reply, at: Timestamp) -> SendResult {
        let body = reply.json();
        let code = body["code"].as_u64().unwrap_or_default();
        let detail = format!("status {}, code {code}", reply.status);
        match reply.status {
            200 if body["id"].is_string() => {
                let id = body["id"]
                    .as_str()
                    .and_then(|id| self.endpoint.showable(id));
                SendResult::Delivered {
                    provider_id: id.map(str::to_owned),
                }
            }
            // As if it had not been asked to wait: taken, and perhaps stored.
            204 => SendResult::Accepted { provider_id: None },
            200..=299 if !reply.complete => SendResult::unknown(Class::Interrupted, detail),
            200..=299 => SendResult::destination(Class::Protocol, detail),
            400 => SendResult::message(Class::Invalid, detail),
            429 => {
                let wait = body["retry_after"].as_f64();
                let until = wait.and_then(|wait| seconds(wait, at));
                match until.or_else(|| full_again(reply, at)) {
                    Some(until) => SendResult::Throttled {
                        until: until.max(reply.retry_after.unwrap_or(until)),
                    },
                    None => throttled(reply, at),
                }
            }
            _ => by_status(reply, false, at),
        }
    }
}

/// When the bucket that an answer names will be full again.
fn full_again(reply: &Reply, at: Timestamp) -> Option<Timestamp> {
    let wait = reply.header("x-ratelimit-reset-after")?;
    seconds(wait.trim().parse().ok()?, at)
}

#[async_trait]
impl Channel for Discord {
    fn kind(&self) -> Kind {
        Kind::Discord
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
        let full_at = || self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = *full_at();
        if let Some(until) = waits.filter(|until| *until > attempt.at) {
            return SendResult::Throttled { until };
        }
        match self.endpoint.post(&[], message(notice), attempt.at).await {
            Ok(reply) => {
                let is_empty = reply.header("x-ratelimit-remaining") == Some("0");
                *full_at() = full_again(&reply, attempt.at).filter(|_| is_empty);
                self.judge(&reply, attempt.at)
            }
            Err(result) => result,
        }
    }
}

fn message(notice: &Notice) -> Vec<u8> {
    let mut words = wording(notice);
    let sheds: [fn(&mut Wording); 4] = [
        |_| {},
        |words| words.drivers = None,
        |words| words.links.truncate(3),
        |words| {
            words.remarks.truncate(3);
            words.facts.truncate(4);
            words.links.clear();
        },
    ];
    let mut embed = Value::Null;
    for shed in sheds {
        shed(&mut words);
        embed = self::embed(&words);
        if size(&embed) <= MAX_EMBED {
            break;
        }
    }
    if size(&embed) > MAX_EMBED {
        // Only names of a length that nothing has; what is left says what happened.
        embed["fields"] = json!([]);
    }
    embed["timestamp"] = json!(notice.message.at().to_string());
    let subject = words.subject.trim_start_matches("[Cost] ");
    let line = format!("{}: {}", words.tone_word, markdown(subject));
    json!({
        "content": cut(&line, MAX_CONTENT),
        "allowed_mentions": {"parse": []},
        "embeds": [embed],
    })
    .to_string()
    .into_bytes()
}

fn embed(words: &Wording) -> Value {
    let mut blocks = vec![format!("**{}**", markdown(&words.headline))];
    if !words.remarks.is_empty() {
        let remarks = words.remarks.iter().map(|remark| markdown(remark));
        blocks.push(remarks.collect::<Vec<_>>().join("\n"));
    }
    if let Some(drivers) = &words.drivers {
        let mut lines = vec![markdown(&drivers.title)];
        lines.extend(drivers.rows.iter().map(|row| {
            let parts = [row.name.as_str(), &row.change, &row.share, row.cause];
            let parts = parts.into_iter().filter(|part| !part.is_empty());
            markdown(&parts.collect::<Vec<_>>().join("  "))
        }));
        blocks.push(lines.join("\n"));
    }
    blocks.extend(words.advice.as_deref().map(markdown));
    if !words.links.is_empty() {
        let links = words.links.iter();
        let links: Vec<String> = links.map(|one| link(&one.title, &one.url)).collect();
        blocks.push(links.join(" · "));
    }
    if !words.why.is_empty() {
        blocks.push(markdown(&words.why));
    }
    let fields: Vec<Value> = words
        .facts
        .iter()
        .take(MAX_FIELDS)
        .map(|fact| {
            json!({
                "name": cut(&markdown(fact.label), MAX_FIELD_NAME),
                "value": cut(&markdown(&fact.value), MAX_FIELD_VALUE),
            })
        })
        .collect();
    let color = words.tone.color().trim_start_matches('#');
    json!({
        "description": whole_blocks(&blocks),
        "color": u32::from_str_radix(color, 16).unwrap_or_default(),
        "fields": fields,
        "footer": {"text": cut(&unlinked(&words.footer), MAX_FOOTER)},
    })
}

/// As many blocks as fit: half a link would be none. The first is cut if it must be.
fn whole_blocks(blocks: &[String]) -> String {
    let mut text = String::new();
    for (number, block) in blocks.iter().enumerate() {
        if number == 0 {
            text = cut(block, MAX_DESCRIPTION);
        } else if units(&text) + units(block) + 2 <= MAX_DESCRIPTION {
            text.push_str("\n\n");
            text.push_str(block);
        }
    }
    text
}

/// Everything that counts towards the limit of an embed.
fn size(embed: &Value) -> usize {
    match embed {
        Value::String(text) => units(text),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::{Link, Message};
    use crate::samples;

    /// Discord's documented limits.
    #[track_caller]
    fn check_limits(bytes: &[u8]) {
        let message: Value = serde_json::from_slice(bytes).unwrap();
        let length = |value: &Value| value.as_str().unwrap().encode_utf16().count();
        assert!((1..=2000).contains(&length(&message["content"])));
        assert_eq!(message["allowed_mentions"], json!({"parse": []}));
        let embeds = message["embeds"].as_array().unwrap();
        assert_eq!(embeds.len(), 1);
        let embed = &embeds[0];
        assert!((1..=4096).contains(&length(&embed["description"])));
        assert!((1..=2048).contains(&length(&embed["footer"]["text"])));
        assert!(embed["color"].as_u64().unwrap() <= 0xff_ffff);
        let fields = embed["fields"].as_array().unwrap();
        assert!(fields.len() <= 25);
        let mut all = length(&embed["description"]) + length(&embed["footer"]["text"]);
        for field in fields {
            assert!((1..=256).contains(&length(&field["name"])));
            assert!((1..=1024).contains(&length(&field["value"])));
            all += length(&field["name"]) + length(&field["value"]);
        }
        assert!(all <= 6000, "{all}");
    }

    #[test]
    fn messages_keep_discords_limits() {
        for (_, notice) in samples::all() {
            check_limits(&message(&notice));
        }
        let mut notice = samples::hostile();
        notice.links = (0..100)
            .map(|n| Link {
                title: "t)](".repeat(100),
                url: format!("https://costs.contoso.example/{}/{n}", "y".repeat(300)),
            })
            .collect();
        let Message::Crossing(transition) = &mut notice.message else {
            unreachable!("the sample is a crossing");
        };
        transition.when = "😀*".repeat(9000);
        transition.also = vec!["*_".repeat(5000); 50];
        transition.status.owners = vec!["~|".repeat(900); 50];
        check_limits(&message(&notice));
    }

    #[test]
    fn what_a_crossing_says_is_not_shed() {
        let text = String::from_utf8(message(&samples::crossing())).unwrap();
        for part in ["Virtual Machines", "](https://", "Remaining"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
