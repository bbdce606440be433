//! `Microsoft.Consumption/marketplaces`: what other companies sell.

use axum::http::StatusCode;

use super::answer::{Answer, Handled, Object, Refusal, midnight};
use super::filter::Term;
use super::operation::{CONSUMPTION, Call, Operation, get};
use super::rows;
use super::scope::Kind;
use super::shapes::{Days, exact, only, period_id, resource};
use crate::world::{Agreement, CostRow, Rhythm};

pub(super) const OPERATIONS: &[Operation] = &[get(
    "Marketplaces_List",
    "{scope}/providers/Microsoft.Consumption/marketplaces",
    CONSUMPTION,
    list,
)
.at(&[
    Kind::Subscription,
    Kind::ManagementGroup,
    Kind::BillingAccount,
    Kind::Department,
    Kind::EnrollmentAccount,
])];

fn list(call: &Call) -> Handled {
    let scope = call.scope()?;
    let world = &*call.world;
    rows::check_scope(world, scope)?;
    only(world, &[Agreement::Enterprise, Agreement::PayAsYouGo])?;
    let (days, terms) = Days::of_period(call).asked(call, "usageStart", "usageEnd")?;
    for term in &terms {
        let known = ["resourceGroup", "instanceName", "instanceId"];
        if !known.iter().any(|name| term.is(name)) {
            let message = format!(
                "The $filter on '{}' is invalid; it may be on usageStart, usageEnd, {}.",
                term.name,
                known.join(", ")
            );
            return Err(Refusal::bad_request(message));
        }
    }
    let size = call.page_size(1000)?;
    let rows = world.marketplace_between(days.first, days.last);
    let rows =
        rows.filter(|row| rows::is_in(row, scope) && terms.iter().all(|term| passes(row, term)));
    let page = call.page(rows.map(|row| item(&row)), size)?;
    if page.items.is_empty() && page.next.is_none() {
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    }
    Ok(page.answer())
}

fn passes(row: &CostRow, term: &Term) -> bool {
    if term.is("resourceGroup") {
        term.passes(&row.group.name)
    } else if term.is("instanceName") {
        term.passes(&row.resource)
    } else {
        term.passes(&row.resource_id())
    }
}

pub(super) fn properties(row: &CostRow) -> Object {
    let (subscription, meter) = (row.subscription, row.meter());
    let offer = row.charge.offer.as_ref();
    let day = midnight(row.date);
    Object::new()
        .with("billingPeriodId", period_id(row.world, row.date))
        .with("usageStart", &day)
        .with("usageEnd", &day)
        .with("resourceRate", exact(row.price))
        .with("offerName", offer.map(|offer| &offer.name))
        .with("resourceGroup", &row.group.name)
        .with("additionalInfo", "")
        .with("orderNumber", &meter.sku_id)
        .with("instanceName", &row.resource)
        .with("instanceId", row.resource_id())
        .with("currency", &subscription.currency)
        .with("consumedQuantity", exact(row.quantity))
        .with("unitOfMeasure", meter.unit_of_measure)
        .with("pretaxCost", exact(row.cost))
        .with("isEstimated", row.date >= row.world.today.first_of_month())
        .with("meterId", &meter.id)
        .with("subscriptionGuid", &subscription.id)
        .with("subscriptionName", &subscription.name)
        .with("accountName", &subscription.section.part.name)
        .with("departmentName", &subscription.section.parent.name)
        .with("consumedService", row.consumed_service())
        .with("costCenter", "")
        .with("additionalProperties", "")
        .with("publisherName", row.publisher())
        .with("planName", offer.map(|offer| &offer.plan))
        .with("isRecurringCharge", row.charge.rhythm == Rhythm::Monthly)
}

fn item(row: &CostRow) -> Object {
    let name = format!("{}-{}", row.date, row.number);
    let scope = format!("/subscriptions/{}", row.subscription.id);
    resource(
        &scope,
        "Microsoft.Consumption/marketplaces",
        &name,
        properties(row),
    )
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use rust_decimal::Decimal;

    use super::super::Options;
    use super::super::tests::Local;
    use crate::scenario::Scenario;

    #[tokio::test]
    async fn marketplace_rows_add_up_to_those_of_the_bill() {
        let world = Scenario::named("enterprise").unwrap().world;
        let options = Options {
            page_rows: 7,
            ..Options::new(world.today)
        };
        let sandbox = Local::over(world.clone(), options);
        let path = "/providers/Microsoft.Billing/billingAccounts/86420975/billingPeriods/202610\
                    /providers/Microsoft.Consumption/marketplaces?api-version=2024-08-01";
        let items = sandbox.list(path).await;
        // A plan a month, and notebooks on each of 31 days.
        assert_eq!(items.len(), 32);
        let costs = items.iter().map(|item| &item["properties"]["pretaxCost"]);
        let total: Decimal = costs
            .map(|cost| cost.to_string().parse::<Decimal>().unwrap())
            .sum();
        assert_eq!(total, Decimal::new(25_000 + 31 * 720, 2));
        let october = (date(2026, 10, 1), date(2026, 10, 31));
        let rows = world.rows_between(october.0, october.1);
        let rows = rows.filter(|row| row.charge.offer.is_some());
        assert_eq!(rows.map(|row| row.cost).sum::<Decimal>(), total);
    }
}
