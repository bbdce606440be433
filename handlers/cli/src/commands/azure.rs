//! `spendwatch azure`: what Azure's cost APIs say, as it is. Nothing is evaluated.

mod alerts;
mod balance;
mod billing;
mod budgets;
mod charges;
mod costs;
mod exports;
mod forecast;
mod invoices;
mod labels;
mod mails;
mod marketplace;
mod price_file;
mod prices;
mod quantities;
mod report;
mod reservations;
mod usage;

use anyhow::Context;
use azure_cost::{Client, Error, Quotas};
use budget_engine::{CostBasis, Scope, ScopeKind, plus_days};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use jiff::civil::Date;
use spendwatch::sources::{advice, connect};
use spendwatch::{Config, Environment, SourceKind, day_of};

use super::Exit;
use crate::args::azure::{Azure, Days, Metric, What};
use crate::args::{Global, wrong_use};
use crate::listing::List;
use crate::output::Format;
use crate::setup;

/// Kinds of scope that have costs of their own.
const ANY: &[ScopeKind] = &[
    ScopeKind::Subscription,
    ScopeKind::ResourceGroup,
    ScopeKind::ManagementGroup,
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
    ScopeKind::BillingProfile,
    ScopeKind::InvoiceSection,
    ScopeKind::Customer,
];

pub(super) async fn run(global: &Global, azure: &Azure) -> anyhow::Result<Exit> {
    let asking = Asking::new(global, azure)?;
    match &azure.what {
        What::Usage(options) => usage::run(&asking, options).await?,
        What::Costs(options) => costs::run(&asking, options).await?,
        What::Forecast(options) => forecast::run(&asking, options).await?,
        What::Quantities(options) => quantities::run(&asking, options).await?,
        What::Marketplace(days) => marketplace::run(&asking, days).await?,
        What::Prices(options) => prices::run(&asking, options).await?,
        What::Invoices(options) => invoices::run(&asking, options).await?,
        What::Billing { what } => billing::run(&asking, what).await?,
        What::Reservations { what } => reservations::run(&asking, what).await?,
        What::Balance(options) => balance::run(&asking, options).await?,
        What::Charges(options) => charges::run(&asking, options).await?,
        What::Tags => labels::tags(&asking).await?,
        What::Dimensions(options) => labels::dimensions(&asking, options).await?,
        What::Budgets(options) => budgets::run(&asking, options).await?,
        What::Alerts(options) => alerts::run(&asking, options).await?,
        What::Mails(options) => mails::run(&asking, options).await?,
        What::Exports { what } => exports::run(&asking, what).await?,
        What::Report(options) => report::run(&asking, options).await?,
    }
    Ok(Exit::Fine)
}

/// Whom to ask about what, and how to show it.
struct Asking<'a> {
    options: &'a Azure,
    format: Format,
    connection: spendwatch::Connection,
    /// Scopes of the configured budgets, none inside another.
    configured: Vec<Scope>,
}

impl<'a> Asking<'a> {
    fn new(global: &Global, options: &'a Azure) -> anyhow::Result<Asking<'a>> {
        let config = match setup::find_config(global) {
            Some(path) => Some(Config::load(&path)?),
            None => None,
        };
        let source = config.iter().flat_map(|config| &config.sources);
        let connection = source.into_iter().find_map(|source| match &source.kind {
            SourceKind::Azure { connection, .. }
            | SourceKind::UsageAggregates { connection, .. } => Some(connection.clone()),
            _ => None,
        });
        let mut connection = connection.unwrap_or(spendwatch::Connection {
            endpoint: None,
            cloud: azure_cost::Cloud::Public,
            auth: "auto".to_owned(),
            history_days: 0,
        });
        let given = &options.connection;
        if let Some(cloud) = given.cloud {
            // The endpoint of the configuration is one of its own cloud.
            connection.endpoint = connection.endpoint.filter(|_| cloud == connection.cloud);
            connection.cloud = cloud;
        }
        if let Some(endpoint) = &given.endpoint {
            // This says what is wrong without showing what may be a secret.
            azure_cost::Endpoint::at(endpoint, connection.cloud)
                .map_err(|error| wrong_use(error.to_string()))?;
            let endpoint = endpoint.trim().parse();
            connection.endpoint = Some(endpoint.context("read --endpoint")?);
        }
        if let Some(auth) = &given.auth {
            connection.auth.clone_from(auth);
        }
        Ok(Asking {
            options,
            format: global.output,
            connection,
            configured: config.map_or(Vec::new(), |config| outermost(&config)),
        })
    }

    fn client(&self) -> anyhow::Result<Client> {
        connect(
            &self.connection,
            &Environment::from_process(),
            &Quotas::new(),
        )
    }

    /// The scope that is named, else the only configured one of these kinds.
    fn scope(&self, kinds: &[ScopeKind]) -> anyhow::Result<Scope> {
        if let Some(scope) = &self.options.connection.scope {
            return Ok(scope.clone());
        }
        let fits = |scope: &&Scope| kinds.contains(&scope.kind());
        let fitting: Vec<&Scope> = self.configured.iter().filter(fits).collect();
        if let [scope] = fitting[..] {
            return Ok(scope.clone());
        }
        let example = match kinds.contains(&ScopeKind::Subscription) {
            true => "/subscriptions/00000000-0000-0000-0000-000000000000",
            false => "/providers/Microsoft.Billing/billingAccounts/12345678",
        };
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.words()).collect();
        let kinds = kinds.join(", ");
        let mut message = format!("--scope is missing: a path ({kinds}) such as {example}");
        if !fitting.is_empty() {
            message.push_str("; the configuration has several:");
            for scope in fitting {
                message.push_str(&format!("\n  {scope}"));
            }
        }
        Err(wrong_use(message))
    }

