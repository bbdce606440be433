//! Parts of a split, names that collide, amounts that are unknown, and scopes that are gone.

use std::collections::BTreeSet;
use std::path::Path;

use azure_sandbox::{Denial, Fault, Mishap, Options, Scenario, example};
use native_budgets::{Action, Prune};
use serde_json::json;
use spendwatch::StateLocation;
use spendwatch::jobs::{plan, sync};

use crate::native_azure::{Azure, Here, SUBSCRIPTION, budget, here, here_on, to_do};

/// A budget with a threshold at each of these percentages.
fn with(id: &str, percents: &[u32], rest: &str) -> String {
    let thresholds: Vec<String> = percents
        .iter()
        .map(|percent| format!("\"actual {percent}%\""))
        .collect();
    budget(id, rest).replace("\"actual 80%\", \"forecast 100%\"", &thresholds.join(", "))
}

fn here_in(azure: &Azure, budgets: &str, folder: &Path) -> Here {
    let state = StateLocation::Folder(folder.to_owned());
    here_on(azure, budgets, example::AS_OF, state)
}

/// Everything that was created here and is not wanted is to be deleted.
fn pruning() -> plan::Options {
    plan::Options {
        prune: Prune {
            ours: true,
            named: BTreeSet::new(),
        },
        ..Default::default()
    }
}

async fn percents(azure: &Azure, name: &str) -> Vec<u64> {
    let budget = azure.budget(name).await;
    let told = budget["properties"]["notifications"].as_object();
    let told = told.into_iter().flat_map(|told| told.values());
    let mut told: Vec<u64> = told
        .map(|each| each["threshold"].as_u64().unwrap())
        .collect();
    told.sort_unstable();
    told
}

#[tokio::test]
async fn parts_come_and_go_with_thresholds_and_their_amounts_never_grow_old() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let six = with("web", &[50, 60, 70, 80, 90, 100], "amount = 1000");
    here_in(&azure, &six, folder.path()).settle().await;
    // One more in the middle: the other part has room, and only it is written.
    azure.requests("Budgets_CreateOrUpdate").await;
    let seven = with("web", &[50, 55, 60, 70, 80, 90, 100], "amount = 1000");
    here_in(&azure, &seven, folder.path()).settle().await;
    assert_eq!(azure.requests("Budgets_CreateOrUpdate").await, 1);
    assert_eq!(percents(&azure, "web-2").await, [55, 100]);
    // Without --prune: it would tell of an old amount.
    let two = with("web", &[50, 60], "amount = 2000");
    let later = here_in(&azure, &two, folder.path());
    let plan = later.plan().await;
    assert_eq!(
        to_do(&plan),
        [(Action::Update, "web"), (Action::Delete, "web-2")]
    );
    later.settle().await;
    assert_eq!(azure.budget("web-2").await["error"]["code"], "NotFound");
}

