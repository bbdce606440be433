//! Mail servers that fail at every command: what the job makes of each of them, from the crossing to
//! the fate of every mail.
//!
//! Each test ends in [`World::judge`]: nothing is lost in silence, and what may have arrived twice is
//! marked. The clock is the test's; only the deadline of a send, three seconds, passes for real.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alert_channels::Class;
use jiff::{SignedDuration, Timestamp};
use spendwatch::{
    App, Clock, Config, Delivery, DeliveryState, Environment, ManualClock, StateLocation, jobs,
};
use tests::scripted_smtp::{Fault, Mail, Moment, ScriptedSmtp, Stage};

const SECRETS: [(&str, &str); 2] = [
    ("SMTP_USERNAME", "cost@contoso.example"),
    ("SMTP_PASSWORD", "c4n4ry-p4ssw0rd"),
];
const ONE: &[&str] = &["first@contoso.example"];
const THREE: &[&str] = &[
    "first@contoso.example",
    "second@contoso.example",
    "third@contoso.example",
];
/// Who hears what others cannot be told.
const RESCUE: &str = "finops@contoso.example";

/// One crossing that owners are told by mail, and a second server for what is lost.
struct World {
    app: App,
    clock: Arc<ManualClock>,
    server: ScriptedSmtp,
    rescue: ScriptedSmtp,
    owners: &'static [&'static str],
    _costs: tempfile::TempDir,
}

