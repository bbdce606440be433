//! More notifications than one of Azure's budgets takes: several budgets, and no needless change.

use std::collections::{BTreeMap, BTreeSet};

use azure_cost::Budget as AzureBudget;
use native_budgets::{Action, Change, Desired, Live, Names, Origin, Provider, Prune, plan};
use proptest::prelude::*;
use rust_decimal::Decimal;

use crate::sample::{SUBSCRIPTION, desired, names, scope};

fn here(of: &str) -> Origin {
    let of = Some(of.to_owned());
    Origin::Here { of }
}

fn live(name: &str, budget: &Desired, origin: Origin) -> Live {
    let mut budget = budget.budget.clone();
    budget.name = name.to_owned();
    Live {
        scope: scope(SUBSCRIPTION),
        provider: Provider::Consumption,
        budget,
        origin,
    }
}

/// Does what a plan says; what is created is remembered with its budget.
fn apply(changes: &[Change], azure: &mut Vec<Live>) {
    for change in changes
        .iter()
        .filter(|change| change.action != Action::Leave)
    {
        azure.retain(|live| live.budget.name != change.name);
        if let Some(write) = &change.write {
            azure.push(Live {
                scope: change.scope.clone(),
                provider: change.provider,
                budget: write.clone(),
                origin: here(change.of.as_deref().unwrap()),
            });
        }
    }
}

fn to_do(changes: &[Change]) -> Vec<(Action, &str)> {
    let all = changes.iter();
    let all = all.filter(|change| change.action != Action::Leave);
    all.map(|change| (change.action, change.name.as_str()))
        .collect()
}

/// The percentages that each budget tells, by name.
fn told(azure: &[Live]) -> BTreeMap<&str, Vec<u32>> {
    let percents = |budget: &AzureBudget| {
        let all = budget.notifications.values();
        let mut all: Vec<u32> = all
            .map(|each| each.threshold.to_string().parse().unwrap())
            .collect();
        all.sort_unstable();
        all
    };
    let all = azure.iter();
    all.map(|live| (live.budget.name.as_str(), percents(&live.budget)))
        .collect()
}

fn thresholds(percents: &[u32]) -> Vec<Desired> {
    let texts: Vec<String> = percents
        .iter()
        .map(|percent| format!("actual {percent}%"))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    vec![desired("web", &texts)]
}

/// Plans and applies until there is nothing to do; what had to be done.
fn settle(wanted: &[Desired], azure: &mut Vec<Live>) -> Vec<(Action, String)> {
    let names = names(&["web"]);
    let changes = plan(wanted, azure, &names, &Prune::default());
    apply(&changes, azure);
    let again = plan(wanted, azure, &names, &Prune::default());
    assert_eq!(to_do(&again), [], "one step is enough");
    let done = to_do(&changes).into_iter();
    done.map(|(action, name)| (action, name.to_owned()))
        .collect()
}

fn done(action: Action, name: &str) -> (Action, String) {
    (action, name.to_owned())
}

#[test]
fn parts_have_stable_names_and_five_notifications_at_most() {
    let mut azure = Vec::new();
    let tens: Vec<u32> = (1..=11).map(|step| step * 10).collect();
    settle(&thresholds(&tens), &mut azure);
    let expected = BTreeMap::from([
        ("web", vec![10, 20, 30, 40, 50]),
        ("web-2", vec![60, 70, 80, 90, 100]),
        ("web-3", vec![110]),
    ]);
    assert_eq!(told(&azure), expected);
}

#[test]
fn one_threshold_more_or_less_changes_one_part() {
    let mut azure = Vec::new();
    settle(&thresholds(&[50, 60, 70, 80, 90, 100]), &mut azure);
    // In the order of percentages all of them would move.
    let more = thresholds(&[10, 50, 60, 70, 80, 90, 100]);
    assert_eq!(settle(&more, &mut azure), [done(Action::Update, "web-2")]);
    let less = thresholds(&[10, 50, 70, 80, 90, 100]);
    assert_eq!(settle(&less, &mut azure), [done(Action::Update, "web")]);
    let expected = BTreeMap::from([("web", vec![50, 70, 80, 90]), ("web-2", vec![10, 100])]);
    assert_eq!(told(&azure), expected);
    // The next one goes where there is room.
    let more = thresholds(&[10, 20, 50, 70, 80, 90, 100]);
    assert_eq!(settle(&more, &mut azure), [done(Action::Update, "web")]);
}

