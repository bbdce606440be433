//! Budgets of `Microsoft.Consumption` and `Microsoft.CostManagement`, over one store.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::ToSpan;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Exact, Handled, Object, Refusal, plain_midnight};
use super::dataset::{FilterNode, Measure};
use super::documents::{Stored, missing, status_of};
use super::filter::Comparison;
use super::forecast;
use super::operation::{CONSUMPTION, COST_MANAGEMENT, Call, Operation, day, delete, get, put};
use super::rows;
use super::scope::{Kind, Scope};
use crate::world::{Basis, World};

const CONSUMPTION_ALL: &str = "{scope}/providers/Microsoft.Consumption/budgets";
const CONSUMPTION_ONE: &str = "{scope}/providers/Microsoft.Consumption/budgets/{name}";
const MANAGEMENT_ALL: &str = "{scope}/providers/Microsoft.CostManagement/budgets";
const MANAGEMENT_ONE: &str = "{scope}/providers/Microsoft.CostManagement/budgets/{name}";

pub(super) const OPERATIONS: &[Operation] = &[
    get("Budgets_List", CONSUMPTION_ALL, CONSUMPTION, list),
    get("Budgets_Get", CONSUMPTION_ONE, CONSUMPTION, read),
    put(
        "Budgets_CreateOrUpdate",
        CONSUMPTION_ONE,
        CONSUMPTION,
        write,
    ),
    delete("Budgets_Delete", CONSUMPTION_ONE, CONSUMPTION, remove),
    get("Budgets_List", MANAGEMENT_ALL, COST_MANAGEMENT, list),
    get("Budgets_Get", MANAGEMENT_ONE, COST_MANAGEMENT, read),
    put(
        "Budgets_CreateOrUpdate",
        MANAGEMENT_ONE,
        COST_MANAGEMENT,
        write,
    ),
    delete("Budgets_Delete", MANAGEMENT_ONE, COST_MANAGEMENT, remove),
];

/// A body of PUT.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    e_tag: Option<String>,
    properties: Budget,
}

/// The properties that a caller writes.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Budget {
    category: String,
    pub(super) amount: Option<Exact>,
    pub(super) time_grain: String,
    time_period: Period,
    filter: Option<FilterNode>,
    #[serde(default)]
    pub(super) notifications: BTreeMap<String, Notification>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Period {
    start_date: String,
    end_date: Option<String>,
}

/// What is told when a threshold is crossed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notification {
    pub(super) enabled: bool,
    pub(super) operator: String,
    /// Percent of the amount.
    pub(super) threshold: Exact,
    #[serde(default = "actual")]
    pub(super) threshold_type: String,
    pub(super) contact_emails: Vec<String>,
    #[serde(default)]
    pub(super) contact_roles: Vec<String>,
    #[serde(default)]
    pub(super) contact_groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    frequency: Option<String>,
}

fn actual() -> String {
    "Actual".to_owned()
}

impl Notification {
    pub(super) fn is_forecast(&self) -> bool {
        self.threshold_type.eq_ignore_ascii_case("Forecasted")
    }

    /// Whether spend has crossed the threshold.
    pub(super) fn is_reached(&self, spend: Decimal, amount: Decimal) -> bool {
        let limit = amount * self.threshold.0 / Decimal::ONE_HUNDRED;
        match self.operator.as_str() {
            "GreaterThanOrEqualTo" => spend >= limit,
            "EqualTo" => spend == limit,
            "LessThan" => spend < limit,
            _ => spend > limit,
        }
    }
}

/// What a budget's period has come to.
#[derive(Debug, Clone)]
pub(super) struct Spend {
    /// First day of the period.
    pub(super) start: Date,
    pub(super) current: Decimal,
    /// What the period will come to; none without enough history.
    pub(super) forecast: Option<Decimal>,
    pub(super) unit: String,
}

impl Budget {
    fn start(&self) -> Result<Date, Refusal> {
        day("timePeriod.startDate", &self.time_period.start_date)
    }

    fn is_of_cost(&self) -> bool {
        self.category == "Cost"
    }

    /// First and last day of the period that a day lies in: grains count from the start date.
    fn period_at(&self, today: Date) -> Result<(Date, Date), Refusal> {
        let start = self.start()?;
        let months = match self.time_grain.as_str() {
            "Quarterly" | "BillingQuarter" => 3,
            "Annually" | "BillingAnnual" => 12,
            _ => 1,
        };
        let count = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month());
        let mut ahead = count(today) - count(start);
        if today.day() < start.day() {
            ahead -= 1;
        }
        let first = start.saturating_add((ahead.max(0) / months * months).months());
        let last = first.saturating_add(months.months());
        Ok((first, last.yesterday().unwrap_or(last)))
    }

    /// What today's period has come to.
    pub(super) fn spend(&self, world: &World, scope: &Scope) -> Result<Spend, Refusal> {
        let today = world.today;
        let (first, last) = self.period_at(today)?;
        let filter = self.filter.as_ref();
        let rows = world.rows_between(first, last.min(today));
        let counted = rows.filter(|row| {
            rows::is_in(row, scope) && filter.is_none_or(|filter| filter.passes(row))
        });
        let current: Decimal = counted.map(|row| row.cost).sum();
        let actual = Measure::Cost;
        let history = forecast::history(world, scope, Basis::Actual, actual, filter, today);
        let known = rows::subscriptions(world, scope);
        let known = known
            .iter()
            .map(|each| each.last_day)
            .max()
            .unwrap_or(today);
        let missing = (last - known.max(first.yesterday().unwrap_or(first)))
            .get_days()
            .max(0);
        let unit = rows::subscriptions(world, scope);
        let unit = unit.first().map_or(&world.currency, |each| &each.currency);
        Ok(Spend {
            start: first,
            current: current.normalize(),
            forecast: history
                .mean
                .map(|mean| current + mean * Decimal::from(missing)),
            unit: unit.clone(),
        })
    }
}

