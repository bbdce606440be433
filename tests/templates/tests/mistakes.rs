//! Mistakes that are made in copies of the real files: each must be found, and named.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use std::collections::BTreeSet;

use common::{facts, names, project, schema, settings};
use templates::{Project, Templates, consistency};

const BICEP: &str = "infra/bicep/main.bicep";
const TERRAFORM: &str = "infra/terraform/main/main.tf";
const VARIABLES: &str = "infra/terraform/main/variables.tf";

/// Everything that is found without schema data.
fn found(project: &Project) -> BTreeSet<String> {
    let settings = settings();
    let templates = Templates::read(project);
    let mut findings = names(&templates);
    findings.extend(consistency::all(project, &templates, &facts(&settings)));
    findings.iter().map(ToString::to_string).collect()
}

/// The mistake adds a finding with all these words to those that there are without it.
#[track_caller]
fn caught(before: &BTreeSet<String>, project: &Project, words: &[&str]) {
    let after = found(project);
    named(before, &after, words);
}

#[track_caller]
fn named(before: &BTreeSet<String>, after: &BTreeSet<String>, words: &[&str]) {
    let new: Vec<&String> = after.difference(before).collect();
    assert!(
        new.iter()
            .any(|finding| words.iter().all(|word| finding.contains(word))),
        "no finding with {words:?} in {new:#?}"
    );
}

/// Replaces a text and expects a finding with these words.
macro_rules! mistakes {
    ($($name:ident: $file:expr, $from:expr => $to:expr, $words:expr;)*) => {
        #[test]
        fn mistakes_in_templates_and_functions_are_found() {
            let project = project();
            let before = found(&project);
            $({
                let mut wrong = project.clone();
                wrong.replace($file, $from, $to);
                println!("{}", stringify!($name));
                caught(&before, &wrong, &$words);
            })*
        }
    };
}

