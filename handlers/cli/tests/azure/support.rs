//! A sandbox in this process, the real binary, and what to do with its output.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use azure_sandbox::{Options, Scenario, World, serve};
use budget_engine::Money;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const FIRST: Date = date(2026, 11, 1);
pub(crate) const LAST: Date = date(2026, 11, 17);
pub(crate) const DAYS: [&str; 4] = ["--from", "2026-11-01", "--to", "2026-11-17"];

/// A sandbox in this process, and a folder to ask it from.
pub(crate) struct Sandbox {
    pub(crate) base: String,
    pub(crate) world: World,
    pub(crate) folder: TempDir,
}

impl Sandbox {
    pub(crate) fn new(scenario: &str) -> Sandbox {
        Sandbox::with(scenario, |_| {})
    }

    pub(crate) fn with(scenario: &str, change: impl FnOnce(&mut Options)) -> Sandbox {
        let world = Scenario::named(scenario).unwrap().world;
        let mut options = Options::new(world.today);
        change(&mut options);
        let (all, (send, receive)) = (world.clone(), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                send.send(listener.local_addr().unwrap()).unwrap();
                serve(listener, all, options).await.unwrap();
            });
        });
        Sandbox {
            base: format!("http://{}", receive.recv().unwrap()),
            world: world.as_seen_on(world.today),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// `spendwatch azure`, signed in by managed identity.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = spendwatch(self.folder.path());
        command
            .arg("azure")
            .args(arguments)
            .args(["--endpoint", &self.base, "--auth", "managed-identity"])
            .env("IDENTITY_ENDPOINT", format!("{}/msi/token", self.base))
            .env("IDENTITY_HEADER", "sandbox-identity");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What succeeds in JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--output", "json"]].concat());
        code(&output, 0);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What succeeds as a table.
    #[track_caller]
    pub(crate) fn table(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        code(&output, 0);
        stdout(&output)
    }

    pub(crate) fn account(&self) -> String {
        format!(
            "/providers/Microsoft.Billing/billingAccounts/{}",
            self.world.billing_account
        )
    }

    /// The path of the first billing profile.
    pub(crate) fn profile(&self) -> String {
        let id = &self.world.parents()[0].id;
        format!("{}/billingProfiles/{id}", self.account())
    }

    /// The path of the first subscription.
    pub(crate) fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.world.subscriptions[0].id)
    }

    /// Costs of the first subscription in November, by something.
    pub(crate) fn november(
        &self,
        by: impl Fn(&azure_sandbox::CostRow<'_>) -> String,
    ) -> BTreeMap<String, Decimal> {
        let id = &self.world.subscriptions[0].id;
        let mut sums = BTreeMap::new();
        for row in self.world.rows_between(FIRST, LAST) {
            if row.subscription.id == *id {
                *sums.entry(by(&row)).or_default() += row.cost;
            }
        }
        sums
    }

    /// Sends a request to the sandbox's own controls, and gives the answer.
    pub(crate) fn control(&self, method: &str, path: &str) -> String {
        let address = self.base.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
        answer
    }
}

pub(crate) fn spendwatch(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spendwatch"));
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["SPENDWATCH_", "AZURE", "Azure", "IDENTITY_"]
            .iter()
            .any(|start| name.starts_with(start))
        {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
pub(crate) fn code(output: &Output, expected: i32) {
    let (out, err) = (stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(expected), "{out}\n{err}");
}

pub(crate) fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

pub(crate) fn amount(value: &Value) -> Decimal {
    assert_eq!(value["currency"], "EUR");
    decimal(&value["amount"])
}

/// Amounts by a text of each item.
pub(crate) fn by(items: &Value, key: &str) -> BTreeMap<String, Decimal> {
    let items = items.as_array().unwrap().iter();
    let pairs = items.map(|item| {
        let key = item[key].as_str().unwrap_or_default().to_owned();
        (key, amount(&item["cost"]))
    });
    pairs.collect()
}

pub(crate) fn eur(amount: Decimal) -> String {
    Money::new(amount, "EUR".parse().unwrap()).to_string()
}

/// Equal but for what 28 digits and the digits of the wire leave out.
#[track_caller]
pub(crate) fn close(left: Decimal, right: Decimal) {
    assert!(
        (left - right).abs() < Decimal::new(1, 6),
        "{left} is not {right}"
    );
}

#[track_caller]
pub(crate) fn all_close(left: &BTreeMap<String, Decimal>, right: &BTreeMap<String, Decimal>) {
    let keys = |map: &BTreeMap<String, Decimal>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(left), keys(right));
    left.values()
        .zip(right.values())
        .for_each(|(left, right)| close(*left, *right));
}
