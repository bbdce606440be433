//! `[[budget]]` tables: plans, thresholds and filters.

use std::collections::{BTreeMap, BTreeSet};

use budget_engine::{
    Budget, Calendar, Dimension, Filter, FollowUp, LARGEST_AMOUNT, Planned, Severity, Statistic,
    TagName, Threshold, When,
};
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use super::actions::{Named, read_named};
use super::channels::read_mailbox;
use super::native::{Own, read_own, read_own_threshold};
use super::{Defaults, Draft, ID_RULE, OWNERS, is_id, read_basis, read_probability};
use crate::config::reader::{Table, Value};

pub(super) fn read_budgets(root: &Table<'_>, defaults: &Defaults, draft: &mut Draft) {
    let Some(list) = root.get("budget") else {
        return;
    };
    if list.is_table() {
        list.note("budgets are a list: write [[budget]] with two brackets");
        return;
    }
    for value in list.list() {
        let Some(mut table) = value.table() else {
            continue;
        };
        if let Some(budget) = read_budget(&mut table, defaults, draft) {
            draft.budgets.push((budget, table.place()));
        }
        table.finish();
    }
}

fn read_budget(table: &mut Table<'_>, defaults: &Defaults, draft: &mut Draft) -> Option<Budget> {
    let id = table
        .require("id", "id = \"payments-prod\"")
        .and_then(|value| {
            let id = value.text()?;
            if !is_id(id) {
                value.note(format!("an id has {ID_RULE}"));
                return None;
            }
            Some(id.to_owned())
        });
    if let Some(id) = &id {
        table.path = format!("budget.{id}");
    }
    let name = table
        .get("name")
        .and_then(|value| value.text())
        .map(str::to_owned);
    let scopes = table
        .get("scopes")
        .map(|list| list.list().iter().filter_map(Value::parse).collect());
    let currency = table
        .get("currency")
        .map_or(draft.currency, |value| value.parse());
    let grain = table
        .get("grain")
        .map_or(Some(defaults.grain), |value| value.parse());
    let starts = table.get("starts").map(|value| value.date());
    let ends = table.get("ends").and_then(|value| value.date());
    let cost_basis = table
        .get("cost_basis")
        .map_or(Some(defaults.cost_basis), |value| read_basis(&value));
    let exclude = table
        .get("exclude")
        .map(|list| list.list().iter().filter_map(Value::parse).collect());
    let filter = table.get("filter").map(|value| read_filter(&value));
    let mut native = table.get("native").map(|value| read_own(&value));
    let parent = table
        .get("parent")
        .and_then(|value| value.text())
        .map(str::to_owned);
    let owners = table
        .get("owners")
        .map_or_else(|| defaults.owners.clone(), |list| read_owners(&list));
    let notify = match table.get("notify") {
        Some(list) => read_notify(&list, table, draft),
        None => defaults.notify.clone(),
    };
    let margin = table
        .get("margin_percent")
        .and_then(|value| read_margin(&value));
    let follow_up = read_follow_up(table, &defaults.follow_up, draft);
    // An anchor in 2024 begins weeks on Mondays, and quarters and years in January.
    let anchor = starts.flatten().unwrap_or(date(2024, 1, 1));
    let calendar = grain.map(|grain| Calendar::new(grain, anchor));
    let planned = table
        .require("amount", "amount = 10_000")
        .and_then(|value| read_planned(&value, calendar.as_ref()));
    let mut actions = Vec::new();
    let base = Base {
        defaults,
        notify: &notify,
        follow_up: &follow_up,
    };
    let thresholds = read_thresholds(table, &base, draft, &mut native, &mut actions);
    if table.get("notify").is_none() && takes_over_notify(table) {
        // The defaults' own names are checked where they stand; built-in ones where they count.
        let names = defaults.notify.iter();
        let named = names.map(|name| (name.clone(), table.place(), table.path.clone()));
        draft.named.extend(named);
    }
    if let (Some(Some(starts)), Some(ends)) = (starts, ends)
        && ends < starts
    {
        table.note(format!("`ends` {ends} lies before `starts` {starts}"));
    }
    for threshold in &thresholds {
        let told = threshold.notify.iter().any(|name| name == OWNERS);
        if told && owners.is_empty() {
            table.note("\"owners\" are to be told, but the budget has no `owners`");
            break;
        }
    }
    let id = id?;
    if let Some(native) = native {
        draft.native.keep(&id, native);
    }
    for (threshold, names) in actions {
        draft.actions.keep(&id, threshold, names);
    }
    Some(Budget {
        name: name.unwrap_or_else(|| id.clone()),
        scopes: scopes.unwrap_or_default(),
        filter: match filter {
            Some(filter) => Some(filter?),
            None => None,
        },
        exclude: exclude.unwrap_or_default(),
        cost_basis: cost_basis?,
        currency: currency?,
        calendar: calendar?,
        starts: starts.flatten(),
        ends,
        planned: planned?,
        parent,
        thresholds,
        owners,
        margin: margin.unwrap_or(defaults.margin),
        id,
    })
}

