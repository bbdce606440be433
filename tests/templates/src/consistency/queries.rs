//! Queries over logs, in `infra/queries` and in the workbook: they are written in words of the language, of
//! the tables that they read, and of the lines that the app logs.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::functions::functions;
use crate::finding::{Finding, Place, nearest};
use crate::project::Project;
use words::{COMMON, FUNCTIONS, KEYWORDS, OPERATORS, QUEUE_WRITES, TABLES};

const WORKBOOK: &str = "infra/workbook.json";
/// Where the lines are logged that queries read.
const JOBS: &str = "crates/spendwatch/src/jobs/";
/// Fields of every line in the logs.
const LINE: [&str; 4] = ["timestamp", "level", "message", "target"];

/// Checks all queries.
pub fn queries(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = logged(project);
    let functions = functions(project, &mut Vec::new());
    let names: Vec<&str> = functions.iter().map(|it| it.name.as_str()).collect();
    let mut check = |place: &Place, text: &str| {
        let mut query = Query {
            place: place.clone(),
            lines: &lines,
            functions: &names,
            findings: Vec::new(),
        };
        query.check(text);
        findings.extend(query.findings);
    };
    for (file, text) in project.files("infra/queries/", ".kql") {
        check(&Place::new(file, 1), text);
    }
    let workbook = project.text(WORKBOOK).unwrap_or_default();
    match serde_json::from_str::<Json>(workbook) {
        Err(error) => {
            let message = format!("not JSON: {error}");
            findings.push(Finding::new(&Place::new(WORKBOOK, error.line()), message));
        }
        Ok(json) => {
            for item in json["items"].as_array().into_iter().flatten() {
                let Some(text) = item["content"]["query"].as_str() else {
                    continue;
                };
                // A query is one line of the file.
                let written = item["content"]["query"].to_string();
                let line = workbook.lines().position(|it| it.contains(&written));
                let line = line.map_or(0, |at| at + 1);
                check(&Place::new(WORKBOOK, line), text);
            }
            findings.extend(parts(&json));
        }
    }
    findings
}

/// The workbook is of the kind that Azure shows, and its queries ask the workspace.
fn parts(workbook: &Json) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut miss = |what: &str, is: &Json, wanted: &str| {
        let message = format!("{what} is {is}, and {wanted} is needed");
        findings.push(Finding::of_file(WORKBOOK, message));
    };
    if workbook["version"] != "Notebook/1.0" {
        miss("version", &workbook["version"], "\"Notebook/1.0\"");
    }
    let items: Vec<&Json> = workbook["items"].as_array().into_iter().flatten().collect();
    let parameters: Vec<&Json> = items
        .iter()
        .flat_map(|it| it["content"]["parameters"].as_array().into_iter().flatten())
        .map(|it| &it["name"])
        .collect();
    for item in items.iter().filter(|it| it["type"] == 3) {
        let (name, content) = (&item["name"], &item["content"]);
        if content["version"] != "KqlItem/1.0" {
            miss(
                &format!("version of {name}"),
                &content["version"],
                "\"KqlItem/1.0\"",
            );
        }
        if !content["query"].is_string() {
            miss(&format!("query of {name}"), &content["query"], "a query");
        }
        let asked = &content["crossComponentResources"];
        if *asked != serde_json::json!(["{workspace}"]) {
            miss(
                &format!("crossComponentResources of {name}"),
                asked,
                "[\"{workspace}\"]",
            );
        }
        let kind = &content["resourceType"];
        if kind != "microsoft.operationalinsights/workspaces" {
            miss(
                &format!("resourceType of {name}"),
                kind,
                "\"microsoft.operationalinsights/workspaces\"",
            );
        }
        let time = &content["timeContextFromParameter"];
        if !parameters.contains(&time) {
            miss(
                &format!("timeContextFromParameter of {name}"),
                time,
                "a parameter of the workbook",
            );
        }
    }
    if !items.iter().any(|it| it["type"] == 3) {
        miss("items", &workbook["items"], "an item of type 3, a query,");
    }
    findings
}

