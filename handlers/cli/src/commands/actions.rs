//! `actions`: what is done because budgets reached an amount, with its audit record.

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;
use spendwatch::jobs::act;
use spendwatch::{ActionRecord, ActionState, App, Mode, action_words};

use super::{Exit, who};
use crate::args::{ActionVerb, Actions, Global};
use crate::output::{self, Answer, Block, Cell, Color, Column, Records, Table};
use crate::setup::{self, State};
use crate::words::moment;

/// Actions for a list.
#[derive(Debug, Serialize)]
struct List {
    actions: Vec<ActionRecord>,
}

/// One action with all that is known.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct One(ActionRecord);

fn is_broken(state: &ActionState) -> bool {
    matches!(
        state,
        ActionState::Failed | ActionState::Unknown | ActionState::UndoFailed
    )
}

fn color(state: &ActionState) -> Color {
    match state {
        ActionState::Done | ActionState::Undone => Color::Green,
        state if is_broken(state) => Color::Red,
        ActionState::AwaitingApproval { .. } | ActionState::Expired => Color::Yellow,
        _ => Color::Plain,
    }
}

/// Whether an action is undone, or when: `is_to_be` says that it shall be at the end of the period.
fn undone(state: &ActionState, is_to_be: bool, ends: Timestamp) -> String {
    let words = match state {
        ActionState::Undone => "yes",
        ActionState::Undoing => "it is being undone",
        ActionState::UndoFailed => "no, it was tried and did not work out",
        ActionState::DryRun | ActionState::Expired | ActionState::Cancelled => {
            "there is nothing to undo"
        }
        _ if is_to_be => return format!("when the period ends, {}", moment(ends)),
        _ => "no",
    };
    words.to_owned()
}

impl Answer for List {
    fn blocks(&self) -> Vec<Block> {
        if self.actions.is_empty() {
            return vec![Block::Lines(vec![
                "no budget has asked for an action".into(),
            ])];
        }
        let mut table = Table::new(vec![
            Column::left("Id"),
            Column::left("Since"),
            Column::left("Budget"),
            Column::left("Threshold"),
            Column::left("Action"),
            Column::left("Does"),
            Column::left("State"),
        ]);
        for record in &self.actions {
            table.add(vec![
                record.id.as_str().into(),
                output::tied(&moment(record.created_at)).into(),
                record.cause.budget.as_str().into(),
                output::tied(&record.cause.when).into(),
                record.action.as_str().into(),
                action_words::task(&record.task).into(),
                Cell::colored(record.state.as_str(), color(&record.state)),
            ]);
        }
        vec![table.into()]
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "id",
            "created_at",
            "budget",
            "period",
            "threshold",
            "action",
            "kind",
            "mode",
            "state",
        ]);
        for record in &self.actions {
            records.add(vec![
                record.id.clone(),
                record.created_at.to_string(),
                record.cause.budget.clone(),
                record.cause.period_key.clone(),
                record.cause.threshold.clone(),
                record.action.clone(),
                record.task.kind().to_owned(),
                record.mode.as_str().to_owned(),
                record.state.as_str().to_owned(),
            ]);
        }
        records
    }
}

impl Answer for One {
    fn blocks(&self) -> Vec<Block> {
        let record = &self.0;
        let until = match &record.state {
            ActionState::AwaitingApproval { until } => Some(moment(*until)),
            _ => None,
        };
        let mut facts = vec![
            ("Does".into(), action_words::task(&record.task)),
            ("Because".into(), action_words::cause(record)),
            ("State".into(), record.state.as_str().to_owned()),
            ("Mode".into(), record.mode.as_str().to_owned()),
        ];
        facts.extend(until.map(|until| ("To approve until".into(), until)));
        let is_to_be_undone = record.undo && record.mode != Mode::DryRun;
        let undone = undone(&record.state, is_to_be_undone, record.expires_at);
        facts.push(("Undone".into(), undone));
        let title = format!("{} {}", record.action, record.id);
        let mut blocks = vec![Block::Facts { title, facts }];
        if !record.targets.is_empty() {
            let targets = record.targets.iter();
            blocks.push(Block::Lines(
                targets
                    .map(|one| action_words::target(&record.task, one).into())
                    .collect(),
            ));
        }
        let mut trail = Table::new(vec![
            Column::left("When"),
            Column::left("Who"),
            Column::left("What"),
            Column::left("Answer"),
        ]);
        for step in &record.trail {
            trail.add(vec![
                output::tied(&moment(step.at)).into(),
                step.who.as_str().into(),
                step.what.as_str().into(),
                step.answer.as_deref().unwrap_or("-").into(),
            ]);
        }
        blocks.push(trail.into());
        blocks
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&["at", "who", "what", "answer"]);
        for step in &self.0.trail {
            records.add(vec![
                step.at.to_string(),
                step.who.clone(),
                step.what.clone(),
                step.answer.clone().unwrap_or_default(),
            ]);
        }
        records
    }
}

