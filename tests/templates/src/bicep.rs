//! A reader of the plain part of Bicep that the templates are written in.
//!
//! It is written by hand, because the grammar of tree-sitter-bicep takes line breaks for blanks, which
//! Bicep does not, and reads a call that an array begins with as two items. Types, functions, imports and
//! assertions are left out: whoever uses one in a template reads here that it is not read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expression::{Each, Expression, Property, Value};
use crate::finding::{Finding, Place};
use crate::model::{Loop, Output, Parameter, Variable};
use crate::project::Project;

/// One Bicep file.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its path from the root of the project.
    pub file: Arc<str>,
    /// `resourceGroup`, `subscription`, `managementGroup` or `tenant`.
    pub target_scope: String,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Its variables.
    pub variables: Vec<Variable>,
    /// Its resources, also those that exist already.
    pub resources: Vec<Resource>,
    /// Its modules.
    pub modules: Vec<Module>,
    /// Its outputs.
    pub outputs: Vec<Output>,
}

/// A resource.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its symbolic name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// Its type and API version, like `Microsoft.Web/sites@2025-03-01`.
    pub kind: String,
    /// Whether it is only referred to.
    pub existing: bool,
    /// When it is there.
    pub condition: Option<Expression>,
    /// What it is repeated over.
    pub each: Option<Loop>,
    /// Its object, with what belongs to the language (`parent`, `scope`, `dependsOn`).
    pub body: Expression,
}

/// A module.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its symbolic name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// The file it names, as written.
    pub source: String,
    /// When it is there.
    pub condition: Option<Expression>,
    /// What it is repeated over.
    pub each: Option<Loop>,
    /// Its object: `scope`, `params` and so on.
    pub body: Expression,
}

impl Template {
    /// The file of a module, from the root of the project.
    pub fn source(&self, module: &Module) -> String {
        resolve(&self.file, &module.source)
    }
}

/// A path beside a file, without `..`.
pub(crate) fn resolve(file: &str, path: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Reads all Bicep files below `infra`.
pub fn read_all(project: &Project) -> (Vec<Template>, Vec<Finding>) {
    let mut templates = Vec::new();
    let mut findings = Vec::new();
    for (file, text) in project.files("infra/", ".bicep") {
        match read(file, text) {
            Ok(template) => templates.push(template),
            Err(mistakes) => findings.extend(mistakes),
        }
    }
    (templates, findings)
}

/// Reads one Bicep file.
///
/// # Errors
///
/// What in it is no Bicep, or not of the part of it that is read here.
pub fn read(file: &str, text: &str) -> Result<Template, Vec<Finding>> {
    let mut reader = Reader {
        file: file.into(),
        text,
        starts: std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect(),
        at: 0,
        nested: 0,
        findings: Vec::new(),
    };
    match reader.template() {
        Ok(template) if reader.findings.is_empty() => Ok(template),
        Ok(_) => Err(reader.findings),
        Err(finding) => {
            reader.findings.push(finding);
            Err(reader.findings)
        }
    }
}

/// Binary operators by how tightly they bind, the loosest first. Where one begins like another, the
/// longer stands first.
const OPERATORS: [&[&str]; 7] = [
    &["??"],
    &["||"],
    &["&&"],
    &["==", "!=", "=~", "!~"],
    &["<=", ">=", "<", ">"],
    &["+", "-"],
    &["*", "/", "%"],
];

struct Reader<'a> {
    file: Arc<str>,
    text: &'a str,
    /// Where lines begin.
    starts: Vec<usize>,
    at: usize,
    /// In how many parentheses we are: line breaks are blanks there.
    nested: usize,
    findings: Vec<Finding>,
}

/// A declared value with what stands around it.
struct Declared {
    condition: Option<Expression>,
    each: Option<Loop>,
    body: Expression,
}

type Read<T> = Result<T, Finding>;

impl<'a> Reader<'a> {
    fn place(&self) -> Place {
        Place {
            file: self.file.clone(),
            line: self.starts.partition_point(|start| *start <= self.at),
        }
    }

