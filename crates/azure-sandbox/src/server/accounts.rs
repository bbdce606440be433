//! What an account adds up to: balances, charges, and the cost of a management group.

use rust_decimal::Decimal;

use super::answer::{Answer, Handled, Object, Refusal, plain_midnight};
use super::operation::{CONSUMPTION, Call, Operation, get};
use super::rows;
use super::scope::Kind;
use super::shapes::{Days, exact, money, only, period_id, period_name, resource};
use crate::books::{Balance, Sums};
use crate::world::{Agreement, Subscription};

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "Balances_Get",
        "{scope}/providers/Microsoft.Consumption/balances",
        CONSUMPTION,
        balance,
    )
    .at(&[Kind::BillingAccount]),
    get(
        "Charges_List",
        "{scope}/providers/Microsoft.Consumption/charges",
        CONSUMPTION,
        charges,
    )
    .at(&[
        Kind::BillingAccount,
        Kind::Department,
        Kind::EnrollmentAccount,
        Kind::BillingProfile,
        Kind::InvoiceSection,
        Kind::Customer,
    ]),
    get(
        "AggregatedCost_Get",
        "{scope}/providers/Microsoft.Consumption/aggregatedcost",
        CONSUMPTION,
        aggregated,
    )
    .at(&[Kind::ManagementGroup]),
];

fn balance(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    only(world, &[Agreement::Enterprise])?;
    let month = Days::of_period(call).first;
    let balances = call.sandbox.books().balances();
    let Some(balance) = balances.iter().find(|each| each.month == month) else {
        let message = format!("There is no balance of {}.", period_name(month));
        return Err(Refusal::not_found("NotFound", message));
    };
    // Currencies of balances are padded.
    let properties = Object::new().with("currency", format!("{}  ", world.currency));
    let properties = amounts(balance, properties)
        .with("billingFrequency", "Month")
        .with("priceHidden", false);
    let name = period_name(month);
    let kind = "Microsoft.Consumption/balances";
    Ok(Answer::json(&resource(
        &scope.path,
        kind,
        &name,
        properties,
    )))
}

/// The amounts of a balance.
pub(super) fn amounts(balance: &Balance, object: Object) -> Object {
    let details = |all: &[(String, Decimal)]| -> Vec<Object> {
        all.iter()
            .map(|(name, value)| {
                Object::new()
                    .with("name", name)
                    .with("value", exact(*value))
            })
            .collect()
    };
    let refunds = [("Refunds".to_owned(), balance.adjustments)];
    let refunds = &refunds[..usize::from(!balance.adjustments.is_zero())];
    object
        .with("beginningBalance", exact(balance.beginning))
        .with("endingBalance", exact(balance.ending()))
        .with("newPurchases", exact(balance.purchased()))
        .with("adjustments", exact(balance.adjustments))
        .with("utilized", exact(balance.utilized))
        .with("serviceOverage", exact(balance.service_overage))
        .with("chargesBilledSeparately", exact(balance.billed_separately))
        .with("totalOverage", exact(balance.total_overage()))
        .with("totalUsage", exact(balance.total_usage()))
        .with("azureMarketplaceServiceCharges", exact(balance.marketplace))
        .with("overageRefund", exact(Decimal::ZERO))
        .with("newPurchasesDetails", details(&balance.new_purchases))
        .with("adjustmentDetails", details(refunds))
}

