//! Consumption usage details: the cost rows of a scope.

mod rows;

use std::ops::Range;

use budget_engine::{CostBasis, Currency, Scope, ScopeKind};
use futures::future::Either;
use futures::{Stream, StreamExt, stream};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{in_billing_period, short_path};
use crate::client::Client;
use crate::error::Error;
use crate::paging::{Resume, pages};
use crate::parameters::quoted;
use crate::request::Request;
use rows::read_page;

/// Which usage rows to read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageQuery {
    /// First day.
    pub from: Date,
    /// Day after the last one.
    pub to: Date,
    /// Costs as billed, or spread over the days they serve. One read gives one of them.
    pub metric: CostBasis,
    /// A billing period by its name, such as `202611`, instead of days.
    pub billing_period: Option<String>,
    /// Rows of one resource group only, by its name. Azure cannot choose rows under a Customer
    /// Agreement.
    pub resource_group: Option<String>,
}

impl UsageQuery {
    /// The rows of the days from `from` until before `to`.
    pub fn new(from: Date, to: Date, metric: CostBasis) -> UsageQuery {
        UsageQuery {
            from,
            to,
            metric,
            billing_period: None,
            resource_group: None,
        }
    }

    /// The rows of a billing period, such as `202611`.
    pub fn of_billing_period(name: impl Into<String>, metric: CostBasis) -> UsageQuery {
        UsageQuery {
            billing_period: Some(name.into()),
            ..UsageQuery::new(Date::MIN, Date::MAX, metric)
        }
    }
}

/// One page of usage rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsagePage {
    /// The rows of the asked days, in the order of the answer. Rows that an earlier page held are
    /// left out.
    pub rows: Vec<UsageRow>,
    /// Items that are of neither known kind, so that their cost is not in `rows`.
    pub skipped: Vec<SkippedItem>,
    /// Where the next page begins; `None` on the last one. Kept together with what was made of the
    /// rows so far, it lets a later read go on without counting a row twice.
    pub next: Option<Resume>,
}

/// An item of a kind that this crate does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedItem {
    /// Number of the page, from 1.
    pub page: usize,
    /// Number of the item in its page, from 1.
    pub item: usize,
    /// The kind that it claims.
    pub kind: String,
}

/// The shape that a row came in, which tells the kind of agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsageKind {
    /// Enterprise Agreement and pay-as-you-go.
    Legacy,
    /// Microsoft Customer Agreement and Partner Agreement.
    Modern,
}

/// The cost of one meter of one resource on one day. Text that Azure leaves out is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageRow {
    /// The shape that it came in.
    pub kind: UsageKind,
    /// The day, UTC.
    pub date: Date,
    /// Cost before tax; negative for refunds and credits.
    pub cost: Decimal,
    /// Currency of the cost: the billing currency.
    pub currency: Currency,
    /// Azure's charge type, for example `Usage` or `Purchase`.
    pub charge_type: String,
    /// `UsageBased`, `Recurring` or `OneTime`.
    pub frequency: String,
    /// `On Demand`, `Reservation`, `SavingsPlan` or `Spot`.
    pub pricing_model: String,
    /// Subscription id.
    pub subscription_id: String,
    /// Subscription name.
    pub subscription_name: String,
    /// Resource group name.
    pub resource_group: String,
    /// Full resource id.
    pub resource_id: String,
    /// Region.
    pub region: String,
    /// Service that metered the use, for example `Microsoft.Storage`.
    pub consumed_service: String,
    /// Meter category, for example `Virtual Machines`.
    pub meter_category: String,
    /// Meter subcategory.
    pub meter_subcategory: String,
    /// Meter name.
    pub meter_name: String,
    /// Who sells the service.
    pub publisher_name: String,
    /// `Azure` or `Microsoft`, `Marketplace`, or another cloud.
    pub publisher_type: String,
    /// Reservation or savings plan that applied.
    pub benefit_id: String,
    /// Cost center.
    pub cost_center: String,
    /// Billing account id.
    pub billing_account_id: String,
    /// Billing profile id; under an Enterprise Agreement it repeats the account.
    pub billing_profile_id: String,
    /// Invoice section id (Microsoft Customer Agreement).
    pub invoice_section_id: String,
    /// Invoice section (Microsoft Customer Agreement) or department (Enterprise), by name.
    pub invoice_section_name: String,
    /// Tags, names in Azure's spelling.
    pub tags: Vec<(String, String)>,
}

