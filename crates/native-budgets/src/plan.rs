//! From wanted and live budgets to what has to be done.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::{Budget as AzureBudget, BudgetFilter};
use budget_engine::Scope;
use serde::Serialize;

use crate::compare::{FieldChange, day_of, differences, says_the_same};
use crate::desired::{Desired, Provider};
use crate::names::{Names, Origin, part_number};
use crate::prune::{Named, Prune};
use crate::split::{MOST_NOTIFICATIONS, split};
use crate::start::months_of;

/// A budget that Azure has.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Where.
    pub scope: Scope,
    /// At which API it was read.
    pub provider: Provider,
    /// As it was read.
    pub budget: AzureBudget,
    /// Who made it, as the state says.
    pub origin: Origin,
}

impl Live {
    fn is_ours(&self) -> bool {
        matches!(self.origin, Origin::Here { .. })
    }
}

/// What is to be done about one budget of Azure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Where.
    pub scope: Scope,
    /// At which API.
    pub provider: Provider,
    /// Its name in Azure.
    pub name: String,
    /// Id of the budget in the configuration that it follows; what is not wanted has one only if it
    /// was created for that budget, and tells of an old amount.
    pub of: Option<String>,
    /// What to do.
    pub action: Action,
    /// Why, in one sentence.
    pub reason: String,
    /// What changes.
    pub fields: Vec<FieldChange>,
    /// What to write, for create, update and replace. For an update it has the version that was read
    /// and what Azure does not let anybody change.
    pub write: Option<AzureBudget>,
    /// The budget as it was read.
    #[serde(skip)]
    pub live: Option<AzureBudget>,
    /// What is wanted; `None` if the configuration does not want it.
    #[serde(skip)]
    pub desired: Option<Desired>,
}

impl Change {
    /// Whether Azure has something else than what is wanted, and it stays so: only somebody can say
    /// whether what others made may be replaced.
    pub fn is_in_the_way(&self) -> bool {
        self.action == Action::Leave && self.desired.is_some() && !self.fields.is_empty()
    }

    /// Whether something that Azure tells now is not told there any more afterwards: another budget may
    /// be about to take it over.
    pub fn takes_away(&self) -> bool {
        match self.action {
            Action::Create | Action::Replace | Action::Leave => false,
            Action::Update => self.fields.iter().any(|field| field.after.is_none()),
            Action::Delete => true,
        }
    }

    /// Whether it has to wait until another change succeeds that may take over what it takes away: at its
    /// own scope, or of a budget that moves to another one.
    pub fn waits_for(&self, other: &Change) -> bool {
        let is_taken_over = |name: &str| {
            let mut fields = other.fields.iter();
            fields.any(|field| field.field == name && field.after.is_some())
        };
        let mut ended = self.fields.iter().filter(|field| field.after.is_none());
        match self.action {
            Action::Delete => other.action != Action::Delete && self.may_move_to(other),
            _ => self.takes_away() && ended.any(|field| is_taken_over(&field.field)),
        }
    }

    fn may_move_to(&self, other: &Change) -> bool {
        let is_same = self.of.is_some() && self.of == other.of;
        self.scope == other.scope || is_same || self.name.eq_ignore_ascii_case(&other.name)
    }

    /// Whether Azure still has what was created for a budget of the configuration that it cannot
    /// express any more: it goes on telling of an old amount until it is deleted.
    pub fn is_left_behind(&self) -> bool {
        self.action == Action::Leave && self.desired.is_none() && self.of.is_some()
    }
}

/// What to do about a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Azure does not have it.
    Create,
    /// It differs in what can be changed.
    Update,
    /// It differs in what cannot be changed: delete and create.
    Replace,
    /// It is not wanted any more.
    Delete,
    /// Nothing.
    Leave,
}

impl Action {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace => "replace",
            Action::Delete => "delete",
            Action::Leave => "leave",
        }
    }
}

/// Wanted budgets that would be one and the same in Azure: scope, name in lower case, and which they
/// are in the configuration. A plan with them would never come to rest.
pub fn collisions(desired: &[Desired]) -> Vec<(Scope, String, Vec<String>)> {
    let mut by_place: BTreeMap<(Scope, String), Vec<String>> = BTreeMap::new();
    for each in desired {
        let place = (each.scope.clone(), each.budget.name.to_ascii_lowercase());
        let described = || format!("[[native_budget]] {}", each.budget.name);
        let owner = each.of.clone().unwrap_or_else(described);
        by_place.entry(place).or_default().push(owner);
    }
    let twice = by_place.into_iter().filter(|(_, owners)| owners.len() > 1);
    twice
        .map(|((scope, name), owners)| (scope, name, owners))
        .collect()
}

