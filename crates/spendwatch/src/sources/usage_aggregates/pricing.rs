//! What the usage of a month costs, resource by resource and day by day.
//!
//! Rates are graduated by what a meter was used in the billing month, over all resources. The cost of
//! a day is what the month costs up to it, less what it cost before it; the resources of the day
//! share it in proportion to their use.

use std::collections::BTreeMap;

use anyhow::Context;
use azure_cost::{MeterRates, PriceError, UsageRow};
use jiff::civil::Date;
use rust_decimal::Decimal;

/// Decimals of a resource's share; the last resource takes what they leave.
const SHARE_DECIMALS: u32 = 12;

/// More than anything is used, and small enough that sums and prices of such quantities fit.
const LARGEST_QUANTITY: i64 = 1_000_000_000_000_000_000;

/// Usage of a calendar month, which is taken for the billing month.
#[derive(Default)]
pub(super) struct Usage {
    /// By meter (folded id) and day, then by resource.
    meters: BTreeMap<String, BTreeMap<Date, BTreeMap<String, Used>>>,
}

/// What one resource used of a meter on a day.
struct Used {
    /// The usage row, without a cost.
    row: UsageRow,
    quantity: Decimal,
    unit: String,
    /// Rows that arrived for it.
    rows: u64,
}

/// Usage that has no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unpriced {
    /// Rows that arrived.
    pub(super) rows: u64,
    /// How much, of what unit, by which meter, and why there is no price.
    pub(super) words: String,
}

impl Usage {
    /// Adds what a resource used of a meter on the day of `row`, which has no cost yet. Use of the
    /// same day that is reported in parts adds up.
    ///
    /// # Errors
    /// When a quantity becomes too large.
    pub(super) fn add(
        &mut self,
        meter: &str,
        quantity: Decimal,
        unit: &str,
        row: UsageRow,
    ) -> anyhow::Result<()> {
        let date = row.date;
        let days = self.meters.entry(meter.to_lowercase()).or_default();
        let used = days.entry(date).or_default();
        let used = used
            .entry(row.resource_id.to_lowercase())
            .or_insert_with(|| Used {
                row,
                quantity: Decimal::ZERO,
                unit: unit.to_owned(),
                rows: 0,
            });
        let sum = used.quantity.checked_add(quantity);
        let sum = sum.filter(|sum| sum.abs() <= Decimal::from(LARGEST_QUANTITY));
        used.quantity = sum.with_context(|| {
            format!("the use of the meter {meter} on {date} is too large: {quantity} more")
        })?;
        used.rows += 1;
        Ok(())
    }

    /// The usage as rows with costs, and what has no price. `rates` gives those of a meter, by its
    /// id in lower case, that hold on a day.
    pub(super) fn priced<'a>(
        self,
        rates: impl Fn(&str, Date) -> Option<&'a MeterRates>,
    ) -> (Vec<UsageRow>, Vec<Unpriced>) {
        let (mut rows, mut unpriced) = (Vec::new(), Vec::new());
        for (id, days) in self.meters {
            let mut so_far = Decimal::ZERO;
            let mut missing: Option<(Decimal, u64, String)> = None;
            let mut what = String::new();
            for (date, used) in days {
                // Quantities are bounded, so that their sums and prices fit.
                let sum: Decimal = used.values().map(|used| used.quantity).sum();
                let cost = match rates(&id, date) {
                    None => Err("the rate card does not have it".to_owned()),
                    Some(rates) => {
                        cost_after(rates, so_far, sum).map_err(|problem| problem.to_string())
                    }
                };
                match cost {
                    Ok(cost) => rows.extend(shared(used, sum, cost)),
                    Err(problem) => {
                        let (quantity, count, _) =
                            missing.get_or_insert((Decimal::ZERO, 0, problem));
                        *quantity += sum;
                        *count += used.values().map(|used| used.rows).sum::<u64>();
                        if let Some(first) = used.into_values().next() {
                            what = format!("{} of {}", first.unit, first.row.meter_name);
                        }
                    }
                }
                so_far += sum;
            }
            if let Some((quantity, rows, problem)) = missing {
                let words = format!("{quantity} {what} (meter {id}): {problem}");
                unpriced.push(Unpriced { rows, words });
            }
        }
        (rows, unpriced)
    }
}

/// What a quantity costs after another. Corrections may make either negative: less than nothing
/// costs as much less.
fn cost_after(rates: &MeterRates, before: Decimal, more: Decimal) -> Result<Decimal, PriceError> {
    let cost = |quantity: Decimal| match quantity < Decimal::ZERO {
        true => rates.cost(-quantity).map(|cost| -cost),
        false => rates.cost(quantity),
    };
    Ok(cost(before + more)? - cost(before)?)
}

