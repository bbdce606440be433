//! What Azure recommends to reserve, and what it would save.

use budget_engine::{Currency, Scope, ScopeKind};
use futures::Stream;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::API_VERSION;
use crate::client::{Client, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::parameters::{encoded, filter, quoted};
use crate::request::Request;
use crate::wire;

const KINDS: [ScopeKind; 4] = [
    ScopeKind::Subscription,
    ScopeKind::ResourceGroup,
    ScopeKind::BillingAccount,
    ScopeKind::BillingProfile,
];

/// Which recommendations to read. What is `None` is left to Azure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecommendationFilter {
    /// `Single` (Azure's default) or `Shared`.
    pub scope: Option<String>,
    /// For example `VirtualMachines` (Azure's default) or `SQLDatabases`.
    pub resource_type: Option<String>,
    /// The days looked at: `Last7Days` (Azure's default), `Last30Days` or `Last60Days`.
    pub look_back_period: Option<String>,
}

/// A recommendation to reserve. What Azure leaves out is `None` or `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReservationRecommendation {
    /// Name of the recommendation.
    pub name: String,
    /// `legacy` (Enterprise, pay-as-you-go) or `modern` (Customer Agreement); `""` is `legacy`.
    /// Of another kind the amounts are not read.
    pub kind: String,
    /// Region.
    pub location: String,
    /// What to reserve, for example `Standard_D8s_v5`.
    pub sku: String,
    /// `Single` or `Shared`.
    pub scope: String,
    /// The subscription, where the scope is `Single`.
    pub subscription_id: String,
    /// The days looked at, for example `Last30Days`.
    pub look_back_period: String,
    /// How long to reserve: `P1Y` or `P3Y`.
    pub term: String,
    /// Type of the resources.
    pub resource_type: String,
    /// Meter id.
    pub meter_id: String,
    /// How many to reserve.
    pub recommended_quantity: Option<Decimal>,
    /// How many of the normalized size.
    pub recommended_quantity_normalized: Option<Decimal>,
    /// The size in whose units the normalized quantity counts.
    pub normalized_size: String,
    /// Sizes that can stand for each other.
    pub instance_flexibility_group: String,
    /// How many of the smallest size of the group this one is.
    pub instance_flexibility_ratio: Option<Decimal>,
    /// Cost of the days looked at without reservations.
    pub cost_with_no_reserved_instances: Option<Decimal>,
    /// Cost of the same days with the recommended reservations.
    pub total_cost_with_reserved_instances: Option<Decimal>,
    /// What they would have saved.
    pub net_savings: Option<Decimal>,
    /// Currency of the amounts; `legacy` recommendations name none, it is the billing currency.
    pub currency: Option<Currency>,
    /// Beginning of the use that was looked at.
    pub first_usage_date: Option<Timestamp>,
    /// End of that use.
    pub last_usage_date: Option<Timestamp>,
    /// Hours that were looked at.
    pub total_hours: Option<i64>,
    /// Properties of what to reserve, by name.
    pub sku_properties: Vec<(String, String)>,
}

/// Of which recommendation to read details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecommendationDetailsQuery {
    /// `Single` or `Shared`.
    pub scope: String,
    /// Region, for example `westeurope`.
    pub region: String,
    /// `P1M`, `P1Y` or `P3Y`.
    pub term: String,
    /// `Last7Days`, `Last30Days` or `Last60Days`.
    pub look_back_period: String,
    /// What to reserve, for example `Standard_D8s_v5`.
    pub product: String,
    /// A subscription to look at alone.
    pub subscription_id: Option<String>,
}

/// How a recommendation came about. What Azure leaves out is `None` or `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecommendationDetails {
    /// Currency of all amounts.
    pub currency: Currency,
    /// `Single` or `Shared`.
    pub scope: String,
    /// Resource group, if it is of one.
    pub resource_group: String,
    /// Subscriptions that the reservation would apply to.
    pub applied_scopes: Vec<String>,
    /// What to reserve.
    pub product: String,
    /// Region.
    pub region: String,
    /// Type of the resources.
    pub resource_type: String,
    /// Price of a unit without a reservation.
    pub on_demand_rate: Option<Decimal>,
    /// Price of a unit with one.
    pub reservation_rate: Option<Decimal>,
    /// Days looked at.
    pub look_back_days: Option<i64>,
    /// How many to reserve.
    pub recommended_quantity: Option<Decimal>,
    /// How long: `P1M`, `P1Y` or `P3Y`.
    pub term: String,
    /// What the savings count, for example `instance`.
    pub savings_type: String,
    /// Unit of the rates, for example `hour`.
    pub unit_of_measure: String,
    /// What each quantity would have saved.
    pub calculated_savings: Vec<CalculatedSavings>,
    /// The use that was looked at.
    pub usage: RecommendationUsage,
}

