//! Mistakes in one language, which the other has right.

use crate::{BICEP, TERRAFORM, mistakes};

const ALERTS: &str = "infra/bicep/alerts.bicep";
const EXPORT: &str = "infra/bicep/export.bicep";
const NETWORK: &str = "infra/bicep/network.bicep";
const TERRAFORM_ALERTS: &str = "infra/terraform/main/alerts.tf";
const TERRAFORM_EXPORT: &str = "infra/terraform/main/export.tf";
const TERRAFORM_NETWORK: &str = "infra/terraform/main/network.tf";

mistakes! { mistakes_in_one_language_are_found {
    // The network.
    other_zone: "infra/bicep/inbound.bicep", "privatelink.azurewebsites.net" => "privatelink.azurewebsite.net";
        ["privatelink.azurewebsite.net", "is in Bicep and not in Terraform"];
    other_part: TERRAFORM_NETWORK, "subresource_names              = [\"queue\"]" => "subresource_names              = [\"table\"]";
        ["network.tf:", "resource queue_endpoint has", "groupIds \"queue\" in Bicep (infra/bicep/network.bicep:", "\"table\" in Terraform"];
    other_target: NETWORK, "privateLinkServiceId: vaultId" => "privateLinkServiceId: storageId";
        ["network.tf:", "resource vault_endpoint has", "privateLinkServiceId", "@storage.id in Bicep", "@vault.id in Terraform"];
    other_subnet: TERRAFORM_NETWORK, "subnet_id           = azapi_resource.endpoints_subnet[0].id" => "subnet_id           = azapi_resource.functions_subnet[0].id";
        ["network.tf:", "resource blob_endpoint has properties.subnet.id @endpoints_subnet.id in Bicep", "@functions_subnet.id in Terraform"];
    registered: NETWORK, "registrationEnabled: false" => "registrationEnabled: true";
        ["network.tf:", "resource blob_zone_link has properties.registrationEnabled true in Bicep", "false in Terraform"];
    other_delegation: TERRAFORM_NETWORK, "Microsoft.App/environments" => "Microsoft.Web/serverFarms";
        ["network.tf:", "resource functions_subnet has properties.delegations[0].properties.serviceName", "\"Microsoft.App/environments\" in Bicep"];
    // Exports.
    other_event: TERRAFORM_EXPORT, "Microsoft.Storage.BlobCreated" => "Microsoft.Storage.BlobRenamed";
        ["export.tf:", "includedEventTypes \"Microsoft.Storage.BlobCreated\" in Bicep (infra/bicep/export.bicep:", "\"Microsoft.Storage.BlobRenamed\" in Terraform"];
    other_begin: EXPORT, "/blobServices/default/containers/exports/" => "/blobServices/default/containers/export/";
        ["export.tf:", "subjectBeginsWith \"/blobServices/default/containers/export/\" in Bicep"];
    other_end: TERRAFORM_EXPORT, "\"manifest.json\"" => "\".csv.gz\"";
        ["export.tf:", "subjectEndsWith \"manifest.json\" in Bicep", "\".csv.gz\" in Terraform"];
    other_attempts: EXPORT, "maxDeliveryAttempts: 30" => "maxDeliveryAttempts: 3";
        ["export.tf:", "maxDeliveryAttempts 3 in Bicep", "30 in Terraform"];
    other_queue_of_events: TERRAFORM_EXPORT, "azurerm_storage_queue.queues[\"exports\"].name" => "azurerm_storage_queue.queues[\"evaluations\"].name";
        ["export.tf:", "queueName", "@queues[exports].name in Bicep", "@queues[evaluations].name in Terraform"];
    other_days: TERRAFORM_EXPORT, "greater_than = 400" => "greater_than = 40";
        ["export.tf:", "daysAfterModificationGreaterThan 400 in Bicep", "40 in Terraform"];
    events_before_role: EXPORT, "  dependsOn: [\n    exportQueueRole\n  ]\n" => "";
        ["export.bicep:", "resource export_subscription depends on export_queue_role", "not in Bicep"];
    // Logs and rules.
    other_category: TERRAFORM, "\"AuditEvent\"" => "\"AzurePolicyEvaluationDetails\"";
        ["main.tf:", "resource vault_diagnostics has properties.logs.category \"AuditEvent\" in Bicep"];
    other_threshold: TERRAFORM_ALERTS, "threshold               = 3" => "threshold               = 30";
        ["alerts.tf:", "resource failed_invocations_rule has properties.criteria.allOf.threshold 3 in Bicep (infra/bicep/alerts.bicep:", "30 in Terraform"];
    other_operator: ALERTS, "'GreaterThanOrEqual'" => "'GreaterThan'";
        ["alerts.tf:", "failed_invocations_rule has properties.criteria.allOf.operator \"GreaterThan\" in Bicep"];
    other_severity: ALERTS, "severity: 1" => "severity: 3";
        ["alerts.tf:", "resource evaluation_late_rule has properties.severity 3 in Bicep", "1 in Terraform"];
    other_window: TERRAFORM_ALERTS, "window_duration         = \"P2D\"" => "window_duration         = \"P1D\"";
        ["alerts.tf:", "resource stale_data_rule has properties.windowSize \"P2D\" in Bicep", "\"P1D\" in Terraform"];
    other_frequency: ALERTS, "evaluationFrequency: 'PT15M'" => "evaluationFrequency: 'PT1H'";
        ["alerts.tf:", "resource poison_messages_rule has properties.evaluationFrequency \"PT1H\" in Bicep", "\"PT15M\" in Terraform"];
    other_periods: TERRAFORM_ALERTS, "number_of_evaluation_periods             = 1" => "number_of_evaluation_periods             = 4";
        ["alerts.tf:", "numberOfEvaluationPeriods 1 in Bicep", "4 in Terraform"];
    rule_switched_off: TERRAFORM_ALERTS, "  enabled                 = true" => "  enabled                 = false";
        ["alerts.tf:", "resource stale_data_rule has properties.enabled true in Bicep", "false in Terraform"];
    rule_that_tells_nobody: ALERTS, "    actions: {\n      actionGroups: actionGroupIds\n    }\n" => "";
        ["alerts.tf:", "resource stale_data_rule has properties.actions.actionGroups nothing in Bicep"];
    other_range: "infra/terraform/main/variables.tf", "var.evaluation_late_hours <= 47" => "var.evaluation_late_hours <= 96";
        ["variables.tf:", "parameter evaluation_late_hours is 2 to 47 in Bicep", "2 to 96 in Terraform"];
    other_schema_of_mails: TERRAFORM_ALERTS, "use_common_alert_schema = true" => "use_common_alert_schema = false";
        ["alerts.tf:", "resource alert_group has properties.emailReceivers.useCommonAlertSchema true in Bicep", "false in Terraform"];
    // The app.
    reference_to_vault: TERRAFORM, "@Microsoft.KeyVault(SecretUri=" => "@Microsoft.KeyVault(SecretURI=";
        ["main.tf:", "a secret setting is @Microsoft.KeyVault(SecretURI=", "resolves only @Microsoft.KeyVault(SecretUri=${vault_uri}secrets/${secret}/)"];
    other_identity_for_vault: TERRAFORM, "keyVaultReferenceIdentity = azurerm_user_assigned_identity.identity.id" => "keyVaultReferenceIdentity = var.action_identity_id";
        ["main.tf:", "resource site has properties.keyVaultReferenceIdentity @identity.id in Bicep", "action_identity_id in Terraform"];
    other_deployment_container: BICEP, "primaryEndpoints.blob}${deploymentContainer.name}" => "primaryEndpoints.blob}${stateContainer.name}";
        ["main.tf:", "resource site has properties.functionAppConfig.deployment.storage.value", "@state_container.name", "@deployment_container.name"];
    not_attached: BICEP, "      '${identity.id}': {}\n" => "";
        ["main.tf:", "resource site signs in as \"UserAssigned\" action_identity_id in Bicep", "@identity, action_identity_id in Terraform"];
    other_kind_of_identity: TERRAFORM, "    type         = \"UserAssigned\"" => "    type         = \"SystemAssigned, UserAssigned\"";
        ["main.tf:", "resource site signs in as \"UserAssigned\"", "\"SystemAssigned, UserAssigned\""];
    passwords_for_uploads: TERRAFORM, "allow = false" => "allow = true";
        ["main.tf:", "resource scm_publishing has properties.allow false in Bicep", "true in Terraform"];
    other_kind_of_app: TERRAFORM, "functionapp,linux" => "functionapp";
        ["main.tf:", "resource site has kind \"functionapp,linux\" in Bicep", "\"functionapp\" in Terraform"];
    own_subscription: BICEP, "scope: subscription(id)" => "scope: subscription()";
        ["role Cost Management Reader of @identity on a subscription is in Terraform and not in Bicep"];
    own_subscription_in_terraform: "infra/terraform/main/roles.tf", "\"/subscriptions/${each.value}\"" => "\"/subscriptions/${data.azurerm_client_config.current.subscription_id}\"";
        ["role Cost Management Reader of @identity on the subscription of the app is in Terraform and not in Bicep"];
    before_a_role: BICEP, "    metricsRole\n" => "";
        ["main.bicep:", "the app does not depend on metrics_role"];
    before_its_scopes: TERRAFORM, "    module.subscriptions,\n" => "";
        ["main.tf:", "resource site depends on subscriptions at infra/bicep/main.bicep:", "not in Terraform"];
    keys_of_storage: TERRAFORM, "shared_access_key_enabled        = false" => "shared_access_key_enabled        = true";
        ["main.tf:", "resource storage has properties.allowSharedKeyAccess false in Bicep", "shared_access_key_enabled true in Terraform"];
    keys_of_telemetry: BICEP, "DisableLocalAuth: true" => "DisableLocalAuth: false";
        ["main.tf:", "resource component has properties.DisableLocalAuth false in Bicep", "local_authentication_enabled false in Terraform"];
    open_vault: TERRAFORM, "public_network_access_enabled = !local.is_private" => "public_network_access_enabled = local.is_private";
        ["main.tf:", "resource vault has properties.publicNetworkAccess", "in Terraform"];
    other_rule_of_vault: BICEP, "      defaultAction: isPrivate ? 'Deny' : 'Allow'" => "      defaultAction: isPrivate ? 'Allow' : 'Deny'";
        ["main.tf:", "resource vault has properties.networkAcls.defaultAction", "in Terraform"];
    open_container: TERRAFORM, "container_access_type = \"private\"" => "container_access_type = \"blob\"";
        ["main.tf:", "resource state_container has properties.publicAccess \"None\" in Bicep", "\"blob\" in Terraform"];
    other_plan: TERRAFORM, "\"FC1\"" => "\"EP1\"";
        ["main.tf:", "resource plan has sku.name \"FC1\" in Bicep", "\"EP1\" in Terraform"];
    other_name: TERRAFORM, "name      = \"func-${local.base}\"" => "name      = \"app-${local.base}\"";
        ["main.tf:", "resource site is called \"func-${", "in Bicep", "\"app-${"];
} }
