//! Documents that callers put and get back.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::http::StatusCode;
use serde_json::Value;

use super::alerts::Alerts;
use super::answer::Refusal;
use super::budgets::Budget;
use super::exports::Runs;
use super::reports::Reports;
use super::state::lock;
use super::storage::Storage;

/// All documents, by kind.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) budgets: Shelf<Budget>,
    pub(super) alerts: Alerts,
    pub(super) exports: Shelf<Value>,
    pub(super) runs: Runs,
    pub(super) views: Shelf<Value>,
    pub(super) scheduled_actions: Shelf<Value>,
    pub(super) settings: Shelf<Value>,
    pub(super) allocation_rules: Shelf<Value>,
    pub(super) reports: Reports,
    pub(super) storage: Storage,
}

/// Documents of one kind, by scope and name.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    documents: Mutex<BTreeMap<String, Stored<T>>>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Shelf<T> {
        Shelf {
            documents: Mutex::default(),
        }
    }
}

/// A document with its place and version.
#[derive(Debug, Clone)]
pub(super) struct Stored<T> {
    /// The scope's path, empty for what belongs to the caller.
    pub(super) scope: String,
    pub(super) name: String,
    /// How often it was written.
    pub(super) version: u64,
    pub(super) body: T,
}

impl<T> Stored<T> {
    /// The version as Azure writes it, with quotes that belong to it.
    pub(super) fn etag(&self) -> String {
        format!("\"1dc{:012x}\"", self.version * 0x9e37)
    }
}

impl<T: Clone> Shelf<T> {
    pub(super) fn get(&self, scope: &str, name: &str) -> Option<Stored<T>> {
        lock(&self.documents).get(&key(scope, name)).cloned()
    }

    /// Writes a document; true if it is new.
    pub(super) fn put(&self, scope: &str, name: &str, body: T) -> (bool, Stored<T>) {
        let mut documents = lock(&self.documents);
        let before = documents.get(&key(scope, name));
        let stored = Stored {
            scope: before.map_or_else(|| scope.to_owned(), |before| before.scope.clone()),
            name: before.map_or_else(|| name.to_owned(), |before| before.name.clone()),
            version: before.map_or(1, |before| before.version + 1),
            body,
        };
        let before = documents.insert(key(scope, name), stored.clone());
        (before.is_none(), stored)
    }

    /// Removes a document; true if there was one.
    pub(super) fn remove(&self, scope: &str, name: &str) -> bool {
        lock(&self.documents).remove(&key(scope, name)).is_some()
    }

    /// The documents of a scope, by name.
    pub(super) fn list(&self, scope: &str) -> Vec<Stored<T>> {
        let documents = lock(&self.documents);
        let own = documents.values();
        own.filter(|each| each.scope.eq_ignore_ascii_case(scope))
            .cloned()
            .collect()
    }

    /// The documents of all scopes.
    pub(super) fn all(&self) -> Vec<Stored<T>> {
        lock(&self.documents).values().cloned().collect()
    }
}

fn key(scope: &str, name: &str) -> String {
    format!("{scope}/{name}").to_lowercase()
}

/// 404 for a document that is not there.
pub(super) fn missing(what: &str, name: &str) -> Refusal {
    Refusal::not_found("NotFound", format!("The {what} '{name}' was not found."))
}

/// 201 for what is new, 200 for what was there.
pub(super) fn status_of(is_new: bool) -> StatusCode {
    if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    }
}

/// Refuses an update without the `eTag` of the document that it replaces, and a stale one.
pub(super) fn check_required_etag(
    body: &Value,
    before: Option<&Stored<Value>>,
) -> Result<(), Refusal> {
    let given = body.get("eTag").and_then(Value::as_str);
    match before {
        Some(before) if given != Some(&*before.etag()) => {
            let message = format!(
                "The eTag of '{}' is missing or stale; get the latest one and try again.",
                before.name
            );
            Err(Refusal::new(StatusCode::CONFLICT, "Conflict", message))
        }
        _ => Ok(()),
    }
}
