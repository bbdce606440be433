//! `check`: all mistakes of a configuration, then what it may still get wrong.

mod deployment;

use serde::Serialize;
use spendwatch::jobs::check::{self, Level};
use spendwatch::{App, ConfigError, ConfigPlace, Environment};

use super::Exit;
use crate::args::{Check, Global};
use crate::figures::word;
use crate::output::{self, Answer, Block, Cell, Color, Records, talk};
use crate::setup;
use crate::words::counted;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Findings {
    configuration: String,
    errors: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

/// One mistake or doubt. Mistakes in a file have a place.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    level: Level,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    about: String,
    message: String,
}

impl Finding {
    fn place(&self) -> String {
        match (&self.file, self.line, self.column) {
            (Some(file), Some(line), Some(column)) => format!("{file}:{line}:{column}: "),
            _ => String::new(),
        }
    }
}

impl Answer for Findings {
    fn blocks(&self) -> Vec<Block> {
        let lines = self.findings.iter().map(|finding| {
            let about = match finding.about.as_str() {
                "" => String::new(),
                about => format!("{about}: "),
            };
            let color = match finding.level {
                Level::Error => Color::Red,
                Level::Warning => Color::Yellow,
                Level::Note => Color::Green,
            };
            // The place comes first, where editors look for it.
            let text = format!(
                "{}{}: {about}{}",
                finding.place(),
                word(finding.level),
                finding.message
            );
            Cell::colored(text, color)
        });
        let lines: Vec<Cell> = lines.collect();
        if lines.is_empty() {
            return vec![Block::Lines(vec![Cell::colored(
                format!("{}: no mistakes found", self.configuration),
                Color::Green,
            )])];
        }
        vec![Block::Lines(lines)]
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&["level", "file", "line", "column", "about", "message"]);
        for finding in &self.findings {
            let number =
                |number: Option<usize>| number.map(|number| number.to_string()).unwrap_or_default();
            records.add(vec![
                word(finding.level),
                finding.file.clone().unwrap_or_default(),
                number(finding.line),
                number(finding.column),
                finding.about.clone(),
                finding.message.clone(),
            ]);
        }
        records
    }
}

pub(super) async fn run(global: &Global, options: &Check) -> anyhow::Result<Exit> {
    if let Some(address) = &options.deployment {
        return deployment::run(global, address.as_ref()).await;
    }
    let place = match &options.path {
        Some(path) => ConfigPlace::Path(path.clone()),
        None => setup::config_place(global)?,
    };
    let environment = Environment::from_process();
    let state = setup::state_to_look_at(global, &environment, &place, options.online)?;
    let findings = match spendwatch::open(&place, &environment, state).await {
        Ok(app) => examined(&app, options).await?,
        Err(error) => mistakes(error)?,
    };
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    let findings = Findings {
        configuration: place.to_string(),
        errors,
        warnings,
        findings,
    };
    output::print(global.output, &findings)?;
    if errors + warnings > 0 {
        talk(&format!(
            "{}, {}",
            counted(errors, "error", "errors"),
            counted(warnings, "warning", "warnings")
        ));
    }
    Ok(if errors > 0 { Exit::Failed } else { Exit::Fine })
}

/// What a configuration without mistakes may still get wrong.
async fn examined(app: &App, options: &Check) -> anyhow::Result<Vec<Finding>> {
    let mut findings = check::run(app);
    findings.extend(check::history(app).await?);
    if options.online {
        findings.extend(check::online(app).await);
        findings.extend(check::contacts(app).await);
    } else {
        findings.extend(check::unresolved(app));
    }
    let findings = findings.into_iter().map(|finding| Finding {
        level: finding.level,
        file: None,
        line: None,
        column: None,
        about: finding.about,
        message: finding.message,
    });
    Ok(findings.collect())
}

/// The mistakes of a configuration, each with its place; another error is none of these.
fn mistakes(error: anyhow::Error) -> anyhow::Result<Vec<Finding>> {
    match error.downcast::<ConfigError>()? {
        ConfigError::Mistakes(problems) => Ok(problems
            .into_iter()
            .map(|problem| Finding {
                level: Level::Error,
                file: Some(problem.file),
                line: Some(problem.line),
                column: Some(problem.column),
                about: problem.path,
                message: problem.message,
            })
            .collect()),
        error => Err(error.into()),
    }
}
