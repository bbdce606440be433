//! The outbox: one document for each delivery, and one lane for each destination.
//!
//! A delivery lives under `outbox/<destination>/` until it is finished, then under `history/`. The
//! month in its history key comes from the transition, so that a second routing pass finds what is
//! finished. A lane is what makes one worker send at a time.

use std::collections::BTreeMap;

use alert_channels::{Failure, Message, Notice};
use budget_engine::RoutedDelivery;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use state_store::{Documents, json};

use crate::gathering::Sent;

/// What became of a routed delivery of a transition decided at `at`, finished or not.
pub(crate) async fn find(
    store: &dyn Documents,
    at: Timestamp,
    routed: &RoutedDelivery,
) -> state_store::Result<Option<Delivery>> {
    let keys = [
        live_key(&routed.destination, at, &routed.id),
        history_key(at, &routed.id),
    ];
    for key in keys {
        if let Some((delivery, _)) = json::get(store, &key).await? {
            return Ok(Some(delivery));
        }
    }
    Ok(None)
}

/// What tells the ids of copies at the fallback from those of their originals.
pub(crate) const INSTEAD: &str = "instead";
/// How long a notice is worth sending after it was held back.
const WORTH_SENDING_AFTER_HOLD: SignedDuration = SignedDuration::from_hours(24);
/// Prefix of all live deliveries.
pub(crate) const OUTBOX: &str = "outbox/";

/// One notice to one destination, and its fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Layout of the document; 1.
    pub version: u32,
    /// Deterministic id.
    pub id: String,
    /// Name of the destination.
    pub destination: String,
    /// What is said, complete: delivering needs nothing else.
    pub notice: Notice,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it is no longer worth sending.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: DeliveryState,
    /// Sends that were begun, whatever came of them.
    #[serde(default)]
    pub attempts: u32,
    /// Sends that failed or whose outcome is unknown.
    pub failures: u32,
    /// Sends whose outcome is unknown.
    pub unknown_outcomes: u32,
    /// Not before this.
    pub next_at: Timestamp,
    /// What the last failure was.
    pub last_failure: Option<Failure>,
    /// What the destination calls the message.
    pub provider_id: Option<String>,
    /// Why it waits though nothing failed, and until when; what was held back stays marked when it
    /// is let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Hold>,
    /// Keys of the finished deliveries that it follows up. When none of them can have arrived, it
    /// would speak of something that nobody there has heard of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Whether the fallback destination was told of it because its own takes nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_instead: bool,
}

/// Why a delivery is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// Until when, as it looked last.
    pub until: Timestamp,
    /// Why, for people.
    pub why: String,
}

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// Waits for its turn.
    Queued,
    /// A worker has begun to send it; when that worker's lease is over, nobody knows the outcome.
    Sending {
        /// Fence of the lane's lease.
        fence: u64,
        /// When.
        since: Timestamp,
    },
    /// The destination has it.
    Delivered,
    /// The destination promised to take it.
    Accepted,
    /// It will never arrive.
    Dead,
    /// It was no longer worth sending.
    Expired,
    /// It is not sent on purpose.
    Suppressed {
        /// Key in the history of the delivery that tells of it instead.
        by: Option<String>,
        /// Why, for people.
        why: String,
    },
}

impl DeliveryState {
    /// Whether nothing more happens to it.
    pub fn is_final(&self) -> bool {
        !matches!(self, DeliveryState::Queued | DeliveryState::Sending { .. })
    }

    /// All words of [`DeliveryState::as_str`].
    pub const WORDS: [&str; 7] = [
        "queued",
        "sending",
        "delivered",
        "accepted",
        "dead",
        "expired",
        "suppressed",
    ];

    /// The word used in logs and answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            DeliveryState::Queued => "queued",
            DeliveryState::Sending { .. } => "sending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Accepted => "accepted",
            DeliveryState::Dead => "dead",
            DeliveryState::Expired => "expired",
            DeliveryState::Suppressed { .. } => "suppressed",
        }
    }
}

