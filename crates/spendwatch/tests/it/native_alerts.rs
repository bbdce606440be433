//! What an action group posts: stored once, heard of, and never trusted for its figures.

use jiff::SignedDuration;
use serde_json::{Value, json};
use spendwatch::jobs::native_alert::{self, LARGEST_BODY, Received, Refused, StoredAlert};
use spendwatch::{App, Config, EVALUATIONS, Environment, StateLocation, jobs};
use std::time::Duration;

use crate::support::{GROUP, START, World, midnight};

const FIRST: &str = "/subscriptions/5f0e0000-0000-0000-0000-000000000001";
const SECOND: &str = "/subscriptions/5f0e0000-0000-0000-0000-000000000002";

fn app() -> App {
    spendwatch::install_crypto();
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "azure"
        auth = "none"
        endpoint = "http://127.0.0.1:9"
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [defaults]
        notify = ["chat"]
        [native]
        contact_emails = ["finops@contoso.example"]
        [[budget]]
        id = "first"
        scopes = ["{FIRST}"]
        amount = 1000
        [[budget]]
        id = "second"
        scopes = ["{SECOND}/resourceGroups/payments"]
        amount = 1000
        native = {{ name = "Payments" }}
        "#
    );
    let config = Config::parse(&[("spendwatch.toml".into(), text)]).unwrap();
    let clock = std::sync::Arc::new(spendwatch::ManualClock::new(midnight(START)));
    App::new(config, &Environment::default(), StateLocation::Memory)
        .unwrap()
        .with_clock(clock)
}

fn about(scope: &str, budget: &str, alert: &str) -> Value {
    json!({
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": {
                "monitoringService": "CostAlerts",
                "alertId": format!("{scope}/providers/Microsoft.CostManagement/alerts/{alert}"),
            },
            "alertContext": { "AlertData": {
                "Scope": format!("{scope}/"), "BudgetName": budget, "ThresholdType": "Actual",
                "SpentAmount": "$99,999.00",
            } },
        },
    })
}

async fn post(app: &App, body: &Value) -> Received {
    let body = body.to_string();
    native_alert::receive(app, body.as_bytes()).await.unwrap()
}

async fn hints(app: &App) -> Vec<String> {
    let second = Duration::from_secs(1);
    let messages = app.queues().receive(EVALUATIONS, 32, second).await.unwrap();
    let mut texts = Vec::new();
    for message in messages {
        app.queues().delete(EVALUATIONS, &message).await.unwrap();
        texts.push(message.text);
    }
    texts.sort();
    texts
}

fn read_of(app: &App, budget: &str) -> String {
    let reads = app.reads().unwrap();
    let found = reads.iter().find(|read| read.budgets == [budget]);
    found.unwrap().key.clone()
}

#[tokio::test]
async fn an_alert_is_stored_once_and_asks_for_the_read_of_its_budget() {
    let app = app();
    let body = about(FIRST, "first-2", "A-1");
    let received = post(&app, &body).await;
    assert_eq!(received.budgets, ["first"]);
    assert_eq!(received.queued, [read_of(&app, "first")]);
    assert!(!received.repeated);
    assert_eq!(hints(&app).await.len(), 1);
    let again = post(&app, &body).await;
    assert_eq!((again.repeated, &again.id), (true, &received.id));
    assert!(hints(&app).await.is_empty());
    let keys = app.documents().list("native-alerts/").await.unwrap();
    assert_eq!(keys, [format!("native-alerts/{}", received.id)]);
    let stored = app.documents().get(&keys[0]).await.unwrap().unwrap();
    let stored: StoredAlert = serde_json::from_slice(&stored.bytes).unwrap();
    assert_eq!(stored.alert.spent, "$99,999.00");
    assert!(app.documents().list("unheard/").await.unwrap().is_empty());
}

