//! The command line of `spendwatch azure`.

mod values;

use std::path::PathBuf;

use azure_cost::Cloud;
use budget_engine::{Currency, Scope};
use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use spendwatch::AUTH_WORDS;

pub(crate) use values::GroupBy;

use super::date;
use values::{billing_period, dimension, grouping, rows, scope};

const AFTER_HELP: &str = "\
A scope is a path such as
  /subscriptions/{id}
  /subscriptions/{id}/resourceGroups/{name}
  /providers/Microsoft.Management/managementGroups/{id}
  /providers/Microsoft.Billing/billingAccounts/{id}
  /providers/Microsoft.Billing/billingAccounts/{id}/billingProfiles/{id}
Without --scope, the scope of the configured budgets is taken, if they have only one that fits.

Endpoint, cloud and sign-in are those of the configuration's first Azure source, if there is one,
else the public cloud with `auto`.";

/// `spendwatch azure`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Azure {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(subcommand)]
    pub(crate) what: What,
}

/// Whom to ask, as whom, about what.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Subscription, resource group, management group or billing scope
    #[arg(short, long, global = true, value_name = "PATH", value_parser = scope)]
    pub(crate) scope: Option<Scope>,
    /// Which Azure: public, us-government or china
    #[arg(long, global = true, value_name = "CLOUD")]
    pub(crate) cloud: Option<Cloud>,
    /// How to sign in
    #[arg(long, global = true, value_name = "WORD", value_parser = AUTH_WORDS)]
    pub(crate) auth: Option<String>,
    /// Another address than the cloud's: https, or http on this machine
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Write no more than N rows; 0 for all [default: 100 in tables, else all]
    #[arg(long, global = true, value_name = "N", value_parser = rows, allow_negative_numbers = true)]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Cost rows of usage details, or their sums
    Usage(Usage),
    /// Costs summed up by Azure (Cost Management query)
    Costs(Costs),
    /// What Azure expects the costs to be
    Forecast(Forecast),
    /// How much of each meter was used, without prices (pay-as-you-go)
    Quantities(Quantities),
    /// Marketplace charges
    Marketplace(Days),
    /// Prices: the agreement's price sheet, an offer's rate card, or the public price list
    Prices(Prices),
    /// Invoices; --download saves one as a PDF
    Invoices(Invoices),
    /// Billing accounts, profiles, periods and transactions
    Billing {
        #[command(subcommand)]
        what: Billing,
    },
    /// Use, purchases and recommendations of reservations
    Reservations {
        #[command(subcommand)]
        what: Reservations,
    },
    /// What is left of a prepayment (Enterprise) or of credits (Customer Agreement)
    Balance(Balance),
    /// Charges of a billing scope or management group, summed up by Azure
    Charges(Charges),
    /// Tags that are in use
    Tags,
    /// Dimensions that costs can be filtered and grouped by, with their values
    Dimensions(Dimensions),
    /// Budgets that Azure itself keeps
    Budgets(Named),
    /// Alerts that Azure itself has raised
    Alerts(Alerts),
    /// Mails that Azure sends at fixed times, and its rules about unusual costs
    #[command(alias = "scheduled-actions")]
    Mails(Mails),
    /// Exports to storage: list, history, run
    Exports {
        #[command(subcommand)]
        what: Exports,
    },
    /// Let Azure make a cost details report, wait for it and save its files
    Report(Report),
}

/// Days of the past.
#[derive(Debug, Args)]
pub(crate) struct Days {
    /// First day [default: the first of this month]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) from: Option<Date>,
    /// Last day [default: today]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) to: Option<Date>,
}

/// Which cost.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Metric {
    /// As billed: a reservation on the day of its purchase
    #[default]
    Actual,
    /// Spread over the days that a purchase serves
    Amortized,
}

#[derive(Debug, Args)]
pub(crate) struct Usage {
    #[command(flatten)]
    pub(crate) days: Days,
    /// Which cost
    #[arg(long, value_enum, default_value_t)]
    pub(crate) metric: Metric,
    /// Sum the rows up by these
    #[arg(long, value_enum, value_name = "WORD", value_delimiter = ',')]
    pub(crate) by: Vec<UsageBy>,
}

