//! One step of one delivery: whether it still makes sense, the send, and what became of it.

use alert_channels::{Attempt, Channel, Class, Failure, Message, Resend, SendResult};
use budget_engine::{AlertState, Change, Ledger, Transition};
use jiff::{SignedDuration, Timestamp};
use state_store::{Error, Version, json};

use super::fate::{self, finish, settle};
use super::{Live, Visit};
use crate::app::App;
use crate::gathering::crossing;
use crate::ledgers;
use crate::outbox::{Delivery, DeliveryState, back_off};
use crate::threads::{self, First};

/// The longest a destination may ask us to wait.
const LONGEST_THROTTLE: SignedDuration = SignedDuration::from_hours(24);
/// How long a visit waits that could send nothing because its lease was nearly over.
const SHORT_OF_TIME: SignedDuration = SignedDuration::from_secs(30);

/// What a step leaves behind.
pub(super) enum After {
    /// The delivery is finished.
    Ended,
    /// It waits.
    Waits { next_at: Timestamp },
    /// The whole destination waits.
    Parks { until: Timestamp, why: String },
}

/// Brings one delivery forward by one step.
pub(super) async fn step(
    visit: &mut Visit<'_>,
    key: &str,
    mut delivery: Delivery,
    mut version: Version,
) -> anyhow::Result<After> {
    let app = visit.app;
    let now = app.now();
    if app
        .documents()
        .get(&delivery.history_key())
        .await?
        .is_some()
    {
        // A routing pass that was repeated after the delivery was finished.
        fate::remove(app, key, &version).await?;
        return Ok(After::Ended);
    }
    let channel = match app.channel(&delivery.destination) {
        Some(Ok(channel)) => channel,
        Some(Err(_)) if delivery.expires_at <= now => {
            // What its last worker was about is known to nobody.
            if matches!(delivery.state, DeliveryState::Sending { .. }) {
                delivery.unknown_outcomes += 1;
            }
            finish(&mut delivery, DeliveryState::Expired, None);
            return settle(visit, key, delivery, version).await;
        }
        Some(Err(_)) => {
            return Ok(After::Waits {
                next_at: delivery.next_at,
            });
        }
        None => {
            let why = Failure::new(
                Class::NotFound,
                "the destination is not configured any more",
            );
            finish(&mut delivery, DeliveryState::Dead, Some(why));
            return settle(visit, key, delivery, version).await;
        }
    };
    if let DeliveryState::Sending { since, .. } = delivery.state {
        // We hold the lane, so whoever began to send is gone: nobody knows what became of it.
        let failure = Failure::new(
            Class::Interrupted,
            "the worker stopped while it was sending",
        );
        outcome_unknown(app, channel, &mut delivery, since, failure);
        if delivery.state.is_final() {
            return settle(visit, key, delivery, version).await;
        }
        match json::replace(app.documents(), key, &delivery, &version).await {
            Ok(newer) => version = newer,
            Err(Error::Moved { .. }) => return Ok(After::Waits { next_at: now }),
            Err(error) => return Err(error.into()),
        }
    }
    if delivery.expires_at <= now {
        finish(&mut delivery, DeliveryState::Expired, None);
        return settle(visit, key, delivery, version).await;
    }
    if delivery.next_at > now {
        return Ok(After::Waits {
            next_at: delivery.next_at,
        });
    }
    if delivery.has_not_failed() && fate::leave_to_others(app, &mut delivery).await? {
        // The next visit brings the two into their order.
        return match json::replace(app.documents(), key, &delivery, &version).await {
            Ok(_) | Err(Error::Moved { .. }) => Ok(After::Waits { next_at: now }),
            Err(error) => Err(error.into()),
        };
    }
    if let Some(why) = out_of_date(app, &delivery).await? {
        // Whoever was told of the beginning in its place hears of the end, too.
        for key in &delivery.after {
            if fate::is_told_instead(app, key).await? {
                fate::tell_instead(app, &delivery).await?;
                break;
            }
        }
        let why = why.to_owned();
        delivery.state = DeliveryState::Suppressed { by: None, why };
        return settle(visit, key, delivery, version).await;
    }
    if visit.is_short_of_time()? {
        return Ok(After::Waits {
            next_at: now.saturating_add(SHORT_OF_TIME)?,
        });
    }
    let sending = DeliveryState::Sending {
        fence: visit.lane.fence,
        since: now,
    };
    delivery.state = sending.clone();
    delivery.attempts += 1;
    let version = match json::replace(app.documents(), key, &delivery, &version).await {
        Ok(version) => version,
        // The answer to our own write may have been lost: then the mark is ours, and nothing is sent yet.
        Err(Error::Moved { .. }) => match json::get::<Delivery>(app.documents(), key).await? {
            Some((stored, version)) if stored.state == sending => version,
            _ => return Ok(After::Waits { next_at: now }),
        },
        Err(error) => return Err(error.into()),
    };
    let attempt = Attempt {
        number: delivery.failures + 1,
        at: now,
        earlier: threads::earlier(app, channel, &delivery).await,
    };
    let number = attempt.number;
    let result = send(app, channel, &delivery, attempt).await;
    let first = First::of(channel, &delivery, &result);
    tracing::info!(
        delivery.id = delivery.id,
        destination = delivery.destination,
        result = result.as_str(),
        class = result.failure().map(|failure| failure.class.as_str()),
        attempt = number,
        "notice sent"
    );
    let after = record(visit, channel, key, delivery, version, result).await?;
    if let Some(first) = first {
        first.remember(app).await;
    }
    Ok(after)
}

