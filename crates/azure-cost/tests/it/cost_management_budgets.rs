//! Budgets at Cost Management: on costs, and on the use of reservations.

use azure_cost::{Budget, Error};
use budget_engine::Scope;
use futures::TryStreamExt;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, dec, scope};

const PROFILE: &str =
    "/providers/Microsoft.Billing/billingAccounts/11:22_2019-05-31/billingProfiles/P";
const TAIL: &str = "/providers/Microsoft.CostManagement/budgets";

fn body() -> Value {
    json!({
        "eTag": "\"5\"",
        "properties": {
            "category": "ReservationUtilization",
            "timeGrain": "Last30Days",
            "timePeriod": {"startDate": "2026-11-01T00:00:00Z", "endDate": "2028-11-01T00:00:00Z"},
            "filter": {"dimensions": {
                "name": "ReservedResourceType", "operator": "In", "values": ["SqlDatabases"],
            }},
            "notifications": {"low": {
                "enabled": true,
                "operator": "LessThan",
                "threshold": 97.5,
                "frequency": "Weekly",
                "locale": "en-gb",
                "contactEmails": ["finance@contoso.example"],
            }},
        },
    })
}

fn shown() -> Value {
    let mut shown = body();
    shown["id"] = json!(format!("{PROFILE}{TAIL}/use"));
    shown["name"] = json!("use");
    shown
}

#[tokio::test]
async fn budgets_are_listed_by_category() {
    let filters = [Some("ReservationUtilization"), None];
    for category in filters {
        let server = MockServer::start().await;
        let mock = Mock::given(method("GET"))
            .and(path(format!("{PROFILE}{TAIL}")))
            .and(query_param("api-version", "2025-03-01"));
        let mock = match category {
            Some(category) => {
                let filter = format!("properties/category eq '{category}'");
                mock.and(query_param("$filter", filter))
            }
            None => mock.and(query_param_is_missing("$filter")),
        };
        mock.respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": [shown()]})))
            .expect(1)
            .mount(&server)
            .await;
        let profile = Scope::parse(PROFILE).unwrap();
        let client = client(&server.uri());
        let found = client.cost_management_budgets(&profile, category);
        let found: Vec<Budget> = found.try_collect().await.unwrap();
        assert_eq!((found.len(), found[0].amount), (1, None));
        assert_eq!(found[0].time_grain, "Last30Days");
        let low = &found[0].notifications["low"];
        assert_eq!((low.threshold, &*low.frequency), (dec("97.5"), "Weekly"));
    }
    let client = client("http://127.0.0.1:9");
    let refused = client.cost_management_budgets(&scope(), Some("a' or 'b"));
    let refused: Result<Vec<_>, _> = refused.try_collect().await;
    assert!(matches!(refused, Err(Error::Invalid { code, .. }) if code == "NotSent"));
}

#[tokio::test]
async fn what_was_read_is_put_with_the_same_meaning() {
    let server = MockServer::start().await;
    let place = format!("{PROFILE}{TAIL}/use");
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
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let profile = Scope::parse(PROFILE).unwrap();
    let client = client(&server.uri());
    let read = client
        .cost_management_budget(&profile, "use")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        client
            .put_cost_management_budget(&profile, &read)
            .await
            .unwrap(),
        read
    );
    client
        .delete_cost_management_budget(&profile, "use")
        .await
        .unwrap();

    let refused = client
        .put_cost_management_budget(&scope(), &read)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("not for a subscription"),
        "{refused}"
    );
}
