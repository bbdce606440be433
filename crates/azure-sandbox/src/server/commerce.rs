//! The oldest APIs: usage aggregates, and the rate card that prices them.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rust_decimal::Decimal;
use serde_json::json;

use super::answer::{Answer, Handled, Object, Refusal, plain_midnight};
use super::faults::Mishap;
use super::operation::{Call, Operation, get};
use super::rows;
use super::scope::Kind;
use super::shapes::{exact, only};
use crate::world::{Agreement, CostRow, guid, rate};

const VERSIONS: &[&str] = &["2015-06-01-preview"];

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "UsageAggregates_List",
        "{scope}/providers/Microsoft.Commerce/UsageAggregates",
        VERSIONS,
        usage,
    )
    .at(&[Kind::Subscription])
    .paged_by("continuationToken"),
    get(
        "RateCard_Get",
        "{scope}/providers/Microsoft.Commerce/RateCard",
        VERSIONS,
        rate_card,
    )
    .at(&[Kind::Subscription])
    .with_bare_errors(),
];

/// One aggregate: what one meter, or one resource of it, used in an hour or on a day.
struct Aggregate {
    start: Timestamp,
    end: Timestamp,
    quantity: Decimal,
    item: Object,
}

fn usage(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    only(
        world,
        &[
            Agreement::Enterprise,
            Agreement::Customer,
            Agreement::PayAsYouGo,
        ],
    )?;
    let hourly = match call.request.parameter("aggregationGranularity") {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("daily") => false,
        Some(text) if text.eq_ignore_ascii_case("hourly") => true,
        Some(text) => {
            let message = format!("aggregationGranularity '{text}' is neither Daily nor Hourly.");
            return Err(Refusal::bad_request(message));
        }
    };
    let start = moment(call, "reportedStartTime", hourly)?;
    let end = moment(call, "reportedEndTime", hourly)?;
    if start >= end {
        let message = format!("reportedStartTime {start} is not before reportedEndTime {end}.");
        return Err(Refusal::bad_request(message));
    }
    if let Some(answer) = not_yet(call) {
        return Ok(answer);
    }
    let details = call.request.parameter("showDetails");
    let details = !details.is_some_and(|text| text.eq_ignore_ascii_case("false"));
    let mut merged: BTreeMap<(Timestamp, Timestamp, String), Aggregate> = BTreeMap::new();
    let utc = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    // A day's last quarter is reported on the next day.
    let first = utc(start).yesterday().unwrap_or(utc(start));
    let rows = world.rows_between(first, utc(end)).filter(|row| {
        // What a reservation covers has been paid for already, and would be priced again.
        let priced = row.reservation.is_none() && row.charge.offer.is_none();
        rows::is_in(row, scope) && row.charge_type == "Usage" && priced
    });
    for row in rows {
        for (reported, from, until, quantity) in parts(&row, hourly) {
            if reported < start || reported >= end || quantity.is_zero() {
                continue;
            }
            let resource = if details {
                row.resource_id()
            } else {
                row.charge.region.clone()
            };
            let key = (reported, from, format!("{}{resource}", row.meter().id));
            let known = merged.entry(key).or_insert_with(|| Aggregate {
                start: from,
                end: until,
                quantity: Decimal::ZERO,
                item: properties(&row, details),
            });
            known.quantity += quantity;
        }
    }
    let items = merged.iter().map(|((reported, _, key), aggregate)| {
        let name = guid(&[
            "aggregate",
            &reported.to_string(),
            &aggregate.start.to_string(),
            key,
        ]);
        let kind = "Microsoft.Commerce/UsageAggregate";
        let properties = (aggregate.item.clone())
            .with("usageStartTime", offset(aggregate.start))
            .with("usageEndTime", offset(aggregate.end))
            .with("quantity", exact(aggregate.quantity));
        Object::new()
            .with(
                "id",
                format!(
                    "{}/providers/Microsoft.Commerce/UsageAggregates/{name}",
                    scope.path
                ),
            )
            .with("name", &name)
            .with("type", kind)
            .with("properties", properties)
    });
    let page = call.page(items, call.page_size(1000)?)?;
    let mut body = Object::new().with("value", page.items);
    // The last page has no link at all.
    if let Some(next) = page.next {
        body = body.with("nextLink", next);
    }
    Ok(Answer::json(&body))
}

