//! The main stack of either language, flattened: its resources with what variables, loops and
//! modules stand for put in, as far as that is constant.
//!
//! Names are as in Terraform, with underscores. What refers to a resource of the stack begins with
//! `@`, whatever its type: `storage.id` and `azurerm_storage_account.storage.id` are both `@storage.id`.

mod reduce;

use std::collections::BTreeMap;

use crate::bicep;
use crate::expression::{Expression, Property, Value};
use crate::finding::Place;
use crate::model::{Loop, Output, Parameter};
use crate::terraform::{self, Body, Mode};
use reduce::{Bound, Scope, items, name, reduce, string};

/// The main stack in one language.
#[derive(Debug, Clone)]
pub struct Stack {
    /// `Bicep` or `Terraform`.
    pub language: &'static str,
    /// The file or folder that is deployed.
    pub place: Place,
    /// Its parameters, named as in Terraform.
    pub parameters: Vec<Parameter>,
    /// Its outputs, named as in Terraform.
    pub outputs: Vec<Output>,
    /// Its resources.
    pub resources: Vec<Resource>,
}

/// A resource of a stack, once for each item of its loop if that is constant.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its name in the template, as in Terraform.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// Its type: `Microsoft.X/y` without a version, or as Terraform calls it.
    pub kind: String,
    /// When it is there, modules and loops included.
    pub condition: Vec<Expression>,
    /// What it is repeated over if that is not constant.
    pub over: Option<Expression>,
    /// Its properties or arguments. Blocks of Terraform are lists of objects.
    pub body: Expression,
    /// The scope that the module is deployed to, if another one.
    pub scope: Option<Expression>,
}

/// A name as in Terraform: `configSource` is `config_source`.
pub fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    for character in name.chars() {
        let starts = before.is_ascii_lowercase() || before.is_ascii_digit();
        if character.is_ascii_uppercase() && starts {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
        before = character;
    }
    snake
}

/// A Bicep file with what its parameters stand for.
struct Instance<'a> {
    all: &'a [bicep::Template],
    template: &'a bicep::Template,
    /// What its module gives; `None` for the one that is deployed.
    arguments: Option<BTreeMap<String, Expression>>,
}

impl<'a> Instance<'a> {
    fn child(&self, module: &bicep::Module, bound: &mut Bound) -> Option<Instance<'a>> {
        let source = self.template.source(module);
        let template = self.all.iter().find(|it| *it.file == *source)?;
        let given = module
            .body
            .get("params")
            .map_or(&[][..], |params| params.properties());
        let arguments = given.iter().filter_map(|it| {
            let name = it.name()?.to_owned();
            Some((name, reduce(&it.value, bound, self)))
        });
        Some(Instance {
            all: self.all,
            template,
            arguments: Some(arguments.collect()),
        })
    }
}

impl Instance<'_> {
    /// The resource of the stack that a module or another resource refers to by its name.
    fn made(&self, kind: &str, called: &Expression) -> Option<String> {
        for outcome in called.outcomes() {
            if let Value::Member(object, member) = &outcome.value
                && let Value::Name(resource) = &object.value
                && member == "name"
                && resource.starts_with('@')
            {
                return Some(resource.clone());
            }
        }
        let called = called.text()?;
        let resources = self.all.iter().flat_map(|it| &it.resources);
        let same: Vec<&bicep::Resource> = resources
            .filter(|it| !it.existing && it.kind == kind)
            .collect();
        let of_name = same
            .iter()
            .find(|it| it.body.get("name").and_then(Expression::text) == Some(called));
        if let Some(resource) = of_name {
            return Some(format!("@{}", snake(&resource.name)));
        }
        let looped = same.iter().find(|it| it.each.is_some())?;
        Some(format!("@{}[{called}]", snake(&looped.name)))
    }
}

