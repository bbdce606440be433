//! What the host sends: `{Data, Metadata}`, with its rules of encoding.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::folder::{Binding, Function};

/// A run of a timer function.
#[derive(Debug, Clone, Default)]
pub struct TimerCall {
    /// What the host knows about the schedule.
    pub schedule_status: ScheduleStatus,
    /// Whether an occurrence was missed.
    pub is_past_due: bool,
    /// The attempt, for functions with a retry policy: 0 for the first.
    pub retry_count: i64,
}

/// What the host knows about a timer's schedule.
#[derive(Debug, Clone, Default)]
pub enum ScheduleStatus {
    /// An ordinary occurrence, at this minute; the last one was an hour ago.
    #[default]
    Now,
    /// The occurrence at this moment; the last one was an hour before.
    At(Timestamp),
    /// The first run ever: the last one was in the year 1.
    FirstRun,
    /// `null`: not monitored, or run by hand.
    Null,
    /// Exactly this value.
    Exactly(Value),
}

impl TimerCall {
    /// The occurrence at this moment.
    pub fn at(occurrence: Timestamp) -> Self {
        TimerCall {
            schedule_status: ScheduleStatus::At(occurrence),
            ..TimerCall::default()
        }
    }

    /// A call with this status.
    pub fn with(schedule_status: ScheduleStatus) -> Self {
        TimerCall {
            schedule_status,
            ..TimerCall::default()
        }
    }

    /// The `Data` of this call.
    pub fn data(&self, function: &Function) -> Value {
        let hour = SignedDuration::from_hours(1);
        let status = |last: String, next: Timestamp| {
            json!({
                "Last": last,
                "Next": next.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
                "LastUpdated": last,
            })
        };
        let fraction = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S.0208113+00:00").to_string();
        let minute = Timestamp::from_second(Timestamp::now().as_second() / 60 * 60);
        let minute = minute.expect("this minute is a moment");
        let status = match &self.schedule_status {
            ScheduleStatus::Now => status(fraction(minute - hour), minute),
            ScheduleStatus::At(at) => status(fraction(*at - hour), *at),
            ScheduleStatus::FirstRun => status("0001-01-01T00:00:00".to_owned(), minute + hour),
            ScheduleStatus::Null => Value::Null,
            ScheduleStatus::Exactly(value) => value.clone(),
        };
        let tick = json!({
            "Schedule": { "AdjustForDST": true },
            "ScheduleStatus": status,
            "IsPastDue": self.is_past_due,
        });
        one(&function.trigger_binding().name, tick)
    }

    /// The `Metadata` of this call.
    pub fn metadata(&self, function: &Function) -> Value {
        let mut metadata = Map::new();
        metadata.insert("sys".to_owned(), sys(function));
        if let Some(max) = function.max_retry_count {
            let retry = json!({
                "RetryCount": self.retry_count,
                "MaxRetryCount": max,
                "Exception": null,
                "Instance": null,
                "State": null,
            });
            metadata.insert("RetryContext".to_owned(), retry);
        }
        Value::Object(metadata)
    }
}

/// A message for a queue function.
#[derive(Debug, Clone)]
pub struct QueueCall {
    /// Its text, after the host decoded it.
    pub text: String,
    /// In which shape it is sent.
    pub shape: MessageShape,
    /// How often it was handed out, this time included.
    pub dequeue_count: u32,
    /// Its id.
    pub id: String,
    /// When it was written.
    pub inserted: Timestamp,
    /// Its receipt.
    pub receipt: String,
}

/// The shapes in which a message has been seen to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MessageShape {
    /// As the host does: a string that holds the JSON text of the string.
    #[default]
    Twice,
    /// A string that is the text.
    Once,
    /// The JSON value itself, if the text is JSON.
    Raw,
}

impl From<&str> for QueueCall {
    fn from(text: &str) -> Self {
        QueueCall {
            text: text.to_owned(),
            shape: MessageShape::Twice,
            dequeue_count: 1,
            id: uuid(),
            inserted: Timestamp::now(),
            receipt: "AgAAAAMAAAAAAAAA".to_owned(),
        }
    }
}

impl From<String> for QueueCall {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl QueueCall {
    /// The same in another shape.
    #[must_use]
    pub fn shaped(mut self, shape: MessageShape) -> Self {
        self.shape = shape;
        self
    }

