//! Budgets that Azure has become configuration that has nothing to change.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use azure_cost::{
    Budget as AzureBudget, BudgetComparison, BudgetCondition, BudgetFilter, BudgetNotification,
    BudgetPeriod, BudgetSpend,
};
use budget_engine::{Attributes, Dimension, Filter, Level, Planned, Scope, TagName, When};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use native_budgets::{
    Action, Desired, ImportEffect, ImportOptions, Imported, Live, Origin, Provider, Prune,
    collisions, compile, import, plan,
};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::Value;
use spendwatch::{Config, imported_toml};

const TODAY: Date = date(2026, 11, 18);
const SHOP: &str = "/subscriptions/5f0e0000-0000-0000-0000-000000000001";
const MAIL: &str = "cost@contoso.example";

/// What stands in the files beside an import, and would reach into it if it left anything open.
const BESIDE: &str = r#"
version = 1
currency = "EUR"
[source]
kind = "azure"
[channel.mail]
kind = "email"
smtp = "smtp://relay.contoso.example"
from = "Cost <cost@contoso.example>"
to = ["finops@contoso.example"]
[defaults]
cost_basis = "amortized"
grain = "annually"
[native]
provider = "cost-management"
contact_emails = ["all@contoso.example"]
contact_roles = ["Owner"]
locale = "de-de"
operator = "greater-than"
"#;

fn options(today: Date) -> ImportOptions {
    ImportOptions {
        currency: "EUR".parse().unwrap(),
        today,
        notify: vec!["owners".into()],
        taken: BTreeSet::new(),
        is_address: alert_channels::email::is_mailbox,
    }
}

