//! Small builders: facts from a few words, budgets from a few thresholds.

use std::collections::BTreeSet;
use std::sync::Arc;

use budget_engine::*;
use jiff::civil::{Date, date};
use jiff::{Timestamp, tz::TimeZone};
use rust_decimal::Decimal;

pub(crate) const SCOPE: &str = "/subscriptions/a/resourceGroups/g";

pub(crate) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn eur(text: &str) -> Money {
    Money::new(decimal(text), "EUR".parse().unwrap())
}

/// Midnight UTC at the end of a day: when data that end with that day were written.
pub(crate) fn at(day: Date) -> Timestamp {
    day.to_zoned(TimeZone::UTC).unwrap().timestamp()
}

/// Costs in the facts of one test.
pub(crate) struct Costs {
    builder: FactsBuilder,
}

impl Costs {
    pub(crate) fn new() -> Self {
        let mut projection = Projection::default();
        projection.dimensions.insert(Dimension::ServiceName);
        projection.tags.insert(TagName::new("env"));
        Costs {
            builder: FactsBuilder::new(projection),
        }
    }

    pub(crate) fn row(self, day: Date, service: &str, cost: &str) -> Self {
        self.full(day, SCOPE, service, "EUR", ChargeCategory::Usage, "", cost)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one argument a column reads like a row"
    )]
    pub(crate) fn full(
        mut self,
        day: Date,
        scope: &str,
        service: &str,
        currency: &str,
        category: ChargeCategory,
        env: &str,
        cost: &str,
    ) -> Self {
        let place = Place {
            resource: Some(Scope::parse(scope).unwrap()),
            ..Place::default()
        };
        let series = self.builder.series(SeriesKey {
            place: Arc::new(place),
            currency: currency.parse().unwrap(),
            category,
            dimensions: vec![service.into()],
            tags: vec![env.into()],
        });
        self.builder
            .add(series, day, Some(decimal(cost)), None)
            .unwrap();
        self
    }

    /// The same cost on every day of a range.
    pub(crate) fn every_day(mut self, from: Date, until: Date, service: &str, cost: &str) -> Self {
        for day in dates(from, until) {
            self = self.row(day, service, cost);
        }
        self
    }

    pub(crate) fn written(self, as_of: Timestamp) -> CostFacts {
        self.builder.finish(as_of)
    }
}

/// A monthly budget of EUR 1,000 on one resource group.
pub(crate) fn budget(thresholds: &[&str]) -> Budget {
    Budget {
        id: "payments".into(),
        name: "Payments".into(),
        scopes: vec![Scope::parse(SCOPE).unwrap()],
        filter: None,
        exclude: BTreeSet::new(),
        cost_basis: CostBasis::Actual,
        currency: "EUR".parse().unwrap(),
        calendar: Calendar::new(TimeGrain::Monthly, date(2026, 1, 1)),
        starts: None,
        ends: None,
        planned: Planned::Flat(Decimal::from(1000)),
        parent: None,
        thresholds: thresholds
            .iter()
            .map(|text| {
                let when: When = text.parse().unwrap();
                Threshold {
                    id: when.default_id(),
                    when,
                    probability: Decimal::from(80),
                    severity: Severity::Warning,
                    notify: vec![format!("to-{}", when.kind())],
                    follow_up: FollowUp::default(),
                }
            })
            .collect(),
        owners: vec![],
        margin: Decimal::ZERO,
    }
}

pub(crate) fn observed(budget: &Budget, facts: &CostFacts, today: Date) -> Observed {
    try_observe(budget, facts, today).unwrap()
}

pub(crate) fn try_observe(
    budget: &Budget,
    facts: &CostFacts,
    today: Date,
) -> Result<Observed, ObserveError> {
    let budgets = Budgets::new(vec![budget.clone()]).unwrap();
    observe(
        facts,
        budget,
        &budgets.selectors(budget),
        Lag::default(),
        today,
    )
}

pub(crate) fn status_of(
    budget: &Budget,
    facts: &CostFacts,
    forecast: Option<&Forecast>,
    today: Date,
) -> Status {
    let observed = observed(budget, facts, today);
    let period = budget.calendar.period_of(today).unwrap();
    let forecast = forecast.ok_or_else(|| "too little history".to_owned());
    status(budget, budget.scopes.clone(), &observed, forecast, &period).unwrap()
}
