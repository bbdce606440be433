//! Every kind of channel over HTTP and every class of answer, through the job: what becomes of the
//! notice, of its destination, and who else hears of it.

use std::path::PathBuf;
use std::sync::Arc;

use alert_channels::acs_email::AcsEmail;
use alert_channels::email::Subject;
use alert_channels::http::{Access, Http};
use alert_channels::storage_queue::StorageQueue;
use alert_channels::tokens::{NoToken, TokenSource};
use alert_channels::{Channel, Class, Kind, Message};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use spendwatch::{
    App, Clock, Config, Delivery, DeliveryState, Environment, Health, Lane, ManualClock,
    StateLocation, jobs,
};

use crate::support::{Answering, Chat, Costs, GROUP, START, Source, midnight};
use Answering::{HangUp, RetryAfter, Saying, Status};

/// Waits of the schedule: after the first failure, the second, and so on.
const SCHEDULE: [i64; 5] = [30, 60, 120, 240, 480];
const ACS_HOST: &str = "contoso.europe.communication.azure.com";
const QUEUE_HOST: &str = "contoso.queue.core.windows.net";

/// What a service says in each case, and what is promised of it.
struct Service {
    kind: Kind,
    takes: Answering,
    /// The state that the answer above leads to.
    taken: DeliveryState,
    /// What refuses this notice.
    refuses: Answering,
    /// Whether the service recognizes a repetition: then it is asked again as after any failure.
    recognizes: bool,
    /// Whether a second one is marked.
    marks: bool,
}

