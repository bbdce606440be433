//! Running totals, and when they pass an amount.

use jiff::civil::Date;

use crate::Fitted;

/// The days on which spend is expected to reach an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The first day by whose end spend has reached the amount with a probability of 10 %.
    pub earliest: Date,
    /// The same with 50 %: the most likely day. `None` if that is not before the end.
    pub likely: Option<Date>,
    /// The same with 90 %. `None` if that is not before the end.
    pub latest: Option<Date>,
}

/// The cost of the unsettled days of a range up to the end of one of them, in the unit of the series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunningTotal {
    /// The day.
    pub date: Date,
    /// One time of ten it is less.
    pub low: f64,
    /// Half of the time it is less.
    pub middle: f64,
    /// Nine times of ten it is less.
    pub high: f64,
}

impl Fitted {
    /// The running total of the unsettled days from `from` until before `until`: one entry for each
    /// day of the path of [`predict`](Self::predict), the last one for its total.
    ///
    /// Each has the spread of its own horizon, so that the range need not widen with every day.
    pub fn running_totals(&self, from: Date, until: Date) -> Vec<RunningTotal> {
        let Some((open, _)) = self.open_days(from, until) else {
            return Vec::new();
        };
        let days = open.path.iter().enumerate();
        let totals = days.map(|(index, day)| {
            let count = index + 1;
            let total = self.total_of(&open, count, self.level_over(&open, count));
            RunningTotal {
                date: day.date,
                low: total.quantile(0.1),
                middle: total.quantile(0.5),
                high: total.quantile(0.9),
            }
        });
        totals.collect()
    }

    /// The days on which spend reaches `amount`, given that `spent` is the settled cost of the range
    /// from `from` until before `until`.
    ///
    /// `None` if less than 10 % of what may happen reaches it before `until`. If `spent` has reached
    /// it already, all three are `from`: the caller knows the day better.
    pub fn breach(&self, spent: f64, amount: f64, from: Date, until: Date) -> Option<Breach> {
        if spent >= amount {
            return Some(Breach {
                earliest: from,
                likely: Some(from),
                latest: Some(from),
            });
        }
        let totals = self.running_totals(from, until);
        let first = |quantile: fn(&RunningTotal) -> f64| -> Option<Date> {
            let mut totals = totals.iter();
            let reached = totals.find(|total| spent + quantile(total) >= amount)?;
            Some(reached.date)
        };
        Some(Breach {
            earliest: first(|total| total.high)?,
            likely: first(|total| total.middle),
            latest: first(|total| total.low),
        })
    }
}
