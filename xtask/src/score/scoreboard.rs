//! What it brings to know how earlier forecasts of the same series turned out.

use cost_forecast::{DailySeries, Day, Estimate, Fitted, Model, Options, Scored};

use super::Question;
use super::tally::Tally;

/// So many newest periods count, as in the scoreboard that evaluations keep.
const NEWEST: usize = 12;

/// Which of the scores a forecast is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    Weights,
    Range,
    Both,
}

impl Told {
    pub(super) const ALL: [Told; 3] = [Told::Weights, Told::Range, Told::Both];

    pub(super) fn name(self) -> &'static str {
        match self {
            Told::Weights => "weights by scores",
            Told::Range => "range by scores",
            Told::Both => "both",
        }
    }
}

/// How the forecasts of one period of a series turned out.
#[derive(Clone, Copy, Default)]
struct Score {
    begins: usize,
    forecasts: f64,
    covered: f64,
    errors: [f64; Estimate::ALL.len()],
}

impl Score {
    fn add(&mut self, question: &Question, fitted: &Fitted) {
        let truth = question.truth();
        let (from, until) = (question.date(question.from), question.date(question.ends));
        let range = fitted.predict(from, until).total.interval(80.0);
        let slack = 1e-9 * truth.total;
        let is_inside = range.low - slack <= truth.rest && truth.rest <= range.high + slack;
        self.forecasts += 1.0;
        self.covered += f64::from(u8::from(is_inside));
        let totals = fitted.totals_by_estimate(from, until);
        for (sum, (_, total)) in self.errors.iter_mut().zip(totals) {
            *sum += ((total - truth.rest).abs() / truth.total).min(1.0);
        }
    }
}

/// The scores of the newest of these periods, each of which counts alike.
fn scored(scores: &[Score], told: Told) -> Option<Scored> {
    let newest = &scores[scores.len().saturating_sub(NEWEST)..];
    let periods = newest.len() as f64;
    let mean = |of: &dyn Fn(&Score) -> f64| {
        let shares = newest.iter().map(|one| of(one) / one.forecasts);
        shares.sum::<f64>() / periods
    };
    let errors = Estimate::ALL.iter().enumerate();
    let errors = errors.map(|(index, one)| (*one, mean(&|score| score.errors[index])));
    (!newest.is_empty()).then(|| Scored {
        periods: newest.len() as u32,
        errors: match told {
            Told::Range => Vec::new(),
            Told::Weights | Told::Both => errors.collect(),
        },
        covered: match told {
            Told::Weights => 0.8,
            Told::Range | Told::Both => mean(&|score| score.covered),
        },
    })
}

/// The figures of our method, told of the periods of the same series that had ended before.
pub(super) fn ours(questions: &[Question], told: Told) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let mut ended: Vec<Score> = Vec::new();
    let mut running = Score::default();
    let mut series: Option<&super::Series> = None;
    for question in questions {
        if !series.is_some_and(|one| std::ptr::eq(one, question.series)) {
            series = Some(question.series);
            ended.clear();
            running = Score::default();
        }
        if running.begins != question.begins {
            ended.extend((running.forecasts > 0.0).then_some(running));
            running = Score {
                begins: question.begins,
                ..Score::default()
            };
        }
        let shown = &question.series.costs[question.first..question.from];
        let days = shown.iter().copied().map(Day::settled).collect();
        let shown = DailySeries::try_new(question.date(question.first), days)?;
        let plain = Options::default();
        let alone = Model::fit(&shown, &plain)?;
        let (from, until) = (question.date(question.from), question.date(question.ends));
        let forecast = match scored(&ended, told) {
            Some(scored) => {
                Model::fit(&shown, &plain.with_scored(Some(scored)))?.predict(from, until)
            }
            None => alone.predict(from, until),
        };
        let ranges = [80.0, 95.0].map(|level| forecast.total.interval(level));
        tally.add(&question.truth(), forecast.total.mean(), Some(ranges));
        running.add(question, &alone);
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_count_alike_and_only_the_newest() {
        // Twelve periods of one forecast that held and was off by 2 %, after one that failed.
        let one = |covered, error| Score {
            forecasts: 2.0,
            covered: 2.0 * covered,
            errors: [2.0 * error; 8],
            ..Score::default()
        };
        let mut scores = vec![one(0.0, 0.9)];
        scores.extend([one(1.0, 0.02); 12]);
        let newest = scored(&scores, Told::Both).unwrap();
        assert_eq!((newest.periods, newest.covered), (12, 1.0));
        assert!(
            newest
                .errors
                .iter()
                .all(|(_, error)| (error - 0.02).abs() < 1e-12)
        );
        let two = scored(&scores[..2], Told::Both).unwrap();
        assert_eq!((two.periods, two.covered), (2, 0.5));
        assert_eq!(scored(&[], Told::Both), None);
    }
}