/// Names that charges can be grouped by, and what a subscription has for them.
type Key = (&'static str, fn(&Subscription) -> String);

const KEYS: [Key; 4] = [
    ("billingProfileId", |each| each.section.parent.id.clone()),
    ("invoiceSectionId", |each| each.section.part.id.clone()),
    ("customerId", |each| {
        let customer = each.section.customer.as_ref();
        customer.map_or_else(String::new, |customer| customer.id.clone())
    }),
    ("subscriptionId", |each| each.id.clone()),
];

fn charges(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    let modern = world.agreement.is_modern();
    if scope.kind == Kind::BillingAccount {
        only(world, &[Agreement::Customer, Agreement::Partner])?;
    }
    let days = Days::of_period(call).asked_alone(call, "usageStart", "usageEnd")?;
    let keys = keys(call.request.parameter("$apply"))?;
    let books = call.sandbox.books();
    let own = rows::subscriptions(world, scope);
    let mut groups: Vec<Vec<String>> = Vec::new();
    for subscription in &own {
        let values = keys.iter().map(|(_, value)| value(subscription)).collect();
        if !groups.contains(&values) {
            groups.push(values);
        }
    }
    let mut items = Vec::new();
    for month in days.months() {
        for (values, number) in groups.iter().zip(1..) {
            let counts = |each: &Subscription| {
                own.iter().any(|known| known.id == each.id)
                    && (keys.iter().zip(values)).all(|((_, value), wanted)| value(each) == *wanted)
            };
            let sums = books.sums(month.first, month.last, &world.currency, counts);
            let name = format!("{}-{number}", period_name(month.first));
            let common = Object::new()
                .with("billingPeriodId", period_id(world, month.first))
                .with("usageStart", plain_midnight(month.first))
                .with("usageEnd", plain_midnight(month.last));
            let properties = if modern {
                let invoiced = books.closed_months().any(|each| each == month.first);
                let mut properties = common
                    .with("azureCharges", money(sums.azure(), &world.currency))
                    .with(
                        "chargesBilledSeparately",
                        money(sums.separate, &world.currency),
                    )
                    .with(
                        "marketplaceCharges",
                        money(sums.marketplace, &world.currency),
                    )
                    .with("billingAccountId", &world.billing_account)
                    .with("isInvoiced", invoiced);
                for ((key, _), value) in keys.iter().zip(values) {
                    properties = properties.with(key, value);
                }
                properties
            } else {
                legacy(common, &sums, "azureMarketplaceCharges").with("currency", &world.currency)
            };
            let kind = "Microsoft.Consumption/charges";
            let item = resource(&scope.path, kind, &name, properties);
            items.push(item.with("kind", if modern { "modern" } else { "legacy" }));
        }
    }
    Ok(Answer::json(&Object::new().with("value", items)))
}

fn legacy(object: Object, sums: &Sums, marketplace: &str) -> Object {
    object
        .with("azureCharges", exact(sums.azure()))
        .with("chargesBilledSeparately", exact(sums.separate))
        .with(marketplace, exact(sums.marketplace))
}

/// The names in `groupby((properties/a, properties/b))`.
fn keys(apply: Option<&str>) -> Result<Vec<Key>, Refusal> {
    let Some(apply) = apply else {
        return Ok(Vec::new());
    };
    let wrong = || {
        let known = KEYS.map(|(name, _)| name).join(", ");
        let message = format!(
            "The $apply '{apply}' is invalid; it is groupby((properties/name)) with {known}."
        );
        Refusal::bad_request(message)
    };
    let compact = apply.replace(' ', "");
    let inner = compact.strip_prefix("groupby((");
    let inner = inner.and_then(|rest| rest.strip_suffix("))"));
    let names = inner.ok_or_else(wrong)?.split(',');
    let keys = names.map(|name| {
        let name = name.trim_start_matches("properties/");
        let known = KEYS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.copied().ok_or_else(wrong)
    });
    keys.collect()
}

fn aggregated(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    only(world, &[Agreement::Enterprise, Agreement::PayAsYouGo])?;
    let days = Days::of_period(call).asked_alone(call, "usageStart", "usageEnd")?;
    let books = call.sandbox.books();
    let node = |name: &str, included: Vec<String>, children: Vec<Object>| {
        let sums = books.sums(days.first, days.last, &world.currency, |each| {
            included.contains(&each.id)
        });
        let properties = Object::new()
            .with("billingPeriodId", period_id(world, days.first))
            .with("usageStart", plain_midnight(days.first))
            .with("usageEnd", plain_midnight(days.last));
        let properties = legacy(properties, &sums, "marketplaceCharges")
            .with("currency", &world.currency)
            .with("children", children)
            .with("includedSubscriptions", included)
            .with("excludedSubscriptions", Vec::<String>::new());
        let kind = "Microsoft.Consumption/aggregatedcost";
        let group = format!("/providers/Microsoft.Management/managementGroups/{name}");
        resource(&group, kind, &period_name(days.first), properties)
    };
    let ids = |of: &dyn Fn(&Subscription) -> bool| -> Vec<String> {
        let all = world.subscriptions.iter().filter(|each| of(each));
        all.map(|each| each.id.clone()).collect()
    };
    // Below the group there is one for each department.
    let children = world.parents().into_iter().map(|parent| {
        let included = ids(&|each| each.section.parent.id == parent.id);
        node(&parent.id, included, Vec::new())
    });
    let children = children.collect();
    Ok(Answer::json(&node(&scope.id, ids(&|_| true), children)))
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::Value;

    use super::super::Options;
    use super::super::tests::Local;
    use crate::scenario::Scenario;
    use crate::world::{World, convert};

    fn sandbox(name: &str) -> (World, Local) {
        let world = Scenario::named(name).unwrap().world;
        let options = Options::new(world.today);
        (world.clone(), Local::over(world, options))
    }

    fn number(value: &Value) -> Decimal {
        value.to_string().parse().unwrap()
    }

    fn account(world: &World) -> String {
        format!(
            "/providers/Microsoft.Billing/billingAccounts/{}",
            world.billing_account
        )
    }

    #[tokio::test]
    async fn balances_follow_each_other_and_hold_the_months_rows() {
        let (world, sandbox) = sandbox("enterprise");
        let balance = async |month: &str| {
            let path = format!(
                "{}/billingPeriods/{month}/providers/Microsoft.Consumption/balances\
                 ?api-version=2024-08-01",
                account(&world)
            );
            let (status, body) = sandbox.get(&path).await;
            assert_eq!(status, 200, "{body}");
            body["properties"].clone()
        };
        let (october, november) = (balance("202610").await, balance("202611").await);
        assert_eq!(october["endingBalance"], november["beginningBalance"]);
        assert_eq!(october["currency"], "EUR  ");
        let first = jiff::civil::date(2026, 10, 1);
        let rows = world.rows_between(first, first.last_of_month());
        let rows: Decimal = rows.map(|row| row.cost).sum();
        let told = number(&october["totalUsage"])
            + number(&october["azureMarketplaceServiceCharges"])
            - number(&october["adjustments"]);
        assert_eq!(told, rows);
        let (status, _) = sandbox
            .get(&format!(
                "{}/billingPeriods/202001/providers/Microsoft.Consumption/balances\
                 ?api-version=2024-08-01",
                account(&world)
            ))
            .await;
        assert_eq!(status, 404);
    }

    #[tokio::test]
    async fn charges_of_parts_add_up_to_the_rows() {
        let (world, sandbox) = sandbox("customer");
        let path = format!(
            "{}/providers/Microsoft.Consumption/charges?api-version=2024-08-01\
             &startDate=2026-09-10&endDate=2026-10-31\
             &$apply=groupby((properties/billingProfileId))",
            account(&world)
        );
        let items = sandbox.list(&path).await;
        // Two profiles in two months.
        assert_eq!(items.len(), 4);
        let mut total = Decimal::ZERO;
        for item in &items {
            assert_eq!(item["kind"], "modern");
            for key in [
                "azureCharges",
                "chargesBilledSeparately",
                "marketplaceCharges",
            ] {
                total += number(&item["properties"][key]["value"]);
            }
        }
        let rows = world.rows_between(
            jiff::civil::date(2026, 9, 10),
            jiff::civil::date(2026, 10, 31),
        );
        let rows = rows.map(|row| convert(row.cost, &row.subscription.currency, "EUR"));
        assert_eq!(total, rows.sum::<Decimal>());
    }

    #[tokio::test]
    async fn departments_add_up_to_the_management_group() {
        let (world, sandbox) = sandbox("enterprise");
        let path = "/providers/Microsoft.Management/managementGroups/contoso/providers\
                    /Microsoft.Billing/billingPeriods/202610/providers/Microsoft.Consumption\
                    /aggregatedcost?api-version=2024-08-01";
        let (status, body) = sandbox.get(path).await;
        assert_eq!(status, 200, "{body}");
        let whole = &body["properties"];
        let children = whole["children"].as_array().unwrap();
        assert_eq!(children.len(), 2);
        for key in [
            "azureCharges",
            "chargesBilledSeparately",
            "marketplaceCharges",
        ] {
            let parts = children
                .iter()
                .map(|child| number(&child["properties"][key]));
            assert_eq!(parts.sum::<Decimal>(), number(&whole[key]), "{key}");
        }
        let mut total = Decimal::ZERO;
        for parent in world.parents() {
            let path = format!(
                "/providers/Microsoft.Billing/departments/{}/providers/Microsoft.Billing\
                 /billingPeriods/202610/providers/Microsoft.Consumption/charges\
                 ?api-version=2024-08-01",
                parent.id
            );
            let items = sandbox.list(&path).await;
            assert_eq!(items.len(), 1);
            assert_eq!(items[0]["kind"], "legacy");
            total += number(&items[0]["properties"]["azureCharges"]);
        }
        assert_eq!(total, number(&whole["azureCharges"]));
    }
}
