//! The HTTP API around alerts: list, acknowledge, explain, silence, and what became of notices.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use spendwatch::jobs::alerts::acknowledge::{Refusal, acknowledge};
use spendwatch::jobs::alerts::explain::explain;
use spendwatch::jobs::alerts::find::{NotFound, Wanted};
use spendwatch::jobs::alerts::{self, Whose};
use spendwatch::jobs::{deliveries, silence};
use spendwatch::{DeliveryState, Live, Matcher, NewSilence, NotSilenced, SilenceEdit};

use super::{ApiError, problem};

/// The largest body that these functions take.
const MAX_BODY: usize = 64 * 1024;

type Answer = Result<Response, ApiError>;
type Asked<T> = Result<Query<T>, QueryRejection>;

/// What the query of `alerts` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    azure: bool,
}

/// Our alerts and, with `?azure=true`, what Azure has raised of its own: one request for each scope.
pub(super) async fn list(State(live): State<Arc<Live>>, query: Asked<ListQuery>) -> Answer {
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return Ok(misunderstood(&error)),
    };
    let whose = match query.azure {
        true => Whose::All,
        false => Whose::Ours,
    };
    let app = live.app().await?;
    let alerts = alerts::list(&app, &[], whose).await?;
    Ok(Json(alerts).into_response())
}

/// What the query of `explain` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainQuery {
    alert: String,
    budget: Option<String>,
    period: Option<String>,
}

/// What an alert rests on, worked out again.
pub(super) async fn explained(State(live): State<Arc<Live>>, query: Asked<ExplainQuery>) -> Answer {
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return Ok(misunderstood(&error)),
    };
    let wanted = Wanted {
        alert: query.alert,
        budget: query.budget,
        period: query.period,
    };
    let app = live.app().await?;
    match explain(&app, &wanted).await {
        Ok(explained) => Ok(Json(explained).into_response()),
        Err(why) => not_found(why),
    }
}

/// Who knows of which alert.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledge {
    alert: String,
    budget: Option<String>,
    period: Option<String>,
    by: String,
    note: Option<String>,
}

/// Acknowledges an alert in somebody's name.
pub(super) async fn acknowledged(State(live): State<Arc<Live>>, body: Body) -> Answer {
    let asked: Acknowledge = match read(body).await {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    let wanted = Wanted {
        alert: asked.alert,
        budget: asked.budget,
        period: asked.period,
    };
    let app = live.app().await?;
    match acknowledge(&app, &wanted, None, &asked.by, asked.note.as_deref()).await {
        Ok(acknowledged) => Ok(Json(acknowledged).into_response()),
        Err(Refusal::Store(error)) => Err(error.into()),
        Err(Refusal::NotFound(why)) => not_found(why),
        Err(refused @ Refusal::Text(..)) => {
            Ok(problem(StatusCode::BAD_REQUEST, &refused.to_string()))
        }
        Err(refused @ Refusal::NotAcknowledged(_)) => {
            Ok(problem(StatusCode::CONFLICT, &refused.to_string()))
        }
    }
}

/// All silences that are known.
pub(super) async fn silences(State(live): State<Arc<Live>>) -> Answer {
    let app = live.app().await?;
    let now = app.now();
    let silences = silence::list(&app).await.map_err(anyhow::Error::new)?;
    let silences: Vec<serde_json::Value> = silences
        .iter()
        .map(|one| {
            let mut value = serde_json::to_value(one)?;
            value["state"] = one.state(now).as_str().into();
            Ok(value)
        })
        .collect::<Result<_, serde_json::Error>>()?;
    Ok(Json(serde_json::json!({ "silences": silences })).into_response())
}

/// A silence to make or, with `id`, what to change about one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SilenceBody {
    id: Option<String>,
    matcher: Option<Matcher>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    reason: Option<String>,
    by: Option<String>,
}

