//! A client for tests, its credential, and hand-written rows.

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
