//! The command line: commands, options and their help.

pub(crate) mod answers;
pub(crate) mod azure;
pub(crate) mod forecast;

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use budget_engine::{Currency, LARGEST_AMOUNT, Scope};
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use jiff::SignedDuration;
use jiff::civil::Date;
use native_budgets::Named;
use rust_decimal::Decimal;

use crate::output::Format;

const AFTER_HELP: &str = "\
Exit codes:
  0  all is fine
  1  something failed; a budget that could not be evaluated is a failure, and so is an alert that
     does not come out again (explain)
  2  the command line is wrong
  3  a threshold of spend or forecast is crossed (evaluate, status), or Azure's own budgets are not
     as configured (plan)

Without a command, `spendwatch` shows `status` if there is a configuration, and otherwise runs an
example with made-up data in the current folder.";

/// Watches Azure spending against budgets, and tells people in time.
#[derive(Debug, Parser)]
#[command(name = "spendwatch", version = build_info::VERSION, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Configuration file, or folder of *.toml files [default: ./spendwatch.toml or ./spendwatch/]
    #[arg(
        short,
        long,
        global = true,
        value_name = "PATH",
        env = "SPENDWATCH_CONFIG",
        hide_env_values = true
    )]
    pub(crate) config: Option<PathBuf>,
    /// Where decisions and deliveries are kept: a folder, or `memory` [default: .spendwatch beside
    /// the configuration] [env: SPENDWATCH_STATE=]
    // Not read by the parser: the variable may hold a signed URL, and its meaning is the application's.
    #[arg(long, global = true, value_name = "DIR|memory")]
    pub(crate) state: Option<String>,
    /// How data are written to stdout
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    pub(crate) output: Format,
    /// Logs to stderr: -v what was done, -vv details, -vvv everything [env: SPENDWATCH_LOG=]
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read costs, decide, record, and tell people what is due
    Evaluate(Evaluate),
    /// Show where all budgets stand; nothing is written or sent
    Status(Status),
    /// Show where periods are expected to end, and when budgets are reached
    Forecast(forecast::Forecast),
    /// Find days of unusual cost in the budgets; nothing is written or sent
    Anomalies(forecast::Anomalies),
    /// Replay past periods: what the budgets would have told, and whether in time; nothing is sent
    Backtest(Backtest),
    /// Propose amounts and thresholds from what was spent, each with its backtest
    Suggest(Suggest),
    /// Show what has to be done so that Azure's own budgets are as configured; nothing is written
    Plan(Plan),
    /// Create, update and replace Azure's own budgets as configured, after showing the plan
    Apply(Apply),
    /// Find all mistakes of a configuration; nothing is read from Azure or sent
    Check(Check),
    /// Turn the budgets that Azure has into configuration, on stdout as TOML; Azure stays as it is
    Import(Import),
    /// Show our alerts, and those that Azure has raised; dismiss one at Azure
    Alerts(Alerts),
    /// Say that you know of an alert: nobody is reminded of it until it fires again
    Ack(answers::Ack),
    /// Hold notices back for a while, with a reason; `end` lets them go
    Silence(answers::Silence),
    /// List silences
    Silences,
    /// Work an alert out again from what is stored: the same, or different, figure by figure
    Explain(answers::Explain),
    /// List what became of notices
    Deliveries(answers::Deliveries),
    /// Show what is done because budgets reached an amount; approve it, do it, or undo it
    Actions(Actions),
    /// Send a test notice through a channel, at once
    Probe(Probe),
    /// Evaluate and deliver on a schedule, and serve the HTTP API on this machine
    Serve(Serve),
    /// Ask a running `serve` whether all is well: for health checks of containers
    Health(Health),
    /// Show what Azure's cost APIs say: usage, costs, prices, reservations, balances and more
    Azure(Box<azure::Azure>),
    /// Serve a made-up bill the way Azure's cost APIs do, on this machine
    Sandbox(Sandbox),
    /// Print the JSON Schema of configuration files, for editors
    Schema,
    /// Print the completions of a shell
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands into a folder
    Man(Pages),
}

