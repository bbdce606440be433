//! `spendwatch sandbox`.

use azure_sandbox::{Agreement, Scenario, write_costs};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::{code, spendwatch, stderr, stdout};

#[cfg(unix)]
#[test]
fn the_sandbox_says_how_to_use_it_and_ends_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("faults.json"),
        r#"[{"what": {"throttled": {"Retry-After": 3600}}, "operation": "Tags_*"}]"#,
    )
    .unwrap();
    let mut child = spendwatch(folder.path())
        .args([
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--today",
            "2026-10-10",
        ])
        .args(["--faults", "faults.json"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    let mut word_after = |start: &str| loop {
        let line = lines.next().unwrap().unwrap();
        said.push_str(&line);
        said.push('\n');
        if let Some((_, rest)) = line.split_once(start) {
            return rest.split([' ', ',']).next().unwrap().to_owned();
        }
    };
    let base = word_after("the sandbox is at ");
    let identity = word_after("IDENTITY_ENDPOINT=");
    let scope = format!("/subscriptions/{}", word_after("  /subscriptions/"));
    assert!(said.contains("on 2026-10-10"), "{said}");
    assert!(said.contains("source = { kind = \"azure\""), "{said}");
    let ask = |words: &[&str]| {
        spendwatch(folder.path())
            .arg("azure")
            .args(words)
            .args([
                "--endpoint",
                &base,
                "--auth",
                "managed-identity",
                "--scope",
                &scope,
            ])
            .env("IDENTITY_ENDPOINT", &identity)
            .env("IDENTITY_HEADER", "sandbox-identity")
            .output()
            .unwrap()
    };
    let days = ["--from", "2026-10-01", "--to", "2026-10-31", "-o", "json"];
    let output = ask(&[&["usage", "--by", "day"][..], &days].concat());
    code(&output, 0);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let last = found.as_array().unwrap().last().unwrap();
    assert_eq!(last["date"], "2026-10-09", "a day late, seen on the 10th");
    code(&ask(&["tags"]), 1);

    let killed = Command::new("kill").arg(child.id().to_string()).status();
    assert!(killed.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_sandbox_writes_its_scenarios_and_costs() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = |words: &[&str]| {
        let mut command = spendwatch(folder.path());
        command.arg("sandbox").args(words).output().unwrap()
    };
    let output = sandbox(&["--print-scenario", "partner"]);
    code(&output, 0);
    let printed = Scenario::parse(&stdout(&output)).unwrap();
    assert_eq!(printed.world.agreement, Agreement::Partner);
    std::fs::write(folder.path().join("mine.toml"), stdout(&output)).unwrap();
    let output = sandbox(&["--print-scenario", "nothing"]);
    code(&output, 2);
    assert!(
        stderr(&output).contains("enterprise"),
        "{}",
        stderr(&output)
    );

    let write = ["--scenario", "mine.toml", "--write-costs", "costs.csv"];
    code(&sandbox(&write), 0);
    let world = printed.world.as_seen_on(printed.world.today);
    let mut expected = Vec::new();
    write_costs(world.rows(), world.agreement, &mut expected).unwrap();
    assert!(std::fs::read(folder.path().join("costs.csv")).unwrap() == expected);
    code(&sandbox(&write), 1);
    code(&sandbox(&[&write[..], &["--force"]].concat()), 0);

    let output = sandbox(&["--print-scenario", "example"]);
    code(&output, 2);
    assert!(
        stderr(&output).contains("has no file"),
        "{}",
        stderr(&output)
    );

    for more in [
        &["--listen", "127.0.0.1:0"][..],
        &["--write-costs", "early.csv"],
    ] {
        let early = ["--scenario", "mine.toml", "--today", "2020-01-01"];
        let output = sandbox(&[&early[..], more].concat());
        code(&output, 2);
        let first_day = printed.world.first_day;
        let says = format!("--today 2020-01-01 is before first_day = {first_day}");
        assert!(stderr(&output).contains(&says), "{}", stderr(&output));
    }
    assert!(!folder.path().join("early.csv").exists());

    let output = sandbox(&["--listen", "0.0.0.0:0"]);
    code(&output, 2);
    assert!(stderr(&output).contains("not a loopback address"));
    assert!(stderr(&output).contains("Usage: spendwatch sandbox"));
    let output = sandbox(&["--listen", "here"]);
    code(&output, 2);
    assert!(
        stderr(&output).contains("127.0.0.1:8080"),
        "{}",
        stderr(&output)
    );
    for (faults, says) in [
        ("[{", "it is not JSON, at line 1 column 2"),
        (
            r#"[{"what": "cut_off", "times": "two"}]"#,
            "expected a whole number from 0 on",
        ),
    ] {
        std::fs::write(folder.path().join("faults.json"), faults).unwrap();
        let output = sandbox(&["--listen", "127.0.0.1:0", "--faults", "faults.json"]);
        code(&output, 1);
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
    }
    let output = sandbox(&["--scenario", "nothing"]);
    code(&output, 2);
    assert!(
        stderr(&output).contains("pay-as-you-go"),
        "{}",
        stderr(&output)
    );
}
