//! Figures about the work for whoever operates it, by the API of OpenTelemetry. Names and units stand in
//! `docs/telemetry.md`. Without a receiver recording costs next to nothing.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};
use opentelemetry::{KeyValue, global};
use rust_decimal::prelude::ToPrimitive;

use crate::clock::day_of;
use crate::jobs::evaluate::Report;
use crate::outbox::{Delivery, DeliveryState};

/// The instruments, made when the first figure is recorded: by then the process has said where they go.
struct Instruments {
    invocations: Histogram<f64>,
    budgets: Counter<u64>,
    data_age: Gauge<f64>,
    settled_age: Gauge<u64>,
    forecast_error: Gauge<f64>,
    alerts: Gauge<u64>,
    deliveries: Counter<u64>,
    waiting: Gauge<u64>,
}

static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(|| {
    let meter: Meter = global::meter("spendwatch");
    Instruments {
        invocations: meter
            .f64_histogram("spendwatch.invocation.duration")
            .with_unit("s")
            .with_description("How long functions and jobs took, by name and outcome")
            .with_boundaries(vec![0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0])
            .build(),
        budgets: meter
            .u64_counter("spendwatch.budgets.evaluated")
            .with_description("Budgets evaluated, by outcome: ok, or failed")
            .build(),
        data_age: meter
            .f64_gauge("spendwatch.data.age")
            .with_unit("h")
            .with_description("Hours since the end of the last day with costs, of the budget furthest behind")
            .build(),
        settled_age: meter
            .u64_gauge("spendwatch.data.settled_age")
            .with_unit("d")
            .with_description("Days since the last day that is not expected to change")
            .build(),
        forecast_error: meter
            .f64_gauge("spendwatch.forecast.error")
            .with_unit("%")
            .with_description("Median error of earlier forecasts of the period's total, mean of the read's budgets")
            .build(),
        alerts: meter
            .u64_gauge("spendwatch.alerts")
            .with_description("Alerts that stand, by state: firing, covered, acknowledged")
            .build(),
        deliveries: meter
            .u64_counter("spendwatch.deliveries")
            .with_description("Deliveries that ended, by destination and fate")
            .build(),
        waiting: meter
            .u64_gauge("spendwatch.deliveries.waiting")
            .with_description("Deliveries that wait, all destinations together")
            .build(),
    }
});

/// How far the data of an evaluation reach, of the budget that is furthest behind.
#[derive(Debug, Clone, PartialEq)]
pub struct DataAge {
    /// Hours since the end (UTC) of the last day with costs; 0 if that day is not over.
    pub hours: f64,
    /// Days since the last day that is not expected to change.
    pub settled_days: u32,
}

impl DataAge {
    /// `None` if no budget could be evaluated.
    pub fn of(report: &Report) -> Option<DataAge> {
        let today = day_of(report.at);
        let data = || {
            let states = report.budgets.iter().filter_map(|one| one.status.as_ref());
            states.map(|status| &status.data)
        };
        let last_day = data().map(|data| data.last_day).min()?;
        let settled_to = data().map(|data| data.settled_to).min()?;
        let end = last_day
            .tomorrow()
            .ok()?
            .to_datetime(Time::midnight())
            .to_zoned(TimeZone::UTC)
            .ok()?;
        let seconds = report.at.duration_since(end.timestamp()).as_secs_f64();
        // To a tenth: nobody asks for more, and logs stay readable.
        let hours = (seconds.max(0.0) / 360.0).round() / 10.0;
        let days = settled_to.until(today).map_or(0, |span| span.get_days());
        Some(DataAge {
            hours,
            settled_days: u32::try_from(days).unwrap_or_default(),
        })
    }
}

/// A function or job has ended.
pub fn invocation(name: &'static str, is_ok: bool, took: Duration) {
    let outcome = if is_ok { "ok" } else { "failed" };
    let attributes = [
        KeyValue::new("function", name),
        KeyValue::new("outcome", outcome),
    ];
    INSTRUMENTS
        .invocations
        .record(took.as_secs_f64(), &attributes);
}

/// A read was evaluated.
pub(crate) fn evaluated(report: &Report, failed: usize, age: Option<&DataAge>) {
    let all = report.budgets.len();
    for (outcome, count) in [("ok", all - failed), ("failed", failed)] {
        let count = u64::try_from(count).unwrap_or_default();
        INSTRUMENTS
            .budgets
            .add(count, &[KeyValue::new("outcome", outcome)]);
    }
    let of_read = [KeyValue::new("read", report.read.clone())];
    if let Some(age) = age {
        INSTRUMENTS.data_age.record(age.hours, &of_read);
        INSTRUMENTS
            .settled_age
            .record(age.settled_days.into(), &of_read);
    }
    let statuses = report.budgets.iter().filter_map(|one| one.status.as_ref());
    let errors: Vec<f64> = statuses
        .filter_map(|status| status.forecast.as_ref()?.score.as_ref())
        .filter_map(|score| score.error.0.to_f64())
        .collect();
    if !errors.is_empty() {
        #[expect(clippy::cast_precision_loss, reason = "few budgets")]
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        INSTRUMENTS.forecast_error.record(mean, &of_read);
    }
}

/// The alerts that stand, by state.
pub(crate) fn standing(alerts: &BTreeMap<&'static str, usize>) {
    for state in ["firing", "covered", "acknowledged"] {
        let count = alerts.get(state).copied().unwrap_or_default();
        let count = u64::try_from(count).unwrap_or_default();
        INSTRUMENTS
            .alerts
            .record(count, &[KeyValue::new("state", state)]);
    }
}

/// A delivery has come to its end.
pub(crate) fn ended(delivery: &Delivery) {
    let fate = match delivery.state {
        DeliveryState::Queued | DeliveryState::Sending { .. } => return,
        DeliveryState::Delivered => "delivered",
        DeliveryState::Accepted => "accepted",
        DeliveryState::Dead => "dead",
        DeliveryState::Expired => "expired",
        DeliveryState::Suppressed { .. } => "suppressed",
    };
    let attributes = [
        KeyValue::new("destination", delivery.destination.clone()),
        KeyValue::new("fate", fate),
    ];
    INSTRUMENTS.deliveries.add(1, &attributes);
}

/// So many deliveries wait.
pub(crate) fn waiting(deliveries: usize) {
    let count = u64::try_from(deliveries).unwrap_or_default();
    INSTRUMENTS.waiting.record(count, &[]);
}
