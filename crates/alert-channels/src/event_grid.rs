//! Azure Event Grid: CloudEvents to a custom topic.
//!
//! The topic must take the schema CloudEvents 1.0. It is signed in to by the topic's key or by a token
//! of our identity (role `EventGrid Data Sender`). Event Grid answers 200 when it has stored the
//! event, and delivers it at least once; receivers recognize a second one by its `id`.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::cloud_event::Source;
use crate::http::{Access, Endpoint, Http, Reply, by_status};
use crate::notice::Notice;
use crate::outcome::{Class, SendResult};
use crate::tokens::{Service, Signed, TokenSource};

const CONTENT_TYPE: &str = "application/cloudevents-batch+json; charset=utf-8";
const SERVICE: Service = Service {
    suffixes: &[
        ".eventgrid.azure.net",
        ".eventgrid.azure.us",
        ".eventgrid.azure.cn",
    ],
    scope: "https://eventgrid.azure.net/.default",
};

/// A custom topic of Event Grid.
#[derive(Debug)]
pub struct EventGrid {
    place: Place,
    source: Source,
}

#[derive(Debug)]
enum Place {
    ByKey {
        endpoint: Endpoint,
        key: SecretString,
    },
    ByToken(Signed),
}

impl EventGrid {
    /// A topic by its endpoint (`https://costs.westeurope-1.eventgrid.azure.net/api/events`) and one
    /// of its keys. `source` is a URI or a path that names the installation.
    pub fn with_key(
        http: &Http,
        topic: &str,
        access: Access,
        key: &SecretString,
        source: &str,
    ) -> Result<EventGrid, ConfigError> {
        let text = key.expose_secret().trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::Key {
                what: "key",
                right: "one of the topic's keys, without spaces",
            });
        }
        let key = SecretString::from(text.to_owned());
        let endpoint = http.endpoint(&topic.into(), access)?.hiding(&key);
        Ok(EventGrid {
            place: Place::ByKey { endpoint, key },
            source: Source::new(source)?,
        })
    }

    /// A topic by its endpoint, with tokens of our identity.
    pub fn with_tokens(
        http: &Http,
        topic: &str,
        access: Access,
        tokens: Arc<dyn TokenSource>,
        source: &str,
    ) -> Result<EventGrid, ConfigError> {
        Ok(EventGrid {
            place: Place::ByToken(Signed::new(http, topic, access, SERVICE, tokens)?),
            source: Source::new(source)?,
        })
    }

    fn batch(&self, notice: &Notice) -> Vec<u8> {
        let events = Value::Array(vec![self.source.event(notice)]);
        events.to_string().into_bytes()
    }

    async fn post(&self, body: Vec<u8>, at: Timestamp) -> Result<Reply, SendResult> {
        let (endpoint, header) = match &self.place {
            Place::ByKey { endpoint, key } => {
                let header = ("aeg-sas-key", key.expose_secret().to_owned());
                (endpoint.clone(), header)
            }
            Place::ByToken(signed) => signed.sign().await?,
        };
        endpoint.post_as(CONTENT_TYPE, &[header], body, at).await
    }
}

#[async_trait]
impl Channel for EventGrid {
    fn kind(&self) -> Kind {
        Kind::EventGrid
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        Ok(Rendered {
            content_type: CONTENT_TYPE,
            extension: "json",
            bytes: self.batch(notice),
        })
    }

    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult {
        match self.post(self.batch(notice), attempt.at).await {
            Ok(reply) if reply.status == 200 => SendResult::Delivered { provider_id: None },
            Ok(reply) if reply.is_success() => {
                let detail = format!("status {}, which Event Grid does not give", reply.status);
                SendResult::destination(Class::Protocol, detail)
            }
            Ok(reply) => by_status(&reply, true, attempt.at),
            Err(result) => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::samples;
    use crate::testing::{CANARY, FixedToken, local_http};

    async fn topic(name: &'static str, value: &str) -> (MockServer, String) {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/api/events"))
            .and(header("content-type", CONTENT_TYPE))
            .and(header(name, value))
            .respond_with(ResponseTemplate::new(200))
            .expect(1)
            .mount(&server)
            .await;
        let host = "costs.westeurope-1.eventgrid.azure.net";
        let url = format!("{}/api/events", server.uri().replace("127.0.0.1", host));
        (server, url)
    }

    async fn check(grid: &EventGrid, server: &MockServer, other: &str) {
        let attempt = Attempt::first(samples::at());
        let result = grid.send(&samples::crossing(), attempt).await;
        assert_eq!(result, SendResult::Delivered { provider_id: None });
        let requests = server.received_requests().await.unwrap();
        assert!(!requests[0].headers.contains_key(other));
        let events: Value = requests[0].body_json().unwrap();
        assert_eq!(events.as_array().unwrap().len(), 1);
        assert_eq!(events[0]["id"], samples::crossing().id);
        assert_eq!(events[0]["type"], "budget.threshold.crossed");
    }

    #[tokio::test]
    async fn a_topic_is_signed_in_to_by_its_key_or_by_a_token() {
        let (http, source) = (local_http(), "/spendwatch");
        let (server, url) = topic("aeg-sas-key", CANARY).await;
        let key = CANARY.into();
        let grid = EventGrid::with_key(&http, &url, Access::loopback(), &key, source).unwrap();
        check(&grid, &server, "authorization").await;

        let (server, url) = topic("authorization", &format!("Bearer {CANARY}")).await;
        let tokens = Arc::new(FixedToken);
        let grid = EventGrid::with_tokens(&http, &url, Access::loopback(), tokens, source).unwrap();
        check(&grid, &server, "aeg-sas-key").await;
    }

    #[test]
    fn tokens_go_to_event_grid_only() {
        let http = Http::new().unwrap();
        let tokens = Arc::new(FixedToken);
        let url = "https://events.contoso.example/api/events";
        let made = EventGrid::with_tokens(&http, url, Access::public(), tokens, "/x");
        assert!(matches!(made.unwrap_err(), ConfigError::ForeignHost { .. }));
        for key in ["", "a b", "a\nb"] {
            let made = EventGrid::with_key(&http, url, Access::public(), &key.into(), "/x");
            assert!(matches!(made.unwrap_err(), ConfigError::Key { .. }));
        }
    }
}
