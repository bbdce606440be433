//! Mistakes that both languages have, so that only what Azure, the host or the handler wants shows them; and
//! what documents say of either.

use crate::{BICEP, TERRAFORM, mistakes};

const ALERTS: &str = "infra/bicep/alerts.bicep";
const EXPORT: &str = "infra/bicep/export.bicep";
const NATIVE: &str = "infra/bicep/native-alert.bicep";
const NETWORK: &str = "infra/bicep/network.bicep";
const README: &str = "infra/README.md";
const SETTINGS: &str = "infra/bicep/settings.bicep";
const TERRAFORM_ALERTS: &str = "infra/terraform/main/alerts.tf";
const TERRAFORM_EXPORT: &str = "infra/terraform/main/export.tf";
const TERRAFORM_NETWORK: &str = "infra/terraform/main/network.tf";

mistakes! { mistakes_in_both_languages_are_found {
    // Settings.
    queue_for_blob:
        BICEP, "__blobServiceUri: storage.properties.primaryEndpoints.blob" => "__blobServiceUri: storage.properties.primaryEndpoints.queue",
        TERRAFORM, "__blobServiceUri       = azurerm_storage_account.storage.primary_blob_endpoint" => "__blobServiceUri       = azurerm_storage_account.storage.primary_queue_endpoint";
        ["main.tf:", "setting AzureWebJobsStorage__blobServiceUri is @storage.primary_queue_endpoint, and only @storage.primary_blob_endpoint works"];
    blob_for_queue:
        BICEP, "__queueServiceUri: storage.properties.primaryEndpoints.queue" => "__queueServiceUri: storage.properties.primaryEndpoints.blob",
        TERRAFORM, "__queueServiceUri      = azurerm_storage_account.storage.primary_queue_endpoint" => "__queueServiceUri      = azurerm_storage_account.storage.primary_blob_endpoint";
        ["main.bicep:", "setting AzureWebJobsStorage__queueServiceUri is", "and only @storage.primary_queue_endpoint works"];
    misspelt_credential:
        BICEP, "'managedidentity'" => "'managedIdentity_'",
        TERRAFORM, "\"managedidentity\"" => "\"managedIdentity_\"";
        ["main.bicep:", "setting AzureWebJobsStorage__credential is \"managedIdentity_\", and only managedidentity works"];
    misspelt_authorization:
        BICEP, "Authorization=AAD" => "Authorization=Aad",
        TERRAFORM, "Authorization=AAD" => "Authorization=Aad";
        ["main.tf:", "setting APPLICATIONINSIGHTS_AUTHENTICATION_STRING is", "and only ClientId=${@identity.client_id};Authorization=AAD works"];
    object_id_for_client_id:
        BICEP, "  AZURE_CLIENT_ID: identity.properties.clientId" => "  AZURE_CLIENT_ID: identity.properties.principalId",
        TERRAFORM, "AZURE_CLIENT_ID                           = azurerm_user_assigned_identity.identity.client_id" => "AZURE_CLIENT_ID                           = azurerm_user_assigned_identity.identity.principal_id";
        ["main.tf:", "setting AZURE_CLIENT_ID is @identity.principal_id, and only @identity.client_id works"];
    misspelt_reference:
        SETTINGS, "@Microsoft.KeyVault(" => "@Microsoft.Keyvault(",
        TERRAFORM, "@Microsoft.KeyVault(" => "@Microsoft.Keyvault(";
        ["settings.bicep:", "a secret setting is @Microsoft.Keyvault(", "resolves only @Microsoft.KeyVault("];
    reference_without_secrets:
        SETTINGS, "${vaultUri}secrets/" => "${vaultUri}",
        TERRAFORM, "vault_uri}secrets/" => "vault_uri}";
        ["main.tf:", "a secret setting is @Microsoft.KeyVault(SecretUri=${@vault.vault_uri}${", "secrets/${secret}/)"];
    // The app.
    no_identity_for_vault:
        BICEP, "    keyVaultReferenceIdentity: identity.id\n" => "",
        TERRAFORM, "      keyVaultReferenceIdentity = azurerm_user_assigned_identity.identity.id\n" => "";
        ["main.bicep:", "resource site has no properties.keyVaultReferenceIdentity; @identity.id is needed"];
    nobody_attached:
        BICEP, "      '${identity.id}': {}\n" => "",
        TERRAFORM, "concat([azurerm_user_assigned_identity.identity.id], " => "concat(";
        ["main.tf:", "the app is not attached @identity"];
    wrong_deployment_container:
        BICEP, "primaryEndpoints.blob}${deploymentContainer.name}" => "primaryEndpoints.blob}${configContainer.name}",
        TERRAFORM, "primary_blob_endpoint}${azurerm_storage_container.deployment_container.name}" => "primary_blob_endpoint}${azurerm_storage_container.config_container.name}";
        ["main.tf:", "deployment.storage.value", "and ${@storage.primary_blob_endpoint}${@deployment_container.name} is needed"];
    passwords_for_uploads:
        BICEP, "    allow: false" => "    allow: true",
        TERRAFORM, "      allow = false" => "      allow = true";
        ["main.tf:", "resource scm_publishing has properties.allow true, and false is needed"];
    passwords_for_scm_left:
        BICEP, "  name: 'scm'" => "  name: 'ftp'",
        TERRAFORM, "  name      = \"scm\"" => "  name      = \"ftp\"";
        ["nothing switches off passwords for scm"];
    before_its_roles:
        BICEP, "    blobRole\n" => "",
        TERRAFORM, "    azurerm_role_assignment.blob_role,\n" => "";
        ["main.tf:", "the app does not depend on blob_role"];
    before_its_queues:
        BICEP, "    queues\n    secretsRole" => "    secretsRole",
        TERRAFORM, "    azurerm_storage_queue.queues,\n" => "";
        ["main.bicep:", "the app does not depend on queues"];
    // What one language says and the other need not.
    nothing_is_logged: BICEP, "        category: 'StorageWrite'\n        enabled: true" => "        category: 'StorageWrite'\n        enabled: false";
        ["main.bicep:", "resource queue_diagnostics has properties.logs.enabled false, and true is needed"];
    days_that_do_not_count: EXPORT, "      days: 14\n      enabled: true" => "      days: 14\n      enabled: false";
        ["export.bicep:", "resource export_blob_services has properties.deleteRetentionPolicy.enabled false, and true is needed"];
    zone_in_a_region: NETWORK, "  location: 'global'" => "  location: 'westeurope'";
        ["network.bicep:", "resource blob_zone has location \"westeurope\", and global is needed: it is in no region"];
    windows: BICEP, "    reserved: true" => "    reserved: false";
        ["main.bicep:", "resource plan has properties.reserved false, and true is needed"];
    windows_in_terraform: TERRAFORM, "os_type             = \"Linux\"" => "os_type             = \"Windows\"";
        ["main.tf:", "resource plan has os_type \"Windows\", and Linux is needed"];
    to_be_approved: TERRAFORM_NETWORK, "is_manual_connection           = false" => "is_manual_connection           = true";
        ["network.tf:", "resource vault_endpoint has private_service_connection.is_manual_connection true, and false is needed"];
    not_a_role: BICEP, "subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)" => "subscriptionResourceId('Microsoft.Authorization/roleDefinition', roles.keyVaultSecretsUser)";
        ["main.bicep:", "a role is given as a \"Microsoft.Authorization/roleDefinition\", and Microsoft.Authorization/roleDefinitions is needed"];
    container_by_another_name: "infra/bicep/export-access.bicep", "name: 'exports'" => "name: 'export'";
        ["export-access.bicep:", "makes export (Microsoft.Storage/storageAccounts/blobServices/containers); did you mean exports?"];
    export_to_another_container:
        "infra/bicep/scope/subscription.bicep", "container: 'exports'" => "container: 'export'",
        "infra/terraform/scope/main.tf", "container      = \"exports\"" => "container      = \"export\"";
        ["scope/main.tf:", "makes export (Microsoft.Storage/storageAccounts/blobServices/containers); did you mean exports?"];
    no_token_is_shown:
        NATIVE, "useAadAuth: true" => "useAadAuth: false",
        TERRAFORM, "useAadAuth    = true" => "useAadAuth    = false";
        ["main.tf:", "a receiver of native_alert_group has useAadAuth false, and true is needed"];
    token_of_no_tenant: NATIVE, "        tenantId: tenant().tenantId\n" => "";
        ["native-alert.bicep:", "a receiver of native_alert_group has no tenantId, without which it shows no token"];
    not_found_by_azd: "infra/bicep/azd.bicep", "'azd-env-name'" => "'azd-environment-name'";
        ["azd.bicep:", "nothing has the tag azd-env-name"];
    parameter_without_value: "infra/bicep/azd.parameters.json", "\"value\": \"${AZURE_LOCATION}\"" => "\"valeu\": \"${AZURE_LOCATION}\"";
        ["azd.parameters.json:", "location has no value"];
    // The network.
    other_delegation:
        NETWORK, "Microsoft.App/environments" => "Microsoft.Web/serverFarms",
        TERRAFORM_NETWORK, "Microsoft.App/environments" => "Microsoft.Web/serverFarms";
        ["network.tf:", "subnet functions_subnet is delegated to \"Microsoft.Web/serverFarms\", and Microsoft.App/environments is needed"];
    part_that_is_not_there:
        NETWORK, "            'vault'\n" => "            'vaults'\n",
        TERRAFORM_NETWORK, "subresource_names              = [\"vault\"]" => "subresource_names              = [\"vaults\"]";
        ["network.tf:", "resource vault_endpoint leads to \"vaults\" of @vault.id, which has vault; did you mean vault?"];
    zone_of_another_part:
        NETWORK, "privateDnsZoneId: tableZone.id" => "privateDnsZoneId: queueZone.id",
        TERRAFORM_NETWORK, "private_dns_zone_ids = [azurerm_private_dns_zone.table_zone[0].id]" => "private_dns_zone_ids = [azurerm_private_dns_zone.queue_zone[0].id]";
        ["network.bicep:", "resource table_endpoint leads to table and is found by the zone queue_zone", "and not privatelink.table."];
    misspelt_zone:
        NETWORK, "'privatelink.blob.${" => "'privatelink.blobs.${";
        ["network.bicep:", "resource blob_endpoint leads to blob and is found by the zone blob_zone", "called privatelink.blobs.${", "and not privatelink.blob."];
    zone_of_another_service: TERRAFORM_NETWORK, "azurerm_storage_account.storage.primary_table_host" => "azurerm_storage_account.storage.primary_file_host";
        ["network.tf:", "resource table_endpoint leads to table and is found by the zone table_zone"];
    misspelt_zone_of_vault: NETWORK, "'.vaultcore.'" => "'.vaultscore.'";
        ["network.bicep:", "resource vault_endpoint leads to vault and is found by the zone vault_zone"];
    misspelt_zone_of_app:
        "infra/bicep/inbound.bicep", "privatelink.azurewebsites.net" => "privatelink.azurewebsite.net",
        TERRAFORM_NETWORK, "privatelink.azurewebsites.net" => "privatelink.azurewebsite.net";
        ["network.tf:", "resource site_endpoint leads to sites", "and not privatelink.azurewebsites.net"];
    zone_without_link:
        NETWORK, "  parent: queueZone" => "  parent: blobZone",
        TERRAFORM_NETWORK, "azurerm_private_dns_zone.queue_zone[0].id\n  virtual_network_id" => "azurerm_private_dns_zone.blob_zone[0].id\n  virtual_network_id";
        ["network.tf:", "zone queue_zone is linked to no network"];
    // Logs, rules and events.
    reads_for_writes:
        BICEP, "'StorageWrite'" => "'StorageRead'",
        TERRAFORM, "\"StorageWrite\"" => "\"StorageRead\"";
        ["main.tf:", "are logged: StorageRead; StorageWrite is needed: the rule about poison messages"];
    misspelt_category:
        BICEP, "'FunctionAppLogs'" => "'FunctionAppLog'",
        TERRAFORM, "\"FunctionAppLogs\"" => "\"FunctionAppLog\"";
        ["main.bicep:", "of @site are logged: FunctionAppLog; FunctionAppLogs is needed"];
    window_of_an_hour:
        ALERTS, "windowSize: 'P2D'" => "windowSize: 'PT1H'",
        TERRAFORM_ALERTS, "window_duration         = \"P2D\"" => "window_duration         = \"PT1H\"";
        ["alerts.tf:", "rule evaluation_late_rule looks at \"PT1H\", and at least 2820 minutes are needed: its query looks back evaluation_late_hours hours, up to 47"];
    window_of_stale_data:
        ALERTS, "windowSize: 'P2D'" => "windowSize: 'PT1H'",
        TERRAFORM_ALERTS, "window_duration         = \"P2D\"" => "window_duration         = \"PT1H\"";
        ["alerts.bicep:", "rule stale_data_rule looks at \"PT1H\", and at least 1440 minutes are needed"];
    window_of_failures:
        ALERTS, "windowSize: 'PT1H'" => "windowSize: 'PT30M'",
        TERRAFORM_ALERTS, "window_duration         = \"PT1H\"" => "window_duration         = \"PT30M\"";
        ["alerts.tf:", "rule failed_invocations_rule looks at \"PT30M\", and at least 60 minutes are needed: its description says"];
    gaps_between_windows:
        ALERTS, "evaluationFrequency: 'PT15M'" => "evaluationFrequency: 'PT2H'",
        TERRAFORM_ALERTS, "evaluation_frequency    = \"PT15M\"" => "evaluation_frequency    = \"PT2H\"";
        ["alerts.tf:", "rule poison_messages_rule looks at \"PT1H\", and at least 120 minutes are needed: it looks every \"PT2H\""];
    more_hours_than_a_window:
        BICEP, "@maxValue(47)" => "@maxValue(96)",
        "infra/terraform/main/variables.tf", "var.evaluation_late_hours <= 47" => "var.evaluation_late_hours <= 96";
        ["alerts.tf:", "rule evaluation_late_rule looks at \"P2D\", and at least 5760 minutes are needed", "up to 96"];
    another_path_of_hook:
        NATIVE, "/api/native-alert?" => "/api/native-alerts?",
        TERRAFORM, "/api/native-alert?" => "/api/native-alerts?";
        ["main.tf:", "of native_alert_group is that of no function that takes POST", "did you mean native-alert?"];
    another_prefix_of_hook:
        NATIVE, "/api/native-alert?" => "/apis/native-alert?",
        TERRAFORM, "/api/native-alert?" => "/apis/native-alert?";
        ["native-alert.bicep:", "of native_alert_group is that of no function that takes POST: https://HOST/api/ROUTE?code=KEY is wanted"];
    key_of_another_function: NATIVE, "/functions/native-alert'" => "/functions/native-alerts'";
        ["native-alert.bicep:", "there is no function native-alerts; did you mean native-alert?"];
    key_of_another_function_in_terraform: TERRAFORM, "/functions/native-alert\"" => "/functions/native-alerts\"";
        ["main.tf:", "there is no function native-alerts; did you mean native-alert?"];
    other_schema_of_hook:
        NATIVE, "useCommonAlertSchema: true" => "useCommonAlertSchema: false",
        TERRAFORM, "useCommonAlertSchema = true" => "useCommonAlertSchema = false";
        ["main.tf:", "a receiver of native_alert_group does not say useCommonAlertSchema true"];
    other_schema_of_mails:
        ALERTS, "useCommonAlertSchema: true" => "useCommonAlertSchema: false",
        TERRAFORM_ALERTS, "use_common_alert_schema = true" => "use_common_alert_schema = false";
        ["alerts.bicep:", "a receiver of alert_group does not say useCommonAlertSchema true"];
    other_event:
        EXPORT, "Microsoft.Storage.BlobCreated" => "Microsoft.Storage.BlobCreate",
        TERRAFORM_EXPORT, "Microsoft.Storage.BlobCreated" => "Microsoft.Storage.BlobCreate";
        ["export.tf:", "includedEventTypes \"Microsoft.Storage.BlobCreate\", and Microsoft.Storage.BlobCreated is needed"];
    other_blobs:
        EXPORT, "subjectEndsWith: 'manifest.json'" => "subjectEndsWith: '.csv.gz'",
        TERRAFORM_EXPORT, "\"manifest.json\"" => "\".csv.gz\"";
        ["export.tf:", "subjectEndsWith \".csv.gz\", and manifest.json", "is needed"];
    container_that_is_not_there:
        EXPORT, "/containers/exports/" => "/containers/export/",
        TERRAFORM_EXPORT, "/containers/exports/" => "/containers/export/";
        ["export.bicep:", "subjectBeginsWith \"/blobServices/default/containers/export/\"", "of a container that is made"];
    // Documents.
    role_without_a_line: README, "| | Monitoring Metrics Publisher | Application Insights | telemetry |\n" => "";
        ["main.bicep:", "the table of roles in infra/README.md has no line with Monitoring Metrics Publisher of identity of the app on Application Insights"];
    role_of_others_without_a_line: README, "| | Key Vault Secrets Officer | vault | secrets |\n" => "";
        ["no line with Key Vault Secrets Officer of `deploymentPrincipalId` on vault"];
    role_of_scopes_without_a_line: README, "Cost Management Reader, with `applyNativeBudgets` Cost Management Contributor" => "Cost Management Reader";
        ["no line with Cost Management Contributor of identity of the app on subscription"];
    role_on_another: README, "| | Storage Queue Data Contributor | storage account |" => "| | Storage Queue Data Contributor | vault |";
        ["no line with Storage Queue Data Contributor of identity of the app on storage account"];
    role_that_nobody_has: README, "| | Key Vault Secrets User | vault |" => "| | Owner | vault |";
        ["README.md:", "no template assigns the role Owner"];
    other_parameter_in_a_command: README, "--parameters principalId=" => "--parameters principalsId=";
        ["README.md:", "infra/bicep/scope/management-group.bicep has no parameter principalsId; did you mean principalId?"];
    other_parameter_in_a_list: README, "exportType=FocusCost exportName" => "exportKind=FocusCost exportName";
        ["README.md:", "infra/bicep/scope/subscription.bicep has no parameter exportKind"];
    other_template_in_a_command: README, "--template-file infra/bicep/scope/subscription.bicep" => "--template-file infra/bicep/scope/subscriptions.bicep";
        ["README.md:", "there is no template infra/bicep/scope/subscriptions.bicep"];
    other_variable_in_a_command: README, "-var deployment_principal_id=" => "-var deployer_principal_id=";
        ["README.md:", "the folder has no variable deployer_principal_id; did you mean deployment_principal_id?"];
    other_quoted_variable: README, "-var \"alert_emails=" => "-var \"alert_mails=";
        ["README.md:", "the folder has no variable alert_mails; did you mean alert_emails?"];
    other_folder_in_a_command: README, "EXAMPLE=infra/examples/one-subscription/terraform\n" => "EXAMPLE=infra/examples/one-subscriptions/terraform\n";
        ["README.md:", "there is no folder infra/examples/one-subscriptions/terraform with Terraform"];
    other_output_in_a_command: README, "APP=$(OUT functionAppName)" => "APP=$(OUT functionName)";
        ["README.md:", "there is no output functionName; did you mean functionAppName?"];
    other_output_of_terraform: README, "$(OUT storage_account_name)" => "$(OUT storage_name)";
        ["README.md:", "there is no output storage_name; did you mean storage_account_name?"];
    output_of_the_other_language: README, "$(OUT function_app_url)" => "$(OUT functionAppUrl)";
        ["README.md:", "there is no output functionAppUrl"];
    refused_by_flex: BICEP, "http20Enabled: true" => "http20Enabled: true\n      ftpsState: 'Disabled'";
        ["main.bicep:", "Flex Consumption refuses ftpsState in siteConfig"];
    refused_by_flex_in_terraform: TERRAFORM, "http20Enabled = true" => "http20Enabled = true\n        use32BitWorkerProcess = false";
        ["main.tf:", "Flex Consumption refuses use32BitWorkerProcess in siteConfig"];
    zone_that_is_linked_later: TERRAFORM, "    azurerm_private_dns_zone_virtual_network_link.vault_zone_link,\n" => "";
        ["main.tf:", "the app does not depend on vault_zone_link: its first start may be before that"];
    endpoint_that_is_made_later: TERRAFORM, "    azurerm_private_endpoint.vault_endpoint,\n" => "";
        ["main.tf:", "the app does not depend on vault_endpoint: its first start may be before that"];
    other_role_in_a_command: README, "ServicePrincipal \"Storage Queue Data Contributor\"" => "ServicePrincipal \"Storage Queues Data Contributor\"";
        ["README.md:", "there is no role Storage Queues Data Contributor; did you mean Storage Queue Data Contributor?"];
    other_role_in_the_runbook: "docs/runbook.md", "--custom-role-only" => "--role \"Cost Management Writer\" --custom-role-only";
        ["runbook.md:", "there is no role Cost Management Writer"];
    other_scope_of_a_deployment: README, "az deployment mg create --management-group-id contoso" => "az deployment sub create";
        ["README.md:", "infra/bicep/scope/management-group.bicep is deployed by az deployment mg, not sub"];
    other_output_of_azd: README, "get-value AZURE_RESOURCE_GROUP" => "get-value AZURE_RESOURCES_GROUP";
        ["README.md:", "azd has no output AZURE_RESOURCES_GROUP; did you mean AZURE_RESOURCE_GROUP?"];
    other_output_in_a_comment: README, "# output exportContainerUrl" => "# output exportsContainerUrl";
        ["README.md:", "there is no output exportsContainerUrl; did you mean exportContainerUrl?"];
    other_parameter_in_the_text: README, "with `assignRoles` `false`" => "with `assignsRoles=false`";
        ["README.md:", "there is no parameter assigns_roles; did you mean assign_roles?"];
    other_variable_of_a_module: README, "  identity_resource_group = \"spendwatch\"" => "  resource_group          = \"spendwatch\"";
        ["README.md:", "infra/terraform/action-identity has no variable resource_group"];
    other_output_in_another_document: "infra/examples/billing-scope/README.md", "$(OUT exportStorageAccountId)" => "$(OUT exportStorageId)";
        ["billing-scope/README.md:", "there is no output exportStorageId"];
} }
