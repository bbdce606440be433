//! Threads: the first notice is remembered, later ones join it, and a stop anywhere loses at most
//! the thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use spendwatch::{App, Config, DeliveryState, Environment, ManualClock, StateLocation, jobs};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::*;

/// An installation that tells one Slack channel, and Slack.
struct Stage {
    app: App,
    costs: Arc<Costs>,
    slack: MockServer,
    clock: Arc<ManualClock>,
}

impl Stage {
    async fn new() -> Stage {
        spendwatch::install_crypto();
        let slack = MockServer::start().await;
        let count = AtomicUsize::new(0);
        let post = move |request: &Request| {
            let body: Value = request.body_json().unwrap();
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            let ts = format!("{number}.000");
            ResponseTemplate::new(200)
                .set_body_json(json!({"ok": true, "channel": body["channel"], "ts": ts}))
        };
        Mock::given(method("POST"))
            .and(path("/api/chat.postMessage"))
            .respond_with(post)
            .mount(&slack)
            .await;
        Mock::given(method("POST"))
            .and(path("/api/chat.update"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"ok": true})))
            .mount(&slack)
            .await;
        let text = format!(
            r#"
            version = 1
            currency = "EUR"
            [source]
            kind = "files"
            paths = ["replaced-by-the-test.csv"]
            [channel.chat]
            kind = "slack-bot"
            url = "{}/api"
            token = {{ secret = "BOT_TOKEN" }}
            channel = "C0123ABCD"
            allow_networks = ["127.0.0.1/32"]
            [[budget]]
            id = "payments"
            scopes = ["{GROUP}"]
            amount = 1000
            notify = ["chat"]
            thresholds = ["actual 50%", "actual 80%"]
            "#,
            slack.uri()
        );
        let config = Config::parse(&[(PathBuf::from("spendwatch.toml"), text)]).unwrap();
        let token = ("BOT_TOKEN".to_owned(), "xoxb-1".to_owned());
        let environment: Environment = [token].into_iter().collect();
        let costs = Arc::new(Costs::default());
        let clock = Arc::new(ManualClock::new(midnight(START)));
        let app = App::new(config, &environment, StateLocation::Memory)
            .unwrap()
            .with_clock(clock.clone())
            .with_sources(vec![Arc::new(Source(costs.clone()))]);
        Stage {
            app,
            costs,
            slack,
            clock,
        }
    }

    /// So much is spent an hour later, and evaluated.
    async fn spent(&self, amount: i64) {
        self.clock.advance(jiff::SignedDuration::from_hours(1));
        let days = budget_engine::dates(jiff::civil::date(2026, 11, 1), START);
        let first = |day: jiff::civil::Date| if day.day() == 1 { amount } else { 0 };
        let rows = days.map(|day| (day, "Storage", first(day).into()));
        self.costs.set(rows.collect(), self.app.now());
        let reads = self.app.reads().unwrap();
        jobs::evaluate::run(&self.app, &reads[0], &Default::default())
            .await
            .unwrap();
    }

    async fn deliver(&self) {
        let report = jobs::deliver::run(&self.app, "chat").await.unwrap();
        assert_eq!(report.left, 0, "{report:?}");
    }

    /// The calls so far: method, thread, and the message that is changed.
    async fn calls(&self) -> Vec<(String, Option<String>, Option<String>)> {
        let requests = self.slack.received_requests().await.unwrap();
        let calls = requests.iter().map(|request| {
            let body: Value = request.body_json().unwrap();
            let text = |name: &str| body[name].as_str().map(str::to_owned);
            let method = request.url.path().trim_start_matches("/api/").to_owned();
            (method, text("thread_ts"), text("ts"))
        });
        calls.collect()
    }

    /// What each rewriting of the first message says to be open besides.
    async fn open_besides(&self) -> Vec<Option<String>> {
        let requests = self.slack.received_requests().await.unwrap();
        let updates = requests
            .iter()
            .filter(|one| one.url.path().ends_with("/chat.update"));
        let said = updates.map(|request| {
            let body: Value = request.body_json().unwrap();
            let line = body["blocks"][1]["text"]["text"].as_str().unwrap();
            let open = line.strip_prefix("Open besides, when this was decided: ")?;
            open.strip_suffix('.').map(str::to_owned)
        });
        said.collect()
    }

    async fn threads(&self) -> Vec<String> {
        self.app.documents().list("threads/").await.unwrap()
    }
}

