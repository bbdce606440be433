//! Documents, files that templates read, and the Azure Developer CLI.

use std::collections::{BTreeMap, BTreeSet};

use super::resources::{arm_body, arm_type};
use crate::expression::{Expression, Value};
use crate::finding::{Finding, Place, nearest};
use crate::project::{Project, Templates};
use crate::stack::{Stack, snake};

/// The last words of the names of a stack's alert rules, with the descriptions.
fn rules_of(stack: &Stack) -> Vec<(String, String, Place)> {
    let kinds = [
        "Microsoft.Insights/scheduledQueryRules",
        "Microsoft.Insights/metricAlerts",
    ];
    let rules = stack
        .resources
        .iter()
        .filter(|it| kinds.contains(&arm_type(it).as_str()));
    rules
        .map(|rule| {
            let name = match rule.body.get("name").map(|it| &it.value) {
                Some(Value::Template(parts)) => parts.last().and_then(Expression::text),
                Some(Value::String(text)) => Some(text.as_str()),
                _ => None,
            };
            let name = name.unwrap_or_default().trim_start_matches('-').to_owned();
            let description = ["properties.description", "description"]
                .iter()
                .find_map(|path| rule.body.get(path).or(arm_body(rule).get(path)));
            let description = description.map(ToString::to_string).unwrap_or_default();
            (name, description, rule.place.clone())
        })
        .collect()
}

/// Each alert rule leads to its section of the runbook, and each of `wanted` is there.
pub fn alert_rules(project: &Project, stack: &Stack, wanted: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let runbook = project.text("docs/runbook.md").unwrap_or_default();
    let sections: Vec<String> = runbook
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches(['#', ' '])
                .replace('`', "")
                .to_lowercase()
        })
        .collect();
    let sections: Vec<String> = sections.iter().map(|it| it.replace(' ', "-")).collect();
    let rules = rules_of(stack);
    for (name, description, place) in &rules {
        if !sections.contains(name) {
            let similar = nearest(name, sections.iter().map(String::as_str));
            let message = format!("docs/runbook.md has no section {name}{similar}");
            findings.push(Finding::new(place, message));
        }
        if !description.contains(&format!("docs/runbook.md#{name}")) {
            let message =
                format!("the description of rule {name} does not name docs/runbook.md#{name}");
            findings.push(Finding::new(place, message));
        }
    }
    for wanted in wanted {
        if !rules.iter().any(|(name, _, _)| name == wanted) {
            let similar = nearest(wanted, rules.iter().map(|(name, _, _)| name.as_str()));
            let message = format!("there is no alert rule {wanted}{similar}");
            findings.push(Finding::new(&stack.place, message));
        }
    }
    findings
}

/// Every parameter stands in the table of `infra/README.md` with its default, by the name that the
/// language gives it, and every output is named.
pub fn documented(project: &Project, stack: &Stack) -> Vec<Finding> {
    const README: &str = "infra/README.md";
    let mut findings = Vec::new();
    let text = project.text(README).unwrap_or_default();
    let column = if stack.language == "Bicep" { 0 } else { 1 };
    let section = text.split("\n## Parameters\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').skip(1).map(str::trim).collect();
        if let [_, _, default, ..] = cells[..]
            && let Some(name) = cells[column].split('`').nth(1)
        {
            rows.insert(name.to_owned(), default.to_owned());
        }
    }
    for parameter in &stack.parameters {
        let written = rows.iter().find(|(name, _)| snake(name) == parameter.name);
        let Some((_, default)) = written else {
            let message = format!("{README} does not explain {}", parameter.name);
            findings.push(Finding::new(&parameter.place, message));
            continue;
        };
        let expected = match parameter.default.as_ref().map(|it| &it.value) {
            Some(Value::String(text)) if text.is_empty() => "\u{2013}".to_owned(),
            Some(Value::String(text)) => format!("`{text}`"),
            Some(Value::Number(number)) => format!("`{number}`"),
            Some(Value::Bool(value)) => format!("`{value}`"),
            Some(Value::Array(items)) if items.is_empty() => "none".to_owned(),
            Some(Value::Object(properties)) if properties.is_empty() => "none".to_owned(),
            // Worked out, or to be given: the table says it in words.
            _ => continue,
        };
        if *default != expected {
            let message = format!(
                "{README} says that {} is {default} by default, and it is {expected}",
                parameter.name
            );
            findings.push(Finding::new(&parameter.place, message));
        }
    }
    for name in rows.keys() {
        let name = snake(name);
        if !stack.parameters.iter().any(|it| it.name == name) {
            let message = format!("{} has no parameter {name}", stack.language);
            findings.push(Finding::of_file(README, message));
        }
    }
    let words: BTreeSet<String> = section.split('`').skip(1).step_by(2).map(snake).collect();
    for output in stack.outputs.iter().filter(|it| !words.contains(&it.name)) {
        let message = format!("{README} does not name the output {}", output.name);
        findings.push(Finding::new(&output.place, message));
    }
    findings
}

