//! The application with its ports wired: what every job is given.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use alert_channels::Channel;
use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use state_store::{Documents, Error, Queues, Version, json};

use crate::actions::hands::Hands;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Secret};
use crate::entra::{Denied, Tokens};
use crate::environment::{Environment, StateLocation};
use crate::jobs::evaluate::BudgetReport;
use crate::links::Signer;
use crate::outbox::OUTBOX;
use crate::reads::{self, PlanError, Read};
use crate::sources::{CostSource, KeptMonths};
use crate::{DELIVERIES, EVALUATIONS, actions, channels, sources};

/// The application: configuration and ports. Cheap to share behind an `Arc`.
pub struct App {
    config: Config,
    documents: Arc<dyn Documents>,
    queues: Arc<dyn Queues>,
    sources: Vec<Result<Arc<dyn CostSource>, String>>,
    channels: BTreeMap<String, Result<Arc<dyn Channel>, String>>,
    native: Result<azure_cost::Client, String>,
    tokens: Option<Tokens>,
    hands: BTreeMap<String, Result<Hands, String>>,
    approver: Option<Result<Signer, String>>,
    answers: Option<Result<Signer, String>>,
    clock: Arc<dyn Clock>,
    sends_hints: bool,
    acts: bool,
    /// The copy of a configuration that lies elsewhere.
    files: Option<tempfile::TempDir>,
}

/// A piece of work named in a queue message. Losing or doubling one is harmless.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Hint {
    /// Evaluate the read with this key.
    Evaluate {
        /// See [`Read::key`].
        read: String,
    },
    /// Deliver what is due for this destination.
    Deliver {
        /// Its name.
        destination: String,
    },
    /// Bring this action forward.
    Act {
        /// Its id.
        action: String,
    },
}

/// The life of one read, for the watchdog.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Heartbeat {
    /// When it was last evaluated, or first tried.
    at: Timestamp,
    /// Whether it was ever evaluated.
    evaluated: bool,
    /// Its budgets that could not be evaluated then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    problems: BTreeMap<String, Unevaluated>,
}

/// A budget that cannot be evaluated, though its costs can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unevaluated {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: String,
}

/// Whether the watching itself goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// The oldest of the last evaluations of all reads; `None` before the first one.
    pub last_evaluation: Option<Timestamp>,
    /// Whether a read has not been evaluated for too long, or ever since it was first tried.
    pub is_late: bool,
    /// When the first of those that are late should have been evaluated.
    pub late_since: Option<Timestamp>,
    /// Budgets that could not be evaluated for too long, by id.
    pub unevaluated: BTreeMap<String, Unevaluated>,
}

/// Cost data change every few hours; a day without an evaluation is a failure somebody must see.
const EVALUATION_IS_LATE_AFTER: SignedDuration = SignedDuration::from_hours(26);

