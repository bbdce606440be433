use std::collections::BTreeSet;
use std::io::Read;
use std::rc::Rc;

use budget_engine::{CostBasis, FactsBuilder, Scope};
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::columns::Layout;
use crate::error::Error;
use crate::keys::{Keys, NoCurrency, unquote};
use crate::report::{Progress, Report, RowProblem};
use crate::rows::{Fault, Rows};
use crate::source::{Meter, Source};
use crate::{day, number};

/// How a file is to be read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which cost an Azure file holds: Azure writes actual and amortized costs into two files with
    /// the same columns. FOCUS files hold both and do not look at this.
    pub basis: CostBasis,
    /// The scope that the file was exported for; it holds all its rows.
    pub read_at: Option<Scope>,
    /// Longest row that is accepted, in bytes; also what bounds memory. 16 MiB by default.
    pub max_row_bytes: usize,
    /// How many rows may have a problem before the whole file is refused.
    pub tolerance: Tolerance,
}

impl Options {
    /// The defaults, for a file with costs of this basis.
    pub fn new(basis: CostBasis) -> Self {
        Options {
            basis,
            read_at: None,
            max_row_bytes: 16 * 1024 * 1024,
            tolerance: Tolerance::Few,
        }
    }
}

/// How many rows may have a problem. Skipped and doubtful rows count alike, because a filter on
/// a tag that could not be read gives a wrong sum, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// Up to ten, or up to one in a hundred if that is more, and never more than half of the rows.
    Few,
    /// None: the first problem refuses the file.
    None,
}

impl Tolerance {
    fn is_exceeded(self, problems: u64, rows: u64) -> bool {
        match self {
            Tolerance::Few => {
                let is_many = problems > 10 && problems > rows / 100;
                is_many || problems > rows / 2
            }
            Tolerance::None => problems > 0,
        }
    }
}

/// Problems of each kind that a report keeps.
const KEPT_PROBLEMS: usize = 10;

/// Rows between two calls of the progress function.
const ROWS_PER_PROGRESS: u64 = 8192;

/// Folds a cost file into facts while it streams by. See the crate's documentation for what is
/// recognised.
///
/// Returns what became of the rows. A file with a header and no rows is fine and has zero rows.
///
/// # Errors
/// Any [`Error`]; the builder may then hold a part of the file and must be dropped.
pub fn fold(
    reader: impl Read,
    options: &Options,
    facts: &mut FactsBuilder,
) -> Result<Report, Error> {
    fold_with_progress(reader, options, facts, &mut |_| {})
}

