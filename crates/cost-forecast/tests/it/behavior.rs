//! Cases worked out by hand.

use cost_forecast::{
    Arrival, Basis, Breach, DailySeries, Day, Error, Fitted, Model, Options, Part, PlannedCost,
};
use jiff::civil::{Date, Weekday, date};

const START: Date = date(2026, 1, 1);

fn fitted(start: Date, days: Vec<Day>) -> Fitted {
    let series = DailySeries::try_new(start, days).expect("costs are plausible");
    Model::fit(&series, &Options::default()).expect("history is long enough")
}

fn settled(costs: impl IntoIterator<Item = f64>) -> Vec<Day> {
    costs.into_iter().map(Day::settled).collect()
}

fn dates(start: Date, days: usize) -> Vec<Date> {
    start.series(jiff::Span::new().days(1)).take(days).collect()
}

#[track_caller]
fn check_near(actual: f64, wanted: f64, tolerance: f64) {
    assert!(
        (actual - wanted).abs() <= tolerance,
        "{actual} is not within {tolerance} of {wanted}"
    );
}

/// Ranges of the month that begins on the first day, after so many days at 5 a day.
#[track_caller]
fn range_after(days: usize) -> (Basis, f64) {
    let series = DailySeries::try_new(START, settled(vec![5.0; days])).expect("plausible costs");
    let fitted = Model::fit(&series, &Options::default()).expect("a settled day");
    let total = fitted.predict(date(2026, 2, 1), date(2026, 2, 11)).total;
    check_near(total.mean(), 50.0, 1e-9);
    let range = total.interval(80.0);
    (fitted.basis(), range.high - range.low)
}

#[test]
fn a_few_days_give_a_wide_range_that_is_marked() {
    let (basis, enough) = range_after(14);
    assert_eq!(basis, Basis::History);
    let mut narrower = enough;
    for days in [10, 7, 3, 1] {
        let (basis, range) = range_after(days);
        assert_eq!(basis, Basis::FewDays { settled: days });
        assert!(range > narrower, "{days} days: {range} after {narrower}");
        narrower = range;
    }
    assert!(
        narrower > 3.0 * enough,
        "one day: {narrower}, enough: {enough}"
    );
}

#[test]
fn only_settled_days_count_as_history() {
    let mut days = settled([5.0; 13]);
    days.extend([Day::settling(5.0), Day::missing()]);
    let series = DailySeries::try_new(START, days).expect("costs are plausible");
    let fitted = Model::fit(&series, &Options::default()).expect("thirteen settled days");
    assert_eq!(fitted.basis(), Basis::FewDays { settled: 13 });
}

#[test]
fn nothing_settled_gives_no_number() {
    for days in [vec![], vec![Day::missing()], vec![Day::settling(5.0)]] {
        let series = DailySeries::try_new(START, days).expect("no cost is implausible");
        let error = Model::fit(&series, &Options::default()).expect_err("no settled day");
        assert_eq!(error, Error::NoHistory);
        assert_eq!(
            error.to_string(),
            "no day of the history is settled, so there is nothing to forecast from"
        );
    }
}

/// 2026-01-01 is a Thursday: weekdays cost 10 times `scale`, weekends nothing.
fn resting_on_weekends(days: usize, scale: f64) -> Vec<Day> {
    let cost = |day: usize| {
        if matches!(day % 7, 2 | 3) {
            0.0
        } else {
            10.0 * scale
        }
    };
    settled((0..days).map(cost))
}

