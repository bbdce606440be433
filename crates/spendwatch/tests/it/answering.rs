//! People answer: by the links of notices and without, from firing to the end.

use budget_engine::{AlertState, Change, Ledger, Money, NotAcknowledged, Transition, Verdict};
use jiff::SignedDuration;
use spendwatch::jobs::alerts::acknowledge::{Refusal, acknowledge};
use spendwatch::jobs::alerts::explain::explain;
use spendwatch::jobs::alerts::find::{NotFound, Wanted, find};
use spendwatch::jobs::alerts::{self, Whose};
use spendwatch::jobs::answer::{self, Lasting, NotAnswered};
use spendwatch::jobs::{attend, deliveries, silence};
use spendwatch::{BadLink, Delivery, NotSilenced, Permission, Purpose};
use state_store::json;

use crate::support::World;

const LINKS: &str = "
    remind_every_hours = 24
    [links]
    key = { secret = \"LINK_KEY\" }
    url = \"https://cost.contoso.example/api\"
";
const LEDGER: &str = "ledger/payments/monthly-2026-11-01";

/// A budget whose 80 percent are reached, with links in its notices.
async fn fired() -> World {
    let world = World::with("slack", "[\"actual 80%\"]", LINKS).await;
    world.spent(850);
    world.evaluate().await;
    world
}

async fn ledger(world: &World) -> Ledger {
    let stored = json::get(world.app.documents(), LEDGER).await.unwrap();
    stored.unwrap().0
}

async fn outbox(world: &World) -> Vec<Delivery> {
    let mut live = Vec::new();
    for key in world.app.documents().list("outbox/").await.unwrap() {
        let document = world.app.documents().get(&key).await.unwrap().unwrap();
        live.push(serde_json::from_slice(&document.bytes).unwrap());
    }
    live
}

fn permission(url: &str) -> Permission {
    let url: url::Url = url.parse().unwrap();
    let part = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
    };
    Permission {
        purpose: Purpose::parse(&part("for")).unwrap(),
        about: part("about"),
        expires: part("expires").parse().unwrap(),
        delivery: part("delivery"),
        mac: part("mac"),
    }
}

/// The link of this title in the newest delivery.
async fn link(world: &World, title: &str) -> Permission {
    let newest = outbox(world).await.pop().unwrap();
    let links = newest.notice.links;
    let found = links.iter().find(|link| link.title == title).unwrap();
    permission(&found.url)
}

fn wanted(alert: &str) -> Wanted {
    Wanted {
        alert: alert.to_owned(),
        ..Wanted::default()
    }
}

#[tokio::test]
async fn notices_lead_to_answers_and_to_cost_analysis() {
    let world = fired().await;
    let [delivery] = <[Delivery; 1]>::try_from(outbox(&world).await).unwrap();
    let links = &delivery.notice.links;
    let titles: Vec<&str> = links.iter().map(|link| &*link.title).collect();
    let expected = [
        "Acknowledge",
        "Silence",
        "Explain",
        "Status",
        "Cost analysis",
    ];
    assert_eq!(titles, expected);
    for link in &links[..4] {
        assert!(
            link.url
                .starts_with("https://cost.contoso.example/api/answer?for=")
        );
        let permission = permission(&link.url);
        assert_eq!(permission.delivery, delivery.id);
        // Fourteen days after the decision, at the end of 26 November.
        let end: jiff::Timestamp = "2026-11-26T00:00:00Z".parse().unwrap();
        assert_eq!(permission.expires, end.as_second());
        let opened = answer::open(&world.app, &permission).await.unwrap();
        assert_eq!(opened.who, "holder of the link of chat");
        assert!(
            opened.words().headline.contains("85 %"),
            "{:?}",
            opened.words()
        );
    }
    assert_eq!(
        links[4].url,
        "https://portal.azure.com/#blade/Microsoft_Azure_CostManagement/Menu/open/costanalysis/\
         scope/%2Fsubscriptions%2Fa%2FresourceGroups%2Fpayments"
    );
    let without = World::new("slack", "[\"actual 80%\"]").await;
    without.spent(850);
    without.evaluate().await;
    let links = outbox(&without).await.pop().unwrap().notice.links;
    assert_eq!(links.len(), 1);
}

