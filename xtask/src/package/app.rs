//! The app's folder: what is in it, and whether a host would be content with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::package::Entry;
use crate::root;

/// What somebody who runs the app with `func start` has put into the folder.
const KEPT: &str = "local.settings.json";

/// Name of the executable, as `host.json` says it.
pub(super) fn executable() -> anyhow::Result<String> {
    executable_of(&read_json(&root().join("host.json"))?)
}

fn executable_of(host: &Value) -> anyhow::Result<String> {
    host["customHandler"]["description"]["defaultExecutablePath"]
        .as_str()
        .map(str::to_owned)
        .context("host.json names no customHandler.description.defaultExecutablePath")
}

/// `host.json`, and one folder per function beside it: the host looks for `function.json` only in
/// folders directly under the root.
pub(super) fn definitions(checkout: &Path) -> anyhow::Result<BTreeMap<String, Entry>> {
    let mut files = BTreeMap::new();
    let mut add = |from: &Path, to: String| {
        let content = fs::read(from).with_context(|| format!("read {}", from.display()))?;
        files.insert(to, Entry::plain(content));
        anyhow::Ok(())
    };
    add(&checkout.join("host.json"), "host.json".to_owned())?;
    let definitions = checkout.join("function-definitions");
    for entry in fs::read_dir(&definitions).context("read function-definitions")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        add(
            &entry.path().join("function.json"),
            format!("{name}/function.json"),
        )?;
    }
    Ok(files)
}

/// A configuration for the folder in which the app looks for one: a file, or a folder with the calendars,
/// templates and whatever else its files name. What begins with a dot, such as the state of a command line
/// beside it, stays where it is.
pub(super) fn configuration(path: &Path) -> anyhow::Result<BTreeMap<String, Entry>> {
    let mut files = BTreeMap::new();
    if path.is_dir() {
        gather(path, "config", &mut files)?;
    } else {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let content = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        files.insert(format!("config/{name}"), Entry::plain(content));
    }
    let is_read = |name: &String| name.ends_with(".toml") && name.matches('/').count() == 1;
    ensure!(
        files.keys().any(is_read),
        "{} holds no *.toml",
        path.display()
    );
    Ok(files)
}

/// Adds the files below a folder, each under its path there.
fn gather(folder: &Path, to: &str, files: &mut BTreeMap<String, Entry>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let to = format!("{to}/{name}");
        if path.is_dir() {
            gather(&path, &to, files)?;
        } else {
            let content = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            files.insert(to, Entry::plain(content));
        }
    }
    Ok(())
}

/// Puts the files into an empty folder, but leaves the settings of a local host there.
pub(super) fn stage(files: &BTreeMap<String, Entry>, folder: &Path) -> anyhow::Result<()> {
    empty(folder).with_context(|| format!("empty {}", folder.display()))?;
    for (path, entry) in files {
        let to = folder.join(path);
        let written = to
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&to, &entry.content))
            .and_then(|()| set_mode(&to, entry.mode));
        written.with_context(|| format!("write {}", to.display()))?;
    }
    Ok(())
}

fn empty(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.file_name() != KEPT {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn mode(path: &Path) -> io::Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

/// Whether a host takes the folder: every mistake that a deployment would fail on, at once.
pub(super) fn check(folder: &Path) -> anyhow::Result<()> {
    let host = read_json(&folder.join("host.json"))?;
    let mut mistakes = mistakes_of_host(&host);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let definition = entry.path().join("function.json");
        if definition.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            mistakes.extend(mistakes_of_function(&name, &read_json(&definition)?));
        }
    }
    #[cfg(unix)]
    {
        let executable = executable_of(&host)?;
        let mode = mode(&folder.join(&executable)).with_context(|| format!("find {executable}"))?;
        if mode != 0o755 {
            mistakes.push(format!("{executable} has the mode {mode:o} instead of 755"));
        }
    }
    if !mistakes.is_empty() {
        bail!("no host would take the app:\n{}", mistakes.join("\n"));
    }
    Ok(())
}

fn mistakes_of_host(host: &Value) -> Vec<String> {
    let wanted = [
        ("/version", "2.0"),
        (
            "/extensionBundle/id",
            "Microsoft.Azure.Functions.ExtensionBundle",
        ),
        ("/extensionBundle/version", "[4.0.0, 5.0.0)"),
    ];
    let mut mistakes: Vec<String> = wanted
        .into_iter()
        .filter(|(place, value)| host.pointer(place).and_then(Value::as_str) != Some(value))
        .map(|(place, value)| format!("host.json: {place} is not {value}"))
        .collect();
    if !host["functionTimeout"].is_string() {
        mistakes.push("host.json: functionTimeout is not said".to_owned());
    }
    mistakes
}

fn mistakes_of_function(name: &str, function: &Value) -> Vec<String> {
    let mut mistakes = Vec::new();
    if !is_name(name, "_-") || name.eq_ignore_ascii_case("host") {
        mistakes.push(format!("{name} is no name of a function"));
    }
    let bindings = function["bindings"].as_array();
    for binding in bindings.into_iter().flatten() {
        let binding_name = binding["name"].as_str().unwrap_or_default();
        if binding_name != "$return" && !is_name(binding_name, "") {
            mistakes.push(format!("{name}: `{binding_name}` is no name of a binding"));
        }
        if binding["runOnStartup"] == true {
            mistakes.push(format!("{name} would run at every start"));
        }
    }
    let triggers = bindings.into_iter().flatten().filter(|binding| {
        let kind = binding["type"].as_str().unwrap_or_default();
        kind.ends_with("Trigger")
    });
    match triggers.count() {
        1 => {}
        count => mistakes.push(format!("{name} has {count} triggers instead of one")),
    }
    mistakes
}

/// A letter, then letters, digits, and some other characters; at most 128 in all.
fn is_name(name: &str, others: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.len() <= 128
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || others.contains(one))
}

fn read_json(path: &Path) -> anyhow::Result<Value> {
    let bytes = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn our_definitions_have_no_mistakes() {
        let files = definitions(&root()).unwrap();
        assert!(files.len() > 10);
        for (path, entry) in &files {
            let value: Value = serde_json::from_slice(&entry.content).unwrap();
            let mistakes = match path.split_once('/') {
                Some((name, _)) => mistakes_of_function(name, &value),
                None => mistakes_of_host(&value),
            };
            assert_eq!(mistakes, Vec::<String>::new(), "{path}");
        }
    }

    #[test]
    fn every_mistake_is_named() {
        let host = json!({"version": "2.0", "extensionBundle": {"version": "[3.*, 4.0.0)"}});
        assert_eq!(mistakes_of_host(&host).len(), 3);
        let function = json!({"bindings": [
            {"type": "timerTrigger", "name": "1st", "runOnStartup": true},
            {"type": "queueTrigger", "name": "fine"},
        ]});
        assert_eq!(mistakes_of_function("9 lives", &function).len(), 4);
    }

    #[test]
    fn staging_again_leaves_the_settings_of_a_local_host() {
        let folder = tempfile::tempdir().unwrap();
        let stage_one = |name: &str| {
            let files = BTreeMap::from([(name.to_owned(), Entry::plain("{}"))]);
            stage(&files, folder.path()).unwrap();
        };
        stage_one("old/function.json");
        fs::write(folder.path().join(KEPT), "{}").unwrap();
        stage_one("new/function.json");
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, [KEPT, "new"]);
    }
}
