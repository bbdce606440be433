//! What was created here and is gone, and what Azure still has though it can never be kept.

use std::path::Path;

use azure_sandbox::example;
use jiff::civil::{Date, date};
use native_budgets::{Action, Prune};
use serde_json::json;
use spendwatch::StateLocation;
use spendwatch::jobs::plan;

use crate::native_azure::{Azure, Here, budget, here_on, here_with, to_do};

fn here_in(azure: &Azure, budgets: &str, day: Date, folder: &Path) -> Here {
    here_on(
        azure,
        budgets,
        day,
        StateLocation::Folder(folder.to_owned()),
    )
}

fn pruned() -> plan::Options {
    plan::Options {
        prune: Prune {
            ours: true,
            ..Prune::default()
        },
        ..plan::Options::default()
    }
}

async fn others_create(azure: &Azure, name: &str) {
    let theirs = json!({ "properties": {
        "category": "Cost", "amount": 7, "timeGrain": "Monthly",
        "timePeriod": { "startDate": "2026-11-01T00:00:00Z" }, "notifications": {},
    }});
    azure.put(&Azure::path(name), theirs).await;
}

#[tokio::test]
async fn what_vanished_is_forgotten_and_its_name_is_free_for_others() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let both = format!(
        "{}{}",
        budget("web", "amount = 1000"),
        budget("api", "amount = 500")
    );
    here_in(&azure, &both, example::AS_OF, folder.path())
        .settle()
        .await;
    let api = budget("api", "amount = 500");
    let here = here_in(&azure, &api, example::AS_OF, folder.path());
    azure.delete(&Azure::path("web")).await;
    let plan = here.plan().await;
    let names: Vec<&str> = plan.vanished.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["web"]);
    assert!(plan.is_to_do(), "it is to be forgotten");
    here.apply(&plan).await;
    assert!(!here.plan().await.is_to_do());
    others_create(&azure, "web").await;
    let plan = here.plan_with(&pruned()).await;
    assert_eq!(to_do(&plan), [], "{plan:#?}");
    assert_eq!(azure.budget("web").await["properties"]["amount"], 7);
    // What is still there when it is to be forgotten stays ours.
    azure.delete(&Azure::path("api")).await;
    let none = budget("other", "amount = 1");
    let here = here_in(&azure, &none, example::AS_OF, folder.path());
    here.settle().await;
    assert!(!here.plan().await.is_to_do());
}

#[tokio::test]
async fn a_budget_that_begins_on_another_day_is_not_the_one_that_was_created_here() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let october = date(2026, 10, 15);
    azure.on(october).await;
    let both = format!(
        "{}{}",
        budget("web", "amount = 1000"),
        budget("api", "amount = 500")
    );
    here_in(&azure, &both, october, folder.path())
        .settle()
        .await;
    azure.on(example::AS_OF).await;
    // Nothing of ours ran between the two.
    azure.delete(&Azure::path("web")).await;
    others_create(&azure, "web").await;
    let here = here_in(
        &azure,
        &budget("other", "amount = 1"),
        example::AS_OF,
        folder.path(),
    );
    let plan = here.plan_with(&pruned()).await;
    assert_eq!(
        to_do(&plan),
        [(Action::Delete, "api"), (Action::Create, "other")]
    );
    here.apply(&plan).await;
    assert_eq!(azure.budget("web").await["properties"]["amount"], 7);
    assert!(!here.plan_with(&pruned()).await.is_to_do());
}

#[tokio::test]
async fn what_azure_can_never_keep_is_left_behind_until_it_is_pruned() {
    let azure = Azure::example().await;
    let only_pace = budget("web", "amount = 2000")
        .replace("\"actual 80%\", \"forecast 100%\"", "\"pace 120%\"");
    let weekly = budget("web", "amount = 2000\ngrain = \"weekly\"");
    let not = budget(
        "web",
        "amount = 2000\nfilter = { not = { dimension = \"ServiceName\", in = [\"Storage\"] } }",
    );
    for (later, about) in [
        (only_pace, "thresholds"),
        (weekly, "grain"),
        (not, "filter"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        here_in(
            &azure,
            &budget("web", "amount = 1000"),
            example::AS_OF,
            folder.path(),
        )
        .settle()
        .await;
        let here = here_in(&azure, &later, example::AS_OF, folder.path());
        let plan = here.plan().await;
        assert_eq!(to_do(&plan), []);
        assert!(plan.is_to_do() && !plan.is_to_apply() && plan.is_whole());
        let [left] = &plan.left_behind().collect::<Vec<_>>()[..] else {
            panic!("{plan:#?}")
        };
        assert_eq!(
            left.reason,
            format!(
                "Azure cannot keep web as it is configured ({about}) and still has this one with the \
                 amount 1000, which goes on telling; --prune deletes it"
            )
        );
        let lost = plan.losses.iter().find(|loss| loss.about == about).unwrap();
        assert!(lost.reason.ends_with("is an old one"), "{lost:?}");
        let plan = here.plan_with(&pruned()).await;
        assert_eq!(to_do(&plan), [(Action::Delete, "web")]);
        here.apply(&plan).await;
        assert_eq!(azure.budget("web").await["error"]["code"], "NotFound");
        assert!(!here.plan().await.is_to_do());
    }
}

#[tokio::test]
async fn what_others_made_by_the_name_of_a_budget_that_cannot_be_kept_is_theirs() {
    let azure = Azure::example().await;
    others_create(&azure, "web").await;
    let weekly = budget("web", "amount = 2000\ngrain = \"weekly\"");
    let api = budget("api", "amount = 1");
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{weekly}{api}");
    let here = here_in(&azure, &text, example::AS_OF, folder.path());
    here.settle().await;
    let plan = here.plan_with(&pruned()).await;
    assert!(!plan.is_to_do(), "{plan:#?}");
    let web = plan.changes.iter().find(|one| one.name == "web").unwrap();
    assert_eq!(web.reason, "it was not created here");
}

#[tokio::test]
async fn what_another_configuration_created_in_the_same_state_is_not_ours() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let owned = |owner: &str, id: &str| {
        let table = "contact_emails = [\"cost@contoso.example\"]";
        let text = format!("{table}\nowner = \"{owner}\"");
        let state = StateLocation::Folder(folder.path().to_owned());
        let budgets = budget(id, "amount = 10");
        here_with(&azure, &text, &budgets, example::AS_OF, state)
    };
    owned("a", "web").settle().await;
    let other = owned("b", "api");
    other.settle().await;
    assert_eq!(to_do(&other.plan_with(&pruned()).await), []);
    // The one that created it may, and so may nobody without a name.
    let none = here_in(
        &azure,
        &budget("x", "amount = 1"),
        example::AS_OF,
        folder.path(),
    );
    assert_eq!(
        to_do(&none.plan_with(&pruned()).await),
        [(Action::Create, "x")]
    );
    let own = owned("a", "y");
    assert_eq!(
        to_do(&own.plan_with(&pruned()).await),
        [(Action::Delete, "web"), (Action::Create, "y")]
    );
}
