//! What an export is and what its runs did, for people's files and for Azure alike.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::definition::TimePeriod;
use crate::fields::{Fields, deserialize};

/// An export. Written back as it was read it changes nothing; what only Azure may say (id, next
/// run, runs) is read and not written. Text that Azure leaves out is `""`.
///
/// As JSON it is what Azure shows and takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// Path of the export.
    #[serde(skip)]
    pub id: String,
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// The version that was read: required to replace an export, absent to create one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e_tag: Option<String>,
    /// The identity by which it writes; required where the storage account is behind a firewall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<ExportIdentity>,
    /// Region of the identity.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub location: String,
    /// What it writes, where and when.
    pub properties: ExportProperties,
    /// When it will run next.
    #[serde(skip)]
    pub next_run_time_estimate: Option<Timestamp>,
    /// Its last runs, where they were asked for.
    #[serde(skip)]
    pub runs: Vec<ExportRun>,
}

/// The identity by which an export writes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExportIdentity {
    /// `SystemAssigned` or `None`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its object id in Microsoft Entra ID.
    #[serde(skip)]
    pub principal_id: String,
    /// Its tenant.
    #[serde(skip)]
    pub tenant_id: String,
}

/// What an export writes, where and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportProperties {
    /// When it runs by itself; without one it only runs when told to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ExportSchedule>,
    /// `Csv` or `Parquet`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub format: String,
    /// Where the files go.
    pub delivery_info: ExportDelivery,
    /// What the files hold.
    pub definition: ExportDefinition,
    /// Whether large files are split, and a manifest lists the parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition_data: Option<bool>,
    /// `gzip`, `snappy` or `none`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compression_mode: String,
    /// `OverwritePreviousReport` or `CreateNewReport`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data_overwrite_behavior: String,
    /// What people wrote about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub export_description: String,
}

/// When an export runs by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportSchedule {
    /// `Active` or `Inactive`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// `Daily`, `Weekly`, `Monthly` or `Annually`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub recurrence: String,
    /// Between which moments it does so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurrence_period: Option<RecurrencePeriod>,
}

/// Between which moments something recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RecurrencePeriod {
    /// From when.
    pub from: Timestamp,
    /// Until when, if it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// Where the files of an export go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExportDelivery {
    /// The place.
    pub destination: ExportDestination,
}

/// A place in a storage account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportDestination {
    /// `AzureBlob`; older versions of the API leave it out.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Id of the storage account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_id: String,
    /// The container.
    pub container: String,
    /// The folder in it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root_folder_path: String,
    /// Name of the storage account, for a signed link of one's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub storage_account: String,
}

/// What the files of an export hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportDefinition {
    /// `ActualCost`, `AmortizedCost`, `FocusCost`, `Usage`, `PriceSheet`,
    /// `ReservationTransactions`, `ReservationRecommendations` or `ReservationDetails`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `MonthToDate`, `TheLastMonth`, `WeekToDate`, …, or `Custom` together with a period.
    pub timeframe: String,
    /// The days, only and always with the timeframe `Custom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_period: Option<TimePeriod>,
    /// Granularity and columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_set: Option<ExportDataset>,
}

/// Granularity and columns of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExportDataset {
    /// `Daily` or `Monthly`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub granularity: String,
    /// Columns, version and filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ExportConfiguration>,
}

/// Columns, version and filters of an export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportConfiguration {
    /// The columns; all of them if there are none here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Version of the columns, for example `2023-05-01`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data_version: String,
    /// What reservation exports are limited to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<ExportFilter>,
}

/// A limit on what a reservation export holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExportFilter {
    /// `ReservationScope`, `LookBackPeriod` or `ResourceType`.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A run of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportRun {
    /// Path of the run.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `OnDemand` or `Scheduled`.
    pub execution_type: String,
    /// `Queued`, `InProgress`, `Completed`, `Failed`, `Timeout`, `NewDataNotAvailable` or
    /// `DataNotAvailable`.
    pub status: String,
    /// Who or what started it.
    pub submitted_by: String,
    /// When it was started.
    pub submitted_time: Option<Timestamp>,
    /// When Azure began to work on it.
    pub processing_start_time: Option<Timestamp>,
    /// When Azure was done.
    pub processing_end_time: Option<Timestamp>,
    /// Beginning of the exported stretch.
    pub start_date: Option<Timestamp>,
    /// End of the exported stretch.
    pub end_date: Option<Timestamp>,
    /// The file in the container; the folder of several where they are split.
    pub file_name: String,
    /// The manifest in the container, which lists the files.
    pub manifest_file: String,
    /// The export as it was then.
    pub settings: Option<ExportProperties>,
    /// What went wrong: Azure's code and words.
    pub error: Option<(String, String)>,
}

