//! A stand-in for the Azure Functions host: it starts a custom handler from a deployed folder and
//! treats it as the host does.
//!
//! It reads `host.json` and each `function.json`, starts the executable with the host's variables,
//! waits until it answers, sends the host's envelopes, and judges the answers by the host's rules.
//! It keeps no schedule and asks for nothing in the cloud: a test says what happens when.
//!
//! ```no_run
//! use tests::host::{AppFolder, FakeHost, Settings, TimerCall};
//!
//! # async fn test() {
//! let settings = Settings::new()
//!     .with("SPENDWATCH_CONFIG", "/tmp/spendwatch.toml")
//!     .with("SPENDWATCH_STATE", "/tmp/state")
//!     .with("EVALUATE_SCHEDULE", "0 0 * * * *");
//! let host = FakeHost::start(AppFolder::staged(), settings).await;
//! let run = host.timer("evaluate-budgets", TimerCall::default()).await;
//! assert!(run.outcome.succeeded(), "{run:?}");
//! let status = host.http("GET", "/api/health", &[], b"").await;
//! assert_eq!(status.reply.status, 200);
//! # }
//! ```

mod envelope;
mod folder;
mod process;
mod pump;
mod reply;
mod routes;

use std::{
    collections::BTreeMap,
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::redirect;
use serde_json::{Value, json};
use tokio::sync::Mutex;

pub use envelope::{
    HttpCall, HttpShape, MessageShape, QueueCall, ScheduleStatus, TimerCall, encoded,
};
pub use folder::{
    App, AppFolder, Binding, Function, QueueSettings, Trigger, is_binding_name, is_function_name,
};
pub use process::{Exit, Line};
pub use pump::{Pump, PumpOptions};
pub use reply::{HttpReply, Outcome, Outputs, judge, queue_messages};

use process::{Lines, Process, free_port, locked};

/// The key that this host accepts for functions that are not anonymous.
pub const FUNCTION_KEY: &str = "hQ3x-function-key-for-tests-9Zt1AzFu7oPq==";

/// The version this host says it has.
pub const HOST_VERSION: &str = "4.1048.100.1";

/// As many errors, each within half an hour of the one before, stop the host.
const ERRORS_THAT_STOP: usize = 3;

/// How long a handler may take to end before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(15);

/// App settings, and what a test changes about the host.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    variables: BTreeMap<String, Option<String>>,
    function_timeout: Option<Duration>,
    port: Option<u16>,
}

impl Settings {
    /// No settings but the host's own variables.
    pub fn new() -> Self {
        Settings::default()
    }

    /// The same with a setting; also replaces a variable of the host.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), Some(value.into()));
        self
    }

    /// The same without a setting, or without a variable of the host.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.insert(name.to_owned(), None);
        self
    }

    /// The same with another `functionTimeout` than `host.json` says.
    #[must_use]
    pub fn with_function_timeout(mut self, timeout: Duration) -> Self {
        self.function_timeout = Some(timeout);
        self
    }

    /// The same with this port, and not one that is free.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// What is set, without the host's own variables.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
    }

    /// What the handler inherits, given its port and folder.
    fn environment(&self, port: u16, folder: &AppFolder) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for name in ["PATH", "HOME", "TMPDIR", "LANG"] {
            if let Ok(value) = env::var(name) {
                variables.insert(name.to_owned(), value);
            }
        }
        let port = port.to_string();
        let id = envelope::uuid();
        let root = folder.path().display().to_string();
        let own = [
            ("FUNCTIONS_CUSTOMHANDLER_PORT", port.as_str()),
            ("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &id),
            ("FUNCTIONS_HTTPWORKER_PORT", &port),
            ("FUNCTIONS_HTTPWORKER_ID", &id),
            ("FUNCTIONS_APP_ROOT_PATH", &root),
            ("FUNCTIONS_WORKER_RUNTIME", "custom"),
            ("FUNCTIONS_EXTENSION_VERSION", "~4"),
            ("WEBSITE_SITE_NAME", "spendwatch-test"),
            ("WEBSITE_INSTANCE_ID", "0"),
            ("ASPNETCORE_URLS", "http://+:80"),
            ("DOTNET_RUNNING_IN_CONTAINER", "true"),
        ];
        variables.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for (name, value) in &self.variables {
            match value {
                Some(value) => variables.insert(name.clone(), value.clone()),
                None => variables.remove(name),
            };
        }
        variables
    }
}

