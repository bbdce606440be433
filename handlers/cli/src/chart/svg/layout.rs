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
    /// The amount that it names.
    pub(super) amount: f32,
    pub(super) y: f32,
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// Sets labels beside their amounts, and apart where they would lie on each other: down first, and up
/// again from the bottom.
pub(super) fn spread(mut labels: Vec<Beside>, panel: &Panel) -> Vec<Beside> {
    labels.sort_by(|one, other| other.amount.total_cmp(&one.amount));
    let mut free = panel.top;
    for label in &mut labels {
        label.y = panel.y(label.amount).max(free);
        free = label.y + LINE;
    }
    let mut free = panel.bottom;
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
        let panel = Panel {
            left: 0.0,
            right: 100.0,
            top: 0.0,
            bottom: 100.0,
            steps: 10.0,
            axis: Axis::over([100.0].into_iter(), 1).unwrap(),
        };
        let label = |amount| Beside {
            amount,
            y: 0.0,
            class: "",
            text: String::new(),
        };
        let labels = vec![label(0.0), label(2.0), label(90.0), label(5.0)];
        let labels = spread(labels, &panel);
        let at: Vec<f32> = labels.iter().map(|label| label.y).collect();
        assert_eq!(at, [10.0, 62.0, 81.0, 100.0]);
    }
}
