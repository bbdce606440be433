//! Commerce: usage aggregates and the rate card that prices them.

use std::sync::Arc;

use azure_cost::{
    Client, Cloud, Endpoint, Error, Granularity, OfferTerm, PriceError, RateCard, RateCardQuery,
    UsageAggregatesPage, UsageAggregatesQuery,
};
use futures::TryStreamExt;
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Tokens, client, scope};

fn november() -> UsageAggregatesQuery {
    UsageAggregatesQuery {
        from: "2026-11-01T00:00:00Z".parse().unwrap(),
        to: "2026-11-03T00:00:00Z".parse().unwrap(),
        granularity: Granularity::Daily,
        show_details: true,
    }
}

fn row(quantity: Value, instance: Option<&str>) -> Value {
    json!({"id": "r", "name": "r", "properties": {
        "subscriptionId": "1f2e", "meterId": "M-1",
        "usageStartTime": "2026-10-31T00:00:00+00:00",
        "usageEndTime": "2026-11-01T00:00:00+00:00",
        "quantity": quantity, "unit": "GB", "meterCategory": "Storage",
        "infoFields": {"project": "web"}, "instanceData": instance}})
}

const PLACE: &str = "/subscriptions/1f2e/providers/Microsoft.Commerce/UsageAggregates";

async fn usage(server: &MockServer) -> Result<Vec<UsageAggregatesPage>, Error> {
    let pages = client(&server.uri()).usage_aggregates(&scope(), &november());
    pages.try_collect().await
}

#[tokio::test]
async fn usage_comes_in_pages_and_names_its_resource() {
    let server = MockServer::start().await;
    let next = format!("{}{PLACE}?continuationToken=t%2B1", server.uri());
    let instance = r#"{"Microsoft.Resources":{"resourceUri":"/subscriptions/1f2e/a",
        "location":"westeurope","tags":{"env":"prod"},"additionalInfo":{"ImageType":"x"},
        "partNumber":"","orderNumber":null}}"#;
    Mock::given(path(PLACE))
        .and(query_param("api-version", "2015-06-01-preview"))
        .and(query_param(
            "reportedStartTime",
            "2026-11-01T00:00:00+00:00",
        ))
        .and(query_param("reportedEndTime", "2026-11-03T00:00:00+00:00"))
        .and(query_param("aggregationGranularity", "Daily"))
        .and(query_param("showDetails", "true"))
        .respond_with(ResponseTemplate::new(200).set_body_json(
            json!({"value": [row(json!(0.057865), Some(instance))], "nextLink": next}),
        ))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(PLACE))
        .and(query_param("continuationToken", "t+1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(
            json!({"value": [row(json!(2), None), row(json!("3.5"), Some("no JSON"))]}),
        ))
        .expect(2)
        .mount(&server)
        .await;
    let pages = usage(&server).await.unwrap();
    assert_eq!(pages.len(), 2);
    let first = &pages[0].rows[0];
    assert_eq!(first.quantity, Decimal::new(57_865, 6));
    assert_eq!(first.info_fields["project"], "web");
    let resource = first.instance.as_ref().unwrap();
    assert_eq!(resource.resource_uri, "/subscriptions/1f2e/a");
    assert_eq!(resource.tags["env"], "prod");
    let rest = &pages[1].rows;
    assert_eq!(rest[1].quantity, Decimal::new(35, 1));
    assert_eq!(
        (&rest[1].instance, &*rest[1].instance_data),
        (&None, "no JSON")
    );

    let resume = pages[0].next.as_ref();
    let client = client(&server.uri());
    let resumed = client.usage_aggregates_from(&scope(), &november(), resume);
    let resumed: Vec<_> = resumed.try_collect().await.unwrap();
    assert_eq!(resumed, pages[1..], "the first page is not read twice");
}