#[tokio::test]
async fn what_others_made_in_the_name_of_a_part_is_left_with_words() {
    let azure = Azure::example().await;
    let here = here(&azure, &budget("web", "amount = 1000"));
    here.settle().await;
    let theirs = json!({ "properties": {
        "category": "Cost", "amount": 7, "timeGrain": "Monthly",
        "timePeriod": { "startDate": "2026-11-01T00:00:00Z" }, "notifications": {},
    }});
    azure.put(&Azure::path("web-2"), theirs).await;
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), []);
    let part = plan.changes.iter().find(|change| change.name == "web-2");
    let reason = &part.unwrap().reason;
    assert!(
        reason.contains("part of web, but was not created here"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_configured_budget_is_never_taken_for_a_part() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let six = with("web", &[50, 60, 70, 80, 90, 100], "amount = 1000");
    here_in(&azure, &six, folder.path()).settle().await;
    // Another budget takes the name of the part: it gets it, and the part another one.
    let both = format!("{six}{}", budget("web-2", "amount = 77"));
    let later = here_in(&azure, &both, folder.path());
    // What the part tells is not taken from it before the other one is there.
    let refused = Fault {
        what: Mishap::Refused {
            status: 403,
            code: "AuthorizationFailed".into(),
        },
        operation: Some("Budgets_CreateOrUpdate".into()),
        after: 0,
        times: Some(1),
    };
    azure.put("/sandbox/faults", json!([refused])).await;
    let applied = later.apply(&later.plan().await).await;
    assert!(
        applied.iter().all(|one| one.problem.is_some()),
        "{applied:#?}"
    );
    assert_eq!(percents(&azure, "web-2").await, [100]);
    later.settle().await;
    assert_eq!(azure.budget("web-2").await["properties"]["amount"], 77);
    assert_eq!(percents(&azure, "web-3").await, [100]);
    // It is not deleted as a part when `web` needs no part any more, nor used as one when it does again.
    let few = with("web", &[50], "amount = 1000");
    let alone = here_in(&azure, &few, folder.path());
    let plan = alone.plan().await;
    assert_eq!(
        to_do(&plan),
        [(Action::Update, "web"), (Action::Delete, "web-3")],
        "{plan:#?}"
    );
    alone.settle().await;
    let again = here_in(&azure, &six, folder.path());
    again.settle().await;
    assert_eq!(azure.budget("web-2").await["properties"]["amount"], 77);
    assert_eq!(percents(&azure, "web-3").await, [100]);
}

#[tokio::test]
async fn parts_follow_a_budget_whose_id_changes() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let six = with("web", &[50, 60, 70, 80, 90, 100], "amount = 1000");
    here_in(&azure, &six, folder.path()).settle().await;
    let renamed = with(
        "site",
        &[50, 60, 70, 80, 90, 100],
        "amount = 1000\nnative = { name = \"web\" }",
    );
    let later = here_in(&azure, &renamed, folder.path());
    let plan = later.plan().await;
    assert_eq!(to_do(&plan), [], "{plan:#?}");
    later.settle().await;
    let few = renamed.replace(", \"actual 100%\"", "");
    let later = here_in(&azure, &few, folder.path());
    assert_eq!(to_do(&later.plan().await), [(Action::Delete, "web-2")]);
}

#[tokio::test]
async fn budgets_that_would_be_one_are_failures_and_the_rest_is_kept() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let good = format!(
        "{}{}",
        budget("web", "amount = 1000"),
        budget("api", "amount = 5")
    );
    here_in(&azure, &good, folder.path()).settle().await;
    let text = format!(
        "{}{}{}",
        budget("web", "amount = 2000"),
        budget("shop", "amount = 3\nnative = { name = \"WEB\" }"),
        budget("api", "amount = 6")
    );
    let here = here_in(&azure, &text, folder.path());
    let prune = pruning();
    let plan = here.plan_with(&prune).await;
    assert_eq!(to_do(&plan), [(Action::Update, "api")], "{plan:#?}");
    let ids: Vec<&str> = plan
        .unplanned
        .iter()
        .map(|one| one.budget.as_str())
        .collect();
    assert_eq!(ids, ["web", "shop"]);
    assert!(
        plan.unplanned[0].problem.contains("web, shop would all be"),
        "{plan:#?}"
    );
    assert!(!plan.is_whole());
}

#[tokio::test]
async fn an_amount_that_cannot_be_read_is_a_failure_and_what_azure_has_is_left() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let text = budget("web", "amount = { history = \"median 1 periods\" }");
    here_in(&azure, &text, folder.path()).settle().await;
    let refused = Mishap::Refused {
        status: 403,
        code: "RBACAccessDenied".into(),
    };
    let mut fault = Fault::new(refused);
    fault.operation = Some("Query_Usage".into());
    azure.put("/sandbox/faults", json!([fault])).await;
    let here = here_in(&azure, &text, folder.path());
    let plan = here
        .plan_with(&plan::Options {
            prune: Prune {
                ours: true,
                named: BTreeSet::new(),
            },
            ..Default::default()
        })
        .await;
    assert_eq!(to_do(&plan), []);
    assert_eq!(plan.losses, []);
    let [only] = &plan.unplanned[..] else {
        panic!("{plan:#?}")
    };
    assert_eq!(only.budget, "web");
    assert!(only.problem.contains("cannot be read"), "{}", only.problem);
    assert!(!plan.is_whole());
}

/// The example without the subscription that budgets were created at.
async fn without_the_subscription(denied: bool) -> Azure {
    let mut world = example::world();
    world.subscriptions.retain(|each| each.id != SUBSCRIPTION);
    let mut options = Options::new(example::AS_OF);
    if denied {
        options.denials.push(Denial {
            scope: format!("/subscriptions/{SUBSCRIPTION}"),
            may_read: false,
        });
    }
    Azure::serve_with(world, options).await
}

