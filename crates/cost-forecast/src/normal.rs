//! The standard normal distribution, as a common scale for probabilities.

use std::f64::consts::PI;

/// Beyond this many standard deviations the distribution function is 0 or 1 to double precision.
const FAR: f64 = 8.0;

/// Share of a standard normal distribution below `z`.
///
/// Source: the series of G. Marsaglia, "Evaluating the Normal Distribution", Journal of Statistical
/// Software 11 (2004), accurate to about 1e-15.
pub(crate) fn cumulative(z: f64) -> f64 {
    if z.abs() >= FAR {
        return if z > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut sum, mut term, mut odd) = (z, z, 1.0);
    loop {
        odd += 2.0;
        term *= z * z / odd;
        let next = sum + term;
        if next == sum {
            break;
        }
        sum = next;
    }
    (0.5 + sum * density(z)).clamp(0.0, 1.0)
}

/// The number of standard deviations below which a share `p` lies; `p` in (0, 1).
///
/// Source: the rational start of Abramowitz and Stegun, "Handbook of Mathematical Functions",
/// 26.2.23 (off by less than 4.5e-4), and Newton steps on [`cumulative`].
pub(crate) fn quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -quantile(1.0 - p);
    }
    if p == 0.5 {
        return 0.0;
    }
    let t = (-2.0 * p.ln()).sqrt();
    let top = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let bottom = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut z = top / bottom - t;
    for _ in 0..3 {
        z -= (cumulative(z) - p) / density(z);
    }
    z
}

fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_printed_tables() {
        for (p, z) in [
            (0.5, 0.0),
            (0.9, 1.281_551_565_5),
            (0.975, 1.959_963_984_5),
            (0.001, -3.090_232_306_2),
        ] {
            assert!((quantile(p) - z).abs() < 1e-9, "{p}");
            assert!((cumulative(z) - p).abs() < 1e-11, "{z}");
        }
    }

    #[test]
    fn far_tails_are_certain() {
        assert_eq!(cumulative(9.0), 1.0);
        assert_eq!(cumulative(-9.0), 0.0);
        assert_eq!(cumulative(f64::INFINITY), 1.0);
    }
}
