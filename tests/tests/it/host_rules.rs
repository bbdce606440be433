//! The fake Functions host itself: its rules, against handlers made for the purpose.

use std::{
    env,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tests::{
    azurite::Azurite,
    host::{
        App, AppFolder, FUNCTION_KEY, FakeHost, Function, HttpCall, HttpReply, HttpShape,
        MessageShape, Outcome, PumpOptions, QueueCall, ScheduleStatus, Settings, StartError,
        TimerCall, Trigger, judge, queue_messages,
    },
    node,
};
use tokio::net::TcpListener;

const HOST_JSON: &str = r#"{
    "version": "2.0",
    "functionTimeout": "00:05:00",
    "customHandler": { "description": {
        "defaultExecutablePath": "handler",
        "arguments": ["--exact host_rules::the_handler_process --nocapture", "%NOT_SET%"]
    } },
    "extensions": {
        "http": { "routePrefix": "api" },
        "queues": { "batchSize": 4, "newBatchThreshold": 2, "maxDequeueCount": 3 }
    }
}"#;

const TICK: &str = r#"{ "bindings": [
    { "type": "timerTrigger", "direction": "in", "name": "tick", "schedule": "%SCHEDULE%" } ],
    "retry": { "strategy": "fixedDelay", "maxRetryCount": 2, "delayInterval": "00:00:30" } }"#;

const WORK: &str = r#"{ "bindings": [
    { "type": "queueTrigger", "direction": "in", "name": "message", "queueName": "work" },
    { "type": "queue", "direction": "out", "name": "next", "queueName": "next" } ] }"#;

const BUDGET: &str = r#"{ "bindings": [
    { "type": "httpTrigger", "direction": "in", "name": "req", "methods": ["get", "post"],
      "route": "budgets/{id?}" },
    { "type": "http", "direction": "out", "name": "res" } ] }"#;

const OPEN: &str = r#"{ "bindings": [
    { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
    { "type": "http", "direction": "out", "name": "res" } ] }"#;

fn folder() -> AppFolder {
    AppFolder::with(&[
        ("host.json", HOST_JSON),
        ("tick/function.json", TICK),
        ("work/function.json", WORK),
        ("budget/function.json", BUDGET),
        ("open/function.json", OPEN),
        ("not-a-function/readme.txt", ""),
    ])
}

fn settings() -> Settings {
    Settings::new().with("SCHEDULE", "0 0 * * * *")
}

fn function(name: &str) -> Function {
    let settings = [("SCHEDULE".to_owned(), "0 0 * * * *".to_owned())].into();
    let app = App::read(&folder(), &settings).unwrap();
    app.functions[name].clone()
}

