//! A budget of ours that compiles into the one that Azure has.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::{Budget as AzureBudget, BudgetCondition, BudgetNotification};
use budget_engine::{
    Budget, Budgets, Calendar, ChargeCategory, CostBasis, Dimension, Filter, FollowUp,
    LARGEST_AMOUNT, Level, Planned, Severity, TagName, Threshold, TimeGrain, When,
};
use rust_decimal::Decimal;

use super::{ImportOptions, is_forecast, is_writable, locale, told, trimmed};
use crate::compare::{day_of, differences, is_default_end};
use crate::compile::{Effect, charge_types, compile};
use crate::desired::{Contacts, Operator, Settings};
use crate::names::native_name;
use crate::plan::Live;
use crate::split::MOST_NOTIFICATIONS;

/// The budget of ours for a live one, or why there is none.
pub(super) fn of(
    live: &Live,
    id: &str,
    options: &ImportOptions,
) -> Result<(Budget, Settings), String> {
    let budget = candidate(live, id, options)?;
    let settings = settings(live, &budget)?;
    says_the_same(live, &budget, &settings, options)?;
    Ok((budget, settings))
}

/// The budget that the live one would be among ours.
fn candidate(live: &Live, id: &str, options: &ImportOptions) -> Result<Budget, String> {
    let native = &live.budget;
    if options.notify.is_empty() {
        return Err("no channel is named for our own notices".to_owned());
    }
    let is_cost = native.category.is_empty() || native.category.eq_ignore_ascii_case("Cost");
    let amount = native.amount.filter(|_| is_cost);
    let amount = amount.ok_or("it is not about costs")?.normalize();
    if amount <= Decimal::ZERO || amount > LARGEST_AMOUNT {
        return Err(format!("its amount {amount} is not one that we plan with"));
    }
    let grain = grain(&native.time_grain)?;
    let starts = day_of(native.time_period.start);
    let ends = native.time_period.end.map(day_of);
    let ends = ends.filter(|_| !is_default_end(native));
    if !is_writable(starts) || ends.is_some_and(|ends| ends < starts) {
        return Err(format!("its period from {starts} holds no day"));
    }
    let (filter, exclude) = filter(native)?;
    let owners = owners(native, options);
    if owners.is_empty() && options.notify.iter().all(|name| name == OWNERS) {
        return Err("Azure mails nobody who could be told by us as well".to_owned());
    }
    let spends = [&native.current_spend, &native.forecast_spend];
    let mut spends = spends.into_iter().flatten();
    let currency = spends.find_map(|spend| spend.money().map(|money| money.currency));
    Ok(Budget {
        id: id.to_owned(),
        name: id.to_owned(),
        scopes: vec![live.scope.clone()],
        filter,
        exclude,
        cost_basis: CostBasis::Actual,
        currency: currency.unwrap_or(options.currency),
        calendar: Calendar::new(grain, starts),
        starts: Some(starts),
        ends,
        planned: Planned::Flat(amount),
        parent: None,
        thresholds: thresholds(native, options)?,
        owners,
        margin: Budget::MARGIN,
    })
}

/// The word for a budget's owners among destinations.
const OWNERS: &str = "owners";

fn grain(word: &str) -> Result<TimeGrain, String> {
    Ok(match &*word.to_ascii_lowercase() {
        "monthly" => TimeGrain::Monthly,
        "quarterly" => TimeGrain::Quarterly,
        "annually" => TimeGrain::Annually,
        "billingmonth" => TimeGrain::BillingMonth,
        "billingquarter" => TimeGrain::BillingQuarter,
        "billingannual" => TimeGrain::BillingAnnual,
        _ => return Err(format!("we have no periods of `{word}`")),
    })
}

type Counted = (Option<Filter>, BTreeSet<ChargeCategory>);

fn filter(native: &AzureBudget) -> Result<Counted, String> {
    let mut parts = Vec::new();
    let mut exclude = BTreeSet::new();
    for condition in &native.filter.all {
        let name = &condition.comparison().name;
        let values = condition.comparison().values.clone();
        let part = match condition {
            BudgetCondition::Tags(_) => Filter::Tag {
                name: TagName::new(name),
                values,
            },
            BudgetCondition::Dimensions(_) if name.eq_ignore_ascii_case("ChargeType") => {
                let left_out = excluded(&values).filter(|_| exclude.is_empty());
                exclude = left_out
                    .ok_or("its list of charge types is not one of whole categories of ours")?;
                continue;
            }
            BudgetCondition::Dimensions(_) => Filter::Dimension {
                name: name
                    .parse::<Dimension>()
                    .map_err(|_| format!("we have no dimension `{name}`"))?,
                values,
            },
        };
        parts.push(part);
    }
    let filter = match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(Filter::All(parts)),
    };
    Ok((filter, exclude))
}