fn read(imported: &Imported) -> Config {
    let text = imported_toml(imported, &[]);
    let files = [("a.toml", BESIDE.to_owned()), ("b.toml", text.clone())];
    let mut files: Vec<_> = files.map(|(path, text)| (PathBuf::from(path), text)).into();
    if imported.budgets.is_empty() && imported.described.is_empty() {
        let more = "version = 1\n[[budget]]\nid = \"x\"\nscopes = [\"/subscriptions/y\"]\namount = 1\nnative = false\nnotify = [\"mail\"]\n";
        files.push(("c.toml".into(), more.to_owned()));
    }
    Config::parse(&files).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What a configuration wants Azure to have.
fn wanted(config: &Config, today: Date) -> Vec<Desired> {
    let described = config.native.budgets.iter().cloned();
    let mut wanted: Vec<Desired> = described.map(|each| each.made_on(today)).collect();
    for budget in config.budgets.iter() {
        let Some(settings) = config.native.settings.get(&budget.id) else {
            continue;
        };
        let Planned::Flat(amount) = budget.planned else {
            panic!("an import knows one amount")
        };
        let compiled = compile(&config.budgets, budget, settings, &Ok(amount), today);
        wanted.extend(compiled.desired);
    }
    wanted
}

/// Imports, reads what came out, and plans: nothing is to be done, and what is not wanted is said.
#[track_caller]
fn imports(live: &[Live], today: Date) -> Imported {
    let imported = import(live, &options(today));
    let config = read(&imported);
    let wanted = wanted(&config, today);
    assert_eq!(collisions(&wanted), []);
    for change in plan(&wanted, live, &config.native.names(), &Prune::default()) {
        let text = imported_toml(&imported, &[]);
        let (action, fields) = (change.action, &change.fields);
        assert_eq!(action, Action::Leave, "{fields:?}\n{live:?}\n{text}");
        // What is in the way is left as well.
        assert!(fields.is_empty(), "{fields:?}\n{live:?}\n{text}");
    }
    let left_out = |live: &Live| {
        imported.notes.iter().any(|note| {
            let same = note.scope == live.scope && note.name == live.budget.name;
            same && note.effect == ImportEffect::LeftOut && !note.message.is_empty()
        })
    };
    for each in live {
        let is_wanted = wanted.iter().any(|wanted| {
            let same = wanted.budget.name.eq_ignore_ascii_case(&each.budget.name);
            same && wanted.scope == each.scope
        });
        assert_ne!(is_wanted, left_out(each), "{each:?} {:?}", imported.notes);
    }
    imported
}

fn live(budget: AzureBudget) -> Live {
    Live {
        scope: SHOP.parse().unwrap(),
        provider: Provider::Consumption,
        budget,
        origin: Origin::Elsewhere,
    }
}

fn azure_budget(name: &str) -> AzureBudget {
    let period = BudgetPeriod::new(date(2026, 1, 1), Some(date(2036, 1, 1)));
    AzureBudget::new(name, Decimal::new(100_050, 2), "Monthly", period)
}

fn notification(kind: &str, percent: i64) -> BudgetNotification {
    let mut notification = BudgetNotification::new("GreaterThanOrEqualTo", Decimal::from(percent));
    notification.threshold_type = kind.into();
    notification.contact_emails = vec![MAIL.into()];
    notification
}

#[test]
fn a_budget_of_costs_becomes_one_of_ours() {
    let mut budget = azure_budget("Shop_Monthly");
    budget.filter = BudgetFilter::all([
        BudgetCondition::Dimensions(BudgetComparison::new("MeterCategory", ["Storage".into()])),
        BudgetCondition::Tags(BudgetComparison::new("env", ["prod \"a\"".into()])),
    ]);
    budget.current_spend = Some(BudgetSpend {
        amount: Decimal::ONE,
        unit: "USD".into(),
    });
    let mut roles = notification("Actual", 100);
    roles.contact_roles = vec!["Owner".into()];
    roles.operator = "GreaterThan".into();
    roles.locale = "en-US".into();
    let mut off = notification("Actual", 50);
    off.enabled = false;
    budget.notifications = BTreeMap::from([
        ("a".into(), roles),
        ("b".into(), notification("Forecasted", 100)),
        ("c".into(), off),
    ]);
    let imported = imports(&[live(budget)], TODAY);
    let expected = format!(
        r#"version = 1

[[budget]]
id = "Shop_Monthly"
scopes = ["{SHOP}"]
currency = "USD"
amount = 1000.5
grain = "monthly"
starts = 2026-01-01
cost_basis = "actual"
filter = {{ all = [{{ dimension = "ServiceName", in = ["Storage"] }}, {{ tag = "env", in = ["prod \"a\""] }}] }}
owners = ["{MAIL}"]
native = true

[[budget.threshold]]
when = "actual 100%"
notify = ["owners"]
native = {{ contact_emails = ["{MAIL}"], contact_roles = ["Owner"], action_groups = [], operator = "greater-than", locale = "en-us" }}

[[budget.threshold]]
when = "forecast 100%"
probability = 80
notify = ["owners"]
native = {{ contact_emails = ["{MAIL}"], contact_roles = [], action_groups = [], operator = "greater-than-or-equal-to", locale = "any" }}
"#
    );
    assert_eq!(imported_toml(&imported, &[]), expected);
    let [note] = &imported.notes[..] else {
        panic!("{:?}", imported.notes)
    };
    assert_eq!(note.effect, ImportEffect::Imported);
    assert!(note.message.contains("`c` is switched off"), "{note}");
}

#[test]
fn what_we_cannot_evaluate_is_described_as_it_is() {
    let mut idle = AzureBudget::of_reservations(
        "idle",
        "last7days",
        BudgetPeriod::new(date(2026, 11, 18), Some(date(2028, 11, 18))),
    );
    let mut low = BudgetNotification::new("LessThan", Decimal::new(995, 1));
    low.contact_emails = vec![MAIL.into()];
    low.frequency = "Weekly".into();
    idle.notifications.insert("low".into(), low);
    let mut region = azure_budget("region");
    let west = BudgetComparison::new("ResourceLocation", ["westeurope".into()]);
    region.filter = BudgetFilter::all([BudgetCondition::Dimensions(west)]);
    region
        .notifications
        .insert("a".into(), notification("Actual", 80));
    let account: Scope = "/providers/Microsoft.Billing/billingAccounts/100"
        .parse()
        .unwrap();
    let idle = Live {
        scope: account,
        provider: Provider::CostManagement,
        ..live(idle)
    };
    let imported = imports(&[idle, live(region)], TODAY);
    assert_eq!((imported.budgets.len(), imported.described.len()), (0, 2));
    let text = imported_toml(&imported, &[]);
    for line in [
        "category = \"ReservationUtilization\"",
        "grain = \"Last7Days\"",
        "threshold = 99.5",
        "operator = \"less-than\"",
        "frequency = \"Weekly\"",
        "filter = [{ dimension = \"ResourceLocation\", in = [\"westeurope\"] }]",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let reasons: Vec<&str> = imported.notes.iter().map(|note| &*note.message).collect();
    assert!(
        reasons.iter().any(|why| why.contains("spell regions")),
        "{reasons:?}"
    );
}

#[test]
fn what_configuration_cannot_say_is_left_out_with_the_reason() {
    let with = |change: &dyn Fn(&mut AzureBudget)| {
        let mut budget = azure_budget("b");
        budget
            .notifications
            .insert("a".into(), notification("Actual", 80));
        change(&mut budget);
        let imported = imports(&[live(budget)], TODAY);
        let [note] = &imported.notes[..] else {
            panic!("{:?}", imported.notes)
        };
        assert_eq!(note.effect, ImportEffect::LeftOut);
        note.message.clone()
    };
    let first = |budget: &mut AzureBudget, change: &dyn Fn(&mut BudgetNotification)| {
        change(budget.notifications.get_mut("a").unwrap());
    };
    let condition = || BudgetCondition::Tags(BudgetComparison::new("env", ["prod".into()]));
    for (change, expected) in [
        (
            &(|budget: &mut AzureBudget| budget.filter.unknown.push("or".into()))
                as &dyn Fn(&mut AzureBudget),
            "parts that are not known: or",
        ),
        (&|budget| budget.filter.not = Some(condition()), "`not`"),
        (&|budget| budget.name = "a b".into(), "its name"),
        (
            &|budget| first(budget, &|one| one.threshold = Decimal::from(1001)),
            "1001 %",
        ),
        (
            &|budget| first(budget, &|one| one.contact_emails = vec!["nobody".into()]),
            "no mail address",
        ),
        (
            &|budget| first(budget, &|one| one.contact_emails.clear()),
            "neither a mail address nor an action group",
        ),
        (&|budget| budget.time_grain = "Weekly".into(), "`Weekly`"),
    ] {
        let message = with(change);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn ids_tell_budgets_of_one_name_apart() {
    let mut budget = azure_budget("monthly");
    budget
        .notifications
        .insert("a".into(), notification("Actual", 80));
    let scopes = [
        SHOP,
        &format!("{SHOP}/resourceGroups/dev"),
        "/subscriptions/x/resourceGroups/dev",
    ];
    let live: Vec<Live> = scopes
        .into_iter()
        .map(|scope| Live {
            scope: scope.parse().unwrap(),
            ..live(budget.clone())
        })
        .collect();
    let imported = imports(&live, TODAY);
    let ids: Vec<&str> = imported
        .budgets
        .iter()
        .map(|(budget, _)| &*budget.id)
        .collect();
    assert_eq!(
        ids,
        [
            "monthly-5f0e0000-0000-0000-0000-000000000001",
            "monthly-dev",
            "monthly-dev-2"
        ]
    );
    let taken = ImportOptions {
        taken: BTreeSet::from(["Monthly".to_owned()]),
        ..options(TODAY)
    };
    let imported = import(&live[1..2], &taken);
    assert_eq!(imported.budgets[0].0.id, "monthly-dev");
}

#[test]
fn without_a_channel_everything_is_described() {
    let mut budget = azure_budget("monthly");
    budget
        .notifications
        .insert("a".into(), notification("Actual", 80));
    let nobody = ImportOptions {
        notify: Vec::new(),
        ..options(TODAY)
    };
    let imported = import(&[live(budget)], &nobody);
    assert_eq!((imported.budgets.len(), imported.described.len()), (0, 1));
}

/// Text that means something to TOML, to terminals, or to people only.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        16 => "[a-zA-Z0-9._/-]{1,12}",
        1 => "\\PC{1,8}",
        1 => Just("\"\"\"\n[[budget]]\nid = \"x\"".to_owned()),
        1 => Just("a\\u0041\t\u{202e}\u{0}\u{7f}'".to_owned()),
        1 => Just(" padded ".to_owned()),
    ]
}

fn conditions() -> impl Strategy<Value = Vec<BudgetCondition>> {
    let name = prop_oneof![
        3 => prop::sample::select(vec![
            "ResourceGroupName", "resourcegroup", "MeterCategory", "ResourceId", "PricingModel",
            "SubscriptionID", "ServiceName", "ReservationId", "ResourceLocation", "Frequency",
        ]).prop_map(str::to_owned),
        1 => hostile(),
    ];
    let charge_types = prop::sample::select(vec![
        vec!["Usage", "UnusedReservation", "UnusedSavingsPlan"],
        vec!["Usage", "Purchase"],
        vec![
            "purchase",
            "TAX",
            "Credit",
            "Refund",
            "RoundingAdjustment",
            "Adjustment",
        ],
    ]);
    let values = || {
        prop_oneof![
            12 => prop::collection::vec(hostile(), 1..4),
            1 => Just(Vec::new()),
        ]
    };
    let one = prop_oneof![
        (name, values()).prop_map(|(name, values)| {
            BudgetCondition::Dimensions(BudgetComparison::new(name, values))
        }),
        (hostile(), values())
            .prop_map(|(name, values)| BudgetCondition::Tags(BudgetComparison::new(name, values))),
        charge_types.prop_map(|values| {
            let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
            BudgetCondition::Dimensions(BudgetComparison::new("ChargeType", values))
        }),
    ];
    prop::collection::vec(one, 0..3)
}

fn any_notification() -> impl Strategy<Value = BudgetNotification> {
    let operator = prop_oneof![
        10 => Just("GreaterThanOrEqualTo"),
        8 => Just("GreaterThan"),
        3 => Just("greaterthan"),
        1 => Just("EqualTo"),
        1 => Just("LessThan"),
    ];
    let threshold = prop_oneof![
        20 => (1_i64..100_000).prop_map(|cents| Decimal::new(cents, 2)),
        1 => Just(Decimal::from(80)),
        1 => (0_i64..2_000_000).prop_map(|tenth| Decimal::new(tenth, 3)),
    ];
    let kind = prop::sample::select(vec!["", "Actual", "forecasted", "Forecasted"]);
    let group = format!("{SHOP}/resourceGroups/ops/providers/microsoft.insights/ActionGroups/team");
    let emails = prop::collection::vec(
        prop::sample::select(vec![MAIL, "Lead@Contoso.Example", "team@contoso.example"]),
        1..3,
    );
    let locale = prop::sample::select(vec!["", "de-DE", "en-us", "xx-yy"]);
    let shape = (
        prop::bool::weighted(0.9),
        operator,
        threshold,
        kind,
        emails,
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.2),
        locale,
        prop::sample::select(vec!["", "Weekly", "daily"]),
    );
    shape.prop_map(
        move |(enabled, operator, threshold, kind, emails, groups, roles, locale, frequency)| {
            let mut one = BudgetNotification::new(operator, threshold);
            one.enabled = enabled;
            one.threshold_type = kind.into();
            one.contact_emails = emails.into_iter().map(str::to_owned).collect();
            one.contact_groups = if groups { vec![group.clone()] } else { vec![] };
            one.contact_roles = if roles { vec!["Owner".into()] } else { vec![] };
            one.locale = locale.into();
            one.frequency = frequency.into();
            one
        },
    )
}

fn any_live() -> impl Strategy<Value = Live> {
    let scope = prop::sample::select(vec![
        SHOP,
        "/subscriptions/5f0e0000-0000-0000-0000-000000000001/resourceGroups/Dev",
        "/providers/Microsoft.Management/managementGroups/contoso",
        "/providers/Microsoft.Billing/billingAccounts/100",
    ]);
    let grain = prop_oneof![
        10 => Just("Monthly"),
        2 => Just("monthly"),
        4 => Just("Quarterly"),
        4 => Just("Annually"),
        3 => Just("BillingMonth"),
        3 => Just("BillingQuarter"),
        3 => Just("BillingAnnual"),
        2 => Just("Last7Days"),
        1 => Just("Weekly"),
    ];
    let starts = (
        2018_i16..=2027,
        1_i8..=12,
        prop_oneof![3 => Just(1_i8), 1 => 1_i8..=28],
    );
    let starts = starts.prop_map(|(year, month, day)| date(year, month, day));
    let notifications = prop_oneof![
        8 => prop::collection::vec(any_notification(), 1..4),
        2 => prop::collection::vec(any_notification(), 0..7),
    ];
    let amount = prop_oneof![
        20 => (1_i64..10_000_000).prop_map(|cents| Some(Decimal::new(cents, 2))),
        1 => Just(Some(Decimal::ZERO)),
        1 => Just(None),
    ];
    let shape = (
        (
            scope,
            grain,
            starts,
            prop::option::weighted(0.4, 0_i32..5_000),
        ),
        (amount, conditions(), notifications),
        (
            prop_oneof![
                8 => Just("Cost"),
                2 => Just(""),
                2 => Just("cost"),
                2 => Just("ReservationUtilization"),
            ],
            any::<bool>(),
        ),
        prop_oneof![20 => "[A-Za-z0-9_-]{1,63}", 1 => hostile()],
    );
    shape.prop_map(
        |(place, (amount, conditions, notifications), (category, other), name)| {
            let (scope, grain, starts, days) = place;
            let ends = days.map(|days| starts.saturating_add(days.days()));
            let period = BudgetPeriod::new(starts, ends);
            let mut budget = AzureBudget::new(name, Decimal::ONE, grain, period);
            budget.amount = amount;
            budget.category = category.into();
            budget.filter = BudgetFilter::all(conditions);
            let keyed = notifications.into_iter().enumerate();
            budget.notifications = keyed
                .map(|(index, one)| (format!("key {index}"), one))
                .collect();
            Live {
                scope: scope.parse().unwrap(),
                provider: Provider::ALL[usize::from(other)],
                budget,
                origin: Origin::Elsewhere,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_azure_has_is_imported_to_a_plan_without_changes_or_named(
        live in prop::collection::vec(any_live(), 1..4),
    ) {
        let mut seen = BTreeSet::new();
        let mut live = live;
        live.retain(|each| seen.insert((each.scope.clone(), each.budget.name.to_lowercase())));
        imports(&live, TODAY);
    }

    #[test]
    fn what_was_compiled_is_imported_with_the_same_meaning(
        amount in 1_i64..1_000_000,
        actual in prop::collection::btree_set(1_i64..=1000, 0..7),
        forecast in prop::collection::btree_set(1_i64..=1000, 1..4),
        // In hundredths of the amount, so that none is above 1000 %.
        money in prop::collection::btree_set(1_i64..=1000, 0..3),
        filter in any::<bool>(),
        exclude in any::<bool>(),
        quarterly in any::<bool>(),
        told in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let (roles, groups, locale) = told;
        let cents = |hundredths: i64| Decimal::new(amount * hundredths, 2) + Decimal::new(3, 3);
        let thresholds: Vec<String> = actual
            .iter()
            .map(|percent| format!("\"actual {percent}%\""))
            .chain(forecast.iter().map(|percent| format!("\"forecast {percent}%\"")))
            .chain(money.iter().map(|one| format!("\"actual {}\"", cents(*one))))
            .collect();
        // The same in percent with two decimals, never told later.
        let mut expected: BTreeSet<(bool, Decimal)> = BTreeSet::new();
        expected.extend(actual.iter().map(|percent| (false, Decimal::from(*percent))));
        expected.extend(forecast.iter().map(|percent| (true, Decimal::from(*percent))));
        let floored = |one: Decimal| (one * Decimal::from(10_000) / Decimal::from(amount)).floor() / Decimal::ONE_HUNDRED;
        let of_money = money.iter().map(|one| floored(cents(*one)).normalize());
        expected.extend(of_money.filter(|percent| *percent <= Decimal::from(1000)).map(|percent| (false, percent)));
        let group = format!("{SHOP}/resourceGroups/ops/providers/Microsoft.Insights/actionGroups/team");
        let text = format!(
            "version = 1\n[[budget]]\nid = \"team.web\"\nscopes = [\"{SHOP}\"]\namount = {amount}\n\
             starts = 2026-01-01\ngrain = \"{}\"\nnotify = [\"mail\"]\nthresholds = [{}]\n{}{}\
             cost_basis = \"actual\"\n\
             native = {{ contact_emails = [\"{MAIL}\"], contact_roles = [{}], action_groups = [{}], locale = \"{}\" }}\n",
            if quarterly { "quarterly" } else { "monthly" },
            thresholds.join(", "),
            if filter { "filter = { any = [{ tag = \"env\", in = [\"a\"] }, { tag = \"env\", in = [\"b\"] }] }\n" } else { "" },
            if exclude { "exclude = [\"Tax\", \"Purchase\"]\n" } else { "" },
            if roles { "\"Reader\"" } else { "" },
            if groups { format!("\"{group}\"") } else { String::new() },
            if locale { "fr-fr" } else { "any" },
        );
        let files = [("a.toml".into(), BESIDE.to_owned()), ("b.toml".into(), text)];
        let config = Config::parse(&files).unwrap();
        let whole = wanted(&config, TODAY);
        let before = plan(&whole, &[], &config.native.names(), &Prune::default());
        prop_assert_eq!(before.len(), expected.len().div_ceil(5));
        let live: Vec<Live> = before
            .iter()
            .map(|change| Live {
                scope: change.scope.clone(),
                provider: change.provider,
                budget: change.write.clone().unwrap(),
                origin: Origin::Here { of: change.of.clone() },
            })
            .collect();
        let imported = imports(&live, TODAY);
        // Each part of a budget that was split comes back as a budget of ours, none as a description.
        prop_assert_eq!(imported.budgets.len(), before.len());
        prop_assert!(imported.notes.is_empty(), "{:?}", imported.notes);
        let original = config.budgets.get("team.web").unwrap();
        let mut found = BTreeSet::new();
        for (budget, settings) in &imported.budgets {
            prop_assert_eq!(&budget.planned, &original.planned);
            prop_assert_eq!(&budget.scopes, &original.scopes);
            prop_assert_eq!(&budget.exclude, &original.exclude);
            prop_assert_eq!(budget.cost_basis, original.cost_basis);
            prop_assert_eq!(budget.calendar.period_of(TODAY), original.calendar.period_of(TODAY));
            for value in ["a", "b", "A", "c", ""] {
                let counts = |filter: &Option<Filter>| {
                    filter.as_ref().is_none_or(|filter| filter.matches(&Tagged(value)))
                };
                prop_assert_eq!(counts(&budget.filter), counts(&original.filter), "{}", value);
            }
            for threshold in &budget.thresholds {
                let (is_forecast, level) = match threshold.when {
                    When::Actual(level) => (false, level),
                    When::Forecast(level) => (true, level),
                    other => panic!("{other:?}"),
                };
                let Level::Percent(percent) = level else { panic!("{level:?}") };
                found.insert((is_forecast, percent.normalize()));
                let told = &settings.thresholds[&threshold.id];
                prop_assert_eq!(&told.emails, &[MAIL.to_owned()]);
                prop_assert_eq!(told.roles.len(), usize::from(roles));
                prop_assert_eq!(told.groups.len(), usize::from(groups));
                prop_assert_eq!(told.locale.as_deref(), locale.then_some("fr-fr"));
            }
        }
        prop_assert_eq!(found, expected);
    }
}

/// A cost whose only tag is `env`.
struct Tagged(&'static str);

impl Attributes for Tagged {
    fn dimension(&self, _: Dimension) -> &str {
        ""
    }

    fn tag(&self, name: &TagName) -> &str {
        assert_eq!(name.to_string(), "env");
        self.0
    }
}

#[test]
fn azures_own_examples_are_imported_to_a_plan_without_changes() {
    let folder = match std::env::var_os("SPENDWATCH_AZURE_EXAMPLES") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/azure-rest-examples"),
    };
    if !folder.is_dir() {
        let _ = writeln!(
            std::io::stderr(),
            "left out: no examples of Azure in {}",
            folder.display()
        );
        return;
    }
    let mut count = 0;
    for file in json_files(&folder) {
        let text = std::fs::read_to_string(&file).unwrap();
        let Ok(example) = serde_json::from_str(&text) else {
            continue;
        };
        let mut found = Vec::new();
        collect(&example, &mut found);
        for each in found {
            count += 1;
            let live = example_live(each);
            let starts = live.budget.time_period.start;
            let inside = starts.to_zoned(jiff::tz::TimeZone::UTC).date();
            // While it ran, and long after its end.
            for today in [inside.saturating_add(20.days()), TODAY] {
                let imported = imports(std::slice::from_ref(&live), today);
                let all = imported.budgets.len() + imported.described.len();
                assert_eq!(all, 1, "{}: {:?}", file.display(), imported.notes);
            }
        }
    }
    assert!(count > 0, "no budget in {}", folder.display());
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let found = paths.into_iter().flat_map(|path| match path.is_dir() {
        true => json_files(&path),
        false => vec![path],
    });
    found
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect()
}

/// Everything in an example that looks like a budget.
fn collect<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) if value["properties"].get("timeGrain").is_some() => {
            let _ = fields;
            found.push(value);
        }
        Value::Object(fields) => fields.values().for_each(|inner| collect(inner, found)),
        Value::Array(items) => items.iter().for_each(|inner| collect(inner, found)),
        _ => {}
    }
}

fn example_live(value: &Value) -> Live {
    let mut value = value.clone();
    // Bodies of requests do not repeat where they go to.
    let id = value["id"].as_str().unwrap_or_default().to_owned();
    if value["name"].is_null() {
        value["name"] = "TestBudget".into();
    }
    let budget: AzureBudget = serde_json::from_value(value).unwrap();
    let folded = id.to_lowercase();
    let at = ["consumption", "costmanagement"]
        .iter()
        .find_map(|provider| folded.find(&format!("/providers/microsoft.{provider}/budgets")));
    let path = match at {
        Some(at) => format!("/{}", id[..at].trim_start_matches('/')),
        None => "/providers/Microsoft.Billing/billingAccounts/100".to_owned(),
    };
    let is_older = folded.contains("microsoft.consumption");
    Live {
        scope: path.parse().unwrap(),
        provider: Provider::ALL[usize::from(!is_older)],
        budget,
        origin: Origin::Elsewhere,
    }
}
