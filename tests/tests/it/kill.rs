//! Kill -9 at every point of evaluating and delivering: after a restart every crossing is told
//! exactly once, or twice with the second one marked.
//!
//! The handler is the real program from its deployed folder, the store is the storage emulator and
//! the mail server a real one. All three talk through wires ([`tests::proxy`]). There are three kinds
//! of rounds, each with one blow:
//!
//! - at the n-th piece of data on any wire the data are held back and the handler is killed: one
//!   round for each n, so before and after every storage call, and at every step of the mail
//!   transaction;
//! - the handler is killed at a random moment, whatever it is doing;
//! - at a random piece of data the storage is killed and started again on its files. What it took
//!   and did not answer is done or not done. It is left alone until it has saved what it
//!   acknowledged: the emulator saves later than it answers, which a storage account does not, so
//!   losing that would say nothing of ours.
//!
//! The random moments follow from a seed, which is printed; `SPENDWATCH_KILL_SEED` brings them back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use state_store::{Documents, azure};
use tests::azurite::{Azurite, SAVES_WITHIN};
use tests::host::{AppFolder, FakeHost, PumpOptions, Settings, TimerCall};
use tests::node;
use tests::proxy::{Cutter, wire};
use tests::smtp::{PASSWORD, Smtp, Tls, USERNAME};
use url::Url;

/// How long everything may take to heal: leases, hidden messages and a restart.
const PATIENCE: Duration = Duration::from_secs(240);
/// Rounds at a time in which the handler is killed, each with servers of its own.
const LANES: usize = 3;
/// Rounds in which the handler is killed at a random moment, at least; more if there are few events.
const RANDOM_ROUNDS: usize = 60;
/// Rounds in which the storage is killed.
const STORAGE_ROUNDS: usize = 16;
/// All rounds, at least.
const ROUNDS: usize = 200;
/// The crossings of a round: one to each owner.
const OWNERS: [&str; 2] = ["payments@contoso.example", "data@contoso.example"];

/// A store, a mail server, and the folder of the app.
struct Servers {
    azurite: Azurite,
    smtp: Smtp,
    app: AppFolder,
}

/// When the one blow of a round falls.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// Never.
    None,
    /// The handler is killed at an event of the wires, counted from 1.
    AtEvent(usize),
    /// The handler is killed after this time.
    After(Duration),
    /// The storage is killed at an event of the wires.
    StorageAtEvent(usize),
}

/// One installation of its own, on wires that can be cut.
struct Round {
    blow: Blow,
    host: FakeHost,
    cutter: Arc<Cutter>,
    queues: Url,
    store: state_store::Azure,
    _files: tempfile::TempDir,
}