mistakes! {
    // Names.
    undeclared_parameter: BICEP, "EVALUATE_SCHEDULE: evaluateSchedule" => "EVALUATE_SCHEDULE: evaluateShedule",
        ["main.bicep:", "nothing here is called evaluateShedule", "did you mean evaluateSchedule?"];
    unused_parameter: BICEP, "EVALUATE_SCHEDULE: evaluateSchedule" => "EVALUATE_SCHEDULE: '0 0 * * * *'",
        ["main.bicep:", "parameter evaluateSchedule is not used"];
    undeclared_variable: TERRAFORM, "= var.log_level" => "= var.log_levle",
        ["main.tf:", "no variable log_levle", "did you mean log_level?"];
    undeclared_local: TERRAFORM, "local.queue_names" => "local.queues_names",
        ["main.tf:", "no local value queues_names", "queue_names"];
    undeclared_resource: TERRAFORM, "azurerm_key_vault.vault.id" => "azurerm_key_vault.vaults.id",
        ["main.tf:", "no resource azurerm_key_vault vaults"];
    unknown_function: BICEP, "uniqueString(id)" => "uniqueStrings(id)",
        ["main.bicep:", "no function uniqueStrings", "did you mean uniqueString?"];
    unknown_parameter_of_module: BICEP, "    staleDataHours: staleDataHours" => "    staleHours: staleDataHours",
        ["main.bicep:", "alerts takes no parameter staleHours"];
    missing_parameter_of_module: BICEP, "    staleDataHours: staleDataHours\n" => "",
        ["main.bicep:", "alerts needs the parameter staleDataHours"];
    unknown_output_of_module: BICEP, "exportLanding!.outputs.containerUrl" => "exportLanding!.outputs.url",
        ["main.bicep:", "exportLanding", "no output url"];
    bad_syntax: BICEP, "param tags object = {}" => "param tags object = {",
        ["main.bicep:", "not Bicep"];
    bad_hcl: TERRAFORM, "data \"azurerm_client_config\" \"current\" {}" => "data \"azurerm_client_config\" \"current\" {",
        ["main.tf:", "not HCL"];
    missing_file: "infra/bicep/alerts.bicep", "queries/stale-data.kql" => "queries/stale.kql",
        ["alerts.bicep:", "no file infra/queries/stale.kql"];
    // Secrets.
    connection_string_as_output: BICEP, "output applicationInsightsName string = component.name" =>
        "output applicationInsightsName string = component.properties.ConnectionString",
        ["output applicationInsightsName tells a secret", "ConnectionString"];
    key_as_output: BICEP, "output storageAccountName string = storage.name" =>
        "output storageAccountName string = storage.listKeys().keys[0].value",
        ["output storageAccountName tells a secret", "listKeys"];
    key_as_output_of_terraform: "infra/terraform/main/outputs.tf", "azurerm_storage_account.storage.name" =>
        "azurerm_storage_account.storage.primary_access_key",
        ["output storage_account_name tells a secret", "primary_access_key"];
    // Roles.
    wrong_role_id: BICEP, "b7e6dc6d-f1e8-4753-8033-0f276bb0955b" => "b7e6dc6d-f1e8-4753-8033-0f276bb0955c",
        ["b7e6dc6d-f1e8-4753-8033-0f276bb0955c is the id of no known role"];
    another_role_id: BICEP, "4633458b-17de-408a-b874-0445c86b69e6" => "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        ["the identity lacks the role Key Vault Secrets User"];
    misspelt_role: "infra/terraform/main/roles.tf", "\"Storage Table Data Contributor\"" => "\"Storage Table Contributor\"",
        ["\"Storage Table Contributor\" is no known role", "Storage Table Data Contributor"];
    role_elsewhere: "infra/terraform/main/roles.tf", "scope                = azurerm_key_vault.vault.id\n  principal_id         = azurerm_user_assigned_identity.identity.principal_id" =>
        "scope                = azurerm_storage_account.storage.id\n  principal_id         = azurerm_user_assigned_identity.identity.principal_id",
        ["role Key Vault Secrets User of @identity on @storage is in Terraform and not in Bicep"];
    role_of_somebody_else: BICEP, "scope: vault\n  properties: {\n    principalId: identity.properties.principalId" =>
        "scope: vault\n  properties: {\n    principalId: deploymentPrincipalId",
        ["role Key Vault Secrets User of deployment_principal_id on @vault is in Bicep and not in Terraform"];
    role_only_for_one_kind_of_scope: "infra/bicep/scope/management-group.bicep",
        "72fafb9e-0641-4937-9268-a91bfd8191a3" => "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        ["role Reader of principal_id on its scope is in Bicep and not in Terraform"];
    // Settings.
    setting_of_one_template: TERRAFORM, "    AZURE_CLIENT_ID                           = azurerm_user_assigned_identity.identity.client_id\n" => "",
        ["setting AZURE_CLIENT_ID is in Bicep and not in Terraform"];
    misspelt_setting: BICEP, "SYNC_SCHEDULE: syncSchedule" => "SYNC_SHEDULE: syncSchedule",
        ["sync-budgets/function.json", "Bicep does not write the setting SYNC_SCHEDULE", "did you mean SYNC_SHEDULE?"];
    unread_setting: BICEP, "SYNC_SCHEDULE: syncSchedule" => "SYNC_SCHEDULE: syncSchedule\n  SPENDWATCH_LOGS: 'info'",
        ["nothing reads the setting SPENDWATCH_LOGS", "did you mean SPENDWATCH_LOG?"];
    other_value_of_setting: TERRAFORM, "= var.sync_schedule" => "= var.evaluate_schedule",
        ["setting SYNC_SCHEDULE is sync_schedule in Bicep and evaluate_schedule in Terraform"];
    other_container_in_setting: TERRAFORM, "primary_blob_endpoint}config\"" => "primary_blob_endpoint}configuration\"",
        ["setting SPENDWATCH_CONFIG is", "config", "configuration"];
    refused_setting: BICEP, "SYNC_SCHEDULE: syncSchedule" => "SYNC_SCHEDULE: syncSchedule\n  FUNCTIONS_WORKER_RUNTIME: 'custom'",
        ["main.bicep:", "refuses the setting FUNCTIONS_WORKER_RUNTIME"];
    settings_in_two_places: BICEP, "      http20Enabled: true" => "      http20Enabled: true\n      appSettings: [\n        {\n          name: 'A'\n          value: 'b'\n        }\n      ]",
        ["write them in one place"];
    // Queues, containers, functions.
    other_queue: TERRAFORM, "    \"deliveries\"," => "    \"delivery\",",
        ["deliver-notices/function.json", "Terraform makes no queue deliveries", "did you mean"];
    no_poison_queue: BICEP, "  'evaluations-poison'\n" => "",
        ["evaluate-scope/function.json", "Bicep makes no queue evaluations-poison"];
    queue_of_function: "function-definitions/deliver-notices/function.json", "\"deliveries\"" => "\"notices\"",
        ["deliver-notices/function.json", "makes no queue notices"];
    connection_of_function: "function-definitions/deliver-notices/function.json", "\"AzureWebJobsStorage\"" => "\"Deliveries\"",
        ["deliver-notices/function.json", "does not write the setting Deliveries__queueServiceUri"];
    other_container: TERRAFORM, "name                  = \"spendwatch\"" => "name                  = \"state\"",
        ["Terraform makes no container spendwatch"];
    // Parameters and outputs.
    other_default: VARIABLES, "\"0 30 3 * * *\"" => "\"0 30 4 * * *\"",
        ["parameter sync_schedule is \"0 30 3 * * *\" in Bicep", "\"0 30 4 * * *\" in Terraform"];
    other_values: BICEP, "  'AmortizedCost'\n" => "",
        ["parameter export_type takes"];
    other_type: VARIABLES, "variable \"alert_emails\" {\n  type        = list(string)" => "variable \"alert_emails\" {\n  type        = string",
        ["parameter alert_emails is array in Bicep", "string in Terraform"];
    missing_output: "infra/terraform/main/outputs.tf", "output \"key_vault_uri\"" => "output \"vault_uri\"",
        ["output key_vault_uri is in Bicep and not in Terraform"];
    missing_resource: TERRAFORM, "\"azurerm_storage_container\" \"config_container\"" => "\"azurerm_storage_container\" \"configuration\"",
        ["resource config_container", "is in Bicep and not in Terraform"];
    other_name: "infra/terraform/main/export.tf", "name                  = \"exports\"" => "name                  = \"export\"",
        ["a resource called exports (Microsoft.Storage/storageAccounts/blobServices/containers) is in Bicep and not in Terraform"];
    other_condition: BICEP, "'communication.bicep' = if (enableCommunication) {" => "'communication.bicep' = {",
        ["depends on assign_roles in Bicep", "on assign_roles, enable_communication in Terraform"];
    other_file: "infra/terraform/main/alerts.tf", "stale-data.kql" => "poison-messages.kql",
        ["resource stale_data_rule reads", "stale-data.kql", "in Terraform"];
    missing_file_of_terraform: "infra/terraform/main/alerts.tf", "stale-data.kql" => "stale.kql",
        ["resource stale_data_rule reads infra/queries/stale.kql, which is not there"];
    not_filled_in: "infra/queries/stale-data.kql", "{hours}" => "{hour}",
        ["alerts.bicep:", "resource stale_data_rule does not fill in {hour} of infra/queries/stale-data.kql"];
    other_service: "azure.yaml", "  functions:" => "  function:",
        ["main.bicep:", "the tag azd-service-name is not \"function\""];
    other_module: "azure.yaml", "module: azd" => "module: adz",
        ["azure.yaml: there is no file infra/bicep/adz.bicep"];
    other_parameter_of_azd: "infra/bicep/azd.parameters.json", "\"environmentName\"" => "\"environment\"",
        ["azd.parameters.json: infra/bicep/azd.bicep has no parameter environment"];
    other_constant_of_azapi: TERRAFORM, "minTlsVersion = \"1.2\"" => "minTlsVersion = \"1.3\"",
        ["resource site has properties.siteConfig.minTlsVersion \"1.2\" in Bicep", "\"1.3\" in Terraform"];
    property_of_one_template: TERRAFORM, "      httpsOnly                 = true\n" => "",
        ["resource site has properties.httpsOnly in Bicep only"];
    // Alert rules and documents.
    rule_without_section: "infra/bicep/alerts.bicep", "-stale-data'" => "-old-data'",
        ["no section old-data"];
    rule_of_one_template: "infra/bicep/alerts.bicep", "resource staleDataRule " => "resource oldDataRule ",
        ["resource old_data_rule", "is in Bicep and not in Terraform"];
    rule_without_link: "infra/terraform/main/alerts.tf", "docs/runbook.md#poison-messages" => "docs/runbook.md",
        ["description of rule poison-messages does not name docs/runbook.md#poison-messages"];
    missing_section: "docs/runbook.md", "# evaluation-late" => "# late evaluations",
        ["no section evaluation-late"];
    undocumented_parameter: "infra/README.md", "`staleDataHours`" => "`hours`",
        ["main.bicep:", "README.md does not explain stale_data_hours"];
    other_default_in_document: "infra/README.md", "| `72` |" => "| `48` |",
        ["README.md says that stale_data_hours is `48` by default, and it is `72`"];
    parameter_of_nobody: "infra/README.md", "`stale_data_hours`" => "`staler_data_hours`",
        ["README.md: Terraform has no parameter staler_data_hours"];
    undocumented_output: "infra/README.md", "`keyVaultUri`, " => "",
        ["README.md does not name the output key_vault_uri"];
}

