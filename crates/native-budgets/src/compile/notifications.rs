//! From thresholds to Azure's notifications: a percentage of the amount, actual or forecasted.

use azure_cost::BudgetNotification;
use budget_engine::{Budget, Level, Scope, ScopeKind, Threshold, When};
use rust_decimal::{Decimal, RoundingStrategy};

use super::Losses;
use crate::desired::{Contacts, Settings};

/// A notification with its key in Azure.
pub(super) struct Notice {
    pub(super) key: String,
    pub(super) body: BudgetNotification,
    /// Where it comes from, for people.
    pub(super) reason: String,
}

/// The most steps of a repeating threshold that Azure gets.
const MOST_STEPS: u32 = 20;
/// The most addresses, and the most groups, that one notification takes.
const MOST_CONTACTS: usize = 50;
/// The highest percentage.
const HIGHEST: Decimal = Decimal::ONE_THOUSAND;

/// What helps where nobody would be told.
const SET_EMAILS: &str = "set `contact_emails` in [native] or in the budget's `native`";

/// Whether notifications at a scope may name roles and action groups.
pub(super) fn takes_groups(scope: &Scope) -> bool {
    matches!(
        scope.kind(),
        ScopeKind::Subscription | ScopeKind::ResourceGroup
    )
}

/// What Azure can tell of a budget's thresholds, in their order.
pub(super) fn of(
    budget: &Budget,
    settings: &Settings,
    scope: &Scope,
    amount: Decimal,
    losses: &mut Losses<'_>,
) -> Vec<Notice> {
    let mut notices: Vec<Notice> = Vec::new();
    for threshold in &budget.thresholds {
        let Some(contacts) = settings.thresholds.get(&threshold.id) else {
            continue;
        };
        let Some((threshold_type, percents)) = percents(threshold, amount, losses) else {
            continue;
        };
        let Some(contacts) = reachable(&threshold.id, contacts, scope, losses) else {
            continue;
        };
        for percent in percents {
            let key = format!("{threshold_type}_{}", percent.to_string().replace('.', "_"));
            let same = notices
                .iter_mut()
                .find(|each| each.key == key && each.body.operator == contacts.operator.as_str());
            if let Some(same) = same {
                // Azure would take only one of two that say the same.
                extend(&mut same.body, &contacts);
                let locale = contacts.locale.as_deref().unwrap_or_default();
                if same.body.locale.is_empty() {
                    locale.clone_into(&mut same.body.locale);
                } else if !locale.is_empty() && !same.body.locale.eq_ignore_ascii_case(locale) {
                    let kept = &same.body.locale;
                    losses.approximated(
                        &threshold.id,
                        format!(
                            "Azure takes one language for a notification; at {percent} % it is {kept} \
                             for all, not {locale}"
                        ),
                    );
                }
                same.reason = format!("{}, {}", same.reason, threshold.id);
                continue;
            }
            let mut key = key;
            if notices.iter().any(|each| each.key == key) {
                key = format!("{key}_{}", contacts.operator.as_str());
            }
            let mut body = BudgetNotification::new(contacts.operator.as_str(), percent);
            threshold_type.clone_into(&mut body.threshold_type);
            body.locale = contacts.locale.clone().unwrap_or_default();
            extend(&mut body, &contacts);
            let reason = format!("threshold {}", threshold.id);
            notices.push(Notice { key, body, reason });
        }
    }
    for notice in &mut notices {
        cap(notice, losses);
    }
    notices
}

/// Leaves out who is too many, which may be so only because several thresholds say the same.
fn cap(notice: &mut Notice, losses: &mut Losses<'_>) {
    let Notice { body, reason, .. } = notice;
    let about = reason.trim_start_matches("threshold ");
    for (list, what) in [
        (&mut body.contact_emails, "addresses"),
        (&mut body.contact_groups, "action groups"),
    ] {
        if list.len() > MOST_CONTACTS {
            let more = list.len() - MOST_CONTACTS;
            list.truncate(MOST_CONTACTS);
            let percent = body.threshold;
            losses.approximated(
                about,
                format!(
                    "Azure takes {MOST_CONTACTS} {what} for a notification; the last {more} are \
                     left out at {percent} %"
                ),
            );
        }
    }
}

fn extend(body: &mut BudgetNotification, contacts: &Contacts) {
    let add = |list: &mut Vec<String>, more: &[String]| {
        for each in more {
            if !list.iter().any(|known| known.eq_ignore_ascii_case(each)) {
                list.push(each.clone());
            }
        }
    };
    add(&mut body.contact_emails, &contacts.emails);
    add(&mut body.contact_roles, &contacts.roles);
    add(&mut body.contact_groups, &contacts.groups);
}

