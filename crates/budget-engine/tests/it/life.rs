//! The life of an alert: how it ends, who knows of it, and what happens while nobody does.

use std::collections::BTreeMap;

use budget_engine::*;
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::support::*;

/// Facts with this much spent in November, in data that end the day before.
fn spent_on(amount: &str, today: Date) -> CostFacts {
    Costs::new()
        .row(date(2026, 11, 1), "Storage", amount)
        .every_day(date(2026, 11, 2), today, "Storage", "0")
        .written(at(today))
}

fn step(
    budget: &Budget,
    facts: &CostFacts,
    forecast: Option<&Forecast>,
    ledger: &Ledger,
    today: Date,
) -> Evaluation {
    let status = status_of(budget, facts, forecast, today);
    decide(budget, &status, forecast, ledger, at(today))
}

fn empty() -> Ledger {
    Ledger::new("payments", "monthly-2026-11-01")
}

fn day(day: i8) -> Date {
    date(2026, 11, day)
}

/// A forecast that reaches this total with the 80 percent that the budget asks for.
fn reaching(total: i64) -> Forecast {
    let at = |percent: i64, total: i64| (Decimal::from(percent), Decimal::from(total));
    Forecast {
        mean: Decimal::from(total + 100),
        quantiles: vec![at(10, total - 10), at(20, total), at(90, total + 400)],
        breach: None,
        path: Vec::new(),
        few_days: None,
    }
}

/// A budget with EUR 1,000, fired at 80 percent on 12 November, that follows up.
fn fired() -> (Budget, Ledger) {
    let mut budget = budget(&["actual 80%"]);
    budget.thresholds[0].follow_up = FollowUp {
        remind_every_hours: Some(24),
        escalate_after_hours: Some(48),
        escalate_to: vec!["boss".into()],
    };
    let ledger = step(&budget, &spent_on("800", day(12)), None, &empty(), day(12)).ledger;
    (budget, ledger)
}

fn by(who: &str, when: Timestamp) -> Acknowledgement {
    Acknowledgement {
        at: when,
        by: who.into(),
        note: None,
    }
}

fn after(hours: i64) -> Timestamp {
    at(day(12)) + SignedDuration::from_hours(hours)
}

fn changes(ledger: &Ledger) -> Vec<Change> {
    ledger.transitions.iter().map(|one| one.change).collect()
}

#[test]
fn a_small_credit_takes_nothing_back() {
    let mut budget = budget(&["actual 80%"]);
    budget.margin = Decimal::from(2);
    let first = step(&budget, &spent_on("800", day(12)), None, &empty(), day(12));
    // Two percent of 800 are 16: 784.01 is below the level, 784 is clearly below.
    let held = step(
        &budget,
        &spent_on("784.01", day(12)),
        None,
        &first.ledger,
        day(12),
    );
    assert_eq!(changes(&held.ledger), [Change::Fired]);
    assert_eq!(
        held.decisions[0].reason,
        Reason::HeldMargin {
            level: eur("800"),
            margin: Percent(Decimal::from(2))
        }
    );
    let back = step(
        &budget,
        &spent_on("784", day(12)),
        None,
        &held.ledger,
        day(12),
    );
    assert_eq!(changes(&back.ledger), [Change::Fired, Change::Withdrawn]);
}

#[test]
fn a_forecast_is_over_when_its_days_are_settled_and_it_is_clearly_lower() {
    let mut budget = budget(&["forecast 100%"]);
    budget.margin = Decimal::from(2);
    let high = reaching(1100);
    let first = step(
        &budget,
        &spent_on("300", day(12)),
        Some(&high),
        &empty(),
        day(12),
    );
    assert_eq!(changes(&first.ledger), [Change::Fired]);
    let next = |forecast: &Forecast, today: Date, ledger: &Ledger| {
        step(
            &budget,
            &spent_on("300", today),
            Some(forecast),
            ledger,
            today,
        )
    };
    // The data reached to 11 November, a day that settles two days before the data of the 13th.
    let early = next(&reaching(900), day(12), &first.ledger);
    assert_eq!(
        early.decisions[0].reason,
        Reason::HeldUnsettled { until: day(11) }
    );
    let near = next(&reaching(985), day(14), &early.ledger);
    assert!(matches!(
        near.decisions[0].reason,
        Reason::HeldMargin { .. }
    ));
    let over = next(&reaching(980), day(14), &near.ledger);
    assert_eq!(changes(&over.ledger), [Change::Fired, Change::Resolved]);
    let told = &over.ledger.transitions[1];
    assert_eq!(told.follows, [first.ledger.transitions[0].id()]);
    assert_eq!(told.notify, ["to-forecast"]);
    assert!(matches!(told.reason, Reason::NoLongerExpected { level, .. } if level == eur("1000")));
    // And it fires anew.
    let again = next(&reaching(1100), day(15), &over.ledger);
    assert_eq!(again.ledger.transitions[2].sequence, 3);
    assert_eq!(again.ledger.transitions[2].change, Change::Fired);
}

