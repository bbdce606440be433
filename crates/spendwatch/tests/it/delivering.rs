//! Deliver: every fate, one attempt at a time, and healing after a stop anywhere.

use alert_channels::{Because, Language};
use spendwatch::jobs;
use spendwatch::{Delivery, DeliveryState};

use crate::support::*;

async fn crossed(kind: &str) -> World {
    let world = World::new(kind, r#"["actual 80%"]"#).await;
    world.spent(850);
    assert_eq!(world.evaluate().await.budgets[0].deliveries, 1);
    world
}

async fn fate(world: &World) -> DeliveryState {
    let history = world.history().await;
    assert_eq!(history.len(), 1);
    history[0].state.clone()
}

#[tokio::test]
async fn a_success_is_recorded_and_leaves_the_outbox() {
    let world = crossed("slack").await;
    let report = world.deliver().await;
    assert_eq!((report.sent, report.left), (1, 0));
    assert_eq!(fate(&world).await, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_failing_destination_is_tried_again_after_its_waiting_time() {
    let world = crossed("slack").await;
    world.chat.answers(&[Answering::Status(503)]);
    let first = world.deliver().await;
    assert_eq!((first.sent, first.failed, first.left), (0, 1, 1));
    assert_eq!(world.deliver().await.left, 1, "not before its time");
    assert_eq!(world.chat.told(), 1);
    // Slack may have posted before its server failed: unknown, so two minutes and a mark.
    world.pass(150);
    assert_eq!(world.deliver().await.sent, 1);
    assert_eq!(world.chat.told(), 2);
}

#[tokio::test]
async fn throttling_parks_the_destination_and_costs_no_attempt() {
    let world = crossed("webhook").await;
    world.chat.answers(&[Answering::RetryAfter(429, 600)]);
    world.deliver().await;
    world.pass(500);
    let parked = world.deliver().await;
    assert!(parked.skipped.is_some());
    assert_eq!(world.chat.told(), 1);
    world.pass(110);
    assert_eq!(world.deliver().await.sent, 1);
    assert_eq!(world.history().await[0].failures, 0);
}

#[tokio::test]
async fn a_refusing_destination_keeps_its_messages() {
    let world = crossed("webhook").await;
    world.chat.answers(&[Answering::Status(401)]);
    let report = world.deliver().await;
    assert_eq!((report.given_up, report.left), (0, 1));
    // Its key is refused, so it is switched off: tried every six hours.
    world.pass(5 * 3600);
    assert!(world.deliver().await.skipped.is_some());
    world.pass(3601);
    assert_eq!(world.deliver().await.sent, 1);
}

#[tokio::test]
async fn a_message_that_is_refused_is_dead_and_not_tried_again() {
    let world = crossed("webhook").await;
    world.chat.answers(&[Answering::Status(400)]);
    assert_eq!(world.deliver().await.given_up, 1);
    assert_eq!(fate(&world).await, DeliveryState::Dead);
    world.pass(86_400);
    world.deliver().await;
    assert_eq!(world.chat.told(), 1);
}

#[tokio::test]
async fn at_the_end_of_the_schedule_a_delivery_is_dead_and_says_why() {
    let world = crossed("webhook").await;
    world.chat.answers(&[Answering::Status(503); 3]);
    for _ in 0..3 {
        world.deliver().await;
        world.pass(200);
    }
    assert_eq!(world.chat.told(), 3);
    let history = world.history().await;
    assert_eq!(history[0].state, DeliveryState::Dead);
    assert!(history[0].last_failure.is_some());
}

#[tokio::test]
async fn an_unknown_outcome_is_repeated_once_marked_and_never_a_third_time() {
    let world = crossed("slack").await;
    world.chat.answers(&[Answering::HangUp; 3]);
    for _ in 0..5 {
        world.deliver().await;
        world.pass(300);
    }
    assert_eq!(world.chat.told(), 2);
    let history = world.history().await;
    assert_eq!(history[0].state, DeliveryState::Dead);
    assert!(history[0].notice.maybe_duplicate);
    let bodies = world.chat.bodies.lock().unwrap();
    assert!(
        !bodies[0].to_lowercase().contains("duplicate"),
        "{}",
        bodies[0]
    );
    assert!(
        bodies[1].to_lowercase().contains("duplicate"),
        "{}",
        bodies[1]
    );
}

#[tokio::test]
async fn a_worker_that_stopped_while_sending_is_an_unknown_outcome() {
    let world = crossed("slack").await;
    // What the store holds when a worker is killed between marking and recording.
    let key = world
        .app
        .documents()
        .list("outbox/")
        .await
        .unwrap()
        .remove(0);
    let document = world.app.documents().get(&key).await.unwrap().unwrap();
    let mut delivery: Delivery = serde_json::from_slice(&document.bytes).unwrap();
    delivery.state = DeliveryState::Sending {
        fence: 1,
        since: world.app.now(),
    };
    let bytes = serde_json::to_vec(&delivery).unwrap();
    world
        .app
        .documents()
        .replace(&key, bytes, &document.version)
        .await
        .unwrap();
    assert_eq!(
        world.deliver().await.left,
        1,
        "the relay may still be working on it"
    );
    world.pass(130);
    assert_eq!(world.deliver().await.sent, 1);
    assert!(world.history().await[0].notice.maybe_duplicate);
}

#[tokio::test]
async fn a_notice_that_is_no_longer_worth_sending_expires_visibly() {
    let world = crossed("webhook").await;
    world.pass(30 * 86_400);
    assert_eq!(world.deliver().await.given_up, 1);
    assert_eq!(fate(&world).await, DeliveryState::Expired);
    assert_eq!(world.chat.told(), 0);
}

#[tokio::test]
async fn a_held_lane_is_left_to_its_worker_until_the_lease_ends() {
    let world = crossed("slack").await;
    let lane = spendwatch::Lane {
        lease_until: Some(world.app.now() + jiff::SignedDuration::from_secs(60)),
        fence: 7,
        ..Default::default()
    };
    world
        .app
        .documents()
        .create("lanes/chat", serde_json::to_vec(&lane).unwrap())
        .await
        .unwrap();
    assert!(world.deliver().await.skipped.is_some());
    assert_eq!(world.chat.told(), 0);
    world.pass(61);
    assert_eq!(world.deliver().await.sent, 1);
}

#[tokio::test]
async fn the_sweep_routes_what_an_evaluator_left_unrouted() {
    let world = crossed("slack").await;
    // What the store holds when an evaluator is killed right after its decision.
    let outbox = world
        .app
        .documents()
        .list("outbox/")
        .await
        .unwrap()
        .remove(0);
    let document = world.app.documents().get(&outbox).await.unwrap().unwrap();
    world
        .app
        .documents()
        .delete(&outbox, &document.version)
        .await
        .unwrap();
    let key = "ledger/payments/monthly-2026-11-01";
    let document = world.app.documents().get(key).await.unwrap().unwrap();
    let mut ledger: budget_engine::Ledger = serde_json::from_slice(&document.bytes).unwrap();
    ledger.transitions[0].routed = false;
    let bytes = serde_json::to_vec(&ledger).unwrap();
    world
        .app
        .documents()
        .replace(key, bytes, &document.version)
        .await
        .unwrap();
    let marker = serde_json::to_vec(&world.app.now()).unwrap();
    world
        .app
        .documents()
        .create("unrouted/payments/monthly-2026-11-01", marker)
        .await
        .unwrap();

    let report = jobs::sweep::run(&world.app).await.unwrap();
    assert_eq!(
        (report.routed, report.hinted.as_slice()),
        (1, &["chat".to_owned()][..])
    );
    assert_eq!(world.deliver().await.sent, 1);
    world.pass(3600);
    jobs::sweep::run(&world.app).await.unwrap();
    assert!(
        world
            .app
            .documents()
            .list("unrouted/")
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.chat.told(), 1);
}

#[tokio::test]
async fn routing_again_after_delivery_sends_nothing_again() {
    let world = crossed("slack").await;
    world.deliver().await;
    let key = "ledger/payments/monthly-2026-11-01";
    let document = world.app.documents().get(key).await.unwrap().unwrap();
    let mut ledger: budget_engine::Ledger = serde_json::from_slice(&document.bytes).unwrap();
    ledger.transitions[0].routed = false;
    let bytes = serde_json::to_vec(&ledger).unwrap();
    world
        .app
        .documents()
        .replace(key, bytes, &document.version)
        .await
        .unwrap();
    world.evaluate().await;
    world.deliver().await;
    assert_eq!(world.chat.told(), 1);
}

#[tokio::test]
async fn everybody_is_told_in_their_language_and_why() {
    let more = r#"
        [[budget.threshold]]
        when = "actual 80%"
        notify = ["chat", "mail"]
        [channel.mail]
        kind = "email"
        smtp = "smtp://relay.contoso.example"
        from = "Cost <cost@contoso.example>"
        to = ["Anna <Anna@contoso.example>", "bob@contoso.example"]
        language = "nl"
        [recipients."anna@contoso.example"]
        language = "de"
    "#;
    let world = World::with("slack", r#"["stale 30 days"]"#, more).await;
    world.spent(850);
    world.evaluate().await;
    let mut told = Vec::new();
    for key in world.app.documents().list("outbox/").await.unwrap() {
        let document = world.app.documents().get(&key).await.unwrap().unwrap();
        let delivery: Delivery = serde_json::from_slice(&document.bytes).unwrap();
        let notice = delivery.notice;
        told.push((notice.recipient, notice.language, notice.because.unwrap()));
    }
    told.sort_by(|left, right| left.0.cmp(&right.0));
    let (budget, destination) = ("payments".to_owned(), "chat".to_owned());
    let named = || Because::Named {
        budget: budget.clone(),
    };
    let chat = Because::Destination {
        budget: budget.clone(),
        destination,
    };
    let expected = [
        (None, Language::English, chat),
        (
            Some("Anna <Anna@contoso.example>".to_owned()),
            Language::German,
            named(),
        ),
        (
            Some("bob@contoso.example".to_owned()),
            Language::Dutch,
            named(),
        ),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_sample_says_that_it_is_one() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    let sample = Some("crossing");
    let reports = jobs::probe::run(&world.app, "chat", None, sample)
        .await
        .unwrap();
    assert!(reports[0].is_success());
    let body = world.chat.bodies.lock().unwrap()[0].clone();
    assert!(body.contains("This is a sample"), "{body}");
    assert!(body.contains("EUR 8,214.20"), "{body}");
    let unknown = jobs::probe::run(&world.app, "chat", None, Some("crosing")).await;
    let error = unknown.unwrap_err().to_string();
    assert!(
        error.contains("crosing") && error.contains("crossing, forecast"),
        "{error}"
    );
}

#[tokio::test]
async fn a_probe_is_sent_and_reported() {
    let world = World::new("webhook", r#"["actual 80%"]"#).await;
    let reports = jobs::probe::run(&world.app, "chat", None, None)
        .await
        .unwrap();
    assert!(reports[0].is_success());
    assert_eq!(world.chat.told(), 1);
    let error = jobs::probe::run(&world.app, "chta", None, None)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("chta") && error.contains("chat"), "{error}");
}

#[tokio::test]
async fn a_channel_without_its_secret_loses_nothing_and_says_why() {
    let world = crossed("slack").await;
    let config = world.app.config().clone();
    let app = spendwatch::App::new(
        config,
        &Default::default(),
        spendwatch::StateLocation::Memory,
    );
    let broken = app.unwrap().with_clock(world.clock.clone());
    // The same store, seen by an installation that lacks the secret.
    for key in world.app.documents().list("outbox/").await.unwrap() {
        let document = world.app.documents().get(&key).await.unwrap().unwrap();
        broken
            .documents()
            .create(&key, document.bytes)
            .await
            .unwrap();
    }
    let report = jobs::deliver::run(&broken, "chat").await.unwrap();
    assert_eq!(report.left, 1);
    assert!(
        report
            .skipped
            .unwrap()
            .contains("environment variable CHAT_URL is not set")
    );
    let lane = broken.documents().get("lanes/chat").await.unwrap().unwrap();
    let lane: spendwatch::Lane = serde_json::from_slice(&lane.bytes).unwrap();
    assert_eq!((lane.not_before, lane.lease_until), (None, None));
}

#[tokio::test]
async fn a_message_behind_an_earlier_one_is_due_when_that_one_is() {
    let world = crossed("webhook").await;
    world.chat.answers(&[Answering::Status(503)]);
    world.deliver().await;
    // The crossing waits for its next try; the data are restated, and the correction waits behind it.
    world.spent(700);
    world.evaluate().await;
    let report = world.deliver().await;
    assert_eq!((report.left, world.chat.told()), (2, 1));
    assert!(
        report.next_due.unwrap() > world.app.now(),
        "no visit before there is something to do"
    );
    world.pass(40);
    while world.deliver().await.left > 0 {}
    let bodies = world.chat.bodies.lock().unwrap();
    assert_eq!(bodies.len(), 3);
    assert!(
        bodies[1].contains("firing") && !bodies[2].contains("firing"),
        "{bodies:#?}"
    );
}

#[tokio::test]
async fn waiting_deliveries_do_not_keep_the_others_from_their_turn() {
    let world = crossed("webhook").await;
    let key = world
        .app
        .documents()
        .list("outbox/")
        .await
        .unwrap()
        .remove(0);
    let document = world.app.documents().get(&key).await.unwrap().unwrap();
    let template: Delivery = serde_json::from_slice(&document.bytes).unwrap();
    world
        .app
        .documents()
        .delete(&key, &document.version)
        .await
        .unwrap();
    for number in 0..130 {
        let mut delivery = template.clone();
        delivery.id = format!("{number:03}");
        delivery.notice.id = delivery.id.clone();
        delivery.notice.recipient = Some(format!("reader-{number}"));
        if number < 120 {
            delivery.next_at = world.app.now() + jiff::SignedDuration::from_hours(1);
        }
        let key = format!("outbox/chat/20261112T000000Z-{}", delivery.id);
        world
            .app
            .documents()
            .create(&key, serde_json::to_vec(&delivery).unwrap())
            .await
            .unwrap();
    }
    let report = world.deliver().await;
    assert_eq!((report.sent, report.left), (10, 120));
    assert!(report.next_due.unwrap() > world.app.now());
}

#[tokio::test]
async fn a_delivery_that_cannot_be_read_does_not_stop_the_lane() {
    let world = crossed("webhook").await;
    world
        .app
        .documents()
        .create("outbox/chat/00000000T000000Z-x", b"{}".to_vec())
        .await
        .unwrap();
    assert_eq!(world.deliver().await.sent, 1);
}
