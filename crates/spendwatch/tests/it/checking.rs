//! What `check` says of budgets as a safety net.

use std::path::PathBuf;
use std::sync::Arc;

use azure_sandbox::{Denial, Options, Scenario};
use jiff::civil::date;
use spendwatch::jobs::check::{self, Finding, Level};
use spendwatch::{App, Config, Environment, ManualClock, StateLocation};
use tokio::net::TcpListener;

use crate::support::World;

const SHOP: &str = "/subscriptions/5f0e0000-0000-0000-0000-000000000001";

fn app(text: &str) -> App {
    spendwatch::install_crypto();
    let head = r#"
version = 1
currency = "EUR"
[source]
kind = "azure"
auth = "none"
endpoint = "http://127.0.0.1:9"
[channel.mail]
kind = "email"
smtp = "smtp://relay.contoso.example"
from = "Cost <cost@contoso.example>"
to = ["finops@contoso.example"]
[defaults]
notify = ["mail"]
"#;
    let files = [
        (PathBuf::from("a.toml"), head.to_owned()),
        (PathBuf::from("b.toml"), format!("version = 1\n{text}")),
    ];
    let config = Config::parse(&files).unwrap_or_else(|error| panic!("{error}"));
    let noon = date(2026, 11, 18).at(12, 0, 0, 0);
    let noon = noon.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    App::new(config, &Environment::default(), StateLocation::Memory)
        .unwrap()
        .with_clock(Arc::new(ManualClock::new(noon)))
}

fn budget(id: &str, rest: &str) -> String {
    format!("[[budget]]\nid = \"{id}\"\nscopes = [\"{SHOP}\"]\namount = 1000\n{rest}\n")
}

fn findings(text: &str) -> Vec<Finding> {
    let about = |finding: &Finding| {
        ["budget.", "native_budget."]
            .iter()
            .any(|start| finding.about.starts_with(start))
    };
    check::run(&app(text)).into_iter().filter(about).collect()
}

/// The one finding, by its level.
#[track_caller]
fn finds(text: &str, level: Level, expected: &str) {
    let found = findings(text);
    let found: Vec<&Finding> = found.iter().filter(|one| one.level == level).collect();
    let [only] = found[..] else {
        panic!("{found:#?}")
    };
    assert!(only.message.contains(expected), "{only:?}");
}

#[test]
fn a_budget_that_azure_can_keep_has_nothing_to_warn_of() {
    let text = budget(
        "web",
        "native = { contact_emails = [\"a@contoso.example\"] }",
    );
    let found = findings(&text);
    let levels: Vec<Level> = found.iter().map(|one| one.level).collect();
    // The one thing that Azure says in another way is the probability of a forecast.
    assert_eq!(levels, [Level::Note], "{found:?}");
    assert!(
        findings(&budget("web", "")).is_empty(),
        "it is not kept in Azure"
    );
}

#[test]
fn what_azure_cannot_express_or_tell_is_said() {
    finds(
        &budget("web", "native = { contact_emails = [] }"),
        Level::Warning,
        "Azure could tell nobody",
    );
    finds(
        &budget("web", "grain = \"weekly\"\nnative = true"),
        Level::Warning,
        "no weeks",
    );
    let pace = budget(
        "web",
        "thresholds = [\"pace 120%\", \"forecast 100%\"]\nnative = true",
    );
    let said: Vec<String> = findings(&pace).into_iter().map(|one| one.message).collect();
    let lost = said.iter().find(|words| words.starts_with("pace-120pct: "));
    assert!(
        lost.unwrap().contains("Azure does not get this"),
        "{said:?}"
    );
}

#[test]
fn roles_and_events_that_mean_nothing_are_found() {
    for (role, expected) in [("Ownr", true), ("Owner", false), ("Billing Clerk", false)] {
        let native = format!("native = {{ contact_roles = [\"{role}\"] }}");
        let found = check::unresolved(&app(&budget("web", &native)));
        let doubted = found
            .iter()
            .any(|one| one.message.contains("did you mean owner?"));
        assert_eq!(doubted, expected, "{role}: {found:#?}");
    }
    for (pattern, expected) in [("nope*", true), ("w*", false)] {
        let event = format!(
            "[[event]]\nname = \"test\"\nfrom = 2026-11-20\nuntil = 2026-11-21\nbudgets = [\"{pattern}\"]\n"
        );
        let found = check::run(&app(&(budget("web", "") + &event)));
        let idle = found
            .iter()
            .any(|one| one.message.contains("explains and mutes nothing"));
        assert_eq!(idle, expected, "{pattern}: {found:#?}");
    }
}

