//! What azurerm calls otherwise than Azure does: both stacks say the same in either's words.

use std::collections::BTreeSet;

use super::resources::{arm_type, each_pair, of_kind};
use super::values::{Words, agree, at, sources};
use crate::expression::{Expression, Value};
use crate::finding::Finding;
use crate::stack::{Resource, Stack};

/// A property of Azure, the argument of azurerm for it, and what either calls its values.
type Row = (&'static str, &'static str, Words);

const SAME: Words = &[];
const OPPOSITE: Words = &[("true", "false"), ("false", "true")];
const ENABLED: Words = &[("true", "Enabled"), ("false", "Disabled")];

/// The properties of resource types that azurerm has resources for.
const PAIRS: &[(&str, &[Row])] = &[
    (
        "Microsoft.Authorization/roleAssignments",
        &[("properties.principalType", "principal_type", SAME)],
    ),
    (
        "Microsoft.Communication/emailServices",
        &[("properties.dataLocation", "data_location", SAME)],
    ),
    (
        "Microsoft.Communication/emailServices/domains",
        &[
            ("properties.domainManagement", "domain_management", SAME),
            (
                "properties.userEngagementTracking",
                "user_engagement_tracking_enabled",
                ENABLED,
            ),
        ],
    ),
    (
        "Microsoft.EventGrid/systemTopics",
        &[
            ("identity.type", "identity.type", SAME),
            ("properties.source", "source_resource_id", SAME),
            ("properties.topicType", "topic_type", SAME),
        ],
    ),
    (
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        &[
            (
                "properties.deliveryWithResourceIdentity.destination.properties.queueMessageTimeToLiveInSeconds",
                "storage_queue_endpoint.queue_message_time_to_live_in_seconds",
                SAME,
            ),
            (
                "properties.deliveryWithResourceIdentity.destination.properties.queueName",
                "storage_queue_endpoint.queue_name",
                SAME,
            ),
            (
                "properties.deliveryWithResourceIdentity.destination.properties.resourceId",
                "storage_queue_endpoint.storage_account_id",
                SAME,
            ),
            (
                "properties.deliveryWithResourceIdentity.identity.type",
                "delivery_identity.type",
                SAME,
            ),
            (
                "properties.eventDeliverySchema",
                "event_delivery_schema",
                SAME,
            ),
            (
                "properties.filter.includedEventTypes",
                "included_event_types",
                SAME,
            ),
            (
                "properties.filter.subjectBeginsWith",
                "subject_filter.subject_begins_with",
                SAME,
            ),
            (
                "properties.filter.subjectEndsWith",
                "subject_filter.subject_ends_with",
                SAME,
            ),
            (
                "properties.retryPolicy.eventTimeToLiveInMinutes",
                "retry_policy.event_time_to_live",
                SAME,
            ),
            (
                "properties.retryPolicy.maxDeliveryAttempts",
                "retry_policy.max_delivery_attempts",
                SAME,
            ),
        ],
    ),
    (
        "Microsoft.Insights/actionGroups",
        &[
            ("properties.enabled", "enabled", SAME),
            ("properties.groupShortName", "short_name", SAME),
            (
                "properties.emailReceivers.useCommonAlertSchema",
                "email_receiver.use_common_alert_schema",
                SAME,
            ),
        ],
    ),
    (
        "Microsoft.Insights/components",
        &[
            ("properties.Application_Type", "application_type", SAME),
            (
                "properties.DisableLocalAuth",
                "local_authentication_enabled",
                OPPOSITE,
            ),
            ("properties.WorkspaceResourceId", "workspace_id", SAME),
        ],
    ),
    (
        "Microsoft.Insights/diagnosticSettings",
        &[
            ("properties.logs.category", "enabled_log.category", SAME),
            (
                "properties.logs.categoryGroup",
                "enabled_log.category_group",
                SAME,
            ),
            (
                "properties.metrics.category",
                "enabled_metric.category",
                SAME,
            ),
            ("properties.workspaceId", "log_analytics_workspace_id", SAME),
        ],
    ),
    (
        "Microsoft.Insights/scheduledQueryRules",
        &[
            (
                "properties.actions.actionGroups",
                "action.action_groups",
                SAME,
            ),
            ("properties.autoMitigate", "auto_mitigation_enabled", SAME),
            (
                "properties.criteria.allOf.failingPeriods.minFailingPeriodsToAlert",
                "criteria.failing_periods.minimum_failing_periods_to_trigger_alert",
                SAME,
            ),
            (
                "properties.criteria.allOf.failingPeriods.numberOfEvaluationPeriods",
                "criteria.failing_periods.number_of_evaluation_periods",
                SAME,
            ),
            (
                "properties.criteria.allOf.operator",
                "criteria.operator",
                SAME,
            ),
            (
                "properties.criteria.allOf.threshold",
                "criteria.threshold",
                SAME,
            ),
            (
                "properties.criteria.allOf.timeAggregation",
                "criteria.time_aggregation_method",
                SAME,
            ),
            ("properties.description", "description", SAME),
            ("properties.enabled", "enabled", SAME),
            (
                "properties.evaluationFrequency",
                "evaluation_frequency",
                SAME,
            ),
            ("properties.scopes", "scopes", SAME),
            ("properties.severity", "severity", SAME),
            (
                "properties.skipQueryValidation",
                "skip_query_validation",
                SAME,
            ),
            ("properties.windowSize", "window_duration", SAME),
        ],
    ),
    (
        "Microsoft.Insights/workbooks",
        &[
            ("properties.category", "category", SAME),
            ("properties.sourceId", "source_id", SAME),
        ],
    ),
    (
        "Microsoft.KeyVault/vaults",
        &[
            (
                "properties.enablePurgeProtection",
                "purge_protection_enabled",
                SAME,
            ),
            (
                "properties.enableRbacAuthorization",
                "rbac_authorization_enabled",
                SAME,
            ),
            ("properties.networkAcls.bypass", "network_acls.bypass", SAME),
            (
                "properties.networkAcls.defaultAction",
                "network_acls.default_action",
                SAME,
            ),
            (
                "properties.publicNetworkAccess",
                "public_network_access_enabled",
                ENABLED,
            ),
            ("properties.sku.name", "sku_name", SAME),
            (
                "properties.softDeleteRetentionInDays",
                "soft_delete_retention_days",
                SAME,
            ),
        ],
    ),
    (
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        &[
            (
                "properties.registrationEnabled",
                "registration_enabled",
                SAME,
            ),
            ("properties.virtualNetwork.id", "virtual_network_id", SAME),
            ("parent", "private_dns_zone_id", SAME),
        ],
    ),
    (
        "Microsoft.Network/privateEndpoints",
        &[
            (
                "properties.privateLinkServiceConnections.properties.groupIds",
                "private_service_connection.subresource_names",
                SAME,
            ),
            (
                "properties.privateLinkServiceConnections.properties.privateLinkServiceId",
                "private_service_connection.private_connection_resource_id",
                SAME,
            ),
            ("properties.subnet.id", "subnet_id", SAME),
        ],
    ),
    (
        "Microsoft.Network/virtualNetworks",
        &[(
            "properties.addressSpace.addressPrefixes",
            "address_space",
            SAME,
        )],
    ),
    (
        "Microsoft.OperationalInsights/workspaces",
        &[
            (
                "properties.features.disableLocalAuth",
                "local_authentication_enabled",
                OPPOSITE,
            ),
            ("properties.retentionInDays", "retention_in_days", SAME),
            ("properties.sku.name", "sku", SAME),
        ],
    ),
    (
        "Microsoft.Storage/storageAccounts",
        &[
            ("kind", "account_kind", SAME),
            (
                "sku.name",
                "account_replication_type",
                &[
                    ("LRS", "Standard_LRS"),
                    ("ZRS", "Standard_ZRS"),
                    ("GRS", "Standard_GRS"),
                ],
            ),
            ("properties.accessTier", "access_tier", SAME),
            (
                "properties.allowBlobPublicAccess",
                "allow_nested_items_to_be_public",
                SAME,
            ),
            (
                "properties.allowCrossTenantReplication",
                "cross_tenant_replication_enabled",
                SAME,
            ),
            (
                "properties.allowSharedKeyAccess",
                "shared_access_key_enabled",
                SAME,
            ),
            (
                "properties.defaultToOAuthAuthentication",
                "default_to_oauth_authentication",
                SAME,
            ),
            ("properties.isLocalUserEnabled", "local_user_enabled", SAME),
            ("properties.minimumTlsVersion", "min_tls_version", SAME),
            (
                "properties.networkAcls.bypass",
                "network_rules.bypass",
                SAME,
            ),
            (
                "properties.networkAcls.defaultAction",
                "network_rules.default_action",
                SAME,
            ),
            (
                "properties.publicNetworkAccess",
                "public_network_access_enabled",
                ENABLED,
            ),
            (
                "properties.supportsHttpsTrafficOnly",
                "https_traffic_only_enabled",
                SAME,
            ),
        ],
    ),
    (
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        &[(
            "properties.publicAccess",
            "container_access_type",
            &[
                ("private", "None"),
                ("blob", "Blob"),
                ("container", "Container"),
            ],
        )],
    ),
    (
        "Microsoft.Storage/storageAccounts/managementPolicies",
        &[
            (
                "properties.policy.rules.definition.actions.baseBlob.delete.daysAfterModificationGreaterThan",
                "rule.actions.base_blob.delete_after_days_since_modification_greater_than",
                SAME,
            ),
            (
                "properties.policy.rules.definition.filters.blobTypes",
                "rule.filters.blob_types",
                SAME,
            ),
            (
                "properties.policy.rules.definition.filters.prefixMatch",
                "rule.filters.prefix_match",
                SAME,
            ),
            ("properties.policy.rules.enabled", "rule.enabled", SAME),
        ],
    ),
    (
        "Microsoft.Web/serverfarms",
        &[("sku.name", "sku_name", SAME)],
    ),
];

