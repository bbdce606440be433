//! Azure's rules about unusual costs: what has to be done so that they are as configured, and doing it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use azure_cost::{Client, Error, ScheduledAction};
use budget_engine::Scope;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use native_budgets::{Action, LiveRule, Prune, RuleChange, plan_anomaly_rules};
use serde::Serialize;
use state_store::json;

use crate::app::App;
use crate::jobs::plan::{GoneScope, is_gone};
use crate::sources::advice;

/// What has to be done about rules, and what could not be found out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RulePlan {
    /// When it was made.
    pub at: Timestamp,
    /// What to do, in the order of subscriptions and names; what is left as it is, too.
    pub changes: Vec<RuleChange>,
    /// Subscriptions that could not be read. Nothing is planned there.
    pub failures: Vec<RuleFailure>,
    /// Subscriptions that Azure does not know any more and nothing configured wants, with the names of
    /// the rules that were created there.
    pub gone: Vec<(Scope, Vec<String>)>,
}

/// A subscription whose rules could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleFailure {
    /// Which.
    pub subscription: Scope,
    /// Why, and what to do about it.
    pub problem: String,
}

/// How many subscriptions are asked at a time.
const AT_A_TIME: usize = 4;

/// Which rules were created here, with their subscriptions: Azure keeps no mark of it.
const CREATED: &str = "native/created-rules";
type Created = BTreeMap<String, Scope>;

/// Lists the rules of every subscription that has some in the configuration or from earlier ones, one
/// request for each, and compares. Without rules nothing is asked.
///
/// # Errors
/// When there is no way to sign in, or the state cannot be read. A subscription that cannot be read is
/// a failure of its own.
pub async fn read_and_plan(app: &App, prune: &Prune) -> anyhow::Result<RulePlan> {
    let desired = &app.config().native.anomaly_alerts;
    let created = created(app).await?;
    let wanted = desired.iter().map(|rule| rule.subscription.clone());
    let named = prune.named.iter().filter_map(|named| named.scope.clone());
    let created_at = created.values().cloned();
    let places: BTreeSet<Scope> = wanted.chain(created_at).chain(named).collect();
    let mut plan = RulePlan {
        at: app.now(),
        changes: Vec::new(),
        failures: Vec::new(),
        gone: Vec::new(),
    };
    if places.is_empty() {
        return Ok(plan);
    }
    let client = app.native_client()?;
    let mut answers = stream::iter(places)
        .map(|place| async move {
            let list = client.scheduled_actions(Some(&place), None);
            let list: Result<Vec<ScheduledAction>, Error> = list.try_collect().await;
            (place, list)
        })
        .buffer_unordered(AT_A_TIME);
    let is_unwanted = |place: &Scope| !desired.iter().any(|rule| rule.subscription == *place);
    let mut live = Vec::new();
    while let Some((subscription, list)) = answers.next().await {
        match list {
            Ok(list) => live.extend(list.into_iter().map(|rule| LiveRule {
                ours: created.contains_key(&key(&subscription, &rule.name)),
                subscription: subscription.clone(),
                rule,
            })),
            Err(error) if is_gone(&error) && is_unwanted(&subscription) => {
                let names = names_at(&created, &subscription);
                plan.gone.push((subscription, names));
            }
            Err(error) => plan.failures.push(RuleFailure {
                problem: advice(&error, &subscription),
                subscription,
            }),
        }
    }
    let there = live.iter().filter(|live| live.rule.is_anomaly_alert());
    let there = there.map(|live| (&live.subscription, live.rule.name.as_str()));
    prune.check(there).map_err(anyhow::Error::msg)?;
    plan.gone.sort();
    plan.failures
        .sort_by(|left, right| left.subscription.cmp(&right.subscription));
    let failed: BTreeSet<&Scope> = plan
        .failures
        .iter()
        .map(|failure| &failure.subscription)
        .collect();
    let readable = desired
        .iter()
        .filter(|rule| !failed.contains(&rule.subscription));
    let readable: Vec<_> = readable.cloned().collect();
    plan.changes = plan_anomaly_rules(&readable, &live, prune, app.now());
    Ok(plan)
}

