//! What an action group posts when one of Azure's budgets tells: both shapes, read for where and
//! which budget only.
//!
//! The figures in it are texts for people, in formats that differ from page to page, and so they
//! are kept as they came and never counted with. Source of the shapes: Azure Monitor, "Common alert
//! schema" and the samples of action groups for budgets.

use budget_engine::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// In which shape an action group has posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertShape {
    /// `AIP Budget Notification`, which groups post without the common schema.
    Budget,
    /// `azureMonitorCommonAlertSchema`.
    Common,
}

/// What an action group has posted about one of Azure's budgets. Texts are untrusted and as they
/// came, cut to 300 characters; `""` where Azure leaves one out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NativeAlert {
    /// In which shape it came.
    pub shape: AlertShape,
    /// Id of the Cost Management alert, if it has one.
    pub alert_id: String,
    /// Where the budget is, if it says so in a way that is understood.
    pub scope: Option<Scope>,
    /// Name of the budget in Azure.
    pub budget: String,
    /// `Actual` or `Forecasted`; only the common schema says.
    pub threshold_type: String,
    /// The amount at which it was to tell.
    pub threshold: String,
    /// The budget's amount.
    pub amount: String,
    /// What was spent.
    pub spent: String,
    /// What was expected, if the forecast made it tell.
    pub forecast: String,
    /// The currency.
    pub unit: String,
    /// First day of the budget or of its period; both are seen.
    pub start: String,
}

/// Longest text that is kept.
const LONGEST: usize = 300;

const EXPECTED: &str = "expected a budget's alert: schemaId \"azureMonitorCommonAlertSchema\" with \
                        monitoringService \"CostAlerts\", or schemaId \"AIP Budget Notification\"";

impl NativeAlert {
    /// Reads the body of a post. An error says what is wrong with it.
    pub fn read(body: &[u8]) -> Result<NativeAlert, String> {
        let body: Value = serde_json::from_slice(body)
            // The reader's own words may repeat what it read.
            .map_err(|error| {
                format!(
                    "the body is not JSON (line {}, column {}); {EXPECTED}",
                    error.line(),
                    error.column()
                )
            })?;
        let root = body
            .as_object()
            .ok_or_else(|| format!("the body is no JSON object; {EXPECTED}"))?;
        let schema = text(root, "schemaId");
        let data = object(root, "data").ok_or_else(|| format!("`data` is missing; {EXPECTED}"))?;
        let alert = match &*schema.to_ascii_lowercase() {
            "aip budget notification" => of_budget_schema(data),
            "azuremonitorcommonalertschema" => of_common_schema(data)?,
            _ => return Err(format!("schemaId is \"{schema}\"; {EXPECTED}")),
        };
        if alert.budget.is_empty() && alert.scope.is_none() {
            return Err(format!(
                "it names neither a budget nor a scope that is understood; {EXPECTED}"
            ));
        }
        Ok(alert)
    }

    /// What makes two posts the same alert: Azure's id of it or, where there is none, what it is
    /// about.
    pub fn subject(&self) -> Vec<&str> {
        if !self.alert_id.is_empty() {
            return vec!["alert", &self.alert_id];
        }
        vec![
            "budget",
            self.scope.as_ref().map_or("", Scope::folded),
            &self.budget,
            &self.threshold_type,
            &self.threshold,
            &self.start,
        ]
    }
}

fn of_budget_schema(data: &Map<String, Value>) -> NativeAlert {
    NativeAlert {
        shape: AlertShape::Budget,
        alert_id: text(data, "AlertId").to_ascii_lowercase(),
        scope: scope_of(data),
        budget: text(data, "BudgetName"),
        threshold_type: String::new(),
        threshold: text(data, "NotificationThresholdAmount"),
        amount: first(data, &["Budget", "BudgetThreshold"]),
        spent: first(data, &["SpendingAmount", "EvaluatedAmount"]),
        forecast: text(data, "ForecastedTotalForPeriod"),
        unit: text(data, "Unit"),
        start: text(data, "BudgetStartDate"),
    }
}

