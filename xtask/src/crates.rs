//! What an executable is made of, as cargo resolves it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{cargo, root};

/// A crate whose code is in an executable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) version: String,
    /// SPDX expression.
    pub(crate) license: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) repository: Option<String>,
    /// SHA-256 of what the registry gave; none for our own.
    pub(crate) checksum: Option<String>,
    /// Where its source lies.
    pub(crate) folder: PathBuf,
    /// Whether it is a part of this workspace.
    pub(crate) is_ours: bool,
    /// Name and version of what it uses, of those in the executable.
    pub(crate) uses: BTreeSet<(String, String)>,
}

/// The crates in the executable of a package, sorted. Those that only run while it is built are not in it.
pub(crate) fn of(package: &str, triple: &str) -> anyhow::Result<Vec<Crate>> {
    let metadata = metadata(&["--filter-platform", triple])?;
    let in_it = named_by_tree(package, triple)?;
    let checksums = checksums()?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let key = |package: &Value| (text(package, "name"), text(package, "version"));
    let ids: BTreeMap<&str, (String, String)> = packages
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, key(package))))
        .filter(|(_, key)| in_it.contains(key))
        .collect();
    let uses = uses(&metadata, &ids)?;
    let mut crates: Vec<Crate> = packages
        .iter()
        .filter(|package| in_it.contains(&key(package)))
        .map(|package| {
            let (name, version) = key(package);
            let optional = |field: &str| package[field].as_str().map(str::to_owned);
            let manifest = PathBuf::from(text(package, "manifest_path"));
            Crate {
                license: optional("license"),
                description: optional("description"),
                repository: optional("repository"),
                checksum: checksums.get(&(name.clone(), version.clone())).cloned(),
                folder: manifest.parent().map(PathBuf::from).unwrap_or_default(),
                is_ours: package["source"].is_null(),
                uses: uses
                    .get(&(name.clone(), version.clone()))
                    .cloned()
                    .unwrap_or_default(),
                name,
                version,
            }
        })
        .collect();
    crates.sort();
    ensure!(
        crates.len() == in_it.len(),
        "cargo metadata does not know all that cargo tree shows"
    );
    Ok(crates)
}

/// What `cargo metadata` says of this workspace.
pub(crate) fn metadata(arguments: &[&str]) -> anyhow::Result<Value> {
    let output = cargo()
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(arguments)
        .output()
        .context("run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed");
    serde_json::from_slice(&output.stdout).context("read cargo metadata")
}

/// Metadata have the features of the whole workspace; the tree those of one package.
fn named_by_tree(package: &str, triple: &str) -> anyhow::Result<BTreeSet<(String, String)>> {
    let output = cargo()
        .args(["tree", "--locked", "--package", package, "--target", triple])
        .args(["--edges", "normal,no-proc-macro", "--prefix", "none"])
        .output()
        .context("run cargo tree")?;
    ensure!(output.status.success(), "cargo tree failed");
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| {
            let mut words = line.split(' ');
            let name = words.next().unwrap_or_default().to_owned();
            let version = words.next().and_then(|version| version.strip_prefix('v'));
            let version = version.with_context(|| format!("cargo tree says `{line}`"))?;
            Ok((name, version.to_owned()))
        })
        .collect()
}

type Uses = BTreeMap<(String, String), BTreeSet<(String, String)>>;

fn uses(metadata: &Value, ids: &BTreeMap<&str, (String, String)>) -> anyhow::Result<Uses> {
    let nodes = metadata["resolve"]["nodes"].as_array();
    let mut uses = Uses::new();
    for node in nodes.context("nothing is resolved")? {
        let Some(user) = node["id"].as_str().and_then(|id| ids.get(id)) else {
            continue;
        };
        let used = node["deps"].as_array().into_iter().flatten();
        let used = used.filter(|dependency| {
            let kinds = dependency["dep_kinds"].as_array();
            kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
        });
        let used = used.filter_map(|dependency| ids.get(dependency["pkg"].as_str()?).cloned());
        uses.insert(user.clone(), used.collect());
    }
    Ok(uses)
}

fn checksums() -> anyhow::Result<BTreeMap<(String, String), String>> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).context("read Cargo.lock")?;
    let lock: toml::Table = lock.parse().context("read Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let field = |package: &toml::Value, name: &str| {
        package
            .get(name)
            .and_then(toml::Value::as_str)
            .map(str::to_owned)
    };
    Ok(packages
        .context("Cargo.lock names no packages")?
        .iter()
        .filter_map(|package| {
            let key = (field(package, "name")?, field(package, "version")?);
            Some((key, field(package, "checksum")?))
        })
        .collect())
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executable_holds_what_it_uses_and_no_tools_of_its_build() {
        let crates = of("function-app", "x86_64-unknown-linux-gnu").unwrap();
        let find = |name: &str| crates.iter().find(|one| one.name == name);
        let app = find("function-app").unwrap();
        assert!(app.is_ours && app.checksum.is_none());
        assert!(app.uses.iter().any(|(name, _)| name == "axum"));
        let ring = find("ring").unwrap();
        assert_eq!(ring.checksum.as_ref().map(String::len), Some(64));
        assert!(!ring.is_ours && ring.license.is_some());
        // A macro, a build script's library, a test's, and another handler's.
        for name in ["serde_derive", "cc", "proptest", "clap", "windows-sys"] {
            assert_eq!(find(name), None, "{name}");
        }
    }
}
