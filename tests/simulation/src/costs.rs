//! The costs that schedules evaluate: they grow, are restated, go missing, come late.

use std::sync::Arc;

use async_trait::async_trait;
use budget_engine::{ChargeCategory, FactsBuilder, Place, Scope, SeriesKey, dates, plus_days};
use fastrand::Rng;
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use spendwatch::sources::{Answer, CostSource, ReadContext, ReadRequest};

use crate::configurations::GROUPS;
use crate::ports::{Call, Port, Verdict};

/// What the source knows at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// When it was written.
    pub(crate) as_of: Timestamp,
    /// The day of the first element of `days`.
    pub(crate) first: Date,
    /// Costs in EUR by day and group.
    pub(crate) days: Vec<[u32; GROUPS.len()]>,
    /// So many days at the beginning are left out.
    pub(crate) hidden: usize,
}

/// Costs of one day, mostly small, so that thresholds are crossed one after the other.
const AMOUNTS: [u32; 6] = [0, 20, 40, 60, 130, 320];

impl Known {
    /// Costs of the days from `first` to the day before `today`.
    pub(crate) fn new(rng: &mut Rng, first: Date, today: Date, as_of: Timestamp) -> Known {
        let mut known = Known {
            as_of,
            first,
            days: Vec::new(),
            hidden: 0,
        };
        known.grow_to(rng, today);
        known
    }

    /// The last day that has costs.
    pub(crate) fn last(&self) -> Date {
        plus_days(self.first, self.days.len() as i32 - 1)
    }

    /// Adds the days that are missing up to the day before `today`.
    pub(crate) fn grow_to(&mut self, rng: &mut Rng, today: Date) {
        while plus_days(self.last(), 1) < today {
            let mut amount = || AMOUNTS[rng.usize(..AMOUNTS.len())];
            self.days.push([amount(), amount()]);
        }
    }

    /// What the source says next: more days or none, some of the last ones restated, some of the
    /// first ones left out.
    pub(crate) fn next(&self, rng: &mut Rng, today: Date, as_of: Timestamp) -> Known {
        let mut next = self.clone();
        next.as_of = as_of;
        next.hidden = 0;
        if rng.u8(..10) < 7 {
            next.grow_to(rng, today);
        }
        let restates = [0, 0, 1, 1, 2][rng.usize(..5)];
        for _ in 0..restates {
            let back = rng.usize(..next.days.len().min(6));
            let index = next.days.len() - 1 - back;
            let cost = &mut next.days[index][rng.usize(..GROUPS.len())];
            *cost = match rng.u8(..4) {
                0 => 0,
                1 => *cost / 2,
                _ => *cost + 170,
            };
        }
        match rng.u8(..24) {
            0 => next.hidden = rng.usize(..next.days.len()),
            1 => next.days.truncate(next.days.len().saturating_sub(2).max(1)),
            _ => {}
        }
        next
    }

    /// What a group, or all of them, cost in a range of days.
    pub(crate) fn total(&self, group: Option<usize>, from: Date, to: Date) -> u32 {
        let days = dates(self.first, to).zip(&self.days);
        let counted = days.filter(|(day, _)| *day >= from);
        counted
            .map(|(_, costs)| match group {
                Some(group) => costs[group],
                None => costs.iter().sum(),
            })
            .sum()
    }
}

#[async_trait]
impl CostSource for Port {
    async fn read(&self, request: &ReadRequest, _: &ReadContext) -> anyhow::Result<Answer> {
        let Verdict::Costs(known) = self.gate(Call::Read, "").await else {
            anyhow::bail!("the source answers nothing");
        };
        let mut facts = FactsBuilder::new(request.projection.clone());
        for (index, group) in GROUPS.iter().enumerate() {
            let resource = Scope::parse(&format!("/subscriptions/a/resourceGroups/{group}"))?;
            let columns = request.projection.dimensions.iter();
            let tags = request.projection.tags.iter();
            let series = facts.series(SeriesKey {
                place: Arc::new(Place {
                    resource: Some(resource),
                    ..Place::default()
                }),
                currency: "EUR".parse()?,
                category: ChargeCategory::Usage,
                dimensions: columns.map(|_| Arc::from("Storage")).collect(),
                tags: tags.map(|_| Arc::from("")).collect(),
            });
            for (offset, costs) in known.days.iter().enumerate().skip(known.hidden) {
                let day = plus_days(known.first, offset as i32);
                facts.add(series, day, Some(Decimal::from(costs[index])), None)?;
            }
        }
        Ok(Answer {
            facts: facts.finish(known.as_of),
            notes: Vec::new(),
        })
    }
}
