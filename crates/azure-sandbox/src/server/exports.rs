//! Exports: their definitions, and runs that write files into a container.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;

use axum::http::StatusCode;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::answer::{Answer, Handled, Refusal, plain_midnight};
use super::dataset::{Definition, TimePeriod};
use super::documents::{Stored, check_required_etag, missing, status_of};
use super::operation::{COST_MANAGEMENT, Call, Operation, delete, get, post, put};
use super::query::SCOPES;
use super::reports::csv;
use super::rows;
use super::state::lock;
use crate::world::CostRow;

const ALL: &str = "{scope}/providers/Microsoft.CostManagement/exports";
const ONE: &str = "{scope}/providers/Microsoft.CostManagement/exports/{name}";
const RUN: &str = "{scope}/providers/Microsoft.CostManagement/exports/{name}/run";
const HISTORY: &str = "{scope}/providers/Microsoft.CostManagement/exports/{name}/runHistory";

pub(super) const OPERATIONS: &[Operation] = &[
    get("Exports_List", ALL, COST_MANAGEMENT, list).at(SCOPES),
    get("Exports_Get", ONE, COST_MANAGEMENT, read).at(SCOPES),
    put("Exports_CreateOrUpdate", ONE, COST_MANAGEMENT, write).at(SCOPES),
    delete("Exports_Delete", ONE, COST_MANAGEMENT, remove).at(SCOPES),
    post("Exports_Execute", RUN, COST_MANAGEMENT, run)
        .at(SCOPES)
        .writing(),
    get(
        "Exports_GetExecutionHistory",
        HISTORY,
        COST_MANAGEMENT,
        history,
    )
    .at(SCOPES),
];

/// Runs by the id of their export.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<BTreeMap<String, Vec<Value>>>);

fn id_of(stored: &Stored<Value>) -> String {
    format!(
        "{}/providers/Microsoft.CostManagement/exports/{}",
        stored.scope, stored.name
    )
}

fn runs_of(call: &Call, stored: &Stored<Value>) -> Vec<Value> {
    let runs = lock(&call.sandbox.documents.runs.0);
    runs.get(&id_of(stored).to_lowercase())
        .cloned()
        .unwrap_or_default()
}

fn show(call: &Call, stored: &Stored<Value>) -> Value {
    let mut export = stored.body.clone();
    export["id"] = json!(id_of(stored));
    export["name"] = json!(stored.name);
    export["type"] = json!("Microsoft.CostManagement/exports");
    export["eTag"] = json!(stored.etag());
    let expand = call.request.parameter("$expand").unwrap_or_default();
    if expand.to_ascii_lowercase().contains("runhistory") {
        export["properties"]["runHistory"] = json!({"value": runs_of(call, stored)});
    }
    if export.pointer("/properties/schedule/status") == Some(&json!("Active")) {
        let next = call.today().tomorrow().unwrap_or(call.today());
        export["properties"]["nextRunTimeEstimate"] = json!(plain_midnight(next));
    }
    export
}

fn find(call: &Call) -> Result<Stored<Value>, Refusal> {
    let (scope, name) = (call.scope()?, call.name("name"));
    rows::check_scope(&call.world, scope)?;
    let found = call.sandbox.documents.exports.get(&scope.path, name);
    found.ok_or_else(|| missing("export", name))
}

fn list(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    let all = call.sandbox.documents.exports.list(&scope.path);
    let shown: Vec<Value> = all.iter().map(|each| show(call, each)).collect();
    Ok(Answer::json(&json!({"value": shown})))
}

fn read(call: &Call) -> Handled {
    Ok(Answer::json(&show(call, &find(call)?)))
}

