//! The handler as a process, while it reads costs that take long.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A configuration with one budget over costs that take many seconds to read.
fn prepare(folder: &Path) {
    let costs = folder.join("costs.csv");
    let mut rows =
        "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n".to_owned();
    for row in 0..50_000 {
        rows.push_str(&format!("11/{:02}/2026,a,g,1.25,EUR\n", row % 17 + 1));
    }
    std::fs::write(&costs, rows).unwrap();
    for part in 0..400 {
        let part = folder.join(format!("part-{part}.csv"));
        std::os::unix::fs::symlink(&costs, part).unwrap();
    }
    let config = r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["part-*.csv"]
        [channel.chat]
        kind = "slack"
        url = { secret = "CHAT_URL" }
        [[budget]]
        id = "a"
        scopes = ["/subscriptions/a"]
        amount = 1
        notify = ["chat"]
    "#;
    std::fs::write(folder.join("spendwatch.toml"), config).unwrap();
}

fn connect(port: u16) -> TcpStream {
    let begin = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(error) => assert!(begin.elapsed() < Duration::from_secs(10), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn it_answers_and_stops_within_a_second_while_it_reads_a_file() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let child = Command::new(env!("CARGO_BIN_EXE_spendwatch-functions"))
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
        .env("SPENDWATCH_CONFIG", folder.path().join("spendwatch.toml"))
        .env("SPENDWATCH_STATE", folder.path().join("state"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let hint = r#"{"evaluate":{"read":"source-0"}}"#;
    let body = serde_json::json!({ "Data": { "message": hint }, "Metadata": {} }).to_string();
    let mut invocation = connect(port);
    write!(
        invocation,
        "POST /evaluate-scope HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(300));

    let mut probe = connect(port);
    probe
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    write!(
        probe,
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    probe.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    invocation
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    let early = invocation.read(&mut [0; 1]);
    assert!(early.is_err(), "the costs are still being read");
    let begin = Instant::now();
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    let status = running.0.wait().unwrap();
    assert_eq!(status.code(), Some(143));
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
}
