//! Lists of any length: a stream of items that is written while it is read.
//!
//! CSV and JSON keep one item at a time; a table has a limit, after which nothing more is asked for.

use std::io::{self, Write};
use std::pin::pin;

use budget_engine::{Currency, Money};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::output::{self, Block, Cell, Column, Format, Table, talk};
use crate::words::counted;

/// Rows of a table when no limit is asked for.
pub(crate) const TABLE_ROWS: usize = 100;

/// A value of an item.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Nothing,
    Text(String),
    Number(Decimal),
    Money(Money),
    /// An amount that people are shown with all its digits: it is often less than a minor unit.
    Price(Money),
    Flag(bool),
    /// Several texts: an array in JSON.
    Texts(Vec<String>),
    /// Names with values: an object in JSON.
    Pairs(Vec<(String, String)>),
}

impl Value {
    /// An amount in a currency.
    pub(crate) fn money(amount: Decimal, currency: Currency) -> Value {
        Value::Money(Money::new(amount, currency))
    }

    /// For people.
    fn shown(&self) -> String {
        match self {
            Value::Money(money) => money.to_string(),
            Value::Price(price) if price.amount.normalize().scale() > 2 => {
                format!("{} {}", price.currency, price.amount.normalize())
            }
            Value::Price(price) => price.to_string(),
            Value::Number(number) => number.round_dp(4).normalize().to_string(),
            Value::Flag(true) => "yes".to_owned(),
            Value::Flag(false) => "no".to_owned(),
            Value::Texts(texts) => texts.join(", "),
            Value::Pairs(pairs) => pairs
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(", "),
            other => other.recorded(),
        }
    }

    /// For spreadsheets: exact, and amounts without their currency.
    fn recorded(&self) -> String {
        match self {
            Value::Nothing => String::new(),
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Money(money) | Value::Price(money) => money.amount.to_string(),
            Value::Flag(flag) => flag.to_string(),
            Value::Texts(texts) => texts.join(";"),
            Value::Pairs(pairs) => json_pairs(pairs).to_string(),
        }
    }

    /// For programs.
    fn json(&self) -> serde_json::Value {
        match self {
            Value::Nothing => serde_json::Value::Null,
            Value::Text(text) => text.as_str().into(),
            Value::Number(number) => number.to_string().into(),
            Value::Money(money) | Value::Price(money) => serde_json::json!({
                "amount": money.amount.to_string(),
                "currency": money.currency.code(),
            }),
            Value::Flag(flag) => (*flag).into(),
            Value::Texts(texts) => texts.clone().into(),
            Value::Pairs(pairs) => json_pairs(pairs),
        }
    }
}

