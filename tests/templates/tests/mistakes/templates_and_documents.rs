//! Names, secrets, roles, settings, queues, parameters, documents.

use crate::{BICEP, TERRAFORM, mistakes};

const VARIABLES: &str = "infra/terraform/main/variables.tf";

mistakes! { mistakes_in_templates_and_documents_are_found {
    // Names.
    undeclared_parameter: BICEP, "EVALUATE_SCHEDULE: evaluateSchedule" => "EVALUATE_SCHEDULE: evaluateShedule";
        ["main.bicep:", "nothing here is called evaluateShedule", "did you mean evaluateSchedule?"];
    unused_parameter: BICEP, "EVALUATE_SCHEDULE: evaluateSchedule" => "EVALUATE_SCHEDULE: '0 0 * * * *'";
        ["main.bicep:", "parameter evaluateSchedule is not used"];
    undeclared_variable: TERRAFORM, "= var.log_level" => "= var.log_levle";
        ["main.tf:", "no variable log_levle", "did you mean log_level?"];
    undeclared_local: TERRAFORM, "local.queue_names" => "local.queues_names";
        ["main.tf:", "no local value queues_names", "queue_names"];
    undeclared_resource: TERRAFORM, "azurerm_key_vault.vault.id" => "azurerm_key_vault.vaults.id";
        ["main.tf:", "no resource azurerm_key_vault vaults"];
    unknown_function: BICEP, "uniqueString(id, location)" => "uniqueStrings(id, location)";
        ["main.bicep:", "no function uniqueStrings", "did you mean uniqueString?"];
    unknown_parameter_of_module: BICEP, "    staleDataHours: staleDataHours" => "    staleHours: staleDataHours";
        ["main.bicep:", "alerts takes no parameter staleHours"];
    missing_parameter_of_module: BICEP, "    staleDataHours: staleDataHours\n" => "";
        ["main.bicep:", "alerts needs the parameter staleDataHours"];
    unknown_output_of_module: BICEP, "exportLanding!.outputs.containerUrl" => "exportLanding!.outputs.url";
        ["main.bicep:", "exportLanding", "no output url"];
    bad_syntax: BICEP, "param tags object = {}" => "param tags object = {";
        ["main.bicep:", "not Bicep"];
    bad_hcl: TERRAFORM, "data \"azurerm_client_config\" \"current\" {}" => "data \"azurerm_client_config\" \"current\" {";
        ["main.tf:", "not HCL"];
    missing_file: "infra/bicep/alerts.bicep", "queries/stale-data.kql" => "queries/stale.kql";
        ["alerts.bicep:", "no file infra/queries/stale.kql"];
    // Secrets.
    connection_string_as_output: BICEP, "output applicationInsightsName string = component.name" =>
        "output applicationInsightsName string = component.properties.ConnectionString";
        ["output applicationInsightsName tells a secret", "ConnectionString"];
    key_as_output: BICEP, "output storageAccountName string = storage.name" =>
        "output storageAccountName string = storage.listKeys().keys[0].value";
        ["output storageAccountName tells a secret", "listKeys"];
    key_as_output_of_terraform: "infra/terraform/main/outputs.tf", "azurerm_storage_account.storage.name" =>
        "azurerm_storage_account.storage.primary_access_key";
        ["output storage_account_name tells a secret", "primary_access_key"];
    // Roles.
    wrong_role_id: BICEP, "b7e6dc6d-f1e8-4753-8033-0f276bb0955b" => "b7e6dc6d-f1e8-4753-8033-0f276bb0955c";
        ["b7e6dc6d-f1e8-4753-8033-0f276bb0955c is the id of no known role"];
    another_role_id: BICEP, "4633458b-17de-408a-b874-0445c86b69e6" => "b86a8fe4-44ce-4948-aee5-eccb2c155cd7";
        ["the identity lacks the role Key Vault Secrets User"];
    misspelt_role: "infra/terraform/main/roles.tf", "\"Storage Table Data Contributor\"" => "\"Storage Table Contributor\"";
        ["\"Storage Table Contributor\" is no known role", "Storage Table Data Contributor"];
    role_elsewhere: "infra/terraform/main/roles.tf", "scope                = azurerm_key_vault.vault.id\n  principal_id         = azurerm_user_assigned_identity.identity.principal_id" =>
        "scope                = azurerm_storage_account.storage.id\n  principal_id         = azurerm_user_assigned_identity.identity.principal_id";
        ["role Key Vault Secrets User of @identity on @storage is in Terraform and not in Bicep"];
    role_of_somebody_else: BICEP, "scope: vault\n  properties: {\n    principalId: identity.properties.principalId" =>
        "scope: vault\n  properties: {\n    principalId: deploymentPrincipalId";
        ["role Key Vault Secrets User of deployment_principal_id on @vault is in Bicep and not in Terraform"];
    role_only_for_one_kind_of_scope: "infra/bicep/scope/management-group.bicep",
        "72fafb9e-0641-4937-9268-a91bfd8191a3" => "acdd72a7-3385-48ef-bd42-f606fba81ae7";
        ["role Reader of principal_id on its scope is in Bicep and not in Terraform"];
    // Settings.
    setting_of_one_template: TERRAFORM, "    AZURE_CLIENT_ID                           = azurerm_user_assigned_identity.identity.client_id\n" => "";
        ["setting AZURE_CLIENT_ID is in Bicep and not in Terraform"];
    misspelt_setting: BICEP, "SYNC_SCHEDULE: syncSchedule" => "SYNC_SHEDULE: syncSchedule";
        ["sync-budgets/function.json", "Bicep does not write the setting SYNC_SCHEDULE", "did you mean SYNC_SHEDULE?"];
    unread_setting: BICEP, "SYNC_SCHEDULE: syncSchedule" => "SYNC_SCHEDULE: syncSchedule\n  SPENDWATCH_LOGS: 'info'";
        ["nothing reads the setting SPENDWATCH_LOGS", "did you mean SPENDWATCH_LOG?"];
    other_value_of_setting: TERRAFORM, "= var.sync_schedule" => "= var.evaluate_schedule";
        ["setting SYNC_SCHEDULE is sync_schedule in Bicep and evaluate_schedule in Terraform"];
    other_container_in_setting: TERRAFORM, "primary_blob_endpoint}config\"" => "primary_blob_endpoint}configuration\"";
        ["setting SPENDWATCH_CONFIG is", "config", "configuration"];
    refused_setting: BICEP, "SYNC_SCHEDULE: syncSchedule" => "SYNC_SCHEDULE: syncSchedule\n  FUNCTIONS_WORKER_RUNTIME: 'custom'";
        ["main.bicep:", "refuses the setting FUNCTIONS_WORKER_RUNTIME"];
    settings_in_two_places: BICEP, "      http20Enabled: true" => "      http20Enabled: true\n      appSettings: [\n        {\n          name: 'A'\n          value: 'b'\n        }\n      ]";
        ["write them in one place"];
    // Queues, containers, functions.
    other_queue: TERRAFORM, "    \"deliveries\"," => "    \"delivery\",";
        ["deliver-notices/function.json", "Terraform makes no queue deliveries", "did you mean"];
    no_poison_queue: BICEP, "  'evaluations-poison'\n" => "";
        ["evaluate-scope/function.json", "Bicep makes no queue evaluations-poison"];
    queue_of_function: "function-definitions/deliver-notices/function.json", "\"deliveries\"" => "\"notices\"";
        ["deliver-notices/function.json", "makes no queue notices"];
    connection_of_function: "function-definitions/deliver-notices/function.json", "\"AzureWebJobsStorage\"" => "\"Deliveries\"";
        ["deliver-notices/function.json", "does not write the setting Deliveries__queueServiceUri"];
    other_container: TERRAFORM, "name                  = \"spendwatch\"" => "name                  = \"state\"";
        ["Terraform makes no container spendwatch"];
    // Parameters and outputs.
    other_default: VARIABLES, "\"0 30 3 * * *\"" => "\"0 30 4 * * *\"";
        ["parameter sync_schedule is \"0 30 3 * * *\" in Bicep", "\"0 30 4 * * *\" in Terraform"];
    other_values: BICEP, "  'AmortizedCost'\n" => "";
        ["parameter export_type takes"];
    other_type: VARIABLES, "variable \"alert_emails\" {\n  type        = list(string)" => "variable \"alert_emails\" {\n  type        = string";
        ["parameter alert_emails is array in Bicep", "string in Terraform"];
    missing_output: "infra/terraform/main/outputs.tf", "output \"key_vault_uri\"" => "output \"vault_uri\"";
        ["output key_vault_uri is in Bicep and not in Terraform"];
    missing_resource: TERRAFORM, "\"azurerm_storage_container\" \"config_container\"" => "\"azurerm_storage_container\" \"configuration\"";
        ["resource config_container", "is in Bicep and not in Terraform"];
    other_name: "infra/terraform/main/export.tf", "name                  = \"exports\"" => "name                  = \"export\"";
        ["a resource called exports (Microsoft.Storage/storageAccounts/blobServices/containers) is in Bicep and not in Terraform"];
    other_condition: BICEP, "'communication.bicep' = if (enableCommunication) {" => "'communication.bicep' = {";
        ["depends on assign_roles in Bicep", "on assign_roles, enable_communication in Terraform"];
    other_file: "infra/terraform/main/alerts.tf", "stale-data.kql" => "poison-messages.kql";
        ["resource stale_data_rule reads", "stale-data.kql", "in Terraform"];
    missing_file_of_terraform: "infra/terraform/main/alerts.tf", "stale-data.kql" => "stale.kql";
        ["resource stale_data_rule reads infra/queries/stale.kql, which is not there"];
    not_filled_in: "infra/queries/stale-data.kql", "{hours}" => "{hour}";
        ["alerts.bicep:", "resource stale_data_rule does not fill in {hour} of infra/queries/stale-data.kql"];
    other_module: "azure.yaml", "module: azd" => "module: adz";
        ["azure.yaml: there is no file infra/bicep/adz.bicep"];
    other_parameter_of_azd: "infra/bicep/azd.parameters.json", "\"environmentName\"" => "\"environment\"";
        ["azd.parameters.json: infra/bicep/azd.bicep has no parameter environment"];
    default_that_is_not_taken: "infra/bicep/main.bicep", "param configSource string = 'package'" => "param configSource string = 'file'";
        ["main.bicep:", "parameter configSource is \"file\" by default, which is none of \"package\", \"blob\""];
    other_constant_of_azapi: TERRAFORM, "minTlsVersion = \"1.2\"" => "minTlsVersion = \"1.3\"";
        ["resource site has properties.siteConfig.minTlsVersion \"1.2\" in Bicep", "\"1.3\" in Terraform"];
    property_of_one_template: TERRAFORM, "      httpsOnly                 = true\n" => "";
        ["resource site has properties.httpsOnly in Bicep only"];
    // Alert rules and documents.
    rule_without_section: "infra/bicep/alerts.bicep", "-stale-data'" => "-old-data'";
        ["no section old-data"];
    rule_of_one_template: "infra/bicep/alerts.bicep", "resource staleDataRule " => "resource oldDataRule ";
        ["resource old_data_rule", "is in Bicep and not in Terraform"];
    rule_without_link: "infra/terraform/main/alerts.tf", "docs/runbook.md#poison-messages" => "docs/runbook.md";
        ["description of rule poison-messages does not name docs/runbook.md#poison-messages"];
    missing_section: "docs/runbook.md", "# evaluation-late" => "# late evaluations";
        ["no section evaluation-late"];
    parameter_file_with_unknown_name: "infra/examples/one-subscription/bicep/main.bicepparam",
        "param enableCommunication" => "param enableComunication";
        ["main.bicepparam:", "infra/bicep/main.bicep has no parameter enableComunication", "enableCommunication"];
    undocumented_parameter: "infra/README.md", "`staleDataHours`" => "`hours`";
        ["main.bicep:", "README.md does not explain stale_data_hours"];
    other_default_in_document: "infra/README.md", "| `72` |" => "| `48` |";
        ["README.md says that stale_data_hours is `48` by default, and it is `72`"];
    parameter_of_nobody: "infra/README.md", "`stale_data_hours`" => "`staler_data_hours`";
        ["README.md: Terraform has no parameter staler_data_hours"];
    undocumented_output: "infra/README.md", "`keyVaultUri`, " => "";
        ["README.md does not name the output key_vault_uri"];
} }
