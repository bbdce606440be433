//! What is released besides the app: the command line as an archive, bills of materials, and that
//! nothing of this machine is in them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tests::{packaged, python};

fn read_archive(archive: &Path) -> Vec<Value> {
    let output = python::command("read_package.py")
        .arg(archive)
        .output()
        .unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn archive(folder: &Path) -> std::path::PathBuf {
    let version = env!("CARGO_PKG_VERSION");
    folder.join(format!("spendwatch-{version}-x86_64-linux.tar.gz"))
}

/// The archive's content, unpacked by `tar`.
fn unpacked() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("tar")
        .args(["--extract", "--gzip", "--strip-components=1", "--file"])
        .arg(archive(packaged::command_line()))
        .arg("--directory")
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    folder
}

#[test]
fn the_archive_of_the_command_line_holds_all_that_belongs_to_it() {
    if !python::available("the archive as Python reads it") {
        return;
    }
    let entries = read_archive(&archive(packaged::command_line()));
    let root = format!("spendwatch-{}-x86_64-linux/", env!("CARGO_PKG_VERSION"));
    let mut names = Vec::new();
    for entry in &entries {
        let name = entry["name"].as_str().unwrap();
        let name = name.strip_prefix(&root).unwrap();
        let mode = if name == "spendwatch" {
            "0o755"
        } else {
            "0o644"
        };
        assert_eq!(entry["mode"], mode, "{name}");
        assert_eq!(entry["owner"], serde_json::json!([0, 0]), "{name}");
        // 1980-01-01.
        assert_eq!(entry["time"], 315_532_800, "{name}");
        names.push(name);
    }
    assert!(names.is_sorted(), "{names:?}");
    for name in [
        "CHANGELOG.md",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "THIRD-PARTY-LICENSES",
        "completions/_spendwatch",
        "completions/_spendwatch.ps1",
        "completions/spendwatch.bash",
        "completions/spendwatch.elv",
        "completions/spendwatch.fish",
        "man/man1/spendwatch.1",
        "man/man1/spendwatch-evaluate.1",
        "spendwatch",
        "spendwatch.cdx.json",
        "spendwatch.service",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn packing_the_command_line_again_gives_the_same_bytes() {
    let again = packaged::made("dist");
    let [first, second] = [packaged::command_line(), again.path()].map(archive);
    assert!(fs::read(first).unwrap() == fs::read(second).unwrap());
}

#[test]
fn both_executables_say_version_and_commit_and_name_no_folder_of_this_machine() {
    let unpacked = unpacked();
    let app = packaged::app().join("app");
    for (name, path) in [
        ("spendwatch", unpacked.path().join("spendwatch")),
        ("spendwatch-functions", app.join("spendwatch-functions")),
    ] {
        let output = Command::new(&path).arg("--version").output().unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        let expected = format!("{name} {}{}\n", env!("CARGO_PKG_VERSION"), commit());
        assert_eq!(said, expected);
        let bytes = fs::read(&path).unwrap();
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let home = std::env::home_dir().unwrap().join(".cargo");
        for folder in [checkout, &home] {
            let folder = folder.to_str().unwrap().as_bytes();
            let found = bytes.windows(folder.len()).any(|one| one == folder);
            assert!(!found, "{name} names {}", String::from_utf8_lossy(folder));
        }
    }
}

/// What git says, in the words of `--version`; nothing without git.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let said = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| said.trim().to_owned())
    };
    let Some(said) = git(&[
        "log",
        "-1",
        "--date=short",
        "--format=%h%%%cd",
        "--abbrev=7",
    ]) else {
        return String::new();
    };
    let (hash, date) = said.split_once('%').unwrap();
    let clean = git(&["diff", "HEAD", "--quiet"]).is_some();
    format!(" ({hash}{} {date})", if clean { "" } else { "-modified" })
}

#[test]
fn bills_of_materials_are_valid_and_whole() {
    if !python::available("the validator of CycloneDX") {
        return;
    }
    let unpacked = unpacked();
    for (path, ours, foreign) in [
        (
            unpacked.path().join("spendwatch.cdx.json"),
            "cli",
            "clap_complete",
        ),
        (
            packaged::app().join("spendwatch-functions.cdx.json"),
            "function-app",
            "tower-http",
        ),
    ] {
        let text = fs::read_to_string(&path).unwrap();
        let mut validator = python::command("validate_sbom.py").spawn().unwrap();
        let mut input = validator.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        drop(input);
        assert!(validator.wait().unwrap().success());
        let bill: Value = serde_json::from_str(&text).unwrap();
        let components = bill["components"].as_array().unwrap();
        for name in [ours, foreign, "spendwatch", "ring", "rustls"] {
            assert!(components.iter().any(|one| one["name"] == name), "{name}");
        }
        // Nothing that only runs while it is built or tested.
        for name in ["cc", "serde_derive", "proptest", "tests"] {
            assert!(!components.iter().any(|one| one["name"] == name), "{name}");
        }
    }
}

#[test]
fn what_deny_toml_forbids_is_nowhere() {
    let output = packaged::xtask().arg("deny").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
