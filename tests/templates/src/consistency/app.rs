//! What the app, its host and its handler want of either stack, so that a mistake made in both shows.

use std::collections::BTreeSet;

use super::functions::functions;
use super::resources::{each_pair, of_kind};
use super::roles::needed_assignments;
use super::settings::settings_of;
use super::values::{at, exact, of, sources};
use crate::expression::{Expression, Value};
use crate::finding::{Finding, nearest};
use crate::project::Project;
use crate::stack::{Resource, Stack};

/// Settings that only work with one value. Whoever reads them does not complain of another.
pub const SETTING_VALUES: [(&str, &str); 9] = [
    (
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "ClientId=${@identity.client_id};Authorization=AAD",
    ),
    (
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "@component.connection_string",
    ),
    ("AZURE_CLIENT_ID", "@identity.client_id"),
    (
        "AzureWebJobsStorage__blobServiceUri",
        "@storage.primary_blob_endpoint",
    ),
    ("AzureWebJobsStorage__clientId", "@identity.client_id"),
    ("AzureWebJobsStorage__credential", "managedidentity"),
    (
        "AzureWebJobsStorage__queueServiceUri",
        "@storage.primary_queue_endpoint",
    ),
    (
        "AzureWebJobsStorage__tableServiceUri",
        "@storage.primary_table_endpoint",
    ),
    (
        "SPENDWATCH_CONFIG",
        "${@storage.primary_blob_endpoint}config",
    ),
];

/// Properties that only work with one value, or that one language says and the other need not.
struct Fixed {
    kind: &'static str,
    /// Where it is in Azure's words; empty if only azurerm has it.
    azure: &'static str,
    /// Where it is in azurerm's; empty if azurerm does it anyway.
    azurerm: &'static str,
    wanted: &'static str,
    why: &'static str,
}

const fn fixed(
    kind: &'static str,
    azure: &'static str,
    azurerm: &'static str,
    wanted: &'static str,
    why: &'static str,
) -> Fixed {
    Fixed {
        kind,
        azure,
        azurerm,
        wanted,
        why,
    }
}

/// What the app needs of a private network before it starts.
const NETWORK: [&str; 2] = [
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    "Microsoft.Network/privateEndpoints",
];

/// What Flex Consumption refuses by error 51021, though types and other plans have it.
const REFUSED: [&str; 7] = [
    "ftpsState",
    "functionAppScaleLimit",
    "functionsRuntimeScaleMonitoringEnabled",
    "linuxFxVersion",
    "netFrameworkVersion",
    "preWarmedInstanceCount",
    "use32BitWorkerProcess",
];

const PROPERTIES: [Fixed; 20] = [
    fixed(
        SITES,
        "kind",
        "",
        "functionapp,linux",
        "Flex Consumption runs on Linux only",
    ),
    fixed(
        SITES,
        "properties.functionAppConfig.deployment.storage.authentication.type",
        "",
        "UserAssignedIdentity",
        "the account takes no keys",
    ),
    fixed(
        SITES,
        "properties.functionAppConfig.deployment.storage.authentication.userAssignedIdentityResourceId",
        "",
        "@identity.id",
        "it has the role on the account",
    ),
    fixed(
        SITES,
        "properties.functionAppConfig.deployment.storage.type",
        "",
        "blobContainer",
        "there is no other kind",
    ),
    fixed(
        SITES,
        "properties.functionAppConfig.deployment.storage.value",
        "",
        "${@storage.primary_blob_endpoint}${@deployment_container.name}",
        "packages are uploaded there",
    ),
    fixed(
        SITES,
        "properties.httpsOnly",
        "",
        "true",
        "keys of functions travel in addresses",
    ),
    fixed(
        SITES,
        "properties.keyVaultReferenceIdentity",
        "",
        "@identity.id",
        "the system-assigned identity, which it would be otherwise, is not there",
    ),
    fixed(
        PUBLISHING,
        "properties.allow",
        "",
        "false",
        "passwords for uploads would be keys",
    ),
    fixed(
        "Microsoft.Web/serverfarms",
        "properties.reserved",
        "",
        "true",
        "that is how Azure says Linux",
    ),
    fixed(
        "Microsoft.Web/serverfarms",
        "sku.tier",
        "",
        "FlexConsumption",
        "that is the tier of FC1",
    ),
    fixed(
        "Microsoft.Web/serverfarms",
        "",
        "os_type",
        "Linux",
        "Flex Consumption runs on Linux only",
    ),
    fixed(
        "Microsoft.Insights/diagnosticSettings",
        "properties.logs.enabled",
        "",
        "true",
        "nothing is logged otherwise",
    ),
    fixed(
        "Microsoft.KeyVault/vaults",
        "properties.enableSoftDelete",
        "",
        "true",
        "Azure refuses vaults without it",
    ),
    fixed(
        "Microsoft.Storage/storageAccounts/blobServices",
        "properties.containerDeleteRetentionPolicy.enabled",
        "",
        "true",
        "the days do not count otherwise",
    ),
    fixed(
        "Microsoft.Storage/storageAccounts/blobServices",
        "properties.deleteRetentionPolicy.enabled",
        "",
        "true",
        "the days do not count otherwise",
    ),
    fixed(
        "Microsoft.Network/privateDnsZones",
        "location",
        "",
        "global",
        "it is in no region",
    ),
    fixed(
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        "location",
        "",
        "global",
        "it is in no region",
    ),
    fixed(
        "Microsoft.Network/privateEndpoints",
        "",
        "private_service_connection.is_manual_connection",
        "false",
        "nobody approves one by hand",
    ),
    fixed(
        "Microsoft.Communication/emailServices",
        "location",
        "",
        "global",
        "it is in no region",
    ),
    fixed(
        "Microsoft.Communication/emailServices/domains",
        "location",
        "",
        "global",
        "it is in no region",
    ),
];

