//! Views, scheduled actions, settings and rules: what is put is got back, by the rules.

use super::*;

const SUBSCRIPTION: &str = "/subscriptions/7d1f6a52-90c4-4be3-8a1c-2f5b0c9e4a11";
const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/86420975";

fn path(scope: &str, what: &str) -> String {
    format!("{scope}/providers/Microsoft.CostManagement/{what}?api-version=2025-03-01")
}

#[tokio::test]
async fn views_need_their_etag_to_change() {
    let local = Local::new(options());
    let view = json!({"properties": {
        "displayName": "All",
        "query": {"type": "Usage", "timeframe": "MonthToDate", "dataSet": {"granularity": "Daily"}},
    }});
    for scope in ["", SUBSCRIPTION] {
        let one = path(scope, "views/v");
        let (status, created) = local.call("PUT", &one, &view).await;
        assert_eq!(status, StatusCode::CREATED, "{created}");
        assert_eq!(local.call("PUT", &one, &view).await.0, StatusCode::CONFLICT);
        let mut update = view.clone();
        update["eTag"] = created["eTag"].clone();
        assert_eq!(local.call("PUT", &one, &update).await.0, StatusCode::OK);
        assert_eq!(local.get(&one).await.1["properties"]["displayName"], "All");
        assert_eq!(local.list(&path(scope, "views")).await.len(), 1);
        assert_eq!(local.send("DELETE", &one, "").await.0, StatusCode::OK);
        assert_eq!(
            local.send("DELETE", &one, "").await.0,
            StatusCode::NO_CONTENT
        );
    }
    let wrong = json!({"properties": {"query": {"type": "Usage", "timeframe": "TheLastMonth"}}});
    assert_eq!(
        local.call("PUT", &path("", "views/w"), &wrong).await.0,
        StatusCode::BAD_REQUEST
    );
}

fn action(kind: &str, view: &str) -> Value {
    json!({"kind": kind, "properties": {
        "displayName": "Mail",
        "notification": {"to": ["owner@contoso.example"], "subject": "Costs"},
        "schedule": {
            "frequency": "Daily",
            "startDate": "2026-11-18T00:00:00Z", "endDate": "2027-11-18T00:00:00Z",
        },
        "status": "Enabled",
        "viewId": view,
    }})
}

