//! `backtest`: what the budgets would have told in past periods. Nothing is written or sent.

use serde::Serialize;
use spendwatch::jobs::backtest::{self, BudgetReport, Options, Report};
use spendwatch::replay::{BudgetReplay, PeriodReplay, ThresholdReplay};

use super::Exit;
use crate::args::{Backtest, Global};
use crate::evaluation::check_ids;
use crate::figures::{exact, word};
use crate::output::{self, Answer, Block, Cell, Color, Column, Records, Table, talk};
use crate::progress::Reading;
use crate::setup::{self, State};

/// A backtest as it is shown.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Shown(Report);

pub(super) async fn run(global: &Global, options: &Backtest) -> anyhow::Result<Exit> {
    let app = setup::app(global, State::Looked, options.as_of).await?;
    let budgets = [&options.budgets[..], &options.only].concat();
    check_ids(&app, &budgets)?;
    let reading = Reading::new();
    let options = Options {
        budgets,
        periods: options.periods,
        amount: options.amount,
        progress: Reading::port(&reading),
    };
    let run = backtest::run(&app, &options);
    let report = Reading::watch(reading.as_deref(), run).await?;
    for note in &report.notes {
        talk(&format!("note: {note}"));
    }
    let failed = report.budgets.iter().any(|one| one.problem.is_some());
    let shown = Shown(report);
    output::print(global.output, &shown)?;
    tell_remarks(&shown.0.budgets);
    Ok(if failed { Exit::Failed } else { Exit::Fine })
}

impl Answer for Shown {
    fn blocks(&self) -> Vec<Block> {
        let replays = || self.0.budgets.iter().filter_map(|one| one.replay.as_ref());
        let mut blocks = vec![summary(&self.0.budgets).into()];
        let thresholds = thresholds(replays());
        let periods = periods(replays());
        blocks.extend(
            [thresholds, periods]
                .into_iter()
                .filter(|one| !one.is_empty())
                .map(Block::from),
        );
        blocks
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "budget",
            "period_start",
            "period_end",
            "currency",
            "planned",
            "spent",
            "threshold",
            "when",
            "level",
            "told_on",
            "reached_on",
            "days_before",
            "notices",
            "withdrawn",
            "restated",
            "verdict",
            "problem",
        ]);
        for one in &self.0.budgets {
            let Some(replay) = &one.replay else {
                let mut row = vec![String::new(); 17];
                row[0].clone_from(&one.budget);
                row[16] = one.problem.clone().unwrap_or_default();
                records.add(row);
                continue;
            };
            for period in &replay.periods {
                for trial in &period.trials {
                    let level = trial.level.map(|level| exact(level.amount));
                    records.add(vec![
                        one.budget.clone(),
                        period.period.start().to_string(),
                        period.period.last_day().to_string(),
                        replay.currency.to_string(),
                        exact(period.planned.amount),
                        exact(period.spent.amount),
                        trial.threshold.clone(),
                        trial.when.clone(),
                        level.unwrap_or_default(),
                        text(trial.told_on),
                        text(trial.reached_on),
                        text(trial.days_before),
                        trial.notices.to_string(),
                        trial.withdrawn.to_string(),
                        trial.restated.to_string(),
                        word(trial.verdict),
                        String::new(),
                    ]);
                }
            }
        }
        records
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// What else is to be known: what the days rest on, and what was left out.
fn remarks(one: &BudgetReport) -> Vec<String> {
    let Some(replay) = &one.replay else {
        return Vec::new();
    };
    let known = replay.known;
    let mut remarks = replay.notes.clone();
    if !replay.periods.is_empty() {
        let none = match known.none {
            0 => String::new(),
            days => format!(", {days} had no costs yet"),
        };
        remarks.push(format!(
            "{} replayed days were judged on the costs that were known then (snapshots), {} on the final \
             costs up to the day that was settled then{none}",
            known.snapshots, known.r#final
        ));
    }
    remarks
}

/// Says the remarks on stderr, one that holds for all budgets once.
fn tell_remarks(budgets: &[BudgetReport]) {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for one in budgets {
        for remark in remarks(one) {
            match said.iter_mut().find(|(known, _)| *known == remark) {
                Some((_, about)) => about.push(&one.budget),
                None => said.push((remark, vec![&one.budget])),
            }
        }
    }
    for (remark, about) in said {
        if about.len() == budgets.len() {
            talk(&remark);
        } else {
            talk(&format!("{}: {remark}", about.join(", ")));
        }
    }
}

/// What a whole replay shows in a few numbers.
pub(crate) struct Totals {
    pub(crate) periods: usize,
    pub(crate) reached: usize,
    pub(crate) warned: usize,
    pub(crate) missed: usize,
    pub(crate) notices: u32,
    pub(crate) withdrawn: u32,
    pub(crate) restated: u32,
    pub(crate) false_alarms: u32,
}

