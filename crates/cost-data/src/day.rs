//! Reads the day of a row.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, civil::Time};

/// Years in which a charge can lie. Azure writes year 1 for "never".
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2199;

/// Reads `10/31/2026`, `1/2/2026`, `2026-10-31`, `20261031` and ISO date-times with or without
/// seconds, fractions and zone. A slash date is month first, as Azure writes it everywhere. The
/// day is the one in UTC. The error says what is wrong with the text.
pub(crate) fn parse(text: &[u8]) -> Result<Date, &'static str> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Err("is empty");
    }
    let mut rest = Digits(text);
    let (year, month, day) = if text.len() == 8 && text.iter().all(u8::is_ascii_digit) {
        (rest.exactly(4)?, rest.exactly(2)?, rest.exactly(2)?)
    } else if text.get(4) == Some(&b'-') {
        let year = rest.exactly(4)?;
        rest.expect(b'-')?;
        let month = rest.exactly(2)?;
        rest.expect(b'-')?;
        (year, month, rest.exactly(2)?)
    } else {
        let month = rest.up_to_two()?;
        rest.expect(b'/')?;
        let day = rest.up_to_two()?;
        rest.expect(b'/')?;
        if month > 12 {
            return Err("has a month above 12; dates with slashes are read as month/day/year only");
        }
        (rest.exactly(4)?, month, day)
    };
    let date = Date::new(year, small(month), small(day)).map_err(|_| "is not in the calendar")?;
    if !YEARS.contains(&year) {
        return Err("is not a day on which a charge can lie");
    }
    match rest.0 {
        [] => Ok(date),
        [b'T' | b't' | b' ', time @ ..] => at_utc(date, time),
        _ => Err(NOT_A_DATE),
    }
}

const NOT_A_DATE: &str = "is not a date such as 10/31/2026 or 2026-10-31";

/// Numbers of up to four digits that are known to be small.
fn small(number: i16) -> i8 {
    i8::try_from(number).unwrap_or(i8::MAX)
}

/// The UTC day of a local time: `0:00`, `00:00Z`, `12:00:00.0000000-07:00`, `12:00:00 AM`.
fn at_utc(date: Date, time: &[u8]) -> Result<Date, &'static str> {
    let mut rest = Digits(time);
    let mut hour = rest.up_to_two()?;
    rest.expect(b':')?;
    let minute = rest.exactly(2)?;
    let mut second = 0;
    if rest.skip(b':') {
        second = rest.exactly(2)?;
        if rest.skip(b'.') {
            let fraction = rest.0.iter().take_while(|byte| byte.is_ascii_digit());
            let length = fraction.count();
            if length == 0 {
                return Err(NOT_A_DATE);
            }
            rest.0 = &rest.0[length..];
        }
    }
    let offset = match rest.0 {
        [] | [b'Z' | b'z'] => 0,
        [b' ', half, b'M' | b'm'] if (1..=12).contains(&hour) => {
            hour = hour % 12
                + if half.eq_ignore_ascii_case(&b'P') {
                    12
                } else {
                    0
                };
            if !matches!(half, b'A' | b'a' | b'P' | b'p') {
                return Err(NOT_A_DATE);
            }
            0
        }
        [sign @ (b'+' | b'-'), zone @ ..] => {
            let mut zone = Digits(zone);
            let hours = zone.exactly(2)?;
            zone.skip(b':');
            let minutes = zone.exactly(2)?;
            if !zone.0.is_empty() || hours > 18 || minutes > 59 {
                return Err(NOT_A_DATE);
            }
            let minutes = i64::from(hours) * 60 + i64::from(minutes);
            if *sign == b'+' { minutes } else { -minutes }
        }
        _ => return Err(NOT_A_DATE),
    };
    let time = Time::new(small(hour), small(minute), small(second), 0)
        .map_err(|_| "is not a time of day")?;
    let at_utc = DateTime::from_parts(date, time).checked_sub(SignedDuration::from_mins(offset));
    at_utc.map(DateTime::date).map_err(|_| NOT_A_DATE)
}

/// What is left to read.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn exactly(&mut self, count: usize) -> Result<i16, &'static str> {
        let Some((digits, rest)) = self.0.split_at_checked(count) else {
            return Err(NOT_A_DATE);
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(NOT_A_DATE);
        }
        self.0 = rest;
        let add = |number: i16, digit: &u8| number * 10 + i16::from(digit - b'0');
        Ok(digits.iter().fold(0, add))
    }

    fn up_to_two(&mut self) -> Result<i16, &'static str> {
        let two = self.0.get(1).is_some_and(u8::is_ascii_digit);
        self.exactly(1 + usize::from(two))
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), &'static str> {
        if self.skip(byte) {
            Ok(())
        } else {
            Err(NOT_A_DATE)
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn every_spelling_gives_the_day_in_utc() {
        for (text, expected) in [
            ("10/31/2026", date(2026, 10, 31)),
            ("1/2/2026", date(2026, 1, 2)),
            ("12/1/2026", date(2026, 12, 1)),
            ("10/31/2026 00:00:00", date(2026, 10, 31)),
            ("10/31/2026 12:00:00 AM", date(2026, 10, 31)),
            ("2026-10-31", date(2026, 10, 31)),
            ("20261031", date(2026, 10, 31)),
            ("2026-10-31T00:00Z", date(2026, 10, 31)),
            ("2026-10-31T00:00:00Z", date(2026, 10, 31)),
            ("2026-10-31T00:00:00.0000000Z", date(2026, 10, 31)),
            ("2026-10-31T23:59:59", date(2026, 10, 31)),
            ("2026-10-31 00:00:00", date(2026, 10, 31)),
            ("2026-10-31T00:00:00+00:00", date(2026, 10, 31)),
            ("2026-10-31T20:00:00-07:00", date(2026, 11, 1)),
            ("2026-11-01T01:00:00+0200", date(2026, 10, 31)),
            (" 2024-02-29 ", date(2024, 2, 29)),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for (text, reason) in [
            ("", "empty"),
            ("31/10/2026", "month above 12"),
            ("13/1/2026", "month above 12"),
            ("2026-13-01", "calendar"),
            ("02/30/2026", "calendar"),
            ("2025-02-29", "calendar"),
            ("0001-01-01T00:00:00", "no"),
            ("10/31/26", "not a date"),
            ("10-31-2026", "not a date"),
            ("2026/10/31", "not a date"),
            ("2026-10-31T", "not a date"),
            ("2026-10-31T25:00:00Z", "time of day"),
            ("2026-10-31T00:00:00.Z", "not a date"),
            ("2026-10-31 00:00:00 XM", "not a date"),
            ("2026-10-31x", "not a date"),
            ("46326", "not a date"),
            ("31.10.2026", "not a date"),
            ("yesterday", "not a date"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
