//! Commands in documents: what they name is declared by the template that they deploy.

use std::collections::BTreeSet;

use super::roles::ROLES;
use crate::finding::{Finding, Place, nearest};
use crate::project::{Project, Templates};
use crate::stack::snake;

/// A piece of code in a document.
struct Block<'a> {
    language: &'a str,
    /// Its lines, with where they begin. Those that a backslash continues are one.
    lines: Vec<(Place, String)>,
}

/// The code in a document.
fn blocks<'a>(file: &str, text: &'a str) -> Vec<Block<'a>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            inside = !inside;
            if inside {
                blocks.push(Block {
                    language: language.trim(),
                    lines: Vec::new(),
                });
            }
        } else if inside && let Some(block) = blocks.last_mut() {
            match block.lines.last_mut() {
                Some((_, last)) if last.ends_with('\\') => {
                    last.pop();
                    last.push_str(line);
                }
                _ => block
                    .lines
                    .push((Place::new(file, at + 1), line.to_owned())),
            }
        }
    }
    blocks
}

/// Words of a command; what stands in quotes or parentheses belongs to the word.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut depth = 0;
    for character in line.chars() {
        match character {
            '\'' | '"' if quote == Some(character) => quote = None,
            '\'' | '"' if quote.is_none() => quote = Some(character),
            '(' if quote.is_none() => depth += 1,
            ')' if quote.is_none() => depth -= 1,
            _ => {}
        }
        let divides = character.is_whitespace() && quote.is_none() && depth <= 0;
        match (divides, words.last_mut()) {
            (false, Some(word)) => word.push(character),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What there is to be named, by kind of template.
struct Known<'a> {
    templates: &'a Templates,
}

impl Known<'_> {
    fn bicep(&self, file: &str) -> Option<(BTreeSet<&str>, BTreeSet<&str>)> {
        let template = self.templates.bicep.iter().find(|it| &*it.file == file)?;
        let parameters = template.parameters.iter().map(|it| it.name.as_str());
        let outputs = template.outputs.iter().map(|it| it.name.as_str());
        Some((parameters.collect(), outputs.collect()))
    }

    /// The `targetScope` of a template.
    fn target_scope(&self, file: &str) -> &str {
        let template = self.templates.bicep.iter().find(|it| &*it.file == file);
        template.map_or("", |it| &it.target_scope)
    }

    fn terraform(&self, path: &str) -> Option<(BTreeSet<&str>, BTreeSet<&str>)> {
        let folder = self.templates.terraform.iter().find(|it| it.path == path)?;
        let parameters = folder.parameters.iter().map(|it| it.name.as_str());
        let outputs = folder.outputs.iter().map(|it| it.name.as_str());
        Some((parameters.collect(), outputs.collect()))
    }

    fn all_outputs(&self) -> BTreeSet<&str> {
        let bicep = self.templates.bicep.iter().flat_map(|it| &it.outputs);
        let terraform = self.templates.terraform.iter().flat_map(|it| &it.outputs);
        bicep.chain(terraform).map(|it| it.name.as_str()).collect()
    }

    fn all_parameters(&self) -> BTreeSet<&str> {
        let bicep = self.templates.bicep.iter().flat_map(|it| &it.parameters);
        let terraform = self
            .templates
            .terraform
            .iter()
            .flat_map(|it| &it.parameters);
        bicep.chain(terraform).map(|it| it.name.as_str()).collect()
    }
}

/// Templates, parameters, variables and outputs that commands, modules and text in documents below `infra`
/// and `docs` name are declared.
pub fn commands(project: &Project, templates: &Templates) -> Vec<Finding> {
    let known = Known { templates };
    let mut findings = Vec::new();
    let documents = project
        .files("infra/", ".md")
        .chain(project.files("docs/", ".md"));
    for (file, text) in documents {
        for block in blocks(file, text) {
            match block.language {
                "sh" | "bash" | "console" => shell(&block, &known, &mut findings),
                "hcl" => module(&block, &known, &mut findings),
                _ => {}
            }
            told_outputs(&block, &known, &mut findings);
        }
        if file.starts_with("infra/") {
            inline(file, text, &known, &mut findings);
        }
    }
    for (file, text) in project.files("infra/", ".bicepparam") {
        parameter_file(file, text, &known, &mut findings);
    }
    findings
}