pub(crate) fn read_export(export: &Fields) -> Result<Export, String> {
    let properties = export.object("properties")?;
    let mut runs = Vec::new();
    if let Some(history) = properties.optional_object("runHistory")? {
        for run in history.objects("value")? {
            runs.push(read_run(&run)?);
        }
    }
    let identity = export.optional_object("identity")?.map(|identity| {
        Ok::<_, String>(ExportIdentity {
            kind: identity.text("type")?,
            principal_id: identity.text("principalId")?,
            tenant_id: identity.text("tenantId")?,
        })
    });
    Ok(Export {
        id: export.text("id")?,
        name: export.text("name")?,
        e_tag: export.optional_text("eTag")?,
        identity: identity.transpose()?,
        location: export.text("location")?,
        next_run_time_estimate: properties.optional_moment("nextRunTimeEstimate")?,
        properties: read_properties(&properties)?,
        runs,
    })
}

pub(crate) fn read_run(run: &Fields) -> Result<ExportRun, String> {
    let properties = run.object("properties")?;
    let settings = properties.optional_object("runSettings")?;
    let error = properties.optional_object("error")?;
    let error = error.map(|error| Ok::<_, String>((error.text("code")?, error.text("message")?)));
    Ok(ExportRun {
        id: run.text("id")?,
        name: run.text("name")?,
        execution_type: properties.text("executionType")?,
        status: properties.required_text("status")?,
        submitted_by: properties.text("submittedBy")?,
        submitted_time: properties.optional_moment("submittedTime")?,
        processing_start_time: properties.optional_moment("processingStartTime")?,
        processing_end_time: properties.optional_moment("processingEndTime")?,
        start_date: properties.optional_moment("startDate")?,
        end_date: properties.optional_moment("endDate")?,
        file_name: properties.text("fileName")?,
        manifest_file: properties.text("manifestFile")?,
        settings: settings
            .map(|settings| read_properties(&settings))
            .transpose()?,
        error: error.transpose()?,
    })
}

fn read_properties(properties: &Fields) -> Result<ExportProperties, String> {
    let schedule = properties.optional_object("schedule")?;
    let destination = properties.object("deliveryInfo")?.object("destination")?;
    Ok(ExportProperties {
        schedule: schedule
            .map(|schedule| read_schedule(&schedule))
            .transpose()?,
        format: properties.text("format")?,
        delivery_info: ExportDelivery {
            destination: ExportDestination {
                kind: destination.text("type")?,
                resource_id: destination.text("resourceId")?,
                container: destination.required_text("container")?,
                root_folder_path: destination.text("rootFolderPath")?,
                storage_account: destination.text("storageAccount")?,
            },
        },
        definition: read_definition(&properties.object("definition")?)?,
        partition_data: properties.optional_flag("partitionData")?,
        compression_mode: properties.text("compressionMode")?,
        data_overwrite_behavior: properties.text("dataOverwriteBehavior")?,
        export_description: properties.text("exportDescription")?,
    })
}

fn read_schedule(schedule: &Fields) -> Result<ExportSchedule, String> {
    let period = schedule.optional_object("recurrencePeriod")?;
    let period = period.map(|period| {
        let from = period.optional_moment("from")?;
        Ok::<_, String>(RecurrencePeriod {
            from: from.ok_or_else(|| period.missing("from"))?,
            to: period.optional_moment("to")?,
        })
    });
    Ok(ExportSchedule {
        status: schedule.text("status")?,
        recurrence: schedule.text("recurrence")?,
        recurrence_period: period.transpose()?,
    })
}

fn read_definition(definition: &Fields) -> Result<ExportDefinition, String> {
    let period = definition.optional_object("timePeriod")?;
    let dataset = definition.optional_object("dataSet")?;
    Ok(ExportDefinition {
        kind: definition.required_text("type")?,
        timeframe: definition.required_text("timeframe")?,
        time_period: period.map(|period| TimePeriod::read(&period)).transpose()?,
        data_set: dataset.map(|dataset| read_dataset(&dataset)).transpose()?,
    })
}

fn read_dataset(dataset: &Fields) -> Result<ExportDataset, String> {
    let configuration = dataset.optional_object("configuration")?;
    let configuration = configuration.map(|configuration| {
        let mut filters = Vec::new();
        for filter in configuration.objects("filters")? {
            filters.push(ExportFilter {
                name: filter.required_text("name")?,
                value: filter.text("value")?,
            });
        }
        Ok::<_, String>(ExportConfiguration {
            columns: configuration.texts("columns")?,
            data_version: configuration.text("dataVersion")?,
            filters,
        })
    });
    Ok(ExportDataset {
        granularity: dataset.text("granularity")?,
        configuration: configuration.transpose()?,
    })
}

impl<'de> Deserialize<'de> for Export {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer, read_export)
    }
}
