//! People answer from a terminal: alerts, ack, silence, explain, deliveries.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use state_store::Documents;
use tempfile::TempDir;

const FORMATS: [&str; 4] = ["table", "json", "csv", "markdown"];

/// A folder with a budget that is over today, already evaluated and told into files.
fn told() -> TempDir {
    told_with("\"actual 80%\"")
}

/// The same with these thresholds.
fn told_with(thresholds: &str) -> TempDir {
    let folder = configured(thresholds);
    let evaluated = run(folder.path(), &["evaluate", "--outbox", "told"]);
    code(&evaluated, 3);
    folder
}

/// A folder with a budget that is over today.
fn configured(thresholds: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let costs = format!(
        "Date,SubscriptionId,ResourceGroup,MeterCategory,CostInBillingCurrency,BillingCurrencyCode\n\
         {},11111111-1111-4111-8111-111111111111,shop,Storage,900,EUR\n",
        today.strftime("%m/%d/%Y")
    );
    std::fs::write(folder.path().join("costs.csv"), costs).unwrap();
    let config = r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["costs.csv"]
        [channel.chat]
        kind = "slack"
        url = { secret = "CHAT_URL" }
        [[budget]]
        id = "shop"
        scopes = ["/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/shop"]
        amount = 1000
        thresholds = [THRESHOLDS]
        notify = ["chat"]
    "#;
    let config = config.replace("THRESHOLDS", thresholds);
    std::fs::write(folder.path().join("spendwatch.toml"), config).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spendwatch"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("USER", "ada")
        .stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("SPENDWATCH_") || name.starts_with("AzureWebJobs") {
            command.env_remove(name);
        }
    }
    command.output().unwrap()
}

#[track_caller]
fn code(output: &Output, expected: i32) {
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert_eq!(output.status.code(), Some(expected), "{said:?}");
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, &[arguments, &["-o", "json"]].concat());
    code(&output, 0);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn an_alert_is_acknowledged_once() {
    let folder = told();
    let folder = folder.path();
    let listed = json(folder, &["alerts"]);
    assert_eq!(listed["azureAsked"], false);
    let id = listed["ours"][0]["id"].as_str().unwrap();
    let done = json(folder, &["ack", &id[..6], "--note", "mine"]);
    assert_eq!(done["acknowledged"]["by"], "ada on the command line");
    assert_eq!(done["threshold"], "actual-80pct");
    let again = run(folder, &["ack", "shop/actual-80pct", "--by", "bob"]);
    code(&again, 1);
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(
        said.contains("ada on the command line has acknowledged it"),
        "{said}"
    );
    let table = run(folder, &["alerts", "--ours"]);
    code(&table, 0);
    let table = text(&table);
    assert!(
        table.contains("acknowledged by ada on the command line"),
        "{table}"
    );
    for (alert, expected) in [("abc", 2), ("shop/unknown", 1), ("ffffffffffff", 1)] {
        code(&run(folder, &["ack", alert]), expected);
    }
}

