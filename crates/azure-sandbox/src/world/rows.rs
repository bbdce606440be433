//! The rows of a world, made when they are asked for.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::charge::{Charge, days};
use super::reservation::Reservation;
use super::row::CostRow;
use super::{Group, Subscription, World};

/// How what was bought for a longer time is spread over days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// As it is paid: purchases on their day, and use that they cover for nothing.
    Actual,
    /// As it is used: reservations cost their share on every day, used or not.
    Amortized,
}

impl World {
    /// All rows as they are paid, day by day.
    pub fn rows(&self) -> impl Iterator<Item = CostRow<'_>> {
        self.rows_between(self.first_day, self.last_day())
    }

    /// The rows of some days, first and last included. They are the same rows as in
    /// [`World::rows`].
    pub fn rows_between(&self, first: Date, last: Date) -> impl Iterator<Item = CostRow<'_>> {
        self.rows_on(Basis::Actual, first, last)
    }

    /// The rows of some days with reservations spread over their terms.
    pub fn amortized_between(&self, first: Date, last: Date) -> impl Iterator<Item = CostRow<'_>> {
        self.rows_on(Basis::Amortized, first, last)
    }

    /// The rows of some days, first and last included. To go on after some row, start with its
    /// day and skip the rows up to its number.
    pub fn rows_on(
        &self,
        basis: Basis,
        first: Date,
        last: Date,
    ) -> impl Iterator<Item = CostRow<'_>> {
        let days = first.max(self.first_day).series(1.day());
        let last = last.min(self.last_day());
        days.take_while(move |date| *date <= last)
            .flat_map(move |date| self.rows_of(basis, date))
    }

    /// Rows of charges that another company sells, first and last day included.
    pub fn marketplace_between(
        &self,
        first: Date,
        last: Date,
    ) -> impl Iterator<Item = CostRow<'_>> {
        let rows = self.rows_between(first, last);
        rows.filter(|row| row.charge.offer.is_some())
    }

    fn rows_of(&self, basis: Basis, date: Date) -> impl Iterator<Item = CostRow<'_>> {
        let subscriptions = self.subscriptions.iter().enumerate();
        let rows = subscriptions
            .filter(move |(_, subscription)| date <= subscription.last_day)
            .flat_map(move |(index, subscription)| {
                let usage = self.usage_of(index, subscription, date);
                usage.chain(self.reserved_of(basis, subscription, date))
            });
        rows.zip(0..).map(|(mut row, number)| {
            row.number = number;
            row
        })
    }

    fn usage_of<'a>(
        &'a self,
        index: usize,
        subscription: &'a Subscription,
        date: Date,
    ) -> impl Iterator<Item = CostRow<'a>> {
        let restated = self.restated_percent(subscription, date);
        let groups = subscription.groups.iter().enumerate();
        let charges = groups.flat_map(move |(number, group)| {
            let charges = group.charges.iter().enumerate();
            charges.map(move |(at, charge)| ([index, number, at], group, charge))
        });
        charges.flat_map(move |(path, group, charge)| {
            let whole = charge.units(self.first_day, date) * restated / 100;
            let resources = if whole == 0 { 0 } else { charge.resources };
            let price = self.price(charge, &subscription.currency);
            (0..resources).filter_map(move |resource| {
                let cost = self.cost(path, whole, subscription, charge, resource, date);
                (!cost.is_zero()).then(|| CostRow {
                    world: self,
                    subscription,
                    group,
                    charge,
                    date,
                    number: 0,
                    resource: resource_name(group, charge, resource),
                    charge_type: &charge.charge_type,
                    quantity: (cost / price).normalize(),
                    price,
                    cost,
                    reservation: None,
                })
            })
        })
    }

    /// What corrections leave of a day's costs, in percent.
    fn restated_percent(&self, subscription: &Subscription, date: Date) -> i128 {
        let hits = self.restatements.iter().filter(|each| {
            let whose = each.subscription.as_ref();
            each.first <= date
                && date <= each.last
                && whose.is_none_or(|id| id.eq_ignore_ascii_case(&subscription.id))
        });
        100 + hits.map(|each| i128::from(each.percent)).sum::<i128>()
    }

    fn cost(
        &self,
        path: [usize; 3],
        whole: i128,
        subscription: &Subscription,
        charge: &Charge,
        resource: u32,
        date: Date,
    ) -> Decimal {
        // The first resource is the largest: of three, they take 3/6, 2/6 and 1/6.
        let count = i128::from(charge.resources);
        let mut units = whole * (count - i128::from(resource)) * 2 / (count * (count + 1));
        if charge.noise_percent > 0 {
            let mut seed = self.seed;
            let path = path.map(|index| index as u64);
            let day = u64::from(days(self.first_day, date).unsigned_abs());
            for part in path.into_iter().chain([u64::from(resource), day]) {
                // A step of a well-known generator keeps neighbors apart.
                seed = fastrand::Rng::with_seed(seed ^ part).u64(..);
            }
            let bound = i64::from(charge.noise_percent) * 1000;
            let noise = fastrand::Rng::with_seed(seed).i64(-bound..=bound);
            units = units * (100_000 + i128::from(noise)) / 100_000;
        }
        if date == subscription.last_day {
            units = units * i128::from(subscription.last_day_percent) / 100;
        }
        Decimal::from_i128_with_scale(units, 10).normalize()
    }

    fn reserved_of<'a>(
        &'a self,
        basis: Basis,
        subscription: &'a Subscription,
        date: Date,
    ) -> impl Iterator<Item = CostRow<'a>> {
        let all = self.reservations.iter();
        let own = all.filter(|each| each.subscription.eq_ignore_ascii_case(&subscription.id));
        own.flat_map(move |reservation| {
            let rows = match basis {
                Basis::Actual => self.paid_and_covered(subscription, reservation, date),
                Basis::Amortized => self.amortized(subscription, reservation, date),
            };
            rows.into_iter()
        })
    }

    fn paid_and_covered<'a>(
        &'a self,
        subscription: &'a Subscription,
        reservation: &'a Reservation,
        date: Date,
    ) -> Vec<CostRow<'a>> {
        let mut rows = self.covered(subscription, reservation, date, Decimal::ZERO);
        let paid = reservation.paid_on(date);
        if !paid.is_zero() {
            let back = paid.is_sign_negative();
            rows.push(CostRow {
                charge_type: if back { "Refund" } else { "Purchase" },
                quantity: if back { -Decimal::ONE } else { Decimal::ONE },
                price: paid.abs(),
                cost: paid,
                ..self.about(subscription, reservation, date)
            });
        }
        rows
    }

    fn amortized<'a>(
        &'a self,
        subscription: &'a Subscription,
        reservation: &'a Reservation,
        date: Date,
    ) -> Vec<CostRow<'a>> {
        let Some(day) = reservation.day(date) else {
            return Vec::new();
        };
        let mut rows = self.covered(subscription, reservation, date, day.hour);
        let unused = day.unused * share_in(subscription, date);
        if !unused.is_zero() {
            rows.push(CostRow {
                charge_type: "UnusedReservation",
                quantity: unused.normalize(),
                price: day.hour,
                cost: (unused * day.hour).normalize(),
                ..self.about(subscription, reservation, date)
            });
        }
        if !day.rest.is_zero() {
            rows.push(CostRow {
                charge_type: "RoundingAdjustment",
                quantity: Decimal::ONE,
                price: day.rest,
                cost: day.rest,
                ..self.about(subscription, reservation, date)
            });
        }
        rows
    }

    /// The hours that a reservation covers, at this price of an hour.
    fn covered<'a>(
        &'a self,
        subscription: &'a Subscription,
        reservation: &'a Reservation,
        date: Date,
        hour: Decimal,
    ) -> Vec<CostRow<'a>> {
        let share = share_in(subscription, date);
        let used = reservation.used_hours(date).into_iter().zip(0..);
        let used = used.map(|(hours, machine)| (hours * share, machine));
        let used = used.filter(|(hours, _)| !hours.is_zero());
        used.map(|(hours, machine)| CostRow {
            group: &reservation.group,
            charge: &reservation.usage,
            resource: resource_name(&reservation.group, &reservation.usage, machine),
            charge_type: &reservation.usage.charge_type,
            quantity: hours.normalize(),
            price: hour,
            cost: (hours * hour).normalize(),
            ..self.about(subscription, reservation, date)
        })
        .collect()
    }

    /// A row about a reservation itself, without an amount.
    fn about<'a>(
        &'a self,
        subscription: &'a Subscription,
        reservation: &'a Reservation,
        date: Date,
    ) -> CostRow<'a> {
        CostRow {
            world: self,
            subscription,
            group: &reservation.nowhere,
            charge: &reservation.purchase,
            date,
            number: 0,
            resource: String::new(),
            charge_type: &reservation.purchase.charge_type,
            quantity: Decimal::ZERO,
            price: Decimal::ZERO,
            cost: Decimal::ZERO,
            reservation: Some(reservation),
        }
    }
}

