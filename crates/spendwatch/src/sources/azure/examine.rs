//! Whether the APIs of a scope answer, and what is missing where they do not, in words that a
//! person can act on.

use azure_cost::{
    Client, CostDetails, CostDetailsPeriod, CostDetailsQuery, Error, QueryDefinition, TimePeriod,
    UsageKind, UsageQuery,
};
use budget_engine::{Scope, ScopeKind, plus_days};
use futures::{StreamExt, pin_mut};
use jiff::civil::Date;

use super::is_refused_as_such;
use super::plan::{Way, plan};
use crate::config::AzureRead;
use crate::sources::{Attempt, Examined, ReadRequest};

/// Pages that are looked into for a row. A page may be empty and lead to others; a trial must end.
const TRIED_PAGES: usize = 10;

/// Tries the ways to read a scope with small requests.
pub(super) async fn examine(
    client: &Client,
    read: AzureRead,
    scope: &Scope,
    request: &ReadRequest,
) -> Examined {
    let way = match plan(read, scope, request) {
        Ok(way) => way,
        Err(problem) => {
            return Examined {
                about: scope.to_string(),
                way: "a query".to_owned(),
                agreement: None,
                attempts: vec![Attempt {
                    what: "query".to_owned(),
                    is_needed: true,
                    problem: Some(problem.to_string()),
                    nothing_for: None,
                }],
            };
        }
    };
    let mut agreement = agreement_of(client, scope).await;
    let mut attempts = Vec::new();
    let day = plus_days(request.today, -2);
    let mut tried = |what: &str, is_needed: bool, found: Result<Found, Error>| {
        let is_empty = matches!(found, Ok(Found::Nothing));
        attempts.push(Attempt {
            what: what.to_owned(),
            is_needed,
            problem: found.err().map(|error| advice(&error, scope)),
            nothing_for: is_empty.then(|| day.to_string()),
        });
    };

    let query = try_query(client, scope, request, day).await;
    tried("query", matches!(way, Way::Query(_)), query);

    let usage = try_usage_details(client, scope, request, day).await;
    if let Ok(Some(kind)) = usage
        && agreement.is_none()
    {
        agreement = Some(match kind {
            UsageKind::Legacy => "Enterprise Agreement or pay-as-you-go".to_owned(),
            UsageKind::Modern => "Microsoft Customer or Partner Agreement".to_owned(),
        });
    }
    let details = try_cost_details(client, scope, request, day).await;
    // Usage details stand in only where reports are not offered.
    let either = way == Way::CostDetailsOrUsage;
    let is_offered = !details.as_ref().is_err_and(is_refused_as_such);
    tried(
        "usage details",
        way == Way::UsageDetails || (either && !is_offered),
        usage.map(|kind| Found::any(kind.is_some())),
    );
    tried(
        "cost details report",
        way == Way::CostDetails || (either && is_offered),
        details,
    );
    Examined {
        about: scope.to_string(),
        way: way.to_string(),
        agreement,
        attempts,
    }
}

/// The agreement of a billing scope, by the kind of scope or as the billing account says.
async fn agreement_of(client: &Client, scope: &Scope) -> Option<String> {
    match scope.kind() {
        ScopeKind::Department | ScopeKind::EnrollmentAccount => {
            Some("Enterprise Agreement".to_owned())
        }
        ScopeKind::BillingAccount => {
            let account = client.billing_account(scope).await.ok()?;
            Some(account.agreement_type.as_str().to_owned()).filter(|words| !words.is_empty())
        }
        ScopeKind::BillingProfile | ScopeKind::InvoiceSection => {
            Some("Microsoft Customer Agreement".to_owned())
        }
        ScopeKind::Customer => Some("Microsoft Partner Agreement".to_owned()),
        _ => None,
    }
}

/// What an API gave that works.
enum Found {
    /// Costs, or a report that is still being made.
    Something,
    /// No costs of the day.
    Nothing,
}

impl Found {
    fn any(something: bool) -> Found {
        if something {
            Found::Something
        } else {
            Found::Nothing
        }
    }
}

async fn try_query(
    client: &Client,
    scope: &Scope,
    request: &ReadRequest,
    day: Date,
) -> Result<Found, Error> {
    let period = TimePeriod::days(day, plus_days(day, 1));
    let rows = client.query(scope, &QueryDefinition::costs(request.cost_basis, period));
    pin_mut!(rows);
    Ok(Found::any(rows.next().await.transpose()?.is_some()))
}

