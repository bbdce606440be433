//! The two shapes of usage details.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::answer::{Exact, midnight};
use crate::world::{CostRow, Meter, Reservation};

/// A row as the agreement's shape has it; `with_meter` expands the details of legacy meters.
pub(super) fn item(row: &CostRow, with_meter: bool) -> Box<RawValue> {
    let is_modern = row.world.agreement.is_modern();
    let name = format!("{}-{}", row.date, row.number);
    let meter = row.meter();
    let properties = if is_modern {
        Properties::Modern(Box::new(modern(row, meter)))
    } else {
        Properties::Legacy(Box::new(legacy(row, meter, with_meter)))
    };
    let tags = &row.group.tags;
    let item = Item {
        id: format!(
            "/subscriptions/{}/providers/Microsoft.Consumption/usageDetails/{name}",
            row.subscription.id
        ),
        name,
        item_type: "Microsoft.Consumption/usageDetails",
        kind: if is_modern { "modern" } else { "legacy" },
        tags: (!tags.is_empty()).then(|| tags.iter().cloned().collect()),
        properties,
    };
    to_raw_value(&item).expect("rows hold nothing that JSON cannot")
}

#[derive(Serialize)]
struct Item {
    id: String,
    name: String,
    #[serde(rename = "type")]
    item_type: &'static str,
    kind: &'static str,
    tags: Option<BTreeMap<String, String>>,
    properties: Properties,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Properties {
    Legacy(Box<Legacy>),
    Modern(Box<Modern>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Legacy {
    billing_account_id: String,
    billing_account_name: String,
    billing_period_start_date: String,
    billing_period_end_date: String,
    billing_profile_id: String,
    billing_profile_name: String,
    account_name: String,
    subscription_id: String,
    subscription_name: String,
    date: String,
    product: String,
    part_number: String,
    meter_id: String,
    meter_details: Option<MeterDetails>,
    quantity: Exact,
    effective_price: Exact,
    cost: Exact,
    unit_price: Exact,
    billing_currency: String,
    resource_location: String,
    consumed_service: String,
    resource_id: String,
    resource_name: String,
    invoice_section: String,
    resource_group: String,
    reservation_id: Option<String>,
    reservation_name: Option<String>,
    product_order_id: Option<String>,
    product_order_name: Option<String>,
    is_azure_credit_eligible: bool,
    term: Option<&'static str>,
    publisher_name: String,
    publisher_type: &'static str,
    plan_name: Option<String>,
    charge_type: String,
    frequency: &'static str,
    #[serde(rename = "payGPrice")]
    payg_price: Exact,
    pricing_model: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MeterDetails {
    meter_name: String,
    meter_category: String,
    meter_sub_category: String,
    unit_of_measure: &'static str,
    service_family: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Modern {
    billing_account_id: String,
    billing_account_name: String,
    billing_period_start_date: String,
    billing_period_end_date: String,
    billing_profile_id: String,
    billing_profile_name: String,
    invoice_section_id: String,
    invoice_section_name: String,
    subscription_guid: String,
    subscription_name: String,
    date: String,
    product: String,
    product_identifier: String,
    meter_id: String,
    meter_name: String,
    meter_region: String,
    meter_category: String,
    meter_sub_category: String,
    service_family: &'static str,
    quantity: Exact,
    unit_of_measure: &'static str,
    instance_name: String,
    cost_in_billing_currency: Exact,
    cost_in_pricing_currency: Exact,
    #[serde(rename = "costInUSD")]
    cost_in_usd: Exact,
    unit_price: Exact,
    effective_price: Exact,
    market_price: Exact,
    #[serde(rename = "payGPrice")]
    payg_price: Exact,
    payg_cost_in_billing_currency: Exact,
    #[serde(rename = "paygCostInUSD")]
    payg_cost_in_usd: Exact,
    billing_currency_code: String,
    pricing_currency_code: &'static str,
    exchange_rate: String,
    exchange_rate_date: String,
    exchange_rate_pricing_to_billing: Exact,
    resource_location: String,
    resource_location_normalized: String,
    consumed_service: String,
    additional_info: &'static str,
    resource_group: String,
    reservation_id: Option<String>,
    reservation_name: Option<String>,
    product_order_id: Option<String>,
    product_order_name: Option<String>,
    is_azure_credit_eligible: bool,
    term: Option<&'static str>,
    publisher_name: String,
    publisher_type: &'static str,
    charge_type: String,
    frequency: &'static str,
    service_period_start_date: String,
    service_period_end_date: String,
    customer_tenant_id: Option<String>,
    customer_name: Option<String>,
    pricing_model: &'static str,
    provider: &'static str,
}

/// What the API calls the pricing model that files write without a space.
fn pricing_model(row: &CostRow) -> &'static str {
    match row.pricing_model() {
        "OnDemand" => "On Demand",
        other => other,
    }
}

fn of(row: &CostRow, part: impl Fn(&Reservation) -> &String) -> Option<String> {
    row.reservation.map(|each| part(each).clone())
}

fn legacy(row: &CostRow, meter: Meter, with_meter: bool) -> Legacy {
    let (world, subscription) = (row.world, row.subscription);
    let (period_start, period_end) = row.billing_period();
    let offer = row.charge.offer.as_ref();
    Legacy {
        billing_account_id: world.billing_account.clone(),
        billing_account_name: world.account_name.clone(),
        billing_period_start_date: midnight(period_start),
        billing_period_end_date: midnight(period_end),
        billing_profile_id: world.billing_account.clone(),
        billing_profile_name: world.account_name.clone(),
        account_name: subscription.section.part.name.clone(),
        subscription_id: subscription.id.clone(),
        subscription_name: subscription.name.clone(),
        date: midnight(row.date),
        product: meter.product,
        part_number: meter.part_number,
        meter_id: meter.id,
        meter_details: with_meter.then_some(MeterDetails {
            meter_name: meter.name,
            meter_category: meter.category,
            meter_sub_category: meter.subcategory,
            unit_of_measure: meter.unit_of_measure,
            service_family: meter.family,
        }),
        quantity: Exact(row.quantity),
        effective_price: Exact(row.price),
        cost: Exact(row.cost),
        unit_price: Exact(row.unit_price()),
        billing_currency: subscription.currency.clone(),
        resource_location: row.charge.region.clone(),
        consumed_service: row.consumed_service().to_owned(),
        resource_id: row.resource_id(),
        resource_name: row.resource.clone(),
        invoice_section: subscription.section.parent.name.clone(),
        resource_group: row.group.name.clone(),
        reservation_id: of(row, |each| &each.id),
        reservation_name: of(row, |each| &each.name),
        product_order_id: of(row, |each| &each.order),
        product_order_name: of(row, |each| &each.name),
        is_azure_credit_eligible: offer.is_none(),
        term: row.reservation.map(|each| each.term.code()),
        publisher_name: row.publisher().to_owned(),
        publisher_type: row.publisher_type(false),
        plan_name: offer.map(|offer| offer.plan.clone()),
        charge_type: row.charge_type.to_owned(),
        frequency: row.frequency(),
        payg_price: Exact(row.list_price()),
        pricing_model: pricing_model(row),
    }
}

fn modern(row: &CostRow, meter: Meter) -> Modern {
    let (world, subscription) = (row.world, row.subscription);
    let (section, rate) = (&subscription.section, row.exchange_rate());
    let (period_start, period_end) = row.billing_period();
    let list_cost = row.quantity * row.list_price();
    Modern {
        billing_account_id: world.billing_account.clone(),
        billing_account_name: world.account_name.clone(),
        billing_period_start_date: midnight(period_start),
        billing_period_end_date: midnight(period_end),
        billing_profile_id: section.parent.id.clone(),
        billing_profile_name: section.parent.name.clone(),
        invoice_section_id: section.part.id.clone(),
        invoice_section_name: section.part.name.clone(),
        subscription_guid: subscription.id.clone(),
        subscription_name: subscription.name.clone(),
        date: midnight(row.date),
        product: meter.product,
        product_identifier: meter.product_id,
        meter_id: meter.id,
        meter_name: meter.name,
        meter_region: meter.region,
        meter_category: meter.category,
        meter_sub_category: meter.subcategory,
        service_family: meter.family,
        quantity: Exact(row.quantity),
        unit_of_measure: meter.unit_of_measure,
        instance_name: row.resource_id(),
        cost_in_billing_currency: Exact(row.cost),
        cost_in_pricing_currency: Exact(row.cost_in_usd()),
        cost_in_usd: Exact(row.cost_in_usd()),
        unit_price: Exact((row.unit_price() / rate).normalize()),
        effective_price: Exact((row.price / rate).normalize()),
        market_price: Exact((row.list_price() / rate).normalize()),
        payg_price: Exact((row.list_price() / rate).normalize()),
        payg_cost_in_billing_currency: Exact(list_cost.normalize()),
        payg_cost_in_usd: Exact((list_cost / rate).normalize()),
        billing_currency_code: subscription.currency.clone(),
        pricing_currency_code: "USD",
        exchange_rate: rate.to_string(),
        exchange_rate_date: midnight(period_start),
        exchange_rate_pricing_to_billing: Exact(rate),
        resource_location: row.charge.region.clone(),
        resource_location_normalized: row.charge.region.clone(),
        consumed_service: row.consumed_service().to_owned(),
        additional_info: "",
        resource_group: row.group.name.clone(),
        reservation_id: of(row, |each| &each.id),
        reservation_name: of(row, |each| &each.name),
        product_order_id: of(row, |each| &each.order),
        product_order_name: of(row, |each| &each.name),
        is_azure_credit_eligible: row.charge.offer.is_none(),
        term: row.reservation.map(|each| each.term.code()),
        publisher_name: row.publisher().to_owned(),
        publisher_type: row.publisher_type(true),
        charge_type: row.charge_type.to_owned(),
        frequency: row.frequency(),
        service_period_start_date: midnight(period_start),
        service_period_end_date: midnight(period_end),
        customer_tenant_id: section.customer.as_ref().map(|each| each.id.clone()),
        customer_name: section.customer.as_ref().map(|each| each.name.clone()),
        pricing_model: pricing_model(row),
        provider: "Azure",
    }
}
