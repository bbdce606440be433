//! The client against the sandbox: what went in comes out, through its faults.

use std::collections::BTreeMap;

use azure_cost::{Error, UsageFold, UsageQuery};
use azure_sandbox::{Agreement, Faults, Options, Throttle, World, example};
use budget_engine::{CostBasis, Dimension, FactsBuilder, Projection, Scope, TagName};
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use tokio::net::TcpListener;

use crate::support::client;

/// The sandbox's address, until the test's runtime ends.
async fn serve(world: World, options: Options) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(azure_sandbox::serve(listener, world, options));
    format!("http://{address}")
}

type Sums = BTreeMap<(String, Date), Decimal>;

/// Daily sums by resource group and service, as the facts have them.
async fn read(base: &str, scope: &Scope) -> Result<(Sums, usize), Error> {
    let mut facts = FactsBuilder::new(Projection {
        dimensions: [Dimension::ServiceName, Dimension::ResourceGroupName].into(),
        tags: [TagName::new("Team")].into(),
    });
    let mut fold = UsageFold::new(scope, CostBasis::Actual);
    let query = UsageQuery::new(date(2026, 10, 20), date(2026, 12, 1), CostBasis::Actual);
    let client = client(base);
    let pages = client.usage_details(scope, &query);
    pin_mut!(pages);
    while let Some(page) = pages.next().await {
        fold.add(&page?.rows, &mut facts).unwrap();
    }
    let series = facts.len();
    let facts = facts.finish(Timestamp::UNIX_EPOCH);
    let mut sums = Sums::new();
    for series in facts.series_in(scope) {
        let key = &series.key;
        let name = [&key.dimensions[..], &key.tags].concat().join("|");
        for day in &series.days {
            let sum = sums.entry((name.clone(), day.date)).or_default();
            *sum += day.actual;
        }
    }
    Ok((sums, series))
}

/// The same sums, straight from the world.
fn expected(world: &World, subscription: Option<&str>) -> Sums {
    let mut sums = Sums::new();
    for row in world.rows_between(date(2026, 10, 20), date(2026, 11, 30)) {
        if subscription.is_some_and(|id| id != row.subscription.id) {
            continue;
        }
        let team = row.group.tags.iter().find(|(name, _)| name == "team");
        let team = team.map_or("", |(_, value)| value);
        let name = format!("{}|{}|{team}", row.charge.service, row.group.name);
        *sums.entry((name, row.date)).or_default() += row.cost;
    }
    sums
}

#[tokio::test]
async fn both_agreements_give_back_every_cent_of_the_world() {
    let world = example::world();
    for agreement in [Agreement::Enterprise, Agreement::Customer] {
        let options = Options {
            agreement,
            page_rows: 137,
            ..Options::new(example::AS_OF)
        };
        let base = serve(world.clone(), options).await;
        let subscription = Scope::subscription(example::PLATFORM_SUBSCRIPTION).unwrap();
        let (sums, series) = read(&base, &subscription).await.unwrap();
        assert_eq!(sums, expected(&world, Some(example::PLATFORM_SUBSCRIPTION)));
        assert_eq!(
            series, 14,
            "as many series as services in groups, whatever the rows"
        );
        let account = "/providers/Microsoft.Billing/billingAccounts/86420975";
        let account = Scope::parse(account).unwrap();
        let (sums, _) = read(&base, &account).await.unwrap();
        assert_eq!(sums, expected(&world, None));
    }
}

#[tokio::test]
async fn passing_faults_change_nothing() {
    let world = example::world();
    let faults = [
        Faults {
            throttle: Some(Throttle {
                header: "x-ms-ratelimit-microsoft.consumption-retry-after".to_owned(),
                value: "0".to_owned(),
                times: 2,
            }),
            ..Faults::default()
        },
        Faults {
            unavailable: 2,
            ..Faults::default()
        },
        Faults {
            cut: 2,
            ..Faults::default()
        },
    ];
    let subscription = Scope::subscription(example::SHARED_SUBSCRIPTION).unwrap();
    for faults in faults {
        let options = Options {
            faults: faults.clone(),
            page_rows: 100,
            ..Options::new(example::AS_OF)
        };
        let base = serve(world.clone(), options).await;
        let (sums, _) = read(&base, &subscription).await.unwrap();
        let expected = expected(&world, Some(example::SHARED_SUBSCRIPTION));
        assert_eq!(sums, expected, "{faults:?}");
    }
}

#[tokio::test]
async fn lasting_faults_are_errors_and_never_a_smaller_bill() {
    let subscription = Scope::subscription(example::SHARED_SUBSCRIPTION).unwrap();
    let cut = Faults {
        cut: u32::MAX,
        ..Faults::default()
    };
    let looping = Faults {
        repeat_link: true,
        ..Faults::default()
    };
    for (faults, problem) in [(cut, "the connection broke off"), (looping, "links back")] {
        let options = Options {
            faults,
            page_rows: 100,
            ..Options::new(example::AS_OF)
        };
        let base = serve(example::world(), options).await;
        let error = read(&base, &subscription).await.unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[tokio::test]
async fn an_unknown_subscription_is_not_found() {
    let base = serve(example::world(), Options::new(example::AS_OF)).await;
    let nobody = Scope::subscription("nobody").unwrap();
    let error = read(&base, &nobody).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotFound { code, .. } if code == "SubscriptionNotFound"),
        "{error:?}"
    );
}