/// The type of notification and the percentages of a threshold; `None` if Azure has no such thing.
fn percents(
    threshold: &Threshold,
    amount: Decimal,
    losses: &mut Losses<'_>,
) -> Option<(&'static str, Vec<Decimal>)> {
    let id = &threshold.id;
    let (threshold_type, level) = match threshold.when {
        When::Actual(level) => ("Actual", level),
        When::Forecast(level) => ("Forecasted", level),
        When::Pace(_) => {
            losses.left_out(id, "Azure does not know how much should be spent by today");
            return None;
        }
        When::Anomaly(..) => {
            losses.left_out(
                id,
                "Azure's budgets know no unusual costs; an `[[anomaly_alert]]` is a rule of Azure about them",
            );
            return None;
        }
        When::Stale(_) => {
            losses.left_out(id, "Azure does not tell that its data are late");
            return None;
        }
    };
    let share = |money: Decimal| {
        let hundredfold = money.checked_mul(Decimal::ONE_HUNDRED)?;
        hundredfold.checked_div(amount)
    };
    let (wanted, which) = match level {
        Level::Percent(percent) => (vec![round(percent)], None),
        Level::Amount(money) => (vec![round(share(money)?)], None),
        Level::EveryPercent(step) => steps(step),
        Level::EveryAmount(step) => steps(share(step)?),
    };
    if let (Level::Amount(money), [percent]) = (level, &wanted[..])
        && amount * *percent != money * Decimal::ONE_HUNDRED
        && *percent <= HIGHEST
    {
        let money = money.normalize();
        losses.approximated(
            id,
            format!("{money} is written as {percent} % of {amount}: Azure takes two decimals"),
        );
    }
    if let (Level::Percent(exact), [percent]) = (level, &wanted[..])
        && *percent != exact
    {
        let exact = exact.normalize();
        losses.approximated(
            id,
            format!("{exact} % is written as {percent} %: Azure takes two decimals"),
        );
    }
    let fits = |percent: &Decimal| *percent > Decimal::ZERO && *percent <= HIGHEST;
    if !wanted.iter().all(fits) {
        losses.left_out(
            id,
            format!(
                "{} is not within 0.01 to 1000 % of {amount}, which is what Azure takes",
                threshold.when
            ),
        );
    }
    let wanted: Vec<Decimal> = wanted.into_iter().filter(fits).collect();
    // Of what Azure gets nothing of, more is not to be said.
    if let Some(which) = which.filter(|_| !wanted.is_empty()) {
        losses.approximated(
            id,
            format!("Azure has no repeating thresholds: it gets {which}"),
        );
    }
    if matches!(threshold.when, When::Forecast(_)) && !wanted.is_empty() {
        let likely = threshold.probability.normalize();
        losses.approximated(
            id,
            format!(
                "Azure compares its own forecast, without regard to a probability ({likely} %)"
            ),
        );
    }
    (!wanted.is_empty()).then_some((threshold_type, wanted))
}

/// A percentage as Azure's budgets have it: two decimals, never told later than configured.
pub fn round(percent: Decimal) -> Decimal {
    percent
        .round_dp_with_strategy(2, RoundingStrategy::ToZero)
        .normalize()
}

/// Multiples of a step up to the amount, or the first one if it is beyond, and which these are in
/// words. Of too many only every second, third, … is taken, down from the highest one: that the amount
/// is reached must be told.
fn steps(step: Decimal) -> (Vec<Decimal>, Option<String>) {
    let count = Decimal::ONE_HUNDRED
        .checked_div(step)
        .map(|all| all.trunc());
    let count = count.unwrap_or_default().max(Decimal::ONE);
    let stride = (count / Decimal::from(MOST_STEPS)).ceil();
    let mut steps = Vec::new();
    let mut number = count;
    while number >= Decimal::ONE {
        steps.extend(step.checked_mul(number).map(round));
        number -= stride;
    }
    steps.reverse();
    let last = steps.last().copied().unwrap_or_default();
    let which = match stride == Decimal::ONE {
        true => format!("the steps up to {last} %"),
        false => format!("{} of its {count} steps, the last at {last} %", steps.len()),
    };
    (steps, Some(which))
}

/// The contacts that a scope takes; `None` if nobody is left.
fn reachable(
    id: &str,
    contacts: &Contacts,
    scope: &Scope,
    losses: &mut Losses<'_>,
) -> Option<Contacts> {
    let mut contacts = contacts.clone();
    let names_groups = !contacts.groups.is_empty() || !contacts.roles.is_empty();
    if names_groups && !takes_groups(scope) {
        contacts.groups.clear();
        contacts.roles.clear();
        let kind = scope.kind().with_article();
        let why = format!(
            "budgets of {kind} tell mail addresses only; action groups and roles work at \
             subscriptions and resource groups"
        );
        if contacts.emails.is_empty() {
            losses.left_out(id, format!("{why}: {SET_EMAILS}"));
            return None;
        }
        losses.approximated(id, why);
    }
    if contacts.emails.is_empty() && contacts.groups.is_empty() {
        let groups = match takes_groups(scope) {
            true => " or action group",
            false => "",
        };
        losses.left_out(
            id,
            format!("Azure wants at least one mail address{groups}: {SET_EMAILS}"),
        );
        return None;
    }
    Some(contacts)
}