#[tokio::test]
async fn names_scopes_and_unknown_budgets_lead_to_the_right_reads() {
    let app = app();
    let (first, second) = (read_of(&app, "first"), read_of(&app, "second"));
    let payments = format!("{SECOND}/resourceGroups/PAYMENTS");
    let elsewhere = "/subscriptions/5f0e0000-0000-0000-0000-00000000000f";
    let account = "/providers/Microsoft.Billing/billingAccounts/1";
    for (scope, budget, alert, expected) in [
        (payments.as_str(), "payments", "1", vec![&second]),
        // A name alone says nothing at another scope.
        (FIRST, "payments", "2", vec![&first]),
        (FIRST, "unknown", "3", vec![&first]),
        (SECOND, "unknown", "4", vec![&second]),
        (elsewhere, "first", "5", vec![]),
        (account, "unknown", "6", vec![]),
    ] {
        let received = post(&app, &about(scope, budget, alert)).await;
        let queued: Vec<&String> = received.queued.iter().collect();
        assert_eq!(queued, expected, "{scope} {budget}");
    }
}

#[tokio::test]
async fn without_an_id_a_day_tells_alerts_apart() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    let body = json!({
        "schemaId": "AIP Budget Notification",
        "data": { "SubscriptionId": "a", "BudgetName": "payments",
            "NotificationThresholdAmount": "800.0", "BudgetStartDate": "6/1/2018" },
    });
    let first = post(&world.app, &body).await;
    world.pass(3600);
    assert!(post(&world.app, &body).await.repeated);
    world.pass(24 * 3600);
    let later = post(&world.app, &body).await;
    assert!(!later.repeated);
    assert_ne!(first.id, later.id);
}

#[tokio::test]
async fn a_read_that_was_just_evaluated_is_not_asked_again() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    world.spent(900);
    world.evaluate().await;
    let asked = async |alert: &str| {
        let body = about("/subscriptions/a", "payments", alert);
        post(&world.app, &body).await.queued.len()
    };
    assert_eq!(asked("1").await, 0);
    world.pass(299);
    assert_eq!(asked("2").await, 0);
    world.pass(1);
    assert_eq!(asked("3").await, 1);
}

#[tokio::test]
async fn a_hint_that_was_lost_is_sent_by_the_sweep() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    let received = post(&world.app, &about("/subscriptions/a", "x", "1")).await;
    assert_eq!(hints(&world.app).await.len(), 1);
    // As if the process had ended between the alert and its hint.
    let marker = format!("unheard/{}", received.id);
    let since = serde_json::to_vec(&world.app.now()).unwrap();
    world.app.documents().create(&marker, since).await.unwrap();
    let report = jobs::sweep::run(&world.app).await.unwrap();
    assert_eq!(report.alerts, 0, "its writer may still be at work");
    world.clock.advance(SignedDuration::from_secs(60));
    let report = jobs::sweep::run(&world.app).await.unwrap();
    assert_eq!(report.alerts, 1);
    assert_eq!(hints(&world.app).await.len(), 1);
    let report = jobs::sweep::run(&world.app).await.unwrap();
    assert_eq!(report.alerts, 0);
}

#[tokio::test]
async fn a_repetition_after_a_kill_is_heard() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    let body = about("/subscriptions/a", "x", "1");
    let received = post(&world.app, &body).await;
    assert_eq!(hints(&world.app).await.len(), 1);
    let marker = format!("unheard/{}", received.id);
    let since = serde_json::to_vec(&world.app.now()).unwrap();
    world.app.documents().create(&marker, since).await.unwrap();
    let again = post(&world.app, &body).await;
    assert_eq!((again.repeated, again.queued.len()), (true, 1));
}

#[tokio::test]
async fn what_is_no_alert_is_refused_and_not_stored() {
    let app = app();
    let long = vec![b' '; LARGEST_BODY + 1];
    for body in [&b"{"[..], b"{}", &long] {
        let refused = native_alert::receive(&app, body).await.unwrap_err();
        assert!(matches!(refused, Refused::Unreadable(_)), "{refused}");
    }
    assert!(app.documents().list("").await.unwrap().is_empty());
}

