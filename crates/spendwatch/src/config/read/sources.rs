//! `[source]` tables.

use std::path::{Path, PathBuf};

use azure_cost::{Cloud, RateCardQuery};
use budget_engine::{CostBasis, Currency, Lag};

use super::channels::read_secret;
use super::read_basis;
use crate::config::reader::{Table, Value};
use crate::config::{AzureRead, Connection, EnterpriseReporting, Exports, Source, SourceKind};

pub(super) fn read_source(table: Table<'_>, folder: &Path) -> Option<Source> {
    let scopes = table
        .get("scopes")
        .map(|list| list.list().iter().filter_map(Value::parse).collect());
    let mut lag = Lag::default();
    if let Some(days) = table
        .get("settles_after_days")
        .and_then(|value| value.whole(0..=30))
    {
        lag.settles_after_days = days;
    }
    if let Some(days) = table
        .get("stale_after_days")
        .and_then(|value| value.whole(1..=60))
    {
        lag.stale_after_days = days;
    }
    let kind = table.require("kind", "kind = \"files\"")?;
    let kind = match kind.text()? {
        "files" => {
            let paths = table.require("paths", "paths = [\"exports/*.csv.gz\"]");
            let cost_basis = table.get("cost_basis").and_then(|value| read_basis(&value));
            let paths: Vec<PathBuf> = paths
                .map(|list| list.list())
                .unwrap_or_default()
                .iter()
                .filter_map(|value| Some(folder.join(value.text()?)))
                .collect();
            if paths.is_empty() {
                table.note("`paths` names no file");
            }
            Some(SourceKind::Files {
                paths,
                cost_basis: cost_basis.unwrap_or(CostBasis::Actual),
            })
        }
        word @ ("azure" | "query" | "cost-details" | "usage-details") => {
            let read = match word {
                "query" => AzureRead::Query,
                "cost-details" => AzureRead::CostDetails,
                "usage-details" => AzureRead::UsageDetails,
                _ => AzureRead::Cheapest,
            };
            Some(SourceKind::Azure {
                connection: read_connection(&table, Some(read_history(&table))),
                read,
            })
        }
        "exports" => read_exports(&table).map(SourceKind::Exports),
        "usage-aggregates" => {
            let rate_card = read_rate_card(&table);
            let connection = read_connection(&table, Some(read_history(&table)));
            rate_card.map(|rate_card| SourceKind::UsageAggregates {
                connection,
                rate_card,
            })
        }
        "enterprise-reporting" => {
            read_enterprise_reporting(&table, folder).map(SourceKind::EnterpriseReporting)
        }
        other => {
            kind.note(format!(
                "`{other}` is not a source; expected \"files\", \"azure\", \"query\", \"cost-details\", \"usage-details\", \"exports\", \"usage-aggregates\" or \"enterprise-reporting\""
            ));
            return None;
        }
    };
    table.finish();
    Some(Source {
        kind: kind?,
        scopes: scopes.unwrap_or_default(),
        lag,
    })
}

/// Where Azure's APIs are and how to sign in.
pub(super) fn read_connection(table: &Table<'_>, history: Option<u32>) -> Connection {
    let endpoint = table.get("endpoint").and_then(|value| value.parse());
    let (cloud, auth) = read_identity(table);
    Connection {
        endpoint,
        cloud,
        auth,
        history_days: history.unwrap_or_default(),
    }
}

/// Which Azure, and how to sign in there.
fn read_identity(table: &Table<'_>) -> (Cloud, String) {
    let cloud = table.get("cloud").and_then(|value| value.parse());
    let auth = table.get("auth").and_then(|value| read_auth(&value));
    (
        cloud.unwrap_or(Cloud::Public),
        auth.unwrap_or("auto").to_owned(),
    )
}

fn read_history(table: &Table<'_>) -> u32 {
    let days = table.get("history_days");
    days.and_then(|value| value.whole(0..=800)).unwrap_or(120)
}

