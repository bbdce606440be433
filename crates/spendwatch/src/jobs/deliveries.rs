//! Deliveries: what became of every notice, from the outbox and the history.

use std::collections::BTreeMap;

use alert_channels::{Failure, Message};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use state_store::{Error, Version, json};

use crate::app::App;
use crate::outbox::{Delivery, DeliveryState, Lane, OUTBOX, lane_key};

/// How many documents are read at a time.
const AT_ONCE: usize = 16;
/// How far back the history is looked through if nothing else is said.
const LOOKED_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Which deliveries are listed: those to which everything fits that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Name of the destination.
    pub destination: Option<String>,
    /// Word of the state: `queued`, `delivered`, `dead`, …
    pub state: Option<String>,
    /// Id of the budget.
    pub budget: Option<String>,
    /// Decided at this moment or later, or not finished; the last 30 days if not set.
    pub since: Option<Timestamp>,
}

/// A notice and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fate {
    /// Id of the delivery.
    pub id: String,
    /// Name of the destination.
    pub destination: String,
    /// The one recipient, for channels that have them.
    pub recipient: Option<String>,
    /// Id of the budget, for a notice about one.
    pub budget: Option<String>,
    /// Id of the alert, for a notice about one.
    pub alert: Option<String>,
    /// Name of the destination that it did not reach, so that it went to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// What it says: condition and change, or its title.
    pub about: String,
    /// When it was decided.
    pub created_at: Timestamp,
    /// `queued`, `sending`, `delivered`, `accepted`, `dead`, `expired` or `suppressed`.
    pub state: String,
    /// Why it is suppressed, or waits though nothing failed.
    pub why: Option<String>,
    /// How often a send was begun, whatever came of it.
    pub attempts: u32,
    /// How many of those ended with nobody knowing the outcome.
    pub unknown_outcomes: u32,
    /// When it is tried next, for one that is not finished: when nothing holds it back any more, and its
    /// destination takes something again.
    pub next_at: Option<Timestamp>,
    /// What the last failure was.
    pub last_failure: Option<Failure>,
    /// What the destination calls the message.
    pub provider_id: Option<String>,
}

impl Fate {
    /// Whether it is not finished.
    fn is_live(&self) -> bool {
        matches!(&*self.state, "queued" | "sending")
    }

    /// Says of one that is not finished why it waits for its destination, and until when.
    fn waits_for(&mut self, lane: &Lane, is_usable: bool, now: Timestamp) {
        let is_ahead = |until: &Timestamp| *until > now;
        if let Some(until) = lane.not_before.filter(is_ahead) {
            self.next_at = self.next_at.max(Some(until));
            let because = lane.parked_because.as_deref();
            let because = because.unwrap_or("it asked to wait");
            let why = || format!("the destination is parked: {because}");
            self.why.get_or_insert_with(why);
        } else if !is_usable {
            self.next_at = self.next_at.max(lane.next_due.filter(is_ahead));
        }
    }

    /// Whether it will never arrive, and nobody wanted that.
    pub fn is_bad(&self) -> bool {
        matches!(&*self.state, "dead" | "expired")
    }

    fn of(delivery: Delivery, now: Timestamp) -> Fate {
        let (budget, alert, about) = match &delivery.notice.message {
            Message::Crossing(transition) => (
                Some(transition.status.budget.clone()),
                Some(transition.alert.clone()),
                format!("{} {}", transition.when, transition.change.as_str()),
            ),
            Message::Bundle { .. } => {
                let count = delivery.notice.carried.len();
                (None, None, format!("{count} notices in one"))
            }
            Message::Digest(_) => (None, None, "where budgets stand".to_owned()),
            Message::Probe { .. } => (None, None, "a test".to_owned()),
            Message::Trouble { title, .. } | Message::Action { title, .. } => {
                (None, None, title.clone())
            }
        };
        let is_final = delivery.state.is_final();
        // What earlier versions stored does not say how often it was sent.
        let got_through = matches!(
            delivery.state,
            DeliveryState::Delivered | DeliveryState::Accepted | DeliveryState::Sending { .. }
        );
        // What was held back stays marked when it is let go.
        let held = delivery.held.as_ref();
        let held = held.filter(|held| held.until > now && delivery.is_untried());
        let why = match &delivery.state {
            DeliveryState::Suppressed { why, .. } => Some(why.clone()),
            _ => held.map(|held| held.why.clone()),
        };
        let held_until = held.map(|held| held.until.min(delivery.expires_at));
        let next_at = Some(delivery.next_at).max(held_until);
        let rejected = matches!(delivery.state, DeliveryState::Dead)
            && delivery.failures == 0
            && delivery.last_failure.is_some();
        Fate {
            id: delivery.id,
            destination: delivery.destination,
            recipient: delivery.notice.recipient,
            budget,
            alert,
            instead_of: delivery.notice.instead_of,
            about,
            created_at: delivery.created_at,
            state: delivery.state.as_str().to_owned(),
            why,
            attempts: delivery
                .attempts
                .max(delivery.failures + u32::from(got_through || rejected)),
            unknown_outcomes: delivery.unknown_outcomes,
            next_at: next_at.filter(|_| !is_final),
            last_failure: delivery.last_failure,
            provider_id: delivery.provider_id,
        }
    }
}