impl UsageRow {
    /// A row with nothing but a cost, for sources that know less.
    pub fn new(kind: UsageKind, date: Date, cost: Decimal, currency: Currency) -> UsageRow {
        UsageRow {
            kind,
            date,
            cost,
            currency,
            charge_type: String::new(),
            frequency: String::new(),
            pricing_model: String::new(),
            subscription_id: String::new(),
            subscription_name: String::new(),
            resource_group: String::new(),
            resource_id: String::new(),
            region: String::new(),
            consumed_service: String::new(),
            meter_category: String::new(),
            meter_subcategory: String::new(),
            meter_name: String::new(),
            publisher_name: String::new(),
            publisher_type: String::new(),
            benefit_id: String::new(),
            cost_center: String::new(),
            billing_account_id: String::new(),
            billing_profile_id: String::new(),
            invoice_section_id: String::new(),
            invoice_section_name: String::new(),
            tags: Vec::new(),
        }
    }
}

impl Client {
    /// The usage rows of a scope, page by page.
    ///
    /// The stream ends after the last page or after the first error. After an error the rows that
    /// came before it are a part of the whole: discard them.
    ///
    /// Azure serves this for subscriptions, management groups, billing accounts and what they
    /// are divided into, but not for resource groups: read the subscription.
    pub fn usage_details(
        &self,
        scope: &Scope,
        query: &UsageQuery,
    ) -> impl Stream<Item = Result<UsagePage, Error>> + Send + use<> {
        self.usage_details_from(scope, query, None)
    }

    /// The same, from [`UsagePage::next`] of an earlier read of the same scope and query.
    pub fn usage_details_from(
        &self,
        scope: &Scope,
        query: &UsageQuery,
        resume: Option<&Resume>,
    ) -> impl Stream<Item = Result<UsagePage, Error>> + Send + use<> {
        let operation = format!("read usage details of {scope}");
        let path = match usage_path(&operation, scope, query) {
            Ok(path) => path,
            Err(error) => return Either::Left(stream::once(async { Err(error) })),
        };
        let url = self.url(&path, TAIL, &usage_parameters(scope, query));
        let request = Request::get(&*operation, url);
        let resume = resume.cloned();
        let is_rest = resume.is_some();
        let pages = pages(
            self.transport.clone(),
            request,
            resume,
            |answer, number, repeats| read_page(&answer.body, number, repeats),
        );
        let mut days = Days {
            asked: query.from..query.to,
            others: 0,
            // An earlier read may have found the rows of the asked days.
            of_asked: usize::from(is_rest),
        };
        Either::Right(pages.map(move |page| {
            let (mut page, next) = page?;
            days.keep(&mut page.rows);
            page.next = next;
            if page.next.is_none() && days.are_others() {
                let problem = "the rows are of other days than those asked for";
                return Err(Error::unexpected(&operation, problem));
            }
            Ok(page)
        }))
    }
}

/// The days that are asked for, and what a read has brought of them.
struct Days {
    asked: Range<Date>,
    /// Rows that were not asked for in any way.
    others: usize,
    of_asked: usize,
}

impl Days {
    /// Leaves the rows of the asked days. The day after them is asked for as well, so its rows
    /// show nothing: a service that ignores the days may have them, too.
    fn keep(&mut self, rows: &mut Vec<UsageRow>) {
        let Range { start, end } = self.asked;
        let others = rows.iter().filter(|row| !(start..=end).contains(&row.date));
        self.others += others.count();
        rows.retain(|row| self.asked.contains(&row.date));
        self.of_asked += rows.len();
    }

    /// Whether there were rows of other days and none of the asked ones: a service that ignored
    /// the days. Without an error the asked days would cost nothing.
    fn are_others(&self) -> bool {
        self.others > 0 && self.of_asked == 0
    }
}

const TAIL: &str = "/providers/Microsoft.Consumption/usageDetails";

/// The path of the scope, which for departments and enrollment accounts leaves out the billing
/// account in front.
fn usage_path(operation: &str, scope: &Scope, query: &UsageQuery) -> Result<String, Error> {
    if scope.kind() == ScopeKind::ResourceGroup {
        let problem = "Azure has no usage details of a resource group; read its subscription";
        return Err(Error::not_sent(operation, problem));
    }
    if query.resource_group.is_some() && !reads(scope).0 {
        let problem = "Azure cannot choose rows under a Customer Agreement";
        return Err(Error::not_sent(operation, problem));
    }
    let path = short_path(operation, scope)?;
    match &query.billing_period {
        Some(name) => in_billing_period(operation, &path, name),
        None => Ok(path),
    }
}

