//! What an import found, as TOML.

use azure_cost::{Budget as AzureBudget, BudgetCondition, BudgetNotification};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use native_budgets::{AnomalyRule, Contacts, Desired, Imported, Operator, Provider, Settings};

use super::{Origin, list, number, quoted, table};
use crate::config::read::ANY_LOCALE;

/// A whole configuration file, to be put beside the others: it names no source and no channel.
pub fn imported_toml(imported: &Imported, rules: &[AnomalyRule]) -> String {
    let ours = imported.budgets.iter();
    let ours = ours.map(|(budget, settings)| table(budget, Origin::Azure(settings)));
    let described = imported.described.iter().map(described);
    let mut parts = vec!["version = 1\n".to_owned()];
    parts.extend(ours.chain(described).chain(rules.iter().map(rule)));
    parts.join("\n")
}

/// A rule about unusual costs.
fn rule(rule: &AnomalyRule) -> String {
    let mail = &rule.notification;
    let mut lines = vec!["[[anomaly_alert]]".to_owned()];
    let mut add = |key: &str, text: &str| lines.push(format!("{key} = {}", quoted(text)));
    add("subscription", &rule.subscription.to_string());
    add("name", &rule.name);
    for (key, text) in [
        ("display_name", &rule.display_name),
        ("subject", &mail.subject),
        ("message", &mail.message),
        ("language", &mail.language),
        ("regional_format", &mail.regional_format),
    ] {
        if !text.is_empty() {
            add(key, text);
        }
    }
    lines.push(format!("to = {}", list(mail.to.iter().cloned())));
    lines.join("\n") + "\n"
}

/// `native` of a budget.
pub(super) fn of_budget(settings: &Settings) -> String {
    let mut entries = Vec::new();
    if let Some(name) = &settings.name {
        entries.push(("name", quoted(name)));
    }
    if settings.provider != Provider::Consumption {
        entries.push(("provider", quoted(settings.provider.as_str())));
    }
    if let Some(scope) = &settings.scope {
        entries.push(("scope", quoted(&scope.to_string())));
    }
    if let Some(contacts) = shared(settings) {
        entries.extend(of_contacts(contacts));
    }
    match entries.is_empty() {
        true => "true".to_owned(),
        false => inline(entries),
    }
}

/// `native` of a threshold; `None` if the budget says it already.
pub(super) fn of_threshold(settings: &Settings, id: &str) -> Option<String> {
    match settings.thresholds.get(id) {
        Some(_) if shared(settings).is_some() => None,
        Some(contacts) => Some(inline(of_contacts(contacts))),
        None => Some("false".to_owned()),
    }
}

/// The contacts that all thresholds have.
fn shared(settings: &Settings) -> Option<&Contacts> {
    let mut all = settings.thresholds.values();
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// All of them, the empty ones too: nothing is to be taken over from `[native]`.
fn of_contacts(contacts: &Contacts) -> Vec<(&'static str, String)> {
    let locale = contacts.locale.as_deref().unwrap_or(ANY_LOCALE);
    vec![
        ("contact_emails", list(contacts.emails.iter().cloned())),
        ("contact_roles", list(contacts.roles.iter().cloned())),
        ("action_groups", list(contacts.groups.iter().cloned())),
        ("operator", quoted(operator(contacts.operator))),
        ("locale", quoted(locale)),
    ]
}

fn operator(operator: Operator) -> &'static str {
    match operator {
        Operator::GreaterThanOrEqualTo => "greater-than-or-equal-to",
        Operator::GreaterThan => "greater-than",
        Operator::EqualTo => "equal-to",
        Operator::LessThan => "less-than",
    }
}

/// One of Azure's budgets as it is.
fn described(desired: &Desired) -> String {
    let budget = &desired.budget;
    let mut lines = vec!["[[native_budget]]".to_owned()];
    let mut add = |key: &str, value: String| lines.push(format!("{key} = {value}"));
    add("scope", quoted(&desired.scope.to_string()));
    add("name", quoted(&budget.name));
    // Budgets of costs are at home at Consumption, those of reservations at Cost Management.
    let is_cost = budget.category == "Cost";
    if !is_cost {
        add("category", quoted(&budget.category));
    } else if desired.provider != Provider::Consumption {
        add("provider", quoted(desired.provider.as_str()));
    }
    if let Some(amount) = budget.amount {
        add("amount", number(amount));
    }
    add("grain", quoted(&budget.time_grain));
    let (starts, ends) = days(budget);
    add("starts", starts.to_string());
    if let Some(ends) = ends {
        add("ends", ends.to_string());
    }
    if !budget.filter.all.is_empty() {
        let conditions: Vec<String> = budget.filter.all.iter().map(condition).collect();
        add("filter", format!("[{}]", conditions.join(", ")));
    }
    for notification in budget.notifications.values() {
        lines.push(String::new());
        lines.extend(notification_lines(notification));
    }
    lines.join("\n") + "\n"
}

/// First and last day, which an import has put at midnight.
fn days(budget: &AzureBudget) -> (Date, Option<Date>) {
    let day = |moment: jiff::Timestamp| moment.to_zoned(TimeZone::UTC).date();
    let period = &budget.time_period;
    (day(period.start), period.end.map(day))
}

fn condition(condition: &BudgetCondition) -> String {
    let (kind, comparison) = match condition {
        BudgetCondition::Dimensions(comparison) => ("dimension", comparison),
        BudgetCondition::Tags(comparison) => ("tag", comparison),
    };
    let values = list(comparison.values.iter().cloned());
    inline(vec![(kind, quoted(&comparison.name)), ("in", values)])
}

fn notification_lines(notification: &BudgetNotification) -> Vec<String> {
    let mut lines = vec!["[[native_budget.notification]]".to_owned()];
    let mut add = |key: &str, value: String| lines.push(format!("{key} = {value}"));
    add("threshold", number(notification.threshold));
    add("type", quoted(&notification.threshold_type));
    let word = Operator::of(&notification.operator).unwrap_or_default();
    add("operator", quoted(operator(word)));
    for (key, names) in [
        ("contact_emails", &notification.contact_emails),
        ("contact_roles", &notification.contact_roles),
        ("action_groups", &notification.contact_groups),
    ] {
        if !names.is_empty() {
            add(key, list(names.iter().cloned()));
        }
    }
    for (key, word) in [
        ("locale", &notification.locale),
        ("frequency", &notification.frequency),
    ] {
        if !word.is_empty() {
            add(key, quoted(word));
        }
    }
    lines
}

fn inline(entries: Vec<(&str, String)>) -> String {
    let entries = entries
        .iter()
        .map(|(key, value)| format!("{key} = {value}"));
    let entries: Vec<String> = entries.collect();
    format!("{{ {} }}", entries.join(", "))
}
