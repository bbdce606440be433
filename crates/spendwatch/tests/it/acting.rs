//! Act: each way of an action's life, what is never done, and healing after a stop at every write.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alert_channels::Message;
use async_trait::async_trait;
use azure_actions::twin::Estate;
use futures::StreamExt;
use jiff::civil::date;
use spendwatch::jobs::act::{self, NotApproved};
use spendwatch::{
    ActionRecord, ActionState, App, BadLink, Config, Delivery, Environment, ManualClock,
    Permission, Purpose, StateLocation, TargetState, jobs,
};
use state_store::{Document, Documents, Memory, Version};

use crate::support::*;

const MACHINES: &str =
    "/subscriptions/a/resourceGroups/payments/providers/Microsoft.Compute/virtualMachines";
const PLAN: &str =
    "/subscriptions/a/resourceGroups/payments/providers/Microsoft.Web/serverfarms/web";

fn machine(name: &str) -> String {
    format!("{MACHINES}/{name}")
}

/// An application with one budget of EUR 1,000, whose 80 % asks for the action `a`.
struct Stage {
    app: App,
    clock: Arc<ManualClock>,
    costs: Arc<Costs>,
    _chat: Chat,
    hook: Chat,
    estate: Estate,
    environment: Environment,
}

const STOP: &str = "kind = \"deallocate-vms\"\ntag = \"auto-stop\"\nvalue = \"yes\"";
const CALL: &str = "kind = \"webhook\"\nurl = { secret = \"HOOK_URL\" }\nsigning = { secret = \"SIGNING\" }\nallow_networks = [\"127.0.0.1/32\"]";
const LOGIC_APP: &str =
    "kind = \"logic-app\"\nurl = { secret = \"HOOK_URL\" }\nallow_networks = [\"127.0.0.1/32\"]";

fn config(action: &str, thresholds: &str) -> Config {
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "files"
        paths = ["replaced-by-the-test.csv"]
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        allow_networks = ["127.0.0.1/32"]
        [delivery]
        send_timeout_seconds = 5
        lease_seconds = 60
        retry_seconds = [30, 60]
        [approval]
        key = {{ secret = "APPROVAL_KEY" }}
        url = "https://cost.contoso.example/api/approve-action"
        valid_hours = 24
        [action.a]
        {action}
        [[budget]]
        id = "payments"
        scopes = ["{GROUP}"]
        amount = 1000
        notify = ["chat"]
        {thresholds}
        "#
    );
    Config::parse(&[(PathBuf::from("spendwatch.toml"), text)]).unwrap()
}

const AT_80: &str =
    "[[budget.threshold]]\nid = \"eighty\"\nwhen = \"actual 80%\"\nactions = [\"a\"]";

impl Stage {
    async fn new(action: &str) -> Stage {
        Stage::with(action, AT_80).await
    }

