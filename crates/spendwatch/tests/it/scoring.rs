//! The scoreboard: forecasts that evaluations keep, what comes of them, and what follows from that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use budget_engine::{ForecastScore, Outcome, Percent, Reason, dates};
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use spendwatch::jobs::scores::BudgetScore;
use spendwatch::{ModelScore, Stage, day_of, jobs};
use state_store::{Document, Documents, Memory, Version};

use crate::support::*;

const SCORES: &str = "scores/payments";
const DAY: i64 = 86_400;

/// Costs that end with yesterday, each day's by a function.
fn costs_until_yesterday(world: &World, of: impl Fn(Date) -> i64) {
    let today = day_of(world.app.now());
    let days = dates(date(2026, 9, 1), today);
    let rows = days.map(|day| (day, "Storage", Decimal::from(of(day))));
    world.costs.set(rows.collect(), world.app.now());
}

/// Evaluates once a day, from today on, up to and with the last day.
async fn evaluate_until(world: &World, last: Date, of: impl Fn(Date) -> i64) {
    loop {
        costs_until_yesterday(world, &of);
        world.evaluate().await;
        if day_of(world.app.now()) >= last {
            return;
        }
        world.pass(DAY);
    }
}

async fn score(world: &World) -> BudgetScore {
    let mut report = jobs::scores::run(&world.app, &[]).await.unwrap();
    report.budgets.remove(0)
}

fn model<'a>(score: &'a BudgetScore, name: &str) -> &'a ModelScore {
    score.models.iter().find(|one| one.model == name).unwrap()
}

fn percent(text: &str) -> Percent {
    Percent(text.parse().unwrap())
}

async fn stored(world: &World) -> Option<Vec<u8>> {
    let document = world.app.documents().get(SCORES).await.unwrap();
    document.map(|document| document.bytes)
}

#[tokio::test]
async fn half_a_year_of_evaluations_is_scored() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    // 10 a day, and 20 from the middle of May on.
    let cost = |day| if day < date(2027, 5, 16) { 10 } else { 20 };
    evaluate_until(&world, date(2027, 6, 5), cost).await;
    let score = score(&world).await;
    assert_eq!(score.why, None);
    let names: Vec<&str> = score.models.iter().map(|one| &*one.model).collect();
    assert_eq!(names[..3], ["combined", "run-rate", "smoothing-5"]);
    assert_eq!(names.len(), 10);

    // Evaluated since 12 November: the first third of December to May. It has the days before which less
    // than a third was over: 11 of 31, 10 of 30 and of 28.
    let combined = model(&score, "combined");
    let first = combined.stages[&Stage::First];
    assert_eq!(
        (first.periods, first.forecasts),
        (6, 11 + 11 + 10 + 11 + 10 + 11)
    );
    // May was expected to cost 310 and came to 15 * 10 + 16 * 20 = 470: 34.0426 % off, and too low. All the
    // others were right.
    assert_eq!(first.error, percent("5.6738"));
    assert_eq!(first.bias, percent("-5.6738"));
    // Five of six held.
    assert_eq!(first.covered80, Some(percent("83.3333")));
    assert_eq!(combined.all.periods, 7);

    // Two days settle late: of each month the run rate knows nothing on the first two days.
    let run_rate = model(&score, "run-rate").stages[&Stage::First];
    assert_eq!(run_rate.forecasts, first.forecasts - 2 * 6);
    assert_eq!(run_rate.error, percent("5.6738"));
    assert_eq!(run_rate.covered80, None);

    // Today, on the fifth of June: the error of the middle month is none.
    let told = ForecastScore {
        periods: 6,
        covered: 5,
        error: percent("0"),
        bias: percent("-5.6738"),
        held: false,
    };
    assert_eq!(score.today, Some(told));
    let report = world.evaluate().await;
    let forecast = report.budgets[0].status.as_ref().unwrap().forecast.clone();
    assert_eq!(forecast.unwrap().score, Some(told));
}

#[tokio::test]
async fn before_a_period_ends_it_is_said_when_there_will_be_scores() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    let why = score(&world).await.why.unwrap();
    assert!(why.starts_with("no forecast of it is kept yet"), "{why}");
    evaluate_until(&world, START, |_| 10).await;
    let why = score(&world).await.why.unwrap();
    assert!(why.contains("ends on 2026-11-30"), "{why}");
}

#[tokio::test]
async fn a_dry_run_keeps_no_forecast() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    costs_until_yesterday(&world, |_| 10);
    let read = world.app.reads().unwrap().remove(0);
    let options = jobs::evaluate::Options {
        dry_run: true,
        ..Default::default()
    };
    let report = jobs::evaluate::run(&world.app, &read, &options).await;
    assert!(report.unwrap().budgets[0].status.is_some());
    assert_eq!(stored(&world).await, None);
}

