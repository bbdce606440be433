//! `[native]`, and `native` in budgets and thresholds.

use std::collections::BTreeMap;

use budget_engine::{Budget, Budgets, Scope};
use native_budgets::{AnomalyRule, Contacts, Desired, LOCALES, Operator, Provider, Settings};
use rust_decimal::Decimal;

use super::anomaly_alerts::read_anomaly_alerts;
use super::budgets::read_notify;
use super::described::read_described;
use super::hook::read_hook;
use super::sources::read_connection;
use super::{Draft, OWNERS};
use crate::config::native::{Hook, Tolerance};
use crate::config::reader::{Table, Value};
use crate::config::{Channel, Connection, Native};

/// What the files say about Azure's budgets, before channels and owners are known.
#[derive(Default)]
pub(super) struct NativeDraft {
    /// `[native]`, if it is there.
    common: Option<Common>,
    /// `native` of budgets, by id.
    budgets: BTreeMap<String, Own>,
    described: Vec<Desired>,
    /// `notify` of those, by their scope and name in lower case.
    notify: BTreeMap<(Scope, String), Vec<String>>,
    anomaly_alerts: Vec<AnomalyRule>,
}

struct Common {
    connection: Option<Connection>,
    owner: Option<String>,
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
    pub(super) emails: Option<Vec<String>>,
    pub(super) roles: Option<Vec<String>>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) locale: Option<String>,
    pub(super) operator: Option<Operator>,
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
            owner: table.get("owner").and_then(|value| read_owner(&value)),
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
            let desired = read_described(&table);
            if let Some(list) = table.get("notify") {
                let names = read_notify(&list, &table, draft);
                if names.iter().any(|name| name == OWNERS) {
                    list.note("one of Azure's budgets has no owners: name channels");
                }
                if let Some(desired) = &desired {
                    let place = (desired.scope.clone(), desired.budget.name.to_lowercase());
                    draft.native.notify.insert(place, names);
                }
            }
            draft.native.described.extend(desired);
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
    /// Whether Azure's own budgets or rules are described as they are.
    pub(super) fn describes_any(&self) -> bool {
        !self.described.is_empty() || !self.anomaly_alerts.is_empty()
    }

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
            notify: self.notify,
            anomaly_alerts: self.anomaly_alerts,
            ..Native::default()
        };
        match self.common {
            Some(common) => Native {
                connection: common.connection,
                owner: common.owner,
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

/// Whom Azure tells of costs.
fn read_told(table: &Table<'_>) -> Told {
    let mut told = read_told_of_use(table);
    if told.operator == Some(Operator::LessThan) {
        if let Some(value) = table.get("operator") {
            value.note(
                "less-than is for the use of reservations, which only a [[native_budget]] watches; \
                 costs are told with greater-than-or-equal-to or greater-than",
            );
        }
        told.operator = None;
    }
    told
}

/// The same of costs or of the use of reservations.
pub(super) fn read_told_of_use(table: &Table<'_>) -> Told {
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

/// The name of a configuration among those that share a state.
fn read_owner(value: &Value<'_>) -> Option<String> {
    let text = value.text()?.trim();
    if text.is_empty() {
        value.note("the name of this configuration among those that share a state is empty");
        return None;
    }
    Some(text.to_owned())
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

pub(super) fn named_locale(locale: Option<String>) -> Option<String> {
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

pub(super) fn read_provider(table: &Table<'_>) -> Option<Provider> {
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

pub(super) fn read_name(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if native_budgets::is_name(text) {
        return Some(text.to_owned());
    }
    value.note("a budget's name in Azure has 1 to 63 letters, digits, `-` and `_`");
    None
}
