//! Explaining: what an alert rests on, worked out again from what is stored.

use anyhow::Context;
use budget_engine::{
    Alert, AlertState, Change, Ledger, Money, Reason, Recheck, RoutedDelivery, Severity, Status,
    Transition, Verdict, check_counted, counted_series, recheck, recheck_covered,
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use state_store::{Version, json};

use super::find::{Known, NotFound, Wanted, find};
use super::{OurAlert, our, silencing};
use crate::app::App;
use crate::clock::day_of;
use crate::jobs::deliveries::{Fate, Lanes};
use crate::outbox::{Delivery, DeliveryState, INSTEAD, OUTBOX, delivery_id, history_key, live_key};
use crate::routing;
use crate::silences::{self, Silence};
use crate::snapshots;

/// How far it is looked who told of a delivery in its place.
const LONGEST_CHAIN: usize = 8;

/// An alert with its history, worked out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The alert.
    pub alert: OurAlert,
    /// Name of the budget: untrusted text.
    pub name: String,
    /// Whether everything that was told comes out again; absent when nothing is stored to compare.
    pub verdict: Option<Verdict>,
    /// Silences that hold its notices back now.
    pub silences: Vec<Silence>,
    /// Everything that happened to it, oldest first; empty for one that was only covered by another.
    pub history: Vec<Told>,
    /// The notice of another alert that told of it, if it was covered.
    pub told_with: Option<ToldWith>,
}

/// The notice that told of an alert with another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToldWith {
    /// Id of the other alert.
    pub alert: String,
    /// Id of its threshold, with its step.
    pub threshold: String,
    /// Its condition.
    pub when: String,
    /// What was told of it.
    pub told: Told,
    /// Whether the covered condition was met by the figures of that notice, too.
    pub recheck: Recheck,
}

impl ToldWith {
    /// Same if both conditions come out again.
    fn verdict(&self) -> Verdict {
        Verdict::of(self.told.verdict == Verdict::Same && self.recheck.verdict() == Verdict::Same)
    }
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
    /// Notices that told of it in the place of those: one that lists several, or a copy at the fallback.
    pub told_instead: Vec<Fate>,
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
    let mut lanes = Lanes::new(app);
    let mut history = Vec::new();
    let transitions = ledger.transitions.iter();
    for transition in transitions.filter(|one| one.alert == alert.id) {
        history.push(told(app, &mut lanes, transition).await?);
    }
    let told_with = told_with(app, &mut lanes, ledger, alert).await?;
    let all_told = history.iter().chain(told_with.iter().map(|one| &one.told));
    let name = match all_told.last() {
        Some(told) => told.status.name.clone(),
        None => name(app, ledger),
    };
    let verdicts = history.iter().map(|one| one.verdict);
    let verdicts = verdicts.chain(told_with.iter().map(ToldWith::verdict));
    let verdicts: Vec<Verdict> = verdicts.collect();
    let is_same = verdicts.iter().all(|one| *one == Verdict::Same);
    Ok(Explained {
        alert: our(ledger, key, alert, &silences),
        name,
        verdict: (!verdicts.is_empty()).then_some(Verdict::of(is_same)),
        silences: silencing(ledger, key, alert, &silences).cloned().collect(),
        history,
        told_with,
    })
}

/// What told of an alert that is covered by another, or was and never fired on its own.
async fn told_with(
    app: &App,
    lanes: &mut Lanes<'_>,
    ledger: &Ledger,
    alert: &Alert,
) -> anyhow::Result<Option<ToldWith>> {
    let Some(teller) = teller(ledger, alert) else {
        return Ok(None);
    };
    let budget = app.config().budgets.get(&ledger.budget);
    let thresholds = budget.map(|budget| &budget.thresholds);
    let mut thresholds = thresholds.into_iter().flatten();
    let threshold = thresholds.find(|one| one.id == alert.threshold);
    let required = threshold.map(|threshold| threshold.probability);
    Ok(Some(ToldWith {
        alert: teller.alert.clone(),
        threshold: teller.threshold.clone(),
        when: teller.when.clone(),
        told: told(app, lanes, teller).await?,
        recheck: recheck_covered(alert, required, teller),
    }))
}

