//! What the host gets.

use super::*;

/// Checks 35, 36, 38, 41 and 44.
#[tokio::test]
async fn every_function_answers_in_the_host_s_form() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let host = scene.host().await;
    for (name, function) in &host.app().functions {
        let run = match &function.trigger {
            Trigger::Timer { .. } => host.timer(name, TimerCall::default()).await,
            Trigger::Queue { .. } => {
                let known = QUEUE_FUNCTIONS.iter().find(|(own, _)| own == name);
                let (_, message) = known.expect("a message for each queue function");
                host.queue(name, *message).await
            }
            Trigger::Http { route, methods, .. } => {
                let key = [("x-functions-key", FUNCTION_KEY)];
                let path = format!("/api/{route}");
                host.http(&methods[0], &path, &key, b"")
                    .await
                    .invocation
                    .unwrap()
            }
        };
        is_well_formed(&run);
    }
}

/// Check 44: many bad rows are many notes, but not many lines.
#[tokio::test]
async fn logs_are_bounded() {
    let scene = Scene::new();
    let mut costs = fs::read_to_string(scene.path("costs.csv")).unwrap();
    for index in 0..20 {
        let name = "long-".repeat(2000);
        costs.push_str(&format!(
            "{name}{index},00000000-0000-0000-0000-000000000001,g,1,EUR\n"
        ));
    }
    for _ in 0..5000 {
        costs.push_str("2026-11-01,00000000-0000-0000-0000-000000000001,g,0,EUR\n");
    }
    fs::write(scene.path("costs.csv"), costs).unwrap();
    let host = scene.host().await;
    let run = host.queue("evaluate-scope", EVALUATE).await;
    if run.outcome.succeeded() {
        is_well_formed(&run);
    } else {
        is_failure(&run);
    }
    assert!(run.body.len() < 64 * 1024, "{} bytes", run.body.len());
}

/// Check 37.
#[tokio::test]
async fn a_failed_evaluation_can_be_repeated() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let costs = scene.path("costs.csv");
    let away = scene.path("away.csv");
    fs::rename(&costs, &away).unwrap();
    let host = scene.host().await;
    is_failure(&host.queue("evaluate-scope", EVALUATE).await);
    is_failure(&host.queue("evaluate-scope", EVALUATE).await);
    assert_eq!(scene.deliveries().await, 0);
    fs::rename(&away, &costs).unwrap();
    is_well_formed(&host.queue("evaluate-scope", EVALUATE).await);
    work_off(&host, &scene.state()).await;
    assert_eq!(hook.ids().len(), 1);
    is_alive(&host).await;
}

/// Checks 39 and 40.
#[tokio::test]
async fn http_answers_have_status_text_and_type() {
    let scene = Scene::new();
    let host = scene.host().await;
    let key = [("x-functions-key", FUNCTION_KEY)];
    for (method, path, status) in [
        ("GET", "/api/health", 200),
        ("GET", "/api/status", 200),
        ("POST", "/api/evaluate", 202),
    ] {
        let answer = host.http(method, path, &key, b"").await;
        assert_eq!(answer.reply.status, status, "{answer:?}");
        assert_eq!(
            answer.reply.header("content-type"),
            Some("application/json"),
            "{path}"
        );
        assert!(answer.reply.json().is_object(), "{path}");
        let invocation = answer.invocation.unwrap();
        let reply = invocation.json();
        let res = reply["Outputs"]["res"].as_object().unwrap();
        assert!(res["statusCode"].is_string() || res["statusCode"].is_number());
        assert!(!res.contains_key("status"));
        assert!(res["body"].is_string());
        assert!(
            res["headers"]
                .as_object()
                .unwrap()
                .values()
                .all(Value::is_string)
        );
    }
    // The host sees to methods, yet a wrong one is the caller's mistake and no failed invocation.
    let call = HttpCall::new("DELETE", "/api/status");
    let data = call.data(&host.app().functions["status"], &BTreeMap::new());
    let run = host.invoke("status", data, json!({})).await;
    is_well_formed(&run);
    assert_eq!(run.outputs().http.as_ref().unwrap().status, 405);
}

