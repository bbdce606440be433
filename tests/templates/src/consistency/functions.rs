//! Function folders, and what their triggers need.

use super::resources::names_of;
use super::settings::settings_of;
use crate::finding::{Finding, Place, nearest};
use crate::project::Project;
use crate::stack::Stack;

/// A function folder.
pub(super) struct Function {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) bindings: serde_json::Value,
}

/// All function folders, and what of them is not JSON.
pub(super) fn functions(project: &Project, findings: &mut Vec<Finding>) -> Vec<Function> {
    let mut functions = Vec::new();
    for (file, text) in project.files("function-definitions/", "/function.json") {
        let name = file.split('/').nth(1).unwrap_or_default().to_owned();
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(json) => functions.push(Function {
                name,
                file: file.to_owned(),
                bindings: json["bindings"].clone(),
            }),
            Err(error) => findings.push(Finding::of_file(file, format!("not JSON: {error}"))),
        }
    }
    functions
}

/// Every function folder has a route in the handler, and every route a folder.
pub fn routes(project: &Project, routes: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let functions = functions(project, &mut findings);
    for function in &functions {
        if !routes.contains(&function.name.as_str()) {
            let similar = nearest(&function.name, routes.iter().copied());
            let message = format!("the handler has no route {}{similar}", function.name);
            findings.push(Finding::of_file(&function.file, message));
        }
    }
    for route in routes {
        if !functions.iter().any(|it| it.name == *route) {
            let message = format!("the route {route} of the handler has no folder");
            findings.push(Finding::of_file("function-definitions", message));
        }
    }
    findings
}

/// The queues of the triggers and of the code are made, with those for poison.
pub fn queues(project: &Project, stack: &Stack, used: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let made = names_of(
        stack,
        "Microsoft.Storage/storageAccounts/queueServices/queues",
    );
    let mut wanted: Vec<(String, Place)> = Vec::new();
    for function in functions(project, &mut findings) {
        for binding in function.bindings.as_array().into_iter().flatten() {
            if let Some(queue) = binding["queueName"].as_str() {
                wanted.push((queue.to_owned(), Place::new(function.file.clone(), 0)));
            }
        }
    }
    wanted.extend(
        used.iter()
            .map(|it| ((*it).to_owned(), stack.place.clone())),
    );
    for (queue, place) in wanted {
        for queue in [queue.clone(), format!("{queue}-poison")] {
            if !made.contains(&queue) {
                let similar = nearest(&queue, made.iter().map(String::as_str));
                let message = format!("{} makes no queue {queue}{similar}", stack.language);
                findings.push(Finding::new(&place, message));
            }
        }
    }
    findings
}

/// The containers of the code are made.
pub fn containers(stack: &Stack, used: &[&str]) -> Vec<Finding> {
    let made = names_of(
        stack,
        "Microsoft.Storage/storageAccounts/blobServices/containers",
    );
    let missing = used.iter().filter(|it| !made.contains(**it));
    missing
        .map(|container| {
            let similar = nearest(container, made.iter().map(String::as_str));
            let message = format!("{} makes no container {container}{similar}", stack.language);
            Finding::new(&stack.place, message)
        })
        .collect()
}

/// The settings that function folders name are written: `%SETTING%` and those of connections.
pub fn settings_of_functions(project: &Project, stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let written = settings_of(stack);
    for function in functions(project, &mut findings) {
        let mut wanted = Vec::new();
        for binding in function.bindings.as_array().into_iter().flatten() {
            for (key, value) in binding.as_object().into_iter().flatten() {
                let text = value.as_str().unwrap_or_default();
                if key == "connection" {
                    let service = match binding["type"].as_str() {
                        Some(kind) if kind.starts_with("blob") => "blobServiceUri",
                        _ => "queueServiceUri",
                    };
                    wanted.push(format!("{text}__{service}"));
                    wanted.push(format!("{text}__credential"));
                    wanted.push(format!("{text}__clientId"));
                } else {
                    wanted.extend(text.split('%').skip(1).step_by(2).map(str::to_owned));
                }
            }
        }
        for name in wanted.iter().filter(|it| !written.contains_key(*it)) {
            let similar = nearest(name, written.keys().map(String::as_str));
            let message = format!(
                "{} does not write the setting {name}{similar}",
                stack.language
            );
            findings.push(Finding::of_file(&function.file, message));
        }
    }
    findings
}
