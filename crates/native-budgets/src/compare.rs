//! Whether two budgets mean the same to Azure, and in which fields they do not.
//!
//! Letter case, order, time zones, defaults and the way numbers are written mean nothing; neither do
//! the keys of notifications and those that are switched off. Only the values of tags have a letter
//! case that counts.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::{Budget as AzureBudget, BudgetCondition, BudgetNotification};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::desired::{Desired, Provider};
use crate::start::{first_day, months_between, months_of};

/// A field in which a budget differs from what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Which, for people: `amount`, `notification Actual >= 80 %`.
    pub field: String,
    /// What Azure has; `None` if nothing.
    pub before: Option<String>,
    /// What is wanted; `None` if nothing.
    pub after: Option<String>,
    /// Where the wanted value comes from, or what follows from it.
    pub reason: String,
    /// Azure cannot change the field: the budget has to be made anew.
    pub fixed: bool,
}

/// How a live budget differs from the one that is wanted; empty if Azure would do the same.
pub fn differences(desired: &Desired, live: &AzureBudget) -> Vec<FieldChange> {
    let wanted = &desired.budget;
    let mut found = Vec::new();
    let mut add = |field: &str, before, after, reason: &str, fixed| {
        found.push(FieldChange {
            field: field.to_owned(),
            before,
            after,
            reason: reason.to_owned(),
            fixed,
        });
    };
    let fixed = "Azure does not change it: the budget is deleted and created, and may tell again \
                 what it told in this period";
    if category(wanted) != category(live) {
        add(
            "category",
            shown(category(live)),
            shown(category(wanted)),
            fixed,
            true,
        );
    }
    if !wanted.time_grain.eq_ignore_ascii_case(&live.time_grain) {
        add(
            "time grain",
            shown(&live.time_grain),
            shown(&wanted.time_grain),
            fixed,
            true,
        );
        let (before, after) = (first_day(live), first_day(wanted));
        if before != after {
            let reason = "the period that is running, or the first one";
            add("start", shown(before), shown(after), reason, true);
        }
    } else if !starts_alike(wanted, live) {
        let (before, after) = (first_day(live), first_day(wanted));
        add("start", shown(before), shown(after), fixed, true);
    }
    if !amounts_alike(desired.provider, wanted.amount, live.amount) {
        add(
            "amount",
            amount(live),
            amount(wanted),
            &desired.amount_reason,
            false,
        );
    }
    if let Some((before, after)) = end_change(wanted, live) {
        add("end", before, after, "`ends` of the budget", false);
    }
    let (before, after) = (filter_lines(live), filter_lines(wanted));
    for line in before.difference(&after) {
        add(
            "filter",
            Some(line.clone()),
            None,
            "not in the configuration",
            false,
        );
    }
    for line in after.difference(&before) {
        add(
            "filter",
            None,
            Some(line.clone()),
            "scopes, `filter` and `exclude` of the budget",
            false,
        );
    }
    found.extend(notification_changes(desired, live));
    found
}

/// Cost Management declares amounts as 32-bit floating point, which keeps seven digits.
fn amounts_alike(provider: Provider, wanted: Option<Decimal>, live: Option<Decimal>) -> bool {
    match (provider, wanted, live) {
        (Provider::CostManagement, Some(wanted), Some(live)) => {
            (wanted - live).abs() <= wanted.abs() * Decimal::new(1, 7)
        }
        (_, wanted, live) => wanted == live,
    }
}

fn shown(text: impl ToString) -> Option<String> {
    Some(text.to_string())
}

fn amount(budget: &AzureBudget) -> Option<String> {
    budget.amount.map(|amount| amount.normalize().to_string())
}

fn category(budget: &AzureBudget) -> &str {
    match budget.category.as_str() {
        "" => "Cost",
        other if other.eq_ignore_ascii_case("Cost") => "Cost",
        other if other.eq_ignore_ascii_case("ReservationUtilization") => "ReservationUtilization",
        other => other,
    }
}

