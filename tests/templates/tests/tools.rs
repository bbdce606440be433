//! What tools of others say of the templates and Dockerfiles: pycep, checkov, hadolint, and Terraform's
//! own formatter.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::root;
use tests::node::left_out;
use tests::python::TOOLS;

/// What a command prints, and its exit code.
fn run(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

#[test]
fn bicep_files_are_bicep_to_pycep() {
    if !TOOLS.available("parsing Bicep with pycep") {
        return;
    }
    let (code, text) = run(TOOLS.command("parse_bicep.py").arg(root().join("infra")));
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn terraform_files_are_formatted() {
    if !TOOLS.available("the format of Terraform files") {
        return;
    }
    let (code, text) = run(TOOLS
        .command("format_terraform.py")
        .arg(root().join("infra")));
    if code == Some(3) {
        // There is none for every platform.
        left_out("the format of Terraform files", text.trim());
        return;
    }
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn checkov_has_nothing_to_say() {
    if !TOOLS.available("checkov") {
        return;
    }
    let mut checkov = TOOLS.module("checkov.main");
    checkov
        .current_dir(root())
        .args(["--directory", "infra", "--output", "json"])
        .args(["--config-file", "infra/.checkov.yaml"])
        // It asks nobody anything.
        .env("BC_SKIP_MAPPING", "TRUE")
        .env("CHECKOV_RUN_SCA_PACKAGE_SCAN_V2", "false");
    let output = checkov.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let reports: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{errors}"));
    let mut kinds = Vec::new();
    for report in reports.as_array().unwrap() {
        kinds.push(report["check_type"].as_str().unwrap());
        let failed = report["results"]["failed_checks"].as_array().unwrap();
        let lines: Vec<String> = failed
            .iter()
            .map(|check| {
                let text = |key: &str| check[key].as_str().unwrap_or_default();
                let (id, name) = (text("check_id"), text("check_name"));
                let (file, resource) = (text("file_path"), text("resource"));
                format!("infra{file}: {resource}: {id} {name}")
            })
            .collect();
        assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
        let summary = &report["summary"];
        // It goes on without a file that it cannot read.
        assert_eq!(summary["parsing_errors"], 0, "{summary} {errors}");
        assert!(summary["passed"].as_u64().unwrap() > 20, "{summary}");
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["bicep", "terraform"]);
}

/// The Dockerfiles of the project, which are called so or end so.
fn dockerfiles(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let elsewhere = ["target", "node_modules", "dist", ".git"];
        if entry.file_type().unwrap().is_dir() {
            if !elsewhere.contains(&name.as_str()) {
                dockerfiles(&entry.path(), found);
            }
        } else if name.starts_with("Dockerfile") || name.ends_with(".Dockerfile") {
            found.push(entry.path());
        }
    }
}

#[test]
fn dockerfiles_pass_hadolint() {
    if !TOOLS.available("hadolint") {
        return;
    }
    let mut files = Vec::new();
    dockerfiles(&root(), &mut files);
    for file in files {
        let (code, text) = run(TOOLS.program("hadolint").arg("--no-color").arg(&file));
        assert_eq!(code, Some(0), "{text}");
    }
}