/// `using '../main.bicep'` and `param name = …`.
fn parameter_file(file: &str, text: &str, known: &Known<'_>, findings: &mut Vec<Finding>) {
    let lines = || text.lines().enumerate();
    let using = lines().find_map(|(at, line)| Some((at, line.strip_prefix("using '")?)));
    let Some((at, path)) = using else {
        findings.push(Finding::new(
            &Place::new(file, 1),
            "names no template by `using`",
        ));
        return;
    };
    let mut folder: Vec<&str> = file.split('/').collect();
    folder.pop();
    for part in path.trim_end_matches('\'').split('/') {
        match part {
            ".." => drop(folder.pop()),
            part => folder.push(part),
        }
    }
    let template = folder.join("/");
    let Some((parameters, _)) = known.bicep(&template) else {
        let message = format!("there is no template {template}");
        findings.push(Finding::new(&Place::new(file, at + 1), message));
        return;
    };
    for (at, line) in lines() {
        let Some((name, _)) = line
            .strip_prefix("param ")
            .and_then(|it| it.split_once(' '))
        else {
            continue;
        };
        let what = format!("{template} has no parameter");
        miss(
            findings,
            &Place::new(file, at + 1),
            &what,
            name,
            &parameters,
        );
    }
}

fn miss(
    findings: &mut Vec<Finding>,
    place: &Place,
    what: &str,
    name: &str,
    known: &BTreeSet<&str>,
) {
    if !known.contains(name) {
        let similar = nearest(name, known.iter().copied());
        findings.push(Finding::new(place, format!("{what} {name}{similar}")));
    }
}

/// The command of `NAME=$(command)`; else the line as it is.
fn assigned(line: &str) -> &str {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    match line.trim().split_once("=$(") {
        Some((name, command)) if is_name(name) => command.strip_suffix(')').unwrap_or(command),
        _ => line,
    }
}

/// `--parameters a=1 b=2`, `-var a=1`, `OUT a`.
fn shell(block: &Block<'_>, known: &Known<'_>, findings: &mut Vec<Finding>) {
    let mut outputs = known.all_outputs();
    let mut terraform = None;
    for (place, line) in &block.lines {
        let line = line.split(" # ").next().unwrap_or_default();
        let words = words(assigned(line).trim_start_matches('('));
        let after = |wanted: &str| {
            let at = words.iter().position(|word| word == wanted)?;
            words.get(at + 1).map(String::as_str)
        };
        let example = words.iter().find_map(|word| word.strip_prefix("EXAMPLE="));
        if let Some(folder) = example.filter(|it| it.contains("terraform")) {
            terraform = known.terraform(folder);
            if terraform.is_none() {
                let message = format!("there is no folder {folder} with Terraform");
                findings.push(Finding::new(place, message));
            }
        }
        // `--role "Name"` and `grant WHO TYPE "Name" SCOPE`.
        let granted = (words.first().map(String::as_str) == Some("grant")).then(|| words.get(3));
        let role = after("--role").or(granted.flatten().map(String::as_str));
        let role = role.map(|it| it.trim_matches('"'));
        if let Some(role) = role.filter(|it| !it.starts_with('$')) {
            let names = ROLES.iter().map(|(_, name)| *name);
            miss(findings, place, "there is no role", role, &names.collect());
        }
        if let Some(file) = after("--template-file") {
            let Some((parameters, told)) = known.bicep(file) else {
                findings.push(Finding::new(place, format!("there is no template {file}")));
                continue;
            };
            let at = words.iter().position(|word| word == "deployment");
            let of = at
                .and_then(|at| words.get(at + 1))
                .map_or("", String::as_str);
            let wanted = match known.target_scope(file) {
                "managementGroup" => "mg",
                "subscription" => "sub",
                _ => "group",
            };
            if of != wanted {
                let message = format!("{file} is deployed by az deployment {wanted}, not {of}");
                findings.push(Finding::new(place, message));
            }
            outputs = told;
            let given = words.iter().skip_while(|it| *it != "--parameters").skip(1);
            let given = given.take_while(|it| !it.starts_with('-') && *it != "&&" && *it != "|");
            // A file of parameters has no name.
            for (name, _) in given.filter_map(|it| it.split_once('=')) {
                let what = format!("{file} has no parameter");
                miss(findings, place, &what, name, &parameters);
            }
        }
        // Deployments and examples all have the outputs of the template with everything.
        if line.contains("--name spendwatch --query") {
            let main = known.bicep("infra/bicep/main.bicep");
            outputs = main.map(|(_, told)| told).unwrap_or_default();
        }
        if line.contains("output -json spendwatch") {
            let main = known.terraform("infra/terraform/main");
            outputs = main.map(|(_, told)| told).unwrap_or_default();
        }
        for part in line.split("azd env get-value ").skip(1) {
            let name = part.split([')', ' ']).next().unwrap_or_default();
            let azd = known.bicep("infra/bicep/azd.bicep");
            let told = azd.map(|(_, told)| told).unwrap_or_default();
            miss(findings, place, "azd has no output", name, &told);
        }
        if let Some((variables, _)) = &terraform {
            for (at, _) in words.iter().enumerate().filter(|(_, it)| *it == "-var") {
                let given = words.get(at + 1).map_or("", String::as_str);
                let name = given
                    .trim_matches(['\'', '"'])
                    .split('=')
                    .next()
                    .unwrap_or_default();
                miss(
                    findings,
                    place,
                    "the folder has no variable",
                    name,
                    variables,
                );
            }
        }
        for part in line.split("$(OUT ").skip(1) {
            let name = part.split(')').next().unwrap_or_default();
            miss(findings, place, "there is no output", name, &outputs);
        }
    }
}

