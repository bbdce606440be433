//! Cost sources: the port, and what implements it.

mod files;
mod usage_details;

use std::sync::Arc;

use async_trait::async_trait;
use budget_engine::{CostBasis, CostFacts, Projection, Scope};
use jiff::civil::Date;

use crate::config::{Source, SourceKind};
use crate::environment::Environment;

pub(crate) use files::expand;
pub use files::{BundledFile, Files};
pub use usage_details::UsageDetails;

/// Gives daily costs.
#[async_trait]
pub trait CostSource: Send + Sync {
    /// Reads and folds the costs that a request asks for.
    ///
    /// An error is an error: throttled, refused or broken data are never an empty answer.
    async fn read(
        &self,
        request: &ReadRequest,
        progress: Option<Arc<dyn Progress>>,
    ) -> anyhow::Result<Answer>;
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// The scopes to ask for; empty for a source that holds what it holds.
    pub scopes: Vec<Scope>,
    /// Which cost.
    pub cost_basis: CostBasis,
    /// First day of the earliest period that is evaluated. Sources read further back for forecasts.
    pub period_start: Date,
    /// The day of the evaluation.
    pub today: Date,
    /// The columns and tags to keep.
    pub projection: Projection,
}

/// What a source gave.
#[derive(Debug)]
pub struct Answer {
    /// The costs.
    pub facts: CostFacts,
    /// What people should know about them: rows that were skipped, and why.
    pub notes: Vec<String>,
}

/// Is told how far a long read has come.
pub trait Progress: Send + Sync {
    /// So much has been read, all files or pages together. `total_bytes` is `None` when unknown.
    fn advanced(&self, bytes: u64, total_bytes: Option<u64>, rows: u64);
}

/// Makes the source that a configuration describes.
pub(crate) fn open(
    source: &Source,
    environment: &Environment,
) -> anyhow::Result<Arc<dyn CostSource>> {
    match &source.kind {
        SourceKind::Files { paths, cost_basis } => {
            Ok(Arc::new(Files::new(paths.clone(), *cost_basis)))
        }
        SourceKind::UsageDetails {
            endpoint,
            cloud,
            auth,
            history_days,
        } => Ok(Arc::new(UsageDetails::new(
            endpoint.as_ref(),
            *cloud,
            auth,
            *history_days,
            environment,
        )?)),
    }
}