#[test]
fn a_part_that_is_not_needed_any_more_is_deleted_without_asking() {
    let mut azure = Vec::new();
    settle(&thresholds(&[50, 60, 70, 80, 90, 100]), &mut azure);
    let five = thresholds(&[50, 60, 70, 80, 90]);
    assert_eq!(settle(&five, &mut azure), [done(Action::Delete, "web-2")]);
    // The first one always is there: what the last one told goes to it.
    settle(&thresholds(&[50, 60, 70, 80, 90, 100]), &mut azure);
    let rest = thresholds(&[100]);
    assert_eq!(
        settle(&rest, &mut azure),
        [done(Action::Update, "web"), done(Action::Delete, "web-2")]
    );
    assert_eq!(told(&azure), BTreeMap::from([("web", vec![100])]));
}

#[test]
fn what_only_looks_like_a_part_is_left_with_words() {
    let wanted = thresholds(&[80]);
    let names = names(&["web"]);
    let azure = [
        live("web", &wanted[0], here("web")),
        live("web-2", &wanted[0], Origin::Elsewhere),
        live("web-3", &wanted[0], Origin::Here { of: None }),
        live("web-x", &wanted[0], here("web")),
    ];
    let changes = plan(&wanted, &azure, &names, &Prune::default());
    assert_eq!(to_do(&changes), []);
    let reason = |name: &str| {
        let found = changes.iter().find(|change| change.name == name);
        found.unwrap().reason.clone()
    };
    assert!(
        reason("web-2").contains("part of web"),
        "{}",
        reason("web-2")
    );
    let delete = format!("--delete {SUBSCRIPTION}=web-2");
    assert!(reason("web-2").contains(&delete), "{}", reason("web-2"));
    assert!(reason("web-3").contains("--prune"), "{}", reason("web-3"));
    assert!(reason("web-x").contains("--prune"), "{}", reason("web-x"));
    let named = Prune {
        ours: false,
        named: BTreeSet::from(["web-2".parse().unwrap()]),
    };
    let changes = plan(&wanted, &azure, &names, &named);
    assert_eq!(to_do(&changes), [(Action::Delete, "web-2")]);
}

#[test]
fn a_part_never_takes_a_configured_name() {
    let six = thresholds(&[50, 60, 70, 80, 90, 100]);
    let mut wanted = six.clone();
    wanted.push(desired("web-2", &["actual 80%"]));
    let names = names(&["web", "web-2"]);
    let mut azure = Vec::new();
    let first = plan(&wanted, &azure, &names, &Prune::default());
    assert_eq!(
        to_do(&first),
        [
            (Action::Create, "web"),
            (Action::Create, "web-2"),
            (Action::Create, "web-3")
        ]
    );
    let owners: Vec<_> = first.iter().map(|change| change.of.as_deref()).collect();
    assert_eq!(owners, [Some("web"), Some("web-2"), Some("web")]);
    apply(&first, &mut azure);
    assert_eq!(to_do(&plan(&wanted, &azure, &names, &Prune::default())), []);
    // Fewer thresholds: the part goes, and the configured budget stays.
    let wanted = [thresholds(&[50]).remove(0), wanted[1].clone()];
    let fewer = plan(&wanted, &azure, &names, &Prune::default());
    assert_eq!(
        to_do(&fewer),
        [(Action::Update, "web"), (Action::Delete, "web-3")]
    );
}

