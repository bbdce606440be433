//! How exports lie in a container: which blobs belong to which export, period and run.
//!
//! Azure writes `<root>/<export>/<yyyymmdd-yyyymmdd>/<run>/part_0_0001.csv` with a `manifest.json`
//! beside the parts. Exports that overwrite may leave the run out; older ones write
//! `<export>_<guid>.csv` under the period and no manifest.

use std::collections::BTreeMap;
use std::ops::Range;

use budget_engine::plus_days;
use jiff::civil::Date;
use state_store::Blob;

/// A folder of an export, with the files directly in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    /// Its path, without a slash at the end.
    pub(super) path: String,
    /// Folder of the export, `""` for the container itself.
    pub(super) export: String,
    /// The period in the path, with its last day.
    pub(super) period: Option<(Date, Date)>,
    /// Whether it is a folder of its own below the period's.
    pub(super) is_run: bool,
    /// The manifest.
    pub(super) manifest: Option<Blob>,
    /// The files with costs.
    pub(super) files: Vec<Blob>,
}

/// The folders of a listing that hold a manifest, or files under a period, in the order of their
/// paths. Anything else is no export.
pub(super) fn folders(blobs: &[Blob]) -> Vec<Folder> {
    let mut folders: BTreeMap<&str, Folder> = BTreeMap::new();
    for blob in blobs {
        let (path, file) = blob.name.rsplit_once('/').unwrap_or(("", &blob.name));
        let is_manifest = matches!(file, "manifest.json" | "_manifest.json");
        let is_file = [".csv", ".csv.gz", ".parquet"]
            .iter()
            .any(|end| file.to_ascii_lowercase().ends_with(end));
        if !is_manifest && !is_file {
            continue;
        }
        let folder = folders.entry(path).or_insert_with(|| folder(path));
        if is_manifest {
            folder.manifest = Some(blob.clone());
        } else {
            folder.files.push(blob.clone());
        }
    }
    let is_export = |folder: &Folder| folder.manifest.is_some() || folder.period.is_some();
    folders.into_values().filter(is_export).collect()
}

fn folder(path: &str) -> Folder {
    let parts: Vec<&str> = path.split('/').collect();
    let found = parts
        .iter()
        .enumerate()
        .rev()
        .find_map(|(index, part)| Some((index, period(part)?)));
    let (export, period, is_run) = match found {
        Some((index, period)) => {
            let is_run = index + 1 < parts.len();
            (parts[..index].join("/"), Some(period), is_run)
        }
        // The manifest tells the period then, and the folder is the run.
        None => (parts[..parts.len() - 1].join("/"), None, true),
    };
    Folder {
        path: path.to_owned(),
        export,
        period,
        is_run,
        manifest: None,
        files: Vec::new(),
    }
}

/// `20261101-20261130` as first and last day.
fn period(part: &str) -> Option<(Date, Date)> {
    let (first, last) = part.split_once('-')?;
    let day = |text: &str| {
        let is_day = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_day.then(|| Date::strptime("%Y%m%d", text).ok())?
    };
    let (first, last) = (day(first)?, day(last)?);
    (first <= last).then_some((first, last))
}

/// Days from the first until before the day after the last.
pub(super) fn range((first, last): (Date, Date)) -> Range<Date> {
    first..plus_days(last, 1)
}

/// Whether two ranges have a day in common.
pub(super) fn overlap(left: &Range<Date>, right: &Range<Date>) -> bool {
    left.start < right.end && right.start < left.end
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use jiff::civil::date;

    use super::*;

    fn blob(name: &str) -> Blob {
        Blob {
            name: name.to_owned(),
            bytes: 1,
            modified: SystemTime::UNIX_EPOCH,
            etag: String::new(),
        }
    }

    #[test]
    fn paths_tell_export_period_and_run() {
        let november = Some((date(2026, 11, 1), date(2026, 11, 30)));
        for (name, export, period, is_run) in [
            (
                "root/daily/20261101-20261130/202611180412/5f0c/part_0_0001.csv.gz",
                "root/daily",
                november,
                true,
            ),
            (
                "daily/20261101-20261130/5f0c/part_0_0001.parquet",
                "daily",
                november,
                true,
            ),
            (
                "daily/20261101-20261130/daily_5f0c.csv",
                "daily",
                november,
                false,
            ),
            ("20261101-20261130/costs.CSV", "", november, false),
            // The innermost period is the one.
            (
                "20200101-20201231/daily/20261101-20261130/d.csv",
                "20200101-20201231/daily",
                november,
                false,
            ),
        ] {
            let folders = folders(&[blob(name)]);
            let found = folders
                .iter()
                .map(|folder| (folder.export.as_str(), folder.period, folder.is_run));
            assert_eq!(
                found.collect::<Vec<_>>(),
                [(export, period, is_run)],
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_no_export_is_left_alone() {
        let names = [
            "notes/readme.csv",
            "daily/20261101-20261130/log.txt",
            "daily/20261131-20261201/a.csv",
            "daily/20261130-20261101/a.csv",
            "daily/2026111-20261130/a.csv",
        ];
        assert_eq!(folders(&names.map(blob)), []);
    }

    #[test]
    fn a_manifest_makes_a_folder_a_run_without_a_period_in_its_path() {
        let folders = folders(&[
            blob("root/daily/5f0c/manifest.json"),
            blob("root/daily/5f0c/part0.csv"),
            blob("root/daily/5f0c/part1.csv"),
        ]);
        assert_eq!(folders.len(), 1);
        assert_eq!(
            (folders[0].export.as_str(), folders[0].files.len()),
            ("root/daily", 2)
        );
        assert!(folders[0].manifest.is_some());
    }
}
