use std::collections::BTreeSet;

use budget_engine::{
    Calendar, CostBasis, FollowUp, ForecastScore, Known, Lag, Percent, Planned, Scope, Severity,
    Threshold, TimeGrain, dates,
};
use cost_forecast::Estimate;
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::forecasting::forecast_made;
use crate::outlook::Outlook;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn month(month: i8) -> Period {
    Period::new(date(2026, month, 1), date(2026, month + 1, 1)).unwrap()
}

/// Costs of the days from a first one on, as they are seen on a day: up to the day before.
fn seen(first: Date, costs: &[Decimal], today: Date) -> Observed {
    let days = dates(first, today).zip(costs.iter().copied());
    let known = Known {
        costs: days.collect(),
        covered_from: None,
        missing: BTreeSet::new(),
        last_day: plus_days(today, -1),
        as_of: today.to_zoned(TimeZone::UTC).unwrap().timestamp(),
        skipped_rows: 0,
    };
    Observed::new("EUR".parse().unwrap(), &known, Lag::default(), today)
}

/// Costs of 10 a day from August on.
fn steady(today: Date) -> Observed {
    seen(date(2026, 8, 1), &[Decimal::TEN; 400], today)
}

/// A forecast of a model that expects this much, with a range of 50 to either side.
fn made(total: i64) -> Made {
    let range = |to: i64| (Decimal::from(total - to), Decimal::from(total + to));
    Made {
        totals: BTreeMap::from([
            (COMBINED.to_owned(), Decimal::from(total)),
            (Estimate::Mean56.name().to_owned(), Decimal::from(2 * total)),
        ]),
        range80: range(50),
        range95: range(100),
        plain80: Some(range(10)),
    }
}

fn board() -> Board {
    Board::new("what it counts".to_owned())
}

/// September of a board, with these forecasts, by day.
fn september(forecasts: &[(i8, i64)]) -> Board {
    let mut board = board();
    for (day, total) in forecasts {
        let today = date(2026, 9, *day);
        board.keep(&month(9), &steady(today), today, made(*total));
    }
    board
}

#[test]
fn errors_are_shares_of_the_total_by_how_much_of_the_period_was_over() {
    // Of 30 days: none over, 9, 10, 19, 20. September costs 300.
    let mut board = september(&[(1, 330), (10, 270), (11, 285), (20, 360), (21, 300)]);
    board.settle(&steady(date(2026, 10, 6)), date(2026, 10, 6));
    let models = board.models();
    let names: Vec<&str> = models.iter().map(|one| &*one.model).collect();
    assert_eq!(names, ["combined", "mean-56"]);
    let percent = |text: &str| Percent(decimal(text));
    let figures = |forecasts, error, bias, covered80: &str, covered95: &str| Figures {
        periods: 1,
        forecasts,
        error: percent(error),
        bias: percent(bias),
        covered80: Some(percent(covered80)),
        covered95: Some(percent(covered95)),
    };
    // Off by +10 and -10 %, by -5 and +20 %, and not at all. Within 50 all but 360, within 100 all.
    assert_eq!(
        models[0].stages[&Stage::First],
        figures(2, "10", "0", "100", "100")
    );
    assert_eq!(
        models[0].stages[&Stage::Middle],
        figures(2, "12.5", "7.5", "50", "100")
    );
    assert_eq!(
        models[0].stages[&Stage::Last],
        figures(1, "0", "0", "100", "100")
    );
    // (10 + 10 + 5 + 20 + 0) / 5, and (10 - 10 - 5 + 20 + 0) / 5.
    assert_eq!(models[0].all, figures(5, "9", "3", "80", "100"));
    // Twice as much: off by 120, 80, 90, 140 and 100 %, of which no more than 100 count.
    assert_eq!(models[1].all.error, percent("94"));
    assert_eq!(models[1].all.covered80, None);
}

