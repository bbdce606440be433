//! A reader of Terraform's language: each folder with `.tf` files is one module.

use std::collections::BTreeMap;
use std::sync::Arc;

use hcl_edit::Span;
use hcl_edit::expr::{Expression as Hcl, ObjectKey, TraversalOperator};
use hcl_edit::structure::{Block as HclBlock, Body as HclBody};
use hcl_edit::template::{Directive, Element, Template};

use crate::expression::{Each, Expression, Property, Value};
use crate::finding::{Finding, Place};
use crate::model::{Output, Parameter, Variable};
use crate::project::Project;

/// A folder with `.tf` files.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Its path from the root of the project.
    pub path: String,
    /// Its variables.
    pub parameters: Vec<Parameter>,
    /// Its local values.
    pub locals: Vec<Variable>,
    /// Its resources and data sources.
    pub resources: Vec<Resource>,
    /// Its modules.
    pub modules: Vec<Module>,
    /// Its outputs.
    pub outputs: Vec<Output>,
    /// Its configured providers by type.
    pub providers: Vec<Block>,
    /// Its `terraform` blocks.
    pub settings: Vec<Block>,
    /// `moved`, `check`, `import` and `removed` blocks.
    pub others: Vec<Block>,
}

/// What Terraform does with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It makes and changes it.
    Managed,
    /// It reads it: a data source.
    Data,
    /// It reads it and forgets it.
    Ephemeral,
}

impl Mode {
    /// What a reference to one begins with, if anything, and how people call it.
    pub fn words(self) -> (Option<&'static str>, &'static str) {
        match self {
            Mode::Managed => (None, "resource"),
            Mode::Data => (Some("data"), "data source"),
            Mode::Ephemeral => (Some("ephemeral"), "ephemeral resource"),
        }
    }
}

/// A resource or a data source.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// Its type, like `azurerm_storage_queue`.
    pub kind: String,
    /// Whether it is made or only read.
    pub mode: Mode,
    /// What it is made of.
    pub body: Body,
}

/// A module that is called.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// Where it comes from, as written.
    pub source: String,
    /// What it gets.
    pub body: Body,
}

/// What stands between the braces of a block.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// Its arguments.
    pub attributes: Vec<Property>,
    /// Its blocks.
    pub blocks: Vec<Block>,
}

/// A block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its name.
    pub name: String,
    /// What stands between the name and the brace.
    pub labels: Vec<String>,
    /// Where it begins.
    pub place: Place,
    /// What is in it.
    pub body: Body,
}

impl Body {
    /// An argument.
    pub fn get(&self, name: &str) -> Option<&Expression> {
        let mut attributes = self.attributes.iter();
        let attribute = attributes.find(|attribute| attribute.name() == Some(name))?;
        Some(&attribute.value)
    }

    /// Its blocks of a name, also as `dynamic` ones.
    pub fn blocks<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Body> {
        self.blocks.iter().filter_map(move |block| {
            if block.name == name {
                Some(&block.body)
            } else if block.name == "dynamic" && block.labels.first().is_some_and(|it| it == name) {
                let content = block.body.blocks.iter().find(|it| it.name == "content");
                content.map(|content| &content.body)
            } else {
                None
            }
        })
    }

    /// Calls `see` with every argument, also of the blocks in it.
    pub fn walk<'a>(&'a self, see: &mut impl FnMut(&'a Property)) {
        for attribute in &self.attributes {
            see(attribute);
        }
        for block in &self.blocks {
            block.body.walk(see);
        }
    }
}

impl Folder {
    fn new(path: &str) -> Self {
        Folder {
            path: path.to_owned(),
            parameters: Vec::new(),
            locals: Vec::new(),
            resources: Vec::new(),
            modules: Vec::new(),
            outputs: Vec::new(),
            providers: Vec::new(),
            settings: Vec::new(),
            others: Vec::new(),
        }
    }

    /// A place that stands for the whole folder.
    pub fn place(&self) -> Place {
        Place::new(self.path.clone(), 0)
    }

