//! Cost sources: the port, and what implements it.

pub mod azure;
mod enterprise_reporting;
mod exports;
mod files;
mod months;
mod stream;
mod usage_aggregates;

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use azure_cost::credentials::Auth;
use azure_cost::{Client, Endpoint, EnterpriseKey, MemoryAnswers, Quotas, TellWait, Wait, Waits};
use budget_engine::{CostBasis, CostFacts, Projection, Scope, plus_days};
use jiff::ToSpan;
use jiff::civil::Date;
use secrecy::ExposeSecret;
use state_store::Container;
use tokio::time::Instant;

use crate::config::{Config, Connection, Source, SourceKind};
use crate::environment::Environment;

pub use azure::{Azure, advice};
pub(crate) use azure::{advice_for_budgets, advice_for_dismissal, advice_for_reading_budgets};
pub use enterprise_reporting::EnterpriseReporting;
pub use exports::Exports;
pub(crate) use files::expand;
pub use files::{BundledFile, Files};
pub use months::KeptMonths;
pub(crate) use months::forget_reads_except;
pub use usage_aggregates::UsageAggregates;

/// Answers of Enterprise Reporting that are kept to ask only for what has changed, in bytes.
const KEPT_ANSWER_BYTES: usize = 64 << 20;

/// Gives daily costs.
#[async_trait]
pub trait CostSource: Send + Sync {
    /// Reads and folds the costs that a request asks for.
    ///
    /// An error is an error: throttled, refused or broken data are never an empty answer.
    async fn read(&self, request: &ReadRequest, context: &ReadContext) -> anyhow::Result<Answer>;

    /// Tries with small requests what `read` would do, scope by scope. Files have nothing to say.
    async fn examine(&self, _request: &ReadRequest) -> Vec<Examined> {
        Vec::new()
    }
}

/// What was found out about the APIs of one scope, or about one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The path of the scope, or the URL of the container.
    pub about: String,
    /// How it is read for its budgets, in words.
    pub way: String,
    /// The kind of agreement, in words, if Azure tells it.
    pub agreement: Option<String>,
    /// What was tried.
    pub attempts: Vec<Attempt>,
}

/// One API that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which API, in words.
    pub what: String,
    /// Whether the budgets cannot be evaluated without it.
    pub is_needed: bool,
    /// Why it does not work, and what to do about it; `None` if it works.
    pub problem: Option<String>,
    /// The days that it answered for and had nothing of, though it works; `None` if it had
    /// something, or was asked for no costs.
    pub nothing_for: Option<String>,
}

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// The scopes to ask for; empty for a source that holds what it holds.
    pub scopes: Vec<Scope>,
    /// All scopes that budgets of the read count, each inside one of `scopes`.
    pub counted: Vec<Scope>,
    /// Whether a budget tells charge categories apart.
    pub needs_categories: bool,
    /// Which cost.
    pub cost_basis: CostBasis,
    /// First day of the earliest period that is evaluated. Sources read further back for forecasts.
    pub period_start: Date,
    /// The day of the evaluation.
    pub today: Date,
    /// The columns and tags to keep.
    pub projection: Projection,
}

impl ReadRequest {
    /// The days to read, with so much history before the evaluated periods: whole months, so that a
    /// settled one is the same tomorrow. `reach` is the first day that the source can give; history
    /// ends there, but what is evaluated is asked for all the same.
    pub(crate) fn days(&self, history_days: u32, reach: Option<Date>) -> Range<Date> {
        let history = i32::try_from(history_days).unwrap_or(i32::MAX);
        let from = plus_days(self.period_start, -history).first_of_month();
        let from = reach.map_or(from, |reach| from.max(reach));
        from.min(self.period_start.first_of_month())..plus_days(self.today, 1)
    }

    /// The first day that queries and cost details reports can give: they reach back 13 months.
    pub(crate) fn reach_of_reports(&self) -> Date {
        let month = self.today.first_of_month();
        month.checked_sub(12.months()).unwrap_or(month)
    }
}

/// What a read may use besides the source.
#[derive(Clone, Default)]
pub struct ReadContext {
    /// Is told how far it has come.
    pub progress: Option<Arc<dyn Progress>>,
    /// Where months are kept, so that a long read can go on after a restart; `None` to keep
    /// nothing.
    pub kept: Option<KeptMonths>,
    /// No wait for Azure lasts longer than this: the read ends as throttled or not ready instead,
    /// to be taken up again.
    pub waits_until: Option<Instant>,
}

impl ReadContext {
    /// What holds for the waits of a client that serves this read.
    pub(crate) fn waits(&self) -> Waits {
        let tell = self.progress.clone().map(|progress| -> TellWait {
            Arc::new(move |wait: Option<&Wait>| progress.waiting(wait))
        });
        Waits {
            until: self.waits_until,
            tell,
        }
    }
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

    /// The read waits for Azure; `None` when that is over.
    fn waiting(&self, _wait: Option<&Wait>) {}
}

