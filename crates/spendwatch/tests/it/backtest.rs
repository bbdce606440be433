//! Backtests: notices of past periods, against what those periods cost in the end.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use budget_engine::{ChargeCategory, FactsBuilder, Place, Scope, SeriesKey, dates};
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use serde_json::Value;
use spendwatch::App;
use spendwatch::jobs::backtest::{self, Options};
use spendwatch::replay::{BudgetReplay, PeriodReplay, Trial, Verdict};
use spendwatch::sources::{Answer, CostSource, ReadContext, ReadRequest};

use crate::support::*;

const OTHER: &str = "/subscriptions/a/resourceGroups/other";

/// Costs of some groups by day.
pub(crate) struct Rows(pub(crate) Vec<(&'static str, Date, i64)>);

impl Rows {
    /// The same cost on every day from the first up to, not including, the second one.
    pub(crate) fn every_day(
        mut self,
        group: &'static str,
        from: Date,
        until: Date,
        cost: i64,
    ) -> Rows {
        self.0
            .extend(dates(from, until).map(|day| (group, day, cost)));
        self
    }
}

#[async_trait]
impl CostSource for Rows {
    async fn read(&self, request: &ReadRequest, _: &ReadContext) -> anyhow::Result<Answer> {
        let mut facts = FactsBuilder::new(request.projection.clone());
        let projection = request.projection.clone();
        for (group, day, cost) in &self.0 {
            let place = Place {
                resource: Some(Scope::parse(group)?),
                ..Place::default()
            };
            let series = facts.series(SeriesKey {
                place: Arc::new(place),
                currency: "EUR".parse()?,
                category: ChargeCategory::Usage,
                dimensions: projection
                    .dimensions
                    .iter()
                    .map(|_| "Storage".into())
                    .collect(),
                tags: projection.tags.iter().map(|_| "".into()).collect(),
            });
            facts.add(series, *day, Some(Decimal::from(*cost)), None)?;
        }
        Ok(Answer {
            facts: facts.finish(midnight(START)),
            notes: vec![],
        })
    }
}

async fn replay(app: &App, periods: u32) -> BudgetReplay {
    let options = Options {
        budgets: vec![],
        periods,
        amount: None,
        progress: None,
    };
    let mut report = backtest::run(app, &options).await.unwrap();
    assert_eq!(report.budgets[0].problem, None);
    report.budgets.remove(0).replay.unwrap()
}

async fn app(thresholds: &str, rows: Rows) -> App {
    let World { app, .. } = World::new("slack", thresholds).await;
    app.with_sources(vec![Arc::new(rows)])
}

fn trial<'a>(period: &'a PeriodReplay, threshold: &str) -> &'a Trial {
    let mut trials = period.trials.iter();
    trials.find(|one| one.threshold == threshold).unwrap()
}

/// What a trial says: told on, reached on, days before, and the verdict.
type Said = (Option<Date>, Option<Date>, Option<i32>, Verdict);

fn said(trial: &Trial) -> Said {
    (
        trial.told_on,
        trial.reached_on,
        trial.days_before,
        trial.verdict,
    )
}

