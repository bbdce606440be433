//! A client for tests, its credential, and hand-written rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use azure_cost::{Client, Cloud, Endpoint, Error, Pacing, Retry, UsagePage, UsageQuery};
use budget_engine::{CostBasis, Scope};
use futures::TryStreamExt;
use jiff::civil::date;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Gives `token-1`, `token-2`, … in turn.
#[derive(Debug, Default)]
pub(crate) struct Tokens(AtomicU32);

#[async_trait::async_trait]
impl TokenCredential for Tokens {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://management.azure.com/.default"]);
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let expires = OffsetDateTime::now_utc() + Duration::from_secs(3600);
        Ok(AccessToken::new(format!("token-{number}"), expires))
    }
}

/// A client that waits only where a server asks it to.
pub(crate) fn client(base: &str) -> Client {
    client_with(base, Arc::new(Tokens::default()))
}

/// The same with another credential.
pub(crate) fn client_with(base: &str, credential: Arc<dyn TokenCredential>) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let endpoint = Endpoint::at(base, Cloud::Public).unwrap();
    client_over(http, endpoint, credential)
}

/// The same with another way to connect.
pub(crate) fn client_over(
    http: reqwest::Client,
    endpoint: Endpoint,
    credential: Arc<dyn TokenCredential>,
) -> Client {
    Client::new(http, endpoint, Some(credential))
        .with_pacing(Pacing {
            at_once: 4,
            apart: Duration::ZERO,
        })
        .with_retry(Retry {
            tries: 3,
            total: Duration::from_secs(5),
            first_wait: Duration::ZERO,
            timeout: Duration::from_secs(10),
        })
}

pub(crate) fn scope() -> Scope {
    Scope::subscription("1f2e").unwrap()
}

pub(crate) fn november() -> UsageQuery {
    UsageQuery::new(date(2026, 11, 1), date(2026, 12, 1), CostBasis::Actual)
}

/// All pages, or the first error.
pub(crate) async fn read(client: &Client) -> Result<Vec<UsagePage>, Error> {
    let pages = client.usage_details(&scope(), &november());
    pages.try_collect().await
}

pub(crate) fn legacy(day: &str, cost: Value) -> Value {
    json!({
        "id": "x",
        "kind": "legacy",
        "tags": null,
        "properties": {
            "date": format!("{day}T00:00:00.0000000Z"),
            "cost": cost,
            "billingCurrency": "EUR",
            "subscriptionId": "1f2e",
            "resourceGroup": "payments",
            "meterDetails": {"meterCategory": "Storage"},
            "chargeType": "Usage",
        },
    })
}

pub(crate) fn modern(day: &str, cost: Value) -> Value {
    json!({
        "id": "x",
        "kind": "modern",
        "tags": {"env": "prod"},
        "properties": {
            "date": format!("{day}T00:00:00Z"),
            "costInBillingCurrency": cost,
            "billingCurrencyCode": "EUR",
            "subscriptionGuid": "1F2E",
            "instanceName": "/subscriptions/1f2e/resourcegroups/PAYMENTS/providers/Microsoft.Storage/storageAccounts/a",
            "resourceGroup": "PAYMENTS",
            "meterCategory": "storage",
            "chargeType": "Usage",
        },
    })
}

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn parse(path: &str) -> Scope {
    Scope::parse(path).unwrap()
}

pub(crate) fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// Answers one GET of a path with exactly these query parameters, besides `api-version`.
pub(crate) async fn get(
    server: &MockServer,
    version: &str,
    at: &str,
    query: &[(&str, &str)],
    answer: ResponseTemplate,
) {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut expected: BTreeMap<String, String> = query.iter().copied().map(owned).collect();
    expected.insert("api-version".to_owned(), version.to_owned());
    Mock::given(method("GET"))
        .and(path(at))
        .and(move |request: &Request| {
            let found: BTreeMap<_, _> = request.url.query_pairs().into_owned().collect();
            found == expected
        })
        .respond_with(answer)
        .expect(1)
        .mount(server)
        .await;
}

/// Answers a list in two pages, one item each, to exactly these query parameters.
pub(crate) async fn get_two(
    server: &MockServer,
    version: &str,
    at: &str,
    query: &[(&str, &str)],
    items: [Value; 2],
) {
    let [first, second] = items;
    let link = format!(
        "{}{at}?api-version=2018-01-31&$skiptoken=AQAAAA%3D%3D&",
        server.uri()
    );
    let first = ok(json!({"value": [first], "nextLink": link}));
    get(server, version, at, query, first).await;
    let second = ok(json!({"value": [second], "nextLink": ""}));
    get(
        server,
        "2018-01-31",
        at,
        &[("$skiptoken", "AQAAAA==")],
        second,
    )
    .await;
}

/// Fails the test if anything is asked.
pub(crate) async fn silent_server() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(200))
        .expect(0)
        .mount(&server)
        .await;
    server
}
