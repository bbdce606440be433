//! Rates of exchange, which never change in this world.

use rust_decimal::Decimal;

/// Units of a currency for one US dollar. The factors of each are 2 and 5 alone, so that
/// dividing by it ends after a few digits and prices stay exact.
const RATES: [(&str, i64, u32); 12] = [
    ("USD", 1, 0),
    ("EUR", 8, 1),
    ("GBP", 64, 2),
    ("CHF", 8, 1),
    ("SEK", 10, 0),
    ("NOK", 10, 0),
    ("DKK", 64, 1),
    ("JPY", 125, 0),
    ("CAD", 128, 2),
    ("AUD", 16, 1),
    ("INR", 80, 0),
    ("BRL", 5, 0),
];

/// Units of this currency for one US dollar; `None` for a currency that the world does not have.
pub fn rate(currency: &str) -> Option<Decimal> {
    let mut rates = RATES.iter();
    let (_, mantissa, scale) = rates.find(|(name, ..)| name.eq_ignore_ascii_case(currency))?;
    Some(Decimal::new(*mantissa, *scale))
}

/// The currencies of the world.
pub fn currencies() -> impl Iterator<Item = &'static str> {
    RATES.iter().map(|(name, ..)| *name)
}

/// An amount in another currency. Without a rate it stays as it is.
pub fn convert(amount: Decimal, from: &str, to: &str) -> Decimal {
    match (rate(from), rate(to)) {
        (Some(from), Some(to)) if from != to => amount / from * to,
        _ => amount,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_exact() {
        let amount: Decimal = "1234.5678901234".parse().unwrap();
        for from in currencies() {
            for to in currencies() {
                let there = convert(amount, from, to);
                assert_eq!(convert(there, to, from), amount, "{from} {to}");
            }
        }
        assert_eq!(convert(Decimal::TEN, "USD", "EUR"), Decimal::from(8));
        assert_eq!(convert(Decimal::TEN, "eur", "SEK"), Decimal::from(125));
        assert_eq!(rate("XXX"), None);
    }
}
