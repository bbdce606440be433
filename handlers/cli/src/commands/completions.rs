//! `completions`: what a shell needs to complete commands and options.

use clap::CommandFactory;

use super::Exit;
use crate::args::{Cli, Completions};
use crate::output;

pub(super) fn run(options: &Completions) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut Cli::command(),
        "spendwatch",
        &mut script,
    );
    output::print_text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Fine)
}
