//! A reader of the plain part of Bicep that the templates are written in.
//!
//! It is written by hand, because the grammar of tree-sitter-bicep takes line breaks for blanks, which
//! Bicep does not, and reads a call that an array begins with as two items. Types, functions, imports and
//! assertions are left out: whoever uses one in a template reads here that it is not read.
//!
//! `scanner.rs` knows signs, words and line breaks, `expressions.rs` what values are made of, and this
//! file the statements.

mod expressions;
mod scanner;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expression::{Expression, Value};
use crate::finding::{Finding, Place};
use crate::model::{Loop, Output, Parameter, Variable};
use crate::project::Project;
use scanner::{Read, Scanner};

/// One Bicep file.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its path from the root of the project.
    pub file: Arc<str>,
    /// `resourceGroup`, `subscription`, `managementGroup` or `tenant`.
    pub target_scope: String,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// Its variables.
    pub variables: Vec<Variable>,
    /// Its resources, also those that exist already.
    pub resources: Vec<Resource>,
    /// Its modules.
    pub modules: Vec<Module>,
    /// Its outputs.
    pub outputs: Vec<Output>,
}

/// A resource.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its symbolic name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// Its type and API version, like `Microsoft.Web/sites@2025-03-01`.
    pub kind: String,
    /// Whether it is only referred to.
    pub existing: bool,
    /// When it is there.
    pub condition: Option<Expression>,
    /// What it is repeated over.
    pub each: Option<Loop>,
    /// Its object, with what belongs to the language (`parent`, `scope`, `dependsOn`).
    pub body: Expression,
}

/// A module.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its symbolic name.
    pub name: String,
    /// Where it is declared.
    pub place: Place,
    /// The file it names, as written.
    pub source: String,
    /// When it is there.
    pub condition: Option<Expression>,
    /// What it is repeated over.
    pub each: Option<Loop>,
    /// Its object: `scope`, `params` and so on.
    pub body: Expression,
}

impl Template {
    /// The file of a module, from the root of the project.
    pub fn source(&self, module: &Module) -> String {
        resolve(&self.file, &module.source)
    }
}