/// 202 for the first times, if reports are to be polled for.
fn not_yet(call: &Call) -> Option<Answer> {
    let stale = |what: &Mishap| matches!(what, Mishap::StalePolls(_));
    let Some(Mishap::StalePolls(polls)) = call.sandbox.faults.take(call.operation.name, stale)
    else {
        return None;
    };
    let url = format!("{}?{}", call.request.path, call.request.raw_query);
    let unasked = (0..polls).find(|number| call.sandbox.is_new(&format!("{number} {url}")));
    unasked?;
    let error = Object::new()
        .with("code", "ProcessingNotCompleted")
        .with("message", "The data are being prepared. Ask again later.");
    let body = Object::new().with("error", error);
    Some(Answer::json(&body).with_status(StatusCode::ACCEPTED))
}

/// When parts of a row's use are reported, and when they were used.
fn parts(row: &CostRow, hourly: bool) -> Vec<(Timestamp, Timestamp, Timestamp, Decimal)> {
    let midnight = |date: Date| {
        let zoned = date.to_zoned(TimeZone::UTC);
        zoned.map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
    };
    let day = midnight(row.date);
    let next = midnight(row.date.tomorrow().unwrap_or(row.date));
    if !hourly {
        let most = row.quantity * Decimal::new(75, 2);
        return vec![
            (day, day, next, most),
            (next, day, next, row.quantity - most),
        ];
    }
    let each = (row.quantity / Decimal::from(24)).round_dp(10);
    (0..24)
        .map(|hour| {
            let from = day + hour.hours();
            let rest = row.quantity - each * Decimal::from(23);
            let quantity = if hour == 23 { rest } else { each };
            (from, from, from + 1.hour(), quantity)
        })
        .collect()
}

fn properties(row: &CostRow, details: bool) -> Object {
    let meter = row.meter();
    let tags: BTreeMap<_, _> = row.group.tags.iter().cloned().collect();
    let instance = json!({"Microsoft.Resources": {
        "resourceUri": row.resource_id(),
        "location": row.charge.region,
        "tags": tags,
        "partNumber": meter.part_number,
        "orderNumber": "",
    }});
    let object = Object::new()
        .with("subscriptionId", &row.subscription.id)
        .with("meterId", &meter.id)
        .with("meterName", &meter.name)
        .with("meterCategory", &meter.category)
        .with("meterSubCategory", &meter.subcategory)
        .with("meterRegion", &meter.region)
        .with("unit", meter.unit)
        .with("infoFields", Object::new());
    match details {
        true => object.with("instanceData", instance.to_string()),
        false => object,
    }
}

fn offset(at: Timestamp) -> String {
    at.to_string().replace('Z', "+00:00")
}

/// A required moment of the query string, on a full day or a full hour.
fn moment(call: &Call, name: &str, hourly: bool) -> Result<Timestamp, Refusal> {
    let Some(text) = call.request.parameter(name) else {
        return Err(Refusal::bad_request(format!("{name} is required.")));
    };
    // A plus that was not encoded has become a space.
    let at: Option<Timestamp> = text.replace(' ', "+").parse().ok();
    let step = if hourly { 3600 } else { 86_400 };
    let even = at.filter(|at| at.as_second() % step == 0 && at.subsec_nanosecond() == 0);
    even.ok_or_else(|| {
        let what = if hourly { "a full hour" } else { "midnight" };
        Refusal::bad_request(format!("{name} '{text}' is not {what} in UTC."))
    })
}

