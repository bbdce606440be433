//! The HTTP API: ordinary routes under `/api`, the same behind the Functions host and in
//! `spendwatch serve`.

mod alerts;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use spendwatch::jobs::act;
use spendwatch::jobs::deployment;
use spendwatch::jobs::evaluate::BudgetReport;
use spendwatch::jobs::native_alert::{self, Refused};
use spendwatch::jobs::twin::{self, TwinFinding};
use spendwatch::jobs::watch;
use spendwatch::jobs::work::enqueue_reads;
use spendwatch::{Denied, Live, Refusal, jobs};

use crate::{answer, approval};

/// The routes.
pub fn router(live: Arc<Live>) -> Router {
    Router::new()
        .route("/api/status", get(status))
        .route("/api/alerts", get(alerts::list))
        .route("/api/acknowledge", post(alerts::acknowledged))
        .route("/api/answer", get(answer::show).post(answer::act))
        .route("/api/deliveries", get(alerts::fates))
        .route("/api/explain", get(alerts::explained))
        .route(
            "/api/silences",
            get(alerts::silences)
                .post(alerts::silenced)
                .delete(alerts::unsilenced),
        )
        .route("/api/plan", get(plan))
        .route("/api/apply", post(apply))
        .route("/api/evaluate", post(evaluate))
        .route("/api/health", get(health))
        .route("/api/check", get(check))
        .route("/api/actions", get(actions))
        .route(
            "/api/approve-action",
            get(approval::show).post(approval::approve),
        )
        .route("/api/native-alert", post(receive_alert))
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .with_state(live)
}

/// An error answer. The cause goes to the log, not to the caller.
pub struct ApiError(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        ApiError(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        tracing::error!(error = format!("{:#}", self.0), "request failed");
        problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the request failed; the log says why",
        )
    }
}

fn problem(status: StatusCode, message: &str) -> Response {
    (
        status,
        Json(serde_json::json!({ "error": { "message": message } })),
    )
        .into_response()
}

async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "there is no such path")
}

async fn wrong_method() -> Response {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path has another method",
    )
}

/// Where the budgets stand, as of the last evaluation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusAnswer {
    last_evaluation: Option<Timestamp>,
    evaluation_is_late: bool,
    waiting_deliveries: Vec<String>,
    /// How Azure's own budgets were at the last look; absent before the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    azure_budgets: Option<jobs::sync::Drift>,
    budgets: Vec<BudgetReport>,
    /// A configuration that is there and is not used, because it has mistakes or cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_configuration: Option<Refusal>,
    /// In what Azure's own budgets disagree with ours.
    twin_findings: Vec<TwinFinding>,
}

async fn status(State(live): State<Arc<Live>>) -> Result<Response, ApiError> {
    let app = live.app().await?;
    let pulse = app.pulse().await?;
    let answer = StatusAnswer {
        last_evaluation: pulse.last_evaluation,
        evaluation_is_late: pulse.is_late,
        waiting_deliveries: app.destinations_with_work().await?.into_iter().collect(),
        azure_budgets: jobs::sync::last_drift(&app).await?,
        budgets: app.last_reports().await?,
        refused_configuration: live.refused(),
        twin_findings: twin::last(&app).await?.findings,
    };
    Ok(Json(answer).into_response())
}

/// What was done, and what is to be done, the newest first, with the audit record of each.
async fn actions(State(live): State<Arc<Live>>) -> Result<Response, ApiError> {
    let app = live.app().await?;
    let answer = serde_json::json!({
        "problems": app.action_problems(),
        "actions": act::list(&app).await?,
    });
    Ok(Json(answer).into_response())
}

/// What has to be done so that Azure's own budgets are as configured. Nothing is written.
async fn plan(State(live): State<Arc<Live>>) -> Result<Response, ApiError> {
    let app = live.app().await?;
    let plan = jobs::plan::run(&app, &Default::default(), &|_, _| {}).await?;
    Ok(Json(plan).into_response())
}

