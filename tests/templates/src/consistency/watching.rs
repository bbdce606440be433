//! What tells of the app, and of exports: logs, rules over them, and events.

use super::documents::loaded;
use super::functions::functions;
use super::resources::{names_of, of_kind};
use super::roles::roots;
use super::values::{exact, of};
use crate::expression::{Expression, Value};
use crate::finding::{Finding, nearest};
use crate::project::{Project, Templates};
use crate::stack::{Resource, Stack};

const CONTAINERS: &str = "Microsoft.Storage/storageAccounts/blobServices/containers";
const QUEUES: &str = "Microsoft.Storage/storageAccounts/queueServices/queues";

/// What is logged of what, by a word of its target in either language, and why.
const LOGS: [(&[&str], &str, &str); 3] = [
    (
        &["@site"],
        "FunctionAppLogs",
        "it is all there is when the app cannot reach Application Insights",
    ),
    (
        &["@queue_services", "/queueServices/"],
        "StorageWrite",
        "the rule about poison messages looks for them",
    ),
    (
        &["@vault"],
        "AuditEvent",
        "who read which secret is nowhere else",
    ),
];

/// Diagnostic settings log what rules and people look for.
pub fn logs(stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (targets, wanted, why) in LOGS {
        let settings: Vec<&Resource> = of_kind(stack, "Microsoft.Insights/diagnosticSettings")
            .filter(|it| {
                let target = of(it, "scope", "target_resource_id");
                let target = target.first().map(ToString::to_string).unwrap_or_default();
                targets.iter().any(|word| target.contains(word))
            })
            .collect();
        let categories: Vec<&Expression> = settings
            .iter()
            .flat_map(|it| of(it, "properties.logs.category", "enabled_log.category"))
            .collect();
        if !categories.iter().any(|it| it.text() == Some(wanted)) {
            let is: Vec<&str> = categories.iter().filter_map(|it| it.text()).collect();
            let place = categories.first().map(|it| &it.place);
            let place = place.or(settings.first().map(|it| &it.place));
            let message = format!(
                "of {} are logged: {}; {wanted} is needed: {why}",
                targets[0],
                match is.is_empty() {
                    true => "nothing".to_owned(),
                    false => is.join(", "),
                }
            );
            findings.push(Finding::new(place.unwrap_or(&stack.place), message));
        }
    }
    findings
}

/// The shortest time that a rule must look at, by the last words of its name, in minutes, and why.
/// Beyond these a rule looks back as far as its query does.
const WINDOWS: [(&str, f64, &str); 2] = [
    (
        "failed-invocations",
        60.0,
        "its description says: within an hour",
    ),
    (
        "stale-data",
        24.0 * 60.0,
        "a read that is evaluated once a day is to be seen",
    ),
];

/// Minutes of `PT1H`, `P2D`.
fn minutes(duration: &str) -> Option<f64> {
    let rest = duration.strip_prefix('P')?;
    let (days, time) = rest.split_once('T').unwrap_or((rest, ""));
    let mut total = 0.0;
    for (part, units) in [
        (days, &[('D', 1440.0)][..]),
        (time, &[('H', 60.0), ('M', 1.0)][..]),
    ] {
        let mut rest = part;
        for (unit, length) in units {
            if let Some((number, after)) = rest.split_once(*unit) {
                total += number.parse::<f64>().ok()? * length;
                rest = after;
            }
        }
        if !rest.is_empty() {
            return None;
        }
    }
    (total > 0.0).then_some(total)
}

/// What is put in for `{hours}` in an expression.
fn hours(expression: &Expression) -> Option<&Expression> {
    let mut found = None;
    expression.walk(&mut |inner| {
        if let Value::Call {
            name, arguments, ..
        } = &inner.value
            && name == "replace"
            && let [_, word, value] = &arguments[..]
            && word.text() == Some("{hours}")
        {
            found = Some(value);
        }
    });
    found
}

/// Alert rules look at no less time than passes between two looks, than their query asks for, and than
/// they are described to.
pub fn windows(project: &Project, stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in of_kind(stack, "Microsoft.Insights/scheduledQueryRules") {
        let get = |azure: &str, azurerm: &str| of(rule, azure, azurerm).first().copied();
        let window = get("properties.windowSize", "window_duration");
        let every = get("properties.evaluationFrequency", "evaluation_frequency");
        let (Some(window), Some(every)) = (window, every) else {
            let message = format!(
                "rule {} does not say how far it looks back, and how often",
                rule.name
            );
            findings.push(Finding::new(&rule.place, message));
            continue;
        };
        let length = |it: &Expression| it.text().and_then(minutes);
        let (Some(minutes), Some(every_minutes)) = (length(window), length(every)) else {
            let message = format!(
                "rule {} has {window} or {every}, which is no duration",
                rule.name
            );
            findings.push(Finding::new(&window.place, message));
            continue;
        };
        let mut wanted: Vec<(f64, String)> =
            vec![(every_minutes, format!("it looks every {every}"))];
        let name = rule.body.get("name").map(exact).unwrap_or_default();
        for (end, least, why) in WINDOWS {
            if name.ends_with(end) {
                wanted.push((least, why.to_owned()));
            }
        }
        let query = get("properties.criteria.allOf.query", "criteria.query");
        if let Some(query) = query {
            let mut looks_back = false;
            query.walk(&mut |it| {
                let file = loaded(it).and_then(|(_, file)| project.text(&file));
                looks_back |= file.is_some_and(|text| text.contains("ago({hours}h)"));
            });
            let parameter = hours(query).map(roots).unwrap_or_default();
            let parameter = stack.parameters.iter().find(|it| it.name == parameter);
            if let Some(parameter) = parameter.filter(|_| looks_back) {
                match parameter.most {
                    Some(most) => {
                        let why = format!(
                            "its query looks back {} hours, up to {most}",
                            parameter.name
                        );
                        wanted.push((most * 60.0, why));
                    }
                    None => {
                        let message = format!(
                            "rule {} looks back {} hours, which may be more than its {window}: it needs a largest value",
                            rule.name, parameter.name
                        );
                        findings.push(Finding::new(&parameter.place, message));
                    }
                }
            }
        }
        for (least, why) in wanted.iter().filter(|(least, _)| *least > minutes) {
            let message = format!(
                "rule {} looks at {window}, and at least {least} minutes are needed: {why}",
                rule.name
            );
            findings.push(Finding::new(&window.place, message));
        }
    }
    findings
}

