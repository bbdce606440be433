//! PagerDuty: events of version 2 of its Events API.
//!
//! A crossing triggers, a correction resolves; the `dedup_key` is the alert's id
//! (`crate::incident`), so an event that is sent twice is one. PagerDuty answers 202 before it has
//! made an incident of an event, so the best result is [`SendResult::Accepted`].

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::http::{Access, Endpoint, Http, Reply, by_status};
use crate::incident::{Incidents, Step};
use crate::inert::cut;
use crate::notice::{Message, Notice};
use crate::outcome::{Class, Failure, SendResult};
use crate::text::{Tone, Wording, wording};

/// Where events go, if the account is not in the European service region.
pub const DEFAULT_URL: &str = "https://events.pagerduty.com/v2/enqueue";
const MAX_SUMMARY: usize = 1024;
/// Own bound of one text.
const MAX_TEXT: usize = 2000;
const MAX_LINKS: usize = 20;
/// PagerDuty takes 512 KB for a whole event.
const MAX_EVENT_BYTES: usize = 512_000;

/// A PagerDuty service.
#[derive(Debug)]
pub struct PagerDuty {
    endpoint: Endpoint,
    routing_key: SecretString,
}

impl PagerDuty {
    /// A destination: where events go ([`DEFAULT_URL`], or `https://events.eu.pagerduty.com/v2/enqueue`),
    /// and the integration key of the service, of 32 letters and digits.
    pub fn new(
        http: &Http,
        url: &str,
        access: Access,
        routing_key: &SecretString,
    ) -> Result<PagerDuty, ConfigError> {
        let key = routing_key.expose_secret().trim();
        let is_key = key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_key {
            return Err(ConfigError::Key {
                what: "routing key",
                right: "the integration key of the service, of 32 letters and digits",
            });
        }
        let routing_key = SecretString::from(key.to_owned());
        Ok(PagerDuty {
            endpoint: http.endpoint(&url.into(), access)?.hiding(&routing_key),
            routing_key,
        })
    }

    fn judge(&self, reply: &Reply, key: &str, at: Timestamp) -> SendResult {
        let detail = format!("status {}", reply.status);
        match reply.status {
            202 => SendResult::Accepted {
                provider_id: Some(key.to_owned()),
            },
            200..=299 if !reply.complete => SendResult::unknown(Class::Interrupted, detail),
            200..=299 => SendResult::destination(Class::Protocol, detail),
            // A key that is none is the only fault of an event that is not the event's.
            400 if names_routing_key(&reply.json()) => {
                SendResult::destination(Class::Auth, format!("{detail}: invalid routing key"))
            }
            400 => SendResult::message(Class::Invalid, detail),
            _ => by_status(reply, true, at),
        }
    }
}

/// Whether one of the errors in an answer is about the routing key.
fn names_routing_key(body: &Value) -> bool {
    let errors = body["errors"].as_array().into_iter().flatten();
    errors.filter_map(Value::as_str).any(|error| {
        let error = error.to_ascii_lowercase().replace('_', " ");
        error.contains("routing key")
    })
}

#[async_trait]
impl Channel for PagerDuty {
    fn kind(&self) -> Kind {
        Kind::PagerDuty
    }

    /// The event without its routing key; a list if a correction resolves several alerts.
    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        let mut events = events(notice)?;
        let value = if events.len() == 1 {
            events.remove(0)
        } else {
            Value::Array(events)
        };
        Ok(Rendered {
            content_type: "application/json",
            extension: "json",
            bytes: value.to_string().into_bytes(),
        })
    }

    /// Sends each event. The first that is not accepted decides; when all are sent again, those that
    /// were accepted before change nothing.
    async fn reach(&self, now: Timestamp) -> Option<Result<(), Failure>> {
        Some(self.endpoint.reach(now).await)
    }

    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult {
        let events = match events(notice) {
            Ok(events) => events,
            Err(error) => return SendResult::message(Class::Policy, error.to_string()),
        };
        let mut first = None;
        for mut event in events {
            let key = event["dedup_key"].as_str().unwrap_or_default().to_owned();
            event["routing_key"] = json!(self.routing_key.expose_secret());
            let body = event.to_string().into_bytes();
            let result = match self.endpoint.post(&[], body, attempt.at).await {
                Ok(reply) => self.judge(&reply, &key, attempt.at),
                Err(result) => result,
            };
            if !result.is_success() {
                return result;
            }
            first.get_or_insert(result);
        }
        first.unwrap_or(SendResult::Accepted { provider_id: None })
    }
}

/// The events of a notice, without the routing key.
fn events(notice: &Notice) -> Result<Vec<Value>, RenderError> {
    let words = wording(notice);
    let incidents = Incidents::of(notice, words.tone)?;
    let keys = incidents.keys.iter();
    let events = keys.map(|key| {
        let mut event = event(notice, &words, &incidents);
        event["dedup_key"] = json!(key);
        event
    });
    Ok(events.collect())
}

