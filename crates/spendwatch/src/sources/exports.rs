//! Exports of Cost Management in Blob storage as a cost source.

mod choose;
mod layout;
mod manifest;
mod run;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use budget_engine::{CostBasis, CostFacts, FactsBuilder};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use state_store::{Blob, Container, Error};

use super::files::remarks;
use super::stream::fold_and_report;
use super::{Answer, Attempt, CostSource, Examined, ReadContext, ReadRequest};
use choose::{Chosen, choose};
use layout::{Folder, folders, overlap, range};
use manifest::{Dataset, Manifest};
use run::{Run, runs};

/// A manifest names some tens of files; one that is larger than this, in bytes, is something else.
const MAX_MANIFEST_BYTES: u64 = 16 * 1024 * 1024;

/// Manifests that are read at once.
const MANIFESTS_AT_ONCE: usize = 8;

/// An export whose newest run is this much older than another's has probably been switched off.
const SILENT_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Exports in a container. Of each export and period the newest complete run counts.
#[derive(Debug, Clone)]
pub struct Exports {
    container: Container,
    prefix: String,
    /// What files hold that no manifest describes, FOCUS files aside.
    basis: CostBasis,
    history_days: u32,
}

impl Exports {
    /// The exports under a folder of a container (`""` for all of it), reading `history_days` more
    /// than the current periods. `basis` says what Azure files hold that have no manifest.
    pub fn new(container: Container, prefix: &str, basis: CostBasis, history_days: u32) -> Exports {
        let prefix = match prefix.trim_matches('/') {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        Exports {
            container,
            prefix,
            basis,
            history_days,
        }
    }

    /// The runs whose period has some of these days.
    async fn runs(&self, days: &Range<Date>) -> anyhow::Result<Vec<Run>> {
        let blobs = self.container.list(&self.prefix).await?;
        let folders = folders(&blobs);
        let is_wanted = |folder: &Folder| {
            let period = folder.period.map(range);
            period.is_none_or(|period| overlap(&period, days))
        };
        let mut manifests: Vec<Blob> = Vec::new();
        for folder in folders.iter().filter(|folder| is_wanted(folder)) {
            manifests.extend(folder.manifest.clone());
        }
        let manifests: HashMap<String, Result<Manifest, String>> = stream::iter(manifests)
            .map(|blob| async move {
                let read = self.manifest(&blob).await?;
                Ok::<_, anyhow::Error>((blob.name, read))
            })
            .buffer_unordered(MANIFESTS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(runs(&folders, &blobs, &manifests))
    }

    /// Reads a manifest; the inner error is a manifest that is none, or was just replaced.
    async fn manifest(&self, blob: &Blob) -> anyhow::Result<Result<Manifest, String>> {
        if blob.bytes > MAX_MANIFEST_BYTES {
            return Ok(Err(format!("it has {} bytes", blob.bytes)));
        }
        let bytes = self
            .container
            .read(blob)
            .try_fold(Vec::new(), async |mut all, piece| {
                all.extend_from_slice(&piece);
                Ok(all)
            });
        let bytes = match bytes.await {
            Ok(bytes) => bytes,
            Err(error @ Error::Moved { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        Ok(serde_json::from_slice(text).map_err(|error| error.to_string()))
    }

    /// Folds one run.
    async fn fold(
        &self,
        chosen: &Chosen,
        request: &ReadRequest,
        tell: &Tell<'_>,
        notes: &mut Vec<String>,
    ) -> anyhow::Result<CostFacts> {
        let run = &chosen.run;
        let held = match run.dataset {
            Dataset::Unknown => self.basis,
            _ => request.cost_basis,
        };
        let mut facts = FactsBuilder::new(request.projection.clone());
        for part in run.parts() {
            let name = &part.blob.name;
            let mut options = cost_data::Options::new(held);
            options.read_at = run.scope.clone();
            let bytes = self.container.read(&part.blob);
            let bytes = bytes.inspect_ok(|piece| tell.bytes(piece.len() as u64));
            let folded = fold_and_report(bytes, options, request.projection.clone()).await;
            let (of_part, report) = folded.with_context(|| name.clone())?;
            if let Some(promised) = part.rows {
                ensure!(
                    report.rows >= promised,
                    "{name} has {} of the {promised} rows that its manifest promises",
                    report.rows
                );
            }
            ensure!(
                held == request.cost_basis || report.format == cost_data::Format::Focus,
                "{name} holds {held} cost, as `cost_basis` says, and a budget counts {} cost",
                request.cost_basis
            );
            tell.rows(report.rows);
            notes.extend(remarks(name, &report));
            facts.absorb(&of_part)?;
        }
        let mut facts = facts.finish(run.submitted);
        for days in &chosen.except {
            facts = facts.without(days);
        }
        Ok(facts)
    }
}

#[async_trait]
impl CostSource for Exports {
    async fn read(&self, request: &ReadRequest, context: &ReadContext) -> anyhow::Result<Answer> {
        let mut notes = Vec::new();
        let days = request.days(self.history_days, None);
        let about = || format!("read the exports in {}/{}", self.container, self.prefix);
        let runs = self.runs(&days).await.with_context(about)?;
        let chosen = choose(runs, request.cost_basis, &days, &mut notes).with_context(about)?;
        notes.extend(silent(&chosen));
        let tell = Tell::new(context, &chosen);
        let mut facts = FactsBuilder::new(request.projection.clone());
        let mut owners = Owners::default();
        for one in &chosen {
            let of_run = self.fold(one, request, &tell, &mut notes).await;
            let of_run = of_run.with_context(about)?;
            owners.add(&one.run.export, &of_run).with_context(about)?;
            facts.absorb(&of_run)?;
        }
        let as_of = chosen.iter().map(|one| one.run.submitted).max();
        Ok(Answer {
            facts: facts.finish(as_of.unwrap_or_default()),
            notes,
        })
    }

    async fn examine(&self, request: &ReadRequest) -> Vec<Examined> {
        let days = request.days(self.history_days, None);
        let mut attempts = Vec::new();
        let mut tried = |what: String, is_needed: bool, problem: Option<String>| {
            attempts.push(Attempt {
                what,
                is_needed,
                problem,
                nothing_for: None,
            });
        };
        match self.runs(&days).await {
            Err(error) => tried("listing".to_owned(), true, Some(advice(&error))),
            Ok(runs) => {
                tried("listing".to_owned(), true, None);
                let mut notes = Vec::new();
                match choose(runs, request.cost_basis, &days, &mut notes) {
                    Err(error) => tried("exports".to_owned(), true, Some(format!("{error:#}"))),
                    Ok(chosen) => {
                        for Chosen { run, .. } in chosen {
                            let what = format!(
                                "{} from {} until {}, run {} of {}",
                                run.export,
                                run.period.start,
                                run.period.end,
                                run.place.rsplit('/').next().unwrap_or_default(),
                                run.submitted
                            );
                            tried(what, true, None);
                        }
                    }
                }
                for note in notes {
                    tried("note".to_owned(), false, Some(note));
                }
            }
        }
        vec![Examined {
            about: format!("{}/{}", self.container, self.prefix),
            way: "exports".to_owned(),
            agreement: None,
            attempts,
        }]
    }
}

/// What to do about a container that cannot be read.
fn advice(error: &anyhow::Error) -> String {
    match error.downcast_ref() {
        Some(Error::Unauthorized { .. }) => format!(
            "{error:#}; grant the identity the role Storage Blob Data Reader on the container, and \
             let it through the account's network rules"
        ),
        Some(Error::Unavailable { .. }) => {
            format!("{error:#}; check the account's name, and that it can be reached from here")
        }
        _ => format!("{error:#}"),
    }
}

/// Exports that stopped while others go on.
fn silent(chosen: &[Chosen]) -> Vec<String> {
    let mut newest: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for Chosen { run, .. } in chosen {
        let at = newest.entry(&run.export).or_insert(run.submitted);
        *at = run.submitted.max(*at);
    }
    let last = newest.values().max().copied().unwrap_or_default();
    let is_silent = |at: &Timestamp| last.duration_since(*at) > SILENT_AFTER;
    newest
        .iter()
        .filter(|(_, at)| is_silent(at))
        .map(|(export, at)| format!("the export {export} has had no complete run since {at}"))
        .collect()
}

/// Which export holds the costs of a place on a day. Paths and manifests do not show every way in
/// which two exports may overlap; their rows do.
#[derive(Default)]
struct Owners {
    /// By place, as its folded paths.
    exports: HashMap<String, Vec<(String, HashSet<Date>)>>,
}

impl Owners {
    /// # Errors
    /// When another export has costs of the same place on the same day.
    fn add(&mut self, export: &str, facts: &CostFacts) -> anyhow::Result<()> {
        for series in facts.series() {
            let place = &series.key.place;
            let Some(resource) = &place.resource else {
                continue;
            };
            let mut key = resource.folded().to_owned();
            for scope in &place.billing {
                key.push('\n');
                key.push_str(scope.folded());
            }
            let owners = self.exports.entry(key).or_default();
            for (other, days) in owners.iter().filter(|(other, _)| other != export) {
                let mut both = series.days.iter().filter(|day| days.contains(&day.date));
                if let Some(day) = both.next() {
                    anyhow::bail!(
                        "the exports {other} and {export} both hold costs of {resource} on {}, and \
                         their sum would count them twice: set `prefix` to one of them",
                        day.date
                    );
                }
            }
            let own = owners.iter().position(|(other, _)| other == export);
            let own = own.unwrap_or_else(|| {
                owners.push((export.to_owned(), HashSet::new()));
                owners.len() - 1
            });
            owners[own].1.extend(series.days.iter().map(|day| day.date));
        }
        Ok(())
    }
}

/// Tells how far a read is.
struct Tell<'a> {
    context: &'a ReadContext,
    total: u64,
    bytes: std::sync::atomic::AtomicU64,
    rows: std::sync::atomic::AtomicU64,
}

impl<'a> Tell<'a> {
    fn new(context: &'a ReadContext, chosen: &[Chosen]) -> Tell<'a> {
        let parts = chosen.iter().flat_map(|one| one.run.parts());
        Tell {
            context,
            total: parts.map(|part| part.blob.bytes).sum(),
            bytes: 0.into(),
            rows: 0.into(),
        }
    }

    fn bytes(&self, more: u64) {
        use std::sync::atomic::Ordering::Relaxed;
        let bytes = self.bytes.fetch_add(more, Relaxed) + more;
        if let Some(progress) = &self.context.progress {
            progress.advanced(bytes, Some(self.total), self.rows.load(Relaxed));
        }
    }

    fn rows(&self, more: u64) {
        self.rows
            .fetch_add(more, std::sync::atomic::Ordering::Relaxed);
    }
}
