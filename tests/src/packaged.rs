//! What `cargo xtask package` and `cargo xtask dist` make, once per process: static as it is shipped,
//! but linked from what the tests use.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;

/// The folder with the staged app, `app`, the zip, and what lies beside them.
///
/// # Panics
///
/// If it cannot be made.
pub fn app() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| in_target("package"))
}

/// The folder with the archive of the command line.
///
/// # Panics
///
/// If it cannot be made.
pub fn command_line() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| in_target("dist"))
}

/// Where it stays: nobody removes what lives as long as the process.
fn in_target(task: &str) -> PathBuf {
    let folder = workspace().join("target/test-packages").join(task);
    make(task, &folder);
    folder
}

/// Makes it again, from what is built already, into another folder.
///
/// # Panics
///
/// If it cannot be made.
pub fn made(task: &str) -> TempDir {
    let folder = TempDir::new().expect("make a folder");
    make(task, folder.path());
    folder
}

fn make(task: &str, folder: &Path) {
    let status = xtask()
        .args([task, "--debug", "--to"])
        .arg(folder)
        .stdout(Stdio::null())
        .status()
        .expect("run cargo");
    assert!(status.success(), "cargo xtask {task} failed");
}

/// `cargo xtask` in the workspace.
pub fn xtask() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["run", "--quiet", "--package", "xtask", "--"])
        .current_dir(workspace());
    // What the outer cargo says about this package would make some dependencies build anew.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let about_this_package = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if about_this_package
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package lies in the workspace")
        .to_owned()
}
