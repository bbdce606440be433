//! `cargo xtask deny`: bans, licenses and sources of `deny.toml`, without a tool that must be installed.
//!
//! `cargo deny check` does the same from the same file, and looks for advisories as well. This
//! understands what our file says and refuses what it does not understand.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use spdx::{Expression, Licensee, ParseMode};
use toml::Table;

use crate::{crates, root};

/// Checks all crates of the workspace, those of tests and of other platforms, too.
pub(crate) fn run() -> anyhow::Result<()> {
    let text = std::fs::read_to_string(root().join("deny.toml")).context("read deny.toml")?;
    let rules = Rules::parse(&text).context("read deny.toml")?;
    let metadata = crates::metadata(&[])?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let offences: Vec<String> = packages
        .iter()
        .flat_map(|package| rules.offences(package))
        .collect();
    if !offences.is_empty() {
        bail!("deny.toml forbids:\n{}", offences.join("\n"));
    }
    println!(
        "{} crates: bans, licenses and sources are fine",
        packages.len()
    );
    Ok(())
}

/// What `deny.toml` says.
struct Rules {
    /// Reasons by the name of the crate.
    banned: BTreeMap<String, String>,
    licenses: Vec<Licensee>,
    /// Licenses of crates that name none, by the name of the crate.
    clarified: BTreeMap<String, String>,
    registries: Vec<String>,
}

impl Rules {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let table: Table = text.parse()?;
        let list = |section: &str, name: &str| -> anyhow::Result<Vec<toml::Value>> {
            let value = table.get(section).and_then(|section| section.get(name));
            let list = value.and_then(toml::Value::as_array).cloned();
            list.with_context(|| format!("{section}.{name} is no list"))
        };
        let text_of = |value: &toml::Value| -> anyhow::Result<String> {
            value.as_str().map(str::to_owned).context("expected a text")
        };
        for (section, name) in [
            ("licenses", "exceptions"),
            ("bans", "skip"),
            ("sources", "allow-git"),
        ] {
            let value = table.get(section).and_then(|section| section.get(name));
            ensure!(value.is_none(), "{section}.{name} is not understood here");
        }
        let clarify = table.get("licenses").and_then(|one| one.get("clarify"));
        let clarify = clarify.and_then(toml::Value::as_array).into_iter();
        let clarified = clarify
            .flatten()
            .map(|one| {
                let field = |name| {
                    one.get(name)
                        .and_then(toml::Value::as_str)
                        .map(str::to_owned)
                };
                let name = field("crate").context("a clarified license is of no crate")?;
                Ok((
                    name,
                    field("expression").context("a clarified license is not said")?,
                ))
            })
            .collect::<anyhow::Result<_>>()?;
        let banned = list("bans", "deny")?
            .iter()
            .map(|ban| {
                let field = |name| {
                    ban.get(name)
                        .and_then(toml::Value::as_str)
                        .map(str::to_owned)
                };
                let name = field("crate").context("a ban names no crate")?;
                Ok((name, field("reason").context("a ban has no reason")?))
            })
            .collect::<anyhow::Result<_>>()?;
        let licenses = list("licenses", "allow")?
            .iter()
            .map(|license| Ok(Licensee::parse(&text_of(license)?)?))
            .collect::<anyhow::Result<_>>()?;
        let registries = list("sources", "allow-registry")?
            .iter()
            .map(text_of)
            .collect::<anyhow::Result<_>>()?;
        Ok(Rules {
            banned,
            licenses,
            clarified,
            registries,
        })
    }

    /// What is wrong with a package of `cargo metadata`.
    fn offences(&self, package: &Value) -> Vec<String> {
        let text = |field: &str| package[field].as_str().unwrap_or_default();
        let name = text("name");
        let mut offences = Vec::new();
        if let Some(reason) = self.banned.get(name) {
            offences.push(format!("{name} is banned: {reason}"));
        }
        let clarified = self.clarified.get(name).map(String::as_str);
        let license = package["license"]
            .as_str()
            .or(clarified)
            .unwrap_or_default();
        match Expression::parse_mode(license, ParseMode::LAX) {
            Ok(expression) => {
                let allows = |required: &spdx::LicenseReq| {
                    self.licenses
                        .iter()
                        .any(|license| license.satisfies(required))
                };
                if !expression.evaluate(allows) {
                    offences.push(format!("{name}: its license `{license}` is not allowed"));
                }
            }
            Err(_) => offences.push(format!("{name}: its license `{license}` cannot be told")),
        }
        if let Some(source) = package["source"].as_str() {
            let registry = source.strip_prefix("registry+");
            if !registry.is_some_and(|one| self.registries.iter().any(|allowed| allowed == one)) {
                offences.push(format!("{name} comes from {source}"));
            }
        }
        offences
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OURS: &str = include_str!("../../deny.toml");
    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn check(name: &str, license: &str, source: &str, offences: usize) {
        let package = json!({"name": name, "license": license, "source": source});
        let found = Rules::parse(OURS).unwrap().offences(&package);
        assert_eq!(
            found.len(),
            offences,
            "{name}, {license}, {source}: {found:?}"
        );
    }

    #[test]
    fn bans_licenses_and_sources_are_judged() {
        check("fine", "MIT OR Apache-2.0", REGISTRY, 0);
        check("fine", "MIT/Apache-2.0", REGISTRY, 0);
        check("fine", "GPL-3.0-only OR MIT", REGISTRY, 0);
        check("viral", "GPL-3.0-only", REGISTRY, 1);
        check("half", "GPL-3.0-only AND MIT", REGISTRY, 1);
        check("silent", "", REGISTRY, 1);
        let clarified = json!({"name": "ical", "license": null, "source": REGISTRY});
        assert!(Rules::parse(OURS).unwrap().offences(&clarified).is_empty());
        for banned in [
            "aws-lc-rs",
            "aws-lc-sys",
            "openssl-sys",
            "native-tls",
            "chrono",
            "serde_yaml",
            "serde_yml",
        ] {
            check(banned, "MIT", REGISTRY, 1);
        }
        check("elsewhere", "MIT", "git+https://example.com/elsewhere", 1);
        check("elsewhere", "MIT", "registry+https://example.com/index", 1);
        let ours = json!({"name": "ours", "license": "MIT", "source": null});
        assert!(Rules::parse(OURS).unwrap().offences(&ours).is_empty());
    }

    #[test]
    fn rules_that_are_not_understood_are_refused() {
        let with = format!(
            "{OURS}\n[[licenses.exceptions]]\ncrate = \"one\"\nallow = [\"GPL-3.0-only\"]\n"
        );
        assert!(Rules::parse(&with).is_err());
    }
}