impl Totals {
    pub(crate) fn of(replay: &BudgetReplay) -> Totals {
        let periods = &replay.periods;
        let count = |of: fn(&PeriodReplay) -> bool| periods.iter().filter(|one| of(one)).count();
        Totals {
            periods: periods.len(),
            reached: count(|one| one.reached_on.is_some()),
            warned: count(|one| days_before(one).is_some_and(|days| days > 0)),
            missed: count(|one| one.reached_on.is_some() && one.notices == 0),
            notices: periods.iter().map(|one| one.notices).sum(),
            withdrawn: periods.iter().map(|one| one.withdrawn).sum(),
            restated: periods.iter().map(|one| one.restated).sum(),
            false_alarms: replay.thresholds.iter().map(|one| one.false_alarms).sum(),
        }
    }
}

fn days_before(period: &PeriodReplay) -> Option<i32> {
    period.warning.as_ref().and_then(|one| one.days_before)
}

fn bad(count: impl TryInto<u64>) -> Cell {
    let count = count.try_into().unwrap_or(u64::MAX);
    let color = if count > 0 {
        Color::Yellow
    } else {
        Color::Plain
    };
    Cell::colored(count.to_string(), color)
}

fn summary(budgets: &[BudgetReport]) -> Table {
    let mut table = Table::new(vec![
        Column::left("Budget"),
        Column::right("Periods"),
        Column::right("Reached"),
        Column::right("Warned before"),
        Column::right("Never told"),
        Column::right("Notices"),
        Column::right("Taken back"),
        Column::right("On restated data"),
        Column::right("False alarms"),
        Column::left("Problem"),
    ]);
    for one in budgets {
        let mut row: Vec<Cell> = vec![one.budget.as_str().into()];
        match one.replay.as_ref().map(Totals::of) {
            Some(totals) => row.extend([
                totals.periods.to_string().into(),
                totals.reached.to_string().into(),
                totals.warned.to_string().into(),
                bad(totals.missed as u64),
                totals.notices.to_string().into(),
                totals.withdrawn.to_string().into(),
                bad(totals.restated),
                bad(totals.false_alarms),
            ]),
            None => row.extend(std::iter::repeat_n(Cell::from("-"), 8)),
        }
        row.push(match &one.problem {
            Some(problem) => Cell::colored(problem.as_str(), Color::Red),
            None => "-".into(),
        });
        table.add(row);
    }
    table
}

fn thresholds<'a>(replays: impl Iterator<Item = &'a BudgetReplay>) -> Table {
    let mut table = Table::new(vec![
        Column::left("Budget"),
        Column::left("Threshold"),
        Column::right("Notices"),
        Column::right("Reached"),
        Column::right("Told before"),
        Column::right("After"),
        Column::right("Not told"),
        Column::right("False alarms"),
        Column::right("Restated"),
        Column::left("Days before"),
    ]);
    for replay in replays.filter(|one| !one.periods.is_empty()) {
        for one in &replay.thresholds {
            let ThresholdReplay { days_before, .. } = one;
            let days = days_before.map(|(least, middle, most)| match least == most {
                true => least.to_string(),
                false => format!("{least} to {most}, mostly {middle}"),
            });
            table.add(vec![
                replay.budget.as_str().into(),
                one.threshold.as_str().into(),
                one.notices.to_string().into(),
                one.reached.to_string().into(),
                one.ahead.to_string().into(),
                one.after.to_string().into(),
                bad(one.missed),
                bad(one.false_alarms),
                bad(one.restated),
                days.unwrap_or_else(|| "-".to_owned()).into(),
            ]);
        }
    }
    table
}

fn periods<'a>(replays: impl Iterator<Item = &'a BudgetReplay>) -> Table {
    let mut table = Table::new(vec![
        Column::left("Budget"),
        Column::left("Period"),
        Column::right("Planned"),
        Column::right("Spent"),
        Column::left("Reached on"),
        Column::left("First warning"),
        Column::right("Days before"),
        Column::right("Notices"),
    ]);
    for replay in replays {
        for one in &replay.periods {
            let warning = one.warning.as_ref();
            let warning = warning.map(|warning| format!("{} {}", warning.on, warning.threshold));
            let dash = |text: Option<String>| Cell::from(text.unwrap_or_else(|| "-".to_owned()));
            let reached = match one.reached_on {
                Some(day) => Cell::colored(day.to_string(), Color::Red),
                None => "-".into(),
            };
            table.add(vec![
                replay.budget.as_str().into(),
                one.label.as_str().into(),
                output::tied(&one.planned.to_string()).into(),
                output::tied(&one.spent.to_string()).into(),
                reached,
                dash(warning),
                dash(days_before(one).map(|days| days.to_string())),
                one.notices.to_string().into(),
            ]);
        }
    }
    table
}
