//! Views: listed, read, written, deleted.

use azure_cost::{CostView, Error};
use budget_engine::Scope;
use futures::TryStreamExt;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, scope};

const TAIL: &str = "/providers/Microsoft.CostManagement/views";

fn body() -> Value {
    json!({
        "eTag": "\"1d4\"",
        "properties": {
            "displayName": "By team",
            "query": {
                "type": "Usage",
                "timeframe": "YearToDate",
                "dataSet": {
                    "granularity": "Monthly",
                    "aggregation": {"totalCost": {"name": "PreTaxCost", "function": "Sum"}},
                    "grouping": [{"type": "TagKey", "name": "team"}],
                    "filter": {"or": [
                        {"dimensions": {"name": "ServiceName", "operator": "In", "values": ["A"]}},
                        {"tags": {"name": "env", "operator": "In", "values": ["b"]}},
                    ]},
                    "sorting": [{"direction": "Descending", "name": "PreTaxCost"}],
                },
            },
            "chart": "StackedColumn",
            "accumulated": "false",
            "metric": "AmortizedCost",
            "kpis": [{"type": "Forecast", "enabled": false}, {"type": "Budget", "id": "/b"}],
            "pivots": [{"type": "Dimension", "name": "ServiceName"}],
        },
    })
}

fn shown() -> Value {
    let mut shown = body();
    shown["id"] = json!("/x");
    shown["name"] = json!("by-team");
    shown["properties"]["createdOn"] = json!("2026-11-18T00:00:00Z");
    shown
}

#[tokio::test]
async fn what_was_read_is_put_with_the_same_meaning() {
    let subscription = scope();
    for scope in [None, Some(&subscription)] {
        let server = MockServer::start().await;
        let prefix = scope.map(Scope::to_string).unwrap_or_default();
        let place = format!("{prefix}{TAIL}/by-team");
        Mock::given(method("GET"))
            .and(path(format!("{prefix}{TAIL}")))
            .and(query_param("api-version", "2025-03-01"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": [shown()]})))
            .expect(1)
            .mount(&server)
            .await;
        Mock::given(method("GET"))
            .and(path(&*place))
            .respond_with(ResponseTemplate::new(200).set_body_json(shown()))
            .expect(1)
            .mount(&server)
            .await;
        Mock::given(method("PUT"))
            .and(path(&*place))
            .and(query_param("api-version", "2025-03-01"))
            .and(body_json(body()))
            .respond_with(ResponseTemplate::new(200).set_body_json(shown()))
            .expect(1)
            .mount(&server)
            .await;
        Mock::given(method("DELETE"))
            .and(path(&*place))
            .respond_with(ResponseTemplate::new(204))
            .expect(1)
            .mount(&server)
            .await;
        let client = client(&server.uri());
        let listed: Vec<CostView> = client.views(scope).try_collect().await.unwrap();
        let read = client.view(scope, "by-team").await.unwrap();
        assert_eq!((&listed[0], &*read.name), (&read, "by-team"));
        assert_eq!(
            client.put_view(scope, "by-team", &read).await.unwrap(),
            read
        );
        client.delete_view(scope, "by-team").await.unwrap();
    }
    let customer = Scope::parse("/providers/Microsoft.Billing/billingAccounts/1/customers/2");
    let error = client("http://127.0.0.1:9")
        .view(customer.ok().as_ref(), "a")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Invalid { code, .. } if code == "NotSent"));
}