#[test]
fn the_first_forecast_of_a_day_counts_and_repeating_changes_nothing() {
    let mut board = september(&[(1, 330)]);
    let before = board.clone();
    let today = date(2026, 9, 1);
    board.keep(&month(9), &steady(today), today, made(900));
    assert_eq!(board, before);
    // Nothing is kept of a day outside of the period, nor on stale data.
    let later = date(2026, 10, 1);
    board.keep(&month(9), &steady(later), later, made(900));
    let on_old_data = steady(date(2026, 9, 2));
    let stale = Observed {
        data: budget_engine::DataState {
            stale: true,
            ..on_old_data.data
        },
        ..on_old_data
    };
    board.keep(&month(9), &stale, date(2026, 9, 2), made(900));
    assert_eq!(board, before);
}

#[test]
fn a_period_is_compared_once_it_has_settled_and_anew_until_it_is_closed() {
    let mut board = september(&[(1, 330)]);
    let first_error = |board: &Board| board.models().first().map(|one| one.all.error.0);
    // Days settle after two: on the first of October the last one is not settled.
    board.settle(&steady(date(2026, 10, 1)), date(2026, 10, 1));
    assert_eq!(first_error(&board), None);
    board.settle(&steady(date(2026, 10, 2)), date(2026, 10, 2));
    assert_eq!(first_error(&board), Some(Decimal::TEN));
    let once = board.clone();
    board.settle(&steady(date(2026, 10, 2)), date(2026, 10, 2));
    assert_eq!(board, once);
    // Restated to 11 a day: 330.
    let restated = |today| seen(date(2026, 8, 1), &[Decimal::from(11); 400], today);
    let fifth = date(2026, 10, 5);
    board.settle(&restated(fifth), fifth);
    assert_eq!(first_error(&board), Some(Decimal::ZERO));
    // The sixth is the last time: what comes later is not looked at.
    let sixth = date(2026, 10, 6);
    board.settle(&restated(sixth), sixth);
    let last = board.clone();
    let seventh = date(2026, 10, 7);
    board.settle(&steady(seventh), seventh);
    assert_eq!(board, last);
    assert_eq!(first_error(&board), Some(Decimal::ZERO));
}

#[test]
fn an_evaluation_that_was_missed_is_made_up_for() {
    let mut board = september(&[(1, 330)]);
    let late = date(2026, 11, 12);
    board.settle(&steady(late), late);
    assert_eq!(board.models()[0].all.error, Percent(Decimal::TEN));
}

#[test]
fn what_the_data_do_not_cover_any_more_is_not_compared() {
    let mut board = september(&[(1, 330)]);
    let today = date(2026, 10, 6);
    let cut = seen(date(2026, 9, 10), &[Decimal::TEN; 100], today);
    board.settle(&cut, today);
    assert!(board.models().is_empty());
    assert_eq!(board.waiting(), Some(month(9)));
    let given_up = date(2026, 11, 30);
    let cut = seen(date(2026, 9, 10), &[Decimal::TEN; 100], given_up);
    board.settle(&cut, given_up);
    assert_eq!(board, super::tests::board());
}

#[test]
fn costs_that_began_within_the_period_are_compared() {
    let first = date(2026, 9, 5);
    let mut board = board();
    let (kept, today) = (date(2026, 9, 20), date(2026, 10, 6));
    let costs = [Decimal::TEN; 100];
    board.keep(&month(9), &seen(first, &costs, kept), kept, made(260));
    board.settle(&seen(first, &costs, today), today);
    assert_eq!(board.models()[0].all.error, Percent(Decimal::ZERO));
}

#[test]
fn a_period_that_cost_nothing_has_no_shares() {
    let free = |today| seen(date(2026, 8, 1), &[Decimal::ZERO; 400], today);
    let mut board = board();
    board.keep(
        &month(9),
        &free(date(2026, 9, 1)),
        date(2026, 9, 1),
        made(100),
    );
    board.settle(&free(date(2026, 10, 6)), date(2026, 10, 6));
    assert!(board.models().is_empty());
}

#[test]
fn credits_have_errors_of_their_size() {
    let credit = |today| seen(date(2026, 8, 1), &[-Decimal::TEN; 400], today);
    let mut board = board();
    board.keep(
        &month(9),
        &credit(date(2026, 9, 1)),
        date(2026, 9, 1),
        made(-270),
    );
    board.settle(&credit(date(2026, 10, 6)), date(2026, 10, 6));
    // -270 where -300 came: 30 too high.
    let all = board.models()[0].all;
    assert_eq!((all.error.0, all.bias.0), (Decimal::TEN, Decimal::TEN));
}

