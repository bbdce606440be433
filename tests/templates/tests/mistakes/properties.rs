//! Properties and arguments, along the schema data.

use std::collections::BTreeSet;

use templates::{Project, Templates};

use crate::common::{project, schema};
use crate::{BICEP, TERRAFORM, missed};

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
            let mut all_missed = Vec::new();
            $({
                let mut wrong = project.clone();
                wrong.replace($file, $from, $to);
                let after = found(&wrong);
                all_missed.extend(missed(stringify!($name), &before, &after, &$words));
            })*
            assert!(all_missed.is_empty(), "{}", all_missed.join("\n"));
        }
    };
}

wrong_properties! {
    misspelt_property: BICEP, "keyVaultReferenceIdentity:" => "keyVaultReferenceIdentities:",
        ["main.bicep:", "resource site: properties.keyVaultReferenceIdentities", "did you mean keyVaultReferenceIdentity?"];
    misspelt_deeper: BICEP, "http20Enabled: true" => "http2Enabled: true",
        ["properties.siteConfig.http2Enabled", "did you mean http20Enabled?"];
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
