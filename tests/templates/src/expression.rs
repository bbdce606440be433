//! Expressions of either language, and what can be told of them without running anything.

use std::fmt;

use crate::finding::Place;

/// An expression and where it stands.
#[derive(Debug, Clone)]
pub struct Expression {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// The kinds of expressions. What is the same in both languages is the same here, whatever it is called.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(f64),
    /// A string without anything to be filled in.
    String(String),
    /// A string with something to be filled in: texts and expressions, one after the other.
    Template(Vec<Expression>),
    /// `[…]`
    Array(Vec<Expression>),
    /// `{…}`
    Object(Vec<Property>),
    /// A bare name.
    Name(String),
    /// `object.name`
    Member(Box<Expression>, String),
    /// `object[index]`
    Index(Box<Expression>, Box<Expression>),
    /// `name(…)` and `on.name(…)`
    Call {
        /// What the function belongs to.
        on: Option<Box<Expression>>,
        /// The function.
        name: String,
        /// What it gets.
        arguments: Vec<Expression>,
    },
    /// `condition ? yes : no`
    Conditional(Box<Expression>, Box<Expression>, Box<Expression>),
    /// `[for …]` and `{for …}`
    Each(Box<Each>),
    /// `name => body`
    Lambda(Vec<String>, Box<Expression>),
    /// An operator with its operands.
    Operation(String, Vec<Expression>),
}

/// A comprehension.
#[derive(Debug, Clone)]
pub struct Each {
    /// The name of the item, and of its index or key if it has one.
    pub names: Vec<String>,
    /// What is gone through.
    pub over: Expression,
    /// The key of each result, which makes an object of it.
    pub key: Option<Expression>,
    /// Each result.
    pub value: Expression,
    /// Which items count.
    pub condition: Option<Expression>,
}

/// A property of an object.
#[derive(Debug, Clone)]
pub struct Property {
    /// Its name: mostly a string.
    pub key: Expression,
    /// Its value.
    pub value: Expression,
}

impl Property {
    /// Its name, if that is constant.
    pub fn name(&self) -> Option<&str> {
        self.key.text()
    }
}

impl Expression {
    /// An expression in a place.
    pub fn new(place: &Place, value: Value) -> Self {
        Expression {
            place: place.clone(),
            value,
        }
    }

    /// The text of a constant string.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The properties of an object as it is written.
    pub fn properties(&self) -> &[Property] {
        match &self.value {
            Value::Object(properties) => properties,
            _ => &[],
        }
    }

    /// A property by its path, through objects as they are written.
    pub fn get(&self, path: &str) -> Option<&Expression> {
        path.split('.').try_fold(self, |object, name| {
            let mut properties = object.properties().iter();
            let property = properties.find(|property| property.name() == Some(name))?;
            Some(&property.value)
        })
    }

    /// Whether it is the same wherever it stands: a literal of literals.
    pub fn is_constant(&self) -> bool {
        match &self.value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
            Value::Array(items) => items.iter().all(Expression::is_constant),
            Value::Object(properties) => properties
                .iter()
                .all(|property| property.key.is_constant() && property.value.is_constant()),
            _ => false,
        }
    }

    /// The parts directly in it.
    pub fn children(&self) -> Vec<&Expression> {
        match &self.value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Name(_) => {
                Vec::new()
            }
            Value::Template(parts) | Value::Array(parts) | Value::Operation(_, parts) => {
                parts.iter().collect()
            }
            Value::Object(properties) => properties
                .iter()
                .flat_map(|property| [&property.key, &property.value])
                .collect(),
            Value::Member(object, _) => vec![object],
            Value::Index(object, index) => vec![object, index],
            Value::Call { on, arguments, .. } => {
                on.as_deref().into_iter().chain(arguments).collect()
            }
            Value::Conditional(condition, yes, no) => vec![condition, yes, no],
            Value::Each(each) => {
                let Each {
                    over,
                    key,
                    value,
                    condition,
                    ..
                } = &**each;
                let optional = key.iter().chain(condition);
                [over, value].into_iter().chain(optional).collect()
            }
            Value::Lambda(_, body) => vec![body],
        }
    }

    /// Calls `see` with it and everything in it, from the outside in.
    pub fn walk<'a>(&'a self, see: &mut impl FnMut(&'a Expression)) {
        see(self);
        for child in self.children() {
            child.walk(see);
        }
    }

    /// What it can turn out to be, as far as is written: both sides of conditions.
    pub fn outcomes(&self) -> Vec<&Expression> {
        match &self.value {
            Value::Conditional(_, yes, no) => {
                let mut outcomes = yes.outcomes();
                outcomes.extend(no.outcomes());
                outcomes
            }
            _ => vec![self],
        }
    }
}

/// As it is written in Terraform.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(f: &mut fmt::Formatter<'_>, items: &[Expression]) -> fmt::Result {
            for (at, item) in items.iter().enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                write!(f, "{comma}{item}")?;
            }
            Ok(())
        }
        match &self.value {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(value) => write!(f, "{value}"),
            Value::String(text) => write!(f, "{text:?}"),
            Value::Template(parts) => {
                f.write_str("\"")?;
                for part in parts {
                    match part.text() {
                        Some(text) => f.write_str(text)?,
                        None => write!(f, "${{{part}}}")?,
                    }
                }
                f.write_str("\"")
            }
            Value::Array(items) => {
                f.write_str("[")?;
                list(f, items)?;
                f.write_str("]")
            }
            Value::Object(properties) => {
                f.write_str("{")?;
                for (at, Property { key, value }) in properties.iter().enumerate() {
                    let comma = if at == 0 { " " } else { ", " };
                    match key.text() {
                        Some(name) => write!(f, "{comma}{name} = {value}")?,
                        None => write!(f, "{comma}({key}) = {value}")?,
                    }
                }
                f.write_str(" }")
            }
            Value::Name(name) => f.write_str(name),
            Value::Member(object, name) => write!(f, "{object}.{name}"),
            Value::Index(object, index) => write!(f, "{object}[{index}]"),
            Value::Call {
                on,
                name,
                arguments,
            } => {
                if let Some(on) = on {
                    write!(f, "{on}.")?;
                }
                write!(f, "{name}(")?;
                list(f, arguments)?;
                f.write_str(")")
            }
            Value::Conditional(condition, yes, no) => write!(f, "{condition} ? {yes} : {no}"),
            Value::Each(each) => {
                let names = each.names.join(", ");
                write!(f, "[for {names} in {} : ", each.over)?;
                if let Some(key) = &each.key {
                    write!(f, "{key} => ")?;
                }
                write!(f, "{}", each.value)?;
                if let Some(condition) = &each.condition {
                    write!(f, " if {condition}")?;
                }
                f.write_str("]")
            }
            Value::Lambda(names, body) => write!(f, "({}) => {body}", names.join(", ")),
            Value::Operation(operator, operands) => match &operands[..] {
                [one] => write!(f, "{operator}{one}"),
                operands => {
                    for (at, operand) in operands.iter().enumerate() {
                        if at > 0 {
                            write!(f, " {operator} ")?;
                        }
                        write!(f, "{operand}")?;
                    }
                    Ok(())
                }
            },
        }
    }
}