impl World {
    /// The crossing is decided, and nothing is sent yet.
    async fn new(server: ScriptedSmtp, owners: &'static [&'static str]) -> World {
        let clock = Arc::new(ManualClock::new("2026-11-12T06:00:00Z".parse().unwrap()));
        World::at(clock, server, owners).await
    }

    async fn at(
        clock: Arc<ManualClock>,
        server: ScriptedSmtp,
        owners: &'static [&'static str],
    ) -> World {
        let rescue = ScriptedSmtp::start(|_| None);
        let folder = tempfile::tempdir().unwrap();
        let costs = "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n\
                     11/01/2026,a,g,900,EUR\n11/11/2026,a,g,5,EUR\n";
        std::fs::write(folder.path().join("costs.csv"), costs).unwrap();
        let text = format!(
            r#"
            version = 1
            currency = "EUR"
            fallback = "rescue"
            [source]
            kind = "files"
            paths = ["costs.csv"]
            [delivery]
            send_timeout_seconds = 3
            lease_seconds = 60
            retry_seconds = [300, 600]
            [channel.mail]
            kind = "email"
            smtp = "{smtp}"
            from = "Cost alerts <cost@contoso.example>"
            to = {owners:?}
            ca_file = {ca:?}
            username = {{ secret = "SMTP_USERNAME" }}
            password = {{ secret = "SMTP_PASSWORD" }}
            [channel.rescue]
            kind = "email"
            smtp = "{rescue_smtp}"
            from = "Cost alerts <cost@contoso.example>"
            to = ["{RESCUE}"]
            ca_file = {rescue_ca:?}
            [defaults]
            notify = ["mail"]
            thresholds = ["actual 80%"]
            [[budget]]
            id = "payments"
            scopes = ["/subscriptions/a"]
            amount = 1000
            "#,
            smtp = server.url(),
            ca = server.ca_file(),
            rescue_smtp = rescue.url(),
            rescue_ca = rescue.ca_file(),
        );
        let path: PathBuf = folder.path().join("spendwatch.toml");
        let config = Config::parse(&[(path, text)]).unwrap();
        let environment: Environment = SECRETS
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let app = App::new(config, &environment, StateLocation::Memory)
            .unwrap()
            .with_clock(clock.clone());
        for read in app.reads().unwrap() {
            jobs::evaluate::run(&app, &read, &Default::default())
                .await
                .unwrap();
        }
        World {
            app,
            clock,
            server,
            rescue,
            owners,
            _costs: folder,
        }
    }

    async fn deliver(&self) {
        jobs::deliver::run_all(&self.app).await.unwrap();
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// Delivers every ten minutes until nothing waits.
    async fn drain(&self) {
        for _ in 0..12 {
            self.deliver().await;
            if self.read("outbox/").await.is_empty() {
                return;
            }
            self.pass(600);
        }
        panic!("something waits: {:#?}", self.read("outbox/").await);
    }

    async fn read(&self, prefix: &str) -> Vec<Delivery> {
        let mut found: Vec<Delivery> = Vec::new();
        for key in self.app.documents().list(prefix).await.unwrap() {
            let document = self.app.documents().get(&key).await.unwrap().unwrap();
            found.push(serde_json::from_slice(&document.bytes).unwrap());
        }
        found.sort_by(|a, b| a.notice.recipient.cmp(&b.notice.recipient));
        found
    }

    /// The deliveries to owners, in the order of their names.
    async fn owners(&self, prefix: &str) -> Vec<Delivery> {
        let mut found = self.read(prefix).await;
        found.retain(|one| one.destination == "mail");
        found
    }

    /// The only live delivery to an owner.
    async fn waiting(&self) -> Delivery {
        let [one] = self.owners("outbox/").await.try_into().unwrap();
        one
    }

    /// The only finished delivery to an owner.
    async fn ended(&self) -> Delivery {
        let [one] = self.owners("history/").await.try_into().unwrap();
        one
    }

    /// What the rescue was told: the subjects.
    fn rescued(&self) -> Vec<String> {
        let mails = self.rescue.mails();
        mails.iter().map(|mail| header(mail, "Subject")).collect()
    }

    /// Each owner has one delivery; what is recorded as accepted was taken by the server; nothing
    /// came twice but marked, and only where an outcome was unknown; what will not arrive, and what
    /// waited too long for a server that takes nothing, is with the rescue, once.
    async fn judge(&self) {
        let mut all = self.owners("outbox/").await;
        all.extend(self.owners("history/").await);
        let recipients: Vec<&str> = all
            .iter()
            .map(|one| one.notice.recipient.as_deref().unwrap())
            .collect();
        assert_eq!(recipients, self.owners);
        let mails = self.server.mails();
        for delivery in &all {
            let copies: Vec<&Mail> = mails
                .iter()
                .filter(|mail| header(mail, "X-Spendwatch-Delivery-Id") == delivery.id)
                .collect();
            for copy in &copies {
                assert_eq!(Some(&copy.recipient), delivery.notice.recipient.as_ref());
            }
            let taken: Vec<&&Mail> = copies.iter().filter(|copy| copy.taken).collect();
            let unknown = usize::try_from(delivery.unknown_outcomes).unwrap();
            assert!(taken.len() <= 1 + unknown, "{delivery:#?}");
            assert!(taken.iter().skip(1).all(|copy| is_marked(copy)));
            // A mark is for doubt.
            assert!(unknown > 0 || !copies.iter().any(|copy| is_marked(copy)));
            let accepted = delivery.state == DeliveryState::Accepted;
            assert!(!accepted || !taken.is_empty(), "{delivery:#?}");
            // A refusal that was read means that nobody has it.
            let refused = delivery.state == DeliveryState::Dead && unknown == 0;
            assert!(!refused || taken.is_empty(), "{delivery:#?}");
        }
        let lost = all
            .iter()
            .filter(|one| {
                one.told_instead
                    || matches!(one.state, DeliveryState::Dead | DeliveryState::Expired)
            })
            .count();
        let copies = self.read("history/").await;
        let copies = copies
            .iter()
            .filter(|one| one.notice.instead_of.as_deref() == Some("mail"));
        let copies: Vec<&Delivery> = copies.collect();
        assert_eq!(copies.len(), lost);
        let rescued = self.rescue.mails();
        for copy in copies {
            assert_eq!(copy.state, DeliveryState::Accepted);
            let arrived = rescued
                .iter()
                .filter(|mail| header(mail, "X-Spendwatch-Delivery-Id") == copy.id);
            assert_eq!(arrived.count(), 1);
        }
    }
}

fn header(mail: &Mail, name: &str) -> String {
    use mailparse::MailHeaderMap;
    let parsed = mailparse::parse_mail(&mail.raw).unwrap();
    parsed.headers.get_first_value(name).unwrap_or_default()
}

fn text(mail: &Mail) -> String {
    let parsed = mailparse::parse_mail(&mail.raw).unwrap();
    let plain = parsed
        .parts()
        .find(|part| part.ctype.mimetype == "text/plain");
    plain.unwrap().get_body().unwrap()
}

fn is_marked(mail: &Mail) -> bool {
    text(mail).contains("Possible duplicate")
}

/// A fault at one stage, the first time.
fn once(at: Stage, fault: Fault) -> impl Fn(Moment<'_>) -> Option<Fault> + Send + Sync {
    move |moment| (moment.stage == at && moment.before == 0).then_some(fault)
}

/// A fault at one stage, always.
fn always(at: Stage, fault: Fault) -> impl Fn(Moment<'_>) -> Option<Fault> + Send + Sync {
    move |moment| (moment.stage == at).then_some(fault)
}

