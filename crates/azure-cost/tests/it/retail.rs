//! Retail Prices: filters, pages and reservations.

use azure_cost::{Error, RetailField, RetailFilter, RetailPrices, RetailQuery};
use futures::TryStreamExt;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn prices(server: &MockServer) -> RetailPrices {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    RetailPrices::at(http, &server.uri()).unwrap()
}

fn price(kind: &str, unit: &str, term: Option<&str>, amount: Value) -> Value {
    json!({"currencyCode": "EUR", "tierMinimumUnits": 0.0, "retailPrice": amount,
        "unitPrice": amount, "armRegionName": "westeurope", "meterName": "D2s v5",
        "effectiveStartDate": "2026-01-01T00:00:00Z", "unitOfMeasure": unit, "type": kind,
        "isPrimaryMeterRegion": true, "reservationTerm": term})
}

fn page(items: Value, next: Option<String>) -> ResponseTemplate {
    let count = items.as_array().map(Vec::len);
    ResponseTemplate::new(200).set_body_json(json!({"BillingCurrency": "EUR",
        "CustomerEntityId": "Default", "Items": items, "NextPageLink": next, "Count": count}))
}

#[tokio::test]
async fn links_are_followed_also_over_an_empty_page() {
    let server = MockServer::start().await;
    let place = "/api/retail/prices";
    let link = |skip| Some(format!("{}{place}?$skip={skip}", server.uri()));
    Mock::given(method("GET"))
        .and(path(place))
        .and(query_param("api-version", "2023-01-01-preview"))
        .and(query_param("currencyCode", "'EUR'"))
        .and(query_param("meterRegion", "'primary'"))
        .and(query_param(
            "$filter",
            "serviceName eq 'R&D ''lab''' and (armRegionName eq 'westeurope' or \
             contains(meterName, 'Spot'))",
        ))
        .respond_with(page(
            json!([price("Consumption", "1 Hour", None, json!(0.1))]),
            link(1000),
        ))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(query_param("$skip", "1000"))
        .respond_with(page(json!([]), link(2000)))
        .expect(1)
        .mount(&server)
        .await;
    let mut last = price("Consumption", "1 Hour", None, json!(1.5e-7));
    last["savingsPlan"] = json!([{"term": "1 Year", "unitPrice": 1e-7, "retailPrice": 1e-7}]);
    Mock::given(query_param("$skip", "2000"))
        .respond_with(page(json!([last]), None))
        .expect(1)
        .mount(&server)
        .await;
    let filter = RetailFilter::is(RetailField::ServiceName, "R&D 'lab'").and(
        RetailFilter::is(RetailField::ArmRegionName, "westeurope")
            .or(RetailFilter::contains(RetailField::MeterName, "Spot")),
    );
    let query = RetailQuery::new(filter)
        .with_currency("EUR".parse().unwrap())
        .with_primary_meters();
    let found: Vec<_> = prices(&server).prices(&query).try_collect().await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].retail_price, Decimal::new(1, 1));
    assert_eq!(found[1].retail_price, Decimal::new(15, 8));
    assert_eq!(found[1].savings_plans[0].retail_price, Decimal::new(1, 7));
    for request in server.received_requests().await.unwrap() {
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn nothing_is_asked_that_was_not_wanted() {
    let server = MockServer::start().await;
    Mock::given(query_param_is_missing("$filter"))
        .and(query_param_is_missing("currencyCode"))
        .and(query_param_is_missing("meterRegion"))
        .respond_with(page(json!([]), Some(String::new())))
        .expect(1)
        .mount(&server)
        .await;
    let found = prices(&server).prices(&RetailQuery::default());
    assert_eq!(found.try_collect::<Vec<_>>().await.unwrap(), []);
}

#[tokio::test]
async fn a_link_that_repeats_is_no_end() {
    let server = MockServer::start().await;
    let again = format!("{}/api/retail/prices?$skip=1000", server.uri());
    Mock::given(method("GET"))
        .respond_with(page(json!([]), Some(again)))
        .expect(2)
        .mount(&server)
        .await;
    let found = prices(&server).prices(&RetailQuery::default());
    let error = found.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(error, Error::UnexpectedAnswer { .. }), "{error:?}");
}

#[tokio::test]
async fn a_price_without_an_amount_or_currency_is_named() {
    for field in ["retailPrice", "currencyCode"] {
        let mut broken = price("Consumption", "1 Hour", None, json!(1));
        broken[field] = Value::Null;
        let good = price("Consumption", "1 Hour", None, json!(1));
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .respond_with(page(json!([good, broken]), None))
            .mount(&server)
            .await;
        let found = prices(&server).prices(&RetailQuery::default());
        let error = found.try_collect::<Vec<_>>().await.unwrap_err().to_string();
        let expected = format!("`{field}` is missing in item 2 of page 1");
        assert!(error.contains(&expected), "{error}");
    }
}

#[tokio::test]
async fn a_reservation_costs_its_term_divided_by_hours() {
    let server = MockServer::start().await;
    let items = json!([
        price("Reservation", "1 Hour", Some("1 Year"), json!(876)),
        price("Reservation", "1 Hour", Some("3 Years"), json!(2628)),
        price("Reservation", "1 Hour", Some("a while"), json!(5)),
        price("Consumption", "1 Hour", None, json!(0.25)),
        price("Consumption", "1 GB", None, json!(0.25)),
    ]);
    Mock::given(method("GET"))
        .respond_with(page(items, None))
        .mount(&server)
        .await;
    let found = prices(&server).prices(&RetailQuery::default());
    let found: Vec<_> = found.try_collect().await.unwrap();
    let hourly: Vec<_> = found.iter().map(|one| one.per_hour()).collect();
    let tenth = Some(Decimal::new(1, 1));
    assert_eq!(
        hourly,
        [tenth, tenth, None, Some(Decimal::new(25, 2)), None]
    );
}

#[test]
fn filters_keep_their_meaning_when_joined() {
    let a = || RetailFilter::is(RetailField::SkuId, "a");
    let text = RetailFilter::of_text("skuId eq 'b' or skuId eq 'c'");
    assert_eq!(
        a().and(text.clone()).to_string(),
        "skuId eq 'a' and (skuId eq 'b' or skuId eq 'c')"
    );
    assert_eq!(RetailFilter::default().or(a()), a());
    assert_eq!(a().and(RetailFilter::default()), a());
}
