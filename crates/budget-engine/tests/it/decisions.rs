//! What is told, what is covered, what stays quiet, and why.

use budget_engine::*;
use jiff::civil::{Date, date};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::support::*;

const TODAY: Date = date(2026, 11, 12);

/// Facts with this much spent in November, in data that end the day before today.
fn spent(amount: &str) -> CostFacts {
    Costs::new()
        .row(date(2026, 11, 1), "Storage", amount)
        .every_day(date(2026, 11, 2), date(2026, 11, 12), "Storage", "0")
        .written(at(TODAY))
}

fn step(
    budget: &Budget,
    facts: &CostFacts,
    forecast: Option<&Forecast>,
    ledger: &Ledger,
) -> Evaluation {
    let status = status_of(budget, facts, forecast, TODAY);
    decide(budget, &status, forecast, ledger, at(TODAY))
}

fn empty() -> Ledger {
    Ledger::new("payments", "monthly-2026-11-01")
}

fn outcomes(evaluation: &Evaluation) -> Vec<(&str, Outcome)> {
    let pairs = evaluation.decisions.iter();
    pairs
        .map(|decision| (&*decision.threshold, decision.outcome.clone()))
        .collect()
}

/// A forecast that reaches these totals at 10, 50 and 90 percent.
fn forecast(low: i64, middle: i64, high: i64) -> Forecast {
    Forecast {
        mean: Decimal::from(middle),
        quantiles: vec![
            (Decimal::from(10), Decimal::from(low)),
            (Decimal::from(50), Decimal::from(middle)),
            (Decimal::from(90), Decimal::from(high)),
        ],
        breach: None,
        path: Vec::new(),
        few_days: None,
    }
}

#[test]
fn a_threshold_fires_at_its_level_and_not_below() {
    let budget = budget(&["actual 80%"]);
    for (amount, fires) in [("799.999999", false), ("800", true), ("800.01", true)] {
        let evaluation = step(&budget, &spent(amount), None, &empty());
        assert_eq!(
            evaluation.ledger.transitions.len(),
            usize::from(fires),
            "{amount}"
        );
    }
}

#[test]
fn a_repeated_evaluation_is_quiet_and_says_since_when() {
    let budget = budget(&["actual 80%"]);
    let first = step(&budget, &spent("800"), None, &empty());
    let second = step(&budget, &spent("900"), None, &first.ledger);
    assert_eq!(second.ledger.transitions.len(), 1);
    assert_eq!(second.decisions[0].outcome, Outcome::Quiet);
    assert!(
        matches!(second.decisions[0].reason, Reason::AlreadyTold { since } if since == at(TODAY))
    );
}

#[test]
fn of_several_crossed_in_one_step_the_highest_tells_of_all() {
    let budget = budget(&["actual 50%", "actual 80%", "actual 100%", "pace 120%"]);
    let evaluation = step(&budget, &spent("850"), None, &empty());
    let by = Outcome::Cover {
        by: "actual-80pct".into(),
    };
    assert_eq!(
        outcomes(&evaluation),
        [
            ("actual-50pct", by.clone()),
            ("actual-80pct", Outcome::Fire),
            ("actual-100pct", Outcome::Quiet),
            ("pace-120pct", by),
        ]
    );
    let [transition] = &evaluation.ledger.transitions[..] else {
        panic!("one notice")
    };
    assert_eq!(transition.also, ["actual 50%", "pace 120%"]);
    assert_eq!(
        transition.notify,
        ["to-actual", "to-pace"],
        "nobody who would be told is left out"
    );
    let later = step(&budget, &spent("1000"), None, &evaluation.ledger);
    assert_eq!(outcomes(&later)[2], ("actual-100pct", Outcome::Fire));
    assert_eq!(later.ledger.transitions.len(), 2);
}

