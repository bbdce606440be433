//! Events of unusual cost: which are told, once each, when they are over, and what made them up.

use budget_engine::*;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use crate::support::*;

const TODAY: Date = date(2026, 11, 20);

fn day(day: i8) -> Date {
    date(2026, 11, day)
}

/// An event of November that cost so much where a hundred was expected.
fn event(first: i8, last: i8, cost: &str, is_open: bool) -> Anomaly {
    let (cost, expected) = (eur(cost), eur("100"));
    Anomaly {
        kind: AnomalyKind::Step,
        first: day(first),
        last: day(last),
        days: dates(day(first), plus_days(day(last), 1)).collect(),
        is_open,
        expected,
        cost,
        impact: cost.checked_sub(expected).unwrap(),
        score: decimal("2.5"),
        drivers: Vec::new(),
    }
}

/// Figures of a budget that spends ten a day, with these events.
fn status(budget: &Budget, today: Date, incidents: &[Anomaly]) -> Status {
    let facts = Costs::new()
        .every_day(date(2026, 9, 1), today, "Storage", "10")
        .written(at(today));
    let mut status = status_of(budget, &facts, None, today);
    let settled_to = status.data.settled_to;
    status.anomalies = Some(Anomalies {
        checked: Period::new(date(2026, 10, 1), plus_days(settled_to, 1)),
        days_checked: 48,
        incidents: incidents.to_vec(),
    });
    status
}

fn empty() -> Ledger {
    Ledger::new("payments", "monthly-2026-11-01")
}

/// The evaluation of a day after those of the ledger.
fn step(budget: &Budget, status: &Status, ledger: &Ledger) -> Evaluation {
    decide(budget, status, None, ledger, status.data.as_of)
}

fn outcomes(evaluation: &Evaluation) -> Vec<(&str, Outcome)> {
    let pairs = evaluation.decisions.iter();
    pairs
        .map(|decision| (&*decision.threshold, decision.outcome.clone()))
        .collect()
}

fn changes(ledger: &Ledger) -> Vec<(Change, &str)> {
    let told = ledger.transitions.iter();
    told.map(|one| (one.change, &*one.threshold)).collect()
}

#[test]
fn an_event_fires_at_its_level_on_its_side() {
    for (condition, cost, fires) in [
        ("anomaly 500", "600", true),
        ("anomaly 500", "599.99", false),
        ("anomaly 50%", "600", true),
        ("anomaly 50.1%", "600", false),
        ("anomaly drop 500", "600", false),
        ("anomaly drop 100", "0", true),
        ("anomaly 100", "0", false),
    ] {
        let budget = budget(&[condition]);
        let status = status(&budget, TODAY, &[event(16, 17, cost, true)]);
        let evaluation = step(&budget, &status, &empty());
        let told = evaluation.ledger.transitions.len();
        assert_eq!(told, usize::from(fires), "{condition} {cost}");
    }
}

#[test]
fn nothing_unusual_says_how_much_was_checked() {
    let budget = budget(&["anomaly 500"]);
    let small = event(16, 17, "300", true);
    let evaluation = step(&budget, &status(&budget, TODAY, &[small]), &empty());
    let reason = Reason::NothingUnusual {
        level: eur("500"),
        days_checked: 48,
        largest: Some(eur("200")),
    };
    assert_eq!(evaluation.decisions[0].reason, reason);
    let mut unchecked = status(&budget, TODAY, &[]);
    unchecked.anomalies = None;
    let evaluation = step(&budget, &unchecked, &empty());
    let reason = Reason::NothingUnusual {
        level: eur("500"),
        days_checked: 0,
        largest: None,
    };
    assert_eq!(evaluation.decisions[0].reason, reason);
}

