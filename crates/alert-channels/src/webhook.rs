//! Signed webhooks for programs, as [Standard Webhooks](https://www.standardwebhooks.com) describes
//! them: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
//!
//! A key is symmetric (`whsec_`: the receiver knows it, too) or ed25519 (`whsk_`: the receiver knows
//! only its public half, `whpk_`). The id is that of the delivery and stays the same on every
//! attempt, so receivers can recognize a repetition; the timestamp is that of the attempt. Receivers
//! should refuse timestamps more than five minutes off. The body is versioned by `specVersion`; new
//! members may appear within a version.

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::http::{Access, Endpoint, Http, by_status};
use crate::notice::Notice;
use crate::outcome::{Class, Failure, SendResult};

pub(crate) use body::body;
pub use signer::Signer;

mod body;
mod signer;

/// Version of the body.
pub const SPEC_VERSION: &str = "1.0";

/// A program that takes Standard Webhooks.
#[derive(Debug)]
pub struct Webhook {
    endpoint: Endpoint,
    signer: Signer,
}

impl Webhook {
    /// A destination. Each of `secrets` signs, symmetric and ed25519 ones side by side: give the old
    /// and the new one while receivers change.
    pub fn new(
        http: &Http,
        url: &SecretString,
        access: Access,
        secrets: &[SecretString],
    ) -> Result<Webhook, ConfigError> {
        Ok(Webhook {
            endpoint: http.endpoint(url, access)?,
            signer: Signer::new(secrets)?,
        })
    }
}

#[async_trait]
impl Channel for Webhook {
    fn kind(&self) -> Kind {
        Kind::Webhook
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        Ok(Rendered {
            content_type: "application/json",
            extension: "json",
            bytes: body(notice).to_string().into_bytes(),
        })
    }

    fn public_keys(&self) -> Vec<String> {
        self.signer.public_keys()
    }

    async fn reach(&self, now: Timestamp) -> Option<Result<(), Failure>> {
        Some(self.endpoint.reach(now).await)
    }

    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult {
        let body = body(notice).to_string().into_bytes();
        let id = notice.safe_id();
        let timestamp = attempt.at.as_second();
        let headers = [
            ("webhook-id", id.clone()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", self.signer.sign(&id, timestamp, &body)),
        ];
        match self.endpoint.post(&headers, body, attempt.at).await {
            Ok(reply) if (200..300).contains(&reply.status) => {
                SendResult::Delivered { provider_id: None }
            }
            Ok(reply) if reply.status == 410 => SendResult::destination(
                Class::Gone,
                "status 410: the receiver wants no more webhooks",
            ),
            Ok(reply) => by_status(&reply, true, attempt.at),
            Err(result) => result,
        }
    }
}
