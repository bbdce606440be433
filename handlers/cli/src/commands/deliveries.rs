//! `deliveries`: what became of notices.

use serde::Serialize;
use spendwatch::jobs::deliveries::{self, Fate, Filter};

use super::Exit;
use crate::args::Global;
use crate::args::answers::Deliveries;
use crate::output::{self, Answer, Block, Cell, Color, Column, Records, Table};
use crate::setup::{self, State};
use crate::words::moment;

#[derive(Debug, Serialize)]
struct Shown {
    deliveries: Vec<Fate>,
}

fn color(fate: &Fate) -> Color {
    match &*fate.state {
        "delivered" | "accepted" => Color::Green,
        _ if fate.is_bad() => Color::Red,
        "queued" | "sending" if fate.last_failure.is_some() => Color::Yellow,
        _ => Color::Plain,
    }
}

/// The last failure, or why it waits.
fn why(fate: &Fate) -> String {
    let failure = fate.last_failure.as_ref();
    let failure = failure.map(ToString::to_string);
    fate.why.clone().or(failure).unwrap_or_default()
}

impl Answer for Shown {
    fn blocks(&self) -> Vec<Block> {
        if self.deliveries.is_empty() {
            return vec![Block::Lines(vec!["there are no such deliveries".into()])];
        }
        let mut table = Table::new(vec![
            Column::left("Decided"),
            Column::left("Destination"),
            Column::left("Budget"),
            Column::left("About"),
            Column::left("State"),
            Column::right("Tries"),
            Column::left("Next"),
            Column::left("Why"),
            Column::left("Called there"),
            Column::left("Id"),
        ]);
        for fate in &self.deliveries {
            let to = match &fate.recipient {
                Some(recipient) => format!("{} {recipient}", fate.destination),
                None => fate.destination.clone(),
            };
            let next = fate.next_at.map(moment).unwrap_or_default();
            table.add(vec![
                output::tied(&moment(fate.created_at)).into(),
                to.into(),
                fate.budget.clone().unwrap_or_default().into(),
                fate.about.as_str().into(),
                Cell::colored(fate.state.as_str(), color(fate)),
                fate.attempts.to_string().into(),
                output::tied(&next).into(),
                why(fate).into(),
                fate.provider_id.clone().unwrap_or_default().into(),
                fate.id.as_str().into(),
            ]);
        }
        vec![table.into()]
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "id",
            "decided_at",
            "destination",
            "recipient",
            "budget",
            "alert",
            "about",
            "state",
            "attempts",
            "unknown_outcomes",
            "next_at",
            "why",
            "last_failure",
            "provider_id",
        ]);
        for fate in &self.deliveries {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let failure = fate.last_failure.as_ref();
            records.add(vec![
                fate.id.clone(),
                fate.created_at.to_string(),
                fate.destination.clone(),
                text(&fate.recipient),
                text(&fate.budget),
                text(&fate.alert),
                fate.about.clone(),
                fate.state.clone(),
                fate.attempts.to_string(),
                fate.unknown_outcomes.to_string(),
                fate.next_at.map(|at| at.to_string()).unwrap_or_default(),
                text(&fate.why),
                failure.map(ToString::to_string).unwrap_or_default(),
                text(&fate.provider_id),
            ]);
        }
        records
    }
}

pub(super) async fn run(global: &Global, options: &Deliveries) -> anyhow::Result<Exit> {
    let app = setup::app(global, State::Looked, None).await?;
    let filter = Filter {
        destination: options.destination.clone(),
        state: options.fate.clone(),
        budget: options.budget.clone(),
        since: options.since,
    };
    let deliveries = deliveries::list(&app, &filter).await?;
    output::print(global.output, &Shown { deliveries })?;
    Ok(Exit::Fine)
}