#[test]
fn an_event_is_told_once_however_it_grows() {
    let budget = budget(&["anomaly 500"]);
    let first = step(
        &budget,
        &status(&budget, TODAY, &[event(16, 17, "700", true)]),
        &empty(),
    );
    assert_eq!(
        outcomes(&first),
        [("anomaly-500@2026-11-16", Outcome::Fire)]
    );
    let [told] = &first.ledger.transitions[..] else {
        panic!("one notice")
    };
    assert_eq!(told.anomaly.as_ref().unwrap().impact, eur("600"));
    assert_eq!(told.notify, ["to-anomaly"]);
    let mut ledger = first.ledger;
    for (last, cost) in [(17, "700"), (18, "1500"), (19, "4000")] {
        let today = day(last + 3);
        let grown = status(&budget, today, &[event(16, last, cost, true)]);
        let evaluation = step(&budget, &grown, &ledger);
        assert_eq!(
            outcomes(&evaluation),
            [("anomaly-500@2026-11-16", Outcome::Quiet)]
        );
        assert_eq!(evaluation.ledger.transitions.len(), 1);
        ledger = evaluation.ledger;
    }
    let known = ledger.alerts["anomaly-500@2026-11-16"].anomaly.as_ref();
    assert_eq!(
        known.unwrap().impact,
        eur("3900"),
        "its alert knows what it is now"
    );
}

#[test]
fn an_event_whose_first_day_moves_is_the_same() {
    let budget = budget(&["anomaly 500"]);
    let first = step(
        &budget,
        &status(&budget, TODAY, &[event(16, 17, "700", true)]),
        &empty(),
    );
    for (from, to) in [(15, 17), (17, 17), (18, 18)] {
        let moved = status(&budget, day(21), &[event(from, to, "900", true)]);
        let evaluation = step(&budget, &moved, &first.ledger);
        assert_eq!(
            outcomes(&evaluation),
            [("anomaly-500@2026-11-16", Outcome::Quiet)],
            "{from} to {to}"
        );
    }
    let another = [event(10, 12, "900", false), event(17, 17, "900", true)];
    let evaluation = step(&budget, &status(&budget, day(21), &another), &first.ledger);
    assert_eq!(
        outcomes(&evaluation),
        [
            ("anomaly-500@2026-11-10", Outcome::Fire),
            ("anomaly-500@2026-11-16", Outcome::Quiet)
        ]
    );
}

#[test]
fn an_event_that_falls_apart_is_told_once() {
    let budget = budget(&["anomaly 500"]);
    let whole = status(&budget, TODAY, &[event(10, 17, "2000", true)]);
    let first = step(&budget, &whole, &empty());
    let gone = step(&budget, &status(&budget, day(21), &[]), &first.ledger);
    let parts = [event(10, 11, "900", false), event(16, 17, "900", true)];
    let again = step(&budget, &status(&budget, day(22), &parts), &gone.ledger);
    let key = "anomaly-500@2026-11-10";
    assert_eq!(
        changes(&again.ledger),
        [
            (Change::Fired, key),
            (Change::Withdrawn, key),
            (Change::Fired, key)
        ]
    );
}

#[test]
fn an_event_is_over_when_it_closes_and_stays_over() {
    let budget = budget(&["anomaly 500"]);
    let open = status(&budget, TODAY, &[event(16, 17, "700", true)]);
    let first = step(&budget, &open, &empty());
    let closed = status(&budget, day(22), &[event(16, 17, "750", false)]);
    let over = step(&budget, &closed, &first.ledger);
    let key = "anomaly-500@2026-11-16";
    assert_eq!(
        changes(&over.ledger),
        [(Change::Fired, key), (Change::Resolved, key)]
    );
    let last = &over.ledger.transitions[1];
    assert_eq!(last.anomaly.as_ref().unwrap().impact, eur("650"));
    assert_eq!(last.follows, [first.ledger.transitions[0].id()]);
    assert!(!over.ledger.is_open());
    let later = status(&budget, day(23), &[event(16, 17, "750", false)]);
    let later = step(&budget, &later, &over.ledger);
    assert_eq!(later.ledger.transitions.len(), 2);
    let reason = &later.decisions[0].reason;
    assert!(matches!(reason, Reason::AnomalyOver { .. }), "{reason:?}");
}

