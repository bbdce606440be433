//! What stands in a URL: texts, conditions and days.

use jiff::civil::Date;

use crate::error::Error;

/// Text percent-encoded, for a part of a path or the value of a query parameter.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        // Unreserved characters of RFC 3986, and the colon, which Azure wants as it is.
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A text as it stands in a query, between apostrophes.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", encoded(&text.replace('\'', "''")))
}

/// A filter of conditions that all have to hold, as a query parameter; nothing without conditions.
pub(crate) fn filter(conditions: &[String]) -> String {
    if conditions.is_empty() {
        return String::new();
    }
    format!("&$filter={}", conditions.join(" AND "))
}

/// The last of the days from one until before another.
pub(crate) fn last_day(operation: &str, from: Date, to: Date) -> Result<Date, Error> {
    let last = to.yesterday().ok().filter(|last| *last >= from);
    let problem = || format!("there are no days from {from} until before {to}");
    last.ok_or_else(|| Error::not_sent(operation, problem()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn texts_cannot_leave_their_place() {
        assert_eq!(encoded("A-1_b.~:"), "A-1_b.~:");
        assert_eq!(
            quoted("o'k & 1/2 %#+"),
            "'o%27%27k%20%26%201%2F2%20%25%23%2B'"
        );
        assert_eq!(filter(&[]), "");
        let both = ["a eq 1".to_owned(), "b eq 2".to_owned()];
        assert_eq!(filter(&both), "&$filter=a eq 1 AND b eq 2");
    }

    #[test]
    fn days_end_before_their_end() {
        let last = |to| last_day("read", date(2026, 11, 1), to);
        assert_eq!(last(date(2026, 12, 1)).unwrap(), date(2026, 11, 30));
        assert_eq!(last(date(2026, 11, 2)).unwrap(), date(2026, 11, 1));
        assert!(last(date(2026, 11, 1)).is_err());
    }
}
