//! `[[native_budget]]`: Azure's budgets that the configuration describes as they are.

use std::collections::BTreeMap;

use azure_cost::{
    Budget as AzureBudget, BudgetComparison, BudgetCondition, BudgetFilter, BudgetNotification,
    BudgetPeriod,
};
use native_budgets::{Desired, Operator, Provider};
use rust_decimal::Decimal;

use super::native::{named_locale, read_name, read_provider, read_told_of_use};
use crate::config::Native;
use crate::config::reader::{Place, Table, Value};

/// One of Azure's budgets as it is.
pub(super) fn read_described(table: &Table<'_>) -> Option<Desired> {
    let scope = table
        .require("scope", "scope = \"/subscriptions/…\"")
        .and_then(|value| value.parse());
    let name = table
        .require("name", "name = \"reservations\"")
        .and_then(|value| read_name(&value));
    let category = table
        .get("category")
        .and_then(|value| read_word(&value, &["Cost", "ReservationUtilization"]));
    let category = category.unwrap_or("Cost");
    let is_cost = category == "Cost";
    let grains: &[&str] = match is_cost {
        true => &[
            "Monthly",
            "Quarterly",
            "Annually",
            "BillingMonth",
            "BillingQuarter",
            "BillingAnnual",
        ],
        false => &["Last7Days", "Last30Days"],
    };
    let grain = table
        .require("grain", "grain = \"Monthly\"")
        .and_then(|value| read_word(&value, grains));
    let amount = table.get("amount").and_then(|value| positive(&value));
    if is_cost && amount.is_none() {
        table.require("amount", "amount = 10_000");
    }
    if !is_cost && amount.is_some() {
        table.note("a budget on the use of reservations has no `amount`");
    }
    let starts = table
        .require("starts", "starts = 2026-01-01")
        .and_then(|value| {
            let day = value.date()?;
            let is_free = !is_cost || grain.is_some_and(|grain| grain.starts_with("Billing"));
            if day.day() != 1 && !is_free {
                value.note(format!(
                    "Azure's budgets start on the first of a month, found {day}"
                ));
                return None;
            }
            Some(day)
        });
    let ends = table.get("ends").and_then(|value| value.date());
    if let (Some(starts), Some(ends)) = (starts, ends)
        && ends <= starts
    {
        table.note(format!(
            "`ends` {ends} does not lie after `starts` {starts}"
        ));
    }
    let conditions = table.get("filter").map(|list| {
        list.list()
            .iter()
            .filter_map(read_condition)
            .collect::<Vec<_>>()
    });
    let provider = read_provider(table);
    if !is_cost && provider == Some(Provider::Consumption) {
        table.note("budgets on the use of reservations are Cost Management's: provider = \"cost-management\"");
    }
    let notifications: Vec<BudgetNotification> =
        table.get("notification").map_or_else(Vec::new, |list| {
            list.list()
                .iter()
                .filter_map(|value| read_notification(value, is_cost))
                .collect()
        });
    if notifications.len() > 5 {
        table.note(format!(
            "one of Azure's budgets has at most 5 notifications, found {}",
            notifications.len()
        ));
    }
    if !is_cost && notifications.len() != 1 {
        table.note("a budget on the use of reservations has exactly one notification");
    }
    let period = BudgetPeriod::new(starts?, ends);
    let mut budget = AzureBudget::new(name?, amount.unwrap_or_default(), grain?, period);
    category.clone_into(&mut budget.category);
    if !is_cost {
        budget.amount = None;
    }
    budget.filter = BudgetFilter::all(conditions.unwrap_or_default());
    let mut reasons = BTreeMap::new();
    for notification in notifications {
        let kind = notification.threshold_type.clone();
        let percent = notification
            .threshold
            .normalize()
            .to_string()
            .replace('.', "_");
        let mut key = format!("{kind}_{percent}");
        while budget.notifications.contains_key(&key) {
            key.push_str("_2");
        }
        reasons.insert(key.clone(), "its notification".to_owned());
        budget.notifications.insert(key, notification);
    }
    let default = match is_cost {
        true => Provider::Consumption,
        false => Provider::CostManagement,
    };
    Some(Desired {
        scope: scope?,
        provider: provider.unwrap_or(default),
        budget,
        of: None,
        amount_reason: "`amount` of the native budget".to_owned(),
        notification_reasons: reasons,
    })
}

