//! Microsoft.Consumption: usage, budgets, prices, reservations and credits, as rows.

pub(crate) mod aggregated_cost;
pub(crate) mod balances;
pub(crate) mod budgets;
pub(crate) mod charges;
pub(crate) mod credits;
pub(crate) mod marketplaces;
pub(crate) mod price_sheets;
pub(crate) mod reservation_recommendations;
pub(crate) mod reservation_transactions;
pub(crate) mod reservations;
pub(crate) mod tags;
pub(crate) mod usage_details;

use budget_engine::{Scope, ScopeKind};
use jiff::civil::Date;

use crate::client::{part, path_of_kind, scope_path};
use crate::error::Error;

/// The query parameter of the newest stable version of all its operations.
pub(crate) const API_VERSION: &str = "api-version=2024-08-01";

/// The time that a read of charges covers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ChargePeriod {
    /// Whatever Azure takes when it is not told, mostly the current billing period.
    #[default]
    Current,
    /// The days from the first one until before the second one.
    Days(Date, Date),
    /// A billing period by its name, such as `202611`.
    BillingPeriod(String),
}

/// The path of a scope for usage details and marketplaces, which name departments and enrollment
/// accounts without the billing account in front.
pub(crate) fn short_path(operation: &str, scope: &Scope) -> Result<String, Error> {
    let path = scope_path(operation, scope)?;
    Ok(match scope.kind() {
        ScopeKind::Department => format!("/providers/Microsoft.Billing/departments/{}", scope.id()),
        ScopeKind::EnrollmentAccount => format!(
            "/providers/Microsoft.Billing/enrollmentAccounts/{}",
            scope.id()
        ),
        _ => path,
    })
}

/// The path of a scope that has to be of one of some kinds, for budgets, views and scheduled
/// actions, which name invoice sections without the billing profile that they are in.
pub(crate) fn path_without_profile(
    operation: &str,
    scope: &Scope,
    kinds: &[ScopeKind],
) -> Result<String, Error> {
    let path = path_of_kind(operation, scope, kinds)?;
    Ok(match path.split_once("/billingProfiles/") {
        Some((account, _)) if scope.kind() == ScopeKind::InvoiceSection => {
            format!("{account}/invoiceSections/{}", scope.id())
        }
        _ => path,
    })
}

/// A path with the billing period in it, as most operations want it.
fn in_billing_period(operation: &str, path: &str, period: &str) -> Result<String, Error> {
    let period = part(operation, "the billing period", period)?;
    Ok(format!(
        "{path}/providers/Microsoft.Billing/billingPeriods/{period}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_invoice_sections_are_named_without_their_profile() {
        let account = "/providers/Microsoft.Billing/billingAccounts/1:2";
        let kinds = [ScopeKind::BillingProfile, ScopeKind::InvoiceSection];
        for (tail, expected) in [
            ("billingProfiles/p/invoiceSections/s", "invoiceSections/s"),
            ("invoiceSections/s", "invoiceSections/s"),
            ("billingProfiles/p", "billingProfiles/p"),
        ] {
            let scope = Scope::parse(&format!("{account}/{tail}")).unwrap();
            let path = path_without_profile("read", &scope, &kinds).unwrap();
            assert_eq!(path, format!("{account}/{expected}"));
            assert!(path_without_profile("read", &scope, &[ScopeKind::Customer]).is_err());
        }
    }
}
