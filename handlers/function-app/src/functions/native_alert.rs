//! HTTP: one of Azure's own budgets has told.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/native-alert";
