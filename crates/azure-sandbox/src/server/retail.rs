//! The public price list.

use super::answer::{Answer, Handled, Object, Refusal, plain_midnight};
use super::faults::Mishap;
use super::filter::{Comparison, Filter, Term};
use super::operation::{Call, Operation, get};
use super::paging::lay_out;
use super::shapes::exact;
use crate::world::{self, RetailPrice, rate};

/// It answers with and without a version, and wants no token.
pub(super) const OPERATIONS: &[Operation] =
    &[get("RetailPrices_List", "/api/retail/prices", &[], list).open()];

fn list(call: &Call) -> Handled {
    let currency = call.request.parameter("currencyCode").unwrap_or("'USD'");
    let currency = currency.trim_matches('\'').to_ascii_uppercase();
    if rate(&currency).is_none() {
        let message = format!("The currency '{currency}' is not supported.");
        return Err(Refusal::bad_request(message));
    }
    let filter = call.request.parameter("$filter").map(Filter::parse);
    let filter = filter.transpose()?;
    let version = call.request.parameter("api-version").unwrap_or_default();
    let newest = version == "2023-01-01-preview";
    let lines = call.world.retail_prices(&currency);
    let lines: Vec<&RetailPrice> = lines
        .iter()
        .filter(|line| {
            let passes = |term: &Term| passes(line, term, newest);
            filter.as_ref().is_none_or(|filter| filter.passes(&passes))
        })
        .collect();
    let skip = call.number("$skip")?.unwrap_or(0);
    let size = call.sandbox.options.page_rows.clamp(1, 1000);
    let mishaps = call.page_mishaps();
    let (items, is_more): (Vec<&RetailPrice>, bool) = if mishaps.is_empty() {
        let items = lines.iter().skip(skip).take(size).copied();
        (items.collect(), skip + size < lines.len())
    } else {
        // Pages of any length are numbered by what is skipped.
        let (pages, number) = (lay_out(lines.len(), size, &mishaps), skip / size);
        let page = pages.get(number).map_or(&[][..], |page| page);
        let items = page.iter().map(|index| lines[*index]).collect();
        (items, number + 1 < pages.len())
    };
    let items: Vec<Object> = items.iter().map(|line| item(line, newest)).collect();
    let mut next = is_more.then(|| link(call, skip + size));
    if mishaps.contains(&Mishap::SelfLink) {
        next = Some(link(call, skip));
    }
    let next = call.lead_astray(next, &mishaps);
    let body = Object::new()
        .with("BillingCurrency", &currency)
        .with("CustomerEntityId", "Default")
        .with("CustomerEntityType", "Retail")
        .with("Count", items.len())
        .with("Items", items)
        .with("NextPageLink", next);
    Ok(Answer::json(&body))
}

/// The same request from another line on.
fn link(call: &Call, skip: usize) -> String {
    let kept = call.request.raw_query.split('&').filter(|part| {
        let name = part.split('=').next().unwrap_or_default();
        !name.is_empty() && !name.replace("%24", "$").eq_ignore_ascii_case("$skip")
    });
    let kept = kept.map(|part| format!("{part}&")).collect::<String>();
    let (base, path) = (call.request.base(), &call.request.path);
    format!("{base}{path}?{kept}$skip={skip}")
}

fn kind(line: &RetailPrice) -> &'static str {
    match line.term {
        Some(_) => "Reservation",
        None => "Consumption",
    }
}

/// Whether a line passes; in the newest version values must have the right case.
fn passes(line: &RetailPrice, term: &Term, newest: bool) -> bool {
    let meter = &line.meter;
    let value = match term.name.to_ascii_lowercase().as_str() {
        "armregionname" => &line.region,
        "location" => &meter.region,
        "meterid" => &meter.id,
        "metername" | "skuname" => &meter.name,
        "productid" => &meter.product_id,
        "skuid" => &meter.sku_id,
        "productname" => &meter.product,
        "servicename" => &meter.category,
        "serviceid" => &meter.service_id,
        "servicefamily" => meter.family,
        "pricetype" => kind(line),
        "armskuname" => &meter.arm_sku,
        "currencycode" => &line.currency,
        _ => return false,
    };
    if newest {
        return term.passes(value);
    }
    let (value, wanted) = (value.to_lowercase(), term.value.to_lowercase());
    match term.comparison {
        Comparison::Contains => value.contains(&wanted),
        _ => value == wanted,
    }
}

