//! What must be the same in Bicep, in Terraform, in the function folders, in the handler and in the
//! documents.

use std::collections::{BTreeMap, BTreeSet};

use crate::expression::{Expression, Property, Value};
use crate::finding::{Finding, Place, nearest};
use crate::model::Parameter;
use crate::project::{Project, Templates};
use crate::stack::{Resource, Stack, snake};

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
const ONE_SIDED: [&str; 10] = [
    // Terraform writes the settings with the app.
    "Microsoft.Web/sites/config",
    // azurerm_storage_account has blob_properties, and a queue service is there without being made.
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/queueServices",
    "Microsoft.Storage/storageAccounts/tableServices",
    // azurerm_private_endpoint has a block for it.
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    // Written into the network by Bicep, so that a second deployment does not take them away.
    "Microsoft.Network/virtualNetworks/subnets",
    // Written into the subnet by Bicep, and linked domains into the service.
    "azurerm_subnet_network_security_group_association",
    "azurerm_communication_service_email_domain_association",
    // What Bicep has functions for: names, and the day of the first deployment.
    "random_string",
    "terraform_data",
];

/// Settings that a Flex Consumption app refuses, or that break it: they moved into its properties.
pub const REFUSED_SETTINGS: [&str; 11] = [
    "AzureWebJobsStorage",
    "ENABLE_ORYX_BUILD",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_RUNTIME_VERSION",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "WEBSITE_CONTENTOVERVNET",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_VNET_ROUTE_ALL",
];

/// Settings that the host reads and the handler does not.
const HOST_SETTINGS: [&str; 5] = [
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__tableServiceUri",
];

/// Settings that the handler or its host reads and that a deployment as it is meant has no use for.
const UNWRITTEN_SETTINGS: [&str; 3] = [
    // The state is in the host's account, where the queue triggers listen.
    "SPENDWATCH_QUEUES",
    "SPENDWATCH_STATE",
    // `host.json` says it.
    "AzureFunctionsJobHost__functionTimeout",
];

/// Parameters whose defaults differ, and why.
const OTHER_DEFAULTS: [(&str, &str); 3] = [
    ("location", "Terraform reads no resource group for it"),
    (
        "export_location",
        "Terraform knows no location of a deployment",
    ),
    ("export_from", "Terraform must remember the day"),
];

/// Parameters that one language needs and the other does not, and why.
const ONE_SIDED_PARAMETERS: [(&str, &str); 2] = [
    (
        "resource_group_name",
        "a Bicep file is deployed into a resource group",
    ),
    ("scope", "a Bicep file is deployed to a scope"),
];

/// What the stacks are compared with.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The routes of the handler, which are called like the function folders.
    pub routes: &'a [&'a str],
    /// The queues that the code uses.
    pub queues: &'a [&'a str],
    /// The containers that the code and the deployment use.
    pub containers: &'a [&'a str],
    /// The settings that the handler reads.
    pub settings: &'a BTreeSet<String>,
    /// The alert rules that there must be, by the last words of their names.
    pub rules: &'a [&'a str],
}

/// The file and the folder of the main stack.
pub const MAIN: (&str, &str) = ("infra/bicep/main.bicep", "infra/terraform/main");

/// What is deployed for each scope whose costs are read. Terraform has one folder for all kinds of them.
pub const SCOPES: [(&str, &str); 2] = [
    (
        "infra/bicep/scope/subscription.bicep",
        "infra/terraform/scope",
    ),
    (
        "infra/bicep/scope/management-group.bicep",
        "infra/terraform/scope",
    ),
];

/// The stacks of a file and a folder.
///
/// # Errors
///
/// If the one or the other is not there, or anything cannot be read.
pub fn stacks(templates: &Templates, pair: (&str, &str)) -> Result<(Stack, Stack), Vec<Finding>> {
    if !templates.unread.is_empty() {
        return Err(templates.unread.clone());
    }
    let bicep = crate::stack::of_bicep(&templates.bicep, pair.0);
    let terraform = crate::stack::of_terraform(&templates.terraform, pair.1);
    let absent = |file: &str| vec![Finding::of_file(file, "is not there")];
    let bicep = bicep.ok_or_else(|| absent(pair.0))?;
    let terraform = terraform.ok_or_else(|| absent(pair.1))?;
    Ok((bicep, terraform))
}