    async fn with(action: &str, thresholds: &str) -> Stage {
        spendwatch::install_crypto();
        let (chat, hook) = (Chat::start().await, Chat::start().await);
        let (estate, address) = Estate::start().await.unwrap();
        let environment: Environment = [
            ("CHAT_URL", chat.url.clone()),
            ("HOOK_URL", hook.url.clone()),
            (
                "SIGNING",
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
            ),
            (
                "APPROVAL_KEY",
                "c4n4ry c4n4ry c4n4ry c4n4ry c4n4ry".to_owned(),
            ),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let is_azure = !action.contains("HOOK_URL");
        let endpoint = match is_azure {
            true => format!("{action}\nauth = \"none\"\nendpoint = \"{address}\""),
            false => action.to_owned(),
        };
        let clock = Arc::new(ManualClock::new(midnight(START)));
        let costs = Arc::new(Costs::default());
        let config = config(&endpoint, thresholds);
        let app = App::new(config, &environment, StateLocation::Memory)
            .unwrap()
            .with_clock(clock.clone())
            .with_sources(vec![Arc::new(Source(costs.clone()))]);
        Stage {
            app,
            clock,
            costs,
            _chat: chat,
            hook,
            estate,
            environment,
        }
    }

    /// The same installation with another configuration.
    fn reconfigured(self, action: &str) -> Stage {
        let store = self.app.shared_documents();
        let app = App::new(
            config(action, AT_80),
            &self.environment,
            StateLocation::Memory,
        )
        .unwrap()
        .with_clock(self.clock.clone())
        .with_sources(vec![Arc::new(Source(self.costs.clone()))])
        .with_documents(store);
        Stage { app, ..self }
    }

    fn spent(&self, amount: i64) {
        let mut rows = vec![(date(2026, 11, 1), "Storage", amount.into())];
        let days = budget_engine::dates(date(2026, 11, 2), START);
        rows.extend(days.map(|day| (day, "Storage", 0.into())));
        self.costs.set(rows, self.app.now());
    }

    async fn evaluate(&self) {
        let reads = self.app.reads().unwrap();
        jobs::evaluate::run(&self.app, &reads[0], &Default::default())
            .await
            .unwrap();
    }

    /// Spends 85 % and evaluates: the crossing of 80 % is decided.
    async fn cross(&self) -> ActionRecord {
        self.spent(850);
        self.evaluate().await;
        self.only().await
    }

    async fn only(&self) -> ActionRecord {
        let mut records = act::list(&self.app).await.unwrap();
        assert_eq!(records.len(), 1);
        records.remove(0)
    }

    async fn act(&self) -> ActionRecord {
        let id = self.only().await.id;
        act::run(&self.app, &id).await.unwrap();
        self.only().await
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(jiff::SignedDuration::from_secs(seconds));
    }

    fn to_december(&self) {
        self.clock
            .advance(midnight(date(2026, 12, 1)).duration_since(self.app.now()));
    }

    async fn notices(&self) -> Vec<Delivery> {
        let mut found = Vec::new();
        for key in self.app.documents().list("outbox/").await.unwrap() {
            let document = self.app.documents().get(&key).await.unwrap().unwrap();
            found.push(serde_json::from_slice(&document.bytes).unwrap());
        }
        found
    }

    /// The link of approval that the chat was sent.
    async fn link(&self) -> Permission {
        let links: Vec<String> = self
            .notices()
            .await
            .iter()
            .flat_map(|delivery| delivery.notice.links.iter().map(|link| link.url.clone()))
            .filter(|link| link.contains("/approve-action?"))
            .collect();
        assert_eq!(links.len(), 1, "{links:?}");
        let url: url::Url = links[0].parse().unwrap();
        let part = |name: &str| {
            let mut pairs = url.query_pairs();
            pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        Permission {
            purpose: Purpose::parse(&part("for")).unwrap(),
            about: part("about"),
            expires: part("expires").parse().unwrap(),
            delivery: part("delivery"),
            mac: part("mac"),
        }
    }

    fn machines(&self) {
        let tag = [("auto-stop", "yes")];
        self.estate.machine(&machine("one"), "running", &tag);
        self.estate.machine(&machine("two"), "stopped", &tag);
        self.estate.machine(&machine("three"), "deallocated", &tag);
        self.estate
            .machine(&machine("other"), "running", &[("auto-stop", "no")]);
    }

    fn powers(&self) -> [String; 4] {
        ["one", "two", "three", "other"].map(|name| self.estate.power(&machine(name)).unwrap())
    }
}

fn running(action: &str) -> String {
    format!("mode = \"run\"\n{action}")
}

fn approved(action: &str) -> String {
    format!("mode = \"approve\"\n{action}")
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let stage = Stage::new(STOP).await;
    stage.machines();
    let planned = stage.cross().await;
    assert_eq!(planned.state, ActionState::Planned);
    let record = stage.act().await;
    assert_eq!(record.state, ActionState::DryRun);
    let names: Vec<&str> = record.targets.iter().map(|one| &*one.id).collect();
    assert_eq!(names, [machine("one"), machine("two")]);
    assert!(stage.estate.changes().is_empty());
    stage.to_december();
    stage.act().await;
    assert!(stage.estate.changes().is_empty(), "nothing to undo");
    let titles: Vec<String> = stage.notices().await.iter().map(title).collect();
    let of_action: Vec<&String> = titles.iter().filter(|one| *one != "crossing").collect();
    assert_eq!(of_action.len(), 1, "{titles:?}");
    assert!(of_action[0].contains("dry run, nothing is done"));

    for call in [CALL, LOGIC_APP] {
        let stage = Stage::new(call).await;
        stage.cross().await;
        assert_eq!(stage.act().await.state, ActionState::DryRun);
        assert_eq!(stage.hook.told(), 0);
    }
}

fn title(delivery: &Delivery) -> String {
    match &delivery.notice.message {
        alert_channels::Message::Action { title, .. } => title.clone(),
        alert_channels::Message::Crossing(_) => "crossing".to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn machines_are_deallocated_once_and_started_again_when_the_period_is_over() {
    let stage = Stage::new(&running(STOP)).await;
    stage.machines();
    stage.cross().await;
    let record = stage.act().await;
    assert_eq!(record.state, ActionState::Done);
    let off = "deallocated".to_owned();
    assert_eq!(stage.powers(), [&*off, &off, &off, "running"]);
    let done = stage.estate.changes();
    assert_eq!(done.len(), 2);

    // Whoever evaluates and acts again changes nothing.
    stage.evaluate().await;
    stage.act().await;
    jobs::sweep::run(&stage.app).await.unwrap();
    assert_eq!(stage.estate.changes(), done);

    stage.to_december();
    let record = stage.act().await;
    assert_eq!(record.state, ActionState::Undone);
    assert_eq!(stage.powers(), ["running", &*off, &off, "running"]);
    let states: Vec<TargetState> = record.targets.iter().map(|one| one.state).collect();
    // What was stopped and kept its host cannot be brought back to that.
    assert_eq!(states, [TargetState::Reverted, TargetState::Left]);
    assert_eq!(stage.estate.changes().len(), 3);
    stage.act().await;
    assert_eq!(stage.estate.changes().len(), 3, "undone once");
    let left = stage.app.documents().list("acting/").await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_change_that_shows_after_the_period_is_ours_though_nobody_wrote_that_it_was_asked_for() {
    let stage = Stage::new(&running(STOP)).await;
    stage.machines();
    stage.estate.be_slow();
    stage.cross().await;
    let begun = stage.act().await;
    // Azure was asked, and the worker stopped before it could write that.
    let documents = stage.app.documents();
    let key = format!("actions/{}", begun.id);
    let stored = documents.get(&key).await.unwrap().unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&stored.bytes).unwrap();
    for target in record["targets"].as_array_mut().unwrap() {
        target["asks"] = 0.into();
        target["mayCome"] = false.into();
        target["askedAt"] = serde_json::Value::Null;
    }
    let bytes = serde_json::to_vec(&record).unwrap();
    documents
        .replace(&key, bytes, &stored.version)
        .await
        .unwrap();
    let tag = [("auto-stop", "yes")];
    stage.estate.machine(&machine("one"), "deallocated", &tag);
    stage.to_december();
    assert_eq!(stage.act().await.state, ActionState::Undoing);
    stage.estate.settle();
    stage.pass(60);
    assert_eq!(stage.act().await.state, ActionState::Undone);
    assert_eq!(stage.powers()[0], "running");
}

#[tokio::test]
async fn undo_leaves_alone_what_somebody_changed_since() {
    let stage = Stage::new(&running(STOP)).await;
    stage.machines();
    stage.cross().await;
    stage.act().await;
    stage.estate.machine(&machine("one"), "stopped", &[]);
    let changes = stage.estate.changes().len();
    stage.to_december();
    let record = stage.act().await;
    assert_eq!(record.state, ActionState::Undone);
    assert_eq!(record.targets[0].state, TargetState::Left);
    assert_eq!(stage.estate.changes().len(), changes);
}

#[tokio::test]
async fn azure_may_take_its_time_and_is_not_asked_twice_for_it() {
    let stage = Stage::new(&running(STOP)).await;
    stage.machines();
    stage.estate.be_slow();
    stage.cross().await;
    assert_eq!(stage.act().await.state, ActionState::Running);
    for _ in 0..3 {
        stage.pass(40);
        assert_eq!(stage.act().await.state, ActionState::Running);
    }
    assert_eq!(stage.estate.changes().len(), 2);
    stage.estate.settle();
    stage.pass(40);
    assert_eq!(stage.act().await.state, ActionState::Done);
    assert_eq!(stage.estate.changes().len(), 2);
}

#[tokio::test]
async fn a_plan_is_scaled_down_and_back() {
    let action = format!("kind = \"scale-plan\"\nplan = \"{PLAN}\"\nsku = \"B1\"");
    let stage = Stage::new(&running(&action)).await;
    stage.estate.plan(PLAN, "P1v3");
    stage.cross().await;
    assert_eq!(stage.act().await.state, ActionState::Done);
    let sku = |stage: &Stage| stage.estate.plan_of(PLAN).unwrap()["sku"]["name"].clone();
    assert_eq!(sku(&stage), "B1");
    stage.to_december();
    assert_eq!(stage.act().await.state, ActionState::Undone);
    assert_eq!(sku(&stage), "P1v3");
}

#[tokio::test]
async fn a_tag_is_added_and_removed_and_a_former_value_comes_back() {
    for (before, after) in [(None, None), (Some("no"), Some("no"))] {
        let action = "kind = \"add-tag\"\ntag = \"over-budget\"\nvalue = \"yes\"";
        let stage = Stage::new(&running(action)).await;
        stage.estate.tag(GROUP, "owner", "data");
        if let Some(value) = before {
            stage.estate.tag(GROUP, "over-budget", value);
        }
        stage.cross().await;
        assert_eq!(stage.act().await.state, ActionState::Done);
        assert_eq!(stage.estate.tags_of(GROUP)["over-budget"], "yes");
        stage.to_december();
        assert_eq!(stage.act().await.state, ActionState::Undone);
        let tags = stage.estate.tags_of(GROUP);
        assert_eq!(tags.get("over-budget").map(String::as_str), after);
        assert_eq!(tags["owner"], "data");
    }
}

#[tokio::test]
async fn what_azure_refuses_is_said_and_is_not_undone() {
    let action = "kind = \"add-tag\"\ntag = \"over-budget\"\nvalue = \"yes\"";
    let stage = Stage::new(&running(action)).await;
    stage.estate.tag(GROUP, "owner", "data");
    stage.estate.refuse_changes();
    stage.cross().await;
    let begun = stage.act().await;
    assert_eq!(begun.state, ActionState::Running);
    let last = begun.trail.last().unwrap();
    assert_eq!(last.what, "not changed");
    let answer = last.answer.as_deref().unwrap();
    assert!(answer.contains("AuthorizationFailed"), "{answer}");
    stage.to_december();
    let ended = stage.act().await;
    assert_eq!(ended.state, ActionState::Failed);
    let answer = ended.trail.last().unwrap().answer.as_deref();
    assert_eq!(answer, Some("0 of 1 changed"));
    stage.pass(86_400);
    let later = stage.act().await;
    assert_eq!((later.state, later.trail), (ended.state, ended.trail));
}

#[tokio::test]
async fn a_call_is_made_once_with_its_reason() {
    let stage = Stage::new(&running(CALL)).await;
    let planned = stage.cross().await;
    let record = stage.act().await;
    assert_eq!(record.state, ActionState::Done);
    stage.act().await;
    stage.evaluate().await;
    assert_eq!(stage.hook.told(), 1);
    let body: serde_json::Value =
        serde_json::from_str(&stage.hook.bodies.lock().unwrap()[0]).unwrap();
    assert_eq!(body["id"], planned.id);
    assert_eq!(body["phase"], "do");
    assert_eq!(body["amounts"]["spendToDate"], "850");
    assert_eq!(body["amounts"]["planned"], "1000");
    assert_eq!(body["threshold"]["when"], "actual 80%");
}

#[tokio::test]
async fn a_call_that_is_to_be_undone_is_made_again_with_another_phase() {
    let stage = Stage::new(&running(&format!("undo = true\n{CALL}"))).await;
    stage.cross().await;
    assert_eq!(stage.act().await.state, ActionState::Done);
    stage.to_december();
    assert_eq!(stage.act().await.state, ActionState::Undone);
    stage.act().await;
    let phases: Vec<String> = stage
        .hook
        .bodies
        .lock()
        .unwrap()
        .iter()
        .map(|body| serde_json::from_str::<serde_json::Value>(body).unwrap()["phase"].to_string())
        .collect();
    assert_eq!(phases, ["\"do\"", "\"undo\""]);
}

#[tokio::test]
async fn a_lost_answer_is_repeated_only_where_the_receiver_knows_the_id() {
    let webhook = Stage::new(&running(CALL)).await;
    webhook.hook.answers(&[Answering::HangUp]);
    webhook.cross().await;
    assert_eq!(webhook.act().await.state, ActionState::Approved);
    webhook.pass(60);
    assert_eq!(webhook.act().await.state, ActionState::Done);
    assert_eq!(webhook.hook.told(), 2);

    let logic_app = Stage::new(&running(LOGIC_APP)).await;
    logic_app.hook.answers(&[Answering::HangUp]);
    logic_app.cross().await;
    assert_eq!(logic_app.act().await.state, ActionState::Unknown);
    logic_app.pass(86_400);
    assert_eq!(logic_app.act().await.state, ActionState::Unknown);
    assert_eq!(logic_app.hook.told(), 1);
}

#[tokio::test]
async fn a_call_that_may_have_been_taken_before_the_period_ended_is_undone() {
    let stage = Stage::new(&running(&format!("undo = true\n{CALL}"))).await;
    stage.hook.answers(&[Answering::HangUp]);
    stage.cross().await;
    assert_eq!(stage.act().await.state, ActionState::Approved);
    stage.to_december();
    assert_eq!(stage.act().await.state, ActionState::Undone);
    let bodies = stage.hook.bodies.lock().unwrap().clone();
    assert!(bodies[0].contains("\"do\"") && bodies[1].contains("\"undo\""));

    let stage = Stage::new(&running(&format!("undo = false\n{CALL}"))).await;
    stage.hook.answers(&[Answering::HangUp]);
    stage.cross().await;
    stage.act().await;
    stage.to_december();
    assert_eq!(stage.act().await.state, ActionState::Unknown);
    assert_eq!(stage.hook.told(), 1);
}

#[tokio::test]
async fn each_failure_to_undo_is_told_and_it_can_be_tried_again() {
    let stage = Stage::new(&running(&format!("undo = true\n{CALL}"))).await;
    stage.cross().await;
    let id = stage.act().await.id;
    let titles = async || -> Vec<String> {
        let notices = stage.notices().await.into_iter();
        let titles = notices.filter_map(|one| match one.notice.message {
            Message::Action { title, .. } => Some(title),
            _ => None,
        });
        titles.collect()
    };
    for failed in 1..=2 {
        stage.pass(3600);
        stage.hook.answers(&[Answering::Status(400)]);
        act::undo_now(&stage.app, &id, "somebody").await.unwrap();
        let record = stage.only().await;
        assert_eq!(record.state, ActionState::UndoFailed);
        assert!(record.is_over());
        let titles = titles().await;
        let told = titles
            .iter()
            .filter(|one| one.contains("could not be undone"));
        assert_eq!(told.count(), failed, "{titles:?}");
    }
    act::undo_now(&stage.app, &id, "somebody").await.unwrap();
    assert_eq!(stage.only().await.state, ActionState::Undone);
    let titles = titles().await;
    assert!(
        titles.iter().any(|one| one.contains("is undone")),
        "{titles:?}"
    );
}

#[tokio::test]
async fn a_call_that_keeps_failing_is_given_up_and_says_why() {
    let stage = Stage::new(&running(CALL)).await;
    stage.hook.answers(&[Answering::Status(503); 9]);
    stage.cross().await;
    for _ in 0..5 {
        stage.act().await;
        stage.pass(120);
    }
    let record = stage.act().await;
    assert_eq!(record.state, ActionState::Failed);
    assert_eq!(stage.hook.told(), 3, "the first try and two more");
    let last = record.trail.last().unwrap();
    assert!(last.answer.as_deref().unwrap().contains("503"), "{last:?}");
    assert!(
        stage
            .notices()
            .await
            .iter()
            .any(|one| title(one).contains("failed"))
    );
}

#[tokio::test]
async fn an_approval_needs_the_link_and_is_good_once() {
    let stage = Stage::new(&approved(STOP)).await;
    stage.machines();
    stage.cross().await;
    let record = stage.act().await;
    assert!(matches!(record.state, ActionState::AwaitingApproval { .. }));
    assert!(stage.estate.changes().is_empty());
    let link = stage.link().await;

    // Looking changes nothing.
    let shown = act::open_link(&stage.app, &link).await.unwrap();
    assert_eq!(shown.targets.len(), 2);
    assert_eq!(stage.act().await.state, record.state);

    // Nothing of it can be changed.
    let mut tampered = link.clone();
    tampered.expires += 3600;
    let refused = act::approve_by_link(&stage.app, &tampered).await;
    assert!(matches!(
        refused,
        Err(NotApproved::BadLink(BadLink::Forged))
    ));
    let mut tampered = link.clone();
    tampered.delivery = record.id.clone();
    let refused = act::approve_by_link(&stage.app, &tampered).await;
    assert!(matches!(
        refused,
        Err(NotApproved::BadLink(BadLink::Forged))
    ));
    assert_eq!(stage.act().await.state, record.state);

    act::approve_by_link(&stage.app, &link).await.unwrap();
    let again = act::approve_by_link(&stage.app, &link).await;
    assert!(
        matches!(again, Err(NotApproved::NotWaiting("approved"))),
        "{again:?}"
    );
    let record = stage.act().await;
    assert_eq!(record.state, ActionState::Done);
    assert_eq!(stage.estate.changes().len(), 2);
    let replayed = act::approve_by_link(&stage.app, &link).await;
    assert!(
        matches!(replayed, Err(NotApproved::NotWaiting("done"))),
        "{replayed:?}"
    );
    let who = record
        .trail
        .iter()
        .find(|step| step.what == "approved")
        .unwrap();
    assert_eq!(who.who, "holder of the link sent to chat");
}

#[tokio::test]
async fn of_many_approvals_at_once_one_counts() {
    let stage = Stage::new(&approved(STOP)).await;
    stage.machines();
    stage.cross().await;
    stage.act().await;
    let link = stage.link().await;
    let tries = (0..8).map(|_| act::approve_by_link(&stage.app, &link));
    let tried = futures::future::join_all(tries).await;
    assert_eq!(tried.iter().filter(|one| one.is_ok()).count(), 1);
}

#[tokio::test]
async fn without_approval_in_time_nothing_is_done() {
    let stage = Stage::new(&approved(STOP)).await;
    stage.machines();
    stage.cross().await;
    stage.act().await;
    let link = stage.link().await;
    stage.pass(24 * 3600);
    let late = act::approve_by_link(&stage.app, &link).await;
    assert!(
        matches!(late, Err(NotApproved::BadLink(BadLink::Expired))),
        "{late:?}"
    );
    let late = act::approve(&stage.app, &link.about, "somebody").await;
    assert!(
        matches!(late, Err(NotApproved::NotWaiting("expired"))),
        "{late:?}"
    );
    assert_eq!(stage.act().await.state, ActionState::Expired);
    assert!(stage.estate.changes().is_empty());
}

#[tokio::test]
async fn the_key_of_links_is_in_no_document() {
    let stage = Stage::new(&approved(STOP)).await;
    stage.machines();
    stage.cross().await;
    stage.act().await;
    for key in stage.app.documents().list("").await.unwrap() {
        let document = stage.app.documents().get(&key).await.unwrap().unwrap();
        let text = String::from_utf8(document.bytes).unwrap();
        assert!(!text.contains("c4n4ry"), "{key}");
        assert!(!text.contains("whsec_"), "{key}");
    }
}

#[tokio::test]
async fn a_crossing_that_is_taken_back_is_not_acted_on() {
    let stage = Stage::new(&approved(STOP)).await;
    stage.machines();
    stage.cross().await;
    stage.act().await;
    stage.pass(3600);
    stage.spent(700);
    stage.evaluate().await;
    let record = stage.act().await;
    assert_eq!(record.state, ActionState::Cancelled);
    let refused = act::approve(&stage.app, &record.id, "somebody").await;
    assert!(matches!(refused, Err(NotApproved::NotWaiting("cancelled"))));
    assert!(stage.estate.changes().is_empty());
}

#[tokio::test]
async fn on_stale_data_nothing_is_done_until_they_are_fresh() {
    let stage = Stage::new(&running(CALL)).await;
    // The data end on the second of November; today is the twelfth.
    let rows = vec![(date(2026, 11, 2), "Storage", 850.into())];
    stage.costs.set(rows, stage.app.now());
    stage.evaluate().await;
    assert!(stage.only().await.cause.stale);
    assert_eq!(stage.act().await.state, ActionState::Planned);
    stage.pass(3600);
    assert_eq!(stage.act().await.state, ActionState::Planned);
    assert_eq!(stage.hook.told(), 0);
    stage.spent(850);
    stage.evaluate().await;
    stage.pass(3600);
    assert_eq!(stage.act().await.state, ActionState::Done);
    assert_eq!(stage.hook.told(), 1);
}

#[tokio::test]
async fn only_crossings_of_spend_act_also_when_another_threshold_tells_of_them() {
    let thresholds = format!("{AT_80}\n[[budget.threshold]]\nwhen = \"actual 100%\"");
    let stage = Stage::with(&running(CALL), &thresholds).await;
    stage.spent(1200);
    stage.evaluate().await;
    let record = stage.only().await;
    assert_eq!(record.cause.threshold, "eighty");
    assert_eq!(stage.act().await.state, ActionState::Done);

    let quiet = Stage::new(&running(CALL)).await;
    quiet.spent(700);
    quiet.evaluate().await;
    assert!(act::list(&quiet.app).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_approved_is_what_runs_or_nothing() {
    let stage = Stage::new(&approved(CALL)).await;
    stage.cross().await;
    stage.act().await;
    let link = stage.link().await;
    act::approve_by_link(&stage.app, &link).await.unwrap();
    let stage = stage.reconfigured(&approved(LOGIC_APP));
    assert_eq!(stage.act().await.state, ActionState::Cancelled);
    assert_eq!(stage.hook.told(), 0);
}

#[tokio::test]
async fn after_the_period_nothing_is_begun() {
    let stage = Stage::new(&running(CALL)).await;
    stage.cross().await;
    stage.to_december();
    assert_eq!(stage.act().await.state, ActionState::Expired);
    assert_eq!(stage.hook.told(), 0);
}

#[tokio::test]
async fn an_action_can_be_undone_before_the_period_ends() {
    let stage = Stage::new(&running(&format!("undo = false\n{STOP}"))).await;
    stage.machines();
    stage.cross().await;
    let record = stage.act().await;
    assert!(record.is_over());
    act::undo_now(&stage.app, &record.id, "somebody")
        .await
        .unwrap();
    assert_eq!(stage.only().await.state, ActionState::Undone);
    assert_eq!(stage.powers()[0], "running");
    assert!(
        act::undo_now(&stage.app, &record.id, "somebody")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn workers_at_once_do_it_once() {
    let stage = Stage::new(&running(LOGIC_APP)).await;
    let id = stage.cross().await.id;
    let workers = (0..8).map(|_| act::run(&stage.app, &id));
    for worker in futures::future::join_all(workers).await {
        worker.unwrap();
    }
    assert_eq!(stage.hook.told(), 1);
    assert_eq!(stage.act().await.state, ActionState::Done);
}

/// A store that fails one of its writes, before or after it is done.
#[derive(Debug)]
struct Failing {
    inner: Arc<dyn Documents>,
    writes: AtomicUsize,
    fail_at: AtomicUsize,
    is_done: bool,
}

impl Failing {
    fn lost() -> state_store::Error {
        state_store::Error::Unavailable {
            operation: "write to the store".into(),
            source: "made to fail".into(),
        }
    }

    async fn write<T>(
        &self,
        write: impl Future<Output = state_store::Result<T>>,
    ) -> state_store::Result<T> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        if number != self.fail_at.load(Ordering::SeqCst) {
            return write.await;
        }
        if self.is_done {
            write.await?;
        }
        Err(Failing::lost())
    }
}

#[async_trait]
impl Documents for Failing {
    async fn get(&self, key: &str) -> state_store::Result<Option<Document>> {
        self.inner.get(key).await
    }

    async fn create(&self, key: &str, bytes: Vec<u8>) -> state_store::Result<Version> {
        self.write(self.inner.create(key, bytes)).await
    }

    async fn replace(
        &self,
        key: &str,
        bytes: Vec<u8>,
        version: &Version,
    ) -> state_store::Result<Version> {
        self.write(self.inner.replace(key, bytes, version)).await
    }

    async fn delete(&self, key: &str, version: &Version) -> state_store::Result<()> {
        self.write(self.inner.delete(key, version)).await
    }

    async fn list(&self, prefix: &str) -> state_store::Result<Vec<String>> {
        self.inner.list(prefix).await
    }
}

/// One life of an action, evaluating included, in which one write fails; afterwards everything is
/// tried again as the sweep does. Says how many writes there were.
async fn life(action: &str, fail_at: usize, is_done: bool) -> (Stage, usize) {
    let mut stage = Stage::new(action).await;
    stage.machines();
    let store = Arc::new(Failing {
        inner: Arc::new(Memory::new()),
        writes: AtomicUsize::new(0),
        fail_at: AtomicUsize::new(fail_at),
        is_done,
    });
    stage.app = stage.app.with_documents(store.clone());
    stage.spent(850);
    let reads = stage.app.reads().unwrap();
    // Failures are what is tested; the next visit heals them.
    for _ in 0..3 {
        let _ = jobs::evaluate::run(&stage.app, &reads[0], &Default::default()).await;
        let _ = jobs::sweep::run(&stage.app).await;
    }
    for _ in 0..4 {
        let _ = act::run_all(&stage.app).await;
        stage.pass(700);
    }
    stage.to_december();
    for _ in 0..4 {
        let _ = act::run_all(&stage.app).await;
        stage.pass(700);
    }
    (stage, store.writes.load(Ordering::SeqCst))
}

/// Lives that go wrong at each write in turn, before and after it is done; some at a time.
async fn lives(action: &str) -> Vec<(String, Stage)> {
    let (_, writes) = life(action, 0, false).await;
    assert!(writes > 8, "{writes}");
    let rounds = (1..=writes).flat_map(|at| [(at, false), (at, true)]);
    let lives = rounds.map(|(at, is_done)| async move {
        let (stage, _) = life(action, at, is_done).await;
        (format!("write {at}, done: {is_done}"), stage)
    });
    futures::stream::iter(lives).buffered(8).collect().await
}

#[tokio::test]
async fn after_a_failed_write_anywhere_machines_are_stopped_and_started_once() {
    for (round, stage) in lives(&running(STOP)).await {
        let record = stage.only().await;
        let trail = &record.trail;
        assert_eq!(record.state, ActionState::Undone, "{round}: {trail:#?}");
        assert_eq!(stage.powers()[0], "running", "{round}");
        let changes = stage.estate.changes();
        assert_eq!(changes.len(), 3, "{round}: {changes:?}");
        let left = stage.app.documents().list("acting/").await.unwrap();
        assert!(left.is_empty(), "{round}");
    }
}

#[tokio::test]
async fn after_a_failed_write_anywhere_a_logic_app_is_never_called_twice() {
    let mut unknown = 0;
    for (round, stage) in lives(&running(LOGIC_APP)).await {
        let record = stage.only().await;
        let told = stage.hook.told();
        match record.state {
            ActionState::Done => assert_eq!(told, 1, "{round}"),
            ActionState::Unknown => {
                assert!(told <= 1, "{round}");
                unknown += 1;
            }
            other => panic!("{round}: {other:?} {:#?}", record.trail),
        }
    }
    // Only around the call itself does nobody know.
    assert!((1..=4).contains(&unknown), "{unknown}");
}

#[tokio::test]
async fn after_a_failed_write_anywhere_a_webhook_is_called_with_one_id() {
    for (round, stage) in lives(&running(CALL)).await {
        let record = stage.only().await;
        let trail = &record.trail;
        assert_eq!(record.state, ActionState::Done, "{round}: {trail:#?}");
        let bodies = stage.hook.bodies.lock().unwrap();
        assert!((1..=2).contains(&bodies.len()), "{round}: {bodies:?}");
        assert!(bodies.iter().all(|body| body.contains(&record.id)));
    }
}
