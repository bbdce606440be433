//! The envelope routes: `POST /<function>` as the host calls them, `GET /` for its probe.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use tracing::field::Empty;

use crate::api;
use crate::envelope::{HttpCall, Invocation, Reply};
use crate::functions::{
    self, Failure, deliver_notices, evaluate_budgets, evaluate_scope, export_arrived, sweep,
    sync_budgets,
};
use spendwatch::{Environment, Live, measures};
use telemetry::Telemetry;

/// The setting with which an installation overrides `functionTimeout` of `host.json`.
const TIMEOUT_SETTING: &str = "AzureFunctionsJobHost__functionTimeout";
/// `functionTimeout` in `host.json`.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Our own time limit: nine tenths of the host's, because the host kills the whole process for one
/// invocation that is over it.
fn deadline(environment: &Environment) -> Duration {
    let overridden = environment.get(TIMEOUT_SETTING).and_then(|text| {
        let mut parts = text.splitn(3, ':').map(|part| part.parse::<u32>().ok());
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
        Some(Duration::from_secs(
            u64::from(hours) * 3600 + u64::from(minutes) * 60 + u64::from(seconds),
        ))
    });
    overridden
        .filter(|timeout| !timeout.is_zero())
        .unwrap_or(TIMEOUT)
        * 9
        / 10
}

/// The largest envelope. Hints are tiny and the API takes small bodies.
const MAX_ENVELOPE: usize = 4 * 1024 * 1024;
/// As much as the host itself lets through.
const MAX_DISCARDED: usize = 128 * 1024 * 1024;
/// The largest body of our own API's answers.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// What an invocation needs.
#[derive(Clone)]
struct Rig {
    live: Arc<Live>,
    telemetry: Telemetry,
    deadline: Duration,
}

/// The router that the Functions host talks to. Each invocation is a span, part of the host's trace, and
/// what was recorded is sent before it is answered: afterwards the process may be frozen or killed.
pub fn router(live: Arc<Live>, telemetry: Telemetry) -> Router {
    let deadline = deadline(live.environment());
    let rig = Rig {
        live,
        telemetry,
        deadline,
    };
    let mut router = Router::new().route(
        "/",
        get(|| async { Json(serde_json::json!({ "ready": true })) }),
    );
    for name in functions::NAMES {
        let invoke = move |State(rig): State<Rig>, request: Request| invoke(rig, name, request);
        router = router.route(&format!("/{name}"), post(invoke));
    }
    router
        .fallback(|| async { failed(StatusCode::NOT_FOUND, "there is no such function") })
        .method_not_allowed_fallback(|| async {
            failed(
                StatusCode::METHOD_NOT_ALLOWED,
                "functions are called by POST",
            )
        })
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(rig)
}

/// Runs the function of this name.
async fn run(
    name: &str,
    live: Arc<Live>,
    call: Invocation,
    waits_until: Instant,
) -> Result<Reply, Failure> {
    match name {
        "actions" => http(live, functions::actions::PATH, call).await,
        "approve-action" => http(live, functions::approve_action::PATH, call).await,
        "status" => http(live, functions::status::PATH, call).await,
        "acknowledge" => http(live, functions::acknowledge::PATH, call).await,
        "alerts" => http(live, functions::alerts::PATH, call).await,
        "answer" => http(live, functions::answer::PATH, call).await,
        "deliveries" => http(live, functions::deliveries::PATH, call).await,
        "explain" => http(live, functions::explain::PATH, call).await,
        "silences" => http(live, functions::silences::PATH, call).await,
        "check" => http(live, functions::check::PATH, call).await,
        "plan" => http(live, functions::plan::PATH, call).await,
        "apply" => http(live, functions::apply::PATH, call).await,
        "evaluate" => http(live, functions::evaluate::PATH, call).await,
        "health" => http(live, functions::health::PATH, call).await,
        "native-alert" => http(live, functions::native_alert::PATH, call).await,
        "evaluate-budgets" => evaluate_budgets::run(&*live.app().await?, call).await,
        "evaluate-scope" => evaluate_scope::run(&*live.app().await?, call, waits_until).await,
        "export-arrived" => export_arrived::run(&*live.app().await?, call).await,
        "deliver-notices" => deliver_notices::run(&*live.app().await?, call).await,
        "sweep" => sweep::run(&*live.app().await?, call).await,
        "sync-budgets" => sync_budgets::run(&*live.app().await?, call).await,
        _ => Err(Failure::not_ours(anyhow::anyhow!(
            "there is no function of this name"
        ))),
    }
}

