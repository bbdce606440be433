//! Usage aggregates: how much of each meter was used, by day or by hour, without prices.

use std::collections::BTreeMap;

use budget_engine::{Scope, ScopeKind};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::API_VERSION;
use crate::client::{Client, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{Resume, item_pages, lazily};
use crate::request::Request;

/// Which usage to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageAggregatesQuery {
    /// Usage that was reported from this moment on: a full hour, and for days midnight UTC.
    pub from: Timestamp,
    /// Usage that was reported before this moment: a full hour, and for days midnight UTC.
    pub to: Timestamp,
    /// How finely it is divided.
    pub granularity: Granularity,
    /// Whether each resource has a row of its own, or all of a meter are one.
    pub show_details: bool,
}

/// The length of time that a row of usage covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Granularity {
    /// A day.
    Daily,
    /// An hour.
    Hourly,
}

/// One page of usage.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct UsageAggregatesPage {
    /// The rows.
    pub rows: Vec<UsageAggregate>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Resume>,
}

/// How much of a meter was used. The same hour or day may turn up in several rows, because usage
/// arrives in parts: they add up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageAggregate {
    /// Id of the row, which other rows may share.
    pub id: String,
    /// Name of the row.
    pub name: String,
    /// Subscription id.
    pub subscription_id: String,
    /// Meter id, by which the price is found.
    pub meter_id: String,
    /// When the use began.
    pub usage_start: Timestamp,
    /// When it ended.
    pub usage_end: Timestamp,
    /// How much.
    pub quantity: Decimal,
    /// Of what.
    pub unit: String,
    /// Meter name.
    pub meter_name: String,
    /// Meter category.
    pub meter_category: String,
    /// Meter subcategory.
    pub meter_sub_category: String,
    /// Meter region.
    pub meter_region: String,
    /// Fields of older kinds of resources.
    pub info_fields: BTreeMap<String, String>,
    /// The resource, if details were asked for and Azure gave them in a form that can be read.
    pub instance: Option<UsageInstance>,
    /// What Azure says of the resource, as it wrote it: JSON as text, or `""`.
    pub instance_data: String,
}

/// The resource that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageInstance {
    /// Full resource id.
    pub resource_uri: String,
    /// Region.
    pub location: String,
    /// Tags, names in Azure's spelling.
    pub tags: BTreeMap<String, String>,
    /// What else the service says.
    pub additional_info: BTreeMap<String, String>,
    /// Part number.
    pub part_number: String,
    /// Order number.
    pub order_number: String,
}

impl Client {
    /// The usage of a subscription, page by page.
    ///
    /// While Azure still prepares a page it is asked for again, as long as
    /// [`Limits::preparation`](crate::Limits) allows; then the error is [`Error::NotReady`], and a
    /// later read may go on where the last page said.
    pub fn usage_aggregates(
        &self,
        subscription: &Scope,
        query: &UsageAggregatesQuery,
    ) -> impl Stream<Item = Result<UsageAggregatesPage, Error>> + Send + use<> {
        self.usage_aggregates_from(subscription, query, None)
    }

    /// The same, from [`UsageAggregatesPage::next`] of an earlier read of the same query.
    pub fn usage_aggregates_from(
        &self,
        subscription: &Scope,
        query: &UsageAggregatesQuery,
        resume: Option<&Resume>,
    ) -> impl Stream<Item = Result<UsageAggregatesPage, Error>> + Send + use<> {
        let operation = format!("read usage aggregates of {subscription}");
        let path = path_of_kind(&operation, subscription, &[ScopeKind::Subscription]);
        let asked = path.and_then(|path| Ok((path, parameters(&operation, query)?)));
        let resume = resume.cloned();
        lazily(asked.map(|(path, query)| {
            let tail = "/providers/Microsoft.Commerce/UsageAggregates";
            let mut request = Request::get(operation, self.url(&path, tail, &query));
            request.may_be_in_preparation = true;
            // Ids name the subscription and the day, which many rows share.
            let pages = item_pages(self.transport.clone(), request, resume, |_| false, read);
            pages.map(|page| {
                let (rows, next) = page?;
                Ok(UsageAggregatesPage { rows, next })
            })
        }))
    }
}

fn parameters(operation: &str, query: &UsageAggregatesQuery) -> Result<String, Error> {
    let (granularity, unit, seconds) = match query.granularity {
        Granularity::Daily => ("Daily", "midnight UTC", 86_400),
        Granularity::Hourly => ("Hourly", "a full hour", 3600),
    };
    for moment in [query.from, query.to] {
        if moment.as_nanosecond().rem_euclid(seconds * 1_000_000_000) != 0 {
            let problem = format!("{granularity} usage is asked from {unit}, not from {moment}");
            return Err(Error::not_sent(operation, problem));
        }
    }
    if query.to <= query.from {
        let problem = format!(
            "there is no time from {} until before {}",
            query.from, query.to
        );
        return Err(Error::not_sent(operation, problem));
    }
    // The documented form of a moment, with its plus sign encoded.
    let written = |moment: Timestamp| moment.strftime("%Y-%m-%dT%H:%M:%S%%2B00:00").to_string();
    Ok(format!(
        "{API_VERSION}&reportedStartTime={}&reportedEndTime={}&aggregationGranularity={granularity}\
         &showDetails={}",
        written(query.from),
        written(query.to),
        query.show_details
    ))
}

fn read(item: &RawValue) -> Result<UsageAggregate, String> {
    let item = Fields::of(item)?;
    let properties = item.object("properties")?;
    let moment = |name| {
        let moment = properties.optional_moment(name)?;
        moment.ok_or_else(|| properties.missing(name))
    };
    let instance_data = properties.text("instanceData")?;
    Ok(UsageAggregate {
        id: item.text("id")?,
        name: item.text("name")?,
        subscription_id: properties.text("subscriptionId")?,
        meter_id: properties.required_text("meterId")?,
        usage_start: moment("usageStartTime")?,
        usage_end: moment("usageEndTime")?,
        quantity: properties.decimal("quantity")?,
        unit: properties.text("unit")?,
        meter_name: properties.text("meterName")?,
        meter_category: properties.text("meterCategory")?,
        meter_sub_category: properties.text("meterSubCategory")?,
        meter_region: properties.text("meterRegion")?,
        info_fields: properties.text_map("infoFields"),
        instance: read_instance(&instance_data).ok(),
        instance_data,
    })
}

/// JSON as text. The usage counts whether or not its resource can be read.
fn read_instance(text: &str) -> Result<UsageInstance, String> {
    let data = Fields::of_body(text.as_bytes())?;
    let resource = data.object("Microsoft.Resources")?;
    Ok(UsageInstance {
        resource_uri: resource.required_text("resourceUri")?,
        location: resource.text("location")?,
        tags: resource.text_map("tags"),
        additional_info: resource.text_map("additionalInfo"),
        part_number: resource.text("partNumber")?,
        order_number: resource.text("orderNumber")?,
    })
}
