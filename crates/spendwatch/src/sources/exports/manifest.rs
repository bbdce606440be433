//! The manifest that Azure writes at the end of an export's run.
//!
//! Wire format: "Tutorial: Create and manage Cost Management exports", manifest version 2024-04-01.
//! Everything is optional here, because older runs say less.

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;

use budget_engine::Scope;

/// What a manifest says, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Manifest {
    pub(super) blob_count: Option<u64>,
    pub(super) data_row_count: Option<u64>,
    export_config: ExportConfig,
    run_info: RunInfo,
    pub(super) blobs: Vec<ListedBlob>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ExportConfig {
    resource_id: Option<String>,
    r#type: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RunInfo {
    submitted_time: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
}

/// A file that belongs to the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ListedBlob {
    pub(super) blob_name: String,
    pub(super) byte_count: Option<u64>,
    pub(super) data_row_count: Option<u64>,
}

/// Which data an export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dataset {
    /// Cost as billed.
    Actual,
    /// Cost with purchases spread over the days they serve.
    Amortized,
    /// Usage without purchases.
    Usage,
    /// FOCUS: both.
    Focus,
    /// No manifest says it.
    Unknown,
    /// No costs: prices, reservations.
    Other,
}

impl Manifest {
    pub(super) fn dataset(&self) -> Dataset {
        let word = self.export_config.r#type.as_deref().unwrap_or_default();
        match word.to_ascii_lowercase().as_str() {
            "" => Dataset::Unknown,
            "actualcost" => Dataset::Actual,
            "amortizedcost" => Dataset::Amortized,
            "usage" => Dataset::Usage,
            focus if focus.starts_with("focus") => Dataset::Focus,
            _ => Dataset::Other,
        }
    }

    /// The scope that was exported: what comes before the provider in the export's id.
    pub(super) fn scope(&self) -> Option<Scope> {
        let id = self.export_config.resource_id.as_deref()?.trim();
        let tail = "/providers/microsoft.costmanagement/exports/";
        let end = id.to_ascii_lowercase().rfind(tail)?;
        Scope::parse(&id[..end]).ok()
    }

    /// When the run was asked for.
    pub(super) fn submitted(&self) -> Option<Timestamp> {
        let text = self.run_info.submitted_time.as_deref()?.trim();
        // Some times come without a zone; they are UTC as well.
        let utc = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
        let with_zone = text.parse().ok();
        with_zone.or_else(|| Some(utc()?.timestamp()))
    }

    /// First and last day of the run.
    pub(super) fn days(&self) -> Option<(Date, Date)> {
        let day = |text: &Option<String>| text.as_deref()?.trim().get(..10)?.parse::<Date>().ok();
        let (first, last) = (
            day(&self.run_info.start_date)?,
            day(&self.run_info.end_date)?,
        );
        (first <= last).then_some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_manifest_tells_dataset_scope_time_and_days() {
        let manifest: Manifest = serde_json::from_str(
            r#"{"manifestVersion": "2024-04-01", "blobCount": 1, "dataRowCount": 7, "new": {},
                "exportConfig": {"exportName": "daily", "type": "FocusCost", "granularity": null,
                  "resourceId": "/subscriptions/s1/providers/Microsoft.CostManagement/exports/daily"},
                "runInfo": {"submittedTime": "2026-11-18T04:12:06.5234447Z",
                  "startDate": "2026-11-01T00:00:00", "endDate": "2026-11-18T00:00:00+00:00"},
                "blobs": [{"blobName": "a.csv", "byteCount": 9, "dataRowCount": 7}]}"#,
        )
        .unwrap();
        assert_eq!(manifest.dataset(), Dataset::Focus);
        assert_eq!(manifest.scope(), Scope::subscription("s1").ok());
        let submitted = "2026-11-18T04:12:06.5234447Z".parse().unwrap();
        assert_eq!(manifest.submitted(), Some(submitted));
        assert_eq!(
            manifest.days(),
            Some((date(2026, 11, 1), date(2026, 11, 18)))
        );
    }

    #[test]
    fn what_is_missing_or_odd_is_unknown() {
        let parse = |text: &str| serde_json::from_str::<Manifest>(text).unwrap();
        let empty = parse("{}");
        assert_eq!(empty.dataset(), Dataset::Unknown);
        assert_eq!(
            (empty.scope(), empty.submitted(), empty.days()),
            (None, None, None)
        );
        let odd = parse(
            r#"{"exportConfig": {"type": "PriceSheet", "resourceId": "x"},
                "runInfo": {"submittedTime": "2026-11-18T04:00:00", "startDate": "2026", "endDate": "é"}}"#,
        );
        assert_eq!(odd.dataset(), Dataset::Other);
        assert_eq!(odd.submitted(), "2026-11-18T04:00:00Z".parse().ok());
        assert_eq!((odd.scope(), odd.days()), (None, None));
    }
}
