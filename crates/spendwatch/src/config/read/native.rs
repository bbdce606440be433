//! `[native]`, `native` in budgets and thresholds, and `[[native_budget]]`.

use std::collections::BTreeMap;

use azure_cost::{
    Budget as AzureBudget, BudgetComparison, BudgetCondition, BudgetFilter, BudgetNotification,
    BudgetPeriod,
};
use budget_engine::{Budget, Budgets, Scope};
use native_budgets::{AnomalyRule, Contacts, Desired, LOCALES, Operator, Provider, Settings};
use rust_decimal::Decimal;

use super::anomaly_alerts::read_anomaly_alerts;
use super::hook::read_hook;
use super::sources::read_connection;
use super::{Draft, OWNERS};
use crate::config::native::{Hook, Tolerance};
use crate::config::reader::{Place, Table, Value};
use crate::config::{Channel, Connection, Native};

/// What the files say about Azure's budgets, before channels and owners are known.
#[derive(Default)]
pub(super) struct NativeDraft {
    /// `[native]`, if it is there.
    common: Option<Common>,
    /// `native` of budgets, by id.
    budgets: BTreeMap<String, Own>,
    described: Vec<Desired>,
    anomaly_alerts: Vec<AnomalyRule>,
}

struct Common {
    connection: Option<Connection>,
    apply_from_app: bool,
    dismiss_acknowledged: bool,
    provider: Provider,
    contacts: Told,
    hook: Option<Hook>,
    tolerance: Tolerance,
}

/// `native` of one budget.
#[derive(Default)]
pub(super) struct Own {
    off: bool,
    on: bool,
    name: Option<String>,
    scope: Option<Scope>,
    provider: Option<Provider>,
    contacts: Told,
    /// By the id of the threshold.
    pub(super) thresholds: BTreeMap<String, OwnThreshold>,
}

/// `native` of one threshold.
pub(super) enum OwnThreshold {
    Off,
    Told(Told),
}

/// Whom Azure tells, as far as it is said in one place.
#[derive(Default)]
pub(super) struct Told {
    emails: Option<Vec<String>>,
    roles: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    locale: Option<String>,
    operator: Option<Operator>,
}

pub(super) fn read_native(root: &Table<'_>, draft: &mut Draft) {
    if let Some(value) = root.get("native")
        && let Some(table) = value.table()
    {
        if draft.native.common.is_some() {
            value.note("[native] is set in another file already");
        }
        let signs_in = ["cloud", "auth", "endpoint"].map(|key| table.get(key).is_some());
        let connection = read_connection(&table, None);
        let hook = table.get("hook");
        let common = Common {
            hook: hook.and_then(|value| read_hook(&value, connection.cloud)),
            tolerance: read_tolerance(&table),
            connection: signs_in.contains(&true).then_some(connection),
            apply_from_app: table.get("apply_from_app").and_then(|value| value.flag())
                == Some(true),
            dismiss_acknowledged: table
                .get("dismiss_acknowledged")
                .and_then(|value| value.flag())
                == Some(true),
            provider: read_provider(&table).unwrap_or(Provider::Consumption),
            contacts: read_told(&table),
        };
        table.finish();
        draft.native.common = Some(common);
    }
    read_anomaly_alerts(root, &mut draft.native.anomaly_alerts);
    if let Some(list) = root.get("native_budget") {
        if list.is_table() {
            list.note("Azure's budgets are a list: write [[native_budget]] with two brackets");
            return;
        }
        for value in list.list() {
            let Some(table) = value.table() else { continue };
            if let Some(desired) = read_described(&table) {
                draft.native.described.push(desired);
            }
            table.finish();
        }
    }
}

/// `native` of a budget: `false`, or a table.
pub(super) fn read_own(value: &Value<'_>) -> Own {
    if let Some(on) = value.if_flag() {
        return Own {
            off: !on,
            on,
            ..Own::default()
        };
    }
    let Some(table) = value.table() else {
        return Own::default();
    };
    let own = Own {
        on: true,
        name: table.get("name").and_then(|value| read_name(&value)),
        scope: table.get("scope").and_then(|value| value.parse()),
        provider: read_provider(&table),
        contacts: read_told(&table),
        ..Own::default()
    };
    table.finish();
    own
}

