//! Queries, forecasts and dimensions.

use azure_cost::{
    DimensionQuery, Error, Forecast, ForecastDefinition, QueryDefinition, QueryFilter, QueryRow,
    QueryValue, Retry, TimePeriod,
};
use budget_engine::{CostBasis, Currency, Scope};
use futures::TryStreamExt;
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, scope};

const QUERY: &str = "/subscriptions/1f2e/providers/Microsoft.CostManagement/query";
const FORECAST: &str = "/subscriptions/1f2e/providers/Microsoft.CostManagement/forecast";
const DIMENSIONS: &str = "/subscriptions/1f2e/providers/Microsoft.CostManagement/dimensions";

fn november() -> TimePeriod {
    TimePeriod::days(date(2026, 11, 1), date(2026, 12, 1))
}

fn definition() -> QueryDefinition {
    QueryDefinition::costs(CostBasis::Actual, november())
        .daily()
        .by_dimension("ServiceName")
        .filtered(QueryFilter::And(vec![
            QueryFilter::dimension("ResourceGroupName", &["payments", "shop"]),
            QueryFilter::tag("env", &["prod"]),
        ]))
}

/// What `definition` is on the wire.
fn wire() -> Value {
    json!({
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-30T23:59:59Z"},
        "dataset": {
            "granularity": "Daily",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [{"type": "Dimension", "name": "ServiceName"}],
            "filter": {"and": [
                {"dimensions": {
                    "name": "ResourceGroupName", "operator": "In", "values": ["payments", "shop"],
                }},
                {"tags": {"name": "env", "operator": "In", "values": ["prod"]}},
            ]},
        },
    })
}

fn table(columns: &[(&str, &str)], rows: Value, next: Option<String>) -> ResponseTemplate {
    let columns: Vec<Value> = columns
        .iter()
        .map(|(name, kind)| json!({"name": name, "type": kind}))
        .collect();
    ResponseTemplate::new(200).set_body_json(json!({
        "id": "x",
        "properties": {"nextLink": next, "columns": columns, "rows": rows},
    }))
}

async fn always(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

async fn rows(server: &MockServer, definition: &QueryDefinition) -> Result<Vec<QueryRow>, Error> {
    client(&server.uri())
        .query(&scope(), definition)
        .try_collect()
        .await
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn definitions_are_what_azure_writes_and_reads() {
    assert_eq!(serde_json::to_value(definition()).unwrap(), wire());
    let read: QueryDefinition = serde_json::from_value(wire()).unwrap();
    assert_eq!(read, definition());

    let mut forecast = wire();
    forecast["includeActualCost"] = json!(false);
    forecast["includeFreshPartialCost"] = json!(false);
    let expected = ForecastDefinition::new(definition()).without_actual_cost();
    assert_eq!(serde_json::to_value(&expected).unwrap(), forecast);
    let read: ForecastDefinition = serde_json::from_value(forecast).unwrap();
    assert_eq!(read, expected);
}

#[test]
fn definitions_are_read_in_any_letter_case_and_never_without_a_filter_they_had() {
    let loose = r#"{"Type": "Usage", "Timeframe": "MonthToDate", "dataSet": {
        "Granularity": "Daily", "Sorting": [{"direction": "Ascending", "name": "UsageDate"}],
        "filter": {"not": {"Dimension": {"name": "ChargeType", "operator": "In", "values": ["Tax"]}}}
    }}"#;
    let read: QueryDefinition = serde_json::from_str(loose).unwrap();
    assert_eq!(read.kind, "Usage");
    assert_eq!(read.dataset.sorting[0].name, "UsageDate");
    let expected = QueryFilter::Not(Box::new(QueryFilter::dimension("ChargeType", &["Tax"])));
    assert_eq!(read.dataset.filter, Some(expected));

    for filter in [
        r#"{"xor": []}"#,
        r#"{"dimensions": {"name": "a", "operator": "In", "values": ["b"]},
            "tags": {"name": "a", "operator": "In", "values": ["b"]}}"#,
        r#"{"and": [{}]}"#,
    ] {
        let json = format!(
            r#"{{"type": "Usage", "timeframe": "MonthToDate", "dataset": {{"filter": {filter}}}}}"#
        );
        let read = serde_json::from_str::<QueryDefinition>(&json);
        assert!(read.is_err(), "{filter}: {read:?}");
    }
}

