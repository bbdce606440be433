//! Reads: which budgets share one, when they were last evaluated, and what throttling does to them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use budget_engine::{ChargeCategory, FactsBuilder, Place, SeriesKey};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use spendwatch::jobs::work::{self, Done};
use spendwatch::sources::{Answer, CostSource, ReadContext, ReadRequest};
use spendwatch::{
    App, Clock, Config, EVALUATIONS, EXPORTS, Environment, Hint, ManualClock, StateLocation, jobs,
};

use crate::support::{START, midnight};

const ACCOUNT: &str = "/providers/Microsoft.Billing/billingAccounts/100";
const GROUPS: &str = "/providers/Microsoft.Management/managementGroups";

/// A configuration with a source and budgets given by id, scopes and parent.
fn app(source: &str, budgets: &[(&str, &[&str], &str)]) -> App {
    let mut text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        {source}
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [defaults]
        notify = ["chat"]
        "#
    );
    for (id, scopes, parent) in budgets {
        text.push_str(&format!("[[budget]]\nid = \"{id}\"\namount = 1000\n"));
        if !scopes.is_empty() {
            text.push_str(&format!("scopes = {scopes:?}\n"));
        }
        if !parent.is_empty() {
            text.push_str(&format!("parent = \"{parent}\"\n"));
        }
    }
    let config = Config::parse(&[(PathBuf::from("spendwatch.toml"), text)]).unwrap();
    spendwatch::install_crypto();
    App::new(config, &Environment::default(), StateLocation::Memory).unwrap()
}

fn api(budgets: &[(&str, &[&str], &str)]) -> App {
    app("kind = \"usage-details\"\nauth = \"none\"", budgets)
}

/// The scopes of each read, with the budgets it serves.
fn reads(app: &App) -> Vec<(Vec<String>, Vec<String>)> {
    let reads = app.reads().unwrap_or_else(|error| panic!("{error}"));
    let shown = |read: spendwatch::Read| {
        let scopes = read.scopes.iter().map(ToString::to_string).collect();
        (scopes, read.budgets)
    };
    reads.into_iter().map(shown).collect()
}

#[track_caller]
fn refused(budgets: &[(&str, &[&str], &str)], expected: &str) {
    let error = api(budgets).reads().unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
    assert!(error.contains("same costs twice"), "{error}");
}

#[test]
fn files_are_read_once_for_all_budgets() {
    let app = app(
        "kind = \"files\"\npaths = [\"costs.csv\"]",
        &[("a", &["/subscriptions/a"], ""), ("b", &[ACCOUNT], "")],
    );
    assert_eq!(reads(&app).len(), 1);
    assert_eq!(reads(&app)[0].1, ["a", "b"]);
}

#[test]
fn exports_are_read_once_for_each_basis() {
    let source = "kind = \"exports\"\nauth = \"none\"\n\
                  container = \"https://account.blob.core.windows.net/exports\"";
    let amortized = "c\"\ncost_basis = \"amortized";
    let app = app(
        source,
        &[
            ("a", &["/subscriptions/s"], ""),
            ("b", &[ACCOUNT], ""),
            (amortized, &["/subscriptions/s"], ""),
        ],
    );
    let reads = app.reads().unwrap();
    let shown = reads
        .iter()
        .map(|read| (read.key.as_str(), read.scopes.len(), read.budgets.len()));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [("source-0-actual", 0, 2), ("source-0-amortized", 0, 1)]
    );
}

#[test]
fn usage_aggregates_serve_subscriptions_only() {
    let source = "kind = \"usage-aggregates\"\nauth = \"none\"\n\
                  offer = \"MS-AZR-0003P\"\ncurrency = \"EUR\"";
    let group: &[&str] = &["/subscriptions/s/resourceGroups/g"];
    let reads = reads(&app(source, &[("a", group, "")]));
    assert_eq!(
        reads,
        [(vec!["/subscriptions/s".to_owned()], vec!["a".to_owned()])]
    );
    let error = app(source, &[("a", &[ACCOUNT], "")]).reads().unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("budget `a` counts") && error.contains("subscriptions and resource groups"),
        "{error}"
    );
}

#[test]
fn a_resource_group_reads_its_subscription_once_with_the_subscriptions_own_budget() {
    let app = api(&[
        (
            "payments",
            &["/subscriptions/a/resourceGroups/payments"],
            "",
        ),
        ("data", &["/subscriptions/A/resourceGroups/data"], ""),
        ("all", &["/subscriptions/a"], ""),
    ]);
    let expected = (
        vec!["/subscriptions/a".to_owned()],
        ["payments", "data", "all"].map(str::to_owned).to_vec(),
    );
    assert_eq!(reads(&app), [expected]);
}

#[test]
fn two_subscriptions_with_a_parent_are_one_read_and_without_one_two() {
    let both: [(&str, &[&str], &str); 3] = [
        ("a", &["/subscriptions/a"], "both"),
        ("b", &["/subscriptions/b"], "both"),
        ("both", &[], ""),
    ];
    let shared = reads(&api(&both));
    assert_eq!(shared.len(), 1);
    assert_eq!(shared[0].0, ["/subscriptions/a", "/subscriptions/b"]);
    let alone = [("a", both[0].1, ""), ("b", both[1].1, "")];
    assert_eq!(reads(&api(&alone)).len(), 2);
}

