//! Enterprise Reporting: the key, the reports, and answers that have not changed.

use std::sync::Arc;
use std::time::Duration;

use azure_cost::{
    EnterpriseKey, EnterprisePeriod, EnterpriseReporting, Error, LookBack, MemoryAnswers,
    RecommendationScope, Retry,
};
use futures::TryStreamExt;
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn reports(server: &MockServer) -> EnterpriseReporting {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let key = EnterpriseKey::new(" hunter2\n");
    EnterpriseReporting::at(http, &server.uri(), "100", key)
        .unwrap()
        .with_retry(Retry {
            tries: 2,
            total: Duration::from_secs(5),
            first_wait: Duration::ZERO,
            timeout: Duration::from_secs(5),
        })
}

fn answer(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

async fn serves(place: &str, query: &[(&str, &str)], body: Value) -> MockServer {
    let server = MockServer::start().await;
    let mut asked = Mock::given(method("GET"))
        .and(path(place))
        .and(header("authorization", "Bearer hunter2"));
    for (name, value) in query {
        asked = asked.and(query_param(*name, *value));
    }
    asked
        .respond_with(answer(body))
        .expect(1)
        .mount(&server)
        .await;
    server
}

fn usage(day: &str, cost: Value) -> Value {
    json!({"date": format!("{day}T00:00:00"), "cost": cost, "subscriptionGuid": "1f2e",
        "consumedQuantity": 2, "tags": "{\"env\": \"prod\"}", "additionalInfo": "",
        "resourceGroup": "payments"})
}

#[tokio::test]
async fn balances_are_read_by_period() {
    let balance = json!({"id": "x", "billingPeriodId": 202_611, "currencyCode": "EUR  ",
        "beginningBalance": 100, "endingBalance": 40.5, "utilized": 59.5,
        "newPurchasesDetails": [{"name": "", "value": 1}],
        "adjustmentDetails": [{"name": "Promo", "value": 1.1}]});
    let server = serves("/v3/enrollments/100/balancesummary", &[], balance.clone()).await;
    let current = reports(&server).balance_summary(None).await.unwrap();
    assert_eq!(current.billing_period_id, "202611");
    assert_eq!(current.currency, "EUR".parse().unwrap());
    assert_eq!(current.ending_balance, Decimal::new(405, 1));
    assert_eq!(current.adjustment_details[0].value, Decimal::new(11, 1));

    let place = "/v3/enrollments/100/billingPeriods/202611/balancesummary";
    let server = serves(place, &[], balance).await;
    let named = reports(&server)
        .balance_summary(Some("202611"))
        .await
        .unwrap();
    assert_eq!(named, current);
}

#[tokio::test]
async fn usage_comes_in_pages_that_can_be_resumed() {
    let server = MockServer::start().await;
    let place = "/v3/enrollments/100/usagedetailsbycustomdate";
    let next = format!("{}{place}?skiptoken=2", server.uri());
    Mock::given(path(place))
        .and(query_param("startTime", "2026-11-01"))
        .and(query_param("endTime", "2026-11-30"))
        .respond_with(answer(
            json!({"id": "x", "data": [usage("2026-11-01", json!(1.25))], "nextLink": next}),
        ))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(place))
        .and(query_param("skiptoken", "2"))
        .respond_with(answer(
            json!({"id": "x", "data": [usage("2026-11-02", json!("-2"))], "nextLink": ""}),
        ))
        .expect(2)
        .mount(&server)
        .await;
    let reports = reports(&server);
    let november = EnterprisePeriod::Days(date(2026, 11, 1), date(2026, 12, 1));
    let pages: Vec<_> = reports
        .usage_details(&november)
        .try_collect()
        .await
        .unwrap();
    let costs: Vec<Decimal> = pages
        .iter()
        .flat_map(|page| &page.rows)
        .map(|row| row.cost)
        .collect();
    assert_eq!(costs, [Decimal::new(125, 2), Decimal::from(-2)]);
    assert_eq!(pages[0].rows[0].tags["env"], "prod");
    assert_eq!(pages[1].next, None);
    let rest = reports.usage_details_from(&november, pages[0].next.as_ref());
    assert_eq!(rest.try_collect::<Vec<_>>().await.unwrap(), pages[1..]);
}

#[tokio::test]
async fn usage_without_a_cost_is_no_free_usage() {
    let place = "/v3/enrollments/100/billingPeriods/202611/usagedetails";
    let rows = json!({"data": [usage("2026-11-01", json!(1)), usage("2026-11-01", Value::Null)]});
    let server = serves(place, &[], rows).await;
    let period = EnterprisePeriod::Billing("202611".to_owned());
    let pages = reports(&server).usage_details(&period);
    let error = pages.try_collect::<Vec<_>>().await.unwrap_err().to_string();
    assert!(
        error.contains("`cost` is missing in item 2 of page 1"),
        "{error}"
    );
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let place = "/v3/enrollments/100/usagedetails";
    let server = MockServer::start().await;
    Mock::given(path(place))
        .and(header("if-none-match", "\"v1\""))
        .respond_with(ResponseTemplate::new(304).insert_header("ETag", "\"v1\""))
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(place))
        .and(header("if-none-match", "\"v1\""))
        .respond_with(
            answer(json!({"data": [usage("2026-11-01", json!(9))]}))
                .insert_header("ETag", "\"v2\""),
        )
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(place))
        .respond_with(
            answer(json!({"data": [usage("2026-11-01", json!(7))]}))
                .insert_header("ETag", "\"v1\""),
        )
        .expect(1)
        .mount(&server)
        .await;
    let reports = reports(&server).with_kept_answers(Arc::new(MemoryAnswers::new(1 << 20)));
    let mut costs = Vec::new();
    for _ in 0..3 {
        let pages = reports.usage_details(&EnterprisePeriod::Current);
        let pages: Vec<_> = pages.try_collect().await.unwrap();
        costs.push(pages[0].rows[0].cost);
    }
    assert_eq!(
        costs,
        [Decimal::from(7), Decimal::from(7), Decimal::from(9)]
    );
}

