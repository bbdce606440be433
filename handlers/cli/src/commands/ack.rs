//! `ack`: somebody knows of an alert.

use serde::Serialize;
use spendwatch::jobs::alerts::acknowledge::{Acknowledged, Refusal, acknowledge};
use spendwatch::jobs::alerts::find::{NotFound, Wanted};

use super::{Exit, evaluate, who};
use crate::args::answers::Ack;
use crate::args::{Global, wrong_use};
use crate::output::{self, Answer, Block, Records, talk};
use crate::setup::{self, State};
use crate::words::moment;

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Shown(Acknowledged);

impl Answer for Shown {
    fn blocks(&self) -> Vec<Block> {
        let done = &self.0;
        let mut facts = vec![
            ("Budget".into(), done.budget.clone()),
            ("Period".into(), done.period.clone()),
            ("Threshold".into(), done.when.clone()),
            ("By".into(), done.acknowledged.by.clone()),
            ("At".into(), moment(done.acknowledged.at)),
        ];
        if let Some(note) = &done.acknowledged.note {
            facts.push(("Note".into(), note.clone()));
        }
        if !done.dismissed.is_empty() {
            let names = done.dismissed.iter().map(|alert| alert.name.as_str());
            let names: Vec<&str> = names.collect();
            facts.push(("Dismissed at Azure".into(), names.join(", ")));
        }
        let title = format!("acknowledged {}", done.alert);
        vec![Block::Facts { title, facts }]
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "alert",
            "budget",
            "period",
            "threshold",
            "at",
            "by",
            "note",
            "dismissed",
        ]);
        let done = &self.0;
        let dismissed = done.dismissed.iter().map(|alert| alert.name.as_str());
        let dismissed: Vec<&str> = dismissed.collect();
        records.add(vec![
            done.alert.clone(),
            done.budget.clone(),
            done.period.clone(),
            done.threshold.clone(),
            done.acknowledged.at.to_string(),
            done.acknowledged.by.clone(),
            done.acknowledged.note.clone().unwrap_or_default(),
            dismissed.join(" "),
        ]);
        records
    }
}

pub(super) async fn run(global: &Global, options: &Ack) -> anyhow::Result<Exit> {
    let app = setup::app(global, State::Written, None)
        .await?
        .without_hints();
    let wanted = Wanted {
        alert: options.alert.clone(),
        budget: None,
        period: options.period.clone(),
    };
    let by = options.by.clone().unwrap_or_else(who);
    let done = acknowledge(&app, &wanted, None, &by, options.note.as_deref()).await;
    let done = match done {
        Err(refused @ (Refusal::Text(..) | Refusal::NotFound(NotFound::Short))) => {
            return Err(wrong_use(refused));
        }
        done => done?,
    };
    for warning in &done.warnings {
        talk(&format!("warning: {warning}"));
    }
    output::print(global.output, &Shown(done))?;
    // Places that show the state of alerts hear of it.
    evaluate::release(&app).await?;
    Ok(Exit::Fine)
}
