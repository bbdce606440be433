//! Runs of exports: whether one is complete, and what it covers.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use budget_engine::Scope;
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use state_store::Blob;

use super::layout::{Folder, range};
use super::manifest::{Dataset, Manifest};

/// One run of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// Folder of the export.
    pub(super) export: String,
    /// The run's own folder, or its file where there is no folder of its own.
    pub(super) place: String,
    /// The period in its path, or the days in its manifest.
    pub(super) period: Range<Date>,
    /// The days that it has costs of.
    pub(super) covers: Range<Date>,
    /// When it was asked for, or else when its newest file was written.
    pub(super) submitted: Timestamp,
    /// Which data.
    pub(super) dataset: Dataset,
    /// The exported scope, if the manifest says it.
    pub(super) scope: Option<Scope>,
    /// Its files, or why they are not all there.
    pub(super) parts: Result<Vec<Part>, String>,
}

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it is.
    pub(super) blob: Blob,
    /// Rows that the manifest promises.
    pub(super) rows: Option<u64>,
}

impl Run {
    pub(super) fn is_complete(&self) -> bool {
        self.parts.is_ok()
    }

    pub(super) fn parts(&self) -> &[Part] {
        self.parts.as_deref().unwrap_or_default()
    }

    /// Whether it holds files that cannot be read here.
    pub(super) fn parquet(&self) -> Option<&str> {
        let mut names = self.parts().iter().map(|part| part.blob.name.as_str());
        names.find(|name| name.to_ascii_lowercase().ends_with(".parquet"))
    }
}

/// The runs in some folders. `blobs` is the whole listing, `manifests` holds what was read of the
/// folders' manifests, by blob name; a manifest that cannot be understood makes its run incomplete.
pub(super) fn runs(
    folders: &[Folder],
    blobs: &[Blob],
    manifests: &HashMap<String, Result<Manifest, String>>,
) -> Vec<Run> {
    let by_name: HashMap<&str, &Blob> = blobs.iter().map(|b| (b.name.as_str(), b)).collect();
    let mut runs = Vec::new();
    for folder in folders {
        let manifest = folder.manifest.as_ref();
        if let Some((blob, read)) = manifest.and_then(|b| Some((b, manifests.get(&b.name)?))) {
            runs.extend(with_manifest(folder, blob, read, &by_name));
        }
    }
    // An export that writes manifests has not finished a run without one.
    let writes_manifests = |export: &str| {
        let mut of_export = folders.iter().filter(|folder| folder.export == export);
        of_export.any(|folder| folder.manifest.is_some())
    };
    for folder in folders.iter().filter(|folder| folder.manifest.is_none()) {
        let Some(period) = folder.period else {
            continue;
        };
        if has_parts(&folder.files) || (folder.is_run && writes_manifests(&folder.export)) {
            let parts = Err("it has no manifest yet".to_owned());
            let newest = folder.files.iter().map(modified).max();
            runs.push(Run {
                parts,
                ..without_manifest(folder, period, &folder.path, newest.unwrap_or_default())
            });
            continue;
        }
        for file in &folder.files {
            runs.push(Run {
                parts: Ok(vec![Part {
                    blob: file.clone(),
                    rows: None,
                }]),
                ..without_manifest(folder, period, &file.name, modified(file))
            });
        }
    }
    name_datasets(&mut runs);
    runs
}

fn with_manifest(
    folder: &Folder,
    blob: &Blob,
    read: &Result<Manifest, String>,
    by_name: &HashMap<&str, &Blob>,
) -> Option<Run> {
    let unreadable = Manifest::default();
    let manifest = read.as_ref().unwrap_or(&unreadable);
    let submitted = manifest.submitted().unwrap_or_else(|| modified(blob));
    let period = match (folder.period, manifest.days()) {
        (Some(period), _) => period,
        // Without a period in the path the runs of a month are those that begin in it.
        (None, Some((first, last))) => {
            let month = (first.first_of_month(), first.last_of_month());
            (month.0, month.1.max(last))
        }
        (None, None) => return None,
    };
    let days = manifest.days().unwrap_or(period);
    Some(Run {
        export: folder.export.clone(),
        place: folder.path.clone(),
        period: range(period),
        covers: until(range(days), submitted),
        submitted,
        dataset: manifest.dataset(),
        scope: manifest.scope(),
        parts: match read {
            Ok(manifest) => parts(folder, manifest, by_name),
            Err(problem) => Err(format!("its manifest cannot be read: {problem}")),
        },
    })
}

