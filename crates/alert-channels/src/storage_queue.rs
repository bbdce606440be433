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

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use wiremock::ResponseTemplate;

    use super::*;
    use crate::samples;
    use crate::testing::{CANARY, answering, send_notice};

    #[tokio::test]
    async fn a_reader_of_the_queue_has_the_event() {
        let server = answering(ResponseTemplate::new(201)).await;
        let result = send_notice(Kind::StorageQueue, &server, &samples::hostile()).await;
        assert_eq!(result, SendResult::Delivered { provider_id: None });
        let request = server.received_requests().await.unwrap().remove(0);
        assert_eq!(request.method.as_str(), "POST");
        assert_eq!(request.url.path(), "/costs/messages");
        let header = |name: &str| request.headers[name].to_str().unwrap();
        assert_eq!(header("authorization"), format!("Bearer {CANARY}"));
        assert_eq!(header("x-ms-version"), "2021-12-02");
        assert_eq!(header("x-ms-date"), "Fri, 15 May 2026 06:30:00 GMT");
        let body = String::from_utf8(request.body.clone()).unwrap();
        let text = body
            .strip_prefix("<QueueMessage><MessageText>")
            .and_then(|rest| rest.strip_suffix("</MessageText></QueueMessage>"))
            .unwrap();
        let event: Value = serde_json::from_slice(&STANDARD.decode(text).unwrap()).unwrap();
        assert_eq!(event["id"], samples::hostile().safe_id());
        assert_eq!(event["specversion"], "1.0");
    }

    #[tokio::test]
    async fn every_sample_fits_into_a_queue() {
        let server = answering(ResponseTemplate::new(201)).await;
        for (name, notice) in samples::all() {
            let result = send_notice(Kind::StorageQueue, &server, &notice).await;
            assert_eq!(result.as_str(), "delivered", "{name}");
        }
        for request in server.received_requests().await.unwrap() {
            assert!(request.body.len() < 64 * 1024);
        }
    }
}