    /// The `Data` of this call.
    pub fn data(&self, function: &Function) -> Value {
        let binding = function.trigger_binding();
        let value = match self.shape {
            MessageShape::Twice => trigger_text(binding, &self.text),
            MessageShape::Once => Value::String(self.text.clone()),
            MessageShape::Raw => serde_json::from_str(&self.text)
                .unwrap_or_else(|_| Value::String(self.text.clone())),
        };
        one(&binding.name, value)
    }

    /// The `Metadata` of this call; top-level properties of a JSON message leak into it and win.
    pub fn metadata(&self, function: &Function) -> Value {
        let later = |seconds| date(self.inserted + SignedDuration::from_secs(seconds));
        let mut metadata = Map::new();
        let mut put = |name: &str, value: Value| {
            metadata.insert(name.to_owned(), value);
        };
        put("DequeueCount", encoded(&json!(self.dequeue_count)));
        put("ExpirationTime", later(7 * 24 * 3600));
        put("Id", encoded(&json!(self.id)));
        put("InsertionTime", later(0));
        put("NextVisibleTime", later(600));
        put("PopReceipt", encoded(&json!(self.receipt)));
        put("sys", sys(function));
        leak(&self.text, &mut metadata);
        Value::Object(metadata)
    }
}

fn trigger_text(binding: &Binding, text: &str) -> Value {
    if binding.data_type.as_deref() == Some("binary") {
        return Value::String(BASE64_STANDARD.encode(text));
    }
    encoded(&json!(text))
}

/// A request to an HTTP function.
#[derive(Debug, Clone, Default)]
pub struct HttpCall {
    /// Upper case.
    pub method: String,
    /// With query, like `/api/status?budget=payments`.
    pub path: String,
    /// As the caller spells them; a name may repeat.
    pub headers: Vec<(String, String)>,
    /// Absent and empty are the same to the host.
    pub body: Vec<u8>,
    /// In which shape the request is sent.
    pub shape: HttpShape,
}

/// How older hosts and other circumstances change the shape of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HttpShape {
    /// `Query` is a string that holds JSON.
    pub query_is_text: bool,
    /// There is no `Query`.
    pub without_query: bool,
    /// `Headers` values are strings, not lists of strings.
    pub headers_are_text: bool,
    /// There are no `Identities`.
    pub without_identities: bool,
    /// There is no `Params`, even if the route has some.
    pub without_params: bool,
    /// There is no `Metadata` but an empty one.
    pub without_metadata: bool,
    /// The body was uploaded in chunks, so the host loses it.
    pub chunked: bool,
}

