//! Walks the resources and data sources of Terraform along the schema of the provider azurerm.

use serde_json::{Map, Value as Json};

use crate::expression::{Expression, Value};
use crate::finding::{Finding, Place, nearest};
use crate::model::Declared;
use crate::terraform::{Body, Folder, Mode};

/// What the provider takes, with the changes up to the version that the templates ask for.
pub struct Provider {
    data: Json,
}

struct Walk<'a> {
    about: String,
    meta: &'a [&'a str],
    declared: Declared<'a>,
    findings: Vec<Finding>,
}

impl Provider {
    /// Takes what `azurerm.json` says.
    ///
    /// # Errors
    ///
    /// If it is not JSON, of another format, or a change in it cannot be applied.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut data: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if data["format"] != 1 {
            return Err(format!("format {} is not understood", data["format"]));
        }
        let changes = data["renames_5x"].as_array().cloned().unwrap_or_default();
        for change in &changes {
            apply(&mut data, change).ok_or_else(|| format!("cannot apply {change}"))?;
        }
        Ok(Provider { data })
    }

    /// What is wrong with what a folder holds of this provider.
    pub fn check(&self, folder: &Folder) -> Vec<Finding> {
        let meta = self.data["metaArguments"].as_array();
        let meta: Vec<&str> = meta
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let mut findings = Vec::new();
        let mut check = |about: String, node: &Json, body: &Body, place: &Place| {
            let mut walk = Walk {
                about,
                meta: &meta,
                declared: Declared {
                    parameters: &folder.parameters,
                    variables: &folder.locals,
                },
                findings: Vec::new(),
            };
            walk.body(node, body, place, "");
            findings.extend(walk.findings);
        };
        let mut unknown = Vec::new();
        for resource in &folder.resources {
            if !resource.kind.starts_with("azurerm_") {
                continue;
            }
            let (_, what) = resource.mode.words();
            let part = match resource.mode {
                Mode::Data => "dataSources",
                // An ephemeral resource mostly takes what the resource or the data source takes, but
                // none is described.
                Mode::Ephemeral => "ephemeral",
                Mode::Managed => "resources",
            };
            match self.data[part].get(&resource.kind) {
                Some(node) => {
                    let about = format!("{}.{}", resource.kind, resource.name);
                    check(about, node, &resource.body, &resource.place);
                }
                None => {
                    let known = self.data[part].as_object();
                    let known = known.into_iter().flat_map(|known| known.keys());
                    let similar = nearest(&resource.kind, known.map(String::as_str));
                    let message = format!("the {what} {} is not described{similar}", resource.kind);
                    unknown.push(Finding::new(&resource.place, message));
                }
            }
        }
        for block in &folder.providers {
            if block.labels.first().is_some_and(|name| name == "azurerm") {
                let about = "provider azurerm".to_owned();
                check(about, &self.data["provider"], &block.body, &block.place);
            }
        }
        findings.extend(unknown);
        findings
    }
}

/// The node that holds what a dotted path names, and the last name.
fn parent<'a, 'p>(node: &'a mut Json, path: &'p str) -> Option<(&'a mut Json, &'p str)> {
    match path.split_once('.') {
        None => Some((node, path)),
        Some((block, rest)) => parent(node.get_mut("blocks")?.get_mut(block)?, rest),
    }
}

fn find<'a>(node: &'a mut Json, path: &str) -> Option<&'a mut Json> {
    let (node, name) = parent(node, path)?;
    if node["attributes"].get(name).is_some() {
        return node["attributes"].get_mut(name);
    }
    node.get_mut("blocks")?.get_mut(name)
}

