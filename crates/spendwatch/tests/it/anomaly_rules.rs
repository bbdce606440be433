//! Rules about anomalies over the wire: created, kept, renewed, and never taken from others.

use std::sync::Arc;

use azure_sandbox::{Options, example};
use jiff::SignedDuration;
use native_budgets::{Action, Prune};
use serde_json::{Value, json};
use spendwatch::jobs::anomaly_rules::{RulePlan, apply, read_and_plan};
use spendwatch::{App, Config, Environment, ManualClock, StateLocation};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::midnight;

struct Scene {
    endpoint: String,
    clock: Arc<ManualClock>,
    state: TempDir,
}

impl Scene {
    async fn new() -> Scene {
        spendwatch::install_crypto();
        let mut options = Options::new(example::AS_OF);
        options.needs_token = false;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(azure_sandbox::serve(listener, example::world(), options));
        Scene {
            endpoint,
            clock: Arc::new(ManualClock::new(midnight(example::AS_OF))),
            state: TempDir::new().unwrap(),
        }
    }

    /// An application with these rules, over the state that the one before left.
    fn app(&self, rules: &[(&str, &str)]) -> App {
        let rules: String = rules
            .iter()
            .map(|(name, subject)| {
                format!(
                    "[[anomaly_alert]]\nsubscription = \"/subscriptions/{}\"\nname = \"{name}\"\n\
                     to = [\"finops@contoso.example\"]\nsubject = \"{subject}\"\n",
                    example::PLATFORM_SUBSCRIPTION
                )
            })
            .collect();
        let text = format!(
            "version = 1\ncurrency = \"EUR\"\n[source]\nkind = \"azure\"\nauth = \"none\"\n\
             endpoint = \"{}\"\n[channel.chat]\nkind = \"slack\"\nurl = {{ secret = \"CHAT_URL\" }}\n\
             [[budget]]\nid = \"a\"\nscopes = [\"/subscriptions/a\"]\namount = 1\nnotify = [\"chat\"]\n{rules}",
            self.endpoint
        );
        let config = Config::parse(&[("spendwatch.toml".into(), text)]).unwrap();
        let state = StateLocation::Folder(self.state.path().to_owned());
        App::new(config, &Environment::default(), state)
            .unwrap()
            .with_clock(self.clock.clone())
    }

    fn url(&self, name: &str) -> String {
        format!(
            "{}/subscriptions/{}/providers/Microsoft.CostManagement/scheduledActions/{name}?api-version=2025-03-01",
            self.endpoint,
            example::PLATFORM_SUBSCRIPTION
        )
    }

