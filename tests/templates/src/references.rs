//! Names that nothing declares, what is declared and not used, functions that do not exist, modules
//! called with the wrong parameters, and secrets among the outputs.

use std::collections::{BTreeMap, BTreeSet};

use crate::bicep;
use crate::expression::{Expression, Property, Value};
use crate::finding::{Finding, Place, nearest};
use crate::model::{Output, Parameter};
use crate::terraform::{self, Body, Mode};

/// Functions of Bicep that templates may call.
const BICEP_FUNCTIONS: [&str; 84] = [
    "any",
    "array",
    "base64",
    "base64ToString",
    "bool",
    "cidrHost",
    "cidrSubnet",
    "coalesce",
    "concat",
    "contains",
    "dateTimeAdd",
    "dateTimeFromEpoch",
    "dateTimeToEpoch",
    "deployer",
    "deployment",
    "distinct",
    "empty",
    "endsWith",
    "environment",
    "extensionResourceId",
    "fail",
    "filter",
    "first",
    "flatten",
    "format",
    "getSecret",
    "groupBy",
    "guid",
    "indexOf",
    "int",
    "intersection",
    "items",
    "join",
    "json",
    "last",
    "lastIndexOf",
    "length",
    "listAccountSas",
    "listKeys",
    "loadFileAsBase64",
    "loadJsonContent",
    "loadTextContent",
    "loadYamlContent",
    "managementGroup",
    "managementGroupResourceId",
    "map",
    "mapValues",
    "max",
    "min",
    "newGuid",
    "objectKeys",
    "padLeft",
    "parseCidr",
    "pickZones",
    "range",
    "reduce",
    "reference",
    "replace",
    "resourceGroup",
    "resourceId",
    "shallowMerge",
    "skip",
    "sort",
    "split",
    "startsWith",
    "string",
    "subscription",
    "subscriptionResourceId",
    "substring",
    "take",
    "tenant",
    "tenantResourceId",
    "toLogicalZone",
    "toLower",
    "toObject",
    "toUpper",
    "trim",
    "tryGet",
    "union",
    "uniqueString",
    "uri",
    "uriComponent",
    "uriComponentToString",
    "utcNow",
];

/// Functions of Terraform that templates may call.
const TERRAFORM_FUNCTIONS: [&str; 98] = [
    "abs",
    "alltrue",
    "anytrue",
    "base64decode",
    "base64encode",
    "base64gzip",
    "base64sha256",
    "basename",
    "can",
    "ceil",
    "chomp",
    "chunklist",
    "cidrhost",
    "cidrnetmask",
    "cidrsubnet",
    "cidrsubnets",
    "coalesce",
    "coalescelist",
    "compact",
    "concat",
    "contains",
    "csvdecode",
    "dirname",
    "distinct",
    "element",
    "endswith",
    "file",
    "filebase64",
    "fileexists",
    "fileset",
    "filesha256",
    "flatten",
    "floor",
    "format",
    "formatdate",
    "formatlist",
    "indent",
    "index",
    "issensitive",
    "join",
    "jsondecode",
    "jsonencode",
    "keys",
    "length",
    "lookup",
    "lower",
    "matchkeys",
    "max",
    "md5",
    "merge",
    "min",
    "nonsensitive",
    "one",
    "parseint",
    "pathexpand",
    "plantimestamp",
    "provider::azapi::build_resource_id",
    "provider::azapi::parse_resource_id",
    "provider::azapi::unique_string",
    "range",
    "regex",
    "regexall",
    "replace",
    "reverse",
    "sensitive",
    "setintersection",
    "setproduct",
    "setsubtract",
    "setunion",
    "sha1",
    "sha256",
    "signum",
    "slice",
    "sort",
    "split",
    "startswith",
    "strcontains",
    "strrev",
    "substr",
    "sum",
    "templatefile",
    "timeadd",
    "title",
    "tobool",
    "tolist",
    "tomap",
    "tonumber",
    "toset",
    "tostring",
    "transpose",
    "trim",
    "trimprefix",
    "trimspace",
    "trimsuffix",
    "try",
    "upper",
    "uuidv5",
    "values",
];

