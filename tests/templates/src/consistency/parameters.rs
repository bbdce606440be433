//! Parameters and outputs.

use std::collections::BTreeMap;

use super::differ;
use super::values::agree;
use crate::expression::Expression;
use crate::finding::{Finding, Place};
use crate::model::Parameter;
use crate::stack::Stack;

/// Parameters whose defaults differ, and why.
const OTHER_DEFAULTS: [(&str, &str); 3] = [
    ("location", "Terraform reads no resource group for it"),
    (
        "export_location",
        "Terraform knows no location of a deployment",
    ),
    ("export_from", "Terraform must remember the day"),
];

/// Parameters that one language needs and the other does not, and why.
pub(super) const ONE_SIDED_PARAMETERS: [(&str, &str); 2] = [
    (
        "resource_group_name",
        "a Bicep file is deployed into a resource group",
    ),
    ("scope", "a Bicep file is deployed to a scope"),
];

/// Both stacks have the same parameters with the same defaults and values.
pub fn parameters(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let [one, other] = [bicep, terraform].map(|stack| {
        let parameters = stack.parameters.iter();
        let parameters = parameters
            .filter(|it| {
                !ONE_SIDED_PARAMETERS
                    .iter()
                    .any(|(name, _)| *name == it.name)
            })
            .map(|it| (it.name.clone(), (it.place.clone(), it)));
        parameters.collect::<BTreeMap<String, (Place, &Parameter)>>()
    });
    differ(
        "parameter",
        (bicep, &one),
        (terraform, &other),
        &mut findings,
    );
    for (name, (_, mine)) in &one {
        let Some((place, theirs)) = other.get(name) else {
            continue;
        };
        let shown = |default: &Option<Expression>| {
            default
                .as_ref()
                .map_or("no default".to_owned(), ToString::to_string)
        };
        let same = shown(&mine.default) == shown(&theirs.default);
        if !same && !OTHER_DEFAULTS.iter().any(|(other, _)| other == name) {
            let message = format!(
                "parameter {name} is {} in Bicep ({}) and {} in Terraform",
                shown(&mine.default),
                mine.place,
                shown(&theirs.default)
            );
            findings.push(Finding::new(place, message));
        }
        let allowed = |parameter: &Parameter| -> Vec<String> {
            let allowed = parameter.allowed.iter().flatten();
            allowed.map(ToString::to_string).collect()
        };
        if allowed(mine) != allowed(theirs) {
            let message = format!(
                "parameter {name} takes [{}] in Bicep ({}) and [{}] in Terraform",
                allowed(mine).join(", "),
                mine.place,
                allowed(theirs).join(", ")
            );
            findings.push(Finding::new(place, message));
        }
        if (mine.least, mine.most) != (theirs.least, theirs.most) {
            let range = |parameter: &Parameter| {
                let shown =
                    |bound: Option<f64>| bound.map_or("\u{2026}".to_owned(), |it| it.to_string());
                format!("{} to {}", shown(parameter.least), shown(parameter.most))
            };
            let message = format!(
                "parameter {name} is {} in Bicep ({}) and {} in Terraform",
                range(mine),
                mine.place,
                range(theirs)
            );
            findings.push(Finding::new(place, message));
        }
        if mine.secure != theirs.secure {
            let message = format!("parameter {name} is a secret in one language only");
            findings.push(Finding::new(place, message));
        }
        // `string` and `string`, `array` and `list(string)`, `object` and `map(string)`.
        let kind = |parameter: &Parameter| match parameter.type_name.split(['(', '<']).next() {
            Some("int" | "number") => "number",
            Some("array" | "list" | "set") => "list",
            Some("object" | "map") => "object",
            Some("bool") => "bool",
            _ => "string",
        };
        if kind(mine) != kind(theirs) {
            let message = format!(
                "parameter {name} is {} in Bicep ({}) and {} in Terraform",
                mine.type_name, mine.place, theirs.type_name
            );
            findings.push(Finding::new(place, message));
        }
    }
    findings
}

/// Both stacks have the same outputs, which tell the same.
pub fn outputs(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let [one, other] = [bicep, terraform].map(|stack| {
        let outputs = stack.outputs.iter();
        let outputs = outputs.map(|it| (it.name.clone(), (it.place.clone(), &it.value)));
        outputs.collect::<BTreeMap<_, _>>()
    });
    differ("output", (bicep, &one), (terraform, &other), &mut findings);
    for (name, (_, mine)) in &one {
        if let Some((_, theirs)) = other.get(name)
            && !agree(mine, theirs, &[])
        {
            let message = format!(
                "output {name} is {mine} in Bicep ({}) and {theirs} in Terraform",
                mine.place
            );
            findings.push(Finding::new(&theirs.place, message));
        }
    }
    findings
}