fn read_word(value: &Value<'_>, words: &[&'static str]) -> Option<&'static str> {
    let text = value.text()?;
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    if found.is_none() {
        value.note(format!("`{text}` is none of {}", words.join(", ")));
    }
    found.copied()
}

fn positive(value: &Value<'_>) -> Option<Decimal> {
    let amount = value.decimal()?;
    if amount > Decimal::ZERO {
        return Some(amount);
    }
    value.note(format!(
        "an amount must be greater than zero, found {amount}"
    ));
    None
}

fn read_condition(value: &Value<'_>) -> Option<BudgetCondition> {
    let table = value.table()?;
    let dimension = table.get("dimension").and_then(|value| value.text());
    let tag = table.get("tag").and_then(|value| value.text());
    let values: Option<Vec<String>> = table.get("in").map(|list| {
        list.list()
            .iter()
            .filter_map(|value| value.text())
            .map(str::to_owned)
            .collect()
    });
    table.finish();
    let make: fn(BudgetComparison) -> BudgetCondition = match (dimension, tag) {
        (Some(_), None) => BudgetCondition::Dimensions,
        (None, Some(_)) => BudgetCondition::Tags,
        _ => {
            value.note("a condition is { dimension = \"ReservationId\", in = [..] } or { tag = \"env\", in = [..] }");
            return None;
        }
    };
    let Some(values) = values.filter(|values| !values.is_empty()) else {
        value.note("`in` lists at least one value");
        return None;
    };
    Some(make(BudgetComparison::new(dimension.or(tag)?, values)))
}

fn read_notification(value: &Value<'_>, is_cost: bool) -> Option<BudgetNotification> {
    let table = value.table()?;
    let most = if is_cost { 1000 } else { 100 };
    let threshold = table.require("threshold", "threshold = 80").and_then(|value| {
        let percent = value.decimal()?.normalize();
        let fits = percent >= Decimal::ZERO && percent <= Decimal::from(most) && percent.scale() <= 2;
        if !fits {
            value.note(format!("a threshold is a percentage from 0 to {most} with at most two decimals, found {percent}"));
        }
        fits.then_some(percent)
    });
    let kind = table
        .get("type")
        .and_then(|value| read_word(&value, &["Actual", "Forecasted"]));
    let frequency = table
        .get("frequency")
        .and_then(|value| read_word(&value, &["Daily", "Weekly", "Monthly"]));
    let told = read_told_of_use(&table);
    let emails = told.emails.unwrap_or_default();
    let groups = told.groups.unwrap_or_default();
    if emails.is_empty() && groups.is_empty() {
        table.note("it would tell nobody: give it `contact_emails` or `action_groups`");
    }
    table.finish();
    let operator = told.operator.unwrap_or(match is_cost {
        true => Operator::GreaterThanOrEqualTo,
        false => Operator::LessThan,
    });
    if (operator == Operator::LessThan) == is_cost {
        value.note("less-than is for the use of reservations, and there it is the only one");
    }
    let mut notification = BudgetNotification::new(operator.as_str(), threshold?);
    kind.unwrap_or("Actual")
        .clone_into(&mut notification.threshold_type);
    notification.contact_emails = emails;
    notification.contact_roles = told.roles.unwrap_or_default();
    notification.contact_groups = groups;
    notification.locale = named_locale(told.locale).unwrap_or_default();
    frequency
        .unwrap_or_default()
        .clone_into(&mut notification.frequency);
    Some(notification)
}

/// Two that would be one and the same in Azure.
pub(super) fn check_described(native: &Native, place: &Place) -> Vec<crate::config::Problem> {
    let twice = native_budgets::collisions(&native.budgets);
    let problems = twice.into_iter().map(|(scope, name, _)| {
        place.problem(
            "native_budget".to_owned(),
            format!("two [[native_budget]] have the name `{name}` at {scope}"),
        )
    });
    problems.collect()
}
