//! `spendwatch serve`: the jobs on a schedule and the HTTP API, without the Functions host.

use std::sync::Arc;

use anyhow::{Context, ensure};
use axum::extract::Request;
use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
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
    let router = api::router(Arc::new(Lazy::opened(Arc::clone(&app)))).layer(from_fn(ours_only));
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

/// Refuses what a page in somebody's browser could send.
async fn ours_only(request: Request, next: Next) -> Response {
    if is_ours(request.headers()) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

/// Whether a request is for this machine by name, and from no other origin.
fn is_ours(headers: &HeaderMap) -> bool {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = header(HOST).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    // A page that tells its address to nobody has no origin either, and the browser says `null`; no
    // page can say by itself that it is of the same origin.
    let is_own_page = header(HeaderName::from_static("sec-fetch-site")) == Some("same-origin");
    let origin = header(ORIGIN)
        .map(|origin| origin == format!("http://{host}") || (origin == "null" && is_own_page));
    matches!(name, "localhost" | "127.0.0.1" | "[::1]") && origin.unwrap_or(true)
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
