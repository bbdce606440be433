//! What forecasts are told besides the costs of their budget: parts and wholes, planned costs, holidays,
//! and how the costs of a day come in.

use std::collections::BTreeMap;
use std::path::Path;

use budget_engine::{FewDays, ForecastSummary, dates, plus_days};
use jiff::civil::{Date, Weekday, date};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use spendwatch::{Clock, Config, ConfigError};

use crate::support::*;

type Rows = Vec<(Date, &'static str, Decimal)>;

/// A part of `platform`, which counts the whole group, or `platform` itself.
fn budget(id: &str, services: &str) -> String {
    let (parent, filter) = match services {
        "" => ("", String::new()),
        services => (
            "parent = \"platform\"\n",
            format!("filter = {{ dimension = \"ServiceName\", in = [{services}] }}\n"),
        ),
    };
    format!(
        "[[budget]]\nid = \"{id}\"\nscopes = [\"{GROUP}\"]\namount = 100000\nnotify = [\"chat\"]\n\
         thresholds = [\"actual 80%\"]\n{parent}{filter}"
    )
}

async fn world(more: &str) -> World {
    World::with("slack", r#"["actual 80%"]"#, more).await
}

/// The forecasts of all budgets that have one, as they are evaluated now.
async fn forecasts(world: &World) -> BTreeMap<String, ForecastSummary> {
    let report = world.evaluate().await;
    let budgets = report.budgets.into_iter();
    let forecasts = budgets.filter_map(|one| Some((one.budget, one.status?.forecast?)));
    forecasts.collect()
}

fn mean(forecasts: &BTreeMap<String, ForecastSummary>, budget: &str) -> f64 {
    forecasts[budget].mean.amount.to_f64().unwrap()
}

#[track_caller]
fn check_near(actual: f64, wanted: f64, tolerance: f64) {
    assert!(
        (actual - wanted).abs() <= tolerance,
        "{actual} is not within {tolerance} of {wanted}"
    );
}

/// Costs that wander, of three services, for 70 days before the 12th of November.
fn wandering() -> Rows {
    let first = plus_days(START, -70);
    let mut rows = Rows::new();
    for (index, day) in dates(first, START).enumerate() {
        let wave = |period: f64, size: f64| {
            let cost = 100.0 + size * (index as f64 / period).sin();
            Decimal::try_from(cost).unwrap().round_dp(2)
        };
        rows.push((day, "Web", wave(5.0, 60.0)));
        rows.push((day, "Database", wave(11.0, 40.0) * Decimal::TWO));
        rows.push((day, "Other", wave(17.0, 30.0)));
    }
    rows
}

#[tokio::test]
async fn parts_add_up_to_the_whole() {
    let parts = budget("web", "\"Web\"") + &budget("database", "\"Database\"");
    let rest = budget("rest", "\"Other\"");
    let world = world(&(budget("platform", "") + &parts + &rest)).await;
    world.costs.set(wandering(), world.clock.now());
    let together = forecasts(&world).await;
    let sum: f64 = ["web", "database", "rest"]
        .map(|part| mean(&together, part))
        .iter()
        .sum();
    check_near(sum, mean(&together, "platform"), 0.01);
    // `payments` counts the same group, and has no parts: this is what the whole says for itself.
    let alone = mean(&together, "payments");
    assert!((alone - sum).abs() > 1.0, "{alone} {sum}");

    // What no budget counts is part of the whole all the same.
    let world = self::world(&(budget("platform", "") + &parts)).await;
    world.costs.set(wandering(), world.clock.now());
    let without_rest = forecasts(&world).await;
    check_near(
        mean(&without_rest, "platform"),
        mean(&together, "platform"),
        0.01,
    );
    check_near(mean(&without_rest, "web"), mean(&together, "web"), 0.01);
    // Ranges hold their mean, and nothing is expected below what is spent.
    for (budget, forecast) in &without_rest {
        let (low, high) = forecast.range80;
        assert!(low.amount < forecast.mean.amount, "{budget}");
        assert!(high.amount > forecast.mean.amount, "{budget}");
    }
}

#[tokio::test]
async fn parts_that_count_the_same_cost_are_left_as_they_are() {
    let parts = budget("web", "\"Web\", \"Database\"") + &budget("data", "\"Database\", \"Other\"");
    let world = world(&(budget("platform", "") + &parts)).await;
    world.costs.set(wandering(), world.clock.now());
    let forecasts = forecasts(&world).await;
    assert_eq!(forecasts["platform"].mean, forecasts["payments"].mean);
}

#[tokio::test]
async fn a_young_part_has_the_weekdays_of_the_whole() {
    let rests = |day: Date| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let cost = |day: Date, cost: i64| Decimal::from(if rests(day) { 0 } else { cost });
    let mut rows: Rows = dates(plus_days(START, -84), START)
        .map(|day| (day, "Web", cost(day, 500)))
        .collect();
    // Thursday 5 November to Wednesday 11 November; the last day settled is the 10th.
    let young = dates(date(2026, 11, 5), START);
    rows.extend(young.map(|day| (day, "New", cost(day, 10))));

    let parts = budget("web", "\"Web\"") + &budget("new", "\"New\"");
    let alone = budget("alone", "\"New\"").replace("parent = \"platform\"\n", "");
    let world = world(&(budget("platform", "") + &parts + &alone)).await;
    world.costs.set(rows, world.clock.now());
    let forecasts = forecasts(&world).await;

    let few = |weekdays_of: Option<&str>| FewDays {
        settled: 6,
        weekdays_of: weekdays_of.map(str::to_owned),
    };
    assert_eq!(forecasts["new"].few_days, Some(few(Some("platform"))));
    assert_eq!(forecasts["alone"].few_days, Some(few(None)));
    assert_eq!(forecasts["web"].few_days, None);
    // 18 working days from the 5th on.
    check_near(mean(&forecasts, "new"), 180.0, 8.0);
    assert!(mean(&forecasts, "alone") > 190.0);
    let width = |budget: &str| {
        let (low, high) = forecasts[budget].range80;
        (high.amount - low.amount).to_f64().unwrap() / mean(&forecasts, budget)
    };
    assert!(width("new") > 1.5 * width("web"));
}

#[tokio::test]
async fn what_a_part_without_a_forecast_has_posted_is_not_laid_on_its_siblings() {
    let mut rows = steady();
    // Nothing of it is settled yet.
    rows.push((plus_days(START, -1), "New", Decimal::from(2000)));
    let parts = budget("web", "\"Web\"") + &budget("new", "\"New\"");
    let world = world(&(budget("platform", "") + &parts)).await;
    world.costs.set(rows, world.clock.now());
    let forecasts = forecasts(&world).await;
    assert!(!forecasts.contains_key("new"));
    check_near(mean(&forecasts, "web"), 3000.0, 1.0);
    check_near(mean(&forecasts, "platform"), 5000.0, 1.0);
}

#[tokio::test]
async fn without_a_settled_day_there_is_no_number() {
    let world = world("").await;
    let yesterday = plus_days(START, -1);
    world
        .costs
        .set(vec![(yesterday, "Web", Decimal::TEN)], world.clock.now());
    let report = world.evaluate().await;
    let status = report.budgets[0].status.clone().unwrap();
    assert_eq!(status.forecast, None);
    assert_eq!(
        status.no_forecast.as_deref(),
        Some("no day of the history is settled, so there is nothing to forecast from")
    );
}

/// 100 a day for 70 days.
fn steady() -> Rows {
    let days = dates(plus_days(START, -70), START);
    days.map(|day| (day, "Web", Decimal::ONE_HUNDRED)).collect()
}

#[tokio::test]
async fn planned_costs_are_expected_in_their_budget_and_in_those_around() {
    let parts = budget("web", "\"Web\"");
    let event = |budgets: &str, cost: &str| {
        format!(
            "[[event]]\nname = \"Sale\"\nfrom = 2026-11-20\nuntil = 2026-11-24\n\
             budgets = [{budgets}]\ndaily_cost = {cost}\n"
        )
    };
    for (budgets, cost, web, platform) in [
        // 30 days at 100, and five at 40 more.
        ("\"web\"", "40", 3200.0, 3200.0),
        ("\"w*\"", "-10.5", 2947.5, 2947.5),
        // The whole is named itself: it is not asked for its parts.
        ("\"web\", \"platform\"", "40", 3200.0, 3200.0),
    ] {
        let world = world(&(budget("platform", "") + &parts + &event(budgets, cost))).await;
        world.costs.set(steady(), world.clock.now());
        let forecasts = forecasts(&world).await;
        check_near(mean(&forecasts, "web"), web, 0.01);
        check_near(mean(&forecasts, "platform"), platform, 0.01);
        check_near(mean(&forecasts, "payments"), 3000.0, 0.01);
    }
}

#[tokio::test]
async fn holidays_are_learned_and_expected() {
    // 7 September and 5 October cost nothing; 23 November is a holiday again.
    let mut rows = steady();
    for row in &mut rows {
        if row.0 == date(2026, 9, 7) || row.0 == date(2026, 10, 5) {
            row.2 = Decimal::ZERO;
        }
    }
    let days = "holidays = [2026-09-07, 2026-10-05, 2026-11-23]";
    let world = world(&format!("[forecast]\n{days}\n")).await;
    world.costs.set(rows, world.clock.now());
    // The effect of two holidays is drawn a third of the way towards none.
    let forecasts = forecasts(&world).await;
    check_near(
        mean(&forecasts, "payments"),
        3000.0 - 100.0 * 2.0 / 3.0,
        0.01,
    );
}

#[tokio::test]
async fn what_is_posted_of_a_day_tells_what_it_comes_to() {
    let world = world("").await;
    // Each evening at 18:00, half of the day before is posted; two days later it is whole.
    let posted = |last: Decimal| {
        let today = spendwatch::day_of(world.clock.now());
        let mut rows: Rows = dates(plus_days(today, -70), plus_days(today, -1))
            .map(|day| (day, "Web", Decimal::ONE_HUNDRED))
            .collect();
        rows.push((plus_days(today, -1), "Web", last));
        rows
    };
    world.pass(18 * 3600);
    for _ in 0..8 {
        world
            .costs
            .set(posted(Decimal::from(50)), world.clock.now());
        world.evaluate().await;
        world.pass(24 * 3600);
    }
    // 20 November: the 19th shows as much as it cost on other days, but that is half of it.
    world
        .costs
        .set(posted(Decimal::ONE_HUNDRED), world.clock.now());
    let learned = mean(&forecasts(&world).await, "payments");
    // 30 days at 100. What is posted of the 19th says 200, and is off by 2 of 50 parts at least, that is 8;
    // what is usual says 100, and is off by a tenth of what is posted at least, that is 20.
    check_near(learned, 3000.0 + 100.0 * 400.0 / 464.0, 0.1);

    let fresh = self::world("").await;
    fresh.pass(18 * 3600 + 8 * 24 * 3600);
    fresh
        .costs
        .set(posted(Decimal::ONE_HUNDRED), fresh.clock.now());
    check_near(mean(&forecasts(&fresh).await, "payments"), 3000.0, 0.01);
}

#[tokio::test]
async fn what_was_posted_of_other_costs_is_forgotten() {
    let world = world("").await;
    world.costs.set(steady(), world.clock.now());
    world.evaluate().await;
    let key = "settling/payments";
    let documents = world.app.documents();
    let stored = documents.get(key).await.unwrap().unwrap();
    let text = String::from_utf8(stored.bytes).unwrap();
    assert!(text.contains("2026-11-11"), "{text}");
    let mut other: serde_json::Value = serde_json::from_str(&text).unwrap();
    other["counts"] = "something else".into();
    other["days"]["2026-10-20"] = serde_json::json!({"4": "50"});
    let bytes = serde_json::to_vec(&other).unwrap();
    documents
        .replace(key, bytes, &stored.version)
        .await
        .unwrap();
    world.evaluate().await;
    let stored = documents.get(key).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(stored.bytes).unwrap(), text);
}

/// A small configuration with more tables, as it stands in a folder.
fn configured(folder: &Path, tables: &str) -> Result<Config, ConfigError> {
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["a.csv"]
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [[budget]]
        id = "a"
        scopes = ["/subscriptions/a"]
        amount = 1
        notify = ["chat"]
        {tables}
        "#
    );
    Config::parse(&[(folder.join("spendwatch.toml"), text)])
}

