//! Python programs as counterparts: are they there, and how to run one.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::node::left_out;

/// What [`Environment::available`] looks for, as the requirements were that it was made from.
const STAMP: &str = ".spendwatch-requirements";

/// Microsoft's clients of the cost APIs.
pub static CLIENTS: Environment = Environment::new("test-python", "requirements.txt");

/// What checks templates and Dockerfiles: checkov, pycep, hadolint, and Terraform's formatter.
pub static TOOLS: Environment = Environment::new("test-tools", "requirements-tools.txt");

/// Azure CLI, for the commands of documents.
pub static AZURE_CLI: Environment =
    Environment::new("test-azure-cli", "requirements-azure-cli.txt");

/// A Python environment in `target/` that `cargo xtask test` makes.
pub struct Environment {
    name: &'static str,
    requirements: &'static str,
    is_there: OnceLock<bool>,
}

impl Environment {
    const fn new(name: &'static str, requirements: &'static str) -> Self {
        Environment {
            name,
            requirements,
            is_there: OnceLock::new(),
        }
    }

    /// Whether it is there, made from the requirements as they are; if not, says on the process's
    /// standard error that `what` is left out.
    ///
    /// A test that gets `false` returns, and counts as passed.
    ///
    /// # Panics
    ///
    /// If it is missing although [`crate::node::COMPLETE`] promises that it is there.
    pub fn available(&self, what: &str) -> bool {
        let is_there = *self.is_there.get_or_init(|| {
            let wanted = std::fs::read(directory().join(self.requirements));
            let made = std::fs::read(self.folder().join(STAMP));
            matches!((wanted, made), (Ok(wanted), Ok(made)) if wanted == made)
        });
        if !is_there {
            let name = self.name;
            let reason = format!("target/{name} is missing or old: run cargo xtask test");
            left_out(what, &reason);
        }
        is_there
    }

    /// A command that runs `script`, a file name in [`directory`], with the required packages and
    /// nothing of the user's own. Its standard input and output are pipes.
    pub fn command(&self, script: &str) -> Command {
        let mut command = self.python();
        command.arg(directory().join(script));
        command
    }

    /// A command that runs a module of a package, as `python -m` does.
    pub fn module(&self, module: &str) -> Command {
        let mut command = self.python();
        command.args(["-m", module]);
        command
    }

    /// A command that runs a program that a package brought.
    pub fn program(&self, name: &str) -> Command {
        let path = if cfg!(windows) {
            format!("Scripts/{name}.exe")
        } else {
            format!("bin/{name}")
        };
        let mut command = Command::new(self.folder().join(path));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    fn python(&self) -> Command {
        let mut command = self.program("python");
        // What it compiles goes into `target/`: no `__pycache__` in the repository.
        let compiled = format!(
            "pycache_prefix={}",
            self.folder().join("compiled").display()
        );
        command.args(["-X", "utf8", "-X", &compiled]);
        command
    }

    fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join("target")
            .join(self.name)
    }
}

/// Whether [`CLIENTS`] are there; if not, says that `what` is left out.
///
/// # Panics
///
/// If they are missing although [`crate::node::COMPLETE`] promises that they are there.
pub fn available(what: &str) -> bool {
    CLIENTS.available(what)
}

/// The directory of the Python programs and of what they require.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// A command that runs `script` with [`CLIENTS`].
pub fn command(script: &str) -> Command {
    CLIENTS.command(script)
}