#[test]
fn silences_are_made_changed_listed_and_ended() {
    let folder = told();
    let folder = folder.path();
    let make = [
        "silence",
        "--budget",
        "sh*",
        "--for",
        "4h",
        "--reason",
        "load test",
    ];
    let made = json(folder, &make);
    let id = made["silences"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(made["silences"][0]["state"], "active");
    let silenced = text(&run(folder, &["alerts"]));
    assert!(silenced.contains("silenced until"), "{silenced}");
    let edited = json(folder, &["silence", "edit", &id, "--reason", "longer"]);
    assert_eq!(edited["silences"][0]["id"], *id);
    for arguments in [&["silences"][..], &["silence", "list"]] {
        let listed = json(folder, arguments);
        assert_eq!(listed["silences"][0]["reason"], "longer");
    }
    let ended = json(folder, &["silence", "end", &id]);
    assert_eq!(ended["silences"][0]["state"], "over");
    code(&run(folder, &["silence", "end", &id]), 1);
    for wrong in [
        &["silence"][..],
        &["silence", "--budget", "shop", "--for", "4h"],
        &["silence", "--budget", "shop", "--reason", "x"],
        &["silence", "--for", "4h", "--reason", "x"],
        &[
            "silence",
            "--budget",
            "shop",
            "--for",
            "4h",
            "--until",
            "2030-01-01",
            "--reason",
            "x",
        ],
        &[
            "silence", "--budget", "shop", "--for", "91d", "--reason", "x",
        ],
        &[
            "silence",
            "--budget",
            "shop",
            "--until",
            "2020-01-01",
            "--reason",
            "x",
        ],
        &[
            "silence", "--budget", "shop[", "--for", "4h", "--reason", "x",
        ],
        &["silence", "--kind", "other", "--for", "4h", "--reason", "x"],
        &["silence", "edit", &id],
        &["silence", "end"],
        &["deliveries", "--fate", "lost"],
        &["explain"],
    ] {
        code(&run(folder, wrong), 2);
    }
}

#[test]
fn an_alert_comes_out_the_same_until_somebody_changes_it() {
    let folder = told();
    let folder = folder.path();
    let explained = json(folder, &["explain", "shop/actual-80pct"]);
    assert_eq!(explained["verdict"], "same");
    let table = text(&run(folder, &["explain", "shop/actual-80pct"]));
    assert!(
        table.contains("EUR 900.00 is spent, the level is EUR 800.00"),
        "{table}"
    );
    change_level(&folder.join(".spendwatch"));
    let output = run(folder, &["explain", "shop/actual-80pct"]);
    code(&output, 1);
    assert!(text(&output).contains("different"), "{}", text(&output));
}

#[test]
fn an_alert_that_is_covered_is_explained_by_the_notice_that_told_of_it() {
    let folder = told_with("\"actual 50%\", \"actual 80%\"");
    let folder = folder.path();
    let output = run(folder, &["explain", "shop/actual-50pct"]);
    code(&output, 0);
    let table = text(&output);
    for expected in [
        "the notice of actual-80pct ",
        "told of it:",
        "EUR 900.00 is spent, the level is EUR 800.00",
        "to chat: delivered",
        "spent against EUR 500",
        "remaining",
    ] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    let rows = text(&run(folder, &["explain", "shop/actual-50pct", "-o", "csv"]));
    assert!(rows.contains("spent against EUR 500"), "{rows}");
}

#[test]
fn notices_without_a_new_crossing_are_not_nothing() {
    let folder = configured("\"actual 80%\"");
    let folder = folder.path();
    code(&run(folder, &["evaluate", "--no-deliver"]), 3);
    let said = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    let sent = said(&run(folder, &["evaluate", "--outbox", "told"]));
    assert!(
        sent.contains(
            "no new crossing: 1 crossing was decided earlier in the period; 1 notice was sent"
        ),
        "{sent}"
    );
    let again = said(&run(folder, &["evaluate", "--outbox", "told"]));
    assert!(
        again.contains("nothing new to tell: 1 crossing was"),
        "{again}"
    );
}

/// Writes another level into the reason of what fired.
fn change_level(state: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = state_store::Local::open(state).unwrap();
        let keys = store.list("ledger/").await.unwrap();
        let document = store.get(&keys[0]).await.unwrap().unwrap();
        let mut ledger: Value = serde_json::from_slice(&document.bytes).unwrap();
        ledger["transitions"][0]["reason"]["level"]["amount"] = "700".into();
        let bytes = serde_json::to_vec(&ledger).unwrap();
        store
            .replace(&keys[0], bytes, &document.version)
            .await
            .unwrap();
    });
}

#[test]
fn deliveries_are_listed_by_what_became_of_them() {
    let folder = told();
    let folder = folder.path();
    let listed = json(folder, &["deliveries"]);
    let [fate] = &listed["deliveries"].as_array().unwrap()[..] else {
        panic!("{listed}");
    };
    assert_eq!(fate["state"], "delivered");
    assert_eq!(fate["budget"], "shop");
    assert_eq!(fate["attempts"], 1);
    for (filter, count) in [
        (["--destination", "chat"], 1),
        (["--destination", "mail"], 0),
        (["--budget", "shop"], 1),
        (["--fate", "delivered"], 1),
        (["--fate", "dead"], 0),
        (["--state", ".spendwatch"], 1),
        (["--since", "2100-01-01"], 0),
    ] {
        let listed = json(folder, &[&["deliveries"][..], &filter].concat());
        assert_eq!(
            listed["deliveries"].as_array().unwrap().len(),
            count,
            "{filter:?}"
        );
    }
}

#[test]
fn every_format_works() {
    let folder = told();
    let folder = folder.path();
    let make = [
        "silence",
        "--budget",
        "sh*",
        "--for",
        "3d",
        "--reason",
        "load test",
    ];
    code(&run(folder, &make), 0);
    for command in [
        &["alerts"][..],
        &["silences"],
        &["explain", "shop/actual-80pct"],
        &["deliveries"],
    ] {
        for format in FORMATS {
            let output = run(folder, &[command, &["-o", format]].concat());
            code(&output, 0);
            assert!(
                text(&output).contains("shop") || command == ["silences"],
                "{command:?} {format}"
            );
            assert!(!text(&output).is_empty());
        }
    }
    // Without anything there yet.
    let empty = tempfile::tempdir().unwrap();
    std::fs::copy(
        folder.join("spendwatch.toml"),
        empty.path().join("spendwatch.toml"),
    )
    .unwrap();
    for command in [["alerts"], ["silences"], ["deliveries"]] {
        code(&run(empty.path(), &command), 0);
    }
    assert!(!empty.path().join(".spendwatch").exists());
}

