//! What each weekday costs more or less than its week, for a history that is read day by day.

use super::sorted::{mean, median};

/// Weeks that are looked back on.
const WEEKS: usize = 8;
/// The variance of a median of n draws, as a multiple of that of their mean.
const VARIANCE_OF_MEDIAN: f64 = std::f64::consts::FRAC_PI_2;

/// Deviations of the seven weekdays from the mean of their week, by index of the day modulo 7.
///
/// The median of up to eight weeks, times 1 − noise / signal: signal is the mean square of the
/// medians, noise the mean of their own estimated variances, so that a profile which noise alone
/// explains vanishes. All zero with less than two weeks.
pub(crate) fn weekday_profile(costs: &[f64]) -> [f64; 7] {
    let weeks = (costs.len() / 7).min(WEEKS);
    if weeks < 2 {
        return [0.0; 7];
    }
    let mut deviations = [[0.0; WEEKS]; 7];
    for (number, week) in costs.rchunks_exact(7).take(weeks).enumerate() {
        let mean = mean(week);
        for (place, cost) in week.iter().enumerate() {
            deviations[place][number] = cost - mean;
        }
    }

    let mut profile = [0.0; 7];
    let mut noise = 0.0;
    for (place, of_day) in deviations.iter_mut().enumerate() {
        let of_day = &mut of_day[..weeks];
        let count = weeks as f64;
        let mean = mean(of_day);
        let variance = of_day.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
        noise += VARIANCE_OF_MEDIAN * variance / count / 7.0;
        profile[(costs.len() + place) % 7] = median(of_day);
    }
    let center = mean(&profile);
    let profile = profile.map(|deviation| deviation - center);
    let signal = profile.iter().map(|x| x.powi(2)).sum::<f64>() / 7.0;
    if signal <= noise {
        return [0.0; 7];
    }
    profile.map(|deviation| deviation * (1.0 - noise / signal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_weeks_have_their_own_profile() {
        let week = [12.0, 12.0, 12.0, 12.0, 12.0, 5.0, 5.0];
        let costs: Vec<f64> = week.iter().copied().cycle().take(4 * 7 + 3).collect();
        let profile = weekday_profile(&costs);
        for (place, cost) in week.iter().enumerate() {
            assert!((profile[place] - (cost - 10.0)).abs() < 1e-12);
        }
    }

    #[test]
    fn nothing_is_known_of_less_than_two_weeks() {
        assert_eq!(weekday_profile(&[1.0; 13]), [0.0; 7]);
    }
}
