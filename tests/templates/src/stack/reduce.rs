//! Puts in what names stand for, and works out what is constant.

use crate::expression::{Each, Expression, Property, Value};
use crate::finding::Place;

/// What names stand for.
pub(super) trait Scope {
    /// What a path of names stands for, already reduced.
    fn lookup(&self, path: &[&str], place: &Place) -> Option<Expression>;
}

pub(super) type Bound = Vec<(String, Expression)>;

fn path(expression: &Expression) -> Option<Vec<&str>> {
    match &expression.value {
        Value::Name(name) => Some(vec![name]),
        Value::Member(object, name) => {
            let mut path = path(object)?;
            path.push(name);
            Some(path)
        }
        // A module that is there once or never: `module.x[0].y`.
        Value::Index(object, _) => path(object).filter(|path| path[0] == "module"),
        _ => None,
    }
}

pub(super) fn name(text: impl Into<String>, place: &Place) -> Expression {
    Expression::new(place, Value::Name(text.into()))
}

pub(super) fn string(text: impl Into<String>, place: &Place) -> Expression {
    Expression::new(place, Value::String(text.into()))
}

/// Puts in what names stand for and works out what is constant.
pub(super) fn reduce(expression: &Expression, bound: &mut Bound, scope: &dyn Scope) -> Expression {
    let place = &expression.place;
    if let Some(path) = path(expression) {
        let first = bound.iter().rev().find(|(name, _)| *name == path[0]);
        match first {
            Some((_, value)) if path.len() == 1 => return value.clone(),
            Some(_) => {}
            None => {
                if let Some(value) = scope.lookup(&path, place) {
                    return value;
                }
            }
        }
    }
    let mut all = |items: &[Expression]| -> Vec<Expression> {
        items
            .iter()
            .map(|item| reduce(item, bound, scope))
            .collect()
    };
    let value = match &expression.value {
        Value::Template(parts) => template(all(parts)),
        Value::Array(items) => Value::Array(all(items)),
        Value::Object(properties) => Value::Object(
            properties
                .iter()
                .map(|Property { key, value }| Property {
                    key: reduce(key, bound, scope),
                    value: reduce(value, bound, scope),
                })
                .collect(),
        ),
        Value::Member(object, member) => {
            let object = reduce(object, bound, scope);
            match object.get(member) {
                Some(value) => return value.clone(),
                None => Value::Member(Box::new(object), member.clone()),
            }
        }
        Value::Index(object, index) => {
            let object = reduce(object, bound, scope);
            let index = reduce(index, bound, scope);
            match (&object.value, &index.value) {
                (Value::Object(_), Value::String(key)) if object.get(key).is_some() => {
                    return object.get(key).cloned().unwrap_or(index);
                }
                (Value::Array(items), Value::Number(at)) if (*at as usize) < items.len() => {
                    return items[*at as usize].clone();
                }
                // What is there once or never; or one of several.
                (Value::Name(resource), _) if resource.starts_with('@') => match index.text() {
                    Some(index) => Value::Name(format!("{resource}[{index}]")),
                    None => return object,
                },
                _ => Value::Index(Box::new(object), Box::new(index)),
            }
        }
        Value::Call {
            on,
            name,
            arguments,
        } => {
            let arguments = all(arguments);
            match call(name, &arguments, bound, scope) {
                Some(value) => value,
                None => Value::Call {
                    on: on.as_ref().map(|on| Box::new(reduce(on, bound, scope))),
                    name: name.clone(),
                    arguments,
                },
            }
        }
        Value::Conditional(condition, yes, no) => {
            let condition = reduce(condition, bound, scope);
            match condition.value {
                Value::Bool(true) => return reduce(yes, bound, scope),
                Value::Bool(false) => return reduce(no, bound, scope),
                _ => Value::Conditional(
                    Box::new(condition),
                    Box::new(reduce(yes, bound, scope)),
                    Box::new(reduce(no, bound, scope)),
                ),
            }
        }
        Value::Each(each) => self::each(each, bound, scope),
        Value::Operation(operator, operands) => operation(operator, all(operands)),
        // Lambdas are reduced when they are called.
        other => other.clone(),
    };
    Expression::new(place, value)
}

