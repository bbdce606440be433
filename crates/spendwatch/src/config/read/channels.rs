//! `[channel.*]` tables.

use std::net::IpAddr;
use std::path::Path;

use alert_channels::{Kind, cloud_event, jira, pagerduty, slack_bot};
use ipnet::IpNet;
use url::Url;

use super::sources::read_auth;
use crate::config::reader::{Table, Value};
use crate::config::{AcsEmail, Channel, ChannelKind, Email, Mailing, Secret};

pub(super) fn read_channel(table: Table<'_>, folder: &Path) -> Option<Channel> {
    let kind = table.require("kind", "kind = \"email\"")?;
    let networks = table.get("allow_networks");
    let allow_networks = networks.map(|list| {
        list.list()
            .iter()
            .filter_map(|value| read_network(value))
            .collect()
    });
    let word = kind.text()?;
    let Some(known) = Kind::ALL.into_iter().find(|known| known.as_str() == word) else {
        let words: Vec<&str> = Kind::ALL.iter().map(|known| known.as_str()).collect();
        kind.note(format!(
            "`{word}` is not a channel; expected one of {}",
            words.join(", ")
        ));
        return None;
    };
    // Programs are told in English.
    let language = (!known.is_for_programs()).then(|| table.get("language"));
    let language = language.flatten().and_then(|value| value.parse());
    let fields = Fields {
        table: &table,
        folder,
    };
    let kind = match known {
        Kind::Email => fields.email(),
        Kind::AcsEmail => fields.acs_email(),
        Kind::Teams => fields.hook("TEAMS").map(|url| ChannelKind::Teams { url }),
        Kind::Slack => fields.hook("SLACK").map(|url| ChannelKind::Slack { url }),
        Kind::Discord => fields
            .hook("DISCORD")
            .map(|url| ChannelKind::Discord { url }),
        Kind::GoogleChat => fields
            .hook("CHAT")
            .map(|url| ChannelKind::GoogleChat { url }),
        Kind::Mattermost => fields
            .hook("MATTERMOST")
            .map(|url| ChannelKind::Mattermost { url }),
        Kind::SlackBot => fields.slack_bot(),
        Kind::PagerDuty => fields.pagerduty(),
        Kind::Jira => fields.jira(),
        Kind::Webhook => fields.webhook(),
        Kind::EventGrid => fields.event_grid(),
        Kind::StorageQueue => fields.storage_queue(),
    };
    let kind = kind?;
    table.finish();
    Some(Channel {
        kind,
        allow_networks: allow_networks.unwrap_or_default(),
        language: language.unwrap_or_default(),
    })
}

/// The settings of one channel. Each kind asks for all of its keys before it gives up, so that all
/// that are missing are reported at once.
struct Fields<'t, 'a> {
    table: &'t Table<'a>,
    folder: &'t Path,
}

impl Fields<'_, '_> {
    fn email(&self) -> Option<ChannelKind> {
        let example = "smtp = \"smtp://relay.contoso.example:587\"";
        let smtp = self.table.require("smtp", example);
        let smtp = smtp.and_then(|value| value.parse());
        let mailing = self.mailing();
        let secret =
            |value: Option<Value<'_>>| value.and_then(|value| read_secret(&value, self.folder));
        let username = secret(self.table.get("username"));
        let password = secret(self.table.get("password"));
        let ca_file = self.table.get("ca_file");
        let ca_file = ca_file.and_then(|value| Some(self.folder.join(value.text()?)));
        Some(ChannelKind::Email(Email {
            smtp: smtp?,
            mailing: mailing?,
            username,
            password,
            ca_file,
        }))
    }

    fn acs_email(&self) -> Option<ChannelKind> {
        let example = "https://contoso.europe.communication.azure.com";
        let endpoint = self.required_url("endpoint", example);
        let auth = self.auth();
        let mailing = self.mailing();
        Some(ChannelKind::AcsEmail(AcsEmail {
            endpoint: endpoint?,
            auth,
            mailing: mailing?,
        }))
    }

