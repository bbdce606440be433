//! The port: what every channel can do.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notice::{Message, Notice};
use crate::outcome::{Failure, SendResult, UnknownPolicy};

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

    /// Whether the place answers, found out without telling anybody anything: a connection, encrypted and
    /// signed in where that takes no request of its own, which is ended at once. `None` if only a notice
    /// would tell.
    async fn reach(&self, _now: Timestamp) -> Option<Result<(), Failure>> {
        None
    }

    /// What receivers check signatures with, if there are any that need no secret: `whpk_` and base64.
    fn public_keys(&self) -> Vec<String> {
        Vec::new()
    }

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
    /// Mail by Azure Communication Services.
    AcsEmail,
    /// A Microsoft Teams channel or chat, through a Workflows trigger.
    Teams,
    /// A Slack channel, through an incoming webhook.
    Slack,
    /// A Slack channel, through an app with a bot token: with threads.
    SlackBot,
    /// A Discord channel, through a webhook.
    Discord,
    /// A Google Chat space, through a webhook.
    GoogleChat,
    /// A Mattermost channel, through an incoming webhook.
    Mattermost,
    /// A PagerDuty service.
    #[serde(rename = "pagerduty")]
    PagerDuty,
    /// Alerts of Jira Service Management.
    Jira,
    /// A program that takes Standard Webhooks.
    Webhook,
    /// A custom topic of Azure Event Grid.
    EventGrid,
    /// A queue of Azure Storage.
    StorageQueue,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 13] = [
        Kind::Email,
        Kind::AcsEmail,
        Kind::Teams,
        Kind::Slack,
        Kind::SlackBot,
        Kind::Discord,
        Kind::GoogleChat,
        Kind::Mattermost,
        Kind::PagerDuty,
        Kind::Jira,
        Kind::Webhook,
        Kind::EventGrid,
        Kind::StorageQueue,
    ];

    /// The word used in configuration and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Email => "email",
            Kind::AcsEmail => "acs-email",
            Kind::Teams => "teams",
            Kind::Slack => "slack",
            Kind::SlackBot => "slack-bot",
            Kind::Discord => "discord",
            Kind::GoogleChat => "google-chat",
            Kind::Mattermost => "mattermost",
            Kind::PagerDuty => "pagerduty",
            Kind::Jira => "jira",
            Kind::Webhook => "webhook",
            Kind::EventGrid => "event-grid",
            Kind::StorageQueue => "storage-queue",
        }
    }

    /// Whether each recipient gets a delivery of their own.
    pub fn has_recipients(self) -> bool {
        matches!(self, Kind::Email | Kind::AcsEmail)
    }

    /// Whether notices of one thread are kept together by what the first of them was called
    /// ([`Attempt::earlier`]).
    pub fn remembers_threads(self) -> bool {
        self == Kind::SlackBot
    }

    /// Whether notices of actions belong there. Where somebody is woken for every alert, only what is
    /// wrong until further notice does, and tests; not what is done about it.
    pub fn takes_actions(self) -> bool {
        !matches!(self, Kind::PagerDuty | Kind::Jira)
    }

    /// Whether such a message belongs there.
    pub fn takes(self, message: &Message) -> bool {
        let is_summary = matches!(
            message,
            Message::Action { .. } | Message::Bundle { .. } | Message::Digest(_)
        );
        self.takes_actions() || !is_summary
    }

    /// Whether programs read what is sent there: they are told in English, whoever is at the other end.
    pub fn is_for_programs(self) -> bool {
        matches!(self, Kind::Webhook | Kind::EventGrid | Kind::StorageQueue)
    }

    /// Whether the place shows the state of alerts, so that it is told of changes which are no news
    /// to people: that somebody knows of one, that its period is over.
    pub fn shows_state(self) -> bool {
        self == Kind::SlackBot || !self.is_for_people()
    }

    /// Whether people read what arrives there. The other places keep books of alerts, so each change
    /// goes there on its own and at once.
    pub fn is_for_people(self) -> bool {
        match self {
            Kind::Email
            | Kind::AcsEmail
            | Kind::Teams
            | Kind::Slack
            | Kind::SlackBot
            | Kind::Discord
            | Kind::GoogleChat
            | Kind::Mattermost => true,
            Kind::PagerDuty | Kind::Jira | Kind::Webhook | Kind::EventGrid | Kind::StorageQueue => {
                false
            }
        }
    }

    /// What to do when nobody knows whether a notice arrived.
    pub fn unknown_policy(self) -> UnknownPolicy {
        match self {
            Kind::Email
            | Kind::Teams
            | Kind::Slack
            | Kind::SlackBot
            | Kind::Discord
            | Kind::GoogleChat
            | Kind::Mattermost => UnknownPolicy::ONCE_MARKED,
            Kind::PagerDuty | Kind::Jira => UnknownPolicy::KEYED,
            Kind::AcsEmail | Kind::Webhook | Kind::EventGrid | Kind::StorageQueue => {
                UnknownPolicy::IDEMPOTENT
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which try this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it is made.
    pub at: Timestamp,
    /// What the destination called the first notice of the same [`Notice::thread`], as its
    /// [`SendResult::Delivered`] said. Only kinds that [remember threads](Kind::remembers_threads)
    /// use it.
    #[serde(default)]
    pub earlier: Option<String>,
}

impl Attempt {
    /// The first try, now being `at`.
    pub fn first(at: Timestamp) -> Self {
        Attempt {
            number: 1,
            at,
            earlier: None,
        }
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
    /// The kind of place takes no such messages; see [`Kind::takes`].
    #[error("the destination takes no such notices")]
    NotTaken,
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
    /// A signing secret is neither `whsec_` and base64 of 24 to 64 bytes, nor `whsk_` and base64 of
    /// an ed25519 key.
    #[error(
        "signing secret {number} must be whsec_ followed by base64 of 24 to 64 bytes, or whsk_ \
         followed by base64 of an ed25519 key: 32 bytes, or 64 with the public key"
    )]
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
    /// A key, token or id cannot be one.
    #[error("the {what} must be {right}")]
    Key {
        /// Which one: `routing key`.
        what: &'static str,
        /// What would be right: `32 letters and digits`.
        right: &'static str,
    },
    /// The host is none of the service that tokens of our own identity are meant for.
    #[error(
        "tokens of our identity are sent by https only, and only to hosts that end in {}",
        .suffixes.join(" or ")
    )]
    ForeignHost {
        /// What the host's name must end in.
        suffixes: &'static [&'static str],
    },
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client,
}
