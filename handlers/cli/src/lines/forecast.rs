//! Forecasts of series: the expected cost of each of the days after the last value, and their total.

use cost_forecast::{Basis, Distribution, Model, Options};
use jiff::Span;
use serde::{Serialize, Serializer};

use super::in_json;
use super::question::Question;

/// Days that are forecast at most: ten years.
const LONGEST_HORIZON: u64 = 3660;
/// The ranges of whoever does not say which.
const LEVELS: [f64; 2] = [80.0, 95.0];

#[derive(Serialize)]
struct Forecast<'a> {
    series_id: &'a str,
    mean: Vec<f64>,
    total: Total,
    /// How many days it rests on, if those are too few to know the range by.
    #[serde(skip_serializing_if = "Option::is_none")]
    few_days: Option<usize>,
}

/// The sum over the horizon, with its ranges.
struct Total {
    total: Distribution,
    levels: Vec<f64>,
}

impl Serialize for Total {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ranges = self.levels.iter().flat_map(|level| {
            let range = self.total.interval(*level);
            [
                (format!("lo-{level}"), range.low),
                (format!("hi-{level}"), range.high),
            ]
        });
        let mean = std::iter::once(("mean".to_owned(), self.total.mean()));
        serializer.collect_map(mean.chain(ranges))
    }
}

/// Answers a question about the days to come.
pub(crate) fn answer(question: &Question) -> Result<String, String> {
    let series_id = question.name()?;
    let series = question.series()?;
    let horizon = question.needed_whole("horizon", 1..=LONGEST_HORIZON)?;
    let levels = question.percentages("levels")?;
    let end = i64::try_from(horizon)
        .ok()
        .and_then(|days| Span::new().try_days(days).ok())
        .and_then(|days| series.end().checked_add(days).ok())
        .ok_or_else(|| format!("`horizon` is {horizon}: its days run past the year 9999"))?;

    let fitted = Model::fit(&series, &Options::default()).map_err(|error| error.to_string())?;
    let forecast = fitted.predict(series.end(), end);
    in_json(&Forecast {
        series_id,
        mean: forecast.path.iter().map(|day| day.mean).collect(),
        total: Total {
            total: forecast.total,
            levels: levels.unwrap_or_else(|| LEVELS.to_vec()),
        },
        few_days: match fitted.basis() {
            Basis::FewDays { settled } => Some(settled),
            _ => None,
        },
    })
}
