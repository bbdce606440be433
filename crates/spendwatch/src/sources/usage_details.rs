//! The Consumption Usage Details API as a cost source.

use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use azure_cost::credentials::Auth;
use azure_cost::{Client, Cloud, Endpoint, UsageFold, UsageQuery};
use budget_engine::{FactsBuilder, plus_days};
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use url::Url;

use super::{Answer, CostSource, Progress, ReadRequest};
use crate::environment::Environment;

/// Reads usage details of each scope of a request, page by page.
pub struct UsageDetails {
    client: Client,
    history_days: u32,
}

impl UsageDetails {
    /// A source at a cloud's endpoint or another one, signed in by `auth`, the word of the
    /// configuration; `none` sends no token.
    pub fn new(
        endpoint: Option<&Url>,
        cloud: Cloud,
        auth: &str,
        history_days: u32,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let endpoint = match endpoint {
            Some(url) => Endpoint::at(url.as_str(), cloud)?,
            None => Endpoint::of(cloud),
        };
        let credential = match auth {
            "none" => None,
            word => {
                let auth = Auth::parse(word, environment.variables())?;
                Some(
                    auth.credential(cloud, environment.variables())
                        .context("sign in")?,
                )
            }
        };
        let http = reqwest::Client::builder()
            .user_agent(concat!("spendwatch/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("make the HTTP client")?;
        Ok(UsageDetails {
            client: Client::new(http, endpoint, credential),
            history_days,
        })
    }
}

#[async_trait]
impl CostSource for UsageDetails {
    async fn read(
        &self,
        request: &ReadRequest,
        progress: Option<Arc<dyn Progress>>,
    ) -> anyhow::Result<Answer> {
        let as_of = Timestamp::now();
        let history = i32::try_from(self.history_days).unwrap_or(i32::MAX);
        let from = plus_days(request.period_start, -history);
        let query = UsageQuery::new(from, plus_days(request.today, 1), request.cost_basis);
        let mut facts = FactsBuilder::new(request.projection.clone());
        let mut rows = 0;
        for scope in &request.scopes {
            let mut fold = UsageFold::new(scope, request.cost_basis);
            let pages = self.client.usage_details(scope, &query);
            pin_mut!(pages);
            while let Some(page) = pages.next().await {
                let page = page.with_context(|| format!("usage details of {scope}"))?;
                if let Some(item) = page.skipped.first() {
                    // Without its cost the sum would be too small, and nobody would see it.
                    anyhow::bail!(
                        "usage details of {scope}: item {} of page {} is of the unknown kind `{}`, \
                         so its cost would be missing",
                        item.item,
                        item.page,
                        item.kind
                    );
                }
                rows += page.rows.len() as u64;
                fold.add(&page.rows, &mut facts)?;
                if let Some(progress) = &progress {
                    progress.advanced(0, None, rows);
                }
            }
        }
        Ok(Answer {
            facts: facts.finish(as_of),
            notes: Vec::new(),
        })
    }
}
