//! The price sheet of an enrollment: pages, and a file.

use azure_cost::{Error, PreparedFile, PriceSheetPrice};
use futures::TryStreamExt;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, dec, get, ok, parse, scope, silent_server};

const VERSION: &str = "2024-08-01";
const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/8611";
const PERIOD: &str = "/subscriptions/1f2e/providers/Microsoft.Billing/billingPeriods/202611\
                      /providers/Microsoft.Consumption/pricesheets/default";
const ALL: [(&str, &str); 2] = [("$expand", "meterDetails"), ("$top", "1000")];

fn price(meter: &str) -> Value {
    json!({
        "billingPeriodId": "/subscriptions/1f2e/providers/Microsoft.Billing/billingPeriods/202611",
        "meterId": meter,
        "unitOfMeasure": "100 Hours",
        "includedQuantity": 0,
        "unitPrice": 0.00328,
        "currencyCode": "EUR",
        "savingsPlan": {"term": "P3Y", "effectivePrice": 0.002, "marketPrice": 0.00328},
        "meterDetails": {"meterName": "E4s v5", "meterSubCategory": "ESv5", "unit": "Hours",
            "pretaxStandardRate": 0.5},
    })
}

#[tokio::test]
async fn prices_are_read_over_all_pages_of_a_period() {
    let server = MockServer::start().await;
    let link = format!(
        "{}{PERIOD}?api-version=2018-01-31&$skiptoken=AQAAAA%3D%3D",
        server.uri()
    );
    let first =
        json!({"properties": {"pricesheets": [price("m1")], "nextLink": link, "download": {}}});
    get(&server, VERSION, PERIOD, &ALL, ok(first)).await;
    let mut bare = price("m2");
    bare.as_object_mut().unwrap().remove("savingsPlan");
    bare["meterDetails"] = Value::Null;
    let second = ok(json!({"properties": {"pricesheets": [bare], "nextLink": null}}));
    get(
        &server,
        "2018-01-31",
        PERIOD,
        &[("$skiptoken", "AQAAAA==")],
        second,
    )
    .await;

    let client = client(&server.uri());
    let prices = client.price_sheet(&scope(), Some("202611"));
    let prices: Vec<PriceSheetPrice> = prices.try_collect().await.unwrap();
    assert_eq!(prices.len(), 2);
    assert_eq!(prices[0].unit_price, dec("0.00328"));
    assert_eq!(prices[0].currency.code(), "EUR");
    assert_eq!(prices[0].unit_of_measure, "100 Hours");
    assert_eq!(prices[0].included_quantity, Some(dec("0")));
    let plan = prices[0].savings_plan.as_ref().unwrap();
    assert_eq!(
        (&*plan.term, plan.effective_price),
        ("P3Y", Some(dec("0.002")))
    );
    let meter = prices[0].meter_details.as_ref().unwrap();
    assert_eq!(meter.meter_sub_category, "ESv5");
    assert_eq!(meter.pretax_standard_rate, Some(dec("0.5")));
    assert_eq!(prices[1].meter_id, "m2");
    assert_eq!(prices[1].savings_plan, None);
    assert_eq!(prices[1].meter_details, None);
}

#[tokio::test]
async fn a_sheet_without_prices_or_with_a_price_missing_is_no_sheet() {
    let at = "/subscriptions/1f2e/providers/Microsoft.Consumption/pricesheets/default";
    let mut unpriced = price("m2");
    unpriced.as_object_mut().unwrap().remove("unitPrice");
    for (properties, problem) in [
        (
            json!({"nextLink": null}),
            "`properties.pricesheets` is missing in page 1",
        ),
        (
            json!({"pricesheets": [price("m1"), unpriced]}),
            "`properties.pricesheets[1].unitPrice` is missing in page 1",
        ),
    ] {
        let server = MockServer::start().await;
        get(
            &server,
            VERSION,
            at,
            &ALL,
            ok(json!({"properties": properties})),
        )
        .await;
        let prices = client(&server.uri()).price_sheet(&scope(), None);
        let error = prices
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err()
            .to_string();
        assert!(error.ends_with(problem), "{error}");
    }
}

/// Starts a file and answers its later state.
async fn file(state: ResponseTemplate) -> (MockServer, String) {
    let server = MockServer::start().await;
    let at = format!(
        "{ACCOUNT}/billingPeriods/202611/providers/Microsoft.Consumption/pricesheets/download"
    );
    let location = format!("{}/operationResults/7?api-version=2023-03-01", server.uri());
    Mock::given(method("POST"))
        .and(path(at))
        .and(query_param("api-version", VERSION))
        .respond_with(
            ResponseTemplate::new(202)
                .insert_header("Location", &*location)
                .insert_header("Retry-After", "0"),
        )
        .expect(1)
        .mount(&server)
        .await;
    // The second answer names neither place nor wait.
    Mock::given(method("GET"))
        .and(path("/operationResults/7"))
        .respond_with(ResponseTemplate::new(202))
        .up_to_n_times(1)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/operationResults/7"))
        .and(query_param("api-version", "2023-03-01"))
        .respond_with(state)
        .expect(1)
        .mount(&server)
        .await;
    let uri = server.uri();
    (server, uri)
}

#[tokio::test]
async fn a_file_is_waited_for_and_its_link_kept_secret() {
    let state = json!({"status": "Completed", "properties": {
        "downloadUrl": "https://files.contoso.example/sheets/1?sig=secret",
        "validTill": "2026-11-21T05:12:50.4266333Z",
    }});
    let (_server, uri) = file(ok(state)).await;
    let client = client(&uri);
    let account = parse(ACCOUNT);
    let started = client
        .start_consumption_price_sheet(&account, "202611")
        .await
        .unwrap();
    let file = client.wait_for_file(started).await.unwrap().unwrap();
    assert_eq!(file.link.path(), "/sheets/1");
    assert_eq!(file.link.reveal().query(), Some("sig=secret"));
    assert_eq!(
        file.link.valid_till,
        "2026-11-21T05:12:50.4266333Z".parse().ok()
    );
    assert!(!format!("{file:?}").contains("secret"));
}

#[tokio::test]
async fn a_stored_question_is_asked_again_and_a_failure_is_no_file() {
    let failed = json!({"status": "Failed", "error": {"code": "NoPrices", "message": "none"}});
    let (_server, uri) = file(ok(failed)).await;
    let client = client(&uri);
    let account = parse(ACCOUNT);
    let started = client
        .start_consumption_price_sheet(&account, "202611")
        .await
        .unwrap();
    let PreparedFile::Pending(pending) = started else {
        panic!("{started:?}");
    };
    let stored = serde_json::to_string(&pending).unwrap();
    let pending = serde_json::from_str(&stored).unwrap();
    let again = client.prepared_file(&pending).await.unwrap();
    assert!(matches!(again, PreparedFile::Pending(_)), "{again:?}");
    let error = client.prepared_file(&pending).await.unwrap_err();
    assert!(matches!(error, Error::Failed { .. }), "{error:?}");
    assert!(error.to_string().ends_with("none (NoPrices)"), "{error}");
}

#[tokio::test]
async fn prices_are_those_of_an_enrollment() {
    let server = silent_server().await;
    let client = client(&server.uri());
    let prices = client.price_sheet(&parse(ACCOUNT), None);
    assert!(prices.try_collect::<Vec<_>>().await.is_err());
    assert!(
        client
            .start_consumption_price_sheet(&scope(), "202611")
            .await
            .is_err()
    );
    let prices = client.price_sheet(&scope(), Some(""));
    assert!(prices.try_collect::<Vec<_>>().await.is_err());
}
