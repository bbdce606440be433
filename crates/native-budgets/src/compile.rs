//! From a budget of the configuration to the budget that Azure can express.

mod filter;
mod notifications;

use std::collections::BTreeMap;

use azure_cost::{
    Budget as AzureBudget, BudgetComparison, BudgetCondition, BudgetFilter, BudgetPeriod,
};
use budget_engine::{Budget, Budgets, CostBasis, Period, Scope, ScopeKind, TimeGrain};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use serde::Serialize;

pub(crate) use self::filter::charge_types;
use self::notifications::Notice;
pub use self::notifications::round as rounded_percent;
use crate::desired::{Desired, Provider, Settings};
use crate::names::base_name;

/// What became of a budget.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Compiled {
    /// What Azure should have, with all notifications, however many; a plan divides them. `None` if
    /// Azure cannot have it.
    pub desired: Option<Desired>,
    /// What Azure cannot express.
    pub losses: Vec<Loss>,
}

/// Something that Azure's budgets cannot express as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Id of the budget.
    pub budget: String,
    /// What of it: a setting or the id of a threshold.
    pub about: String,
    /// What becomes of it.
    pub effect: Effect,
    /// Why, and what would help.
    pub reason: String,
}

impl Loss {
    /// Whether a budget that Azure does not get for this reason may be kept there again though its
    /// configuration does not change: a day comes, or an amount becomes known.
    pub fn may_pass(&self) -> bool {
        [OF_PERIOD, OF_AMOUNT].contains(&&*self.about)
    }
}

/// What [`Loss::about`] says where a budget has no period now.
const OF_PERIOD: &str = "period";
/// What [`Loss::about`] says where a period has no amount.
const OF_AMOUNT: &str = "amount";

/// What becomes of something that Azure cannot express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Azure gets something close.
    Approximated,
    /// Azure does not get it; for a setting of the whole budget, Azure does not get the budget.
    LeftOut,
}

/// The period whose amount Azure should have: today's, or the first one of a budget that begins
/// later. The error says why there is none.
pub fn period_to_plan(budget: &Budget, today: Date) -> Result<Period, String> {
    if let Some(ends) = budget.ends.filter(|ends| *ends < today) {
        return Err(format!("it ended on {ends}"));
    }
    let first = budget.starts.map_or(today, |starts| starts.max(today));
    let period = budget.calendar.period_of(first);
    let period = period.ok_or("its calendar has no period for today")?;
    if period.start() > today.saturating_add(12.months()) {
        return Err(format!(
            "it begins on {}; Azure takes budgets at most 12 months ahead",
            period.start()
        ));
    }
    Ok(period)
}

/// The scope that Azure's budget for one of ours is made at; `None` if no single scope holds all that
/// it counts.
pub fn native_scope(budgets: &Budgets, budget: &Budget, settings: &Settings) -> Option<Scope> {
    let placed = place(budgets, budget, settings);
    placed.ok().map(|(scope, _)| scope)
}

/// Compiles a budget. `planned` is its amount for [`period_to_plan`], or why there is none.
pub fn compile(
    budgets: &Budgets,
    budget: &Budget,
    settings: &Settings,
    planned: &Result<Decimal, String>,
    today: Date,
) -> Compiled {
    let mut losses = Losses::of(&budget.id);
    let desired = attempt(budgets, budget, settings, planned, today, &mut losses);
    let desired = desired
        .map_err(|(about, reason)| {
            losses.0.clear();
            losses.left_out(about, reason);
        })
        .ok();
    let losses = losses.0;
    Compiled { desired, losses }
}

/// What was lost of one budget.
struct Losses<'a>(Vec<Loss>, &'a str);

impl<'a> Losses<'a> {
    fn of(budget: &'a str) -> Self {
        Losses(Vec::new(), budget)
    }

    fn add(&mut self, about: &str, effect: Effect, reason: impl Into<String>) {
        self.0.push(Loss {
            budget: self.1.to_owned(),
            about: about.to_owned(),
            effect,
            reason: reason.into(),
        });
    }

    fn approximated(&mut self, about: &str, reason: impl Into<String>) {
        self.add(about, Effect::Approximated, reason);
    }

