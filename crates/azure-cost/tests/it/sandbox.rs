//! The client against the sandbox: what went in comes out, through its faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use azure_cost::{Error, UsageFold, UsageQuery};
use azure_sandbox::{Agreement, Options, World, example};
use budget_engine::{CostBasis, Dimension, FactsBuilder, Projection, Scope, TagName};
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use rust_decimal::Decimal;
use tokio::net::TcpListener;

use crate::support::client_with;

/// Tokens of the sandbox's own sign-in.
#[derive(Debug)]
pub(crate) struct SandboxTokens;

#[async_trait::async_trait]
impl TokenCredential for SandboxTokens {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let audience = scopes[0].strip_suffix("/.default").unwrap();
        let expires = OffsetDateTime::now_utc() + Duration::from_secs(3600);
        Ok(AccessToken::new(azure_sandbox::token(audience), expires))
    }
}

/// The sandbox's address, until the test's runtime ends.
pub(crate) async fn serve(world: World, options: Options) -> String {
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
    let client = client_with(base, Arc::new(SandboxTokens));
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
    for (agreement, account) in [
        (Agreement::Enterprise, "86420975"),
        (Agreement::Customer, "8642:0975_2019-05-31"),
    ] {
        let world = World {
            agreement,
            billing_account: account.to_owned(),
            ..example::world()
        };
        let options = Options {
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
        let account = format!("/providers/Microsoft.Billing/billingAccounts/{account}");
        let account = Scope::parse(&account).unwrap();
        let (sums, _) = read(&base, &account).await.unwrap();
        assert_eq!(sums, expected(&world, None));
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
