//! Settings, cost allocation rules, and what a provider can do.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Handled, Refusal};
use super::documents::{Stored, missing, status_of};
use super::operation::{CONSUMPTION, COST_MANAGEMENT, Call, Operation, delete, get, post, put};
use super::scheduled_actions::availability;
use super::scope::Kind;
use super::views::owner;

const SETTINGS: &str = "{scope}/providers/Microsoft.CostManagement/settings";
const SETTING: &str = "{scope}/providers/Microsoft.CostManagement/settings/{name}";
const RULES: &str = "{scope}/providers/Microsoft.CostManagement/costAllocationRules";
const RULE: &str = "{scope}/providers/Microsoft.CostManagement/costAllocationRules/{name}";
const CHECK: &str =
    "{scope}/providers/Microsoft.CostManagement/costAllocationRules/checkNameAvailability";
const ACCOUNT: &[Kind] = &[Kind::BillingAccount];

pub(super) const OPERATIONS: &[Operation] = &[
    get("Settings_List", SETTINGS, COST_MANAGEMENT, list_settings),
    get(
        "Settings_GetByScope",
        SETTING,
        COST_MANAGEMENT,
        read_setting,
    ),
    put(
        "Settings_CreateOrUpdateByScope",
        SETTING,
        COST_MANAGEMENT,
        write_setting,
    ),
    delete(
        "Settings_DeleteByScope",
        SETTING,
        COST_MANAGEMENT,
        remove_setting,
    ),
    post(
        "CostAllocationRules_CheckNameAvailability",
        CHECK,
        COST_MANAGEMENT,
        check_rule,
    )
    .at(ACCOUNT),
    get(
        "CostAllocationRules_List",
        RULES,
        COST_MANAGEMENT,
        list_rules,
    )
    .at(ACCOUNT),
    get("CostAllocationRules_Get", RULE, COST_MANAGEMENT, read_rule).at(ACCOUNT),
    put(
        "CostAllocationRules_CreateOrUpdate",
        RULE,
        COST_MANAGEMENT,
        write_rule,
    )
    .at(ACCOUNT),
    delete(
        "CostAllocationRules_Delete",
        RULE,
        COST_MANAGEMENT,
        remove_rule,
    )
    .at(ACCOUNT),
    get(
        "Operations_List",
        "/providers/Microsoft.CostManagement/operations",
        COST_MANAGEMENT,
        management_operations,
    ),
    get(
        "Operations_List",
        "/providers/Microsoft.Consumption/operations",
        CONSUMPTION,
        consumption_operations,
    ),
];

fn show(stored: &Stored<Value>, kind: &str) -> Value {
    let mut document = stored.body.clone();
    let (scope, name) = (&stored.scope, &stored.name);
    document["id"] = json!(format!(
        "{scope}/providers/Microsoft.CostManagement/{kind}/{name}"
    ));
    document["name"] = json!(name);
    document["type"] = json!(format!("Microsoft.CostManagement/{kind}"));
    document
}

fn removal(removed: bool) -> Answer {
    Answer::empty(if removed {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    })
}

fn list_settings(call: &Call) -> Handled {
    let all = call.sandbox.documents.settings.list(owner(call)?);
    let shown: Vec<Value> = all.iter().map(|each| show(each, "settings")).collect();
    Ok(Answer::json(&json!({"value": shown})))
}

fn read_setting(call: &Call) -> Handled {
    let name = call.name("name");
    let found = call.sandbox.documents.settings.get(owner(call)?, name);
    let found = found.ok_or_else(|| missing("setting", name))?;
    Ok(Answer::json(&show(&found, "settings")))
}

fn write_setting(call: &Call) -> Handled {
    let (owner, name) = (owner(call)?, call.name("name"));
    let body: Value = call.request.json()?;
    if !name.eq_ignore_ascii_case("taginheritance") || body["kind"] != "taginheritance" {
        return Err(Refusal::bad_request("The only setting is taginheritance."));
    }
    if !body["properties"]["preferContainerTags"].is_boolean() {
        let message = "properties.preferContainerTags must be true or false.";
        return Err(Refusal::bad_request(message));
    }
    let kept = json!({"kind": body["kind"], "properties": body["properties"]});
    let (is_new, stored) = call.sandbox.documents.settings.put(owner, name, kept);
    Ok(Answer::json(&show(&stored, "settings")).with_status(status_of(is_new)))
}

fn remove_setting(call: &Call) -> Handled {
    let settings = &call.sandbox.documents.settings;
    Ok(removal(settings.remove(owner(call)?, call.name("name"))))
}

fn list_rules(call: &Call) -> Handled {
    let all = call.sandbox.documents.allocation_rules.list(owner(call)?);
    let shown = all.iter().map(|each| show(each, "costAllocationRules"));
    Ok(call.page(shown, call.page_size(1000)?)?.answer())
}

fn read_rule(call: &Call) -> Handled {
    let name = call.name("name");
    let found = call
        .sandbox
        .documents
        .allocation_rules
        .get(owner(call)?, name);
    let found = found.ok_or_else(|| missing("cost allocation rule", name))?;
    Ok(Answer::json(&show(&found, "costAllocationRules")))
}

fn write_rule(call: &Call) -> Handled {
    let (owner, name) = (owner(call)?, call.name("name"));
    let body: Value = call.request.json()?;
    let properties = &body["properties"];
    for needed in ["details", "status"] {
        if properties.get(needed).is_none_or(Value::is_null) {
            return Err(Refusal::bad_request(format!(
                "properties.{needed} is missing."
            )));
        }
    }
    let mut kept = json!({"properties": properties});
    let at = format!("{}T12:00:00Z", call.today());
    let rules = &call.sandbox.documents.allocation_rules;
    let before = rules.get(owner, name);
    let created = before.map(|before| before.body["properties"]["createdDate"].clone());
    kept["properties"]["createdDate"] = created.unwrap_or_else(|| json!(at));
    kept["properties"]["updatedDate"] = json!(at);
    let (is_new, stored) = rules.put(owner, name, kept);
    Ok(Answer::json(&show(&stored, "costAllocationRules")).with_status(status_of(is_new)))
}

fn remove_rule(call: &Call) -> Handled {
    let rules = &call.sandbox.documents.allocation_rules;
    Ok(removal(rules.remove(owner(call)?, call.name("name"))))
}

fn check_rule(call: &Call) -> Handled {
    let body: Value = call.request.json()?;
    let name = body["name"].as_str().unwrap_or_default();
    let taken = call
        .sandbox
        .documents
        .allocation_rules
        .get(owner(call)?, name);
    let mut answer = availability(name, taken.is_some());
    if answer["nameAvailable"] == true {
        answer["reason"] = json!("Valid");
    }
    Ok(Answer::json(&answer))
}

fn management_operations(call: &Call) -> Handled {
    let names = [
        "query",
        "forecast",
        "dimensions",
        "budgets",
        "alerts",
        "exports",
        "views",
    ];
    operations(call, "Microsoft.CostManagement", &names)
}

fn consumption_operations(call: &Call) -> Handled {
    let names = [
        "budgets",
        "usageDetails",
        "marketplaces",
        "balances",
        "pricesheets",
        "tags",
    ];
    operations(call, "Microsoft.Consumption", &names)
}

fn operations(call: &Call, provider: &str, names: &[&str]) -> Handled {
    let items = names.iter().map(|name| {
        json!({
            "name": format!("{provider}/{name}/read"),
            "display": {
                "provider": provider.replace('.', " "),
                "resource": name,
                "operation": format!("List {name}"),
            },
        })
    });
    Ok(call.page(items, call.page_size(1000)?)?.answer())
}
