//! Reports that are asked for, polled and then downloaded.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::http::StatusCode;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Handled, Refusal};
use super::documents::missing;
use super::faults::Mishap;
use super::operation::{COST_MANAGEMENT, Call, Operation, day, get, post};
use super::rows;
use super::scope::{BillingPeriod, Kind, Scope};
use super::state::lock;
use super::storage::{self, Link};
use crate::books::Payer;
use crate::files::write_costs;
use crate::world::{Basis, CostRow};

/// Scopes of the cost details report.
const SCOPES: &[Kind] = &[
    Kind::Subscription,
    Kind::BillingAccount,
    Kind::Department,
    Kind::EnrollmentAccount,
    Kind::BillingProfile,
    Kind::InvoiceSection,
    Kind::Customer,
];

pub(super) const OPERATIONS: &[Operation] = &[
    post(
        "GenerateCostDetailsReport_CreateOperation",
        "{scope}/providers/Microsoft.CostManagement/generateCostDetailsReport",
        COST_MANAGEMENT,
        cost_details,
    )
    .at(SCOPES),
    get(
        "GenerateCostDetailsReport_GetOperationResults",
        "{scope}/providers/Microsoft.CostManagement/costDetailsOperationResults/{id}",
        COST_MANAGEMENT,
        poll,
    ),
    post(
        "GenerateDetailedCostReport_CreateOperation",
        "{scope}/providers/Microsoft.CostManagement/generateDetailedCostReport",
        COST_MANAGEMENT,
        detailed_report,
    ),
    get(
        "GenerateDetailedCostReportOperationResults_Get",
        "{scope}/providers/Microsoft.CostManagement/operationResults/{id}",
        COST_MANAGEMENT,
        poll,
    ),
    get(
        "GenerateDetailedCostReportOperationStatus_Get",
        "{scope}/providers/Microsoft.CostManagement/operationStatus/{id}",
        COST_MANAGEMENT,
        status,
    ),
];

/// Reports by their ids.
#[derive(Debug, Default)]
pub(super) struct Reports(Mutex<BTreeMap<String, Report>>);

#[derive(Debug, Clone)]
struct Report {
    /// Polls that are still answered with 202.
    polls: u32,
    /// The result, when it is there.
    result: Value,
    /// What `operationStatus` says then.
    status: Value,
}

/// The body of a request for a cost report.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_period: Option<Period>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoice_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Period {
    start: String,
    end: String,
}

/// The id of the next report.
pub(super) fn next_id(call: &Call) -> String {
    let count = lock(&call.sandbox.documents.reports.0).len() + 1;
    format!("0e907000-0000-4000-8000-{count:012x}")
}

/// 202 for a report whose result is known already; it is given after some polls at
/// `{scope}/providers/Microsoft.CostManagement/{results}/{id}`. `status` is what the operation's
/// status says by then.
pub(super) fn accept(call: &Call, id: &str, results: &str, result: Value, status: Value) -> Answer {
    let is_stale = |what: &Mishap| matches!(what, Mishap::StalePolls(_));
    let polls = match call.sandbox.faults.take(call.operation.name, is_stale) {
        Some(Mishap::StalePolls(polls)) => polls,
        _ => 1,
    };
    let report = Report {
        polls,
        result,
        status,
    };
    lock(&call.sandbox.documents.reports.0).insert(id.to_owned(), report);
    let scope = call.scope.as_ref().map(|scope| &*scope.path);
    let version = call.request.parameter("api-version").unwrap_or_default();
    let link = |what: &str| {
        format!(
            "{}{}/providers/Microsoft.CostManagement/{what}/{id}?api-version={version}",
            call.request.base(),
            scope.unwrap_or_default()
        )
    };
    let mut answer = Answer::empty(StatusCode::ACCEPTED)
        .with_header("location", &link(results))
        .with_header(
            "retry-after",
            &call.sandbox.options.poll_seconds.to_string(),
        );
    if results == "operationResults" {
        let link = link("operationStatus");
        answer = answer.with_header("azure-consumption-asyncoperation", &link);
    }
    answer
}

