//! App settings.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::holds;
use super::differ;
use super::resources::{arm_body, arm_type};
use super::roles::roots;
use super::values::{canonical, sources};
use crate::expression::{Expression, Property, Value};
use crate::finding::{Finding, Place, nearest};
use crate::stack::Stack;

/// Settings that a Flex Consumption app refuses, or that break it: they moved into its properties.
pub const REFUSED_SETTINGS: [&str; 11] = [
    "AzureWebJobsStorage",
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_CONTENTOVERVNET",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_VNET_ROUTE_ALL",
];

/// Settings that the handler or its host reads and that a deployment as it is meant has no use for.
const UNWRITTEN_SETTINGS: [&str; 5] = [
    // The platform says it.
    "WEBSITE_HOSTNAME",
    // The host asks for a key of its own.
    "SPENDWATCH_API_KEY",
    // The state is in the host's account, where the queue triggers listen.
    "SPENDWATCH_QUEUES",
    "SPENDWATCH_STATE",
    // `host.json` says it.
    "AzureFunctionsJobHost__functionTimeout",
];

/// The expressions that say all settings of the app.
fn written(stack: &Stack) -> Vec<&Expression> {
    let written = stack.resources.iter().filter_map(|resource| {
        let body = arm_body(resource);
        match arm_type(resource).as_str() {
            "Microsoft.Web/sites/config"
                if resource.body.get("name").and_then(Expression::text) == Some("appsettings") =>
            {
                body.get("properties")
            }
            "Microsoft.Web/sites" => body.get("properties.siteConfig.appSettings"),
            _ => None,
        }
    });
    written.collect()
}

/// The settings that a stack writes, with all values that they may have. The parameters whose entries become settings stand among them as `*name`.
pub(super) fn settings_of(stack: &Stack) -> BTreeMap<String, (Place, Vec<Expression>)> {
    let mut settings = BTreeMap::new();
    for (at, written) in written(stack).into_iter().enumerate() {
        if at > 0 {
            settings.insert(TWICE.to_owned(), (written.place.clone(), Vec::new()));
        }
        match &written.value {
            // `[{ name = …, value = … }]`
            Value::Array(items) => {
                for item in items {
                    if let (Some(name), Some(value)) = (item.get("name"), item.get("value")) {
                        let name = name
                            .text()
                            .map_or_else(|| format!("*{name}"), str::to_owned);
                        settings
                            .entry(name)
                            .or_insert_with(|| (item.place.clone(), Vec::new()))
                            .1
                            .push(value.clone());
                    }
                }
            }
            // The same of an object's entries.
            Value::Each(each) if each.key.is_none() => collect_settings(&each.over, &mut settings),
            _ => collect_settings(written, &mut settings),
        }
    }
    settings
}

/// What must be so for a setting to be written, for those that not always are.
fn terms_of(stack: &Stack) -> BTreeMap<String, (Place, BTreeSet<String>)> {
    let mut terms = BTreeMap::new();
    for written in written(stack) {
        match &written.value {
            Value::Each(each) => collect_terms(&each.over, &BTreeSet::new(), &mut terms),
            _ => collect_terms(written, &BTreeSet::new(), &mut terms),
        }
    }
    terms
}

fn collect_terms(
    expression: &Expression,
    so_far: &BTreeSet<String>,
    terms: &mut BTreeMap<String, (Place, BTreeSet<String>)>,
) {
    match &expression.value {
        Value::Object(properties) if !so_far.is_empty() => {
            for Property { key, .. } in properties {
                let name = key.text().unwrap_or_default().to_owned();
                terms.insert(name, (key.place.clone(), so_far.clone()));
            }
        }
        Value::Conditional(condition, yes, no) => {
            for (part, is) in [(yes, true), (no, false)] {
                let mut all = so_far.clone();
                all.extend(holds(condition, is).unwrap_or_else(|| sources(condition)));
                collect_terms(part, &all, terms);
            }
        }
        Value::Call {
            name, arguments, ..
        } if matches!(name.as_str(), "union" | "merge" | "shallowMerge") => {
            for part in arguments {
                collect_terms(part, so_far, terms);
            }
        }
        _ => {}
    }
}

/// Stands among the settings that are written in two places.
const TWICE: &str = "*written in two places";

