//! How a period went and is expected to go on, step by step: what a chart shows.

#![deny(clippy::float_arithmetic)]

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::forecast::Forecast;
use crate::money::Money;
use crate::observe::{DailyCost, DayState, Observed};
use crate::period::{Period, plus_days};
use crate::rhythm::Rhythm;

/// Most steps of a course: two months by days, a year by six days at a time.
pub const MOST_STEPS: u32 = 62;

/// How a period went and is expected to go on.
///
/// The period is cut into steps of `step_days` from its first day; the last one may be shorter. All
/// amounts are in the currency of the budget, rounded to its minor unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Course {
    /// Days of a step: 1, or as many as it takes to have at most [`MOST_STEPS`].
    pub step_days: u32,
    /// Cost of each step, up to the last one with data; `None` before the data begin.
    pub costs: Vec<Option<Decimal>>,
    /// So many steps, from the first on, are not expected to change.
    pub settled: u32,
    /// What the plan expects to be spent by the end of each step, by the budget's own weekly rhythm;
    /// ends with the planned amount.
    pub planned: Vec<Decimal>,
    /// Spend by the end of the last steps, as it is expected; empty without a forecast.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<Span>,
}

/// A range of spend to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// One time of ten it is less.
    pub low: Decimal,
    /// Half of the time it is less.
    pub middle: Decimal,
    /// Nine times of ten it is less.
    pub high: Decimal,
}

impl Course {
    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.planned.len()
    }

    /// The step, counted from 0, at whose end the expectation begins.
    pub fn expected_from(&self) -> usize {
        self.steps().saturating_sub(self.expected.len())
    }
}

/// The course of a period, or of the days of it that count. `None` when a sum does not fit.
pub(crate) fn course(
    observed: &Observed,
    period: &Period,
    planned: Money,
    forecast: Option<&Forecast>,
) -> Option<Course> {
    let round = |amount: Decimal| Money::new(amount, planned.currency).rounded();
    let step_days = period.days().div_ceil(MOST_STEPS);
    let shares = Rhythm::learn(observed, period)?.shares(period)?;
    let last_of = |shares: &[Decimal]| shares.last().copied();
    let plan: Option<Vec<Decimal>> = shares
        .chunks(usize::try_from(step_days).ok()?)
        .map(|step| Some(round(planned.amount.checked_mul(last_of(step)?)?)))
        .collect();

    let mut steps: Vec<Step> = Vec::new();
    let known = observed.days.iter();
    let mut known = known.skip_while(|day| day.date < period.start()).peekable();
    let mut first = period.start();
    while first < period.end() {
        let end = plus_days(first, i32::try_from(step_days).ok()?).min(period.end());
        let mut step = Step::default();
        let mut date = first;
        while date < end {
            let day = known.next_if(|day| day.date == date);
            // Of a day that is missing a part may be there.
            let is_known = |day: &&DailyCost| day.state != DayState::Missing || !day.cost.is_zero();
            if let Some(day) = day.filter(is_known) {
                step.cost = step.cost.checked_add(day.cost)?;
                step.has_data = true;
                step.is_open |= day.state == DayState::Settling;
            }
            date = plus_days(date, 1);
        }
        steps.push(step);
        first = end;
    }
    let with_data = steps.iter().rposition(|step| step.has_data);
    steps.truncate(with_data.map_or(0, |last| last + 1));
    let settled = steps.iter().take_while(|step| !step.is_open).count();
    let spent = steps
        .iter()
        .try_fold(Decimal::ZERO, |sum, step| sum.checked_add(step.cost))?;
    let costs = steps.iter();
    let costs = costs.map(|step| step.has_data.then(|| round(step.cost)));
    Some(Course {
        step_days,
        costs: costs.collect(),
        settled: u32::try_from(settled).ok()?,
        planned: plan?,
        expected: expected(period, step_days, (steps.len(), spent), forecast, round),
    })
}

/// What is known of a step.
#[derive(Default)]
struct Step {
    cost: Decimal,
    /// Some of its days have data.
    has_data: bool,
    /// Some of its days may still change.
    is_open: bool,
}

/// Spend by the end of every step from the last one with data on; empty if one of them is not known.
/// What is spent is certain where the last days with data are settled: they are in no forecast.
fn expected(
    period: &Period,
    step_days: u32,
    (with_data, spent): (usize, Decimal),
    forecast: Option<&Forecast>,
    round: impl Fn(Decimal) -> Decimal,
) -> Vec<Span> {
    let Some(forecast) = forecast else {
        return Vec::new();
    };
    let certain = round(spent);
    let certain = Span {
        low: certain,
        middle: certain,
        high: certain,
    };
    let first_open = forecast.path.first().map(|one| one.date);
    let last_day = |step: usize| -> Option<Date> {
        let days = i32::try_from(step_days).ok()? * i32::try_from(step + 1).ok()?;
        Some(plus_days(period.start(), days - 1).min(period.last_day()))
    };
    let steps = usize::try_from(period.days().div_ceil(step_days)).unwrap_or(0);
    let spans: Option<Vec<Span>> = (with_data.saturating_sub(1)..steps)
        .map(|step| {
            let day = last_day(step)?;
            if step + 1 == with_data && first_open.is_some_and(|open| day < open) {
                return Some(certain);
            }
            let known = forecast.path.iter().find(|one| one.date == day)?;
            Some(Span {
                low: round(known.low),
                middle: round(known.middle),
                high: round(known.high),
            })
        })
        .collect();
    spans.unwrap_or_default()
}