/// What an action group posts when a budget of Azure tells.
fn native_alert() -> Value {
    let scope = "/subscriptions/00000000-0000-0000-0000-000000000001";
    json!({
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": {
                "monitoringService": "CostAlerts",
                "alertId": format!("{scope}/providers/Microsoft.CostManagement/alerts/a-1"),
            },
            "alertContext": { "AlertCategory": "budgets", "AlertData": {
                "Scope": format!("{scope}/"), "BudgetName": "payments", "ThresholdType": "Actual",
            } },
        },
    })
}

#[tokio::test]
async fn an_alert_of_azure_becomes_one_notice() {
    let hook = Hook::start().await;
    let scene = Scene::telling(&hook.url);
    let host = scene.host().await;
    let key = [
        ("x-functions-key", FUNCTION_KEY),
        ("content-type", "application/json"),
    ];
    let body = native_alert().to_string();
    for repeated in [false, true] {
        let answer = host
            .http("POST", "/api/native-alert", &key, body.as_bytes())
            .await;
        assert_eq!(answer.reply.status, 202, "{answer:?}");
        assert_eq!(answer.reply.json()["repeated"], repeated);
        is_well_formed(&answer.invocation.unwrap());
    }
    work_off(&host, &scene.state()).await;
    assert_eq!(hook.ids().len(), 1);
}

#[tokio::test]
async fn what_is_no_alert_is_the_caller_s_mistake() {
    let scene = Scene::new();
    let host = scene.host().await;
    let path = "/api/native-alert";
    let key = [
        ("x-functions-key", FUNCTION_KEY),
        ("content-type", "application/json"),
    ];
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(300 << 10));
    for (body, status, words) in [
        ("", 400, "not JSON"),
        ("{}", 400, "`data` is missing"),
        (&*long, 413, "256 KB"),
    ] {
        let answer = host.http("POST", path, &key, body.as_bytes()).await;
        assert_eq!(answer.reply.status, status, "{answer:?}");
        let message = answer.reply.json()["error"]["message"].to_string();
        assert!(message.contains(words), "{message}");
        is_well_formed(&answer.invocation.unwrap());
    }
    let without_key = host.http("POST", path, &[], b"{}").await;
    assert_eq!(without_key.reply.status, 401);
    assert!(
        scene
            .state()
            .list("native-alerts/")
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_configured_token_is_asked_for() {
    let scene = Scene::new();
    let config = scene.path("spendwatch.toml");
    let text = fs::read_to_string(&config).unwrap();
    let hook = "\n[native]\nhook = { tenant = \"00000000-0000-0000-0000-000000000001\", audience = \"api://a\", authority = \"http://127.0.0.1:9\" }\n";
    fs::write(&config, format!("{text}{hook}")).unwrap();
    let host = scene.host().await;
    let body = native_alert().to_string();
    // Of the second one nobody can know whether it is good: the tenant does not answer.
    let token = "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AAAA";
    for (authorization, status) in [("Basic YTpi", 401), (token, 503)] {
        let headers = [
            ("x-functions-key", FUNCTION_KEY),
            ("authorization", authorization),
        ];
        let answer = host
            .http("POST", "/api/native-alert", &headers, body.as_bytes())
            .await;
        assert_eq!(answer.reply.status, status, "{answer:?}");
        is_well_formed(&answer.invocation.unwrap());
    }
    assert!(
        scene
            .state()
            .list("native-alerts/")
            .await
            .unwrap()
            .is_empty()
    );
}

/// Check 40: a caller hears of our own faults, and so does the host.
#[tokio::test]
async fn an_internal_fault_is_a_failed_invocation() {
    let scene = Scene::new();
    fs::write(scene.path("spendwatch.toml"), "version = ").unwrap();
    let host = scene.host().await;
    let key = [("x-functions-key", FUNCTION_KEY)];
    let answer = host.http("GET", "/api/status", &key, b"").await;
    assert_eq!(answer.reply.status, 500);
    is_failure(&answer.invocation.unwrap());
}

/// Checks 42 and 43 hold for want of an output to a queue: messages are sent by our own client.
#[tokio::test]
async fn no_function_writes_queues_through_the_host() {
    let scene = Scene::new();
    let host = scene.host().await;
    for function in host.app().functions.values() {
        for output in function.outputs() {
            assert_eq!(output.kind, "http", "{}", function.name);
        }
    }
}
