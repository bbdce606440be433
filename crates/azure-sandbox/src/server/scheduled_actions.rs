//! Scheduled actions: mails at fixed times, and the rules of anomaly alerts.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Handled, Refusal};
use super::documents::{Stored, missing, status_of};
use super::filter::Comparison;
use super::operation::{COST_MANAGEMENT, Call, Operation, day, delete, get, post, put};
use super::scope::Kind;
use super::views::owner;

const OWN_ALL: &str = "/providers/Microsoft.CostManagement/scheduledActions";
const OWN_ONE: &str = "/providers/Microsoft.CostManagement/scheduledActions/{name}";
const OWN_RUN: &str = "/providers/Microsoft.CostManagement/scheduledActions/{name}/execute";
const OWN_CHECK: &str = "/providers/Microsoft.CostManagement/checkNameAvailability";
const ALL: &str = "{scope}/providers/Microsoft.CostManagement/scheduledActions";
const ONE: &str = "{scope}/providers/Microsoft.CostManagement/scheduledActions/{name}";
const RUN: &str = "{scope}/providers/Microsoft.CostManagement/scheduledActions/{name}/execute";
const CHECK: &str = "{scope}/providers/Microsoft.CostManagement/checkNameAvailability";

pub(super) const OPERATIONS: &[Operation] = &[
    get("ScheduledActions_List", OWN_ALL, COST_MANAGEMENT, list),
    get("ScheduledActions_Get", OWN_ONE, COST_MANAGEMENT, read),
    put(
        "ScheduledActions_CreateOrUpdate",
        OWN_ONE,
        COST_MANAGEMENT,
        write,
    ),
    delete("ScheduledActions_Delete", OWN_ONE, COST_MANAGEMENT, remove),
    post("ScheduledActions_Run", OWN_RUN, COST_MANAGEMENT, run).writing(),
    post(
        "ScheduledActions_CheckNameAvailability",
        OWN_CHECK,
        COST_MANAGEMENT,
        check_name,
    ),
    get("ScheduledActions_ListByScope", ALL, COST_MANAGEMENT, list),
    get("ScheduledActions_GetByScope", ONE, COST_MANAGEMENT, read),
    put(
        "ScheduledActions_CreateOrUpdateByScope",
        ONE,
        COST_MANAGEMENT,
        write,
    ),
    delete(
        "ScheduledActions_DeleteByScope",
        ONE,
        COST_MANAGEMENT,
        remove,
    ),
    post("ScheduledActions_RunByScope", RUN, COST_MANAGEMENT, run).writing(),
    post(
        "ScheduledActions_CheckNameAvailabilityByScope",
        CHECK,
        COST_MANAGEMENT,
        check_name,
    ),
];

/// Anomaly alerts of one subscription.
const MOST_ANOMALY_ALERTS: usize = 5;

fn show(stored: &Stored<Value>) -> Value {
    let mut action = stored.body.clone();
    let (scope, name) = (&stored.scope, &stored.name);
    action["id"] = json!(format!(
        "{scope}/providers/Microsoft.CostManagement/scheduledActions/{name}"
    ));
    action["name"] = json!(name);
    action["type"] = json!("Microsoft.CostManagement/scheduledActions");
    action["eTag"] = json!(stored.etag());
    action
}

fn list(call: &Call) -> Handled {
    let terms = call.filter_terms()?;
    let known = ["viewId", "displayName", "status", "scope"];
    for term in &terms {
        if term.comparison != Comparison::Equal || !known.iter().any(|name| term.is(name)) {
            let message = format!("The $filter may be {} with eq.", known.join(", "));
            return Err(Refusal::bad_request(message));
        }
    }
    let all = call.sandbox.documents.scheduled_actions.list(owner(call)?);
    let asked = all.iter().filter(|each| {
        let properties = each.body["properties"].as_object();
        terms.iter().all(|term| {
            let mut properties = properties.into_iter().flatten();
            let found = properties.find(|(name, _)| term.is(name));
            let text = found.and_then(|(_, value)| value.as_str());
            text.is_some_and(|text| text.eq_ignore_ascii_case(&term.value))
        })
    });
    Ok(call.page(asked.map(show), call.page_size(1000)?)?.answer())
}

fn find(call: &Call) -> Result<Stored<Value>, Refusal> {
    let name = call.name("name");
    let found = call
        .sandbox
        .documents
        .scheduled_actions
        .get(owner(call)?, name);
    found.ok_or_else(|| missing("scheduled action", name))
}

fn read(call: &Call) -> Handled {
    Ok(Answer::json(&show(&find(call)?)))
}

