//! The contract's prices: pages, and files.

use super::answer::{Answer, Handled, Object, Refusal, midnight};
use super::downloads::{self, Csv, text};
use super::operation::{CONSUMPTION, COST_MANAGEMENT, Call, Operation, get, post};
use super::rows;
use super::scope::{BillingPeriod, Kind};
use super::shapes::{Days, exact, only, period_id, period_name, resource};
use crate::world::{Agreement, SheetPrice};

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "PriceSheet_Get",
        "{scope}/providers/Microsoft.Consumption/pricesheets/default",
        CONSUMPTION,
        pages,
    )
    .at(&[Kind::Subscription]),
    post(
        "PriceSheet_DownloadByBillingAccountPeriod",
        "{scope}/providers/Microsoft.Consumption/pricesheets/download",
        CONSUMPTION,
        download,
    )
    .at(&[Kind::BillingAccount]),
    post(
        "PriceSheet_Download",
        "{scope}/providers/Microsoft.CostManagement/pricesheets/default/download",
        COST_MANAGEMENT,
        download,
    )
    .at(&[Kind::BillingAccount, Kind::BillingProfile]),
    post(
        "PriceSheet_DownloadByInvoice",
        "/providers/Microsoft.Billing/billingAccounts/{account}/billingProfiles/{profile}\
         /invoices/{invoice}/providers/Microsoft.CostManagement/pricesheets/default/download",
        COST_MANAGEMENT,
        download_of_invoice,
    ),
    get(
        "PriceSheet_Result",
        "{scope}/providers/Microsoft.Consumption/pricesheetOperationStatus/{id}",
        CONSUMPTION,
        result,
    ),
    get(
        "PriceSheet_Result",
        "{scope}/providers/Microsoft.CostManagement/pricesheetOperationStatus/{id}",
        COST_MANAGEMENT,
        result,
    ),
];

fn pages(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    only(world, &[Agreement::Enterprise])?;
    let subscription = world.subscription(&scope.id);
    let currency = subscription.map_or(&world.currency, |each| &each.currency);
    let month = Days::of_period(call).first;
    let expand = call.request.parameter("$expand").unwrap_or_default();
    let with_meter = expand.to_ascii_lowercase().contains("meterdetails");
    let lines = world.price_sheet(month, currency);
    let items = lines.iter().map(|line| {
        let item = Object::new()
            .with("billingPeriodId", period_id(world, month))
            .with("meterId", &line.meter.id)
            .with("unitOfMeasure", line.meter.unit_of_measure)
            .with("includedQuantity", 0)
            .with("partNumber", &line.meter.part_number)
            .with("unitPrice", exact(line.unit_price))
            .with("currencyCode", currency)
            .with("offerId", "MS-AZR-0017P");
        match with_meter {
            true => item.with("meterDetails", details(line)),
            false => item,
        }
    });
    let page = call.page(items, call.page_size(1000)?)?;
    let properties = Object::new()
        .with("nextLink", page.next)
        .with("pricesheets", page.items);
    let kind = "Microsoft.Consumption/pricesheets";
    Ok(Answer::json(&resource(
        &scope.path,
        kind,
        "default",
        properties,
    )))
}

fn details(line: &SheetPrice) -> Object {
    let meter = &line.meter;
    Object::new()
        .with("meterName", &meter.name)
        .with("meterCategory", &meter.category)
        .with("meterSubCategory", &meter.subcategory)
        .with("unit", meter.unit_of_measure)
        .with("meterLocation", &meter.region)
        .with("totalIncludedQuantity", 0)
        .with("pretaxStandardRate", exact(line.list_price))
        .with("serviceName", &meter.category)
        .with("serviceTier", &meter.subcategory)
}

fn download(call: &Call) -> Handled {
    let (scope, world) = (call.scope()?, &*call.world);
    rows::check_scope(world, scope)?;
    match scope.kind {
        Kind::BillingAccount => only(world, &[Agreement::Enterprise])?,
        _ => only(world, &[Agreement::Customer, Agreement::Partner])?,
    }
    let month = period_name(Days::of_period(call).first);
    let provider = match call.operation.name {
        "PriceSheet_Download" => "Microsoft.CostManagement",
        _ => "Microsoft.Consumption",
    };
    let results = format!(
        "{}/providers/{provider}/pricesheetOperationStatus",
        scope.path
    );
    Ok(downloads::accept(call, &results, &month))
}

fn download_of_invoice(call: &Call) -> Handled {
    only(&call.world, &[Agreement::Customer, Agreement::Partner])?;
    let invoices = call.sandbox.books().invoices();
    let name = call.name("invoice");
    let Some(invoice) = invoices
        .iter()
        .find(|each| each.name.eq_ignore_ascii_case(name))
    else {
        let message = format!("There is no invoice '{name}'.");
        return Err(Refusal::not_found("NotFound", message));
    };
    let results = format!(
        "/providers/Microsoft.Billing/billingAccounts/{}/billingProfiles/{}\
         /providers/Microsoft.CostManagement/pricesheetOperationStatus",
        call.name("account"),
        call.name("profile")
    );
    Ok(downloads::accept(
        call,
        &results,
        &period_name(invoice.month),
    ))
}

fn result(call: &Call) -> Handled {
    let modern = call.world.agreement.is_modern();
    downloads::poll(call, "pricesheet", |link| {
        let properties = Object::new().with("downloadUrl", &link.url);
        // Customer Agreements have the two members at the top.
        match modern {
            true => properties.with("expiryTime", link.until),
            false => Object::new()
                .with("status", "Completed")
                .with("properties", properties.with("validTill", link.until)),
        }
    })
}