#[test]
fn a_configured_name_takes_a_part_over_and_the_part_moves() {
    let mut azure = Vec::new();
    let mut wanted = thresholds(&[50, 60, 70, 80, 90, 100]);
    settle(&wanted, &mut azure);
    wanted.push(desired("web-2", &["actual 80%"]));
    let names = names(&["web", "web-2"]);
    let changes = plan(&wanted, &azure, &names, &Prune::default());
    assert_eq!(
        to_do(&changes),
        [(Action::Update, "web-2"), (Action::Create, "web-3")]
    );
    apply(&changes, &mut azure);
    assert_eq!(to_do(&plan(&wanted, &azure, &names, &Prune::default())), []);
    let all: Vec<_> = told(&azure).into_values().flatten().collect();
    assert_eq!(all.len(), 7);
}

#[test]
fn a_part_that_was_made_for_another_budget_is_not_used() {
    let wanted = thresholds(&[50, 60, 70, 80, 90, 100]);
    let theirs = live("web-2", &wanted[0], here("other"));
    let names = names(&["web", "other"]);
    let changes = plan(&wanted, &[theirs], &names, &Prune::default());
    assert_eq!(
        to_do(&changes),
        [(Action::Create, "web"), (Action::Create, "web-3")]
    );
}

#[test]
fn parts_are_found_again_when_the_state_is_lost() {
    let mut azure = Vec::new();
    let wanted = thresholds(&[50, 60, 70, 80, 90, 100]);
    settle(&wanted, &mut azure);
    for live in &mut azure {
        live.origin = Origin::Elsewhere;
    }
    let changes = plan(&wanted, &azure, &names(&["web"]), &Prune::default());
    assert_eq!(to_do(&changes), []);
}

fn any_percents() -> impl Strategy<Value = BTreeSet<u32>> {
    proptest::collection::btree_set((1..=20_u32).prop_map(|step| step * 5), 1..=17)
}

proptest! {
    #[test]
    fn nothing_is_lost_or_written_needlessly_however_thresholds_change(
        years in proptest::collection::vec(any_percents(), 1..8),
    ) {
        let mut azure: Vec<Live> = Vec::new();
        let mut before: BTreeSet<u32> = BTreeSet::new();
        for percents in years {
            let wanted = thresholds(&percents.iter().copied().collect::<Vec<_>>());
            let done = settle(&wanted, &mut azure);
            let shown = told(&azure);
            let mut all: Vec<u32> = shown.values().flatten().copied().collect();
            all.sort_unstable();
            let expected: Vec<u32> = percents.iter().copied().collect();
            prop_assert_eq!(all, expected, "each is told once: {:?}", shown);
            prop_assert!(shown.values().all(|told| (1..=5).contains(&told.len())), "{:?}", shown);
            // No more writes than thresholds that came or went, and one for a first part that ran empty.
            let changed = percents.symmetric_difference(&before).count();
            prop_assert!(done.len() <= changed + 1, "{:?} for {} changes", done, changed);
            if changed == 0 {
                prop_assert_eq!(done, vec![]);
            }
            before = percents;
        }
    }

    #[test]
    fn names_of_parts_are_distinct_whatever_is_configured(
        others in proptest::collection::btree_set(2..6_usize, 0..4),
    ) {
        let ids: Vec<String> = others.iter().map(|number| format!("web-{number}")).collect();
        let mut all: Vec<&str> = ids.iter().map(String::as_str).collect();
        all.push("web");
        let names: Names = names(&all);
        let mut wanted = thresholds(&(1..=17).map(|step| step * 5).collect::<Vec<_>>());
        wanted.extend(ids.iter().map(|id| desired(id, &["actual 80%"])));
        let changes = plan(&wanted, &[], &names, &Prune::default());
        let distinct: BTreeSet<&str> = changes.iter().map(|change| change.name.as_str()).collect();
        prop_assert_eq!(distinct.len(), 4 + ids.len());
        for change in &changes {
            let is_configured = all.contains(&change.name.as_str());
            prop_assert_eq!(is_configured, change.of.as_deref() == Some(change.name.as_str()));
        }
        let amount = Some(Decimal::from(10_000));
        prop_assert!(changes.iter().all(|change| change.write.as_ref().unwrap().amount == amount));
    }
}
