//! Whether what was told was right: every notice against the final costs of its period.

use std::collections::BTreeMap;

use budget_engine::{
    AlertKey, Budget, Level, Money, Period, Threshold, ThresholdKind, When, days_between,
};
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::{Event, EventKind, reached_on, total};

/// Of a repeating threshold so many steps are looked at in a period.
const STEPS: u32 = 50;

/// One budget in one period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeriodReplay {
    /// The period.
    pub period: Period,
    /// The period in words.
    pub label: String,
    /// Planned amount.
    pub planned: Money,
    /// What the period cost in the end.
    pub spent: Money,
    /// First day on which the final costs reach the planned amount.
    pub reached_on: Option<Date>,
    /// Notices that would have been sent, of all thresholds.
    pub notices: u32,
    /// Corrections that would have been sent.
    pub withdrawn: u32,
    /// Notices among them that the final data do not bear out.
    pub restated: u32,
    /// The first forecast or pace notice that was not taken back.
    pub warning: Option<Warning>,
    /// Every threshold, a repeating one by its steps.
    pub trials: Vec<Trial>,
}

/// An early warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// Key of the threshold.
    pub threshold: String,
    /// Day of the notice.
    pub on: Date,
    /// Days from the notice to the day on which the planned amount was reached; negative when it came
    /// after. `None` when it was not reached.
    pub days_before: Option<i32>,
}

/// One threshold in one period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// Key of the threshold: its id, with the step of a repeating one.
    pub threshold: String,
    /// The condition.
    pub when: String,
    /// The amount it is about: for a pace the planned one, none for the age of data and unusual costs.
    pub level: Option<Money>,
    /// First day of the notice that stands: its own, or a higher one that told of it, too.
    pub told_on: Option<Date>,
    /// First day on which the final costs reach the level.
    pub reached_on: Option<Date>,
    /// Days from the notice to that day; negative when it came after.
    pub days_before: Option<i32>,
    /// Its own notices.
    pub notices: u32,
    /// Times it was taken back.
    pub withdrawn: u32,
    /// Times it was told on data that were restated later, so that the final data do not bear it out.
    pub restated: u32,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of one threshold in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Told before the day on which its level was reached.
    Ahead,
    /// Told on that day or after it. Thresholds of spend cannot do better: costs come late.
    After,
    /// Reached and not told.
    Missed,
    /// A forecast or pace was told, and its level was not reached.
    FalseAlarm,
    /// Spend was told, and the final costs do not reach the level.
    NotBorneOut,
    /// The age of data, or unusual costs, were told.
    Told,
    /// Neither told nor reached.
    Quiet,
}

/// One threshold over all periods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdReplay {
    /// Its id.
    pub threshold: String,
    /// The condition.
    pub when: String,
    /// Its own notices.
    pub notices: u32,
    /// Times it was taken back.
    pub withdrawn: u32,
    /// Times it was told on data that were restated later.
    pub restated: u32,
    /// Times its level was reached.
    pub reached: u32,
    /// Of these: told before.
    pub ahead: u32,
    /// Of these: told on the day or after it.
    pub after: u32,
    /// Of these: not told.
    pub missed: u32,
    /// Told, and not reached; only forecasts and paces can be wrong like that.
    pub false_alarms: u32,
    /// Least, middle and most days from the notice to the day on which the level was reached, of those
    /// that were told and reached.
    pub days_before: Option<(i32, i32, i32)>,
}

/// What a period shows.
pub(super) fn period(
    budget: &Budget,
    period: &Period,
    planned: Money,
    costs: &BTreeMap<Date, Decimal>,
    events: &[Event],
) -> PeriodReplay {
    let mut trials = Vec::new();
    for (index, threshold) in budget.thresholds.iter().enumerate() {
        let own: Vec<&Event> = events.iter().filter(|one| one.threshold == index).collect();
        for (step, level) in levels(threshold, planned.amount, costs, period, &own) {
            trials.push(trial(threshold, step, level, planned, costs, period, &own));
        }
    }
    let reached = reached_on(costs, period, planned.amount);
    let is_early = |trial: &&Trial| {
        let when = trial.when.parse::<When>();
        when.is_ok_and(|when| matches!(when, When::Forecast(_) | When::Pace(_)))
    };
    let early = trials.iter().filter(is_early);
    let warning = early
        .filter_map(|trial| Some((trial.told_on?, trial)))
        .min_by_key(|(on, _)| *on)
        .map(|(on, trial)| Warning {
            threshold: trial.threshold.clone(),
            on,
            days_before: reached.map(|reached| days_from(on, reached)),
        });
    let count = |wanted: fn(EventKind) -> bool| {
        let events = events.iter().filter(|one| wanted(one.kind));
        u32::try_from(events.count()).unwrap_or(u32::MAX)
    };
    PeriodReplay {
        period: *period,
        label: budget.calendar.label(period),
        planned,
        spent: Money::new(total(costs, period), planned.currency),
        reached_on: reached,
        notices: count(|kind| matches!(kind, EventKind::Told { own: true, .. })),
        withdrawn: count(|kind| kind == EventKind::Withdrawn),
        restated: count(|kind| {
            kind == EventKind::Told {
                own: true,
                restated: true,
            }
        }),
        warning,
        trials,
    }
}

