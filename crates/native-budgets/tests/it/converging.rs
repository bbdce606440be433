//! Whatever Azure has and whatever is wanted, one plan brings it to rest.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::{
    Budget as AzureBudget, BudgetComparison, BudgetCondition, BudgetFilter, BudgetNotification,
    BudgetPeriod,
};
use jiff::civil::date;
use native_budgets::{Action, Desired, Live, Names, Origin, Provider, Prune, differences};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::planning::{apply, here, live};
use crate::sample::{self, SUBSCRIPTION, scope};

/// Budgets as people, templates and other tools leave them.
fn any_live() -> impl Strategy<Value = AzureBudget> {
    let notification = (
        0..=3_u32,
        1..=4_u32,
        any::<bool>(),
        any::<bool>(),
        0..3_usize,
    );
    let notifications = proptest::collection::btree_map(
        "[a-cAF]{1,2}|Actual_80|Forecasted_100",
        notification,
        0..5,
    );
    let grain = prop_oneof![
        Just("Monthly"),
        Just("monthly"),
        Just("Quarterly"),
        Just("BillingMonth")
    ];
    let start = prop_oneof![
        Just("2017-06-01T00:00:00Z"),
        Just("2026-10-31T23:00:00Z"),
        Just("2026-11-01T00:00:00Z"),
        Just("2027-03-01T00:00:00Z"),
        Just("2026-09-01T08:00:00Z"),
    ];
    let end = prop_oneof![
        Just(None),
        Just(Some("2027-01-31T23:59:59Z")),
        Just(Some("2036-11-01T00:00:00Z"))
    ];
    (
        0..4_u32,
        grain,
        start,
        end,
        notifications,
        any::<bool>(),
        0..4_usize,
    )
        .prop_map(
            |(amount, grain, start, end, notifications, filtered, name)| {
                let period = BudgetPeriod::new(date(2026, 11, 1), None);
                let names = ["web", "WEB", "web-2", "else"];
                let mut budget =
                    AzureBudget::new(names[name], Decimal::from(amount * 5_000), grain, period);
                budget.time_period.start = start.parse().unwrap();
                budget.time_period.end = end.map(|end| end.parse().unwrap());
                budget.etag = Some("7".into());
                if filtered {
                    let tag = BudgetComparison::new("env", vec!["prod".into()]);
                    budget.filter = BudgetFilter::all(vec![BudgetCondition::Tags(tag)]);
                }
                for (key, (percent, operator, forecast, enabled, mails)) in notifications {
                    let operator = [
                        "GreaterThan",
                        "GreaterThanOrEqualTo",
                        "greaterthanorequalto",
                        "EqualTo",
                    ][operator as usize - 1];
                    let mut said = BudgetNotification::new(
                        operator,
                        Decimal::from([50, 80, 100, 120][percent as usize]),
                    );
                    said.enabled = enabled;
                    said.threshold_type = if forecast { "Forecasted" } else { "Actual" }.into();
                    said.contact_emails = ["cost@contoso.example", "more@contoso.example"][..mails]
                        .iter()
                        .map(|mail| (*mail).to_owned())
                        .collect();
                    budget.notifications.insert(key, said);
                }
                budget
            },
        )
}

