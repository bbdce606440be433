//! Scheduled actions and rules about anomalies.

use azure_cost::{ActionNotification, Error, ScheduledAction};
use budget_engine::Scope;
use futures::TryStreamExt;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, scope};

const TAIL: &str = "/providers/Microsoft.CostManagement/scheduledActions";
const VIEW: &str = "/providers/Microsoft.CostManagement/views/by team's";

fn body() -> Value {
    json!({
        "kind": "Email",
        "eTag": "\"3\"",
        "properties": {
            "displayName": "Every other Monday",
            "status": "Disabled",
            "viewId": VIEW,
            "scope": "subscriptions/1f2e",
            "fileDestination": {"fileFormats": []},
            "notification": {
                "to": ["finance@contoso.example"],
                "subject": "Costs",
                "message": "As agreed.",
                "language": "de",
                "regionalFormat": "de-at",
            },
            "notificationEmail": "owner@contoso.example",
            "schedule": {
                "frequency": "Monthly",
                "startDate": "2026-11-18T22:21:51.1287144Z",
                "endDate": "2027-11-18T00:00:00Z",
                "hourOfDay": 0,
                "daysOfWeek": ["Monday"],
                "weeksOfMonth": ["First", "Third"],
            },
        },
    })
}

fn shown() -> Value {
    let mut shown = body();
    shown["id"] = json!("subscriptions/1f2e/providers/x");
    shown["name"] = json!("mondays");
    shown["systemData"] = json!({"createdBy": "someone"});
    shown
}

#[tokio::test]
async fn private_and_shared_actions_are_listed() {
    let prefixes = [(None, String::new()), (Some(scope()), scope().to_string())];
    for (scope, prefix) in prefixes {
        let server = MockServer::start().await;
        let place = format!("{prefix}{TAIL}");
        let link = format!("{}{place}?$skiptoken=S", server.uri());
        let first = json!({"value": [shown()], "nextLink": link});
        Mock::given(method("GET"))
            .and(path(&*place))
            .and(query_param("api-version", "2025-03-01"))
            .and(query_param_is_missing("$filter"))
            .respond_with(ResponseTemplate::new(200).set_body_json(first))
            .expect(1)
            .mount(&server)
            .await;
        let mut other = shown();
        other["name"] = json!("tuesdays");
        let second = json!({"value": [other], "nextLink": null});
        Mock::given(query_param("$skiptoken", "S"))
            .respond_with(ResponseTemplate::new(200).set_body_json(second))
            .expect(1)
            .mount(&server)
            .await;
        let client = client(&server.uri());
        let found = client.scheduled_actions(scope.as_ref(), None);
        let found: Vec<ScheduledAction> = found.try_collect().await.unwrap();
        assert_eq!((found.len(), &*found[0].name), (2, "mondays"));
        assert_eq!(found[0].properties.schedule.hour_of_day, Some(0));
    }
}

#[tokio::test]
async fn actions_of_one_view_are_asked_for_in_quotes() {
    let server = MockServer::start().await;
    let quoted = VIEW.replace('\'', "''");
    Mock::given(query_param(
        "$filter",
        format!("properties/viewId eq '{quoted}&1'"),
    ))
    .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": []})))
    .expect(1)
    .mount(&server)
    .await;
    let view = format!("{VIEW}&1");
    let client = client(&server.uri());
    let found: Vec<_> = client
        .scheduled_actions(None, Some(&view))
        .try_collect()
        .await
        .unwrap();
    assert!(found.is_empty());
}

#[tokio::test]
async fn what_was_read_is_put_with_the_same_meaning() {
    let server = MockServer::start().await;
    let place = format!("{}{TAIL}/mondays", scope());
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
    let client = client(&server.uri());
    let scope = Some(&scope()).cloned();
    let read = client
        .scheduled_action(scope.as_ref(), "mondays")
        .await
        .unwrap();
    let put = client
        .put_scheduled_action(scope.as_ref(), "mondays", &read)
        .await
        .unwrap();
    assert_eq!(put, read);
    assert_eq!(
        serde_json::from_value::<ScheduledAction>(shown()).unwrap(),
        read
    );
}

#[tokio::test]
async fn an_anomaly_rule_stands_at_a_subscription() {
    let server = MockServer::start().await;
    let mail = ActionNotification {
        to: vec!["ops@contoso.example".to_owned()],
        subject: "Unusual".to_owned(),
        ..ActionNotification::default()
    };
    let moment = |text: &str| text.parse().unwrap();
    let (from, until) = (
        moment("2026-11-18T00:00:00Z"),
        moment("2027-11-18T00:00:00Z"),
    );
    let rule = ScheduledAction::anomaly_alert(&scope(), "Anomalies", mail, from, until);
    let view = "/subscriptions/1f2e/providers/Microsoft.CostManagement/views/ms:DailyAnomalyByResourceGroup";
    let expected = json!({
        "kind": "InsightAlert",
        "properties": {
            "displayName": "Anomalies",
            "status": "Enabled",
            "viewId": view,
            "notification": {"to": ["ops@contoso.example"], "subject": "Unusual"},
            "schedule": {
                "frequency": "Daily",
                "startDate": "2026-11-18T00:00:00Z",
                "endDate": "2027-11-18T00:00:00Z",
            },
        },
    });
    Mock::given(method("PUT"))
        .and(path(format!("{}{TAIL}/anomalies", scope())))
        .and(body_json(&expected))
        .respond_with(ResponseTemplate::new(201).set_body_json(&expected))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let put = client
        .put_scheduled_action(Some(&scope()), "anomalies", &rule)
        .await
        .unwrap();
    assert!(put.is_anomaly_alert());
    let group = Scope::parse("/subscriptions/1f2e/resourceGroups/shop").unwrap();
    for scope in [None, Some(&group)] {
        let refused = client.put_scheduled_action(scope, "anomalies", &rule).await;
        assert!(matches!(refused, Err(Error::Invalid { code, .. }) if code == "NotSent"));
    }
}

#[tokio::test]
async fn actions_are_run_and_deleted_by_name() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(format!("{TAIL}/mondays/execute")))
        .and(query_param("api-version", "2025-03-01"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .and(path(format!("{TAIL}/mondays")))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    client.run_scheduled_action(None, "mondays").await.unwrap();
    client
        .delete_scheduled_action(None, "mondays")
        .await
        .unwrap();
    let all = Scope::parse("/providers/Microsoft.Management/managementGroups/all").unwrap();
    let refused = client
        .run_scheduled_action(Some(&all), "mondays")
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("not for a management group"),
        "{refused}"
    );
}

#[tokio::test]
async fn whether_a_name_is_free_is_asked() {
    let server = MockServer::start().await;
    let asked = json!({"name": "a", "type": "Microsoft.CostManagement/ScheduledActions"});
    let taken = json!({"nameAvailable": false, "reason": "AlreadyExists", "message": "taken"});
    Mock::given(method("POST"))
        .and(path(
            "/providers/Microsoft.CostManagement/checkNameAvailability",
        ))
        .and(body_json(asked))
        .respond_with(ResponseTemplate::new(200).set_body_json(taken))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    let found = client
        .scheduled_action_name_availability(None, "a")
        .await
        .unwrap();
    assert_eq!(
        (found.is_available, &*found.reason),
        (false, "AlreadyExists")
    );
}
