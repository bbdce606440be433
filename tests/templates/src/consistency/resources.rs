//! Resources: names, conditions, the files and bodies in them.

use std::collections::{BTreeMap, BTreeSet};

use super::differ;
use super::documents::loaded;
use super::values::{agree, at, sources};
use crate::expression::{Expression, Property, Value};
use crate::finding::Finding;
use crate::stack::{Resource, Stack};

/// What azurerm's resources are in Azure.
const ARM_TYPES: [(&str, &str); 34] = [
    (
        "azurerm_application_insights",
        "Microsoft.Insights/components",
    ),
    (
        "azurerm_application_insights_workbook",
        "Microsoft.Insights/workbooks",
    ),
    (
        "azurerm_communication_service",
        "Microsoft.Communication/communicationServices",
    ),
    (
        "azurerm_email_communication_service",
        "Microsoft.Communication/emailServices",
    ),
    (
        "azurerm_email_communication_service_domain",
        "Microsoft.Communication/emailServices/domains",
    ),
    (
        "azurerm_email_communication_service_domain_sender_username",
        "Microsoft.Communication/emailServices/domains/senderUsernames",
    ),
    (
        "azurerm_eventgrid_system_topic",
        "Microsoft.EventGrid/systemTopics",
    ),
    (
        "azurerm_eventgrid_system_topic_event_subscription",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
    ),
    ("azurerm_key_vault", "Microsoft.KeyVault/vaults"),
    (
        "azurerm_key_vault_secret",
        "Microsoft.KeyVault/vaults/secrets",
    ),
    (
        "azurerm_log_analytics_workspace",
        "Microsoft.OperationalInsights/workspaces",
    ),
    (
        "azurerm_monitor_action_group",
        "Microsoft.Insights/actionGroups",
    ),
    (
        "azurerm_monitor_activity_log_alert",
        "Microsoft.Insights/activityLogAlerts",
    ),
    (
        "azurerm_monitor_diagnostic_setting",
        "Microsoft.Insights/diagnosticSettings",
    ),
    (
        "azurerm_monitor_metric_alert",
        "Microsoft.Insights/metricAlerts",
    ),
    (
        "azurerm_monitor_scheduled_query_rules_alert_v2",
        "Microsoft.Insights/scheduledQueryRules",
    ),
    (
        "azurerm_network_security_group",
        "Microsoft.Network/networkSecurityGroups",
    ),
    (
        "azurerm_private_dns_zone",
        "Microsoft.Network/privateDnsZones",
    ),
    (
        "azurerm_private_dns_zone_virtual_network_link",
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    ),
    (
        "azurerm_private_endpoint",
        "Microsoft.Network/privateEndpoints",
    ),
    (
        "azurerm_resource_group",
        "Microsoft.Resources/resourceGroups",
    ),
    (
        "azurerm_resource_group_cost_management_export",
        "Microsoft.CostManagement/exports",
    ),
    (
        "azurerm_role_assignment",
        "Microsoft.Authorization/roleAssignments",
    ),
    (
        "azurerm_role_definition",
        "Microsoft.Authorization/roleDefinitions",
    ),
    ("azurerm_service_plan", "Microsoft.Web/serverfarms"),
    (
        "azurerm_storage_account",
        "Microsoft.Storage/storageAccounts",
    ),
    (
        "azurerm_storage_container",
        "Microsoft.Storage/storageAccounts/blobServices/containers",
    ),
    (
        "azurerm_storage_management_policy",
        "Microsoft.Storage/storageAccounts/managementPolicies",
    ),
    (
        "azurerm_storage_queue",
        "Microsoft.Storage/storageAccounts/queueServices/queues",
    ),
    (
        "azurerm_storage_table",
        "Microsoft.Storage/storageAccounts/tableServices/tables",
    ),
    (
        "azurerm_subnet",
        "Microsoft.Network/virtualNetworks/subnets",
    ),
    (
        "azurerm_subscription_cost_management_export",
        "Microsoft.CostManagement/exports",
    ),
    (
        "azurerm_user_assigned_identity",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
    ),
    (
        "azurerm_virtual_network",
        "Microsoft.Network/virtualNetworks",
    ),
];

