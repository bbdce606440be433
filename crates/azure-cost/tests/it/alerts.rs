//! Alerts that Azure raised: listed, read, dismissed.

use azure_cost::{CostAlert, Error};
use budget_engine::Scope;
use futures::TryStreamExt;
use jiff::civil::date;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, dec, scope};

const PATH: &str = "/subscriptions/1f2e/providers/Microsoft.CostManagement/alerts";

fn wire(name: &str, status: &str) -> Value {
    json!({
        "id": format!("{PATH}/{name}"),
        "name": name,
        "type": "Microsoft.CostManagement/alerts",
        "properties": {
            "definition": {
                "type": "BudgetForecast",
                "category": "Cost",
                "criteria": "ForecastCostThresholdExceeded",
            },
            "description": "",
            "source": "Preset",
            "costEntityId": "shop-2026",
            "status": status,
            "creationTime": "2026-11-17T10:00:00.1234567Z",
            "closeTime": "0001-01-01T00:00:00",
            "modificationTime": "2026-11-18T10:00:00Z",
            "statusModificationUserName": null,
            "details": {
                "timeGrainType": "Monthly",
                "periodStartDate": "2026-11-01T00:00:00Z",
                "triggeredBy": "9_1_01",
                "threshold": 1.105,
                "operator": "GreaterThan",
                "amount": 5000,
                "currentSpend": 5525.75,
                "unit": "EUR",
                "contactEmails": ["finance@contoso.example"],
                "contactGroups": [],
                "contactRoles": null,
                "tagFilter": {"env": ["prod"]},
                "overridingAlert": null,
            },
        },
    })
}

async fn list(body: Value) -> Result<Vec<CostAlert>, Error> {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(PATH))
        .and(query_param("api-version", "2025-03-01"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .expect(1)
        .mount(&server)
        .await;
    client(&server.uri()).alerts(&scope()).try_collect().await
}

#[tokio::test]
async fn alerts_have_their_threshold_in_percent() {
    // A name that is no GUID, and an alert of a kind that says next to nothing.
    let bare = json!({"name": "b", "properties": {"definition": {"type": "Weather"}}});
    let items = json!([wire("11111111-1111-1111-111111111111", "Active"), bare]);
    let alerts = list(json!({"value": items, "nextLink": null}))
        .await
        .unwrap();
    let alert = &alerts[0];
    assert_eq!(alert.name, "11111111-1111-1111-111111111111");
    assert_eq!((&*alert.kind, &*alert.status), ("BudgetForecast", "Active"));
    assert_eq!(
        alert.creation_time,
        Some("2026-11-17T10:00:00.1234567Z".parse().unwrap())
    );
    assert_eq!(alert.close_time, None, "the year 1 is never");
    let details = alert.details.as_ref().unwrap();
    assert_eq!(details.threshold_percent, Some(dec("110.5")));
    assert_eq!(details.amount, Some(dec("5000")));
    assert_eq!(details.current_spend, Some(dec("5525.75")));
    assert_eq!(details.period_start_date, Some(date(2026, 11, 1)));
    assert_eq!(details.contact_emails, ["finance@contoso.example"]);
    assert_eq!(details.tag_filter, r#"{"env":["prod"]}"#);
    assert_eq!(
        (&*alerts[1].kind, alerts[1].details.is_none()),
        ("Weather", true)
    );
}

#[tokio::test]
async fn an_alert_without_a_name_is_an_error() {
    let error = list(json!({"value": [{"properties": {}}]}))
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`name` is missing in item 1 of page 1"),
        "{error}"
    );
}

#[tokio::test]
async fn an_alert_is_dismissed_by_a_patch() {
    let server = MockServer::start().await;
    let group = Scope::parse("/subscriptions/1f2e/resourceGroups/shop").unwrap();
    let place = format!("{group}/providers/Microsoft.CostManagement/alerts/9%20x");
    Mock::given(method("PATCH"))
        .and(path(&*place))
        .and(query_param("api-version", "2025-03-01"))
        .and(body_json(json!({"properties": {"status": "Dismissed"}})))
        .respond_with(ResponseTemplate::new(200).set_body_json(wire("9 x", "Dismissed")))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let alert = client.dismiss_alert(&group, "9 x").await.unwrap();
    assert_eq!((&*alert.name, &*alert.status), ("9 x", "Dismissed"));

    Mock::given(method("GET"))
        .and(path(&*place))
        .respond_with(ResponseTemplate::new(200).set_body_json(wire("9 x", "Active")))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(client.alert(&group, "9 x").await.unwrap().status, "Active");
    let error = client.alert(&group, "other").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    let error = client.alert(&group, "..").await.unwrap_err();
    assert!(matches!(error, Error::Invalid { code, .. } if code == "NotSent"));
}
