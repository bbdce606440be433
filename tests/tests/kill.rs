//! Kill -9 at every point of evaluating and delivering: after a restart every crossing is told
//! exactly once, or twice with the second one marked.
//!
//! The handler is the real program from its deployed folder, the store is the storage emulator and
//! the mail server a real one. All three talk through wires ([`tests::proxy`]); at the n-th piece of
//! data on any of them the data are held back and the handler is killed. One round for each n: before
//! and after every storage call, and at every step of the mail transaction.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use state_store::{Documents, azure};
use tests::azurite::Azurite;
use tests::host::{AppFolder, FakeHost, PumpOptions, Settings, TimerCall};
use tests::node;
use tests::proxy::{Cutter, wire};
use tests::smtp::{PASSWORD, Smtp, Tls, USERNAME};
use url::Url;

/// How long everything may take to heal: leases, hidden messages and a restart.
const PATIENCE: Duration = Duration::from_secs(60);
/// Rounds at a time, each with servers of its own.
const LANES: usize = 3;
/// The crossings of a round: one to each owner.
const OWNERS: [&str; 2] = ["payments@contoso.example", "data@contoso.example"];

/// A store, a mail server, and the folder of the app.
struct Servers {
    azurite: Azurite,
    smtp: Smtp,
    app: AppFolder,
}

/// One installation of its own, on wires that can be cut.
struct Round {
    host: FakeHost,
    cutter: Arc<Cutter>,
    queues: Url,
    store: state_store::Azure,
    _files: tempfile::TempDir,
}

impl Round {
    async fn new(servers: &Servers, cut_at: usize) -> Round {
        let cutter = Cutter::new(cut_at);
        let blobs = wire(servers.azurite.blob_port(), &cutter).await;
        let queues = wire(servers.azurite.queue_port(), &cutter).await;
        let mail = wire(servers.smtp.port(), &cutter).await;
        let name = format!("kill-{cut_at}");
        let through = |mut url: Url, port: u16| {
            url.set_port(Some(port)).unwrap();
            url
        };
        let files = tempfile::tempdir().unwrap();
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        std::fs::write(files.path().join("costs.csv"), costs(today)).unwrap();
        let config = files.path().join("spendwatch.toml");
        std::fs::write(&config, configuration(servers, mail, today)).unwrap();
        let container = servers.azurite.blob_container_url(&name);
        let settings = Settings::new()
            .with("SPENDWATCH_CONFIG", config.to_str().unwrap())
            .with(
                "SPENDWATCH_STATE",
                through(container.clone(), blobs).as_str(),
            )
            .with(
                "SPENDWATCH_QUEUES",
                through(servers.azurite.queue_service_url(), queues).as_str(),
            )
            .with("EVALUATE_SCHEDULE", "0 0 * * * *")
            .with("SYNC_SCHEDULE", "0 30 3 * * *")
            .with("SMTP_USERNAME", USERNAME)
            .with("SMTP_PASSWORD", PASSWORD);
        let queues = servers.azurite.queue_service_url();
        let store =
            state_store::Azure::new(container, queues.clone(), None, azure::Options::default())
                .unwrap();
        let host = FakeHost::start(servers.app.clone(), settings).await;
        Round {
            host,
            cutter,
            queues,
            store,
            _files: files,
        }
    }

    /// Evaluates and delivers; kills and restarts on the way if the wires are cut. Gives what is
    /// left in the outbox at the end.
    async fn run(&self) -> Vec<String> {
        let options = PumpOptions {
            poll: Duration::from_millis(50),
            // The host renews what it works on and gives it again ten minutes after it died.
            hide: Duration::from_secs(3),
            visibility_timeout: Some(Duration::from_secs(1)),
        };
        let _pump = self.host.pump(&self.queues, options);
        let ends = Instant::now() + PATIENCE;
        let mut evaluated = false;
        loop {
            let step = async {
                if !evaluated {
                    evaluated = self
                        .host
                        .timer("evaluate-budgets", TimerCall::default())
                        .await
                        .outcome
                        .succeeded();
                }
                tokio::time::sleep(Duration::from_millis(700)).await;
                // The sweep runs each minute; here more often, because the test cannot wait.
                self.host.timer("sweep", TimerCall::default()).await;
            };
            tokio::select! {
                () = step => {}
                () = self.cutter.wait() => {
                    self.host.kill().await;
                    self.cutter.mend();
                    self.host.restart().await;
                }
            }
            let left = self.left().await;
            if (evaluated && left.is_empty() && self.finished().await == OWNERS.len())
                || Instant::now() > ends
            {
                return left;
            }
        }
    }

    /// What still waits: live deliveries, and ledgers that were not routed.
    async fn left(&self) -> Vec<String> {
        self.store.list("outbox/").await.unwrap()
    }

    async fn finished(&self) -> usize {
        self.store.list("history/").await.unwrap().len()
    }
}

