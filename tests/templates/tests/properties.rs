//! The resources of both stacks and of the examples exist with their properties, arguments and values.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use common::{names, quiet, schema, templates};

#[test]
fn templates_can_be_read_and_every_name_is_declared_and_used() {
    let templates = templates();
    assert!(templates.bicep.len() > 10, "{}", templates.bicep.len());
    assert!(
        templates.terraform.len() > 3,
        "{}",
        templates.terraform.len()
    );
    quiet(&names(&templates));
}

#[test]
fn properties_of_bicep_resources_and_azapi_bodies_exist() {
    if let Some(schema) = schema("properties of Bicep resources and azapi bodies") {
        quiet(&schema.properties(&templates()));
    }
}

#[test]
fn arguments_of_terraform_resources_exist() {
    if let Some(schema) = schema("arguments of Terraform resources") {
        quiet(&schema.arguments(&templates()));
    }
}
