//! Spend, plan, pace and drivers, with expected values worked out by hand.

use budget_engine::*;
use jiff::civil::{Date, Weekday, date};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::support::*;

#[test]
fn spend_to_date_counts_the_period_and_nothing_else() {
    let facts = Costs::new()
        .every_day(date(2026, 10, 1), date(2026, 11, 11), "Storage", "12.5")
        .written(at(date(2026, 11, 12)));
    let status = status_of(&budget(&[]), &facts, None, date(2026, 11, 12));
    assert_eq!(status.spent, eur("125"));
    assert_eq!(status.remaining, eur("875"));
    assert_eq!(status.percent.to_string(), "12.5 %");
    assert_eq!((status.elapsed_days, status.period.days()), (10, 30));
    // 875 over the 20 days from the 11th to the 30th.
    assert_eq!(status.daily_allowance.unwrap().to_string(), "EUR 43.75");
    assert_eq!(status.period_label, "2026-11");
}

#[test]
fn days_are_settled_settling_or_missing_and_missing_is_not_zero() {
    let facts = Costs::new()
        .every_day(date(2026, 11, 1), date(2026, 11, 11), "Storage", "1")
        .written(at(date(2026, 11, 11)));
    let observed = observed(&budget(&[]), &facts, date(2026, 11, 14));
    let state = |day| {
        observed
            .days
            .iter()
            .find(|one| one.date == day)
            .unwrap()
            .state
    };
    assert_eq!(state(date(2026, 11, 9)), DayState::Settled);
    assert_eq!(state(date(2026, 11, 10)), DayState::Settling);
    assert_eq!(state(date(2026, 11, 13)), DayState::Missing);
    assert_eq!((observed.data.age_days, observed.data.stale), (4, true));
}

#[test]
fn costs_dated_after_today_wait_for_their_day() {
    let facts = Costs::new()
        .row(date(2026, 11, 1), "Storage", "5")
        .row(date(2026, 11, 20), "Storage", "100")
        .written(at(date(2026, 11, 2)));
    let status = status_of(&budget(&[]), &facts, None, date(2026, 11, 2));
    assert_eq!(
        (status.spent, status.data.last_day),
        (eur("5"), date(2026, 11, 1))
    );
}

#[test]
fn a_day_without_rows_between_days_with_rows_cost_nothing() {
    let facts = Costs::new()
        .row(date(2026, 11, 1), "Storage", "5")
        .row(date(2026, 11, 4), "Storage", "5")
        .written(at(date(2026, 11, 6)));
    let observed = observed(&budget(&[]), &facts, date(2026, 11, 5));
    let second = observed
        .days
        .iter()
        .find(|day| day.date == date(2026, 11, 2))
        .unwrap();
    assert_eq!(
        (second.cost, second.state),
        (Decimal::ZERO, DayState::Settled)
    );
}

/// A subscription that has costs every day from September on but on `without`.
fn daily_but(without: &[Date]) -> Vec<(Date, DayState)> {
    let mut costs = Costs::new();
    for day in dates(date(2026, 9, 1), date(2026, 11, 5)) {
        if !without.contains(&day) {
            costs = costs.row(day, "Storage", "5");
        }
    }
    let facts = costs.written(at(date(2026, 11, 6)));
    let observed = observed(&budget(&[]), &facts, date(2026, 11, 5));
    let days = observed.days.iter();
    days.map(|day| (day.date, day.state)).collect()
}

fn missing(days: &[(Date, DayState)]) -> Vec<Date> {
    let missing = days.iter().filter(|(_, state)| *state == DayState::Missing);
    missing.map(|(day, _)| *day).collect()
}

#[test]
fn a_day_on_which_a_busy_subscription_has_no_row_is_missing() {
    let gap = [date(2026, 10, 30), date(2026, 10, 31)];
    assert_eq!(missing(&daily_but(&gap)), gap);
    // What has not come within ten days will not come.
    assert_eq!(missing(&daily_but(&[date(2026, 10, 24)])), []);
    // So many days are an idle week, not lost data.
    let idle: Vec<Date> = dates(date(2026, 10, 26), date(2026, 11, 3)).collect();
    assert_eq!(missing(&daily_but(&idle)), []);
    // Nothing runs on weekends.
    let mut weekends: Vec<Date> = dates(date(2026, 9, 1), date(2026, 11, 5))
        .filter(|day| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday))
        .collect();
    assert_eq!(missing(&daily_but(&weekends)), []);
    // Nor on Sundays.
    weekends.retain(|day| day.weekday() == Weekday::Sunday);
    assert_eq!(missing(&daily_but(&weekends)), []);
}

