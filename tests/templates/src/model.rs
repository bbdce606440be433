//! What both languages declare.

use crate::expression::{Expression, Value};
use crate::finding::Place;

/// A parameter of Bicep, a variable of Terraform.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name as written.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// Its type as written.
    pub type_name: String,
    /// Its default; without one it must be given.
    pub default: Option<Expression>,
    /// The only values that it takes, if they are listed.
    pub allowed: Option<Vec<Expression>>,
    /// The least that a number may be, if that is said.
    pub least: Option<f64>,
    /// The most that a number may be, if that is said.
    pub most: Option<f64>,
    /// Whether its value is a secret.
    pub secure: bool,
    /// Whether it is described.
    pub described: bool,
}

/// A variable of Bicep, a local value of Terraform.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name as written.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// What it stands for.
    pub value: Expression,
}

/// An output.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name as written.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// What is told.
    pub value: Expression,
    /// Whether it is marked as a secret.
    pub secure: bool,
}

/// A declaration that is repeated.
#[derive(Debug, Clone)]
pub struct Loop {
    /// The names of item and, if asked for, index or key.
    pub names: Vec<String>,
    /// What it is repeated over.
    pub over: Expression,
}

/// What names stand for in a file or folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared<'a> {
    /// Its parameters.
    pub(crate) parameters: &'a [Parameter],
    /// Its variables or local values.
    pub(crate) variables: &'a [Variable],
}

impl Declared<'_> {
    /// What an expression may turn out to be as far as is written: both sides of conditions, what
    /// variables stand for, and the values that a parameter takes.
    pub(crate) fn outcomes(&self, expression: &Expression) -> Vec<Expression> {
        self.deep_outcomes(expression, 0)
    }

    fn deep_outcomes(&self, expression: &Expression, depth: usize) -> Vec<Expression> {
        let all = expression.outcomes().into_iter().flat_map(|outcome| {
            // `name` in Bicep; `var.name` and `local.name` in Terraform.
            let (of, name) = match &outcome.value {
                Value::Name(name) => ("", name),
                Value::Member(of, name) => match &of.value {
                    Value::Name(of) if of == "var" || of == "local" => (of.as_str(), name),
                    _ => return vec![outcome.clone()],
                },
                _ => return vec![outcome.clone()],
            };
            let mut variables = self.variables.iter();
            let variable = variables.find(|it| of != "var" && it.name == *name);
            if let Some(variable) = variable.filter(|_| depth < 8) {
                return self.deep_outcomes(&variable.value, depth + 1);
            }
            let mut parameters = self.parameters.iter();
            let parameter = parameters.find(|it| of != "local" && it.name == *name);
            match parameter {
                Some(Parameter {
                    allowed: Some(allowed),
                    ..
                }) => allowed.clone(),
                Some(Parameter {
                    default: Some(default),
                    ..
                }) if default.is_constant() => vec![default.clone()],
                _ => vec![outcome.clone()],
            }
        });
        all.collect()
    }
}