    fn refuse<T>(&self, why: &str) -> Read<T> {
        let line = self.rest().lines().next().unwrap_or_default();
        let short: String = line.trim_end().chars().take(60).collect();
        let at = match short.as_str() {
            "" if self.rest().is_empty() => "at the end of the file".to_owned(),
            "" => "at the end of the line".to_owned(),
            short => format!("at: {short}"),
        };
        Err(Finding::new(
            &self.place(),
            format!("not Bicep: {why} {at}"),
        ))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Goes past blanks and comments; past line breaks only in parentheses.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let first = rest.chars().next();
            match first {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('\n') if self.nested > 0 => self.at += 1,
                Some('/') if rest.starts_with("//") => self.line(),
                Some('/') if rest.starts_with("/*") => {
                    self.at += rest.find("*/").map_or(rest.len(), |end| end + 2);
                }
                Some('#') => self.line(),
                _ => return,
            }
        }
    }

    /// Goes to the end of the line.
    fn line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// Goes past line breaks, too.
    fn skip_lines(&mut self) {
        self.nested += 1;
        self.skip();
        self.nested -= 1;
    }

    fn is_at(&mut self, sign: &str) -> bool {
        self.skip();
        self.rest().starts_with(sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let is_there = self.is_at(sign);
        if is_there {
            self.at += sign.len();
        }
        is_there
    }

    fn expect(&mut self, sign: &str) -> Read<()> {
        if self.take(sign) {
            return Ok(());
        }
        self.refuse(&format!("{sign} is missing"))
    }

    fn peek_word(&mut self) -> Option<&'a str> {
        self.skip();
        let rest = self.rest();
        let first = rest.chars().next()?;
        if !first.is_ascii_alphabetic() && first != '_' {
            return None;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        Some(&rest[..end.unwrap_or(rest.len())])
    }

    fn word(&mut self) -> Read<String> {
        match self.peek_word() {
            Some(word) => {
                self.at += word.len();
                Ok(word.to_owned())
            }
            None => self.refuse("a name is missing"),
        }
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let is_there = self.peek_word() == Some(wanted);
        if is_there {
            self.at += wanted.len();
        }
        is_there
    }

    /// The end of a statement.
    fn end(&mut self) -> Read<()> {
        self.skip();
        if self.rest().is_empty() || self.rest().starts_with('\n') {
            return Ok(());
        }
        self.refuse("a line break is missing")
    }

    fn template(&mut self) -> Read<Template> {
        let mut template = Template {
            file: self.file.clone(),
            target_scope: "resourceGroup".to_owned(),
            parameters: Vec::new(),
            variables: Vec::new(),
            resources: Vec::new(),
            modules: Vec::new(),
            outputs: Vec::new(),
        };
        let mut decorators: Vec<Expression> = Vec::new();
        loop {
            self.skip_lines();
            if self.rest().is_empty() {
                break;
            }
            if self.take("@") {
                decorators.push(self.expression()?);
                self.end()?;
                continue;
            }
            let given = std::mem::take(&mut decorators);
            self.statement(&mut template, &given)?;
            self.end()?;
        }
        self.once(&template);
        Ok(template)
    }

    fn statement(&mut self, template: &mut Template, decorators: &[Expression]) -> Read<()> {
        self.skip();
        let place = self.place();
        let start = self.at;
        match self.word()?.as_str() {
            "targetScope" => {
                self.expect("=")?;
                template.target_scope = self.literal()?;
            }
            "metadata" => {
                self.word()?;
                self.expect("=")?;
                self.expression()?;
            }
            "param" => {
                let parameter = self.parameter(place, decorators)?;
                template.parameters.push(parameter);
            }
            "var" => {
                let name = self.word()?;
                self.expect("=")?;
                let value = self.expression()?;
                template.variables.push(Variable { name, place, value });
            }
            "output" => {
                let name = self.word()?;
                self.type_name()?;
                self.expect("=")?;
                let value = self.expression()?;
                template.outputs.push(Output {
                    name,
                    place,
                    value,
                    secure: is_secure(decorators),
                });
            }
            "resource" => {
                let name = self.word()?;
                let kind = self.literal()?;
                let existing = self.take_word("existing");
                self.expect("=")?;
                let Declared {
                    condition,
                    each,
                    body,
                } = self.declared()?;
                template.resources.push(Resource {
                    name,
                    place,
                    kind,
                    existing,
                    condition,
                    each,
                    body,
                });
            }
            "module" => {
                let name = self.word()?;
                let source = self.literal()?;
                self.expect("=")?;
                let Declared {
                    condition,
                    each,
                    body,
                } = self.declared()?;
                template.modules.push(Module {
                    name,
                    place,
                    source,
                    condition,
                    each,
                    body,
                });
            }
            _ => {
                self.at = start;
                return self.refuse("no statement that is read here begins");
            }
        }
        Ok(())
    }

    /// Names are declared once.
    fn once(&mut self, template: &Template) {
        let named = (template.parameters.iter().map(|it| (&it.name, &it.place)))
            .chain(template.variables.iter().map(|it| (&it.name, &it.place)))
            .chain(template.resources.iter().map(|it| (&it.name, &it.place)))
            .chain(template.modules.iter().map(|it| (&it.name, &it.place)));
        let mut places: BTreeMap<&String, &Place> = BTreeMap::new();
        for (name, place) in named {
            if let Some(first) = places.insert(name, place) {
                let message = format!("{name} is declared in line {} already", first.line);
                self.findings.push(Finding::new(place, message));
            }
        }
        let mut places: BTreeMap<&String, &Place> = BTreeMap::new();
        for output in &template.outputs {
            if let Some(first) = places.insert(&output.name, &output.place) {
                let message = format!("output {} is in line {} already", output.name, first.line);
                self.findings.push(Finding::new(&output.place, message));
            }
        }
    }

    /// A type as it is written, up to `=` or the end of the line.
    fn type_name(&mut self) -> Read<String> {
        self.skip();
        let rest = self.rest();
        let end = rest.find(['=', '\n']).unwrap_or(rest.len());
        let name = rest[..end].trim_end();
        if name.is_empty() || name.contains(['{', '<']) {
            return self.refuse("no type that is read here is");
        }
        self.at += name.len();
        Ok(name.to_owned())
    }

    fn parameter(&mut self, place: Place, decorators: &[Expression]) -> Read<Parameter> {
        let of = |wanted: &str| {
            decorators
                .iter()
                .find_map(|decorator| match &decorator.value {
                    Value::Call {
                        name, arguments, ..
                    } if name == wanted => arguments.first(),
                    _ => None,
                })
        };
        let name = self.word()?;
        let type_name = self.type_name()?;
        let default = match self.take("=") {
            true => Some(self.expression()?),
            false => None,
        };
        Ok(Parameter {
            name,
            place,
            type_name,
            default,
            allowed: of("allowed").and_then(|allowed| match &allowed.value {
                Value::Array(items) => Some(items.clone()),
                _ => None,
            }),
            secure: is_secure(decorators),
            described: of("description").is_some(),
        })
    }

    /// What follows `=` of a resource or module: an object, perhaps with a condition or a loop.
    fn declared(&mut self) -> Read<Declared> {
        if self.take_word("if") {
            self.expect("(")?;
            self.nested += 1;
            let condition = self.expression()?;
            self.expect(")")?;
            self.nested -= 1;
            let body = self.expression()?;
            return Ok(Declared {
                condition: Some(condition),
                each: None,
                body,
            });
        }
        if self.take("[") {
            self.skip_lines();
            if !self.take_word("for") {
                return self.refuse("for is missing");
            }
            let (names, over) = self.intro()?;
            let inner = self.declared()?;
            self.skip_lines();
            self.expect("]")?;
            return Ok(Declared {
                each: Some(Loop { names, over }),
                ..inner
            });
        }
        Ok(Declared {
            condition: None,
            each: None,
            body: self.expression()?,
        })
    }

    /// The names of a loop, the item's first, and what it goes through.
    fn intro(&mut self) -> Read<(Vec<String>, Expression)> {
        let mut names = Vec::new();
        if self.take("(") {
            names.push(self.word()?);
            self.expect(",")?;
            names.push(self.word()?);
            self.expect(")")?;
        } else {
            names.push(self.word()?);
        }
        if !self.take_word("in") {
            return self.refuse("in is missing");
        }
        let over = self.expression()?;
        self.expect(":")?;
        Ok((names, over))
    }

    fn expression(&mut self) -> Read<Expression> {
        let condition = self.binary(0)?;
        // `?.` and `??` do not begin a choice.
        if !self.is_at("?") || self.rest().starts_with("??") {
            return Ok(condition);
        }
        self.at += 1;
        let place = condition.place.clone();
        let yes = self.expression()?;
        self.expect(":")?;
        let no = self.expression()?;
        let value = Value::Conditional(Box::new(condition), Box::new(yes), Box::new(no));
        Ok(Expression { place, value })
    }

    fn binary(&mut self, level: usize) -> Read<Expression> {
        let Some(operators) = OPERATORS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        loop {
            self.skip();
            let rest = self.rest();
            let found = operators.iter().find(|it| rest.starts_with(**it));
            let Some(operator) = found else {
                return Ok(left);
            };
            self.at += operator.len();
            let right = self.binary(level + 1)?;
            left = Expression {
                place: left.place.clone(),
                value: Value::Operation((*operator).to_owned(), vec![left, right]),
            };
        }
    }

    fn unary(&mut self) -> Read<Expression> {
        self.skip();
        let place = self.place();
        for operator in ["!", "-"] {
            if self.take(operator) {
                let operand = self.unary()?;
                let value = match (operator, operand.value) {
                    ("-", Value::Number(number)) => Value::Number(-number),
                    (_, value) => {
                        let operand = Expression {
                            place: operand.place,
                            value,
                        };
                        Value::Operation(operator.to_owned(), vec![operand])
                    }
                };
                return Ok(Expression { place, value });
            }
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Read<Expression> {
        let mut object = self.primary()?;
        loop {
            self.skip();
            let place = object.place.clone();
            let rest = self.rest();
            let value = if rest.starts_with("::") {
                self.at += 2;
                Value::Member(Box::new(object), self.word()?)
            } else if rest.starts_with('.') {
                self.at += if rest.starts_with(".?") { 2 } else { 1 };
                let name = self.word()?;
                if self.rest().starts_with('(') {
                    let arguments = self.arguments()?;
                    // The namespaces of built-in functions.
                    let built_in =
                        matches!(&object.value, Value::Name(on) if on == "sys" || on == "az");
                    Value::Call {
                        on: (!built_in).then(|| Box::new(object)),
                        name,
                        arguments,
                    }
                } else {
                    Value::Member(Box::new(object), name)
                }
            } else if rest.starts_with('[') {
                self.at += if rest.starts_with("[?") { 2 } else { 1 };
                let index = self.expression()?;
                self.expect("]")?;
                Value::Index(Box::new(object), Box::new(index))
            } else if rest.starts_with('!') && !rest.starts_with("!=") && !rest.starts_with("!~") {
                // Says that it is not null, which changes nothing here.
                self.at += 1;
                continue;
            } else {
                return Ok(object);
            };
            object = Expression { place, value };
        }
    }

    fn arguments(&mut self) -> Read<Vec<Expression>> {
        self.expect("(")?;
        self.nested += 1;
        let mut arguments = Vec::new();
        while !self.is_at(")") {
            arguments.push(self.expression()?);
            if !self.is_at(")") {
                self.expect(",")?;
            }
        }
        self.expect(")")?;
        self.nested -= 1;
        Ok(arguments)
    }

    fn primary(&mut self) -> Read<Expression> {
        self.skip();
        let place = self.place();
        let rest = self.rest();
        let value = match rest.chars().next() {
            Some('\'') => self.string()?,
            Some('0'..='9') => {
                let end = rest.find(|c: char| !c.is_ascii_digit());
                let digits = &rest[..end.unwrap_or(rest.len())];
                self.at += digits.len();
                Value::Number(digits.parse().unwrap_or(f64::NAN))
            }
            Some('[') => self.array()?,
            Some('{') => self.object()?,
            Some('(') => match self.lambda()? {
                Some(lambda) => lambda,
                None => {
                    self.at += 1;
                    self.nested += 1;
                    let inner = self.expression()?;
                    self.expect(")")?;
                    self.nested -= 1;
                    inner.value
                }
            },
            _ => match self.word()?.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                name if self.rest().starts_with('(') => Value::Call {
                    on: None,
                    name: name.to_owned(),
                    arguments: self.arguments()?,
                },
                name if self.take("=>") => {
                    let body = self.expression()?;
                    Value::Lambda(vec![name.to_owned()], Box::new(body))
                }
                name => Value::Name(name.to_owned()),
            },
        };
        Ok(Expression { place, value })
    }

    /// `(a, b) => …`; goes nowhere if it is none.
    fn lambda(&mut self) -> Read<Option<Value>> {
        let start = self.at;
        self.at += 1;
        let mut names = Vec::new();
        while let Some(name) = self.peek_word() {
            self.at += name.len();
            names.push(name.to_owned());
            if !self.take(",") {
                break;
            }
        }
        if self.take(")") && self.take("=>") {
            let body = self.expression()?;
            return Ok(Some(Value::Lambda(names, Box::new(body))));
        }
        self.at = start;
        Ok(None)
    }

    /// What stands between items: a comma, line breaks, or the closing bracket.
    fn separator(&mut self, close: &str) -> Read<()> {
        let before = self.at;
        let comma = self.take(",");
        self.skip_lines();
        if comma || self.is_at(close) || self.text[before..self.at].contains('\n') {
            return Ok(());
        }
        self.refuse("a line break or a comma is missing")
    }

    fn array(&mut self) -> Read<Value> {
        let nested = std::mem::take(&mut self.nested);
        self.expect("[")?;
        self.skip_lines();
        if self.take_word("for") {
            let (names, over) = self.intro()?;
            let value = self.expression()?;
            self.skip_lines();
            self.expect("]")?;
            self.nested = nested;
            return Ok(Value::Each(Box::new(Each {
                names,
                over,
                key: None,
                value,
                condition: None,
            })));
        }
        let mut items = Vec::new();
        while !self.take("]") {
            items.push(self.expression()?);
            self.separator("]")?;
        }
        self.nested = nested;
        Ok(Value::Array(items))
    }

    fn object(&mut self) -> Read<Value> {
        let nested = std::mem::take(&mut self.nested);
        self.expect("{")?;
        self.skip_lines();
        let mut properties: Vec<Property> = Vec::new();
        while !self.take("}") {
            self.skip();
            let place = self.place();
            let key = match self.is_at("'") {
                true => self.string()?,
                false => Value::String(self.word()?),
            };
            let key = Expression { place, value: key };
            if let Some(name) = key.text()
                && properties.iter().any(|other| other.name() == Some(name))
            {
                let message = format!("{name} stands twice in this object");
                self.findings.push(Finding::new(&key.place, message));
            }
            self.expect(":")?;
            let value = self.expression()?;
            properties.push(Property { key, value });
            self.separator("}")?;
        }
        self.nested = nested;
        Ok(Value::Object(properties))
    }

    /// A string in which nothing is filled in.
    fn literal(&mut self) -> Read<String> {
        self.skip();
        let start = self.at;
        if self.is_at("'")
            && let Value::String(text) = self.string()?
        {
            return Ok(text);
        }
        self.at = start;
        self.refuse("a constant string is missing")
    }

    fn string(&mut self) -> Read<Value> {
        let place = self.place();
        if let Some(rest) = self.rest().strip_prefix("'''") {
            let Some(end) = rest.find("'''") else {
                return self.refuse("the string has no end");
            };
            // More quotes at the end belong to the text.
            let more = rest[end + 3..].chars().take_while(|c| *c == '\'').count();
            let text = &rest[..end + more];
            self.at += 6 + text.len();
            let text = text.strip_prefix('\r').unwrap_or(text);
            let text = text.strip_prefix('\n').unwrap_or(text);
            return Ok(Value::String(text.to_owned()));
        }
        let start = self.at;
        self.expect("'")?;
        let mut parts: Vec<Expression> = Vec::new();
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let mut characters = rest.chars();
            match characters.next() {
                None | Some('\n') => {
                    self.at = start;
                    return self.refuse("a string does not end on its line");
                }
                Some('\'') => {
                    self.at += 1;
                    break;
                }
                Some('$') if rest.starts_with("${") => {
                    if !text.is_empty() {
                        let text = Value::String(std::mem::take(&mut text));
                        parts.push(Expression::new(&place, text));
                    }
                    self.at += 2;
                    let nested = std::mem::take(&mut self.nested);
                    parts.push(self.expression()?);
                    self.expect("}")?;
                    self.nested = nested;
                }
                Some('\\') => {
                    let escaped = characters.next();
                    self.at += 1 + escaped.map_or(0, char::len_utf8);
                    match escaped {
                        Some('n') => text.push('\n'),
                        Some('r') => text.push('\r'),
                        Some('t') => text.push('\t'),
                        Some('u') => {
                            let digits = self
                                .rest()
                                .strip_prefix('{')
                                .and_then(|it| it.split_once('}'));
                            let code = digits.and_then(|(code, _)| {
                                let number = u32::from_str_radix(code, 16).ok()?;
                                Some((code.len(), char::from_u32(number)?))
                            });
                            let Some((length, character)) = code else {
                                return self.refuse("no code of a character is");
                            };
                            self.at += length + 2;
                            text.push(character);
                        }
                        Some(other @ ('\'' | '\\' | '$')) => text.push(other),
                        _ => return self.refuse("there is no such escape before this, which is"),
                    }
                }
                Some(other) => {
                    self.at += other.len_utf8();
                    text.push(other);
                }
            }
        }
        if parts.is_empty() {
            return Ok(Value::String(text));
        }
        if !text.is_empty() {
            parts.push(Expression::new(&place, Value::String(text)));
        }
        Ok(Value::Template(parts))
    }
}

