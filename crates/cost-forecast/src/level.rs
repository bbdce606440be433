//! What an average day costs now, and how wrong such an estimate has been.

use crate::median::median;
use crate::{Estimate, Scored};

/// Number of estimates that are combined: those below, in the order of [`Estimate::ALL`].
const ESTIMATES: usize = SMOOTHING.len() + MEANS.len() + MEDIANS.len();
const _: () = assert!(ESTIMATES == Estimate::ALL.len());
/// Exponential smoothing: share of the newest day.
const SMOOTHING: [f64; 4] = [0.05, 0.1, 0.5, 0.8];
/// Means and medians of so many newest days.
const MEANS: [usize; 1] = [56];
const MEDIANS: [usize; 3] = [5, 7, 14];
const LONGEST_MEDIAN: usize = 14;

/// Those of them that are means of many days, as places in the order above.
const LONG_MEANS: [usize; 3] = [0, 1, 4];

/// Where costs come in spikes, the typical error is so many times that of the backtest, which is a mean.
const ERROR_OF_SPIKES: f64 = 1.5;

/// Days in which the backtest starts.
const BACKTEST_DAYS: usize = 120;
/// Every so many days one backtest: neighbors say nearly the same.
const BACKTEST_STEP: usize = 2;
/// How much less a backtest counts for each day of its age.
const AGING: f64 = 0.985;
/// What has come of a horizon that is not over counts this much, times the share of the horizon.
const UNFINISHED: f64 = 0.1;
/// Days that have to have come of it.
const FEWEST_DAYS: usize = 2;
/// An estimate's weight is its error to minus this power.
const SHARPNESS: i32 = 2;
/// The longest horizon that a backtest covers; a longer one scales its error up.
const LONGEST_BACKTEST: usize = 92;
/// How the error of the mean over a horizon grows with the horizon.
const GROWTH: f64 = 0.4;

/// The error of the total over 15 days, as a share of it, where nothing else is known, ...
const PRIOR_ERROR: f64 = 0.10;
/// ... which counts as much as this many backtests.
const PRIOR_WEIGHT: f64 = 4.0;
/// The horizon of the prior, in days.
const PRIOR_DAYS: f64 = 15.0;
/// The prior of a few days is not smaller than that of this many.
const FEW_DAYS: f64 = 12.0;
/// No source of error is taken to be smaller than this share: a past without errors is no promise.
const LEAST_ERROR: f64 = 0.004;
/// Errors of a level near zero are measured against this share of the usual size of a day.
const SMALLEST_LEVEL: f64 = 0.25;

/// A history without its weekday profile and charges, and each estimate of its level on each of the
/// days from which it is backtested. Unknown days are left out.
#[derive(Clone, Debug)]
pub(crate) struct LevelHistory {
    /// Sums of the days before each index, cleaned and raw.
    clean_sums: Vec<f64>,
    raw_sums: Vec<f64>,
    /// Estimates after day `first_origin`, and after each later day.
    first_origin: usize,
    estimates: Vec<[f64; ESTIMATES]>,
    /// Mean size of a day.
    usual_size: f64,
    /// Whether estimates are weighted by their backtest, ...
    is_weighing: bool,
    /// ... and whether the spread depends on the history at all.
    has_own_spread: bool,
    /// Whether spikes are how the costs are, so that only long means say what comes.
    comes_in_spikes: bool,
    /// How earlier forecasts turned out.
    scored: Option<Scored>,
}

/// The level over a horizon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    /// Mean cost of a day, without weekday profile and charges.
    pub(crate) mean: f64,
    /// Typical error of the total, as a share of its size: see [`typical_error`].
    pub(crate) relative_error: f64,
    /// The least size of a day by which that share is to be taken.
    pub(crate) least_size: f64,
}