#[test]
fn a_day_without_rows_of_its_own_cost_nothing_where_others_have_some() {
    let mut costs = Costs::new();
    for day in dates(date(2026, 9, 1), date(2026, 11, 5)) {
        let neighbour = "/subscriptions/a/resourceGroups/other";
        costs = costs.full(
            day,
            neighbour,
            "Storage",
            "EUR",
            ChargeCategory::Usage,
            "",
            "1",
        );
        if (date(2026, 9, 20)..date(2026, 10, 14)).contains(&day) {
            costs = costs.row(day, "Storage", "5");
        }
    }
    let facts = costs.written(at(date(2026, 11, 6)));
    let observed = observed(&budget(&[]), &facts, date(2026, 11, 5));
    assert_eq!(observed.covered_from, date(2026, 9, 1));
    assert_eq!(observed.days[0].date, date(2026, 9, 20));
    let after = observed
        .days
        .iter()
        .find(|day| day.date == date(2026, 10, 14));
    let after = after.unwrap();
    assert_eq!(
        (after.cost, after.state),
        (Decimal::ZERO, DayState::Settled)
    );
}

#[test]
fn no_rows_in_scope_is_an_error_and_never_a_spend_of_zero() {
    let facts = Costs::new()
        .full(
            date(2026, 11, 1),
            "/subscriptions/b",
            "x",
            "EUR",
            ChargeCategory::Usage,
            "",
            "1",
        )
        .written(at(date(2026, 11, 2)));
    let error = try_observe(&budget(&[]), &facts, date(2026, 11, 2)).unwrap_err();
    assert!(
        matches!(&error, ObserveError::NoData { scopes } if scopes == SCOPE),
        "{error}"
    );
}

#[test]
fn two_currencies_in_one_scope_are_an_error_that_names_them() {
    let facts = Costs::new()
        .row(date(2026, 11, 1), "Storage", "5")
        .full(
            date(2026, 11, 1),
            SCOPE,
            "Storage",
            "USD",
            ChargeCategory::Usage,
            "",
            "5",
        )
        .written(at(date(2026, 11, 2)));
    let error = try_observe(&budget(&[]), &facts, date(2026, 11, 2))
        .unwrap_err()
        .to_string();
    assert!(error.contains("USD") && error.contains("EUR"), "{error}");
}

#[test]
fn a_basis_that_the_source_lacks_is_an_error() {
    let facts = Costs::new()
        .row(date(2026, 11, 1), "Storage", "5")
        .written(at(date(2026, 11, 2)));
    let mut budget = budget(&[]);
    budget.cost_basis = CostBasis::Amortized;
    let error = try_observe(&budget, &facts, date(2026, 11, 2)).unwrap_err();
    assert_eq!(
        error,
        ObserveError::Basis {
            basis: CostBasis::Amortized
        }
    );
}

#[test]
fn a_resource_group_without_costs_in_a_subscription_with_costs_is_not_stale() {
    let usage = ChargeCategory::Usage;
    let facts = Costs::new()
        .row(date(2026, 11, 1), "Storage", "5")
        .full(
            date(2026, 11, 13),
            "/subscriptions/a",
            "x",
            "EUR",
            usage,
            "",
            "1",
        )
        .written(at(date(2026, 11, 14)));
    let observed = observed(&budget(&[]), &facts, date(2026, 11, 14));
    assert_eq!(
        (observed.data.last_day, observed.data.stale),
        (date(2026, 11, 13), false)
    );
    assert_eq!(observed.days.last().unwrap().cost, Decimal::ZERO);
}

