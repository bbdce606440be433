//! What a total may come to, and how likely.

use crate::normal;

/// The outer share on either side that is not told apart: nothing in a few hundred days of history
/// says how likely an event of one in ten thousand is.
const TAIL: f64 = 1e-4;

/// The shape of the error of a total, in units of its typical size, against a normal deviate: 80 %
/// of totals lie between the inner two and 95 % between the outer two. The tails are longer than a
/// normal distribution's, and the upper one is the longer: spend surprises upwards.
const SHAPE: [(f64, f64); 5] = [
    (-1.959_963_984_540_054, -1.82),
    (-1.281_551_565_544_6, -0.85),
    (0.0, 0.0),
    (1.281_551_565_544_6, 1.01),
    (1.959_963_984_540_054, 2.36),
];

/// The distribution of a total, in the unit of the costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distribution {
    center: f64,
    /// Typical absolute error; 0 for certainty.
    scale: f64,
    /// No total lies below.
    floor: f64,
}

/// A range with a stated probability, in the unit of the costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end, never below `low`.
    pub high: f64,
}

impl Distribution {
    /// The certainty that the total is `value`.
    pub fn point(value: f64) -> Self {
        Self {
            center: value,
            scale: 0.0,
            floor: f64::NEG_INFINITY,
        }
    }

    /// Around `center` with a typical absolute error of `scale`, and nothing below `floor`.
    pub(crate) fn around(center: f64, scale: f64, floor: f64) -> Self {
        Self {
            center: center.max(floor),
            scale,
            floor,
        }
    }

    /// The total to expect: the sum of the path's days.
    ///
    /// It is the median as well. Being skewed upwards, the distribution has a center of mass that is
    /// slightly higher, by a fraction of the typical error.
    pub fn mean(&self) -> f64 {
        self.center
    }

    /// How far the total is typically from [`mean`](Self::mean); 0 for certainty.
    pub fn error(&self) -> f64 {
        self.scale
    }

    /// The value that the total stays at or below with probability `p`.
    ///
    /// Never falls as `p` rises. `p` is taken into 0.0001 to 0.9999, for a history of days says
    /// nothing of rarer events; NaN gives NaN.
    pub fn quantile(&self, p: f64) -> f64 {
        if p.is_nan() {
            return f64::NAN;
        }
        let z = normal::quantile(p.clamp(TAIL, 1.0 - TAIL));
        (self.center + self.scale * error_at(z)).max(self.floor)
    }

    /// The central range that holds the total with a probability of `percent`, such as 80 or 95.
    ///
    /// As much probability lies below as above. `percent` is taken into 0 to 99.98.
    pub fn interval(&self, percent: f64) -> Interval {
        let outside = (1.0 - percent.clamp(0.0, 100.0) / 100.0) / 2.0;
        Interval {
            low: self.quantile(outside),
            high: self.quantile(1.0 - outside),
        }
    }

    /// The probability that the total is greater than `amount`, from 0 to 1.
    ///
    /// The inverse of [`quantile`](Self::quantile). Unless the total is certain, or `amount` lies
    /// below the lowest possible total, it stays within 0.0001 to 0.9999.
    pub fn probability_above(&self, amount: f64) -> f64 {
        if amount < self.floor {
            return 1.0;
        }
        if self.scale == 0.0 {
            return if self.center > amount { 1.0 } else { 0.0 };
        }
        let z = deviate_of((amount - self.center) / self.scale);
        (1.0 - normal::cumulative(z)).clamp(TAIL, 1.0 - TAIL)
    }

    /// The distribution of the total with `amount` added, such as what has been spent already.
    #[must_use]
    pub fn shifted_by(self, amount: f64) -> Self {
        Self {
            center: self.center + amount,
            floor: self.floor + amount,
            ..self
        }
    }
}

/// The error, in typical errors, at normal deviate `z`: lines between the points of [`SHAPE`], the
/// outer two carried on.
fn error_at(z: f64) -> f64 {
    along(z, |(z, _)| z, |(_, error)| error)
}

/// The inverse of [`error_at`].
fn deviate_of(error: f64) -> f64 {
    along(error, |(_, error)| error, |(z, _)| z)
}

fn along(x: f64, from: impl Fn((f64, f64)) -> f64, to: impl Fn((f64, f64)) -> f64) -> f64 {
    let right = SHAPE[1..SHAPE.len() - 1]
        .iter()
        .position(|&point| x <= from(point))
        .map_or(SHAPE.len() - 1, |i| i + 1);
    let (a, b) = (SHAPE[right - 1], SHAPE[right]);
    to(a) + (x - from(a)) * (to(b) - to(a)) / (from(b) - from(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(actual: f64, wanted: f64) {
        assert!(
            (actual - wanted).abs() < 1e-9 * wanted.abs().max(1.0),
            "{actual} is not {wanted}"
        );
    }

    #[test]
    fn quantiles_follow_the_shape() {
        let total = Distribution::around(100.0, 10.0, 0.0);
        check(total.mean(), 100.0);
        check(total.quantile(0.5), 100.0);
        check(total.quantile(0.1), 91.5);
        check(total.quantile(0.9), 110.1);
        check(total.interval(95.0).low, 81.8);
        check(total.interval(95.0).high, 123.6);
    }

    #[test]
    fn probability_is_the_inverse_of_the_quantile() {
        let total = Distribution::around(100.0, 10.0, 0.0);
        for p in [0.001, 0.025, 0.3, 0.5, 0.8, 0.9, 0.99] {
            check(total.probability_above(total.quantile(p)), 1.0 - p);
        }
    }

    #[test]
    fn nothing_lies_below_the_floor() {
        let total = Distribution::around(1.0, 2.0, 0.0);
        assert_eq!(total.quantile(0.01), 0.0);
        assert_eq!(total.probability_above(-0.01), 1.0);
        assert!(total.probability_above(0.0) < 1.0);
    }

    #[test]
    fn certainty_is_a_step() {
        let total = Distribution::point(0.0);
        assert_eq!(total.quantile(0.001), 0.0);
        assert_eq!(total.quantile(0.999), 0.0);
        assert_eq!(total.probability_above(0.0), 0.0);
        assert_eq!(total.probability_above(-1.0), 1.0);
    }

    #[test]
    fn shifting_moves_everything_but_the_spread() {
        let total = Distribution::around(10.0, 2.0, 0.0).shifted_by(90.0);
        check(total.mean(), 100.0);
        check(total.quantile(0.9), 102.02);
        assert_eq!(total.probability_above(89.0), 1.0);
    }

    #[test]
    fn probabilities_out_of_range_give_the_outer_quantiles() {
        let total = Distribution::around(10.0, 1.0, 0.0);
        assert_eq!(total.quantile(-1.0), total.quantile(0.0001));
        assert_eq!(total.quantile(1.0), total.quantile(0.9999));
        assert!(total.quantile(f64::NAN).is_nan());
    }
}
