//! The older billing API of subscriptions: periods, invoices, and enrollment accounts.

use super::answer::{Answer, Handled, Object, Refusal};
use super::downloads;
use super::filter::Comparison;
use super::operation::{Call, Operation, day, get};
use super::rows;
use super::scope::Kind;
use super::shapes::{only, period_name, resource};
use crate::books::Invoice;
use crate::world::Agreement;

const VERSIONS: &[&str] = &["2018-03-01-preview", "2017-04-24-preview"];
const PERIODS: &str = "Microsoft.Billing/billingPeriods";
const INVOICES: &str = "Microsoft.Billing/invoices";

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "BillingPeriods_List",
        "{scope}/providers/Microsoft.Billing/billingPeriods",
        VERSIONS,
        periods,
    )
    .at(&[Kind::Subscription]),
    get(
        "BillingPeriods_Get",
        "{scope}/providers/Microsoft.Billing/billingPeriods/{name}",
        VERSIONS,
        |call| named(call, &all_periods(call)?),
    )
    .at(&[Kind::Subscription]),
    get(
        "SubscriptionInvoices_List",
        "{scope}/providers/Microsoft.Billing/invoices",
        VERSIONS,
        list,
    )
    .at(&[Kind::Subscription]),
    get(
        "SubscriptionInvoices_Get",
        "{scope}/providers/Microsoft.Billing/invoices/{name}",
        VERSIONS,
        one,
    )
    .at(&[Kind::Subscription]),
    get(
        "EnrollmentAccounts_List",
        "/providers/Microsoft.Billing/enrollmentAccounts",
        VERSIONS,
        |call| {
            Ok(call
                .page(accounts(call)?.into_iter().map(|each| each.1), 100)?
                .answer())
        },
    ),
    get(
        "EnrollmentAccounts_Get",
        "/providers/Microsoft.Billing/enrollmentAccounts/{name}",
        VERSIONS,
        |call| named(call, &accounts(call)?),
    ),
];

/// Name and item, for each of a list.
type Items = Vec<(String, Object)>;

fn named(call: &Call, items: &Items) -> Handled {
    let asked = call.name("name");
    let found = items
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(asked));
    let message = || format!("There is no '{asked}' here.");
    let (_, item) = found.ok_or_else(|| Refusal::not_found("NotFound", message()))?;
    Ok(Answer::json(item))
}

/// Invoices of the subscription, newest first.
fn own(call: &Call) -> Result<Vec<Invoice>, Refusal> {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    let subscription = world.subscription(&scope.id);
    let mut invoices = call.sandbox.books().invoices();
    invoices.retain(|each| subscription.is_some_and(|own| each.payer.pays_for(own)));
    Ok(invoices)
}

