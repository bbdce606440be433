//! `explain`: what an alert rests on, worked out again from what is stored.

use budget_engine::{Change, Decision, Outcome, Verdict};
use serde::Serialize;
use spendwatch::jobs::alerts::explain::{Explained, Told, explain};
use spendwatch::jobs::alerts::find::{NotFound, Wanted};

use super::Exit;
use crate::args::answers::Explain;
use crate::args::{Global, wrong_use};
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

impl Answer for Shown {
    fn blocks(&self) -> Vec<Block> {
        let Explained {
            alert,
            name,
            verdict,
            silences,
            history,
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
        facts.push(("Worked out again".into(), verdict.to_string()));
        let title = format!("{}/{} {}", alert.budget, alert.threshold, alert.id);
        let mut blocks = vec![Block::Facts { title, facts }];
        for told in history {
            let mut lines: Vec<Cell> = vec![
                format!(
                    "{} {} at {}: {}",
                    told.sequence,
                    told.change.as_str(),
                    moment(told.at),
                    reason(told, &alert.threshold, &alert.when)
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
            if told.told_nobody {
                let text = "told nobody: no destination was left for it, and there is no fallback";
                lines.push(Cell::colored(text, Color::Red));
            }
            lines.extend(told.deliveries.iter().map(|fate| {
                let to = fate.recipient.as_deref().unwrap_or_default();
                let text = format!("to {} {to}: {}", fate.destination, fate.state);
                Cell::from(text.replace(" :", ":"))
            }));
            blocks.push(Block::Lines(lines));
            let mut table = Table::new(vec![
                Column::left("Figure"),
                Column::left("Told"),
                Column::left("Again"),
                Column::left("Verdict"),
            ]);
            for check in &told.recheck.checks {
                table.add(vec![
                    check.what.as_str().into(),
                    check.told.as_str().into(),
                    check.again.as_str().into(),
                    colored(check.verdict),
                ]);
            }
            blocks.push(table.into());
        }
        if history.is_empty() {
            let text = "it was told with another alert, and never on its own";
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
        for told in &self.0.history {
            for check in &told.recheck.checks {
                records.add(vec![
                    self.0.alert.id.clone(),
                    self.0.alert.budget.clone(),
                    self.0.alert.threshold.clone(),
                    told.sequence.to_string(),
                    told.change.as_str().to_owned(),
                    told.at.to_string(),
                    check.what.clone(),
                    check.told.clone(),
                    check.again.clone(),
                    check.verdict.to_string(),
                ]);
            }
            if let Some(snapshot) = &told.snapshot {
                let spent = snapshot.spent.map(|spent| spent.to_string());
                let verdict = snapshot.verdict.map(|verdict| verdict.to_string());
                records.add(vec![
                    self.0.alert.id.clone(),
                    self.0.alert.budget.clone(),
                    self.0.alert.threshold.clone(),
                    told.sequence.to_string(),
                    told.change.as_str().to_owned(),
                    told.at.to_string(),
                    "spent by kept costs".to_owned(),
                    snapshot.told.to_string(),
                    spent.unwrap_or_default(),
                    verdict.unwrap_or_default(),
                ]);
            }
        }
        records
    }
}

pub(super) async fn run(global: &Global, options: &Explain) -> anyhow::Result<Exit> {
    let app = setup::app(global, State::Looked, None)?;
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
        Verdict::Same => Exit::Fine,
        Verdict::Different => Exit::Failed,
    };
    output::print(global.output, &Shown(explained))?;
    Ok(exit)
}
