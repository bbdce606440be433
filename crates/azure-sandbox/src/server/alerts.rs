//! Cost Management alerts, raised when budgets are evaluated, and what an action group gets.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::http::{StatusCode, Uri};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Exact, Handled, Object, Refusal, plain_midnight};
use super::budgets::{Budget, Notification, Spend};
use super::documents::{Stored, missing};
use super::operation::{COST_MANAGEMENT, Call, Operation, get, patch};
use super::query::SCOPES;
use super::rows;
use super::scope::{Kind, Scope};
use super::state::{Sandbox, lock};

const ALL: &str = "{scope}/providers/Microsoft.CostManagement/alerts";
const ONE: &str = "{scope}/providers/Microsoft.CostManagement/alerts/{id}";
const EXTERNAL: &str = "/providers/Microsoft.CostManagement/{externalType}/{externalId}/alerts";

pub(super) const OPERATIONS: &[Operation] = &[
    get("Alerts_List", ALL, COST_MANAGEMENT, list).at(SCOPES),
    get("Alerts_Get", ONE, COST_MANAGEMENT, read).at(SCOPES),
    patch("Alerts_Dismiss", ONE, COST_MANAGEMENT, dismiss).at(SCOPES),
    get("Alerts_ListExternal", EXTERNAL, COST_MANAGEMENT, |_| {
        Ok(Answer::json(&json!({"value": [], "nextLink": null})))
    }),
];

/// An action group: where it posts, in which shape, and whom it mails.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionGroup {
    /// A loopback address; the sandbox posts nowhere else. Empty for a group without a webhook.
    #[serde(default)]
    pub(crate) url: String,
    /// Whether it has the common alert schema.
    #[serde(default)]
    pub(crate) common_schema: bool,
    /// Addresses that it mails, though the sandbox sends no mail.
    #[serde(default)]
    pub(crate) emails: Vec<String>,
    /// Whether it is switched on.
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
}

fn yes() -> bool {
    true
}

/// Action groups by their ids in lower case.
pub(super) type ActionGroups = BTreeMap<String, ActionGroup>;

/// The alerts and action groups.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    alerts: Mutex<Vec<Alert>>,
    groups: Mutex<ActionGroups>,
}

/// An alert of a budget.
#[derive(Debug, Clone)]
struct Alert {
    id: String,
    /// The scope's path.
    scope: String,
    budget: String,
    /// Key of the notification.
    key: String,
    notification: Notification,
    amount: Decimal,
    spend: Spend,
    time_grain: String,
    created: Date,
    dismissed: Option<Date>,
}

/// Something to post.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) url: Uri,
    pub(super) body: Value,
}

impl Alerts {
    /// Registers action groups in place of those before.
    pub(super) fn set_groups(&self, groups: ActionGroups) -> Result<(), Refusal> {
        for (id, group) in groups.iter().filter(|(_, group)| !group.url.is_empty()) {
            let url = group.url.parse::<Uri>().ok();
            let host = url.as_ref().and_then(Uri::host);
            let is_near = matches!(host, Some("127.0.0.1" | "localhost" | "[::1]"));
            if !is_near || !group.url.starts_with("http://") {
                let message = format!("The url of {id} is no http:// address of this machine.");
                return Err(Refusal::bad_request(message));
            }
        }
        let lower = groups
            .into_iter()
            .map(|(id, group)| (id.to_lowercase(), group));
        *lock(&self.groups) = lower.collect();
        Ok(())
    }

    /// A group by its id, in any letter case.
    pub(super) fn group(&self, id: &str) -> Option<ActionGroup> {
        lock(&self.groups).get(&id.to_lowercase()).cloned()
    }
}