/// Types that only one language has as resources of their own: the other writes them into another.
const ONE_SIDED: [&str; 9] = [
    // Terraform writes the settings with the app.
    "Microsoft.Web/sites/config",
    // azurerm_storage_account has blob_properties, and a queue service is there without being made.
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/queueServices",
    "Microsoft.Storage/storageAccounts/tableServices",
    // azurerm_private_endpoint has a block for it.
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    // Written into the subnet by Bicep, and linked domains into the service.
    "azurerm_subnet_network_security_group_association",
    "azurerm_communication_service_email_domain_association",
    // What Bicep has functions for: names, and the day of the first deployment.
    "random_string",
    "terraform_data",
];

/// The type in Azure of a resource, without its version.
pub fn arm_type(resource: &Resource) -> String {
    if resource.kind.starts_with("azapi_") {
        let kind = resource.body.get("type").and_then(Expression::text);
        let kind = kind.unwrap_or_default();
        return kind.split('@').next().unwrap_or_default().to_owned();
    }
    let known = ARM_TYPES.iter().find(|(name, _)| *name == resource.kind);
    known.map_or_else(|| resource.kind.clone(), |(_, kind)| (*kind).to_owned())
}

/// The resources of a type of Azure's.
pub(super) fn of_kind<'a>(stack: &'a Stack, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
    let resources = stack.resources.iter();
    resources.filter(move |it| arm_type(it) == kind)
}

/// The body as Azure sees it, for resources that are written that way in either language.
pub(super) fn arm_body(resource: &Resource) -> &Expression {
    match resource.kind.starts_with("azapi_") {
        true => resource.body.get("body").unwrap_or(&resource.body),
        false => &resource.body,
    }
}

/// Both stacks have the same resources, by name and type.
pub fn resources(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let [one, other] = [bicep, terraform].map(|stack| {
        let mut named = BTreeMap::new();
        for resource in &stack.resources {
            let kind = arm_type(resource);
            if ONE_SIDED.contains(&kind.as_str()) || resource.kind == "azapi_resource_action" {
                continue;
            }
            let name = format!("{} ({kind})", resource.name);
            named.insert(name, (resource.place.clone(), ()));
        }
        named
    });
    differ(
        "resource",
        (bicep, &one),
        (terraform, &other),
        &mut findings,
    );
    findings
}

/// Resources with constant names are called the same.
pub fn names(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let [one, other] = [bicep, terraform].map(|stack| {
        let mut named = BTreeMap::new();
        for resource in &stack.resources {
            let kind = arm_type(resource);
            // What Azure calls `default` goes without a name in Terraform.
            if !ONE_SIDED.contains(&kind.as_str())
                && let Some(name) = resource.body.get("name").and_then(Expression::text)
                && name != "default"
            {
                named.insert(format!("{name} ({kind})"), (resource.place.clone(), ()));
            }
        }
        named
    });
    differ(
        "a resource called",
        (bicep, &one),
        (terraform, &other),
        &mut findings,
    );
    findings
}

/// Calls `compare` with the first resource of each name that both stacks have.
pub(super) fn each_pair(
    bicep: &Stack,
    terraform: &Stack,
    mut compare: impl FnMut(&Resource, &Resource),
) {
    let mut seen: BTreeSet<(&str, String)> = BTreeSet::new();
    for one in &bicep.resources {
        let kind = arm_type(one);
        let others = terraform.resources.iter();
        let other = others
            .clone()
            .find(|it| it.name == one.name && arm_type(it) == kind);
        if let Some(other) = other
            && seen.insert((&one.name, kind))
        {
            compare(one, other);
        }
    }
}

/// The same files are read into the same resources.
pub fn files(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of = |resource: &Resource| -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        resource
            .body
            .walk(&mut |it| files.extend(loaded(it).map(|(_, file)| file)));
        files
    };
    each_pair(bicep, terraform, |one, other| {
        let (mine, theirs) = (of(one), of(other));
        if mine != theirs {
            let message = format!(
                "resource {} reads {mine:?} in Bicep ({}) and {theirs:?} in Terraform",
                one.name, one.place
            );
            findings.push(Finding::new(&other.place, message));
        }
    });
    findings
}