#[tokio::test]
async fn what_was_created_at_a_scope_that_is_gone_is_forgotten_once() {
    let azure = Azure::serve(example::world(), Vec::new()).await;
    let folder = tempfile::tempdir().unwrap();
    let other = budget("other", "amount = 5\ncurrency = \"USD\"")
        .replace(SUBSCRIPTION, example::SHARED_SUBSCRIPTION);
    let both = format!("{}{other}", budget("web", "amount = 1000"));
    here_in(&azure, &both, folder.path()).settle().await;
    // A missing right is no sign that a scope is gone.
    let denied = without_the_subscription(true).await;
    let here = here_in(&denied, &other, folder.path());
    let plan = here.plan().await;
    assert_eq!((plan.gone.len(), plan.failures.len()), (0, 1), "{plan:#?}");
    // While a configured budget wants the scope, it is a failure.
    let gone = without_the_subscription(false).await;
    let plan = here_in(&gone, &both, folder.path()).plan().await;
    assert_eq!((plan.gone.len(), plan.failures.len()), (0, 1), "{plan:#?}");
    let here = here_in(&gone, &other, folder.path());
    let plan = here.plan().await;
    assert_eq!(plan.failures, []);
    let [only] = &plan.gone[..] else {
        panic!("{plan:#?}")
    };
    assert_eq!(only.budgets, ["web"]);
    assert!(plan.is_to_do());
    // The shared subscription's budget is new to this Azure.
    here.apply(&plan).await;
    let again = here.plan().await;
    assert!(again.is_whole() && !again.is_to_do(), "{again:#?}");
}

#[tokio::test]
async fn a_name_of_several_scopes_says_too_little_to_delete() {
    let azure = Azure::serve(example::world(), Vec::new()).await;
    let shared = example::SHARED_SUBSCRIPTION;
    let text = format!(
        "{}{}",
        budget("web", "amount = 1"),
        budget("api", "amount = 1\ncurrency = \"USD\"").replace(SUBSCRIPTION, shared)
    );
    let here = here(&azure, &text);
    here.settle().await;
    let theirs = json!({ "properties": {
        "category": "Cost", "amount": 7, "timeGrain": "Monthly",
        "timePeriod": { "startDate": "2026-11-01T00:00:00Z" }, "notifications": {},
    }});
    for subscription in [SUBSCRIPTION, shared] {
        let path = Azure::path("theirs").replace(SUBSCRIPTION, subscription);
        azure.put(&path, theirs.clone()).await;
    }
    let named = |text: &str| plan::Options {
        prune: Prune {
            ours: false,
            named: BTreeSet::from([text.parse().unwrap()]),
        },
        ..Default::default()
    };
    let refused = plan::run(&here.app, &named("theirs"), &|_, _| {}).await;
    let words = refused.unwrap_err().to_string();
    for subscription in [SUBSCRIPTION, shared] {
        let id = format!("/subscriptions/{subscription}=theirs");
        assert!(words.contains(&id), "{words}");
    }
    let id = format!("/subscriptions/{shared}/providers/Microsoft.Consumption/budgets/theirs");
    for text in [format!("/subscriptions/{shared}=theirs"), id] {
        let plan = here.plan_with(&named(&text)).await;
        let [only] = &plan.to_do().collect::<Vec<_>>()[..] else {
            panic!("{plan:#?}")
        };
        assert_eq!((only.action, only.scope.id()), (Action::Delete, shared));
    }
}

#[tokio::test]
async fn what_differed_is_remembered_though_the_twin_check_fails() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let here = here_in(&azure, &budget("web", "amount = 1000"), folder.path());
    // What the twin check left before cannot be read.
    let twin = folder.path().join("native");
    std::fs::create_dir_all(&twin).unwrap();
    let documents = here.app.documents();
    documents
        .create("native/twin", b"{ this is none".to_vec())
        .await
        .unwrap();
    assert!(sync::run(&here.app).await.is_err());
    let drift = sync::last_drift(&here.app).await.unwrap().unwrap();
    assert_eq!(drift.differences.len(), 1, "{drift:?}");
}

