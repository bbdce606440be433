//! Views of Cost Management: saved queries of a caller or of a scope.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Handled, Refusal};
use super::documents::{Stored, check_required_etag, missing, status_of};
use super::operation::{COST_MANAGEMENT, Call, Operation, delete, get, put};
use super::rows;

const OWN_ALL: &str = "/providers/Microsoft.CostManagement/views";
const OWN_ONE: &str = "/providers/Microsoft.CostManagement/views/{name}";
const ALL: &str = "{scope}/providers/Microsoft.CostManagement/views";
const ONE: &str = "{scope}/providers/Microsoft.CostManagement/views/{name}";

pub(super) const OPERATIONS: &[Operation] = &[
    get("Views_List", OWN_ALL, COST_MANAGEMENT, list),
    get("Views_Get", OWN_ONE, COST_MANAGEMENT, read),
    put("Views_CreateOrUpdate", OWN_ONE, COST_MANAGEMENT, write),
    delete("Views_Delete", OWN_ONE, COST_MANAGEMENT, remove),
    get("Views_ListByScope", ALL, COST_MANAGEMENT, list),
    get("Views_GetByScope", ONE, COST_MANAGEMENT, read),
    put("Views_CreateOrUpdateByScope", ONE, COST_MANAGEMENT, write),
    delete("Views_DeleteByScope", ONE, COST_MANAGEMENT, remove),
];

/// The path of the scope; empty for what is the caller's own.
pub(super) fn owner<'c>(call: &'c Call) -> Result<&'c str, Refusal> {
    if let Some(scope) = &call.scope {
        rows::check_scope(&call.world, scope)?;
    }
    Ok(call.scope.as_ref().map_or("", |scope| &scope.path))
}

fn show(stored: &Stored<Value>) -> Value {
    let mut view = stored.body.clone();
    let (scope, name) = (&stored.scope, &stored.name);
    view["id"] = json!(format!(
        "{scope}/providers/Microsoft.CostManagement/views/{name}"
    ));
    view["name"] = json!(name);
    view["type"] = json!("Microsoft.CostManagement/views");
    view["eTag"] = json!(stored.etag());
    view
}

fn list(call: &Call) -> Handled {
    let all = call.sandbox.documents.views.list(owner(call)?);
    let shown = all.iter().map(show);
    Ok(call.page(shown, call.page_size(1000)?)?.answer())
}

fn read(call: &Call) -> Handled {
    let name = call.name("name");
    let found = call.sandbox.documents.views.get(owner(call)?, name);
    Ok(Answer::json(&show(
        &found.ok_or_else(|| missing("view", name))?,
    )))
}

fn write(call: &Call) -> Handled {
    let (owner, name) = (owner(call)?, call.name("name"));
    let body: Value = call.request.json()?;
    let properties = &body["properties"];
    if !properties.is_object() {
        return Err(Refusal::bad_request(
            "The properties of the view are missing.",
        ));
    }
    if let Some(query) = properties.get("query") {
        let timeframes = ["WeekToDate", "MonthToDate", "YearToDate", "Custom"];
        let timeframe = query["timeframe"].as_str().unwrap_or_default();
        if query["type"] != "Usage" || !timeframes.contains(&timeframe) {
            let message = format!(
                "The query of a view has the type Usage and a timeframe of {}.",
                timeframes.join(", ")
            );
            return Err(Refusal::bad_request(message));
        }
    }
    let views = &call.sandbox.documents.views;
    check_required_etag(&body, views.get(owner, name).as_ref())?;
    let kept = json!({"properties": properties});
    let (is_new, stored) = views.put(owner, name, kept);
    Ok(Answer::json(&show(&stored)).with_status(status_of(is_new)))
}

fn remove(call: &Call) -> Handled {
    let removed = call
        .sandbox
        .documents
        .views
        .remove(owner(call)?, call.name("name"));
    Ok(Answer::empty(if removed {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    }))
}
