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

use crate::client::{part, scope_path};
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

/// A path with the billing period in it, as most operations want it.
fn in_billing_period(operation: &str, path: &str, period: &str) -> Result<String, Error> {
    let period = part(operation, "the billing period", period)?;
    Ok(format!(
        "{path}/providers/Microsoft.Billing/billingPeriods/{period}"
    ))
}

/// The last of the days from one until before another.
fn last_day(operation: &str, from: Date, to: Date) -> Result<Date, Error> {
    let last = to.yesterday().ok().filter(|last| *last >= from);
    let problem = || format!("there are no days from {from} until before {to}");
    last.ok_or_else(|| Error::not_sent(operation, problem()))
}

/// A text as it stands in a query, between apostrophes.
fn quoted(text: &str) -> String {
    format!("'{}'", in_query(&text.replace('\'', "''")))
}

/// A text as it stands in a query.
fn in_query(text: &str) -> String {
    let mut found = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:'".contains(&byte) {
            found.push(byte.into());
        } else {
            found.push_str(&format!("%{byte:02X}"));
        }
    }
    found
}

/// A filter of conditions that all have to hold, as a query parameter; nothing without conditions.
fn filter(conditions: &[String]) -> String {
    if conditions.is_empty() {
        return String::new();
    }
    format!("&$filter={}", conditions.join(" AND "))
}
