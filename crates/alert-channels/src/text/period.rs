//! Reads the label of a period back, so that each language can write it.

use jiff::civil::Date;

/// What `Calendar::label` of the engine writes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// `2026-05`.
    Month(i16, i8),
    /// `2026-Q2`.
    Quarter(i16, i8),
    /// `2026-05-11 to 2026-05-17`.
    Range(Date, Date),
}

impl Label {
    /// `None` for what reads alike in every language (a year), and for anything else.
    pub(super) fn read(text: &str) -> Option<Label> {
        if let Some((first, last)) = text.split_once(" to ") {
            return Some(Label::Range(first.parse().ok()?, last.parse().ok()?));
        }
        let (year, rest) = text.split_once('-')?;
        let year = (year.len() == 4).then(|| year.parse().ok()).flatten()?;
        if let Some(quarter) = rest.strip_prefix('Q') {
            let quarter = quarter.parse().ok()?;
            return (1..=4)
                .contains(&quarter)
                .then_some(Label::Quarter(year, quarter));
        }
        let month = (rest.len() == 2).then(|| rest.parse().ok()).flatten()?;
        (1..=12)
            .contains(&month)
            .then_some(Label::Month(year, month))
    }
}

#[cfg(test)]
mod tests {
    use budget_engine::{Calendar, TimeGrain};
    use jiff::civil::date;

    use super::*;

    #[test]
    fn labels_of_the_engine_are_read() {
        let label = |grain, anchor| {
            let calendar = Calendar::new(grain, anchor);
            calendar.label(&calendar.period_of(date(2026, 11, 18)).unwrap())
        };
        let first = date(2024, 1, 1);
        let read = |text: &str| Label::read(text);
        let month = label(TimeGrain::Monthly, first);
        assert_eq!(read(&month), Some(Label::Month(2026, 11)));
        let quarter = label(TimeGrain::Quarterly, first);
        assert_eq!(read(&quarter), Some(Label::Quarter(2026, 4)));
        assert_eq!(read(&label(TimeGrain::Annually, first)), None);
        let billing = label(TimeGrain::BillingMonth, date(2024, 1, 9));
        let range = Label::Range(date(2026, 11, 9), date(2026, 12, 8));
        assert_eq!(read(&billing), Some(range));
        for other in [
            "",
            "2026",
            "2026-13",
            "2026-5",
            "2026-Q5",
            "x-05",
            "a to b",
            "2026-05-01",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
