//! Everything that the reference says can go wrong, one by one: the total is right or the error
//! says what happened, and no more is asked than needed.

use std::sync::Arc;
use std::time::Duration;

use azure_cost::{
    Client, CostDetailsPeriod, CostDetailsQuery, Error, QueryDefinition, TimePeriod, UsageQuery,
};
use azure_sandbox::{Fault, Mishap, Options, Wait, World, example};
use budget_engine::{CostBasis, Scope};
use futures::{StreamExt, TryStreamExt, pin_mut};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::sandbox::{SandboxTokens, serve};
use crate::support::client_with;
use crate::tls::Front;

const PAGE_ROWS: usize = 70;
/// Two pages: Azure lets a scope be queried four times a minute, and every page is a request.
const QUERY_ROWS: usize = 150;
const FIRST: Date = date(2026, 10, 20);
const LAST: Date = date(2026, 11, 17);

fn scope() -> Scope {
    Scope::subscription(example::SHARED_SUBSCRIPTION).unwrap()
}

/// Rows and total of the scope, straight from the world.
fn truth() -> (usize, Decimal) {
    let world: World = example::world();
    let costs: Vec<Decimal> = world
        .rows_between(FIRST, LAST)
        .filter(|row| row.subscription.id == example::SHARED_SUBSCRIPTION)
        .map(|row| row.cost)
        .collect();
    (costs.len(), costs.iter().sum())
}

async fn sandbox(faults: impl IntoIterator<Item = Fault>) -> (String, Client) {
    sandbox_of(PAGE_ROWS, faults).await
}

async fn sandbox_of(page_rows: usize, faults: impl IntoIterator<Item = Fault>) -> (String, Client) {
    let mut options = Options::new(example::AS_OF);
    options.page_rows = page_rows;
    options.blob_rows = PAGE_ROWS;
    options.poll_seconds = 0;
    options.faults.0 = faults.into_iter().collect();
    let base = serve(example::world(), options).await;
    let client = client_with(&base, Arc::new(SandboxTokens));
    (base, client)
}

/// How many requests of an operation the sandbox has seen.
async fn requests(base: &str, operation: &str) -> u64 {
    let answer = reqwest::get(format!("{base}/sandbox/requests"))
        .await
        .unwrap();
    let counts: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    counts["operations"][operation].as_u64().unwrap_or(0)
}

async fn usage_details(client: &Client) -> Result<Decimal, Error> {
    let after_last = LAST.tomorrow().unwrap();
    let query = UsageQuery::new(FIRST, after_last, CostBasis::Actual);
    let pages = client.usage_details(&scope(), &query);
    let rows = pages.map_ok(|page| page.rows);
    let sum = rows.try_fold(Decimal::ZERO, async |sum, rows| {
        Ok(sum + rows.iter().map(|row| row.cost).sum::<Decimal>())
    });
    sum.await
}

async fn query(client: &Client) -> Result<Decimal, Error> {
    let period = TimePeriod::days(FIRST, LAST.tomorrow().unwrap());
    let definition = QueryDefinition::costs(CostBasis::Actual, period)
        .daily()
        .by_dimension("MeterCategory")
        .by_dimension("ResourceGroupName");
    let rows = client.query(&scope(), &definition);
    let sum = rows.try_fold(
        Decimal::ZERO,
        async |sum, row| Ok(sum + row.cost().unwrap()),
    );
    sum.await
}

/// The sum of the `CostInBillingCurrency` column of a cost details report's files, November only.
async fn cost_details(client: &Client) -> Result<Decimal, Error> {
    let query = CostDetailsQuery {
        metric: CostBasis::Actual,
        period: CostDetailsPeriod::Days(date(2026, 11, 1), LAST),
    };
    let report = client.cost_details(&scope(), &query).await?;
    let mut sum = Decimal::ZERO;
    for file in report.files {
        let bytes = client.download(&file.link);
        pin_mut!(bytes);
        let mut text = Vec::new();
        while let Some(piece) = bytes.next().await {
            text.extend_from_slice(&piece?);
        }
        let mut reader = csv::Reader::from_reader(&text[..]);
        let column = reader
            .headers()
            .unwrap()
            .iter()
            .position(|name| name.eq_ignore_ascii_case("costInBillingCurrency"))
            .unwrap();
        for row in reader.records() {
            sum += row.unwrap()[column].parse::<Decimal>().unwrap();
        }
    }
    Ok(sum)
}

