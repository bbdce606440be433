//! Azure's cost APIs, served from a world.
//!
//! A request passes, in this order: the sandbox's own endpoints ([`control`], [`auth`]); the table
//! of operations ([`operation`]), one module per family, each with its `OPERATIONS`; the faults that are on
//! ([`faults`]); the token and the role; the version; and then the operation's handler, which
//! sees a [`operation::Call`] and knows nothing of all that.

mod access;
mod accounts;
mod alerts;
mod answer;
mod auth;
mod benefits;
mod billing_parts;
mod billing_periods;
mod budgets;
mod commerce;
mod control;
mod credits;
mod dataset;
mod dimensions;
mod documents;
mod downloads;
mod enterprise_reporting;
mod exports;
mod faults;
mod filter;
mod forecast;
mod invoices;
mod marketplaces;
mod operation;
mod paging;
mod price_sheets;
mod query;
mod quota;
mod reports;
mod request;
mod reservation_advice;
mod reservations;
mod retail;
mod rows;
mod scheduled_actions;
mod scope;
mod settings;
mod shapes;
mod standing;
mod state;
mod storage;
mod usage_details;
mod usage_rows;
mod views;
mod webhook;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use tokio::net::TcpListener;

pub use self::auth::{Denial, TENANT, token};
pub use self::faults::{Fault, Faults, Mishap, Wait};
pub use self::quota::Quota;
pub use self::standing::Standing;

pub(crate) use self::alerts::ActionGroup;
pub(crate) use self::answer::{Exact, Object};
pub(crate) use self::standing::{Put, Trial};

use self::answer::Handled;
use self::faults::{cut_off, delay};
use self::operation::{Call, Found, Operation};
use self::request::Request;
use self::state::Sandbox;
use crate::world::World;

/// All operations, by family.
const TABLES: &[&[Operation]] = &[
    access::OPERATIONS,
    alerts::OPERATIONS,
    benefits::OPERATIONS,
    budgets::OPERATIONS,
    dimensions::OPERATIONS,
    exports::OPERATIONS,
    forecast::OPERATIONS,
    query::OPERATIONS,
    reports::OPERATIONS,
    scheduled_actions::OPERATIONS,
    settings::OPERATIONS,
    views::OPERATIONS,
    accounts::OPERATIONS,
    billing_parts::OPERATIONS,
    billing_periods::OPERATIONS,
    commerce::OPERATIONS,
    downloads::OPERATIONS,
    enterprise_reporting::OPERATIONS,
    invoices::OPERATIONS,
    price_sheets::OPERATIONS,
    reservation_advice::OPERATIONS,
    reservations::OPERATIONS,
    retail::OPERATIONS,
    credits::OPERATIONS,
    marketplaces::OPERATIONS,
    usage_details::OPERATIONS,
];

/// Names of all operations, tokens and blobs too, each once and in order.
fn operation_names() -> BTreeSet<&'static str> {
    let others = ["Token_Get", "Blob_Get", "Blob_List"];
    let tables = TABLES.iter().copied().flatten();
    tables
        .map(|operation| operation.name)
        .chain(others)
        .collect()
}

/// How the stand-in answers.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rows on a page, at least 1; `$top` may ask for fewer.
    pub page_rows: usize,
    /// Refuse requests without a token of the sandbox ([`token`]).
    pub needs_token: bool,
    /// The secret that a managed identity sends as `X-IDENTITY-HEADER`.
    pub identity_secret: String,
    /// The key that Enterprise Reporting wants.
    pub enterprise_key: String,
    /// The secret of every service principal.
    pub client_secret: String,
    /// Rows in one file of a report or export, at least 1.
    pub blob_rows: usize,
    /// How long a report asks to wait between polls, in seconds.
    pub poll_seconds: u32,
    /// Where the caller lacks a role.
    pub denials: Vec<Denial>,
    /// Quotas of Cost Management; none are kept by default.
    pub quota: Option<Quota>,
    /// "Today": what is known of the world, and the current month of requests that name no days.
    pub today: Date,
    /// What goes wrong.
    pub faults: Faults,
    /// Budgets and other documents that are there from the start.
    pub standing: Standing,
}

