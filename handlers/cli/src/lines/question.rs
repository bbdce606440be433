//! A question: one JSON object, whose fields are read one by one so that an error names the field, its
//! value, and what would be right.

use std::fmt;
use std::ops::RangeInclusive;

use cost_forecast::{DailySeries, Day, DayState};
use jiff::civil::Date;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

/// Characters of a value that an error shows.
const SHOWN: usize = 40;

/// Up to here a floating point number says exactly which whole number it is: 2^53.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// The line with `null` for each `NaN` outside of texts; `None` if there is none.
fn without_nan(line: &[u8]) -> Option<Vec<u8>> {
    let (mut clean, mut rest) = (Vec::with_capacity(line.len() + 16), line);
    let (mut in_text, mut found) = (false, false);
    while let Some(&byte) = rest.first() {
        let length = match byte {
            b'\\' if in_text => 2.min(rest.len()),
            b'N' if !in_text && rest.starts_with(b"NaN") => {
                clean.extend_from_slice(b"null");
                found = true;
                rest = &rest[3..];
                continue;
            }
            b'"' => {
                in_text = !in_text;
                1
            }
            _ => 1,
        };
        clean.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    found.then_some(clean)
}

/// The fields of an object, each there once.
struct Fields(Map<String, Value>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
        struct Once;
        impl<'de> Visitor<'de> for Once {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format_args!("`{name}` is there twice")));
                    }
                    fields.insert(name, value);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Once)
    }
}

/// A question with a series of daily costs. Fields that nobody asks for are not looked at.
pub(crate) struct Question {
    series_id: Value,
    fields: Map<String, Value>,
}

impl Question {
    /// Reads a line.
    pub(super) fn parse(line: &[u8]) -> Result<Question, String> {
        let read = serde_json::from_slice(line);
        // What Python writes for a missing number is no JSON.
        let read = read.or_else(|error| match without_nan(line) {
            Some(line) => serde_json::from_slice(&line),
            None => Err(error),
        });
        let Fields(fields) = read.map_err(
            |error: serde_json::Error| match serde_json::from_slice::<Value>(line) {
                Err(_) => format!("expected a JSON object: {}", place(&error)),
                Ok(Value::Object(_)) => place(&error),
                Ok(other) => format!("{} is no question: expected a JSON object", shown(&other)),
            },
        )?;
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
        // `30.0` is a whole number, too.
        let exact = |number: f64| -> Option<u64> {
            let is_whole = number.fract() == 0.0 && (0.0..=MOST_EXACT).contains(&number);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is whole and in range"
            )]
            is_whole.then_some(number as u64)
        };
        let number = value.as_u64().or_else(|| value.as_f64().and_then(exact));
        number
            .filter(|number| range.contains(number))
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
    fn what_python_writes_for_a_missing_number_is_missing() {
        let read =
            series(r#"{"series_id":"a \"NaN\" b","start":"2026-03-01","values":[1,NaN,NaN]}"#);
        let days = [Day::settled(1.0), Day::missing(), Day::missing()];
        assert_eq!(read.unwrap().days(), days);
        let question = Question::parse(br#"{"series_id":"NaN \\","x":NaN}"#).unwrap();
        assert_eq!(question.name(), Ok("NaN \\"));
        // What is no number at all is still wrong.
        assert!(Question::parse(br#"{"values":[NaN,Infinity]}"#).is_err());
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let question = |text: &str| Question::parse(text.as_bytes()).unwrap();
        assert_eq!(
            question(r#"{"horizon":30.0}"#).whole("horizon", 1..=99),
            Ok(Some(30))
        );
        for wrong in [
            r#"{"horizon":30.5}"#,
            r#"{"horizon":-1.0}"#,
            r#"{"horizon":1e300}"#,
        ] {
            assert!(question(wrong).whole("horizon", 1..=99).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_names_the_field_its_value_and_what_would_be_right() {
        for (text, wanted) in [
            ("[1]", "[1] is no question: expected a JSON object"),
            (
                r#"{"start":"2026-03-01","start":"2026-04-01"}"#,
                "`start` is there twice, at column 43",
            ),
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
                "cost on 2026-03-02 is 1e15: expected a number of a size below 1e15",
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
