//! Decisions: whether somebody must be told now, and why.

#![deny(clippy::float_arithmetic)]

pub(crate) mod judge;
mod undo;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use self::judge::{Crossing, is_old_news, judge_all};
pub(crate) use self::undo::retire;
use self::undo::{Held, undo};
use crate::anomaly::{Anomaly, AnomalyKind};
use crate::budget::{Budget, Threshold, When};
use crate::forecast::{FewDays, Forecast};
use crate::ledger::{Alert, AlertKey, AlertState, Change, Ledger, alert_id};
use crate::money::Money;
use crate::period::{Period, plus_days};
use crate::status::{Percent, Status};

/// What is to be done about one threshold, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Key of the alert, see [`AlertKey`]; the threshold's id where there is none.
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
    /// An event cost more, or less, than was expected of its days.
    Unusual {
        /// What happened.
        kind: AnomalyKind,
        /// First unusual day.
        first: Date,
        /// Last unusual day, so far.
        last: Date,
        /// What it cost more than expected; negative if it is less.
        impact: Money,
        /// The level, which is never negative.
        level: Money,
    },
    /// An event is over: costs are as expected again, or what is left of it is what is expected.
    AnomalyOver {
        /// What happened.
        kind: AnomalyKind,
        /// First unusual day.
        first: Date,
        /// Last unusual day.
        last: Date,
        /// What it cost more than expected; negative if it is less.
        impact: Money,
    },
    /// By the data as they are now, there was no event that reaches the level.
    NoLongerUnusual {
        /// First day of what was told.
        first: Date,
        /// What is left of it, if anything.
        impact: Option<Money>,
        /// The level.
        level: Money,
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
    /// No event reaches the level, nothing to tell.
    NothingUnusual {
        /// The level.
        level: Money,
        /// How many days were checked; 0 when none could be.
        days_checked: u32,
        /// The largest impact on its side, if there was any event.
        largest: Option<Money>,
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
    /// The costs are so new that one day decides what the forecast says: what depends on it waits.
    HeldFewDays {
        /// How many settled days there are.
        settled: u32,
        /// How many it takes.
        needed: u32,
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
    /// One for each threshold, and of one about events one for each event that reaches it, in the order of
    /// the configuration.
    pub decisions: Vec<Decision>,
    /// The ledger to store. Equal to the one given, apart from its marks, when nothing changed.
    pub ledger: Ledger,
}

/// Decides about every threshold of a budget.
///
/// A threshold fires on the first evaluation at or above its level. Of several that are crossed in
/// one step only the highest fires and the others are recorded as covered by it; stale data are
/// told on their own, and each event that cost something other than expected, too. What was told is
/// not told again in the period; but when a higher one is over whose notice spoke for a lower one, and
/// the lower one is still crossed, that fires on its own.
///
/// Restated data or a changed plan that undo a crossing of spend to date withdraw it; a forecast or a
/// pace that is below its level again ends its alert. Both happen only with fresh data, beyond the
/// margin of the budget, and the second only once the days have settled on which it was told. Stale
/// data undo nothing, and neither forecast nor pace is judged on them. Where earlier forecasts have been
/// too far off ([`ForecastScore::held`](crate::ForecastScore::held)), a threshold of the forecast does not
/// fire, and one that was told stands. An event is told once, however it grows; it is over when no more
/// unusual days follow, and withdrawn when restated data leave too little of it.
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
    let mut fresh: Vec<Fresh<'_>> = Vec::new();
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
        for judged in judge_all(threshold, status, forecast) {
            let crossing = match judged {
                Ok(crossing) => crossing,
                Err(reason) => {
                    decisions.push(quiet(threshold, held_back(threshold, &held, reason)));
                    continue;
                }
            };
            let key = key(&next, threshold, &crossing);
            let why_quiet = match crossing.anomaly {
                Some(anomaly) => told_of(&next, threshold, &key, anomaly, status),
                None => {
                    told(&next, threshold, crossing.step).map(|since| Reason::AlreadyTold { since })
                }
            };
            // Restated data may leave several events where there was one.
            let is_twice = fresh.iter().any(|one| one.key == key);
            let why_quiet =
                why_quiet.or_else(|| is_twice.then_some(Reason::AlreadyTold { since: now }));
            // Where forecasts are not believed there is no alert yet that the decision could be about.
            if why_quiet.is_none()
                && let Some(reason) = doubt(threshold, status)
            {
                decisions.push(quiet(threshold, reason));
                continue;
            }
            let outcome = match &why_quiet {
                Some(_) => Outcome::Quiet,
                None => Outcome::Fire,
            };
            if outcome == Outcome::Fire {
                fresh.push(Fresh {
                    decision: decisions.len(),
                    threshold,
                    key: key.clone(),
                    level: crossing.level,
                    step: crossing.step,
                    reason: crossing.reason.clone(),
                    anomaly: crossing.anomaly,
                });
            }
            decisions.push(Decision {
                threshold: key,
                when: threshold.when.to_string(),
                outcome,
                reason: why_quiet.unwrap_or(crossing.reason),
            });
        }
    }

    for one in &fresh {
        let told_with: Vec<&Fresh<'_>> = fresh
            .iter()
            .filter(|other| one.is_told_with(other))
            .collect();
        let highest = told_with.iter().max_by_key(|other| other.rank(status));
        let by = highest.filter(|highest| highest.decision != one.decision);
        let state = match by {
            Some(by) => {
                let by = by.key.clone();
                decisions[one.decision].outcome = Outcome::Cover { by: by.clone() };
                AlertState::Covered { by }
            }
            None => AlertState::Firing,
        };
        let fired = state == AlertState::Firing;
        let (threshold, key) = (one.threshold, &one.key);
        let kind = threshold.when.kind();
        let alert = next.alerts.entry(key.clone()).or_insert_with(|| Alert {
            id: alert_id(&budget.id, &status.period_key, kind, key),
            threshold: threshold.id.clone(),
            kind,
            when: threshold.when.to_string(),
            step: one.step,
            state: state.clone(),
            sequence: 0,
            since: now,
            planned: status.planned,
            data_to: None,
            anomaly: None,
            acknowledged: None,
        });
        alert.state = state;
        alert.kind = kind;
        alert.when = threshold.when.to_string();
        alert.planned = status.planned;
        alert.data_to = Some(status.data.last_day);
        alert.anomaly = one.anomaly.cloned().map(Box::new);
        alert.acknowledged = None;
        alert.since = now;
        if !fired {
            continue;
        }
        let covers = told_with
            .iter()
            .filter(|other| other.decision != one.decision);
        let covers: Vec<&Threshold> = covers.map(|other| other.threshold).collect();
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
        let reason = one.reason.clone();
        if let Some(transition) = next.tell(key, Change::Fired, reason, severity, status, now) {
            transition.also = covers.iter().map(|one| one.when.to_string()).collect();
            transition.notify = notify;
        }
    }
    Evaluation {
        decisions,
        ledger: next,
    }
}

