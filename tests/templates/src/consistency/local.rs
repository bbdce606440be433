//! What is not deployed and names things of the deployment: settings of a local host, and `azure.yaml`.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::functions::functions;
use crate::finding::{Finding, Place, nearest};
use crate::project::Project;

/// The example of `local.settings.json`.
pub(super) const FILE: &str = "infra/local.settings.example.json";

/// Settings that only a local host reads.
const OF_THE_HOST: [&str; 2] = ["AzureWebJobsStorage", "FUNCTIONS_WORKER_RUNTIME"];

/// What a local host needs to be told, and what it is.
const LOCAL_VALUES: [(&str, &str); 3] = [
    ("/IsEncrypted", "false"),
    ("/Values/FUNCTIONS_WORKER_RUNTIME", "custom"),
    ("/Values/AzureWebJobsStorage", "UseDevelopmentStorage=true"),
];

/// The words of `azure.yaml`. What is spelt otherwise is passed over.
const KEYS: [&str; 19] = [
    "azd",
    "dist",
    "functions",
    "hooks",
    "host",
    "infra",
    "language",
    "module",
    "name",
    "path",
    "posix",
    "prepackage",
    "project",
    "provider",
    "requiredVersions",
    "run",
    "services",
    "shell",
    "windows",
];

/// The example for a local host has the settings that functions name, and none that nobody reads.
pub fn local_settings(project: &Project, read: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let settings: Json = match serde_json::from_str(project.text(FILE).unwrap_or_default()) {
        Ok(settings) => settings,
        Err(error) => return vec![Finding::of_file(FILE, format!("not JSON: {error}"))],
    };
    let parts = ["IsEncrypted", "Values", "Host", "ConnectionStrings"];
    for (name, _) in settings.as_object().into_iter().flatten() {
        if !parts.contains(&name.as_str()) {
            let similar = nearest(name, parts);
            findings.push(Finding::of_file(
                FILE,
                format!("a local host reads no {name}{similar}"),
            ));
        }
    }
    for (place, wanted) in LOCAL_VALUES {
        let value = settings.pointer(place).cloned().unwrap_or_default();
        let shown = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        if shown != wanted {
            let message = format!("{place} is {value}, and {wanted} is needed");
            findings.push(Finding::of_file(FILE, message));
        }
    }
    let none = serde_json::Map::new();
    let values = settings["Values"].as_object().unwrap_or(&none);
    let known = || read.iter().map(String::as_str).chain(OF_THE_HOST);
    for (name, value) in values {
        if !known().any(|it| it == name) {
            let message = format!("nothing reads the setting {name}{}", nearest(name, known()));
            findings.push(Finding::of_file(FILE, message));
        }
        if !value.is_string() {
            findings.push(Finding::of_file(
                FILE,
                format!("{name} is {value}, and only texts are taken"),
            ));
        }
    }
    let mut wanted: BTreeSet<String> = OF_THE_HOST.map(str::to_owned).into();
    for function in functions(project, &mut Vec::new()) {
        for binding in function.bindings.as_array().into_iter().flatten() {
            let texts = binding
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(_, it)| it.as_str());
            wanted.extend(texts.flat_map(|it| it.split('%').skip(1).step_by(2).map(str::to_owned)));
        }
    }
    for name in wanted.iter().filter(|it| !values.contains_key(*it)) {
        let similar = nearest(name, values.keys().map(String::as_str));
        let message = format!("the setting {name} is missing, and functions name it{similar}");
        findings.push(Finding::of_file(FILE, message));
    }
    findings
}

/// `azure.yaml` deploys the folder that its hooks make: tasks of ours, which say where they put it.
pub fn package_of_developer_cli(project: &Project) -> Vec<Finding> {
    const AZURE: &str = "azure.yaml";
    const TASKS: &str = "xtask/src/main.rs";
    let mut findings = Vec::new();
    let tasks = project.text(TASKS).unwrap_or_default();
    // `  package            the function app as a folder, dist/app/, and as a zip`
    let told: Vec<(&str, &str)> = tasks
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.trim().split_once("  "))
        .collect();
    let text = project.text(AZURE).unwrap_or_default();
    let values = |key: &'static str| {
        let lines = text.lines().enumerate();
        lines.filter_map(move |(at, line)| {
            let value = line.trim().strip_prefix(key)?.strip_prefix(':')?;
            Some((at + 1, value.trim()))
        })
    };
    for (at, line) in text.lines().enumerate() {
        let key = line.trim().split(':').next().unwrap_or_default();
        if !key.is_empty() && !key.starts_with('#') && !KEYS.contains(&key) {
            let message = format!("{key} is not known here{}", nearest(key, KEYS));
            findings.push(Finding::new(&Place::new(AZURE, at + 1), message));
        }
    }
    for (key, wanted) in [
        ("provider", "bicep"),
        ("host", "function"),
        ("language", "custom"),
    ] {
        for (line, value) in values(key).filter(|(_, value)| *value != wanted) {
            let message = format!("{key} is {value}, and {wanted} is needed");
            findings.push(Finding::new(&Place::new(AZURE, line), message));
        }
    }
    let mut made = Vec::new();
    for (line, run) in values("run") {
        let place = Place::new(AZURE, line);
        match run.strip_prefix("cargo xtask ") {
            Some(task) => {
                let task = task.split(' ').next().unwrap_or_default();
                match told.iter().find(|(name, _)| *name == task) {
                    Some((_, what)) => made.push(*what),
                    None => {
                        let similar = nearest(task, told.iter().map(|(name, _)| *name));
                        let message = format!("there is no task {task}{similar}");
                        findings.push(Finding::new(&place, message));
                    }
                }
            }
            None => {
                let message =
                    format!("the hook runs {run}, which is no task of ours: cargo xtask TASK");
                findings.push(Finding::new(&place, message));
            }
        }
    }
    for (line, dist) in values("dist") {
        let folder = format!("{}/", dist.trim_end_matches('/'));
        let is_made = made
            .iter()
            .any(|what| what.split([' ', ',']).any(|word| word == folder));
        if !is_made {
            let message = format!(
                "no hook makes the folder {dist}; they make: {}",
                made.join("; ")
            );
            findings.push(Finding::new(&Place::new(AZURE, line), message));
        }
    }
    for (line, project_folder) in values("project") {
        if project_folder != "." {
            let message = format!(
                "project is {project_folder}, and `dist` and the hooks are from the root: ."
            );
            findings.push(Finding::new(&Place::new(AZURE, line), message));
        }
    }
    for key in ["dist", "run", "project"] {
        if values(key).next().is_none() {
            findings.push(Finding::of_file(AZURE, format!("there is no {key}")));
        }
    }
    findings
}
