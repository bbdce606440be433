//! What is doubtful about budgets as a safety net: whom Azure can tell, thresholds that never fire,
//! and ends that come near.

use std::collections::BTreeSet;

use azure_cost::Budget as AzureBudget;
use budget_engine::{Budget, Level as Amount, Planned, When};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use native_budgets::{Compiled, Desired, Effect, collisions, compile, period_to_plan};
use rust_decimal::Decimal;

use super::{Finding, Level, contacts, error, overlap, warning};
use crate::app::App;
use crate::clock::day_of;
use crate::jobs::evaluate::BudgetReport;

/// Ends that are nearer than this are told.
const NEAR_END_DAYS: i32 = 60;
/// From this factor on, an amount and what is spent have nothing to do with each other.
const FAR: Decimal = Decimal::from_parts(3, 0, 0, false, 0);
/// The highest percentage that Azure takes.
const HIGHEST: Decimal = Decimal::ONE_THOUSAND;

/// What the configuration alone shows.
pub(super) fn offline(app: &App) -> Vec<Finding> {
    let today = day_of(app.now());
    let mut findings = Vec::new();
    for budget in app.config().budgets.iter() {
        let about = format!("budget.{}", budget.id);
        findings.extend(end(&about, budget.ends, today));
        findings.extend(never(&about, budget, None));
        if let Some(compiled) = compiled(app, budget, today) {
            findings.extend(kept(app, &about, budget, &compiled));
        }
    }
    for desired in &app.config().native.budgets {
        let about = about_native(desired);
        let ends = desired.budget.time_period.end;
        let ends = ends.map(|end| end.to_zoned(TimeZone::UTC).date());
        findings.extend(end(&about, ends, today));
        findings.extend(described(&about, &desired.budget));
    }
    findings.extend(overlap::counted_twice(app));
    findings.extend(overlap::counted_in_part(app));
    findings.extend(overlap::kept_twice(&desired(app), today));
    findings.extend(named_twice(app));
    findings
}

/// Budgets that would be one and the same in Azure.
fn named_twice(app: &App) -> Vec<Finding> {
    let all: Vec<Desired> = desired(app).into_iter().map(|(_, each)| each).collect();
    let twice = collisions(&all).into_iter();
    let findings = twice.map(|(scope, name, budgets)| {
        error(
            "native",
            format!(
                "{} would all be the budget `{name}` of {scope} in Azure, so that none is kept there: \
                 give one of them another name with `native = {{ name = \"…\" }}`",
                budgets.join(", ")
            ),
        )
    });
    findings.collect()
}

/// Whom Azure tells only if they hold a role themselves, which the configuration cannot show.
pub(super) fn roles(app: &App) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (about, desired) in desired(app) {
        let told = desired.budget.notifications.values();
        let roles: BTreeSet<&str> = told
            .flat_map(|one| &one.contact_roles)
            .map(String::as_str)
            .collect();
        for role in &roles {
            if let Some(known) = contacts::meant(role) {
                findings.push(warning(
                    &about,
                    format!("Azure tells nobody by the role {role}; did you mean {known}?"),
                ));
            }
        }
        if !roles.is_empty() {
            let roles: Vec<&str> = roles.into_iter().collect();
            findings.push(warning(
                &about,
                format!(
                    "Azure mails people who hold the role {} themselves, not through a group; \
                     --online finds out whether there are any",
                    roles.join(" or ")
                ),
            ));
        }
    }
    findings.dedup();
    findings
}

/// What the last evaluations show.
pub(super) fn history(app: &App, reports: &[BudgetReport]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for report in reports {
        let Some(budget) = app.config().budgets.get(&report.budget) else {
            continue;
        };
        let Some(status) = report.status.as_ref().filter(|one| one.elapsed_days > 0) else {
            continue;
        };
        let about = format!("budget.{}", budget.id);
        let (planned, spent) = (status.planned.amount, status.spent.amount);
        let expected = status.forecast.as_ref().map(|one| one.mean.rounded());
        let most = expected.map_or(spent, |expected| expected.max(spent));
        let most = most.normalize();
        let (currency, period) = (budget.currency, &status.period_label);
        let hint = "`spendwatch suggest` proposes amounts from history";
        if most > planned * FAR {
            findings.push(warning(
                &about,
                format!(
                    "its amount {planned} {currency} is far below the {most} {currency} of {period}; \
                     {hint}"
                ),
            ));
        } else if let Some(expected) = expected
            && expected * FAR < planned
        {
            findings.push(warning(
                &about,
                format!(
                    "its amount {planned} {currency} is far above the {expected} {currency} that \
                     {period} is expected to end at; {hint}"
                ),
            ));
        } else if expected.is_some() {
            findings.extend(never(&about, budget, Some((planned, most))));
        }
    }
    findings
}

/// All budgets that Azure should have, each with what to call it.
pub(super) fn desired(app: &App) -> Vec<(String, Desired)> {
    let today = day_of(app.now());
    let config = app.config();
    let mut found = Vec::new();
    for budget in config.budgets.iter() {
        let compiled = compiled(app, budget, today);
        let desired = compiled.and_then(|compiled| compiled.desired);
        let about = format!("budget.{}", budget.id);
        found.extend(desired.into_iter().map(|each| (about.clone(), each)));
    }
    let described = config.native.budgets.iter().cloned();
    let described = described.map(|each| each.made_on(today));
    found.extend(described.map(|each| (about_native(&each), each)));
    found
}

fn about_native(desired: &Desired) -> String {
    format!("native_budget.{}", desired.budget.name)
}