impl LevelHistory {
    /// Reads the days of a history, oldest first; `raw` still has its spikes. At least one day.
    pub(crate) fn new(clean: &[f64], raw: &[f64]) -> Self {
        let days = clean.len();
        let first_origin = (days - 1)
            .saturating_sub(BACKTEST_DAYS)
            .max(6.min(days - 1));
        let clean_sums = running_sums(clean);
        let mean_of_last = |at: usize, count: usize| {
            let count = count.min(at + 1);
            (clean_sums[at + 1] - clean_sums[at + 1 - count]) / count as f64
        };
        let mut smoothed = [mean_of_last(6.min(days - 1), 7); SMOOTHING.len()];
        let mut estimates = Vec::with_capacity(days - first_origin);
        for (at, &cost) in clean.iter().enumerate() {
            for (level, share) in smoothed.iter_mut().zip(SMOOTHING) {
                *level += share * (cost - *level);
            }
            if at < first_origin {
                continue;
            }
            let means = MEANS.map(|count| mean_of_last(at, count));
            let medians = MEDIANS.map(|count| {
                let mut newest = [0.0; LONGEST_MEDIAN];
                let count = count.min(at + 1);
                newest[..count].copy_from_slice(&clean[at + 1 - count..=at]);
                median(&mut newest[..count]).unwrap_or_default()
            });
            let mut all = [0.0; ESTIMATES];
            let members = smoothed.iter().chain(&means).chain(&medians);
            all.iter_mut()
                .zip(members)
                .for_each(|(to, from)| *to = *from);
            estimates.push(all);
        }
        let usual_size = raw
            .iter()
            .rev()
            .take(BACKTEST_DAYS)
            .map(|cost| cost.abs())
            .sum::<f64>()
            / raw.len().min(BACKTEST_DAYS) as f64;
        Self {
            raw_sums: running_sums(raw),
            clean_sums,
            first_origin,
            estimates,
            usual_size,
            is_weighing: true,
            has_own_spread: true,
            comes_in_spikes: false,
            scored: None,
        }
    }

    pub(crate) fn weighing(self, is_weighing: bool) -> Self {
        Self {
            is_weighing,
            ..self
        }
    }

    pub(crate) fn coming_in_spikes(self, comes_in_spikes: bool) -> Self {
        Self {
            comes_in_spikes,
            ..self
        }
    }

    pub(crate) fn with_own_spread(self, has_own_spread: bool) -> Self {
        Self {
            has_own_spread,
            ..self
        }
    }

    pub(crate) fn with_scored(self, scored: Option<Scored>) -> Self {
        Self { scored, ..self }
    }

    /// What each estimate says that an average day costs now.
    pub(crate) fn newest(&self) -> [f64; ESTIMATES] {
        self.estimates.last().copied().unwrap_or_default()
    }

    /// The level over `horizon` days that begin `lead` days after the history; `horizon` above 0.
    pub(crate) fn over(&self, lead: usize, horizon: usize) -> Level {
        let days = self.clean_sums.len() - 1;
        let span = horizon.min(LONGEST_BACKTEST).min((days / 2).max(1));
        let lead = lead
            .min(LONGEST_BACKTEST)
            .min((days / 2).saturating_sub(span));
        let origins: Vec<usize> = match days.checked_sub(1 + lead + span) {
            Some(newest) => (self.first_origin..=newest)
                .rev()
                .step_by(BACKTEST_STEP)
                .collect(),
            None => Vec::new(),
        };
        let mean_after = |sums: &[f64], origin: usize| {
            let start = origin + 1 + lead;
            (sums[start + span] - sums[start]) / span as f64
        };
        let at = |origin: usize| &self.estimates[origin - self.first_origin];

        let mut errors = [0.0; ESTIMATES];
        let mut age_weight = 1.0;
        for &origin in &origins {
            let actual = mean_after(&self.clean_sums, origin);
            for (error, estimate) in errors.iter_mut().zip(at(origin)) {
                *error += age_weight * (estimate - actual).abs();
            }
            age_weight *= AGING.powi(BACKTEST_STEP as i32);
        }
        // After a step, the few days since tell the estimates that followed from those that lag.
        if lead == 0 {
            let finished = days.saturating_sub(span);
            let unfinished = (self.first_origin.max(finished)..days.saturating_sub(FEWEST_DAYS))
                .rev()
                .step_by(BACKTEST_STEP);
            for origin in unfinished {
                let come = (days - 1 - origin) as f64;
                let actual = (self.clean_sums[days] - self.clean_sums[origin + 1]) / come;
                for (error, estimate) in errors.iter_mut().zip(at(origin)) {
                    *error += UNFINISHED * come / span as f64 * (estimate - actual).abs();
                }
            }
        }
        if let Some(scored) = &self.scored {
            scored.add_to(&mut errors);
        }
        if !self.is_weighing {
            errors = [0.0; ESTIMATES];
        }
        let mut weights = weights(&errors, self.usual_size);
        if self.comes_in_spikes {
            let sum: f64 = LONG_MEANS.iter().map(|&index| weights[index]).sum();
            let of_mean = |index| {
                if LONG_MEANS.contains(&index) {
                    weights[index] / sum
                } else {
                    0.0
                }
            };
            weights = std::array::from_fn(of_mean);
        }
        let combined = |origin: usize| weighted_median(at(origin), &weights);

        let least_size = SMALLEST_LEVEL * self.usual_size;
        let mean = combined(days - 1);
        let share = |error: f64, level: f64| {
            let size = level.abs().max(least_size);
            if size > 0.0 { error.abs() / size } else { 0.0 }
        };
        let backtests = origins.iter().map(|&origin| {
            let level = combined(origin);
            share(level - mean_after(&self.raw_sums, origin), level)
        });
        let stretch = (horizon as f64 / span as f64).powf(GROWTH);
        let prior = prior_error(horizon as f64);
        let backtest_error = (backtests.sum::<f64>() * stretch + PRIOR_WEIGHT * prior)
            / (origins.len() as f64 + PRIOR_WEIGHT);
        let apart = at(days - 1).iter().map(|one| share(one - mean, mean));
        let disagreement = apart.sum::<f64>() / ESTIMATES as f64;
        let relative_error = if self.comes_in_spikes && self.has_own_spread {
            // By chance more or fewer come: the backtest says by how much, and little else does.
            let spread = self.scored.as_ref().map_or(1.0, Scored::spread);
            spread * ERROR_OF_SPIKES * backtest_error
        } else if self.has_own_spread {
            let spread = self.scored.as_ref().map_or(1.0, Scored::spread);
            spread * typical_error(horizon, backtest_error, disagreement)
        } else {
            typical_error(horizon, prior, prior)
        };
        Level {
            mean,
            relative_error,
            least_size,
        }
    }
}