/// Applies one change; `None` if what it changes is not there.
fn apply(data: &mut Json, change: &Json) -> Option<()> {
    let node = match change["kind"].as_str()? {
        "provider" => data.get_mut("provider")?,
        kind => {
            let part = if kind == "data" {
                "dataSources"
            } else {
                "resources"
            };
            data.get_mut(part)?.get_mut(change["resource"].as_str()?)?
        }
    };
    let what = change["change"].as_str()?;
    if matches!(what, "rename" | "remove") {
        let (node, name) = parent(node, change["from"].as_str()?)?;
        for part in ["attributes", "blocks"] {
            if let Some(part) = node.get_mut(part).and_then(Json::as_object_mut) {
                part.remove(name);
            }
        }
    }
    match what {
        "rename" | "add" => {
            let (node, name) = parent(node, change["to"].as_str()?)?;
            for (part, key) in [("attributes", "schema"), ("blocks", "block")] {
                let Some(added) = change.get(key) else {
                    continue;
                };
                let part = node
                    .as_object_mut()?
                    .entry(part)
                    .or_insert_with(|| Json::Object(Map::new()));
                part[name] = added.clone();
            }
        }
        "require" => find(node, change["from"].as_str()?)?["required"] = true.into(),
        "values" => {
            let found = find(node, change["from"].as_str()?)?;
            found["values"] = change["values"].clone();
        }
        "length" => {
            let found = find(node, change["from"].as_str()?)?;
            found["maxLength"] = change["maxLength"].clone();
        }
        _ => {}
    }
    Some(())
}

fn names<'a>(node: &'a Json, part: &str) -> impl Iterator<Item = (&'a String, &'a Json)> {
    node[part].as_object().into_iter().flatten()
}

fn is_output(node: &Json) -> bool {
    node["computed"] == true && node["optional"] != true && node["required"] != true
}