/// Everything that this module checks.
pub fn all(project: &Project, templates: &Templates, facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = loaded_files(project, templates);
    findings.extend(routes(project, facts.routes));
    match stacks(templates, MAIN) {
        Ok((bicep, terraform)) => {
            findings.extend(same(&bicep, &terraform));
            findings.extend(settings(&bicep, &terraform));
            for stack in [&bicep, &terraform] {
                findings.extend(needed_roles(stack));
                findings.extend(settings_read(stack, facts.settings));
                findings.extend(settings_of_functions(project, stack));
                findings.extend(queues(project, stack, facts.queues));
                findings.extend(containers(stack, facts.containers));
                findings.extend(alert_rules(project, stack, facts.rules));
                findings.extend(documented(project, stack));
                findings.extend(filled_in(project, stack));
                findings.extend(developer_cli(project, templates, stack));
            }
        }
        Err(unread) => findings.extend(unread),
    }
    for pair in SCOPES {
        match stacks(templates, pair) {
            Ok((bicep, terraform)) => {
                findings.extend(same(&bicep, &terraform));
            }
            Err(unread) => findings.extend(unread),
        }
    }
    findings.sort();
    findings.dedup();
    findings
}

/// What is the same in both languages, whatever a stack is for.
pub fn same(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = resources(bicep, terraform);
    findings.extend(names(bicep, terraform));
    findings.extend(conditions(bicep, terraform));
    findings.extend(files(bicep, terraform));
    findings.extend(bodies(bicep, terraform));
    findings.extend(known_roles(bicep));
    findings.extend(known_roles(terraform));
    findings.extend(roles(bicep, terraform));
    findings.extend(parameters(bicep, terraform));
    findings.extend(outputs(bicep, terraform));
    findings
}

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

/// The body as Azure sees it, for resources that are written that way in either language.
fn arm_body(resource: &Resource) -> &Expression {
    match resource.kind.starts_with("azapi_") {
        true => resource.body.get("body").unwrap_or(&resource.body),
        false => &resource.body,
    }
}

/// An expression with the words of either language made the same.
fn canonical(expression: &Expression) -> String {
    let text = snake(&expression.to_string()).replace(".properties.", ".");
    let same = [
        (".primary_endpoints.blob", ".primary_blob_endpoint"),
        (".primary_endpoints.queue", ".primary_queue_endpoint"),
        (".primary_endpoints.table", ".primary_table_endpoint"),
    ];
    same.iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}

/// Findings for what stands in one of two collections only.
fn differ<'a, V: 'a>(
    what: &str,
    one: (&Stack, &'a BTreeMap<String, (Place, V)>),
    other: (&Stack, &'a BTreeMap<String, (Place, V)>),
    findings: &mut Vec<Finding>,
) {
    for ((here, mine), (there, theirs)) in [(one, other), (other, one)] {
        for (name, (place, _)) in mine {
            if !theirs.contains_key(name) {
                let known = theirs.keys().filter(|it| !mine.contains_key(*it));
                let similar = nearest(name, known.map(String::as_str));
                let message = format!(
                    "{what} {name} is in {} and not in {} ({}){similar}",
                    here.language, there.language, there.place
                );
                findings.push(Finding::new(place, message));
            }
        }
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
fn each_pair(bicep: &Stack, terraform: &Stack, mut compare: impl FnMut(&Resource, &Resource)) {
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

/// The parameters that decide whether resources are there are the same.
pub fn conditions(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of = |stack: &Stack, resource: &Resource| -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for condition in resource.condition.iter().chain(&resource.over) {
            condition.walk(&mut |inner| {
                if let Value::Name(name) = &inner.value
                    && stack.parameters.iter().any(|it| it.name == *name)
                {
                    names.insert(name.clone());
                }
            });
        }
        names
    };
    each_pair(bicep, terraform, |one, other| {
        let (mine, theirs) = (of(bicep, one), of(terraform, other));
        if mine != theirs {
            let all = |names: BTreeSet<String>| match names.len() {
                0 => "nothing".to_owned(),
                _ => names.into_iter().collect::<Vec<_>>().join(", "),
            };
            let message = format!(
                "whether resource {} is there depends on {} in Bicep ({}) and on {} in Terraform",
                one.name,
                all(mine),
                one.place,
                all(theirs)
            );
            findings.push(Finding::new(&other.place, message));
        }
    });
    findings
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
        if other.kind != "azapi_resource" {
            return;
        }
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
    if mine.is_constant() && theirs.is_constant() && mine.to_string() != theirs.to_string() {
        let message = format!(
            "resource {name} has {path} {mine} in Bicep ({}) and {theirs} in Terraform",
            mine.place
        );
        findings.push(Finding::new(&theirs.place, message));
    }
}

/// A role that is assigned.
#[derive(Debug)]
struct Role {
    name: String,
    target: String,
    principal: String,
    place: Place,
}

/// The role assignments of a stack, and ids of roles that are none.
fn roles_of(stack: &Stack) -> (Vec<Role>, Vec<Finding>) {
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
        }));
    }
    (roles, findings)
}