/// Why a host did not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// The folder is not what the host wants.
    Folder(String),
    /// The executable could not be run.
    Spawn(String),
    /// The handler ended before it answered.
    Exited(Exit),
    /// The handler did not answer within `initializationTimeout`.
    NotReady,
}

/// What became of one invocation.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// `X-Azure-Functions-InvocationId`.
    pub id: String,
    /// The trace id that was sent in `traceparent`.
    pub trace_id: String,
    /// Name of the function.
    pub function: String,
    /// What the host makes of it.
    pub outcome: Outcome,
    /// Status of the handler's answer, if there was one.
    pub status: Option<u16>,
    /// `Content-Type` of the handler's answer.
    pub content_type: Option<String>,
    /// Body of the handler's answer.
    pub body: String,
    /// How long it took.
    pub elapsed: Duration,
}

impl Invocation {
    /// The outputs.
    ///
    /// # Panics
    ///
    /// If it did not succeed.
    pub fn outputs(&self) -> &Outputs {
        match &self.outcome {
            Outcome::Succeeded(outputs) => outputs,
            other => panic!(
                "{} did not succeed: {other:?}: {}",
                self.function, self.body
            ),
        }
    }

    /// The handler's answer as JSON.
    ///
    /// # Panics
    ///
    /// If it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

/// What the caller of an HTTP function gets.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// Status, headers and body.
    pub reply: HttpReply,
    /// The invocation behind it; `None` if the host answered by itself (no route, no key).
    pub invocation: Option<Invocation>,
}

