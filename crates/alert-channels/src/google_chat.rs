//! Google Chat: a card through the webhook of a space.
//!
//! Notices of one thread share a `threadKey`, so that they stand together in spaces with threads. A
//! second attempt carries the same `requestId`, by which Google's API recognizes it; whether it does
//! so for webhooks is documented nowhere, so an unknown outcome is treated as for people. Text of a
//! card is a small HTML, in which only `<` and `&` do something.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::http::{Access, Endpoint, Http, Reply, by_status, later, throttled};
use crate::ids::{short_hash, uuid};
use crate::inert::{cut, unlinked};
use crate::notice::Notice;
use crate::outcome::{Class, Failure, SendResult};
use crate::text::{Wording, wording};

/// Google takes 32,000 bytes for the whole message; the rest is for what it adds.
const MAX_MESSAGE_BYTES: usize = 30_000;
/// Own bound of one text.
const MAX_TEXT: usize = 2000;
const MAX_TITLE: usize = 200;
/// Own bound; a card may have 100 widgets.
const MAX_BUTTONS: usize = 6;

/// A Google Chat space behind a webhook.
#[derive(Debug)]
pub struct GoogleChat {
    endpoint: Endpoint,
}

impl GoogleChat {
    /// A destination. `url` is what the space shows when the webhook is made, key and token included.
    pub fn new(http: &Http, url: &SecretString, access: Access) -> Result<GoogleChat, ConfigError> {
        let endpoint = http.endpoint(url, access)?;
        Ok(GoogleChat { endpoint })
    }

    fn judge(&self, reply: &Reply, at: Timestamp) -> SendResult {
        let body = reply.json();
        let error = &body["error"];
        let word = error["status"].as_str().unwrap_or_default();
        let shown = self.endpoint.showable(word).unwrap_or("without a word");
        let detail = format!("status {}: {shown}", reply.status);
        let has_bad_key = error["details"].as_array().is_some_and(|details| {
            let bad = |one: &Value| one["reason"] == "API_KEY_INVALID";
            details.iter().any(bad)
        });
        match (reply.status, word) {
            (200..=299, _) if body["name"].is_string() => {
                let name = body["name"]
                    .as_str()
                    .and_then(|name| name.rsplit('/').next());
                let id = name.and_then(|id| self.endpoint.showable(id));
                SendResult::Delivered {
                    provider_id: id.map(str::to_owned),
                }
            }
            (200..=299, _) if !reply.complete => SendResult::unknown(Class::Interrupted, detail),
            (200..=299, _) => SendResult::destination(Class::Protocol, detail),
            _ if has_bad_key => SendResult::destination(Class::Auth, detail),
            (_, "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE") => {
                SendResult::message(Class::Invalid, detail)
            }
            (_, "PERMISSION_DENIED" | "UNAUTHENTICATED") => {
                SendResult::destination(Class::Auth, detail)
            }
            (_, "NOT_FOUND") => SendResult::destination(Class::NotFound, detail),
            (_, "RESOURCE_EXHAUSTED") => throttled(reply, at),
            (_, "INTERNAL" | "UNAVAILABLE" | "ABORTED") => later(reply, Class::Server, detail),
            _ => by_status(reply, false, at),
        }
    }
}

#[async_trait]
impl Channel for GoogleChat {
    fn kind(&self) -> Kind {
        Kind::GoogleChat
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
        let request_id = uuid("google-chat", &notice.safe_id());
        let query = [
            ("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"),
            ("requestId", request_id.as_str()),
        ];
        let endpoint = self.endpoint.below(&[], &query);
        match endpoint.post(&[], message(notice), attempt.at).await {
            Ok(reply) => self.judge(&reply, attempt.at),
            Err(result) => result,
        }
    }
}

/// The request body: the largest version of the card that fits.
fn message(notice: &Notice) -> Vec<u8> {
    let mut words = wording(notice);
    let sheds: [fn(&mut Wording); 4] = [
        |_| {},
        |words| words.drivers = None,
        |words| words.links.truncate(1),
        |words| {
            words.links.clear();
            words.remarks.truncate(3);
            words.facts.truncate(4);
        },
    ];
    let mut bytes = Vec::new();
    for shed in sheds {
        shed(&mut words);
        let message = json!({
            // For places that cannot draw cards.
            "fallbackText": cut(&unlinked(&words.headline), MAX_TEXT),
            "thread": {"threadKey": short_hash(&notice.thread)},
            "cardsV2": [{"cardId": notice.safe_id(), "card": card(&words)}],
        });
        bytes = message.to_string().into_bytes();
        if bytes.len() <= MAX_MESSAGE_BYTES {
            break;
        }
    }
    bytes
}

