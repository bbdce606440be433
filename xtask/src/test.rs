//! `cargo xtask test`: all set-up, all tests, and how many there were.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::{cargo, root, succeed};

/// Installs what the tests need, runs them all, and prints the counts in one closing line.
/// Arguments go to `cargo test`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if matches!(arguments, [only] if only == "--help" || only == "-h") {
        println!(
            "Usage: cargo xtask test [ARGUMENTS]\n\nInstalls what the tests need and runs them all. Arguments go \
             to cargo test, such as --test NAME."
        );
        return Ok(());
    }
    install()?;
    // A test that finds a counterpart missing now fails instead of saying what it left out.
    let mut child = cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(arguments)
        .env("SPENDWATCH_TESTS_COMPLETE", "1")
        .stdout(Stdio::piped())
        .spawn()
        .context("start cargo test")?;
    let output = child.stdout.take().context("read what cargo test prints")?;
    let mut counts = Counts::default();
    let mut stdout = std::io::stdout();
    for line in BufReader::new(output).lines() {
        let line = line?;
        writeln!(stdout, "{line}")?;
        counts.read(&line);
    }
    let status = child.wait()?;
    println!();
    println!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.ignored
    );
    if !status.success() || counts.failed > 0 {
        bail!("some tests failed");
    }
    if counts.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// Installs all that the tests need, at the same time: most of it is waiting.
fn install() -> anyhow::Result<()> {
    std::thread::scope(|scope| {
        let node = scope.spawn(install_node_packages);
        let clients = scope.spawn(|| {
            install_python_packages(
                "test-python",
                "requirements.txt",
                "Microsoft's Python clients",
            )
        });
        let azure_cli = scope.spawn(|| {
            install_python_packages("test-azure-cli", "requirements-azure-cli.txt", "Azure CLI")
        });
        let tools = install_python_packages(
            "test-tools",
            "requirements-tools.txt",
            "what checks templates and Dockerfiles",
        );
        let joined = |result: std::thread::Result<anyhow::Result<()>>| {
            result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        joined(node.join())?;
        joined(clients.join())?;
        joined(azure_cli.join())?;
        tools
    })
}

/// `npm ci` in `tests/`, unless what is there was installed from the same lock file.
fn install_node_packages() -> anyhow::Result<()> {
    let tests = root().join("tests");
    let lock =
        std::fs::read(tests.join("package-lock.json")).context("read tests/package-lock.json")?;
    let stamp = tests.join("node_modules/.spendwatch-lock");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    eprintln!("installing the test counterparts (npm ci in tests/)");
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&tests);
    succeed(&mut npm).context("npm is part of Node.js, which the complete tests need")?;
    std::fs::write(stamp, lock).context("remember what was installed")?;
    Ok(())
}

/// A Python environment in `target/` with what a file in `tests/python` names, unless what is there
/// was made from the same file. The files name all that is needed, so pip resolves nothing.
fn install_python_packages(name: &str, requirements: &str, what: &str) -> anyhow::Result<()> {
    let requirements = format!("tests/python/{requirements}");
    let wanted = std::fs::read(root().join(&requirements))
        .with_context(|| format!("read {requirements}"))?;
    let environment = root().join("target").join(name);
    let stamp = environment.join(".spendwatch-requirements");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("installing {what} (pip install in target/{name})");
    let python = if cfg!(windows) { "python" } else { "python3" };
    let mut make = Command::new(python);
    make.args(["-m", "venv", "--clear"]).arg(&environment);
    succeed(&mut make).context("the complete tests need Python 3.11 or newer with venv")?;
    let own = if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    };
    let mut pip = Command::new(environment.join(own));
    pip.args(["-m", "pip", "install", "--quiet", "--no-input"])
        // Python compiles what it comes to need when it needs it.
        .args(["--disable-pip-version-check", "--no-deps", "--no-compile"])
        .arg("--requirement")
        .arg(root().join(&requirements));
    succeed(&mut pip).with_context(|| format!("install the packages of {requirements}"))?;
    std::fs::write(stamp, wanted).context("remember what was installed")?;
    Ok(())
}

#[derive(Default)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Adds a line like `test result: ok. 28 passed; 0 failed; 1 ignored; …`.
    fn read(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let count = |word: &str| -> u64 {
            let before = result.split(&format!(" {word}")).next().unwrap_or_default();
            before
                .rsplit(' ')
                .next()
                .and_then(|count| count.parse().ok())
                .unwrap_or(0)
        };
        self.passed += count("passed");
        self.failed += count("failed");
        self.ignored += count("ignored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_several_programs_are_added_up() {
        let mut counts = Counts::default();
        counts.read("running 3 tests");
        counts.read("test result: ok. 28 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        counts
            .read("test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out");
        assert_eq!((counts.passed, counts.failed, counts.ignored), (30, 3, 1));
    }
}