#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// Decide only: nothing is recorded or sent
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Decide as on this day at noon UTC, as if nothing had been told before; implies --dry-run
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) as_of: Option<Date>,
    /// Evaluate only this budget; may be repeated
    #[arg(long, value_name = "BUDGET")]
    pub(crate) only: Vec<String>,
    /// Write notices as files into this folder instead of sending them; they count as told
    #[arg(long, value_name = "DIR", conflicts_with_all = ["dry_run", "as_of", "no_deliver"])]
    pub(crate) outbox: Option<PathBuf>,
    /// Record decisions, but leave their notices for a later run
    #[arg(long)]
    pub(crate) no_deliver: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Status {
    /// Show the status as on this day at noon UTC, as if nothing had been told before
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) as_of: Option<Date>,
}

#[derive(Debug, Args)]
pub(crate) struct Backtest {
    /// Only these budgets
    #[arg(value_name = "BUDGET")]
    pub(crate) budgets: Vec<String>,
    /// Only this budget, too; may be repeated
    #[arg(long, value_name = "BUDGET")]
    pub(crate) only: Vec<String>,
    /// How many complete periods to replay
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=36))]
    pub(crate) periods: u32,
    /// Replay as if this were the planned amount
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    pub(crate) amount: Option<Decimal>,
    /// Replay the periods before this day, with the final costs only
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) as_of: Option<Date>,
}

#[derive(Debug, Args)]
pub(crate) struct Suggest {
    /// Only these budgets
    #[arg(value_name = "BUDGET")]
    pub(crate) budgets: Vec<String>,
    /// Only this budget, too; may be repeated
    #[arg(long, value_name = "BUDGET")]
    pub(crate) only: Vec<String>,
    /// Propose a whole budget for this scope, which need not have one; may be repeated
    #[arg(long, value_name = "PATH", conflicts_with_all = ["budgets", "only"])]
    pub(crate) scope: Vec<Scope>,
    /// Propose a whole budget for each subscription and resource group that costs something and that
    /// no budget counts
    #[arg(long, conflicts_with_all = ["budgets", "only", "scope"])]
    pub(crate) uncovered: bool,
    /// How many complete periods to look back at
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(3..=36))]
    pub(crate) periods: u32,
    /// In how many periods the amount may be reached [default: one in six]
    #[arg(long, value_name = "N")]
    pub(crate) breaches: Option<u32>,
    /// How many days ahead a warning is to come
    #[arg(long, value_name = "DAYS", default_value_t = 3)]
    pub(crate) days_ahead: u32,
    /// Print the budgets with the proposals in them, as TOML to paste, whatever --output says
    #[arg(long)]
    pub(crate) snippet: bool,
    /// Look back from this day
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) as_of: Option<Date>,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) native: NativeOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) native: NativeOptions,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Which of Azure's own budgets are looked at, and which may be deleted.
#[derive(Debug, Args)]
pub(crate) struct NativeOptions {
    /// Only this budget, by its id or its name in Azure; may be repeated
    #[arg(long, value_name = "BUDGET")]
    pub(crate) only: Vec<String>,
    /// Delete budgets and anomaly alerts that were created here and are not configured any more
    #[arg(long)]
    pub(crate) prune: bool,
    /// Delete this budget in Azure though it was created elsewhere: its name, SCOPE=NAME, or its id;
    /// may be repeated
    #[arg(long, value_name = "BUDGET", value_parser = budget_to_delete)]
    pub(crate) delete: Vec<Named>,
    /// The same of an anomaly alert
    #[arg(long, value_name = "RULE", value_parser = rule_to_delete)]
    pub(crate) delete_rule: Vec<Named>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Configuration to check instead of the one of --config
    #[arg(value_name = "PATH")]
    pub(crate) path: Option<PathBuf>,
    /// Ask the sources, too: which API works for each scope, and which role is missing
    #[arg(long)]
    pub(crate) online: bool,
    /// Check what a deployment needs to work: settings, identity, rights, storage, queues, channels, clock and
    /// the age of data. Of the function app or service at this address, with its key in SPENDWATCH_API_KEY;
    /// without an address, of this process and its settings
    #[arg(
        long,
        value_name = "URL",
        num_args = 0..=1,
        conflicts_with_all = ["path", "online"]
    )]
    pub(crate) deployment: Option<Option<url::Url>>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Look at this scope; may be repeated [default: all scopes of the configuration]
    #[arg(long, value_name = "PATH")]
    pub(crate) scope: Vec<Scope>,
    /// Write into this file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "file")]
    pub(crate) force: bool,
    /// Currency of budgets whose spend Azure does not show [default: the configuration's]
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<Currency>,
    /// Channel of our own notices, or `owners`; may be repeated [default: owners if there is one
    /// channel for mail, else the fallback]
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) notify: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Probe {
    /// Name of the channel: [channel.NAME]
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) channel: Option<String>,
    /// Test every channel
    #[arg(long)]
    pub(crate) all: bool,
    /// Mail this address instead of the channel's own recipients
    #[arg(long, value_name = "ADDRESS", conflicts_with = "all")]
    pub(crate) to: Option<String>,
    /// Send a notice to look at, such as crossing, forecast or correction, instead of a plain test
    #[arg(long, value_name = "NAME")]
    pub(crate) sample: Option<String>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Alerts {
    #[command(subcommand)]
    pub(crate) verb: Option<AlertVerb>,
    #[command(flatten)]
    pub(crate) list: ListAlerts,
}