fn json_pairs(pairs: &[(String, String)]) -> serde_json::Value {
    let pairs = pairs
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()));
    serde_json::Value::Object(pairs.collect())
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Nothing, Into::into)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        match text {
            "" => Value::Nothing,
            text => Value::Text(text.to_owned()),
        }
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Value {
        text.as_str().into()
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        text.as_str().into()
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Value {
        Value::Number(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Number(number.into())
    }
}

impl From<Money> for Value {
    fn from(money: Money) -> Value {
        Value::Money(money)
    }
}

impl From<Currency> for Value {
    fn from(currency: Currency) -> Value {
        Value::Text(currency.code().to_owned())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Flag(flag)
    }
}

impl From<Date> for Value {
    fn from(date: Date) -> Value {
        Value::Text(date.to_string())
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Value {
        Value::Text(at.to_string())
    }
}

/// A column of a list of `T`.
struct Field<T> {
    /// In `snake_case`, as CSV names it; JSON names it in `camelCase`.
    name: String,
    /// The heading in tables; `None` for what only programs are given.
    heading: Option<Column>,
    value: Box<dyn Fn(&T) -> Value>,
}

/// What the items of a list are, and how they are shown.
pub(crate) struct List<T> {
    nouns: (&'static str, &'static str),
    fields: Vec<Field<T>>,
    total: Option<fn(&T) -> Option<Money>>,
    nothing: Option<String>,
}

impl<T> List<T> {
    /// A list of such items: the noun for one, and for many.
    pub(crate) fn of(one: &'static str, many: &'static str) -> List<T> {
        List {
            nouns: (one, many),
            fields: Vec::new(),
            total: None,
            nothing: None,
        }
    }

    /// A column for programs only.
    pub(crate) fn field<V: Into<Value>>(
        self,
        name: impl Into<String>,
        value: impl Fn(&T) -> V + 'static,
    ) -> List<T> {
        self.with(name.into(), None, value)
    }

    /// A column of text that tables show, too.
    pub(crate) fn shown<V: Into<Value>>(
        self,
        heading: &str,
        name: impl Into<String>,
        value: impl Fn(&T) -> V + 'static,
    ) -> List<T> {
        self.with(name.into(), Some(Column::left(heading.to_owned())), value)
    }

    /// A column of numbers or amounts that tables show, too.
    pub(crate) fn number<V: Into<Value>>(
        self,
        heading: &str,
        name: impl Into<String>,
        value: impl Fn(&T) -> V + 'static,
    ) -> List<T> {
        self.with(name.into(), Some(Column::right(heading.to_owned())), value)
    }

    /// The amount whose sum is told below a whole table.
    pub(crate) fn total(mut self, amount: fn(&T) -> Option<Money>) -> List<T> {
        self.total = Some(amount);
        self
    }

    /// What is said on stderr when no item comes, where nothing could be taken for zero.
    pub(crate) fn or_nothing(mut self, words: String) -> List<T> {
        self.nothing = Some(words);
        self
    }

    fn with<V: Into<Value>>(
        mut self,
        name: String,
        heading: Option<Column>,
        value: impl Fn(&T) -> V + 'static,
    ) -> List<T> {
        self.fields.push(Field {
            name,
            heading,
            value: Box::new(move |item| value(item).into()),
        });
        self
    }

    /// Writes the items to stdout while they come, no more than `limit` of them.
    ///
    /// # Errors
    /// When the stream fails. What was written is not all then, and stderr says so; a table is not
    /// written at all.
    pub(crate) async fn print(
        self,
        format: Format,
        limit: Option<usize>,
        items: impl Stream<Item = anyhow::Result<T>>,
    ) -> anyhow::Result<()> {
        let limit = match (limit, format) {
            (Some(0), _) => usize::MAX,
            (Some(limit), _) => limit,
            (None, Format::Table | Format::Markdown) => TABLE_ROWS,
            (None, _) => usize::MAX,
        };
        let mut writer = Writer::new(format, &self)?;
        let (mut count, mut is_cut, mut sums) = (0, false, Sums::default());
        let mut items = pin!(items);
        while let Some(item) = items.next().await {
            let item = item.inspect_err(|_| {
                if count > 0 {
                    talk(&format!(
                        "only {} could be read, not all:",
                        self.count(count)
                    ));
                }
            })?;
            if count == limit {
                is_cut = true;
                break;
            }
            count += 1;
            if let Some(amount) = self.total {
                sums.add(amount(&item));
            }
            let values = self.fields.iter().map(|field| (field.value)(&item));
            if !writer.add(&self, values.collect())? {
                return Ok(());
            }
        }
        let mut notes = Vec::new();
        if !is_cut && count > 1 && self.total.is_some() {
            notes.extend(
                sums.shown()
                    .map(|sum| format!("{}: {sum}", self.count(count))),
            );
        }
        writer.finish(&self, notes)?;
        if is_cut {
            talk(&format!("these are the first {limit}; --limit 0 shows all"));
        } else if count == 0 {
            match &self.nothing {
                Some(words) => talk(words),
                None => talk(&format!("there are no {}", self.nouns.1)),
            }
        }
        Ok(())
    }

    /// Writes one thing to stdout: an object in JSON, named values for people.
    pub(crate) fn print_one(self, format: Format, title: &str, item: &T) -> anyhow::Result<()> {
        let mut values = Vec::new();
        for field in &self.fields {
            values.push((field.value)(item));
        }
        match format {
            Format::Json => {
                let text = serde_json::to_string_pretty(&self.object(&values))?;
                output::print_text(&format!("{text}\n"))
            }
            Format::Csv => {
                let mut writer = Writer::new(format, &self)?;
                writer.add(&self, values)?;
                writer.finish(&self, Vec::new())
            }
            Format::Table | Format::Markdown => {
                let shown = self.fields.iter().zip(&values);
                let facts = shown.filter_map(|(field, value)| {
                    let heading = field.heading.as_ref()?;
                    (*value != Value::Nothing)
                        .then(|| (heading.title().to_owned().into(), value.shown()))
                });
                let facts = facts.collect();
                let title = title.to_owned();
                output::print_blocks(format, &[Block::Facts { title, facts }])
            }
        }
    }

    fn count(&self, count: usize) -> String {
        counted(count, self.nouns.0, self.nouns.1)
    }

    fn object<'a>(&'a self, values: &'a [Value]) -> Object<'a, T> {
        Object(&self.fields, values)
    }
}

/// An item for programs, its columns in their order.
struct Object<'a, T>(&'a [Field<T>], &'a [Value]);

impl<T> Serialize for Object<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.1.len()))?;
        for (field, value) in self.0.iter().zip(self.1) {
            map.serialize_entry(&camel_case(&field.name), &value.json())?;
        }
        map.end()
    }
}

/// Sums by currency; they end when one does not fit.
#[derive(Debug, Default)]
struct Sums(Vec<Money>, bool);

impl Sums {
    fn add(&mut self, amount: Option<Money>) {
        let Some(amount) = amount else { return };
        let mut sums = self.0.iter_mut();
        match sums.find(|sum| sum.currency == amount.currency) {
            Some(sum) => match sum.checked_add(amount) {
                Ok(both) => *sum = both,
                Err(_) => self.1 = true,
            },
            None => self.0.push(amount),
        }
    }

