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
        (
            "n",
            changed(&format!("{over}/contactGroups"), json!(["ag1"])),
            "'ag1' is no id of an action group",
        ),
        (
            "n",
            changed(&format!("{over}/contactEmails"), json!(["owner"])),
            "'owner' is no mail address",
        ),
        (
            "n",
            changed(
                &format!("{over}/contactEmails"),
                json!(vec!["owner@contoso.example"; 51]),
            ),
            "more than 50 mail addresses",
        ),
        (
            "n",
            changed(
                over,
                with(
                    &budget()["properties"]["notifications"]["over"],
                    "locale",
                    "xx",
                ),
            ),
            "the locale 'xx'",
        ),
        (
            "n",
            changed(
                over,
                with(
                    &budget()["properties"]["notifications"]["over"],
                    "frequency",
                    "Daily",
                ),
            ),
            "utilization only",
        ),
        (
            "n",
            changed("notifications", many(6)),
            "at most 5 notifications",
        ),
        (
            "n",
            changed("timeGrain", json!("BillingMonth")),
            "the time grain",
        ),
        (
            "n",
            changed("timeGrain", json!("Last7Days")),
            "the time grain",
        ),
        (&"n".repeat(64), budget(), "the name"),
        (
            "n",
            changed(
                "timePeriod",
                json!({"startDate": "2026-11-01T00:00:00Z", "endDate": "2026-11-01T00:00:00Z"}),
            ),
            "the end date must lie after",
        ),
        (
            "n",
            changed(
                "timePeriod",
                json!({"startDate": "2026-11-01T00:00:00Z", "endDate": "2026-11-10T00:00:00Z"}),
            ),
            "the end date must not lie in the past",
        ),
        (
            "n",
            filtered(json!({"dimensions": tag("ServiceName", "Equals")})),
            "only operator",
        ),
        (
            "n",
            filtered(json!({"dimensions": tag("Weather", "In")})),
            "'Weather' is unknown",
        ),
        (
            "n",
            filtered(json!({"and": [{"tags": tag("env", "In")}]})),
            "at least 2",
        ),
        (
            "n",
            filtered(json!({"or": [{"tags": tag("env", "In")}, {"tags": tag("team", "In")}]})),
            "a filter is one of",
        ),
        (
            "n",
            filtered(json!({"dimensions": tag("ServiceName", "In"), "tags": tag("env", "In")})),
            "exactly one of",
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

/// So many notifications, each at its own percent.
fn many(count: u32) -> Value {
    let all = (1..=count).map(|number| {
        let told = json!({
            "enabled": true, "operator": "GreaterThan", "threshold": number,
            "contactEmails": ["owner@contoso.example"],
        });
        (format!("n{number}"), told)
    });
    Value::Object(all.collect())
}

fn with(value: &Value, key: &str, member: &str) -> Value {
    let mut value = value.clone();
    value[key] = json!(member);
    value
}

fn filtered(filter: Value) -> Value {
    let mut body = budget();
    body["properties"]["filter"] = filter;
    body
}

fn tag(name: &str, operator: &str) -> Value {
    json!({"name": name, "operator": operator, "values": ["x"]})
}

#[tokio::test]
async fn what_azure_takes_is_taken() {
    let local = Local::new(options());
    let mut five = budget();
    five["properties"]["notifications"] = many(5);
    five["properties"]["filter"] =
        json!({"and": [{"tags": tag("env", "In")}, {"dimensions": tag("ServiceName", "In")}]});
    five["properties"]["timePeriod"]["endDate"] = json!("2027-10-31");
    // What only Azure says is ignored.
    five["properties"]["currentSpend"] = json!({"amount": 1, "unit": "XXX"});
    let (status, made) = local.call("PUT", &path(&"n".repeat(63)), &five).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let made = &made["properties"];
    assert_eq!(made["notifications"].as_object().unwrap().len(), 5);
    assert_eq!(made["timePeriod"]["endDate"], "2027-10-31T00:00:00Z");
    assert_eq!(made["currentSpend"]["unit"], "EUR");
    assert_eq!(made["filter"], five["properties"]["filter"]);
    assert_eq!(made.get("forecastSpend"), None);
}

#[tokio::test]
async fn a_changed_threshold_type_is_ignored_as_azure_does() {
    let local = Local::new(options());
    local.call("PUT", &path("b"), &budget()).await;
    let mut body = budget();
    body["properties"]["notifications"]["over"]["thresholdType"] = json!("Forecasted");
    body["properties"]["notifications"]["new"] =
        body["properties"]["notifications"]["soon"].clone();
    let (status, updated) = local.call("PUT", &path("b"), &body).await;
    assert_eq!(status, StatusCode::OK);
    let told = &updated["properties"]["notifications"];
    assert_eq!(told["over"]["thresholdType"], "Actual");
    assert_eq!(told["new"]["thresholdType"], "Forecasted");
}

#[tokio::test]
async fn a_budget_that_is_over_is_gone_and_its_name_free() {
    let local = Local::new(options());
    let mut body = budget();
    body["properties"]["timePeriod"]["endDate"] = json!("2026-11-30T00:00:00Z");
    local.call("PUT", &path("b"), &body).await;
    let all = path("b").replace("/b?", "?");
    let on = |day: &str| json!({"today": day});
    local.call("PUT", "/sandbox/today", &on("2026-11-30")).await;
    assert_eq!(local.list(&all).await.len(), 1);
    local.call("PUT", "/sandbox/today", &on("2026-12-01")).await;
    assert_eq!(local.list(&all).await.len(), 0);
    assert_eq!(local.get(&path("b")).await.0, StatusCode::NOT_FOUND);
    let (_, told) = local.call("POST", "/sandbox/evaluate", &Value::Null).await;
    assert_eq!(told["raised"], json!([]));
    body["properties"]["timePeriod"] = json!({"startDate": "2026-12-01T00:00:00Z"});
    let (status, again) = local.call("PUT", &path("b"), &body).await;
    assert_eq!(status, StatusCode::CREATED, "{again}");
}

#[tokio::test]
async fn an_offer_without_budgets_and_a_new_subscription_are_refused() {
    let mut world = example::world();
    world.subscriptions[0].unsupported_offer = Some("MS-AZR-0036P".to_owned());
    world.subscriptions[1].created = Some(date(2026, 11, 17));
    let of = |world: &World, number: usize| {
        let id = &world.subscriptions[number].id;
        format!(
            "/subscriptions/{id}/providers/Microsoft.Consumption/budgets?api-version=2024-08-01"
        )
    };
    let paths = [0, 1, 2].map(|number| of(&world, number));
    let local = Local::over(world, options());
    let (status, answer) = local.get(&paths[0]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["error"]["code"], "SubscriptionTypeNotSupported");
    let (status, answer) = local.get(&paths[1]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(answer["error"]["code"], "SubscriptionNotFound");
    assert_eq!(local.get(&paths[2]).await.0, StatusCode::OK);
    let later = json!({"today": "2026-11-19"});
    local.call("PUT", "/sandbox/today", &later).await;
    assert_eq!(local.get(&paths[1]).await.0, StatusCode::OK);
}

fn utilization() -> Value {
    json!({"properties": {
        "category": "ReservationUtilization",
        "timeGrain": "Last7Days",
        "timePeriod": {"startDate": "2026-11-18T00:00:00Z", "endDate": "2029-11-17T00:00:00Z"},
        "filter": {"dimensions": {
            "name": "ReservedResourceType", "operator": "In", "values": ["VirtualMachines"],
        }},
        "notifications": {"idle": {
            "enabled": true, "operator": "LessThan", "threshold": 95, "frequency": "Weekly",
            "contactEmails": ["owner@contoso.example"],
        }},
    }})
}

#[tokio::test]
async fn utilization_budgets_have_rules_of_their_own() {
    let local = Local::new(options());
    let account = "/providers/Microsoft.Billing/billingAccounts/86420975";
    let at = |scope: &str| {
        format!("{scope}/providers/Microsoft.CostManagement/budgets/idle?api-version=2025-03-01")
    };
    let (status, made) = local.call("PUT", &at(account), &utilization()).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    assert_eq!(made["properties"].get("amount"), None);
    assert_eq!(made["properties"].get("currentSpend"), None);
    let consumption = at(account)
        .replace("CostManagement", "Consumption")
        .replace("2025-03-01", "2024-08-01");
    let changed = |pointer: &str, value: Value| {
        let mut body = utilization();
        *body.pointer_mut(&format!("/properties/{pointer}")).unwrap() = value;
        body
    };
    let with_amount = {
        let mut body = utilization();
        body["properties"]["amount"] = json!(5);
        body
    };
    for (path, body, problem) in [
        (consumption, utilization(), "the category must be Cost"),
        (
            at(GROUP),
            utilization(),
            "is of an Enterprise billing account",
        ),
        (at(account), with_amount, "no amount"),
        (
            at(account),
            changed("timeGrain", json!("Monthly")),
            "Last7Days, Last30Days",
        ),
        (
            at(account),
            changed("notifications/idle/threshold", json!(101)),
            "0 to 100",
        ),
        (
            at(account),
            changed("notifications/idle/frequency", json!("Hourly")),
            "the frequency",
        ),
        (
            at(account),
            changed("notifications", many(2)),
            "exactly one notification",
        ),
        (
            at(account),
            changed("filter/dimensions/name", json!("ServiceName")),
            "the filter is one dimension",
        ),
        (
            at(account).replace("/idle?", "/other?"),
            changed("timePeriod/startDate", json!("2026-11-17T00:00:00Z")),
            "today or later",
        ),
        (
            at(account).replace("/idle?", "/other?"),
            changed("timePeriod/endDate", json!("2029-11-19T00:00:00Z")),
            "within 3 years",
        ),
    ] {
        let (status, answer) = local.call("PUT", &path, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(problem), "{problem}: {message}");
    }
}

#[tokio::test]
async fn grains_and_scopes_are_those_of_the_agreement() {
    let world = world_of(Agreement::PayAsYouGo);
    let local = Local::over(world, options());
    let mut body = budget();
    body["properties"]["timeGrain"] = json!("BillingMonth");
    body["properties"]["timePeriod"]["startDate"] = json!("2026-11-07T00:00:00Z");
    let (status, made) = local.call("PUT", &path("b"), &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");

    let world = crate::Scenario::named("partner").unwrap().world;
    let customer = format!(
        "/providers/Microsoft.Billing/billingAccounts/{}/customers/{}",
        world.billing_account,
        world.customers()[0].id
    );
    let options = Options::new(world.today);
    let local = Local::over(world, options);
    let mut body = budget();
    body["properties"]["notifications"] = many(1);
    let consumption = path("b").replace(GROUP, &customer);
    let (status, answer) = local.call("PUT", &consumption, &body).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
    let management = consumption
        .replace("Consumption", "CostManagement")
        .replace("2024-08-01", "2025-03-01");
    let (status, made) = local.call("PUT", &management, &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
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