#[test]
fn of_two_subscriptions_the_one_that_is_behind_says_how_fresh_the_data_are() {
    let usage = ChargeCategory::Usage;
    let facts = Costs::new()
        .row(date(2026, 11, 13), "Storage", "5")
        .full(
            date(2026, 11, 2),
            "/subscriptions/b",
            "x",
            "EUR",
            usage,
            "",
            "1",
        )
        .written(at(date(2026, 11, 14)));
    let mut both = budget(&[]);
    both.scopes.push(Scope::parse("/subscriptions/b").unwrap());
    let observed = observed(&both, &facts, date(2026, 11, 14));
    assert_eq!(
        (observed.data.last_day, observed.data.stale),
        (date(2026, 11, 2), true)
    );
}

#[test]
fn a_pace_compares_days_that_all_subscriptions_have() {
    let usage = ChargeCategory::Usage;
    let mut facts = Costs::new().every_day(date(2026, 11, 1), date(2026, 11, 6), "Storage", "10");
    for day in 1..=3 {
        let day = date(2026, 11, day);
        facts = facts.full(day, "/subscriptions/b", "x", "EUR", usage, "", "10");
    }
    let facts = facts.written(at(date(2026, 11, 6)));
    let mut both = budget(&[]);
    both.scopes.push(Scope::parse("/subscriptions/b").unwrap());
    let status = status_of(&both, &facts, None, date(2026, 11, 6));
    assert_eq!(status.spent, eur("80"));
    let pace = status.pace.unwrap();
    // Three of thirty days: a tenth of 1,000 is planned for them, and they have cost 60.
    assert_eq!((pace.spent, pace.expected), (Some(eur("60")), eur("100")));
    assert_eq!(pace.percent.0.round_dp(6), decimal("60"));
}

#[test]
fn a_budget_that_starts_in_the_middle_counts_and_paces_its_own_days() {
    let facts = Costs::new()
        .every_day(date(2026, 9, 1), date(2026, 11, 26), "Storage", "100")
        .written(at(date(2026, 11, 26)));
    let mut budget = budget(&[]);
    budget.starts = Some(date(2026, 11, 16));
    let status = status_of(&budget, &facts, None, date(2026, 11, 26));
    assert_eq!((status.spent, status.elapsed_days), (eur("1000"), 10));
    // Ten of fifteen days: two thirds of 1,000 are expected, so the pace is 150 %.
    assert_eq!(status.pace.unwrap().percent.0.round_dp(6), decimal("150"));
    assert_eq!(status.period_key, "monthly-2026-11-01");
}

#[test]
fn filters_and_excluded_categories_narrow_the_spend() {
    let day = date(2026, 11, 1);
    let usage = ChargeCategory::Usage;
    let facts = Costs::new()
        .full(day, SCOPE, "Storage", "EUR", usage, "prod", "1")
        .full(day, SCOPE, "Bandwidth", "EUR", usage, "prod", "10")
        .full(day, SCOPE, "Storage", "EUR", usage, "dev", "100")
        .full(
            day,
            SCOPE,
            "Storage",
            "EUR",
            ChargeCategory::Purchase,
            "prod",
            "1000",
        )
        .full(
            day,
            "/subscriptions/a/resourceGroups/other",
            "Storage",
            "EUR",
            usage,
            "prod",
            "1e4",
        )
        .written(at(date(2026, 11, 2)));
    let mut budget = budget(&[]);
    budget.exclude = [ChargeCategory::Purchase].into();
    budget.filter = Some(Filter::All(vec![
        Filter::Tag {
            name: TagName::new("ENV"),
            values: vec!["prod".into()],
        },
        Filter::Not(Box::new(Filter::Dimension {
            name: Dimension::ServiceName,
            values: vec!["bandwidth".into()],
        })),
    ]));
    assert_eq!(
        status_of(&budget, &facts, None, date(2026, 11, 2)).spent,
        eur("1")
    );
}

#[test]
fn a_parent_counts_a_cost_once_though_two_children_count_it() {
    let facts = Costs::new()
        .row(date(2026, 11, 1), "Storage", "5")
        .written(at(date(2026, 11, 2)));
    let mut parent = budget(&[]);
    parent.id = "parent".into();
    parent.scopes.clear();
    let children = ["one", "two"].map(|id| {
        let mut child = budget(&[]);
        child.id = id.into();
        child.parent = Some("parent".into());
        child
    });
    let [one, two] = children;
    let budgets = Budgets::new(vec![parent, one, two]).unwrap();
    let parent = budgets.get("parent").unwrap();
    let today = date(2026, 11, 2);
    let observed = observe(
        &facts,
        parent,
        &budgets.selectors(parent),
        Lag::default(),
        today,
    );
    let total = observed
        .unwrap()
        .sum(date(2026, 11, 1), date(2026, 12, 1))
        .unwrap();
    assert_eq!(total, eur("5"));
}

