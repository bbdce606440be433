//! Dimensions: what costs can be filtered and grouped by, and which values occur.

use budget_engine::Scope;
use futures::{Stream, TryStreamExt, pin_mut};
use jiff::civil::Date;
use serde_json::value::RawValue;

use super::API_VERSION;
use crate::client::{Client, scope_path};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{Page, Resume, items, pages};
use crate::request::Request;

/// Which dimensions are asked for, and whether with their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DimensionQuery {
    /// One dimension only, such as `ResourceId`.
    pub category: Option<String>,
    /// Values that occur on the days from this one; without days it is up to Azure.
    pub from: Option<Date>,
    /// Values that occur before this day.
    pub to: Option<Date>,
    /// Whether values come along.
    pub with_values: bool,
    /// Values in one answer, 1 to 1,000.
    pub top: Option<u16>,
}

/// A dimension, or a part of the values of a long one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DimensionValues {
    /// Its name in filters and groupings.
    pub category: String,
    /// Its name for people.
    pub description: String,
    /// Whether costs can be filtered by it; unknown if Azure does not say.
    pub filter_enabled: Option<bool>,
    /// Whether costs can be grouped by it; unknown if Azure does not say.
    pub grouping_enabled: Option<bool>,
    /// Values, in Azure's letter case, which varies.
    pub values: Vec<String>,
    /// How many values there are in all.
    pub total: Option<i64>,
    /// First day on which the values occur.
    pub usage_start: Option<Date>,
    /// Last day on which the values occur.
    pub usage_end: Option<Date>,
}

impl Client {
    /// The dimensions of a scope. With values, a dimension that has many of them comes in several
    /// parts, one after the other.
    pub fn dimensions(
        &self,
        scope: &Scope,
        query: &DimensionQuery,
    ) -> impl Stream<Item = Result<DimensionValues, Error>> + Send + use<> {
        let operation = format!("read dimensions of {scope}");
        let path = scope_path(&operation, scope);
        let parameters = parameters(&operation, query);
        let client = self.clone();
        let with_values = query.with_values;
        async_stream::try_stream! {
            let tail = "/providers/Microsoft.CostManagement/dimensions";
            let url = client.url(&path?, tail, &parameters?);
            let first = Request::get(operation, url);
            let found = items(client.transport.clone(), first.clone(), read);
            pin_mut!(found);
            while let Some((dimension, link)) = found.try_next().await? {
                yield dimension;
                let Some(link) = link.filter(|_| with_values) else { continue };
                // Each dimension has a link to more of its own values.
                let rest = pages(client.transport.clone(), first.clone(), Some(Resume::at(link)), |answer, page, _| {
                    read_rest(&answer.body, page)
                });
                pin_mut!(rest);
                while let Some((parts, _)) = rest.try_next().await? {
                    for part in parts {
                        yield part;
                    }
                }
            }
        }
    }
}

fn parameters(operation: &str, query: &DimensionQuery) -> Result<String, Error> {
    let mut conditions = Vec::new();
    if let Some(category) = &query.category {
        if category.is_empty() || !category.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let problem = format!("`{category}` is no name of a dimension");
            return Err(Error::not_sent(operation, problem));
        }
        conditions.push(format!("properties/category eq '{category}'"));
    }
    if let Some(from) = query.from {
        conditions.push(format!("properties/usageStart ge '{from}'"));
    }
    if let Some(to) = query.to {
        conditions.push(format!("properties/usageEnd lt '{to}'"));
    }
    let mut parameters = API_VERSION.to_owned();
    if !conditions.is_empty() {
        parameters.push_str(&format!("&$filter={}", conditions.join(" and ")));
    }
    if query.with_values {
        parameters.push_str("&$expand=properties/data");
    }
    if let Some(top) = query.top {
        parameters.push_str(&format!("&$top={}", top.clamp(1, 1000)));
    }
    Ok(parameters)
}

/// A dimension and the link to more of its values.
fn read(item: &RawValue) -> Result<(DimensionValues, Option<String>), String> {
    let item = Fields::of(item)?;
    let properties = item.object("properties")?;
    let dimension = DimensionValues {
        category: properties.required_text("category")?,
        description: properties.text("description")?,
        filter_enabled: properties.optional_flag("filterEnabled")?,
        grouping_enabled: properties.optional_flag("groupingEnabled")?,
        values: properties.texts("data")?,
        total: properties.optional_integer("total")?,
        usage_start: local_day(&properties, "usageStart")?,
        usage_end: local_day(&properties, "usageEnd")?,
    };
    Ok((dimension, properties.optional_text("nextLink")?))
}

/// The day as it is written: Azure adds an offset of its own place, which is not meant.
fn local_day(properties: &Fields, name: &str) -> Result<Option<Date>, String> {
    let text = properties.text(name)?;
    match text.get(..10).and_then(|day| day.parse().ok()) {
        Some(day) => Ok(Some(day)),
        None => properties.optional_day(name),
    }
}

/// A further page of one dimension: a list with a single item, which has the link.
fn read_rest(body: &[u8], number: usize) -> Result<Page<Vec<DimensionValues>>, String> {
    let in_page = |problem| format!("{problem} in page {number}");
    let page = Fields::of_body(body).map_err(|problem| format!("page {number} {problem}"))?;
    let mut rest = Page {
        content: Vec::new(),
        next: None,
    };
    for item in page.list("value").map_err(in_page)? {
        let (dimension, link) = read(item).map_err(in_page)?;
        rest.content.push(dimension);
        rest.next = rest.next.or(link);
    }
    Ok(rest)
}
