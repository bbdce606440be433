//! The product's handler under the fake Functions host: the contract of custom handlers, check by
//! check.
//!
//! Numbers in comments are those of the checklist this was written from; a test says in its name
//! what is promised. Not here: what only a running cloud can show, and the forwarding of requests,
//! which this product does not turn on.

mod logging;
mod packaging;
mod requests;
mod responses;
mod shipped;
mod startup;
mod telemetry;

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::{TcpListener as StdListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use futures::future::BoxFuture;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};
use spendwatch::sources::{Answer, CostSource, ReadContext, ReadRequest};
use state_store::{Documents, Local, Queues};
use tempfile::TempDir;
use tests::{
    azurite::Azurite,
    host::{
        AppFolder, FUNCTION_KEY, FakeHost, HttpCall, HttpShape, Invocation, MessageShape, Outcome,
        PumpOptions, QueueCall, ScheduleStatus, Settings, StartError, TimerCall, Trigger,
        is_binding_name, is_function_name,
    },
    node,
};
use tokio::net::TcpListener;

const EVALUATE: &str = r#"{"evaluate":{"read":"source-0"}}"#;
const ARRIVED: &str = r#"{"data":{"url":"https://a.blob.core.windows.net/exports/x.csv"}}"#;
const DELIVER: &str = r#"{"deliver":{"destination":"hook"}}"#;
/// Of the product's functions, those that a queue triggers, with a message for each.
const QUEUE_FUNCTIONS: [(&str, &str); 3] = [
    ("evaluate-scope", EVALUATE),
    ("deliver-notices", DELIVER),
    ("export-arrived", ARRIVED),
];
const TIMERS: [&str; 3] = ["evaluate-budgets", "sweep", "sync-budgets"];

/// A configuration with one budget that is over, its costs, and a state folder.
struct Scene {
    root: TempDir,
    settings: Settings,
}

impl Scene {
    /// Notices go to a port of this machine that nobody listens on: the system gives it to nobody.
    fn new() -> Self {
        Self::telling("http://127.0.0.1:9/hook")
    }

    /// Notices go to this address.
    fn telling(hook: &str) -> Self {
        let root = TempDir::new().unwrap();
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let costs = format!(
            "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n\
             {today},00000000-0000-0000-0000-000000000001,payments,150,EUR\n"
        );
        fs::write(root.path().join("costs.csv"), costs).unwrap();
        let config = r#"
            version = 1
            currency = "EUR"

            [source]
            kind = "files"
            paths = ["costs.csv"]

            [channel.hook]
            kind = "webhook"
            url = { secret = "HOOK_URL" }
            signing = { secret = "HOOK_SIGNING" }
            allow_networks = ["127.0.0.1/32"]

            [delivery]
            send_timeout_seconds = 1
            lease_seconds = 2
            unknown_wait_seconds = 0
            retry_seconds = [0, 0, 0, 0, 0, 0, 0, 0]

            [[budget]]
            id = "payments"
            scopes = ["/subscriptions/00000000-0000-0000-0000-000000000001"]
            amount = 100
            thresholds = ["actual 50%", "actual 100%"]
            notify = ["hook"]
        "#;
        fs::write(root.path().join("spendwatch.toml"), config).unwrap();
        let path = |name: &str| root.path().join(name).display().to_string();
        let settings = Settings::new()
            .with("EVALUATE_SCHEDULE", "0 0 */4 * * *")
            .with("SYNC_SCHEDULE", "0 30 3 * * *")
            .with("SPENDWATCH_CONFIG", path("spendwatch.toml"))
            .with("SPENDWATCH_STATE", path("state"))
            .with("HOOK_URL", hook)
            .with("HOOK_SIGNING", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        Scene { root, settings }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn settings(&self) -> Settings {
        self.settings.clone()
    }

    async fn host(&self) -> FakeHost {
        FakeHost::start(AppFolder::staged(), self.settings()).await
    }

    /// The state that the handler keeps.
    fn state(&self) -> Local {
        Local::open(self.path("state")).unwrap()
    }

    /// Live and finished deliveries.
    async fn deliveries(&self) -> usize {
        let state = self.state();
        let live = state.list("outbox/").await.unwrap().len();
        live + state.list("history/").await.unwrap().len()
    }
}

/// Gives the handler the messages it has put into the queues of a local state folder, until there
/// are none for a while.
async fn work_off(host: &FakeHost, state: &Local) {
    let begun = Instant::now();
    let mut empty = 0;
    while empty < 10 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never ends");
        let mut found = false;
        for (queue, function) in [
            ("evaluations", "evaluate-scope"),
            ("deliveries", "deliver-notices"),
        ] {
            let hide = Duration::from_secs(1);
            for message in state.receive(queue, 8, hide).await.unwrap() {
                found = true;
                let run = host.queue(function, message.text.as_str()).await;
                if run.outcome.succeeded() {
                    Queues::delete(state, queue, &message).await.unwrap();
                }
            }
        }
        if found {
            empty = 0;
        } else {
            empty += 1;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }
}

/// A destination that remembers what it was told.
#[derive(Clone)]
struct Hook {
    url: String,
    ids: Arc<Mutex<Vec<String>>>,
    /// How long it takes to answer.
    delay: Arc<Mutex<Duration>>,
}

impl Hook {
    async fn start() -> Hook {
        async fn told(State(hook): State<Hook>, headers: HeaderMap) -> StatusCode {
            let id = headers["webhook-id"].to_str().unwrap().to_owned();
            hook.ids.lock().unwrap().push(id);
            let delay = *hook.delay.lock().unwrap();
            tokio::time::sleep(delay).await;
            StatusCode::NO_CONTENT
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = Hook {
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
            ids: Arc::default(),
            delay: Arc::default(),
        };
        let router = Router::new()
            .route("/hook", post(told))
            .with_state(hook.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        hook
    }

    fn slow(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    fn ids(&self) -> Vec<String> {
        self.ids.lock().unwrap().clone()
    }

    /// Waits until it has been told something.
    async fn is_told(&self) {
        for _ in 0..1000 {
            if !self.ids().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the hook was told nothing");
    }
}

fn client() -> reqwest::Client {
    tests::install_crypto();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Checks 35, 36, 38, 41 and 44 on any successful answer.
fn is_well_formed(run: &Invocation) {
    assert_eq!(run.status, Some(200), "{run:?}");
    let media_type = run.content_type.as_deref().unwrap_or_default();
    assert!(media_type.starts_with("application/json"), "{media_type}");
    let reply = run.json();
    assert!(reply["Outputs"].is_object(), "{reply}");
    assert!(reply["Logs"].is_array(), "{reply}");
    assert!(reply.get("ReturnValue").is_some(), "{reply}");
    let outputs = run.outputs();
    assert_eq!(outputs.unknown, Vec::<String>::new());
    assert!(outputs.logs.len() <= 100, "{} lines", outputs.logs.len());
    for line in &outputs.logs {
        assert!(line.len() <= 2000 && !line.contains('\n'), "{line}");
    }
}

fn is_failure(run: &Invocation) {
    assert!(matches!(run.outcome, Outcome::Failed(_)), "{run:?}");
    let status = run
        .status
        .expect("a failure is an answer, not a lost connection");
    assert!((400..600).contains(&status), "{run:?}");
    assert!(run.json().is_object());
}

async fn is_alive(host: &FakeHost) {
    let health = host.http("GET", "/api/health", &[], b"").await;
    assert_eq!(health.reply.status, 200, "{health:?}");
    assert_eq!(host.exits().await, []);
}
