//! `[[anomaly_alert]]`: Azure's rules about unusual costs.

use azure_cost::ActionNotification;
use budget_engine::{Scope, ScopeKind};
use native_budgets::{AnomalyRule, MOST_RULES};

use super::channels::read_mailbox;
use super::native::plain_address;
use crate::config::reader::{Table, Value};

/// Reads the tables of one file into `rules`, which has those of the files before.
pub(super) fn read_anomaly_alerts(root: &Table<'_>, rules: &mut Vec<AnomalyRule>) {
    let Some(list) = root.get("anomaly_alert") else {
        return;
    };
    if list.is_table() {
        list.note("rules about anomalies are a list: write [[anomaly_alert]] with two brackets");
        return;
    }
    for value in list.list() {
        let Some(table) = value.table() else { continue };
        let rule = read_rule(&table);
        table.finish();
        let Some(rule) = rule else { continue };
        let others = rules
            .iter()
            .filter(|other| other.subscription == rule.subscription);
        if others
            .clone()
            .any(|other| other.name.eq_ignore_ascii_case(&rule.name))
        {
            value.note(format!(
                "two [[anomaly_alert]] have the name `{}` at {}",
                rule.name, rule.subscription
            ));
        } else if others.count() >= MOST_RULES {
            value.note(format!(
                "Azure takes at most {MOST_RULES} rules about anomalies for one subscription"
            ));
        }
        rules.push(rule);
    }
}

fn read_rule(table: &Table<'_>) -> Option<AnomalyRule> {
    let subscription = table
        .require("subscription", "subscription = \"/subscriptions/…\"")
        .and_then(|value| read_subscription(&value));
    let name = table
        .require("name", "name = \"platform-anomalies\"")
        .and_then(|value| read_name(&value));
    let display_name = table.get("display_name").and_then(|value| value.text());
    let to = table
        .require("to", "to = [\"finops@contoso.example\"]")
        .map(|list| read_addresses(&list));
    let subject = table
        .get("subject")
        .and_then(|value| read_words(&value, 70));
    let message = table
        .get("message")
        .and_then(|value| read_words(&value, 250));
    let word = |key| {
        let value: Option<Value<'_>> = table.get(key);
        let text = value.and_then(|value| value.text());
        text.unwrap_or_default().to_owned()
    };
    let (language, regional_format) = (word("language"), word("regional_format"));
    let name = name?;
    Some(AnomalyRule {
        subscription: subscription?,
        display_name: display_name.unwrap_or(&name).to_owned(),
        name,
        notification: ActionNotification {
            to: to?,
            subject: subject.unwrap_or_else(|| "Unusual cost".to_owned()),
            message: message.unwrap_or_default(),
            language,
            regional_format,
        },
    })
}

fn read_subscription(value: &Value<'_>) -> Option<Scope> {
    let scope: Scope = value.parse()?;
    if scope.kind() == ScopeKind::Subscription {
        return Some(scope);
    }
    value.note(format!(
        "Azure looks for anomalies in subscriptions only; expected /subscriptions/…, found {scope}"
    ));
    None
}

fn read_name(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.len() <= 63 && text.chars().all(fits) {
        return Some(text.to_owned());
    }
    value.note("a rule's name in Azure has 1 to 63 letters, digits, `-` and `_`");
    None
}

fn read_addresses(list: &Value<'_>) -> Vec<String> {
    let addresses: Vec<String> = list
        .list()
        .iter()
        .filter_map(read_mailbox)
        .map(|mailbox| plain_address(&mailbox).to_owned())
        .collect();
    let found = list.list().len();
    if !(1..=20).contains(&found) {
        list.note(format!("Azure mails 1 to 20 addresses, found {found}"));
    }
    addresses
}

fn read_words(value: &Value<'_>, most: usize) -> Option<String> {
    let text = value.text()?;
    let count = text.chars().count();
    if count <= most {
        return Some(text.to_owned());
    }
    value.note(format!(
        "Azure takes at most {most} characters here, found {count}"
    ));
    None
}