#[tokio::test]
async fn unchanged_without_a_kept_answer_is_no_empty_answer() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(304))
        .expect(1)
        .mount(&server)
        .await;
    let pages = reports(&server).usage_details(&EnterprisePeriod::Current);
    let error = pages.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(error, Error::UnexpectedAnswer { .. }), "{error:?}");
}

#[tokio::test]
async fn bare_arrays_are_whole_reports() {
    let charges = json!([{"id": "m", "usageStartDate": "2026-11-01T00:00:00",
        "usageEndDate": "2026-11-01T23:59:59", "extendedCost": 3.5, "tags": "no JSON"}]);
    let days = EnterprisePeriod::Days(date(2026, 11, 1), date(2026, 11, 2));
    let place = "/v3/enrollments/100/marketplacechargesbycustomdate";
    let query = [("startTime", "2026-11-01"), ("endTime", "2026-11-01")];
    let server = serves(place, &query, charges).await;
    let found = reports(&server).marketplace_charges(&days);
    let found: Vec<_> = found.try_collect().await.unwrap();
    assert_eq!(found[0].extended_cost, Decimal::new(35, 1));

    let prices = json!([{"billingPeriodId": "202611", "meterId": "M", "unitPrice": 0.00123,
        "currencyCode": "EUR", "includedQuantity": 5}]);
    let place = "/v3/enrollments/100/billingPeriods/202611/pricesheet";
    let server = serves(place, &[], prices).await;
    let found: Vec<_> = reports(&server)
        .price_sheet("202611")
        .try_collect()
        .await
        .unwrap();
    assert_eq!(found[0].unit_price, Decimal::new(123, 5));

    let periods = json!([{"billingPeriodId": 202_611, "billingStart": "2026-11-01T00:00:00Z",
        "billingEnd": "2026-11-30T11:59:59Z", "balanceSummary": null,
        "usageDetails": "/v1/enrollments/100/billingperiods/202611/usagedetails"}]);
    let server = serves("/v3/enrollments/100/billingperiods", &[], periods).await;
    let found: Vec<_> = reports(&server)
        .billing_periods()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(
        (&*found[0].id, found[0].end),
        ("202611", Some(date(2026, 11, 30)))
    );
    assert!(found[0].has_usage_details && !found[0].has_balance_summary);
}

#[tokio::test]
async fn reserved_instances_have_their_own_reports() {
    let range = [("startDate", "2026-11-01"), ("endDate", "2026-11-30")];
    let (from, to) = (date(2026, 11, 1), date(2026, 12, 1));
    let row = json!([{"reservationId": "r", "usageDate": "2026-11-02T00:00:00",
        "reservedHours": 24, "usedHours": 12.5, "avgUtilizationPercentage": 52.08}]);
    let server = serves(
        "/v2/enrollments/100/reservationdetails",
        &range,
        row.clone(),
    )
    .await;
    let found = reports(&server).reservation_details(from, to);
    let found: Vec<_> = found.try_collect().await.unwrap();
    assert_eq!(found[0].used_hours, Some(Decimal::new(125, 1)));

    let server = serves("/v2/enrollments/100/reservationsummaries", &range, row).await;
    let found = reports(&server).reservation_summaries(from, to);
    let found: Vec<_> = found.try_collect().await.unwrap();
    assert_eq!(
        found[0].avg_utilization_percentage,
        Some(Decimal::new(5208, 2))
    );

    let charge = json!([{"reservationOrderId": "o", "eventType": "Refund", "amount": -12,
        "currency": "EUR", "eventDate": "2026-11-03T00:00:00Z"}]);
    let server = serves("/v4/enrollments/100/reservationcharges", &range, charge).await;
    let found = reports(&server).reservation_charges(from, to);
    let found: Vec<_> = found.try_collect().await.unwrap();
    assert_eq!(found[0].amount, Decimal::from(-12));

    for (scope, report) in [
        (
            RecommendationScope::Shared,
            "SharedReservationRecommendations",
        ),
        (
            RecommendationScope::Single,
            "SingleReservationRecommendations",
        ),
    ] {
        let advice = json!([{"skuName": "D2", "recommendedQuantity": 3, "costWithNoRI": 9,
            "totalCostWithReservedInstances": 6.5, "netSavings": 2.5}]);
        let place = format!("/v2/enrollments/100/{report}");
        let server = serves(&place, &[("lookBackPeriod", "30")], advice).await;
        let found = reports(&server).reservation_recommendations(scope, LookBack::Days30);
        let found: Vec<_> = found.try_collect().await.unwrap();
        assert_eq!(found[0].cost_without, Some(Decimal::from(9)));
        assert_eq!(found[0].cost_with, Some(Decimal::new(65, 1)));
    }
}

#[tokio::test]
async fn a_refused_key_is_said_once_and_not_shown() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(401))
        .expect(1)
        .mount(&server)
        .await;
    let reports = reports(&server);
    let error = reports.balance_summary(None).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    assert!(
        !format!("{reports:?} {error:?} {:?}", EnterpriseKey::new("hunter2")).contains("hunter2")
    );
}