#[test]
fn the_plan_comes_from_the_period_or_from_history() {
    let facts = Costs::new()
        .every_day(date(2026, 8, 1), date(2026, 9, 1), "Storage", "10") // 310
        .every_day(date(2026, 9, 1), date(2026, 10, 1), "Storage", "30") // 900
        .every_day(date(2026, 10, 1), date(2026, 11, 3), "Storage", "20") // 620 in October
        .written(at(date(2026, 11, 3)));
    let today = date(2026, 11, 3);
    let plan = |planned| {
        let mut budget = budget(&[]);
        budget.planned = planned;
        let period = budget.calendar.period_of(today).unwrap();
        observed(&budget, &facts, today).planned(&budget, &period)
    };
    let history = |statistic, periods| Planned::History {
        statistic,
        periods,
        plus_percent: Decimal::TEN,
    };
    assert_eq!(plan(history(Statistic::Median, 3)).unwrap(), eur("682"));
    assert_eq!(plan(history(Statistic::Median, 2)).unwrap(), eur("836"));
    assert_eq!(plan(history(Statistic::Mean, 3)).unwrap(), eur("671"));
    assert_eq!(plan(history(Statistic::Max, 3)).unwrap(), eur("990"));
    let error = plan(history(Statistic::Max, 4)).unwrap_err().to_string();
    assert!(error.contains("2026-08-01"), "{error}");
    let november = [(date(2026, 11, 1), Decimal::from(7))];
    assert_eq!(plan(Planned::PerPeriod(november.into())).unwrap(), eur("7"));
    assert!(
        plan(Planned::PerPeriod(
            [(date(2026, 12, 1), Decimal::ONE)].into()
        ))
        .is_err()
    );
}

#[test]
fn pace_follows_the_weekly_rhythm_of_the_budget() {
    // Weekends cost nothing; November 2026 has 21 working days, 10 of them up to the 14th.
    let mut costs = Costs::new();
    for day in dates(date(2026, 8, 31), date(2026, 11, 15)) {
        let working = day.weekday().to_monday_zero_offset() < 5;
        costs = costs.row(day, "Storage", if working { "50" } else { "0" });
    }
    let facts = costs.written(at(date(2026, 11, 15)));
    let pace = status_of(&budget(&[]), &facts, None, date(2026, 11, 15))
        .pace
        .unwrap();
    // 500 spent, 1000 × 10 / 21 expected: exactly 105 %.
    assert_eq!(pace.expected.to_string(), "EUR 476.19");
    assert_eq!(pace.percent.0.round_dp(9), decimal("105"));
}

#[test]
fn pace_says_nothing_in_the_first_days() {
    let facts = Costs::new()
        .every_day(date(2026, 9, 1), date(2026, 11, 3), "Storage", "50")
        .written(at(date(2026, 11, 3)));
    assert_eq!(
        status_of(&budget(&[]), &facts, None, date(2026, 11, 3)).pace,
        None
    );
}

#[test]
fn drivers_compare_the_same_days_and_add_up() {
    let facts = Costs::new()
        .every_day(date(2026, 10, 1), date(2026, 11, 11), "Storage", "1")
        .every_day(date(2026, 10, 1), date(2026, 10, 31), "Old", "2")
        .every_day(date(2026, 11, 9), date(2026, 11, 11), "New", "40")
        .every_day(date(2026, 10, 1), date(2026, 11, 1), "Bandwidth", "3")
        .every_day(date(2026, 11, 1), date(2026, 11, 11), "Bandwidth", "4.5")
        .every_day(date(2026, 11, 1), date(2026, 11, 11), "Small", "0.1")
        .written(at(date(2026, 11, 12)));
    let drivers = status_of(&budget(&[]), &facts, None, date(2026, 11, 12))
        .drivers
        .unwrap();
    let compared = drivers.compared_with.unwrap();
    assert_eq!(
        (compared.start(), compared.end()),
        (date(2026, 10, 1), date(2026, 10, 11))
    );
    let named: Vec<_> = drivers
        .items
        .iter()
        .map(|item| (&*item.service_name, item.change, item.cause))
        .collect();
    assert_eq!(
        named,
        [
            ("New", eur("80"), Cause::New),
            ("Bandwidth", eur("15"), Cause::Rose),
            ("Small", eur("1"), Cause::New),
        ]
    );
    assert_eq!(drivers.other, eur("-20"));
    assert_eq!(drivers.total, eur("76"));
}

