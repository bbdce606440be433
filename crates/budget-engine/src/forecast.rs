//! What the engine needs to know of a forecast. The forecasting itself is another crate; the
//! application converts its numbers to decimals once, here.

#![deny(clippy::float_arithmetic)]

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::score::ForecastScore;

/// Where a period is expected to end: spend to date included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Expected total of the period.
    pub mean: Decimal,
    /// The total by quantile: percent (above 0, below 100) and amount, both increasing.
    pub quantiles: Vec<(Decimal, Decimal)>,
    /// When the planned amount is expected to be reached, if before the period's end.
    pub breach: Option<Breach>,
    /// Spend to date by the end of each day that is not settled, oldest first; may be left out.
    pub path: Vec<PathDay>,
    /// How little it rests on; `None` if that is enough.
    pub few_days: Option<FewDays>,
}

/// A history that is too short to know by how much a forecast may be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FewDays {
    /// Its settled days, at least 1.
    pub settled: u32,
    /// The budget whose weekdays stand in for its own, by id, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekdays_of: Option<String>,
}

impl FewDays {
    /// So many settled days it takes for thresholds of the forecast to be told: one of fewer is mostly what
    /// its largest day makes it.
    pub const NEEDED: u32 = 5;

    /// Whether thresholds of the forecast wait for more.
    pub fn are_too_few(&self) -> bool {
        self.settled < FewDays::NEEDED
    }
}

/// Spend from the first day of a period to the end of one of its days, as it is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathDay {
    /// The day.
    pub date: Date,
    /// One time of ten it is less.
    pub low: Decimal,
    /// Half of the time it is less.
    pub middle: Decimal,
    /// Nine times of ten it is less.
    pub high: Decimal,
}

/// When an amount is expected to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Breach {
    /// The most likely day.
    pub likely: Date,
    /// The day before which it is unlikely (10 %); `None` when not in the period.
    pub earliest: Option<Date>,
    /// The day after which it is unlikely (10 %); `None` when it may not happen in the period.
    pub latest: Option<Date>,
}

/// The part of a forecast that answers and notices show, and that is stored with a transition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastSummary {
    /// Expected total of the period.
    pub mean: Money,
    /// Four times of five the total lies in this range.
    pub range80: (Money, Money),
    /// 19 times of 20 the total lies in this range.
    pub range95: (Money, Money),
    /// How likely, in percent, the total reaches the planned amount.
    pub probability: Decimal,
    /// When that happens.
    pub breach: Option<Breach>,
    /// How little it rests on; absent if that is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub few_days: Option<FewDays>,
    /// How earlier forecasts turned out; `None` before there is anything to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<ForecastScore>,
}

impl Forecast {
    /// The total at a quantile, in percent; straight lines between the known quantiles, the
    /// outermost ones beyond them.
    pub fn quantile(&self, percent: Decimal) -> Decimal {
        let (Some(first), Some(last)) = (self.quantiles.first(), self.quantiles.last()) else {
            return self.mean;
        };
        if percent <= first.0 {
            return first.1;
        }
        for pair in self.quantiles.windows(2) {
            let ((p0, x0), (p1, x1)) = (pair[0], pair[1]);
            if percent <= p1 {
                return between(percent, p0, p1, x0, x1);
            }
        }
        last.1
    }

    /// How likely, in percent, the total reaches `amount`. Beyond the outermost quantiles it is what
    /// they stand for (99.5 for a lowest quantile of 0.5), because nothing more is known there; 0 and
    /// 100 only for a total that is certain.
    pub fn probability_of(&self, amount: Decimal) -> Decimal {
        let (Some(first), Some(last)) = (self.quantiles.first(), self.quantiles.last()) else {
            return if self.mean >= amount {
                Decimal::ONE_HUNDRED
            } else {
                Decimal::ZERO
            };
        };
        let is_certain = first.1 == last.1;
        if amount <= first.1 {
            return if is_certain {
                Decimal::ONE_HUNDRED
            } else {
                Decimal::ONE_HUNDRED - first.0
            };
        }
        if amount > last.1 {
            return if is_certain {
                Decimal::ZERO
            } else {
                Decimal::ONE_HUNDRED - last.0
            };
        }
        for pair in self.quantiles.windows(2) {
            let ((p0, x0), (p1, x1)) = (pair[0], pair[1]);
            if amount <= x1 {
                return Decimal::ONE_HUNDRED - between(amount, x0, x1, p0, p1);
            }
        }
        Decimal::ZERO
    }
}

/// The value at `x` of the line through (x0, y0) and (x1, y1); `y1` when that is steeper than
/// decimals can tell.
fn between(x: Decimal, x0: Decimal, x1: Decimal, y0: Decimal, y1: Decimal) -> Decimal {
    let line = || {
        let share = x.checked_sub(x0)?.checked_div(x1.checked_sub(x0)?)?;
        y0.checked_add(y1.checked_sub(y0)?.checked_mul(share)?)
    };
    line().unwrap_or(y1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forecast() -> Forecast {
        let at = |p: i64, x: i64| (Decimal::from(p), Decimal::from(x));
        Forecast {
            mean: Decimal::from(1000),
            quantiles: vec![at(10, 900), at(50, 1000), at(90, 1200)],
            breach: None,
            path: Vec::new(),
            few_days: None,
        }
    }

    #[test]
    fn quantiles_and_probabilities_are_each_others_inverse() {
        for (percent, amount) in [(10, 900), (30, 950), (50, 1000), (70, 1100), (90, 1200)] {
            assert_eq!(forecast().quantile(percent.into()), amount.into());
            if percent > 10 {
                assert_eq!(
                    forecast().probability_of(amount.into()),
                    (100 - percent).into()
                );
            }
        }
        // The outermost quantiles are 10 and 90 percent: nothing is known beyond.
        assert_eq!(forecast().probability_of(899.into()), 90.into());
        assert_eq!(forecast().probability_of(1201.into()), 10.into());
    }

    #[test]
    fn a_certain_total_is_reached_or_not() {
        let certain = Forecast {
            mean: Decimal::from(500),
            quantiles: vec![
                (Decimal::ONE, Decimal::from(500)),
                (Decimal::from(99), Decimal::from(500)),
            ],
            breach: None,
            path: Vec::new(),
            few_days: None,
        };
        assert_eq!(certain.probability_of(500.into()), Decimal::ONE_HUNDRED);
        assert_eq!(certain.probability_of(501.into()), Decimal::ZERO);
    }
}
