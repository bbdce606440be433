//! Options of `forecast` and `anomalies`.

use std::path::PathBuf;

use budget_engine::Aspect;
use clap::{Args, ValueEnum};
use jiff::civil::Date;
use spendwatch::jobs::anomalies::MOST_DAYS;
use spendwatch::jobs::backtest::MOST_PERIODS;

use super::date;

const FORECAST_LINES: &str = r#"Examples:
  spendwatch forecast --budget payments-prod --svg charts
  spendwatch forecast --score
  spendwatch forecast --score --replay 12
  spendwatch forecast --json-lines < series.jsonl > forecasts.jsonl

With --json-lines each line of stdin is a series, from the day `start` on, and a question:
  {"series_id":"a","freq":"D","start":"2026-03-01","values":[10.5,12,null,11],"horizon":30}
`null` is a day of which nothing is known. `"settling":2` says that the costs of the last two days are
still arriving, and `"levels":[50,99.5]` which ranges are asked for instead of 80 and 95 percent. The
answer has the cost to expect on each of the `horizon` days after the last value, and their sum:
  {"series_id":"a","mean":[…],"total":{"mean":330.1,"lo-80":301.9,"hi-80":363.6,"lo-95":…,"hi-95":…}}
Answers come in the order of the questions. A line that cannot be answered gets
  {"series_id":"a","error":"line 3: …"}
in its place, the others are answered all the same, and the exit code is 1."#;

const ANOMALY_LINES: &str = r#"Examples:
  spendwatch anomalies --days 30
  spendwatch anomalies --budget payments-prod --by ResourceId
  spendwatch anomalies --json-lines < series.jsonl > judged.jsonl

With --json-lines each line of stdin is a series, from the day `start` on, and asks whether the last of
its values is unusual after those before it:
  {"series_id":"a@2026-03-30","freq":"D","season":7,"start":"2026-03-01","values":[10.5,12,null,…]}
`null` is a day of which nothing is known. The answer is
  {"series_id":"a@2026-03-30","anomaly":false,"score":0.31}
where a day is unusual if its score is above 1. Answers come in the order of the questions. A line that
cannot be answered gets {"series_id":…,"error":"line 3: …"} in its place, the others are answered all the
same, and the exit code is 1."#;

/// Options of `forecast`.
#[derive(Debug, Args)]
#[command(after_help = FORECAST_LINES)]
pub(crate) struct Forecast {
    /// Only this budget
    #[arg(long, value_name = "ID")]
    pub(crate) budget: Option<String>,
    /// Forecast as on this day, at noon UTC
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) as_of: Option<Date>,
    /// Draw the course of each period below its figures: on a terminal, always or never
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) chart: When,
    /// Write a chart of each budget into this folder, as ID.svg
    #[arg(long, value_name = "FOLDER")]
    pub(crate) svg: Option<PathBuf>,
    /// Show how the forecasts that evaluations kept turned out, instead of a forecast
    #[arg(long, conflicts_with_all = ["chart", "svg", "json_lines"])]
    pub(crate) score: bool,
    /// With --score: work out what the forecasts of the last N complete periods would have been, from the
    /// costs that can be read today; needs no state
    #[arg(long, value_name = "N", requires = "score", num_args = 0..=1, default_missing_value = "12", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_PERIODS)))]
    pub(crate) replay: Option<u32>,
    /// Forecast series of daily costs from stdin, one JSON object a line; needs no configuration
    #[arg(long, conflicts_with_all = ["budget", "as_of", "chart", "svg"])]
    pub(crate) json_lines: bool,
}

/// When a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum When {
    /// If stdout is a terminal, and the format is table
    #[default]
    Auto,
    /// Into a pipe or a file, too
    Always,
    /// Nowhere
    Never,
}

/// Options of `anomalies`.
#[derive(Debug, Args)]
#[command(after_help = ANOMALY_LINES)]
pub(crate) struct Anomalies {
    /// Only this budget
    #[arg(long, value_name = "ID")]
    pub(crate) budget: Option<String>,
    /// How many days back to check
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_DAYS)))]
    pub(crate) days: u32,
    /// Tell what made events up by this: a column such as ResourceId or SkuMeter, or tag:NAME
    #[arg(long, value_name = "COLUMN")]
    pub(crate) by: Option<Aspect>,
    /// Check as on this day, at noon UTC
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) as_of: Option<Date>,
    /// Judge the last day of series of daily costs from stdin, one JSON object a line; needs no
    /// configuration
    #[arg(long, conflicts_with_all = ["budget", "days", "by", "as_of"])]
    pub(crate) json_lines: bool,
}
