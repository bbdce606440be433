//! Import: configuration for the budgets that Azure has already.
//!
//! Reads both of Azure's budget APIs and writes nothing.

use std::collections::BTreeSet;

use azure_cost::Client;
use budget_engine::{Budget, Currency, Planned, Scope, ScopeKind};
use futures::TryStreamExt;
use jiff::Timestamp;
use jiff::civil::Date;
use native_budgets::{
    AnomalyRule, Desired, ImportEffect, ImportNote, ImportOptions, Live, LiveRule, Origin,
    Provider, Prune, compile, configured_rule, import, period_to_plan, plan,
};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::app::App;
use crate::clock::day_of;
use crate::config::{Config, OWNERS, imported_toml};
use crate::jobs::plan::{Created, ScopeFailure, Told, read_all};
use crate::sources::advice;

/// What to import, and what is known already.
#[derive(Clone)]
pub struct Options<'a> {
    /// Where to look.
    pub scopes: BTreeSet<Scope>,
    /// Currency of budgets whose spend Azure does not show.
    pub currency: Currency,
    /// Destinations of our own notices. If there are none, budgets are described as they are.
    pub notify: Vec<String>,
    /// The application of the configuration that is there: what it keeps in Azure already, as the
    /// state remembers it too, is not imported once more.
    pub app: Option<&'a App>,
    /// The moment.
    pub now: Timestamp,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    /// A configuration file in TOML.
    pub config: String,
    /// How many budgets became `[[budget]]`.
    pub budgets: usize,
    /// How many became `[[native_budget]]`.
    pub described: usize,
    /// How many rules about unusual costs became `[[anomaly_alert]]`.
    pub rules: usize,
    /// How many the configuration keeps already.
    pub known: usize,
    /// What the configuration does not show.
    pub notes: Vec<ImportNote>,
    /// Scopes that could not be read, each with the reason. They do not stop the others.
    pub failures: Vec<ScopeFailure>,
}

/// The scopes of a configuration: those of its budgets and of what it keeps in Azure.
pub fn scopes(config: &Config) -> BTreeSet<Scope> {
    let budgets = config.budgets.iter();
    let own = budgets.clone().flat_map(|budget| budget.scopes.clone());
    let above = budgets.filter_map(|budget| config.native.scope_of(&config.budgets, budget));
    let described = config.native.budgets.iter();
    let described = described.map(|desired| desired.scope.clone());
    own.chain(above).chain(described).collect()
}

/// Whom our own notices go to unless somebody says it: owners if mail can reach them, else the
/// fallback.
pub fn destinations(config: &Config) -> Vec<String> {
    let channels = config.channels.values();
    let mails = channels.filter(|channel| channel.kind.mailing().is_some());
    match (mails.count(), &config.fallback) {
        (1, _) => vec![OWNERS.to_owned()],
        (_, Some(fallback)) => vec![fallback.clone()],
        _ => Vec::new(),
    }
}

/// Lists the budgets of all scopes and turns them into configuration. `told` is told how many of how
/// many lists have been read.
///
/// # Errors
/// When the state cannot be read. A scope that cannot be read does not stop the others.
pub async fn run(
    client: &Client,
    options: &Options<'_>,
    told: Told<'_>,
) -> anyhow::Result<ImportReport> {
    let created = match options.app {
        Some(app) => Created::load(app).await?,
        None => Created::default(),
    };
    let config = options.app.map(App::config);
    let places = options.scopes.iter().flat_map(|scope| {
        // Budgets of partners' customers are Cost Management's.
        let is_served = |provider: &Provider| {
            *provider != Provider::Consumption || scope.kind() != ScopeKind::Customer
        };
        let providers = Provider::ALL.into_iter().filter(is_served);
        providers.map(|provider| (scope.clone(), provider))
    });
    let lists = read_all(client, &created, places.collect(), told).await;
    let mut live = lists.live;
    let mut failures = lists.failures;
    let mut rules = Rules::default();
    for scope in &options.scopes {
        if scope.kind() == ScopeKind::Subscription {
            rules.read(client, options, scope, &mut failures).await;
        }
    }
    let known = config.map(|config| kept(config, &live, day_of(options.now)));
    let known = known.unwrap_or_default();
    let place = |live: &Live| (live.scope.clone(), live.budget.name.to_lowercase());
    let already: BTreeSet<_> = live
        .iter()
        .map(place)
        .filter(|at| known.contains(at))
        .collect();
    live.retain(|live| !already.contains(&place(live)));
    let taken = config.map(|config| {
        let ids = config.budgets.iter().map(|budget| budget.id.clone());
        ids.collect()
    });
    let imported = import(
        &live,
        &ImportOptions {
            currency: options.currency,
            today: day_of(options.now),
            notify: options.notify.clone(),
            taken: taken.unwrap_or_default(),
            is_address: alert_channels::email::is_mailbox,
        },
    );
    let mut notes = imported.notes.clone();
    notes.extend(rules.notes);
    Ok(ImportReport {
        config: imported_toml(&imported, &rules.found),
        rules: rules.found.len(),
        budgets: imported.budgets.len(),
        described: imported.described.len(),
        known: already.len() + rules.known,
        notes,
        failures,
    })
}

