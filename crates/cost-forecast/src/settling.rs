//! How much of a day's cost is posted after how long.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::median::median;

/// Settled days that have to have been seen at an age before it says anything.
const FEWEST_DAYS: usize = 5;
/// No share is known better than this: what was the same for weeks may be otherwise tomorrow.
const LEAST_ERROR: f64 = 0.02;
/// Less than this share says nothing of the rest.
const LEAST_SHARE: f64 = 0.05;

/// How much of a day's cost is posted by an age, learned from days that have settled since.
///
/// An age is a number of equal steps of time since the day began; how long a step is, is the caller's
/// choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettlingCurve {
    by_age: BTreeMap<u32, Share>,
}

/// A share of a day's cost.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Share {
    /// Above 0; below 1 as a rule, above it where costs are taken back.
    mean: f64,
    /// How far a day's share is typically from that.
    error: f64,
}

/// How much of a settling day is posted, as a rule of such days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// The day.
    pub date: Date,
    /// The share of its cost that is posted.
    pub share: f64,
    /// Typical error of that share.
    pub error: f64,
}

impl SettlingCurve {
    /// Learns from settled days: for each, what was posted at which age, oldest first, and what it came to.
    ///
    /// At an age between two that were seen, what was posted is what the earlier one says. The share of
    /// an age is the median of the days that say something of it, its error their mean distance from
    /// that. Days that came to nothing, or to credits, say nothing.
    pub fn learn<'a>(days: impl IntoIterator<Item = (&'a BTreeMap<u32, f64>, f64)>) -> Self {
        let days: Vec<_> = days.into_iter().filter(|(_, total)| *total > 0.0).collect();
        let ages = days.iter().flat_map(|(posted, _)| posted.keys().copied());
        let ages: std::collections::BTreeSet<u32> = ages.collect();
        let by_age = ages.into_iter().filter_map(|age| {
            let shares = days.iter().filter_map(|(posted, total)| {
                let (_, posted) = posted.range(..=age).next_back()?;
                Some(posted / total)
            });
            let mut shares: Vec<f64> = shares.collect();
            if shares.len() < FEWEST_DAYS {
                return None;
            }
            let mean = median(&mut shares)?;
            let apart = shares.iter().map(|share| (share - mean).abs()).sum::<f64>();
            let error = (apart / shares.len() as f64).max(LEAST_ERROR);
            (mean >= LEAST_SHARE).then_some((age, Share { mean, error }))
        });
        Self {
            by_age: by_age.collect(),
        }
    }

    /// How much of `date` is posted at an age; `None` if that is not known.
    pub fn arrival(&self, date: Date, age: u32) -> Option<Arrival> {
        let (_, share) = self.by_age.range(..=age).next_back()?;
        Some(Arrival {
            date,
            share: share.mean,
            error: share.error,
        })
    }
}

impl Arrival {
    /// What the day comes to: what is posted of it and what is usual for such a day, each weighted by how
    /// well it is known. `error` is the typical error of what is usual, as a share of it.
    pub(crate) fn complete(&self, posted: f64, usual: f64, error: f64) -> f64 {
        if posted <= 0.0 || self.share < LEAST_SHARE {
            return usual;
        }
        let by_posted = posted / self.share;
        let (usual_error, posted_error) = (
            error * usual.abs().max(by_posted),
            by_posted * self.error / self.share,
        );
        let trust = usual_error.powi(2) / (usual_error.powi(2) + posted_error.powi(2));
        // Where both are certain, what is posted is newer.
        let trust = if trust.is_finite() { trust } else { 1.0 };
        usual + trust * (by_posted - usual)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const DAY: Date = date(2026, 3, 1);

    fn posted(ages: &[(u32, f64)]) -> BTreeMap<u32, f64> {
        ages.iter().copied().collect()
    }

    #[test]
    fn shares_are_medians_of_settled_days() {
        let days: Vec<_> = [40.0, 50.0, 50.0, 60.0, 5.0]
            .map(|first| posted(&[(5, first), (9, 90.0)]))
            .into();
        let curve = SettlingCurve::learn(days.iter().map(|day| (day, 100.0)));
        let arrival = |age| curve.arrival(DAY, age);
        assert_eq!(arrival(4), None);
        let early = arrival(5).expect("five days");
        assert_eq!(early.share, 0.5);
        // 10, 0, 0, 10 and 45 of 100.
        assert!((early.error - 0.13).abs() < 1e-12, "{early:?}");
        assert_eq!(arrival(8), arrival(5));
        let late = arrival(30).expect("five days");
        assert_eq!((late.share, late.error), (0.9, 0.02));
    }

    #[test]
    fn four_days_say_nothing_and_credits_neither() {
        let day = posted(&[(5, 50.0)]);
        let days = [
            (&day, 100.0),
            (&day, 90.0),
            (&day, 80.0),
            (&day, 70.0),
            (&day, -10.0),
        ];
        assert_eq!(SettlingCurve::learn(days), SettlingCurve::default());
    }

    #[test]
    fn what_is_posted_counts_as_much_as_it_is_known() {
        let arrival = |share, error| Arrival {
            date: DAY,
            share,
            error,
        };
        // 60 of 80 % are 75. Errors of 0.1 * 75 on either side: the middle of 75 and 55.
        let middle = arrival(0.8, 0.08).complete(60.0, 55.0, 0.1);
        assert!((middle - 65.0).abs() < 1e-9, "{middle}");
        assert_eq!(arrival(0.8, 0.0).complete(60.0, 55.0, 0.1), 75.0);
        assert_eq!(arrival(0.8, 0.1).complete(60.0, 55.0, 0.0), 55.0);
        assert_eq!(arrival(0.8, 0.0).complete(60.0, 55.0, 0.0), 75.0);
        assert_eq!(arrival(0.8, 0.1).complete(0.0, 55.0, 0.1), 55.0);
    }
}