/// What Azure gives out that lets its holder in. Attributes of Terraform and properties of Azure.
const SECRETS: [&str; 22] = [
    "access_key",
    "connection_string",
    "instrumentation_key",
    "master_key",
    "primary_access_key",
    "primary_blob_connection_string",
    "primary_connection_string",
    "primary_key",
    "primary_shared_key",
    "secondary_access_key",
    "secondary_connection_string",
    "secondary_key",
    "secondary_shared_key",
    "default_function_key",
    "primary_function_key",
    "site_credential",
    "client_secret",
    "secret_value",
    "connectionString",
    "ConnectionString",
    "InstrumentationKey",
    "password",
];

/// Calls `see` with each expression and the loop and lambda names that hold there.
fn scoped<'a>(
    expression: &'a Expression,
    bound: &mut Vec<String>,
    see: &mut impl FnMut(&'a Expression, &[String]),
) {
    see(expression, bound);
    match &expression.value {
        Value::Each(each) => {
            scoped(&each.over, bound, see);
            let before = bound.len();
            bound.extend(each.names.iter().cloned());
            for inner in each.key.iter().chain([&each.value]).chain(&each.condition) {
                scoped(inner, bound, see);
            }
            bound.truncate(before);
        }
        Value::Lambda(names, body) => {
            let before = bound.len();
            bound.extend(names.iter().cloned());
            scoped(body, bound, see);
            bound.truncate(before);
        }
        _ => {
            for child in expression.children() {
                scoped(child, bound, see);
            }
        }
    }
}

/// A name and the members after it: `var.x.y` gives `["var", "x", "y"]`; an index ends it.
fn path(expression: &Expression) -> Option<Vec<&str>> {
    match &expression.value {
        Value::Name(name) => Some(vec![name]),
        Value::Member(object, name) => {
            let mut path = path(object)?;
            path.push(name);
            Some(path)
        }
        Value::Index(object, _) => path(object),
        _ => None,
    }
}

/// What is wrong with the names in Bicep files.
pub fn of_bicep(templates: &[bicep::Template]) -> Vec<Finding> {
    let by_file: BTreeMap<&str, &bicep::Template> = templates
        .iter()
        .map(|template| (&*template.file, template))
        .collect();
    let mut findings = Vec::new();
    for template in templates {
        bicep_names(template, &by_file, &mut findings);
        for module in &template.modules {
            bicep_module(template, module, &by_file, &mut findings);
        }
        for output in &template.outputs {
            let secret = bicep_secret(template, &output.value, &mut BTreeSet::new());
            tell_secret(output, secret, &mut findings);
        }
    }
    findings
}

/// All expressions of a file, with the names of the loops around them.
fn bicep_expressions(template: &bicep::Template) -> Vec<(&Expression, Vec<String>)> {
    let mut all: Vec<(&Expression, Vec<String>)> = Vec::new();
    let plain = (template.parameters.iter()).filter_map(|it| it.default.as_ref());
    let plain = plain.chain(template.variables.iter().map(|it| &it.value));
    let plain = plain.chain(template.outputs.iter().map(|it| &it.value));
    all.extend(plain.map(|expression| (expression, Vec::new())));
    let resources = (template.resources.iter()).map(|it| (&it.condition, &it.each, &it.body));
    let modules = (template.modules.iter()).map(|it| (&it.condition, &it.each, &it.body));
    for (condition, each, body) in resources.chain(modules) {
        let names = each.as_ref().map(|it| it.names.clone()).unwrap_or_default();
        all.extend(each.iter().map(|it| (&it.over, Vec::new())));
        let inner = condition.iter().chain([body]);
        all.extend(inner.map(|expression| (expression, names.clone())));
    }
    all
}