#[test]
fn stale_data_end_no_event() {
    let budget = budget(&["anomaly 500"]);
    let open = status(&budget, TODAY, &[event(16, 17, "700", true)]);
    let first = step(&budget, &open, &empty());
    for incidents in [&[event(16, 17, "700", false)][..], &[]] {
        let mut stale = status(&budget, day(22), incidents);
        stale.data.stale = true;
        let held = step(&budget, &stale, &first.ledger);
        assert_eq!(held.ledger.transitions.len(), 1);
        assert!(held.ledger.is_open());
        let fresh = status(&budget, day(23), incidents);
        let ended = step(&budget, &fresh, &held.ledger);
        assert_eq!(
            ended.ledger.transitions.len(),
            2,
            "it is told once they are fresh"
        );
    }
}

#[test]
fn restated_data_withdraw_an_event_beyond_the_margin() {
    let mut budget = budget(&["anomaly 500"]);
    budget.margin = Decimal::TEN;
    let open = status(&budget, TODAY, &[event(16, 17, "700", true)]);
    let first = step(&budget, &open, &empty());
    for (left, withdrawn) in [
        (None, true),
        (Some(event(16, 17, "549", true)), true),
        (Some(event(16, 17, "551", true)), false),
        (Some(event(16, 17, "600", true)), false),
    ] {
        let left: Vec<Anomaly> = left.into_iter().collect();
        let restated = status(&budget, day(21), &left);
        let evaluation = step(&budget, &restated, &first.ledger);
        let told = changes(&evaluation.ledger);
        assert_eq!(told.len(), 1 + usize::from(withdrawn), "{left:?}");
        if withdrawn {
            assert_eq!(told[1].0, Change::Withdrawn);
            let again = status(&budget, day(22), &[event(16, 17, "900", true)]);
            let again = step(&budget, &again, &evaluation.ledger);
            assert_eq!(
                changes(&again.ledger)[2].0,
                Change::Fired,
                "it is there again"
            );
            assert_eq!(again.ledger.alerts.len(), 1);
        }
    }
}

#[test]
fn days_that_were_not_checked_withdraw_nothing() {
    let budget = budget(&["anomaly 500"]);
    let open = status(&budget, TODAY, &[event(16, 17, "700", true)]);
    let first = step(&budget, &open, &empty());
    let mut short = status(&budget, day(21), &[]);
    // Too little history: its days could not be judged.
    short.anomalies.as_mut().unwrap().checked = Period::new(day(17), day(20));
    let held = step(&budget, &short, &first.ledger);
    let reason = &held.decisions[0].reason;
    assert!(matches!(reason, Reason::CoversLess { .. }), "{reason:?}");
    short.anomalies = None;
    let held = step(&budget, &short, &first.ledger);
    assert_eq!(held.ledger.transitions.len(), 1);
    assert!(held.ledger.is_open());
}

#[test]
fn a_larger_plan_ends_no_event() {
    let mut budget = budget(&["anomaly 50%"]);
    let open = status(&budget, TODAY, &[event(16, 17, "700", true)]);
    let first = step(&budget, &open, &empty());
    budget.planned = Planned::Flat(Decimal::from(10_000));
    let same = status(&budget, day(21), &[event(16, 17, "700", true)]);
    let later = step(&budget, &same, &first.ledger);
    assert_eq!(later.ledger.transitions.len(), 1);
    assert!(later.ledger.is_open());
}

