//! `azure charges`: charges of a billing scope by billing period, summed up by Azure.

use azure_cost::{ChargePeriod, ChargeSummary};
use budget_engine::ScopeKind;

use super::Asking;
use crate::args::azure::{Charges, ChargesBy};
use crate::listing::{List, Value};

const KINDS: &[ScopeKind] = &[
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
    ScopeKind::BillingProfile,
    ScopeKind::InvoiceSection,
    ScopeKind::Customer,
];

pub(super) async fn run(asking: &Asking<'_>, options: &Charges) -> anyhow::Result<()> {
    let scope = asking.scope(KINDS)?;
    let days = &options.days;
    let period = match (days.from, days.to) {
        (None, None) => ChargePeriod::Current,
        _ => {
            let (from, to) = days.range()?;
            ChargePeriod::Days(from, to)
        }
    };
    let by = options.by.map(|by| match by {
        ChargesBy::BillingProfile => "billingProfileId",
        ChargesBy::InvoiceSection => "invoiceSectionId",
        ChargesBy::Customer => "customerId",
    });
    let list = List::of("sum", "sums")
        .shown("From", "usage_start", |charge: &ChargeSummary| {
            charge.usage_start
        })
        .shown("To", "usage_end", |charge| charge.usage_end)
        .field("billing_period_id", |charge| {
            Value::from(&charge.billing_period_id)
        })
        .shown("Part", "part", |charge| Value::from(part(charge)))
        .field("billing_profile_id", |charge| {
            Value::from(&charge.billing_profile_id)
        })
        .field("invoice_section_id", |charge| {
            Value::from(&charge.invoice_section_id)
        })
        .field("customer_id", |charge| Value::from(&charge.customer_id))
        .field("subscription_id", |charge| {
            Value::from(&charge.subscription_id)
        })
        .field("is_invoiced", |charge| charge.is_invoiced)
        .number("Azure", "azure", |charge| {
            Value::money(charge.azure_charges, charge.currency)
        })
        .number("Billed separately", "billed_separately", |charge| {
            Value::money(charge.charges_billed_separately, charge.currency)
        })
        .number("Marketplace", "marketplace", |charge| {
            Value::money(charge.marketplace_charges, charge.currency)
        })
        .field("currency", |charge| charge.currency);
    let charges = asking.client()?.charges(&scope, &period, by);
    asking.list(list, &scope, charges).await
}

/// The name of the smallest part of the account that a sum is about.
fn part(charge: &ChargeSummary) -> &str {
    let ids = [
        &charge.invoice_section_id,
        &charge.customer_id,
        &charge.billing_profile_id,
    ];
    let id = ids.into_iter().find(|id| !id.is_empty());
    id.and_then(|id| id.rsplit('/').next()).unwrap_or_default()
}