/// Azure's rules about unusual costs.
#[derive(Default)]
struct Rules {
    found: Vec<AnomalyRule>,
    known: usize,
    notes: Vec<ImportNote>,
}

impl Rules {
    async fn read(
        &mut self,
        client: &Client,
        options: &Options<'_>,
        subscription: &Scope,
        failures: &mut Vec<ScopeFailure>,
    ) {
        let list = client.scheduled_actions(Some(subscription), None);
        let list: Result<Vec<_>, azure_cost::Error> = list.try_collect().await;
        let list = match list {
            Ok(list) => list,
            Err(error) => {
                failures.push(ScopeFailure {
                    scope: subscription.clone(),
                    provider: Provider::CostManagement,
                    problem: advice(&error, subscription),
                });
                return;
            }
        };
        let config = options.app.map(App::config);
        let kept = config.map(|config| &config.native.anomaly_alerts[..]);
        for rule in list.into_iter().filter(|rule| rule.is_anomaly_alert()) {
            let is_kept = kept.unwrap_or_default().iter().any(|kept| {
                kept.subscription == *subscription && kept.name.eq_ignore_ascii_case(&rule.name)
            });
            if is_kept {
                self.known += 1;
                continue;
            }
            let live = LiveRule {
                subscription: subscription.clone(),
                rule,
                ours: false,
            };
            match configured_rule(&live, options.now) {
                Ok(rule) => self.found.push(rule),
                Err(why) => self.notes.push(ImportNote {
                    scope: subscription.clone(),
                    name: live.rule.name,
                    effect: ImportEffect::LeftOut,
                    message: why,
                }),
            }
        }
    }
}

/// Scopes and names of what a configuration keeps in Azure, parts of a split included.
fn kept(config: &Config, live: &[Live], today: Date) -> BTreeSet<(Scope, String)> {
    let names = config.native.names();
    let mut desired: Vec<Desired> = config.native.budgets.clone();
    for budget in config.budgets.iter() {
        let Some(settings) = config.native.settings.get(&budget.id) else {
            continue;
        };
        let planned = Ok(amount_for_parts(config, budget, live, today));
        let compiled = compile(&config.budgets, budget, settings, &planned, today);
        desired.extend(compiled.desired);
    }
    let changes = plan(&desired, live, &names, &Prune::default());
    let wanted = changes.iter().filter(|change| change.desired.is_some());
    let wanted = wanted.map(|change| (&change.scope, &change.name));
    // Parts that are not needed any more are for a plan to delete.
    let made_here = live.iter().filter(|live| match &live.origin {
        Origin::Here { of: Some(id) } => names.has(id),
        _ => false,
    });
    let made_here = made_here.map(|live| (&live.scope, &live.budget.name));
    let all = wanted.chain(made_here);
    all.map(|(scope, name)| (scope.clone(), name.to_lowercase()))
        .collect()
}

/// An amount that says into how many parts a budget is split: the one that Azure has, because an
/// amount from history needs costs; else the configured one, or any.
fn amount_for_parts(config: &Config, budget: &Budget, live: &[Live], today: Date) -> Decimal {
    let scope = config.native.scope_of(&config.budgets, budget);
    let names = config.native.names();
    let own = live.iter().find(|live| {
        Some(&live.scope) == scope.as_ref()
            && names.belongs(&live.budget.name, &live.origin, &budget.id)
    });
    let configured = || match &budget.planned {
        Planned::Flat(amount) => Some(*amount),
        Planned::PerPeriod(amounts) => {
            let period = period_to_plan(budget, today).ok()?;
            amounts.get(&period.start()).copied()
        }
        Planned::History { .. } => None,
    };
    let known = own.and_then(|live| live.budget.amount).or_else(configured);
    known.unwrap_or(Decimal::ONE_THOUSAND)
}