#[test]
fn what_rows_do_not_name_is_never_swallowed_by_a_wider_read() {
    for inner in ["departments/7", "enrollmentAccounts/8", "customers/9"] {
        let inner = format!("{ACCOUNT}/{inner}");
        let app = api(&[("account", &[ACCOUNT], ""), ("inner", &[&inner], "")]);
        let reads = reads(&app);
        assert_eq!(reads.len(), 2, "{reads:?}");
        assert_eq!(reads[1].0, [inner]);
    }
}

#[test]
fn what_rows_name_is_read_with_the_wider_scope() {
    let profile = format!("{ACCOUNT}/billingProfiles/p");
    let section = format!("{profile}/invoiceSections/s");
    let short = format!("{ACCOUNT}/invoiceSections/s");
    let app = api(&[
        ("section", &[&section], ""),
        ("short", &[&short], ""),
        ("account", &[ACCOUNT], ""),
        ("profile", &[&profile], ""),
    ]);
    assert_eq!(reads(&app).len(), 1);
    assert_eq!(reads(&app)[0].0, [ACCOUNT]);
    let app = api(&[("section", &[&section], ""), ("short", &[&short], "")]);
    assert_eq!(reads(&app).len(), 1, "two spellings");
    assert_eq!(reads(&app)[0].0, [short]);
}

#[test]
fn budgets_that_may_count_twice_are_refused() {
    let (root, leaf) = (format!("{GROUPS}/root"), format!("{GROUPS}/leaf"));
    let department = format!("{ACCOUNT}/departments/7");
    refused(&[("both", &[&root, &leaf], "")], "managementGroups/leaf");
    refused(&[("both", &[ACCOUNT, &department], "")], "departments/7");
    let children: [(&str, &[&str], &str); 3] = [
        ("root", &[&root], "both"),
        ("leaf", &[&leaf], "both"),
        ("both", &[], ""),
    ];
    refused(&children, "budget `both`");
    let profile = format!("{ACCOUNT}/billingProfiles/p");
    let section = format!("{ACCOUNT}/invoiceSections/s");
    refused(&[("both", &[&profile, &section], "")], "invoiceSections/s");
}

/// Gives one cost for each scope, except for those that fail.
#[derive(Default)]
struct Estate {
    fails: Mutex<BTreeSet<String>>,
    throttled: Mutex<Option<Timestamp>>,
}

#[async_trait]
impl CostSource for Estate {
    async fn read(&self, request: &ReadRequest, _: &ReadContext) -> anyhow::Result<Answer> {
        if let Some(until) = *self.throttled.lock().unwrap() {
            let operation = "read usage details".to_owned();
            let error = azure_cost::Error::Throttled { operation, until };
            return Err(anyhow::Error::new(error).context("usage details of a scope"));
        }
        let mut facts = FactsBuilder::new(request.projection.clone());
        for scope in &request.scopes {
            let fails = self.fails.lock().unwrap().contains(scope.path());
            anyhow::ensure!(!fails, "access to {scope} was taken away");
            let place = Place {
                resource: Some(scope.clone()),
                ..Place::default()
            };
            let empty = |count: usize| (0..count).map(|_| Arc::from("")).collect();
            let series = facts.series(SeriesKey {
                place: Arc::new(place),
                currency: "EUR".parse()?,
                category: ChargeCategory::Usage,
                dimensions: empty(request.projection.dimensions.len()),
                tags: empty(request.projection.tags.len()),
            });
            facts.add(series, date(2026, 11, 1), Some(Decimal::ONE), None)?;
        }
        Ok(Answer {
            facts: facts.finish(midnight(START)),
            notes: vec![],
        })
    }
}

/// Two subscriptions, each with a budget and a read of its own.
fn two_reads() -> (App, Arc<Estate>, Arc<ManualClock>) {
    let estate = Arc::new(Estate::default());
    let clock = Arc::new(ManualClock::new(midnight(START)));
    let app = api(&[
        ("a", &["/subscriptions/a"], ""),
        ("b", &["/subscriptions/b"], ""),
    ])
    .with_clock(clock.clone())
    .with_sources(vec![estate.clone()]);
    (app, estate, clock)
}

async fn evaluate_all(app: &App) {
    for read in app.reads().unwrap() {
        let _ = jobs::evaluate::run(app, &read, &Default::default()).await;
    }
}

#[tokio::test]
async fn a_read_that_keeps_failing_is_late_although_another_works() {
    let (app, estate, clock) = two_reads();
    assert_eq!(app.pulse().await.unwrap().last_evaluation, None);
    evaluate_all(&app).await;
    let begin = clock.now();
    assert_eq!(app.pulse().await.unwrap().last_evaluation, Some(begin));
    estate
        .fails
        .lock()
        .unwrap()
        .insert("/subscriptions/b".to_owned());
    for _ in 0..3 {
        clock.advance(SignedDuration::from_hours(12));
        evaluate_all(&app).await;
    }
    let pulse = app.pulse().await.unwrap();
    assert_eq!((pulse.last_evaluation, pulse.is_late), (Some(begin), true));
    estate.fails.lock().unwrap().clear();
    evaluate_all(&app).await;
    let pulse = app.pulse().await.unwrap();
    assert_eq!(
        (pulse.last_evaluation, pulse.is_late),
        (Some(clock.now()), false)
    );
}

