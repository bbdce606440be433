//! What was created here: Azure keeps no mark of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use budget_engine::Scope;
use jiff::Timestamp;
use native_budgets::{Change, Desired, Names, Origin, Provider};
use serde::{Deserialize, Serialize};
use state_store::json;

use super::GoneScope;
use crate::app::App;

/// Which budgets of Azure were created here: Azure keeps no mark of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Created {
    /// By scope and name, both in lower case.
    budgets: BTreeMap<String, CreatedBudget>,
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
}

const CREATED: &str = "native/created";

impl Created {
    pub(crate) async fn load(app: &App) -> anyhow::Result<Created> {
        let stored = json::get(app.documents(), CREATED).await;
        let stored = stored.context("read which of Azure's budgets were created here")?;
        Ok(stored.map(|(created, _)| created).unwrap_or_default())
    }

    /// Who made a budget.
    pub(crate) fn origin(&self, scope: &Scope, name: &str) -> Origin {
        match self.budgets.get(&key(scope, name)) {
            Some(created) => Origin::Here {
                of: created.of.clone(),
            },
            None => Origin::Elsewhere,
        }
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
    pub(crate) async fn add(app: &App, changes: &[&Change]) -> anyhow::Result<()> {
        let now = app.now();
        Created::update(app, |created| {
            for change in changes {
                let place = key(&change.scope, &change.name);
                created
                    .budgets
                    .entry(place)
                    .or_insert_with(|| CreatedBudget {
                        scope: change.scope.clone(),
                        provider: change.provider,
                        name: change.name.clone(),
                        of: change.of.clone(),
                        since: now,
                    });
            }
        })
        .await
    }

    /// Corrects which budgets what was created here belongs to now: ids of the configuration change,
    /// and a budget of it may take the name of a part.
    pub(crate) async fn assign(app: &App, changes: &[Change]) -> anyhow::Result<()> {
        Created::update(app, |created| {
            for change in changes.iter().filter(|change| change.desired.is_some()) {
                let place = key(&change.scope, &change.name);
                if let Some(known) = created.budgets.get_mut(&place) {
                    known.of.clone_from(&change.of);
                }
            }
        })
        .await
    }

    /// Forgets what is not there any more.
    pub(crate) async fn remove(app: &App, changes: &[&Change]) -> anyhow::Result<()> {
        Created::update(app, |created| {
            for change in changes {
                created.budgets.remove(&key(&change.scope, &change.name));
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

fn key(scope: &Scope, name: &str) -> String {
    format!("{}/{}", scope.folded(), name.to_lowercase())
}
