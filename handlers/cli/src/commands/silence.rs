//! `silence` and `silences`: hold notices back for a while, with a reason.

use jiff::Timestamp;
use serde::Serialize;
use spendwatch::jobs::silence;
use spendwatch::{Matcher, NewSilence, NotSilenced, Silence, SilenceEdit, SilenceState};

use super::{Exit, evaluate, who};
use crate::args::answers::{self, SilenceVerb};
use crate::args::{Global, wrong_use};
use crate::output::{self, Answer, Block, Cell, Color, Column, Records, Table, talk};
use crate::setup::{self, State};
use crate::words::moment;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    silences: Vec<One>,
}

#[derive(Debug, Serialize)]
struct One {
    state: SilenceState,
    #[serde(flatten)]
    silence: Silence,
}

impl Shown {
    fn new(silences: Vec<Silence>, now: Timestamp) -> Shown {
        let silences = silences.into_iter();
        Shown {
            silences: silences
                .map(|silence| One {
                    state: silence.state(now),
                    silence,
                })
                .collect(),
        }
    }
}

impl Answer for Shown {
    fn blocks(&self) -> Vec<Block> {
        if self.silences.is_empty() {
            return vec![Block::Lines(vec!["nothing is silenced".into()])];
        }
        let mut table = Table::new(vec![
            Column::left("Id"),
            Column::left("Matches"),
            Column::left("From"),
            Column::left("Until"),
            Column::left("State"),
            Column::left("By"),
            Column::left("Reason"),
        ]);
        for One { state, silence } in &self.silences {
            let color = match state {
                SilenceState::Active => Color::Yellow,
                SilenceState::Coming | SilenceState::Over => Color::Plain,
            };
            let until = silence.ended_at.unwrap_or(silence.until);
            table.add(vec![
                silence.id.as_str().into(),
                silence.matcher.to_string().into(),
                output::tied(&moment(silence.from)).into(),
                output::tied(&moment(until)).into(),
                Cell::colored(state.as_str(), color),
                silence.by.as_str().into(),
                silence.reason.as_str().into(),
            ]);
        }
        vec![table.into()]
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "id",
            "budget",
            "threshold",
            "kind",
            "severity",
            "destination",
            "from",
            "until",
            "state",
            "by",
            "reason",
            "created_at",
            "ended_at",
            "ended_by",
        ]);
        for One { state, silence } in &self.silences {
            let matcher = &silence.matcher;
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            records.add(vec![
                silence.id.clone(),
                text(&matcher.budget),
                text(&matcher.threshold),
                matcher.kind.map(|one| one.to_string()).unwrap_or_default(),
                matcher
                    .severity
                    .map(|one| one.to_string())
                    .unwrap_or_default(),
                text(&matcher.destination),
                silence.from.to_string(),
                silence.until.to_string(),
                state.as_str().to_owned(),
                silence.by.clone(),
                silence.reason.clone(),
                silence.created_at.to_string(),
                silence
                    .ended_at
                    .map(|at| at.to_string())
                    .unwrap_or_default(),
                text(&silence.ended_by),
            ]);
        }
        records
    }
}

/// Lists them.
pub(super) async fn list(global: &Global) -> anyhow::Result<Exit> {
    let app = setup::app(global, State::Looked, None).await?;
    let silences = silence::list(&app).await?;
    output::print(global.output, &Shown::new(silences, app.now()))?;
    Ok(Exit::Fine)
}

pub(super) async fn run(global: &Global, options: &answers::Silence) -> anyhow::Result<Exit> {
    if let Some(SilenceVerb::List) = options.verb {
        return list(global).await;
    }
    let app = setup::app(global, State::Written, None)
        .await?
        .without_hints();
    let done = match &options.verb {
        Some(SilenceVerb::List) | None => {
            let new = &options.new;
            let from = new.from.unwrap_or(app.now());
            let until = new.end.after(from);
            let until = until.ok_or_else(|| wrong_use("the end lies outside of the calendar"))?;
            let new = NewSilence {
                link: None,
                matcher: Matcher {
                    budget: new.budget.clone(),
                    threshold: new.threshold.clone(),
                    kind: new.kind,
                    severity: new.severity,
                    destination: new.destination.clone(),
                },
                from: new.from,
                until,
                reason: new.reason.clone().unwrap_or_default(),
                by: new.by.clone().unwrap_or_else(who),
            };
            silence::create(&app, new).await
        }
        Some(SilenceVerb::End { id, by }) => {
            let by = by.clone().unwrap_or_else(who);
            silence::end(&app, id, &by).await
        }
        Some(SilenceVerb::Edit { id, reason, until }) => {
            let edit = SilenceEdit {
                reason: reason.clone(),
                until: *until,
            };
            silence::edit(&app, id, &edit).await
        }
    };
    let done = match done {
        Err(
            refused @ (NotSilenced::Everything
            | NotSilenced::Pattern(_)
            | NotSilenced::Text(..)
            | NotSilenced::TooShort { .. }
            | NotSilenced::TooLong(_)),
        ) => return Err(wrong_use(refused)),
        done => done?,
    };
    if options.verb.is_none() {
        for name in silence::unknown(&app, &done.matcher) {
            talk(&format!(
                "warning: {name}, so the silence holds nothing back now"
            ));
        }
    }
    output::print(global.output, &Shown::new(vec![done], app.now()))?;
    if options.verb.is_some() {
        evaluate::release(&app).await?;
    }
    Ok(Exit::Fine)
}