/// The lines that jobs log: their messages, and the fields of each.
fn logged(project: &Project) -> BTreeMap<String, BTreeSet<String>> {
    let mut lines: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, text) in project.files(JOBS, ".rs") {
        for level in ["info", "warn", "error"] {
            let begin = format!("tracing::{level}!(");
            for part in text.split(&begin).skip(1) {
                if let Some((message, fields)) = line(part) {
                    lines.entry(message).or_default().extend(fields);
                }
            }
        }
    }
    lines
}

/// Message and fields of what begins behind the parenthesis of a `tracing` macro.
fn line(text: &str) -> Option<(String, BTreeSet<String>)> {
    let mut depth = 0;
    let mut quoted = false;
    let mut parts = vec![String::new()];
    let mut before = ' ';
    for character in text.chars() {
        match character {
            '"' if before != '\\' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => break,
            ')' | ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        before = character;
        match character {
            ',' if depth == 0 && !quoted => parts.push(String::new()),
            _ => parts.last_mut()?.push(character),
        }
    }
    let mut parts = parts.iter().map(|it| it.trim()).filter(|it| !it.is_empty());
    let message = parts
        .clone()
        .find_map(|it| it.strip_prefix('"')?.strip_suffix('"'))?;
    let fields = parts.by_ref().filter(|it| !it.starts_with('"'));
    let fields = fields.filter_map(|it| {
        let name = it.split(['=', ' ']).next()?;
        Some(name.trim_start_matches(['%', '?']).to_owned())
    });
    Some((message.to_owned(), fields.collect()))
}

/// A sign of a query, with its line.
#[derive(Debug, Clone, PartialEq)]
enum Sign {
    Word(String),
    Text(String),
    Number(String),
    Other(char),
}

/// A word in braces is filled in by the templates: it is a word or a number.
fn signs(text: &str) -> Result<Vec<(usize, Sign)>, String> {
    let mut signs = Vec::new();
    let mut rest = text;
    let mut line = 0;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\n' => {
                line += 1;
                1
            }
            _ if first.is_whitespace() => first.len_utf8(),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => {
                let end = rest[1..]
                    .find(['"', '\n'])
                    .filter(|end| rest[1 + end..].starts_with('"'));
                let end = end.ok_or_else(|| "a text does not end on its line".to_owned())?;
                signs.push((line, Sign::Text(rest[1..=end].to_owned())));
                end + 2
            }
            '{' => {
                let end = rest
                    .find('}')
                    .ok_or_else(|| "a brace is not closed".to_owned())?;
                // With a unit, as in `{hours}h`.
                let unit = rest[end + 1..]
                    .chars()
                    .take_while(char::is_ascii_alphabetic)
                    .count();
                signs.push((line, Sign::Number(rest[..end + 1 + unit].to_owned())));
                end + 1 + unit
            }
            _ if first.is_ascii_alphanumeric() || first == '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let word = &rest[..end.unwrap_or(rest.len())];
                signs.push((
                    line,
                    match first.is_ascii_digit() {
                        true => Sign::Number(word.to_owned()),
                        false => Sign::Word(word.to_owned()),
                    },
                ));
                word.len()
            }
            _ => {
                signs.push((line, Sign::Other(first)));
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    Ok(signs)
}

struct Query<'a> {
    place: Place,
    lines: &'a BTreeMap<String, BTreeSet<String>>,
    functions: &'a [&'a str],
    findings: Vec<Finding>,
}