#[test]
fn a_young_series_has_the_weekdays_of_the_scope_around() {
    let start = date(2026, 1, 1);
    let parent = DailySeries::try_new(start, resting_on_weekends(84, 50.0)).expect("plausible");
    let parent = Model::fit(&parent, &Options::default()).expect("twelve weeks");
    let week = parent.week_shape();
    assert!(week.is_some());

    // Thursday, Friday, and from Monday to Wednesday: a week of 50, of which no weekend is known to
    // rest as yet but this one.
    let young = DailySeries::try_new(start, resting_on_weekends(7, 1.0)).expect("plausible");
    let alone = Model::fit(&young, &Options::default()).expect("a week");
    let options = Options::default().with_week(week);
    let guided = Model::fit(&young, &options).expect("a week");
    assert_eq!(guided.basis(), Basis::FewDaysAndWeek { settled: 7 });
    let weekend = |fitted: &Fitted| {
        let forecast = fitted.predict(date(2026, 1, 10), date(2026, 1, 12));
        forecast.total.mean()
    };
    check_near(weekend(&guided), 0.0, 0.5);
    assert!(weekend(&alone) > 10.0, "{}", weekend(&alone));
    let week = guided.predict(date(2026, 1, 8), date(2026, 1, 15)).total;
    check_near(week.mean(), 50.0, 1.0);
}

#[test]
fn an_old_series_is_judged_by_its_own_weekdays() {
    let start = date(2026, 1, 1);
    let parent = DailySeries::try_new(start, resting_on_weekends(84, 50.0)).expect("plausible");
    let parent = Model::fit(&parent, &Options::default()).expect("twelve weeks");
    let own = DailySeries::try_new(start, settled([5.0; 28])).expect("plausible");
    let options = Options::default().with_week(parent.week_shape());
    let month = |options| {
        let fitted = Model::fit(&own, &options).expect("four weeks");
        fitted.predict(date(2026, 1, 29), date(2026, 2, 26))
    };
    assert_eq!(month(options), month(Options::default()));
}

#[test]
fn horizon_without_days_costs_nothing_for_certain() {
    let fitted = fitted(START, settled([5.0; 31]));
    for (from, until) in [
        (date(2026, 2, 1), date(2026, 2, 1)),
        (date(2026, 3, 1), date(2026, 2, 1)),
        (START, date(2026, 2, 1)),
    ] {
        let forecast = fitted.predict(from, until);
        assert!(forecast.path.is_empty());
        assert_eq!(forecast.total.interval(95.0).low, 0.0);
        assert_eq!(forecast.total.interval(95.0).high, 0.0);
        assert_eq!(forecast.total.probability_above(0.0), 0.0);
    }
}

#[test]
fn whole_period_forecasts_its_unsettled_days() {
    // January: 20 settled days, one of them lost, one settling. Open: 10th, 21st, 22nd to 31st.
    let mut days = settled([4.0; 20]);
    days[9] = Day::missing();
    days.push(Day::settling(1.0));
    let forecast = fitted(START, days).predict(START, date(2026, 2, 1));
    let open: Vec<i8> = forecast.path.iter().map(|day| day.date.day()).collect();
    assert_eq!(open, [10, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]);
    check_near(forecast.total.mean(), 48.0, 1e-9);
}

#[test]
fn missing_days_are_not_zero() {
    let mut days = settled([10.0; 60]);
    for at in [8, 20, 21, 22, 35, 50, 57, 58] {
        days[at] = Day::missing();
    }
    let forecast = fitted(START, days).predict(date(2026, 3, 2), date(2026, 4, 1));
    check_near(forecast.total.mean(), 300.0, 1e-9);
}

#[test]
fn settling_days_do_not_pull_the_level_down() {
    let mut days = settled([10.0; 40]);
    days.extend([Day::settling(6.0), Day::settling(0.5)]);
    let forecast = fitted(START, days).predict(date(2026, 2, 10), date(2026, 3, 1));
    assert_eq!(forecast.path.len(), 19);
    check_near(forecast.total.mean(), 190.0, 1e-9);
}

#[test]
fn settling_day_costs_at_least_what_is_posted() {
    let mut days = settled([10.0; 40]);
    days.push(Day::settling(70.0));
    let forecast = fitted(START, days).predict(date(2026, 2, 10), date(2026, 2, 12));
    check_near(forecast.path[0].mean, 70.0, 0.0);
    check_near(forecast.path[1].mean, 10.0, 1e-9);
    assert!(forecast.total.quantile(0.001) >= 70.0);
}

