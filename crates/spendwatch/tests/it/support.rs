//! An application over a store in memory, costs in memory, and a chat server on loopback.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use budget_engine::{ChargeCategory, FactsBuilder, Place, Scope, SeriesKey, dates};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rust_decimal::Decimal;
use spendwatch::sources::{Answer, CostSource, ReadContext, ReadRequest};
use spendwatch::{App, Clock, Config, Environment, ManualClock, StateLocation, jobs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(crate) const GROUP: &str = "/subscriptions/a/resourceGroups/payments";

/// Costs that tests change between evaluations.
#[derive(Default)]
pub(crate) struct Costs {
    rows: Mutex<Vec<(Date, &'static str, Decimal)>>,
    as_of: Mutex<Timestamp>,
    fails: Mutex<bool>,
}

impl Costs {
    pub(crate) fn set(&self, rows: Vec<(Date, &'static str, Decimal)>, as_of: Timestamp) {
        *self.rows.lock().unwrap() = rows;
        *self.as_of.lock().unwrap() = as_of;
    }

    pub(crate) fn fail(&self, fails: bool) {
        *self.fails.lock().unwrap() = fails;
    }
}

/// The source that reads [`Costs`].
pub(crate) struct Source(pub(crate) Arc<Costs>);

#[async_trait]
impl CostSource for Source {
    async fn read(&self, request: &ReadRequest, _: &ReadContext) -> anyhow::Result<Answer> {
        anyhow::ensure!(!*self.0.fails.lock().unwrap(), "throttled until noon");
        let mut facts = FactsBuilder::new(request.projection.clone());
        for (day, service, cost) in &*self.0.rows.lock().unwrap() {
            let resource = Some(Scope::parse(GROUP)?);
            let series = facts.series(SeriesKey {
                place: Arc::new(Place {
                    resource,
                    ..Place::default()
                }),
                currency: "EUR".parse()?,
                category: ChargeCategory::Usage,
                dimensions: request
                    .projection
                    .dimensions
                    .iter()
                    .map(|_| Arc::from(*service))
                    .collect(),
                tags: request
                    .projection
                    .tags
                    .iter()
                    .map(|_| Arc::from(""))
                    .collect(),
            });
            facts.add(series, *day, Some(*cost), None)?;
        }
        Ok(Answer {
            facts: facts.finish(*self.0.as_of.lock().unwrap()),
            notes: vec![],
        })
    }
}

/// One request that the chat server got: its body.
type Bodies = Arc<Mutex<Vec<String>>>;

/// What the chat server does with the next request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answering {
    Status(u16),
    RetryAfter(u16, u32),
    /// With this body.
    Saying(u16, &'static str),
    /// Reads the request and closes the connection without an answer.
    HangUp,
}

/// A webhook receiver on loopback that does what it is told.
pub(crate) struct Chat {
    pub(crate) url: String,
    pub(crate) bodies: Bodies,
    script: Arc<Mutex<VecDeque<Answering>>>,
}

impl Chat {
    pub(crate) async fn start() -> Chat {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let bodies = Bodies::default();
        let script: Arc<Mutex<VecDeque<Answering>>> = Arc::default();
        let (kept, answers) = (bodies.clone(), script.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                let body = loop {
                    let read = stream.read(&mut buffer).await.unwrap_or(0);
                    request.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    if let Some((head, body)) = text.split_once("\r\n\r\n") {
                        let length = head
                            .lines()
                            .find_map(|line| {
                                line.to_lowercase()
                                    .strip_prefix("content-length: ")?
                                    .parse()
                                    .ok()
                            })
                            .unwrap_or(0);
                        if body.len() >= length {
                            break body.to_owned();
                        }
                    }
                    if read == 0 {
                        break String::new();
                    }
                };
                kept.lock().unwrap().push(body);
                let next = answers.lock().unwrap().pop_front();
                let answer = match next.unwrap_or(Answering::Status(200)) {
                    Answering::HangUp => continue,
                    Answering::Status(status) => format!(
                        "HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
                    ),
                    Answering::Saying(status, body) => format!(
                        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    ),
                    Answering::RetryAfter(status, seconds) => format!(
                        "HTTP/1.1 {status} x\r\nretry-after: {seconds}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    ),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Chat {
            url,
            bodies,
            script,
        }
    }

    pub(crate) fn answers(&self, script: &[Answering]) {
        self.script.lock().unwrap().extend(script);
    }

    pub(crate) fn told(&self) -> usize {
        self.bodies.lock().unwrap().len()
    }
}

/// An application with one budget of EUR 1,000, told to a chat channel of a kind.
pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) costs: Arc<Costs>,
    pub(crate) chat: Chat,
}

pub(crate) const START: Date = date(2026, 11, 12);

impl World {
    pub(crate) async fn new(kind: &str, thresholds: &str) -> World {
        World::with(kind, thresholds, "").await
    }

    /// The same with more in the configuration: tables, which may name the channel `chat`.
    pub(crate) async fn with(kind: &str, thresholds: &str, more: &str) -> World {
        World::configured(kind, thresholds, "", more).await
    }

    /// The same with settings before the first table as well.
    pub(crate) async fn configured(kind: &str, thresholds: &str, root: &str, more: &str) -> World {
        spendwatch::install_crypto();
        let chat = Chat::start().await;
        let signing = if kind == "webhook" {
            "signing = { secret = \"SIGNING\" }"
        } else {
            ""
        };
        let text = format!(
            r#"
            version = 1
            currency = "EUR"
            {root}
            [source]
            kind = "files"
            paths = ["replaced-by-the-test.csv"]
            [channel.chat]
            kind = "{kind}"
            url = {{ secret = "CHAT_URL" }}
            {signing}
            allow_networks = ["127.0.0.1/32"]
            [delivery]
            send_timeout_seconds = 5
            lease_seconds = 60
            unknown_wait_seconds = 120
            retry_seconds = [30, 60]
            [[budget]]
            id = "payments"
            scopes = ["{GROUP}"]
            amount = 1000
            notify = ["chat"]
            thresholds = {thresholds}
            {more}
            "#
        );
        let config = Config::parse(&[(PathBuf::from("spendwatch.toml"), text)]).unwrap();
        let environment: Environment = [
            ("CHAT_URL".to_owned(), chat.url.clone()),
            (
                "LINK_KEY".to_owned(),
                "0123456789abcdef0123456789abcdef".to_owned(),
            ),
            // Base64 of 24 bytes.
            (
                "SIGNING".to_owned(),
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
            ),
        ]
        .into_iter()
        .collect();
        let clock = Arc::new(ManualClock::new(midnight(START)));
        let costs = Arc::new(Costs::default());
        let app = App::new(config, &environment, StateLocation::Memory)
            .unwrap()
            .with_clock(clock.clone())
            .with_sources(vec![Arc::new(Source(costs.clone()))]);
        World {
            app,
            clock,
            costs,
            chat,
        }
    }

    /// This much was spent on the first of November; the data go to the day before today.
    pub(crate) fn spent(&self, amount: i64) {
        let mut rows = vec![(date(2026, 11, 1), "Storage", Decimal::from(amount))];
        rows.extend(dates(date(2026, 11, 2), START).map(|day| (day, "Storage", Decimal::ZERO)));
        self.costs.set(rows, self.clock.now());
    }

    pub(crate) async fn evaluate(&self) -> jobs::evaluate::Report {
        let reads = self.app.reads().unwrap();
        assert_eq!(reads.len(), 1);
        jobs::evaluate::run(&self.app, &reads[0], &Default::default())
            .await
            .unwrap()
    }

    pub(crate) async fn deliver(&self) -> jobs::deliver::Report {
        jobs::deliver::run(&self.app, "chat").await.unwrap()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// The finished deliveries.
    pub(crate) async fn history(&self) -> Vec<spendwatch::Delivery> {
        let mut finished = Vec::new();
        for key in self.app.documents().list("history/").await.unwrap() {
            let document = self.app.documents().get(&key).await.unwrap().unwrap();
            finished.push(serde_json::from_slice(&document.bytes).unwrap());
        }
        finished
    }
}

pub(crate) fn midnight(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).unwrap().timestamp()
}