fn provider(call: &Call) -> &'static str {
    let mut parts = call.request.segments.iter();
    let is_consumption = parts.any(|part| part.eq_ignore_ascii_case("Microsoft.Consumption"));
    if is_consumption {
        "Microsoft.Consumption"
    } else {
        "Microsoft.CostManagement"
    }
}

fn list(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    let mut category = None;
    for term in call.filter_terms()? {
        if !term.is("category") || term.comparison != Comparison::Equal {
            return Err(Refusal::bad_request(
                "The $filter may only be properties/category eq.",
            ));
        }
        category = Some(term.value);
    }
    if provider(call) == "Microsoft.Consumption" {
        category = Some("Cost".to_owned());
    }
    let all = call.sandbox.documents.budgets.list(&scope.path);
    let asked = all.iter().filter(|each| {
        let category = category.as_ref();
        category.is_none_or(|category| each.body.category.eq_ignore_ascii_case(category))
    });
    let shown: Result<Vec<Object>, Refusal> = asked.map(|each| show(call, each)).collect();
    Ok(call.page(shown?, call.page_size(1000)?)?.answer())
}

fn read(call: &Call) -> Handled {
    let (scope, name) = (call.scope()?, call.name("name"));
    rows::check_scope(&call.world, scope)?;
    let budget = call.sandbox.documents.budgets.get(&scope.path, name);
    let budget = budget.ok_or_else(|| missing("budget", name))?;
    Ok(Answer::json(&show(call, &budget)?))
}

fn remove(call: &Call) -> Handled {
    let (scope, name) = (call.scope()?, call.name("name"));
    rows::check_scope(&call.world, scope)?;
    if call.sandbox.documents.budgets.remove(&scope.path, name) {
        Ok(Answer::empty(StatusCode::OK))
    } else {
        Err(missing("budget", name))
    }
}

fn write(call: &Call) -> Handled {
    let (scope, name) = (call.scope()?, call.name("name"));
    rows::check_scope(&call.world, scope)?;
    let body: Body = call.request.json()?;
    let budgets = &call.sandbox.documents.budgets;
    let before = budgets.get(&scope.path, name);
    let budget = body.properties;
    check(call, name, &budget, before.is_none())?;
    if let Some(before) = &before {
        if body
            .e_tag
            .as_ref()
            .is_some_and(|etag| *etag != before.etag())
        {
            let message = format!(
                "There are changes made to Budget {name}. Please get the latest budget to avoid \
                 overwrite."
            );
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "400", message));
        }
        if before.body.start()? != budget.start()? {
            let message = "Start date of budgets cannot be updated. Please delete and create a \
                           new budget.";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "400", message));
        }
        if before.body.time_grain != budget.time_grain {
            let message = "Time grain of budgets cannot be updated.";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "400", message));
        }
    }
    let (is_new, stored) = budgets.put(&scope.path, name, budget);
    Ok(Answer::json(&show(call, &stored)?).with_status(status_of(is_new)))
}