fn bicep_names(
    template: &bicep::Template,
    by_file: &BTreeMap<&str, &bicep::Template>,
    findings: &mut Vec<Finding>,
) {
    let mut declared: BTreeSet<&str> = BTreeSet::new();
    declared.extend(template.parameters.iter().map(|it| it.name.as_str()));
    declared.extend(template.variables.iter().map(|it| it.name.as_str()));
    declared.extend(template.resources.iter().map(|it| it.name.as_str()));
    declared.extend(template.modules.iter().map(|it| it.name.as_str()));
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for (expression, names) in bicep_expressions(template) {
        scoped(
            expression,
            &mut names.clone(),
            &mut |inner, bound| match &inner.value {
                Value::Name(name) => {
                    if bound.contains(name) {
                        return;
                    }
                    used.insert(name);
                    if !declared.contains(name.as_str()) {
                        let similar = nearest(name, declared.iter().copied());
                        let message = format!("nothing here is called {name}{similar}");
                        findings.push(Finding::new(&inner.place, message));
                    }
                }
                Value::Call { on: None, name, .. } if !BICEP_FUNCTIONS.contains(&name.as_str()) => {
                    let similar = nearest(name, BICEP_FUNCTIONS);
                    let message = format!("there is no function {name}{similar}");
                    findings.push(Finding::new(&inner.place, message));
                }
                Value::Member(_, output) => {
                    if let Some([module, "outputs", _]) = path(inner).as_deref()
                        && let Some(module) = template.modules.iter().find(|it| it.name == *module)
                        && let Some(source) = by_file.get(template.source(module).as_str())
                        && !source.outputs.iter().any(|it| it.name == *output)
                    {
                        let known = source.outputs.iter().map(|it| it.name.as_str());
                        let message = format!(
                            "module {} ({}) has no output {output}{}",
                            module.name,
                            source.file,
                            nearest(output, known)
                        );
                        findings.push(Finding::new(&inner.place, message));
                    }
                }
                _ => {}
            },
        );
    }
    let parameters = (template.parameters.iter()).map(|it| ("parameter", &it.name, &it.place));
    let variables = (template.variables.iter()).map(|it| ("variable", &it.name, &it.place));
    for (what, name, place) in parameters.chain(variables) {
        if !used.contains(name.as_str()) {
            findings.push(Finding::new(place, format!("{what} {name} is not used")));
        }
    }
    defaults_and_descriptions(&template.parameters, findings);
}

/// Defaults are among the values that are taken, and every parameter is described.
fn defaults_and_descriptions(parameters: &[Parameter], findings: &mut Vec<Finding>) {
    for parameter in parameters {
        let (Some(default), Some(allowed)) = (&parameter.default, &parameter.allowed) else {
            continue;
        };
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        // A list of allowed items may restrict a list.
        let is_list = matches!(default.value, Value::Array(_));
        if default.is_constant() && !is_list && !allowed.contains(&default.to_string()) {
            let message = format!(
                "parameter {} is {default} by default, which is none of {}",
                parameter.name,
                allowed.join(", ")
            );
            findings.push(Finding::new(&default.place, message));
        }
    }
    for parameter in parameters.iter().filter(|it| !it.described) {
        let message = format!("parameter {} has no description", parameter.name);
        findings.push(Finding::new(&parameter.place, message));
    }
}

fn bicep_module(
    template: &bicep::Template,
    module: &bicep::Module,
    by_file: &BTreeMap<&str, &bicep::Template>,
    findings: &mut Vec<Finding>,
) {
    let source = template.source(module);
    let Some(called) = by_file.get(source.as_str()) else {
        let message = format!("module {}: there is no file {source}", module.name);
        findings.push(Finding::new(&module.place, message));
        return;
    };
    for Property { key, .. } in module.body.properties() {
        let known = ["name", "params", "scope", "dependsOn"];
        let name = key.text().unwrap_or_default();
        if !known.contains(&name) {
            let similar = nearest(name, known);
            let message = format!("a module has no {name}{similar}");
            findings.push(Finding::new(&key.place, message));
        }
    }
    let given = module
        .body
        .get("params")
        .map_or(&[][..], |params| params.properties());
    check_arguments(
        &module.place,
        &module.name,
        given,
        &called.parameters,
        findings,
    );
    let scope = module
        .body
        .get("scope")
        .and_then(|scope| match &scope.value {
            Value::Call { on: None, name, .. } => Some(name.as_str()),
            // A group that the template makes.
            Value::Name(_) => Some("resourceGroup"),
            _ => None,
        });
    let scope = scope.unwrap_or(&template.target_scope);
    if scope != called.target_scope {
        let message = format!(
            "module {} is deployed to a scope {scope}, but {source} has targetScope {}",
            module.name, called.target_scope
        );
        findings.push(Finding::new(&module.place, message));
    }
}

