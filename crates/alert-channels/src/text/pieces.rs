//! Pieces of sentences: names, conditions, periods and chances, before a language joins them.

use budget_engine::{Level, Percent, When};
use rust_decimal::Decimal;

use super::catalog::{Bound, Catalog};
use super::period;
use crate::untrusted::clean;

/// How many scopes, owners and further conditions are named before "and 3 more".
const MAX_NAMED: usize = 3;

/// What every language does alike.
pub(super) trait Pieces: Catalog {
    /// A name that may come from outside.
    fn named(&self, text: &str) -> String {
        let name = clean(text);
        if name.is_empty() {
            self.no_name().into()
        } else {
            name
        }
    }

    /// The condition of a threshold as it was configured; as it is, if it is none of ours.
    fn condition_of(&self, when: &str) -> String {
        match when.parse::<When>() {
            Ok(when) => self.condition(&when),
            Err(_) => clean(when),
        }
    }

    /// A period by its label; as it is, if the label is none of the engine's.
    fn period_of(&self, label: &str) -> String {
        match period::Label::read(label) {
            Some(period::Label::Month(year, month)) => self.month(year, month),
            Some(period::Label::Quarter(year, quarter)) => self.quarter(year, quarter),
            Some(period::Label::Range(first, last)) => self.range(first, last),
            None => clean(label),
        }
    }

    /// A probability in words, without digits after the point and without a certainty that nobody
    /// has.
    fn likelihood(&self, percent: Percent) -> String {
        let (bound, shown) = if percent.0 > Decimal::from(99) {
            (Bound::Over, Decimal::from(99))
        } else if percent.0 < Decimal::ONE {
            (Bound::Under, Decimal::ONE)
        } else {
            (Bound::Near, percent.0.trunc())
        };
        self.bound(bound, &self.style().percent(Percent(shown)))
    }
}

impl<C: Catalog + ?Sized> Pieces for C {}

/// The first few, and how many more.
pub(super) fn list<T: AsRef<str>>(say: &dyn Catalog, items: &[T]) -> String {
    let named = items.iter().take(MAX_NAMED);
    let mut text = named
        .map(|item| say.named(item.as_ref()))
        .collect::<Vec<_>>()
        .join(", ");
    if items.len() > MAX_NAMED {
        text.push_str(&say.more(items.len() - MAX_NAMED));
    }
    text
}

/// Whether a condition is one of steps.
pub(super) fn is_repeating(when: &str) -> bool {
    matches!(
        when.parse(),
        Ok(When::Actual(Level::EveryAmount(_) | Level::EveryPercent(_)))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Language;

    #[test]
    fn nothing_is_certain() {
        let english = Language::English.catalog();
        for (percent, words) in [
            ("0.4", "under 1 %"),
            ("1", "1 %"),
            ("82.9", "82 %"),
            ("99", "99 %"),
            ("99.1", "over 99 %"),
        ] {
            let percent = Percent(percent.parse().unwrap());
            assert_eq!(english.likelihood(percent), words);
            assert_eq!(english.likelihood(percent), percent.likelihood());
        }
        let sure = Percent(Decimal::ONE_HUNDRED);
        assert_eq!(Language::Dutch.catalog().likelihood(sure), "meer dan 99%");
        assert_eq!(
            Language::French.catalog().likelihood(sure),
            "plus de 99\u{202f}%"
        );
    }

    #[test]
    fn conditions_are_read_in_every_language() {
        let read = |language: Language, when: &str| language.catalog().condition_of(when);
        for (when, dutch, german, french) in [
            (
                "actual 80%",
                "besteed 80%",
                "Ausgaben 80\u{a0}%",
                "dépenses 80\u{202f}%",
            ),
            (
                "actual every 5000",
                "besteed elke 5000",
                "Ausgaben je 5000",
                "dépenses par tranche de 5000",
            ),
            (
                "forecast 12000.5",
                "prognose 12000,5",
                "Prognose 12000,5",
                "prévision 12000,5",
            ),
            (
                "pace 120%",
                "tempo 120%",
                "Tempo 120\u{a0}%",
                "rythme 120\u{202f}%",
            ),
            (
                "stale 1 days",
                "gegevens ouder dan 1 dag",
                "Daten älter als 1 Tag",
                "données de plus de 1 jour",
            ),
            ("eighty", "eighty", "eighty", "eighty"),
        ] {
            assert_eq!(read(Language::English, when), when);
            assert_eq!(read(Language::Dutch, when), dutch);
            assert_eq!(read(Language::German, when), german);
            assert_eq!(read(Language::French, when), french);
        }
    }

    #[test]
    fn lists_end() {
        let english = Language::English.catalog();
        assert_eq!(list(english, &["a", "b", "c"]), "a, b, c");
        assert_eq!(
            list(english, &["a", "b", "c", "d", "e"]),
            "a, b, c and 2 more"
        );
    }
}
