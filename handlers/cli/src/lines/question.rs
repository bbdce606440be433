//! A question: one JSON object, whose fields are read one by one so that an error names the field, its
//! value, and what would be right.

use std::ops::RangeInclusive;

use cost_forecast::{DailySeries, Day, DayState};
use jiff::civil::Date;
use serde_json::{Map, Value};

/// Characters of a value that an error shows.
const SHOWN: usize = 40;

/// A question with a series of daily costs. Fields that nobody asks for are not looked at.
pub(crate) struct Question {
    series_id: Value,
    fields: Map<String, Value>,
}

impl Question {
    /// Reads a line.
    pub(super) fn parse(line: &[u8]) -> Result<Question, String> {
        let fields = match serde_json::from_slice(line) {
            Ok(Value::Object(fields)) => fields,
            Ok(other) => {
                return Err(format!(
                    "{} is no question: expected a JSON object",
                    shown(&other)
                ));
            }
            Err(error) => return Err(format!("expected a JSON object: {}", place(&error))),
        };
        Ok(Question {
            series_id: fields.get("series_id").cloned().unwrap_or_default(),
            fields,
        })
    }

    /// What the answer is called by; null if there is no such field.
    pub(super) fn series_id(&self) -> &Value {
        &self.series_id
    }

    /// The same, if it is the text that it has to be.
    pub(super) fn name(&self) -> Result<&str, String> {
        let name = self.series_id.as_str();
        name.ok_or_else(|| self.wrong("series_id", "a text"))
    }

    /// The field of this name; null is as good as none.
    fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Says that a field is not what it has to be.
    fn wrong(&self, name: &str, expected: &str) -> String {
        match self.field(name) {
            Some(value) => format!("`{name}` is {}: expected {expected}", shown(value)),
            None => format!("`{name}` is missing: expected {expected}"),
        }
    }

    /// The costs: `freq`, `start`, `values` and `settling`.
    pub(super) fn series(&self) -> Result<DailySeries, String> {
        if self.field("freq").is_some_and(|freq| freq != "D") {
            return Err(self.wrong("freq", "\"D\", values by day"));
        }
        let start = self.start()?;
        let mut days = self.days()?;
        let most = days.len() as u64;
        let settling = self.whole("settling", 0..=most)?.unwrap_or(0);
        let settled = days.len() - usize::try_from(settling).unwrap_or(0);
        for day in &mut days[settled..] {
            if day.state == DayState::Settled {
                day.state = DayState::Settling;
            }
        }
        DailySeries::try_new(start, days).map_err(|error| error.to_string())
    }

    fn start(&self) -> Result<Date, String> {
        let start = self.field("start").and_then(Value::as_str);
        start
            .filter(|text| text.len() == 10)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| {
                self.wrong(
                    "start",
                    "the day of the first value, such as \"2026-03-01\"",
                )
            })
    }

    fn days(&self) -> Result<Vec<Day>, String> {
        let values = self.field("values").and_then(Value::as_array);
        let values = values.ok_or_else(|| {
            self.wrong(
                "values",
                "a list of numbers, one a day, null where one is missing",
            )
        })?;
        let day = |(index, value): (usize, &Value)| match value {
            Value::Null => Ok(Day::missing()),
            value => value.as_f64().map(Day::settled).ok_or_else(|| {
                let value = shown(value);
                format!(
                    "`values[{index}]` is {value}: expected a number, or null for a missing day"
                )
            }),
        };
        values.iter().enumerate().map(day).collect()
    }

    /// A whole number within a range, if the field is there.
    pub(super) fn whole(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, String> {
        let Some(value) = self.field(name) else {
            return Ok(None);
        };
        let number = value.as_u64().filter(|number| range.contains(number));
        number
            .map(Some)
            .ok_or_else(|| self.wrong(name, &whole_within(&range)))
    }

    /// A whole number within a range, which has to be there.
    pub(super) fn needed_whole(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<u64, String> {
        let number = self.whole(name, range.clone())?;
        number.ok_or_else(|| self.wrong(name, &whole_within(&range)))
    }

    /// Percentages between 0 and 100, each once, if the field is there.
    pub(super) fn percentages(&self, name: &str) -> Result<Option<Vec<f64>>, String> {
        let Some(value) = self.field(name) else {
            return Ok(None);
        };
        let values = value.as_array().ok_or_else(|| {
            self.wrong(
                name,
                "a list of percentages above 0 and below 100, such as [80,95]",
            )
        })?;
        let mut percentages: Vec<f64> = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let percent = value
                .as_f64()
                .filter(|percent| *percent > 0.0 && *percent < 100.0);
            let percent = percent.ok_or_else(|| {
                let value = shown(value);
                format!("`{name}[{index}]` is {value}: expected a percentage above 0 and below 100")
            })?;
            if !percentages.contains(&percent) {
                percentages.push(percent);
            }
        }
        Ok(Some(percentages))
    }
}

