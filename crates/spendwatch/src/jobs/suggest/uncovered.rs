//! Budgets for scopes that have none: where money is spent that no budget counts, and what to plan
//! there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use budget_engine::{
    Budget, Budgets, Calendar, CostBasis, CostFacts, Currency, Planned, Scope, ScopeKind,
    TimeGrain, plus_days,
};
use futures::TryStreamExt;
use jiff::civil::Date;
use native_budgets::id_of;
use rust_decimal::Decimal;

use super::{Options, Report, Suggestion, suggest};
use crate::app::App;
use crate::clock::day_of;
use crate::config::{Source, SourceKind};
use crate::jobs::backtest::{Past, Reading, each, reaching_back};
use crate::reads::counted;
use crate::replay;
use crate::sources::{ReadContext, ReadRequest};

/// Where budgets are proposed that are not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// One for each of these.
    At(Vec<Scope>),
    /// One for each subscription of which no budget counts anything, and for each resource group that
    /// is left out where budgets count others of its subscription; if it has cost something lately.
    Uncovered,
}

/// What has cost something within so many days is worth a budget.
const LATELY_DAYS: i32 = 31;

/// One read, and the scopes that budgets are proposed for; none if what is not covered is to be found
/// in it.
struct Look {
    source: usize,
    scopes: Vec<Scope>,
    wanted: Vec<Scope>,
}

/// Proposes a whole monthly budget for each scope, from what was spent there.
///
/// # Errors
/// When no source serves a scope, or the subscriptions of Azure cannot be listed. A read that fails is
/// reported with its scopes.
pub async fn for_scopes(app: &App, options: &Options, place: &Where) -> anyhow::Result<Report> {
    let mut names = BTreeMap::new();
    let looks = match place {
        Where::At(scopes) => {
            let looks = looks_at(app, scopes)?;
            name_subscriptions(app, &looks, &mut names).await;
            looks
        }
        Where::Uncovered => looks_everywhere(app, &mut names).await?,
    };
    let mut notes = Vec::new();
    if *place == Where::Uncovered {
        notes.extend(not_looked_into(app));
    }
    let mut ids = Ids::new(app, &names);
    let mut found: Vec<(Budget, Result<Past, String>)> = Vec::new();
    for look in looks {
        let request = request(app, &look, options);
        let context = ReadContext {
            progress: options.past.progress.clone(),
            ..ReadContext::default()
        };
        let read = async {
            let source = app.source(look.source)?;
            let answer = source.read(&request, &context).await;
            answer.context("read costs")
        };
        let answer = match read.await {
            Ok(answer) => answer,
            Err(error) => {
                let scopes = [&look.wanted[..], &look.scopes[..]];
                let scopes = scopes.into_iter().find(|scopes| !scopes.is_empty());
                for scope in scopes.unwrap_or_default() {
                    let budget = ids.candidate(scope, app.config().currency);
                    found.push((budget, Err(format!("{error:#}"))));
                }
                if scopes.is_none() {
                    return Err(error.context(format!("source {}", look.source + 1)));
                }
                continue;
            }
        };
        notes.extend(answer.notes);
        let scopes = match look.wanted.is_empty() {
            true => uncovered(app, &answer.facts, request.today),
            false => look.wanted,
        };
        for scope in scopes {
            let currency = currency_of(&answer.facts, &scope);
            let budget = ids.candidate(&scope, currency.unwrap_or(app.config().currency));
            let budgets = Budgets::new(vec![budget.clone()]);
            let past = budgets
                .map_err(|_| "it would count nothing".to_owned())
                .and_then(|budgets| {
                    let reading = Reading {
                        config: app.config(),
                        budgets: &budgets,
                        facts: &answer.facts,
                        snapshots: &[],
                        lag: app.config().sources[look.source].lag,
                        today: request.today,
                    };
                    let past = reading.past(&budget, vec![scope]);
                    past.map_err(|error| error.to_string())
                });
            found.push((budget, past));
        }
    }
    let suggested = each(&found, |(_, past)| match past {
        Ok(past) => suggest(past, app.config(), options),
        Err(problem) => Err(problem.clone()),
    });
    let budgets = found.iter().zip(suggested).map(|((budget, _), suggested)| {
        let suggestion = suggested.unwrap_or_else(|problem| Suggestion {
            budget: budget.id.clone(),
            name: budget.name.clone(),
            scope: None,
            current: None,
            proposal: None,
            reason: problem,
            failed: true,
        });
        Suggestion {
            scope: budget.scopes.first().cloned(),
            ..suggestion
        }
    });
    Ok(Report {
        at: app.now(),
        budgets: budgets.collect(),
        notes,
    })
}

