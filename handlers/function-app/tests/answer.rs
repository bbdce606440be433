//! Answering a notice through the host's envelope: pages that only show, a POST that acts, and the API.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use http::Request;
use jiff::SignedDuration;
use serde_json::{Value, json};
use spendwatch::jobs;
use spendwatch::{App, Config, Environment, ManualClock, StateLocation};
use tower::ServiceExt;

const GROUP: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop";
const HOSTILE: &str = "<b>Shop</b><script>alert(1)</script>";

/// An application with an alert that fires, told to a chat and to one person by mail.
struct Scene {
    app: Arc<App>,
    clock: Arc<ManualClock>,
    /// By title, those that went to the person.
    links: BTreeMap<String, String>,
    _files: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Scene {
        spendwatch::install_crypto();
        let files = tempfile::tempdir().unwrap();
        let mut costs = "Date,SubscriptionId,ResourceGroup,MeterCategory,CostInBillingCurrency,BillingCurrencyCode\n".to_owned();
        for day in 1..=11 {
            writeln!(
                costs,
                "11/{day:02}/2026,11111111-1111-4111-8111-111111111111,shop,\"<img src=x>\",100,EUR"
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
            [channel.mail]
            kind = "email"
            smtp = "smtp://mail.contoso.example:587"
            from = "cost@contoso.example"
            to = ["ada@contoso.example"]
            [links]
            key = {{ secret = "LINK_KEY" }}
            url = "https://cost.contoso.example/api/"
            [[budget]]
            id = "shop"
            name = "{HOSTILE}"
            scopes = ["{GROUP}"]
            amount = 1000
            notify = ["chat", "mail"]
            thresholds = ["actual 100%"]
            "#
        );
        let config = Config::parse(&[(files.path().join("spendwatch.toml"), text)]).unwrap();
        let environment: Environment = [
            ("CHAT_URL", "https://hooks.contoso.example/x"),
            ("LINK_KEY", "c4n4ry c4n4ry c4n4ry c4n4ry c4n4ry"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let clock = Arc::new(ManualClock::new("2026-11-12T00:00:00Z".parse().unwrap()));
        let app = App::new(config, &environment, StateLocation::Memory).unwrap();
        let told = files.path().join("told");
        let app = app.with_clock(clock.clone()).with_folder_delivery(&told);
        let reads = app.reads().unwrap();
        jobs::evaluate::run(&app, &reads[0], &Default::default())
            .await
            .unwrap();
        let keys = app.documents().list("outbox/mail/").await.unwrap();
        let document = app.documents().get(&keys[0]).await.unwrap().unwrap();
        let delivery: Value = serde_json::from_slice(&document.bytes).unwrap();
        let links = delivery["notice"]["links"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Scene {
            links: links
                .map(|link| (text(&link["title"]), text(&link["url"])))
                .collect(),
            app: Arc::new(app),
            clock,
            _files: files,
        }
    }

    /// Everything in the store, to see whether something changed.
    async fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        for key in self.app.documents().list("").await.unwrap() {
            let document = self.app.documents().get(&key).await.unwrap().unwrap();
            all.insert(key, document.bytes.to_vec());
        }
        all
    }

    async fn transitions(&self) -> Vec<Value> {
        let key = "ledger/shop/monthly-2026-11-01";
        let document = self.app.documents().get(key).await.unwrap().unwrap();
        let ledger: Value = serde_json::from_slice(&document.bytes).unwrap();
        ledger["transitions"].as_array().unwrap().clone()
    }

    /// What a function answers: status, headers and body.
    async fn call(
        &self,
        function: &str,
        method: &str,
        url: &str,
        body: &str,
    ) -> (u16, Value, String) {
        let router = function_app::router(
            Arc::new(spendwatch::Live::fixed(Arc::clone(&self.app))),
            function_app::Telemetry::default(),
        );
        let envelope = json!({ "Data": { "req": {
            "Url": url, "Method": method, "Query": {}, "Body": body,
            "Headers": { "Content-Type": ["application/x-www-form-urlencoded"] },
        }}});
        let request = Request::post(format!("/{function}"));
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

    async fn page(&self, method: &str, title: &str, body: &str) -> (u16, String) {
        let (status, _, body) = self.call("answer", method, &self.links[title], body).await;
        (status, body)
    }

    async fn api(&self, function: &str, method: &str, query: &str, body: &str) -> (u16, Value) {
        let url = format!("https://cost.contoso.example/api/{function}{query}");
        let (status, _, body) = self.call(function, method, &url, body).await;
        (status, serde_json::from_str(&body).unwrap())
    }
}

#[tokio::test]
async fn looking_never_changes_anything() {
    let scene = Scene::new().await;
    let before = scene.everything().await;
    for round in 0..25 {
        for title in ["Acknowledge", "Silence", "Explain", "Status"] {
            let method = if round % 2 == 0 { "GET" } else { "HEAD" };
            let (status, body) = scene
                .page(method, title, "note=x&lasting=4h&reason=x")
                .await;
            assert_eq!(status, 200, "{title}: {body}");
        }
    }
    assert_eq!(scene.everything().await, before);
}

#[tokio::test]
async fn pages_keep_to_themselves_and_names_are_text() {
    let scene = Scene::new().await;
    for title in ["Acknowledge", "Silence", "Explain", "Status"] {
        let (_, headers, body) = scene.call("answer", "GET", &scene.links[title], "").await;
        assert!(!body.contains("<b>Shop"), "{title}: {body}");
        assert!(!body.contains("<script"), "{title}: {body}");
        assert!(!body.contains("<img"), "{title}: {body}");
        assert!(body.contains("&lt;b&gt;Shop&lt;/b&gt;"), "{title}: {body}");
        assert!(!body.contains("ada@contoso.example"), "{title}: {body}");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let policy = headers["content-security-policy"].as_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"));
        // The page's own address holds the token, and the page does not repeat it.
        let mac = scene.links[title].split("mac=").nth(1).unwrap();
        assert!(!body.contains(mac), "{title}: {body}");
    }
}

#[tokio::test]
async fn a_button_acknowledges_once_in_the_name_of_the_mail_s_reader() {
    let scene = Scene::new().await;
    let (_, body) = scene.page("GET", "Acknowledge", "").await;
    assert!(body.contains("<form method=\"post\">"), "{body}");
    assert!(body.contains("<label for=\"note\">"), "{body}");
    let note = "note=known+%3Cb%3E%26+more";
    let (status, body) = scene.page("POST", "Acknowledge", note).await;
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains("holder of the mail link of ada@contoso.example"),
        "{body}"
    );
    assert!(body.contains("known &lt;b&gt;&amp; more"), "{body}");
    let (status, body) = scene.page("POST", "Acknowledge", "").await;
    assert_eq!(status, 409);
    assert!(
        body.contains("has acknowledged it at 2026-11-12T00:00:00Z"),
        "{body}"
    );
    let (status, body) = scene.page("GET", "Acknowledge", "").await;
    assert_eq!(status, 200);
    assert!(body.contains("Nothing to acknowledge"), "{body}");
    assert!(!body.contains("<form"), "{body}");
    let transitions = scene.transitions().await;
    assert_eq!(transitions.len(), 2);
    let reason = &transitions[1]["reason"];
    assert_eq!(
        reason["by"],
        "holder of the mail link of ada@contoso.example"
    );
    assert_eq!(reason["note"], "known <b>& more");
}

#[tokio::test]
async fn two_at_once_acknowledge_once() {
    let scene = Scene::new().await;
    let (one, other) = tokio::join!(
        scene.page("POST", "Acknowledge", "note=one"),
        scene.page("POST", "Acknowledge", "note=other"),
    );
    let mut statuses = [one.0, other.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{one:?} {other:?}");
    assert_eq!(scene.transitions().await.len(), 2);
}

#[tokio::test]
async fn a_form_silences_with_a_reason() {
    let scene = Scene::new().await;
    let (_, body) = scene.page("GET", "Silence", "").await;
    for value in ["4h", "1d", "3d", "period"] {
        assert!(body.contains(&format!("value=\"{value}\"")), "{body}");
    }
    for (form, status, words) in [
        ("", 400, "Choose for how long"),
        ("lasting=2y&reason=x", 400, "Choose for how long"),
        (
            "lasting=1d&reason=+",
            400,
            "The reason: expected 1 to 500 characters",
        ),
        (
            "lasting=1d&reason=load+test",
            200,
            "until 2026-11-13T00:00:00Z",
        ),
    ] {
        let (found, body) = scene.page("POST", "Silence", form).await;
        assert_eq!(found, status, "{form}: {body}");
        assert!(body.contains(words), "{form}: {body}");
    }
    let (_, body) = scene.page("GET", "Silence", "").await;
    assert!(body.contains("It is silenced already"), "{body}");
    let (_, alerts) = scene.api("alerts", "GET", "", "").await;
    assert_eq!(alerts["ours"][0]["silencedUntil"], "2026-11-13T00:00:00Z");
}

#[tokio::test]
async fn what_is_no_good_link_shows_and_does_nothing() {
    let scene = Scene::new().await;
    let before = scene.everything().await;
    let good = &scene.links["Acknowledge"];
    let forged = good.replace("mac=", "mac=A");
    let cut = good.split("&mac=").next().unwrap();
    let later = good.replace("expires=17", "expires=18");
    let relabeled = scene.links["Explain"].replace("for=explain", "for=acknowledge");
    let unknown = good.replace("for=acknowledge", "for=everything");
    let approve = good.replace("for=acknowledge", "for=approve-action");
    for (method, url, expected) in [
        ("GET", &*forged, 403),
        ("POST", &forged, 403),
        ("POST", cut, 400),
        ("POST", "https://cost.contoso.example/api/answer", 400),
        ("POST", &later, 403),
        ("GET", &relabeled, 403),
        ("POST", &relabeled, 403),
        ("POST", &unknown, 400),
        ("GET", &approve, 403),
        ("POST", &approve, 403),
        ("POST", &scene.links["Explain"], 403),
        ("POST", &scene.links["Status"], 403),
        ("PUT", good, 405),
        ("DELETE", good, 405),
    ] {
        let (status, _, body) = scene.call("answer", method, url, "note=x").await;
        assert_eq!(status, expected, "{method} {url}: {body}");
        assert!(!body.contains("Shop"), "{body}");
    }
    let long = format!("note={}", "x".repeat(20_000));
    let (status, _) = scene.page("POST", "Acknowledge", &long).await;
    assert_eq!(status, 413);
    let long = format!("note={}", "x".repeat(501));
    let (status, body) = scene.page("POST", "Acknowledge", &long).await;
    assert_eq!(status, 400, "{body}");
    scene.clock.advance(SignedDuration::from_hours(14 * 24));
    let (status, body) = scene.page("POST", "Acknowledge", "").await;
    assert_eq!(status, 403);
    assert!(body.contains("This link is no longer good."), "{body}");
    assert_eq!(scene.everything().await, before);
}

#[tokio::test]
async fn the_page_of_an_alert_shows_that_it_comes_out_the_same() {
    let scene = Scene::new().await;
    let (_, body) = scene.page("GET", "Explain", "").await;
    assert!(body.contains("everything comes out the same"), "{body}");
    assert!(body.contains("percent of the planned amount"), "{body}");
    // Eleven days at 100, of 1,000.
    assert!(
        body.contains("<td>110 %</td><td>110 %</td><td>same</td>"),
        "{body}"
    );
    let (_, body) = scene.page("GET", "Status", "").await;
    assert!(body.contains("EUR 1,100.00 of EUR 1,000.00"), "{body}");
}

#[tokio::test]
async fn the_api_acknowledges_lists_and_explains() {
    let scene = Scene::new().await;
    let (status, alerts) = scene.api("alerts", "GET", "", "").await;
    assert_eq!(status, 200);
    assert_eq!(alerts["azureAsked"], false);
    let id = alerts["ours"][0]["id"].as_str().unwrap();
    assert_eq!(alerts["ours"][0]["state"], "firing");
    for (body, expected) in [
        ("", 400),
        ("[]", 400),
        ("{\"alert\":\"shop/actual-100pct\"}", 400),
        ("{\"alert\":\"shop/actual-100pct\",\"by\":\"\"}", 400),
        (
            "{\"alert\":\"shop/actual-100pct\",\"by\":\"ada\",\"more\":1}",
            400,
        ),
        ("{\"alert\":\"abc\",\"by\":\"ada\"}", 400),
        ("{\"alert\":\"shop/unknown\",\"by\":\"ada\"}", 404),
    ] {
        let (status, answer) = scene.api("acknowledge", "POST", "", body).await;
        assert_eq!(status, expected, "{body}: {answer}");
    }
    let body = json!({ "budget": "shop", "alert": "actual-100pct", "by": "ada", "note": "mine" });
    let (status, answer) = scene
        .api("acknowledge", "POST", "", &body.to_string())
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["acknowledged"]["note"], "mine");
    // The same again at the same moment would be the answer to a lost answer.
    scene.clock.advance(SignedDuration::from_secs(1));
    let (status, answer) = scene
        .api("acknowledge", "POST", "", &body.to_string())
        .await;
    assert_eq!(status, 409);
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("ada has acknowledged it"), "{message}");
    let (_, alerts) = scene.api("alerts", "GET", "?azure=false", "").await;
    assert_eq!(alerts["ours"][0]["acknowledged"]["by"], "ada");
    let query = format!("?alert={}", &id[..8]);
    let (status, explained) = scene.api("explain", "GET", &query, "").await;
    assert_eq!(status, 200);
    assert_eq!(explained["verdict"], "same");
    assert_eq!(explained["history"].as_array().unwrap().len(), 2);
    for (query, expected) in [("", 400), ("?alert=ab", 400), ("?alert=0000", 404)] {
        let (status, _) = scene.api("explain", "GET", query, "").await;
        assert_eq!(status, expected, "{query}");
    }
    let (status, refused) = scene.api("deliveries", "GET", "?state=lost", "").await;
    assert_eq!(status, 400);
    assert!(
        refused.to_string().contains("`lost` is no state"),
        "{refused}"
    );
    let (status, fates) = scene.api("deliveries", "GET", "?state=queued", "").await;
    assert_eq!(status, 200);
    assert_eq!(fates["deliveries"].as_array().unwrap().len(), 2);
    let (status, _) = scene.api("deliveries", "GET", "?since=tomorrow", "").await;
    assert_eq!(status, 400);
    let (status, fates) = scene
        .api("deliveries", "GET", "?destination=mail", "")
        .await;
    assert_eq!(
        (status, fates["deliveries"].as_array().unwrap().len()),
        (200, 1)
    );
    assert_eq!(fates["deliveries"][0]["recipient"], "ada@contoso.example");
    assert!(!fates.to_string().contains("mac="), "{fates}");
}

#[tokio::test]
async fn the_api_makes_changes_and_ends_silences() {
    let scene = Scene::new().await;
    let new = json!({
        "matcher": { "budget": "sh*", "severity": "critical" },
        "until": "2026-11-13T00:00:00Z", "reason": "load test", "by": "ada",
    });
    let (status, made) = scene.api("silences", "POST", "", &new.to_string()).await;
    assert_eq!(status, 200, "{made}");
    assert_eq!(made["warnings"], json!([]));
    let id = made["id"].as_str().unwrap();
    let edit =
        json!({ "id": id, "reason": "load test, extended", "until": "2026-11-14T00:00:00Z" });
    let (status, edited) = scene.api("silences", "POST", "", &edit.to_string()).await;
    assert_eq!((status, &edited["id"]), (200, &made["id"]));
    let (_, listed) = scene.api("silences", "GET", "", "").await;
    assert_eq!(listed["silences"][0]["state"], "active");
    assert_eq!(listed["silences"][0]["reason"], "load test, extended");
    let end = format!("?id={id}&by=bob");
    let (status, ended) = scene.api("silences", "DELETE", &end, "").await;
    assert_eq!((status, &ended["endedBy"]), (200, &json!("bob")));
    scene.clock.advance(SignedDuration::from_secs(1));
    for (method, query, body, expected) in [
        ("DELETE", end.as_str(), String::new(), 409),
        ("DELETE", "?id=0&by=bob", String::new(), 404),
        ("DELETE", "?id=0", String::new(), 400),
        ("POST", "", edit.to_string(), 409),
        ("POST", "", "{}".to_owned(), 400),
        ("POST", "", json!({ "matcher": {}, "until": "2026-11-13T00:00:00Z", "reason": "r", "by": "b" }).to_string(), 400),
        ("POST", "", json!({ "matcher": { "budget": "x" }, "until": "2027-11-13T00:00:00Z", "reason": "r", "by": "b" }).to_string(), 400),
        ("POST", "", json!({ "matcher": { "budgets": "x" }, "until": "2026-11-13T00:00:00Z", "reason": "r", "by": "b" }).to_string(), 400),
        ("PUT", "", String::new(), 405),
    ] {
        let (status, answer) = scene.api("silences", method, query, &body).await;
        assert_eq!(status, expected, "{method} {query} {body}: {answer}");
        assert!(answer["error"]["message"].is_string(), "{answer}");
    }
}

#[tokio::test]
async fn a_silence_of_what_is_not_configured_is_made_with_a_warning() {
    let scene = Scene::new().await;
    let new = json!({
        "matcher": { "budget": "shpo", "destination": "chta" },
        "until": "2026-11-13T00:00:00Z", "reason": "load test", "by": "ada",
    });
    let (status, made) = scene.api("silences", "POST", "", &new.to_string()).await;
    assert_eq!(status, 200, "{made}");
    let expected = [
        "no budget is called `shpo`",
        "no channel is called `chta` (there are: chat, mail)",
    ];
    assert_eq!(made["warnings"], json!(expected));
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_link_is_logged_however_much_is() {
    let log = Log::default();
    let kept = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || kept.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let scene = Scene::new().await;
    jobs::deliver::run_all(&scene.app).await.unwrap();
    for title in ["Acknowledge", "Silence", "Explain", "Status"] {
        scene.page("GET", title, "").await;
        scene.page("POST", title, "lasting=4h&reason=x").await;
        let forged = scene.links[title].replace("mac=", "mac=A");
        scene.call("answer", "POST", &forged, "").await;
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("an alert is acknowledged"), "{text}");
    assert!(text.contains("a link did nothing"), "{text}");
    for link in scene.links.values().filter(|link| link.contains("mac=")) {
        let mac = link.split("mac=").nth(1).unwrap();
        assert!(!text.contains(mac), "{text}");
    }
    assert!(!text.contains("c4n4ry"), "{text}");
}
