//! Parts that many answers share: resources, amounts, and spans of days.

use axum::http::StatusCode;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::answer::{Exact, Object, Refusal};
use super::filter::{Comparison, Term};
use super::operation::{Call, day};
use crate::world::{Agreement, World};

/// A resource: `id`, `name`, `type` and `properties`.
pub(super) fn resource(scope: &str, kind: &str, name: &str, properties: Object) -> Object {
    Object::new()
        .with("id", format!("{scope}/providers/{kind}/{name}"))
        .with("name", name)
        .with("type", kind)
        .with("properties", properties)
}

/// An amount as a JSON number with all its digits.
pub(super) fn exact(amount: Decimal) -> Exact {
    Exact(amount.normalize())
}

/// An amount of the newer shapes: `{"currency": …, "value": …}`.
pub(super) fn money(amount: Decimal, currency: &str) -> Object {
    Object::new()
        .with("currency", currency)
        .with("value", exact(amount))
}

/// Refuses an API that the world's agreement does not have.
pub(super) fn only(world: &World, agreements: &[Agreement]) -> Result<(), Refusal> {
    if agreements.contains(&world.agreement) {
        return Ok(());
    }
    let message = format!(
        "The API is not supported for the agreement {}.",
        world.agreement
    );
    let status = StatusCode::BAD_REQUEST;
    Err(Refusal::new(
        status,
        "SubscriptionTypeNotSupported",
        message,
    ))
}

/// First and last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) first: Date,
    pub(super) last: Date,
}

impl Days {
    /// The days of the billing period in the path, or of the current month.
    pub(super) fn of_period(call: &Call) -> Days {
        let today = call.today();
        let period = call.scope.as_ref().and_then(|scope| scope.period.as_ref());
        match period {
            Some(period) => Days {
                first: period.first,
                last: period.last,
            },
            None => Days {
                first: today.first_of_month(),
                last: today.last_of_month(),
            },
        }
    }

    /// These days, as far as terms on one of the names and `startDate` and `endDate` let them be;
    /// and the terms on other names. `start` and `end` may be the same name.
    pub(super) fn asked(
        mut self,
        call: &Call,
        start: &str,
        end: &str,
    ) -> Result<(Days, Vec<Term>), Refusal> {
        let mut others = Vec::new();
        for term in call.filter_terms()? {
            if !term.is(start) && !term.is(end) {
                others.push(term);
                continue;
            }
            let at = day("$filter", &term.value)?;
            match term.comparison {
                Comparison::GreaterOrEqual => self.first = at,
                Comparison::Greater => self.first = at.tomorrow().unwrap_or(at),
                Comparison::LessOrEqual => self.last = at,
                Comparison::Less => self.last = at.yesterday().unwrap_or(at),
                Comparison::Equal if start == end => (self.first, self.last) = (at, at),
                Comparison::Equal if term.is(start) => self.first = at,
                Comparison::Equal => self.last = at,
                Comparison::Contains => {
                    return Err(Refusal::bad_request("Days cannot be compared by contains."));
                }
            }
        }
        self.first = call.date("startDate")?.unwrap_or(self.first);
        self.last = call.date("endDate")?.unwrap_or(self.last);
        if self.first > self.last {
            let message = format!(
                "The start date {} lies after the end date {}.",
                self.first, self.last
            );
            return Err(Refusal::bad_request(message));
        }
        Ok((self, others))
    }

    /// As [`Days::asked`], where there is nothing else to filter by.
    pub(super) fn asked_alone(self, call: &Call, start: &str, end: &str) -> Result<Days, Refusal> {
        let (days, others) = self.asked(call, start, end)?;
        match others.first() {
            None => Ok(days),
            Some(term) => Err(Refusal::bad_request(format!(
                "The $filter on '{}' is invalid; it may be on {start} and {end}.",
                term.name
            ))),
        }
    }

    /// The months that these days touch, each cut to them.
    pub(super) fn months(self) -> impl Iterator<Item = Days> {
        let mut next = Some(self.first);
        std::iter::from_fn(move || {
            let first = next.filter(|first| *first <= self.last)?;
            let last = first.last_of_month().min(self.last);
            next = last.tomorrow().ok();
            Some(Days { first, last })
        })
    }
}

/// The name of a month as a billing period: `yyyymm`.
pub(super) fn period_name(month: Date) -> String {
    format!("{:04}{:02}", month.year(), month.month())
}

/// The id of a billing period of the account.
pub(super) fn period_id(world: &World, month: Date) -> String {
    format!(
        "/providers/Microsoft.Billing/billingAccounts/{}/billingPeriods/{}",
        world.billing_account,
        period_name(month)
    )
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn months_are_cut_to_the_days_asked_for() {
        let days = Days {
            first: date(2026, 1, 15),
            last: date(2026, 3, 2),
        };
        let months: Vec<(Date, Date)> = days.months().map(|each| (each.first, each.last)).collect();
        let expected = [
            (date(2026, 1, 15), date(2026, 1, 31)),
            (date(2026, 2, 1), date(2026, 2, 28)),
            (date(2026, 3, 1), date(2026, 3, 2)),
        ];
        assert_eq!(months, expected);
    }
}