#[test]
fn the_higher_threshold_of_an_event_speaks_for_the_lower() {
    let budget = budget(&["anomaly 100", "anomaly 500", "anomaly 5000"]);
    let open = status(&budget, TODAY, &[event(16, 17, "700", true)]);
    let first = step(&budget, &open, &empty());
    let by = "anomaly-500@2026-11-16";
    assert_eq!(
        outcomes(&first),
        [
            ("anomaly-100@2026-11-16", Outcome::Cover { by: by.into() }),
            (by, Outcome::Fire),
            ("anomaly-5000", Outcome::Quiet)
        ]
    );
    assert_eq!(first.ledger.transitions[0].also, ["anomaly 100"]);
    let closed = status(&budget, day(22), &[event(16, 17, "700", false)]);
    let over = step(&budget, &closed, &first.ledger);
    assert_eq!(
        changes(&over.ledger),
        [(Change::Fired, by), (Change::Resolved, by)]
    );
    assert_eq!(over.ledger.transitions[1].also, ["anomaly 100"]);
    // What is left reaches the lower one only: it is heard on its own.
    let less = status(&budget, day(21), &[event(16, 17, "300", true)]);
    let less = step(&budget, &less, &first.ledger);
    assert_eq!(
        changes(&less.ledger),
        [
            (Change::Fired, by),
            (Change::Withdrawn, by),
            (Change::Fired, "anomaly-100@2026-11-16")
        ]
    );
}

#[test]
fn events_and_other_thresholds_are_told_apart() {
    let budget = budget(&["actual 10%", "anomaly 500", "actual 5%", "anomaly drop 50"]);
    let incidents = [
        event(3, 3, "800", false),
        event(12, 12, "40", false),
        event(16, 17, "700", true),
    ];
    let evaluation = step(&budget, &status(&budget, TODAY, &incidents), &empty());
    let mut told = changes(&evaluation.ledger);
    told.sort_by_key(|(_, key)| *key);
    assert_eq!(
        told,
        [
            (Change::Fired, "actual-10pct"),
            (Change::Fired, "anomaly-500@2026-11-16"),
            (Change::Fired, "anomaly-drop-50@2026-11-12"),
        ],
        "the one of the 3rd is over for more than a week"
    );
    for one in &evaluation.ledger.transitions {
        let also = ["actual 5%".to_owned()];
        let expected = if one.kind == ThresholdKind::Actual {
            &also[..]
        } else {
            &[]
        };
        assert_eq!(one.also, expected, "{}", one.threshold);
    }
}

#[test]
fn what_was_over_when_it_was_told_is_closed_without_a_word() {
    let budget = budget(&["anomaly 100", "anomaly 500"]);
    let closed = [event(13, 14, "700", false)];
    let first = step(&budget, &status(&budget, TODAY, &closed), &empty());
    assert_eq!(first.ledger.transitions.len(), 1);
    let later = step(&budget, &status(&budget, day(21), &closed), &first.ledger);
    let key = "anomaly-500@2026-11-13";
    assert_eq!(
        changes(&later.ledger),
        [(Change::Fired, key), (Change::Closed, key)]
    );
    assert!(!later.ledger.is_open());
}

#[test]
fn an_event_belongs_to_the_period_of_its_first_day() {
    let budget = budget(&["anomaly 500"]);
    let mut earlier = event(2, 2, "700", true);
    earlier.first = date(2026, 10, 31);
    earlier.days.insert(0, earlier.first);
    let evaluation = step(&budget, &status(&budget, day(5), &[earlier]), &empty());
    assert_eq!(outcomes(&evaluation), [("anomaly-500", Outcome::Quiet)]);
}

#[test]
fn a_rewritten_condition_asks_anew() {
    let mut budget = budget(&["anomaly 500"]);
    let open = [event(16, 17, "700", true)];
    let first = step(&budget, &status(&budget, TODAY, &open), &empty());
    budget.thresholds[0].when = "anomaly 550".parse().unwrap();
    let second = step(&budget, &status(&budget, day(21), &open), &first.ledger);
    let key = "anomaly-500@2026-11-16";
    assert_eq!(
        changes(&second.ledger),
        [
            (Change::Fired, key),
            (Change::Closed, key),
            (Change::Fired, key)
        ]
    );
}

