//! The figures of a budget, and what moved.

use budget_engine::{
    Anomaly, AnomalyDrivers, Cause, Change, Course, Drivers, ForecastScore, ForecastSummary, Money,
    Status, Transition,
};
use rust_decimal::{Decimal, RoundingStrategy};

use super::catalog::{Catalog, Charted, Days, Expected, Moved, NoForecast, Unusual};
use super::label::Label;
use super::pieces::{Pieces, list};
use super::{ChartText, DriverRow, DriverTable, Fact, fact};
use crate::untrusted::clean;

pub(super) fn facts(say: &dyn Catalog, transition: &Transition) -> Vec<Fact> {
    let status = &*transition.status;
    let style = say.style();
    let planned = style.money(status.planned);
    let mut facts = Vec::new();
    let mut add = |label, value| facts.push(fact(say, label, value));
    if status.elapsed_days > 0 {
        let percent = style.percent(status.percent);
        let spent = say.of_planned(&style.money(status.spent), &planned, &percent);
        add(Label::Spent, spent);
        add(Label::Remaining, remaining(say, status));
    } else {
        add(Label::Spent, say.not_known(&planned));
    }
    let period = say.range(status.period.start(), status.period.last_day());
    let days = status.period.days();
    add(Label::Period, say.day_of(&period, status.day, days));
    if let Some(event) = &transition.anomaly
        && transition.change != Change::Withdrawn
    {
        let count = u32::try_from(event.days.len()).unwrap_or(u32::MAX);
        let days = say.days(count);
        add(
            Label::Unusual,
            unusual(say, event, |one| say.unusual_days(&days, one)),
        );
    }
    if let Some(pace) = &status.pace {
        let (percent, expected) = (style.percent(pace.percent), style.money(pace.expected));
        add(Label::Pace, say.pace(&percent, &expected));
    }
    if let Some(text) = forecast(say, status) {
        add(Label::Forecast, text);
    }
    add(Label::Data, data(say, status));
    let scopes: Vec<&str> = status.scopes.iter().map(|scope| scope.path()).collect();
    if !scopes.is_empty() {
        add(Label::Scope, list(say, &scopes));
    }
    if !status.owners.is_empty() {
        add(Label::Owner, list(say, &status.owners));
    }
    facts
}

fn remaining(say: &dyn Catalog, status: &Status) -> String {
    let style = say.style();
    if status.remaining.amount < Decimal::ZERO {
        let over = Money::new(-status.remaining.amount, status.planned.currency);
        say.over_by(&style.money(over))
    } else if let Some(allowance) = status.daily_allowance {
        say.keeps_on_budget(&style.money(status.remaining), &style.money(allowance))
    } else {
        style.money(status.remaining)
    }
}

fn forecast(say: &dyn Catalog, status: &Status) -> Option<String> {
    let style = say.style();
    let Some(forecast) = &status.forecast else {
        let why = clean(status.no_forecast.as_deref()?);
        let is_over = status.data.last_day >= status.period.last_day();
        return Some(say.no_forecast(&if status.data.stale {
            NoForecast::Stale
        } else if is_over {
            NoForecast::Over
        } else {
            NoForecast::Other(&why)
        }));
    };
    let mut text = expected(say, forecast);
    let is_over = status.spent.amount >= status.planned.amount;
    if let (true, Some(breach)) = (is_over, &forecast.breach) {
        text.push_str(&say.reached_on(&style.date(breach.likely)));
        return Some(text);
    }
    if let Some(few) = &forecast.few_days {
        let weekdays_of = few.weekdays_of.as_deref().map(clean);
        text.push_str(&say.few_days(few.settled, weekdays_of.as_deref()));
    }
    let chance = say.likelihood(budget_engine::Percent(forecast.probability));
    text.push_str(&say.chance(&chance));
    if let Some(breach) = &forecast.breach {
        let range = breach.earliest.zip(breach.latest);
        let range = range.filter(|(earliest, latest)| earliest != latest);
        let range = range.map(|(earliest, latest)| (style.date(earliest), style.date(latest)));
        let range = range.as_ref().map(|(first, last)| (&**first, &**last));
        text.push_str(&say.most_likely_on(&style.date(breach.likely), range));
    }
    if let Some(score) = forecast.score.filter(ForecastScore::is_telling) {
        let error = style.percent(score.error);
        text.push_str(&say.scored(score.periods, &error, score.covered));
    }
    Some(text)
}

/// Where a period is expected to end: `EUR 17,900 (80 % range 16,800 to 19,100)`.
fn expected(say: &dyn Catalog, forecast: &ForecastSummary) -> String {
    let style = say.style();
    let (low, high) = forecast.range80;
    say.expected(&Expected {
        mean: &style.whole(forecast.mean),
        low: &style.figures(low),
        high: &style.figures(high),
    })
}

