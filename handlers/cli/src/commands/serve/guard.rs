//! Who may call the API.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// A key that cannot be guessed has at least so many characters.
pub(super) const SHORTEST_KEY: usize = 24;
/// What needs no key, as in the function app: pages behind signed links, and probes.
const OPEN: [&str; 4] = [
    "/api/answer",
    "/api/approve-action",
    "/api/health",
    "/api/ready",
];

/// Lets in who shows the key: in `Authorization: Bearer`, in `x-functions-key`, or as `code` in the query,
/// the ways of the Functions host.
pub(super) async fn by_key(
    State(key): State<Arc<SecretString>>,
    request: Request,
    next: Next,
) -> Response {
    let is_open = OPEN.contains(&request.uri().path());
    if is_open || shown(&request).is_some_and(|shown| is_same(&shown, key.expose_secret())) {
        return next.run(request).await;
    }
    let problem = serde_json::json!({ "error": { "message":
        "the key is missing or wrong: send it in the header x-functions-key" } });
    (StatusCode::UNAUTHORIZED, axum::Json(problem)).into_response()
}

/// The key that a request shows.
fn shown(request: &Request) -> Option<String> {
    let header = |name| request.headers().get(name)?.to_str().ok();
    if let Some(key) = header(HeaderName::from_static("x-functions-key")) {
        return Some(key.to_owned());
    }
    let bearer = header(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    if let Some(key) = bearer {
        return Some(key.trim().to_owned());
    }
    let query = request.uri().query()?.as_bytes();
    let mut pairs = url::form_urlencoded::parse(query);
    pairs.find_map(|(name, value)| (name == "code").then(|| value.into_owned()))
}

/// Compares digests, so that the time it takes tells nothing of the key.
fn is_same(left: &str, right: &str) -> bool {
    Sha256::digest(left) == Sha256::digest(right)
}

/// Without a key: refuses what a page in somebody's browser could send.
pub(super) async fn from_here(request: Request, next: Next) -> Response {
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