/// Whether a threshold of a budget tells whom its budget tells.
fn takes_over_notify(budget: &Table<'_>) -> bool {
    let Some(own) = budget.get("threshold") else {
        return true;
    };
    let lines = own.list();
    let mut lines = lines.iter().filter_map(Value::table);
    budget.get("thresholds").is_some() || lines.any(|line| line.get("notify").is_none())
}

/// How far below a level, in percent, a crossing is taken back.
pub(super) fn read_margin(value: &Value<'_>) -> Option<Decimal> {
    let percent = value.decimal()?;
    if (Decimal::ZERO..=Decimal::from(50)).contains(&percent) {
        return Some(percent);
    }
    value.note(format!(
        "a margin is a percentage from 0 to 50, found {percent}"
    ));
    None
}

/// The longest time between reminders: a quarter.
const LONGEST_HOURS: u32 = 92 * 24;

/// What happens while nobody acknowledges an alert; what a table does not set is as in `base`.
pub(super) fn read_follow_up(table: &Table<'_>, base: &FollowUp, draft: &mut Draft) -> FollowUp {
    // 0 switches off what the level above switches on.
    let hours = |key: &'static str, base: Option<u32>| match table.get(key) {
        Some(value) => value.whole(0..=LONGEST_HOURS).filter(|hours| *hours > 0),
        None => base,
    };
    let remind_every_hours = hours("remind_every_hours", base.remind_every_hours);
    let escalate_after_hours = hours("escalate_after_hours", base.escalate_after_hours);
    let escalate_to = match table.get("escalate_to") {
        Some(list) => read_notify(&list, table, draft),
        None => base.escalate_to.clone(),
    };
    if escalate_after_hours.is_some() && escalate_to.is_empty() {
        table.note(
            "`escalate_after_hours` tells nobody: name destinations, for example \
             escalate_to = [\"finops-teams\"]",
        );
    }
    FollowUp {
        remind_every_hours,
        escalate_after_hours,
        escalate_to,
    }
}

/// What thresholds have that do not set it.
struct Base<'a> {
    defaults: &'a Defaults,
    notify: &'a [String],
    follow_up: &'a FollowUp,
}