#[tokio::test]
async fn a_read_that_never_works_is_late_too() {
    let (app, estate, clock) = two_reads();
    estate
        .fails
        .lock()
        .unwrap()
        .insert("/subscriptions/b".to_owned());
    for _ in 0..3 {
        evaluate_all(&app).await;
        clock.advance(SignedDuration::from_hours(12));
    }
    evaluate_all(&app).await;
    let pulse = app.pulse().await.unwrap();
    assert_eq!(
        (pulse.last_evaluation, pulse.is_late),
        (Some(clock.now()), true)
    );
}

#[tokio::test]
async fn a_slow_evaluation_does_not_overwrite_a_newer_status() {
    let (app, estate, clock) = two_reads();
    clock.advance(SignedDuration::from_hours(1));
    evaluate_all(&app).await;
    let newer = app.last_reports().await.unwrap();
    assert_eq!(newer[0].at, clock.now());
    // Another process whose evaluation began an hour ago writes only now.
    let key = "status/a";
    let kept = app.documents().get(key).await.unwrap().unwrap().bytes;
    let late = app
        .with_clock(Arc::new(ManualClock::new(midnight(START))))
        .with_sources(vec![estate]);
    evaluate_all(&late).await;
    assert_eq!(
        late.documents().get(key).await.unwrap().unwrap().bytes,
        kept
    );
    assert_eq!(
        late.pulse().await.unwrap().last_evaluation,
        Some(clock.now())
    );
}

/// The messages that can be received now.
async fn hints(app: &App) -> usize {
    let hidden = Duration::ZERO;
    let received = app.queues().receive(EVALUATIONS, 8, hidden).await;
    received.unwrap().len()
}

#[tokio::test]
async fn a_throttled_read_is_asked_again_later_and_is_no_failure() {
    let (app, estate, clock) = two_reads();
    let now = clock.now();
    let hint = Hint::Evaluate {
        read: app.reads().unwrap().remove(0).key,
    };
    for (asked, expected) in [(600, 600), (86_400, 3600)] {
        let [asked, expected] =
            [asked, expected].map(|seconds| now + SignedDuration::from_secs(seconds));
        *estate.throttled.lock().unwrap() = Some(asked);
        let done = work::perform(&app, &hint, None).await.unwrap();
        assert_eq!(done, Done::Postponed { until: expected });
        assert_eq!(hints(&app).await, 0, "not before its time");
    }
    // The time has come already.
    *estate.throttled.lock().unwrap() = Some(now);
    work::perform(&app, &hint, None).await.unwrap();
    assert_eq!(hints(&app).await, 1);
    *estate.throttled.lock().unwrap() = None;
    let done = work::perform(&app, &hint, None).await.unwrap();
    assert!(matches!(done, Done::Evaluated(_)), "{done}");
}

#[tokio::test]
async fn a_new_file_of_an_export_is_evaluated_where_no_host_waits_for_it() {
    let exports = "kind = \"exports\"\ncontainer = \"https://x.blob.core.windows.net/exports\"\nauth = \"none\"";
    let app = app(exports, &[("a", &["/subscriptions/a"], "")]);
    let app = app.with_sources(vec![Arc::new(Estate::default())]);
    for container in ["elsewhere", "exports"] {
        assert_eq!(app.pulse().await.unwrap().last_evaluation, None);
        let blob = format!("https://x.blob.core.windows.net/{container}/daily/1/manifest.json");
        let event = format!("{{\"data\":{{\"url\":\"{blob}\"}}}}");
        let sent = app.queues().send(EXPORTS, &event, Duration::ZERO).await;
        sent.unwrap();
        let until = tokio::time::Instant::now() + Duration::from_secs(60);
        work::drain_until(&app, until).await.unwrap();
        let left = app.queues().receive(EXPORTS, 8, Duration::ZERO).await;
        assert_eq!(left.unwrap().len(), 0);
    }
    assert!(app.pulse().await.unwrap().last_evaluation.is_some());
}

#[tokio::test]
async fn other_failures_and_reads_that_are_gone_are_told_apart() {
    let (app, estate, _) = two_reads();
    assert_eq!(work::enqueue_reads(&app).await.unwrap().len(), 2);
    let hint = |read: &str| Hint::Evaluate {
        read: read.to_owned(),
    };
    let gone = work::perform(&app, &hint("source-9"), None).await.unwrap();
    assert_eq!(gone, Done::NotConfigured);
    estate
        .fails
        .lock()
        .unwrap()
        .insert("/subscriptions/a".to_owned());
    let key = app.reads().unwrap().remove(0).key;
    assert!(work::perform(&app, &hint(&key), None).await.is_err());
}
