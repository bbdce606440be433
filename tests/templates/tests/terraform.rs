//! Terraform itself makes of the templates what it would make of them in Azure: it reads, plans and applies
//! them, with stand-ins for the providers that have the schemas of the real ones and do nothing
//! (`tests/python/terraform.py`).
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use common::{root, templates};
use serde_json::Value;
use tempfile::TempDir;
use templates::schema_folder;
use templates::terraform::Mode;
use tests::node::left_out;
use tests::python::TOOLS;

const SUBSCRIPTION: &str = "subscription_id=cb19a59e-9d05-4c18-ae1a-2d33f2a0af56";

/// A copy of `infra`, in which Terraform writes its state; `None` if Terraform or the schemas are missing.
fn copy(what: &str) -> Option<TempDir> {
    common::schema(what)?;
    if !TOOLS.available(what) {
        return None;
    }
    let copy = TempDir::new().unwrap();
    let (code, text) = terraform(copy.path(), ".", &["-version"]);
    if code == Some(3) {
        // There is none for every platform.
        left_out(what, text.trim());
        return None;
    }
    for (path, text) in common::project().files("infra/", "") {
        let path = copy.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Some(copy)
}

/// What a folder's Terraform says and ends with.
fn terraform(copy: &Path, folder: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = TOOLS.command("terraform.py");
    command
        .arg(format!("-chdir={folder}"))
        .args(arguments)
        .current_dir(copy)
        .stdin(Stdio::null())
        .env("SPENDWATCH_INFRA_SCHEMA", schema_folder(&root()).unwrap());
    let output = command.output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

/// Deploys a folder, and once more, which must find nothing to do. Returns the state.
#[track_caller]
fn deployed(copy: &Path, folder: &str, variables: &[&str]) -> String {
    let step = |words: &[&str]| {
        let mut arguments = words.to_vec();
        if words[0] != "init" && words[0] != "validate" {
            for variable in variables {
                arguments.extend(["-var", variable]);
            }
        }
        let (code, text) = terraform(copy, folder, &arguments);
        assert_eq!(code, Some(0), "{folder}: {arguments:?}\n{text}");
    };
    step(&["init", "-no-color", "-input=false"]);
    step(&["validate", "-no-color"]);
    step(&["apply", "-no-color", "-input=false", "-auto-approve"]);
    // Ends with 2 if there is something to do.
    step(&["plan", "-no-color", "-input=false", "-detailed-exitcode"]);
    fs::read_to_string(copy.join(folder).join("terraform.tfstate")).unwrap()
}

/// The kinds and names of what a state holds, sorted.
fn resources(state: &str) -> Vec<String> {
    let state: Value = serde_json::from_str(state).unwrap();
    let resources = state["resources"].as_array().unwrap();
    let mut found: Vec<String> = resources
        .iter()
        .filter(|it| it["mode"] == "managed")
        .map(|it| {
            format!(
                "{}.{}",
                it["type"].as_str().unwrap(),
                it["name"].as_str().unwrap()
            )
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn examples_are_deployed_and_then_stay() {
    let Some(copy) = copy("deploying the examples by Terraform") else {
        return;
    };
    let deploy = |example: &str, more: &[&str]| {
        let folder = format!("infra/examples/{example}/terraform");
        let mut variables = vec![SUBSCRIPTION, r#"alert_emails=["you@contoso.example"]"#];
        variables.extend(more);
        let state = deployed(copy.path(), &folder, &variables);
        let outputs: Value = serde_json::from_str(&state).unwrap();
        let outputs = outputs["outputs"]["spendwatch"]["value"].clone();
        let mut told: Vec<&str> = outputs
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        told.sort_unstable();
        let templates = templates();
        let main = templates
            .terraform
            .iter()
            .find(|it| it.path == "infra/terraform/main");
        let mut declared: Vec<&str> = main
            .unwrap()
            .outputs
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        declared.sort_unstable();
        assert_eq!(told, declared);
        resources(&state)
    };
    let one = deploy("one-subscription", &[]);
    assert!(
        one.contains(&"azurerm_role_assignment.mail_role".to_owned()),
        "{one:?}"
    );
    let many = deploy(
        "many-subscriptions",
        &[
            "management_group=contoso",
            r#"export_subscription_ids=["cb19a59e-9d05-4c18-ae1a-2d33f2a0af56"]"#,
            "apply_native_budgets=true",
        ],
    );
    assert!(
        many.contains(&"azapi_resource.cost_export".to_owned()),
        "{many:?}"
    );
    let billing = deploy(
        "billing-scope",
        &[
            "billing_account=12345678",
            "billing_role=24f8edb6-1668-4659-b5e2-40bb5f3a7d7e",
        ],
    );
    assert!(
        billing.contains(&"azapi_resource.billing_role".to_owned()),
        "{billing:?}"
    );
}

/// All that may be asked for, at once; a key that only the deployment sees is in no state.
#[test]
fn everything_is_deployed_without_a_secret_in_the_state() {
    let Some(copy) = copy("deploying everything by Terraform") else {
        return;
    };
    let folder = "infra/examples/everything";
    fs::create_dir_all(copy.path().join(folder)).unwrap();
    let example = "infra/examples/one-subscription/terraform/main.tf";
    let example = fs::read_to_string(copy.path().join(example)).unwrap();
    let providers = example.split("variable \"location\"").next().unwrap();
    let main = format!(
        r#"{providers}
module "identity" {{
  source                  = "../../terraform/action-identity"
  subscription_id         = var.subscription_id
  identity_resource_group = "spendwatch"
  location                = "westeurope"
  kinds                   = ["deallocate-vms"]
  resource_groups         = ["test"]
}}

module "spendwatch" {{
  source                      = "../../terraform/main"
  resource_group_name         = "spendwatch"
  location                    = "westeurope"
  name                        = "costs"
  name_suffix                 = "prod1"
  tags                        = {{ team = "finops" }}
  config_source               = "blob"
  subscription_ids            = [var.subscription_id, "11111111-1111-1111-1111-111111111111"]
  apply_native_budgets        = true
  read_action_groups          = true
  secret_settings             = {{ TEAMS_WEBHOOK_URL = "teams-webhook-url" }}
  extra_settings              = {{ OTEL_SERVICE_NAME = "costs" }}
  action_identity_id          = module.identity.identity_id
  action_client_id            = module.identity.client_id
  otlp_endpoint               = "https://otlp.contoso.example"
  network_mode                = "private"
  public_inbound              = false
  enable_action_group         = true
  native_alert_object_id      = "22222222-2222-2222-2222-222222222222"
  native_alert_identifier_uri = "api://33333333-3333-3333-3333-333333333333"
  enable_cost_export          = true
  export_scope                = "/subscriptions/${{var.subscription_id}}"
  enable_communication        = true
  email_domain_ids            = ["/subscriptions/${{var.subscription_id}}/resourceGroups/mail/providers/Microsoft.Communication/emailServices/mail/domains/contoso.example"]
  alert_emails                = ["you@contoso.example"]
  deployment_principal_id     = "44444444-4444-4444-4444-444444444444"
}}
"#
    );
    fs::write(copy.path().join(folder).join("main.tf"), main).unwrap();
    let state = deployed(copy.path(), folder, &[SUBSCRIPTION]);
    assert!(state.contains("func-costs-prod1"), "{state}");
    // What the stand-in says that the key of the function is.
    assert!(!state.contains("a-key-of-the-function"), "{state}");
    // Nothing that the modules can make is missing.
    let found = resources(&state);
    let templates = templates();
    let modules = templates
        .terraform
        .iter()
        .filter(|it| it.path.starts_with("infra/terraform/"));
    let made = modules.flat_map(|it| &it.resources);
    for resource in made.filter(|it| it.mode == Mode::Managed) {
        let name = format!("{}.{}", resource.kind, resource.name);
        // The reader's role is part of the contributor's.
        assert!(
            resource.name == "cost_reader_role" || found.contains(&name),
            "{name} is not in {found:#?}"
        );
    }
}

/// Mistakes that only Terraform can see.
#[test]
fn mistakes_are_refused() {
    let Some(copy) = copy("mistakes in Terraform") else {
        return;
    };
    let folder = "infra/examples/one-subscription/terraform";
    let (code, text) = terraform(copy.path(), folder, &["init", "-no-color"]);
    assert_eq!(code, Some(0), "{text}");
    let file = copy.path().join("infra/terraform/main/main.tf");
    let right = fs::read_to_string(&file).unwrap();
    let plan = |variables: &[&str]| {
        let mut arguments = vec!["plan", "-no-color", "-input=false", "-var", SUBSCRIPTION];
        for variable in variables {
            arguments.extend(["-var", variable]);
        }
        terraform(copy.path(), folder, &arguments)
    };
    let mails = "alert_emails=[]";
    let (code, text) = plan(&[mails]);
    assert_eq!(code, Some(0), "{text}");

    let mistakes = [
        // A type that is not the argument's.
        (
            "for_each = toset(local.queue_names)",
            "for_each = local.queue_names",
            "Invalid for_each argument",
        ),
        // Known only after an apply.
        (
            "for_each = toset(local.queue_names)",
            "for_each = toset([azurerm_storage_account.storage.id])",
            "Invalid for_each argument",
        ),
        (
            "tags                = var.tags",
            "tags                = [\"a\"]",
            "Incorrect attribute value type",
        ),
    ];
    for (from, to, said) in mistakes {
        assert!(right.contains(from), "{from}");
        fs::write(&file, right.replace(from, to)).unwrap();
        let (code, text) = plan(&[mails]);
        assert!(code == Some(1) && text.contains(said), "{to}: {text}");
    }
    fs::write(&file, &right).unwrap();
    let outputs = copy.path().join("infra/terraform/main/outputs.tf");
    let told = fs::read_to_string(&outputs).unwrap();
    let key = "output \"key\" {\n  value = azurerm_storage_account.storage.primary_access_key\n}\n";
    fs::write(&outputs, format!("{told}{key}")).unwrap();
    let (code, text) = plan(&[mails]);
    assert!(
        code == Some(1) && text.contains("Output refers to sensitive values"),
        "{text}"
    );
    fs::write(&outputs, told).unwrap();
    let (code, text) = plan(&["alert_emails=you@contoso.example"]);
    assert!(code == Some(1) && text.contains("Invalid"), "{text}");
}
