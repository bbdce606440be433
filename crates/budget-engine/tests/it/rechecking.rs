//! A stored decision comes out again, and one that was changed afterwards does not.

use std::collections::BTreeMap;

use budget_engine::*;
use jiff::SignedDuration;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use crate::support::*;

fn day(day: i8) -> Date {
    date(2026, 11, day)
}

/// Ten days of November at so much a day, with October before them.
fn facts(a_day: &str) -> CostFacts {
    Costs::new()
        .every_day(date(2026, 9, 1), day(1), "Storage", "20")
        .every_day(day(1), day(11), "Storage", a_day)
        .every_day(day(1), day(11), "Compute", "1.5")
        .written(at(day(11)))
}

/// A forecast whose quantiles are known at five places.
fn forecast() -> Forecast {
    let at = |percent: &str, total: i64| (decimal(percent), Decimal::from(total));
    Forecast {
        mean: Decimal::from(1100),
        quantiles: vec![
            at("2.5", 900),
            at("10", 1000),
            at("50", 1100),
            at("90", 1300),
            at("97.5", 1500),
        ],
        breach: None,
        path: Vec::new(),
        few_days: None,
    }
}

/// The one transition that a threshold fires with.
fn fired(condition: &str, a_day: &str) -> Transition {
    let budget = budget(&[condition]);
    let forecast = forecast();
    let today = day(11);
    let status = status_of(&budget, &facts(a_day), Some(&forecast), today);
    let ledger = Ledger::new("payments", "monthly-2026-11-01");
    let mut next = decide(&budget, &status, Some(&forecast), &ledger, at(today)).ledger;
    assert_eq!(next.transitions.len(), 1, "{condition}");
    next.transitions.remove(0)
}

fn different(transition: &Transition) -> Vec<String> {
    let checks = recheck(transition).checks.into_iter();
    let different = checks.filter(|one| one.verdict == Verdict::Different);
    different.map(|one| one.what).collect()
}

#[test]
fn what_was_decided_comes_out_again() {
    for (condition, a_day) in [
        ("actual 80%", "85"),
        ("actual 800", "85"),
        ("actual every 250", "85"),
        ("actual every 25%", "85"),
        ("forecast 100%", "50"),
        ("forecast 95%", "50"),
        ("forecast 1000", "50"),
        ("forecast every 30%", "50"),
        ("pace 120%", "85"),
    ] {
        let transition = fired(condition, a_day);
        assert_eq!(different(&transition), [""; 0], "{condition}");
        assert_eq!(recheck(&transition).verdict(), Verdict::Same);
        // The store holds it as JSON.
        let text = serde_json::to_string(&transition).unwrap();
        let read: Transition = serde_json::from_str(&text).unwrap();
        assert_eq!(recheck(&read), recheck(&transition));
    }
}

#[test]
fn the_figures_are_shown_side_by_side() {
    // Ten days at 85 + 1.50 make 865; 80 percent of 1,000 are 800.
    let checks = recheck(&fired("actual 80%", "85")).checks;
    let find = |what: &str| {
        let check = checks.iter().find(|one| one.what == what).unwrap();
        (check.told.as_str(), check.again.as_str())
    };
    assert_eq!(find("percent of the planned amount"), ("86.5 %", "86.5 %"));
    assert_eq!(find("remaining"), ("EUR 135", "EUR 135"));
    // 135 over the twenty days that are left.
    assert_eq!(find("daily allowance"), ("EUR 6.75", "EUR 6.75"));
    assert_eq!(find("level"), ("EUR 800", "EUR 800"));
    assert_eq!(find("spent against the level"), ("reached", "reached"));
    // October's first ten days cost 200: Storage rose by 650, Compute is new with 15.
    assert_eq!(find("change of Storage"), ("EUR 650", "EUR 650"));
    assert_eq!(find("sum of what moved"), ("EUR 665", "EUR 665"));
}

#[test]
fn a_probability_lies_between_the_stored_quantiles() {
    // 950 lies between the totals of 2.5 and 10 percent.
    let checks = recheck(&fired("forecast 95%", "50")).checks;
    let check = checks.iter().find(|one| one.what == "probability").unwrap();
    assert_eq!(check.told, "93.75 %");
    assert_eq!(check.again, "90 to 97.5 %");
}

