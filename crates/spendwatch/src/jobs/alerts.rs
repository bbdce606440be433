//! Alerts: what Azure has raised of its own, with our own alerts beside it, and dismissing at Azure.

pub mod acknowledge;
pub mod explain;
pub mod find;

use std::collections::BTreeSet;

use azure_cost::{CostAlert, Error};
use budget_engine::{
    Acknowledgement, Alert, AlertState, Budget, Ledger, Scope, Severity, ThresholdKind,
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use state_store::{Version, json};

use crate::app::App;
use crate::clock::day_of;
use crate::config::{Config, SourceKind};
use crate::jobs::plan::Created;
use crate::ledgers;
use crate::reads::counted;
use crate::silences::{self, Silence};
use crate::sources::{advice, advice_for_dismissal};
use crate::standing;

/// What Azure and we have raised.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alerts {
    /// When it was asked.
    pub at: Timestamp,
    /// Whether Azure was asked for its alerts.
    pub azure_asked: bool,
    /// Azure's, in the order of scopes and then the newest first; dismissed ones included.
    pub azure: Vec<AzureAlert>,
    /// Ours, in the order of the configuration: of the periods that run today, and what stands in those
    /// that have just ended and are still evaluated.
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
    /// Its id.
    pub id: String,
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
    /// How urgent the last notice of it was; absent for one that was never told on its own.
    pub severity: Option<Severity>,
    /// Who knows of it, since it fired.
    pub acknowledged: Option<Acknowledgement>,
    /// Until when its notices are held back everywhere, if they are.
    pub silenced_until: Option<Timestamp>,
    /// Whether its last news had nobody to go to, or all that was sent of it has ended without arriving.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub told_nobody: bool,
}

/// Whose alerts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Ours alone: nobody is asked, and no way to sign in is needed.
    Ours,
    /// Azure's, too.
    All,
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

/// Lists our alerts and, if asked for, Azure's of these scopes or, without any, of all that budgets
/// count or are kept at; one request for each. A scope that cannot be listed does not stop the others.
///
/// # Errors
/// When Azure is to be asked and there is no way to sign in, or the state cannot be read.
pub async fn list(app: &App, scopes: &[Scope], whose: Whose) -> anyhow::Result<Alerts> {
    let ours = ours(app).await?;
    match whose {
        Whose::All => Ok(Alerts {
            ours,
            ..azures(app, scopes).await?
        }),
        Whose::Ours => Ok(Alerts {
            at: app.now(),
            azure_asked: false,
            azure: Vec::new(),
            ours,
            failures: Vec::new(),
        }),
    }
}

/// Whether a configuration says anything of Azure's APIs: a source that reads them, or budgets that
/// are kept there. Otherwise asking would mean whoever happens to be signed in.
pub fn has_azure(config: &Config) -> bool {
    let reads = config.sources.iter().any(|source| {
        matches!(
            source.kind,
            SourceKind::Azure { .. } | SourceKind::UsageAggregates { .. }
        )
    });
    let native = &config.native;
    reads
        || native.connection.is_some()
        || !native.settings.is_empty()
        || !native.budgets.is_empty()
}