#[test]
fn days_that_a_budget_no_longer_counts_void_what_was_expected() {
    let mut board = september(&[(1, 330)]);
    let shorter = Period::new(date(2026, 9, 1), date(2026, 9, 16)).unwrap();
    let today = date(2026, 9, 2);
    board.keep(&shorter, &steady(today), today, made(150));
    board.settle(&steady(date(2026, 10, 6)), date(2026, 10, 6));
    let all = board.models()[0].all;
    assert_eq!((all.forecasts, all.error.0), (1, Decimal::ZERO));
}

#[test]
fn a_year_keeps_no_more_forecasts_than_a_month() {
    let year = Period::new(date(2026, 1, 1), date(2027, 1, 1)).unwrap();
    let mut board = board();
    for today in year.iter() {
        board.keep(&year, &steady(plus_days(today, 300)), today, made(100));
    }
    // One in twelve days: 31 of 365, the first of each twelve.
    let days: Vec<Date> = board.periods[0].made.keys().copied().collect();
    assert_eq!(days.len(), 31);
    assert_eq!(days[..2], [date(2026, 1, 1), date(2026, 1, 13)]);
}

/// A board of months from January 2024 on: for each the forecast of its first day in percent of what
/// came, which is 1,000.
fn months(percents: &[i64]) -> Board {
    let mut board = board();
    let calendar = Calendar::plain(TimeGrain::Monthly);
    let mut period = calendar.period_of(date(2024, 1, 1)).unwrap();
    for percent in percents {
        let made = BTreeMap::from([(period.start(), made(10 * percent))]);
        board.periods.push(Entry {
            period,
            data_from: period.start(),
            score: PeriodScore::of(&period, &made, Decimal::from(1000)),
            made: BTreeMap::new(),
        });
        period = calendar.next(&period).unwrap();
    }
    board
}

#[test]
fn the_median_of_the_newest_twelve_periods_tells_how_good_forecasts_are() {
    let percent = |text: &str| Percent(decimal(text));
    let board = months(&[300, 104, 90, 101, 112]);
    // Errors of 100, 4, 10, 1 and 12 %; within 50 are 1040 and 1010.
    assert_eq!(
        board.told(Stage::First, true),
        Some(ForecastScore {
            periods: 5,
            covered: 2,
            error: percent("10"),
            bias: percent("21.4"),
            held: false,
        })
    );
    assert_eq!(board.told(Stage::Last, true), None);
    // Of thirteen the oldest does not count, and of an even number the mean of the two in the middle does.
    let mut percents = vec![300; 1];
    percents.extend([104; 6]);
    percents.extend([110; 6]);
    let told = months(&percents).told(Stage::First, true).unwrap();
    assert_eq!(
        (told.periods, told.error, told.bias),
        (12, percent("7"), percent("7"))
    );
}

#[test]
fn poor_forecasts_are_held_unless_the_configuration_says_otherwise() {
    let poor = months(&[130, 70, 140]);
    assert!(poor.told(Stage::First, true).unwrap().held);
    assert!(!poor.told(Stage::First, false).unwrap().held);
    assert!(!months(&[130, 140]).told(Stage::First, true).unwrap().held);
    // Forecasts that were too low are believed when they reach a level.
    assert!(!months(&[70, 60, 65]).told(Stage::First, true).unwrap().held);
}

#[test]
fn the_next_forecast_is_told_what_the_range_would_have_held_without_scores() {
    // Without scores the range is 10 to either side: it holds 1010 and 1000 of 1000, not 1040.
    let scored = months(&[104, 101, 100]).scored().unwrap();
    assert_eq!(scored.periods, 3);
    assert!((scored.covered - 2.0 / 3.0).abs() < 1e-12);
    // The estimate expects twice as much: at least 100 % off.
    assert_eq!(scored.errors, [(Estimate::Mean56, 1.0)]);
    assert_eq!(board().scored(), None);
}

