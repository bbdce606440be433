//! Microsoft.Billing: accounts, billing periods, invoices and what is on them.

pub(crate) mod accounts;
pub(crate) mod downloads;
pub(crate) mod invoices;
pub(crate) mod older;
pub(crate) mod transactions;

use budget_engine::{Scope, ScopeKind};
use jiff::ToSpan;
use jiff::civil::Date;

use crate::client::{path_of_kind, scope_path};
use crate::error::Error;

/// The query parameter of the newest stable version of all its operations.
pub(crate) const API_VERSION: &str = "api-version=2024-04-01";

/// Where all billing accounts are.
const ACCOUNTS: &str = "/providers/Microsoft.Billing/billingAccounts";

/// The path in front of `/invoices`. A subscription's invoices are found under an account that is
/// called `default`, whichever account the subscription is billed to.
fn invoices_path(operation: &str, scope: &Scope, kinds: &[ScopeKind]) -> Result<String, Error> {
    if scope.kind() == ScopeKind::Subscription && kinds.contains(&ScopeKind::Subscription) {
        scope_path(operation, scope)?;
        let id = scope.id();
        return Ok(format!("{ACCOUNTS}/default/billingSubscriptions/{id}"));
    }
    path_of_kind(operation, scope, kinds)
}

/// The query parameters of the days from `from` until before `to`. Azure's end is the last day.
fn period(operation: &str, from: Date, to: Date) -> Result<String, Error> {
    match to.checked_sub(1.day()) {
        Ok(last) if last >= from => Ok(format!("periodStartDate={from}&periodEndDate={last}")),
        _ => {
            let problem = format!("there is no day from {from} until before {to}");
            Err(Error::not_sent(operation, problem))
        }
    }
}

/// What has to be there, where an answer without content would be none.
fn there<T>(operation: &str, found: Option<T>) -> Result<T, Error> {
    found.ok_or_else(|| Error::unexpected(operation, "it has no content"))
}