fn template(parts: Vec<Expression>) -> Value {
    let mut joined: Vec<Expression> = Vec::new();
    for part in parts {
        let inner = match part.value {
            Value::Template(parts) => parts,
            Value::Number(number) => vec![string(number.to_string(), &part.place)],
            _ => vec![part],
        };
        for part in inner {
            match (joined.last_mut().map(|last| &mut last.value), part.text()) {
                (Some(Value::String(last)), Some(text)) => last.push_str(text),
                _ => joined.push(part),
            }
        }
    }
    match &mut joined[..] {
        [] => Value::String(String::new()),
        [one] => one.value.clone(),
        _ => Value::Template(joined),
    }
}

/// The items of what is gone through, with their keys or indexes.
pub(super) fn items(over: &Expression) -> Option<Vec<(Expression, Expression)>> {
    match &over.value {
        Value::Array(items) => Some(
            items
                .iter()
                .enumerate()
                .map(|(at, item)| {
                    let key = Expression::new(&item.place, Value::Number(at as f64));
                    (key, item.clone())
                })
                .collect(),
        ),
        Value::Object(properties) => Some(
            properties
                .iter()
                .map(|it| (it.key.clone(), it.value.clone()))
                .collect(),
        ),
        _ => None,
    }
}

fn each(each: &Each, bound: &mut Bound, scope: &dyn Scope) -> Value {
    let over = reduce(&each.over, bound, scope);
    let Some(items) = items(&over) else {
        // What the body says of other names is still worth knowing.
        let before = bound.len();
        for inner in &each.names {
            bound.push((inner.clone(), name(format!("each {inner}"), &over.place)));
        }
        let mut inside = |it: &Expression| reduce(it, bound, scope);
        let reduced = Each {
            names: each.names.clone(),
            key: each.key.as_ref().map(&mut inside),
            value: inside(&each.value),
            condition: each.condition.as_ref().map(&mut inside),
            over,
        };
        bound.truncate(before);
        return Value::Each(Box::new(reduced));
    };
    let mut results = Vec::new();
    for (key, item) in items {
        let before = bound.len();
        let values = [item, key];
        bound.extend(each.names.iter().cloned().zip(values));
        let condition = each.condition.as_ref().map(|it| reduce(it, bound, scope));
        let counts = !condition.is_some_and(|it| matches!(it.value, Value::Bool(false)));
        if counts {
            let key = each.key.as_ref().map(|it| reduce(it, bound, scope));
            results.push((key, reduce(&each.value, bound, scope)));
        }
        bound.truncate(before);
    }
    if each.key.is_some() {
        let properties = results.into_iter().filter_map(|(key, value)| {
            let key = key?;
            Some(Property { key, value })
        });
        Value::Object(properties.collect())
    } else {
        Value::Array(results.into_iter().map(|(_, value)| value).collect())
    }
}

fn operation(operator: &str, operands: Vec<Expression>) -> Value {
    let same = |a: &Expression, b: &Expression| {
        (a.is_constant() && b.is_constant()).then(|| a.to_string() == b.to_string())
    };
    let known = match (operator, &operands[..]) {
        ("!", [one]) => match one.value {
            Value::Bool(value) => Some(!value),
            _ => None,
        },
        ("==", [a, b]) => same(a, b),
        ("!=", [a, b]) => same(a, b).map(|same| !same),
        ("&&" | "||", [a, b]) => {
            let decides = operator == "||";
            match (&a.value, &b.value) {
                (Value::Bool(a), _) if *a == decides => Some(decides),
                (_, Value::Bool(b)) if *b == decides => Some(decides),
                (Value::Bool(_), Value::Bool(_)) => Some(!decides),
                (Value::Bool(_), _) => return b.value.clone(),
                (_, Value::Bool(_)) => return a.value.clone(),
                _ => None,
            }
        }
        _ => None,
    };
    match known {
        Some(known) => Value::Bool(known),
        None => Value::Operation(operator.to_owned(), operands),
    }
}