/// The file of a month; `None` if the name is none.
pub(super) fn csv(call: &Call, name: &str) -> Option<String> {
    let world = &*call.world;
    let month = BillingPeriod::parse(name).ok()?.first;
    let mut csv = Csv::new(if world.agreement.is_modern() {
        "billingAccountId,meterId,meterName,meterCategory,meterSubCategory,meterRegion,product,\
         productId,skuId,serviceFamily,priceType,unitOfMeasure,currency,basePrice,marketPrice,\
         unitPrice,includedQuantity,effectiveStartDate,effectiveEndDate"
    } else {
        "EnrollmentNumber,MeterID,MeterName,MeterCategory,MeterSubCategory,MeterRegion,Product,\
         PartNumber,SkuID,ServiceFamily,PriceType,UnitOfMeasure,CurrencyCode,BasePrice,\
         MarketPrice,UnitPrice,IncludedQuantity,EffectiveStartDate,EffectiveEndDate"
    });
    for line in world.price_sheet(month, &world.currency) {
        let meter = &line.meter;
        let number = match world.agreement.is_modern() {
            true => &meter.product_id,
            false => &meter.part_number,
        };
        csv.line([
            &*world.billing_account,
            &meter.id,
            &meter.name,
            &meter.category,
            &meter.subcategory,
            &meter.region,
            &meter.product,
            number,
            &meter.sku_id,
            meter.family,
            "Consumption",
            meter.unit_of_measure,
            &line.currency,
            &text(line.list_price),
            &text(line.list_price),
            &text(line.unit_price),
            "0",
            &midnight(month),
            &midnight(month.last_of_month()),
        ]);
    }
    Some(csv.text())
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::super::Options;
    use super::super::tests::Local;
    use crate::scenario::Scenario;

    #[tokio::test]
    async fn pages_price_the_rows() {
        let world = Scenario::named("enterprise").unwrap().world;
        let options = Options {
            page_rows: 3,
            ..Options::new(world.today)
        };
        let sandbox = Local::over(world.clone(), options);
        let subscription = &world.subscriptions[0];
        let mut next = Some(format!(
            "/subscriptions/{}/providers/Microsoft.Billing/billingPeriods/202610/providers\
             /Microsoft.Consumption/pricesheets/default?api-version=2024-08-01\
             &$expand=meterDetails",
            subscription.id
        ));
        let mut prices = std::collections::HashMap::new();
        while let Some(path) = next {
            let (status, body) = sandbox.get(&path).await;
            assert_eq!(status, 200, "{body}");
            for line in body["properties"]["pricesheets"].as_array().unwrap() {
                let price: Decimal = line["unitPrice"].to_string().parse().unwrap();
                assert!(line["meterDetails"]["meterName"].is_string());
                prices.insert(line["meterId"].as_str().unwrap().to_owned(), price);
            }
            next = body["properties"]["nextLink"].as_str().map(str::to_owned);
        }
        let day = jiff::civil::date(2026, 10, 14);
        let mut seen = 0;
        for row in world.rows_between(day, day) {
            if row.charge.offer.is_none() && row.reservation.is_none() {
                let meter = row.meter();
                let price = prices[&meter.id] / Decimal::from(meter.block);
                assert_eq!(row.quantity * price, row.cost);
                seen += 1;
            }
        }
        assert!(seen > 10);
    }

    #[tokio::test]
    async fn the_file_is_polled_for_and_its_link_is_signed() {
        for (name, path) in [
            (
                "enterprise",
                "/billingPeriods/202610/providers/Microsoft.Consumption/pricesheets/download\
                 ?api-version=2024-08-01",
            ),
            (
                "customer",
                "/providers/Microsoft.CostManagement/pricesheets/default/download\
                 ?api-version=2025-03-01",
            ),
        ] {
            let world = Scenario::named(name).unwrap().world;
            let mut sandbox = Local::over(world.clone(), Options::new(world.today));
            let mut scope = format!(
                "/providers/Microsoft.Billing/billingAccounts/{}",
                world.billing_account
            );
            if name == "customer" {
                scope += &format!("/billingProfiles/{}", world.parents()[0].id);
            }
            let (status, headers, _) = sandbox.send("POST", &format!("{scope}{path}"), "").await;
            assert_eq!(status, 202);
            let location = headers["location"].to_str().unwrap();
            let (status, headers, _) = sandbox.send("GET", location, "").await;
            assert_eq!(status, 202);
            let location = headers["location"].to_str().unwrap();
            let (status, body) = sandbox.get(location).await;
            assert_eq!(status, 200, "{body}");
            let url = match name {
                "customer" => &body["downloadUrl"],
                _ => &body["properties"]["downloadUrl"],
            };
            let url = url.as_str().unwrap();
            let (status, _, _) = sandbox.send("GET", url, "").await;
            assert_eq!(status, 400, "a token has no business there");
            sandbox.sign_out();
            let (status, _, text) = sandbox.send("GET", url, "").await;
            assert_eq!(status, 200);
            assert!(text.lines().count() > 5, "{text}");
            let (status, _, _) = sandbox.send("GET", &url.replace("se=1", "se=2"), "").await;
            assert_eq!(status, 403);
        }
    }
}
