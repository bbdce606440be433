//! How earlier forecasts of a budget turned out, and whether the next one is to be believed.

#![deny(clippy::float_arithmetic)]

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::decide::Reason;
use crate::status::Percent;

/// Fewer periods than this are no reason to doubt a forecast: one odd month among two is half of them.
const FEWEST_PERIODS: u32 = 3;
/// A forecast that is off by more than this many percent of the total, as often as not, says nothing of
/// levels that lie closer together, as those of budgets do (80 and 100 %).
const POOR_ERROR: Decimal = Decimal::from_parts(25, 0, 0, false, 0);
/// A range that holds fewer than this many percent of the totals is no 80 % range. Of four periods a range
/// that keeps its promise holds so few in 2.7 % of all cases, of six in 1.7 %; of three in 10 %, ...
const POOR_COVERAGE: u32 = 40;
/// ... so that it takes four to say so.
const FEWEST_PERIODS_OF_RANGES: u32 = 4;
/// An error up to this many percent is no reason, however narrow the range was that did not hold the
/// total: it is what forecasts of a month are off by as a rule.
const USUAL_ERROR: Decimal = Decimal::from_parts(5, 0, 0, false, 0);

/// How earlier forecasts of a budget turned out, those that were made about as late in their periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastScore {
    /// Ended periods whose forecasts were compared with what came.
    pub periods: u32,
    /// In how many of them at least half of the forecasts had the total in their 80 % range.
    pub covered: u32,
    /// How far they were off, in percent of the total: the median of the periods, 0 to 100.
    pub error: Percent,
    /// How much too high they were, in percent of the total; too low if negative: the mean of the
    /// periods, -100 to 100.
    pub bias: Percent,
    /// Whether thresholds of the forecast are not told because of that.
    pub held: bool,
}

impl ForecastScore {
    /// Whether it rests on enough periods to be told: at least three.
    pub fn is_telling(&self) -> bool {
        self.periods >= FEWEST_PERIODS
    }

    /// Whether forecasts have been so far off that a threshold of them would tell nothing: the error of
    /// at least three periods is above 25 %, or the 80 % range held the total in fewer than 40 % of at
    /// least four periods and the error is above 5 %.
    ///
    /// Forecasts that were mostly too low are believed: more comes than they say, so a level that even
    /// they reach will be reached.
    pub fn is_poor(&self) -> bool {
        let is_mostly_too_low = self.bias.0 * Decimal::TWO < -self.error.0;
        let misses = self.is_telling() && self.error.0 > POOR_ERROR;
        let is_narrow = self.periods >= FEWEST_PERIODS_OF_RANGES
            && u64::from(self.covered) * 100 < u64::from(self.periods) * u64::from(POOR_COVERAGE)
            && self.error.0 > USUAL_ERROR;
        (misses || is_narrow) && !is_mostly_too_low
    }

    /// Why a threshold of the forecast is not told, if it is held.
    pub(crate) fn hold(&self) -> Option<Reason> {
        self.held.then_some(Reason::HeldPoor {
            error: self.error,
            covered: self.covered,
            periods: self.periods,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(periods: u32, covered: u32, error: i64, bias: i64, poor: bool) {
        let score = ForecastScore {
            periods,
            covered,
            error: Percent(error.into()),
            bias: Percent(bias.into()),
            held: false,
        };
        assert_eq!(score.is_poor(), poor, "{score:?}");
    }

    #[test]
    fn two_periods_prove_nothing() {
        check(2, 0, 100, 100, false);
        check(3, 3, 26, 0, true);
    }

    #[test]
    fn the_error_must_be_above_a_quarter() {
        check(12, 12, 25, 0, false);
        check(12, 12, 26, 0, true);
    }

    #[test]
    fn a_range_that_held_few_totals_counts_from_four_periods_on() {
        check(3, 0, 20, 0, false);
        check(4, 1, 20, 0, true);
        check(4, 2, 20, 0, false);
        check(5, 2, 20, 0, false);
        check(6, 2, 20, 0, true);
    }

    #[test]
    fn a_narrow_range_around_a_good_forecast_is_no_reason() {
        check(12, 0, 5, 0, false);
        check(12, 0, 6, 0, true);
    }

    #[test]
    fn forecasts_that_were_mostly_too_low_are_believed() {
        check(6, 0, 40, -40, false);
        check(6, 0, 40, -21, false);
        check(6, 0, 40, -20, true);
        check(6, 0, 40, 40, true);
    }
}