    fn mailing(&self) -> Option<Mailing> {
        let from = self
            .table
            .require("from", "from = \"Cost alerts <cost@contoso.example>\"")
            .and_then(|value| read_mailbox(&value));
        let to = self.table.get("to");
        let to = to.map(|list| list.list().iter().filter_map(read_mailbox).collect());
        let owner_domains = self.table.get("owner_domains").map(|list| {
            list.list()
                .iter()
                .filter_map(|value| Some(value.text()?.to_lowercase()))
                .collect()
        });
        let templates = self.table.get("templates");
        let templates = templates.and_then(|value| Some(self.folder.join(value.text()?)));
        Some(Mailing {
            templates,
            from: from?,
            to: to.unwrap_or_default(),
            owner_domains: owner_domains.unwrap_or_default(),
        })
    }

    fn slack_bot(&self) -> Option<ChannelKind> {
        let token = self.secret("token", "token = { secret = \"SLACK_BOT_TOKEN\" }");
        let channel = self.table.require("channel", "channel = \"C0123ABCD\"");
        let channel = channel.and_then(|value| {
            let text = value.text()?;
            if slack_bot::is_channel_id(text) {
                return Some(text.to_owned());
            }
            value.note(format!(
                "`{text}` is not the id of a channel; expected for example C0123ABCD, which the \
                 channel's details show"
            ));
            None
        });
        let url = self.url("url", slack_bot::DEFAULT_URL);
        Some(ChannelKind::SlackBot {
            url: url?,
            token: token?,
            channel: channel?,
        })
    }

    fn pagerduty(&self) -> Option<ChannelKind> {
        let example = "routing_key = { secret = \"PAGERDUTY_ROUTING_KEY\" }";
        let routing_key = self.secret("routing_key", example);
        let url = self.url("url", pagerduty::DEFAULT_URL);
        Some(ChannelKind::PagerDuty {
            url: url?,
            routing_key: routing_key?,
        })
    }

    fn jira(&self) -> Option<ChannelKind> {
        let api_key = self.secret("api_key", "api_key = { secret = \"JSM_API_KEY\" }");
        let url = self.url("url", jira::DEFAULT_URL);
        Some(ChannelKind::Jira {
            url: url?,
            api_key: api_key?,
        })
    }

    fn webhook(&self) -> Option<ChannelKind> {
        let example = "signing = { secret = \"WEBHOOK_SIGNING_SECRET\" }";
        let signing = self.table.require("signing", example);
        let signing = signing.map(|value| read_secrets(&value, example, self.folder));
        let url = self.hook("COST");
        Some(ChannelKind::Webhook {
            url: url?,
            signing: signing?,
        })
    }

    fn event_grid(&self) -> Option<ChannelKind> {
        let example = "https://costs.westeurope-1.eventgrid.azure.net/api/events";
        let topic = self.required_url("topic", example);
        let key = self.table.get("key");
        let key = key.map(|value| read_secret(&value, self.folder));
        let auth = self.auth();
        let source = self.source();
        Some(ChannelKind::EventGrid {
            topic: topic?,
            // A key that cannot be read is a problem, and no reason to sign in otherwise.
            key: match key {
                None => None,
                Some(key) => Some(key?),
            },
            auth,
            source,
        })
    }

    fn storage_queue(&self) -> Option<ChannelKind> {
        let example = "https://contoso.queue.core.windows.net/costs";
        let queue = self.required_url("queue", example);
        if let Some(queue) = &queue
            && queue.path().trim_matches('/').is_empty()
        {
            self.table.note(format!(
                "`queue` names no queue; expected for example {example}"
            ));
        }
        let auth = self.auth();
        let source = self.source();
        Some(ChannelKind::StorageQueue {
            queue: queue?,
            auth,
            source,
        })
    }

    fn secret(&self, key: &'static str, example: &str) -> Option<Secret> {
        read_secret(&self.table.require(key, example)?, self.folder)
    }

    /// A URL that is the secret itself.
    fn hook(&self, example: &str) -> Option<Secret> {
        let example = format!("url = {{ secret = \"{example}_WEBHOOK_URL\" }}");
        self.secret("url", &example)
    }

    /// A URL that is no secret, with the one it has if it is left out.
    fn url(&self, key: &'static str, usual: &str) -> Option<Url> {
        match self.table.get(key) {
            Some(value) => read_plain_url(&value, usual),
            None => usual.parse().ok(),
        }
    }