#[tokio::test]
async fn scheduled_actions_are_kept_filtered_and_run() {
    let local = Local::new(options());
    for (name, view) in [("a", "/v/1"), ("b", "/v/2")] {
        let one = path(SUBSCRIPTION, &format!("scheduledActions/{name}"));
        let (status, body) = local.call("PUT", &one, &action("Email", view)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
    }
    let all = path(SUBSCRIPTION, "scheduledActions");
    assert_eq!(local.list(&all).await.len(), 2);
    let of_one = local
        .list(&format!("{all}&$filter=properties/viewId eq '/v/2'"))
        .await;
    assert_eq!(names(&of_one), ["b"]);
    let run = path(SUBSCRIPTION, "scheduledActions/a/execute");
    assert_eq!(local.send("POST", &run, "").await.0, StatusCode::OK);
    let mut stale = action("Email", "/v/1");
    stale["eTag"] = json!("\"1\"");
    let one = path(SUBSCRIPTION, "scheduledActions/a");
    assert_eq!(
        local.call("PUT", &one, &stale).await.0,
        StatusCode::PRECONDITION_FAILED
    );
    let check = path(SUBSCRIPTION, "checkNameAvailability");
    for (name, reason) in [
        ("a", json!("AlreadyExists")),
        ("c d", json!("Invalid")),
        ("c", Value::Null),
    ] {
        let body = json!({"name": name, "type": "Microsoft.CostManagement/ScheduledActions"});
        let (_, answer) = local.call("POST", &check, &body).await;
        assert_eq!(answer["reason"], reason, "{name}");
    }
    assert_eq!(local.send("DELETE", &one, "").await.0, StatusCode::OK);
    assert_eq!(local.send("POST", &run, "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn anomaly_alerts_are_five_for_a_subscription() {
    let local = Local::new(options());
    for number in 1..=5 {
        let one = path(SUBSCRIPTION, &format!("scheduledActions/i{number}"));
        let (status, _) = local.call("PUT", &one, &action("InsightAlert", "/v")).await;
        assert_eq!(status, StatusCode::CREATED);
    }
    let sixth = path(SUBSCRIPTION, "scheduledActions/i6");
    let (status, answer) = local
        .call("PUT", &sixth, &action("InsightAlert", "/v"))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("at most 5")
    );
    let private = path("", "scheduledActions/i");
    let (status, _) = local
        .call("PUT", &private, &action("InsightAlert", "/v"))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn settings_rules_and_lists_have_answers() {
    let local = Local::new(options());
    let setting = path(SUBSCRIPTION, "settings/taginheritance");
    let body = json!({"kind": "taginheritance", "properties": {"preferContainerTags": true}});
    assert_eq!(
        local.call("PUT", &setting, &body).await.0,
        StatusCode::CREATED
    );
    assert_eq!(
        local.get(&setting).await.1["properties"]["preferContainerTags"],
        true
    );
    let encoded = path(&SUBSCRIPTION.replacen("s/", "s%2F", 1), "settings");
    assert_eq!(local.list(&encoded).await.len(), 1);
    let rule = path(ACCOUNT, "costAllocationRules/r");
    let body = json!({"properties": {"status": "Active", "details": {}}});
    assert_eq!(local.call("PUT", &rule, &body).await.0, StatusCode::CREATED);
    assert_eq!(
        local.get(&rule).await.1["properties"]["createdDate"],
        "2026-11-18T12:00:00Z"
    );
    let check = path(ACCOUNT, "costAllocationRules/checkNameAvailability");
    let (_, answer) = local
        .call("POST", &check, &json!({"name": "r", "type": "x"}))
        .await;
    assert_eq!(answer["nameAvailable"], false);
    for provider in ["CostManagement?2025-03-01", "Consumption?2024-08-01"] {
        let (provider, version) = provider.split_once('?').unwrap();
        let path = format!("/providers/Microsoft.{provider}/operations?api-version={version}");
        assert!(local.list(&path).await.len() > 5);
    }
    assert!(
        local
            .list(&path(ACCOUNT, "benefitUtilizationSummaries"))
            .await
            .is_empty()
    );
    assert!(
        local
            .list(&path(SUBSCRIPTION, "benefitRecommendations"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn the_benefit_report_tells_how_much_of_a_reservation_is_used() {
    let world = World {
        reservations: vec![crate::world::Reservation::new(
            "payments",
            PLATFORM_SUBSCRIPTION,
            "Standard_D4s_v5",
            2,
            1000.into(),
            date(2026, 11, 2),
        )],
        ..example::world()
    };
    let order = world.reservations[0].order.clone();
    let local = Local::over(world, options());
    let scope = format!("/providers/Microsoft.Capacity/reservationorders/{order}");
    let what = path(&scope, "generateBenefitUtilizationSummariesReport");
    let body = json!({
        "grain": "Daily", "startDate": "2026-11-01T00:00:00Z", "endDate": "2026-11-04T00:00:00Z",
    });
    let (status, headers, text) = local.send("POST", &what, &body.to_string()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{text}");
    let location = headers["location"].to_str().unwrap();
    local.get(location).await;
    let (_, done) = local.get(location).await;
    assert_eq!(done["status"], "Completed");
    let link = done["properties"]["reportUrl"].as_str().unwrap();
    let (_, _, file) = local.send("GET", link, "").await;
    // Three days of the four, each fully used.
    let lines: Vec<&str> = file.lines().skip(1).collect();
    assert_eq!(lines.len(), 3, "{file}");
    assert!(lines[0].ends_with(",2026-11-02,100"), "{}", lines[0]);
}
