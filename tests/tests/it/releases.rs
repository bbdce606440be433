//! What is released besides the app: the command line as an archive, and bills of materials; and what
//! `spendwatch serve` is deployed with.

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

/// In releases with the commit, see `crates/build-info`.
#[test]
fn both_executables_say_their_version() {
    let unpacked = unpacked();
    let app = packaged::app().join("app");
    for (name, folder) in [
        ("spendwatch", unpacked.path()),
        ("spendwatch-functions", &app),
    ] {
        let output = Command::new(folder.join(name)).arg("--version").output();
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(said, format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn every_command_has_a_page_that_says_what_it_does() {
    let unpacked = unpacked();
    let pages = fs::read_dir(unpacked.path().join("man/man1")).unwrap();
    let mut count = 0;
    for page in pages {
        let path = page.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for heading in [".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n"] {
            let (_, below) = text.split_once(heading).unwrap();
            assert!(!below.starts_with(".SH"), "{}", path.display());
        }
        count += 1;
    }
    let help = Command::new(unpacked.path().join("spendwatch"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    assert!(count > commands.count(), "{count} pages");
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

#[test]
fn systemd_takes_the_unit_and_finds_it_hardened() {
    let available = Command::new("systemd-analyze").arg("--version").output();
    if !available.is_ok_and(|output| output.status.success()) {
        // It belongs to the system, so that the complete tests do not insist on it.
        let line = "left out: the unit of systemd (there is no systemd-analyze)\n";
        let _ = std::io::stderr().write_all(line.as_bytes());
        return;
    }
    let unpacked = unpacked();
    let unit = fs::read_to_string(unpacked.path().join("spendwatch.service")).unwrap();
    let installed = "/usr/local/bin/spendwatch";
    assert!(unit.contains(installed));
    let here = unpacked.path().join("spendwatch");
    let changed = tempfile::tempdir().unwrap();
    let path = changed.path().join("spendwatch.service");
    fs::write(&path, unit.replace(installed, here.to_str().unwrap())).unwrap();
    for arguments in [
        &["verify", "--man=no"][..],
        // Out of 100; most services of a distribution have more than 90.
        &["security", "--offline=true", "--threshold=15"],
    ] {
        let output = Command::new("systemd-analyze")
            .args(arguments)
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
}
