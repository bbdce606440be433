//! Budgets, their evaluation, alerts and webhooks.

use std::sync::{Arc, Mutex};

use rust_decimal::Decimal;

use super::*;

const GROUP: &str =
    "/subscriptions/7d1f6a52-90c4-4be3-8a1c-2f5b0c9e4a11/resourceGroups/payments-prod";
const ACTION: &str =
    "/subscriptions/x/resourceGroups/y/providers/microsoft.insights/actionGroups/ag1";

fn path(name: &str) -> String {
    format!("{GROUP}/providers/Microsoft.Consumption/budgets/{name}?api-version=2024-08-01")
}

fn budget() -> Value {
    json!({"properties": {
        "category": "Cost",
        "amount": 10000,
        "timeGrain": "Monthly",
        "timePeriod": {"startDate": "2026-11-01T00:00:00Z"},
        "notifications": {
            "over": {
                "enabled": true, "operator": "GreaterThan", "threshold": 100,
                "contactEmails": [], "contactGroups": [ACTION],
            },
            "soon": {
                "enabled": true, "operator": "GreaterThanOrEqualTo", "threshold": 190.5,
                "thresholdType": "Forecasted", "contactEmails": ["owner@contoso.example"],
            },
        },
    }})
}

fn spent() -> Decimal {
    let world = example::world();
    let rows = world.rows_between(date(2026, 11, 1), date(2026, 11, 17));
    let rows = rows.filter(|row| row.group.name == "payments-prod");
    rows.map(|row| row.cost).sum::<Decimal>()
}

