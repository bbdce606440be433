//! Node programs as counterparts: are they there, and how to run one.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// Set to 1 by `cargo xtask test`: then a missing tool is a failure and no longer a reason to leave
/// a test out.
pub const COMPLETE: &str = "SPENDWATCH_TESTS_COMPLETE";

/// Whether Node and `tests/node_modules` are there; if not, says on the process's standard error
/// that `what` is left out.
///
/// The line bypasses the capturing of test output, so a plain `cargo test` shows it. A test that
/// gets `false` returns, and counts as passed.
///
/// # Panics
///
/// If they are missing although [`COMPLETE`] promises that they are there.
pub fn available(what: &str) -> bool {
    static MISSING: OnceLock<Option<&str>> = OnceLock::new();
    match MISSING.get_or_init(missing) {
        None => true,
        Some(reason) => {
            left_out(what, reason);
            false
        }
    }
}

/// Says that `what` is left out, or panics if `cargo xtask test` wants everything: for counterparts
/// other than Node programs.
///
/// # Panics
///
/// If [`COMPLETE`] is set to 1.
pub fn left_out(what: &str, reason: &str) {
    assert!(
        env::var_os(COMPLETE).is_none_or(|value| value != "1"),
        "{what} cannot run: {reason}"
    );
    // One write, so that lines of parallel tests do not mix; nothing to do if nobody listens.
    let line = format!("left out: {what} (run cargo xtask test)\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The directory with `package.json`, this package's own.
pub fn directory() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of an installed package, like `azurite/dist/src/azurite.js`.
pub fn module(path: &str) -> PathBuf {
    directory().join("node_modules").join(path)
}

/// A command that runs `script` in Node, where `require` finds the installed packages.
///
/// Its standard input is a pipe, and the process ends when that closes: so it never outlives the
/// test, not even one that was killed. Keep the `Child` (and its `stdin`) as long as it is needed.
pub fn command(script: &Path) -> Command {
    let mut command = Command::new("node");
    command
        .arg("--require")
        .arg(directory().join("src/node/end_with_parent.cjs"))
        .arg(script)
        .current_dir(directory())
        .env("NODE_PATH", directory().join("node_modules"))
        .stdin(Stdio::piped());
    command
}

/// A mail as npm mailparser reads it: `subject`, `text`, `html`, and `attachments` with `type`, `cid`,
/// `name`, `disposition`, `related` and their `content` as base64.
///
/// # Panics
///
/// If it cannot be read; ask [`available`] first.
pub fn parsed_mail(mail: &[u8]) -> serde_json::Value {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let file = folder.path().join("mail.eml");
    std::fs::write(&file, mail).expect("the file can be written");
    // It reads a file, and no standard input whose end would end it.
    let output = Command::new("node")
        .arg(directory().join("node/parse_mail.mjs"))
        .arg(&file)
        .current_dir(directory())
        .output()
        .expect("node starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("the answer is JSON")
}

/// Why Node programs cannot run, if so.
fn missing() -> Option<&'static str> {
    let node = Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !node.is_ok_and(|status| status.success()) {
        return Some("there is no node on the path");
    }
    // npm writes this file last, so an interrupted installation has none.
    if !module(".package-lock.json").is_file() {
        return Some("tests/node_modules is missing: run npm ci in tests");
    }
    None
}