#[test]
fn without_an_earlier_period_drivers_show_the_whole_spend() {
    let facts = Costs::new()
        .every_day(date(2026, 10, 20), date(2026, 11, 11), "Storage", "1")
        .written(at(date(2026, 11, 12)));
    let drivers = status_of(&budget(&[]), &facts, None, date(2026, 11, 12))
        .drivers
        .unwrap();
    assert_eq!((drivers.compared_with, drivers.total), (None, eur("10")));
}

#[test]
fn likelihoods_claim_no_certainty() {
    let shown = |text: &str| Percent(decimal(text)).likelihood();
    for (percent, words) in [
        ("100", "over 99 %"),
        ("99.5", "over 99 %"),
        ("99", "99 %"),
        ("82.9", "82 %"),
        ("0.5", "under 1 %"),
        ("0", "under 1 %"),
    ] {
        assert_eq!(shown(percent), words);
    }
}

#[test]
fn a_period_without_data_has_no_allowance() {
    let facts = Costs::new()
        .every_day(date(2026, 10, 1), date(2026, 11, 1), "Storage", "1")
        .written(at(date(2026, 11, 2)));
    let status = status_of(&budget(&[]), &facts, None, date(2026, 11, 2));
    assert_eq!(
        (status.elapsed_days, status.day, status.daily_allowance),
        (0, 2, None)
    );
}

#[test]
fn percent_is_rounded_toward_zero_for_display() {
    for (value, shown) in [
        ("99.96", "99.9 %"),
        ("100", "100 %"),
        ("82.142", "82.1 %"),
        ("0.04", "0 %"),
    ] {
        assert_eq!(Percent(decimal(value)).to_string(), shown);
    }
}

proptest! {
    #[test]
    fn drivers_always_add_up_and_spend_is_the_sum_of_its_rows(
        rows in prop::collection::vec((0_i32..60, 0_usize..6, -1_000_000_i64..1_000_000), 1..80),
    ) {
        let start = date(2026, 10, 1);
        let mut costs = Costs::new().row(start, "s0", "0");
        let mut november = Decimal::ZERO;
        for (offset, service, micros) in &rows {
            let day = plus_days(start, *offset);
            let cost = Decimal::new(*micros, 6);
            if day >= date(2026, 11, 1) {
                november += cost;
            }
            costs = costs.row(day, &format!("s{service}"), &cost.to_string());
        }
        let facts = costs.written(at(date(2026, 11, 30)));
        let status = status_of(&budget(&[]), &facts, None, date(2026, 11, 29));
        prop_assert_eq!(status.spent.amount, november);
        let drivers = status.drivers.unwrap();
        let named: Decimal = drivers.items.iter().map(|item| item.change.amount).sum();
        prop_assert_eq!(named + drivers.other.amount, drivers.total.amount);
    }
}