/// A path beside a file, without `..`.
pub(crate) fn resolve(file: &str, path: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Reads all Bicep files below `infra`.
pub fn read_all(project: &Project) -> (Vec<Template>, Vec<Finding>) {
    let mut templates = Vec::new();
    let mut findings = Vec::new();
    for (file, text) in project.files("infra/", ".bicep") {
        match read(file, text) {
            Ok(template) => templates.push(template),
            Err(mistakes) => findings.extend(mistakes),
        }
    }
    (templates, findings)
}

/// Reads one Bicep file.
///
/// # Errors
///
/// What in it is no Bicep, or not of the part of it that is read here.
pub fn read(file: &str, text: &str) -> Result<Template, Vec<Finding>> {
    let mut scanner = Scanner::new(file, text);
    match scanner.template() {
        Ok(template) if scanner.findings.is_empty() => Ok(template),
        Ok(_) => Err(scanner.findings),
        Err(finding) => {
            scanner.findings.push(finding);
            Err(scanner.findings)
        }
    }
}

/// A declared value with what stands around it.
struct Declared {
    condition: Option<Expression>,
    each: Option<Loop>,
    body: Expression,
}

impl Scanner<'_> {
    fn template(&mut self) -> Read<Template> {
        let mut template = Template {
            file: self.file.clone(),
            target_scope: "resourceGroup".to_owned(),
            parameters: Vec::new(),
            variables: Vec::new(),
            resources: Vec::new(),
            modules: Vec::new(),
            outputs: Vec::new(),
        };
        let mut decorators: Vec<Expression> = Vec::new();
        loop {
            self.skip_lines();
            if self.rest().is_empty() {
                break;
            }
            if self.take("@") {
                decorators.push(self.expression()?);
                self.end()?;
                continue;
            }
            let given = std::mem::take(&mut decorators);
            self.statement(&mut template, &given)?;
            self.end()?;
        }
        self.once(&template);
        Ok(template)
    }

    fn statement(&mut self, template: &mut Template, decorators: &[Expression]) -> Read<()> {
        self.skip();
        let place = self.place();
        let start = self.at;
        match self.word()?.as_str() {
            "targetScope" => {
                self.expect("=")?;
                template.target_scope = self.literal()?;
            }
            "metadata" => {
                self.word()?;
                self.expect("=")?;
                self.expression()?;
            }
            "param" => {
                let parameter = self.parameter(place, decorators)?;
                template.parameters.push(parameter);
            }
            "var" => {
                let name = self.word()?;
                self.expect("=")?;
                let value = self.expression()?;
                template.variables.push(Variable { name, place, value });
            }
            "output" => {
                let name = self.word()?;
                self.type_name()?;
                self.expect("=")?;
                let value = self.expression()?;
                template.outputs.push(Output {
                    name,
                    place,
                    value,
                    secure: is_secure(decorators),
                });
            }
            "resource" => {
                let name = self.word()?;
                let kind = self.literal()?;
                let existing = self.take_word("existing");
                self.expect("=")?;
                let Declared {
                    condition,
                    each,
                    body,
                } = self.declared()?;
                template.resources.push(Resource {
                    name,
                    place,
                    kind,
                    existing,
                    condition,
                    each,
                    body,
                });
            }
            "module" => {
                let name = self.word()?;
                let source = self.literal()?;
                self.expect("=")?;
                let Declared {
                    condition,
                    each,
                    body,
                } = self.declared()?;
                template.modules.push(Module {
                    name,
                    place,
                    source,
                    condition,
                    each,
                    body,
                });
            }
            _ => {
                self.at = start;
                return self.refuse("no statement that is read here begins");
            }
        }
        Ok(())
    }

    /// Names are declared once.
    fn once(&mut self, template: &Template) {
        let named = (template.parameters.iter().map(|it| (&it.name, &it.place)))
            .chain(template.variables.iter().map(|it| (&it.name, &it.place)))
            .chain(template.resources.iter().map(|it| (&it.name, &it.place)))
            .chain(template.modules.iter().map(|it| (&it.name, &it.place)));
        let mut places: BTreeMap<&String, &Place> = BTreeMap::new();
        for (name, place) in named {
            if let Some(first) = places.insert(name, place) {
                let message = format!("{name} is declared in line {} already", first.line);
                self.findings.push(Finding::new(place, message));
            }
        }
        let mut places: BTreeMap<&String, &Place> = BTreeMap::new();
        for output in &template.outputs {
            if let Some(first) = places.insert(&output.name, &output.place) {
                let message = format!("output {} is in line {} already", output.name, first.line);
                self.findings.push(Finding::new(&output.place, message));
            }
        }
    }

    /// A type as it is written, up to `=` or the end of the line.
    fn type_name(&mut self) -> Read<String> {
        self.skip();
        let rest = self.rest();
        let end = rest.find(['=', '\n']).unwrap_or(rest.len());
        let name = rest[..end].trim_end();
        if name.is_empty() || name.contains(['{', '<']) {
            return self.refuse("no type that is read here is");
        }
        self.at += name.len();
        Ok(name.to_owned())
    }

    fn parameter(&mut self, place: Place, decorators: &[Expression]) -> Read<Parameter> {
        let of = |wanted: &str| {
            decorators
                .iter()
                .find_map(|decorator| match &decorator.value {
                    Value::Call {
                        name, arguments, ..
                    } if name == wanted => arguments.first(),
                    _ => None,
                })
        };
        let name = self.word()?;
        let type_name = self.type_name()?;
        let default = match self.take("=") {
            true => Some(self.expression()?),
            false => None,
        };
        Ok(Parameter {
            name,
            place,
            type_name,
            default,
            allowed: of("allowed").and_then(|allowed| match &allowed.value {
                Value::Array(items) => Some(items.clone()),
                _ => None,
            }),
            least: of("minValue").and_then(number),
            most: of("maxValue").and_then(number),
            secure: is_secure(decorators),
            described: of("description").is_some(),
        })
    }

    /// What follows `=` of a resource or module: an object, perhaps with a condition or a loop.
    fn declared(&mut self) -> Read<Declared> {
        if self.take_word("if") {
            self.expect("(")?;
            self.nested += 1;
            let condition = self.expression()?;
            self.expect(")")?;
            self.nested -= 1;
            let body = self.expression()?;
            return Ok(Declared {
                condition: Some(condition),
                each: None,
                body,
            });
        }
        if self.take("[") {
            self.skip_lines();
            if !self.take_word("for") {
                return self.refuse("for is missing");
            }
            let (names, over) = self.intro()?;
            let inner = self.declared()?;
            self.skip_lines();
            self.expect("]")?;
            return Ok(Declared {
                each: Some(Loop { names, over }),
                ..inner
            });
        }
        Ok(Declared {
            condition: None,
            each: None,
            body: self.expression()?,
        })
    }
}