/// What a scripted handler was sent.
#[derive(Debug, Clone)]
struct Seen {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

type Requests = Arc<Mutex<Vec<Seen>>>;
type Script = Arc<dyn Fn(&Seen) -> Response + Send + Sync>;

/// A handler that answers as scripted and remembers what it was sent.
async fn scripted(
    script: impl Fn(&Seen) -> Response + Send + Sync + 'static,
) -> (FakeHost, Requests) {
    async fn answer(
        State((script, requests)): State<(Script, Requests)>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        let seen = Seen {
            method,
            path: uri.path().to_owned(),
            headers,
            body,
        };
        requests.lock().unwrap().push(seen.clone());
        script(&seen)
    }
    let requests = Requests::default();
    let script: Script = Arc::new(script);
    let router = Router::new()
        .fallback(answer)
        .with_state((script, Arc::clone(&requests)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (FakeHost::attach(folder(), settings(), port), requests)
}

fn ok() -> Response {
    axum::Json(json!({})).into_response()
}

fn judged(name: &str, reply: &Value) -> Outcome {
    let body = reply.to_string();
    judge(
        &function(name),
        200,
        Some("application/json"),
        body.as_bytes(),
    )
}

fn answered(reply: &Value) -> HttpReply {
    match judged("open", reply) {
        Outcome::Succeeded(outputs) => outputs.http.unwrap(),
        other => panic!("{reply}: {other:?}"),
    }
}

#[test]
fn an_answer_is_done_failed_or_hanging() {
    let word = |outcome: &Outcome| match outcome {
        Outcome::Succeeded(_) => "done",
        Outcome::Failed(_) => "failed",
        Outcome::Hung => "hung",
        Outcome::TimedOut => "timed out",
    };
    let json = Some("application/json");
    for (status, content_type, body, expected) in [
        (200, json, "{}", "done"),
        (202, json, "{}", "done"),
        (299, Some("application/json; charset=utf-8"), "{}", "done"),
        (200, Some("text/json"), "{}", "done"),
        (200, json, r#"{"outputs":{},"LOGS":["a"],"Else":1}"#, "done"),
        (
            200,
            json,
            r#"{"Outputs":null,"Logs":null,"ReturnValue":null}"#,
            "done",
        ),
        (200, json, "", "hung"),
        (204, None, "", "hung"),
        (200, json, "null", "hung"),
        (200, json, " null ", "hung"),
        (200, Some("text/plain"), "{}", "failed"),
        (200, None, "{}", "failed"),
        (200, Some("application/problem+json"), "{}", "failed"),
        (200, json, "{", "failed"),
        (200, json, "[]", "failed"),
        (200, json, r#""done""#, "failed"),
        (200, json, r#"{"Outputs":[]}"#, "failed"),
        (200, json, r#"{"Logs":"a"}"#, "failed"),
        (200, json, r#"{"Logs":[{}]}"#, "failed"),
        (302, json, "{}", "failed"),
        (400, json, "{}", "failed"),
        (500, json, "{}", "failed"),
        (503, None, "", "failed"),
    ] {
        let outcome = judge(&function("tick"), status, content_type, body.as_bytes());
        assert_eq!(
            word(&outcome),
            expected,
            "{status} {content_type:?} {body:?}"
        );
    }
}

#[test]
fn queue_outputs_are_guessed_at() {
    let check = |value: Value, expected: &[&[u8]]| {
        assert_eq!(queue_messages(&value, None), expected, "{value}");
    };
    // Words of four letters times n are base64 to the host.
    check(json!("test"), &[&[0xb5, 0xeb, 0x2d]]);
    check(json!("true"), &[&[0xb6, 0xbb, 0x9e]]);
    check(json!("12345678"), &[&[0xd7, 0x6d, 0xf8, 0xe7, 0xae, 0xfc]]);
    check(json!("te st"), &[&[0xb5, 0xeb, 0x2d]]);
    check(json!(""), &[b""]);
    check(json!("hello"), &[b"hello"]);
    check(json!("hell-"), &[b"hell-"]);
    // JSON is read and written anew.
    check(json!(r#"{"a":1}"#), &[b"{\n  \"a\": 1\n}"]);
    check(
        json!(r#" [1, "two", {"b":[]}] "#),
        &[b"1", b"two", b"{\n  \"b\": []\n}"],
    );
    check(json!("{not json}"), &[b"{not json}"]);
    check(json!({"a": 1}), &[b"{\n  \"a\": 1\n}"]);
    check(json!(["test", "{\"a\":1}"]), &[b"test", b"{\"a\":1}"]);
    check(json!(12), &[b"12"]);
    check(json!(null), &[]);
    // What looks like a moment becomes one, and is written as JSON.
    check(
        json!("2026-11-20T06:00:00Z"),
        &[b"\"2026-11-20T06:00:00Z\""],
    );
    check(
        json!(["2026-11-20T06:00:00.5+01:00"]),
        &[b"\"2026-11-20T06:00:00.5+01:00\""],
    );
    check(json!("2026-11-20"), &[b"2026-11-20"]);
    // A binding of binary data is not guessed at.
    assert_eq!(queue_messages(&json!("test"), Some("binary")), [b"test"]);
}

#[test]
fn base64_of_the_bytes_arrives_byte_for_byte() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    for text in [
        "test",
        "true",
        "12345678",
        r#"{"a":1}"#,
        "2026-11-20T06:00:00Z",
        "[1]",
        "",
    ] {
        let value = json!(BASE64_STANDARD.encode(text));
        assert_eq!(queue_messages(&value, None), [text.as_bytes()], "{text}");
    }
}

#[test]
fn outputs_are_taken_by_the_names_of_bindings() {
    let outcome = judged(
        "work",
        &json!({ "Outputs": { "next": ["a", "b"], "Next": "c", "other": 1 }, "Logs": ["x", 1, true] }),
    );
    let Outcome::Succeeded(outputs) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(outputs.queues["next"], [b"a", b"b"]);
    assert_eq!(outputs.unknown, ["Next", "other"]);
    assert_eq!(outputs.logs, ["x", "1", "True"]);
    assert_eq!(outputs.http, None);

    // Members of a returned object count as outputs where nothing returns.
    let outcome = judged("work", &json!({ "ReturnValue": { "next": "hello" } }));
    let Outcome::Succeeded(outputs) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(outputs.queues["next"], [b"hello"]);
}

#[test]
fn a_return_value_is_tried_as_base64() {
    let definition = OPEN.replace(r#""name": "res""#, r#""name": "$return""#);
    let folder = AppFolder::with(&[("host.json", HOST_JSON), ("f/function.json", &definition)]);
    let app = App::read(&folder, &Default::default()).unwrap();
    let reply = |value: &str| {
        let body = json!({ "Outputs": { "$return": "lost" }, "ReturnValue": value }).to_string();
        match judge(
            &app.functions["f"],
            200,
            Some("application/json"),
            body.as_bytes(),
        ) {
            Outcome::Succeeded(outputs) => outputs.http.unwrap().body,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reply("hello world"), "hello world");
    assert_ne!(reply("test"), "test");
}

#[test]
fn http_outputs_have_their_own_rules() {
    let res = |res: Value| answered(&json!({ "Outputs": { "res": res } }));
    assert_eq!(res(json!({ "statusCode": "202" })).status, 202);
    assert_eq!(res(json!({ "STATUSCODE": 404 })).status, 404);
    assert_eq!(res(json!({ "statusCode": "none" })).status, 200);
    assert_eq!(res(json!({ "status": 404 })).status, 200);
    assert_eq!(res(json!({})).status, 200);

    assert_eq!(res(json!({ "body": "{\"a\":1}" })).body, "{\"a\":1}");
    assert_eq!(res(json!({ "body": { "a": 1 } })).body, "{\n  \"a\": 1\n}");
    assert_eq!(res(json!({ "body": "test" })).body, "test");
    assert_eq!(
        res(json!({ "body": "2026-11-20T06:00:00Z" })).body,
        "\"2026-11-20T06:00:00Z\""
    );
    assert_eq!(res(json!({})).body, "");

    let plain = res(json!({ "body": { "a": 1 } }));
    assert_eq!(
        plain.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let typed = res(json!({ "headers": { "CONTENT-TYPE": "application/json", "X-N": 1 } }));
    assert_eq!(typed.header("Content-Type"), Some("application/json"));
    assert_eq!(typed.header("x-n"), Some("1"));

    // Without the output the caller gets an empty object.
    let missing = answered(&json!({}));
    assert_eq!((missing.status, missing.body.as_str()), (200, "{}"));

    for broken in [
        json!("text"),
        json!(1),
        json!({ "headers": { "X": null } }),
        json!({ "headers": { "X": ["a"] } }),
    ] {
        let outcome = judged("open", &json!({ "Outputs": { "res": broken } }));
        assert!(
            matches!(outcome, Outcome::Failed(_)),
            "{broken}: {outcome:?}"
        );
    }
}

#[test]
fn folders_are_read_as_the_host_reads_them() {
    let queue = |name: &str| {
        format!(r#"{{"bindings":[{{"type":"queueTrigger","name":"{name}","queueName":"q"}}]}}"#)
    };
    let two = r#"{"bindings":[{"type":"queueTrigger","name":"a","queueName":"q"},
                              {"type":"timerTrigger","name":"b","schedule":"0 * * * * *"}]}"#;
    let same = r#"{"bindings":[{"type":"queueTrigger","name":"a","queueName":"q"},
                               {"type":"queue","direction":"out","name":"A","queueName":"r"}]}"#;
    let unknown = r#"{"bindings":[{"type":"timerTrigger","name":"t","schedule":"%NOWHERE%"}]}"#;
    let long = r#"{"bindings":[{"type":"timerTrigger","name":"t","schedule":"* * * * * * *"}]}"#;
    let folder = AppFolder::with(&[
        ("host.json", HOST_JSON),
        ("good/function.json", &queue("msg")),
        ("off/function.json", &queue("msg")),
        ("9lives/function.json", &queue("msg")),
        ("host/function.json", &queue("msg")),
        ("dashed/function.json", &queue("my-msg")),
        ("two/function.json", two),
        ("same/function.json", same),
        ("setting/function.json", unknown),
        ("long/function.json", long),
        ("none/function.json", r#"{"bindings":[]}"#),
        ("broken/function.json", "{"),
        ("deep/inside/function.json", &queue("msg")),
    ]);
    let settings = [("AzureWebJobs.off.Disabled".to_owned(), "true".to_owned())].into();
    let app = App::read(&folder, &settings).unwrap();
    assert_eq!(app.functions.keys().collect::<Vec<_>>(), ["good"]);
    let bad: Vec<_> = app
        .problems
        .iter()
        .map(|problem| problem.split(':').next().unwrap())
        .collect();
    assert_eq!(
        bad,
        [
            "9lives", "broken", "dashed", "host", "long", "none", "same", "setting", "two"
        ]
    );
    assert_eq!(app.queues.batch_size, 4);
    assert_eq!(app.queues.new_batch_threshold, 2);
    assert_eq!(app.function_timeout, Some(Duration::from_secs(300)));
    assert_eq!(app.initialization_timeout, Duration::from_secs(30));
    let timer = function("tick");
    let schedule = "0 0 * * * *".to_owned();
    assert_eq!(timer.trigger, Trigger::Timer { schedule });
}

#[tokio::test]
async fn an_envelope_arrives_as_the_host_sends_it() {
    let (host, requests) = scripted(|_| ok()).await;
    let run = host.timer("tick", TimerCall::default()).await;
    assert!(run.outcome.succeeded(), "{run:?}");
    let seen = requests.lock().unwrap().remove(0);
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/tick")
    );
    assert_eq!(seen.headers["transfer-encoding"], "chunked");
    assert!(!seen.headers.contains_key("content-length"));
    assert_eq!(
        seen.headers["content-type"],
        "application/json; charset=utf-8"
    );
    assert_eq!(seen.headers["x-azure-functions-invocationid"], run.id);
    assert!(
        seen.headers["traceparent"]
            .to_str()
            .unwrap()
            .contains(&run.trace_id)
    );
    let envelope = seen.json();
    assert_eq!(envelope["Data"]["tick"]["IsPastDue"], false);
    assert!(envelope["Data"]["tick"]["ScheduleStatus"]["Next"].is_string());
    assert_eq!(envelope["Metadata"]["sys"]["MethodName"], "tick");
    assert_eq!(envelope["Metadata"]["RetryContext"]["MaxRetryCount"], 2);

    host.timer("tick", TimerCall::with(ScheduleStatus::Null))
        .await;
    let seen = requests.lock().unwrap().remove(0);
    assert_eq!(seen.json()["Data"]["tick"]["ScheduleStatus"], Value::Null);
}

#[tokio::test]
async fn a_message_is_wrapped_once_more_and_leaks_into_the_metadata() {
    let (host, requests) = scripted(|_| ok()).await;
    let next = || requests.lock().unwrap().remove(0).json();
    host.queue("work", "hello").await;
    let envelope = next();
    assert_eq!(envelope["Data"]["message"], "\"hello\"");
    assert_eq!(envelope["Metadata"]["DequeueCount"], "1");

    let text =
        r#"{"id":7,"budget":"b","sys":{"x":1},"on":true,"list":[1],"myTrigger":1,"none":null}"#;
    host.queue("work", text).await;
    let envelope = next();
    assert_eq!(envelope["Data"]["message"], json!(text).to_string());
    let metadata = &envelope["Metadata"];
    assert_eq!(metadata["Id"], "\"7\"");
    assert_eq!(metadata["budget"], "\"b\"");
    assert_eq!(metadata["on"], "\"True\"");
    assert_eq!(metadata["sys"], json!({ "x": 1 }));
    assert_eq!(metadata["none"], "null");
    for absent in ["id", "list", "myTrigger"] {
        assert!(metadata.get(absent).is_none(), "{absent}");
    }

    host.queue("work", QueueCall::from(text).shaped(MessageShape::Once))
        .await;
    assert_eq!(next()["Data"]["message"], text);
    host.queue("work", QueueCall::from(text).shaped(MessageShape::Raw))
        .await;
    assert_eq!(next()["Data"]["message"]["budget"], "b");
}

#[tokio::test]
async fn a_request_arrives_with_its_parts() {
    let (host, requests) = scripted(|_| ok()).await;
    let next = || requests.lock().unwrap().remove(0);
    let call = HttpCall::new(
        "post",
        &format!("/api/budgets/b-7?a=1&a=2&code={FUNCTION_KEY}"),
    )
    .header("Content-Type", "application/json")
    .header("Accept", "a")
    .header("Accept", "b")
    .body(r#"{"limit":100}"#);
    let answer = host.http_call(call.clone()).await;
    assert_eq!(
        (answer.reply.status, answer.reply.body.as_str()),
        (200, "{}")
    );
    let seen = next();
    assert_eq!(seen.path, "/budget");
    let envelope = seen.json();
    let request = &envelope["Data"]["req"];
    assert_eq!(request["Method"], "POST");
    assert_eq!(request["Params"], json!({ "id": "b-7" }));
    assert_eq!(request["Query"]["a"], "1,2");
    assert_eq!(request["Headers"]["Accept"], json!(["a", "b"]));
    assert_eq!(request["Body"], r#"{"limit":100}"#);
    assert!(request["Identities"][0]["Claims"].is_array());
    assert_eq!(envelope["Metadata"]["limit"], "\"100\"");
    assert_eq!(envelope["Metadata"]["id"], "\"b-7\"");

    let shape = HttpShape {
        query_is_text: true,
        without_identities: true,
        without_params: true,
        without_metadata: true,
        chunked: true,
        ..HttpShape::default()
    };
    host.http_call(call.clone().shaped(shape)).await;
    let envelope = next().json();
    let request = &envelope["Data"]["req"];
    assert!(request["Query"].as_str().unwrap().contains("\"a\":\"1,2\""));
    for absent in ["Params", "Identities", "Body"] {
        assert!(request.get(absent).is_none(), "{absent}");
    }
    assert_eq!(envelope["Metadata"], json!({}));

    let mut binary = call;
    binary.headers[0].1 = "application/octet-stream".to_owned();
    binary.body = vec![0, 255];
    host.http_call(binary).await;
    assert_eq!(next().json()["Data"]["req"]["Body"], "AP8=");
}

#[tokio::test]
async fn the_host_itself_turns_away_unknown_paths_and_keys() {
    let (host, requests) = scripted(|_| ok()).await;
    let key = ("x-functions-key", FUNCTION_KEY);
    for (method, path, headers, status) in [
        ("GET", "/api/budgets", vec![key], 200),
        (
            "GET",
            "/api/BUDGETS/b-7",
            vec![("X-Functions-Key", FUNCTION_KEY)],
            200,
        ),
        ("GET", "/api/open", vec![], 200),
        ("GET", "/api/budgets", vec![], 401),
        ("GET", "/api/budgets?code=wrong", vec![], 401),
        ("DELETE", "/api/budgets", vec![key], 404),
        ("GET", "/budgets", vec![key], 404),
        ("POST", "/tick", vec![key], 404),
        ("GET", "/api/budgets/a/b", vec![key], 404),
    ] {
        requests.lock().unwrap().clear();
        let answer = host.http(method, path, &headers, b"").await;
        assert_eq!(answer.reply.status, status, "{method} {path}");
        assert_eq!(requests.lock().unwrap().len(), usize::from(status == 200));
    }
}

#[tokio::test]
async fn redirects_are_followed_and_failures_are_told_to_the_caller() {
    let (host, _) = scripted(|seen| match seen.path.as_str() {
        "/tick" => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        "/elsewhere" => ok(),
        "/work" => (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, "/nowhere")],
        )
            .into_response(),
        "/open" => (StatusCode::INTERNAL_SERVER_ERROR, "{}").into_response(),
        "/budget" => StatusCode::NO_CONTENT.into_response(),
        other => panic!("{other}"),
    })
    .await;
    let run = host.timer("tick", TimerCall::default()).await;
    assert!(run.outcome.succeeded(), "{run:?}");
    let run = host.queue("work", "x").await;
    assert!(matches!(run.outcome, Outcome::Failed(_)), "{run:?}");
    let answer = host.http("GET", "/api/open", &[], b"").await;
    assert_eq!(answer.reply.status, 500);
    let key = [("x-functions-key", FUNCTION_KEY)];
    let answer = host.http("GET", "/api/budgets", &key, b"").await;
    assert_eq!(answer.invocation.unwrap().outcome, Outcome::Hung);
}

/// Becomes a handler when this test executable is started as one.
#[tokio::test]
async fn the_handler_process() {
    let Ok(port) = env::var("FUNCTIONS_CUSTOMHANDLER_PORT") else {
        return;
    };
    async fn work(body: Bytes) -> Response {
        let envelope: Value = serde_json::from_slice(&body).unwrap();
        let message: String =
            serde_json::from_str(envelope["Data"]["message"].as_str().unwrap()).unwrap();
        println!("told {message}");
        match message.split_once(' ') {
            Some(("exit", code)) => {
                eprintln!("one\ntwo\nthree\nlast words");
                std::process::exit(code.parse().unwrap())
            }
            Some(("sleep", seconds)) => {
                tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await;
            }
            _ => {}
        }
        ok()
    }
    if let Ok(code) = env::var("EXIT_AT_ONCE") {
        eprintln!("cannot start");
        std::process::exit(code.parse().unwrap());
    }
    let router = Router::new()
        .route("/", get(|| async { "ready" }))
        .route("/work", post(work))
        .route("/tick", post(|| async { ok() }));
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    axum::serve(listener, router).await.unwrap();
}

/// A folder whose handler is this test executable.
fn running_folder() -> AppFolder {
    let folder = folder();
    folder.install("handler", &env::current_exe().unwrap());
    folder
}

#[tokio::test]
async fn a_handler_is_started_killed_and_started_again() {
    let host = FakeHost::start(running_folder(), settings()).await;
    let first = host.port().await;
    assert!(host.queue("work", "hello").await.outcome.succeeded());
    assert!(!host.line("told hello").await.unwrap().is_error);

    let exit = host.kill().await;
    assert_eq!((exit.code, exit.signal), (None, Some(9)));
    let run = host.queue("work", "hello").await;
    assert!(matches!(run.outcome, Outcome::Failed(_)), "{run:?}");
    host.restart().await;
    assert_ne!(host.port().await, first);
    assert!(host.queue("work", "hello").await.outcome.succeeded());
    assert_eq!(host.terminate().await.unwrap().signal, Some(15));
    assert_eq!(host.exits().await, []);
}

#[tokio::test]
async fn exit_codes_decide_about_a_restart() {
    let host = FakeHost::start(running_folder(), settings()).await;
    // An asked restart is no error.
    for _ in 0..3 {
        let run = host.queue("work", "exit 200").await;
        assert!(matches!(run.outcome, Outcome::Failed(_)), "{run:?}");
        assert!(
            host.timer("tick", TimerCall::default())
                .await
                .outcome
                .succeeded()
        );
    }
    // Three errors are too many.
    for left in [2, 1, 0] {
        host.queue("work", "exit 7").await;
        assert_eq!(host.is_stopped().await, left == 0);
    }
    let exits = host.exits().await;
    assert_eq!(exits.len(), 6);
    assert_eq!(exits[5].code, Some(7));
    assert_eq!(exits[5].last_errors, ["two", "three", "last words"]);

    // Zero looks like the end, and nobody starts it again.
    let host = FakeHost::start(running_folder(), settings()).await;
    host.queue("work", "exit 0").await;
    let run = host.timer("tick", TimerCall::default()).await;
    assert!(matches!(run.outcome, Outcome::Failed(_)), "{run:?}");
    assert!(!host.is_stopped().await);
}

#[tokio::test]
async fn a_handler_that_does_not_start_is_reported() {
    let settings = settings().with("EXIT_AT_ONCE", "3");
    let started = FakeHost::try_start(running_folder(), settings).await;
    let Err(StartError::Exited(exit)) = started else {
        panic!("{started:?}");
    };
    assert_eq!(exit.code, Some(3));
    assert_eq!(exit.last_errors, ["cannot start"]);
}

#[tokio::test]
async fn a_silent_invocation_costs_the_whole_handler() {
    let settings = settings().with_function_timeout(Duration::from_millis(500));
    let host = FakeHost::start(running_folder(), settings).await;
    let pid = host.pid().await;
    let (slow, bystander) = tokio::join!(host.queue("work", "sleep 60"), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        host.queue("work", "sleep 50").await
    });
    assert_eq!(slow.outcome, Outcome::TimedOut);
    assert!(!bystander.outcome.succeeded(), "{bystander:?}");
    assert_ne!(host.pid().await, pid);
    assert!(
        host.timer("tick", TimerCall::default())
            .await
            .outcome
            .succeeded()
    );
}

#[tokio::test]
async fn messages_are_deleted_given_again_or_poison() {
    if !node::available("the queue listener on the storage emulator") {
        return;
    }
    let azurite = Azurite::start();
    let (host, requests) = scripted(|seen| {
        let message = seen.json()["Data"]["message"].as_str().unwrap().to_owned();
        match message.as_str() {
            "\"bad\"" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            "\"chain\"" => axum::Json(json!({ "Outputs": { "next": "test" } })).into_response(),
            _ => ok(),
        }
    })
    .await;
    let mut pump = host.pump(&azurite.queue_service_url(), PumpOptions::default());
    // Nothing is there, not even the queue.
    assert!(pump.settle(Duration::from_secs(10)).await);
    for text in ["good", "bad", "chain", "<&>"] {
        pump.send("work", text).await;
    }
    pump.send_raw("work", "not base64!").await;
    assert!(pump.settle(Duration::from_secs(20)).await);
    let counts: Vec<(String, String)> = requests
        .lock()
        .unwrap()
        .iter()
        .map(|seen| {
            let envelope = seen.json();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (
                text(&envelope["Data"]["message"]),
                text(&envelope["Metadata"]["DequeueCount"]),
            )
        })
        .collect();
    let of = |message: &str| -> Vec<&str> {
        let own = counts.iter().filter(|(text, _)| text == message);
        own.map(|(_, count)| count.as_str()).collect()
    };
    assert_eq!(of("\"good\""), ["1"]);
    assert_eq!(of("\"<&>\""), ["1"]);
    assert_eq!(of("\"bad\""), ["1", "2", "3"]);
    let mut poison = pump.peek("work-poison").await;
    poison.sort();
    assert_eq!(poison, ["YmFk", "not base64!"]);
    assert_eq!(pump.peek("work").await, Vec::<String>::new());
    // "test" was base64 to the host, and its bytes are encoded for the queue again.
    assert_eq!(pump.peek("next").await, ["test"]);
    assert_eq!(pump.invocations().len(), 6);
}
