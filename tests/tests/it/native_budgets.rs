//! Azure's own budgets through the function app, read back by Microsoft's own client.

use std::fs;
use std::io::Write;

use azure_sandbox::{Options, example, serve};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::host::{AppFolder, FUNCTION_KEY, FakeHost, Settings, TimerCall};
use tests::python;
use tokio::net::TcpListener;

const SUBSCRIPTION: &str = example::PLATFORM_SUBSCRIPTION;

async fn sandbox() -> String {
    // The handler goes by the machine's clock, and so must Azure.
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let options = Options::new(today);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, example::world(), options));
    base
}

async fn host(base: &str, root: &TempDir, native: &str) -> FakeHost {
    let config = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "azure"
        endpoint = "{base}"
        auth = "managed-identity"
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [native]
        contact_emails = ["cost@contoso.example"]
        {native}
        [[budget]]
        id = "payments.prod"
        scopes = ["/subscriptions/{SUBSCRIPTION}"]
        amount = 12345.67
        thresholds = ["actual 80%", "forecast 80%", "actual 15000"]
        notify = ["chat"]
        filter = {{ all = [
            {{ dimension = "MeterCategory", in = ["Storage", "Bandwidth"] }},
            {{ tag = "env", in = ["prod"] }},
        ] }}
        native = {{ name = "payments" }}
        "#
    );
    fs::write(root.path().join("spendwatch.toml"), config).unwrap();
    let path = |name: &str| root.path().join(name).display().to_string();
    let settings = Settings::new()
        .with("EVALUATE_SCHEDULE", "0 0 */4 * * *")
        .with("SYNC_SCHEDULE", "0 30 3 * * *")
        .with("SPENDWATCH_CONFIG", path("spendwatch.toml"))
        .with("SPENDWATCH_STATE", path("state"))
        .with("CHAT_URL", "https://hooks.slack.com/services/T/B/x")
        .with("IDENTITY_ENDPOINT", format!("{base}/msi/token"))
        .with("IDENTITY_HEADER", "sandbox-identity");
    FakeHost::start(AppFolder::staged(), settings).await
}

async fn ask(host: &FakeHost, method: &str, path: &str) -> (u16, Value) {
    let key = [("x-functions-key", FUNCTION_KEY)];
    let answer = host.http(method, path, &key, b"").await;
    (
        answer.reply.status,
        serde_json::from_str(&answer.reply.body).unwrap_or_default(),
    )
}

/// What Microsoft's client sees.
async fn seen(base: &str) -> Value {
    let asked = json!({ "base": base, "subscription": SUBSCRIPTION });
    let run = move || {
        let mut command = python::command("read_budgets.py");
        command.env("IDENTITY_HEADER", "sandbox-identity");
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(asked.to_string().as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_writes_azures_budgets_only_if_it_may_and_microsofts_client_sees_them() {
    let base = sandbox().await;
    let root = tempfile::tempdir().unwrap();
    let look_only = host(&base, &root, "").await;
    let (status, plan) = ask(&look_only, "GET", "/api/plan").await;
    assert_eq!(status, 200, "{plan}");
    let changes = plan["changes"].as_array().unwrap();
    assert_eq!(
        (changes.len(), &changes[0]["action"]),
        (1, &json!("create"))
    );
    let (status, refused) = ask(&look_only, "POST", "/api/apply").await;
    assert_eq!(status, 403);
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("apply_from_app")
    );
    let run = look_only.timer("sync-budgets", TimerCall::default()).await;
    assert!(run.outcome.succeeded(), "{run:?}");
    let (_, status) = ask(&look_only, "GET", "/api/status").await;
    let drift = &status["azureBudgets"];
    assert_eq!(
        (
            &drift["applied"],
            drift["differences"].as_array().unwrap().len()
        ),
        (&json!(false), 1)
    );
    let (_, plan) = ask(&look_only, "GET", "/api/plan").await;
    assert_eq!(
        plan["changes"][0]["action"], "create",
        "looking has written nothing"
    );
    look_only.terminate().await;

    let writing = host(&base, &root, "apply_from_app = true").await;
    let run = writing.timer("sync-budgets", TimerCall::default()).await;
    assert!(run.outcome.succeeded(), "{run:?}");
    let (_, plan) = ask(&writing, "GET", "/api/plan").await;
    assert_eq!(plan["changes"][0]["action"], "leave", "{plan}");
    let (status, applied) = ask(&writing, "POST", "/api/apply").await;
    assert_eq!(
        (status, &applied["applied"]),
        (200, &json!([])),
        "there is nothing left to write"
    );
    if !python::available("Microsoft's Consumption client on the budgets that were written") {
        return;
    }
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let expected = json!([{
        "name": "payments",
        "amount": "12345.67",
        "grain": "Monthly",
        "start": today.first_of_month().to_string(),
        "conditions": ["MeterCategory in Storage, Bandwidth", "tag env in prod"],
        "notifications": [
            "Actual GreaterThanOrEqualTo 121.5: cost@contoso.example",
            "Actual GreaterThanOrEqualTo 80: cost@contoso.example",
            "Forecasted GreaterThanOrEqualTo 80: cost@contoso.example",
        ],
    }]);
    assert_eq!(seen(&base).await, expected);
}