fn rate_card(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    only(world, &[Agreement::PayAsYouGo])?;
    let terms = call.filter_terms()?;
    let wanted = |name: &str| {
        let term = terms.iter().find(|term| term.is(name));
        let message = || format!("The $filter needs {name} eq '…'.");
        let term = term.ok_or_else(|| Refusal::bad_request(message()))?;
        Ok(term.value.clone())
    };
    let offer: String = wanted("OfferDurableId")?;
    if !offer.to_ascii_uppercase().starts_with("MS-AZR-") {
        let message = format!("OfferDurableId '{offer}' is no offer, such as MS-AZR-0003P.");
        return Err(Refusal::bad_request(message));
    }
    let (currency, locale) = (wanted("Currency")?.to_ascii_uppercase(), wanted("Locale")?);
    wanted("RegionInfo")?;
    if rate(&currency).is_none() {
        let message = format!("The currency '{currency}' is not supported.");
        return Err(Refusal::bad_request(message));
    }
    let since = plain_midnight(jiff::civil::date(2024, 1, 1));
    let lines = world.retail_prices(&currency);
    let lines = lines.iter().filter(|line| line.term.is_none());
    let meters: Vec<Object> = lines
        .map(|line| {
            let meter = &line.meter;
            let price = line.price / Decimal::from(meter.block);
            Object::new()
                .with("EffectiveDate", &since)
                .with("IncludedQuantity", 0)
                .with("MeterCategory", &meter.category)
                .with("MeterId", &meter.id)
                .with("MeterName", &meter.name)
                .with("MeterRates", Object::new().with("0", exact(price)))
                .with("MeterRegion", &meter.region)
                .with("MeterSubCategory", &meter.subcategory)
                .with("MeterTags", Vec::<String>::new())
                .with("Unit", meter.unit)
        })
        .collect();
    let body = Object::new()
        .with("OfferTerms", Vec::<Object>::new())
        .with("Meters", meters)
        .with("Currency", currency)
        .with("Locale", locale)
        .with("IsTaxIncluded", false)
        .with("MeterRegion", None::<String>)
        .with("Tags", Vec::<String>::new());
    Ok(Answer::json(&body))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rust_decimal::Decimal;
    use serde_json::Value;

    use super::super::Options;
    use super::super::tests::Local;
    use crate::scenario::Scenario;
    use crate::world::World;

    fn sandbox() -> (World, Local) {
        let world = Scenario::named("pay-as-you-go").unwrap().world;
        let options = Options {
            page_rows: 50,
            ..Options::new(world.today)
        };
        (world.clone(), Local::over(world, options))
    }

    fn number(value: &Value) -> Decimal {
        value.to_string().parse().unwrap()
    }

    #[tokio::test]
    async fn usage_priced_by_the_rate_card_is_the_cost() {
        let (world, sandbox) = sandbox();
        let subscription = &world.subscriptions[0];
        let path = format!(
            "/subscriptions/{}/providers/Microsoft.Commerce",
            subscription.id
        );
        let card = format!(
            "{path}/RateCard?api-version=2015-06-01-preview&$filter=OfferDurableId eq \
             'MS-AZR-0003P' and Currency eq 'USD' and Locale eq 'en-US' and RegionInfo eq 'US'"
        );
        let (status, card) = sandbox.get(&card).await;
        assert_eq!(status, 200, "{card}");
        let meters = card["Meters"].as_array().unwrap();
        let rates: HashMap<&str, Decimal> = meters
            .iter()
            .map(|meter| {
                (
                    meter["MeterId"].as_str().unwrap(),
                    number(&meter["MeterRates"]["0"]),
                )
            })
            .collect();
        let day = jiff::civil::date(2026, 10, 14);
        let rows = world.rows_between(day, day).filter(|row| {
            row.subscription.id == subscription.id
                && row.charge_type == "Usage"
                && row.charge.offer.is_none()
        });
        let rows = rows.filter(|row| row.reservation.is_none());
        let cost: Decimal = rows.map(|row| row.cost).sum();
        for (granularity, details) in [("Daily", true), ("Daily", false), ("Hourly", true)] {
            // The use of the day is reported on it and on the next one.
            let query = format!(
                "{path}/UsageAggregates?api-version=2015-06-01-preview\
                 &reportedStartTime=2026-10-14T00%3A00%3A00%2B00%3A00\
                 &reportedEndTime=2026-10-16T00:00:00Z&aggregationGranularity={granularity}\
                 &showDetails={details}"
            );
            let items = sandbox.list(&query).await;
            let mut total = Decimal::ZERO;
            for item in &items {
                let properties = &item["properties"];
                assert_eq!(properties["instanceData"].is_string(), details);
                let start = properties["usageStartTime"].as_str().unwrap();
                if start.starts_with("2026-10-14") {
                    let rate = rates[properties["meterId"].as_str().unwrap()];
                    total += number(&properties["quantity"]) * rate;
                }
            }
            assert_eq!(total, cost, "{granularity} {details}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_refused_in_each_ones_shape() {
        let (world, sandbox) = sandbox();
        let path = format!(
            "/subscriptions/{}/providers/Microsoft.Commerce",
            world.subscriptions[0].id
        );
        let card = format!("{path}/RateCard?api-version=2015-06-01-preview");
        let (status, body) = sandbox.get(&card).await;
        assert_eq!(
            (status.as_u16(), body["code"].is_string()),
            (400, true),
            "{body}"
        );
        let usage = format!(
            "{path}/UsageAggregates?api-version=2015-06-01-preview\
             &reportedStartTime=2026-10-14T00:30:00Z&reportedEndTime=2026-10-15T00:00:00Z"
        );
        let (status, body) = sandbox.get(&usage).await;
        assert_eq!(status, 400);
        assert!(
            body["error"]["message"]
                .as_str()
                .unwrap()
                .contains("midnight")
        );
    }
}
