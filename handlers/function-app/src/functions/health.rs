//! HTTP: whether the watcher itself is well.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/health";
