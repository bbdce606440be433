//! What a forecast is told besides the costs of its budget: holidays, planned costs, how much of a day is
//! posted by now, how the weekdays of the budget around differ, and what makes the parts of a budget add
//! up to it.

mod family;

use std::collections::BTreeMap;

use budget_engine::{Budget, Observed};
use cost_forecast::{Options, PlannedCost, WeekShape};
use rust_decimal::prelude::ToPrimitive;

use crate::config::Config;
use crate::settling::Postings;

pub(crate) use self::family::prepare;

/// What a forecast is told besides the costs of its budget.
#[derive(Debug, Clone)]
pub(crate) struct Outlook {
    options: Options,
    /// What was posted of each of the last days, and when.
    postings: Postings,
    /// The weekdays of the budget around, for a budget that is too young to show its own.
    week: Option<Week>,
    /// By what the cost of the days to come is multiplied.
    factor: f64,
}

/// The weekdays of a budget.
#[derive(Debug, Clone)]
pub(crate) struct Week {
    /// Id of the budget.
    pub(crate) of: String,
    pub(crate) shape: WeekShape,
}

/// Outlooks by the ids of their budgets.
pub(crate) type Outlooks = BTreeMap<String, Outlook>;

impl Outlook {
    /// What the configuration says.
    pub(crate) fn configured(config: &Config, budget: &Budget) -> Outlook {
        let options = Options::default()
            .with_holidays(config.forecast.holidays.clone())
            .with_planned(planned(config, budget));
        Outlook {
            options,
            postings: Postings::default(),
            week: None,
            factor: 1.0,
        }
    }

    /// What was posted of the last days.
    pub(crate) fn postings(&self) -> &Postings {
        &self.postings
    }

    /// What the forecaster is told about these days.
    pub(crate) fn options(&self, observed: &Observed) -> Options {
        let week = self.week.as_ref().map(|week| week.shape);
        let arrivals = self.postings.arrivals(observed);
        self.options.clone().with_week(week).with_arrivals(arrivals)
    }

    /// The budget whose weekdays stand in for those of a young one, by id.
    pub(crate) fn weekdays_of(&self) -> Option<&str> {
        self.week.as_ref().map(|week| week.of.as_str())
    }

    /// By what the cost of the days to come is multiplied.
    pub(crate) fn factor(&self) -> f64 {
        self.factor
    }
}

/// The costs of planned events in a budget. Those of its parts are its own, unless an event names it.
fn planned(config: &Config, budget: &Budget) -> Vec<PlannedCost> {
    let events = config.attention.events.iter();
    let costs = events.filter_map(|event| {
        let daily = daily_cost(config, budget, &|budget| {
            event.daily_cost.filter(|_| event.concerns(&budget.id))
        })?;
        Some(PlannedCost {
            from: event.from,
            until: event.until.saturating_add(jiff::Span::new().days(1)),
            daily: daily.to_f64()?,
        })
    });
    costs.collect()
}

/// What an event costs a day in a budget, or in all of its parts; `None` if it does not concern them.
fn daily_cost(
    config: &Config,
    budget: &Budget,
    own: &dyn Fn(&Budget) -> Option<rust_decimal::Decimal>,
) -> Option<rust_decimal::Decimal> {
    own(budget).or_else(|| {
        let parts = config.budgets.children(&budget.id);
        let parts = parts.filter(|part| part.currency == budget.currency);
        let costs = parts.filter_map(|part| daily_cost(config, part, own));
        costs.reduce(|sum, cost| sum.saturating_add(cost))
    })
}