/// `native` of a threshold: `false`, or a table.
pub(super) fn read_own_threshold(value: &Value<'_>) -> OwnThreshold {
    match value.if_flag() {
        Some(false) => OwnThreshold::Off,
        Some(true) => OwnThreshold::Told(Told::default()),
        None => {
            let Some(table) = value.table() else {
                return OwnThreshold::Off;
            };
            let told = read_told(&table);
            table.finish();
            OwnThreshold::Told(told)
        }
    }
}

impl NativeDraft {
    pub(super) fn keep(&mut self, budget: &str, own: Own) {
        self.budgets.insert(budget.to_owned(), own);
    }

    /// Settles who is told, now that channels are known.
    pub(super) fn settle(
        mut self,
        budgets: &Budgets,
        channels: &BTreeMap<String, Channel>,
    ) -> Native {
        let mut settings = BTreeMap::new();
        for budget in budgets.iter() {
            let own = self.budgets.remove(&budget.id).unwrap_or_default();
            let is_named = own.on || !own.thresholds.is_empty();
            if own.off || (self.common.is_none() && !is_named) {
                continue;
            }
            settings.insert(
                budget.id.clone(),
                settle(budget, own, &self.common, channels),
            );
        }
        let native = Native {
            settings,
            budgets: self.described,
            anomaly_alerts: self.anomaly_alerts,
            ..Native::default()
        };
        match self.common {
            Some(common) => Native {
                connection: common.connection,
                apply_from_app: common.apply_from_app,
                dismiss_acknowledged: common.dismiss_acknowledged,
                hook: common.hook,
                tolerance: common.tolerance,
                ..native
            },
            None => native,
        }
    }
}

fn settle(
    budget: &Budget,
    mut own: Own,
    common: &Option<Common>,
    channels: &BTreeMap<String, Channel>,
) -> Settings {
    let nothing = Told::default();
    let shared = common.as_ref().map_or(&nothing, |common| &common.contacts);
    let mut thresholds = BTreeMap::new();
    for threshold in &budget.thresholds {
        let narrow = match own.thresholds.remove(&threshold.id) {
            Some(OwnThreshold::Off) => continue,
            Some(OwnThreshold::Told(told)) => told,
            None => Told::default(),
        };
        // The nearest place that says something wins, setting by setting.
        let from = [&narrow, &own.contacts, shared];
        let list = |of: fn(&Told) -> &Option<Vec<String>>| {
            from.into_iter().find_map(|told| of(told).clone())
        };
        let contacts = Contacts {
            emails: list(|told| &told.emails)
                .unwrap_or_else(|| addresses(budget, &threshold.notify, channels)),
            roles: list(|told| &told.roles).unwrap_or_default(),
            groups: list(|told| &told.groups).unwrap_or_default(),
            locale: named_locale(from.into_iter().find_map(|told| told.locale.clone())),
            operator: from
                .into_iter()
                .find_map(|told| told.operator)
                .unwrap_or_default(),
        };
        thresholds.insert(threshold.id.clone(), contacts);
    }
    let provider = common.as_ref().map(|common| common.provider);
    Settings {
        provider: own.provider.or(provider).unwrap_or(Provider::Consumption),
        name: own.name,
        scope: own.scope,
        thresholds,
    }
}

/// The addresses that hear of a threshold from us by mail.
fn addresses(
    budget: &Budget,
    notify: &[String],
    channels: &BTreeMap<String, Channel>,
) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in notify {
        let channel = channels.get(name);
        let mailboxes: &[String] = match channel.and_then(|channel| channel.kind.mailing()) {
            _ if name == OWNERS => &budget.owners,
            Some(mailing) => &mailing.to,
            None => &[],
        };
        for mailbox in mailboxes
            .iter()
            .filter(|mailbox| !mailbox.starts_with("tag:"))
        {
            let address = plain_address(mailbox);
            if !found
                .iter()
                .any(|known| known.eq_ignore_ascii_case(address))
            {
                found.push(address.to_owned());
            }
        }
    }
    found
}