/// Looks at every budget as Azure does once a day: raises an alert for each notification whose
/// state is reached and that has none in this period, and gives what is to be posted.
pub(super) fn evaluate(sandbox: &Sandbox) -> Result<(Value, Vec<Post>), Refusal> {
    let world = sandbox.world();
    let documents = &sandbox.documents;
    let (mut raised, mut posts) = (Vec::new(), Vec::new());
    for stored in documents.budgets.all() {
        let parts: Vec<String> = stored.scope.split('/').skip(1).map(str::to_owned).collect();
        let Some(scope) = Scope::parse(&parts)? else {
            continue;
        };
        let Some(amount) = stored.body.amount else {
            continue;
        };
        if stored.body.is_over(world.today) {
            continue;
        }
        let spend = stored.body.spend(&world, &scope)?;
        for (key, notification) in &stored.body.notifications {
            let reached = if notification.is_forecast() {
                spend.forecast
            } else {
                Some(spend.current)
            };
            let is_reached =
                reached.is_some_and(|reached| notification.is_reached(reached, amount.0));
            if !notification.enabled || !is_reached {
                continue;
            }
            let mut alerts = lock(&documents.alerts.alerts);
            let is_same = |alert: &Alert| {
                alert.scope == stored.scope
                    && alert.budget == stored.name
                    && alert.key == *key
                    && alert.spend.start == spend.start
            };
            if alerts.iter().any(is_same) {
                continue;
            }
            let alert = Alert {
                id: format!("a1e70000-0000-4000-8000-{:012x}", alerts.len() + 1),
                scope: stored.scope.clone(),
                budget: stored.name.clone(),
                key: key.clone(),
                notification: notification.clone(),
                amount: amount.0,
                spend: spend.clone(),
                time_grain: stored.body.time_grain.clone(),
                created: world.today,
                dismissed: None,
            };
            alerts.push(alert.clone());
            drop(alerts);
            let groups = lock(&documents.alerts.groups);
            for id in &notification.contact_groups {
                if let Some(group) = groups.get(&id.to_lowercase())
                    && group.enabled
                    && let Ok(url) = group.url.parse()
                {
                    let body = if group.common_schema {
                        common_schema(&alert)
                    } else {
                        budget_schema(&alert, &scope, &stored)
                    };
                    posts.push(Post { url, body });
                }
            }
            raised.push(json!({"scope": alert.scope, "budget": alert.budget, "notification": key, "alert": alert.id}));
        }
    }
    Ok((json!(raised), posts))
}

/// The older shape of an action group's webhook. All numbers are texts.
fn budget_schema(alert: &Alert, scope: &Scope, _: &Stored<Budget>) -> Value {
    let subscription = match scope.kind {
        Kind::Subscription => &*scope.id,
        _ => scope.parent.as_deref().unwrap_or_default(),
    };
    let group = if scope.kind == Kind::ResourceGroup {
        &*scope.id
    } else {
        ""
    };
    let start = alert.spend.start;
    let limit = alert.amount * alert.notification.threshold.0 / Decimal::ONE_HUNDRED;
    json!({
        "schemaId": "AIP Budget Notification",
        "data": {
            "SubscriptionName": "",
            "SubscriptionId": subscription,
            "EnrollmentNumber": "",
            "DepartmentName": "",
            "AccountName": "",
            "BillingAccountId": "",
            "BillingProfileId": "",
            "InvoiceSectionId": "",
            "ResourceGroup": group,
            "SpendingAmount": alert.spend.current.round_dp(2).to_string(),
            "BudgetStartDate": format!("{}/{}/{}", start.month(), start.day(), start.year()),
            "Budget": alert.amount.to_string(),
            "Unit": alert.spend.unit,
            "BudgetCreator": "owner@contoso.example",
            "BudgetName": alert.budget,
            "BudgetType": "Cost",
            "NotificationThresholdAmount": limit.normalize().to_string(),
        },
    })
}

/// The common alert schema, with amounts written for people.
fn common_schema(alert: &Alert) -> Value {
    let money = |amount: Decimal| format!("${}", thousands(amount));
    let limit = alert.amount * alert.notification.threshold.0 / Decimal::ONE_HUNDRED;
    let scope = &alert.scope;
    let forecast = alert.spend.forecast.map(money);
    json!({
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {
            "essentials": {
                "monitoringService": "CostAlerts",
                "firedDateTime": plain_midnight(alert.created),
                "description": format!("Your spend for budget {} reached its threshold.", alert.budget),
                "essentialsVersion": "1.0",
                "alertContextVersion": "1.0",
                "alertId": format!("{scope}/providers/Microsoft.CostManagement/alerts/{}", alert.id),
                "alertRule": null,
                "severity": null,
                "signalType": null,
                "monitorCondition": null,
                "alertTargetIDs": null,
                "configurationItems": ["budgets"],
                "originAlertId": null,
            },
            "alertContext": {
                "AlertCategory": "budgets",
                "AlertData": {
                    "Scope": format!("{scope}/"),
                    "ThresholdType": alert.notification.threshold_type,
                    "BudgetType": "Cost",
                    "BudgetThreshold": money(alert.amount),
                    "NotificationThresholdAmount": money(limit),
                    "BudgetName": alert.budget,
                    "BudgetId": format!("{scope}/providers/Microsoft.Consumption/budgets/{}", alert.budget),
                    "BudgetStartDate": alert.spend.start.to_string(),
                    "BudgetCreator": "owner@contoso.example",
                    "Unit": alert.spend.unit,
                    "SpentAmount": money(alert.spend.current),
                    "ForecastedTotalForPeriod": forecast,
                },
            },
        },
    })
}