/// Whether this request's report is to fail.
pub(super) fn fails(call: &Call) -> bool {
    let fails = |what: &Mishap| *what == Mishap::FailedReport;
    (call.sandbox.faults.take(call.operation.name, fails)).is_some()
}

fn take_poll(call: &Call) -> Result<Option<Report>, Refusal> {
    let mut reports = lock(&call.sandbox.documents.reports.0);
    let id = call.name("id");
    let report = reports.get_mut(&id.to_lowercase());
    let report = report.ok_or_else(|| missing("operation", id))?;
    if report.polls > 0 {
        report.polls -= 1;
        return Ok(None);
    }
    Ok(Some(report.clone()))
}

fn poll(call: &Call) -> Handled {
    if let Some(report) = take_poll(call)? {
        return Ok(Answer::json(&report.result));
    }
    let wait = call.sandbox.options.poll_seconds.to_string();
    let here = format!(
        "{}{}?{}",
        call.request.base(),
        call.request.path,
        call.request.raw_query
    );
    Ok(Answer::empty(StatusCode::ACCEPTED)
        .with_header("location", &here)
        .with_header("retry-after", &wait))
}

fn status(call: &Call) -> Handled {
    let running = || json!({"status": "InProgress"});
    let report = take_poll(call)?;
    Ok(Answer::json(
        &report.map_or_else(running, |report| report.status),
    ))
}

/// What a request selects, within the rules of both reports.
fn select(call: &Call, asked: &Asked) -> Result<(Basis, Date, Date), Refusal> {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    let basis = match asked.metric.as_deref().unwrap_or("ActualCost") {
        "ActualCost" => Basis::Actual,
        "AmortizedCost" => Basis::Amortized,
        other => {
            let message = format!("The metric '{other}' is none of ActualCost, AmortizedCost.");
            return Err(Refusal::bad_request(message));
        }
    };
    let selectors = [
        asked.time_period.is_some(),
        asked.billing_period.is_some(),
        asked.invoice_id.is_some(),
    ];
    if selectors.iter().filter(|is_there| **is_there).count() > 1 {
        let message = "Only one of timePeriod, billingPeriod and invoiceId can be given.";
        return Err(Refusal::bad_request(message));
    }
    let (today, is_modern) = (call.today(), call.world.agreement.is_modern());
    let (first, last) = if let Some(period) = &asked.time_period {
        (
            day("timePeriod.start", &period.start)?,
            day("timePeriod.end", &period.end)?,
        )
    } else if let Some(period) = &asked.billing_period {
        if is_modern {
            let message = "billingPeriod is for Enterprise Agreements only.";
            return Err(Refusal::bad_request(message));
        }
        let period = BillingPeriod::parse(period)?;
        (period.first, period.last)
    } else if let Some(invoice) = &asked.invoice_id {
        if !is_modern || !matches!(scope.kind, Kind::BillingProfile | Kind::Customer) {
            let message = "invoiceId is for billing profiles and customers only.";
            return Err(Refusal::bad_request(message));
        }
        invoice_days(call, scope, invoice)?
    } else {
        (today.first_of_month(), today)
    };
    if first > last {
        return Err(Refusal::bad_request(
            "The time period ends before it begins.",
        ));
    }
    if last >= first.saturating_add(1.month()) {
        return Err(Refusal::bad_request(
            "The time period is longer than one month.",
        ));
    }
    if first < today.saturating_sub(13.months()).first_of_month() {
        return Err(Refusal::bad_request(
            "The time period is older than 13 months.",
        ));
    }
    Ok((basis, first, last))
}

/// The days of an invoice: those of its month.
fn invoice_days(call: &Call, scope: &Scope, invoice: &str) -> Result<(Date, Date), Refusal> {
    let invoices = call.sandbox.books().invoices();
    let found = invoices.iter().find(|each| {
        let is_own = match &each.payer {
            Payer::Profile(profile) => {
                scope.kind != Kind::BillingProfile || profile.id.eq_ignore_ascii_case(&scope.id)
            }
            _ => false,
        };
        is_own && each.name.eq_ignore_ascii_case(invoice)
    });
    let found = found.ok_or_else(|| missing("invoice", invoice))?;
    Ok((found.month, found.month.last_of_month()))
}

