//! The charts of a forecast: below the figures on a terminal, and as files.

use std::fs;
use std::path::Path;

use anyhow::Context;
use spendwatch::day_of;
use spendwatch::jobs::evaluate::BudgetReport;

use crate::args::forecast::{Forecast, When};
use crate::args::{Global, wrong_use};
use crate::chart::{Chart, svg, terminal};
use crate::evaluation::Evaluated;
use crate::output::{self, Format, talk};

/// Whether charts are drawn below the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    is_drawn: bool,
}

impl Picture {
    /// What the options say.
    ///
    /// # Errors
    /// When a chart is asked for in a format that has none.
    pub(super) fn of(global: &Global, options: &Forecast) -> anyhow::Result<Picture> {
        let is_table = global.output == Format::Table;
        if options.chart == When::Always && !is_table {
            return Err(wrong_use(
                "--chart always needs --output table; --svg writes charts whatever the output is",
            ));
        }
        let is_drawn = match options.chart {
            When::Auto => is_table && output::is_terminal(),
            When::Always => true,
            When::Never => false,
        };
        Ok(Picture { is_drawn })
    }

    /// The chart of a budget, if there is one and it is wanted.
    pub(super) fn draw(self, report: &BudgetReport) -> Option<String> {
        if !self.is_drawn {
            return None;
        }
        terminal::draw(&chart(report)?, output::width())
    }
}

/// Writes the chart of each budget into a folder, which is made if it is not there.
pub(super) fn write(folder: &Path, evaluated: &Evaluated) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    for report in &evaluated.budgets {
        let drawn = chart(report).and_then(|chart| svg::draw(&chart));
        let Some(drawn) = drawn else {
            talk(&format!("note: {} has nothing to draw", report.budget));
            continue;
        };
        let path = folder.join(format!("{}.svg", report.budget));
        fs::write(&path, drawn).with_context(|| format!("write {}", path.display()))?;
        talk(&format!("{} is written", path.display()));
    }
    Ok(())
}

fn chart(report: &BudgetReport) -> Option<Chart> {
    Chart::of(report.status.as_ref()?, day_of(report.at))
}
