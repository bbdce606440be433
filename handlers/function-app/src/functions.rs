//! One module per function. Folder name = route = module name, with `_` for `-`.

pub(crate) mod acknowledge;
pub(crate) mod actions;
pub(crate) mod alerts;
pub(crate) mod answer;
pub(crate) mod apply;
pub(crate) mod approve_action;
pub(crate) mod check;
pub(crate) mod deliver_notices;
pub(crate) mod deliveries;
pub(crate) mod evaluate;
pub(crate) mod evaluate_budgets;
pub(crate) mod evaluate_scope;
pub(crate) mod explain;
pub(crate) mod export_arrived;
pub(crate) mod health;
pub(crate) mod native_alert;
pub(crate) mod plan;
pub(crate) mod silences;
pub(crate) mod status;
pub(crate) mod sweep;
pub(crate) mod sync_budgets;

use http::StatusCode;

use crate::envelope::{Invocation, queue_text};
use spendwatch::Hint;

/// The functions, as their folders are named.
pub const NAMES: [&str; 21] = [
    "acknowledge",
    "actions",
    "alerts",
    "answer",
    "apply",
    "approve-action",
    "check",
    "deliver-notices",
    "deliveries",
    "evaluate",
    "evaluate-budgets",
    "evaluate-scope",
    "explain",
    "export-arrived",
    "health",
    "native-alert",
    "plan",
    "silences",
    "status",
    "sweep",
    "sync-budgets",
];

/// A failed invocation. The host counts every answer other than 2xx as a failure and, for queues,
/// gives the message again until it is poison.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    /// The invocation makes no sense and never will: the host moves its message to the poison queue.
    pub(crate) fn not_ours(error: anyhow::Error) -> Self {
        Failure {
            status: StatusCode::BAD_REQUEST,
            error,
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: error.into(),
        }
    }
}

/// A hint that belongs to the other job's queue.
pub(crate) fn for_another_queue() -> Failure {
    Failure::not_ours(anyhow::anyhow!("the queue message is for another queue"))
}

/// The hint in a queue message.
pub(crate) fn hint(call: &Invocation) -> Result<Hint, Failure> {
    let value = call.data.get("message").ok_or_else(|| {
        Failure::not_ours(anyhow::anyhow!("the envelope has no binding `message`"))
    })?;
    serde_json::from_str(&queue_text(value)).map_err(|error| {
        Failure::not_ours(anyhow::Error::new(error).context("the queue message is not ours"))
    })
}