#[test]
fn each_event_is_reminded_of() {
    let mut budget = budget(&["anomaly 500"]);
    budget.thresholds[0].follow_up.remind_every_hours = Some(24);
    let one = [event(12, 14, "700", true)];
    let first = step(&budget, &status(&budget, day(17), &one), &empty());
    let two = [event(12, 14, "700", true), event(17, 17, "800", true)];
    let second = step(&budget, &status(&budget, TODAY, &two), &first.ledger);
    assert_eq!(second.ledger.transitions.len(), 2);
    let heard = std::collections::BTreeMap::new();
    let reminded = second.ledger.attend(&budget, None, &heard, at(day(22)));
    let keys: Vec<&str> = reminded.transitions[2..]
        .iter()
        .map(|one| &*one.threshold)
        .collect();
    assert_eq!(keys, ["anomaly-500@2026-11-12", "anomaly-500@2026-11-17"]);
    let impact = |one: &Transition| one.anomaly.as_ref().unwrap().impact;
    assert_eq!(impact(&reminded.transitions[2]), eur("600"));
}

/// Two months of weekday rhythm in two services and two groups; from the 16th to the 17th the machines
/// of one group cost 300 more a day, and a new service comes up.
fn rise() -> (Budget, CostFacts) {
    let other = "/subscriptions/a/resourceGroups/other";
    let mut costs = Costs::new();
    for date in dates(date(2026, 9, 1), TODAY) {
        let is_rise = (day(16)..=day(17)).contains(&date);
        let base = if date.weekday().to_monday_zero_offset() < 5 {
            20
        } else {
            5
        };
        let machines = base + if is_rise { 300 } else { 0 };
        costs = costs.row(date, "Virtual Machines", &machines.to_string());
        costs = costs.row(date, "Storage", "7.5");
        let usage = ChargeCategory::Usage;
        costs = costs.full(date, other, "Storage", "EUR", usage, "prod", "2");
        if is_rise {
            costs = costs.full(date, other, "Bandwidth", "EUR", usage, "prod", "40");
        }
    }
    // A charge of a month within the weeks before moves no median.
    let costs = costs.row(day(2), "Virtual Machines", "900");
    let mut budget = budget(&["anomaly 500"]);
    budget.scopes = vec![Scope::parse("/subscriptions/a").unwrap()];
    (budget, costs.written(at(TODAY)))
}

/// The event as a detector finds it, with an expectation of its own.
fn risen() -> Anomaly {
    Anomaly {
        expected: eur("57.9"),
        impact: eur("681.1"),
        ..event(16, 17, "739", true)
    }
}

fn named(drivers: &AnomalyDrivers) -> Vec<(&str, &str, Cause)> {
    let items = drivers.items.iter();
    items
        .map(|item| {
            let change = item.change.amount.normalize().to_string();
            (&*item.name, &*change.leak(), item.cause)
        })
        .collect()
}

#[test]
fn drivers_say_what_made_up_an_event_and_add_up() {
    let (budget, facts) = rise();
    let budgets = Budgets::new(vec![budget.clone()]).unwrap();
    let explained = risen()
        .explained(&facts, &budget, &budgets.selectors(&budget), None)
        .unwrap();
    let by: Vec<String> = explained
        .drivers
        .iter()
        .map(|one| one.by.to_string())
        .collect();
    assert_eq!(by, ["ServiceName", "x_ResourceGroupName", "tag:env"]);
    let [services, groups, tags] = &explained.drivers[..] else {
        panic!("three aspects")
    };
    assert_eq!(
        named(services),
        [
            ("Virtual Machines", "600", Cause::Rose),
            ("Bandwidth", "80", Cause::New)
        ]
    );
    // A rise of the third service and of nothing else; the rest was expected of the whole.
    let expected = services
        .expected
        .map_or(Decimal::ZERO, |money| money.amount);
    assert_eq!(services.other.amount + expected, decimal("1.1"));
    assert_eq!(
        named(groups),
        [("g", "600", Cause::Rose), ("other", "80", Cause::Rose)]
    );
    assert_eq!(
        named(tags),
        [("", "600", Cause::Rose), ("prod", "80", Cause::Rose)]
    );
    for drivers in &explained.drivers {
        let named: Decimal = drivers.items.iter().map(|item| item.change.amount).sum();
        assert_eq!(
            named + drivers.other.amount + drivers.expected.map_or(Decimal::ZERO, |one| one.amount),
            decimal("681.1"),
            "{}",
            drivers.by
        );
    }
    let machines = &services.items[0];
    assert_eq!((machines.before, machines.now), (eur("40"), eur("640")));
}

