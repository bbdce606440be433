//! Budgets of `Microsoft.Consumption` and `Microsoft.CostManagement`, over one store.

mod rules;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use jiff::ToSpan;
use jiff::civil::Date;
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
    get("Budgets_List", CONSUMPTION_ALL, CONSUMPTION, list).at(CONSUMPTION_SCOPES),
    get("Budgets_Get", CONSUMPTION_ONE, CONSUMPTION, read).at(CONSUMPTION_SCOPES),
    put(
        "Budgets_CreateOrUpdate",
        CONSUMPTION_ONE,
        CONSUMPTION,
        write,
    )
    .at(CONSUMPTION_SCOPES),
    delete("Budgets_Delete", CONSUMPTION_ONE, CONSUMPTION, remove).at(CONSUMPTION_SCOPES),
    get("Budgets_List", MANAGEMENT_ALL, COST_MANAGEMENT, list).at(MANAGEMENT_SCOPES),
    get("Budgets_Get", MANAGEMENT_ONE, COST_MANAGEMENT, read).at(MANAGEMENT_SCOPES),
    put(
        "Budgets_CreateOrUpdate",
        MANAGEMENT_ONE,
        COST_MANAGEMENT,
        write,
    )
    .at(MANAGEMENT_SCOPES),
    delete("Budgets_Delete", MANAGEMENT_ONE, COST_MANAGEMENT, remove).at(MANAGEMENT_SCOPES),
];

const MANAGEMENT_SCOPES: &[Kind] = &[
    Kind::Subscription,
    Kind::ResourceGroup,
    Kind::ManagementGroup,
    Kind::BillingAccount,
    Kind::Department,
    Kind::EnrollmentAccount,
    Kind::BillingProfile,
    Kind::InvoiceSection,
    Kind::Customer,
];

/// All but customers, the last of them.
const CONSUMPTION_SCOPES: &[Kind] = MANAGEMENT_SCOPES.split_at(MANAGEMENT_SCOPES.len() - 1).0;

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

    fn end(&self) -> Result<Date, Refusal> {
        match &self.time_period.end_date {
            Some(end) => day("timePeriod.endDate", end),
            None => Ok(self.start()?.saturating_add(10.years())),
        }
    }

    fn is_of_cost(&self) -> bool {
        self.category == "Cost"
    }

    /// Whether its last day has passed: Azure deletes it then.
    pub(super) fn is_over(&self, today: Date) -> bool {
        self.end().is_ok_and(|end| end < today)
    }

    /// Keeps the types that notifications had: Azure takes a change of one, and ignores it.
    fn keep_threshold_types(&mut self, before: &Budget) {
        for (key, notification) in &mut self.notifications {
            if let Some(before) = before.notifications.get(key) {
                notification
                    .threshold_type
                    .clone_from(&before.threshold_type);
            }
        }
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
    rules::check_offer(call)?;
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
    let lasting = all.iter().filter(|each| !each.body.is_over(call.today()));
    let asked = lasting.filter(|each| {
        let category = category.as_ref();
        category.is_none_or(|category| each.body.category.eq_ignore_ascii_case(category))
    });
    let shown: Result<Vec<Object>, Refusal> = asked.map(|each| show(call, each)).collect();
    Ok(call.page(shown?, call.page_size(1000)?)?.answer())
}

/// The budget that is asked for, if it is there and not over.
fn find(call: &Call) -> Result<Option<Stored<Budget>>, Refusal> {
    let (scope, name) = (call.scope()?, call.name("name"));
    rows::check_scope(&call.world, scope)?;
    rules::check_offer(call)?;
    let found = call.sandbox.documents.budgets.get(&scope.path, name);
    Ok(found.filter(|each| !each.body.is_over(call.today())))
}

fn read(call: &Call) -> Handled {
    let budget = find(call)?.ok_or_else(|| missing("budget", call.name("name")))?;
    Ok(Answer::json(&show(call, &budget)?))
}

fn remove(call: &Call) -> Handled {
    let Some(budget) = find(call)? else {
        return Err(missing("budget", call.name("name")));
    };
    let budgets = &call.sandbox.documents.budgets;
    budgets.remove(&budget.scope, &budget.name);
    Ok(Answer::empty(StatusCode::OK))
}

fn write(call: &Call) -> Handled {
    let before = find(call)?;
    let (scope, name) = (call.scope()?, call.name("name"));
    let body: Body = call.request.json()?;
    let mut budget = body.properties;
    rules::check(call, &budget, before.is_none())?;
    if let Some(before) = &before {
        rules::check_change(before, &budget, body.e_tag.as_deref())?;
        budget.keep_threshold_types(&before.body);
    }
    let (is_new, stored) = call
        .sandbox
        .documents
        .budgets
        .put(&scope.path, name, budget);
    let is_new = is_new || before.is_none();
    Ok(Answer::json(&show(call, &stored)?).with_status(status_of(is_new)))
}

fn show(call: &Call, stored: &Stored<Budget>) -> Result<Object, Refusal> {
    let (budget, provider) = (&stored.body, provider(call));
    let period = Object::new()
        .with("startDate", plain_midnight(budget.start()?))
        .with("endDate", plain_midnight(budget.end()?));
    let mut properties = Object::new().with("category", &budget.category);
    if let Some(amount) = budget.amount {
        properties = properties.with("amount", amount);
    }
    properties = properties
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