/// What Bicep says of the blob services of an account and azurerm of the account.
const BLOB_SERVICES: [Row; 3] = [
    (
        "properties.containerDeleteRetentionPolicy.days",
        "blob_properties.container_delete_retention_policy.days",
        SAME,
    ),
    (
        "properties.deleteRetentionPolicy.days",
        "blob_properties.delete_retention_policy.days",
        SAME,
    ),
    (
        "properties.isVersioningEnabled",
        "blob_properties.versioning_enabled",
        SAME,
    ),
];

/// Resources that Terraform makes by azurerm have the same constants, and rest on the same, as in Bicep.
pub fn pairs(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    for services in of_kind(bicep, "Microsoft.Storage/storageAccounts/blobServices") {
        let parent = services.body.get("parent").map(sources).unwrap_or_default();
        let accounts = of_kind(terraform, "Microsoft.Storage/storageAccounts");
        for account in accounts.filter(|it| parent.contains(&format!("@{}", it.name))) {
            for row in BLOB_SERVICES {
                compare(services, account, row, &mut findings);
            }
        }
    }
    each_pair(bicep, terraform, |one, other| {
        named_alike(one, other, &mut findings);
        placed_alike(one, other, &mut findings);
        if !other.kind.starts_with("azurerm_") {
            return;
        }
        let kind = arm_type(one);
        let rows = PAIRS.iter().filter(|(paired, _)| *paired == kind);
        for (azure, azurerm, words) in rows.flat_map(|(_, rows)| *rows) {
            compare(one, other, (azure, azurerm, words), &mut findings);
        }
    });
    findings
}

