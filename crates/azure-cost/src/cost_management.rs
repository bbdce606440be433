//! Microsoft.CostManagement: queries, forecasts, reports, exports, budgets and alerts.

pub(crate) mod alerts;
pub(crate) mod budgets;
pub(crate) mod cost_details;
pub(crate) mod definition;
pub(crate) mod dimensions;
pub(crate) mod export;
pub(crate) mod exports;
pub(crate) mod forecast;
pub(crate) mod prepared;
pub(crate) mod query;
pub(crate) mod scheduled_actions;
pub(crate) mod views;

use budget_engine::{Scope, ScopeKind};
use url::Url;

use crate::client::{Client, part, scope_path};
use crate::consumption::path_without_profile;
use crate::error::Error;

/// The query parameter of the newest stable version of all its operations.
pub(crate) const API_VERSION: &str = "api-version=2025-03-01";

impl Client {
    /// The URL of a named thing of Cost Management at a scope.
    pub(crate) fn named_url(
        &self,
        operation: &str,
        scope: &Scope,
        tail: &str,
        what: &str,
        name: &str,
    ) -> Result<Url, Error> {
        let path = scope_path(operation, scope)?;
        let name = part(operation, what, name)?;
        Ok(self.url(&path, &format!("{tail}/{name}"), API_VERSION))
    }
}

/// Of what something is, in words: of a scope or, without one, of the caller.
fn of(scope: Option<&Scope>) -> String {
    match scope {
        Some(scope) => format!("of {scope}"),
        None => "of one's own".to_owned(),
    }
}

/// The path of a scope that has to be of one of some kinds; without a scope, where the caller's own
/// things are.
fn prefix(operation: &str, scope: Option<&Scope>, kinds: &[ScopeKind]) -> Result<String, Error> {
    match scope {
        Some(scope) => path_without_profile(operation, scope, kinds),
        None => Ok(String::new()),
    }
}
