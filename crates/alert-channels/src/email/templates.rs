//! Templates of one's own for mails: `subject.txt`, `body.txt` and `body.html` in one folder, in the
//! language of MiniJinja. `docs/messages.md` describes what they may use.
//!
//! What they insert is never read as a template again, and in `body.html` it is escaped. Time, depth
//! and size are bounded. Whatever goes wrong, the built-in text takes the place of the template that
//! failed, and the log says so: a notice is not lost to its decoration.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::Value;

use super::page::Picture;
use crate::notice::Notice;
use crate::samples;
use crate::text::{Language, Wording, wording};
use crate::untrusted::capped;
use crate::webhook;

/// Steps that one template may take: a mail with all that there is to say takes a few thousand.
const FUEL: u64 = 200_000;
/// How deep calls may nest.
const DEPTH: usize = 64;
/// Largest template file in bytes.
const MAX_FILE: u64 = 200_000;
/// Longest text of an event's names, in graphemes and bytes.
const MAX_NAME: (usize, usize) = (1024, 4096);

/// A part of a mail that a template may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    const ALL: [Part; 3] = [Part::Subject, Part::Text, Part::Html];

    /// The name of its file; what ends with `.html` is escaped.
    fn file(self) -> &'static str {
        match self {
            Part::Subject => "subject.txt",
            Part::Text => "body.txt",
            Part::Html => "body.html",
        }
    }

    /// Largest outcome in bytes.
    fn most(self) -> usize {
        match self {
            Part::Subject => 2_000,
            Part::Text => 50_000,
            Part::Html => 100_000,
        }
    }
}

/// Templates of one's own.
#[derive(Debug, Clone)]
pub struct Templates {
    folder: PathBuf,
    environment: Environment<'static>,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The file, or the folder.
    pub file: PathBuf,
    /// The line, from 1, if one is to blame.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Templates {
    /// Reads the templates of a folder: those that can be used, and what is wrong with the others.
    pub fn load(folder: &Path) -> (Templates, Vec<TemplateProblem>) {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(DEPTH);
        let mut problems = Vec::new();
        let mut found = false;
        for part in Part::ALL {
            let file = folder.join(part.file());
            let mut problem = |line, message: String| {
                problems.push(TemplateProblem {
                    file: file.clone(),
                    line,
                    message,
                });
            };
            let size = match fs::metadata(&file) {
                Ok(metadata) => metadata.len(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    found = true;
                    problem(None, format!("cannot be read: {}", error.kind()));
                    continue;
                }
            };
            found = true;
            if size > MAX_FILE {
                problem(None, format!("{size} bytes are more than {MAX_FILE}"));
                continue;
            }
            match fs::read_to_string(&file) {
                Ok(text) => {
                    if let Err(error) = environment.add_template_owned(part.file(), text) {
                        problem(error.line(), words(&error));
                    }
                }
                Err(error) => problem(None, format!("cannot be read: {}", error.kind())),
            }
        }
        if !found {
            problems.push(TemplateProblem {
                file: folder.to_owned(),
                line: None,
                message: "has none of subject.txt, body.txt and body.html".to_owned(),
            });
        }
        let folder = folder.to_owned();
        let templates = Templates {
            folder,
            environment,
        };
        (templates, problems)
    }

    /// Renders every sample in every language, and says what fails: each mistake once.
    pub fn check(&self) -> Vec<TemplateProblem> {
        let mut problems: Vec<TemplateProblem> = Vec::new();
        for language in Language::ALL {
            for (name, notice) in samples::all() {
                let notice = samples::in_language(notice, language);
                let words = wording(&notice);
                let picture = words.chart.as_ref();
                let picture = picture.map(|text| Picture::of("chart@spendwatch".into(), text));
                for part in Part::ALL {
                    let rendered = self.render(part, &notice, &words, picture.as_ref());
                    let Some(Err(mut problem)) = rendered else {
                        continue;
                    };
                    let is_known = problems
                        .iter()
                        .any(|one| one.file == problem.file && one.line == problem.line);
                    if !is_known {
                        problem.message += &format!(" (sample {name}, {language})");
                        problems.push(problem);
                    }
                }
            }
        }
        problems
    }

