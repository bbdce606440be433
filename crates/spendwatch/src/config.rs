//! Configuration: budgets, sources and channels as code, in TOML.
//!
//! A configuration is one file or a folder of `*.toml` files that are read as one. Mistakes are
//! reported all at once, each with file, line, what is wrong and what would be right. Secrets are
//! references, never values. The settings are described for people in `docs/configuration.md` and
//! for editors in the JSON Schema that `spendwatch schema` prints ([`SCHEMA`]).

mod actions;
mod attention;
mod channels;
mod forecast;
mod links;
mod native;
mod place;
mod read;
mod reader;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alert_channels::Language;
use azure_cost::{Cloud, RateCardQuery};
use budget_engine::{Budgets, CostBasis, Currency, FollowUp, Lag, Scope};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub use actions::{Action, Actions, Approval, Mode, Tagged, Task};
pub use attention::{
    Allowance, Attention, DigestSettings, EndedWhileHeld, Event, QuietHours, Weekly,
};
pub use channels::{AcsEmail, Channel, ChannelKind, Email, Mailing};
pub use forecast::ForecastSettings;
pub use links::Links;
pub use native::{Hook, Native, Tolerance};
pub use place::ConfigPlace;
pub(crate) use place::{Files, download, version_of_blobs, version_of_path};
pub use read::AUTH_WORDS;
pub(crate) use read::{OWNERS, default_severity};
pub use reader::Problem;
pub use write::{budget_toml, imported_toml};

/// The JSON Schema of a configuration file, for editors.
pub const SCHEMA: &str = include_str!("config/schema.json");

/// A configuration that was read and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Currency of budgets that name none.
    pub currency: Currency,
    /// Where cost comes from. A budget is read from the first source that serves its scopes.
    pub sources: Vec<Source>,
    /// The configured destinations, by name.
    pub channels: BTreeMap<String, Channel>,
    /// The budgets.
    pub budgets: Budgets,
    /// What budgets have that say nothing else.
    pub inherited: Inherited,
    /// The destination that hears of notices which would reach nobody.
    pub fallback: Option<String>,
    /// How deliveries are timed.
    pub delivery: Delivery,
    /// How Azure's own budgets are kept in step.
    pub native: Native,
    /// What is done when a budget reaches an amount.
    pub actions: Actions,
    /// The links in notices by which people answer; none if `None`.
    pub links: Option<Links>,
    /// When people are left alone, and how much they are told at a time.
    pub attention: Attention,
    /// What forecasts are told besides costs, and how far they are believed.
    pub forecast: ForecastSettings,
    /// What is known of recipients, by their address in lower case.
    pub recipients: BTreeMap<String, Recipient>,
}

/// What budgets have that say nothing else: what `[defaults]` says, or what is built in. Other
/// settings of `[defaults]` are not kept apart from those of budgets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherited {
    /// How far below a level, in percent, a crossing is taken back.
    pub margin: Decimal,
    /// What happens while nobody acknowledges an alert.
    pub follow_up: FollowUp,
}

/// What is known of a recipient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recipient {
    /// The language to write in; that of the channel if not set.
    pub language: Option<Language>,
}

/// One place that costs are read from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Which API or files.
    pub kind: SourceKind,
    /// The scopes it serves; empty for all.
    pub scopes: Vec<Scope>,
    /// How late its data are as a rule.
    pub lag: Lag,
}

/// The kinds of cost source.
#[derive(Debug, Clone)]
pub enum SourceKind {
    /// Cost files on disk.
    Files {
        /// Paths or glob patterns, relative to the folder of the configuration file.
        paths: Vec<PathBuf>,
        /// Which dataset the Azure files among them hold; FOCUS files hold both.
        cost_basis: CostBasis,
    },
    /// Azure's cost APIs.
    Azure {
        /// Where and as whom.
        connection: Connection,
        /// Which of them.
        read: AzureRead,
    },
    /// Exports of Cost Management in Blob storage.
    Exports(Exports),
    /// The usage of pay-as-you-go subscriptions, priced by the rate card of their offer.
    UsageAggregates {
        /// Where and as whom.
        connection: Connection,
        /// Which prices.
        rate_card: RateCardQuery,
    },
    /// The retired Enterprise Reporting API.
    EnterpriseReporting(EnterpriseReporting),
}

/// The retired Enterprise Reporting API, where something still serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnterpriseReporting {
    /// Where it is served.
    pub endpoint: url::Url,
    /// Number of the enrollment.
    pub enrollment: String,
    /// The enrollment's API key.
    pub key: Secret,
    /// How many days before the current period to read, for forecasts and drivers.
    pub history_days: u32,
}

/// Exports of Cost Management in Blob storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exports {
    /// URL of the container, without a query.
    pub container: url::Url,
    /// The folder to look in, an export's own or one above it; `""` for the whole container.
    pub prefix: String,
    /// Which Azure.
    pub cloud: Cloud,
    /// How to sign in, as in [`Connection::auth`].
    pub auth: String,
    /// Which dataset the Azure files hold that have no manifest.
    pub cost_basis: CostBasis,
    /// How many days before the current period to read, for forecasts and drivers.
    pub history_days: u32,
}

