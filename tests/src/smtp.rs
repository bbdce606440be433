//! A mail server that does what it is told, on a free port, with a certificate made for the occasion.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::node;

/// The name that the server lets in.
pub const USERNAME: &str = "cost@contoso.example";
/// And its password.
pub const PASSWORD: &str = "c4n4ry-p4ssw0rd";

/// How long to wait for what the server says.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing must come to take it that nothing is on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// How connections are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// By STARTTLS.
    StartTls,
    /// From the first byte.
    Implicit,
    /// Not at all: STARTTLS is not offered.
    None,
}

/// A running mail server; it ends with this value.
#[derive(Debug)]
pub struct Smtp {
    process: Child,
    port: u16,
    tls: Tls,
    events: mpsc::Receiver<Value>,
    directory: TempDir,
}

impl Smtp {
    /// Starts a server in a mode of `tests/node/smtp.mjs`: `accept`, `refuse-recipient`, …
    ///
    /// # Panics
    ///
    /// If it does not start; ask [`node::available`] first.
    pub fn start(mode: &str, tls: Tls) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("the names are valid");
        let (cert, key) = (
            directory.path().join("cert.pem"),
            directory.path().join("key.pem"),
        );
        fs::write(&cert, made.cert.pem()).expect("the directory is ours");
        fs::write(&key, made.signing_key.serialize_pem()).expect("the directory is ours");
        let options = json!({
            "mode": mode,
            "tls": match tls { Tls::StartTls => "starttls", Tls::Implicit => "implicit", Tls::None => "none" },
            "cert": cert,
            "key": key,
            "username": USERNAME,
            "password": PASSWORD,
        });
        let mut process = node::command(&node::directory().join("node/smtp.mjs"))
            .arg(options.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node::available() said that node runs");
        let output = process.stdout.take().expect("the output is piped");
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("{line:?} is no event: {error}"));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        // Built at once, so that a panic below ends the process.
        let mut server = Self {
            process,
            port: 0,
            tls,
            events,
            directory,
        };
        let first = server
            .events
            .recv_timeout(PATIENCE)
            .expect("the mail server starts and says where it listens");
        let port = first["port"].as_u64().and_then(|port| port.try_into().ok());
        server.port = port.unwrap_or_else(|| panic!("no port in {first}"));
        server
    }

    /// Where it listens, written as in the configuration.
    pub fn url(&self) -> String {
        let scheme = if self.tls == Tls::Implicit {
            "smtps"
        } else {
            "smtp"
        };
        format!("{scheme}://localhost:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate, for clients to trust.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }

    /// The next mail that arrived in full, as mailparser reads it.
    ///
    /// # Panics
    ///
    /// If none arrives.
    pub fn next_mail(&self) -> Value {
        loop {
            let event = self
                .events
                .recv_timeout(PATIENCE)
                .expect("a mail arrives before patience ends");
            if event["event"] == "mail" {
                return event;
            }
        }
    }

    /// What happened up to now and was not asked for yet. What the server has said is still on its way
    /// through a pipe when it has answered the client.
    pub fn events(&self) -> Vec<Value> {
        std::iter::from_fn(|| self.events.recv_timeout(ON_ITS_WAY).ok()).collect()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
