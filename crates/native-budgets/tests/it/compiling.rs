//! What Azure is asked to keep for a budget, and what it cannot keep.

use std::collections::BTreeSet;

use azure_cost::{Budget as AzureBudget, BudgetCondition, BudgetFilter};
use budget_engine::{
    Budgets, Calendar, ChargeCategory, CostBasis, Dimension, Filter, TagName, TimeGrain,
};
use jiff::civil::{Date, date};
use native_budgets::{Compiled, Effect, Operator, compile, native_scope};
use rust_decimal::Decimal;

use crate::sample::{SUBSCRIPTION, TODAY, budget, compiled, scope, settings};

/// `(type, percent)` of all notifications of a compiled budget.
fn told(compiled: &Compiled) -> Vec<(String, String)> {
    let notifications = native(compiled).notifications.values();
    let mut told: Vec<_> = notifications
        .map(|each| (each.threshold_type.clone(), each.threshold))
        .collect();
    told.sort();
    let told = told.into_iter();
    told.map(|(kind, percent)| (kind, percent.to_string()))
        .collect()
}

fn native(compiled: &Compiled) -> &AzureBudget {
    &compiled.desired.as_ref().unwrap().budget
}

fn losses(compiled: &Compiled) -> Vec<(&str, Effect)> {
    let losses = compiled.losses.iter();
    losses
        .map(|loss| (loss.about.as_str(), loss.effect))
        .collect()
}

fn first_day(compiled: &Compiled) -> String {
    native(compiled).time_period.start.to_string()
}

#[test]
fn percentages_of_both_kinds_stay_apart() {
    let budget = budget("web", &["actual 80%", "forecast 80%", "actual 100%"]);
    let compiled = compiled(&budget, &settings(&budget));
    let expected = [("Actual", "80"), ("Actual", "100"), ("Forecasted", "80")];
    assert_eq!(
        told(&compiled),
        expected.map(|(kind, percent)| (kind.to_owned(), percent.to_owned()))
    );
    let native = native(&compiled);
    assert_eq!(
        (native.name.as_str(), &*native.time_grain),
        ("web", "Monthly")
    );
    assert_eq!(native.amount, Some(Decimal::from(10_000)));
    assert_eq!(first_day(&compiled), "2026-11-01T00:00:00Z");
    assert!(
        native
            .notifications
            .values()
            .all(|each| each.operator == "GreaterThanOrEqualTo")
    );
    assert_eq!(
        losses(&compiled),
        [("forecast-80pct", Effect::Approximated)]
    );
}

#[test]
fn amounts_become_percentages_that_are_not_told_later() {
    // 8,000 of 10,000 is 80 %; 1,000.07 is 10.0007 %, which Azure cannot write.
    let budget = budget(
        "web",
        &[
            "actual 8000",
            "actual 1000.07",
            "actual 200000",
            "actual 0.5",
        ],
    );
    let compiled = compiled(&budget, &settings(&budget));
    assert_eq!(
        told(&compiled),
        [
            ("Actual".to_owned(), "10".to_owned()),
            ("Actual".to_owned(), "80".to_owned())
        ]
    );
    assert_eq!(
        losses(&compiled),
        [
            ("actual-1000.07", Effect::Approximated),
            // 2,000 % and 0.005 %.
            ("actual-200000", Effect::LeftOut),
            ("actual-0.5", Effect::Approximated),
            ("actual-0.5", Effect::LeftOut),
        ]
    );
}

#[test]
fn what_azure_does_not_know_is_listed() {
    let budget = budget(
        "web",
        &["actual 80%", "pace 120%", "anomaly 500", "stale 3 days"],
    );
    let compiled = compiled(&budget, &settings(&budget));
    assert_eq!(told(&compiled).len(), 1);
    let left_out = [
        ("pace-120pct", Effect::LeftOut),
        ("anomaly-500", Effect::LeftOut),
        ("stale-3-days", Effect::LeftOut),
    ];
    assert_eq!(losses(&compiled), left_out);
}

#[test]
fn a_budget_that_could_tell_nobody_is_left_out_with_the_reason() {
    let budget = budget("web", &["pace 120%"]);
    let compiled = compiled(&budget, &settings(&budget));
    assert!(compiled.desired.is_none());
    let [loss] = &compiled.losses[..] else {
        panic!("{:?}", compiled.losses)
    };
    assert_eq!(
        (loss.about.as_str(), loss.effect),
        ("thresholds", Effect::LeftOut)
    );
    assert!(loss.reason.contains("by today"), "{}", loss.reason);
}