fn is_secure(decorators: &[Expression]) -> bool {
    decorators
        .iter()
        .any(|decorator| matches!(&decorator.value, Value::Call { name, .. } if name == "secure"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"// A storage account and a queue.
targetScope = 'resourceGroup'

@description('Name.')
@minLength(3)
param name string = 'watch'

@allowed([
  'public'
  'private'
])
param mode string = 'public'

@secure()
param key string

var queues = ['evaluations', 'deliveries']
var short = toLower('${name}-x\${y}')

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: short
  kind: 'StorageV2'
  properties: {
    'supportsHttpsTrafficOnly': mode == 'public' ? true : false
    networkAcls: union({ bypass: 'None' }, { defaultAction: 'Deny' })
  }
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [for (name, i) in queues: if (mode == 'public') {
  parent: storage
  name: name
}]

resource other 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: 'other'
}

module alerts 'parts/alerts.bicep' = if (!empty(name)) {
  name: 'alerts'
  params: {
    names: map(queues, item => item.name)
    query: '''
let x = 1;
x'''
  }
}

output names array = [for i in range(0, 2): queue[i].name]
output host string = storage.properties.primaryEndpoints.blob
"#;

    #[test]
    fn what_the_templates_are_made_of_is_read() {
        let template = read("infra/a.bicep", SMALL).unwrap();
        let parameter = &template.parameters[1];
        assert_eq!(
            (parameter.name.as_str(), parameter.place.line),
            ("mode", 12)
        );
        let allowed = parameter.allowed.as_ref().unwrap();
        assert_eq!(allowed[1].text(), Some("private"));
        assert!(template.parameters[2].secure && !parameter.secure);
        assert_eq!(
            template.variables[1].value.to_string(),
            "toLower(\"${name}-x${y}\")"
        );
        let storage = &template.resources[0];
        let https = storage.body.get("properties.supportsHttpsTrafficOnly");
        assert_eq!(
            https.unwrap().to_string(),
            "mode == \"public\" ? true : false"
        );
        let queue = &template.resources[1];
        assert_eq!(queue.each.as_ref().unwrap().names, ["name", "i"]);
        assert_eq!(
            queue.condition.as_ref().unwrap().to_string(),
            "mode == \"public\""
        );
        assert!(template.resources[2].existing && !queue.existing);
        let alerts = &template.modules[0];
        assert_eq!(template.source(alerts), "infra/parts/alerts.bicep");
        assert_eq!(
            alerts.body.get("params.query").unwrap().text(),
            Some("let x = 1;\nx")
        );
        assert_eq!(
            alerts.body.get("params.names").unwrap().to_string(),
            "map(queues, (item) => item.name)"
        );
        assert_eq!(
            template.outputs[1].value.to_string(),
            "storage.properties.primaryEndpoints.blob"
        );
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let findings: Vec<String> = match read("a.bicep", text) {
            Ok(_) => Vec::new(),
            Err(findings) => findings.iter().map(Finding::to_string).collect(),
        };
        assert!(
            findings.iter().any(|finding| finding.contains(expected)),
            "{findings:?}"
        );
    }

    #[test]
    fn what_is_no_bicep_is_refused_with_its_line() {
        refused("param a string\nvar b = {\n  c: 'd\n}\n", "a.bicep:");
        refused("var a = b\n(c)\n", "a.bicep:2: not Bicep");
        refused("var a = { b: 1 c: 2 }\n", "a.bicep:1: not Bicep");
        refused("param a string\nparam a int\n", "a.bicep:2: a is declared");
        refused(
            "var a = {\n  b: 1\n  b: 2\n}\n",
            "a.bicep:3: b stands twice",
        );
        refused("var a = 'b\n", "a.bicep:1");
    }
}
