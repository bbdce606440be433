//! `spendwatch`: the jobs of the budget watcher on a terminal.
//!
//! Data go to stdout, talk and progress to stderr. The exit code is 0 when all is fine, 1 when
//! something failed (a budget that could not be evaluated is a failure), 2 for wrong use and 3 when
//! a threshold is crossed.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a panic is how a test reports")
)]

mod args;
mod chart;
mod commands;
mod evaluation;
mod example;
mod figures;
mod lines;
mod listing;
mod logs;
mod output;
mod progress;
mod saving;
mod setup;
mod words;

use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches};

use crate::args::{Cli, Command, WrongUse};
use crate::commands::Exit;

fn main() -> ExitCode {
    spendwatch::install_crypto();
    let called = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&called).unwrap_or_else(|error| error.exit());
    // A service says by itself what it does, once it knows to whom.
    if !matches!(cli.command, Some(Command::Serve(_))) {
        logs::start(cli.global.verbose);
    }
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            if let Some(wrong) = error.downcast_ref::<WrongUse>() {
                // Nobody is told when nobody listens.
                let _ = wrong.explained(&called).print();
                return ExitCode::from(2);
            }
            output::report(&error);
            Exit::Failed.into()
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let exit = runtime.block_on(commands::run(cli));
    // A stop does not wait for a file that is being read.
    runtime.shutdown_background();
    exit
}
