//! Azure Queue Storage: one CloudEvent as a message, in base64 as most readers of queues expect.
//!
//! Signed by a token of our identity (role `Storage Queue Data Message Sender`). Azure answers 201
//! when the message is stored, keeps it for seven days, and gives it out at least once; receivers
//! recognize a second one by the `id` of the event.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::cloud_event::Source;
use crate::http::{Access, Endpoint, Http, Reply, by_status};
use crate::notice::Notice;
use crate::outcome::{Class, SendResult};
use crate::tokens::{Service, Signed, TokenSource};

/// Version of the REST API. Tokens are taken since 2017-11-09.
const API_VERSION: &str = "2021-12-02";
/// Largest message in bytes, after base64.
const MAX_TEXT_BYTES: usize = 64 * 1024;
const SERVICE: Service = Service {
    suffixes: &[
        ".queue.core.windows.net",
        ".queue.core.usgovcloudapi.net",
        ".queue.core.chinacloudapi.cn",
    ],
    scope: "https://storage.azure.com/.default",
};

/// A queue of Azure Storage.
#[derive(Debug)]
pub struct StorageQueue {
    queue: Signed,
    source: Source,
}

impl StorageQueue {
    /// A queue by its URL: `https://account.queue.core.windows.net/name`. `source` is a URI or a path
    /// that names the installation.
    pub fn new(
        http: &Http,
        queue: &str,
        access: Access,
        tokens: Arc<dyn TokenSource>,
        source: &str,
    ) -> Result<StorageQueue, ConfigError> {
        let signed = Signed::new(http, queue, access, SERVICE, tokens)?;
        Ok(StorageQueue {
            queue: signed.below(&["messages"], &[]),
            source: Source::new(source)?,
        })
    }

    fn event(&self, notice: &Notice) -> Vec<u8> {
        self.source.event(notice).to_string().into_bytes()
    }

    async fn put(&self, text: &str, at: Timestamp) -> Result<SendResult, SendResult> {
        let (queue, header) = self.queue.sign().await?;
        let date = at.to_zoned(TimeZone::UTC);
        let headers = [
            header,
            ("x-ms-version", API_VERSION.to_owned()),
            (
                "x-ms-date",
                date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            ),
        ];
        // Base64 needs no escape in XML.
        let body =
            format!("<QueueMessage><MessageText>{text}</MessageText></QueueMessage>").into_bytes();
        let reply = queue.post_as("application/xml", &headers, body, at).await?;
        Ok(judge(&queue, &reply, at))
    }
}

fn judge(queue: &Endpoint, reply: &Reply, at: Timestamp) -> SendResult {
    let code = reply.header("x-ms-error-code").unwrap_or_default();
    let shown = queue.showable(code).unwrap_or("without a code");
    let detail = format!("status {}: {shown}", reply.status);
    match (reply.status, code) {
        (201, _) => {
            let id = between(&reply.body, "<MessageId>", "</MessageId>");
            let id = id.and_then(|id| queue.showable(id));
            SendResult::Delivered {
                provider_id: id.map(str::to_owned),
            }
        }
        (200..=299, _) => SendResult::destination(Class::Protocol, detail),
        (_, "MessageTooLarge" | "RequestBodyTooLarge") => {
            SendResult::message(Class::TooLarge, detail)
        }
        // The queue is being deleted, or switched off by its owner.
        (409, _) => SendResult::destination(Class::NotFound, detail),
        (_, "AccountIsDisabled") => SendResult::destination(Class::Auth, detail),
        _ => by_status(reply, true, at),
    }
}

/// The text between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

#[async_trait]
impl Channel for StorageQueue {
    fn kind(&self) -> Kind {
        Kind::StorageQueue
    }

    /// The event as a reader of the queue has it after decoding.
    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        Ok(Rendered {
            content_type: "application/cloudevents+json",
            extension: "json",
            bytes: self.event(notice),
        })
    }

    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult {
        let text = STANDARD.encode(self.event(notice));
        if text.len() > MAX_TEXT_BYTES {
            return SendResult::message(Class::TooLarge, "the message is larger than 64 KiB");
        }
        match self.put(&text, attempt.at).await {
            Ok(result) | Err(result) => result,
        }
    }
}
