//! Roles that are assigned.

use std::collections::{BTreeMap, BTreeSet};

use super::differ;
use super::resources::arm_type;
use crate::expression::{Expression, Value};
use crate::finding::{Finding, Place, nearest};
use crate::stack::Stack;

/// Azure's built-in roles that templates may assign. The ids are the same in every tenant.
pub const ROLES: [(&str, &str); 25] = [
    ("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader"),
    (
        "ac63b705-f282-497d-ac71-919bf39d939d",
        "Management Group Reader",
    ),
    (
        "17d1049b-9a84-46fb-8f53-869881c3d3ab",
        "Storage Account Contributor",
    ),
    (
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Storage Blob Data Owner",
    ),
    (
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
    ),
    (
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
    ),
    (
        "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
        "Storage Queue Data Contributor",
    ),
    (
        "19e7f393-937e-4f77-808e-94535e297925",
        "Storage Queue Data Reader",
    ),
    (
        "8a0f0c08-91a1-4084-bc3d-661d67233fed",
        "Storage Queue Data Message Processor",
    ),
    (
        "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
        "Storage Queue Data Message Sender",
    ),
    (
        "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
        "Storage Table Data Contributor",
    ),
    (
        "4633458b-17de-408a-b874-0445c86b69e6",
        "Key Vault Secrets User",
    ),
    (
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Key Vault Secrets Officer",
    ),
    (
        "3913510d-42f4-4e42-8a64-420c390055eb",
        "Monitoring Metrics Publisher",
    ),
    ("43d0d8ad-25c7-4714-9337-8ba259a9fe05", "Monitoring Reader"),
    (
        "73c42c96-874c-492b-b04d-ab87d138a893",
        "Log Analytics Reader",
    ),
    (
        "72fafb9e-0641-4937-9268-a91bfd8191a3",
        "Cost Management Reader",
    ),
    (
        "434105ed-43f6-45c7-a02f-909b2ba83430",
        "Cost Management Contributor",
    ),
    ("fa23ad8b-c56e-40d8-ac0c-ce449e1d2c64", "Billing Reader"),
    (
        "d5a91429-5739-47e2-a06b-3470a27159e7",
        "EventGrid Data Sender",
    ),
    (
        "4d97b98b-1d4f-4787-a291-c67834d212e7",
        "Network Contributor",
    ),
    (
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Role Based Access Control Administrator",
    ),
    (
        "09976791-48a7-449e-bb21-39d1a415f350",
        "Communication and Email Service Owner",
    ),
    ("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor"),
    ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner"),
];

/// The roles without which the app does not work, with the resources that they are assigned on.
pub const NEEDED_ROLES: [(&str, &str); 5] = [
    ("Storage Blob Data Owner", "@storage"),
    ("Storage Queue Data Contributor", "@storage"),
    ("Storage Table Data Contributor", "@storage"),
    ("Key Vault Secrets User", "@vault"),
    ("Monitoring Metrics Publisher", "@component"),
];

/// A role that is assigned.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) target: String,
    pub(super) principal: String,
    pub(super) place: Place,
    /// What the assignment is called.
    assignment: String,
}

/// The role assignments of a stack, and ids of roles that are none.
pub(super) fn roles_of(stack: &Stack) -> (Vec<Role>, Vec<Finding>) {
    let mut roles = Vec::new();
    let mut findings = Vec::new();
    for resource in &stack.resources {
        if arm_type(resource) != "Microsoft.Authorization/roleAssignments" {
            continue;
        }
        let body = &resource.body;
        let get = |names: [&str; 2]| names.iter().find_map(|name| body.get(name));
        let principal = get(["properties.principalId", "principal_id"]).map(roots);
        let target = match body.get("scope") {
            Some(scope) => target_of(scope),
            None => resource
                .scope
                .as_ref()
                .map_or_else(|| "its scope".to_owned(), target_of),
        };
        let mut names = Vec::new();
        if let Some(id) = get(["properties.roleDefinitionId", "role_definition_id"]) {
            of_definitions(id, &mut findings);
        }
        let by_id = get(["properties.roleDefinitionId", "role_definition_id"]);
        for id in by_id.into_iter().flat_map(ids) {
            match ROLES.iter().find(|(known, _)| *known == id) {
                Some((_, name)) => names.push((*name).to_owned()),
                None => {
                    let similar = nearest(&id, ROLES.iter().map(|(id, _)| *id));
                    let message = format!(
                        "{}: {id} is the id of no known role{similar}",
                        resource.name
                    );
                    findings.push(Finding::new(&resource.place, message));
                }
            }
        }
        for name in body
            .get("role_definition_name")
            .into_iter()
            .flat_map(Expression::outcomes)
        {
            match name.text() {
                Some(text) if ROLES.iter().any(|(_, known)| *known == text) => {
                    names.push(text.to_owned());
                }
                _ => {
                    let text = name.text().unwrap_or_default();
                    let similar = nearest(text, ROLES.iter().map(|(_, name)| *name));
                    let message = format!("{}: {name} is no known role{similar}", resource.name);
                    findings.push(Finding::new(&resource.place, message));
                }
            }
        }
        if names.is_empty() && findings.last().is_none_or(|it| it.place != resource.place) {
            let message = format!("{}: its role is not told by an id", resource.name);
            findings.push(Finding::new(&resource.place, message));
        }
        roles.extend(names.into_iter().map(|name| Role {
            name,
            target: target.clone(),
            principal: principal.clone().unwrap_or_default(),
            place: resource.place.clone(),
            assignment: resource.name.clone(),
        }));
    }
    (roles, findings)
}