impl Query<'_> {
    fn complain(&mut self, line: usize, message: impl Into<String>) {
        // All of a query of the workbook is in one line.
        let line = match &*self.place.file {
            WORKBOOK => self.place.line,
            _ => self.place.line + line,
        };
        let place = Place::new(self.place.file.clone(), line);
        self.findings.push(Finding::new(&place, message));
    }

    /// One of these is meant by a word.
    fn known<'w>(
        &mut self,
        line: usize,
        what: &str,
        word: &str,
        known: impl Iterator<Item = &'w str>,
    ) {
        let known: Vec<&str> = known.collect();
        if !known.contains(&word) {
            let similar = nearest(word, known.iter().copied());
            let message = match similar.is_empty() && known.len() < 12 {
                true => format!("there is no {what} {word}; there are {}", known.join(", ")),
                false => format!("there is no {what} {word}{similar}"),
            };
            self.complain(line, message);
        }
    }

    fn check(&mut self, text: &str) {
        let signs = match signs(text) {
            Ok(signs) => signs,
            Err(why) => return self.complain(0, format!("no query: {why}")),
        };
        let word = |at: usize| match signs.get(at) {
            Some((_, Sign::Word(word))) => Some(word.as_str()),
            _ => None,
        };
        let other = |at: usize, wanted: char| matches!(signs.get(at), Some((_, Sign::Other(sign))) if *sign == wanted);
        self.balanced(&signs);
        // What the query names itself: `name = …`, and `["name"] = …`.
        let mut own: BTreeSet<&str> = BTreeSet::new();
        let mut tables: BTreeSet<&str> = BTreeSet::new();
        for at in 0..signs.len() {
            let is_assigned = other(at + 1, '=') && !other(at + 2, '=') && !other(at + 2, '~');
            if let Some(name) = word(at).filter(|name| is_assigned && !KEYWORDS.contains(name)) {
                own.insert(name);
            }
        }
        let starts_statement = |at: usize| {
            at == 0
                || other(at - 1, ';')
                // `let name = Table`
                || at >= 3 && other(at - 1, '=') && word(at - 3) == Some("let")
        };
        for (at, (line, _)) in signs.iter().enumerate() {
            if let Some(name) = word(at).filter(|name| starts_statement(at) && *name != "let") {
                let lets = own.iter().copied();
                self.known(
                    *line,
                    "table",
                    name,
                    TABLES.iter().map(|(name, _)| *name).chain(lets),
                );
                tables.insert(name);
            }
        }
        let columns: Vec<&str> = TABLES
            .iter()
            .filter(|(name, _)| tables.contains(name))
            .flat_map(|(_, columns)| columns.iter().copied().flatten().copied())
            .chain(COMMON.iter().copied())
            .collect();
        for (at, (line, _)) in signs.iter().enumerate() {
            let line = *line;
            let Some(name) = word(at) else {
                continue;
            };
            if starts_statement(at) {
                continue;
            }
            if at > 0 && other(at - 1, '|') {
                self.known(line, "operator", name, OPERATORS.iter().copied());
            } else if at > 0 && other(at - 1, '.') {
                self.field(line, name);
            } else if other(at + 1, '(') && !KEYWORDS.contains(&name) {
                self.known(line, "function", name, FUNCTIONS.iter().copied());
            } else if !KEYWORDS.contains(&name) && !own.contains(name) {
                let known = columns.iter().copied().chain(own.iter().copied());
                self.known(line, &format!("column of {}", join(&tables)), name, known);
            }
            // `line["read"]`
            if other(at + 1, '[')
                && let Some((_, Sign::Text(field))) = signs.get(at + 2)
                && !KEYWORDS.contains(&name)
                && !OPERATORS.contains(&name)
            {
                self.field(line, field);
            }
        }
        self.values(&signs);
    }

    fn balanced(&mut self, signs: &[(usize, Sign)]) {
        let mut open = Vec::new();
        for (line, sign) in signs {
            let Sign::Other(sign) = sign else { continue };
            match sign {
                '(' | '[' => open.push((*line, *sign)),
                ')' | ']' => {
                    let wanted = if *sign == ')' { '(' } else { '[' };
                    if open.pop().is_none_or(|(_, sign)| sign != wanted) {
                        self.complain(*line, format!("{sign} closes nothing"));
                    }
                }
                _ => {}
            }
        }
        for (line, sign) in open {
            self.complain(line, format!("{sign} is not closed"));
        }
    }

    /// A field of a line that the app logs.
    fn field(&mut self, line: usize, name: &str) {
        let lines = self.lines;
        let known = lines.get("evaluated").into_iter().flatten();
        let known = known.map(String::as_str).chain(LINE);
        self.known(
            line,
            "field of the line \"evaluated\" in the log of the app,",
            name,
            known,
        );
    }

    /// Texts that are compared with what has few values.
    fn values(&mut self, signs: &[(usize, Sign)]) {
        for (at, (line, sign)) in signs.iter().enumerate() {
            let Sign::Text(text) = sign else { continue };
            // Back to the word that it is compared with: past `==`, `has`, `)`.
            let before: Vec<String> = signs[at.saturating_sub(4)..at]
                .iter()
                .map(|(_, it)| match it {
                    Sign::Word(word) => word.clone(),
                    Sign::Other(other) => other.to_string(),
                    Sign::Text(_) | Sign::Number(_) => String::new(),
                })
                .collect();
            let before = before.join(" ");
            let lines = self.lines;
            if before.ends_with("Name = =") && before.ends_with("OperationName = =") {
                self.known(*line, "operation", text, QUEUE_WRITES.iter().copied());
            } else if before.ends_with(" Name = =") || before.ends_with(" Name ! =") {
                let functions = self.functions;
                self.known(
                    *line,
                    "function of the app",
                    text,
                    functions.iter().copied(),
                );
            } else if before.ends_with("message ) = =") || before.ends_with("Message has") {
                let messages = lines.keys().map(String::as_str);
                self.known(*line, "message in the log of the app", text, messages);
            } else if text.contains('{') && text.contains('}') && !is_placeholder(text) {
                let message = format!(
                    "{text:?} is not what is filled in: \"{{name}}\" and nothing beside it"
                );
                self.complain(*line, message);
            } else if before.ends_with("Uri contains") && text != "-poison/" {
                let message = format!(
                    "{text:?} is in no address of a queue: the host calls them QUEUE-poison/"
                );
                self.complain(*line, message);
            }
        }
    }
}