/// Where Azure's APIs are and how to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Another endpoint than the cloud's own, for tests and proxies.
    pub endpoint: Option<url::Url>,
    /// Which Azure.
    pub cloud: Cloud,
    /// How to sign in: a word of [`azure_cost::credentials::Auth::parse`], or `none` for an endpoint that
    /// asks for no token.
    pub auth: String,
    /// How many days before the current period to read, for forecasts and drivers.
    pub history_days: u32,
}

/// Which of Azure's cost APIs to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AzureRead {
    /// The cheapest that serves the budgets of a scope.
    Cheapest,
    /// Cost Management queries only.
    Query,
    /// Cost details reports only (Enterprise and Customer Agreements).
    CostDetails,
    /// Consumption usage details only.
    UsageDetails,
}

/// A reference to a secret. The value is looked up when it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secret {
    /// The environment variable of this name (an app setting or Key Vault reference).
    Env(String),
    /// The content of this file, trimmed.
    File(PathBuf),
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Env(name) => write!(f, "environment variable {name}"),
            Secret::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// How deliveries are timed.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The longest a single send may take.
    pub send_timeout: Duration,
    /// How long a lane is held by one worker; longer than a send.
    pub lease: Duration,
    /// How long to wait before a send whose outcome is unknown is repeated; the channel's own time
    /// if not set.
    pub unknown_wait: Option<Duration>,
    /// Waiting times after the first, second, … failure of one delivery.
    pub retry: Vec<Duration>,
}

impl Default for Delivery {
    /// 30 s, 2 min, 10 min, 30 min, 1 h, 3 h, 6 h, 12 h, 24 h: about two days.
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let mut retry = vec![Duration::from_secs(30)];
        retry.extend([2, 10, 30, 60, 180, 360, 720, 1440].map(minutes));
        Delivery {
            send_timeout: Duration::from_secs(150),
            lease: minutes(5),
            unknown_wait: None,
            retry,
        }
    }
}

/// Why a configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or folder could not be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A folder without a configuration file.
    #[error("the folder {path} holds no *.toml file")]
    Empty {
        /// Which.
        path: String,
    },
    /// The files have mistakes.
    #[error("the configuration has {count}:\n{list}", count = count(.0), list = list(.0))]
    Mistakes(Vec<Problem>),
}

fn count(problems: &[Problem]) -> String {
    match problems.len() {
        1 => "1 mistake".to_owned(),
        many => format!("{many} mistakes"),
    }
}

fn list(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("  {problem}"))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Config {
    /// Reads a file, or all `*.toml` files of a folder in the order of their names.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        Config::parse(&texts(path)?)
    }

    /// The same of a configuration that may lack budgets, for whoever is about to add the first ones.
    pub fn load_without_budgets(path: &Path) -> Result<Config, ConfigError> {
        read::config(&texts(path)?, Completeness::WithoutBudgets).map_err(ConfigError::Mistakes)
    }

    /// Reads texts as the content of files at these paths.
    pub fn parse(files: &[(PathBuf, String)]) -> Result<Config, ConfigError> {
        read::config(files, Completeness::Whole).map_err(ConfigError::Mistakes)
    }

    /// The one channel that owners' mail goes through: the only email channel.
    pub fn owners_channel(&self) -> Option<&str> {
        let mut emails = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.kind.mailing().is_some());
        emails.next().map(|(name, _)| name.as_str())
    }

    /// The language of what a destination tells a recipient.
    pub fn language_of(&self, destination: &str, recipient: Option<&str>) -> Language {
        let address = recipient.and_then(alert_channels::email::address_of);
        let recipient = address.and_then(|address| self.recipients.get(&address));
        let channel = self.channels.get(destination);
        recipient
            .and_then(|recipient| recipient.language)
            .or(channel.map(|channel| channel.language))
            .unwrap_or_default()
    }
}

/// What a configuration has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// All that an evaluation needs.
    Whole,
    /// The same, but for budgets.
    WithoutBudgets,
}

/// The files of a configuration with their paths, in the order of these.
fn texts(path: &Path) -> Result<Vec<(PathBuf, String)>, ConfigError> {
    let mut files = Vec::new();
    for path in texts_at(path)? {
        let text = std::fs::read_to_string(&path).map_err(read_error(&path))?;
        files.push((path, text));
    }
    Ok(files)
}

/// The file, or the `*.toml` files of the folder in the order of their names.
fn texts_at(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path).map_err(read_error(path))? {
        let entry = entry.map_err(read_error(path))?.path();
        if entry
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            paths.push(entry);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(ConfigError::Empty {
            path: path.display().to_string(),
        });
    }
    Ok(paths)
}

fn read_error(path: &Path) -> impl Fn(std::io::Error) -> ConfigError + use<> {
    let path = path.display().to_string();
    move |source| ConfigError::Read {
        path: path.clone(),
        source,
    }
}