fn event(notice: &Notice, words: &Wording, incidents: &Incidents) -> Value {
    let action = match incidents.step {
        Step::Open => "trigger",
        Step::Acknowledge => "acknowledge",
        Step::Close => "resolve",
    };
    let severity = match incidents.tone {
        Tone::Calm | Tone::Info => "info",
        Tone::Warning => "warning",
        Tone::Critical => "critical",
    };
    let mut payload = json!({
        "summary": cut(&words.headline, MAX_SUMMARY),
        "source": "spendwatch",
        "severity": severity,
        "timestamp": notice.message.at().to_string(),
        "class": incidents.class,
        "custom_details": details(notice, words),
    });
    if let Message::Crossing(transition) = &notice.message {
        let status = &transition.status;
        let scope = status.scopes.first().map_or("", |scope| scope.path());
        let source = if scope.is_empty() {
            "spendwatch"
        } else {
            scope
        };
        payload["source"] = json!(cut(source, MAX_TEXT));
        payload["component"] = json!(cut(&status.budget, MAX_TEXT));
        payload["group"] = json!(cut(&status.period_key, MAX_TEXT));
    }
    let mut event = json!({
        "event_action": action,
        "client": "spendwatch",
        "payload": payload,
    });
    let links = words.links.iter().take(MAX_LINKS);
    let links: Vec<Value> = links
        .map(|link| json!({"href": link.url, "text": link.title}))
        .collect();
    if !links.is_empty() {
        event["links"] = json!(links);
    }
    // The routing key is still to come, and the key of the incident.
    let room = MAX_EVENT_BYTES - 1000;
    if event.to_string().len() > room {
        let note =
            format!("left out, because the event would be larger than {MAX_EVENT_BYTES} bytes");
        event["payload"]["custom_details"] = json!({"details": note});
        if event.to_string().len() > room {
            event["links"] = json!([]);
        }
    }
    event
}

/// The figures by name, and what else is said.
fn details(notice: &Notice, words: &Wording) -> Value {
    let mut details = Map::new();
    for fact in &words.facts {
        details.insert(fact.label.to_owned(), json!(cut(&fact.value, MAX_TEXT)));
    }
    if !words.remarks.is_empty() {
        let remarks = words.remarks.iter().map(|remark| cut(remark, MAX_TEXT));
        details.insert("Remarks".into(), remarks.collect());
    }
    if let Some(drivers) = &words.drivers {
        let rows = drivers.rows.iter().map(|row| {
            let parts = [row.name.as_str(), &row.change, &row.share, row.cause];
            let parts = parts.into_iter().filter(|part| !part.is_empty());
            cut(&parts.collect::<Vec<_>>().join("  "), MAX_TEXT)
        });
        details.insert(drivers.title.clone(), rows.collect());
    }
    if let Some(advice) = &words.advice {
        details.insert("Advice".into(), json!(cut(advice, MAX_TEXT)));
    }
    details.insert("Delivery".into(), json!(notice.safe_id()));
    Value::Object(details)
}

#[cfg(test)]
mod tests {
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::notice::Link;
    use crate::samples;
    use crate::testing::{answering, send_notice};

    #[track_caller]
    fn check_limits(event: &Value) {
        assert!(event.to_string().len() + 60 <= 512_000);
        let key = event["dedup_key"].as_str().unwrap();
        assert!((1..=255).contains(&key.chars().count()));
        let summary = event["payload"]["summary"].as_str().unwrap();
        assert!((1..=1024).contains(&summary.chars().count()));
        assert!(!event["payload"]["source"].as_str().unwrap().is_empty());
        let severity = event["payload"]["severity"].as_str().unwrap();
        assert!(["critical", "error", "warning", "info"].contains(&severity));
        assert!(event.get("routing_key").is_none());
    }

    #[test]
    fn events_keep_pagerdutys_limits() {
        for (_, notice) in samples::all() {
            if !Kind::PagerDuty.takes(&notice.message) {
                assert_eq!(events(&notice).unwrap_err(), RenderError::NotTaken);
                continue;
            }
            events(&notice).unwrap().iter().for_each(check_limits);
        }
    }

    #[test]
    fn an_event_that_is_too_large_loses_its_details_and_is_still_sent() {
        let mut notice = samples::hostile();
        notice.links = (0..50)
            .map(|n| Link {
                title: "t".into(),
                url: format!("https://costs.contoso.example/{n}/{}", "y".repeat(30_000)),
            })
            .collect();
        let event = events(&notice).unwrap().remove(0);
        check_limits(&event);
        let note = event["payload"]["custom_details"]["details"].as_str();
        assert!(note.unwrap().starts_with("left out"), "{note:?}");
        assert_eq!(event["event_action"], "trigger");
    }

    #[test]
    fn keys_that_are_none_are_refused_without_repeating_them() {
        let http = Http::new().unwrap();
        for bad in ["", "c4n4ry", "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry-x"] {
            let made = PagerDuty::new(&http, DEFAULT_URL, Access::public(), &bad.into());
            let error = made.unwrap_err();
            assert!(matches!(error, ConfigError::Key { .. }), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("c4n4ry"));
        }
    }

    #[tokio::test]
    async fn a_correction_resolves_every_alert_that_it_takes_back() {
        let server = answering(ResponseTemplate::new(202)).await;
        let mut notice = samples::correction();
        let Message::Crossing(transition) = &mut notice.message else {
            unreachable!("the sample is a crossing");
        };
        transition.follows = vec!["2c7c18cee59d20de614d-1".into(), "00aa-3".into()];
        let result = send_notice(Kind::PagerDuty, &server, &notice).await;
        let first = Some("2c7c18cee59d20de614d".to_owned());
        assert_eq!(result, SendResult::Accepted { provider_id: first });
        let requests = server.received_requests().await.unwrap();
        let sent = requests.iter().map(|request| {
            let event: Value = request.body_json().unwrap();
            assert_eq!(event["event_action"], "resolve");
            assert_eq!(event["routing_key"].as_str().unwrap().len(), 32);
            event["dedup_key"].as_str().unwrap().to_owned()
        });
        assert_eq!(sent.collect::<Vec<_>>(), ["2c7c18cee59d20de614d", "00aa"]);
    }

    #[tokio::test]
    async fn what_is_no_incident_is_not_sent() {
        let server = answering(ResponseTemplate::new(202)).await;
        let result = send_notice(Kind::PagerDuty, &server, &samples::action()).await;
        assert_eq!(result.failure().unwrap().class, Class::Policy);
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
