//! Drivers: what moved since the period before, in parts that add up exactly.

#![deny(clippy::float_arithmetic)]

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::observe::Observed;
use crate::period::{Calendar, Period, days_between, plus_days};

/// How many drivers are named; the rest is one sum.
const NAMED: usize = 3;

/// What moved, compared with the same days of the period before.
///
/// The changes of `items` and `other` add up to `total` exactly. Without an earlier period in the
/// data, `compared_with` is `None` and every change is the whole spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drivers {
    /// The days of the earlier period that were compared.
    pub compared_with: Option<Period>,
    /// Change of the whole.
    pub total: Money,
    /// The largest changes in the direction of the whole first.
    pub items: Vec<Driver>,
    /// Sum of the changes that are not named.
    pub other: Money,
}

/// One part of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Driver {
    /// FOCUS `ServiceName`. Comes from cost data: untrusted text.
    pub service_name: String,
    /// Its cost in the earlier period's days.
    pub before: Money,
    /// Its cost in this period's days.
    pub now: Money,
    /// The difference.
    pub change: Money,
    /// What kind of change.
    pub cause: Cause,
}

/// What kind of change a driver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It cost nothing before.
    New,
    /// It costs nothing now.
    Stopped,
    /// It costs more.
    Rose,
    /// It costs less.
    Fell,
    /// It costs the same.
    Unchanged,
}

/// Compares the period's days up to `last_day` with as many days of the period before. `None` when
/// a sum does not fit or the calendar ends.
pub(crate) fn drivers(
    observed: &Observed,
    calendar: &Calendar,
    period: &Period,
    last_day: Date,
) -> Option<Drivers> {
    let until = plus_days(last_day, 1).min(period.end());
    let elapsed = days_between(period.start(), until);
    let earlier = calendar
        .previous(period)
        .filter(|earlier| earlier.start() >= observed.data.first_day)
        .and_then(|earlier| {
            let days = i32::try_from(elapsed).ok()?;
            // After a short month the comparison ends with it.
            Period::new(
                earlier.start(),
                plus_days(earlier.start(), days).min(earlier.end()),
            )
        });
    let money = |amount| Money::new(amount, observed.currency);
    let mut items = Vec::with_capacity(observed.by_service.len());
    let mut total = Decimal::ZERO;
    for (service, days) in &observed.by_service {
        let sum = |start: Date, end: Date| -> Option<Decimal> {
            if start >= end {
                return Some(Decimal::ZERO);
            }
            days.range(start..end)
                .try_fold(Decimal::ZERO, |sum, (_, cost)| sum.checked_add(*cost))
        };
        let now = sum(period.start(), until)?;
        let before = match earlier {
            Some(earlier) => sum(earlier.start(), earlier.end())?,
            None => Decimal::ZERO,
        };
        let change = now.checked_sub(before)?;
        total = total.checked_add(change)?;
        let cause = match (before.is_zero(), now.is_zero()) {
            (true, true) => continue,
            (true, false) => Cause::New,
            (false, true) => Cause::Stopped,
            _ if change > Decimal::ZERO => Cause::Rose,
            _ if change < Decimal::ZERO => Cause::Fell,
            _ => Cause::Unchanged,
        };
        items.push(Driver {
            service_name: if service.is_empty() {
                "(no service)".into()
            } else {
                service.to_string()
            },
            before: money(before),
            now: money(now),
            change: money(change),
            cause,
        });
    }
    let falling = total < Decimal::ZERO;
    items.sort_by(|left, right| {
        let order = right.change.amount.cmp(&left.change.amount);
        let order = if falling { order.reverse() } else { order };
        order.then_with(|| left.service_name.cmp(&right.service_name))
    });
    items.truncate(NAMED);
    let named = items.iter().try_fold(Decimal::ZERO, |sum, item| {
        sum.checked_add(item.change.amount)
    })?;
    Some(Drivers {
        compared_with: earlier,
        total: money(total),
        items,
        other: money(total.checked_sub(named)?),
    })
}