#[test]
fn a_board_holds_two_years_of_months() {
    let mut board = months(&[100; 30]);
    let today = date(2026, 8, 20);
    board.settle(&steady(today), today);
    assert_eq!(board.models()[0].all.periods, 24);
    assert_eq!(board.periods[0].period.start(), date(2024, 7, 1));
}

fn budget(scopes: &[&str]) -> Budget {
    let when = "forecast 100%".parse().unwrap();
    Budget {
        id: "payments".into(),
        name: "Payments".into(),
        scopes: scopes
            .iter()
            .map(|one| Scope::parse(one).unwrap())
            .collect(),
        filter: None,
        exclude: BTreeSet::new(),
        cost_basis: CostBasis::Actual,
        currency: "EUR".parse().unwrap(),
        calendar: Calendar::plain(TimeGrain::Monthly),
        starts: None,
        ends: None,
        planned: Planned::Flat(Decimal::from(1000)),
        parent: None,
        thresholds: vec![Threshold {
            id: "a".into(),
            when,
            probability: Decimal::from(80),
            severity: Severity::Warning,
            notify: vec![],
            follow_up: FollowUp::default(),
        }],
        owners: vec![],
        margin: Decimal::ZERO,
    }
}

#[test]
fn only_what_a_budget_counts_is_its_definition() {
    let of = |budget: &Budget| {
        let selector = Selector {
            scopes: &budget.scopes,
            filter: budget.filter.as_ref(),
            exclude: &budget.exclude,
        };
        definition(budget, &[selector])
    };
    let (a, b) = ("/subscriptions/a", "/subscriptions/b");
    let plain = budget(&[a, b]);
    let same = Budget {
        planned: Planned::Flat(Decimal::ONE),
        thresholds: vec![],
        name: "Other".into(),
        starts: Some(date(2026, 1, 1)),
        ..budget(&[b, a])
    };
    assert_eq!(of(&plain), of(&same));
    let others = [
        budget(&[a]),
        Budget {
            cost_basis: CostBasis::Amortized,
            ..plain.clone()
        },
        Budget {
            currency: "USD".parse().unwrap(),
            ..plain.clone()
        },
        Budget {
            calendar: Calendar::plain(TimeGrain::Weekly),
            ..plain.clone()
        },
        Budget {
            exclude: BTreeSet::from([budget_engine::ChargeCategory::Tax]),
            ..plain.clone()
        },
    ];
    for other in &others {
        assert_ne!(of(&plain), of(other), "{other:?}");
    }
}

/// The board after each day up to the last, as evaluations make it.
fn boards(costs: &[Decimal], last: Date) -> Vec<Board> {
    let first = date(2026, 1, 1);
    let calendar = Calendar::plain(TimeGrain::Weekly);
    let mut board = board();
    let mut boards = Vec::new();
    for today in dates(plus_days(first, 20), last) {
        let observed = seen(first, costs, today);
        let period = calendar.period_of(today).unwrap();
        let outlook = Outlook::new(cost_forecast::Options::default());
        let outlook = outlook.with_scored(board.scored());
        if let Ok(made) = forecast_made(&observed, &period, &outlook) {
            board.keep(&period, &observed, today, made);
        }
        board.settle(&observed, today);
        boards.push(board.clone());
    }
    boards
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn scores_never_depend_on_the_future(
        costs in prop::collection::vec(0_u32..1000, 80),
        other in prop::collection::vec(0_u32..1000, 80),
        cut in 25_usize..70,
    ) {
        let money = |costs: &[u32]| -> Vec<Decimal> { costs.iter().map(|one| Decimal::from(*one)).collect() };
        let mut changed = costs.clone();
        changed[cut..].copy_from_slice(&other[cut..]);
        let last = plus_days(date(2026, 1, 1), 80);
        let (one, two) = (boards(&money(&costs), last), boards(&money(&changed), last));
        // On the day `cut` the costs of the days before it are known.
        let known = cut - 20 + 1;
        prop_assert_eq!(&one[..known], &two[..known]);
        // What is final stays as it is, whatever comes.
        let is_final = |entry: &&Entry| entry.made.is_empty();
        for entry in one[known - 1].periods.iter().filter(is_final) {
            prop_assert!(two.last().unwrap().periods.contains(entry));
        }
    }
}