/// How much of a day's use is in already.
fn share_in(subscription: &Subscription, date: Date) -> Decimal {
    if date == subscription.last_day {
        Decimal::new(i64::from(subscription.last_day_percent), 2)
    } else {
        Decimal::ONE
    }
}

fn resource_name(group: &Group, charge: &Charge, resource: u32) -> String {
    let kind = charge.resource_type.rsplit('/').next().unwrap_or_default();
    format!("{}-{}-{}", group.name, kind.to_lowercase(), resource + 1)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::world::{Agreement, Section};

    fn world(charge: Charge) -> World {
        World {
            seed: 7,
            subscriptions: vec![Subscription {
                id: "s".to_owned(),
                name: "S".to_owned(),
                currency: "EUR".to_owned(),
                section: Section::only(Agreement::Enterprise),
                last_day: date(2026, 7, 31),
                last_day_percent: 100,
                lag_days: 1,
                unsupported_offer: None,
                created: None,
                groups: vec![Group {
                    name: "g".to_owned(),
                    tags: Vec::new(),
                    charges: vec![charge],
                }],
            }],
            ..World::new(Agreement::Enterprise, date(2026, 5, 1), date(2026, 8, 1))
        }
    }

    fn charge() -> Charge {
        Charge::daily("Storage", "LRS", "Microsoft.Storage/storageAccounts", "10")
    }

    fn cost_of(world: &World, day: Date) -> String {
        let costs = world.rows_between(day, day).map(|row| row.cost);
        costs.sum::<Decimal>().normalize().to_string()
    }

    #[test]
    fn amounts_follow_rhythm_growth_launch_and_stop() {
        // 1 May 2026 is a Friday; 31 May, a Sunday, is 30 days later.
        let mut charge = charge().with_weekends(50).with_growth(20);
        let steady = world(charge.clone());
        assert_eq!(cost_of(&steady, date(2026, 5, 1)), "10");
        assert_eq!(cost_of(&steady, date(2026, 5, 31)), "6");
        assert_eq!(cost_of(&steady, date(2026, 6, 30)), "14");
        charge.launched = Some(date(2026, 6, 1));
        charge.stopped = Some(date(2026, 7, 1));
        let brief = world(charge);
        assert_eq!(brief.rows().count(), 30);
        let monthly = Charge::monthly("Support", "Standard", "Microsoft.Support/plans", "100");
        let days: Vec<i8> = world(monthly).rows().map(|row| row.date.day()).collect();
        assert_eq!(days, [1, 1, 1]);
    }

    #[test]
    fn resources_share_the_cost_and_noise_keeps_its_bound() {
        let calm = world(charge().with_resources(3));
        let first = date(2026, 5, 1);
        let costs: Vec<String> = calm
            .rows_between(first, first)
            .map(|row| row.cost.to_string())
            .collect();
        assert_eq!(costs, ["5", "3.3333333333", "1.6666666666"]);
        let noisy = world(charge().with_noise(10));
        let costs: Vec<Decimal> = noisy.rows().map(|row| row.cost).collect();
        assert!(
            costs
                .iter()
                .all(|cost| *cost >= 9.into() && *cost <= 11.into())
        );
        assert!(costs.iter().all(|cost| cost.scale() <= 10));
        assert!(costs.windows(2).any(|pair| pair[0] != pair[1]));
        let mean = costs.iter().sum::<Decimal>() / Decimal::from(costs.len());
        assert!((mean - Decimal::TEN).abs() < Decimal::new(2, 1), "{mean}");
    }

    #[test]
    fn one_seed_gives_one_world_and_any_stretch_of_it() {
        let noisy = world(charge().with_noise(30).with_resources(2));
        let all: Vec<_> = noisy.rows().map(|row| (row.date, row.cost)).collect();
        let again: Vec<_> = noisy.rows().map(|row| (row.date, row.cost)).collect();
        assert_eq!(all, again);
        let june = noisy.rows_between(date(2026, 6, 1), date(2026, 6, 30));
        let june: Vec<_> = june.map(|row| (row.date, row.cost)).collect();
        let expected: Vec<_> = all
            .iter()
            .filter(|(day, _)| day.month() == 6)
            .copied()
            .collect();
        assert_eq!(june, expected);
        let mut other = noisy.clone();
        other.seed = 8;
        assert!(
            other
                .rows()
                .zip(&all)
                .any(|(row, (_, cost))| row.cost != *cost)
        );
    }

    #[test]
    fn late_data_end_early_and_the_last_day_may_be_half_in() {
        let mut late = world(charge());
        late.subscriptions[0].last_day = date(2026, 5, 10);
        late.subscriptions[0].last_day_percent = 40;
        assert_eq!(late.rows().count(), 10);
        assert_eq!(cost_of(&late, date(2026, 5, 10)), "4");
    }
}