/// As [`fold`], and tells every few thousand rows how far it is.
///
/// To stop early, let the reader fail.
///
/// # Errors
/// As [`fold`].
pub fn fold_with_progress(
    reader: impl Read,
    options: &Options,
    facts: &mut FactsBuilder,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, Error> {
    let (source, meter) = Source::open(reader).map_err(|source| Error::Read {
        bytes: 0,
        rows: 0,
        source,
    })?;
    let is_gzip = matches!(source, Source::Gzip(_));
    let mut rows = Rows::new(source, options.max_row_bytes);
    let fault = Faults {
        is_gzip,
        meter,
        limit: options.max_row_bytes,
    };
    let start = rows.peek().map_err(|cause| fault.explain(cause, 1, 0))?;
    if start.is_empty() {
        return Err(Error::Empty);
    }
    if let Some(found) = foreign(start) {
        return Err(Error::NotCsv { found });
    }
    let mark = usize::from(start.starts_with(b"\xef\xbb\xbf")) * 3;
    rows.skip(mark);
    let has_header = rows.advance();
    if !has_header.map_err(|cause| fault.explain(cause, rows.line(), 0))? {
        return Err(Error::Empty);
    }
    let layout = Layout::read(rows.row(), facts.projection()).map_err(with_separator)?;
    rows.keep(&layout.columns);

    let mut keys = Keys::new(&layout, options.read_at.clone(), facts);
    let mut tally = Tally::default();
    loop {
        let more = rows.advance();
        if !more.map_err(|cause| fault.explain(cause, rows.line(), tally.rows))? {
            break;
        }
        let line = rows.line();
        if rows.field_count() != layout.width && !rows.has_line_end() {
            return Err(Error::CutOff {
                line,
                rows: tally.rows,
            });
        }
        tally.rows += 1;
        match read_row(&rows, &layout, options.basis, &mut tally.last_day) {
            Ok(row) => match keys.series(|slot| rows.field(slot), facts) {
                Ok((series, currency, doubt)) => {
                    facts
                        .add(series, row.day, row.actual, row.amortized)
                        .map_err(|source| Error::Sum { line, source })?;
                    tally.folded(row.day, currency);
                    if let Some(doubt) = doubt {
                        let problem = problem(&rows, &layout, doubt.slot, doubt.reason);
                        tally.doubtful.add(problem);
                    }
                }
                Err(NoCurrency) => {
                    let reason = "is no ISO 4217 currency code";
                    let problem = problem(&rows, &layout, layout.head.currency, reason);
                    tally.skipped.add(problem);
                }
            },
            // Whoever writes one cost with a comma writes all of them so, or just the large ones:
            // leaving them out would lose the most.
            Err(problem) if problem.reason == number::COMMA => {
                return Err(Error::Comma {
                    first: Box::new(problem),
                });
            }
            Err(problem) => tally.skipped.add(problem),
        }
        if options.tolerance == Tolerance::None {
            tally.check(options.tolerance)?;
        }
        if tally.rows % ROWS_PER_PROGRESS == 0 {
            progress(Progress {
                bytes: fault.meter.bytes(),
                rows: tally.rows,
            });
        }
    }
    tally.check(options.tolerance)?;
    progress(Progress {
        bytes: fault.meter.bytes(),
        rows: tally.rows,
    });
    let report = tally.report(layout, fault.meter.bytes());
    facts.skip(report.skipped_count);
    Ok(report)
}

/// What a file is when it is surely not comma-separated text.
fn foreign(start: &[u8]) -> Option<&'static str> {
    let signs: [(&[u8], &'static str); 6] = [
        (b"PAR1", "a Parquet file"),
        (b"PK\x03\x04", "a zip archive or an Excel workbook"),
        (b"\x1f\x8b", "gzip inside gzip"),
        (b"\xff\xfe", "UTF-16 text"),
        (b"\xfe\xff", "UTF-16 text"),
        (b"{", "JSON"),
    ];
    let found = signs.iter().find(|(sign, _)| start.starts_with(sign));
    found.map(|(_, name)| *name)
}

/// A header in one piece, cut by another sign, says so instead of naming a missing column.
fn with_separator(error: Error) -> Error {
    match error {
        Error::MissingColumn { ref found, .. } if !found.contains(',') => {
            if found.contains(';') {
                return Error::NotCsv {
                    found: "text separated by semicolons, as a spreadsheet saves it",
                };
            }
            if found.contains('\t') {
                return Error::NotCsv {
                    found: "text separated by tabs",
                };
            }
            error
        }
        _ => error,
    }
}

/// Knows how to say what went wrong below the rows.
struct Faults {
    is_gzip: bool,
    meter: Rc<Meter>,
    limit: usize,
}

impl Faults {
    fn explain(&self, fault: Fault, line: u64, rows: u64) -> Error {
        let bytes = self.meter.bytes();
        match fault {
            Fault::Read(source) if self.is_gzip && !self.meter.has_failed() => Error::Gzip {
                bytes,
                rows,
                source,
            },
            Fault::Read(source) => Error::Read {
                bytes,
                rows,
                source,
            },
            Fault::RowTooLong => Error::RowTooLong {
                line,
                limit: self.limit,
            },
            Fault::Quote(line) => Error::Quote { line },
            Fault::OpenQuote => Error::CutOff { line, rows },
        }
    }
}

/// The day and the costs of a row.
struct Row {
    day: Date,
    actual: Option<Decimal>,
    amortized: Option<Decimal>,
}

/// The day that was read last, by its bytes: neighbours often share it.
type LastDay = Option<(Vec<u8>, Date)>;

fn read_row<R: Read>(
    rows: &Rows<R>,
    layout: &Layout,
    basis: CostBasis,
    last_day: &mut LastDay,
) -> Result<Row, RowProblem> {
    if rows.field_count() != layout.width {
        let count = rows.field_count();
        let reason = format!("has {count} fields, the header has {}", layout.width);
        return Err(RowProblem::new(rows.line(), None, rows.row(), &reason));
    }
    let cost = |slot: usize| {
        number::parse(&unquote(rows.field(slot)))
            .map_err(|reason| problem(rows, layout, slot, reason))
    };
    let first = cost(layout.cost)?;
    let (actual, amortized) = match (layout.effective_cost, basis) {
        (Some(slot), _) => (Some(first), Some(cost(slot)?)),
        (None, _) if layout.format == crate::Format::Focus => (Some(first), None),
        (None, CostBasis::Actual) => (Some(first), None),
        (None, CostBasis::Amortized) => (None, Some(first)),
    };
    let raw = rows.field(layout.date);
    let day = match last_day {
        Some((known, day)) if known == raw => *day,
        _ => {
            let day = day::parse(&unquote(raw))
                .map_err(|reason| problem(rows, layout, layout.date, reason))?;
            *last_day = Some((raw.to_owned(), day));
            day
        }
    };
    Ok(Row {
        day,
        actual,
        amortized,
    })
}

fn problem<R: Read>(rows: &Rows<R>, layout: &Layout, slot: usize, reason: &str) -> RowProblem {
    let value = unquote(rows.field(slot));
    RowProblem::new(rows.line(), Some(&layout.names[slot]), &value, reason)
}

#[derive(Default)]
struct Problems {
    count: u64,
    first: Vec<RowProblem>,
}

impl Problems {
    fn add(&mut self, problem: RowProblem) {
        self.count += 1;
        if self.first.len() < KEPT_PROBLEMS {
            self.first.push(problem);
        }
    }
}

#[derive(Default)]
struct Tally {
    rows: u64,
    folded: u64,
    skipped: Problems,
    doubtful: Problems,
    days: Option<(Date, Date)>,
    currencies: BTreeSet<budget_engine::Currency>,
    last_currency: Option<budget_engine::Currency>,
    last_day: LastDay,
}

impl Tally {
    fn folded(&mut self, day: Date, currency: budget_engine::Currency) {
        self.folded += 1;
        self.days = Some(match self.days {
            None => (day, day),
            Some((first, last)) => (first.min(day), last.max(day)),
        });
        if self.last_currency != Some(currency) {
            self.last_currency = Some(currency);
            self.currencies.insert(currency);
        }
    }

    fn check(&mut self, tolerance: Tolerance) -> Result<(), Error> {
        let problems = self.skipped.count + self.doubtful.count;
        if !tolerance.is_exceeded(problems, self.rows) {
            return Ok(());
        }
        let both = self.skipped.first.iter().chain(&self.doubtful.first);
        let first = both.min_by_key(|problem| problem.line);
        match first {
            Some(first) => Err(Error::Broken {
                problems,
                rows: self.rows,
                first: Box::new(first.clone()),
            }),
            None => Ok(()),
        }
    }

    fn report(self, layout: Layout, bytes: u64) -> Report {
        Report {
            format: layout.format,
            bytes,
            rows: self.rows,
            folded: self.folded,
            skipped_count: self.skipped.count,
            skipped: self.skipped.first,
            doubtful_count: self.doubtful.count,
            doubtful: self.doubtful.first,
            first_day: self.days.map(|(first, _)| first),
            last_day: self.days.map(|(_, last)| last),
            currencies: self.currencies.into_iter().collect(),
            absent: layout.absent,
        }
    }
}