#[test]
fn a_function_without_a_route_and_a_route_without_a_function_are_found() {
    let project = project();
    let before = found(&project);
    let mut wrong = project.clone();
    let text = project
        .text("function-definitions/plan/function.json")
        .unwrap();
    wrong.put("function-definitions/plans/function.json", text);
    caught(
        &before,
        &wrong,
        &[
            "plans/function.json",
            "no route plans",
            "did you mean plan?",
        ],
    );

    let mut wrong = project.clone();
    wrong.remove("function-definitions/sweep/function.json");
    caught(
        &before,
        &wrong,
        &["the route sweep of the handler has no folder"],
    );
}

/// Replaces a text and expects the walkers to find these words.
macro_rules! wrong_properties {
    ($($name:ident: $file:expr, $from:expr => $to:expr, $words:expr;)*) => {
        #[test]
        fn mistakes_in_properties_are_found() {
            let Some(schema) = schema("mistakes in properties") else {
                return;
            };
            let project = project();
            let found = |project: &Project| -> BTreeSet<String> {
                let templates = Templates::read(project);
                let findings = schema.properties(&templates).into_iter();
                let findings = findings.chain(schema.arguments(&templates));
                findings.map(|it| it.to_string()).collect()
            };
            let before = found(&project);
            $({
                let mut wrong = project.clone();
                wrong.replace($file, $from, $to);
                println!("{}", stringify!($name));
                named(&before, &found(&wrong), &$words);
            })*
        }
    };
}

