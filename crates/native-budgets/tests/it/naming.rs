//! Whose a budget of Azure is, by its name and by what the state says.

use std::collections::{BTreeMap, BTreeSet};

use native_budgets::{Names, Origin, Settings, native_name};

use crate::sample::{budget, names, settings};

#[test]
fn a_budget_belongs_by_its_name_then_by_the_record_then_by_the_number_of_a_part() {
    let names = names(&["web", "web-3", "other"]);
    let elsewhere = Origin::Elsewhere;
    let here = |of: Option<&str>| Origin::Here {
        of: of.map(str::to_owned),
    };
    for (name, origin, id, expected) in [
        ("web", &elsewhere, "web", true),
        ("WEB", &elsewhere, "web", true),
        ("web-2", &elsewhere, "web", true),
        ("web-10", &elsewhere, "web", true),
        ("web-1", &elsewhere, "web", false),
        ("web-02", &elsewhere, "web", false),
        ("web-x", &elsewhere, "web", false),
        ("website", &elsewhere, "web", false),
        ("we", &elsewhere, "web", false),
        // The configuration gives this name to another budget.
        ("web-3", &elsewhere, "web", false),
        ("web-3", &elsewhere, "web-3", true),
        // Unless the state says that it was made as a part, at another scope than that one's.
        ("web-3", &here(Some("web")), "web", true),
        ("web-2", &here(Some("web")), "web", true),
        ("web-2", &here(Some("other")), "web", false),
        ("web-2", &here(Some("gone")), "web", false),
        ("web-2", &here(None), "web", false),
        ("web", &here(None), "web", true),
        ("web", &elsewhere, "gone", false),
    ] {
        assert_eq!(
            names.belongs(name, origin, id),
            expected,
            "{name} {origin:?} {id}"
        );
    }
}

#[test]
fn parts_of_a_long_configured_name_have_names_that_azure_takes() {
    let budget = budget("web", &[]);
    let long = "x".repeat(63);
    let named = Settings {
        name: Some(long.clone()),
        ..settings(&budget)
    };
    let all = BTreeMap::from([("web".to_owned(), named)]);
    let names = Names::new(&all, &[]);
    let elsewhere = Origin::Elsewhere;
    assert!(names.belongs(&long, &elsewhere, "web"));
    assert!(!names.belongs(&format!("{long}-2"), &elsewhere, "web"));
    assert!(!names.belongs("web", &elsewhere, "web"));
}

#[test]
fn names_are_stable_distinct_and_within_azures_rules() {
    assert_eq!(native_name("payments-prod"), "payments-prod");
    let long = "x".repeat(64);
    let names = ["a.b", "a-b", "a_b", &long, &long[..63]].map(native_name);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 5);
    for name in &names {
        assert!(
            name.len() <= 59
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
            "{name}"
        );
    }
    assert_eq!(native_name("a.b"), names[0], "a second time the same");
}