#[tokio::test]
async fn pages_are_asked_for_with_the_same_body() {
    let server = MockServer::start().await;
    let columns = [
        ("PreTaxCost", "Number"),
        ("UsageDate", "Number"),
        ("ServiceName", "String"),
        ("Currency", "String"),
    ];
    let link = format!(
        "{}{QUERY}?api-version=2021-10-01&$skiptoken=B",
        server.uri()
    );
    let first = json!([
        [1.25, 20261103, "Storage", "EUR"],
        [2.10333307059661, 20261103, "Virtual Machines", "USD"],
    ]);
    Mock::given(method("POST"))
        .and(path(QUERY))
        .and(query_param("api-version", "2025-03-01"))
        .and(query_param("$top", "5000"))
        .and(body_json(wire()))
        .respond_with(table(&columns, first, Some(link)))
        .expect(1)
        .mount(&server)
        .await;
    // The second page has its columns in another order.
    let other = [columns[3], columns[0], columns[2], columns[1]];
    Mock::given(method("POST"))
        .and(path(QUERY))
        .and(query_param("$skiptoken", "B"))
        .and(body_json(wire()))
        .respond_with(table(
            &other,
            json!([["eur", -1e-3, null, "20261104"]]),
            None,
        ))
        .expect(1)
        .mount(&server)
        .await;
    let rows = rows(&server, &definition()).await.unwrap();
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.date(),
                row.cost(),
                row.currency(),
                row.text("servicename"),
            )
        })
        .collect();
    let (euro, dollar) = (
        "EUR".parse::<Currency>().ok(),
        "USD".parse::<Currency>().ok(),
    );
    let day = |day| Some(date(2026, 11, day));
    assert_eq!(
        seen,
        [
            (day(3), Some(decimal("1.25")), euro, Some("Storage")),
            (
                day(3),
                Some(decimal("2.10333307059661")),
                dollar,
                Some("Virtual Machines")
            ),
            (day(4), Some(decimal("-0.001")), euro, None),
        ]
    );
    assert_eq!(rows[2].get("ServiceName"), Some(&QueryValue::Nothing));
    assert_eq!(rows[0].columns()[0].name, "PreTaxCost");
}

#[tokio::test]
async fn costs_are_found_under_alias_name_or_source() {
    for (columns, expected) in [
        (["totalCost", "Other"], "1"),
        (["Other", "Cost"], "2"),
        (["Other", "PreTaxCost"], "2"),
        // The alias says more than a name that is there as well.
        (["TOTALCOST", "Cost"], "1"),
    ] {
        let columns = [
            (columns[0], "Number"),
            (columns[1], "Number"),
            ("BillingMonth", "Datetime"),
        ];
        let row = json!([[1, 2, "2026-11-01T00:00:00"]]);
        let server = always(table(&columns, row, None)).await;
        let rows = rows(&server, &definition()).await.unwrap();
        assert_eq!(rows[0].cost(), Some(decimal(expected)), "{columns:?}");
        assert_eq!(rows[0].sum("totalCost"), Some(decimal(expected)));
        assert_eq!(rows[0].date(), Some(date(2026, 11, 1)));
        assert_eq!((rows[0].currency(), rows[0].money()), (None, None));
    }
}

