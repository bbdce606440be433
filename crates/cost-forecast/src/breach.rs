//! When an amount is passed.

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

impl Fitted {
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
        let (open, _) = self.open_days(from, until)?;
        let (mut earliest, mut likely) = (None, None);
        for (index, day) in open.path.iter().enumerate() {
            let count = index + 1;
            let total = self
                .total_of(&open, count, self.level_over(&open, count))
                .shifted_by(spent);
            if total.quantile(0.9) >= amount {
                earliest.get_or_insert(day.date);
            }
            if total.quantile(0.5) >= amount {
                likely.get_or_insert(day.date);
            }
            if total.quantile(0.1) >= amount {
                return Some(Breach {
                    earliest: earliest?,
                    likely,
                    latest: Some(day.date),
                });
            }
        }
        Some(Breach {
            earliest: earliest?,
            likely,
            latest: None,
        })
    }
}
