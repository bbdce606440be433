//! How the days of a week differ from each other.

use jiff::civil::Date;

use crate::{median::median, options::WeekShape, series::date_after};

/// A profile is steady for months; eight weeks are enough to tell it from noise.
const WEEKS: usize = 8;
/// So many days of a week, and so many weekdays, have to be known.
const FEWEST_WEEKDAYS: usize = 5;
/// The variance of a median of n draws, as a multiple of that of their mean.
const VARIANCE_OF_MEDIAN: f64 = std::f64::consts::FRAC_PI_2;

/// What each weekday costs more or less than the mean of its week, by index modulo 7.
///
/// Each weekday has the median of its deviations over the newest eight weeks. All are then multiplied
/// by 1 − noise / signal, at least 0, where signal is the mean square of the medians and noise the
/// mean of their own estimated variances: a profile that noise alone explains vanishes.
pub(crate) fn weekday_profile(costs: &[Option<f64>]) -> [f64; 7] {
    let mut deviations: [Vec<f64>; 7] = Default::default();
    for week in costs.rchunks_exact(7).take(WEEKS) {
        // Where the week starts does not matter, only that each weekday keeps its place.
        let known: Vec<f64> = week.iter().flatten().copied().collect();
        if known.len() < FEWEST_WEEKDAYS {
            continue;
        }
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        for (place, cost) in week.iter().enumerate() {
            if let Some(cost) = cost {
                deviations[(costs.len() + place) % 7].push(cost - mean);
            }
        }
    }
    let known = deviations.iter().filter(|of_day| of_day.len() >= 2).count();
    if known < FEWEST_WEEKDAYS {
        return [0.0; 7];
    }
    let known = known as f64;

    // A weekday of which nothing is known costs what the mean of the others does.
    let mut profile = [None; 7];
    let mut noise = 0.0;
    for (place, of_day) in profile.iter_mut().zip(&mut deviations) {
        if of_day.len() < 2 {
            continue;
        }
        let count = of_day.len() as f64;
        let mean = of_day.iter().sum::<f64>() / count;
        let variance = of_day.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
        noise += VARIANCE_OF_MEDIAN * variance / count / known;
        *place = median(of_day);
    }
    let mean = profile.iter().flatten().sum::<f64>() / known;
    let profile = profile.map(|deviation| deviation.map_or(0.0, |deviation| deviation - mean));
    let signal = profile
        .iter()
        .map(|deviation| deviation.powi(2))
        .sum::<f64>()
        / known;
    if signal <= noise {
        return [0.0; 7];
    }
    profile.map(|deviation| deviation * (1.0 - noise / signal))
}

/// The weekday of the day at a place in a history, from 0 for Monday to 6.
pub(crate) fn weekday_at(start: Date, index: usize) -> usize {
    let weekday = date_after(start, index).weekday();
    usize::try_from(weekday.to_monday_zero_offset()).unwrap_or_default()
}

impl WeekShape {
    /// The same as [`weekday_profile`] for `costs` from `start` on: the multiples of the level that these
    /// few days stand for.
    pub(crate) fn profile(self, start: Date, costs: &[Option<f64>]) -> [f64; 7] {
        let multiple = |index: usize| self.multiples[weekday_at(start, index)];
        let known = costs.iter().enumerate();
        let known = known.filter_map(|(index, cost)| Some((multiple(index), (*cost)?)));
        let (multiples, sum) = known.fold((0.0, 0.0), |(multiples, sum), (multiple, cost)| {
            (multiples + multiple, sum + cost)
        });
        let level = if multiples > 0.0 {
            sum / multiples
        } else {
            0.0
        };
        std::array::from_fn(|index| level * (multiple(index) - 1.0))
    }
}