fn class(delivery: &Delivery) -> Option<Class> {
    delivery.last_failure.as_ref().map(|failure| failure.class)
}

/// What a fault at a stage, once, leaves behind.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    /// Nothing: the mail was taken.
    Nothing,
    /// One failure, of this class; the mail was certainly not taken.
    Failure(Class),
    /// One unknown outcome, of this class.
    Unknown(Class),
    /// One or the other, as the system's buffers have it.
    Either(Class),
}

async fn check_stage(stage: Stage, fault: Fault, leaves: Leaves) {
    let world = World::new(ScriptedSmtp::start(once(stage, fault)), ONE).await;
    world.deliver().await;
    let what = format!("{fault:?} at {stage:?}");
    if let Leaves::Nothing = leaves {
        let ended = world.ended().await;
        assert_eq!(ended.state, DeliveryState::Accepted, "{what}");
        assert_eq!((ended.failures, ended.unknown_outcomes), (0, 0), "{what}");
        world.judge().await;
        return;
    }
    let waiting = world.waiting().await;
    let unknown = match leaves {
        Leaves::Failure(_) | Leaves::Nothing => 0,
        Leaves::Unknown(_) => 1,
        Leaves::Either(_) => waiting.unknown_outcomes,
    };
    let (Leaves::Failure(of) | Leaves::Unknown(of) | Leaves::Either(of)) = leaves else {
        unreachable!("nothing was left above");
    };
    assert_eq!(waiting.state, DeliveryState::Queued, "{what}");
    assert_eq!(class(&waiting), Some(of), "{what}: {waiting:#?}");
    assert_eq!(
        (waiting.failures, waiting.unknown_outcomes),
        (1, unknown),
        "{what}: {waiting:#?}"
    );
    assert_eq!(waiting.notice.maybe_duplicate, unknown == 1, "{what}");
    world.drain().await;
    let ended = world.ended().await;
    assert_eq!(ended.state, DeliveryState::Accepted, "{what}");
    assert_eq!(ended.failures, 1, "{what}");
    let last = world.server.mails().pop().unwrap();
    assert_eq!(is_marked(&last), unknown == 1, "{what}");
    world.judge().await;
}

#[tokio::test]
async fn a_connection_that_is_cut_anywhere_costs_one_try() {
    use Class::{Connect, Interrupted};
    for stage in Stage::ALL {
        let leaves = match stage {
            Stage::Greeting | Stage::Hello => Leaves::Failure(Connect),
            Stage::Mail => Leaves::Either(Interrupted),
            Stage::Dot => Leaves::Unknown(Interrupted),
            Stage::Quit => Leaves::Nothing,
            _ => Leaves::Failure(Interrupted),
        };
        check_stage(stage, Fault::Cut, leaves).await;
    }
}

#[tokio::test]
async fn silence_anywhere_costs_one_try() {
    for stage in Stage::ALL {
        let leaves = match stage {
            Stage::Mail | Stage::Dot => Leaves::Unknown(Class::Timeout),
            Stage::Quit => Leaves::Nothing,
            _ => Leaves::Failure(Class::Timeout),
        };
        check_stage(stage, Fault::Hang, leaves).await;
    }
}

#[tokio::test]
async fn a_server_that_shuts_down_anywhere_costs_one_try_and_leaves_no_doubt() {
    for stage in Stage::ALL {
        let leaves = match stage {
            // It is not the server's turn.
            Stage::Mail => continue,
            Stage::Login => Leaves::Failure(Class::Auth),
            Stage::Quit => Leaves::Nothing,
            _ => Leaves::Failure(Class::Deferred),
        };
        check_stage(stage, Fault::Say("421 4.3.2 shutting down"), leaves).await;
    }
}

#[tokio::test]
async fn a_server_that_is_down_for_a_while_gets_everything_once() {
    let world = World::new(ScriptedSmtp::closed(|_| None), THREE).await;
    world.deliver().await;
    for waiting in world.owners("outbox/").await {
        assert_eq!(
            (waiting.failures, class(&waiting)),
            (1, Some(Class::Connect))
        );
    }
    world.server.open();
    world.drain().await;
    let mails = world.server.mails();
    let recipients: Vec<&str> = mails.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!(recipients.len(), THREE.len(), "{recipients:?}");
    world.judge().await;
}

