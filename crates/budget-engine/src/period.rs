//! Time grains and periods: half-open ranges of civil dates.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};
use serde::{Deserialize, Serialize};

/// How often a budget starts anew. The words are Azure's own, plus `weekly`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeGrain {
    /// Seven days.
    Weekly,
    /// A calendar month.
    Monthly,
    /// Three calendar months.
    Quarterly,
    /// Twelve calendar months.
    Annually,
    /// A month that begins on the anchor's day.
    BillingMonth,
    /// Three months that begin on the anchor's day.
    BillingQuarter,
    /// Twelve months that begin on the anchor's day.
    BillingAnnual,
}

impl TimeGrain {
    /// All grains, shortest first.
    pub const ALL: [TimeGrain; 7] = [
        TimeGrain::Weekly,
        TimeGrain::Monthly,
        TimeGrain::Quarterly,
        TimeGrain::Annually,
        TimeGrain::BillingMonth,
        TimeGrain::BillingQuarter,
        TimeGrain::BillingAnnual,
    ];

    /// The word used in configuration and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            TimeGrain::Weekly => "weekly",
            TimeGrain::Monthly => "monthly",
            TimeGrain::Quarterly => "quarterly",
            TimeGrain::Annually => "annually",
            TimeGrain::BillingMonth => "billing-month",
            TimeGrain::BillingQuarter => "billing-quarter",
            TimeGrain::BillingAnnual => "billing-annual",
        }
    }

    fn months(self) -> i32 {
        match self {
            TimeGrain::Weekly => 0,
            TimeGrain::Monthly | TimeGrain::BillingMonth => 1,
            TimeGrain::Quarterly | TimeGrain::BillingQuarter => 3,
            TimeGrain::Annually | TimeGrain::BillingAnnual => 12,
        }
    }

    fn is_billing(self) -> bool {
        matches!(
            self,
            TimeGrain::BillingMonth | TimeGrain::BillingQuarter | TimeGrain::BillingAnnual
        )
    }
}

impl fmt::Display for TimeGrain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TimeGrain {
    type Err = UnknownGrain;

    /// Reads the words of [`TimeGrain::as_str`] and Azure's `BillingMonth` spelling, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownGrain> {
        let plain = |text: &str| text.to_ascii_lowercase().replace(['-', '_'], "");
        TimeGrain::ALL
            .into_iter()
            .find(|grain| plain(grain.as_str()) == plain(text))
            .ok_or_else(|| UnknownGrain(text.chars().take(40).collect()))
    }
}

/// The text names no time grain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a time grain; expected weekly, monthly, quarterly, annually, billing-month, \
     billing-quarter or billing-annual"
)]
pub struct UnknownGrain(String);

/// A time grain together with the date from which its periods are counted.
///
/// What the anchor decides: `weekly` takes its weekday; `quarterly` and `annually` its month (a
/// fiscal year that begins in April); the billing grains its month and its day. In a month
/// without that day a billing period begins on the month's last day.
///
/// ```
/// use budget_engine::{Calendar, TimeGrain};
/// use jiff::civil::date;
/// let fiscal = Calendar::new(TimeGrain::Annually, date(2025, 4, 1));
/// let period = fiscal.period_of(date(2026, 2, 10)).unwrap();
/// assert_eq!((period.start(), period.end()), (date(2025, 4, 1), date(2026, 4, 1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Calendar {
    grain: TimeGrain,
    anchor: Date,
}

impl Calendar {
    /// Periods of `grain`, counted from `anchor`.
    pub const fn new(grain: TimeGrain, anchor: Date) -> Self {
        Calendar { grain, anchor }
    }

    /// Periods that begin on Mondays, on the first of months, and in January.
    pub const fn plain(grain: TimeGrain) -> Self {
        // 1 January 2024 was a Monday.
        Calendar::new(grain, date(2024, 1, 1))
    }

    /// How long the periods are.
    pub fn grain(&self) -> TimeGrain {
        self.grain
    }

    /// The period that holds `day`; `None` only at the ends of the supported calendar
    /// (years -9999 to 9999).
    pub fn period_of(&self, day: Date) -> Option<Period> {
        if self.grain == TimeGrain::Weekly {
            let back = day.weekday().since(self.anchor.weekday());
            let start = day.checked_sub(i64::from(back).days()).ok()?;
            return Period::new(start, start.checked_add(7.days()).ok()?);
        }
        let step = self.grain.months();
        let offset = months_of(day) - months_of(self.anchor);
        let mut first = months_of(self.anchor) + offset.div_euclid(step) * step;
        if self.start_in(first)? > day {
            first -= step;
        }
        Period::new(self.start_in(first)?, self.start_in(first + step)?)
    }