/// What is done with alerts; they are listed without one.
#[derive(Debug, Subcommand)]
pub(crate) enum AlertVerb {
    /// List them: of budgets, credits, quotas, invoices and anomalies
    List(ListAlerts),
    /// Dismiss an alert at Azure; ours stay as they are
    Dismiss {
        /// Name of the alert, as the list shows it
        alert: String,
        /// Its scope
        #[arg(short, long, value_name = "PATH")]
        scope: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Default, Args)]
pub(crate) struct ListAlerts {
    /// Azure's alerts at this scope instead of all that budgets count; may be repeated
    #[arg(short, long, value_name = "PATH", conflicts_with = "ours")]
    pub(crate) scope: Vec<String>,
    /// Only ours: Azure is not asked
    #[arg(long)]
    pub(crate) ours: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Actions {
    #[command(subcommand)]
    pub(crate) verb: Option<ActionVerb>,
}

/// What is done with actions; they are listed without one.
#[derive(Debug, Subcommand)]
pub(crate) enum ActionVerb {
    /// List all actions, the newest first
    List,
    /// Show one action: why, what it changes, and its audit record
    Show {
        /// Id of the action, or the first characters of it, at least four
        id: String,
    },
    /// Approve an action that waits for it, in your name
    Approve {
        /// Id of the action, or the first characters of it, at least four
        id: String,
    },
    /// Do what is due: all actions, or one
    Run {
        /// Id of the action, or the first characters of it, at least four
        id: Option<String>,
        /// Only look at what one action would change now
        #[arg(long, requires = "id")]
        dry_run: bool,
    },
    /// Undo an action now instead of at the end of its period
    Undo {
        /// Id of the action, or the first characters of it, at least four
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address of the HTTP API; one that others can reach needs a key
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// File with the key that callers of the API must show [env: SPENDWATCH_API_KEY=the key itself]
    #[arg(long, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Time between two evaluations, such as 90m or 4h
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = duration)]
    pub(crate) every: Duration,
    /// Time between two looks at Azure's own budgets
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub(crate) sync_every: Duration,
    /// Time that work in progress has after a request to stop, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 25)]
    pub(crate) grace: u64,
    /// Log one JSON object a line
    #[arg(long)]
    pub(crate) json_logs: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Where it listens
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    pub(crate) address: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// A scenario that is built in (example, enterprise, customer, pay-as-you-go, partner) or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "enterprise")]
    pub(crate) scenario: String,
    /// Loopback address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7071", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// What goes wrong: a JSON file, added to the faults of the scenario
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// The day on which the bill is looked at [default: the scenario's]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) today: Option<Date>,
    /// Print a built-in scenario (enterprise, customer, pay-as-you-go, partner), to start one's own
    /// from, and end
    #[arg(long, value_name = "NAME", conflicts_with_all = ["scenario", "listen", "faults", "today", "write_costs"])]
    pub(crate) print_scenario: Option<String>,
    /// Write the costs as a CSV file, the way Azure exports them, and end
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "faults"])]
    pub(crate) write_costs: Option<PathBuf>,
    /// Replace the file of --write-costs if it is there
    #[arg(long, requires = "write_costs")]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Pages {
    /// Write one page per command into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

