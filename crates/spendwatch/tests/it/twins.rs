//! Azure's budgets beside ours: what is found is kept, and told once.

use std::sync::Arc;

use azure_cost::{Budget as AzureBudget, BudgetNotification, BudgetPeriod, BudgetSpend};
use budget_engine::{Scope, dates};
use jiff::SignedDuration;
use jiff::civil::date;
use native_budgets::{Live, Origin, Provider};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use spendwatch::jobs::twin::{self, FindingKind, TwinReport};
use spendwatch::jobs::{evaluate, native_alert};
use spendwatch::{App, Config, Environment, ManualClock, StateLocation};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Costs, GROUP, START, Source, midnight};

struct Scene {
    app: App,
    clock: Arc<ManualClock>,
    azure: MockServer,
}

impl Scene {
    /// EUR 1,100 were spent in the eleven days of November that there are data of.
    async fn new() -> Scene {
        Scene::with("", 1100).await
    }

    /// The same with more in the budget, which then counts so much.
    async fn with(more: &str, spent: i64) -> Scene {
        spendwatch::install_crypto();
        let azure = MockServer::start().await;
        let text = format!(
            r#"
            version = 1
            currency = "EUR"
            fallback = "chat"
            [source]
            kind = "files"
            paths = ["replaced-by-the-test.csv"]
            [channel.chat]
            kind = "slack"
            url = {{ secret = "CHAT_URL" }}
            [native]
            endpoint = "{}"
            auth = "none"
            contact_emails = ["finops@contoso.example"]
            [[budget]]
            id = "payments"
            scopes = ["{GROUP}"]
            amount = 10000
            notify = ["chat"]
            {more}
            "#,
            azure.uri()
        );
        let config = Config::parse(&[("spendwatch.toml".into(), text)]).unwrap();
        let environment = [(
            "CHAT_URL".to_owned(),
            "https://hooks.contoso.example/x".to_owned(),
        )];
        let clock = Arc::new(ManualClock::new(midnight(START)));
        let costs = Arc::new(Costs::default());
        let days = dates(date(2026, 11, 1), START);
        let rows = days.map(|day| (day, "Storage", Decimal::ONE_HUNDRED));
        costs.set(rows.collect(), midnight(START));
        let environment: Environment = environment.into_iter().collect();
        let app = App::new(config, &environment, StateLocation::Memory)
            .unwrap()
            .with_clock(clock.clone())
            .with_sources(vec![Arc::new(Source(costs))]);
        let scene = Scene { app, clock, azure };
        let read = &scene.app.reads().unwrap()[0];
        let report = evaluate::run(&scene.app, read, &Default::default()).await;
        let status = report.unwrap().budgets.remove(0).status.unwrap();
        assert_eq!(status.spent.amount, Decimal::from(spent));
        scene
    }

    async fn run(&self, live: &[Live]) -> TwinReport {
        twin::run(&self.app, live).await.unwrap()
    }

    async fn told(&self) -> usize {
        let documents = self.app.documents();
        documents.list("outbox/chat/").await.unwrap().len()
    }