#[test]
fn weekends_keep_their_own_level() {
    let cost = |day: Date| match day.weekday() {
        Weekday::Saturday | Weekday::Sunday => 2.0,
        _ => 12.0,
    };
    let start = date(2026, 1, 5);
    let days = settled(dates(start, 70).into_iter().map(cost));
    for day in fitted(start, days)
        .predict(date(2026, 3, 16), date(2026, 4, 16))
        .path
    {
        check_near(day.mean, cost(day.date), 1e-6);
    }
}

#[test]
fn monthly_charge_lands_on_its_day() {
    let days = dates(START, 100)
        .into_iter()
        .map(|day| if day.day() == 20 { 510.0 } else { 10.0 });
    // The history ends on April 10th.
    let forecast = fitted(START, settled(days)).predict(date(2026, 4, 11), date(2026, 5, 1));
    for day in &forecast.path {
        check_near(
            day.mean,
            if day.date.day() == 20 { 510.0 } else { 10.0 },
            1e-6,
        );
    }
    check_near(forecast.total.mean(), 700.0, 1e-6);
}

#[test]
fn charge_on_the_last_day_of_the_month_follows_the_month() {
    let is_last = |day: Date| day == day.last_of_month();
    let days = dates(START, 100)
        .into_iter()
        .map(|day| if is_last(day) { 110.0 } else { 10.0 });
    let forecast = fitted(START, settled(days)).predict(date(2026, 4, 11), date(2026, 6, 1));
    for day in &forecast.path {
        check_near(day.mean, if is_last(day.date) { 110.0 } else { 10.0 }, 1e-6);
    }
}

#[test]
fn charge_that_came_once_is_not_monthly() {
    let days = dates(START, 100).into_iter().map(|day| {
        if day == date(2026, 3, 20) {
            510.0
        } else {
            10.0
        }
    });
    let forecast = fitted(START, settled(days)).predict(date(2026, 4, 11), date(2026, 5, 1));
    check_near(forecast.total.mean(), 200.0, 1e-6);
}

#[test]
fn ended_spike_hardly_moves_the_forecast() {
    for age in [1, 2, 3, 4, 5, 10, 20] {
        let mut costs = [10.0; 90];
        costs[89 - age] = 400.0;
        let total = fitted(START, settled(costs))
            .predict(date(2026, 4, 1), date(2026, 5, 1))
            .total;
        check_near(total.mean(), 300.0, 3.0);
    }
}

#[test]
fn step_is_not_taken_for_a_spike() {
    // An excess of as many days that has ended would be damped; this one goes on. Nothing
    // in such a past tells how long a step lasts: after four days the forecast has to be more than
    // halfway from 300 to 1200, after eight days four fifths of the way.
    for (age, least) in [(4, 800.0), (5, 850.0), (6, 900.0), (8, 1020.0)] {
        let mut costs = [10.0; 90];
        costs[90 - age..].fill(40.0);
        let total = fitted(START, settled(costs))
            .predict(date(2026, 4, 1), date(2026, 5, 1))
            .total;
        assert!(
            total.mean() > least,
            "{age} days after the step: {}",
            total.mean()
        );
    }
}

#[test]
fn zero_stays_zero_for_certain() {
    let total = fitted(START, settled([0.0; 40]))
        .predict(date(2026, 2, 10), date(2026, 3, 1))
        .total;
    assert_eq!((total.mean(), total.quantile(0.999)), (0.0, 0.0));
}

#[test]
fn intermittent_cost_may_come_again() {
    // One day in nine costs something; the newest week nothing.
    let costs = (0..97).map(|day| if day % 9 == 0 && day < 90 { 50.0 } else { 0.0 });
    let total = fitted(START, settled(costs))
        .predict(date(2026, 4, 8), date(2026, 5, 1))
        .total;
    assert!(total.quantile(0.001) >= 0.0);
    assert!(total.quantile(0.975) > 0.0);
}

#[test]
fn stopped_weekday_workload_has_no_negative_total() {
    let costs = (0..84).map(|day| if day % 7 < 5 && day < 77 { 20.0 } else { 0.0 });
    let forecast =
        fitted(date(2026, 1, 5), settled(costs)).predict(date(2026, 3, 30), date(2026, 5, 1));
    assert!(forecast.path.iter().all(|day| day.mean >= 0.0));
    assert!(forecast.total.quantile(0.001) >= 0.0);
}