fn mistakes(folder: &Path, tables: &str) -> Vec<String> {
    match configured(folder, tables) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Mistakes(problems)) => {
            problems.into_iter().map(|one| one.to_string()).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

fn holidays(folder: &Path, settings: &str) -> Vec<Date> {
    let config = configured(folder, &format!("[forecast]\n{settings}"));
    config.unwrap().forecast.holidays
}

const CALENDAR: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n\
    BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20261225\r\n\
    DTEND;VALUE=DATE:20261227\r\nSUMMARY:Christm\r\n as\r\nEND:VEVENT\r\n\
    BEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20260427\r\n\
    SUMMARY:King's day\r\nRRULE\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn holidays_come_from_dates_and_calendars() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("nl.ics"), text).unwrap();
    write(&CALENDAR.replace("RRULE\r\n", ""));
    let text = "holidays = [2026-12-25, 2026-05-05]\nholiday_calendars = [\"nl.ics\"]";
    assert_eq!(
        holidays(folder.path(), text),
        [
            date(2026, 4, 27),
            date(2026, 5, 5),
            date(2026, 12, 25),
            date(2026, 12, 26)
        ]
    );
    write(&CALENDAR.replace("RRULE", "RRULE:FREQ=YEARLY"));
    let every_year = holidays(folder.path(), "holiday_calendars = [\"nl.ics\"]");
    assert_eq!(every_year.len(), 102);
    assert!(every_year.contains(&date(2031, 4, 27)));
}