fn number(expression: &Expression) -> Option<f64> {
    match expression.value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

fn is_secure(decorators: &[Expression]) -> bool {
    decorators
        .iter()
        .any(|decorator| matches!(&decorator.value, Value::Call { name, .. } if name == "secure"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"// A storage account and a queue.
targetScope = 'resourceGroup'

@description('Name.')
@minLength(3)
param name string = 'watch'

@allowed([
  'public'
  'private'
])
param mode string = 'public'

@secure()
param key string

var queues = ['evaluations', 'deliveries']
var short = toLower('${name}-x\${y}')

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: short
  kind: 'StorageV2'
  properties: {
    'supportsHttpsTrafficOnly': mode == 'public' ? true : false
    networkAcls: union({ bypass: 'None' }, { defaultAction: 'Deny' })
  }
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [for (name, i) in queues: if (mode == 'public') {
  parent: storage
  name: name
}]

resource other 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: 'other'
}

module alerts 'parts/alerts.bicep' = if (!empty(name)) {
  name: 'alerts'
  params: {
    names: map(queues, item => item.name)
    query: '''
let x = 1;
x'''
  }
}

output names array = [for i in range(0, 2): queue[i].name]
output host string = storage.properties.primaryEndpoints.blob
"#;

    #[test]
    fn what_the_templates_are_made_of_is_read() {
        let template = read("infra/a.bicep", SMALL).unwrap();
        let parameter = &template.parameters[1];
        assert_eq!(
            (parameter.name.as_str(), parameter.place.line),
            ("mode", 12)
        );
        let allowed = parameter.allowed.as_ref().unwrap();
        assert_eq!(allowed[1].text(), Some("private"));
        assert!(template.parameters[2].secure && !parameter.secure);
        assert_eq!(
            template.variables[1].value.to_string(),
            "toLower(\"${name}-x${y}\")"
        );
        let storage = &template.resources[0];
        let https = storage.body.get("properties.supportsHttpsTrafficOnly");
        assert_eq!(
            https.unwrap().to_string(),
            "mode == \"public\" ? true : false"
        );
        let queue = &template.resources[1];
        assert_eq!(queue.each.as_ref().unwrap().names, ["name", "i"]);
        assert_eq!(
            queue.condition.as_ref().unwrap().to_string(),
            "mode == \"public\""
        );
        assert!(template.resources[2].existing && !queue.existing);
        let alerts = &template.modules[0];
        assert_eq!(template.source(alerts), "infra/parts/alerts.bicep");
        assert_eq!(
            alerts.body.get("params.query").unwrap().text(),
            Some("let x = 1;\nx")
        );
        assert_eq!(
            alerts.body.get("params.names").unwrap().to_string(),
            "map(queues, (item) => item.name)"
        );
        assert_eq!(
            template.outputs[1].value.to_string(),
            "storage.properties.primaryEndpoints.blob"
        );
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let findings: Vec<String> = match read("a.bicep", text) {
            Ok(_) => Vec::new(),
            Err(findings) => findings.iter().map(Finding::to_string).collect(),
        };
        assert!(
            findings.iter().any(|finding| finding.contains(expected)),
            "{findings:?}"
        );
    }

    #[test]
    fn what_is_no_bicep_is_refused_with_its_line() {
        refused("param a string\nvar b = {\n  c: 'd\n}\n", "a.bicep:");
        refused("var a = b\n(c)\n", "a.bicep:2: not Bicep");
        refused("var a = { b: 1 c: 2 }\n", "a.bicep:1: not Bicep");
        refused("param a string\nparam a int\n", "a.bicep:2: a is declared");
        refused(
            "var a = {\n  b: 1\n  b: 2\n}\n",
            "a.bicep:3: b stands twice",
        );
        refused("var a = 'b\n", "a.bicep:1");
    }
}
