//! Azure's cost APIs as a source: every way gives the same spend, goes on where it stopped, and says
//! what is missing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use azure_sandbox::{Agreement, Denial, Fault, Mishap, Options, Wait, World, example};
use jiff::Timestamp;
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use spendwatch::jobs::check::{self, Level};
use spendwatch::jobs::evaluate;
use spendwatch::jobs::work::{self, Done};
use spendwatch::{App, Config, Environment, Hint, ManualClock, StateLocation};
use tokio::net::TcpListener;
use tokio::time::Instant;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn noon() -> Timestamp {
    format!("{}T12:00:00Z", example::AS_OF).parse().unwrap()
}

fn world(agreement: Agreement) -> World {
    World {
        agreement,
        ..example::world()
    }
}

fn options() -> Options {
    let mut options = Options::new(example::AS_OF);
    options.needs_token = false;
    options.poll_seconds = 0;
    options
}

async fn serve(world: World, options: Options) -> String {
    spendwatch::install_crypto();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(azure_sandbox::serve(listener, world, options));
    endpoint
}

/// One budget over the platform subscription, with more settings; of history only what months need.
fn app(endpoint: &str, kind: &str, settings: &str) -> App {
    let text = format!(
        r#"
        version = 1
        currency = "EUR"
        [source]
        kind = "{kind}"
        auth = "none"
        endpoint = "{endpoint}"
        history_days = 31
        [channel.chat]
        kind = "slack"
        url = {{ secret = "CHAT_URL" }}
        [defaults]
        notify = ["chat"]
        [[budget]]
        id = "platform"
        scopes = ["/subscriptions/{}"]
        amount = 25000
        {settings}
        "#,
        example::PLATFORM_SUBSCRIPTION
    );
    let config = Config::parse(&[(PathBuf::from("/spendwatch.toml"), text)]).unwrap();
    let clock = Arc::new(ManualClock::new(noon()));
    App::new(config, &Environment::default(), StateLocation::Memory)
        .unwrap()
        .with_clock(clock)
}

async fn spent(app: &App) -> anyhow::Result<Decimal> {
    let reads = app.reads()?;
    assert_eq!(reads.len(), 1);
    let report = evaluate::run(app, &reads[0], &Default::default()).await?;
    let budget = &report.budgets[0];
    let status = budget.status.as_ref();
    let status = status.unwrap_or_else(|| panic!("{:?}", budget.problem));
    Ok(status.spent.amount.normalize())
}

/// What the world says was spent in November, of groups with a tag or of all.
fn truth(team: Option<&str>) -> Decimal {
    let world = example::world();
    let first = example::AS_OF.first_of_month();
    let rows = world.rows_between(first, example::AS_OF);
    let counts = |tags: &[(String, String)]| {
        team.is_none_or(|team| {
            tags.iter()
                .any(|(name, value)| name == "team" && value == team)
        })
    };
    let sum: Decimal = rows
        .filter(|row| row.subscription.id == example::PLATFORM_SUBSCRIPTION)
        .filter(|row| counts(&row.group.tags))
        .map(|row| row.cost)
        .sum();
    sum.normalize()
}

async fn requests(endpoint: &str) -> Value {
    let answer = reqwest::get(format!("{endpoint}/sandbox/requests"))
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let forget = reqwest::Client::new().delete(format!("{endpoint}/sandbox/requests"));
    forget.send().await.unwrap();
    answer["operations"].clone()
}

#[tokio::test]
async fn the_cheapest_way_is_taken_and_all_ways_agree() {
    let by_tag = r#"filter = { tag = "team", in = ["payments"] }"#;
    for (agreement, settings, expected) in [
        (Agreement::Enterprise, "", "Query_Usage"),
        (
            Agreement::Enterprise,
            by_tag,
            "GenerateCostDetailsReport_CreateOperation",
        ),
        (
            Agreement::Customer,
            by_tag,
            "GenerateCostDetailsReport_CreateOperation",
        ),
        // Azure has no cost details of pay-as-you-go.
        (Agreement::PayAsYouGo, by_tag, "UsageDetails_List"),
    ] {
        let endpoint = serve(world(agreement), options()).await;
        let app = app(&endpoint, "azure", settings);
        let team = (!settings.is_empty()).then_some("payments");
        assert_eq!(
            spent(&app).await.unwrap(),
            truth(team),
            "{agreement} {settings}"
        );
        let operations = requests(&endpoint).await;
        assert!(operations[expected].as_u64() > Some(0), "{operations}");
        let others = ["Query_Usage", "UsageDetails_List"];
        for other in others.iter().filter(|other| **other != expected) {
            assert_eq!(operations[*other], Value::Null, "{agreement}: {operations}");
        }
    }
    for kind in ["query", "cost-details", "usage-details"] {
        let endpoint = serve(world(Agreement::Enterprise), options()).await;
        let spent = spent(&app(&endpoint, kind, "")).await.unwrap();
        assert_eq!(spent, truth(None), "{kind}");
    }
    assert!(truth(Some("payments")) < truth(None));
}

