//! `evaluate`: read, decide, record, and deliver what is due.

use anyhow::Context;
use budget_engine::Outcome;
use jiff::Timestamp;
use serde::Serialize;
use spendwatch::jobs::{act, attend, deliver};
use spendwatch::{App, Delivery};
use state_store::json;

use super::Exit;
use crate::args::{Evaluate, Global};
use crate::evaluation::{self, Evaluated, tell_notes};
use crate::figures::{self, Figures};
use crate::output::{self, Answer, Block, Cell, Color, Column, Records, Table, talk};
use crate::setup::{self, State};
use crate::words::{counted, moment};

/// What an evaluation found, decided and sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Evaluation {
    pub(crate) at: Timestamp,
    pub(crate) dry_run: bool,
    pub(crate) budgets: Vec<Figures>,
    pub(crate) deliveries: Vec<Lane>,
    pub(crate) notes: Vec<String>,
}

/// What came of the deliveries to one destination.
#[derive(Debug, Serialize)]
pub(crate) struct Lane {
    #[serde(flatten)]
    pub(crate) report: deliver::Report,
    /// Why something is left.
    pub(crate) why: Option<String>,
    /// Whether something is left that was to be told by now. What is held back is not.
    #[serde(skip)]
    pub(crate) is_overdue: bool,
}

impl Answer for Evaluation {
    fn blocks(&self) -> Vec<Block> {
        let mut blocks = figures::blocks(&self.budgets);
        let decisions = figures::decisions(&self.budgets, |one| one.outcome != Outcome::Quiet);
        if !decisions.is_empty() {
            blocks.push(decisions.into());
        }
        if !self.deliveries.is_empty() {
            blocks.push(deliveries(&self.deliveries).into());
        }
        blocks
    }

    fn records(&self) -> Records {
        figures::records(&self.budgets)
    }
}

pub(super) async fn run(global: &Global, options: &Evaluate) -> anyhow::Result<Exit> {
    let dry_run = options.dry_run || options.as_of.is_some();
    let state = if dry_run {
        State::Looked
    } else {
        State::Written
    };
    let mut app = setup::app(global, state, options.as_of)
        .await?
        .without_hints();
    if let Some(folder) = &options.outbox {
        app = app.with_folder_delivery(folder);
    }
    let evaluated = evaluation::evaluate(&app, &options.only, dry_run).await?;
    tell_notes(&evaluated);
    let mut exit = evaluation::exit(&app, &evaluated.budgets);
    let mut evaluation = Evaluation::new(&app, evaluated, dry_run);
    let mut failure = None;
    if !dry_run && !options.no_deliver {
        match deliver(&app).await {
            Ok(lanes) => evaluation.deliveries = lanes,
            // What was decided is recorded, and is shown all the same.
            Err(error) => failure = Some(error),
        }
    }
    output::print(global.output, &evaluation)?;
    if let Some(error) = failure {
        return Err(error);
    }
    summarize(&app, options, &evaluation).await?;
    for one in &evaluation.budgets {
        for what in &one.report.told_nobody {
            let budget = &one.report.budget;
            talk(&format!(
                "error: told nobody: {budget} {what}: no destination is left for it, and there is no fallback"
            ));
            exit = Exit::Failed;
        }
    }
    if evaluation.deliveries.iter().any(Lane::has_failed) {
        exit = Exit::Failed;
    }
    Ok(exit)
}

impl Evaluation {
    pub(crate) fn new(app: &App, evaluated: Evaluated, dry_run: bool) -> Evaluation {
        let figures = |report| Figures::new(app, report);
        Evaluation {
            at: evaluated.at,
            dry_run,
            budgets: evaluated.budgets.into_iter().map(figures).collect(),
            deliveries: Vec::new(),
            notes: evaluated.notes,
        }
    }
}

/// Delivers everything that is due, in process: one line for each destination.
pub(crate) async fn deliver(app: &App) -> anyhow::Result<Vec<Lane>> {
    // First, because they have something to tell, too.
    attend::run(app).await.context("attend to alerts")?;
    act::run_all(app).await.context("act")?;
    lanes_of(app, deliver::run_all(app).await.context("deliver notices")?).await
}

/// Sends what an answer has let go, and says what came of it.
pub(super) async fn release(app: &App) -> anyhow::Result<()> {
    let visits = deliver::run_released(app).await;
    for lane in lanes_of(app, visits.context("deliver notices")?).await? {
        let destination = &lane.report.destination;
        if lane.report.sent > 0 {
            let sent = counted(lane.report.sent, "notice was", "notices were");
            talk(&format!("{sent} sent to {destination}"));
        }
        if lane.report.given_up > 0 {
            let lost = counted(lane.report.given_up, "notice", "notices");
            talk(&format!("{lost} to {destination} will not arrive"));
        }
        if lane.report.left > 0 || lane.report.skipped.is_some() {
            let left = counted(lane.report.left, "notice waits", "notices wait");
            let why = lane.why.or(lane.report.skipped).unwrap_or_default();
            talk(&format!("{left} for {destination}: {why}"));
        }
    }
    for destination in app.destinations_with_work().await? {
        if let Some(Err(why)) = app.channel(&destination) {
            talk(&format!(
                "what waits for {destination} is left to a process that can send it: {why}"
            ));
        }
    }
    Ok(())
}

