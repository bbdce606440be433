//! Why there is no forecast.

use jiff::civil::Date;

/// Why a series cannot be held or a model cannot be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A cost is not a number, or larger than any bill: its size must stay below 1e15.
    #[error("cost on {date} is not a number of plausible size")]
    UnusableCost {
        /// The day with that cost.
        date: Date,
    },
    /// The days run past the end of the calendar, 9999-12-31.
    #[error("series of {days} days from {start} leaves the calendar")]
    OutOfCalendar {
        /// First day of the series.
        start: Date,
        /// Number of days in the series.
        days: usize,
    },
    /// Too few settled days to say anything; wait, or read more history.
    #[error("{days} settled days of history are too few for a forecast, {needed} are needed")]
    TooLittleHistory {
        /// Settled days in the series.
        days: usize,
        /// Settled days that [`Options`](crate::Options) asks for.
        needed: usize,
    },
}
