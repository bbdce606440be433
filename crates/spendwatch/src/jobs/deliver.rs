//! Deliver: send what is due in one lane, one worker at a time, and record every fate.
//!
//! The lane's lease is taken by a conditional write. Before a send the delivery is marked as being
//! sent, after it the outcome is written; both carry the version that was read. A kill between the
//! two leaves a delivery whose outcome nobody knows: it is sent once more, marked as a possible
//! duplicate, and never a third time without an answer (receivers that recognize a repetition by
//! its id are asked again as after any failure).

use std::collections::BTreeMap;

use alert_channels::{Attempt, Channel, Class, Failure, Message, Resend, SendResult};
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use state_store::{Error, Version, json};

use crate::app::{App, Hint};
use crate::outbox::{Delivery, DeliveryState, Lane, OUTBOX, back_off, lane_key};
use crate::threads::{self, First};

/// What came of one visit to a lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The destination.
    pub destination: String,
    /// Sends that succeeded.
    pub sent: usize,
    /// Sends that did not, and will be tried again.
    pub failed: usize,
    /// Deliveries that ended without arriving: dead, expired or suppressed.
    pub given_up: usize,
    /// Live deliveries that are left.
    pub left: usize,
    /// When the next of them is due.
    pub next_due: Option<Timestamp>,
    /// Another worker has the lane, or the destination asked to wait.
    pub skipped: Option<String>,
}

/// How long a destination that refuses everything is left alone.
const PARK_AFTER_REJECTION: SignedDuration = SignedDuration::from_mins(30);
/// The longest a destination may ask us to wait.
const LONGEST_THROTTLE: SignedDuration = SignedDuration::from_hours(24);
/// How long a visit begins new sends, so that it ends well within the host's time limit.
const VISIT_TIME: SignedDuration = SignedDuration::from_secs(60);
/// How long a visit waits that could send nothing because its lease was nearly over.
const SHORT_OF_TIME: SignedDuration = SignedDuration::from_secs(30);

/// What bounds a visit to a lane.
struct Visit {
    /// Number of the lease.
    fence: u64,
    /// When another worker may take the lane.
    lease_until: Timestamp,
    /// After this, no send is begun.
    ends: Timestamp,
}