fn of_common_schema(data: &Map<String, Value>) -> Result<NativeAlert, String> {
    let nothing = Map::new();
    let essentials = object(data, "essentials").unwrap_or(&nothing);
    let service = text(essentials, "monitoringService");
    if !service.eq_ignore_ascii_case("CostAlerts") {
        return Err(format!("monitoringService is \"{service}\"; {EXPECTED}"));
    }
    let context = object(data, "alertContext").unwrap_or(&nothing);
    let said = object(context, "AlertData").unwrap_or(&nothing);
    let alert_id = text(essentials, "alertId");
    let budget_id = text(said, "BudgetId");
    let named = first(said, &["BudgetName"]);
    let budget = match named.is_empty() {
        true => last_part(&budget_id).to_owned(),
        false => named,
    };
    // The scope is told three times; each has been seen to be empty.
    let scope = [
        text(said, "Scope"),
        above_provider(&budget_id).to_owned(),
        above_provider(&alert_id).to_owned(),
    ];
    Ok(NativeAlert {
        shape: AlertShape::Common,
        alert_id: last_part(&alert_id).to_ascii_lowercase(),
        scope: scope.iter().find_map(|path| path_of(path)),
        budget,
        threshold_type: text(said, "ThresholdType"),
        threshold: text(said, "NotificationThresholdAmount"),
        amount: text(said, "BudgetThreshold"),
        spent: text(said, "SpentAmount"),
        forecast: text(said, "ForecastedTotalForPeriod"),
        unit: text(said, "Unit"),
        start: text(said, "BudgetStartDate"),
    })
}

/// The narrowest scope that the older shape names.
fn scope_of(data: &Map<String, Value>) -> Option<Scope> {
    let subscription = text(data, "SubscriptionId");
    let group = text(data, "ResourceGroup");
    if !subscription.is_empty() {
        let subscription = last_part(&subscription);
        return match group.is_empty() {
            true => Scope::subscription(subscription).ok(),
            false => Scope::resource_group(subscription, last_part(&group)).ok(),
        };
    }
    let account = text(data, "BillingAccountId");
    let enrollment = text(data, "EnrollmentNumber");
    let account = match account.is_empty() {
        true => last_part(&enrollment),
        false => last_part(&account),
    };
    if account.is_empty() {
        return None;
    }
    let profile = text(data, "BillingProfileId");
    let section = text(data, "InvoiceSectionId");
    let mut path = format!("/providers/Microsoft.Billing/billingAccounts/{account}");
    if !profile.is_empty() {
        path.push_str(&format!("/billingProfiles/{}", last_part(&profile)));
    }
    if !section.is_empty() {
        path.push_str(&format!("/invoiceSections/{}", last_part(&section)));
    }
    path_of(&path)
}

fn path_of(path: &str) -> Option<Scope> {
    Scope::parse(path.trim_end_matches('/')).ok()
}

/// What comes before the last provider of an id, which is the scope it is at.
fn above_provider(id: &str) -> &str {
    let folded = id.to_ascii_lowercase();
    folded.rfind("/providers/").map_or("", |end| &id[..end])
}

fn last_part(id: &str) -> &str {
    let id = id.trim_end_matches('/');
    id.rsplit('/').next().unwrap_or(id)
}

fn object<'a>(of: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    find(of, name)?.as_object()
}

/// A member by its name in any letter case.
fn find<'a>(of: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = || of.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    of.get(name).or_else(|| found().map(|(_, value)| value))
}

fn text(of: &Map<String, Value>, name: &str) -> String {
    let found = match find(of, name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let shown = found.chars().filter(|c| !c.is_control());
    shown.take(LONGEST).collect()
}

fn first(of: &Map<String, Value>, names: &[&str]) -> String {
    let mut texts = names.iter().map(|name| text(of, name));
    texts.find(|text| !text.is_empty()).unwrap_or_default()
}
