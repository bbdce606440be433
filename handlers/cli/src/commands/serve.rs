//! `spendwatch serve`: the jobs on a schedule and the HTTP API, without the Functions host.

mod guard;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::extract::State as Given;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use function_app::api;
use secrecy::SecretString;
use spendwatch::jobs::work;
use spendwatch::{Environment, Live};
use telemetry::{Setup, Telemetry};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Exit;
use crate::args::{Global, Serve};
use crate::{logs, setup};

/// Works until Ctrl-C or SIGTERM; then it takes nothing new, ends what it has begun, and goes. A stop at any
/// point loses nothing: the next start goes on.
pub(crate) async fn run(global: &Global, options: &Serve) -> anyhow::Result<Exit> {
    let environment = Environment::from_process();
    let key = key(options, &environment)?;
    ensure!(
        options.listen.ip().is_loopback() || key.is_some(),
        "{} can be reached from elsewhere, so callers must show a key: name a file that holds it with \
         --api-key-file, or set SPENDWATCH_API_KEY",
        options.listen
    );
    let telemetry = Telemetry::start(
        Setup {
            service: "spendwatch",
            version: build_info::VERSION,
            prometheus: true,
            credential: spendwatch::telemetry_credential(&environment),
        },
        environment.variables(),
    )?;
    logs::start_service(global.verbose, options.json_logs, &telemetry);
    let place = setup::config_place(global)?;
    let state = setup::location_for(global, &environment, &place)?;
    let live = Arc::new(Live::at(place, state, environment));
    // A plan that cannot work is an error now, not in the log of the first evaluation.
    live.app().await?.reads()?;
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("listen on {}", options.listen))?;
    eprintln!(
        "the API is at http://{}/api/status; Ctrl-C stops",
        listener.local_addr()?
    );
    let (stop, stopping) = watch::channel(false);
    let work = work::run(
        Arc::clone(&live),
        work::Options {
            evaluate_every: options.every,
            sync_every: options.sync_every,
            ..Default::default()
        },
        stopping.clone(),
    );
    let router = router(live, telemetry.clone(), key, stopping.clone());
    let mut ending = stopping;
    let served = axum::serve(listener, router).with_graceful_shutdown(async move {
        // The sender lives as long as this function.
        let _ = ending.wait_for(|stop| *stop).await;
    });
    let signal = async {
        stopped().await;
        eprintln!("stopping");
        stop.send_replace(true);
        tokio::time::sleep(Duration::from_secs(options.grace)).await;
    };
    tokio::select! {
        (served, ()) = async { tokio::join!(async { served.await }, work) } => served.context("serve the API")?,
        () = signal => eprintln!("what is left is done by the next start"),
    }
    telemetry.flush().await;
    eprintln!("stopped");
    Ok(Exit::Fine)
}

/// The key of the API, if there is one.
fn key(options: &Serve, environment: &Environment) -> anyhow::Result<Option<SecretString>> {
    let given = match &options.api_key_file {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            Some(text.with_context(|| format!("read the key of the API in {}", path.display()))?)
        }
        None => environment.get("SPENDWATCH_API_KEY").map(str::to_owned),
    };
    let Some(key) = given else { return Ok(None) };
    let key = key.trim();
    ensure!(
        key.len() >= guard::SHORTEST_KEY,
        "the key of the API has {} characters and needs at least {}: openssl rand -hex 24 makes one",
        key.len(),
        guard::SHORTEST_KEY
    );
    Ok(Some(key.to_owned().into()))
}

/// The API of the function app, readiness for whoever starts this process, and metrics.
fn router(
    live: Arc<Live>,
    telemetry: Telemetry,
    key: Option<SecretString>,
    stopping: watch::Receiver<bool>,
) -> Router {
    let ready = Router::new()
        .route("/api/ready", get(ready))
        .with_state((Arc::clone(&live), stopping));
    let metrics = Router::new()
        .route("/api/metrics", get(metrics))
        .with_state(telemetry);
    let router = ready.merge(metrics).fallback_service(api::router(live));
    match key {
        Some(key) => router.layer(from_fn_with_state(Arc::new(key), guard::by_key)),
        None => router.layer(from_fn(guard::from_here)),
    }
}

/// 200 when the configuration is in use and the store answers, 503 before that and while it stops.
async fn ready(Given((live, stopping)): Given<(Arc<Live>, watch::Receiver<bool>)>) -> Response {
    let is_ready = async {
        if *stopping.borrow() {
            return false;
        }
        match live.app().await {
            Ok(app) => app.pulse().await.is_ok(),
            Err(_) => false,
        }
    };
    let is_ready = is_ready.await;
    let status = match is_ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(serde_json::json!({ "ready": is_ready }))).into_response()
}

/// All metrics in the text format of Prometheus.
async fn metrics(Given(telemetry): Given<Telemetry>) -> Response {
    match telemetry.prometheus() {
        Some(text) => (
            [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
            text,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Ctrl-C, or SIGTERM where there is one.
pub(super) async fn stopped() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    interrupted.await;
}
