//! Decisions: whether somebody must be told now, and why.

#![deny(clippy::float_arithmetic)]

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::budget::{Budget, Level, Threshold, When};
use crate::forecast::Forecast;
use crate::ledger::{Alert, AlertState, Change, Ledger, Transition, alert_id};
use crate::money::Money;
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

    let mut decisions = Vec::with_capacity(budget.thresholds.len());
    let mut fresh: Vec<(usize, &Threshold, Crossing)> = Vec::new();
    for threshold in &budget.thresholds {
        withdraw(threshold, status, &mut next, now, &mut decisions);
        let decision = match judge(threshold, status, forecast) {
            Err(reason) => {
                settle_stale(threshold, &reason, &mut next);
                quiet(threshold, reason)
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
            (
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
            step: crossing.step,
            state: state.clone(),
            sequence: 0,
            since: now,
            planned: status.planned,
        });
        alert.state = state;
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

/// Withdraws what fresh data or a changed plan have undone.
fn withdraw(
    threshold: &Threshold,
    status: &Status,
    ledger: &mut Ledger,
    now: Timestamp,
    decisions: &mut Vec<Decision>,
) {
    let When::Actual(level) = threshold.when else {
        return;
    };
    let Reached {
        step,
        level,
        unit,
        is_reached,
    } = reached(level, status.planned.amount, status.spent.amount);
    let standing = if is_reached { step } else { 0 };
    let mut corrections = Vec::new();
    for (key, alert) in &mut ledger.alerts {
        let undone = alert.threshold == threshold.id
            && matches!(alert.state, AlertState::Firing | AlertState::Covered { .. })
            && (if alert.step == 0 {
                !is_reached
            } else {
                alert.step > standing
            });
        let plan_changed = alert.planned != status.planned;
        if !undone || (status.data.stale && !plan_changed) {
            continue;
        }
        let was_told = alert.state == AlertState::Firing;
        alert.state = AlertState::Withdrawn;
        if !was_told {
            continue;
        }
        alert.sequence += 1;
        let level = match alert.step {
            0 => level,
            steps => times(unit, Decimal::from(steps)),
        };
        let level = Money::new(level, status.planned.currency);
        let reason = if plan_changed {
            Reason::PlanChanged {
                before: alert.planned,
                now: status.planned,
                level,
            }
        } else {
            Reason::Restated {
                spent: status.spent,
                level,
            }
        };
        decisions.push(Decision {
            threshold: key.clone(),
            when: threshold.when.to_string(),
            outcome: Outcome::Withdraw,
            reason: reason.clone(),
        });
        corrections.push(Transition {
            alert: alert.id.clone(),
            threshold: key.clone(),
            kind: threshold.when.kind(),
            when: threshold.when.to_string(),
            sequence: alert.sequence,
            change: Change::Withdrawn,
            at: now,
            severity: threshold.severity,
            reason,
            also: Vec::new(),
            status: Box::new(status.clone()),
            notify: told_to(&ledger.transitions, &alert.id, threshold),
            route: None,
            routed: false,
        });
    }
    ledger.transitions.append(&mut corrections);
}

/// A correction goes where the notice went, whatever the configuration says today.
fn told_to(transitions: &[Transition], alert: &str, threshold: &Threshold) -> Vec<String> {
    transitions
        .iter()
        .rev()
        .find(|transition| transition.alert == alert && transition.change == Change::Fired)
        .map_or_else(
            || threshold.notify.clone(),
            |transition| transition.notify.clone(),
        )
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
