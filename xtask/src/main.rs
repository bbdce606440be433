//! The project's own tasks: `cargo xtask <task>`.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a panic is how a test reports")
)]

mod binary;
mod commit;
mod crates;
mod deny;
mod dist;
mod example;
mod licenses;
mod measure;
mod package;
mod sbom;
mod score;
mod test;
mod twice;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

const HELP: &str = "\
Usage: cargo xtask <task>

Tasks:
  test               set up everything, run all tests, end with their counts
  package            the function app as a folder, dist/app/, and as dist/spendwatch-functions.zip
  dist               the command line as an archive
  deny               bans, licenses and sources of all crates, by deny.toml
  example            make the bundled example's cost file again
  measure            start-up, memory and ingest figures of this machine
  score              how good the forecasts are, on made-up series or a folder of CSV files";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.first().map(String::as_str) {
        Some("test") => test::run(&arguments[1..]),
        Some("package") => package::run(&arguments[1..]),
        Some("dist") => dist::run(&arguments[1..]),
        Some("deny") => deny::run(),
        Some("example") => example::run(),
        Some("measure") => measure::run(),
        Some("score") => score::run(&arguments[1..]),
        Some("help" | "-h" | "--help") => {
            println!("{HELP}");
            Ok(())
        }
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default()
}

/// `cargo`, in the checkout. It is not told of the package that this program is: build scripts that
/// look at such variables would run again, and much be built twice.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let is_of_package = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if is_of_package {
            command.env_remove(name);
        }
    }
    command
}

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs a command to its end; an error unless it succeeds.
fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("start {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{:?} failed: {status}", command.get_program());
    }
    Ok(())
}
