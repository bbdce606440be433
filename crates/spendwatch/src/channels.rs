//! From the configuration of a channel to the channel.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alert_channels::Channel;
use alert_channels::acs_email::AcsEmail;
use alert_channels::discord::Discord;
use alert_channels::email::{self, Email, Login, Subject, Templates};
use alert_channels::event_grid::EventGrid;
use alert_channels::folder::Folder;
use alert_channels::google_chat::GoogleChat;
use alert_channels::http::{Access, Http};
use alert_channels::jira::Jira;
use alert_channels::mattermost::Mattermost;
use alert_channels::pagerduty::PagerDuty;
use alert_channels::slack::Slack;
use alert_channels::slack_bot::SlackBot;
use alert_channels::storage_queue::StorageQueue;
use alert_channels::teams::Teams;
use alert_channels::tokens::{NoToken, TokenSource};
use alert_channels::webhook::Webhook;
use async_trait::async_trait;
use secrecy::SecretString;
use url::Url;

use crate::bearer::Bearer;
use crate::config::{self, ChannelKind};
use crate::environment::Environment;

/// Makes a channel with the secrets that its configuration refers to.
pub(crate) fn open(
    channel: &config::Channel,
    environment: &Environment,
    deadline: Duration,
) -> anyhow::Result<Arc<dyn Channel>> {
    // All that are missing at once, not one after the other.
    let missing: Vec<String> = secrets(&channel.kind)
        .into_iter()
        .filter_map(|secret| environment.secret(secret).err())
        .map(|error| format!("{error:#}"))
        .collect();
    anyhow::ensure!(missing.is_empty(), "{}", missing.join("; "));
    let builder = Builder {
        access: access(channel),
        deadline,
        secret: &|secret| environment.secret(secret),
        tokens: &|auth, service| Ok(Arc::new(Bearer::open(auth, service, environment)?)),
    };
    builder.build(&channel.kind)
}

/// The references of a channel.
fn secrets(kind: &ChannelKind) -> Vec<&config::Secret> {
    match kind {
        ChannelKind::Email(email) => email.username.iter().chain(&email.password).collect(),
        ChannelKind::Teams { url }
        | ChannelKind::Slack { url }
        | ChannelKind::Discord { url }
        | ChannelKind::GoogleChat { url }
        | ChannelKind::Mattermost { url } => vec![url],
        ChannelKind::SlackBot { token, .. } => vec![token],
        ChannelKind::PagerDuty { routing_key, .. } => vec![routing_key],
        ChannelKind::Jira { api_key, .. } => vec![api_key],
        ChannelKind::Webhook { url, signing } => std::iter::once(url).chain(signing).collect(),
        ChannelKind::EventGrid { key, .. } => key.iter().collect(),
        ChannelKind::AcsEmail(_) | ChannelKind::StorageQueue { .. } => Vec::new(),
    }
}

/// Makes a channel that writes what it would send to a folder. Secrets are not looked up, and nobody
/// signs in: stand-ins take their places, and nothing of them is part of a payload.
pub(crate) fn to_folder(
    channel: &config::Channel,
    folder: &Path,
) -> anyhow::Result<Arc<dyn Channel>> {
    let builder = Builder {
        access: access(channel),
        deadline: Duration::from_secs(1),
        secret: &|secret| Ok(stand_in(&channel.kind, secret).to_owned().into()),
        tokens: &|_, _| Ok(Arc::new(NoTokens)),
    };
    let real = builder.build(&channel.kind)?;
    Ok(Arc::new(Folder::new(real, folder)))
}

/// The templates of a mail channel. What is wrong with them stops no mail.
fn templates(mailing: &config::Mailing) -> Option<Templates> {
    let (templates, problems) = Templates::load(mailing.templates.as_deref()?);
    for problem in problems {
        tracing::warn!(problem = %problem, "a template cannot be used, and the built-in text is sent instead");
    }
    Some(templates)
}

/// A text that has the form of a channel's secret.
fn stand_in(kind: &ChannelKind, secret: &config::Secret) -> &'static str {
    match kind {
        // 24 bytes of base64, the shortest secret that Standard Webhooks allow.
        ChannelKind::Webhook { signing, .. } if signing.contains(secret) => {
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        }
        ChannelKind::PagerDuty { .. } => "00000000000000000000000000000000",
        ChannelKind::SlackBot { .. } => "xoxb-0",
        _ => "https://destination.invalid/",
    }
}

/// For channels that send nothing.
struct NoTokens;

#[async_trait]
impl TokenSource for NoTokens {
    async fn token(&self, _: &str) -> Result<SecretString, NoToken> {
        Err(NoToken("nothing is sent".to_owned()))
    }
}

