//! What waits, what is told together, what is not told at all, and who hears when nothing arrives.

use jiff::{SignedDuration, Timestamp};
use spendwatch::jobs::alerts::explain::{Explained, Told, explain};
use spendwatch::jobs::alerts::find::Wanted;
use spendwatch::jobs::deliveries;
use spendwatch::{Delivery, DeliveryState, Matcher, NewSilence, jobs};

use crate::support::*;

/// At midnight UTC on 12 November 2026, a Thursday: the middle of a night.
const NIGHTS: &str = r#"
    [[quiet_hours]]
    from = "20:00"
    until = "07:00"
"#;

async fn live(world: &World) -> Vec<Delivery> {
    let mut live = Vec::new();
    for key in world.app.documents().list("outbox/").await.unwrap() {
        let document = world.app.documents().get(&key).await.unwrap().unwrap();
        live.push(serde_json::from_slice(&document.bytes).unwrap());
    }
    live
}

fn body(world: &World, index: usize) -> serde_json::Value {
    serde_json::from_str(&world.chat.bodies.lock().unwrap()[index]).unwrap()
}

/// All that a chat message says.
fn text(world: &World, index: usize) -> String {
    world.chat.bodies.lock().unwrap()[index].clone()
}

fn suppressed(history: &[Delivery]) -> Vec<(&str, &str)> {
    let ends = history.iter().filter_map(|one| match &one.state {
        DeliveryState::Suppressed { by, why } => Some((by.as_deref().unwrap_or(""), why.as_str())),
        _ => None,
    });
    ends.collect()
}

#[tokio::test]
async fn a_notice_waits_for_the_morning_and_is_sent_once() {
    let world = World::with("slack", r#"["actual 80%"]"#, NIGHTS).await;
    world.spent(850);
    world.evaluate().await;
    let report = world.deliver().await;
    let morning: Timestamp = "2026-11-12T07:00:00Z".parse().unwrap();
    assert_eq!((report.sent, report.left), (0, 1));
    assert_eq!(report.next_due, Some(morning));
    assert_eq!(
        live(&world).await[0].held.as_ref().unwrap().why,
        "quiet hours"
    );
    let fates = deliveries::list(&world.app, &Default::default()).await;
    let fate = &fates.unwrap()[0];
    assert_eq!(fate.next_at, Some(morning), "not when it was decided");
    assert_eq!(fate.why.as_deref(), Some("quiet hours"));
    world.pass(7 * 3600);
    // What held it back is over, and what has failed waits for another reason.
    world.chat.answers(&[Answering::Status(503)]);
    world.deliver().await;
    let fates = deliveries::list(&world.app, &Default::default()).await;
    let fate = &fates.unwrap()[0];
    assert_eq!(fate.why, None);
    assert!(fate.next_at > Some(morning) && fate.last_failure.is_some());
    world.pass(60);
    assert_eq!(world.deliver().await.sent, 1);
    assert_eq!(world.chat.told(), 2);
    assert!(
        !text(&world, 1).contains("then ("),
        "it tells of nothing else"
    );
}

#[tokio::test]
async fn what_was_silenced_is_told_when_the_silence_ends() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    let until: Timestamp = "2026-11-14T00:00:00Z".parse().unwrap();
    let new = NewSilence {
        link: None,
        matcher: Matcher {
            budget: Some("payments".into()),
            ..Matcher::default()
        },
        from: None,
        until,
        reason: "load test".into(),
        by: "lead@contoso.example".into(),
    };
    let silence = jobs::silence::create(&world.app, new).await.unwrap();
    world.spent(850);
    world.evaluate().await;
    let report = world.deliver().await;
    assert_eq!((report.sent, report.left), (0, 1));
    assert_eq!(report.next_due, Some(until));
    world.pass(3600);
    jobs::silence::end(&world.app, &silence.id, "lead@contoso.example")
        .await
        .unwrap();
    // Long before it would have ended, and without another evaluation.
    let report = world.deliver().await;
    assert_eq!((report.sent, report.left), (1, 0));
    assert!(text(&world, 0).contains("threshold actual 80%"));
}