/// Events tell of manifests in a container that is there, by a queue that a function listens to.
pub fn events(project: &Project, stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let containers = names_of(stack, CONTAINERS);
    let queues: Vec<String> = functions(project, &mut Vec::new())
        .iter()
        .filter_map(|it| it.bindings[0]["queueName"].as_str().map(str::to_owned))
        .collect();
    for subscription in of_kind(stack, "Microsoft.EventGrid/systemTopics/eventSubscriptions") {
        let mut check = |azure: &str, azurerm: &str, is: &dyn Fn(&str) -> bool, wanted: &str| {
            let values = of(subscription, azure, azurerm);
            if values.is_empty() {
                let message = format!("{} has no {azure}; {wanted} is needed", subscription.name);
                findings.push(Finding::new(&subscription.place, message));
            }
            for value in values.iter().filter(|it| !is(&exact(it))) {
                let message = format!(
                    "{} has {azure} {value}, and {wanted} is needed",
                    subscription.name
                );
                findings.push(Finding::new(&value.place, message));
            }
        };
        check(
            "properties.filter.includedEventTypes",
            "included_event_types",
            &|it| it == "Microsoft.Storage.BlobCreated",
            "Microsoft.Storage.BlobCreated",
        );
        check(
            "properties.filter.subjectEndsWith",
            "subject_filter.subject_ends_with",
            &|it| it == "manifest.json",
            "manifest.json, by which a run of an export ends,",
        );
        let begins: Vec<String> = containers
            .iter()
            .map(|it| format!("/blobServices/default/containers/{it}/"))
            .collect();
        check(
            "properties.filter.subjectBeginsWith",
            "subject_filter.subject_begins_with",
            &|it| begins.iter().any(|begin| it.starts_with(begin)),
            "/blobServices/default/containers/CONTAINER/ of a container that is made",
        );
        check(
            "properties.deliveryWithResourceIdentity.destination.properties.queueName",
            "storage_queue_endpoint.queue_name",
            &|it| {
                queues
                    .iter()
                    .any(|queue| it == format!("@queues[{queue}].name") || it == queue)
            },
            "a queue that a function listens to",
        );
    }
    findings
}

/// Containers and queues that are only referred to by their names are made, and exports go to one that is.
pub fn referred_by_name(templates: &Templates, stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut check = |kind: &str, name: &Expression| {
        let made = names_of(stack, kind);
        if let Some(text) = name.text()
            && !made.contains(text)
        {
            let similar = nearest(text, made.iter().map(String::as_str));
            let message = format!("nothing in {} makes {text} ({kind}){similar}", stack.place);
            findings.push(Finding::new(&name.place, message));
        }
    };
    let existing = templates
        .bicep
        .iter()
        .filter(|it| it.file.starts_with("infra/bicep/"));
    for resource in existing
        .flat_map(|it| &it.resources)
        .filter(|it| it.existing)
    {
        let kind = resource.kind.split('@').next().unwrap_or_default();
        let name = resource.body.get("name");
        if let Some(name) = name.filter(|_| kind == CONTAINERS || kind == QUEUES) {
            check(kind, name);
        }
    }
    for export in of_kind(stack, "Microsoft.CostManagement/exports") {
        let path = "properties.deliveryInfo.destination.container";
        for name in of(export, path, "export_data_storage_location.container_id") {
            check(CONTAINERS, name);
        }
    }
    findings
}

/// Functions whose keys templates ask for are there.
pub fn known_functions(project: &Project, templates: &Templates) -> Vec<Finding> {
    let mut findings = Vec::new();
    let functions = functions(project, &mut Vec::new());
    let names: Vec<&str> = functions.iter().map(|it| it.name.as_str()).collect();
    let mut see = |inner: &Expression| {
        let text = inner.text().unwrap_or_default();
        for rest in text.split("/functions/").skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let name = &rest[..end.unwrap_or(rest.len())];
            if !names.contains(&name) {
                let similar = nearest(name, names.iter().copied());
                let message = format!("there is no function {name}{similar}");
                findings.push(Finding::new(&inner.place, message));
            }
        }
    };
    for resource in templates.bicep.iter().flat_map(|it| &it.resources) {
        resource.body.walk(&mut see);
    }
    for resource in templates.terraform.iter().flat_map(|it| &it.resources) {
        resource.body.walk(&mut |it| it.value.walk(&mut see));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_minutes() {
        assert_eq!(minutes("PT1H"), Some(60.0));
        assert_eq!(minutes("PT15M"), Some(15.0));
        assert_eq!(minutes("P2D"), Some(2880.0));
        assert_eq!(minutes("P1DT2H"), Some(1560.0));
        assert_eq!(minutes("1H"), None);
        assert_eq!(minutes("PT"), None);
    }
}
