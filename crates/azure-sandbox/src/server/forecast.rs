//! `Microsoft.CostManagement/forecast`: what is known, and the mean of the last four weeks for
//! the days to come.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::answer::{Handled, Refusal};
use super::dataset::{Definition, FilterNode, Granularity, Measure};
use super::filter::Comparison;
use super::operation::{COST_MANAGEMENT, Call, Operation, day, post};
use super::query::{self, Cell, SCOPES, number, period_cell};
use super::quota::Charge;
use super::rows;
use super::scope::Scope;
use crate::world::{Basis, World};

/// Days of history that a forecast needs, and that its mean is taken of.
const HISTORY: i64 = 28;

/// Rows of one answer.
const MOST_ROWS: usize = 40;

pub(super) const OPERATIONS: &[Operation] = &[
    post(
        "Forecast_Usage",
        "{scope}/providers/Microsoft.CostManagement/forecast",
        COST_MANAGEMENT,
        usage,
    )
    .at(SCOPES),
    post(
        "Forecast_ExternalCloudProviderUsage",
        "/providers/Microsoft.CostManagement/{externalType}/{externalId}/forecast",
        COST_MANAGEMENT,
        query::external,
    ),
];

fn refused(code: &str, message: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, code, message)
}

fn usage(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    if call.request.body.is_empty() {
        return Err(refused(
            "EmptyForecastRequestBody",
            "The request body is empty.",
        ));
    }
    let definition: Definition = serde_json::from_slice(&call.request.body).map_err(|error| {
        refused(
            "InvalidForecastRequestBody",
            &format!("The body is invalid: {error}."),
        )
    })?;
    let Some(dataset) = &definition.dataset else {
        return Err(refused(
            "DontContainsDataSet",
            "The request has no dataset.",
        ));
    };
    let granularity = dataset.granularity()?;
    let with_actual = definition.include_actual_cost.unwrap_or(true);
    if !with_actual && definition.include_fresh_partial_cost == Some(true) {
        let code = "DontContainIncludeActualCostWhileIncludeFreshPartialCost";
        return Err(refused(code, "Fresh partial cost needs includeActualCost."));
    }
    let with_fresh = with_actual && definition.include_fresh_partial_cost.unwrap_or(true);
    let (first, last) = days(call, &definition, granularity)?;
    if !dataset.grouping.is_empty() {
        return Err(Refusal::bad_request("A forecast takes no grouping."));
    }
    if dataset.aggregation.is_empty() {
        return Err(Refusal::bad_request("A forecast needs an aggregation."));
    }
    let basis = definition.basis()?;
    let (name, measure) = dataset.measures()?.swap_remove(0);
    if measure == Measure::Quantity {
        return Err(Refusal::bad_request("UsageQuantity cannot be forecast."));
    }
    if let Some(filter) = &dataset.filter {
        filter.check()?;
    }
    let asked = asked(call, granularity)?;
    let headers = match query::charge(call, first, last) {
        Charge::Paid(headers) => headers,
        Charge::Refused(answer) => return Ok(answer),
    };
    let mut columns = vec![(&*name, "Number")];
    match granularity {
        Granularity::Total => {}
        Granularity::Daily => columns.push(("UsageDate", "Number")),
        Granularity::Monthly => columns.push(("BillingMonth", "Datetime")),
    }
    columns.extend([("CostStatus", "String"), ("Currency", "String")]);

    let today = call.today();
    let filter = dataset.filter.as_ref();
    let past = history(&call.world, scope, basis, measure, filter, today);
    if past.currencies.len() > 1 {
        let status = StatusCode::FAILED_DEPENDENCY;
        let message = "The forecast is unavailable for several currencies.";
        return Err(Refusal::new(status, "FailedDependency", message));
    }
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    if let Some(mean) = past.mean {
        let currency = past.currencies.first().cloned().unwrap_or_default();
        let mut sums: BTreeMap<(Date, &str), Decimal> = BTreeMap::new();
        let period = |date: Date| match granularity {
            Granularity::Total => first,
            Granularity::Daily => date,
            Granularity::Monthly => date.first_of_month(),
        };
        if with_actual {
            let until = if with_fresh { today } else { past_of(today) };
            let actual = call.world.rows_on(basis, first, last.min(until));
            for row in actual.filter(|row| rows::is_in(row, scope)) {
                let passes = filter.is_none_or(|filter| filter.passes(&row));
                if passes && asked.takes(row.date, "Actual") {
                    let sum = sums.entry((period(row.date), "Actual")).or_default();
                    *sum += measure.in_row(&row);
                }
            }
        }
        for date in first
            .max(today)
            .series(1.day())
            .take_while(|date| *date <= last)
            .filter(|date| asked.takes(*date, "Forecast"))
        {
            *sums.entry((period(date), "Forecast")).or_default() += mean;
        }
        for ((period, status), sum) in sums {
            let mut cells = vec![number(sum)];
            cells.extend(period_cell(granularity, period));
            cells.extend([status.to_owned(), currency.clone()].map(Cell::Text));
            rows.push(cells);
        }
    }
    let page = call.page(rows, call.page_size(MOST_ROWS)?)?;
    let mut answer = query::answer(call, &columns, page.items, page.next);
    for (name, value) in headers {
        answer = answer.with_header(name, &value);
    }
    Ok(answer)
}