#[tokio::test]
async fn acknowledging_by_link_counts_once_and_ends_reminders() {
    let world = fired().await;
    let link = link(&world, "Acknowledge").await;
    world.pass(60);
    let done = answer::acknowledge_by_link(&world.app, &link, Some("  load test "))
        .await
        .unwrap();
    assert_eq!(done.acknowledged.by, "holder of the link of chat");
    assert_eq!(done.acknowledged.note.as_deref(), Some("load test"));
    assert_eq!((done.dismissed.len(), done.warnings.len()), (0, 0));
    world.pass(60);
    let again = answer::acknowledge_by_link(&world.app, &link, None).await;
    let refused = again.unwrap_err().to_string();
    assert_eq!(
        refused,
        "holder of the link of chat has acknowledged it at 2026-11-12T00:01:00Z"
    );
    world.pass(25 * 3600);
    assert_eq!(attend::run(&world.app).await.unwrap().transitions, 0);
    let changes = ledger(&world).await.transitions;
    let changes: Vec<Change> = changes.iter().map(|one| one.change).collect();
    assert_eq!(changes, [Change::Fired, Change::Acknowledged]);
    // A chat that shows no state hears nothing of it.
    assert_eq!(outbox(&world).await.len(), 1);
}

#[tokio::test]
async fn without_an_acknowledgement_there_are_reminders_with_links_of_their_own() {
    let world = fired().await;
    let first = link(&world, "Acknowledge").await;
    world.pass(25 * 3600);
    assert_eq!(attend::run(&world.app).await.unwrap().transitions, 1);
    let second = link(&world, "Acknowledge").await;
    assert_ne!(first.about, second.about);
    // Both are about the same firing.
    answer::acknowledge_by_link(&world.app, &first, None)
        .await
        .unwrap();
    world.pass(1);
    let late = answer::acknowledge_by_link(&world.app, &second, None).await;
    let already = matches!(
        late,
        Err(NotAnswered::Refused(Refusal::NotAcknowledged(
            NotAcknowledged::Already(_)
        )))
    );
    assert!(already, "{late:?}");
}

#[tokio::test]
async fn of_many_at_once_one_acknowledges() {
    let world = fired().await;
    let alert = wanted("payments/actual-80pct");
    let people: Vec<String> = (0..8).map(|index| format!("person {index}")).collect();
    let tries = people
        .iter()
        .map(|by| acknowledge(&world.app, &alert, None, by, None));
    let results = futures::future::join_all(tries).await;
    let winners: Vec<&str> = results
        .iter()
        .flatten()
        .map(|done| &*done.acknowledged.by)
        .collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    for lost in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(lost.to_string().starts_with(winners[0]), "{lost}");
    }
    let transitions = ledger(&world).await.transitions;
    let count = transitions
        .iter()
        .filter(|one| one.change == Change::Acknowledged);
    assert_eq!(count.count(), 1);
}

#[tokio::test]
async fn a_link_is_good_for_its_purpose_its_notice_and_its_time() {
    let world = fired().await;
    let good = link(&world, "Acknowledge").await;
    let refuse = |permission: Permission| {
        let app = &world.app;
        async move {
            let acted = answer::acknowledge_by_link(app, &permission, None).await;
            match acted {
                Err(NotAnswered::BadLink(why)) => why,
                other => panic!("{permission:?}: {other:?}"),
            }
        }
    };
    for title in ["Silence", "Explain", "Status"] {
        let other = link(&world, title).await;
        assert_eq!(refuse(other.clone()).await, BadLink::Forged);
        let relabeled = Permission {
            purpose: Purpose::Acknowledge,
            ..other
        };
        assert_eq!(refuse(relabeled).await, BadLink::Forged);
    }
    let another = Permission {
        about: good.about.replace("payments", "shop"),
        ..good.clone()
    };
    assert_eq!(refuse(another).await, BadLink::Forged);
    let longer = Permission {
        expires: good.expires + 86_400,
        ..good.clone()
    };
    assert_eq!(refuse(longer).await, BadLink::Forged);
    let approve = Permission {
        purpose: Purpose::ApproveAction,
        ..good.clone()
    };
    assert!(answer::open(&world.app, &approve).await.is_err());
    world.pass(14 * 86_400);
    assert_eq!(refuse(good).await, BadLink::Expired);
    assert_eq!(ledger(&world).await.transitions.len(), 1);
}

