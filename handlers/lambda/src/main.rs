//! The jobs on AWS Lambda, for teams that host there: a function that a schedule of EventBridge calls.
//!
//! State and queues stay in Azure Storage. No message wakes a function there, so each call works the
//! queues off itself, as long as it has time.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a panic is how a test reports")
)]

mod event;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use spendwatch::{App, Environment, Live, jobs};
use tokio::time::Instant;
use tracing_subscriber::EnvFilter;

use crate::event::Job;

/// What is left of the time that a call has, for its answer and the last writes.
const RESERVE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        // Nobody is told when nobody listens.
        let _ = writeln!(
            std::io::stdout(),
            "spendwatch-lambda {}",
            build_info::VERSION
        );
        return ExitCode::SUCCESS;
    }
    let environment = Environment::from_process();
    if environment.get("AWS_LAMBDA_RUNTIME_API").is_none() {
        eprintln!(
            "error: this program is started by AWS Lambda; on a terminal use `spendwatch serve`"
        );
        return ExitCode::FAILURE;
    }
    log_to_stdout(&environment);
    spendwatch::install_crypto();
    let served = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")
        .and_then(|runtime| runtime.block_on(serve(environment)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(environment: Environment) -> anyhow::Result<()> {
    let live = Live::from_environment(environment);
    let answer = async |event: LambdaEvent<Value>| {
        let until = until(event.context.deadline);
        run(&live, &event.payload, until).await.map_err(|error| {
            // The runtime reports the outermost message only.
            let message = format!("{error:#}");
            tracing::error!(error = message, "the call failed");
            lambda_runtime::Error::from(message)
        })
    };
    lambda_runtime::run(service_fn(answer))
        .await
        .map_err(|error| anyhow::anyhow!(error))
}

/// When work has to stop, by the moment at which Lambda ends the call, in milliseconds since 1970.
fn until(deadline: u64) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let left = Duration::from_millis(deadline).saturating_sub(now.unwrap_or_default());
    Instant::now() + left.saturating_sub(RESERVE)
}

/// Does what an event asks for, and then what waits. What the time does not suffice for is left to the
/// next call, which is no failure: work that is cut off is begun again.
async fn run(live: &Live, event: &Value, until: Instant) -> anyhow::Result<Value> {
    let job = Job::of(event)?;
    let worked = async {
        let app = live.app().await?;
        begin(&app, job).await?;
        jobs::work::drain_until(&app, until).await
    };
    let done = match tokio::time::timeout_at(until, worked).await {
        Ok(done) => Some(done?),
        Err(_) => None,
    };
    let complete = done.is_some() && Instant::now() < until;
    tracing::info!(
        job = job.name(),
        messages = done,
        complete,
        "the call is done"
    );
    Ok(json!({ "job": job.name(), "messages": done, "complete": complete }))
}

async fn begin(app: &App, job: Job) -> anyhow::Result<()> {
    match job {
        Job::Evaluate => jobs::work::enqueue_reads(app).await.map(drop),
        Job::Sweep => jobs::sweep::run(app).await.map(drop),
        Job::SyncBudgets => sync(app).await,
        Job::Deliver => Ok(()),
    }
    .with_context(|| format!("begin {}", job.name()))
}

/// Nothing, if the configuration says nothing of Azure's own budgets.
async fn sync(app: &App) -> anyhow::Result<()> {
    let native = &app.config().native;
    if native.settings.is_empty() && native.budgets.is_empty() && native.anomaly_alerts.is_empty() {
        return Ok(());
    }
    jobs::sync::run(app).await.map(drop)
}

/// One JSON object a line, which the log group keeps as it is.
fn log_to_stdout(environment: &Environment) {
    let asked = environment.get("SPENDWATCH_LOG").unwrap_or("info");
    let (filter, wrong) = match EnvFilter::builder().parse(asked) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .init();
    if let Some(error) = wrong {
        let error = error.to_string();
        tracing::warn!(
            error,
            "SPENDWATCH_LOG is not a log filter, so `info` is taken"
        );
    }
}