/// What has to be done so that Azure has what is wanted, in the order of scopes and names.
///
/// `live` has all budgets of each scope that `desired` names, and `names` the names of all that is
/// configured. Without a difference nothing is written: a plan right after an apply only leaves.
pub fn plan(desired: &[Desired], live: &[Live], names: &Names, prune: &Prune) -> Vec<Change> {
    let mut taken = BTreeSet::new();
    let mut changes: Vec<Change> = Vec::new();
    for whole in desired {
        let others = desired.iter().filter(|other| {
            other.scope == whole.scope
                && !other.budget.name.eq_ignore_ascii_case(&whole.budget.name)
        });
        let others = others
            .map(|other| other.budget.name.to_ascii_lowercase())
            .collect();
        for wanted in split(whole, live, names, &others) {
            let found = live.iter().position(|live| is_at(&wanted, live));
            taken.extend(found);
            changes.push(plan_one(&wanted, found.map(|index| &live[index]), prune));
        }
    }
    for (index, each) in live.iter().enumerate() {
        if !taken.contains(&index) {
            changes.push(unwanted(each, desired, names, prune));
        }
    }
    changes.sort_by(|left, right| (&left.scope, &left.name).cmp(&(&right.scope, &right.name)));
    changes
}

fn is_at(desired: &Desired, live: &Live) -> bool {
    // Both APIs show the same cost budgets, so that the name tells.
    desired.scope == live.scope && desired.budget.name.eq_ignore_ascii_case(&live.budget.name)
}

/// What has to be done about one budget that is wanted just so, with what Azure has of its name.
pub fn plan_one(desired: &Desired, live: Option<&Live>, prune: &Prune) -> Change {
    let base = Change {
        scope: desired.scope.clone(),
        provider: desired.provider,
        name: desired.budget.name.clone(),
        of: desired.of.clone(),
        action: Action::Create,
        reason: "Azure does not have it".to_owned(),
        fields: Vec::new(),
        write: None,
        live: None,
        desired: Some(desired.clone()),
    };
    let Some(live) = live else {
        let fields = everything(desired);
        return Change {
            fields,
            write: Some(desired.budget.clone()),
            ..base
        };
    };
    let fields = differences(desired, &live.budget);
    let kept = Some(live.budget.clone());
    if fields.is_empty() {
        let reason = "it is as configured".to_owned();
        return Change {
            action: Action::Leave,
            reason,
            live: kept,
            ..base
        };
    }
    let adopted = match live.is_ours() {
        true => "",
        false => "; it was not created here and is taken over by its name",
    };
    let fixed = fields.iter().find(|field| field.fixed);
    if let Some(field) = fixed
        && !live.is_ours()
        && !prune.names(&live.scope, &live.budget.name)
    {
        // To replace it would delete what others made.
        let reason = format!(
            "it was not created here, and Azure does not change the {} of a budget: give ours \
             another name, or have this one replaced with --delete {}",
            field.field,
            named(live)
        );
        return Change {
            action: Action::Leave,
            reason,
            fields,
            live: kept,
            ..base
        };
    }
    if let Some(field) = fixed {
        let reason = format!(
            "Azure does not change the {} of a budget{adopted}",
            field.field
        );
        let write = Some(desired.budget.clone());
        return Change {
            action: Action::Replace,
            reason,
            fields,
            write,
            live: kept,
            ..base
        };
    }
    let names: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
    let what = match names[..] {
        [one] => format!("{one} differs"),
        _ => format!("{} fields differ", names.len()),
    };
    Change {
        action: Action::Update,
        reason: format!("{what}{adopted}"),
        write: Some(updated(desired, &live.budget)),
        fields,
        live: kept,
        ..base
    }
}

/// All fields of a budget that is to be created.
fn everything(desired: &Desired) -> Vec<FieldChange> {
    let mut nothing = desired.budget.clone();
    nothing.amount = None;
    nothing.filter = BudgetFilter::default();
    nothing.notifications.clear();
    let period = &desired.budget.time_period;
    let field = |name: &str, after: String, reason: &str| FieldChange {
        field: name.to_owned(),
        before: None,
        after: Some(after),
        reason: reason.to_owned(),
        fixed: false,
    };
    let grain = desired.budget.time_grain.clone();
    let start = day_of(period.start).to_string();
    let from = match months_of(&grain) {
        Some(_) => "the period that is running, or the first one",
        None => "today, or later if it starts later",
    };
    let mut fields = vec![
        field("time grain", grain, "`grain` of the budget"),
        field("start", start, from),
    ];
    if let Some(end) = period.end {
        fields.push(field(
            "end",
            day_of(end).to_string(),
            "`ends` of the budget",
        ));
    }
    fields.extend(differences(desired, &nothing));
    fields
}

