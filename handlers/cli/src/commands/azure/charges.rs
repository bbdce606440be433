//! `azure charges`: charges of a billing scope by billing period, summed up by Azure.

use azure_cost::{AggregatedCost, ChargePeriod, ChargeSummary};
use budget_engine::{Scope, ScopeKind};
use futures::stream;

use super::{Asking, Explain};
use crate::args::azure::{Charges, ChargesBy};
use crate::args::wrong_use;
use crate::listing::{List, Value};

const KINDS: &[ScopeKind] = &[
    ScopeKind::ManagementGroup,
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
    if options.by.is_some() && scope.kind() != ScopeKind::BillingAccount {
        return Err(wrong_use(format!(
            "--by divides the charges of a billing account, and {scope} is {}",
            scope.kind().with_article()
        )));
    }
    if scope.kind() == ScopeKind::ManagementGroup {
        return of_group(asking, &scope, &period).await;
    }
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

/// A management group with all groups in it, each with what it costs with those in it.
async fn of_group(asking: &Asking<'_>, scope: &Scope, period: &ChargePeriod) -> anyhow::Result<()> {
    let cost = asking.client()?.aggregated_cost(scope, period).await;
    let mut groups = Vec::new();
    let mut left = vec![cost.explain(scope)?];
    while let Some(mut cost) = left.pop() {
        left.extend(std::mem::take(&mut cost.children).into_iter().rev());
        groups.push(cost);
    }
    let list = List::of("management group", "management groups")
        .shown("From", "usage_start", |cost: &AggregatedCost| {
            cost.usage_start
        })
        .shown("To", "usage_end", |cost| cost.usage_end)
        .field("billing_period_id", |cost| {
            Value::from(&cost.billing_period_id)
        })
        .shown("Group", "group", |cost| Value::from(group(&cost.id)))
        .number("Azure", "azure", |cost| {
            Value::money(cost.azure_charges, cost.currency)
        })
        .number("Billed separately", "billed_separately", |cost| {
            Value::money(cost.charges_billed_separately, cost.currency)
        })
        .number("Marketplace", "marketplace", |cost| {
            Value::money(cost.marketplace_charges, cost.currency)
        })
        .field("currency", |cost| cost.currency)
        .field("included_subscriptions", |cost| {
            Value::Texts(cost.included_subscriptions.clone())
        })
        .field("excluded_subscriptions", |cost| {
            Value::Texts(cost.excluded_subscriptions.clone())
        });
    asking
        .print(list, stream::iter(groups.into_iter().map(Ok)))
        .await
}

/// The name of the management group in the path of a record.
fn group(id: &str) -> &str {
    let mut parts = id.split('/');
    let is_fixed = |part: &str| part.eq_ignore_ascii_case("managementGroups");
    parts.find(|part| is_fixed(part));
    parts.next().unwrap_or_default()
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