#[test]
fn fiscal_and_billing_periods_begin_where_they_lie() {
    let start = |grain, anchor: Date| {
        let mut budget = budget("web", &["actual 80%"]);
        budget.calendar = Calendar::new(grain, anchor);
        let compiled = compiled(&budget, &settings(&budget));
        let grain = native(&compiled).time_grain.clone();
        (grain, first_day(&compiled)[..10].to_owned())
    };
    let pair = |grain: &str, day: &str| (grain.to_owned(), day.to_owned());
    assert_eq!(
        start(TimeGrain::Quarterly, date(2024, 2, 1)),
        pair("Quarterly", "2026-11-01")
    );
    assert_eq!(
        start(TimeGrain::Annually, date(2024, 7, 1)),
        pair("Annually", "2026-07-01")
    );
    assert_eq!(
        start(TimeGrain::BillingMonth, date(2024, 1, 19)),
        pair("BillingMonth", "2026-10-19")
    );
    let mut weekly = budget("web", &["actual 80%"]);
    weekly.calendar = Calendar::plain(TimeGrain::Weekly);
    let compiled = compiled(&weekly, &settings(&weekly));
    assert_eq!(losses(&compiled), [("grain", Effect::LeftOut)]);
}

#[test]
fn a_budget_of_the_future_begins_in_its_first_period_and_a_past_one_is_gone() {
    let mut future = budget("web", &["actual 80%"]);
    future.starts = Some(date(2027, 4, 1));
    assert_eq!(
        first_day(&compiled(&future, &settings(&future))),
        "2027-04-01T00:00:00Z"
    );
    future.starts = Some(date(2028, 4, 1));
    assert_eq!(
        losses(&compiled(&future, &settings(&future))),
        [("period", Effect::LeftOut)]
    );
    let mut past = budget("web", &["actual 80%"]);
    past.ends = Some(date(2026, 11, 17));
    assert_eq!(
        losses(&compiled(&past, &settings(&past))),
        [("period", Effect::LeftOut)]
    );
    past.ends = Some(TODAY);
    let end = native(&compiled(&past, &settings(&past))).time_period.end;
    assert_eq!(end.unwrap().to_string(), "2026-11-18T00:00:00Z");
}

#[test]
fn a_start_within_a_period_is_a_loss_of_that_period_alone() {
    let mut late = budget("web", &["actual 80%"]);
    late.starts = Some(date(2026, 11, 10));
    let compiled_late = compiled(&late, &settings(&late));
    assert_eq!(first_day(&compiled_late), "2026-11-01T00:00:00Z");
    assert_eq!(losses(&compiled_late), [("starts", Effect::Approximated)]);
    let reason = &compiled_late.losses[0].reason;
    assert!(reason.contains("2026-11-01"), "{reason}");
    assert!(reason.contains("2026-11-10"), "{reason}");
    for starts in [date(2026, 11, 1), date(2026, 10, 10)] {
        late.starts = Some(starts);
        assert_eq!(losses(&compiled(&late, &settings(&late))), []);
    }
}

#[test]
fn only_a_period_and_an_amount_may_come_with_time() {
    let of = |change: fn(&mut budget_engine::Budget)| {
        let mut budget = budget("web", &["actual 80%"]);
        change(&mut budget);
        let compiled = compiled(&budget, &settings(&budget));
        assert_eq!(compiled.desired, None);
        compiled.losses[0].may_pass()
    };
    assert!(of(|budget| budget.starts = Some(date(2028, 4, 1))));
    assert!(!of(
        |budget| budget.calendar = Calendar::new(TimeGrain::Weekly, date(2024, 1, 1))
    ));
    assert!(!of(|budget| budget.thresholds.clear()));
}

#[test]
fn resource_groups_of_one_subscription_share_a_filter() {
    let mut budget = budget("web", &["actual 80%"]);
    let group = |name: &str| scope(&format!("{SUBSCRIPTION}/resourceGroups/{name}"));
    budget.scopes = vec![group("web"), group("api")];
    let compiled = compiled(&budget, &settings(&budget));
    assert_eq!(
        compiled.desired.as_ref().unwrap().scope,
        scope(SUBSCRIPTION)
    );
    let [BudgetCondition::Dimensions(only)] = &native(&compiled).filter.all[..] else {
        panic!("{:?}", native(&compiled).filter)
    };
    assert_eq!(only.name, "ResourceGroupName");
    let values: BTreeSet<&str> = only.values.iter().map(String::as_str).collect();
    assert_eq!(values, BTreeSet::from(["api", "web"]));
}

