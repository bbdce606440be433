//! Decisions: whether somebody must be told now, and why.

#![deny(clippy::float_arithmetic)]

pub(crate) mod judge;
mod undo;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use self::judge::{Crossing, judge};
pub(crate) use self::undo::retire;
use self::undo::{Held, undo};
use crate::budget::{Budget, Threshold, When};
use crate::forecast::Forecast;
use crate::ledger::{Alert, AlertState, Change, Ledger, alert_id};
use crate::money::Money;
use crate::period::{Period, plus_days};
use crate::status::{Percent, Status};

/// What is to be done about one threshold, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Key of the alert: the threshold's id, with the step of a repeating one.
    pub threshold: String,
    /// The condition as it was configured.
    pub when: String,
    /// What is to be done.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
}

/// What is to be done about one threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Tell it.
    Fire,
    /// Record it; the notice of a higher one tells of it.
    Cover {
        /// Key of the higher alert.
        by: String,
    },
    /// Tell that an earlier notice no longer holds.
    Withdraw,
    /// Tell that it was right, and is over.
    Resolve,
    /// Say nothing.
    Quiet,
}

/// Why a decision is as it is, with the figures it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    tag = "because"
)]
pub enum Reason {
    /// Spend to date is at or above the level.
    Reached {
        /// Spend to date.
        spent: Money,
        /// The level.
        level: Money,
    },
    /// The period is expected to end at or above the level.
    ExpectedToReach {
        /// The level.
        level: Money,
        /// How likely that is, in percent.
        probability: Percent,
        /// How likely it had to be.
        required: Percent,
    },
    /// Spending is ahead of the plan.
    AheadOfPlan {
        /// Spend to date.
        spent: Money,
        /// What the plan expects by now.
        expected: Money,
        /// One as percent of the other.
        percent: Percent,
        /// At which percent it fires.
        required: Percent,
    },
    /// The data are older than allowed.
    DataStale {
        /// Last day with data.
        last_day: Date,
        /// Its age.
        age_days: u32,
        /// Allowed age.
        allowed_days: u32,
    },
    /// Restated data put spend to date below the level again.
    Restated {
        /// Spend to date.
        spent: Money,
        /// The level.
        level: Money,
    },
    /// The plan was changed, and spend to date is below the level now.
    PlanChanged {
        /// Planned amount when it fired.
        before: Money,
        /// Planned amount now.
        now: Money,
        /// The level now.
        level: Money,
    },
    /// The period is not expected to end at or above the level any more.
    NoLongerExpected {
        /// The level.
        level: Money,
        /// How likely it is now, in percent.
        probability: Percent,
        /// How likely it has to be to be told.
        required: Percent,
    },
    /// Spending is not ahead of the plan any more.
    BackOnPlan {
        /// Spend to date.
        spent: Money,
        /// What the plan expects by now.
        expected: Money,
        /// One as percent of the other.
        percent: Percent,
        /// At which percent it fires.
        required: Percent,
    },
    /// Data arrive again.
    DataArrived {
        /// Last day with data.
        last_day: Date,
        /// Its age.
        age_days: u32,
    },
    /// The condition was configured anew.
    Reconfigured {
        /// The condition now; empty when the threshold is gone.
        now: String,
    },
    /// The period is over.
    PeriodEnded {
        /// The first day after it.
        end: Date,
    },
    /// Somebody knows of it.
    Acknowledged {
        /// Who: untrusted text.
        by: String,
        /// What they wrote: untrusted text.
        note: Option<String>,
    },
    /// Nobody has acknowledged it.
    Unanswered {
        /// When it fired.
        since: Timestamp,
        /// For how many whole hours.
        hours: u32,
    },
    /// Below the level, and not far enough to take back what was told.
    HeldMargin {
        /// The level.
        level: Money,
        /// How far, in percent of the level, it has to be below.
        margin: Percent,
    },
    /// Below the level, but a day on which it was told may still change.
    HeldUnsettled {
        /// The day that has to settle.
        until: Date,
    },
    /// Below the level, nothing to tell.
    Below {
        /// The level of the next crossing.
        level: Money,
    },
    /// Told before, in this period.
    AlreadyTold {
        /// When it was first crossed.
        since: Timestamp,
    },
    /// A forecast of what has already been spent would tell nothing.
    AlreadySpent {
        /// The level.
        level: Money,
    },
    /// The data are fresh enough.
    DataFresh {
        /// Last day with data.
        last_day: Date,
        /// Its age.
        age_days: u32,
    },
    /// There is no forecast.
    NoForecast {
        /// Why not.
        why: String,
    },
    /// Too few days of the period have data for a pace.
    TooEarly,
    /// The data are stale: what depends on them waits.
    HeldStale {
        /// Last day with data.
        last_day: Date,
    },
    /// Earlier forecasts were too far off: what depends on the forecast waits.
    HeldPoor {
        /// How far they were off, in percent of the total.
        error: Percent,
        /// In how many periods the 80 % range held the total.
        covered: u32,
        /// In how many periods there were such forecasts.
        periods: u32,
    },
    /// The data cover less than before: what is missing is not zero, so nothing is taken back.
    CoversLess {
        /// First day of the data now.
        first_day: Date,
        /// Last day of the data now.
        last_day: Date,
        /// Days in between on which they had rows before, and now have none. Oldest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gaps: Vec<Date>,
    },
    /// A later evaluation with newer data was here first.
    OlderData {
        /// How old the data of the earlier evaluation are.
        newer: Timestamp,
    },
}

