//! A sandbox of Azure whose budgets others change, and an application that keeps them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use azure_cost::{Cloud, Pacing, Quotas};
use azure_sandbox::{Fault, Options, Quota, World, example};
use jiff::civil::Date;
use native_budgets::Action;
use serde_json::{Value, json};
use spendwatch::jobs::{apply, plan};
use spendwatch::sources::connect;
use spendwatch::{App, Config, Environment, ManualClock, StateLocation};
use tokio::net::TcpListener;

pub(crate) const SUBSCRIPTION: &str = example::PLATFORM_SUBSCRIPTION;

/// A sandbox, and how its world is changed from outside.
pub(crate) struct Azure {
    pub(crate) endpoint: String,
    http: reqwest::Client,
}

impl Azure {
    pub(crate) async fn serve(world: World, faults: Vec<Fault>) -> Azure {
        let mut options = Options::new(example::AS_OF);
        options.faults.0 = faults;
        options.quota = Some(Quota {
            requests_in_minute: 30,
            ..Quota::default()
        });
        Azure::serve_with(world, options).await
    }

    pub(crate) async fn serve_with(world: World, mut options: Options) -> Azure {
        spendwatch::install_crypto();
        options.needs_token = false;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(azure_sandbox::serve(listener, world, options));
        Azure {
            endpoint,
            http: reqwest::Client::new(),
        }
    }

    /// The example, cut down to a part of one subscription.
    pub(crate) async fn example() -> Azure {
        let mut world = example::world();
        world.subscriptions.retain(|each| each.id == SUBSCRIPTION);
        world.subscriptions[0].groups.truncate(2);
        Azure::serve(world, Vec::new()).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        let put = self
            .http
            .put(format!("{}{path}", self.endpoint))
            .json(&body);
        let answer = put.send().await.unwrap();
        let status = answer.status();
        let body = answer.text().await.unwrap();
        assert!(status.is_success(), "{status} {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    pub(crate) async fn delete(&self, path: &str) {
        let delete = self.http.delete(format!("{}{path}", self.endpoint));
        let answer = delete.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.endpoint)).send();
        let body = answer.await.unwrap().text().await.unwrap();
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) async fn on(&self, day: Date) {
        self.put("/sandbox/today", json!({ "today": day })).await;
    }

    /// Requests since the last time, by operation.
    pub(crate) async fn requests(&self, operation: &str) -> u64 {
        let all = self.get("/sandbox/requests").await;
        let count = all["operations"][operation].as_u64();
        self.http
            .delete(format!("{}/sandbox/requests", self.endpoint))
            .send()
            .await
            .unwrap();
        count.unwrap_or(0)
    }

    pub(crate) fn path(name: &str) -> String {
        format!(
            "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Consumption/budgets/{name}?api-version=2024-08-01"
        )
    }

    pub(crate) async fn budget(&self, name: &str) -> Value {
        self.get(&Azure::path(name)).await
    }

    /// Somebody else changes a budget by hand.
    pub(crate) async fn meddle(&self, name: &str, change: impl Fn(&mut Value)) {
        let mut budget = self.budget(name).await;
        change(&mut budget["properties"]);
        let properties = budget["properties"].as_object_mut().unwrap();
        properties.remove("currentSpend");
        properties.remove("forecastSpend");
        let body = json!({ "eTag": budget["eTag"], "properties": budget["properties"] });
        self.put(&Azure::path(name), body).await;
    }
}

pub(crate) struct Here {
    pub(crate) app: App,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn here(azure: &Azure, budgets: &str) -> Here {
    here_on(azure, budgets, example::AS_OF, StateLocation::Memory)
}

pub(crate) fn here_on(azure: &Azure, budgets: &str, day: Date, state: StateLocation) -> Here {
    let native = "contact_emails = [\"cost@contoso.example\"]";
    here_with(azure, native, budgets, day, state)
}

/// The same with other settings in `[native]`.
pub(crate) fn here_with(
    azure: &Azure,
    native: &str,
    budgets: &str,
    day: Date,
    state: StateLocation,
) -> Here {
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "azure"
        auth = "none"
        endpoint = "{}"
        history_days = 31
        [native]
        {native}
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [defaults]
        notify = ["chat"]
        {budgets}
        "#,
        azure.endpoint
    );
    let config = Config::parse(&[(PathBuf::from("/spendwatch.toml"), text)]).unwrap();
    let clock = Arc::new(ManualClock::new(
        format!("{day}T06:00:00Z").parse().unwrap(),
    ));
    // As the application's own, but in no hurry to be slow.
    let connection = spendwatch::Connection {
        endpoint: Some(azure.endpoint.parse().unwrap()),
        cloud: Cloud::Public,
        auth: "none".into(),
        history_days: 0,
    };
    let client = connect(&connection, &Environment::default(), &Quotas::new()).unwrap();
    let client = client.with_pacing(Pacing {
        at_once: 4,
        apart: Duration::ZERO,
    });
    let app = App::new(config, &Environment::default(), state).unwrap();
    let app = app.with_clock(clock.clone()).with_native_client(client);
    Here { app, clock }
}

impl Here {
    pub(crate) async fn plan(&self) -> plan::NativePlan {
        self.plan_with(&plan::Options::default()).await
    }

    pub(crate) async fn plan_with(&self, options: &plan::Options) -> plan::NativePlan {
        plan::run(&self.app, options, &|_, _| {}).await.unwrap()
    }

    pub(crate) async fn apply(&self, plan: &plan::NativePlan) -> Vec<apply::Applied> {
        apply::run(&self.app, plan, &|_, _| {}).await.unwrap()
    }

    /// Plans, applies without a problem, and plans again: there is nothing left to do.
    pub(crate) async fn settle(&self) -> usize {
        let plan = self.plan().await;
        assert_eq!(plan.failures, []);
        let applied = self.apply(&plan).await;
        for one in &applied {
            assert_eq!(one.problem, None, "{one:?}");
        }
        let again = self.plan().await;
        assert_eq!(to_do(&again), [], "{again:#?}");
        applied.len()
    }
}

pub(crate) fn to_do(plan: &plan::NativePlan) -> Vec<(Action, &str)> {
    plan.to_do()
        .map(|change| (change.action, change.name.as_str()))
        .collect()
}

pub(crate) fn budget(id: &str, rest: &str) -> String {
    format!(
        "[[budget]]\nid = \"{id}\"\nscopes = [\"/subscriptions/{SUBSCRIPTION}\"]\nthresholds = [\"actual 80%\", \"forecast 100%\"]\n{rest}\n"
    )
}
