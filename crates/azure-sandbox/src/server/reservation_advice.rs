//! Which reservations would pay.

use axum::http::StatusCode;
use jiff::Unit;
use rust_decimal::Decimal;

use super::answer::{Answer, Handled, Object, Refusal, midnight};
use super::operation::{CONSUMPTION, Call, Operation, get};
use super::rows;
use super::scope::Kind;
use super::shapes::{exact, money, resource};
use crate::books::Advice;
use crate::world::Term;

const ADVISED: &[Kind] = &[
    Kind::Subscription,
    Kind::ResourceGroup,
    Kind::BillingAccount,
    Kind::BillingProfile,
];

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "ReservationRecommendations_List",
        "{scope}/providers/Microsoft.Consumption/reservationRecommendations",
        CONSUMPTION,
        recommendations,
    )
    .at(ADVISED),
    get(
        "ReservationRecommendationDetails_Get",
        "{scope}/providers/Microsoft.Consumption/reservationRecommendationDetails",
        CONSUMPTION,
        recommendation,
    )
    .at(ADVISED),
];

/// Days to look back; `name` is where the text stands.
pub(super) fn look_back(text: &str, name: &str) -> Result<u32, Refusal> {
    let digits = text.trim_start_matches("Last").trim_end_matches("Days");
    match digits {
        "7" => Ok(7),
        "30" => Ok(30),
        "60" => Ok(60),
        _ => Err(Refusal::bad_request(format!(
            "The value '{text}' of {name} is none of Last7Days, Last30Days, Last60Days."
        ))),
    }
}

fn recommendations(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    let (mut single, mut days) = (true, 7);
    for term in call.filter_terms()? {
        if term.is("scope") {
            single = !term.value.eq_ignore_ascii_case("shared");
        } else if term.is("lookBackPeriod") {
            days = look_back(&term.value, "lookBackPeriod")?;
        } else if !term.is("resourceType") {
            let message = format!(
                "The $filter on '{}' is invalid; it may be on scope, resourceType and \
                 lookBackPeriod.",
                term.name
            );
            return Err(Refusal::bad_request(message));
        } else if !term.value.eq_ignore_ascii_case("VirtualMachines") {
            return Ok(Answer::empty(StatusCode::NO_CONTENT));
        }
    }
    let books = call.sandbox.books();
    let own = rows::subscriptions(world, scope);
    let advice = books.advice(days).into_iter();
    let advice = advice.filter(|each| own.iter().any(|known| known.id == each.subscription.id));
    let items = advice.zip(1..).map(|(advice, number)| {
        let modern = world.agreement.is_modern();
        let properties = advised(&advice, days, single, modern);
        let kind = "Microsoft.Consumption/reservationRecommendations";
        resource(&scope.path, kind, &format!("{number:08}"), properties)
            .with("kind", if modern { "modern" } else { "legacy" })
            .with("location", &advice.charge.region)
            .with("sku", &advice.meter.arm_sku)
    });
    let page = call.page(items, call.page_size(1000)?)?;
    if page.items.is_empty() && page.next.is_none() {
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    }
    Ok(page.answer())
}

pub(super) fn advised(advice: &Advice, days: u32, single: bool, modern: bool) -> Object {
    let currency = &advice.subscription.currency;
    let hours = i64::from(days) * 24;
    let mut object = Object::new()
        .with("instanceFlexibilityRatio", 1)
        .with("instanceFlexibilityGroup", &advice.meter.subcategory)
        .with("normalizedSize", &advice.meter.arm_sku)
        .with("recommendedQuantityNormalized", exact(advice.quantity))
        .with("recommendedQuantity", exact(advice.quantity))
        .with("meterId", &advice.meter.id)
        .with("resourceType", "VirtualMachines")
        .with("term", advice.term.code())
        .with("firstUsageDate", midnight(advice.first))
        .with("lastUsageDate", midnight(advice.last))
        .with("totalHours", hours)
        .with("skuProperties", None::<()>)
        .with("scope", if single { "Single" } else { "Shared" });
    if single {
        object = object.with("subscriptionId", &advice.subscription.id);
    }
    let amounts = [
        ("costWithNoReservedInstances", advice.cost_without()),
        ("totalCostWithReservedInstances", advice.cost_with()),
        ("netSavings", advice.savings()),
    ];
    for (name, amount) in amounts {
        object = match modern {
            true => object.with(name, money(amount, currency)),
            false => object.with(name, exact(amount)),
        };
    }
    match modern {
        true => object
            .with("lookBackPeriod", days)
            .with("location", &advice.charge.region)
            .with("skuName", &advice.meter.arm_sku),
        false => object.with("lookBackPeriod", format!("Last{days}Days")),
    }
}

