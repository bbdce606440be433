//! What it brings that forecasts of a whole and of its parts add up.

use std::collections::BTreeMap;

use cost_forecast::{DailySeries, Day, Fitted, Model, Node, Options, reconcile};

use super::tally::Tally;
use super::{Question, Series, Settings};

/// More parts of one whole are not looked at.
const MOST_PARTS: usize = 20;

/// Series, each of which is the sum of those of one group over the days that all of them have; with the
/// places of these.
pub(super) fn wholes(series: &[Series]) -> Vec<(Series, Vec<usize>)> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in series.iter().enumerate() {
        let group = groups.entry(&one.group).or_default();
        if group.len() < MOST_PARTS {
            group.push(at);
        }
    }
    let whole = |(group, parts): (&str, Vec<usize>)| {
        let start = parts.iter().map(|&at| series[at].start).max()?;
        let days = |at: usize| {
            let one = &series[at];
            let skipped = super::place(one.start, start)?;
            one.costs.get(skipped..)
        };
        let columns: Vec<&[f64]> = parts.iter().map(|&at| days(at)).collect::<Option<_>>()?;
        let length = columns.iter().map(|days| days.len()).min()?;
        let sum = |day: usize| columns.iter().map(|days| days[day]).sum();
        let whole = Series {
            group: group.to_owned(),
            start,
            costs: (0..length).map(sum).collect(),
        };
        (parts.len() > 1 && length > 0).then_some((whole, parts))
    };
    groups.into_iter().filter_map(whole).collect()
}

/// Figures of wholes and of parts, each by itself and brought to add up.
pub(super) struct Figures {
    pub(super) whole: Tally,
    pub(super) whole_reconciled: Tally,
    pub(super) parts: Tally,
    pub(super) parts_reconciled: Tally,
}

/// Forecasts the periods of each whole, and of its parts on the same days.
pub(super) fn figures(
    series: &[Series],
    wholes: &[(Series, Vec<usize>)],
    settings: &Settings,
) -> anyhow::Result<Figures> {
    let mut figures = Figures {
        whole: Tally::default(),
        whole_reconciled: Tally::default(),
        parts: Tally::default(),
        parts_reconciled: Tally::default(),
    };
    for (whole, parts) in wholes {
        for question in super::questions(std::slice::from_ref(whole), settings) {
            let of = |one: &'_ Series| -> anyhow::Result<Known> {
                let shift = super::place(one.start, whole.start).unwrap_or(0);
                let question = Question {
                    series: one,
                    first: question.first + shift,
                    begins: question.begins + shift,
                    from: question.from + shift,
                    ends: question.ends + shift,
                    ..question
                };
                let truth = question.truth();
                let shown = &one.costs[question.first..question.from];
                let days = shown.iter().copied().map(Day::settled).collect();
                let days = DailySeries::try_new(question.date(question.first), days)?;
                let range = (question.date(question.from), question.date(question.ends));
                Ok(Known {
                    truth,
                    fitted: Model::fit(&days, &Options::default())?,
                    range,
                })
            };
            let known = std::iter::once(whole).chain(parts.iter().map(|&at| &series[at]));
            let known = known.map(of).collect::<anyhow::Result<Vec<_>>>()?;
            let nodes: Vec<Node> = known
                .iter()
                .enumerate()
                .map(|(at, one)| {
                    let forecast = one.fitted.predict(one.range.0, one.range.1);
                    Node {
                        whole: (at > 0).then_some(0),
                        posted: forecast.posted,
                        mean: forecast.total.mean(),
                        error: forecast.total.error(),
                    }
                })
                .collect();
            for ((at, one), mean) in known.iter().enumerate().zip(reconcile(&nodes)) {
                let posted = nodes[at].posted;
                let before = nodes[at].mean - posted;
                let factor = if before == 0.0 {
                    1.0
                } else {
                    ((mean - posted) / before).max(0.0)
                };
                let (alone, reconciled) = match at {
                    0 => (&mut figures.whole, &mut figures.whole_reconciled),
                    _ => (&mut figures.parts, &mut figures.parts_reconciled),
                };
                one.count(alone, 1.0);
                one.count(reconciled, factor);
            }
        }
    }
    Ok(figures)
}

struct Known {
    truth: super::tally::Truth,
    fitted: Fitted,
    range: (jiff::civil::Date, jiff::civil::Date),
}

impl Known {
    fn count(&self, tally: &mut Tally, factor: f64) {
        if self.truth.total <= 0.0 {
            return;
        }
        let fitted = self.fitted.clone().times(factor);
        let total = fitted.predict(self.range.0, self.range.1).total;
        let ranges = [80.0, 95.0].map(|level| total.interval(level));
        tally.add(&self.truth, total.mean(), Some(ranges));
    }
}
