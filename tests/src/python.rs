//! Python programs as counterparts: are they there, and how to run one.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::node::left_out;

/// What [`available`] looks for, as the requirements were that it was made from.
const STAMP: &str = ".spendwatch-requirements";

/// Whether the environment with `tests/python/requirements.txt` is there; if not, says on the
/// process's standard error that `what` is left out.
///
/// A test that gets `false` returns, and counts as passed.
///
/// # Panics
///
/// If it is missing although [`crate::node::COMPLETE`] promises that it is there.
pub fn available(what: &str) -> bool {
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    let is_there = *IS_THERE.get_or_init(|| {
        let wanted = std::fs::read(directory().join("requirements.txt"));
        let made = std::fs::read(environment().join(STAMP));
        matches!((wanted, made), (Ok(wanted), Ok(made)) if wanted == made)
    });
    if !is_there {
        left_out(
            what,
            "target/test-python is missing or old: run cargo xtask test",
        );
    }
    is_there
}

/// The directory of the Python programs and of what they require.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// Where the environment is that `cargo xtask test` makes.
fn environment() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join("target")
        .join("test-python")
}

/// A program that one of the required packages brings.
pub fn tool(name: &str) -> Command {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    Command::new(environment().join(folder).join(name))
}

/// A command that runs `script`, a file name in [`directory`], with the required packages and
/// nothing of the user's own. Its standard input and output are pipes.
pub fn command(script: &str) -> Command {
    let python = if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    };
    let mut command = Command::new(environment().join(python));
    command
        // No `__pycache__` in the repository.
        .args(["-B", "-X", "utf8"])
        .arg(directory().join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}
