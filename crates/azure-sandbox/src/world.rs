//! The made-up bill: what is run where, and what each day of it costs.

use jiff::civil::{Date, Weekday};
use jiff::{ToSpan, Unit};
use rust_decimal::Decimal;

/// A billing account and all that it pays for.
#[derive(Debug, Clone)]
pub struct World {
    /// What the noise depends on.
    pub seed: u64,
    /// First day with costs.
    pub first_day: Date,
    /// Billing account id, for example an enrollment number.
    pub billing_account: String,
    /// Subscriptions of the account.
    pub subscriptions: Vec<Subscription>,
}

/// A subscription and how late its data are.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// Subscription id.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Currency that it is billed in.
    pub currency: String,
    /// Last day that has data.
    pub last_day: Date,
    /// How much of the last day's cost is in already, in percent.
    pub last_day_percent: u32,
    /// Resource groups.
    pub groups: Vec<Group>,
}

/// A resource group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Tags that its resources carry.
    pub tags: Vec<(String, String)>,
    /// What is paid for in it.
    pub charges: Vec<Charge>,
}

/// Something that costs money, on one or several resources.
#[derive(Debug, Clone)]
pub struct Charge {
    /// Meter category, for example `Virtual Machines`.
    pub service: String,
    /// Meter name.
    pub meter: String,
    /// Resource type, for example `Microsoft.Compute/virtualMachines`.
    pub resource_type: String,
    /// Azure region.
    pub region: String,
    /// Resources that share the cost.
    pub resources: u32,
    /// Cost of a weekday, or of a month, on the first day of the world.
    pub amount: Decimal,
    /// When it is charged.
    pub rhythm: Rhythm,
    /// Growth in 30 days, in percent of `amount`; the same step every month.
    pub growth_percent: i32,
    /// How far a day may be off, up or down, in percent.
    pub noise_percent: u32,
    /// First day with this charge, if it was launched later than the world.
    pub launched: Option<Date>,
    /// First day without this charge, if it was shut down.
    pub stopped: Option<Date>,
    /// Azure's charge type.
    pub charge_type: String,
}

/// When a charge is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// Every day.
    Daily {
        /// Cost of a Saturday or Sunday, in percent of a weekday.
        weekend_percent: u32,
    },
    /// Once, on the first of the month.
    Monthly,
}

impl Charge {
    /// Daily use of one resource in `westeurope`: weekends like weekdays, no growth, no noise.
    ///
    /// # Panics
    /// When the amount is not a decimal number.
    pub fn daily(service: &str, meter: &str, resource_type: &str, amount: &str) -> Charge {
        Charge {
            service: service.to_owned(),
            meter: meter.to_owned(),
            resource_type: resource_type.to_owned(),
            region: "westeurope".to_owned(),
            resources: 1,
            amount: amount.parse().expect("amounts are decimal numbers"),
            rhythm: Rhythm::Daily {
                weekend_percent: 100,
            },
            growth_percent: 0,
            noise_percent: 0,
            launched: None,
            stopped: None,
            charge_type: "Usage".to_owned(),
        }
    }

    /// A purchase on the first of each month.
    ///
    /// # Panics
    /// When the amount is not a decimal number.
    pub fn monthly(service: &str, meter: &str, resource_type: &str, amount: &str) -> Charge {
        Charge {
            rhythm: Rhythm::Monthly,
            charge_type: "Purchase".to_owned(),
            ..Charge::daily(service, meter, resource_type, amount)
        }
    }

    /// On this many resources.
    pub fn with_resources(mut self, resources: u32) -> Charge {
        self.resources = resources;
        self
    }

    /// With weekends of this many percent of a weekday.
    pub fn with_weekends(mut self, weekend_percent: u32) -> Charge {
        self.rhythm = Rhythm::Daily { weekend_percent };
        self
    }

    /// Growing by this many percent of the first amount every 30 days.
    pub fn with_growth(mut self, growth_percent: i32) -> Charge {
        self.growth_percent = growth_percent;
        self
    }

    /// With days that are off by up to this many percent.
    pub fn with_noise(mut self, noise_percent: u32) -> Charge {
        self.noise_percent = noise_percent;
        self
    }

    /// Starting on this day.
    pub fn with_launch(mut self, launched: Date) -> Charge {
        self.launched = Some(launched);
        self
    }