fn services() -> Vec<Service> {
    let (delivered, accepted) = (DeliveryState::Delivered, DeliveryState::Accepted);
    let row = |kind, takes, taken: &DeliveryState, refuses, recognizes, marks| Service {
        kind,
        takes,
        taken: taken.clone(),
        refuses,
        recognizes,
        marks,
    };
    let schema = r#"{"error":{"code":"TriggerInputSchemaMismatch","message":"x"}}"#;
    let posted = r#"{"ok":true,"channel":"C0123ABCD","ts":"1503435956.000247"}"#;
    let queued = "<QueueMessagesList><QueueMessage><MessageId>5974</MessageId></QueueMessage></QueueMessagesList>";
    vec![
        row(
            Kind::Teams,
            Saying(202, ""),
            &accepted,
            Saying(400, schema),
            false,
            true,
        ),
        row(
            Kind::Slack,
            Saying(200, "ok"),
            &delivered,
            Saying(400, "invalid_blocks"),
            false,
            true,
        ),
        row(
            Kind::SlackBot,
            Saying(200, posted),
            &delivered,
            Saying(200, r#"{"ok":false,"error":"invalid_blocks"}"#),
            false,
            true,
        ),
        row(
            Kind::Discord,
            Saying(200, r#"{"id":"1125187345123"}"#),
            &delivered,
            Saying(400, r#"{"code":50035,"message":"Invalid Form Body"}"#),
            false,
            true,
        ),
        row(
            Kind::GoogleChat,
            Saying(200, r#"{"name":"spaces/AAAA/messages/BBBB"}"#),
            &delivered,
            Saying(400, r#"{"error":{"status":"INVALID_ARGUMENT"}}"#),
            false,
            true,
        ),
        row(
            Kind::Mattermost,
            Saying(200, "ok"),
            &delivered,
            Status(413),
            false,
            true,
        ),
        row(
            Kind::PagerDuty,
            Saying(202, r#"{"status":"success","dedup_key":"x"}"#),
            &accepted,
            Saying(
                400,
                r#"{"status":"invalid event","errors":["'payload' is missing"]}"#,
            ),
            true,
            false,
        ),
        row(
            Kind::Jira,
            Saying(202, r#"{"requestId":"43a29c5c"}"#),
            &accepted,
            Status(422),
            true,
            false,
        ),
        row(
            Kind::Webhook,
            Status(204),
            &delivered,
            Status(400),
            true,
            true,
        ),
        row(
            Kind::EventGrid,
            Status(200),
            &delivered,
            Status(413),
            true,
            true,
        ),
        row(
            Kind::StorageQueue,
            Saying(201, queued),
            &delivered,
            Status(400),
            true,
            true,
        ),
        row(
            Kind::AcsEmail,
            Status(202),
            &accepted,
            Status(400),
            true,
            true,
        ),
    ]
}

/// Always the same token.
struct Token;

#[async_trait]
impl TokenSource for Token {
    async fn token(&self, _: &str) -> Result<secrecy::SecretString, NoToken> {
        Ok("t0k3n".into())
    }
}

/// One crossing for a destination of one kind, and a fallback that works.
struct Scene {
    app: App,
    clock: Arc<ManualClock>,
    service: Chat,
    rescue: Chat,
    name: String,
}

impl Scene {
    async fn new(kind: Kind) -> Scene {
        spendwatch::install_crypto();
        let (service, rescue) = (Chat::start().await, Chat::start().await);
        let name = kind.as_str().to_owned();
        let base = service.url.trim_end_matches("/hook").to_owned();
        let port = base.rsplit(':').next().unwrap();
        let settings = match kind {
            Kind::SlackBot => format!(
                "url = \"{base}/api\"\ntoken = {{ secret = \"TOKEN\" }}\nchannel = \"C0123ABCD\""
            ),
            Kind::PagerDuty => {
                format!("url = \"{base}/\"\nrouting_key = {{ secret = \"ROUTING\" }}")
            }
            Kind::Jira => format!("url = \"{base}/\"\napi_key = {{ secret = \"TOKEN\" }}"),
            Kind::EventGrid => format!("topic = \"{base}/\"\nkey = {{ secret = \"TOKEN\" }}"),
            Kind::StorageQueue => {
                format!("queue = \"http://{QUEUE_HOST}:{port}/costs\"\nauth = \"azure-cli\"")
            }
            Kind::AcsEmail => format!(
                "endpoint = \"http://{ACS_HOST}:{port}/\"\nauth = \"azure-cli\"\n\
                 from = \"cost@contoso.example\"\nto = [\"finops@contoso.example\"]"
            ),
            Kind::Webhook => {
                "url = { secret = \"URL\" }\nsigning = { secret = \"SIGNING\" }".to_owned()
            }
            _ => "url = { secret = \"URL\" }".to_owned(),
        };
        let text = format!(
            r#"
            version = 1
            currency = "EUR"
            fallback = "rescue"
            [source]
            kind = "files"
            paths = ["replaced-by-the-test.csv"]
            [channel.{name}]
            kind = "{name}"
            allow_networks = ["127.0.0.1/32"]
            {settings}
            [channel.rescue]
            kind = "webhook"
            url = {{ secret = "RESCUE_URL" }}
            signing = {{ secret = "SIGNING" }}
            allow_networks = ["127.0.0.1/32"]
            [delivery]
            send_timeout_seconds = 5
            lease_seconds = 60
            retry_seconds = {SCHEDULE:?}
            [[budget]]
            id = "payments"
            scopes = ["{GROUP}"]
            amount = 1000
            notify = ["{name}"]
            thresholds = ["actual 80%"]
            "#
        );
        let config = Config::parse(&[(PathBuf::from("spendwatch.toml"), text)]).unwrap();
        let environment: Environment = [
            ("URL", service.url.as_str()),
            ("RESCUE_URL", rescue.url.as_str()),
            ("TOKEN", "xoxb-c4n4ry"),
            ("ROUTING", "0123456789abcdef0123456789abcdef"),
            ("SIGNING", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let clock = Arc::new(ManualClock::new(midnight(START)));
        let costs = Arc::new(Costs::default());
        let spent = (START.yesterday().unwrap(), "Storage", Decimal::from(850));
        costs.set(vec![spent], clock.now());
        let app = App::new(config, &environment, StateLocation::Memory)
            .unwrap()
            .with_clock(clock.clone())
            .with_sources(vec![Arc::new(Source(costs))])
            .with_channels(|_, opened| on_this_machine(opened, port));
        let reads = app.reads().unwrap();
        let report = jobs::evaluate::run(&app, &reads[0], &Default::default())
            .await
            .unwrap();
        assert_eq!(report.budgets[0].deliveries, 1, "{name}");
        Scene {
            app,
            clock,
            service,
            rescue,
            name,
        }
    }

    /// Visits the lane of the destination, then that of the fallback.
    async fn deliver(&self) {
        for destination in [self.name.as_str(), "rescue"] {
            jobs::deliver::run(&self.app, destination).await.unwrap();
        }
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    async fn all(&self, prefix: &str) -> Vec<Delivery> {
        let mut found = Vec::new();
        for key in self.app.documents().list(prefix).await.unwrap() {
            let document = self.app.documents().get(&key).await.unwrap().unwrap();
            found.push(serde_json::from_slice(&document.bytes).unwrap());
        }
        found
    }

    /// The one delivery to the destination, and whether it is finished.
    async fn fate(&self) -> (Delivery, bool) {
        let mut found = Vec::new();
        for (prefix, finished) in [("outbox/", false), ("history/", true)] {
            let there = self.all(prefix).await.into_iter();
            let ours = there.filter(|one| one.destination == self.name);
            found.extend(ours.map(|one| (one, finished)));
        }
        assert_eq!(found.len(), 1, "{}: {found:#?}", self.name);
        found.remove(0)
    }

    async fn lane(&self) -> Lane {
        let key = format!("lanes/{}", self.name);
        let document = self.app.documents().get(&key).await.unwrap().unwrap();
        serde_json::from_slice(&document.bytes).unwrap()
    }

    /// What the fallback was told: titles of troubles, and `instead` for what was lost elsewhere.
    async fn rescued(&self) -> Vec<String> {
        let mut told = Vec::new();
        for one in self.all("history/").await {
            if one.destination != "rescue" {
                continue;
            }
            assert_eq!(one.state, DeliveryState::Delivered);
            told.push(match (&one.notice.message, &one.notice.instead_of) {
                (Message::Trouble { title, .. }, None) => title.clone(),
                (Message::Crossing(_), Some(destination)) if *destination == self.name => {
                    "instead".to_owned()
                }
                other => panic!("{}: {other:?}", self.name),
            });
        }
        assert_eq!(self.rescue.told(), told.len(), "each of them once");
        told
    }

    fn title(&self, what: &str) -> String {
        format!("the destination {} {what}", self.name)
    }

    /// Lets the time of a wait pass, jitter and the two minutes after an unknown outcome included.
    async fn wait_until(&self, at: Timestamp) {
        self.clock
            .advance(at.duration_since(self.clock.now()) + SignedDuration::from_millis(1));
    }

    /// Whether a request says that it may be a duplicate.
    fn is_marked(&self, request: usize) -> bool {
        let bodies = self.service.bodies.lock().unwrap();
        let body = bodies[request].to_lowercase();
        body.contains("duplicate\":true") || body.contains("possible duplicate")
    }
}

/// The services whose tokens are for their own hosts only, with those names standing for this machine.
fn on_this_machine(opened: Arc<dyn Channel>, port: &str) -> Arc<dyn Channel> {
    let http = Http::local().unwrap();
    let tokens = Arc::new(Token);
    match opened.kind() {
        Kind::AcsEmail => {
            let at = format!("http://{ACS_HOST}:{port}");
            let (from, subject) = ("cost@contoso.example", Subject::Telling);
            let access = Access::loopback();
            Arc::new(AcsEmail::new(&http, &at, access, tokens, from, None, subject).unwrap())
        }
        Kind::StorageQueue => {
            let at = format!("http://{QUEUE_HOST}:{port}/costs");
            let access = Access::loopback();
            Arc::new(StorageQueue::new(&http, &at, access, tokens, "/spendwatch/tests").unwrap())
        }
        _ => opened,
    }
}

/// The answers that let a later attempt through: a service that looks first says that it has nothing.
fn later(service: &Service) -> Vec<Answering> {
    match service.kind {
        Kind::AcsEmail => vec![Status(404), service.takes],
        _ => vec![service.takes],
    }
}

#[test]
fn every_kind_over_http_is_here() {
    let kinds: Vec<Kind> = services().iter().map(|one| one.kind).collect();
    let expected = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Email);
    for kind in expected {
        assert!(kinds.contains(&kind), "{kind}");
    }
}

#[tokio::test]
async fn what_is_taken_is_finished_and_nobody_else_hears() {
    for service in services() {
        let scene = Scene::new(service.kind).await;
        scene.service.answers(&[service.takes]);
        scene.deliver().await;
        scene.pass(7 * 3600);
        scene.deliver().await;
        let (delivery, finished) = scene.fate().await;
        assert!(finished, "{}", service.kind);
        assert_eq!(delivery.state, service.taken, "{}", service.kind);
        assert_eq!((delivery.failures, delivery.unknown_outcomes), (0, 0));
        assert_eq!(scene.service.told(), 1, "{}", service.kind);
        assert_eq!(scene.lane().await.health, Health::default());
        assert_eq!(scene.rescued().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn throttling_parks_the_destination_as_long_as_it_asks_and_is_no_failure() {
    for service in services() {
        let scene = Scene::new(service.kind).await;
        let asked = scene.clock.now();
        scene
            .service
            .answers(&[RetryAfter(429, 600), service.takes]);
        scene.deliver().await;
        let (delivery, finished) = scene.fate().await;
        assert!(
            !finished && delivery.state == DeliveryState::Queued,
            "{}",
            service.kind
        );
        assert_eq!((delivery.failures, delivery.unknown_outcomes), (0, 0));
        let lane = scene.lane().await;
        assert_eq!(
            lane.not_before,
            Some(asked + SignedDuration::from_secs(600))
        );
        let expected = Health {
            throttled_since: Some(asked),
            ..Health::default()
        };
        assert_eq!(lane.health, expected, "{}", service.kind);
        scene.pass(599);
        scene.deliver().await;
        assert_eq!(scene.service.told(), 1, "{}: too early", service.kind);
        scene.pass(1);
        scene.deliver().await;
        let (delivery, finished) = scene.fate().await;
        assert!(
            finished && delivery.state == service.taken,
            "{}",
            service.kind
        );
        assert!(!scene.is_marked(1), "{}", service.kind);
        assert_eq!(scene.rescued().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_passing_failure_costs_one_try_and_leaves_no_mark() {
    for service in services() {
        let scene = Scene::new(service.kind).await;
        scene.service.answers(&[Status(503)]);
        scene.deliver().await;
        let (delivery, _) = scene.fate().await;
        let class = delivery.last_failure.as_ref().map(|failure| failure.class);
        assert_eq!(class, Some(Class::Server), "{}", service.kind);
        assert_eq!((delivery.failures, delivery.unknown_outcomes), (1, 0));
        // 30 s, a fifth more or less.
        let wait = delivery.next_at.duration_since(scene.clock.now()).as_secs();
        assert!((24..=36).contains(&wait), "{}: {wait}", service.kind);
        scene.service.answers(&later(&service));
        scene.wait_until(delivery.next_at).await;
        scene.deliver().await;
        let (delivery, finished) = scene.fate().await;
        assert!(
            finished && delivery.state == service.taken,
            "{}",
            service.kind
        );
        assert_eq!(delivery.failures, 1);
        assert!(
            !scene.is_marked(scene.service.told() - 1),
            "{}",
            service.kind
        );
        assert_eq!(scene.lane().await.health, Health::default());
        assert_eq!(scene.rescued().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_unknown_outcome_waits_and_is_repeated_as_the_kind_allows() {
    for service in services() {
        let scene = Scene::new(service.kind).await;
        scene.service.answers(&[HangUp]);
        scene.deliver().await;
        let (delivery, _) = scene.fate().await;
        assert_eq!(
            (delivery.failures, delivery.unknown_outcomes),
            (1, 1),
            "{}",
            service.kind
        );
        let wait = delivery.next_at.duration_since(scene.clock.now()).as_secs();
        let promised = if service.recognizes { 60 } else { 120 };
        assert_eq!(wait, promised, "{}", service.kind);
        scene.service.answers(&later(&service));
        scene.wait_until(delivery.next_at).await;
        scene.deliver().await;
        let (delivery, finished) = scene.fate().await;
        assert!(
            finished && delivery.state == service.taken,
            "{}",
            service.kind
        );
        assert_eq!(delivery.unknown_outcomes, 1);
        assert_eq!(
            delivery.notice.maybe_duplicate, service.marks,
            "{}",
            service.kind
        );
        assert_eq!(scene.rescued().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_ends_and_is_told_elsewhere() {
    for service in services() {
        let scene = Scene::new(service.kind).await;
        // A service that is asked first what became of it hangs up on the question.
        scene.service.answers(&[HangUp; 12]);
        for _ in 0..12 {
            scene.deliver().await;
            scene.pass(600);
        }
        let (delivery, finished) = scene.fate().await;
        assert!(finished, "{}: {delivery:#?}", service.kind);
        assert_eq!(delivery.state, DeliveryState::Dead, "{}", service.kind);
        let tries = if service.recognizes {
            SCHEDULE.len() + 1
        } else {
            2
        };
        assert_eq!(scene.service.told(), tries, "{}", service.kind);
        let rescued = scene.rescued().await;
        let instead = rescued.iter().filter(|one| *one == "instead").count();
        assert_eq!(instead, 1, "{}: {rescued:?}", service.kind);
    }
}

#[tokio::test]
async fn a_refused_notice_ends_at_once_is_told_elsewhere_and_blames_nobody() {
    for service in services() {
        let scene = Scene::new(service.kind).await;
        scene.service.answers(&[service.refuses]);
        scene.deliver().await;
        scene.deliver().await;
        let (delivery, finished) = scene.fate().await;
        assert!(finished, "{}: {delivery:#?}", service.kind);
        assert_eq!(delivery.state, DeliveryState::Dead, "{}", service.kind);
        assert_eq!(
            scene.lane().await.health,
            Health::default(),
            "{}",
            service.kind
        );
        assert_eq!(scene.rescued().await, ["instead"], "{}", service.kind);
        scene.pass(7 * 3600);
        scene.deliver().await;
        assert_eq!(scene.service.told(), 1, "{}", service.kind);
    }
}

#[tokio::test]
async fn a_destination_that_refuses_is_switched_off_told_of_once_and_heals() {
    for service in services() {
        let scene = Scene::new(service.kind).await;
        scene.service.answers(&[Status(401), Status(401)]);
        scene.deliver().await;
        let (delivery, finished) = scene.fate().await;
        assert!(!finished && delivery.failures == 0, "{}", service.kind);
        let lane = scene.lane().await;
        assert!(lane.health.switched_off.is_some(), "{}", service.kind);
        assert_eq!(scene.rescued().await, [scene.title("is switched off")]);
        // Tried every six hours; the first time it still refuses.
        for (hours, tries) in [(5, 1), (1, 2), (5, 2)] {
            scene.pass(hours * 3600 + 1);
            scene.deliver().await;
            assert_eq!(scene.service.told(), tries, "{}", service.kind);
        }
        let mut rescued = scene.rescued().await;
        rescued.sort();
        let off = scene.title("is switched off");
        assert_eq!(rescued, ["instead", &off], "each told once");
        scene.service.answers(&[service.takes]);
        scene.pass(3600);
        scene.deliver().await;
        let (delivery, finished) = scene.fate().await;
        assert!(
            finished && delivery.state == service.taken,
            "{}",
            service.kind
        );
        assert_eq!(scene.lane().await.health, Health::default());
        let mut rescued = scene.rescued().await;
        rescued.sort();
        let expected = ["instead", &off, &scene.title("works again")];
        assert_eq!(rescued, expected, "{}", service.kind);
    }
}

#[tokio::test]
async fn a_destination_that_fails_four_times_is_told_of_once_and_its_recovery_too() {
    for service in services() {
        let scene = Scene::new(service.kind).await;
        for failures in 1..=5 {
            scene.service.answers(&[Status(503)]);
            scene.deliver().await;
            let (delivery, _) = scene.fate().await;
            assert_eq!(delivery.failures, failures, "{}", service.kind);
            let told = scene.rescued().await;
            let expected = if failures < 4 {
                vec![]
            } else {
                vec![scene.title("fails")]
            };
            assert_eq!(told, expected, "{} after {failures}", service.kind);
            scene.wait_until(delivery.next_at).await;
        }
        scene.service.answers(&later(&service));
        scene.deliver().await;
        let (delivery, finished) = scene.fate().await;
        assert!(
            finished && delivery.state == service.taken,
            "{}",
            service.kind
        );
        let mut rescued = scene.rescued().await;
        rescued.sort();
        assert_eq!(rescued, [scene.title("fails"), scene.title("works again")]);
    }
}