#[test]
fn figures_have_six_decimals_at_most_unless_they_hide_a_difference() {
    let shown = |told: &str| {
        let mut transition = fired("actual 80%", "85");
        transition.status.daily_allowance = Some(crate::support::eur(told));
        // Three days are left for the 135 that remain.
        transition.status.period = Period::new(day(1), day(14)).unwrap();
        let mut checks = recheck(&transition).checks.into_iter();
        let check = checks.find(|one| one.what == "daily allowance");
        let check = check.unwrap();
        (check.told, check.again, check.verdict)
    };
    // 135 over three days are 45; two cents less than that differ in the open.
    assert_eq!(
        shown("44.98"),
        (
            "EUR 44.98".to_owned(),
            "EUR 45".to_owned(),
            Verdict::Different
        )
    );
    let hidden = shown("45.000000000001");
    let expected = (
        "EUR 45.000000000001".into(),
        "EUR 45".into(),
        Verdict::Different,
    );
    assert_eq!(hidden, expected);
    assert_eq!(
        shown("45"),
        ("EUR 45".into(), "EUR 45".into(), Verdict::Same)
    );
    // What is the same is the same to the last digit, and shown shorter.
    let mut transition = fired("actual 80%", "85");
    transition.status.planned = crate::support::eur("865.00000001");
    transition.status.remaining = crate::support::eur("0.00000001");
    let checks = recheck(&transition).checks;
    let remaining = checks.iter().find(|one| one.what == "remaining").unwrap();
    assert_eq!((&*remaining.told, &*remaining.again), ("EUR 0", "EUR 0"));
}

#[test]
fn what_another_notice_told_of_is_judged_by_the_figures_of_that_notice() {
    // Ten days at 85 + 1.50 make 865 of 1,000.
    let teller = fired("actual 80%", "85");
    let covered = |when: &str| {
        let kind = when.parse::<When>().unwrap().kind();
        Alert {
            id: "4f2a".into(),
            threshold: "lower".into(),
            kind,
            when: when.into(),
            step: 0,
            state: AlertState::Covered {
                by: "actual-80pct".into(),
            },
            sequence: 0,
            since: teller.at,
            planned: teller.status.planned,
            data_to: None,
            anomaly: None,
            acknowledged: None,
        }
    };
    let required = Some(Decimal::from(80));
    for (when, what, verdict) in [
        ("actual 50%", "spent against EUR 500", Verdict::Same),
        ("actual 865", "spent against EUR 865", Verdict::Same),
        ("actual 90%", "spent against EUR 900", Verdict::Different),
        ("pace 120%", "pace against 120 %", Verdict::Same),
        ("pace 900%", "pace against 900 %", Verdict::Different),
        ("forecast 100%", "probability of EUR 1000", Verdict::Same),
        (
            "forecast 150%",
            "probability of EUR 1500",
            Verdict::Different,
        ),
    ] {
        let again = recheck_covered(&covered(when), required, &teller);
        assert_eq!(again.checks.len(), 1, "{when}");
        assert_eq!(again.checks[0].what, what);
        assert_eq!(again.verdict(), verdict, "{when}");
    }
    let unknown = recheck_covered(&covered("forecast 100%"), None, &teller);
    assert_eq!(unknown.checks, []);
}

type Tampering = fn(&mut Transition);