/// Makes a silence, or changes the reason or end of one.
pub(super) async fn silenced(State(live): State<Arc<Live>>, body: Body) -> Answer {
    let asked: SilenceBody = match read(body).await {
        Ok(asked) => asked,
        Err(answer) => return Ok(answer),
    };
    let app = live.app().await?;
    let done = match asked {
        SilenceBody {
            id: Some(id),
            matcher: None,
            from: None,
            by: None,
            until,
            reason,
        } => {
            let edit = SilenceEdit { reason, until };
            silence::edit(&app, &id, &edit).await
        }
        SilenceBody {
            id: None,
            matcher: Some(matcher),
            from,
            until: Some(until),
            reason: Some(reason),
            by: Some(by),
        } => {
            let new = NewSilence {
                link: None,
                matcher,
                from,
                until,
                reason,
                by,
            };
            let warnings = silence::unknown(&app, &new.matcher);
            return match silence::create(&app, new).await {
                Ok(silence) => {
                    let mut answer = serde_json::to_value(silence).map_err(anyhow::Error::new)?;
                    answer["warnings"] = warnings.into();
                    Ok(Json(answer).into_response())
                }
                refused => silence_answer(refused),
            };
        }
        _ => {
            return Ok(problem(
                StatusCode::BAD_REQUEST,
                "a new silence has `matcher`, `until`, `reason` and `by`, and `from` if it begins \
                 later; a change has `id`, and `reason` or `until`",
            ));
        }
    };
    silence_answer(done)
}

/// Which silence ends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndQuery {
    id: String,
    by: String,
}

/// Ends a silence at once.
pub(super) async fn unsilenced(State(live): State<Arc<Live>>, query: Asked<EndQuery>) -> Answer {
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return Ok(misunderstood(&error)),
    };
    let app = live.app().await?;
    silence_answer(silence::end(&app, &query.id, &query.by).await)
}

fn silence_answer(done: Result<spendwatch::Silence, NotSilenced>) -> Answer {
    let status = match done {
        Ok(silence) => return Ok(Json(silence).into_response()),
        Err(NotSilenced::Store(error)) => return Err(error.into()),
        Err(NotSilenced::Unknown(_)) => StatusCode::NOT_FOUND,
        Err(NotSilenced::Over(_) | NotSilenced::TooMany) => StatusCode::CONFLICT,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    let message = done.err().map(|refused| refused.to_string());
    Ok(problem(status, &message.unwrap_or_default()))
}

/// What the query of `deliveries` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveriesQuery {
    destination: Option<String>,
    state: Option<String>,
    budget: Option<String>,
    since: Option<Timestamp>,
}

/// What became of notices, the newest first.
pub(super) async fn fates(State(live): State<Arc<Live>>, query: Asked<DeliveriesQuery>) -> Answer {
    let query = match query {
        Ok(Query(query)) => query,
        Err(error) => return Ok(misunderstood(&error)),
    };
    let words = DeliveryState::WORDS;
    if let Some(state) = query
        .state
        .as_deref()
        .filter(|state| !words.contains(state))
    {
        let known = words.join(", ");
        let message = format!("`{state}` is no state of a delivery; expected one of {known}");
        return Ok(problem(StatusCode::BAD_REQUEST, &message));
    }
    let filter = deliveries::Filter {
        destination: query.destination,
        state: query.state,
        budget: query.budget,
        since: query.since,
    };
    let app = live.app().await?;
    let fates = deliveries::list(&app, &filter).await?;
    Ok(Json(serde_json::json!({ "deliveries": fates })).into_response())
}

fn not_found(why: NotFound) -> Answer {
    let status = match &why {
        NotFound::Store(_) => return Err(anyhow::Error::new(why).into()),
        NotFound::Unknown(_) => StatusCode::NOT_FOUND,
        NotFound::Short | NotFound::Several { .. } => StatusCode::BAD_REQUEST,
    };
    Ok(problem(status, &why.to_string()))
}

fn misunderstood(error: &QueryRejection) -> Response {
    problem(StatusCode::BAD_REQUEST, &error.body_text())
}

/// Reads a body as JSON; the answer says what is wrong with it.
async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Response> {
    let Ok(bytes) = to_bytes(body, MAX_BODY).await else {
        let message = "the body is longer than 64 KB";
        return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, message));
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("the body is not what this path takes: {error}");
        problem(StatusCode::BAD_REQUEST, &message)
    })
}
