//! `azure exports`: the exports of costs to storage, their runs, and a run now.

use azure_cost::{Export, ExportRun};
use futures::StreamExt;

use super::{ANY, Asking, Explain};
use crate::args::azure::Exports;
use crate::listing::{List, Value};
use crate::output::talk;

pub(super) async fn run(asking: &Asking<'_>, what: &Exports) -> anyhow::Result<()> {
    let scope = asking.scope(ANY)?;
    let client = asking.client()?;
    match what {
        Exports::List => asking.list(list(), &scope, client.exports(&scope)).await,
        Exports::History { name } => {
            let runs = client.export_runs(&scope, name);
            asking
                .print(runs_list(), runs.map(|run| run.explain_named(&scope)))
                .await
        }
        Exports::Run { name } => {
            client
                .run_export(&scope, name, None)
                .await
                .explain_named(&scope)?;
            talk(&format!(
                "{name} runs; `azure exports history {name}` shows how it ends"
            ));
            Ok(())
        }
    }
}

fn list() -> List<Export> {
    List::of("export", "exports")
        .shown("Export", "name", |export: &Export| {
            Value::from(&export.name)
        })
        .field("id", |export| Value::from(&export.id))
        .shown("Data", "data", |export| {
            Value::from(&export.properties.definition.kind)
        })
        .shown("Timeframe", "timeframe", |export| {
            Value::from(&export.properties.definition.timeframe)
        })
        .field("format", |export| Value::from(&export.properties.format))
        .shown("Schedule", "recurrence", |export| {
            let schedule = export.properties.schedule.as_ref();
            Value::from(
                schedule
                    .map(|schedule| &*schedule.recurrence)
                    .unwrap_or_default(),
            )
        })
        .shown("Status", "status", |export| {
            let schedule = export.properties.schedule.as_ref();
            Value::from(
                schedule
                    .map(|schedule| &*schedule.status)
                    .unwrap_or_default(),
            )
        })
        .field("storage_account_id", |export| {
            Value::from(&export.properties.delivery_info.destination.resource_id)
        })
        .shown("Container", "container", |export| {
            Value::from(&export.properties.delivery_info.destination.container)
        })
        .shown("Folder", "folder", |export| {
            Value::from(&export.properties.delivery_info.destination.root_folder_path)
        })
        .field("next_run", |export| export.next_run_time_estimate)
}

fn runs_list() -> List<ExportRun> {
    List::of("run", "runs")
        .shown("Submitted", "submitted", |run: &ExportRun| {
            run.submitted_time
        })
        .field("name", |run| Value::from(&run.name))
        .shown("By", "trigger", |run| Value::from(&run.execution_type))
        .field("submitted_by", |run| Value::from(&run.submitted_by))
        .shown("Status", "status", |run| Value::from(&run.status))
        .field("started", |run| run.processing_start_time)
        .shown("Ended", "ended", |run| run.processing_end_time)
        .shown("File", "file", |run| Value::from(&run.file_name))
        .field("manifest", |run| Value::from(&run.manifest_file))
        .shown("Problem", "problem", |run| {
            run.error
                .as_ref()
                .map(|(code, message)| format!("{message} ({code})"))
        })
}
