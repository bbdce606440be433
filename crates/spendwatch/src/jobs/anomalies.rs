//! Anomalies: settled days that cost something other than expected, merged into incidents. Nothing is
//! written or sent.

use std::sync::Arc;

use anyhow::Context;
use budget_engine::{Anomalies, Anomaly, Aspect, Budget, CostFacts, observe, plus_days};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::anomalies::Checked;
use crate::app::App;
use crate::clock::day_of;
use crate::jobs::backtest::{each, reaching_back};
use crate::jobs::evaluate;
use crate::outlook::Outlook;
use crate::reads::Read;
use crate::sources::{Progress, ReadContext};

/// How many days can be checked at most.
pub const MOST_DAYS: u32 = 730;
/// Days before the checked ones that are read, to learn what is usual.
const LEARNING_DAYS: u32 = 120;

/// What to check.
#[derive(Clone)]
pub struct Options {
    /// Ids of the budgets; empty for all.
    pub budgets: Vec<String>,
    /// How many days back from today, up to [`MOST_DAYS`].
    pub days: u32,
    /// By what it is to be told first what made events up, besides what the configuration asks about.
    pub by: Option<Aspect>,
    /// Is told about long reads.
    pub progress: Option<Arc<dyn Progress>>,
}

/// What was found in all budgets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was asked.
    pub at: Timestamp,
    /// The first day that was to be checked.
    pub since: Date,
    /// The budgets, in the order of the configuration.
    pub budgets: Vec<BudgetReport>,
    /// What the sources have to say: rows that were skipped, and why.
    pub notes: Vec<String>,
}

/// What was found in the costs of one budget, or why nobody knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetReport {
    /// Id of the budget.
    pub budget: String,
    /// Its name: untrusted text.
    pub name: String,
    /// Settled days that were checked. Days without enough history before them are not.
    pub days_checked: u32,
    /// The incidents, oldest first.
    pub incidents: Vec<Anomaly>,
    /// Why it could not be checked.
    pub problem: Option<String>,
}

/// Checks the newest days of budgets, each read done once. One that fails does not stop the others: its
/// budgets are reported with the failure.
///
/// # Errors
/// When the reads cannot be planned.
pub async fn run(app: &App, options: &Options) -> anyhow::Result<Report> {
    let today = day_of(app.now());
    let since = days_before(today, options.days);
    let mut report = Report {
        at: app.now(),
        since,
        budgets: Vec::new(),
        notes: Vec::new(),
    };
    for read in app.reads()? {
        let is_chosen =
            |one: &&Budget| options.budgets.is_empty() || options.budgets.contains(&one.id);
        let budgets: Vec<&Budget> = evaluate::budgets_of(app, &read);
        let budgets: Vec<&Budget> = budgets.into_iter().filter(is_chosen).collect();
        if budgets.is_empty() {
            continue;
        }
        match facts(app, &read, options).await {
            Ok((facts, notes)) => {
                report.notes.extend(notes);
                let checked = each(&budgets, |budget| {
                    check(
                        app,
                        &read,
                        budget,
                        &facts,
                        since,
                        today,
                        options.by.as_ref(),
                    )
                });
                let checked = budgets.iter().zip(checked);
                report
                    .budgets
                    .extend(checked.map(|(budget, found)| reported(budget, found)));
            }
            Err(error) => {
                let problem = format!("{error:#}");
                let failed = budgets.iter();
                report
                    .budgets
                    .extend(failed.map(|budget| reported(budget, Err(problem.clone()))));
            }
        }
    }
    let place = |id: &str| app.config().budgets.iter().position(|one| one.id == id);
    report.budgets.sort_by_key(|one| place(&one.budget));
    Ok(report)
}

/// The costs of a read, and what its source has to say.
async fn facts(
    app: &App,
    read: &Read,
    options: &Options,
) -> anyhow::Result<(CostFacts, Vec<String>)> {
    let request = evaluate::request(app, read);
    let first = days_before(request.today, options.days.saturating_add(LEARNING_DAYS));
    let mut request = reaching_back(app, read.source, request, Some(first));
    match &options.by {
        Some(Aspect::Dimension(dimension)) => {
            request.projection.dimensions.insert(*dimension);
        }
        Some(Aspect::Tag(name)) => {
            request.projection.tags.insert(name.clone());
        }
        None => {}
    }
    let context = ReadContext {
        progress: options.progress.clone(),
        ..ReadContext::default()
    };
    let answer = app.source(read.source)?.read(&request, &context).await;
    let answer = answer.with_context(|| format!("read costs for {}", read.key))?;
    Ok((answer.facts, answer.notes))
}

fn check(
    app: &App,
    read: &Read,
    budget: &Budget,
    facts: &CostFacts,
    since: Date,
    today: Date,
    by: Option<&Aspect>,
) -> Result<Anomalies, String> {
    let selectors = app.config().budgets.selectors(budget);
    let lag = evaluate::lag_of(app, read);
    let observed = observe(facts, budget, &selectors, lag, today);
    let observed = observed.map_err(|error| error.to_string())?;
    let mut checked = Checked::of(&observed, &Outlook::configured(app.config(), budget))?;
    checked.explain(since, facts, budget, &selectors, by);
    Ok(checked.between(since, plus_days(today, 1)))
}

fn reported(budget: &Budget, found: Result<Anomalies, String>) -> BudgetReport {
    let (found, problem) = match found {
        Ok(found) => (found, None),
        Err(problem) => (Anomalies::default(), Some(problem)),
    };
    BudgetReport {
        budget: budget.id.clone(),
        name: budget.name.clone(),
        days_checked: found.days_checked,
        incidents: found.incidents,
        problem,
    }
}

fn days_before(day: Date, days: u32) -> Date {
    let days = days.min(MOST_DAYS + LEARNING_DAYS);
    plus_days(day, i32::try_from(days).map_or(0, i32::saturating_neg))
}
