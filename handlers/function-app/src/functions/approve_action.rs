//! HTTP: look at an action by its link, and approve it. Anonymous: the link is what permits it.

/// The route of [`crate::api`] that answers.
pub(crate) const PATH: &str = "/api/approve-action";
