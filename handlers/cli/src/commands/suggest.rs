//! `suggest`: amounts and thresholds from what was spent. Nothing is written or sent.

use serde::Serialize;
use spendwatch::jobs::backtest;
use spendwatch::jobs::suggest::{self, Options, Proposal, Report, Suggestion, Where};

use super::Exit;
use super::backtest::Totals;
use crate::args::{Global, Suggest};
use crate::evaluation::check_ids;
use crate::figures::exact;
use crate::output::{self, Answer, Block, Cell, Column, Format, Records, Table, talk};
use crate::progress::Reading;
use crate::setup::{self, State};

/// Suggestions as they are shown.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Shown(Report);

pub(super) async fn run(global: &Global, options: &Suggest) -> anyhow::Result<Exit> {
    let app = setup::app(global, State::Looked, options.as_of).await?;
    let budgets = [&options.budgets[..], &options.only].concat();
    check_ids(&app, &budgets)?;
    let reading = Reading::new();
    let asked = Options {
        past: backtest::Options {
            budgets,
            periods: options.periods,
            amount: None,
            progress: Reading::port(&reading),
        },
        breaches: options.breaches,
        days_ahead: options.days_ahead,
    };
    let run = async {
        match (&options.scope[..], options.uncovered) {
            (_, true) => suggest::for_scopes(&app, &asked, &Where::Uncovered).await,
            ([], _) => suggest::run(&app, &asked).await,
            (scopes, _) => suggest::for_scopes(&app, &asked, &Where::At(scopes.to_vec())).await,
        }
    };
    let report = Reading::watch(reading.as_deref(), run).await?;
    if options.uncovered && report.budgets.is_empty() {
        talk("everything that cost something in the last month is counted by a budget");
    }
    for note in &report.notes {
        talk(&format!("note: {note}"));
    }
    let failed = report.budgets.iter().any(|one| one.failed);
    let shown = Shown(report);
    if options.snippet {
        let snippets = shown.0.budgets.iter();
        output::print_text(&snippets.map(snippet).collect::<Vec<_>>().join("\n"))?;
        for one in &shown.0.budgets {
            for loss in losses(one) {
                talk(&format!("note: {}: {loss}", one.budget));
            }
        }
        let kept = &app.config().native.settings;
        if shown
            .0
            .budgets
            .iter()
            .any(|one| kept.contains_key(&one.budget))
        {
            talk(
                "note: `native` is not in what is printed; keep your own when you paste over a budget",
            );
        }
    } else {
        output::print(global.output, &shown)?;
        let format = global.output;
        let proposes = shown.0.budgets.iter().any(|one| one.proposal.is_some());
        if proposes && matches!(format, Format::Table | Format::Markdown) {
            talk("--snippet prints the budgets with the proposals in them, to paste");
        }
    }
    Ok(if failed { Exit::Failed } else { Exit::Fine })
}

/// A budget to paste, with the reason as a comment; the reason alone when nothing is proposed.
fn snippet(one: &Suggestion) -> String {
    // The reason may quote cost data, and a comment ends with its line.
    let reason: String = one
        .reason
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let text = one
        .proposal
        .as_ref()
        .map_or("", |proposal| &proposal.snippet);
    let lost: String = losses(one)
        .iter()
        .map(|loss| format!("# note: {loss}\n"))
        .collect();
    format!("# {}: {reason}\n{lost}{text}", one.budget)
}

/// What a budget to paste leaves out of the one that is there.
fn losses(one: &Suggestion) -> &[String] {
    let proposal = one.proposal.as_ref();
    proposal.map_or(&[], |proposal| &proposal.losses)
}

impl Answer for Shown {
    fn blocks(&self) -> Vec<Block> {
        let budgets = &self.0.budgets;
        let mut table = Table::new(vec![
            Column::left("Budget"),
            Column::right("Current"),
            Column::right("Proposed"),
            Column::left("Thresholds"),
            Column::left("Would be reached in"),
        ]);
        for one in budgets {
            let money = |money: Option<budget_engine::Money>| {
                let text = money.map(|money| money.to_string());
                Cell::from(text.map_or("-".to_owned(), |text| output::tied(&text)))
            };
            let proposal = one.proposal.as_ref();
            let reached = proposal.map(|it| format!("{} of {} periods", it.reached, it.periods));
            table.add(vec![
                one.budget.as_str().into(),
                money(one.current),
                money(proposal.map(|it| it.amount)),
                proposal.map_or("-".to_owned(), thresholds).into(),
                reached.unwrap_or_else(|| "-".to_owned()).into(),
            ]);
        }
        let reasons = budgets.iter();
        let reasons = reasons.map(|one| {
            let of = one.scope.as_ref().map(|scope| format!(" of {scope}"));
            let of = of.unwrap_or_default();
            Cell::from(format!("{}{of}: {}", one.budget, one.reason))
        });
        let mut blocks = vec![table.into(), Block::Lines(reasons.collect())];
        let beside = beside(budgets);
        if !beside.is_empty() {
            blocks.push(beside.into());
        }
        blocks
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "budget",
            "scope",
            "currency",
            "current",
            "proposed",
            "made_from",
            "reached",
            "periods",
            "thresholds",
            "reason",
        ]);
        for one in &self.0.budgets {
            let proposal = one.proposal.as_ref();
            let amount = proposal.map(|it| it.amount);
            let currency = amount
                .or(one.current)
                .map(|money| money.currency.to_string());
            let text = |text: Option<String>| text.unwrap_or_default();
            records.add(vec![
                one.budget.clone(),
                text(one.scope.as_ref().map(ToString::to_string)),
                text(currency),
                text(one.current.map(|money| exact(money.amount))),
                text(amount.map(|money| exact(money.amount))),
                text(proposal.map(|it| it.made_from.clone())),
                text(proposal.map(|it| it.reached.to_string())),
                text(proposal.map(|it| it.periods.to_string())),
                text(proposal.map(thresholds)),
                one.reason.clone(),
            ]);
        }
        records
    }
}

fn thresholds(proposal: &Proposal) -> String {
    let words = proposal.thresholds.iter();
    let words = words.map(|(when, probability)| match probability {
        Some(probability) => format!("{when} (from {} %)", probability.normalize()),
        None => when.clone(),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The backtests of the budgets as they are and as proposed, one below the other.
fn beside(budgets: &[Suggestion]) -> Table {
    let mut table = Table::new(vec![
        Column::left("Replayed"),
        Column::left("As"),
        Column::right("Periods"),
        Column::right("Reached"),
        Column::right("Warned before"),
        Column::right("Never told"),
        Column::right("Notices"),
        Column::right("False alarms"),
    ]);
    let proposals = budgets
        .iter()
        .filter_map(|one| Some((one, one.proposal.as_ref()?)));
    for (one, proposal) in proposals {
        let replays = [
            ("it is", proposal.before.as_ref()),
            ("proposed", Some(&proposal.after)),
        ];
        for (word, replay) in replays {
            let Some(replay) = replay else { continue };
            let totals = Totals::of(replay);
            table.add(vec![
                one.budget.as_str().into(),
                word.into(),
                totals.periods.to_string().into(),
                totals.reached.to_string().into(),
                totals.warned.to_string().into(),
                totals.missed.to_string().into(),
                totals.notices.to_string().into(),
                totals.false_alarms.to_string().into(),
            ]);
        }
    }
    table
}
