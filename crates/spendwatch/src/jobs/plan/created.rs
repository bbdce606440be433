//! What was created here: Azure keeps no mark of it.
//!
//! What is about to be created is recorded first, so that a kill leaves nothing that is nobody's. A
//! record is as good as what Azure shows: a budget of the recorded name that begins on another day is
//! not the one that was created here, because Azure never changes a start; and what is not there any
//! more is forgotten, so that whoever uses its name next is not taken for us.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use azure_cost::Budget as AzureBudget;
use budget_engine::Scope;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use native_budgets::{Change, Desired, Live, Names, Origin, Provider, first_day, made_on};
use serde::{Deserialize, Serialize};
use state_store::json;

use super::{GoneScope, Vanished};
use crate::app::App;
use crate::clock::day_of;

/// Which budgets of Azure were created here: Azure keeps no mark of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Created {
    /// By scope and name, both in lower case.
    budgets: BTreeMap<String, CreatedBudget>,
    /// In which currency Azure counts at scopes, by their path in lower case, where that was found out
    /// by a budget in another one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    units: BTreeMap<String, SeenUnit>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SeenUnit {
    unit: String,
    at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedBudget {
    scope: Scope,
    provider: Provider,
    name: String,
    /// Id of the budget in the configuration.
    of: Option<String>,
    since: Timestamp,
    /// On which days the budget may begin; empty if nobody remembered.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    starts: BTreeSet<Date>,
    /// Whether Azure has not been seen with it yet: it is about to be created, or its creator was
    /// killed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pending: bool,
    /// Which configuration created it, if it says its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

impl CreatedBudget {
    /// Whether it was created by this configuration, as far as is known.
    fn is_of(&self, app: &App) -> bool {
        self.owner.is_none() || self.owner == app.config().native.owner
    }

    fn may_be(&self, budget: &AzureBudget) -> bool {
        self.starts.is_empty() || self.starts.contains(&first_day(budget))
    }
}

const CREATED: &str = "native/created";
/// How long somebody may be about to create what is recorded.
const ABOUT_TO_CREATE: SignedDuration = SignedDuration::from_hours(1);
/// How long it is remembered in which currency Azure counts at a scope.
const UNIT_IS_KNOWN: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Created {
    pub(crate) async fn load(app: &App) -> anyhow::Result<Created> {
        let stored = json::get(app.documents(), CREATED).await;
        let stored = stored.context("read which of Azure's budgets were created here")?;
        let mut created: Created = stored.map(|(created, _)| created).unwrap_or_default();
        // What another configuration created is that one's.
        created.budgets.retain(|_, each| each.is_of(app));
        Ok(created)
    }

    /// Who made the budget of a name.
    pub(crate) fn origin(&self, scope: &Scope, name: &str) -> Origin {
        origin(self.budgets.get(&key(scope, name)))
    }

    /// Who made a budget that Azure has.
    pub(super) fn origin_of(&self, scope: &Scope, budget: &AzureBudget) -> Origin {
        let known = self.budgets.get(&key(scope, &budget.name));
        origin(known.filter(|known| known.may_be(budget)))
    }

    /// What was created here at places that were read and is not there any more, though nobody can
    /// be about to create it.
    pub(super) fn vanished(
        &self,
        read: &BTreeSet<(Scope, Provider)>,
        live: &[Live],
        begun: Timestamp,
    ) -> Vec<Vanished> {
        let is_there = |each: &CreatedBudget| {
            live.iter().any(|live| {
                live.scope == each.scope
                    && live.budget.name.eq_ignore_ascii_case(&each.name)
                    && each.may_be(&live.budget)
            })
        };
        let missing = self.budgets.values().filter(|each| {
            read.contains(&(each.scope.clone(), each.provider))
                && !(each.pending && begun.duration_since(each.since) < ABOUT_TO_CREATE)
                && !is_there(each)
        });
        let vanished = missing.map(|each| Vanished {
            scope: each.scope.clone(),
            provider: each.provider,
            name: each.name.clone(),
        });
        vanished.collect()
    }

    /// Whether a budget of Azure may be the one that was created here under its name.
    pub(crate) fn may_be(&self, scope: &Scope, budget: &AzureBudget) -> bool {
        matches!(self.origin_of(scope, budget), Origin::Here { .. })
    }

    /// In which currency Azure counts at a scope, if that was found out lately.
    pub(super) fn unit(&self, scope: &Scope, now: Timestamp) -> Option<&str> {
        let seen = self.units.get(scope.folded())?;
        let is_known = now.duration_since(seen.at) < UNIT_IS_KNOWN;
        is_known.then_some(seen.unit.as_str())
    }

    /// Remembers in which currency Azure counts at scopes.
    pub(crate) async fn learn(app: &App, units: &[(Scope, String)]) -> anyhow::Result<()> {
        let now = app.now();
        Created::update(app, |created| {
            for (scope, unit) in units {
                let unit = unit.clone();
                let seen = SeenUnit { unit, at: now };
                created.units.insert(scope.folded().to_owned(), seen);
            }
        })
        .await
    }

    /// Follows ids of the configuration that have changed: where a wanted budget has the name of one
    /// whose budget is not configured any more, the parts of that one are its own.
    pub(super) fn follow_renames(&mut self, desired: &[Desired], names: &Names) {
        for wanted in desired {
            let (Some(id), place) = (&wanted.of, key(&wanted.scope, &wanted.budget.name)) else {
                continue;
            };
            let known = self.budgets.get(&place).and_then(|known| known.of.clone());
            let Some(former) = known.filter(|former| !names.has(former)) else {
                continue;
            };
            for each in self.budgets.values_mut() {
                if each.scope == wanted.scope && each.of.as_ref() == Some(&former) {
                    each.of = Some(id.clone());
                }
            }
        }
    }

    pub(super) fn places(&self) -> impl Iterator<Item = (Scope, Provider)> + '_ {
        let all = self.budgets.values();
        all.map(|each| (each.scope.clone(), each.provider))
    }

    pub(super) fn scopes(&self) -> BTreeSet<Scope> {
        self.places().map(|(scope, _)| scope).collect()
    }

    /// The names of what was created at a scope.
    pub(super) fn names(&self, scope: &Scope) -> Vec<String> {
        let all = self.budgets.values();
        let there = all.filter(|each| each.scope == *scope);
        there.map(|each| each.name.clone()).collect()
    }

    /// Remembers what is about to be created: a kill afterwards must not leave it nobody's.
    pub(crate) async fn announce(app: &App, creates: &[&Change]) -> anyhow::Result<()> {
        let now = app.now();
        Created::update(app, |created| {
            for change in creates {
                let record = record(app, change, now, true);
                // Somebody else may be about to create the same.
                let known = created.budgets.remove(&key(&change.scope, &change.name));
                let mut starts = record.starts.clone();
                starts.extend(known.into_iter().flat_map(|known| known.starts));
                created.keep(CreatedBudget { starts, ..record });
            }
        })
        .await
    }

    /// Remembers where what is about to be replaced may begin: its successor, or it itself if it has
    /// to be put back.
    pub(crate) async fn announce_replaced(app: &App, changes: &[&Change]) -> anyhow::Result<()> {
        let today = day_of(app.now());
        Created::update(app, |created| {
            for change in changes {
                let Some(known) = created.budgets.get_mut(&key(&change.scope, &change.name)) else {
                    continue;
                };
                // Without any, every start will do.
                if !known.starts.is_empty() {
                    known.starts.extend(change.write.iter().map(first_day));
                    let back = change.live.iter().map(|live| made_on(live, today));
                    known.starts.extend(back.map(|back| first_day(&back)));
                }
            }
        })
        .await
    }

    /// Remembers what was created.
    pub(crate) async fn add(app: &App, changes: &[&Change]) -> anyhow::Result<()> {
        let now = app.now();
        Created::update(app, |created| {
            for change in changes {
                created.keep(record(app, change, now, false));
            }
        })
        .await
    }

    fn keep(&mut self, record: CreatedBudget) {
        let place = key(&record.scope, &record.name);
        self.budgets.insert(place, record);
    }

    /// Corrects which budgets what was created here belongs to now: ids of the configuration change,
    /// and a budget of it may take the name of a part.
    pub(crate) async fn assign(app: &App, changes: &[Change]) -> anyhow::Result<()> {
        Created::update(app, |created| {
            for change in changes.iter().filter(|change| change.desired.is_some()) {
                let place = key(&change.scope, &change.name);
                let known = created.budgets.get_mut(&place);
                if let Some(known) = known.filter(|known| known.is_of(app)) {
                    known.of.clone_from(&change.of);
                }
            }
        })
        .await
    }

    /// Forgets what is not there any more.
    pub(crate) async fn remove(app: &App, places: &[(&Scope, &str)]) -> anyhow::Result<()> {
        Created::update(app, |created| {
            for (scope, name) in places {
                created.budgets.remove(&key(scope, name));
            }
        })
        .await
    }

    /// Forgets all of scopes that are not there any more.
    pub(crate) async fn forget(app: &App, gone: &[GoneScope]) -> anyhow::Result<()> {
        let is_gone = |scope: &Scope| gone.iter().any(|gone| gone.scope == *scope);
        Created::update(app, |created| {
            created.budgets.retain(|_, each| !is_gone(&each.scope));
        })
        .await
    }

    async fn update(app: &App, change: impl Fn(&mut Created)) -> anyhow::Result<()> {
        let updated =
            json::update::<Created, state_store::Error>(app.documents(), CREATED, |stored| {
                let before = stored.cloned().unwrap_or_default();
                let mut after = before.clone();
                change(&mut after);
                Ok((after != before).then_some(after))
            });
        updated
            .await
            .context("remember which of Azure's budgets were created here")?;
        Ok(())
    }
}

