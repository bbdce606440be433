//! The planner: the cheapest read of a scope that serves all budgets there.
//!
//! A grouped query gives sums and costs one unit of Azure's quota for each month. It groups by two
//! columns at most, so it serves budgets that need no more. Otherwise rows are read: as a cost
//! details report under an Enterprise or Customer Agreement, as usage details elsewhere.

use std::fmt;

use budget_engine::{Dimension, Projection, Scope, ScopeKind};

use crate::config::AzureRead;
use crate::sources::ReadRequest;

/// How the costs of one scope are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A Cost Management query with these groupings, two at most.
    Query(Vec<Group>),
    /// Rows of a cost details report; of usage details where Azure offers no report.
    CostDetailsOrUsage,
    /// Rows of a cost details report.
    CostDetails,
    /// Rows of usage details, and of marketplaces where they are separate.
    UsageDetails,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Query(groups) if groups.is_empty() => f.write_str("one query"),
            Way::Query(groups) => {
                let names: Vec<String> = groups.iter().map(ToString::to_string).collect();
                write!(f, "one query grouped by {}", names.join(" and "))
            }
            Way::CostDetailsOrUsage => f.write_str("a cost details report, or else usage details"),
            Way::CostDetails => f.write_str("a cost details report"),
            Way::UsageDetails => f.write_str("usage details"),
        }
    }
}

/// A column that a query groups by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// The kind of charge.
    ChargeType,
    /// A column of costs.
    Dimension(Dimension),
}

impl Group {
    /// Azure's name in a query; `None` for columns that queries do not know, or know with other
    /// values than rows have. Regions, for one, are spelled in other ways, so a filter written for
    /// one would find nothing in the other.
    pub(crate) fn query_name(&self) -> Option<&'static str> {
        let Group::Dimension(dimension) = self else {
            return Some("ChargeType");
        };
        match dimension {
            Dimension::ServiceName => Some("MeterCategory"),
            Dimension::ServiceSubcategory => Some("MeterSubCategory"),
            Dimension::SkuMeter => Some("Meter"),
            Dimension::ResourceGroupName => Some("ResourceGroupName"),
            Dimension::ResourceId => Some("ResourceId"),
            Dimension::ResourceType => Some("ResourceType"),
            Dimension::SubAccountId => Some("SubscriptionId"),
            Dimension::SubAccountName => Some("SubscriptionName"),
            _ => None,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Group::ChargeType => f.write_str("ChargeType"),
            Group::Dimension(name) => write!(f, "{name}"),
        }
    }
}

/// Why a query does not serve the budgets of a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoQuery {
    /// It groups by two columns.
    #[error("the budgets need {0}, and a query groups by two columns at most")]
    TooMany(String),
    /// It does not know a column.
    #[error("the budgets need {0}, which a query does not give as cost rows do")]
    Unknown(String),
}

/// Picks how to read a scope for the budgets of a request.
///
/// # Errors
/// When the configuration asks for queries only and a query does not do.
pub fn plan(read: AzureRead, scope: &Scope, request: &ReadRequest) -> Result<Way, NoQuery> {
    match read {
        AzureRead::CostDetails => Ok(Way::CostDetails),
        AzureRead::UsageDetails => Ok(Way::UsageDetails),
        AzureRead::Query => groups(scope, request).map(Way::Query),
        // Usage details reach back further than the others.
        AzureRead::Cheapest if request.period_start < request.reach_of_reports() => {
            Ok(Way::UsageDetails)
        }
        AzureRead::Cheapest => Ok(match groups(scope, request) {
            Ok(groups) => Way::Query(groups),
            Err(_) => rows(scope),
        }),
    }
}

/// How rows of a scope are read. The kind of a billing scope tells the agreement; the reports know
/// no management groups.
fn rows(scope: &Scope) -> Way {
    match scope.kind() {
        ScopeKind::ManagementGroup => Way::UsageDetails,
        ScopeKind::Department
        | ScopeKind::EnrollmentAccount
        | ScopeKind::BillingProfile
        | ScopeKind::Customer => Way::CostDetails,
        _ => Way::CostDetailsOrUsage,
    }
}