    /// A part of a mail; `None` if there is no template for it.
    pub(super) fn render(
        &self,
        part: Part,
        notice: &Notice,
        words: &Wording,
        picture: Option<&Picture>,
    ) -> Option<Result<String, TemplateProblem>> {
        let template = self.environment.get_template(part.file()).ok()?;
        let problem = |line, message| TemplateProblem {
            file: self.folder.join(part.file()),
            line,
            message,
        };
        let mut event = webhook::body(notice);
        clean(&mut event);
        let mut bounded = Bounded {
            bytes: Vec::new(),
            most: part.most(),
        };
        let rendered = template.render_captured_to(
            context! {
                words => minijinja::value::Serde(words),
                event => minijinja::value::Serde(&event),
                chart => picture.map(minijinja::value::Serde),
            },
            &mut bounded,
        );
        if let Err(error) = rendered {
            return Some(Err(problem(error.line(), self::words(&error))));
        }
        let text = String::from_utf8(bounded.bytes);
        let text = text.map_err(|_| problem(None, "is not UTF-8".to_owned()));
        Some(text.and_then(|text| match text.trim() {
            "" => Err(problem(None, "gives no text".to_owned())),
            _ => Ok(text),
        }))
    }
}

/// What went wrong, without the values that it went wrong with.
fn words(error: &minijinja::Error) -> String {
    let kind = error.kind();
    match (kind, error.detail()) {
        (minijinja::ErrorKind::WriteFailure, _) => "the outcome is too large".to_owned(),
        (_, Some(detail)) => format!("{kind}: {detail}"),
        (_, None) => kind.to_string(),
    }
}

/// Makes the texts of an event such that nothing in them is hidden.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = capped(text, MAX_NAME.0, MAX_NAME.1),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(members) => members.values_mut().for_each(clean),
        _ => {}
    }
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > self.most {
            return Err(io::Error::other("too large"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let folder = folder(files);
        let (templates, mut problems) = Templates::load(folder.path());
        problems.extend(templates.check());
        let start = format!("{}/", folder.path().display());
        let shown = problems.iter().map(ToString::to_string);
        shown.map(|text| text.replace(&start, "")).collect()
    }

    #[track_caller]
    fn check(name: &str, text: &str, expected: &str) {
        let found = problems(&[(name, text)]);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{found:#?}"
        );
    }

    #[test]
    fn every_mistake_has_its_file_and_line() {
        check("body.txt", "a\n{% if %}", "body.txt:2: syntax error");
        check(
            "body.html",
            "a\n\n{{ words.headlin }}",
            "body.html:3: undefined value",
        );
        check(
            "subject.txt",
            "{{ words.headline|shout }}",
            "subject.txt:1: unknown filter",
        );
        check("body.txt", "{% include 'x' %}", "body.txt:1: ");
        check("subject.txt", " \n", "subject.txt: gives no text");
        let none = problems(&[("other.txt", "x")]);
        assert!(none[0].contains("has none of subject.txt"), "{none:?}");
        let large = "x".repeat(200_001);
        check(
            "body.txt",
            &large,
            "body.txt: 200001 bytes are more than 200000",
        );
    }

    #[test]
    fn templates_end() {
        let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}x";
        check("body.txt", loops, "body.txt:1: engine ran out of fuel");
        let long = "{% for a in range(9999) %}xxxxxxxxxxxx{% endfor %}";
        check("body.txt", long, "body.txt: the outcome is too large");
    }

    #[test]
    fn what_is_good_in_every_sample_has_no_problem() {
        let files = [
            ("subject.txt", "{{ words.headline }}"),
            (
                "body.txt",
                "{{ words.headline }}\n{% for fact in words.facts %}{{ fact.label }}: {{ fact.value }}\n{% endfor %}",
            ),
            (
                "body.html",
                "<p lang={{ words.language }}>{{ event.summary }}{% if chart %}<img src=\"cid:{{ chart.id }}\" alt=\"{{ words.chart.alt }}\">{% endif %}</p>",
            ),
        ];
        assert_eq!(problems(&files), Vec::<String>::new());
    }

    #[test]
    fn values_are_escaped_and_never_read_again() {
        let notice = samples::hostile();
        let words = wording(&notice);
        let folder = folder(&[
            ("body.html", "{{ event.budget.name }}|{{ words.headline }}"),
            ("body.txt", "{{ event.budget.name }}"),
        ]);
        let (templates, _) = Templates::load(folder.path());
        let render = |part| {
            templates
                .render(part, &notice, &words, None)
                .unwrap()
                .unwrap()
        };
        let html = render(Part::Html);
        assert!(
            html.contains("&lt;script&gt;") && !html.contains("<script"),
            "{html}"
        );
        let text = render(Part::Text);
        assert!(text.contains("{{ 7*7 }}") && !text.contains("49"), "{text}");
        assert!(!text.contains(['\n', '\0', '\u{202e}']), "{text}");
    }
}