#[test]
fn mistakes_in_forecasts_are_told_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |text: &str| std::fs::write(path.join("nl.ics"), text).unwrap();
    let check = |text: &str, wanted: &str| {
        let mistakes = mistakes(path, text);
        assert_eq!(mistakes.len(), 1, "{text}: {mistakes:?}");
        assert!(mistakes[0].contains(wanted), "{}", mistakes[0]);
    };
    check(
        "[forecast]\nholidays = [25]",
        "expected a date such as 2026-01-01",
    );
    check("[forecast]\nholliday = 1", "holliday");
    let calendar = "[forecast]\nholiday_calendars = [\"nl.ics\"]";
    check(calendar, "nl.ics: No such file");
    write("date,name\n2026-12-25,Christmas\n");
    check(calendar, "is no iCalendar file");
    write(&CALENDAR.replace("RRULE", "RRULE:FREQ=MONTHLY;BYDAY=1MO"));
    check(
        calendar,
        "the event \"King's day\" recurs by another rule than once a year",
    );
    write(
        &CALENDAR
            .replace("RRULE\r\n", "")
            .replace("DTSTART;VALUE=DATE:20260427\r\n", ""),
    );
    check(
        calendar,
        "the event \"King's day\" has no first day (DTSTART)",
    );
    write(
        &CALENDAR
            .replace("RRULE\r\n", "")
            .replace("20261227", "20280101"),
    );
    check(
        calendar,
        "the event \"Christmas\" lasts longer than 31 days",
    );

    let event = "[[event]]\nname = \"Sale\"\nfrom = 2026-11-20\nuntil = 2026-11-24\n";
    check(
        &format!("{event}daily_cost = 40"),
        "it would count in each of all budgets: name those that it is a cost of",
    );
    check(
        &format!("{event}budgets = [\"a\"]\ndaily_cost = \"40\""),
        "expected a number without quotes",
    );
}
