//! Medians of short lists.

/// The median of `values`, the mean of the middle two of an even number; `None` of nothing.
///
/// Reorders `values`.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// The median of the settled days at `offsets` from day `at`; `None` if none of them is known.
pub(crate) fn median_around(costs: &[Option<f64>], at: usize, offsets: &[isize]) -> Option<f64> {
    let mut buffer = [0.0; 16];
    let mut known = 0;
    for &offset in offsets {
        let cost = at
            .checked_add_signed(offset)
            .and_then(|index| *costs.get(index)?);
        if let Some(cost) = cost {
            buffer[known] = cost;
            known += 1;
        }
    }
    median(&mut buffer[..known])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_even_and_none() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
    }

    #[test]
    fn neighbors_outside_or_unknown_are_left_out() {
        let costs = [Some(1.0), None, Some(5.0), Some(9.0)];
        assert_eq!(median_around(&costs, 1, &[-2, -1, 0, 1, 2]), Some(5.0));
        assert_eq!(median_around(&costs, 1, &[-2, 0]), None);
    }
}
