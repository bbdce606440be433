//! Tolerant readers of single JSON values.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Optional text: absent, `null` and `""` mean the same. Numbers and truth values, which Azure
/// sends for some fields in some API versions, are kept as text; anything else is no text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.trim().to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Text, E> {
                Ok(Text(truth.to_string()))
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A decimal from its digits in the JSON text, never through binary floating point.
/// Quoted numbers count too. What lies beyond 28 digits after the point is rounded off.
pub(crate) fn decimal(raw: &RawValue) -> Option<Decimal> {
    let text = raw.get().trim().trim_matches('"').trim();
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else {
        return Decimal::from_str(text).ok();
    };
    let exponent: i32 = exponent.parse().ok()?;
    // Beyond this, every amount is zero or no amount; the bound keeps the text short.
    if !(-60..=60).contains(&exponent) {
        let number = Decimal::from_str(digits).ok()?;
        return (number.is_zero() || exponent < 0).then_some(Decimal::ZERO);
    }
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let zeros = "0".repeat(exponent.unsigned_abs() as usize);
    let plain = if exponent < 0 {
        let padded = format!("{zeros}{whole}");
        let point = padded.len() - zeros.len();
        format!(
            "{sign}{}.{}{part}",
            &format!("0{}", &padded[..point]),
            &padded[point..]
        )
    } else {
        let padded = format!("{part}{zeros}");
        let (moved, rest) = padded.split_at_checked(zeros.len())?;
        format!("{sign}{whole}{moved}.{rest}0")
    };
    Decimal::from_str(&plain).ok()
}

/// A day from any form in which Azure writes moments: seven digits of fraction or none, `Z`, an
/// offset or neither, a plain date, `yyyymmdd`, `mm/dd/yyyy`. The year 1 means "never".
pub(crate) fn day(text: &str) -> Option<Date> {
    let text = text.trim();
    let day = if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = |start: usize, end: usize| text[start..end].parse::<i16>().ok();
        date(number(0, 4)?, number(4, 6)?, number(6, 8)?)
    } else if text.contains('/') {
        let mut parts = text.splitn(3, '/').map(|part| part.parse::<i16>().ok());
        let (month, day) = (parts.next()??, parts.next()??);
        date(parts.next()??, month, day)
    } else if let Ok(moment) = text.parse::<Timestamp>() {
        Some(moment.to_zoned(jiff::tz::TimeZone::UTC).date())
    } else if let Ok(local) = text.parse::<DateTime>() {
        Some(local.date())
    } else {
        text.parse::<Date>().ok()
    };
    day.filter(|day| day.year() > 1)
}

/// Whether a moment stands for "never", as Azure writes it: some time in the year 1.
pub(crate) fn is_never(text: &str) -> bool {
    text.trim().starts_with("0001-01-01")
}

/// A moment; without a zone it counts as UTC, and a day as its beginning.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let local = text.parse::<DateTime>().ok();
    let local = local.or_else(|| Some(day(text)?.to_datetime(jiff::civil::Time::midnight())))?;
    let zoned = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

/// A decimal as a JSON number with all its digits.
pub(crate) fn number(value: Decimal) -> Box<RawValue> {
    RawValue::from_string(value.normalize().to_string()).expect("decimals print as JSON numbers")
}

fn date(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_digits() {
        for (json, expected) in [
            ("0", Some("0")),
            ("100", Some("100")),
            ("-12.50", Some("-12.50")),
            ("1.84763819095477", Some("1.84763819095477")),
            ("1.980949998e-06", Some("0.000001980949998")),
            ("-1.5E+3", Some("-1500")),
            ("12.345e1", Some("123.45")),
            ("12.345e2", Some("1234.5")),
            ("12.345e-1", Some("1.2345")),
            ("1e5", Some("100000")),
            ("1e-400", Some("0")),
            ("0e400", Some("0")),
            ("1e400", None),
            (
                "123456789012345678.123456789",
                Some("123456789012345678.123456789"),
            ),
            (
                "0.1234567890123456789012345678901",
                Some("0.1234567890123456789012345679"),
            ),
            ("\"2.5\"", Some("2.5")),
            ("\"\"", None),
            ("\"much\"", None),
            ("true", None),
            ("{}", None),
        ] {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            let expected = expected.map(|text| text.parse::<Decimal>().unwrap());
            assert_eq!(decimal(&raw), expected, "{json}");
        }
    }

    #[test]
    fn days_come_in_many_forms() {
        let expected = Some(jiff::civil::date(2019, 4, 9));
        for text in [
            "2019-04-09T00:00:00.0000000Z",
            "2019-04-09T00:00:00Z",
            "2019-04-09T00:00:00",
            "2019-04-09T00:00:00.000",
            "2019-04-09T00:00:00+00:00",
            "2019-04-08T19:00:00-07:00",
            "2019-04-09",
            "20190409",
            "04/09/2019",
            " 2019-04-09 ",
        ] {
            assert_eq!(day(text), expected, "{text}");
        }
        for text in [
            "",
            "0001-01-01T00:00:00",
            "0001-01-01T00:00:00Z",
            "yesterday",
            "20191309",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn text_is_text_whatever_it_was() {
        let json = r#"[" a ", "", null, 7, -7, true, [1, {"a": 2}], {"b": []}]"#;
        let found: Vec<Text> = serde_json::from_str(json).unwrap();
        let found: Vec<&str> = found.iter().map(|text| &*text.0).collect();
        assert_eq!(found, ["a", "", "", "7", "-7", "true", "", ""]);
    }
}
