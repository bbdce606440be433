//! The amounts beside a chart: round ones, from the lowest to the highest.

use std::ops::RangeInclusive;

/// A scale of amounts that begins and ends with a named one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f32,
    pub(super) high: f32,
    step: f32,
}

impl Axis {
    /// A scale over amounts and zero, with at most `most` steps; `None` if there is nothing but zero.
    pub(super) fn over(amounts: impl Iterator<Item = f32>, most: usize) -> Option<Axis> {
        let (low, high) = amounts.fold((0.0_f32, 0.0_f32), |(low, high), amount| {
            (low.min(amount), high.max(amount))
        });
        let height = high - low;
        if !height.is_finite() || height <= 0.0 {
            return None;
        }
        let most = most.max(1) as f32;
        let power = 10.0_f32.powf((height / most).log10().floor());
        let steps = [1.0, 2.0, 2.5, 5.0, 10.0, 20.0].map(|factor| factor * power);
        let fits = |step: &f32| (high / step).ceil() - (low / step).floor() <= most;
        let step = steps.into_iter().find(fits).unwrap_or(height);
        Some(Axis {
            low: (low / step).floor() * step,
            high: (high / step).ceil() * step,
            step,
        })
    }

    /// How far up an amount is: 0 at the bottom, 1 at the top.
    pub(super) fn share(&self, amount: f32) -> f32 {
        (amount - self.low) / (self.high - self.low)
    }

    /// The amounts to name, from the bottom up.
    pub(super) fn ticks(&self) -> Vec<f32> {
        let steps = ((self.high - self.low) / self.step).round();
        let steps: RangeInclusive<u16> = 0..=steps as u16;
        steps
            .map(|step| self.low + self.step * f32::from(step))
            .collect()
    }

    /// An amount on the axis, with no more digits than tell one from the next.
    pub(super) fn label(&self, amount: f32) -> String {
        let digits = match self.step {
            step if step >= 1.0 && step.fract() == 0.0 => 0,
            step if step >= 0.1 => 1,
            _ => 2,
        };
        let text = format!("{:.digits$}", amount.abs());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let groups: Vec<&str> = whole
            .as_bytes()
            .rchunks(3)
            .rev()
            .map(|group| str::from_utf8(group).unwrap_or_default())
            .collect();
        let sign = if amount < 0.0 { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{}{point}{fraction}", groups.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(amounts: &[f32], most: usize) -> Vec<String> {
        let axis = Axis::over(amounts.iter().copied(), most).unwrap();
        let ticks = axis.ticks();
        ticks.into_iter().map(|tick| axis.label(tick)).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_all_amounts() {
        assert_eq!(
            labels(&[10_404.0, 13_200.0], 4),
            ["0", "5,000", "10,000", "15,000"]
        );
        assert_eq!(labels(&[0.9], 2), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels(&[-300.0, 900.0], 4), ["-500", "0", "500", "1,000"]);
        assert_eq!(labels(&[2_000_000.0], 2), ["0", "1,000,000", "2,000,000"]);
    }

    #[test]
    fn nothing_has_no_axis() {
        assert_eq!(Axis::over([0.0, 0.0].into_iter(), 4), None);
        assert_eq!(Axis::over([f32::NAN, f32::INFINITY].into_iter(), 4), None);
    }

    #[test]
    fn shares_go_from_the_bottom_to_the_top() {
        let axis = Axis::over([-50.0, 150.0].into_iter(), 4).unwrap();
        assert_eq!((axis.low, axis.high), (-50.0, 150.0));
        assert_eq!(axis.share(50.0), 0.5);
    }
}
