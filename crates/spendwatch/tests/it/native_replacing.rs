//! A start in the past, a replacement that is refused, and an amount in another currency.

use std::path::Path;

use azure_sandbox::{Fault, Mishap, example};
use jiff::civil::{Date, date};
use native_budgets::{Action, Prune};
use serde_json::json;
use spendwatch::StateLocation;
use spendwatch::jobs::plan;

use crate::native_azure::{Azure, Here, SUBSCRIPTION, budget, here_on, to_do};

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

/// Azure refuses the next so many writes.
async fn refuse(azure: &Azure, times: u32) {
    let mut fault = Fault::new(Mishap::Refused {
        status: 400,
        code: "BadRequest".into(),
    });
    fault.operation = Some("Budgets_CreateOrUpdate".into());
    fault.times = Some(times);
    azure.put("/sandbox/faults", json!([fault])).await;
}

/// A monthly budget since October, which is to be quarterly on 18 November.
async fn to_be_replaced(azure: &Azure, folder: &Path) -> Here {
    let october = date(2026, 10, 15);
    azure.on(october).await;
    here_in(azure, &budget("web", "amount = 10"), october, folder)
        .settle()
        .await;
    azure.on(example::AS_OF).await;
    let start = azure.budget("web").await["properties"]["timePeriod"]["startDate"].clone();
    assert_eq!(start, "2026-10-01T00:00:00Z");
    let quarterly = budget("web", "amount = 30\ngrain = \"quarterly\"");
    here_in(azure, &quarterly, example::AS_OF, folder)
}

#[tokio::test]
async fn what_is_deleted_for_a_successor_that_is_refused_is_put_back_from_the_running_period() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let here = to_be_replaced(&azure, folder.path()).await;
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), [(Action::Replace, "web")]);
    refuse(&azure, 1).await;
    let applied = here.apply(&plan).await;
    let problem = applied[0].problem.as_deref().unwrap();
    assert!(problem.contains("BadRequest"), "{problem}");
    assert!(
        problem.contains("put back, with the start 2026-11-01"),
        "{problem}"
    );
    let back = azure.budget("web").await["properties"].clone();
    assert_eq!(
        (&back["amount"], &back["timeGrain"]),
        (&json!(10), &json!("Monthly"))
    );
    assert_eq!(back["timePeriod"]["startDate"], "2026-11-01T00:00:00Z");
    // It is still ours, with its new start: it may be pruned, and is replaced by the next apply.
    let without = here_in(
        &azure,
        &budget("api", "amount = 1"),
        example::AS_OF,
        folder.path(),
    );
    let plan = without.plan_with(&pruned()).await;
    assert_eq!(
        to_do(&plan),
        [(Action::Create, "api"), (Action::Delete, "web")]
    );
    assert_eq!(here.settle().await, 1);
    assert_eq!(
        azure.budget("web").await["properties"]["timeGrain"],
        "Quarterly"
    );
}

#[tokio::test]
async fn what_cannot_be_put_back_is_said_to_be_gone() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let here = to_be_replaced(&azure, folder.path()).await;
    let plan = here.plan().await;
    refuse(&azure, 2).await;
    let applied = here.apply(&plan).await;
    let problem = applied[0].problem.as_deref().unwrap();
    assert!(
        problem.contains("Azure tells nobody until `apply` succeeds"),
        "{problem}"
    );
    assert_eq!(azure.budget("web").await["error"]["code"], "NotFound");
    // Whoever creates it by hand now owns it.
    let theirs = json!({ "properties": {
        "category": "Cost", "amount": 7, "timeGrain": "Quarterly",
        "timePeriod": { "startDate": "2026-10-01T00:00:00Z" }, "notifications": {},
    }});
    azure.put(&Azure::path("web"), theirs).await;
    let without = here_in(
        &azure,
        &budget("api", "amount = 1"),
        example::AS_OF,
        folder.path(),
    );
    let plan = without.plan_with(&pruned()).await;
    assert_eq!(to_do(&plan), [(Action::Create, "api")]);
}

#[tokio::test]
async fn a_described_budget_of_the_past_is_made_from_the_running_period() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let described = format!(
        "[[native_budget]]\nscope = \"/subscriptions/{SUBSCRIPTION}\"\nname = \"web\"\namount = 5\ngrain = \"Quarterly\"\nstarts = 2025-02-01\n"
    );
    let here = here_in(&azure, &described, example::AS_OF, folder.path());
    let plan = here.plan().await;
    let start = plan.changes[0]
        .fields
        .iter()
        .find(|one| one.field == "start");
    // Quarters from February begin in November.
    assert_eq!(start.unwrap().after.as_deref(), Some("2026-11-01"));
    assert_eq!(here.settle().await, 1);
    // Azure keeps that start in the next quarter, and nothing is to be done.
    let march = date(2027, 3, 3);
    azure.on(march).await;
    let later = here_in(&azure, &described, march, folder.path());
    assert_eq!(later.settle().await, 0);
    let kept = azure.budget("web").await["properties"].clone();
    assert_eq!(kept["timePeriod"]["startDate"], "2026-11-01T00:00:00Z");
    // One that is over is not made again.
    let over = described.replace("\"web\"", "\"over\"") + "ends = 2027-03-02\n";
    let later = here_in(&azure, &over, march, folder.path());
    let plan = later.plan().await;
    assert_eq!(to_do(&plan), []);
    assert_eq!(plan.losses[0].reason, "it ended on 2027-03-02");
}

#[tokio::test]
async fn an_amount_in_another_currency_is_found_when_azure_shows_its_spend() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    let dollars = budget("web", "amount = 20\ncurrency = \"USD\"");
    let here = here_in(&azure, &dollars, example::AS_OF, folder.path());
    // Azure has no budget there that could say in what it counts.
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), [(Action::Create, "web")]);
    let applied = here.apply(&plan).await;
    let problem = applied[0].problem.as_deref().unwrap();
    assert!(
        problem.starts_with("Azure counts in EUR there"),
        "{problem}"
    );
    assert!(problem.ends_with("deleted again"), "{problem}");
    assert_eq!(azure.budget("web").await["error"]["code"], "NotFound");
    // It is known from now on, and nothing is written.
    azure.requests("").await;
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), []);
    assert_eq!(plan.unplanned[0].budget, "web");
    here.apply(&plan).await;
    assert_eq!(azure.requests("Budgets_CreateOrUpdate").await, 0);
    let euros = budget("web", "amount = 20");
    let here = here_in(&azure, &euros, example::AS_OF, folder.path());
    assert_eq!(here.settle().await, 1);
}

#[tokio::test]
async fn a_budget_that_compares_with_other_money_can_be_pruned() {
    let azure = Azure::example().await;
    let folder = tempfile::tempdir().unwrap();
    here_in(
        &azure,
        &budget("web", "amount = 20"),
        example::AS_OF,
        folder.path(),
    )
    .settle()
    .await;
    // The amount was meant in dollars all the time.
    let dollars = budget("web", "amount = 20\ncurrency = \"USD\"");
    let here = here_in(&azure, &dollars, example::AS_OF, folder.path());
    let plan = here.plan().await;
    assert_eq!(to_do(&plan), []);
    assert_eq!(plan.left_behind().count(), 1, "{plan:#?}");
    let plan = here.plan_with(&pruned()).await;
    assert_eq!(to_do(&plan), [(Action::Delete, "web")]);
}
