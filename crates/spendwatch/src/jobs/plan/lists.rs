//! The budgets that Azure has, one list for each scope and API.

use std::collections::BTreeSet;

use azure_cost::{Client, Error};
use budget_engine::Scope;
use futures::{StreamExt, TryStreamExt, stream};
use native_budgets::{Live, Provider};

use super::created::Created;
use super::{ScopeFailure, Told};
use crate::sources::advice_for_reading_budgets;

/// How many scopes are asked at a time. Azure counts requests, so that more would only wait.
const AT_A_TIME: usize = 4;

/// What was read of scopes.
pub(crate) struct Lists {
    pub(crate) live: Vec<Live>,
    /// What was read whole.
    pub(crate) read: BTreeSet<(Scope, Provider)>,
    pub(crate) failures: Vec<ScopeFailure>,
    /// Failures because the scope does not exist.
    pub(crate) gone: BTreeSet<(Scope, Provider)>,
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
        read: BTreeSet::new(),
        failures: Vec::new(),
        gone: BTreeSet::new(),
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
            Ok(budgets) => {
                lists.live.extend(budgets.into_iter().map(|budget| Live {
                    origin: created.origin_of(&scope, &budget),
                    scope: scope.clone(),
                    provider,
                    budget,
                }));
                lists.read.insert((scope, provider));
            }
            Err(error) => {
                if is_gone(&error) {
                    lists.gone.insert((scope.clone(), provider));
                }
                lists.failures.push(ScopeFailure {
                    problem: advice_for_reading_budgets(&error, &scope),
                    scope,
                    provider,
                });
            }
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

/// Whether Azure says by a word of its own that a scope does not exist. A missing right is something
/// else, and so is a 404 of somebody on the way.
pub(crate) fn is_gone(error: &Error) -> bool {
    matches!(error, Error::NotFound { code, .. } if code.ends_with("NotFound"))
}
