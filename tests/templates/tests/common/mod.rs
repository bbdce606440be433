//! What the tests share.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use templates::arm::Types;
use templates::azurerm::Provider;
use templates::consistency::Facts;
use templates::{Finding, Project, Templates, references, schema_folder};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files as they are.
pub(crate) fn project() -> Project {
    Project::read(&root()).unwrap()
}

/// The templates as they are.
pub(crate) fn templates() -> Templates {
    Templates::read(&project())
}

/// Fails with all findings.
#[track_caller]
pub(crate) fn quiet(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

/// The settings that the handler or its host reads.
pub(crate) fn settings() -> BTreeSet<String> {
    let names = spendwatch::settings::SETTINGS.iter();
    names.map(|name| (*name).to_owned()).collect()
}

/// What the stacks are compared with.
pub(crate) fn facts(settings: &BTreeSet<String>) -> Facts<'_> {
    Facts {
        routes: &function_app::NAMES,
        queues: &[
            spendwatch::EVALUATIONS,
            spendwatch::DELIVERIES,
            spendwatch::EXPORTS,
        ],
        // What is deployed, the configuration, and the state (see `StateLocation`).
        containers: &["deployment", "config", "spendwatch", "exports"],
        settings,
        rules: &[
            "failed-invocations",
            "poison-messages",
            "evaluation-late",
            "stale-data",
        ],
    }
}

/// What cannot be read, and what is wrong with the names in the rest.
pub(crate) fn names(templates: &Templates) -> Vec<Finding> {
    let mut findings = templates.unread.clone();
    findings.extend(references::of_bicep(&templates.bicep));
    findings.extend(references::of_terraform(&templates.terraform));
    findings
}

/// The schema data.
pub(crate) struct Schema {
    types: Types,
    provider: Provider,
}

impl Schema {
    /// What is wrong with Bicep resources and azapi bodies.
    pub(crate) fn properties(&self, templates: &Templates) -> Vec<Finding> {
        let bicep = templates.bicep.iter();
        let bicep = bicep.flat_map(|it| self.types.check_bicep(it));
        let azapi = templates.terraform.iter();
        let azapi = azapi.flat_map(|it| self.types.check_azapi(it));
        bicep.chain(azapi).collect()
    }

    /// What is wrong with Terraform's resources.
    pub(crate) fn arguments(&self, templates: &Templates) -> Vec<Finding> {
        let folders = templates.terraform.iter();
        folders.flat_map(|it| self.provider.check(it)).collect()
    }
}

/// The schema data; if they are not there, says on standard error that `what` was not checked. They
/// are no part of the project, so their absence fails nothing, not even the complete tests.
pub(crate) fn schema(what: &str) -> Option<Schema> {
    let Some(folder) = schema_folder(&root()) else {
        // Past the capturing of test output, so that it is seen.
        let line = format!(
            "not checked: {what} (there are no schema data; SPENDWATCH_INFRA_SCHEMA can name their folder)\n"
        );
        let _ = std::io::stderr().write_all(line.as_bytes());
        return None;
    };
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    Some(Schema {
        types: Types::read(&read("bicep-types.json")).unwrap(),
        provider: Provider::read(&read("azurerm.json")).unwrap(),
    })
}