#[test]
fn credits_stay_credits() {
    let total = fitted(START, settled([-3.0; 40]))
        .predict(date(2026, 2, 10), date(2026, 2, 20))
        .total;
    check_near(total.mean(), -30.0, 1e-9);
    assert!(total.quantile(0.1) < -30.0 && total.quantile(0.9) > -30.0);
}

#[test]
fn constant_spend_breaches_on_the_day_it_reaches_the_amount() {
    // 150 are spent by the 15th; 100 more are reached on the tenth day from the 16th on.
    let breach = fitted(date(2026, 2, 1), settled([10.0; 43])).breach(
        150.0,
        250.0,
        date(2026, 3, 1),
        date(2026, 4, 1),
    );
    let Breach {
        earliest,
        likely,
        latest,
    } = breach.expect("310 are expected");
    assert_eq!(likely, Some(date(2026, 3, 25)));
    assert!(earliest <= date(2026, 3, 25) && earliest > date(2026, 3, 20));
    assert!(latest >= likely && latest < Some(date(2026, 3, 31)));
}

#[test]
fn running_totals_of_constant_spend_rise_by_that_and_end_with_the_total() {
    let (from, until) = (date(2026, 3, 1), date(2026, 4, 1));
    let fitted = fitted(date(2026, 2, 1), settled([10.0; 43]));
    let totals = fitted.running_totals(from, until);
    // The 16th is the first day that is not settled, the 31st the last.
    assert_eq!(totals.len(), 16);
    assert_eq!(totals[0].date, date(2026, 3, 16));
    for (index, total) in totals.iter().enumerate() {
        check_near(total.middle, 10.0 * (index + 1) as f64, 1e-9);
        assert!(total.low < total.middle && total.middle < total.high);
    }
    let whole = fitted.predict(from, until).total;
    let last = totals.last().expect("there are 16");
    assert_eq!(last.date, date(2026, 3, 31));
    assert_eq!(
        (last.low, last.high),
        (whole.quantile(0.1), whole.quantile(0.9))
    );
    assert_eq!(fitted.running_totals(from, date(2026, 3, 10)), []);
}

#[test]
fn amount_out_of_reach_is_not_breached() {
    let fitted = fitted(date(2026, 2, 1), settled([10.0; 43]));
    assert_eq!(
        fitted.breach(150.0, 1000.0, date(2026, 3, 1), date(2026, 4, 1)),
        None
    );
    assert_eq!(
        fitted.breach(150.0, 200.0, date(2026, 3, 1), date(2026, 3, 1)),
        None
    );
}

#[test]
fn amount_just_out_of_reach_has_an_earliest_day_only() {
    let fitted = fitted(date(2026, 2, 1), settled([10.0; 43]));
    let breach = fitted
        .breach(150.0, 315.0, date(2026, 3, 1), date(2026, 4, 1))
        .expect("a chance above 10 %");
    assert_eq!((breach.likely, breach.latest), (None, None));
}

#[test]
fn amount_spent_already_is_breached_from_the_start() {
    let from = date(2026, 3, 1);
    let breach =
        fitted(date(2026, 2, 1), settled([10.0; 43])).breach(150.0, 150.0, from, date(2026, 4, 1));
    assert_eq!(
        breach,
        Some(Breach {
            earliest: from,
            likely: Some(from),
            latest: Some(from)
        })
    );
}

#[test]
fn last_years_season_comes_again_to_a_part() {
    // 13 months at 100, but the four weeks from 364 days before the ones to come were at 150.
    let start = date(2025, 1, 1);
    let weeks = date(2025, 2, 2)..date(2025, 3, 2);
    let cost = |day: Date| if weeks.contains(&day) { 150.0 } else { 100.0 };
    let costs = dates(start, 396).into_iter().map(cost);
    let forecast = fitted(start, settled(costs)).predict(date(2026, 2, 1), date(2026, 3, 1));
    // 1.5^0.4 = 1.176; the days at either end are smoothed with their neighbors.
    check_near(forecast.path[14].mean, 117.6, 0.1);
    check_near(forecast.total.mean() / 28.0, 117.0, 1.0);
}

