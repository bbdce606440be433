//! Every operation against the made-up estate: what is sent, what is found, and that doing it twice is
//! doing it once.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use azure_actions::twin::Estate;
use azure_actions::{Power, Resources};
use azure_cost::{Client, Cloud, Endpoint, Error};
use budget_engine::Scope;
use serde_json::json;

const GROUP: &str = "/subscriptions/1/resourceGroups/test";

async fn estate() -> (Estate, Resources) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (estate, address) = Estate::start().await.unwrap();
    let endpoint = Endpoint::at(&address, Cloud::Public).unwrap();
    let client = Client::new(reqwest::Client::new(), endpoint, None);
    (estate, Resources::new(client))
}

fn machine(name: &str) -> String {
    format!("{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}")
}

#[tokio::test]
async fn machines_are_found_by_tag_on_all_pages() {
    let (estate, resources) = estate().await;
    for name in ["a", "b", "c", "d", "e"] {
        let value = if name == "b" { "no" } else { "yes" };
        estate.machine(&machine(name), "running", &[("Auto-Stop", value)]);
    }
    estate.machine(&machine("untagged"), "running", &[]);
    let scope = Scope::parse(GROUP).unwrap();
    let found = resources
        .machines(&scope, "auto-stop", "yes")
        .await
        .unwrap();
    assert_eq!(found, ["a", "c", "d", "e"].map(machine));
    assert!(estate.changes().is_empty());
}

#[tokio::test]
async fn a_machine_is_deallocated_and_started() {
    let (estate, resources) = estate().await;
    let id = machine("a");
    estate.machine(&id, "running", &[]);
    estate.be_slow();
    assert_eq!(resources.power(&id).await.unwrap(), Some(Power::Running));
    resources.deallocate(&id).await.unwrap();
    let power = resources.power(&id).await.unwrap();
    assert_eq!(power, Some(Power::Deallocating));
    estate.settle();
    let power = resources.power(&id).await.unwrap();
    assert_eq!(power, Some(Power::Deallocated));
    resources.start(&id).await.unwrap();
    assert_eq!(resources.power(&id).await.unwrap(), Some(Power::Running));
    let changes = ["deallocate", "start"].map(|verb| format!("POST {id}/{verb}"));
    assert_eq!(estate.changes(), changes);
    assert_eq!(resources.power(&machine("gone")).await.unwrap(), None);
}

#[tokio::test]
async fn scaling_a_plan_changes_its_size_and_nothing_else() {
    let (estate, resources) = estate().await;
    let id = format!("{GROUP}/providers/Microsoft.Web/serverfarms/shop");
    estate.plan(&id, "P1v3");
    assert_eq!(resources.plan_size(&id).await.unwrap().unwrap(), "P1v3");
    resources.scale_plan(&id, "B1").await.unwrap();
    let plan = estate.plan_of(&id).unwrap();
    let sku = json!({ "name": "B1", "tier": "Basic", "capacity": 3 });
    assert_eq!(plan["sku"], sku);
    assert_eq!(plan["properties"], json!({ "reserved": true }));
    assert_eq!(plan["location"], "westeurope");
    let refused = resources.scale_plan(&id, "Huge").await;
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    let gone = resources.scale_plan(&format!("{id}x"), "B1").await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
}

#[tokio::test]
async fn a_tag_is_set_and_removed_and_others_stay() {
    let (estate, resources) = estate().await;
    estate.tag(GROUP, "owner", "data");
    resources
        .set_tag(GROUP, "over-budget", "2026-11")
        .await
        .unwrap();
    let tag = resources.tag(GROUP, "Over-Budget").await.unwrap();
    assert_eq!(tag.as_deref(), Some("2026-11"));
    resources
        .remove_tag(GROUP, "over-budget", "2026-11")
        .await
        .unwrap();
    assert_eq!(resources.tag(GROUP, "over-budget").await.unwrap(), None);
    assert_eq!(estate.tags_of(GROUP)["owner"], "data");
}

#[tokio::test]
async fn a_job_with_the_same_id_is_started_once() {
    let (estate, resources) = estate().await;
    let account = format!("{GROUP}/providers/Microsoft.Automation/automationAccounts/ops");
    let runbook = format!("{account}/runbooks/Stop-All");
    let job = "0d0e5c7a-11f2-4b3c-8000-000000000001";
    for _ in 0..2 {
        let given = json!({ "budget": "payments" });
        let started = resources.start_runbook(&runbook, job, Some("on-premises"), &given);
        started.await.unwrap();
    }
    let expected = json!({ "properties": {
        "runbook": { "name": "Stop-All" },
        "parameters": { "budget": "payments" },
        "runOn": "on-premises",
    }});
    let jobs = estate.jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[&format!("{account}/jobs/{job}")], expected);
}

#[tokio::test]
async fn a_server_error_is_repeated_and_a_refusal_is_not() {
    let (estate, resources) = estate().await;
    let id = machine("a");
    estate.machine(&id, "running", &[]);
    estate.fail(&[500]);
    resources.deallocate(&id).await.unwrap();
    assert_eq!(estate.power(&id).unwrap(), "deallocated");
    estate.fail(&[403]);
    let refused = resources.start(&id).await;
    assert!(
        matches!(refused, Err(Error::Forbidden { .. })),
        "{refused:?}"
    );
    assert_eq!(estate.power(&id).unwrap(), "deallocated");
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_not_sent() {
    let (estate, resources) = estate().await;
    for id in ["relative", "/a/../b", "/a?x=1", "/a#b"] {
        let refused = resources.start(id).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{id}");
    }
    assert!(estate.changes().is_empty());
}