impl HttpCall {
    /// A request without headers and body.
    pub fn new(method: &str, path: &str) -> Self {
        HttpCall {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            ..HttpCall::default()
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same in another shape.
    #[must_use]
    pub fn shaped(mut self, shape: HttpShape) -> Self {
        self.shape = shape;
        self
    }

    /// The path without its query.
    pub(super) fn route(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// The decoded query; values of one key are joined by commas.
    pub(super) fn query(&self) -> Map<String, Value> {
        let text = self.path.split_once('?').map_or("", |(_, query)| query);
        let mut joined: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            joined
                .entry(name.into_owned())
                .and_modify(|all| {
                    all.push(',');
                    all.push_str(&value);
                })
                .or_insert_with(|| value.into_owned());
        }
        let to_json = |(name, value)| (name, Value::String(value));
        joined.into_iter().map(to_json).collect()
    }

    pub(super) fn header_value(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The `Data` of this call, as the host makes it for route values `params`.
    pub fn data(&self, function: &Function, params: &BTreeMap<String, String>) -> Value {
        let mut headers: Map<String, Value> = Map::new();
        for (name, value) in &self.headers {
            match headers.get_mut(name) {
                Some(Value::Array(values)) => values.push(json!(value)),
                _ if self.shape.headers_are_text => {
                    headers.insert(name.clone(), json!(value));
                }
                _ => {
                    headers.insert(name.clone(), json!([value]));
                }
            }
        }
        let mut request = Map::new();
        let url = format!("https://spendwatch.example.net{}", self.path);
        request.insert("Url".to_owned(), json!(url));
        request.insert("Method".to_owned(), json!(self.method));
        let query = Value::Object(self.query());
        if self.shape.query_is_text {
            request.insert("Query".to_owned(), json!(query.to_string()));
        } else if !self.shape.without_query {
            request.insert("Query".to_owned(), query);
        }
        request.insert("Headers".to_owned(), Value::Object(headers));
        if !params.is_empty() && !self.shape.without_params {
            request.insert("Params".to_owned(), json!(params));
        }
        if !self.shape.without_identities {
            request.insert("Identities".to_owned(), json!([identity()]));
        }
        if !self.body.is_empty() && !self.shape.chunked {
            let media_type = self.header_value("content-type").unwrap_or_default();
            let binary = media_type.starts_with("application/octet-stream")
                || media_type.contains("multipart/");
            let body = if binary {
                BASE64_STANDARD.encode(&self.body)
            } else {
                String::from_utf8_lossy(&self.body).into_owned()
            };
            request.insert("Body".to_owned(), Value::String(body));
        }
        one(&function.trigger_binding().name, Value::Object(request))
    }

    /// The `Metadata` of this call: properties of a JSON body, query and route values leak into it.
    pub fn metadata(&self, function: &Function, params: &BTreeMap<String, String>) -> Value {
        let mut metadata = Map::new();
        if self.shape.without_metadata {
            return Value::Object(metadata);
        }
        let headers: Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        metadata.insert("Query".to_owned(), Value::Object(self.query()));
        metadata.insert("Headers".to_owned(), Value::Object(headers));
        metadata.insert("sys".to_owned(), sys(function));
        if !self.shape.chunked {
            leak(&String::from_utf8_lossy(&self.body), &mut metadata);
        }
        for (name, value) in self.query() {
            metadata.insert(name, encoded(&value));
        }
        for (name, value) in params {
            metadata.insert(name.clone(), encoded(&json!(value)));
        }
        Value::Object(metadata)
    }
}

fn identity() -> Value {
    let schema = "http://schemas.microsoft.com/2017/07/functions/claims";
    json!({
        "AuthenticationType": "WebJobsAuthLevel",
        "IsAuthenticated": true,
        "Actor": null,
        "BootstrapContext": null,
        "Label": null,
        "Name": null,
        "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        "Claims": [
            { "Type": format!("{schema}/authlevel"), "Value": "Function" },
            { "Type": format!("{schema}/keyid"), "Value": "default" },
        ],
    })
}

/// `{name: value}`.
fn one(name: &str, value: Value) -> Value {
    let mut data = Map::new();
    data.insert(name.to_owned(), value);
    Value::Object(data)
}

/// The host's rule: objects stay, everything else becomes a string that holds its JSON text.
pub fn encoded(value: &Value) -> Value {
    match value {
        Value::Object(_) => value.clone(),
        other => Value::String(other.to_string()),
    }
}

/// Moments are cut to whole seconds and not wrapped again.
fn date(at: Timestamp) -> Value {
    Value::String(at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string())
}

fn sys(function: &Function) -> Value {
    json!({
        "MethodName": function.name,
        "UtcNow": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%7fZ").to_string(),
        "RandGuid": uuid(),
    })
}

/// Copies the top-level properties of a JSON object that are no lists, over what is there under
/// the same name in any case.
fn leak(text: &str, metadata: &mut Map<String, Value>) {
    let Ok(Value::Object(message)) = serde_json::from_str(text) else {
        return;
    };
    for (name, value) in message {
        let value = match value {
            Value::Array(_) => continue,
            Value::Object(_) => value,
            Value::Null => json!("null"),
            Value::String(text) => encoded(&json!(text)),
            // .NET makes text of it first, and spells these so.
            Value::Bool(true) => encoded(&json!("True")),
            Value::Bool(false) => encoded(&json!("False")),
            Value::Number(number) => encoded(&json!(number.to_string())),
        };
        let known = metadata
            .keys()
            .find(|key| key.eq_ignore_ascii_case(&name))
            .cloned();
        let key = known.unwrap_or(name);
        // The host leaves out what looks like the trigger itself.
        if !key.to_ascii_lowercase().ends_with("trigger") {
            metadata.insert(key, value);
        }
    }
}

/// A random id in the usual form.
pub(super) fn uuid() -> String {
    let bits = fastrand::u128(..);
    let text = format!("{bits:032x}");
    format!(
        "{}-{}-4{}-8{}-{}",
        &text[..8],
        &text[8..12],
        &text[13..16],
        &text[17..20],
        &text[20..]
    )
}