    fn left_out(&mut self, about: &str, reason: impl Into<String>) {
        self.add(about, Effect::LeftOut, reason);
    }
}

/// Why a budget as a whole cannot be kept in Azure: the setting, and the reason.
type Refused = (&'static str, String);

fn attempt(
    budgets: &Budgets,
    budget: &Budget,
    settings: &Settings,
    planned: &Result<Decimal, String>,
    today: Date,
    losses: &mut Losses<'_>,
) -> Result<Desired, Refused> {
    let grain = grain(budget.calendar.grain()).map_err(|why| ("grain", why))?;
    let period = period_to_plan(budget, today).map_err(|why| (OF_PERIOD, why))?;
    let amount = planned.clone().map_err(|why| (OF_AMOUNT, why))?.normalize();
    let start = period.start();
    if start < date(2017, 6, 1) {
        let why = format!("Azure's budgets begin on 2017-06-01 or later, this one on {start}");
        return Err(("starts", why));
    }
    if let Some(starts) = budget.starts.filter(|starts| *starts > start) {
        losses.approximated(
            "starts",
            format!(
                "Azure counts from the first day of a period, {start}; the budget counts from \
                 {starts} on, so that Azure may tell too early in that period"
            ),
        );
    }
    let (scope, mut conditions) = place(budgets, budget, settings)?;
    check_provider(&scope, settings.provider).map_err(|why| ("scopes", why))?;
    if grain.starts_with("Billing") && is_of_contract(&scope) {
        return Err(("grain", billing_grain_refused(&scope)));
    }
    let selectors = budgets.selectors(budget);
    let selector = selectors.first();
    if let Some(filter) = selector.and_then(|selector| selector.filter) {
        conditions.extend(filter::conditions(filter).map_err(|why| ("filter", why))?);
    }
    if let Some(exclude) = selector.map(|selector| selector.exclude)
        && !exclude.is_empty()
    {
        conditions.push(filter::charge_types(exclude).map_err(|why| ("exclude", why))?);
        losses.approximated(
            "exclude",
            "written as the list of charge types that count; a type that Azure adds later would \
             not count there",
        );
    }
    if budget.cost_basis == CostBasis::Amortized {
        losses.approximated(
            "cost_basis",
            "Azure's budgets look at actual cost only, so purchases count there on the day they \
             are charged",
        );
    }
    let told = notifications::of(budget, settings, &scope, amount, losses);
    if told.is_empty() {
        let why = "Azure could tell nobody: none of its thresholds becomes a notification";
        let mut reasons: Vec<&str> = Vec::new();
        let left_out = losses.0.iter();
        for loss in left_out.filter(|loss| loss.effect == Effect::LeftOut) {
            if !reasons.contains(&&*loss.reason) {
                reasons.push(&loss.reason);
            }
        }
        let because = reasons.join("; ");
        return Err(("thresholds", format!("{why} ({because})")));
    }
    let time_period = BudgetPeriod::new(start, budget.ends);
    let name = base_name(&budget.id, settings);
    let mut native = AzureBudget::new(name, amount, grain, time_period);
    native.filter = BudgetFilter::all(conditions);
    let mut notification_reasons = BTreeMap::new();
    for Notice { key, body, reason } in told {
        notification_reasons.insert(key.clone(), reason);
        native.notifications.insert(key, body);
    }
    Ok(Desired {
        scope,
        provider: settings.provider,
        budget: native,
        of: Some(budget.id.clone()),
        amount_reason: format!("planned for {}", budget.calendar.label(&period)),
        notification_reasons,
    })
}

fn grain(grain: TimeGrain) -> Result<&'static str, String> {
    Ok(match grain {
        TimeGrain::Weekly => {
            let why = "Azure's budgets have no weeks; the shortest grain is a month";
            return Err(why.to_owned());
        }
        TimeGrain::Monthly => "Monthly",
        TimeGrain::Quarterly => "Quarterly",
        TimeGrain::Annually => "Annually",
        TimeGrain::BillingMonth => "BillingMonth",
        TimeGrain::BillingQuarter => "BillingQuarter",
        TimeGrain::BillingAnnual => "BillingAnnual",
    })
}

