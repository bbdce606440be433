//! HTTP: what was done, and what is to be done, because budgets reached an amount.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/actions";
