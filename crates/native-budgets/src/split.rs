//! More notifications than one of Azure's budgets takes, divided over several.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::BudgetNotification;

use crate::compare::Subject;
use crate::desired::Desired;
use crate::names::{Names, Origin, part_name, part_number};
use crate::plan::Live;

/// The most notifications that one of Azure's budgets takes.
pub(crate) const MOST_NOTIFICATIONS: usize = 5;

/// Divides a budget into those that Azure takes, each with its name.
///
/// What a live part tells already it goes on telling, so that one more threshold changes one part
/// and Azure does not tell again what moved. New notifications go to the first part with room. The
/// first part always is there; another one that would tell nothing is not.
///
/// `taken` has the names, in lower case, of other budgets that are wanted at the scope.
pub(crate) fn split(
    whole: &Desired,
    live: &[Live],
    names: &Names,
    taken: &BTreeSet<String>,
) -> Vec<Desired> {
    let Some(id) = &whole.of else {
        return vec![whole.clone()];
    };
    let at_scope: Vec<&Live> = live
        .iter()
        .filter(|live| live.scope == whole.scope)
        .collect();
    let slots = Slots {
        id,
        base: &whole.budget.name,
        live: &at_scope,
        names,
        taken,
    };
    let mut parts = slots.parts(whole.budget.notifications.len());
    let mut rest: Vec<(Subject, &String)> = whole
        .budget
        .notifications
        .iter()
        .map(|(key, wanted)| (Subject::of(wanted), key))
        .collect();
    rest.sort();
    for part in &mut parts {
        rest.retain(|(subject, key)| {
            let stays = part.has_room() && part.tells.contains(subject);
            if stays {
                part.keys.push((*key).clone());
            }
            !stays
        });
    }
    for (_, key) in rest {
        // There are as many parts as are needed, so that one has room.
        if let Some(part) = parts.iter_mut().find(|part| part.has_room()) {
            part.keys.push(key.clone());
        }
    }
    let last = parts.iter().rposition(|part| !part.keys.is_empty());
    if let Some(last) = last
        && parts[0].keys.is_empty()
    {
        parts[0].keys = std::mem::take(&mut parts[last].keys);
    }
    parts.retain(|part| part.number == 1 || !part.keys.is_empty());
    parts.sort_by_key(|part| part.number);
    parts.iter().map(|part| part.of(whole)).collect()
}

/// One of the budgets that a budget is divided into.
struct Part {
    /// From 1.
    number: usize,
    name: String,
    /// What the live budget tells.
    tells: BTreeSet<Subject>,
    /// Keys of the notifications that it is to have.
    keys: Vec<String>,
}

impl Part {
    fn has_room(&self) -> bool {
        self.keys.len() < MOST_NOTIFICATIONS
    }

    fn of(&self, whole: &Desired) -> Desired {
        let mut part = whole.clone();
        part.budget.name.clone_from(&self.name);
        part.budget
            .notifications
            .retain(|key, _| self.keys.contains(key));
        part.notification_reasons
            .retain(|key, _| self.keys.contains(key));
        part
    }
}

/// Which names the parts of a budget may have.
struct Slots<'a> {
    id: &'a str,
    base: &'a str,
    /// All budgets at the scope.
    live: &'a [&'a Live],
    names: &'a Names,
    taken: &'a BTreeSet<String>,
}

impl Slots<'_> {
    /// The parts, the first one first, then those that are there, then new ones; as many as the
    /// notifications need at least.
    fn parts(&self, notifications: usize) -> Vec<Part> {
        let needed = notifications.div_ceil(MOST_NOTIFICATIONS).max(1);
        let free = (1..).filter(|number| self.is_free(*number));
        let mut numbers: BTreeMap<usize, Option<&Live>> = free
            .take(needed)
            .map(|number| (number, self.find(number)))
            .collect();
        for live in self.live {
            if matches!(live.origin, Origin::Here { .. })
                && self.is_ours(live)
                && let Some(number) = part_number(&live.budget.name, self.base)
            {
                numbers.insert(number, Some(live));
            }
        }
        let mut parts: Vec<(bool, Part)> = numbers
            .into_iter()
            .map(|(number, live)| {
                let told = live
                    .into_iter()
                    .flat_map(|live| live.budget.notifications.values());
                let told = told.filter(|each: &&BudgetNotification| each.enabled);
                let part = Part {
                    number,
                    name: part_name(self.base, number),
                    tells: told.map(Subject::of).collect(),
                    keys: Vec::new(),
                };
                (number != 1 && live.is_none(), part)
            })
            .collect();
        parts.sort_by_key(|(is_new, part)| (*is_new, part.number));
        parts.into_iter().map(|(_, part)| part).collect()
    }

    fn find(&self, number: usize) -> Option<&Live> {
        let name = part_name(self.base, number);
        let mut live = self.live.iter().copied();
        live.find(|live| live.budget.name.eq_ignore_ascii_case(&name))
    }

    fn is_free(&self, number: usize) -> bool {
        let name = part_name(self.base, number);
        match self.find(number) {
            _ if number == 1 => true,
            Some(live) => self.is_ours(live),
            None => !self.names.is_configured(&name),
        }
    }

    fn is_ours(&self, live: &Live) -> bool {
        let name = live.budget.name.to_ascii_lowercase();
        let is_others = self.taken.contains(&name);
        !is_others && self.names.belongs(&name, &live.origin, self.id)
    }
}