/// What Azure gets of a budget; `None` if it is not kept there.
fn compiled(app: &App, budget: &Budget, today: Date) -> Option<Compiled> {
    let config = app.config();
    let settings = config.native.settings.get(&budget.id)?;
    let period = period_to_plan(budget, today).ok();
    let amount = match &budget.planned {
        Planned::Flat(amount) => Ok(*amount),
        Planned::PerPeriod(amounts) => {
            let amount = period.and_then(|period| amounts.get(&period.start()).copied());
            amount.ok_or_else(|| "it has no planned amount for the period".to_owned())
        }
        // Nothing is read here, and what Azure can express hardly depends on the amount.
        Planned::History { .. } => Ok(Decimal::ONE_THOUSAND),
    };
    Some(compile(&config.budgets, budget, settings, &amount, today))
}

/// What becomes of a budget that is kept in Azure.
fn kept(app: &App, about: &str, budget: &Budget, compiled: &Compiled) -> Vec<Finding> {
    let by_amount = |id: &str| {
        let mut thresholds = budget.thresholds.iter();
        let threshold = thresholds.find(|threshold| threshold.id == id);
        let level = threshold.map(|threshold| threshold.when);
        matches!(
            level,
            Some(
                When::Actual(Amount::Amount(_) | Amount::EveryAmount(_))
                    | When::Forecast(Amount::Amount(_) | Amount::EveryAmount(_))
            )
        )
    };
    let is_guess = matches!(budget.planned, Planned::History { .. });
    let mut findings = Vec::new();
    for loss in &compiled.losses {
        if is_guess && by_amount(&loss.about) {
            continue;
        }
        let gone = compiled.desired.is_none();
        let effect = match loss.effect {
            _ if gone => "Azure does not get it",
            Effect::LeftOut => "Azure does not get this",
            Effect::Approximated => "Azure gets something close",
        };
        findings.push(Finding {
            // Without a word, the safety net would just not be there.
            level: if gone { Level::Warning } else { Level::Note },
            about: about.to_owned(),
            message: format!("{}: {effect}: {}", loss.about, loss.reason),
        });
    }
    let told = compiled.desired.iter();
    let mut told = told.flat_map(|each| each.budget.notifications.values());
    let is_forecast = |kind: &str| kind.eq_ignore_ascii_case("Forecasted");
    if compiled.desired.is_some() && !told.any(|one| is_forecast(&one.threshold_type)) {
        findings.push(no_forecast(about));
    }
    let settings = app.config().native.settings.get(&budget.id);
    let chosen = settings.map_or(0, |settings| settings.thresholds.len());
    if chosen == 0 && !budget.thresholds.is_empty() {
        findings.push(warning(
            about,
            "`native` is `false` in each of its thresholds, so Azure tells nobody",
        ));
    }
    findings
}

fn no_forecast(about: &str) -> Finding {
    Finding {
        level: Level::Note,
        about: about.to_owned(),
        message:
            "Azure tells nobody before the money is spent: a threshold such as `forecast 100%` \
                  would"
                .to_owned(),
    }
}

fn described(about: &str, budget: &AzureBudget) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_cost = !budget
        .category
        .eq_ignore_ascii_case("ReservationUtilization");
    let mut told = budget.notifications.values();
    if budget.notifications.is_empty() {
        findings.push(warning(
            about,
            "it has no notification, so Azure tells nobody",
        ));
    } else if is_cost && !told.any(|one| one.threshold_type.eq_ignore_ascii_case("Forecasted")) {
        findings.push(no_forecast(about));
    }
    for notification in budget.notifications.values() {
        if is_cost && notification.threshold.is_zero() {
            let message = "its notification at 0 % fires in every period, with the first cost";
            findings.push(warning(about, message));
        }
        if !is_cost && notification.threshold.is_zero() {
            let message = "its notification below 0 % can never fire";
            findings.push(warning(about, message));
        }
    }
    findings
}

/// An end that has come or comes soon.
fn end(about: &str, ends: Option<Date>, today: Date) -> Option<Finding> {
    let ends = ends?;
    if ends < today {
        return Some(warning(
            about,
            format!("it ended on {ends}: nobody is told any more; set `ends` anew or remove it"),
        ));
    }
    let near = today.saturating_add(NEAR_END_DAYS.days());
    (ends <= near).then(|| {
        warning(
            about,
            format!("it ends on {ends}, and nobody is told afterwards"),
        )
    })
}

/// Thresholds that cannot fire, or only if everything changes. `known` has the planned amount and the
/// most that the period is known or expected to cost.
fn never(about: &str, budget: &Budget, known: Option<(Decimal, Decimal)>) -> Vec<Finding> {
    let planned = match budget.planned {
        Planned::Flat(amount) => Some(amount),
        _ => known.map(|(planned, _)| planned),
    };
    let mut findings = Vec::new();
    for threshold in &budget.thresholds {
        let (When::Actual(level) | When::Forecast(level)) = threshold.when else {
            continue;
        };
        let money = match level {
            Amount::Percent(percent) => planned.and_then(|planned| {
                let money = planned.checked_mul(percent)?;
                money.checked_div(Decimal::ONE_HUNDRED)
            }),
            Amount::Amount(money) => Some(money),
            Amount::EveryAmount(_) | Amount::EveryPercent(_) => None,
        };
        let Some(money) = money else { continue };
        let most = planned.and_then(|planned| planned.checked_mul(HIGHEST / Decimal::ONE_HUNDRED));
        let (id, currency) = (&threshold.id, budget.currency);
        let message = match known {
            None if most.is_some_and(|most| money > most) => format!(
                "the threshold `{id}` is more than ten times the amount: it will hardly ever fire"
            ),
            Some((_, spent)) if money > spent * FAR => format!(
                "the threshold `{id}` is far above the {spent} {currency} that are spent or \
                 expected: it will hardly ever fire"
            ),
            _ => continue,
        };
        findings.push(warning(about, message));
    }
    findings
}