#[test]
fn a_lower_threshold_is_heard_when_the_higher_one_that_spoke_for_it_is_taken_back() {
    let budget = budget(&["actual 80%", "actual 100%", "actual 120%"]);
    let first = step(&budget, &spent("1224"), None, &empty());
    assert_eq!(first.ledger.transitions.len(), 1);
    let restated = step(&budget, &spent("1054"), None, &first.ledger);
    let told: Vec<_> = restated.ledger.transitions[1..]
        .iter()
        .map(|one| (one.change, &*one.threshold, &one.also[..]))
        .collect();
    assert_eq!(
        told,
        [
            (Change::Withdrawn, "actual-120pct", &[][..]),
            (Change::Fired, "actual-100pct", &["actual 80%".to_owned()]),
        ]
    );
    assert!(restated.ledger.transitions[1].at < restated.ledger.transitions[2].at);
    let state = |key: &str| restated.ledger.alerts[key].state.clone();
    assert_eq!(state("actual-100pct"), AlertState::Firing);
    let by = "actual-100pct".to_owned();
    assert_eq!(state("actual-80pct"), AlertState::Covered { by });
    let again = step(&budget, &spent("1060"), None, &restated.ledger);
    assert_eq!(again.ledger.transitions, restated.ledger.transitions);
}

#[test]
fn that_the_plan_is_spent_outweighs_a_forecast() {
    let budget = budget(&["actual 100%", "forecast 120%"]);
    let evaluation = step(
        &budget,
        &spent("1019"),
        Some(&forecast(1250, 1300, 1400)),
        &empty(),
    );
    assert_eq!(evaluation.ledger.transitions[0].when, "actual 100%");
    assert_eq!(evaluation.ledger.transitions[0].also, ["forecast 120%"]);
}

#[test]
fn a_repeating_threshold_fires_once_a_step() {
    let budget = budget(&["actual every 200"]);
    let first = step(&budget, &spent("650"), None, &empty());
    assert_eq!(outcomes(&first), [("actual-every-200#3", Outcome::Fire)]);
    let second = step(&budget, &spent("799"), None, &first.ledger);
    assert_eq!(outcomes(&second), [("actual-every-200#3", Outcome::Quiet)]);
    let third = step(&budget, &spent("801"), None, &second.ledger);
    assert_eq!(outcomes(&third), [("actual-every-200#4", Outcome::Fire)]);
    let reason = &third.ledger.transitions[1].reason;
    assert_eq!(
        *reason,
        Reason::Reached {
            spent: eur("801"),
            level: eur("800")
        }
    );
}

#[test]
fn absolute_amounts_do_not_depend_on_the_plan() {
    let mut budget = budget(&["actual 300"]);
    budget.planned = Planned::Flat(Decimal::from(1_000_000));
    assert_eq!(
        step(&budget, &spent("300"), None, &empty())
            .ledger
            .transitions
            .len(),
        1
    );
}

#[test]
fn a_forecast_fires_when_it_is_sure_enough() {
    let budget = budget(&["forecast 100%"]); // needs 80 % certainty
    // The 20 % quantile decides: a quarter of the way from the 10 % to the 50 % quantile.
    for (low, middle, high, fires) in [(990, 1030, 1100, true), (989, 1030, 1100, false)] {
        let forecast = forecast(low, middle, high);
        let evaluation = step(&budget, &spent("500"), Some(&forecast), &empty());
        assert_eq!(
            evaluation.ledger.transitions.len(),
            usize::from(fires),
            "{low}"
        );
    }
}

#[test]
fn a_forecast_of_what_is_already_spent_is_quiet() {
    let budget = budget(&["forecast 100%"]);
    let forecast = forecast(1100, 1200, 1300);
    let evaluation = step(&budget, &spent("1000"), Some(&forecast), &empty());
    assert!(matches!(
        evaluation.decisions[0].reason,
        Reason::AlreadySpent { .. }
    ));
}

#[test]
fn without_a_forecast_the_reason_is_kept() {
    let evaluation = step(&budget(&["forecast 100%"]), &spent("500"), None, &empty());
    let why = "too little history".to_owned();
    assert_eq!(evaluation.decisions[0].reason, Reason::NoForecast { why });
}

