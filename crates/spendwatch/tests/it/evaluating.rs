//! Evaluate: what is remembered, what is told, what is never taken for zero.

use budget_engine::{Ledger, Outcome};
use jiff::civil::date;
use rust_decimal::Decimal;
use spendwatch::jobs;

use crate::support::*;

const LEDGER: &str = "ledger/payments/monthly-2026-11-01";

async fn ledger(world: &World) -> Ledger {
    let document = world.app.documents().get(LEDGER).await.unwrap().unwrap();
    serde_json::from_slice(&document.bytes).unwrap()
}

#[tokio::test]
async fn a_crossing_is_told_once_however_often_it_is_evaluated() {
    let world = World::new("slack", r#"["actual 50%", "actual 80%"]"#).await;
    world.spent(850);
    for _ in 0..3 {
        world.evaluate().await;
        world.deliver().await;
        world.pass(3600);
    }
    assert_eq!(world.chat.told(), 1);
    let ledger = ledger(&world).await;
    assert_eq!(ledger.transitions.len(), 1);
    assert!(ledger.transitions[0].routed);
    assert!(
        world
            .app
            .documents()
            .list("unrouted/")
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        world
            .app
            .documents()
            .list("outbox/")
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_dry_run_decides_and_leaves_no_trace() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    world.spent(850);
    let read = world.app.reads().unwrap().remove(0);
    let options = jobs::evaluate::Options {
        dry_run: true,
        ..Default::default()
    };
    let report = jobs::evaluate::run(&world.app, &read, &options)
        .await
        .unwrap();
    assert_eq!(report.budgets[0].decisions[0].outcome, Outcome::Fire);
    assert!(report.budgets[0].is_crossed());
    assert!(world.app.documents().list("").await.unwrap().is_empty());
}

#[tokio::test]
async fn an_evaluation_of_some_budgets_says_nothing_about_the_others() {
    let other = "[[budget]]\nid = \"other\"\nscopes = [\"/subscriptions/a/resourceGroups/other\"]\n\
                 amount = 5\nnotify = [\"chat\"]\nthresholds = [\"actual 80%\"]\n";
    let world = World::with("slack", r#"["actual 80%"]"#, other).await;
    world.spent(850);
    world.evaluate().await;
    let evaluated = world.app.pulse().await.unwrap().last_evaluation;
    let snapshot = async || {
        let keys = world.app.documents().list("snapshots/").await.unwrap();
        let document = world.app.documents().get(&keys[0]).await.unwrap().unwrap();
        (keys, document.bytes)
    };
    let before = snapshot().await;
    let read = world.app.reads().unwrap().remove(0);
    let options = jobs::evaluate::Options {
        only: vec!["payments".to_owned()],
        ..Default::default()
    };
    world.pass(3600);
    let report = jobs::evaluate::run(&world.app, &read, &options)
        .await
        .unwrap();
    let evaluated_now: Vec<&str> = report.budgets.iter().map(|one| &*one.budget).collect();
    assert_eq!(evaluated_now, ["payments"]);
    assert_eq!(world.app.pulse().await.unwrap().last_evaluation, evaluated);
    assert_eq!(snapshot().await, before);
}

#[tokio::test]
async fn a_budget_whose_ledger_is_broken_does_not_keep_the_others_figures_old() {
    let other = "[[budget]]\nid = \"other\"\nscopes = [\"/subscriptions/a/resourceGroups/payments\"]\n\
                 amount = 5000\nnotify = [\"chat\"]\nthresholds = [\"actual 80%\"]\n";
    let world = World::with("slack", r#"["actual 80%"]"#, other).await;
    let create = world.app.documents().create(LEDGER, b"{".to_vec()).await;
    create.unwrap();
    world.spent(850);
    let read = world.app.reads().unwrap().remove(0);
    let failed = jobs::evaluate::run(&world.app, &read, &Default::default()).await;
    let error = format!("{:#}", failed.unwrap_err());
    assert!(error.contains("evaluate budget payments"), "{error}");
    let known = world.app.last_reports().await.unwrap();
    let known: Vec<&str> = known.iter().map(|one| &*one.budget).collect();
    assert_eq!(known, ["other"]);
    assert_eq!(world.app.pulse().await.unwrap().last_evaluation, None);
}

#[tokio::test]
async fn a_source_that_fails_is_an_error_and_changes_nothing() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    world.spent(850);
    world.evaluate().await;
    let before = world.app.documents().get(LEDGER).await.unwrap();
    world.costs.fail(true);
    let read = world.app.reads().unwrap().remove(0);
    let error = jobs::evaluate::run(&world.app, &read, &Default::default())
        .await
        .unwrap_err();
    assert!(
        format!("{error:#}").contains("throttled until noon"),
        "{error:#}"
    );
    assert_eq!(world.app.documents().get(LEDGER).await.unwrap(), before);
}

#[tokio::test]
async fn data_that_grow_old_because_the_source_fails_are_told() {
    let world = World::new("slack", r#"["actual 80%", "stale 3 days"]"#).await;
    world.spent(500);
    world.evaluate().await;
    world.costs.fail(true);
    let read = world.app.reads().unwrap().remove(0);
    for (days, told) in [(2, 0), (2, 1), (2, 1)] {
        world.pass(days * 86_400);
        assert!(
            jobs::evaluate::run(&world.app, &read, &Default::default())
                .await
                .is_err()
        );
        world.deliver().await;
        assert_eq!(world.chat.told(), told);
    }
    assert!(world.chat.bodies.lock().unwrap()[0].contains("no cost data since 2026-11-11"));
}

#[tokio::test]
async fn a_scope_without_costs_is_a_problem_and_never_a_spend_of_zero() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    let report = world.evaluate().await;
    let budget = &report.budgets[0];
    assert!(budget.status.is_none());
    assert!(
        budget
            .problem
            .as_ref()
            .unwrap()
            .contains("no cost in the scopes")
    );
    assert!(world.app.documents().get(LEDGER).await.unwrap().is_none());
}

#[tokio::test]
async fn restated_data_are_corrected_in_the_same_place() {
    let world = World::new("webhook", r#"["actual 80%"]"#).await;
    world.spent(850);
    world.evaluate().await;
    world.deliver().await;
    world.pass(86_400);
    world.spent(700);
    world.evaluate().await;
    world.deliver().await;
    let bodies = world.chat.bodies.lock().unwrap().clone();
    assert_eq!(bodies.len(), 2);
    let read = |body: &str| -> serde_json::Value { serde_json::from_str(body).unwrap() };
    let (first, second) = (read(&bodies[0]), read(&bodies[1]));
    assert_ne!(first, second);
    let amounts = |body: &serde_json::Value| body.pointer("/amounts/spendToDate").cloned();
    assert_eq!(amounts(&first), Some("850".into()), "{first}");
    assert_eq!(amounts(&second), Some("700".into()), "{second}");
}

#[tokio::test]
async fn a_new_period_starts_anew() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    world.spent(850);
    world.evaluate().await;
    world.deliver().await;
    world.pass(25 * 86_400);
    let december = [
        (date(2026, 12, 1), "Storage", Decimal::from(900)),
        (date(2026, 12, 6), "Storage", Decimal::ZERO),
    ];
    world
        .costs
        .set(december.into(), midnight(date(2026, 12, 7)));
    world.evaluate().await;
    let keys = world.app.documents().list("ledger/").await.unwrap();
    assert_eq!(keys, [LEDGER, "ledger/payments/monthly-2026-12-01"]);
    world.deliver().await;
    assert_eq!(world.chat.told(), 2);
}

#[tokio::test]
async fn a_crossing_that_shows_after_the_turn_of_the_month_is_told_for_its_month() {
    let world = World::new("webhook", r#"["actual 80%", "actual 100%"]"#).await;
    world.spent(850);
    world.evaluate().await;
    world.deliver().await;
    // 2 December: the last days of November have arrived, and December has begun.
    world.pass(20 * 86_400);
    let rows = [
        (date(2026, 11, 1), 850),
        (date(2026, 11, 30), 200),
        (date(2026, 12, 1), 5),
    ];
    let rows = rows.map(|(day, cost)| (day, "Storage", Decimal::from(cost)));
    world.costs.set(rows.into(), world.app.now());
    let report = world.evaluate().await;
    let ended = report.budgets[0].ended.as_ref().unwrap();
    assert_eq!(ended.status.spent.amount, Decimal::from(1050));
    world.deliver().await;
    let bodies = world.chat.bodies.lock().unwrap().clone();
    assert_eq!(bodies.len(), 2);
    assert!(bodies[1].contains("monthly-2026-11-01") && bodies[1].contains("actual-100pct"));
    // A week later November is closed.
    world.pass(7 * 86_400);
    assert!(world.evaluate().await.budgets[0].ended.is_none());
}

#[tokio::test]
async fn a_first_evaluation_says_nothing_about_the_month_before() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    world.pass(20 * 86_400);
    let rows = [(date(2026, 11, 1), 2000), (date(2026, 12, 1), 5)];
    let rows = rows.map(|(day, cost)| (day, "Storage", Decimal::from(cost)));
    world.costs.set(rows.into(), world.app.now());
    let report = world.evaluate().await;
    assert!(report.budgets[0].ended.is_none());
    assert_eq!(report.budgets[0].deliveries, 0);
}

#[tokio::test]
async fn eight_evaluators_at_once_decide_once() {
    let world = std::sync::Arc::new(World::new("slack", r#"["actual every 100"]"#).await);
    world.spent(850);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let world = world.clone();
        running.spawn(async move { world.evaluate().await.budgets[0].deliveries });
    }
    let made: usize = running.join_all().await.into_iter().sum();
    assert_eq!(made, 1, "one delivery");
    world.deliver().await;
    world.deliver().await;
    assert_eq!(world.chat.told(), 1);
}
