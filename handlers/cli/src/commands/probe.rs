//! `probe`: a test notice through a channel, and its fate.

use alert_channels::SendResult;
use jiff::Timestamp;
use serde::Serialize;
use spendwatch::jobs::probe::{self, Report};

use super::Exit;
use crate::args::{Global, Probe};
use crate::output::{self, Answer, Block, Cell, Color, Column, Records, Table};
use crate::setup::{self, State};
use crate::words::moment;

#[derive(Debug, Serialize)]
struct Probes {
    at: Timestamp,
    probes: Vec<Report>,
}

impl Answer for Probes {
    fn blocks(&self) -> Vec<Block> {
        let mut table = Table::new(vec![
            Column::left("Channel"),
            Column::left("Recipient"),
            Column::left("Result"),
            Column::left("Detail"),
        ]);
        for report in &self.probes {
            let (result, detail) = fate(report);
            let color = if report.is_success() {
                Color::Green
            } else {
                Color::Red
            };
            table.add(vec![
                report.destination.as_str().into(),
                report.recipient.as_deref().unwrap_or("-").into(),
                Cell::colored(result, color),
                detail.into(),
            ]);
        }
        vec![table.into()]
    }

    fn records(&self) -> Records {
        let mut records = Records::new(&["channel", "recipient", "result", "detail"]);
        for report in &self.probes {
            let (result, detail) = fate(report);
            records.add(vec![
                report.destination.clone(),
                report.recipient.clone().unwrap_or_default(),
                result.to_owned(),
                detail,
            ]);
        }
        records
    }
}

/// The word for what became of a probe, and what there is to know about it.
fn fate(report: &Report) -> (&'static str, String) {
    let Some(result) = &report.result else {
        return ("unusable", report.problem.clone().unwrap_or_default());
    };
    let detail = match result {
        SendResult::Delivered { provider_id } | SendResult::Accepted { provider_id } => {
            provider_id.clone().unwrap_or_default()
        }
        SendResult::Throttled { until } => format!("asked to wait until {}", moment(*until)),
        SendResult::Transient { failure, .. }
        | SendResult::Unknown { failure }
        | SendResult::RejectedMessage { failure }
        | SendResult::RejectedDestination { failure } => failure.to_string(),
    };
    (result.as_str(), detail)
}

pub(super) async fn run(global: &Global, options: &Probe) -> anyhow::Result<Exit> {
    // A test that gets through is remembered, where there is a state.
    let app = setup::app(global, State::Looked, None)
        .await?
        .without_hints();
    let sample = options.sample.as_deref();
    let probes = Probes {
        at: app.now(),
        probes: match &options.channel {
            Some(channel) => probe::run(&app, channel, options.to.as_deref(), sample).await?,
            None => probe::run_all(&app, sample).await?,
        },
    };
    output::print(global.output, &probes)?;
    let all = probes.probes.iter().all(Report::is_success);
    Ok(if all { Exit::Fine } else { Exit::Failed })
}
