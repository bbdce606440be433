//! HTTP: what an alert rests on, worked out again.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/explain";