impl Scope for Instance<'_> {
    fn lookup(&self, path: &[&str], place: &Place) -> Option<Expression> {
        let template = self.template;
        match path {
            [one] => {
                if let Some(parameter) = template.parameters.iter().find(|it| it.name == *one) {
                    let Some(arguments) = &self.arguments else {
                        return Some(name(snake(one), place));
                    };
                    let default = parameter.default.as_ref();
                    return arguments
                        .get(*one)
                        .cloned()
                        .or_else(|| default.map(|it| reduce(it, &mut Vec::new(), self)));
                }
                if let Some(variable) = template.variables.iter().find(|it| it.name == *one) {
                    return Some(reduce(&variable.value, &mut Vec::new(), self));
                }
                let resource = template.resources.iter().find(|it| it.name == *one)?;
                if resource.existing
                    && let Some(of) = resource.body.get("name")
                {
                    let of = reduce(of, &mut Vec::new(), self);
                    if let Some(made) = self.made(&resource.kind, &of) {
                        return Some(name(made, place));
                    }
                }
                Some(name(format!("@{}", snake(one)), place))
            }
            [module, "outputs", output] => {
                let module = template.modules.iter().find(|it| it.name == *module)?;
                let mut bound = Vec::new();
                if let Some(each) = &module.each {
                    for inner in &each.names {
                        bound.push((inner.clone(), name(format!("each {inner}"), place)));
                    }
                }
                let child = self.child(module, &mut bound)?;
                let output = child
                    .template
                    .outputs
                    .iter()
                    .find(|it| it.name == *output)?;
                Some(reduce(&output.value, &mut Vec::new(), &child))
            }
            _ => None,
        }
    }
}

/// How often something is there: for each constant item once, with its names bound.
struct Round {
    bound: Bound,
    over: Option<Expression>,
}

fn rounds(each: Option<&Loop>, scope: &dyn Scope) -> Vec<Round> {
    let Some(each) = each else {
        return vec![Round {
            bound: Vec::new(),
            over: None,
        }];
    };
    let over = reduce(&each.over, &mut Vec::new(), scope);
    match items(&over) {
        Some(items) => items
            .into_iter()
            .map(|(key, item)| Round {
                bound: each.names.iter().cloned().zip([item, key]).collect(),
                over: None,
            })
            .collect(),
        None => {
            let bound = each.names.iter().map(|inner| {
                let value = name(format!("each {inner}"), &over.place);
                (inner.clone(), value)
            });
            vec![Round {
                bound: bound.collect(),
                over: Some(over),
            }]
        }
    }
}

/// The stack that a Bicep file deploys, modules included. `None` if there is no such file.
pub fn of_bicep(all: &[bicep::Template], file: &str) -> Option<Stack> {
    let template = all.iter().find(|it| &*it.file == file)?;
    let root = Instance {
        all,
        template,
        arguments: None,
    };
    let mut resources = Vec::new();
    flatten_bicep(&root, &[], None, None, &mut resources, 0);
    let outputs = template.outputs.iter().map(|output| Output {
        name: snake(&output.name),
        value: reduce(&output.value, &mut Vec::new(), &root),
        ..output.clone()
    });
    Some(Stack {
        language: "Bicep",
        place: Place::new(file, 0),
        parameters: renamed(&template.parameters),
        outputs: outputs.collect(),
        resources,
    })
}

fn renamed(parameters: &[Parameter]) -> Vec<Parameter> {
    let parameters = parameters.iter().map(|parameter| Parameter {
        name: snake(&parameter.name),
        ..parameter.clone()
    });
    parameters.collect()
}