#[tokio::test]
async fn many_budgets_of_a_subscription_take_as_many_requests_as_one() {
    let endpoint = serve(world(Agreement::Enterprise), options()).await;
    spent(&app(&endpoint, "azure", "")).await.unwrap();
    let of_one = requests(&endpoint).await;
    let mut more = String::new();
    for number in 0..50 {
        more.push_str(&format!(
            "[[budget]]\nid = \"b{number}\"\namount = {}\nscopes = [\"/subscriptions/{}/resourceGroups/{}\"]\n",
            1000 + number,
            example::PLATFORM_SUBSCRIPTION,
            example::PAYMENTS_GROUP,
        ));
    }
    let app = app(&endpoint, "azure", &more);
    let reads = app.reads().unwrap();
    let report = evaluate::run(&app, &reads[0], &Default::default())
        .await
        .unwrap();
    assert_eq!((reads.len(), report.budgets.len()), (1, 51));
    assert_eq!(requests(&endpoint).await, of_one);
}

#[tokio::test]
async fn a_read_that_breaks_goes_on_where_it_stopped() {
    for (kind, operation) in [
        ("usage-details", "UsageDetails_List"),
        ("cost-details", "GenerateCostDetailsReport_CreateOperation"),
        ("query", "Query_Usage"),
    ] {
        // The last request that is needed is refused once.
        let broken = Fault::new(Mishap::Refused {
            status: 403,
            code: "RBACAccessDenied".to_owned(),
        });
        let whole = serve(world(Agreement::Enterprise), options()).await;
        assert_eq!(spent(&app(&whole, kind, "")).await.unwrap(), truth(None));
        let needed = requests(&whole).await[operation].as_u64().unwrap();
        assert!(needed >= 2, "{kind}: {needed}");

        let mut options = options();
        options.faults = broken
            .of(operation)
            .after(needed as u32 - 1)
            .times(1)
            .into();
        let endpoint = serve(world(Agreement::Enterprise), options).await;
        let app = app(&endpoint, kind, "");
        let error = spent(&app).await.unwrap_err();
        assert!(!format!("{error:#}").is_empty());
        assert_eq!(spent(&app).await.unwrap(), truth(None), "{kind}");
        let asked = requests(&endpoint).await[operation].as_u64().unwrap();
        assert!(asked < 2 * needed, "{kind}: {asked} of {needed}");
    }
}

#[tokio::test]
async fn a_read_that_would_wait_beyond_its_bound_is_throttled_and_goes_on_later() {
    // The second month is refused once, for longer than this try may wait and less than others may.
    let slow = Fault::throttled("retry-after", Wait::Seconds(100));
    let mut options = options();
    options.faults = slow.of("Query_Usage").after(1).times(1).into();
    let endpoint = serve(world(Agreement::Enterprise), options).await;
    let app = app(&endpoint, "query", "");
    let hint = Hint::Evaluate {
        read: app.reads().unwrap().remove(0).key,
    };
    let bound = Instant::now() + Duration::from_secs(50);
    let done = work::perform(&app, &hint, Some(bound)).await.unwrap();
    assert!(matches!(done, Done::Postponed { .. }), "{done}");
    assert_eq!(requests(&endpoint).await["Query_Usage"], 2);
    // The month that was read is kept.
    assert_eq!(spent(&app).await.unwrap(), truth(None));
    assert_eq!(requests(&endpoint).await["Query_Usage"], 1);
}

