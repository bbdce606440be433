//! Scores: how the forecasts that evaluations kept turned out. Nothing is written or sent.

use anyhow::Context;
use budget_engine::{Budget, ForecastScore};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::day_of;
use crate::scores::{self, Board, ModelScore, Stage};

/// How the forecasts of all budgets turned out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was asked.
    pub at: Timestamp,
    /// The budgets, in the order of the configuration.
    pub budgets: Vec<BudgetScore>,
}

/// How the forecasts of one budget turned out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetScore {
    /// Id of the budget.
    pub budget: String,
    /// Its name: untrusted text.
    pub name: String,
    /// The models: what is told first, then a benchmark, then the estimates that are combined. Empty
    /// when `why` says why.
    pub models: Vec<ModelScore>,
    /// What is thought of today's forecast because of forecasts that were made as late in their periods.
    pub today: Option<ForecastScore>,
    /// Why there is no score.
    pub why: Option<String>,
}

/// Reads how forecasts of the budgets with these ids turned out, or of all for none.
///
/// # Errors
/// When the state cannot be read.
pub async fn run(app: &App, budgets: &[String]) -> anyhow::Result<Report> {
    let mut report = Report {
        at: app.now(),
        budgets: Vec::new(),
    };
    let asked = |budget: &&Budget| budgets.is_empty() || budgets.contains(&budget.id);
    for budget in app.config().budgets.iter().filter(asked) {
        let board = scores::load(app.documents(), app.config(), budget).await;
        let board = board.with_context(|| format!("read the scores of {}", budget.id))?;
        report.budgets.push(score(app, budget, board.as_ref()));
    }
    Ok(report)
}

fn score(app: &App, budget: &Budget, board: Option<&Board>) -> BudgetScore {
    let today = day_of(app.now());
    let models = board.map(Board::models).unwrap_or_default();
    let period = budget.calendar.period_of(today);
    let period = period.and_then(|period| budget.counted(&period));
    let hold_back = app.config().forecast.hold_back;
    let told = period.and_then(|period| board?.told(Stage::of(&period, today), hold_back));
    let why = models.is_empty().then(|| match board.and_then(Board::waiting) {
        Some(first) => format!(
            "the first period with kept forecasts ends on {}, and is compared once its last days have \
             settled",
            first.last_day()
        ),
        None => "no forecast of it is kept yet: each day's first evaluation with fresh data keeps one"
            .to_owned(),
    });
    BudgetScore {
        budget: budget.id.clone(),
        name: budget.name.clone(),
        models,
        today: told,
        why,
    }
}
