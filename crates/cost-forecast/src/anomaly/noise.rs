//! How large a statistic usually is, from its own past.

use std::collections::VecDeque;

/// Values that are looked back on: eight weeks of days.
const WINDOW: usize = 56;
/// Known values below which nothing is said.
const FEWEST: usize = 5;
/// The standard deviation of a normal distribution over its median absolute deviation.
pub(crate) const MAD_TO_SIGMA: f64 = 1.4826;
/// The share of sizes that the second measure looks at, ...
const OUTER_SHARE: f64 = 0.85;
/// ... and the standard deviation of a normal distribution over that quantile of its sizes.
const OUTER_TO_SIGMA: f64 = 1.0 / 1.44;

/// The newest values of a statistic that is near zero on usual days.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noise {
    /// Sizes in order of arrival, one a day; `None` for a day that says nothing of noise.
    newest: VecDeque<Option<f64>>,
    /// The known ones of them by size.
    sorted: Vec<f64>,
}

impl Noise {
    /// Adds the value of the next day; `None` if it is not known or was no noise.
    pub(crate) fn push(&mut self, value: Option<f64>) {
        if self.newest.len() == WINDOW
            && let Some(oldest) = self.newest.pop_front().flatten()
        {
            self.sorted.remove(self.place(oldest));
        }
        let size = value.map(f64::abs);
        if let Some(size) = size {
            self.sorted.insert(self.place(size), size);
        }
        self.newest.push_back(size);
    }

    /// The standard deviation in robust terms: by the median size, or by the size that 85 % of days
    /// stay below if that is more. `None` with fewer than five values.
    pub(crate) fn sigma(&self) -> Option<f64> {
        if self.sorted.len() < FEWEST {
            return None;
        }
        let inner = MAD_TO_SIGMA * self.quantile(0.5);
        Some(inner.max(OUTER_TO_SIGMA * self.quantile(OUTER_SHARE)))
    }

    /// The index of the first size that is not below `size`.
    fn place(&self, size: f64) -> usize {
        self.sorted.partition_point(|&other| other < size)
    }

    /// Linear between neighbors. There is at least one value.
    fn quantile(&self, share: f64) -> f64 {
        let position = share * (self.sorted.len() - 1) as f64;
        let below = position as usize;
        let above = (below + 1).min(self.sorted.len() - 1);
        let (low, high) = (self.sorted[below], self.sorted[above]);
        low + position.fract() * (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise_of(values: &[f64]) -> Noise {
        let mut noise = Noise::default();
        values.iter().for_each(|&value| noise.push(Some(value)));
        noise
    }

    #[test]
    fn few_values_say_nothing() {
        let mut noise = noise_of(&[1.0; 4]);
        noise.push(None);
        assert_eq!(noise.sigma(), None);
        noise.push(Some(-1.0));
        assert_eq!(noise.sigma(), Some(1.4826));
    }

    #[test]
    fn long_tails_count_by_the_outer_quantile() {
        // Of 21 sizes, the median is 0 and number 17 of 0 to 20 is the 85 % quantile.
        let mut values = vec![0.0; 15];
        values.extend([3.0, 3.0, 7.2, 9.0, 9.0, 9.0]);
        let sigma = noise_of(&values).sigma().expect("21 values");
        assert!((sigma - 5.0).abs() < 1e-12);
    }

    #[test]
    fn values_leave_after_eight_weeks() {
        let mut noise = noise_of(&[50.0; 56]);
        (0..56).for_each(|_| noise.push(Some(2.0)));
        assert_eq!(noise.sigma(), Some(2.0 * 1.4826));
    }
}
