//! The retired Enterprise Reporting API: an API key instead of a token, and ETags.

use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, IF_NONE_MATCH};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::json;

use super::accounts;
use super::answer::{Answer, Handled, Object, Refusal, plain_midnight};
use super::auth::signature;
use super::operation::{Call, Operation, day, get};
use super::scope::BillingPeriod;
use super::shapes::{Days, exact, only, period_name};
use super::{reservation_advice, reservations};
use crate::world::{Agreement, CostRow, Reservation, Rhythm, Subscription};

/// An operation of this API. It takes no version, and looks at its own key.
const fn report(
    name: &'static str,
    path: &'static str,
    handle: fn(&Call<'_>) -> Handled,
) -> Operation {
    get(name, path, &[], handle).open()
}

pub(super) const OPERATIONS: &[Operation] = &[
    report(
        "EnterpriseBalanceSummary_Get",
        "/{version}/enrollments/{enrollment}/balancesummary",
        |call| balance(call, Days::of_period(call).first),
    ),
    report(
        "EnterpriseBalanceSummary_Get",
        "/{version}/enrollments/{enrollment}/billingPeriods/{period}/balancesummary",
        |call| balance(call, period(call)?.first),
    ),
    report(
        "EnterpriseUsageDetails_List",
        "/{version}/enrollments/{enrollment}/usagedetails",
        |call| usage(call, Days::of_period(call)),
    ),
    report(
        "EnterpriseUsageDetails_List",
        "/{version}/enrollments/{enrollment}/billingPeriods/{period}/usagedetails",
        |call| usage(call, period(call)?),
    ),
    report(
        "EnterpriseUsageDetails_List",
        "/{version}/enrollments/{enrollment}/usagedetailsbycustomdate",
        |call| usage(call, span(call, "startTime", "endTime")?),
    ),
    report(
        "EnterpriseMarketplaceCharges_List",
        "/{version}/enrollments/{enrollment}/marketplacecharges",
        |call| marketplace(call, Days::of_period(call)),
    ),
    report(
        "EnterpriseMarketplaceCharges_List",
        "/{version}/enrollments/{enrollment}/billingPeriods/{period}/marketplacecharges",
        |call| marketplace(call, period(call)?),
    ),
    report(
        "EnterpriseMarketplaceCharges_List",
        "/{version}/enrollments/{enrollment}/marketplacechargesbycustomdate",
        |call| marketplace(call, span(call, "startTime", "endTime")?),
    ),
    report(
        "EnterprisePriceSheet_List",
        "/{version}/enrollments/{enrollment}/billingPeriods/{period}/pricesheet",
        price_sheet,
    ),
    report(
        "EnterpriseBillingPeriods_List",
        "/{version}/enrollments/{enrollment}/billingperiods",
        periods,
    ),
    report(
        "EnterpriseReservationDetails_List",
        "/{version}/enrollments/{enrollment}/reservationdetails",
        |call| {
            let days = span(call, "startDate", "endDate")?;
            let owned = owned(call);
            let rows = reservations::covered(&call.world, &owned, days);
            let items = rows.filter_map(|row| {
                let reservation = row.reservation?;
                Some(reservations::detail_properties(&row, reservation))
            });
            tagged(call, &items.collect::<Vec<_>>())
        },
    ),
    report(
        "EnterpriseReservationSummaries_List",
        "/{version}/enrollments/{enrollment}/reservationsummaries",
        |call| {
            let days = span(call, "startDate", "endDate")?;
            let mut items = Vec::new();
            for (reservation, buyer) in owned(call) {
                for used in reservations::used(reservation, buyer, days) {
                    let day = used.day;
                    items.push(reservations::summary_properties(reservation, &[used], day));
                }
            }
            tagged(call, &items)
        },
    ),
    report(
        "EnterpriseReservationCharges_List",
        "/{version}/enrollments/{enrollment}/reservationcharges",
        charges,
    ),
    report(
        "EnterpriseReservationRecommendations_List",
        "/{version}/enrollments/{enrollment}/SharedReservationRecommendations",
        |call| recommendations(call, false),
    ),
    report(
        "EnterpriseReservationRecommendations_List",
        "/{version}/enrollments/{enrollment}/SingleReservationRecommendations",
        |call| recommendations(call, true),
    ),
];

/// Refuses a wrong key, and an enrollment that is not the world's.
fn check(call: &Call) -> Result<(), Refusal> {
    let header = call.request.header(AUTHORIZATION.as_str());
    let key = header.and_then(|header| header.split_once(' '));
    let options = &call.sandbox.options;
    let known = key.is_some_and(|(scheme, key)| {
        scheme.eq_ignore_ascii_case("bearer") && key == options.enterprise_key
    });
    let own = call.name("enrollment") == call.world.billing_account;
    if (options.needs_token && !known) || !own {
        let message = "The API key is expired or for another enrollment.";
        let status = StatusCode::UNAUTHORIZED;
        return Err(Refusal::new(status, "Unauthorized", message));
    }
    only(&call.world, &[Agreement::Enterprise])
}

/// 200 with an ETag, or 304 if the caller has this answer already.
fn tagged(call: &Call, body: &impl serde::Serialize) -> Handled {
    check(call)?;
    let answer = Answer::json(body);
    let text = String::from_utf8_lossy(&answer.body);
    let tag = format!("\"{}\"", signature(&text));
    if call.request.header(IF_NONE_MATCH.as_str()) == Some(&tag) {
        return Ok(Answer::empty(StatusCode::NOT_MODIFIED).with_header("etag", &tag));
    }
    Ok(answer.with_header("etag", &tag))
}

/// The days of the billing period in the path.
fn period(call: &Call) -> Result<Days, Refusal> {
    let period = BillingPeriod::parse(call.name("period"))?;
    Ok(Days {
        first: period.first,
        last: period.last,
    })
}

/// The days from one parameter to another, both required, at most 36 months.
fn span(call: &Call, start: &str, end: &str) -> Result<Days, Refusal> {
    let wanted = |name: &str| {
        let text = call.request.parameter(name);
        let message = || format!("{name} is required.");
        day(name, text.ok_or_else(|| Refusal::bad_request(message()))?)
    };
    let days = Days {
        first: wanted(start)?,
        last: wanted(end)?,
    };
    if days.first > days.last || days.months().count() > 37 {
        let message = format!(
            "{start} {} and {end} {} are not in order or more than 36 months apart.",
            days.first, days.last
        );
        return Err(Refusal::bad_request(message));
    }
    Ok(days)
}

fn balance(call: &Call, month: Date) -> Handled {
    check(call)?;
    let balances = call.sandbox.books().balances();
    let name = period_name(month);
    let message = || format!("There is no balance of {name}.");
    let found = balances.iter().find(|each| each.month == month);
    let found = found.ok_or_else(|| Refusal::not_found("NotFound", message()))?;
    let world = &call.world;
    let body = Object::new()
        .with(
            "id",
            format!(
                "enrollments/{}/billingperiods/{name}",
                world.billing_account
            ),
        )
        // A number here, a text in the list of periods.
        .with("billingPeriodId", name.parse::<u32>().unwrap_or_default())
        .with("currencyCode", &world.currency);
    tagged(call, &accounts::amounts(found, body))
}

/// Use of Microsoft's services: reservations and the marketplace have reports of their own.
fn usage(call: &Call, days: Days) -> Handled {
    check(call)?;
    let rows = call.world.rows_between(days.first, days.last);
    let rows = rows.filter(|row| {
        let bought = row.reservation.is_some() && row.charge_type != "Usage";
        row.charge.offer.is_none() && !bought
    });
    let size = call.sandbox.options.page_rows.max(1);
    let page = call.page(rows.map(|row| used(&row)), size)?;
    let body = Object::new()
        .with("id", &call.request.path)
        .with("data", page.items)
        // The last page's link is empty.
        .with("nextLink", page.next.unwrap_or_default());
    tagged(call, &body)
}

fn used(row: &CostRow) -> Object {
    let (subscription, meter) = (row.subscription, row.meter());
    let section = &subscription.section;
    let separate = row.charge.rhythm == Rhythm::Monthly;
    let tags: serde_json::Map<_, _> = (row.group.tags.iter())
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    Object::new()
        .with("date", plain_midnight(row.date))
        .with("cost", exact(row.cost))
        .with("consumedQuantity", exact(row.quantity))
        .with("resourceRate", exact(row.price))
        .with("unitOfMeasure", meter.unit_of_measure)
        .with("subscriptionGuid", &subscription.id)
        .with("subscriptionName", &subscription.name)
        .with("resourceGroup", &row.group.name)
        .with("instanceId", row.resource_id())
        .with("resourceLocation", &row.charge.region)
        .with("consumedService", row.consumed_service())
        .with("product", &meter.product)
        .with("partNumber", &meter.part_number)
        .with("meterId", &meter.id)
        .with("meterName", &meter.name)
        .with("meterCategory", &meter.category)
        .with("meterSubCategory", &meter.subcategory)
        .with("meterRegion", &meter.region)
        .with("accountName", &section.part.name)
        .with("departmentName", &section.parent.name)
        .with("costCenter", "")
        .with("offerId", "MS-AZR-0017P")
        .with("tags", serde_json::Value::Object(tags).to_string())
        .with("additionalInfo", "")
        .with("serviceInfo1", "")
        .with("serviceInfo2", "")
        .with("chargesBilledSeparately", separate)
}

fn marketplace(call: &Call, days: Days) -> Handled {
    check(call)?;
    let rows = call.world.marketplace_between(days.first, days.last);
    let items = rows.map(|row| {
        let (subscription, meter) = (row.subscription, row.meter());
        let offer = row.charge.offer.as_ref();
        Object::new()
            .with("id", format!("{}-{}", row.date, row.number))
            .with("subscriptionGuid", &subscription.id)
            .with("subscriptionName", &subscription.name)
            .with("meterId", &meter.id)
            .with("usageStartDate", plain_midnight(row.date))
            .with("usageEndDate", plain_midnight(row.date))
            .with("offerName", offer.map(|offer| &offer.name))
            .with("planName", offer.map(|offer| &offer.plan))
            .with("publisherName", row.publisher())
            .with("resourceGroup", &row.group.name)
            .with("instanceId", row.resource_id())
            .with("additionalInfo", "")
            .with("tags", "")
            .with("orderNumber", &meter.sku_id)
            .with("unitOfMeasure", meter.unit_of_measure)
            .with("costCenter", "")
            .with("accountName", &subscription.section.part.name)
            .with("departmentName", &subscription.section.parent.name)
            .with("consumedQuantity", exact(row.quantity))
            .with("resourceRate", exact(row.price))
            .with("extendedCost", exact(row.cost))
            .with("isRecurringCharge", row.charge.rhythm == Rhythm::Monthly)
    });
    tagged(call, &items.collect::<Vec<_>>())
}

fn price_sheet(call: &Call) -> Handled {
    check(call)?;
    let (world, month) = (&*call.world, period(call)?.first);
    let lines = world.price_sheet(month, &world.currency).into_iter();
    let items = lines.map(|line| {
        Object::new()
            .with("id", format!("{}-{}", period_name(month), line.meter.id))
            .with("billingPeriodId", period_name(month))
            .with("meterId", &line.meter.id)
            .with("meterName", &line.meter.name)
            .with("unitOfMeasure", line.meter.unit_of_measure)
            .with("includedQuantity", exact(Decimal::ZERO))
            .with("partNumber", &line.meter.part_number)
            .with("unitPrice", exact(line.unit_price))
            .with("currencyCode", &line.currency)
            .with("offerId", "MS-AZR-0017P")
    });
    tagged(call, &items.collect::<Vec<_>>())
}

fn periods(call: &Call) -> Handled {
    check(call)?;
    let mut months: Vec<Date> = call.sandbox.books().months().collect();
    months.reverse();
    let account = &call.world.billing_account;
    let items = months.into_iter().map(|month| {
        let name = period_name(month);
        let path =
            |report: &str| format!("/v3/enrollments/{account}/billingPeriods/{name}/{report}");
        Object::new()
            .with("billingPeriodId", &name)
            .with("billingStart", plain_midnight(month))
            .with("billingEnd", plain_midnight(month.last_of_month()))
            .with("balanceSummary", path("balancesummary"))
            .with("usageDetails", path("usagedetails"))
            .with("marketplaceCharges", path("marketplacecharges"))
            .with("priceSheet", path("pricesheet"))
    });
    tagged(call, &items.collect::<Vec<_>>())
}

/// All reservations, with the subscriptions that bought them.
fn owned<'w>(call: &'w Call) -> Vec<(&'w Reservation, &'w Subscription)> {
    let world = &*call.world;
    let all = world.reservations.iter();
    all.filter_map(|each| Some((each, world.subscription(&each.subscription)?)))
        .collect()
}

