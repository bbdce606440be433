//! What holds of every series.

use cost_forecast::{DailySeries, Day, DayState, Fitted, Forecast, Model, Options};
use jiff::{
    Span,
    civil::{Date, date},
};
use proptest::prelude::*;

const START: Date = date(2025, 11, 8);

fn fitted(days: &[Day]) -> Fitted {
    let series = DailySeries::try_new(START, days.to_vec()).expect("costs are plausible");
    Model::fit(&series, &Options::default()).expect("some days are settled")
}

fn after(days: usize) -> Date {
    START + Span::new().days(i64::try_from(days).expect("a few hundred"))
}

fn ahead(days: &[Day], horizon: usize) -> Forecast {
    fitted(days).predict(after(days.len()), after(days.len() + horizon))
}

/// Levels that step, weekends, noise, spikes: what spend looks like.
fn spend() -> impl Strategy<Value = Vec<f64>> {
    let day = (0.9..1.1f64, prop_oneof![20 => Just(1.0), 1 => 0.0..20.0f64]);
    (
        1.0..1000.0f64,
        0.1..5.0f64,
        0.2..1.0f64,
        0usize..200,
        prop::collection::vec(day, 20..200),
    )
        .prop_map(|(level, step, weekend, step_day, days)| {
            let cost = |(index, (noise, spike)): (usize, (f64, f64))| {
                let level = if index < step_day {
                    level
                } else {
                    level * step
                };
                level * if index % 7 < 5 { 1.0 } else { weekend } * noise * spike
            };
            days.into_iter().enumerate().map(cost).collect()
        })
}

/// Anything that a series may hold.
fn anything() -> impl Strategy<Value = Vec<Day>> {
    let cost = prop_oneof![Just(0.0), -100.0..100.0f64, 0.0..1e12f64];
    let state = prop_oneof![4 => Just(DayState::Settled), 1 => Just(DayState::Settling), 1 => Just(DayState::Missing)];
    let day = (cost, state).prop_map(|(cost, state)| Day { cost, state });
    prop::collection::vec(day, 1..120).prop_map(|mut days| {
        days[0] = Day::settled(days[0].cost);
        days
    })
}

fn settled(costs: &[f64]) -> Vec<Day> {
    costs.iter().copied().map(Day::settled).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn constant_series_forecasts_the_constant(cost in -1e6..1e6f64, days in 14usize..450, horizon in 1usize..120) {
        let forecast = ahead(&vec![Day::settled(cost); days], horizon);
        prop_assert_eq!(forecast.path.len(), horizon);
        for day in forecast.path {
            prop_assert!((day.mean - cost).abs() <= 1e-9 * cost.abs());
        }
    }

    #[test]
    fn scaling_the_series_scales_the_forecast(costs in spend(), exponent in -20i32..20, horizon in 1usize..90) {
        // Powers of two scale without rounding, so that the answers have to be equal.
        let factor = 2f64.powi(exponent);
        let scaled: Vec<f64> = costs.iter().map(|cost| cost * factor).collect();
        let (one, other) = (ahead(&settled(&costs), horizon), ahead(&settled(&scaled), horizon));
        for (day, scaled) in one.path.iter().zip(&other.path) {
            prop_assert_eq!(day.mean * factor, scaled.mean);
        }
        for p in [0.025, 0.1, 0.5, 0.9, 0.975] {
            prop_assert_eq!(one.total.quantile(p) * factor, other.total.quantile(p));
        }
    }

    #[test]
    fn totals_are_finite_ordered_and_the_sum_of_their_days(days in anything(), lead in 0usize..40, horizon in 0usize..500) {
        let from = after(days.len() + lead);
        let forecast = fitted(&days).predict(from, from + Span::new().days(horizon as i64));
        prop_assert_eq!(forecast.path.len(), horizon);
        let sum: f64 = forecast.path.iter().map(|day| day.mean).sum();
        prop_assert!(sum.is_finite());
        prop_assert_eq!(forecast.total.mean(), sum);
        let quantiles: Vec<f64> = (0..=200).map(|p| forecast.total.quantile(f64::from(p) / 200.0)).collect();
        prop_assert!(quantiles.iter().all(|q| q.is_finite()));
        prop_assert!(quantiles.is_sorted());
    }

    #[test]
    fn more_is_never_more_likely(costs in spend(), horizon in 1usize..60) {
        let total = ahead(&settled(&costs), horizon).total;
        let chances: Vec<f64> = (0..100).map(|x| total.probability_above(total.mean() * f64::from(x) / 40.0)).collect();
        prop_assert!(chances.is_sorted_by(|a, b| a >= b));
        prop_assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
    }

    #[test]
    fn costs_that_are_never_negative_have_no_negative_forecast(costs in spend(), stop in 0usize..200, horizon in 1usize..60) {
        let stopped: Vec<f64> = costs.iter().enumerate().map(|(day, cost)| if day < stop { *cost } else { 0.0 }).collect();
        let forecast = ahead(&settled(&stopped), horizon);
        prop_assert!(forecast.path.iter().all(|day| day.mean >= 0.0));
        prop_assert!(forecast.total.quantile(0.0) >= 0.0);
    }

    #[test]
    fn interval_narrows_as_the_period_ends(noise in prop::collection::vec(0.9..1.1f64, 120)) {
        // The same history of noise around a level; four times as many days are open at first.
        let days = settled(&noise.iter().map(|noise| 100.0 * noise).collect::<Vec<_>>());
        let width = |horizon| {
            let interval = ahead(&days, horizon).total.interval(80.0);
            interval.high - interval.low
        };
        prop_assert!(width(24) > width(12) && width(12) > width(6) && width(6) > width(3) && width(3) > width(1));
    }

    #[test]
    fn unknown_days_of_a_constant_change_nothing(cost in 0.01..1e6f64, unknown in prop::collection::vec(0usize..3, 40..150)) {
        let mut days: Vec<Day> = unknown.iter().map(|kind| match kind {
            0 => Day::settled(cost),
            1 => Day::settling(cost / 3.0),
            _ => Day::missing(),
        }).collect();
        days[0] = Day::settled(cost);
        let forecast = fitted(&days).predict(START, after(days.len() + 30));
        for day in forecast.path {
            prop_assert!((day.mean - cost).abs() <= 1e-9 * cost);
        }
    }

    #[test]
    fn breach_dates_are_ordered_and_agree_with_the_total(costs in spend(), share in 0.1..2.0f64, horizon in 1usize..40) {
        let fitted = fitted(&settled(&costs));
        let (from, until) = (after(costs.len()), after(costs.len() + horizon));
        let total = fitted.predict(from, until).total;
        let amount = total.mean() * share;
        let breach = fitted.breach(0.0, amount, from, until);
        let likely = breach.and_then(|breach| breach.likely);
        if total.quantile(0.9) >= amount {
            prop_assert!(breach.is_some());
        }
        prop_assert_eq!(likely.is_some(), total.mean() >= amount);
        if let Some(breach) = breach {
            prop_assert!(breach.earliest >= from);
            if let Some(likely) = breach.likely {
                prop_assert!(breach.earliest <= likely && likely < until);
            }
            if let Some(latest) = breach.latest {
                prop_assert!(breach.likely <= Some(latest) && latest < until);
            }
        }
    }
}
