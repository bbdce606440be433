//! Walks the resources of Bicep files and the bodies of `azapi` resources along the types of
//! Azure's resource providers.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value as Json};

use crate::bicep;
use crate::expression::{Expression, Property, Value};
use crate::finding::{Finding, Place, nearest};
use crate::model::Declared;
use crate::terraform::{self, Mode};

/// What belongs to Bicep and not to the body of a resource.
const LANGUAGE: [&str; 3] = ["parent", "scope", "dependsOn"];

/// The arguments of azapi's resources that are read here.
const AZAPI: [(&str, &[&str]); 3] = [
    (
        "azapi_resource",
        &[
            "type",
            "name",
            "parent_id",
            "location",
            "identity",
            "tags",
            "body",
            "sensitive_body",
            "sensitive_body_version",
            "response_export_values",
            "schema_validation_enabled",
            "ignore_casing",
            "ignore_missing_property",
            "ignore_null_property",
            "locks",
            "retry",
            "replace_triggers_external_values",
            "replace_triggers_refs",
            "timeouts",
            "create_headers",
            "create_query_parameters",
            "update_headers",
            "update_query_parameters",
            "read_headers",
            "read_query_parameters",
            "delete_headers",
            "delete_query_parameters",
        ],
    ),
    (
        "azapi_update_resource",
        &[
            "type",
            "name",
            "parent_id",
            "resource_id",
            "body",
            "sensitive_body",
            "sensitive_body_version",
            "response_export_values",
            "ignore_casing",
            "ignore_missing_property",
            "locks",
            "retry",
            "timeouts",
            "update_headers",
            "update_query_parameters",
            "read_headers",
            "read_query_parameters",
        ],
    ),
    (
        "azapi_resource_action",
        &[
            "type",
            "resource_id",
            "action",
            "method",
            "body",
            "when",
            "locks",
            "response_export_values",
            "sensitive_response_export_values",
            "retry",
            "timeouts",
            "headers",
            "query_parameters",
        ],
    ),
];

/// The resource types that the schema data describe.
pub struct Types {
    resources: BTreeMap<String, Json>,
    names: Vec<String>,
}

/// What a walk knows and finds.
struct Walk<'a> {
    about: String,
    declared: Declared<'a>,
    findings: Vec<Finding>,
}

impl Types {
    /// Takes what `bicep-types.json` says.
    ///
    /// # Errors
    ///
    /// If it is not JSON, or of another format than is understood here.
    pub fn read(text: &str) -> Result<Self, String> {
        let data: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if data["format"] != 1 {
            return Err(format!("format {} is not understood", data["format"]));
        }
        let Json::Object(resources) = data["resources"].clone() else {
            return Err("there are no resources".to_owned());
        };
        Ok(Types {
            names: resources.keys().cloned().collect(),
            resources: resources
                .into_iter()
                .map(|(name, resource)| (name.to_lowercase(), resource))
                .collect(),
        })
    }

    /// The description of a type, or a finding that names what there is.
    fn resource(&self, kind: &str, place: &Place) -> Result<&Json, Finding> {
        self.resources.get(&kind.to_lowercase()).ok_or_else(|| {
            let (bare, version) = kind.split_once('@').unwrap_or((kind, ""));
            let same = self.names.iter().filter_map(|name| {
                let (other, version) = name.split_once('@')?;
                other.eq_ignore_ascii_case(bare).then_some(version)
            });
            let same: Vec<&str> = same.collect();
            let message = if same.is_empty() {
                let bare_names = self
                    .names
                    .iter()
                    .map(|name| &name[..name.find('@').unwrap_or(0)]);
                let similar = nearest(bare, bare_names);
                format!("the resource type {bare} is not described{similar}")
            } else {
                let known = same.join(", ");
                format!("{bare} has no described version {version}; there is {known}")
            };
            Finding::new(place, message)
        })
    }

    /// What is wrong with the resources of a Bicep file.
    pub fn check_bicep(&self, template: &bicep::Template) -> Vec<Finding> {
        let mut findings = Vec::new();
        for resource in &template.resources {
            let described = match self.resource(&resource.kind, &resource.place) {
                Ok(described) => described,
                Err(finding) => {
                    findings.push(finding);
                    continue;
                }
            };
            if resource.existing {
                continue;
            }
            let mut walk = Walk {
                about: format!("resource {}", resource.name),
                declared: Declared {
                    parameters: &template.parameters,
                    variables: &template.variables,
                },
                findings: Vec::new(),
            };
            let scope = match resource.body.get("scope") {
                Some(_) => "extension",
                None => &template.target_scope,
            };
            if resource.body.get("parent").is_none() {
                walk.scope(described, scope, resource);
            }
            let properties = resource.body.properties().iter();
            let body = properties
                .filter(|it| !LANGUAGE.contains(&it.name().unwrap_or_default()))
                .cloned()
                .collect();
            let body = Expression::new(&resource.body.place, Value::Object(body));
            walk.check(&described["body"], &body, "", &[]);
            findings.extend(walk.findings);
        }
        findings
    }