fn flatten_bicep(
    instance: &Instance<'_>,
    conditions: &[Expression],
    over: Option<&Expression>,
    scope: Option<&Expression>,
    resources: &mut Vec<Resource>,
    depth: usize,
) {
    let conditions_of = |condition: &Option<Expression>, bound: &mut Bound| {
        let mut conditions = conditions.to_vec();
        conditions.extend(condition.iter().map(|it| reduce(it, bound, instance)));
        conditions
    };
    for resource in instance.template.resources.iter().filter(|it| !it.existing) {
        for mut round in rounds(resource.each.as_ref(), instance) {
            let condition = conditions_of(&resource.condition, &mut round.bound);
            if never(&condition) {
                continue;
            }
            let kind = resource.kind.split('@').next().unwrap_or_default();
            resources.push(Resource {
                name: snake(&resource.name),
                place: resource.place.clone(),
                kind: kind.to_owned(),
                condition,
                body: reduce(&resource.body, &mut round.bound, instance),
                over: round.over.or_else(|| over.cloned()),
                scope: scope.cloned(),
            });
        }
    }
    for module in &instance.template.modules {
        for mut round in rounds(module.each.as_ref(), instance) {
            let condition = conditions_of(&module.condition, &mut round.bound);
            let child = instance.child(module, &mut round.bound);
            let Some(child) = child.filter(|_| depth < 8 && !never(&condition)) else {
                continue;
            };
            let own = module.body.get("scope");
            let own = own.map(|it| reduce(it, &mut round.bound, instance));
            let over = round.over.as_ref().or(over);
            flatten_bicep(
                &child,
                &condition,
                over,
                own.as_ref().or(scope),
                resources,
                depth + 1,
            );
        }
    }
}

fn never(conditions: &[Expression]) -> bool {
    conditions
        .iter()
        .any(|it| matches!(it.value, Value::Bool(false)))
}

/// A Terraform folder with what its variables stand for.
struct Called<'a> {
    all: &'a [terraform::Folder],
    folder: &'a terraform::Folder,
    arguments: Option<BTreeMap<String, Expression>>,
}

impl<'a> Called<'a> {
    fn child(&self, module: &terraform::Module, bound: &mut Bound) -> Option<Called<'a>> {
        let source = self.folder.source(module);
        let folder = self.all.iter().find(|it| it.path == source)?;
        let arguments = module.body.attributes.iter().filter_map(|it| {
            let name = it.name()?.to_owned();
            Some((name, reduce(&it.value, bound, self)))
        });
        Some(Called {
            all: self.all,
            folder,
            arguments: Some(arguments.collect()),
        })
    }
}

impl Scope for Called<'_> {
    fn lookup(&self, path: &[&str], place: &Place) -> Option<Expression> {
        let folder = self.folder;
        match path {
            ["var", one] => {
                let Some(arguments) = &self.arguments else {
                    return Some(name(*one, place));
                };
                let parameter = folder.parameters.iter().find(|it| it.name == *one)?;
                let default = parameter.default.as_ref();
                let default = default.map(|it| reduce(it, &mut Vec::new(), self));
                arguments.get(*one).cloned().or(default)
            }
            ["local", one] => {
                let local = folder.locals.iter().find(|it| it.name == *one)?;
                Some(reduce(&local.value, &mut Vec::new(), self))
            }
            ["module", module, output] => {
                let module = folder.modules.iter().find(|it| it.name == *module)?;
                let child = self.child(module, &mut Vec::new())?;
                let output = child.folder.outputs.iter().find(|it| it.name == *output)?;
                Some(reduce(&output.value, &mut Vec::new(), &child))
            }
            [mode @ ("data" | "ephemeral"), kind, one] => folder
                .resources
                .iter()
                .any(|it| it.mode.words().0 == Some(mode) && it.kind == *kind && it.name == *one)
                .then(|| name(format!("{mode} {one}"), place)),
            [kind, one] => folder
                .resources
                .iter()
                .any(|it| it.mode == Mode::Managed && it.kind == *kind && it.name == *one)
                .then(|| name(format!("@{one}"), place)),
            _ => None,
        }
    }
}

