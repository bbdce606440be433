//! What Microsoft would advise to reserve.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::Books;
use crate::world::{Charge, Meter, Subscription, Term};

/// Machines that run so steadily that reserving them would be cheaper.
#[derive(Debug, Clone)]
pub struct Advice<'a> {
    /// Whose machines they are.
    pub subscription: &'a Subscription,
    /// Their use.
    pub charge: &'a Charge,
    /// What is measured.
    pub meter: Meter,
    /// For how long to reserve.
    pub term: Term,
    /// First day looked at.
    pub first: Date,
    /// Last day looked at.
    pub last: Date,
    /// Used hours of each day, from the first to the last.
    pub hours: Vec<Decimal>,
    /// Price of an hour as it is, in the subscription's currency.
    pub on_demand: Decimal,
    /// Price of an hour when reserved.
    pub reserved: Decimal,
    /// How many to reserve: as many as ran on the day with the least use.
    pub quantity: Decimal,
}

impl Advice<'_> {
    /// What the days cost without any reservation.
    pub fn cost_without(&self) -> Decimal {
        self.hours.iter().sum::<Decimal>() * self.on_demand
    }

    /// What a number of reserved machines would have cost on these days.
    pub fn reservation_cost(&self, quantity: Decimal) -> Decimal {
        let hours = Decimal::from(24 * self.hours.len() as u64);
        quantity * hours * self.reserved
    }

    /// What would have been used above a number of reserved machines.
    pub fn overage_cost(&self, quantity: Decimal) -> Decimal {
        let covered = quantity * Decimal::from(24);
        let over = self
            .hours
            .iter()
            .map(|hours| (*hours - covered).max(Decimal::ZERO));
        over.sum::<Decimal>() * self.on_demand
    }

    /// What the days would have cost with the advised reservation.
    pub fn cost_with(&self) -> Decimal {
        self.reservation_cost(self.quantity) + self.overage_cost(self.quantity)
    }

    /// What it would have saved.
    pub fn savings(&self) -> Decimal {
        self.cost_without() - self.cost_with()
    }
}

impl Books {
    /// Advice for every size of machine that ran all through the last `days` days with data, for
    /// one and for three years.
    pub fn advice(&self, days: u32) -> Vec<Advice<'_>> {
        let world = self.world();
        let mut advice = Vec::new();
        for subscription in &world.subscriptions {
            let last = subscription.last_day.min(world.today);
            let first = last.saturating_sub((i64::from(days.max(1)) - 1).days());
            let mut used: Vec<(&Charge, Vec<Decimal>)> = Vec::new();
            let rows = world.rows_between(first, last).filter(|row| {
                row.subscription.id == subscription.id
                    && row.reservation.is_none()
                    && row.charge_type == "Usage"
                    && row.charge.resource_type.ends_with("/virtualMachines")
            });
            for row in rows {
                let at = used.iter().position(|(charge, _)| {
                    charge.meter == row.charge.meter && charge.region == row.charge.region
                });
                let at = at.unwrap_or_else(|| {
                    used.push((row.charge, vec![Decimal::ZERO; days.max(1) as usize]));
                    used.len() - 1
                });
                let day = first.until(row.date).map_or(0, |span| span.get_days());
                if let Some(hours) = used[at].1.get_mut(usize::try_from(day).unwrap_or(0)) {
                    *hours += row.quantity;
                }
            }
            for (charge, hours) in used {
                let least = hours.iter().min().copied().unwrap_or_default();
                let quantity = (least / Decimal::from(24)).floor();
                if quantity <= Decimal::ZERO {
                    continue;
                }
                let on_demand = world.price(charge, &subscription.currency);
                for term in [Term::OneYear, Term::ThreeYears] {
                    let reserved = on_demand * term.share_of_list();
                    advice.push(Advice {
                        subscription,
                        charge,
                        meter: Meter::of(charge),
                        term,
                        first,
                        last,
                        hours: hours.clone(),
                        on_demand,
                        reserved,
                        quantity,
                    });
                }
            }
        }
        advice
    }
}
