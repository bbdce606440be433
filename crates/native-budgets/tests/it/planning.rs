//! What is to be done.

use std::collections::BTreeSet;

use azure_cost::{
    Budget as AzureBudget, BudgetComparison, BudgetCondition, BudgetFilter, BudgetNotification,
    BudgetPeriod,
};
use jiff::ToSpan;
use jiff::civil::date;
use native_budgets::{
    Action, Change, Desired, Live, Origin, Provider, Prune, collisions, differences, first_day,
    start_for_new,
};
use rust_decimal::Decimal;

use crate::sample::{self, SUBSCRIPTION, names, scope};

fn desired(thresholds: &[&str]) -> Vec<Desired> {
    vec![sample::desired("web", thresholds)]
}

/// A plan of the budget `web` alone.
fn plan(desired: &[Desired], live: &[Live], prune: &Prune) -> Vec<Change> {
    native_budgets::plan(desired, live, &names(&["web"]), prune)
}

pub(crate) fn here(of: &str) -> Origin {
    let of = Some(of.to_owned());
    Origin::Here { of }
}

pub(crate) fn live(budget: AzureBudget) -> Live {
    Live {
        scope: scope(SUBSCRIPTION),
        provider: Provider::Consumption,
        budget,
        origin: here("web"),
    }
}

/// What Azure keeps of a budget that is written, by its documented rules: start and grain are fixed,
/// an end is filled in, versions move. `Err` if it refuses.
pub(crate) fn put(
    before: Option<&AzureBudget>,
    budget: &AzureBudget,
) -> Result<AzureBudget, String> {
    if before.is_none() && start_for_new(budget, sample::TODAY) != first_day(budget) {
        return Err("a start date in the past must lie in the current period".into());
    }
    if let Some(before) = before {
        if before.time_period.start != budget.time_period.start {
            return Err("Start date of budgets cannot be updated".into());
        }
        if before.time_grain != budget.time_grain {
            return Err("the grain is fixed".into());
        }
        if budget.etag.is_some() && budget.etag != before.etag {
            return Err("There are changes made to Budget".into());
        }
    }
    if budget.notifications.len() > 5 {
        return Err("five notifications".into());
    }
    let mut kept = budget.clone();
    let version: u64 = before
        .and_then(|before| before.etag.as_ref()?.parse().ok())
        .unwrap_or(0);
    kept.etag = Some((version + 1).to_string());
    if kept.time_period.end.is_none() {
        let start = kept.time_period.start.to_zoned(jiff::tz::TimeZone::UTC);
        kept.time_period.end = Some(start.checked_add(10.years()).unwrap().timestamp());
    }
    for notification in kept.notifications.values_mut() {
        if notification.locale.is_empty() {
            notification.locale = "en-us".into();
        }
    }
    Ok(kept)
}

/// Carries a plan out.
pub(crate) fn apply(changes: &[Change], live: &mut Vec<Live>) {
    for change in changes {
        let at = live.iter().position(|each| {
            each.scope == change.scope && each.budget.name.eq_ignore_ascii_case(&change.name)
        });
        let before = at.map(|at| live[at].budget.clone());
        match change.action {
            Action::Leave => {}
            Action::Delete => drop(live.remove(at.unwrap())),
            Action::Create | Action::Replace => {
                assert_eq!(change.action == Action::Replace, at.is_some());
                if let Some(at) = at {
                    live.remove(at);
                }
                let budget = put(None, change.write.as_ref().unwrap()).unwrap();
                let of = change.of.clone();
                live.push(Live {
                    budget,
                    origin: Origin::Here { of },
                    ..self::live(change.write.clone().unwrap())
                });
            }
            Action::Update => {
                live[at.unwrap()].budget =
                    put(before.as_ref(), change.write.as_ref().unwrap()).unwrap();
            }
        }
    }
}

fn actions(changes: &[Change]) -> Vec<Action> {
    changes.iter().map(|change| change.action).collect()
}