/// The stack that a Terraform folder is, modules included. `None` if there is no such folder.
pub fn of_terraform(all: &[terraform::Folder], path: &str) -> Option<Stack> {
    let folder = all.iter().find(|it| it.path == path)?;
    let root = Called {
        all,
        folder,
        arguments: None,
    };
    let mut resources = Vec::new();
    flatten_terraform(&root, &[], None, &mut resources, 0);
    let outputs = folder.outputs.iter().map(|output| Output {
        value: reduce(&output.value, &mut Vec::new(), &root),
        ..output.clone()
    });
    Some(Stack {
        language: "Terraform",
        place: Place::new(path, 0),
        parameters: renamed(&folder.parameters),
        outputs: outputs.collect(),
        resources,
    })
}

/// How often a resource or module is there, and when.
fn repeated(body: &Body, called: &Called<'_>) -> (Vec<Round>, Option<Expression>) {
    if let Some(count) = body.get("count") {
        let count = reduce(count, &mut Vec::new(), called);
        let condition = match count.value {
            // `condition ? 1 : 0`
            Value::Conditional(condition, yes, _) if matches!(yes.value, Value::Number(n) if n > 0.0) => {
                *condition
            }
            Value::Number(number) => Expression::new(&count.place, Value::Bool(number > 0.0)),
            _ => count,
        };
        return (rounds(None, called), Some(condition));
    }
    let Some(over) = body.get("for_each") else {
        return (rounds(None, called), None);
    };
    let over = reduce(over, &mut Vec::new(), called);
    // `condition ? items : []`
    let (over, condition) = match over.value {
        Value::Conditional(condition, yes, no)
            if items(&no).is_some_and(|items| items.is_empty()) =>
        {
            (*yes, Some(*condition))
        }
        _ => (over, None),
    };
    let each = |key: Expression, value: Expression| {
        let place = over.place.clone();
        let pair = vec![
            Property {
                key: string("key", &place),
                value: key,
            },
            Property {
                key: string("value", &place),
                value,
            },
        ];
        vec![(
            "each".to_owned(),
            Expression::new(&place, Value::Object(pair)),
        )]
    };
    let rounds = match items(&over) {
        Some(items) => items
            .into_iter()
            .map(|(key, item)| Round {
                // The keys of a set are its items.
                bound: match key.text() {
                    Some(_) => each(key, item),
                    None => each(item.clone(), item),
                },
                over: None,
            })
            .collect(),
        None => vec![Round {
            bound: each(
                name("each key", &over.place),
                name("each value", &over.place),
            ),
            over: Some(over.clone()),
        }],
    };
    (rounds, condition)
}

fn flatten_terraform(
    called: &Called<'_>,
    conditions: &[Expression],
    over: Option<&Expression>,
    resources: &mut Vec<Resource>,
    depth: usize,
) {
    for resource in called
        .folder
        .resources
        .iter()
        .filter(|it| it.mode == Mode::Managed)
    {
        let (rounds, condition) = repeated(&resource.body, called);
        let conditions: Vec<Expression> = conditions.iter().cloned().chain(condition).collect();
        if never(&conditions) {
            continue;
        }
        for mut round in rounds {
            resources.push(Resource {
                name: resource.name.clone(),
                place: resource.place.clone(),
                kind: resource.kind.clone(),
                condition: conditions.clone(),
                body: object(&resource.body, &resource.place, &mut round.bound, called),
                over: round.over.or_else(|| over.cloned()),
                scope: None,
            });
        }
    }
    for module in &called.folder.modules {
        let (rounds, condition) = repeated(&module.body, called);
        let conditions: Vec<Expression> = conditions.iter().cloned().chain(condition).collect();
        for mut round in rounds {
            let child = called.child(module, &mut round.bound);
            if let Some(child) = child.filter(|_| depth < 8 && !never(&conditions)) {
                let over = round.over.as_ref().or(over);
                flatten_terraform(&child, &conditions, over, resources, depth + 1);
            }
        }
    }
}

