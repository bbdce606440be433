//! The table of roles in `infra/README.md`, by which people assign them where templates may not.

use std::collections::BTreeSet;

use super::roles::{ROLES, Role, roles_of};
use crate::finding::{Finding, Place};
use crate::project::Project;
use crate::stack::Stack;

const README: &str = "infra/README.md";

/// What the table calls whoever has a role.
const WHO: [(&str, &str); 4] = [
    ("@cost_export", "identity of an export"),
    ("@export_topic", "identity of the Event Grid topic"),
    ("@identity", "identity of the app"),
    ("deployment_principal_id", "`deploymentPrincipalId`"),
];

/// What the table calls that on which a role is.
const ON: [(&str, &str); 8] = [
    ("@communication_service", "mail service"),
    ("@component", "Application Insights"),
    ("@config_container", "`config`"),
    ("@export_container", "`exports`"),
    ("@queues[exports]", "queue `exports`"),
    ("@storage", "storage account"),
    ("@vault", "vault"),
    ("a subscription", "subscription"),
];

/// A line of the table.
struct Row {
    place: Place,
    who: String,
    roles: BTreeSet<&'static str>,
    on: String,
}

/// The roles that a text names. One name may end like another: Reader, Billing Reader.
fn named(text: &str) -> BTreeSet<&'static str> {
    let mut text = text.to_owned();
    let mut known = ROLES.map(|(_, name)| name);
    known.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let mut found = BTreeSet::new();
    for name in known {
        if text.contains(name) {
            text = text.replace(name, "");
            found.insert(name);
        }
    }
    found
}

fn rows(project: &Project) -> Vec<Row> {
    let text = project.text(README).unwrap_or_default();
    let mut rows: Vec<Row> = Vec::new();
    let lines = text.lines().enumerate();
    let lines = lines.skip_while(|(_, line)| *line != "## Roles").skip(1);
    for (at, line) in lines.take_while(|(_, line)| !line.starts_with("## ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, who, role, on, ..] = cells[..] else {
            continue;
        };
        if who == "Who" || who.starts_with("---") {
            continue;
        }
        let who = match who {
            "" => rows.last().map(|row| row.who.clone()).unwrap_or_default(),
            who => who.to_owned(),
        };
        rows.push(Row {
            place: Place::new(README, at + 1),
            who,
            roles: named(role),
            on: on.to_owned(),
        });
    }
    rows
}

fn called(names: &[(&'static str, &'static str)], name: &str) -> Option<&'static str> {
    let named = names.iter().find(|(known, _)| name.contains(known));
    named.map(|(_, called)| *called)
}

/// Each role that a stack assigns stands in the table with who has it and on what.
pub fn roles_in_table(project: &Project, stack: &Stack) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rows = rows(project);
    for role in roles_of(stack).0 {
        let Role {
            name,
            target,
            principal,
            ..
        } = &role;
        let (who, on) = (called(&WHO, principal), called(&ON, target));
        let has = |row: &Row| {
            row.roles.contains(name.as_str())
                && who.is_none_or(|who| row.who == who)
                && on.is_none_or(|on| row.on.contains(on))
        };
        if !rows.iter().any(has) {
            let message = format!(
                "the table of roles in {README} has no line with {name} of {} on {}",
                who.unwrap_or(principal),
                on.unwrap_or(target)
            );
            findings.push(Finding::new(&role.place, message));
        }
    }
    findings
}

/// The table names roles that exist and that one of the stacks assigns.
pub fn table_of_roles(project: &Project, stacks: &[&Stack]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let assigned: Vec<Role> = stacks.iter().flat_map(|it| roles_of(it).0).collect();
    let rows = rows(project);
    if rows.is_empty() {
        findings.push(Finding::of_file(README, "there is no table under ## Roles"));
    }
    for row in rows {
        if row.roles.is_empty() {
            findings.push(Finding::new(&row.place, "names no role that is known"));
        }
        for name in row.roles {
            if !assigned.iter().any(|it| it.name == name) {
                let message = format!("no template assigns the role {name}");
                findings.push(Finding::new(&row.place, message));
            }
        }
    }
    findings
}
