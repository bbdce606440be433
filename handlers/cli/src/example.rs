//! The bundled example: what `spendwatch` shows when there is no configuration yet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alert_channels::Message;
use anyhow::Context;
use budget_engine::{Change, CostBasis, Outcome, Reason};
use jiff::Timestamp;
use spendwatch::sources::BundledFile;
use spendwatch::{App, Config, Delivery, Environment, ManualClock, StateLocation};
use state_store::json;

use crate::args::Global;
use crate::commands::Exit;
use crate::commands::evaluate::{Evaluation, deliver};
use crate::evaluation::{self, tell_notes};
use crate::figures;
use crate::output::{self, Answer, Block, Cell, Column, Records, Table, talk};
use crate::setup::{self, STATE_FOLDER};
use crate::words::counted;

const CONFIG: &str = include_str!("../example/spendwatch.toml");
/// Made by `cargo xtask example`.
const COSTS: &[u8] = include_bytes!("../example/costs.csv.gz");

/// When the example is told: its data end on the day before.
const NOW: &str = "2026-11-18T12:00:00Z";
/// When its costs were written, early on the same day.
const COSTS_AS_OF: &str = "2026-11-18T06:00:00Z";
/// Where notices are written instead of being sent.
const OUTBOX: &str = "outbox";

/// An evaluation of the example, and the files it wrote.
#[derive(serde::Serialize)]
struct Example {
    /// For whoever meets the JSON without the talk.
    example: &'static str,
    #[serde(flatten)]
    evaluation: Evaluation,
    files: Vec<File>,
}

/// A notice that was written to a file.
#[derive(serde::Serialize)]
struct File {
    path: PathBuf,
    destination: String,
    recipient: Option<String>,
    about: String,
}

impl Answer for Example {
    fn blocks(&self) -> Vec<Block> {
        let budgets = &self.evaluation.budgets;
        let mut blocks = figures::blocks(budgets);
        let decisions = figures::decisions(budgets, |one| {
            one.outcome != Outcome::Quiet || matches!(one.reason, Reason::AlreadyTold { .. })
        });
        blocks.push(decisions.into());
        if !self.files.is_empty() {
            let mut table = Table::new(vec![
                Column::left("Notice"),
                Column::left("To"),
                Column::left("About"),
            ]);
            for file in &self.files {
                let to = file.recipient.as_ref().unwrap_or(&file.destination);
                table.add(vec![
                    Cell::from(file.path.display().to_string()),
                    to.as_str().into(),
                    file.about.as_str().into(),
                ]);
            }
            blocks.push(table.into());
        }
        blocks
    }

    fn records(&self) -> Records {
        figures::records(&self.evaluation.budgets)
    }
}

/// Evaluates the example, records what was decided, and writes the notices to `./outbox/`.
pub(crate) async fn run(global: &Global) -> anyhow::Result<Exit> {
    let outbox = Path::new(OUTBOX);
    let location = location(global)?;
    let app = app(location.clone(), outbox)?;
    talk(
        "This is an EXAMPLE with made-up costs of a made-up company, because there is no\n\
         configuration here. It is told on 2026-11-18 12:00 UTC. Nothing is sent to anybody.\n",
    );
    let evaluated = evaluation::evaluate(&app, &[], false).await?;
    tell_notes(&evaluated);
    let mut evaluation = Evaluation::new(&app, evaluated, false);
    let before = names(outbox)?;
    evaluation.deliveries = deliver(&app).await?;
    let files = files(&app, outbox, &before).await?;
    let example = Example {
        example: "made-up costs of a made-up company",
        evaluation,
        files,
    };
    output::print(global.output, &example)?;
    say_what_happened(&example, outbox, &format!("{location:?}"));
    Ok(Exit::Fine)
}

/// A folder of its own, so that the example's ledgers never meet those of real budgets.
fn location(global: &Global) -> anyhow::Result<StateLocation> {
    let folder = Path::new(".").join(STATE_FOLDER).join("example");
    setup::location(global, &Environment::default(), &folder)
}