#[test]
fn the_course_has_a_step_for_each_day_with_plan_and_expectation() {
    let day = |day| date(2026, 11, day);
    let facts = Costs::new()
        .every_day(day(1), day(11), "Storage", "12.345")
        .written(at(day(11)));
    let path = (9..=30)
        .map(|number| PathDay {
            date: day(number),
            low: Decimal::from(number) * decimal("10.001"),
            middle: Decimal::from(number) * decimal("12"),
            high: Decimal::from(number) * decimal("15"),
        })
        .collect();
    let forecast = Forecast {
        mean: Decimal::from(360),
        quantiles: Vec::new(),
        breach: None,
        path,
        few_days: None,
    };
    let status = status_of(&budget(&[]), &facts, Some(&forecast), day(12));
    let course = status.course.unwrap();
    assert_eq!((course.step_days, course.steps()), (1, 30));
    // Ten days of data, written at the beginning of the 11th: the 10th may still change.
    assert_eq!(course.costs, vec![Some(decimal("12.35")); 10]);
    assert_eq!(course.settled, 9);
    // 1,000 over 30 days that count alike, because there is no history.
    assert_eq!(course.planned[0], decimal("33.33"));
    assert_eq!(course.planned[14], decimal("500.00"));
    assert_eq!(course.planned[29], decimal("1000.00"));
    // From the end of the last day with data to the end of the period.
    assert_eq!((course.expected_from(), course.expected.len()), (9, 21));
    assert_eq!(course.expected[0].low, decimal("100.01"));
    let last = course.expected[20];
    let expected = ["300.03", "360.00", "450.00"].map(decimal);
    assert_eq!([last.low, last.middle, last.high], expected);
    // Amounts are stored as text.
    let stored = serde_json::to_value(&course).unwrap();
    assert_eq!(stored["costs"][0], "12.35");
    assert_eq!(stored["expected"][0]["middle"], "120.00");
}

#[test]
fn the_expectation_begins_with_what_is_spent_if_the_last_days_are_settled() {
    let day = |day| date(2026, 11, day);
    let facts = Costs::new()
        .every_day(day(1), day(11), "Storage", "12.345")
        .written(at(day(20)));
    // The forecast knows nothing of settled days.
    let path = (11..=30)
        .map(|number| PathDay {
            date: day(number),
            low: Decimal::from(number) * decimal("12"),
            middle: Decimal::from(number) * decimal("13"),
            high: Decimal::from(number) * decimal("14"),
        })
        .collect();
    let forecast = Forecast {
        mean: Decimal::from(390),
        quantiles: Vec::new(),
        breach: None,
        path,
        few_days: None,
    };
    let status = status_of(&budget(&[]), &facts, Some(&forecast), day(20));
    let course = status.course.unwrap();
    assert_eq!((course.costs.len(), course.settled), (10, 10));
    assert_eq!((course.expected_from(), course.expected.len()), (9, 21));
    // Ten days at 12.345.
    let first = course.expected[0];
    assert_eq!(
        [first.low, first.middle, first.high],
        [decimal("123.45"); 3]
    );
    assert_eq!(course.expected[1].middle, decimal("143.00"));
}

#[test]
fn a_long_period_has_few_steps_and_the_plan_follows_the_weekdays() {
    let mut costs = Costs::new();
    // Eight weeks before the period: 30 on workdays, nothing at weekends.
    for day in dates(date(2026, 11, 1), date(2027, 1, 1)) {
        let cost = if day.weekday().to_monday_zero_offset() < 5 {
            "30"
        } else {
            "0"
        };
        costs = costs.row(day, "Storage", cost);
    }
    let facts = costs
        .every_day(date(2027, 1, 1), date(2027, 1, 10), "Storage", "1")
        .written(at(date(2027, 1, 20)));
    let mut yearly = budget(&[]);
    yearly.calendar = Calendar::new(TimeGrain::Annually, date(2026, 1, 1));
    yearly.planned = Planned::Flat(Decimal::from(2610));
    let status = status_of(&yearly, &facts, None, date(2027, 1, 10));
    let course = status.course.unwrap();
    // 365 days by six are 60 steps and one of five days.
    assert_eq!((course.step_days, course.steps()), (6, 61));
    assert!(course.expected.is_empty());
    // Nine days have data: six of the first step and three of the second.
    let expected = ["6.00", "3.00"].map(|cost| Some(decimal(cost)));
    assert_eq!(course.costs, expected);
    // The 9th may still change.
    assert_eq!(course.settled, 1);
    // 261 workdays in 2027, ten each. January 1st is a Friday: four workdays in the first six days.
    assert_eq!(course.planned[0], decimal("40.00"));
    assert_eq!(course.planned[60], decimal("2610.00"));
}

#[test]
fn before_the_data_begin_no_cost_is_known() {
    let facts = Costs::new()
        .every_day(date(2026, 11, 4), date(2026, 11, 6), "Storage", "5")
        .written(at(date(2026, 11, 9)));
    let status = status_of(&budget(&[]), &facts, None, date(2026, 11, 9));
    let five = Some(decimal("5.00"));
    assert_eq!(status.course.unwrap().costs, [None, None, None, five, five]);
}
