//! Forecasts of a whole and of its parts that add up.

/// A cost that is a whole, a part, or both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// The place of the whole that it is a part of; that one comes before it. The parts of a whole are
    /// all of it.
    pub whole: Option<usize>,
    /// What is posted of it: what is expected beyond that keeps its sign, and may become nothing.
    pub posted: f64,
    /// What it is expected to cost by its own history.
    pub mean: f64,
    /// Typical error of that, 0 for what is certain; never negative.
    pub error: f64,
}

/// What each node is to be expected to cost, so that every whole is the sum of its parts.
///
/// Each expectation is taken for a measurement with a variance of the square of its error, independent
/// of the others: what is returned are the sums that fit all of them best. A whole moves towards the sum
/// of its parts, and the parts towards the whole, the more the less is known of them. That is the
/// reconciliation with a diagonal covariance (weighted least squares) of Wickramasuriya, Athanasopoulos
/// and Hyndman, "Optimal forecast reconciliation for hierarchical and grouped time series through trace
/// minimization", JASA 114 (2019); in a tree it takes one pass up and one down.
///
/// A node that would so fall below what is posted of it (or rise above, where credits are to come) is
/// certain at that, and the others fit each other around it.
///
/// # Panics
///
/// If a node comes before its whole.
pub fn reconcile(nodes: &[Node]) -> Vec<f64> {
    let mut nodes = nodes.to_vec();
    let mut is_held = vec![false; nodes.len()];
    loop {
        let means = fit(&nodes);
        let mut is_done = true;
        for ((node, mean), is_held) in nodes.iter_mut().zip(&means).zip(&mut is_held) {
            let (before, after) = (node.mean - node.posted, mean - node.posted);
            let is_beyond = before * after < 0.0 || (before == 0.0 && after != 0.0);
            if is_beyond && !*is_held {
                (node.mean, node.error) = (node.posted, 0.0);
                (*is_held, is_done) = (true, false);
            }
        }
        if is_done {
            return means;
        }
    }
}

/// The sums that fit best, whatever is posted.
fn fit(nodes: &[Node]) -> Vec<f64> {
    // What the nodes below say of each node, with what it says itself: mean and variance.
    let mut parts: Vec<Option<(f64, f64)>> = vec![None; nodes.len()];
    let mut known = vec![(0.0, 0.0); nodes.len()];
    for (at, node) in nodes.iter().enumerate().rev() {
        let own = (node.mean, node.error * node.error);
        known[at] = match parts[at] {
            Some(parts) => combined(own, parts),
            None => own,
        };
        if let Some(whole) = node.whole {
            assert!(whole < at, "node {at} comes before its whole {whole}");
            let (mean, variance) = parts[whole].unwrap_or_default();
            parts[whole] = Some((mean + known[at].0, variance + known[at].1));
        }
    }
    let mut means: Vec<f64> = Vec::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        let (mean, variance) = known[at];
        let share = node.whole.and_then(|whole| {
            let (sum, variances) = parts[whole]?;
            let missing = means[whole] - sum;
            (variances > 0.0).then(|| missing * variance / variances)
        });
        means.push(mean + share.unwrap_or(0.0));
    }
    means
}

/// Two measurements of the same, weighted by what is known of each.
fn combined((own, error): (f64, f64), (sum, variance): (f64, f64)) -> (f64, f64) {
    let both = error + variance;
    // What is certain of its parts is certain.
    if both <= 0.0 {
        return (sum, 0.0);
    }
    (
        (own * variance + sum * error) / both,
        error * variance / both,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(whole: impl Into<Option<usize>>, mean: f64, error: f64) -> Node {
        Node {
            whole: whole.into(),
            posted: 0.0,
            mean,
            error,
        }
    }

    #[track_caller]
    fn check(nodes: &[Node], wanted: &[f64]) {
        for (actual, wanted) in reconcile(nodes).iter().zip(wanted) {
            assert!((actual - wanted).abs() < 1e-9, "{actual} is not {wanted}");
        }
    }

    #[test]
    fn what_is_missing_is_shared_by_variance() {
        // Variances 4, 1 and 1: of the 12 that the parts lack, the whole gives 4 parts of 6 away, and
        // each of the parts gets one.
        let nodes = [
            node(None, 112.0, 2.0),
            node(0, 60.0, 1.0),
            node(0, 40.0, 1.0),
        ];
        check(&nodes, &[104.0, 62.0, 42.0]);
    }

    #[test]
    fn what_is_certain_stays() {
        let nodes = [
            node(None, 120.0, 5.0),
            node(0, 60.0, 0.0),
            node(0, 40.0, 2.0),
        ];
        // The second part takes 4 of 29 of the 20, the whole gives 25 of 29 away.
        let share = 20.0 * 4.0 / 29.0;
        check(&nodes, &[100.0 + share, 60.0, 40.0 + share]);
        let certain = [node(None, 7.0, 0.0), node(0, 3.0, 0.0), node(0, 4.0, 0.0)];
        check(&certain, &[7.0, 3.0, 4.0]);
    }

    #[test]
    fn none_falls_below_what_is_posted() {
        let posted = |posted: f64, node: Node| Node { posted, ..node };
        // The parts are 30 too much for the whole. By variance each would give 10 away; of the first 4 are
        // not posted, so that the whole and the second share the rest: 87 + 13 and 100 + 13.
        let nodes = [
            posted(60.0, node(None, 100.0, 2.0)),
            posted(30.0, node(0, 34.0, 2.0)),
            posted(30.0, node(0, 96.0, 2.0)),
        ];
        check(&nodes, &[113.0, 30.0, 83.0]);
        // Nothing more is expected of the first, and a credit of the second: both keep that.
        let credits = [
            posted(60.0, node(None, 80.0, 2.0)),
            posted(30.0, node(0, 30.0, 1.0)),
            posted(30.0, node(0, 26.0, 1.0)),
        ];
        check(&credits, &[60.0, 30.0, 30.0]);
    }

    #[test]
    fn every_whole_is_the_sum_of_its_parts() {
        let nodes = [
            node(None, 100.0, 3.0),
            node(0, 70.0, 2.0),
            node(0, 20.0, 4.0),
            node(1, 30.0, 1.0),
            node(1, 50.0, 6.0),
            node(2, 25.0, 1.0),
        ];
        let means = reconcile(&nodes);
        for whole in 0..3 {
            let parts = (0..nodes.len()).filter(|&at| nodes[at].whole == Some(whole));
            let sum: f64 = parts.map(|at| means[at]).sum();
            assert!((sum - means[whole]).abs() < 1e-9, "{means:?}");
        }
        // No other sums fit better: moving a part, and its wholes with it, only adds to the misfit.
        let misfit = |means: &[f64]| -> f64 {
            let each = means.iter().zip(&nodes);
            each.map(|(mean, node)| ((mean - node.mean) / node.error).powi(2))
                .sum()
        };
        for part in 3..6 {
            for by in [-0.1, 0.1] {
                let mut moved = means.clone();
                let mut at = Some(part);
                while let Some(place) = at {
                    moved[place] += by;
                    at = nodes[place].whole;
                }
                assert!(misfit(&moved) > misfit(&means));
            }
        }
    }

    #[test]
    fn what_stands_alone_stays() {
        check(&[node(None, 5.0, 1.0), node(None, 7.0, 0.0)], &[5.0, 7.0]);
        check(&[], &[]);
    }
}
