//! HTTP: what became of notices.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/deliveries";
