//! What public holidays do to costs, learned from those of the past.

use jiff::civil::{Date, Weekday};

use crate::{clean::usual_cost, median::median};

/// Holidays, and their effect on the costs of one series.
#[derive(Clone, Debug)]
pub(crate) struct Holidays {
    /// Working days only, in order.
    dates: Vec<Date>,
    /// By what the usual cost of such a day is to be multiplied.
    factor: f64,
}

impl Holidays {
    /// Learns from the holidays among `dates`, and puts their costs back to what is usual.
    ///
    /// The effect of one holiday is its cost as a multiple of the usual cost of its day. That of all
    /// is their median, drawn towards 1 by n / (n + 1) for n holidays, because one may have been
    /// unusual for another reason. A holiday on a weekend is a weekend day.
    pub(crate) fn learn(holidays: &[Date], dates: &[Date], costs: &mut [Option<f64>]) -> Self {
        let is_working =
            |date: &Date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        let mut days: Vec<Date> = holidays.iter().copied().filter(is_working).collect();
        days.sort_unstable();
        days.dedup();

        let seen: Vec<(usize, f64, f64)> = (0..costs.len())
            .filter(|&at| days.binary_search(&dates[at]).is_ok())
            .filter_map(|at| Some((at, costs[at]?, usual_cost(costs, at)?)))
            .filter(|(_, _, usual)| *usual > 0.0)
            .collect();
        let mut multiples: Vec<f64> = seen.iter().map(|(_, cost, usual)| cost / usual).collect();
        let count = multiples.len() as f64;
        let multiple = median(&mut multiples).unwrap_or(1.0).max(0.0);
        for (at, _, usual) in seen {
            costs[at] = Some(usual);
        }
        Self {
            dates: days,
            factor: 1.0 + (multiple - 1.0) * count / (count + 1.0),
        }
    }

    /// By what the usual cost of `date` is to be multiplied: 1 unless it is a holiday.
    pub(crate) fn factor(&self, date: Date) -> f64 {
        match self.dates.binary_search(&date) {
            Ok(_) => self.factor,
            Err(_) => 1.0,
        }
    }
}