impl Options {
    /// 1,000 rows on a page, a token needed, all roles, no quotas, no faults, no documents.
    pub fn new(today: Date) -> Options {
        Options {
            page_rows: 1000,
            needs_token: true,
            identity_secret: "sandbox-identity".to_owned(),
            enterprise_key: "sandbox-key".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
            blob_rows: 10_000,
            poll_seconds: 1,
            denials: Vec::new(),
            quota: None,
            today,
            faults: Faults::default(),
            standing: Standing::default(),
        }
    }
}

/// Serves a world until the task is dropped.
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// use azure_sandbox::{Options, example, serve};
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:7071").await?;
/// serve(listener, example::world(), Options::new(example::AS_OF)).await
/// # }
/// ```
pub async fn serve(listener: TcpListener, world: World, options: Options) -> io::Result<()> {
    axum::serve(listener, router(world, options)).await
}

/// The routes, for in-process calls.
pub fn router(world: World, options: Options) -> Router {
    let sandbox = Sandbox::new(world, options);
    sandbox.options.standing.set_up(&sandbox);
    // Scopes have many shapes, so the path is taken apart by hand.
    Router::new().fallback(answer).with_state(Arc::new(sandbox))
}

async fn answer(
    State(sandbox): State<Arc<Sandbox>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = Request::new(method, &uri, headers, body);
    let first = request.segments.first().map(|part| &**part);
    if first == Some("sandbox") {
        return respond(control::answer(&sandbox, &request).await);
    }
    if let Some(token) = auth::hand_out(&sandbox, &request) {
        return misbehave(&sandbox, "Token_Get", || token).await;
    }
    if let Some((name, container, blob)) = storage::find(&request) {
        let answer = || storage::answer(&sandbox, &request, container, &blob);
        return misbehave(&sandbox, name, answer).await;
    }
    let found = match operation::find(TABLES, &request) {
        Ok(found) => found,
        Err(refusal) => {
            sandbox.count("Unknown");
            return refusal.into_response();
        }
    };
    let name = found.operation.name;
    misbehave(&sandbox, name, || perform(&sandbox, &request, found)).await
}

/// Counts a request and answers it, or lets the faults do so.
async fn misbehave(
    sandbox: &Sandbox,
    operation: &str,
    answer: impl FnOnce() -> Handled,
) -> Response {
    sandbox.count(operation);
    let slow = sandbox
        .faults
        .take_all(operation, |what| matches!(what, Mishap::Slow { .. }));
    tokio::time::sleep(delay(&slow)).await;
    let replaces = |what: &Mishap| what.answer().is_some();
    if let Some(mishap) = sandbox.faults.take(operation, replaces)
        && let Some(response) = mishap.answer()
    {
        return response;
    }
    let response = respond(answer());
    let cuts = |what: &Mishap| *what == Mishap::CutOff;
    if response.status().is_success() && sandbox.faults.take(operation, cuts).is_some() {
        return cut_off(response).await;
    }
    response
}

fn respond(handled: Handled) -> Response {
    match handled {
        Ok(answer) => answer.into_response(),
        Err(refusal) if refusal.status == axum::http::StatusCode::UNAUTHORIZED => {
            auth::unauthorized(refusal)
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn perform(sandbox: &Sandbox, request: &Request, found: Found) -> Handled {
    let operation = found.operation;
    let call = Call::new(sandbox, request, found);
    let handled = if sandbox.options.needs_token && operation.signed_in {
        auth::check_token(request)
    } else {
        Ok(())
    };
    let handled = handled.and_then(|()| auth::check_role(&call));
    let handled = handled.and_then(|()| operation.run(&call));
    handled.map_err(|mut refusal| {
        refusal.bare = operation.bare_errors;
        refusal
    })
}

#[cfg(test)]
mod tests;