#[tokio::test]
async fn budgets_are_created_read_updated_and_deleted() {
    let local = Local::new(options());
    assert_eq!(local.get(&path("b")).await.0, StatusCode::NOT_FOUND);
    let (status, created) = local.call("PUT", &path("b"), &budget()).await;
    assert_eq!(status, StatusCode::CREATED, "{created}");
    let (_, _, text) = local.send("GET", &path("B"), "").await;
    assert!(
        text.contains(&format!(
            "\"amount\":{},\"unit\":\"EUR\"",
            spent().normalize()
        )),
        "{text}"
    );
    let (_, read) = local.get(&path("b")).await;
    assert_eq!(
        read["properties"]["timePeriod"]["endDate"],
        "2036-11-01T00:00:00Z"
    );
    assert_eq!(
        read["properties"]["notifications"]["over"]["thresholdType"],
        "Actual"
    );
    let etag = read["eTag"].as_str().unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"'));

    let mut update = budget();
    update["eTag"] = json!(etag);
    update["properties"]["amount"] = json!(12000.5);
    assert_eq!(
        local.call("PUT", &path("b"), &update).await.0,
        StatusCode::OK
    );
    let (status, conflict) = local.call("PUT", &path("b"), &update).await;
    assert_eq!(
        (status, &conflict["error"]["code"]),
        (StatusCode::BAD_REQUEST, &json!("400"))
    );
    assert!(
        conflict["error"]["message"]
            .as_str()
            .unwrap()
            .contains("changes made to Budget")
    );
    // The other provider shows the same budget.
    let other = path("b")
        .replace("Consumption", "CostManagement")
        .replace("2024-08-01", "2025-03-01");
    let (_, read) = local.get(&other).await;
    assert_eq!(read["properties"]["amount"], 12000.5);
    assert_eq!(read["type"], "Microsoft.CostManagement/budgets");
    let list = other.replace("/b?", "?");
    assert_eq!(local.list(&list).await.len(), 1);
    let none = format!("{list}&$filter=properties/category eq 'ReservationUtilization'");
    assert_eq!(local.list(&none).await.len(), 0);

    let (status, _, body) = local.send("DELETE", &path("b"), "").await;
    assert_eq!((status, &*body), (StatusCode::OK, ""));
    assert_eq!(local.get(&path("b")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused() {
    let local = Local::new(options());
    local.call("PUT", &path("b"), &budget()).await;
    let changed = |pointer: &str, value: Value| {
        let mut body = budget();
        *body.pointer_mut(&format!("/properties/{pointer}")).unwrap() = value;
        body
    };
    let start = "timePeriod/startDate";
    let over = "notifications/over";
    for (name, body, problem) in [
        ("b b", budget(), "the name"),
        ("n", changed("category", json!("Usage")), "the category"),
        ("n", changed("amount", json!(0)), "the amount"),
        ("n", changed("timeGrain", json!("Weekly")), "the time grain"),
        (
            "n",
            changed(start, json!("2026-11-02T00:00:00Z")),
            "first of a month",
        ),
        (
            "n",
            changed(start, json!("2026-10-01T00:00:00Z")),
            "current period",
        ),
        (
            "n",
            changed(start, json!("2028-01-01T00:00:00Z")),
            "next 12 months",
        ),
        ("n", changed(start, json!("soon")), "is no date"),
        (
            "b",
            changed(start, json!("2026-12-01T00:00:00Z")),
            "Start date of budgets cannot be updated",
        ),
        ("b", changed("timeGrain", json!("Quarterly")), "Time grain"),
        (
            "n",
            changed(&format!("{over}/threshold"), json!(1000.01)),
            "the threshold",
        ),
        (
            "n",
            changed(&format!("{over}/threshold"), json!(80.001)),
            "the threshold",
        ),
        (
            "n",
            changed(&format!("{over}/operator"), json!("LessThan")),
            "utilization only",
        ),
        (
            "n",
            changed(&format!("{over}/contactGroups"), json!([])),
            "nobody to tell",
        ),
    ] {
        let (status, answer) = local.call("PUT", &path(name), &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(problem), "{problem}: {message}");
    }
    let account = "/providers/Microsoft.Billing/billingAccounts/86420975";
    let account = path("n").replace(GROUP, account);
    let (_, answer) = local.call("PUT", &account, &budget()).await;
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("groups or roles"),
        "{answer}"
    );
}

/// A receiver that keeps what it gets.
async fn receiver() -> (String, Arc<Mutex<Vec<Value>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let app = Router::new().fallback(move |body: String| async move {
        keep.lock()
            .unwrap()
            .push(serde_json::from_str(&body).unwrap());
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, kept)
}

#[tokio::test]
async fn an_evaluation_raises_alerts_once_and_calls_the_webhook() {
    let local = Local::new(options());
    local.call("PUT", &path("b"), &budget()).await;
    let (url, kept) = receiver().await;
    let far = json!({ACTION: {"url": "http://contoso.example/"}});
    assert_eq!(
        local.call("PUT", "/sandbox/action-groups", &far).await.0,
        StatusCode::BAD_REQUEST
    );
    let groups = json!({ACTION.to_uppercase(): {"url": url}});
    local.call("PUT", "/sandbox/action-groups", &groups).await;
    let (status, told) = local.call("POST", "/sandbox/evaluate", &Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!(told["raised"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["posts"], json!([200]));
    let posted = kept.lock().unwrap()[0].clone();
    assert_eq!(posted["schemaId"], "AIP Budget Notification");
    assert_eq!(
        posted["data"]["SpendingAmount"],
        spent().round_dp(2).to_string()
    );
    assert_eq!(posted["data"]["NotificationThresholdAmount"], "10000");
    assert_eq!(posted["data"]["BudgetStartDate"], "11/1/2026");
    // Once per period; in the next one it starts again.
    let (_, again) = local.call("POST", "/sandbox/evaluate", &Value::Null).await;
    assert_eq!(again, json!({"raised": [], "posts": []}));

    let alerts =
        format!("{GROUP}/providers/Microsoft.CostManagement/alerts?api-version=2025-03-01");
    let listed = local.list(&alerts).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["properties"]["details"]["threshold"], 1);
    assert_eq!(listed[0]["properties"]["status"], "Active");
    let one = alerts.replace(
        "alerts?",
        &format!("alerts/{}?", listed[0]["name"].as_str().unwrap()),
    );
    let dismissal = json!({"properties": {"status": "Dismissed"}});
    let (status, dismissed) = local.call("PATCH", &one, &dismissal).await;
    assert_eq!(
        (status, &dismissed["properties"]["status"]),
        (StatusCode::OK, &json!("Dismissed"))
    );
    assert_eq!(local.get(&one).await.1, dismissed);
    assert_eq!(
        local.call("PATCH", &one, &json!({})).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        local.get(&one.replace("a1e7", "beef")).await.0,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_common_schema_writes_amounts_for_people() {
    let local = Local::new(options());
    local.call("PUT", &path("b"), &budget()).await;
    let (url, kept) = receiver().await;
    let groups = json!({ACTION: {"url": url, "common_schema": true}});
    local.call("PUT", "/sandbox/action-groups", &groups).await;
    local.call("POST", "/sandbox/evaluate", &Value::Null).await;
    let posted = kept.lock().unwrap()[0].clone();
    let data = &posted["data"]["alertContext"]["AlertData"];
    assert_eq!(data["BudgetThreshold"], "$10,000.00");
    assert_eq!(data["BudgetName"], "b");
    assert_eq!(
        posted["data"]["essentials"]["monitoringService"],
        "CostAlerts"
    );
}
