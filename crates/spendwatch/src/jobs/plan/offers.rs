//! Budgets that count in billing periods, which only some offers have.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::Client;
use budget_engine::Scope;
use native_budgets::{Action, Change, Effect, Loss, billing_grain_refused};

/// Takes out budgets that Azure would refuse to create because of their grain, one request for each
/// subscription that has such a budget. Where Azure does not say the offer, the plan stays.
pub(super) async fn refuse_billing_grains(client: &Client, changes: &mut Vec<Change>) -> Vec<Loss> {
    let mut losses = Vec::new();
    let mut known: BTreeMap<Scope, bool> = BTreeMap::new();
    let places = changes.iter().filter(|change| is_asked(change));
    let places: BTreeSet<Scope> = places
        .filter_map(|each| each.scope.subscription_of())
        .collect();
    for subscription in places {
        let is_refused = match client.subscription(&subscription).await {
            Ok(found) => found.is_under_contract(),
            Err(error) => {
                tracing::debug!(
                    scope = subscription.path(),
                    error = %error,
                    "the offer of a subscription is not known"
                );
                false
            }
        };
        known.insert(subscription, is_refused);
    }
    changes.retain(|change| {
        let place = change.scope.subscription_of();
        let is_refused = place.is_some_and(|place| known.get(&place) == Some(&true));
        if !is_asked(change) || !is_refused {
            return true;
        }
        let budget = change.of.clone().unwrap_or_else(|| change.name.clone());
        let loss = Loss {
            budget,
            about: "grain".to_owned(),
            effect: Effect::LeftOut,
            reason: billing_grain_refused(&change.scope),
        };
        if !losses.contains(&loss) {
            losses.push(loss);
        }
        false
    });
    losses
}

/// What Azure has already it has taken.
fn is_asked(change: &Change) -> bool {
    let creates = matches!(change.action, Action::Create | Action::Replace);
    let wanted = change.write.as_ref().filter(|_| creates);
    wanted.is_some_and(|budget| budget.time_grain.starts_with("Billing"))
}