/// What reserving a quantity would have saved, in the currency of the details.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CalculatedSavings {
    /// How many are reserved.
    pub quantity: Decimal,
    /// Cost without reservations.
    pub on_demand_cost: Option<Decimal>,
    /// Cost of what the reservations do not cover.
    pub overage_cost: Option<Decimal>,
    /// Cost of the reservations.
    pub reservation_cost: Option<Decimal>,
    /// Cost of the reservations and of what they do not cover.
    pub total_reservation_cost: Option<Decimal>,
    /// Units reserved.
    pub reserved_unit_count: Option<Decimal>,
    /// What is saved; negative if it would cost more.
    pub savings: Decimal,
}

/// The use that a recommendation was made from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RecommendationUsage {
    /// Its beginning.
    pub first_consumption_date: Option<Timestamp>,
    /// Its end.
    pub last_consumption_date: Option<Timestamp>,
    /// What is counted, for example `virtualMachine quantity`.
    pub look_back_unit_type: String,
    /// The counts, one for each step of the grain.
    pub usage_data: Vec<Decimal>,
    /// The grain, for example `hourly`.
    pub usage_grain: String,
}

impl Client {
    /// What Azure recommends to reserve at a subscription, resource group, billing account
    /// (Enterprise) or billing profile (Customer Agreement).
    pub fn reservation_recommendations(
        &self,
        scope: &Scope,
        wanted: &RecommendationFilter,
    ) -> impl Stream<Item = Result<ReservationRecommendation, Error>> + Send + use<> {
        let operation = format!("read reservation recommendations of {scope}");
        let conditions = [
            ("scope", &wanted.scope),
            ("resourceType", &wanted.resource_type),
            ("lookBackPeriod", &wanted.look_back_period),
        ];
        let conditions = conditions.into_iter().filter_map(|(name, value)| {
            let value = quoted(value.as_ref()?);
            Some(format!("properties/{name} eq {value}"))
        });
        let query = format!("{API_VERSION}{}", filter(&conditions.collect::<Vec<_>>()));
        lazily(path_of_kind(&operation, scope, &KINDS).map(|path| {
            let tail = "/providers/Microsoft.Consumption/reservationRecommendations";
            let request = Request::get(operation, self.url(&path, tail, &query));
            items(self.transport.clone(), request, read)
        }))
    }

    /// How a recommendation came about; `None` if Azure has none.
    pub async fn reservation_recommendation_details(
        &self,
        scope: &Scope,
        query: &RecommendationDetailsQuery,
    ) -> Result<Option<RecommendationDetails>, Error> {
        let operation = format!("read reservation recommendation details of {scope}");
        let path = path_of_kind(&operation, scope, &KINDS)?;
        let conditions = query.subscription_id.iter();
        let conditions =
            conditions.map(|id| format!("properties/subscriptionId eq {}", encoded(id)));
        let query = format!(
            "{API_VERSION}&scope={}&region={}&term={}&lookBackPeriod={}&product={}{}",
            encoded(&query.scope),
            encoded(&query.region),
            encoded(&query.term),
            encoded(&query.look_back_period),
            encoded(&query.product),
            filter(&conditions.collect::<Vec<_>>()),
        );
        let tail = "/providers/Microsoft.Consumption/reservationRecommendationDetails";
        let request = Request::get(operation, self.url(&path, tail, &query));
        self.read_one(&request, read_details).await
    }
}