fn access(channel: &config::Channel) -> Access {
    if channel.allow_networks.is_empty() {
        Access::public()
    } else {
        Access::private(channel.allow_networks.iter().copied())
    }
}

/// Gives tokens by the way to sign in and the service that they are for.
type SignIn<'a> = dyn Fn(&str, &Url) -> anyhow::Result<Arc<dyn TokenSource>> + 'a;

/// What channels are made from.
struct Builder<'a> {
    access: Access,
    deadline: Duration,
    secret: &'a dyn Fn(&config::Secret) -> anyhow::Result<SecretString>,
    tokens: &'a SignIn<'a>,
}

impl Builder<'_> {
    fn build(&self, kind: &ChannelKind) -> anyhow::Result<Arc<dyn Channel>> {
        let http = || {
            let deadline = self.deadline.min(Duration::from_secs(30));
            Http::new().map(|http| http.with_deadline(deadline))
        };
        let access = || self.access.clone();
        let (secret, tokens) = (self.secret, self.tokens);
        Ok(match kind {
            ChannelKind::Email(email) => Arc::new(self.mail(email)?),
            ChannelKind::AcsEmail(email) => {
                let mail = AcsEmail::new(
                    &http()?,
                    email.endpoint.as_str(),
                    access(),
                    tokens(&email.auth, &email.endpoint)?,
                    &email.mailing.from,
                    None,
                    Subject::default(),
                )?;
                Arc::new(mail.with_templates(templates(&email.mailing)))
            }
            ChannelKind::Teams { url } => Arc::new(Teams::new(&http()?, &secret(url)?, access())?),
            ChannelKind::Slack { url } => Arc::new(Slack::new(&http()?, &secret(url)?, access())?),
            ChannelKind::SlackBot {
                url,
                token,
                channel,
            } => {
                let (url, token) = (url.as_str(), secret(token)?);
                Arc::new(SlackBot::new(&http()?, url, access(), &token, channel)?)
            }
            ChannelKind::Discord { url } => {
                Arc::new(Discord::new(&http()?, &secret(url)?, access())?)
            }
            ChannelKind::GoogleChat { url } => {
                Arc::new(GoogleChat::new(&http()?, &secret(url)?, access())?)
            }
            ChannelKind::Mattermost { url } => {
                Arc::new(Mattermost::new(&http()?, &secret(url)?, access())?)
            }
            ChannelKind::PagerDuty { url, routing_key } => {
                let (url, key) = (url.as_str(), secret(routing_key)?);
                Arc::new(PagerDuty::new(&http()?, url, access(), &key)?)
            }
            ChannelKind::Jira { url, api_key } => {
                let (url, key) = (url.as_str(), secret(api_key)?);
                Arc::new(Jira::new(&http()?, url, access(), &key)?)
            }
            ChannelKind::Webhook { url, signing } => {
                let keys = signing.iter().map(secret);
                let keys = keys.collect::<anyhow::Result<Vec<_>>>()?;
                Arc::new(Webhook::new(&http()?, &secret(url)?, access(), &keys)?)
            }
            ChannelKind::EventGrid {
                topic,
                key: Some(key),
                source,
                ..
            } => {
                let (topic, key) = (topic.as_str(), secret(key)?);
                let made = EventGrid::with_key(&http()?, topic, access(), &key, source);
                Arc::new(made?)
            }
            ChannelKind::EventGrid {
                topic,
                key: None,
                auth,
                source,
            } => {
                let tokens = tokens(auth, topic)?;
                let topic = topic.as_str();
                let made = EventGrid::with_tokens(&http()?, topic, access(), tokens, source);
                Arc::new(made?)
            }
            ChannelKind::StorageQueue {
                queue,
                auth,
                source,
            } => {
                let tokens = tokens(auth, queue)?;
                let queue = queue.as_str();
                Arc::new(StorageQueue::new(
                    &http()?,
                    queue,
                    access(),
                    tokens,
                    source,
                )?)
            }
        })
    }

    fn mail(&self, email: &config::Email) -> anyhow::Result<Email> {
        let login = match (&email.username, &email.password) {
            (Some(username), Some(password)) => Some(Login {
                username: (self.secret)(username)?,
                password: (self.secret)(password)?,
            }),
            (None, None) => None,
            _ => anyhow::bail!("`username` and `password` belong together"),
        };
        let mut settings = email::Config::new(email.smtp.clone(), &email.mailing.from);
        settings.login = login;
        settings.ca_file = email.ca_file.clone();
        settings.templates = templates(&email.mailing);
        // The channel knows how far it came, so its own deadline has to be the first to pass.
        let deadline = self.deadline.mul_f64(0.9);
        settings.timeouts.whole = settings.timeouts.whole.min(deadline);
        settings.timeouts.end_of_data = settings.timeouts.end_of_data.min(deadline);
        Ok(Email::new(settings)?)
    }
}