/// The resources, parameters and so on that an expression rests on.
fn roots(expression: &Expression) -> String {
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

/// The roles without which the app does not work are assigned to its identity.
pub fn needed_roles(stack: &Stack) -> Vec<Finding> {
    let (roles, _) = roles_of(stack);
    let missing = NEEDED_ROLES.iter().filter(|(name, target)| {
        !roles
            .iter()
            .any(|it| it.name == *name && it.target == *target && it.principal == "@identity")
    });
    missing
        .map(|(name, target)| {
            let message = format!("the identity lacks the role {name} on {target}");
            Finding::new(&stack.place, message)
        })
        .collect()
}

/// The settings that a stack writes, with all values that they may have. The parameters whose entries become settings stand among them as `*name`.
fn settings_of(stack: &Stack) -> BTreeMap<String, (Place, Vec<Expression>)> {
    let mut settings = BTreeMap::new();
    let mut ways = 0;
    for resource in &stack.resources {
        let kind = arm_type(resource);
        let body = arm_body(resource);
        let written = match kind.as_str() {
            "Microsoft.Web/sites/config"
                if resource.body.get("name").and_then(Expression::text) == Some("appsettings") =>
            {
                body.get("properties")
            }
            "Microsoft.Web/sites" => body.get("properties.siteConfig.appSettings"),
            _ => None,
        };
        let Some(written) = written else { continue };
        ways += 1;
        if ways > 1 {
            settings.insert(TWICE.to_owned(), (written.place.clone(), Vec::new()));
        }
        match &written.value {
            // `[{ name = …, value = … }]`
            Value::Array(items) => {
                for item in items {
                    if let (Some(name), Some(value)) = (item.get("name"), item.get("value")) {
                        let name = name
                            .text()
                            .map_or_else(|| format!("*{name}"), str::to_owned);
                        settings
                            .entry(name)
                            .or_insert_with(|| (item.place.clone(), Vec::new()))
                            .1
                            .push(value.clone());
                    }
                }
            }
            // The same of an object's entries.
            Value::Each(each) if each.key.is_none() => collect_settings(&each.over, &mut settings),
            _ => collect_settings(written, &mut settings),
        }
    }
    settings
}

/// Stands among the settings that are written in two places.
const TWICE: &str = "*written in two places";

fn collect_settings(
    expression: &Expression,
    settings: &mut BTreeMap<String, (Place, Vec<Expression>)>,
) {
    match &expression.value {
        Value::Object(properties) => {
            for Property { key, value } in properties {
                let name = key.text().map_or_else(|| format!("*{key}"), str::to_owned);
                settings
                    .entry(name)
                    .or_insert_with(|| (key.place.clone(), Vec::new()))
                    .1
                    .push(value.clone());
            }
        }
        Value::Conditional(_, yes, no) => {
            collect_settings(yes, settings);
            collect_settings(no, settings);
        }
        Value::Call {
            name, arguments, ..
        } if matches!(name.as_str(), "union" | "merge" | "shallowMerge") => {
            for part in arguments {
                collect_settings(part, settings);
            }
        }
        _ => {
            // One setting for each entry of a parameter: `toObject(items(…), …)`, `{for …}`.
            let over = match &expression.value {
                Value::Call {
                    name, arguments, ..
                } if name == "toObject" => arguments.first().map(roots),
                Value::Each(each) => Some(roots(&each.over)),
                _ => Some(roots(expression)),
            };
            let name = format!("*{}", over.unwrap_or_default());
            settings.insert(name, (expression.place.clone(), Vec::new()));
        }
    }
}

/// Both stacks write the same settings with the same values.
pub fn settings(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let one = settings_of(bicep);
    let other = settings_of(terraform);
    differ("setting", (bicep, &one), (terraform, &other), &mut findings);
    for (name, (place, mine)) in &one {
        let Some((_, theirs)) = other.get(name) else {
            continue;
        };
        let values = |settings: &[Expression]| -> BTreeSet<String> {
            settings.iter().map(canonical).collect()
        };
        let (mine, theirs) = (values(mine), values(theirs));
        if mine != theirs {
            let all =
                |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(" or ");
            let message = format!(
                "setting {name} is {} in Bicep and {} in Terraform",
                all(mine),
                all(theirs)
            );
            findings.push(Finding::new(place, message));
        }
    }
    findings
}

/// The settings that the handler reads, by the table in `docs/functions.md`.
pub fn documented_settings(project: &Project) -> BTreeSet<String> {
    let text = project.text("docs/functions.md").unwrap_or_default();
    let section = text.split("\n## App settings\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut names = BTreeSet::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cell = line.split('|').nth(1).unwrap_or_default();
        let parts = cell.split('`').skip(1).step_by(2);
        names.extend(parts.filter(|it| !it.contains(' ')).map(str::to_owned));
    }
    names
}

/// A stack writes what the handler and its host read, and nothing else.
pub fn settings_read(stack: &Stack, read: &BTreeSet<String>) -> Vec<Finding> {
    let written = settings_of(stack);
    let mut findings = Vec::new();
    for (name, (place, _)) in &written {
        if REFUSED_SETTINGS.contains(&name.as_str()) {
            let message = format!("a Flex Consumption app refuses the setting {name}");
            findings.push(Finding::new(place, message));
        } else if name == TWICE {
            let message = "settings are written as a whole, so the last one of two to write them \
                           wins: write them in one place";
            findings.push(Finding::new(place, message));
        } else if !name.starts_with('*')
            && !read.contains(name)
            && !HOST_SETTINGS.contains(&name.as_str())
        {
            let similar = nearest(name, read.iter().map(String::as_str));
            let message = format!("nothing reads the setting {name}{similar}");
            findings.push(Finding::new(place, message));
        }
    }
    let host = HOST_SETTINGS.iter().copied();
    let wanted = read.iter().map(String::as_str).chain(host);
    for name in wanted.filter(|it| !UNWRITTEN_SETTINGS.contains(it)) {
        if !written.contains_key(name) {
            let message = format!("the setting {name} is read and not written");
            findings.push(Finding::new(&stack.place, message));
        }
    }
    findings
}

/// Both stacks have the same parameters with the same defaults and values.
pub fn parameters(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let [one, other] = [bicep, terraform].map(|stack| {
        let parameters = stack.parameters.iter();
        let parameters = parameters
            .filter(|it| {
                !ONE_SIDED_PARAMETERS
                    .iter()
                    .any(|(name, _)| *name == it.name)
            })
            .map(|it| (it.name.clone(), (it.place.clone(), it)));
        parameters.collect::<BTreeMap<String, (Place, &Parameter)>>()
    });
    differ(
        "parameter",
        (bicep, &one),
        (terraform, &other),
        &mut findings,
    );
    for (name, (_, mine)) in &one {
        let Some((place, theirs)) = other.get(name) else {
            continue;
        };
        let shown = |default: &Option<Expression>| {
            default
                .as_ref()
                .map_or("no default".to_owned(), ToString::to_string)
        };
        let same = shown(&mine.default) == shown(&theirs.default);
        if !same && !OTHER_DEFAULTS.iter().any(|(other, _)| other == name) {
            let message = format!(
                "parameter {name} is {} in Bicep ({}) and {} in Terraform",
                shown(&mine.default),
                mine.place,
                shown(&theirs.default)
            );
            findings.push(Finding::new(place, message));
        }
        let allowed = |parameter: &Parameter| -> Vec<String> {
            let allowed = parameter.allowed.iter().flatten();
            allowed.map(ToString::to_string).collect()
        };
        if allowed(mine) != allowed(theirs) {
            let message = format!(
                "parameter {name} takes [{}] in Bicep ({}) and [{}] in Terraform",
                allowed(mine).join(", "),
                mine.place,
                allowed(theirs).join(", ")
            );
            findings.push(Finding::new(place, message));
        }
        if mine.secure != theirs.secure {
            let message = format!("parameter {name} is a secret in one language only");
            findings.push(Finding::new(place, message));
        }
        // `string` and `string`, `array` and `list(string)`, `object` and `map(string)`.
        let kind = |parameter: &Parameter| match parameter.type_name.split(['(', '<']).next() {
            Some("int" | "number") => "number",
            Some("array" | "list" | "set") => "list",
            Some("object" | "map") => "object",
            Some("bool") => "bool",
            _ => "string",
        };
        if kind(mine) != kind(theirs) {
            let message = format!(
                "parameter {name} is {} in Bicep ({}) and {} in Terraform",
                mine.type_name, mine.place, theirs.type_name
            );
            findings.push(Finding::new(place, message));
        }
    }
    findings
}

/// Both stacks have the same outputs.
pub fn outputs(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let [one, other] = [bicep, terraform].map(|stack| {
        let outputs = stack.outputs.iter();
        let outputs = outputs.map(|it| (it.name.clone(), (it.place.clone(), ())));
        outputs.collect::<BTreeMap<_, _>>()
    });
    differ("output", (bicep, &one), (terraform, &other), &mut findings);
    findings
}

/// The constant names of a stack's resources of a type.
fn names_of(stack: &Stack, kind: &str) -> BTreeSet<String> {
    let resources = stack.resources.iter().filter(|it| arm_type(it) == kind);
    let names = resources.filter_map(|it| it.body.get("name")?.text().map(str::to_owned));
    names.collect()
}

/// A function folder.
struct Function {
    name: String,
    file: String,
    bindings: serde_json::Value,
}

fn functions(project: &Project, findings: &mut Vec<Finding>) -> Vec<Function> {
    let mut functions = Vec::new();
    for (file, text) in project.files("function-definitions/", "/function.json") {
        let name = file.split('/').nth(1).unwrap_or_default().to_owned();
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(json) => functions.push(Function {
                name,
                file: file.to_owned(),
                bindings: json["bindings"].clone(),
            }),
            Err(error) => findings.push(Finding::of_file(file, format!("not JSON: {error}"))),
        }
    }
    functions
}

