//! Microsoft.Consumption: usage, budgets, prices, reservations and credits, as rows.

pub(crate) mod balances;
pub(crate) mod budgets;
pub(crate) mod marketplaces;
pub(crate) mod usage_details;

use budget_engine::{Scope, ScopeKind};

use crate::client::scope_path;
use crate::error::Error;

/// The query parameter of the newest stable version of all its operations.
pub(crate) const API_VERSION: &str = "api-version=2024-08-01";

/// The path of a scope for usage details and marketplaces, which name departments and enrollment
/// accounts without the billing account in front.
pub(crate) fn short_path(operation: &str, scope: &Scope) -> Result<String, Error> {
    let path = scope_path(operation, scope)?;
    Ok(match scope.kind() {
        ScopeKind::Department => format!("/providers/Microsoft.Billing/departments/{}", scope.id()),
        ScopeKind::EnrollmentAccount => format!(
            "/providers/Microsoft.Billing/enrollmentAccounts/{}",
            scope.id()
        ),
        _ => path,
    })
}
