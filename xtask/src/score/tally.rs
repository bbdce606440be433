//! Sums of how far off forecasts were.

use std::collections::BTreeMap;

use cost_forecast::Interval;

/// What one forecast is compared with.
pub(super) struct Truth {
    pub(super) group: String,
    pub(super) moment: usize,
    /// What the days that were forecast came to.
    pub(super) rest: f64,
    /// What the whole period came to.
    pub(super) total: f64,
}

/// Figures of one method.
#[derive(Default)]
pub(super) struct Tally {
    groups: BTreeMap<String, Sums>,
    moments: BTreeMap<usize, Sums>,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    count: f64,
    error: f64,
    in_80: f64,
    in_95: f64,
    score_80: f64,
    ranges: f64,
}

impl Tally {
    /// Adds one forecast of the rest of a period.
    pub(super) fn add(&mut self, truth: &Truth, rest: f64, ranges: Option<[Interval; 2]>) {
        let mut sums = Sums {
            count: 1.0,
            // An error of the whole total is as wrong as can be told.
            error: ((rest - truth.rest).abs() / truth.total).min(1.0),
            ..Sums::default()
        };
        if let Some([range_80, range_95]) = ranges {
            // Sums of the same days in another order differ in their last digits.
            let slack = 1e-9 * truth.total;
            let holds = |range: Interval| {
                let inside = range.low - slack <= truth.rest && truth.rest <= range.high + slack;
                f64::from(u8::from(inside))
            };
            sums.ranges = 1.0;
            sums.in_80 = holds(range_80);
            sums.in_95 = holds(range_95);
            sums.score_80 = (interval_score(range_80, truth.rest, 0.2) / truth.total).min(10.0);
        }
        self.groups
            .entry(truth.group.clone())
            .or_default()
            .add(&sums);
        self.moments.entry(truth.moment).or_default().add(&sums);
    }

    pub(super) fn header(first: &str) -> String {
        format!(
            "{first:<24} {:>9} {:>7} {:>7} {:>7} {:>7}\n",
            "forecasts", "APE %", "in 80 %", "in 95 %", "MIS %"
        ) + &"-".repeat(66)
    }

    /// The mean of the groups' means.
    pub(super) fn line(&self, name: &str) -> String {
        let mut mean = Sums::default();
        let mut count = 0.0;
        for sums in self.groups.values() {
            mean.add(&sums.mean());
            count += sums.count;
        }
        Sums {
            count,
            ..mean.mean()
        }
        .line(name)
    }

    pub(super) fn by_group(&self) -> String {
        let lines = self.groups.iter();
        let lines = lines.map(|(group, sums)| {
            Sums {
                count: sums.count,
                ..sums.mean()
            }
            .line(group)
        });
        table("group", lines)
    }

    pub(super) fn by_moment(&self, days: [usize; 5]) -> String {
        let lines = self.moments.iter().map(|(moment, sums)| {
            let day = days.get(*moment).copied().unwrap_or_default();
            Sums {
                count: sums.count,
                ..sums.mean()
            }
            .line(&format!("after {day} days"))
        });
        table("moment", lines)
    }
}

fn table(first: &str, lines: impl Iterator<Item = String>) -> String {
    let mut table = Tally::header(first);
    for line in lines {
        table.push('\n');
        table.push_str(&line);
    }
    table.push('\n');
    table
}

/// The interval score of Gneiting and Raftery (2007): the width of the range, and 2/α times how far
/// the truth is outside of it.
fn interval_score(range: Interval, truth: f64, alpha: f64) -> f64 {
    let outside = (range.low - truth).max(0.0) + (truth - range.high).max(0.0);
    range.high - range.low + 2.0 / alpha * outside
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.count += other.count;
        self.error += other.error;
        self.in_80 += other.in_80;
        self.in_95 += other.in_95;
        self.score_80 += other.score_80;
        self.ranges += other.ranges;
    }

    /// Each sum divided by its number of forecasts; the counts become 1.
    fn mean(&self) -> Sums {
        Sums {
            count: 1.0,
            error: self.error / self.count,
            in_80: self.in_80 / self.ranges,
            in_95: self.in_95 / self.ranges,
            score_80: self.score_80 / self.ranges,
            ranges: 1.0,
        }
    }

    fn line(&self, name: &str) -> String {
        let mut line = format!("{name:<24} {:>9} {:>7.2}", self.count, 100.0 * self.error);
        for share in [self.in_80, self.in_95, self.score_80] {
            if share.is_nan() {
                line.push_str(&format!(" {:>7}", "–"));
            } else {
                line.push_str(&format!(" {:>7.1}", 100.0 * share));
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_count_alike() {
        let mut tally = Tally::default();
        let truth = |group: &str| Truth {
            group: group.to_owned(),
            moment: 0,
            rest: 50.0,
            total: 100.0,
        };
        let range = |low, high| Some([Interval { low, high }, Interval { low, high }]);
        // Off by 10 of 100, in a range of 30.
        tally.add(&truth("a"), 60.0, range(40.0, 70.0));
        // Right, three times; the range of 2 is 4 above: 2 + 10 · 4 = 42.
        for _ in 0..3 {
            tally.add(&truth("b"), 50.0, range(54.0, 56.0));
        }
        let line = tally.line("ours");
        let figures: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(figures, ["ours", "4", "5.00", "50.0", "50.0", "36.0"]);
    }

    #[test]
    fn a_method_without_ranges_has_no_coverage() {
        let mut tally = Tally::default();
        let truth = Truth {
            group: "a".to_owned(),
            moment: 0,
            rest: 50.0,
            total: 100.0,
        };
        tally.add(&truth, 20.0, None);
        let line = tally.line("naive");
        let figures: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(figures, ["naive", "1", "30.00", "–", "–", "–"]);
    }
}