#[test]
fn a_plan_right_after_an_apply_is_empty() {
    let desired = desired(&["actual 80%", "forecast 100%", "actual every 10%"]);
    let mut azure = Vec::new();
    let first = plan(&desired, &azure, &Prune::default());
    assert_eq!(actions(&first), [Action::Create; 3]);
    assert!(first.iter().all(|change| !change.fields.is_empty()));
    apply(&first, &mut azure);
    assert_eq!(
        actions(&plan(&desired, &azure, &Prune::default())),
        [Action::Leave; 3]
    );
}

#[test]
fn case_order_zones_defaults_and_number_forms_mean_nothing() {
    let mut wanted = desired(&["actual 80%"]);
    let wanted = &mut wanted[0];
    wanted.budget.filter = BudgetFilter::all(vec![
        BudgetCondition::Dimensions(BudgetComparison::new(
            "ResourceGroupName",
            vec!["web".into(), "api".into()],
        )),
        BudgetCondition::Tags(BudgetComparison::new("env", vec!["prod".into()])),
    ]);
    let mut azure = put(None, &wanted.budget).unwrap();
    azure.filter.all.reverse();
    azure.filter.all[1] = BudgetCondition::Dimensions(BudgetComparison::new(
        "resourcegroup",
        vec!["API".into(), "Web".into()],
    ));
    // Midnight on 1 November in Berlin and in Los Angeles; years ago, because Azure keeps the first start.
    for start in [
        "2026-10-31T23:00:00Z",
        "2026-11-01T07:00:00Z",
        "2019-03-01T00:00:00Z",
    ] {
        azure.time_period.start = start.parse().unwrap();
        azure.time_period.end = None;
        azure.category = "cost".into();
        azure.time_grain = "monthly".into();
        azure.amount = Some("10000.000".parse().unwrap());
        let (_, mut said) = azure.notifications.pop_first().unwrap();
        said.threshold = "80.00".parse().unwrap();
        said.threshold_type = String::new();
        said.operator = "greaterthanorequalto".into();
        said.contact_emails = vec!["COST@contoso.example".into()];
        said.locale = "de-de".into();
        azure.notifications.insert("a key of somebody".into(), said);
        assert_eq!(differences(wanted, &azure), []);
    }
    azure.notifications.insert("off".into(), {
        let mut off = BudgetNotification::new("GreaterThan", Decimal::from(5));
        off.enabled = false;
        off
    });
    assert_eq!(
        differences(wanted, &azure),
        [],
        "what is switched off tells nobody"
    );
}

#[test]
fn values_of_tags_have_a_letter_case_and_their_keys_do_not() {
    let tagged = |key: &str, value: &str| {
        let mut wanted = sample::desired("web", &["actual 80%"]);
        let tag = BudgetComparison::new(key, vec![value.into()]);
        wanted.budget.filter = BudgetFilter::all(vec![BudgetCondition::Tags(tag)]);
        wanted
    };
    let azure = put(None, &tagged("env", "dev").budget).unwrap();
    assert_eq!(differences(&tagged("ENV", "dev"), &azure), []);
    let found = differences(&tagged("env", "DEV"), &azure);
    let found: Vec<_> = found
        .iter()
        .map(|field| (field.before.as_deref(), field.after.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            (Some("tag env in dev"), None),
            (None, Some("tag env in DEV")),
        ]
    );
}

#[test]
fn a_described_start_in_the_past_is_made_anew_and_left_where_it_is() {
    let mut wanted = sample::desired("web", &["actual 80%"]);
    wanted.of = None;
    wanted.budget.time_grain = "Quarterly".into();
    wanted.budget.time_period = BudgetPeriod::new(date(2024, 2, 1), None);
    let wanted = wanted.made_on(sample::TODAY);
    let changes = plan(std::slice::from_ref(&wanted), &[], &Prune::default());
    let start = &changes[0].fields[1];
    assert_eq!(
        (start.field.as_str(), start.after.as_deref()),
        ("start", Some("2026-11-01"))
    );
    let write = changes[0].write.as_ref().unwrap();
    assert_eq!(first_day(write), date(2026, 11, 1));
    // What was made in an earlier quarter is what is wanted; quarters that lie otherwise are not.
    for (start, action) in [
        (date(2024, 2, 1), Action::Leave),
        (date(2025, 5, 1), Action::Leave),
        (date(2025, 6, 1), Action::Replace),
    ] {
        let mut azure = put(None, &wanted.budget).unwrap();
        azure.time_period = BudgetPeriod::new(start, None);
        let changes = plan(
            std::slice::from_ref(&wanted),
            &[live(azure)],
            &Prune::default(),
        );
        assert_eq!(actions(&changes), [action], "{start}");
    }
    // The 31st of a billing month is the 30th in November.
    let mut billing = wanted.clone();
    billing.budget.time_grain = "BillingMonth".into();
    billing.budget.time_period = BudgetPeriod::new(date(2026, 1, 31), None);
    let azure = billing.budget.clone();
    let later = billing.made_on(date(2026, 11, 30));
    assert_eq!(first_day(&later.budget), date(2026, 11, 30));
    assert_eq!(differences(&later, &azure), []);
}