/// The address in `Name <address>`.
pub(super) fn plain_address(mailbox: &str) -> &str {
    match mailbox.rsplit_once('<') {
        Some((_, address)) => address.trim_end_matches('>').trim(),
        None => mailbox.trim(),
    }
}

fn read_told(table: &Table<'_>) -> Told {
    let list = |key, read: fn(&Value<'_>) -> Option<String>| {
        let list: Option<Value<'_>> = table.get(key);
        list.map(|list| list.list().iter().filter_map(read).collect())
    };
    Told {
        emails: list("contact_emails", |value| {
            super::channels::read_mailbox(value).map(|mailbox| plain_address(&mailbox).to_owned())
        }),
        roles: list("contact_roles", |value| value.text().map(str::to_owned)),
        groups: list("action_groups", read_group),
        locale: table.get("locale").and_then(|value| read_locale(&value)),
        operator: table
            .get("operator")
            .and_then(|value| read_operator(&value)),
    }
}

fn read_tolerance(table: &Table<'_>) -> Tolerance {
    let number = |key, most: u32| {
        let value: Value<'_> = table.get(key)?;
        let number = value.decimal()?;
        if number >= Decimal::ZERO && number <= Decimal::from(most) {
            return Some(number);
        }
        value.note(format!(
            "expected a number from 0 to {most}, found {number}"
        ));
        None
    };
    let default = Tolerance::default();
    Tolerance {
        percent: number("tolerance_percent", 100).unwrap_or(default.percent),
        amount: number("tolerance_amount", 1_000_000_000).unwrap_or(default.amount),
    }
}

fn read_group(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if !native_budgets::is_action_group(text) {
        value.note(format!(
            "`{text}` is not the id of an action group; expected \
             /subscriptions/…/resourceGroups/…/providers/Microsoft.Insights/actionGroups/NAME"
        ));
        return None;
    }
    Some(text.to_owned())
}

/// The word for whichever language Azure takes, where `[native]` names another one.
pub(in crate::config) const ANY_LOCALE: &str = "any";

fn read_locale(value: &Value<'_>) -> Option<String> {
    let text = value.text()?.to_ascii_lowercase();
    if LOCALES.contains(&&*text) || text == ANY_LOCALE {
        return Some(text);
    }
    value.note(format!(
        "`{text}` is not a language of Azure's mails; expected {ANY_LOCALE} or one of {}",
        LOCALES.join(", ")
    ));
    None
}

fn named_locale(locale: Option<String>) -> Option<String> {
    locale.filter(|locale| locale != ANY_LOCALE)
}

fn read_operator(value: &Value<'_>) -> Option<Operator> {
    let text = value.text()?;
    let plain = text.replace(['-', '_'], "");
    let found = Operator::of(&plain);
    if found.is_none() {
        value.note(format!(
            "`{text}` is not an operator; expected greater-than-or-equal-to, greater-than, equal-to or less-than"
        ));
    }
    found
}

fn read_provider(table: &Table<'_>) -> Option<Provider> {
    let value = table.get("provider")?;
    let text = value.text()?;
    let found = Provider::ALL
        .into_iter()
        .find(|provider| provider.as_str() == text);
    if found.is_none() {
        value.note(format!(
            "`{text}` is not a provider of budgets; expected consumption or cost-management"
        ));
    }
    found
}

fn read_name(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if native_budgets::is_name(text) {
        return Some(text.to_owned());
    }
    value.note("a budget's name in Azure has 1 to 63 letters, digits, `-` and `_`");
    None
}

/// One of Azure's budgets as it is.
fn read_described(table: &Table<'_>) -> Option<Desired> {
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
    let told = read_told(&table);
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
