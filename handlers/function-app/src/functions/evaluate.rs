//! HTTP: evaluate now.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/evaluate";
