//! Who stands behind the contacts of a budget: role assignments and action groups.

use budget_engine::{Scope, ScopeKind};
use futures::Stream;
use serde::Serialize;

use crate::client::{Client, part, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::request::Request;

/// Somebody who holds a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RoleAssignment {
    /// Id of the role: a path that ends with the role's GUID.
    pub role_definition_id: String,
    /// Object id of whoever holds it.
    pub principal_id: String,
    /// `User`, `Group`, `ServicePrincipal` or `ForeignGroup`; `""` where Azure does not say.
    pub principal_type: String,
    /// Path of the scope it is given at, which may lie above the one that was asked about.
    pub scope: String,
}

/// An action group of Azure Monitor: whom an alert tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ActionGroup {
    /// Its path.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it tells anybody at all.
    pub enabled: bool,
    /// Addresses that are mailed.
    pub emails: Vec<EmailReceiver>,
    /// The other ways of telling and how many receivers each has, such as `webhook` and 2.
    pub others: Vec<(String, usize)>,
}

/// An address of an action group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EmailReceiver {
    /// The address.
    pub address: String,
    /// Whether it takes mails: whoever unsubscribes is switched off.
    pub enabled: bool,
}

/// Scopes that roles are given at.
const WITH_ROLES: &[ScopeKind] = &[
    ScopeKind::Subscription,
    ScopeKind::ResourceGroup,
    ScopeKind::ManagementGroup,
];

const ROLE_ASSIGNMENTS: &str = "/providers/Microsoft.Authorization/roleAssignments";
/// With `atScope()` Azure names what holds at the scope, from above too, and nothing below it.
const ROLES_QUERY: &str = "api-version=2022-04-01&$filter=atScope()";
const GROUPS_VERSION: &str = "api-version=2023-01-01";
const RECEIVERS: &str = "Receivers";

impl Client {
    /// Who holds roles at a scope, whether given there or above. Needs
    /// `Microsoft.Authorization/roleAssignments/read`, which Reader has.
    pub fn role_assignments(
        &self,
        scope: &Scope,
    ) -> impl Stream<Item = Result<RoleAssignment, Error>> + Send + use<> {
        let operation = format!("read role assignments of {scope}");
        lazily(path_of_kind(&operation, scope, WITH_ROLES).map(|path| {
            let url = self.url(&path, ROLE_ASSIGNMENTS, ROLES_QUERY);
            let request = Request::get(operation, url);
            items(self.transport.clone(), request, |item| {
                RoleAssignment::read(&Fields::of(item)?)
            })
        }))
    }

    /// An action group by its id, the path that budgets name it by. Needs
    /// `Microsoft.Insights/actionGroups/read`. [`Error::NotFound`] says that it is not there.
    pub async fn action_group(&self, id: &str) -> Result<ActionGroup, Error> {
        let operation = format!("read action group {id}");
        let folded = id.to_ascii_lowercase();
        let is_id = folded.starts_with("/subscriptions/")
            && folded.contains("/providers/microsoft.insights/actiongroups/");
        if !is_id {
            let problem = "it is no id of an action group";
            return Err(Error::not_sent(&operation, problem));
        }
        let mut path = String::new();
        for each in id.trim_matches('/').split('/') {
            path.push('/');
            path.push_str(&part(&operation, "a part of the id", each)?);
        }
        let url = self.url(&path, "", GROUPS_VERSION);
        self.read_required(&Request::get(operation, url), ActionGroup::read)
            .await
    }
}

impl RoleAssignment {
    fn read(item: &Fields) -> Result<RoleAssignment, String> {
        let properties = item.object("properties")?;
        Ok(RoleAssignment {
            role_definition_id: properties.required_text("roleDefinitionId")?,
            principal_id: properties.text("principalId")?,
            principal_type: properties.text("principalType")?,
            scope: properties.text("scope")?,
        })
    }
}

impl ActionGroup {
    fn read(item: &Fields) -> Result<ActionGroup, String> {
        let properties = item.object("properties")?;
        let mut emails = Vec::new();
        for receiver in properties.objects("emailReceivers")? {
            let status = receiver.text("status")?;
            emails.push(EmailReceiver {
                address: receiver.required_text("emailAddress")?,
                enabled: !status.eq_ignore_ascii_case("Disabled"),
            });
        }
        let mut others = Vec::new();
        for name in properties.names() {
            let kind = name.strip_suffix(RECEIVERS).unwrap_or_default();
            if kind.is_empty() || kind.eq_ignore_ascii_case("email") {
                continue;
            }
            let count = properties.optional_list(name)?.len();
            if count > 0 {
                others.push((kind.to_owned(), count));
            }
        }
        Ok(ActionGroup {
            id: item.text("id")?,
            name: item.text("name")?,
            // Azure takes a group that says nothing for one that works.
            enabled: properties.optional_flag("enabled")?.unwrap_or(true),
            emails,
            others,
        })
    }
}
