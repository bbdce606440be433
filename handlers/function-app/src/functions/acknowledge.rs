//! HTTP: somebody knows of an alert.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/acknowledge";
