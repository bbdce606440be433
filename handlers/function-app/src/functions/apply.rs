//! HTTP: make Azure's own budgets as configured, if the configuration allows it from here.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/apply";
