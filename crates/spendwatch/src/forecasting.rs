//! Between the engine's decimals and the forecaster's floats: converted once each way, here.

use std::collections::BTreeMap;

use budget_engine::{
    Breach, DailyCost, DayState, FewDays, Forecast, Observed, PathDay, Period, plus_days,
};
use cost_forecast::{Basis, DailySeries, Day, Fitted, Interval, Model, RunningTotal};
use jiff::civil::Date;
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use crate::outlook::Outlook;
use crate::scores::{COMBINED, Made, RUN_RATE};

/// The quantiles that are handed to the engine, in percent.
const QUANTILES: [f64; 25] = [
    0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0,
    70.0, 75.0, 80.0, 85.0, 90.0, 95.0, 97.5, 99.0, 99.5,
];
/// Digits kept after the decimal point: more than any currency shows.
const DIGITS: u32 = 6;

/// Forecasts the period's total from what was observed, or says why not; and the forecast as the
/// scoreboard keeps it.
///
/// Settled days count as they are; settling days are taken as at least what is posted, and as what that
/// stands for where it is known; missing and future days are forecast.
pub(crate) fn forecast(
    observed: &Observed,
    period: &Period,
    planned: Decimal,
    outlook: &Outlook,
) -> Result<(Forecast, Made), String> {
    let model = fit(observed, outlook)?.times(outlook.factor());
    let (settled, mut forecast) = total(&model, observed, period, outlook)?;
    let totals = model.running_totals(period.start(), period.end());
    forecast.path = path(observed, period, &totals)?;
    forecast.breach = reached_on(observed, period, planned)
        .or_else(|| expected_on(&forecast.path, observed, period, planned));
    let made = made(&model, observed, period, settled, outlook.spread())?;
    Ok((forecast, made))
}

/// The same without the days in between, which only readers of a notice want to know: it is the same
/// for every planned amount.
pub(crate) fn forecast_total(
    observed: &Observed,
    period: &Period,
    outlook: &Outlook,
) -> Result<Forecast, String> {
    let model = fit(observed, outlook)?.times(outlook.factor());
    let (_, forecast) = total(&model, observed, period, outlook)?;
    Ok(forecast)
}

/// The same as the scoreboard keeps it.
pub(crate) fn forecast_made(
    observed: &Observed,
    period: &Period,
    outlook: &Outlook,
) -> Result<Made, String> {
    let model = fit(observed, outlook)?.times(outlook.factor());
    let (settled, _) = total(&model, observed, period, outlook)?;
    made(&model, observed, period, settled, outlook.spread())
}

/// Learns from the observed days.
pub(crate) fn fit(observed: &Observed, outlook: &Outlook) -> Result<Fitted, String> {
    let series = series(observed)?;
    Model::fit(&series, &outlook.options(observed)).map_err(|error| error.to_string())
}

/// What each model expects of the period's total; `spread` is the factor by which scores have widened
/// the range.
fn made(
    model: &Fitted,
    observed: &Observed,
    period: &Period,
    settled: f64,
    spread: f64,
) -> Result<Made, String> {
    let (start, end) = (period.start(), period.end());
    let total = model.predict(start, end).total.shifted_by(settled);
    let mut totals = BTreeMap::from([(COMBINED.to_owned(), decimal(total.mean())?)]);
    for (estimate, rest) in model.totals_by_estimate(start, end) {
        // What one model expects may be too large to be kept, though what is told is not.
        let total = decimal(settled + rest).ok();
        totals.extend(total.map(|total| (estimate.name().to_owned(), total)));
    }
    let is_settled = |day: &&DailyCost| day.state == DayState::Settled && period.contains(day.date);
    let days = observed.days.iter().filter(is_settled).count();
    if days > 0 {
        let run_rate = settled * f64::from(period.days()) / days as f64;
        let total = decimal(run_rate).ok();
        totals.extend(total.map(|total| (RUN_RATE.to_owned(), total)));
    }
    let range = |Interval { low, high }| Ok::<_, String>((decimal(low)?, decimal(high)?));
    let (mean, told) = (total.mean(), total.interval(80.0));
    let plain = Interval {
        low: mean - (mean - told.low) / spread,
        high: mean + (told.high - mean) / spread,
    };
    Ok(Made {
        totals,
        range80: range(told)?,
        range95: range(total.interval(95.0))?,
        plain80: range(plain).ok().filter(|_| spread != 1.0),
    })
}

/// The observed days as the forecaster takes them.
pub(crate) fn series(observed: &Observed) -> Result<DailySeries, String> {
    series_of(&observed.days)
}

