//! What both languages declare.

use crate::expression::Expression;
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