#[test]
fn each_difference_is_named_with_its_reason() {
    let wanted = &desired(&["actual 80%", "actual 100%"])[0];
    let mut azure = put(None, &wanted.budget).unwrap();
    azure.amount = Some(Decimal::from(9_000));
    azure.time_period.end = Some("2027-12-31T00:00:00Z".parse().unwrap());
    azure.filter = BudgetFilter::all(vec![BudgetCondition::Tags(BudgetComparison::new(
        "env",
        vec!["prod".into()],
    ))]);
    azure
        .notifications
        .get_mut("Actual_80")
        .unwrap()
        .contact_emails
        .push("more@contoso.example".into());
    azure.notifications.get_mut("Actual_100").unwrap().threshold = Decimal::from(90);
    let said: Vec<_> = differences(wanted, &azure)
        .into_iter()
        .map(|change| (change.field, change.before, change.after, change.reason))
        .collect();
    let text = |text: &str| Some(text.to_owned());
    let expected = [
        ("amount", text("9000"), text("10000"), "planned for 2026-11"),
        (
            "end",
            text("2027-12-31"),
            text("ten years after the start"),
            "`ends` of the budget",
        ),
        (
            "filter",
            text("tag env in prod"),
            None,
            "not in the configuration",
        ),
        (
            "notification Actual >= 80 %",
            text("cost@contoso.example, more@contoso.example"),
            text("cost@contoso.example"),
            "threshold actual-80pct",
        ),
        (
            "notification Actual >= 90 %",
            text("cost@contoso.example"),
            None,
            "not in the configuration",
        ),
        (
            "notification Actual >= 100 %",
            None,
            text("cost@contoso.example"),
            "threshold actual-100pct",
        ),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(field, before, after, reason)| (field.to_owned(), before, after, reason.to_owned()))
        .collect();
    assert_eq!(said, expected);
}

#[test]
fn an_update_keeps_start_version_and_keys_that_azure_knows() {
    let wanted = desired(&["actual 80%", "forecast 80%"]);
    let mut azure = put(None, &wanted[0].budget).unwrap();
    azure.time_period.start = "2020-01-01T00:00:00+01:00".parse().unwrap();
    let said = azure.notifications.remove("Actual_80").unwrap();
    azure.notifications.insert("by hand".into(), said);
    // Somebody used our key for another type: Azure would ignore a changed type.
    let forecast = azure.notifications.get_mut("Forecasted_80").unwrap();
    forecast.threshold_type = "Actual".into();
    forecast.threshold = Decimal::from(50);
    let changes = plan(&wanted, &[live(azure.clone())], &Prune::default());
    assert_eq!(actions(&changes), [Action::Update]);
    let write = changes[0].write.as_ref().unwrap();
    assert_eq!(write.time_period.start, azure.time_period.start);
    assert_eq!(write.etag, azure.etag);
    let keys: Vec<_> = write.notifications.keys().map(String::as_str).collect();
    assert_eq!(keys, ["Forecasted_80_2", "by hand"]);
}

