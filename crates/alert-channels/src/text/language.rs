//! The languages of notices, and how each writes numbers and dates.
//!
//! Separators, the place of the currency and the order of dates follow the Unicode CLDR. A library for
//! all locales would bring megabytes of data for four languages that need a dozen characters, so the
//! formatter is our own: it rewrites the invariant form that the engine displays.

use std::fmt;
use std::str::FromStr;

use budget_engine::{Money, Percent};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::RoundingStrategy;
use serde::{Deserialize, Serialize};

use super::catalog::Catalog;
use super::{dutch::Dutch, english::English, french::French, german::German};

/// A language that people are told in.
///
/// ```
/// use alert_channels::Language;
/// assert_eq!("NL".parse(), Ok(Language::Dutch));
/// assert_eq!(Language::French.as_str(), "fr");
/// assert!("it".parse::<Language>().is_err());
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum Language {
    /// English, with dates as `2026-05-14`: British and American readers would understand any other
    /// short form in two ways.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Dutch.
    #[serde(rename = "nl")]
    Dutch,
    /// German.
    #[serde(rename = "de")]
    German,
    /// French.
    #[serde(rename = "fr")]
    French,
}

impl Language {
    /// All.
    pub const ALL: [Language; 4] = [
        Language::English,
        Language::Dutch,
        Language::German,
        Language::French,
    ];

    /// The code of ISO 639-1, as in configuration and in `lang` attributes.
    pub fn as_str(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Dutch => "nl",
            Language::German => "de",
            Language::French => "fr",
        }
    }

    /// Its sentences.
    pub(super) fn catalog(self) -> &'static dyn Catalog {
        match self {
            Language::English => &English,
            Language::Dutch => &Dutch,
            Language::German => &German,
            Language::French => &French,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no language of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a language that notices are written in; expected en, nl, de or fr")]
pub struct UnknownLanguage(String);

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Reads a code in any letter case.
    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        let code = text.trim();
        let mut all = Language::ALL.into_iter();
        all.find(|language| language.as_str().eq_ignore_ascii_case(code))
            .ok_or_else(|| UnknownLanguage(code.chars().take(32).collect()))
    }
}

/// How a language writes numbers and dates.
pub(super) struct Style {
    /// Between whole and fraction.
    pub(super) decimal: char,
    /// Between groups of three digits.
    pub(super) group: char,
    /// Between a number and the percent sign.
    pub(super) before_percent: &'static str,
    /// Between currency and amount.
    pub(super) beside_currency: &'static str,
    /// Whether the currency stands before the amount.
    pub(super) currency_first: bool,
    /// A day.
    pub(super) date: fn(Date) -> String,
    /// Between a day and a time.
    pub(super) before_time: &'static str,
}

impl Style {
    /// A number that is written invariantly: `8,214.20`.
    fn number(&self, invariant: &str) -> String {
        let written = invariant.chars().map(|c| match c {
            ',' => self.group,
            '.' => self.decimal,
            c => c,
        });
        written.collect()
    }

    fn amount(&self, money: Money, figures: &str) -> String {
        let space = self.beside_currency;
        if self.currency_first {
            format!("{}{space}{figures}", money.currency)
        } else {
            format!("{figures}{space}{}", money.currency)
        }
    }

    /// An amount with its minor units: `EUR 8,214.20`.
    pub(super) fn money(&self, money: Money) -> String {
        self.amount(money, &self.number(&money.figures()))
    }

    /// An amount without its minor units: `EUR 17,900`.
    pub(super) fn whole(&self, money: Money) -> String {
        self.amount(money, &self.figures(money))
    }

    /// The same without the currency: `17,900`.
    pub(super) fn figures(&self, money: Money) -> String {
        let rounded = money
            .amount
            .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        let text = Money::new(rounded, money.currency).figures();
        self.number(text.split('.').next().unwrap_or_default())
    }

