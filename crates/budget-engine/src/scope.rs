//! Scopes: the Azure Resource Manager paths that a cost belongs to.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The kinds of scope that Azure's cost APIs know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScopeKind {
    /// `/subscriptions/{guid}`
    Subscription,
    /// `/subscriptions/{guid}/resourceGroups/{name}`
    ResourceGroup,
    /// `/providers/Microsoft.Management/managementGroups/{id}`
    ManagementGroup,
    /// `/providers/Microsoft.Billing/billingAccounts/{id}`
    BillingAccount,
    /// `…/billingAccounts/{id}/departments/{id}` (Enterprise Agreement)
    Department,
    /// `…/billingAccounts/{id}/enrollmentAccounts/{id}` (Enterprise Agreement)
    EnrollmentAccount,
    /// `…/billingAccounts/{id}/billingProfiles/{id}` (Microsoft Customer Agreement)
    BillingProfile,
    /// `…/billingProfiles/{id}/invoiceSections/{id}` (Microsoft Customer Agreement)
    InvoiceSection,
    /// `…/billingAccounts/{id}/customers/{id}` (partners)
    Customer,
}

impl ScopeKind {
    /// The kind in words: `resource group`.
    pub fn words(self) -> &'static str {
        match self {
            ScopeKind::Subscription => "subscription",
            ScopeKind::ResourceGroup => "resource group",
            ScopeKind::ManagementGroup => "management group",
            ScopeKind::BillingAccount => "billing account",
            ScopeKind::Department => "department",
            ScopeKind::EnrollmentAccount => "enrollment account",
            ScopeKind::BillingProfile => "billing profile",
            ScopeKind::InvoiceSection => "invoice section",
            ScopeKind::Customer => "customer",
        }
    }

    /// The kind in words with its article.
    ///
    /// ```
    /// use budget_engine::ScopeKind;
    /// assert_eq!(ScopeKind::ResourceGroup.with_article(), "a resource group");
    /// assert_eq!(ScopeKind::InvoiceSection.with_article(), "an invoice section");
    /// ```
    pub fn with_article(self) -> String {
        let words = self.words();
        match words.starts_with(['a', 'e', 'i', 'o', 'u']) {
            true => format!("an {words}"),
            false => format!("a {words}"),
        }
    }
}

/// A parsed scope. Compared, ordered and hashed without regard to letter case, as Azure
/// Resource Manager does; displayed with Azure's own spelling of the fixed parts.
///
/// ```
/// use budget_engine::{Scope, ScopeKind};
/// let group = Scope::parse("/SUBSCRIPTIONS/1f2e/resourcegroups/Payments/").unwrap();
/// assert_eq!(group.kind(), ScopeKind::ResourceGroup);
/// assert_eq!(group.to_string(), "/subscriptions/1f2e/resourceGroups/Payments");
/// assert!(Scope::subscription("1F2E").unwrap().contains(&group));
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope {
    kind: ScopeKind,
    path: Box<str>,
    folded: Box<str>,
}

/// Why a text is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a scope: {problem}; expected a path such as /subscriptions/{{guid}}, \
     /subscriptions/{{guid}}/resourceGroups/{{name}}, \
     /providers/Microsoft.Management/managementGroups/{{id}} or \
     /providers/Microsoft.Billing/billingAccounts/{{id}}"
)]
pub struct ScopeError {
    given: String,
    problem: &'static str,
}

/// The chains of fixed path parts, in Azure's spelling, and the kind each one names. Departments,
/// enrollment accounts and invoice sections also occur in the shorter forms that some APIs use.
const FORMS: &[(&[&str], ScopeKind)] = &[
    (&["subscriptions"], ScopeKind::Subscription),
    (
        &["subscriptions", "resourceGroups"],
        ScopeKind::ResourceGroup,
    ),
    (
        &["providers/Microsoft.Management/managementGroups"],
        ScopeKind::ManagementGroup,
    ),
    (
        &["providers/Microsoft.Billing/billingAccounts"],
        ScopeKind::BillingAccount,
    ),
    (
        &["providers/Microsoft.Billing/billingAccounts", "departments"],
        ScopeKind::Department,
    ),
    (
        &["providers/Microsoft.Billing/departments"],
        ScopeKind::Department,
    ),
    (
        &[
            "providers/Microsoft.Billing/billingAccounts",
            "enrollmentAccounts",
        ],
        ScopeKind::EnrollmentAccount,
    ),
    (
        &["providers/Microsoft.Billing/enrollmentAccounts"],
        ScopeKind::EnrollmentAccount,
    ),
    (
        &[
            "providers/Microsoft.Billing/billingAccounts",
            "billingProfiles",
        ],
        ScopeKind::BillingProfile,
    ),
    (
        &[
            "providers/Microsoft.Billing/billingAccounts",
            "billingProfiles",
            "invoiceSections",
        ],
        ScopeKind::InvoiceSection,
    ),
    (
        &[
            "providers/Microsoft.Billing/billingAccounts",
            "invoiceSections",
        ],
        ScopeKind::InvoiceSection,
    ),
    (
        &["providers/Microsoft.Billing/billingAccounts", "customers"],
        ScopeKind::Customer,
    ),
];