#[test]
fn subscriptions_need_a_scope_above_them() {
    let mut budget = budget("web", &["actual 80%"]);
    budget.scopes = vec![scope("/subscriptions/a"), scope("/subscriptions/b")];
    let mut settings = settings(&budget);
    assert_eq!(
        losses(&compiled(&budget, &settings)),
        [("scopes", Effect::LeftOut)]
    );
    settings.scope = Some(scope(
        "/providers/Microsoft.Management/managementGroups/root",
    ));
    let done = compiled(&budget, &settings);
    assert_eq!(
        done.desired.as_ref().map(|desired| &desired.scope),
        settings.scope.as_ref()
    );
    assert_eq!(native(&done).filter.all.len(), 1);
}

#[test]
fn filters_are_written_where_azure_can_say_them() {
    let values = |values: &[&str]| {
        values
            .iter()
            .map(|value| (*value).to_owned())
            .collect::<Vec<_>>()
    };
    let service = |list: &[&str]| Filter::Dimension {
        name: Dimension::ServiceName,
        values: values(list),
    };
    let tag = |list: &[&str]| Filter::Tag {
        name: TagName::new("env"),
        values: values(list),
    };
    let written = |filter: Filter| -> Result<BudgetFilter, String> {
        let mut budget = budget("web", &["actual 80%"]);
        budget.filter = Some(filter);
        let done = compiled(&budget, &settings(&budget));
        match &done.desired {
            Some(first) => Ok(first.budget.filter.clone()),
            None => Err(done.losses[0].about.clone()),
        }
    };
    let both = written(Filter::All(vec![
        service(&["Storage"]),
        tag(&["prod", "test"]),
    ]))
    .unwrap();
    assert_eq!(both.all.len(), 2);
    assert!(
        matches!(&both.all[0], BudgetCondition::Dimensions(each) if each.name == "MeterCategory")
    );
    assert!(matches!(&both.all[1], BudgetCondition::Tags(each) if each.values == ["prod", "test"]));
    let merged = written(Filter::Any(vec![
        service(&["Storage"]),
        service(&["Bandwidth"]),
    ]))
    .unwrap();
    assert!(
        matches!(&merged.all[..], [BudgetCondition::Dimensions(each)] if each.values == ["Storage", "Bandwidth"])
    );
    for filter in [
        Filter::Not(Box::new(service(&["Storage"]))),
        Filter::Any(vec![service(&["Storage"]), tag(&["prod"])]),
        Filter::Any(vec![]),
        tag(&["prod", ""]),
        Filter::Dimension {
            name: Dimension::RegionId,
            values: values(&["westeurope"]),
        },
    ] {
        assert_eq!(
            written(filter.clone()),
            Err("filter".to_owned()),
            "{filter:?}"
        );
    }
}

#[test]
fn excluded_categories_become_the_charge_types_that_count() {
    let mut budget = budget("web", &["actual 80%"]);
    budget.exclude = BTreeSet::from([
        ChargeCategory::Purchase,
        ChargeCategory::Tax,
        ChargeCategory::Credit,
    ]);
    budget.cost_basis = CostBasis::Amortized;
    let done = compiled(&budget, &settings(&budget));
    let [BudgetCondition::Dimensions(types)] = &native(&done).filter.all[..] else {
        panic!()
    };
    assert_eq!(types.name, "ChargeType");
    let counted = types
        .values
        .iter()
        .map(|word| ChargeCategory::from_charge_type(word));
    assert_eq!(
        counted.collect::<BTreeSet<_>>(),
        BTreeSet::from([ChargeCategory::Usage, ChargeCategory::Adjustment])
    );
    let both = [
        ("exclude", Effect::Approximated),
        ("cost_basis", Effect::Approximated),
    ];
    assert_eq!(losses(&done), both);
}

