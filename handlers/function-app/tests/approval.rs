//! Approving through the host's envelope: what is shown, what is refused, and that it counts once.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::Request;
use serde_json::{Value, json};
use spendwatch::jobs::{self, act};
use spendwatch::{ActionState, App, Config, Environment, ManualClock, StateLocation};
use tower::ServiceExt;

const GROUP: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop";

/// An application with an action that waits for approval, and the link that its channel would get.
async fn waiting(files: &tempfile::TempDir) -> (Arc<App>, Arc<ManualClock>, url::Url) {
    spendwatch::install_crypto();
    let mut costs = "Date,SubscriptionId,ResourceGroup,MeterCategory,CostInBillingCurrency,BillingCurrencyCode\n".to_owned();
    for day in 1..=11 {
        writeln!(
            costs,
            "11/{day:02}/2026,11111111-1111-4111-8111-111111111111,shop,Storage,100,EUR"
        )
        .unwrap();
    }
    std::fs::write(files.path().join("costs.csv"), costs).unwrap();
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["costs.csv"]
        stale_after_days = 30
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [approval]
        key = {{ secret = "APPROVAL_KEY" }}
        url = "https://cost.contoso.example/api/approve-action"
        [action.stop]
        kind = "logic-app"
        url = {{ secret = "STOP_URL" }}
        mode = "approve"
        [[budget]]
        id = "shop"
        name = "<b>Shop</b>"
        scopes = ["{GROUP}"]
        amount = 1000
        notify = ["chat"]
        [[budget.threshold]]
        when = "actual 100%"
        actions = ["stop"]
        "#
    );
    let config = Config::parse(&[(files.path().join("spendwatch.toml"), text)]).unwrap();
    let environment: Environment = [
        ("CHAT_URL", "https://hooks.contoso.example/x"),
        ("STOP_URL", "https://stop.contoso.example/x"),
        ("APPROVAL_KEY", "c4n4ry c4n4ry c4n4ry c4n4ry c4n4ry"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let clock = Arc::new(ManualClock::new("2026-11-12T00:00:00Z".parse().unwrap()));
    let state = StateLocation::Folder(files.path().join("state"));
    let app = App::new(config, &environment, state)
        .unwrap()
        .with_clock(clock.clone());
    let reads = app.reads().unwrap();
    jobs::evaluate::run(&app, &reads[0], &Default::default())
        .await
        .unwrap();
    act::run_all(&app).await.unwrap();
    let mut links = Vec::new();
    for key in app.documents().list("outbox/").await.unwrap() {
        let document = app.documents().get(&key).await.unwrap().unwrap();
        let delivery: Value = serde_json::from_slice(&document.bytes).unwrap();
        links.extend(delivery["notice"]["links"].as_array().unwrap().clone());
    }
    links.retain(|link| link["title"] == "Look and approve");
    assert_eq!(links.len(), 1);
    let link = links[0]["url"].as_str().unwrap().parse().unwrap();
    (Arc::new(app), clock, link)
}

/// What the function answers: status, headers and body.
async fn call(app: &Arc<App>, method: &str, url: &str) -> (u16, Value, String) {
    let router = function_app::router(
        Arc::new(spendwatch::Live::fixed(Arc::clone(app))),
        function_app::Telemetry::default(),
    );
    let envelope = json!({ "Data": { "req": {
        "Url": url, "Method": method, "Headers": {}, "Query": {}, "Body": "",
    }}});
    let request = Request::post("/approve-action");
    let request = request.body(Body::from(envelope.to_string())).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200, "{method} {url}");
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let reply: Value = serde_json::from_slice(&bytes).unwrap();
    let answer = &reply["Outputs"]["res"];
    let status = answer["statusCode"].as_str().unwrap().parse().unwrap();
    let body = answer["body"].as_str().unwrap().to_owned();
    (status, answer["headers"].clone(), body)
}

async fn state(app: &App) -> ActionState {
    act::list(app).await.unwrap().remove(0).state
}

#[tokio::test]
async fn opening_a_link_shows_and_posting_it_approves_once() {
    let files = tempfile::tempdir().unwrap();
    let (app, _, link) = waiting(&files).await;
    for _ in 0..2 {
        let (status, headers, body) = call(&app, "GET", link.as_str()).await;
        assert_eq!(status, 200);
        assert!(body.contains("call a Logic App"), "{body}");
        assert!(body.contains("&lt;b&gt;Shop&lt;/b&gt;"), "{body}");
        assert!(body.contains("<form method=\"post\">"), "{body}");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-store");
        let policy = headers["content-security-policy"].as_str().unwrap();
        assert!(policy.contains("default-src 'none'"));
    }
    let before = state(&app).await;
    assert!(matches!(before, ActionState::AwaitingApproval { .. }));
    let (status, ..) = call(&app, "POST", link.as_str()).await;
    assert_eq!(status, 200);
    assert_eq!(state(&app).await, ActionState::Approved);
    let (status, _, body) = call(&app, "POST", link.as_str()).await;
    assert_eq!((status, body.contains("it is approved")), (409, true));
    let (_, _, body) = call(&app, "GET", link.as_str()).await;
    assert!(!body.contains("<form"), "{body}");
}

#[tokio::test]
async fn what_is_no_good_link_approves_nothing() {
    let files = tempfile::tempdir().unwrap();
    let (app, clock, link) = waiting(&files).await;
    let good = link.as_str();
    let other = good.replace("mac=", "mac=A");
    let cut = good.split("&mac=").next().unwrap();
    let later = good.replace("expires=17", "expires=18");
    assert_ne!(later, good);
    for (method, url, expected) in [
        ("POST", &*other, 403),
        ("POST", cut, 400),
        (
            "POST",
            "https://cost.contoso.example/api/approve-action",
            400,
        ),
        ("POST", &later, 403),
        ("GET", &other, 403),
        ("PUT", good, 405),
        ("DELETE", good, 405),
        ("HEAD", good, 200),
    ] {
        let (status, _, body) = call(&app, method, url).await;
        assert_eq!(status, expected, "{method} {url}");
        assert!(expected == 200 || !body.contains("Shop"), "{body}");
    }
    clock.advance(jiff::SignedDuration::from_hours(48));
    let (status, ..) = call(&app, "POST", good).await;
    assert_eq!(status, 403);
    let after = state(&app).await;
    assert!(matches!(after, ActionState::AwaitingApproval { .. }));
}
