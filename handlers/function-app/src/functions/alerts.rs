//! HTTP: our alerts and, if asked for, what Azure has raised of its own.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/alerts";
