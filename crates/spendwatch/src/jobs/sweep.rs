//! Sweep: heal what a kill or a lost hint left behind.

use std::collections::BTreeMap;

use budget_engine::Ledger;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use state_store::{Error, Version, json};

use crate::app::{App, Hint};
use crate::jobs::native_alert;
use crate::jobs::{act, attend, watch};
use crate::ledgers::deliveries_of;
use crate::measures;
use crate::outbox::{Lane, OUTBOX, lane_key};

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Ledgers whose notices were not all in the outbox.
    pub routed: usize,
    /// Destinations that were hinted at again.
    pub hinted: Vec<String>,
    /// Live deliveries by destination.
    pub waiting: BTreeMap<String, usize>,
    /// Alerts of Azure's budgets that were stored and had not made anybody evaluate.
    #[serde(default)]
    pub alerts: usize,
    /// Actions that were hinted at again.
    #[serde(default)]
    pub actions: Vec<String>,
    /// What the clock did to alerts; absent when it was not their turn.
    #[serde(default)]
    pub attended: Option<attend::Report>,
    /// When budgets were last evaluated, and whether that is too long ago.
    pub last_evaluation: Option<Timestamp>,
    /// Whether that is later than it should be.
    pub evaluation_is_late: bool,
}

/// How old a marker must be before it is removed: longer than any evaluation, so that the marker of
/// one that is about to write its ledger stays.
const MARKER_AGE: SignedDuration = SignedDuration::from_mins(15);

/// How often alerts are looked at for what the clock does to them. It asks for each that stands, so not
/// each minute; nothing of it is urgent to the minute.
const ATTEND_EVERY_MINUTES: i64 = 5;

/// The minute of a moment, counted through.
fn minute(now: Timestamp) -> i64 {
    now.as_second().div_euclid(60)
}

/// Looks at everything that may have been left behind, and hints at it again.
pub async fn run(app: &App) -> anyhow::Result<Report> {
    let now = app.now();
    let mut report = Report::default();
    let mut failure = None;
    for marker in app.documents().list("unrouted/").await? {
        match heal(app, &marker, now).await {
            Ok(true) => report.routed += 1,
            Ok(false) => {}
            // One ledger that cannot be read does not keep the others from being healed.
            Err(error) => {
                tracing::error!(
                    marker,
                    error = format!("{error:#}"),
                    "a ledger cannot be healed"
                );
                failure = Some(error);
            }
        }
    }
    if minute(now) % ATTEND_EVERY_MINUTES == 0 {
        match attend::run(app).await {
            Ok(attended) => report.attended = Some(attended),
            Err(error) => failure = Some(error),
        }
    }
    if let Err(error) = watch::run(app).await {
        tracing::error!(error = format!("{error:#}"), "the watchdog failed");
        failure = Some(error);
    }
    for key in app.documents().list(OUTBOX).await? {
        if let Some((destination, _)) = key[OUTBOX.len()..].split_once('/') {
            *report.waiting.entry(destination.to_owned()).or_default() += 1;
        }
    }
    measures::waiting(report.waiting.values().sum());
    for (destination, waiting) in &report.waiting {
        let lane: Option<(Lane, Version)> =
            json::get(app.documents(), &lane_key(destination)).await?;
        // A worker is on it, or everything that is there waits for its time.
        let calm = lane.is_some_and(|(lane, _)| {
            let working = lane.lease_until.is_some_and(|until| until > now);
            let not_due = lane.next_due.is_some_and(|due| due > now) && lane.left == *waiting;
            working || not_due
        });
        if !calm {
            let hint = Hint::Deliver {
                destination: destination.clone(),
            };
            app.hint(&hint, SignedDuration::ZERO).await?;
            report.hinted.push(destination.clone());
        }
    }
    report.alerts = match native_alert::heal(app).await {
        Ok(healed) => healed,
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "alerts of Azure's budgets cannot be healed"
            );
            failure = Some(error);
            0
        }
    };
    let due = act::due(app).await.unwrap_or_else(|error| {
        tracing::error!(
            error = format!("{error:#}"),
            "actions cannot be looked through"
        );
        failure = Some(error);
        Vec::new()
    });
    for action in due {
        let hint = Hint::Act {
            action: action.clone(),
        };
        app.hint(&hint, SignedDuration::ZERO).await?;
        report.actions.push(action);
    }
    let pulse = app.pulse().await?;
    report.last_evaluation = pulse.last_evaluation;
    report.evaluation_is_late = pulse.is_late;
    if report.evaluation_is_late {
        tracing::error!(
            last_evaluation = report.last_evaluation.map(|at| at.to_string()),
            "budgets have not been evaluated for too long"
        );
    }
    failure.map_or(Ok(report), Err)
}

/// Routes what an evaluator left behind at a marker; says whether there was anything. A marker
/// without work goes when it is old.
async fn heal(app: &App, marker: &str, now: Timestamp) -> anyhow::Result<bool> {
    // Read before the ledger: a marker that is written later stays.
    let Some((since, marked)) = json::get::<Timestamp>(app.documents(), marker).await? else {
        return Ok(false);
    };
    let ledger_key = marker.replacen("unrouted/", "ledger/", 1);
    let stored: Option<(Ledger, Version)> = json::get(app.documents(), &ledger_key).await?;
    if let Some((ledger, version)) = stored
        && ledger
            .transitions
            .iter()
            .any(|transition| !transition.routed)
    {
        deliveries_of(app, &ledger_key, ledger, version).await?;
        return Ok(true);
    }
    if since.saturating_add(MARKER_AGE).is_ok_and(|end| end < now) {
        match app.documents().delete(marker, &marked).await {
            Ok(()) | Err(Error::Moved { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}
