//! Money: an exact decimal amount in one ISO 4217 currency.

#![deny(clippy::float_arithmetic)]

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// A currency by its ISO 4217 alphabetic code, for example `EUR`.
///
/// ```
/// use budget_engine::Currency;
/// let yen: Currency = "jpy".parse().unwrap();
/// assert_eq!(yen.code(), "JPY");
/// assert_eq!(yen.minor_units(), 0);
/// assert!("EURO".parse::<Currency>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Active codes of ISO 4217 (list one), without funds, metals and test codes.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL \
BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD \
FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS \
KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK \
MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX \
USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";
const NO_MINOR_UNIT: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const THREE_DIGITS: &str = "BHD IQD JOD KWD LYD OMR TND";

impl Currency {
    /// The three-letter code, upper case.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency holds three ASCII letters")
    }

    /// Digits after the decimal point in which amounts are displayed: 0, 2 or 3.
    pub fn minor_units(&self) -> u32 {
        if NO_MINOR_UNIT.contains(self.code()) {
            0
        } else if THREE_DIGITS.contains(self.code()) {
            3
        } else {
            2
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    /// Reads a code in any letter case, with surrounding space (Azure pads some).
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let code = <[u8; 3]>::try_from(text.trim().as_bytes());
        let code = code.map(|code| code.map(|letter| letter.to_ascii_uppercase()));
        // One for each figure that is read: three letters and a space, in order.
        let known = |code: &[u8; 3]| {
            CODES
                .as_bytes()
                .chunks(4)
                .any(|known| known.starts_with(code))
        };
        match code {
            Ok(code) if known(&code) => Ok(Currency(code)),
            _ => Err(MoneyError::UnknownCurrency(
                text.trim().chars().take(32).collect(),
            )),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What can go wrong with money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Two amounts in different currencies met in one sum or comparison.
    #[error("cannot combine {0} with {1}: amounts in two currencies have no sum")]
    CurrencyMismatch(Currency, Currency),
    /// The result has more than 28 digits before the decimal point.
    #[error("the amount is too large")]
    Overflow,
    /// The text is not an active ISO 4217 code.
    #[error("`{0}` is not an ISO 4217 currency code such as EUR or USD")]
    UnknownCurrency(String),
}

/// An exact amount in one currency.
///
/// Sums are checked: two currencies give an error, never a number. `Display` rounds to
/// the currency's minor unit, and it is the only place that rounds.
///
/// ```
/// use budget_engine::Money;
/// let spent = Money::parse("8214.2049 EUR").unwrap();
/// assert_eq!(spent.to_string(), "EUR 8,214.20");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The exact amount, up to 28 significant digits.
    pub amount: Decimal,
    /// Its currency.
    pub currency: Currency,
}

impl Money {
    /// An amount in a currency.
    pub const fn new(amount: Decimal, currency: Currency) -> Self {
        Money { amount, currency }
    }

    /// Nothing, in a currency.
    pub const fn zero(currency: Currency) -> Self {
        Money {
            amount: Decimal::ZERO,
            currency,
        }
    }

    /// Reads `12.50 EUR` or `EUR 12.50`. For tests and command lines.
    pub fn parse(text: &str) -> Option<Self> {
        let (left, right) = text.trim().split_once(' ')?;
        let read = |amount: &str, currency: &str| {
            Some(Money::new(amount.parse().ok()?, currency.parse().ok()?))
        };
        read(left, right.trim()).or_else(|| read(right.trim(), left))
    }

    /// The sum, or an error for two currencies or an overflow.
    pub fn checked_add(self, other: Money) -> Result<Money, MoneyError> {
        self.same_currency(other)?;
        let amount = self
            .amount
            .checked_add(other.amount)
            .ok_or(MoneyError::Overflow)?;
        Ok(Money::new(amount, self.currency))
    }

    /// The difference, or an error for two currencies or an overflow.
    pub fn checked_sub(self, other: Money) -> Result<Money, MoneyError> {
        self.checked_add(Money::new(-other.amount, other.currency))
    }

    /// The order of two amounts, or an error for two currencies.
    pub fn checked_cmp(self, other: Money) -> Result<Ordering, MoneyError> {
        self.same_currency(other)?;
        Ok(self.amount.cmp(&other.amount))
    }

    /// How many percent of `whole` this is; `None` when `whole` is zero or the result does not fit.
    pub fn percent_of(self, whole: Money) -> Result<Option<Decimal>, MoneyError> {
        self.same_currency(whole)?;
        Ok(percent_of(self.amount, whole.amount))
    }

    /// The amount rounded to the currency's minor unit, half away from zero.
    ///
    /// This is the one rounding of money in the product; use it for display only.
    pub fn rounded(self) -> Decimal {
        let digits = self.currency.minor_units();
        let mut amount = self
            .amount
            .round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
        amount.rescale(digits);
        if amount.is_zero() {
            amount.set_sign_positive(true);
        }
        amount
    }

    /// Digits and separators without the currency: `8,214.20`.
    pub fn figures(self) -> String {
        let text = self.rounded().to_string();
        let (sign, digits) = text
            .strip_prefix('-')
            .map_or(("", &*text), |rest| ("-", rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut grouped = String::with_capacity(text.len() + whole.len() / 3);
        grouped.push_str(sign);
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        if !fraction.is_empty() {
            grouped.push('.');
            grouped.push_str(fraction);
        }
        grouped
    }

    fn same_currency(self, other: Money) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch(self.currency, other.currency))
        }
    }
}

