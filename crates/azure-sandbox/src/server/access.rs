//! Who stands behind the contacts of a budget: role assignments and action groups; and under which
//! offer a subscription is.

use serde_json::{Value, json};

use super::answer::{Answer, Handled, Refusal};
use super::operation::{Call, Operation, get};
use super::rows;
use super::scope::Kind;
use crate::world::{Agreement, Subscription, World};

const ASSIGNMENTS: &str = "{scope}/providers/Microsoft.Authorization/roleAssignments";
const GROUP: &str = "{scope}/providers/Microsoft.Insights/actionGroups/{name}";

pub(super) const OPERATIONS: &[Operation] = &[
    get(
        "RoleAssignments_ListForScope",
        ASSIGNMENTS,
        &["2022-04-01"],
        assignments,
    )
    .at(&[
        Kind::Subscription,
        Kind::ResourceGroup,
        Kind::ManagementGroup,
    ]),
    get("ActionGroups_Get", GROUP, &["2023-01-01"], group).at(&[Kind::ResourceGroup]),
    get(
        "Subscriptions_Get",
        "/subscriptions/{id}",
        &["2022-12-01"],
        subscription,
    ),
    get(
        "Subscriptions_List",
        "/subscriptions",
        &["2022-12-01"],
        subscriptions,
    ),
];

fn subscription(call: &Call) -> Handled {
    let id = call.name("id");
    let Some(found) = call.world.subscription(id) else {
        let message = format!("The subscription '{id}' could not be found.");
        return Err(Refusal::not_found("SubscriptionNotFound", message));
    };
    Ok(Answer::json(&shown(&call.world, found)))
}

fn subscriptions(call: &Call) -> Handled {
    let all = call.world.subscriptions.iter();
    let shown: Vec<Value> = all.map(|each| shown(&call.world, each)).collect();
    Ok(Answer::json(&json!({ "value": shown })))
}

/// A subscription as Azure Resource Manager shows it. Its quota id says which offer it is under; what
/// it is under a Customer Agreement is left out.
fn shown(world: &World, subscription: &Subscription) -> Value {
    let mut policies =
        json!({ "locationPlacementId": "Public_2014-09-01", "spendingLimit": "Off" });
    let quota = match world.agreement {
        Agreement::Enterprise => Some("EnterpriseAgreement_2014-09-01"),
        Agreement::PayAsYouGo => Some("PayAsYouGo_2014-09-01"),
        Agreement::Partner => Some("CSP_2015-05-01"),
        Agreement::Customer => None,
    };
    if let Some(quota) = quota {
        policies["quotaId"] = json!(quota);
    }
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "subscriptionId": subscription.id,
        "displayName": subscription.name,
        "state": "Enabled",
        "subscriptionPolicies": policies,
    })
}

/// Who holds which of Azure's built-in roles, everywhere: owners are a group and an application, as
/// in most estates, so that a mail to "Owner" reaches nobody.
const HOLDERS: [(&str, &str, &str); 4] = [
    // Owner
    (
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "Group",
        "00000000-0000-0000-0000-0000000000a1",
    ),
    (
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "ServicePrincipal",
        "00000000-0000-0000-0000-0000000000a2",
    ),
    // Contributor
    (
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "User",
        "00000000-0000-0000-0000-0000000000a3",
    ),
    (
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Group",
        "00000000-0000-0000-0000-0000000000a1",
    ),
];

fn assignments(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    if let Some(filter) = call.request.parameter("$filter")
        && filter != "atScope()"
    {
        let message = format!("The filter '{filter}' is not supported; it is atScope().");
        return Err(Refusal::bad_request(message));
    }
    let path = &scope.path;
    let shown = HOLDERS
        .iter()
        .enumerate()
        .map(|(index, (role, kind, principal))| {
            let name = format!("00000000-0000-0000-0000-0000000000b{index}");
            json!({
                "id": format!("{path}/providers/Microsoft.Authorization/roleAssignments/{name}"),
                "name": name,
                "type": "Microsoft.Authorization/roleAssignments",
                "properties": {
                    "roleDefinitionId":
                        format!("{path}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
                    "principalId": principal,
                    "principalType": kind,
                    "scope": path,
                    "condition": null,
                },
            })
        });
    Ok(call.page(shown, call.page_size(1000)?)?.answer())
}

fn group(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    let (path, name) = (&scope.path, call.name("name"));
    let id = format!("{path}/providers/microsoft.insights/actionGroups/{name}");
    let found = call.sandbox.documents.alerts.group(&id);
    let group = found.ok_or_else(|| {
        let message = format!("The Resource '{id}' was not found.");
        Refusal::not_found("ResourceNotFound", message)
    })?;
    let emails = group.emails.iter().enumerate();
    let emails: Vec<Value> = emails
        .map(|(index, address)| {
            json!({
                "name": format!("mail-{index}"),
                "emailAddress": address,
                "status": "Enabled",
                "useCommonAlertSchema": group.common_schema,
            })
        })
        .collect();
    let webhooks: Vec<Value> = match &*group.url {
        "" => Vec::new(),
        url => vec![json!({
            "name": "webhook",
            "serviceUri": url,
            "useCommonAlertSchema": group.common_schema,
        })],
    };
    Ok(Answer::json(&json!({
        "id": id,
        "name": name,
        "type": "Microsoft.Insights/ActionGroups",
        "location": "Global",
        "properties": {
            "groupShortName": name.chars().take(12).collect::<String>(),
            "enabled": group.enabled,
            "emailReceivers": emails,
            "smsReceivers": [],
            "webhookReceivers": webhooks,
            "armRoleReceivers": [],
        },
    })))
}
