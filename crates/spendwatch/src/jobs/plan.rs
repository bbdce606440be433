//! Plan: what has to be done so that Azure's own budgets are as the configuration wants them.
//!
//! One list of each scope and API, however many budgets are kept there. Nothing is written.

mod created;
mod lists;
mod offers;
mod reach;
mod wanted;

use std::collections::BTreeSet;

use budget_engine::Scope;
use jiff::Timestamp;
use native_budgets::{Action, Change, Desired, Live, Loss, Origin, Provider, Prune, RuleChange};
use serde::Serialize;

pub(crate) use self::created::Created;
pub(crate) use self::lists::{Lists, is_gone, read_all};
use self::wanted::Wanted;
use crate::app::App;
use crate::clock::day_of;
use crate::jobs::anomaly_rules;

/// Which budgets are planned, and what is deleted.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Ids of budgets, or names of native ones; empty for all.
    pub only: BTreeSet<String>,
    /// Which budgets that are not wanted are deleted.
    pub prune: Prune,
    /// The same of rules about unusual costs.
    pub prune_rules: Prune,
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
    /// Scopes that Azure does not know any more and nothing configured wants: what was created there
    /// is to be forgotten.
    pub gone: Vec<GoneScope>,
    /// What was created here and is not in Azure any more: it is to be forgotten, so that what others
    /// create under its name is theirs.
    pub vanished: Vec<Vanished>,
    /// What Azure's budgets cannot express.
    pub losses: Vec<Loss>,
    /// Budgets that could not be planned, and why. What Azure has of them is left.
    pub unplanned: Vec<Unplanned>,
    /// Scopes that could not be read, and why. Nothing is planned there.
    pub failures: Vec<ScopeFailure>,
    /// How many scopes were read.
    pub scopes: usize,
}

/// A budget that could not be planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unplanned {
    /// Its id; for one that the configuration describes, `[[native_budget]]` and its name.
    pub budget: String,
    /// Why, and what to do about it.
    pub problem: String,
}

/// A scope that does not exist any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoneScope {
    /// Which.
    pub scope: Scope,
    /// Names of the budgets that were created there.
    pub budgets: Vec<String>,
    /// Names of the rules about unusual costs that were created there.
    pub rules: Vec<String>,
}

/// A budget that was created here and is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Vanished {
    /// Where it was.
    pub scope: Scope,
    /// At which API it was created.
    pub provider: Provider,
    /// Its name in Azure.
    pub name: String,
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

    /// Whether there is anything to do, be it to prune.
    pub fn is_to_do(&self) -> bool {
        self.is_to_apply() || self.left_behind().next().is_some()
    }

    /// Whether applying it does anything.
    pub fn is_to_apply(&self) -> bool {
        self.to_do().next().is_some()
            || self.rules_to_do().next().is_some()
            || !self.gone.is_empty()
            || !self.vanished.is_empty()
    }

    /// What Azure still has of budgets that it cannot express any more: only pruning ends it.
    pub fn left_behind(&self) -> impl Iterator<Item = &Change> {
        let all = self.changes.iter();
        all.filter(|change| change.is_left_behind())
    }

    /// Budgets of others that stand where something else is wanted: somebody has to say what becomes
    /// of them.
    pub fn in_the_way(&self) -> impl Iterator<Item = &Change> {
        let all = self.changes.iter();
        all.filter(|change| change.is_in_the_way())
    }

    /// Whether all that is configured could be planned, nothing is in its way, and every scope be read.
    pub fn is_whole(&self) -> bool {
        self.failures.is_empty() && self.unplanned.is_empty() && self.in_the_way().next().is_none()
    }

    /// The budgets that Azure had when the plan was made, and which of ours they follow.
    pub(crate) fn live(&self) -> Vec<Live> {
        let all = self.changes.iter();
        // What is left behind follows nothing any more.
        let live = all.filter(|change| !change.is_left_behind());
        let live = live.filter_map(|change| {
            let of = change.of.clone();
            Some(Live {
                scope: change.scope.clone(),
                provider: change.provider,
                budget: change.live.clone()?,
                origin: of.map_or(Origin::Elsewhere, |of| Origin::Here { of: Some(of) }),
            })
        });
        live.collect()
    }
}

/// Is told how many scopes were read, of how many.
pub type Told<'a> = &'a (dyn Fn(usize, usize) + Send + Sync);

