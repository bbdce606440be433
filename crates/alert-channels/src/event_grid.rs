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
