//! `[source]` tables.

use std::path::{Path, PathBuf};

use azure_cost::Cloud;
use budget_engine::{CostBasis, Lag};

use super::read_basis;
use crate::config::reader::{Table, Value};
use crate::config::{Source, SourceKind};

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
        "usage-details" => {
            let endpoint = table
                .get("endpoint")
                .and_then(|value| value.parse::<url::Url>());
            let cloud = table.get("cloud").and_then(|value| value.parse());
            let auth = table.get("auth").and_then(|value| read_auth(&value));
            let history_days = table
                .get("history_days")
                .and_then(|value| value.whole(0..=800));
            Some(SourceKind::UsageDetails {
                endpoint,
                cloud: cloud.unwrap_or(Cloud::Public),
                auth: auth.unwrap_or("auto").to_owned(),
                history_days: history_days.unwrap_or(120),
            })
        }
        other @ ("exports" | "query" | "usage-aggregates" | "enterprise-reporting") => {
            kind.note(format!(
                "the source `{other}` does not exist yet; use \"files\" or \"usage-details\""
            ));
            return None;
        }
        other => {
            kind.note(format!(
                "`{other}` is not a source; expected \"files\" or \"usage-details\""
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

/// The words of [`azure_cost::credentials::Auth::parse`], and `none`.
const AUTH_WORDS: [&str; 7] = [
    "auto",
    "managed-identity",
    "workload-identity",
    "client-secret",
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