fn check_arguments(
    place: &Place,
    module: &str,
    given: &[Property],
    parameters: &[Parameter],
    findings: &mut Vec<Finding>,
) {
    for Property { key, value } in given {
        let name = key.text().unwrap_or_default();
        let Some(parameter) = parameters.iter().find(|it| it.name == name) else {
            let known = parameters.iter().map(|it| it.name.as_str());
            let similar = nearest(name, known);
            let message = format!("module {module} takes no parameter {name}{similar}");
            findings.push(Finding::new(&key.place, message));
            continue;
        };
        let Some(allowed) = &parameter.allowed else {
            continue;
        };
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        for outcome in value.outcomes() {
            // A list of allowed items may restrict a list.
            let items = match &outcome.value {
                Value::Array(items) => items.iter().collect(),
                _ => vec![outcome],
            };
            for item in items.iter().filter(|item| item.is_constant()) {
                if !allowed.contains(&item.to_string()) {
                    let message = format!(
                        "module {module}: {name} is {item}, which is none of {}",
                        allowed.join(", ")
                    );
                    findings.push(Finding::new(&item.place, message));
                }
            }
        }
    }
    for parameter in parameters.iter().filter(|it| it.default.is_none()) {
        if !given.iter().any(|it| it.name() == Some(&parameter.name)) {
            let message = format!("module {module} needs the parameter {}", parameter.name);
            findings.push(Finding::new(place, message));
        }
    }
}

fn tell_secret(output: &Output, secret: Option<String>, findings: &mut Vec<Finding>) {
    let secret = match secret {
        None if output.secure => Some("it is marked as one".to_owned()),
        secret => secret,
    };
    if let Some(why) = secret {
        let message = format!(
            "output {} tells a secret: {why}; whoever reads deployments reads it",
            output.name
        );
        findings.push(Finding::new(&output.place, message));
    }
}

fn bicep_secret(
    template: &bicep::Template,
    expression: &Expression,
    seen: &mut BTreeSet<String>,
) -> Option<String> {
    let mut found = None;
    let mut names = Vec::new();
    expression.walk(&mut |inner| match &inner.value {
        Value::Call { name, .. } if name.starts_with("list") || name == "getSecret" => {
            found = Some(format!("{name}()"));
        }
        Value::Member(_, name) if SECRETS.contains(&name.as_str()) => found = Some(name.clone()),
        Value::Name(name) => names.push(name),
        _ => {}
    });
    for name in names {
        if found.is_some() || !seen.insert(name.clone()) {
            continue;
        }
        if template
            .parameters
            .iter()
            .any(|it| it.name == *name && it.secure)
        {
            found = Some(format!("the secure parameter {name}"));
        } else if let Some(variable) = template.variables.iter().find(|it| it.name == *name) {
            found = bicep_secret(template, &variable.value, seen);
        }
    }
    found
}

/// What is wrong with the names in Terraform folders.
pub fn of_terraform(folders: &[terraform::Folder]) -> Vec<Finding> {
    let by_path: BTreeMap<&str, &terraform::Folder> = folders
        .iter()
        .map(|folder| (folder.path.as_str(), folder))
        .collect();
    let mut findings = Vec::new();
    for folder in folders {
        terraform_names(folder, &by_path, &mut findings);
        for module in &folder.modules {
            terraform_module(folder, module, &by_path, &mut findings);
        }
        for output in &folder.outputs {
            let secret = terraform_secret(folder, &output.value, &mut BTreeSet::new());
            tell_secret(output, secret, &mut findings);
        }
    }
    findings
}