/// Makes the source that a configuration describes.
pub(crate) fn open(
    source: &Source,
    environment: &Environment,
    quotas: &Quotas,
) -> anyhow::Result<Arc<dyn CostSource>> {
    match &source.kind {
        SourceKind::Files { paths, cost_basis } => {
            Ok(Arc::new(Files::new(paths.clone(), *cost_basis)))
        }
        SourceKind::Azure { connection, read } => {
            let client = connect(connection, environment, quotas)?;
            Ok(Arc::new(Azure::new(client, *read, connection.history_days)))
        }
        SourceKind::Exports(exports) => {
            let credential = way_to_sign_in(&exports.auth, environment)?
                .map(|auth| auth.credential(exports.cloud, environment.variables()))
                .transpose()
                .context("sign in to storage")?;
            let container = Container::new(exports.container.clone(), credential)?;
            Ok(Arc::new(Exports::new(
                container,
                &exports.prefix,
                exports.cost_basis,
                exports.history_days,
            )))
        }
        SourceKind::UsageAggregates {
            connection,
            rate_card,
        } => {
            let client = connect(connection, environment, quotas)?;
            let history_days = connection.history_days;
            Ok(Arc::new(UsageAggregates::new(
                client,
                rate_card.clone(),
                history_days,
            )))
        }
        SourceKind::EnterpriseReporting(reports) => {
            let key = environment.secret(&reports.key)?;
            let key = EnterpriseKey::new(key.expose_secret());
            let (endpoint, enrollment) = (reports.endpoint.as_str(), &reports.enrollment);
            let client = azure_cost::EnterpriseReporting::at(http()?, endpoint, enrollment, key)?;
            let answers = MemoryAnswers::new(KEPT_ANSWER_BYTES);
            let client = client.with_kept_answers(Arc::new(answers));
            let history_days = reports.history_days;
            Ok(Arc::new(EnterpriseReporting::new(
                client,
                enrollment,
                history_days,
            )?))
        }
    }
}

/// Where and as whom to read and write Azure's own budgets: as `[native]` says, else as the first
/// source that reads Azure's APIs, else as whoever is signed in.
pub fn native_connection(config: Option<&Config>) -> Connection {
    let own = config.and_then(|config| config.native.connection.clone());
    let sources = config.into_iter().flat_map(|config| &config.sources);
    let mut of_sources = sources.filter_map(|source| match &source.kind {
        SourceKind::Azure { connection, .. } | SourceKind::UsageAggregates { connection, .. } => {
            Some(connection.clone())
        }
        _ => None,
    });
    let found = own.or_else(|| of_sources.next());
    found.unwrap_or_else(|| Connection {
        endpoint: None,
        cloud: azure_cost::Cloud::Public,
        auth: "auto".to_owned(),
        history_days: 0,
    })
}

/// The client of [`native_connection`].
pub(crate) fn connect_native(
    config: &Config,
    environment: &Environment,
    quotas: &Quotas,
) -> anyhow::Result<Client> {
    connect(&native_connection(Some(config)), environment, quotas)
}

/// A client of Azure's cost APIs for a connection. Clients that are given the same quotas and sign
/// in the same way keep them together.
///
/// # Errors
/// When the endpoint is none, the word of `auth` is unknown, or the environment lacks what it needs.
pub fn connect(
    connection: &Connection,
    environment: &Environment,
    quotas: &Quotas,
) -> anyhow::Result<Client> {
    let Connection {
        endpoint,
        cloud,
        auth,
        ..
    } = connection;
    let endpoint = match endpoint {
        Some(url) => Endpoint::at(url.as_str(), *cloud)?,
        None => Endpoint::of(*cloud),
    };
    let credential = way_to_sign_in(auth, environment)?
        .map(|auth| auth.credential(*cloud, environment.variables()))
        .transpose()
        .context("sign in")?;
    let client = Client::new(http()?, endpoint, credential);
    // Sources that sign in the same way share a tenant and so its quotas.
    Ok(client.with_quotas(quotas.clone(), auth))
}

/// The way to sign in that a word of the configuration stands for; none for `none`.
fn way_to_sign_in(word: &str, environment: &Environment) -> anyhow::Result<Option<Auth>> {
    match word {
        "none" => Ok(None),
        word => Ok(Some(Auth::parse(word, environment.variables())?)),
    }
}

/// An HTTP client that follows no redirects, so that no answer comes from elsewhere.
///
/// # Errors
/// When the machine offers no TLS.
pub fn http() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("spendwatch/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("make the HTTP client")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<Option<String>>>);

    impl Progress for Heard {
        fn advanced(&self, _: u64, _: Option<u64>, _: u64) {}

        fn waiting(&self, wait: Option<&Wait>) {
            let words = wait.map(ToString::to_string);
            self.0.lock().unwrap().push(words);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_watches_a_read_hears_of_its_waits() {
        let heard = Arc::new(Heard::default());
        let until = Instant::now() + Duration::from_secs(90);
        let context = ReadContext {
            progress: Some(heard.clone()),
            waits_until: Some(until),
            ..ReadContext::default()
        };
        let waits = context.waits();
        assert_eq!(waits.end(until + Duration::from_secs(1)), until);
        waits.wait("read", until, "Azure asks for it").await;
        let words = "waiting 90 s: Azure asks for it".to_owned();
        assert_eq!(*heard.0.lock().unwrap(), [Some(words), None]);
    }
}
