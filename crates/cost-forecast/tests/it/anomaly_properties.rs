//! What holds of every check of unusual days.

use cost_forecast::{
    DailySeries, Day, DayState,
    anomaly::{self, CheckedDay, IncidentDay, Options, Verdict},
};
use jiff::civil::{Date, date};
use proptest::prelude::*;

const START: Date = date(2025, 11, 8);

fn check(days: &[Day]) -> Vec<CheckedDay> {
    let series = DailySeries::try_new(START, days.to_vec()).expect("costs are plausible");
    anomaly::check(&series, &Options::default())
}

fn settled(costs: &[f64]) -> Vec<Day> {
    costs.iter().copied().map(Day::settled).collect()
}

fn flags(days: &[CheckedDay]) -> Vec<bool> {
    days.iter().map(CheckedDay::is_unusual).collect()
}

/// Weekends, steps, noise, spikes.
fn spend() -> impl Strategy<Value = Vec<f64>> {
    let day = (0.9..1.1f64, prop_oneof![20 => Just(1.0), 1 => 0.0..20.0f64]);
    let days = prop::collection::vec(day, 60..150);
    (1.0..1000.0f64, 0.2..1.0f64, days).prop_map(|(level, weekend, days)| {
        let cost = |(index, (noise, spike)): (usize, (f64, f64))| {
            level * if index % 7 < 5 { 1.0 } else { weekend } * noise * spike
        };
        days.into_iter().enumerate().map(cost).collect()
    })
}

/// A level with noise of a few per cent.
fn calm() -> impl Strategy<Value = Vec<f64>> {
    (1.0..1000.0f64, prop::collection::vec(0.97..1.03f64, 120))
        .prop_map(|(level, noise)| noise.into_iter().map(|noise| level * noise).collect())
}

fn anything() -> impl Strategy<Value = Vec<Day>> {
    let cost = prop_oneof![Just(0.0), -100.0..100.0f64, -1e14..1e14f64];
    let state = prop_oneof![4 => Just(DayState::Settled), 1 => Just(DayState::Settling), 1 => Just(DayState::Missing)];
    let day = (cost, state).prop_map(|(cost, state)| Day { cost, state });
    prop::collection::vec(day, 0..150)
}

proptest! {
    #[test]
    fn constant_cost_is_usual(cost in -1e6..1e6f64, days in 0usize..200) {
        prop_assert!(check(&vec![Day::settled(cost); days]).iter().all(|day| !day.is_unusual()));
    }

    #[test]
    fn every_settled_day_has_an_answer_in_numbers(days in anything()) {
        let checked = check(&days);
        let settled = days.iter().filter(|day| day.state == DayState::Settled).count();
        prop_assert_eq!(checked.len(), settled);
        for day in &checked {
            prop_assert!([day.expected, day.low, day.high, day.score].iter().all(|x| x.is_finite()));
            prop_assert!(day.score >= 0.0 && day.low <= day.expected && day.expected <= day.high);
        }
        let summary = anomaly::summarize(&checked);
        let judged = checked.iter().filter(|day| day.verdict != Verdict::TooLittleHistory);
        prop_assert_eq!(summary.days_checked, judged.count());
        let is_unusual = |day: &&IncidentDay| checked.iter().any(|one| one.date == day.date && one.is_unusual());
        let days_in_incidents: usize = summary.incidents.iter().map(|incident| incident.days.iter().filter(is_unusual).count()).sum();
        prop_assert_eq!(days_in_incidents, flags(&checked).iter().filter(|flag| **flag).count());
        for incident in &summary.incidents {
            let dates = incident.days.iter().map(|day| day.date);
            prop_assert!(dates.is_sorted_by(|before, after| before < after));
            let ends = (incident.days.first().map(|day| day.date), incident.days.last().map(|day| day.date));
            prop_assert_eq!(ends, (Some(incident.first), Some(incident.last)));
        }
    }

    #[test]
    fn later_days_change_nothing(days in anything(), cut in 0usize..150) {
        let cut = cut.min(days.len());
        let earlier = check(&days[..cut]);
        prop_assert_eq!(&check(&days)[..earlier.len()], &earlier[..]);
    }

    #[test]
    fn unit_of_cost_does_not_matter(costs in spend(), power in -8i32..8) {
        let unit = 2f64.powi(power);
        let scaled: Vec<f64> = costs.iter().map(|cost| cost * unit).collect();
        let (checked, scaled) = (check(&settled(&costs)), check(&settled(&scaled)));
        prop_assert_eq!(flags(&checked), flags(&scaled));
        for (day, scaled) in checked.iter().zip(&scaled) {
            prop_assert_eq!(day.expected * unit, scaled.expected);
            prop_assert_eq!(day.impact() * unit, scaled.impact());
        }
    }

    #[test]
    fn spike_of_ten_times_is_found(costs in calm(), at in 28usize..120) {
        let mut costs = costs;
        costs[at] *= 10.0;
        prop_assert!(check(&settled(&costs))[at].is_unusual());
    }

    #[test]
    fn charge_that_has_recurred_adds_no_alarm(costs in calm(), day_of_month in 1i8..=28, share in 0.5..20.0f64) {
        let falls_on = |at: &usize| {
            let at = i64::try_from(*at).expect("a few hundred");
            (START + jiff::Span::new().days(at)).day() == day_of_month
        };
        let amount = share * costs[0];
        let mut charged = costs.clone();
        let days: Vec<usize> = (0..costs.len()).filter(falls_on).collect();
        // From the middle of December on, so that the first one is learned before days are judged.
        let first = days.iter().position(|&at| at >= 14).expect("four months");
        days[first..].iter().for_each(|&at| charged[at] += amount);
        let (before, after) = (flags(&check(&settled(&costs))), flags(&check(&settled(&charged))));
        for &at in &days[first + 1..] {
            prop_assert!(!after[at] || before[at], "day {}", at);
        }
    }

    #[test]
    fn least_impact_only_takes_alarms_away(costs in spend(), least in 0.0..1000.0f64) {
        let series = DailySeries::try_new(START, settled(&costs)).expect("costs are plausible");
        let all = anomaly::check(&series, &Options::default());
        let large = anomaly::check(&series, &Options::default().with_least_impact(least));
        for (all, large) in all.iter().zip(&large) {
            prop_assert_eq!(large.is_unusual(), all.is_unusual() && all.impact().abs() >= least);
        }
    }
}
