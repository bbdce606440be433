//! How a planned amount spreads over the days of a period: by the budget's own weekly rhythm.

#![deny(clippy::float_arithmetic)]

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::observe::{DayState, Observed};
use crate::period::{Period, plus_days, weekday_index};

/// Weeks before the period from which the weekly rhythm is learned.
const WEEKS: i32 = 8;
/// Settled days of each weekday below which all days count alike.
const NEEDED: u32 = 4;

/// What a day weighs, by its weekday.
pub(crate) struct Rhythm([Decimal; 7]);

impl Rhythm {
    /// From what each weekday cost in the eight weeks before the period; all days alike when there are
    /// less than four weeks of settled history. `None` when a sum does not fit.
    pub(crate) fn learn(observed: &Observed, period: &Period) -> Option<Rhythm> {
        let from = plus_days(period.start(), -7 * WEEKS);
        let mut sums = [Decimal::ZERO; 7];
        let mut counts = [0_u32; 7];
        for day in &observed.days {
            if from <= day.date && day.date < period.start() && day.state == DayState::Settled {
                let index = weekday_index(day.date);
                sums[index] = sums[index].checked_add(day.cost)?;
                counts[index] += 1;
            }
        }
        let is_learned = counts.iter().all(|count| *count >= NEEDED)
            && sums.iter().all(|sum| *sum >= Decimal::ZERO)
            && sums.iter().any(|sum| *sum > Decimal::ZERO);
        if !is_learned {
            return Some(Rhythm([Decimal::ONE; 7]));
        }
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum = sum.checked_div(Decimal::from(count))?;
        }
        Some(Rhythm(sums))
    }

    /// The share of a period that its days up to each day's end stand for, in order of the days: rises
    /// to 1. `None` when a sum does not fit, or when the days of a short period all weigh nothing.
    pub(crate) fn shares(&self, period: &Period) -> Option<Vec<Decimal>> {
        let mut sum = Decimal::ZERO;
        let mut sums = Vec::new();
        for day in period.iter() {
            sum = sum.checked_add(self.0[weekday_index(day)])?;
            sums.push(sum);
        }
        sums.into_iter().map(|one| one.checked_div(sum)).collect()
    }

    /// The share of a period before `until`.
    pub(crate) fn share_before(&self, period: &Period, until: Date) -> Option<Decimal> {
        let total = |end: Date| {
            let days = period.iter().take_while(|day| *day < end);
            let mut weights = days.map(|day| self.0[weekday_index(day)]);
            weights.try_fold(Decimal::ZERO, Decimal::checked_add)
        };
        total(until)?.checked_div(total(period.end())?)
    }
}
