//! What is known of each day's cost.

use jiff::{Span, civil::Date};

use crate::Error;

/// Larger than any bill, and small enough that no sum of days overflows or loses cents.
const LARGEST_COST: f64 = 1e15;

/// The cost of consecutive days, from `start` on.
///
/// The series ends where knowledge ends: there is no way to hand a model a day that has not begun,
/// other than as [`DayState::Missing`].
#[derive(Clone, Debug, PartialEq)]
pub struct DailySeries {
    start: Date,
    days: Vec<Day>,
}

/// The cost of one day, and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Day {
    /// Cost posted for the day, in the caller's unit. Negative for a credit. Not read when missing.
    pub cost: f64,
    /// How far `cost` can be trusted.
    pub state: DayState,
}

/// How far the cost of a day can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DayState {
    /// All of the day's cost is in.
    Settled,
    /// Cost is still arriving: what is posted is a lower bound.
    Settling,
    /// Nothing is known of the day. It is not a day without cost.
    Missing,
}

impl DailySeries {
    /// A series whose first day is `start`.
    ///
    /// # Errors
    ///
    /// [`Error::UnusableCost`] if a day that is not missing has a cost that is NaN, infinite or not
    /// below 1e15 in size; [`Error::OutOfCalendar`] if the days run past 9999-12-31.
    pub fn try_new(start: Date, days: Vec<Day>) -> Result<Self, Error> {
        if checked_date_after(start, days.len()).is_none() {
            return Err(Error::OutOfCalendar {
                start,
                days: days.len(),
            });
        }
        let series = Self { start, days };
        let is_unusable = |day: &Day| {
            let is_plausible = day.cost.is_finite() && day.cost.abs() < LARGEST_COST;
            day.state != DayState::Missing && !is_plausible
        };
        match series.days.iter().position(is_unusable) {
            Some(index) => Err(Error::UnusableCost {
                date: series.date(index),
                cost: series.days[index].cost,
            }),
            None => Ok(series),
        }
    }

    /// First day of the series.
    pub fn start(&self) -> Date {
        self.start
    }

    /// Day after the last one of the series.
    pub fn end(&self) -> Date {
        self.date(self.days.len())
    }

    /// The days, oldest first.
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    fn date(&self, index: usize) -> Date {
        date_after(self.start, index)
    }
}

impl Day {
    /// A day whose cost is final.
    pub fn settled(cost: f64) -> Self {
        Self {
            cost,
            state: DayState::Settled,
        }
    }

    /// A day whose cost is still arriving; `cost` is what is in so far.
    pub fn settling(cost: f64) -> Self {
        Self {
            cost,
            state: DayState::Settling,
        }
    }

    /// A day of which nothing is known.
    pub fn missing() -> Self {
        Self {
            cost: 0.0,
            state: DayState::Missing,
        }
    }
}

/// The date `days` after `start`, or the last of the calendar.
pub(crate) fn date_after(start: Date, days: usize) -> Date {
    checked_date_after(start, days).unwrap_or(Date::MAX)
}

fn checked_date_after(start: Date, days: usize) -> Option<Date> {
    let span = Span::new().try_days(i64::try_from(days).ok()?).ok()?;
    start.checked_add(span).ok()
}

/// Days from `start` to `end`, negative if `end` is earlier.
pub(crate) fn days_between(start: Date, end: Date) -> i64 {
    end.duration_since(start).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn end_is_the_day_after_the_last() {
        let series = DailySeries::try_new(date(2028, 2, 27), vec![Day::settled(1.0); 3])
            .expect("valid days");
        assert_eq!(series.end(), date(2028, 3, 1));
    }

    #[test]
    fn cost_that_is_no_number_is_named_by_its_date() {
        for (cost, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (-1e15, "-1e15")] {
            let days = vec![Day::settled(1.0), Day::settling(cost)];
            let error = DailySeries::try_new(date(2026, 1, 31), days).expect_err("unusable cost");
            assert!(
                matches!(error, Error::UnusableCost { date: day, .. } if day == date(2026, 2, 1))
            );
            assert_eq!(
                error.to_string(),
                format!("cost on 2026-02-01 is {shown}: expected a number of a size below 1e15")
            );
        }
    }

    #[test]
    fn cost_of_a_missing_day_is_not_read() {
        let day = Day {
            cost: f64::NAN,
            state: DayState::Missing,
        };
        assert!(DailySeries::try_new(date(2026, 1, 1), vec![day]).is_ok());
    }

    #[test]
    fn series_past_the_calendar_is_refused() {
        let days = vec![Day::settled(1.0); 3];
        let error =
            DailySeries::try_new(date(9999, 12, 30), days).expect_err("three days from the 30th");
        assert_eq!(
            error,
            Error::OutOfCalendar {
                start: date(9999, 12, 30),
                days: 3
            }
        );
    }

    #[test]
    fn days_between_counts_calendar_days() {
        assert_eq!(days_between(date(2026, 2, 27), date(2026, 3, 2)), 3);
        assert_eq!(days_between(date(2026, 3, 2), date(2026, 2, 27)), -3);
    }
}
