//! A grouped query as a month reader.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use azure_cost::{Client, QueryDefinition, QueryRow, TimePeriod};
use budget_engine::{
    ChargeCategory, CostBasis, Dimension, FactsBuilder, Place, Projection, Scope, SeriesKey,
};
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use jiff::civil::Date;

use super::plan::Group;
use crate::sources::months::{Begun, Costs, MonthReader, Save};

pub(super) struct Query<'a> {
    pub(super) client: &'a Client,
    pub(super) scope: &'a Scope,
    pub(super) groups: &'a [Group],
    pub(super) basis: CostBasis,
    pub(super) projection: &'a Projection,
}

#[async_trait]
impl MonthReader for Query<'_> {
    fn identity(&self) -> String {
        let names: Vec<String> = self.groups.iter().map(ToString::to_string).collect();
        format!("query of {} by {}", self.scope, names.join(" and "))
    }

    async fn read(
        &self,
        days: Range<Date>,
        _: Option<Begun>,
        _: &Save<'_>,
    ) -> anyhow::Result<Costs> {
        let as_of = Timestamp::now();
        let period = TimePeriod::days(days.start, days.end);
        let mut definition = QueryDefinition::costs(self.basis, period).daily();
        for name in self.groups.iter().filter_map(Group::query_name) {
            definition = definition.by_dimension(name);
        }
        let mut facts = FactsBuilder::new(self.projection.clone());
        let mut places = HashMap::new();
        let rows = self.client.query(self.scope, &definition);
        pin_mut!(rows);
        while let Some(row) = rows.next().await {
            let row = row?;
            let date = row.date().context("a row of the query has no day")?;
            let cost = row.cost().context("a row of the query has no cost")?;
            if !days.contains(&date) {
                continue;
            }
            let key = self.key(&row, &mut places)?;
            let series = facts.series(key);
            let (actual, amortized) = match self.basis {
                CostBasis::Actual => (Some(cost), None),
                CostBasis::Amortized => (None, Some(cost)),
            };
            facts.add(series, date, actual, amortized)?;
        }
        Ok(facts.finish(as_of).into())
    }
}

impl Query<'_> {
    fn key(
        &self,
        row: &QueryRow,
        places: &mut HashMap<String, Arc<Place>>,
    ) -> anyhow::Result<SeriesKey> {
        let value = |dimension: Dimension| {
            let group = self
                .groups
                .iter()
                .find(|group| **group == Group::Dimension(dimension));
            let name = group.and_then(Group::query_name);
            name.and_then(|name| row.text(name)).unwrap_or_default()
        };
        let category = if self.groups.contains(&Group::ChargeType) {
            let word = row.text("ChargeType").unwrap_or_default();
            ChargeCategory::from_charge_type(word)
        } else {
            // No budget of this read tells categories apart.
            ChargeCategory::Usage
        };
        let dimensions = self.projection.dimensions.iter();
        Ok(SeriesKey {
            place: self.place(
                value(Dimension::SubAccountId),
                value(Dimension::ResourceGroupName),
                places,
            ),
            currency: row
                .currency()
                .context("a row of the query has no currency")?,
            category,
            dimensions: dimensions.map(|name| value(*name).into()).collect(),
            tags: Vec::new(),
        })
    }

    fn place(
        &self,
        subscription: &str,
        group: &str,
        places: &mut HashMap<String, Arc<Place>>,
    ) -> Arc<Place> {
        let key = format!("{subscription}\n{group}").to_lowercase();
        let place = places.entry(key).or_insert_with(|| {
            let subscription = match subscription.trim_matches('/').rsplit('/').next() {
                Some(id) if !id.is_empty() => Scope::subscription(id).ok(),
                _ => self.scope.subscription_of(),
            };
            let resource_group = subscription
                .as_ref()
                .and_then(|subscription| Scope::resource_group(subscription.id(), group).ok());
            Arc::new(Place {
                resource: resource_group.or(subscription),
                billing: Vec::new(),
                read_at: Some(self.scope.clone()),
            })
        });
        Arc::clone(place)
    }
}