#[tokio::test]
async fn evaluators_at_once_and_again_keep_one_forecast_a_day() {
    let world = Arc::new(World::new("slack", r#"["actual 80%"]"#).await);
    costs_until_yesterday(&world, |_| 10);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let world = world.clone();
        running.spawn(async move { world.evaluate().await });
    }
    running.join_all().await;
    let once = stored(&world).await.unwrap();
    // Later on the day there is more to know, and the first forecast of the day stands.
    world.pass(6 * 3600);
    costs_until_yesterday(&world, |_| 11);
    world.evaluate().await;
    assert_eq!(stored(&world).await.unwrap(), once);
    evaluate_until(&world, date(2026, 12, 6), |_| 10).await;
    let score = score(&world).await;
    // 12 to 30 November, one a day.
    assert_eq!(model(&score, "combined").all.forecasts, 19);
}

/// An evaluation of November at 10 a day, after four months whose forecasts were twice what came.
async fn after_poor_forecasts(thresholds: &str, more: &str) -> World {
    let world = World::with("slack", thresholds, more).await;
    evaluate_until(&world, START, |_| 10).await;
    let mut board: serde_json::Value =
        serde_json::from_slice(&stored(&world).await.unwrap()).unwrap();
    let poor = serde_json::json!({ "forecasts": 10, "error": "1000", "bias": "1000" });
    let stage = serde_json::json!({
        "forecasts": 10, "in80": 0, "in95": 0, "plain80": 0, "models": { "combined": poor },
    });
    let score = serde_json::json!({ "came": "500", "stages": { "middle": stage } });
    let months = [7, 8, 9, 10].map(|month| {
        let start = date(2026, month, 1);
        serde_json::json!({
            "period": { "start": start, "end": date(2026, month + 1, 1) },
            "dataFrom": start,
            "score": score,
        })
    });
    let periods = board["periods"].as_array_mut().unwrap();
    periods.splice(0..0, months);
    let documents = world.app.documents();
    let version = documents.get(SCORES).await.unwrap().unwrap().version;
    let bytes = serde_json::to_vec(&board).unwrap();
    documents.replace(SCORES, bytes, &version).await.unwrap();
    world
}

#[tokio::test]
async fn where_forecasts_were_poor_they_are_held_back_and_that_is_said() {
    let world = after_poor_forecasts(r#"["actual 50%", "forecast 100%"]"#, "").await;
    // 40 a day come to 1,200 of 1,000.
    costs_until_yesterday(&world, |_| 40);
    let report = world.evaluate().await;
    let budget = &report.budgets[0];
    let decision = &budget.decisions[1];
    assert_eq!(decision.outcome, Outcome::Quiet);
    let held = Reason::HeldPoor {
        error: percent("100"),
        covered: 0,
        periods: 4,
    };
    assert_eq!(decision.reason, held);
    assert!(!budget.is_crossed());
    world.deliver().await;
    assert_eq!(world.chat.told(), 0);

    // On the 14th 520 are spent. That is told, and that the forecast is not.
    evaluate_until(&world, date(2026, 11, 14), |_| 40).await;
    world.deliver().await;
    let told = world.chat.bodies.lock().unwrap().join("\n");
    assert_eq!(world.chat.told(), 1, "{told}");
    assert!(
        told.contains("thresholds of the forecast are held back"),
        "{told}"
    );
    assert!(
        told.contains("in the last 4 periods such forecasts were off by 100 %, and 0 of 4 totals"),
        "{told}"
    );

    // The digest does not say that it is expected to go over.
    let at = world.app.now();
    let chat = ["chat".to_owned()];
    jobs::digest::run(&world.app, &chat, at).await.unwrap();
    world.deliver().await;
    let digest = world.chat.bodies.lock().unwrap().last().unwrap().clone();
    assert!(digest.contains("forecasts too far off"), "{digest}");
    assert!(!digest.contains("expected to go over"), "{digest}");

    // In the last third there were no such forecasts: what is expected then is told.
    evaluate_until(&world, date(2026, 11, 21), |_| 40).await;
    world.deliver().await;
    let told = world.chat.bodies.lock().unwrap().last().unwrap().clone();
    assert!(told.contains("heading for"), "{told}");
}

#[tokio::test]
async fn holding_back_can_be_switched_off() {
    let off = "[forecast]\nhold_back = false\n";
    let world = after_poor_forecasts(r#"["forecast 100%"]"#, off).await;
    costs_until_yesterday(&world, |_| 40);
    let report = world.evaluate().await;
    assert_eq!(report.budgets[0].decisions[0].outcome, Outcome::Fire);
    let status = report.budgets[0].status.as_ref().unwrap();
    let score = status.forecast.as_ref().unwrap().score.unwrap();
    assert!(score.is_poor() && !score.held, "{score:?}");
}

#[tokio::test]
async fn a_budget_that_counts_other_costs_begins_anew() {
    let thresholds = r#"["actual 80%"]"#;
    let world = World::new("slack", thresholds).await;
    evaluate_until(&world, date(2026, 12, 6), |_| 10).await;
    assert!(!score(&world).await.models.is_empty());
    let mut other = World::with("slack", thresholds, "exclude = [\"Tax\"]\n").await;
    other.app = other
        .app
        .with_documents(world.app.shared_documents())
        .with_clock(world.clock.clone());
    // Nothing is said of it that was forecast of something else, ...
    assert!(score(&other).await.why.is_some());
    other.clock = world.clock.clone();
    costs_until_yesterday(&other, |_| 10);
    let report = other.evaluate().await;
    let status = report.budgets[0].status.as_ref().unwrap();
    assert_eq!(status.forecast.as_ref().unwrap().score, None);
    // ... and the other forecasts are gone.
    assert!(score(&world).await.models.is_empty());
    let why = score(&other).await.why.unwrap();
    assert!(why.contains("ends on 2026-12-31"), "{why}");
    // Another amount is no other budget.
    let mut same = World::with(
        "slack",
        thresholds,
        "exclude = [\"Tax\"]\nname = \"Other\"\n",
    )
    .await;
    same.app = same.app.with_documents(world.app.shared_documents());
    assert_eq!(score(&same).await.why, Some(why));
}

/// A store whose scoreboard cannot be written, nor read, while that is switched off.
#[derive(Debug)]
struct WithoutScores {
    inner: Memory,
    is_off: AtomicBool,
}

impl WithoutScores {
    fn check(&self, key: &str) -> state_store::Result<()> {
        match key.starts_with("scores/") && self.is_off.load(Ordering::SeqCst) {
            true => Err(state_store::Error::Unavailable {
                operation: format!("reach {key}"),
                source: "made to fail".into(),
            }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Documents for WithoutScores {
    async fn get(&self, key: &str) -> state_store::Result<Option<Document>> {
        self.check(key)?;
        self.inner.get(key).await
    }

    async fn create(&self, key: &str, bytes: Vec<u8>) -> state_store::Result<Version> {
        self.check(key)?;
        self.inner.create(key, bytes).await
    }

    async fn replace(
        &self,
        key: &str,
        bytes: Vec<u8>,
        version: &Version,
    ) -> state_store::Result<Version> {
        self.check(key)?;
        self.inner.replace(key, bytes, version).await
    }

    async fn delete(&self, key: &str, version: &Version) -> state_store::Result<()> {
        self.inner.delete(key, version).await
    }

    async fn list(&self, prefix: &str) -> state_store::Result<Vec<String>> {
        self.inner.list(prefix).await
    }
}

#[tokio::test]
async fn a_scoreboard_that_cannot_be_reached_stops_no_alert_and_is_made_up_for() {
    let mut world = World::new("slack", r#"["actual 1%"]"#).await;
    let store = Arc::new(WithoutScores {
        inner: Memory::new(),
        is_off: AtomicBool::new(true),
    });
    world.app = world.app.with_documents(store.clone());
    costs_until_yesterday(&world, |_| 10);
    let report = world.evaluate().await;
    assert_eq!(report.budgets[0].decisions[0].outcome, Outcome::Fire);
    world.deliver().await;
    assert_eq!(world.chat.told(), 1);
    assert!(score_of(&world).await.is_err());
    // The next evaluation of the day keeps what the first one could not.
    store.is_off.store(false, Ordering::SeqCst);
    assert_eq!(stored(&world).await, None);
    world.evaluate().await;
    assert!(stored(&world).await.is_some());
    // While it cannot be reached in the closing days, nothing is compared; later it is.
    evaluate_until(&world, date(2026, 11, 30), |_| 10).await;
    store.is_off.store(true, Ordering::SeqCst);
    evaluate_until(&world, date(2026, 12, 9), |_| 10).await;
    store.is_off.store(false, Ordering::SeqCst);
    world.evaluate().await;
    let score = score(&world).await;
    let combined = model(&score, "combined");
    assert_eq!((combined.all.periods, combined.all.forecasts), (1, 19));
    assert_eq!(combined.all.error, percent("0"));
}

async fn score_of(world: &World) -> anyhow::Result<()> {
    jobs::scores::run(&world.app, &[]).await.map(|_| ())
}

#[tokio::test]
async fn a_scoreboard_that_cannot_be_understood_stops_no_evaluation() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    let broken = world.app.documents().create(SCORES, b"{".to_vec()).await;
    broken.unwrap();
    costs_until_yesterday(&world, |_| 10);
    let report = world.evaluate().await;
    assert!(report.budgets[0].status.is_some());
    let error = format!("{:#}", score_of(&world).await.unwrap_err());
    assert!(error.contains("read the scores of payments"), "{error}");
}