fn write(call: &Call) -> Handled {
    let (scope, name) = (call.scope()?, call.name("name"));
    rows::check_scope(&call.world, scope)?;
    let mut body: Value = call.request.json()?;
    let container = body.pointer("/properties/deliveryInfo/destination/container");
    if container.and_then(Value::as_str).is_none_or(str::is_empty) {
        let message = "properties.deliveryInfo.destination.container is missing.";
        return Err(Refusal::bad_request(message));
    }
    definition(&body, None)?.days(call.today())?;
    let exports = &call.sandbox.documents.exports;
    let before = exports.get(&scope.path, name);
    check_required_etag(&body, before.as_ref())?;
    if let Some(body) = body.as_object_mut() {
        body.retain(|key, _| matches!(&**key, "properties" | "identity" | "location"));
    }
    let (is_new, stored) = exports.put(&scope.path, name, body);
    Ok(Answer::json(&show(call, &stored)).with_status(status_of(is_new)))
}

fn remove(call: &Call) -> Handled {
    let stored = find(call)?;
    call.sandbox
        .documents
        .exports
        .remove(&stored.scope, &stored.name);
    lock(&call.sandbox.documents.runs.0).remove(&id_of(&stored).to_lowercase());
    Ok(Answer::empty(StatusCode::OK))
}

fn history(call: &Call) -> Handled {
    let stored = find(call)?;
    Ok(Answer::json(&json!({"value": runs_of(call, &stored)})))
}

/// The definition of an export, with another range if a run asks for one.
fn definition(export: &Value, range: Option<TimePeriod>) -> Result<Definition, Refusal> {
    let definition = export.pointer("/properties/definition").cloned();
    let definition = serde_json::from_value::<Definition>(definition.unwrap_or_default());
    let mut definition = definition.map_err(|error| {
        Refusal::bad_request(format!("properties.definition is invalid: {error}."))
    })?;
    if range.is_some() {
        definition.timeframe = "Custom".to_owned();
        definition.time_period = range;
    }
    Ok(definition)
}

fn run(call: &Call) -> Handled {
    let stored = find(call)?;
    let range = if call.request.body.is_empty() {
        None
    } else {
        let body: Value = call.request.json()?;
        let range = body.get("timePeriod").cloned().unwrap_or_default();
        serde_json::from_value(range)
            .map_err(|error| Refusal::bad_request(format!("timePeriod is invalid: {error}.")))?
    };
    let (first, last) = definition(&stored.body, range.clone())?.days(call.today())?;
    if range.is_some() && (first.year(), first.month()) != (last.year(), last.month()) {
        return Err(Refusal::bad_request(
            "The timePeriod of a run lies in one calendar month.",
        ));
    }
    let record = record(call, &stored, range, (first, last));
    let mut runs = lock(&call.sandbox.documents.runs.0);
    let runs = runs.entry(id_of(&stored).to_lowercase()).or_default();
    runs.insert(0, record);
    Ok(Answer::empty(StatusCode::OK))
}

/// Writes the files of a run, and what its history says.
fn record(
    call: &Call,
    stored: &Stored<Value>,
    range: Option<TimePeriod>,
    (first, last): (Date, Date),
) -> Value {
    let number = runs_of(call, stored).len() + 1;
    let run = format!("e0907700-0000-4000-8000-{:012x}", number);
    let at = format!("{}T12:00:00Z", call.today());
    let mut properties = json!({
        "executionType": "OnDemand",
        "submittedBy": "owner@contoso.example",
        "submittedTime": at,
        "processingStartTime": at,
        "processingEndTime": at,
        "startDate": plain_midnight(first),
        "endDate": plain_midnight(last),
        "runSettings": stored.body["properties"],
    });
    let written = definition(&stored.body, range)
        .and_then(|definition| definition.basis())
        .and_then(|basis| {
            let scope = call.scope()?;
            let rows = call.world.rows_on(basis, first, last);
            let rows: Vec<CostRow> = rows.filter(|row| rows::is_in(row, scope)).collect();
            Ok(write_files(call, stored, &run, (first, last), &rows))
        });
    match written {
        Ok((file, manifest)) => {
            properties["status"] = json!("Completed");
            properties["fileName"] = json!(file);
            properties["manifestFile"] = json!(manifest);
        }
        Err(refusal) => {
            properties["status"] = json!("Failed");
            properties["error"] = json!({"code": refusal.code, "message": refusal.message});
        }
    }
    json!({
        "id": format!("{}/runHistory/{run}", id_of(stored)),
        "name": run,
        "type": "Microsoft.CostManagement/exports/runHistory",
        "properties": properties,
    })
}