fn collect_settings(
    expression: &Expression,
    settings: &mut BTreeMap<String, (Place, Vec<Expression>)>,
) {
    match &expression.value {
        Value::Object(properties) => {
            for Property { key, value } in properties {
                let name = key.text().map_or_else(|| format!("*{key}"), str::to_owned);
                settings
                    .entry(name)
                    .or_insert_with(|| (key.place.clone(), Vec::new()))
                    .1
                    .push(value.clone());
            }
        }
        Value::Conditional(_, yes, no) => {
            collect_settings(yes, settings);
            collect_settings(no, settings);
        }
        Value::Call {
            name, arguments, ..
        } if matches!(name.as_str(), "union" | "merge" | "shallowMerge") => {
            for part in arguments {
                collect_settings(part, settings);
            }
        }
        _ => {
            // One setting for each entry of a parameter: `toObject(items(…), …)`, `{for …}`.
            let (over, value) = match &expression.value {
                Value::Call {
                    name, arguments, ..
                } if name == "toObject" => {
                    let value = arguments.get(2).map(|it| match &it.value {
                        Value::Lambda(_, body) => &**body,
                        _ => it,
                    });
                    (arguments.first().map(roots), value)
                }
                Value::Each(each) => (Some(roots(&each.over)), Some(&each.value)),
                _ => (Some(roots(expression)), None),
            };
            let name = format!("*{}", over.unwrap_or_default());
            let values = value.into_iter().cloned().collect();
            settings.insert(name, (expression.place.clone(), values));
        }
    }
}

/// Both stacks write the same settings with the same values.
pub fn settings(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let one = settings_of(bicep);
    let other = settings_of(terraform);
    differ("setting", (bicep, &one), (terraform, &other), &mut findings);
    // Each language names the items of a loop in its way.
    for (name, (place, mine)) in one.iter().filter(|(name, _)| !name.starts_with('*')) {
        let Some((_, theirs)) = other.get(name) else {
            continue;
        };
        let values = |settings: &[Expression]| -> BTreeSet<String> {
            settings.iter().map(canonical).collect()
        };
        let (mine, theirs) = (values(mine), values(theirs));
        if mine != theirs {
            let all =
                |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(" or ");
            let message = format!(
                "setting {name} is {} in Bicep and {} in Terraform",
                all(mine),
                all(theirs)
            );
            findings.push(Finding::new(place, message));
        }
    }
    let (one, other) = (terms_of(bicep), terms_of(terraform));
    for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
        let when = |terms: &BTreeMap<String, (Place, BTreeSet<String>)>| {
            let terms = terms.get(name).map(|(_, terms)| terms);
            let terms: Vec<String> = terms.into_iter().flatten().cloned().collect();
            match terms.is_empty() {
                true => "always".to_owned(),
                false => format!("if {}", terms.join(" and ")),
            }
        };
        let (mine, theirs) = (when(&one), when(&other));
        if mine != theirs
            && let Some((place, _)) = one.get(name).or(other.get(name))
        {
            let message =
                format!("setting {name} is written {mine} in Bicep and {theirs} in Terraform");
            findings.push(Finding::new(place, message));
        }
    }
    findings
}

/// A stack writes what the handler and its host read, and nothing else.
pub fn settings_read(stack: &Stack, read: &BTreeSet<String>) -> Vec<Finding> {
    let written = settings_of(stack);
    let mut findings = Vec::new();
    for (name, (place, _)) in &written {
        if REFUSED_SETTINGS.contains(&name.as_str()) {
            let message = format!("a Flex Consumption app refuses the setting {name}");
            findings.push(Finding::new(place, message));
        } else if name == TWICE {
            let message = "settings are written as a whole, so the last one of two to write them \
                           wins: write them in one place";
            findings.push(Finding::new(place, message));
        } else if !name.starts_with('*') && !read.contains(name) {
            let similar = nearest(name, read.iter().map(String::as_str));
            let message = format!("nothing reads the setting {name}{similar}");
            findings.push(Finding::new(place, message));
        }
    }
    let wanted = read.iter().map(String::as_str);
    for name in wanted.filter(|it| !UNWRITTEN_SETTINGS.contains(it)) {
        if !written.contains_key(name) {
            let message = format!("the setting {name} is read and not written");
            findings.push(Finding::new(&stack.place, message));
        }
    }
    findings
}
