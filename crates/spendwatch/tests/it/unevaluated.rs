//! Budgets that cannot be evaluated, though their costs can be read: somebody hears of it, and what was
//! known is kept.

use spendwatch::{Delivery, jobs};

use crate::support::*;

const HOUR: i64 = 3600;

const MORE: &str = r#"
    [channel.ops]
    kind = "webhook"
    url = { secret = "CHAT_URL" }
    signing = { secret = "SIGNING" }
    allow_networks = ["127.0.0.1/32"]
    [digest]
    at = "monday 07:00"
    notify = ["chat"]
"#;

/// One that tells `chat`, with `ops` as fallback: evaluated once, and without any costs from then on.
async fn world() -> World {
    let root = "fallback = \"ops\"";
    let thresholds = r#"["actual 80%", "stale 3 days"]"#;
    let world = World::configured("webhook", thresholds, root, MORE).await;
    world.spent(100);
    world.evaluate().await;
    world.costs.set(Vec::new(), world.app.now());
    world
}

/// A day with an evaluation and what follows from it.
async fn day(world: &World) -> jobs::evaluate::BudgetReport {
    world.pass(24 * HOUR);
    world.costs.set(Vec::new(), world.app.now());
    let report = world.evaluate().await.budgets.remove(0);
    jobs::sweep::run(&world.app).await.unwrap();
    world.deliver().await;
    jobs::deliver::run(&world.app, "ops").await.unwrap();
    report
}

async fn told(world: &World) -> Vec<String> {
    let history = world.history().await.into_iter();
    let titles = history.map(|one: Delivery| match one.notice.message {
        alert_channels::Message::Trouble { title, lines, .. } => {
            format!("{} {title}: {}", one.destination, lines.join(" "))
        }
        alert_channels::Message::Crossing(crossing) => {
            format!(
                "{} {} {}",
                one.destination,
                crossing.when,
                crossing.change.as_str()
            )
        }
        alert_channels::Message::Digest(digest) => {
            let names = digest.unevaluated.iter().map(|one| &*one.budget);
            let names: Vec<&str> = names.collect();
            format!("{} digest: {}", one.destination, names.join(","))
        }
        other => panic!("{other:?}"),
    });
    let mut titles: Vec<String> = titles.collect();
    titles.sort();
    titles
}

#[tokio::test]
async fn the_fallback_hears_of_it_once_and_owners_by_age_and_digest() {
    let world = world().await;
    // Thursday the 12th is the day of the only figures; the next one is the first without.
    let report = day(&world).await;
    assert!(report.problem.is_some() && report.status.is_none());
    let known = report.known.unwrap();
    assert_eq!(known.spent.amount, 100.into());
    assert_eq!(told(&world).await, Vec::<String>::new());
    for _ in 0..4 {
        day(&world).await;
    }
    world.pass(7 * HOUR + 60);
    jobs::sweep::run(&world.app).await.unwrap();
    world.deliver().await;
    let told = told(&world).await;
    let [stale, digest, trouble] = &told[..] else {
        panic!("{told:#?}")
    };
    assert_eq!(digest, "chat stale 3 days fired");
    assert_eq!(stale, "chat digest: payments");
    assert!(
        trouble
            .starts_with("ops budgets cannot be evaluated: payments, since 2026-11-13T00:00:00Z"),
        "{trouble}"
    );
    assert!(trouble.contains("has no cost in the scopes"), "{trouble}");
    let pulse = world.app.pulse().await.unwrap();
    assert!(pulse.unevaluated.contains_key("payments"));
    // When it works again, nothing is left of it.
    world.spent(200);
    world.evaluate().await;
    assert!(world.app.pulse().await.unwrap().unevaluated.is_empty());
}
