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

/// Where it listens, as it says; what it logs from then on is read and thrown away.
fn address_of(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = lines.find_map(|line| {
        let line = line.unwrap();
        let address = line.strip_prefix("the API is at http://")?;
        Some(address.split('/').next().unwrap().to_owned())
    });
    std::thread::spawn(move || lines.for_each(drop));
    said.unwrap()
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
    let address = address_of(&mut child);
    let mut running = Running(child);

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
    assert!(get(&address, "/api/ready").contains("\"ready\":true"));
    let metrics = get(&address, "/api/metrics");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"));
    for line in [
        "# TYPE spendwatch_budgets_evaluated_total counter",
        "spendwatch_budgets_evaluated_total{outcome=\"ok\"} 1",
        "spendwatch_deliveries_total{destination=\"chat\",fate=\"delivered\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
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

/// A configuration whose costs are those of yesterday.
fn small(folder: &std::path::Path) {
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let costs = format!(
        "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n{},a,g,60,EUR\n",
        today.yesterday().unwrap().strftime("%m/%d/%Y")
    );
    std::fs::write(folder.join("costs.csv"), costs).unwrap();
    let config = r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["costs.csv"]
        [[budget]]
        id = "all"
        scopes = ["/subscriptions/a"]
        amount = 1000
        thresholds = []
        notify = []
        "#;
    std::fs::write(folder.join("spendwatch.toml"), config).unwrap();
}

#[test]
fn an_address_that_others_can_reach_needs_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let serve = |key: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_spendwatch"))
            .args(["serve", "--listen", "0.0.0.0:8080"])
            .env("SPENDWATCH_API_KEY", key)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(serve("").contains("callers must show a key"));
    let short = serve("hunter2");
    assert!(short.contains("needs at least 24") && !short.contains("hunter2"));
}

#[test]
fn with_a_key_only_its_holders_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    std::fs::write(folder.path().join("key"), "0123456789abcdef01234567\n").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_spendwatch"))
        .args(["serve", "--listen", "127.0.0.1:0", "--api-key-file", "key"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = address_of(&mut child);
    let _running = Running(child);
    let answer = |path: &str, header: &str| get_with(&address, path, "spend.example", header);
    let right = "0123456789abcdef01234567";
    for header in [
        format!("x-functions-key: {right}\r\n"),
        format!("authorization: Bearer {right}\r\n"),
    ] {
        for path in ["/api/status", "/api/metrics"] {
            assert!(answer(path, &header).starts_with("HTTP/1.1 200"), "{path}");
        }
    }
    assert!(answer(&format!("/api/status?code={right}"), "").starts_with("HTTP/1.1 200"));
    for (path, header) in [
        ("/api/status", ""),
        ("/api/metrics", ""),
        (
            "/api/status",
            "x-functions-key: 0123456789abcdef0123456\r\n",
        ),
        (
            "/api/status",
            "authorization: Basic 0123456789abcdef01234567\r\n",
        ),
        ("/api/status?code=", ""),
        ("/api/nothing", ""),
    ] {
        let answer = answer(path, header);
        assert!(
            answer.starts_with("HTTP/1.1 401"),
            "{path} {header}: {answer}"
        );
    }
    // What is behind a signed link, and what probes ask.
    for path in ["/api/ready", "/api/health"] {
        assert!(!answer(path, "").starts_with("HTTP/1.1 401"), "{path}");
    }
}

#[test]
fn a_changed_file_is_used_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let mut child = Command::new(env!("CARGO_BIN_EXE_spendwatch"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = address_of(&mut child);
    let _running = Running(child);
    let file = folder.path().join("spendwatch.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let becomes = |word: &str| {
        let begun = Instant::now();
        while !get(&address, "/api/health").contains(word) {
            assert!(begun.elapsed() < Duration::from_secs(30), "never {word}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    becomes("\"ok\"");
    std::fs::write(&file, good.replace("amount", "amonut")).unwrap();
    becomes("\"configuration-refused\"");
    assert!(get(&address, "/api/status").contains("amonut"));
    std::fs::write(&file, good.replace("1000", "2000")).unwrap();
    becomes("\"ok\"");
}

/// Runs `check --deployment` with these arguments and this key: exit code, stdout, stderr.
fn check_deployment(
    folder: &std::path::Path,
    arguments: &[&str],
    key: &str,
) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_spendwatch"))
        .args(["check", "--deployment"])
        .args(arguments)
        .env("SPENDWATCH_API_KEY", key)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_deployment_is_checked_from_outside_and_from_inside() {
    let folder = tempfile::tempdir().unwrap();
    small(folder.path());
    let key = "0123456789abcdef01234567";
    let mut child = Command::new(env!("CARGO_BIN_EXE_spendwatch"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("SPENDWATCH_API_KEY", key)
        // A name that nothing reads, as it is written in a hurry.
        .env("SPENDWATCH_STAET", "x")
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = address_of(&mut child);
    let _running = Running(child);
    let begun = Instant::now();
    while !get_with(
        &address,
        "/api/status",
        "x",
        &format!("x-functions-key: {key}\r\n"),
    )
    .contains("\"budget\":\"all\"")
    {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(100));
    }
    let url = format!("http://{address}");
    let (code, lines, _) = check_deployment(folder.path(), &[&url], key);
    for part in [
        "warning: settings: nothing reads SPENDWATCH_STAET: SPENDWATCH_STATE was perhaps meant",
        "ok: configuration: budgets: 1",
        "ok: identity: none, and no source asks for one",
        "ok: storage: reads, writes and keeps versions",
        "ok: queues: a message was sent, received and removed",
        "ok: queue evaluations-poison: empty",
        "ok: data: evaluated at",
    ] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
    assert_eq!(code, 0, "{lines}");

    // Its own process, with the settings that it has.
    let (code, lines, _) = check_deployment(folder.path(), &[], "");
    assert!(lines.contains("ok: storage"), "{lines}");
    assert_eq!(code, 0, "{lines}");

    let (code, _, said) = check_deployment(folder.path(), &[&url], "");
    assert_eq!(code, 1);
    assert!(
        said.contains("wants a key: set SPENDWATCH_API_KEY"),
        "{said}"
    );
    let (code, _, said) = check_deployment(folder.path(), &["http://spend.example"], key);
    assert_eq!(code, 1);
    assert!(
        said.contains("not reached by https") && !said.contains(key),
        "{said}"
    );

    // Something that does not work is told with what to do.
    let config = folder.path().join("spendwatch.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("amount", "amonut")).unwrap();
    let (code, lines, _) = check_deployment(folder.path(), &[], "");
    assert_eq!(code, 1);
    assert!(
        lines.contains("failed: configuration:") && lines.contains("amonut"),
        "{lines}"
    );
}
