//! What a check of unusual days says of series whose answer is plain.

use cost_forecast::{
    DailySeries, Day, PlannedCost,
    anomaly::{self, CheckedDay, Incident, Kind, Options, Summary, Verdict},
};
use jiff::civil::{Date, date};

/// A Monday.
const START: Date = date(2026, 1, 5);

fn check_days(days: Vec<Day>, options: &Options) -> Vec<CheckedDay> {
    let series = DailySeries::try_new(START, days).expect("costs are plausible");
    anomaly::check(&series, options)
}

fn check(costs: &[f64]) -> Vec<CheckedDay> {
    let days = costs.iter().copied().map(Day::settled).collect();
    check_days(days, &Options::default())
}

fn found(costs: &[f64]) -> Summary {
    anomaly::summarize(&check(costs))
}

/// The only incident of `costs`.
#[track_caller]
fn only_incident(costs: &[f64]) -> Incident {
    let found = found(costs);
    assert_eq!(found.incidents.len(), 1, "{found:?}");
    found.incidents[0].clone()
}

/// Ten weeks of 100 on weekdays and 40 on weekends.
fn office_weeks() -> Vec<f64> {
    let week = [100.0, 100.0, 100.0, 100.0, 100.0, 40.0, 40.0];
    week.into_iter().cycle().take(70).collect()
}

#[test]
fn first_four_weeks_are_for_learning() {
    let checked = check(&[10.0; 30]);
    let learning = checked
        .iter()
        .filter(|day| day.verdict == Verdict::TooLittleHistory);
    assert_eq!(learning.count(), 28);
    assert_eq!(found(&[10.0; 30]).days_checked, 2);
    assert_eq!(found(&[]).days_checked, 0);
}

#[test]
fn spike_is_told_with_its_impact() {
    let mut costs = office_weeks();
    costs[50] = 350.0;
    let day = check(&costs)[50];
    assert_eq!((day.expected, day.impact()), (100.0, 250.0));
    // The least standard deviation is 4 % of the mean of 28 days, which is 580 / 7.
    assert!((day.high - (100.0 + 2.0 * 0.04 * 580.0 / 7.0)).abs() < 1e-9);
    let incident = only_incident(&costs);
    assert_eq!((incident.kind, incident.days.len()), (Kind::Spike, 1));
    assert_eq!(incident.first, date(2026, 2, 24));
}

#[test]
fn step_is_one_incident_and_then_expected() {
    let mut costs = office_weeks();
    costs[45..].iter_mut().for_each(|cost| *cost += 60.0);
    let incident = only_incident(&costs);
    assert_eq!((incident.kind, incident.days.len()), (Kind::Step, 4));
    assert_eq!(incident.impact, 240.0);
    assert!(!incident.is_open);
    assert_eq!(check(&costs)[69].expected, 100.0);
}

#[test]
fn newest_day_leaves_an_incident_open() {
    let mut costs = vec![10.0; 60];
    costs[59] = 30.0;
    assert!(only_incident(&costs).is_open);
}

#[test]
fn slow_climb_is_found() {
    let mut costs = vec![100.0; 70];
    for (day, cost) in costs[50..].iter_mut().enumerate() {
        *cost += 5.0 * (day.min(13) + 1) as f64;
    }
    let incident = &found(&costs).incidents[0];
    assert!(incident.first < date(2026, 3, 10), "{incident:?}");
    assert!(incident.impact > 0.0);
}

#[test]
fn cost_that_grows_day_by_day_is_one_climb() {
    // Eight per cent a day for three weeks, and then no more.
    let grown = |day: usize| 100.0 * 1.08f64.powi(day.clamp(60, 81) as i32 - 60);
    let costs: Vec<f64> = (0..110).map(grown).collect();
    let incident = only_incident(&costs);
    assert_eq!(incident.kind, Kind::Ramp);
    assert!(!incident.is_open);
    // What its days cost beyond the 100 of before, on all days from the first that stood out.
    let first = usize::try_from((incident.first - START).get_days()).expect("a later day");
    assert!(first <= 66, "{first}");
    let above: f64 = costs[first..first + incident.days.len()]
        .iter()
        .map(|cost| cost - 100.0)
        .sum();
    assert!(
        (incident.impact / above - 1.0).abs() < 0.1,
        "{} of {above}",
        incident.impact
    );
    assert!(incident.impact > 2000.0, "{}", incident.impact);
    // While it grows it is not said to be over.
    for days in first + 2..80 {
        let incident = only_incident(&costs[..days]);
        assert!(incident.is_open, "after {days} days");
    }
}

#[test]
fn spike_soon_after_a_step_is_an_event_of_its_own() {
    let mut costs = vec![100.0; 90];
    costs[60..].fill(140.0);
    costs[68] = 600.0;
    let found = found(&costs).incidents;
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[0].kind, found[0].days.len()), (Kind::Step, 4));
    assert_eq!((found[1].kind, found[1].impact), (Kind::Spike, 460.0));
}

#[test]
fn weekend_at_the_cost_of_weekdays_is_one_incident() {
    let mut costs = office_weeks();
    for weekend in [54, 55, 61, 62, 68, 69] {
        costs[weekend] = 100.0;
    }
    let incident = only_incident(&costs);
    assert_eq!(incident.kind, Kind::WeekendNotResting);
    assert_eq!(incident.first, date(2026, 2, 28));
    assert!(incident.last <= date(2026, 3, 1));
}

#[test]
fn drop_and_return_are_one_incident() {
    let mut costs = vec![100.0; 80];
    costs[50..58].fill(30.0);
    let incident = only_incident(&costs);
    assert_eq!(incident.kind, Kind::Drop);
    assert!(incident.impact < 0.0);
}