fn read_thresholds(
    table: &Table<'_>,
    base: &Base<'_>,
    draft: &mut Draft,
    native: &mut Option<Own>,
    actions: &mut Vec<(String, Named)>,
) -> Vec<Threshold> {
    let Base {
        defaults,
        notify,
        follow_up,
    } = *base;
    let plain = |when: When| Threshold {
        id: when.default_id(),
        when,
        probability: defaults.probability,
        severity: default_severity(&when),
        notify: notify.to_vec(),
        follow_up: follow_up.clone(),
    };
    let mut thresholds = Vec::new();
    let list = table.get("thresholds");
    let own = table.get("threshold");
    if let Some(list) = &list {
        thresholds.extend(list.list().iter().filter_map(Value::parse).map(plain));
    }
    if let Some(own) = &own {
        for value in own.list() {
            let Some(line) = value.table() else { continue };
            let when = line
                .require("when", "when = \"actual 80%\"")
                .and_then(|value| value.parse::<When>());
            let id = line.get("id").and_then(|value| {
                let id = value.text()?;
                if !is_id(id) {
                    value.note(format!("an id has {ID_RULE}"));
                    return None;
                }
                Some(id.to_owned())
            });
            let probability = line
                .get("probability")
                .and_then(|value| read_probability(&value));
            let severity = line.get("severity").and_then(|value| {
                let text = value.text()?;
                let found = Severity::ALL
                    .into_iter()
                    .find(|severity| severity.as_str() == text);
                if found.is_none() {
                    value.note(format!(
                        "`{text}` is not a severity; expected info, warning or critical"
                    ));
                }
                found
            });
            let own_notify = line
                .get("notify")
                .map(|list| read_notify(&list, &line, draft));
            let own_follow_up = read_follow_up(&line, follow_up, draft);
            let own_native = line.get("native").map(|value| read_own_threshold(&value));
            let own_actions = line.get("actions").map(|list| read_named(&list, &line));
            line.finish();
            let Some(when) = when else { continue };
            let id = id.unwrap_or_else(|| when.default_id());
            if let Some(own_native) = own_native {
                let native = native.get_or_insert_default();
                native.thresholds.insert(id.clone(), own_native);
            }
            if let Some(names) = own_actions {
                actions.push((id.clone(), names));
            }
            thresholds.push(Threshold {
                id,
                when,
                probability: probability.unwrap_or(defaults.probability),
                severity: severity.unwrap_or(default_severity(&when)),
                notify: own_notify.unwrap_or_else(|| notify.to_vec()),
                follow_up: own_follow_up,
            });
        }
    }
    if list.is_none() && own.is_none() {
        thresholds.extend(defaults.thresholds.iter().copied().map(plain));
    }
    let mut seen = BTreeSet::new();
    for threshold in &thresholds {
        if !seen.insert(&threshold.id) {
            table.note(format!("two thresholds have the id `{}`", threshold.id));
        }
        if threshold.notify.is_empty() {
            table.note(format!(
                "the threshold `{}` would tell nobody: `notify` is empty",
                threshold.id
            ));
        }
    }
    thresholds
}

/// A planned amount that is passed is critical; everything before it is a warning.
pub(crate) fn default_severity(when: &When) -> Severity {
    use budget_engine::Level;
    match when {
        When::Actual(Level::Percent(percent)) if *percent >= Decimal::ONE_HUNDRED => {
            Severity::Critical
        }
        _ => Severity::Warning,
    }
}

fn read_planned(value: &Value<'_>, calendar: Option<&Calendar>) -> Option<Planned> {
    let positive = |value: &Value<'_>| {
        let amount = value.decimal()?;
        if amount <= Decimal::ZERO {
            value.note(format!(
                "a planned amount must be greater than zero, found {amount}"
            ));
            return None;
        }
        if amount > LARGEST_AMOUNT {
            value.note(format!(
                "a planned amount is at most {LARGEST_AMOUNT}, found {amount}"
            ));
            return None;
        }
        Some(amount)
    };
    if !value.is_table() {
        return positive(value).map(Planned::Flat);
    }
    let table = value.table()?;
    if let Some(history) = table.get("history") {
        let plus_percent = table
            .get("plus_percent")
            .map_or(Some(Decimal::ZERO), |value| read_plus_percent(&value));
        let parsed = history.text().and_then(|text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            let statistic = match *words.first()? {
                "median" => Statistic::Median,
                "mean" => Statistic::Mean,
                "max" => Statistic::Max,
                _ => return None,
            };
            let periods = words
                .get(1)?
                .parse()
                .ok()
                .filter(|count| (1..=36).contains(count))?;
            (words.len() == 3 && words[2].starts_with("period")).then_some((statistic, periods))
        });
        table.finish();
        let Some((statistic, periods)) = parsed else {
            history.note(
                "expected for example \"median 3 periods\": median, mean or max of 1 to 36 periods",
            );
            return None;
        };
        return Some(Planned::History {
            statistic,
            periods,
            plus_percent: plus_percent?,
        });
    }
    let mut amounts = BTreeMap::new();
    for (key, _, value) in table.entries() {
        let Some((first, last)) = days_named(key) else {
            value.note(format!(
                "`{key}` is not a period; expected 2026-01, 2026-Q1, 2026 or 2026-01-31"
            ));
            continue;
        };
        let amount = positive(&value);
        let Some(calendar) = calendar else { continue };
        let Some(period) = calendar.period_of(last) else {
            continue;
        };
        // A month, quarter or year names the one period that begins in it; a day the one it lies in.
        let begins = first == last || period.start() >= first;
        let alone = calendar
            .previous(&period)
            .is_none_or(|before| before.start() < first);
        if !begins || !alone {
            let many = if begins { "several" } else { "no" };
            value.note(format!(
                "{many} {} periods begin in {key}; name each by a month or day in which it begins",
                calendar.grain()
            ));
            continue;
        }
        if let Some(amount) = amount
            && amounts.insert(period.start(), amount).is_some()
        {
            value.note(format!("the period {period} has two amounts"));
        }
    }
    (!amounts.is_empty()).then_some(Planned::PerPeriod(amounts))
}