    /// The same with its sign: `+2,410`.
    pub(super) fn signed(&self, change: Money) -> String {
        let text = self.figures(change);
        let is_more = change.amount > rust_decimal::Decimal::ZERO && text != "0";
        if is_more { format!("+{text}") } else { text }
    }

    /// The same with its currency: `EUR +2,410`.
    pub(super) fn signed_money(&self, change: Money) -> String {
        self.amount(change, &self.signed(change))
    }

    /// A percentage with at most one digit after the point.
    pub(super) fn percent(&self, percent: Percent) -> String {
        let shown = percent.to_string();
        let number = shown.trim_end_matches(" %");
        format!("{}{}%", self.number(number), self.before_percent)
    }

    /// A day.
    pub(super) fn date(&self, date: Date) -> String {
        (self.date)(date)
    }

    /// The day of a moment, in UTC.
    pub(super) fn day_of(&self, moment: Timestamp) -> String {
        self.date(moment.to_zoned(TimeZone::UTC).date())
    }

    /// A moment, to the minute, in UTC.
    pub(super) fn moment(&self, moment: Timestamp) -> String {
        let moment = moment.to_zoned(TimeZone::UTC);
        format!(
            "{}{}{} UTC",
            self.date(moment.date()),
            self.before_time,
            moment.strftime("%H:%M")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use rust_decimal::Decimal;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    /// The patterns are those of CLDR 46: `#,##0.00` with the separators of each language, the
    /// currency before the amount in Dutch and behind it in German and French, `#,##0%` in Dutch and
    /// `#,##0 %` in German and French, where the space does not break (U+00A0, in French U+202F).
    #[test]
    fn every_language_writes_numbers_and_dates_its_own_way() {
        let percent = Percent(Decimal::new(8214, 2));
        for (language, amount, share, day) in [
            (Language::English, "EUR 10,404.10", "82.1 %", "2026-05-01"),
            (Language::Dutch, "EUR 10.404,10", "82,1%", "1 mei 2026"),
            (Language::German, "10.404,10 EUR", "82,1 %", "01.05.2026"),
            (Language::French, "10 404,10 EUR", "82,1 %", "1er mai 2026"),
        ] {
            let style = language.catalog().style();
            let plain = |text: String| text.replace(['\u{a0}', '\u{202f}'], " ");
            assert_eq!(plain(style.money(money("10404.1 EUR"))), amount);
            assert_eq!(plain(style.percent(percent)), share);
            assert_eq!(style.date(date(2026, 5, 1)), day);
        }
        let french = Language::French.catalog().style();
        assert_eq!(
            french.money(money("10404.1 EUR")),
            "10\u{202f}404,10\u{a0}EUR"
        );
        assert_eq!(french.date(date(2026, 8, 14)), "14 août 2026");
        let german = Language::German.catalog().style();
        assert_eq!(german.percent(percent), "82,1\u{a0}%");
        let at = "2026-05-15T05:10:59Z".parse().unwrap();
        for (language, moment) in [
            (Language::English, "2026-05-15 05:10 UTC"),
            (Language::Dutch, "15 mei 2026 05:10 UTC"),
            (Language::German, "15.05.2026, 05:10 UTC"),
            (Language::French, "15 mai 2026 à 05:10 UTC"),
        ] {
            assert_eq!(language.catalog().style().moment(at), moment);
        }
    }

    #[test]
    fn amounts_lose_their_minor_units_but_not_their_size() {
        let style = Language::English.catalog().style();
        assert_eq!(style.whole(money("17899.5 EUR")), "EUR 17,900");
        assert_eq!(style.whole(money("17899 JPY")), "JPY 17,899");
        assert_eq!(style.signed(money("2410.4 EUR")), "+2,410");
        assert_eq!(style.signed(money("-0.4 EUR")), "0");
        assert_eq!(style.signed(money("-1204.5 EUR")), "-1,205");
        let dutch = Language::Dutch.catalog().style();
        assert_eq!(dutch.signed_money(money("-1204.5 EUR")), "EUR\u{a0}-1.205");
    }
}