#[test]
fn restated_data_withdraw_a_crossing_and_a_new_one_fires_again() {
    let budget = budget(&["actual 80%"]);
    let fired = step(&budget, &spent("800"), None, &empty());
    let withdrawn = step(&budget, &spent("790"), None, &fired.ledger);
    let correction = &withdrawn.ledger.transitions[1];
    assert_eq!(
        (correction.change, correction.sequence),
        (Change::Withdrawn, 2)
    );
    assert_eq!(
        correction.reason,
        Reason::Restated {
            spent: eur("790"),
            level: eur("800")
        }
    );
    assert_eq!(correction.alert, withdrawn.ledger.transitions[0].alert);
    let again = step(&budget, &spent("790"), None, &withdrawn.ledger);
    assert_eq!(
        again.ledger.transitions.len(),
        2,
        "a correction is told once"
    );
    let fired_again = step(&budget, &spent("805"), None, &again.ledger);
    assert_eq!(fired_again.ledger.transitions[2].sequence, 3);
}

#[test]
fn a_raised_plan_withdraws_with_its_own_reason() {
    let mut budget = budget(&["actual 80%"]);
    let fired = step(&budget, &spent("800"), None, &empty());
    budget.planned = Planned::Flat(Decimal::from(2000));
    let withdrawn = step(&budget, &spent("800"), None, &fired.ledger);
    assert_eq!(
        withdrawn.ledger.transitions[1].reason,
        Reason::PlanChanged {
            before: eur("1000"),
            now: eur("2000"),
            level: eur("1600")
        }
    );
}

#[test]
fn withdrawn_steps_are_those_above_what_still_stands() {
    let budget = budget(&["actual every 200"]);
    let fired = step(&budget, &spent("450"), None, &empty());
    let fired = step(&budget, &spent("650"), None, &fired.ledger);
    let after = step(&budget, &spent("410"), None, &fired.ledger);
    let states: Vec<_> = after
        .ledger
        .alerts
        .iter()
        .map(|(key, alert)| (&**key, alert.state.clone()))
        .collect();
    assert_eq!(
        states,
        [
            ("actual-every-200#2", AlertState::Firing),
            ("actual-every-200#3", AlertState::Withdrawn)
        ]
    );
    assert!(matches!(
        &after.ledger.transitions[2].reason,
        Reason::Restated { level, .. } if *level == eur("600")
    ));
}

#[test]
fn stale_data_withdraw_nothing_and_hold_the_forecast_but_tell_a_known_crossing() {
    let stale = |amount: &str| {
        Costs::new()
            .row(date(2026, 11, 1), "Storage", amount)
            .every_day(date(2026, 11, 2), date(2026, 11, 6), "Storage", "0")
            .written(at(TODAY))
    };
    let budget = budget(&["actual 80%", "forecast 100%", "stale 3 days"]);
    let forecast = forecast(1100, 1200, 1300);
    let first = step(&budget, &stale("800"), Some(&forecast), &empty());
    let last_day = date(2026, 11, 5);
    assert_eq!(
        outcomes(&first),
        [
            ("actual-80pct", Outcome::Fire),
            ("forecast-100pct", Outcome::Quiet),
            ("stale-3-days", Outcome::Fire)
        ]
    );
    assert_eq!(first.decisions[1].reason, Reason::HeldStale { last_day });
    let second = step(&budget, &stale("700"), Some(&forecast), &first.ledger);
    assert_eq!(
        second.ledger.transitions.len(),
        2,
        "old data do not undo what was told"
    );
    let fresh = step(&budget, &spent("700"), Some(&forecast), &second.ledger);
    assert_eq!(
        fresh.ledger.alerts["actual-80pct"].state,
        AlertState::Withdrawn
    );
    assert_eq!(
        fresh.ledger.alerts["stale-3-days"].state,
        AlertState::Resolved
    );
}

