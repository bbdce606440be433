//! When resources are there.

use std::collections::BTreeSet;

use super::resources::each_pair;
use super::values::sources;
use crate::expression::{Expression, Value};
use crate::finding::Finding;
use crate::stack::{Resource, Stack};

/// Resources are there on the same conditions.
pub fn conditions(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    each_pair(bicep, terraform, |one, other| {
        let (mut mine, mut theirs) = (terms(bicep, one), terms(terraform, other));
        // What cannot be taken apart still rests on the same.
        if mine.is_none() || theirs.is_none() {
            (mine, theirs) = (Some(names(bicep, one)), Some(names(terraform, other)));
        }
        if mine != theirs {
            let all = |terms: Option<BTreeSet<String>>| match terms.unwrap_or_default() {
                terms if terms.is_empty() => "nothing".to_owned(),
                terms => terms.into_iter().collect::<Vec<_>>().join(", "),
            };
            let message = format!(
                "whether resource {} is there depends on {} in Bicep ({}) and on {} in Terraform",
                one.name,
                all(mine),
                one.place,
                all(theirs)
            );
            findings.push(Finding::new(&other.place, message));
        }
    });
    findings
}

/// The parameters among what an expression rests on.
fn parameters(stack: &Stack, expression: &Expression) -> BTreeSet<String> {
    let mut names = sources(expression);
    names.retain(|name| stack.parameters.iter().any(|it| it.name == *name));
    names
}

/// The parameters that decide whether and how often a resource is there.
fn names(stack: &Stack, resource: &Resource) -> BTreeSet<String> {
    let parts = resource.condition.iter().chain(&resource.over);
    parts.flat_map(|it| parameters(stack, it)).collect()
}

/// All that must hold for a resource to be there, in the words of Terraform; `None` if that is said in a
/// way that is not understood here.
fn terms(stack: &Stack, resource: &Resource) -> Option<BTreeSet<String>> {
    let mut terms = BTreeSet::new();
    for condition in &resource.condition {
        terms.extend(holds(condition, true)?);
    }
    match resource.over.as_ref().map(|over| (over, &over.value)) {
        // `condition ? items : []`
        Some((_, Value::Conditional(condition, items, _))) => {
            terms.extend(holds(condition, true)?);
            terms.extend(parameters(stack, items));
        }
        Some((over, _)) => terms.extend(parameters(stack, over)),
        None => {}
    }
    Some(terms)
}

fn term(name: &str, is: bool) -> Option<BTreeSet<String>> {
    let term = match is {
        true => name.to_owned(),
        false => format!("!{name}"),
    };
    Some(BTreeSet::from([term]))
}

fn number(expression: &Expression) -> Option<f64> {
    match expression.value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

/// What must be so for a condition to be `is`; `None` if it is said in a way that is not understood here.
pub(super) fn holds(condition: &Expression, is: bool) -> Option<BTreeSet<String>> {
    match &condition.value {
        Value::Name(name) => term(name, is),
        // `count = condition ? 0 : 1`
        Value::Conditional(inner, yes, no) => match (number(yes)?, number(no)?) {
            (0.0, _) => holds(inner, !is),
            (_, 0.0) => holds(inner, is),
            _ => None,
        },
        Value::Call {
            name, arguments, ..
        } if name == "empty" => says_something(arguments.first()?, !is),
        Value::Operation(operator, operands) => match (operator.as_str(), &operands[..]) {
            ("!", [inner]) => holds(inner, !is),
            ("&&", [one, other]) if is => {
                let mut terms = holds(one, is)?;
                terms.extend(holds(other, is)?);
                Some(terms)
            }
            ("==", [one, other]) => equals(one, other, is),
            ("!=", [one, other]) => equals(one, other, !is),
            _ => None,
        },
        _ => None,
    }
}

/// What must be so for two to be equal, or not.
fn equals(one: &Expression, other: &Expression, is: bool) -> Option<BTreeSet<String>> {
    if other.text() == Some("") {
        return says_something(one, !is);
    }
    match &one.value {
        // `length(list) == 0`
        Value::Call {
            name, arguments, ..
        } if name == "length" && number(other) == Some(0.0) => {
            says_something(arguments.first()?, !is)
        }
        // `(condition ? 1 : 0) == 1`
        Value::Conditional(condition, yes, no) => match (number(yes)?, number(no)?) {
            (yes, no) if yes == no => None,
            (yes, _) if Some(yes) == number(other) => holds(condition, is),
            (_, no) if Some(no) == number(other) => holds(condition, !is),
            _ => None,
        },
        Value::Name(_) if other.is_constant() => term(&format!("{one} == {other}"), is),
        _ => None,
    }
}

/// What must be so for a value to be something and not empty.
fn says_something(value: &Expression, is: bool) -> Option<BTreeSet<String>> {
    match &value.value {
        Value::Name(name) => term(name, is),
        // Something on a condition only.
        Value::Conditional(condition, _, nothing) if nothing.text() == Some("") => {
            holds(condition, is)
        }
        _ => None,
    }
}
