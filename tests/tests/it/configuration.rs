//! A configuration in a blob container: read while the process runs, and never worse than the last good one.

use std::time::Duration;

use serde_json::Value;
use spendwatch::{Environment, Live};
use tests::host::{AppFolder, FakeHost, Settings};
use tests::{azurite::Azurite, node};
use url::Url;

const GOOD: &str = r#"
version = 1
currency = "EUR"
fallback = "ops"

[source]
kind = "files"
paths = ["costs/*.csv"]

[channel.ops]
kind = "webhook"
url = { secret = "HOOK_URL" }
signing = { secret = "HOOK_SIGNING" }
allow_networks = ["127.0.0.1/32"]
"#;
const BUDGETS: &str = r#"
version = 1

[[budget]]
id = "payments"
scopes = ["/subscriptions/a"]
amount = 100
notify = ["ops"]
"#;

/// The container of a configuration, and what the process is started with.
struct Scene {
    container: Url,
    azurite: Azurite,
}

impl Scene {
    async fn new() -> Scene {
        let azurite = Azurite::start();
        let container = azurite.blob_container_url("config");
        let mut url = container.clone();
        url.query_pairs_mut().append_pair("restype", "container");
        send(reqwest::Client::new().put(url)).await;
        Scene { container, azurite }
    }

    async fn put(&self, name: &str, text: &str) {
        let mut url = self.container.clone();
        url.path_segments_mut().unwrap().push(name);
        let request = reqwest::Client::new().put(url);
        let request = request.header("x-ms-blob-type", "BlockBlob");
        send(request.body(text.to_owned())).await;
    }

    async fn remove(&self, name: &str) {
        let mut url = self.container.clone();
        url.path_segments_mut().unwrap().push(name);
        send(reqwest::Client::new().delete(url)).await;
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("SPENDWATCH_CONFIG", self.container.to_string()),
            (
                "SPENDWATCH_STATE",
                self.azurite.blob_container_url("state").to_string(),
            ),
            (
                "SPENDWATCH_QUEUES",
                self.azurite.queue_service_url().to_string(),
            ),
            ("HOOK_URL", "http://127.0.0.1:9/hook".to_owned()),
            (
                "HOOK_SIGNING",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
            ),
        ]
    }

    /// A process that has just started, and looks at every call.
    fn process(&self) -> Live {
        let settings = self.settings().into_iter();
        let environment: Environment = settings
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Live::from_environment(environment).looking_every(Duration::ZERO)
    }
}

async fn send(request: reqwest::RequestBuilder) {
    let answer = request.header("x-ms-version", "2022-11-02").send().await;
    let status = answer.unwrap().status();
    assert!(status.is_success(), "{status}");
}

async fn amount(live: &Live) -> String {
    let app = live.app().await.unwrap();
    let budget = app.config().budgets.get("payments").unwrap();
    format!("{:?}", budget.planned)
}

#[tokio::test]
async fn a_broken_blob_is_refused_and_a_mended_one_is_used_without_a_restart() {
    spendwatch::install_crypto();
    if !node::available("a configuration on the storage emulator") {
        return;
    }
    let scene = Scene::new().await;
    scene.put("a.toml", GOOD).await;
    scene.put("b.toml", BUDGETS).await;
    let live = scene.process();
    assert!(amount(&live).await.contains("100"));
    assert_eq!(live.refused(), None);

    scene
        .put("b.toml", &BUDGETS.replace("amount", "amonut"))
        .await;
    assert!(amount(&live).await.contains("100"));
    let refused = live.refused().unwrap();
    // The place in the blob, the name, and what would be right.
    assert!(refused.why.contains("b.toml:7:"), "{refused:?}");
    assert!(refused.why.contains("amonut"), "{refused:?}");
    assert!(refused.why.contains("amount"), "{refused:?}");
    let told = format!("{refused:?}");
    assert!(
        !told.contains("sig=") && !told.contains("spendwatch-config-"),
        "{told}"
    );
    // The fallback hears of it, once.
    let app = live.app().await.unwrap();
    live.app().await.unwrap();
    let waiting = app.documents().list("outbox/").await.unwrap();
    assert_eq!(waiting.len(), 1, "{waiting:?}");

    // A process that starts now has the last good one to work by.
    let late = scene.process();
    assert!(amount(&late).await.contains("100"));
    assert!(late.refused().is_some());

    scene.put("b.toml", &BUDGETS.replace("100", "250")).await;
    for live in [&live, &late] {
        assert!(amount(live).await.contains("250"));
        assert_eq!(live.refused(), None);
    }
}

