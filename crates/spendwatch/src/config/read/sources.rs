//! `[source]` tables.

use std::path::{Path, PathBuf};

use azure_cost::Cloud;
use budget_engine::{CostBasis, Lag};

use super::read_basis;
use crate::config::reader::{Table, Value};
use crate::config::{AzureRead, Connection, Source, SourceKind};

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
                connection: read_connection(&table),
                read,
            })
        }
        other @ ("exports" | "usage-aggregates" | "enterprise-reporting") => {
            kind.note(format!(
                "the source `{other}` does not exist yet; use \"files\" or \"azure\""
            ));
            return None;
        }
        other => {
            kind.note(format!(
                "`{other}` is not a source; expected \"files\", \"azure\", \"query\", \"cost-details\" or \"usage-details\""
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
fn read_connection(table: &Table<'_>) -> Connection {
    let endpoint = table.get("endpoint").and_then(|value| value.parse());
    let cloud = table.get("cloud").and_then(|value| value.parse());
    let auth = table.get("auth").and_then(|value| read_auth(&value));
    let history_days = table
        .get("history_days")
        .and_then(|value| value.whole(0..=800));
    Connection {
        endpoint,
        cloud: cloud.unwrap_or(Cloud::Public),
        auth: auth.unwrap_or("auto").to_owned(),
        history_days: history_days.unwrap_or(120),
    }
}

/// The words of [`azure_cost::credentials::Auth::parse`], and `none`.
const AUTH_WORDS: [&str; 8] = [
    "auto",
    "managed-identity",
    "workload-identity",
    "client-secret",
    "client-certificate",
    "azure-cli",
    "developer-tools",
    "none",
];

fn read_auth(value: &Value<'_>) -> Option<&'static str> {
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
