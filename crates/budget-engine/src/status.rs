//! Where a budget stands in one period: the figures that answers and notices show.

#![deny(clippy::float_arithmetic)]

use std::fmt;

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::anomaly::{Anomalies, Anomaly};
use crate::budget::Budget;
use crate::charge::CostBasis;
use crate::course::{Course, course};
use crate::drivers::{Drivers, drivers};
use crate::forecast::{Forecast, ForecastSummary};
use crate::money::{Money, percent_of};
use crate::observe::{DataState, DayState, ObserveError, Observed};
use crate::period::{Period, TimeGrain, days_between, plus_days};
use crate::rhythm::Rhythm;
use crate::scope::Scope;
use crate::score::ForecastScore;

/// A percentage: 80 stands for eighty percent.
///
/// Displayed with at most one digit after the point and rounded toward zero, so that 99.96 never
/// reads as 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(pub Decimal);

impl Percent {
    /// A probability in words, without digits after the point and without a certainty that nobody
    /// has: `82 %`, `over 99 %`, `under 1 %`.
    pub fn likelihood(self) -> String {
        if self.0 > Decimal::from(99) {
            "over 99 %".to_owned()
        } else if self.0 < Decimal::ONE {
            "under 1 %".to_owned()
        } else {
            Percent(self.0.trunc()).to_string()
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .0
            .round_dp_with_strategy(1, RoundingStrategy::ToZero)
            .normalize();
        write!(f, "{shown} %")
    }
}

/// Spending against what the plan expects by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pace {
    /// Share of the planned amount that the elapsed days stand for, by the budget's own weekly
    /// rhythm.
    pub expected: Money,
    /// What these days have cost. Less than the spend to date where the data of one subscription reach
    /// further than those of another.
    /// Absent in what was stored before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Money>,
    /// That as percent of what is expected.
    pub percent: Percent,
}

/// Where a budget stands. Stored with every transition, so that a notice can be rendered and a
/// number recomputed later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Id of the budget.
    pub budget: String,
    /// Its name: untrusted text.
    pub name: String,
    /// Id of the budget it is a part of.
    pub parent: Option<String>,
    /// The scopes it counts (of its children, if it has none itself).
    pub scopes: Vec<Scope>,
    /// Which cost counts.
    pub cost_basis: CostBasis,
    /// Length of the period.
    pub time_grain: TimeGrain,
    /// The days that count: the period, cut to the budget's first and last day.
    pub period: Period,
    /// The period in words.
    pub period_label: String,
    /// The period as it is named in keys: `monthly-2026-11-01`.
    pub period_key: String,
    /// Planned amount.
    pub planned: Money,
    /// Spend to date.
    pub spent: Money,
    /// Planned amount less spend to date; negative when over.
    pub remaining: Money,
    /// Spend to date as percent of the planned amount.
    pub percent: Percent,
    /// Which day of the period it is, from 1.
    pub day: u32,
    /// Days of the period up to the last day with data; 0 when there are no data for it yet, and
    /// then nothing is known of its spend.
    pub elapsed_days: u32,
    /// What may be spent on each day that is left; `None` when over, at the end,
    /// or when the data are stale or not there.
    pub daily_allowance: Option<Money>,
    /// Spending against plan; `None` in the first days.
    pub pace: Option<Pace>,
    /// Expected end of the period.
    pub forecast: Option<ForecastSummary>,
    /// Why there is no forecast.
    pub no_forecast: Option<String>,
    /// What is unusual: the events that began in the period, and those of the days before it that are
    /// not long over. `None` where it was not looked into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anomalies: Option<Anomalies>,
    /// What moved.
    pub drivers: Option<Drivers>,
    /// How the period went and is expected to go on; `None` in what earlier versions stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
    /// How old and how settled the data are.
    pub data: DataState,
    /// Addresses that the configuration names as owners, and those from the owner tags of the costly
    /// resources: untrusted text.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Days of the period within the data on which a subscription (or a billing scope) that the budget
    /// lies in has no row at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Date>,
    /// Those of the gaps that are taken for missing data and forecast, instead of for days without cost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Date>,
}

impl Status {
    /// Notes with the forecast how earlier ones turned out; nothing if there is no forecast.
    pub fn set_score(&mut self, score: Option<ForecastScore>) {
        if let Some(forecast) = &mut self.forecast {
            forecast.score = score;
        }
    }
}

impl Pace {
    /// What the days have cost that it is about; `status` is what it is a part of.
    pub fn spent_of(&self, status: &Status) -> Money {
        self.spent.unwrap_or(status.spent)
    }
}