#[test]
fn only_what_cannot_be_changed_is_replaced() {
    let wanted = desired(&["actual 80%"]);
    let of = |change: fn(&mut AzureBudget)| {
        let mut azure = put(None, &wanted[0].budget).unwrap();
        azure.time_period.end = None;
        change(&mut azure);
        plan(&wanted, &[live(azure)], &Prune::default())[0].action
    };
    assert_eq!(
        of(|azure| azure.time_grain = "Annually".into()),
        Action::Replace
    );
    assert_eq!(
        of(|azure| azure.time_period.start = "2027-02-01T00:00:00Z".parse().unwrap()),
        Action::Replace
    );
    assert_eq!(
        of(|azure| azure.time_period.start = "2017-06-01T00:00:00Z".parse().unwrap()),
        Action::Leave
    );
    assert_eq!(
        of(|azure| azure.amount = Some(Decimal::ONE)),
        Action::Update
    );
}

#[test]
fn nothing_is_deleted_that_was_not_created_here_unless_it_is_named() {
    let unwanted = |name: &str, ours| {
        let period = BudgetPeriod::new(date(2026, 1, 1), None);
        let budget = AzureBudget::new(name, Decimal::ONE, "Monthly", period);
        Live {
            origin: if ours {
                here("gone")
            } else {
                Origin::Elsewhere
            },
            ..live(budget)
        }
    };
    let azure = [unwanted("a-ours", true), unwanted("b-theirs", false)];
    let of = |ours, named: &[&str]| {
        let named = named.iter().map(|name| name.parse().unwrap()).collect();
        actions(&plan(&[], &azure, &Prune { ours, named }))
    };
    assert_eq!(of(false, &[]), [Action::Leave, Action::Leave]);
    assert_eq!(of(true, &[]), [Action::Delete, Action::Leave]);
    assert_eq!(of(false, &["B-theirs"]), [Action::Leave, Action::Delete]);
    assert_eq!(of(true, &["b-theirs"]), [Action::Delete, Action::Delete]);
}

#[test]
fn two_budgets_with_one_name_at_one_scope_are_found() {
    let mut both = desired(&["actual 80%"]);
    let mut other = both[0].clone();
    other.of = Some("other".into());
    other.budget.name = "WEB".into();
    both.push(other);
    let expected = vec![(
        scope(SUBSCRIPTION),
        "web".to_owned(),
        vec!["web".to_owned(), "other".to_owned()],
    )];
    assert_eq!(collisions(&both), expected);
}

#[test]
fn what_others_made_is_replaced_only_when_it_is_named() {
    let wanted = desired(&["actual 80%"]);
    let mut budget = put(None, &wanted[0].budget).unwrap();
    budget.time_grain = "Quarterly".into();
    let theirs = Live {
        origin: Origin::Elsewhere,
        ..live(budget)
    };
    let left = plan(&wanted, std::slice::from_ref(&theirs), &Prune::default());
    assert_eq!(actions(&left), [Action::Leave]);
    assert!(left[0].is_in_the_way());
    assert!(
        left[0]
            .reason
            .contains(&format!("--delete {SUBSCRIPTION}=web")),
        "{}",
        left[0].reason
    );
    let named = Prune {
        ours: false,
        named: BTreeSet::from(["web".parse().unwrap()]),
    };
    assert_eq!(
        actions(&plan(&wanted, &[theirs], &named)),
        [Action::Replace]
    );
}

#[test]
fn a_replacement_shows_the_start_that_moves_with_the_grain() {
    let wanted = desired(&["actual 80%"]);
    let mut yearly = put(None, &wanted[0].budget).unwrap();
    yearly.time_grain = "Annually".into();
    yearly.time_period.start = "2026-01-01T00:00:00Z".parse().unwrap();
    yearly.time_period.end = Some("2036-01-01T00:00:00Z".parse().unwrap());
    let changes = plan(&wanted, &[live(yearly)], &Prune::default());
    assert_eq!(actions(&changes), [Action::Replace]);
    let fields = changes[0].fields.iter();
    let fields: Vec<_> = fields
        .map(|field| {
            (
                field.field.as_str(),
                field.before.as_deref(),
                field.after.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        fields,
        [
            ("time grain", Some("Annually"), Some("Monthly")),
            ("start", Some("2026-01-01"), Some("2026-11-01")),
        ]
    );
}