/// Every function folder has a route in the handler, and every route a folder.
pub fn routes(project: &Project, routes: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let functions = functions(project, &mut findings);
    for function in &functions {
        if !routes.contains(&function.name.as_str()) {
            let similar = nearest(&function.name, routes.iter().copied());
            let message = format!("the handler has no route {}{similar}", function.name);
            findings.push(Finding::of_file(&function.file, message));
        }
    }
    for route in routes {
        if !functions.iter().any(|it| it.name == *route) {
            let message = format!("the route {route} of the handler has no folder");
            findings.push(Finding::of_file("function-definitions", message));
        }
    }
    findings
}

/// The queues of the triggers and of the code are made, with those for poison.
pub fn queues(project: &Project, stack: &Stack, used: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let made = names_of(
        stack,
        "Microsoft.Storage/storageAccounts/queueServices/queues",
    );
    let mut wanted: Vec<(String, Place)> = Vec::new();
    for function in functions(project, &mut findings) {
        for binding in function.bindings.as_array().into_iter().flatten() {
            if let Some(queue) = binding["queueName"].as_str() {
                wanted.push((queue.to_owned(), Place::new(function.file.clone(), 0)));
            }
        }
    }
    wanted.extend(
        used.iter()
            .map(|it| ((*it).to_owned(), stack.place.clone())),
    );
    for (queue, place) in wanted {
        for queue in [queue.clone(), format!("{queue}-poison")] {
            if !made.contains(&queue) {
                let similar = nearest(&queue, made.iter().map(String::as_str));
                let message = format!("{} makes no queue {queue}{similar}", stack.language);
                findings.push(Finding::new(&place, message));
            }
        }
    }
    findings
}