impl Status {
    /// The events that began in the period: those that its thresholds are about.
    pub(crate) fn incidents(&self) -> impl Iterator<Item = &Anomaly> {
        let known = self.anomalies.iter().flat_map(|known| &known.incidents);
        known.filter(|one| self.period.contains(one.first))
    }
}

/// Days of a period that must have data before its pace says anything.
const PACE_NEEDS_DAYS: u32 = 3;

/// Puts the figures of one budget and period together, without what is unusual.
pub fn status(
    budget: &Budget,
    scopes: Vec<Scope>,
    observed: &Observed,
    forecast: Result<&Forecast, String>,
    period: &Period,
) -> Result<Status, ObserveError> {
    let planned = observed.planned(budget, period)?;
    let counted = budget.counted(period).ok_or(ObserveError::Calendar)?;
    let spent = observed.sum(counted.start(), counted.end())?;
    let remaining = planned
        .checked_sub(spent)
        .map_err(|_| ObserveError::Overflow)?;
    let percent = percent_of(spent.amount, planned.amount).ok_or(ObserveError::Overflow)?;
    let after_data = plus_days(observed.data.last_day, 1).clamp(counted.start(), counted.end());
    let elapsed_days = days_between(counted.start(), after_data);
    let today = plus_days(
        observed.data.last_day,
        i32::try_from(observed.data.age_days).unwrap_or(0),
    )
    .clamp(counted.start(), counted.last_day());
    let day = days_between(counted.start(), today) + 1;
    // Days whose cost is not known yet may have cost as much, so they share in what is left.
    let days_left = counted.days() - elapsed_days;
    let is_known = elapsed_days > 0 && !observed.data.stale;
    let daily_allowance =
        (days_left > 0 && is_known && remaining.amount > Decimal::ZERO).then(|| {
            Money::new(
                remaining.amount / Decimal::from(days_left),
                planned.currency,
            )
        });
    let spent_in_days = observed.sum(counted.start(), after_data)?;
    let pace = (elapsed_days >= PACE_NEEDS_DAYS)
        .then(|| Rhythm::learn(observed, &counted)?.share_before(&counted, after_data))
        .flatten()
        .and_then(|share| {
            let expected = planned.amount.checked_mul(share)?;
            let percent = Percent(percent_of(spent_in_days.amount, expected)?);
            Some(Pace {
                expected: Money::new(expected, planned.currency),
                spent: Some(spent_in_days),
                percent,
            })
        });
    let course = course(observed, &counted, planned, forecast.as_ref().ok().copied());
    let (forecast, no_forecast) = match forecast {
        Ok(forecast) => (Some(summarize(forecast, planned, spent)), None),
        Err(reason) => (None, Some(reason)),
    };
    Ok(Status {
        budget: budget.id.clone(),
        name: budget.name.clone(),
        parent: budget.parent.clone(),
        scopes,
        cost_basis: budget.cost_basis,
        time_grain: budget.calendar.grain(),
        period: counted,
        period_label: budget.calendar.label(period),
        period_key: budget.calendar.key(period),
        planned,
        spent,
        remaining,
        percent: Percent(percent),
        day,
        elapsed_days,
        daily_allowance,
        pace,
        forecast,
        no_forecast,
        anomalies: None,
        drivers: drivers(observed, &budget.calendar, &counted, observed.data.last_day),
        course,
        data: observed.data,
        owners: observed.owners.clone(),
        missing: observed
            .days
            .iter()
            .filter(|day| day.state == DayState::Missing && day.date <= observed.data.last_day)
            .map(|day| day.date)
            .filter(|day| counted.contains(*day))
            .collect(),
        gaps: observed
            .gaps
            .iter()
            .copied()
            .filter(|day| counted.contains(*day))
            .collect(),
    })
}

fn summarize(forecast: &Forecast, planned: Money, spent: Money) -> ForecastSummary {
    let money = |amount| Money::new(amount, planned.currency);
    let at = |tenths: i64| money(forecast.quantile(Decimal::new(tenths, 1)));
    ForecastSummary {
        mean: money(forecast.mean),
        range80: (at(100), at(900)),
        range95: (at(25), at(975)),
        probability: if spent.amount >= planned.amount {
            Decimal::ONE_HUNDRED
        } else {
            forecast.probability_of(planned.amount)
        },
        breach: forecast.breach,
        few_days: forecast.few_days.clone(),
        score: None,
    }
}