#[test]
fn data_that_cover_less_than_before_take_nothing_back() {
    let budget = budget(&["actual 80%"]);
    let fired = step(&budget, &spent("800"), None, &empty());
    let later = |from: Date, to: Date| {
        let costs = Costs::new().row(from, "Storage", "5").every_day(
            plus_days(from, 1),
            plus_days(to, 1),
            "Storage",
            "0",
        );
        costs.written(at(TODAY))
    };
    // An export that begins in the middle of the month, and one that is half written.
    for (from, to) in [
        (date(2026, 11, 6), date(2026, 11, 11)),
        (date(2026, 11, 1), date(2026, 11, 9)),
    ] {
        let after = step(&budget, &later(from, to), None, &fired.ledger);
        assert_eq!(after.ledger.transitions.len(), 1, "{from} to {to}");
        assert_eq!(
            after.decisions[0].reason,
            Reason::CoversLess {
                first_day: from,
                last_day: to,
                gaps: Vec::new(),
            }
        );
    }
    let whole = step(
        &budget,
        &later(date(2026, 11, 1), date(2026, 11, 11)),
        None,
        &fired.ledger,
    );
    assert_eq!(whole.ledger.transitions[1].change, Change::Withdrawn);
}

#[test]
fn days_that_are_lost_in_the_middle_take_nothing_back() {
    let budget = budget(&["actual 80%"]);
    let earlier = date(2026, 10, 1);
    let rows = |days: &[(i8, &str)]| {
        let mut costs = Costs::new().row(earlier, "Storage", "20");
        for (day, cost) in days {
            costs = costs.row(date(2026, 11, *day), "Storage", cost);
        }
        costs.written(at(TODAY))
    };
    // On the fourth nothing was used; that is nothing new later on.
    let before = rows(&[(1, "500"), (2, "200"), (3, "200"), (5, "1"), (11, "1")]);
    let fired = step(&budget, &before, None, &empty());
    assert_eq!(fired.ledger.transitions.len(), 1);
    let lost = rows(&[(1, "500"), (5, "1"), (11, "1")]);
    let after = step(&budget, &lost, None, &fired.ledger);
    assert_eq!(after.ledger.transitions.len(), 1);
    assert_eq!(
        after.decisions[0].reason,
        Reason::CoversLess {
            first_day: earlier,
            last_day: date(2026, 11, 11),
            gaps: vec![date(2026, 11, 2), date(2026, 11, 3)],
        }
    );
    // They stay lost however often it is looked.
    let again = step(&budget, &lost, None, &after.ledger);
    assert_eq!(again.ledger.transitions.len(), 1);
    let whole = rows(&[(1, "500"), (2, "20"), (3, "20"), (5, "1"), (11, "1")]);
    let whole = step(&budget, &whole, None, &again.ledger);
    assert_eq!(whole.ledger.transitions[1].change, Change::Withdrawn);
}

#[test]
fn a_condition_that_was_rewritten_under_its_id_is_another_question() {
    let mut budget = budget(&["actual 80%"]);
    let fired = step(&budget, &spent("850"), None, &empty());
    for (when, tells) in [
        ("actual 90%", 0),
        ("actual 70%", 1),
        ("forecast 120%", 0),
        ("actual every 400", 1),
    ] {
        budget.thresholds[0].when = when.parse().unwrap();
        let after = step(&budget, &spent("850"), None, &fired.ledger);
        // The old question is closed where its state is shown, and the new one may fire.
        assert_eq!(after.ledger.transitions[1].change, Change::Closed, "{when}");
        let new = &after.ledger.transitions[2..];
        assert_eq!(new.len(), tells, "{when}");
        assert!(new.iter().all(|one| one.change == Change::Fired), "{when}");
    }
}

#[test]
fn a_forecast_told_under_another_plan_may_be_told_again() {
    let mut budget = budget(&["forecast 100%"]);
    let told = step(
        &budget,
        &spent("500"),
        Some(&forecast(1100, 1200, 1300)),
        &empty(),
    );
    assert_eq!(told.ledger.transitions.len(), 1);
    let cooled = step(
        &budget,
        &spent("500"),
        Some(&forecast(800, 900, 950)),
        &told.ledger,
    );
    assert_eq!(
        cooled.ledger.alerts["forecast-100pct"].state,
        AlertState::Firing,
        "no flapping"
    );
    budget.planned = Planned::Flat(Decimal::from(5000));
    let raised = step(
        &budget,
        &spent("500"),
        Some(&forecast(1100, 1200, 1300)),
        &told.ledger,
    );
    let over = &raised.ledger.transitions[1];
    assert_eq!(over.change, Change::Resolved);
    assert!(matches!(over.reason, Reason::PlanChanged { .. }));
    let again = step(
        &budget,
        &spent("500"),
        Some(&forecast(5100, 5200, 5300)),
        &raised.ledger,
    );
    assert_eq!(again.ledger.transitions.len(), 3);
    assert_eq!(again.ledger.transitions[2].sequence, 3);
}