#[test]
fn what_another_notice_told_is_named_when_both_are_over() {
    let budget = budget(&["actual 50%", "forecast 100%"]);
    let facts = spent_on("600", day(12));
    let first = step(&budget, &facts, Some(&reaching(1100)), &empty(), day(12));
    let [told] = &first.ledger.transitions[..] else {
        panic!("one notice for both")
    };
    assert_eq!(
        (&*told.threshold, &told.also[..]),
        ("forecast-100pct", &["actual 50%".to_owned()][..])
    );
    let facts = spent_on("300", day(14));
    let over = step(
        &budget,
        &facts,
        Some(&reaching(900)),
        &first.ledger,
        day(14),
    );
    assert_eq!(changes(&over.ledger), [Change::Fired, Change::Resolved]);
    assert_eq!(over.ledger.transitions[1].also, ["actual 50%"]);
}

#[test]
fn what_another_notice_told_is_corrected_though_that_one_stands() {
    let budget = budget(&["actual 50%", "forecast 100%"]);
    let facts = spent_on("600", day(12));
    let first = step(&budget, &facts, Some(&reaching(1100)), &empty(), day(12));
    let facts = spent_on("300", day(14));
    let over = step(
        &budget,
        &facts,
        Some(&reaching(1100)),
        &first.ledger,
        day(14),
    );
    assert_eq!(changes(&over.ledger), [Change::Fired, Change::Withdrawn]);
    let [told, corrected] = &over.ledger.transitions[..] else {
        panic!("one notice and its correction")
    };
    assert_eq!(corrected.threshold, "actual-50pct");
    assert_eq!(corrected.follows, [""; 0], "that one is not over");
    assert_eq!(corrected.corrects, [told.id()]);
    assert_eq!(corrected.notify, told.notify);
    let standing = &over.ledger.alerts["forecast-100pct"];
    assert_eq!(standing.state, AlertState::Firing);
    let outcomes: Vec<(&str, &Outcome)> = over
        .decisions
        .iter()
        .map(|one| (&*one.threshold, &one.outcome))
        .collect();
    assert!(outcomes.contains(&("actual-50pct", &Outcome::Withdraw)));
    // Nothing is told of it a second time.
    let again = step(
        &budget,
        &facts,
        Some(&reaching(1100)),
        &over.ledger,
        day(14),
    );
    assert_eq!(again.ledger.transitions.len(), 2);
}

#[test]
fn a_forecast_that_came_true_is_not_over() {
    let budget = budget(&["forecast 100%"]);
    let first = step(
        &budget,
        &spent_on("300", day(12)),
        Some(&reaching(1100)),
        &empty(),
        day(12),
    );
    let spent = step(
        &budget,
        &spent_on("1001", day(20)),
        Some(&reaching(1200)),
        &first.ledger,
        day(20),
    );
    assert_eq!(changes(&spent.ledger), [Change::Fired]);
}

#[test]
fn stale_data_end_no_forecast_and_fresh_data_end_their_own_alert() {
    let budget = budget(&["forecast 100%", "stale 3 days"]);
    let first = step(
        &budget,
        &spent_on("300", day(12)),
        Some(&reaching(1100)),
        &empty(),
        day(12),
    );
    let old = Costs::new()
        .row(day(1), "Storage", "300")
        .every_day(date(2026, 11, 2), day(13), "Storage", "0")
        .written(at(day(20)));
    let stale = step(&budget, &old, Some(&reaching(500)), &first.ledger, day(20));
    assert_eq!(changes(&stale.ledger), [Change::Fired, Change::Fired]);
    let arrived = step(
        &budget,
        &spent_on("300", day(21)),
        Some(&reaching(1100)),
        &stale.ledger,
        day(21),
    );
    let told = arrived.ledger.transitions.last().unwrap();
    assert_eq!(
        (told.change, &*told.when),
        (Change::Resolved, "stale 3 days")
    );
    assert!(matches!(told.reason, Reason::DataArrived { last_day, .. } if last_day == day(20)));
}

#[test]
fn whoever_knows_ends_reminders_until_it_fires_again() {
    let (budget, ledger) = fired();
    let known = ledger
        .acknowledge("actual-80pct", Some(1), by("dana", after(1)))
        .unwrap();
    assert_eq!(known.alerts["actual-80pct"].state, AlertState::Firing);
    assert_eq!(changes(&known), [Change::Fired, Change::Acknowledged]);
    assert_eq!(known.next_attention(&budget), None);
    assert_eq!(
        known.attend(&budget, None, &BTreeMap::new(), after(1000)),
        known
    );
    let second = known.acknowledge("actual-80pct", None, by("kim", after(2)));
    assert!(matches!(second, Err(NotAcknowledged::Already(first)) if first.by == "dana"));
    // Taken back, and fired again: nobody knows of that yet.
    let back = step(&budget, &spent_on("100", day(13)), None, &known, day(13));
    let again = step(
        &budget,
        &spent_on("900", day(14)),
        None,
        &back.ledger,
        day(14),
    );
    assert_eq!(again.ledger.alerts["actual-80pct"].acknowledged, None);
    let old_link = again
        .ledger
        .acknowledge("actual-80pct", Some(1), by("kim", after(60)));
    assert_eq!(old_link, Err(NotAcknowledged::FiredAgain));
}

