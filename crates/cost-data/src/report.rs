use std::fmt;

use budget_engine::Currency;
use jiff::civil::Date;

/// What a file was and what became of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whose columns the file has.
    pub format: Format,
    /// Bytes read from the file, before decompression.
    pub bytes: u64,
    /// Rows without the header and without blank lines: the folded and the skipped ones.
    pub rows: u64,
    /// Rows whose cost is in the facts.
    pub folded: u64,
    /// Rows that were left out, because their day, cost or currency could not be read.
    pub skipped_count: u64,
    /// The first few of them.
    pub skipped: Vec<RowProblem>,
    /// Rows whose cost is in the facts, but without something that could not be read: tags, a
    /// scope or the kind of charge.
    pub doubtful_count: u64,
    /// The first few of them.
    pub doubtful: Vec<RowProblem>,
    /// First day with a folded row.
    pub first_day: Option<Date>,
    /// Last day with a folded row.
    pub last_day: Option<Date>,
    /// Currencies of the folded rows, in order.
    pub currencies: Vec<Currency>,
    /// Columns of the projection that the file does not have; their values are empty. A filter
    /// on one of them finds nothing in this file.
    pub absent: Vec<&'static str>,
}

/// Whose columns a file has. Told from the header; it decides nothing but the reading of FOCUS
/// names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Cost details of an Enterprise Agreement.
    EnterpriseAgreement,
    /// Cost details of a Microsoft Customer Agreement or Partner Agreement.
    CustomerAgreement,
    /// Usage details of a pay-as-you-go subscription.
    PayAsYouGo,
    /// The FinOps Open Cost and Usage Specification, 1.0 to 1.2.
    Focus,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::EnterpriseAgreement => "Enterprise Agreement cost details",
            Format::CustomerAgreement => "Microsoft Customer Agreement cost details",
            Format::PayAsYouGo => "pay-as-you-go usage details",
            Format::Focus => "FOCUS",
        })
    }
}

/// What is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// Line on which the row starts, from 1; the header is line 1.
    pub line: u64,
    /// Name of the column as the header spells it; `None` when it is the row as a whole.
    pub column: Option<String>,
    /// What stands there, shortened to 60 characters.
    pub value: String,
    /// What is wrong with it, as the end of a sentence: `is empty`.
    pub reason: String,
}

impl RowProblem {
    pub(crate) fn new(line: u64, column: Option<&str>, value: &[u8], reason: &str) -> Self {
        // Four bytes is the longest character, so this never loses one of the 60.
        let start = &value[..value.len().min(4 * SHOWN)];
        let text = String::from_utf8_lossy(start);
        // A value may hold what a terminal or a log would obey.
        let text = text.replace(char::is_control, "\u{fffd}");
        RowProblem {
            line,
            column: column.map(str::to_owned),
            value: shorten(&text, SHOWN),
            reason: reason.to_owned(),
        }
    }
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(
                f,
                "line {}, column {column}: `{}` {}",
                self.line, self.value, self.reason
            ),
            None => write!(f, "line {}: the row {}", self.line, self.reason),
        }
    }
}

/// How far a fold has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read from the file, before decompression.
    pub bytes: u64,
    /// Rows done.
    pub rows: u64,
}

/// Characters of a value in a message.
const SHOWN: usize = 60;

pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