fn write(call: &Call) -> Handled {
    let (owner, name) = (owner(call)?, call.name("name"));
    let body: Value = call.request.json()?;
    let actions = &call.sandbox.documents.scheduled_actions;
    let before = actions.get(owner, name);
    check(call, &body, before.is_none())?;
    let given = body["eTag"].as_str().or(call.request.header("if-match"));
    if let Some(before) = &before
        && given.is_some_and(|etag| etag != "*" && etag != before.etag())
    {
        let message = format!("The eTag of '{name}' is stale; get the latest one and try again.");
        return Err(Refusal::new(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
            message,
        ));
    }
    let kind = body.get("kind").cloned().unwrap_or_else(|| json!("Email"));
    let kept = json!({"kind": kind, "properties": body["properties"]});
    let (is_new, stored) = actions.put(owner, name, kept);
    Ok(Answer::json(&show(&stored)).with_status(status_of(is_new)))
}

/// The rules that an action is held to.
fn check(call: &Call, body: &Value, is_new: bool) -> Result<(), Refusal> {
    let refuse = |problem: &str| {
        Err(Refusal::bad_request(format!(
            "The scheduled action is invalid: {problem}."
        )))
    };
    let properties = &body["properties"];
    for name in [
        "displayName",
        "notification",
        "schedule",
        "status",
        "viewId",
    ] {
        if properties.get(name).is_none_or(Value::is_null) {
            return refuse(&format!("properties.{name} is missing"));
        }
    }
    let notification = &properties["notification"];
    let length = |name: &str| {
        notification[name]
            .as_str()
            .map_or(0, |text| text.chars().count())
    };
    let addresses = notification["to"].as_array().map_or(0, Vec::len);
    if !(1..=20).contains(&addresses) {
        return refuse("notification.to has 1 to 20 addresses");
    }
    if length("subject") > 70 || length("message") > 250 {
        return refuse("the subject has up to 70 characters, the message up to 250");
    }
    let schedule = &properties["schedule"];
    let at = |name: &str| {
        day(
            &format!("schedule.{name}"),
            schedule[name].as_str().unwrap_or_default(),
        )
    };
    if at("startDate")? >= at("endDate")? {
        return refuse("schedule.endDate must lie after schedule.startDate");
    }
    let frequency = schedule["frequency"].as_str().unwrap_or_default();
    if !["Daily", "Weekly", "Monthly"].contains(&frequency) {
        return refuse("schedule.frequency is none of Daily, Weekly, Monthly");
    }
    if body["kind"] != "InsightAlert" {
        return Ok(());
    }
    let Some(scope) = call
        .scope
        .as_ref()
        .filter(|scope| scope.kind == Kind::Subscription)
    else {
        return refuse("anomaly alerts are for subscriptions only");
    };
    if frequency != "Daily" {
        return refuse("the frequency of an anomaly alert is Daily");
    }
    let own = call.sandbox.documents.scheduled_actions.list(&scope.path);
    let own = own
        .iter()
        .filter(|each| each.body["kind"] == "InsightAlert");
    if is_new && own.count() >= MOST_ANOMALY_ALERTS {
        return refuse("a subscription has at most 5 anomaly alerts");
    }
    Ok(())
}

fn remove(call: &Call) -> Handled {
    let actions = &call.sandbox.documents.scheduled_actions;
    let removed = actions.remove(owner(call)?, call.name("name"));
    Ok(Answer::empty(if removed {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    }))
}

fn run(call: &Call) -> Handled {
    find(call)?;
    Ok(Answer::empty(StatusCode::OK))
}

/// A question whether a name is free.
#[derive(Deserialize)]
struct Question {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

fn check_name(call: &Call) -> Handled {
    let Question { name, kind } = call.request.json()?;
    if !kind.eq_ignore_ascii_case("Microsoft.CostManagement/scheduledActions") {
        let message = "The type must be Microsoft.CostManagement/ScheduledActions.";
        return Err(Refusal::bad_request(message));
    }
    let taken = call
        .sandbox
        .documents
        .scheduled_actions
        .get(owner(call)?, &name);
    Ok(Answer::json(&availability(&name, taken.is_some())))
}

/// Whether a name is free, and why not.
pub(super) fn availability(name: &str, is_taken: bool) -> Value {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if is_taken {
        let message = format!("The name '{name}' is taken.");
        return json!({"nameAvailable": false, "reason": "AlreadyExists", "message": message});
    }
    if name.is_empty() || !name.chars().all(is_letter) {
        let message =
            format!("The name '{name}' has other characters than letters, digits, _ and -.");
        return json!({"nameAvailable": false, "reason": "Invalid", "message": message});
    }
    json!({"nameAvailable": true})
}
