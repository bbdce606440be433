//! From the configuration of a channel to the channel.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alert_channels::Channel;
use alert_channels::email::{self, Email, Login, Templates};
use alert_channels::folder::Folder;
use alert_channels::http::{Access, Http};
use alert_channels::slack::Slack;
use alert_channels::teams::Teams;
use alert_channels::webhook::Webhook;
use secrecy::SecretString;

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
    build(channel, deadline, &|secret| environment.secret(secret))
}

/// The references of a channel.
fn secrets(kind: &ChannelKind) -> Vec<&config::Secret> {
    match kind {
        ChannelKind::Email(email) => email.username.iter().chain(&email.password).collect(),
        ChannelKind::Teams { url } | ChannelKind::Slack { url } => vec![url],
        ChannelKind::Webhook { url, signing } => std::iter::once(url).chain(signing).collect(),
    }
}

/// Makes a channel that writes what it would send to a folder. Secrets are not looked up: stand-ins
/// take their places, and nothing of them is part of a payload.
pub(crate) fn to_folder(
    channel: &config::Channel,
    folder: &Path,
) -> anyhow::Result<Arc<dyn Channel>> {
    let stand_in = |secret: &config::Secret| -> anyhow::Result<SecretString> {
        let is_signing = matches!(&channel.kind, ChannelKind::Webhook { signing, .. } if signing.contains(secret));
        // 24 bytes of base64, the shortest secret that Standard Webhooks allow.
        let key = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        Ok(if is_signing {
            key
        } else {
            "https://destination.invalid/"
        }
        .to_owned()
        .into())
    };
    let real = build(channel, Duration::from_secs(1), &stand_in)?;
    Ok(Arc::new(Folder::new(real, folder)))
}

fn build(
    channel: &config::Channel,
    deadline: Duration,
    secret: &dyn Fn(&config::Secret) -> anyhow::Result<SecretString>,
) -> anyhow::Result<Arc<dyn Channel>> {
    let access = if channel.allow_networks.is_empty() {
        Access::public()
    } else {
        Access::private(channel.allow_networks.iter().copied())
    };
    let http = || Http::new().map(|http| http.with_deadline(deadline.min(Duration::from_secs(30))));
    Ok(match &channel.kind {
        ChannelKind::Email(email) => Arc::new(mail(email, deadline, secret)?),
        ChannelKind::Teams { url } => Arc::new(Teams::new(&http()?, &secret(url)?, access)?),
        ChannelKind::Slack { url } => Arc::new(Slack::new(&http()?, &secret(url)?, access)?),
        ChannelKind::Webhook { url, signing } => {
            let keys = signing
                .iter()
                .map(secret)
                .collect::<anyhow::Result<Vec<_>>>()?;
            Arc::new(Webhook::new(&http()?, &secret(url)?, access, &keys)?)
        }
    })
}

fn mail(
    email: &config::Email,
    deadline: Duration,
    secret: &dyn Fn(&config::Secret) -> anyhow::Result<SecretString>,
) -> anyhow::Result<Email> {
    let login = match (&email.username, &email.password) {
        (Some(username), Some(password)) => Some(Login {
            username: secret(username)?,
            password: secret(password)?,
        }),
        (None, None) => None,
        _ => anyhow::bail!("`username` and `password` belong together"),
    };
    let mut settings = email::Config::new(email.smtp.clone(), &email.from);
    settings.login = login;
    settings.ca_file = email.ca_file.clone();
    settings.templates = email.templates.as_deref().map(|folder| {
        let (templates, problems) = Templates::load(folder);
        for problem in problems {
            tracing::warn!(problem = %problem, "a template cannot be used; the built-in text is sent instead");
        }
        templates
    });
    settings.timeouts.whole = settings.timeouts.whole.min(deadline);
    settings.timeouts.end_of_data = settings.timeouts.end_of_data.min(deadline);
    Ok(Email::new(settings)?)
}