async fn try_usage_details(
    client: &Client,
    scope: &Scope,
    request: &ReadRequest,
    day: Date,
) -> Result<Option<UsageKind>, Error> {
    let query = UsageQuery::new(day, plus_days(day, 1), request.cost_basis);
    let pages = client.usage_details(scope, &query);
    pin_mut!(pages);
    let mut pages = pages.take(TRIED_PAGES);
    while let Some(page) = pages.next().await.transpose()? {
        if let Some(row) = page.rows.first() {
            return Ok(Some(row.kind));
        }
    }
    Ok(None)
}

/// Starts a report of one day and does not wait for it.
async fn try_cost_details(
    client: &Client,
    scope: &Scope,
    request: &ReadRequest,
    day: Date,
) -> Result<Found, Error> {
    let query = CostDetailsQuery {
        metric: request.cost_basis,
        period: CostDetailsPeriod::Days(day, day),
    };
    let started = client.start_cost_details(scope, &query).await?;
    Ok(Found::any(match started {
        CostDetails::Ready(report) => !report.files.is_empty(),
        CostDetails::Pending(_) => true,
    }))
}

/// What an error of an API at a scope means, and what to do about it, in one sentence without a
/// final period.
pub fn advice(error: &Error, scope: &Scope) -> String {
    match error {
        Error::NoToken { source, .. } => {
            let words = source.to_string();
            let line = words.lines().next().unwrap_or_default();
            format!("there is no token to sign in with ({line}); check `auth` and the identity")
        }
        Error::Unauthorized { message, .. } => format!(
            "the sign-in is refused ({message}); check the tenant, the cloud and that the identity still exists"
        ),
        Error::Forbidden { code, .. } if is_switch(code) && may_be_enterprise(scope) => format!(
            "{code}: the identity has no billing role, or the enrollment hides charges from it; grant \
             it {} on {scope}, or have an enterprise administrator switch on \"view charges\" for \
             departments and accounts",
            role(scope)
        ),
        Error::Forbidden { code, .. } => format!(
            "{code}: the identity has no right to read costs here; grant it {} on {scope}",
            role(scope)
        ),
        Error::NotFound { code, .. } if code == "SubscriptionNotFound" => format!(
            "{code}: the id is wrong, belongs to another tenant, or is so new that Azure has no data \
             yet (up to 48 hours)"
        ),
        Error::NotFound { code, .. } => format!(
            "{code}: the {} does not exist or is of a kind that this API does not serve",
            scope.kind().words()
        ),
        Error::Throttled { until, .. } => {
            format!("throttled until {until}; nothing is known, try again then")
        }
        Error::Invalid { code, message, .. } if is_unserved(code) => {
            format!("not offered for this agreement or scope ({code}: {message})")
        }
        Error::Invalid { code, message, .. } => {
            format!("Azure refuses the request ({code}: {message})")
        }
        Error::NotReady { .. } => {
            "Azure is still preparing the answer; ask again in some minutes".to_owned()
        }
        Error::LinkExpired { .. } => "the link to the file has run out; ask again".to_owned(),
        other => other.to_string(),
    }
}

/// The same about reading Azure's own budgets, for which a role that reads is enough.
pub(crate) fn advice_for_reading_budgets(error: &Error, scope: &Scope) -> String {
    let is_resource_scope = matches!(
        scope.kind(),
        ScopeKind::Subscription | ScopeKind::ResourceGroup | ScopeKind::ManagementGroup
    );
    match error {
        Error::Forbidden { code, .. } if is_resource_scope => format!(
            "{code}: the identity may not read budgets here; grant it the role Cost Management Reader \
             on {scope} (to apply: Cost Management Contributor)"
        ),
        _ => advice_for_budgets(error, scope),
    }
}

/// The same about writing Azure's own budgets.
pub(crate) fn advice_for_budgets(error: &Error, scope: &Scope) -> String {
    match error {
        Error::Forbidden { code, .. } => format!(
            "{code}: the identity has no right to keep budgets here; grant it {} on {scope}",
            role_to_keep_budgets(scope)
        ),
        // Azure has been seen to answer so to input that is wrong, by a token that is good.
        Error::Unauthorized { message, .. } => format!(
            "the sign-in is refused ({message}); check the identity, and if reading works, the budget"
        ),
        Error::Invalid { code, message, .. } if is_about_offer(message) => format!(
            "{code}: the offer of the subscription has no budgets ({message}); they work under \
             Enterprise, Customer and Partner Agreements and pay-as-you-go: set `native = false`"
        ),
        other => advice(other, scope),
    }
}

