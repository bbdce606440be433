//! `Microsoft.Consumption/usageDetails`: the rows of the bill.

use axum::http::StatusCode;
use jiff::civil::Date;

use super::answer::{Answer, Handled, Refusal};
use super::filter::{Comparison, Term};
use super::operation::{CONSUMPTION, Call, Operation, day, get};
use super::paging::Page;
use super::rows;
use super::scope::Kind;
use super::usage_rows::item;
use crate::world::{Basis, CostRow};

const SCOPES: &[Kind] = &[
    Kind::Subscription,
    Kind::ManagementGroup,
    Kind::BillingAccount,
    Kind::Department,
    Kind::EnrollmentAccount,
    Kind::BillingProfile,
    Kind::InvoiceSection,
    Kind::Customer,
];

pub(super) const OPERATIONS: &[Operation] = &[get(
    "UsageDetails_List",
    "{scope}/providers/Microsoft.Consumption/usageDetails",
    CONSUMPTION,
    list,
)
.at(SCOPES)];

/// What a request asks for.
struct Asked {
    first: Date,
    last: Date,
    basis: Basis,
    /// Terms on other things than days.
    terms: Vec<Term>,
}

fn list(call: &Call) -> Handled {
    let scope = call.scope()?;
    let world = &*call.world;
    rows::check_scope(world, scope)?;
    let asked = asked(call)?;
    let size = call.page_size(1000)?;
    let expand = call.request.parameter("$expand").unwrap_or_default();
    let expand = expand.to_ascii_lowercase();
    let with_meter = expand.contains("meterdetails");
    let rows_from = |first: Date| {
        world.rows_on(asked.basis, first, asked.last).filter(|row| {
            rows::is_in(row, scope) && asked.terms.iter().all(|term| passes(row, term))
        })
    };
    let mishaps = call.page_mishaps();
    let page = if mishaps.is_empty() {
        // A token names the day and the row, so that a page costs no more to find at the end of
        // a long list than at its beginning.
        let (day, number) = position(call, asked.first)?;
        let is_ahead = move |row: &CostRow| row.date == day && row.number < number;
        let mut rest = rows_from(day).skip_while(is_ahead).peekable();
        let items = rest.by_ref().take(size).map(|row| item(&row, with_meter));
        let items = items.collect();
        let cursor = |row: &CostRow| format!("{}:{}", row.date, row.number);
        let next = rest.peek().map(|row| call.link(&cursor(row)));
        Page { items, next }
    } else {
        let items = rows_from(asked.first).map(|row| item(&row, with_meter));
        call.page_with(items, size, &mishaps)?
    };
    if page.items.is_empty() && page.next.is_none() && call.cursor()?.is_none() {
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    }
    Ok(page.answer())
}

/// The day and the number of the row that the `$skiptoken` stands for.
fn position(call: &Call, first: Date) -> Result<(Date, u32), Refusal> {
    let Some(cursor) = call.cursor()? else {
        return Ok((first, 0));
    };
    let parts = cursor.split_once(':');
    let position = parts.and_then(|(day, skip)| Some((day.parse().ok()?, skip.parse().ok()?)));
    position.ok_or_else(|| Refusal::bad_request("The $skiptoken is of another list."))
}

/// First and last day, from whichever parameters the agreement reads; the current billing period
/// without any.
fn asked(call: &Call) -> Result<Asked, Refusal> {
    let today = call.today();
    let period = call.scope()?.period.as_ref();
    let mut first = period.map_or(today.first_of_month(), |period| period.first);
    let mut last = period.map_or(today.last_of_month(), |period| period.last);
    let mut terms = Vec::new();
    let basis = match call.request.parameter("metric") {
        None => Basis::Actual,
        Some(metric) => match metric.to_ascii_lowercase().as_str() {
            "actualcost" | "usage" => Basis::Actual,
            "amortizedcost" => Basis::Amortized,
            _ => {
                let message = format!(
                    "The metric '{metric}' is invalid; it is actualcost, amortizedcost or usage."
                );
                return Err(Refusal::bad_request(message));
            }
        },
    };
    if call.world.agreement.is_modern() {
        // Modern agreements read these and take no filter.
        first = call.date("startDate")?.unwrap_or(first);
        last = call.date("endDate")?.unwrap_or(last);
    } else {
        for term in call.filter_terms()? {
            if !term.is("usageStart") && !term.is("usageEnd") && !term.is("date") {
                terms.push(known(term)?);
                continue;
            }
            let at = day("$filter", &term.value)?;
            let before = |at: Date| at.yesterday().unwrap_or(at);
            let after = |at: Date| at.tomorrow().unwrap_or(at);
            match term.comparison {
                Comparison::GreaterOrEqual => first = at,
                Comparison::Greater => first = after(at),
                Comparison::LessOrEqual => last = at,
                Comparison::Less => last = before(at),
                Comparison::Equal => (first, last) = (at, at),
                Comparison::Contains => {
                    return Err(Refusal::bad_request("Days cannot be compared by contains."));
                }
            }
        }
    }
    if first > last {
        let message = format!("The start date {first} lies after the end date {last}.");
        return Err(Refusal::bad_request(message));
    }
    Ok(Asked {
        first,
        last,
        basis,
        terms,
    })
}

/// Names that rows can be filtered by, with `eq` only.
const FILTERS: [&str; 7] = [
    "resourceGroup",
    "resourceName",
    "resourceId",
    "chargeType",
    "reservationId",
    "publisherType",
    "tags",
];

fn known(term: Term) -> Result<Term, Refusal> {
    let is_known = FILTERS.iter().any(|name| term.is(name));
    if is_known && term.comparison == Comparison::Equal {
        return Ok(term);
    }
    let message = format!(
        "The $filter on '{}' is invalid; it may be {} with eq, or usageStart and usageEnd.",
        term.name,
        FILTERS.join(", ")
    );
    Err(Refusal::bad_request(message))
}

fn passes(row: &CostRow, term: &Term) -> bool {
    let is = |value: &str| value.eq_ignore_ascii_case(&term.value);
    match term.name.to_ascii_lowercase().as_str() {
        "resourcegroup" => is(&row.group.name),
        "resourcename" => is(&row.resource),
        "resourceid" => is(&row.resource_id()),
        "chargetype" => is(row.charge_type),
        "publishertype" => is(row.publisher_type(false)),
        "reservationid" => row.reservation.is_some_and(|each| is(&each.id)),
        "tags" => {
            let mut tags = row.group.tags.iter();
            tags.any(|(name, value)| is(&format!("{name}:{value}")))
        }
        _ => false,
    }
}
