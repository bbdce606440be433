//! Plan: what has to be done so that Azure's own budgets are as the configuration wants them.
//!
//! One list of each scope and API, however many budgets are kept there. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use azure_cost::{Client, Error};
use budget_engine::{Budget, Planned, Scope};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use native_budgets::{
    Action, Change, Desired, Live, Loss, Provider, Prune, RuleChange, collisions, compile,
    period_to_plan,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use state_store::json;

use crate::app::App;
use crate::clock::day_of;
use crate::jobs::{anomaly_rules, evaluate};
use crate::sources::advice_for_budgets;

/// Which budgets are planned, and what is deleted.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Ids of budgets, or names of native ones; empty for all.
    pub only: BTreeSet<String>,
    /// Which budgets that are not wanted are deleted.
    pub prune: Prune,
}

/// What has to be done, and what could not be found out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NativePlan {
    /// When it was made.
    pub at: Timestamp,
    /// What to do, in the order of scopes and names; what is left as it is, too.
    pub changes: Vec<Change>,
    /// What to do about Azure's rules about unusual costs; what is left as it is, too.
    pub rules: Vec<RuleChange>,
    /// What Azure's budgets cannot express.
    pub losses: Vec<Loss>,
    /// Scopes that could not be read, and why. Nothing is planned there.
    pub failures: Vec<ScopeFailure>,
    /// How many scopes were read.
    pub scopes: usize,
}

/// A scope that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScopeFailure {
    /// Which.
    pub scope: Scope,
    /// At which API.
    pub provider: Provider,
    /// Why, and what to do about it.
    pub problem: String,
}

impl NativePlan {
    /// What has to be done: everything but what is left.
    pub fn to_do(&self) -> impl Iterator<Item = &Change> {
        let all = self.changes.iter();
        all.filter(|change| change.action != Action::Leave)
    }

    /// The same of the rules.
    pub fn rules_to_do(&self) -> impl Iterator<Item = &RuleChange> {
        let all = self.rules.iter();
        all.filter(|change| change.action != Action::Leave)
    }

    /// Whether there is anything to do.
    pub fn is_to_do(&self) -> bool {
        self.to_do().next().is_some() || self.rules_to_do().next().is_some()
    }

    /// The budgets that Azure had when the plan was made.
    pub(crate) fn live(&self) -> Vec<Live> {
        let all = self.changes.iter();
        let live = all.filter_map(|change| {
            Some(Live {
                scope: change.scope.clone(),
                provider: change.provider,
                budget: change.live.clone()?,
                ours: true,
            })
        });
        live.collect()
    }
}

/// Is told how many scopes were read, of how many.
pub type Told<'a> = &'a (dyn Fn(usize, usize) + Send + Sync);

/// How many scopes are asked at a time. Azure counts requests, so that more would only wait.
const AT_A_TIME: usize = 4;

/// Makes the plan. A scope that cannot be read does not stop the others.
///
/// # Errors
/// When there is no way to sign in, the state cannot be read, or two budgets would be one in Azure.
pub async fn run(app: &App, options: &Options, told: Told<'_>) -> anyhow::Result<NativePlan> {
    let wanted = wanted(app).await?;
    check_only(&wanted, options)?;
    let twice = collisions(&wanted.desired);
    if let Some((scope, name, budgets)) = twice.first() {
        anyhow::bail!(
            "{} would all be the budget `{name}` of {scope} in Azure: give one of them another \
             name with `native = {{ name = \"…\" }}`",
            budgets.join(", ")
        );
    }
    let created = Created::load(app).await?;
    let selected =
        |desired: &&Desired| is_selected(options, desired.of.as_deref(), &desired.budget.name);
    let mut places: BTreeSet<(Scope, Provider)> = wanted
        .desired
        .iter()
        .filter(selected)
        .map(|desired| (desired.scope.clone(), desired.provider))
        .collect();
    if options.only.is_empty() {
        places.extend(created.places());
    }
    let client = app.native_client()?;
    let Lists { live, mut failures } = read_all(client, &created, places.clone(), told).await;
    let failed = |scope: &Scope, provider| {
        let mut failures = failures.iter();
        failures.any(|failure| failure.scope == *scope && failure.provider == provider)
    };
    let readable = wanted.desired.iter().filter(|desired| {
        let place = (desired.scope.clone(), desired.provider);
        places.contains(&place) && !failed(&desired.scope, desired.provider)
    });
    let readable: Vec<Desired> = readable.cloned().collect();
    let mut changes = native_budgets::plan(&readable, &live, &options.prune);
    // Both APIs show the same budgets: what one list lacks the other may want.
    changes.retain(|change| {
        let mut failures = failures.iter();
        change.of.is_some() || !failures.any(|failure| failure.scope == change.scope)
    });
    for change in &mut changes {
        if change.action == Action::Delete
            && let Some(budget) = wanted.out_of_reach(app, &change.name)
        {
            change.action = Action::Leave;
            change.reason = format!("it follows the budget {budget}, which cannot be planned now");
        }
    }
    changes.retain(|change| {
        let named = options.prune.named.contains(&change.name);
        named || is_selected(options, change.of.as_deref(), &change.name)
    });
    let mut losses = wanted.losses;
    losses.retain(|loss| options.only.is_empty() || options.only.contains(&loss.budget));
    let mut rules = Vec::new();
    if options.only.is_empty() {
        let plan = anomaly_rules::read_and_plan(app, &options.prune).await?;
        rules = plan.changes;
        failures.extend(plan.failures.into_iter().map(|failure| ScopeFailure {
            scope: failure.subscription,
            provider: Provider::CostManagement,
            problem: failure.problem,
        }));
    }
    Ok(NativePlan {
        at: app.now(),
        changes,
        rules,
        losses,
        failures,
        scopes: places.len(),
    })
}

