//! From wanted and live budgets to what has to be done.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::{Budget as AzureBudget, BudgetFilter};
use budget_engine::Scope;
use serde::Serialize;

use crate::compare::{FieldChange, day_of, differences, says_the_same};
use crate::desired::{Desired, Provider};

/// A budget that Azure has.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Where.
    pub scope: Scope,
    /// At which API it was read.
    pub provider: Provider,
    /// As it was read.
    pub budget: AzureBudget,
    /// Whether it was created here, as the state says.
    pub ours: bool,
}

/// Which budgets that the configuration does not want are deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prune {
    /// Those that were created here.
    pub ours: bool,
    /// Those with these names, whoever created them.
    pub named: BTreeSet<String>,
}

impl Prune {
    /// Whether something of this name may be deleted whoever created it.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.named
            .iter()
            .any(|each| each.eq_ignore_ascii_case(name))
    }

    /// What to do about something of this name that is not wanted, and why.
    pub(crate) fn decide(&self, name: &str, ours: bool) -> (Action, &'static str) {
        match (self.names(name), ours, self.ours) {
            (true, ..) => (
                Action::Delete,
                "the configuration does not want it, and it was named",
            ),
            (_, true, true) => (
                Action::Delete,
                "the configuration does not want it any more",
            ),
            (_, true, false) => (
                Action::Leave,
                "the configuration does not want it any more; --prune deletes it",
            ),
            (_, false, _) => (Action::Leave, "it was not created here"),
        }
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
    /// Id of the budget in the configuration that it follows.
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

/// Wanted budgets that would be one and the same in Azure: scope, name, and the budgets of the
/// configuration. A plan with them would never come to rest.
pub fn collisions(desired: &[Desired]) -> Vec<(Scope, String, Vec<String>)> {
    let mut by_place: BTreeMap<(Scope, String), Vec<String>> = BTreeMap::new();
    for each in desired {
        let place = (each.scope.clone(), each.budget.name.to_ascii_lowercase());
        let owner = each.of.clone().unwrap_or_else(|| each.budget.name.clone());
        by_place.entry(place).or_default().push(owner);
    }
    let twice = by_place.into_iter().filter(|(_, owners)| owners.len() > 1);
    twice
        .map(|((scope, name), owners)| (scope, name, owners))
        .collect()
}

/// What has to be done so that Azure has what is wanted, in the order of scopes and names.
///
/// `live` has all budgets of each scope that `desired` names. Without a difference nothing is
/// written: a plan right after an apply only leaves.
pub fn plan(desired: &[Desired], live: &[Live], prune: &Prune) -> Vec<Change> {
    let mut taken = BTreeSet::new();
    let mut changes: Vec<Change> = Vec::new();
    for wanted in desired {
        let found = live.iter().position(|live| is_at(wanted, live));
        taken.extend(found);
        changes.push(change(wanted, found.map(|index| &live[index]), prune));
    }
    for (index, each) in live.iter().enumerate() {
        if !taken.contains(&index) {
            changes.push(unwanted(each, prune));
        }
    }
    changes.sort_by(|left, right| (&left.scope, &left.name).cmp(&(&right.scope, &right.name)));
    changes
}

fn is_at(desired: &Desired, live: &Live) -> bool {
    // Both APIs show the same cost budgets, so that the name tells.
    desired.scope == live.scope && desired.budget.name.eq_ignore_ascii_case(&live.budget.name)
}

fn change(desired: &Desired, live: Option<&Live>, prune: &Prune) -> Change {
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
    let adopted = match live.ours {
        true => "",
        false => "; it was not created here and is taken over by its name",
    };
    let fixed = fields.iter().find(|field| field.fixed);
    if let Some(field) = fixed
        && !live.ours
        && !prune.names(&live.budget.name)
    {
        // To replace it would delete what others made.
        let reason = format!(
            "it was not created here, and Azure does not change the {} of a budget: give ours \
             another name, or have this one replaced with --delete {}",
            field.field, live.budget.name
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
    let mut fields = vec![
        field("time grain", grain, "`grain` of the budget"),
        field(
            "start",
            start,
            "the period that is running, or the first one",
        ),
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
        if budget.notifications.len() < 5 && !budget.notifications.contains_key(key) {
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

fn unwanted(live: &Live, prune: &Prune) -> Change {
    let (action, reason) = prune.decide(&live.budget.name, live.ours);
    Change {
        scope: live.scope.clone(),
        provider: live.provider,
        name: live.budget.name.clone(),
        of: None,
        action,
        reason: reason.to_owned(),
        fields: Vec::new(),
        write: None,
        live: Some(live.budget.clone()),
    }
}