/// Ends a delivery that is not sent on purpose; says whether it could be: another worker may have begun
/// to send it.
pub(super) async fn suppress(
    visit: &mut Visit<'_>,
    one: Live,
    by: Option<String>,
    why: &str,
) -> anyhow::Result<bool> {
    let mut delivery = one.delivery;
    let why = why.to_owned();
    delivery.state = DeliveryState::Suppressed { by, why };
    let after = settle(visit, &one.key, delivery, one.version).await?;
    if let After::Waits { next_at } = after {
        visit.waits_until(next_at);
    }
    Ok(matches!(after, After::Ended))
}

/// Why a notice would say nothing any more: what it urges has happened, or what it follows up never
/// arrived. Asked until the first try, so that every notice that may be out has its end. A notice that
/// tells of other alerts, too, or of how its own began, has always something to say.
async fn out_of_date(app: &App, delivery: &Delivery) -> anyhow::Result<Option<&'static str>> {
    let is_list = matches!(delivery.notice.message, Message::Bundle { .. });
    if is_list && delivery.notice.carried.is_empty() {
        return Ok(Some("others tell of all of it"));
    }
    let Some(transition) = crossing(delivery).filter(|_| delivery.has_not_failed()) else {
        return Ok(None);
    };
    let mut carried = delivery.notice.carried.iter();
    if carried.any(|one| one.alert != transition.alert || one.change == Change::Fired) {
        return Ok(None);
    }
    match transition.change {
        Change::Reminded | Change::Escalated => answered(app, transition).await,
        Change::Fired => Ok(None),
        Change::Acknowledged | Change::Resolved | Change::Withdrawn | Change::Closed => {
            for key in &delivery.after {
                if fate::may_have_arrived(app, key).await? {
                    return Ok(None);
                }
            }
            let unheard_of = !delivery.after.is_empty();
            Ok(unheard_of.then_some("what it follows up has not arrived there"))
        }
    }
}

/// Why nobody has to be urged any more.
async fn answered(app: &App, transition: &Transition) -> anyhow::Result<Option<&'static str>> {
    let status = &transition.status;
    let key = ledgers::key(&status.budget, &status.period_key);
    let stored: Option<(Ledger, Version)> = json::get(app.documents(), &key).await?;
    let alert = stored.and_then(|(ledger, _)| ledger.alerts.get(&transition.threshold).cloned());
    Ok(match alert {
        Some(alert) if alert.acknowledged.is_some() => Some("somebody knows of it by now"),
        Some(alert) if alert.state != AlertState::Firing => Some("it is over by now"),
        _ => None,
    })
}

/// Sends within the deadline of the configuration, whatever the channel's own deadlines are.
async fn send(
    app: &App,
    channel: &dyn Channel,
    delivery: &Delivery,
    attempt: Attempt,
) -> SendResult {
    let timeout = app.config().delivery.send_timeout;
    match tokio::time::timeout(timeout, channel.send(&delivery.notice, attempt)).await {
        Ok(result) => result,
        Err(_) => SendResult::Unknown {
            failure: Failure::new(
                Class::Timeout,
                format!("no answer in {} s", timeout.as_secs()),
            ),
        },
    }
}

