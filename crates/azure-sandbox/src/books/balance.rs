//! The prepaid balance of an Enterprise Agreement.

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::Books;
use crate::world::LotSource;

/// A month of the prepaid balance, in the account's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// First day of the month.
    pub month: Date,
    /// What was left of the month before.
    pub beginning: Decimal,
    /// What was paid in during the month, with the ids of the lots.
    pub new_purchases: Vec<(String, Decimal)>,
    /// What came back to the balance.
    pub adjustments: Decimal,
    /// Use that the balance paid.
    pub utilized: Decimal,
    /// Use that it did not pay, because it was empty.
    pub service_overage: Decimal,
    /// What is never paid from it.
    pub billed_separately: Decimal,
    /// What other companies sold; outside of all other sums.
    pub marketplace: Decimal,
}

impl Balance {
    /// What is left for the next month.
    pub fn ending(&self) -> Decimal {
        self.beginning + self.purchased() + self.adjustments - self.utilized
    }

    /// What was paid in during the month.
    pub fn purchased(&self) -> Decimal {
        self.new_purchases.iter().map(|(_, amount)| amount).sum()
    }

    /// What is invoiced, without the marketplace.
    pub fn total_overage(&self) -> Decimal {
        self.service_overage + self.billed_separately
    }

    /// All of Microsoft's charges.
    pub fn total_usage(&self) -> Decimal {
        self.utilized + self.total_overage()
    }
}

impl Books {
    /// The balance of every month, the open one last. Lots that started before the first month
    /// are in its beginning balance.
    pub fn balances(&self) -> Vec<Balance> {
        let world = self.world();
        let lots = world.lots.iter();
        let prepaid: Vec<_> = lots
            .filter(|lot| lot.source == LotSource::Purchased)
            .collect();
        let first = world.first_day.first_of_month();
        let before = prepaid.iter().filter(|lot| lot.start < first);
        let mut beginning: Decimal = before.map(|lot| lot.amount).sum();
        let mut balances = Vec::new();
        for month in self.months() {
            let sums = self.sums(month, month.last_of_month(), &world.currency, |_| true);
            let new = prepaid
                .iter()
                .filter(|lot| lot.start.first_of_month() == month && lot.start <= world.today);
            let new_purchases: Vec<_> = new.map(|lot| (lot.id.clone(), lot.amount)).collect();
            let purchased: Decimal = new_purchases.iter().map(|(_, amount)| amount).sum();
            let adjustments = -sums.refunds;
            let utilized = sums.usage.min(beginning + purchased + adjustments);
            let balance = Balance {
                month,
                beginning,
                new_purchases,
                adjustments,
                utilized,
                service_overage: sums.usage - utilized,
                billed_separately: sums.separate,
                marketplace: sums.marketplace,
            };
            beginning = balance.ending();
            balances.push(balance);
        }
        balances
    }
}
