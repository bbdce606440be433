//! Versioned documents and wake-up queues: what spendwatch remembers between two runs.
//!
//! The crate knows bytes, keys and versions, and nothing about budgets. Two ports, [`Documents`]
//! and [`Queues`], have three implementations each: [`Azure`] (Blob and Queue Storage), [`Local`]
//! (a directory on a laptop) and [`Memory`] (the twin for tests). One contract suite, the module
//! `contract` behind the feature `test-util`, holds all three to the promises written here. It is
//! not a database: there are no transactions over several documents and no queries but a prefix.
//! [`Container`] reads what others wrote to Blob Storage.
//!
//! ```
//! use state_store::{Documents, Error, Memory};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = Memory::new();
//! let first = store.create("ledger/team-a/2026-11", b"one".to_vec()).await?;
//! let second = store.replace("ledger/team-a/2026-11", b"two".to_vec(), &first).await?;
//!
//! // Whoever still holds the first version has lost the race and must read again.
//! let late = store.replace("ledger/team-a/2026-11", b"three".to_vec(), &first).await;
//! assert!(matches!(late, Err(Error::Moved { .. })));
//! # let _ = second;
//! # Ok::<(), Error>(())
//! # }).unwrap();
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a panic is how a test reports")
)]

use std::{fmt, sync::Arc, time::Duration, time::SystemTime};

use async_trait::async_trait;

pub mod azure;
mod container;
#[cfg(feature = "test-util")]
pub mod contract;
mod error;
pub mod json;
mod key;
pub mod local;
mod memory;

pub use azure::Azure;
pub use container::{Blob, Container};
pub use error::{Cause, Error, Result};
pub use key::{MAX_KEY_BYTES, MAX_SEGMENT_BYTES, check_key, check_queue};
pub use local::Local;
pub use memory::Memory;

/// The largest message text, in bytes: 64 KiB of Azure Queue Storage after base64.
pub const MAX_TEXT_BYTES: usize = 48 * 1024;

/// The longest delay and visibility timeout: 7 days, the limit of Azure Queue Storage.
pub const MAX_DELAY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The most messages one [`Queues::receive`] hands out: the limit of Azure Queue Storage.
pub const MAX_RECEIVE: usize = 32;

/// Tells the time; a parameter, so that tests can move it by hand.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// A flat map from key to bytes, where every write is conditional.
///
/// Keys are paths like `ledger/team-a/2026-11`; see [`check_key`]. Every method answers
/// [`Error::InvalidKey`] for a bad one before it does anything else.
///
/// # Lost answers
///
/// A remote store may carry out a write and lose the answer; the client then repeats the request
/// and meets its own first try. So each conditional failure has a second meaning:
///
/// - [`Error::Exists`] from [`create`](Self::create): it may be yours. Read it back and compare.
/// - [`Error::Moved`] from [`replace`](Self::replace): it may be yours. Read again and decide again
///   from what is there, as [`json::update`] does.
/// - [`Error::Moved`] from [`delete`](Self::delete): you may have deleted it.
///
/// [`Error::Unavailable`] after a write means "done or not done, unknown": read before repeating.
#[async_trait]
pub trait Documents: fmt::Debug + Send + Sync {
    /// Reads a document; `None` if there is none under this key.
    async fn get(&self, key: &str) -> Result<Option<Document>>;

    /// Writes a new document, or answers [`Error::Exists`] and changes nothing.
    ///
    /// Of many concurrent creators of one key exactly one succeeds.
    async fn create(&self, key: &str, bytes: Vec<u8>) -> Result<Version>;

    /// Overwrites a document if `version` is still its version.
    ///
    /// Otherwise, also if the document is gone, answers [`Error::Moved`] and changes nothing. Every
    /// write makes a new version, even one that writes the same bytes, so a document that went from
    /// A to B and back to A has moved. Of many concurrent replacers holding one version exactly one
    /// succeeds.
    async fn replace(&self, key: &str, bytes: Vec<u8>, version: &Version) -> Result<Version>;

    /// Removes a document if `version` is still its version; otherwise, also if it is gone
    /// already, answers [`Error::Moved`].
    ///
    /// A document created again under the same key never gets an old version back.
    async fn delete(&self, key: &str, version: &Version) -> Result<()>;