    /// The folder of a local module, from the root of the project.
    pub fn source(&self, module: &Module) -> String {
        crate::bicep::resolve(&format!("{}/x", self.path), &module.source)
    }
}

/// Reads all Terraform files below `infra`.
pub fn read_all(project: &Project) -> (Vec<Folder>, Vec<Finding>) {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    let mut findings = Vec::new();
    for (file, text) in project.files("infra/", ".tf") {
        let path = file.rsplit_once('/').map_or("", |(path, _)| path);
        let folder = folders
            .entry(path.to_owned())
            .or_insert_with(|| Folder::new(path));
        read_into(folder, file, text, &mut findings);
    }
    for folder in folders.values() {
        once(folder, &mut findings);
    }
    (folders.into_values().collect(), findings)
}

fn once(folder: &Folder, findings: &mut Vec<Finding>) {
    let named = (folder.parameters.iter()).map(|it| (format!("variable {}", it.name), &it.place));
    let named = named
        .chain((folder.locals.iter()).map(|it| (format!("local value {}", it.name), &it.place)))
        .chain((folder.modules.iter()).map(|it| (format!("module {}", it.name), &it.place)))
        .chain((folder.outputs.iter()).map(|it| (format!("output {}", it.name), &it.place)))
        .chain((folder.resources.iter()).map(|it| {
            let (_, what) = it.mode.words();
            (format!("{what} {}.{}", it.kind, it.name), &it.place)
        }));
    let mut places: BTreeMap<String, &Place> = BTreeMap::new();
    for (name, place) in named {
        if let Some(first) = places.insert(name.clone(), place) {
            findings.push(Finding::new(
                place,
                format!("{name} is declared at {first} already"),
            ));
        }
    }
}

fn read_into(folder: &mut Folder, file: &str, text: &str, findings: &mut Vec<Finding>) {
    let parsed = match hcl_edit::parser::parse_body(text) {
        Ok(body) => body,
        Err(error) => {
            let place = Place::new(file, error.location().line());
            let message = format!("not HCL: {}", error.message().replace('\n', "; "));
            findings.push(Finding::new(&place, message));
            return;
        }
    };
    let mut reader = Reader {
        file: file.into(),
        starts: std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect(),
        findings,
    };
    if let Some(attribute) = parsed.attributes().next() {
        let place = reader.place(attribute.span(), 1);
        let message = "no argument may stand outside of blocks";
        reader.findings.push(Finding::new(&place, message));
    }
    for block in parsed.blocks() {
        reader.top(block, folder);
    }
}