/// The steps of a threshold that were told or reached, each with its level. One that does not repeat
/// has the step 0.
fn levels(
    threshold: &Threshold,
    planned: Decimal,
    costs: &BTreeMap<Date, Decimal>,
    period: &Period,
    events: &[&Event],
) -> Vec<(u32, Option<Decimal>)> {
    let share = |percent: Decimal| {
        let part = percent / Decimal::ONE_HUNDRED;
        planned.checked_mul(part).unwrap_or(Decimal::MAX)
    };
    let unit = match threshold.when {
        When::Stale(_) | When::Anomaly(..) => return vec![(0, None)],
        When::Pace(_) => return vec![(0, Some(planned))],
        When::Actual(level) | When::Forecast(level) => match level {
            Level::Percent(percent) => return vec![(0, Some(share(percent)))],
            Level::Amount(amount) => return vec![(0, Some(amount))],
            Level::EveryAmount(step) => step,
            Level::EveryPercent(percent) => share(percent),
        },
    };
    let steps = total(costs, period).checked_div(unit).unwrap_or_default();
    let reached = steps.floor().to_u32().unwrap_or(0);
    let told = events.iter().map(|one| one.step).max().unwrap_or(0);
    (1..=reached.max(told).clamp(1, STEPS))
        .map(|step| (step, unit.checked_mul(Decimal::from(step))))
        .collect()
}

fn trial(
    threshold: &Threshold,
    step: u32,
    level: Option<Decimal>,
    planned: Money,
    costs: &BTreeMap<Date, Decimal>,
    period: &Period,
    events: &[&Event],
) -> Trial {
    // A higher step that is told says that the lower ones are reached, too.
    let mut told: Option<(Date, (u32, Option<Date>))> = None;
    let (mut notices, mut withdrawn, mut restated) = (0, 0, 0);
    for event in events.iter().filter(|one| one.step >= step) {
        let is_own = event.step == step;
        match event.kind {
            EventKind::Told { own, restated: is } => {
                notices += u32::from(own && is_own);
                restated += u32::from(is && is_own);
                told = told.or(Some((event.day, (event.step, event.first_day))));
            }
            EventKind::Withdrawn => {
                withdrawn += u32::from(is_own);
                told = told.filter(|(_, by)| *by != (event.step, event.first_day));
            }
        }
    }
    let told_on = told.map(|(day, _)| day);
    let reached_on = level.and_then(|level| reached_on(costs, period, level));
    let kind = threshold.when.kind();
    let verdict = match (told_on, reached_on) {
        (Some(told), Some(reached)) if told < reached => Verdict::Ahead,
        (Some(_), Some(_)) => Verdict::After,
        (None, Some(_)) => Verdict::Missed,
        (None, None) => Verdict::Quiet,
        (Some(_), None) => match kind {
            ThresholdKind::Stale | ThresholdKind::Anomaly => Verdict::Told,
            ThresholdKind::Pace | ThresholdKind::Forecast => Verdict::FalseAlarm,
            ThresholdKind::Actual => Verdict::NotBorneOut,
        },
    };
    let both = told_on.zip(reached_on);
    Trial {
        threshold: match step {
            0 => threshold.id.clone(),
            step => format!("{}#{step}", threshold.id),
        },
        when: threshold.when.to_string(),
        level: level.map(|level| Money::new(level, planned.currency)),
        told_on,
        reached_on,
        days_before: both.map(|(told, reached)| days_from(told, reached)),
        notices,
        withdrawn,
        restated,
        verdict,
    }
}

/// What the thresholds of a budget show over all periods.
pub(super) fn thresholds(budget: &Budget, periods: &[PeriodReplay]) -> Vec<ThresholdReplay> {
    let of_threshold = |threshold: &Threshold| {
        let id = threshold.id.as_str();
        let is_own = |trial: &&Trial| AlertKey::read(&trial.threshold).threshold == id;
        let trials = periods.iter().flat_map(|period| &period.trials);
        let trials: Vec<&Trial> = trials.filter(is_own).collect();
        let sum = |of: fn(&Trial) -> u32| trials.iter().map(|trial| of(trial)).sum();
        let count = |verdict| {
            let same = trials.iter().filter(|trial| trial.verdict == verdict);
            u32::try_from(same.count()).unwrap_or(u32::MAX)
        };
        let mut days: Vec<i32> = trials
            .iter()
            .filter_map(|trial| trial.days_before)
            .collect();
        days.sort_unstable();
        let days_before = || Some((*days.first()?, *days.get(days.len() / 2)?, *days.last()?));
        ThresholdReplay {
            threshold: threshold.id.clone(),
            when: threshold.when.to_string(),
            notices: sum(|trial| trial.notices),
            withdrawn: sum(|trial| trial.withdrawn),
            restated: sum(|trial| trial.restated),
            reached: sum(|trial| u32::from(trial.reached_on.is_some())),
            ahead: count(Verdict::Ahead),
            after: count(Verdict::After),
            missed: count(Verdict::Missed),
            false_alarms: count(Verdict::FalseAlarm),
            days_before: days_before(),
        }
    };
    budget.thresholds.iter().map(of_threshold).collect()
}

/// Days from one day to another; negative when that one is earlier.
fn days_from(from: Date, to: Date) -> i32 {
    let days = |from, to| i32::try_from(days_between(from, to)).unwrap_or(i32::MAX);
    if from <= to {
        days(from, to)
    } else {
        -days(to, from)
    }
}
