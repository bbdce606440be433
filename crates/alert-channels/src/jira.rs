//! Jira Service Management: alerts of its Operations, through the key of an API integration.
//!
//! A crossing creates an alert, a correction closes it; both by the `alias`, which is the alert's id
//! (`crate::incident`), so a request that is sent twice does nothing more. Jira answers 202 and works
//! on the request later, so the best result is [`SendResult::Accepted`] with the id of the request.
//! Closing what does not exist is taken as well, and comes to nothing.

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
use crate::text::{Tone, Wording, plain, wording};

/// Where alerts are created.
pub const DEFAULT_URL: &str = "https://api.atlassian.com/jsm/ops/integration/v2/alerts";
const MAX_MESSAGE: usize = 130;
const MAX_DESCRIPTION: usize = 15_000;
const MAX_ENTITY: usize = 512;
/// Of all names and values of `details` together.
const MAX_DETAILS: usize = 8000;
/// Own bound of one value.
const MAX_VALUE: usize = 1000;

/// Alerts of Jira Service Management.
#[derive(Debug)]
pub struct Jira {
    endpoint: Endpoint,
    api_key: SecretString,
}

/// One request: where below the endpoint, and what.
struct Order {
    /// Nothing for a new alert, else the alias of the alert, and what is done to it.
    about: Option<(String, &'static str)>,
    body: Value,
}

impl Jira {
    /// A destination: where alerts are created ([`DEFAULT_URL`]), and the key of an API integration.
    pub fn new(
        http: &Http,
        url: &str,
        access: Access,
        api_key: &SecretString,
    ) -> Result<Jira, ConfigError> {
        let key = api_key.expose_secret().trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::Key {
                what: "API key",
                right: "that of an API integration, without spaces",
            });
        }
        let api_key = SecretString::from(key.to_owned());
        Ok(Jira {
            endpoint: http.endpoint(&url.into(), access)?.hiding(&api_key),
            api_key,
        })
    }

    async fn carry_out(&self, order: Order, at: Timestamp) -> SendResult {
        let key = self.api_key.expose_secret();
        let headers = [("authorization", format!("GenieKey {key}"))];
        let endpoint = match &order.about {
            None => self.endpoint.clone(),
            Some((alias, verb)) => {
                let query = [("identifierType", "alias")];
                self.endpoint.below(&[alias.as_str(), verb], &query)
            }
        };
        let body = order.body.to_string().into_bytes();
        match endpoint.post(&headers, body, at).await {
            Ok(reply) => self.judge(&reply, at),
            Err(result) => result,
        }
    }

    fn judge(&self, reply: &Reply, at: Timestamp) -> SendResult {
        let detail = format!("status {}", reply.status);
        match reply.status {
            202 => {
                let body = reply.json();
                let id = body["requestId"].as_str();
                let id = id.and_then(|id| self.endpoint.showable(id));
                SendResult::Accepted {
                    provider_id: id.map(str::to_owned),
                }
            }
            200..=299 if !reply.complete => SendResult::unknown(Class::Interrupted, detail),
            200..=299 => SendResult::destination(Class::Protocol, detail),
            _ => by_status(reply, true, at),
        }
    }
}

#[async_trait]
impl Channel for Jira {
    fn kind(&self) -> Kind {
        Kind::Jira
    }

    /// The request that creates an alert, or that closes one, with the alias beside it.
    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        let orders = orders(notice)?.into_iter().map(|order| match order.about {
            None => order.body,
            Some((alias, verb)) => json!({verb: alias, "body": order.body}),
        });
        let mut orders: Vec<Value> = orders.collect();
        let value = if orders.len() == 1 {
            orders.remove(0)
        } else {
            Value::Array(orders)
        };
        Ok(Rendered {
            content_type: "application/json",
            extension: "json",
            bytes: value.to_string().into_bytes(),
        })
    }

    /// Sends each request. The first that is not accepted decides; when all are sent again, those
    /// that were accepted before change nothing.
    async fn reach(&self, now: Timestamp) -> Option<Result<(), Failure>> {
        Some(self.endpoint.reach(now).await)
    }

    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult {
        let orders = match orders(notice) {
            Ok(orders) => orders,
            Err(error) => return SendResult::message(Class::Policy, error.to_string()),
        };
        let mut first = None;
        for order in orders {
            let result = self.carry_out(order, attempt.at).await;
            if !result.is_success() {
                return result;
            }
            first.get_or_insert(result);
        }
        first.unwrap_or(SendResult::Accepted { provider_id: None })
    }
}

