//! Series made by the sandbox's generator: what subscriptions cost that are always on, rest on
//! weekends, grow, launch and stop workloads, and pay charges on the first of the month.

use std::collections::BTreeMap;

use azure_sandbox::{Agreement, Charge, Group, Section, Subscription, World};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use rust_decimal::prelude::ToPrimitive;

use super::Series;

const FIRST_DAY: Date = date(2024, 1, 1);
const LAST_DAY: Date = date(2026, 3, 31);
/// Of each kind.
const SUBSCRIPTIONS: u64 = 12;

/// A deterministic source of numbers: the generator of Steele and others (2014), "SplitMix".
struct Dice(u64);

impl Dice {
    /// A number from `low` to `high`, both included.
    fn roll(&mut self, low: u64, high: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + (mixed ^ (mixed >> 31)) % (high - low + 1)
    }

    fn day(&mut self) -> Date {
        let days = i64::try_from(self.roll(60, 700)).unwrap_or_default();
        FIRST_DAY.saturating_add(days.days())
    }
}

/// What a subscription of some kind pays for.
type Kind = fn(&mut Dice) -> Vec<Charge>;

/// The daily costs of some made-up subscriptions, the same on every machine.
pub(super) fn series() -> Vec<Series> {
    let kinds: [(&str, Kind); 3] = [
        ("steady", steady),
        ("growing", growing),
        ("changing", changing),
    ];
    let mut series = Vec::new();
    for (group, charges) in kinds {
        for number in 0..SUBSCRIPTIONS {
            let mut dice = Dice(number * 1_000 + group.len() as u64);
            series.push(Series {
                group: group.to_owned(),
                start: FIRST_DAY,
                costs: costs(number, charges(&mut dice)),
            });
        }
    }
    series
}

fn daily(dice: &mut Dice) -> Charge {
    let amount = dice.roll(20, 900).to_string();
    let weekend = [100, 100, 35, 10][dice.roll(0, 3) as usize];
    Charge::daily(
        "Virtual Machines",
        "D4s v5",
        "Microsoft.Compute/virtualMachines",
        &amount,
    )
    .with_weekends(weekend)
    .with_noise(dice.roll(0, 15) as u32)
}

fn steady(dice: &mut Dice) -> Vec<Charge> {
    let amount = dice.roll(300, 6_000).to_string();
    let support = Charge::monthly("Support", "Standard", "Microsoft.Support/plans", &amount);
    vec![daily(dice), daily(dice), support]
}

fn growing(dice: &mut Dice) -> Vec<Charge> {
    let percent = dice.roll(1, 9) as i32;
    vec![daily(dice).with_growth(percent), daily(dice)]
}

fn changing(dice: &mut Dice) -> Vec<Charge> {
    let mut charges = vec![daily(dice), daily(dice)];
    for _ in 0..4 {
        let mut workload = daily(dice).with_launch(dice.day());
        let days = i64::try_from(dice.roll(5, 300)).unwrap_or_default();
        let stops = workload.launched.map(|day| day.saturating_add(days.days()));
        workload.stopped = stops.filter(|_| dice.roll(0, 1) == 0);
        charges.push(workload);
    }
    charges
}

/// What a world with these charges costs on each of its days.
fn costs(seed: u64, charges: Vec<Charge>) -> Vec<f64> {
    let mut world = World::new(
        Agreement::Enterprise,
        FIRST_DAY,
        LAST_DAY.saturating_add(1.day()),
    );
    world.seed = seed;
    world.subscriptions = vec![Subscription {
        id: format!("00000000-0000-4000-8000-{seed:012}"),
        name: "Made up".to_owned(),
        currency: "EUR".to_owned(),
        section: Section::only(Agreement::Enterprise),
        last_day: LAST_DAY,
        last_day_percent: 100,
        lag_days: 1,
        unsupported_offer: None,
        created: None,
        groups: vec![Group {
            name: "all".to_owned(),
            tags: Vec::new(),
            charges,
        }],
    }];
    let mut days: BTreeMap<Date, f64> = FIRST_DAY
        .series(1.day())
        .take_while(|day| *day <= LAST_DAY)
        .map(|day| (day, 0.0))
        .collect();
    for row in world.rows() {
        let cost = row.cost.to_f64().unwrap_or_default();
        days.entry(row.date).and_modify(|sum| *sum += cost);
    }
    days.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_series_are_whole_and_always_the_same() {
        let (one, other) = (series(), series());
        assert_eq!(one.len(), 36);
        let days = usize::try_from(FIRST_DAY.until(LAST_DAY).unwrap().get_days()).unwrap() + 1;
        for (a, b) in one.iter().zip(&other) {
            assert_eq!(a.costs, b.costs);
            assert_eq!(a.costs.len(), days);
            assert!(a.costs.iter().sum::<f64>() > 0.0);
        }
    }
}
