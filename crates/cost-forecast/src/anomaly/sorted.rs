//! Means and medians of a few values, without allocation.

/// The longest list whose median is asked for: four weeks.
const LONGEST: usize = 28;

/// The median of up to 28 values, the mean of the middle two of an even number; 0 of none.
pub(crate) fn median_of(values: &[f64]) -> f64 {
    let mut buffer = [0.0; LONGEST];
    let count = values.len().min(LONGEST);
    buffer[..count].copy_from_slice(&values[..count]);
    median(&mut buffer[..count])
}

/// The same of any number of values, which it sorts.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    crate::median::median(values).unwrap_or_default()
}

/// The mean, 0 of none.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_even_and_none() {
        assert_eq!(median_of(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median_of(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median_of(&[]), 0.0);
    }

    #[test]
    fn mean_of_none_is_zero() {
        assert_eq!(mean(&[]), 0.0);
        assert_eq!(mean(&[1.0, 4.0]), 2.5);
    }
}
