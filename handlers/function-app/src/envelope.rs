//! The Functions host's envelope: what it posts, and what it wants back.
//!
//! The host writes most values as JSON text inside a JSON string; older builds and the documentation
//! differ. Reading is therefore tolerant: one level of such wrapping is taken off where it is
//! found. Nothing in `Metadata` is trusted: properties of a queue message can overwrite it.

use std::collections::BTreeMap;

use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An invocation of one function.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Invocation {
    /// Values of the input bindings, by name.
    #[serde(default)]
    pub data: BTreeMap<String, Value>,
}

/// The answer to an invocation. Serialized it is always a JSON object with all three members: an
/// empty body would leave the invocation hanging until the host's time limit.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reply {
    /// Values of the output bindings, by name.
    pub outputs: BTreeMap<&'static str, Value>,
    /// Lines that the host logs with the invocation.
    pub logs: Vec<String>,
    /// Not used: no function has a `$return` binding.
    pub return_value: Option<Value>,
}

/// How many log lines a reply carries, and how long they may be.
const LOG_LINES: usize = 20;
const LOG_LENGTH: usize = 500;

impl Reply {
    /// A reply that says something.
    pub fn log(line: impl Into<String>) -> Reply {
        let mut reply = Reply::default();
        reply.say(line);
        reply
    }

    /// Adds a line, within bounds.
    pub fn say(&mut self, line: impl Into<String>) {
        if self.logs.len() < LOG_LINES {
            let line: String = line.into();
            self.logs.push(line.chars().take(LOG_LENGTH).collect());
        }
    }

    /// A reply with an HTTP response for the binding `res`.
    pub fn http(status: u16, headers: BTreeMap<String, String>, body: String) -> Reply {
        let mut reply = Reply::default();
        let response = serde_json::json!({
            // Not `status`: the host ignores it beside its own empty `statusCode`.
            "statusCode": status.to_string(),
            "headers": headers,
            // A text, because the host would indent an object.
            "body": body,
        });
        reply.outputs.insert("res", response);
        reply
    }
}

/// The text of a queue message: the binding's value with one level of JSON wrapping taken off. A
/// value that is an object is given back as its JSON text.
pub fn queue_text(value: &Value) -> String {
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::String(inner)) => inner,
            _ => text.clone(),
        },
        other => other.to_string(),
    }
}

/// An HTTP request as the host describes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HttpCall {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    query: Value,
    #[serde(default)]
    headers: Value,
    #[serde(default)]
    body: Option<Value>,
}

impl HttpCall {
    /// Reads the value of an `httpTrigger` binding, wrapped in a string or not.
    pub fn read(value: &Value) -> Result<HttpCall, serde_json::Error> {
        match value {
            Value::String(text) => serde_json::from_str(text),
            other => HttpCall::deserialize(other),
        }
    }

    /// The ordinary request, for the path that the router knows. The function key, which the host
    /// passes on in `code` and in a header, is left out of it.
    pub fn into_request(self, path: &str) -> http::Request<axum::body::Body> {
        let query = self.query_text();
        let uri = if query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{query}")
        };
        let method = self
            .method
            .as_deref()
            .and_then(|method| Method::from_bytes(method.as_bytes()).ok())
            .unwrap_or(Method::GET);
        let mut media_type = String::new();
        let mut headers = http::HeaderMap::new();
        let given = unwrapped(&self.headers);
        for (name, value) in given.as_object().into_iter().flatten() {
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
                continue;
            };
            if header == "x-functions-key" || header == http::header::CONTENT_LENGTH {
                continue;
            }
            // Values are lists; older hosts write a text.
            let values: Vec<&str> = match value {
                Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
                Value::String(value) => vec![value],
                _ => continue,
            };
            for value in values {
                if header == http::header::CONTENT_TYPE {
                    media_type = value.to_lowercase();
                }
                if let Ok(value) = HeaderValue::from_str(value) {
                    headers.append(&header, value);
                }
            }
        }
        let body = match self.body {
            Some(Value::String(text)) => {
                let binary = media_type.starts_with("application/octet-stream")
                    || media_type.starts_with("multipart/");
                match STANDARD.decode(&text) {
                    Ok(bytes) if binary => Bytes::from(bytes),
                    _ => Bytes::from(text),
                }
            }
            Some(Value::Null) | None => Bytes::new(),
            Some(other) => Bytes::from(other.to_string()),
        };
        let uri = uri.parse().unwrap_or_else(|_| http::Uri::from_static("/"));
        let mut request = http::Request::new(axum::body::Body::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        request
    }

    /// The query without the function key: from the URL, where repeated keys are still apart, or
    /// from the host's own reading of it.
    fn query_text(&self) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        let url = self
            .url
            .as_deref()
            .and_then(|url| url::Url::parse(url).ok());
        if let Some(url) = url {
            for (name, value) in url.query_pairs().filter(|(name, _)| name != "code") {
                pairs.append_pair(&name, &value);
            }
            return pairs.finish();
        }
        let query = unwrapped(&self.query);
        for (name, value) in query
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "code")
        {
            pairs.append_pair(name, value.as_str().unwrap_or_default());
        }
        pairs.finish()
    }
}

/// An object that older hosts write as its JSON text.
fn unwrapped(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn exactly_one_level_of_wrapping_is_taken_off_a_message() {
        for (value, text) in [
            (json!("\"hello\""), "hello"),
            (json!("hello"), "hello"),
            (json!("\"{\\\"a\\\":1}\""), "{\"a\":1}"),
            (json!("{\"a\":1}"), "{\"a\":1}"),
            (json!({"a": 1}), "{\"a\":1}"),
            (json!("\"\\\"quoted\\\"\""), "\"quoted\""),
        ] {
            assert_eq!(queue_text(&value), text, "{value}");
        }
    }

    #[tokio::test]
    async fn a_call_becomes_an_ordinary_request_without_the_key() {
        let call = HttpCall::read(&json!({
            "Url": "https://app.example.net/api/status?a=1&a=2&code=KEY",
            "Method": "POST",
            "Headers": { "CONTENT-type": ["application/json"], "x-functions-key": ["KEY"] },
            "Body": "{\"x\":1}"
        }));
        let request = call.unwrap().into_request("/api/status");
        assert_eq!(request.uri(), "/api/status?a=1&a=2");
        assert_eq!(request.headers()["content-type"], "application/json");
        assert!(!format!("{request:?}").contains("KEY"));
        let body = axum::body::to_bytes(request.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(&body[..], b"{\"x\":1}");
    }

    #[tokio::test]
    async fn absent_parts_and_old_shapes_are_read() {
        for call in [
            json!({}),
            json!({ "Query": "{\"a\":\"1\",\"code\":\"KEY\"}", "Method": "get" }),
            json!("{\"Method\":\"GET\"}"),
            json!({ "Headers": { "Accept": "text/html" }, "Body": null }),
        ] {
            let request = HttpCall::read(&call).unwrap().into_request("/api/health");
            assert_eq!(request.uri().path(), "/api/health");
            assert!(!request.uri().to_string().contains("KEY"));
        }
    }

    #[tokio::test]
    async fn a_binary_body_is_decoded() {
        let call = HttpCall::read(&json!({
            "Headers": { "Content-Type": ["application/octet-stream"] },
            "Method": "POST",
            "Body": "AAECAw=="
        }));
        let request = call.unwrap().into_request("/api/evaluate");
        let body = axum::body::to_bytes(request.into_body(), 100)
            .await
            .unwrap();
        assert_eq!(&body[..], [0, 1, 2, 3]);
    }
}
