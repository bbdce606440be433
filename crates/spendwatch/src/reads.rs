//! Reads: which budgets one pass over a source serves.

use std::collections::{BTreeMap, BTreeSet};

use budget_engine::{Budget, CostBasis, Scope, ScopeKind};
use sha2::{Digest, Sha256};

use crate::config::{Config, SourceKind};

/// One pass over a source, and the budgets it serves. API calls grow with reads, not with budgets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Names the read in queue messages and logs; stable while the configuration is.
    pub key: String,
    /// Index of the source in [`Config::sources`].
    pub source: usize,
    /// The scopes to ask for; empty for files, exports and enrollments, which hold what they hold.
    pub scopes: Vec<Scope>,
    /// Which cost to ask for.
    pub cost_basis: CostBasis,
    /// Ids of the budgets, in the order of the configuration.
    pub budgets: Vec<String>,
}

/// Why the budgets cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No source serves the scopes of a budget.
    #[error(
        "no [source] serves all scopes of budget `{0}`; add the scopes to a source's `scopes`, or a source without `scopes`"
    )]
    NoSource(String),
    /// The scopes of a budget may overlap in a way that no path shows.
    #[error(
        "budget `{0}` counts scopes of several families (subscriptions, management groups, billing \
         scopes), which may hold the same costs twice; give each family its own budget"
    )]
    MixedFamilies(String),
    /// The source of a budget serves subscriptions and what is in them.
    #[error(
        "budget `{budget}` counts {scope}, and its source `usage-aggregates` serves subscriptions \
         and resource groups only; add a source for it before that one"
    )]
    NotASubscription {
        /// The budget.
        budget: String,
        /// One of its scopes.
        scope: Scope,
    },
    /// The scopes of a budget may overlap, and no cost row would tell.
    #[error(
        "budget `{budget}` counts {first} and {second}, which may hold the same costs twice: cost \
         rows do not name their management group, department, enrollment account or customer, nor \
         the profile of an invoice section given without one; give each such scope its own budget, \
         without a parent that adds them up"
    )]
    MayOverlap {
        /// The budget.
        budget: String,
        /// One of the scopes.
        first: Scope,
        /// The other.
        second: Scope,
    },
}

/// What may overlap without the paths showing it.
#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Family {
    Resource,
    ManagementGroup,
    Billing,
}

fn family(scope: &Scope) -> Family {
    match scope.kind() {
        ScopeKind::Subscription | ScopeKind::ResourceGroup => Family::Resource,
        ScopeKind::ManagementGroup => Family::ManagementGroup,
        _ => Family::Billing,
    }
}

/// Whether cost rows name the scope of this kind that they belong to. Of the other kinds only the
/// scope that was asked for is known.
fn is_named_in_rows(kind: ScopeKind) -> bool {
    matches!(
        kind,
        ScopeKind::Subscription
            | ScopeKind::ResourceGroup
            | ScopeKind::BillingProfile
            | ScopeKind::InvoiceSection
    )
}

/// Whether the rows that are read at `outer` give the costs of `inner`, too.
fn covers(outer: &Scope, inner: &Scope) -> bool {
    // Two spellings of one invoice section contain each other; the shorter one is the wider.
    let is_wider = || !inner.contains(outer) || outer.folded().len() < inner.folded().len();
    outer == inner || (is_named_in_rows(inner.kind()) && outer.contains(inner) && is_wider())
}

/// Two scopes of one family whose costs cannot be told apart, so that their sum may count twice.
fn overlap(scopes: &[Scope]) -> Option<(&Scope, &Scope)> {
    let is_opaque = |scope: &Scope| {
        !is_named_in_rows(scope.kind()) && scope.kind() != ScopeKind::BillingAccount
    };
    let has_no_profile = |scope: &Scope| {
        scope.kind() == ScopeKind::InvoiceSection && !scope.folded().contains("/billingprofiles/")
    };
    let may_overlap = |one: &Scope, other: &Scope| {
        is_opaque(one) || (has_no_profile(one) && other.kind() == ScopeKind::BillingProfile)
    };
    scopes.iter().enumerate().find_map(|(index, one)| {
        let rest = &scopes[index + 1..];
        let other = rest.iter().find(|other| {
            !covers(one, other)
                && !covers(other, one)
                && (may_overlap(one, other) || may_overlap(other, one))
        })?;
        Some((one, other))
    })
}