fn read_exports(table: &Table<'_>) -> Option<Exports> {
    let example = "container = \"https://ACCOUNT.blob.core.windows.net/CONTAINER\"";
    let container = table.require("container", example);
    let container = container.and_then(|value| read_container(&value));
    let prefix = table.get("prefix").and_then(|value| value.text());
    let cost_basis = table.get("cost_basis").and_then(|value| read_basis(&value));
    let (cloud, auth) = read_identity(table);
    let history_days = read_history(table);
    Some(Exports {
        container: container?,
        prefix: prefix.unwrap_or_default().to_owned(),
        cloud,
        auth,
        cost_basis: cost_basis.unwrap_or(CostBasis::Actual),
        history_days,
    })
}

fn read_rate_card(table: &Table<'_>) -> Option<RateCardQuery> {
    let offer = table.require("offer", "offer = \"MS-AZR-0003P\"");
    let offer = offer.and_then(|value| value.text());
    let currency = table.require("currency", "currency = \"USD\"");
    let currency: Option<Currency> = currency.and_then(|value| value.parse());
    let locale = table.get("locale").and_then(|value| value.text());
    let region = table.get("region").and_then(|value| value.text());
    Some(RateCardQuery {
        offer: offer?.to_owned(),
        currency: currency?,
        locale: locale.unwrap_or("en-US").to_owned(),
        region: region.unwrap_or("US").to_owned(),
    })
}

fn read_enterprise_reporting(table: &Table<'_>, folder: &Path) -> Option<EnterpriseReporting> {
    let endpoint = table.require("endpoint", "endpoint = \"https://reports.contoso.example\"");
    let endpoint = endpoint.and_then(|value| value.parse());
    let enrollment = table.require("enrollment", "enrollment = \"100\"");
    let enrollment = enrollment.and_then(|value| value.text());
    let key = table.require("key", "key = { secret = \"ENROLLMENT_KEY\" }");
    let key = key.and_then(|value| read_secret(&value, folder));
    let history_days = read_history(table);
    Some(EnterpriseReporting {
        endpoint: endpoint?,
        enrollment: enrollment?.to_owned(),
        key: key?,
        history_days,
    })
}

/// The URL of a container. A signature in it would be a secret, so it has no query.
fn read_container(value: &Value<'_>) -> Option<url::Url> {
    let text = value.text()?;
    let expected = "expected https://ACCOUNT.blob.core.windows.net/CONTAINER";
    // The text may hold a secret, so it is not repeated.
    let Ok(url) = text.parse::<url::Url>() else {
        value.note(format!("this is not a URL; {expected}"));
        return None;
    };
    let is_local = url.host_str().is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    });
    let problem = if url.query().is_some() || url.password().is_some() || !url.username().is_empty()
    {
        "a URL with a signature or password is a secret; name the container only, and give the \
         identity of `auth` the role Storage Blob Data Reader on it"
    } else if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
        "the URL must begin with https://"
    } else if url.path().trim_matches('/').is_empty() {
        "the URL names no container"
    } else {
        return Some(url);
    };
    value.note(format!("{problem}; {expected}"));
    None
}

/// Ways to sign in, as configuration and command line name them: the words of
/// [`azure_cost::credentials::Auth::parse`], and `none`.
pub const AUTH_WORDS: [&str; 8] = [
    "auto",
    "managed-identity",
    "workload-identity",
    "client-secret",
    "client-certificate",
    "azure-cli",
    "developer-tools",
    "none",
];

pub(super) fn read_auth(value: &Value<'_>) -> Option<&'static str> {
    let text = value.text()?;
    let word = AUTH_WORDS.into_iter().find(|word| *word == text);
    if word.is_none() {
        let words = AUTH_WORDS.join(", ");
        value.note(format!(
            "`{text}` is not a way to sign in; expected one of {words}"
        ));
    }
    word
}