impl Scope {
    /// Reads a path in any letter case, with or without slashes at its ends.
    pub fn parse(text: &str) -> Result<Scope, ScopeError> {
        let fail = |problem| ScopeError {
            given: text.chars().take(200).collect(),
            problem,
        };
        let trimmed = text.trim().trim_matches('/');
        let segments: Vec<&str> = trimmed.split('/').collect();
        if trimmed.is_empty() {
            return Err(fail("it is empty"));
        }
        if segments.iter().any(|segment| segment.is_empty()) {
            return Err(fail("a part of the path is empty"));
        }
        if trimmed
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "?#\\%".contains(c))
        {
            return Err(fail("it holds a character that no scope has"));
        }
        let mut best = "the path has another shape";
        for (fixed, kind) in FORMS {
            match match_form(fixed, &segments) {
                Form::Yes(path) => {
                    let folded = path.to_lowercase().into();
                    return Ok(Scope {
                        kind: *kind,
                        path: path.into(),
                        folded,
                    });
                }
                Form::MissingId => best = "the last part has no id",
                Form::No => {}
            }
        }
        Err(fail(best))
    }

    /// The scope of a subscription id.
    pub fn subscription(id: &str) -> Result<Scope, ScopeError> {
        let id = id.trim().trim_matches('/');
        match id.get(..14) {
            Some(prefix) if prefix.eq_ignore_ascii_case("subscriptions/") => Scope::parse(id),
            _ => Scope::parse(&format!("/subscriptions/{id}")),
        }
    }

    /// The scope of a resource group in a subscription.
    pub fn resource_group(subscription: &str, name: &str) -> Result<Scope, ScopeError> {
        let parent = Scope::subscription(subscription)?;
        Scope::parse(&format!("{parent}/resourceGroups/{name}"))
    }

    /// What kind of scope this is.
    pub fn kind(&self) -> ScopeKind {
        self.kind
    }

    /// The path with Azure's spelling of the fixed parts and the ids as they were given.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path in lower case: the form in which scopes are compared.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// The last part of the path: the id or name of the scope itself.
    pub fn id(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The subscription that a resource group lies in; a subscription gives itself.
    pub fn subscription_of(&self) -> Option<Scope> {
        match self.kind {
            ScopeKind::Subscription => Some(self.clone()),
            ScopeKind::ResourceGroup => {
                Scope::parse(self.path.split("/resourceGroups/").next()?).ok()
            }
            _ => None,
        }
    }

    /// Whether `other` is this scope or lies inside it by its path.
    ///
    /// A path tells which resource groups a subscription has and which sections a billing
    /// profile has. It does not tell what lies in a management group, nor under which billing
    /// account a subscription is: that comes from the cost rows (see [`crate::Place`]).
    pub fn contains(&self, other: &Scope) -> bool {
        if other.folded.starts_with(&*self.folded) {
            let rest = &other.folded[self.folded.len()..];
            return rest.is_empty() || rest.starts_with('/');
        }
        self.kind == other.kind && self.short_form_of(other)
    }

    /// Some APIs leave out the account in front of a department, enrollment account or section.
    fn short_form_of(&self, other: &Scope) -> bool {
        let with_account = |scope: &Scope| scope.folded.matches('/').count() > 4;
        matches!(
            self.kind,
            ScopeKind::Department | ScopeKind::EnrollmentAccount | ScopeKind::InvoiceSection
        ) && self.id().eq_ignore_ascii_case(other.id())
            && (!with_account(self)
                || !with_account(other)
                || self.account_id().eq_ignore_ascii_case(other.account_id()))
            && (self.kind != ScopeKind::InvoiceSection || !self.both_have_profiles(other))
    }

    fn both_have_profiles(&self, other: &Scope) -> bool {
        [self, other]
            .iter()
            .all(|scope| scope.folded.contains("/billingprofiles/"))
    }

    fn account_id(&self) -> &str {
        self.path.split('/').nth(4).unwrap_or_default()
    }
}

enum Form {
    Yes(String),
    MissingId,
    No,
}

