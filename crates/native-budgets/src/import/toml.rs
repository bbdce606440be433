//! TOML that is written for people and read again: one key on a line.

use std::fmt::Display;

use jiff::civil::Date;

/// The text of one table.
pub(super) struct Table(String);

impl Table {
    /// A table of a list: `[[name]]`.
    pub(super) fn new(name: &str) -> Table {
        Table(format!("[[{name}]]\n"))
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.value(key, text(value));
    }

    /// A number, a date, or anything else that is written already.
    pub(super) fn value(&mut self, key: &str, value: impl Display) {
        self.0.push_str(&format!("{key} = {value}\n"));
    }

    /// Texts, unless there are none.
    pub(super) fn texts(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            self.value(key, texts(values));
        }
    }

    /// A table inside, after a blank line.
    pub(super) fn inside(&mut self, table: Table) {
        self.0.push('\n');
        self.0.push_str(&table.0);
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// A list of texts.
pub(super) fn texts(values: &[String]) -> String {
    list(values.iter().map(|value| text(value)))
}

/// A list of what is written already.
pub(super) fn list(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().collect();
    format!("[{}]", values.join(", "))
}

/// A table on one line, of keys and what is written already.
pub(super) fn inline(entries: &[(&str, String)]) -> String {
    let entries = entries
        .iter()
        .map(|(key, value)| format!("{key} = {value}"));
    let entries: Vec<String> = entries.collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A text in quotes. Characters that a reader would not see are escaped, and so are those that turn
/// the direction of writing: nothing hides from a review.
pub(super) fn text(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ if c.is_control() || is_unseen(c) => {
                quoted.push_str(&format!("\\U{:08X}", u32::from(c)));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether a day can be written: TOML's years have four digits.
pub(super) fn is_writable(day: Date) -> bool {
    (1..=9999).contains(&day.year())
}