fn call(
    method: &str,
    thread: Option<&str>,
    ts: Option<&str>,
) -> (String, Option<String>, Option<String>) {
    (
        method.to_owned(),
        thread.map(str::to_owned),
        ts.map(str::to_owned),
    )
}

#[tokio::test]
async fn later_notices_of_a_period_join_the_first() {
    let stage = Stage::new().await;
    stage.spent(550).await;
    stage.deliver().await;
    let keys = stage.threads().await;
    let [key] = &keys[..] else {
        panic!("{keys:?}");
    };
    assert!(key.starts_with("threads/chat/"), "{key}");
    let stored = stage.app.documents().get(key).await.unwrap().unwrap();
    let stored: Value = serde_json::from_slice(&stored.bytes).unwrap();
    assert_eq!(stored, json!({"version": 1, "first": "C0123ABCD:1.000"}));

    stage.spent(850).await;
    stage.deliver().await;
    stage.spent(400).await;
    stage.deliver().await;
    assert_eq!(
        stage.calls().await,
        [
            call("chat.postMessage", None, None),
            call("chat.postMessage", Some("1.000"), None),
            call("chat.update", None, Some("1.000")),
            call("chat.postMessage", Some("1.000"), None),
            call("chat.update", None, Some("1.000")),
        ]
    );
    assert_eq!(stage.threads().await, keys, "the first stays the first");
    // Both had ended, so nothing is open besides.
    assert_eq!(
        stage.open_besides().await,
        [Some("actual 50%".to_owned()), None]
    );
}

#[tokio::test]
async fn the_first_message_says_what_is_still_open_when_one_alert_of_several_ends() {
    let stage = Stage::new().await;
    for amount in [550, 850, 600, 400] {
        stage.spent(amount).await;
        stage.deliver().await;
    }
    let half = Some("actual 50%".to_owned());
    assert_eq!(stage.open_besides().await, [half.clone(), half, None]);
}

#[tokio::test]
async fn a_thread_that_was_lost_begins_anew_and_no_notice_is_lost() {
    let stage = Stage::new().await;
    stage.spent(550).await;
    stage.deliver().await;
    // What a kill between recording and remembering leaves behind.
    for key in stage.threads().await {
        let document = stage.app.documents().get(&key).await.unwrap().unwrap();
        stage
            .app
            .documents()
            .delete(&key, &document.version)
            .await
            .unwrap();
    }
    stage.spent(850).await;
    stage.deliver().await;
    let posts = [
        call("chat.postMessage", None, None),
        call("chat.postMessage", None, None),
    ];
    assert_eq!(stage.calls().await, posts);
    assert_eq!(stage.threads().await.len(), 1);
    for key in stage.app.documents().list("history/").await.unwrap() {
        let document = stage.app.documents().get(&key).await.unwrap().unwrap();
        let delivery: spendwatch::Delivery = serde_json::from_slice(&document.bytes).unwrap();
        assert_eq!(delivery.state, DeliveryState::Delivered);
    }
}

#[tokio::test]
async fn kinds_without_threads_leave_no_document() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    world.spent(850);
    world.evaluate().await;
    world.deliver().await;
    assert_eq!(world.history().await.len(), 1);
    let threads = world.app.documents().list("threads/").await.unwrap();
    assert_eq!(threads, Vec::<String>::new());
}