/// The containers of the code are made.
pub fn containers(stack: &Stack, used: &[&str]) -> Vec<Finding> {
    let made = names_of(
        stack,
        "Microsoft.Storage/storageAccounts/blobServices/containers",
    );
    let missing = used.iter().filter(|it| !made.contains(**it));
    missing
        .map(|container| {
            let similar = nearest(container, made.iter().map(String::as_str));
            let message = format!("{} makes no container {container}{similar}", stack.language);
            Finding::new(&stack.place, message)
        })
        .collect()
}

/// The settings that function folders name are written: `%SETTING%` and those of connections.
pub fn settings_of_functions(project: &Project, stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let written = settings_of(stack);
    for function in functions(project, &mut findings) {
        let mut wanted = Vec::new();
        for binding in function.bindings.as_array().into_iter().flatten() {
            for (key, value) in binding.as_object().into_iter().flatten() {
                let text = value.as_str().unwrap_or_default();
                if key == "connection" {
                    let service = match binding["type"].as_str() {
                        Some(kind) if kind.starts_with("blob") => "blobServiceUri",
                        _ => "queueServiceUri",
                    };
                    wanted.push(format!("{text}__{service}"));
                    wanted.push(format!("{text}__credential"));
                    wanted.push(format!("{text}__clientId"));
                } else {
                    wanted.extend(text.split('%').skip(1).step_by(2).map(str::to_owned));
                }
            }
        }
        for name in wanted.iter().filter(|it| !written.contains_key(*it)) {
            let similar = nearest(name, written.keys().map(String::as_str));
            let message = format!(
                "{} does not write the setting {name}{similar}",
                stack.language
            );
            findings.push(Finding::of_file(&function.file, message));
        }
    }
    findings
}

