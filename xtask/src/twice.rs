//! Whether the same source gives the same bytes in another folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::binary::Recipe;
use crate::package::Entry;
use crate::root;

/// Makes files once more from a copy of the checkout, and compares.
pub(crate) fn compare(
    recipe: &Recipe,
    first: &BTreeMap<String, Entry>,
    make: impl FnOnce(&Recipe) -> anyhow::Result<BTreeMap<String, Entry>>,
) -> anyhow::Result<()> {
    let elsewhere = Elsewhere::new()?;
    let copy = Recipe {
        checkout: elsewhere.0.join("a copy of the source"),
        target: elsewhere.0.join("built elsewhere"),
        debug: recipe.debug,
        native: recipe.native,
        triple: recipe.triple.clone(),
        // The copy has no history.
        commit: recipe.commit.clone(),
    };
    copy_checkout(&copy.checkout)?;
    let second = make(&copy)?;
    let names: Vec<&String> = first.keys().chain(second.keys()).collect();
    let mut differ: Vec<&str> = names
        .into_iter()
        .filter(|name| first.get(*name) != second.get(*name))
        .map(String::as_str)
        .collect();
    differ.dedup();
    if !differ.is_empty() {
        bail!("built elsewhere these are different: {}", differ.join(", "));
    }
    println!(
        "built twice, in two folders: the same {} files",
        first.len()
    );
    Ok(())
}

/// All files that git knows, or would take.
fn copy_checkout(to: &Path) -> anyhow::Result<()> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .context("run git")?;
    ensure!(output.status.success(), "git does not list the source");
    let names = String::from_utf8(output.stdout)?;
    for name in names.split_terminator('\0') {
        let (from, to) = (root().join(name), to.join(name));
        // Removed, but not from the index yet.
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap_or(&to))
                .and_then(|()| fs::copy(&from, &to))
                .with_context(|| format!("copy {name}"))?;
        }
    }
    Ok(())
}

/// A folder that is gone in the end.
struct Elsewhere(PathBuf);

impl Elsewhere {
    fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("spendwatch-twice-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(Elsewhere(folder))
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // It lies where the system cleans up.
        let _ = fs::remove_dir_all(&self.0);
    }
}
