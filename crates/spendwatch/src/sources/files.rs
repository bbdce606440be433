//! Cost files on disk, or bundled with the program.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use budget_engine::{CostBasis, FactsBuilder, Projection};
use jiff::Timestamp;

use super::{Answer, CostSource, Progress, ReadContext, ReadRequest};

/// Cost files by path or glob pattern. All of them together are one source.
#[derive(Debug, Clone)]
pub struct Files {
    patterns: Vec<PathBuf>,
    basis: CostBasis,
}

impl Files {
    /// The files that these patterns name at the time of reading. `basis` says which dataset the
    /// Azure files among them hold.
    pub fn new(patterns: Vec<PathBuf>, basis: CostBasis) -> Self {
        Files { patterns, basis }
    }
}

/// A cost file that is part of the program.
#[derive(Debug, Clone, Copy)]
pub struct BundledFile {
    /// What to call it.
    pub name: &'static str,
    /// Its bytes, plain or gzip.
    pub bytes: &'static [u8],
    /// Which dataset it holds.
    pub basis: CostBasis,
    /// When it was written.
    pub as_of: Timestamp,
}

#[async_trait]
impl CostSource for Files {
    async fn read(&self, request: &ReadRequest, context: &ReadContext) -> anyhow::Result<Answer> {
        let progress = context.progress.clone();
        let (patterns, basis) = (self.patterns.clone(), self.basis);
        let projection = request.projection.clone();
        // Decompressing and parsing block for as long as the files are large.
        tokio::task::spawn_blocking(move || {
            let mut inputs = Vec::new();
            for path in expand(&patterns)? {
                let shown = path.display().to_string();
                let open = || -> std::io::Result<Input> {
                    let file = std::fs::File::open(&path)?;
                    let metadata = file.metadata()?;
                    let as_of =
                        Timestamp::try_from(metadata.modified()?).map_err(std::io::Error::other)?;
                    let bytes = metadata.len();
                    Ok(Input {
                        name: shown.clone(),
                        folder: folder(&path),
                        bytes,
                        as_of,
                        reader: Box::new(file),
                    })
                };
                inputs.push(open().with_context(|| format!("open {shown}"))?);
            }
            fold(inputs, basis, projection, progress)
        })
        .await
        .context("the reader stopped")?
    }
}

#[async_trait]
impl CostSource for BundledFile {
    async fn read(&self, request: &ReadRequest, context: &ReadContext) -> anyhow::Result<Answer> {
        let input = Input {
            name: self.name.to_owned(),
            folder: PathBuf::new(),
            bytes: self.bytes.len() as u64,
            as_of: self.as_of,
            reader: Box::new(self.bytes),
        };
        fold(
            vec![input],
            self.basis,
            request.projection.clone(),
            context.progress.clone(),
        )
    }
}

/// The files that patterns name, sorted. A pattern that names none is an error.
pub(crate) fn expand(patterns: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for pattern in patterns {
        let text = pattern.to_str().context("a path is not Unicode")?;
        let mut found = false;
        for path in glob::glob(text).with_context(|| format!("`{text}` is not a pattern"))? {
            let path = path.with_context(|| format!("look for {text}"))?;
            if path.is_file() {
                files.push(path);
                found = true;
            }
        }
        anyhow::ensure!(found, "no file is named {text}");
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn folder(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

struct Input {
    name: String,
    folder: PathBuf,
    bytes: u64,
    as_of: Timestamp,
    reader: Box<dyn Read>,
}

fn fold(
    inputs: Vec<Input>,
    basis: CostBasis,
    projection: Projection,
    progress: Option<Arc<dyn Progress>>,
) -> anyhow::Result<Answer> {
    let total: u64 = inputs.iter().map(|input| input.bytes).sum();
    let mut facts = FactsBuilder::new(projection);
    let mut notes = Vec::new();
    let mut as_of = Timestamp::MIN;
    let (mut bytes_before, mut rows_before) = (0, 0);
    let mut days: Vec<(PathBuf, String, jiff::civil::Date, jiff::civil::Date)> = Vec::new();
    for input in inputs {
        let mut tell = |step: cost_data::Progress| {
            if let Some(progress) = &progress {
                progress.advanced(
                    bytes_before + step.bytes,
                    Some(total),
                    rows_before + step.rows,
                );
            }
        };
        let options = cost_data::Options::new(basis);
        let report = cost_data::fold_with_progress(input.reader, &options, &mut facts, &mut tell)
            .with_context(|| input.name.clone())?;
        bytes_before += input.bytes;
        rows_before += report.rows;
        as_of = as_of.max(input.as_of);
        notes.extend(remarks(&input.name, &report));
        if let (Some(first), Some(last)) = (report.first_day, report.last_day) {
            // Parts of one export lie in one folder and share their days. The same days in two
            // folders look like two runs of one export, whose sum would count everything twice.
            let overlap = days.iter().find(|(folder, _, other_first, other_last)| {
                *folder != input.folder && first <= *other_last && *other_first <= last
            });
            if let Some((_, other, ..)) = overlap {
                notes.push(format!(
                    "{} and {other} lie in two folders and hold costs of the same days: if they are \
                     two runs of one export, name only the newer one in `paths`, because their costs \
                     are added up",
                    input.name
                ));
            }
            days.push((input.folder, input.name, first, last));
        }
    }
    Ok(Answer {
        facts: facts.finish(as_of),
        notes,
    })
}

/// What people should know about a file that was read.
pub(crate) fn remarks(name: &str, report: &cost_data::Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.rows == 0 {
        notes.push(format!("{name} has a header and no rows"));
    }
    for (count, problems, what) in [
        (report.skipped_count, &report.skipped, "were left out"),
        (
            report.doubtful_count,
            &report.doubtful,
            "were read in part; their cost counts",
        ),
    ] {
        if count > 0 {
            let first = problems
                .first()
                .map(ToString::to_string)
                .unwrap_or_default();
            notes.push(format!(
                "{name}: {count} of {} rows {what}; {first}",
                report.rows
            ));
        }
    }
    if !report.absent.is_empty() {
        notes.push(format!(
            "{name} has no column for {}: filters on it find nothing there, and drivers cannot name it",
            report.absent.join(", ")
        ));
    }
    notes
}