fn recommendation(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    let wanted = |name: &str| {
        let message = || format!("The parameter {name} is required.");
        let found = call.request.parameter(name);
        found.ok_or_else(|| Refusal::bad_request(message()))
    };
    let (shared, region, product) = (wanted("scope")?, wanted("region")?, wanted("product")?);
    let term = match wanted("term")?.to_ascii_uppercase().as_str() {
        "P1Y" => Some(Term::OneYear),
        "P3Y" => Some(Term::ThreeYears),
        "P1M" => None,
        other => {
            let message = format!("The term '{other}' is none of P1M, P1Y, P3Y.");
            return Err(Refusal::bad_request(message));
        }
    };
    let days = look_back(wanted("lookBackPeriod")?, "lookBackPeriod")?;
    let books = call.sandbox.books();
    let own = rows::subscriptions(world, scope);
    let advice = books.advice(days);
    let found = advice.iter().find(|each| {
        own.iter().any(|known| known.id == each.subscription.id)
            && Some(each.term) == term
            && each.charge.region.eq_ignore_ascii_case(region)
            && each.meter.arm_sku.eq_ignore_ascii_case(product)
    });
    let Some(advice) = found else {
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    };
    // What fewer, as many, and more than advised would have cost.
    let one = Decimal::ONE;
    let quantities = [
        advice.quantity - one,
        advice.quantity,
        advice.quantity + one,
    ];
    let savings = quantities.into_iter().filter(|each| *each > Decimal::ZERO);
    let savings: Vec<Object> = savings.map(|quantity| saving(advice, quantity)).collect();
    let is_shared = shared.eq_ignore_ascii_case("shared");
    let scopes = if is_shared {
        Vec::new()
    } else {
        vec![&*advice.subscription.id]
    };
    let properties = Object::new()
        .with("currency", &advice.subscription.currency)
        .with("scope", shared)
        .with("resourceGroup", None::<()>)
        .with(
            "resource",
            Object::new()
                .with("appliedScopes", scopes)
                .with("onDemandRate", exact(advice.on_demand))
                .with("product", &advice.meter.arm_sku)
                .with("region", &advice.charge.region)
                .with("reservationRate", exact(advice.reserved))
                .with("resourceType", "virtualmachines"),
        )
        .with(
            "savings",
            Object::new()
                .with("calculatedSavings", savings)
                .with("lookBackPeriod", days)
                .with("recommendedQuantity", exact(advice.quantity))
                .with("reservationOrderTerm", advice.term.code())
                .with("savingsType", "instance")
                .with("unitOfMeasure", "hour"),
        )
        .with(
            "usage",
            Object::new()
                .with("firstConsumptionDate", advice.first.to_string())
                .with("lastConsumptionDate", advice.last.to_string())
                .with("lookBackUnitType", "Days")
                .with("usageGrain", "Daily")
                .with(
                    "usageData",
                    advice
                        .hours
                        .iter()
                        .map(|each| exact(*each))
                        .collect::<Vec<_>>(),
                ),
        );
    let kind = "Microsoft.Consumption/reservationRecommendationDetails";
    let body = resource(&scope.path, kind, &advice.meter.id, properties)
        .with("location", &advice.charge.region)
        .with("sku", &advice.meter.arm_sku);
    Ok(Answer::json(&body))
}

fn saving(advice: &Advice, quantity: Decimal) -> Object {
    let (paid, over) = (
        advice.reservation_cost(quantity),
        advice.overage_cost(quantity),
    );
    let span = advice.first.until((Unit::Day, advice.last));
    let days = Decimal::from(span.map_or(1, |span| span.get_days() + 1));
    Object::new()
        .with("onDemandCost", exact(advice.cost_without()))
        .with("overageCost", exact(over))
        .with("quantity", exact(quantity))
        .with("reservationCost", exact(paid))
        .with("totalReservationCost", exact(paid + over))
        .with(
            "reservedUnitCount",
            exact(quantity * days * Decimal::from(24)),
        )
        .with("savings", exact(advice.cost_without() - paid - over))
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::Value;

    use super::super::reservations::tests::{TAIL, sandbox};

    #[tokio::test]
    async fn advice_adds_up_in_both_shapes() {
        for name in ["enterprise", "customer"] {
            let (_, sandbox, scope) = sandbox(name);
            let path = format!(
                "{scope}/providers/Microsoft.Consumption/reservationRecommendations?{TAIL}\
                 &$filter=properties/lookBackPeriod eq 'Last30Days'"
            );
            let items = sandbox.list(&path).await;
            assert!(!items.is_empty(), "{name}");
            let number = |item: &Value, key: &str| -> Decimal {
                let value = &item["properties"][key];
                let value = if name == "customer" {
                    &value["value"]
                } else {
                    value
                };
                value.to_string().parse().unwrap()
            };
            for item in &items {
                let saved = number(item, "costWithNoReservedInstances")
                    - number(item, "totalCostWithReservedInstances");
                assert_eq!(number(item, "netSavings"), saved);
            }
            let path = format!(
                "{scope}/providers/Microsoft.Consumption/reservationRecommendationDetails?{TAIL}\
                 &scope=Single&region=westeurope&term=P3Y&lookBackPeriod=Last30Days&product={}",
                items[0]["sku"].as_str().unwrap()
            );
            let (status, body) = sandbox.get(&path).await;
            assert_eq!(status, 200, "{body}");
            let savings = &body["properties"]["savings"];
            let wanted = &savings["recommendedQuantity"];
            let all = savings["calculatedSavings"].as_array().unwrap();
            let own = all.iter().find(|each| each["quantity"] == *wanted).unwrap();
            let of = |key: &str| own[key].to_string().parse::<Decimal>().unwrap();
            assert_eq!(
                of("savings"),
                of("onDemandCost") - of("totalReservationCost")
            );
            assert_eq!(
                body["properties"]["usage"]["usageData"]
                    .as_array()
                    .unwrap()
                    .len(),
                30
            );
        }
    }
}