/// The files that a manifest promises, all with their sizes.
fn parts(
    folder: &Folder,
    manifest: &Manifest,
    by_name: &HashMap<&str, &Blob>,
) -> Result<Vec<Part>, String> {
    let count = manifest.blobs.len() as u64;
    if let Some(promised) = manifest.blob_count.filter(|promised| *promised != count) {
        return Err(format!(
            "its manifest promises {promised} files and names {count}"
        ));
    }
    let mut parts = Vec::new();
    for listed in &manifest.blobs {
        let name = listed.blob_name.trim().trim_start_matches('/');
        let file = name.rsplit('/').next().unwrap_or(name);
        // Whoever copies a run elsewhere keeps the files beside their manifest.
        let beside = format!("{}/{file}", folder.path);
        let found = by_name.get(name).or_else(|| by_name.get(beside.as_str()));
        let Some(blob) = found else {
            return Err(format!("{file} is not there"));
        };
        if let Some(bytes) = listed.byte_count.filter(|bytes| *bytes != blob.bytes) {
            return Err(format!("{file} has {} of {bytes} bytes", blob.bytes));
        }
        parts.push(Part {
            blob: (*blob).clone(),
            rows: listed.data_row_count,
        });
    }
    // One number for all files is as good where there is one file.
    if let ([part], Some(rows)) = (parts.as_mut_slice(), manifest.data_row_count) {
        part.rows = part.rows.or(Some(rows));
    }
    Ok(parts)
}

fn without_manifest(folder: &Folder, period: (Date, Date), place: &str, written: Timestamp) -> Run {
    Run {
        export: folder.export.clone(),
        place: place.to_owned(),
        period: range(period),
        covers: until(range(period), written),
        submitted: written,
        dataset: Dataset::Unknown,
        scope: None,
        parts: Ok(Vec::new()),
    }
}

/// What runs without a manifest hold is what other runs of their export hold, if these agree.
fn name_datasets(runs: &mut [Run]) {
    let mut known: BTreeMap<String, Vec<(Dataset, Option<Scope>)>> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.dataset != Dataset::Unknown) {
        let of_export = known.entry(run.export.clone()).or_default();
        let one = (run.dataset.clone(), run.scope.clone());
        if !of_export.contains(&one) {
            of_export.push(one);
        }
    }
    for run in runs
        .iter_mut()
        .filter(|run| run.dataset == Dataset::Unknown)
    {
        if let Some([(dataset, scope)]) = known.get(&run.export).map(Vec::as_slice) {
            run.dataset = dataset.clone();
            run.scope = scope.clone();
        }
    }
}

/// The days until before the one after a moment: a run has no costs of days to come.
fn until(days: Range<Date>, moment: Timestamp) -> Range<Date> {
    let today = moment.to_zoned(TimeZone::UTC).date();
    let end = today.tomorrow().unwrap_or(today).min(days.end);
    days.start..end.max(days.start)
}

/// Whether files are named as parts of something that a manifest puts together.
fn has_parts(files: &[Blob]) -> bool {
    let is_part = |blob: &Blob| {
        let file = blob.name.rsplit('/').next().unwrap_or_default();
        file.starts_with("part")
    };
    files.iter().any(is_part)
}

fn modified(blob: &Blob) -> Timestamp {
    Timestamp::try_from(blob.modified).unwrap_or(Timestamp::UNIX_EPOCH)
}
