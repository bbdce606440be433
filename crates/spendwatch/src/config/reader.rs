//! Reads TOML tables key by key and collects every mistake with its place.
//!
//! Deserializing into a struct stops at the first mistake. People who review a configuration want
//! all of them at once, so this reader notes what is wrong, goes on, and gives no value.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One mistake in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, as it was named to us.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Where in the configuration: `budget.payments-prod.amount`.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// A file's text, and the mistakes found in it so far.
pub(super) struct Page<'a> {
    pub(super) file: &'a str,
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
}

/// A place in a file, for mistakes that show only when all files are read.
#[derive(Debug, Clone)]
pub(super) struct Place {
    file: String,
    line: usize,
    column: usize,
}

impl Place {
    pub(super) fn problem(&self, path: String, message: String) -> Problem {
        Problem {
            file: self.file.clone(),
            line: self.line,
            column: self.column,
            path,
            message,
        }
    }
}

impl<'a> Page<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Page {
            file,
            text,
            problems: RefCell::default(),
        }
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Place {
            file: self.file.to_owned(),
            line,
            column,
        }
    }

    pub(super) fn note(&self, span: &Range<usize>, path: &str, message: impl Into<String>) {
        let problem = self.place(span).problem(path.to_owned(), message.into());
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// A value with its place.
pub(super) struct Value<'a> {
    page: &'a Page<'a>,
    value: &'a Spanned<DeValue<'a>>,
    pub(super) path: String,
}

impl<'a> Value<'a> {
    pub(super) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    pub(super) fn note(&self, message: impl Into<String>) {
        self.page.note(&self.span(), &self.path, message);
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        let found = match self.value.get_ref() {
            DeValue::String(text) => format!("the text \"{}\"", shorten(text)),
            DeValue::Integer(number) => format!("the number {}", shorten(number.as_str())),
            DeValue::Float(number) => format!("the number {}", shorten(number.as_str())),
            DeValue::Boolean(value) => format!("{value}"),
            DeValue::Datetime(value) => format!("the date {value}"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        self.note(format!("expected {what}, found {found}"));
        None
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.get_ref().is_array()
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.get_ref().is_table()
    }

    pub(super) fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match self.value.get_ref() {
            DeValue::String(text) if text.trim().is_empty() => {
                self.expected("a text that is not empty")
            }
            DeValue::String(text) => Some(text),
            _ => self.expected("a text in quotes"),
        }
    }

    /// A text that may be empty.
    pub(super) fn any_text(&self) -> Option<&'a str> {
        match self.value.get_ref() {
            DeValue::String(text) => Some(text),
            _ => self.expected("a text in quotes"),
        }
    }

    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Option<T> {
        match self.text()?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(error.to_string());
                None
            }
        }
    }

    /// A truth value; `None` without a word if it is something else.
    pub(super) fn if_flag(&self) -> Option<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            _ => None,
        }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        self.if_flag()
            .or_else(|| self.expected("true or false, without quotes"))
    }

    pub(super) fn decimal(&self) -> Option<Decimal> {
        let digits = match self.value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return self.expected("a number without quotes"),
        };
        // TOML groups digits with `_`; the parser has checked where they stand.
        let digits = digits.replace('_', "");
        let parsed = Decimal::from_str(&digits).or_else(|_| Decimal::from_scientific(&digits));
        match parsed {
            Ok(number) => Some(number),
            Err(_) => self.expected("a number of at most 28 digits"),
        }
    }

    pub(super) fn whole(&self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let number = match self.value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None if range.start() == range.end() => self.expected(&range.start().to_string()),
            None => self.expected(&format!(
                "a whole number from {} to {}",
                range.start(),
                range.end()
            )),
        }
    }

    pub(super) fn date(&self) -> Option<jiff::civil::Date> {
        let text = match self.value.get_ref() {
            DeValue::Datetime(value) => value.to_string(),
            DeValue::String(text) => text.to_string(),
            _ => return self.expected("a date such as 2026-01-01"),
        };
        match text.parse() {
            Ok(date) if text.len() == 10 => Some(date),
            _ => self.expected("a date such as 2026-01-01"),
        }
    }

    pub(super) fn list(&self) -> Vec<Value<'a>> {
        match self.value.get_ref() {
            DeValue::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| Value {
                    page: self.page,
                    value,
                    path: format!("{}[{index}]", self.path),
                })
                .collect(),
            _ => self
                .expected("a list in square brackets")
                .unwrap_or_default(),
        }
    }

    pub(super) fn table(&self) -> Option<Table<'a>> {
        match self.value.get_ref() {
            DeValue::Table(table) => {
                Some(Table::new(self.page, table, self.span(), self.path.clone()))
            }
            _ => self.expected("a table"),
        }
    }
}

/// A table whose keys are asked for one by one; what was never asked for is unknown.
pub(super) struct Table<'a> {
    page: &'a Page<'a>,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    pub(super) path: String,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        page: &'a Page<'a>,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        path: String,
    ) -> Self {
        Table {
            page,
            table,
            span,
            path,
            known: RefCell::default(),
        }
    }

    pub(super) fn place(&self) -> Place {
        self.page.place(&self.span)
    }

    pub(super) fn note(&self, message: impl Into<String>) {
        self.page.note(&self.span, &self.path, message);
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &'static str) -> Option<Value<'a>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        let value = self.table.get(key)?;
        Some(Value {
            page: self.page,
            value,
            path: self.path_of(key),
        })
    }

    /// The value of a key that must be there.
    pub(super) fn require(&self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.note(format!("`{key}` is missing, for example {example}"));
        }
        value
    }

    /// All keys with their values, for tables whose keys are names.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'a str, Range<usize>, Value<'a>)> + use<'a> {
        let (page, path) = (self.page, self.path.clone());
        self.table.iter().map(move |(key, value)| {
            let name: &'a str = key.get_ref();
            let path = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            };
            (name, key.span(), Value { page, value, path })
        })
    }

    /// Notes every key that was never asked for, with the nearest one that is known.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let nearest = known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(name, known), known))
                .min()
                .filter(|(distance, known)| *distance <= 1 + known.len() / 4);
            let hint = match nearest {
                Some((_, nearest)) => format!("did you mean `{nearest}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.page.note(
                &key.span(),
                &self.path,
                format!("`{}` is not a setting; {hint}", shorten(name)),
            );
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

fn shorten(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
