//! One HTTP request, taken apart once.

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::header::HOST;
use axum::http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::answer::Refusal;

/// A request with its path and query decoded.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// The path as it was written.
    pub(super) path: String,
    /// Its parts, decoded.
    pub(super) segments: Vec<String>,
    /// The query as it was written.
    pub(super) raw_query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    query: Vec<(String, String)>,
}

impl Request {
    pub(super) fn new(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Request {
        // Some of Microsoft's clients encode the slashes within a scope, so decoding comes first.
        let decoded = percent_decode_str(uri.path()).decode_utf8_lossy();
        let parts = decoded.split('/').filter(|part| !part.is_empty());
        let query = Query::<Vec<(String, String)>>::try_from_uri(uri);
        Request {
            method,
            path: uri.path().to_owned(),
            segments: parts.map(str::to_owned).collect(),
            raw_query: uri.query().unwrap_or_default().to_owned(),
            headers,
            body,
            query: query.map(|query| query.0).unwrap_or_default(),
        }
    }

    /// A query parameter; Azure does not mind the case of names. Empty means missing.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter();
        let found = query.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value).filter(|v| !v.is_empty())
    }

    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON of a known shape.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Refusal::bad_request(format!("The request body is invalid: {error}.")))
    }

    /// `http://` and the host that was asked. Links are written as the sandbox is reached, which
    /// is without TLS, and as Azure writes some of its own.
    pub(super) fn base(&self) -> String {
        let host = self.header(HOST.as_str()).unwrap_or("localhost");
        format!("http://{host}")
    }
}