#[tokio::test]
async fn a_row_that_does_not_say_its_cost_is_an_error() {
    let cost = ("Cost", "Number");
    let currency = ("Currency", "String");
    for (columns, row, problem) in [
        (
            vec![("Quantity", "Number")],
            json!([[1]]),
            "no column holds the sum `totalCost`",
        ),
        (
            vec![cost, currency],
            json!([[1, "EUR"], [1]]),
            "1 values for 2 columns in row 2 in page 1",
        ),
        (
            vec![cost, currency],
            json!([["much", "EUR"]]),
            "`Cost` is not a Number in row 1",
        ),
        (vec![cost, currency], json!([[1, "stones"]]), "currency"),
        (vec![cost], json!([7]), "list"),
    ] {
        let server = always(table(&columns, row, None)).await;
        let error = rows(&server, &definition()).await.unwrap_err();
        assert!(matches!(error, Error::UnexpectedAnswer { .. }), "{error:?}");
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[tokio::test]
async fn no_costs_are_no_rows() {
    let empty = json!({"properties": {"columns": [], "rows": null, "nextLink": ""}});
    for answer in [
        ResponseTemplate::new(204),
        ResponseTemplate::new(200).set_body_json(empty),
    ] {
        let server = always(answer).await;
        assert!(rows(&server, &definition()).await.unwrap().is_empty());
    }
    let server = always(ResponseTemplate::new(200).set_body_json(json!({"properties": {}}))).await;
    let error = rows(&server, &definition()).await.unwrap_err();
    assert!(
        error.to_string().contains("`properties.rows` is missing"),
        "{error}"
    );
}

#[tokio::test]
async fn equal_rows_of_two_pages_are_one_sum_and_two_single_costs() {
    let columns = [("Cost", "Number"), ("Currency", "String")];
    for (definition, expected) in [(definition(), 1), (single_costs(), 2)] {
        let server = MockServer::start().await;
        let link = format!("{}/more", server.uri());
        Mock::given(path("/more"))
            .respond_with(table(&columns, json!([[7, "EUR"]]), None))
            .mount(&server)
            .await;
        Mock::given(method("POST"))
            .respond_with(table(&columns, json!([[7, "EUR"]]), Some(link)))
            .up_to_n_times(1)
            .with_priority(1)
            .mount(&server)
            .await;
        let found = rows(&server, &definition).await.unwrap();
        assert_eq!(found.len(), expected);
    }
}

/// A definition that asks for no sums.
fn single_costs() -> QueryDefinition {
    let mut definition = definition();
    definition.dataset.aggregation.clear();
    definition
}

#[tokio::test]
async fn a_spent_quota_is_throttled_before_azure_says_so() {
    let server = always(table(&[("Cost", "Number")], json!([[1]]), None)).await;
    let client = client(&server.uri()).with_retry(Retry {
        tries: 1,
        ..Retry::default()
    });
    let short = client.clone().with_retry(Retry {
        total: std::time::Duration::from_secs(1),
        ..Retry::default()
    });
    for _ in 0..4 {
        let rows: Vec<_> = client
            .query(&scope(), &definition())
            .try_collect()
            .await
            .unwrap();
        assert_eq!(rows.len(), 1);
    }
    let fifth = short
        .query(&scope(), &definition())
        .try_collect::<Vec<_>>()
        .await;
    assert!(matches!(fifth, Err(Error::Throttled { .. })), "{fifth:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 4);
}

fn expected_costs() -> ForecastDefinition {
    let period = TimePeriod::days(date(2026, 11, 18), date(2026, 12, 1));
    ForecastDefinition::new(QueryDefinition::costs(CostBasis::Actual, period).daily())
}

async fn forecast(server: &MockServer) -> Result<Forecast, Error> {
    client(&server.uri())
        .forecast(&scope(), &expected_costs())
        .await
}

#[tokio::test]
async fn forecasts_tell_actual_from_expected() {
    let server = MockServer::start().await;
    let columns = [
        ("Cost", "Number"),
        ("UsageDate", "Number"),
        ("CostStatus", "String"),
        ("Currency", "String"),
    ];
    let body = json!({
        "type": "ActualCost",
        "timeframe": "Custom",
        "timePeriod": {"from": "2026-11-18T00:00:00Z", "to": "2026-11-30T23:59:59Z"},
        "dataset": {
            "granularity": "Daily",
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
        },
        "includeActualCost": true,
        "includeFreshPartialCost": true,
    });
    let link = format!("{}{FORECAST}?$skiptoken=C", server.uri());
    let first = json!([
        [3.5, 20261118, "Actual", "EUR"],
        [7, 20261118, "Forecast", "EUR"]
    ]);
    Mock::given(method("POST"))
        .and(path(FORECAST))
        .and(query_param("api-version", "2025-03-01"))
        .and(body_json(body.clone()))
        .respond_with(table(&columns, first, Some(link)))
        .expect(1)
        .mount(&server)
        .await;
    let second = json!([[7.25, 20261119, "Forecast", "EUR"]]);
    Mock::given(query_param("$skiptoken", "C"))
        .and(body_json(body))
        .respond_with(table(&columns, second, None))
        .expect(1)
        .mount(&server)
        .await;
    let Forecast::Rows(rows) = forecast(&server).await.unwrap() else {
        panic!("there are rows");
    };
    let expected = rows
        .iter()
        .filter(|row| row.cost_status() == Some("Forecast"));
    let sum: Decimal = expected.filter_map(QueryRow::cost).sum();
    assert_eq!((rows.len(), sum), (3, decimal("14.25")));
}

#[tokio::test]
async fn a_forecast_that_cannot_be_is_no_error_and_is_not_asked_for_again() {
    let none = table(&[], Value::Null, None);
    for answer in [none, ResponseTemplate::new(204)] {
        let server = always(answer).await;
        assert_eq!(forecast(&server).await.unwrap(), Forecast::NoHistory);
    }
    let error = json!({"error": {"code": "FailedDependency", "message": "two currencies"}});
    let server = always(ResponseTemplate::new(424).set_body_json(error)).await;
    let expected = Forecast::NotPossible {
        code: "FailedDependency".to_owned(),
        message: "two currencies".to_owned(),
    };
    assert_eq!(forecast(&server).await.unwrap(), expected);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);

    let error = json!({"error": {"code": "CantForecastOnThePast", "message": "no"}});
    let server = always(ResponseTemplate::new(400).set_body_json(error)).await;
    let error = forecast(&server).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { code, .. } if code == "CantForecastOnThePast"));
}

