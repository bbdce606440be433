//! Decisions: whether somebody must be told now, and why.

#![deny(clippy::float_arithmetic)]

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::budget::{Budget, Level, Threshold, When};
use crate::forecast::Forecast;
use crate::ledger::{Alert, AlertState, Change, Ledger, Transition, alert_id};
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
    /// The data cover less than before: what is missing is not zero, so nothing is taken back.
    CoversLess {
        /// First day of the data now.
        first_day: Date,
        /// Last day of the data now.
        last_day: Date,
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

/// A threshold that is crossed now: its step, its level for comparing it with others, and why.
struct Crossing {
    step: u32,
    level: Decimal,
    reason: Reason,
}

/// Decides about every threshold of a budget.
///
/// A threshold fires on the first evaluation at or above its level. Of several that are crossed in
/// one step only the highest fires and the others are recorded as covered by it; stale data are
/// told on their own. What was told is not told again in the period. Restated data or a changed
/// plan that undo a crossing of spend to date withdraw it; stale data never do, and neither forecast
/// nor pace is judged on them.
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
    // Transitions of one ledger are told in the order of their times.
    let last = ledger.transitions.last().map(|transition| transition.at);
    let now = last.map_or(now, |last| {
        now.max(last.saturating_add(SECOND).unwrap_or(now))
    });
    let covers_less = extend_coverage(&mut next, status);
    retire_reconfigured(budget, &mut next);

    let mut decisions = Vec::with_capacity(budget.thresholds.len());
    let mut fresh: Vec<(usize, &Threshold, Crossing)> = Vec::new();
    withdraw(budget, status, covers_less, &mut next, now, &mut decisions);
    for threshold in &budget.thresholds {
        resolve_replanned(threshold, status, forecast, &mut next);
        let decision = match judge(threshold, status, forecast) {
            Err(reason) => {
                settle_stale(threshold, &reason, &mut next);
                quiet(threshold, held_back(threshold, status, &next, reason))
            }
            Ok(crossing) => {
                let key = key(threshold, crossing.step);
                match told(&next, threshold, crossing.step) {
                    Some(since) => Decision {
                        threshold: key,
                        when: threshold.when.to_string(),
                        outcome: Outcome::Quiet,
                        reason: Reason::AlreadyTold { since },
                    },
                    None => {
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
        });
        alert.state = state;
        alert.when = threshold.when.to_string();
        alert.planned = status.planned;
        if !fired {
            continue;
        }
        alert.sequence += 1;
        alert.since = now;
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
        next.transitions.push(Transition {
            alert: alert.id.clone(),
            threshold: key,
            kind: threshold.when.kind(),
            when: threshold.when.to_string(),
            sequence: alert.sequence,
            change: Change::Fired,
            at: now,
            severity,
            reason: crossing.reason.clone(),
            also: covers.iter().map(|one| one.when.to_string()).collect(),
            status: Box::new(status.clone()),
            notify,
            takes_back: Vec::new(),
            actions: Vec::new(),
            route: None,
            routed: false,
        });
    }
    Evaluation {
        decisions,
        ledger: next,
    }
}

/// Whether the threshold is crossed: how, or why not.
fn judge(
    threshold: &Threshold,
    status: &Status,
    forecast: Option<&Forecast>,
) -> Result<Crossing, Reason> {
    let money = |amount| Money::new(amount, status.planned.currency);
    let held = || Reason::HeldStale {
        last_day: status.data.last_day,
    };
    match threshold.when {
        When::Actual(level) => {
            let Reached {
                step,
                level,
                is_reached,
                ..
            } = reached(level, status.planned.amount, status.spent.amount);
            if !is_reached {
                return Err(Reason::Below {
                    level: money(level),
                });
            }
            let reason = Reason::Reached {
                spent: status.spent,
                level: money(level),
            };
            Ok(Crossing {
                step,
                level,
                reason,
            })
        }
        When::Forecast(level) => {
            let Some(forecast) = forecast else {
                let why = status.no_forecast.clone().unwrap_or_default();
                return Err(Reason::NoForecast { why });
            };
            // What the total reaches with the required probability.
            let reach = forecast.quantile(Decimal::ONE_HUNDRED - threshold.probability);
            let Reached {
                step,
                level,
                is_reached,
                ..
            } = reached(level, status.planned.amount, reach);
            if !is_reached {
                return Err(Reason::Below {
                    level: money(level),
                });
            }
            if status.spent.amount >= level {
                return Err(Reason::AlreadySpent {
                    level: money(level),
                });
            }
            if status.data.stale {
                return Err(held());
            }
            let reason = Reason::ExpectedToReach {
                level: money(level),
                probability: Percent(forecast.probability_of(level)),
                required: Percent(threshold.probability),
            };
            Ok(Crossing {
                step,
                level,
                reason,
            })
        }
        When::Pace(required) => {
            let pace = status.pace.ok_or(Reason::TooEarly)?;
            if pace.percent.0 < required {
                let level = share(pace.expected.amount, required);
                return Err(Reason::Below {
                    level: money(level),
                });
            }
            if status.data.stale {
                return Err(held());
            }
            let reason = Reason::AheadOfPlan {
                spent: status.spent,
                expected: pace.expected,
                percent: pace.percent,
                required: Percent(required),
            };
            // Being ahead of the plan is the mildest of the crossings.
            Ok(Crossing {
                step: 0,
                level: Decimal::ZERO,
                reason,
            })
        }
        When::Stale(allowed_days) => {
            let (last_day, age_days) = (status.data.last_day, status.data.age_days);
            if age_days <= allowed_days {
                return Err(Reason::DataFresh { last_day, age_days });
            }
            let reason = Reason::DataStale {
                last_day,
                age_days,
                allowed_days,
            };
            Ok(Crossing {
                step: 0,
                level: Decimal::ZERO,
                reason,
            })
        }
    }
}

/// How far an amount has come on a level.
struct Reached {
    /// The step that was reached, or would be next; 0 for a level without steps.
    step: u32,
    /// Its amount.
    level: Decimal,
    /// The amount of one step, or of the level itself.
    unit: Decimal,
    /// Whether it was reached.
    is_reached: bool,
}

fn reached(level: Level, planned: Decimal, amount: Decimal) -> Reached {
    let single = |level| Reached {
        step: 0,
        level,
        unit: level,
        is_reached: amount >= level,
    };
    match level {
        Level::Percent(percent) => single(share(planned, percent)),
        Level::Amount(level) => single(level),
        Level::EveryAmount(unit) => steps(unit, amount),
        Level::EveryPercent(percent) => steps(share(planned, percent), amount),
    }
}

fn steps(unit: Decimal, amount: Decimal) -> Reached {
    let done = match amount.checked_div(unit) {
        Some(steps) if steps >= Decimal::ONE => steps.floor().to_u32().unwrap_or(u32::MAX),
        _ => 0,
    };
    let step = done.max(1);
    Reached {
        step,
        level: times(unit, Decimal::from(step)),
        unit,
        is_reached: done >= 1,
    }
}

/// So many percent of an amount.
fn share(amount: Decimal, percent: Decimal) -> Decimal {
    times(amount, percent / Decimal::ONE_HUNDRED)
}

/// The product, or the largest number there is: a level that no cost reaches.
fn times(left: Decimal, right: Decimal) -> Decimal {
    left.checked_mul(right).unwrap_or(Decimal::MAX)
}

/// When this crossing, or a higher step of the same threshold, was told.
fn told(ledger: &Ledger, threshold: &Threshold, step: u32) -> Option<Timestamp> {
    ledger
        .alerts
        .values()
        .filter(|alert| alert.threshold == threshold.id && alert.step >= step)
        .find(|alert| matches!(alert.state, AlertState::Firing | AlertState::Covered { .. }))
        .map(|alert| alert.since)
}

/// One second: the resolution in which transitions of a ledger are ordered.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Notes how far the data reach; says whether they cover less of the period than before.
fn extend_coverage(ledger: &mut Ledger, status: &Status) -> bool {
    let (first_day, last_day) = (status.data.first_day, status.data.last_day);
    let end = plus_days(last_day, 1);
    let Some(before) = ledger.covered else {
        ledger.covered = Period::new(first_day, end);
        return false;
    };
    let starts_later = first_day > before.start() && first_day > status.period.start();
    let ends_earlier = end < before.end() && last_day < status.period.last_day();
    ledger.covered = Period::new(before.start().min(first_day), before.end().max(end));
    starts_later || ends_earlier
}

/// An alert under a threshold whose condition was rewritten answers a question that nobody asks any
/// more.
fn retire_reconfigured(budget: &Budget, ledger: &mut Ledger) {
    for alert in ledger.alerts.values_mut() {
        let threshold = budget
            .thresholds
            .iter()
            .find(|one| one.id == alert.threshold);
        if threshold.is_some_and(|one| one.when.to_string() != alert.when) {
            alert.state = AlertState::Resolved;
        }
    }
}

/// A forecast or pace that was told under another plan, and does not hold under today's, may be told
/// again.
fn resolve_replanned(
    threshold: &Threshold,
    status: &Status,
    forecast: Option<&Forecast>,
    ledger: &mut Ledger,
) {
    if !matches!(threshold.when, When::Forecast(_) | When::Pace(_)) {
        return;
    }
    let holds_up_to = judge(threshold, status, forecast)
        .ok()
        .map(|crossing| crossing.step);
    for alert in ledger.alerts.values_mut() {
        let holds = holds_up_to.is_some_and(|step| alert.step <= step);
        if alert.threshold == threshold.id && alert.planned != status.planned && !holds {
            alert.state = AlertState::Resolved;
        }
    }
}

/// Withdraws what fresh data or a changed plan have undone. Several told alerts that are undone in
/// one step give one correction, for the highest, which names the others.
fn withdraw(
    budget: &Budget,
    status: &Status,
    covers_less: bool,
    ledger: &mut Ledger,
    now: Timestamp,
    decisions: &mut Vec<Decision>,
) {
    let mut undone: Vec<(Decimal, String, &Threshold, Reason)> = Vec::new();
    for threshold in &budget.thresholds {
        let When::Actual(level) = threshold.when else {
            continue;
        };
        let Reached {
            step,
            level,
            unit,
            is_reached,
        } = reached(level, status.planned.amount, status.spent.amount);
        let standing = if is_reached { step } else { 0 };
        for (key, alert) in &mut ledger.alerts {
            let is_undone = alert.threshold == threshold.id
                && matches!(alert.state, AlertState::Firing | AlertState::Covered { .. })
                && (if alert.step == 0 {
                    !is_reached
                } else {
                    alert.step > standing
                });
            let plan_changed = alert.planned != status.planned;
            let data_tell_less = status.data.stale || covers_less;
            if !is_undone || (data_tell_less && !plan_changed) {
                continue;
            }
            let was_told = alert.state == AlertState::Firing;
            alert.state = AlertState::Withdrawn;
            if !was_told {
                continue;
            }
            let level = match alert.step {
                0 => level,
                steps => times(unit, Decimal::from(steps)),
            };
            let money = Money::new(level, status.planned.currency);
            let reason = if plan_changed {
                Reason::PlanChanged {
                    before: alert.planned,
                    now: status.planned,
                    level: money,
                }
            } else {
                Reason::Restated {
                    spent: status.spent,
                    level: money,
                }
            };
            undone.push((level, key.clone(), threshold, reason));
        }
    }
    undone.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
    for (_, key, threshold, reason) in &undone {
        decisions.push(Decision {
            threshold: key.clone(),
            when: threshold.when.to_string(),
            outcome: Outcome::Withdraw,
            reason: reason.clone(),
        });
    }
    let Some(((_, key, threshold, reason), others)) = undone.split_first() else {
        return;
    };
    let Some(alert) = ledger.alerts.get_mut(key) else {
        return;
    };
    alert.sequence += 1;
    let mut correction = Transition {
        alert: alert.id.clone(),
        threshold: key.clone(),
        kind: threshold.when.kind(),
        when: threshold.when.to_string(),
        sequence: alert.sequence,
        change: Change::Withdrawn,
        at: now,
        severity: threshold.severity,
        reason: reason.clone(),
        also: others.iter().map(|(_, key, ..)| key.clone()).collect(),
        status: Box::new(status.clone()),
        notify: Vec::new(),
        takes_back: Vec::new(),
        actions: Vec::new(),
        route: None,
        routed: false,
    };
    // It goes where the notices went, whatever the configuration says today.
    for (_, key, ..) in &undone {
        let id = ledger.alerts.get(key).map(|alert| alert.id.as_str());
        let fired = ledger.transitions.iter().rev();
        let fired =
            fired.filter(|one| one.change == Change::Fired && Some(one.alert.as_str()) == id);
        if let Some(fired) = fired.into_iter().next() {
            correction.takes_back.push(fired.id());
            for name in &fired.notify {
                if !correction.notify.contains(name) {
                    correction.notify.push(name.clone());
                }
            }
        }
    }
    ledger.transitions.push(correction);
}

/// Says why an alert stands though the spend is below its level.
fn held_back(threshold: &Threshold, status: &Status, ledger: &Ledger, reason: Reason) -> Reason {
    let stands = matches!(threshold.when, When::Actual(_)) && told(ledger, threshold, 0).is_some();
    if !stands || !matches!(reason, Reason::Below { .. }) {
        return reason;
    }
    let (first_day, last_day) = (status.data.first_day, status.data.last_day);
    if status.data.stale {
        Reason::HeldStale { last_day }
    } else {
        Reason::CoversLess {
            first_day,
            last_day,
        }
    }
}

/// Fresh data end a `stale` alert, so that the next outage is told again.
fn settle_stale(threshold: &Threshold, reason: &Reason, ledger: &mut Ledger) {
    if !matches!(reason, Reason::DataFresh { .. }) {
        return;
    }
    if let Some(alert) = ledger.alerts.get_mut(&threshold.id) {
        alert.state = AlertState::Resolved;
    }
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
