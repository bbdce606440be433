//! `[channel.*]`: destinations with their settings.

use std::path::PathBuf;

use alert_channels::{Kind, Language};
use url::Url;

use super::Secret;

/// A configured destination.
#[derive(Debug, Clone)]
pub struct Channel {
    /// What kind of place, with its settings.
    pub kind: ChannelKind,
    /// Networks besides the public internet that it may be in (self-hosted chat).
    pub allow_networks: Vec<ipnet::IpNet>,
    /// The language of its notices; English where programs read them.
    pub language: Language,
}

/// The kinds of channel.
#[derive(Debug, Clone)]
pub enum ChannelKind {
    /// Mail by SMTP.
    Email(Email),
    /// Mail by Azure Communication Services.
    AcsEmail(AcsEmail),
    /// A Microsoft Teams Workflows webhook.
    Teams {
        /// Its URL, which is a secret.
        url: Secret,
    },
    /// A Slack incoming webhook.
    Slack {
        /// Its URL, which is a secret.
        url: Secret,
    },
    /// A Slack app with a bot token.
    SlackBot {
        /// Slack's Web API.
        url: Url,
        /// The bot token.
        token: Secret,
        /// Id of the channel.
        channel: String,
    },
    /// A Discord webhook.
    Discord {
        /// Its URL, which is a secret.
        url: Secret,
    },
    /// The webhook of a Google Chat space.
    GoogleChat {
        /// Its URL, which is a secret.
        url: Secret,
    },
    /// A Mattermost incoming webhook.
    Mattermost {
        /// Its URL, which is a secret.
        url: Secret,
    },
    /// A PagerDuty service.
    PagerDuty {
        /// Where events go.
        url: Url,
        /// Integration key of the service.
        routing_key: Secret,
    },
    /// Alerts of Jira Service Management.
    Jira {
        /// Where alerts are created.
        url: Url,
        /// Key of an API integration.
        api_key: Secret,
    },
    /// A webhook signed per Standard Webhooks.
    Webhook {
        /// Its URL.
        url: Secret,
        /// Signing secrets, newest first; more than one while a key is being rotated.
        signing: Vec<Secret>,
    },
    /// A custom topic of Azure Event Grid.
    EventGrid {
        /// Endpoint of the topic.
        topic: Url,
        /// One of the topic's keys; tokens of the identity of `auth` if there is none.
        key: Option<Secret>,
        /// How to sign in, as of a source; never `none`.
        auth: String,
        /// What events name as their source.
        source: String,
    },
    /// A queue of Azure Storage.
    StorageQueue {
        /// URL of the queue.
        queue: Url,
        /// How to sign in, as of a source; never `none`.
        auth: String,
        /// What events name as their source.
        source: String,
    },
}

impl ChannelKind {
    /// Which kind of place this is.
    pub fn kind(&self) -> Kind {
        match self {
            ChannelKind::Email(_) => Kind::Email,
            ChannelKind::AcsEmail(_) => Kind::AcsEmail,
            ChannelKind::Teams { .. } => Kind::Teams,
            ChannelKind::Slack { .. } => Kind::Slack,
            ChannelKind::SlackBot { .. } => Kind::SlackBot,
            ChannelKind::Discord { .. } => Kind::Discord,
            ChannelKind::GoogleChat { .. } => Kind::GoogleChat,
            ChannelKind::Mattermost { .. } => Kind::Mattermost,
            ChannelKind::PagerDuty { .. } => Kind::PagerDuty,
            ChannelKind::Jira { .. } => Kind::Jira,
            ChannelKind::Webhook { .. } => Kind::Webhook,
            ChannelKind::EventGrid { .. } => Kind::EventGrid,
            ChannelKind::StorageQueue { .. } => Kind::StorageQueue,
        }
    }

    /// Whom it mails, if it is mail: exactly the kinds that have recipients.
    pub fn mailing(&self) -> Option<&Mailing> {
        match self {
            ChannelKind::Email(email) => Some(&email.mailing),
            ChannelKind::AcsEmail(email) => Some(&email.mailing),
            _ => None,
        }
    }
}

/// From whom mail comes and whom it reaches, however it leaves.
#[derive(Debug, Clone)]
pub struct Mailing {
    /// Sender, `Name <address>`.
    pub from: String,
    /// Recipients when the channel itself is named in `notify`.
    pub to: Vec<String>,
    /// Domains that an owner tag may name; the sender's own if empty.
    pub owner_domains: Vec<String>,
    /// Folder of templates to use instead of the built-in text.
    pub templates: Option<PathBuf>,
}

/// Mail by SMTP.
#[derive(Debug, Clone)]
pub struct Email {
    /// `smtp://host:587` (STARTTLS required) or `smtps://host:465` (TLS from the start).
    pub smtp: alert_channels::email::Server,
    /// From whom and to whom.
    pub mailing: Mailing,
    /// Account of the relay.
    pub username: Option<Secret>,
    /// Its password.
    pub password: Option<Secret>,
    /// Certificates to trust besides the system's, in PEM.
    pub ca_file: Option<PathBuf>,
}

/// Mail by Azure Communication Services.
#[derive(Debug, Clone)]
pub struct AcsEmail {
    /// Endpoint of the resource.
    pub endpoint: Url,
    /// How to sign in, as of a source; never `none`.
    pub auth: String,
    /// From whom and to whom.
    pub mailing: Mailing,
}
