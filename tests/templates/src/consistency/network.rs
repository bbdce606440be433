//! The private network: each endpoint has the name that its service is looked up by.

use super::resources::{arm_type, of_kind};
use super::values::{at, exact, of, sources};
use crate::expression::Expression;
use crate::finding::{Finding, nearest};
use crate::stack::{Resource, Stack};

const ZONES: &str = "Microsoft.Network/privateDnsZones";
const LINKS: &str = "Microsoft.Network/privateDnsZones/virtualNetworkLinks";
const ENDPOINTS: &str = "Microsoft.Network/privateEndpoints";
const ZONE_GROUPS: &str = "Microsoft.Network/privateEndpoints/privateDnsZoneGroups";

/// The parts of services that endpoints lead to: what has them, and what the names of their zones hold, in
/// one of the ways that they are written.
const GROUPS: [(&str, &str, &[&[&str]]); 5] = [
    (
        "blob",
        "Microsoft.Storage/storageAccounts",
        &[
            &["privatelink.blob.", "suffixes.storage"],
            &["privatelink.${", "primary_blob_host"],
        ],
    ),
    (
        "queue",
        "Microsoft.Storage/storageAccounts",
        &[
            &["privatelink.queue.", "suffixes.storage"],
            &["privatelink.${", "primary_queue_host"],
        ],
    ),
    (
        "table",
        "Microsoft.Storage/storageAccounts",
        &[
            &["privatelink.table.", "suffixes.storage"],
            &["privatelink.${", "primary_table_host"],
        ],
    ),
    (
        "vault",
        "Microsoft.KeyVault/vaults",
        &[
            &[
                "privatelink${",
                "suffixes.keyvault_dns",
                "\".vault.\", \".vaultcore.\"",
            ],
            &[
                "privatelink.${",
                "vault_uri",
                "\"/^vault\\\\./\", \"vaultcore.\"",
            ],
        ],
    ),
    (
        "sites",
        "Microsoft.Web/sites",
        &[&["privatelink.azurewebsites.net"]],
    ),
];

/// The resources of a stack that an expression rests on.
fn referred<'a>(stack: &'a Stack, expression: &Expression) -> Vec<&'a Resource> {
    let names = sources(expression);
    let resources = stack.resources.iter();
    resources
        .filter(|it| names.contains(&format!("@{}", it.name)))
        .collect()
}

/// Private endpoints lead to a part that their target has, and are found by a zone that is named for it
/// and linked to the network.
pub fn endpoints(stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    for endpoint in of_kind(stack, ENDPOINTS) {
        let connections = of(
            endpoint,
            "properties.privateLinkServiceConnections.properties",
            "private_service_connection",
        );
        let first = |names: [&str; 2]| {
            let values = connections
                .iter()
                .flat_map(|it| names.iter().flat_map(|name| at(it, name)));
            values.last()
        };
        let group = first(["groupIds", "subresource_names"]);
        let target = first(["privateLinkServiceId", "private_connection_resource_id"]);
        let (Some(group), Some(target)) = (group, target) else {
            let message = format!("resource {} leads nowhere", endpoint.name);
            findings.push(Finding::new(&endpoint.place, message));
            continue;
        };
        let kinds: Vec<String> = referred(stack, target).into_iter().map(arm_type).collect();
        let has = |kind: &str| kinds.iter().any(|it| it == kind);
        let known = GROUPS
            .iter()
            .find(|(name, kind, _)| group.text() == Some(name) && has(kind));
        let Some((name, _, ways)) = known else {
            let there: Vec<&str> = (GROUPS.iter().filter(|(_, kind, _)| has(kind)))
                .map(|(name, ..)| *name)
                .collect();
            let similar = nearest(group.text().unwrap_or_default(), there.iter().copied());
            let message = format!(
                "resource {} leads to {group} of {target}, which has {}{similar}",
                endpoint.name,
                there.join(", ")
            );
            findings.push(Finding::new(&group.place, message));
            continue;
        };
        let zones = zones_of(stack, endpoint);
        if zones.is_empty() {
            let message = format!("resource {} has no private DNS zone", endpoint.name);
            findings.push(Finding::new(&endpoint.place, message));
        }
        for (written, zone) in zones {
            let called = zone.body.get("name").map(exact).unwrap_or_default();
            let is_way = |way: &&[&str]| way.iter().all(|word| called.contains(word));
            if !ways.iter().any(is_way) {
                let message = format!(
                    "resource {} leads to {name} and is found by the zone {} ({}), which is called {called} and not {}",
                    endpoint.name,
                    zone.name,
                    zone.place,
                    ways[0].join("\u{2026}")
                );
                findings.push(Finding::new(&written.place, message));
            }
        }
    }
    findings
}

/// The zones that an endpoint writes its address into, and where that is said.
fn zones_of<'a>(stack: &'a Stack, endpoint: &'a Resource) -> Vec<(&'a Expression, &'a Resource)> {
    let mut written = at(
        &endpoint.body,
        "private_dns_zone_group.private_dns_zone_ids",
    );
    for group in of_kind(stack, ZONE_GROUPS) {
        let parent = group.body.get("parent").map(sources).unwrap_or_default();
        if parent.contains(&format!("@{}", endpoint.name)) {
            let path = "properties.privateDnsZoneConfigs.properties.privateDnsZoneId";
            written.extend(at(&group.body, path));
        }
    }
    let zones = written.into_iter().flat_map(|id| {
        let zones = referred(stack, id).into_iter();
        zones
            .filter(|it| arm_type(it) == ZONES)
            .map(move |zone| (id, zone))
    });
    zones.collect()
}

/// Each zone is linked to the network, or nobody in it asks there.
pub fn zone_links(stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    for zone in of_kind(stack, ZONES) {
        let is_linked = of_kind(stack, LINKS).any(|link| {
            let zones = of(link, "parent", "private_dns_zone_id");
            let zones = zones.into_iter().map(sources);
            zones.flatten().any(|it| it == format!("@{}", zone.name))
        });
        if !is_linked {
            let message = format!("zone {} is linked to no network", zone.name);
            findings.push(Finding::new(&zone.place, message));
        }
    }
    findings
}

/// The subnet that the app sends from is delegated to what Flex Consumption runs on.
pub fn delegations(stack: &Stack) -> Vec<Finding> {
    const WANTED: &str = "Microsoft.App/environments";
    let mut findings = Vec::new();
    for site in of_kind(stack, "Microsoft.Web/sites") {
        let subnets = of(
            site,
            "properties.virtualNetworkSubnetId",
            "virtual_network_subnet_id",
        );
        let subnets: Vec<&Resource> = subnets.iter().flat_map(|it| referred(stack, it)).collect();
        if subnets.is_empty() {
            let message = "the app sends from no subnet of the stack";
            findings.push(Finding::new(&site.place, message));
        }
        for subnet in subnets {
            let delegated = of(
                subnet,
                "properties.delegations.properties.serviceName",
                "delegation.service_delegation.name",
            );
            if delegated.iter().all(|it| it.text() != Some(WANTED)) {
                let is: Vec<String> = delegated.iter().map(ToString::to_string).collect();
                let place = delegated.first().map_or(&subnet.place, |it| &it.place);
                let message = format!(
                    "subnet {} is delegated to {}, and {WANTED} is needed",
                    subnet.name,
                    match is.is_empty() {
                        true => "nobody".to_owned(),
                        false => is.join(", "),
                    }
                );
                findings.push(Finding::new(place, message));
            }
        }
    }
    findings
}
