//! An executable from the libraries that the tests are made of, linked anew.
//!
//! A static build of its own would take minutes, and differ in nothing that tests of a package look
//! at: the libraries do not know how they will be linked.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::{Recipe, STATIC};
use crate::{cargo, crates, succeed};

/// Links an executable of a package.
pub(super) fn link(recipe: &Recipe, package: &str, executable: &str) -> anyhow::Result<PathBuf> {
    let built = Built::with_the_tests(recipe)?;
    let metadata = crates::metadata(&[])?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let package = packages
        .iter()
        .find(|one| one["name"] == package)
        .with_context(|| format!("there is no package {package}"))?;
    let targets = package["targets"].as_array().context("no targets")?;
    let target = targets
        .iter()
        .find(|one| one["name"] == executable && one["kind"][0] == "bin")
        .with_context(|| format!("there is no executable {executable}"))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();

    let folder = recipe.target.join("packaged");
    std::fs::create_dir_all(&folder).context("make a folder for executables")?;
    let path = folder.join(executable);
    let mut rustc = Command::new("rustc");
    rustc
        .current_dir(&recipe.checkout)
        .args([
            "--crate-type",
            "bin",
            "--edition",
            &text(&target["edition"]),
        ])
        .args(["--crate-name", &executable.replace('-', "_")])
        .arg(text(&target["src_path"]))
        .args(["--cap-lints", "allow", "-Cstrip=symbols", "-o"])
        .arg(&path)
        .arg("-L")
        .arg(format!(
            "dependency={}",
            recipe.target.join("debug/deps").display()
        ));
    if !recipe.native {
        rustc.arg(STATIC);
    }
    // The package's own library, if it has one, and what it names in its manifest.
    let nodes = metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten();
    let node = nodes.into_iter().find(|node| node["id"] == package["id"]);
    let named = node.and_then(|node| node["deps"].as_array()).into_iter();
    let itself = (
        text(&package["name"]).replace('-', "_"),
        text(&package["id"]),
    );
    let named = named
        .flatten()
        .map(|one| (text(&one["name"]), text(&one["pkg"])))
        .chain([itself]);
    for (name, id) in named {
        if let Some(library) = built.libraries.get(&id) {
            rustc.arg("--extern").arg(format!("{name}={library}"));
        }
    }
    for path in &built.native {
        rustc.args(["-L", path]);
    }
    succeed(&mut rustc)?;
    Ok(path)
}

/// What cargo has built.
struct Built {
    /// Libraries by the id of their package.
    libraries: BTreeMap<String, String>,
    /// Where libraries in C are looked for.
    native: Vec<String>,
}

impl Built {
    /// With everything else, as `cargo test` does: built alone a package would have other features, and
    /// so would all that it is made of.
    fn with_the_tests(recipe: &Recipe) -> anyhow::Result<Self> {
        let output = cargo()
            .current_dir(&recipe.checkout)
            .args(["build", "--quiet", "--locked", "--workspace"])
            .args(["--lib", "--bins", "--tests", "--examples"])
            .args(["--message-format=json-render-diagnostics", "--target-dir"])
            .arg(&recipe.target)
            .stderr(Stdio::inherit())
            .output()
            .context("run cargo build")?;
        ensure!(output.status.success(), "cargo build failed");
        let mut built = Built {
            libraries: BTreeMap::new(),
            native: Vec::new(),
        };
        for line in String::from_utf8(output.stdout)?.lines() {
            let message: Value = serde_json::from_str(line).context("read what cargo says")?;
            let id = message["package_id"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let strings = |field: &str| {
                let list = message[field].as_array().cloned().unwrap_or_default();
                list.into_iter()
                    .filter_map(|one| one.as_str().map(str::to_owned))
            };
            match message["reason"].as_str() {
                Some("compiler-artifact") if message["profile"]["test"] == false => {
                    let is_library =
                        |path: &String| path.ends_with(".rlib") || path.ends_with(".so");
                    if let Some(library) = strings("filenames").find(is_library) {
                        built.libraries.insert(id, library);
                    }
                }
                Some("build-script-executed") => built.native.extend(strings("linked_paths")),
                _ => {}
            }
        }
        Ok(built)
    }
}