#[test]
fn holidays_cost_what_earlier_ones_did() {
    // Five days a week at 100, weekends at 20; the holidays of the past cost as much as a weekend.
    let holidays = [
        date(2026, 4, 3),
        date(2026, 4, 6),
        date(2026, 5, 1),
        date(2026, 5, 25),
    ];
    let is_weekend = |day: Date| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let days = dates(date(2026, 2, 2), 119);
    let cost = |day: &Date| {
        if is_weekend(*day) || holidays.contains(day) {
            20.0
        } else {
            100.0
        }
    };
    let series = DailySeries::try_new(days[0], settled(days.iter().map(cost)))
        .expect("the case is complete");
    let coming = date(2026, 6, 4);
    let told: Vec<Date> = holidays.into_iter().chain([coming]).collect();
    let options = Options::default().with_holidays(told);
    let on = |options: &Options| {
        let forecast = Model::fit(&series, options)
            .expect("the case is complete")
            .predict(date(2026, 6, 1), date(2026, 7, 1));
        let found = forecast.path.iter().find(|day| day.date == coming);
        found.map(|day| day.mean).expect("the case is complete")
    };
    // Four holidays at a fifth of their day: drawn a fifth of the way towards no effect.
    check_near(on(&options), 100.0 * (1.0 - 0.8 * 4.0 / 5.0), 1.0);
    check_near(on(&Options::default()), 100.0, 1.0);
}

#[test]
fn planned_costs_are_added_and_teach_nothing() {
    let from = date(2026, 3, 20);
    let test = |from, until| PlannedCost {
        from,
        until,
        daily: 40.0,
    };
    // A load test in the past, and one to come.
    let planned = vec![
        test(from, date(2026, 3, 30)),
        test(date(2026, 4, 10), date(2026, 4, 15)),
    ];
    let costs = dates(START, 90).into_iter().map(|day| {
        if from <= day && day < date(2026, 3, 30) {
            50.0
        } else {
            10.0
        }
    });
    let series = DailySeries::try_new(START, settled(costs)).expect("the case is complete");
    let options = Options::default().with_planned(planned);
    let forecast = Model::fit(&series, &options)
        .expect("the case is complete")
        .predict(date(2026, 4, 1), date(2026, 5, 1));
    check_near(forecast.total.mean(), 30.0 * 10.0 + 5.0 * 40.0, 1e-6);
}

#[test]
fn without_its_weekday_profile_every_day_is_alike() {
    let is_weekend = |day: &Date| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let days = dates(START, 70);
    let costs = days
        .iter()
        .map(|day| if is_weekend(day) { 3.0 } else { 10.0 });
    let series = DailySeries::try_new(START, settled(costs)).expect("the case is complete");
    let flat = Options::default().without(Part::WeekdayProfile);
    let path = Model::fit(&series, &flat)
        .expect("the case is complete")
        .predict(series.end(), date(2026, 4, 1))
        .path;
    assert!(path.windows(2).all(|pair| pair[0].mean == pair[1].mean));
}

#[test]
fn a_settling_day_is_completed_by_how_much_is_posted_as_a_rule() {
    // Four weeks at 100; of the last day 90 are posted, which are 60 % as a rule: 150.
    let mut days = settled([100.0; 28]);
    days.push(Day::settling(90.0));
    let series = DailySeries::try_new(START, days).expect("costs are plausible");
    let day = date(2026, 1, 29);
    let cost = |options: Options| {
        let fitted = Model::fit(&series, &options).expect("four weeks");
        let forecast = fitted.predict(day, date(2026, 1, 30));
        (forecast.path[0].mean, forecast.total.mean())
    };
    assert_eq!(cost(Options::default()), (100.0, 100.0));
    let arrival = |error| {
        let arrival = Arrival {
            date: day,
            share: 0.6,
            error,
        };
        Options::default().with_arrivals(vec![arrival])
    };
    let (known, total) = cost(arrival(1e-6));
    check_near(known, 150.0, 0.1);
    assert_eq!(known, total);
    // The less is known of the share, the more it is the usual day.
    let (vague, _) = cost(arrival(0.3));
    assert!(vague > 100.0 && vague < 125.0, "{vague}");
    // A rule for another day says nothing of this one.
    let other = Arrival {
        date: date(2026, 1, 28),
        share: 0.6,
        error: 0.01,
    };
    assert_eq!(
        cost(Options::default().with_arrivals(vec![other])),
        (100.0, 100.0)
    );
}