#[tokio::test]
async fn billing_periods_that_an_agreement_does_not_have_are_found_when_it_is_planned() {
    // A Customer Agreement shows in the shape of cost rows only.
    for (scenario, expected) in [("enterprise", 0), ("customer", 0), ("pay-as-you-go", 2)] {
        let world = Scenario::named(scenario).unwrap().world;
        let today = world.today;
        let subscription = world.subscriptions[0].id.clone();
        let group = world.subscriptions[0].groups[0].name.clone();
        let currency = world.subscriptions[0].currency.clone();
        let mut options = Options::new(today);
        options.quota = None;
        let azure = Azure::serve_with(world, options).await;
        let anchor = today.first_of_month();
        let amount = format!("amount = 9\ncurrency = \"{currency}\"");
        let grain = format!("{amount}\ngrain = \"billing-month\"\nstarts = {anchor}");
        let text = format!(
            "{}{}{}",
            budget("web", &grain).replace(SUBSCRIPTION, &subscription),
            budget("api", &grain).replace(
                SUBSCRIPTION,
                &format!("{subscription}/resourceGroups/{group}")
            ),
            budget("plain", &amount).replace(SUBSCRIPTION, &subscription),
        );
        let here = here_on(&azure, &text, today, StateLocation::Memory);
        let plan = here.plan().await;
        assert_eq!(plan.to_do().count(), expected + 1, "{plan:#?}");
        assert_eq!(azure.requests("Subscriptions_Get").await, 1, "{scenario}");
        let grains = plan.losses.iter().filter(|loss| loss.about == "grain");
        let reasons: Vec<&str> = grains.map(|loss| loss.reason.as_str()).collect();
        assert_eq!(reasons.len(), 2 - expected, "{plan:#?}");
        for reason in reasons {
            assert!(reason.contains("grain = \"monthly\""), "{reason}");
        }
        here.settle().await;
        // What Azure has is not asked about.
        azure.requests("").await;
        here.plan().await;
        let again = azure.requests("Subscriptions_Get").await;
        assert_eq!(again, u64::from(scenario != "pay-as-you-go"));
    }
}

#[tokio::test]
async fn a_budget_that_moves_is_at_its_new_scope_before_the_old_one_is_deleted() {
    let azure = Azure::serve(example::world(), Vec::new()).await;
    let folder = tempfile::tempdir().unwrap();
    let old = budget("web", "amount = 1000");
    here_in(&azure, &old, folder.path()).settle().await;
    let moved = budget("web", "amount = 1000\ncurrency = \"USD\"")
        .replace(SUBSCRIPTION, example::SHARED_SUBSCRIPTION);
    let later = here_in(&azure, &moved, folder.path());
    let prune = pruning();
    let refused = Fault {
        what: Mishap::Refused {
            status: 403,
            code: "AuthorizationFailed".into(),
        },
        operation: Some("Budgets_CreateOrUpdate".into()),
        after: 0,
        times: Some(1),
    };
    let both = |plan: &plan::NativePlan| {
        let mut actions: Vec<Action> = to_do(plan).into_iter().map(|(action, _)| action).collect();
        actions.sort_by_key(|action| *action == Action::Delete);
        actions
    };
    // It cannot be written there.
    let planned = later.plan_with(&prune).await;
    assert_eq!(
        both(&planned),
        [Action::Create, Action::Delete],
        "{planned:#?}"
    );
    azure.put("/sandbox/faults", json!([refused])).await;
    let applied = later.apply(&planned).await;
    assert!(
        applied.iter().all(|one| one.problem.is_some()),
        "{applied:#?}"
    );
    assert_eq!(percents(&azure, "web").await, [80, 100]);
    let planned = later.plan_with(&prune).await;
    assert_eq!(both(&planned), [Action::Create, Action::Delete]);
    let applied = later.apply(&planned).await;
    assert!(
        applied.iter().all(|one| one.problem.is_none()),
        "{applied:#?}"
    );
    assert_eq!(azure.budget("web").await["error"]["code"], "NotFound");
}

#[tokio::test]
async fn a_budget_that_moves_to_where_nothing_can_be_read_is_left_where_it_is() {
    let mut options = Options::new(example::AS_OF);
    options.denials.push(Denial {
        scope: format!("/subscriptions/{}", example::SHARED_SUBSCRIPTION),
        may_read: false,
    });
    let azure = Azure::serve_with(example::world(), options).await;
    let folder = tempfile::tempdir().unwrap();
    let old = budget("web", "amount = 1000");
    here_in(&azure, &old, folder.path()).settle().await;
    let moved = old.replace(SUBSCRIPTION, example::SHARED_SUBSCRIPTION);
    let prune = pruning();
    let planned = here_in(&azure, &moved, folder.path())
        .plan_with(&prune)
        .await;
    assert_eq!(to_do(&planned), [], "{planned:#?}");
    assert_eq!(planned.failures.len(), 1);
}