/// Resources that Terraform writes by azapi have the same properties and constants in them as in Bicep.
pub fn bodies(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    each_pair(bicep, terraform, |one, other| {
        if !other.kind.starts_with("azapi_") {
            return;
        }
        for part in ["kind", "sku"] {
            if let (Some(mine), Some(theirs)) = (one.body.get(part), arm_body(other).get(part)) {
                same_body(&one.name, part, mine, theirs, None, &mut findings);
            }
        }
        identities(one, other, &mut findings);
        let (Some(mine), Some(theirs)) = (
            one.body.get("properties"),
            other.body.get("body.properties"),
        ) else {
            return;
        };
        let sensitive = other.body.get("sensitive_body.properties");
        same_body(
            &one.name,
            "properties",
            mine,
            theirs,
            sensitive,
            &mut findings,
        );
    });
    findings
}

/// Resources that sign in do so as the same.
fn identities(one: &Resource, other: &Resource, findings: &mut Vec<Finding>) {
    let (mine, theirs) = (one.body.get("identity"), other.body.get("identity"));
    let of = |identity: Option<&Expression>| -> (Vec<String>, BTreeSet<String>) {
        let types = identity.map_or_else(Vec::new, |it| at(it, "type"));
        let types = types.iter().map(|it| it.to_string()).collect();
        (types, identity.map(sources).unwrap_or_default())
    };
    let (mine_of, theirs_of) = (of(mine), of(theirs));
    if mine_of != theirs_of {
        let all = |(types, names): (Vec<String>, BTreeSet<String>)| {
            let names: Vec<String> = names.into_iter().collect();
            match types.is_empty() {
                true => "nobody".to_owned(),
                false => format!("{} {}", types.join(", "), names.join(", ")),
            }
        };
        let message = format!(
            "resource {} signs in as {} in Bicep ({}) and as {} in Terraform",
            one.name,
            all(mine_of),
            mine.map_or(&one.place, |it| &it.place),
            all(theirs_of)
        );
        let place = theirs.map_or(&other.place, |it| &it.place);
        findings.push(Finding::new(place, message));
    }
}

/// Constants that differ, and properties that only one of two objects has.
fn same_body(
    name: &str,
    path: &str,
    mine: &Expression,
    theirs: &Expression,
    sensitive: Option<&Expression>,
    findings: &mut Vec<Finding>,
) {
    if let (Value::Object(one), Value::Object(other)) = (&mine.value, &theirs.value) {
        let keys = one.iter().chain(other).filter_map(Property::name);
        for key in keys.collect::<BTreeSet<_>>() {
            let below = format!("{path}.{key}");
            match (mine.get(key), theirs.get(key)) {
                // Compared as settings.
                _ if key == "appSettings" => {}
                (Some(mine), Some(theirs)) => {
                    let sensitive = sensitive.and_then(|it| it.get(key));
                    same_body(name, &below, mine, theirs, sensitive, findings);
                }
                (Some(_), None) if sensitive.is_some_and(|it| it.get(key).is_some()) => {}
                (Some(only), None) | (None, Some(only)) => {
                    let (has, lacks) = match mine.get(key) {
                        Some(_) => ("Bicep", theirs),
                        None => ("Terraform", mine),
                    };
                    let message = format!(
                        "resource {name} has {below} in {has} only, and not at {}",
                        lacks.place
                    );
                    findings.push(Finding::new(&only.place, message));
                }
                (None, None) => {}
            }
        }
        return;
    }
    if let (Value::Array(one), Value::Array(other)) = (&mine.value, &theirs.value)
        && one.len() == other.len()
    {
        for (at, (mine, theirs)) in one.iter().zip(other).enumerate() {
            same_body(name, &format!("{path}[{at}]"), mine, theirs, None, findings);
        }
        return;
    }
    if !agree(mine, theirs, &[]) {
        let message = format!(
            "resource {name} has {path} {mine} in Bicep ({}) and {theirs} in Terraform",
            mine.place
        );
        findings.push(Finding::new(&theirs.place, message));
    }
}

/// The constant names of a stack's resources of a type.
pub(super) fn names_of(stack: &Stack, kind: &str) -> BTreeSet<String> {
    let resources = stack.resources.iter().filter(|it| arm_type(it) == kind);
    let names = resources.filter_map(|it| it.body.get("name")?.text().map(str::to_owned));
    names.collect()
}
