//! The account's books: what the rows of a world add up to, month by month.

mod advice;
mod balance;
mod credit;
mod invoice;

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::world::{CostRow, Rhythm, Subscription, World, convert};

pub use advice::Advice;
pub use balance::Balance;
pub use credit::{Credits, Event, EventKind, LotState};
pub use invoice::{Invoice, Line, Payer};

/// Sums of a world's rows as they are paid. The rows are read once, when the books are opened;
/// everything else is added up from days.
#[derive(Debug, Clone)]
pub struct Books {
    world: World,
    days: BTreeMap<(Date, usize), Sums>,
}

/// Costs by how they are paid; together they are the sum of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Use and reservations: what a prepayment pays.
    pub usage: Decimal,
    /// Recurring purchases, such as support plans, which no prepayment pays.
    pub separate: Decimal,
    /// What other companies sell.
    pub marketplace: Decimal,
    /// Money that came back; zero or below.
    pub refunds: Decimal,
}

impl Sums {
    /// All of it.
    pub fn total(&self) -> Decimal {
        self.azure() + self.separate + self.marketplace
    }

    /// Use less what came back.
    pub fn azure(&self) -> Decimal {
        self.usage + self.refunds
    }

    fn add(&mut self, row: &CostRow) {
        let monthly = row.charge.rhythm == Rhythm::Monthly;
        let kind = if row.charge.offer.is_some() {
            &mut self.marketplace
        } else if row.cost.is_sign_negative() {
            &mut self.refunds
        } else if monthly && row.reservation.is_none() {
            &mut self.separate
        } else {
            &mut self.usage
        };
        *kind += row.cost;
    }

    fn plus(self, other: Sums, from: &str, to: &str) -> Sums {
        Sums {
            usage: self.usage + convert(other.usage, from, to),
            separate: self.separate + convert(other.separate, from, to),
            marketplace: self.marketplace + convert(other.marketplace, from, to),
            refunds: self.refunds + convert(other.refunds, from, to),
        }
    }
}

impl Books {
    /// Adds up what is known on the world's day.
    pub fn open(world: &World) -> Books {
        let world = world.as_seen_on(world.today);
        let mut days: BTreeMap<(Date, usize), Sums> = BTreeMap::new();
        for row in world.rows() {
            let mut places = world.subscriptions.iter();
            let place = places.position(|each| std::ptr::eq(each, row.subscription));
            if let Some(index) = place {
                days.entry((row.date, index)).or_default().add(&row);
            }
        }
        Books { world, days }
    }

    /// The world as it is known on its day.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Costs of some days on the subscriptions that `counts` picks, in a currency.
    pub fn sums(
        &self,
        first: Date,
        last: Date,
        currency: &str,
        counts: impl Fn(&Subscription) -> bool,
    ) -> Sums {
        let days = self.days.range((first, 0)..=(last, usize::MAX));
        days.fold(Sums::default(), |sums, ((_, index), day)| {
            let subscription = &self.world.subscriptions[*index];
            match counts(subscription) {
                true => sums.plus(*day, &subscription.currency, currency),
                false => sums,
            }
        })
    }

    /// First days of the months with data, the open one last.
    pub fn months(&self) -> impl Iterator<Item = Date> + use<> {
        let first = self.world.first_day.first_of_month();
        let today = self.world.today;
        first
            .series(1.month())
            .take_while(move |month| *month <= today)
    }

    /// The months that are closed and invoiced: those whose invoice day has come.
    pub fn closed_months(&self) -> impl Iterator<Item = Date> + use<> {
        let today = self.world.today;
        self.months()
            .take_while(move |month| invoice_day(*month) <= today)
    }
}

/// The day on which a month is invoiced: the fifth of the next one.
fn invoice_day(month: Date) -> Date {
    month.first_of_month().saturating_add(1.month().days(4))
}

#[cfg(test)]
mod tests;
