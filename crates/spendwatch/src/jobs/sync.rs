//! Sync: plan Azure's own budgets, write them if the configuration lets the app do so, and remember
//! what was found for whoever asks.

use anyhow::Context;
use jiff::Timestamp;
use native_budgets::Action;
use serde::{Deserialize, Serialize};
use state_store::json;

use super::apply::{self, Applied, AppliedRule};
use super::plan::{self, NativePlan, Options};
use super::twin;
use crate::app::App;

/// How far Azure's own budgets were from what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// When it was looked at.
    pub at: Timestamp,
    /// Whether it was put right, as far as `problems` do not say otherwise.
    pub applied: bool,
    /// What differed, or differs: action, name, scope and reason in a sentence each.
    pub differences: Vec<String>,
    /// What could not be read or written, and why.
    pub problems: Vec<String>,
}

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Synced {
    /// What had to be done.
    pub plan: NativePlan,
    /// What came of it; `None` if the configuration does not let the app write.
    pub applied: Option<Vec<Applied>>,
    /// The same of rules about unusual costs.
    pub applied_rules: Option<Vec<AppliedRule>>,
}

const DRIFT: &str = "native/drift";

/// Plans, applies if `[native] apply_from_app` allows, and compares Azure's figures with
/// ours. Nothing is deleted from here but parts of a budget that are not needed any more.
///
/// # Errors
/// When there is no way to sign in, or the state cannot be read or written. Scopes and budgets that
/// fail are told in the result.
pub async fn run(app: &App) -> anyhow::Result<Synced> {
    let plan = plan::run(app, &Options::default(), &|_, _| {}).await?;
    let (mut applied, mut applied_rules) = (None, None);
    if app.config().native.apply_from_app {
        applied = Some(apply::run(app, &plan, &|_, _| {}).await?);
        applied_rules = Some(apply::rules(app, &plan).await);
    }
    let synced = Synced {
        plan,
        applied,
        applied_rules,
    };
    let drift = drift_of(&synced);
    if !drift.applied && !drift.differences.is_empty() {
        tracing::warn!(
            differences = drift.differences.len(),
            "Azure's own budgets are not as configured"
        );
    }
    let stored = json::update::<Drift, state_store::Error>(app.documents(), DRIFT, |known| {
        let is_newer = known.is_some_and(|known| known.at > drift.at);
        Ok((!is_newer).then(|| drift.clone()))
    });
    stored
        .await
        .context("remember how Azure's own budgets are")?;
    // Last, so that its trouble hides nothing of what was found and done.
    twin::run(app, &synced.plan.live()).await?;
    Ok(synced)
}

/// What the last sync found; `None` before the first one.
pub async fn last_drift(app: &App) -> anyhow::Result<Option<Drift>> {
    let stored = json::get(app.documents(), DRIFT).await?;
    Ok(stored.map(|(drift, _)| drift))
}

fn drift_of(synced: &Synced) -> Drift {
    let Synced {
        plan,
        applied,
        applied_rules,
    } = synced;
    let failures = plan.failures.iter();
    let mut problems: Vec<String> = failures
        .map(|failure| format!("{}: {}", failure.scope, failure.problem))
        .collect();
    let unplanned = plan.unplanned.iter();
    problems.extend(unplanned.map(|one| format!("{}: {}", one.budget, one.problem)));
    problems.extend(
        plan.in_the_way()
            .map(|change| format!("{} of {}: {}", change.name, change.scope, change.reason)),
    );
    for one in applied.iter().flatten() {
        if let Some(problem) = &one.problem {
            problems.push(format!(
                "{} of {}: {problem}",
                one.change.name, one.change.scope
            ));
        }
    }
    for one in applied_rules.iter().flatten() {
        if let Some(problem) = &one.problem {
            let (name, place) = (&one.change.name, &one.change.subscription);
            problems.push(format!("rule {name} of {place}: {problem}"));
        }
    }
    let rules = plan.rules_to_do().map(|change| {
        let (action, name) = (change.action.as_str(), &change.name);
        format!(
            "{action} rule {name} of {}: {}",
            change.subscription, change.reason
        )
    });
    let differences = plan
        .changes
        .iter()
        .filter(|change| change.action != Action::Leave || change.is_left_behind());
    let differences = differences.map(|change| {
        let (action, name) = (change.action.as_str(), &change.name);
        format!("{action} {name} of {}: {}", change.scope, change.reason)
    });
    let gone = plan.gone.iter();
    let gone = gone.map(|gone| format!("forget what was created at {}: it is gone", gone.scope));
    let vanished = plan.vanished.iter();
    let vanished = vanished.map(|one| format!("forget {} of {}: it is gone", one.name, one.scope));
    let gone = gone.chain(vanished);
    Drift {
        at: plan.at,
        applied: applied.is_some(),
        differences: differences.chain(rules).chain(gone).collect(),
        problems,
    }
}