    async fn get(&self, name: &str) -> Value {
        let answer = reqwest::get(self.url(name)).await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Somebody else writes a rule.
    async fn write(&self, name: &str, body: &Value) {
        let put = reqwest::Client::new().put(self.url(name)).json(body);
        let answer = put.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}

async fn plan(app: &App) -> RulePlan {
    let plan = read_and_plan(app, &Prune::default()).await.unwrap();
    assert_eq!(plan.failures, []);
    plan
}

async fn carry_out(app: &App) {
    for change in &plan(app).await.changes {
        apply(app, change).await.unwrap();
    }
}

fn actions(plan: &RulePlan) -> Vec<(&str, Action)> {
    let changes = plan.changes.iter();
    changes.map(|one| (&*one.name, one.action)).collect()
}

#[tokio::test]
async fn a_plan_right_after_an_apply_only_leaves() {
    let scene = Scene::new().await;
    let app = scene.app(&[("one", "Unusual"), ("two", "Unusual")]);
    assert_eq!(
        actions(&plan(&app).await),
        [("one", Action::Create), ("two", Action::Create)]
    );
    carry_out(&app).await;
    assert_eq!(
        actions(&plan(&app).await),
        [("one", Action::Leave), ("two", Action::Leave)]
    );
    let kept = scene.get("one").await;
    assert_eq!(kept["kind"], "InsightAlert");
    assert_eq!(kept["properties"]["notification"]["subject"], "Unusual");
    let app = scene.app(&[("one", "Look"), ("two", "Unusual")]);
    assert_eq!(
        actions(&plan(&app).await),
        [("one", Action::Update), ("two", Action::Leave)]
    );
    carry_out(&app).await;
    assert_eq!(plan(&app).await.changes[0].action, Action::Leave);
}

#[tokio::test]
async fn a_year_of_plans_renews_and_changes_nothing_else() {
    let scene = Scene::new().await;
    let app = scene.app(&[("one", "Unusual")]);
    carry_out(&app).await;
    let mut renewed = Vec::new();
    for week in 1..=61 {
        scene.clock.advance(SignedDuration::from_hours(6 * 24));
        let plan = plan(&app).await;
        if plan.changes[0].action == Action::Update {
            assert_eq!(plan.changes[0].reason, "it is renewed");
            apply(&app, &plan.changes[0]).await.unwrap();
            renewed.push(week);
        }
    }
    assert_eq!(renewed, [51], "weeks of six days");
}

#[tokio::test]
async fn what_was_created_here_is_pruned_and_what_others_made_is_not() {
    let scene = Scene::new().await;
    carry_out(&scene.app(&[("one", "Unusual")])).await;
    let mut theirs = scene.get("one").await;
    theirs.as_object_mut().unwrap().remove("eTag");
    scene.write("theirs", &theirs).await;
    let app = scene.app(&[]);
    assert_eq!(
        actions(&plan(&app).await),
        [("one", Action::Leave), ("theirs", Action::Leave)]
    );
    let prune = Prune {
        ours: true,
        ..Prune::default()
    };
    let pruned = read_and_plan(&app, &prune).await.unwrap();
    assert_eq!(
        actions(&pruned),
        [("one", Action::Delete), ("theirs", Action::Leave)]
    );
    for change in &pruned.changes {
        apply(&app, change).await.unwrap();
    }
    assert_eq!(scene.get("one").await["properties"], Value::Null);
    // Nothing here is ours any more, so nobody is asked.
    assert!(plan(&app).await.changes.is_empty());
}

#[tokio::test]
async fn what_others_change_between_plan_and_apply_is_not_overwritten() {
    let scene = Scene::new().await;
    let app = scene.app(&[("one", "Unusual")]);
    let create = plan(&app).await;
    carry_out(&app).await;
    let error = apply(&app, &create.changes[0]).await.unwrap_err();
    assert!(error.to_string().contains("plan again"), "{error}");
    let app = scene.app(&[("one", "Look")]);
    let update = plan(&app).await;
    let mut theirs = scene.get("one").await;
    theirs["properties"]["notification"]["message"] = json!("ours now");
    scene.write("one", &theirs).await;
    assert!(apply(&app, &update.changes[0]).await.is_err());
    let kept = scene.get("one").await;
    assert_eq!(kept["properties"]["notification"]["message"], "ours now");
    carry_out(&app).await;
    assert_eq!(plan(&app).await.changes[0].action, Action::Leave);
}

#[tokio::test]
async fn rules_of_a_subscription_that_is_gone_are_forgotten() {
    let scene = Scene::new().await;
    carry_out(&scene.app(&[("one", "Unusual")])).await;
    let mut world = example::world();
    world
        .subscriptions
        .retain(|each| each.id != example::PLATFORM_SUBSCRIPTION);
    let mut options = Options::new(example::AS_OF);
    options.needs_token = false;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let later = Scene {
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        ..scene
    };
    tokio::spawn(azure_sandbox::serve(listener, world, options));
    let app = later.app(&[]);
    let plan = spendwatch::jobs::plan::run(&app, &Default::default(), &|_, _| {}).await;
    let plan = plan.unwrap();
    assert_eq!(plan.failures, []);
    assert_eq!(plan.gone[0].rules, ["one"], "{plan:#?}");
    let applied = spendwatch::jobs::apply::run(&app, &plan, &|_, _| {}).await;
    applied.unwrap();
    assert!(self::plan(&app).await.gone.is_empty());
}
