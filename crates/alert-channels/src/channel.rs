//! The port: what every channel can do.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notice::Notice;
use crate::outcome::{SendResult, UnknownPolicy};

/// A way to reach somebody, configured for one destination.
#[async_trait]
pub trait Channel: Send + Sync {
    /// Which kind of place this is.
    fn kind(&self) -> Kind;

    /// The payload of a notice: the same bytes for the same notice, always.
    ///
    /// An error means that the notice cannot be addressed, never that it could not be laid out.
    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError>;

    /// Sends a notice once and says what became of it. Bounded in time by the channel itself.
    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult;

    /// What to do after [`SendResult::Unknown`].
    fn unknown_policy(&self) -> UnknownPolicy {
        self.kind().unknown_policy()
    }
}

/// Kinds of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Mail over SMTP.
    Email,
    /// A Microsoft Teams channel or chat, through a Workflows trigger.
    Teams,
    /// A Slack channel, through an incoming webhook.
    Slack,
    /// A program that takes Standard Webhooks.
    Webhook,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 4] = [Kind::Email, Kind::Teams, Kind::Slack, Kind::Webhook];

    /// The word used in configuration and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Email => "email",
            Kind::Teams => "teams",
            Kind::Slack => "slack",
            Kind::Webhook => "webhook",
        }
    }

    /// Whether each recipient gets a delivery of their own.
    pub fn has_recipients(self) -> bool {
        self == Kind::Email
    }

    /// Whether the place shows the state of alerts, so that it is told of changes which are no news
    /// to people: that somebody knows of one, that its period is over.
    pub fn shows_state(self) -> bool {
        self == Kind::Webhook
    }

    /// What to do when nobody knows whether a notice arrived.
    pub fn unknown_policy(self) -> UnknownPolicy {
        match self {
            Kind::Email | Kind::Teams | Kind::Slack => UnknownPolicy::ONCE_MARKED,
            Kind::Webhook => UnknownPolicy::IDEMPOTENT,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which try this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it is made.
    pub at: Timestamp,
}

impl Attempt {
    /// The first try, now being `at`.
    pub fn first(at: Timestamp) -> Self {
        Attempt { number: 1, at }
    }
}

/// The payload of a notice, ready to be sent, stored or looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// MIME type.
    pub content_type: &'static str,
    /// Ending of a file that holds it, without the point: `eml` or `json`.
    pub extension: &'static str,
    /// The payload.
    pub bytes: Vec<u8>,
}

/// Why a notice has no payload on a channel. Says nothing of what was given: addresses are personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// Mail needs a recipient.
    #[error("the notice names no recipient")]
    NoRecipient,
    /// The recipient is no mail address.
    #[error("the recipient is not a mail address")]
    BadRecipient,
}

/// Why a channel cannot be configured like this. Never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The URL, its scheme, host or port is refused.
    #[error("the address of the destination is refused")]
    Refused(#[from] crate::guard::Refused),
    /// The text is no URL.
    #[error("the address of the destination is not a URL")]
    NotAUrl,
    /// The mail server is not written as `smtp://host:587` or `smtps://host:465`.
    #[error("the mail server must be written as smtp://host:587 or smtps://host:465: {0}")]
    MailServer(&'static str),
    /// The sender is no mail address.
    #[error("`{0}` must be a mail address such as `Cost alerts <cost@contoso.example>`")]
    MailAddress(&'static str),
    /// A signing secret is not `whsec_` and base64 of 24 to 64 bytes.
    #[error("signing secret {number} must be whsec_ followed by base64 of 24 to 64 bytes")]
    SigningSecret {
        /// Which one, from 1.
        number: usize,
    },
    /// The certificates cannot be used.
    #[error("the certificates cannot be used: {0}")]
    Certificates(String),
    /// An old Teams connector, which Microsoft has turned off.
    #[error(
        "this is an Office 365 connector, which Microsoft has turned off: create a Workflows \
         trigger in Teams and use its URL"
    )]
    RetiredConnector,
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client,
}