fn origin(known: Option<&CreatedBudget>) -> Origin {
    match known {
        Some(created) => Origin::Here {
            of: created.of.clone(),
        },
        None => Origin::Elsewhere,
    }
}

fn record(app: &App, change: &Change, now: Timestamp, pending: bool) -> CreatedBudget {
    CreatedBudget {
        scope: change.scope.clone(),
        provider: change.provider,
        name: change.name.clone(),
        of: change.of.clone(),
        since: now,
        starts: change.write.iter().map(first_day).collect(),
        pending,
        owner: app.config().native.owner.clone(),
    }
}

fn key(scope: &Scope, name: &str) -> String {
    format!("{}/{}", scope.folded(), name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use azure_cost::BudgetPeriod;
    use jiff::civil::date;
    use rust_decimal::Decimal;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    fn scope() -> Scope {
        Scope::subscription("a").unwrap()
    }

    fn recorded(pending: bool, hours_ago: i64) -> Created {
        let mut created = Created::default();
        created.keep(CreatedBudget {
            scope: scope(),
            provider: Provider::Consumption,
            name: "web".into(),
            of: Some("web".into()),
            since: NOW - SignedDuration::from_hours(hours_ago),
            starts: BTreeSet::from([date(2023, 11, 1)]),
            pending,
            owner: None,
        });
        created
    }

    fn live(start: Date) -> Live {
        let period = BudgetPeriod::new(start, None);
        Live {
            scope: scope(),
            provider: Provider::Consumption,
            budget: AzureBudget::new("WEB", Decimal::ONE, "Monthly", period),
            origin: Origin::Elsewhere,
        }
    }

    fn vanished(created: &Created, live: &[Live]) -> usize {
        let read = BTreeSet::from([(scope(), Provider::Consumption)]);
        created.vanished(&read, live, NOW).len()
    }

    #[test]
    fn what_somebody_may_be_about_to_create_is_not_forgotten() {
        // Recorded, and killed before or after the write, or not written yet.
        assert_eq!(vanished(&recorded(true, 0), &[]), 0);
        assert_eq!(vanished(&recorded(true, 2), &[]), 1);
        // Azure had it, so that it was deleted.
        assert_eq!(vanished(&recorded(false, 0), &[]), 1);
        assert_eq!(
            vanished(&recorded(true, 2), &[live(date(2023, 11, 1))]),
            0,
            "it was written before the kill"
        );
        let unread = recorded(false, 2).vanished(&BTreeSet::new(), &[], NOW);
        assert_eq!(unread, [], "a scope that was not read says nothing");
    }

    #[test]
    fn a_budget_that_begins_on_another_day_is_another_one() {
        let created = recorded(false, 2);
        let other = live(date(2023, 12, 1));
        assert_eq!(vanished(&created, std::slice::from_ref(&other)), 1);
        assert!(!created.may_be(&scope(), &other.budget));
        assert!(created.may_be(&scope(), &live(date(2023, 11, 1)).budget));
        // What earlier versions stored knows no start.
        let old = r#"{"budgets":{"/subscriptions/a/web":{"scope":"/subscriptions/a",
            "provider":"consumption","name":"web","of":null,"since":"2023-11-01T00:00:00Z"}}}"#;
        let old: Created = serde_json::from_str(old).unwrap();
        assert!(old.may_be(&scope(), &other.budget));
    }
}
