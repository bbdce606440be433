//! HTTP: the pages on which the reader of a notice answers it.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/answer";