/// What a `$filter` asks of the days and their kind.
struct Asked {
    days: Vec<(Comparison, Date)>,
    status: Option<String>,
    /// Whether the grain is the one of the dataset.
    has_grain: bool,
}

impl Asked {
    fn takes(&self, date: Date, status: &str) -> bool {
        let is_asked = |(comparison, limit): &(Comparison, Date)| match comparison {
            Comparison::Less => date < *limit,
            Comparison::LessOrEqual => date <= *limit,
            Comparison::Greater => date > *limit,
            Comparison::GreaterOrEqual => date >= *limit,
            Comparison::Equal | Comparison::Contains => date == *limit,
        };
        let wanted = self.status.as_ref();
        self.has_grain
            && wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(status))
            && self.days.iter().all(is_asked)
    }
}

/// Reads `$filter`: days with any comparison, kind and grain with `eq`.
fn asked(call: &Call, granularity: Granularity) -> Result<Asked, Refusal> {
    let mut asked = Asked {
        days: Vec::new(),
        status: None,
        has_grain: true,
    };
    let grain = match granularity {
        Granularity::Total => "None",
        Granularity::Daily => "Daily",
        Granularity::Monthly => "Monthly",
    };
    for term in call.filter_terms()? {
        let is_equal = term.comparison == Comparison::Equal;
        if term.is("usageDate") && term.comparison != Comparison::Contains {
            let date = day("usageDate", &term.value)?;
            asked.days.push((term.comparison, date));
        } else if term.is("chargeType") && is_equal {
            asked.status = Some(term.value);
        } else if term.is("grain") && is_equal {
            asked.has_grain &= term.value.eq_ignore_ascii_case(grain);
        } else {
            return Err(Refusal::bad_request(
                "The $filter of a forecast compares usageDate, or chargeType and grain with eq.",
            ));
        }
    }
    Ok(asked)
}

fn past_of(today: Date) -> Date {
    today.yesterday().unwrap_or(today)
}

fn days(
    call: &Call,
    definition: &Definition,
    granularity: Granularity,
) -> Result<(Date, Date), Refusal> {
    let monthly_actual =
        granularity == Granularity::Monthly && definition.include_actual_cost == Some(true);
    let code = if monthly_actual {
        "DontContainsValidTimeRangeWhileMonthlyAndIncludeCost"
    } else {
        "DontContainsValidTimeRangeWhileContainsPeriod"
    };
    let is_custom = definition.timeframe.eq_ignore_ascii_case("Custom");
    let Some(period) = definition.time_period.as_ref().filter(|_| is_custom) else {
        return Err(refused(
            code,
            "A forecast needs the timeframe Custom and a timePeriod.",
        ));
    };
    let from = day("timePeriod.from", &period.from);
    let to = day("timePeriod.to", &period.to);
    let (Ok(from), Ok(to)) = (from, to) else {
        return Err(refused(
            code,
            "The timePeriod cannot be read; it has dates yyyy-mm-dd.",
        ));
    };
    if to <= call.today() {
        let message = "The end of the time period must lie in the future.";
        return Err(refused("CantForecastOnThePast", message));
    }
    if from > to {
        return Err(refused(code, "The time period ends before it begins."));
    }
    if to.year() > call.today().year() + 10 {
        return Err(Refusal::bad_request(
            "A forecast reaches 10 years ahead at most.",
        ));
    }
    Ok((from, to))
}

/// What the last four weeks say.
pub(super) struct History {
    /// The mean of a day; none if there are fewer than four weeks of data.
    pub(super) mean: Option<Decimal>,
    /// The currencies of the sums.
    pub(super) currencies: BTreeSet<String>,
}

/// Looks at the last four weeks that have data.
pub(super) fn history(
    world: &World,
    scope: &Scope,
    basis: Basis,
    measure: Measure,
    filter: Option<&FilterNode>,
    today: Date,
) -> History {
    let known = rows::subscriptions(world, scope);
    let known = known.iter().map(|each| each.last_day).max();
    let last = known.unwrap_or(today).min(past_of(today));
    let first = last.saturating_sub((HISTORY - 1).days());
    let (mut sum, mut days, mut currencies) = (Decimal::ZERO, BTreeSet::new(), BTreeSet::new());
    for row in world.rows_on(basis, first, last) {
        if rows::is_in(&row, scope) && filter.is_none_or(|filter| filter.passes(&row)) {
            sum += measure.in_row(&row);
            days.insert(row.date);
            currencies.insert(match measure {
                Measure::CostInUsd => "USD".to_owned(),
                _ => row.subscription.currency.clone(),
            });
        }
    }
    let is_enough = days.first() == Some(&first) && days.last() == Some(&last);
    History {
        mean: is_enough.then(|| (sum / Decimal::from(HISTORY)).round_dp(10)),
        currencies,
    }
}
