//! What the first notice of a thread was called at a destination, so that later ones can join it.
//!
//! Written after the delivery is recorded and only if nothing is there, so of two first notices the
//! one that was written first counts. A kill in between loses the thread and nothing else: the next
//! notice begins another one. Only kinds that remember threads have such documents.

use alert_channels::{Channel, SendResult};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use state_store::{Error, json};

use crate::app::App;
use crate::outbox::Delivery;

/// The first notice of a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thread {
    /// Layout of the document; 1.
    version: u32,
    /// What the destination calls its first message.
    first: String,
}

/// What the first notice of a delivery's thread was called, if its channel wants to know and there
/// was one. A store that cannot be read loses the thread, not the notice.
pub(crate) async fn earlier(
    app: &App,
    channel: &dyn Channel,
    delivery: &Delivery,
) -> Option<String> {
    if !channel.kind().remembers_threads() {
        return None;
    }
    let key = key(delivery);
    match json::get::<Thread>(app.documents(), &key).await {
        Ok(stored) => stored.map(|(thread, _)| thread.first),
        Err(error) => {
            tracing::warn!(key, error = %error, "a thread cannot be read");
            None
        }
    }
}

/// A first notice that is to be remembered once it is recorded.
pub(crate) struct First {
    key: String,
    thread: Thread,
}

impl First {
    /// What a success means for its thread.
    pub(crate) fn of(
        channel: &dyn Channel,
        delivery: &Delivery,
        result: &SendResult,
    ) -> Option<First> {
        let SendResult::Delivered {
            provider_id: Some(id),
        } = result
        else {
            return None;
        };
        channel.kind().remembers_threads().then(|| First {
            key: key(delivery),
            thread: Thread {
                version: 1,
                first: id.clone(),
            },
        })
    }

    /// Writes it down unless the thread has begun already.
    pub(crate) async fn remember(self, app: &App) {
        match json::create(app.documents(), &self.key, &self.thread).await {
            Ok(_) | Err(Error::Exists { .. }) => {}
            Err(error) => {
                tracing::warn!(key = self.key, error = %error, "a thread cannot be remembered");
            }
        }
    }
}

/// `threads/<destination>/<the first 80 bits of SHA-256 of the thread, as hexadecimal text>`.
fn key(delivery: &Delivery) -> String {
    let digest = Sha256::digest(delivery.notice.thread.as_bytes());
    let hash: String = digest
        .iter()
        .take(10)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("threads/{}/{hash}", delivery.destination)
}