const SITES: &str = "Microsoft.Web/sites";
const PUBLISHING: &str = "Microsoft.Web/sites/basicPublishingCredentialsPolicies";

/// Settings and properties that only work with one value have it.
pub fn fixed_values(stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let settings = settings_of(stack);
    for (name, wanted) in SETTING_VALUES {
        let values = settings.get(name).map(|(_, values)| values);
        for value in values.into_iter().flatten() {
            if exact(value) != wanted {
                let message = format!("setting {name} is {value}, and only {wanted} works");
                findings.push(Finding::new(&value.place, message));
            }
        }
    }
    for Fixed {
        kind,
        azure,
        azurerm,
        wanted,
        why,
    } in PROPERTIES
    {
        for resource in of_kind(stack, kind) {
            let path = match resource.kind.starts_with("azurerm_") {
                true => azurerm,
                false => azure,
            };
            if path.is_empty() {
                continue;
            }
            let values = of(resource, azure, azurerm);
            if values.is_empty() {
                let message = format!(
                    "resource {} has no {path}; {wanted} is needed: {why}",
                    resource.name
                );
                findings.push(Finding::new(&resource.place, message));
            }
            for value in values.iter().filter(|it| exact(it) != wanted) {
                let message = format!(
                    "resource {} has {path} {value}, and {wanted} is needed: {why}",
                    resource.name
                );
                findings.push(Finding::new(&value.place, message));
            }
        }
    }
    for site in of_kind(stack, SITES) {
        for name in REFUSED {
            for value in of(site, &format!("properties.siteConfig.{name}"), "") {
                let message = format!("Flex Consumption refuses {name} in siteConfig");
                findings.push(Finding::new(&value.place, message));
            }
        }
    }
    // Uploads with a password are switched off one by one.
    for way in ["ftp", "scm"] {
        if !of_kind(stack, PUBLISHING)
            .any(|it| it.body.get("name").and_then(Expression::text) == Some(way))
        {
            let message = format!("nothing switches off passwords for {way} ({PUBLISHING} {way})");
            findings.push(Finding::new(&stack.place, message));
        }
    }
    findings
}

/// The app has the identity that its roles are assigned to.
pub fn identity(stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    for site in of_kind(stack, SITES) {
        let identity = site.body.get("identity");
        let attached = identity.map(sources).unwrap_or_default();
        if !attached.contains("@identity") {
            let place = identity.map_or(&site.place, |it| &it.place);
            let message = "the app is not attached @identity, to which its roles are assigned";
            findings.push(Finding::new(place, message));
        }
    }
    findings
}

/// Secrets are settings that refer to the vault, in the words that the platform looks for.
pub fn secret_references(stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let settings = settings_of(stack);
    let Some((place, values)) = settings.get("*secret_settings") else {
        let message = "no setting is made of the entries of secret_settings";
        return vec![Finding::new(&stack.place, message)];
    };
    let wanted = |text: &str| {
        let inner = text.strip_prefix("@Microsoft.KeyVault(SecretUri=${")?;
        let (vault, secret) = inner.strip_suffix("}/)")?.split_once("}secrets/${")?;
        Some(vault.ends_with("vault_uri") && secret.contains("secret"))
    };
    if values.is_empty() {
        findings.push(Finding::new(
            place,
            "the values of secret_settings are not read here",
        ));
    }
    for value in values {
        let text = exact(value);
        if wanted(&text) != Some(true) {
            let message = format!(
                "a secret setting is {text}, and the platform resolves only \
                 @Microsoft.KeyVault(SecretUri=${{vault_uri}}secrets/${{secret}}/)"
            );
            findings.push(Finding::new(&value.place, message));
        }
    }
    findings
}

/// What a resource waits for: what it names as such, and what it refers to.
fn named_first(resource: &Resource) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in ["dependsOn", "depends_on"] {
        for name in at(&resource.body, path) {
            let name = name.to_string();
            let name = name.trim_start_matches('@').trim_start_matches("module.");
            names.insert(name.to_owned());
        }
    }
    names
}

