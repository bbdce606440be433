//! Forecasts series of settled days: one JSON object a line in, one a line out.
//!
//! In: `{"series_id":"a","start":"2026-03-01","values":[10.0,12.5],"horizon":5,"levels":[80,95]}`
//!
//! Out: `{"series_id":"a","mean":[…],"total":{"mean":x,"lo-80":x,"hi-80":x,"lo-95":x,"hi-95":x}}`,
//! the total over the horizon alone.

use std::{
    error::Error,
    io::{self, BufWriter, Write},
};

use cost_forecast::{DailySeries, Day, Model, Options};
use jiff::{Span, civil::Date};
use serde_json::{Map, Value, json};

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
    let start: Date = request["start"]
        .as_str()
        .ok_or("start is not a date")?
        .parse()?;
    let values = request["values"].as_array().ok_or("values is not a list")?;
    let costs: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
    let days = costs
        .ok_or("values are not numbers")?
        .into_iter()
        .map(Day::settled)
        .collect();
    let horizon = request["horizon"]
        .as_i64()
        .ok_or("horizon is not a number of days")?;

    let series = DailySeries::try_new(start, days)?;
    let fitted = Model::fit(&series, &Options::default())?;
    let forecast = fitted.predict(
        series.end(),
        series.end().checked_add(Span::new().try_days(horizon)?)?,
    );

    let mut total = Map::from_iter([("mean".to_owned(), json!(forecast.total.mean()))]);
    for level in request["levels"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
    {
        let interval = forecast.total.interval(level);
        total.insert(format!("lo-{level}"), json!(interval.low));
        total.insert(format!("hi-{level}"), json!(interval.high));
    }
    let mean: Vec<f64> = forecast.path.iter().map(|day| day.mean).collect();
    Ok(json!({ "series_id": request["series_id"], "mean": mean, "total": total }))
}