/// The decisions about one budget, and the ledger after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// One for each threshold, in the order of the configuration.
    pub decisions: Vec<Decision>,
    /// The ledger to store. Equal to the one given, apart from its marks, when nothing changed.
    pub ledger: Ledger,
}

/// Decides about every threshold of a budget.
///
/// A threshold fires on the first evaluation at or above its level. Of several that are crossed in
/// one step only the highest fires and the others are recorded as covered by it; stale data are
/// told on their own. What was told is not told again in the period; but when a higher one is over
/// whose notice spoke for a lower one, and the lower one is still crossed, that fires on its own.
///
/// Restated data or a changed plan that undo a crossing of spend to date withdraw it; a forecast or a
/// pace that is below its level again ends its alert. Both happen only with fresh data, beyond the
/// margin of the budget, and the second only once the days have settled on which it was told. Stale
/// data undo nothing, and neither forecast nor pace is judged on them. Where earlier forecasts have been
/// too far off ([`ForecastScore::held`](crate::ForecastScore::held)), a threshold of the forecast does not
/// fire, and one that was told stands.
pub fn decide(
    budget: &Budget,
    status: &Status,
    forecast: Option<&Forecast>,
    ledger: &Ledger,
    now: Timestamp,
) -> Evaluation {
    let mut next = ledger.clone();
    if let Some(newer) = ledger.as_of.filter(|as_of| *as_of > status.data.as_of) {
        let decisions = budget
            .thresholds
            .iter()
            .map(|threshold| quiet(threshold, Reason::OlderData { newer }))
            .collect();
        return Evaluation {
            decisions,
            ledger: next,
        };
    }
    next.as_of = Some(status.data.as_of);
    next.evaluated_at = Some(now);
    let now = ledger.next_moment(now);
    let covers_less = extend_coverage(&mut next, status);
    let covers_less = covers_less.as_ref();

    let mut decisions = Vec::with_capacity(budget.thresholds.len());
    let mut fresh: Vec<(usize, &Threshold, Crossing)> = Vec::new();
    let held = undo(
        budget,
        status,
        forecast,
        covers_less,
        &mut next,
        now,
        &mut decisions,
    );
    // What still stands is told after what does not.
    let now = next.next_moment(now);
    for threshold in &budget.thresholds {
        let decision = match judge(threshold, status, forecast) {
            Err(reason) => quiet(threshold, held_back(threshold, &held, reason)),
            Ok(crossing) => {
                let key = key(threshold, crossing.step);
                let told = told(&next, threshold, crossing.step);
                match (told, poor(threshold, status)) {
                    (Some(since), _) => Decision {
                        threshold: key,
                        when: threshold.when.to_string(),
                        outcome: Outcome::Quiet,
                        reason: Reason::AlreadyTold { since },
                    },
                    (None, Some(reason)) => quiet(threshold, reason),
                    (None, None) => {
                        let decision = Decision {
                            threshold: key,
                            when: threshold.when.to_string(),
                            outcome: Outcome::Fire,
                            reason: crossing.reason.clone(),
                        };
                        fresh.push((decisions.len(), threshold, crossing));
                        decision
                    }
                }
            }
        };
        decisions.push(decision);
    }

    let highest = fresh
        .iter()
        .filter(|(_, threshold, _)| !matches!(threshold.when, When::Stale(_)))
        .max_by_key(|(index, threshold, crossing)| {
            // That the planned amount is spent outweighs every forecast.
            let is_over = matches!(threshold.when, When::Actual(_))
                && crossing.level >= status.planned.amount;
            (
                is_over,
                crossing.level,
                threshold.when.kind(),
                std::cmp::Reverse(*index),
            )
        })
        .map(|(index, threshold, crossing)| (*index, key(threshold, crossing.step)));
    for (index, threshold, crossing) in &fresh {
        let key = key(threshold, crossing.step);
        let by = highest
            .as_ref()
            .filter(|(highest, _)| highest != index && !matches!(threshold.when, When::Stale(_)));
        let state = match by {
            Some((_, by)) => {
                decisions[*index].outcome = Outcome::Cover { by: by.clone() };
                AlertState::Covered { by: by.clone() }
            }
            None => AlertState::Firing,
        };
        let fired = state == AlertState::Firing;
        let alert = next.alerts.entry(key.clone()).or_insert_with(|| Alert {
            id: alert_id(&budget.id, &status.period_key, threshold.when.kind(), &key),
            threshold: threshold.id.clone(),
            kind: threshold.when.kind(),
            when: threshold.when.to_string(),
            step: crossing.step,
            state: state.clone(),
            sequence: 0,
            since: now,
            planned: status.planned,
            data_to: None,
            acknowledged: None,
        });
        alert.state = state;
        alert.kind = threshold.when.kind();
        alert.when = threshold.when.to_string();
        alert.planned = status.planned;
        alert.data_to = Some(status.data.last_day);
        alert.acknowledged = None;
        alert.since = now;
        if !fired {
            continue;
        }
        let covers: Vec<&Threshold> = if matches!(threshold.when, When::Stale(_)) {
            Vec::new()
        } else {
            let others = fresh
                .iter()
                .filter(|(other, one, _)| other != index && !matches!(one.when, When::Stale(_)));
            others.map(|(_, one, _)| *one).collect()
        };
        let mut notify = threshold.notify.clone();
        for name in covers.iter().flat_map(|one| &one.notify) {
            if !notify.contains(name) {
                notify.push(name.clone());
            }
        }
        let severity = covers
            .iter()
            .map(|one| one.severity)
            .fold(threshold.severity, Ord::max);
        let reason = crossing.reason.clone();
        if let Some(transition) = next.tell(&key, Change::Fired, reason, severity, status, now) {
            transition.also = covers.iter().map(|one| one.when.to_string()).collect();
            transition.notify = notify;
        }
    }
    Evaluation {
        decisions,
        ledger: next,
    }
}