/// What usage rows can be summed up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum UsageBy {
    Day,
    Month,
    Subscription,
    ResourceGroup,
    Resource,
    Service,
    Meter,
    Region,
    ChargeType,
    PricingModel,
    Publisher,
    CostCenter,
    InvoiceSection,
}

#[derive(Debug, Args)]
pub(crate) struct Costs {
    #[command(flatten)]
    pub(crate) days: Days,
    /// Which cost
    #[arg(long, value_enum, default_value_t)]
    pub(crate) metric: Metric,
    /// Group by two at most: service, resource-group, subscription, resource, region, meter,
    /// charge-type, publisher, tag:NAME, or a dimension of Azure's such as BillingMonth
    #[arg(long, value_name = "WORD", value_delimiter = ',', value_parser = grouping)]
    pub(crate) by: Vec<GroupBy>,
    /// A row for each
    #[arg(long, value_enum, default_value_t)]
    pub(crate) granularity: Granularity,
}

/// Time that one row covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Granularity {
    /// All the days
    #[default]
    Total,
    Daily,
    Monthly,
}

#[derive(Debug, Args)]
pub(crate) struct Forecast {
    /// First day [default: today]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) from: Option<Date>,
    /// Last day [default: the last of the month of the first day]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) to: Option<Date>,
    /// Which cost
    #[arg(long, value_enum, default_value_t)]
    pub(crate) metric: Metric,
    /// Tell the days of the past, too
    #[arg(long)]
    pub(crate) with_actual: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Prices {
    /// Billing period of an Enterprise price sheet, such as 202611 [default: the current one]
    #[arg(long, value_name = "PERIOD", value_parser = billing_period, conflicts_with_all = ["retail", "rate_card"])]
    pub(crate) period: Option<String>,
    /// The price sheet of a billing profile as it was for this invoice
    #[arg(long, value_name = "NAME", conflicts_with_all = ["period", "retail", "rate_card"])]
    pub(crate) invoice: Option<String>,
    /// Save the price sheet of a billing profile or billing account as the file that Azure makes
    #[arg(long, value_name = "FILE", conflicts_with_all = ["retail", "rate_card"])]
    pub(crate) save: Option<PathBuf>,
    /// Replace the file of --save if it is there
    #[arg(long, requires = "save")]
    pub(crate) force: bool,
    /// Read the public price list; needs neither scope nor sign-in
    #[arg(long, conflicts_with = "rate_card")]
    pub(crate) retail: bool,
    /// Condition of the public price list, such as "serviceName eq 'Virtual Machines'"
    #[arg(long, value_name = "ODATA", requires = "retail")]
    pub(crate) filter: Option<String>,
    /// Read the rate card of a pay-as-you-go offer, such as MS-AZR-0003P
    #[arg(long, value_name = "OFFER")]
    pub(crate) rate_card: Option<String>,
    /// Currency of the public price list or rate card [default: USD]
    #[arg(long, value_name = "CODE", conflicts_with = "period")]
    pub(crate) currency: Option<Currency>,
    /// Country of the rate card
    #[arg(
        long,
        value_name = "CODE",
        default_value = "US",
        requires = "rate_card"
    )]
    pub(crate) region: String,
}

#[derive(Debug, Args)]
pub(crate) struct Invoices {
    /// Invoices of the days from this one [default: a year ago]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) from: Option<Date>,
    /// Until this one [default: today]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) to: Option<Date>,
    /// Save the invoice of this name as a PDF
    #[arg(long, value_name = "NAME", requires = "file")]
    pub(crate) download: Option<String>,
    /// Where to save it
    #[arg(short, long, value_name = "FILE", requires = "download")]
    pub(crate) file: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "download")]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Billing {
    /// Billing accounts that the identity may see, with their agreements
    Accounts,
    /// Billing profiles of a billing account (Customer Agreement)
    Profiles,
    /// Billing periods of a subscription
    Periods,
    /// What is on the invoices of a billing profile, line by line (Customer Agreement)
    Transactions(Transactions),
}

