//! Query, forecast, dimensions and tags against the rows of the world.

use rust_decimal::Decimal;

use super::*;

const SUBSCRIPTION: &str = "/subscriptions/7d1f6a52-90c4-4be3-8a1c-2f5b0c9e4a11";

fn path(scope: &str, what: &str) -> String {
    format!("{scope}/providers/Microsoft.CostManagement/{what}?api-version=2025-03-01")
}

fn body(first: &str, last: &str, dataset: Value) -> Value {
    json!({
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": format!("{first}T00:00:00Z"), "to": format!("{last}T00:00:00Z")},
        "dataset": dataset,
    })
}

/// Rows of all pages by column name.
async fn rows(
    local: &Local,
    path: &str,
    body: &Value,
) -> Vec<std::collections::BTreeMap<String, String>> {
    let mut next = Some(path.to_owned());
    let mut rows = Vec::new();
    while let Some(link) = next {
        let (status, page) = local.call("POST", &link, body).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let names: Vec<&str> = page["properties"]["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column["name"].as_str().unwrap())
            .collect();
        for row in page["properties"]["rows"].as_array().unwrap() {
            let text = |value: &Value| {
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            };
            let cells = row.as_array().unwrap().iter().map(text);
            rows.push(
                names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .zip(cells)
                    .collect(),
            );
        }
        next = page["properties"]["nextLink"].as_str().map(str::to_owned);
    }
    rows
}

/// What the world says of November in the platform subscription, rounded as JSON numbers of the
/// test's reader are.
fn expected(counts: impl Fn(&crate::world::CostRow) -> bool, first: Date, last: Date) -> Decimal {
    let world = example::world().as_seen_on(example::AS_OF);
    let rows = world.rows_between(first, last);
    let rows = rows.filter(|row| row.subscription.id == PLATFORM_SUBSCRIPTION && counts(row));
    rows.map(|row| row.cost).sum::<Decimal>()
}

fn near(left: Decimal, right: Decimal) -> bool {
    (left - right).abs() < Decimal::new(1, 6)
}

fn sum(rows: &[std::collections::BTreeMap<String, String>], column: &str) -> Decimal {
    rows.iter()
        .map(|row| row[column].parse::<Decimal>().unwrap())
        .sum()
}

#[tokio::test]
async fn sums_are_those_of_the_rows() {
    let local = Local::new(Options {
        page_rows: 7,
        ..options()
    });
    let dataset = json!({
        "granularity": "Daily",
        "aggregation": {"total": {"name": "Cost", "function": "Sum"}},
        "grouping": [
            {"type": "Dimension", "name": "ServiceName"},
            {"type": "TagKey", "name": "Team"},
        ],
        "filter": {"and": [
            {"or": [
                {"dimensions": {"name": "ServiceName", "operator": "In", "values": ["storage"]}},
                {"dimensions": {"name": "ServiceName", "operator": "In", "values": ["Bandwidth"]}},
            ]},
            {"tags": {"name": "env", "operator": "In", "values": ["prod"]}},
        ]},
    });
    let asked = body("2026-11-01", "2026-11-10", dataset);
    let rows = rows(&local, &path(SUBSCRIPTION, "query"), &asked).await;
    // Ten days of storage in two groups and of bandwidth in one.
    assert_eq!(rows.len(), 30);
    let day = |day| date(2026, 11, day);
    let services =
        |row: &crate::world::CostRow| ["Storage", "Bandwidth"].contains(&&*row.charge.service);
    assert!(near(
        sum(&rows, "Cost"),
        expected(services, day(1), day(10))
    ));
    let one: Vec<_> = rows
        .iter()
        .filter(|row| row["UsageDate"] == "20261103" && row["TagValue"] == "payments")
        .filter(|row| row["ServiceName"] == "Storage")
        .cloned()
        .collect();
    let payments = |row: &crate::world::CostRow| {
        row.charge.service == "Storage" && row.group.name == "payments-prod"
    };
    assert_eq!(one.len(), 1);
    assert_eq!((&*one[0]["TagKey"], &*one[0]["Currency"]), ("team", "EUR"));
    assert!(near(sum(&one, "Cost"), expected(payments, day(3), day(3))));
}

#[tokio::test]
async fn totals_months_and_currencies() {
    let local = Local::new(options());
    let dataset = json!({
        "aggregation": {
            "a": {"name": "PreTaxCost", "function": "Sum"},
            "b": {"name": "CostUSD", "function": "Sum"},
        },
    });
    let account = "/providers/Microsoft.Billing/billingAccounts/86420975";
    let asked = json!({"type": "Usage", "timeframe": "TheLastMonth", "dataset": dataset});
    let totals = rows(&local, &path(account, "query"), &asked).await;
    let currencies: Vec<&str> = totals.iter().map(|row| &*row["Currency"]).collect();
    assert_eq!(currencies, ["EUR", "USD"]);
    assert_eq!(totals[1]["PreTaxCost"], totals[1]["CostUSD"]);
    assert!(near(
        totals[0]["PreTaxCost"].parse().unwrap(),
        expected(|_| true, date(2026, 10, 1), date(2026, 10, 31))
    ));
    let monthly = json!({
        "granularity": "Monthly",
        "aggregation": {"total": {"name": "Cost", "function": "Sum"}},
        "sorting": [{"name": "BillingMonth", "direction": "descending"}],
    });
    let asked = body("2026-09-01", "2026-11-17", monthly);
    let months = rows(&local, &path(SUBSCRIPTION, "query"), &asked).await;
    let names: Vec<&str> = months.iter().map(|row| &*row["BillingMonth"]).collect();
    assert_eq!(
        names,
        [
            "2026-11-01T00:00:00",
            "2026-10-01T00:00:00",
            "2026-09-01T00:00:00"
        ]
    );
    assert!(near(
        sum(&months, "Cost"),
        expected(|_| true, date(2026, 9, 1), date(2026, 11, 17))
    ));
}

#[tokio::test]
async fn broken_queries_are_refused() {
    let local = Local::new(options());
    let good = json!({"aggregation": {"t": {"name": "Cost", "function": "Sum"}}});
    let changed = |key: &str, value: Value| {
        let mut body = body("2026-11-01", "2026-11-10", good.clone());
        body[key] = value;
        body
    };
    let dataset = |key: &str, value: Value| {
        let mut dataset = good.clone();
        dataset[key] = value;
        changed("dataset", dataset)
    };
    let group = |name: &str| json!({"type": "Dimension", "name": name});
    let account = "/providers/Microsoft.Billing/billingAccounts/86420975";
    for (body, problem) in [
        (changed("type", json!("Forecast")), "the type"),
        (
            changed("timeframe", json!("MonthToDate")),
            "needs the timeframe Custom",
        ),
        (changed("timePeriod", json!(null)), "needs a timePeriod"),
        (
            changed(
                "timePeriod",
                json!({"from": "2024-01-01", "to": "2026-01-01"}),
            ),
            "longer than a year",
        ),
        (dataset("granularity", json!("Hourly")), "the granularity"),
        (
            dataset(
                "grouping",
                json!([group("Meter"), group("Product"), group("ChargeType")]),
            ),
            "at most 2 groupings",
        ),
        (dataset("grouping", json!([group("Color")])), "unknown"),
        (
            dataset("grouping", json!([group("ResourceId")])),
            "only at subscriptions",
        ),
        (
            dataset(
                "filter",
                json!({"and": [{"tags": {"name": "a", "operator": "In", "values": ["b"]}}]}),
            ),
            "at least 2",
        ),
        (dataset("filter", json!({})), "exactly one"),
        (
            dataset(
                "filter",
                json!({"tags": {"name": "a", "operator": "Eq", "values": ["b"]}}),
            ),
            "operator",
        ),
        (dataset("sorting", json!([{"name": "Color"}])), "no column"),
        (
            dataset(
                "aggregation",
                json!({"t": {"name": "Cost", "function": "Max"}}),
            ),
            "Sum",
        ),
    ] {
        let (status, answer) = local.call("POST", &path(account, "query"), &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(problem), "{problem}: {message}");
    }
}

#[tokio::test]
async fn quotas_are_told_and_kept() {
    let local = Local::new(Options {
        quota: Some(Quota::default()),
        ..options()
    });
    let dataset = json!({"aggregation": {"t": {"name": "Cost", "function": "Sum"}}});
    let asked = body("2026-05-01", "2026-11-10", dataset).to_string();
    let query = path(SUBSCRIPTION, "query");
    let (_, headers, _) = local.send("POST", &query, &asked).await;
    assert_eq!(
        headers["x-ms-ratelimit-microsoft.costmanagement-qpu-consumed"],
        "7"
    );
    let (status, headers, _) = local.send("POST", &query, &asked).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(headers.contains_key("x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after"));
}

#[tokio::test]
async fn forecasts_tell_actual_days_and_then_the_mean() {
    let local = Local::new(options());
    let dataset = json!({
        "granularity": "Daily",
        "aggregation": {"t": {"name": "Cost", "function": "Sum"}},
    });
    let asked = body("2026-11-10", "2026-11-30", dataset.clone());
    let rows = rows(&local, &path(SUBSCRIPTION, "forecast"), &asked).await;
    let actual = rows.iter().filter(|row| row["CostStatus"] == "Actual");
    let days: Vec<&str> = actual.map(|row| &*row["UsageDate"]).collect();
    assert_eq!((days.len(), days[0], days[7]), (8, "20261110", "20261117"));
    let forecast = rows.iter().filter(|row| row["CostStatus"] == "Forecast");
    let forecast: Vec<_> = forecast.cloned().collect();
    // The 18th is today, so it is forecast; 13 days of the mean of the last 28.
    assert_eq!(forecast.len(), 13);
    let weeks = expected(|_| true, date(2026, 10, 21), date(2026, 11, 17));
    let mean = weeks / Decimal::from(28);
    assert!(near(sum(&forecast, "Cost"), mean * Decimal::from(13)));

    let forecast_path = path(SUBSCRIPTION, "forecast");
    for (filter, days) in [
        ("properties/chargeType eq 'Actual'", 8),
        ("properties/chargeType eq 'Forecast'", 13),
        (
            "properties/usageDate ge '2026-11-15' and properties/usageDate lt '2026-11-20'",
            5,
        ),
        ("properties/usageDate eq '2026-11-20'", 1),
        (
            "properties/grain eq 'Daily' and properties/chargeType eq 'Forecast'",
            13,
        ),
        ("properties/grain eq 'Monthly'", 0),
    ] {
        let filtered = format!("{forecast_path}&$filter={filter}");
        let (status, answer) = local.call("POST", &filtered, &asked).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let rows = answer["properties"]["rows"].as_array().unwrap();
        assert_eq!(rows.len(), days, "{filter}");
    }
    let wrong = format!("{forecast_path}&$filter=properties/meter eq 'x'");
    let (status, _) = local.call("POST", &wrong, &asked).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let past = body("2026-10-01", "2026-10-31", dataset.clone());
    let mut fresh = asked.clone();
    fresh["includeActualCost"] = json!(false);
    fresh["includeFreshPartialCost"] = json!(true);
    let mut without = asked.clone();
    without.as_object_mut().unwrap().remove("dataset");
    for (body, code) in [
        (past, "CantForecastOnThePast"),
        (
            fresh,
            "DontContainIncludeActualCostWhileIncludeFreshPartialCost",
        ),
        (without, "DontContainsDataSet"),
        (json!({"type": 1}), "InvalidForecastRequestBody"),
        (Value::Null, "EmptyForecastRequestBody"),
        (
            body("soon", "later", dataset.clone()),
            "DontContainsValidTimeRangeWhileContainsPeriod",
        ),
    ] {
        let (status, answer) = local.call("POST", &forecast_path, &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(answer["error"]["code"], code);
    }
    let account = path(
        "/providers/Microsoft.Billing/billingAccounts/86420975",
        "forecast",
    );
    let (status, answer) = local.call("POST", &account, &asked).await;
    assert_eq!(status, StatusCode::FAILED_DEPENDENCY);
    assert_eq!(answer["error"]["code"], "FailedDependency");
    // Two weeks after the world began nothing can be said.
    local
        .call("PUT", "/sandbox/today", &json!({"today": "2026-05-15"}))
        .await;
    let early = body("2026-05-10", "2026-05-31", dataset);
    let (status, answer) = local.call("POST", &forecast_path, &early).await;
    assert_eq!(
        (status, &answer["properties"]["rows"]),
        (StatusCode::OK, &json!([]))
    );
}

#[tokio::test]
async fn dimensions_and_tags_are_those_of_the_rows() {
    let local = Local::new(options());
    let list = format!(
        "{}&$expand=properties/data&$top=1&$filter=properties/category eq 'resourceGroup'",
        path(SUBSCRIPTION, "dimensions")
    );
    let (_, first) = local.get(&list).await;
    let properties = &first["value"][0]["properties"];
    assert_eq!(properties["total"], 2);
    assert_eq!(properties["data"], json!(["data-platform"]));
    let next = properties["nextLink"].as_str().unwrap();
    assert!(next.starts_with("http://127.0.0.1:7071/"), "{next}");
    let (_, second) = local.get(next).await;
    assert_eq!(
        second["value"][0]["properties"]["data"],
        json!(["payments-prod"])
    );
    let (_, all) = local.get(&path(SUBSCRIPTION, "dimensions")).await;
    assert!(all["value"].as_array().unwrap().len() > 20);
    assert!(all["value"][0]["properties"].get("data").is_none());
    let tags =
        format!("{SUBSCRIPTION}/providers/Microsoft.Consumption/tags?api-version=2024-08-01");
    let (_, tags) = local.get(&tags).await;
    assert_eq!(
        tags["properties"]["tags"],
        json!([{"key": "env", "value": ["prod"]}, {"key": "team", "value": ["data", "payments"]}])
    );
}