/// What is left, and where it is expected to end.
pub(super) fn preheader(say: &dyn Catalog, status: &Status) -> String {
    let mut parts = Vec::new();
    let mut add = |label, value| parts.push(format!("{}: {value}", say.label(label)));
    if status.elapsed_days > 0 {
        add(Label::Remaining, remaining(say, status));
    }
    if let Some(forecast) = &status.forecast {
        add(Label::Forecast, expected(say, forecast));
    }
    parts.join(" · ")
}

/// What a chart of the course says.
pub(super) fn chart(say: &dyn Catalog, status: &Status, name: &str, course: &Course) -> ChartText {
    let style = say.style();
    let (spent, planned) = (style.money(status.spent), style.money(status.planned));
    let forecast = status.forecast.as_ref();
    let forecast = forecast.filter(|_| !course.expected.is_empty());
    let span = forecast.map(|forecast| {
        let (low, high) = forecast.range80;
        [forecast.mean, low, high].map(|amount| style.whole(amount))
    });
    let alt = say.chart_alt(&Charted {
        name,
        period: &say.period_of(&status.period_label),
        spent: &spent,
        data_to: &style.date(status.data.last_day),
        planned: &planned,
        expected: span
            .as_ref()
            .map(|[mean, low, high]| Expected { mean, low, high }),
    });
    ChartText {
        title: say.chart_title(),
        alt,
        spent: say.legend_spent(&spent),
        planned: say.legend_planned(&planned),
        forecast: forecast.map(|forecast| say.legend_forecast(&expected(say, forecast))),
        bars: say.legend_bars(course.step_days),
        first_day: style.date(status.period.start()),
        last_day: style.date(status.period.last_day()),
    }
}

fn data(say: &dyn Catalog, status: &Status) -> String {
    let data = &status.data;
    let style = say.style();
    let mut text = say.up_to(&style.date(data.last_day));
    if data.settled_to >= data.last_day {
        text.push_str(say.settled());
    } else if data.settled_to < data.first_day {
        text.push_str(say.all_may_change());
    } else {
        text.push_str(&say.may_change_after(&style.date(data.settled_to)));
    }
    if data.stale {
        text.push_str(&say.stale(&say.days(data.age_days)));
    }
    text.push_str(&say.written(&style.moment(data.as_of)));
    if data.skipped_rows > 0 {
        text.push_str(&say.skipped_rows(data.skipped_rows));
    }
    text
}