/// What is wrong with the command line, where only the command itself can tell: exit code 2.
#[derive(Debug)]
pub(crate) struct WrongUse(String);

/// Says that the command line is wrong.
pub(crate) fn wrong_use(message: impl Display) -> anyhow::Error {
    WrongUse(message.to_string()).into()
}

impl Display for WrongUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUse {}

impl WrongUse {
    /// The message with the usage of the command that was called.
    pub(crate) fn explained(&self, called: &ArgMatches) -> clap::Error {
        let mut all = Cli::command();
        all.build();
        let (mut command, mut called) = (&all, called);
        while let Some((name, inner)) = called.subcommand()
            && let Some(found) = command.find_subcommand(name)
        {
            (command, called) = (found, inner);
        }
        command.clone().error(ErrorKind::ValueValidation, self)
    }
}

fn budget_to_delete(text: &str) -> Result<Named, String> {
    match text.to_ascii_lowercase().contains("/scheduledactions/") {
        true => Err("this is an anomaly alert: use --delete-rule".to_owned()),
        false => text.parse(),
    }
}

fn rule_to_delete(text: &str) -> Result<Named, String> {
    match text.to_ascii_lowercase().contains("/budgets/") {
        true => Err("this is a budget: use --delete".to_owned()),
        false => text.parse(),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<SignedDuration>()
        .ok()
        .and_then(|time| Duration::try_from(time).ok())
        .filter(|time| *time >= Duration::from_secs(60))
        .ok_or_else(|| "expected a time of at least a minute, such as 90m or 4h".to_owned())
}

fn amount(text: &str) -> Result<Decimal, String> {
    text.parse()
        .ok()
        .filter(|amount| (Decimal::ONE / Decimal::ONE_THOUSAND..=LARGEST_AMOUNT).contains(amount))
        .ok_or_else(|| "expected an amount such as 5000 or 99.50".to_owned())
}

fn date(text: &str) -> Result<Date, String> {
    text.parse()
        .ok()
        .filter(|_| text.len() == 10)
        .ok_or_else(|| "expected a date such as 2026-11-18".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_has_an_option_that_every_command_has() {
        // The parser would give one the value of the other, and says nothing.
        let command = Cli::command();
        let global = command.get_arguments().map(clap::Arg::get_id);
        let global: Vec<&clap::Id> = global.collect();
        let mut below: Vec<&clap::Command> = command.get_subcommands().collect();
        while let Some(one) = below.pop() {
            for option in one.get_arguments() {
                let name = (one.get_name(), option.get_id());
                assert!(!global.contains(&option.get_id()), "{name:?}");
            }
            below.extend(one.get_subcommands());
        }
    }

    #[test]
    fn dates_are_iso_dates() {
        assert!(date("2026-11-18").is_ok());
        for bad in ["18.11.2026", "20261118", "2026-11-31", "2026-11-18T00:00"] {
            assert!(date(bad).is_err(), "{bad}");
        }
    }
}