    /// Writes a list of what a stream gives about a scope.
    async fn list<T>(
        &self,
        list: List<T>,
        scope: &Scope,
        items: impl Stream<Item = Result<T, Error>>,
    ) -> anyhow::Result<()> {
        let items = items.map(|item| item.map_err(|error| explained(error, scope)));
        self.print(list, items).await
    }

    async fn print<T>(
        &self,
        list: List<T>,
        items: impl Stream<Item = anyhow::Result<T>>,
    ) -> anyhow::Result<()> {
        list.print(self.format, self.options.connection.limit, items)
            .await
    }
}

/// The scopes of all budgets, without those that lie inside another by their path.
fn outermost(config: &Config) -> Vec<Scope> {
    let budgets = config.budgets.iter();
    let mut scopes: Vec<Scope> = budgets.flat_map(|budget| budget.scopes.clone()).collect();
    scopes.sort();
    scopes.dedup();
    let all = scopes.clone();
    scopes.retain(|scope| {
        !all.iter()
            .any(|other| other != scope && other.contains(scope))
    });
    scopes
}

/// An error with what to do about it in front.
fn explained(error: Error, scope: &Scope) -> anyhow::Error {
    // What is refused before it is sent was asked for in the wrong way.
    if let Error::Invalid {
        operation,
        code,
        message,
    } = &error
        && code == "NotSent"
    {
        return wrong_use(format!("{operation}: {message}"));
    }
    let advice = advice(&error, scope);
    anyhow::Error::new(error).context(advice)
}

/// That there are no costs, which is not the same as costs of zero.
fn nothing_of(scope: &Scope, from: Date, to: Date) -> String {
    format!(
        "Azure answers, but has no rows of {scope} from {from} until {}: that is not a cost of \
         zero. They may come later, or lie under another scope",
        plus_days(to, -1)
    )
}

/// Explains the error of an operation.
trait Explain<T> {
    /// About a scope.
    fn explain(self, scope: &Scope) -> anyhow::Result<T>;
    /// About something with a name at a scope, which is not the scope's fault if it is not there.
    fn explain_named(self, scope: &Scope) -> anyhow::Result<T>;
}

impl<T> Explain<T> for Result<T, Error> {
    fn explain(self, scope: &Scope) -> anyhow::Result<T> {
        self.map_err(|error| explained(error, scope))
    }

    fn explain_named(self, scope: &Scope) -> anyhow::Result<T> {
        self.map_err(|error| match error {
            // The name is what is wrong, not the kind of scope.
            error @ Error::NotFound { .. } => error.into(),
            error => explained(error, scope),
        })
    }
}

impl Days {
    /// The first day, and the day after the last one.
    fn range(&self) -> anyhow::Result<(Date, Date)> {
        let today = day_of(Timestamp::now());
        let to = self.to.unwrap_or(match self.from {
            // Days ahead of today are asked for on purpose.
            Some(from) => today.max(from),
            None => today,
        });
        range(self.from.unwrap_or(to.first_of_month()), to)
    }
}

/// The first day, and the day after the last one, of days that follow each other.
fn range(from: Date, last: Date) -> anyhow::Result<(Date, Date)> {
    if from > last {
        return Err(wrong_use(format!("--from {from} lies after --to {last}")));
    }
    Ok((from, plus_days(last, 1)))
}

impl From<Metric> for CostBasis {
    fn from(metric: Metric) -> CostBasis {
        match metric {
            Metric::Actual => CostBasis::Actual,
            Metric::Amortized => CostBasis::Amortized,
        }
    }
}
