//! `spendwatch serve`: it evaluates and delivers by itself, answers, and ends when asked to.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(address: &str, path: &str) -> String {
    get_with(address, path, "localhost", "")
}

fn get_with(address: &str, path: &str, host: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\n{header}connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_evaluates_delivers_answers_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let mut costs =
        "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n".to_owned();
    for back in 1..=20 {
        let day = today.checked_sub(jiff::Span::new().days(back)).unwrap();
        costs.push_str(&format!("{},a,g,60,EUR\n", day.strftime("%m/%d/%Y")));
    }
    std::fs::write(folder.path().join("costs.csv"), costs).unwrap();
    let chat = TcpListener::bind("127.0.0.1:0").unwrap();
    let starts = today
        .checked_sub(jiff::Span::new().days(60))
        .unwrap()
        .first_of_month();
    let config = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["costs.csv"]
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        allow_networks = ["127.0.0.1/32"]
        [[budget]]
        id = "all"
        scopes = ["/subscriptions/a"]
        amount = 1000
        grain = "annually"
        starts = {starts}
        notify = ["chat"]
        thresholds = ["actual 100%"]
        "#
    );
    std::fs::write(folder.path().join("spendwatch.toml"), config).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_spendwatch"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .env(
            "CHAT_URL",
            format!("http://{}/hook", chat.local_addr().unwrap()),
        )
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut running = Running(child);
    let first = lines.next().unwrap().unwrap();
    let address = first
        .split("http://")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();

    let (mut post, _) = chat.accept().unwrap();
    let mut told = [0; 16 * 1024];
    let read = post.read(&mut told).unwrap();
    assert!(String::from_utf8_lossy(&told[..read]).starts_with("POST /hook"));
    post.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        .unwrap();

    let begun = Instant::now();
    loop {
        let answer = get(&address, "/api/status");
        if answer.contains("\"budget\":\"all\"") && answer.contains("\"waitingDeliveries\":[]") {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{answer}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(get(&address, "/api/health").contains("\"status\":\"ok\""));
    assert!(get(&address, "/evaluate-budgets").starts_with("HTTP/1.1 404"));

    // What a page in a browser could send.
    for (host, header) in [
        ("evil.example", ""),
        ("localhost", "origin: http://evil.example\r\n"),
        ("localhost", "origin: null\r\n"),
        (
            "localhost",
            "origin: null\r\nsec-fetch-site: cross-site\r\n",
        ),
    ] {
        assert!(get_with(&address, "/api/status", host, header).starts_with("HTTP/1.1 403"));
    }
    // Our own pages tell their address to nobody.
    let own = "origin: null\r\nsec-fetch-site: same-origin\r\n";
    assert!(get_with(&address, "/api/status", "localhost", own).starts_with("HTTP/1.1 200"));

    #[cfg(unix)]
    {
        let pid = running.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(running.0.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_spendwatch"))
        .args(["serve", "--listen", "0.0.0.0:8080"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a loopback address"));
}