/// Names in a body that stand for no value: what `lifecycle` ignores, types, providers.
const UNRESOLVED: [&str; 5] = [
    "ignore_changes",
    "type",
    "provider",
    "providers",
    "replace_triggered_by",
];

fn body_expressions<'a>(
    body: &'a Body,
    loops: &[String],
    all: &mut Vec<(&'a Expression, Vec<String>)>,
) {
    for attribute in &body.attributes {
        if !UNRESOLVED.contains(&attribute.name().unwrap_or_default()) {
            all.push((&attribute.value, loops.to_vec()));
        }
    }
    for block in &body.blocks {
        let mut loops = loops.to_vec();
        if block.name == "dynamic" {
            loops.extend(block.labels.first().cloned());
            let iterator = block.body.get("iterator").and_then(path);
            loops.extend(iterator.into_iter().flatten().map(str::to_owned));
        }
        body_expressions(&block.body, &loops, all);
    }
}

fn terraform_expressions(folder: &terraform::Folder) -> Vec<(&Expression, Vec<String>)> {
    let mut all: Vec<(&Expression, Vec<String>)> = Vec::new();
    let plain = (folder.parameters.iter()).filter_map(|it| it.default.as_ref());
    let plain = plain.chain(folder.locals.iter().map(|it| &it.value));
    let plain = plain.chain(folder.outputs.iter().map(|it| &it.value));
    all.extend(plain.map(|expression| (expression, Vec::new())));
    for resource in &folder.resources {
        body_expressions(&resource.body, &[], &mut all);
        // `type` is an argument of azapi resources.
        all.extend(resource.body.get("type").map(|it| (it, Vec::new())));
    }
    for module in &folder.modules {
        body_expressions(&module.body, &[], &mut all);
    }
    for block in folder.providers.iter().chain(&folder.others) {
        body_expressions(&block.body, &[], &mut all);
    }
    all
}

fn terraform_names(
    folder: &terraform::Folder,
    by_path: &BTreeMap<&str, &terraform::Folder>,
    findings: &mut Vec<Finding>,
) {
    let mut used: BTreeSet<(&str, &str)> = BTreeSet::new();
    let variables: Vec<&str> = folder
        .parameters
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    let locals: Vec<&str> = folder.locals.iter().map(|it| it.name.as_str()).collect();
    let of = |mode: Mode, kind: &str| -> Vec<&str> {
        let resources = folder.resources.iter();
        let resources = resources.filter(|it| it.mode == mode && it.kind == kind);
        resources.map(|it| it.name.as_str()).collect()
    };
    for (expression, names) in terraform_expressions(folder) {
        scoped(expression, &mut names.clone(), &mut |inner, bound| {
            if let Value::Call { name, .. } = &inner.value
                && !TERRAFORM_FUNCTIONS.contains(&name.as_str())
            {
                let similar = nearest(name, TERRAFORM_FUNCTIONS);
                let message = format!("there is no function {name}{similar}");
                findings.push(Finding::new(&inner.place, message));
            }
            let mut miss = |what: &str, name: &str, known: &[&str]| {
                if !known.contains(&name) {
                    let similar = nearest(name, known.iter().copied());
                    let message = format!("there is no {what} {name}{similar}");
                    findings.push(Finding::new(&inner.place, message));
                }
            };
            let path = match &inner.value {
                Value::Member(..) | Value::Name(_) => path(inner).unwrap_or_default(),
                _ => return,
            };
            if path
                .first()
                .is_some_and(|first| bound.iter().any(|it| it == first))
            {
                return;
            }
            match path[..] {
                ["var", name] => {
                    used.insert(("variable", name));
                    miss("variable", name, &variables);
                }
                ["local", name] => {
                    used.insert(("local value", name));
                    miss("local value", name, &locals);
                }
                ["data", kind, name] => {
                    miss(&format!("data source {kind}"), name, &of(Mode::Data, kind));
                }
                ["ephemeral", kind, name] => {
                    let known = of(Mode::Ephemeral, kind);
                    miss(&format!("ephemeral resource {kind}"), name, &known);
                }
                ["module", name] => {
                    let known: Vec<&str> =
                        folder.modules.iter().map(|it| it.name.as_str()).collect();
                    miss("module", name, &known);
                }
                ["module", name, output] => {
                    if let Some(module) = folder.modules.iter().find(|it| it.name == name)
                        && let Some(source) = by_path.get(folder.source(module).as_str())
                    {
                        let known: Vec<&str> =
                            source.outputs.iter().map(|it| it.name.as_str()).collect();
                        miss(&format!("output of module {name}"), output, &known);
                    }
                }
                [
                    "var" | "local" | "data" | "ephemeral" | "module" | "each" | "count" | "self"
                    | "path" | "terraform",
                    ..,
                ] => {}
                [kind, name] => miss(&format!("resource {kind}"), name, &of(Mode::Managed, kind)),
                [name] if !name.contains('_') => {
                    let message = format!("nothing here is called {name}");
                    findings.push(Finding::new(&inner.place, message));
                }
                _ => {}
            }
        });
    }
    let parameters = (folder.parameters.iter()).map(|it| ("variable", &it.name, &it.place));
    let locals = (folder.locals.iter()).map(|it| ("local value", &it.name, &it.place));
    for (what, name, place) in parameters.chain(locals) {
        if !used.contains(&(what, name)) {
            findings.push(Finding::new(place, format!("{what} {name} is not used")));
        }
    }
    defaults_and_descriptions(&folder.parameters, findings);
}