    /// The period after this one.
    pub fn next(&self, period: &Period) -> Option<Period> {
        self.period_of(period.end)
    }

    /// The period before this one.
    pub fn previous(&self, period: &Period) -> Option<Period> {
        self.period_of(period.start.yesterday().ok()?)
    }

    /// The key under which a period is stored: `monthly-2026-11-01`.
    pub fn key(&self, period: &Period) -> String {
        format!("{}-{}", self.grain, period.start)
    }

    /// The period in words: `2026-11`, `2026-Q4`, `2026`, or its first and last day.
    pub fn label(&self, period: &Period) -> String {
        let (year, month) = (period.start.year(), period.start.month());
        let whole_months = period.start.day() == 1 && !self.grain.is_billing();
        match self.grain {
            TimeGrain::Monthly if whole_months => format!("{year}-{month:02}"),
            TimeGrain::Quarterly if whole_months && month % 3 == 1 => {
                format!("{year}-Q{}", (month + 2) / 3)
            }
            TimeGrain::Annually if whole_months && month == 1 => format!("{year}"),
            _ => period.to_string(),
        }
    }

    /// First day of the period that begins in the month with this number (see [`months_of`]).
    fn start_in(&self, months: i32) -> Option<Date> {
        let year = i16::try_from(months.div_euclid(12)).ok()?;
        let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
        let first = Date::new(year, month, 1).ok()?;
        if !self.grain.is_billing() {
            return Some(first);
        }
        Date::new(year, month, self.anchor.day().min(first.days_in_month())).ok()
    }
}

/// Months since the beginning of year 0.
fn months_of(day: Date) -> i32 {
    i32::from(day.year()) * 12 + i32::from(day.month()) - 1
}

/// A half-open range of civil dates: the first day belongs to it, the end does not.
///
/// Displayed with its last day: `2026-11-01 to 2026-11-30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Period {
    start: Date,
    end: Date,
}

impl Period {
    /// The range from `start` up to, not including, `end`; `None` unless it has a day.
    pub fn new(start: Date, end: Date) -> Option<Self> {
        (start < end).then_some(Period { start, end })
    }

    /// First day.
    pub fn start(&self) -> Date {
        self.start
    }

    /// The day after the last one.
    pub fn end(&self) -> Date {
        self.end
    }

    /// Last day.
    pub fn last_day(&self) -> Date {
        self.end.yesterday().unwrap_or(self.start)
    }

    /// Whether the day lies in the period.
    pub fn contains(&self, day: Date) -> bool {
        self.start <= day && day < self.end
    }

    /// Number of days, at least 1.
    pub fn days(&self) -> u32 {
        days_between(self.start, self.end)
    }

    /// All days, in order.
    pub fn iter(&self) -> impl Iterator<Item = Date> + use<> {
        dates(self.start, self.end)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.start, self.last_day())
    }
}

/// Days from `start` to `end`; 0 when `end` is not later.
pub fn days_between(start: Date, end: Date) -> u32 {
    start
        .until(end)
        .ok()
        .and_then(|span| u32::try_from(span.get_days()).ok())
        .unwrap_or(0)
}

/// The days from `start` up to, not including, `end`.
pub fn dates(start: Date, end: Date) -> impl Iterator<Item = Date> + use<> {
    let mut next = Some(start);
    std::iter::from_fn(move || {
        let day = next.filter(|day| *day < end)?;
        next = day.tomorrow().ok();
        Some(day)
    })
}

/// `day` moved by a number of days; stays at the end of the calendar instead of leaving it.
pub fn plus_days(day: Date, days: i32) -> Date {
    day.saturating_add(days.days())
}