fn app(location: StateLocation, outbox: &Path) -> anyhow::Result<App> {
    let moment = |text: &str| -> anyhow::Result<Timestamp> {
        text.parse().context("the example has a moment")
    };
    let config = Config::parse(&[(PathBuf::from("example/spendwatch.toml"), CONFIG.to_owned())])?;
    let costs = BundledFile {
        name: "example/costs.csv.gz",
        bytes: COSTS,
        basis: CostBasis::Actual,
        as_of: moment(COSTS_AS_OF)?,
    };
    let app = App::new(config, &Environment::default(), location)?
        .without_hints()
        .with_sources(vec![Arc::new(costs)])
        .with_clock(Arc::new(ManualClock::new(moment(NOW)?)))
        .with_folder_delivery(outbox);
    Ok(app)
}

/// The names of the files in a folder; none if it is not there.
fn names(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("read the folder {}", folder.display()));
        }
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.collect())
}

/// The files that came into the folder, with what they say.
async fn files(app: &App, outbox: &Path, before: &BTreeSet<String>) -> anyhow::Result<Vec<File>> {
    let new: BTreeSet<String> = names(outbox)?.difference(before).cloned().collect();
    let mut deliveries = BTreeMap::new();
    for key in app.documents().list("history/").await? {
        if let Some((delivery, _)) = json::get::<Delivery>(app.documents(), &key).await?
            && let Some(name) = delivery.provider_id.clone()
        {
            deliveries.insert(name, delivery);
        }
    }
    let mut files: Vec<File> = new
        .iter()
        .filter_map(|name| {
            let delivery = deliveries.remove(name)?;
            Some(File {
                path: outbox.join(name),
                about: about(&delivery.notice.message),
                recipient: delivery.notice.recipient,
                destination: delivery.destination,
            })
        })
        .collect();
    files.sort_by(|left, right| {
        (&left.about, &left.destination, &left.recipient).cmp(&(
            &right.about,
            &right.destination,
            &right.recipient,
        ))
    });
    Ok(files)
}

fn about(message: &Message) -> String {
    match message {
        Message::Crossing(transition) => {
            let what = match transition.change {
                Change::Fired => String::new(),
                Change::Withdrawn => " taken back".to_owned(),
                other => format!(" {}", other.as_str()),
            };
            format!("{} {}{what}", transition.status.budget, transition.when)
        }
        Message::Digest(_) => "where budgets stand".to_owned(),
        Message::Bundle { .. } => "several notices in one".to_owned(),
        Message::Probe { .. } => "a test".to_owned(),
        Message::Trouble { title, .. } | Message::Action { title, .. } => title.clone(),
    }
}

fn say_what_happened(example: &Example, outbox: &Path, state: &str) {
    let outbox = outbox.display();
    if example.files.is_empty() {
        talk(&format!(
            "\nNothing new was written to ./{outbox}/: a crossing is told once in its period, and all \
             of these were\ntold by an earlier run (\"already told\"). To start over, delete {state} \
             and ./{outbox}."
        ));
    } else {
        talk(&format!(
            "\n{} written to ./{outbox}/ as they would be sent. What was decided is recorded\n\
             in {state}, so that a second run tells nobody again: try it.\n\
             The .eml files open in a mail program; the .json files are what Teams and a webhook get.",
            counted(example.files.len(), "notice was", "notices were")
        ));
    }
    talk(
        "\nThis was example data. To watch your own costs:\n  \
         1. write spendwatch.toml; `spendwatch schema` describes it to your editor, and\n     \
            docs/configuration.md to you\n  \
         2. spendwatch check             finds its mistakes, all at once\n  \
         3. spendwatch probe CHANNEL     sends a test notice\n  \
         4. spendwatch evaluate          reads, decides, and tells whoever is to be told",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_configuration_is_right() {
        let config = Config::parse(&[(PathBuf::from("spendwatch.toml"), CONFIG.to_owned())]);
        let config = config.unwrap();
        assert_eq!(config.budgets.iter().count(), 5);
    }

    #[test]
    fn the_outbox_lists_what_is_there() {
        assert!(names(Path::new("no/such/folder")).unwrap().is_empty());
    }
}