/// Makes `ring` the process's cryptography. Call once, first thing in `main` and in tests; later
/// calls do nothing.
pub fn install_crypto() {
    // An error says that a provider is there already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl App {
    /// Wires a configuration to its sources, channels and store.
    ///
    /// A channel or source that cannot be made (a missing secret, say) does not stop the others: its
    /// use fails with the reason, and `check` reports it.
    pub fn new(
        config: Config,
        environment: &Environment,
        state: StateLocation,
    ) -> anyhow::Result<App> {
        let (documents, queues) = state.open(environment)?;
        let quotas = azure_cost::Quotas::new();
        let sources = config
            .sources
            .iter()
            .map(|source| {
                let opened = sources::open(source, environment, &quotas);
                opened.map_err(|error| format!("{error:#}"))
            })
            .collect();
        let channels = config
            .channels
            .iter()
            .map(|(name, channel)| {
                let opened = channels::open(channel, environment, config.delivery.send_timeout);
                (name.clone(), opened.map_err(|error| format!("{error:#}")))
            })
            .collect();
        let native = sources::connect_native(&config, environment, &quotas);
        let native = native.map_err(|error| format!("{error:#}"));
        let tokens = config.native.hook.clone().map(Tokens::new);
        let deadline = config.delivery.send_timeout;
        let hands = config.actions.by_name.iter().map(|(name, action)| {
            let opened = actions::hands::open(action, environment, deadline);
            (name.clone(), opened.map_err(|error| format!("{error:#}")))
        });
        let hands = hands.collect();
        let signer = |table: &str, key: &Secret, page: Option<url::Url>| {
            let key = environment.secret(key);
            let made = key.and_then(|key| Signer::new(table, key, page));
            made.map_err(|error| format!("{error:#}"))
        };
        let links = config.links.as_ref();
        let page = |function: &str| {
            let given = links.and_then(|links| links.url.clone());
            let base = given.or_else(|| own_address(environment))?;
            let base = base.as_str().trim_end_matches('/');
            format!("{base}/{function}").parse().ok()
        };
        let answers = links.map(|links| signer("links", &links.key, page("answer")));
        let approver = match &config.actions.approval {
            Some(approval) => {
                let page = approval.url.clone().or_else(|| page("approve-action"));
                Some(signer("approval", &approval.key, page))
            }
            None => links.map(|links| signer("links", &links.key, page("approve-action"))),
        };
        Ok(App {
            native,
            config,
            documents,
            queues,
            sources,
            channels,
            tokens,
            hands,
            approver,
            answers,
            clock: Arc::new(SystemClock),
            sends_hints: true,
            acts: true,
            files: None,
        })
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> App {
        self.clock = clock;
        self
    }

    /// The same with other documents, for tests and for tools that look at a copy.
    #[must_use]
    pub fn with_documents(mut self, documents: Arc<dyn Documents>) -> App {
        self.documents = documents;
        self
    }

    /// The same with other queues, for tests.
    #[must_use]
    pub fn with_queues(mut self, queues: Arc<dyn Queues>) -> App {
        self.queues = queues;
        self
    }

    /// The same with every channel that can be used replaced by what `wrap` makes of its name and
    /// itself, for tests.
    #[must_use]
    pub fn with_channels(
        mut self,
        wrap: impl Fn(&str, Arc<dyn Channel>) -> Arc<dyn Channel>,
    ) -> App {
        for (name, channel) in &mut self.channels {
            if let Ok(opened) = channel {
                *opened = wrap(name, Arc::clone(opened));
            }
        }
        self
    }

    /// The same, removing the copy of its configuration when it goes.
    #[must_use]
    pub(crate) fn keeping(mut self, files: tempfile::TempDir) -> App {
        self.files = Some(files);
        self
    }

    /// The same without queue messages: for a process that does the work itself, where nobody would
    /// take them.
    #[must_use]
    pub fn without_hints(mut self) -> App {
        self.sends_hints = false;
        self
    }

    /// The same with other sources, one for each of the configuration.
    #[must_use]
    pub fn with_sources(mut self, sources: Vec<Arc<dyn CostSource>>) -> App {
        self.sources = sources.into_iter().map(Ok).collect();
        self
    }

    /// The same with another client of Azure's own budgets.
    #[must_use]
    pub fn with_native_client(mut self, client: azure_cost::Client) -> App {
        self.native = Ok(client);
        self
    }

    /// The same, writing notices to a folder instead of sending them. Needs no secrets. Actions are
    /// planned and wait for a process that acts.
    #[must_use]
    pub fn with_folder_delivery(mut self, folder: &Path) -> App {
        self.acts = false;
        for (name, channel) in &self.config.channels {
            let opened = channels::to_folder(channel, folder).map_err(|error| format!("{error:#}"));
            self.channels.insert(name.clone(), opened);
        }
        self
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The documents.
    pub fn documents(&self) -> &dyn Documents {
        &*self.documents
    }

    /// The documents, to share them with another application.
    pub fn shared_documents(&self) -> Arc<dyn Documents> {
        Arc::clone(&self.documents)
    }

    /// The queues.
    pub fn queues(&self) -> &dyn Queues {
        &*self.queues
    }

    /// Where months that a read has read are kept.
    pub(crate) fn kept_months(&self, read: &Read) -> KeptMonths {
        // What is kept is of this source as it is configured, at its endpoint.
        let source = self.config.sources.get(read.source);
        let origin = format!("{:?}", source.map(|source| &source.kind));
        KeptMonths::new(Arc::clone(&self.documents), &read.key, &origin)
    }

    /// Removes what is kept for reads that are not configured any more.
    pub(crate) async fn forget_old_reads(&self) -> anyhow::Result<()> {
        let reads = self.reads()?;
        let keys: Vec<String> = reads.into_iter().map(|read| read.key).collect();
        sources::forget_reads_except(&self.documents, &keys).await
    }

    /// The client that reads and writes Azure's own budgets.
    ///
    /// # Errors
    /// When the configuration says no place to sign in to, or signing in lacks something.
    pub fn native_client(&self) -> anyhow::Result<&azure_cost::Client> {
        self.native
            .as_ref()
            .map_err(|why| anyhow::anyhow!("Azure's own budgets cannot be reached: {why}"))
    }

    /// The source with this index in the configuration.
    pub fn source(&self, index: usize) -> anyhow::Result<&dyn CostSource> {
        match self.sources.get(index) {
            Some(Ok(source)) => Ok(&**source),
            Some(Err(why)) => anyhow::bail!("source {} cannot be used: {why}", index + 1),
            None => anyhow::bail!("there is no source {}", index + 1),
        }
    }

    /// Lets whoever posts Azure's alerts in: everybody that the host let through, unless `hook` in
    /// `[native]` asks for a token in the `Authorization` header.
    pub async fn admit_alert(&self, authorization: Option<&str>) -> Result<(), Denied> {
        match &self.tokens {
            Some(tokens) => tokens.check(authorization, self.now()).await,
            None => Ok(()),
        }
    }

    /// A configured channel, or why it cannot be used; `None` if there is none of this name.
    pub fn channel(&self, name: &str) -> Option<Result<&dyn Channel, &str>> {
        let opened = self.channels.get(name)?;
        Some(
            opened
                .as_ref()
                .map(|channel| &**channel)
                .map_err(String::as_str),
        )
    }

    /// Whether this process does what actions ask for.
    pub(crate) fn acts(&self) -> bool {
        self.acts
    }

    /// What an action is done with.
    pub(crate) fn hands(&self, action: &str) -> anyhow::Result<&Hands> {
        match self.hands.get(action) {
            Some(Ok(hands)) => Ok(hands),
            Some(Err(why)) => anyhow::bail!("the action {action} cannot be done: {why}"),
            None => anyhow::bail!("the action {action} is not configured"),
        }
    }

    /// Who signs and checks links of approval, if there are any.
    pub(crate) fn approver(&self) -> Option<&Signer> {
        match self.approver.as_ref()? {
            Ok(approver) => Some(approver),
            Err(why) => {
                tracing::error!(why, "links of approval cannot be used");
                None
            }
        }
    }

    /// Who signs and checks the links of notices, if there are any.
    pub(crate) fn answers(&self) -> Option<&Signer> {
        match self.answers.as_ref()? {
            Ok(signer) => Some(signer),
            Err(why) => {
                tracing::error!(why, "links of notices cannot be used");
                None
            }
        }
    }

    /// What keeps the links of notices from working: a missing secret.
    pub fn link_problem(&self) -> Option<&str> {
        self.answers.as_ref()?.as_ref().err().map(String::as_str)
    }

    /// Whether links are signed and lead nowhere, because nobody said where the functions are.
    pub(crate) fn links_lead_nowhere(&self) -> bool {
        let signer = self.answers.as_ref().and_then(|made| made.as_ref().ok());
        signer.is_some_and(|signer| !signer.has_page())
    }

    /// What keeps actions and their approvals from working: missing secrets, an identity that is not
    /// set.
    pub fn action_problems(&self) -> Vec<String> {
        let hands = self.hands.iter();
        let hands = hands.filter_map(|(name, hands)| {
            let why = hands.as_ref().err()?;
            Some(format!("action {name}: {why}"))
        });
        let approver = self.approver.as_ref().and_then(|made| made.as_ref().err());
        let approver = approver.map(|why| format!("approval: {why}"));
        hands.chain(approver).collect()
    }

    /// The reads that together serve all budgets.
    pub fn reads(&self) -> Result<Vec<Read>, PlanErrors> {
        reads::plan(&self.config).map_err(PlanErrors)
    }

    /// Sends a hint to the queue of its job.
    pub async fn hint(&self, hint: &Hint, delay: SignedDuration) -> anyhow::Result<()> {
        if !self.sends_hints {
            return Ok(());
        }
        let queue = match hint {
            Hint::Evaluate { .. } => EVALUATIONS,
            Hint::Deliver { .. } | Hint::Act { .. } => DELIVERIES,
        };
        let delay = std::time::Duration::try_from(delay).unwrap_or_default();
        let text = serde_json::to_string(hint).context("write a queue message")?;
        self.queues
            .send(queue, &text, delay)
            .await
            .with_context(|| format!("send a hint to {queue}"))
    }

    /// The destinations that have live deliveries.
    pub async fn destinations_with_work(&self) -> anyhow::Result<BTreeSet<String>> {
        let keys = self.documents.list(OUTBOX).await?;
        let destinations = keys
            .iter()
            .filter_map(|key| key[OUTBOX.len()..].split_once('/'));
        Ok(destinations
            .map(|(destination, _)| destination.to_owned())
            .collect())
    }

    /// Keeps what the last evaluation said, for answers between evaluations.
    pub(crate) async fn remember_reports(&self, reports: &[BudgetReport]) -> anyhow::Result<()> {
        for report in reports {
            let key = format!("status/{}", report.budget);
            self.put_newest(&key, report, |report| report.at).await?;
        }
        Ok(())
    }

    /// Beats the heart of a read that was evaluated; `problems` are those of its budgets that could not
    /// be, and why.
    pub(crate) async fn remember_evaluation(
        &self,
        read: &str,
        problems: Vec<(&str, &str)>,
    ) -> anyhow::Result<()> {
        let stored: Option<(Heartbeat, Version)> =
            json::get(self.documents(), &heartbeat_key(read)).await?;
        let known = stored.map(|(heartbeat, _)| heartbeat.problems);
        let known = known.unwrap_or_default();
        let now = self.now();
        let problems = problems.into_iter().map(|(budget, why)| {
            let since = known.get(budget).map_or(now, |known| known.since);
            let why = why.to_owned();
            (budget.to_owned(), Unevaluated { since, why })
        });
        let heartbeat = Heartbeat {
            at: now,
            evaluated: true,
            problems: problems.collect(),
        };
        self.put_newest(&heartbeat_key(read), &heartbeat, |heartbeat| heartbeat.at)
            .await
    }

    /// What the last evaluation of each budget said, in the order of the configuration.
    pub async fn last_reports(&self) -> anyhow::Result<Vec<BudgetReport>> {
        let mut reports = Vec::new();
        for budget in self.config.budgets.iter() {
            let key = format!("status/{}", budget.id);
            if let Some((report, _)) = json::get(self.documents(), &key).await? {
                reports.push(report);
            }
        }
        Ok(reports)
    }

    /// Remembers when a read was first tried, so that one that never works shows, too.
    pub(crate) async fn remember_attempt(&self, read: &str) -> anyhow::Result<()> {
        let heartbeat = Heartbeat {
            at: self.now(),
            evaluated: false,
            problems: BTreeMap::new(),
        };
        match json::create(self.documents(), &heartbeat_key(read), &heartbeat).await {
            Ok(_) | Err(Error::Exists { .. }) => Ok(()),
            Err(error) => Err(error).context("write a heartbeat"),
        }
    }

    /// When a read was last evaluated; `None` before the first time.
    pub(crate) async fn last_evaluated(&self, read: &str) -> anyhow::Result<Option<Timestamp>> {
        let stored: Option<(Heartbeat, Version)> =
            json::get(self.documents(), &heartbeat_key(read)).await?;
        Ok(stored
            .filter(|(heartbeat, _)| heartbeat.evaluated)
            .map(|(heartbeat, _)| heartbeat.at))
    }

    /// Whether all reads are evaluated in time: one that keeps failing shows although the others
    /// work. Reads that were never tried do not count.
    pub async fn pulse(&self) -> anyhow::Result<Pulse> {
        let mut pulse = Pulse {
            last_evaluation: None,
            is_late: false,
            late_since: None,
            unevaluated: BTreeMap::new(),
        };
        for read in self.reads()? {
            let stored: Option<(Heartbeat, Version)> =
                json::get(self.documents(), &heartbeat_key(&read.key)).await?;
            let Some((heartbeat, _)) = stored else {
                continue;
            };
            let Heartbeat {
                at,
                evaluated,
                problems,
            } = heartbeat;
            for (budget, problem) in problems {
                let should = problem.since.saturating_add(EVALUATION_IS_LATE_AFTER)?;
                if should < self.now() && self.config.budgets.get(&budget).is_some() {
                    pulse.unevaluated.insert(budget, problem);
                }
            }
            let should = at.saturating_add(EVALUATION_IS_LATE_AFTER)?;
            if should < self.now() {
                pulse.is_late = true;
                let first = pulse.late_since.map_or(should, |first| first.min(should));
                pulse.late_since = Some(first);
            }
            if evaluated {
                let oldest = pulse.last_evaluation.map_or(at, |oldest| oldest.min(at));
                pulse.last_evaluation = Some(oldest);
            }
        }
        Ok(pulse)
    }

    /// Writes a document unless a newer one is there.
    async fn put_newest<T>(
        &self,
        key: &str,
        value: &T,
        at: impl Fn(&T) -> Timestamp,
    ) -> anyhow::Result<()>
    where
        T: Serialize + for<'de> Deserialize<'de> + Clone,
    {
        let written = json::update::<T, Error>(self.documents(), key, |stored| {
            let is_newer = stored.is_some_and(|stored| at(stored) > at(value));
            Ok((!is_newer).then(|| value.clone()))
        })
        .await;
        match written {
            // Another evaluation wrote its own just now, which is as new.
            Ok(_) | Err(Error::Moved { .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("write {key}")),
        }
    }
}

/// Where people reach our functions, if this is a function app.
fn own_address(environment: &Environment) -> Option<url::Url> {
    let host = environment.get("WEBSITE_HOSTNAME")?;
    let url: url::Url = format!("https://{host}/api").parse().ok()?;
    // On somebody's own machine the host calls itself localhost, which leads nobody here.
    let is_local = host.starts_with("localhost") || host.starts_with("127.");
    (!is_local).then_some(url)
}

fn heartbeat_key(read: &str) -> String {
    format!("heartbeat/{read}")
}

/// All the reasons why budgets cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct PlanErrors(pub Vec<PlanError>);
