//! `[channel.*]` tables.

use std::net::IpAddr;
use std::path::Path;

use alert_channels::Language;
use ipnet::IpNet;

use crate::config::reader::{Table, Value};
use crate::config::{Channel, ChannelKind, Email, Secret};

pub(super) fn read_channel(table: Table<'_>, folder: &Path) -> Option<Channel> {
    let kind = table.require("kind", "kind = \"email\"")?;
    let networks = table.get("allow_networks");
    let allow_networks = networks.map(|list| {
        list.list()
            .iter()
            .filter_map(|value| read_network(value))
            .collect()
    });
    let url = || -> Option<Secret> {
        read_secret(
            &table.require("url", "url = { secret = \"TEAMS_WEBHOOK_URL\" }")?,
            folder,
        )
    };
    let word = kind.text()?;
    // Programs are told in English.
    let language = (word != "webhook").then(|| table.get("language")).flatten();
    let language = language.map(|value| value.parse());
    let kind = match word {
        "email" => {
            let smtp = table.require("smtp", "smtp = \"smtp://relay.contoso.example:587\"");
            let smtp = smtp.and_then(|value| value.parse());
            let from = table
                .require("from", "from = \"Cost alerts <cost@contoso.example>\"")
                .and_then(|value| read_mailbox(&value));
            let to = table
                .get("to")
                .map(|list| list.list().iter().filter_map(read_mailbox).collect());
            let secret =
                |value: Option<Value<'_>>| value.and_then(|value| read_secret(&value, folder));
            let username = secret(table.get("username"));
            let password = secret(table.get("password"));
            let ca_file = table
                .get("ca_file")
                .and_then(|value| Some(folder.join(value.text()?)));
            let owner_domains = table.get("owner_domains").map(|list| {
                list.list()
                    .iter()
                    .filter_map(|value| Some(value.text()?.to_lowercase()))
                    .collect()
            });
            let templates = table
                .get("templates")
                .and_then(|value| Some(folder.join(value.text()?)));
            ChannelKind::Email(Email {
                templates,
                smtp: smtp?,
                from: from?,
                to: to.unwrap_or_default(),
                username,
                password,
                ca_file,
                owner_domains: owner_domains.unwrap_or_default(),
            })
        }
        "teams" => ChannelKind::Teams { url: url()? },
        "slack" => ChannelKind::Slack { url: url()? },
        "webhook" => {
            let example = "signing = { secret = \"WEBHOOK_SIGNING_SECRET\" }";
            let signing = table.require("signing", example).map(|value| {
                if value.is_table() {
                    read_secret(&value, folder).into_iter().collect::<Vec<_>>()
                } else {
                    value
                        .list()
                        .iter()
                        .filter_map(|value| read_secret(value, folder))
                        .collect()
                }
            });
            ChannelKind::Webhook {
                url: url()?,
                signing: signing?,
            }
        }
        other => {
            kind.note(format!(
                "`{other}` is not a channel; expected email, teams, slack or webhook"
            ));
            return None;
        }
    };
    table.finish();
    Some(Channel {
        kind,
        allow_networks: allow_networks.unwrap_or_default(),
        language: match language {
            Some(language) => language?,
            None => Language::default(),
        },
    })
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
