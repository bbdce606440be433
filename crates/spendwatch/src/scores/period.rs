//! How the forecasts of one period turned out.

#![deny(clippy::float_arithmetic)]

use std::collections::BTreeMap;

use budget_engine::{Period, days_between};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Made;
use super::record::Stage;

/// Digits that are kept of errors in percent.
const DIGITS: u32 = 4;

/// How the forecasts of one period turned out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PeriodScore {
    /// What the period came to, in the budget's currency.
    came: Decimal,
    /// By how much of the period was over.
    stages: BTreeMap<Stage, StageScore>,
}

/// How the forecasts turned out that were made in one part of a period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StageScore {
    /// How many there were.
    pub(super) forecasts: u32,
    /// How many had the total in their 80 % range.
    pub(super) in80: u32,
    /// How many had it in their 95 % range.
    pub(super) in95: u32,
    /// How many would have had it in their 80 % range without scores.
    pub(super) plain80: u32,
    /// Sums over the forecasts of each model.
    pub(super) models: BTreeMap<String, Errors>,
}

/// How far off the forecasts of a model were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Errors {
    /// How many there were.
    pub(super) forecasts: u32,
    /// Sum of their errors in percent of the total, each at most 100.
    pub(super) error: Decimal,
    /// The same with signs: positive for a forecast that was too high.
    pub(super) bias: Decimal,
}

impl PeriodScore {
    /// Compares forecasts with what came. `None` if there is nothing to take a share of.
    pub(super) fn of(
        period: &Period,
        made: &BTreeMap<Date, Made>,
        came: Decimal,
    ) -> Option<PeriodScore> {
        if came.is_zero() || made.is_empty() {
            return None;
        }
        let mut stages: BTreeMap<Stage, StageScore> = BTreeMap::new();
        for (day, made) in made {
            let score = stages.entry(Stage::of(period, *day)).or_default();
            let holds = |(low, high): (Decimal, Decimal)| u32::from(low <= came && came <= high);
            score.forecasts += 1;
            score.in80 += holds(made.range80);
            score.in95 += holds(made.range95);
            score.plain80 += holds(made.plain80.unwrap_or(made.range80));
            for (model, total) in &made.totals {
                let bias = share(*total, came)?;
                let errors = score.models.entry(model.clone()).or_default();
                errors.forecasts += 1;
                errors.error += bias.abs();
                errors.bias += bias;
            }
        }
        Some(PeriodScore { came, stages })
    }

    /// The forecasts of one part of the period, if there were any.
    pub(super) fn stage(&self, stage: Stage) -> Option<&StageScore> {
        self.stages.get(&stage)
    }

    /// All forecasts of the period.
    pub(super) fn whole(&self) -> StageScore {
        let mut whole = StageScore::default();
        for stage in self.stages.values() {
            whole.forecasts += stage.forecasts;
            whole.in80 += stage.in80;
            whole.in95 += stage.in95;
            whole.plain80 += stage.plain80;
            for (model, errors) in &stage.models {
                let sum = whole.models.entry(model.clone()).or_default();
                sum.forecasts += errors.forecasts;
                sum.error += errors.error;
                sum.bias += errors.bias;
            }
        }
        whole
    }
}

impl Stage {
    /// The part of a period that a day lies in: by how many of its days were over before that day.
    pub(crate) fn of(period: &Period, day: Date) -> Stage {
        let over = u64::from(days_between(period.start(), day));
        match 3 * over / u64::from(period.days().max(1)) {
            0 => Stage::First,
            1 => Stage::Middle,
            _ => Stage::Last,
        }
    }
}

/// How much a forecast was too high, in percent of what came, -100 to 100. An error of the whole total
/// is as wrong as can be told.
fn share(total: Decimal, came: Decimal) -> Option<Decimal> {
    let most = Decimal::ONE_HUNDRED;
    let off = total.checked_sub(came)?.checked_div(came.abs())?;
    let percent = off
        .checked_mul(most)
        .unwrap_or(match off.is_sign_negative() {
            true => -most,
            false => most,
        });
    Some(percent.clamp(-most, most).round_dp(DIGITS))
}
