//! What is not deployed and names things of the deployment: settings of a local host, and `azure.yaml`.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::functions::functions;
use crate::finding::{Finding, Place, nearest};
use crate::project::{Project, Templates};

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
const KEYS: [&str; 13] = [
    "azd",
    "hooks",
    "infra",
    "module",
    "name",
    "path",
    "posix",
    "postprovision",
    "provider",
    "requiredVersions",
    "run",
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

/// The hooks of `azure.yaml` run tasks of ours, upload what these say that they make, and know of the
/// deployment what it tells.
pub fn package_of_developer_cli(project: &Project, templates: &Templates) -> Vec<Finding> {
    const AZURE: &str = "azure.yaml";
    const TASKS: &str = "xtask/src/main.rs";
    let mut findings = Vec::new();
    let tasks = project.text(TASKS).unwrap_or_default();
    // `  package            the function app as a folder, dist/app/, and as dist/x.zip`
    let told: Vec<(&str, &str)> = tasks
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.trim().split_once("  "))
        .collect();
    let template = templates
        .bicep
        .iter()
        .find(|it| &*it.file == "infra/bicep/azd.bicep");
    let outputs = template.iter().flat_map(|it| &it.outputs);
    let known: BTreeSet<&str> = outputs
        .map(|it| it.name.as_str())
        .chain(["AZURE_SUBSCRIPTION_ID"])
        .collect();
    let mut runs = 0;
    for (at, line) in project.text(AZURE).unwrap_or_default().lines().enumerate() {
        let place = Place::new(AZURE, at + 1);
        let (key, value) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
        if !key.is_empty() && !key.starts_with('#') && !KEYS.contains(&key) {
            let message = format!("{key} is not known here{}", nearest(key, KEYS));
            findings.push(Finding::new(&place, message));
        }
        let value = value.trim();
        if key == "provider" && value != "bicep" {
            let message = format!("provider is {value}, and bicep is needed");
            findings.push(Finding::new(&place, message));
        }
        if key == "run" {
            runs += 1;
            for message in hook(value, &told, &known) {
                findings.push(Finding::new(&place, message));
            }
        }
    }
    if runs == 0 {
        findings.push(Finding::of_file(AZURE, "there is no run"));
    }
    findings
}

/// What is wrong with `cargo xtask TASK && az … --src FILE`.
fn hook(run: &str, told: &[(&str, &str)], known: &BTreeSet<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    let (first, upload) = run.split_once(" && ").unwrap_or((run, ""));
    let mut made = "";
    match first.strip_prefix("cargo xtask ") {
        Some(task) => match told.iter().find(|(name, _)| *name == task) {
            Some((_, what)) => made = what,
            None => {
                let similar = nearest(task, told.iter().map(|(name, _)| *name));
                wrong.push(format!("there is no task {task}{similar}"));
            }
        },
        None => wrong.push(format!(
            "the hook runs {first}, which is no task of ours: cargo xtask TASK"
        )),
    }
    let words: Vec<&str> = upload.split(' ').map(|it| it.trim_matches('"')).collect();
    let source = words.iter().skip_while(|it| **it != "--src").nth(1);
    let source = source.copied().unwrap_or_default();
    let is_made = |file: &str| made.split([' ', ',']).any(|it| it == file);
    if !made.is_empty() && !is_made(source) {
        wrong.push(format!(
            "the hook uploads {source:?}, and the task makes {made}"
        ));
    }
    for word in words {
        let name = word
            .strip_prefix("$env:")
            .or_else(|| word.strip_prefix('$'));
        if let Some(name) = name.filter(|it| !known.contains(it)) {
            let similar = nearest(name, known.iter().copied());
            wrong.push(format!("azd has no output {name}{similar}"));
        }
    }
    wrong
}
