//! Scores: how the forecasts that evaluations kept turned out. Nothing is written or sent.

use anyhow::Context;
use budget_engine::{Budget, ForecastScore};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::day_of;
use crate::jobs::backtest;
use crate::scores::{self, Board, ModelScore, Stage};

/// How the forecasts of all budgets turned out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was asked.
    pub at: Timestamp,
    /// The budgets, in the order of the configuration.
    pub budgets: Vec<BudgetScore>,
    /// What the sources have to say, of scores that were replayed.
    pub notes: Vec<String>,
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
        notes: Vec::new(),
    };
    let asked = |budget: &&Budget| budgets.is_empty() || budgets.contains(&budget.id);
    for budget in app.config().budgets.iter().filter(asked) {
        let board = scores::load(app.documents(), app.config(), budget).await;
        let board = board.with_context(|| format!("read the scores of {}", budget.id))?;
        report.budgets.push(score(app, budget, board.as_ref()));
    }
    Ok(report)
}

/// Works out how forecasts would have turned out that had been kept on each day of past periods, each made
/// on what was known on its day as far as snapshots tell. Needs no state.
///
/// # Errors
/// When the reads cannot be planned.
pub async fn replayed(app: &App, options: &backtest::Options) -> anyhow::Result<Report> {
    let pasts = backtest::pasts(app, options).await?;
    let boards = backtest::each(&pasts.pasts, |past| {
        past.as_ref().map_err(Clone::clone)?.board(options.periods)
    });
    let mut report = Report {
        at: app.now(),
        budgets: Vec::new(),
        notes: pasts.notes,
    };
    for (budget, board) in pasts.budgets.iter().zip(boards) {
        let one = match board {
            Ok((board, note)) => {
                let note = note.map(|note| format!("{}: {note}", budget.id));
                report.notes.extend(note);
                let one = score(app, budget, Some(&board));
                let none = "no complete period has both costs and a forecast of it";
                let why = one.models.is_empty().then(|| none.to_owned());
                BudgetScore { why, ..one }
            }
            Err(why) => BudgetScore {
                why: Some(why),
                ..score(app, budget, None)
            },
        };
        report.budgets.push(one);
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