/// Sends what is due in the lane of a destination.
pub async fn run(app: &App, destination: &str) -> anyhow::Result<Report> {
    let mut report = Report {
        destination: destination.to_owned(),
        ..Report::default()
    };
    if let Some(Err(why)) = app.channel(destination) {
        // Nothing was sent, so the lane stays free for the moment in which the channel can be made.
        tracing::error!(destination, why, "the channel cannot be used");
        let prefix = format!("{OUTBOX}{destination}/");
        report.left = app.documents().list(&prefix).await?.len();
        report.skipped = Some(format!("the channel cannot be used: {why}"));
        return Ok(report);
    }
    let Some((mut lane, version)) = take_lane(app, destination, &mut report).await? else {
        return Ok(report);
    };
    let visit = Visit {
        fence: lane.fence,
        lease_until: lane.lease_until.unwrap_or(Timestamp::MIN),
        ends: app.now().saturating_add(VISIT_TIME)?,
    };
    let keys = app
        .documents()
        .list(&format!("{OUTBOX}{destination}/"))
        .await?;
    // What is said about one alert arrives in order: later messages wait as long as earlier ones.
    let mut waiting: BTreeMap<(String, Option<String>), Timestamp> = BTreeMap::new();
    for key in &keys {
        let (delivery, version) = match json::get::<Delivery>(app.documents(), key).await {
            Ok(Some(stored)) => stored,
            Ok(None) => continue,
            Err(error @ Error::Corrupt { .. }) => {
                // Somebody must look; the others go on.
                tracing::error!(key, error = %error, "a delivery cannot be read");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let (alert, recipient) = delivery.sequence();
        let sequence = (alert.to_owned(), recipient.map(str::to_owned));
        let now = app.now();
        let is_parked = lane.not_before.is_some_and(|until| until > now);
        let earlier = waiting.get(&sequence).copied();
        let after = if is_parked || earlier.is_some() || visit.ends <= now {
            After::Waits {
                next_at: delivery.next_at,
            }
        } else {
            step(app, &visit, key, delivery, version, &mut report).await?
        };
        let next_at = match after {
            After::Ended => continue,
            After::Waits { next_at } => earlier.map_or(next_at, |earlier| earlier.max(next_at)),
            After::Parks { until, why } => {
                tracing::error!(destination, until = %until, why, "destination is parked");
                lane.not_before = Some(until);
                lane.parked_because = Some(why);
                until
            }
        };
        waiting.insert(sequence, next_at);
        report.left += 1;
        let due = lane.not_before.map_or(next_at, |until| until.max(next_at));
        report.next_due = Some(report.next_due.map_or(due, |next| next.min(due)));
    }
    lane.lease_until = None;
    lane.next_due = report.next_due;
    lane.left = report.left;
    match json::replace(app.documents(), &lane_key(destination), &lane, &version).await {
        Ok(_) | Err(Error::Moved { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(next_due) = report.next_due {
        let wait = next_due.duration_since(app.now()).max(SignedDuration::ZERO);
        app.hint(
            &Hint::Deliver {
                destination: destination.to_owned(),
            },
            wait,
        )
        .await?;
    }
    Ok(report)
}

/// Takes the lane's lease; `None` when it is taken or parked.
async fn take_lane(
    app: &App,
    destination: &str,
    report: &mut Report,
) -> anyhow::Result<Option<(Lane, Version)>> {
    let now = app.now();
    let key = lane_key(destination);
    let stored: Option<(Lane, Version)> = json::get(app.documents(), &key).await?;
    let (mut lane, version) = match stored {
        Some((lane, version)) => (lane, Some(version)),
        None => (Lane::default(), None),
    };
    if let Some(until) = lane.lease_until.filter(|until| *until > now) {
        report.skipped = Some(format!("another worker has the lane until {until:.0}"));
        // That worker may have listed the outbox before the delivery behind this hint was there.
        let wait = until.duration_since(now);
        app.hint(
            &Hint::Deliver {
                destination: destination.to_owned(),
            },
            wait,
        )
        .await?;
        return Ok(None);
    }
    if let Some(until) = lane.not_before.filter(|until| *until > now) {
        let why = lane.parked_because.as_deref().unwrap_or("it asked to wait");
        report.skipped = Some(format!("the destination is parked until {until:.0}: {why}"));
        report.left = lane.left;
        report.next_due = Some(until);
        return Ok(None);
    }
    lane.lease_until =
        Some(now.checked_add(SignedDuration::try_from(app.config().delivery.lease)?)?);
    lane.fence += 1;
    lane.not_before = None;
    lane.parked_because = None;
    let written = match &version {
        Some(version) => json::replace(app.documents(), &key, &lane, version).await,
        None => json::create(app.documents(), &key, &lane).await,
    };
    match written {
        Ok(version) => Ok(Some((lane, version))),
        Err(Error::Moved { .. } | Error::Exists { .. }) => {
            report.skipped = Some("another worker took the lane".to_owned());
            let hint = Hint::Deliver {
                destination: destination.to_owned(),
            };
            app.hint(
                &hint,
                SignedDuration::try_from(app.config().delivery.lease)?,
            )
            .await?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// What a step leaves behind.
enum After {
    /// The delivery is finished.
    Ended,
    /// It waits.
    Waits { next_at: Timestamp },
    /// The whole destination waits.
    Parks { until: Timestamp, why: String },
}

/// Brings one delivery forward by one step.
async fn step(
    app: &App,
    visit: &Visit,
    key: &str,
    mut delivery: Delivery,
    mut version: Version,
    report: &mut Report,
) -> anyhow::Result<After> {
    let now = app.now();
    if delivery.state.is_final() {
        archive(app, key, &delivery, &version).await?;
        return Ok(After::Ended);
    }
    if app
        .documents()
        .get(&delivery.history_key())
        .await?
        .is_some()
    {
        // A routing pass that was repeated after the delivery was finished.
        remove(app, key, &version).await?;
        return Ok(After::Ended);
    }
    let channel = match app.channel(&delivery.destination) {
        Some(Ok(channel)) => channel,
        Some(Err(why)) => {
            anyhow::bail!("the channel {} cannot be used: {why}", delivery.destination)
        }
        None => {
            let why = Failure::new(
                Class::NotFound,
                "the destination is not configured any more",
            );
            finish(&mut delivery, DeliveryState::Dead, Some(why));
            return settle(app, key, delivery, version, report).await;
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
            return settle(app, key, delivery, version, report).await;
        }
        match json::replace(app.documents(), key, &delivery, &version).await {
            Ok(newer) => version = newer,
            Err(Error::Moved { .. }) => return Ok(After::Waits { next_at: now }),
            Err(error) => return Err(error.into()),
        }
    }
    if delivery.expires_at <= now {
        finish(&mut delivery, DeliveryState::Expired, None);
        return settle(app, key, delivery, version, report).await;
    }
    if delivery.next_at > now {
        return Ok(After::Waits {
            next_at: delivery.next_at,
        });
    }
    let send_timeout = SignedDuration::try_from(app.config().delivery.send_timeout)?;
    if app.now().saturating_add(send_timeout)? >= visit.lease_until {
        return Ok(After::Waits {
            next_at: now.saturating_add(SHORT_OF_TIME)?,
        });
    }
    let sending = DeliveryState::Sending {
        fence: visit.fence,
        since: now,
    };
    delivery.state = sending.clone();
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
    let after = record(app, channel, key, delivery, version, result, report).await?;
    if let Some(first) = first {
        first.remember(app).await;
    }
    Ok(after)
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
    app: &App,
    channel: &dyn Channel,
    key: &str,
    mut delivery: Delivery,
    version: Version,
    result: SendResult,
    report: &mut Report,
) -> anyhow::Result<After> {
    let now = app.now();
    let mut parks = None;
    delivery.state = DeliveryState::Queued;
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
            parks = Some((until, "it asked to wait".to_owned()));
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
            let until = now.saturating_add(PARK_AFTER_REJECTION)?;
            delivery.next_at = until;
            parks = Some((until, failure.to_string()));
            delivery.last_failure = Some(failure);
        }
    }
    if delivery.state.is_final() {
        return settle(app, key, delivery, version, report).await;
    }
    report.failed += 1;
    let next_at = delivery.next_at;
    match json::replace(app.documents(), key, &delivery, &version).await {
        Ok(_) | Err(Error::Moved { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(match parks {
        Some((until, why)) => After::Parks { until, why },
        None => After::Waits { next_at },
    })
}

fn finish(delivery: &mut Delivery, state: DeliveryState, failure: Option<Failure>) {
    delivery.state = state;
    if failure.is_some() {
        delivery.last_failure = failure;
    }
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

/// Records the end of a delivery, then moves it to the history.
async fn settle(
    app: &App,
    key: &str,
    delivery: Delivery,
    version: Version,
    report: &mut Report,
) -> anyhow::Result<After> {
    if matches!(
        delivery.state,
        DeliveryState::Delivered | DeliveryState::Accepted
    ) {
        report.sent += 1;
    } else {
        report.given_up += 1;
        tracing::error!(
            delivery.id = delivery.id,
            destination = delivery.destination,
            state = delivery.state.as_str(),
            why = delivery.last_failure.as_ref().map(ToString::to_string),
            "a notice will not arrive"
        );
    }
    let mut version = version;
    loop {
        match json::replace(app.documents(), key, &delivery, &version).await {
            Ok(version) => {
                archive(app, key, &delivery, &version).await?;
                return Ok(After::Ended);
            }
            Err(Error::Moved { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        // Our own first try got through, or another worker took over after our lease: an end that is
        // recorded stands, and otherwise ours is the newest that is known.
        match json::get::<Delivery>(app.documents(), key).await? {
            Some((stored, newer)) if !stored.state.is_final() => version = newer,
            Some((stored, newer)) => {
                archive(app, key, &stored, &newer).await?;
                return Ok(After::Ended);
            }
            None => return Ok(After::Ended),
        }
    }
}

/// First into the history, then out of the outbox: a kill between the two is healed by the next visit.
async fn archive(
    app: &App,
    key: &str,
    delivery: &Delivery,
    version: &Version,
) -> anyhow::Result<()> {
    match json::create(app.documents(), &delivery.history_key(), delivery).await {
        Ok(_) | Err(Error::Exists { .. }) => {}
        Err(error) => return Err(error).context("write the delivery history"),
    }
    remove(app, key, version).await
}

async fn remove(app: &App, key: &str, version: &Version) -> anyhow::Result<()> {
    match app.documents().delete(key, version).await {
        Ok(()) | Err(Error::Moved { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Sends everything that is due now, in all lanes. For the command line, which has no queue workers.
pub async fn run_all(app: &App) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for destination in app.destinations_with_work().await? {
        loop {
            let report = run(app, &destination).await?;
            let again = report.sent > 0 && report.next_due.is_some_and(|due| due <= app.now());
            reports.push(report);
            if !again {
                break;
            }
        }
    }
    Ok(reports)
}
