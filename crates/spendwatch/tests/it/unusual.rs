//! Unusual costs from reads to notices: told once, over once, taken back when they are restated.

use budget_engine::{AnomalyKind, Outcome, dates, plus_days};
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use serde_json::Value;
use spendwatch::Clock;
use spendwatch::jobs::anomalies::{self, Options};
use spendwatch::jobs::backtest;
use spendwatch::replay::Verdict;

use crate::support::*;

/// What happened on some days besides the usual: a day, a service, and its cost.
type Extra = (Date, &'static str, i64);

/// Two services with 20 and 10 a day since July, and what else happened; the data go to the day before
/// `today`, and the clock stands at its beginning.
fn costs(world: &World, today: Date, extra: &[Extra]) {
    let days = dates(date(2026, 7, 1), today);
    let rows = days.flat_map(|day| {
        let own = extra.iter().filter(move |one| one.0 == day);
        let own = own.map(|(day, service, cost)| (*day, *service, Decimal::from(*cost)));
        let usual = [("Storage", 20), ("SQL Database", 10)];
        let usual = usual.map(|(service, cost)| (day, service, Decimal::from(cost)));
        usual.into_iter().chain(own).collect::<Vec<_>>()
    });
    world
        .clock
        .advance(midnight(today).duration_since(world.clock.now()));
    world.costs.set(rows.collect(), midnight(today));
}

/// Evaluates twice, delivers, and gives the new bodies.
async fn a_day(world: &World, today: Date, extra: &[Extra]) -> Vec<Value> {
    costs(world, today, extra);
    let before = world.chat.told();
    for _ in 0..2 {
        world.evaluate().await;
        world.deliver().await;
    }
    let bodies = world.chat.bodies.lock().unwrap();
    let new = bodies[before..].iter();
    new.map(|body| serde_json::from_str(body).unwrap())
        .collect()
}

fn day(day: i8) -> Date {
    date(2026, 11, day)
}

fn number(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_event_is_told_once_and_once_more_when_it_is_over() {
    let world = World::new("webhook", r#"["anomaly 500", "anomaly 100"]"#).await;
    let spike = [(day(10), "Virtual Machines", 900)];
    // The day is settled two days later, and the second usual day after it ends the event.
    let mut told = Vec::new();
    for today in dates(day(12), day(18)) {
        for body in a_day(&world, today, &spike).await {
            told.push((today, body));
        }
    }
    let [(fired_on, fired), (over_on, over)] = &told[..] else {
        panic!("{told:#?}")
    };
    assert_eq!((*fired_on, *over_on), (day(12), day(14)));
    assert_eq!(fired["type"], "budget.anomaly.found");
    assert_eq!(fired["threshold"]["id"], "anomaly-500@2026-11-10");
    assert_eq!(fired["also"], serde_json::json!(["anomaly 100"]));
    let event = &fired["anomaly"];
    assert_eq!(
        (&event["kind"], &event["open"]),
        (&"spike".into(), &true.into())
    );
    assert_eq!(
        (&event["firstDay"], &event["lastDay"]),
        (&event["lastDay"], &"2026-11-10".into())
    );
    assert_eq!(number(&event["expected"]), Decimal::from(30));
    assert_eq!(number(&event["cost"]), Decimal::from(930));
    assert_eq!(number(&event["impact"]), Decimal::from(900));
    let services = &event["drivers"][0];
    assert_eq!(services["by"], "ServiceName");
    assert_eq!(services["items"][0]["name"], "Virtual Machines");
    assert_eq!(number(&services["items"][0]["delta"]), Decimal::from(900));
    assert_eq!(number(&services["other"]), Decimal::ZERO);
    assert_eq!(over["type"], "budget.threshold.resolved");
    assert_eq!(over["anomaly"]["open"], false);
}

#[tokio::test]
async fn an_event_that_is_restated_is_taken_back() {
    let world = World::new("webhook", r#"["anomaly 500"]"#).await;
    let spike = [(day(10), "Virtual Machines", 900)];
    assert_eq!(a_day(&world, day(12), &spike).await.len(), 1);
    let rest = [(day(10), "Virtual Machines", 120)];
    let told = a_day(&world, day(13), &rest).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["type"], "budget.threshold.corrected");
    let summary = told[0]["summary"].as_str().unwrap();
    assert!(
        summary.contains("no unusual costs of EUR 500.00 around 2026-11-10 (EUR 120.00 are left)"),
        "{summary}"
    );
}

#[tokio::test]
async fn data_that_end_earlier_take_nothing_back() {
    let world = World::new("webhook", r#"["anomaly 500"]"#).await;
    let spike = [(day(10), "Virtual Machines", 900)];
    a_day(&world, day(12), &spike).await;
    let rows = dates(date(2026, 7, 1), day(9)).map(|day| (day, "Storage", Decimal::from(30)));
    world.costs.set(rows.collect(), midnight(day(12)));
    let report = world.evaluate().await;
    let decision = &report.budgets[0].decisions[0];
    assert_eq!(decision.outcome, Outcome::Quiet, "{decision:?}");
    assert_eq!(world.deliver().await.sent, 0);
}

#[tokio::test]
async fn a_new_level_is_one_event_and_a_monthly_charge_is_none() {
    let world = World::new("webhook", r#"["anomaly 150", "anomaly drop 10"]"#).await;
    let months = [7, 8, 9, 10, 11];
    let mut extra: Vec<Extra> = months
        .iter()
        .map(|month| (date(2026, *month, 3), "Support", 250))
        .collect();
    extra.extend(dates(day(14), date(2026, 12, 20)).map(|day| (day, "Virtual Machines", 90)));
    let mut told = Vec::new();
    for today in dates(day(12), day(29)) {
        let new = a_day(&world, today, &extra).await;
        told.extend(new.into_iter().map(|body| (today, body)));
    }
    let changes: Vec<(&Value, &Value, &Value)> = told
        .iter()
        .map(|(_, body)| {
            (
                &body["type"],
                &body["threshold"]["id"],
                &body["anomaly"]["kind"],
            )
        })
        .collect();
    let id: Value = "anomaly-150@2026-11-15".into();
    let [(fired, first, _), (over, second, kind)] = &changes[..] else {
        panic!("{told:#?}")
    };
    assert_eq!((*first, *second), (&id, &id));
    assert_eq!(*fired, "budget.anomaly.found");
    assert_eq!(*over, "budget.threshold.resolved");
    assert_eq!(*kind, "step");
    // A charge of 250 makes single days of 90 more usual, several in a row not: those of the 15th and 16th
    // reach 150, and the second of them is settled on the 18th.
    assert_eq!(told[0].0, day(18));
}

#[tokio::test]
async fn a_climb_that_begins_late_in_a_period_is_told_in_the_next() {
    let world = World::new("webhook", r#"["anomaly 200"]"#).await;
    // From 26 October on one more each day, of 30.
    let began = date(2026, 10, 26);
    let climb = dates(began, date(2026, 12, 1)).zip(1..);
    let extra: Vec<Extra> = climb
        .map(|(day, more)| (day, "Virtual Machines", 2 * more))
        .collect();
    let mut told = Vec::new();
    for today in dates(began, day(28)) {
        told.extend(a_day(&world, today, &extra).await);
    }
    let found = told
        .iter()
        .filter(|body| body["type"] == "budget.anomaly.found");
    let [found] = &found.collect::<Vec<_>>()[..] else {
        panic!("{told:#?}")
    };
    assert_eq!(found["anomaly"]["kind"], "ramp");
    assert_eq!(found["period"]["key"], "monthly-2026-11-01");
    // Its days in November alone make the level.
    assert_eq!(found["anomaly"]["firstDay"], "2026-11-01");
    assert!(number(&found["anomaly"]["impact"]) >= Decimal::from(200));
}

#[tokio::test]
async fn an_event_at_the_end_of_a_period_is_told_after_it() {
    let world = World::new("webhook", r#"["anomaly 500"]"#).await;
    let last = day(30);
    let spike = [(last, "Virtual Machines", 900)];
    assert_eq!(a_day(&world, last, &[]).await.len(), 0);
    assert_eq!(a_day(&world, plus_days(last, 1), &spike).await.len(), 0);
    let fired = a_day(&world, plus_days(last, 2), &spike).await;
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0]["period"]["key"], "monthly-2026-11-01");
    assert_eq!(a_day(&world, plus_days(last, 3), &spike).await.len(), 0);
    let over = a_day(&world, plus_days(last, 4), &spike).await;
    assert_eq!(over.len(), 1);
    assert_eq!(over[0]["type"], "budget.threshold.resolved");
    // The new period shows it, too, and tells nothing of it.
    let report = world.evaluate().await;
    let status = report.budgets[0].status.as_ref().unwrap();
    assert_eq!(status.anomalies.as_ref().unwrap().incidents.len(), 1);
    assert_eq!(report.budgets[0].decisions[0].outcome, Outcome::Quiet);
}

#[tokio::test]
async fn nothing_unusual_is_an_answer() {
    let world = World::new("webhook", r#"["actual 100%"]"#).await;
    costs(&world, day(20), &[]);
    let report = world.evaluate().await;
    let found = report.budgets[0].status.as_ref().unwrap();
    let found = found.anomalies.as_ref().unwrap();
    assert!(found.incidents.is_empty());
    // From the first of the month to the last settled day.
    assert_eq!(found.days_checked, 18);
    let checked = found.checked.unwrap();
    assert_eq!((checked.start(), checked.last_day()), (day(1), day(18)));
}

#[tokio::test]
async fn too_little_history_checks_nothing_and_says_so() {
    let world = World::new("webhook", r#"["anomaly 5"]"#).await;
    world.spent(850);
    let report = world.evaluate().await;
    let found = report.budgets[0].status.as_ref().unwrap();
    assert_eq!(found.anomalies.as_ref().unwrap().days_checked, 0);
    assert!(found.anomalies.as_ref().unwrap().checked.is_none());
    assert_eq!(report.budgets[0].decisions[0].outcome, Outcome::Quiet);
}

#[tokio::test]
async fn the_command_finds_what_evaluations_find() {
    let world = World::new("webhook", r#"["anomaly 500"]"#).await;
    costs(&world, day(12), &[(day(10), "Virtual Machines", 900)]);
    let evaluated = world.evaluate().await;
    let evaluated = evaluated.budgets[0].status.as_ref().unwrap();
    let options = Options {
        budgets: Vec::new(),
        days: 30,
        by: None,
        progress: None,
    };
    let report = anomalies::run(&world.app, &options).await.unwrap();
    assert_eq!(
        report.budgets[0].incidents,
        evaluated.anomalies.as_ref().unwrap().incidents
    );
    assert_eq!(report.budgets[0].incidents[0].kind, AnomalyKind::Spike);
    // The 30 days before today, of which the last one is not settled.
    assert_eq!(report.budgets[0].days_checked, 29);
}

#[tokio::test]
async fn a_digest_tells_what_was_unusual_or_that_nothing_was() {
    let digest = "[digest]\nat = \"monday 07:00\"\nnotify = [\"chat\"]\n";
    for (spike, expected) in [
        (
            &[(day(11), "Virtual Machines", 900)][..],
            "payments: spike in costs on 2026-11-11, EUR 900.00 more than expected",
        ),
        (&[], "No anomalies in one budget, 7 days checked."),
        (
            &[(day(2), "Virtual Machines", 900)],
            "No anomalies in one budget, 7 days checked.",
        ),
    ] {
        let world = World::with("webhook", r#"["actual 900%"]"#, digest).await;
        costs(&world, day(16), spike);
        world.evaluate().await;
        jobs_digest(&world, day(16)).await;
        world.deliver().await;
        let bodies = world.chat.bodies.lock().unwrap().clone();
        let body: Value = serde_json::from_str(bodies.last().unwrap()).unwrap();
        let remarks = body["remarks"].as_array().unwrap();
        assert!(
            remarks.iter().any(|remark| remark == expected),
            "{remarks:#?}"
        );
    }
}

async fn jobs_digest(world: &World, today: Date) {
    let notify = ["chat".to_owned()];
    spendwatch::jobs::digest::run(&world.app, &notify, midnight(today))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_backtest_says_when_unusual_costs_would_have_been_told() {
    let world = World::new(
        "webhook",
        r#"["anomaly 500", "actual 100%", "anomaly drop 500"]"#,
    )
    .await;
    let spikes = [
        (date(2026, 10, 6), "Virtual Machines", 900),
        (date(2026, 10, 20), "Virtual Machines", 1200),
    ];
    costs(&world, START, &spikes);
    let options = backtest::Options {
        budgets: vec![],
        periods: 2,
        amount: None,
        progress: None,
    };
    let mut report = backtest::run(&world.app, &options).await.unwrap();
    let replay = report.budgets.remove(0).replay.unwrap();
    let [september, october] = &replay.periods[..] else {
        panic!("two periods")
    };
    let told = |period: &spendwatch::replay::PeriodReplay| {
        let trial = period
            .trials
            .iter()
            .find(|one| one.threshold == "anomaly-500");
        let trial = trial.unwrap();
        (trial.told_on, trial.notices, trial.withdrawn, trial.verdict)
    };
    assert_eq!(told(september), (None, 0, 0, Verdict::Quiet));
    let first = Some(date(2026, 10, 8));
    assert_eq!(told(october), (first, 2, 0, Verdict::Told));
    let own: Vec<u32> = replay.thresholds.iter().map(|one| one.notices).collect();
    assert_eq!(own, [2, 1, 0]);
    assert_eq!(replay.thresholds[0].false_alarms, 0);
}

#[tokio::test]
async fn the_notice_of_a_budget_tells_of_the_same_event_in_its_parts_only() {
    let more = format!(
        "[alerts]\nparent_tells = true\n[[budget]]\nid = \"part\"\nparent = \"payments\"\n\
         scopes = [\"{GROUP}\"]\namount = 500\nnotify = [\"chat\"]\nthresholds = [\"anomaly 100\"]\n"
    );
    let world = World::with("slack", r#"["anomaly 500"]"#, &more).await;
    let extra = [(day(6), "Backup", 200), (day(10), "Virtual Machines", 900)];
    costs(&world, START, &extra);
    world.evaluate().await;
    world.deliver().await;
    let mut about: Vec<(String, String)> = Vec::new();
    for delivery in world.history().await {
        if let alert_channels::Message::Crossing(told) = &delivery.notice.message {
            let fate = format!("{:?}", delivery.state);
            let fate = fate.split([' ', '(', '{']).next().unwrap().to_owned();
            about.push((format!("{} {}", told.status.budget, told.threshold), fate));
        }
    }
    about.sort();
    let about: Vec<(&str, &str)> = about.iter().map(|(one, fate)| (&**one, &**fate)).collect();
    assert_eq!(
        about,
        [
            ("part anomaly-100@2026-11-06", "Delivered"),
            ("part anomaly-100@2026-11-10", "Suppressed"),
            ("payments anomaly-500@2026-11-10", "Delivered"),
        ]
    );
}
