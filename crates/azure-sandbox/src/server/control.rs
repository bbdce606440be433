//! The sandbox's own endpoints under `/sandbox`: faults, counts of requests, the clock, and
//! the daily evaluation of budgets with the webhooks it calls.

use axum::http::{Method, StatusCode};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;

use super::alerts;
use super::answer::{Answer, Handled, Refusal};
use super::faults::Faults;
use super::request::Request;
use super::state::Sandbox;
use super::webhook;

/// A body of `PUT /sandbox/today`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Today {
    today: Date,
}

/// Answers a request below `/sandbox`.
pub(super) async fn answer(sandbox: &Sandbox, request: &Request) -> Handled {
    let rest = request.segments.iter().skip(1);
    let rest: Vec<&str> = rest.map(|part| &**part).collect();
    let done = || Ok(Answer::empty(StatusCode::NO_CONTENT));
    match (&request.method, &rest[..]) {
        (&Method::GET, ["faults"]) => Ok(Answer::json(&sandbox.faults.left())),
        (&Method::PUT, ["faults"]) => {
            sandbox.faults.replace(request.json()?);
            done()
        }
        (&Method::DELETE, ["faults"]) => {
            sandbox.faults.replace(Faults::default());
            done()
        }
        (&Method::GET, ["operations"]) => Ok(Answer::json(&super::operation_names())),
        (&Method::GET, ["requests"]) => {
            let operations = sandbox.counts();
            let total: u64 = operations.values().sum();
            Ok(Answer::json(
                &json!({"total": total, "operations": operations}),
            ))
        }
        (&Method::DELETE, ["requests"]) => {
            sandbox.forget_counts();
            done()
        }
        (&Method::GET, ["today"]) => Ok(Answer::json(&json!({"today": sandbox.today()}))),
        (&Method::PUT, ["today"]) => {
            sandbox.set_today(request.json::<Today>()?.today);
            done()
        }
        (&Method::PUT, ["action-groups"]) => {
            sandbox.documents.alerts.set_groups(request.json()?)?;
            done()
        }
        (&Method::POST, ["evaluate"]) => {
            let (raised, posts) = alerts::evaluate(sandbox)?;
            let mut answers = Vec::new();
            for post in &posts {
                answers.push(match webhook::send(post).await {
                    Ok(status) => json!(status.as_u16()),
                    Err(problem) => json!(problem),
                });
            }
            Ok(Answer::json(&json!({"raised": raised, "posts": answers})))
        }
        _ => {
            let message = format!("{} {} is no control.", request.method, request.path);
            Err(Refusal::not_found("NotFound", message))
        }
    }
}