/// Makes Azure's own budgets as configured, if the configuration lets the app do so.
async fn apply(State(live): State<Arc<Live>>) -> Result<Response, ApiError> {
    let app = live.app().await?;
    if !app.config().native.apply_from_app {
        return Ok(problem(
            StatusCode::FORBIDDEN,
            "the configuration does not let the app write Azure's budgets: set `apply_from_app = \
             true` in [native], or run `spendwatch apply`",
        ));
    }
    let synced = jobs::sync::run(&app).await?;
    Ok(Json(synced).into_response())
}

/// Asks for an evaluation now. It runs behind the answer, one queue message for each read.
async fn evaluate(State(live): State<Arc<Live>>) -> Result<Response, ApiError> {
    let app = live.app().await?;
    let queued = enqueue_reads(&app).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(serde_json::json!({ "queued": queued })),
    )
        .into_response())
}

/// Takes what an action group posts: stored first, then a hint to evaluate, then an answer at once.
///
/// An action group repeats after 408, 429, 503 and 504 only, and when its repetitions fail it calls
/// nobody for a quarter of an hour; so 503 is for a caller that cannot be told from others just now.
async fn receive_alert(
    State(live): State<Arc<Live>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let app = live.app().await?;
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    match app.admit_alert(authorization).await {
        Ok(()) => {}
        Err(Denied::Refused(why)) => {
            tracing::warn!(why, "a caller of native-alert is not let in");
            return Ok(problem(
                StatusCode::UNAUTHORIZED,
                "this path asks for a token of the configured tenant; the log says what is wrong",
            ));
        }
        Err(Denied::Unknown(error)) => {
            tracing::error!(
                error = format!("{error:#}"),
                "the token of a caller cannot be checked"
            );
            return Ok(problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "the token cannot be checked now",
            ));
        }
    }
    let Ok(body) = to_bytes(body, native_alert::LARGEST_BODY).await else {
        return Ok(problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is longer than 256 KB",
        ));
    };
    match native_alert::receive(&app, &body).await {
        Ok(received) => Ok((StatusCode::ACCEPTED, Json(received)).into_response()),
        Err(Refused::Unreadable(why)) => {
            tracing::warn!(why, "what was posted to native-alert is not understood");
            Ok(problem(StatusCode::BAD_REQUEST, &why))
        }
        Err(Refused::Failed(error)) => Err(error.into()),
    }
}

/// Whether the deployment has what it needs, a line for each thing.
async fn check(State(live): State<Arc<Live>>) -> Response {
    Json(serde_json::json!({ "lines": deployment::run(&live).await })).into_response()
}

/// Whether the watcher itself is well. Anonymous, so it tells no particulars.
async fn health(State(live): State<Arc<Live>>) -> Response {
    let (status, word) = match live.app().await {
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "the application cannot be opened"
            );
            (StatusCode::SERVICE_UNAVAILABLE, "misconfigured")
        }
        Ok(app) => match app.pulse().await {
            Err(error) if app.reads().is_err() => {
                tracing::error!(error = format!("{error:#}"), "budgets cannot be read");
                (StatusCode::SERVICE_UNAVAILABLE, "misconfigured")
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the store cannot be read");
                (StatusCode::SERVICE_UNAVAILABLE, "no-store")
            }
            Ok(pulse) if pulse.is_late => (StatusCode::SERVICE_UNAVAILABLE, "late"),
            Ok(pulse) if !pulse.unevaluated.is_empty() => {
                (StatusCode::SERVICE_UNAVAILABLE, "unevaluated")
            }
            Ok(_) if live.refused().is_some() => {
                (StatusCode::SERVICE_UNAVAILABLE, "configuration-refused")
            }
            Ok(_) => match watch::unreachable(&app).await {
                Ok(unreachable) if unreachable.is_empty() => (StatusCode::OK, "ok"),
                Ok(unreachable) => {
                    let destinations = unreachable.join(", ");
                    tracing::error!(destinations, "destinations are not reached");
                    (StatusCode::SERVICE_UNAVAILABLE, "undeliverable")
                }
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "the store cannot be read");
                    (StatusCode::SERVICE_UNAVAILABLE, "no-store")
                }
            },
        },
    };
    let answer = serde_json::json!({ "status": word, "version": build_info::VERSION });
    (status, Json(answer)).into_response()
}