fn dimension(category: &str, values: Option<Value>, next: Option<String>) -> Value {
    json!({"id": "x", "name": "x", "properties": {
        "category": category,
        "description": "For people",
        "filterEnabled": true,
        "groupingEnabled": false,
        "data": values,
        "total": 3,
        "usageStart": "2026-11-01T00:00:00-07:00",
        "usageEnd": "2026-11-30T00:00:00-07:00",
        "nextLink": next,
    }})
}

#[tokio::test]
async fn the_values_of_a_long_dimension_come_in_parts() {
    let server = MockServer::start().await;
    let host = server.uri();
    let list = |items: Value| ResponseTemplate::new(200).set_body_json(json!({"value": items}));
    let link =
        format!("{host}{DIMENSIONS}?$filter=properties/category eq 'resourceId'&$skiptoken=D");
    Mock::given(method("GET"))
        .and(path(DIMENSIONS))
        .and(query_param("api-version", "2025-03-01"))
        .and(query_param("$expand", "properties/data"))
        .and(query_param("$top", "2"))
        .and(query_param(
            "$filter",
            "properties/category eq 'ResourceId' and properties/usageStart ge '2026-11-01' and \
             properties/usageEnd lt '2026-12-01'",
        ))
        .respond_with(list(json!([
            dimension("ResourceId", Some(json!(["/a", "/b"])), Some(link)),
            dimension("ResourceType", Some(json!([])), None),
        ])))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(query_param("$skiptoken", "D"))
        .respond_with(list(json!([dimension(
            "ResourceId",
            Some(json!(["/c"])),
            None
        )])))
        .expect(1)
        .mount(&server)
        .await;
    let query = DimensionQuery {
        category: Some("ResourceId".to_owned()),
        from: Some(date(2026, 11, 1)),
        to: Some(date(2026, 12, 1)),
        with_values: true,
        top: Some(2),
    };
    let found: Vec<_> = client(&host)
        .dimensions(&scope(), &query)
        .try_collect()
        .await
        .unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|part| (&*part.category, part.values.join(" ")))
        .collect();
    let text = str::to_owned;
    assert_eq!(
        seen,
        [
            ("ResourceId", text("/a /b")),
            ("ResourceId", text("/c")),
            ("ResourceType", text(""))
        ]
    );
    // The offset is that of Azure's own place.
    assert_eq!(found[0].usage_start, Some(date(2026, 11, 1)));
    assert_eq!(
        (found[0].filter_enabled, found[0].grouping_enabled),
        (Some(true), Some(false))
    );
}

#[tokio::test]
async fn dimensions_without_values_follow_no_links() {
    let server = MockServer::start().await;
    let link = Some(format!("{}/elsewhere", server.uri()));
    let body = json!({"value": [dimension("ResourceId", None, link)]});
    Mock::given(path(DIMENSIONS))
        .and(query_param_is_missing("$filter"))
        .and(query_param_is_missing("$expand"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let all = DimensionQuery::default();
    let found: Vec<_> = client
        .dimensions(&scope(), &all)
        .try_collect()
        .await
        .unwrap();
    assert_eq!((found.len(), found[0].values.len()), (1, 0));

    let quoted = DimensionQuery {
        category: Some("a' or 'b".to_owned()),
        ..DimensionQuery::default()
    };
    let refused = client
        .dimensions(&scope(), &quoted)
        .try_collect::<Vec<_>>()
        .await;
    assert!(matches!(refused, Err(Error::Invalid { code, .. }) if code == "NotSent"));
}

#[tokio::test]
async fn every_kind_of_scope_can_be_asked() {
    for path_of in [
        "/subscriptions/1f2e/resourceGroups/shop",
        "/providers/Microsoft.Management/managementGroups/all",
        "/providers/Microsoft.Billing/billingAccounts/11:22_2019-05-31",
        "/providers/Microsoft.Billing/billingAccounts/11/departments/2",
        "/providers/Microsoft.Billing/billingAccounts/11/enrollmentAccounts/3",
        "/providers/Microsoft.Billing/billingAccounts/11:22/billingProfiles/P",
        "/providers/Microsoft.Billing/billingAccounts/11:22/billingProfiles/P/invoiceSections/S",
        "/providers/Microsoft.Billing/billingAccounts/11:22/customers/C",
    ] {
        let server = MockServer::start().await;
        Mock::given(path(format!(
            "{path_of}/providers/Microsoft.CostManagement/query"
        )))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
        let scope = Scope::parse(path_of).unwrap();
        let rows = client(&server.uri()).query(&scope, &definition());
        assert!(rows.try_collect::<Vec<_>>().await.unwrap().is_empty());
    }
}