fn charges(call: &Call) -> Handled {
    let days = span(call, "startDate", "endDate")?;
    let world = &*call.world;
    let mut items = Vec::new();
    for (reservation, buyer) in owned(call) {
        let paid = reservation.installments().map(|each| each.from);
        for day in paid.chain(reservation.returned) {
            if day < days.first || day > days.last || day > buyer.last_day {
                continue;
            }
            let amount = reservation.paid_on(day);
            let item = reservations::transaction(reservation, buyer, day, amount);
            let item = reservations::enrolled(item, world, &buyer.section, day, amount);
            items.push(item);
        }
    }
    tagged(call, &items)
}

fn recommendations(call: &Call, single: bool) -> Handled {
    let days = call.request.parameter("lookBackPeriod").unwrap_or("7");
    let days = reservation_advice::look_back(days, "lookBackPeriod")?;
    let books = call.sandbox.books();
    let advice = books.advice(days);
    let items = advice.iter().map(|advice| {
        reservation_advice::advised(advice, days, single, false)
            .with("skuName", &advice.meter.arm_sku)
            .with("region", &advice.charge.region)
    });
    tagged(call, &items.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::super::{Options, router};
    use super::*;
    use crate::scenario::Scenario;
    use crate::world::World;

    fn sandbox() -> (World, Router) {
        let world = Scenario::named("enterprise").unwrap().world;
        let options = Options {
            page_rows: 500,
            ..Options::new(world.today)
        };
        (world.clone(), router(world, options))
    }

    async fn ask(router: &Router, path: &str, tag: &str, key: &str) -> (u16, String, Value) {
        let path = path.split("127.0.0.1:7071").last().unwrap();
        let mut request = Request::get(path)
            .header("host", "127.0.0.1:7071")
            .header(AUTHORIZATION, format!("bearer {key}"));
        if !tag.is_empty() {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let tag = response.headers().get("etag");
        let tag = tag.map_or("", |tag| tag.to_str().unwrap()).to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (
            status,
            tag,
            serde_json::from_slice(&body).unwrap_or_default(),
        )
    }

    fn sum(rows: &Value, name: &str) -> Decimal {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row[name].to_string().parse::<Decimal>().unwrap())
            .sum()
    }

    #[tokio::test]
    async fn usage_marketplace_and_reservations_make_the_bill() {
        let (world, router) = sandbox();
        let path = "/v3/enrollments/86420975/billingPeriods/202610";
        let mut next = format!("{path}/usagedetails");
        let mut usage = Decimal::ZERO;
        while !next.is_empty() {
            let (status, _, page) = ask(&router, &next, "", "sandbox-key").await;
            assert_eq!(status, 200, "{page}");
            usage += sum(&page["data"], "cost");
            next = page["nextLink"].as_str().unwrap().to_owned();
        }
        let get = async |path: &str| ask(&router, path, "", "sandbox-key").await.2;
        let sold = get(&format!("{path}/marketplacecharges")).await;
        let bought = "/v4/enrollments/86420975/reservationcharges\
                      ?startDate=2026-10-01&endDate=2026-10-31";
        let bought = get(bought).await;
        let total = usage + sum(&sold, "extendedCost") + sum(&bought, "amount");
        let october = jiff::civil::date(2026, 10, 1);
        let rows = world.rows_between(october, october.last_of_month());
        assert_eq!(rows.map(|row| row.cost).sum::<Decimal>(), total);
        let periods = get("/v3/enrollments/86420975/billingperiods").await;
        assert_eq!(periods.as_array().unwrap().len(), 12);
        let balance = get(periods[1]["balanceSummary"].as_str().unwrap()).await;
        assert_eq!(balance["billingPeriodId"], 202_610);
        let sheet = get(periods[1]["priceSheet"].as_str().unwrap()).await;
        assert!(sheet.as_array().unwrap().len() > 5);
        let days = "startDate=2026-10-01&endDate=2026-10-31";
        let used = get(&format!(
            "/v2/enrollments/86420975/reservationdetails?{days}"
        ))
        .await;
        let told = get(&format!(
            "/v2/enrollments/86420975/reservationsummaries?{days}"
        ))
        .await;
        assert_eq!(sum(&used, "usedHours"), sum(&told, "usedHours"));
        let advice = "/v2/enrollments/86420975/SharedReservationRecommendations?lookBackPeriod=30";
        assert!(!get(advice).await.as_array().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_has_not_changed_is_not_sent_again_and_a_wrong_key_is_refused() {
        let (_, router) = sandbox();
        let path = "/v3/enrollments/86420975/balancesummary";
        let (status, tag, body) = ask(&router, path, "", "sandbox-key").await;
        assert_eq!((status, body["currencyCode"].as_str()), (200, Some("EUR")));
        let (status, again, body) = ask(&router, path, &tag, "sandbox-key").await;
        assert_eq!((status, again, body), (304, tag.clone(), Value::Null));
        let other = "/v3/enrollments/86420975/billingPeriods/202610/balancesummary";
        assert_eq!(ask(&router, other, &tag, "sandbox-key").await.0, 200);
        assert_eq!(ask(&router, path, "", "expired").await.0, 401);
        let foreign = path.replace("86420975", "1");
        assert_eq!(ask(&router, &foreign, "", "sandbox-key").await.0, 401);
    }
}