/// Groups the budgets of a configuration by the read that serves them.
///
/// Files and enrollments are read once for all their budgets, exports once for each cost basis. From an API, budgets share a read when they count the
/// same subscription or billing scope, directly or through a parent; scopes inside another one of
/// the read are not asked for again, if the rows of the wider one name them.
pub(crate) fn plan(config: &Config) -> Result<Vec<Read>, Vec<PlanError>> {
    let mut problems = Vec::new();
    let mut reads: Vec<Read> = Vec::new();
    for budget in config.budgets.iter() {
        let scopes = counted(config, budget);
        let serves = |source: &crate::config::Source| {
            source.scopes.is_empty()
                || scopes
                    .iter()
                    .all(|scope| source.scopes.iter().any(|served| served.contains(scope)))
        };
        let Some(index) = config.sources.iter().position(serves) else {
            problems.push(PlanError::NoSource(budget.id.clone()));
            continue;
        };
        let scopes: BTreeSet<Scope> = match config.sources[index].kind {
            SourceKind::Files { .. }
            | SourceKind::Exports(_)
            | SourceKind::EnterpriseReporting(_) => BTreeSet::new(),
            SourceKind::Azure { .. } | SourceKind::UsageAggregates { .. } => {
                let has_usage = |scope: &&Scope| family(scope) == Family::Resource;
                let is_usage = matches!(
                    config.sources[index].kind,
                    SourceKind::UsageAggregates { .. }
                );
                if is_usage && let Some(scope) = scopes.iter().find(|scope| !has_usage(scope)) {
                    problems.push(PlanError::NotASubscription {
                        budget: budget.id.clone(),
                        scope: scope.clone(),
                    });
                    continue;
                }
                let families: BTreeSet<Family> = scopes.iter().map(family).collect();
                if families.len() > 1 {
                    problems.push(PlanError::MixedFamilies(budget.id.clone()));
                    continue;
                }
                if let Some((first, second)) = overlap(&scopes) {
                    problems.push(PlanError::MayOverlap {
                        budget: budget.id.clone(),
                        first: first.clone(),
                        second: second.clone(),
                    });
                    continue;
                }
                // Rows know no resource groups, and one query serves all of a subscription.
                scopes
                    .iter()
                    .map(|scope| scope.subscription_of().unwrap_or(scope.clone()))
                    .collect()
            }
        };
        // Everything this budget touches becomes one read.
        let meet = |one: &Scope| {
            let mut own = scopes.iter();
            own.any(|own| covers(own, one) || covers(one, own))
        };
        let touches = |read: &Read| {
            read.source == index
                && (holds_all(config, index) || read.cost_basis == budget.cost_basis)
                && (scopes.is_empty() || read.scopes.iter().any(meet))
        };
        let mut merged = Read {
            key: String::new(),
            source: index,
            scopes: scopes.iter().cloned().collect(),
            cost_basis: budget.cost_basis,
            budgets: Vec::new(),
        };
        let (touched, rest): (Vec<Read>, Vec<Read>) =
            reads.into_iter().partition(|read| touches(read));
        for read in touched {
            merged.scopes.extend(read.scopes);
            merged.budgets.extend(read.budgets);
        }
        merged.budgets.push(budget.id.clone());
        reads = rest;
        reads.push(merged);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let order: BTreeMap<&str, usize> = config
        .budgets
        .iter()
        .enumerate()
        .map(|(index, budget)| (budget.id.as_str(), index))
        .collect();
    for read in &mut reads {
        read.budgets
            .sort_by_key(|id| order.get(id.as_str()).copied());
        read.scopes.sort();
        read.scopes.dedup();
        let all = read.scopes.clone();
        read.scopes.retain(|scope| {
            !all.iter()
                .any(|other| other != scope && covers(other, scope))
        });
        read.key = key(config, read);
    }
    reads.sort_by_key(|read| {
        read.budgets
            .first()
            .and_then(|id| order.get(id.as_str()).copied())
    });
    Ok(reads)
}

/// All scopes a budget counts, its children's included.
pub(crate) fn counted(config: &Config, budget: &Budget) -> Vec<Scope> {
    let selectors = config.budgets.selectors(budget);
    let scopes: BTreeSet<Scope> = selectors
        .iter()
        .flat_map(|selector| selector.scopes.iter().cloned())
        .collect();
    scopes.into_iter().collect()
}

/// Whether one read of a source gives whatever it holds, of both bases.
fn holds_all(config: &Config, source: usize) -> bool {
    matches!(
        config.sources[source].kind,
        SourceKind::Files { .. } | SourceKind::EnterpriseReporting(_)
    )
}

fn key(config: &Config, read: &Read) -> String {
    if holds_all(config, read.source) {
        return format!("source-{}", read.source);
    }
    if read.scopes.is_empty() {
        return format!("source-{}-{}", read.source, read.cost_basis);
    }
    let mut hash = Sha256::new();
    for scope in &read.scopes {
        hash.update(scope.folded().as_bytes());
        hash.update([0]);
    }
    let digest: String = hash
        .finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("source-{}-{}-{digest}", read.source, read.cost_basis)
}
