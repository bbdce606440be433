//! Which runs to read, so that every cost counts once.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, ensure};
use budget_engine::CostBasis;
use jiff::civil::Date;

use super::layout::overlap;
use super::manifest::Dataset;
use super::run::Run;

/// A run to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) run: Run,
    /// Days that a newer run of the same export has, in stretches.
    pub(super) except: Vec<Range<Date>>,
}

/// The newest complete run of each export and period that holds costs of a basis on some of the
/// days; where exports of one scope hold the same, the one that fits best.
///
/// # Errors
/// When an export has no complete run of a period, when two exports would count the same costs
/// twice, or when nothing there holds such costs.
pub(super) fn choose(
    runs: Vec<Run>,
    basis: CostBasis,
    days: &Range<Date>,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<Chosen>> {
    ensure!(
        !runs.is_empty(),
        "it holds no export: expected files like <export>/20261101-20261130/<run>/part_0_0001.csv; \
         check `container` and `prefix`"
    );
    let in_time: Vec<Run> = runs
        .into_iter()
        .filter(|run| run.dataset != Dataset::Other && overlap(&run.period, days))
        .collect();
    ensure!(
        !in_time.is_empty(),
        "it holds no export of costs from {} on; check the exports' schedule",
        days.start
    );
    let mut kinds: Vec<String> = in_time
        .iter()
        .map(|run| format!("{} ({})", run.export, words(&run.dataset)))
        .collect();
    kinds.sort();
    kinds.dedup();
    let mut groups: BTreeMap<(String, Date, Date), Vec<Run>> = BTreeMap::new();
    for run in in_time {
        if rank(&run.dataset, basis).is_some() {
            let key = (run.export.clone(), run.period.start, run.period.end);
            groups.entry(key).or_default().push(run);
        }
    }
    ensure!(
        !groups.is_empty(),
        "no export there holds {basis} cost, only {}",
        kinds.join(", ")
    );
    let groups = best_of_each_scope(groups, basis, notes)?;
    let mut newest = Vec::new();
    for runs in groups {
        newest.push(newest_complete(runs, notes)?);
    }
    for run in &newest {
        if let Some(name) = run.parquet() {
            anyhow::bail!(
                "{name} is a Parquet file, which cannot be read yet: set the format of the export to CSV"
            );
        }
    }
    Ok(each_day_once(newest))
}

/// How well a dataset gives costs of a basis, 0 best; `None` if it does not.
fn rank(dataset: &Dataset, basis: CostBasis) -> Option<u8> {
    match (dataset, basis) {
        (Dataset::Actual, CostBasis::Actual) | (Dataset::Amortized, CostBasis::Amortized) => {
            Some(0)
        }
        (Dataset::Focus, _) => Some(1),
        (Dataset::Unknown, _) => Some(2),
        // Purchases are missing from it.
        (Dataset::Usage, CostBasis::Actual) => Some(3),
        _ => None,
    }
}

fn words(dataset: &Dataset) -> &'static str {
    match dataset {
        Dataset::Actual => "actual cost",
        Dataset::Amortized => "amortized cost",
        Dataset::Usage => "usage without purchases",
        Dataset::Focus => "FOCUS",
        Dataset::Unknown => "no manifest",
        Dataset::Other => "no costs",
    }
}

/// Of exports of one scope and period, the one that fits best.
fn best_of_each_scope(
    groups: BTreeMap<(String, Date, Date), Vec<Run>>,
    basis: CostBasis,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<Vec<Run>>> {
    let mut kept: Vec<Vec<Run>> = Vec::new();
    for runs in groups.into_values() {
        let same = kept.iter_mut().find(|others| {
            let same_scope = |run: &Run, other: &Run| {
                run.scope.is_some() && run.scope == other.scope && run.period == other.period
            };
            matches!((runs.first(), others.first()), (Some(run), Some(other)) if same_scope(run, other))
        });
        let Some(others) = same else {
            kept.push(runs);
            continue;
        };
        let worth = |runs: &[Run]| {
            let is_readable = |run: &&Run| run.is_complete() && run.parquet().is_none();
            let best = runs.iter().find(is_readable).or(runs.first());
            let readable = runs.iter().any(|run| is_readable(&run));
            (!readable, best.and_then(|run| rank(&run.dataset, basis)))
        };
        let (one, other) = (worth(&runs), worth(others));
        let (run, other_run) = (&runs[0], &others[0]);
        ensure!(
            one != other,
            "the exports {} and {} both hold {basis} cost of {} from {} until {}, and their sum \
             would count it twice: set `prefix` to one of them",
            other_run.export,
            run.export,
            run.scope
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            run.period.start,
            run.period.end
        );
        let (read, left) = match one < other {
            true => (run, other_run),
            false => (other_run, run),
        };
        let note = format!(
            "the export {} is left out, because {} holds the same costs",
            left.export, read.export
        );
        if !notes.contains(&note) {
            notes.push(note);
        }
        if one < other {
            *others = runs;
        }
    }
    Ok(kept)
}

/// The newest complete run of an export and period.
fn newest_complete(mut runs: Vec<Run>, notes: &mut Vec<String>) -> anyhow::Result<Run> {
    // Of two at the same time the later name, so that every read takes the same one.
    runs.sort_by(|left, right| {
        let order = left.submitted.cmp(&right.submitted);
        order.then_with(|| left.place.cmp(&right.place)).reverse()
    });
    let mut incomplete = None;
    for run in runs {
        match &run.parts {
            Ok(_) => {
                if let Some(words) = incomplete {
                    notes.push(format!("{words}; the run before it counts, {}", run.place));
                }
                if run.dataset == Dataset::Usage {
                    notes.push(format!("the export {} holds no purchases", run.export));
                }
                return Ok(run);
            }
            Err(problem) if incomplete.is_none() => {
                incomplete = Some(format!("the run {} is not complete: {problem}", run.place));
            }
            Err(_) => {}
        }
    }
    let words = incomplete.context("an export without runs")?;
    anyhow::bail!("{words}; and there is no complete one before it. Try again when it is done")
}

/// Takes the days that a newer run of the same export has from the older ones: somebody may have
/// exported a part of a month once more.
fn each_day_once(mut runs: Vec<Run>) -> Vec<Chosen> {
    runs.sort_by_key(|run| std::cmp::Reverse(run.submitted));
    let mut chosen: Vec<Chosen> = Vec::new();
    for run in runs {
        let except: Vec<Range<Date>> = chosen
            .iter()
            .map(|newer| &newer.run)
            .filter(|newer| newer.export == run.export && overlap(&newer.covers, &run.covers))
            .map(|newer| newer.covers.clone())
            .collect();
        let is_covered =
            |all: &Range<Date>| all.start <= run.covers.start && run.covers.end <= all.end;
        if !except.iter().any(is_covered) {
            chosen.push(Chosen { run, except });
        }
    }
    chosen.sort_by(|left, right| left.run.place.cmp(&right.run.place));
    chosen
}
