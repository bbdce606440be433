//! What only Terraform says: how often things are there, what is read of them, and where providers come from.

use crate::expression::{Expression, Value};
use crate::finding::{Finding, nearest};
use crate::project::Templates;
use crate::terraform::{Body, Folder, Resource};

/// Where providers come from.
const PROVIDERS: [(&str, &str); 3] = [
    ("azapi", "Azure/azapi"),
    ("azurerm", "hashicorp/azurerm"),
    ("random", "hashicorp/random"),
];

/// Resources of the provider azapi. Another one of its name is none.
const AZAPI: [&str; 3] = [
    "azapi_resource",
    "azapi_resource_action",
    "azapi_update_resource",
];

/// Checks all folders.
pub fn only_terraform(templates: &Templates) -> Vec<Finding> {
    let mut findings = Vec::new();
    for folder in &templates.terraform {
        providers(folder, &mut findings);
        let mut see = |inner: &Expression| {
            first_of_one(folder, inner, &mut findings);
            exported(folder, inner, &mut findings);
        };
        let bodies = folder.resources.iter().map(|it| &it.body);
        let bodies: Vec<&Body> = bodies
            .chain(folder.modules.iter().map(|it| &it.body))
            .collect();
        for body in &bodies {
            body.walk(&mut |it| it.value.walk(&mut see));
        }
        for value in folder.locals.iter().map(|it| &it.value) {
            value.walk(&mut see);
        }
        for value in folder.outputs.iter().map(|it| &it.value) {
            value.walk(&mut see);
        }
        for body in &bodies {
            if let Some(count) = body.get("count") {
                once_or_never(folder, count, &mut findings);
            }
        }
        for resource in &folder.resources {
            azapi(resource, &mut findings);
        }
    }
    findings
}

fn providers(folder: &Folder, findings: &mut Vec<Finding>) {
    let required = folder
        .settings
        .iter()
        .flat_map(|it| it.body.blocks("required_providers"));
    for provider in required.flat_map(|it| &it.attributes) {
        let name = provider.name().unwrap_or_default();
        let source = provider.value.get("source").and_then(Expression::text);
        match PROVIDERS.iter().find(|(known, _)| *known == name) {
            Some((_, from)) if source == Some(from) => {}
            Some((_, from)) => {
                let message = format!(
                    "provider {name} comes from {}, and {from} is needed",
                    source.unwrap_or("nowhere")
                );
                findings.push(Finding::new(&provider.value.place, message));
            }
            None => {
                let similar = nearest(name, PROVIDERS.iter().map(|(name, _)| *name));
                let message = format!("provider {name} is not known here{similar}");
                findings.push(Finding::new(&provider.value.place, message));
            }
        }
        let version = provider.value.get("version").and_then(Expression::text);
        let number = version.and_then(|it| it.strip_prefix("~> ").or(it.strip_prefix(">= ")));
        let is_version = |it: &str| it.split('.').all(|part| part.parse::<u32>().is_ok());
        if !number.is_some_and(is_version) {
            let message = format!(
                "provider {name} has the version {}, and ~> X.Y or >= X.Y is wanted",
                version.unwrap_or("any")
            );
            findings.push(Finding::new(&provider.value.place, message));
        }
    }
}

/// `count = condition ? 1 : 0`, also by a local value.
fn once_or_never(folder: &Folder, count: &Expression, findings: &mut Vec<Finding>) {
    if let Value::Conditional(_, yes, no) = &count.value
        && let (Value::Number(yes), Value::Number(no)) = (&yes.value, &no.value)
        && yes == no
    {
        let message = format!("count is {yes} either way, and one of the two is to be 0");
        findings.push(Finding::new(&count.place, message));
    }
    for outcome in count.outcomes() {
        match &outcome.value {
            Value::Number(number) if *number != 0.0 && *number != 1.0 => {
                let message =
                    format!("count is {outcome}, and a resource is there once (1) or never (0)");
                findings.push(Finding::new(&outcome.place, message));
            }
            Value::Member(of, name) if matches!(&of.value, Value::Name(it) if it == "local") => {
                if let Some(local) = folder.locals.iter().find(|it| it.name == *name) {
                    once_or_never(folder, &local.value, findings);
                }
            }
            _ => {}
        }
    }
}

