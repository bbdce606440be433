//! Posting to an action group's webhook on this machine.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{Request, StatusCode};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::alerts::Post;

/// How long a receiver has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Posts, and gives the status of the answer or what went wrong.
pub(super) async fn send(post: &Post) -> Result<StatusCode, String> {
    let sent = tokio::time::timeout(PATIENCE, exchange(post)).await;
    let sent = sent.map_err(|_| "no answer in time".to_owned())?;
    sent.map_err(|error| error.to_string())
}

async fn exchange(post: &Post) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let host = post.url.host().unwrap_or("127.0.0.1");
    let port = post.url.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let path = post.url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::post(path)
        .header(HOST, format!("{host}:{port}"))
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(post.body.to_string()))?;
    let response = sender.send_request(request).await?;
    driver.abort();
    Ok(response.status())
}
