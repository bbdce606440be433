//! `alerts`: our alerts, and what Azure has raised of its own.

use std::io::{self, BufRead, IsTerminal};

use budget_engine::{AlertState, Scope};
use serde::Serialize;
use spendwatch::jobs::alerts::{self, Alerts, AzureAlert, OurAlert, Whose};

use super::Exit;
use crate::args::{AlertVerb, Global, ListAlerts, wrong_use};
use crate::output::{self, Answer, Block, Cell, Color, Column, Records, Table, talk};
use crate::setup::{self, State};
use crate::words::moment;

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(Alerts);

impl Answer for Shown {
    fn blocks(&self) -> Vec<Block> {
        let Alerts {
            azure_asked,
            azure,
            ours,
            failures,
            ..
        } = &self.0;
        let mut blocks = Vec::new();
        let mut own = Table::new(vec![
            Column::left("Budget"),
            Column::left("Period"),
            Column::left("Threshold"),
            Column::left("Ours"),
            Column::left("Since"),
            Column::left("Alert"),
        ]);
        for alert in ours {
            own.add(vec![
                alert.budget.as_str().into(),
                output::tied(&alert.period).into(),
                output::tied(&alert.when).into(),
                state(alert).into(),
                output::tied(&moment(alert.since)).into(),
                alert.id.as_str().into(),
            ]);
        }
        let mut theirs = Table::new(vec![
            Column::left("Azure's"),
            Column::left("About"),
            Column::left("Budget"),
            Column::right("Threshold"),
            Column::right("Spent"),
            Column::left("State"),
            Column::left("Since"),
            Column::left("Alert"),
            Column::left("Scope"),
        ]);
        for alert in azure {
            theirs.add(vec![
                alert.kind.as_str().into(),
                alert.about.rsplit('/').next().unwrap_or_default().into(),
                alert.budget.clone().unwrap_or_default().into(),
                percent(alert).into(),
                spent(alert).into(),
                Cell::colored(alert.status.as_str(), color(alert)),
                alert.since.map(moment).unwrap_or_default().into(),
                alert.name.as_str().into(),
                alert.scope.to_string().into(),
            ]);
        }
        for (table, nothing) in [
            (own, "we have no alerts in the periods that run"),
            (theirs, "Azure has no alerts at these scopes"),
        ]
        .into_iter()
        .take(1 + usize::from(*azure_asked))
        {
            blocks.push(match table.is_empty() {
                true => Block::Lines(vec![nothing.into()]),
                false => table.into(),
            });
        }
        let failures = failures.iter().map(|failure| {
            let text = format!("{}: cannot be listed: {}", failure.scope, failure.problem);
            Cell::colored(text, Color::Red)
        });
        let failures: Vec<Cell> = failures.collect();
        if !failures.is_empty() {
            blocks.push(Block::Lines(failures));
        }
        blocks
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&[
            "of",
            "kind",
            "scope",
            "about",
            "budget",
            "threshold",
            "spent",
            "currency",
            "state",
            "since",
            "name",
            "acknowledged_by",
            "silenced_until",
        ]);
        for alert in &self.0.ours {
            let text = |text: &str| text.to_owned();
            records.add(vec![
                text("ours"),
                String::new(),
                String::new(),
                alert.period.clone(),
                alert.budget.clone(),
                alert.threshold.clone(),
                String::new(),
                String::new(),
                bare_state(&alert.state),
                alert.since.to_string(),
                alert.id.clone(),
                alert
                    .acknowledged
                    .as_ref()
                    .map(|known| known.by.clone())
                    .unwrap_or_default(),
                alert
                    .silenced_until
                    .map(|until| until.to_string())
                    .unwrap_or_default(),
            ]);
        }
        for alert in &self.0.azure {
            records.add(vec![
                "azure".to_owned(),
                alert.kind.clone(),
                alert.scope.to_string(),
                alert.about.clone(),
                alert.budget.clone().unwrap_or_default(),
                percent(alert),
                alert
                    .spent
                    .map(|spent| spent.to_string())
                    .unwrap_or_default(),
                alert.unit.clone(),
                alert.status.clone(),
                alert
                    .since
                    .map(|since| since.to_string())
                    .unwrap_or_default(),
                alert.name.clone(),
                String::new(),
                String::new(),
            ]);
        }
        records
    }
}

