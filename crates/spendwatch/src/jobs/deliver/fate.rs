//! The end of a delivery: recorded, told to the fallback if it will not arrive, moved to the history.

use alert_channels::{Because, Failure, Message};
use anyhow::Context;
use budget_engine::RoutedDelivery;
use jiff::{SignedDuration, Timestamp};
use state_store::{Error, Version, json};

use super::Visit;
use super::step::After;
use crate::app::{App, Hint};
use crate::measures;
use crate::outbox::{self, Delivery, DeliveryState, INSTEAD, delivery_id};
use crate::routing;

/// How long the fallback has to take what did not arrive elsewhere.
const WORTH_TELLING_INSTEAD: SignedDuration = SignedDuration::from_hours(24);
/// How far it is looked who told of a suppressed delivery.
const LONGEST_CHAIN: usize = 8;

pub(super) fn finish(delivery: &mut Delivery, state: DeliveryState, failure: Option<Failure>) {
    delivery.state = state;
    if failure.is_some() {
        delivery.last_failure = failure;
    }
}

/// Records the end of a delivery, then moves it to the history. It waits if it was not to be sent, and
/// another worker has begun to.
pub(super) async fn settle(
    visit: &mut Visit<'_>,
    key: &str,
    mut delivery: Delivery,
    version: Version,
) -> anyhow::Result<After> {
    let app = visit.app;
    let mut version = version;
    let kept = loop {
        match json::replace(app.documents(), key, &delivery, &version).await {
            Ok(version) => break Some((delivery.clone(), version)),
            Err(Error::Moved { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        // Our own first try got through, or another worker took over after our lease: an end that is
        // recorded stands, and otherwise ours is the newest that is known.
        match json::get::<Delivery>(app.documents(), key).await? {
            Some((stored, newer)) if !stored.state.is_final() => {
                let is_skipped = matches!(delivery.state, DeliveryState::Suppressed { .. });
                if is_skipped && !stored.is_untried() {
                    let next_at = stored.next_at;
                    return Ok(After::Waits { next_at });
                }
                note_others(&mut delivery, &stored, visit.lane.fence);
                version = newer;
            }
            ended => break ended,
        }
    };
    count(visit, &delivery);
    if let Some((delivery, version)) = kept {
        archive(app, key, &delivery, &version).await?;
    }
    Ok(After::Ended)
}

/// Takes over what another worker has written about its own sends. Of one that it has begun nobody
/// will know the outcome, because the delivery ends before that.
fn note_others(delivery: &mut Delivery, stored: &Delivery, fence: u64) {
    let is_sent_elsewhere =
        matches!(stored.state, DeliveryState::Sending { fence: other, .. } if other != fence);
    let unknown = stored.unknown_outcomes + u32::from(is_sent_elsewhere);
    delivery.unknown_outcomes = delivery.unknown_outcomes.max(unknown);
    delivery.attempts = delivery.attempts.max(stored.attempts);
    delivery.notice.maybe_duplicate |= stored.notice.maybe_duplicate;
}

/// Counts an end, and says it.
fn count(visit: &mut Visit<'_>, delivery: &Delivery) {
    match &delivery.state {
        DeliveryState::Delivered | DeliveryState::Accepted => visit.report.sent += 1,
        // Another one follows when it is let go.
        DeliveryState::Expired if is_held_repeat(delivery) => visit.report.suppressed += 1,
        DeliveryState::Suppressed { why, .. } => {
            visit.report.suppressed += 1;
            tracing::info!(
                delivery.id = delivery.id,
                destination = delivery.destination,
                why,
                "a notice is not sent"
            );
        }
        _ => {
            visit.report.given_up += 1;
            tracing::error!(
                delivery.id = delivery.id,
                destination = delivery.destination,
                state = delivery.state.as_str(),
                why = delivery.last_failure.as_ref().map(ToString::to_string),
                "a notice will not arrive"
            );
        }
    }
}

/// First to the fallback if it is lost, then into the history, then out of the outbox: a kill between
/// two of them is healed by the next visit.
pub(super) async fn archive(
    app: &App,
    key: &str,
    delivery: &Delivery,
    version: &Version,
) -> anyhow::Result<()> {
    if is_given_up(delivery) {
        tell_instead(app, delivery).await?;
    }
    match json::create(app.documents(), &delivery.history_key(), delivery).await {
        Ok(_) => measures::ended(delivery),
        Err(Error::Exists { .. }) => {}
        Err(error) => return Err(error).context("write the delivery history"),
    }
    remove(app, key, version).await
}

pub(super) async fn remove(app: &App, key: &str, version: &Version) -> anyhow::Result<()> {
    match app.documents().delete(key, version).await {
        Ok(()) | Err(Error::Moved { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether it is a reminder that was held back as long as it was worth sending.
fn is_held_repeat(delivery: &Delivery) -> bool {
    delivery.is_repeated() && delivery.held.is_some() && delivery.attempts == 0
}

/// Whether a finished delivery, or the one that told of it, may be with the destination. One that is
/// not finished is taken for on its way.
pub(super) async fn may_have_arrived(app: &App, key: &str) -> anyhow::Result<bool> {
    let ended = ended(app, key).await?;
    Ok(ended.is_none_or(|ended| ended.may_have_arrived()))
}

/// A finished delivery, or the one that told of it; `None` for what is not finished.
async fn ended(app: &App, key: &str) -> anyhow::Result<Option<Delivery>> {
    let mut key = key.to_owned();
    for _ in 0..LONGEST_CHAIN {
        let Some((delivery, _)) = json::get::<Delivery>(app.documents(), &key).await? else {
            return Ok(None);
        };
        match delivery.state {
            DeliveryState::Suppressed { by: Some(by), .. } => key = by,
            _ => return Ok(Some(delivery)),
        }
    }
    Ok(None)
}

/// Whether the fallback may know of a delivery that has not arrived.
pub(super) async fn is_told_instead(app: &App, key: &str) -> anyhow::Result<bool> {
    let Some(lost) = ended(app, key).await?.filter(is_given_up) else {
        return Ok(false);
    };
    let Some(fallback) = stand_in(app, &lost) else {
        return Ok(false);
    };
    for (destination, recipient) in routing::of_channel(app.config(), fallback) {
        let id = delivery_id(&lost.id, &destination, recipient.as_deref(), INSTEAD);
        if may_have_arrived(app, &outbox::history_key(lost.created_at, &id)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_given_up(delivery: &Delivery) -> bool {
    matches!(delivery.state, DeliveryState::Dead | DeliveryState::Expired)
}

/// Whether a delivery that was routed has ended, and neither it nor a copy of it at the fallback can have
/// arrived. `at` is when its transition was decided.
pub(crate) async fn is_lost(
    app: &App,
    at: Timestamp,
    routed: &RoutedDelivery,
) -> anyhow::Result<bool> {
    let key = outbox::history_key(at, &routed.id);
    Ok(!may_have_arrived(app, &key).await? && !is_told_instead(app, &key).await?)
}

/// Leaves out of a notice what another one tells of, and says whether there is such: a worker that stood
/// still for longer than its lease may have gathered the same. The history says which of them it is. A
/// copy at the fallback tells of what its original told of.
pub(super) async fn leave_to_others(app: &App, delivery: &mut Delivery) -> anyhow::Result<bool> {
    if delivery.notice.instead_of.is_some() {
        return Ok(false);
    }
    let own_key = delivery.history_key();
    let mut own = Vec::new();
    for carried in &delivery.notice.carried {
        let mut key = outbox::history_key(carried.at, &carried.delivery);
        for _ in 0..LONGEST_CHAIN {
            let stored = json::get::<Delivery>(app.documents(), &key).await?;
            let state = stored.map(|(ended, _)| ended.state);
            let Some(DeliveryState::Suppressed { by: Some(by), .. }) = state else {
                break;
            };
            if by == own_key {
                own.push(carried.clone());
                break;
            }
            key = by;
        }
    }
    let others = own.len() < delivery.notice.carried.len();
    delivery.notice.carried = own;
    Ok(others)
}

/// Whether somebody else has to be told in place of a destination that does not take it.
fn matters(delivery: &Delivery) -> bool {
    let matters = match &delivery.notice.message {
        // Another reminder follows, and changes of state are no news to people.
        Message::Crossing(transition) => transition.change.is_news() && !transition.is_repeated(),
        Message::Bundle { .. } | Message::Action { .. } => true,
        Message::Digest(_) | Message::Probe { .. } | Message::Trouble { .. } => false,
    };
    matters && delivery.notice.instead_of.is_none()
}

/// Where it is told that a notice does not arrive, if that matters and is another place.
pub(super) fn stand_in<'a>(app: &'a App, delivery: &Delivery) -> Option<&'a String> {
    let fallback = app.config().fallback.as_ref()?;
    if !matters(delivery) || *fallback == delivery.destination {
        return None;
    }
    let channel = app.config().channels.get(fallback);
    if !channel.is_some_and(|channel| channel.kind.kind().takes(&delivery.notice.message)) {
        tracing::error!(
            delivery.id = delivery.id,
            fallback,
            "the fallback takes no such notices"
        );
        return None;
    }
    Some(fallback)
}

/// Gives what does not arrive to the fallback destination, unless that is where it was to arrive.
/// Repeating it makes the same copies.
pub(super) async fn tell_instead(app: &App, delivery: &Delivery) -> anyhow::Result<()> {
    let Some(fallback) = stand_in(app, delivery) else {
        return Ok(());
    };
    for (destination, recipient) in routing::of_channel(app.config(), fallback) {
        let id = delivery_id(&delivery.id, &destination, recipient.as_deref(), INSTEAD);
        let to = recipient.as_deref().unwrap_or(&destination);
        let mut notice = delivery.notice.clone();
        notice.id = id;
        notice.thread = format!("{}/instead/{to}", delivery.destination);
        notice.recipient.clone_from(&recipient);
        notice.maybe_duplicate = false;
        notice.instead_of = Some(delivery.destination.clone());
        notice.instead_of_recipient = delivery.notice.recipient.clone();
        notice.because = Some(Because::Fallback {
            destination: destination.clone(),
        });
        notice.language = app.config().language_of(&destination, recipient.as_deref());
        // A link of an action is good for whom it was made only.
        notice.links.clear();
        let expires_at = delivery.expires_at.max(app.now());
        let expires_at = expires_at.saturating_add(WORTH_TELLING_INSTEAD)?;
        let copy = Delivery::new(&destination, notice, delivery.created_at, expires_at);
        if outbox::put(app.documents(), &copy).await? {
            app.hint(&Hint::Deliver { destination }, SignedDuration::ZERO)
                .await?;
        }
    }
    Ok(())
}