/// The one scope that Azure's budget is made at, and what narrows it down to the budget's scopes.
fn place(
    budgets: &Budgets,
    budget: &Budget,
    settings: &Settings,
) -> Result<(Scope, Vec<BudgetCondition>), Refused> {
    let selectors = budgets.selectors(budget);
    let first = selectors
        .first()
        .ok_or(("scopes", "it counts nothing".to_owned()))?;
    let alike = selectors
        .iter()
        .all(|other| other.filter == first.filter && other.exclude == first.exclude);
    if !alike {
        let why = "its children count costs by different filters, which one filter of Azure's \
                   cannot say";
        return Err(("scopes", why.to_owned()));
    }
    let mut scopes: Vec<&Scope> = selectors.iter().flat_map(|each| each.scopes).collect();
    scopes.sort();
    scopes.dedup();
    let all = scopes.clone();
    scopes.retain(|scope| {
        !all.iter()
            .any(|other| other != scope && other.contains(scope))
    });
    let told = |name: &str, values: Vec<String>| {
        vec![BudgetCondition::Dimensions(BudgetComparison::new(
            name, values,
        ))]
    };
    let ids = || {
        scopes
            .iter()
            .map(|scope| scope.id().to_owned())
            .collect::<Vec<_>>()
    };
    let all_are = |kind| scopes.iter().all(|scope| scope.kind() == kind);
    let in_one = |above: &Scope| scopes.iter().all(|scope| above.contains(scope));
    match (&settings.scope, &scopes[..]) {
        (None, [only]) => Ok(((*only).clone(), Vec::new())),
        (Some(above), [only]) if above == *only => Ok((above.clone(), Vec::new())),
        (Some(above), _) if all_are(ScopeKind::ResourceGroup) && in_one(above) => {
            Ok((above.clone(), told("ResourceGroupName", ids())))
        }
        (Some(above), _)
            if all_are(ScopeKind::Subscription)
                && !matches!(
                    above.kind(),
                    ScopeKind::Subscription | ScopeKind::ResourceGroup
                ) =>
        {
            Ok((above.clone(), told("SubscriptionID", ids())))
        }
        (Some(above), _) => Err((
            "native.scope",
            format!(
                "{above} does not tell the budget's scopes apart: it may be the subscription of its \
                 resource groups, or a management group or billing scope above its subscriptions"
            ),
        )),
        (None, many) => match many.first().and_then(|scope| scope.subscription_of()) {
            Some(above) if all_are(ScopeKind::ResourceGroup) && in_one(&above) => {
                Ok((above, told("ResourceGroupName", ids())))
            }
            _ => Err((
                "scopes",
                format!(
                    "it counts {} scopes and Azure's budgets have one: name a management group or \
                     billing scope above its subscriptions with `native = {{ scope = … }}`",
                    many.len()
                ),
            )),
        },
    }
}

/// Whether a scope is only there under agreements that have no billing periods of their own for
/// budgets.
fn is_of_contract(scope: &Scope) -> bool {
    match scope.kind() {
        ScopeKind::Subscription | ScopeKind::ResourceGroup | ScopeKind::ManagementGroup => false,
        // The number of an enrollment, or the id of a Customer or Partner Agreement.
        ScopeKind::BillingAccount => {
            let id = scope.id();
            id.contains(':') || id.chars().all(|c| c.is_ascii_digit())
        }
        _ => true,
    }
}

/// Why Azure refuses the grain of a budget that counts in billing periods.
pub fn billing_grain_refused(scope: &Scope) -> String {
    format!(
        "Azure takes billing periods for pay-as-you-go only, and the agreement of {scope} is another \
         one: set `grain = \"monthly\"` (or `quarterly`, `annually`)"
    )
}

fn check_provider(scope: &Scope, provider: Provider) -> Result<(), String> {
    if scope.kind() == ScopeKind::Customer && provider == Provider::Consumption {
        let why = "budgets of partners' customers are Cost Management's: set `native = { provider \
                   = \"cost-management\" }`";
        return Err(why.to_owned());
    }
    Ok(())
}
