//! HTTP: list, make, change and end silences.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/silences";
