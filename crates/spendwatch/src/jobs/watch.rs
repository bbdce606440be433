//! Watch: whether the watching itself goes on. Evaluation that is late and data that stay away are told to
//! the fallback destination, once for each time; and once a week every destination gets a test, and owners
//! hear where their budgets stand.

use alert_channels::{Message, Notice};
use jiff::{SignedDuration, Timestamp};
use state_store::{Error, Version, json};

use crate::app::{App, Hint, Pulse};
use crate::jobs::digest;
use crate::outbox::{self, Delivery, Lane, delivery_id};
use crate::routing;
use crate::trouble::{self, Trouble};

/// How often the age of data is looked at: it changes by the day.
const DATA_EVERY_MINUTES: i64 = 60;
/// How many budgets a notice names.
const MOST_NAMED: usize = 20;
/// How long a weekly test is worth sending; it may begin two days late.
const WORTH_TESTING: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Looks after the watcher.
pub async fn run(app: &App) -> anyhow::Result<()> {
    let now = app.now();
    let pulse = app.pulse().await?;
    evaluation(app, &pulse).await?;
    budgets(app, &pulse).await?;
    if now.as_second().div_euclid(60) % DATA_EVERY_MINUTES == 0 {
        data(app).await?;
    }
    let attention = &app.config().attention;
    if let Some(at) = attention.canary.and_then(|canary| canary.last(now)) {
        test_destinations(app, at).await?;
    }
    if let Some(digest) = &attention.digest
        && let Some(at) = digest.at.last(now)
    {
        digest::run(app, &digest.notify, at).await?;
    }
    Ok(())
}

/// The destinations that nothing reaches now: their channels cannot be made, or somebody was told that they
/// do not work.
///
/// # Errors
/// When the state cannot be read.
pub async fn unreachable(app: &App) -> anyhow::Result<Vec<String>> {
    let mut unreachable = Vec::new();
    for name in app.config().channels.keys() {
        let is_unusable = matches!(app.channel(name), Some(Err(_)));
        let is_down = || async {
            let lane: Option<(Lane, Version)> =
                json::get(app.documents(), &outbox::lane_key(name)).await?;
            anyhow::Ok(lane.is_some_and(|(lane, _)| lane.health.told.is_some()))
        };
        if is_unusable || is_down().await? {
            unreachable.push(name.clone());
        }
    }
    Ok(unreachable)
}

/// Tells when a read has not been evaluated for too long.
async fn evaluation(app: &App, pulse: &Pulse) -> anyhow::Result<()> {
    let Some(since) = pulse.late_since else {
        return Ok(());
    };
    let last = match pulse.last_evaluation {
        Some(at) => format!("The last evaluation that worked was at {at:.0}."),
        None => "No evaluation has worked so far.".to_owned(),
    };
    let trouble = Trouble {
        key: format!("evaluation/{}", since.as_second()),
        about: None,
        title: "budgets are not evaluated".to_owned(),
        lines: vec![
            last,
            "Until it works again nobody is told when a budget is passed, but by Azure's own budgets."
                .to_owned(),
        ],
        advice: Some("look into the log, and run: spendwatch check --online".to_owned()),
    };
    trouble::tell(app, &trouble).await
}

/// Tells of budgets that cannot be evaluated; once more when there are others.
async fn budgets(app: &App, pulse: &Pulse) -> anyhow::Result<()> {
    let newest = pulse.unevaluated.values().map(|one| one.since).max();
    let Some(newest) = newest else {
        return Ok(());
    };
    let mut lines: Vec<String> = pulse
        .unevaluated
        .iter()
        .take(MOST_NAMED)
        .map(|(budget, one)| format!("{budget}, since {:.0}: {}.", one.since, one.why))
        .collect();
    if pulse.unevaluated.len() > MOST_NAMED {
        lines.push(format!(
            "And {} more.",
            pulse.unevaluated.len() - MOST_NAMED
        ));
    }
    lines.push("Nobody is told when they are passed.".to_owned());
    let trouble = Trouble {
        key: format!("budgets/{}", newest.as_second()),
        about: None,
        title: "budgets cannot be evaluated".to_owned(),
        lines,
        advice: Some("mend the cause, then run: spendwatch evaluate".to_owned()),
    };
    trouble::tell(app, &trouble).await
}

/// Tells when data are stale, for budgets whose own thresholds do not.
async fn data(app: &App) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    let mut oldest = None;
    for report in app.last_reports().await? {
        let Some(status) = report.status.filter(|status| status.data.stale) else {
            continue;
        };
        let budget = app.config().budgets.get(&status.budget);
        let tells = budget.is_some_and(|budget| {
            let mut thresholds = budget.thresholds.iter();
            thresholds.any(|one| matches!(one.when, budget_engine::When::Stale(_)))
        });
        if tells {
            continue;
        }
        let last_day = status.data.last_day;
        lines.push(format!("{}: no costs after {last_day}", status.budget));
        oldest = oldest.min(Some(last_day)).or(Some(last_day));
    }
    let Some(oldest) = oldest else {
        return Ok(());
    };
    let trouble = Trouble {
        key: format!("data/{oldest}"),
        about: None,
        title: "cost data stay away".to_owned(),
        lines,
        advice: Some(
            "look whether the exports run and what the identity may read: spendwatch check --online"
                .to_owned(),
        ),
    };
    trouble::tell(app, &trouble).await
}

/// Puts a test for every destination into the outbox, once a week. A failure shows as any other: the
/// fallback hears of it.
async fn test_destinations(app: &App, at: Timestamp) -> anyhow::Result<()> {
    let done = format!("canaries/{}", at.as_second());
    if app.documents().get(&done).await?.is_some() {
        return Ok(());
    }
    for (name, channel) in &app.config().channels {
        let recipients = routing::of_channel(app.config(), name);
        if recipients.is_empty() && channel.kind.mailing().is_some() {
            tracing::info!(
                destination = name,
                "it has no recipients of its own to test"
            );
        }
        for (destination, recipient) in recipients {
            let key = format!("canary/{}", at.as_second());
            let id = delivery_id(&key, &destination, recipient.as_deref(), "canary");
            let message = Message::Probe {
                at,
                from: "the weekly test of spendwatch".to_owned(),
            };
            let to = recipient.as_deref().unwrap_or(&destination);
            let mut notice = Notice::new(&id, format!("canary/{to}"), message);
            notice.recipient = recipient;
            let expires_at = at.saturating_add(WORTH_TESTING)?;
            let delivery = Delivery::new(&destination, notice, at, expires_at);
            if outbox::put(app.documents(), &delivery).await? {
                app.hint(&Hint::Deliver { destination }, SignedDuration::ZERO)
                    .await?;
            }
        }
    }
    match json::create(app.documents(), &done, &app.now()).await {
        Ok(_) | Err(Error::Exists { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