/// Azure's alerts alone.
async fn azures(app: &App, scopes: &[Scope]) -> anyhow::Result<Alerts> {
    let client = app.native_client()?;
    let created = Created::load(app).await?;
    let places: BTreeSet<Scope> = match scopes {
        [] => places(app.config()),
        some => some.iter().cloned().collect(),
    };
    let mut found = Alerts {
        at: app.now(),
        azure_asked: true,
        azure: Vec::new(),
        ours: Vec::new(),
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
    let advice = |error| anyhow::anyhow!("{}", advice_for_dismissal(&error, scope, name));
    let alert = alert.map_err(advice)?;
    Ok(shown(app.config(), &created, scope, &alert))
}

/// Dismisses the alerts that Azure's budgets have raised for one budget, of spend or of the forecast,
/// at a threshold in percent, or all of them; gives those that were dismissed.
///
/// # Errors
/// When there is no way to sign in, or Azure lists no alerts or refuses to dismiss one.
pub async fn dismiss_for(
    app: &App,
    budget: &str,
    kind: Option<ThresholdKind>,
    percent: Option<Decimal>,
) -> anyhow::Result<Vec<AzureAlert>> {
    let config = app.config();
    let scopes: Vec<Scope> = match config.budgets.get(budget) {
        Some(budget) => places_of(config, budget).into_iter().collect(),
        None => anyhow::bail!("there is no budget `{budget}`"),
    };
    let listed = azures(app, &scopes).await?;
    if let Some(failure) = listed.failures.first() {
        anyhow::bail!("{}: {}", failure.scope, failure.problem);
    }
    let mut dismissed = Vec::new();
    for alert in listed.azure {
        let is_at = percent.is_none_or(|percent| alert.threshold_percent == Some(percent));
        let is_forecast = alert.kind.eq_ignore_ascii_case("BudgetForecast");
        let is_of = kind.is_none_or(|kind| is_forecast == (kind == ThresholdKind::Forecast));
        let is_active = alert.status.eq_ignore_ascii_case("Active");
        if alert.budget.as_deref() == Some(budget) && is_at && is_of && is_active {
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
    let native = config.native.scope_of(&config.budgets, budget);
    counted(config, budget).into_iter().chain(native).collect()
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

/// Our alerts in the periods that run today, and those that stand in one that is still evaluated after
/// its end.
async fn ours(app: &App) -> anyhow::Result<Vec<OurAlert>> {
    let now = app.now();
    let today = day_of(now);
    let silences = silences::active(app.documents(), now).await?;
    let mut ours = Vec::new();
    for budget in app.config().budgets.iter() {
        let running = budget.calendar.period_of(today);
        let plan = standing::plan(budget, today).ok().flatten();
        let ended = plan.and_then(|plan| plan.ended);
        let ended = ended.filter(|ended| running.as_ref() != Some(ended));
        for period in ended.iter().chain(&running) {
            let key = ledgers::key(&budget.id, &budget.calendar.key(period));
            let stored: Option<(Ledger, Version)> = json::get(app.documents(), &key).await?;
            let Some((ledger, _)) = stored else {
                continue;
            };
            let is_over = running.as_ref() != Some(period);
            for (key, alert) in &ledger.alerts {
                if is_over && !alert.state.stands() {
                    continue;
                }
                let mut one = our(&ledger, key, alert, &silences);
                one.told_nobody |= ledgers::is_lost(app, &ledger, alert).await?;
                ours.push(one);
            }
        }
    }
    Ok(ours)
}

fn our(ledger: &Ledger, key: &str, alert: &Alert, silences: &[Silence]) -> OurAlert {
    let severity = ledger.fired(alert).map(|fired| fired.severity);
    let own = ledger.transitions.iter().rev();
    let mut news = own.filter(|one| one.alert == alert.id && one.change.is_news());
    OurAlert {
        told_nobody: news.next().is_some_and(|one| one.reaches_nobody()),
        id: alert.id.clone(),
        budget: ledger.budget.clone(),
        period: ledger.period_key.clone(),
        threshold: key.to_owned(),
        when: alert.when.clone(),
        state: alert.state.clone(),
        since: alert.since,
        severity,
        acknowledged: alert.acknowledged.clone(),
        silenced_until: silencing(ledger, key, alert, silences)
            .filter(|one| one.matcher.destination.is_none())
            .map(|one| one.until)
            .max(),
    }
}

/// The silences that are about an alert, at whichever destination.
fn silencing<'a>(
    ledger: &'a Ledger,
    key: &'a str,
    alert: &'a Alert,
    silences: &'a [Silence],
) -> impl Iterator<Item = &'a Silence> {
    let severity = ledger.fired(alert).map(|fired| fired.severity);
    silences.iter().filter(move |one| {
        let matcher = &one.matcher;
        let is_known = severity.is_some() || matcher.severity.is_none();
        let severity = severity.unwrap_or(Severity::Info);
        is_known && matcher.fits(&ledger.budget, key, alert.kind, severity)
    })
}