/// Names that are worked out. Those of DNS zones are checked with their endpoints, and ids are made by
/// either language in its way.
fn named_alike(one: &Resource, other: &Resource, findings: &mut Vec<Finding>) {
    let (Some(mine), Some(theirs)) = (one.body.get("name"), other.body.get("name")) else {
        return;
    };
    let made = |name: &Expression| matches!(name.value, Value::Template(_));
    if arm_type(one) == "Microsoft.Network/privateDnsZones" {
        return;
    }
    if made(mine) && made(theirs) && !agree(mine, theirs, SAME) {
        let message = format!(
            "resource {} is called {mine} in Bicep ({}) and {theirs} in Terraform",
            one.name, mine.place
        );
        findings.push(Finding::new(&theirs.place, message));
    }
}

/// Regions, where both say one, and tags.
fn placed_alike(one: &Resource, other: &Resource, findings: &mut Vec<Finding>) {
    let differ = match (one.body.get("location"), other.body.get("location")) {
        (Some(mine), Some(theirs)) => !agree(mine, theirs, SAME),
        _ => false,
    };
    if differ {
        compare(one, other, ("location", "location", SAME), findings);
    }
    compare(one, other, ("tags", "tags", SAME), findings);
}

fn compare(
    one: &Resource,
    other: &Resource,
    (azure, azurerm, words): Row,
    findings: &mut Vec<Finding>,
) {
    let mine = at(&one.body, azure);
    let theirs = at(&other.body, azurerm);
    let has = |one: &Expression, others: &[&Expression], is_bicep: bool| {
        others.iter().any(|other| match is_bicep {
            true => agree(one, other, words),
            false => agree(other, one, words),
        })
    };
    let same = mine.iter().all(|it| has(it, &theirs, true))
        && theirs.iter().all(|it| has(it, &mine, false));
    if same {
        return;
    }
    let all = |values: &[&Expression]| -> String {
        let shown: BTreeSet<String> = values.iter().map(|it| it.to_string()).collect();
        match shown.is_empty() {
            true => "nothing".to_owned(),
            false => shown.into_iter().collect::<Vec<_>>().join(", "),
        }
    };
    let there = mine.first().map_or(&one.place, |it| &it.place);
    let here = theirs.first().map_or(&other.place, |it| &it.place);
    let message = format!(
        "resource {} has {azure} {} in Bicep ({there}) and {azurerm} {} in Terraform",
        one.name,
        all(&mine),
        all(&theirs)
    );
    findings.push(Finding::new(here, message));
}
