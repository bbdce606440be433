//! `azure budgets`: the budgets that Azure itself keeps. Ours are in the configuration.

use anyhow::Context;
use azure_cost::Budget;
use budget_engine::{Currency, Money};
use jiff::Timestamp;

use super::{ANY, Asking, Explain};
use crate::args::azure::Named;
use crate::listing::{List, Value};

pub(super) async fn run(asking: &Asking<'_>, options: &Named) -> anyhow::Result<()> {
    let scope = asking.scope(ANY)?;
    let client = asking.client()?;
    if let Some(name) = &options.name {
        let found = client.budget(&scope, name).await.explain(&scope)?;
        let budget = found.with_context(|| format!("{scope} has no budget `{name}`"))?;
        return list().print_one(asking.format, &budget.name, &budget);
    }
    asking.list(list(), &scope, client.budgets(&scope)).await
}

fn list() -> List<Budget> {
    List::of("budget", "budgets")
        .shown("Budget", "name", |budget: &Budget| {
            Value::from(&budget.name)
        })
        .field("id", |budget| Value::from(&budget.id))
        .field("category", |budget| Value::from(&budget.category))
        .shown("Every", "time_grain", |budget| {
            Value::from(&budget.time_grain)
        })
        .field("start", |budget| budget.time_period.start)
        .shown("Ends", "end", |budget| budget.time_period.end.map(day))
        .number("Amount", "amount", amount)
        .number("Spent", "current_spend", |budget| {
            budget
                .current_spend
                .as_ref()
                .and_then(|spend| spend.money())
        })
        .number("Forecast", "forecast_spend", |budget| {
            budget
                .forecast_spend
                .as_ref()
                .and_then(|spend| spend.money())
        })
        .field("currency", currency)
        .shown("Thresholds", "thresholds", |budget| {
            Value::Texts(thresholds(budget))
        })
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// Azure names the currency with what is spent, not with what is planned.
fn currency(budget: &Budget) -> Option<Currency> {
    let spends = [&budget.current_spend, &budget.forecast_spend];
    let mut spends = spends.into_iter().flatten();
    spends.find_map(|spend| spend.money().map(|money| money.currency))
}

fn amount(budget: &Budget) -> Value {
    match (budget.amount, currency(budget)) {
        (Some(amount), Some(currency)) => Money::new(amount, currency).into(),
        (amount, _) => amount.into(),
    }
}

fn thresholds(budget: &Budget) -> Vec<String> {
    let notifications = budget.notifications.values();
    let words = notifications.map(|one| {
        let kind = one.threshold_type.to_lowercase();
        let off = if one.enabled { "" } else { " (off)" };
        format!("{kind} {}%{off}", one.threshold.normalize())
            .trim_start()
            .to_owned()
    });
    words.collect()
}
