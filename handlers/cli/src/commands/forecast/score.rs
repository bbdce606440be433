//! `forecast --score`: how earlier forecasts turned out.

use budget_engine::Percent;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use spendwatch::jobs::backtest;
use spendwatch::jobs::scores::{self, BudgetScore, Report};
use spendwatch::{COMBINED, ModelScore, ScoreFigures, Stage};

use crate::args::forecast::Forecast;
use crate::args::{Global, wrong_use};
use crate::commands::Exit;
use crate::evaluation::check_ids;
use crate::figures::{exact, poor_forecast, word};
use crate::output::{self, Answer, Block, Cell, Color, Column, Records, Table};
use crate::progress::Reading;
use crate::setup::{self, State};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Scores {
    at: Timestamp,
    budgets: Vec<BudgetScore>,
    #[serde(skip)]
    is_replayed: bool,
}

pub(super) async fn run(global: &Global, options: &Forecast) -> anyhow::Result<Exit> {
    if options.as_of.is_some() && options.replay.is_none() {
        return Err(wrong_use(
            "--score reads what evaluations kept, which is not known as on another day: leave --as-of out, \
             or add --replay",
        ));
    }
    let app = setup::app(global, State::Looked, options.as_of).await?;
    let only: Vec<String> = options.budget.iter().cloned().collect();
    check_ids(&app, &only)?;
    let Report { at, budgets, notes } = match options.replay {
        Some(periods) => {
            let reading = Reading::new();
            let options = backtest::Options {
                budgets: only,
                periods,
                amount: None,
                progress: Reading::port(&reading),
            };
            let run = scores::replayed(&app, &options);
            Reading::watch(reading.as_deref(), run).await?
        }
        None => scores::run(&app, &only).await?,
    };
    for note in &notes {
        output::talk(&format!("note: {note}"));
    }
    let scores = Scores {
        at,
        budgets,
        is_replayed: options.replay.is_some(),
    };
    output::print(global.output, &scores)?;
    Ok(Exit::Fine)
}

impl Answer for Scores {
    fn blocks(&self) -> Vec<Block> {
        let table = table(&self.budgets);
        let mut lines: Vec<Cell> = Vec::new();
        for one in &self.budgets {
            if let Some(why) = &one.why {
                lines.push(format!("{}: no score: {why}", one.budget).into());
            }
            if let Some(score) = one.today.filter(|score| score.held) {
                let text = format!("{}: {}", one.budget, poor_forecast(&score));
                lines.push(Cell::colored(text, Color::Yellow));
            }
        }
        let mut blocks = Vec::new();
        if !self.is_replayed && self.budgets.iter().any(|one| one.why.is_some()) {
            lines.push(
                "--replay works out what the forecasts of past periods would have been".into(),
            );
        }
        if !table.is_empty() {
            lines.insert(
                0,
                "errors in percent of the period's total; bias above 0: forecasts were too high"
                    .into(),
            );
            blocks.push(table.into());
        }
        if !lines.is_empty() {
            blocks.push(Block::Lines(lines));
        }
        blocks
    }

    /// A record of each model over all forecasts, then by how much of the period was over.
    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "budget",
            "model",
            "stage",
            "periods",
            "forecasts",
            "error_percent",
            "bias_percent",
            "covered_80_percent",
            "covered_95_percent",
            "held",
            "problem",
        ]);
        for one in &self.budgets {
            for model in &one.models {
                let all = [("all".to_owned(), &model.all)].into_iter();
                let stages = model.stages.iter().map(|(stage, one)| (word(stage), one));
                for (stage, figures) in all.chain(stages) {
                    records.add(record(one, model, stage, figures));
                }
            }
            if let Some(why) = &one.why {
                let mut row = vec![one.budget.clone()];
                row.extend(std::iter::repeat_n(String::new(), 9));
                row.push(why.clone());
                records.add(row);
            }
        }
        records
    }
}

fn record(
    one: &BudgetScore,
    model: &ModelScore,
    stage: String,
    figures: &ScoreFigures,
) -> Vec<String> {
    let share = |share: Option<Percent>| share.map(|share| exact(share.0)).unwrap_or_default();
    let held = one.today.is_some_and(|score| score.held);
    vec![
        one.budget.clone(),
        model.model.clone(),
        stage,
        figures.periods.to_string(),
        figures.forecasts.to_string(),
        exact(figures.error.0),
        exact(figures.bias.0),
        share(figures.covered80),
        share(figures.covered95),
        held.to_string(),
        String::new(),
    ]
}

fn table(budgets: &[BudgetScore]) -> Table {
    let mut table = Table::new(vec![
        Column::left("Budget"),
        Column::left("Model"),
        Column::right("Periods"),
        Column::right("Forecasts"),
        Column::right("Error"),
        Column::right("First third"),
        Column::right("Middle"),
        Column::right("Last third"),
        Column::right("Bias"),
        Column::right("In 80 %"),
        Column::right("In 95 %"),
    ]);
    for one in budgets {
        for model in &one.models {
            let all = &model.all;
            let is_told = model.model == COMBINED;
            let mut row = vec![
                Cell::from(if is_told { one.budget.as_str() } else { "" }),
                Cell::from(model.model.as_str()),
                all.periods.to_string().into(),
                all.forecasts.to_string().into(),
                rounded(all.error).into(),
            ];
            row.extend(Stage::ALL.map(|stage| {
                let figures = model.stages.get(&stage);
                Cell::from(figures.map_or_else(|| "-".to_owned(), |one| rounded(one.error)))
            }));
            let covered = |share: Option<Percent>| share.map_or_else(|| "-".to_owned(), rounded);
            row.extend([
                Cell::from(rounded(all.bias)),
                covered(all.covered80).into(),
                covered(all.covered95).into(),
            ]);
            table.add(row);
        }
    }
    table
}

/// A percentage with one digit after the point, rounded to the nearest.
fn rounded(percent: Percent) -> String {
    let mut shown: Decimal = percent.0.round_dp(1);
    shown.rescale(1);
    if shown.is_zero() {
        shown.set_sign_positive(true);
    }
    format!("{shown} %")
}