#[tokio::test]
async fn what_is_held_back_beyond_its_period_is_told_all_the_same() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    let new = NewSilence {
        link: None,
        matcher: Matcher {
            budget: Some("payments".into()),
            ..Matcher::default()
        },
        from: None,
        until: "2026-12-20T00:00:00Z".parse().unwrap(),
        reason: "migration".into(),
        by: "lead@contoso.example".into(),
    };
    jobs::silence::create(&world.app, new).await.unwrap();
    world.spent(850);
    world.evaluate().await;
    for _ in 0..38 {
        let report = world.deliver().await;
        assert_eq!((report.given_up, report.left), (0, 1), "{report:?}");
        world.pass(24 * 3600);
    }
    assert_eq!(world.deliver().await.sent, 1);
    assert!(text(&world, 0).contains("threshold actual 80%"));
}

#[tokio::test]
async fn what_is_critical_wakes_people() {
    let world = World::with("slack", r#"["actual 100%"]"#, NIGHTS).await;
    world.spent(1200);
    world.evaluate().await;
    assert_eq!(world.deliver().await.sent, 1);
}

#[tokio::test]
async fn what_waited_together_is_told_by_the_most_urgent_of_it() {
    let world = World::with("slack", r#"["actual 50%", "actual 80%"]"#, NIGHTS).await;
    for amount in [600, 850] {
        world.spent(amount);
        world.evaluate().await;
        world.deliver().await;
        world.pass(3600);
    }
    world.pass(6 * 3600);
    let report = world.deliver().await;
    assert_eq!((report.sent, report.suppressed, report.left), (1, 1, 0));
    let told = text(&world, 0);
    assert!(told.contains("threshold actual 80%"), "{told}");
    assert!(told.contains("actual 50% crossed, at 60 % then"), "{told}");
    let history = world.history().await;
    let carrier = history
        .iter()
        .find(|one| one.state == DeliveryState::Delivered)
        .unwrap();
    let [(by, _)] = suppressed(&history)[..] else {
        panic!("one is told by the other")
    };
    assert!(by.ends_with(&carrier.id));
}

#[tokio::test]
async fn what_is_over_by_the_morning_is_one_line_or_nothing() {
    for (setting, sent) in [("summary", 1), ("nothing", 0)] {
        let more = format!("{NIGHTS}\n[alerts]\nended_while_held = \"{setting}\"");
        let world = World::with("slack", r#"["actual 80%"]"#, &more).await;
        for amount in [850, 100] {
            world.spent(amount);
            world.evaluate().await;
            world.deliver().await;
            world.pass(3600);
        }
        world.pass(6 * 3600);
        let report = world.deliver().await;
        assert_eq!((report.sent, report.left), (sent, 0), "{setting}");
        if sent == 1 {
            let told = text(&world, 0);
            assert!(told.contains("Correction: payments is below"), "{told}");
            assert!(told.contains("actual 80% crossed, at 85 % then"), "{told}");
        }
        let history = world.history().await;
        assert_eq!(history.len(), 2);
        assert_eq!(suppressed(&history).len(), 2 - sent);
    }
}

#[tokio::test]
async fn a_correction_of_what_never_arrived_is_not_sent() {
    let world = World::new("webhook", r#"["actual 80%"]"#).await;
    world.spent(850);
    world.evaluate().await;
    world.chat.answers(&[Answering::Status(400)]);
    assert_eq!(world.deliver().await.given_up, 1);
    world.pass(60);
    world.spent(100);
    world.evaluate().await;
    let report = world.deliver().await;
    assert_eq!((report.sent, report.suppressed), (0, 1));
    assert_eq!(world.chat.told(), 1);
}

#[tokio::test]
async fn a_planned_event_is_named_and_may_mute() {
    let event = |mute: bool| {
        format!(
            "[[event]]\nname = \"Load test\"\nfrom = 2026-11-10\nuntil = 2026-11-12\nmute = {mute}"
        )
    };
    let world = World::with("webhook", r#"["actual 80%"]"#, &event(false)).await;
    world.spent(850);
    world.evaluate().await;
    assert_eq!(world.deliver().await.sent, 1);
    assert!(body(&world, 0)["remarks"].to_string().contains("Load test"));
    let muted = World::with("webhook", r#"["actual 80%"]"#, &event(true)).await;
    muted.spent(850);
    muted.evaluate().await;
    assert_eq!(muted.deliver().await.sent, 0);
    muted.pass(24 * 3600);
    assert_eq!(muted.deliver().await.sent, 1, "after its last day");
}

/// A parent of `payments`, with the same conditions.
const PARENT: &str = r#"
    [[budget]]
    id = "all"
    amount = 1000
    notify = ["chat"]
    thresholds = ["actual 80%"]
"#;

#[tokio::test]
async fn the_notice_of_a_budget_tells_of_its_parts() {
    let config =
        |tells: bool| format!("parent = \"all\"\n[alerts]\nparent_tells = {tells}\n{PARENT}");
    let world = World::with("slack", r#"["actual 80%"]"#, &config(true)).await;
    world.spent(850);
    world.evaluate().await;
    let report = world.deliver().await;
    assert_eq!((report.sent, report.suppressed), (1, 1));
    let told = text(&world, 0);
    assert!(told.contains("all has used EUR 850.00"), "{told}");
    assert!(
        told.contains("payments actual 80% crossed, at 85 % then"),
        "{told}"
    );
    let each = World::with("slack", r#"["actual 80%"]"#, &config(false)).await;
    each.spent(850);
    each.evaluate().await;
    assert_eq!(each.deliver().await.sent, 2);
    let told = [text(&each, 0), text(&each, 1)];
    let parent = told.iter().find(|one| one.contains("all has used"));
    let parent = parent.unwrap();
    assert!(parent.contains("payments 85 % (actual 80%)"), "{parent}");
}

/// So many budgets of the same costs, all crossed.
async fn many(budgets: usize, more: &str) -> World {
    many_with(budgets, "", more).await
}

/// The same with settings before the first table as well.
async fn many_with(budgets: usize, root: &str, more: &str) -> World {
    let mut text = more.to_owned();
    for number in 1..budgets {
        text.push_str(&format!(
            "\n[[budget]]\nid = \"b{number}\"\nscopes = [\"{GROUP}\"]\namount = 1000\nnotify = [\"chat\"]\nthresholds = [\"actual 80%\"]"
        ));
    }
    let world = World::configured("slack", r#"["actual 80%"]"#, root, &text).await;
    world.spent(850);
    world.evaluate().await;
    world
}

#[tokio::test]
async fn a_list_that_does_not_arrive_is_whole_at_the_fallback() {
    let more = r#"
        [alerts]
        allowance = { notices = 1, hours = 2 }
        [channel.ops]
        kind = "slack"
        url = { secret = "CHAT_URL" }
        allow_networks = ["127.0.0.1/32"]
    "#;
    let world = many_with(5, "fallback = \"ops\"", more).await;
    world.chat.answers(&[Answering::Status(400)]);
    let report = world.deliver().await;
    assert_eq!((report.given_up, report.suppressed), (1, 5));
    assert_eq!(deliver_to(&world, "ops").await.sent, 1);
    let told = text(&world, 1);
    let listed = told.matches("actual 80% crossed, at 85 % then").count();
    assert_eq!(listed, 5, "{told}");
    assert!(!told.contains("Put together"), "{told}");
    // Who asks why finds the list, and its copy.
    let explained = explain_one(&world).await;
    let fates = explained.history[0].told_instead.iter();
    let fates: Vec<_> = fates
        .map(|one| (&*one.about, &*one.destination, &*one.state))
        .collect();
    let list = "5 notices in one";
    assert_eq!(fates, [(list, "chat", "dead"), (list, "ops", "delivered")]);
}

#[tokio::test]
async fn more_than_the_allowance_comes_in_one_notice_that_lists_all() {
    let more = "[alerts]\nallowance = { notices = 3, hours = 2 }";
    let world = many(10, more).await;
    let report = world.deliver().await;
    // Two alone, and one with the other eight.
    assert_eq!((report.sent, report.suppressed, report.left), (3, 8, 0));
    let mut told = (0..3).map(|index| text(&world, index));
    let bundle = told.find(|one| one.contains("8 notices at once")).unwrap();
    let listed = bundle.matches("actual 80% crossed, at 85 % then").count();
    assert_eq!(listed, 8);
    // The next ones wait until the window opens again.
    let opens = world.app.now() + SignedDuration::from_hours(2);
    world.pass(60);
    world.spent(100);
    world.evaluate().await;
    let waits = world.deliver().await;
    assert_eq!((waits.sent, waits.left), (0, 10));
    assert_eq!(waits.next_due, Some(opens));
    world.pass(2 * 3600);
    let after = world.deliver().await;
    assert_eq!((after.sent, after.left), (3, 0));
}

#[tokio::test]
async fn without_an_allowance_everything_comes_alone() {
    let world = many(30, "[alerts]\nallowance = false").await;
    assert_eq!(world.deliver().await.sent, 30);
}

/// Two notices that are due, and the second names the first, which is still there: what the store holds
/// when a worker is killed before it has ended the first.
async fn one_names_the_other() -> (World, Delivery) {
    let world = World::with("slack", r#"["actual 50%", "actual 80%"]"#, NIGHTS).await;
    for amount in [600, 850] {
        world.spent(amount);
        world.evaluate().await;
        world.deliver().await;
        world.pass(3600);
    }
    world.pass(6 * 3600);
    let store = world.app.documents();
    let keys = store.list("outbox/").await.unwrap();
    let first: Delivery =
        serde_json::from_slice(&store.get(&keys[0]).await.unwrap().unwrap().bytes).unwrap();
    let document = store.get(&keys[1]).await.unwrap().unwrap();
    let mut second: serde_json::Value = serde_json::from_slice(&document.bytes).unwrap();
    second["notice"]["carried"] = serde_json::json!([{
        "delivery": first.id, "alert": "a", "at": "2026-11-12T00:00:00Z", "budget": "payments",
        "periodLabel": "2026-11", "when": "actual 50%", "change": "fired", "percent": "60"
    }]);
    let bytes = serde_json::to_vec(&second).unwrap();
    store
        .replace(&keys[1], bytes, &document.version)
        .await
        .unwrap();
    (world, first)
}

#[tokio::test]
async fn what_another_notice_names_ends_after_a_kill_between_the_two() {
    let (world, _) = one_names_the_other().await;
    let report = world.deliver().await;
    assert_eq!((report.sent, report.suppressed), (1, 1));
    let told = text(&world, 0);
    assert_eq!(
        told.matches("actual 50% crossed, at 60 % then").count(),
        1,
        "{told}"
    );
}

#[tokio::test]
async fn of_two_notices_that_gathered_the_same_the_one_in_the_history_tells_of_it() {
    let (world, mut first) = one_names_the_other().await;
    // Another worker, that stood still for longer than its lease, has gathered the first as well.
    first.state = DeliveryState::Suppressed {
        by: Some("history/2026-11/another".into()),
        why: "another notice tells of it".into(),
    };
    let store = world.app.documents();
    let keys = store.list("outbox/").await.unwrap();
    let document = store.get(&keys[0]).await.unwrap().unwrap();
    let bytes = serde_json::to_vec(&first).unwrap();
    let key = format!("history/2026-11/{}", first.id);
    store.create(&key, bytes).await.unwrap();
    store.delete(&keys[0], &document.version).await.unwrap();
    // It is not sent at once: what the other worker has made may come before it.
    let report = world.deliver().await;
    assert_eq!((report.sent, report.left), (0, 1));
    assert_eq!(report.next_due, Some(world.app.now()));
    assert_eq!(world.deliver().await.sent, 1);
    let told = text(&world, 0);
    assert!(!told.contains("actual 50% crossed"), "{told}");
}

/// A second channel as fallback, at the same server.
const FALLBACK: &str = r#"
    [channel.ops]
    kind = "webhook"
    url = { secret = "CHAT_URL" }
    signing = { secret = "SIGNING" }
    allow_networks = ["127.0.0.1/32"]
"#;

async fn with_fallback() -> World {
    World::configured(
        "webhook",
        r#"["actual 80%"]"#,
        "fallback = \"ops\"",
        FALLBACK,
    )
    .await
}

async fn deliver_to(world: &World, destination: &str) -> jobs::deliver::Report {
    jobs::deliver::run(&world.app, destination).await.unwrap()
}

async fn explain_one(world: &World) -> Explained {
    let wanted = Wanted {
        alert: "payments/actual-80pct".to_owned(),
        ..Wanted::default()
    };
    explain(&world.app, &wanted).await.unwrap()
}

#[tokio::test]
async fn what_does_not_arrive_goes_to_the_fallback_and_says_so() {
    let world = with_fallback().await;
    world.spent(850);
    world.evaluate().await;
    world.chat.answers(&[Answering::Status(400)]);
    assert_eq!(world.deliver().await.given_up, 1);
    assert_eq!(deliver_to(&world, "ops").await.sent, 1);
    let told = body(&world, 1);
    assert_eq!(told["budget"]["id"], "payments");
    assert!(told["remarks"].to_string().contains("did not reach chat"));
    // Whoever was told of the beginning in its place hears of the end.
    world.pass(60);
    world.spent(100);
    world.evaluate().await;
    assert_eq!(world.deliver().await.suppressed, 1);
    assert_eq!(deliver_to(&world, "ops").await.sent, 1);
    let told = body(&world, 2);
    assert_eq!(told["state"], "withdrawn");
    assert!(told["remarks"].to_string().contains("did not reach chat"));
    let explained = explain_one(&world).await;
    let places = |told: &Told| -> Vec<(String, String, Option<String>)> {
        let fates = told.deliveries.iter().chain(&told.told_instead).cloned();
        let places = fates.map(|one| (one.destination, one.state, one.instead_of));
        places.collect()
    };
    let place = |to: &str, state: &str, instead_of: Option<&str>| {
        (
            to.to_owned(),
            state.to_owned(),
            instead_of.map(str::to_owned),
        )
    };
    let copy = place("ops", "delivered", Some("chat"));
    let [fired, withdrawn] = &explained.history[..] else {
        panic!("{explained:?}");
    };
    assert_eq!(places(fired), [place("chat", "dead", None), copy.clone()]);
    assert_eq!(places(withdrawn), [place("chat", "suppressed", None), copy]);
    // The fallback's own failures go nowhere else.
    world.pass(60);
    world.spent(900);
    world.evaluate().await;
    world.chat.answers(&[Answering::Status(400); 2]);
    assert_eq!(world.deliver().await.given_up, 1);
    let report = deliver_to(&world, "ops").await;
    assert_eq!((report.given_up, report.left), (1, 0));
    assert_eq!(deliver_to(&world, "ops").await.left, 0);
}

#[tokio::test]
async fn a_destination_that_fails_and_works_again_is_told_of_once_each() {
    let world = with_fallback().await;
    world.spent(850);
    world.evaluate().await;
    // A refusal for good is told at once.
    world.chat.answers(&[Answering::Status(404)]);
    world.deliver().await;
    assert_eq!(deliver_to(&world, "ops").await.sent, 1);
    let told = body(&world, 1);
    assert_eq!(told["type"], "spendwatch.trouble");
    assert!(told["summary"].to_string().contains("chat is switched off"));
    world.chat.answers(&[Answering::Status(404)]);
    world.pass(6 * 3600 + 1);
    world.deliver().await;
    // That it fails is known; what waits there is not.
    assert_eq!(deliver_to(&world, "ops").await.sent, 1);
    let told = body(&world, world.chat.told() - 1);
    assert!(told["remarks"].to_string().contains("did not reach chat"));
    world.pass(6 * 3600 + 1);
    assert_eq!(world.deliver().await.sent, 1);
    assert_eq!(deliver_to(&world, "ops").await.sent, 1);
    let told = body(&world, world.chat.told() - 1);
    assert!(told["summary"].to_string().contains("works again"));
}

#[tokio::test]
async fn a_test_that_arrives_revives_a_destination() {
    let world = World::new("webhook", r#"["actual 80%"]"#).await;
    world.spent(850);
    world.evaluate().await;
    world.chat.answers(&[Answering::Status(401)]);
    world.deliver().await;
    assert!(world.deliver().await.skipped.is_some());
    let probe = jobs::probe::run(&world.app, "chat", None, None)
        .await
        .unwrap();
    assert!(probe[0].is_success());
    assert_eq!(world.deliver().await.sent, 1);
}

#[tokio::test]
async fn people_are_reminded_others_are_told_and_the_period_closes() {
    let more = "remind_every_hours = 24\nescalate_after_hours = 36\nescalate_to = [\"ops\"]";
    let world = World::with(
        "webhook",
        r#"["actual 80%"]"#,
        &format!("{more}\n{FALLBACK}"),
    )
    .await;
    world.spent(850);
    world.evaluate().await;
    world.deliver().await;
    let attend = || jobs::attend::run(&world.app);
    assert_eq!(attend().await.unwrap().transitions, 0);
    world.pass(24 * 3600);
    assert_eq!(attend().await.unwrap().transitions, 1);
    world.deliver().await;
    assert_eq!(body(&world, 1)["type"], "budget.threshold.reminded");
    world.pass(12 * 3600);
    assert_eq!(attend().await.unwrap().transitions, 1);
    assert_eq!(deliver_to(&world, "ops").await.sent, 1);
    assert_eq!(body(&world, 2)["type"], "budget.threshold.escalated");
    // The period ends, and the days after it that may still change.
    world.pass(25 * 24 * 3600);
    let closed = attend().await.unwrap();
    assert_eq!((closed.open, closed.transitions), (0, 1));
    world.deliver().await;
    let last = body(&world, world.chat.told() - 1);
    assert_eq!(
        (&last["type"], &last["state"]),
        (&"budget.threshold.closed".into(), &"closed".into())
    );
    assert_eq!(
        attend().await.unwrap(),
        Default::default(),
        "nothing is left to look at"
    );
}

#[tokio::test]
async fn nobody_is_reminded_of_a_period_that_is_over() {
    let world = World::with("webhook", r#"["actual 80%"]"#, "remind_every_hours = 240").await;
    world.spent(850);
    world.evaluate().await;
    world.deliver().await;
    // On 12 November it fired: the 22nd is in its period, 2 December is not.
    for (days, told) in [(10, 2), (10, 2)] {
        world.pass(days * 24 * 3600);
        jobs::attend::run(&world.app).await.unwrap();
        world.deliver().await;
        assert_eq!(world.chat.told(), told);
    }
}

#[tokio::test]
async fn what_reached_nobody_before_is_no_reminder_and_goes_to_the_fallback() {
    let world = World::configured(
        "webhook",
        r#"["actual 80%"]"#,
        "fallback = \"ops\"",
        FALLBACK,
    )
    .await;
    let ledger = "ledger/payments/monthly-2026-11-01";
    world.spent(850);
    world.evaluate().await;
    // As it is written while there is nobody to tell.
    for key in world.app.documents().list("outbox/").await.unwrap() {
        let document = world.app.documents().get(&key).await.unwrap().unwrap();
        let deleted = world.app.documents().delete(&key, &document.version).await;
        deleted.unwrap();
    }
    let document = world.app.documents().get(ledger).await.unwrap().unwrap();
    let mut stored: serde_json::Value = serde_json::from_slice(&document.bytes).unwrap();
    stored["transitions"][0]["route"] = serde_json::json!([]);
    let bytes = serde_json::to_vec(&stored).unwrap();
    let documents = world.app.documents();
    documents
        .replace(ledger, bytes, &document.version)
        .await
        .unwrap();
    jobs::attend::run(&world.app).await.unwrap();
    let waiting = live(&world).await;
    let [told] = &waiting[..] else {
        panic!("told again: {waiting:?}")
    };
    let end: Timestamp = "2026-12-02T00:00:00Z".parse().unwrap();
    assert_eq!(told.expires_at, end, "as long as other news");
    world.chat.answers(&[Answering::Status(400)]);
    let report = world.deliver().await;
    assert_eq!(report.given_up, 1, "{report:?}");
    world.pass(1);
    assert_eq!(deliver_to(&world, "ops").await.sent, 1);
}

#[tokio::test]
async fn a_destination_that_fails_for_days_is_tried_every_six_hours() {
    let steps = r#"["actual every 10%"]"#;
    let world = World::configured("webhook", steps, "fallback = \"ops\"", FALLBACK).await;
    world.chat.answers(&[Answering::Status(503); 90]);
    for day in 0..6 {
        world.spent(850 + 100 * day);
        world.evaluate().await;
        world.deliver().await;
        world.pass(24 * 3600);
    }
    world.spent(1850);
    world.evaluate().await;
    world.deliver().await;
    let tries = world.chat.told();
    world.pass(3600);
    world.deliver().await;
    assert_eq!(world.chat.told(), tries);
    world.pass(5 * 3600 + 1);
    world.deliver().await;
    assert!(world.chat.told() > tries);
}

#[tokio::test]
async fn a_reminder_of_what_is_over_by_then_is_not_sent() {
    let world = World::with("webhook", r#"["actual 80%"]"#, "remind_every_hours = 24").await;
    world.spent(850);
    world.evaluate().await;
    world.deliver().await;
    world.pass(24 * 3600);
    jobs::attend::run(&world.app).await.unwrap();
    world.pass(60);
    world.spent(100);
    world.evaluate().await;
    let report = world.deliver().await;
    // The reminder is not sent, the correction is.
    assert_eq!((report.sent, report.suppressed), (1, 1));
    assert_eq!(body(&world, 1)["state"], "withdrawn");
}

#[tokio::test]
async fn late_evaluation_is_told_to_the_fallback_once() {
    let world = with_fallback().await;
    world.spent(10);
    world.evaluate().await;
    world.pass(26 * 3600);
    jobs::sweep::run(&world.app).await.unwrap();
    assert_eq!(deliver_to(&world, "ops").await.sent, 0);
    for _ in 0..3 {
        world.pass(60);
        jobs::sweep::run(&world.app).await.unwrap();
    }
    assert_eq!(deliver_to(&world, "ops").await.sent, 1);
    assert!(
        body(&world, 0)["summary"]
            .to_string()
            .contains("not evaluated")
    );
    // And again, when it happens again.
    world.spent(10);
    world.evaluate().await;
    world.pass(27 * 3600);
    jobs::sweep::run(&world.app).await.unwrap();
    assert_eq!(deliver_to(&world, "ops").await.sent, 1);
}

#[tokio::test]
async fn every_destination_is_tested_once_a_week() {
    let more = format!("[alerts]\ncanary = \"thursday 07:00\"\n{FALLBACK}");
    let world = World::with("webhook", r#"["actual 80%"]"#, &more).await;
    let sweep = || jobs::sweep::run(&world.app);
    sweep().await.unwrap();
    assert!(live(&world).await.is_empty(), "it is midnight");
    world.pass(7 * 3600);
    sweep().await.unwrap();
    world.pass(60);
    sweep().await.unwrap();
    assert_eq!(live(&world).await.len(), 2);
    assert_eq!(world.deliver().await.sent, 1);
    sweep().await.unwrap();
    assert_eq!(
        live(&world).await.len(),
        1,
        "what was delivered is not tested again"
    );
    world.pass(7 * 24 * 3600 - 60);
    sweep().await.unwrap();
    assert_eq!(
        live(&world).await.len(),
        3,
        "one of last week, which nobody delivered"
    );
}

#[tokio::test]
async fn a_weekly_test_that_an_outage_kept_away_is_made_up_for() {
    let more = format!("[alerts]\ncanary = \"thursday 07:00\"\n{FALLBACK}");
    let world = World::with("webhook", r#"["actual 80%"]"#, &more).await;
    world.pass((24 + 20) * 3600);
    for _ in 0..2 {
        jobs::sweep::run(&world.app).await.unwrap();
        world.pass(60);
    }
    assert_eq!(live(&world).await.len(), 2, "one for each destination");
    assert_eq!(world.deliver().await.sent, 1);
}

#[tokio::test]
async fn owners_hear_once_a_week_where_their_budgets_stand_worst_first() {
    let more = format!(
        r#"
        [digest]
        at = "thursday 07:00"
        notify = ["chat"]
        [[budget]]
        id = "calm"
        scopes = ["{GROUP}"]
        amount = 100_000
        notify = ["chat"]
        thresholds = ["actual 80%"]
        [[budget]]
        id = "worst"
        scopes = ["{GROUP}"]
        amount = 100
        notify = ["chat"]
        thresholds = ["actual 5000%"]
        "#
    );
    let world = World::with("webhook", r#"["actual 5000%"]"#, &more).await;
    // 1,050 of 1,000, of 100,000 and of 100.
    world.spent(1050);
    world.evaluate().await;
    let sweep = || jobs::sweep::run(&world.app);
    sweep().await.unwrap();
    assert!(live(&world).await.is_empty(), "it is midnight");
    world.pass(7 * 3600);
    for _ in 0..3 {
        sweep().await.unwrap();
        world.pass(60);
    }
    assert_eq!(world.deliver().await.sent, 1);
    let told = body(&world, 0);
    assert_eq!(told["type"], "spendwatch.digest");
    let rows = told["digest"]["rows"].as_array().unwrap();
    let budgets: Vec<_> = rows
        .iter()
        .map(|row| row["budget"].as_str().unwrap())
        .collect();
    assert_eq!(budgets, ["worst", "payments", "calm"]);
    assert_eq!(rows[0]["standing"], "over");
    assert_eq!(rows[2]["standing"], "fine");
    assert_eq!(told["digest"]["fine"], 0, "all are listed");
    assert!(
        told["summary"]
            .as_str()
            .unwrap()
            .starts_with("2 of your budgets")
    );
    assert!(
        told["remarks"]
            .to_string()
            .contains("[##########] worst: 1050 %")
    );
    sweep().await.unwrap();
    assert!(live(&world).await.is_empty(), "once a week");
}

#[tokio::test]
async fn programs_hear_of_every_change_on_its_own_and_at_any_time() {
    let more = format!("{NIGHTS}\n[alerts]\nallowance = {{ notices = 1, hours = 1 }}");
    let world = World::with("webhook", r#"["actual 50%", "actual 80%"]"#, &more).await;
    for amount in [600, 850] {
        world.spent(amount);
        world.evaluate().await;
        world.pass(60);
    }
    assert_eq!(world.deliver().await.sent, 2);
}