fn whole_within(range: &RangeInclusive<u64>) -> String {
    match (range.start(), range.end()) {
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("a whole number from {least} to {most}"),
    }
}

/// A value as JSON, cut to what an error can show.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What is wrong with JSON, and in which column: the line is known better than the parser knows it.
fn place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    format!("{what}, at column {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(text: &str) -> Result<DailySeries, String> {
        Question::parse(text.as_bytes())?.series()
    }

    #[test]
    fn nulls_are_missing_and_the_last_days_settle() {
        let read = series(r#"{"start":"2026-03-01","values":[1,null,3,null],"settling":2}"#);
        let days = [
            Day::settled(1.0),
            Day::missing(),
            Day::settling(3.0),
            Day::missing(),
        ];
        assert_eq!(read.unwrap().days(), days);
    }

    #[test]
    fn an_error_names_the_field_its_value_and_what_would_be_right() {
        for (text, wanted) in [
            ("[1]", "[1] is no question: expected a JSON object"),
            (
                "{",
                "expected a JSON object: EOF while parsing an object, at column 1",
            ),
            (
                r#"{"freq":"H"}"#,
                r#"`freq` is "H": expected "D", values by day"#,
            ),
            (
                "{}",
                r#"`start` is missing: expected the day of the first value, such as "2026-03-01""#,
            ),
            (
                r#"{"start":"2026-02-30"}"#,
                r#"`start` is "2026-02-30": expected the day of the first value, such as "2026-03-01""#,
            ),
            (
                r#"{"start":"2026-03-01","values":[1,"x"]}"#,
                r#"`values[1]` is "x": expected a number, or null for a missing day"#,
            ),
            (
                r#"{"start":"2026-03-01","values":[1],"settling":2}"#,
                "`settling` is 2: expected a whole number from 0 to 1",
            ),
            (
                r#"{"start":"2026-03-01","values":[1,1e15]}"#,
                "cost on 2026-03-02 is not a number of plausible size",
            ),
        ] {
            assert_eq!(series(text).unwrap_err(), wanted, "{text}");
        }
    }

    #[test]
    fn long_values_are_cut() {
        let text = format!(r#"{{"start":"{}"}}"#, "ä".repeat(100));
        let error = series(&text).unwrap_err();
        assert!(error.contains("ä…: expected"), "{error}");
        assert!(error.chars().count() < 130, "{error}");
    }

    #[test]
    fn percentages_lie_between_the_ends_and_come_once() {
        let levels = |text: &str| {
            let text = format!(r#"{{"levels":{text}}}"#);
            Question::parse(text.as_bytes())
                .unwrap()
                .percentages("levels")
        };
        assert_eq!(levels("[80,99.5,80.0]"), Ok(Some(vec![80.0, 99.5])));
        assert_eq!(levels("null"), Ok(None));
        for bad in ["80", "[0]", "[100]", "[-1]", "[\"80\"]", "[null]"] {
            let error = levels(bad).unwrap_err();
            assert!(error.contains("above 0 and below 100"), "{error}");
        }
    }
}
