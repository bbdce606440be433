//! HTTP: what Azure has raised of its own, with our own alerts beside it.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/alerts";
