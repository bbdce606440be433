//! Where things lie on the page.

use std::fmt::Write;

use super::Axis;

/// Least distance between two labels above each other.
const LINE: f32 = 19.0;

/// A part of the page with its scales.
pub(super) struct Panel {
    pub(super) left: f32,
    pub(super) right: f32,
    pub(super) top: f32,
    pub(super) bottom: f32,
    pub(super) steps: f32,
    pub(super) axis: Axis,
}

impl Panel {
    /// Where a place along the period is.
    pub(super) fn x(&self, place: f32) -> f32 {
        self.left + (self.right - self.left) * place / self.steps
    }

    /// Where an amount is.
    pub(super) fn y(&self, amount: f32) -> f32 {
        self.bottom - (self.bottom - self.top) * self.axis.share(amount)
    }

    /// A line through points, as path data.
    pub(super) fn path(&self, points: &[(f32, f32)]) -> String {
        let mut path = String::new();
        for (index, (place, amount)) in points.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            // Writing into a string does not fail.
            let _ = write!(
                path,
                "{command}{:.1} {:.1}",
                self.x(*place),
                self.y(*amount)
            );
        }
        path
    }
}

/// A label to the right of a panel.
pub(super) struct Beside {
    pub(super) y: f32,
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// Moves labels apart that would lie on each other: down first, and up again from the bottom.
pub(super) fn spread(mut labels: Vec<Beside>, top: f32, bottom: f32) -> Vec<Beside> {
    labels.sort_by(|one, other| one.y.total_cmp(&other.y));
    let mut free = top;
    for label in &mut labels {
        label.y = label.y.max(free);
        free = label.y + LINE;
    }
    let mut free = bottom;
    for label in labels.iter_mut().rev() {
        label.y = label.y.min(free);
        free = label.y - LINE;
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_distance_and_their_order() {
        let label = |y| Beside {
            y,
            class: "",
            text: String::new(),
        };
        let labels = spread(
            vec![label(100.0), label(98.0), label(95.0), label(10.0)],
            0.0,
            120.0,
        );
        let at: Vec<f32> = labels.iter().map(|label| label.y).collect();
        assert_eq!(at, [10.0, 82.0, 101.0, 120.0]);
    }
}
