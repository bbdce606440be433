//! Attend: what the clock does to alerts. People are reminded, others are told, and alerts close when
//! their period is over.
//!
//! A marker `open/<budget>/<period>` leads to each ledger in which a crossing stands, so that the
//! sweep looks at few of them.

use std::collections::BTreeMap;

use budget_engine::{AlertState, Ledger, Status, plus_days};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use state_store::{Error, Version, json};

use crate::app::App;
use crate::clock::day_of;
use crate::jobs::evaluate::BudgetReport;
use crate::ledgers::{self, Decided, OPEN};
use crate::measures;
use crate::outbox;
use crate::standing::CLOSING_DAYS;

/// What attending to alerts did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Ledgers in which a crossing stands.
    pub open: usize,
    /// Reminders, escalations and closings.
    pub transitions: usize,
    /// Deliveries that they became.
    pub deliveries: usize,
}

/// Looks at every alert that stands. One ledger that fails does not stop the others.
///
/// # Errors
/// When the markers cannot be listed, or the last of the ledgers that failed.
pub async fn run(app: &App) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut failure = None;
    let mut standing = BTreeMap::new();
    for marker in app.documents().list(OPEN).await? {
        let Some((budget, period_key)) = marker[OPEN.len()..].split_once('/') else {
            continue;
        };
        match attend(app, &marker, budget, period_key, &mut report, &mut standing).await {
            Ok(true) => report.open += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(
                    marker,
                    error = format!("{error:#}"),
                    "alerts cannot be attended to"
                );
                failure = Some(error);
            }
        }
    }
    measures::standing(&standing);
    failure.map_or(Ok(report), Err)
}

/// Counts the alerts that stand by their state.
fn count(ledger: &Ledger, standing: &mut BTreeMap<&'static str, usize>) {
    for alert in ledger.alerts.values() {
        let state = match alert.state {
            AlertState::Firing if alert.acknowledged.is_some() => "acknowledged",
            AlertState::Firing => "firing",
            AlertState::Covered { .. } => "covered",
            AlertState::Withdrawn | AlertState::Resolved | AlertState::Closed => continue,
        };
        *standing.entry(state).or_default() += 1;
    }
}

/// Attends to one ledger; says whether a crossing stands in it.
async fn attend(
    app: &App,
    marker: &str,
    budget: &str,
    period_key: &str,
    report: &mut Report,
    standing: &mut BTreeMap<&'static str, usize>,
) -> anyhow::Result<bool> {
    let key = ledgers::key(budget, period_key);
    for _ in 0..ledgers::TRIES {
        let stored: Option<(Ledger, Version)> = json::get(app.documents(), &key).await?;
        let Some((ledger, version)) = stored.filter(|(ledger, _)| ledger.is_open()) else {
            forget(app, marker, &key).await?;
            return Ok(false);
        };
        let next = after(app, &ledger, budget).await?;
        if next == ledger {
            count(&ledger, standing);
            return Ok(true);
        }
        let added = next.transitions.len() - ledger.transitions.len();
        let is_open = next.is_open();
        let open = next.clone();
        let decided = Decided {
            budget: app.config().budgets.get(budget),
            decisions: &[],
            ledger: next,
        };
        if let Some(routed) = ledgers::commit(app, Some((ledger, version)), decided).await? {
            report.transitions += added;
            report.deliveries += routed.deliveries;
            for hint in routed.hints {
                app.hint(&hint, SignedDuration::ZERO).await?;
            }
            if is_open {
                count(&open, standing);
            } else {
                forget(app, marker, &key).await?;
            }
            return Ok(is_open);
        }
    }
    anyhow::bail!("the ledger {key} is being written by others again and again")
}

/// The ledger as the clock makes it.
async fn after(app: &App, ledger: &Ledger, budget: &str) -> anyhow::Result<Ledger> {
    let now = app.now();
    if is_closed(ledger, now) {
        return Ok(ledger.close(now));
    }
    let Some(budget) = app.config().budgets.get(budget) else {
        return Ok(ledger.clone());
    };
    let is_due = ledger.next_attention(budget).is_some_and(|due| due <= now);
    let has_untold = ledger.alerts.values().any(|one| ledger.is_untold(one));
    if !is_due && !has_untold {
        return Ok(ledger.clone());
    }
    let status = last_status(app, &budget.id).await?;
    let mut next = match is_due {
        true => {
            let heard = heard(app, ledger).await?;
            ledger.attend(budget, status.as_ref(), &heard, now)
        }
        false => ledger.clone(),
    };
    // What reached nobody is told as soon as there is somebody.
    for (key, alert) in &ledger.alerts {
        if !ledger.is_untold(alert) {
            continue;
        }
        let again = ledgers::told_at_last(app, budget, &next, key, status.as_ref());
        next = again.unwrap_or(next);
    }
    Ok(next)
}

/// When people hear of the alerts whose notices were held back, by the key of the alert: whoever was not
/// told yet cannot answer.
async fn heard(app: &App, ledger: &Ledger) -> anyhow::Result<BTreeMap<String, Timestamp>> {
    let mut heard = BTreeMap::new();
    for (key, alert) in &ledger.alerts {
        let fired = ledger
            .fired(alert)
            .filter(|_| alert.state == AlertState::Firing);
        let Some(fired) = fired else { continue };
        let mut first: Option<Timestamp> = None;
        for routed in fired.route.iter().flatten() {
            let stored = outbox::find(app.documents(), fired.at, routed).await?;
            let until = stored
                .and_then(|one| one.held)
                .map_or(fired.at, |hold| hold.until);
            first = Some(first.map_or(until, |first| first.min(until)));
        }
        if let Some(first) = first.filter(|first| *first > fired.at) {
            heard.insert(key.clone(), first);
        }
    }
    Ok(heard)
}

/// Whether nothing is evaluated in the period of a ledger any more.
fn is_closed(ledger: &Ledger, now: Timestamp) -> bool {
    let end = ledger.transitions.last().map(|one| one.status.period.end());
    end.is_some_and(|end| plus_days(end, CLOSING_DAYS) <= day_of(now))
}

/// The figures of the last evaluation.
async fn last_status(app: &App, budget: &str) -> anyhow::Result<Option<Status>> {
    let key = format!("status/{budget}");
    let stored: Option<(BudgetReport, Version)> = json::get(app.documents(), &key).await?;
    Ok(stored.and_then(|(report, _)| report.last_known()))
}

/// Removes the marker of a ledger in which nothing stands. A crossing that is written meanwhile gets
/// it back.
async fn forget(app: &App, marker: &str, ledger_key: &str) -> anyhow::Result<()> {
    let Some(document) = app.documents().get(marker).await? else {
        return Ok(());
    };
    match app.documents().delete(marker, &document.version).await {
        Ok(()) | Err(Error::Moved { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let stored: Option<(Ledger, Version)> = json::get(app.documents(), ledger_key).await?;
    if stored.is_some_and(|(ledger, _)| ledger.is_open()) {
        match json::create(app.documents(), marker, &app.now()).await {
            Ok(_) | Err(Error::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
