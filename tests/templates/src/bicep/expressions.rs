//! Expressions of Bicep, from a choice down to a string.

use super::scanner::{Read, Scanner};
use crate::expression::{Each, Expression, Property, Value};
use crate::finding::Finding;

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

impl Scanner<'_> {
    /// The names of a loop, the item's first, and what it goes through.
    pub(super) fn intro(&mut self) -> Read<(Vec<String>, Expression)> {
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

    pub(super) fn expression(&mut self) -> Read<Expression> {
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
    pub(super) fn literal(&mut self) -> Read<String> {
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
