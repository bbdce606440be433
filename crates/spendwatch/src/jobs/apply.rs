//! Apply: carry a plan of Azure's own budgets out, check what Azure keeps, and go on past failures.
//!
//! It may be killed anywhere: the next plan says what is left. What is about to be created is
//! remembered first, so that it can be told from what others created.

mod place;

use std::sync::atomic::{AtomicUsize, Ordering};

use azure_cost::Client;
use budget_engine::{Currency, Scope};
use futures::{StreamExt, stream};
use native_budgets::{Action, Change, RuleChange};
use serde::Serialize;

use self::place::{Outcome, Standing, carry_out};
use super::anomaly_rules;
use super::plan::{Created, NativePlan, Told, Vanished};
use crate::app::App;
use crate::clock::day_of;

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
    forget_vanished(app, client, &plan.vanished).await?;
    Created::assign(app, &plan.changes).await?;
    Created::announce(app, &of_kind(Action::Create).collect::<Vec<_>>()).await?;
    Created::announce_replaced(app, &of_kind(Action::Replace).collect::<Vec<_>>()).await?;
    let (done, count) = (AtomicUsize::new(0), changes.len());
    told(0, count);
    // What comes in place of a budget, here or at another scope, is there before that is deleted: somebody
    // is always told.
    let (deletions, others): (Vec<Change>, Vec<Change>) = changes
        .into_iter()
        .cloned()
        .partition(|change| change.action == Action::Delete);
    let count_one = || told(done.fetch_add(1, Ordering::Relaxed) + 1, count);
    let mut applied = carry_out_all(app, client, others, &[], &count_one).await;
    let deleted = carry_out_all(app, client, deletions, &applied, &count_one).await;
    applied.extend(deleted);
    record(app, &applied).await?;
    let mut applied: Vec<Applied> = applied.into_iter().map(|(one, _)| one).collect();
    applied.sort_by(|left, right| {
        let place = |one: &Applied| (one.change.scope.clone(), one.change.name.clone());
        place(left).cmp(&place(right))
    });
    Ok(applied)
}

/// Carries out changes; what an `earlier` one was to take over stays if that has failed.
async fn carry_out_all(
    app: &App,
    client: &Client,
    changes: Vec<Change>,
    earlier: &[(Applied, Outcome)],
    count_one: &(dyn Fn() + Sync),
) -> Vec<(Applied, Outcome)> {
    let today = day_of(app.now());
    // Changes of one scope follow each other, so that its budgets do not share a throttled place.
    let scopes = changes.chunk_by(|one, other| one.scope == other.scope);
    let scopes: Vec<Vec<Change>> = scopes.map(<[Change]>::to_vec).collect();
    let applied: Vec<Vec<(Applied, Outcome)>> = stream::iter(scopes)
        .map(|mut group| async move {
            // A notification that moves is in its new budget before it leaves the old one.
            group.sort_by_key(|change| (change.action != Action::Create, change.takes_away()));
            let mut applied: Vec<(Applied, Outcome)> = Vec::new();
            for change in group {
                let missing = earlier
                    .iter()
                    .chain(&applied)
                    .find(|(one, _)| one.problem.is_some() && change.waits_for(&one.change));
                let outcome = match missing {
                    Some((one, _)) => {
                        let name = &one.change.name;
                        Outcome {
                            problem: Some(format!(
                                "it is left, because {name} is not as wanted: apply again"
                            )),
                            standing: Standing::AsBefore,
                            unit: None,
                        }
                    }
                    None => carry_out(client, &change, currency_of(app, &change), today).await,
                };
                let problem = outcome.problem.clone();
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
                count_one();
                applied.push((Applied { change, problem }, outcome));
            }
            applied
        })
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    applied.into_iter().flatten().collect()
}

/// The currency of the amount of what is wanted. Azure's budgets that the configuration describes as
/// they are name none.
fn currency_of(app: &App, change: &Change) -> Option<Currency> {
    let budget = app.config().budgets.get(change.of.as_ref()?)?;
    Some(budget.currency)
}

/// Remembers what is ours now, and what is not there any more.
async fn record(app: &App, applied: &[(Applied, Outcome)]) -> anyhow::Result<()> {
    let (mut ours, mut gone, mut units) = (Vec::new(), Vec::new(), Vec::new());
    for (one, outcome) in applied {
        let change = &one.change;
        match (outcome.standing, change.action) {
            (Standing::Created, _) => ours.push(change),
            // What was there already when it was to be created is not ours.
            (Standing::Gone, _) | (Standing::AsBefore, Action::Create) => {
                gone.push((&change.scope, change.name.as_str()));
            }
            (Standing::AsBefore, _) => {}
        }
        let unit = outcome.unit.clone();
        units.extend(unit.map(|unit| (change.scope.clone(), unit)));
    }
    Created::add(app, &ours).await?;
    Created::remove(app, &gone).await?;
    Created::learn(app, &units).await
}

/// Forgets what is not there any more, after a look at each place: a list may be a moment behind.
async fn forget_vanished(app: &App, client: &Client, all: &[Vanished]) -> anyhow::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let created = Created::load(app).await?;
    let mut gone: Vec<(&Scope, &str)> = Vec::new();
    for one in all {
        let there = place::read(client, one.provider, &one.scope, &one.name).await;
        let is_gone = match there {
            Ok(there) => !there.is_some_and(|budget| created.may_be(&one.scope, &budget)),
            Err(error) => {
                tracing::debug!(
                    budget.name = one.name,
                    scope = one.scope.path(),
                    error = %error,
                    "it is not known whether a budget is still there"
                );
                false
            }
        };
        if is_gone {
            gone.push((&one.scope, &one.name));
        }
    }
    Created::remove(app, &gone).await
}