fn terraform_module(
    folder: &terraform::Folder,
    module: &terraform::Module,
    by_path: &BTreeMap<&str, &terraform::Folder>,
    findings: &mut Vec<Finding>,
) {
    if !module.source.starts_with('.') {
        let message = format!(
            "module {} comes from {:?}, and only modules in the project can be checked",
            module.name, module.source
        );
        findings.push(Finding::new(&module.place, message));
        return;
    }
    let source = folder.source(module);
    let Some(called) = by_path.get(source.as_str()) else {
        let message = format!("module {}: there is no folder {source}", module.name);
        findings.push(Finding::new(&module.place, message));
        return;
    };
    let meta = [
        "source",
        "version",
        "providers",
        "count",
        "for_each",
        "depends_on",
    ];
    let attributes = module.body.attributes.iter();
    let given: Vec<Property> = attributes
        .filter(|it| !meta.contains(&it.name().unwrap_or_default()))
        .cloned()
        .collect();
    check_arguments(
        &module.place,
        &module.name,
        &given,
        &called.parameters,
        findings,
    );
}

fn terraform_secret(
    folder: &terraform::Folder,
    expression: &Expression,
    seen: &mut BTreeSet<String>,
) -> Option<String> {
    let mut found = None;
    let mut locals = Vec::new();
    expression.walk(&mut |inner| {
        let Value::Member(object, name) = &inner.value else {
            return;
        };
        if SECRETS.contains(&name.as_str()) {
            found = Some(name.clone());
        }
        match path(inner).as_deref() {
            Some(["var", name])
                if folder
                    .parameters
                    .iter()
                    .any(|it| it.name == *name && it.secure) =>
            {
                found = Some(format!("the sensitive variable {name}"));
            }
            Some(["local", name]) => locals.push((*name).to_owned()),
            _ => {}
        }
        if name == "value" && object.to_string().contains("azurerm_key_vault_secret") {
            found = Some("the value of a secret".to_owned());
        }
    });
    for name in locals {
        if found.is_none() && seen.insert(name.clone()) {
            let local = folder.locals.iter().find(|it| it.name == name);
            found = local.and_then(|it| terraform_secret(folder, &it.value, seen));
        }
    }
    found
}