    /// The sums, if there are any and all of them fit.
    fn shown(&self) -> Option<String> {
        let sums: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        (!self.1 && !sums.is_empty()).then(|| sums.join(", "))
    }
}

/// A list under way to stdout.
enum Writer {
    /// The header is written with the first item or at the end, so that a read that fails at once
    /// writes nothing.
    Csv(Box<csv::Writer<io::Stdout>>, bool),
    Json(io::BufWriter<io::Stdout>, usize),
    People(Format, Table),
}

impl Writer {
    fn new<T>(format: Format, list: &List<T>) -> anyhow::Result<Writer> {
        Ok(match format {
            Format::Csv => Writer::Csv(Box::new(csv::Writer::from_writer(io::stdout())), false),
            Format::Json => Writer::Json(io::BufWriter::new(io::stdout()), 0),
            Format::Table | Format::Markdown => {
                let headings = list.fields.iter().filter_map(|field| field.heading.clone());
                Writer::People(format, Table::new(headings.collect()))
            }
        })
    }

    /// Writes an item; `false` if nobody reads any more.
    fn add<T>(&mut self, list: &List<T>, values: Vec<Value>) -> anyhow::Result<bool> {
        let written = match self {
            Writer::Csv(writer, has_header) => {
                let header = (!std::mem::replace(has_header, true)).then_some(list);
                let header = header.map_or(Ok(()), |list| write_header(writer, list));
                let values = values.iter().map(Value::recorded);
                header.and_then(|()| writer.write_record(values).map_err(output::csv_into_io))
            }
            Writer::Json(writer, count) => {
                *count += 1;
                let start = if *count == 1 { "[\n" } else { ",\n" };
                writer
                    .write_all(start.as_bytes())
                    .and_then(|()| Ok(serde_json::to_writer(writer, &list.object(&values))?))
            }
            Writer::People(_, table) => {
                let shown = list.fields.iter().zip(&values);
                let shown = shown.filter(|(field, _)| field.heading.is_some());
                table.add(shown.map(|(_, value)| Cell::from(value.shown())).collect());
                Ok(())
            }
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            written => Ok(written.map(|()| true)?),
        }
    }

    /// Ends the list; `notes` are for people.
    fn finish<T>(self, list: &List<T>, notes: Vec<String>) -> anyhow::Result<()> {
        let written = match self {
            Writer::Csv(mut writer, has_header) => {
                let header = if has_header {
                    Ok(())
                } else {
                    write_header(&mut writer, list)
                };
                header.and_then(|()| writer.flush())
            }
            Writer::Json(mut writer, count) => {
                let end = if count == 0 { "[]\n" } else { "\n]\n" };
                writer
                    .write_all(end.as_bytes())
                    .and_then(|()| writer.flush())
            }
            Writer::People(_, table) if table.is_empty() => Ok(()),
            Writer::People(format, table) => {
                let mut blocks = vec![Block::Table(table)];
                if !notes.is_empty() {
                    blocks.push(Block::Lines(notes.into_iter().map(Cell::from).collect()));
                }
                return output::print_blocks(format, &blocks);
            }
        };
        output::forgive_closed_pipe(written)?;
        Ok(())
    }
}

fn write_header<T>(writer: &mut csv::Writer<io::Stdout>, list: &List<T>) -> io::Result<()> {
    let names = list.fields.iter().map(|field| field.name.as_str());
    writer.write_record(names).map_err(output::csv_into_io)
}

/// `usage_date` is `usageDate` in JSON.
fn camel_case(name: &str) -> String {
    let mut parts = name.split('_');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_programs() {
        assert_eq!(camel_case("resource_group"), "resourceGroup");
        assert_eq!(camel_case("cost"), "cost");
        assert_eq!(camel_case("ServiceName"), "ServiceName");
    }

    #[test]
    fn amounts_are_exact_for_programs_and_rounded_for_people() {
        let value = Value::from(Money::parse("1234.5678 EUR").unwrap());
        assert_eq!(value.shown(), "EUR 1,234.57");
        assert_eq!(value.recorded(), "1234.5678");
        assert_eq!(
            value.json(),
            serde_json::json!({"amount": "1234.5678", "currency": "EUR"})
        );
    }

    #[test]
    fn sums_keep_currencies_apart_and_tell_nothing_that_does_not_fit() {
        let mut sums = Sums::default();
        assert_eq!(sums.shown(), None);
        for text in ["1.5 EUR", "2 USD", "2.25 EUR"] {
            sums.add(Money::parse(text));
        }
        assert_eq!(sums.shown().as_deref(), Some("EUR 3.75, USD 2.00"));
        let eur = Money::parse("1 EUR").unwrap().currency;
        sums.add(Some(Money::new(Decimal::MAX, eur)));
        assert_eq!(sums.shown(), None);
    }
}
