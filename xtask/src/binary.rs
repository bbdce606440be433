//! The executables as they are shipped: static, and the same bytes wherever they are built.

mod elf;
mod quick;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

pub(crate) use elf::Linkage;

use crate::{cargo, commit, root, succeed, target};

/// Static against musl: runs on every Linux, whatever its C library.
const MUSL: &str = "x86_64-unknown-linux-musl";
/// Static against the C library of the machine that builds, where there is no musl.
const GNU: &str = "x86_64-unknown-linux-gnu";

/// What makes the compiler link everything statically.
const STATIC: &str = "-Ctarget-feature=+crt-static";

/// How an executable is built.
pub(crate) struct Recipe {
    /// Where the source lies.
    pub(crate) checkout: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// Linked from what the tests are made of: quickly, and with the paths of this machine.
    pub(crate) debug: bool,
    /// For this machine instead of as a static executable.
    pub(crate) native: bool,
    /// What it is built for.
    pub(crate) triple: String,
    /// What `--version` says of the source; by default what git says.
    pub(crate) commit: Option<String>,
}

impl Recipe {
    /// This checkout, built into its own target folder.
    pub(crate) fn here(debug: bool, native: bool) -> anyhow::Result<Self> {
        let triple = match native || debug {
            true => host()?,
            false => static_triple(),
        };
        Ok(Recipe {
            checkout: root(),
            target: target(),
            debug,
            native,
            triple,
            commit: commit::of(&root()),
        })
    }

    /// Builds an executable of a package; it is static unless it is native.
    pub(crate) fn build(&self, package: &str, executable: &str) -> anyhow::Result<PathBuf> {
        let path = match self.debug {
            true => quick::link(self, package, executable)?,
            false => self.build_for_release(package, executable)?,
        };
        let linkage = Linkage::of(&path)?;
        ensure!(
            self.native || linkage == Linkage::Static,
            "{} is not static: {linkage:?}",
            path.display()
        );
        Ok(path)
    }

    fn build_for_release(&self, package: &str, executable: &str) -> anyhow::Result<PathBuf> {
        let mut build = cargo();
        build
            .current_dir(&self.checkout)
            .args(["build", "--locked", "--release", "--package", package])
            .args([
                "--bin",
                executable,
                "--target",
                &self.triple,
                "--target-dir",
            ])
            .arg(&self.target)
            // Flags of somebody's own would make other bytes.
            .env_remove("RUSTFLAGS")
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags()?.join("\u{1f}"));
        if let Some(commit) = &self.commit {
            build.env("SPENDWATCH_COMMIT", commit);
        }
        succeed(&mut build)?;
        let folder = self.target.join(&self.triple).join("release");
        Ok(folder.join(executable))
    }

    /// No path of this machine gets into the executable: where panics happened is said by the place
    /// in the source.
    fn flags(&self) -> anyhow::Result<Vec<String>> {
        let mut flags = Vec::new();
        if !self.native {
            flags.push(STATIC.to_owned());
        }
        let mut map = |from: &Path, to: &str| {
            flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        };
        // Of several that fit the last one counts.
        map(&self.checkout, "/spendwatch");
        map(&self.target, "/target");
        for sources in crate_sources()? {
            map(&sources, "/crates");
        }
        let library = said(Command::new("rustc").args(["--print", "sysroot"]))?;
        let library = Path::new(&library).join("lib/rustlib/src/rust");
        let version = said(Command::new("rustc").arg("-vV"))?;
        let hash = value_of(&version, "commit-hash: ")?;
        map(&library, &format!("/rustc/{hash}"));
        Ok(flags)
    }
}

/// musl where this machine can build for it.
fn static_triple() -> String {
    let missing = [
        (!has_target(MUSL))
            .then_some("its standard library (rustup target add x86_64-unknown-linux-musl)"),
        (!has_compiler()).then_some("a C compiler for it (Debian: musl-tools)"),
    ];
    let missing: Vec<&str> = missing.into_iter().flatten().collect();
    if missing.is_empty() {
        return MUSL.to_owned();
    }
    eprintln!(
        "note: musl needs {}; linking glibc statically instead, see docs/functions.md",
        missing.join(" and ")
    );
    GNU.to_owned()
}

/// Where cargo has unpacked the sources of dependencies: a folder per registry.
fn crate_sources() -> anyhow::Result<Vec<PathBuf>> {
    succeed(cargo().args(["fetch", "--locked", "--quiet"]))?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let sources = home.context("find cargo's home")?.join("registry/src");
    let mut folders = Vec::new();
    for entry in
        std::fs::read_dir(&sources).with_context(|| format!("read {}", sources.display()))?
    {
        folders.push(entry?.path());
    }
    folders.sort();
    Ok(folders)
}

/// What this machine's compiler builds for by itself.
fn host() -> anyhow::Result<String> {
    let version = said(Command::new("rustc").arg("-vV"))?;
    value_of(&version, "host: ").map(str::to_owned)
}

fn value_of<'a>(lines: &'a str, name: &str) -> anyhow::Result<&'a str> {
    lines
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .with_context(|| format!("rustc does not say its {name}"))
}

fn said(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("run {:?}", command.get_program()))?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn has_target(triple: &str) -> bool {
    said(Command::new("rustc").args(["--print", "target-libdir", "--target", triple]))
        .is_ok_and(|folder| Path::new(&folder).is_dir())
}

/// Whether the C code of dependencies (the cryptography) can be compiled for musl.
fn has_compiler() -> bool {
    let named = std::env::var_os("CC_x86_64_unknown_linux_musl").is_some();
    let path = std::env::var_os("PATH").unwrap_or_default();
    named
        || std::env::split_paths(&path).any(|folder| {
            ["x86_64-linux-musl-gcc", "musl-gcc"]
                .iter()
                .any(|compiler| folder.join(compiler).is_file())
        })
}
