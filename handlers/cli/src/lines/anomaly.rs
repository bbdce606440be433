//! Whether the last day of a series is unusual, judged by the days before it.

use cost_forecast::anomaly::{self, Options, Verdict};
use cost_forecast::{DailySeries, DayState};
use serde::Serialize;

use super::in_json;
use super::question::Question;

/// Days after which costs repeat themselves; the detector knows weeks.
const SEASON: u64 = 7;

#[derive(Serialize)]
struct Judged<'a> {
    series_id: &'a str,
    anomaly: bool,
    score: f64,
}

/// Answers a question about the newest day.
pub(crate) fn answer(question: &Question) -> Result<String, String> {
    let series_id = question.name()?;
    question.whole("season", SEASON..=SEASON)?;
    let series = question.series()?;
    check_last_day(&series)?;
    let checked = anomaly::check(&series, &Options::default());
    let settled = checked.len();
    let last = checked.last().ok_or("`values` has no settled day")?;
    if last.verdict == Verdict::TooLittleHistory {
        return Err(format!(
            "{} settled days of history are too few to judge a day, four weeks are needed",
            settled - 1
        ));
    }
    in_json(&Judged {
        series_id,
        anomaly: last.is_unusual(),
        score: last.score,
    })
}

/// The day in question must be settled: of another one nothing can be said yet.
fn check_last_day(series: &DailySeries) -> Result<(), String> {
    match series.days().last().map(|day| day.state) {
        Some(DayState::Settled) => Ok(()),
        None => Err("`values` is []: expected at least the day to judge".to_owned()),
        Some(_) => {
            let last = series.days().len() - 1;
            Err(format!(
                "`values[{last}]`, the day to judge, is missing or settling: expected its final cost"
            ))
        }
    }
}