    /// Cost of a day in units of 10⁻¹⁰, before noise. Whole numbers only, so that every machine
    /// comes to the same amount.
    fn units(&self, first_day: Date, date: Date) -> i128 {
        let started = self.launched.is_none_or(|launched| date >= launched);
        let ended = self.stopped.is_some_and(|stopped| date >= stopped);
        if !started || ended {
            return 0;
        }
        let percent = match self.rhythm {
            Rhythm::Monthly if date.day() != 1 => return 0,
            Rhythm::Monthly => 100,
            Rhythm::Daily { weekend_percent } if is_weekend(date) => i128::from(weekend_percent),
            Rhythm::Daily { .. } => 100,
        };
        let growth = 3000 + i128::from(self.growth_percent) * i128::from(days(first_day, date));
        let mut amount = self.amount;
        amount.rescale(10);
        amount.mantissa() * percent / 100 * growth.max(0) / 3000
    }
}

/// One row of the bill: one charge on one resource on one day.
#[derive(Debug, Clone)]
pub struct CostRow<'a> {
    /// The world it comes from.
    pub world: &'a World,
    /// Who pays.
    pub subscription: &'a Subscription,
    /// Where it runs.
    pub group: &'a Group,
    /// What is paid for.
    pub charge: &'a Charge,
    /// The day, UTC.
    pub date: Date,
    /// Name of the resource.
    pub resource: String,
    /// Cost in the subscription's currency, with up to ten digits after the point.
    pub cost: Decimal,
}

impl CostRow<'_> {
    /// Full resource id.
    pub fn resource_id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}/providers/{}/{}",
            self.subscription.id, self.group.name, self.charge.resource_type, self.resource
        )
    }

    /// The provider part of the resource type.
    pub fn consumed_service(&self) -> &str {
        let mut parts = self.charge.resource_type.split('/');
        parts.next().unwrap_or_default()
    }

    /// First and last day of the row's month, which is its billing period.
    pub fn billing_period(&self) -> (Date, Date) {
        (self.date.first_of_month(), self.date.last_of_month())
    }

    /// `UsageBased` or `Recurring`.
    pub fn frequency(&self) -> &'static str {
        match self.charge.rhythm {
            Rhythm::Daily { .. } => "UsageBased",
            Rhythm::Monthly => "Recurring",
        }
    }
}

impl World {
    /// All rows, day by day.
    pub fn rows(&self) -> impl Iterator<Item = CostRow<'_>> {
        let last_days = self.subscriptions.iter().map(|each| each.last_day);
        let last_day = last_days.max().unwrap_or(self.first_day);
        self.rows_between(self.first_day, last_day)
    }

    /// The rows of some days, first and last included. They are the same rows as in
    /// [`World::rows`].
    pub fn rows_between(&self, first: Date, last: Date) -> impl Iterator<Item = CostRow<'_>> {
        let days = first.max(self.first_day).series(1.day());
        days.take_while(move |date| *date <= last)
            .flat_map(|date| self.rows_of(date))
    }

    fn rows_of(&self, date: Date) -> impl Iterator<Item = CostRow<'_>> {
        let subscriptions = self.subscriptions.iter().enumerate();
        subscriptions
            .filter(move |(_, subscription)| date <= subscription.last_day)
            .flat_map(|(index, subscription)| {
                let groups = subscription.groups.iter().enumerate();
                groups.map(move |(number, group)| ([index, number], subscription, group))
            })
            .flat_map(|([index, number], subscription, group)| {
                let charges = group.charges.iter().enumerate();
                charges.map(move |(at, charge)| ([index, number, at], subscription, group, charge))
            })
            .flat_map(move |(path, subscription, group, charge)| {
                (0..charge.resources).filter_map(move |resource| {
                    let cost = self.cost(path, subscription, charge, resource, date);
                    (!cost.is_zero()).then(|| CostRow {
                        world: self,
                        subscription,
                        group,
                        charge,
                        date,
                        resource: resource_name(group, charge, resource),
                        cost,
                    })
                })
            })
    }

    fn cost(
        &self,
        path: [usize; 3],
        subscription: &Subscription,
        charge: &Charge,
        resource: u32,
        date: Date,
    ) -> Decimal {
        let whole = charge.units(self.first_day, date);
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
}

fn resource_name(group: &Group, charge: &Charge, resource: u32) -> String {
    let kind = charge.resource_type.rsplit('/').next().unwrap_or_default();
    format!("{}-{}-{}", group.name, kind.to_lowercase(), resource + 1)
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

fn days(from: Date, to: Date) -> i32 {
    let span = from.until((Unit::Day, to));
    span.map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn world(charge: Charge) -> World {
        World {
            seed: 7,
            first_day: date(2026, 5, 1),
            billing_account: "100".to_owned(),
            subscriptions: vec![Subscription {
                id: "s".to_owned(),
                name: "S".to_owned(),
                currency: "EUR".to_owned(),
                last_day: date(2026, 7, 31),
                last_day_percent: 100,
                groups: vec![Group {
                    name: "g".to_owned(),
                    tags: Vec::new(),
                    charges: vec![charge],
                }],
            }],
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
