//! Alerts: what Azure has raised of its own, with our own alerts beside it, and dismissing at Azure.

use std::collections::BTreeSet;

use azure_cost::{CostAlert, Error};
use budget_engine::{AlertState, Budget, Ledger, Scope};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use state_store::json;

use crate::app::App;
use crate::clock::day_of;
use crate::config::Config;
use crate::jobs::plan::Created;
use crate::reads::counted;
use crate::sources::advice;

/// What Azure and we have raised.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alerts {
    /// When it was asked.
    pub at: Timestamp,
    /// Azure's, in the order of scopes and then the newest first; dismissed ones included.
    pub azure: Vec<AzureAlert>,
    /// Ours, of the periods that run today, in the order of the configuration.
    pub ours: Vec<OurAlert>,
    /// Scopes whose alerts could not be listed.
    pub failures: Vec<AlertFailure>,
}

/// An alert that Azure raised: a budget, a credit, a quota, an invoice, an anomaly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AzureAlert {
    /// Where.
    pub scope: Scope,
    /// Name of the alert, to dismiss it by.
    pub name: String,
    /// `Budget`, `BudgetForecast`, `Credit`, `Quota`, `Invoice`, …
    pub kind: String,
    /// What happened: `CostThresholdExceeded`, …
    pub criteria: String,
    /// `Active`, `Dismissed`, `Resolved`, `Overridden` or `None`.
    pub status: String,
    /// What it is about: the name of a budget, mostly.
    pub about: String,
    /// Id of the configured budget that this follows.
    pub budget: Option<String>,
    /// The threshold in percent of the amount.
    pub threshold_percent: Option<Decimal>,
    /// What was spent when it was raised.
    pub spent: Option<Decimal>,
    /// Currency of it.
    pub unit: String,
    /// When it was raised.
    pub since: Option<Timestamp>,
}

/// An alert of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OurAlert {
    /// Id of the budget.
    pub budget: String,
    /// Key of the period.
    pub period: String,
    /// Id of the threshold, with its step.
    pub threshold: String,
    /// The condition.
    pub when: String,
    /// Where it stands.
    pub state: AlertState,
    /// Since when.
    pub since: Timestamp,
}

/// A scope whose alerts could not be listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertFailure {
    /// Which.
    pub scope: Scope,
    /// Why, and what to do about it.
    pub problem: String,
}

/// How many scopes are asked at a time.
const AT_A_TIME: usize = 4;

/// Lists the alerts of these scopes or, without any, of all that budgets count or are kept at; one
/// request for each. A scope that cannot be listed does not stop the others.
///
/// # Errors
/// When there is no way to sign in, or the state cannot be read.
pub async fn list(app: &App, scopes: &[Scope]) -> anyhow::Result<Alerts> {
    let client = app.native_client()?;
    let created = Created::load(app).await?;
    let places: BTreeSet<Scope> = match scopes {
        [] => places(app.config()),
        some => some.iter().cloned().collect(),
    };
    let mut found = Alerts {
        at: app.now(),
        azure: Vec::new(),
        ours: ours(app).await?,
        failures: Vec::new(),
    };
    let mut answers = stream::iter(places)
        .map(|scope| async move {
            let list: Result<Vec<CostAlert>, Error> = client.alerts(&scope).try_collect().await;
            (scope, list)
        })
        .buffer_unordered(AT_A_TIME);
    while let Some((scope, list)) = answers.next().await {
        match list {
            Ok(list) => found.azure.extend(
                list.iter()
                    .map(|alert| shown(app.config(), &created, &scope, alert)),
            ),
            Err(error) => found.failures.push(AlertFailure {
                problem: advice(&error, &scope),
                scope,
            }),
        }
    }
    found.azure.sort_by(|left, right| {
        let newest_first = right.since.cmp(&left.since);
        left.scope
            .cmp(&right.scope)
            .then(newest_first)
            .then_with(|| left.name.cmp(&right.name))
    });
    found
        .failures
        .sort_by(|left, right| left.scope.cmp(&right.scope));
    Ok(found)
}