/// The same about dismissing one of Azure's alerts.
pub(crate) fn advice_for_dismissal(error: &Error, scope: &Scope, name: &str) -> String {
    match error {
        Error::Forbidden { code, .. } => format!(
            "{code}: the identity has no right to dismiss alerts here \
             (Microsoft.CostManagement/alerts/write); grant it {} on {scope}",
            role_to_keep_budgets(scope)
        ),
        Error::NotFound { code, .. } if code != "SubscriptionNotFound" => {
            format!("{code}: there is no alert `{name}` at {scope}; `spendwatch alerts` lists them")
        }
        other => advice(other, scope),
    }
}

/// The words that Azure uses of subscriptions that have no cost management.
fn is_about_offer(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("offer") || message.contains("cost management supports only")
}

fn role_to_keep_budgets(scope: &Scope) -> &'static str {
    match scope.kind() {
        ScopeKind::Subscription | ScopeKind::ResourceGroup | ScopeKind::ManagementGroup => {
            "the role Cost Management Contributor"
        }
        ScopeKind::BillingAccount if scope.id().contains(':') => {
            "the billing role Billing account contributor"
        }
        ScopeKind::BillingAccount => "the role Enterprise administrator",
        ScopeKind::Department => "the role Department administrator",
        ScopeKind::EnrollmentAccount => "the role Account owner",
        ScopeKind::BillingProfile => "the billing role Billing profile contributor",
        ScopeKind::InvoiceSection => "the billing role Invoice section contributor",
        ScopeKind::Customer => "the role Admin agent of the partner",
    }
}

/// Whether a scope can be part of an Enterprise enrollment.
fn may_be_enterprise(scope: &Scope) -> bool {
    let is_customer_account = scope.kind() == ScopeKind::BillingAccount && scope.id().contains(':');
    let is_customer_scope = matches!(
        scope.kind(),
        ScopeKind::BillingProfile | ScopeKind::InvoiceSection | ScopeKind::Customer
    );
    !is_customer_account && !is_customer_scope
}

/// Codes that Azure gives where an agreement does not have an API.
fn is_unserved(code: &str) -> bool {
    let codes = ["SubscriptionTypeNotSupported", "DisallowedOperation"];
    codes.iter().any(|known| known.eq_ignore_ascii_case(code))
}

/// Codes that Azure gives when a switch of the enrollment hides charges.
fn is_switch(code: &str) -> bool {
    let codes = [
        "BillingAccessDenied",
        "AccountCostDisabled",
        "DepartmentCostDisabled",
        "IndirectCostDisabled",
    ];
    codes.iter().any(|known| known.eq_ignore_ascii_case(code))
}

/// The smallest role that may read costs.
fn role(scope: &Scope) -> &'static str {
    match scope.kind() {
        ScopeKind::Subscription | ScopeKind::ResourceGroup | ScopeKind::ManagementGroup => {
            "the role Cost Management Reader"
        }
        ScopeKind::BillingAccount if scope.id().contains(':') => {
            "the billing role Billing account reader"
        }
        ScopeKind::BillingAccount => "the role Enterprise administrator (read only)",
        ScopeKind::Department => "the role Department administrator (read only)",
        ScopeKind::EnrollmentAccount => "the role Account owner",
        ScopeKind::BillingProfile => "the billing role Billing profile reader",
        ScopeKind::InvoiceSection => "the billing role Invoice section reader",
        ScopeKind::Customer => "the role Admin agent of the partner",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_dismiss_hears_of_the_right_that_it_takes() {
        let scope = Scope::parse("/subscriptions/5f0e0000-0000-0000-0000-000000000001").unwrap();
        let error = Error::Forbidden {
            operation: "dismiss an alert".to_owned(),
            code: "AuthorizationFailed".to_owned(),
            message: String::new(),
        };
        assert_eq!(
            advice_for_dismissal(&error, &scope, "a"),
            "AuthorizationFailed: the identity has no right to dismiss alerts here \
             (Microsoft.CostManagement/alerts/write); grant it the role Cost Management Contributor \
             on /subscriptions/5f0e0000-0000-0000-0000-000000000001"
        );
    }
}