/// The rows that a request selects, in files of so many rows.
fn files(call: &Call, asked: &Asked) -> Result<Vec<Vec<u8>>, Refusal> {
    let (basis, first, last) = select(call, asked)?;
    let scope = call.scope()?;
    let rows = call.world.rows_on(basis, first, last);
    let rows: Vec<CostRow> = rows.filter(|row| rows::is_in(row, scope)).collect();
    let size = call.sandbox.options.blob_rows.max(1);
    Ok(rows.chunks(size).map(|rows| csv(call, rows)).collect())
}

/// Rows as a file, each with a header line of its own.
pub(super) fn csv(call: &Call, rows: &[CostRow]) -> Vec<u8> {
    let mut file = Vec::new();
    let rows = rows.iter().cloned();
    write_costs(rows, call.world.agreement, &mut file).expect("writing to memory cannot fail");
    file
}

fn failure() -> Value {
    json!({"code": "ReportGenerationFailed", "message": "The report could not be made."})
}

fn cost_details(call: &Call) -> Handled {
    if call.world.agreement == crate::world::Agreement::PayAsYouGo {
        let message = "The report is for Enterprise and Customer Agreements only.";
        let code = "SubscriptionTypeNotSupported";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, code, message));
    }
    let asked: Asked = call.request.json()?;
    let files = files(call, &asked)?;
    let (scope, id) = (&call.scope()?.path, next_id(call));
    let results = "costDetailsOperationResults";
    let mut result = json!({
        "id": format!("{scope}/providers/Microsoft.CostManagement/{results}/{id}"),
        "name": id,
        "type": format!("Microsoft.CostManagement/{results}"),
    });
    if fails(call) {
        result["status"] = json!("Failed");
        result["error"] = failure();
    } else if files.is_empty() {
        result["status"] = json!("NoDataFound");
    } else {
        let total: usize = files.iter().map(Vec::len).sum();
        let mut blobs = Vec::new();
        let mut valid_until = None;
        for (number, file) in files.into_iter().enumerate() {
            let bytes = file.len();
            let link = storage::publish(call, &format!("{id}/part_{number}.csv"), "text/csv", file);
            blobs.push(json!({"blobLink": link.url, "byteCount": bytes}));
            valid_until = valid_until.or(Some(link.valid_until));
        }
        result["status"] = json!("Completed");
        result["manifest"] = json!({
            "manifestVersion": "2022-05-01",
            "dataFormat": "Csv",
            "byteCount": total,
            "blobCount": blobs.len(),
            "compressData": false,
            "requestContext": {"requestScope": scope.trim_start_matches('/'), "requestBody": asked},
            "blobs": blobs,
        });
        result["validTill"] = json!(valid_until.map(|at| at.to_string()));
    }
    Ok(accept(call, &id, results, result, Value::Null))
}

fn detailed_report(call: &Call) -> Handled {
    let asked: Asked = call.request.json()?;
    let (basis, first, last) = select(call, &asked)?;
    let (scope, id) = (call.scope()?, next_id(call));
    let about = |kind: &str| {
        json!({
            "id": format!("{}/providers/Microsoft.CostManagement/{kind}/{id}", scope.path),
            "name": id,
            "type": format!("Microsoft.CostManagement/{kind}"),
        })
    };
    let (mut result, mut status) = (about("operationResults"), about("operationStatus"));
    let rows = call.world.rows_on(basis, first, last);
    let rows: Vec<CostRow> = rows.filter(|row| rows::is_in(row, scope)).collect();
    if fails(call) {
        status["status"] = json!("Failed");
        status["error"] = failure();
        result["status"] = json!("Failed");
        result["error"] = failure();
    } else if rows.is_empty() {
        status["status"] = json!("NoDataFound");
    } else {
        let Link { url, valid_until } =
            storage::publish(call, &format!("{id}.csv"), "text/csv", csv(call, &rows));
        let properties = json!({"downloadUrl": url, "validTill": valid_until.to_string()});
        result["properties"] = properties.clone();
        status["properties"] = properties;
        status["status"] = json!("Completed");
        // A success that carries an error, as Azure's may.
        status["error"] = json!({"code": "0", "message": null});
    }
    Ok(accept(call, &id, "operationResults", result, status))
}