const THROTTLING_HEADERS: [&str; 7] = [
    "Retry-After",
    "x-ms-ratelimit-microsoft.consumption-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-tenant-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-client-retry-after",
    "x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after",
];

#[tokio::test]
async fn without_faults_every_page_is_asked_for_once() {
    let (rows, total) = truth();
    assert!(rows > 3 * PAGE_ROWS, "several pages: {rows} rows");
    let (base, client) = sandbox([]).await;
    assert_eq!(usage_details(&client).await.unwrap(), total);
    let pages = rows.div_ceil(PAGE_ROWS) as u64;
    assert_eq!(requests(&base, "UsageDetails_List").await, pages);
    let (_, other) = sandbox_of(QUERY_ROWS, []).await;
    assert_eq!(query(&other).await.unwrap(), total);
    assert!(cost_details(&client).await.unwrap() < total);
}

#[tokio::test]
async fn faults_that_pass_cost_requests_and_nothing_else() {
    let (rows, total) = truth();
    let pages = rows.div_ceil(PAGE_ROWS) as u64;
    let retry_after = |wait| Mishap::Unavailable {
        retry_after: Some(wait),
    };
    let mut faults: Vec<Fault> = THROTTLING_HEADERS
        .iter()
        .map(|name| Fault::throttled(name, Wait::Seconds(0)))
        .collect();
    faults.push(Fault::throttled("Retry-After", Wait::Date { date_in: 0 }));
    faults.push(Fault::throttled(
        "Retry-After",
        Wait::Text("soon".to_owned()),
    ));
    faults.extend(
        [
            Mishap::Throttled(Default::default()),
            Mishap::Unavailable { retry_after: None },
            retry_after(Wait::Seconds(0)),
            Mishap::Html { status: 502 },
            Mishap::Html { status: 503 },
            Mishap::CutOff,
        ]
        .map(Fault::new),
    );
    for fault in faults {
        for after in [0, 2] {
            let fault = fault.clone().of("UsageDetails_List").after(after).times(2);
            let (base, client) = sandbox([fault.clone()]).await;
            assert_eq!(usage_details(&client).await.unwrap(), total, "{fault:?}");
            let asked = requests(&base, "UsageDetails_List").await;
            assert_eq!(asked, pages + 2, "{fault:?}");
        }
    }
    // A token that is taken back is asked for again, once.
    let fault = Fault::new(Mishap::Unauthorized).after(1).times(1);
    let (base, client) = sandbox([fault]).await;
    assert_eq!(usage_details(&client).await.unwrap(), total);
    assert_eq!(requests(&base, "UsageDetails_List").await, pages + 1);
}

