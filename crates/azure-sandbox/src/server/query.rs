//! `Microsoft.CostManagement/query`: sums by day and group.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, Exact, Handled, Object, Refusal};
use super::dataset::{Dataset, Definition, Granularity, Group, Sorting, invalid};
use super::operation::{COST_MANAGEMENT, Call, Operation, post};
use super::quota::Charge;
use super::rows;
use super::scope::Kind;
use crate::world::Basis;

/// Scopes of query, forecast, dimensions, alerts and exports.
pub(super) const SCOPES: &[Kind] = &[
    Kind::Subscription,
    Kind::ResourceGroup,
    Kind::ManagementGroup,
    Kind::BillingAccount,
    Kind::Department,
    Kind::EnrollmentAccount,
    Kind::BillingProfile,
    Kind::InvoiceSection,
    Kind::Customer,
    Kind::External,
];

pub(super) const OPERATIONS: &[Operation] = &[
    post(
        "Query_Usage",
        "{scope}/providers/Microsoft.CostManagement/query",
        COST_MANAGEMENT,
        usage,
    )
    .at(SCOPES),
    post(
        "Query_UsageByExternalCloudProviderType",
        "/providers/Microsoft.CostManagement/{externalType}/{externalId}/query",
        COST_MANAGEMENT,
        external,
    ),
];

/// A value in a row of an answer.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Cell {
    Number(Exact),
    Day(u32),
    Text(String),
}

/// The longest range of one call, in days.
const LONGEST: i32 = 366;

/// Sums in one currency, by period and groups.
type Sums = BTreeMap<(Date, Vec<String>, String), Vec<Decimal>>;

/// There are no costs of other clouds.
pub(super) fn external(call: &Call) -> Handled {
    let _: Definition = call.request.json()?;
    Ok(answer(call, &[], Vec::<Cell>::new(), None))
}

fn usage(call: &Call) -> Handled {
    let scope = call.scope()?;
    rows::check_scope(&call.world, scope)?;
    let definition: Definition = call.request.json()?;
    let basis = definition.basis()?;
    let (first, last) = definition.days(call.today())?;
    if (last - first).get_days() > LONGEST {
        return Err(invalid("the time period is longer than a year"));
    }
    let Some(dataset) = &definition.dataset else {
        return Err(invalid("the dataset is missing"));
    };
    let granularity = dataset.granularity()?;
    let measures = dataset.measures()?;
    let groups = dataset.groups(call)?;
    if let Some(filter) = &dataset.filter {
        filter.check()?;
    }
    let headers = match charge(call, first, last) {
        Charge::Paid(headers) => headers,
        Charge::Refused(answer) => return Ok(answer),
    };
    let mut columns: Vec<(&str, &str)> = Vec::new();
    columns.extend(measures.iter().map(|(name, _)| (&**name, "Number")));
    match granularity {
        Granularity::Total => {}
        Granularity::Daily => columns.push(("UsageDate", "Number")),
        Granularity::Monthly => columns.push(("BillingMonth", "Datetime")),
    }
    for (group, asked) in groups.iter().zip(&dataset.grouping) {
        match group {
            Group::Dimension(_) => columns.push((&asked.name, "String")),
            Group::Tag(_) => columns.extend([("TagKey", "String"), ("TagValue", "String")]),
        }
    }
    columns.push(("Currency", "String"));
    let sums = sums(call, basis, (first, last), dataset, &groups)?;
    let rows = sums.into_iter().map(|((period, values, currency), sums)| {
        let mut cells: Vec<Cell> = sums.into_iter().map(number).collect();
        cells.extend(period_cell(granularity, period));
        for (group, value) in groups.iter().zip(values) {
            if let Group::Tag(key) = group {
                cells.push(Cell::Text(key.to_lowercase()));
            }
            cells.push(Cell::Text(value));
        }
        cells.push(Cell::Text(currency));
        cells
    });
    let mut rows: Vec<Vec<Cell>> = rows.collect();
    sort(&mut rows, &columns, &dataset.sorting)?;
    let page = call.page(rows, call.page_size(5000)?)?;
    let mut answer = answer(call, &columns, page.items, page.next);
    for (name, value) in headers {
        answer = answer.with_header(name, &value);
    }
    Ok(answer)
}