fn orders(notice: &Notice) -> Result<Vec<Order>, RenderError> {
    let words = wording(notice);
    let incidents = Incidents::of(notice, words.tone)?;
    let keys = incidents.keys.iter();
    let change = |key: &String, verb| Order {
        about: Some((key.clone(), verb)),
        body: json!({
            "source": "spendwatch",
            "note": cut(&plain(&words), MAX_DESCRIPTION),
        }),
    };
    let orders = keys.map(|key| match incidents.step {
        Step::Open => Order {
            about: None,
            body: alert(notice, &words, &incidents, key),
        },
        Step::Acknowledge => change(key, "acknowledge"),
        Step::Close => change(key, "close"),
    });
    Ok(orders.collect())
}

fn alert(notice: &Notice, words: &Wording, incidents: &Incidents, alias: &str) -> Value {
    let priority = match incidents.tone {
        Tone::Critical => "P1",
        Tone::Warning => "P3",
        Tone::Calm | Tone::Info => "P5",
    };
    let mut alert = json!({
        "message": cut(words.subject.trim_start_matches("[Cost] "), MAX_MESSAGE),
        "alias": alias,
        "description": cut(&plain(words), MAX_DESCRIPTION),
        "priority": priority,
        "source": "spendwatch",
        "tags": ["spendwatch", incidents.class],
        "details": details(notice, words),
    });
    if let Message::Crossing(transition) = &notice.message {
        alert["entity"] = json!(cut(&transition.status.budget, MAX_ENTITY));
    }
    alert
}

/// The figures by name, as far as there is room.
fn details(notice: &Notice, words: &Wording) -> Value {
    let mut details = Map::new();
    let delivery = notice.safe_id();
    let mut used = "Delivery".len() + delivery.len();
    details.insert("Delivery".into(), json!(delivery));
    for fact in &words.facts {
        let value = cut(&fact.value, MAX_VALUE);
        used += fact.label.len() + value.len();
        if used > MAX_DETAILS {
            break;
        }
        details.insert(fact.label.to_owned(), json!(value));
    }
    Value::Object(details)
}

#[cfg(test)]
mod tests {
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::samples;
    use crate::testing::{CANARY, answering, send_notice};

    #[test]
    fn alerts_keep_jiras_limits() {
        let length = |value: &Value| value.as_str().unwrap().chars().count();
        for (name, notice) in samples::all() {
            if !Kind::Jira.takes(&notice.message) {
                let refused = orders(&notice).err();
                assert_eq!(refused, Some(RenderError::NotTaken), "{name}");
                continue;
            }
            let orders = orders(&notice).unwrap();
            assert_eq!(orders.len(), 1, "{name}");
            let order = &orders[0];
            if let Some((alias, verb)) = &order.about {
                assert!(
                    !alias.is_empty() && ["close", "acknowledge"].contains(verb),
                    "{name}"
                );
                assert!(length(&order.body["note"]) <= 15_000);
                continue;
            }
            assert_eq!(order.about, None, "{name}");
            let alert = &order.body;
            assert!((1..=130).contains(&length(&alert["message"])), "{name}");
            assert!((1..=512).contains(&length(&alert["alias"])), "{name}");
            assert!(length(&alert["description"]) <= 15_000, "{name}");
            let details = alert["details"].as_object().unwrap();
            let size = details
                .iter()
                .map(|(name, value)| name.len() + length(value));
            assert!(size.sum::<usize>() <= 8000, "{name}");
            let priority = alert["priority"].as_str().unwrap();
            assert!(["P1", "P3", "P5"].contains(&priority), "{name}");
        }
    }

    #[test]
    fn keys_that_are_none_are_refused_without_repeating_them() {
        let http = Http::new().unwrap();
        for bad in ["", "  ", "c4n4ry key", "c4n4ry\u{e9}"] {
            let made = Jira::new(&http, DEFAULT_URL, Access::public(), &bad.into());
            let error = made.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("c4n4ry"));
        }
    }

    #[tokio::test]
    async fn alerts_are_created_and_closed_by_their_alias() {
        let server = answering(ResponseTemplate::new(202)).await;
        for notice in [samples::crossing(), samples::correction()] {
            let result = send_notice(Kind::Jira, &server, &notice).await;
            assert_eq!(result, SendResult::Accepted { provider_id: None });
        }
        let requests = server.received_requests().await.unwrap();
        let [create, close] = &requests[..] else {
            panic!("two requests: {}", requests.len());
        };
        for request in [create, close] {
            let key = format!("GenieKey {CANARY}");
            assert_eq!(request.headers["authorization"], key.as_str());
        }
        let body: Value = create.body_json().unwrap();
        assert_eq!(create.url.path(), "/");
        assert_eq!(body["alias"], "2c7c18cee59d20de614d");
        assert_eq!(close.url.path(), "/2c7c18cee59d20de614d/close");
        assert_eq!(close.url.query(), Some("identifierType=alias"));
        let body: Value = close.body_json().unwrap();
        assert!(body["note"].as_str().unwrap().starts_with("Correction"));
    }
}