#[derive(Debug, Args)]
pub(crate) struct Transactions {
    #[command(flatten)]
    pub(crate) days: Days,
    /// What waits for an invoice, instead of what is on one
    #[arg(long)]
    pub(crate) unbilled: bool,
    /// All that is on this invoice; needs a billing account as --scope
    #[arg(long, value_name = "NAME", conflicts_with_all = ["unbilled", "from", "to"])]
    pub(crate) invoice: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Reservations {
    /// How well each reservation is used, by day or month
    Summaries(ReservationSummaries),
    /// What used each reservation, by day
    Details(ReservationUse),
    /// Purchases, refunds and exchanges
    Transactions(Days),
    /// What Azure advises to reserve
    Recommendations(Recommendations),
}

#[derive(Debug, Args)]
pub(crate) struct ReservationUse {
    #[command(flatten)]
    pub(crate) days: Days,
    /// Only this order, by its id; instead of --scope
    #[arg(long, value_name = "ID")]
    pub(crate) order: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReservationSummaries {
    #[command(flatten)]
    pub(crate) of: ReservationUse,
    /// A row for each month instead of each day
    #[arg(long)]
    pub(crate) monthly: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Recommendations {
    /// For one subscription, or shared by all
    #[arg(long, value_enum, default_value_t)]
    pub(crate) sharing: Sharing,
    /// Kind of resource, such as VirtualMachines or SQLDatabases
    #[arg(long, value_name = "KIND")]
    pub(crate) resource_type: Option<String>,
    /// Days that Azure looks at
    #[arg(long, value_enum, default_value_t)]
    pub(crate) look_back: LookBack,
}

/// Who would use a reservation.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Sharing {
    Single,
    #[default]
    Shared,
}

/// Days that a recommendation looks at.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum LookBack {
    #[value(name = "7")]
    Week,
    #[default]
    #[value(name = "30")]
    Month,
    #[value(name = "60")]
    TwoMonths,
}

#[derive(Debug, Args)]
pub(crate) struct Balance {
    /// Billing period of an Enterprise balance, such as 202611 [default: the current one]
    #[arg(long, value_name = "PERIOD", value_parser = billing_period, conflicts_with_all = ["lots", "events"])]
    pub(crate) period: Option<String>,
    /// List the credits and commitments that the balance is made of
    #[arg(long, conflicts_with = "events")]
    pub(crate) lots: bool,
    /// List what changed the balance
    #[arg(long)]
    pub(crate) events: bool,
    #[command(flatten)]
    pub(crate) days: Days,
}

#[derive(Debug, Args)]
pub(crate) struct Charges {
    #[command(flatten)]
    pub(crate) days: Days,
    /// Sum up those of a billing account by: billing-profile, invoice-section or customer
    /// (Customer and Partner Agreements)
    #[arg(long, value_name = "WORD")]
    pub(crate) by: Option<ChargesBy>,
}

/// What charges of a Customer Agreement can be summed up by.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ChargesBy {
    BillingProfile,
    InvoiceSection,
    Customer,
}

#[derive(Debug, Args)]
pub(crate) struct Dimensions {
    #[command(flatten)]
    pub(crate) days: Days,
    /// Only this one, such as service or BillingMonth
    #[arg(long, value_name = "DIMENSION", value_parser = dimension)]
    pub(crate) only: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Show this one with all that is known of it
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Alerts {
    /// Dismiss the alert of this name, which changes it at Azure
    #[arg(long, value_name = "NAME")]
    pub(crate) dismiss: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Mails {
    /// The private ones of whoever signs in, of no scope
    #[arg(long)]
    pub(crate) private: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Quantities {
    #[command(flatten)]
    pub(crate) days: Days,
    /// A row for each hour instead of each day
    #[arg(long)]
    pub(crate) hourly: bool,
    /// A row for each resource
    #[arg(long)]
    pub(crate) by_resource: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Exports {
    /// The exports of a scope
    List,
    /// The last runs of an export
    History {
        /// Its name
        name: String,
    },
    /// Let an export run now
    Run {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) days: Days,
    /// Which cost
    #[arg(long, value_enum, default_value_t)]
    pub(crate) metric: Metric,
    /// Folder for the files of the report
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    pub(crate) force: bool,
    /// Show the signed links of the files and save nothing. Whoever has a link can read its file
    #[arg(long)]
    pub(crate) reveal_links: bool,
}