struct Reader<'a> {
    file: Arc<str>,
    starts: Vec<usize>,
    findings: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn place(&self, span: Option<std::ops::Range<usize>>, otherwise: usize) -> Place {
        let line = match span {
            Some(span) => self.starts.partition_point(|start| *start <= span.start),
            None => otherwise,
        };
        Place {
            file: self.file.clone(),
            line,
        }
    }

    fn top(&mut self, block: &HclBlock, folder: &mut Folder) {
        let block = self.block(block, 1);
        let label = |at: usize| block.labels.get(at).cloned().unwrap_or_default();
        let place = block.place.clone();
        match (block.name.as_str(), block.labels.len()) {
            ("variable", 1) => folder.parameters.push(parameter(block)),
            ("locals", 0) => {
                for Property { key, value } in block.body.attributes {
                    folder.locals.push(Variable {
                        name: key.text().unwrap_or_default().to_owned(),
                        place: key.place,
                        value,
                    });
                }
            }
            ("resource" | "data" | "ephemeral", 2) => folder.resources.push(Resource {
                name: label(1),
                place,
                kind: label(0),
                mode: match block.name.as_str() {
                    "data" => Mode::Data,
                    "ephemeral" => Mode::Ephemeral,
                    _ => Mode::Managed,
                },
                body: block.body,
            }),
            ("module", 1) => folder.modules.push(Module {
                name: label(0),
                place,
                source: block
                    .body
                    .get("source")
                    .and_then(Expression::text)
                    .unwrap_or_default()
                    .to_owned(),
                body: block.body,
            }),
            ("output", 1) => {
                let secure = block.body.get("sensitive");
                let secure = secure.is_some_and(|it| matches!(it.value, Value::Bool(true)));
                match block.body.get("value") {
                    Some(value) => folder.outputs.push(Output {
                        name: label(0),
                        place,
                        value: value.clone(),
                        secure,
                    }),
                    None => {
                        let message = format!("output {} has no value", label(0));
                        self.findings.push(Finding::new(&place, message));
                    }
                }
            }
            ("provider", 1) => folder.providers.push(block),
            ("terraform", 0) => folder.settings.push(block),
            ("moved" | "import" | "removed", 0) | ("check", 1) => folder.others.push(block),
            (name, labels) => {
                let message = format!("there is no block {name} with {labels} labels");
                self.findings.push(Finding::new(&place, message));
            }
        }
    }

    fn block(&mut self, block: &HclBlock, line: usize) -> Block {
        let place = self.place(block.span(), line);
        let labels = block.labels.iter();
        Block {
            name: block.ident.as_str().to_owned(),
            labels: labels.map(|label| label.as_str().to_owned()).collect(),
            body: self.body(&block.body, place.line),
            place,
        }
    }

    fn body(&mut self, body: &HclBody, line: usize) -> Body {
        let mut read = Body::default();
        for attribute in body.attributes() {
            let place = self.place(attribute.span(), line);
            let value = self.expression(&attribute.value, place.line);
            let name = attribute.key.as_str().to_owned();
            if read.get(&name).is_some() {
                let message = format!("{name} stands twice in this block");
                self.findings.push(Finding::new(&place, message));
            }
            read.attributes.push(Property {
                key: Expression::new(&place, Value::String(name)),
                value,
            });
        }
        for block in body.blocks() {
            let block = self.block(block, line);
            read.blocks.push(block);
        }
        read
    }

    fn boxed(&mut self, hcl: &Hcl, line: usize) -> Box<Expression> {
        Box::new(self.expression(hcl, line))
    }

    fn expression(&mut self, hcl: &Hcl, line: usize) -> Expression {
        let place = self.place(hcl.span(), line);
        let line = place.line;
        let value = match hcl {
            Hcl::Null(_) => Value::Null,
            Hcl::Bool(value) => Value::Bool(**value),
            Hcl::Number(value) => Value::Number(value.as_f64().unwrap_or(f64::NAN)),
            Hcl::String(text) => Value::String(text.to_string()),
            Hcl::Array(items) => {
                let items = items.iter().map(|item| self.expression(item, line));
                Value::Array(items.collect())
            }
            Hcl::Object(object) => {
                let mut properties: Vec<Property> = Vec::new();
                for (key, value) in object.iter() {
                    let value = self.expression(value.expr(), line);
                    let key = match key {
                        ObjectKey::Ident(name) => Expression::new(
                            &self.place(name.span(), value.place.line),
                            Value::String(name.as_str().to_owned()),
                        ),
                        ObjectKey::Expression(key) => self.expression(key, value.place.line),
                    };
                    properties.push(Property { key, value });
                }
                Value::Object(properties)
            }
            Hcl::StringTemplate(template) => {
                let parts = template.iter().map(|part| self.element(part, line));
                Value::Template(parts.collect())
            }
            Hcl::HeredocTemplate(heredoc) => {
                let mut heredoc = (**heredoc).clone();
                heredoc.dedent();
                self.template(&heredoc.template, line)
            }
            Hcl::Parenthesis(inner) => self.expression(inner.inner(), line).value,
            Hcl::Variable(name) => Value::Name(name.as_str().to_owned()),
            Hcl::Conditional(conditional) => Value::Conditional(
                self.boxed(&conditional.cond_expr, line),
                self.boxed(&conditional.true_expr, line),
                self.boxed(&conditional.false_expr, line),
            ),
            Hcl::FuncCall(call) => {
                let namespace = call.name.namespace.iter().map(|it| it.as_str());
                let parts: Vec<&str> = namespace.chain([call.name.name.as_str()]).collect();
                let arguments = call.args.iter().map(|it| self.expression(it, line));
                Value::Call {
                    on: None,
                    arguments: arguments.collect(),
                    name: parts.join("::"),
                }
            }
            Hcl::Traversal(traversal) => {
                let mut object = self.expression(&traversal.expr, line);
                for operator in &traversal.operators {
                    let inner = Box::new(object);
                    let value = match &**operator {
                        TraversalOperator::GetAttr(name) => {
                            Value::Member(inner, name.as_str().to_owned())
                        }
                        TraversalOperator::Index(index) => {
                            let index = self.boxed(index, line);
                            Value::Index(inner, index)
                        }
                        TraversalOperator::LegacyIndex(index) => Value::Index(
                            inner,
                            Box::new(Expression::new(&place, Value::Number(**index as f64))),
                        ),
                        TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => {
                            Value::Member(inner, "*".to_owned())
                        }
                    };
                    object = Expression::new(&place, value);
                }
                object.value
            }
            Hcl::UnaryOp(operation) => Value::Operation(
                operation.operator.value().to_string(),
                vec![self.expression(&operation.expr, line)],
            ),
            Hcl::BinaryOp(operation) => Value::Operation(
                operation.operator.value().to_string(),
                vec![
                    self.expression(&operation.lhs_expr, line),
                    self.expression(&operation.rhs_expr, line),
                ],
            ),
            Hcl::ForExpr(each) => {
                let intro = &each.intro;
                let names = [&intro.value_var].into_iter().chain(&intro.key_var);
                let names = names.map(|name| name.as_str().to_owned()).collect();
                Value::Each(Box::new(Each {
                    names,
                    over: self.expression(&intro.collection_expr, line),
                    key: each.key_expr.as_ref().map(|key| self.expression(key, line)),
                    value: self.expression(&each.value_expr, line),
                    condition: each.cond.as_ref().map(|it| self.expression(&it.expr, line)),
                }))
            }
        };
        Expression { place, value }
    }

    fn template(&mut self, template: &Template, line: usize) -> Value {
        let parts: Vec<Expression> = template
            .iter()
            .map(|part| self.element(part, line))
            .collect();
        match &parts[..] {
            [] => Value::String(String::new()),
            [one] if one.text().is_some() => one.value.clone(),
            _ => Value::Template(parts),
        }
    }

    fn element(&mut self, element: &Element, line: usize) -> Expression {
        match element {
            Element::Literal(text) => {
                let place = self.place(text.span(), line);
                Expression::new(&place, Value::String(text.to_string()))
            }
            Element::Interpolation(inner) => self.expression(&inner.expr, line),
            Element::Directive(directive) => {
                let place = self.place(None, line);
                let value = match &**directive {
                    Directive::If(it) => {
                        let yes = self.template(&it.if_expr.template, line);
                        let no = match &it.else_expr {
                            Some(no) => self.template(&no.template, line),
                            None => Value::String(String::new()),
                        };
                        Value::Conditional(
                            self.boxed(&it.if_expr.cond_expr, line),
                            Box::new(Expression::new(&place, yes)),
                            Box::new(Expression::new(&place, no)),
                        )
                    }
                    Directive::For(it) => {
                        let value = self.template(&it.for_expr.template, line);
                        let intro = &it.for_expr;
                        let names = [&intro.value_var].into_iter().chain(&intro.key_var);
                        Value::Each(Box::new(Each {
                            names: names.map(|name| name.as_str().to_owned()).collect(),
                            over: self.expression(&intro.collection_expr, line),
                            key: None,
                            value: Expression::new(&place, value),
                            condition: None,
                        }))
                    }
                };
                Expression::new(&place, value)
            }
        }
    }
}