/// The last words of the names of a stack's alert rules, with the descriptions.
fn rules_of(stack: &Stack) -> Vec<(String, String, Place)> {
    let kinds = [
        "Microsoft.Insights/scheduledQueryRules",
        "Microsoft.Insights/metricAlerts",
    ];
    let rules = stack
        .resources
        .iter()
        .filter(|it| kinds.contains(&arm_type(it).as_str()));
    rules
        .map(|rule| {
            let name = match rule.body.get("name").map(|it| &it.value) {
                Some(Value::Template(parts)) => parts.last().and_then(Expression::text),
                Some(Value::String(text)) => Some(text.as_str()),
                _ => None,
            };
            let name = name.unwrap_or_default().trim_start_matches('-').to_owned();
            let description = ["properties.description", "description"]
                .iter()
                .find_map(|path| rule.body.get(path).or(arm_body(rule).get(path)));
            let description = description.map(ToString::to_string).unwrap_or_default();
            (name, description, rule.place.clone())
        })
        .collect()
}

/// Each alert rule leads to its section of the runbook, and each of `wanted` is there.
pub fn alert_rules(project: &Project, stack: &Stack, wanted: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let runbook = project.text("docs/runbook.md").unwrap_or_default();
    let sections: Vec<String> = runbook
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches(['#', ' '])
                .replace('`', "")
                .to_lowercase()
        })
        .collect();
    let sections: Vec<String> = sections.iter().map(|it| it.replace(' ', "-")).collect();
    let rules = rules_of(stack);
    for (name, description, place) in &rules {
        if !sections.contains(name) {
            let similar = nearest(name, sections.iter().map(String::as_str));
            let message = format!("docs/runbook.md has no section {name}{similar}");
            findings.push(Finding::new(place, message));
        }
        if !description.contains(&format!("docs/runbook.md#{name}")) {
            let message =
                format!("the description of rule {name} does not name docs/runbook.md#{name}");
            findings.push(Finding::new(place, message));
        }
    }
    for wanted in wanted {
        if !rules.iter().any(|(name, _, _)| name == wanted) {
            let similar = nearest(wanted, rules.iter().map(|(name, _, _)| name.as_str()));
            let message = format!("there is no alert rule {wanted}{similar}");
            findings.push(Finding::new(&stack.place, message));
        }
    }
    findings
}

