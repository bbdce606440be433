//! What must be the same in Bicep, in Terraform, in the function folders, in the handler and in the
//! documents.

mod app;
mod commands;
mod conditions;
mod documents;
mod functions;
mod local;
mod network;
mod only_terraform;
mod pairs;
mod parameters;
mod queries;
mod resources;
mod role_table;
mod roles;
mod settings;
mod triggers;
mod values;
mod watching;

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Finding, Place, nearest};
use crate::project::{Project, Templates};
use crate::stack::Stack;

pub use app::{
    SETTING_VALUES, dependencies, fixed_values, identity, made_first, receivers, secret_references,
};
pub use commands::commands;
pub use conditions::conditions;
pub use documents::{alert_rules, developer_cli, documented, filled_in, loaded_files};
pub use functions::{containers, queues, routes, settings_of_functions};
pub use local::{local_settings, package_of_developer_cli};
pub use network::{delegations, endpoints, zone_links};
pub use only_terraform::only_terraform;
pub use pairs::pairs;
pub use parameters::{outputs, parameters};
pub use queries::queries;
pub use resources::{arm_type, bodies, files, names, resources};
pub use role_table::{roles_in_table, table_of_roles};
pub use roles::{NEEDED_ROLES, ROLES, known_roles, needed_roles, roles};
pub use settings::{REFUSED_SETTINGS, settings, settings_read};
pub use triggers::{host, schedules, triggers};
pub use watching::{events, known_functions, logs, referred_by_name, windows};

/// What the stacks are compared with.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The routes of the handler, which are called like the function folders.
    pub routes: &'a [&'a str],
    /// The queues that the code uses.
    pub queues: &'a [&'a str],
    /// The containers that the code and the deployment use.
    pub containers: &'a [&'a str],
    /// The settings that the handler reads.
    pub settings: &'a BTreeSet<String>,
    /// The alert rules that there must be, by the last words of their names.
    pub rules: &'a [&'a str],
}

/// The file and the folder of the main stack.
pub const MAIN: (&str, &str) = ("infra/bicep/main.bicep", "infra/terraform/main");

/// What is deployed for each scope whose costs are read. Terraform has one folder for all kinds of them.
pub const SCOPES: [(&str, &str); 2] = [
    (
        "infra/bicep/scope/subscription.bicep",
        "infra/terraform/scope",
    ),
    (
        "infra/bicep/scope/management-group.bicep",
        "infra/terraform/scope",
    ),
];

/// The stacks of a file and a folder.
///
/// # Errors
///
/// If the one or the other is not there, or anything cannot be read.
pub fn stacks(templates: &Templates, pair: (&str, &str)) -> Result<(Stack, Stack), Vec<Finding>> {
    if !templates.unread.is_empty() {
        return Err(templates.unread.clone());
    }
    let bicep = crate::stack::of_bicep(&templates.bicep, pair.0);
    let terraform = crate::stack::of_terraform(&templates.terraform, pair.1);
    let absent = |file: &str| vec![Finding::of_file(file, "is not there")];
    let bicep = bicep.ok_or_else(|| absent(pair.0))?;
    let terraform = terraform.ok_or_else(|| absent(pair.1))?;
    Ok((bicep, terraform))
}

/// Everything that this module checks.
pub fn all(project: &Project, templates: &Templates, facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = loaded_files(project, templates);
    findings.extend(routes(project, facts.routes));
    findings.extend(triggers(project));
    findings.extend(host(project));
    findings.extend(known_functions(project, templates));
    findings.extend(only_terraform(templates));
    findings.extend(queries(project));
    findings.extend(commands(project, templates));
    findings.extend(local_settings(project, facts.settings));
    findings.extend(package_of_developer_cli(project, templates));
    findings.extend(developer_cli(project, templates));
    findings.extend(documented_roles(project, templates));
    match stacks(templates, MAIN) {
        Ok((bicep, terraform)) => {
            findings.extend(same(&bicep, &terraform));
            findings.extend(settings(&bicep, &terraform));
            for stack in [&bicep, &terraform] {
                findings.extend(deployable(project, stack));
                findings.extend(referred_by_name(templates, stack));
                findings.extend(needed_roles(stack));
                findings.extend(settings_read(stack, facts.settings));
                findings.extend(settings_of_functions(project, stack));
                findings.extend(queues(project, stack, facts.queues));
                findings.extend(containers(stack, facts.containers));
                findings.extend(alert_rules(project, stack, facts.rules));
                findings.extend(documented(project, stack));
                findings.extend(filled_in(project, stack));
            }
        }
        Err(unread) => findings.extend(unread),
    }
    for pair in SCOPES {
        match stacks(templates, pair) {
            Ok((bicep, terraform)) => {
                findings.extend(same(&bicep, &terraform));
            }
            Err(unread) => findings.extend(unread),
        }
    }
    findings.sort();
    findings.dedup();
    findings
}

/// The table of roles says what all stacks assign, and nothing else.
pub fn documented_roles(project: &Project, templates: &Templates) -> Vec<Finding> {
    let pairs = std::iter::once(MAIN).chain(SCOPES);
    let stacks = pairs.filter_map(|pair| stacks(templates, pair).ok());
    let stacks: Vec<Stack> = stacks.flat_map(|(one, other)| [one, other]).collect();
    let all: Vec<&Stack> = stacks.iter().collect();
    let mut findings = table_of_roles(project, &all);
    for stack in all {
        findings.extend(roles_in_table(project, stack));
    }
    findings
}

/// What Azure, the host and the handler want of each stack, also where both are wrong.
pub fn deployable(project: &Project, stack: &Stack) -> Vec<Finding> {
    let mut findings = fixed_values(stack);
    findings.extend(identity(stack));
    findings.extend(secret_references(stack));
    findings.extend(made_first(stack));
    findings.extend(receivers(project, stack));
    findings.extend(endpoints(stack));
    findings.extend(zone_links(stack));
    findings.extend(delegations(stack));
    findings.extend(logs(stack));
    findings.extend(windows(project, stack));
    findings.extend(schedules(project, stack));
    findings.extend(events(project, stack));
    findings
}

/// What is the same in both languages, whatever a stack is for.
pub fn same(bicep: &Stack, terraform: &Stack) -> Vec<Finding> {
    let mut findings = resources(bicep, terraform);
    findings.extend(names(bicep, terraform));
    findings.extend(conditions(bicep, terraform));
    findings.extend(files(bicep, terraform));
    findings.extend(bodies(bicep, terraform));
    findings.extend(pairs(bicep, terraform));
    findings.extend(dependencies(bicep, terraform));
    findings.extend(known_roles(bicep));
    findings.extend(known_roles(terraform));
    findings.extend(roles(bicep, terraform));
    findings.extend(parameters(bicep, terraform));
    findings.extend(outputs(bicep, terraform));
    findings
}

/// Findings for what stands in one of two collections only.
fn differ<'a, V: 'a>(
    what: &str,
    one: (&Stack, &'a BTreeMap<String, (Place, V)>),
    other: (&Stack, &'a BTreeMap<String, (Place, V)>),
    findings: &mut Vec<Finding>,
) {
    for ((here, mine), (there, theirs)) in [(one, other), (other, one)] {
        for (name, (place, _)) in mine {
            if !theirs.contains_key(name) {
                let known = theirs.keys().filter(|it| !mine.contains_key(*it));
                let similar = nearest(name, known.map(String::as_str));
                let message = format!(
                    "{what} {name} is in {} and not in {} ({}){similar}",
                    here.language, there.language, there.place
                );
                findings.push(Finding::new(place, message));
            }
        }
    }
}