/// A Functions host with one custom handler. Clones are the same host; the handler is killed with
/// the last one.
#[derive(Debug, Clone)]
pub struct FakeHost {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: AppFolder,
    app: App,
    settings: Settings,
    client: reqwest::Client,
    lines: Lines,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` while it does not run, and for a handler that was not started here.
    handler: Option<Process>,
    port: u16,
    exits: Vec<Exit>,
    errors: Vec<Instant>,
    stopped: bool,
}

impl FakeHost {
    /// Starts the handler of a folder and waits until it answers.
    ///
    /// # Panics
    ///
    /// If it does not start, or if the folder has a function that does not index.
    pub async fn start(folder: AppFolder, settings: Settings) -> FakeHost {
        let host = match Self::try_start(folder, settings).await {
            Ok(host) => host,
            Err(error) => panic!("the handler did not start: {error:?}"),
        };
        let problems = &host.app().problems;
        assert!(problems.is_empty(), "functions do not index: {problems:?}");
        host
    }

    /// As [`start`](Self::start), with the reason if it does not.
    ///
    /// # Errors
    ///
    /// If the folder is unfit, or the handler ends or stays silent.
    pub async fn try_start(folder: AppFolder, settings: Settings) -> Result<FakeHost, StartError> {
        let host = Self::made(folder, settings).map_err(StartError::Folder)?;
        if !host.app().host["customHandler"].is_object() {
            let message = "host.json has no customHandler";
            return Err(StartError::Folder(message.to_owned()));
        }
        host.launch(&mut *host.inner.state.lock().await).await?;
        Ok(host)
    }

    /// A host for a handler that listens on this port already and is not started or ended here.
    ///
    /// # Panics
    ///
    /// If the folder is unfit.
    pub fn attach(folder: AppFolder, settings: Settings, port: u16) -> FakeHost {
        let made = Self::made(folder, settings.with_port(port));
        made.unwrap_or_else(|error| panic!("{error}"))
    }

    fn made(folder: AppFolder, settings: Settings) -> Result<FakeHost, String> {
        crate::install_crypto();
        let environment = settings.environment(0, &folder);
        let app = App::read(&folder, &environment)?;
        if app.functions.is_empty() {
            return Err(format!("no function was indexed: {:?}", app.problems));
        }
        // The host keeps connections and does not follow for ever.
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::limited(50))
            .no_proxy()
            .build()
            .map_err(|error| error.to_string())?;
        let port = settings.port.unwrap_or_default();
        Ok(FakeHost {
            inner: Arc::new(Inner {
                folder,
                app,
                settings,
                client,
                lines: Lines::default(),
                state: Mutex::new(State {
                    handler: None,
                    port,
                    exits: Vec::new(),
                    errors: Vec::new(),
                    stopped: false,
                }),
            }),
        })
    }

    /// What was read from the folder.
    pub fn app(&self) -> &App {
        &self.inner.app
    }

    /// The folder.
    pub fn folder(&self) -> &AppFolder {
        &self.inner.folder
    }

    /// The port that the handler listens on.
    pub async fn port(&self) -> u16 {
        self.inner.state.lock().await.port
    }

    /// The handler's process, if one runs that was started here.
    pub async fn pid(&self) -> Option<u32> {
        let state = self.inner.state.lock().await;
        state.handler.as_ref().map(Process::pid)
    }

    /// The address of a path on the handler itself, past the host.
    pub async fn handler_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port().await)
    }

    /// All lines that the handlers have printed so far. A running one may have printed more than
    /// has been read; of one that ended, all are here.
    pub fn lines(&self) -> Vec<Line> {
        locked(&self.inner.lines).clone()
    }

    /// Waits up to 10 seconds for a line with this text, and gives it.
    pub async fn line(&self, text: &str) -> Option<Line> {
        for _ in 0..1000 {
            let lines = self.lines();
            let found = lines.into_iter().find(|line| line.text.contains(text));
            if found.is_some() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }

    /// The lines on standard error.
    pub fn error_lines(&self) -> Vec<String> {
        let errors = self.lines().into_iter().filter(|line| line.is_error);
        errors.map(|line| line.text).collect()
    }

    /// How the handlers ended that ended by themselves.
    pub async fn exits(&self) -> Vec<Exit> {
        let mut state = self.inner.state.lock().await;
        self.supervise(&mut state).await;
        state.exits.clone()
    }

    /// Whether the host gave up, after three crashes.
    pub async fn is_stopped(&self) -> bool {
        let mut state = self.inner.state.lock().await;
        self.supervise(&mut state).await;
        state.stopped
    }

    /// Runs a timer function.
    pub async fn timer(&self, function: &str, call: TimerCall) -> Invocation {
        let function = self.function(function);
        let (data, metadata) = (call.data(function), call.metadata(function));
        self.invoke(&function.name, data, metadata).await
    }

    /// Gives a queue function a message; a text becomes an ordinary one.
    pub async fn queue(&self, function: &str, message: impl Into<QueueCall>) -> Invocation {
        let function = self.function(function);
        let call = message.into();
        let (data, metadata) = (call.data(function), call.metadata(function));
        self.invoke(&function.name, data, metadata).await
    }

    /// Sends a request as a caller from outside would: `path` has the prefix and the query.
    pub async fn http(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> HttpAnswer {
        let mut call = HttpCall::new(method, path).body(body);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        self.http_call(call).await
    }

    /// As [`http`](Self::http), with a request that may have an unusual shape.
    pub async fn http_call(&self, call: HttpCall) -> HttpAnswer {
        let alone = |status| HttpAnswer {
            reply: HttpReply {
                status,
                headers: Vec::new(),
                body: String::new(),
            },
            invocation: None,
        };
        let found = routes::find(self.app(), &call.method, call.route());
        let Some((function, params)) = found else {
            return alone(404);
        };
        let key = call.header_value("x-functions-key").map(str::to_owned);
        let key = key.or_else(|| Some(call.query().get("code")?.as_str()?.to_owned()));
        let anonymous = matches!(
            function.trigger,
            Trigger::Http {
                anonymous: true,
                ..
            }
        );
        if !anonymous && key.as_deref() != Some(FUNCTION_KEY) {
            return alone(401);
        }
        let (data, metadata) = (
            call.data(function, &params),
            call.metadata(function, &params),
        );
        let invocation = self.invoke(&function.name, data, metadata).await;
        let reply = match &invocation.outcome {
            Outcome::Succeeded(outputs) => outputs.http.clone(),
            Outcome::Failed(_) => None,
            // The platform's front end gives up long before the host does.
            Outcome::Hung | Outcome::TimedOut => Some(alone(504).reply),
        };
        HttpAnswer {
            reply: reply.unwrap_or(alone(500).reply),
            invocation: Some(invocation),
        }
    }

    /// Sends an envelope with exactly this content to a function.
    pub async fn invoke(&self, function: &str, data: Value, metadata: Value) -> Invocation {
        let envelope = json!({ "Data": data, "Metadata": metadata });
        self.post(function, envelope.to_string().into_bytes()).await
    }

    /// Sends these bytes to a function as the host sends an envelope.
    pub async fn post(&self, function: &str, envelope: Vec<u8>) -> Invocation {
        let function = self.function(function);
        let begun = Instant::now();
        let hex = format!("{:032x}", fastrand::u128(1..));
        let mut invocation = Invocation {
            id: envelope::uuid(),
            trace_id: hex,
            function: function.name.clone(),
            outcome: Outcome::Failed("the handler does not run".to_owned()),
            status: None,
            content_type: None,
            body: String::new(),
            elapsed: Duration::ZERO,
        };
        let port = {
            let mut state = self.inner.state.lock().await;
            self.supervise(&mut state).await;
            if state.stopped {
                return invocation;
            }
            state.port
        };
        let timeout = self
            .inner
            .settings
            .function_timeout
            .or(self.app().function_timeout)
            .unwrap_or(Duration::from_secs(24 * 3600));
        let parent = format!("00-{}-{:016x}-00", invocation.trace_id, fastrand::u64(1..));
        let request = self
            .inner
            .client
            .post(format!("http://127.0.0.1:{port}/{}", function.name))
            .header("X-Azure-Functions-HostVersion", HOST_VERSION)
            .header("X-Azure-Functions-InvocationId", &invocation.id)
            .header("User-Agent", format!("Azure-Functions-Host/{HOST_VERSION}"))
            .header("Content-Type", "application/json; charset=utf-8")
            .header("traceparent", parent)
            .body(chunked(envelope));
        let answer = tokio::time::timeout(timeout, async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            let content_type = response
                .headers()
                .get("content-type")
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            Ok::<_, reqwest::Error>((status, content_type, response.bytes().await?))
        })
        .await;
        invocation.elapsed = begun.elapsed();
        match answer {
            Ok(Ok((status, content_type, body))) => {
                invocation.outcome = judge(function, status, content_type.as_deref(), &body);
                invocation.status = Some(status);
                invocation.content_type = content_type;
                invocation.body = String::from_utf8_lossy(&body).into_owned();
            }
            Ok(Err(error)) => {
                invocation.outcome = Outcome::Failed(format!("the connection failed: {error:?}"));
                self.notice_end().await;
            }
            Err(_) => {
                invocation.outcome = Outcome::TimedOut;
                let mut state = self.inner.state.lock().await;
                if let Some(mut handler) = state.handler.take() {
                    handler.end("KILL", PATIENCE).await;
                    // Whether it starts again shows at the next invocation.
                    let _ = self.launch(&mut state).await;
                }
            }
        }
        invocation
    }

    /// Ends the handler with SIGKILL, as the host does; it stays down until
    /// [`restart`](Self::restart).
    ///
    /// # Panics
    ///
    /// If none runs that was started here.
    pub async fn kill(&self) -> Exit {
        self.end("KILL").await.expect("SIGKILL ends every process")
    }

    /// Asks the handler to end with SIGTERM, as containers do; `None` if it is still there after
    /// 15 seconds (and then killed). It stays down until [`restart`](Self::restart).
    ///
    /// # Panics
    ///
    /// If none runs that was started here.
    pub async fn terminate(&self) -> Option<Exit> {
        self.end("TERM").await
    }

    async fn end(&self, signal: &str) -> Option<Exit> {
        // Invocations go on while it ends, so the lock is not held.
        let handler = self.inner.state.lock().await.handler.take();
        let mut handler = handler.expect("a handler runs that was started here");
        handler.end(signal, PATIENCE).await
    }

    /// Starts the handler again, on a new port; ends it first if it runs.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub async fn restart(&self) {
        let mut state = self.inner.state.lock().await;
        state.handler = None;
        state.stopped = false;
        if let Err(error) = self.launch(&mut state).await {
            panic!("the handler did not start again: {error:?}");
        }
    }

    /// Handles the messages of this queue service, whose URL has a signature, until the answer is
    /// dropped.
    pub fn pump(&self, queue_service: &url::Url, options: PumpOptions) -> Pump {
        Pump::start(self.clone(), queue_service.clone(), options)
    }

    /// A function by name.
    fn function(&self, name: &str) -> &Function {
        self.app()
            .functions
            .get(name)
            .unwrap_or_else(|| panic!("there is no function {name}"))
    }

    /// Starts a process and waits until it answers `GET /`.
    async fn launch(&self, state: &mut State) -> Result<(), StartError> {
        let inner = &self.inner;
        state.port = inner.settings.port.unwrap_or_else(free_port);
        let environment = inner.settings.environment(state.port, &inner.folder);
        let mut handler = Process::start(&inner.folder, &inner.app, &environment, &inner.lines)
            .await
            .map_err(StartError::Spawn)?;
        let begun = Instant::now();
        while begun.elapsed() < inner.app.initialization_timeout {
            if let Some(exit) = handler.exited() {
                return Err(StartError::Exited(exit));
            }
            let ping = inner
                .client
                .get(format!("http://127.0.0.1:{}/", state.port))
                .timeout(inner.app.initialization_timeout)
                .send()
                .await;
            // Any answer will do. A port that somebody else has would answer as well, so see that
            // the handler is still there.
            if ping.is_ok() {
                if let Some(exit) = handler.exited() {
                    return Err(StartError::Exited(exit));
                }
                state.handler = Some(handler);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Err(StartError::NotReady)
    }

    /// A lost connection is seen a moment before the end of the process that held it.
    async fn notice_end(&self) {
        for _ in 0..20 {
            let mut state = self.inner.state.lock().await;
            if state.handler.is_none() {
                return;
            }
            let known = state.exits.len();
            self.supervise(&mut state).await;
            if state.exits.len() > known {
                return;
            }
            drop(state);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Notices that the handler ended by itself, and does what the host then does.
    async fn supervise(&self, state: &mut State) {
        let Some(exit) = state.handler.as_mut().and_then(Process::exited) else {
            return;
        };
        state.handler = None;
        state.exits.push(exit.clone());
        match exit.code {
            // The host takes it for done and does not start it again.
            Some(0) => {}
            Some(200) => {
                let _ = self.launch(state).await;
            }
            _ => {
                let now = Instant::now();
                let apart = Duration::from_secs(30 * 60);
                if state.errors.last().is_some_and(|last| now - *last > apart) {
                    state.errors.clear();
                }
                state.errors.push(now);
                state.stopped = state.errors.len() >= ERRORS_THAT_STOP;
                if !state.stopped {
                    let _ = self.launch(state).await;
                }
            }
        }
    }
}

/// A body without a length, in pieces.
fn chunked(bytes: Vec<u8>) -> reqwest::Body {
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> = bytes
        .chunks(16 * 1024)
        .map(|piece| Ok(piece.to_vec()))
        .collect();
    reqwest::Body::wrap_stream(futures::stream::iter(pieces))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{process, routes};

    #[test]
    fn arguments_are_joined_expanded_and_split() {
        let environment = BTreeMap::from([("A".to_owned(), "one two".to_owned())]);
        let expanded = process::expanded("--x %A% %NOT_SET% 100% \"a b\"", &environment);
        assert_eq!(
            process::words(&expanded),
            ["--x", "one", "two", "100%", "a b"]
        );
    }

    #[test]
    fn routes_have_values_and_optional_values() {
        let check = |template, path, expected: Option<&[(&str, &str)]>| {
            let expected: Option<BTreeMap<String, String>> = expected.map(|pairs| {
                let owned = pairs
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
                owned.collect()
            });
            assert_eq!(
                routes::matched(template, path),
                expected,
                "{template} {path}"
            );
        };
        check("api/status", "/api/status", Some(&[]));
        check("api/status", "/API/Status/", Some(&[]));
        check("api/status", "/api", None);
        check("api/status", "/api/status/x", None);
        check("api/b/{id}", "/api/b/b-7", Some(&[("id", "b-7")]));
        check("api/b/{id}", "/api/b/a%20b+c", Some(&[("id", "a b+c")]));
        check("api/b/{id}", "/api/b", None);
        check("api/b/{id?}", "/api/b", Some(&[]));
        check("api/{*rest}", "/api/a/b", Some(&[("rest", "a/b")]));
        check("/status", "/status", Some(&[]));
    }
}