/// The reads for named scopes: resource groups of a subscription share one.
fn looks_at(app: &App, scopes: &[Scope]) -> anyhow::Result<Vec<Look>> {
    let mut looks: Vec<Look> = Vec::new();
    for scope in scopes {
        let sources = &app.config().sources;
        let source = sources.iter().position(|source| serves(source, scope));
        let source = source.with_context(|| format!("no [source] serves {scope}"))?;
        let asked = match holds_what_it_holds(&sources[source]) {
            true => Vec::new(),
            false => vec![scope.subscription_of().unwrap_or(scope.clone())],
        };
        let same = looks
            .iter_mut()
            .find(|look| look.source == source && look.scopes == asked);
        match same {
            Some(look) if look.wanted.contains(scope) => {}
            Some(look) => look.wanted.push(scope.clone()),
            None => looks.push(Look {
                source,
                scopes: asked,
                wanted: vec![scope.clone()],
            }),
        }
    }
    Ok(looks)
}

/// Asks Azure for the names of subscriptions. Without them budgets are called by ids.
async fn name_subscriptions(app: &App, looks: &[Look], names: &mut BTreeMap<Scope, String>) {
    let from_azure = looks.iter().filter(|look| !look.scopes.is_empty());
    let wanted = from_azure.flat_map(|look| &look.wanted);
    for scope in wanted.filter(|scope| scope.kind() == ScopeKind::Subscription) {
        if let Ok(client) = app.native_client()
            && let Ok(found) = client.subscription(scope).await
        {
            names.insert(scope.clone(), found.display_name);
        }
    }
}

/// The reads for whatever is not covered: one of each source that holds all its costs, and of each
/// subscription elsewhere. `names` gets the names of subscriptions.
async fn looks_everywhere(
    app: &App,
    names: &mut BTreeMap<Scope, String>,
) -> anyhow::Result<Vec<Look>> {
    let config = app.config();
    let mut looks = Vec::new();
    let mut subscriptions: Option<Vec<Scope>> = None;
    for (index, source) in config.sources.iter().enumerate() {
        if holds_what_it_holds(source) {
            looks.push(Look {
                source: index,
                scopes: Vec::new(),
                wanted: Vec::new(),
            });
            continue;
        }
        if subscriptions.is_none() {
            let listed = app.native_client()?.subscriptions();
            let listed: Vec<_> = listed.try_collect().await.context("list subscriptions")?;
            let mut scopes = Vec::new();
            for one in listed.into_iter().filter(|one| one.state != "Deleted") {
                let scope = Scope::parse(&format!("/subscriptions/{}", one.subscription_id))?;
                names.insert(scope.clone(), one.display_name);
                scopes.push(scope);
            }
            subscriptions = Some(scopes);
        }
        let counted = all_counted(app);
        for scope in subscriptions.iter().flatten() {
            let is_first = config.sources.iter().position(|one| serves(one, scope)) == Some(index);
            if is_first && !counted.iter().any(|one| one.contains(scope)) {
                looks.push(Look {
                    source: index,
                    scopes: vec![scope.clone()],
                    wanted: Vec::new(),
                });
            }
        }
    }
    Ok(looks)
}

/// Budgets whose scopes do not show which subscriptions they hold.
fn not_looked_into(app: &App) -> Option<String> {
    let wide: Vec<String> = all_counted(app)
        .iter()
        .filter(|scope| scope.subscription_of().is_none())
        .map(ToString::to_string)
        .collect();
    (!wide.is_empty()).then(|| {
        format!(
            "what the budgets of {} count is not known by its subscription, and may be proposed once \
             more",
            wide.join(", ")
        )
    })
}

fn serves(source: &Source, scope: &Scope) -> bool {
    source.scopes.is_empty() || source.scopes.iter().any(|served| served.contains(scope))
}

/// Whether a source is read as a whole, not scope by scope.
fn holds_what_it_holds(source: &Source) -> bool {
    !matches!(
        source.kind,
        SourceKind::Azure { .. } | SourceKind::UsageAggregates { .. }
    )
}

fn all_counted(app: &App) -> BTreeSet<Scope> {
    let budgets = app.config().budgets.iter();
    budgets
        .flat_map(|budget| counted(app.config(), budget))
        .collect()
}

