//! Why there is no forecast.

use jiff::civil::Date;

/// Why a series cannot be held or a model cannot be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A cost is not a number, or larger than any bill: its size must stay below 1e15.
    #[error("cost on {date} is {cost:e}: expected a number of a size below 1e15")]
    UnusableCost {
        /// The day with that cost.
        date: Date,
        /// The cost.
        cost: f64,
    },
    /// The days run past the end of the calendar, 9999-12-31.
    #[error("series of {days} days from {start} leaves the calendar")]
    OutOfCalendar {
        /// First day of the series.
        start: Date,
        /// Number of days in the series.
        days: usize,
    },
    /// Not one day is settled, so nothing is known.
    #[error("no day of the history is settled, so there is nothing to forecast from")]
    NoHistory,
}
