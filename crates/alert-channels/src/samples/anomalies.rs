//! Unusual costs: found, over, gone, and a cost that stopped.

use budget_engine::{
    Anomaly, AnomalyDriver, AnomalyDrivers, AnomalyKind, Cause, Change, Reason, ThresholdKind,
    Transition,
};
use jiff::civil::date;
use rust_decimal::Decimal;

use super::{money, notice, transition};
use crate::notice::Notice;

/// New machines since the 9th, found in the days that are settled.
pub fn unusual() -> Anomaly {
    let part = |name: &str, before: &str, now: &str, cause| {
        let (before, now) = (money(before), money(now));
        AnomalyDriver {
            name: name.into(),
            before,
            now,
            change: now.checked_sub(before).expect("one currency"),
            cause,
        }
    };
    let drivers = |by: &str, items, other: &str| AnomalyDrivers {
        by: by.parse().expect("the text is an aspect"),
        items,
        other: money(other),
        expected: None,
    };
    let mut services = drivers(
        "ServiceName",
        vec![
            part("Virtual Machines", "604.10 EUR", "1690.40 EUR", Cause::Rose),
            part("Log Analytics", "0 EUR", "205.25 EUR", Cause::New),
        ],
        "91.50 EUR",
    );
    // Some of it was planned.
    services.expected = Some(money("-63.50 EUR"));
    Anomaly {
        kind: AnomalyKind::Step,
        first: date(2026, 5, 10),
        last: date(2026, 5, 12),
        days: vec![date(2026, 5, 10), date(2026, 5, 11), date(2026, 5, 12)],
        is_open: true,
        expected: money("1215.40 EUR"),
        cost: money("2534.95 EUR"),
        impact: money("1319.55 EUR"),
        score: Decimal::new(312, 2),
        drivers: vec![
            services,
            drivers(
                "x_ResourceGroupName",
                vec![
                    part("payments-prod", "1001 EUR", "2270.80 EUR", Cause::Rose),
                    part("payments-logs", "12 EUR", "40 EUR", Cause::Rose),
                ],
                "21.75 EUR",
            ),
            drivers(
                "tag:team",
                vec![part("core", "900 EUR", "2219.55 EUR", Cause::Rose)],
                "0 EUR",
            ),
        ],
    }
}

fn about(mut transition: Transition, event: Anomaly) -> Transition {
    transition.threshold = format!("anomaly-500@{}", event.first);
    transition.kind = ThresholdKind::Anomaly;
    transition.when = match event.impact.amount < Decimal::ZERO {
        true => "anomaly drop 500".into(),
        false => "anomaly 500".into(),
    };
    transition.also.clear();
    transition.reason = Reason::Unusual {
        kind: event.kind,
        first: event.first,
        last: event.last,
        impact: event.impact,
        level: money("500 EUR"),
    };
    transition.anomaly = Some(Box::new(event));
    transition
}

/// Unusual costs that go on.
pub fn anomaly() -> Notice {
    notice(about(transition(), unusual()))
}

/// Unusual costs that are over.
pub fn anomaly_over() -> Notice {
    let mut event = unusual();
    event.is_open = false;
    let mut transition = about(transition(), event);
    transition.change = Change::Resolved;
    transition.sequence = 2;
    let event = transition.anomaly.as_ref().expect("it was set");
    transition.reason = Reason::AnomalyOver {
        kind: event.kind,
        first: event.first,
        last: event.last,
        impact: event.impact,
    };
    notice(transition)
}

/// Unusual costs that restated data have undone.
pub fn anomaly_gone() -> Notice {
    let mut transition = about(transition(), unusual());
    transition.change = Change::Withdrawn;
    transition.sequence = 2;
    transition.reason = Reason::NoLongerUnusual {
        first: date(2026, 5, 10),
        impact: Some(money("312.20 EUR")),
        level: money("500 EUR"),
    };
    notice(transition)
}

/// A cost that stopped, on one day, as far as is known; nobody knows what it was, or whom to ask.
pub fn stopped() -> Notice {
    let mut transition = about(
        transition(),
        Anomaly {
            kind: AnomalyKind::StoppedCost,
            first: date(2026, 5, 12),
            days: vec![date(2026, 5, 12)],
            expected: money("610 EUR"),
            cost: money("0 EUR"),
            impact: money("-610 EUR"),
            drivers: Vec::new(),
            ..unusual()
        },
    );
    transition.status.owners.clear();
    notice(transition)
}
