//! The scopes that stand in front of an operation's path.

use jiff::civil::Date;

use super::answer::Refusal;

/// Kinds of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Subscription,
    ResourceGroup,
    ManagementGroup,
    BillingAccount,
    Department,
    EnrollmentAccount,
    BillingProfile,
    InvoiceSection,
    Customer,
    /// A subscription or account of another cloud.
    External,
    ReservationOrder,
    Reservation,
    SavingsPlanOrder,
    SavingsPlan,
}

impl Kind {
    /// Whether roles on it are given by billing and not by Azure's resource manager.
    pub(super) fn is_billing(self) -> bool {
        matches!(
            self,
            Kind::BillingAccount
                | Kind::Department
                | Kind::EnrollmentAccount
                | Kind::BillingProfile
                | Kind::InvoiceSection
                | Kind::Customer
        )
    }
}

/// A billing period of a path: a calendar month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BillingPeriod {
    pub(super) name: String,
    pub(super) first: Date,
    pub(super) last: Date,
}

impl BillingPeriod {
    /// Reads `yyyymm` or `yyyymm-n`.
    pub(super) fn parse(name: &str) -> Result<BillingPeriod, Refusal> {
        let (month, number) = name.split_once('-').unwrap_or((name, "1"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let first = (month.len() == 6 && digits(month) && digits(number) && !number.is_empty())
            .then(|| Date::new(month[..4].parse().ok()?, month[4..].parse().ok()?, 1).ok())
            .flatten();
        let Some(first) = first else {
            let message =
                format!("The billing period {name} is invalid; it is yyyymm or yyyymm-n.");
            return Err(Refusal::bad_request(message));
        };
        Ok(BillingPeriod {
            name: name.to_owned(),
            first,
            last: first.last_of_month(),
        })
    }
}

/// A scope as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) kind: Kind,
    /// The path, with the caller's case, without a billing period and without a trailing slash.
    pub(super) path: String,
    /// The billing account, where the path names one.
    pub(super) account: Option<String>,
    /// What the last id stands in: the subscription of a resource group, the billing profile of an
    /// invoice section, the order of a reservation.
    pub(super) parent: Option<String>,
    /// The last id.
    pub(super) id: String,
    /// The billing period behind it.
    pub(super) period: Option<BillingPeriod>,
}

impl Scope {
    /// Takes a scope's path apart, whatever its case; `None` if it is no scope that Azure knows.
    /// A billing period that is none is refused.
    pub(super) fn parse(segments: &[String]) -> Result<Option<Scope>, Refusal> {
        let lower: Vec<String> = segments.iter().map(|part| part.to_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(|part| &**part).collect();
        let (own, period) = match lower[..] {
            [.., "providers", "microsoft.billing", "billingperiods", _] => {
                (segments.len() - 4, segments.last())
            }
            [
                "providers",
                "microsoft.billing",
                "billingaccounts",
                _,
                "billingperiods",
                _,
            ] => (segments.len() - 2, segments.last()),
            _ => (segments.len(), None),
        };
        let Some((kind, [account, parent, id])) = kind_of(&lower[..own]) else {
            return Ok(None);
        };
        let at = |index: Option<usize>| index.map(|index| segments[index].clone());
        Ok(Some(Scope {
            kind,
            path: format!("/{}", segments[..own].join("/")),
            account: at(account),
            parent: at(parent),
            id: at(id).unwrap_or_default(),
            period: period.map(|name| BillingPeriod::parse(name)).transpose()?,
        }))
    }

    /// The path by which documents are kept.
    pub(super) fn key(&self) -> String {
        self.path.to_lowercase()
    }

    /// Whether another path is this scope or lies below it.
    pub(super) fn is_within(&self, outer: &str) -> bool {
        let (key, outer) = (self.key(), outer.trim_end_matches('/').to_lowercase());
        key.strip_prefix(&outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The kind, and where the account, the parent and the id stand.
fn kind_of(lower: &[&str]) -> Option<(Kind, [Option<usize>; 3])> {
    let simple = |kind, id| Some((kind, [None, None, Some(id)]));
    match lower {
        ["subscriptions", _] => simple(Kind::Subscription, 1),
        ["subscriptions", _, "resourcegroups", _] => {
            Some((Kind::ResourceGroup, [None, Some(1), Some(3)]))
        }
        ["providers", provider, rest @ ..] => match (*provider, rest) {
            ("microsoft.management", ["managementgroups", _]) => simple(Kind::ManagementGroup, 3),
            ("microsoft.billing", ["departments", _]) => simple(Kind::Department, 3),
            ("microsoft.billing", ["enrollmentaccounts", _]) => simple(Kind::EnrollmentAccount, 3),
            ("microsoft.billing", ["billingaccounts", _]) => {
                Some((Kind::BillingAccount, [Some(3), None, Some(3)]))
            }
            ("microsoft.billing", ["billingaccounts", _, below, _]) => {
                let kind = match *below {
                    "departments" => Kind::Department,
                    "enrollmentaccounts" => Kind::EnrollmentAccount,
                    "billingprofiles" => Kind::BillingProfile,
                    "invoicesections" => Kind::InvoiceSection,
                    "customers" => Kind::Customer,
                    _ => return None,
                };
                Some((kind, [Some(3), None, Some(5)]))
            }
            (
                "microsoft.billing",
                [
                    "billingaccounts",
                    _,
                    "billingprofiles",
                    _,
                    "invoicesections",
                    _,
                ],
            ) => Some((Kind::InvoiceSection, [Some(3), Some(5), Some(7)])),
            (
                "microsoft.costmanagement",
                ["externalsubscriptions" | "externalbillingaccounts", _],
            ) => simple(Kind::External, 3),
            ("microsoft.capacity", ["reservationorders", _]) => simple(Kind::ReservationOrder, 3),
            ("microsoft.capacity", ["reservationorders", _, "reservations", _]) => {
                Some((Kind::Reservation, [None, Some(3), Some(5)]))
            }
            ("microsoft.billingbenefits", ["savingsplanorders", _]) => {
                simple(Kind::SavingsPlanOrder, 3)
            }
            ("microsoft.billingbenefits", ["savingsplanorders", _, "savingsplans", _]) => {
                Some((Kind::SavingsPlan, [None, Some(3), Some(5)]))
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn parse(path: &str) -> Option<Scope> {
        let segments: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        Scope::parse(&segments).unwrap()
    }

    #[test]
    fn every_kind_is_known_in_any_case() {
        let billing = "/providers/Microsoft.Billing/billingAccounts/100";
        let kinds = [
            ("/subscriptions/A".to_owned(), Kind::Subscription),
            (
                "/subscriptions/a/resourcegroups/G".to_owned(),
                Kind::ResourceGroup,
            ),
            (
                "/providers/microsoft.management/managementGroups/m".to_owned(),
                Kind::ManagementGroup,
            ),
            (billing.to_owned(), Kind::BillingAccount),
            (format!("{billing}/Departments/7"), Kind::Department),
            (
                "/providers/Microsoft.Billing/departments/7".to_owned(),
                Kind::Department,
            ),
            (
                format!("{billing}/enrollmentAccounts/7"),
                Kind::EnrollmentAccount,
            ),
            (
                "/providers/Microsoft.Billing/enrollmentAccounts/7".to_owned(),
                Kind::EnrollmentAccount,
            ),
            (format!("{billing}/billingProfiles/p"), Kind::BillingProfile),
            (format!("{billing}/invoiceSections/s"), Kind::InvoiceSection),
            (
                format!("{billing}/billingProfiles/p/invoiceSections/s"),
                Kind::InvoiceSection,
            ),
            (format!("{billing}/customers/c"), Kind::Customer),
            (
                "/providers/Microsoft.CostManagement/externalSubscriptions/x".to_owned(),
                Kind::External,
            ),
            (
                "/providers/Microsoft.Capacity/reservationorders/o".to_owned(),
                Kind::ReservationOrder,
            ),
            (
                "/providers/Microsoft.Capacity/reservationorders/o/reservations/r".to_owned(),
                Kind::Reservation,
            ),
        ];
        for (path, kind) in kinds {
            assert_eq!(parse(&path).map(|scope| scope.kind), Some(kind), "{path}");
        }
        assert_eq!(parse("/subscriptions"), None);
        assert_eq!(parse("/providers/Microsoft.Billing/nothing/1"), None);
    }

    #[test]
    fn ids_and_periods_are_found() {
        let section = parse(
            "/providers/Microsoft.Billing/billingAccounts/a:b_2019-05-31/billingProfiles/P/\
             invoiceSections/S/providers/Microsoft.Billing/billingPeriods/202402-1",
        )
        .unwrap();
        assert_eq!(section.account.as_deref(), Some("a:b_2019-05-31"));
        assert_eq!(section.parent.as_deref(), Some("P"));
        assert_eq!(section.id, "S");
        let period = section.period.clone().unwrap();
        assert_eq!(
            (period.first, period.last),
            (date(2024, 2, 1), date(2024, 2, 29))
        );
        assert!(section.path.ends_with("/invoiceSections/S"));
        assert!(section.is_within("/providers/microsoft.billing/billingAccounts/A:b_2019-05-31"));
        assert!(!section.is_within("/providers/microsoft.billing/billingAccounts/a"));
        let account = "/providers/Microsoft.Billing/billingAccounts/100/billingPeriods/201702";
        assert_eq!(parse(account).unwrap().kind, Kind::BillingAccount);
        for wrong in ["2017", "201713", "201702-", "2017ab", "201702-x"] {
            assert!(BillingPeriod::parse(wrong).is_err(), "{wrong}");
        }
    }
}