/// Where one of ours stands, who knows of it, and until when its notices wait.
pub(super) fn state(alert: &OurAlert) -> String {
    let mut state = bare_state(&alert.state);
    if alert.told_nobody {
        state += ", told nobody";
    }
    if let Some(known) = &alert.acknowledged {
        state += &format!(", acknowledged by {}", known.by);
    }
    if let Some(until) = alert.silenced_until {
        state += &format!(", silenced until {}", moment(until));
    }
    state
}

fn bare_state(state: &AlertState) -> String {
    match state {
        AlertState::Firing => "firing".to_owned(),
        AlertState::Covered { by } => format!("covered by {by}"),
        AlertState::Withdrawn => "withdrawn".to_owned(),
        AlertState::Resolved => "resolved".to_owned(),
        AlertState::Closed => "closed".to_owned(),
    }
}

fn color(alert: &AzureAlert) -> Color {
    match alert.status.eq_ignore_ascii_case("Active") {
        true => Color::Yellow,
        false => Color::Plain,
    }
}

fn percent(alert: &AzureAlert) -> String {
    let percent = alert.threshold_percent;
    percent
        .map(|percent| format!("{} %", percent.normalize()))
        .unwrap_or_default()
}

fn spent(alert: &AzureAlert) -> String {
    let spent = alert
        .spent
        .map(|spent| format!("{} {}", alert.unit, spent.round_dp(2)));
    spent.unwrap_or_default()
}

pub(super) async fn run(global: &Global, options: &crate::args::Alerts) -> anyhow::Result<Exit> {
    match &options.verb {
        None => list(global, &options.list).await,
        Some(AlertVerb::List(options)) => list(global, options).await,
        Some(AlertVerb::Dismiss { alert, scope, yes }) => dismiss(global, alert, scope, *yes).await,
    }
}

async fn list(global: &Global, options: &ListAlerts) -> anyhow::Result<Exit> {
    let app = setup::app(global, State::Looked, None).await?;
    let scopes = options.scope.iter().map(|text| read_scope(text));
    let scopes: Vec<Scope> = scopes.collect::<anyhow::Result<_>>()?;
    let whose = match (options.ours, app.native_client()) {
        (true, _) => Whose::Ours,
        _ if scopes.is_empty() && !alerts::has_azure(app.config()) => Whose::Ours,
        // Whoever names a scope wants Azure's, and hears why they cannot be had.
        (false, Err(error)) if scopes.is_empty() => {
            talk(&format!("note: {error:#}"));
            Whose::Ours
        }
        (false, _) => Whose::All,
    };
    let found = alerts::list(&app, &scopes, whose).await?;
    let is_whole = found.failures.is_empty();
    output::print(global.output, &Shown(found))?;
    Ok(if is_whole { Exit::Fine } else { Exit::Failed })
}

async fn dismiss(global: &Global, name: &str, scope: &str, yes: bool) -> anyhow::Result<Exit> {
    let scope = read_scope(scope)?;
    if !yes {
        if !io::stdin().is_terminal() {
            return Err(wrong_use("nobody can be asked here: dismiss with --yes"));
        }
        talk(&format!(
            "Dismiss the alert {name} of {scope} at Azure? Only `yes` does."
        ));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if answer.trim() != "yes" {
            talk("nothing was changed");
            return Ok(Exit::Fine);
        }
    }
    let app = setup::app(global, State::Looked, None).await?;
    let alert = alerts::dismiss(&app, &scope, name).await?;
    talk(&format!("the alert {} is {} now", alert.name, alert.status));
    Ok(Exit::Fine)
}

fn read_scope(text: &str) -> anyhow::Result<Scope> {
    Scope::parse(text).map_err(wrong_use)
}