fn is_selected(options: &Options, budget: Option<&str>, name: &str) -> bool {
    let only = &options.only;
    only.is_empty() || only.contains(name) || budget.is_some_and(|budget| only.contains(budget))
}

fn check_only(wanted: &Wanted, options: &Options) -> anyhow::Result<()> {
    let lost: BTreeSet<&str> = wanted
        .losses
        .iter()
        .map(|loss| loss.budget.as_str())
        .collect();
    for name in &options.only {
        let known =
            |desired: &Desired| is_selected(options, desired.of.as_deref(), &desired.budget.name);
        let is_known = lost.contains(name.as_str())
            || wanted
                .desired
                .iter()
                .any(|desired| desired.of.as_deref() == Some(name) || desired.budget.name == *name);
        anyhow::ensure!(
            is_known,
            "`{name}` is no budget that is kept in Azure; kept are: {}",
            wanted
                .desired
                .iter()
                .filter(|desired| !known(desired) || options.only.len() > 1)
                .map(|desired| desired
                    .of
                    .clone()
                    .unwrap_or_else(|| desired.budget.name.clone()))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    Ok(())
}

/// What the configuration wants Azure to have.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) desired: Vec<Desired>,
    pub(crate) losses: Vec<Loss>,
}

impl Wanted {
    /// The budget that one of Azure's follows by its name, though nothing of it could be compiled.
    fn out_of_reach(&self, app: &App, name: &str) -> Option<String> {
        let settings = app.config().native.settings.iter();
        let mut missing = settings.filter(|(id, _)| {
            let mut desired = self.desired.iter();
            !desired.any(|desired| desired.of.as_ref() == Some(id))
        });
        let found = missing.find(|(id, settings)| native_budgets::follows(name, id, settings));
        found.map(|(id, _)| id.clone())
    }
}

/// Compiles all budgets that are to be kept in Azure.
pub(crate) async fn wanted(app: &App) -> anyhow::Result<Wanted> {
    let today = day_of(app.now());
    let config = app.config();
    let amounts = Amounts::of(app).await?;
    let mut wanted = Wanted::default();
    for budget in config.budgets.iter() {
        let Some(settings) = config.native.settings.get(&budget.id) else {
            continue;
        };
        let planned = amounts.of_budget(budget, today);
        let compiled = compile(&config.budgets, budget, settings, &planned, today);
        wanted.desired.extend(compiled.desired);
        wanted.losses.extend(compiled.losses);
    }
    wanted.desired.extend(config.native.budgets.iter().cloned());
    Ok(wanted)
}

/// The amounts of budgets that follow from what was spent.
struct Amounts(BTreeMap<String, Result<(String, Decimal), String>>);

impl Amounts {
    /// Reads costs only if an amount follows from them that no evaluation of this period has worked
    /// out yet.
    async fn of(app: &App) -> anyhow::Result<Amounts> {
        let today = day_of(app.now());
        let config = app.config();
        let from_history = |budget: &&Budget| {
            matches!(budget.planned, Planned::History { .. })
                && config.native.settings.contains_key(&budget.id)
        };
        let mut missing: BTreeSet<&str> = BTreeSet::new();
        let mut amounts = BTreeMap::new();
        let mut reports = Vec::new();
        if config.budgets.iter().any(|budget| from_history(&budget)) {
            reports = app.last_reports().await?;
        }
        for budget in config.budgets.iter().filter(from_history) {
            let key = period_to_plan(budget, today).map(|period| budget.calendar.key(&period));
            let report = reports.iter().find(|report| report.budget == budget.id);
            let known = report.and_then(known_amount);
            match (key, known) {
                (Ok(key), Some(known)) if known.0 == key => {
                    amounts.insert(budget.id.clone(), Ok(known));
                }
                _ => drop(missing.insert(&budget.id)),
            }
        }
        for read in app.reads()? {
            if !read.budgets.iter().any(|id| missing.contains(id.as_str())) {
                continue;
            }
            let dry = evaluate::Options {
                dry_run: true,
                ..evaluate::Options::default()
            };
            match evaluate::run(app, &read, &dry).await {
                Ok(report) => {
                    for report in report.budgets {
                        let amount = known_amount(&report).ok_or_else(|| {
                            let problem = report.problem.clone();
                            problem
                                .unwrap_or_else(|| "its amount could not be worked out".to_owned())
                        });
                        if missing.contains(report.budget.as_str()) {
                            amounts.insert(report.budget, amount);
                        }
                    }
                }
                Err(error) => {
                    let problem =
                        format!("its amount follows from costs, which cannot be read: {error:#}");
                    for id in read
                        .budgets
                        .iter()
                        .filter(|id| missing.contains(id.as_str()))
                    {
                        amounts.insert(id.clone(), Err(problem.clone()));
                    }
                }
            }
        }
        Ok(Amounts(amounts))
    }

    fn of_budget(&self, budget: &Budget, today: jiff::civil::Date) -> Result<Decimal, String> {
        let period = period_to_plan(budget, today)?;
        match &budget.planned {
            Planned::Flat(amount) => Ok(*amount),
            Planned::PerPeriod(amounts) => amounts.get(&period.start()).copied().ok_or_else(|| {
                let label = budget.calendar.label(&period);
                format!("the configuration has no amount for {label}")
            }),
            Planned::History { .. } => match self.0.get(&budget.id) {
                Some(Ok((_, amount))) => Ok(amount.round_dp(2)),
                Some(Err(problem)) => Err(problem.clone()),
                None => Err("its amount could not be worked out".to_owned()),
            },
        }
    }
}

/// The period and amount of a report.
fn known_amount(report: &evaluate::BudgetReport) -> Option<(String, Decimal)> {
    let status = report.status.as_ref()?;
    Some((status.period_key.clone(), status.planned.amount))
}

/// What was read of scopes.
pub(crate) struct Lists {
    pub(crate) live: Vec<Live>,
    pub(crate) failures: Vec<ScopeFailure>,
}

/// Lists the budgets of scopes, a few at a time.
pub(crate) async fn read_all(
    client: &Client,
    created: &Created,
    places: BTreeSet<(Scope, Provider)>,
    told: Told<'_>,
) -> Lists {
    let count = places.len();
    let mut lists = Lists {
        live: Vec::new(),
        failures: Vec::new(),
    };
    let mut answers = stream::iter(places)
        .map(|(scope, provider)| async move {
            let budgets = list(client, &scope, provider).await;
            (scope, provider, budgets)
        })
        .buffer_unordered(AT_A_TIME);
    let mut done = 0;
    told(done, count);
    while let Some((scope, provider, budgets)) = answers.next().await {
        done += 1;
        told(done, count);
        match budgets {
            Ok(budgets) => lists.live.extend(budgets.into_iter().map(|budget| Live {
                ours: created.has(&scope, &budget.name),
                scope: scope.clone(),
                provider,
                budget,
            })),
            Err(error) => lists.failures.push(ScopeFailure {
                problem: advice_for_budgets(&error, &scope),
                scope,
                provider,
            }),
        }
    }
    lists
        .failures
        .sort_by(|left, right| left.scope.cmp(&right.scope));
    // A scope that was read at both APIs shows its cost budgets twice.
    let order = |live: &Live| {
        (
            live.scope.clone(),
            live.budget.name.to_lowercase(),
            live.provider,
        )
    };
    lists.live.sort_by_key(order);
    lists.live.dedup_by(|more, first| {
        more.scope == first.scope && more.budget.name.eq_ignore_ascii_case(&first.budget.name)
    });
    lists
}

async fn list(
    client: &Client,
    scope: &Scope,
    provider: Provider,
) -> Result<Vec<azure_cost::Budget>, Error> {
    match provider {
        Provider::Consumption => client.budgets(scope).try_collect().await,
        Provider::CostManagement => {
            client
                .cost_management_budgets(scope, None)
                .try_collect()
                .await
        }
    }
}

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

    pub(crate) fn has(&self, scope: &Scope, name: &str) -> bool {
        self.budgets.contains_key(&key(scope, name))
    }

    fn places(&self) -> impl Iterator<Item = (Scope, Provider)> + '_ {
        let all = self.budgets.values();
        all.map(|each| (each.scope.clone(), each.provider))
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

    /// Forgets what is not there any more.
    pub(crate) async fn remove(app: &App, changes: &[&Change]) -> anyhow::Result<()> {
        Created::update(app, |created| {
            for change in changes {
                created.budgets.remove(&key(&change.scope, &change.name));
            }
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
