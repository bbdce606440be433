//! When a budget begins. Azure takes a new budget only from the period that is running, or from a
//! later one; a budget that it has keeps its start for good.

use azure_cost::{Budget as AzureBudget, BudgetPeriod};
use jiff::ToSpan;
use jiff::civil::Date;

use crate::compare::day_of;
use crate::desired::Desired;

/// Months of a grain; `None` for windows that move with the day and have no periods.
pub(crate) fn months_of(grain: &str) -> Option<i32> {
    match &*grain.to_ascii_lowercase() {
        "monthly" | "billingmonth" => Some(1),
        "quarterly" | "billingquarter" => Some(3),
        "annually" | "billingannual" => Some(12),
        _ => None,
    }
}

/// Months between two days, by the calendar.
pub(crate) fn months_between(from: Date, to: Date) -> i32 {
    let months = |day: Date| i32::from(day.year()) * 12 + i32::from(day.month());
    months(to) - months(from)
}

/// The first day of one of Azure's budgets, in whichever time zone it was written.
pub fn first_day(budget: &AzureBudget) -> Date {
    day_of(budget.time_period.start)
}

/// The last day of one of Azure's budgets; `None` for Azure's own ten years.
pub fn last_day(budget: &AzureBudget) -> Option<Date> {
    budget.time_period.end.map(day_of)
}

/// The start that Azure takes of a budget that is made `today`: of the period that is running if
/// periods are counted from the budget's own start, today for windows that move with the day, and
/// the budget's own start if that is still to come.
pub fn start_for_new(budget: &AzureBudget, today: Date) -> Date {
    let start = first_day(budget);
    if start >= today {
        return start;
    }
    let Some(every) = months_of(&budget.time_grain) else {
        return today;
    };
    let begins = |months: i32| start.saturating_add(months.months());
    let passed = months_between(start, today) / every * every;
    match begins(passed) {
        later if later > today => begins(passed - every),
        begun => begun,
    }
}

/// The same budget, to be made `today`.
pub fn made_on(budget: &AzureBudget, today: Date) -> AzureBudget {
    let mut budget = budget.clone();
    let start = start_for_new(&budget, today);
    if start != first_day(&budget) {
        budget.time_period.start = BudgetPeriod::new(start, None).start;
    }
    budget
}

impl Desired {
    /// The same with a start that Azure takes today, in case it has to be made.
    #[must_use]
    pub fn made_on(mut self, today: Date) -> Desired {
        self.budget = made_on(&self.budget, today);
        self
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use rust_decimal::Decimal;

    use super::*;

    #[test]
    fn a_start_in_the_past_moves_to_the_running_period_of_its_grain() {
        let today = date(2026, 11, 18);
        for (grain, start, expected) in [
            ("Monthly", date(2024, 1, 1), date(2026, 11, 1)),
            ("Monthly", date(2026, 11, 1), date(2026, 11, 1)),
            ("Monthly", date(2026, 12, 1), date(2026, 12, 1)),
            // Quarters from February: February, May, August, November.
            ("Quarterly", date(2024, 2, 1), date(2026, 11, 1)),
            ("quarterly", date(2024, 1, 1), date(2026, 10, 1)),
            ("Annually", date(2020, 12, 1), date(2025, 12, 1)),
            ("Annually", date(2020, 11, 1), date(2026, 11, 1)),
            ("BillingMonth", date(2026, 1, 18), date(2026, 11, 18)),
            ("BillingMonth", date(2026, 1, 19), date(2026, 10, 19)),
            ("BillingMonth", date(2026, 5, 31), date(2026, 10, 31)),
            ("BillingQuarter", date(2026, 2, 19), date(2026, 8, 19)),
            ("Last7Days", date(2026, 3, 5), today),
            ("Last30Days", date(2026, 11, 20), date(2026, 11, 20)),
        ] {
            let period = BudgetPeriod::new(start, None);
            let budget = AzureBudget::new("web", Decimal::ONE, grain, period);
            assert_eq!(start_for_new(&budget, today), expected, "{grain} {start}");
            assert_eq!(first_day(&made_on(&budget, today)), expected);
        }
    }
}
