use std::io;

use budget_engine::MoneyError;

use crate::report::RowProblem;

/// Why a file could not be folded. The caller knows the file's name and adds it.
///
/// After any error the [`budget_engine::FactsBuilder`] may hold a part of the file: drop it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The reader failed. Trying again may help.
    #[error("reading stopped after {bytes} bytes and {rows} rows")]
    Read {
        /// Bytes read from the file.
        bytes: u64,
        /// Rows folded or skipped before.
        rows: u64,
        /// What the reader said.
        source: io::Error,
    },

    /// The gzip data end too early or are damaged. Fetch the file again.
    #[error("the gzip data are cut off or damaged after {bytes} bytes and {rows} rows")]
    Gzip {
        /// Bytes read from the file.
        bytes: u64,
        /// Rows folded or skipped before.
        rows: u64,
        /// What the decoder said.
        source: io::Error,
    },

    /// The text ends inside a row or inside quotes. Fetch the file again.
    #[error("the file ends in the middle of the row on line {line}, after {rows} whole rows")]
    CutOff {
        /// Line on which the unfinished row starts.
        line: u64,
        /// Rows before it.
        rows: u64,
    },

    /// There is nothing in the file, not even a header.
    #[error("the file is empty; expected a header line and rows of costs")]
    Empty,

    /// The file is something else.
    #[error("the file is {found}; expected comma-separated text (CSV), plain or gzip")]
    NotCsv {
        /// What it looks like.
        found: &'static str,
    },

    /// The header lacks a column without which there is no cost.
    #[error("no column holds the {column}: expected {accepted}; found {found}")]
    MissingColumn {
        /// What the column would hold.
        column: &'static str,
        /// The names under which it is known.
        accepted: String,
        /// The header line, shortened.
        found: String,
    },

    /// The header has a needed column twice, and nothing says which one counts.
    #[error("the column `{column}` occurs {count} times in the header")]
    DuplicateColumn {
        /// Its name.
        column: String,
        /// How often it occurs.
        count: usize,
    },

    /// A row is longer than the limit; most likely the file has no line ends or a quote is open.
    #[error("the row on line {line} is longer than {limit} bytes")]
    RowTooLong {
        /// Line on which the row starts.
        line: u64,
        /// The limit, [`crate::Options::max_row_bytes`].
        limit: usize,
    },

    /// A quote stands inside a field that is not quoted, or a field goes on after its closing
    /// quote. Where rows end would be a guess.
    #[error("a quote is out of place on line {line}, so it is not certain where rows end")]
    Quote {
        /// Line of the quote.
        line: u64,
    },

    /// Too many rows could not be read, so that the sums would have holes.
    #[error("{problems} of {rows} rows could not be read; the first one: {first}")]
    Broken {
        /// Rows with a problem.
        problems: u64,
        /// All rows.
        rows: u64,
        /// The first problem of the file.
        first: Box<RowProblem>,
    },

    /// A cost is written with a comma, which is never guessed at.
    #[error("costs are written with commas: {first}")]
    Comma {
        /// The first such cost.
        first: Box<RowProblem>,
    },

    /// The sum of one day became too large.
    #[error("could not add the cost on line {line}")]
    Sum {
        /// Line of the row.
        line: u64,
        /// What the sum said.
        source: MoneyError,
    },
}