/// The civil day that a moment near midnight stands for, in whichever time zone it was written.
pub(crate) fn day_of(moment: Timestamp) -> Date {
    let utc = moment.to_zoned(TimeZone::UTC).datetime();
    // The last second of a day is written for its end.
    if utc.hour() == 23 && utc.minute() == 59 {
        return utc.date();
    }
    let noon = moment.checked_add(SignedDuration::from_hours(12));
    noon.map_or(utc.date(), |noon| noon.to_zoned(TimeZone::UTC).date())
}

/// Whether both count in the same periods. Azure never changes a start, so an earlier one is as good
/// if its periods lie as those of the wanted one.
fn starts_alike(wanted: &AzureBudget, live: &AzureBudget) -> bool {
    let (wanted_day, live_day) = (first_day(wanted), first_day(live));
    let Some(every) = months_of(&wanted.time_grain) else {
        // Windows that move with the day have no periods.
        return true;
    };
    let months = months_between(live_day, wanted_day);
    let is_billing = wanted
        .time_grain
        .to_ascii_lowercase()
        .starts_with("billing");
    // The 31st is the 30th, or the 28th, in shorter months.
    let same_day = !is_billing
        || wanted_day.day() == live_day.day()
        || live_day.saturating_add(months.months()) == wanted_day;
    live_day <= wanted_day && months % every == 0 && same_day
}

/// Without an end Azure takes ten years.
pub(crate) fn is_default_end(budget: &AzureBudget) -> bool {
    let Some(end) = budget.time_period.end else {
        return true;
    };
    let default = first_day(budget).saturating_add(10.years());
    let days = default.until(day_of(end)).map(|span| span.get_days());
    days.is_ok_and(|days| days.abs() <= 1)
}

type Ends = (Option<String>, Option<String>);

fn end_change(wanted: &AzureBudget, live: &AzureBudget) -> Option<Ends> {
    let last = |budget: &AzureBudget| budget.time_period.end.map(day_of);
    let default = || shown("ten years after the start");
    match (last(wanted), last(live)) {
        (None, _) if is_default_end(live) => None,
        (None, before) => Some((before.and_then(shown), default())),
        (after, before) if after == before => None,
        (after, None) => Some((default(), after.and_then(shown))),
        (after, before) => Some((before.and_then(shown), after.and_then(shown))),
    }
}

/// A filter as a set of sentences in one spelling.
fn filter_lines(budget: &AzureBudget) -> BTreeSet<String> {
    let line = |condition: &BudgetCondition, word: &str| {
        let (kind, comparison) = match condition {
            BudgetCondition::Dimensions(comparison) => ("", comparison),
            BudgetCondition::Tags(comparison) => ("tag ", comparison),
        };
        let folded = |value: &String| match condition {
            BudgetCondition::Dimensions(_) => value.trim().to_lowercase(),
            // `dev` and `DEV` are two values of a tag, and costs of both may be there.
            BudgetCondition::Tags(_) => value.clone(),
        };
        let name = match comparison.name.to_lowercase().as_str() {
            // Azure's pages write the same dimension in two ways.
            "resourcegroup" => "resourcegroupname".to_owned(),
            name => name.to_owned(),
        };
        let values: BTreeSet<String> = comparison.values.iter().map(folded).collect();
        let values: Vec<String> = values.into_iter().collect();
        format!("{kind}{name} {word} {}", values.join(", "))
    };
    let filter = &budget.filter;
    let mut lines: BTreeSet<String> = filter.all.iter().map(|each| line(each, "in")).collect();
    lines.extend(filter.not.iter().map(|each| line(each, "not in")));
    lines.extend(
        filter
            .unknown
            .iter()
            .map(|part| format!("unknown part {part}")),
    );
    lines
}

/// What a notification is about. Two of a budget may be about the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    threshold: Decimal,
    forecasted: bool,
    operator: String,
}

impl Subject {
    pub(crate) fn of(notification: &BudgetNotification) -> Subject {
        Subject {
            threshold: notification.threshold.normalize(),
            forecasted: notification
                .threshold_type
                .eq_ignore_ascii_case("Forecasted"),
            operator: notification.operator.to_ascii_lowercase(),
        }
    }

    fn words(&self) -> String {
        let kind = if self.forecasted {
            "Forecasted"
        } else {
            "Actual"
        };
        let operator = match self.operator.as_str() {
            "greaterthan" => ">",
            "greaterthanorequalto" => ">=",
            "equalto" => "=",
            "lessthan" => "<",
            other => other,
        };
        format!("notification {kind} {operator} {} %", self.threshold)
    }
}

