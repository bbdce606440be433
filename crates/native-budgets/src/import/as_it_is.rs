//! A description of the budget that Azure has.

use std::collections::BTreeMap;

use azure_cost::{Budget as AzureBudget, BudgetPeriod};
use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{is_forecast, is_writable, locale, trimmed};
use crate::compare::{day_of, differences, is_default_end};
use crate::desired::{Desired, Operator, Provider};
use crate::plan::Live;

/// The description of a live budget, or why there is none.
pub(super) fn of(live: &Live) -> Result<Desired, String> {
    let desired = desired(live)?;
    match differences(&desired, &live.budget).first() {
        Some(field) => Err(format!("its {} cannot be described", field.field)),
        None => Ok(desired),
    }
}

const COST_GRAINS: [&str; 6] = [
    "Monthly",
    "Quarterly",
    "Annually",
    "BillingMonth",
    "BillingQuarter",
    "BillingAnnual",
];
const RESERVATION_GRAINS: [&str; 2] = ["Last7Days", "Last30Days"];
const FREQUENCIES: [&str; 3] = ["Daily", "Weekly", "Monthly"];

/// What the configuration will say, held to what its reader takes.
fn desired(live: &Live) -> Result<Desired, String> {
    let native = &live.budget;
    let is_cost = match &*native.category.to_ascii_lowercase() {
        "" | "cost" => true,
        "reservationutilization" => false,
        _ => return Err(format!("its category is `{}`", native.category)),
    };
    let mut budget = native.clone();
    let grains: &[&str] = match is_cost {
        true => &COST_GRAINS,
        false => &RESERVATION_GRAINS,
    };
    let grain = word(grains, &native.time_grain);
    grain
        .ok_or_else(|| format!("its time grain is `{}`", native.time_grain))?
        .clone_into(&mut budget.time_grain);
    let category = if is_cost {
        "Cost"
    } else {
        "ReservationUtilization"
    };
    category.clone_into(&mut budget.category);
    if is_cost != native.amount.is_some_and(|amount| amount > Decimal::ZERO) {
        return Err("its amount is missing, not above zero, or should not be there".to_owned());
    }
    budget.time_period = period(native, is_cost)?;
    budget.notifications.retain(|_, one| one.enabled);
    let count = budget.notifications.len();
    if count > 5 || (!is_cost && count != 1) {
        let most = if is_cost { "at most 5" } else { "exactly 1" };
        return Err(format!(
            "{count} of its notifications are on; configuration takes {most}"
        ));
    }
    let most = Decimal::from(if is_cost { 1000 } else { 100 });
    for (key, one) in &mut budget.notifications {
        one.threshold = one.threshold.normalize();
        let percent = one.threshold;
        if percent < Decimal::ZERO || percent > most || percent.scale() > 2 {
            return Err(format!(
                "`{key}` has the threshold {percent} %, which Azure does not take any more"
            ));
        }
        let operator = Operator::of(&one.operator);
        let fits = |operator: &Operator| (*operator == Operator::LessThan) != is_cost;
        let operator = operator.filter(fits);
        let operator = operator.ok_or_else(|| format!("`{key}` compares by `{}`", one.operator))?;
        operator.as_str().clone_into(&mut one.operator);
        let kind = if is_forecast(one) {
            "Forecasted"
        } else {
            "Actual"
        };
        kind.clone_into(&mut one.threshold_type);
        one.contact_emails = trimmed(&one.contact_emails);
        one.contact_roles = trimmed(&one.contact_roles);
        one.contact_groups = trimmed(&one.contact_groups);
        one.locale = locale(one).unwrap_or_default().to_owned();
        one.frequency = word(&FREQUENCIES, &one.frequency)
            .unwrap_or_default()
            .to_owned();
    }
    Ok(Desired {
        scope: live.scope.clone(),
        provider: if is_cost {
            live.provider
        } else {
            Provider::CostManagement
        },
        budget,
        of: None,
        amount_reason: String::new(),
        notification_reasons: BTreeMap::new(),
    })
}

fn word(words: &[&'static str], given: &str) -> Option<&'static str> {
    let mut words = words.iter().copied();
    words.find(|word| word.eq_ignore_ascii_case(given))
}

fn period(native: &AzureBudget, is_cost: bool) -> Result<BudgetPeriod, String> {
    let mut starts = day_of(native.time_period.start);
    let months = match &*native.time_grain.to_ascii_lowercase() {
        "monthly" => Some(1),
        "quarterly" => Some(3),
        "annually" => Some(12),
        _ => None,
    };
    // Azure counts in whole months even if a budget starts inside of one, which it does not take any
    // more: the next period lies in the same way.
    if let Some(months) = months.filter(|_| is_cost && starts.day() != 1) {
        starts = starts.first_of_month().saturating_add(months.months());
    }
    let ends: Option<Date> = native.time_period.end.map(day_of);
    let ends = ends.filter(|_| !is_default_end(native));
    let fits = |day: &Date| is_writable(*day);
    if !fits(&starts) || ends.is_some_and(|ends| ends <= starts || !fits(&ends)) {
        return Err(format!(
            "its period from {starts} is not one that Azure takes"
        ));
    }
    Ok(BudgetPeriod::new(starts, ends))
}