#[tokio::test]
async fn throttling_that_lasts_says_until_when_and_is_not_asked_twice() {
    for name in THROTTLING_HEADERS {
        for operation in ["UsageDetails_List", "Query_Usage"] {
            let fault = Fault::throttled(name, Wait::Seconds(600)).of(operation);
            let (base, client) = sandbox([fault]).await;
            let error = match operation {
                "Query_Usage" => query(&client).await.unwrap_err(),
                _ => usage_details(&client).await.unwrap_err(),
            };
            let Error::Throttled { until, .. } = error else {
                panic!("{name}: {error:?}");
            };
            let wait = until.duration_since(Timestamp::now()).as_secs();
            assert!((580..=600).contains(&wait), "{name}: {wait}");
            assert_eq!(requests(&base, operation).await, 1, "{name}");
        }
    }
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_not_asked_about_again() {
    // Closed for the entity: the next query of it fails at once, another scope's does not.
    let name = "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after";
    let fault = Fault::throttled(name, Wait::Seconds(600)).of("Query_Usage");
    let (base, client) = sandbox([fault.times(1)]).await;
    assert!(matches!(query(&client).await, Err(Error::Throttled { .. })));
    assert!(matches!(query(&client).await, Err(Error::Throttled { .. })));
    assert_eq!(requests(&base, "Query_Usage").await, 1);
    let other = Scope::subscription(example::PLATFORM_SUBSCRIPTION).unwrap();
    let period = TimePeriod::days(FIRST, LAST);
    let definition = QueryDefinition::costs(CostBasis::Actual, period);
    let rows: Vec<_> = client
        .query(&other, &definition)
        .try_collect()
        .await
        .unwrap();
    assert!(!rows.is_empty());
}

#[tokio::test]
async fn pages_in_disorder_give_the_same_total() {
    let (_, total) = truth();
    for mishap in [
        Mishap::RepeatedPage,
        Mishap::RepeatedRow,
        Mishap::EmptyPages,
        Mishap::UnevenPages,
        Mishap::ShuffledRows,
        Mishap::ShuffledPages,
    ] {
        let (_, client) = sandbox([Fault::new(mishap.clone())]).await;
        assert_eq!(usage_details(&client).await.unwrap(), total, "{mishap:?}");
        let (base, client) = sandbox_of(QUERY_ROWS, [Fault::new(mishap.clone())]).await;
        assert_eq!(query(&client).await.unwrap(), total, "{mishap:?}");
        assert!(requests(&base, "Query_Usage").await >= 2, "{mishap:?}");
    }
}

#[track_caller]
fn check(error: Result<Decimal, Error>, expected: fn(&Error) -> bool, words: &str) {
    let error = error.unwrap_err();
    assert!(expected(&error), "{error:?}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn answers_that_cannot_be_trusted_are_errors() {
    let is_unexpected = |error: &Error| matches!(error, Error::UnexpectedAnswer { .. });
    for (fault, words, asked) in [
        // The link has a token that the first request had not.
        (
            Fault::new(Mishap::SelfLink),
            "links back to an earlier page",
            2,
        ),
        (Fault::new(Mishap::OtherHost), "leads elsewhere", 1),
        (Fault::new(Mishap::Html { status: 200 }), "is not JSON", 1),
        (Fault::new(Mishap::NotModified), "status 304", 1),
        (Fault::new(Mishap::AcceptedWithoutLocation), "status 202", 1),
        // After a link that promised more, "nothing" would be a smaller bill.
        (
            Fault::new(Mishap::NoContent).after(1),
            "page 2 has no content",
            2,
        ),
    ] {
        let (base, client) = sandbox([fault.clone()]).await;
        check(usage_details(&client).await, is_unexpected, words);
        assert_eq!(requests(&base, "UsageDetails_List").await, asked, "{words}");
        let (_, client) = sandbox([fault]).await;
        check(query(&client).await, is_unexpected, words);
    }
}

#[tokio::test]
async fn links_in_clear_are_forced_to_https_or_refused() {
    let (rows, total) = truth();
    let pages = rows.div_ceil(PAGE_ROWS) as u64;
    let (base, _) = sandbox([Fault::new(Mishap::HttpLink)]).await;
    let front = Front::of(&base).await;
    let client = front.client();
    // The link names the host that was asked: it is the same page over https.
    assert_eq!(usage_details(&client).await.unwrap(), total);
    assert_eq!(requests(&base, "UsageDetails_List").await, pages);
    // A link to a file leads to another host as a rule, and is never mended.
    let is_unexpected = |error: &Error| matches!(error, Error::UnexpectedAnswer { .. });
    let words = "not one over https to a public host, but to management.azure.com";
    check(cost_details(&client).await, is_unexpected, words);
    assert_eq!(requests(&base, "Blob_Get").await, 0);
    assert_eq!(front.in_clear(), 0);
    // It would be seen here if anything had come in clear.
    let http = front.http().build().unwrap();
    let followed = http.get("http://management.azure.com/").send().await;
    assert!(followed.is_err());
    assert_eq!(front.in_clear(), 1);

    let (base, _) = sandbox_of(QUERY_ROWS, [Fault::new(Mishap::HttpLink)]).await;
    let front = Front::of(&base).await;
    assert_eq!(query(&front.client()).await.unwrap(), total);
    assert!(requests(&base, "Query_Usage").await >= 2);
    assert_eq!(front.in_clear(), 0);

    // Asked elsewhere, the link leads to a host that was not asked.
    let (base, client) = sandbox([Fault::new(Mishap::HttpLink)]).await;
    let words = "leads elsewhere, to management.azure.com";
    check(usage_details(&client).await, is_unexpected, words);
    assert_eq!(requests(&base, "UsageDetails_List").await, 1);
    check(
        cost_details(&client).await,
        is_unexpected,
        "not one over https to a public host",
    );
    assert_eq!(requests(&base, "Blob_Get").await, 0);
}

#[tokio::test]
async fn failures_that_last_end_after_a_few_tries() {
    for mishap in [
        Mishap::Unavailable { retry_after: None },
        Mishap::Html { status: 502 },
        Mishap::CutOff,
    ] {
        let (base, client) = sandbox([Fault::new(mishap.clone())]).await;
        let error = usage_details(&client).await.unwrap_err();
        assert!(
            matches!(error, Error::Unavailable { tries: 3, .. }),
            "{error:?}"
        );
        assert_eq!(requests(&base, "UsageDetails_List").await, 3, "{mishap:?}");
    }
    let (base, client) = sandbox([Fault::new(Mishap::Unauthorized)]).await;
    let error = usage_details(&client).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    assert_eq!(requests(&base, "UsageDetails_List").await, 2);
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_and_not_for_ever() {
    let (_, total) = truth();
    let slow = |milliseconds| Fault::new(Mishap::Slow { milliseconds });
    let (_, client) = sandbox([slow(50).times(1)]).await;
    assert_eq!(usage_details(&client).await.unwrap(), total);
    let (_, client) = sandbox([slow(60_000)]).await;
    let client = client.with_retry(azure_cost::Retry {
        tries: 2,
        total: Duration::from_secs(5),
        first_wait: Duration::ZERO,
        timeout: Duration::from_millis(100),
    });
    let error = usage_details(&client).await.unwrap_err();
    assert!(
        matches!(error, Error::Unavailable { tries: 2, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn reports_are_polled_downloaded_and_distrusted() {
    let (_, client) = sandbox([]).await;
    let total = cost_details(&client).await.unwrap();
    assert!(total > Decimal::ZERO);

    let (base, client) = sandbox([Fault::new(Mishap::StalePolls(3))]).await;
    assert_eq!(cost_details(&client).await.unwrap(), total);
    let polls = requests(&base, "GenerateCostDetailsReport_GetOperationResults").await;
    assert_eq!(polls, 4, "three times not ready, then ready");

    // A file whose connection breaks is taken up where it broke.
    let (_, client) = sandbox([Fault::new(Mishap::CutOff).of("Blob_*").times(1)]).await;
    assert_eq!(cost_details(&client).await.unwrap(), total);

    let page = Fault::new(Mishap::Html { status: 200 }).of("Blob_*");
    let (_, client) = sandbox([page]).await;
    let is_unexpected = |error: &Error| matches!(error, Error::UnexpectedAnswer { .. });
    check(
        cost_details(&client).await,
        is_unexpected,
        "a page for people",
    );

    let (_, client) = sandbox([Fault::new(Mishap::FailedReport)]).await;
    let is_failed = |error: &Error| matches!(error, Error::Failed { .. });
    check(cost_details(&client).await, is_failed, "failed at Azure");

    let (_, client) = sandbox([Fault::new(Mishap::ExpiredLink)]).await;
    let is_expired = |error: &Error| matches!(error, Error::LinkExpired { .. });
    check(cost_details(&client).await, is_expired, "has run out");

    let start = "GenerateCostDetailsReport_CreateOperation";
    let lost = Fault::new(Mishap::AcceptedWithoutLocation).of(start);
    let (base, client) = sandbox([lost]).await;
    let is_unexpected = |error: &Error| matches!(error, Error::UnexpectedAnswer { .. });
    check(
        cost_details(&client).await,
        is_unexpected,
        "without a `Location`",
    );
    assert_eq!(
        requests(&base, start).await,
        1,
        "a report that was begun is not started twice"
    );

    // A report more does no harm where it is not known whether one was begun.
    let gone = Fault::new(Mishap::CutOff).of(start);
    let (base, client) = sandbox([gone.clone().times(1)]).await;
    assert_eq!(cost_details(&client).await.unwrap(), total);
    assert_eq!(requests(&base, start).await, 2);
    let (base, client) = sandbox([gone]).await;
    assert!(matches!(
        cost_details(&client).await,
        Err(Error::Unavailable { tries: 3, .. })
    ));
    assert_eq!(requests(&base, start).await, 3);
}