/// The file that an expression reads, from the root of the project.
pub(super) fn loaded(expression: &Expression) -> Option<(Place, String)> {
    let Value::Call {
        name, arguments, ..
    } = &expression.value
    else {
        return None;
    };
    let path = match (name.as_str(), &arguments.first()?.value) {
        (
            "loadTextContent" | "loadJsonContent" | "loadYamlContent" | "loadFileAsBase64",
            Value::String(path),
        ) => path,
        ("file" | "templatefile" | "filebase64", Value::Template(parts)) => match &parts[..] {
            // "${path.module}/x"
            [module, path] if module.to_string() == "path.module" => {
                path.text()?.trim_start_matches('/')
            }
            _ => return None,
        },
        _ => return None,
    };
    let place = expression.place.clone();
    let file = crate::bicep::resolve(&place.file, path);
    Some((place, file))
}

/// The Azure Developer CLI finds its file and the file's parameters.
pub fn developer_cli(project: &Project, templates: &Templates) -> Vec<Finding> {
    const FILE: &str = "azure.yaml";
    let mut findings = Vec::new();
    let text = project.text(FILE).unwrap_or_default();
    let value = |key: &str| {
        let lines = text.lines().map(str::trim);
        let mut values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        values.next().map(str::trim).unwrap_or_default()
    };
    let module = format!("{}/{}", value("path"), value("module"));
    let file = format!("{module}.bicep");
    match templates.bicep.iter().find(|it| *it.file == *file) {
        None => findings.push(Finding::of_file(FILE, format!("there is no file {file}"))),
        Some(template) => {
            let given = format!("{module}.parameters.json");
            let json = project.text(&given).unwrap_or_default();
            let json: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
            let names = json["parameters"].as_object().into_iter().flatten();
            let names: BTreeSet<&str> = names.map(|(name, _)| name.as_str()).collect();
            let known: BTreeSet<&str> = template
                .parameters
                .iter()
                .map(|it| it.name.as_str())
                .collect();
            for name in names.difference(&known) {
                let similar = nearest(name, known.iter().copied());
                let message = format!("{file} has no parameter {name}{similar}");
                findings.push(Finding::of_file(&given, message));
            }
            for name in names
                .iter()
                .filter(|it| json["parameters"][**it].get("value").is_none())
            {
                findings.push(Finding::of_file(&given, format!("{name} has no value")));
            }
            let mut is_tagged = false;
            let mut see = |inner: &Expression| is_tagged |= inner.text() == Some("azd-env-name");
            template
                .variables
                .iter()
                .for_each(|it| it.value.walk(&mut see));
            template
                .resources
                .iter()
                .for_each(|it| it.body.walk(&mut see));
            if !is_tagged {
                let message =
                    "nothing has the tag azd-env-name, by which azd finds what it deployed";
                findings.push(Finding::of_file(&file, message));
            }
            for (name, default) in defaults(&json["parameters"]) {
                let parameter = template.parameters.iter().find(|it| it.name == name);
                let allowed = parameter.and_then(|it| it.allowed.as_ref());
                let allowed: Vec<&str> = (allowed.into_iter().flatten())
                    .filter_map(Expression::text)
                    .collect();
                if !allowed.is_empty() && !allowed.contains(&default) {
                    let similar = nearest(default, allowed.iter().copied());
                    let message = format!(
                        "{name} is {default} by default, which is none of {}{similar}",
                        allowed.join(", ")
                    );
                    findings.push(Finding::of_file(&given, message));
                }
            }
            for parameter in template.parameters.iter().filter(|it| it.default.is_none()) {
                if !names.contains(parameter.name.as_str()) {
                    let message = format!("{given} does not give {}", parameter.name);
                    findings.push(Finding::new(&parameter.place, message));
                }
            }
        }
    }
    findings
}