/// A receiver on this machine that takes everything; gives its address.
fn sink() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            // Slack's payloads are one JSON object, and chunks of it end when it does.
            while let Ok(read @ 1..) = std::io::Read::read(&mut stream, &mut buffer) {
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request);
                let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                if serde_json::from_str::<Value>(body).is_ok() {
                    break;
                }
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
            let _ = std::io::Write::write_all(&mut stream, answer);
        }
    });
    url
}

/// The folder of [`told`], where nothing was told yet and the chat may be on this machine.
fn untold(notify: &str) -> TempDir {
    let folder = told();
    std::fs::remove_dir_all(folder.path().join(".spendwatch")).unwrap();
    let file = folder.path().join("spendwatch.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let local = "kind = \"slack\"\nallow_networks = [\"127.0.0.1/32\"]";
    let text = text.replace("kind = \"slack\"", local);
    let text = text.replace("notify = [\"chat\"]", notify);
    std::fs::write(file, text).unwrap();
    folder
}

fn run_with(folder: &Path, url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spendwatch"));
    command.args(arguments).current_dir(folder);
    command.env("CHAT_URL", url).stdin(Stdio::null());
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn what_is_silenced_is_no_failure_and_goes_out_when_the_silence_is_ended() {
    let folder = untold("notify = [\"chat\"]");
    let folder = folder.path();
    let url = sink();
    let make = |budget| {
        let reason = ["--for", "4h", "--reason", "load test"];
        [&["silence", "--budget", budget][..], &reason].concat()
    };
    let made = json(folder, &make("shop"));
    let id = made["silences"][0]["id"].as_str().unwrap();
    let mistaken = run(folder, &make("shpo"));
    code(&mistaken, 0);
    let warned = said(&mistaken);
    assert!(warned.contains("no budget is called `shpo`"), "{warned}");
    let evaluated = run_with(folder, &url, &["evaluate"]);
    code(&evaluated, 3);
    let table = text(&evaluated);
    assert!(table.contains("load test"), "{table}");
    // Who has not the secret of the channel leaves sending to others, and calls nothing broken.
    let edited = run(
        folder,
        &["silence", "edit", id, "--reason", "a longer test"],
    );
    code(&edited, 0);
    assert!(said(&edited).contains("is left to a process that can send it"));
    let ended = run_with(folder, &url, &["silence", "end", id]);
    code(&ended, 0);
    let told = said(&ended);
    assert!(told.contains("1 notice was sent to chat"), "{told}");
    let listed = json(folder, &["deliveries"]);
    assert_eq!(listed["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(listed["deliveries"][0]["state"], "delivered");
}

#[test]
fn news_that_reaches_nobody_is_a_failure() {
    let folder = untold("notify = [\"owners\"]\nowners = [\"tag:cost-owner\"]");
    let file = folder.path().join("spendwatch.toml");
    let mut config = std::fs::read_to_string(&file).unwrap();
    config += "[channel.mail]\nkind = \"email\"\nsmtp = \"smtp://127.0.0.1:1\"\n\
               from = \"cost@contoso.example\"\n";
    std::fs::write(file, config).unwrap();
    let evaluated = run(folder.path(), &["evaluate"]);
    code(&evaluated, 1);
    let told = said(&evaluated);
    assert!(
        told.contains("error: told nobody: shop actual-80pct"),
        "{told}"
    );
    let listed = text(&run(folder.path(), &["alerts"]));
    assert!(listed.contains("firing, told nobody"), "{listed}");
    let explained = text(&run(folder.path(), &["explain", "shop/actual-80pct"]));
    assert!(explained.contains("told nobody"), "{explained}");
}

#[test]
fn all_channels_are_probed_at_once() {
    let folder = untold("notify = [\"chat\"]");
    let url = sink();
    let probed = run_with(folder.path(), &url, &["probe", "--all"]);
    code(&probed, 0);
    let file = folder.path().join("spendwatch.toml");
    let mut config = std::fs::read_to_string(&file).unwrap();
    config += "[channel.other]\nkind = \"slack\"\nurl = { secret = \"OTHER_URL\" }\n";
    std::fs::write(file, config).unwrap();
    let probed = run_with(folder.path(), &url, &["probe", "--all"]);
    code(&probed, 1);
    let table = text(&probed);
    assert!(
        table.contains("delivered") && table.contains("unusable"),
        "{table}"
    );
    code(&run(folder.path(), &["probe", "chat", "--all"]), 2);
}
