//! `explain`: what an alert rests on, worked out again from what is stored.

use budget_engine::{Change, Check, Decision, Outcome, Verdict};
use serde::Serialize;
use spendwatch::jobs::alerts::OurAlert;
use spendwatch::jobs::alerts::explain::{Explained, Told, explain};
use spendwatch::jobs::alerts::find::{NotFound, Wanted};
use spendwatch::jobs::deliveries::Fate;

use super::Exit;
use crate::args::answers::Explain;
use crate::args::{Global, wrong_use};
use crate::figures::{earlier_forecasts, poor_forecast};
use crate::output::{self, Answer, Block, Cell, Color, Column, Records, Table};
use crate::setup::{self, State};
use crate::words::{moment, why};

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Shown(Explained);

fn colored(verdict: Verdict) -> Cell {
    let color = match verdict {
        Verdict::Same => Color::Green,
        Verdict::Different => Color::Red,
    };
    Cell::colored(verdict.as_str(), color)
}

/// The reason in a sentence, as `evaluate` says it.
fn reason(told: &Told, threshold: &str, when: &str) -> String {
    why(&Decision {
        threshold: threshold.to_owned(),
        when: when.to_owned(),
        outcome: match told.change {
            Change::Withdrawn => Outcome::Withdraw,
            Change::Resolved => Outcome::Resolve,
            Change::Fired => Outcome::Fire,
            _ => Outcome::Quiet,
        },
        reason: told.reason.clone(),
    })
}

/// Where something went in the place of what was routed.
fn told_instead(fate: &Fate) -> String {
    let how = match &fate.instead_of {
        Some(_) => "told in its place to",
        None => "told with others to",
    };
    went(how, fate)
}

fn went(how: &str, fate: &Fate) -> String {
    let recipient = fate.recipient.as_ref();
    let recipient = recipient.map(|recipient| format!(" {recipient}"));
    let recipient = recipient.unwrap_or_default();
    format!("{how} {}{recipient}: {}", fate.destination, fate.state)
}

/// What was told, and where it went.
fn lines(told: &Told, threshold: &str, when: &str) -> Vec<Cell> {
    let mut lines: Vec<Cell> = vec![
        format!(
            "{} {} at {}: {}",
            told.sequence,
            told.change.as_str(),
            moment(told.at),
            reason(told, threshold, when)
        )
        .into(),
    ];
    if let Some(snapshot) = &told.snapshot {
        let spent = snapshot.spent.map(|spent| spent.to_string());
        let verdict = snapshot.verdict.map(|verdict| format!(" ({verdict})"));
        let note = snapshot.note.as_deref().map(|note| format!("; {note}"));
        lines.push(
            format!(
                "spend by the costs that were kept of that day: {}, told was {}{}{}",
                spent.as_deref().unwrap_or("cannot be counted"),
                snapshot.told,
                verdict.unwrap_or_default(),
                note.unwrap_or_default()
            )
            .into(),
        );
    }
    if let Some(score) = told.status.forecast.as_ref().and_then(|one| one.score) {
        lines.push(match score.held {
            true => Cell::colored(poor_forecast(&score), Color::Yellow),
            false => format!("earlier forecasts were {}", earlier_forecasts(&score)).into(),
        });
    }
    if told.told_nobody {
        let text = "told nobody: no destination was left for it, and there is no fallback";
        lines.push(Cell::colored(text, Color::Red));
    }
    let own = told.deliveries.iter().map(|fate| went("to", fate));
    let others = told.told_instead.iter().map(told_instead);
    lines.extend(own.chain(others).map(Cell::from));
    lines
}

fn figures<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Table {
    let mut table = Table::new(vec![
        Column::left("Figure"),
        Column::left("Told"),
        Column::left("Again"),
        Column::left("Verdict"),
    ]);
    for check in checks {
        table.add(vec![
            check.what.as_str().into(),
            check.told.as_str().into(),
            check.again.as_str().into(),
            colored(check.verdict),
        ]);
    }
    table
}