/// Every parameter stands in the table of `infra/README.md` with its default, by the name that the
/// language gives it, and every output is named.
pub fn documented(project: &Project, stack: &Stack) -> Vec<Finding> {
    const README: &str = "infra/README.md";
    let mut findings = Vec::new();
    let text = project.text(README).unwrap_or_default();
    let column = if stack.language == "Bicep" { 0 } else { 1 };
    let section = text.split("\n## Parameters\n").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').skip(1).map(str::trim).collect();
        if let [_, _, default, ..] = cells[..]
            && let Some(name) = cells[column].split('`').nth(1)
        {
            rows.insert(name.to_owned(), default.to_owned());
        }
    }
    for parameter in &stack.parameters {
        let written = rows.iter().find(|(name, _)| snake(name) == parameter.name);
        let Some((_, default)) = written else {
            let message = format!("{README} does not explain {}", parameter.name);
            findings.push(Finding::new(&parameter.place, message));
            continue;
        };
        let expected = match parameter.default.as_ref().map(|it| &it.value) {
            Some(Value::String(text)) if text.is_empty() => "\u{2013}".to_owned(),
            Some(Value::String(text)) => format!("`{text}`"),
            Some(Value::Number(number)) => format!("`{number}`"),
            Some(Value::Bool(value)) => format!("`{value}`"),
            Some(Value::Array(items)) if items.is_empty() => "none".to_owned(),
            Some(Value::Object(properties)) if properties.is_empty() => "none".to_owned(),
            // Worked out, or to be given: the table says it in words.
            _ => continue,
        };
        if *default != expected {
            let message = format!(
                "{README} says that {} is {default} by default, and it is {expected}",
                parameter.name
            );
            findings.push(Finding::new(&parameter.place, message));
        }
    }
    for name in rows.keys() {
        let name = snake(name);
        if !stack.parameters.iter().any(|it| it.name == name) {
            let message = format!("{} has no parameter {name}", stack.language);
            findings.push(Finding::of_file(README, message));
        }
    }
    let words: BTreeSet<String> = section.split('`').skip(1).step_by(2).map(snake).collect();
    for output in stack.outputs.iter().filter(|it| !words.contains(&it.name)) {
        let message = format!("{README} does not name the output {}", output.name);
        findings.push(Finding::new(&output.place, message));
    }
    findings
}

/// The file that an expression reads, from the root of the project.
fn loaded(expression: &Expression) -> Option<(Place, String)> {
    let Value::Call {
        name, arguments, ..
    } = &expression.value
    else {
        return None;
    };
    let path = match (name.as_str(), &arguments.first()?.value) {
        (
            "loadTextContent" | "loadJsonContent" | "loadYamlContent" | "loadFileAsBase64",
            Value::String(path),
        ) => path,
        ("file" | "templatefile" | "filebase64", Value::Template(parts)) => match &parts[..] {
            // "${path.module}/x"
            [module, path] if module.to_string() == "path.module" => {
                path.text()?.trim_start_matches('/')
            }
            _ => return None,
        },
        _ => return None,
    };
    let place = expression.place.clone();
    let file = crate::bicep::resolve(&place.file, path);
    Some((place, file))
}