/// Twenty days of cost up to yesterday, above both budgets, in one year that has begun by then.
fn costs(today: Date) -> String {
    let mut text =
        "Date,SubscriptionId,ResourceGroup,MeterCategory,CostInBillingCurrency,BillingCurrencyCode\n".to_owned();
    for back in 1..=20 {
        let day = today.checked_sub(back.days()).unwrap();
        for group in ["payments", "data"] {
            let day = day.strftime("%m/%d/%Y");
            writeln!(
                text,
                "{day},11111111-1111-4111-8111-111111111111,{group},Storage,60,EUR"
            )
            .unwrap();
        }
    }
    text
}

fn configuration(servers: &Servers, mail: u16, today: Date) -> String {
    // A fiscal year that began two months ago, so that the twenty days lie in it.
    let starts = today.checked_sub(60.days()).unwrap().first_of_month();
    let mut text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["costs.csv"]
        [defaults]
        grain = "annually"
        thresholds = ["actual 50%", "actual 100%"]
        [delivery]
        send_timeout_seconds = 2
        lease_seconds = 3
        unknown_wait_seconds = 0
        retry_seconds = [0, 1, 1, 1, 1, 1, 1, 1]
        [channel.mail]
        kind = "email"
        smtp = "smtp://localhost:{mail}"
        from = "Cost alerts <cost@contoso.example>"
        ca_file = {ca:?}
        username = {{ secret = "SMTP_USERNAME" }}
        password = {{ secret = "SMTP_PASSWORD" }}
        "#,
        ca = servers.smtp.ca_file(),
    );
    for owner in OWNERS {
        let group = owner.split('@').next().unwrap();
        write!(
            text,
            r#"
            [[budget]]
            id = "{group}"
            scopes = ["/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/{group}"]
            amount = 1000
            starts = {starts}
            owners = ["{owner}"]
            "#
        )
        .unwrap();
    }
    text
}

/// What arrived: for each recipient the mails in order, each with whether it is marked.
fn arrived(smtp: &Smtp) -> BTreeMap<String, Vec<bool>> {
    let mut mails: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for event in smtp.events() {
        if event["event"] == "mail" {
            let to = event["to"][0].as_str().unwrap().to_owned();
            let is_marked = event["text"]
                .as_str()
                .is_some_and(|text| text.contains("duplicate"));
            mails.entry(to).or_default().push(is_marked);
        }
    }
    mails
}

/// Exactly once, or twice with the second one marked.
fn verdict(mails: &BTreeMap<String, Vec<bool>>) -> Result<usize, String> {
    let mut duplicates = 0;
    for owner in OWNERS {
        match mails.get(owner).map(Vec::as_slice) {
            Some([_]) => {}
            Some([_, true]) => duplicates += 1,
            other => return Err(format!("{owner} got {other:?} (marked or not)")),
        }
    }
    Ok(duplicates)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_anywhere_every_crossing_is_told_once_or_twice_and_marked() {
    if !node::available("kill -9 at every point of evaluating and delivering") {
        return;
    }
    let app = AppFolder::staged();
    let lanes = (0..LANES).map(|_| Servers {
        azurite: Azurite::start(),
        smtp: Smtp::start("accept", Tls::StartTls),
        app: app.clone(),
    });
    let lanes: Vec<Servers> = lanes.collect();

    // Without a kill: everything once, and how many events there are.
    let calm = Round::new(&lanes[0], 0).await;
    assert_eq!(calm.run().await, Vec::<String>::new());
    assert_eq!(verdict(&arrived(&lanes[0].smtp)), Ok(0));
    let events = calm.cutter.events();
    drop(calm);

    let next = &AtomicUsize::new(1);
    let workers = lanes.into_iter().map(|servers| async move {
        let (mut failures, mut duplicates, mut rounds, mut kills) = (Vec::new(), 0, 0, 0);
        loop {
            let at = next.fetch_add(1, Ordering::SeqCst);
            if at > events {
                return (failures, duplicates, rounds, kills);
            }
            let round = Round::new(&servers, at).await;
            let left = round.run().await;
            let mails = arrived(&servers.smtp);
            rounds += 1;
            kills += usize::from(round.cutter.events() >= at);
            match verdict(&mails) {
                Ok(count) if left.is_empty() => duplicates += count,
                Ok(_) => failures.push(format!("killed at {at}: still waiting: {left:?}")),
                Err(problem) => failures.push(format!("killed at {at}: {problem}; left {left:?}")),
            }
        }
    });
    let (mut failures, mut duplicates, mut rounds, mut kills) = (Vec::new(), 0, 0, 0);
    for (failed, marked, done, killed) in futures::future::join_all(workers).await {
        failures.extend::<Vec<String>>(failed);
        duplicates += marked;
        rounds += done;
        kills += killed;
    }
    println!("{rounds} rounds, {kills} kills, {duplicates} marked duplicates");
    // A round may need a few events less than the calm one, and then nothing is cut.
    assert!(
        kills * 10 >= rounds * 9,
        "only {kills} kills in {rounds} rounds"
    );
    assert!(
        failures.is_empty(),
        "{} of {rounds} rounds:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