/// Charges a call for the months that it reads.
pub(super) fn charge(call: &Call, first: Date, last: Date) -> Charge {
    let months = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month());
    let units = months(last).abs_diff(months(first)) + 1;
    let client_type = call.request.header("clienttype").unwrap_or_default();
    let scope = call.scope.as_ref().map(|scope| &*scope.path);
    let quotas = &call.sandbox.quotas;
    quotas.charge(client_type, scope.unwrap_or_default(), units)
}

fn sums(
    call: &Call,
    basis: Basis,
    (first, last): (Date, Date),
    dataset: &Dataset,
    groups: &[Group],
) -> Result<Sums, Refusal> {
    let (scope, measures) = (call.scope()?, dataset.measures()?);
    let granularity = dataset.granularity()?;
    let mut sums = Sums::new();
    let rows = call.world.rows_on(basis, first, last);
    for row in rows.filter(|row| rows::is_in(row, scope)) {
        if dataset
            .filter
            .as_ref()
            .is_some_and(|filter| !filter.passes(&row))
        {
            continue;
        }
        let period = match granularity {
            Granularity::Total => first,
            Granularity::Daily => row.date,
            Granularity::Monthly => row.date.first_of_month(),
        };
        let values = groups.iter().map(|group| group.of(&row)).collect();
        let key = (period, values, row.subscription.currency.clone());
        let sum = sums
            .entry(key)
            .or_insert_with(|| vec![Decimal::ZERO; measures.len()]);
        for (sum, (_, measure)) in sum.iter_mut().zip(&measures) {
            *sum += measure.in_row(&row);
        }
    }
    Ok(sums)
}

pub(super) fn number(amount: Decimal) -> Cell {
    Cell::Number(Exact(amount.normalize()))
}

/// A period as rows have it: a day as the number `yyyymmdd`, a month as a date-time.
pub(super) fn period_cell(granularity: Granularity, period: Date) -> Option<Cell> {
    match granularity {
        Granularity::Total => None,
        Granularity::Daily => {
            let year = u32::from(period.year().unsigned_abs());
            let (month, day) = (period.month().unsigned_abs(), period.day().unsigned_abs());
            Some(Cell::Day(
                year * 10_000 + u32::from(month) * 100 + u32::from(day),
            ))
        }
        Granularity::Monthly => Some(Cell::Text(format!("{period}T00:00:00"))),
    }
}

fn sort(
    rows: &mut [Vec<Cell>],
    columns: &[(&str, &str)],
    sorting: &[Sorting],
) -> Result<(), Refusal> {
    // The last key first: sorting is stable.
    for key in sorting.iter().rev() {
        let mut names = columns.iter();
        let Some(index) = names.position(|(name, _)| name.eq_ignore_ascii_case(&key.name)) else {
            return Err(invalid(&format!(
                "'{}' cannot be sorted by; it is no column",
                key.name
            )));
        };
        let is_descending = key.direction.to_ascii_lowercase().starts_with("desc");
        rows.sort_by(|left, right| {
            let order = compare(&left[index], &right[index]);
            if is_descending {
                order.reverse()
            } else {
                order
            }
        });
    }
    Ok(())
}

fn compare(left: &Cell, right: &Cell) -> Ordering {
    match (left, right) {
        (Cell::Number(left), Cell::Number(right)) => left.cmp(right),
        (Cell::Day(left), Cell::Day(right)) => left.cmp(right),
        (Cell::Text(left), Cell::Text(right)) => left.cmp(right),
        _ => Ordering::Equal,
    }
}

/// The answer of query and of forecast, which says that it is one of query.
pub(super) fn answer(
    call: &Call,
    columns: &[(&str, &str)],
    rows: impl Serialize,
    next: Option<String>,
) -> Answer {
    let columns = columns.iter();
    let columns: Vec<_> = columns
        .map(|(name, kind)| json!({"name": name, "type": kind}))
        .collect();
    let scope = call.scope.as_ref().map(|scope| &*scope.path);
    let scope = scope.unwrap_or_default();
    let name = "1f1f3c0a-0001-4000-8000-0000000000a1";
    let id = format!("{scope}/providers/Microsoft.CostManagement/query/{name}");
    let properties = Object::new()
        .with("nextLink", next)
        .with("columns", columns)
        .with("rows", rows);
    Answer::json(
        &Object::new()
            .with("id", id.trim_start_matches('/'))
            .with("name", name)
            .with("type", "Microsoft.CostManagement/query")
            .with("location", None::<()>)
            .with("sku", None::<()>)
            .with("eTag", None::<()>)
            .with("properties", properties),
    )
}