/// Whether a last day passes the terms of `$filter` on a name.
fn ends_in(call: &Call, name: &str, last: jiff::civil::Date) -> Result<bool, Refusal> {
    for term in call.filter_terms()? {
        if !term.is(name) {
            let message = format!(
                "The $filter on '{}' is invalid; it may be on {name}.",
                term.name
            );
            return Err(Refusal::bad_request(message));
        }
        let at = day("$filter", &term.value)?;
        let passes = match term.comparison {
            Comparison::Equal => last == at,
            Comparison::Less => last < at,
            Comparison::LessOrEqual => last <= at,
            Comparison::Greater => last > at,
            Comparison::GreaterOrEqual => last >= at,
            Comparison::Contains => false,
        };
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}

fn all_periods(call: &Call) -> Result<Items, Refusal> {
    let invoices = own(call)?;
    let scope = &call.scope()?.path;
    let books = call.sandbox.books();
    let mut months: Vec<_> = books.months().collect();
    months.reverse();
    let mut items = Items::new();
    for month in months {
        let last = month.last_of_month();
        if !ends_in(call, "billingPeriodEndDate", last)? {
            continue;
        }
        let of_month = invoices.iter().filter(|each| each.month == month);
        let ids = of_month.map(|each| format!("{scope}/providers/{INVOICES}/{}", each.name));
        let properties = Object::new()
            .with("billingPeriodStartDate", month)
            .with("billingPeriodEndDate", last)
            .with("invoiceIds", ids.collect::<Vec<_>>());
        let name = period_name(month);
        let item = resource(scope, PERIODS, &name, properties);
        items.push((name, item));
    }
    Ok(items)
}

fn periods(call: &Call) -> Handled {
    let items = all_periods(call)?.into_iter().map(|each| each.1);
    Ok(call.page(items, call.page_size(100)?)?.answer())
}

fn item(call: &Call, invoice: &Invoice, with_url: bool) -> Result<Object, Refusal> {
    let scope = &call.scope()?.path;
    let period = format!("{scope}/providers/{PERIODS}/{}", period_name(invoice.month));
    let mut properties = Object::new()
        .with("invoicePeriodStartDate", invoice.month)
        .with("invoicePeriodEndDate", invoice.month.last_of_month())
        .with("billingPeriodIds", [period]);
    if with_url {
        let link = downloads::link(call, "invoice", &invoice.name, 1);
        let url = Object::new()
            .with("expiryTime", link.until)
            .with("url", link.url);
        properties = properties.with("downloadUrl", url);
    }
    Ok(resource(scope, INVOICES, &invoice.name, properties))
}

fn list(call: &Call) -> Handled {
    only(&call.world, &[Agreement::PayAsYouGo])?;
    let expand = call.request.parameter("$expand").unwrap_or_default();
    let with_url = expand.eq_ignore_ascii_case("downloadUrl");
    let mut items = Vec::new();
    for invoice in own(call)? {
        if ends_in(call, "invoicePeriodEndDate", invoice.month.last_of_month())? {
            items.push(item(call, &invoice, with_url)?);
        }
    }
    Ok(call.page(items, call.page_size(100)?)?.answer())
}

fn one(call: &Call) -> Handled {
    only(&call.world, &[Agreement::PayAsYouGo])?;
    let asked = call.name("name");
    let invoices = own(call)?;
    let found = match asked.eq_ignore_ascii_case("latest") {
        true => invoices.first(),
        false => invoices
            .iter()
            .find(|each| each.name.eq_ignore_ascii_case(asked)),
    };
    let message = || format!("There is no invoice '{asked}'.");
    let invoice = found.ok_or_else(|| Refusal::not_found("NotFound", message()))?;
    Ok(Answer::json(&item(call, invoice, true)?))
}

fn accounts(call: &Call) -> Result<Items, Refusal> {
    only(&call.world, &[Agreement::Enterprise])?;
    let sections = call.world.sections().into_iter();
    let items = sections.map(|section| {
        let properties = Object::new().with("principalName", "owner@contoso.example");
        let kind = "Microsoft.Billing/enrollmentAccounts";
        let name = &section.part.id;
        (name.clone(), resource("", kind, name, properties))
    });
    Ok(items.collect())
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::super::tests::Local;
    use crate::scenario::Scenario;

    #[tokio::test]
    async fn periods_and_invoices_name_each_other() {
        let world = Scenario::named("pay-as-you-go").unwrap().world;
        let options = Options {
            page_rows: 3,
            ..Options::new(world.today)
        };
        let scope = format!("/subscriptions/{}", world.subscriptions[0].id);
        let sandbox = Local::over(world, options);
        let tail = "api-version=2018-03-01-preview";
        let list = format!("{scope}/providers/Microsoft.Billing/billingPeriods?{tail}");
        let periods = sandbox.list(&list).await;
        // February to the open November.
        assert_eq!(periods.len(), 10);
        assert_eq!(periods[0]["name"], "202611");
        assert_eq!(
            periods[0]["properties"]["invoiceIds"]
                .as_array()
                .unwrap()
                .len(),
            0
        );
        let list = format!("{scope}/providers/Microsoft.Billing/invoices?{tail}");
        let invoices = sandbox.list(&list).await;
        assert_eq!(invoices.len(), 9);
        assert_eq!(periods[1]["properties"]["invoiceIds"][0], invoices[0]["id"]);
        assert_eq!(
            invoices[0]["properties"]["billingPeriodIds"][0],
            periods[1]["id"]
        );
        assert!(invoices[0]["properties"]["downloadUrl"].is_null());
        let latest = format!("{scope}/providers/Microsoft.Billing/invoices/latest?{tail}");
        let (status, body) = sandbox.get(&latest).await;
        assert_eq!(
            (status.as_u16(), &body["name"]),
            (200, &invoices[0]["name"])
        );
        assert!(body["properties"]["downloadUrl"]["url"].is_string());
        let some = list + "&$filter=invoicePeriodEndDate le 2026-03-31";
        assert_eq!(sandbox.list(&some).await.len(), 2);
    }
}
