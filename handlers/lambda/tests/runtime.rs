//! The real program against a stand-in of Lambda's runtime API.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const RULE: &str = include_str!("events/rule.json");
const SCHEDULER: &str = include_str!("events/scheduler.json");
const SWEEP: &str = include_str!("events/sweep.json");

/// A call that waits for the function: the event, and the time that it has.
type Call = (String, Duration);

/// What Lambda offers to a function: the next call, and where its outcome goes.
#[derive(Clone)]
struct Runtime {
    calls: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Call>>>,
    outcomes: mpsc::UnboundedSender<(&'static str, Value)>,
}

impl Runtime {
    async fn next(State(runtime): State<Runtime>) -> Response {
        // A function that has nothing to do waits here, as on Lambda.
        let Some((event, time)) = runtime.calls.lock().await.recv().await else {
            return std::future::pending().await;
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let headers = [
            (
                "Lambda-Runtime-Aws-Request-Id",
                "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned(),
            ),
            (
                "Lambda-Runtime-Deadline-Ms",
                (now + time).as_millis().to_string(),
            ),
            (
                "Lambda-Runtime-Invoked-Function-Arn",
                "arn:aws:lambda:eu-central-1:123456789012:function:spendwatch".to_owned(),
            ),
            ("Content-Type", "application/json".to_owned()),
        ];
        (headers, event).into_response()
    }

    async fn outcome(
        State(runtime): State<Runtime>,
        Path((id, kind)): Path<(String, String)>,
        body: String,
    ) -> StatusCode {
        assert_eq!(id, "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
        let kind = match kind.as_str() {
            "response" => "response",
            "error" => "error",
            _ => return StatusCode::NOT_FOUND,
        };
        let body = serde_json::from_str(&body).unwrap();
        runtime.outcomes.send((kind, body)).unwrap();
        StatusCode::ACCEPTED
    }
}

/// The program with its configuration, Lambda, and somebody to tell.
struct Function {
    process: Child,
    calls: mpsc::UnboundedSender<Call>,
    outcomes: mpsc::UnboundedReceiver<(&'static str, Value)>,
    told: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
}

impl Function {
    async fn start() -> Function {
        let told = Arc::<Mutex<Vec<String>>>::default();
        let hook = serve(Router::new().route(
            "/hook",
            post({
                let told = Arc::clone(&told);
                async move |headers: HeaderMap| {
                    let id = headers["webhook-id"].to_str().unwrap().to_owned();
                    told.lock().unwrap().push(id);
                    StatusCode::NO_CONTENT
                }
            }),
        ))
        .await;
        let (calls, waiting) = mpsc::unbounded_channel();
        let (sender, outcomes) = mpsc::unbounded_channel();
        let runtime = Runtime {
            calls: Arc::new(tokio::sync::Mutex::new(waiting)),
            outcomes: sender,
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(Runtime::next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/{kind}",
                post(Runtime::outcome),
            );
        let api = serve(router.with_state(runtime)).await;

        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir(path("config")).unwrap();
        fs::write(path("config/spendwatch.toml"), configuration()).unwrap();
        fs::write(path("costs.csv"), costs()).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_spendwatch-lambda"))
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", api.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "spendwatch"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("LAMBDA_TASK_ROOT", &folder.path().display().to_string()),
                ("SPENDWATCH_STATE", &path("state")),
                ("HOOK_SIGNING", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                ("HOOK_URL", &format!("http://{hook}/hook")),
            ])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Function {
            process,
            calls,
            outcomes,
            told,
            folder,
        }
    }

    /// Calls the function, which has this much time; gives what it reports.
    async fn call_for(&mut self, event: &str, time: Duration) -> (&'static str, Value) {
        self.calls.send((event.to_owned(), time)).unwrap();
        let outcome = tokio::time::timeout(Duration::from_secs(60), self.outcomes.recv());
        outcome.await.expect("the function answers").unwrap()
    }

    async fn call(&mut self, event: &str) -> (&'static str, Value) {
        self.call_for(event, Duration::from_secs(60)).await
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Serves on a free port; gives the address.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn configuration() -> &'static str {
    r#"
    version = 1
    currency = "EUR"

    [source]
    kind = "files"
    paths = ["../costs.csv"]

    [channel.hook]
    kind = "webhook"
    url = { secret = "HOOK_URL" }
    signing = { secret = "HOOK_SIGNING" }
    allow_networks = ["127.0.0.1/32"]

    [[budget]]
    id = "payments"
    scopes = ["/subscriptions/00000000-0000-0000-0000-000000000001"]
    amount = 100
    thresholds = ["actual 100%"]
    notify = ["hook"]
    "#
}

fn costs() -> String {
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    format!(
        "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n\
         {today},00000000-0000-0000-0000-000000000001,payments,150,EUR\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_evaluates_and_tells_and_a_repeated_event_tells_nothing_twice() {
    let mut function = Function::start().await;
    let (kind, report) = function.call(RULE).await;
    assert_eq!(kind, "response", "{report}");
    // One read to evaluate, one destination to deliver to.
    assert_eq!(
        report,
        json!({ "job": "evaluate", "messages": 2, "complete": true })
    );
    assert_eq!(function.told().len(), 1);
    for event in [RULE, SCHEDULER, r#"{"job":"deliver"}"#] {
        let (kind, report) = function.call(event).await;
        assert_eq!(kind, "response", "{report}");
    }
    assert_eq!(function.told().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_names_its_job() {
    let mut function = Function::start().await;
    for (event, job) in [
        (SWEEP, "sweep"),
        (r#"{"job":"deliver"}"#, "deliver"),
        (r#"{"job":"sync-budgets"}"#, "sync-budgets"),
        (r#"{"job":"evaluate"}"#, "evaluate"),
    ] {
        assert_eq!(function.told(), Vec::<String>::new(), "before {job}");
        let (kind, report) = function.call(event).await;
        assert_eq!(
            (kind, &report["job"]),
            ("response", &json!(job)),
            "{report}"
        );
    }
    assert_eq!(function.told().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_no_time_for_is_done_by_the_next_call() {
    let mut function = Function::start().await;
    let (kind, report) = function.call_for(RULE, Duration::from_millis(100)).await;
    let expected = json!({ "job": "evaluate", "messages": null, "complete": false });
    assert_eq!((kind, report), ("response", expected));
    assert_eq!(function.told(), Vec::<String>::new());
    function.call(RULE).await;
    assert_eq!(function.told().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_reported_and_the_next_call_is_tried() {
    let mut function = Function::start().await;
    let config = function.folder.path().join("config/spendwatch.toml");
    let written = fs::read_to_string(&config).unwrap();
    fs::write(&config, "version = 2").unwrap();
    for (event, words) in [
        (RULE, "version"),
        (r#"{"job":"everything"}"#, "there is no job"),
        ("[]", "names no job"),
    ] {
        let (kind, report) = function.call(event).await;
        let report: BTreeMap<String, Value> = serde_json::from_value(report).unwrap();
        let message = report["errorMessage"].as_str().unwrap();
        assert!(kind == "error" && message.contains(words), "{report:?}");
    }
    fs::write(&config, written).unwrap();
    let (kind, report) = function.call(RULE).await;
    assert_eq!(kind, "response", "{report}");
    assert_eq!(function.told().len(), 1);
}