fn read_plus_percent(value: &Value<'_>) -> Option<Decimal> {
    let percent = value.decimal()?;
    if (Decimal::from(-99)..=Decimal::from(10_000)).contains(&percent) {
        return Some(percent);
    }
    value.note(format!(
        "expected a percentage from -99 to 10000, found {percent}"
    ));
    None
}

/// The first and last day of a month, quarter or year, or the day itself.
fn days_named(key: &str) -> Option<(Date, Date)> {
    if let Ok(day) = key.parse::<Date>()
        && key.len() == 10
    {
        return Some((day, day));
    }
    let months = |year: &str, first: i8, last: i8| {
        let year = year.parse().ok().filter(|_| year.len() == 4)?;
        Some((
            Date::new(year, first, 1).ok()?,
            Date::new(year, last, 1).ok()?.last_of_month(),
        ))
    };
    match key.split_once('-') {
        None => months(key, 1, 12),
        Some((year, quarter)) if quarter.starts_with(['Q', 'q']) => {
            let quarter: i8 = quarter[1..]
                .parse()
                .ok()
                .filter(|quarter| (1..=4).contains(quarter))?;
            months(year, quarter * 3 - 2, quarter * 3)
        }
        Some((year, number)) => {
            let month = number.parse().ok().filter(|_| number.len() == 2)?;
            months(year, month, month)
        }
    }
}

fn read_filter(value: &Value<'_>) -> Option<Filter> {
    let table = value.table()?;
    let parts = |value: Value<'_>| -> Option<Vec<Filter>> {
        let items = value.list();
        let filters: Vec<Filter> = items.iter().filter_map(read_filter).collect();
        (filters.len() == items.len()).then_some(filters)
    };
    let all = table.get("all");
    let any = table.get("any");
    let not = table.get("not");
    let dimension = table.get("dimension");
    let tag = table.get("tag");
    let values = table.get("in").map(|list| {
        list.list()
            .iter()
            .filter_map(|value| value.any_text())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    let given = [&all, &any, &not, &dimension, &tag]
        .into_iter()
        .filter(|part| part.is_some())
        .count();
    if given != 1 || (values.is_some() != (dimension.is_some() || tag.is_some())) {
        table.note(
            "a condition is one of { all = [..] }, { any = [..] }, { not = {..} }, \
             { dimension = \"ServiceName\", in = [..] } or { tag = \"env\", in = [..] }",
        );
        return None;
    }
    table.finish();
    match (all, any, not, dimension, tag, values) {
        (Some(list), ..) => Some(Filter::All(parts(list)?)),
        (_, Some(list), ..) => Some(Filter::Any(parts(list)?)),
        (_, _, Some(part), ..) => Some(Filter::Not(Box::new(read_filter(&part)?))),
        (_, _, _, Some(name), _, Some(values)) => Some(Filter::Dimension {
            name: name.parse::<Dimension>()?,
            values,
        }),
        (_, _, _, _, Some(name), Some(values)) => Some(Filter::Tag {
            name: TagName::new(name.text()?),
            values,
        }),
        _ => None,
    }
}

pub(super) fn read_owners(list: &Value<'_>) -> Vec<String> {
    let read = |value: &Value<'_>| {
        if value.text()?.starts_with("tag:") {
            return Some(value.text()?.to_owned());
        }
        read_mailbox(value)
    };
    list.list().iter().filter_map(read).collect()
}

pub(super) fn read_notify(list: &Value<'_>, table: &Table<'_>, draft: &mut Draft) -> Vec<String> {
    let mut names = Vec::new();
    for value in list.list() {
        let Some(name) = value.text() else { continue };
        draft
            .named
            .push((name.to_owned(), table.place(), value.path.clone()));
        names.push(name.to_owned());
    }
    names
}
