//! The page on which an action is approved.
//!
//! Opening it changes nothing: mail scanners open links. Its button posts to the same address, and
//! that approves, once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use spendwatch::jobs::act::{self, NotApproved};
use spendwatch::{ActionRecord, ActionState, Live, action_words};

use crate::api::ApiError;
use crate::link::{LinkQuery, incomplete, permission};
use crate::page::Page;

/// Shows what will happen.
pub(crate) async fn show(
    State(live): State<Arc<Live>>,
    link: LinkQuery,
) -> Result<Response, ApiError> {
    let Some(permission) = permission(link) else {
        return Ok(incomplete());
    };
    let app = live.app().await?;
    match act::open_link(&app, &permission).await {
        Ok(record) => Ok(shown(&record)),
        Err(refused) => answer(refused),
    }
}

/// Approves.
pub(crate) async fn approve(
    State(live): State<Arc<Live>>,
    link: LinkQuery,
) -> Result<Response, ApiError> {
    let Some(permission) = permission(link) else {
        return Ok(incomplete());
    };
    let app = live.app().await?;
    match act::approve_by_link(&app, &permission).await {
        Ok(record) => {
            let text = format!("{} is approved and will be done now.", record.action);
            Ok(Page::new("Approved")
                .paragraph(&text)
                .answer(StatusCode::OK))
        }
        Err(refused) => answer(refused),
    }
}

fn answer(refused: NotApproved) -> Result<Response, ApiError> {
    let (status, title) = match &refused {
        // What a link is for is told only to whoever has it.
        NotApproved::BadLink(_) | NotApproved::NoLinks | NotApproved::Missing => {
            (StatusCode::FORBIDDEN, "Not valid")
        }
        NotApproved::NotWaiting(_) => (StatusCode::CONFLICT, "Nothing to approve"),
        NotApproved::Store(_) => return Err(anyhow::Error::new(refused).into()),
    };
    let text = match &refused {
        NotApproved::BadLink(why) => why.to_string(),
        NotApproved::NotWaiting(_) => refused.to_string(),
        _ => "this link is not valid".to_owned(),
    };
    tracing::warn!(why = refused.to_string(), "an action was not approved");
    Ok(Page::new(title).paragraph(&text).answer(status))
}

fn shown(record: &ActionRecord) -> Response {
    let does = format!(
        "{} will {}.",
        record.action,
        action_words::task(&record.task)
    );
    let targets = record.targets.iter();
    let targets: Vec<String> = targets
        .map(|one| action_words::target(&record.task, one))
        .collect();
    let undo = match record.undo {
        true => format!(
            "On {} it is undone, where everything is still as it was left.",
            record.cause.period.end()
        ),
        false => "It is not undone by itself.".to_owned(),
    };
    let page = |title| {
        Page::new(title)
            .paragraph(&does)
            .paragraph(&action_words::cause(record))
            .list(&targets)
            .paragraph(&undo)
    };
    match &record.state {
        ActionState::AwaitingApproval { until } => page("Approve this action?")
            .paragraph(&format!("It can be approved until {until}."))
            .form(&[], "Approve")
            .answer(StatusCode::OK),
        state => page("Nothing to approve")
            .paragraph(&format!("It waits for nobody: it is {}.", state.as_str()))
            .answer(StatusCode::OK),
    }
}