fn item(line: &RetailPrice, newest: bool) -> Object {
    let meter = &line.meter;
    let price = exact(line.price);
    // A reservation's price is for the whole term, whatever the unit says.
    let unit = match line.term {
        Some(_) => "1 Hour",
        None => meter.unit_of_measure,
    };
    let object = Object::new()
        .with("currencyCode", &line.currency)
        .with("tierMinimumUnits", 0)
        .with("retailPrice", price)
        .with("unitPrice", price)
        .with("armRegionName", &line.region)
        .with("location", &meter.region)
        .with(
            "effectiveStartDate",
            plain_midnight(jiff::civil::date(2024, 1, 1)),
        )
        .with("meterId", &meter.id)
        .with("meterName", &meter.name)
        .with("productId", &meter.product_id)
        .with("skuId", &meter.sku_id)
        .with("productName", &meter.product)
        .with("skuName", &meter.name)
        .with("serviceName", &meter.category)
        .with("serviceId", &meter.service_id)
        .with("serviceFamily", meter.family)
        .with("unitOfMeasure", unit)
        .with("type", kind(line))
        .with("isPrimaryMeterRegion", true)
        .with("armSkuName", &meter.arm_sku);
    match line.term {
        Some(world::Term::OneYear) => object.with("reservationTerm", "1 Year"),
        Some(world::Term::ThreeYears) => object.with("reservationTerm", "3 Years"),
        None if newest && !meter.arm_sku.is_empty() => {
            let plan = |term: &str, percent: i64| {
                let price = exact(line.price * rust_decimal::Decimal::new(percent, 2));
                Object::new()
                    .with("unitPrice", price)
                    .with("retailPrice", price)
                    .with("term", term)
            };
            object.with("savingsPlan", [plan("1 Year", 72), plan("3 Years", 50)])
        }
        None => object,
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::Value;

    use super::super::tests::Local;
    use super::super::{Fault, Faults, Mishap, Options};
    use crate::example;

    async fn all(query: &str) -> Vec<Value> {
        all_with(query, Faults::default()).await
    }

    async fn all_with(query: &str, faults: Faults) -> Vec<Value> {
        let options = Options {
            page_rows: 4,
            faults,
            ..Options::new(example::AS_OF)
        };
        let mut sandbox = Local::over(example::world(), options);
        sandbox.sign_out();
        let mut next = Some(format!("/api/retail/prices?{query}"));
        let mut items = Vec::new();
        while let Some(path) = next {
            let (status, mut page) = sandbox.get(&path).await;
            assert_eq!(status, 200, "{page}");
            assert_eq!(page_count(&page["Count"]), rows_len(&page["Items"]));
            items.append(page["Items"].as_array_mut().unwrap());
            next = page["NextPageLink"].as_str().map(str::to_owned);
        }
        items
    }

    fn page_count(value: &Value) -> u64 {
        value.as_u64().unwrap()
    }

    fn rows_len(value: &Value) -> u64 {
        value.as_array().unwrap().len() as u64
    }

    #[tokio::test]
    async fn prices_are_filtered_paged_and_in_the_currency_asked_for() {
        let machines =
            all("$filter=serviceName eq 'Virtual Machines' and priceType eq 'Consumption'").await;
        // D8s v5, E16ds v5 and NV12ads A10 v5; the reservation's purchase is no machine.
        assert_eq!(machines.len(), 4);
        let either = "$filter=contains(meterName, 'D8s') or meterName eq 'Operations'";
        let some = all(either).await;
        // The machine has three prices: by the hour, for one and for three years.
        assert_eq!(some.len(), 4);
        let lower =
            all("api-version=2023-01-01-preview&$filter=serviceName eq 'virtual machines'").await;
        assert!(lower.is_empty(), "values have to have the right case");
        assert!(all("$filter=serviceName eq 'virtual machines'").await.len() > 4);
        let price =
            |items: &[Value]| -> Decimal { items[0]["retailPrice"].to_string().parse().unwrap() };
        let dollars = all("$filter=meterName eq 'D8s v5' and priceType eq 'Consumption'").await;
        let kronor =
            all("currencyCode='SEK'&$filter=meterName eq 'D8s v5' and priceType eq 'Consumption'")
                .await;
        assert_eq!(price(&kronor), price(&dollars) * Decimal::TEN);
    }

    #[tokio::test]
    async fn pages_come_in_disorder_when_they_are_told_to() {
        let query = "$filter=serviceName eq 'Virtual Machines'";
        let sorted = |items: Vec<Value>| {
            let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
            texts.sort_unstable();
            texts
        };
        let with = async |mishap| sorted(all_with(query, Fault::new(mishap).into()).await);
        let whole = sorted(all(query).await);
        assert!(whole.len() > 8, "there are three pages or more");
        for mishap in [
            Mishap::EmptyPages,
            Mishap::UnevenPages,
            Mishap::ShuffledRows,
            Mishap::ShuffledPages,
        ] {
            assert_eq!(with(mishap.clone()).await, whole, "{mishap:?}");
        }
        assert_eq!(with(Mishap::RepeatedPage).await.len(), whole.len() + 4);
        let lacking = whole.len() - whole.len().div_ceil(4) + 1;
        assert_eq!(with(Mishap::SkippedRow).await.len(), lacking);
        for (mishap, start) in [
            (
                Mishap::SelfLink,
                "http://127.0.0.1:7071/api/retail/prices?$skip=0",
            ),
            (
                Mishap::OtherHost,
                "https://elsewhere.example/api/retail/prices?$skip=4",
            ),
        ] {
            let options = Options {
                page_rows: 4,
                faults: Fault::new(mishap).into(),
                ..Options::new(example::AS_OF)
            };
            let sandbox = Local::over(example::world(), options);
            let (_, page) = sandbox.get("/api/retail/prices").await;
            assert_eq!(page["NextPageLink"], start);
        }
    }
}