#[tokio::test]
async fn an_examination_names_what_works_the_agreement_and_the_missing_role() {
    let endpoint = serve(world(Agreement::Customer), options()).await;
    let findings = check::online(&app(&endpoint, "azure", "")).await;
    let said = |words: &str| findings.iter().any(|one| one.message.contains(words));
    assert!(
        findings.iter().all(|one| one.level == Level::Note),
        "{findings:#?}"
    );
    assert!(
        said("to be read by one query grouped by ServiceName"),
        "{findings:#?}"
    );
    assert!(
        said("Microsoft Customer or Partner Agreement"),
        "{findings:#?}"
    );
    assert!(said("usage details: works") && said("cost details report: works"));

    // A subscription that nothing is known of yet is not one that costs nothing.
    let mut empty = world(Agreement::Customer);
    empty
        .subscriptions
        .iter_mut()
        .for_each(|one| one.last_day = date(2026, 11, 10));
    let endpoint = serve(empty, options()).await;
    let findings = check::online(&app(&endpoint, "azure", "")).await;
    let level = |start: &str| {
        let words = format!("{start}: answers, but has no rows for 2026-11-16");
        let found = findings.iter().find(|one| one.message == words);
        found
            .unwrap_or_else(|| panic!("no {words} in {findings:#?}"))
            .level
    };
    assert_eq!(level("query"), Level::Warning, "the budgets need it");
    assert_eq!(level("usage details"), Level::Note);

    let mut denied = options();
    denied.denials = vec![Denial {
        scope: format!("/subscriptions/{}", example::PLATFORM_SUBSCRIPTION),
        may_read: false,
    }];
    let endpoint = serve(world(Agreement::Customer), denied).await;
    let findings = check::online(&app(&endpoint, "azure", "")).await;
    let error = findings
        .iter()
        .find(|one| one.level == Level::Error)
        .unwrap();
    assert!(
        error
            .message
            .contains("grant it the role Cost Management Reader on /subscriptions/"),
        "{error:?}"
    );

    // Pay-as-you-go: no cost details, and that is no error, because rows come from usage details.
    let endpoint = serve(world(Agreement::PayAsYouGo), options()).await;
    let by_tag = r#"filter = { tag = "team", in = ["payments"] }"#;
    let findings = check::online(&app(&endpoint, "azure", by_tag)).await;
    assert!(
        findings.iter().all(|one| one.level == Level::Note),
        "{findings:#?}"
    );
    let details = findings
        .iter()
        .find(|one| one.message.starts_with("cost details report (not needed)"));
    assert!(
        details.unwrap().message.contains("not offered"),
        "{findings:#?}"
    );

    let mut needs_token = options();
    needs_token.needs_token = true;
    let endpoint = serve(world(Agreement::Enterprise), needs_token).await;
    let findings = check::online(&app(&endpoint, "azure", "")).await;
    let error = findings
        .iter()
        .find(|one| one.level == Level::Error)
        .unwrap();
    assert!(
        error.message.contains("the sign-in is refused"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_page_without_rows_does_not_end_an_examination() {
    let mut options = options();
    let first = Fault::new(Mishap::EmptyPages);
    options.faults = first.of("UsageDetails_List").into();
    let endpoint = serve(world(Agreement::Customer), options).await;
    let findings = check::online(&app(&endpoint, "usage-details", "")).await;
    let works = |one: &check::Finding| one.message.contains("usage details: works");
    assert!(findings.iter().any(works), "{findings:#?}");
}

#[tokio::test]
async fn a_file_of_another_size_than_announced_is_no_smaller_bill() {
    let rows = format!(
        "SubscriptionId,Date,CostInBillingCurrency,BillingCurrency,ChargeType\n\
         {},11/02/2026,7,EUR,Usage\n",
        example::PLATFORM_SUBSCRIPTION
    );
    for (announced, is_whole) in [(rows.len(), true), (rows.len() + 9, false)] {
        let server = MockServer::start().await;
        let answer = json!({
            "status": "Completed",
            "manifest": {
                "blobs": [{"blobLink": format!("{}/file?sig=secret", server.uri()), "byteCount": announced}],
            },
        });
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200).set_body_json(answer))
            .mount(&server)
            .await;
        Mock::given(path("/file"))
            .respond_with(ResponseTemplate::new(200).set_body_string(&*rows))
            .mount(&server)
            .await;
        let read = spent(&app(&server.uri(), "cost-details", "")).await;
        let words = format!("has {} of {announced} bytes", rows.len());
        match read {
            Ok(_) => assert!(is_whole),
            Err(error) => {
                let error = format!("{error:#}");
                assert!(!is_whole && error.contains(&words), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_query_that_cannot_serve_is_found_without_asking_azure() {
    spendwatch::install_crypto();
    let by_tag = r#"filter = { tag = "team", in = ["payments"] }"#;
    let nowhere = "http://127.0.0.1:9";
    let findings = check::run(&app(nowhere, "query", by_tag));
    let error = findings
        .iter()
        .find(|one| one.level == Level::Error)
        .unwrap();
    assert_eq!(error.about, "source.1");
    assert!(
        error.message.contains("the tag team") && error.message.contains("kind = \"azure\""),
        "{error:?}"
    );
    let is_of_source = |one: &check::Finding| one.about == "source.1";
    let fine = check::run(&app(nowhere, "azure", by_tag));
    assert!(!fine.iter().any(is_of_source), "{fine:#?}");
}