#[test]
fn several_notices_undone_in_one_step_give_one_correction_for_the_highest() {
    let budget = budget(&["actual 50%", "actual 80%"]);
    let mut ledger = empty();
    for amount in ["500", "800"] {
        ledger = step(&budget, &spent(amount), None, &ledger).ledger;
    }
    let after = step(&budget, &spent("100"), None, &ledger);
    let [_, _, correction] = &after.ledger.transitions[..] else {
        panic!("one correction")
    };
    assert_eq!(
        (correction.threshold.as_str(), correction.also.as_slice()),
        ("actual-80pct", &["actual 50%".to_owned()][..])
    );
    assert_eq!(correction.follows.len(), 2);
    assert!(
        after
            .ledger
            .alerts
            .values()
            .all(|alert| alert.state == AlertState::Withdrawn)
    );
}

#[test]
fn transitions_of_a_ledger_have_increasing_times() {
    let budget = budget(&["actual 80%"]);
    let fired = step(&budget, &spent("800"), None, &empty());
    let withdrawn = step(&budget, &spent("100"), None, &fired.ledger);
    let times: Vec<_> = withdrawn
        .ledger
        .transitions
        .iter()
        .map(|one| one.at)
        .collect();
    assert!(times[0] < times[1]);
}

#[test]
fn older_data_change_nothing() {
    let budget = budget(&["actual 80%"]);
    let newer = step(&budget, &spent("700"), None, &empty());
    let older = Costs::new()
        .row(date(2026, 11, 10), "Storage", "900")
        .written(at(date(2026, 11, 11)));
    let evaluation = step(&budget, &older, None, &newer.ledger);
    assert_eq!(evaluation.ledger, newer.ledger);
    assert!(matches!(
        evaluation.decisions[0].reason,
        Reason::OlderData { .. }
    ));
}

#[test]
fn a_ledger_survives_its_own_json() {
    let budget = budget(&["actual 80%", "actual every 200", "stale 1 days"]);
    let forecast = forecast(900, 1000, 1100);
    let fired = step(&budget, &spent("800"), Some(&forecast), &empty()).ledger;
    let json = serde_json::to_string(&fired).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&json).unwrap(), fired);
}

proptest! {
    #[test]
    fn more_spend_never_turns_a_notice_into_silence(less in 0_i64..200_000, more in 0_i64..200_000) {
        let budget = budget(&["actual 50%", "actual 80%", "actual 100%", "actual every 300"]);
        let notices = |cents: i64| {
            let facts = spent(&Decimal::new(cents, 2).to_string());
            step(&budget, &facts, None, &empty()).ledger.transitions.len()
        };
        let (less, more) = (less.min(more), less.max(more));
        prop_assert!(notices(less) <= notices(more));
    }

    #[test]
    fn any_history_of_restatements_tells_each_crossing_once_and_ends_right(
        amounts in prop::collection::vec(0_i64..1_500, 1..20),
    ) {
        let budget = budget(&["actual 50%", "actual 100%"]);
        let mut ledger = empty();
        for amount in &amounts {
            ledger = step(&budget, &spent(&amount.to_string()), None, &ledger).ledger;
        }
        for (key, level) in [("actual-50pct", 500), ("actual-100pct", 1000)] {
            let alert = ledger.alerts.get(key);
            let standing = alert.is_some_and(|alert| alert.state != AlertState::Withdrawn);
            prop_assert_eq!(standing, *amounts.last().unwrap() >= level);
            // Firing and withdrawing take turns.
            let changes: Vec<_> = ledger.transitions.iter().filter(|one| one.threshold == key).collect();
            for (index, transition) in changes.iter().enumerate() {
                prop_assert_eq!(transition.sequence as usize, index + 1);
            }
        }
    }
}

