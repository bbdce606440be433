//! The sandbox's own endpoints under `/sandbox`: faults, counts of requests, and the clock.

use axum::http::{Method, StatusCode};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Handled, Refusal};
use super::faults::Faults;
use super::request::Request;
use super::state::Sandbox;

/// A body of `PUT /sandbox/today`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Today {
    today: Date,
}

/// Answers a request below `/sandbox`; `rest` is what follows in the path.
pub(super) fn answer(sandbox: &Sandbox, request: &Request, rest: &[String]) -> Handled {
    let rest: Vec<&str> = rest.iter().map(|part| &**part).collect();
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
        _ => {
            let message = format!("{} {} is no control.", request.method, request.path);
            Err(Refusal::not_found("NotFound", message))
        }
    }
}
