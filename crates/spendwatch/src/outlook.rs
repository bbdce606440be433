//! What a forecast is told besides the costs of its budget: holidays, planned costs, how much of a day is
//! posted by now, how earlier forecasts turned out, how the weekdays of the budget around differ, and what
//! makes the parts of a budget add up to it.

mod family;

use std::collections::BTreeMap;

use budget_engine::{Budget, Observed};
use cost_forecast::{Options, PlannedCost, Scored, WeekShape, anomaly};
use rust_decimal::prelude::ToPrimitive;

use crate::config::Config;
use crate::settling::Postings;

pub(crate) use self::family::prepare;

/// What a forecast is told besides the costs of its budget.
#[derive(Debug, Clone)]
pub(crate) struct Outlook {
    options: Options,
    kept: Kept,
    /// The weekdays of the budget around, for a budget that is too young to show its own.
    week: Option<Week>,
    /// By what the cost of the days to come is multiplied.
    factor: f64,
}

/// What earlier evaluations kept for the forecasts to come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    /// What was posted of each of the last days, and when.
    pub(crate) postings: Postings,
    /// How earlier forecasts turned out.
    pub(crate) scored: Option<Scored>,
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
        let options = Options::default().with_holidays(config.forecast.holidays.clone());
        Outlook::new(options.with_planned(planned(config, budget)))
    }

    /// Nothing but these options.
    pub(crate) fn new(options: Options) -> Outlook {
        Outlook {
            options,
            kept: Kept::default(),
            week: None,
            factor: 1.0,
        }
    }

    /// What was posted of the last days.
    pub(crate) fn postings(&self) -> &Postings {
        &self.kept.postings
    }

    /// The same, told how earlier forecasts turned out.
    pub(crate) fn with_scored(mut self, scored: Option<Scored>) -> Outlook {
        self.kept.scored = scored;
        self
    }

    /// The factor by which that widens the range.
    pub(crate) fn spread(&self) -> f64 {
        self.kept.scored.as_ref().map_or(1.0, Scored::spread)
    }

    /// What the forecaster is told about these days.
    pub(crate) fn options(&self, observed: &Observed) -> Options {
        let week = self.week.as_ref().map(|week| week.shape);
        let arrivals = self.kept.postings.arrivals(observed);
        let options = self.options.clone().with_week(week);
        let options = options.with_arrivals(arrivals);
        options.with_scored(self.kept.scored.clone())
    }

    /// What the detector of unusual days is told.
    pub(crate) fn of_anomalies(&self) -> anomaly::Options {
        anomaly::Options::default()
            .with_planned(self.options.planned.clone())
            .with_holidays(self.options.holidays.clone())
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