/// The categories whose charge types are not in a list that has all types of the others.
fn excluded(values: &[String]) -> Option<BTreeSet<ChargeCategory>> {
    let folded = |values: &[String]| -> BTreeSet<String> {
        values.iter().map(|v| v.to_lowercase()).collect()
    };
    let of = |exclude: &BTreeSet<ChargeCategory>| {
        let condition = charge_types(exclude).ok()?;
        Some(folded(&condition.comparison().values))
    };
    let wanted = folded(values);
    let counts = |category: &ChargeCategory| {
        let all_others = ChargeCategory::ALL
            .into_iter()
            .filter(|each| each != category);
        of(&all_others.collect()).is_some_and(|words| words.is_subset(&wanted))
    };
    let exclude: BTreeSet<_> = ChargeCategory::ALL
        .into_iter()
        .filter(|c| !counts(c))
        .collect();
    (!exclude.is_empty() && of(&exclude)? == wanted).then_some(exclude)
}

fn owners(native: &AzureBudget, options: &ImportOptions) -> Vec<String> {
    if !options.notify.iter().any(|name| name == OWNERS) {
        return Vec::new();
    }
    let mut owners: Vec<String> = Vec::new();
    let told = told(native).into_iter();
    for address in told.flat_map(|(_, one)| trimmed(&one.contact_emails)) {
        if !owners
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&address))
        {
            owners.push(address);
        }
    }
    owners
}

fn operator(notification: &BudgetNotification) -> Option<Operator> {
    Operator::of(&notification.operator).filter(|operator| {
        matches!(
            operator,
            Operator::GreaterThan | Operator::GreaterThanOrEqualTo
        )
    })
}

fn thresholds(native: &AzureBudget, options: &ImportOptions) -> Result<Vec<Threshold>, String> {
    let mut thresholds: Vec<Threshold> = Vec::new();
    for (key, notification) in told(native) {
        let percent = notification.threshold.normalize();
        if percent <= Decimal::ZERO || percent > LARGEST_AMOUNT {
            return Err(format!(
                "the threshold {percent} % of `{key}` is not one of ours"
            ));
        }
        if operator(notification).is_none() {
            let operator = &notification.operator;
            return Err(format!("`{key}` compares by `{operator}`, as we do not"));
        }
        let level = Level::Percent(percent);
        let when = match is_forecast(notification) {
            true => When::Forecast(level),
            false => When::Actual(level),
        };
        let mut id = when.default_id();
        if thresholds.iter().any(|known| known.id == id) {
            id.push_str("-again");
        }
        if thresholds.iter().any(|known| known.id == id) {
            return Err("several of its notifications say the same".to_owned());
        }
        thresholds.push(Threshold {
            id,
            when,
            probability: Decimal::from(80),
            severity: Severity::Warning,
            notify: options.notify.clone(),
            follow_up: FollowUp::default(),
        });
    }
    if thresholds.is_empty() {
        return Err("none of its notifications is on".to_owned());
    }
    Ok(thresholds)
}

fn settings(live: &Live, budget: &Budget) -> Result<Settings, String> {
    let notifications = told(&live.budget)
        .into_iter()
        .map(|(_, notification)| notification);
    let contacts = notifications.map(|one| Contacts {
        emails: trimmed(&one.contact_emails),
        roles: trimmed(&one.contact_roles),
        groups: trimmed(&one.contact_groups),
        locale: locale(one).map(str::to_owned),
        operator: operator(one).unwrap_or_default(),
    });
    // Thresholds and notifications that are on stand in the same order.
    let ids = budget
        .thresholds
        .iter()
        .map(|threshold| threshold.id.clone());
    let thresholds: BTreeMap<String, Contacts> = ids.zip(contacts).collect();
    let name = &live.budget.name;
    Ok(Settings {
        provider: live.provider,
        name: (native_name(&budget.id) != *name).then(|| name.clone()),
        scope: None,
        thresholds,
    })
}

/// Compiles the candidate and compares: nothing else could tell for sure.
fn says_the_same(
    live: &Live,
    budget: &Budget,
    settings: &Settings,
    options: &ImportOptions,
) -> Result<(), String> {
    let budgets = Budgets::new(vec![budget.clone()]);
    let budgets = budgets.map_err(|_| "it would count nothing".to_owned())?;
    let planned = match budget.planned {
        Planned::Flat(amount) => Ok(amount),
        _ => Err("it has no amount".to_owned()),
    };
    let compiled = compile(&budgets, budget, settings, &planned, options.today);
    let lost = |loss: &&crate::Loss| loss.effect == Effect::LeftOut;
    if let Some(loss) = compiled.losses.iter().find(lost) {
        return Err(loss.reason.clone());
    }
    let desired = compiled.desired.as_ref();
    let desired =
        desired.filter(|desired| desired.budget.notifications.len() <= MOST_NOTIFICATIONS);
    let desired = desired.ok_or("it has more notifications than one of Azure's budgets should")?;
    let found = differences(desired, &live.budget);
    match found.first() {
        Some(field) => Err(format!(
            "as a budget of ours its {} would differ",
            field.field
        )),
        None => Ok(()),
    }
}
