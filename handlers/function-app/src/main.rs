//! The Azure Functions custom handler.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use function_app::router;
use spendwatch::{Environment, Live};
use telemetry::{Setup, Telemetry};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// The port, by its present and its former name.
const PORTS: [&str; 2] = ["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"];

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        // Nobody is told when nobody listens.
        let _ = writeln!(
            std::io::stdout(),
            "spendwatch-functions {}",
            build_info::VERSION
        );
        return ExitCode::SUCCESS;
    }
    // Two workers, so that one that computes never keeps the host waiting for `GET /`.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the runtime does not start: {error}")),
    };
    let exit = runtime.block_on(serve());
    // A stop does not wait for a file that is being read.
    runtime.shutdown_background();
    exit
}

async fn serve() -> ExitCode {
    let environment = Environment::from_process();
    let port = match port(&environment) {
        Ok(port) => port,
        Err(message) => return fail(&message),
    };
    // The host waits for the port, so nothing slow comes before this.
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => listener,
        Err(error) => return fail(&format!("cannot listen on 127.0.0.1:{port}: {error}")),
    };
    one_line_panics();
    spendwatch::install_crypto();
    let telemetry = start_telemetry(&environment);
    let live = Arc::new(Live::from_environment(environment));
    let served =
        axum::serve(listener, router(live, telemetry.clone())).with_graceful_shutdown(terminated());
    // In-flight work may be cut off at any point anyway, so a stop does not wait for it for long.
    let outcome = tokio::select! {
        outcome = served => outcome,
        () = async { terminated().await; tokio::time::sleep(GRACE).await } => Ok(()),
    };
    // Each invocation has sent its own; what is left must not keep the host waiting.
    let _ = tokio::time::timeout(LAST_FLUSH, telemetry.flush()).await;
    match outcome {
        // Zero would tell the host not to start us again.
        Ok(()) => ExitCode::from(STOPPED),
        Err(error) => fail(&format!("the server stopped: {error}")),
    }
}

/// How long the last telemetry may take.
const LAST_FLUSH: std::time::Duration = std::time::Duration::from_millis(300);
/// How long short work may go on after SIGTERM.
const GRACE: std::time::Duration = std::time::Duration::from_millis(700);
/// Exit code after SIGTERM, as a shell reports it.
const STOPPED: u8 = 143;

fn port(environment: &Environment) -> Result<u16, String> {
    let Some((name, value)) = PORTS
        .iter()
        .find_map(|name| Some((name, environment.get(name)?)))
    else {
        return Err(format!(
            "{} is not set: this program is started by the Azure Functions host; on a terminal use \
             `spendwatch serve`",
            PORTS[0]
        ));
    };
    value
        .parse()
        .map_err(|_| format!("{name} is `{value}`, which is not a port"))
}

fn fail(message: &str) -> ExitCode {
    // One line: the host attaches the last lines of stderr to its exit event.
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::FAILURE
}

/// Logs go to stdout as one JSON object a line, because the host reads stderr as errors; spans and metrics
/// to whom the environment names. Settings that cannot be used are logged: budgets are watched without.
fn start_telemetry(environment: &Environment) -> Telemetry {
    let asked = environment.get("SPENDWATCH_LOG").unwrap_or("info");
    let (filter, wrong) = match EnvFilter::builder().parse(asked) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let setup = Setup {
        service: "spendwatch",
        version: build_info::VERSION,
        prometheus: false,
        credential: spendwatch::telemetry_credential(environment),
    };
    let (telemetry, problem) = match Telemetry::start(setup, environment.variables()) {
        Ok(telemetry) => (telemetry, None),
        Err(error) => (Telemetry::default(), Some(error)),
    };
    let logs = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(std::io::stdout)
        .with_filter(filter);
    let spans = telemetry.layer().with_filter(LevelFilter::INFO);
    tracing_subscriber::registry().with(logs).with(spans).init();
    if let Some(error) = wrong {
        let error = error.to_string();
        tracing::warn!(
            error,
            "SPENDWATCH_LOG is not a log filter, so `info` is taken"
        );
    }
    if let Some(error) = problem {
        tracing::error!(error = format!("{error:#}"), "telemetry is not exported");
    }
    telemetry
}

/// A panic is one line on stderr with its place, instead of several that become several errors.
fn one_line_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let payload = panic.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        let _ = writeln!(
            std::io::stderr(),
            "panic at {place}: {}",
            message.replace('\n', " ")
        );
    }));
}

async fn terminated() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut signal) = signal(SignalKind::terminate()) {
            signal.recv().await;
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
