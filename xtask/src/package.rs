//! `cargo xtask package`: the function app as the host wants it, as a folder and as a zip.

mod app;
mod zip;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use crate::binary::Recipe;
use crate::{crates, licenses, measure, root, sbom, twice};

const HELP: &str = "\
Usage: cargo xtask package [--config PATH] [--to FOLDER] [--measure] [--twice] [--native] [--debug]

  --config PATH  put this configuration (a file, or a folder with all that is in it) into the package
  --to FOLDER    put the folder `app` and the zip there instead of into dist/
  --measure      measure the cold start of the package several times
  --twice        build in another folder, too, and compare
  --native       build for this machine instead of as a static executable
  --debug        build quickly and without optimization, for tests";

/// A file of an archive.
#[derive(PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) content: Vec<u8>,
    pub(crate) mode: u32,
}

impl Entry {
    /// A file to read.
    pub(crate) fn plain(content: impl Into<Vec<u8>>) -> Self {
        Entry {
            content: content.into(),
            mode: 0o644,
        }
    }

    /// A file to run.
    pub(crate) fn executable(content: Vec<u8>) -> Self {
        Entry {
            content,
            mode: 0o755,
        }
    }
}

/// Builds the handler, stages the app, and packs it.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (mut debug, mut native, mut measured, mut twice) = (false, false, false, false);
    let mut to = root().join("dist");
    let mut config = None;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let value = arguments.next();
            value.with_context(|| format!("{argument} wants a value\n{HELP}"))
        };
        match argument.as_str() {
            "-h" | "--help" => {
                println!("{HELP}");
                return Ok(());
            }
            "--debug" => debug = true,
            "--native" => native = true,
            "--measure" => measured = true,
            "--twice" => twice = true,
            "--to" => to = PathBuf::from(value()?),
            "--config" => config = Some(PathBuf::from(value()?)),
            _ => bail!("unknown option {argument}\n{HELP}"),
        }
    }
    let recipe = Recipe::here(debug, native)?;
    let make = |recipe: &Recipe| files(recipe, config.as_deref());
    let files = make(&recipe)?;
    if twice {
        twice::compare(&recipe, &files, make)?;
    }
    let staged = to.join("app");
    app::stage(&files, &staged)?;
    app::check(&staged)?;
    let archive = write(&to, "spendwatch-functions.zip", &zip::pack(&files)?)?;
    let bill = sbom::of(
        "spendwatch-functions",
        &crates::of("function-app", &recipe.triple)?,
    )?;
    fs::write(to.join("spendwatch-functions.cdx.json"), bill)
        .context("write the bill of materials")?;
    let executable = &files[&app::executable()?];
    println!("{}", staged.display());
    println!("{archive}");
    println!(
        "executable: {:.1} MB",
        executable.content.len() as f64 / 1e6
    );
    // Once in any case: what does not start is no package.
    let rounds = if measured { measure::ROUNDS } else { 1 };
    let start = measure::cold_start(&staged.join(app::executable()?), rounds)?;
    println!("cold start: {start}");
    Ok(())
}

/// All files of the app by their paths.
pub(crate) fn files(
    recipe: &Recipe,
    config: Option<&Path>,
) -> anyhow::Result<BTreeMap<String, Entry>> {
    let executable = app::executable()?;
    let built = recipe.build("function-app", &executable)?;
    let mut files = app::definitions(&recipe.checkout)?;
    if let Some(config) = config {
        files.extend(app::configuration(config)?);
    }
    files.extend(license_files(recipe, "function-app")?);
    let content = fs::read(built).context("read the executable")?;
    files.insert(executable, Entry::executable(content));
    Ok(files)
}

/// Our licenses, and those of what an executable is made of.
pub(crate) fn license_files(
    recipe: &Recipe,
    package: &str,
) -> anyhow::Result<BTreeMap<String, Entry>> {
    let mut files = BTreeMap::new();
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        let text = fs::read(recipe.checkout.join(name)).with_context(|| format!("read {name}"))?;
        files.insert(name.to_owned(), Entry::plain(text));
    }
    let text = licenses::third_party(&crates::of(package, &recipe.triple)?, &recipe.triple)?;
    files.insert("THIRD-PARTY-LICENSES".to_owned(), Entry::plain(text));
    Ok(files)
}

/// Writes what is shipped, and its SHA-256 beside it; gives a line that says both.
pub(crate) fn write(folder: &Path, name: &str, content: &[u8]) -> anyhow::Result<String> {
    let path = folder.join(name);
    let mut hash = String::new();
    for byte in Sha256::digest(content) {
        write!(hash, "{byte:02x}")?;
    }
    let beside = folder.join(format!("{name}.sha256"));
    fs::write(&path, content)
        .and_then(|()| fs::write(beside, format!("{hash}  {name}\n")))
        .with_context(|| format!("write {}", path.display()))?;
    let size = content.len() as f64 / 1e6;
    Ok(format!("{}: {size:.1} MB, SHA-256 {hash}", path.display()))
}
