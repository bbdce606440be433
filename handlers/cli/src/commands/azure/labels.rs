//! `azure tags` and `azure dimensions`: what costs can be filtered and grouped by.

use azure_cost::{DimensionQuery, DimensionValues, TagValues};

use super::{ANY, Asking};
use crate::args::azure::Dimensions;
use crate::listing::{List, Value};

pub(super) async fn tags(asking: &Asking<'_>) -> anyhow::Result<()> {
    let scope = asking.scope(ANY)?;
    let list = List::of("tag", "tags")
        .shown("Tag", "name", |tag: &TagValues| Value::from(&tag.key))
        .shown("Values", "values", |tag| Value::Texts(tag.values.clone()));
    asking
        .list(list, &scope, asking.client()?.tags(&scope))
        .await
}

pub(super) async fn dimensions(asking: &Asking<'_>, options: &Dimensions) -> anyhow::Result<()> {
    let scope = asking.scope(ANY)?;
    let (from, to) = options.days.range()?;
    let query = DimensionQuery {
        category: options.only.clone(),
        from: Some(from),
        to: Some(to),
        with_values: true,
        top: None,
    };
    let list = List::of("dimension", "dimensions")
        .shown("Dimension", "name", |dimension: &DimensionValues| {
            Value::from(&dimension.category)
        })
        .field("description", |dimension| {
            Value::from(&dimension.description)
        })
        .field("can_group", |dimension| dimension.grouping_enabled)
        .field("can_filter", |dimension| dimension.filter_enabled)
        .number("Count", "count", |dimension| dimension.total)
        .shown("Values", "values", |dimension| {
            Value::Texts(dimension.values.clone())
        });
    asking
        .list(list, &scope, asking.client()?.dimensions(&scope, &query))
        .await
}