    fn required_url(&self, key: &'static str, example: &str) -> Option<Url> {
        let value = self.table.require(key, &format!("{key} = \"{example}\""));
        read_plain_url(&value?, example)
    }

    /// How to get tokens.
    fn auth(&self) -> String {
        let word = self.table.get("auth").and_then(|value| {
            let word = read_auth(&value)?;
            if word == "none" {
                value.note("this channel needs a token, so `none` is no way to sign in");
            }
            Some(word)
        });
        word.unwrap_or("auto").to_owned()
    }

    /// What events name as their source.
    fn source(&self) -> String {
        let text = self.table.get("source").and_then(|value| {
            let text = value.text()?;
            if let Err(error) = cloud_event::check_source(text) {
                value.note(error.to_string());
            }
            Some(text)
        });
        text.unwrap_or(cloud_event::DEFAULT_SOURCE).to_owned()
    }
}

/// A URL that stands in the configuration itself, so it must hold no secret.
fn read_plain_url(value: &Value<'_>, example: &str) -> Option<Url> {
    if !value.is_text() {
        value.note(format!(
            "expected the URL itself, which is no secret, for example \"{example}\""
        ));
        return None;
    }
    let url: Option<Url> = value.text()?.trim().parse().ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let problem = match &url {
        None => "this is not a URL",
        Some(url) if url.query().is_some() || url.fragment().is_some() => {
            "nothing may follow the path; a signature in a URL would be a secret"
        }
        Some(url) if !url.username().is_empty() || url.password().is_some() => {
            "a user name or password would be a secret"
        }
        Some(_) => return url,
    };
    value.note(format!("{problem}; expected for example {example}"));
    None
}

/// Reads one secret or a list of them.
pub(super) fn read_secrets(value: &Value<'_>, example: &str, folder: &Path) -> Vec<Secret> {
    // What is no list is read as a secret, because only that hides what is there.
    if !value.is_list() {
        return read_secret(value, folder).into_iter().collect();
    }
    let list = value.list();
    if list.is_empty() {
        value.note(format!(
            "expected at least one secret, for example {example}"
        ));
    }
    let secrets = list.iter();
    secrets
        .filter_map(|value| read_secret(value, folder))
        .collect()
}

pub(super) fn read_secret(value: &Value<'_>, folder: &Path) -> Option<Secret> {
    if value.is_text() {
        value.note("a secret is a reference, never a value: write { secret = \"NAME\" } for an environment variable or { secret_file = \"path\" }");
        return None;
    }
    let table = value.table()?;
    let name = table.get("secret").and_then(|value| value.text());
    let file = table.get("secret_file").and_then(|value| value.text());
    let secret = match (name, file) {
        (Some(name), None) => Some(Secret::Env(name.to_owned())),
        (None, Some(file)) => Some(Secret::File(folder.join(file))),
        _ => {
            table.note("write either { secret = \"NAME\" } or { secret_file = \"path\" }");
            None
        }
    };
    table.finish();
    secret
}

pub(super) fn read_network(value: &Value<'_>) -> Option<IpNet> {
    let text = value.text()?;
    let network = text
        .parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let Ok(network) = network else {
        value.note(format!(
            "`{text}` is not a network; expected for example 10.1.2.0/24"
        ));
        return None;
    };
    let holds = |address: [u8; 4]| network.contains(&IpAddr::from(address));
    let is_single = network.prefix_len() == network.max_prefix_len();
    let problem = if network.prefix_len() == 0 {
        "that is every address there is; name the network of the destination"
    } else if holds([127, 0, 0, 1]) && !is_single {
        "loopback is allowed by single addresses only, and meant for tests: 127.0.0.1/32"
    } else if holds([169, 254, 169, 254]) || holds([168, 63, 129, 16]) {
        "link-local and platform addresses are never allowed"
    } else {
        return Some(network);
    };
    value.note(format!("`{text}`: {problem}"));
    None
}

pub(super) fn read_mailbox(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if alert_channels::email::is_mailbox(text) {
        return Some(text.to_owned());
    }
    value.note(format!(
        "`{text}` is not a mail address; expected `name@domain` or `Name <name@domain>`"
    ));
    None
}