#[tokio::test]
async fn usage_in_preparation_is_asked_for_again() {
    let server = MockServer::start().await;
    let wait = json!({"error": {"code": "ProcessingNotCompleted", "message": "later"}});
    let later = ResponseTemplate::new(202).set_body_json(wait);
    Mock::given(path(PLACE))
        .respond_with(later.clone().insert_header("Retry-After", "0"))
        .up_to_n_times(2)
        .expect(2)
        .mount(&server)
        .await;
    Mock::given(path(PLACE))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({"value": [row(json!(1), None)]})),
        )
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(usage(&server).await.unwrap()[0].rows.len(), 1);

    let server = MockServer::start().await;
    Mock::given(path(PLACE))
        .respond_with(later.insert_header("Retry-After", "7200"))
        .expect(1)
        .mount(&server)
        .await;
    let error = usage(&server).await.unwrap_err();
    assert!(matches!(error, Error::NotReady { .. }), "{error:?}");
}

#[tokio::test]
async fn equal_rows_of_two_pages_both_count() {
    let server = MockServer::start().await;
    let next = format!("{}{PLACE}?continuationToken=2", server.uri());
    let same = json!([row(json!(1), None)]);
    Mock::given(query_param("continuationToken", "2"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": same})))
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(path(PLACE))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({"value": same, "nextLink": next})),
        )
        .mount(&server)
        .await;
    let pages = usage(&server).await.unwrap();
    let rows: Vec<usize> = pages.iter().map(|page| page.rows.len()).collect();
    assert_eq!(rows, [1, 1]);
}

#[tokio::test]
async fn usage_is_asked_for_full_days_or_hours() {
    let nowhere = client("http://127.0.0.1:9");
    let mut query = november();
    query.from = "2026-11-01T01:00:00Z".parse().unwrap();
    let pages = nowhere.usage_aggregates(&scope(), &query);
    let error = pages.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(error.to_string().contains("midnight UTC"), "{error}");
    query.granularity = Granularity::Hourly;
    query.to = query.from;
    let pages = nowhere.usage_aggregates(&scope(), &query);
    let error = pages.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(error.to_string().contains("no time from"), "{error}");
    query.to = "2026-11-01T02:30:00Z".parse().unwrap();
    let pages = nowhere.usage_aggregates(&scope(), &query);
    let error = pages.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(error.to_string().contains("a full hour"), "{error}");
}

fn query() -> RateCardQuery {
    RateCardQuery {
        offer: "MS-AZR-0003P".to_owned(),
        currency: "EUR".parse().unwrap(),
        locale: "en-US".to_owned(),
        region: "DE".to_owned(),
    }
}

fn card() -> Value {
    json!({
        "Currency": "EUR", "Locale": "en-US", "IsTaxIncluded": false,
        "OfferTerms": [
            {"Name": "Recurring Charge", "RecurringCharge": 5.5, "EffectiveDate": "2026-01-01T00:00:00Z"},
            {"Name": "Monetary Commitment", "TieredDiscount": {"500": 0.05, "0": 0},
             "ExcludedMeterIds": ["M-9"], "EffectiveDate": "2026-01-01T00:00:00Z"},
            {"Name": "Monetary Credit", "Credit": 150, "ExcludedMeterIds": []},
            {"Name": "Something New", "Amount": 1},
        ],
        "Meters": [
            {"MeterId": "M-1", "MeterName": "Data", "MeterCategory": "Storage", "Unit": "GB",
             "MeterTags": ["Third Party"], "MeterRegion": "DE",
             "MeterRates": {"100.5": 0.5, "0": 2}, "IncludedQuantity": 5,
             "EffectiveDate": "2026-06-01T00:00:00Z"},
            {"MeterId": "M-1", "MeterRates": {"0": 3}, "IncludedQuantity": 0,
             "EffectiveDate": "2025-01-01T00:00:00Z"},
            {"MeterId": "a-0", "MeterRates": {"0": 1e-7}},
            {"MeterId": "M-0", "MeterRates": {}, "IncludedQuantity": 1},
        ],
    })
}