wrong_properties! {
    misspelt_property: BICEP, "keyVaultReferenceIdentity:" => "keyVaultReferenceIdentities:",
        ["main.bicep:", "resource site: properties.keyVaultReferenceIdentities", "did you mean keyVaultReferenceIdentity?"];
    misspelt_in_a_variable: BICEP, "ftpsState: 'Disabled'" => "ftpState: 'Disabled'",
        ["properties.siteConfig.ftpState", "did you mean ftpsState?"];
    wrong_value: BICEP, "minimumTlsVersion: 'TLS1_2'" => "minimumTlsVersion: 'TLS12'",
        ["resource storage: properties.minimumTlsVersion", "\"TLS12\" is none of", "TLS1_2"];
    wrong_value_of_a_condition: BICEP, "isPrivate ? 'Disabled' : 'Enabled'" => "isPrivate ? 'Disable' : 'Enabled'",
        ["properties.publicNetworkAccess", "\"Disable\" is none of"];
    wrong_value_of_a_parameter: BICEP, "param runtimeName string = 'custom'" => "param runtimeName string = 'rust'",
        ["properties.functionAppConfig.runtime.name", "\"rust\" is none of"];
    wrong_kind: BICEP, "isVersioningEnabled: false" => "isVersioningEnabled: 'no'",
        ["resource blobServices", "isVersioningEnabled", "a bool belongs here"];
    read_only: BICEP, "    clientAffinityEnabled: false" => "    clientAffinityEnabled: false\n    defaultHostName: 'x'",
        ["properties.defaultHostName: is read-only"];
    missing_required: BICEP, "    principalId: deploymentPrincipalId\n" => "",
        ["the required property principalId is missing"];
    too_short: BICEP, "var storageName = 'st${replace(base, '-', '')}'" => "var storageName = 'st'",
        ["resource storage: name: has 2 characters, and at least 3"];
    wrong_characters: BICEP, "var storageName = 'st${replace(base, '-', '')}'" => "var storageName = 'st-watch'",
        ["resource storage: name: \"st-watch\" does not match"];
    unknown_type: BICEP, "'Microsoft.Web/serverfarms@2025-03-01'" => "'Microsoft.Web/serverfarm@2025-03-01'",
        ["Microsoft.Web/serverfarm is not described", "did you mean Microsoft.Web/serverfarms?"];
    unknown_version: BICEP, "'Microsoft.Web/serverfarms@2025-03-01'" => "'Microsoft.Web/serverfarms@2025-03-02'",
        ["no described version 2025-03-02; there is 2025-03-01"];
    wrong_branch: "infra/bicep/export.bicep", "endpointType: 'StorageQueue'" => "endpointType: 'StorageQueues'",
        ["endpointType is \"StorageQueues\", which is none of", "did you mean StorageQueue?"];
    wrong_in_branch: "infra/bicep/export.bicep", "queueName: exportsQueue.name" => "queue: exportsQueue.name",
        ["properties.deliveryWithResourceIdentity.destination.properties.queue", "did you mean queueName?"];
    azapi_property: TERRAFORM, "maximumInstanceCount =" => "maximumInstances =",
        ["azapi_resource.site: body.properties.functionAppConfig.scaleAndConcurrency.maximumInstances", "did you mean maximumInstanceCount?"];
    azapi_argument: TERRAFORM, "response_export_values = [" => "export_values = [",
        ["azapi_resource.site: there is no argument export_values"];
    unknown_argument: TERRAFORM, "shared_access_key_enabled " => "shared_access_keys_enabled ",
        ["azurerm_storage_account.storage: shared_access_keys_enabled", "did you mean shared_access_key_enabled?"];
    argument_of_before: TERRAFORM, "rbac_authorization_enabled " => "enable_rbac_authorization ",
        ["azurerm_key_vault.vault: enable_rbac_authorization: there is no argument"];
    missing_argument: TERRAFORM, "  sku_name            = \"FC1\"\n" => "",
        ["azurerm_service_plan.plan: the required argument sku_name is missing"];
    wrong_value_of_terraform: TERRAFORM, "\"StorageV2\"" => "\"StorageV3\"",
        ["azurerm_storage_account.storage: account_kind: \"StorageV3\" is none of"];
    unknown_block: TERRAFORM, "    delete_retention_policy {" => "    deletion_retention_policy {",
        ["azurerm_storage_account.storage: blob_properties.deletion_retention_policy: there is no block"];
    output_set: TERRAFORM, "  sku_name            = \"FC1\"\n" => "  sku_name            = \"FC1\"\n  kind                = \"x\"\n",
        ["azurerm_service_plan.plan: kind: is an output"];
    unknown_resource: TERRAFORM, "\"azurerm_service_plan\" \"plan\"" => "\"azurerm_service_plans\" \"plan\"",
        ["the resource azurerm_service_plans is not described", "did you mean azurerm_service_plan?"];
}