#[test]
fn groups_and_roles_are_told_only_where_azure_takes_them() {
    let mut budget = budget("web", &["actual 80%", "actual 100%"]);
    let mut settings = settings(&budget);
    let groups = vec![
        "/subscriptions/a/resourceGroups/b/providers/microsoft.insights/actionGroups/c".to_owned(),
    ];
    for contacts in settings.thresholds.values_mut() {
        contacts.groups.clone_from(&groups);
        contacts.roles = vec!["Owner".into()];
        contacts.operator = Operator::GreaterThan;
    }
    settings
        .thresholds
        .get_mut("actual-100pct")
        .unwrap()
        .emails
        .clear();
    let done = compiled(&budget, &settings);
    assert_eq!(
        told(&done).len(),
        2,
        "a group is somebody at a subscription"
    );
    budget.scopes = vec![scope(
        "/providers/Microsoft.Management/managementGroups/root",
    )];
    let done = compiled(&budget, &settings);
    let [only] = native(&done).notifications.values().collect::<Vec<_>>()[..] else {
        panic!()
    };
    assert_eq!(
        (
            only.contact_groups.len(),
            only.contact_roles.len(),
            &*only.operator
        ),
        (0, 0, "GreaterThan")
    );
    let expected = [
        ("actual-80pct", Effect::Approximated),
        ("actual-100pct", Effect::LeftOut),
    ];
    assert_eq!(losses(&done), expected);
}

#[test]
fn thresholds_that_say_the_same_become_one_notification_for_all() {
    let budget = budget("web", &["actual 80%", "actual 8000"]);
    let mut settings = settings(&budget);
    settings.thresholds.get_mut("actual-8000").unwrap().emails =
        vec!["Cost@contoso.example".into(), "lead@contoso.example".into()];
    let done = compiled(&budget, &settings);
    let [only] = native(&done).notifications.values().collect::<Vec<_>>()[..] else {
        panic!()
    };
    assert_eq!(
        only.contact_emails,
        ["cost@contoso.example", "lead@contoso.example"]
    );
}

#[test]
fn no_amount_means_no_budget_and_the_reason() {
    let budget = budget("web", &["actual 80%"]);
    let budgets = Budgets::new(vec![budget.clone()]).unwrap();
    let planned = Err("the configuration has no amount for it".to_owned());
    let done = compile(&budgets, &budget, &settings(&budget), &planned, TODAY);
    assert_eq!(losses(&done), [("amount", Effect::LeftOut)]);
}

#[test]
fn too_many_addresses_of_thresholds_that_say_the_same_are_left_out_with_their_number() {
    let budget = budget("web", &["actual 80%", "actual 8000"]);
    let mut settings = settings(&budget);
    let many = |from: usize| {
        let all = from..from + 30;
        let all = all.map(|index| format!("person-{index}@contoso.example"));
        all.collect::<Vec<_>>()
    };
    // 30 and 30, of which five are the same: 55.
    settings.thresholds.get_mut("actual-80pct").unwrap().emails = many(0);
    settings.thresholds.get_mut("actual-8000").unwrap().emails = many(25);
    let done = compiled(&budget, &settings);
    let told = native(&done).notifications.values().next().unwrap();
    let first = (0..50).map(|index| format!("person-{index}@contoso.example"));
    assert_eq!(told.contact_emails, first.collect::<Vec<_>>());
    let [loss] = &done.losses[..] else {
        panic!("{:?}", done.losses)
    };
    assert_eq!(loss.about, "actual-80pct, actual-8000");
    assert!(
        loss.reason.contains("the last 5 are left out"),
        "{}",
        loss.reason
    );
}

#[test]
fn billing_periods_are_refused_where_the_scope_shows_the_agreement() {
    let account = "/providers/Microsoft.Billing/billingAccounts";
    for (place, is_taken) in [
        (SUBSCRIPTION.to_owned(), true),
        (
            format!("{account}/51c39a60-7e0b-4a57-8d43-0f5be9a4c012"),
            true,
        ),
        (format!("{account}/86420975"), false),
        (format!("{account}/86420975/departments/1"), false),
        (format!("{account}/a:b_2019-05-31"), false),
        (format!("{account}/a:b_2019-05-31/billingProfiles/P"), false),
    ] {
        let mut budget = budget("web", &["actual 80%"]);
        budget.scopes = vec![scope(&place)];
        budget.calendar = Calendar::new(TimeGrain::BillingMonth, date(2024, 1, 19));
        let done = compiled(&budget, &settings(&budget));
        assert_eq!(done.desired.is_some(), is_taken, "{place}");
        if !is_taken {
            assert_eq!(losses(&done), [("grain", Effect::LeftOut)]);
        }
    }
}

