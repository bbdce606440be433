//! The identities in `infra` may do what the operations of this crate need, and nothing else.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The rights by kind of action, by the requests that its operations send.
const RIGHTS: [(&str, &[&str]); 4] = [
    (
        "add-tag",
        &[
            // GET …/resources of a subscription, and of a resource group.
            "Microsoft.Resources/subscriptions/resources/read",
            "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
            // GET and PATCH …/tags/default.
            "Microsoft.Resources/tags/read",
            "Microsoft.Resources/tags/write",
        ],
    ),
    (
        "automation",
        &[
            // PUT …/jobs/ID, which starts a runbook that the caller may see.
            "Microsoft.Automation/automationAccounts/jobs/write",
            "Microsoft.Automation/automationAccounts/runbooks/read",
        ],
    ),
    (
        "deallocate-vms",
        &[
            "Microsoft.Compute/virtualMachines/read",
            "Microsoft.Compute/virtualMachines/instanceView/read",
            "Microsoft.Compute/virtualMachines/deallocate/action",
            "Microsoft.Compute/virtualMachines/start/action",
        ],
    ),
    (
        "scale-plan",
        // GET and PUT of the plan.
        &[
            "Microsoft.Web/serverfarms/read",
            "Microsoft.Web/serverfarms/write",
        ],
    ),
];

/// The table `rights` of a template: each kind with its rights. Kinds stand before `[`, rights are
/// quoted, and the table ends with a line that only closes it.
fn table(path: &str) -> Vec<(String, BTreeSet<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
    let text = fs::read_to_string(root.join(path)).unwrap();
    let lines = text.lines().skip_while(|line| {
        let line = line.trim();
        !(line.ends_with("rights = {"))
    });
    let mut found: Vec<(String, BTreeSet<String>)> = Vec::new();
    for line in lines.skip(1) {
        let line = line.trim();
        if line == "}" {
            break;
        }
        let word: String = line
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || "./-".contains(*c))
            .collect();
        if line.ends_with('[') {
            found.push((word, BTreeSet::new()));
        } else if !word.is_empty() {
            found.last_mut().unwrap().1.insert(word);
        }
    }
    found
}

#[test]
fn both_templates_grant_just_what_operations_need() {
    let expected: Vec<(String, BTreeSet<String>)> = RIGHTS
        .iter()
        .map(|(kind, rights)| {
            let rights = rights.iter().map(|right| (*right).to_owned());
            ((*kind).to_owned(), rights.collect())
        })
        .collect();
    assert_eq!(table("bicep/action-identity.bicep"), expected);
    assert_eq!(table("terraform/action-identity/main.tf"), expected);
}

#[test]
fn nothing_is_granted_by_a_wildcard() {
    for path in [
        "bicep/action-identity.bicep",
        "terraform/action-identity/main.tf",
    ] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
        let text = fs::read_to_string(root.join(path)).unwrap();
        assert!(!text.contains("/*\"") && !text.contains("/*'"), "{path}");
    }
}