#[tokio::test]
async fn a_server_that_stays_down_is_told_of_and_what_it_misses_is_told_elsewhere() {
    let world = World::new(ScriptedSmtp::closed(|_| None), THREE).await;
    world.drain().await;
    for ended in world.owners("history/").await {
        assert_eq!(ended.state, DeliveryState::Dead);
        // Once, and once for each wait of the schedule.
        assert_eq!((ended.failures, class(&ended)), (3, Some(Class::Connect)));
    }
    world.judge().await;
    let rescued = world.rescued();
    let troubles = rescued.iter().filter(|one| one.contains("mail fails"));
    assert_eq!(troubles.count(), 1, "{rescued:#?}");
    assert_eq!(rescued.len(), THREE.len() + 1, "{rescued:#?}");
}

#[tokio::test]
async fn greylisting_is_waited_out_and_not_hammered() {
    let start: Timestamp = "2026-11-12T06:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let looked = clock.clone();
    // Lets in who comes back after five minutes, and nobody earlier.
    let server = ScriptedSmtp::start(move |moment| {
        let early = looked.now().duration_since(start).as_secs() < 300;
        (moment.stage == Stage::Recipient && early)
            .then_some(Fault::Say("451 4.7.1 greylisted, come back in 300 seconds"))
    });
    let world = World::at(clock, server, THREE).await;
    world.deliver().await;
    for waiting in world.owners("outbox/").await {
        assert_eq!(
            (waiting.failures, class(&waiting)),
            (1, Some(Class::Deferred))
        );
        assert!(waiting.next_at.duration_since(start).as_secs() >= 300);
    }
    world.pass(299);
    world.deliver().await;
    assert_eq!(
        world.server.reached(Stage::Greeting),
        3,
        "nobody comes early"
    );
    world.drain().await;
    assert_eq!(world.server.mails().len(), 3);
    world.judge().await;
}

#[tokio::test]
async fn a_server_that_never_answers_the_mail_gets_it_twice_and_no_more() {
    let world = World::new(ScriptedSmtp::start(always(Stage::Dot, Fault::Hang)), ONE).await;
    world.drain().await;
    let ended = world.ended().await;
    assert_eq!(ended.state, DeliveryState::Dead);
    assert_eq!(ended.unknown_outcomes, 2);
    let marks: Vec<bool> = world.server.mails().iter().map(is_marked).collect();
    assert_eq!(marks, [false, true]);
    world.judge().await;
}

#[tokio::test]
async fn the_late_answer_to_one_mail_is_not_taken_for_the_answer_to_the_next() {
    // The answer to the first mail comes when the client has given up, while the second mail is on
    // its way; the second is refused.
    let server = ScriptedSmtp::start(|moment| match (moment.stage, moment.before) {
        (Stage::Dot, 0) => Some(Fault::SayAfter(
            Duration::from_millis(3400),
            "250 2.0.0 queued",
        )),
        (Stage::Recipient, 1) => Some(Fault::SayAfter(
            Duration::from_millis(1500),
            "250 2.1.5 fine",
        )),
        (Stage::Dot, 1) => Some(Fault::Say("554 5.7.1 refused")),
        _ => None,
    });
    let world = World::new(server, &THREE[..2]).await;
    world.deliver().await;
    let refused = world.ended().await;
    assert_eq!(refused.state, DeliveryState::Dead);
    assert_eq!(class(&refused), Some(Class::Policy));
    let waiting = world.waiting().await;
    assert_eq!(waiting.unknown_outcomes, 1);
    assert_ne!(waiting.id, refused.id);
    world.drain().await;
    let first = world.owners("history/").await;
    let first = first.iter().find(|one| one.id == waiting.id).unwrap();
    assert_eq!(first.state, DeliveryState::Accepted);
    let marks: Vec<bool> = world.server.mails().iter().map(is_marked).collect();
    assert_eq!(marks, [false, false, true]);
    world.judge().await;
}

#[tokio::test]
async fn one_refused_recipient_of_three_does_not_touch_the_others() {
    let server = ScriptedSmtp::start(|moment| {
        let refused = moment.stage == Stage::Recipient && moment.recipient == THREE[1];
        refused.then_some(Fault::Say("550 5.1.1 no such user"))
    });
    let world = World::new(server, THREE).await;
    world.drain().await;
    let ended = world.owners("history/").await;
    let states: Vec<&str> = ended.iter().map(|one| one.state.as_str()).collect();
    assert_eq!(states, ["accepted", "dead", "accepted"]);
    assert_eq!(class(&ended[1]), Some(Class::Recipient));
    assert_eq!(ended[1].failures, 0);
    world.judge().await;
    // One refused address is no trouble of the destination.
    assert_eq!(world.rescued().len(), 1, "{:#?}", world.rescued());
}

