//! Budgets that count in billing periods, which only some offers have.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::{Client, Error, UsageKind, UsageQuery};
use budget_engine::{CostBasis, Scope, plus_days};
use futures::{StreamExt, pin_mut};
use jiff::civil::Date;
use native_budgets::{Action, Change, Effect, Loss, Prune, billing_grain_refused};

use super::reach::leave_behind;

/// Days of costs that are looked at for the kind of agreement: the last ones are often not there yet.
const DAYS_OF_COSTS: i32 = 5;

/// Takes out budgets that Azure would refuse to create because of their grain, one or two requests for
/// each subscription that has such a budget. Where Azure does not say the agreement, the plan stays.
/// What was to be replaced is left as it is, or deleted if that is asked for.
pub(super) async fn refuse_billing_grains(
    client: &Client,
    changes: &mut Vec<Change>,
    prune: &Prune,
    today: Date,
) -> Vec<Loss> {
    let mut losses = Vec::new();
    let mut known: BTreeMap<Scope, bool> = BTreeMap::new();
    let places = changes.iter().filter(|change| is_asked(change));
    let places: BTreeSet<Scope> = places
        .filter_map(|each| each.scope.subscription_of())
        .collect();
    for subscription in places {
        let is_refused = is_under_contract(client, &subscription, today).await;
        known.insert(subscription, is_refused);
    }
    changes.retain_mut(|change| {
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
        let budget = change.of.clone().unwrap_or_else(|| change.name.clone());
        // Only what was created here, or is named, is ever to be replaced.
        change.action = match prune.ours || prune.names(&change.scope, &change.name) {
            true => Action::Delete,
            false => Action::Leave,
        };
        change.fields.clear();
        (change.desired, change.write) = (None, None);
        leave_behind(change, &budget, "grain", true);
        change.live.is_some()
    });
    losses
}

/// Whether a subscription is known to be bought under an agreement that has no billing periods for
/// budgets. Its offer says so of most; under a Customer Agreement the shape of its cost rows does.
async fn is_under_contract(client: &Client, subscription: &Scope, today: Date) -> bool {
    match client.subscription(subscription).await {
        Ok(found) if found.is_under_contract() => return true,
        Ok(_) => {}
        Err(error) => unknown(subscription, &error),
    }
    let from = plus_days(today, -DAYS_OF_COSTS);
    let query = UsageQuery::new(from, today, CostBasis::Actual);
    let pages = client.usage_details(subscription, &query);
    pin_mut!(pages);
    // The first row tells; all have one shape.
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => {
                if let Some(row) = page.rows.first() {
                    return row.kind == UsageKind::Modern;
                }
            }
            Err(error) => {
                unknown(subscription, &error);
                break;
            }
        }
    }
    false
}

fn unknown(subscription: &Scope, error: &Error) {
    tracing::debug!(
        scope = subscription.path(),
        error = %error,
        "the agreement of a subscription is not known"
    );
}

/// What Azure has already it has taken.
fn is_asked(change: &Change) -> bool {
    let creates = matches!(change.action, Action::Create | Action::Replace);
    let wanted = change.write.as_ref().filter(|_| creates);
    wanted.is_some_and(|budget| budget.time_grain.starts_with("Billing"))
}
