//! The links in notices by which people answer.

use std::time::Duration;

use super::Secret;

/// How the links in notices are signed, and where they lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// Key that links are signed with; at least 32 characters.
    pub key: Secret,
    /// Address of the functions, ending in `/api` as a rule; the function app's own if `None`.
    pub url: Option<url::Url>,
    /// How long a link is good for.
    pub valid: Duration,
}