fn parameter(block: Block) -> Parameter {
    let is_true = |name: &str| {
        let value = block.body.get(name);
        value.is_some_and(|it| matches!(it.value, Value::Bool(true)))
    };
    let default = block.body.get("default").cloned();
    Parameter {
        name: block.labels[0].clone(),
        type_name: block
            .body
            .get("type")
            .map(ToString::to_string)
            .unwrap_or_default(),
        allowed: block.body.blocks("validation").find_map(allowed),
        least: block
            .body
            .blocks("validation")
            .find_map(|it| bound(it, ">=")),
        most: block
            .body
            .blocks("validation")
            .find_map(|it| bound(it, "<=")),
        secure: is_true("sensitive") || is_true("ephemeral"),
        described: block.body.get("description").is_some(),
        default,
        place: block.place,
    }
}

/// The list in `contains(["a", "b"], var.x)`.
fn allowed(validation: &Body) -> Option<Vec<Expression>> {
    let Value::Call {
        name, arguments, ..
    } = &validation.get("condition")?.value
    else {
        return None;
    };
    match &arguments.first()?.value {
        Value::Array(items) if name == "contains" => Some(items.clone()),
        _ => None,
    }
}

/// The number in `var.x >= 1`, for this operator.
fn bound(validation: &Body, wanted: &str) -> Option<f64> {
    let mut found = None;
    validation.get("condition")?.walk(&mut |inner| {
        if let Value::Operation(operator, operands) = &inner.value
            && operator == wanted
            && let [left, right] = &operands[..]
            && matches!(&left.value, Value::Member(..))
            && let Value::Number(number) = right.value
        {
            found = Some(number);
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"terraform {
  required_version = ">= 1.9"
}

variable "mode" {
  type    = string
  default = "public"

  validation {
    condition     = contains(["public", "private"], var.mode)
    error_message = "public or private"
  }
}

locals {
  queues = { for name in ["a", "b"] : name => "${name}-poison" if name != "c" }
  text   = <<-EOT
    one ${var.mode}
    two
  EOT
}

resource "azurerm_storage_queue" "work" {
  for_each = local.queues

  name               = each.key
  storage_account_id = azurerm_storage_account.storage[0].id

  dynamic "thing" {
    for_each = var.mode == "public" ? [1] : []
    content {
      name = "x"
    }
  }
}

output "names" {
  value = [for queue in azurerm_storage_queue.work : queue.name]
}
"#;

    fn read(text: &str) -> (Vec<Folder>, Vec<Finding>) {
        let mut project = Project::default();
        project.put("infra/a/main.tf", text);
        read_all(&project)
    }

    #[test]
    fn what_the_templates_are_made_of_is_read() {
        let (folders, findings) = read(SMALL);
        assert!(findings.is_empty(), "{findings:?}");
        let folder = &folders[0];
        let mode = &folder.parameters[0];
        assert_eq!(mode.default.as_ref().unwrap().text(), Some("public"));
        assert_eq!(mode.allowed.as_ref().unwrap()[1].text(), Some("private"));
        assert_eq!((mode.place.line, mode.type_name.as_str()), (5, "string"));
        assert_eq!(
            folder.locals[0].value.to_string(),
            "[for name in [\"a\", \"b\"] : name => \"${name}-poison\" if name != \"c\"]"
        );
        assert_eq!(
            folder.locals[1].value.to_string(),
            "\"one ${var.mode}\ntwo\n\""
        );
        let queue = &folder.resources[0];
        let account = queue.body.get("storage_account_id").unwrap();
        assert_eq!(account.to_string(), "azurerm_storage_account.storage[0].id");
        assert_eq!(account.place.line, 27);
        let thing = queue.body.blocks("thing").next().unwrap();
        assert_eq!(thing.get("name").unwrap().text(), Some("x"));
    }

    #[test]
    fn what_is_no_terraform_is_refused_with_its_line() {
        let (_, findings) = read("locals {\n  a = [\n}\n");
        assert!(
            findings[0]
                .to_string()
                .starts_with("infra/a/main.tf:3: not HCL")
        );
        let (_, findings) = read("variable \"a\" {}\n\nvariable \"a\" {}\n");
        assert!(
            findings[0]
                .to_string()
                .starts_with("infra/a/main.tf:3: variable a")
        );
        let (_, findings) = read("resorce \"a\" \"b\" {}\n");
        assert!(findings[0].to_string().contains("no block resorce"));
    }
}
