//! What a quantity of a meter costs at graduated rates.

#![deny(clippy::float_arithmetic)]

use rust_decimal::Decimal;

/// The rates of a meter: from which quantity on one unit costs how much.
///
/// Rates are graduated: each holds for the units above its own quantity and below the next one's.
/// Quantities count from the beginning of the billing period, with the included ones.
///
/// ```
/// use azure_cost::MeterRates;
/// use rust_decimal::Decimal;
/// let rates = MeterRates::new([(0.into(), 2.into()), (100.into(), 1.into())], 10.into());
/// // 10 units are included, 90 cost 2 each, and the 50 above 100 cost 1 each.
/// assert_eq!(rates.cost(150.into())?, Decimal::from(230));
/// # Ok::<(), azure_cost::PriceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MeterRates {
    /// By quantity, ascending.
    rates: Vec<(Decimal, Decimal)>,
    included: Decimal,
}

impl MeterRates {
    /// Rates by the quantity from which they hold, in any order, and the quantity that is free.
    pub fn new(
        rates: impl IntoIterator<Item = (Decimal, Decimal)>,
        included: Decimal,
    ) -> MeterRates {
        let mut rates: Vec<_> = rates.into_iter().collect();
        rates.sort();
        MeterRates { rates, included }
    }

    /// The rates, each with the quantity from which it holds, ascending.
    pub fn rates(&self) -> &[(Decimal, Decimal)] {
        &self.rates
    }

    /// The quantity that is free.
    pub fn included(&self) -> Decimal {
        self.included
    }

    /// What a quantity costs that is all there was in the billing period. Exact: nothing is
    /// rounded to the currency's units.
    pub fn cost(&self, quantity: Decimal) -> Result<Decimal, PriceError> {
        if quantity.is_sign_negative() && !quantity.is_zero() {
            return Err(PriceError::Negative(quantity));
        }
        let mut total = Decimal::ZERO;
        let mut priced_from = quantity;
        for (index, (from, rate)) in self.rates.iter().enumerate() {
            let next = self.rates.get(index + 1).map(|(next, _)| *next);
            let end = next.map_or(quantity, |next| next.min(quantity));
            let start = (*from).max(self.included);
            if end > start {
                let cost = (end - start).checked_mul(*rate);
                total = cost
                    .and_then(|cost| total.checked_add(cost))
                    .ok_or(PriceError::TooLarge(quantity))?;
            }
            priced_from = priced_from.min(*from);
        }
        if quantity > self.included && priced_from > self.included {
            return Err(PriceError::NoRate(quantity));
        }
        Ok(total)
    }
}

/// Why a quantity has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// No rate says what some of the units cost.
    #[error("no rate holds for all of a quantity of {0}")]
    NoRate(Decimal),
    /// There is no price for less than nothing.
    #[error("a quantity of {0} is less than nothing")]
    Negative(Decimal),
    /// The cost has more digits than a decimal can hold.
    #[error("the cost of a quantity of {0} is too large")]
    TooLarge(Decimal),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(rates: &[(&str, &str)], included: &str, quantity: &str, expected: Option<&str>) {
        let rates = rates
            .iter()
            .map(|(from, rate)| (number(from), number(rate)));
        let rates = MeterRates::new(rates, number(included));
        let found = rates.cost(number(quantity)).ok();
        assert_eq!(found, expected.map(number), "{quantity} at {rates:?}");
    }

    #[test]
    fn each_unit_costs_the_rate_of_its_own_step() {
        let steps = [("100", "0.5"), ("0", "2"), ("1000", "0.25")];
        check(&steps, "0", "0", Some("0"));
        check(&steps, "0", "1.5", Some("3"));
        check(&steps, "0", "100", Some("200"));
        check(&steps, "0", "101", Some("200.5"));
        // 100 * 2 + 900 * 0.5 + 500 * 0.25
        check(&steps, "0", "1500", Some("775"));
    }

    #[test]
    fn included_units_are_free_and_count_towards_the_steps() {
        let steps = [("0", "2"), ("100", "0.5")];
        check(&steps, "5", "5", Some("0"));
        check(&steps, "5", "6", Some("2"));
        // 95 * 2 + 10 * 0.5
        check(&steps, "5", "110", Some("195"));
        // The included units reach into the second step: 40 * 0.5
        check(&steps, "150", "190", Some("20"));
    }

    #[test]
    fn digits_are_kept() {
        check(
            &[("0", "0.000000198094")],
            "0",
            "57865.123",
            Some("0.011462733675562"),
        );
    }

    #[test]
    fn what_has_no_rate_has_no_price_rather_than_none() {
        check(&[], "0", "1", None);
        check(&[], "10", "10", Some("0"));
        check(&[("10", "1")], "0", "20", None);
        check(&[("10", "1")], "0", "5", None);
        check(&[("10", "1")], "10", "20", Some("10"));
        check(&[("0", "1")], "0", "-1", None);
        check(&[("0", "79228162514264337593543950335")], "0", "2", None);
    }
}
