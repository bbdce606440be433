//! Says of the last day of each series whether it is unusual: one JSON object a line in, one a line
//! out.
//!
//! In: `{"series_id":"a","freq":"D","season":7,"start":"2026-03-01","values":[10.0,12.5]}`
//!
//! Out: `{"series_id":"a","anomaly":false,"score":0.0}`
//!
//! Hourly values (`"freq":"H"`, with a start of `2026-03-01T00:00:00`) are added up to days that end
//! with the last hour.

use std::{
    error::Error,
    io::{self, BufWriter, Write},
};

use cost_forecast::{DailySeries, Day, anomaly};
use jiff::civil::{Date, DateTime};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            writeln!(out, "{}", answer(&serde_json::from_str(&line)?)?)?;
        }
    }
    Ok(out.flush()?)
}

fn answer(request: &Value) -> Result<Value, Box<dyn Error>> {
    let values = request["values"].as_array().ok_or("values is not a list")?;
    let values: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
    let values = values.ok_or("values are not numbers")?;
    let start = request["start"].as_str().ok_or("start is not a date")?;
    let (start, costs) = if request["freq"] == "H" {
        (start.parse::<DateTime>()?.date(), by_day(&values))
    } else {
        (start.parse::<Date>()?, values)
    };

    let days = costs.into_iter().map(Day::settled).collect();
    let series = DailySeries::try_new(start, days)?;
    let checked = anomaly::check(&series, &anomaly::Options::default());
    let last = checked.last().ok_or("values is empty")?;
    Ok(json!({
        "series_id": request["series_id"],
        "anomaly": last.is_unusual(),
        "score": last.score,
    }))
}

/// Sums of 24 hours each, the last of which ends with the last hour.
fn by_day(hours: &[f64]) -> Vec<f64> {
    let whole_days = hours.rchunks_exact(24).rev();
    whole_days.map(|day| day.iter().sum()).collect()
}
