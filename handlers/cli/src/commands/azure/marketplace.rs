//! `azure marketplace`: what was bought from others than Microsoft.

use azure_cost::MarketplaceCharge;
use budget_engine::{Money, ScopeKind};

use super::Asking;
use crate::args::azure::Days;
use crate::listing::{List, Value};

const KINDS: &[ScopeKind] = &[
    ScopeKind::Subscription,
    ScopeKind::ManagementGroup,
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
];

pub(super) async fn run(asking: &Asking<'_>, days: &Days) -> anyhow::Result<()> {
    let scope = asking.scope(KINDS)?;
    let (from, to) = days.range()?;
    let list = List::of("charge", "charges")
        .shown("Begin", "usage_start", |charge: &MarketplaceCharge| {
            charge.usage_start.strftime("%Y-%m-%d").to_string()
        })
        .field("usage_end", |charge| {
            charge.usage_end.strftime("%Y-%m-%d").to_string()
        })
        .shown("Publisher", "publisher", |charge| {
            Value::from(&charge.publisher_name)
        })
        .shown("Offer", "offer", |charge| Value::from(&charge.offer_name))
        .shown("Plan", "plan", |charge| Value::from(&charge.plan_name))
        .field("order", |charge| Value::from(&charge.order_number))
        .field("subscription_id", |charge| {
            Value::from(&charge.subscription_guid)
        })
        .field("subscription_name", |charge| {
            Value::from(&charge.subscription_name)
        })
        .shown("Resource group", "resource_group", |charge| {
            Value::from(&charge.resource_group)
        })
        .field("resource_id", |charge| Value::from(&charge.instance_id))
        .field("department", |charge| Value::from(&charge.department_name))
        .field("account", |charge| Value::from(&charge.account_name))
        .field("cost_center", |charge| Value::from(&charge.cost_center))
        .field("quantity", |charge| charge.consumed_quantity)
        .field("unit", |charge| Value::from(&charge.unit_of_measure))
        .field("rate", |charge| charge.resource_rate)
        .field("is_estimated", |charge| charge.is_estimated)
        .field("is_recurring", |charge| charge.is_recurring_charge)
        .field("tags", |charge| Value::Pairs(charge.tags.clone()))
        .number("Cost", "cost", |charge| {
            Value::money(charge.pretax_cost, charge.currency)
        })
        .field("currency", |charge| charge.currency)
        .total(|charge| Some(Money::new(charge.pretax_cost, charge.currency)));
    let charges = asking.client()?.marketplaces(&scope, from, to);
    asking.list(list, &scope, charges).await
}