/// Two decimals and commas between thousands.
fn thousands(amount: Decimal) -> String {
    let text = format!("{:.2}", amount.round_dp(2));
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    let (sign, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |rest| ("-", rest));
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}.{cents}")
}

fn list(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    let alerts = lock(&call.sandbox.documents.alerts.alerts);
    let own = alerts.iter();
    let own = own.filter(|alert| alert.scope.eq_ignore_ascii_case(&scope.path));
    let shown: Vec<Object> = own.map(show).collect();
    let next = None::<String>;
    Ok(Answer::json(
        &Object::new().with("value", shown).with("nextLink", next),
    ))
}

fn read(call: &Call) -> Handled {
    let mut alerts = lock(&call.sandbox.documents.alerts.alerts);
    let found = find(call, &mut alerts)?;
    Ok(Answer::json(&show(found)))
}

fn dismiss(call: &Call) -> Handled {
    let body: Value = call.request.json()?;
    if body["properties"]["status"] != "Dismissed" {
        let message = "The only change of an alert is properties.status = Dismissed.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message));
    }
    let mut alerts = lock(&call.sandbox.documents.alerts.alerts);
    let found = find(call, &mut alerts)?;
    found.dismissed = Some(call.today());
    Ok(Answer::json(&show(found)))
}

fn find<'a>(call: &Call, alerts: &'a mut [Alert]) -> Result<&'a mut Alert, Refusal> {
    let (scope, id) = (call.scope()?, call.name("id"));
    let is_asked = |alert: &&mut Alert| {
        alert.scope.eq_ignore_ascii_case(&scope.path) && alert.id.eq_ignore_ascii_case(id)
    };
    let found = alerts.iter_mut().find(is_asked);
    found.ok_or_else(|| missing("alert", id))
}

fn show(alert: &Alert) -> Object {
    let (notification, scope) = (&alert.notification, &alert.scope);
    let never = "0001-01-01T00:00:00";
    let (kind, criteria) = if notification.is_forecast() {
        ("BudgetForecast", "ForecastCostThresholdExceeded")
    } else {
        ("Budget", "CostThresholdExceeded")
    };
    let fraction = notification.threshold.0 / Decimal::ONE_HUNDRED;
    let details = Object::new()
        .with("timeGrainType", &alert.time_grain)
        .with("periodStartDate", plain_midnight(alert.spend.start))
        .with("triggeredBy", format!("{}_1_01", alert.id))
        .with("resourceGroupFilter", [(); 0])
        .with("resourceFilter", [(); 0])
        .with("meterFilter", [(); 0])
        .with("tagFilter", Object::new())
        .with("threshold", Exact(fraction.normalize()))
        .with("operator", &notification.operator)
        .with("amount", Exact(alert.amount))
        .with("unit", &alert.spend.unit)
        .with("currentSpend", Exact(alert.spend.current))
        .with("contactEmails", &notification.contact_emails)
        .with("contactGroups", &notification.contact_groups)
        .with("contactRoles", &notification.contact_roles)
        .with("overridingAlert", None::<String>);
    let modified = alert.dismissed.unwrap_or(alert.created);
    let status_time = alert
        .dismissed
        .map_or_else(|| never.to_owned(), plain_midnight);
    let properties = Object::new()
        .with(
            "definition",
            json!({"type": kind, "category": "Cost", "criteria": criteria}),
        )
        .with("description", "")
        .with("source", "User")
        .with("details", details)
        .with("costEntityId", &alert.budget)
        .with(
            "status",
            if alert.dismissed.is_some() {
                "Dismissed"
            } else {
                "Active"
            },
        )
        .with("creationTime", plain_midnight(alert.created))
        .with("closeTime", never)
        .with("modificationTime", plain_midnight(modified))
        .with(
            "statusModificationUserName",
            alert.dismissed.map(|_| "owner@contoso.example"),
        )
        .with("statusModificationTime", status_time);
    Object::new()
        .with(
            "id",
            format!(
                "{scope}/providers/Microsoft.CostManagement/alerts/{}",
                alert.id
            ),
        )
        .with("name", &alert.id)
        .with("type", "Microsoft.CostManagement/alerts")
        .with(
            "eTag",
            format!("\"1dc{:012x}\"", u8::from(alert.dismissed.is_some())),
        )
        .with("properties", properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_for_people_have_commas() {
        for (amount, text) in [
            ("0.5", "0.50"),
            ("11111.321", "11,111.32"),
            ("-1234567", "-1,234,567.00"),
            ("999.999", "1,000.00"),
        ] {
            assert_eq!(thousands(amount.parse().unwrap()), text);
        }
    }
}
