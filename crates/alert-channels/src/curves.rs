//! The lines of a course as numbers: what a chart shows, whatever it is drawn on.
//!
//! A point is a place along the period, counted in steps from its first day, and an amount. Amounts lose
//! their last digits here: they are for drawing, and never for saying how much it is.

use budget_engine::Course;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// The lines of a course.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    /// Cost of each step, up to the last one with data; `None` before the data begin.
    pub costs: Vec<Option<f32>>,
    /// So many steps, from the first on, are not expected to change.
    pub settled: usize,
    /// Spend to date: from nothing at 0 to the end of the last step with data.
    pub spent: Vec<(f32, f32)>,
    /// The plan: from nothing at 0 to the planned amount at the end.
    pub planned: Vec<(f32, f32)>,
    /// Spend as it is expected, from the last step with data to the end: one time of ten it is less than
    /// the first, half of the time less than the second, nine times of ten less than the third. Empty
    /// without a forecast.
    pub expected: [Vec<(f32, f32)>; 3],
}

impl Curves {
    /// The lines of `course`; `None` if it has fewer than two steps, or more data than steps.
    pub fn of(course: &Course) -> Option<Curves> {
        let steps = course.steps();
        if steps < 2 || course.costs.len() > steps || course.expected.len() > steps {
            return None;
        }
        let costs = course.costs.iter();
        let costs: Vec<Option<f32>> = costs
            .map(|cost| cost.as_ref().and_then(ToPrimitive::to_f32))
            .collect();
        let mut sum = 0.0;
        let spent = costs.iter().map(|cost| {
            sum += cost.unwrap_or(0.0);
            Some(sum)
        });
        let from = course.expected_from();
        let expected = |of: fn(&budget_engine::Span) -> Decimal| {
            let amounts = course.expected.iter().map(|span| of(span).to_f32());
            at_ends(from, amounts)
        };
        Some(Curves {
            spent: from_nothing(at_ends(0, spent)?),
            planned: from_nothing(at_ends(0, course.planned.iter().map(ToPrimitive::to_f32))?),
            expected: [
                expected(|span| span.low)?,
                expected(|span| span.middle)?,
                expected(|span| span.high)?,
            ],
            settled: usize::try_from(course.settled).unwrap_or(usize::MAX),
            costs,
        })
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.planned.len().saturating_sub(1)
    }

    /// The amount that is planned for the whole period.
    pub fn limit(&self) -> f32 {
        self.planned.last().map_or(0.0, |(_, amount)| *amount)
    }

    /// All amounts of spend to date, of the plan and of the expectation, in no order.
    pub fn amounts(&self) -> impl Iterator<Item = f32> {
        let lines = [&self.spent, &self.planned].into_iter();
        let points = lines.chain(&self.expected).flatten();
        points.map(|(_, amount)| *amount)
    }
}

/// The points of amounts at the ends of steps, from the step `first` on.
fn at_ends(first: usize, amounts: impl Iterator<Item = Option<f32>>) -> Option<Vec<(f32, f32)>> {
    let points = amounts.enumerate();
    points
        .map(|(step, amount)| Some(((first + step + 1) as f32, amount?)))
        .collect()
}

/// The same with nothing at the beginning of the period; still no line without any point.
fn from_nothing(mut points: Vec<(f32, f32)>) -> Vec<(f32, f32)> {
    if !points.is_empty() {
        points.insert(0, (0.0, 0.0));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use budget_engine::Span;

    #[test]
    fn points_lie_at_the_ends_of_steps() {
        let amount = |amount: i64| Decimal::from(amount);
        let span = |low, middle, high| Span {
            low: amount(low),
            middle: amount(middle),
            high: amount(high),
        };
        let course = Course {
            step_days: 1,
            costs: vec![None, Some(amount(40)), Some(amount(2))],
            settled: 2,
            planned: [10, 20, 30, 60].map(amount).to_vec(),
            expected: vec![span(42, 43, 44), span(50, 55, 70)],
        };
        let curves = Curves::of(&course).unwrap();
        assert_eq!(curves.steps(), 4);
        assert_eq!(curves.costs, [None, Some(40.0), Some(2.0)]);
        let spent = [(0.0, 0.0), (1.0, 0.0), (2.0, 40.0), (3.0, 42.0)];
        assert_eq!(curves.spent, spent);
        assert_eq!(curves.planned.last(), Some(&(4.0, 60.0)));
        assert_eq!(curves.expected[0], [(3.0, 42.0), (4.0, 50.0)]);
        assert_eq!(curves.expected[2], [(3.0, 44.0), (4.0, 70.0)]);
        assert_eq!(curves.amounts().fold(0.0, f32::max), 70.0);
    }

    #[test]
    fn a_course_that_is_none_has_no_lines() {
        let course = Course {
            step_days: 1,
            costs: vec![None; 3],
            settled: 0,
            planned: vec![Decimal::ONE; 2],
            expected: Vec::new(),
        };
        assert_eq!(Curves::of(&course), None);
    }
}