/// Whether a text is one word in braces.
fn is_placeholder(text: &str) -> bool {
    let inner = text.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    inner.is_some_and(|it| it.chars().all(|c| c.is_ascii_lowercase()))
}

fn join(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Vec<String> {
        let fields = ["budgets", "failed", "read"].map(str::to_owned);
        let lines = BTreeMap::from([("evaluated".to_owned(), fields.into())]);
        let mut query = Query {
            place: Place::new("infra/queries/a.kql", 1),
            lines: &lines,
            functions: &["health"],
            findings: Vec::new(),
        };
        query.check(text);
        query.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_query_is_made_of_known_words() {
        let good = "// About.\nlet told = AppTraces\n| where Message has \"evaluated\" and TimeGenerated > ago({hours}h)\n\
            | extend line = parse_json(Message), [\"a b\"] = 1\n| summarize worst = max(toint(line.failed)) by tostring(line[\"read\"]);\n\
            told\n| where worst > 0\n| project worst, [\"a b\"]\n";
        assert_eq!(check(good), [""; 0]);
        for (from, to, expected) in [
            (
                "AppTraces",
                "AppTrace",
                "a.kql:2: there is no table AppTrace; did you mean AppTraces?",
            ),
            (
                "| where M",
                "| were M",
                "a.kql:3: there is no operator were",
            ),
            (
                "TimeGenerated",
                "TimeCreated",
                "there is no column of AppTrace",
            ),
            (
                "parse_json",
                "parsejson",
                "there is no function parsejson; did you mean parse_json?",
            ),
            (
                "line.failed",
                "line.failures",
                "there is no field of the line",
            ),
            ("line[\"read\"]", "line[\"reads\"]", "log of the app, reads"),
            (
                "has \"evaluated\"",
                "has \"evaluate\"",
                "there is no message in the log of the app evaluate",
            ),
            ("worst > 0", "wurst > 0", "wurst; did you mean worst?"),
            ("max(", "max((", "( is not closed"),
            ("\"a b\"] = 1", "\"a b] = 1", "no query"),
        ] {
            assert!(good.contains(from), "{from}");
            let found = check(&good.replace(from, to));
            assert!(
                found.iter().any(|it| it.contains(expected)),
                "{from}: {found:?}"
            );
        }
    }

    #[test]
    fn lines_are_read_from_the_source() {
        let text = "\n    read = report.read,\n    budgets,\n    age = age.map(|a| (a, 1)),\n    %shown,\n    \"evaluated, once\"\n);\nother(\"x\")";
        let (message, fields) = line(text).unwrap();
        assert_eq!(message, "evaluated, once");
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        assert_eq!(fields, ["age", "budgets", "read", "shown"]);
    }
}
