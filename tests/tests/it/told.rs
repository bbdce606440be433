//! From a crossing to a mailbox, with a mail server that misbehaves: nothing is lost, and every
//! delivery ends in a state that can be looked up.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use spendwatch::{App, Config, Delivery, Environment, ManualClock, StateLocation, jobs};
use tests::node;
use tests::smtp::{PASSWORD, Smtp, Tls, USERNAME};

/// What became of one crossing that two owners are told: fates by recipient, and the mails that the
/// server has.
struct Told {
    fates: Vec<(String, String)>,
    mails: usize,
    marked: usize,
}

async fn tell(mode: &str, owners: [&str; 2]) -> Told {
    tests::install_crypto();
    let server = Smtp::start(mode, Tls::StartTls);
    let folder = tempfile::tempdir().unwrap();
    let costs = "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n\
                 11/01/2026,a,g,900,EUR\n11/11/2026,a,g,5,EUR\n";
    std::fs::write(folder.path().join("costs.csv"), costs).unwrap();
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["costs.csv"]
        [delivery]
        send_timeout_seconds = 4
        lease_seconds = 60
        retry_seconds = [300, 600, 900]
        [channel.mail]
        kind = "email"
        smtp = "{smtp}"
        from = "Cost alerts <cost@contoso.example>"
        ca_file = {ca:?}
        username = {{ secret = "SMTP_USERNAME" }}
        password = {{ secret = "SMTP_PASSWORD" }}
        [[budget]]
        id = "payments"
        scopes = ["/subscriptions/a"]
        amount = 1000
        owners = {owners:?}
        thresholds = ["actual 80%"]
        "#,
        smtp = server.url(),
        ca = server.ca_file(),
    );
    let path: PathBuf = folder.path().join("spendwatch.toml");
    let config = Config::parse(&[(path, text)]).unwrap();
    let secrets = [("SMTP_USERNAME", USERNAME), ("SMTP_PASSWORD", PASSWORD)];
    let environment: Environment = secrets
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    let now: Timestamp = "2026-11-12T06:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(now));
    let app = App::new(config, &environment, StateLocation::Memory)
        .unwrap()
        .with_clock(clock.clone());
    for read in app.reads().unwrap() {
        jobs::evaluate::run(&app, &read, &Default::default())
            .await
            .unwrap();
    }
    // Twelve looks, ten minutes apart: longer than the schedule.
    for _ in 0..12 {
        jobs::deliver::run_all(&app).await.unwrap();
        clock.advance(SignedDuration::from_mins(20));
    }
    assert!(
        app.documents().list("outbox/").await.unwrap().is_empty(),
        "{mode}: something waits"
    );
    let mut fates = Vec::new();
    for key in app.documents().list("history/").await.unwrap() {
        let document = app.documents().get(&key).await.unwrap().unwrap();
        let delivery: Delivery = serde_json::from_slice(&document.bytes).unwrap();
        fates.push((
            delivery.notice.recipient.unwrap(),
            delivery.state.as_str().to_owned(),
        ));
    }
    fates.sort();
    let events = server.events();
    let mails: Vec<_> = events
        .iter()
        .filter(|event| event["event"] == "mail")
        .collect();
    let is_marked = |mail: &&&serde_json::Value| {
        mail["text"]
            .as_str()
            .is_some_and(|text| text.contains("duplicate"))
    };
    Told {
        fates,
        mails: mails.len(),
        marked: mails.iter().filter(is_marked).count(),
    }
}

const BOTH: [&str; 2] = ["first@contoso.example", "second@contoso.example"];

#[tokio::test(flavor = "multi_thread")]
async fn every_misbehavior_ends_in_a_recorded_fate() {
    if !node::available("crossings told through a mail server that misbehaves") {
        return;
    }
    // mode, fate of both, mails that the server took, how many of them are marked
    for (mode, fate, mails, marked) in [
        ("accept", "accepted", 2, 0),
        ("greylist", "accepted", 2, 0),
        ("slow", "accepted", 2, 0),
        ("refuse-recipient", "dead", 0, 0),
        ("busy", "dead", 0, 0),
        ("cut-at-data", "dead", 0, 0),
        // The server has the mail and never says so: once more, marked, and then given up.
        ("hang-after-dot", "dead", 4, 2),
        ("cut-after-dot", "dead", 4, 2),
    ] {
        let told = tell(mode, BOTH).await;
        let expected = BOTH
            .map(|owner| (owner.to_owned(), fate.to_owned()))
            .to_vec();
        assert_eq!(told.fates, expected, "{mode}");
        assert_eq!((told.mails, told.marked), (mails, marked), "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_mailbox_does_not_silence_the_other() {
    if !node::available("crossings told to a mailbox that does not exist") {
        return;
    }
    let told = tell(
        "accept",
        ["nobody@contoso.example", "second@contoso.example"],
    )
    .await;
    let fates: Vec<_> = told.fates.iter().map(|(_, fate)| fate.as_str()).collect();
    assert_eq!((fates, told.mails), (vec!["dead", "accepted"], 1));
}