    /// What is wrong with the `azapi` resources of a Terraform folder.
    pub fn check_azapi(&self, folder: &terraform::Folder) -> Vec<Finding> {
        let mut findings = Vec::new();
        for resource in &folder.resources {
            let arguments = AZAPI.iter().find(|(name, _)| *name == resource.kind);
            let Some((_, arguments)) = arguments.filter(|_| resource.mode != Mode::Data) else {
                continue;
            };
            let about = format!("{}.{}", resource.kind, resource.name);
            let meta = ["count", "for_each", "depends_on", "provider", "lifecycle"];
            let written = resource
                .body
                .attributes
                .iter()
                .map(|it| (it.name(), &it.key.place));
            let blocks = resource
                .body
                .blocks
                .iter()
                .map(|it| (Some(it.name.as_str()), &it.place));
            for (name, place) in written.chain(blocks) {
                let name = name.unwrap_or_default();
                if !arguments.contains(&name) && !meta.contains(&name) {
                    let similar = nearest(name, arguments.iter().copied());
                    let message = format!("{about}: there is no argument {name}{similar}");
                    findings.push(Finding::new(place, message));
                }
            }
            let Some(kind) = resource.body.get("type").and_then(Expression::text) else {
                let message = format!("{about}: its type is not a literal");
                findings.push(Finding::new(&resource.place, message));
                continue;
            };
            if resource.kind == "azapi_resource_action" {
                // What actions take is not described.
                continue;
            }
            let described = match self.resource(kind, &resource.place) {
                Ok(described) => described,
                Err(finding) => {
                    findings.push(finding);
                    continue;
                }
            };
            let mut walk = Walk {
                about,
                declared: Declared {
                    parameters: &folder.parameters,
                    variables: &folder.locals,
                },
                findings: Vec::new(),
            };
            // These are arguments of the block.
            let mut elsewhere = vec!["name", "location", "identity", "tags"];
            if resource.kind != "azapi_resource" {
                // It changes what is there already.
                elsewhere.extend(required(&described["body"]));
            }
            // What is secret of a body stands in another one.
            let body = match (
                resource.body.get("body"),
                resource.body.get("sensitive_body"),
            ) {
                (Some(body), Some(sensitive)) => &joined(body, sensitive),
                (Some(body), None) | (None, Some(body)) => body,
                (None, None) => continue,
            };
            walk.check(&described["body"], body, "body", &elsewhere);
            findings.extend(walk.findings);
        }
        findings
    }
}

/// Two objects as one, objects in them included.
fn joined(one: &Expression, other: &Expression) -> Expression {
    let mut properties = one.properties().to_vec();
    for added in other.properties() {
        let name = added.name();
        match properties
            .iter_mut()
            .find(|it| name.is_some() && it.name() == name)
        {
            Some(there) => there.value = joined(&there.value, &added.value),
            None => properties.push(added.clone()),
        }
    }
    Expression::new(&one.place, Value::Object(properties))
}

fn required(node: &Json) -> Vec<&str> {
    let properties = node["properties"].as_object();
    let properties = properties.into_iter().flatten();
    let required = properties.filter(|(_, node)| node["required"] == true);
    required.map(|(name, _)| name.as_str()).collect()
}