/// `part` as percent of `whole`; `None` when `whole` is zero or the result does not fit.
pub(crate) fn percent_of(part: Decimal, whole: Decimal) -> Option<Decimal> {
    part.checked_mul(Decimal::ONE_HUNDRED)
        .and_then(|hundredfold| hundredfold.checked_div(whole))
        .or_else(|| part.checked_div(whole)?.checked_mul(Decimal::ONE_HUNDRED))
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, self.figures())
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.currency, self.amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        Money::parse(text).expect("test amounts are well formed")
    }

    #[test]
    fn two_currencies_are_an_error_never_a_sum() {
        let error = money("1 EUR").checked_add(money("1 USD")).unwrap_err();
        assert!(matches!(error, MoneyError::CurrencyMismatch(..)));
        assert!(money("1 EUR").checked_cmp(money("1 USD")).is_err());
    }

    #[test]
    fn display_rounds_half_away_from_zero_to_the_minor_unit() {
        for (input, expected) in [
            ("0.005 EUR", "EUR 0.01"),
            ("-0.005 EUR", "EUR -0.01"),
            ("-0.001 EUR", "EUR 0.00"),
            ("1234567.891 USD", "USD 1,234,567.89"),
            ("1234.5 JPY", "JPY 1,235"),
            ("-999.9996 KWD", "KWD -1,000.000"),
            ("100 EUR", "EUR 100.00"),
        ] {
            assert_eq!(money(input).to_string(), expected);
        }
    }

    #[test]
    fn sums_keep_every_digit() {
        let tenth = money("0.1 EUR");
        let sum = tenth.checked_add(money("0.2 EUR")).unwrap();
        assert_eq!(sum, money("0.3 EUR"));
        let small = money("0.000000000000000001 EUR");
        let large = money("1234567890 EUR");
        assert_eq!(
            large.checked_add(small).unwrap().amount.to_string(),
            "1234567890.000000000000000001"
        );
    }

    #[test]
    fn overflow_is_an_error() {
        let huge = Money::new(Decimal::MAX, "EUR".parse().unwrap());
        assert_eq!(huge.checked_add(huge), Err(MoneyError::Overflow));
    }

    #[test]
    fn currency_codes_are_checked_and_trimmed() {
        assert_eq!("USD  ".parse::<Currency>().unwrap().code(), "USD");
        for bad in ["", "EU", "EURO", "E R", "XXX", "€"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
    }

    #[test]
    fn percent_of_zero_is_no_number() {
        assert_eq!(money("5 EUR").percent_of(money("0 EUR")).unwrap(), None);
        assert_eq!(
            money("5 EUR").percent_of(money("20 EUR")).unwrap(),
            Some(Decimal::from(25))
        );
    }
}