pub(super) async fn run(global: &Global, options: &Actions) -> anyhow::Result<Exit> {
    let verb = options.verb.as_ref().unwrap_or(&ActionVerb::List);
    let state = match verb {
        ActionVerb::List | ActionVerb::Show { .. } => State::Looked,
        ActionVerb::Run { dry_run: true, .. } => State::Looked,
        _ => State::Written,
    };
    let app = setup::app(global, state, None).await?.without_hints();
    for problem in app.action_problems() {
        output::talk(&format!("warning: {problem}"));
    }
    let named = match verb {
        ActionVerb::List => return list(global, &app).await,
        ActionVerb::Run { id: None, .. } => {
            act::run_all(&app).await?;
            return list(global, &app).await;
        }
        ActionVerb::Show { id }
        | ActionVerb::Approve { id }
        | ActionVerb::Run { id: Some(id), .. }
        | ActionVerb::Undo { id } => id,
    };
    let id = &act::find(&app, named).await?;
    let report = match verb {
        ActionVerb::List | ActionVerb::Show { .. } => None,
        ActionVerb::Approve { .. } => {
            act::approve(&app, id, &who()).await?;
            Some(act::run(&app, id).await?)
        }
        ActionVerb::Run { dry_run: true, .. } => {
            let record = act::rehearse(&app, id).await?;
            output::print(global.output, &One(record))?;
            return Ok(Exit::Fine);
        }
        ActionVerb::Run { .. } => Some(act::run(&app, id).await?),
        ActionVerb::Undo { .. } => Some(act::undo_now(&app, id, &who()).await?),
    };
    let record = act::show(&app, id).await?;
    let record = record.with_context(|| format!("there is no action {id}"))?;
    let state = record.state.clone();
    output::print(global.output, &One(record))?;
    let is_fine = match &report {
        Some(report) => is_as_asked(verb, &state, report),
        None => !is_broken(&state),
    };
    Ok(if is_fine { Exit::Fine } else { Exit::Failed })
}

async fn list(global: &Global, app: &App) -> anyhow::Result<Exit> {
    let actions = act::list(app).await?;
    output::print(global.output, &List { actions })?;
    Ok(Exit::Fine)
}

/// Whether what was asked for is done; if not, it is said what comes next.
fn is_as_asked(verb: &ActionVerb, state: &ActionState, report: &act::Report) -> bool {
    let is_done = match verb {
        ActionVerb::Undo { .. } => matches!(state, ActionState::Undone),
        _ => matches!(
            state,
            ActionState::Done | ActionState::DryRun | ActionState::Undone
        ),
    };
    if is_done {
        return true;
    }
    let next = match (&report.skipped, report.next_due) {
        (Some(why), _) => why.clone(),
        (None, Some(due)) => format!(
            "it is due again at {}: `spendwatch actions run`, or the app by itself",
            moment(due)
        ),
        (None, None) => "nothing more is done about it by itself".to_owned(),
    };
    output::talk(&format!("the action is {}; {next}", state.as_str()));
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_or_is_undone_is_not_undone_when_the_period_ends() {
        let ends = Timestamp::constant(1_796_083_200, 0);
        for (state, is_to_be, words) in [
            (ActionState::Done, true, "when the period ends, "),
            (ActionState::Done, false, "no"),
            (ActionState::DryRun, true, "there is nothing to undo"),
            (ActionState::Undoing, true, "it is being undone"),
            (ActionState::Undone, true, "yes"),
        ] {
            let said = undone(&state, is_to_be, ends);
            assert!(said.starts_with(words), "{state:?}: {said}");
        }
    }
}