impl Delivery {
    /// A notice for a destination that nobody has tried to send yet.
    pub(crate) fn new(
        destination: &str,
        notice: Notice,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Delivery {
        Delivery {
            version: 1,
            id: notice.id.clone(),
            destination: destination.to_owned(),
            notice,
            created_at,
            expires_at,
            state: DeliveryState::Queued,
            attempts: 0,
            failures: 0,
            unknown_outcomes: 0,
            next_at: created_at,
            last_failure: None,
            provider_id: None,
            held: None,
            after: Vec::new(),
            told_instead: false,
        }
    }

    /// Key while it is live. Sorts by the time of the decision.
    pub(crate) fn key(&self) -> String {
        live_key(&self.destination, self.created_at, &self.id)
    }

    /// Key once it is finished.
    pub(crate) fn history_key(&self) -> String {
        history_key(self.created_at, &self.id)
    }

    /// Whether it repeats what was told before, as a reminder does.
    pub(crate) fn is_repeated(&self) -> bool {
        match &self.notice.message {
            Message::Crossing(transition) => transition.is_repeated(),
            _ => false,
        }
    }

    /// Keeps it a day beyond what holds it back, unless another one follows anyway. Says whether it is
    /// kept longer than it was.
    pub(crate) fn outlast(&mut self, until: Timestamp) -> bool {
        let latest = until.saturating_add(WORTH_SENDING_AFTER_HOLD);
        let latest = latest.unwrap_or(Timestamp::MAX);
        if self.is_repeated() || latest <= self.expires_at {
            return false;
        }
        self.expires_at = latest;
        true
    }

    /// Whether nobody has tried to send it yet, and nobody was told of it elsewhere: then it may be
    /// told by another notice.
    pub(crate) fn is_untried(&self) -> bool {
        self.state == DeliveryState::Queued && self.has_not_failed() && !self.told_instead
    }

    /// Whether no send of it has failed.
    pub(crate) fn has_not_failed(&self) -> bool {
        self.failures == 0 && self.unknown_outcomes == 0
    }

    /// Whether it may be with the destination.
    pub(crate) fn may_have_arrived(&self) -> bool {
        let arrived = matches!(
            self.state,
            DeliveryState::Delivered | DeliveryState::Accepted
        );
        arrived || self.unknown_outcomes > 0
    }

    /// What must arrive in order, and of which moment this tells: the messages about one alert to one
    /// recipient. A notice that tells of others is in the order of all of them, and one that follows
    /// up the notices of several alerts in the order of each.
    pub(crate) fn moments(&self) -> BTreeMap<Sequence, Timestamp> {
        let (own_at, answered) = match &self.notice.message {
            Message::Crossing(transition) => (transition.at, Some(transition.answers())),
            _ => (self.created_at, None),
        };
        // The id of a transition is its alert and its number.
        let followed = answered
            .into_iter()
            .flatten()
            .filter_map(|id| id.rsplit_once('-'));
        let followed = followed.map(|(alert, _)| (alert, own_at));
        let carried = self.notice.carried.iter();
        let carried = carried.map(|one| (one.alert.as_str(), one.at));
        let mut moments = BTreeMap::new();
        for (alert, at) in followed.chain(carried).chain([(self.alert(), own_at)]) {
            let sequence = (alert.to_owned(), self.notice.recipient.clone());
            let known = moments.entry(sequence).or_insert(at);
            *known = at.max(*known);
        }
        moments
    }

    /// Id of the alert that it is about; its own, if it is about none.
    fn alert(&self) -> &str {
        match &self.notice.message {
            Message::Crossing(transition) => &transition.alert,
            Message::Digest(_)
            | Message::Bundle { .. }
            | Message::Probe { .. }
            | Message::Trouble { .. }
            | Message::Action { .. } => &self.id,
        }
    }
}

/// An alert and a recipient: what is told of them arrives in order.
pub(crate) type Sequence = (String, Option<String>);

/// Key of a live delivery.
pub(crate) fn live_key(destination: &str, created_at: Timestamp, id: &str) -> String {
    let stamp = created_at.strftime("%Y%m%dT%H%M%SZ");
    format!("{OUTBOX}{destination}/{stamp}-{id}")
}

/// Key of a finished delivery.
pub(crate) fn history_key(created_at: Timestamp, id: &str) -> String {
    let month = created_at.to_zoned(TimeZone::UTC).strftime("%Y-%m");
    format!("history/{month}/{id}")
}

/// Id of a delivery: the first 80 bits of SHA-256 over transition, destination, recipient and
/// purpose, as hexadecimal text.
pub(crate) fn delivery_id(
    transition: &str,
    destination: &str,
    recipient: Option<&str>,
    purpose: &str,
) -> String {
    let mut hash = Sha256::new();
    for part in [
        transition,
        destination,
        recipient.unwrap_or_default(),
        purpose,
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(10)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A destination's lane: one worker at a time, and when the destination may be used again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lane {
    /// Who holds it until when.
    pub lease_until: Option<Timestamp>,
    /// Counts leases: a worker whose number is no longer the newest has lost the lane.
    pub fence: u64,
    /// The destination asked to wait, or refuses everything.
    pub not_before: Option<Timestamp>,
    /// Why it is parked.
    pub parked_because: Option<String>,
    /// When the next delivery is due, as the last worker saw it.
    pub next_due: Option<Timestamp>,
    /// How many live deliveries the last worker left behind.
    pub left: usize,
    /// How the destination is doing.
    #[serde(default)]
    pub health: Health,
    /// When recipients were sent notices of crossings lately, for their allowance.
    #[serde(default)]
    pub sent: Sent,
}

/// How a destination is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Since when nothing got through; nothing while it works.
    pub failing_since: Option<Timestamp>,
    /// Sends that failed in a row.
    pub failures: u32,
    /// Since when it asks to wait and takes nothing.
    #[serde(default)]
    pub throttled_since: Option<Timestamp>,
    /// Since when it fails, as somebody was told.
    pub told: Option<Timestamp>,
    /// Since when it is switched off: tried rarely, because it refuses or has failed for days.
    pub switched_off: Option<Timestamp>,
}

pub(crate) fn lane_key(destination: &str) -> String {
    format!("lanes/{destination}")
}

/// Puts a delivery into the outbox unless it is there, or finished, already. Says whether it was new.
pub(crate) async fn put(store: &dyn Documents, delivery: &Delivery) -> state_store::Result<bool> {
    if store.get(&delivery.history_key()).await?.is_some() {
        return Ok(false);
    }
    match json::create(store, &delivery.key(), delivery).await {
        Ok(_) => Ok(true),
        Err(state_store::Error::Exists { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The waiting time after a failure, with a fifth of jitter taken from the delivery's own id: two
/// deliveries that failed together are not retried together.
pub(crate) fn back_off(
    delivery: &Delivery,
    schedule: &[std::time::Duration],
) -> Option<SignedDuration> {
    let index = usize::try_from(delivery.failures.checked_sub(1)?).ok()?;
    let wait = SignedDuration::try_from(*schedule.get(index)?).ok()?;
    let seed = delivery.id.bytes().fold(delivery.failures, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    let percent = i64::from(seed % 41) - 20;
    Some(SignedDuration::from_millis_i128(
        wait.as_millis() * i128::from(100 + percent) / 100,
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use alert_channels::samples;

    use super::*;

    fn failed(times: u32) -> Delivery {
        let (at, expires_at) = (samples::at(), Timestamp::MAX);
        Delivery {
            failures: times,
            ..Delivery::new("mail", samples::crossing(), at, expires_at)
        }
    }

    #[test]
    fn there_are_as_many_waits_as_the_schedule_has_and_each_is_within_a_fifth() {
        let schedule = [Duration::from_secs(100), Duration::from_secs(1000)];
        let wait = |times| back_off(&failed(times), &schedule).map(|wait| wait.as_secs());
        assert!(wait(1).is_some_and(|seconds| (80..=120).contains(&seconds)));
        assert!(wait(2).is_some_and(|seconds| (800..=1200).contains(&seconds)));
        assert_eq!(wait(3), None);
    }

    #[test]
    fn without_a_schedule_there_is_one_try() {
        assert_eq!(back_off(&failed(1), &[]), None);
    }
}
