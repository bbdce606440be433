//! Costs that two budgets count: all of them, or some.

use std::collections::{BTreeMap, BTreeSet};

use budget_engine::{Budget, Budgets, Filter, Scope};
use jiff::civil::Date;
use native_budgets::{Desired, differences, last_day};

use super::{Finding, Level, warning};
use crate::app::App;

/// How many names a sentence lists.
const MOST_NAMES: usize = 5;

/// Budgets that count exactly the same costs in the same periods: one finding for all that do.
pub(super) fn counted_twice(app: &App) -> Vec<Finding> {
    let budgets = &app.config().budgets;
    let mut groups: BTreeMap<String, Vec<&Budget>> = BTreeMap::new();
    for budget in budgets.iter() {
        groups
            .entry(counts(budgets, budget))
            .or_default()
            .push(budget);
    }
    let mut findings = Vec::new();
    for group in groups.values() {
        let told = group.iter().enumerate().rev().find_map(|(index, budget)| {
            let others = group[..index].iter();
            let others = others.filter(|other| !is_family(budgets, budget, other));
            let others: Vec<&str> = others.map(|other| other.id.as_str()).collect();
            (!others.is_empty()).then_some((budget, others))
        });
        if let Some((budget, others)) = told {
            findings.push(warning(
                &format!("budget.{}", budget.id),
                format!(
                    "it counts the same costs in the same periods as {}: whoever all of them tell \
                     hears everything more than once",
                    listed(&others)
                ),
            ));
        }
    }
    findings
}

/// What a budget counts and when, as a text that is the same for budgets that count the same.
fn counts(budgets: &Budgets, budget: &Budget) -> String {
    let selectors = budgets.selectors(budget).into_iter();
    let mut parts: Vec<String> = selectors
        .map(|one| {
            let scopes: BTreeSet<&str> = one.scopes.iter().map(Scope::folded).collect();
            format!("{scopes:?} {:?} {:?}", one.filter, one.exclude)
        })
        .collect();
    parts.sort();
    format!(
        "{parts:?} {:?} {:?} {:?} {:?} {:?}",
        budget.calendar.grain(),
        budget.starts,
        budget.ends,
        budget.cost_basis,
        budget.currency
    )
}

/// Whether one is above the other by `parent`.
fn is_family(budgets: &Budgets, one: &Budget, other: &Budget) -> bool {
    let is_above = |child: &Budget, above: &Budget| {
        let mut next = child.parent.clone();
        while let Some(id) = next {
            if id == above.id {
                return true;
            }
            next = budgets.get(&id).and_then(|budget| budget.parent.clone());
        }
        false
    };
    is_above(one, other) || is_above(other, one)
}

