//! What is written where: data to stdout in the format that was asked for, talk to stderr.

mod csv;
mod json;
mod markdown;
pub(crate) mod table;

pub(crate) use self::csv::into_io as csv_into_io;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// How data are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people, on a terminal
    #[default]
    Table,
    /// For programs: everything that is known, decimals as strings
    Json,
    /// For spreadsheets: one record per line, exact numbers
    Csv,
    /// For pages and the summaries of workflows
    Markdown,
}

/// What a command answers. It serializes into its JSON.
pub(crate) trait Answer: Serialize {
    /// For people.
    fn blocks(&self) -> Vec<Block>;
    /// For spreadsheets.
    fn records(&self) -> Records;
}

/// A part of an answer for people.
#[derive(Debug, Clone)]
pub(crate) enum Block {
    /// Rows and columns.
    Table(Table),
    /// A heading with named values.
    Facts {
        title: String,
        facts: Vec<(Cow<'static, str>, String)>,
    },
    /// Lines of text, each on its own.
    Lines(Vec<Cell>),
    /// Text of its own form, such as a schema.
    Verbatim {
        language: &'static str,
        text: String,
    },
}

impl From<Table> for Block {
    fn from(table: Table) -> Block {
        Block::Table(table)
    }
}

/// Rows and columns for people.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(columns: Vec<Column>) -> Table {
        Table {
            columns,
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: Vec<Cell>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a cell for each column");
        self.rows.push(row);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// A column for people.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    title: Cow<'static, str>,
    right: bool,
}

impl Column {
    /// Text.
    pub(crate) fn left(title: impl Into<Cow<'static, str>>) -> Column {
        Column {
            title: title.into(),
            right: false,
        }
    }

    /// Numbers.
    pub(crate) fn right(title: impl Into<Cow<'static, str>>) -> Column {
        Column {
            title: title.into(),
            right: true,
        }
    }

    /// Its heading.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }
}

/// A text with a color, for people. Control characters are taken out: some of the text comes from
/// cost data, and must not speak to the terminal.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    color: Color,
}

/// A space at which no line is broken. It is written as a plain one.
const TIE: char = '\u{a0}';

/// A text that is kept on one line.
pub(crate) fn tied(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

/// What a color says. Never the only thing that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Color {
    Plain,
    Green,
    Yellow,
    Red,
}

impl Cell {
    pub(crate) fn colored(text: impl Into<String>, color: Color) -> Cell {
        Cell {
            text: clean(&text.into()),
            color,
        }
    }

    /// What it says, for where there are no cells.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell::colored(text, Color::Plain)
    }
}

/// Takes out what is no text: control characters, invisible operators, and the characters that turn the
/// direction of writing.
fn clean(text: &str) -> String {
    let is_invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !is_invisible(*c))
        .collect()
}

/// Records for spreadsheets.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Records {
    pub(crate) fn new(columns: &[&'static str]) -> Records {
        Records {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: Vec<String>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a value for each column");
        self.rows.push(row);
    }
}

/// Writes parts of an answer for people to stdout, as a table or as Markdown.
pub(crate) fn print_blocks(format: Format, blocks: &[Block]) -> anyhow::Result<()> {
    let mut out = anstream::AutoStream::auto(io::stdout().lock());
    let written = match format {
        Format::Markdown => markdown::write(blocks, &mut out),
        _ => table::write(blocks, width(), &mut out),
    };
    forgive_closed_pipe(written.and_then(|()| out.flush()))?;
    Ok(())
}

/// Writes an answer to stdout. A reader that has seen enough (`| head`) is no failure.
pub(crate) fn print(format: Format, answer: &impl Answer) -> anyhow::Result<()> {
    // Colors are taken out unless stdout is a terminal that shows them and NO_COLOR is not set.
    let mut out = anstream::AutoStream::auto(io::stdout().lock());
    let written = match format {
        Format::Table => table::write(&answer.blocks(), width(), &mut out),
        Format::Json => json::write(answer, &mut out),
        Format::Csv => csv::write(&answer.records(), &mut out),
        Format::Markdown => markdown::write(&answer.blocks(), &mut out),
    };
    forgive_closed_pipe(written.and_then(|()| out.flush()))?;
    Ok(())
}

/// Writes a text to stdout as it is.
pub(crate) fn print_text(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    forgive_closed_pipe(written)?;
    Ok(())
}

/// A reader that has seen enough is no failure.
pub(crate) fn forgive_closed_pipe(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Columns of the terminal, if stdout is one.
pub(crate) fn width() -> Option<u16> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| width.0)
}

/// Whether stdout is a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Says something to the person, on stderr.
pub(crate) fn talk(text: &str) {
    // Nobody is told when nobody listens.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Says on stderr what went wrong, with the causes that the message does not name itself.
pub(crate) fn report(error: &anyhow::Error) {
    let mut said = error.to_string();
    talk(&format!("error: {said}"));
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !said.contains(&cause) {
            talk(&format!("  because: {cause}"));
        }
        said = cause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_cost_data_cannot_speak_to_the_terminal() {
        let cell = Cell::from("a\u{1b}[31mb\nc\u{202e}d\u{2063}e");
        assert_eq!(cell.text, "a [31mb cde");
    }
}