/// What to put in place of a live budget: its start and version stay, and so do the keys of
/// notifications that say what is wanted, and those that are switched off while there is room.
fn updated(desired: &Desired, live: &AzureBudget) -> AzureBudget {
    let mut budget = desired.budget.clone();
    budget.id.clone_from(&live.id);
    budget.name.clone_from(&live.name);
    budget.etag.clone_from(&live.etag);
    budget.time_period.start = live.time_period.start;
    budget.time_grain.clone_from(&live.time_grain);
    let mut rest = std::mem::take(&mut budget.notifications);
    let mut switched_off = Vec::new();
    for (key, known) in &live.notifications {
        if !known.enabled {
            switched_off.push((key, known));
            continue;
        }
        let same = rest.iter().find(|(_, wanted)| says_the_same(wanted, known));
        if let Some(same) = same.map(|(key, _)| key.clone()) {
            rest.remove(&same);
            budget.notifications.insert(key.clone(), known.clone());
        }
    }
    for (key, mut wanted) in rest {
        // Azure has been seen to ignore a changed type under a key that it knows.
        let mut free = key.clone();
        let mut count = 1;
        while live.notifications.get(&free).is_some_and(|known| {
            !known
                .threshold_type
                .eq_ignore_ascii_case(&wanted.threshold_type)
        }) || budget.notifications.contains_key(&free)
        {
            count += 1;
            free = format!("{key}_{count}");
        }
        if let Some(known) = live.notifications.get(&free) {
            keep_defaults(&mut wanted, known);
        }
        budget.notifications.insert(free, wanted);
    }
    for (key, known) in switched_off {
        if budget.notifications.len() < MOST_NOTIFICATIONS
            && !budget.notifications.contains_key(key)
        {
            budget.notifications.insert(key.clone(), known.clone());
        }
    }
    budget
}

/// What is not configured stays as Azure has it.
fn keep_defaults(
    wanted: &mut azure_cost::BudgetNotification,
    known: &azure_cost::BudgetNotification,
) {
    if wanted.locale.is_empty() {
        wanted.locale.clone_from(&known.locale);
    }
    if wanted.frequency.is_empty() {
        wanted.frequency.clone_from(&known.frequency);
    }
}

fn unwanted(live: &Live, desired: &[Desired], names: &Names, prune: &Prune) -> Change {
    let part_of = part_of(live, desired, names);
    let (action, reason) = match (part_of, &live.origin) {
        (Some(id), Origin::Here { .. }) => (
            Action::Delete,
            format!("{id} does not need this part any more, and it would tell of an old amount"),
        ),
        (Some(id), Origin::Elsewhere) if !prune.names(&live.scope, &live.budget.name) => (
            Action::Leave,
            format!(
                "it has the name of a part of {id}, but was not created here; --delete {} deletes it",
                named(live)
            ),
        ),
        _ => {
            let (action, reason) = prune.decide(&live.scope, &live.budget.name, live.is_ours());
            (action, reason.to_owned())
        }
    };
    Change {
        scope: live.scope.clone(),
        provider: live.provider,
        name: live.budget.name.clone(),
        of: part_of
            .filter(|_| action == Action::Delete)
            .map(str::to_owned),
        action,
        reason,
        fields: Vec::new(),
        write: None,
        live: Some(live.budget.clone()),
        desired: None,
    }
}

/// Id of the wanted budget at the same scope of which a budget is a part by its name and origin.
fn part_of<'a>(live: &Live, desired: &'a [Desired], names: &Names) -> Option<&'a str> {
    let mut at_scope = desired.iter().filter(|each| each.scope == live.scope);
    at_scope.find_map(|each| {
        let id = each.of.as_deref()?;
        let name = &live.budget.name;
        let is_part = part_number(name, &each.budget.name).is_some();
        (is_part && names.belongs(name, &live.origin, id)).then_some(id)
    })
}

/// How one of Azure's budgets is named so that no other is meant.
fn named(live: &Live) -> Named {
    Named {
        scope: Some(live.scope.clone()),
        name: live.budget.name.clone(),
    }
}