impl Walk<'_> {
    fn complain(&mut self, place: &Place, path: &str, message: &str) {
        let path = if path.is_empty() {
            ""
        } else {
            &format!(" {path}:")
        };
        let message = format!("{}:{path} {message}", self.about);
        self.findings.push(Finding::new(place, message));
    }

    fn body(&mut self, node: &Json, body: &Body, place: &Place, path: &str) {
        let below = |name: &str| match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        let settable = |node: &Json| -> Vec<String> {
            let all = names(node, "attributes").chain(names(node, "blocks"));
            let all = all.filter(|(_, node)| !is_output(node));
            all.map(|(name, _)| name.clone()).collect()
        };
        for attribute in &body.attributes {
            let name = attribute.name().unwrap_or_default();
            let place = &attribute.key.place;
            if path.is_empty() && self.meta.contains(&name) {
                continue;
            }
            let known = node["attributes"].get(name);
            let as_block = node["blocks"].get(name);
            match known.or(as_block.filter(|block| block["attributeSyntax"] == true)) {
                Some(node) if is_output(node) => {
                    self.complain(place, &below(name), "is an output and cannot be set");
                }
                Some(node) => self.value(node, &attribute.value, &below(name)),
                None if as_block.is_some() => {
                    self.complain(place, &below(name), "is a block and takes no =");
                }
                None => {
                    let known = settable(node);
                    let similar = nearest(name, known.iter().map(String::as_str));
                    let message = format!("there is no argument {name}{similar}");
                    self.complain(place, &below(name), &message);
                }
            }
        }
        for block in &body.blocks {
            let dynamic = block.name == "dynamic";
            let name = match dynamic {
                true => block.labels.first().map_or("", String::as_str),
                false => block.name.as_str(),
            };
            if path.is_empty() && !dynamic && self.meta.contains(&name) {
                continue;
            }
            let Some(inner) = node["blocks"].get(name).filter(|node| !is_output(node)) else {
                let known = settable(node);
                let similar = nearest(name, known.iter().map(String::as_str));
                let message = match node["attributes"].get(name) {
                    Some(_) => format!("{name} is an argument and needs ="),
                    None => format!("there is no block {name}{similar}"),
                };
                self.complain(&block.place, &below(name), &message);
                continue;
            };
            let content = match dynamic {
                true => block.body.blocks.iter().find(|it| it.name == "content"),
                false => Some(block),
            };
            match content {
                Some(content) => self.body(inner, &content.body, &content.place, &below(name)),
                None => self.complain(&block.place, &below(name), "has no block content"),
            }
        }
        for (name, node) in names(node, "attributes") {
            if node["required"] == true && body.get(name).is_none() {
                let message = format!("the required argument {name} is missing");
                self.complain(place, path, &message);
            }
        }
        for (name, node) in names(node, "blocks") {
            let count = body.blocks(name).count() + usize::from(body.get(name).is_some());
            let least = node["min"]
                .as_u64()
                .unwrap_or(0)
                .max(u64::from(node["required"] == true));
            if (count as u64) < least {
                let message = format!("the required block {name} is missing");
                self.complain(place, path, &message);
            }
            let most = node["max"].as_u64().unwrap_or(u64::MAX);
            if count as u64 > most {
                let message = format!("{count} blocks {name}, and at most {most} are taken");
                self.complain(place, path, &message);
            }
        }
    }

    fn value(&mut self, node: &Json, expression: &Expression, path: &str) {
        let of = node["type"].as_str().unwrap_or("any");
        let is_list = of.starts_with("list") || of.starts_with("set");
        let is_map = of.starts_with("map");
        for outcome in self.declared.outcomes(expression) {
            let place = outcome.place.clone();
            match &outcome.value {
                Value::Array(items) if is_list => {
                    for item in items {
                        let item = self.declared.outcomes(item);
                        item.iter().for_each(|item| self.scalar(node, item, path));
                    }
                }
                Value::Array(_) if of != "any" && node.get("blocks").is_none() => {
                    self.complain(&place, path, &format!("is a list, and {of} belongs here"));
                }
                Value::Object(_) if !is_map && of != "any" => {
                    self.complain(
                        &place,
                        path,
                        &format!("is an object, and {of} belongs here"),
                    );
                }
                Value::String(_) | Value::Template(_) | Value::Number(_) | Value::Bool(_)
                    if is_list || is_map =>
                {
                    self.complain(
                        &place,
                        path,
                        &format!("{outcome} stands where {of} belongs"),
                    );
                }
                Value::String(text) if of == "bool" && text != "true" && text != "false" => {
                    self.complain(
                        &place,
                        path,
                        &format!("{outcome} stands where a bool belongs"),
                    );
                }
                Value::String(text) if of == "number" && text.parse::<f64>().is_err() => {
                    self.complain(
                        &place,
                        path,
                        &format!("{outcome} stands where a number belongs"),
                    );
                }
                Value::Bool(_) if of == "number" => {
                    self.complain(
                        &place,
                        path,
                        &format!("{outcome} stands where a number belongs"),
                    );
                }
                Value::Number(_) if of == "bool" => {
                    self.complain(
                        &place,
                        path,
                        &format!("{outcome} stands where a bool belongs"),
                    );
                }
                _ => self.scalar(node, &outcome, path),
            }
        }
    }

    fn scalar(&mut self, node: &Json, expression: &Expression, path: &str) {
        let place = &expression.place;
        if let (Some(values), Some(text)) = (node["values"].as_array(), expression.text()) {
            let values: Vec<&str> = values.iter().filter_map(Json::as_str).collect();
            if !values.is_empty() && !values.contains(&text) {
                let similar = nearest(text, values.iter().copied());
                let message = format!("{text:?} is none of {}{similar}", values.join(", "));
                self.complain(place, path, &message);
            }
        }
        if let (Some(most), Some(text)) = (node["maxLength"].as_u64(), expression.text())
            && text.chars().count() as u64 > most
        {
            self.complain(place, path, &format!("{text:?} is longer than {most}"));
        }
        if let Value::Number(number) = expression.value {
            if let Some(min) = node["min"].as_f64().filter(|min| number < *min) {
                self.complain(place, path, &format!("{number} is less than {min}"));
            }
            if let Some(max) = node["max"].as_f64().filter(|max| number > *max) {
                self.complain(place, path, &format!("{number} is more than {max}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Project, Templates};

    const PROVIDER: &str = r#"{ "format": 1, "metaArguments": ["count", "for_each", "lifecycle"],
        "provider": { "attributes": { "features": { "type": "string", "optional": true } } },
        "dataSources": { "azurerm_thing": { "attributes": { "name": { "type": "string", "required": true } } } },
        "resources": { "azurerm_thing": {
            "attributes": {
                "id": { "type": "string", "computed": true },
                "name": { "type": "string", "required": true },
                "old": { "type": "bool", "optional": true },
                "days": { "type": "number", "optional": true, "min": 1, "max": 30 },
                "tags": { "type": "map(string)", "optional": true },
                "kinds": { "type": "set(string)", "optional": true, "values": ["A", "B"] },
                "tier": { "type": "string", "optional": true, "values": ["Hot", "Cool"] } },
            "blocks": {
                "identity": { "nesting": "list", "optional": true, "max": 1,
                    "attributes": { "type": { "type": "string", "required": true } } },
                "rule": { "nesting": "list", "required": true, "min": 1,
                    "attributes": { "name": { "type": "string", "required": true } } } } } },
        "renames_5x": [
            { "kind": "resource", "resource": "azurerm_thing", "change": "rename", "from": "old", "to": "new",
              "schema": { "type": "bool", "optional": true } },
            { "kind": "resource", "resource": "azurerm_thing", "change": "values", "from": "tier", "values": ["Hot"] },
            { "kind": "resource", "resource": "azurerm_thing", "change": "length", "from": "name", "maxLength": 5 },
            { "kind": "resource", "resource": "azurerm_thing", "change": "add", "to": "rule.level",
              "schema": { "type": "number", "optional": true } } ] }"#;

    const GOOD: &str = "variable \"tier\" {\n  default = \"Hot\"\n}\n\
        resource \"azurerm_thing\" \"a\" {\n  count = 1\n  name = \"abc\"\n  new = true\n  days = 3\n  tags = { a = \"b\" }\n\
        \x20 kinds = [\"A\"]\n  tier = var.tier\n  rule {\n    name = \"r\"\n    level = 1\n  }\n\
        \x20 dynamic \"identity\" {\n    for_each = []\n    content {\n      type = \"x\"\n    }\n  }\n}\n";

    fn findings(text: &str) -> Vec<String> {
        let mut project = Project::default();
        project.put("infra/a.tf", text);
        let templates = Templates::read(&project);
        assert!(templates.unread.is_empty(), "{:?}", templates.unread);
        let provider = Provider::read(PROVIDER).unwrap();
        let found = provider.check(&templates.terraform[0]);
        found.iter().map(ToString::to_string).collect()
    }

    /// One replacement makes one finding.
    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        assert!(GOOD.contains(from), "{from}");
        let found = findings(&GOOD.replace(from, to));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }

    #[test]
    fn each_mistake_is_found_once() {
        assert_eq!(findings(GOOD), [""; 0]);
        check(
            "new = true",
            "old = true",
            "infra/a.tf:7: azurerm_thing.a: old: there is no argument old",
        );
        check("new = true", "new = 1", "1 stands where a bool belongs");
        check(
            "  name = \"abc\"\n",
            "",
            "the required argument name is missing",
        );
        check("\"abc\"", "\"abcdef\"", "\"abcdef\" is longer than 5");
        check("  days = 3", "  dayz = 3", "did you mean days?");
        check("  days = 3", "  days = 31", "31 is more than 30");
        check(
            "  days = 3",
            "  id = \"x\"",
            "id: is an output and cannot be set",
        );
        check("{ a = \"b\" }", "\"b\"", "stands where map(string) belongs");
        check("[\"A\"]", "[\"C\"]", "\"C\" is none of A, B");
        check("[\"A\"]", "\"A\"", "stands where set(string) belongs");
        check("\"Hot\"", "\"Cool\"", "\"Cool\" is none of Hot");
        check(
            "  rule {",
            "  rules {\n  }\n  rule {",
            "there is no block rules; did you mean rule?",
        );
        check(
            "    level = 1",
            "    levels = 1",
            "rule.levels: there is no argument levels",
        );
        check(
            "      type = \"x\"\n",
            "",
            "identity: the required argument type is missing",
        );
        check("\"identity\"", "\"identify\"", "did you mean identity?");
        check(
            "\"azurerm_thing\" \"a\"",
            "\"azurerm_things\" \"a\"",
            "did you mean azurerm_thing?",
        );
    }
}
