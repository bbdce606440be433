//! `spendwatch serve`: the jobs on a schedule and the HTTP API, without the Functions host.

use std::sync::Arc;

use anyhow::{Context, ensure};
use function_app::{Lazy, api};
use spendwatch::jobs::work;
use tokio::net::TcpListener;

use super::Exit;
use crate::args::{Global, Serve};
use crate::setup::{self, State};

/// Works until Ctrl-C or SIGTERM. A stop at any point loses nothing: the next start goes on.
pub(crate) async fn run(global: &Global, options: &Serve) -> anyhow::Result<Exit> {
    ensure!(
        options.listen.ip().is_loopback(),
        "{} is not a loopback address: the API asks for no key, so it is served to this machine only",
        options.listen
    );
    let app = Arc::new(setup::app(global, State::Written, None)?);
    // A plan that cannot work is an error now, not in the log of the first evaluation.
    app.reads()?;
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("listen on {}", options.listen))?;
    eprintln!(
        "the API is at http://{}/api/status; Ctrl-C stops",
        listener.local_addr()?
    );
    let router = api::router(Arc::new(Lazy::opened(Arc::clone(&app))));
    let work = work::run(
        app,
        work::Options {
            evaluate_every: options.every,
            ..Default::default()
        },
    );
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served.context("serve the API")?,
        () = work => {}
        () = stopped() => eprintln!("stopped"),
    }
    Ok(Exit::Fine)
}

/// Ctrl-C, or SIGTERM where there is one.
async fn stopped() {
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