/// One line for each destination that was visited.
async fn lanes_of(app: &App, visits: Vec<deliver::Report>) -> anyhow::Result<Vec<Lane>> {
    let mut lanes: Vec<Lane> = Vec::new();
    for visit in visits {
        let known = lanes
            .iter_mut()
            .find(|lane| lane.report.destination == visit.destination);
        match known {
            // A full lane takes several visits.
            Some(Lane { report, .. }) => {
                *report = deliver::Report {
                    sent: report.sent + visit.sent,
                    failed: report.failed + visit.failed,
                    given_up: report.given_up + visit.given_up,
                    ..visit
                }
            }
            None => lanes.push(Lane {
                report: visit,
                why: None,
                is_overdue: false,
            }),
        }
    }
    for lane in lanes.iter_mut().filter(|lane| lane.report.left > 0) {
        let (why, is_overdue) = why_left(app, &lane.report.destination).await?;
        // Another process is sending, or was killed while it did: whoever asks has to come again.
        let is_taken = lane.report.is_taken;
        lane.why = match is_taken {
            true => lane.report.skipped.clone(),
            false => why.or_else(|| lane.report.skipped.clone()),
        };
        lane.is_overdue = is_overdue || is_taken;
    }
    Ok(lanes)
}

impl Lane {
    /// Whether somebody was to be told by now and was not.
    fn has_failed(&self) -> bool {
        let report = &self.report;
        report.failed > 0 || report.given_up > 0 || self.is_overdue
    }
}

/// Why something is left for a destination, and whether it is overdue: because the destination is parked,
/// because the last try failed, or because it is held back, which was asked for.
async fn why_left(app: &App, destination: &str) -> anyhow::Result<(Option<String>, bool)> {
    let lane =
        json::get::<spendwatch::Lane>(app.documents(), &format!("lanes/{destination}")).await?;
    let parked = lane.and_then(|(lane, _)| lane.parked_because);
    if parked.is_some() {
        return Ok((parked, true));
    }
    let (mut last, mut held) = (None, None);
    let mut is_overdue = false;
    let prefix = format!("outbox/{destination}/");
    for key in app.documents().list(&prefix).await? {
        let stored = json::get::<Delivery>(app.documents(), &key).await?;
        let Some((delivery, _)) = stored else {
            continue;
        };
        is_overdue |= delivery.last_failure.is_some();
        let failure = delivery.last_failure.map(|failure| failure.to_string());
        last = failure.or(last);
        let hold = delivery.held.filter(|hold| hold.until > app.now());
        held = hold.map(|hold| hold.why).or(held);
    }
    Ok((last.or(held), is_overdue))
}

fn deliveries(lanes: &[Lane]) -> Table {
    let mut table = Table::new(vec![
        Column::left("Destination"),
        Column::right("Sent"),
        Column::right("Failed"),
        Column::right("Given up"),
        Column::right("Left"),
        Column::left("Next try"),
        Column::left("Why"),
    ]);
    for lane in lanes {
        let report = &lane.report;
        let bad = |count: usize| {
            let color = if count > 0 { Color::Red } else { Color::Plain };
            Cell::colored(count.to_string(), color)
        };
        table.add(vec![
            report.destination.as_str().into(),
            report.sent.to_string().into(),
            bad(report.failed),
            bad(report.given_up),
            report.left.to_string().into(),
            report.next_due.map_or("-".to_owned(), moment).into(),
            lane.why.as_deref().unwrap_or("-").into(),
        ]);
    }
    table
}

/// Says what the tables do not show.
async fn summarize(app: &App, options: &Evaluate, evaluation: &Evaluation) -> anyhow::Result<()> {
    let decisions = || {
        evaluation
            .budgets
            .iter()
            .flat_map(|one| &one.report.decisions)
    };
    let changes = decisions()
        .filter(|one| one.outcome != Outcome::Quiet)
        .count();
    let told = decisions()
        .filter(|one| matches!(one.reason, budget_engine::Reason::AlreadyTold { .. }))
        .count();
    let sent = evaluation.deliveries.iter().map(|lane| lane.report.sent);
    let sent: usize = sent.sum();
    let earlier = match told {
        0 => String::new(),
        _ => {
            let crossings = counted(told, "crossing was", "crossings were");
            format!(": {crossings} decided earlier in the period")
        }
    };
    if changes == 0 && sent > 0 {
        let notices = counted(sent, "notice was", "notices were");
        talk(&format!(
            "no new crossing{earlier}; {notices} sent all the same, such as reminders or what had waited"
        ));
    } else if changes == 0 && told > 0 {
        talk(&format!("nothing new to tell{earlier}"));
    } else if changes == 0 {
        talk("nothing to tell");
    }
    let left: usize = evaluation
        .deliveries
        .iter()
        .map(|lane| lane.report.left)
        .sum();
    if left > 0 {
        let notices = counted(left, "notice has", "notices have");
        talk(&format!(
            "{notices} not arrived yet; a later run tries again"
        ));
    }
    if evaluation.dry_run {
        let day = options.as_of.map_or_else(String::new, |day| {
            format!(", as on {day} 12:00 UTC and as if nothing had been told before")
        });
        talk(&format!("dry run{day}: nothing was recorded or sent"));
    } else if options.no_deliver {
        let waiting = app.documents().list("outbox/").await?.len();
        if waiting > 0 {
            let waiting = counted(waiting, "notice waits", "notices wait");
            talk(&format!(
                "{waiting} to be sent by a run without --no-deliver"
            ));
        }
    } else if let Some(folder) = &options.outbox {
        let written: usize = evaluation
            .deliveries
            .iter()
            .map(|lane| lane.report.sent)
            .sum();
        let files = counted(written, "notice was", "notices were");
        talk(&format!(
            "{files} written to {} instead of being sent",
            folder.display()
        ));
    }
    Ok(())
}