impl Walk<'_> {
    fn complain(&mut self, place: &Place, path: &str, message: impl AsRef<str>) {
        let path = if path.is_empty() { "its body" } else { path };
        let message = format!("{}: {path}: {}", self.about, message.as_ref());
        self.findings.push(Finding::new(place, message));
    }

    /// The type can be written where the file writes it.
    fn scope(&mut self, described: &Json, scope: &str, resource: &bicep::Resource) {
        let scopes = described["writableScopes"].as_array();
        let scopes: Vec<&str> = scopes
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        if !scopes.contains(&scope) {
            let scopes = if scopes.is_empty() {
                "nowhere".to_owned()
            } else {
                scopes.join(", ")
            };
            let message = format!(
                "{} is written at scope {scope}, but can be at: {scopes}",
                resource.kind
            );
            self.complain(&resource.place, "", message);
        }
    }

    fn check(&mut self, node: &Json, expression: &Expression, path: &str, elsewhere: &[&str]) {
        for outcome in self.declared.outcomes(expression) {
            self.check_one(node, &outcome, path, elsewhere);
        }
    }

    fn check_one(&mut self, node: &Json, expression: &Expression, path: &str, elsewhere: &[&str]) {
        let kind = node["kind"].as_str().unwrap_or("any");
        if kind == "any"
            || node.get("cut").is_some() && kind == "object" && node.get("properties").is_none()
        {
            return;
        }
        let wrong = |walk: &mut Self, is: &str| {
            let article = if is.starts_with(['a', 'o', 'i']) {
                "an"
            } else {
                "a"
            };
            let wanted = match kind {
                "literals" => "a string",
                "array" => "an array",
                "object" | "discriminated" => "an object",
                "int" => "a number",
                "bool" => "a bool",
                _ => "a string",
            };
            let value = expression.to_string();
            let short: String = value.chars().take(60).collect();
            walk.complain(
                &expression.place,
                path,
                format!("{short} is {article} {is}, and {wanted} belongs here"),
            );
        };
        match &expression.value {
            Value::Null => {}
            Value::Bool(_) if kind != "bool" => wrong(self, "bool"),
            Value::Number(number) => match kind {
                "int" => self.number(node, *number, expression, path),
                _ => wrong(self, "number"),
            },
            Value::String(text) => match kind {
                "string" => self.string(node, text, expression, path),
                "literals" => self.literal(node, text, expression, path),
                _ => wrong(self, "string"),
            },
            Value::Template(_) if !matches!(kind, "string" | "literals") => wrong(self, "string"),
            Value::Array(items) => match kind {
                "array" => {
                    self.length(node, items.len(), "items", expression, path);
                    for (at, item) in items.iter().enumerate() {
                        self.check(&node["items"], item, &format!("{path}[{at}]"), &[]);
                    }
                }
                _ => wrong(self, "array"),
            },
            Value::Object(properties) => match kind {
                "object" => self.object(node, None, properties, expression, path, elsewhere),
                "discriminated" => {
                    self.discriminated(node, properties, expression, path, elsewhere)
                }
                _ => wrong(self, "object"),
            },
            Value::Each(each) if kind == "array" && each.key.is_none() => {
                self.check(&node["items"], &each.value, &format!("{path}[]"), &[]);
            }
            Value::Call {
                name, arguments, ..
            } if matches!(name.as_str(), "union" | "merge" | "shallowMerge")
                && kind == "object" =>
            {
                // Each part may hold only some of what is required.
                let required = required(node);
                for part in arguments {
                    self.check(node, part, path, &required);
                }
            }
            Value::Call {
                name, arguments, ..
            } if name == "concat" && kind == "array" => {
                let mut items = node.clone();
                if let Json::Object(node) = &mut items {
                    node.remove("minLength");
                }
                for part in arguments {
                    self.check(&items, part, path, &[]);
                }
            }
            _ => {}
        }
    }

    fn object(
        &mut self,
        node: &Json,
        branch: Option<&Json>,
        properties: &[Property],
        expression: &Expression,
        path: &str,
        elsewhere: &[&str],
    ) {
        let mut known: Map<String, Json> = Map::new();
        for part in [Some(node), branch].into_iter().flatten() {
            let properties = part["properties"].as_object();
            known.extend(
                properties
                    .into_iter()
                    .flatten()
                    .map(|(k, v)| (k.clone(), v.clone())),
            );
        }
        let additional = branch
            .and_then(|branch| branch.get("additional"))
            .or(node.get("additional"));
        for Property { key, value } in properties {
            let Some(name) = key.text() else { continue };
            let below = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            };
            match (known.get(name), additional) {
                (Some(node), _) if node["readOnly"] == true => {
                    self.complain(&key.place, &below, "is read-only and must not be set");
                }
                (Some(_), _)
                    if path == "body"
                        && ["name", "location", "identity", "tags"].contains(&name) =>
                {
                    self.complain(
                        &key.place,
                        &below,
                        format!("is the argument {name} of the block"),
                    );
                }
                (Some(node), _) | (None, Some(node)) => self.check(node, value, &below, &[]),
                (None, None) if node["discriminator"].as_str() == Some(name) => {}
                (None, None) => {
                    let similar = nearest(name, known.keys().map(String::as_str));
                    self.complain(
                        &key.place,
                        &below,
                        format!("there is no property {name}{similar}"),
                    );
                }
            }
        }
        if properties.iter().any(|it| it.name().is_none()) {
            return;
        }
        for (name, node) in &known {
            let given = properties.iter().any(|it| it.name() == Some(name));
            if node["required"] == true && !given && !elsewhere.contains(&name.as_str()) {
                self.complain(
                    &expression.place,
                    path,
                    format!("the required property {name} is missing"),
                );
            }
        }
    }

    fn discriminated(
        &mut self,
        node: &Json,
        properties: &[Property],
        expression: &Expression,
        path: &str,
        elsewhere: &[&str],
    ) {
        let name = node["discriminator"].as_str().unwrap_or_default();
        let Some(branches) = node["branches"].as_object() else {
            return;
        };
        let Some(given) = properties.iter().find(|it| it.name() == Some(name)) else {
            // The name of an azapi resource is an argument of the block.
            if !elsewhere.contains(&name) {
                let message = format!("the required property {name} is missing");
                self.complain(&expression.place, path, message);
            }
            return;
        };
        for outcome in self.declared.outcomes(&given.value) {
            let Some(text) = outcome.text() else { continue };
            match branches.get(text) {
                Some(branch) => {
                    self.object(node, Some(branch), properties, expression, path, elsewhere);
                }
                None => {
                    let known: Vec<&str> = branches.keys().map(String::as_str).collect();
                    let similar = nearest(text, known.iter().copied());
                    let message = format!(
                        "{name} is {text:?}, which is none of {}{similar}",
                        known.join(", ")
                    );
                    self.complain(&outcome.place, path, message);
                }
            }
        }
    }

    fn literal(&mut self, node: &Json, text: &str, expression: &Expression, path: &str) {
        let allowed = node["allowed"].as_array();
        let allowed: Vec<&str> = allowed
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        if !allowed.contains(&text) {
            let similar = nearest(text, allowed.iter().copied());
            let message = format!("{text:?} is none of {}{similar}", allowed.join(", "));
            self.complain(&expression.place, path, message);
        }
    }

    fn string(&mut self, node: &Json, text: &str, expression: &Expression, path: &str) {
        self.length(node, text.chars().count(), "characters", expression, path);
        // Some patterns look ahead, which this crate does not: they are not checked.
        if let Some(pattern) = node["pattern"].as_str()
            && let Ok(regex) = Regex::new(pattern)
            && !regex.is_match(text)
        {
            self.complain(
                &expression.place,
                path,
                format!("{text:?} does not match {pattern}"),
            );
        }
    }

    fn length(
        &mut self,
        node: &Json,
        length: usize,
        what: &str,
        expression: &Expression,
        path: &str,
    ) {
        let length = length as u64;
        if let Some(min) = node["minLength"].as_u64().filter(|min| length < *min) {
            self.complain(
                &expression.place,
                path,
                format!("has {length} {what}, and at least {min} are needed"),
            );
        }
        if let Some(max) = node["maxLength"].as_u64().filter(|max| length > *max) {
            self.complain(
                &expression.place,
                path,
                format!("has {length} {what}, and at most {max} are allowed"),
            );
        }
    }

    fn number(&mut self, node: &Json, number: f64, expression: &Expression, path: &str) {
        if let Some(min) = node["min"].as_f64().filter(|min| number < *min) {
            self.complain(
                &expression.place,
                path,
                format!("{number} is less than {min}"),
            );
        }
        if let Some(max) = node["max"].as_f64().filter(|max| number > *max) {
            self.complain(
                &expression.place,
                path,
                format!("{number} is more than {max}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Project, Templates};

    const TYPES: &str = r#"{ "format": 1, "resources": {
        "Example/things@2025-01-01": {
            "writableScopes": ["resourceGroup"], "readableScopes": ["resourceGroup"],
            "body": { "kind": "object", "properties": {
                "id": { "kind": "string", "readOnly": true },
                "name": { "kind": "string", "minLength": 3, "maxLength": 8, "pattern": "^[a-z]+$", "required": true },
                "location": { "kind": "string", "required": true },
                "tags": { "kind": "object", "additional": { "kind": "string" } },
                "properties": { "kind": "object", "properties": {
                    "tier": { "kind": "literals", "allowed": ["Hot", "Cool"], "open": true },
                    "days": { "kind": "int", "min": 1, "max": 30 },
                    "on": { "kind": "bool" },
                    "names": { "kind": "array", "maxLength": 2, "items": { "kind": "string" } },
                    "target": { "kind": "discriminated", "discriminator": "kind",
                        "properties": { "label": { "kind": "string" } },
                        "branches": {
                            "Queue": { "kind": "object", "properties": { "queue": { "kind": "string", "required": true } } },
                            "Hub": { "kind": "object", "properties": { "hub": { "kind": "string" } } } } } } } } } } } }"#;

    const GOOD: &str = "param tier string = 'Hot'\n\
        resource thing 'example/Things@2025-01-01' = {\n  name: 'abc'\n  location: location()\n\
        \x20 tags: {\n    a: 'b'\n  }\n  properties: {\n    tier: tier\n    days: 3\n    on: true\n\
        \x20   names: [for x in y: x]\n    target: {\n      kind: 'Queue'\n      label: 'l'\n      queue: 'q'\n    }\n  }\n}\n";

    fn findings(file: &str, text: &str) -> Vec<String> {
        let mut project = Project::default();
        project.put(file, text);
        let templates = Templates::read(&project);
        assert!(templates.unread.is_empty(), "{:?}", templates.unread);
        let types = Types::read(TYPES).unwrap();
        let bicep = templates.bicep.iter().flat_map(|it| types.check_bicep(it));
        let azapi = templates
            .terraform
            .iter()
            .flat_map(|it| types.check_azapi(it));
        bicep.chain(azapi).map(|it| it.to_string()).collect()
    }

    /// One replacement makes one finding.
    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        assert!(GOOD.contains(from), "{from}");
        let found = findings("infra/a.bicep", &GOOD.replace(from, to));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }

    #[test]
    fn each_mistake_in_bicep_is_found_once() {
        assert_eq!(findings("infra/a.bicep", GOOD), [""; 0]);
        check(
            "    on: true",
            "    off: true",
            "infra/a.bicep:11: resource thing: properties.off: there is no property off",
        );
        check("    days: 3", "    dais: 3", "did you mean days?");
        check("    on: true", "    on: 'yes'", "a bool belongs here");
        check("    days: 3", "    days: 31", "31 is more than 30");
        check("    days: 3", "    days: x ? 0 : 2", "0 is less than 1");
        check(
            "tier string = 'Hot'",
            "tier string = 'hot'",
            "\"hot\" is none of Hot, Cool; did you mean Hot?",
        );
        check(
            "name: 'abc'",
            "name: 'ab'",
            "has 2 characters, and at least 3",
        );
        check("name: 'abc'", "name: 'a-c'", "does not match ^[a-z]+$");
        check(
            "  location: location()\n",
            "",
            "the required property location is missing",
        );
        check("name: 'abc'", "name: 'abc'\n  id: 'x'", "id: is read-only");
        check("a: 'b'", "a: 1", "1 is a number, and a string belongs here");
        check(
            "[for x in y: x]",
            "['a', 'b', 'c']",
            "has 3 items, and at most 2",
        );
        check(
            "[for x in y: x]",
            "[for x in y: 1]",
            "names[]: 1 is a number",
        );
        check(
            "kind: 'Queue'",
            "kind: 'Quene'",
            "kind is \"Quene\", which is none of Hub, Queue",
        );
        check(
            "      queue: 'q'\n",
            "",
            "the required property queue is missing",
        );
        check(
            "      kind: 'Queue'\n",
            "",
            "the required property kind is missing",
        );
        check(
            "label: 'l'",
            "label: 'l'\n      hub: 'h'",
            "there is no property hub",
        );
        check(
            "Things@2025-01-01",
            "Things@2025-01-02",
            "there is 2025-01-01",
        );
        check(
            "example/Things",
            "example/Thing",
            "did you mean Example/things?",
        );
        check(
            "param tier",
            "targetScope = 'subscription'\nparam tier",
            "can be at: resourceGroup",
        );
    }

    #[test]
    fn bodies_of_azapi_are_checked_the_same() {
        let good = "resource \"azapi_resource\" \"thing\" {\n  type = \"Example/things@2025-01-01\"\n  name = \"abc\"\n\
            \x20 body = {\n    properties = { days = 3 }\n  }\n  sensitive_body = { properties = { on = true } }\n}\n";
        assert_eq!(findings("infra/a.tf", good), [""; 0]);
        let found = findings("infra/a.tf", &good.replace("days = 3", "dais = 3"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("infra/a.tf:5: azapi_resource.thing: body.properties.dais"),
            "{found:?}"
        );
        let found = findings("infra/a.tf", &good.replace("on = true", "on = 1"));
        assert!(found[0].contains("a bool belongs here"), "{found:?}");
        let found = findings("infra/a.tf", &good.replace("  body =", "  boddy ="));
        assert!(
            found[0].contains("there is no argument boddy; did you mean body?"),
            "{found:?}"
        );
        let found = findings(
            "infra/a.tf",
            &good.replace("    properties = { days = 3 }", "    location = \"x\""),
        );
        assert!(
            found[0].contains("is the argument location of the block"),
            "{found:?}"
        );
    }
}
