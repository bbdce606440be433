//! What comes in place of one of Azure's budgets, what stands in the way, and what is over.

use std::path::Path;

use azure_sandbox::{Fault, Mishap, example};
use native_budgets::{Action, Prune};
use serde_json::json;
use spendwatch::StateLocation;
use spendwatch::jobs::{plan, sync};

use crate::native_azure::{Azure, Here, budget, here, here_on, to_do};

fn here_in(azure: &Azure, budgets: &str, folder: &Path) -> Here {
    let state = StateLocation::Folder(folder.to_owned());
    here_on(azure, budgets, example::AS_OF, state)
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

#[tokio::test]
async fn a_budget_is_deleted_only_when_its_successor_is_there() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    here_in(&azure, &budget("api", "amount = 10"), folder.path())
        .settle()
        .await;
    // A new id that comes later in the alphabet than the old one.
    let here = here_in(&azure, &budget("web", "amount = 10"), folder.path());
    let plan = here.plan_with(&pruned()).await;
    assert_eq!(
        to_do(&plan),
        [(Action::Delete, "api"), (Action::Create, "web")]
    );
    let mut fault = Fault::new(Mishap::Refused {
        status: 400,
        code: "BadRequest".into(),
    });
    fault.operation = Some("Budgets_CreateOrUpdate".into());
    fault.times = Some(1);
    azure.put("/sandbox/faults", json!([fault])).await;
    let applied = here.apply(&plan).await;
    let problems: Vec<&str> = applied
        .iter()
        .map(|one| one.problem.as_deref().unwrap_or_default())
        .collect();
    assert_eq!(
        problems[0],
        "it is left, because web is not as wanted: apply again"
    );
    assert!(problems[1].contains("BadRequest"), "{problems:?}");
    assert_eq!(azure.budget("api").await["properties"]["amount"], 10);
    // It is still known as ours.
    let plan = here.plan_with(&pruned()).await;
    let applied = here.apply(&plan).await;
    assert!(
        applied.iter().all(|one| one.problem.is_none()),
        "{applied:?}"
    );
    assert_eq!(azure.budget("api").await["error"]["code"], "NotFound");
    assert_eq!(azure.budget("web").await["properties"]["amount"], 10);
}

#[tokio::test]
async fn a_budget_of_others_in_the_way_is_no_success() {
    let azure = Azure::example().await;
    let theirs = json!({ "properties": {
        "category": "Cost", "amount": 7, "timeGrain": "Annually",
        "timePeriod": { "startDate": "2026-01-01T00:00:00Z" }, "notifications": {},
    }});
    azure.put(&Azure::path("web"), theirs).await;
    let here = here(&azure, &budget("web", "amount = 10"));
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), []);
    let names: Vec<&str> = plan.in_the_way().map(|change| &*change.name).collect();
    assert_eq!(names, ["web"]);
    assert!(!plan.is_whole());
    sync::run(&here.app).await.unwrap();
    let drift = sync::last_drift(&here.app).await.unwrap().unwrap();
    assert_eq!(drift.problems.len(), 1, "{drift:?}");
    assert!(drift.problems[0].contains("--delete"), "{drift:?}");
}

#[tokio::test]
async fn what_follows_a_budget_that_is_over_can_be_pruned() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    here_in(&azure, &budget("web", "amount = 10"), folder.path())
        .settle()
        .await;
    let over = budget("web", "amount = 10\nstarts = 2026-01-01\nends = 2026-10-31");
    let here = here_in(&azure, &over, folder.path());
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), []);
    let reason = &plan.changes[0].reason;
    assert_eq!(reason, "web ended on 2026-10-31; --prune deletes it");
    let plan = here.plan_with(&pruned()).await;
    assert_eq!(to_do(&plan), [(Action::Delete, "web")]);
    here.apply(&plan).await;
    assert_eq!(azure.budget("web").await["error"]["code"], "NotFound");
}

#[tokio::test]
async fn an_amount_in_another_currency_than_azure_counts_in_is_not_written() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    here_in(&azure, &budget("web", "amount = 10"), folder.path())
        .settle()
        .await;
    let dollars = format!(
        "{}{}",
        budget("web", "amount = 20\ncurrency = \"USD\""),
        budget("api", "amount = 30")
    );
    let here = here_in(&azure, &dollars, folder.path());
    let plan = here.plan_with(&pruned()).await;
    assert_eq!(to_do(&plan), [(Action::Create, "api")], "{plan:#?}");
    let [only] = &plan.unplanned[..] else {
        panic!("{plan:#?}")
    };
    assert_eq!(only.budget, "web");
    assert!(
        only.problem
            .starts_with("Azure counts in EUR at /subscriptions/")
    );
    assert!(!plan.is_whole());
    here.apply(&plan).await;
    assert_eq!(azure.budget("web").await["properties"]["amount"], 10);
}