/// The app is made once the roles are assigned that it needs, and the queues are there.
pub fn made_first(stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let queues = "Microsoft.Storage/storageAccounts/queueServices/queues";
    let mut wanted: BTreeSet<String> = of_kind(stack, queues).map(|it| it.name.clone()).collect();
    wanted.extend(needed_assignments(stack));
    if stack.language == "Terraform" {
        // Bicep waits for all of the module with the network.
        let network = NETWORK.iter().flat_map(|kind| of_kind(stack, kind));
        let network = network.map(|it| it.name.clone());
        // Those of exports may come later, and those by which the app itself is reached do.
        let is_later = |it: &String| it.starts_with("export_") || it.starts_with("site_");
        wanted.extend(network.filter(|it| !is_later(it)));
    }
    for site in of_kind(stack, SITES) {
        let first = named_first(site);
        for name in wanted.difference(&first) {
            let similar = nearest(name, first.iter().map(String::as_str));
            let message = format!(
                "the app does not depend on {name}: its first start may be before that{similar}"
            );
            findings.push(Finding::new(&site.place, message));
        }
    }
    findings
}

/// What one language says a resource depends on, the other says or refers to.
pub fn dependencies(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Bicep waits for all of a module whose output it uses.
    let in_a_module = |name: &String| {
        let mut network = NETWORK.iter().flat_map(|kind| of_kind(terraform, kind));
        network.any(|it| it.name == *name)
    };
    each_pair(bicep, terraform, |one, other| {
        for (mine, theirs, language) in [(one, other, "Terraform"), (other, one, "Bicep")] {
            let referred = sources(&theirs.body);
            let first = named_first(theirs);
            for name in named_first(mine) {
                let is_said = first.contains(&name) || referred.contains(&format!("@{name}"));
                if !is_said && !in_a_module(&name) {
                    let message = format!(
                        "resource {} depends on {name} at {}, and not in {language}",
                        mine.name, mine.place
                    );
                    findings.push(Finding::new(&theirs.place, message));
                }
            }
        }
    });
    findings
}

/// Action groups send what the handler reads, to a function that takes it, with its key.
pub fn receivers(project: &Project, stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (prefix, routes) = posted(project);
    let routes = || routes.iter().map(String::as_str);
    for group in of_kind(stack, "Microsoft.Insights/actionGroups") {
        let hooks = of(group, "properties.webhookReceivers", "webhook_receiver");
        let mails = of(group, "properties.emailReceivers", "email_receiver");
        for receiver in hooks.iter().chain(&mails) {
            let names = ["useCommonAlertSchema", "use_common_alert_schema"];
            let common = names.iter().find_map(|name| at(receiver, name).pop());
            if !common.is_some_and(|it| matches!(it.value, Value::Bool(true))) {
                let place = common.map_or(&receiver.place, |it| &it.place);
                let message = format!(
                    "a receiver of {} does not say useCommonAlertSchema true, and no other schema is read",
                    group.name
                );
                findings.push(Finding::new(place, message));
            }
        }
        for hook in hooks {
            shows_token(group, hook, &mut findings);
            for address in at(hook, "serviceUri")
                .into_iter()
                .chain(at(hook, "service_uri"))
            {
                let text = exact(address);
                let route = text
                    .split_once(&format!("}}/{prefix}/"))
                    .and_then(|(_, rest)| rest.split_once("?code=${"))
                    .map_or("", |(route, _)| route);
                if !routes().any(|it| it == route) {
                    let message = format!(
                        "the address {address} of {} is that of no function that takes POST: \
                         https://HOST/{prefix}/ROUTE?code=KEY is wanted{}",
                        group.name,
                        nearest(route, routes())
                    );
                    findings.push(Finding::new(&address.place, message));
                }
            }
        }
    }
    findings
}

/// A hook that shows a token shows all of it.
fn shows_token(group: &Resource, hook: &Expression, findings: &mut Vec<Finding>) {
    let parts = ["useAadAuth", "objectId", "identifierUri", "tenantId"];
    let [use_it, rest @ ..] = parts.map(|name| at(hook, name));
    for is_used in &use_it {
        if !matches!(is_used.value, Value::Bool(true)) {
            let message = format!(
                "a receiver of {} has useAadAuth {is_used}, and true is needed",
                group.name
            );
            findings.push(Finding::new(&is_used.place, message));
        }
    }
    let lacks = parts[1..]
        .iter()
        .zip(&rest)
        .filter(|(_, values)| values.is_empty());
    for (name, _) in lacks.filter(|_| !use_it.is_empty()) {
        let message = format!(
            "a receiver of {} has no {name}, without which it shows no token",
            group.name
        );
        findings.push(Finding::new(&hook.place, message));
    }
}

/// What addresses of functions begin with, and the routes of those that take POST.
fn posted(project: &Project) -> (String, Vec<String>) {
    let host = project.text("host.json").unwrap_or_default();
    let host: serde_json::Value = serde_json::from_str(host).unwrap_or_default();
    let prefix = host["extensions"]["http"]["routePrefix"].as_str();
    let mut routes = Vec::new();
    for function in functions(project, &mut Vec::new()) {
        let trigger = &function.bindings[0];
        let methods = trigger["methods"].as_array();
        if methods.into_iter().flatten().any(|it| it == "post") {
            routes.extend(trigger["route"].as_str().map(str::to_owned));
        }
    }
    (prefix.unwrap_or("api").to_owned(), routes)
}