/// The firing of another alert that told of this one, unless this one has a history of its own and is
/// not covered any more.
fn teller<'a>(ledger: &'a Ledger, alert: &Alert) -> Option<&'a Transition> {
    if let AlertState::Covered { by } = &alert.state {
        return ledger.fired(ledger.alerts.get(by)?);
    }
    let mut newest = ledger.transitions.iter().rev();
    newest
        .find(|one| one.change == Change::Fired && one.also.contains(&alert.when))
        .filter(|_| alert.sequence == 0)
}

fn name(app: &App, ledger: &Ledger) -> String {
    let budget = app.config().budgets.get(&ledger.budget);
    budget.map_or_else(|| ledger.budget.clone(), |budget| budget.name.clone())
}

async fn told(app: &App, lanes: &mut Lanes<'_>, transition: &Transition) -> anyhow::Result<Told> {
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
    let mut told_instead: Vec<Fate> = Vec::new();
    for one in transition.route.iter().flatten() {
        let (own, others) = sent(app, transition, one).await?;
        if let Some(own) = own {
            deliveries.push(lanes.fate(own).await?);
        }
        for other in others {
            if told_instead.iter().all(|known| known.id != other.id) {
                told_instead.push(lanes.fate(other).await?);
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
        told_instead,
        told_nobody: transition.reaches_nobody(),
    })
}

/// A delivery that was routed, and what told of the same in its place: a notice that lists it with others,
/// and copies at the fallback.
async fn sent(
    app: &App,
    transition: &Transition,
    routed: &RoutedDelivery,
) -> anyhow::Result<(Option<Delivery>, Vec<Delivery>)> {
    let (destination, id) = (&routed.destination, &routed.id);
    let mut chain = followed(app, destination, transition.at, id).await?;
    let mut copies = Vec::new();
    for lost in chain.iter().filter(|one| is_told_elsewhere(one)) {
        for (destination, recipient) in fallbacks(app) {
            let id = delivery_id(&lost.id, &destination, recipient.as_deref(), INSTEAD);
            copies.extend(followed(app, &destination, lost.created_at, &id).await?);
        }
    }
    let own = (!chain.is_empty()).then(|| chain.remove(0));
    chain.extend(copies);
    Ok((own, chain))
}

/// Whether the fallback may have a copy.
fn is_told_elsewhere(delivery: &Delivery) -> bool {
    let is_given_up = matches!(delivery.state, DeliveryState::Dead | DeliveryState::Expired);
    is_given_up || delivery.told_instead || !delivery.after.is_empty()
}

/// Where the fallback tells.
fn fallbacks(app: &App) -> Vec<(String, Option<String>)> {
    let fallback = app.config().fallback.as_deref();
    fallback.map_or_else(Vec::new, |name| routing::of_channel(app.config(), name))
}

/// A delivery, the one that told of it in its place, and so on.
async fn followed(
    app: &App,
    destination: &str,
    at: Timestamp,
    id: &str,
) -> anyhow::Result<Vec<Delivery>> {
    let mut found = Vec::new();
    let live = live_key(destination, at, id);
    let mut next = stored(app, [history_key(at, id), live]).await?;
    while let Some(delivery) = next.take() {
        if let DeliveryState::Suppressed { by: Some(by), .. } = &delivery.state
            && found.len() < LONGEST_CHAIN
        {
            next = carrier(app, destination, by).await?;
        }
        found.push(delivery);
    }
    Ok(found)
}

/// A delivery by its key in the history, where it may not be yet.
async fn carrier(app: &App, destination: &str, by: &str) -> anyhow::Result<Option<Delivery>> {
    let id = by.rsplit('/').next().unwrap_or(by);
    let prefix = format!("{OUTBOX}{destination}/");
    let mut live = app.documents().list(&prefix).await?;
    live.retain(|key| key.ends_with(&format!("-{id}")));
    stored(app, std::iter::once(by.to_owned()).chain(live)).await
}

/// The first delivery that is there.
async fn stored(
    app: &App,
    keys: impl IntoIterator<Item = String>,
) -> anyhow::Result<Option<Delivery>> {
    for key in keys {
        let stored: Option<(Delivery, Version)> = json::get(app.documents(), &key).await?;
        if let Some((delivery, _)) = stored {
            return Ok(Some(delivery));
        }
    }
    Ok(None)
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
