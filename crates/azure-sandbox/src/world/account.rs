//! Who has the contract with Microsoft, and how the account is divided.

use std::fmt;

use rust_decimal::Decimal;

/// Kinds of contract with Microsoft; each has its own columns, scopes and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Enterprise Agreement: departments, enrollment accounts, a prepaid balance.
    Enterprise,
    /// Microsoft Customer Agreement: billing profiles, invoice sections, credits.
    Customer,
    /// Pay-as-you-go and other offers bought on the web: an invoice for each subscription.
    PayAsYouGo,
    /// Microsoft Partner Agreement: a partner's customers.
    Partner,
}

impl Agreement {
    /// Whether usage has the `modern` shape; otherwise it has the `legacy` one.
    pub fn is_modern(self) -> bool {
        matches!(self, Agreement::Customer | Agreement::Partner)
    }

    /// The name that the Billing API has for it.
    pub fn billing_name(self) -> &'static str {
        match self {
            Agreement::Enterprise => "EnterpriseAgreement",
            Agreement::Customer => "MicrosoftCustomerAgreement",
            Agreement::PayAsYouGo => "MicrosoftOnlineServicesProgram",
            Agreement::Partner => "MicrosoftPartnerAgreement",
        }
    }

    /// What is paid of a list price: negotiated contracts pay four fifths.
    pub fn share_of_list(self) -> Decimal {
        match self {
            Agreement::Enterprise | Agreement::Customer => Decimal::new(8, 1),
            Agreement::PayAsYouGo | Agreement::Partner => Decimal::ONE,
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Agreement::Enterprise => "enterprise",
            Agreement::Customer => "customer",
            Agreement::PayAsYouGo => "pay-as-you-go",
            Agreement::Partner => "partner",
        })
    }
}

/// A part of the account that has an id and a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Id, the last part of its scope.
    pub id: String,
    /// Display name.
    pub name: String,
}

impl Named {
    /// A part with this id and name.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Named {
        Named {
            id: id.into(),
            name: name.into(),
        }
    }
}

/// Where in the account a subscription is paid.
///
/// | Agreement | `parent` | `part` | `customer` |
/// | --- | --- | --- | --- |
/// | Enterprise | department | enrollment account | |
/// | Customer | billing profile | invoice section | |
/// | Partner | billing profile | invoice section | the partner's customer |
/// | Pay-as-you-go | not used | not used | |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Department, or billing profile.
    pub parent: Named,
    /// Enrollment account, or invoice section.
    pub part: Named,
    /// The customer of a partner; its id is the customer's.
    pub customer: Option<Named>,
}

impl Section {
    /// The only section of an account that is not divided.
    pub fn only(agreement: Agreement) -> Section {
        let (parent, part) = match agreement {
            Agreement::Enterprise => (
                Named::new("12345", "Contoso IT"),
                Named::new("67890", "Contoso Azure"),
            ),
            _ => (
                Named::new("PROFILE-1", "Contoso"),
                Named::new("SECTION-1", "Contoso IT"),
            ),
        };
        let customer = (agreement == Agreement::Partner)
            .then(|| Named::new("c0a1b2c3-0001-4000-8000-00000000c001", "Fabrikam"));
        Section {
            parent,
            part,
            customer,
        }
    }
}