/// Makes the plan. A scope that cannot be read does not stop the others.
///
/// # Errors
/// When there is no way to sign in, the state cannot be read, or what is to be deleted is not named
/// clearly.
pub async fn run(app: &App, options: &Options, told: Told<'_>) -> anyhow::Result<NativePlan> {
    let begun = app.now();
    let mut wanted = Wanted::of(app).await?;
    check_only(&wanted, options)?;
    let names = app.config().native.names();
    let mut created = Created::load(app).await?;
    created.follow_renames(&wanted.desired, &names);
    let places = places(&wanted, &created, options);
    let client = app.native_client()?;
    let mut lists = read_all(client, &created, places.clone(), told).await;
    let there = lists.live.iter();
    let there = there.map(|live| (&live.scope, live.budget.name.as_str()));
    options.prune.check(there).map_err(anyhow::Error::msg)?;
    let mut gone = forgotten(&wanted, &created, &places, &mut lists);
    let Lists {
        live,
        read,
        mut failures,
        ..
    } = lists;
    wanted.set_other_currencies_aside(app, &live, &created);
    let failed_at = |scope: &Scope, provider| {
        let mut failures = failures.iter();
        failures.any(|failure| failure.scope == *scope && failure.provider == provider)
    };
    let readable = wanted.desired.iter().filter(|desired| {
        let place = (desired.scope.clone(), desired.provider);
        places.contains(&place) && !failed_at(&desired.scope, desired.provider)
    });
    let readable: Vec<Desired> = readable.cloned().collect();
    let mut changes = native_budgets::plan(&readable, &live, &names, &options.prune);
    // Both APIs show the same budgets: what one list lacks the other may want.
    changes.retain(|change| {
        let mut failures = failures.iter();
        change.desired.is_some() || !failures.any(|failure| failure.scope == change.scope)
    });
    let is_read = |desired: &Desired| !failed_at(&desired.scope, desired.provider);
    reach::look_after(app, &wanted, &is_read, &names, &created, &mut changes);
    changes.retain(|change| {
        let mut named = options.prune.named.iter();
        named.any(|named| named.is(&change.scope, &change.name))
            || is_selected(options, change.of.as_deref(), &change.name)
    });
    let of_only = |budget: &String| options.only.is_empty() || options.only.contains(budget);
    let mut losses = wanted.losses;
    losses.retain(|loss| of_only(&loss.budget));
    let today = day_of(begun);
    losses.extend(offers::refuse_billing_grains(client, &mut changes, &options.prune, today).await);
    reach::say_what_is_left(&mut losses, &changes);
    let mut vanished = Vec::new();
    if options.only.is_empty() {
        vanished = created.vanished(&read, &live, begun);
        // What is created anew is recorded anew.
        vanished.retain(|one| {
            let mut creates = changes.iter().filter(|each| each.action == Action::Create);
            !creates
                .any(|each| each.scope == one.scope && each.name.eq_ignore_ascii_case(&one.name))
        });
    }
    let mut unplanned = wanted.unplanned;
    unplanned.retain(|unplanned| of_only(&unplanned.budget));
    let mut rules = Vec::new();
    if options.only.is_empty() {
        let plan = anomaly_rules::read_and_plan(app, &options.prune_rules).await?;
        rules = plan.changes;
        failures.extend(plan.failures.into_iter().map(|failure| ScopeFailure {
            scope: failure.subscription,
            provider: Provider::CostManagement,
            problem: failure.problem,
        }));
        for (scope, rules) in plan.gone {
            match gone.iter_mut().find(|gone| gone.scope == scope) {
                Some(gone) => gone.rules = rules,
                None => gone.push(GoneScope {
                    scope,
                    budgets: Vec::new(),
                    rules,
                }),
            }
        }
    }
    Ok(NativePlan {
        at: app.now(),
        changes,
        rules,
        gone,
        vanished,
        losses,
        unplanned,
        failures,
        scopes: places.len(),
    })
}

/// Where to look: at all that is wanted, where something was created, and where something is named.
fn places(wanted: &Wanted, created: &Created, options: &Options) -> BTreeSet<(Scope, Provider)> {
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
    for scope in options
        .prune
        .named
        .iter()
        .filter_map(|named| named.scope.as_ref())
    {
        if !places.iter().any(|(place, _)| place == scope) {
            places.insert((scope.clone(), Provider::Consumption));
        }
    }
    places
}

/// Takes scopes that are gone for good out of the failures: nothing configured wants them, and Azure
/// says at every API that was asked that they do not exist.
fn forgotten(
    wanted: &Wanted,
    created: &Created,
    places: &BTreeSet<(Scope, Provider)>,
    lists: &mut Lists,
) -> Vec<GoneScope> {
    let mut gone: Vec<GoneScope> = Vec::new();
    for scope in created.scopes() {
        let is_wanted = wanted.desired.iter().any(|desired| desired.scope == scope);
        let mut asked = places.iter().filter(|(place, _)| *place == scope);
        let is_gone = asked.clone().count() > 0 && asked.all(|place| lists.gone.contains(place));
        if is_gone && !is_wanted {
            lists.failures.retain(|failure| failure.scope != scope);
            gone.push(GoneScope {
                budgets: created.names(&scope),
                rules: Vec::new(),
                scope,
            });
        }
    }
    gone
}

fn is_selected(options: &Options, budget: Option<&str>, name: &str) -> bool {
    let only = &options.only;
    only.is_empty() || only.contains(name) || budget.is_some_and(|budget| only.contains(budget))
}

fn check_only(wanted: &Wanted, options: &Options) -> anyhow::Result<()> {
    let lost = wanted.losses.iter().map(|loss| loss.budget.as_str());
    let unplanned = wanted.unplanned.iter();
    let lost: BTreeSet<&str> = lost
        .chain(unplanned.map(|unplanned| unplanned.budget.as_str()))
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
