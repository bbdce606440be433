//! `import`: configuration for the budgets that Azure has. Nothing is written to Azure.

use anyhow::Context;
use azure_cost::Quotas;
use futures::stream;
use jiff::Timestamp;
use spendwatch::jobs::import::{self, Options};
use spendwatch::sources::{connect, native_connection};
use spendwatch::{App, Config, ConfigPlace, Environment};

use super::Exit;
use crate::args::{Global, Import, wrong_use};
use crate::output::{print_text, talk};
use crate::progress::Counting;
use crate::saving::Place;
use crate::setup;
use crate::words::counted;

pub(super) async fn run(global: &Global, options: &Import) -> anyhow::Result<Exit> {
    let place = match &options.file {
        Some(file) => Some(Place::new(file, options.force)?),
        None => None,
    };
    let environment = Environment::from_process();
    let app = match setup::find_config(global) {
        Some(path) => {
            let config = Config::load_without_budgets(&path)?;
            let place = ConfigPlace::Path(path);
            let state = setup::state_to_look_at(global, &environment, &place, true)?;
            Some(App::new(config, &environment, state)?)
        }
        None => None,
    };
    let config = app.as_ref().map(App::config);
    let mut scopes: std::collections::BTreeSet<_> = options.scope.iter().cloned().collect();
    if scopes.is_empty() {
        scopes = config.map(import::scopes).unwrap_or_default();
    }
    if scopes.is_empty() {
        return Err(wrong_use(
            "--scope is missing: no budget is configured whose scopes could be looked at",
        ));
    }
    let currency = options.currency.or(config.map(|one| one.currency));
    let currency = currency.ok_or_else(|| {
        wrong_use("--currency is missing: Azure's budgets name none, and there is no configuration")
    })?;
    let notify = match (&options.notify[..], config) {
        ([], Some(config)) => import::destinations(config),
        (named, Some(config)) => {
            check_channels(named, config)?;
            named.to_vec()
        }
        // Channels that are nowhere configured could not be read again.
        (_, None) => Vec::new(),
    };
    let connection = native_connection(config);
    let client = connect(&connection, &environment, &Quotas::new())?;
    let asked = Options {
        scopes,
        currency,
        notify,
        app: app.as_ref(),
        now: Timestamp::now(),
    };
    let counting = Counting::new("reading budgets", "scopes");
    let report = import::run(&client, &asked, &|done, all| counting.told(done, all)).await;
    counting.end();
    let report = report?;
    for note in &report.notes {
        talk(&format!("note: {}", plain(&note.to_string())));
    }
    for failure in &report.failures {
        let (scope, provider) = (&failure.scope, failure.provider);
        let problem = format!("error: {scope}: {provider}: {}", failure.problem);
        talk(&plain(&problem));
    }
    let nothing = report.budgets + report.described + report.rules == 0;
    match &place {
        Some(_) if nothing => talk("nothing to import: no file is written"),
        Some(place) => {
            let text = report.config.clone().into_bytes();
            let bytes = stream::iter([anyhow::Ok(text)]);
            place.save(None, bytes).await.context("save the budgets")?;
        }
        None => print_text(&report.config)?,
    }
    let rules = match report.rules {
        0 => String::new(),
        count => format!(", {}", counted(count, "anomaly alert", "anomaly alerts")),
    };
    talk(&format!(
        "{} imported, {} described as they are{rules}, {} kept already",
        counted(report.budgets, "budget", "budgets"),
        report.described,
        report.known
    ));
    Ok(match report.failures.is_empty() {
        true => Exit::Fine,
        false => Exit::Failed,
    })
}

fn check_channels(named: &[String], config: &Config) -> anyhow::Result<()> {
    let known = |name: &&String| *name == "owners" || config.channels.contains_key(*name);
    match named.iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => {
            let channels: Vec<&str> = config.channels.keys().map(String::as_str).collect();
            Err(wrong_use(format!(
                "--notify {name}: there is no [channel.{name}]; known are: owners, {}",
                channels.join(", ")
            )))
        }
    }
}

/// Names come from Azure, and must not speak to the terminal.
fn plain(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.collect()
}
