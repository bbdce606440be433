//! Destinations that nothing reaches for long: somebody hears of it, and of what waits there.

use alert_channels::Message;
use jiff::{SignedDuration, Timestamp};
use spendwatch::jobs::deliveries::{self, Fate, Filter};
use spendwatch::jobs::{self, alerts, check, watch};
use spendwatch::{App, Delivery, DeliveryState, Environment, Matcher, NewSilence, StateLocation};

use crate::support::*;

const HOUR: i64 = 3600;

/// A budget that tells `other`, whose secret is `OTHER_URL`, and the fallback `chat`.
async fn world(kind: &str) -> World {
    let more = format!(
        r#"
        [[budget.threshold]]
        when = "actual 80%"
        notify = ["other"]
        [channel.other]
        kind = "{kind}"
        url = {{ secret = "OTHER_URL" }}
        allow_networks = ["127.0.0.1/32"]
        "#
    );
    let root = "fallback = \"chat\"";
    let world = World::configured("webhook", r#"["stale 30 days"]"#, root, &more).await;
    world.spent(850);
    assert_eq!(world.evaluate().await.budgets[0].deliveries, 1);
    world
}

/// The same installation where the secret of `other` is set.
fn mended(world: &World) -> App {
    let signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let environment: Environment = [
        ("CHAT_URL", &*world.chat.url),
        ("OTHER_URL", &*world.chat.url),
        ("SIGNING", signing),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    App::new(
        world.app.config().clone(),
        &environment,
        StateLocation::Memory,
    )
    .unwrap()
    .with_clock(world.clock.clone())
    .with_documents(world.app.shared_documents())
}

async fn visit(app: &App, destination: &str) -> jobs::deliver::Report {
    jobs::deliver::run(app, destination).await.unwrap()
}

async fn fates(app: &App, destination: &str) -> Vec<Fate> {
    let filter = Filter {
        destination: Some(destination.to_owned()),
        ..Filter::default()
    };
    deliveries::list(app, &filter).await.unwrap()
}

/// What the fallback was told so far, oldest first: titles of troubles, and `instead`.
async fn rescued(world: &World) -> Vec<String> {
    visit(&world.app, "chat").await;
    let mut told: Vec<(Timestamp, String)> = Vec::new();
    for one in world.history().await {
        match (&one.notice.message, &one.notice.instead_of) {
            (Message::Trouble { title, .. }, _) => told.push((one.created_at, title.clone())),
            (Message::Crossing(_), Some(_)) => told.push((one.created_at, "instead".to_owned())),
            _ => {}
        }
    }
    told.sort();
    told.into_iter().map(|(_, what)| what).collect()
}

const UNUSABLE: &str = "the destination other cannot be used";

#[tokio::test]
async fn a_channel_that_cannot_be_made_is_told_of_once_and_again_when_it_can() {
    let world = world("slack").await;
    for _ in 0..3 {
        let report = visit(&world.app, "other").await;
        let skipped = report.skipped.unwrap();
        assert!(skipped.contains("environment variable OTHER_URL is not set"));
        assert_eq!(report.left, 1);
        assert_eq!(rescued(&world).await, [UNUSABLE]);
        world.pass(60);
    }
    let waiting = fates(&world.app, "other").await;
    let why = waiting[0].last_failure.as_ref().unwrap().to_string();
    assert!(why.contains("OTHER_URL is not set"), "{why}");
    assert_eq!((&*waiting[0].state, waiting[0].attempts), ("queued", 0));
    let soon = world.app.now() + SignedDuration::from_secs(9 * 60);
    assert_eq!(
        waiting[0].next_at,
        Some(soon),
        "ten minutes after the last visit"
    );
    assert_eq!(watch::unreachable(&world.app).await.unwrap(), ["other"]);
    // It waits no longer than until its settings are mended, and arrives at once.
    let mended = mended(&world);
    assert_eq!(watch::unreachable(&mended).await.unwrap(), ["other"]);
    assert_eq!(visit(&mended, "other").await.sent, 1);
    assert_eq!(
        rescued(&world).await,
        [UNUSABLE, "the destination other works again"]
    );
    assert!(watch::unreachable(&mended).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_waits_for_a_channel_that_cannot_be_made_is_told_elsewhere_and_ends() {
    let world = world("slack").await;
    let report = visit(&world.app, "other").await;
    let soon = world.app.now() + SignedDuration::from_mins(10);
    assert_eq!(report.next_due, Some(soon), "settings are mended any time");
    world.pass(HOUR);
    for _ in 0..3 {
        visit(&world.app, "other").await;
        assert_eq!(rescued(&world).await, ["instead", UNUSABLE]);
        world.pass(HOUR);
    }
    world.pass(30 * 24 * HOUR);
    let report = visit(&world.app, "other").await;
    assert_eq!((report.given_up, report.left), (1, 0));
    assert_eq!(rescued(&world).await.len(), 2, "it is not told again");
    let ended = world.history().await;
    let ended = ended.iter().find(|one| one.destination == "other");
    assert_eq!(ended.unwrap().state, DeliveryState::Expired);
}

#[tokio::test]
async fn a_destination_that_asks_to_wait_for_long_is_told_of_once() {
    let world = world("slack").await;
    let app = mended(&world);
    for round in 0..4 {
        world.chat.answers(&[Answering::RetryAfter(429, 3600)]);
        visit(&app, "other").await;
        let waiting = fates(&app, "other").await;
        let why = waiting[0].last_failure.as_ref().unwrap().to_string();
        assert!(why.contains("asked to wait until"), "{why}");
        assert_eq!(waiting[0].attempts, round + 1);
        let told = rescued(&world).await;
        // It has taken nothing for two hours when it asks for another one.
        let expected: &[&str] = match round {
            0 => &[],
            _ => &["instead", "the destination other asks to wait for long"],
        };
        assert_eq!(told, expected, "round {round}");
        world.pass(HOUR);
    }
    let trouble = fates(&app, "chat").await;
    let trouble = trouble.iter().find(|one| one.about.contains("for long"));
    let decided = trouble.unwrap().created_at;
    assert_eq!(decided, midnight(START) + SignedDuration::from_hours(1));
    assert_eq!(visit(&app, "other").await.sent, 1);
    assert!(watch::unreachable(&app).await.unwrap().is_empty());
}

#[tokio::test]
async fn news_for_a_destination_that_is_switched_off_goes_to_the_fallback_in_an_hour_and_once() {
    let world = world("slack").await;
    let app = mended(&world);
    world.chat.answers(&[Answering::Status(401)]);
    let report = visit(&app, "other").await;
    let off = "the destination other is switched off";
    assert_eq!(rescued(&world).await, [off]);
    let in_an_hour = midnight(START) + SignedDuration::from_hours(1);
    assert_eq!(report.next_due, Some(in_an_hour));
    // Another crossing is decided while the lane is parked, and another kind of reason shows.
    let waiting = fates(&app, "other").await;
    assert_eq!(
        waiting[0].next_at,
        Some(midnight(START) + SignedDuration::from_hours(6))
    );
    let why = waiting[0].why.as_ref().unwrap();
    assert!(why.contains("the destination is parked: auth"), "{why}");
    world.pass(HOUR);
    for _ in 0..3 {
        assert!(visit(&app, "other").await.skipped.is_some());
        assert_eq!(rescued(&world).await, ["instead", off]);
        world.pass(HOUR);
    }
    world.pass(3 * HOUR);
    assert_eq!(
        visit(&app, "other").await.sent,
        1,
        "it arrives all the same"
    );
    assert_eq!(rescued(&world).await.len(), 3, "and that it works again");
    let copies = world.history().await;
    let copy = copies.iter().find(|one| one.notice.instead_of.is_some());
    assert_eq!(copy.unwrap().destination, "chat");
}

#[tokio::test]
async fn what_is_switched_off_until_the_end_is_not_told_twice() {
    let world = world("slack").await;
    let app = mended(&world);
    world.chat.answers(&[Answering::Status(401)]);
    visit(&app, "other").await;
    world.pass(HOUR);
    visit(&app, "other").await;
    let told = rescued(&world).await;
    world.pass(30 * 24 * HOUR);
    assert_eq!(visit(&app, "other").await.given_up, 1);
    assert_eq!(rescued(&world).await, told);
}

#[tokio::test]
async fn what_waits_is_listed_however_old_it_is() {
    let world = world("slack").await;
    visit(&world.app, "other").await;
    world.pass(HOUR);
    let filter = Filter {
        since: Some(world.app.now()),
        ..Filter::default()
    };
    let listed = deliveries::list(&world.app, &filter).await.unwrap();
    let mut listed: Vec<&str> = listed.iter().map(|one| &*one.destination).collect();
    listed.sort_unstable();
    assert_eq!(listed, ["chat", "other"], "what is due and what waits");
    rescued(&world).await;
    let listed = deliveries::list(&world.app, &filter).await.unwrap();
    assert_eq!(listed.len(), 1, "what is finished is as old as it is");
}

#[tokio::test]
async fn what_arrived_nowhere_is_told_again_after_a_day() {
    let world = world("slack").await;
    let app = mended(&world).with_sources(vec![std::sync::Arc::new(Source(world.costs.clone()))]);
    let read = app.reads().unwrap().remove(0);
    let evaluate = async || {
        let report = jobs::evaluate::run(&app, &read, &Default::default()).await;
        report.unwrap().budgets.remove(0)
    };
    // Refused where it was to go, and at the fallback.
    world.chat.answers(&[Answering::Status(400); 2]);
    assert_eq!(visit(&app, "other").await.given_up, 1);
    assert_eq!(visit(&app, "chat").await.given_up, 1);
    let report = evaluate().await;
    assert_eq!(report.told_nobody, ["actual-80pct stands"]);
    assert_eq!(report.deliveries, 0, "not at once");
    world.pass(24 * HOUR);
    let report = evaluate().await;
    assert_eq!(report.deliveries, 1);
    assert_eq!(visit(&app, "other").await.sent, 1);
    let report = evaluate().await;
    assert_eq!(report.told_nobody, Vec::<String>::new());
}

#[tokio::test]
async fn every_send_that_was_begun_counts_as_a_try() {
    let world = world("slack").await;
    let app = mended(&world);
    world.chat.answers(&[
        Answering::Status(401),
        Answering::RetryAfter(429, 60),
        Answering::HangUp,
    ]);
    // It is switched off from the first answer on, and tried every six hours.
    for hours in [7, 1, 7, 0] {
        visit(&app, "other").await;
        world.pass(hours * HOUR);
    }
    let finished = fates(&app, "other").await;
    assert_eq!(
        (&*finished[0].state, finished[0].attempts),
        ("delivered", 4)
    );
    assert_eq!(finished[0].unknown_outcomes, 1);
}

#[tokio::test]
async fn what_is_decided_second_in_a_second_is_as_due_as_the_first() {
    let more = "remind_every_hours = 24\nescalate_after_hours = 24\nescalate_to = [\"chat\"]";
    let world = World::with("webhook", r#"["actual 80%"]"#, more).await;
    world.spent(850);
    world.evaluate().await;
    world.deliver().await;
    world.pass(24 * HOUR);
    let attended = jobs::attend::run(&world.app).await.unwrap();
    assert_eq!(attended.transitions, 2, "a reminder and an escalation");
    let report = world.deliver().await;
    assert_eq!((report.sent, report.left), (2, 0));
}

#[tokio::test]
async fn a_reminder_that_is_silenced_until_it_is_old_is_not_given_up() {
    let world = World::with("webhook", r#"["actual 80%"]"#, "remind_every_hours = 24").await;
    world.spent(850);
    world.evaluate().await;
    world.deliver().await;
    let new = NewSilence {
        link: None,
        matcher: Matcher {
            budget: Some("payments".into()),
            ..Matcher::default()
        },
        from: None,
        until: world.app.now() + SignedDuration::from_hours(72),
        reason: "load test".into(),
        by: "lead@contoso.example".into(),
    };
    jobs::silence::create(&world.app, new).await.unwrap();
    world.pass(24 * HOUR);
    jobs::attend::run(&world.app).await.unwrap();
    assert_eq!(world.deliver().await.left, 1);
    world.pass(25 * HOUR);
    let report = world.deliver().await;
    assert_eq!((report.given_up, report.suppressed, report.left), (0, 1, 0));
}

/// Told by mail to owners whom no tag names.
const UNOWNED: &str = r#"
        owners = ["tag:cost-owner"]
        [[budget.threshold]]
        when = "actual 80%"
        notify = ["owners"]
        [channel.mail]
        kind = "email"
        smtp = "smtp://relay.contoso.example"
        from = "Cost <cost@contoso.example>"
"#;

#[tokio::test]
async fn news_that_reaches_nobody_is_said_wherever_somebody_looks() {
    let more = UNOWNED;
    let world = World::with("slack", r#"["stale 30 days"]"#, more).await;
    world.spent(850);
    let report = world.evaluate().await;
    assert_eq!(report.budgets[0].told_nobody, ["actual-80pct fired"]);
    let listed = alerts::list(&world.app, &[], alerts::Whose::Ours).await;
    assert!(listed.unwrap().ours[0].told_nobody);
    let wanted = alerts::find::Wanted {
        alert: "actual-80pct".to_owned(),
        budget: Some("payments".to_owned()),
        period: None,
    };
    let explained = alerts::explain::explain(&world.app, &wanted).await.unwrap();
    assert!(explained.alert.told_nobody && explained.history[0].told_nobody);
    // As long as it stands.
    world.pass(HOUR);
    let report = world.evaluate().await;
    assert_eq!(report.budgets[0].told_nobody, ["actual-80pct stands"]);
    assert_eq!(jobs::attend::run(&world.app).await.unwrap().transitions, 0);
    // With a fallback it is told there.
    let root = "fallback = \"chat\"";
    let world = World::configured("slack", r#"["stale 30 days"]"#, root, more).await;
    world.spent(850);
    let report = world.evaluate().await;
    assert!(report.budgets[0].told_nobody.is_empty());
    assert_eq!(world.deliver().await.sent, 1);
}

#[tokio::test]
async fn what_ended_without_arriving_anywhere_has_told_nobody() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    world.spent(850);
    world.evaluate().await;
    let told_nobody = async || {
        let listed = alerts::list(&world.app, &[], alerts::Whose::Ours).await;
        listed.unwrap().ours[0].told_nobody
    };
    assert!(!told_nobody().await, "it is on its way");
    world.chat.answers(&[Answering::Status(400)]);
    assert_eq!(world.deliver().await.given_up, 1);
    assert!(told_nobody().await);
}

#[tokio::test]
async fn what_reached_nobody_is_told_as_soon_as_there_is_somebody() {
    let more = &format!("remind_every_hours = 24\n{UNOWNED}");
    let world = World::with("slack", r#"["stale 30 days"]"#, more).await;
    world.spent(850);
    world.evaluate().await;
    // A reminder reaches nobody, either, and does not hide it.
    world.pass(24 * HOUR);
    assert_eq!(jobs::attend::run(&world.app).await.unwrap().transitions, 1);
    let listed = alerts::list(&world.app, &[], alerts::Whose::Ours).await;
    assert!(listed.unwrap().ours[0].told_nobody);
    assert_eq!(world.deliver().await.sent, 0);
    let root = "fallback = \"chat\"";
    let anew = World::configured("slack", r#"["stale 30 days"]"#, root, more).await;
    let documents = world.app.shared_documents();
    let app = anew
        .app
        .with_clock(world.clock.clone())
        .with_documents(documents);
    world.pass(HOUR);
    let attended = jobs::attend::run(&app).await.unwrap();
    assert_eq!((attended.transitions, attended.deliveries), (1, 1));
    assert_eq!(
        jobs::attend::run(&app).await.unwrap().transitions,
        0,
        "once"
    );
    assert_eq!(visit(&app, "chat").await.sent, 1);
    let listed = alerts::list(&app, &[], alerts::Whose::Ours).await;
    assert!(!listed.unwrap().ours[0].told_nobody);
}

#[tokio::test]
async fn a_mail_channel_that_the_weekly_test_leaves_out_is_said() {
    let more = r#"
        [alerts]
        canary = "thursday 07:00"
        [channel.mail]
        kind = "email"
        smtp = "smtp://relay.contoso.example"
        from = "Cost <cost@contoso.example>"
    "#;
    let world = World::with("slack", r#"["actual 80%"]"#, more).await;
    let found = check::run(&world.app).into_iter();
    let found: Vec<_> = found.filter(|one| one.about == "channel.mail").collect();
    let [found] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(found.level, check::Level::Note);
    assert!(found.message.contains("weekly test"), "{found:?}");
}

#[tokio::test]
async fn links_that_lead_nowhere_are_found_and_may_lead_to_this_machine() {
    let about_links = |world: &World| -> Vec<String> {
        let found = check::run(&world.app).into_iter();
        let found = found.filter(|one| one.about == "links");
        found.map(|one| one.message).collect()
    };
    let links = "[links]\nkey = { secret = \"LINK_KEY\" }";
    let world = World::with("slack", r#"["actual 80%"]"#, links).await;
    let found = about_links(&world);
    assert!(found[0].contains("`url` is not set"), "{found:?}");
    let links = format!("{links}\nurl = \"http://127.0.0.1:7071/api\"");
    let world = World::with("slack", r#"["actual 80%"]"#, &links).await;
    assert_eq!(about_links(&world), [""; 0]);
}

#[tokio::test]
async fn owners_by_configuration_are_named_and_copies_name_their_reader() {
    let more = r#"
        owners = ["anna@contoso.example"]
        [[budget.threshold]]
        when = "actual 80%"
        notify = ["owners"]
        [channel.mail]
        kind = "email"
        smtp = "smtp://127.0.0.1:1"
        from = "Cost <cost@contoso.example>"
    "#;
    let root = "fallback = \"chat\"";
    let world = World::configured("slack", r#"["stale 30 days"]"#, root, more).await;
    world.spent(850);
    world.evaluate().await;
    world.pass(30 * 24 * HOUR);
    assert_eq!(visit(&world.app, "mail").await.given_up, 1);
    assert_eq!(world.deliver().await.sent, 1);
    let copy: Vec<Delivery> = world.history().await;
    let copy = copy.iter().find(|one| one.destination == "chat").unwrap();
    let reader = copy.notice.instead_of_recipient.as_deref();
    assert_eq!(reader, Some("anna@contoso.example"));
    let told = world.chat.bodies.lock().unwrap()[0].clone();
    assert!(told.contains("did not reach"), "{told}");
    // Addresses are kept from being recognized in chats: only their parts look as they are.
    assert!(told.contains("(anna") && told.contains("Owner"), "{told}");
}