/// What is to be sent to a channel: titles and lines.
async fn to_send(app: &App, channel: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let prefix = format!("outbox/{channel}/");
    for key in app.documents().list(&prefix).await.unwrap() {
        let stored = app.documents().get(&key).await.unwrap().unwrap();
        let delivery: Value = serde_json::from_slice(&stored.bytes).unwrap();
        let message = &delivery["notice"]["message"]["trouble"];
        let lines = message["lines"].as_array().unwrap().iter();
        let lines = lines.map(|line| line.as_str().unwrap().to_owned());
        let title = message["title"].as_str().unwrap().to_owned();
        found.push((title, lines.collect()));
    }
    found
}

#[tokio::test]
async fn what_no_budget_of_ours_covers_is_passed_on_once() {
    let more = format!(
        r#"
        [native]
        contact_emails = ["finops@contoso.example"]
        [channel.ops]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [[native_budget]]
        scope = "{FIRST}"
        name = "reserved"
        amount = 5
        grain = "Monthly"
        starts = 2026-11-01
        notify = ["ops"]
        "#
    );
    let root = "fallback = \"chat\"";
    let world = World::configured("slack", r#"["actual 80%"]"#, root, &more).await;
    let app = &world.app;
    let body = about(FIRST, "theirs", "1");
    let received = post(app, &body).await;
    assert!(received.budgets.is_empty());
    let [(title, lines)] = &to_send(app, "chat").await[..] else {
        panic!()
    };
    assert_eq!(title, "Azure's budget theirs tells of its cost");
    assert_eq!(lines[0], format!("scope: {FIRST}"));
    assert_eq!(lines[1], "spent: $99,999.00");
    // Neither a repetition nor the sweep after a kill tells again.
    assert!(post(app, &body).await.repeated);
    let marker = format!("unheard/{}", received.id);
    let since = serde_json::to_vec(&app.now()).unwrap();
    app.documents().create(&marker, since).await.unwrap();
    world.pass(60);
    assert_eq!(jobs::sweep::run(app).await.unwrap().alerts, 1);
    assert_eq!(to_send(app, "chat").await.len(), 1);
    // A budget of ours has its own notices, and one of Azure's its own channels.
    post(app, &about("/subscriptions/a", "payments", "2")).await;
    assert_eq!(to_send(app, "chat").await.len(), 1);
    post(app, &about(FIRST, "Reserved", "3")).await;
    assert_eq!(to_send(app, "chat").await.len(), 1);
    assert_eq!(to_send(app, "ops").await.len(), 1);
}

#[tokio::test]
async fn ours_that_counts_the_same_scope_is_named_with_its_figures() {
    let root = "fallback = \"chat\"";
    let more = format!(
        "[[budget]]\nid = \"part\"\nscopes = [\"{GROUP}\"]\namount = 7\nnotify = [\"chat\"]\n\
         filter = {{ tag = \"env\", in = [\"prod\"] }}\n"
    );
    let world = World::configured("slack", "[\"actual 99%\"]", root, &more).await;
    let app = &world.app;
    let lines_of = async |alert: &str, scope: &str| {
        let before = to_send(app, "chat").await;
        post(app, &about(scope, "theirs", alert)).await;
        let now = to_send(app, "chat").await.into_iter();
        let mut new = now.filter(|one| !before.contains(one));
        new.next().unwrap().1
    };
    let lines = lines_of("1", GROUP).await;
    let last = lines.last().unwrap();
    assert_eq!(
        last,
        "our budget payments counts the same scope, and has no figures yet"
    );
    world.spent(900);
    world.evaluate().await;
    let lines = lines_of("2", GROUP).await;
    let last = lines.last().unwrap();
    assert_eq!(
        last,
        "our budget payments counts the same scope: EUR 900.00 of EUR 1,000.00 are spent in \
         2026-11, up to 2026-11-11"
    );
    // What lies around it is something else; more is not known.
    let lines = lines_of("3", "/subscriptions/a").await;
    assert!(
        lines
            .last()
            .unwrap()
            .starts_with("These are Azure's own figures"),
        "{lines:?}"
    );
}