/// Why a threshold of the forecast is not told: there are too few days, or forecasts have been too far off.
fn doubt(threshold: &Threshold, status: &Status) -> Option<Reason> {
    let forecast = status.forecast.as_ref();
    let forecast = forecast.filter(|_| matches!(threshold.when, When::Forecast(_)))?;
    match forecast.few_days.as_ref().filter(|few| few.are_too_few()) {
        Some(few) => Some(Reason::HeldFewDays {
            settled: few.settled,
            needed: FewDays::NEEDED,
        }),
        None => forecast.score?.hold(),
    }
}

/// A crossing that nobody was told of yet.
struct Fresh<'a> {
    /// Place of its decision.
    decision: usize,
    threshold: &'a Threshold,
    key: String,
    level: Decimal,
    step: u32,
    reason: Reason,
    anomaly: Option<&'a Anomaly>,
}

impl Fresh<'_> {
    /// Whether one notice tells of both, which of oneself it does.
    fn is_told_with(&self, other: &Fresh<'_>) -> bool {
        let alone = |one: &Fresh<'_>| matches!(one.threshold.when, When::Stale(_));
        match (self.anomaly, other.anomaly) {
            _ if self.decision == other.decision => true,
            (None, None) => !alone(self) && !alone(other),
            (Some(own), Some(event)) => own.first == event.first && own.side() == event.side(),
            _ => false,
        }
    }

    /// The higher one speaks for the other.
    fn rank(&self, status: &Status) -> impl Ord + use<> {
        // That the planned amount is spent outweighs every forecast.
        let is_over =
            matches!(self.threshold.when, When::Actual(_)) && self.level >= status.planned.amount;
        let earlier = std::cmp::Reverse(self.decision);
        (is_over, self.level, self.threshold.when.kind(), earlier)
    }
}

/// Why an event that reaches a threshold is not told: it was before, and that still holds, or it is
/// over.
fn told_of(
    ledger: &Ledger,
    threshold: &Threshold,
    key: &str,
    anomaly: &Anomaly,
    status: &Status,
) -> Option<Reason> {
    let over = || Reason::AnomalyOver {
        kind: anomaly.kind,
        first: anomaly.first,
        last: anomaly.last,
        impact: anomaly.impact,
    };
    match ledger.alerts.get(key) {
        Some(alert) if ledger.is_told(alert) => Some(Reason::AlreadyTold { since: alert.since }),
        Some(alert) if alert.state == AlertState::Resolved => {
            (alert.when == threshold.when.to_string()).then(over)
        }
        Some(_) => None,
        None => is_old_news(anomaly, status).then(over),
    }
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
    let is_below = matches!(reason, Reason::Below { .. } | Reason::NothingUnusual { .. });
    if !is_below {
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

/// The key of the alert of a crossing: that of its event, if it was told before.
fn key(ledger: &Ledger, threshold: &Threshold, crossing: &Crossing<'_>) -> String {
    let anomaly = crossing.anomaly;
    let known = anomaly.and_then(|anomaly| {
        let is_of = |alert: &Alert| {
            let event = alert.anomaly.as_ref();
            alert.threshold == threshold.id && event.is_some_and(|event| event.is_same(anomaly))
        };
        let known = ledger.alerts.iter().filter(|(_, alert)| is_of(alert));
        known.max_by_key(|(_, alert)| (alert.state.stands(), alert.since))
    });
    let new = AlertKey {
        threshold: &threshold.id,
        step: crossing.step,
        first_day: anomaly.map(|anomaly| anomaly.first),
    };
    known.map_or_else(|| new.to_string(), |(key, _)| key.clone())
}