    /// Lists all keys that start with `prefix`, sorted by byte value.
    ///
    /// The prefix is text, not a folder: `ledger/a` finds `ledger/a/x` and `ledger/ab`. The empty
    /// prefix lists everything. A write that runs at the same time may or may not be seen.
    async fn list(&self, prefix: &str) -> Result<Vec<String>>;
}

/// Named queues of short texts that become visible at a moment.
///
/// Delivery is at least once and order is not promised: a receiver must be able to meet a message
/// twice, and a lost answer to [`send`](Self::send) may leave two messages. Queue names follow
/// [`check_queue`]; a bad one is [`Error::InvalidKey`]. A queue comes into being with the first
/// message; a queue nobody has sent to is empty. Messages do not expire.
///
/// Delays and timeouts count in whole seconds, rounded up, and are cut to [`MAX_DELAY`]. A receiver
/// woken too early by that cut sends the message again with the rest of the delay.
#[async_trait]
pub trait Queues: fmt::Debug + Send + Sync {
    /// Appends a message that becomes visible after `delay`.
    ///
    /// A text over [`MAX_TEXT_BYTES`] is [`Error::TooLarge`].
    async fn send(&self, queue: &str, text: &str, delay: Duration) -> Result<()>;

    /// Takes up to `max` visible messages and hides each for `visibility`, at least one second.
    ///
    /// `max` is cut to [`MAX_RECEIVE`]. A message not deleted in time becomes visible again with a
    /// higher [`Message::dequeue_count`] and a new receipt.
    async fn receive(&self, queue: &str, max: usize, visibility: Duration) -> Result<Vec<Message>>;

    /// Removes a received message for good.
    ///
    /// Answers [`Error::Moved`] if the receipt is no longer the newest, because the message was
    /// received again meanwhile, or if the message is gone.
    async fn delete(&self, queue: &str, message: &Message) -> Result<()>;
}

/// The bytes under a key, with the version that a conditional write must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What was written, byte for byte.
    pub bytes: Vec<u8>,
    /// The version of exactly these bytes.
    pub version: Version,
}

/// The version of a document: opaque text, unlike any other version of the same key.
///
/// It may be stored and read back with [`as_str`](Self::as_str) and [`From`]; it says nothing
/// about order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(String);

impl Version {
    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Version {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Version {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Names the message, the same at every delivery.
    pub id: String,
    /// Names this delivery; [`Queues::delete`] wants the newest one.
    pub receipt: String,
    /// What was sent.
    pub text: String,
    /// How often the message was received, this time included: 1 at the first delivery.
    pub dequeue_count: u32,
}

/// Checks the size of a message text; shared by all implementations.
fn check_text(queue: &str, text: &str) -> Result<()> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(Error::TooLarge {
            what: format!("message for queue {queue}"),
            limit: MAX_TEXT_BYTES,
        });
    }
    Ok(())
}

/// A delay in whole seconds, rounded up and cut to [`MAX_DELAY`].
fn whole_seconds(delay: Duration) -> u64 {
    let seconds = delay
        .as_secs()
        .saturating_add(u64::from(delay.subsec_nanos() > 0));
    seconds.min(MAX_DELAY.as_secs())
}

/// The clock of this machine.
fn system_clock() -> Clock {
    Arc::new(SystemTime::now)
}

/// Milliseconds since 1970; zero for a clock set before that.
fn unix_millis(now: SystemTime) -> u64 {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_rounded_up_and_cut() {
        let cases = [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(1000), 1),
            (Duration::from_millis(1001), 2),
            (MAX_DELAY, 604_800),
            (Duration::MAX, 604_800),
        ];
        for (delay, seconds) in cases {
            assert_eq!(whole_seconds(delay), seconds, "{delay:?}");
        }
    }

    #[test]
    fn moments_before_1970_and_far_ahead_do_not_panic() {
        assert_eq!(
            unix_millis(SystemTime::UNIX_EPOCH - Duration::from_secs(1)),
            0
        );
        assert_eq!(
            unix_millis(SystemTime::UNIX_EPOCH + Duration::from_millis(1234)),
            1234
        );
    }
}