/// `subscriptionResourceId(type, id)` is the id of a role if the type is that of roles.
fn of_definitions(id: &Expression, findings: &mut Vec<Finding>) {
    const WANTED: &str = "Microsoft.Authorization/roleDefinitions";
    id.walk(&mut |inner| {
        if let Value::Call {
            name, arguments, ..
        } = &inner.value
            && name.ends_with("ResourceId")
            && let Some(kind) = arguments.first()
            && kind.text() != Some(WANTED)
        {
            let message = format!("a role is given as a {kind}, and {WANTED} is needed");
            findings.push(Finding::new(&kind.place, message));
        }
    });
}

/// The resources, parameters and so on that an expression rests on.
pub(super) fn roots(expression: &Expression) -> String {
    let mut names = BTreeSet::new();
    expression.walk(&mut |inner| {
        if let Value::Name(name) = &inner.value {
            names.insert(name.clone());
        }
    });
    // What a condition asks is not what it gives.
    if let Value::Conditional(..) = &expression.value {
        names.retain(|name| name.starts_with('@'));
    }
    names.into_iter().collect::<Vec<_>>().join(" or ")
}

/// What a role is assigned on.
fn target_of(scope: &Expression) -> String {
    let text = scope.to_string();
    // The one that the stack is deployed to, and not one of those that are named.
    if text == "subscription()" || text.contains("data current.subscription_id") {
        return "the subscription of the app".to_owned();
    }
    if text.contains("managementGroup") || text.contains("management_group") {
        return "a management group".to_owned();
    }
    let names = roots(scope);
    if names == "scope" {
        return "its scope".to_owned();
    }
    if names.starts_with('@') {
        return names;
    }
    if text.contains("subscription") {
        return "a subscription".to_owned();
    }
    names
}

/// The ids in an expression.
fn ids(expression: &Expression) -> Vec<String> {
    let mut found = Vec::new();
    expression.walk(&mut |inner| {
        for word in inner.text().unwrap_or_default().split('/') {
            let lengths: Vec<usize> = word.split('-').map(str::len).collect();
            if lengths == [8, 4, 4, 4, 12] {
                found.push(word.to_lowercase());
            }
        }
    });
    found
}

/// Every assigned role exists.
pub fn known_roles(stack: &Stack) -> Vec<Finding> {
    roles_of(stack).1
}

/// Both stacks assign the same roles to the same on the same.
pub fn roles(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let [one, other] = [bicep, terraform].map(|stack| {
        let (roles, _) = roles_of(stack);
        let roles = roles.into_iter().map(|role| {
            let text = format!("{} of {} on {}", role.name, role.principal, role.target);
            (text, (role.place, ()))
        });
        roles.collect::<BTreeMap<_, _>>()
    });
    differ("role", (bicep, &one), (terraform, &other), &mut findings);
    findings
}

fn is_needed(role: &Role, (name, target): &(&str, &str)) -> bool {
    role.name == *name && role.target == *target && role.principal == "@identity"
}

/// The names of the assignments without which the app does not work.
pub(super) fn needed_assignments(stack: &Stack) -> Vec<String> {
    let (roles, _) = roles_of(stack);
    let needed = roles
        .into_iter()
        .filter(|role| NEEDED_ROLES.iter().any(|it| is_needed(role, it)));
    needed.map(|role| role.assignment).collect()
}

/// The roles without which the app does not work are assigned to its identity.
pub fn needed_roles(stack: &Stack) -> Vec<Finding> {
    let (roles, _) = roles_of(stack);
    let missing = NEEDED_ROLES
        .iter()
        .filter(|needed| !roles.iter().any(|it| is_needed(it, needed)));
    missing
        .map(|(name, target)| {
            let message = format!("the identity lacks the role {name} on {target}");
            Finding::new(&stack.place, message)
        })
        .collect()
}
