//! HTTP: what has to be done so that Azure's own budgets are as configured.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/plan";