#[tokio::test]
async fn budgets_that_no_source_serves_replace_no_good_configuration() {
    spendwatch::install_crypto();
    if !node::available("a configuration on the storage emulator") {
        return;
    }
    let scene = Scene::new().await;
    scene.put("a.toml", GOOD).await;
    scene.put("b.toml", BUDGETS).await;
    let live = scene.process();
    assert!(amount(&live).await.contains("100"));
    // It can be read, and none of its budgets can be evaluated.
    let elsewhere = GOOD.replace("[source]", "[source]\nscopes = [\"/subscriptions/b\"]");
    scene.put("a.toml", &elsewhere).await;
    // Neither the process that runs takes it, nor one that starts, nor one that starts after that one.
    for live in [&live, &scene.process(), &scene.process()] {
        assert!(live.app().await.unwrap().reads().is_ok());
        let why = live.refused().unwrap().why;
        assert!(
            why.contains("no [source] serves all scopes of budget `payments`"),
            "{why}"
        );
    }
    scene.put("a.toml", GOOD).await;
    live.app().await.unwrap();
    assert_eq!(live.refused(), None);
}

#[tokio::test]
async fn a_container_that_is_empty_for_a_while_is_no_news() {
    spendwatch::install_crypto();
    if !node::available("a configuration on the storage emulator") {
        return;
    }
    let scene = Scene::new().await;
    scene.put("a.toml", GOOD).await;
    scene.put("b.toml", BUDGETS).await;
    let live = scene.process();
    let app = live.app().await.unwrap();
    for name in ["a.toml", "b.toml"] {
        scene.remove(name).await;
    }
    live.app().await.unwrap();
    let first = live.refused().unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    live.app().await.unwrap();
    let second = live.refused().unwrap();
    assert_eq!((first.since, first.version.as_str()), (second.since, ""));
    assert!(second.why.contains("holds no *.toml blob"), "{second:?}");
    assert_eq!(app.documents().list("outbox/").await.unwrap().len(), 0);
}

#[tokio::test]
async fn without_any_good_configuration_the_mistakes_are_told() {
    spendwatch::install_crypto();
    if !node::available("a configuration on the storage emulator") {
        return;
    }
    let scene = Scene::new().await;
    let error = scene.process().app().await.err().unwrap();
    assert!(
        format!("{error:#}").contains("holds no *.toml blob"),
        "{error:#}"
    );
    scene.put("b.toml", "version = 1\nbudgets = []\n").await;
    let live = scene.process();
    let error = format!("{:#}", live.app().await.err().unwrap());
    assert!(error.contains("b.toml:2:1"), "{error}");
    scene.put("b.toml", BUDGETS).await;
    scene.put("a.toml", GOOD).await;
    assert!(amount(&live).await.contains("100"));
}

#[tokio::test]
async fn the_function_app_shows_a_refused_configuration() {
    if !node::available("a configuration on the storage emulator") {
        return;
    }
    let scene = Scene::new().await;
    scene.put("a.toml", GOOD).await;
    scene.put("b.toml", BUDGETS).await;
    let mut settings = Settings::new()
        .with("EVALUATE_SCHEDULE", "0 0 */4 * * *")
        .with("SYNC_SCHEDULE", "0 30 3 * * *");
    for (name, value) in scene.settings() {
        settings = settings.with(name, value);
    }
    let host = FakeHost::start(AppFolder::staged(), settings).await;
    let health = async || host.http("GET", "/api/health", &[], b"").await.reply;
    let word = |health: &tests::host::HttpReply| -> String {
        let answer: Value = health.json();
        answer["status"].as_str().unwrap().to_owned()
    };
    let first = health().await;
    assert_eq!((first.status, word(&first).as_str()), (200, "ok"));
    scene.put("b.toml", "version = 1\nbudgets = []\n").await;
    // It looks every ten seconds.
    let mut seen = String::new();
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let health = health().await;
        seen = word(&health);
        if seen == "configuration-refused" {
            assert_eq!(health.status, 503);
            break;
        }
    }
    assert_eq!(seen, "configuration-refused");
    let key = [("x-functions-key", tests::host::FUNCTION_KEY)];
    let status = host.http("GET", "/api/status", &key, b"").await.reply;
    let status: Value = status.json();
    let why = status["refusedConfiguration"]["why"].as_str().unwrap();
    assert!(why.contains("b.toml:2:1"), "{why}");
    assert!(host.line("the configuration is not used").await.is_some());
}
