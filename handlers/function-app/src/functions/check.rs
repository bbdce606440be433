//! HTTP: whether the deployment has what it needs.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/check";