    /// What Azure lists as its alerts.
    async fn lists(&self, alerts: Value) {
        self.azure.reset().await;
        Mock::given(method("GET"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": alerts})))
            .mount(&self.azure)
            .await;
    }

    fn pass(&self, hours: i64) {
        self.clock.advance(SignedDuration::from_hours(hours));
    }
}

fn live(name: &str, spend: u32, thresholds: &[u32]) -> Live {
    let period = BudgetPeriod::new(date(2026, 1, 1), None);
    let mut budget = AzureBudget::new(name, Decimal::from(10_000), "Monthly", period);
    budget.current_spend = Some(BudgetSpend {
        amount: Decimal::from(spend),
        unit: "EUR".to_owned(),
    });
    for percent in thresholds {
        let notification = BudgetNotification::new("GreaterThan", Decimal::from(*percent));
        budget
            .notifications
            .insert(format!("at-{percent}"), notification);
    }
    Live {
        scope: Scope::parse(GROUP).unwrap(),
        provider: Provider::Consumption,
        budget,
        origin: Origin::Elsewhere,
    }
}

fn alert(name: &str, fraction: &str, period: &str) -> Value {
    json!({
        "id": format!("{GROUP}/providers/Microsoft.CostManagement/alerts/1"), "name": "1",
        "properties": {
            "definition": {"type": "Budget", "category": "Cost", "criteria": "CostThresholdExceeded"},
            "status": "Dismissed", "costEntityId": name,
            "details": {"threshold": fraction.parse::<f64>().unwrap(), "periodStartDate": period},
        },
    })
}

#[tokio::test]
async fn twins_that_agree_are_not_spoken_of() {
    let scene = Scene::new().await;
    let report = scene.run(&[live("payments", 1000, &[])]).await;
    assert_eq!(report.findings, []);
    assert_eq!(scene.told().await, 0);
    assert_eq!(twin::last(&scene.app).await.unwrap(), report);
}

#[tokio::test]
async fn a_gap_is_kept_and_told_once() {
    let scene = Scene::new().await;
    let apart = [live("payments", 3000, &[]), live("payments-2", 3000, &[])];
    let first = scene.run(&apart).await;
    assert_eq!(first.findings.len(), 1, "parts have the same figures");
    let finding = &first.findings[0];
    assert_eq!(
        (finding.kind, &*finding.budget),
        (FindingKind::Spend, "payments")
    );
    assert_eq!(scene.told().await, 1);
    scene.pass(24);
    let second = scene.run(&apart).await;
    assert_eq!(second.findings[0].since, first.findings[0].since);
    assert_eq!(scene.told().await, 1);
    let keys = scene.app.documents().list("outbox/").await.unwrap();
    let delivery = scene.app.documents().get(&keys[0]).await.unwrap().unwrap();
    let text = String::from_utf8(delivery.bytes).unwrap();
    assert!(text.contains("3000 EUR, ours 1100 EUR"), "{text}");
    let third = scene.run(&[live("payments", 1100, &[])]).await;
    assert_eq!(third.findings, []);
}

#[tokio::test]
async fn budgets_of_others_and_elsewhere_are_not_compared() {
    let scene = Scene::new().await;
    let mut elsewhere = live("payments", 9000, &[]);
    elsewhere.scope = Scope::parse("/subscriptions/b").unwrap();
    let report = scene.run(&[live("theirs", 9000, &[]), elsewhere]).await;
    assert_eq!(report.findings, []);
}

#[tokio::test]
async fn an_alert_that_does_not_come_within_two_days_is_missing() {
    let scene = Scene::new().await;
    scene.lists(json!([])).await;
    // 10 % of 10,000 are reached, 50 % are not.
    let reached = [live("payments", 1100, &[10, 50])];
    let report = scene.run(&reached).await;
    assert_eq!((report.findings.len(), report.waiting.len()), (0, 1));
    scene.pass(47);
    assert_eq!(scene.run(&reached).await.findings, []);
    scene.pass(1);
    let report = scene.run(&reached).await;
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].kind, FindingKind::MissingAlert);
    assert_eq!(scene.told().await, 1);
    let asked = scene.azure.received_requests().await.unwrap();
    assert_eq!(asked.len(), 1, "only when it is needed");
}

#[tokio::test]
async fn an_alert_that_came_by_either_way_is_not_missing() {
    let reached = [live("payments", 1100, &[10])];
    for (alerts, is_missing) in [
        (
            json!([alert("payments", "0.1", "2026-11-01T00:00:00Z")]),
            false,
        ),
        (
            json!([alert("payments", "0.5", "2026-11-01T00:00:00Z")]),
            true,
        ),
        (
            json!([alert("payments", "0.1", "2026-10-01T00:00:00Z")]),
            true,
        ),
        (json!([alert("other", "0.1", "2026-11-01T00:00:00Z")]), true),
    ] {
        let scene = Scene::new().await;
        scene.lists(alerts.clone()).await;
        scene.run(&reached).await;
        scene.pass(48);
        let report = scene.run(&reached).await;
        assert_eq!(!report.findings.is_empty(), is_missing, "{alerts}");
    }
    for (threshold, is_missing) in [("1000.0", false), ("0.1", false), ("5000.0", true)] {
        let scene = Scene::new().await;
        scene.lists(json!([])).await;
        scene.run(&reached).await;
        let posted = json!({"schemaId": "AIP Budget Notification", "data": {
            "SubscriptionId": "a", "ResourceGroup": "payments", "BudgetName": "PAYMENTS",
            "NotificationThresholdAmount": threshold,
        }});
        let body = posted.to_string();
        native_alert::receive(&scene.app, body.as_bytes())
            .await
            .unwrap();
        scene.pass(48);
        let report = scene.run(&reached).await;
        assert_eq!(!report.findings.is_empty(), is_missing, "{threshold}");
    }
}

#[tokio::test]
async fn nothing_is_missing_while_azure_cannot_be_asked() {
    let scene = Scene::new().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(403))
        .mount(&scene.azure)
        .await;
    let reached = [live("payments", 1100, &[10])];
    scene.run(&reached).await;
    scene.pass(48);
    assert_eq!(scene.run(&reached).await.findings, []);
}

#[tokio::test]
async fn a_budget_that_begins_within_the_period_is_not_compared_with_all_of_it() {
    // From 6 to 11 November; Azure counts the 1,100 of all days.
    let scene = Scene::with("starts = 2026-11-06", 600).await;
    let report = scene.run(&[live("payments", 1100, &[])]).await;
    assert_eq!(report.findings, []);
    // What Azure told of its own period is no missing alert.
    let told = alert("payments", "0.1", "2026-11-01T00:00:00Z");
    scene.lists(json!([told])).await;
    let reached = [live("payments", 1100, &[10])];
    scene.run(&reached).await;
    scene.pass(48);
    assert_eq!(scene.run(&reached).await.findings, []);
    let scene = Scene::with("starts = 2026-10-06", 1100).await;
    let report = scene.run(&[live("payments", 3000, &[])]).await;
    assert_eq!(report.findings.len(), 1, "the next period is whole");
}