/// The Azure Developer CLI finds its file, the file's parameters, and the app by its tag.
pub fn developer_cli(project: &Project, templates: &Templates, stack: &Stack) -> Vec<Finding> {
    const FILE: &str = "azure.yaml";
    let mut findings = Vec::new();
    let text = project.text(FILE).unwrap_or_default();
    let value = |key: &str| {
        let lines = text.lines().map(str::trim);
        let mut values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        values.next().map(str::trim).unwrap_or_default()
    };
    let module = format!("{}/{}", value("path"), value("module"));
    let file = format!("{module}.bicep");
    match templates.bicep.iter().find(|it| *it.file == *file) {
        None => findings.push(Finding::of_file(FILE, format!("there is no file {file}"))),
        Some(template) => {
            let given = format!("{module}.parameters.json");
            let json = project.text(&given).unwrap_or_default();
            let json: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
            let names = json["parameters"].as_object().into_iter().flatten();
            let names: BTreeSet<&str> = names.map(|(name, _)| name.as_str()).collect();
            let known: BTreeSet<&str> = template
                .parameters
                .iter()
                .map(|it| it.name.as_str())
                .collect();
            for name in names.difference(&known) {
                let similar = nearest(name, known.iter().copied());
                let message = format!("{file} has no parameter {name}{similar}");
                findings.push(Finding::of_file(&given, message));
            }
            for parameter in template.parameters.iter().filter(|it| it.default.is_none()) {
                if !names.contains(parameter.name.as_str()) {
                    let message = format!("{given} does not give {}", parameter.name);
                    findings.push(Finding::new(&parameter.place, message));
                }
            }
        }
    }
    let mut lines = text.lines().skip_while(|line| *line != "services:").skip(1);
    let service = lines
        .next()
        .unwrap_or_default()
        .trim()
        .trim_end_matches(':');
    for site in stack
        .resources
        .iter()
        .filter(|it| arm_type(it) == "Microsoft.Web/sites")
    {
        let tags = site
            .body
            .get("tags")
            .map(ToString::to_string)
            .unwrap_or_default();
        if !tags.contains(&format!("azd-service-name = \"{service}\"")) {
            let message =
                format!("the tag azd-service-name is not {service:?}, as {FILE} calls the app");
            findings.push(Finding::new(&site.place, message));
        }
    }
    findings
}

/// What stands in braces in a file that a resource reads is filled in, and nothing else is.
pub fn filled_in(project: &Project, stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    for resource in &stack.resources {
        for (file, filled) in texts(&resource.body) {
            let Some(text) = project.text(&file) else {
                let message = format!(
                    "resource {} reads {file}, which is not there",
                    resource.name
                );
                findings.push(Finding::new(&resource.place, message));
                continue;
            };
            let wanted = placeholders(text);
            for word in wanted.difference(&filled) {
                let message = format!(
                    "resource {} does not fill in {word} of {file}",
                    resource.name
                );
                findings.push(Finding::new(&resource.place, message));
            }
            for word in filled.difference(&wanted) {
                let message = format!(
                    "resource {} fills in {word}, which {file} lacks",
                    resource.name
                );
                findings.push(Finding::new(&resource.place, message));
            }
        }
    }
    findings
}

/// The files in a body, with what is filled in.
fn texts(expression: &Expression) -> Vec<(String, BTreeSet<String>)> {
    if let Value::Call {
        name, arguments, ..
    } = &expression.value
        && name == "replace"
        && let [text, word, _] = &arguments[..]
    {
        let mut inner = texts(text);
        for (_, filled) in &mut inner {
            filled.extend(word.text().map(str::to_owned));
        }
        return inner;
    }
    if let Some((_, file)) = loaded(expression) {
        return vec![(file, BTreeSet::new())];
    }
    expression.children().into_iter().flat_map(texts).collect()
}

/// Words in braces: `{component}`.
fn placeholders(text: &str) -> BTreeSet<String> {
    let parts = text
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'));
    let words = parts.map(|(word, _)| word);
    words
        .filter(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
        .map(|word| format!("{{{word}}}"))
        .collect()
}

/// The files that templates read are there.
pub fn loaded_files(project: &Project, templates: &Templates) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut see = |inner: &Expression| {
        if let Some((place, file)) = loaded(inner)
            && project.text(&file).is_none()
        {
            findings.push(Finding::new(&place, format!("there is no file {file}")));
        }
    };
    for template in &templates.bicep {
        for resource in &template.resources {
            resource.body.walk(&mut see);
        }
        for variable in &template.variables {
            variable.value.walk(&mut see);
        }
    }
    for folder in &templates.terraform {
        for resource in &folder.resources {
            resource.body.walk(&mut |it| it.value.walk(&mut see));
        }
        for local in &folder.locals {
            local.value.walk(&mut see);
        }
    }
    findings
}