#[test]
fn ids_of_subscriptions_that_are_none_are_found() {
    for id in ["notaguid", "5f0e0000-0000-0000-0000-00000000000"] {
        let mistyped = budget("web", "").replace(SHOP, &format!("/subscriptions/{id}"));
        finds(
            &mistyped,
            Level::Warning,
            &format!("`{id}` is no id of a subscription"),
        );
    }
}

#[test]
fn thresholds_that_hardly_ever_fire_and_missing_forecasts_are_found() {
    finds(
        &budget("web", "thresholds = [\"actual 1001%\", \"actual 1000%\"]"),
        Level::Warning,
        "`actual-1001pct` is more than ten times the amount",
    );
    finds(
        &budget("web", "thresholds = [\"actual 10_001\"]"),
        Level::Warning,
        "more than ten times the amount",
    );
    finds(
        &budget("web", "thresholds = [\"actual 80%\"]\nnative = true"),
        Level::Note,
        "`forecast 100%`",
    );
}

#[test]
fn ends_that_come_near_are_found() {
    for (ends, expected) in [
        ("2026-11-17", Some("it ended on 2026-11-17")),
        ("2027-01-17", Some("it ends on 2027-01-17")),
        ("2027-01-18", None),
    ] {
        let text = budget("web", &format!("ends = {ends}"));
        match expected {
            Some(expected) => finds(&text, Level::Warning, expected),
            None => assert!(findings(&text).is_empty()),
        }
    }
}

#[test]
fn budgets_over_the_same_costs_are_named() {
    let two = |more: &str| budget("web", "") + &budget("shop", more);
    finds(&two(""), Level::Warning, "in the same periods as `web`");
    for different in [
        "parent = \"web\"",
        "grain = \"quarterly\"",
        "exclude = [\"Tax\"]",
        "filter = { tag = \"env\", in = [\"prod\"] }",
        "cost_basis = \"amortized\"",
    ] {
        assert!(findings(&two(different)).is_empty(), "{different}");
    }
    let described = format!(
        "{}[[native_budget]]\nscope = \"{SHOP}\"\nname = \"old\"\namount = 5\ngrain = \"Monthly\"\n\
         starts = 2026-11-01\n[[native_budget.notification]]\nthreshold = 0\ntype = \"Forecasted\"\n\
         contact_emails = [\"a@contoso.example\"]\n",
        budget("web", "native = true"),
    );
    let warnings = |text: &str| -> Vec<String> {
        let found = findings(text).into_iter();
        let warnings = found.filter(|one| one.level == Level::Warning);
        warnings.map(|one| one.message).collect()
    };
    let found = warnings(&described);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("0 % fires in every period"), "{found:?}");
    assert!(
        found[1].contains("same costs for it and for budget.web (`web`)"),
        "{found:?}"
    );
    let apart = described.replace("Monthly", "Quarterly");
    assert_eq!(warnings(&apart).len(), 1);
}

#[test]
fn many_budgets_over_the_same_costs_are_one_finding() {
    let three = budget("web", "") + &budget("shop", "") + &budget("more", "");
    finds(
        &three,
        Level::Warning,
        "in the same periods as `web`, `shop`:",
    );
}