/// What a function gives, if that is constant enough.
fn call(
    function: &str,
    arguments: &[Expression],
    bound: &mut Bound,
    scope: &dyn Scope,
) -> Option<Value> {
    let arrays = || -> Option<Vec<&Vec<Expression>>> {
        let arrays = arguments.iter().map(|it| match &it.value {
            Value::Array(items) => Some(items),
            _ => None,
        });
        arrays.collect()
    };
    let mut apply = |lambda: &Expression, item: &Expression| match &lambda.value {
        Value::Lambda(names, body) => {
            let before = bound.len();
            bound.push((names.first()?.clone(), item.clone()));
            let result = reduce(body, bound, scope);
            bound.truncate(before);
            Some(result)
        }
        _ => None,
    };
    match (function, arguments) {
        (
            "toset" | "tolist" | "tomap" | "any" | "distinct" | "nonsensitive" | "tostring",
            [one],
        )
        | ("coalesce" | "try", [one]) => Some(one.value.clone()),
        ("concat", _) => {
            let items = arrays()?.into_iter().flatten().cloned();
            Some(Value::Array(items.collect()))
        }
        ("flatten", [one]) => {
            let Value::Array(lists) = &one.value else {
                return None;
            };
            let mut flat = Vec::new();
            for list in lists {
                match &list.value {
                    Value::Array(items) => flat.extend(items.iter().cloned()),
                    _ => return None,
                }
            }
            Some(Value::Array(flat))
        }
        (
            "union",
            [
                Expression {
                    value: Value::Array(_),
                    ..
                },
                ..,
            ],
        ) => {
            let items = arrays()?.into_iter().flatten().cloned();
            Some(Value::Array(items.collect()))
        }
        ("union" | "merge" | "shallowMerge", _) => merge(arguments),
        ("toLower" | "lower", [one]) => Some(Value::String(one.text()?.to_lowercase())),
        ("toUpper" | "upper", [one]) => Some(Value::String(one.text()?.to_uppercase())),
        ("replace", [text, from, to]) => {
            let text = text.text()?.replace(from.text()?, to.text()?);
            Some(Value::String(text))
        }
        ("contains", [list, item]) if list.is_constant() && item.is_constant() => {
            let (_, items) = (list, items(list)?);
            let item = item.to_string();
            Some(Value::Bool(
                items.iter().any(|(_, it)| it.to_string() == item),
            ))
        }
        ("empty", [one]) => match &one.value {
            Value::String(text) => Some(Value::Bool(text.is_empty())),
            Value::Array(items) => Some(Value::Bool(items.is_empty())),
            Value::Object(properties) => Some(Value::Bool(properties.is_empty())),
            _ => None,
        },
        ("length", [one]) => match &one.value {
            Value::Array(items) => Some(Value::Number(items.len() as f64)),
            _ => None,
        },
        ("items", [one]) => {
            let Value::Object(properties) = &one.value else {
                return None;
            };
            let items = properties.iter().map(|Property { key, value }| {
                let place = &key.place;
                let pair = vec![
                    Property {
                        key: string("key", place),
                        value: key.clone(),
                    },
                    Property {
                        key: string("value", place),
                        value: value.clone(),
                    },
                ];
                Expression::new(place, Value::Object(pair))
            });
            Some(Value::Array(items.collect()))
        }
        ("keys" | "objectKeys" | "values", [one]) => {
            let Value::Object(properties) = &one.value else {
                return None;
            };
            let parts = properties.iter().map(|it| match function {
                "values" => it.value.clone(),
                _ => it.key.clone(),
            });
            Some(Value::Array(parts.collect()))
        }
        ("map", [list, lambda]) => {
            let items = items(list)?;
            let results = items.iter().map(|(_, item)| apply(lambda, item));
            Some(Value::Array(results.collect::<Option<_>>()?))
        }
        ("filter", [list, lambda]) => {
            let mut kept = Vec::new();
            for (_, item) in items(list)? {
                match apply(lambda, &item)?.value {
                    Value::Bool(true) => kept.push(item),
                    Value::Bool(false) => {}
                    _ => return None,
                }
            }
            Some(Value::Array(kept))
        }
        ("toObject", [list, key, rest @ ..]) => {
            let mut properties = Vec::new();
            for (_, item) in items(list)? {
                let value = match rest {
                    [value] => apply(value, &item)?,
                    _ => item.clone(),
                };
                let key = apply(key, &item)?;
                properties.push(Property { key, value });
            }
            Some(Value::Object(properties))
        }
        ("format", [text, rest @ ..]) => {
            let mut text = text.text()?.to_owned();
            for (at, value) in rest.iter().enumerate() {
                let value = value.text()?;
                text = text
                    .replace(&format!("{{{at}}}"), value)
                    .replacen("%s", value, 1);
            }
            Some(Value::String(text))
        }
        _ => None,
    }
}

/// One object of several, if all are objects.
fn merge(parts: &[Expression]) -> Option<Value> {
    let mut merged: Vec<Property> = Vec::new();
    for part in parts {
        let Value::Object(properties) = &part.value else {
            return None;
        };
        for property in properties {
            merged.retain(|it| property.name().is_none() || it.name() != property.name());
            merged.push(property.clone());
        }
    }
    Some(Value::Object(merged))
}
