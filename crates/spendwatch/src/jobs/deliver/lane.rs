//! The lane of a destination: its lease, and how the destination is doing.

use alert_channels::{Class, Failure, SendResult};
use jiff::{SignedDuration, Timestamp};
use state_store::{Error, Version, json};

use super::{Report, Visit};
use crate::app::{App, Hint};
use crate::gathering::recipient;
use crate::outbox::{Delivery, Health, Lane, OUTBOX};
use crate::trouble::{self, Trouble};

pub(super) use crate::outbox::lane_key as key;

/// Takes the lane's lease; `None` when it is taken or parked. A lane of which somebody was told that it
/// does not work is taken though it is parked, to look after what waits in it.
pub(super) async fn take_lane(
    app: &App,
    destination: &str,
    report: &mut Report,
) -> anyhow::Result<Option<(Lane, Version)>> {
    let now = app.now();
    let lane_key = key(destination);
    let stored: Option<(Lane, Version)> = json::get(app.documents(), &lane_key).await?;
    let (mut lane, version) = match stored {
        Some((lane, version)) => (lane, Some(version)),
        None => (Lane::default(), None),
    };
    if let Some(until) = lane.lease_until.filter(|until| *until > now) {
        report.skipped = Some(format!("another worker has the lane until {until:.0}"));
        report.is_taken = true;
        report.left = app
            .documents()
            .list(&format!("{OUTBOX}{destination}/"))
            .await?
            .len();
        report.next_due = Some(until);
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
        if lane.health.told.is_none() {
            report.left = lane.left;
            report.next_due = Some(until);
            return Ok(None);
        }
    } else {
        lane.not_before = None;
        lane.parked_because = None;
    }
    lane.lease_until =
        Some(now.checked_add(SignedDuration::try_from(app.config().delivery.lease)?)?);
    lane.fence += 1;
    let written = match &version {
        Some(version) => json::replace(app.documents(), &lane_key, &lane, version).await,
        None => json::create(app.documents(), &lane_key, &lane).await,
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

/// How many sends fail in a row before somebody is told.
const FAILURES_TO_TELL: u32 = 4;
/// How long a destination fails before it is switched off.
const LONGEST_FAILING: SignedDuration = SignedDuration::from_hours(5 * 24);
/// How long a destination that refuses is left alone.
const PARK_AFTER_REJECTION: SignedDuration = SignedDuration::from_mins(30);
/// How long a destination asks to wait, and takes nothing, before somebody is told.
const THROTTLED_TO_TELL: SignedDuration = SignedDuration::from_hours(2);
/// How often a destination that is switched off is tried all the same: it may have been mended.
const TRY_SWITCHED_OFF: SignedDuration = SignedDuration::from_hours(6);

impl Visit<'_> {
    /// Notes that a notice got through; tells that the destination works again, if it was told that
    /// it does not.
    pub(super) async fn note_success(
        &mut self,
        delivery: &Delivery,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        if let Some(allowance) = self.app.config().attention.allowance {
            let window = SignedDuration::from_hours(allowance.hours.into());
            self.lane.sent.retain(|_, times| {
                times.retain(|at| now.duration_since(*at) < window);
                !times.is_empty()
            });
            if crate::gathering::counts(delivery) {
                let times = self.lane.sent.entry(recipient(delivery)).or_default();
                times.push(now);
            }
        }
        let health = std::mem::take(&mut self.lane.health);
        match health.told {
            Some(since) => tell_recovered(self.app, &self.report.destination, since).await,
            None => Ok(()),
        }
    }

    /// Notes that a send failed, and tells somebody when it was not the first one. Gives how long
    /// the destination is left alone, if it is to be.
    pub(super) async fn note_failure(
        &mut self,
        result: &SendResult,
        failure: &Failure,
        now: Timestamp,
    ) -> anyhow::Result<Option<SignedDuration>> {
        let refused = matches!(result, SendResult::RejectedDestination { .. });
        let health = &mut self.lane.health;
        let since = *health.failing_since.get_or_insert(now);
        health.failures = health.failures.saturating_add(1);
        let for_long = now.duration_since(since) >= LONGEST_FAILING;
        let for_good =
            refused && matches!(failure.class, Class::Auth | Class::NotFound | Class::Gone);
        if health.switched_off.is_none() && (for_good || for_long) {
            health.switched_off = Some(now);
            health.told = Some(since);
            let lines = vec![
                format!("It fails since {since:.0}: {failure}."),
                "Notices are kept until they are too old, and it is tried every six hours."
                    .to_owned(),
            ];
            let advice = "mend the destination, then send a test: spendwatch probe";
            tell(
                self.app,
                &self.report.destination,
                "switched-off",
                since,
                "is switched off",
                lines,
                Some(advice),
            )
            .await?;
        } else if health.failures >= FAILURES_TO_TELL && health.told.is_none() {
            health.told = Some(since);
            let lines = vec![format!(
                "{} sends in a row have failed since {since:.0}: {failure}.",
                health.failures
            )];
            tell(
                self.app,
                &self.report.destination,
                "failing",
                since,
                "fails",
                lines,
                None,
            )
            .await?;
        }
        Ok(match self.lane.health.switched_off {
            Some(_) => Some(TRY_SWITCHED_OFF),
            None => refused.then_some(PARK_AFTER_REJECTION),
        })
    }

    /// Notes that the destination asked to wait, and tells somebody when it goes on asking.
    pub(super) async fn note_throttling(
        &mut self,
        until: Timestamp,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let health = &mut self.lane.health;
        let since = *health.throttled_since.get_or_insert(now);
        if health.told.is_some() || until.duration_since(since) < THROTTLED_TO_TELL {
            return Ok(());
        }
        health.told = Some(since);
        let lines = vec![
            format!("It takes nothing since {since:.0}, and asks to wait until {until:.0}."),
            "Notices are kept until they are too old.".to_owned(),
        ];
        let advice = "look whether it gets more than its limit, or who else uses it";
        tell(
            self.app,
            &self.report.destination,
            "throttled",
            since,
            "asks to wait for long",
            lines,
            Some(advice),
        )
        .await
    }

    /// Notes that the channel cannot be made as it is configured, and tells somebody.
    pub(super) async fn note_unusable(&mut self, why: &str, now: Timestamp) -> anyhow::Result<()> {
        let health = &mut self.lane.health;
        let since = *health.failing_since.get_or_insert(now);
        if health.told.is_some() {
            return Ok(());
        }
        health.told = Some(since);
        let lines = vec![
            format!("Nothing can be sent since {since:.0}: {why}."),
            "Notices are kept until they are too old.".to_owned(),
        ];
        let advice = "mend its settings, then send a test: spendwatch probe";
        tell(
            self.app,
            &self.report.destination,
            "unusable",
            since,
            "cannot be used",
            lines,
            Some(advice),
        )
        .await
    }
}

/// Tells of how a destination is doing; once for each time since which it is so.
async fn tell(
    app: &App,
    destination: &str,
    what: &str,
    since: Timestamp,
    verb: &str,
    lines: Vec<String>,
    advice: Option<&str>,
) -> anyhow::Result<()> {
    let trouble = Trouble {
        key: format!("{destination}/{what}/{}", since.as_second()),
        about: Some(destination.to_owned()),
        title: format!("the destination {destination} {verb}"),
        lines,
        advice: advice.map(str::to_owned),
    };
    trouble::tell(app, &trouble).await
}

/// Tells whoever was told that a destination does not work that it works again.
async fn tell_recovered(app: &App, destination: &str, since: Timestamp) -> anyhow::Result<()> {
    let lines = vec![format!("It did not work since {since:.0}.")];
    tell(
        app,
        destination,
        "recovered",
        since,
        "works again",
        lines,
        None,
    )
    .await
}

/// Forgets that a destination is failing, because it was just seen to work, and says so to whoever was told.
pub(crate) async fn revive(app: &App, destination: &str) -> anyhow::Result<()> {
    let lane_key = key(destination);
    let stored: Option<(Lane, Version)> = json::get(app.documents(), &lane_key).await?;
    let told = stored.and_then(|(lane, _)| lane.health.told);
    if let Some(since) = told {
        // First, and the same each time: a kill afterwards loses nothing.
        tell_recovered(app, destination, since).await?;
    }
    let revived = json::update::<Lane, Error>(app.documents(), &lane_key, |lane| {
        let is_down = |lane: &&Lane| lane.health != Health::default();
        Ok(lane.filter(is_down).map(|lane| {
            let mut lane = lane.clone();
            lane.health = Health::default();
            lane.not_before = None;
            lane.parked_because = None;
            lane
        }))
    });
    match revived.await {
        Ok(_) | Err(Error::Moved { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let hint = Hint::Deliver {
        destination: destination.to_owned(),
    };
    app.hint(&hint, SignedDuration::ZERO).await
}
