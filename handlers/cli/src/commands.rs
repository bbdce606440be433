//! One module for each command.

mod ack;
mod actions;
mod alerts;
mod anomalies;
mod apply;
mod azure;
mod backtest;
mod check;
mod completions;
mod deliveries;
pub(crate) mod evaluate;
mod explain;
mod forecast;
mod health;
mod import;
mod man;
mod plan;
mod probe;
mod sandbox;
mod schema;
mod serve;
mod silence;
mod status;
mod suggest;

use std::process::ExitCode;

use crate::args::{Cli, Command};
use crate::{example, setup};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is fine.
    Fine,
    /// Something failed.
    Failed,
    /// A threshold of spend or forecast is crossed.
    Crossed,
    /// Azure's own budgets are not as configured.
    ToDo,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Fine => ExitCode::SUCCESS,
            Exit::Failed => ExitCode::from(1),
            // 2 says that the command line is wrong, which only the parser says.
            Exit::Crossed | Exit::ToDo => ExitCode::from(3),
        }
    }
}

/// Runs the command that was asked for.
pub(crate) async fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let global = &cli.global;
    match &cli.command {
        Some(Command::Evaluate(options)) => evaluate::run(global, options).await,
        Some(Command::Status(options)) => status::run(global, options).await,
        Some(Command::Forecast(options)) => forecast::run(global, options).await,
        Some(Command::Anomalies(options)) => anomalies::run(global, options).await,
        Some(Command::Backtest(options)) => backtest::run(global, options).await,
        Some(Command::Suggest(options)) => suggest::run(global, options).await,
        Some(Command::Alerts(options)) => alerts::run(global, options).await,
        Some(Command::Ack(options)) => ack::run(global, options).await,
        Some(Command::Silence(options)) => silence::run(global, options).await,
        Some(Command::Silences) => silence::list(global).await,
        Some(Command::Explain(options)) => explain::run(global, options).await,
        Some(Command::Deliveries(options)) => deliveries::run(global, options).await,
        Some(Command::Plan(options)) => plan::run(global, options).await,
        Some(Command::Apply(options)) => apply::run(global, options).await,
        Some(Command::Check(options)) => check::run(global, options).await,
        Some(Command::Import(options)) => import::run(global, options).await,
        Some(Command::Actions(options)) => actions::run(global, options).await,
        Some(Command::Probe(options)) => probe::run(global, options).await,
        Some(Command::Serve(options)) => serve::run(global, options).await,
        Some(Command::Health(options)) => health::run(options),
        Some(Command::Azure(options)) => azure::run(global, options).await,
        Some(Command::Sandbox(options)) => sandbox::run(options).await,
        Some(Command::Schema) => schema::run(global.output),
        Some(Command::Completions(options)) => completions::run(options),
        Some(Command::Man(options)) => man::run(options),
        None if setup::find_config(global).is_some() => {
            status::run(global, &Default::default()).await
        }
        None => example::run(global).await,
    }
}

/// Who works at this terminal, for the audit record.
fn who() -> String {
    let name = ["USER", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    match name {
        Some(name) => format!("{name} on the command line"),
        None => "the command line".to_owned(),
    }
}