/// Why a threshold of the forecast is not told, where forecasts have been too far off.
fn poor(threshold: &Threshold, status: &Status) -> Option<Reason> {
    let forecast = status.forecast.as_ref();
    let forecast = forecast.filter(|_| matches!(threshold.when, When::Forecast(_)));
    forecast?.score?.hold()
}

/// When this crossing, or a higher step of the same threshold, was told by a notice that still holds.
fn told(ledger: &Ledger, threshold: &Threshold, step: u32) -> Option<Timestamp> {
    ledger
        .alerts
        .values()
        .filter(|alert| alert.threshold == threshold.id && alert.step >= step)
        .find(|alert| ledger.is_told(alert))
        .map(|alert| alert.since)
}

/// Notes how far the data reach; says why nothing is taken back if they cover less of the period than
/// before.
fn extend_coverage(ledger: &mut Ledger, status: &Status) -> Option<Reason> {
    let (first_day, last_day) = (status.data.first_day, status.data.last_day);
    let end = plus_days(last_day, 1);
    let Some(before) = ledger.covered else {
        ledger.covered = Period::new(first_day, end);
        ledger.gaps = status.gaps.iter().copied().collect();
        return None;
    };
    let starts_later = first_day > before.start() && first_day > status.period.start();
    let ends_earlier = end < before.end() && last_day < status.period.last_day();
    let was_there = |day: &Date| before.contains(*day) && !ledger.gaps.contains(day);
    let (gaps, never): (Vec<Date>, Vec<Date>) = status.gaps.iter().partition(|day| was_there(day));
    ledger.gaps = never.into_iter().collect();
    ledger.covered = Period::new(before.start().min(first_day), before.end().max(end));
    (starts_later || ends_earlier || !gaps.is_empty()).then_some(Reason::CoversLess {
        first_day,
        last_day,
        gaps,
    })
}

/// Says why an alert stands though it is below its level.
fn held_back(threshold: &Threshold, held: &Held, reason: Reason) -> Reason {
    if !matches!(reason, Reason::Below { .. }) {
        return reason;
    }
    held.get(&threshold.id).cloned().unwrap_or(reason)
}

fn quiet(threshold: &Threshold, reason: Reason) -> Decision {
    Decision {
        threshold: threshold.id.clone(),
        when: threshold.when.to_string(),
        outcome: Outcome::Quiet,
        reason,
    }
}

fn key(threshold: &Threshold, step: u32) -> String {
    if step == 0 {
        threshold.id.clone()
    } else {
        format!("{}#{step}", threshold.id)
    }
}
