//! Evaluating all reads, or some budgets of them, with progress.

use std::collections::BTreeSet;

use budget_engine::Budget;
use jiff::Timestamp;
use spendwatch::jobs::evaluate::{self, BudgetReport, Options};
use spendwatch::{App, day_of};

use crate::commands::Exit;
use crate::progress::Reading;

/// What all reads gave, in the order of the configuration.
#[derive(Debug)]
pub(crate) struct Evaluated {
    pub(crate) at: Timestamp,
    pub(crate) budgets: Vec<BudgetReport>,
    pub(crate) notes: Vec<String>,
}

/// Evaluates the budgets with these ids, or all for none.
///
/// A read that fails does not stop the others: its budgets are reported with the failure.
pub(crate) async fn evaluate(
    app: &App,
    only: &[String],
    dry_run: bool,
) -> anyhow::Result<Evaluated> {
    check_ids(app, only)?;
    let mut evaluated = Evaluated {
        at: app.now(),
        budgets: Vec::new(),
        notes: Vec::new(),
    };
    for mut read in app.reads()? {
        let is_asked = |id: &String| only.is_empty() || only.contains(id);
        if !read.budgets.iter().any(is_asked) {
            continue;
        }
        if dry_run {
            // Forecasts of budgets that are parts of each other are brought to add up.
            let asked = read.budgets.iter().filter(|id| is_asked(id));
            let wholes: BTreeSet<String> = asked.map(|id| whole_of(app, id).to_owned()).collect();
            read.budgets.retain(|id| wholes.contains(whole_of(app, id)));
        }
        let reading = Reading::new();
        let options = Options {
            dry_run,
            only: only.to_vec(),
            progress: Reading::port(&reading),
            ..Options::default()
        };
        let run = evaluate::run(app, &read, &options);
        match Reading::watch(reading.as_deref(), run).await {
            Ok(report) => {
                evaluated.budgets.extend(report.budgets);
                evaluated.notes.extend(report.notes);
            }
            Err(error) => {
                let failed = read
                    .budgets
                    .iter()
                    .filter(|id| is_asked(id))
                    .filter_map(|id| app.config().budgets.get(id))
                    .map(|budget| failed(budget, evaluated.at, &error));
                evaluated.budgets.extend(failed);
            }
        }
    }
    let place = |report: &BudgetReport| {
        let mut budgets = app.config().budgets.iter();
        budgets.position(|budget| budget.id == report.budget)
    };
    evaluated.budgets.sort_by_key(place);
    Ok(evaluated)
}

/// The budget that a budget is a part of in the end, or itself.
fn whole_of<'a>(app: &'a App, id: &'a str) -> &'a str {
    let budgets = &app.config().budgets;
    let parent = |id: &&'a str| budgets.get(id)?.parent.as_deref();
    std::iter::successors(Some(id), parent).last().unwrap_or(id)
}

fn failed(budget: &Budget, at: Timestamp, error: &anyhow::Error) -> BudgetReport {
    BudgetReport {
        problem: Some(format!("{error:#}")),
        ..BudgetReport::unknown(budget, at)
    }
}

/// An error that names the known budgets, unless all these are among them.
pub(crate) fn check_ids(app: &App, only: &[String]) -> anyhow::Result<()> {
    let budgets = &app.config().budgets;
    let unknown = only.iter().find(|id| budgets.get(id).is_none());
    unknown.map_or(Ok(()), Err).map_err(|unknown| {
        let known: Vec<&str> = budgets.iter().map(|budget| budget.id.as_str()).collect();
        anyhow::anyhow!(
            "there is no budget `{unknown}`; known are: {}",
            known.join(", ")
        )
    })
}

/// Whether a budget counts anything on the day of the evaluation.
pub(crate) fn is_running(app: &App, report: &BudgetReport) -> bool {
    let today = day_of(report.at);
    let budget = app.config().budgets.get(&report.budget);
    budget.is_none_or(|budget| evaluate::runs_on(budget, today))
}

/// What the exit code says about budgets. A failure weighs more than a crossing, because it may
/// hide one.
pub(crate) fn exit(app: &App, budgets: &[BudgetReport]) -> Exit {
    let failed = |report: &BudgetReport| report.problem.is_some() && is_running(app, report);
    if budgets.iter().any(failed) {
        Exit::Failed
    } else if budgets.iter().any(BudgetReport::is_crossed) {
        Exit::Crossed
    } else {
        Exit::Fine
    }
}

/// Says on stderr what the sources have to say.
pub(crate) fn tell_notes(evaluated: &Evaluated) {
    for note in &evaluated.notes {
        crate::output::talk(&format!("note: {note}"));
    }
}
