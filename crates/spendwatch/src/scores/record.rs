//! How the forecasts of a budget turned out, over its periods.

#![deny(clippy::float_arithmetic)]

use std::collections::BTreeMap;

use budget_engine::{ForecastScore, Percent, Statistic};
use cost_forecast::{Estimate, Scored};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::period::{PeriodScore, StageScore};
use super::{Board, COMBINED, RUN_RATE};

/// So many newest periods say how good forecasts are now; older ones are kept to look at.
const NEWEST: usize = 12;

/// A part of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Less than a third of its days is over.
    First,
    /// One third is, and less than two.
    Middle,
    /// Two thirds are.
    Last,
}

impl Stage {
    /// Every part, in the order of time.
    pub const ALL: [Stage; 3] = [Stage::First, Stage::Middle, Stage::Last];
}

/// How the forecasts of one model turned out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelScore {
    /// Its name: `combined` for what is told, `run-rate`, or one of the estimates that are combined.
    pub model: String,
    /// Over all forecasts.
    #[serde(flatten)]
    pub all: Figures,
    /// By how much of the period was over.
    pub stages: BTreeMap<Stage, Figures>,
}

/// How far off forecasts were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Ended periods with such forecasts, at least 1. Each counts alike, however many there were in it.
    pub periods: u32,
    /// How many forecasts there were.
    pub forecasts: u32,
    /// Mean of the periods' mean errors, in percent of the period's total, 0 to 100.
    pub error: Percent,
    /// The same with signs: positive where forecasts were too high.
    pub bias: Percent,
    /// How often, in percent, the 80 % range held the total; of models that give a range.
    pub covered80: Option<Percent>,
    /// How often the 95 % range did.
    pub covered95: Option<Percent>,
}

impl Board {
    /// How forecasts turned out that were made as late in their periods; `None` before there are any.
    pub(crate) fn told(&self, stage: Stage, hold_back: bool) -> Option<ForecastScore> {
        let stages = self.scores().rev().filter_map(|score| score.stage(stage));
        let periods: Vec<(&StageScore, Mean)> = stages
            .filter_map(|score| Some((score, mean(score, COMBINED)?)))
            .take(NEWEST)
            .collect();
        let mut errors: Vec<Decimal> = periods.iter().map(|(_, mean)| mean.error).collect();
        let held = |score: &StageScore| 2 * score.in80 >= score.forecasts;
        let covered = periods.iter().filter(|(score, _)| held(score)).count();
        let biases = periods.iter().map(|(_, mean)| mean.bias);
        let score = ForecastScore {
            periods: u32::try_from(periods.len()).ok()?,
            covered: u32::try_from(covered).ok()?,
            error: Percent(Statistic::Median.of(&mut errors)?.round_dp(4)),
            bias: Percent(average(biases)?.round_dp(4)),
            held: false,
        };
        Some(ForecastScore {
            held: hold_back && score.is_poor(),
            ..score
        })
    }

    /// What the next forecast is told of the ones before; `None` before a period has ended.
    pub(crate) fn scored(&self) -> Option<Scored> {
        let periods: Vec<StageScore> = self
            .scores()
            .rev()
            .take(NEWEST)
            .map(PeriodScore::whole)
            .collect();
        let share = |part: u32, whole: u32| Decimal::from(part).checked_div(whole.into());
        let covered = periods
            .iter()
            .filter_map(|one| share(one.plain80, one.forecasts));
        let errors = Estimate::ALL.into_iter().filter_map(|estimate| {
            let means = periods.iter().filter_map(|one| mean(one, estimate.name()));
            let error = average(means.map(|mean| mean.error))?;
            Some((estimate, (error / Decimal::ONE_HUNDRED).to_f64()?))
        });
        Some(Scored {
            covered: average(covered)?.to_f64()?,
            errors: errors.collect(),
            periods: u32::try_from(periods.len()).ok()?,
        })
    }

    /// Every model with its figures: what is told first, then the run rate, then the estimates.
    pub(crate) fn models(&self) -> Vec<ModelScore> {
        let names = [COMBINED, RUN_RATE].into_iter();
        let names = names.chain(Estimate::ALL.iter().map(|one| one.name()));
        let whole: Vec<StageScore> = self.scores().map(PeriodScore::whole).collect();
        names
            .filter_map(|model| {
                let stages = Stage::ALL.into_iter().filter_map(|stage| {
                    let scores = self.scores().filter_map(|score| score.stage(stage));
                    Some((stage, figures(scores, model)?))
                });
                Some(ModelScore {
                    model: model.to_owned(),
                    all: figures(whole.iter(), model)?,
                    stages: stages.collect(),
                })
            })
            .collect()
    }
}

/// Means over the forecasts of one period, in percent.
#[derive(Clone, Copy)]
struct Mean {
    error: Decimal,
    bias: Decimal,
}

fn mean(score: &StageScore, model: &str) -> Option<Mean> {
    let errors = score.models.get(model)?;
    let count = Decimal::from(errors.forecasts);
    Some(Mean {
        error: errors.error.checked_div(count)?,
        bias: errors.bias.checked_div(count)?,
    })
}

fn figures<'a>(periods: impl Iterator<Item = &'a StageScore>, model: &str) -> Option<Figures> {
    let periods: Vec<(&StageScore, Mean)> = periods
        .filter_map(|score| Some((score, mean(score, model)?)))
        .collect();
    let covered = |held: fn(&StageScore) -> u32| {
        let shares = periods.iter().filter_map(|(score, _)| {
            let hundredfold = Decimal::from(held(score)) * Decimal::ONE_HUNDRED;
            hundredfold.checked_div(score.forecasts.into())
        });
        let covered = average(shares).filter(|_| model == COMBINED);
        covered.map(|share| Percent(share.round_dp(4)))
    };
    let forecasts = periods
        .iter()
        .filter_map(|(score, _)| score.models.get(model));
    Some(Figures {
        periods: u32::try_from(periods.len()).ok()?,
        forecasts: forecasts.map(|errors| errors.forecasts).sum(),
        error: Percent(average(periods.iter().map(|(_, mean)| mean.error))?.round_dp(4)),
        bias: Percent(average(periods.iter().map(|(_, mean)| mean.bias))?.round_dp(4)),
        covered80: covered(|score| score.in80),
        covered95: covered(|score| score.in95),
    })
}

/// The mean; `None` of nothing.
fn average(values: impl Iterator<Item = Decimal>) -> Option<Decimal> {
    Statistic::Mean.of(&mut values.collect::<Vec<_>>())
}