/// Index of a weekday, Monday is 0.
pub(crate) fn weekday_index(day: Date) -> usize {
    day.weekday().since(Weekday::Monday).unsigned_abs() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(grain: TimeGrain, anchor: Date, day: Date, start: Date, end: Date) {
        let period = Calendar::new(grain, anchor).period_of(day).unwrap();
        assert_eq!(
            (period.start(), period.end()),
            (start, end),
            "{grain} {anchor} {day}"
        );
        assert!(period.contains(day));
    }

    #[test]
    fn periods_of_every_grain_hold_their_day() {
        use TimeGrain::*;
        let january = date(2024, 1, 1);
        // 18 November 2026 is a Wednesday.
        let day = date(2026, 11, 18);
        check(Weekly, january, day, date(2026, 11, 16), date(2026, 11, 23));
        check(
            Weekly,
            date(2024, 1, 7),
            day,
            date(2026, 11, 15),
            date(2026, 11, 22),
        );
        check(Monthly, january, day, date(2026, 11, 1), date(2026, 12, 1));
        check(Quarterly, january, day, date(2026, 10, 1), date(2027, 1, 1));
        check(
            Quarterly,
            date(2020, 2, 1),
            day,
            date(2026, 11, 1),
            date(2027, 2, 1),
        );
        check(Annually, january, day, date(2026, 1, 1), date(2027, 1, 1));
        check(
            Annually,
            date(2030, 7, 1),
            day,
            date(2026, 7, 1),
            date(2027, 7, 1),
        );
        check(
            BillingMonth,
            date(2024, 1, 19),
            day,
            date(2026, 10, 19),
            date(2026, 11, 19),
        );
        check(
            BillingQuarter,
            date(2024, 3, 18),
            day,
            date(2026, 9, 18),
            date(2026, 12, 18),
        );
        check(
            BillingAnnual,
            date(2024, 11, 19),
            day,
            date(2025, 11, 19),
            date(2026, 11, 19),
        );
    }

    #[test]
    fn a_billing_day_that_a_month_lacks_falls_on_its_last_day() {
        let anchor = date(2024, 1, 31);
        let grain = TimeGrain::BillingMonth;
        check(
            grain,
            anchor,
            date(2026, 2, 27),
            date(2026, 1, 31),
            date(2026, 2, 28),
        );
        check(
            grain,
            anchor,
            date(2026, 2, 28),
            date(2026, 2, 28),
            date(2026, 3, 31),
        );
        check(
            grain,
            anchor,
            date(2028, 2, 28),
            date(2028, 1, 31),
            date(2028, 2, 29),
        );
        check(
            grain,
            anchor,
            date(2026, 4, 29),
            date(2026, 3, 31),
            date(2026, 4, 30),
        );
    }

    #[test]
    fn periods_of_ten_years_follow_each_other_without_a_gap() {
        for grain in TimeGrain::ALL {
            for anchor in [date(2024, 1, 1), date(2023, 5, 31), date(2024, 2, 29)] {
                let calendar = Calendar::new(grain, anchor);
                let mut period = calendar.period_of(date(2020, 3, 5)).unwrap();
                while period.end() < date(2030, 1, 1) {
                    let next = calendar.next(&period).unwrap();
                    assert_eq!(period.end(), next.start());
                    assert_eq!(calendar.previous(&next), Some(period));
                    for day in next.iter() {
                        assert_eq!(calendar.period_of(day), Some(next));
                    }
                    period = next;
                }
            }
        }
    }

    #[test]
    fn labels_are_short_for_calendar_periods() {
        let label = |grain, anchor| {
            let calendar = Calendar::new(grain, anchor);
            calendar.label(&calendar.period_of(date(2026, 11, 18)).unwrap())
        };
        assert_eq!(label(TimeGrain::Monthly, date(2024, 1, 1)), "2026-11");
        assert_eq!(label(TimeGrain::Quarterly, date(2024, 1, 1)), "2026-Q4");
        assert_eq!(label(TimeGrain::Annually, date(2024, 1, 1)), "2026");
        assert_eq!(
            label(TimeGrain::Annually, date(2024, 4, 1)),
            "2026-04-01 to 2027-03-31"
        );
        assert_eq!(
            label(TimeGrain::BillingMonth, date(2024, 1, 9)),
            "2026-11-09 to 2026-12-08"
        );
    }

    #[test]
    fn grains_are_read_in_azure_spelling_too() {
        assert_eq!("BillingMonth".parse(), Ok(TimeGrain::BillingMonth));
        assert_eq!("MONTHLY".parse(), Ok(TimeGrain::Monthly));
        let error = "monthy".parse::<TimeGrain>().unwrap_err().to_string();
        assert!(
            error.contains("monthy") && error.contains("quarterly"),
            "{error}"
        );
    }
}