/// An HTTP function: the envelope becomes an ordinary request, its answer an envelope.
async fn http(live: Arc<Live>, path: &'static str, call: Invocation) -> Result<Reply, Failure> {
    let value = call
        .data
        .get("req")
        .cloned()
        .unwrap_or_else(|| serde_json::json!({}));
    // The reader's own words would repeat what it read, which holds the caller's key.
    let call = HttpCall::read(&value)
        .map_err(|_| Failure::not_ours(anyhow::anyhow!("`req` is not what the host sends")))?;
    let response = api::router(live).oneshot(call.into_request(path)).await?;
    let status = response.status().as_u16();
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR {
        // A fault of ours is a failed invocation; answers to the caller's mistakes are not.
        return Err(Failure::from(anyhow::anyhow!(
            "the request failed; an earlier line says why"
        )));
    }
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in response.headers() {
        if let Ok(value) = value.to_str()
            && name != http::header::CONTENT_LENGTH
        {
            headers.insert(name.to_string(), value.to_owned());
        }
    }
    let body = to_bytes(response.into_body(), MAX_ANSWER).await?;
    Ok(Reply::http(
        status,
        headers,
        String::from_utf8_lossy(&body).into_owned(),
    ))
}

/// One invocation: read the envelope, run the function within our deadline, answer in the host's form.
async fn invoke(rig: Rig, name: &'static str, request: Request) -> Response {
    let Rig {
        live,
        telemetry,
        deadline,
    } = rig;
    let (parts, body) = request.into_parts();
    let span = tracing::info_span!(
        "invocation",
        function = name,
        invocation_id = header(&parts.headers, "x-azure-functions-invocationid"),
        trace_id = header(&parts.headers, "traceparent").and_then(|value| value.split('-').nth(1)),
        otel.name = name,
        otel.kind = "server",
        otel.status_code = Empty,
    );
    telemetry::join(&span, &parts.headers);
    let started = std::time::Instant::now();
    let answer = async move {
        let bytes = match read_envelope(body).await {
            Ok(bytes) => bytes,
            Err((status, message)) => {
                tracing::error!(message, "no envelope");
                return failed(status, message);
            }
        };
        let call: Invocation = match serde_json::from_slice(&bytes) {
            Ok(call) => call,
            Err(error) => {
                tracing::error!(error = %error, "the envelope is not what the host sends");
                return failed(StatusCode::BAD_REQUEST, "the envelope cannot be read");
            }
        };
        // After a wait there must be time for what was waited for.
        let waits_until = Instant::now() + deadline * 5 / 6;
        let outcome = tokio::time::timeout(deadline, run(name, live, call, waits_until)).await;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(Ok(reply)) => {
                tracing::info!(duration_ms, "invocation done");
                (StatusCode::OK, Json(reply)).into_response()
            }
            Ok(Err(failure)) => {
                tracing::error!(
                    duration_ms,
                    error = format!("{:#}", failure.error),
                    "invocation failed"
                );
                failed(failure.status, "the invocation failed; the log says why")
            }
            Err(_) => {
                tracing::error!(duration_ms, "invocation took too long");
                failed(StatusCode::GATEWAY_TIMEOUT, "the invocation took too long")
            }
        }
    }
    .instrument(span.clone())
    .await;
    let is_ok = answer.status().is_success();
    span.record("otel.status_code", if is_ok { "OK" } else { "ERROR" });
    measures::invocation(name, is_ok, started.elapsed());
    // A span is told when it ends.
    drop(span);
    telemetry.flush().await;
    answer
}

/// The whole body, up to our limit. What is beyond it is read and thrown away, because an answer in
/// the middle of a request would break the connection instead of arriving.
async fn read_envelope(body: Body) -> Result<Vec<u8>, (StatusCode, &'static str)> {
    let mut bytes = Vec::new();
    let mut total = 0;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| (StatusCode::BAD_REQUEST, "the envelope was cut off"))?;
        total += chunk.len();
        if total > MAX_DISCARDED {
            break;
        }
        if total <= MAX_ENVELOPE {
            bytes.extend_from_slice(&chunk);
        }
    }
    if total > MAX_ENVELOPE {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, "the envelope is too large"));
    }
    Ok(bytes)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn failed(status: StatusCode, message: &str) -> Response {
    (
        status,
        Json(serde_json::json!({ "error": { "message": message } })),
    )
        .into_response()
}

/// The panic hook has logged it; the invocation fails and the process stays.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    failed(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the invocation failed; the log says why",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_follows_the_hosts_time_limit() {
        for (setting, seconds) in [
            (None, 270),
            (Some("00:10:00"), 540),
            (Some("00:00:10"), 9),
            (Some("01:00:00"), 3240),
            (Some("-1"), 270),
            (Some("soon"), 270),
        ] {
            let variables = setting.map(|value| (TIMEOUT_SETTING.to_owned(), value.to_owned()));
            let environment: Environment = variables.into_iter().collect();
            assert_eq!(
                deadline(&environment),
                Duration::from_secs(seconds),
                "{setting:?}"
            );
        }
    }
}
