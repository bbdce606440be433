//! Whether a threshold is crossed now: how, or why not.

#![deny(clippy::float_arithmetic)]

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::Reason;
use crate::anomaly::Anomaly;
use crate::budget::{Level, Threshold, When};
use crate::forecast::Forecast;
use crate::money::Money;
use crate::period::days_between;
use crate::status::{Percent, Status};

/// A threshold that is crossed now: its step, its level for comparing it with others, and why.
pub(super) struct Crossing<'a> {
    pub(crate) step: u32,
    pub(crate) level: Decimal,
    pub(super) reason: Reason,
    /// The event that crosses it.
    pub(super) anomaly: Option<&'a Anomaly>,
}

/// An event that is over for longer than so many checked days is no news.
const OLD_NEWS_DAYS: u32 = 7;

/// How the threshold is crossed, once for each event, or why it is not.
pub(super) fn judge_all<'a>(
    threshold: &Threshold,
    status: &'a Status,
    forecast: Option<&Forecast>,
) -> Vec<Result<Crossing<'a>, Reason>> {
    let When::Anomaly(side, level) = threshold.when else {
        return vec![judge(threshold, status, forecast)];
    };
    let money = |amount| Money::new(amount, status.planned.currency);
    let level = reached(level, status.planned.amount, Decimal::ZERO).level;
    let of_side = || status.incidents().filter(move |one| one.side() == side);
    let crossings: Vec<_> = of_side()
        .filter(|one| one.impact.amount.abs() >= level)
        .map(|one| {
            Ok(Crossing {
                step: 0,
                level,
                reason: Reason::Unusual {
                    kind: one.kind,
                    first: one.first,
                    last: one.last,
                    impact: one.impact,
                    level: money(level),
                },
                anomaly: Some(one),
            })
        })
        .collect();
    if !crossings.is_empty() {
        return crossings;
    }
    let largest = of_side().map(|one| one.impact);
    let known = status.anomalies.as_ref();
    vec![Err(Reason::NothingUnusual {
        level: money(level),
        days_checked: known.map_or(0, |known| known.days_checked),
        largest: largest.max_by_key(|impact| impact.amount.abs()),
    })]
}

/// Whether an event ended so long before the newest checked day that it is no news.
pub(super) fn is_old_news(anomaly: &Anomaly, status: &Status) -> bool {
    let known = status.anomalies.as_ref();
    let checked = known.and_then(|known| known.checked);
    let newest = checked.map_or(anomaly.last, |checked| checked.last_day());
    !anomaly.is_open && days_between(anomaly.last, newest) > OLD_NEWS_DAYS
}

/// Whether the threshold is crossed: how, or why not. Of events it knows nothing.
pub(super) fn judge<'a>(
    threshold: &Threshold,
    status: &Status,
    forecast: Option<&Forecast>,
) -> Result<Crossing<'a>, Reason> {
    let money = |amount| Money::new(amount, status.planned.currency);
    let held = || Reason::HeldStale {
        last_day: status.data.last_day,
    };
    match threshold.when {
        When::Actual(level) => {
            let Reached {
                step,
                level,
                is_reached,
                ..
            } = reached(level, status.planned.amount, status.spent.amount);
            if !is_reached {
                return Err(Reason::Below {
                    level: money(level),
                });
            }
            let reason = Reason::Reached {
                spent: status.spent,
                level: money(level),
            };
            Ok(Crossing {
                step,
                level,
                reason,
                anomaly: None,
            })
        }
        When::Forecast(level) => {
            let Some(forecast) = forecast else {
                let why = status.no_forecast.clone().unwrap_or_default();
                return Err(Reason::NoForecast { why });
            };
            // What the total reaches with the required probability.
            let reach = forecast.quantile(Decimal::ONE_HUNDRED - threshold.probability);
            let Reached {
                step,
                level,
                is_reached,
                ..
            } = reached(level, status.planned.amount, reach);
            if !is_reached {
                return Err(Reason::Below {
                    level: money(level),
                });
            }
            if status.spent.amount >= level {
                return Err(Reason::AlreadySpent {
                    level: money(level),
                });
            }
            if status.data.stale {
                return Err(held());
            }
            let reason = Reason::ExpectedToReach {
                level: money(level),
                probability: Percent(forecast.probability_of(level)),
                required: Percent(threshold.probability),
            };
            Ok(Crossing {
                step,
                level,
                reason,
                anomaly: None,
            })
        }
        When::Pace(required) => {
            let pace = status.pace.ok_or(Reason::TooEarly)?;
            if pace.percent.0 < required {
                let level = share(pace.expected.amount, required);
                return Err(Reason::Below {
                    level: money(level),
                });
            }
            if status.data.stale {
                return Err(held());
            }
            let reason = Reason::AheadOfPlan {
                spent: pace.spent_of(status),
                expected: pace.expected,
                percent: pace.percent,
                required: Percent(required),
            };
            // Being ahead of the plan is the mildest of the crossings.
            Ok(Crossing {
                step: 0,
                level: Decimal::ZERO,
                reason,
                anomaly: None,
            })
        }
        When::Anomaly(_, level) => Err(Reason::Below {
            level: money(reached(level, status.planned.amount, Decimal::ZERO).level),
        }),
        When::Stale(allowed_days) => {
            let (last_day, age_days) = (status.data.last_day, status.data.age_days);
            if age_days <= allowed_days {
                return Err(Reason::DataFresh { last_day, age_days });
            }
            let reason = Reason::DataStale {
                last_day,
                age_days,
                allowed_days,
            };
            Ok(Crossing {
                step: 0,
                level: Decimal::ZERO,
                reason,
                anomaly: None,
            })
        }
    }
}

/// How far an amount has come on a level.
pub(crate) struct Reached {
    /// The step that was reached, or would be next; 0 for a level without steps.
    pub(crate) step: u32,
    /// Its amount.
    pub(crate) level: Decimal,
    /// The amount of one step, or of the level itself.
    pub(crate) unit: Decimal,
    /// Whether it was reached.
    pub(crate) is_reached: bool,
}

pub(crate) fn reached(level: Level, planned: Decimal, amount: Decimal) -> Reached {
    let single = |level| Reached {
        step: 0,
        level,
        unit: level,
        is_reached: amount >= level,
    };
    match level {
        Level::Percent(percent) => single(share(planned, percent)),
        Level::Amount(level) => single(level),
        Level::EveryAmount(unit) => steps(unit, amount),
        Level::EveryPercent(percent) => steps(share(planned, percent), amount),
    }
}

fn steps(unit: Decimal, amount: Decimal) -> Reached {
    let done = match amount.checked_div(unit) {
        Some(steps) if steps >= Decimal::ONE => steps.floor().to_u32().unwrap_or(u32::MAX),
        _ => 0,
    };
    let step = done.max(1);
    Reached {
        step,
        level: times(unit, Decimal::from(step)),
        unit,
        is_reached: done >= 1,
    }
}

/// So many percent of an amount.
pub(crate) fn share(amount: Decimal, percent: Decimal) -> Decimal {
    times(amount, percent / Decimal::ONE_HUNDRED)
}

/// The product, or the largest number there is: a level that no cost reaches.
pub(crate) fn times(left: Decimal, right: Decimal) -> Decimal {
    left.checked_mul(right).unwrap_or(Decimal::MAX)
}