/// The parameters that are given as `${NAME=default}`, and these defaults.
fn defaults(parameters: &serde_json::Value) -> Vec<(&str, &str)> {
    let parameters = parameters.as_object().into_iter().flatten();
    let defaults = parameters.filter_map(|(name, parameter)| {
        let inner = parameter["value"]
            .as_str()?
            .strip_prefix("${")?
            .strip_suffix('}')?;
        Some((name.as_str(), inner.split_once('=')?.1))
    });
    defaults.collect()
}

/// What stands in braces in a file that a resource reads is filled in, and nothing else is.
pub fn filled_in(project: &Project, stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    for resource in &stack.resources {
        for (file, filled) in texts(&resource.body) {
            let Some(text) = project.text(&file) else {
                let message = format!(
                    "resource {} reads {file}, which is not there",
                    resource.name
                );
                findings.push(Finding::new(&resource.place, message));
                continue;
            };
            let wanted = placeholders(text);
            for word in wanted.difference(&filled) {
                let message = format!(
                    "resource {} does not fill in {word} of {file}",
                    resource.name
                );
                findings.push(Finding::new(&resource.place, message));
            }
            for word in filled.difference(&wanted) {
                let message = format!(
                    "resource {} fills in {word}, which {file} lacks",
                    resource.name
                );
                findings.push(Finding::new(&resource.place, message));
            }
        }
    }
    findings
}

/// The files in a body, with what is filled in.
fn texts(expression: &Expression) -> Vec<(String, BTreeSet<String>)> {
    if let Value::Call {
        name, arguments, ..
    } = &expression.value
        && name == "replace"
        && let [text, word, _] = &arguments[..]
    {
        let mut inner = texts(text);
        for (_, filled) in &mut inner {
            filled.extend(word.text().map(str::to_owned));
        }
        return inner;
    }
    if let Some((_, file)) = loaded(expression) {
        return vec![(file, BTreeSet::new())];
    }
    expression.children().into_iter().flat_map(texts).collect()
}

/// Words in braces: `{component}`.
fn placeholders(text: &str) -> BTreeSet<String> {
    let parts = text
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'));
    let words = parts.map(|(word, _)| word);
    words
        .filter(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
        .map(|word| format!("{{{word}}}"))
        .collect()
}

/// The files that templates read are there.
pub fn loaded_files(project: &Project, templates: &Templates) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut see = |inner: &Expression| {
        if let Some((place, file)) = loaded(inner)
            && project.text(&file).is_none()
        {
            findings.push(Finding::new(&place, format!("there is no file {file}")));
        }
    };
    for template in &templates.bicep {
        for resource in &template.resources {
            resource.body.walk(&mut see);
        }
        for variable in &template.variables {
            variable.value.walk(&mut see);
        }
    }
    for folder in &templates.terraform {
        for resource in &folder.resources {
            resource.body.walk(&mut |it| it.value.walk(&mut see));
        }
        for local in &folder.locals {
            local.value.walk(&mut see);
        }
    }
    findings
}