#[test]
fn a_long_event_is_compared_with_the_weeks_before_it() {
    let costs = Costs::new()
        .every_day(date(2026, 9, 1), day(3), "Storage", "10")
        .every_day(day(3), day(18), "Storage", "110");
    let facts = costs.written(at(TODAY));
    let budget = budget(&["anomaly 500"]);
    let budgets = Budgets::new(vec![budget.clone()]).unwrap();
    let long = Anomaly {
        impact: eur("1500"),
        ..event(3, 17, "1650", true)
    };
    let explained = long
        .explained(&facts, &budget, &budgets.selectors(&budget), None)
        .unwrap();
    assert_eq!(
        named(&explained.drivers[0]),
        [("Storage", "1500", Cause::Rose)]
    );
}

#[test]
fn a_fall_names_what_fell() {
    let costs = Costs::new()
        .every_day(date(2026, 9, 1), TODAY, "Storage", "10")
        .every_day(date(2026, 9, 1), day(16), "Backup", "50")
        .every_day(day(16), TODAY, "Monitor", "3");
    let facts = costs.written(at(TODAY));
    let budget = budget(&["anomaly drop 50"]);
    let budgets = Budgets::new(vec![budget.clone()]).unwrap();
    let fall = Anomaly {
        expected: eur("120"),
        cost: eur("26"),
        impact: eur("-94"),
        ..event(16, 17, "26", true)
    };
    let explained = fall
        .explained(&facts, &budget, &budgets.selectors(&budget), None)
        .unwrap();
    let services = &explained.drivers[0];
    assert_eq!(named(services), [("Backup", "-100", Cause::Stopped)]);
    assert_eq!(services.other, eur("6"));
}

#[test]
fn what_was_decided_about_an_event_comes_out_again() {
    let (budget, facts) = rise();
    let budgets = Budgets::new(vec![budget.clone()]).unwrap();
    let explained = risen()
        .explained(&facts, &budget, &budgets.selectors(&budget), None)
        .unwrap();
    let first = step(
        &budget,
        &status(&budget, TODAY, std::slice::from_ref(&explained)),
        &empty(),
    );
    let over = Anomaly {
        is_open: false,
        ..explained
    };
    let over = step(&budget, &status(&budget, day(22), &[over]), &first.ledger);
    let gone = step(&budget, &status(&budget, day(22), &[]), &first.ledger);
    for transition in [
        &first.ledger.transitions[0],
        &over.ledger.transitions[1],
        &gone.ledger.transitions[1],
    ] {
        let text = serde_json::to_string(transition).unwrap();
        let read: Transition = serde_json::from_str(&text).unwrap();
        assert_eq!(&read, transition);
        let checked = recheck(&read);
        assert_eq!(checked.verdict(), Verdict::Same, "{checked:#?}");
    }
    let mut forged = first.ledger.transitions[0].clone();
    forged.anomaly.as_mut().unwrap().cost = eur("9999");
    let different = recheck(&forged).checks.into_iter();
    let different: Vec<String> = different
        .filter(|one| one.verdict == Verdict::Different)
        .map(|one| one.what)
        .collect();
    assert_eq!(different, ["impact of the unusual days"]);
}
