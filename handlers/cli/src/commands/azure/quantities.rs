//! `azure quantities`: how much of each meter was used, without prices (usage aggregates).

use anyhow::Context;
use azure_cost::{Granularity, UsageAggregate, UsageAggregatesQuery};
use budget_engine::ScopeKind;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{Asking, explained, nothing_of};
use crate::args::azure::Quantities;
use crate::listing::{List, Value};

pub(super) async fn run(asking: &Asking<'_>, options: &Quantities) -> anyhow::Result<()> {
    let scope = asking.scope(&[ScopeKind::Subscription])?;
    let (from, to) = options.days.range()?;
    let query = UsageAggregatesQuery {
        from: midnight(from)?,
        to: midnight(to)?,
        granularity: match options.hourly {
            true => Granularity::Hourly,
            false => Granularity::Daily,
        },
        show_details: options.by_resource,
    };
    let pages = asking.client()?.usage_aggregates(&scope, &query);
    let pages = pages.map(|page| page.map_err(|error| explained(error, &scope)));
    let rows = pages.map_ok(|page| stream::iter(page.rows.into_iter().map(anyhow::Ok)));
    let list = list(options).or_nothing(nothing_of(&scope, from, to));
    asking.print(list, rows.try_flatten()).await
}

fn midnight(day: Date) -> anyhow::Result<Timestamp> {
    let day = day.to_zoned(TimeZone::UTC);
    Ok(day
        .context("the day lies outside of the calendar")?
        .timestamp())
}

fn list(options: &Quantities) -> List<UsageAggregate> {
    let format = match options.hourly {
        true => "%Y-%m-%d %H:%M",
        false => "%Y-%m-%d",
    };
    let list = List::of("row", "rows")
        .shown("Begin", "usage_start", move |row: &UsageAggregate| {
            row.usage_start.strftime(format).to_string()
        })
        .field("usage_end", move |row| {
            row.usage_end.strftime(format).to_string()
        })
        .shown("Category", "category", |row| {
            Value::from(&row.meter_category)
        })
        .field("sub_category", |row| Value::from(&row.meter_sub_category))
        .shown("Meter", "meter", |row| Value::from(&row.meter_name))
        .field("meter_id", |row| Value::from(&row.meter_id))
        .shown("Region", "region", |row| Value::from(&row.meter_region));
    let list = match options.by_resource {
        true => list
            .shown("Resource", "resource", |row| {
                let instance = row.instance.as_ref();
                let uri = instance.map_or("", |instance| &instance.resource_uri);
                Value::from(uri.rsplit('/').next().unwrap_or_default())
            })
            .field("resource_id", |row| {
                row.instance
                    .as_ref()
                    .map(|instance| instance.resource_uri.clone())
            })
            .field("tags", |row| {
                let tags = row
                    .instance
                    .iter()
                    .flat_map(|instance| instance.tags.clone());
                Value::Pairs(tags.collect())
            }),
        false => list,
    };
    list.shown("Unit", "unit", |row| Value::from(&row.unit))
        .number("Quantity", "quantity", |row| row.quantity)
}