/// The columns to group by.
fn groups(scope: &Scope, request: &ReadRequest) -> Result<Vec<Group>, NoQuery> {
    let Projection { dimensions, tags } = &request.projection;
    let mut groups: Vec<Group> = dimensions.iter().copied().map(Group::Dimension).collect();
    let mut need = |dimension: Dimension| {
        let group = Group::Dimension(dimension);
        if !groups.contains(&group) {
            groups.push(group);
        }
    };
    let inside = |kind: ScopeKind| {
        let mut counted = request.counted.iter();
        counted.any(|one| one.kind() == kind && scope.contains(one) && one != scope)
    };
    if inside(ScopeKind::ResourceGroup) {
        need(Dimension::ResourceGroupName);
    }
    let is_wide = !matches!(
        scope.kind(),
        ScopeKind::Subscription | ScopeKind::ResourceGroup
    );
    if is_wide {
        // Each subscription has its own lateness, and a budget of one may share this read.
        need(Dimension::SubAccountId);
    }
    if let Some(tag) = tags.first() {
        // Queries give the values of tags in lower case, and tags are told apart by letter case.
        return Err(NoQuery::Unknown(format!("the tag {tag}")));
    }
    if request.needs_categories {
        groups.push(Group::ChargeType);
    }
    let sections = [ScopeKind::BillingProfile, ScopeKind::InvoiceSection];
    if let Some(kind) = sections.into_iter().find(|kind| inside(*kind)) {
        return Err(NoQuery::Unknown(format!("the {}", kind.words())));
    }
    let unknown = groups.iter().find(|group| {
        let only_below = **group == Group::Dimension(Dimension::ResourceId) && is_wide;
        group.query_name().is_none() || only_below
    });
    if let Some(unknown) = unknown {
        return Err(NoQuery::Unknown(unknown.to_string()));
    }
    if groups.len() > 2 {
        let names: Vec<String> = groups.iter().map(ToString::to_string).collect();
        return Err(NoQuery::TooMany(names.join(", ")));
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use budget_engine::{CostBasis, TagName};
    use jiff::civil::date;

    use super::*;

    const SUBSCRIPTION: &str = "/subscriptions/s";
    const GROUP: &str = "/subscriptions/s/resourceGroups/g";
    const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/1";

    fn scope(path: &str) -> Scope {
        Scope::parse(path).unwrap()
    }

    fn request(counted: &[&str], dimensions: &[Dimension], categories: bool) -> ReadRequest {
        ReadRequest {
            scopes: Vec::new(),
            counted: counted.iter().map(|path| scope(path)).collect(),
            needs_categories: categories,
            cost_basis: CostBasis::Actual,
            period_start: date(2026, 11, 1),
            today: date(2026, 11, 18),
            projection: Projection {
                dimensions: dimensions.iter().copied().collect(),
                ..Projection::default()
            },
        }
    }

    #[track_caller]
    fn check(read_at: &str, request: &ReadRequest, expected: &str) {
        let way = plan(AzureRead::Cheapest, &scope(read_at), request).unwrap();
        assert_eq!(way.to_string(), expected);
    }

    #[test]
    fn a_query_serves_what_two_columns_can_tell_apart() {
        use Dimension::{ResourceId, ServiceName, SubAccountName};
        let services = &[ServiceName];
        check(
            SUBSCRIPTION,
            &request(&[SUBSCRIPTION], services, false),
            "one query grouped by ServiceName",
        );
        check(
            SUBSCRIPTION,
            &request(&[SUBSCRIPTION, GROUP], services, false),
            "one query grouped by ServiceName and x_ResourceGroupName",
        );
        check(
            SUBSCRIPTION,
            &request(&[SUBSCRIPTION], services, true),
            "one query grouped by ServiceName and ChargeType",
        );
        check(
            ACCOUNT,
            &request(&[ACCOUNT], services, false),
            "one query grouped by ServiceName and SubAccountId",
        );
        check(
            SUBSCRIPTION,
            &request(&[SUBSCRIPTION], &[ServiceName, ResourceId], false),
            "one query grouped by ServiceName and ResourceId",
        );
        check(
            SUBSCRIPTION,
            &request(&[SUBSCRIPTION], &[ServiceName, SubAccountName], false),
            "one query grouped by ServiceName and SubAccountName",
        );
    }

    #[test]
    fn rows_serve_the_rest_and_the_scope_tells_which() {
        use Dimension::{RegionId, ServiceName};
        let groups_and_categories = request(&[GROUP], &[ServiceName], true);
        let or_usage = "a cost details report, or else usage details";
        check(SUBSCRIPTION, &groups_and_categories, or_usage);
        let regions = request(&[SUBSCRIPTION], &[ServiceName, RegionId], false);
        check(SUBSCRIPTION, &regions, or_usage);
        let mut tags = request(&[SUBSCRIPTION], &[ServiceName], false);
        tags.projection.tags.insert(TagName::new("env"));
        check(SUBSCRIPTION, &tags, or_usage);
        check(
            &format!("{ACCOUNT}/departments/7"),
            &tags,
            "a cost details report",
        );
        let management_group = "/providers/Microsoft.Management/managementGroups/m";
        check(management_group, &tags, "usage details");
        let section = format!("{ACCOUNT}/billingProfiles/p/invoiceSections/i");
        let sections = request(&[ACCOUNT, &section], &[ServiceName], false);
        check(ACCOUNT, &sections, or_usage);
    }

    #[test]
    fn where_only_queries_are_wanted_the_reason_is_told() {
        let request = request(&[GROUP], &[Dimension::ServiceName], true);
        let problem = plan(AzureRead::Query, &scope(SUBSCRIPTION), &request).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "the budgets need ServiceName, x_ResourceGroupName, ChargeType, and a query groups by two \
             columns at most"
        );
    }

    #[test]
    fn what_reports_do_not_reach_is_read_from_usage_details() {
        let mut request = request(&[SUBSCRIPTION], &[Dimension::ServiceName], false);
        // On 18 November 2026 thirteen months reach back to the first of November 2025.
        request.period_start = date(2025, 11, 1);
        check(SUBSCRIPTION, &request, "one query grouped by ServiceName");
        assert_eq!(
            request.days(120, Some(request.reach_of_reports())),
            date(2025, 11, 1)..date(2026, 11, 19)
        );
        request.period_start = date(2025, 10, 15);
        check(SUBSCRIPTION, &request, "usage details");
        // What is evaluated is asked for, history only as far as it goes.
        assert_eq!(
            request.days(120, Some(request.reach_of_reports())).start,
            date(2025, 10, 1)
        );
        assert_eq!(request.days(31, None).start, date(2025, 9, 1));
    }
}