#[test]
fn only_what_stands_is_acknowledged() {
    let (budget, ledger) = fired();
    let unknown = ledger.acknowledge("no-such", None, by("dana", after(1)));
    assert_eq!(unknown, Err(NotAcknowledged::Unknown));
    let back = step(&budget, &spent_on("100", day(13)), None, &ledger, day(13)).ledger;
    let over = back.acknowledge("actual-80pct", None, by("dana", after(30)));
    assert_eq!(over, Err(NotAcknowledged::Over(AlertState::Withdrawn)));
    // By its id as well, which is what links hold.
    let id = ledger.alerts["actual-80pct"].id.clone();
    assert!(ledger.acknowledge(&id, None, by("dana", after(1))).is_ok());
}

#[test]
fn reminders_come_each_interval_and_escalation_once() {
    let (budget, ledger) = fired();
    assert_eq!(ledger.next_attention(&budget), Some(after(24)));
    assert_eq!(
        ledger.attend(&budget, None, &BTreeMap::new(), after(23)),
        ledger
    );
    let first = ledger.attend(&budget, None, &BTreeMap::new(), after(24));
    assert_eq!(changes(&first)[1..], [Change::Reminded]);
    let reminder = &first.transitions[1];
    assert_eq!(reminder.follows, [ledger.transitions[0].id()]);
    assert_eq!(reminder.notify, ["to-actual"]);
    assert_eq!(
        reminder.reason,
        Reason::Unanswered {
            since: after(0),
            hours: 24
        }
    );
    // Nobody looked for days: one reminder, and the escalation.
    let late = first.attend(&budget, None, &BTreeMap::new(), after(100));
    assert_eq!(changes(&late)[2..], [Change::Reminded, Change::Escalated]);
    assert_eq!(late.transitions[3].notify, ["boss"]);
    let later = late.attend(&budget, None, &BTreeMap::new(), after(125));
    assert_eq!(changes(&later)[4..], [Change::Reminded]);
    // Whoever was told of it hears of the end.
    let told = [late.transitions[0].id(), late.transitions[3].id()];
    let closed = later.close(at(date(2026, 12, 6)));
    assert_eq!(closed.transitions[5].follows, told);
    let known = later.acknowledge("actual-80pct", None, by("dana", after(126)));
    assert_eq!(known.unwrap().transitions[5].follows, told);
    let over = step(&budget, &spent_on("700", day(18)), None, &later, day(18)).ledger;
    assert_eq!(over.transitions[5].change, Change::Withdrawn);
    assert_eq!(over.transitions[5].follows, told);
}

#[test]
fn a_higher_alert_outdates_the_reminders_of_a_lower_one() {
    let (mut budget, ledger) = fired();
    let mut higher = budget.thresholds[0].clone();
    higher.when = "actual 100%".parse().unwrap();
    higher.id = "hundred".into();
    budget.thresholds.push(higher);
    let both = step(&budget, &spent_on("1000", day(13)), None, &ledger, day(13)).ledger;
    let attended = both.attend(&budget, None, &BTreeMap::new(), after(48));
    let told: Vec<&str> = attended.transitions[2..]
        .iter()
        .map(|one| one.threshold.as_str())
        .collect();
    assert_eq!(told, ["hundred"], "the higher one alone is reminded of");
}

#[test]
fn the_end_of_the_period_closes_what_stands() {
    let (_, ledger) = fired();
    assert!(ledger.is_open());
    let closed = ledger.close(at(date(2026, 12, 6)));
    assert!(!closed.is_open());
    assert_eq!(changes(&closed), [Change::Fired, Change::Closed]);
    assert_eq!(
        closed.transitions[1].reason,
        Reason::PeriodEnded {
            end: date(2026, 12, 1)
        }
    );
    assert_eq!(closed.close(at(date(2026, 12, 7))), closed, "once");
}

#[test]
fn ledgers_of_before_are_read() {
    let (_, ledger) = fired();
    let mut json = serde_json::to_value(&ledger).unwrap();
    let transition = json["transitions"][0].as_object_mut().unwrap();
    let follows = transition.remove("follows").unwrap();
    transition.insert("takesBack".into(), follows);
    let alert = json["alerts"]["actual-80pct"].as_object_mut().unwrap();
    alert.remove("acknowledged");
    let read: Ledger = serde_json::from_value(json).unwrap();
    assert_eq!(read, ledger);
}