#[test]
fn a_figure_that_was_changed_is_found() {
    let eur = |amount: i64| Money::new(amount.into(), "EUR".parse().unwrap());
    assert_eq!(eur(800), crate::support::eur("800"));
    let cases: [(&str, Tampering, &[&str]); 10] = [
        (
            "actual 80%",
            |one| one.status.spent = crate::support::eur("864.99"),
            &[
                "percent of the planned amount",
                "remaining",
                "daily allowance",
                "spent",
            ],
        ),
        (
            "actual 80%",
            |one| one.status.planned = crate::support::eur("1200"),
            &[
                "percent of the planned amount",
                "remaining",
                "daily allowance",
                "level",
            ],
        ),
        (
            "actual 80%",
            |one| one.when = "actual 90%".into(),
            &["level"],
        ),
        (
            "actual 80%",
            |one| one.when = "forecast 80%".into(),
            &["condition"],
        ),
        (
            "actual 80%",
            |one| {
                one.reason = Reason::Reached {
                    spent: one.status.spent,
                    level: crate::support::eur("870"),
                }
            },
            &["level", "spent against the level"],
        ),
        (
            "actual every 250",
            |one| one.threshold = "actual-every-250#2".into(),
            &["step"],
        ),
        (
            "actual 80%",
            |one| one.status.drivers.as_mut().unwrap().items[0].change = crate::support::eur("1"),
            &["change of Storage", "sum of what moved"],
        ),
        (
            "forecast 100%",
            |one| one.status.forecast.as_mut().unwrap().probability = Decimal::from(70),
            &["probability of the planned amount", "probability"],
        ),
        (
            "pace 120%",
            |one| one.status.pace.as_mut().unwrap().percent = Percent(Decimal::from(150)),
            &["percent of the plan by then", "pace"],
        ),
        (
            "actual 80%",
            |one| one.status.data.last_day = date(2026, 11, 9),
            &["days with data", "day of the period", "daily allowance"],
        ),
    ];
    for (index, (condition, tamper, expected)) in cases.into_iter().enumerate() {
        let a_day = if condition.starts_with("forecast") {
            "50"
        } else {
            "85"
        };
        let mut transition = fired(condition, a_day);
        tamper(&mut transition);
        assert_eq!(different(&transition), expected, "case {index}");
        assert_eq!(recheck(&transition).verdict(), Verdict::Different);
    }
}

/// A ledger with everything that can follow a crossing.
#[test]
fn what_follows_a_crossing_comes_out_again_too() {
    let mut budget = budget(&["actual 80%", "stale 2 days"]);
    budget.thresholds[0].follow_up.remind_every_hours = Some(24);
    let spent = |amount: &str, written: Date| {
        Costs::new()
            .row(day(1), "Storage", amount)
            .every_day(day(2), written, "Storage", "0")
            .written(at(written))
    };
    let step = |ledger: &Ledger, facts: &CostFacts, today: Date| {
        let status = status_of(&budget, facts, None, today);
        decide(&budget, &status, None, ledger, at(today)).ledger
    };
    let empty = Ledger::new("payments", "monthly-2026-11-01");
    let fired = step(&empty, &spent("800", day(12)), day(12));
    let reminded = fired.attend(&budget, None, &BTreeMap::new(), at(day(13)));
    let stale = step(&reminded, &spent("800", day(12)), day(16));
    let arrived = step(&stale, &spent("800", day(17)), day(17));
    let withdrawn = step(&arrived, &spent("700", day(18)), day(18));
    let again = step(&withdrawn, &spent("900", day(19)), day(19));
    let known = Acknowledgement {
        at: at(day(19)) + SignedDuration::from_hours(1),
        by: "ada".into(),
        note: None,
    };
    let known = again.acknowledge("actual-80pct", None, known).unwrap();
    let closed = known.close(at(date(2026, 12, 6)));
    let changes: Vec<Change> = closed.transitions.iter().map(|one| one.change).collect();
    assert_eq!(
        changes,
        [
            Change::Fired,
            Change::Reminded,
            Change::Fired,
            Change::Resolved,
            Change::Withdrawn,
            Change::Fired,
            Change::Acknowledged,
            Change::Closed,
        ]
    );
    for transition in &closed.transitions {
        assert_eq!(different(transition), [""; 0], "{:?}", transition.reason);
    }
    let tampered: [(usize, Tampering, &str); 4] = [
        (
            1,
            |one| {
                let since = one.at;
                one.reason = Reason::Unanswered { since, hours: 24 };
            },
            "hours without an answer",
        ),
        (2, |one| one.when = "stale 5 days".into(), "allowed days"),
        (
            4,
            |one| {
                let level = crate::support::eur("650");
                one.reason = Reason::Restated {
                    spent: one.status.spent,
                    level,
                };
            },
            "spent against the level",
        ),
        (
            7,
            |one| one.reason = Reason::PeriodEnded { end: day(30) },
            "end of the period",
        ),
    ];
    for (index, tamper, what) in tampered {
        let mut transition = closed.transitions[index].clone();
        tamper(&mut transition);
        assert!(different(&transition).contains(&what.to_owned()), "{what}");
    }
}