/// An event in words.
pub(super) fn unusual<T>(
    say: &dyn Catalog,
    event: &Anomaly,
    put: impl FnOnce(&Unusual<'_>) -> T,
) -> T {
    let style = say.style();
    let (first, last) = (style.date(event.first), style.date(event.last));
    let days = match (event.first == event.last, event.is_open) {
        (true, _) => Days::One(&first),
        (false, true) => Days::Since(&first),
        (false, false) => Days::FromTo(&first, &last),
    };
    let impact = Money::new(event.impact.amount.abs(), event.impact.currency);
    put(&Unusual {
        kind: event.kind,
        side: event.side(),
        span: &say.span(&days),
        impact: &style.money(impact),
        whole: &style.whole(impact),
        cost: &style.money(event.cost),
        expected: &style.money(event.expected),
    })
}

/// What made up an event by services; `None` when nothing is known of that.
pub(super) fn made_up(say: &dyn Catalog, event: &Anomaly) -> Option<DriverTable> {
    let drivers = event.drivers.first()?;
    let parts = drivers.items.iter();
    let parts = parts.map(|item| (&*item.name, item.change, item.cause));
    let title = say.made_up_title(&say.style().signed_money(event.impact));
    table(say, title, parts, &rest_of(say, drivers), event.impact)
}

/// What is not named of an event, in words, as far as it is anything.
fn rest_of(say: &dyn Catalog, drivers: &AnomalyDrivers) -> Vec<(String, Money)> {
    let other = (say.everything_else().to_owned(), drivers.other);
    let expected = drivers
        .expected
        .map(|expected| (say.was_expected().to_owned(), expected));
    let rest = std::iter::once(other).chain(expected);
    rest.filter(|(_, change)| !change.amount.is_zero())
        .collect()
}

/// What made up an event by other aspects than services, a sentence each.
pub(super) fn made_up_besides(say: &dyn Catalog, event: &Anomaly) -> Vec<String> {
    let others = event.drivers.iter().skip(1);
    let sentences = others.filter(|drivers| !drivers.items.is_empty());
    let sentences = sentences.map(|drivers| {
        let items = drivers.items.iter();
        let named = items.map(|item| (say.named(&item.name), item.change));
        let parts = named.chain(rest_of(say, drivers));
        let parts =
            parts.map(|(name, change)| format!("{name} {}", say.style().signed_money(change)));
        say.made_up_by(&drivers.by, &parts.collect::<Vec<_>>().join(", "))
    });
    sentences.collect()
}

/// What moved; `None` when there is nothing to name.
pub(super) fn driver_table(say: &dyn Catalog, drivers: &Drivers) -> Option<DriverTable> {
    let style = say.style();
    let title = match &drivers.compared_with {
        Some(earlier) => say.moved_title(
            &style.signed_money(drivers.total),
            &say.range(earlier.start(), earlier.last_day()),
        ),
        None => say.spent_on_title(&style.money(drivers.total)),
    };
    let parts = drivers.items.iter();
    let parts = parts.map(|driver| (&*driver.service_name, driver.change, driver.cause));
    let other = (!drivers.other.amount.is_zero())
        .then(|| (say.everything_else().to_owned(), drivers.other));
    table(say, title, parts, other.as_slice(), drivers.total)
}

/// Parts of a whole with their shares, rounded so that they add up; `None` when none is named.
fn table<'a>(
    say: &dyn Catalog,
    title: String,
    parts: impl Iterator<Item = (&'a str, Money, Cause)>,
    rest: &[(String, Money)],
    total: Money,
) -> Option<DriverTable> {
    let parts: Vec<(&str, Money, Cause)> = parts.collect();
    if parts.is_empty() {
        return None;
    }
    let style = say.style();
    let changes: Vec<Decimal> = parts
        .iter()
        .map(|(_, change, _)| *change)
        .chain(rest.iter().map(|(_, change)| *change))
        .map(|change| change.amount)
        .collect();
    let shown = rounded_together(&changes, total.amount);
    let percents: Option<Vec<Decimal>> = changes
        .iter()
        .map(|change| {
            let hundredfold = change.checked_mul(Decimal::ONE_HUNDRED)?;
            hundredfold.checked_div(total.amount)
        })
        .collect();
    let shares = percents.map(|percents| rounded_together(&percents, Decimal::ONE_HUNDRED));
    let named = parts.iter().map(|(name, _, cause)| {
        let moved = match cause {
            Cause::New => Moved::New,
            Cause::Stopped => Moved::Stopped,
            Cause::Rose => Moved::Rose,
            Cause::Fell => Moved::Fell,
            Cause::Unchanged => Moved::Unchanged,
        };
        (say.named(name), say.moved(moved))
    });
    let rest = rest.iter().map(|(name, _)| (name.clone(), ""));
    let rows = named.chain(rest).enumerate().map(|(index, (name, cause))| {
        let share = shares.as_ref().map(|shares| shares[index]);
        let share = share.map(|share| style.percent(budget_engine::Percent(share)));
        DriverRow {
            name,
            change: style.signed(Money::new(shown[index], total.currency)),
            share: share.unwrap_or_default(),
            cause,
        }
    });
    Some(DriverTable {
        title,
        rows: rows.collect(),
    })
}

/// Parts rounded to whole numbers that add up to the rounded whole: each part is rounded down, and
/// what is missing goes to the parts that lost most.
fn rounded_together(parts: &[Decimal], whole: Decimal) -> Vec<Decimal> {
    let mut rounded: Vec<Decimal> = parts.iter().map(Decimal::floor).collect();
    let whole = whole.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    let sum = rounded
        .iter()
        .try_fold(Decimal::ZERO, |sum, part| sum.checked_add(*part));
    let Some(mut missing) = sum.and_then(|sum| whole.checked_sub(sum)) else {
        return rounded;
    };
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(parts[index] - rounded[index]));
    for index in order {
        if missing < Decimal::ONE {
            break;
        }
        rounded[index] += Decimal::ONE;
        missing -= Decimal::ONE;
    }
    rounded
}

/// Spend as percent of the planned amount, 0 to 100.
pub(super) fn bar(status: &Status) -> Option<u8> {
    let percent = status.percent.0.clamp(Decimal::ZERO, Decimal::ONE_HUNDRED);
    percent.trunc().to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_parts_add_up_to_the_rounded_whole() {
        let check = |parts: &[&str], whole: &str, expected: &[i64]| {
            let parts: Vec<Decimal> = parts.iter().map(|part| part.parse().unwrap()).collect();
            let expected: Vec<Decimal> = expected.iter().map(|one| (*one).into()).collect();
            assert_eq!(rounded_together(&parts, whole.parse().unwrap()), expected);
        };
        check(&["33.4", "33.3", "33.3"], "100", &[34, 33, 33]);
        check(&["1.5", "1.5", "-0.5"], "2.5", &[2, 2, -1]);
        check(&["-2.6", "-0.3"], "-2.9", &[-3, 0]);
        check(&["0.4", "0.4"], "0.8", &[1, 0]);
        check(&["7"], "7", &[7]);
    }
}