/// Days without gaps as the forecaster takes them.
pub(crate) fn series_of(days: &[DailyCost]) -> Result<DailySeries, String> {
    let first = days.first().ok_or("there is no day with data")?;
    let days = days
        .iter()
        .map(|day| {
            let cost = day.cost.to_f64().ok_or("a cost is too large to forecast")?;
            Ok(match day.state {
                DayState::Settled => Day::settled(cost),
                DayState::Settling => Day::settling(cost),
                DayState::Missing => Day::missing(),
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    DailySeries::try_new(first.date, days).map_err(|error| error.to_string())
}

/// The settled cost of a period, and the distribution of its total.
fn total(
    model: &Fitted,
    observed: &Observed,
    period: &Period,
    outlook: &Outlook,
) -> Result<(f64, Forecast), String> {
    let settled: Decimal = observed
        .days
        .iter()
        .filter(|day| day.state == DayState::Settled && period.contains(day.date))
        .try_fold(Decimal::ZERO, |sum, day| sum.checked_add(day.cost))
        .ok_or("a sum of costs is too large")?;
    let settled = settled.to_f64().ok_or("a cost is too large to forecast")?;
    let total = model
        .predict(period.start(), period.end())
        .total
        .shifted_by(settled);
    let mut quantiles = Vec::with_capacity(QUANTILES.len());
    for percent in QUANTILES {
        quantiles.push((decimal(percent)?, decimal(total.quantile(percent / 100.0))?));
    }
    let forecast = Forecast {
        mean: decimal(total.mean())?,
        quantiles,
        breach: None,
        path: Vec::new(),
        few_days: few_days(model, outlook),
    };
    Ok((settled, forecast))
}

fn few_days(model: &Fitted, outlook: &Outlook) -> Option<FewDays> {
    let (settled, weekdays_of) = match model.basis() {
        Basis::FewDays { settled } => (settled, None),
        Basis::FewDaysAndWeek { settled } => (settled, outlook.weekdays_of()),
        _ => return None,
    };
    Some(FewDays {
        settled: u32::try_from(settled).unwrap_or(u32::MAX),
        weekdays_of: weekdays_of.map(str::to_owned),
    })
}

/// Spend by the end of each unsettled day: its running total and what is settled up to then.
fn path(
    observed: &Observed,
    period: &Period,
    totals: &[RunningTotal],
) -> Result<Vec<PathDay>, String> {
    let mut days = observed
        .days
        .iter()
        .filter(|day| day.state == DayState::Settled && period.contains(day.date))
        .peekable();
    let mut settled = Decimal::ZERO;
    let too_large = "the forecast is too large";
    let mut path = Vec::with_capacity(totals.len());
    for total in totals {
        while let Some(day) = days.next_if(|day| day.date <= total.date) {
            settled = settled.checked_add(day.cost).ok_or(too_large)?;
        }
        let by_then = |value: f64| -> Result<Decimal, String> {
            let sum = settled.checked_add(decimal(value)?);
            sum.ok_or_else(|| too_large.to_owned())
        };
        path.push(PathDay {
            date: total.date,
            low: by_then(total.low)?,
            middle: by_then(total.middle)?,
            high: by_then(total.high)?,
        });
    }
    Ok(path)
}

fn decimal(value: f64) -> Result<Decimal, String> {
    let value = Decimal::from_f64(value).ok_or("the forecast is too large")?;
    Ok(value.round_dp(DIGITS))
}

/// The days on which spend is expected to reach an amount that is not posted yet: after the last day with
/// data, whatever may still come of the days before.
fn expected_on(
    path: &[PathDay],
    observed: &Observed,
    period: &Period,
    amount: Decimal,
) -> Option<Breach> {
    let soonest = plus_days(observed.data.last_day, 1).min(period.last_day());
    let first = |by_then: fn(&PathDay) -> Decimal| {
        let day = path.iter().find(|day| by_then(day) >= amount)?;
        Some(day.date.max(soonest))
    };
    Some(Breach {
        likely: first(|day| day.middle)?,
        earliest: first(|day| day.high),
        latest: first(|day| day.low),
    })
}

/// The day on which known costs reached the amount, if they did.
fn reached_on(observed: &Observed, period: &Period, amount: Decimal) -> Option<Breach> {
    let mut sum = Decimal::ZERO;
    let mut reached: Option<Date> = None;
    for day in observed.days.iter().filter(|day| period.contains(day.date)) {
        sum = sum.checked_add(day.cost)?;
        if sum < amount {
            reached = None;
        } else if reached.is_none() {
            reached = Some(day.date);
        }
    }
    reached.map(|day| Breach {
        likely: day,
        earliest: Some(day),
        latest: Some(day),
    })
}