fn read(item: &RawValue) -> Result<ReservationRecommendation, String> {
    let item = Fields::of(item)?;
    let properties = item.object("properties")?;
    let kind = item.text("kind")?;
    let mut currency = None;
    let mut amount = |name| -> Result<Option<Decimal>, String> {
        // Old API versions knew one kind and did not name it.
        if kind.is_empty() || kind.eq_ignore_ascii_case("legacy") {
            return properties.optional_decimal(name);
        }
        if !kind.eq_ignore_ascii_case("modern") {
            return Ok(None);
        }
        let Some(money) = properties.optional_money(name)? else {
            return Ok(None);
        };
        if *currency.get_or_insert(money.currency) != money.currency {
            return Err(properties.wrong(name, "in the currency of the other amounts"));
        }
        Ok(Some(money.amount))
    };
    let (cost_with_no_reserved_instances, total_cost_with_reserved_instances, net_savings) = (
        amount("costWithNoReservedInstances")?,
        amount("totalCostWithReservedInstances")?,
        amount("netSavings")?,
    );
    // The modern shape has some of it among the properties.
    let either = |outer: &str, inner: &str| match item.text(outer)? {
        text if text.is_empty() => properties.text(inner),
        text => Ok(text),
    };
    Ok(ReservationRecommendation {
        name: item.text("name")?,
        location: either("location", "location")?,
        sku: either("sku", "skuName")?,
        scope: properties.text("scope")?,
        subscription_id: properties.text("subscriptionId")?,
        look_back_period: look_back_period(properties.text("lookBackPeriod")?),
        term: properties.text("term")?,
        resource_type: properties.text("resourceType")?,
        meter_id: properties.text("meterId")?,
        recommended_quantity: properties.optional_decimal("recommendedQuantity")?,
        recommended_quantity_normalized: properties
            .optional_decimal("recommendedQuantityNormalized")?,
        normalized_size: properties.text("normalizedSize")?,
        instance_flexibility_group: properties.text("instanceFlexibilityGroup")?,
        instance_flexibility_ratio: properties.optional_decimal("instanceFlexibilityRatio")?,
        cost_with_no_reserved_instances,
        total_cost_with_reserved_instances,
        net_savings,
        currency,
        first_usage_date: properties.optional_moment("firstUsageDate")?,
        last_usage_date: properties.optional_moment("lastUsageDate")?,
        total_hours: properties.optional_integer("totalHours")?,
        sku_properties: sku_properties(&properties)?,
        kind,
    })
}

/// The modern shape writes a number of days where the legacy one has a word.
fn look_back_period(text: String) -> String {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match is_number {
        true => format!("Last{text}Days"),
        false => text,
    }
}

fn sku_properties(properties: &Fields) -> Result<Vec<(String, String)>, String> {
    let found = properties.objects("skuProperties")?;
    let read = |property: &Fields| Ok((property.text("name")?, property.text("value")?));
    found.iter().map(read).collect()
}

fn read_details(body: &Fields) -> Result<RecommendationDetails, String> {
    let properties = body.object("properties")?;
    let resource = properties.object("resource")?;
    let savings = properties.object("savings")?;
    let calculated = savings.objects("calculatedSavings")?;
    let usage = properties.optional_object("usage")?;
    Ok(RecommendationDetails {
        currency: properties.currency("currency")?,
        scope: properties.text("scope")?,
        resource_group: properties.text("resourceGroup")?,
        applied_scopes: resource.texts("appliedScopes")?,
        product: resource.text("product")?,
        region: resource.text("region")?,
        resource_type: resource.text("resourceType")?,
        on_demand_rate: resource.optional_decimal("onDemandRate")?,
        reservation_rate: resource.optional_decimal("reservationRate")?,
        look_back_days: savings.optional_integer("lookBackPeriod")?,
        recommended_quantity: savings.optional_decimal("recommendedQuantity")?,
        term: savings.text("reservationOrderTerm")?,
        savings_type: savings.text("savingsType")?,
        unit_of_measure: savings.text("unitOfMeasure")?,
        calculated_savings: calculated
            .iter()
            .map(read_savings)
            .collect::<Result<_, _>>()?,
        usage: usage.map_or(Ok(RecommendationUsage::default()), |usage| {
            read_usage(&usage)
        })?,
    })
}

fn read_savings(fields: &Fields) -> Result<CalculatedSavings, String> {
    Ok(CalculatedSavings {
        quantity: fields.decimal("quantity")?,
        on_demand_cost: fields.optional_decimal("onDemandCost")?,
        overage_cost: fields.optional_decimal("overageCost")?,
        reservation_cost: fields.optional_decimal("reservationCost")?,
        total_reservation_cost: fields.optional_decimal("totalReservationCost")?,
        reserved_unit_count: fields.optional_decimal("reservedUnitCount")?,
        savings: fields.decimal("savings")?,
    })
}

fn read_usage(fields: &Fields) -> Result<RecommendationUsage, String> {
    let data = fields.optional_list("usageData")?;
    let count = |raw: &&RawValue| {
        wire::decimal(raw).ok_or_else(|| fields.wrong("usageData", "a list of numbers"))
    };
    Ok(RecommendationUsage {
        first_consumption_date: fields.optional_moment("firstConsumptionDate")?,
        last_consumption_date: fields.optional_moment("lastConsumptionDate")?,
        look_back_unit_type: fields.text("lookBackUnitType")?,
        usage_data: data.iter().map(count).collect::<Result<_, _>>()?,
        usage_grain: fields.text("usageGrain")?,
    })
}