fn check(card: &RateCard) {
    assert_eq!(card.meters().len(), 4);
    let unpriced = &card.meter("M-0", date(2026, 6, 1)).unwrap().rates;
    assert_eq!(unpriced.cost(Decimal::ONE), Ok(Decimal::ZERO));
    let two = Decimal::TWO;
    assert_eq!(unpriced.cost(two), Err(PriceError::NoRate(two)));
    let since_june = card.meter("m-1", date(2026, 6, 1)).unwrap();
    // 95.5 of the first 100.5 units cost 2, the last unit costs 0.5.
    assert_eq!(
        since_june.rates.cost(Decimal::new(1015, 1)),
        Ok(Decimal::new(1915, 1))
    );
    assert_eq!(since_june.tags, ["Third Party"]);
    let before = card.meter("M-1", date(2026, 5, 31)).unwrap();
    assert_eq!(before.rates.cost(Decimal::from(2)), Ok(Decimal::from(6)));
    assert_eq!(card.meter("M-1", date(2024, 12, 31)), None);
    let always = card.meter("A-0", date(2000, 1, 1)).unwrap();
    assert_eq!(always.rates.rates(), [(Decimal::ZERO, Decimal::new(1, 7))]);
    assert_eq!(card.meter("M-2", date(2026, 6, 1)), None);
}

#[tokio::test]
async fn a_rate_card_has_graduated_prices_by_day() {
    let server = MockServer::start().await;
    let filter = "OfferDurableId eq 'MS-AZR-0003P' and Currency eq 'EUR' and Locale eq 'en-US' \
                  and RegionInfo eq 'DE'";
    Mock::given(method("GET"))
        .and(path(
            "/subscriptions/1f2e/providers/Microsoft.Commerce/RateCard",
        ))
        .and(query_param("api-version", "2015-06-01-preview"))
        .and(query_param("$filter", filter))
        .respond_with(ResponseTemplate::new(200).set_body_json(card()))
        .expect(1)
        .mount(&server)
        .await;
    let card = client(&server.uri())
        .rate_card(&scope(), &query())
        .await
        .unwrap();
    check(&card);
    assert_eq!(card.is_tax_included, Some(false));
    let since = Some(date(2026, 1, 1));
    let expected = [
        OfferTerm::RecurringCharge {
            charge: Decimal::new(55, 1),
            effective: since,
        },
        OfferTerm::MonetaryCommitment {
            tiered_discount: vec![
                (Decimal::ZERO, Decimal::ZERO),
                (Decimal::from(500), Decimal::new(5, 2)),
            ],
            excluded_meter_ids: vec!["M-9".to_owned()],
            effective: since,
        },
        OfferTerm::MonetaryCredit {
            credit: Decimal::from(150),
            excluded_meter_ids: vec![],
            effective: None,
        },
        OfferTerm::Other("Something New".to_owned()),
    ];
    assert_eq!(card.offer_terms, expected);
}

#[tokio::test]
async fn a_redirected_rate_card_is_read_without_our_token() {
    let storage = MockServer::start().await;
    Mock::given(path("/cards/1.json"))
        .respond_with(ResponseTemplate::new(200).set_body_json(card()))
        .expect(1)
        .mount(&storage)
        .await;
    let server = MockServer::start().await;
    let location = format!("{}/cards/1.json?sig=hunter2", storage.uri());
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(307).insert_header("Location", &*location))
        .expect(1)
        .mount(&server)
        .await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let endpoint = Endpoint::at(&server.uri(), Cloud::Public).unwrap();
    let client = Client::new(http, endpoint, Some(Arc::new(Tokens::default())));
    check(&client.rate_card(&scope(), &query()).await.unwrap());
    let asked = &server.received_requests().await.unwrap()[0];
    assert!(asked.headers.contains_key("authorization"));
    let fetched = &storage.received_requests().await.unwrap()[0];
    assert!(!fetched.headers.contains_key("authorization"));
}

#[tokio::test]
async fn rate_cards_say_what_is_wrong() {
    let mut foreign = card();
    foreign["Currency"] = json!("USD");
    let mut odd = card();
    odd["Meters"][0]["MeterRates"] = json!({"some": 1});
    for (status, body, expected) in [
        (200, foreign, "its prices are in USD, not in EUR"),
        (
            200,
            odd,
            "`MeterRates` is not a map of numbers to numbers in meter 1",
        ),
        (200, json!({"OfferTerms": []}), "`Meters` is missing"),
        (
            400,
            json!({"code": "BadOffer", "message": "no such offer"}),
            "no such offer (BadOffer)",
        ),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(status).set_body_json(body))
            .expect(1)
            .mount(&server)
            .await;
        let error = client(&server.uri())
            .rate_card(&scope(), &query())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