/// November at EUR 700 so far, expected to end at EUR 1,200, after forecasts that turned out like this.
fn after(
    budget: &Budget,
    middle: i64,
    score: Option<ForecastScore>,
    ledger: &Ledger,
) -> Evaluation {
    let forecast = forecast(middle - 100, middle, middle + 100);
    let mut status = status_of(budget, &spent("700"), Some(&forecast), TODAY);
    status.forecast.as_mut().unwrap().score = score;
    decide(budget, &status, Some(&forecast), ledger, at(TODAY))
}

fn score(held: bool) -> Option<ForecastScore> {
    Some(ForecastScore {
        periods: 4,
        covered: 1,
        error: Percent(decimal("31")),
        bias: Percent(decimal("12")),
        held,
    })
}

#[test]
fn poor_forecasts_hold_thresholds_of_the_forecast_and_no_others() {
    let budget = budget(&["actual 50%", "forecast 100%", "pace 120%"]);
    let held = after(&budget, 1200, score(true), &empty());
    let outcomes: Vec<Outcome> = held
        .decisions
        .iter()
        .map(|one| one.outcome.clone())
        .collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Fire,
            Outcome::Quiet,
            Outcome::Cover {
                by: "actual-50pct".to_owned()
            }
        ]
    );
    assert_eq!(
        held.decisions[1].reason,
        Reason::HeldPoor {
            error: Percent(decimal("31")),
            covered: 1,
            periods: 4
        }
    );
    assert_eq!(held.ledger.transitions.len(), 1);
    // What is merely known of the past holds nothing.
    let told = after(&budget, 1200, score(false), &empty());
    assert_eq!(told.decisions[1].outcome, Outcome::Fire);
}

#[test]
fn forecasts_of_fewer_than_five_days_of_costs_are_not_told() {
    let budget = budget(&["actual 50%", "forecast 100%"]);
    let forecast = forecast(1100, 1200, 1300);
    let with_days = |settled: u32| {
        let forecast = Forecast {
            few_days: Some(FewDays {
                settled,
                weekdays_of: None,
            }),
            ..forecast.clone()
        };
        let status = status_of(&budget, &spent("700"), Some(&forecast), TODAY);
        decide(&budget, &status, Some(&forecast), &empty(), at(TODAY)).decisions
    };
    let four = with_days(4);
    assert_eq!(four[0].outcome, Outcome::Fire);
    let held = Reason::HeldFewDays {
        settled: 4,
        needed: 5,
    };
    assert_eq!(
        (&four[1].outcome, &four[1].reason),
        (&Outcome::Quiet, &held)
    );
    assert_eq!(with_days(5)[1].outcome, Outcome::Fire);
}

#[test]
fn what_was_told_of_a_forecast_stands_when_forecasts_turn_out_to_be_poor() {
    let budget = budget(&["forecast 100%"]);
    let told = after(&budget, 1200, None, &empty());
    assert_eq!(told.decisions[0].outcome, Outcome::Fire);
    let again = after(&budget, 1200, score(true), &told.ledger);
    assert!(matches!(
        again.decisions[0].reason,
        Reason::AlreadyTold { .. }
    ));
    let below = after(&budget, 800, score(true), &told.ledger);
    assert_eq!(below.decisions[0].outcome, Outcome::Quiet);
    assert!(
        matches!(below.decisions[0].reason, Reason::HeldPoor { .. }),
        "{:?}",
        below.decisions
    );
    assert_eq!(below.ledger.transitions.len(), 1);
    // Where forecasts are believed, it only waits for the days to settle on which it was told.
    let believed = after(&budget, 800, score(false), &told.ledger);
    assert!(matches!(
        believed.decisions[0].reason,
        Reason::HeldUnsettled { .. }
    ));
}