fn card(words: &Wording) -> Value {
    let mut head = vec![paragraph(&format!("<b>{}</b>", html(&words.headline)))];
    let remarks = words.remarks.iter().filter(|remark| !remark.is_empty());
    head.extend(remarks.map(|remark| paragraph(&html(remark))));
    let mut sections = vec![json!({"widgets": head})];
    let facts: Vec<Value> = words
        .facts
        .iter()
        .map(|fact| {
            json!({"decoratedText": {
                "topLabel": unlinked(fact.label),
                "text": html(&fact.value),
                "wrapText": true,
            }})
        })
        .collect();
    if !facts.is_empty() {
        sections.push(json!({"widgets": facts}));
    }
    if let Some(drivers) = &words.drivers {
        let rows = drivers.rows.iter().map(|row| {
            let label: Vec<&str> = [row.share.as_str(), row.cause]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect();
            json!({"decoratedText": {
                "text": format!("{}  <b>{}</b>", html(&row.name), html(&row.change)),
                "bottomLabel": unlinked(&label.join("  ")),
                "wrapText": true,
            }})
        });
        let mut widgets = vec![paragraph(&html(&drivers.title))];
        widgets.extend(rows);
        sections.push(json!({"widgets": widgets}));
    }
    let mut end: Vec<Value> = Vec::new();
    end.extend(words.advice.iter().map(|advice| paragraph(&html(advice))));
    let buttons: Vec<Value> = words
        .links
        .iter()
        .take(MAX_BUTTONS)
        .map(|link| {
            json!({
                "text": cut(&unlinked(&link.title), MAX_TITLE),
                "onClick": {"openLink": {"url": link.url}},
            })
        })
        .collect();
    if !buttons.is_empty() {
        end.push(json!({"buttonList": {"buttons": buttons}}));
    }
    let small = [&words.why, &words.footer].into_iter();
    let small = small.filter(|line| !line.is_empty());
    end.extend(small.map(|line| paragraph(&html(line))));
    sections.push(json!({"widgets": end}));
    let subject = words.subject.trim_start_matches("[Cost] ");
    json!({
        "header": {
            "title": cut(&unlinked(subject), MAX_TITLE),
            "subtitle": words.tone_word,
        },
        "sections": sections,
    })
}

fn paragraph(html: &str) -> Value {
    json!({"textParagraph": {"text": html}})
}

/// Text of a card, in which nothing is interpreted.
fn html(text: &str) -> String {
    cut(&unlinked(text), MAX_TEXT)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::notice::{Link, Message};
    use crate::samples;
    use crate::testing::{answering, local_http};

    #[track_caller]
    fn check_limits(bytes: &[u8]) {
        assert!(bytes.len() <= 32_000, "{}", bytes.len());
        let message: Value = serde_json::from_slice(bytes).unwrap();
        let card = &message["cardsV2"][0]["card"];
        assert!(!card["header"]["title"].as_str().unwrap().is_empty());
        let sections = card["sections"].as_array().unwrap();
        let mut widgets = 0;
        for section in sections {
            for widget in section["widgets"].as_array().unwrap() {
                widgets += 1;
                // Google refuses widgets without text.
                let text = ["textParagraph", "decoratedText"].iter().find_map(|kind| {
                    let text = &widget.get(*kind)?["text"];
                    Some(text.as_str().unwrap().trim().to_owned())
                });
                assert_ne!(text.as_deref(), Some(""), "{widget}");
                assert_ne!(text.as_deref(), Some("<b></b>"), "{widget}");
            }
        }
        assert!((1..=100).contains(&widgets));
    }

    #[test]
    fn messages_keep_googles_limits() {
        for (_, notice) in samples::all() {
            check_limits(&message(&notice));
        }
        let mut notice = samples::hostile();
        notice.links = (0..100)
            .map(|n| Link {
                title: "\"<".repeat(100),
                url: format!("https://costs.contoso.example/{}/{n}", "y".repeat(6000)),
            })
            .collect();
        let Message::Crossing(transition) = &mut notice.message else {
            unreachable!("the sample is a crossing");
        };
        transition.when = "\"<&".repeat(9000);
        transition.also = vec!["&".repeat(5000); 50];
        check_limits(&message(&notice));
    }

    #[test]
    fn notices_of_one_thread_share_a_key() {
        let key = |notice: &Notice| {
            let message: Value = serde_json::from_slice(&message(notice)).unwrap();
            message["thread"]["threadKey"].as_str().unwrap().to_owned()
        };
        let crossing = samples::crossing();
        assert_eq!(key(&crossing), key(&samples::correction()));
        assert_ne!(key(&crossing), key(&samples::probe()));
        assert!(!key(&samples::hostile()).contains('<'));
    }

    #[tokio::test]
    async fn a_second_attempt_carries_the_same_request_id() {
        let server = answering(ResponseTemplate::new(200)).await;
        let http = local_http();
        let url = format!(
            "{}/v1/spaces/A/messages?key=k%3D1&token=t%2F2",
            server.uri()
        );
        let chat = GoogleChat::new(&http, &url.into(), Access::loopback()).unwrap();
        for number in [1, 2] {
            let attempt = Attempt {
                number,
                ..Attempt::first(samples::at())
            };
            let _ = chat.send(&samples::crossing(), attempt).await;
        }
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests[0].url, requests[1].url);
        let pairs: Vec<(String, String)> = requests[0].url.query_pairs().into_owned().collect();
        let value = |name: &str| {
            let mut found = pairs.iter().filter(|(key, _)| key == name);
            let (_, value) = found.next().unwrap();
            assert!(found.next().is_none(), "{name}");
            value.as_str()
        };
        assert_eq!((value("key"), value("token")), ("k=1", "t/2"));
        assert_eq!(value("requestId").len(), 36);
        assert_eq!(
            value("messageReplyOption"),
            "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"
        );
    }
}