proptest! {
    #[test]
    fn what_is_there_is_left_as_it_is(budget in any_live()) {
        let wanted = Desired {
            scope: scope(SUBSCRIPTION),
            provider: Provider::Consumption,
            budget: budget.clone(),
            of: None,
            amount_reason: String::new(),
            notification_reasons: BTreeMap::new(),
        };
        // A wanted budget names what is on; what is off is nothing that anybody could want.
        let mut wanted = wanted;
        wanted.budget.notifications.retain(|_, each| each.enabled);
        prop_assert_eq!(differences(&wanted, &budget), vec![]);
    }

    #[test]
    fn every_state_of_azure_comes_to_rest_in_one_step(
        budgets in proptest::collection::vec((any_live(), any::<bool>()), 0..5),
        prune in any::<bool>(),
        wanted in any_wanted(),
    ) {
        let described: Vec<Desired> = wanted.iter().filter(|each| each.of.is_none()).cloned().collect();
        let settings = BTreeMap::from([("web".to_owned(), sample::settings(&sample::budget("web", &[])))]);
        let all_names = Names::new(&settings, &described);
        let plan = |azure: &[Live], prune: &Prune| native_budgets::plan(&wanted, azure, &all_names, prune);
        let mut names = BTreeSet::new();
        let mut azure: Vec<Live> = budgets
            .into_iter()
            .filter(|(budget, _)| names.insert(budget.name.to_lowercase()))
            .map(|(budget, ours)| Live { origin: if ours { here("web") } else { Origin::Elsewhere }, ..live(budget) })
            .collect();
        let before = azure.clone();
        let prune = Prune { ours: prune, named: BTreeSet::new() };
        let first = plan(&azure, &prune);
        apply(&first, &mut azure);
        let second = plan(&azure, &prune);
        prop_assert!(second.iter().all(|change| change.action == Action::Leave), "{:#?}", second);
        let mut told = 0;
        for change in second.iter().filter(|change| change.desired.is_some()) {
            let theirs = before.iter().find(|each| each.budget.name.eq_ignore_ascii_case(&change.name));
            let is_theirs = theirs.is_some_and(|each| each.origin == Origin::Elsewhere);
            // Azure has what is wanted, but for what others made and nobody may replace.
            prop_assert!(change.fields.is_empty() || is_theirs && change.is_in_the_way(), "{:#?}", change);
            prop_assert!(!change.is_in_the_way() || change.fields.iter().any(|field| field.fixed));
            told += change.desired.as_ref().map_or(0, |desired| desired.budget.notifications.len());
        }
        // All parts together say all that is wanted.
        let all: usize = wanted.iter().map(|each| each.budget.notifications.len()).sum();
        prop_assert_eq!(told, all);
        for each in before.iter().filter(|each| each.origin == Origin::Elsewhere) {
            let is_wanted = second.iter().any(|change| {
                change.desired.is_some() && change.name.eq_ignore_ascii_case(&each.budget.name)
            });
            prop_assert!(is_wanted || azure.contains(each), "what others made is left alone");
        }
    }
}

/// What a configuration may want: one budget with few or many notifications, a filter, an end, months
/// or years, and one that is described as it is and began long ago.
fn any_wanted() -> impl Strategy<Value = Vec<Desired>> {
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (switches, any::<bool>()).prop_map(|((many, filtered, ends, yearly), described)| {
        let mut wanted = match many {
            true => vec![sample::desired(
                "web",
                &["actual 80%", "forecast 100%", "actual every 10%"],
            )],
            false => vec![sample::desired("web", &["actual 80%", "forecast 100%"])],
        };
        let budget = &mut wanted[0].budget;
        if filtered {
            // Azure has costs of `prod`, which is another value.
            let tag = BudgetComparison::new("Env", vec!["PROD".into()]);
            budget.filter = BudgetFilter::all(vec![BudgetCondition::Tags(tag)]);
        }
        let start = match yearly {
            true => date(2026, 1, 1),
            false => date(2026, 11, 1),
        };
        if yearly {
            budget.time_grain = "Annually".into();
        }
        budget.time_period = BudgetPeriod::new(start, ends.then_some(date(2027, 6, 30)));
        if described {
            let period = BudgetPeriod::new(date(2024, 2, 1), None);
            let mut budget = AzureBudget::new("else", Decimal::from(7), "Quarterly", period);
            let told = wanted[0].budget.notifications["Forecasted_100"].clone();
            budget.notifications.insert("Forecasted_100".into(), told);
            let described = Desired {
                scope: scope(SUBSCRIPTION),
                provider: Provider::Consumption,
                budget,
                of: None,
                amount_reason: String::new(),
                notification_reasons: BTreeMap::new(),
            };
            wanted.push(described.made_on(sample::TODAY));
        }
        wanted
    })
}