#[test]
fn what_is_to_come_can_be_multiplied_but_not_what_is_posted() {
    let mut days = settled([10.0; 28]);
    days.push(Day::settling(8.0));
    let series = DailySeries::try_new(START, days).expect("costs are plausible");
    let fitted = Model::fit(&series, &Options::default()).expect("four weeks");
    let ends = date(2026, 2, 3);
    let [whole, half, twice] = [1.0, 0.5, 2.0].map(|factor| {
        let forecast = fitted.clone().times(factor).predict(START, ends);
        let path: Vec<f64> = forecast.path.iter().map(|day| day.mean).collect();
        (path, forecast.total.error())
    });
    assert_eq!(whole.0, [10.0; 5]);
    // 8 of the first day are posted: the other 2 are multiplied.
    assert_eq!(half.0, [9.0, 5.0, 5.0, 5.0, 5.0]);
    assert_eq!(twice.0, [12.0, 20.0, 20.0, 20.0, 20.0]);
    // In proportion to the total.
    check_near(twice.1, whole.1 * 92.0 / 50.0, 1e-12);
}

#[test]
fn costs_that_come_now_and_then_are_expected_at_their_mean() {
    // 500 on about one day of ten, at no regular distance.
    let is_due = |day: usize| (day * day * 31 + day * 17) % 101 < 10;
    let cost = |day: usize| if is_due(day) { 500.0 } else { 0.0 };
    let days = (0..182).map(|day| Day::settled(cost(day))).collect();
    let mean = (126..182).map(cost).sum::<f64>() / 56.0;
    assert!((30.0..80.0).contains(&mean), "{mean}");
    let fitted = fitted(START, days);
    let month = fitted.predict(date(2026, 7, 2), date(2026, 8, 1)).total;
    check_near(month.mean(), 30.0 * mean, 0.35 * 30.0 * mean);
    // Two or four times may come as well as three.
    let range = month.interval(80.0);
    assert!(range.low <= 1000.0 && range.high >= 2000.0, "{range:?}");
}

#[test]
fn a_credit_that_recurs_is_expected_and_does_not_move_the_rest() {
    let credit = |day: Date| if day.day() == 1 { -1400.0 } else { 100.0 };
    let days = dates(START, 181)
        .into_iter()
        .map(|day| Day::settled(credit(day)));
    let fitted = fitted(START, days.collect());
    // July: 31 days, one of which is the credit.
    let month = fitted.predict(date(2026, 7, 1), date(2026, 8, 1)).total;
    check_near(month.mean(), 30.0 * 100.0 - 1400.0, 1.0);
    let rest = fitted.predict(date(2026, 7, 2), date(2026, 8, 1));
    check_near(rest.total.mean(), 3000.0, 1.0);
}

#[test]
fn a_charge_that_is_posted_is_no_share_of_its_day() {
    // 100 a day and 300 more on the first; on 1 July half of the 100 is posted, and all of the 300.
    let cost = |day: Date| if day.day() == 1 { 400.0 } else { 100.0 };
    let mut days: Vec<Day> = dates(START, 181)
        .into_iter()
        .map(|day| Day::settled(cost(day)))
        .collect();
    days.push(Day::settling(350.0));
    let series = DailySeries::try_new(START, days).expect("costs are plausible");
    let first = date(2026, 7, 1);
    let arrival = Arrival {
        date: first,
        share: 0.5,
        error: 0.01,
    };
    let options = Options::default().with_arrivals(vec![arrival]);
    let fitted = Model::fit(&series, &options).expect("half a year");
    let day = fitted.predict(first, date(2026, 7, 2)).total;
    check_near(day.mean(), 400.0, 1.0);
}