/// The arguments of a body, and its blocks as lists of objects.
fn object(body: &Body, place: &Place, bound: &mut Bound, called: &Called<'_>) -> Expression {
    let mut properties: Vec<Property> = Vec::new();
    for Property { key, value } in &body.attributes {
        properties.push(Property {
            key: key.clone(),
            value: reduce(value, bound, called),
        });
    }
    let mut lists: Vec<(&str, Vec<Expression>)> = Vec::new();
    for block in &body.blocks {
        let (name, inner) = match block.name.as_str() {
            "dynamic" => {
                let content = block.body.blocks.iter().find(|it| it.name == "content");
                let name = block.labels.first().map_or("", String::as_str);
                (name, content.map_or(&block.body, |it| &it.body))
            }
            name => (name, &block.body),
        };
        let inner = object(inner, &block.place, bound, called);
        match lists.iter_mut().find(|(other, _)| *other == name) {
            Some((_, list)) => list.push(inner),
            None => lists.push((name, vec![inner])),
        }
    }
    for (name, list) in lists {
        properties.push(Property {
            key: string(name, place),
            value: Expression::new(place, Value::Array(list)),
        });
    }
    Expression::new(place, Value::Object(properties))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    #[test]
    fn names_are_those_of_terraform() {
        assert_eq!(snake("instanceMemoryMB"), "instance_memory_mb");
        assert_eq!(snake("configSource"), "config_source");
        assert_eq!(snake("otlp_endpoint"), "otlp_endpoint");
    }

    #[test]
    fn loops_variables_and_modules_are_put_in() {
        let mut project = Project::default();
        project.put(
            "infra/bicep/main.bicep",
            "param name string\nvar queues = ['a', 'b']\n\
             var all = concat(queues, map(queues, it => '${it}-poison'))\n\
             module inner 'inner.bicep' = if (name != '') {\n  params: {\n    names: all\n  }\n}\n\
             output first string = inner.outputs.first\n",
        );
        project.put(
            "infra/bicep/inner.bicep",
            "param names array\n\
             resource queue 'A/b@1' = [for it in names: {\n  name: it\n}]\n\
             output first string = names[0]\n",
        );
        let (templates, findings) = bicep::read_all(&project);
        assert!(findings.is_empty(), "{findings:?}");
        let stack = of_bicep(&templates, "infra/bicep/main.bicep").unwrap();
        let names: Vec<String> = stack
            .resources
            .iter()
            .map(|it| it.body.get("name").unwrap().to_string())
            .collect();
        assert_eq!(names, ["\"a\"", "\"b\"", "\"a-poison\"", "\"b-poison\""]);
        assert_eq!(stack.resources[0].condition[0].to_string(), "name != \"\"");
        assert_eq!(stack.outputs[0].value.text(), Some("a"));
    }

    #[test]
    fn the_same_goes_for_terraform() {
        let mut project = Project::default();
        project.put(
            "infra/terraform/main/main.tf",
            "locals {\n  queues = [\"a\", \"b\"]\n\
             all = toset(concat(local.queues, [for it in local.queues : \"${it}-poison\"]))\n}\n\
             resource \"azurerm_storage_queue\" \"queue\" {\n  for_each = local.all\n  name = each.key\n\
             storage_account_id = azurerm_storage_account.storage.id\n}\n\
             resource \"azurerm_storage_account\" \"storage\" {\n  count = var.on ? 1 : 0\n}\n\
             variable \"on\" {\n}\n",
        );
        let (folders, findings) = terraform::read_all(&project);
        assert!(findings.is_empty(), "{findings:?}");
        let stack = of_terraform(&folders, "infra/terraform/main").unwrap();
        let queue = &stack.resources[3];
        assert_eq!(queue.body.get("name").unwrap().text(), Some("b-poison"));
        assert_eq!(
            queue.body.get("storage_account_id").unwrap().to_string(),
            "@storage.id"
        );
        assert_eq!(stack.resources[4].condition[0].to_string(), "on");
    }
}
