//! Logs on stderr, for those who ask for them.

use std::io;

use tracing_subscriber::EnvFilter;

/// Starts logging: `SPENDWATCH_LOG` (a filter such as `info` or `spendwatch=debug`) unless the
/// command line says how much.
pub(crate) fn start(verbose: u8) {
    let asked = std::env::var("SPENDWATCH_LOG").unwrap_or_default();
    let level = match verbose {
        0 if !asked.trim().is_empty() => asked.as_str(),
        // What goes wrong is part of the answer and is not said twice.
        0 => "off",
        // Other people's crates talk at every level below that.
        1 => "warn,spendwatch=info,state_store=info,alert_channels=info,azure_cost=info",
        2 => "info,spendwatch=debug,state_store=debug,alert_channels=debug,azure_cost=debug",
        _ => "trace",
    };
    let filter = EnvFilter::builder().parse(level);
    let filter = filter.unwrap_or_else(|error| {
        eprintln!("warning: SPENDWATCH_LOG is not a log filter: {error}");
        EnvFilter::new("warn")
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
}
