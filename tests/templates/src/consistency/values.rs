//! Values of either language, seen as Azure gets them.

use std::collections::BTreeSet;

use super::conditions::holds;
use super::parameters::ONE_SIDED_PARAMETERS;
use super::resources::arm_body;
use crate::expression::{Expression, Value};
use crate::stack::{Resource, snake};

/// All that stands at a path, through lists, loops and what is put together of several objects.
pub(super) fn at<'a>(expression: &'a Expression, path: &str) -> Vec<&'a Expression> {
    match &expression.value {
        Value::Array(items) => items.iter().flat_map(|it| at(it, path)).collect(),
        Value::Each(each) => at(&each.value, path),
        Value::Conditional(_, yes, no) if !path.is_empty() => {
            [yes, no].into_iter().flat_map(|it| at(it, path)).collect()
        }
        Value::Call {
            name, arguments, ..
        } if matches!(name.as_str(), "union" | "merge" | "concat") && !path.is_empty() => {
            arguments.iter().flat_map(|it| at(it, path)).collect()
        }
        _ if path.is_empty() => vec![expression],
        _ => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            let property = expression.get(name);
            property.map_or_else(Vec::new, |value| at(value, rest))
        }
    }
}

/// All that a resource has at a path of Azure's or, where azurerm made it, at a path of azurerm's.
pub(super) fn of<'a>(resource: &'a Resource, azure: &str, azurerm: &str) -> Vec<&'a Expression> {
    if resource.kind.starts_with("azurerm_") {
        return at(&resource.body, azurerm);
    }
    let mut values = at(arm_body(resource), azure);
    if let Some(sensitive) = resource.body.get("sensitive_body") {
        values.extend(at(sensitive, azure));
    }
    values
}

/// An expression with the words of either language made the same.
pub(super) fn canonical(expression: &Expression) -> String {
    let text = snake(&expression.to_string()).replace(".properties.", ".");
    let same = [
        (".primary_endpoints.blob", ".primary_blob_endpoint"),
        (".primary_endpoints.queue", ".primary_queue_endpoint"),
        (".primary_endpoints.table", ".primary_table_endpoint"),
    ];
    same.iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}

/// An expression with its constants as they are and the rest in the words that are the same in either
/// language: `ClientId=${@identity.client_id}`.
pub(super) fn exact(expression: &Expression) -> String {
    match &expression.value {
        Value::String(text) => text.clone(),
        Value::Template(parts) => {
            let parts = parts.iter().map(|part| match part.text() {
                Some(text) => text.to_owned(),
                None => format!("${{{}}}", canonical(part)),
            });
            parts.collect()
        }
        _ => canonical(expression),
    }
}

/// The names of resources and parameters that an expression rests on. What only Terraform has names for
/// does not count: data sources, and the scope that it deploys to.
pub(super) fn sources(expression: &Expression) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    expression.walk(&mut |inner| {
        if let Value::Name(name) = &inner.value {
            let one_sided = ONE_SIDED_PARAMETERS.iter().any(|(other, _)| other == name);
            if !one_sided && !name.starts_with("data ") && !name.ends_with("export_from") {
                names.insert(name.clone());
            }
        }
    });
    // A lambda and a comprehension name their items as they like.
    expression.walk(&mut |inner| match &inner.value {
        Value::Lambda(own, _) => names.retain(|it| !own.contains(it)),
        Value::Each(_) => names.retain(|it| !it.starts_with("each ")),
        _ => {}
    });
    names
}

/// Whether Bicep asks for the scope that it deploys to, which Terraform is told.
fn asks_where(expression: &Expression) -> bool {
    let mut asks = false;
    expression.walk(&mut |inner| {
        if let Value::Call {
            name, arguments, ..
        } = &inner.value
        {
            let scopes = ["subscription", "managementGroup", "resourceGroup"];
            asks |= arguments.is_empty() && scopes.contains(&name.as_str());
        }
    });
    asks
}

/// Whether a value says nothing.
fn is_nothing(expression: &Expression) -> bool {
    match &expression.value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(properties) => properties.is_empty(),
        _ => false,
    }
}

/// What Terraform says and what Azure calls it: `true` and `Enabled`.
pub(super) type Words = &'static [(&'static str, &'static str)];

/// Whether both say the same, as far as that can be told: constants are the same, and what is worked out
/// rests on the same.
pub(super) fn agree(bicep: &Expression, terraform: &Expression, words: Words) -> bool {
    match (&bicep.value, &terraform.value) {
        (Value::Conditional(when, yes, no), Value::Conditional(other, other_yes, other_no)) => {
            let same = match (holds(when, true), holds(other, true)) {
                (Some(mine), Some(theirs)) => mine == theirs,
                // Not taken apart.
                _ => true,
            };
            same && agree(yes, other_yes, words) && agree(no, other_no, words)
        }
        // `condition ? a : b` is `!condition` if a is what `false` is called.
        (Value::Conditional(_, yes, no), Value::Operation(operator, _)) => {
            let is = |value: bool, one: &Expression| {
                let place = &terraform.place;
                agree(one, &Expression::new(place, Value::Bool(value)), words)
            };
            let when = operator != "!";
            is(when, yes) && is(!when, no)
        }
        // What is there only on a condition, and is asked for only then.
        (Value::Conditional(..), _) => said(bicep).is_some_and(|it| agree(it, terraform, words)),
        (_, Value::Conditional(..)) => said(terraform).is_some_and(|it| agree(bicep, it, words)),
        (Value::Template(one), Value::Template(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| agree(a, b, &[]))
        }
        // The same property of the same resource, whatever it is part of.
        (Value::Member(..), Value::Member(..)) => {
            let last = |one| canonical(one).rsplit('.').next().map(str::to_owned);
            last(bicep) == last(terraform) && sources(bicep) == sources(terraform)
        }
        (
            Value::Call {
                arguments: mine, ..
            },
            Value::Call {
                arguments: theirs, ..
            },
        ) if !mine.is_empty() => {
            let (ours, others) = (numbers(mine), numbers(theirs));
            // `take(text, 6)` is `substr(text, 0, 6)`.
            let same_numbers = match mine.len() == theirs.len() {
                true => ours == others,
                false => ours.last() == others.last(),
            };
            let texts = mine.iter().zip(theirs).all(|(one, other)| {
                let texts = (one.text(), other.text());
                !matches!(texts, (Some(one), Some(other)) if one != other)
            });
            same_numbers && texts && (asks_where(bicep) || sources(bicep) == sources(terraform))
        }
        _ if bicep.is_constant() && terraform.is_constant() => {
            let plain =
                |one: &Expression| one.text().map_or_else(|| one.to_string(), str::to_owned);
            let theirs = plain(terraform);
            let called = words.iter().find(|(word, _)| *word == theirs);
            plain(bicep) == called.map_or(theirs, |(_, called)| (*called).to_owned())
        }
        _ => asks_where(bicep) || sources(bicep) == sources(terraform),
    }
}

/// The numbers among arguments; `26 - length` begins with one.
fn numbers(arguments: &[Expression]) -> Vec<String> {
    let first = |argument: &Expression| match &argument.value {
        Value::Operation(_, operands) => operands.first().map(|it| it.value.clone()),
        value => Some(value.clone()),
    };
    let numbers = arguments.iter().filter_map(|it| match first(it) {
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    });
    numbers.collect()
}

/// The one outcome of an expression that says something.
fn said(expression: &Expression) -> Option<&Expression> {
    let mut outcomes = expression.outcomes();
    outcomes.retain(|it| !is_nothing(it));
    match outcomes[..] {
        [one] => Some(one),
        _ => None,
    }
}
