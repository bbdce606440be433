//! `cargo xtask package`: the function app as the host wants it, at `dist/app/`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::{cargo, root, succeed, target};

/// A static executable runs on every base image, whatever its C library.
const STATIC: &str = "x86_64-unknown-linux-musl";

const HELP: &str = "\
Usage: cargo xtask package [--native | --debug]

  --native   build for this machine instead of as a static executable
  --debug    a debug build for this machine, for tests";

/// Builds the handler and stages the app.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let mut profile = "release";
    let mut triple = Some(STATIC);
    for argument in arguments {
        match argument.as_str() {
            "--native" => triple = None,
            "--debug" => (profile, triple) = ("debug", None),
            _ => bail!("unknown option {argument}\n{HELP}"),
        }
    }
    let missing = [
        (!has_target(STATIC))
            .then_some("its standard library (rustup target add x86_64-unknown-linux-musl)"),
        (!has_compiler()).then_some("a C compiler for it (Debian: musl-tools)"),
    ];
    let missing: Vec<&str> = missing.into_iter().flatten().collect();
    if triple.is_some() && !missing.is_empty() {
        eprintln!(
            "note: a static executable needs {}; building for this machine instead, which runs only \
             where the C library is as new",
            missing.join(" and ")
        );
        triple = None;
    }
    let mut build = cargo();
    build.args(["build", "--package", "function-app"]);
    if profile == "release" {
        build.arg("--release");
    }
    if let Some(triple) = triple {
        build.args(["--target", triple]);
    }
    succeed(&mut build)?;
    let mut binaries = target();
    binaries.extend(triple);
    let app = root().join("dist/app");
    stage(&binaries.join(profile), &app)?;
    eprintln!("staged {}", app.display());
    Ok(())
}

fn has_target(triple: &str) -> bool {
    let output = std::process::Command::new("rustc")
        .args(["--print", "target-libdir", "--target", triple])
        .output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Whether the C code of dependencies (the cryptography) can be compiled for the static target.
fn has_compiler() -> bool {
    let named = std::env::var_os("CC_x86_64_unknown_linux_musl").is_some();
    named
        || ["x86_64-linux-musl-gcc", "musl-gcc"]
            .iter()
            .any(|compiler| {
                let path = std::env::var_os("PATH").unwrap_or_default();
                std::env::split_paths(&path).any(|folder| folder.join(compiler).is_file())
            })
}

/// Puts `host.json`, one folder per function and the executable into an empty folder: the host looks
/// for `function.json` only in folders directly under the root.
fn stage(binaries: &Path, app: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(app) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("empty {}", app.display()));
        }
        _ => fs::create_dir_all(app).with_context(|| format!("make {}", app.display()))?,
    }
    let copy = |from: PathBuf, to: PathBuf| {
        fs::copy(&from, &to)
            .map(drop)
            .with_context(|| format!("copy {}", from.display()))
    };
    copy(root().join("host.json"), app.join("host.json"))?;
    let definitions = root().join("function-definitions");
    for entry in fs::read_dir(&definitions).context("read function-definitions")? {
        let name = entry?.file_name();
        fs::create_dir(app.join(&name))?;
        copy(
            definitions.join(&name).join("function.json"),
            app.join(&name).join("function.json"),
        )?;
    }
    let host: Value =
        serde_json::from_slice(&fs::read(app.join("host.json"))?).context("read host.json")?;
    let executable = host["customHandler"]["description"]["defaultExecutablePath"]
        .as_str()
        .context("host.json names no customHandler.description.defaultExecutablePath")?;
    copy(binaries.join(executable), app.join(executable))?;
    check(app, executable)
}

/// What a deployment that lost it would fail on: the executable bit, and files that can be read.
fn check(app: &Path, executable: &str) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = app.join(executable);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        let mode = fs::metadata(&path)?.permissions().mode();
        ensure!(
            mode & 0o777 == 0o755,
            "{executable} has mode {mode:o}, which is not 755"
        );
    }
    ensure!(app.join(executable).is_file(), "{executable} is missing");
    Ok(())
}
