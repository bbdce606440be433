//! Apply: carry a plan of Azure's own budgets out, check what Azure keeps, and go on past failures.
//!
//! It may be killed anywhere: the next plan says what is left. What is about to be created is
//! remembered first, so that it can be told from what others created.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use azure_cost::{Budget as AzureBudget, Client, Error};
use futures::{StreamExt, stream};
use native_budgets::{
    Action, Change, Desired, Live, Origin, Provider, Prune, RuleChange, differences, plan_one,
};
use serde::Serialize;

use super::anomaly_rules;
use super::plan::{Created, NativePlan, Told};
use crate::app::App;
use crate::sources::advice_for_budgets;

/// What came of one change.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// What was to be done.
    pub change: Change,
    /// Why it was not done, or not as wanted; `None` if Azure has what is wanted.
    pub problem: Option<String>,
}

/// What came of one change of a rule about unusual costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedRule {
    /// What was to be done.
    pub change: RuleChange,
    /// Why it was not done; `None` if Azure has what is wanted.
    pub problem: Option<String>,
}

/// Carries out what a plan has to do about rules, one after the other: they are few.
pub async fn rules(app: &App, plan: &NativePlan) -> Vec<AppliedRule> {
    let mut applied = Vec::new();
    for change in plan.rules_to_do() {
        let done = anomaly_rules::apply(app, change).await;
        applied.push(AppliedRule {
            change: change.clone(),
            problem: done.err().map(|error| format!("{error:#}")),
        });
    }
    applied
}

/// How many scopes are written at a time.
const AT_A_TIME: usize = 4;
/// Waits before a budget is read again that does not show yet what was written.
const LOOK_AGAIN: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];