/// Divides the cost of a day among its resources.
fn shared(used: BTreeMap<String, Used>, sum: Decimal, cost: Decimal) -> Vec<UsageRow> {
    let mut rest = cost;
    let count = used.len();
    let mut rows = Vec::with_capacity(count);
    for (index, used) in used.into_values().enumerate() {
        let share = if index + 1 == count {
            rest
        } else {
            // Divided first, because the product of two long numbers may not fit.
            let part = used.quantity.checked_div(sum).unwrap_or_default();
            let share = part.checked_mul(cost).unwrap_or_default();
            share.round_dp(SHARE_DECIMALS)
        };
        rest -= share;
        let mut row = used.row;
        row.cost = share;
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use azure_cost::UsageKind;
    use jiff::civil::date;

    use super::*;

    fn number(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn used(usage: &mut Usage, day: i8, resource: &str, quantity: &str) {
        let date = date(2026, 11, day);
        let mut row = UsageRow::new(UsageKind::Legacy, date, 0.into(), "USD".parse().unwrap());
        row.resource_id = resource.to_owned();
        row.meter_name = "Data".to_owned();
        usage.add("M1", number(quantity), "GB", row).unwrap();
    }

    fn rates(steps: &[(&str, &str)], included: &str) -> MeterRates {
        let steps = steps
            .iter()
            .map(|(from, rate)| (number(from), number(rate)));
        MeterRates::new(steps, number(included))
    }

    fn costs(usage: Usage, rates: &MeterRates) -> Vec<(i8, String, Decimal)> {
        let (rows, unpriced) = usage.priced(|meter, _| (meter == "m1").then_some(rates));
        assert_eq!(unpriced, []);
        let shown = |row: UsageRow| (row.date.day(), row.resource_id, row.cost.normalize());
        rows.into_iter().map(shown).collect()
    }

    #[test]
    fn a_day_costs_what_it_adds_to_the_month() {
        let mut usage = Usage::default();
        // Out of order, and the second of November in three parts.
        used(&mut usage, 3, "a", "100");
        used(&mut usage, 2, "a", "20");
        used(&mut usage, 1, "a", "30");
        used(&mut usage, 2, "A", "25");
        used(&mut usage, 2, "a", "15");
        // 10 are included, then 2 each up to 100, then 0.5 each.
        // Day 1: 20 * 2. Day 2: 60 more to 90, all at 2. Day 3: 10 * 2 and 90 * 0.5.
        let rates = rates(&[("0", "2"), ("100", "0.5")], "10");
        let cost = |day, cost| (day, "a".to_owned(), number(cost));
        assert_eq!(
            costs(usage, &rates),
            [cost(1, "40"), cost(2, "120"), cost(3, "65")]
        );
    }

    #[test]
    fn resources_share_a_day_in_proportion_and_to_the_last_digit() {
        let mut usage = Usage::default();
        used(&mut usage, 1, "a", "1");
        used(&mut usage, 1, "b", "1");
        used(&mut usage, 1, "c", "1");
        // Three units cost 1: the first free, two at 0.5.
        let found = costs(usage, &rates(&[("0", "0.5")], "1"));
        let third = number("0.333333333333");
        let costs: Vec<_> = found.iter().map(|(_, _, cost)| *cost).collect();
        assert_eq!(costs, [third, third, number("0.333333333334")]);

        let mut usage = Usage::default();
        used(&mut usage, 1, "a", "3");
        used(&mut usage, 1, "b", "1");
        let found = self::costs(usage, &rates(&[("0", "2")], "0"));
        let cost = |resource: &str, cost| (1, resource.to_owned(), number(cost));
        assert_eq!(found, [cost("a", "6"), cost("b", "2")]);
    }

    #[test]
    fn corrections_give_back_what_was_charged() {
        let mut usage = Usage::default();
        used(&mut usage, 1, "a", "150");
        used(&mut usage, 2, "a", "-60");
        used(&mut usage, 3, "a", "-100");
        // 100 * 2 + 50 * 0.5; then back to 90; then 10 less than nothing.
        let rates = rates(&[("0", "2"), ("100", "0.5")], "0");
        let cost = |day, cost| (day, "a".to_owned(), number(cost));
        assert_eq!(
            costs(usage, &rates),
            [cost(1, "225"), cost(2, "-45"), cost(3, "-200")]
        );
    }

    #[test]
    fn usage_without_a_price_is_told_with_its_quantity() {
        let mut usage = Usage::default();
        used(&mut usage, 1, "a", "1.5");
        used(&mut usage, 1, "a", "1");
        used(&mut usage, 2, "b", "2");
        let (rows, unpriced) = usage.priced(|_, _| None);
        assert_eq!(rows, []);
        assert_eq!(unpriced.len(), 1);
        assert_eq!(unpriced[0].rows, 3);
        assert_eq!(
            unpriced[0].words,
            "4.5 GB of Data (meter m1): the rate card does not have it"
        );
        // Rates that begin above what was used give no price either.
        let mut usage = Usage::default();
        used(&mut usage, 1, "a", "5");
        let late = rates(&[("10", "1")], "0");
        let (rows, unpriced) = usage.priced(|_, _| Some(&late));
        assert_eq!((rows.len(), unpriced.len()), (0, 1));
        assert!(unpriced[0].words.contains("no rate holds"), "{unpriced:?}");
    }
}