/// Whether a scope may read `$filter`, and whether it may read `startDate` and `endDate`.
fn reads(scope: &Scope) -> (bool, bool) {
    match scope.kind() {
        ScopeKind::ManagementGroup | ScopeKind::Department | ScopeKind::EnrollmentAccount => {
            (true, false)
        }
        ScopeKind::BillingProfile | ScopeKind::InvoiceSection | ScopeKind::Customer => {
            (false, true)
        }
        // Ids of Customer Agreements have several parts, joined by colons.
        ScopeKind::BillingAccount if scope.id().contains(':') => (false, true),
        ScopeKind::BillingAccount => (true, false),
        _ => (true, true),
    }
}

/// The query parameters.
///
/// The days are asked for twice, because the two kinds of agreement read different parameters:
/// Enterprise and pay-as-you-go read `$filter`, Customer Agreements read `startDate` and
/// `endDate` and have no use for `$filter`. Only where the kind of scope tells the agreement is
/// just one of them sent; a subscription can be under either. Both ends are written down
/// nowhere as inclusive or exclusive, so one day more is asked for; rows outside the asked days
/// are left out when they arrive, also when neither is understood and the answer is the current
/// billing period.
fn usage_parameters(scope: &Scope, query: &UsageQuery) -> String {
    let UsageQuery {
        from, to, metric, ..
    } = query;
    let metric = match metric {
        CostBasis::Actual => "actualcost",
        CostBasis::Amortized => "amortizedcost",
    };
    let (by_filter, by_range) = reads(scope);
    let by_day = query.billing_period.is_none();
    let mut parameters =
        format!("api-version=2024-08-01&metric={metric}&$expand=meterDetails&$top=1000");
    let mut conditions = Vec::new();
    if by_filter && by_day {
        conditions.push(format!(
            "properties/usageStart ge '{from}' and properties/usageEnd le '{to}'"
        ));
    }
    if let Some(name) = &query.resource_group {
        conditions.push(format!("properties/resourceGroup eq {}", quoted(name)));
    }
    if !conditions.is_empty() {
        parameters.push_str("&$filter=");
        parameters.push_str(&conditions.join(" and "));
    }
    if by_range && by_day {
        parameters.push_str(&format!("&startDate={from}&endDate={to}"));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(path: &str) -> Scope {
        Scope::parse(path).unwrap()
    }

    #[test]
    fn each_kind_of_scope_is_asked_in_its_own_way() {
        let november = UsageQuery::new(
            jiff::civil::date(2026, 11, 1),
            jiff::civil::date(2026, 12, 1),
            CostBasis::Amortized,
        );
        let account = "/providers/Microsoft.Billing/billingAccounts/1";
        for (path, start, filter, range) in [
            ("/subscriptions/s", "/subscriptions/s", true, true),
            (
                account,
                "/providers/Microsoft.Billing/billingAccounts/1",
                true,
                false,
            ),
            (
                "/providers/Microsoft.Billing/billingAccounts/1:2_2019-05-31",
                "/providers/Microsoft.Billing/billingAccounts/1:2_2019-05-31",
                false,
                true,
            ),
            (
                &format!("{account}/departments/7"),
                "/providers/Microsoft.Billing/departments/7",
                true,
                false,
            ),
            (
                &format!("{account}/billingProfiles/p"),
                "/providers/Microsoft.Billing/billingAccounts/1/billingProfiles/p",
                false,
                true,
            ),
        ] {
            let scope = scope(path);
            assert!(
                usage_path("read", &scope, &november).unwrap() == start,
                "{path}"
            );
            let parameters = usage_parameters(&scope, &november);
            assert_eq!(
                parameters.contains("usageEnd le '2026-12-01'"),
                filter,
                "{path}"
            );
            assert_eq!(parameters.contains("&endDate=2026-12-01"), range, "{path}");
            assert!(parameters.contains("&metric=amortizedcost&"));
        }
        assert!(
            usage_path(
                "read",
                &scope("/subscriptions/s/resourceGroups/g"),
                &november
            )
            .is_err()
        );
        assert!(usage_path("read", &scope("/subscriptions/.."), &november).is_err());
    }
}