/// `module "x" { source = "…/infra/terraform/main" … }`
fn module(block: &Block<'_>, known: &Known<'_>, findings: &mut Vec<Finding>) {
    let arguments = block.lines.iter().filter_map(|(place, line)| {
        let (name, value) = line.strip_prefix("  ")?.split_once('=')?;
        (!name.starts_with(' ')).then_some((place, name.trim(), value.trim()))
    });
    let arguments: Vec<(&Place, &str, &str)> = arguments.collect();
    let Some((place, _, source)) = arguments.iter().find(|(_, name, _)| *name == "source") else {
        return;
    };
    let path = source.find("infra/terraform").map(|at| &source[at..]);
    let path = path
        .unwrap_or_default()
        .split(['"', '?'])
        .next()
        .unwrap_or_default();
    let Some((variables, _)) = known.terraform(path) else {
        let message = format!("there is no folder with Terraform that {source} is");
        findings.push(Finding::new(place, message));
        return;
    };
    for (place, name, _) in arguments.iter().filter(|(_, name, _)| *name != "source") {
        let what = format!("{path} has no variable");
        miss(findings, place, &what, name, &variables);
    }
}

/// Comments like `# output nativeAlertGroupId`.
fn told_outputs(block: &Block<'_>, known: &Known<'_>, findings: &mut Vec<Finding>) {
    for (place, line) in &block.lines {
        if let Some((_, rest)) = line.split_once("# output ") {
            let name = rest.split([' ', ',', ';']).next().unwrap_or_default();
            miss(
                findings,
                place,
                "there is no output",
                name,
                &known.all_outputs(),
            );
        }
    }
}

/// Code in the text like `enableCostExport=true`, whose names are those of parameters.
fn inline(file: &str, text: &str, known: &Known<'_>, findings: &mut Vec<Finding>) {
    let mut inside = false;
    let parameters: BTreeSet<String> = known.all_parameters().into_iter().map(snake).collect();
    let parameters: BTreeSet<&str> = parameters.iter().map(String::as_str).collect();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        }
        if inside {
            continue;
        }
        for code in line.split('`').skip(1).step_by(2) {
            for part in code.split(' ') {
                let Some((name, value)) = part.split_once('=') else {
                    continue;
                };
                let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if is_name && !value.is_empty() && !value.starts_with('=') {
                    let place = Place::new(file, at + 1);
                    miss(
                        findings,
                        &place,
                        "there is no parameter",
                        &snake(name),
                        &parameters,
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_what_is_quoted_or_called() {
        assert_eq!(
            words("az x --parameters a='[\"b c\"]' d=$(az e --query f) 'g=[\"h i\"]'"),
            [
                "az",
                "x",
                "--parameters",
                "a='[\"b c\"]'",
                "d=$(az e --query f)",
                "'g=[\"h i\"]'"
            ]
        );
    }

    #[test]
    fn continued_lines_are_one() {
        let found = blocks("a.md", "x\n\n```sh\na \\\n  b\nc\n```\n\n```toml\nd\n```\n");
        let lines: Vec<(usize, &str)> = found
            .iter()
            .flat_map(|it| &it.lines)
            .map(|(place, line)| (place.line, line.as_str()))
            .collect();
        assert_eq!(lines, [(4, "a   b"), (6, "c"), (10, "d")]);
    }
}