/// The percentages of spend that Azure is to tell of for one repeating threshold.
fn steps(threshold: &str) -> Vec<String> {
    let budget = budget("web", &[threshold]);
    let told = told(&compiled(&budget, &settings(&budget)));
    told.into_iter().map(|(_, percent)| percent).collect()
}

#[test]
fn of_many_steps_azure_gets_few_and_always_the_last() {
    assert_eq!(steps("actual every 30%"), ["30", "60", "90"]);
    assert_eq!(steps("actual every 120%"), ["120"]);
    // Twenty fit as they are.
    let all: Vec<String> = (1..=20).map(|step| (step * 5).to_string()).collect();
    assert_eq!(steps("actual every 5%"), all);
    // 25 steps of 4 %: every second one, down from 100 %.
    let odd: Vec<String> = (0..13).map(|step| (4 + step * 8).to_string()).collect();
    assert_eq!(steps("actual every 4%"), odd);
    // A thousand steps of 10 of 10,000: every fiftieth, which is 5 %.
    assert_eq!(steps("actual every 10"), all);
    let budget = budget("web", &["actual every 4%"]);
    let compiled = compiled(&budget, &settings(&budget));
    assert_eq!(
        compiled.losses[0].reason,
        "Azure has no repeating thresholds: it gets 13 of its 25 steps, the last at 100 %"
    );
}

#[test]
fn what_azure_does_not_get_at_all_is_not_called_similar() {
    let budget = budget("web", &["actual 80%", "forecast 1001%"]);
    let compiled = compiled(&budget, &settings(&budget));
    assert_eq!(losses(&compiled), [("forecast-1001pct", Effect::LeftOut)]);
    // Steps that begin beyond what Azure takes.
    let budget = self::budget("web", &["actual 80%", "actual every 500000"]);
    let compiled = self::compiled(&budget, &settings(&budget));
    assert_eq!(
        losses(&compiled),
        [("actual-every-500000", Effect::LeftOut)]
    );
}

#[test]
fn why_nobody_could_be_told_is_said_once() {
    let mut budget = budget("web", &["actual 80%", "pace 120%", "actual 100%"]);
    budget.scopes = vec![scope(
        "/providers/Microsoft.Management/managementGroups/all",
    )];
    let mut settings = settings(&budget);
    for contacts in settings.thresholds.values_mut() {
        contacts.emails.clear();
    }
    let compiled = compiled(&budget, &settings);
    let reason = &compiled.losses[0].reason;
    assert_eq!(reason.matches("at least one mail address").count(), 1);
}

#[test]
fn why_nobody_could_be_told_names_only_what_leaves_thresholds_out() {
    let mut budget = budget("web", &["forecast 100%", "pace 120%"]);
    budget.scopes = vec![scope(
        "/providers/Microsoft.Billing/billingAccounts/1/enrollmentAccounts/2",
    )];
    let mut settings = settings(&budget);
    for contacts in settings.thresholds.values_mut() {
        contacts.emails.clear();
        contacts.roles = vec!["Owner".to_owned()];
    }
    let compiled = compiled(&budget, &settings);
    let reason = &compiled.losses[0].reason;
    let words = "budgets of an enrollment account tell mail addresses only";
    assert!(reason.contains(words), "{reason}");
    assert!(reason.contains("set `contact_emails`"), "{reason}");
    assert!(!reason.contains("its own forecast"), "{reason}");
}

#[test]
fn the_scope_of_azure_s_budget_holds_all_that_ours_counts() {
    let mut budget = budget("web", &["actual 80%"]);
    let group = |name: &str| scope(&format!("{SUBSCRIPTION}/resourceGroups/{name}"));
    budget.scopes = vec![group("a"), group("b")];
    let place = |budget: &budget_engine::Budget| {
        let settings = settings(budget);
        let budgets = Budgets::new(vec![budget.clone()]).unwrap();
        native_scope(&budgets, budget, &settings)
    };
    assert_eq!(place(&budget), Some(scope(SUBSCRIPTION)));
    budget.scopes = vec![group("a")];
    assert_eq!(place(&budget), Some(group("a")));
    budget.scopes = vec![scope("/subscriptions/a"), scope("/subscriptions/b")];
    assert_eq!(place(&budget), None);
}
