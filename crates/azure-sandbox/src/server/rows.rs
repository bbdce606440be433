//! Which rows of the world belong to a scope.

use axum::http::StatusCode;

use super::answer::Refusal;
use super::scope::{Kind, Scope};
use crate::world::{Agreement, CostRow, Subscription, World};

/// Refuses a scope that the world does not have.
pub(super) fn check_scope(world: &World, scope: &Scope) -> Result<(), Refusal> {
    let subscription = match scope.kind {
        Kind::Subscription => Some(&scope.id),
        Kind::ResourceGroup => scope.parent.as_ref(),
        _ => None,
    };
    if let Some(id) = subscription {
        let mut known = world.subscriptions.iter();
        let Some(found) = known.find(|each| each.id.eq_ignore_ascii_case(id)) else {
            let message = format!("The subscription '{id}' could not be found.");
            return Err(Refusal::not_found("SubscriptionNotFound", message));
        };
        let is_asked = |name: &String| name.eq_ignore_ascii_case(&scope.id);
        if scope.kind == Kind::ResourceGroup
            && !found.groups.iter().any(|group| is_asked(&group.name))
        {
            let message = format!("Resource group '{}' could not be found.", scope.id);
            return Err(Refusal::not_found("ResourceGroupNotFound", message));
        }
    }
    if let Some(account) = &scope.account
        && !account.eq_ignore_ascii_case(&world.billing_account)
    {
        let message = format!("No access to billing account '{account}'.");
        let status = StatusCode::FORBIDDEN;
        return Err(Refusal::new(status, "BillingAccessDenied", message));
    }
    // Each agreement has its own parts of the account.
    let exists = match scope.kind {
        Kind::ManagementGroup => scope.id.eq_ignore_ascii_case(&world.management_group),
        Kind::Department | Kind::EnrollmentAccount => {
            world.agreement == Agreement::Enterprise && !subscriptions(world, scope).is_empty()
        }
        Kind::BillingProfile | Kind::InvoiceSection | Kind::Customer => {
            world.agreement.is_modern() && !subscriptions(world, scope).is_empty()
        }
        _ => true,
    };
    if !exists {
        let message = format!("The scope {} was not found.", scope.path);
        return Err(Refusal::not_found("NotFound", message));
    }
    Ok(())
}

/// Whether a row counts at a scope.
pub(super) fn is_in(row: &CostRow, scope: &Scope) -> bool {
    let is = |id: &str, asked: Option<&String>| {
        asked.is_some_and(|asked| asked.eq_ignore_ascii_case(id))
    };
    let (subscription, section) = (row.subscription, &row.subscription.section);
    let is_id = |id: &str| is(id, Some(&scope.id));
    match scope.kind {
        Kind::Subscription => is_id(&subscription.id),
        Kind::ResourceGroup => {
            is(&subscription.id, scope.parent.as_ref()) && is_id(&row.group.name)
        }
        Kind::ManagementGroup | Kind::BillingAccount => true,
        Kind::Department | Kind::BillingProfile => is_id(&section.parent.id),
        Kind::EnrollmentAccount | Kind::InvoiceSection => is_id(&section.part.id),
        Kind::Customer => section
            .customer
            .as_ref()
            .is_some_and(|each| is_id(&each.id)),
        Kind::External
        | Kind::ReservationOrder
        | Kind::Reservation
        | Kind::SavingsPlanOrder
        | Kind::SavingsPlan => false,
    }
}

/// The subscriptions that a scope covers, whole or in part.
pub(super) fn subscriptions<'w>(world: &'w World, scope: &Scope) -> Vec<&'w Subscription> {
    let is = |id: &str| id.eq_ignore_ascii_case(&scope.id);
    let covers = |each: &&Subscription| match scope.kind {
        Kind::Subscription => is(&each.id),
        Kind::ResourceGroup => {
            let parent = scope.parent.as_ref();
            parent.is_some_and(|id| id.eq_ignore_ascii_case(&each.id))
        }
        Kind::ManagementGroup | Kind::BillingAccount => true,
        Kind::Department | Kind::BillingProfile => is(&each.section.parent.id),
        Kind::EnrollmentAccount | Kind::InvoiceSection => is(&each.section.part.id),
        Kind::Customer => (each.section.customer.as_ref()).is_some_and(|one| is(&one.id)),
        _ => false,
    };
    world.subscriptions.iter().filter(covers).collect()
}