/// Writes the parts and the manifest below `{root}/{export}/{range}/{run}`, and gives the folder's
/// first file and the manifest.
fn write_files(
    call: &Call,
    stored: &Stored<Value>,
    run: &str,
    (first, last): (Date, Date),
    rows: &[CostRow],
) -> (String, String) {
    let properties = &stored.body["properties"];
    let destination = &properties["deliveryInfo"]["destination"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let container = text(&destination["container"]);
    let root = text(&destination["rootFolderPath"]);
    let compact = |date: Date| date.strftime("%Y%m%d").to_string();
    let range = format!("{}-{}", compact(first), compact(last));
    let above = format!("{}/{}/{range}", root.trim_matches('/'), stored.name);
    let above = above.trim_start_matches('/');
    let storage = &call.sandbox.documents.storage;
    if properties["dataOverwriteBehavior"] == "OverwritePreviousReport" {
        storage.remove_below(&container, &format!("{above}/"));
    }
    let folder = format!("{above}/{run}");
    let is_packed = properties["compressionMode"]
        .as_str()
        .is_some_and(|mode| mode.eq_ignore_ascii_case("gzip"));
    let size = call.sandbox.options.blob_rows.max(1);
    // An export without rows still has one file, with the header alone.
    let chunks: Vec<&[CostRow]> = if rows.is_empty() {
        vec![&[]]
    } else {
        rows.chunks(size).collect()
    };
    let (mut blobs, mut total) = (Vec::new(), 0);
    for (number, rows) in chunks.into_iter().enumerate() {
        let mut bytes = csv(call, rows);
        let mut name = format!("{folder}/part_{number}_0001.csv");
        if is_packed {
            bytes = pack(&bytes);
            name.push_str(".gz");
        }
        total += bytes.len();
        blobs.push(json!({"blobName": name, "byteCount": bytes.len(), "dataRowCount": rows.len()}));
        storage.write(&container, &name, "text/csv", bytes);
    }
    let manifest = json!({
        "manifestVersion": "2024-04-01",
        "byteCount": total,
        "blobCount": blobs.len(),
        "dataRowCount": rows.len(),
        "exportConfig": {
            "exportName": stored.name,
            "resourceId": id_of(stored),
            "dataVersion": properties.pointer("/definition/dataSet/configuration/dataVersion"),
            "type": properties["definition"]["type"],
            "timeFrame": properties["definition"]["timeframe"],
            "granularity": properties.pointer("/definition/dataSet/granularity"),
        },
        "deliveryConfig": {
            "partitionData": true,
            "dataOverwriteBehavior": properties["dataOverwriteBehavior"],
            "fileFormat": "Csv",
            "compressionMode": if is_packed { "gzip" } else { "none" },
            "containerUri": destination["resourceId"],
            "rootFolderPath": root,
        },
        "runInfo": {
            "executionType": "OnDemand",
            "submittedTime": format!("{}T12:00:00Z", call.today()),
            "runId": run,
            "startDate": plain_midnight(first),
            "endDate": plain_midnight(last),
        },
        "blobs": blobs,
    });
    let file = text(&manifest["blobs"][0]["blobName"]);
    let name = format!("{folder}/manifest.json");
    // The manifest comes last: whoever sees it can read all that it names.
    storage.write(
        &container,
        &name,
        "application/json",
        manifest.to_string().into_bytes(),
    );
    (file, name)
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let written = packed.write_all(bytes).and_then(|()| packed.finish());
    written.expect("writing to memory cannot fail")
}