/// Carries out one change, and looks whether Azure keeps what is wanted.
///
/// # Errors
/// In words: what Azure refused, or what it keeps instead.
pub async fn apply(app: &App, change: &RuleChange) -> anyhow::Result<()> {
    if let Some(problem) = &change.problem {
        anyhow::bail!("{problem}");
    }
    let client = app.native_client()?;
    let (place, name) = (&change.subscription, &change.name);
    let explain = |error: Error| anyhow::anyhow!("{}", advice(&error, place));
    match change.action {
        Action::Leave | Action::Replace => Ok(()),
        Action::Delete => {
            let seen = change.live.as_ref().and_then(|live| live.e_tag.as_deref());
            if let Some(live) = read(client, place, name).await.map_err(explain)? {
                anyhow::ensure!(
                    seen == live.e_tag.as_deref(),
                    "it was changed since the plan was made, so it is left: plan again"
                );
                let delete = client.delete_scheduled_action(Some(place), name);
                delete.await.map_err(explain)?;
            }
            remember(app, place, name, false).await
        }
        Action::Create | Action::Update => {
            let write = change.write.as_ref().context("there is nothing to write")?;
            if change.action == Action::Create {
                // A write without a version would overwrite what somebody created meanwhile.
                anyhow::ensure!(
                    read(client, place, name).await.map_err(explain)?.is_none(),
                    "somebody created it since the plan was made: plan again"
                );
                // A kill after the write must not leave it nobody's.
                remember(app, place, name, true).await?;
            }
            let put = client.put_scheduled_action(Some(place), name, write);
            look(app, change, put.await.map_err(explain)?)
        }
    }
}

async fn read(
    client: &Client,
    place: &Scope,
    name: &str,
) -> Result<Option<ScheduledAction>, Error> {
    match client.scheduled_action(Some(place), name).await {
        Ok(rule) => Ok(Some(rule)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether what Azure made of a rule is what is wanted.
fn look(app: &App, change: &RuleChange, rule: ScheduledAction) -> anyhow::Result<()> {
    let desired = app.config().native.anomaly_alerts.iter();
    let wanted: Vec<_> = desired
        .filter(|wanted| {
            wanted.subscription == change.subscription
                && wanted.name.eq_ignore_ascii_case(&change.name)
        })
        .cloned()
        .collect();
    let live = LiveRule {
        subscription: change.subscription.clone(),
        rule,
        ours: true,
    };
    let left = plan_anomaly_rules(&wanted, &[live], &Prune::default(), app.now());
    let differing = left.iter().flat_map(|change| &change.fields);
    let differing: Vec<String> = differing
        .map(|field| {
            let kept = field.before.as_deref().unwrap_or("nothing");
            format!("{} is {kept}", field.field)
        })
        .collect();
    anyhow::ensure!(
        differing.is_empty(),
        "Azure keeps something else: {}",
        differing.join(", ")
    );
    Ok(())
}

fn key(subscription: &Scope, name: &str) -> String {
    format!("{}/{}", subscription.folded(), name.to_lowercase())
}

/// The names, in lower case, of rules that were created at a subscription.
fn names_at(created: &Created, subscription: &Scope) -> Vec<String> {
    let there = created.iter().filter(|(_, place)| *place == subscription);
    let name = |key: &String| key.rsplit('/').next().unwrap_or_default().to_owned();
    there.map(|(key, _)| name(key)).collect()
}

/// Forgets all rules of subscriptions that are not there any more.
///
/// # Errors
/// When the state cannot be read or written.
pub(crate) async fn forget(app: &App, gone: &[GoneScope]) -> anyhow::Result<()> {
    update(app, |created| {
        created.retain(|_, place| !gone.iter().any(|gone| gone.scope == *place));
    })
    .await
}

async fn created(app: &App) -> anyhow::Result<Created> {
    let stored = json::get(app.documents(), CREATED).await;
    let stored = stored.context("read which of Azure's rules were created here")?;
    Ok(stored.map(|(created, _)| created).unwrap_or_default())
}

async fn remember(app: &App, place: &Scope, name: &str, is_there: bool) -> anyhow::Result<()> {
    update(app, |created| match is_there {
        true => drop(created.insert(key(place, name), place.clone())),
        false => drop(created.remove(&key(place, name))),
    })
    .await
}

async fn update(app: &App, change: impl Fn(&mut Created)) -> anyhow::Result<()> {
    let updated = json::update::<Created, state_store::Error>(app.documents(), CREATED, |stored| {
        let before = stored.cloned().unwrap_or_default();
        let mut after = before.clone();
        change(&mut after);
        Ok((after != before).then_some(after))
    });
    updated
        .await
        .context("remember which of Azure's rules were created here")?;
    Ok(())
}
