//! `azure alerts`: what Azure itself has told about, and dismissing it.

use azure_cost::{AlertDetails, CostAlert};
use budget_engine::Currency;
use rust_decimal::Decimal;

use super::{ANY, Asking, Explain};
use crate::args::azure::Alerts;
use crate::listing::{List, Value};

pub(super) async fn run(asking: &Asking<'_>, options: &Alerts) -> anyhow::Result<()> {
    let scope = asking.scope(ANY)?;
    let client = asking.client()?;
    if let Some(name) = &options.dismiss {
        let alert = client
            .dismiss_alert(&scope, name)
            .await
            .explain_named(&scope)?;
        return list().print_one(asking.format, &alert.name, &alert);
    }
    asking.list(list(), &scope, client.alerts(&scope)).await
}

fn list() -> List<CostAlert> {
    List::of("alert", "alerts")
        .shown("Alert", "name", |alert: &CostAlert| {
            Value::from(&alert.name)
        })
        .field("id", |alert| Value::from(&alert.id))
        .shown("Kind", "kind", |alert| Value::from(&alert.kind))
        .field("category", |alert| Value::from(&alert.category))
        .field("criteria", |alert| Value::from(&alert.criteria))
        .shown("Status", "status", |alert| Value::from(&alert.status))
        .shown("Since", "created", |alert| {
            alert
                .creation_time
                .map(|at| at.strftime("%Y-%m-%d %H:%M").to_string())
        })
        .field("closed", |alert| alert.close_time)
        .shown("About", "about", |alert| Value::from(&alert.cost_entity_id))
        .field("description", |alert| Value::from(&alert.description))
        .number("Threshold %", "threshold_percent", |alert| {
            alert
                .details
                .as_ref()
                .and_then(|details| details.threshold_percent)
        })
        .number("Amount", "amount", amount(|details| details.amount))
        .number(
            "Spent",
            "current_spend",
            amount(|details| details.current_spend),
        )
        .field("unit", |alert| {
            let unit = alert.details.as_ref().map(|details| &*details.unit);
            Value::from(unit.unwrap_or_default())
        })
}

/// An amount of the details, in the currency that their unit mostly is.
fn amount(read: fn(&AlertDetails) -> Option<Decimal>) -> impl Fn(&CostAlert) -> Value {
    move |alert| {
        let Some(details) = &alert.details else {
            return Value::Nothing;
        };
        match (read(details), details.unit.parse::<Currency>()) {
            (Some(amount), Ok(currency)) => Value::money(amount, currency),
            (amount, _) => amount.into(),
        }
    }
}
