//! What goes back: JSON with exact decimals, texts, and Azure's error bodies.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

/// What a handler gives.
pub(super) type Handled = Result<Answer, Refusal>;

/// A successful answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) media_type: &'static str,
    pub(super) body: Bytes,
}

impl Answer {
    /// 200 with a JSON body.
    pub(super) fn json(body: &impl Serialize) -> Answer {
        let body = serde_json::to_vec(body).expect("answers hold nothing that JSON cannot");
        Answer::text("application/json; charset=utf-8", body)
    }

    /// 200 with any other body.
    pub(super) fn text(media_type: &'static str, body: impl Into<Bytes>) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: Vec::new(),
            media_type,
            body: body.into(),
        }
    }

    /// No body.
    pub(super) fn empty(status: StatusCode) -> Answer {
        Answer::text("", Bytes::new()).with_status(status)
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Answer {
        self.status = status;
        self
    }

    /// With a header; the name in lower case. A value that no header can hold is left out.
    pub(super) fn with_header(mut self, name: &'static str, value: &str) -> Answer {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, Body::from(self.body)).into_response();
        let headers = response.headers_mut();
        headers.remove(CONTENT_TYPE);
        if !self.media_type.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        }
        headers.extend(self.headers);
        response
    }
}

/// A refusal with Azure's error body.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
    /// Whether the error stands alone, without the `error` key around it.
    pub(super) bare: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            code: code.to_owned(),
            message: message.into(),
            bare: false,
        }
    }

    /// 400 with the code that most of these APIs give to a broken rule.
    pub(super) fn bad_request(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(super) fn not_found(code: &str, message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, code, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = json!({"code": self.code, "message": self.message});
        let body = if self.bare {
            error
        } else {
            json!({"error": error})
        };
        Answer::json(&body).with_status(self.status).into_response()
    }
}

/// A decimal that is a JSON number with all its digits, in both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exact(pub(crate) Decimal);

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.to_string());
        raw.expect("decimals print as JSON numbers")
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Exact, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        let number = text.parse().or_else(|_| Decimal::from_scientific(text));
        let number =
            number.map_err(|_| D::Error::custom(format!("{text} is not a decimal number")));
        number.map(Exact)
    }
}

/// A JSON object whose keys keep their order and whose decimals keep their digits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object(Vec<(String, Box<RawValue>)>);

impl Object {
    pub(crate) fn new() -> Object {
        Object::default()
    }

    /// With a member. A decimal goes in as [`Exact`].
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Object {
        let value = to_raw_value(&value).expect("members hold nothing that JSON cannot");
        self.0.push((name.to_owned(), value));
        self
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Midnight of a day as most cost APIs write it, with seven digits after the second.
pub(super) fn midnight(date: Date) -> String {
    format!("{date}T00:00:00.0000000Z")
}

/// Midnight of a day without fractions of a second.
pub(super) fn plain_midnight(date: Date) -> String {
    format!("{date}T00:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_digits_both_ways() {
        let text = r#"{"a":0.1000000000000000055511151231,"b":{"c":12.50}}"#;
        let exact = |text: &str| Exact(text.parse().unwrap());
        let object = Object::new()
            .with("a", exact("0.1000000000000000055511151231"))
            .with("b", Object::new().with("c", exact("12.50")));
        assert_eq!(serde_json::to_string(&object).unwrap(), text);
        let back: Vec<Exact> = serde_json::from_str("[1.980949998e-06, 100, -0.3]").unwrap();
        let back: Vec<String> = back.iter().map(|each| each.0.to_string()).collect();
        assert_eq!(back, ["0.000001980949998", "100", "-0.3"]);
        assert!(serde_json::from_str::<Exact>("\"100\"").is_err());
    }

    #[test]
    fn errors_are_wrapped_unless_the_api_does_not() {
        let mut refusal = Refusal::bad_request("no");
        refusal.bare = true;
        assert_eq!(refusal.into_response().status(), StatusCode::BAD_REQUEST);
    }
}