#[tokio::test]
async fn a_refused_login_is_told_once_not_hammered_and_mended_without_loss() {
    // Two refusals: the one that switches the destination off, and that of the first try after it.
    let server = ScriptedSmtp::start(|moment| {
        (moment.stage == Stage::Login && moment.before < 2)
            .then_some(Fault::Say("535 5.7.8 wrong name or password"))
    });
    let world = World::new(server, THREE).await;
    world.deliver().await;
    let waiting = world.owners("outbox/").await;
    assert_eq!(waiting.len(), 3);
    assert!(waiting.iter().all(|one| one.failures == 0), "{waiting:#?}");
    for _ in 0..5 {
        world.pass(3600);
        world.deliver().await;
    }
    assert_eq!(world.server.reached(Stage::Login), 1, "accounts lock");
    // After an hour the news of the three is told elsewhere, too.
    assert_eq!(world.rescued().len(), 4, "{:#?}", world.rescued());
    assert!(world.rescued()[0].contains("mail is switched off"));
    world.pass(3601);
    world.deliver().await;
    assert_eq!(world.server.reached(Stage::Login), 2);
    world.pass(6 * 3600 + 1);
    world.deliver().await;
    assert_eq!(world.server.mails().len(), 3);
    assert_eq!(world.owners("history/").await.len(), 3);
    let rescued = world.rescued();
    let again = rescued
        .iter()
        .filter(|one| one.contains("mail works again"));
    assert_eq!(again.count(), 1, "{rescued:#?}");
    let told = world.owners("history/").await;
    assert!(told.iter().all(|one| one.told_instead), "{told:#?}");
    world.judge().await;
}

#[tokio::test]
async fn a_server_without_starttls_gets_neither_mail_nor_password() {
    let without = Fault::Say("250-scripted\r\n250-AUTH PLAIN\r\n250 SIZE 1000000");
    let world = World::new(ScriptedSmtp::start(once(Stage::Hello, without)), THREE).await;
    world.deliver().await;
    assert_eq!(world.server.reached(Stage::Hello), 1, "the others wait");
    for stage in [Stage::StartTls, Stage::Login, Stage::Sender] {
        assert_eq!(world.server.reached(stage), 0, "{stage:?}");
    }
    let waiting = world.owners("outbox/").await;
    assert_eq!(waiting.len(), 3);
    assert_eq!(
        class(&waiting[0])
            .or(class(&waiting[1]))
            .or(class(&waiting[2])),
        Some(Class::Tls)
    );
    world.pass(29 * 60);
    world.deliver().await;
    assert_eq!(
        world.server.reached(Stage::Hello),
        1,
        "half an hour of rest"
    );
    world.drain().await;
    assert_eq!(world.server.mails().len(), 3);
    world.judge().await;
}

#[tokio::test]
async fn what_is_too_large_ends_at_once_and_is_told_elsewhere() {
    for (stage, reply) in [
        (Stage::Sender, "552 5.3.4 message size exceeds limit"),
        (Stage::Dot, "552 too large"),
        (Stage::Dot, "552 5.3.4 too large"),
    ] {
        let world = World::new(ScriptedSmtp::start(always(stage, Fault::Say(reply))), ONE).await;
        world.deliver().await;
        let ended = world.ended().await;
        assert_eq!(ended.state, DeliveryState::Dead, "{reply}");
        assert_eq!(class(&ended), Some(Class::TooLarge), "{reply}");
        // With its picture, and at most once without.
        assert!(world.server.reached(stage) <= 2, "{reply}");
        world.judge().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_no_success_is_never_taken_for_one() {
    // The library takes 3xx for success, and a mail after 250 to DATA would be commands.
    for (stage, reply, unknown) in [
        (Stage::Dot, "354 go on", 1),
        (Stage::Dot, "nonsense", 1),
        (Stage::Data, "250 2.0.0 queued already", 0),
        (Stage::Recipient, "354 go on", 0),
        (Stage::Login, "334 more", 0),
    ] {
        let server = ScriptedSmtp::start(once(stage, Fault::Say(reply)));
        let world = World::new(server, ONE).await;
        world.deliver().await;
        let waiting = world.waiting().await;
        assert_eq!(waiting.unknown_outcomes, unknown, "{reply}: {waiting:#?}");
        world.drain().await;
        assert_eq!(
            world.ended().await.state,
            DeliveryState::Accepted,
            "{reply}"
        );
        world.judge().await;
    }
}