/// Writes down what became of a send.
async fn record(
    visit: &mut Visit<'_>,
    channel: &dyn Channel,
    key: &str,
    mut delivery: Delivery,
    version: Version,
    result: SendResult,
) -> anyhow::Result<After> {
    let app = visit.app;
    let now = app.now();
    let mut parks = None;
    delivery.state = DeliveryState::Queued;
    // First the fate of the delivery, then how its destination is doing: only the former must not be
    // lost.
    let seen = result.clone();
    match result {
        SendResult::Delivered { provider_id } => {
            delivery.provider_id = provider_id;
            finish(&mut delivery, DeliveryState::Delivered, None);
        }
        SendResult::Accepted { provider_id } => {
            delivery.provider_id = provider_id;
            finish(&mut delivery, DeliveryState::Accepted, None);
        }
        SendResult::Throttled { until } => {
            let until = until.min(now.saturating_add(LONGEST_THROTTLE)?);
            delivery.next_at = until;
            let why = format!("it asked to wait until {until:.0}");
            delivery.last_failure = Some(Failure::new(Class::Deferred, why));
            let why = "it asked to wait".to_owned();
            // Also if nothing more can be written than that.
            visit.park(until, why.clone());
            parks = Some((until, why));
        }
        SendResult::Transient {
            failure,
            not_before,
        } => {
            retry_later(app, &mut delivery, now, failure);
            delivery.next_at = not_before.map_or(delivery.next_at, |at| at.max(delivery.next_at));
        }
        SendResult::Unknown { failure } => {
            outcome_unknown(app, channel, &mut delivery, now, failure);
        }
        SendResult::RejectedMessage { failure } => {
            finish(&mut delivery, DeliveryState::Dead, Some(failure));
        }
        SendResult::RejectedDestination { failure } => {
            delivery.next_at = now;
            delivery.last_failure = Some(failure);
        }
    }
    let next_at = delivery.next_at;
    let after = if delivery.state.is_final() {
        let notice = delivery.clone();
        let after = settle(visit, key, delivery, version).await?;
        if seen.is_success() {
            visit.note_success(&notice, now).await?;
        }
        after
    } else {
        visit.report.failed += 1;
        match json::replace(app.documents(), key, &delivery, &version).await {
            Ok(_) | Err(Error::Moved { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        After::Waits { next_at }
    };
    if let (SendResult::Throttled { .. }, Some((until, _))) = (&seen, &parks) {
        visit.note_throttling(*until, now).await?;
    }
    // That one notice is refused says nothing about the destination.
    let about_destination = !matches!(seen, SendResult::RejectedMessage { .. });
    if let Some(failure) = seen.failure().filter(|_| about_destination)
        && let Some(rest) = visit.note_failure(&seen, failure, now).await?
    {
        parks = Some((now.saturating_add(rest)?, failure.to_string()));
    }
    Ok(match parks {
        Some((until, why)) => After::Parks { until, why },
        None => after,
    })
}

/// Plans the next try of a failed send, or gives up at the end of the schedule.
fn retry_later(app: &App, delivery: &mut Delivery, now: Timestamp, failure: Failure) {
    delivery.failures += 1;
    delivery.state = DeliveryState::Queued;
    match back_off(delivery, &app.config().delivery.retry) {
        Some(wait) => {
            delivery.next_at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
            delivery.last_failure = Some(failure);
        }
        None => finish(delivery, DeliveryState::Dead, Some(failure)),
    }
}

/// Applies the channel's policy for an outcome that nobody knows.
fn outcome_unknown(
    app: &App,
    channel: &dyn Channel,
    delivery: &mut Delivery,
    since: Timestamp,
    failure: Failure,
) {
    let policy = channel.unknown_policy();
    delivery.unknown_outcomes += 1;
    let twice = delivery.unknown_outcomes > 1;
    let matters = !matches!(delivery.notice.message, Message::Probe { .. });
    if policy.resend == Resend::OnceIfItMatters && (twice || !matters) {
        let detail = format!(
            "the outcome is unknown and will not be asked again: {}",
            failure.detail
        );
        let failure = Failure::new(failure.class, detail);
        finish(delivery, DeliveryState::Dead, Some(failure));
        return;
    }
    retry_later(app, delivery, since, failure);
    if delivery.state.is_final() {
        return;
    }
    let wait = app.config().delivery.unknown_wait.unwrap_or(policy.wait);
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    delivery.next_at = since
        .saturating_add(wait)
        .unwrap_or(Timestamp::MAX)
        .max(delivery.next_at);
    delivery.notice.maybe_duplicate |= policy.mark;
}