fn match_form(fixed: &[&str], segments: &[&str]) -> Form {
    let mut rest = segments;
    let mut path = String::new();
    for part in fixed {
        let words: Vec<&str> = part.split('/').collect();
        if rest.len() < words.len()
            || !words
                .iter()
                .zip(rest)
                .all(|(word, given)| word.eq_ignore_ascii_case(given))
        {
            return Form::No;
        }
        rest = &rest[words.len()..];
        let Some((id, after)) = rest.split_first() else {
            return Form::MissingId;
        };
        path.push('/');
        path.push_str(part);
        path.push('/');
        path.push_str(id);
        rest = after;
    }
    if rest.is_empty() {
        Form::Yes(path)
    } else {
        Form::No
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Scope::parse(text)
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Self, ScopeError> {
        Scope::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.path.into()
    }
}

impl PartialEq for Scope {
    fn eq(&self, other: &Scope) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Scope {}

impl PartialOrd for Scope {
    fn partial_cmp(&self, other: &Scope) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scope {
    fn cmp(&self, other: &Scope) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl Hash for Scope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_kind_parses_and_displays_in_azure_spelling() {
        use ScopeKind::*;
        let billing = "/providers/Microsoft.Billing/billingAccounts";
        for (text, kind) in [
            ("/subscriptions/s", Subscription),
            ("/subscriptions/s/resourceGroups/g", ResourceGroup),
            (
                "/providers/Microsoft.Management/managementGroups/m",
                ManagementGroup,
            ),
            (&*format!("{billing}/12:34_2019-05-31"), BillingAccount),
            (&format!("{billing}/1/departments/2"), Department),
            ("/providers/Microsoft.Billing/departments/2", Department),
            (
                &format!("{billing}/1/enrollmentAccounts/2"),
                EnrollmentAccount,
            ),
            (
                "/providers/Microsoft.Billing/enrollmentAccounts/2",
                EnrollmentAccount,
            ),
            (&format!("{billing}/1/billingProfiles/P-1"), BillingProfile),
            (
                &format!("{billing}/1/billingProfiles/P-1/invoiceSections/S"),
                InvoiceSection,
            ),
            (&format!("{billing}/1/invoiceSections/S"), InvoiceSection),
            (&format!("{billing}/1/customers/C"), Customer),
        ] {
            assert_eq!(scope(text).kind(), kind, "{text}");
            assert_eq!(scope(text).to_string(), text);
            assert_eq!(
                scope(&text.to_uppercase()),
                scope(text),
                "letter case is no difference"
            );
            let slashes = format!("{}/", &text[1..]);
            assert_eq!(
                scope(&slashes),
                scope(text),
                "slashes at the ends are no difference"
            );
        }
    }

    #[test]
    fn what_is_no_scope_is_refused_with_its_text() {
        for text in [
            "",
            "/",
            "payments",
            "/subscriptions",
            "/subscriptions//resourceGroups/g",
            "/subscriptions/s/resourceGroups",
            "/subscriptions/s/resourceGroups/g/providers/x",
            "/subscriptions/s?x=1",
            "/subscriptions/s t",
            "/providers/Microsoft.Billing/somethings/1",
        ] {
            let error = Scope::parse(text).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn containment_follows_the_path_on_whole_parts() {
        let sub = scope("/subscriptions/abc");
        assert!(sub.contains(&scope("/subscriptions/ABC/resourceGroups/g")));
        assert!(sub.contains(&sub));
        assert!(!sub.contains(&scope("/subscriptions/abcd")));
        assert!(!scope("/subscriptions/abc/resourceGroups/g").contains(&sub));
        let account = scope("/providers/Microsoft.Billing/billingAccounts/1");
        let section = scope(
            "/providers/Microsoft.Billing/billingAccounts/1/billingProfiles/p/invoiceSections/s",
        );
        assert!(account.contains(&section));
        assert!(
            scope("/providers/Microsoft.Billing/billingAccounts/1/billingProfiles/p")
                .contains(&section)
        );
    }

    #[test]
    fn short_and_long_forms_of_one_department_are_the_same_place() {
        let long = scope("/providers/Microsoft.Billing/billingAccounts/1/departments/7");
        let short = scope("/providers/Microsoft.Billing/departments/7");
        let other = scope("/providers/Microsoft.Billing/billingAccounts/2/departments/7");
        assert!(short.contains(&long) && long.contains(&short));
        assert!(!long.contains(&other), "two accounts, two departments");
    }

    #[test]
    fn sections_of_two_profiles_with_one_name_are_two_places() {
        let base = "/providers/Microsoft.Billing/billingAccounts/1/billingProfiles";
        let first = scope(&format!("{base}/p/invoiceSections/s"));
        let second = scope(&format!("{base}/q/invoiceSections/s"));
        assert!(!first.contains(&second));
        assert!(
            scope("/providers/Microsoft.Billing/billingAccounts/1/invoiceSections/s")
                .contains(&first)
        );
    }
}