impl Answer for Shown {
    fn blocks(&self) -> Vec<Block> {
        let Explained {
            alert,
            name,
            verdict,
            silences,
            history,
            told_with,
        } = &self.0;
        let mut facts = vec![
            ("Budget".into(), format!("{name} ({})", alert.budget)),
            ("Period".into(), alert.period.clone()),
            ("Condition".into(), alert.when.clone()),
            ("State".into(), super::alerts::state(alert)),
            ("Since".into(), moment(alert.since)),
        ];
        for silence in silences {
            let until = moment(silence.until);
            let text = format!("until {until} by {}: {}", silence.by, silence.reason);
            facts.push(("Silenced".into(), text));
        }
        let verdict = verdict.map(Verdict::as_str);
        let verdict = verdict.unwrap_or("there is nothing to compare");
        facts.push(("Worked out again".into(), verdict.to_owned()));
        let title = format!("{}/{} {}", alert.budget, alert.threshold, alert.id);
        let mut blocks = vec![Block::Facts { title, facts }];
        for told in history {
            let lines = lines(told, &alert.threshold, &alert.when);
            blocks.push(Block::Lines(lines));
            blocks.push(figures(&told.recheck.checks).into());
        }
        if let Some(with) = told_with {
            let text = format!(
                "the notice of {} {} told of it:",
                with.threshold, with.alert
            );
            let mut told = vec![text.into()];
            told.extend(lines(&with.told, &with.threshold, &with.when));
            blocks.push(Block::Lines(told));
            let checks = with.recheck.checks.iter().chain(&with.told.recheck.checks);
            blocks.push(figures(checks).into());
        } else if history.is_empty() {
            let text = "it was told with another alert, whose notice is not stored any more";
            blocks.push(Block::Lines(vec![text.into()]));
        }
        blocks
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "alert",
            "budget",
            "threshold",
            "sequence",
            "change",
            "at",
            "figure",
            "told",
            "again",
            "verdict",
        ]);
        let Explained {
            alert,
            history,
            told_with,
            ..
        } = &self.0;
        for told in history {
            let checks = told.recheck.checks.iter();
            add(&mut records, alert, told, checks);
        }
        if let Some(with) = told_with {
            let checks = with.recheck.checks.iter().chain(&with.told.recheck.checks);
            add(&mut records, alert, &with.told, checks);
        }
        records
    }
}

/// Adds the figures of what was told.
fn add<'a>(
    records: &mut Records,
    alert: &OurAlert,
    told: &Told,
    checks: impl Iterator<Item = &'a Check>,
) {
    let mut row = |figure: &str, was: &str, again: String, verdict: String| {
        records.add(vec![
            alert.id.clone(),
            alert.budget.clone(),
            alert.threshold.clone(),
            told.sequence.to_string(),
            told.change.as_str().to_owned(),
            told.at.to_string(),
            figure.to_owned(),
            was.to_owned(),
            again,
            verdict,
        ]);
    };
    for check in checks {
        let verdict = check.verdict.to_string();
        row(&check.what, &check.told, check.again.clone(), verdict);
    }
    if let Some(snapshot) = &told.snapshot {
        let spent = snapshot.spent.map(|spent| spent.to_string());
        let verdict = snapshot.verdict.map(|verdict| verdict.to_string());
        let (spent, verdict) = (spent.unwrap_or_default(), verdict.unwrap_or_default());
        row(
            "spent by kept costs",
            &snapshot.told.to_string(),
            spent,
            verdict,
        );
    }
}

pub(super) async fn run(global: &Global, options: &Explain) -> anyhow::Result<Exit> {
    let app = setup::app(global, State::Looked, None).await?;
    let wanted = Wanted {
        alert: options.alert.clone(),
        budget: None,
        period: options.period.clone(),
    };
    let explained = match explain(&app, &wanted).await {
        Err(short @ NotFound::Short) => return Err(wrong_use(short)),
        explained => explained?,
    };
    let exit = match explained.verdict {
        Some(Verdict::Different) => Exit::Failed,
        Some(Verdict::Same) | None => Exit::Fine,
    };
    output::print(global.output, &Shown(explained))?;
    Ok(exit)
}
