//! Explaining: what an alert rests on, worked out again from what is stored.

use anyhow::Context;
use budget_engine::{
    Change, Ledger, Money, Reason, Recheck, Severity, Status, Transition, Verdict, check_counted,
    counted_series, recheck,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use state_store::{Version, json};

use super::find::{Known, NotFound, Wanted, find};
use super::{OurAlert, our, silencing};
use crate::app::App;
use crate::clock::day_of;
use crate::jobs::deliveries::Fate;
use crate::outbox::{Delivery, history_key, live_key};
use crate::silences::{self, Silence};
use crate::snapshots;

/// An alert with its history, worked out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The alert.
    pub alert: OurAlert,
    /// Name of the budget: untrusted text.
    pub name: String,
    /// Whether everything that was told comes out again.
    pub verdict: Verdict,
    /// Silences that hold its notices back now.
    pub silences: Vec<Silence>,
    /// Everything that happened to it, oldest first; empty for one that was only covered by another.
    pub history: Vec<Told>,
}

/// One thing that happened to an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Number within the alert, from 1.
    pub sequence: u32,
    /// What happened.
    pub change: Change,
    /// When it was decided.
    pub at: Timestamp,
    /// How urgent.
    pub severity: Severity,
    /// Why.
    pub reason: Reason,
    /// Conditions that were crossed in the same step.
    pub also: Vec<String>,
    /// The figures.
    pub status: Box<Status>,
    /// Whether it comes out again.
    pub verdict: Verdict,
    /// The figures as they were told and as they come out again.
    pub recheck: Recheck,
    /// The spend by the costs that were known on that day, where they were kept and the figures matter.
    pub snapshot: Option<FromSnapshot>,
    /// Whom it went to, and what became of that.
    pub deliveries: Vec<Fate>,
    /// Whether it was news that reached nobody, because no destination was left and there was no fallback.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub told_nobody: bool,
}

/// The spend of a period by the costs that were kept of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FromSnapshot {
    /// When the source had written the costs that were kept.
    pub as_of: Timestamp,
    /// Spend to date as it was told.
    pub told: Money,
    /// Spend to date by the kept costs, counted as the budget is configured today; absent when they
    /// cannot be counted.
    pub spent: Option<Money>,
    /// Whether both are the same; absent when they cannot be compared.
    pub verdict: Option<Verdict>,
    /// What has to be known about the comparison.
    pub note: Option<String>,
}

/// Finds an alert and works out again what was told of it.
///
/// # Errors
/// When there is none or more than one, or the store fails.
pub async fn explain(app: &App, wanted: &Wanted) -> Result<Explained, NotFound> {
    let known = find(app, wanted).await?;
    Ok(explain_known(app, &known).await?)
}

pub(crate) async fn explain_known(app: &App, known: &Known) -> anyhow::Result<Explained> {
    let Known { ledger, key, alert } = known;
    let silences = silences::active(app.documents(), app.now()).await?;
    let mut history = Vec::new();
    let transitions = ledger.transitions.iter();
    for transition in transitions.filter(|one| one.alert == alert.id) {
        history.push(told(app, transition).await?);
    }
    let name = match history.last() {
        Some(told) => told.status.name.clone(),
        None => name(app, ledger),
    };
    Ok(Explained {
        alert: our(ledger, key, alert, &silences),
        name,
        verdict: Verdict::of(history.iter().all(|one| one.verdict == Verdict::Same)),
        silences: silencing(ledger, key, alert, &silences).cloned().collect(),
        history,
    })
}

fn name(app: &App, ledger: &Ledger) -> String {
    let budget = app.config().budgets.get(&ledger.budget);
    budget.map_or_else(|| ledger.budget.clone(), |budget| budget.name.clone())
}

async fn told(app: &App, transition: &Transition) -> anyhow::Result<Told> {
    let recheck = recheck(transition);
    let rests_on_figures = matches!(
        transition.change,
        Change::Fired | Change::Withdrawn | Change::Resolved
    );
    let snapshot = match rests_on_figures {
        true => from_snapshot(app, transition).await?,
        false => None,
    };
    let by_costs = snapshot.as_ref().and_then(|one| one.verdict);
    let is_same = recheck.verdict() == Verdict::Same && by_costs != Some(Verdict::Different);
    let mut deliveries = Vec::new();
    for one in transition.route.iter().flatten() {
        let keys = [
            history_key(transition.at, &one.id),
            live_key(&one.destination, transition.at, &one.id),
        ];
        for key in keys {
            let stored: Option<(Delivery, Version)> = json::get(app.documents(), &key).await?;
            if let Some((delivery, _)) = stored {
                deliveries.push(Fate::of(delivery));
                break;
            }
        }
    }
    Ok(Told {
        sequence: transition.sequence,
        change: transition.change,
        at: transition.at,
        severity: transition.severity,
        reason: transition.reason.clone(),
        also: transition.also.clone(),
        status: transition.status.clone(),
        verdict: Verdict::of(is_same),
        recheck,
        snapshot,
        deliveries,
        told_nobody: transition.reaches_nobody(),
    })
}

/// Counts the costs that were kept of the day of a decision.
async fn from_snapshot(app: &App, transition: &Transition) -> anyhow::Result<Option<FromSnapshot>> {
    let status = &*transition.status;
    let Some(budget) = app.config().budgets.get(&status.budget) else {
        return Ok(None);
    };
    let reads = app.reads().unwrap_or_default();
    let read = reads.iter().find(|read| read.budgets.contains(&budget.id));
    let Some(read) = read else {
        return Ok(None);
    };
    let day = day_of(transition.at);
    let known = snapshots::known_on(app.documents(), &read.key, day);
    let Some(known) = known.await.context("read snapshots")? else {
        return Ok(None);
    };
    let mut compared = FromSnapshot {
        as_of: known.facts.as_of(),
        told: status.spent,
        spent: None,
        verdict: None,
        note: None,
    };
    if known.from > status.period.start().max(status.data.first_day) {
        compared.note = Some(format!(
            "the kept costs begin on {}, after the beginning of the period",
            known.from
        ));
        return Ok(Some(compared));
    }
    let selectors = app.config().budgets.selectors(budget);
    let series = counted_series(&known.facts, &selectors);
    if let Err(error) = check_counted(&known.facts, budget, &series) {
        compared.note = Some(error.to_string());
        return Ok(Some(compared));
    }
    let days = series.iter().flat_map(|one| &one.days);
    let days = days.filter(|day| status.period.contains(day.date));
    let mut costs = days.map(|day| day.cost(status.cost_basis));
    let Some(spent) = costs.try_fold(Decimal::ZERO, |sum, cost| sum.checked_add(cost)) else {
        compared.note = Some("the sum is too large".to_owned());
        return Ok(Some(compared));
    };
    let spent = Money::new(spent, status.spent.currency);
    compared.spent = Some(spent);
    let is_same = spent == status.spent;
    if !is_same && compared.as_of != status.data.as_of {
        // A later evaluation of the same day has taken the place of the one that decided.
        compared.note = Some(format!(
            "the costs that were kept are those of a later read of the day, and the decision rests \
             on those written {}",
            status.data.as_of
        ));
        return Ok(Some(compared));
    }
    compared.verdict = Some(Verdict::of(is_same));
    Ok(Some(compared))
}
