//! `cargo xtask dist`: the command line as an archive.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use flate2::{Compression, GzBuilder};

use crate::binary::Recipe;
use crate::package::{self, Entry};
use crate::{crates, root, sbom, twice};

const HELP: &str = "\
Usage: cargo xtask dist [--to FOLDER] [--twice] [--native] [--debug]

  --to FOLDER  put the archive there instead of into dist/
  --twice      build in another folder, too, and compare
  --native     build for this machine instead of as a static executable
  --debug      build quickly and without optimization, for tests";

/// Name of a completion script by shell, as that shell looks for it.
const COMPLETIONS: [(&str, &str); 5] = [
    ("bash", "spendwatch.bash"),
    ("elvish", "spendwatch.elv"),
    ("fish", "spendwatch.fish"),
    ("powershell", "_spendwatch.ps1"),
    ("zsh", "_spendwatch"),
];
/// 1980-01-01, the oldest time that all archives can say.
const TIME: u64 = 315_532_800;

/// Builds the command and packs it with what belongs to it.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (mut debug, mut native, mut twice) = (false, false, false);
    let mut to = root().join("dist");
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--debug" => debug = true,
            "--native" => native = true,
            "--twice" => twice = true,
            "--to" => to = PathBuf::from(arguments.next().context("--to wants a folder")?),
            _ => bail!("unknown option {argument}\n{HELP}"),
        }
    }
    let recipe = Recipe::here(debug, native)?;
    let files = files(&recipe)?;
    if twice {
        twice::compare(&recipe, &files, self::files)?;
    }
    fs::create_dir_all(&to).with_context(|| format!("make {}", to.display()))?;
    let name = format!("spendwatch-{}-x86_64-linux", env!("CARGO_PKG_VERSION"));
    let archive = pack(&name, &files)?;
    println!(
        "{}",
        package::write(&to, &format!("{name}.tar.gz"), &archive)?
    );
    Ok(())
}

fn files(recipe: &Recipe) -> anyhow::Result<BTreeMap<String, Entry>> {
    let built = recipe.build("cli", "spendwatch")?;
    let mut files = package::license_files(recipe, "cli")?;
    for name in ["README.md", "CHANGELOG.md"] {
        let text = fs::read(recipe.checkout.join(name)).with_context(|| format!("read {name}"))?;
        files.insert(name.to_owned(), Entry::plain(text));
    }
    let unit = recipe.checkout.join("packaging/spendwatch.service");
    let unit = fs::read(unit).context("read packaging/spendwatch.service")?;
    files.insert("spendwatch.service".to_owned(), Entry::plain(unit));
    let bill = sbom::of("spendwatch", &crates::of("cli", &recipe.triple)?)?;
    files.insert("spendwatch.cdx.json".to_owned(), Entry::plain(bill));
    for (shell, name) in COMPLETIONS {
        let script = said(&built, &["completions", shell])?;
        files.insert(format!("completions/{name}"), Entry::plain(script));
    }
    files.extend(manual(recipe, &built)?);
    let content = fs::read(&built).context("read the executable")?;
    files.insert("spendwatch".to_owned(), Entry::executable(content));
    Ok(files)
}

/// What the command writes about itself.
fn manual(recipe: &Recipe, built: &Path) -> anyhow::Result<BTreeMap<String, Entry>> {
    let folder = recipe.target.join("man");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("remove old pages")?;
    }
    let shown = folder.to_string_lossy();
    said(built, &["man", "--folder", &shown])?;
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(&folder).context("read the pages")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let page = fs::read(entry.path())?;
        pages.insert(format!("man/man1/{name}"), Entry::plain(page));
    }
    Ok(pages)
}

fn said(built: &Path, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let output = Command::new(built)
        .args(arguments)
        .output()
        .with_context(|| format!("run {}", built.display()))?;
    ensure!(
        output.status.success(),
        "spendwatch {} failed",
        arguments.join(" ")
    );
    Ok(output.stdout)
}

/// A folder of this name, in the order of its paths, owned by nobody in particular.
fn pack(name: &str, files: &BTreeMap<String, Entry>) -> anyhow::Result<Vec<u8>> {
    let packed = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::best());
    let mut archive = tar::Builder::new(packed);
    for (path, entry) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(entry.content.len() as u64);
        header.set_mode(entry.mode);
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        let path = Path::new(name).join(path);
        archive.append_data(&mut header, path, entry.content.as_slice())?;
    }
    Ok(archive.into_inner()?.finish()?)
}
