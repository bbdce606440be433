//! Logs on stderr, for those who ask for them.

use std::io;

use telemetry::Telemetry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Starts logging: `SPENDWATCH_LOG` (a filter such as `info` or `spendwatch=debug`) unless the
/// command line says how much.
pub(crate) fn start(verbose: u8) {
    // What goes wrong is part of the answer and is not said twice.
    tracing_subscriber::fmt()
        .with_env_filter(filter(verbose, "off"))
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
}

/// The same for a process that works on its own: what it does is in its log and nowhere else. Spans go to
/// telemetry as well.
pub(crate) fn start_service(verbose: u8, json: bool, telemetry: &Telemetry) {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(false);
    let lines = match json {
        true => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
        false => lines.boxed(),
    };
    let spans = telemetry.layer().with_filter(LevelFilter::INFO);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter(verbose, QUIET)))
        .with(spans)
        .init();
}

/// What is logged with `-v`: other people's crates talk at every level below that.
const QUIET: &str = "warn,spendwatch=info,state_store=info,alert_channels=info,azure_cost=info";

fn filter(verbose: u8, default: &str) -> EnvFilter {
    let asked = std::env::var("SPENDWATCH_LOG").unwrap_or_default();
    let level = match verbose {
        0 if !asked.trim().is_empty() => asked.as_str(),
        0 => default,
        1 => QUIET,
        2 => "info,spendwatch=debug,state_store=debug,alert_channels=debug,azure_cost=debug",
        _ => "trace",
    };
    let filter = EnvFilter::builder().parse(level);
    filter.unwrap_or_else(|error| {
        eprintln!("warning: SPENDWATCH_LOG is not a log filter: {error}");
        EnvFilter::new("warn")
    })
}
