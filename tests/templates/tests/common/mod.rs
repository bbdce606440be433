//! What the tests share.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::io::Write;
use std::path::{Path, PathBuf};

use templates::arm::Types;
use templates::azurerm::Provider;
use templates::{Finding, Project, schema_folder};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files as they are.
pub(crate) fn project() -> Project {
    Project::read(&root()).unwrap()
}

/// Fails with all findings.
#[track_caller]
pub(crate) fn quiet(findings: &[Finding]) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

/// The schema data.
pub(crate) struct Schema {
    pub(crate) types: Types,
    pub(crate) provider: Provider,
}

/// The schema data; if they are not there, says on standard error that `what` was not checked. They
/// are no part of the project, so their absence fails nothing, not even the complete tests.
pub(crate) fn schema(what: &str) -> Option<Schema> {
    let Some(folder) = schema_folder(&root()) else {
        // Past the capturing of test output, so that it is seen.
        let line = format!("not checked: {what} (SPENDWATCH_INFRA_SCHEMA names no schema data)\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
        return None;
    };
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    Some(Schema {
        types: Types::read(&read("bicep-types.json")).unwrap(),
        provider: Provider::read(&read("azurerm.json")).unwrap(),
    })
}
