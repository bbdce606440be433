//! Where a budget stands on one day: which of its periods are looked at, and their figures.
//!
//! Evaluations and replays of the past both ask here, so that both judge alike.

use budget_engine::{
    Budget, Forecast, ObserveError, Observed, Period, Scope, Status, When, plus_days, status,
};
use jiff::civil::Date;
use rust_decimal::Decimal;

/// How many days after a period its budget is still evaluated: Azure posts the last days late and
/// restates them until it closes the billing period, which takes up to five days.
pub(crate) const CLOSING_DAYS: i32 = 5;

/// A budget in one period.
pub(crate) struct Figures {
    pub(crate) status: Status,
    pub(crate) forecast: Option<Forecast>,
}

/// The periods of a budget that are evaluated on one day.
pub(crate) struct Plan {
    /// The running one; `None` after the budget's last day.
    pub(crate) current: Option<Period>,
    /// The one that has just ended, while its last days may still change.
    pub(crate) ended: Option<Period>,
}

/// The periods to look at; `None` outside of the budget's life.
pub(crate) fn plan(budget: &Budget, today: Date) -> Result<Option<Plan>, ObserveError> {
    let has_ended = budget.ends.is_some_and(|ends| ends < today);
    let is_closed = budget
        .ends
        .is_some_and(|ends| plus_days(ends, CLOSING_DAYS) < today);
    if is_closed || budget.starts.is_some_and(|starts| today < starts) {
        return Ok(None);
    }
    let period = budget
        .calendar
        .period_of(today)
        .ok_or(ObserveError::Calendar)?;
    let ended = match budget.ends.filter(|_| has_ended) {
        Some(ends) => budget.calendar.period_of(ends),
        None => budget
            .calendar
            .previous(&period)
            .filter(|_| today < plus_days(period.start(), CLOSING_DAYS)),
    };
    Ok(Some(Plan {
        current: (!has_ended).then_some(period),
        ended,
    }))
}

/// The figures of a running period. `forecast` is asked for the counted days and the planned amount.
pub(crate) fn running(
    budget: &Budget,
    scopes: &[Scope],
    observed: &Observed,
    period: &Period,
    forecast: impl FnOnce(&Period, Decimal) -> Result<Forecast, String>,
) -> Result<Figures, ObserveError> {
    let planned = observed.planned(budget, period)?;
    let counted = budget.counted(period).ok_or(ObserveError::Calendar)?;
    let forecast = forecast(&counted, planned.amount);
    let known = forecast.as_ref().map_err(Clone::clone);
    let status = status(budget, scopes.to_vec(), observed, known, period)?;
    Ok(Figures {
        status,
        forecast: forecast.ok(),
    })
}

/// The figures of a period that has ended: there is nothing to forecast.
pub(crate) fn ended(
    budget: &Budget,
    scopes: &[Scope],
    observed: &Observed,
    period: &Period,
) -> Result<Figures, ObserveError> {
    let why = Err("the period has ended".to_owned());
    let status = status(budget, scopes.to_vec(), observed, why, period)?;
    Ok(Figures {
        status,
        forecast: None,
    })
}

/// The budget as it is judged after the end of a period: what was spent, and what was unusual of it.
/// Forecast and pace ask about the future, and staleness is told for the current period.
pub(crate) fn after_end(budget: &Budget) -> Budget {
    let mut budget = budget.clone();
    budget
        .thresholds
        .retain(|one| matches!(one.when, When::Actual(_) | When::Anomaly(..)));
    budget
}