fn request(app: &App, look: &Look, options: &Options) -> ReadRequest {
    let today = day_of(app.now());
    let mut counted = look.wanted.clone();
    if look.wanted.is_empty() {
        // Whatever its name: costs are asked for by resource group.
        let group =
            |scope: &Scope| Scope::parse(&format!("{}/resourceGroups/any", scope.path())).ok();
        counted = look.scopes.iter().filter_map(group).collect();
    }
    let pattern = Ids::budget("any".to_owned(), Vec::new(), app.config().currency);
    let periods = replay::past_periods(&pattern, today, options.past.periods);
    let request = ReadRequest {
        scopes: look.scopes.clone(),
        counted,
        needs_categories: false,
        cost_basis: CostBasis::Actual,
        period_start: today.first_of_month(),
        today,
        projection: Budgets::projection([]),
    };
    let first = periods.first().map(|period| period.start());
    reaching_back(app, look.source, request, first)
}

/// Scopes that have cost something lately, of which no budget counts anything.
fn uncovered(app: &App, facts: &CostFacts, today: Date) -> Vec<Scope> {
    let since = plus_days(today, -LATELY_DAYS);
    let mut costs: BTreeMap<Scope, BTreeMap<Scope, Decimal>> = BTreeMap::new();
    for series in facts.series() {
        let Some(resource) = &series.key.place.resource else {
            continue;
        };
        let Some(subscription) = resource.subscription_of() else {
            continue;
        };
        let days = series.days.iter().filter(|day| day.date >= since);
        let total: Decimal = days.map(|day| day.actual).sum();
        let groups = costs.entry(subscription).or_default();
        *groups.entry(resource.clone()).or_default() += total;
    }
    let counted = all_counted(app);
    let mut found = Vec::new();
    for (subscription, groups) in costs {
        if counted.iter().any(|one| one.contains(&subscription)) {
            continue;
        }
        let is_partly = counted.iter().any(|one| subscription.contains(one));
        if !is_partly {
            let total: Decimal = groups.values().sum();
            found.extend((total > Decimal::ZERO).then_some(subscription));
            continue;
        }
        let left_out = groups.into_iter().filter(|(group, total)| {
            group.kind() == ScopeKind::ResourceGroup
                && *total > Decimal::ZERO
                && !counted.iter().any(|one| one.contains(group))
        });
        found.extend(left_out.map(|(group, _)| group));
    }
    found
}

/// The currency that most of a scope's costs are in.
fn currency_of(facts: &CostFacts, scope: &Scope) -> Option<Currency> {
    let mut totals: BTreeMap<Currency, Decimal> = BTreeMap::new();
    for series in facts.series_in(scope) {
        let total: Decimal = series.days.iter().map(|day| day.actual.abs()).sum();
        *totals.entry(series.key.currency).or_default() += total;
    }
    let most = totals.into_iter().max_by_key(|(_, total)| *total);
    most.map(|(currency, _)| currency)
}

/// Ids of budgets that are not there yet, each once.
struct Ids<'a> {
    taken: BTreeSet<String>,
    margin: Decimal,
    names: &'a BTreeMap<Scope, String>,
}

impl<'a> Ids<'a> {
    fn new(app: &App, names: &'a BTreeMap<Scope, String>) -> Ids<'a> {
        let ids = app.config().budgets.iter();
        let taken = ids.map(|budget| budget.id.to_ascii_lowercase()).collect();
        let margin = app.config().inherited.margin;
        Ids {
            taken,
            margin,
            names,
        }
    }

    /// A monthly budget of a scope without an amount.
    fn candidate(&mut self, scope: &Scope, currency: Currency) -> Budget {
        let name = self.names.get(scope).filter(|name| !name.is_empty());
        let plain = match name {
            Some(name) => id_of(&name.to_ascii_lowercase()),
            None => id_of(scope.id()),
        };
        let numbered = (2..).map(|number| format!("{}-{number}", &plain[..plain.len().min(58)]));
        let mut all = std::iter::once(plain.clone()).chain(numbered);
        let id = all.find(|id| self.taken.insert(id.to_ascii_lowercase()));
        let mut budget = Ids::budget(id.unwrap_or(plain), vec![scope.clone()], currency);
        budget.margin = self.margin;
        if let Some(name) = name {
            budget.name.clone_from(name);
        }
        budget
    }

    fn budget(id: String, scopes: Vec<Scope>, currency: Currency) -> Budget {
        Budget {
            name: id.clone(),
            id,
            scopes,
            filter: None,
            exclude: BTreeSet::new(),
            cost_basis: CostBasis::Actual,
            currency,
            calendar: Calendar::plain(TimeGrain::Monthly),
            starts: None,
            ends: None,
            // None of any period: nothing is planned yet.
            planned: Planned::PerPeriod(BTreeMap::new()),
            parent: None,
            thresholds: Vec::new(),
            owners: Vec::new(),
            margin: Budget::MARGIN,
        }
    }
}
