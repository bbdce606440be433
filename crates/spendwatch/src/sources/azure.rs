//! Azure's cost APIs as a cost source: each scope is read in the cheapest way that serves its
//! budgets.

mod cost_details;
mod examine;
mod plan;
mod query;
mod usage_details;

use anyhow::Context;
use async_trait::async_trait;
use azure_cost::{Client, Error};
use budget_engine::{FactsBuilder, Scope};
use jiff::Timestamp;

use super::months::Reading;
use super::{Answer, CostSource, Examined, ReadContext, ReadRequest};
use crate::config::AzureRead;
use cost_details::CostDetails;
use query::Query;
use usage_details::UsageDetails;

pub use examine::advice;
pub(crate) use examine::{advice_for_budgets, advice_for_dismissal, advice_for_reading_budgets};
pub use plan::{Group, NoQuery, Way, plan};

/// What one read is given.
struct Given<'a> {
    client: &'a Client,
    request: &'a ReadRequest,
    context: &'a ReadContext,
}

/// Reads queries, cost details reports or usage details of the scopes of a request.
pub struct Azure {
    client: Client,
    read: AzureRead,
    history_days: u32,
}

impl Azure {
    /// A source that asks with this client, reading `history_days` more than the current periods.
    pub fn new(client: Client, read: AzureRead, history_days: u32) -> Self {
        Azure {
            client,
            read,
            history_days,
        }
    }

    async fn read_scope(
        &self,
        scope: &Scope,
        way: &Way,
        given: &Given<'_>,
        reading: &mut Reading<'_>,
        facts: &mut FactsBuilder,
    ) -> anyhow::Result<()> {
        let (client, basis) = (given.client, given.request.cost_basis);
        let projection = &given.request.projection;
        let usage_details = UsageDetails {
            client,
            scope,
            basis,
            projection,
            progress: given.context.progress.as_ref(),
        };
        let cost_details = CostDetails {
            client,
            scope,
            basis,
            projection,
            waits: given.context.waits(),
        };
        match way {
            Way::Query(groups) => {
                let query = Query {
                    client,
                    scope,
                    groups,
                    basis,
                    projection,
                };
                reading.read(&query, facts).await
            }
            Way::UsageDetails => reading.read(&usage_details, facts).await,
            Way::CostDetails => reading.read(&cost_details, facts).await,
            Way::CostDetailsOrUsage => {
                let mut of_scope = FactsBuilder::new(projection.clone());
                let notes = reading.notes.len();
                let read = reading.read(&cost_details, &mut of_scope).await;
                match read {
                    Ok(()) => Ok(facts.absorb(&of_scope.finish(Timestamp::now()))?),
                    Err(error) if is_not_offered(&error) => {
                        let error = format!("{error:#}");
                        tracing::info!(%scope, error, "no cost details here, reading usage details");
                        reading.notes.truncate(notes);
                        reading.read(&usage_details, facts).await
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }
}

/// Whether Azure does not offer the operation for this scope or agreement, as opposed to refusing
/// this caller or failing.
pub(crate) fn is_not_offered(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
    causes.any(is_refused_as_such)
}

/// Whether a request is refused for what it asks, whoever asks.
pub(crate) fn is_refused_as_such(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. } | Error::Invalid { .. })
}

#[async_trait]
impl CostSource for Azure {
    async fn examine(&self, request: &ReadRequest) -> Vec<Examined> {
        let mut examined = Vec::new();
        for scope in &request.scopes {
            let one = examine::examine(&self.client, self.read, scope, request);
            examined.push(one.await);
        }
        examined
    }

    async fn read(&self, request: &ReadRequest, context: &ReadContext) -> anyhow::Result<Answer> {
        let as_of = Timestamp::now();
        let reach = match self.read {
            AzureRead::UsageDetails => None,
            _ => Some(request.reach_of_reports()),
        };
        let mut reading = Reading {
            kept: context.kept.as_ref(),
            basis: request.cost_basis,
            days: request.days(self.history_days, reach),
            now: as_of,
            used: Vec::new(),
            notes: Vec::new(),
        };
        let client = &self.client.clone().with_waits(context.waits());
        let mut facts = FactsBuilder::new(request.projection.clone());
        for scope in &request.scopes {
            let way = plan(self.read, scope, request)
                .with_context(|| format!("a query does not serve {scope}"))?;
            tracing::debug!(%scope, way = way.to_string(), "reading");
            let given = Given {
                client,
                request,
                context,
            };
            self.read_scope(scope, &way, &given, &mut reading, &mut facts)
                .await?;
        }
        reading.tidy().await;
        Ok(Answer {
            facts: facts.finish(as_of),
            notes: reading.notes,
        })
    }
}