#[tokio::test]
async fn a_notice_of_an_earlier_firing_acknowledges_nothing() {
    let world = fired().await;
    let old = link(&world, "Acknowledge").await;
    world.pass(3600);
    world.spent(100);
    world.evaluate().await;
    let over = answer::acknowledge_by_link(&world.app, &old, None).await;
    let refused = over.unwrap_err().to_string();
    assert_eq!(refused, "it is withdrawn and needs no acknowledgement");
    world.pass(3600);
    world.spent(900);
    world.evaluate().await;
    let again = answer::acknowledge_by_link(&world.app, &old, None).await;
    let refused = again.unwrap_err().to_string();
    assert!(refused.contains("fired again"), "{refused}");
    let new = link(&world, "Acknowledge").await;
    answer::acknowledge_by_link(&world.app, &new, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_written_about_oneself_is_bounded() {
    let world = fired().await;
    let alert = wanted("payments/actual-80pct");
    for (by, note, words) in [
        ("", None, "who acknowledges it: expected 1 to 200"),
        (&*"x".repeat(201), None, "who acknowledges it"),
        ("ada", Some("x".repeat(501)), "the note: expected 0 to 500"),
    ] {
        let refused = acknowledge(&world.app, &alert, None, by, note.as_deref()).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
    let note = "ü".repeat(500);
    acknowledge(&world.app, &alert, None, "ada", Some(&note))
        .await
        .unwrap();
}

#[tokio::test]
async fn alerts_are_found_by_a_few_characters() {
    let world = World::with("slack", "[\"actual 80%\", \"actual every 200\"]", LINKS).await;
    world.spent(850);
    world.evaluate().await;
    let known = ledger(&world).await;
    let every = &known.alerts["actual-every-200#4"];
    let eighty = &known.alerts["actual-80pct"];
    for (text, expected) in [
        (&*eighty.id, Some("actual-80pct")),
        (&eighty.id[..4], Some("actual-80pct")),
        ("payments/actual-80pct", Some("actual-80pct")),
        ("payments/actual-every-200#4", Some("actual-every-200#4")),
        // The highest step.
        ("payments/actual-every-200", Some("actual-every-200#4")),
        (&every.id[..6], Some("actual-every-200#4")),
        ("payments/unknown", None),
        ("shop/actual-80pct", None),
        ("../../actual-80pct", None),
        ("zzzz", None),
    ] {
        let found = find(&world.app, &wanted(text)).await;
        match (found, expected) {
            (Ok(known), Some(key)) => assert_eq!(known.key, key, "{text}"),
            (Err(NotFound::Unknown(_)), None) => {}
            (found, _) => panic!("{text}: {found:?}"),
        }
    }
    let short = find(&world.app, &wanted(&eighty.id[..3])).await;
    assert!(matches!(short, Err(NotFound::Short)));
    // With a budget a threshold is enough, and in December November's alerts are still found.
    world.pass(40 * 86_400);
    let found = Wanted {
        alert: "actual-80pct".to_owned(),
        budget: Some("payments".to_owned()),
        period: None,
    };
    let found = find(&world.app, &found).await.unwrap();
    assert_eq!(found.ledger.period_key, "monthly-2026-11-01");
    let by_id = find(&world.app, &wanted(&eighty.id[..8])).await.unwrap();
    assert_eq!(by_id.alert.id, eighty.id);
    let elsewhere = Wanted {
        period: Some("monthly-2026-12-01".to_owned()),
        ..wanted("payments/actual-80pct")
    };
    let elsewhere = find(&world.app, &elsewhere).await;
    assert!(matches!(elsewhere, Err(NotFound::Unknown(_))));
}

#[tokio::test]
async fn several_alerts_of_one_beginning_are_named() {
    let world = fired().await;
    // Two ids that begin alike, as one in 65,536 pairs do.
    let mut changed = ledger(&world).await;
    let mut twin = changed.alerts["actual-80pct"].clone();
    let id = twin.id.clone();
    twin.id = format!("{}ffff", &id[..16]);
    changed.alerts.insert("twin".to_owned(), twin);
    rewrite(&world, LEDGER, &changed).await;
    let found = find(&world.app, &wanted(&id[..8])).await;
    let Err(NotFound::Several { candidates, .. }) = found else {
        panic!("{found:?}");
    };
    assert!(candidates.contains("payments/actual-80pct"), "{candidates}");
    assert!(candidates.contains("payments/twin"), "{candidates}");
    assert!(find(&world.app, &wanted(&id)).await.is_ok());
}

async fn rewrite<T: serde::Serialize>(world: &World, key: &str, value: &T) {
    let document = world.app.documents().get(key).await.unwrap().unwrap();
    json::replace(world.app.documents(), key, value, &document.version)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_silence_by_link_holds_back_until_it_ends() {
    let world = fired().await;
    let link = link(&world, "Silence").await;
    let unreasoned = answer::silence_by_link(&world.app, &link, Lasting::OneDay, " ").await;
    let refused = unreasoned.unwrap_err().to_string();
    assert!(refused.contains("the reason"), "{refused}");
    let silence = answer::silence_by_link(&world.app, &link, Lasting::FourHours, "load test")
        .await
        .unwrap();
    assert_eq!(silence.by, "holder of the link of chat");
    let matcher = silence.matcher.to_string();
    assert_eq!(matcher, "budget payments, threshold actual-80pct");
    assert_eq!(silence.until.to_string(), "2026-11-12T04:00:00Z");
    world.deliver().await;
    assert_eq!(world.chat.told(), 0);
    let listed = alerts::list(&world.app, &[], Whose::Ours).await.unwrap();
    assert!(!listed.azure_asked);
    assert_eq!(listed.ours[0].silenced_until, Some(silence.until));
    assert_eq!(listed.ours[0].acknowledged, None);
    silence::end(&world.app, &silence.id, "ada").await.unwrap();
    let listed = alerts::list(&world.app, &[], Whose::Ours).await.unwrap();
    assert_eq!(listed.ours[0].silenced_until, None);
    // A link that has leaked, or a form that is sent twice, makes no second one.
    let again = answer::silence_by_link(&world.app, &link, Lasting::OneDay, "more").await;
    let refused = again.unwrap_err().to_string();
    assert!(refused.contains(&silence.id), "{refused}");
    assert_eq!(silence::list(&world.app).await.unwrap().len(), 1);
    world.pass(120);
    world.deliver().await;
    assert_eq!(world.chat.told(), 1);
    let other = answer::acknowledge_by_link(&world.app, &link, None).await;
    assert!(matches!(other, Err(NotAnswered::BadLink(_))));
}

#[tokio::test]
async fn a_silence_until_the_period_ends_ends_with_it() {
    let world = fired().await;
    let link = link(&world, "Silence").await;
    let silence = answer::silence_by_link(&world.app, &link, Lasting::Period, "migration")
        .await
        .unwrap();
    assert_eq!(silence.until.to_string(), "2026-12-01T00:00:00Z");
    let over = silence::end(&world.app, "0123456789abcdef", "ada").await;
    assert!(matches!(over, Err(NotSilenced::Unknown(_))));
}

#[tokio::test]
async fn an_alert_is_explained_and_comes_out_the_same() {
    let world = fired().await;
    world.deliver().await;
    let explained = explain(&world.app, &wanted("payments/actual-80pct"))
        .await
        .unwrap();
    assert_eq!(explained.verdict, Some(Verdict::Same));
    assert_eq!(explained.alert.state, AlertState::Firing);
    let [told] = &explained.history[..] else {
        panic!("{explained:?}");
    };
    assert_eq!(told.change, Change::Fired);
    assert!(told.recheck.checks.len() > 5);
    // The costs of that day were kept, and add up to the same.
    let snapshot = told.snapshot.as_ref().unwrap();
    assert_eq!(snapshot.spent, Some(told.status.spent));
    assert_eq!(snapshot.verdict, Some(Verdict::Same));
    assert_eq!(told.deliveries.len(), 1);
    assert_eq!(told.deliveries[0].state, "delivered");
}

#[tokio::test]
async fn an_alert_that_another_notice_told_of_is_explained_by_that_notice() {
    let world = World::new("slack", r#"["actual 50%", "actual 80%"]"#).await;
    world.spent(850);
    world.evaluate().await;
    let covered = wanted("payments/actual-50pct");
    let explained = explain(&world.app, &covered).await.unwrap();
    assert_eq!(explained.history, []);
    let with = explained.told_with.unwrap();
    assert_eq!(
        (&*with.threshold, &*with.when),
        ("actual-80pct", "actual 80%")
    );
    assert_eq!(with.told.deliveries.len(), 1);
    assert_eq!(with.recheck.checks[0].what, "spent against EUR 500");
    assert_eq!(explained.verdict, Some(Verdict::Same));
    // A notice whose figures do not reach the lower level is no reason for it.
    let mut changed = ledger(&world).await;
    let alert = changed.alerts.get_mut("actual-50pct").unwrap();
    alert.when = "actual 90%".to_owned();
    rewrite(&world, LEDGER, &changed).await;
    let explained = explain(&world.app, &covered).await.unwrap();
    assert_eq!(explained.verdict, Some(Verdict::Different));
    // And without any there is nothing to compare.
    changed.transitions.clear();
    rewrite(&world, LEDGER, &changed).await;
    let explained = explain(&world.app, &covered).await.unwrap();
    assert_eq!((explained.verdict, explained.told_with), (None, None));
}

#[tokio::test]
async fn the_first_notice_says_what_happens_while_nobody_acknowledges_it() {
    let more = "remind_every_hours = 24\nescalate_after_hours = 48\nescalate_to = [\"chat\"]";
    let world = World::with("slack", r#"["actual 80%"]"#, more).await;
    world.spent(850);
    world.evaluate().await;
    world.deliver().await;
    let said = world.chat.bodies.lock().unwrap()[0].clone();
    let expected = "Until somebody acknowledges it, it comes again every 24 hours; after 48 hours \
                    others are told. Apart from that it comes once per period";
    assert!(said.contains(expected), "{said}");
    // The reminders would begin after the period.
    let world = World::with("slack", r#"["actual 80%"]"#, "remind_every_hours = 480").await;
    world.spent(850);
    world.evaluate().await;
    let follow_up = outbox(&world).await.pop().unwrap().notice.follow_up;
    assert!(follow_up.is_none(), "{follow_up:?}");
}

#[tokio::test]
async fn what_stands_in_the_period_before_is_listed_as_long_as_it_is_evaluated() {
    let world = World::new("slack", r#"["actual 50%", "actual 80%"]"#).await;
    world.spent(850);
    world.evaluate().await;
    let listed = || async {
        let alerts = alerts::list(&world.app, &[], Whose::Ours).await.unwrap();
        let names = alerts
            .ours
            .into_iter()
            .map(|one| (one.period, one.threshold));
        names.collect::<Vec<_>>()
    };
    let november = |threshold: &str| ("monthly-2026-11-01".to_owned(), threshold.to_owned());
    let both = [november("actual-50pct"), november("actual-80pct")];
    assert_eq!(listed().await, both);
    // On 5 December.
    world.pass(23 * 24 * 3600);
    assert_eq!(listed().await, both);
    let mut changed = ledger(&world).await;
    let over = changed.alerts.get_mut("actual-50pct").unwrap();
    over.state = AlertState::Withdrawn;
    rewrite(&world, LEDGER, &changed).await;
    assert_eq!(listed().await, both[1..], "what is over is not listed");
    world.pass(24 * 3600);
    assert_eq!(listed().await, []);
}

#[tokio::test]
async fn what_was_changed_afterwards_comes_out_different() {
    // Consistent in itself, but not with the costs that were kept.
    let world = fired().await;
    let mut changed = ledger(&world).await;
    let eur = |text: &str| Money::parse(text).unwrap();
    let status = &mut changed.transitions[0].status;
    status.spent = eur("900 EUR");
    status.remaining = eur("100 EUR");
    status.percent = budget_engine::Percent(90.into());
    let text = serde_json::to_string(&changed).unwrap();
    let text = text.replace("\"amount\":\"850\"", "\"amount\":\"900\"");
    let changed: Ledger = serde_json::from_str(&text).unwrap();
    rewrite(&world, LEDGER, &changed).await;
    let asked = wanted("payments/actual-80pct");
    let explained = explain(&world.app, &asked).await.unwrap();
    assert_eq!(explained.verdict, Some(Verdict::Different));
    let snapshot = explained.history[0].snapshot.clone().unwrap();
    assert_eq!(snapshot.spent, Some(eur("850 EUR")));
    assert_eq!(snapshot.verdict, Some(Verdict::Different));
}

#[tokio::test]
async fn a_later_read_of_the_day_is_no_contradiction() {
    let world = fired().await;
    world.pass(4 * 3600);
    world.spent(870);
    world.evaluate().await;
    let asked = wanted("payments/actual-80pct");
    let explained = explain(&world.app, &asked).await.unwrap();
    let snapshot = explained.history[0].snapshot.clone().unwrap();
    assert_eq!(snapshot.spent, Money::parse("870 EUR"));
    assert_eq!(snapshot.verdict, None);
    assert!(snapshot.note.unwrap().contains("later read"));
    assert_eq!(explained.verdict, Some(Verdict::Same));
}

#[tokio::test]
async fn deliveries_tell_their_fate() {
    let world = fired().await;
    let all = deliveries::Filter::default();
    let fates = deliveries::list(&world.app, &all).await.unwrap();
    assert_eq!(fates.len(), 1);
    assert_eq!((&*fates[0].state, fates[0].attempts), ("queued", 0));
    assert_eq!(fates[0].about, "actual 80% fired");
    world
        .chat
        .answers(&[crate::support::Answering::Status(503)]);
    world.deliver().await;
    let fates = deliveries::list(&world.app, &all).await.unwrap();
    assert_eq!((&*fates[0].state, fates[0].attempts), ("queued", 1));
    assert!(fates[0].last_failure.is_some() && fates[0].next_at.is_some());
    world.pass(60);
    world.deliver().await;
    let fates = deliveries::list(&world.app, &all).await.unwrap();
    assert_eq!((&*fates[0].state, fates[0].attempts), ("delivered", 2));
    assert_eq!(fates[0].next_at, None);
    let filtered = |change: fn(&mut deliveries::Filter)| {
        let mut filter = deliveries::Filter::default();
        change(&mut filter);
        let app = &world.app;
        async move { deliveries::list(app, &filter).await.unwrap().len() }
    };
    assert_eq!(
        filtered(|one| one.destination = Some("chat".into())).await,
        1
    );
    assert_eq!(
        filtered(|one| one.destination = Some("mail".into())).await,
        0
    );
    assert_eq!(
        filtered(|one| one.destination = Some("../x".into())).await,
        0
    );
    assert_eq!(
        filtered(|one| one.budget = Some("payments".into())).await,
        1
    );
    assert_eq!(filtered(|one| one.budget = Some("shop".into())).await, 0);
    assert_eq!(
        filtered(|one| one.state = Some("delivered".into())).await,
        1
    );
    assert_eq!(filtered(|one| one.state = Some("dead".into())).await, 0);
    let later = |one: &mut deliveries::Filter| {
        one.since = Some("2026-11-12T00:00:01Z".parse().unwrap());
    };
    assert_eq!(filtered(later).await, 0);
    // After thirty days it has to be asked for.
    world.clock.advance(SignedDuration::from_hours(24 * 35));
    assert_eq!(filtered(|_| {}).await, 0);
    let since = |one: &mut deliveries::Filter| {
        one.since = Some("2026-11-01T00:00:00Z".parse().unwrap());
    };
    assert_eq!(filtered(since).await, 1);
}

/// The transition of a ledger that says that somebody knows of it says who.
#[tokio::test]
async fn an_acknowledgement_is_kept_with_its_words() {
    let world = fired().await;
    let hostile = "<script>\r\n\u{202e}x";
    let alert = wanted("payments/actual-80pct");
    acknowledge(&world.app, &alert, None, "ada", Some(hostile))
        .await
        .unwrap();
    let kept: Transition = ledger(&world).await.transitions.pop().unwrap();
    assert_eq!(kept.change, Change::Acknowledged);
    let text = serde_json::to_string(&kept.reason).unwrap();
    assert!(text.contains("ada"), "{text}");
}