/// The rules that a budget is held to.
fn check(call: &Call, name: &str, budget: &Budget, is_new: bool) -> Result<(), Refusal> {
    let refuse = |problem: &str| {
        let message = format!("Invalid budget configuration: {problem}.");
        Err(Refusal::new(StatusCode::BAD_REQUEST, "400", message))
    };
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.len() > 63 || !name.chars().all(is_letter) {
        return refuse("the name has 1 to 63 letters, digits, underscores or hyphens");
    }
    let reservation = budget.category == "ReservationUtilization";
    if !budget.is_of_cost() && (!reservation || provider(call) == "Microsoft.Consumption") {
        return refuse("the category must be Cost");
    }
    let is_positive = budget.amount.is_some_and(|amount| amount.0 > Decimal::ZERO);
    if budget.is_of_cost() && !is_positive {
        return refuse("the amount must be greater than zero");
    }
    let grains: &[&str] = if reservation {
        &["Last7Days", "Last30Days"]
    } else {
        &[
            "Monthly",
            "Quarterly",
            "Annually",
            "BillingMonth",
            "BillingQuarter",
            "BillingAnnual",
        ]
    };
    if !grains.contains(&&*budget.time_grain) {
        return refuse(&format!(
            "the time grain must be one of {}",
            grains.join(", ")
        ));
    }
    let (today, start) = (call.today(), budget.start()?);
    let end = budget.time_period.end_date.as_ref();
    let end = end.map(|end| day("timePeriod.endDate", end)).transpose()?;
    if end.is_some_and(|end| end <= start) {
        return refuse("the end date must lie after the start date");
    }
    if reservation {
        if is_new && start < today {
            return refuse("the start date must be today or later");
        }
        if budget.notifications.len() != 1 {
            return refuse("there must be exactly one notification");
        }
    } else {
        if !budget.time_grain.starts_with("Billing") && start.day() != 1 {
            return refuse("the start date must be the first of a month");
        }
        if start < date(2017, 6, 1) {
            return refuse("the start date must be on or after 2017-06-01");
        }
        if start > today.saturating_add(12.months()) {
            return refuse("the start date must lie within the next 12 months");
        }
        if is_new && start < today && budget.period_at(today)?.0 != start {
            return refuse("a start date in the past must lie in the current period");
        }
    }
    if let Some(filter) = &budget.filter
        && *filter != FilterNode::default()
    {
        filter.check()?;
        let nested = filter.and.iter().flatten();
        let is_flat = |node: &FilterNode| node.and.is_none() && node.or.is_none();
        if filter.or.is_some() || !nested.clone().all(is_flat) {
            return refuse("a filter is one of dimensions, tags, or and of these");
        }
    }
    check_notifications(call.scope()?, budget).or_else(|problem| refuse(&problem))
}

fn check_notifications(scope: &Scope, budget: &Budget) -> Result<(), String> {
    let of_type = |forecast: bool| {
        let all = budget.notifications.values();
        all.filter(|each| each.is_forecast() == forecast).count()
    };
    if of_type(false) > 5 || of_type(true) > 5 {
        return Err("there are at most 5 notifications of a threshold type".to_owned());
    }
    let has_groups = matches!(scope.kind, Kind::Subscription | Kind::ResourceGroup);
    let most = if budget.is_of_cost() { 1000 } else { 100 };
    for (key, each) in &budget.notifications {
        let operators = ["GreaterThan", "GreaterThanOrEqualTo", "EqualTo", "LessThan"];
        if !operators.contains(&&*each.operator) {
            return Err(format!(
                "the operator of {key} is none of {}",
                operators.join(", ")
            ));
        }
        if each.operator == "LessThan" && budget.is_of_cost() {
            return Err(format!("the operator of {key} is for utilization only"));
        }
        if !["Actual", "Forecasted"].contains(&&*each.threshold_type) {
            return Err(format!(
                "the threshold type of {key} is none of Actual, Forecasted"
            ));
        }
        let threshold = each.threshold.0.normalize();
        if threshold < Decimal::ZERO || threshold > Decimal::from(most) || threshold.scale() > 2 {
            return Err(format!(
                "the threshold of {key} is 0 to {most} with two decimals"
            ));
        }
        if each.contact_emails.len() > 50 || each.contact_groups.len() > 50 {
            return Err(format!("{key} has more than 50 addresses or groups"));
        }
        let names_groups = !each.contact_groups.is_empty() || !each.contact_roles.is_empty();
        if names_groups && !has_groups {
            return Err(format!(
                "{key} has groups or roles, which only subscriptions and resource groups take"
            ));
        }
        if each.contact_emails.is_empty() && (!has_groups || each.contact_groups.is_empty()) {
            return Err(format!("{key} has nobody to tell"));
        }
    }
    Ok(())
}

fn show(call: &Call, stored: &Stored<Budget>) -> Result<Object, Refusal> {
    let (budget, provider) = (&stored.body, provider(call));
    let start = budget.start()?;
    let default_end = start.saturating_add(10.years());
    let end = budget.time_period.end_date.clone();
    let period = Object::new().with("startDate", plain_midnight(start)).with(
        "endDate",
        end.unwrap_or_else(|| plain_midnight(default_end)),
    );
    let mut properties = Object::new()
        .with("category", &budget.category)
        .with("amount", budget.amount)
        .with("timeGrain", &budget.time_grain)
        .with("timePeriod", period);
    if let Some(filter) = &budget.filter {
        properties = properties.with("filter", filter);
    }
    properties = properties.with("notifications", &budget.notifications);
    if budget.is_of_cost() {
        let spend = budget.spend(&call.world, call.scope()?)?;
        let money = |amount: Decimal| {
            Object::new()
                .with("amount", Exact(amount))
                .with("unit", &spend.unit)
        };
        properties = properties.with("currentSpend", money(spend.current));
        let is_forecast = budget.notifications.values().any(Notification::is_forecast);
        if let Some(forecast) = spend.forecast.filter(|_| is_forecast) {
            properties = properties.with("forecastSpend", money(forecast));
        }
    }
    let (scope, name) = (&stored.scope, &stored.name);
    Ok(Object::new()
        .with("id", format!("{scope}/providers/{provider}/budgets/{name}"))
        .with("name", name)
        .with("type", format!("{provider}/budgets"))
        .with("eTag", stored.etag())
        .with("properties", properties))
}
