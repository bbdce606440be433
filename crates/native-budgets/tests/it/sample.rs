//! Budgets to compile.

use std::collections::{BTreeMap, BTreeSet};

use budget_engine::{
    Budget, Budgets, Calendar, CostBasis, FollowUp, Planned, Scope, Severity, Threshold, TimeGrain,
    When,
};
use jiff::civil::{Date, date};
use native_budgets::{Compiled, Contacts, Desired, Names, Provider, Settings, compile};
use rust_decimal::Decimal;

pub(crate) const TODAY: Date = date(2026, 11, 18);
pub(crate) const SUBSCRIPTION: &str = "/subscriptions/5f0e0000-0000-0000-0000-000000000001";

/// A monthly budget of EUR 10,000 on one subscription.
pub(crate) fn budget(id: &str, thresholds: &[&str]) -> Budget {
    let threshold = |text: &&str| {
        let when: When = text.parse().unwrap();
        Threshold {
            id: when.default_id(),
            when,
            probability: Decimal::from(80),
            severity: Severity::Warning,
            notify: vec!["mail".into()],
            follow_up: FollowUp::default(),
        }
    };
    Budget {
        id: id.into(),
        name: id.into(),
        scopes: vec![scope(SUBSCRIPTION)],
        filter: None,
        exclude: BTreeSet::new(),
        cost_basis: CostBasis::Actual,
        currency: "EUR".parse().unwrap(),
        calendar: Calendar::new(TimeGrain::Monthly, date(2024, 1, 1)),
        starts: None,
        ends: None,
        planned: Planned::Flat(Decimal::from(10_000)),
        parent: None,
        thresholds: thresholds.iter().map(threshold).collect(),
        owners: vec![],
        margin: Budget::MARGIN,
    }
}

pub(crate) fn scope(path: &str) -> Scope {
    Scope::parse(path).unwrap()
}

/// Every threshold mails one address.
pub(crate) fn settings(budget: &Budget) -> Settings {
    let contacts = Contacts {
        emails: vec!["cost@contoso.example".into()],
        ..Contacts::default()
    };
    let thresholds = budget.thresholds.iter();
    let thresholds = thresholds.map(|each| (each.id.clone(), contacts.clone()));
    Settings {
        provider: Provider::Consumption,
        name: None,
        scope: None,
        thresholds: thresholds.collect::<BTreeMap<_, _>>(),
    }
}

pub(crate) fn compiled(budget: &Budget, settings: &Settings) -> Compiled {
    let budgets = Budgets::new(vec![budget.clone()]).unwrap();
    let planned = Ok(Decimal::from(10_000));
    compile(&budgets, budget, settings, &planned, TODAY)
}

/// The names of budgets of the configuration that are called by their ids.
pub(crate) fn names(ids: &[&str]) -> Names {
    let settings = |id: &&str| ((*id).to_owned(), settings(&budget(id, &[])));
    let settings: BTreeMap<String, Settings> = ids.iter().map(settings).collect();
    Names::new(&settings, &[])
}

/// What Azure should have of a budget with these thresholds.
pub(crate) fn desired(id: &str, thresholds: &[&str]) -> Desired {
    let budget = budget(id, thresholds);
    compiled(&budget, &settings(&budget)).desired.unwrap()
}