/// Budgets that count some of the costs of another one, by a scope inside its scope or by values that
/// both lists have: one finding for each that shares its costs.
pub(super) fn counted_in_part(app: &App) -> Vec<Finding> {
    let budgets = &app.config().budgets;
    let all: Vec<(&Budget, String, Counted<'_>)> = budgets
        .iter()
        .filter_map(|budget| {
            Some((
                budget,
                counts(budgets, budget),
                Counted::of(budgets, budget)?,
            ))
        })
        .collect();
    let mut findings = Vec::new();
    for (index, (budget, same, counted)) in all.iter().enumerate() {
        let mut others: Vec<&str> = Vec::new();
        for (place, (other, theirs, part)) in all.iter().enumerate() {
            // The wider one is told of the others; of two that are as wide, the first one.
            let is_wider = match (counted.holds(part), part.holds(counted)) {
                (true, false) => true,
                (false, true) => false,
                _ => index < place,
            };
            let alike = (budget.calendar.grain(), budget.cost_basis, budget.currency)
                == (other.calendar.grain(), other.cost_basis, other.currency);
            if index != place
                && is_wider
                && alike
                && same != theirs
                && counted.shares(part)
                && !is_family(budgets, budget, other)
            {
                others.push(&other.id);
            }
        }
        if !others.is_empty() {
            findings.push(Finding {
                level: Level::Note,
                about: format!("budget.{}", budget.id),
                message: format!(
                    "some of its costs are counted by {}, too: `parent` says that a budget is a part \
                     of another one",
                    listed(&others)
                ),
            });
        }
    }
    findings
}

/// What a budget with one selector counts, if its filter is lists of values that all have to hold.
struct Counted<'a> {
    scopes: &'a [Scope],
    /// Values by the dimension or tag.
    lists: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Counted<'a> {
    fn of(budgets: &'a Budgets, budget: &'a Budget) -> Option<Counted<'a>> {
        let selectors = budgets.selectors(budget);
        let [only] = &selectors[..] else { return None };
        let mut lists = BTreeMap::new();
        if let Some(filter) = only.filter {
            add(filter, &mut lists)?;
        }
        let scopes = only.scopes;
        only.exclude.is_empty().then_some(Counted { scopes, lists })
    }

    /// Whether each scope of the other lies in one of its own.
    fn holds(&self, other: &Counted<'_>) -> bool {
        other.scopes.iter().all(|scope| {
            let mut own = self.scopes.iter();
            own.any(|own| own.contains(scope))
        })
    }

    /// Whether there are scopes that both have, and values of the same lists.
    fn shares(&self, other: &Counted<'_>) -> bool {
        let meet = |one: &Scope, two: &Scope| one.contains(two) || two.contains(one);
        let scopes = self.scopes.iter();
        let is_there = scopes
            .clone()
            .any(|own| other.scopes.iter().any(|one| meet(own, one)));
        is_there
            && self.lists.keys().eq(other.lists.keys())
            && self.lists.iter().all(|(key, values)| {
                let theirs = other.lists.get(key);
                theirs.is_some_and(|theirs| !values.is_disjoint(theirs))
            })
    }
}

/// Adds the lists of a filter; `None` if it is more than lists that all have to hold.
fn add(filter: &Filter, lists: &mut BTreeMap<String, BTreeSet<String>>) -> Option<()> {
    let (key, values) = match filter {
        Filter::All(parts) => {
            for part in parts {
                add(part, lists)?;
            }
            return Some(());
        }
        Filter::Dimension { name, values } => {
            let values = values.iter().map(|value| value.to_lowercase());
            (format!("{name:?}"), values.collect())
        }
        Filter::Tag { name, values } => (format!("tag {name:?}"), values.iter().cloned().collect()),
        Filter::Any(_) | Filter::Not(_) => return None,
    };
    let is_new = lists.insert(key, values).is_none();
    is_new.then_some(())
}

/// `` `a`, `b` and 3 more``.
fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(MOST_NAMES);
    let shown: Vec<String> = shown.map(|name| format!("`{name}`")).collect();
    let more = match names.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

/// Described budgets over the same costs as another one that Azure should have: one finding for all
/// that are over them. `all` has what to call each.
pub(super) fn kept_twice(all: &[(String, Desired)], today: Date) -> Vec<Finding> {
    let has_ended = |desired: &Desired| last_day(&desired.budget).is_some_and(|end| end < today);
    let apart = ["filter", "time grain", "start", "category"];
    let mut is_told = BTreeSet::new();
    let mut findings = Vec::new();
    for (index, (about, each)) in all.iter().enumerate().rev() {
        if has_ended(each) || is_told.contains(&index) {
            continue;
        }
        let mut others = Vec::new();
        for (place, (other_about, other)) in all[..index].iter().enumerate() {
            // Budgets of ours are compared by what they count.
            let is_ours = each.of.is_some() && other.of.is_some();
            if is_ours || each.scope != other.scope {
                continue;
            }
            let differs = differences(each, &other.budget);
            let mut differs = differs.iter();
            if !differs.any(|one| apart.contains(&one.field.as_str())) {
                others.push(format!("{other_about} (`{}`)", other.budget.name));
                is_told.insert(place);
            }
        }
        if !others.is_empty() {
            let more = match others.len().saturating_sub(MOST_NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            others.truncate(MOST_NAMES);
            findings.push(warning(
                about,
                format!(
                    "Azure would count the same costs for it and for {}{more}",
                    others.join(", ")
                ),
            ));
        }
    }
    findings.reverse();
    findings
}