/// Whom a notification tells, in one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    emails: BTreeSet<String>,
    roles: BTreeSet<String>,
    groups: BTreeSet<String>,
    frequency: String,
}

impl Told {
    fn of(notification: &BudgetNotification) -> Told {
        let folded = |list: &[String]| list.iter().map(|each| each.trim().to_lowercase()).collect();
        Told {
            emails: folded(&notification.contact_emails),
            roles: folded(&notification.contact_roles),
            groups: folded(&notification.contact_groups),
            frequency: notification.frequency.to_lowercase(),
        }
    }

    fn words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.emails.iter().cloned());
        words.extend(self.roles.iter().map(|role| format!("role {role}")));
        let group = |id: &String| format!("action group {}", id.rsplit('/').next().unwrap_or(id));
        words.extend(self.groups.iter().map(group));
        if !self.frequency.is_empty() {
            words.push(format!("at most {}", self.frequency));
        }
        match words.is_empty() {
            true => "nobody".to_owned(),
            false => words.join(", "),
        }
    }
}

/// Whether a live notification does what a wanted one should. A language that is not set is Azure's.
pub(crate) fn says_the_same(wanted: &BudgetNotification, live: &BudgetNotification) -> bool {
    live.enabled == wanted.enabled
        && Subject::of(wanted) == Subject::of(live)
        && told_alike(wanted, live)
        && locales_alike(wanted, live)
}

fn told_alike(wanted: &BudgetNotification, live: &BudgetNotification) -> bool {
    let (mut wanted, live) = (Told::of(wanted), Told::of(live));
    if wanted.frequency.is_empty() {
        wanted.frequency.clone_from(&live.frequency);
    }
    wanted == live
}

fn locales_alike(wanted: &BudgetNotification, live: &BudgetNotification) -> bool {
    wanted.locale.is_empty() || wanted.locale.eq_ignore_ascii_case(&live.locale)
}

fn notification_changes(desired: &Desired, live: &AzureBudget) -> Vec<FieldChange> {
    let mut by_subject: BTreeMap<Subject, Sides<'_>> = BTreeMap::new();
    for (key, wanted) in &desired.budget.notifications {
        let reason = desired.notification_reasons.get(key);
        let reason = reason.map_or("configured", String::as_str);
        by_subject
            .entry(Subject::of(wanted))
            .or_default()
            .wanted
            .push((reason, wanted));
    }
    // One that is switched off tells nobody, so it is no difference.
    for notification in live.notifications.values().filter(|each| each.enabled) {
        by_subject
            .entry(Subject::of(notification))
            .or_default()
            .live
            .push(notification);
    }
    let mut found = Vec::new();
    for (subject, mut sides) in by_subject {
        // Those that are alike go away in pairs.
        sides.wanted.retain(|(_, wanted)| {
            let same = sides
                .live
                .iter()
                .position(|live| says_the_same(wanted, live));
            same.is_none_or(|index| {
                sides.live.swap_remove(index);
                false
            })
        });
        let mut live = sides.live.into_iter();
        for (reason, wanted) in sides.wanted {
            let before = live.next();
            let (mut was, mut is) = (
                before.map(|live| Told::of(live).words()),
                Told::of(wanted).words(),
            );
            if let Some(before) = before
                && !locales_alike(wanted, before)
            {
                is = format!("{is} (in {})", wanted.locale);
                was = was.map(|was| format!("{was} (in {})", before.locale));
            }
            found.push(FieldChange {
                field: subject.words(),
                before: was,
                after: Some(is),
                reason: reason.to_owned(),
                fixed: false,
            });
        }
        found.extend(live.map(|live| FieldChange {
            field: subject.words(),
            before: Some(Told::of(live).words()),
            after: None,
            reason: "not in the configuration".to_owned(),
            fixed: false,
        }));
    }
    found
}

/// What is wanted and what is there about one subject.
#[derive(Default)]
struct Sides<'a> {
    wanted: Vec<(&'a str, &'a BudgetNotification)>,
    live: Vec<&'a BudgetNotification>,
}