/// The lanes in which deliveries wait, each read once.
pub(crate) struct Lanes<'a> {
    app: &'a App,
    known: BTreeMap<String, Lane>,
}

impl Lanes<'_> {
    pub(crate) fn new(app: &App) -> Lanes<'_> {
        Lanes {
            app,
            known: BTreeMap::new(),
        }
    }

    /// What became of a delivery, and when it is tried next.
    pub(crate) async fn fate(&mut self, delivery: Delivery) -> anyhow::Result<Fate> {
        let now = self.app.now();
        let mut fate = Fate::of(delivery, now);
        if !fate.is_live() {
            return Ok(fate);
        }
        if !self.known.contains_key(&fate.destination) {
            let stored = json::get(self.app.documents(), &lane_key(&fate.destination)).await?;
            let lane: Lane = stored.map(|(lane, _)| lane).unwrap_or_default();
            self.known.insert(fate.destination.clone(), lane);
        }
        if let Some(lane) = self.known.get(&fate.destination) {
            let is_usable = !matches!(self.app.channel(&fate.destination), Some(Err(_)));
            fate.waits_for(lane, is_usable, now);
        }
        Ok(fate)
    }
}

/// Lists deliveries, the newest first.
///
/// # Errors
/// When the store cannot be listed or read. A document that cannot be understood is left out, and
/// logged.
pub async fn list(app: &App, filter: &Filter) -> anyhow::Result<Vec<Fate>> {
    let now = app.now();
    let since = filter
        .since
        .map_or_else(|| now.saturating_sub(LOOKED_BACK), Ok)?;
    let prefix = match &filter.destination {
        Some(destination) if is_name(destination) => format!("{OUTBOX}{destination}/"),
        Some(_) => return Ok(Vec::new()),
        None => OUTBOX.to_owned(),
    };
    let mut keys = app.documents().list(&prefix).await?;
    for month in months(since, now) {
        keys.extend(app.documents().list(&format!("history/{month}/")).await?);
    }
    let read = stream::iter(keys).map(|key| async move {
        match json::get::<Delivery>(app.documents(), &key).await {
            Ok(found) => Ok(found.map(|(delivery, _): (Delivery, Version)| delivery)),
            Err(error @ Error::Corrupt { .. }) => {
                tracing::error!(key, %error, "a delivery cannot be read");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    });
    let read: Vec<Option<Delivery>> = read.buffered(AT_ONCE).try_collect().await?;
    let mut lanes = Lanes::new(app);
    let mut fates: Vec<Fate> = Vec::new();
    for delivery in read.into_iter().flatten() {
        fates.push(lanes.fate(delivery).await?);
    }
    let is_wanted = |named: &Option<String>, value: Option<&str>| {
        named.as_deref().is_none_or(|named| value == Some(named))
    };
    fates.retain(|one| {
        (one.created_at >= since || one.is_live())
            && is_wanted(&filter.destination, Some(&one.destination))
            && is_wanted(&filter.state, Some(&one.state))
            && is_wanted(&filter.budget, one.budget.as_deref())
    });
    fates.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
    // A delivery on its way from the outbox to the history is seen in both.
    fates.dedup_by(|one, other| one.id == other.id);
    Ok(fates)
}

/// Whether a text can be the name of a destination, and so a part of a key.
fn is_name(text: &str) -> bool {
    !text.contains('/') && state_store::check_key(&format!("{OUTBOX}{text}/x")).is_ok()
}

/// The months from one moment to another, as keys name them.
fn months(since: Timestamp, now: Timestamp) -> Vec<String> {
    let first_of_month = |at: Timestamp| at.to_zoned(TimeZone::UTC).date().first_of_month();
    let (mut month, last) = (first_of_month(since), first_of_month(now));
    let mut months = Vec::new();
    while month <= last {
        months.push(month.strftime("%Y-%m").to_string());
        match month.checked_add(jiff::Span::new().months(1)) {
            Ok(next) => month = next,
            Err(_) => break,
        }
    }
    months
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn months_go_over_the_turn_of_the_year() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let months = months(at("2026-11-30T23:59:59Z"), at("2027-01-01T00:00:00Z"));
        assert_eq!(months, ["2026-11", "2026-12", "2027-01"]);
        let later = at("2027-02-01T00:00:00Z");
        assert_eq!(super::months(later, at("2027-01-01T00:00:00Z")), [""; 0]);
    }
}