/// The name of the resource or module that an expression is.
fn of_folder<'a>(
    folder: &'a Folder,
    expression: &'a Expression,
) -> Option<(&'a str, Option<&'a Resource>)> {
    let Value::Member(kind, name) = &expression.value else {
        return None;
    };
    match &kind.value {
        Value::Name(kind) if kind == "module" => Some((name, None)),
        Value::Name(kind) => {
            let mut resources = folder.resources.iter();
            let resource = resources.find(|it| it.kind == *kind && it.name == *name)?;
            Some((name, Some(resource)))
        }
        // `ephemeral.kind.name`
        Value::Member(mode, kind) if matches!(mode.value, Value::Name(_)) => {
            let mut resources = folder.resources.iter();
            let resource = resources.find(|it| it.kind == *kind && it.name == *name)?;
            Some((name, Some(resource)))
        }
        _ => None,
    }
}

/// What is there once or never has the index 0.
fn first_of_one(folder: &Folder, expression: &Expression, findings: &mut Vec<Finding>) {
    if let Value::Index(object, index) = &expression.value
        && let Some((name, _)) = of_folder(folder, object)
        && let Value::Number(number) = index.value
        && number != 0.0
    {
        let message =
            format!("{name}[{number}]: {name} is there once or never, so that only {name}[0] is");
        findings.push(Finding::new(&index.place, message));
    }
}

/// What is read of the output of a resource of azapi is among what it exports.
fn exported(folder: &Folder, expression: &Expression, findings: &mut Vec<Finding>) {
    let mut path = Vec::new();
    let mut inner = expression;
    let resource = loop {
        match &inner.value {
            Value::Member(object, name) if name == "output" => {
                let object = match &object.value {
                    Value::Index(object, _) => object,
                    _ => object,
                };
                match of_folder(folder, object) {
                    Some((_, Some(resource))) => break resource,
                    _ => return,
                }
            }
            Value::Member(object, name) => {
                path.push(name.as_str());
                inner = object;
            }
            _ => return,
        }
    };
    path.reverse();
    let path = path.join(".");
    let Some(values) = resource.body.get("response_export_values") else {
        return;
    };
    let told: Vec<&str> = match &values.value {
        Value::Array(items) => items.iter().filter_map(Expression::text).collect(),
        _ => values
            .properties()
            .iter()
            .filter_map(|it| it.name())
            .collect(),
    };
    // Each step on the way is an expression, too.
    if !told
        .iter()
        .any(|it| *it == path || it.starts_with(&format!("{path}.")))
        && !path.is_empty()
    {
        let message = format!(
            "{path} is read of {}, which exports {}{}",
            resource.name,
            told.join(", "),
            nearest(&path, told.iter().copied())
        );
        findings.push(Finding::new(&expression.place, message));
    }
}

fn azapi(resource: &Resource, findings: &mut Vec<Finding>) {
    if !resource.kind.starts_with("azapi_") {
        return;
    }
    if !AZAPI.contains(&resource.kind.as_str()) {
        let message = format!(
            "there is no resource {}{}",
            resource.kind,
            nearest(&resource.kind, AZAPI)
        );
        findings.push(Finding::new(&resource.place, message));
    }
    if resource.kind == "azapi_resource_action" {
        let action = resource.body.get("action");
        if action.and_then(Expression::text) != Some("listkeys") {
            let place = action.map_or(&resource.place, |it| &it.place);
            let message = format!(
                "{} does not do listkeys, by which keys are read",
                resource.name
            );
            findings.push(Finding::new(place, message));
        }
    }
    let mut nothing = None;
    if let Some(body) = resource.body.get("body") {
        body.walk(&mut |it| {
            if matches!(it.value, Value::Null) {
                nothing = Some(it);
            }
        });
    }
    let ignored = resource.body.get("ignore_null_property");
    let is_ignored = ignored.is_some_and(|it| matches!(it.value, Value::Bool(true)));
    if let Some(nothing) = nothing.filter(|_| !is_ignored) {
        let message = format!(
            "{} sends null, and needs ignore_null_property = true",
            resource.name
        );
        findings.push(Finding::new(&nothing.place, message));
    }
}
