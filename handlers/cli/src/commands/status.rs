//! `status`: where all budgets stand. Nothing is written or sent.

use jiff::Timestamp;
use serde::Serialize;

use super::Exit;
use crate::args::{Global, Status};
use crate::evaluation::{self, Evaluated, tell_notes};
use crate::figures::{self, Figures};
use crate::output::{self, Answer, Block, Records};
use crate::setup::{self, State};

/// Where budgets stand.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Standings {
    at: Timestamp,
    budgets: Vec<Figures>,
    notes: Vec<String>,
}

impl Answer for Standings {
    fn blocks(&self) -> Vec<Block> {
        figures::blocks(&self.budgets)
    }

    fn records(&self) -> Records {
        figures::records(&self.budgets)
    }
}

pub(super) async fn run(global: &Global, options: &Status) -> anyhow::Result<Exit> {
    let app = setup::app(global, State::Looked, options.as_of).await?;
    let evaluated = evaluation::evaluate(&app, &[], true).await?;
    tell_notes(&evaluated);
    let exit = evaluation::exit(&app, &evaluated.budgets);
    let Evaluated { at, budgets, notes } = evaluated;
    let figures = |report| Figures::new(&app, report);
    let standings = Standings {
        at,
        budgets: budgets.into_iter().map(figures).collect(),
        notes,
    };
    output::print(global.output, &standings)?;
    Ok(exit)
}
