//! Bicep, Terraform, the function folders, the handler and the documents say the same.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use common::{facts, project, quiet, settings, templates};
use templates::Finding;
use templates::consistency::{self, MAIN, SCOPES};
use templates::stack::Stack;

fn stacks(pair: (&str, &str)) -> (Stack, Stack) {
    match consistency::stacks(&templates(), pair) {
        Ok(stacks) => stacks,
        Err(findings) => {
            quiet(&findings);
            unreachable!("there is a finding if there are no stacks");
        }
    }
}

/// What a check finds in either stack.
fn in_both(check: impl Fn(&Stack) -> Vec<Finding>) -> Vec<Finding> {
    let (bicep, terraform) = stacks(MAIN);
    [&bicep, &terraform].into_iter().flat_map(check).collect()
}

#[test]
fn both_stacks_have_the_same_resources_roles_parameters_and_outputs() {
    let (bicep, terraform) = stacks(MAIN);
    assert!(bicep.resources.len() > 40, "{}", bicep.resources.len());
    assert!(
        terraform.resources.len() > 40,
        "{}",
        terraform.resources.len()
    );
    quiet(&consistency::same(&bicep, &terraform));
}

#[test]
fn so_has_what_is_deployed_for_each_scope() {
    for pair in SCOPES {
        let (bicep, terraform) = stacks(pair);
        quiet(&consistency::same(&bicep, &terraform));
    }
}

#[test]
fn both_stacks_write_the_settings_that_are_read() {
    let (bicep, terraform) = stacks(MAIN);
    quiet(&consistency::settings(&bicep, &terraform));
    let settings = settings();
    assert!(settings.len() > 10, "{settings:?}");
    quiet(&in_both(|it| consistency::settings_read(it, &settings)));
    quiet(&in_both(|it| {
        consistency::settings_of_functions(&project(), it)
    }));
}

#[test]
fn the_identity_has_the_roles_that_it_needs() {
    quiet(&in_both(consistency::needed_roles));
}

#[test]
fn queues_and_containers_are_made() {
    let settings = settings();
    let facts = facts(&settings);
    quiet(&in_both(|it| {
        consistency::queues(&project(), it, facts.queues)
    }));
    quiet(&in_both(|it| consistency::containers(it, facts.containers)));
}

#[test]
fn function_folders_are_the_routes_of_the_handler() {
    quiet(&consistency::routes(&project(), &function_app::NAMES));
}

#[test]
fn alert_rules_lead_to_the_runbook() {
    let settings = settings();
    let facts = facts(&settings);
    quiet(&in_both(|it| {
        consistency::alert_rules(&project(), it, facts.rules)
    }));
}

#[test]
fn parameters_and_outputs_are_documented_and_files_are_there() {
    quiet(&in_both(|it| consistency::documented(&project(), it)));
    quiet(&consistency::loaded_files(&project(), &templates()));
}

#[test]
fn the_azure_developer_cli_finds_what_it_deploys() {
    quiet(&consistency::developer_cli(&project(), &templates()));
}

#[test]
fn both_stacks_are_what_azure_the_host_and_the_handler_want() {
    quiet(&in_both(|it| consistency::deployable(&project(), it)));
    quiet(&in_both(|it| {
        consistency::referred_by_name(&templates(), it)
    }));
    quiet(&consistency::only_terraform(&templates()));
}

#[test]
fn functions_and_host_are_set_up_as_they_are_meant_to_be() {
    quiet(&consistency::triggers(&project()));
    quiet(&consistency::known_functions(&project(), &templates()));
    quiet(&consistency::host(&project()));
}

#[test]
fn queries_are_made_of_known_words_and_read_lines_that_are_logged() {
    quiet(&consistency::queries(&project()));
}

#[test]
fn commands_in_documents_name_what_there_is() {
    quiet(&consistency::commands(&project(), &templates()));
}

#[test]
fn the_table_of_roles_is_what_is_assigned() {
    quiet(&consistency::documented_roles(&project(), &templates()));
}

#[test]
fn settings_for_a_local_host_are_read_and_the_developer_cli_deploys_what_is_made() {
    quiet(&consistency::local_settings(&project(), &settings()));
    quiet(&consistency::package_of_developer_cli(
        &project(),
        &templates(),
    ));
}