#[test]
fn cost_that_begins_and_cost_that_stops() {
    let mut costs = vec![0.0; 60];
    costs[50..].fill(5.0);
    assert_eq!(only_incident(&costs).kind, Kind::NewCost);
    let mut costs = vec![5.0; 60];
    costs[50..].fill(0.0);
    assert_eq!(only_incident(&costs).kind, Kind::StoppedCost);
}

#[test]
fn charge_of_every_month_is_expected() {
    // 2026-01-15 is day 10; the second of February and March are days 41 and 69.
    let mut costs = vec![20.0; 80];
    for day in [10 + 31, 10 + 31 + 28] {
        costs[day] = 420.0;
    }
    let checked = check(&costs);
    assert!(checked[41].is_unusual(), "the first one is new");
    assert!(!checked[69].is_unusual());
    assert_eq!(checked[69].expected, 420.0);
}

#[test]
fn what_costs_little_can_be_left_alone() {
    let mut days = vec![Day::settled(1.0); 60];
    days[50] = Day::settled(4.0);
    let is_found = |least| {
        let options = Options::default().with_least_impact(least);
        check_days(days.clone(), &options)[50].is_unusual()
    };
    assert!(is_found(3.0));
    assert!(!is_found(3.01));
}

#[test]
fn higher_limit_gives_fewer_alarms() {
    let mut days = vec![Day::settled(10.0); 60];
    days[50] = Day::settled(12.5);
    let is_found = |limit| {
        let options = Options::default().with_limit(limit);
        check_days(days.clone(), &options)[50].is_unusual()
    };
    // Off by 25 % of the level, where the limit is 18 %.
    assert!(is_found(1.0));
    assert!(!is_found(1.4));
}

#[test]
fn unsettled_days_are_neither_checked_nor_learned_from() {
    let mut days = vec![Day::settled(10.0); 60];
    days[40] = Day::missing();
    days[41] = Day::settling(1.0);
    let checked = check_days(days, &Options::default());
    assert_eq!(checked.len(), 58);
    assert!(checked.iter().all(|day| !day.is_unusual()));
}

#[test]
fn credits_have_anomalies_as_well() {
    let mut costs = vec![-50.0; 60];
    costs[50] = -150.0;
    assert_eq!(only_incident(&costs).impact, -100.0);
}

/// A hundred a day for `days` days from 2026-01-01, changed by `change`.
fn hundreds(days: usize, change: impl Fn(Date) -> Option<f64>) -> DailySeries {
    let start = date(2026, 1, 1);
    let dates = start.series(jiff::Span::new().days(1)).take(days);
    let days = dates.map(|day| Day::settled(change(day).unwrap_or(100.0)));
    DailySeries::try_new(start, days.collect()).expect("plausible costs")
}

#[test]
fn planned_costs_are_no_anomaly_and_more_than_planned_is() {
    let (from, until) = (date(2026, 3, 10), date(2026, 3, 13));
    let is_planned = |day: Date| (from..until).contains(&day);
    let options = Options::default().with_planned(vec![PlannedCost {
        from,
        until,
        daily: 400.0,
    }]);
    let as_planned = hundreds(90, |day| is_planned(day).then_some(500.0));
    assert!(
        anomaly::summarize(&anomaly::check(&as_planned, &options))
            .incidents
            .is_empty()
    );
    let alone = anomaly::summarize(&anomaly::check(&as_planned, &Options::default()));
    assert_eq!(alone.incidents.len(), 1);
    let more = hundreds(90, |day| is_planned(day).then_some(800.0));
    let more = anomaly::summarize(&anomaly::check(&more, &options)).incidents;
    assert_eq!(
        (more.len(), more[0].days.len(), more[0].impact),
        (1, 3, 900.0)
    );
}

#[test]
fn a_holiday_may_rest_but_not_cost_more() {
    let holiday = date(2026, 3, 10);
    let options = Options::default().with_holidays(vec![holiday]);
    let on_it = |cost: f64| hundreds(90, |day| (day == holiday).then_some(cost));
    assert!(
        anomaly::summarize(&anomaly::check(&on_it(5.0), &options))
            .incidents
            .is_empty()
    );
    assert_eq!(
        anomaly::summarize(&anomaly::check(&on_it(5.0), &Options::default()))
            .incidents
            .len(),
        1
    );
    assert_eq!(
        anomaly::summarize(&anomaly::check(&on_it(300.0), &options))
            .incidents
            .len(),
        1
    );
    // What it costs is not what is expected a week later.
    let next = anomaly::check(&on_it(5.0), &options);
    let next = next.iter().find(|day| day.date == date(2026, 3, 17));
    assert_eq!(next.expect("a checked day").expected, 100.0);
}

#[test]
fn what_passes_is_a_spike_once_it_is_over_and_what_stays_a_step() {
    let (from, until) = (date(2026, 3, 10), date(2026, 3, 14));
    let passed = hundreds(90, |day| (from..until).contains(&day).then_some(300.0));
    let passed = anomaly::summarize(&anomaly::check(&passed, &Options::default())).incidents;
    let kinds: Vec<Kind> = passed.iter().map(|one| one.kind).collect();
    assert_eq!(kinds.first(), Some(&Kind::Spike), "{passed:?}");
    let stayed = hundreds(90, |day| (day >= from).then_some(300.0));
    let stayed = anomaly::summarize(&anomaly::check(&stayed, &Options::default())).incidents;
    let kinds: Vec<Kind> = stayed.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [Kind::Step], "{stayed:?}");
}