#[test]
fn costs_that_are_counted_in_part_by_others_are_named_once() {
    let tagged = |id: &str, key: &str, values: &str| {
        budget(
            id,
            &format!("filter = {{ tag = \"{key}\", in = [{values}] }}"),
        )
    };
    let web = tagged("web", "env", r#""prod", "test""#);
    let shared = web.clone() + &tagged("shop", "env", r#""dev", "test""#);
    finds(&shared, Level::Note, "counted by `shop`, too");
    let group =
        tagged("group", "env", r#""test""#).replace(SHOP, &format!("{SHOP}/resourceGroups/g"));
    // The wider one is told, wherever it stands.
    finds(
        &(group.clone() + &web),
        Level::Note,
        "counted by `group`, too",
    );
    let many: String = (0..7)
        .map(|index| {
            let group = format!("{SHOP}/resourceGroups/g{index}");
            tagged(&format!("g{index}"), "env", r#""test""#).replace(SHOP, &group)
        })
        .collect();
    finds(
        &(many + &web),
        Level::Note,
        "counted by `g0`, `g1`, `g2`, `g3`, `g4` and 2 more, too",
    );
    for apart in [
        // The letter case of a tag's value counts, and another tag says nothing of this one.
        tagged("shop", "env", r#""TEST""#),
        tagged("shop", "team", r#""test""#),
        tagged("shop", "env", r#""test""#) + "grain = \"quarterly\"\n",
        tagged("shop", "env", r#""test""#) + "parent = \"web\"\n",
        group.replace(SHOP, &SHOP.replace("5f0e", "6f0e")),
    ] {
        let found = findings(&(web.clone() + &apart));
        assert!(found.is_empty(), "{apart}: {found:#?}");
    }
}

#[tokio::test]
async fn amounts_far_from_what_is_spent_are_found_where_it_is_known() {
    let world = World::new("slack", r#"["actual 50%"]"#).await;
    assert!(check::history(&world.app).await.unwrap().is_empty());
    world.spent(3001);
    world.evaluate().await;
    let found = check::history(&world.app).await.unwrap();
    let [only] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        (only.level, only.about.as_str()),
        (Level::Warning, "budget.payments")
    );
    assert!(
        only.message.contains("is far below the 3001 EUR"),
        "{only:?}"
    );
    world.spent(3000);
    world.pass(3600);
    world.evaluate().await;
    let found = check::history(&world.app).await.unwrap();
    assert!(found.is_empty(), "three times is not yet far: {found:?}");
}

/// A configuration whose budgets tell by roles and groups of a scenario.
async fn asked(change: impl FnOnce(&mut Options, &str), text: &str) -> Vec<Finding> {
    let scenario = Scenario::parse(&Scenario::text("enterprise").unwrap().replacen(
        "[[action_group]]\n",
        "[[action_group]]\nname = \"off\"\nresource_group = \"Shop/shop-prod\"\nenabled = false\n\
         [[action_group]]\nemails = [\"ops@contoso.example\"]\n",
        1,
    ))
    .unwrap();
    let shop = format!("/subscriptions/{}", scenario.world.subscriptions[0].id);
    let mut options = Options::new(scenario.world.today);
    options.needs_token = false;
    options.standing = scenario.standing;
    change(&mut options, &shop);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(azure_sandbox::serve(listener, scenario.world, options));
    let text = format!(
        "[native]\nauth = \"none\"\nendpoint = \"{endpoint}\"\n{}",
        text.replace("SHOP", &shop)
    );
    let app = app(&text);
    check::contacts(&app).await
}

const TOLD: &str = r#"
[[budget]]
id = "web"
scopes = ["SHOP"]
amount = 1000
[budget.native]
contact_emails = ["a@contoso.example"]
contact_roles = ["Owner", "contributor", "Reader", "Billing Clerk"]
action_groups = [
  "SHOP/resourceGroups/shop-prod/providers/microsoft.insights/actionGroups/shop-team",
  "SHOP/resourceGroups/shop-prod/providers/microsoft.insights/actionGroups/OFF",
  "SHOP/resourceGroups/shop-prod/providers/microsoft.insights/actionGroups/gone",
]
"#;

#[tokio::test]
async fn roles_and_action_groups_are_resolved_to_people() {
    let offline = app(&TOLD.replace("SHOP", SHOP));
    let warned = check::unresolved(&offline);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].message.contains("Owner"), "{warned:?}");
    let found = asked(|_, _| (), TOLD).await;
    let level = |words: &str| {
        let one = found.iter().find(|one| one.message.contains(words));
        one.unwrap_or_else(|| panic!("no {words}: {found:#?}"))
            .level
    };
    assert_eq!(found.len(), 7, "{found:#?}");
    assert_eq!(
        level("Owner mails nobody: at /subscriptions/"),
        Level::Error
    );
    assert_eq!(
        level("held by 1 group and 1 application only"),
        Level::Error
    );
    assert_eq!(
        level("is held by 1 person; Azure does not mail the 1 group"),
        Level::Note
    );
    assert_eq!(level("Reader mails nobody: nobody holds it"), Level::Error);
    assert_eq!(level("Billing Clerk"), Level::Note);
    assert_eq!(level("shop-team mails ops@contoso.example"), Level::Note);
    assert_eq!(level("OFF is switched off"), Level::Error);
    assert_eq!(level("gone does not exist"), Level::Error);
}

#[tokio::test]
async fn what_the_identity_may_not_see_is_no_fault() {
    let found = asked(
        |options, shop| {
            options.denials = vec![Denial {
                scope: shop.to_owned(),
                may_read: false,
            }];
        },
        TOLD,
    )
    .await;
    assert!(!found.is_empty());
    assert!(
        found.iter().all(|one| one.level == Level::Note),
        "{found:#?}"
    );
    let lacks = |right: &str| found.iter().any(|one| one.message.contains(right));
    assert!(
        lacks("roleAssignments/read") && lacks("actionGroups/read"),
        "{found:#?}"
    );
}

#[tokio::test]
async fn nobody_signs_in_where_there_is_nothing_to_ask() {
    let no_way = |text: &str| app(&format!("[native]\nauth = \"client-secret\"\n{text}"));
    let quiet = no_way(&budget("web", "native = true"));
    assert!(check::contacts(&quiet).await.is_empty());
    let found = check::contacts(&no_way(&TOLD.replace("SHOP", SHOP))).await;
    let [only] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(only.level, Level::Warning);
    assert!(only.message.contains("AZURE_"), "{only:?}");
}

#[test]
fn templates_are_rendered_with_every_sample() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("subject.txt"), "{{ words.headline }}").unwrap();
    let page = "<h1>{{ words.headline }}</h1>\n<p>{{ words.chart.alt }}</p>";
    std::fs::write(folder.path().join("body.html"), page).unwrap();
    let path = folder.path().display();
    let more = format!(
        "[channel.own]\nkind = \"email\"\nsmtp = \"smtp://relay.contoso.example\"\n\
         from = \"cost@contoso.example\"\ntemplates = \"{path}\"\n{}",
        budget("a", "")
    );
    let found = check::run(&app(&more));
    let own: Vec<&Finding> = found
        .iter()
        .filter(|one| one.about == "channel.own")
        .collect();
    assert_eq!(own.len(), 1, "{own:#?}");
    assert_eq!(own[0].level, Level::Error);
    // Not every notice has a chart, and the second line asks for one.
    let expected = format!("{path}/body.html:2: undefined value");
    assert!(own[0].message.starts_with(&expected), "{}", own[0].message);
    let careful = page
        .replace("<p>", "{% if chart %}<p>")
        .replace("</p>", "</p>{% endif %}");
    std::fs::write(folder.path().join("body.html"), careful).unwrap();
    let found = check::run(&app(&more));
    assert!(
        found.iter().all(|one| one.about != "channel.own"),
        "{found:#?}"
    );
}

#[test]
fn budgets_that_would_be_one_in_azure_are_a_mistake() {
    let text = [
        budget(
            "web",
            "native = { contact_emails = [\"a@contoso.example\"] }",
        ),
        budget(
            "shop",
            "native = { name = \"WEB\", contact_emails = [\"a@contoso.example\"] }",
        ),
    ]
    .concat();
    let found = check::run(&app(&text));
    let wrong: Vec<&Finding> = found
        .iter()
        .filter(|one| one.level == Level::Error)
        .collect();
    let [only] = wrong[..] else {
        panic!("{found:#?}")
    };
    assert!(
        only.message
            .contains("web, shop would all be the budget `web`"),
        "{only:?}"
    );
}