/// Carries out what a plan has to do. What fails is reported and does not stop the rest.
///
/// # Errors
/// When there is no way to sign in, or the state cannot be written.
pub async fn run(app: &App, plan: &NativePlan, told: Told<'_>) -> anyhow::Result<Vec<Applied>> {
    let client = app.native_client()?;
    let changes: Vec<&Change> = plan.to_do().collect();
    let of_kind = |action| {
        changes
            .iter()
            .copied()
            .filter(move |change| change.action == action)
    };
    Created::forget(app, &plan.gone).await?;
    anomaly_rules::forget(app, &plan.gone).await?;
    Created::assign(app, &plan.changes).await?;
    Created::add(app, &of_kind(Action::Create).collect::<Vec<_>>()).await?;
    let (done, count) = (AtomicUsize::new(0), changes.len());
    told(0, count);
    // Changes of one scope follow each other, so that its budgets do not share a throttled place.
    let mut scopes: Vec<Vec<Change>> = Vec::new();
    for change in changes {
        match scopes.last_mut() {
            Some(group) if group[0].scope == change.scope => group.push(change.clone()),
            _ => scopes.push(vec![change.clone()]),
        }
    }
    // What comes in place of a budget is there before that is deleted: somebody is always told.
    for group in &mut scopes {
        group.sort_by_key(|change| change.action == Action::Delete);
    }
    let done = &done;
    let applied: Vec<Vec<(Applied, bool)>> = stream::iter(scopes)
        .map(|group| async move {
            let mut applied: Vec<(Applied, bool)> = Vec::new();
            for change in group {
                let missing = applied
                    .iter()
                    .find(|(one, _)| one.problem.is_some() && one.change.action != Action::Delete);
                let (outcome, created) = match missing {
                    Some((one, _)) if change.action == Action::Delete => {
                        let name = &one.change.name;
                        let why =
                            format!("it is left, because {name} is not as wanted: apply again");
                        (Err(why), false)
                    }
                    _ => carry_out(client, &change).await,
                };
                let problem = outcome.err();
                if let Some(problem) = &problem {
                    tracing::warn!(
                        budget.name = change.name,
                        scope = change.scope.path(),
                        problem,
                        "one of Azure's budgets is not as wanted"
                    );
                } else {
                    tracing::info!(
                        budget.name = change.name,
                        scope = change.scope.path(),
                        action = change.action.as_str(),
                        "one of Azure's budgets is as wanted"
                    );
                }
                told(done.fetch_add(1, Ordering::Relaxed) + 1, count);
                applied.push((Applied { change, problem }, created));
            }
            applied
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    let applied: Vec<(Applied, bool)> = applied.into_iter().flatten().collect();
    let of = |kept: bool, action| {
        let all = applied.iter();
        let found =
            all.filter(move |(one, created)| *created == kept && one.change.action == action);
        found.map(|(one, _)| &one.change).collect::<Vec<_>>()
    };
    Created::add(app, &of(true, Action::Replace)).await?;
    // What could not be created, or was there already, is not ours.
    Created::remove(app, &of(false, Action::Create)).await?;
    let mut applied: Vec<Applied> = applied.into_iter().map(|(one, _)| one).collect();
    applied.sort_by(|left, right| {
        let place = |one: &Applied| (one.change.scope.clone(), one.change.name.clone());
        place(left).cmp(&place(right))
    });
    let gone = |one: &&Applied| one.change.action == Action::Delete && one.problem.is_none();
    let gone: Vec<&Change> = applied.iter().filter(gone).map(|one| &one.change).collect();
    Created::remove(app, &gone).await?;
    Ok(applied)
}

/// Makes Azure's budget what the plan says, and looks whether it is.
///
/// The second is whether the budget in Azure was created here: an answer that got lost counts.
async fn carry_out(client: &Client, change: &Change) -> (Result<(), String>, bool) {
    let at = At {
        client,
        change,
        created: AtomicBool::new(false),
    };
    let done = carry_out_at(&at, change).await;
    (done, at.created.into_inner())
}

async fn carry_out_at(at: &At<'_>, change: &Change) -> Result<(), String> {
    let Some(desired) = &change.desired else {
        return match change.action {
            Action::Delete => at.delete().await,
            _ => Ok(()),
        };
    };
    // Somebody may have written it since the plan was made; once more is enough, or they fight.
    let mut change = change.clone();
    for is_last in [false, true] {
        match at.write(&change).await {
            Ok(()) => return at.look(desired).await,
            Err(Error::Conflict { .. } | Error::Unavailable { .. }) if !is_last => {
                let live = at.read().await.map_err(|error| at.advice(&error))?;
                let live = live.map(|budget| at.live(budget));
                let again = plan_one(desired, live.as_ref(), &Prune::default());
                match again.action {
                    Action::Leave if again.fields.is_empty() => return Ok(()),
                    Action::Leave => return Err(again.reason),
                    // Nobody has agreed to a deletion that was not planned.
                    Action::Replace if change.action != Action::Replace => {
                        return Err("it was changed since the plan was made: plan again".to_owned());
                    }
                    _ => change = again,
                }
            }
            Err(error) if change.action == Action::Replace => {
                return Err(format!(
                    "{}; look whether the budget that was there is still there",
                    at.advice(&error)
                ));
            }
            Err(error) => return Err(at.advice(&error)),
        }
    }
    Err("it was changed by somebody else twice: plan again".to_owned())
}

/// One place of a budget in Azure.
struct At<'a> {
    client: &'a Client,
    change: &'a Change,
    created: AtomicBool,
}

impl At<'_> {
    fn advice(&self, error: &Error) -> String {
        advice_for_budgets(error, &self.change.scope)
    }

    fn live(&self, budget: AzureBudget) -> Live {
        Live {
            scope: self.change.scope.clone(),
            provider: self.change.provider,
            budget,
            // What appears or changes between plan and apply is somebody else's, unless it was to be
            // replaced anyway.
            origin: match self.change.action {
                Action::Replace => Origin::Here {
                    of: self.change.of.clone(),
                },
                _ => Origin::Elsewhere,
            },
        }
    }

    async fn read(&self) -> Result<Option<AzureBudget>, Error> {
        let (scope, name) = (&self.change.scope, &self.change.name);
        match self.change.provider {
            Provider::Consumption => self.client.budget(scope, name).await,
            Provider::CostManagement => self.client.cost_management_budget(scope, name).await,
        }
    }

    async fn put(&self, budget: &AzureBudget) -> Result<(), Error> {
        let scope = &self.change.scope;
        let put = match self.change.provider {
            Provider::Consumption => self.client.put_budget(scope, budget).await,
            Provider::CostManagement => self.client.put_cost_management_budget(scope, budget).await,
        };
        put.map(drop)
    }

    async fn remove(&self) -> Result<(), Error> {
        let (scope, name) = (&self.change.scope, &self.change.name);
        match self.change.provider {
            Provider::Consumption => self.client.delete_budget(scope, name).await,
            Provider::CostManagement => {
                self.client.delete_cost_management_budget(scope, name).await
            }
        }
    }

    async fn write(&self, change: &Change) -> Result<(), Error> {
        let Some(budget) = &change.write else {
            return Ok(());
        };
        match change.action {
            Action::Create => {
                // A put without a version would overwrite what somebody created meanwhile.
                if self.read().await?.is_some() {
                    return Err(Error::Conflict {
                        operation: format!("create budget {} of {}", change.name, change.scope),
                        code: "Exists".to_owned(),
                        message: "somebody created it since the plan was made".to_owned(),
                    });
                }
                let put = self.put(budget).await;
                let may_be_there = matches!(put, Ok(()) | Err(Error::Unavailable { .. }));
                self.created.store(may_be_there, Ordering::Relaxed);
                put
            }
            Action::Replace => {
                let seen = change.live.as_ref().and_then(|seen| seen.etag.as_ref());
                let live = self.read().await?;
                if live.is_some_and(|live| live.etag.as_ref() != seen) {
                    return Err(Error::Conflict {
                        operation: format!("replace budget {} of {}", change.name, change.scope),
                        code: "Changed".to_owned(),
                        message: "somebody changed it since the plan was made".to_owned(),
                    });
                }
                self.remove().await?;
                let put = self.put(budget).await;
                self.created.store(true, Ordering::Relaxed);
                if let (Err(error), Some(old)) = (&put, &change.live) {
                    tracing::error!(error = %error, "a budget was deleted and its successor is refused");
                    let mut old = old.clone();
                    old.etag = None;
                    // Better the old one than none, if Azure still takes it.
                    let _ = self.put(&old).await;
                }
                put
            }
            Action::Update => self.put(budget).await,
            Action::Delete | Action::Leave => Ok(()),
        }
    }

    /// Deletes what the plan saw, and nothing that was changed since.
    async fn delete(&self) -> Result<(), String> {
        let live = self.read().await.map_err(|error| self.advice(&error))?;
        let Some(live) = live else { return Ok(()) };
        let seen = self
            .change
            .live
            .as_ref()
            .and_then(|seen| seen.etag.as_ref());
        if seen != live.etag.as_ref() {
            return Err(
                "it was changed since the plan was made, so it is left: plan again".to_owned(),
            );
        }
        self.remove().await.map_err(|error| self.advice(&error))
    }

    /// Whether Azure keeps what is wanted. What was just written may take a moment to show.
    async fn look(&self, desired: &Desired) -> Result<(), String> {
        let mut waits = LOOK_AGAIN.into_iter();
        loop {
            let live = self.read().await.map_err(|error| {
                format!(
                    "it was written and cannot be read back: {}",
                    self.advice(&error)
                )
            })?;
            let found = live.map(|live| differences(desired, &live));
            if found.as_ref().is_some_and(Vec::is_empty) {
                return Ok(());
            }
            if let Some(wait) = waits.next() {
                tokio::time::sleep(wait).await;
                continue;
            }
            let Some(found) = found else {
                return Err("it was written, but Azure does not show it".to_owned());
            };
            let fields: Vec<String> = found
                .into_iter()
                .map(|field| {
                    let kept = field.before.unwrap_or_else(|| "nothing".to_owned());
                    format!("{} is {kept}", field.field)
                })
                .collect();
            return Err(format!("Azure keeps something else: {}", fields.join(", ")));
        }
    }
}
