//! The resources of both stacks and of the examples exist with their properties, arguments and values.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use common::{project, quiet, schema};
use templates::{bicep, references, terraform};

#[test]
fn templates_can_be_read_and_every_name_is_declared_and_used() {
    let project = project();
    let (templates, mut findings) = bicep::read_all(&project);
    let (folders, of_terraform) = terraform::read_all(&project);
    assert!(!templates.is_empty() && !folders.is_empty());
    findings.extend(of_terraform);
    findings.extend(references::of_bicep(&templates));
    findings.extend(references::of_terraform(&folders));
    quiet(&findings);
}

#[test]
fn properties_of_bicep_resources_and_azapi_bodies_exist() {
    let Some(schema) = schema("properties of Bicep resources and azapi bodies") else {
        return;
    };
    let project = project();
    let mut findings = Vec::new();
    for template in bicep::read_all(&project).0 {
        findings.extend(schema.types.check_bicep(&template));
    }
    for folder in terraform::read_all(&project).0 {
        findings.extend(schema.types.check_azapi(&folder));
    }
    quiet(&findings);
}

#[test]
fn arguments_of_terraform_resources_exist() {
    let Some(schema) = schema("arguments of Terraform resources") else {
        return;
    };
    let mut findings = Vec::new();
    for folder in terraform::read_all(&project()).0 {
        findings.extend(schema.provider.check(&folder));
    }
    quiet(&findings);
}
