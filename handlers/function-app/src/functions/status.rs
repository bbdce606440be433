//! HTTP: where the budgets stand, as of the last evaluation.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/status";
