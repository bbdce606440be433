//! How this time of the year differs from now, judged by the year before.

/// Days of a year that keep their weekday.
const YEAR: usize = 364;
/// The level of a time of the year, "now", is the mean of so many days.
const NOW: usize = 28;
/// A day's own level is the mean of so many days before it, itself, and so many after it.
const AROUND: usize = 3;
/// Share of last year's change that comes again, at best. Measured on daily series of several kinds.
const COMES_AGAIN: f64 = 0.4;
/// A level that has moved by this (as a logarithm) within the year tells of steps rather than seasons.
const MOVED: f64 = 0.25;
/// Last year's change counts up to this size (as a logarithm).
const LARGEST: f64 = 1.0;

/// What last year says of the days to come.
#[derive(Clone, Debug)]
pub(crate) struct LastYear {
    /// Costs without monthly charges; unknown days are `None`.
    costs: Vec<Option<f64>>,
    /// The level that the same days had a year ago, and how much of its change comes again.
    then: Option<(f64, f64)>,
}

impl LastYear {
    /// Reads a history, oldest day first. It says nothing before 392 days are known.
    pub(crate) fn new(costs: Vec<Option<f64>>) -> Self {
        let now = costs.len();
        let then = now.checked_sub(YEAR + NOW).and_then(|first| {
            let then = mean(&costs[first..first + NOW])?;
            let moved = (mean(&costs[now - NOW..])? / then).ln() / MOVED;
            let trust = COMES_AGAIN * (-moved * moved).exp();
            (then > 0.0 && trust.is_finite()).then_some((then, trust))
        });
        Self { costs, then }
    }

    /// By what the level of now is to be multiplied for the day at `index`, counted from the first
    /// day of the history: 1 where last year says nothing.
    ///
    /// The change from now to that day is the same as a year ago, to a part: the part is small where
    /// the level of now is not the level of a year ago, because costs that stepped since then had
    /// steps a year ago as well, and steps do not come again.
    pub(crate) fn factor(&self, index: usize) -> f64 {
        let change = self.then.and_then(|(then, trust)| {
            let day = index.checked_sub(YEAR)?;
            let days = self.costs.get(day.checked_sub(AROUND)?..=day + AROUND)?;
            let change = (mean(days)? / then).ln().clamp(-LARGEST, LARGEST) * trust;
            change.is_finite().then_some(change)
        });
        change.unwrap_or_default().exp()
    }
}

/// The mean of the known values.
fn mean(costs: &[Option<f64>]) -> Option<f64> {
    let known = costs.iter().flatten().count();
    (known > 0).then(|| costs.iter().flatten().sum::<f64>() / known as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 400 days at 100, but for a fortnight a year before the fortnight to come.
    fn with_a_week(cost: f64, level_then: f64) -> LastYear {
        let of = |day: usize| match day {
            36..50 => cost,
            0..200 => level_then,
            _ => 100.0,
        };
        LastYear::new((0..400).map(|day| Some(of(day))).collect())
    }

    #[test]
    fn two_fifths_of_last_years_change_come_again() {
        let year = with_a_week(200.0, 100.0);
        let wanted = 2.0_f64.powf(0.4);
        assert!((year.factor(407) - wanted).abs() < 1e-12);
        assert!((year.factor(420) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn costs_that_stepped_since_have_no_seasons() {
        let year = with_a_week(100.0, 50.0);
        // The level has doubled: ln 2 / 0.25 = 2.77, and e^(-2.77²) is next to nothing.
        assert!((year.factor(407) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn nothing_is_said_without_a_year() {
        let year = LastYear::new(vec![Some(100.0); 391]);
        assert_eq!(year.factor(391), 1.0);
        let zero = LastYear::new(vec![Some(0.0); 400]);
        assert_eq!(zero.factor(400), 1.0);
        let credits = LastYear::new(vec![Some(-5.0); 400]);
        assert_eq!(credits.factor(400), 1.0);
        // Nor beyond what last year knows.
        assert_eq!(with_a_week(200.0, 100.0).factor(400 + 370), 1.0);
    }
}