#[tokio::test]
async fn a_month_that_breaches_on_its_twentieth_day() {
    let rows = Rows(vec![])
        .every_day(GROUP, date(2026, 8, 1), date(2026, 10, 1), 10)
        .every_day(GROUP, date(2026, 10, 1), date(2026, 11, 1), 50)
        .every_day(GROUP, date(2026, 11, 1), START, 10);
    let thresholds =
        r#"["actual 50%", "actual 100%", "pace 150%", "forecast 100%", "actual every 700"]"#;
    let replay = replay(&app(thresholds, rows).await, 3).await;
    let labels: Vec<&str> = replay
        .periods
        .iter()
        .map(|one| one.label.as_str())
        .collect();
    assert_eq!(labels, ["2026-08", "2026-09", "2026-10"]);
    // A day is settled two days later, so nothing is known on the first two of 92 days.
    let known = replay.known;
    assert_eq!((known.snapshots, known.r#final, known.none), (0, 90, 2));
    for quiet in &replay.periods[..2] {
        assert_eq!((quiet.notices, quiet.reached_on), (0, None));
    }
    let october = &replay.periods[2];
    let day = |day| Some(date(2026, 10, day));
    assert_eq!(october.spent.amount, Decimal::from(31 * 50));
    assert_eq!(october.reached_on, day(20));
    let half = said(trial(october, "actual-50pct"));
    assert_eq!(half, (day(12), day(10), Some(-2), Verdict::After));
    let full = said(trial(october, "actual-100pct"));
    assert_eq!(full, (day(22), day(20), Some(-2), Verdict::After));
    // Three days are known on the fifth: 150 of an expected 1000 * 3 / 31, which is 155 %.
    let pace = said(trial(october, "pace-150pct"));
    assert_eq!(pace, (day(5), day(20), Some(15), Verdict::Ahead));
    let forecast = trial(october, "forecast-100pct");
    assert_eq!(forecast.verdict, Verdict::Ahead, "{forecast:?}");
    assert_eq!(october.warning.as_ref().unwrap().on, date(2026, 10, 5));
    assert_eq!(october.warning.as_ref().unwrap().days_before, Some(15));
    // 700 on the 14th and 1400 on the 28th.
    for (key, reached) in [("actual-every-700#1", 14), ("actual-every-700#2", 28)] {
        assert_eq!(trial(october, key).reached_on, day(reached));
        assert_eq!(trial(october, key).told_on, day(reached + 2));
    }
    // Several crossings of one day share a notice.
    let told: BTreeSet<_> = october
        .trials
        .iter()
        .filter_map(|one| one.told_on)
        .collect();
    assert_eq!(october.notices as usize, told.len(), "{october:#?}");
    let own: u32 = replay.thresholds.iter().map(|one| one.notices).sum();
    assert_eq!(own, october.notices);
    let pace = &replay.thresholds[2];
    assert_eq!((pace.reached, pace.ahead, pace.false_alarms), (1, 1, 0));
    assert_eq!(pace.days_before, Some((15, 15, 15)));
    assert_eq!(replay.thresholds[4].reached, 2);
}

#[tokio::test]
async fn a_warning_without_a_breach_is_a_false_alarm() {
    // Ten days at 50 let the month look like 1,550; it ends with 500 + 21 * 10 = 710.
    let rows = Rows(vec![])
        .every_day(GROUP, date(2026, 9, 1), date(2026, 10, 1), 10)
        .every_day(GROUP, date(2026, 10, 1), date(2026, 10, 11), 50)
        .every_day(GROUP, date(2026, 10, 11), START, 10);
    let replay = replay(&app(r#"["pace 150%", "actual 100%"]"#, rows).await, 1).await;
    let october = &replay.periods[0];
    assert_eq!(october.spent.amount, Decimal::from(710));
    let pace = said(trial(october, "pace-150pct"));
    assert_eq!(
        pace,
        (Some(date(2026, 10, 5)), None, None, Verdict::FalseAlarm)
    );
    assert_eq!(trial(october, "actual-100pct").verdict, Verdict::Quiet);
    assert_eq!(replay.thresholds[0].false_alarms, 1);
}

#[tokio::test]
async fn a_late_launch_is_judged_from_its_first_costs_on() {
    let rows = Rows(vec![])
        .every_day(OTHER, date(2026, 8, 1), START, 1)
        .every_day(GROUP, date(2026, 10, 10), date(2026, 11, 1), 100)
        .every_day(GROUP, date(2026, 11, 1), START, 10);
    let replay = replay(&app(r#"["actual 100%", "forecast 100%"]"#, rows).await, 3).await;
    let [october] = &replay.periods[..] else {
        panic!("{:?}", replay.periods)
    };
    // The tenth day of 100 is the 19th.
    let day = |day| Some(date(2026, 10, day));
    let full = said(trial(october, "actual-100pct"));
    assert_eq!(full, (day(21), day(19), Some(-2), Verdict::After));
    // Two settled days say that less than half of what they stand for is unlikely, which is more than the
    // amount; but it takes five of them to be believed, and the fifth, the 14th, is settled on the 16th.
    let forecast = said(trial(october, "forecast-100pct"));
    assert_eq!(forecast, (day(16), day(19), Some(3), Verdict::Ahead));
    assert_eq!((replay.known.none, replay.known.r#final), (11, 20));
    assert!(
        replay.notes[0].starts_with("2 of 3 periods left out"),
        "{:?}",
        replay.notes
    );
    assert!(replay.notes[0].contains("costs of this budget from 2026-10-10"));
}

#[tokio::test]
async fn a_period_without_an_amount_or_without_data_is_left_out_and_said() {
    let rows = || Rows(vec![]).every_day(GROUP, date(2026, 9, 10), START, 10);
    let world = app(r#"["actual 80%"]"#, rows()).await;
    let replayed = replay(&world, 3).await;
    assert_eq!(replayed.periods.len(), 1, "October only");
    assert_eq!(
        replayed.notes,
        [
            "2 of 3 periods left out: there are data from 2026-09-10 to 2026-11-11, costs of this \
          budget from 2026-09-10"
        ]
    );
}

/// November as it was read day by day: 850 on its first day, corrected to 700 on the 16th.
async fn restated() -> World {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    for today in dates(START, date(2026, 12, 7)) {
        let first = if today < date(2026, 11, 16) { 850 } else { 700 };
        let mut rows = vec![(date(2026, 11, 1), "Storage", Decimal::from(first))];
        let rest = dates(date(2026, 11, 2), today);
        rows.extend(rest.map(|day| (day, "Storage", Decimal::ZERO)));
        world.costs.set(rows, world.app.now());
        world.evaluate().await;
        world.pass(86_400);
    }
    world
}

#[tokio::test]
async fn a_notice_on_data_that_were_restated_is_recognized_by_snapshots() {
    let world = restated().await;
    let replay = replay(&world.app, 1).await;
    let november = &replay.periods[0];
    assert_eq!(november.spent.amount, Decimal::from(700));
    let told = trial(november, "actual-80pct");
    assert_eq!((told.notices, told.withdrawn, told.restated), (1, 1, 1));
    // Taken back, and never reached.
    assert_eq!(said(told), (None, None, None, Verdict::Quiet));
    assert_eq!(
        (november.notices, november.withdrawn, november.restated),
        (1, 1, 1)
    );
    // Read from the 12th on; before, the final costs stand in from the third on.
    let known = replay.known;
    assert_eq!((known.snapshots, known.r#final, known.none), (19, 9, 2));
}

#[tokio::test]
async fn a_snapshot_holds_what_changed_since_the_day_before() {
    let world = restated().await;
    let documents = world.app.documents();
    let keys = documents.list("snapshots/").await.unwrap();
    assert_eq!(keys.len(), 25, "one a day, from 12 November to 6 December");
    let changes = async |day: &str| -> (Value, Value, bool) {
        let key = format!("snapshots/source-0/{day}");
        let document = documents.get(&key).await.unwrap().unwrap();
        let snapshot: Value = serde_json::from_slice(&document.bytes).unwrap();
        let days = |part: &str| snapshot[part]["series"][0]["days"].clone();
        (days("changed"), days("gone"), snapshot["from"].is_string())
    };
    let (days, _, whole) = changes("2026-11-12").await;
    assert_eq!((days.as_array().unwrap().len(), whole), (11, true));
    let (days, gone, whole) = changes("2026-11-13").await;
    assert_eq!(days, serde_json::json!([["2026-11-12", "0", "0"]]));
    assert_eq!((gone, whole), (Value::Null, false));
    let (days, ..) = changes("2026-11-16").await;
    let expected = serde_json::json!([["2026-11-01", "700", "0"], ["2026-11-15", "0", "0"]]);
    assert_eq!(days, expected);
}

#[tokio::test]
async fn a_later_read_of_a_day_updates_its_snapshot_and_an_older_one_does_not() {
    let world = World::new("slack", r#"["actual 80%"]"#).await;
    let snapshot = async || {
        let key = "snapshots/source-0/2026-11-12";
        let document = world.app.documents().get(key).await.unwrap().unwrap();
        let read: Value = serde_json::from_slice(&document.bytes).unwrap();
        read["changed"]["series"][0]["days"][0][1].clone()
    };
    world.spent(100);
    world.evaluate().await;
    assert_eq!(snapshot().await, "100");
    let before = world.app.now();
    world.pass(3600);
    world.spent(200);
    world.evaluate().await;
    world.evaluate().await;
    assert_eq!(snapshot().await, "200");
    world.costs.set(
        vec![(date(2026, 11, 1), "Storage", Decimal::from(300))],
        before,
    );
    world.evaluate().await;
    assert_eq!(snapshot().await, "200");
}

#[tokio::test]
async fn snapshots_never_stop_an_evaluation_and_old_ones_go() {
    let world = Arc::new(World::new("slack", r#"["actual 80%"]"#).await);
    let documents = world.app.documents();
    for key in ["source-0/2026-11-11", "gone/2025-09-01", "gone/2026-01-01"] {
        let key = format!("snapshots/{key}");
        documents.create(&key, b"broken".to_vec()).await.unwrap();
    }
    world.spent(850);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let world = world.clone();
        running.spawn(async move { world.evaluate().await.budgets.len() });
    }
    assert_eq!(running.join_all().await, [1; 8]);
    // 430 days before 12 November 2026 is 8 September 2025.
    let keys = documents.list("snapshots/").await.unwrap();
    let kept = [
        "gone/2026-01-01",
        "source-0/2026-11-11",
        "source-0/2026-11-12",
    ];
    assert_eq!(keys, kept.map(|key| format!("snapshots/{key}")));
    // A document that cannot be read makes the next one whole, and replays go on without it.
    let replay = replay(&world.app, 1).await;
    assert!(replay.periods.is_empty(), "October has no costs");
}
