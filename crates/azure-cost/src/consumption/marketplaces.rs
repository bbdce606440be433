//! Marketplace charges: third-party offers of Enterprise and pay-as-you-go accounts.

use budget_engine::{Currency, Scope, ScopeKind};
use futures::{Stream, TryStreamExt, future};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::{API_VERSION, ChargePeriod, in_billing_period, short_path};
use crate::client::{Client, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::parameters::quoted;
use crate::request::Request;

/// A charge of Azure Marketplace. Text that Azure leaves out is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MarketplaceCharge {
    /// Id of the record.
    pub id: String,
    /// Path of the billing period.
    pub billing_period_id: String,
    /// Beginning of the use.
    pub usage_start: Timestamp,
    /// End of the use.
    pub usage_end: Timestamp,
    /// Cost before tax.
    pub pretax_cost: Decimal,
    /// Currency of the cost.
    pub currency: Currency,
    /// Price of one unit.
    pub resource_rate: Option<Decimal>,
    /// Units consumed.
    pub consumed_quantity: Option<Decimal>,
    /// What is counted.
    pub unit_of_measure: String,
    /// Offer.
    pub offer_name: String,
    /// Plan of the offer.
    pub plan_name: String,
    /// Who sells it.
    pub publisher_name: String,
    /// Order number.
    pub order_number: String,
    /// Resource name.
    pub instance_name: String,
    /// Resource id.
    pub instance_id: String,
    /// Resource group.
    pub resource_group: String,
    /// Subscription id.
    pub subscription_guid: String,
    /// Subscription name.
    pub subscription_name: String,
    /// Enrollment account name.
    pub account_name: String,
    /// Department name.
    pub department_name: String,
    /// Cost center.
    pub cost_center: String,
    /// Resource provider.
    pub consumed_service: String,
    /// Meter id.
    pub meter_id: String,
    /// Tags of the resource.
    pub tags: Vec<(String, String)>,
    /// Whether the cost is an estimate.
    pub is_estimated: Option<bool>,
    /// Whether it is charged again every month.
    pub is_recurring_charge: Option<bool>,
}

/// Which marketplace charges to read. What is `None` is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MarketplaceQuery {
    /// When the use was.
    pub period: ChargePeriod,
    /// Name of a resource group.
    pub resource_group: Option<String>,
    /// Name of a resource.
    pub instance_name: Option<String>,
    /// Id of a resource.
    pub instance_id: Option<String>,
}

const KINDS: [ScopeKind; 5] = [
    ScopeKind::Subscription,
    ScopeKind::ManagementGroup,
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
];

impl Client {
    /// The marketplace charges of a scope whose use began on the days from `from` until before
    /// `to`. Served for subscriptions, management groups, billing accounts, departments and
    /// enrollment accounts of Enterprise and pay-as-you-go customers; under a Customer Agreement
    /// they are usage rows.
    pub fn marketplaces(
        &self,
        scope: &Scope,
        from: Date,
        to: Date,
    ) -> impl Stream<Item = Result<MarketplaceCharge, Error>> + Send + use<> {
        let query = MarketplaceQuery {
            period: ChargePeriod::Days(from, to),
            ..MarketplaceQuery::default()
        };
        self.marketplaces_where(scope, &query)
    }

    /// The same, of a billing period or of some resources only.
    pub fn marketplaces_where(
        &self,
        scope: &Scope,
        query: &MarketplaceQuery,
    ) -> impl Stream<Item = Result<MarketplaceCharge, Error>> + Send + use<> {
        let operation = format!("read marketplace charges of {scope}");
        let path = path_of_kind(&operation, scope, &KINDS)
            .and_then(|_| short_path(&operation, scope))
            .and_then(|path| match &query.period {
                ChargePeriod::BillingPeriod(name) => in_billing_period(&operation, &path, name),
                _ => Ok(path),
            });
        lazily(path.map(|path| {
            let tail = "/providers/Microsoft.Consumption/marketplaces";
            let request = Request::get(operation, self.url(&path, tail, &parameters(query)));
            // Whether Azure reads a bare day as its midnight is written down nowhere.
            let days = match query.period {
                ChargePeriod::Days(from, to) => from..to,
                _ => Date::MIN..Date::MAX,
            };
            let charges = items(self.transport.clone(), request, read);
            charges.try_filter(move |charge| {
                let day = charge.usage_start.to_zoned(TimeZone::UTC).date();
                future::ready(days.contains(&day))
            })
        }))
    }
}

fn parameters(query: &MarketplaceQuery) -> String {
    let mut conditions = Vec::new();
    if let ChargePeriod::Days(from, to) = query.period {
        // By the beginning at both ends: a charge across the end of a month belongs to one of them.
        conditions.push(format!("properties/usageStart ge '{from}'"));
        conditions.push(format!("properties/usageStart lt '{to}'"));
    }
    let resource = [
        ("resourceGroup", &query.resource_group),
        ("instanceName", &query.instance_name),
        ("instanceId", &query.instance_id),
    ];
    conditions.extend(resource.into_iter().filter_map(|(name, value)| {
        let value = quoted(value.as_ref()?);
        Some(format!("properties/{name} eq {value}"))
    }));
    let mut parameters = format!("{API_VERSION}&$top=1000");
    if !conditions.is_empty() {
        parameters.push_str("&$filter=");
        parameters.push_str(&conditions.join(" and "));
    }
    parameters
}

fn read(item: &RawValue) -> Result<MarketplaceCharge, String> {
    let item = Fields::of(item)?;
    let properties = item.object("properties")?;
    let moment = |name| {
        let moment = properties.optional_moment(name)?;
        moment.ok_or_else(|| properties.missing(name))
    };
    Ok(MarketplaceCharge {
        id: item.text("id")?,
        billing_period_id: properties.text("billingPeriodId")?,
        usage_start: moment("usageStart")?,
        usage_end: moment("usageEnd")?,
        pretax_cost: properties.decimal("pretaxCost")?,
        currency: properties.currency("currency")?,
        resource_rate: properties.optional_decimal("resourceRate")?,
        consumed_quantity: properties.optional_decimal("consumedQuantity")?,
        unit_of_measure: properties.text("unitOfMeasure")?,
        offer_name: properties.text("offerName")?,
        plan_name: properties.text("planName")?,
        publisher_name: properties.text("publisherName")?,
        order_number: properties.text("orderNumber")?,
        instance_name: properties.text("instanceName")?,
        instance_id: properties.text("instanceId")?,
        resource_group: properties.text("resourceGroup")?,
        subscription_guid: properties.text("subscriptionGuid")?,
        subscription_name: properties.text("subscriptionName")?,
        account_name: properties.text("accountName")?,
        department_name: properties.text("departmentName")?,
        cost_center: properties.text("costCenter")?,
        consumed_service: properties.text("consumedService")?,
        meter_id: properties.text("meterId")?,
        tags: item.text_map("tags").into_iter().collect(),
        is_estimated: properties.optional_flag("isEstimated")?,
        is_recurring_charge: properties.optional_flag("isRecurringCharge")?,
    })
}