/// Dismisses an alert at Azure, and says what it is then.
///
/// # Errors
/// When there is no way to sign in, or Azure refuses.
pub async fn dismiss(app: &App, scope: &Scope, name: &str) -> anyhow::Result<AzureAlert> {
    let created = Created::load(app).await?;
    let alert = app.native_client()?.dismiss_alert(scope, name).await;
    let alert = alert.map_err(|error| anyhow::anyhow!("{}", advice(&error, scope)))?;
    Ok(shown(app.config(), &created, scope, &alert))
}

/// Dismisses the alerts that Azure's budgets have raised for one budget at a threshold in percent, or
/// at any; gives those that were dismissed. For whoever acknowledges ours.
///
/// # Errors
/// When there is no way to sign in, or Azure lists no alerts or refuses to dismiss one.
pub async fn dismiss_for(
    app: &App,
    budget: &str,
    percent: Option<Decimal>,
) -> anyhow::Result<Vec<AzureAlert>> {
    let config = app.config();
    let scopes: Vec<Scope> = match config.budgets.get(budget) {
        Some(budget) => places_of(config, budget).into_iter().collect(),
        None => anyhow::bail!("there is no budget `{budget}`"),
    };
    let listed = list(app, &scopes).await?;
    if let Some(failure) = listed.failures.first() {
        anyhow::bail!("{}: {}", failure.scope, failure.problem);
    }
    let mut dismissed = Vec::new();
    for alert in listed.azure {
        let is_at = percent.is_none_or(|percent| alert.threshold_percent == Some(percent));
        let is_active = alert.status.eq_ignore_ascii_case("Active");
        if alert.budget.as_deref() == Some(budget) && is_at && is_active {
            dismissed.push(dismiss(app, &alert.scope, &alert.name).await?);
        }
    }
    Ok(dismissed)
}

/// All scopes that budgets count or are kept at.
fn places(config: &Config) -> BTreeSet<Scope> {
    let of_budgets = config
        .budgets
        .iter()
        .flat_map(|budget| places_of(config, budget));
    let described = config.native.budgets.iter().map(|native| &native.scope);
    of_budgets.chain(described.cloned()).collect()
}

fn places_of(config: &Config, budget: &Budget) -> BTreeSet<Scope> {
    let settings = config.native.settings.get(&budget.id);
    let above = settings.and_then(|settings| settings.scope.clone());
    counted(config, budget).into_iter().chain(above).collect()
}

fn shown(config: &Config, created: &Created, scope: &Scope, alert: &CostAlert) -> AzureAlert {
    let about = alert.cost_entity_id.rsplit('/').next().unwrap_or_default();
    let (names, origin) = (config.native.names(), created.origin(scope, about));
    let is_followed = |budget: &&Budget| {
        names.belongs(about, &origin, &budget.id) && places_of(config, budget).contains(scope)
    };
    let is_budget = alert.kind.to_ascii_lowercase().starts_with("budget");
    let followed = config.budgets.iter().find(is_followed);
    let details = alert.details.as_ref();
    AzureAlert {
        scope: scope.clone(),
        name: alert.name.clone(),
        kind: alert.kind.clone(),
        criteria: alert.criteria.clone(),
        status: alert.status.clone(),
        about: alert.cost_entity_id.clone(),
        budget: followed
            .filter(|_| is_budget)
            .map(|budget| budget.id.clone()),
        threshold_percent: details.and_then(|details| details.threshold_percent),
        spent: details.and_then(|details| details.current_spend),
        unit: details
            .map(|details| details.unit.clone())
            .unwrap_or_default(),
        since: alert.creation_time,
    }
}

/// Our alerts in the periods that run today.
async fn ours(app: &App) -> anyhow::Result<Vec<OurAlert>> {
    let today = day_of(app.now());
    let mut ours = Vec::new();
    for budget in app.config().budgets.iter() {
        let Some(period) = budget.calendar.period_of(today) else {
            continue;
        };
        let key = format!("ledger/{}/{}", budget.id, budget.calendar.key(&period));
        let Some((ledger, _)) = json::get::<Ledger>(app.documents(), &key).await? else {
            continue;
        };
        ours.extend(
            ledger
                .alerts
                .into_iter()
                .map(|(threshold, alert)| OurAlert {
                    budget: budget.id.clone(),
                    period: ledger.period_key.clone(),
                    threshold,
                    when: alert.when,
                    state: alert.state,
                    since: alert.since,
                }),
        );
    }
    Ok(ours)
}
