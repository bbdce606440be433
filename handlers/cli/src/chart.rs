//! The chart of a budget's period: spend to date against the plan, the range in which it is expected to
//! go on, and what each day cost. Drawn in characters for terminals, and as SVG for pages.

mod axis;
mod labels;
pub(crate) mod svg;
pub(crate) mod terminal;

use alert_channels::curves::Curves;
use budget_engine::{Currency, ForecastSummary, Money, Period, Status, days_between, plus_days};
use jiff::civil::Date;
use rust_decimal::Decimal;

/// What a chart shows.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    budget: String,
    name: String,
    period: Period,
    period_label: String,
    step_days: u32,
    curves: Curves,
    /// The costs of steps, exact.
    costs: Vec<Option<Decimal>>,
    planned: Money,
    spent: Money,
    /// The last day with data.
    data_to: Date,
    forecast: Option<ForecastSummary>,
    today: Date,
}

impl Chart {
    /// The chart of a status on a day; `None` if there is nothing to draw.
    pub(crate) fn of(status: &Status, today: Date) -> Option<Chart> {
        let course = status.course.as_ref()?;
        let curves = Curves::of(course)?;
        if curves.amounts().all(|amount| amount == 0.0) {
            return None;
        }
        Some(Chart {
            budget: status.budget.clone(),
            name: status.name.clone(),
            period: status.period,
            period_label: status.period_label.clone(),
            step_days: course.step_days.max(1),
            curves,
            costs: course.costs.clone(),
            planned: status.planned,
            spent: status.spent,
            data_to: status.data.last_day,
            forecast: status.forecast.clone(),
            today,
        })
    }

    fn currency(&self) -> Currency {
        self.planned.currency
    }

    /// Length of the period, in steps.
    fn steps(&self) -> f32 {
        self.curves.steps() as f32
    }

    /// The place of the beginning of a day along the period, in steps.
    fn place(&self, day: Date) -> f32 {
        let days = days_between(self.period.start(), day) as f32;
        (days / self.step_days as f32).min(self.steps())
    }

    /// The place of today, in the middle of the day; `None` outside of the period.
    fn place_of_today(&self) -> Option<f32> {
        let half = 0.5 / self.step_days as f32;
        let is_inside = self.period.contains(self.today);
        is_inside.then(|| self.place(self.today) + half)
    }

    /// When the planned amount is likely reached, and the place of the end of that day.
    fn breach(&self) -> Option<(Date, f32)> {
        let day = self.forecast.as_ref()?.breach?.likely;
        let is_inside = self.period.contains(day);
        is_inside.then(|| (day, self.place(plus_days(day, 1))))
    }

    /// The days of a step in words.
    fn days_of(&self, step: usize) -> String {
        let days = i32::try_from(self.step_days).unwrap_or(1);
        let offset = i32::try_from(step).unwrap_or(0).saturating_mul(days);
        let first = plus_days(self.period.start(), offset);
        let last = plus_days(first, days - 1).min(self.period.last_day());
        match first == last {
            true => short(first),
            false => format!("{} to {}", short(first), short(last)),
        }
    }

    /// Days to name below the chart, about `most` of them, from the first one on.
    fn named_days(&self, most: usize) -> Vec<Date> {
        let days = self.period.days();
        let most = u32::try_from(most.max(1)).unwrap_or(1);
        let every = [1, 2, 5, 7, 10, 14, 30, 61, 91];
        let every = every
            .into_iter()
            .find(|every| days.div_ceil(*every) <= most);
        let every = usize::try_from(every.unwrap_or(days)).unwrap_or(1);
        self.period.iter().step_by(every.max(1)).collect()
    }
}

/// A day in a few characters: `18 Nov`.
fn short(day: Date) -> String {
    day.strftime("%-d %b").to_string()
}

/// The amount of a line at a place, `None` outside of it.
fn amount_at(line: &[(f32, f32)], place: f32) -> Option<f32> {
    let pair = line
        .windows(2)
        .find(|pair| (pair[0].0..=pair[1].0).contains(&place))?;
    let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
    Some(y0 + (place - x0) * (y1 - y0) / (x1 - x0))
}

#[cfg(test)]
pub(crate) mod samples {
    use budget_engine::{Course, Span};
    use jiff::civil::date;

    use super::*;

    /// Thirty days of 10 each, ten of which are known; 300 are planned.
    pub(crate) fn course() -> Course {
        let amount = |days: i64| Decimal::from(days * 10);
        let span = |day: i64| Span {
            low: amount(day) - Decimal::from(day - 10),
            middle: amount(day),
            high: amount(day) + Decimal::from(2 * (day - 10)),
        };
        Course {
            step_days: 1,
            costs: vec![Some(amount(1)); 10],
            settled: 8,
            planned: (1..=30).map(amount).collect(),
            expected: (10..=30).map(span).collect(),
        }
    }

    /// The chart of a course of November 2026.
    pub(crate) fn chart(course: Course) -> Chart {
        let currency: Currency = "EUR".parse().unwrap();
        let day = |day| date(2026, 11, day);
        Chart {
            budget: "shop".to_owned(),
            name: "shop".to_owned(),
            period: Period::new(day(1), date(2026, 12, 1)).unwrap(),
            period_label: "November 2026".to_owned(),
            step_days: course.step_days,
            curves: Curves::of(&course).unwrap(),
            costs: course.costs.clone(),
            planned: Money::new(300.into(), currency),
            spent: Money::new(100.into(), currency),
            data_to: day(10),
            forecast: None,
            today: day(12),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_lie_on_straight_lines_between_the_points() {
        let line = [(1.0, 10.0), (2.0, 30.0), (4.0, 30.0)];
        assert_eq!(amount_at(&line, 1.0), Some(10.0));
        assert_eq!(amount_at(&line, 1.5), Some(20.0));
        assert_eq!(amount_at(&line, 3.0), Some(30.0));
        assert_eq!(amount_at(&line, 0.9), None);
        assert_eq!(amount_at(&line, 4.1), None);
    }
}
