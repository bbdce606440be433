//! How earlier forecasts of a series turned out, and what follows from that for the next one.

use crate::normal;

/// One of the eight estimates of what an average day costs now, which a forecast combines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Estimate {
    /// Exponential smoothing in which the newest day counts 5 %.
    Smoothing5,
    /// Exponential smoothing in which the newest day counts 10 %.
    Smoothing10,
    /// Exponential smoothing in which the newest day counts 50 %.
    Smoothing50,
    /// Exponential smoothing in which the newest day counts 80 %.
    Smoothing80,
    /// The mean of the newest 56 days.
    Mean56,
    /// The median of the newest 5 days.
    Median5,
    /// The median of the newest 7 days.
    Median7,
    /// The median of the newest 14 days.
    Median14,
}

impl Estimate {
    /// Every estimate.
    pub const ALL: [Estimate; 8] = [
        Estimate::Smoothing5,
        Estimate::Smoothing10,
        Estimate::Smoothing50,
        Estimate::Smoothing80,
        Estimate::Mean56,
        Estimate::Median5,
        Estimate::Median7,
        Estimate::Median14,
    ];

    /// The name by which it is stored and shown: `smoothing-5`, `mean-56`, `median-7`.
    pub fn name(self) -> &'static str {
        match self {
            Estimate::Smoothing5 => "smoothing-5",
            Estimate::Smoothing10 => "smoothing-10",
            Estimate::Smoothing50 => "smoothing-50",
            Estimate::Smoothing80 => "smoothing-80",
            Estimate::Mean56 => "mean-56",
            Estimate::Median5 => "median-5",
            Estimate::Median7 => "median-7",
            Estimate::Median14 => "median-14",
        }
    }
}

/// How earlier forecasts of the same series turned out, each made on what was known on its day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    /// Periods that have ended and whose forecasts were compared with what came.
    pub periods: u32,
    /// The mean error that estimates would have made alone, as a share of the period's total, at
    /// least 0. One that is not named is taken to be as good as the mean of the others.
    pub errors: Vec<(Estimate, f64)>,
    /// Share of the totals, from 0 to 1, that lay in the 80 % range as it is without any scores.
    pub covered: f64,
}

/// So many periods say as much of the estimates as the whole backtest.
const PERIODS_PER_BACKTEST: f64 = 12.0;
/// More periods than this weigh no more.
const MOST_PERIODS: f64 = 12.0;
/// The coverage is drawn towards the one that is promised by so many periods that held it.
const PROMISED_PERIODS: f64 = 6.0;
/// Share of totals that the 80 % range promises to hold.
const PROMISED: f64 = 0.8;
/// How much a range is narrowed and widened at most.
const NARROWEST: f64 = 0.8;
const WIDEST: f64 = 1.6;

impl Scored {
    /// By how much the range of a forecast is widened, from 0.8 to 1.6; 1 without a score.
    ///
    /// The coverage is drawn towards the promised 80 % as if six more periods had held that: the
    /// forecasts of one period succeed or fail together, so periods count and not days. The factor
    /// is the one by which a normal range with the coverage that is left would have to be widened to
    /// hold 80 %.
    pub fn spread(&self) -> f64 {
        let periods = f64::from(self.periods);
        let covered = self.covered.clamp(0.0, 1.0);
        let drawn =
            (periods * covered + PROMISED_PERIODS * PROMISED) / (periods + PROMISED_PERIODS);
        if !drawn.is_finite() {
            return 1.0;
        }
        let half_width = |coverage: f64| normal::quantile((1.0 + coverage) / 2.0);
        (half_width(PROMISED) / half_width(drawn)).clamp(NARROWEST, WIDEST)
    }

    /// Adds what the scores say of each estimate to the errors of its backtest, in their unit.
    pub(crate) fn add_to(&self, errors: &mut [f64; Estimate::ALL.len()]) {
        let known = self.errors.iter().map(|(_, error)| error);
        let mean = known.sum::<f64>() / self.errors.len() as f64;
        if mean.is_nan() || mean <= 0.0 {
            return;
        }
        let backtest = errors.iter().sum::<f64>() / errors.len() as f64;
        let unit = if backtest > 0.0 { backtest } else { 1.0 };
        let weight = f64::from(self.periods).min(MOST_PERIODS) / PERIODS_PER_BACKTEST;
        for (estimate, error) in Estimate::ALL.iter().zip(errors) {
            let scored = self.errors.iter().find(|(one, _)| one == estimate);
            let ratio = scored.map_or(1.0, |(_, scored)| scored / mean);
            *error += weight * unit * ratio;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(actual: f64, wanted: f64) {
        assert!((actual - wanted).abs() < 5e-4, "{actual} is not {wanted}");
    }

    fn spread(periods: u32, covered: f64) -> f64 {
        Scored {
            periods,
            covered,
            ..Scored::default()
        }
        .spread()
    }

    #[test]
    fn a_range_that_keeps_its_promise_stays() {
        check(spread(0, 0.0), 1.0);
        check(spread(12, 0.8), 1.0);
    }

    #[test]
    fn a_range_is_widened_by_what_it_failed_to_hold_and_within_bounds() {
        // 6 of 12 drawn by 4.8 of 6: 10.8 of 18, so 60 %; 1.28155 / 0.84162.
        check(spread(12, 0.5), 1.5227);
        // 2 of 2 drawn by 4.8 of 6: 6.8 of 8, so 85 %; 1.28155 / 1.43953.
        check(spread(2, 1.0), 0.8903);
        check(spread(1000, 0.0), 1.6);
        check(spread(1000, 1.0), 0.8);
    }

    #[test]
    fn scores_are_weighed_against_the_backtest_by_periods() {
        let scored = |periods| Scored {
            periods,
            errors: vec![(Estimate::Smoothing5, 0.02), (Estimate::Median14, 0.06)],
            covered: 0.8,
        };
        // The backtest's mean is 10, the scores' mean 0.04: ratios of 0.5 and 1.5, 1 for the others.
        let mut errors = [10.0; 8];
        scored(6).add_to(&mut errors);
        assert_eq!(errors, [12.5, 15.0, 15.0, 15.0, 15.0, 15.0, 15.0, 17.5]);
        let (mut twelve, mut many) = ([10.0; 8], [10.0; 8]);
        scored(12).add_to(&mut twelve);
        scored(24).add_to(&mut many);
        assert_eq!((twelve[0], twelve[7]), (15.0, 25.0));
        assert_eq!(twelve, many);
    }

    #[test]
    fn scores_that_say_nothing_change_nothing() {
        for errors in [vec![], vec![(Estimate::Mean56, 0.0)]] {
            let scored = Scored {
                periods: 12,
                errors,
                covered: 0.8,
            };
            let mut backtest = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
            scored.add_to(&mut backtest);
            assert_eq!(backtest, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        }
    }
}