/// The error of the total over some days that is assumed before anything is known, as a share of it.
fn prior_error(days: f64) -> f64 {
    PRIOR_ERROR * (days / PRIOR_DAYS).powf(GROWTH)
}

/// How far the total of a horizon is typically off, as a share of its size.
///
/// Three things are known of it: the mean error that the combination would have made in the past, on
/// days as they came, spikes and all; how far the estimates are apart today, as a mean distance from
/// their combination; and what is usual for any series. Each is a poor guide alone. The product of
/// their fourth roots is taken, in units that the quantiles of [`Distribution`] are measured in: it
/// moves with all three, and less than they do, because what is extreme in one month is less so in
/// the next.
///
/// [`Distribution`]: crate::Distribution
fn typical_error(horizon: usize, backtest_error: f64, disagreement: f64) -> f64 {
    let usual = prior_error((horizon as f64).max(FEW_DAYS));
    let product: f64 = [backtest_error, disagreement, usual]
        .map(|error| error.max(LEAST_ERROR))
        .iter()
        .product();
    product.powf(0.25)
}

/// Weights that sum to 1, the greater the smaller the error.
fn weights(errors: &[f64; ESTIMATES], size: f64) -> [f64; ESTIMATES] {
    // Keeps the ratio finite where an estimate never erred.
    let nothing = 1e-9 * size;
    let best = errors.iter().copied().fold(f64::INFINITY, f64::min) + nothing;
    if best <= 0.0 {
        return [1.0 / ESTIMATES as f64; ESTIMATES];
    }
    let weights = errors.map(|error| (best / (error + nothing)).powi(SHARPNESS));
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

/// The value below which half of the weight lies; lines between the values, each of which stands in
/// the middle of its own weight. Unlike a mean it is not moved by how far off a poor estimate is.
fn weighted_median(values: &[f64; ESTIMATES], weights: &[f64; ESTIMATES]) -> f64 {
    let mut sorted: [(f64, f64); ESTIMATES] = std::array::from_fn(|i| (values[i], weights[i]));
    sorted.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut below = 0.0;
    let mut last: Option<(f64, f64)> = None;
    for (value, weight) in sorted {
        let place = below + weight / 2.0;
        match last {
            Some((lower, under)) if place >= 0.5 => {
                return lower + (value - lower) * (0.5 - under) / (place - under);
            }
            None if place >= 0.5 => return value,
            _ => last = Some((value, place)),
        }
        below += weight;
    }
    last.map_or(0.0, |(value, _)| value)
}

fn running_sums(values: &[f64]) -> Vec<f64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    sums.push(0.0);
    let mut sum = 0.0;
    for value in values {
        sum += value;
        sums.push(sum);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_weight_lies_below_the_median() {
        let values = [8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let median = |weights| weighted_median(&values, &weights);
        assert_eq!(median([0.125; ESTIMATES]), 4.5);
        // All the weight on one value, wherever it stands.
        assert_eq!(median([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 8.0);
        assert_eq!(median([0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 1.0);
        assert_eq!(median([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), 4.0);
        // 7 stands at 0.4 of the weight and 8 at 0.7: half of it lies a third of the way up.
        let two = median([0.6, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!((two - 22.0 / 3.0).abs() < 1e-12, "{two}");
    }
}