impl Round {
    async fn new(servers: &Servers, name: &str, blow: Blow) -> Round {
        let cutter = Cutter::new(match blow {
            Blow::None | Blow::After(_) => 0,
            Blow::AtEvent(event) | Blow::StorageAtEvent(event) => event,
        });
        let blobs = wire(servers.azurite.blob_port(), &cutter).await;
        let queues = wire(servers.azurite.queue_port(), &cutter).await;
        let mail = wire(servers.smtp.port(), &cutter).await;
        let through = |mut url: Url, port: u16| {
            url.set_port(Some(port)).unwrap();
            url
        };
        let files = tempfile::tempdir().unwrap();
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        std::fs::write(files.path().join("costs.csv"), costs(today)).unwrap();
        let config = files.path().join("spendwatch.toml");
        std::fs::write(&config, configuration(servers, mail, today)).unwrap();
        let container = servers.azurite.blob_container_url(name);
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
            blow,
            host,
            cutter,
            queues,
            store,
            _files: files,
        }
    }

    /// Evaluates and delivers, through the blow. Gives what is left in the outbox at the end, and
    /// whether the blow fell.
    async fn run(&self, servers: &mut Servers) -> (Vec<String>, bool) {
        let options = PumpOptions {
            poll: Duration::from_millis(50),
            // The host renews what it works on and gives it again ten minutes after it died.
            hide: Duration::from_secs(3),
            visibility_timeout: Some(Duration::from_secs(1)),
        };
        let mut pump = Some(self.host.pump(&self.queues, options));
        let begun = Instant::now();
        let mut evaluated = false;
        let mut fell = false;
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
            let moment = async {
                match self.blow {
                    Blow::After(time) if !fell => {
                        tokio::time::sleep(time.saturating_sub(begun.elapsed())).await;
                        self.cutter.cut();
                    }
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                () = step => {}
                () = moment => {}
                () = self.cutter.wait() => {}
            }
            if self.cutter.is_cut() {
                fell = true;
                if let Blow::StorageAtEvent(_) = self.blow {
                    // The host's own look at the queues would only fail.
                    drop(pump.take());
                    tokio::time::sleep(SAVES_WITHIN).await;
                    tokio::task::block_in_place(|| servers.azurite.kill_and_restart());
                    self.cutter.mend();
                    pump = Some(self.host.pump(&self.queues, options));
                } else {
                    self.host.kill().await;
                    self.cutter.mend();
                    self.host.restart().await;
                }
            }
            let left = self.left().await;
            if (evaluated && left.is_empty() && self.finished().await == OWNERS.len())
                || begun.elapsed() > PATIENCE
            {
                return (left, fell);
            }
        }
    }

    /// What still waits: live deliveries, and ledgers that were not routed.
    async fn left(&self) -> Vec<String> {
        self.store.list("outbox/").await.unwrap()
    }

    /// Everything that is stored, for whoever looks into a failure.
    async fn documents(&self) -> String {
        let mut text = String::new();
        for prefix in [
            "unrouted/",
            "ledger/",
            "open/",
            "outbox/",
            "history/",
            "lanes/",
        ] {
            for key in self.store.list(prefix).await.unwrap() {
                let document = self.store.get(&key).await.unwrap();
                let bytes = document.map(|one| one.bytes).unwrap_or_default();
                text += &format!("{key}: {}\n", String::from_utf8_lossy(&bytes));
            }
        }
        text
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

/// How long a mail that the server has taken may need to be told by it.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// What arrived: for each recipient the mails in order, each with whether it is marked. On a machine that
/// stands still for a moment what the server says comes late; what is lost is lost all the same.
fn arrived(smtp: &Smtp) -> BTreeMap<String, Vec<bool>> {
    let begun = Instant::now();
    let mut mails: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    loop {
        for event in smtp.events() {
            if event["event"] == "mail" {
                let to = event["to"][0].as_str().unwrap().to_owned();
                let is_marked = event["text"]
                    .as_str()
                    .is_some_and(|text| text.contains("duplicate"));
                mails.entry(to).or_default().push(is_marked);
            }
        }
        let all = OWNERS.iter().all(|owner| mails.contains_key(*owner));
        if all || begun.elapsed() > TOLD_WITHIN {
            return mails;
        }
    }
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

/// What came of some rounds.
#[derive(Debug, Default)]
struct Tally {
    rounds: usize,
    blows: usize,
    duplicates: usize,
    failures: Vec<String>,
}

impl Tally {
    async fn round(&mut self, servers: &mut Servers, number: usize, blow: Blow) {
        let round = Round::new(servers, &format!("kill-{number}"), blow).await;
        let (left, fell) = round.run(servers).await;
        self.rounds += 1;
        self.blows += usize::from(fell);
        match verdict(&arrived(&servers.smtp)) {
            Ok(count) if left.is_empty() => self.duplicates += count,
            Ok(_) => self
                .failures
                .push(format!("{blow:?}: still waiting: {left:?}")),
            Err(problem) => {
                let documents = round.documents().await;
                let what = format!("{blow:?}: {problem}; left {left:?}; stored:\n{documents}");
                self.failures.push(what);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_anywhere_every_crossing_is_told_once_or_twice_and_marked() {
    if !node::available("kill -9 at every point of evaluating and delivering") {
        return;
    }
    let seed = std::env::var("SPENDWATCH_KILL_SEED").ok();
    let seed: u64 = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("SPENDWATCH_KILL_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let app = AppFolder::staged();
    let servers = |azurite| Servers {
        azurite,
        smtp: Smtp::start("accept", Tls::StartTls),
        app: app.clone(),
    };
    let mut lanes: Vec<Servers> = (0..LANES).map(|_| servers(Azurite::start())).collect();
    let mut on_files = servers(Azurite::start_on_files());

    // Without a blow: everything once, and how many events there are.
    let calm = Round::new(&lanes[0], "calm", Blow::None).await;
    let begun = Instant::now();
    assert_eq!(calm.run(&mut lanes[0]).await, (Vec::new(), false));
    assert_eq!(verdict(&arrived(&lanes[0].smtp)), Ok(0));
    let (events, takes) = (calm.cutter.events(), begun.elapsed());
    drop(calm);

    let mut kills: Vec<Blow> = (1..=events).map(Blow::AtEvent).collect();
    let more = ROUNDS.saturating_sub(events + STORAGE_ROUNDS);
    kills.extend((0..more.max(RANDOM_ROUNDS)).map(|_| Blow::After(takes.mul_f64(random.f64()))));
    let storage: Vec<Blow> = (0..STORAGE_ROUNDS)
        .map(|_| Blow::StorageAtEvent(random.usize(1..=events)))
        .collect();

    let next = &AtomicUsize::new(0);
    let kills = &kills;
    let handler = lanes.into_iter().map(|mut servers| async move {
        let mut tally = Tally::default();
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let Some(blow) = kills.get(number) else {
                return tally;
            };
            tally.round(&mut servers, number, *blow).await;
        }
    });
    let storage = async {
        let mut tally = Tally::default();
        for (number, blow) in storage.into_iter().enumerate() {
            tally.round(&mut on_files, number, blow).await;
        }
        tally
    };
    let (handler, storage) = tokio::join!(futures::future::join_all(handler), storage);
    let mut all = Tally::default();
    for tally in handler.into_iter().chain([storage]) {
        all.rounds += tally.rounds;
        all.blows += tally.blows;
        all.duplicates += tally.duplicates;
        all.failures.extend(tally.failures);
    }
    let Tally {
        rounds,
        blows,
        duplicates,
        failures,
    } = all;
    println!("{rounds} rounds, {blows} kills, {duplicates} marked duplicates");
    assert!(rounds >= ROUNDS, "only {rounds} rounds");
    // A round may need a few events less than the calm one, and then nothing is cut.
    assert!(blows >= ROUNDS, "only {blows} kills in {rounds} rounds");
    assert!(
        failures.is_empty(),
        "{} of {rounds} rounds, seed {seed}:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
