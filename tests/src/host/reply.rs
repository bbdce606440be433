//! What the host makes of an answer: success or not, and which outputs.

use std::collections::BTreeMap;

use base64::{Engine, alphabet, engine::GeneralPurpose, engine::general_purpose::PAD};
use serde_json::{Map, Value};

use super::folder::{Binding, Function};

/// What became of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The host counts it as done and applies the outputs.
    Succeeded(Outputs),
    /// The host counts it as failed, for this reason.
    Failed(String),
    /// Empty or `null` with a success status: the host would wait until `functionTimeout`, then
    /// kill the handler.
    Hung,
    /// There was no answer within `functionTimeout`; the handler was killed and started again.
    TimedOut,
}

impl Outcome {
    /// Whether it succeeded.
    pub fn succeeded(&self) -> bool {
        matches!(self, Outcome::Succeeded(_))
    }
}

/// What a successful invocation puts out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outputs {
    /// What the caller of an HTTP function gets; `None` for other functions.
    pub http: Option<HttpReply>,
    /// The exact bytes of each message, by the name of the queue binding.
    pub queues: BTreeMap<String, Vec<Vec<u8>>>,
    /// Lines that the host logs.
    pub logs: Vec<String>,
    /// Keys of `Outputs` that are no binding's name.
    pub unknown: Vec<String>,
}

/// What the caller of an HTTP function gets.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpReply {
    /// Status.
    pub status: u16,
    /// Headers, as spelled by the handler.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

impl HttpReply {
    /// The value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// If it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

/// Applies the host's rules to an answer that was received whole.
pub fn judge(function: &Function, status: u16, content_type: Option<&str>, body: &[u8]) -> Outcome {
    if !(200..300).contains(&status) {
        return Outcome::Failed(format!("the handler answered {status}"));
    }
    if body.is_empty() {
        return Outcome::Hung;
    }
    let media_type = content_type.unwrap_or_default().split(';').next();
    let media_type = media_type.unwrap_or_default().trim().to_ascii_lowercase();
    if !matches!(media_type.as_str(), "application/json" | "text/json") {
        return Outcome::Failed(format!("unsupported media type `{media_type}`"));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Null) => Outcome::Hung,
        Ok(Value::Object(reply)) => match outputs(function, &reply) {
            Ok(outputs) => Outcome::Succeeded(outputs),
            Err(reason) => Outcome::Failed(reason),
        },
        Ok(_) => Outcome::Failed("the body is not a JSON object".to_owned()),
        Err(error) => Outcome::Failed(format!("the body is not JSON: {error}")),
    }
}

fn outputs(function: &Function, reply: &Map<String, Value>) -> Result<Outputs, String> {
    let mut named = match field(reply, "Outputs") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(named)) => named.clone(),
        Some(_) => return Err("`Outputs` is not an object".to_owned()),
    };
    let mut result = Outputs {
        logs: logs(field(reply, "Logs"))?,
        ..Outputs::default()
    };
    let returned = field(reply, "ReturnValue").unwrap_or(&Value::Null);
    if function.outputs().any(|binding| binding.name == "$return") {
        named.insert("$return".to_owned(), returned.clone());
    } else if let Value::Object(members) = returned {
        for (name, value) in members {
            named.entry(name).or_insert_with(|| value.clone());
        }
    }
    for name in named.keys() {
        if !function.outputs().any(|binding| binding.name == *name) {
            result.unknown.push(name.clone());
        }
    }
    for binding in function.outputs() {
        let value = named.get(&binding.name);
        match binding.kind.as_str() {
            "http" => result.http = Some(http_reply(binding, value)?),
            "queue" => {
                let messages =
                    value.map(|value| queue_messages(value, binding.data_type.as_deref()));
                result
                    .queues
                    .insert(binding.name.clone(), messages.unwrap_or_default());
            }
            other => return Err(format!("this host knows no output `{other}`")),
        }
    }
    Ok(result)
}

fn logs(value: Option<&Value>) -> Result<Vec<String>, String> {
    let wrong = || "`Logs` is not a list of strings".to_owned();
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(lines)) => lines
            .iter()
            .map(|line| scalar(line).ok_or_else(wrong))
            .collect(),
        Some(_) => Err(wrong()),
    }
}

/// A member of the reply; its name is matched in any case.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn http_reply(binding: &Binding, value: Option<&Value>) -> Result<HttpReply, String> {
    let mut reply = HttpReply {
        status: 200,
        headers: Vec::new(),
        body: "{}".to_owned(),
    };
    let Some(value) = value else { return Ok(reply) };
    if binding.name == "$return"
        && let Value::String(text) = value
    {
        // Unlike an output of another name, a return value is tried as base64 first.
        reply.body = match bytes_of(text) {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => text.clone(),
        };
        reply.headers.push(plain_text());
        return Ok(reply);
    }
    let Value::Object(value) = value else {
        return Err(format!("the output `{}` is not an object", binding.name));
    };
    // `status` is recognized too, but an unset `statusCode` wins over it: it never counts.
    if let Some(status) = field(value, "statusCode") {
        let text = scalar(status).unwrap_or_default();
        reply.status = text.trim().parse().unwrap_or(200);
    }
    match field(value, "headers") {
        None | Some(Value::Null) => {}
        Some(Value::Object(headers)) => {
            for (name, value) in headers {
                let text = scalar(value)
                    .ok_or_else(|| format!("the header {name} is null or not a scalar"))?;
                reply.headers.push((name.clone(), text));
            }
        }
        Some(_) => return Err("`headers` is not an object".to_owned()),
    }
    reply.body = match field(value, "body") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if !is_date(text) => text.clone(),
        Some(other) => indented(other),
    };
    if reply.header("content-type").is_none() {
        reply.headers.push(plain_text());
    }
    Ok(reply)
}

fn plain_text() -> (String, String) {
    (
        "Content-Type".to_owned(),
        "text/plain; charset=utf-8".to_owned(),
    )
}

/// The messages that the host writes for one value of a queue output.
pub fn queue_messages(value: &Value, data_type: Option<&str>) -> Vec<Vec<u8>> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items
            .iter()
            .map(|item| element(item).into_bytes())
            .collect(),
        Value::String(text) if is_date(text) => vec![element(value).into_bytes()],
        Value::String(text) => {
            if data_type != Some("binary")
                && let Some(bytes) = bytes_of(text)
            {
                return vec![bytes];
            }
            let trimmed = text.trim();
            let encloses = |open, close| trimmed.starts_with(open) && trimmed.ends_with(close);
            match serde_json::from_str::<Value>(trimmed) {
                Ok(list @ Value::Array(_)) if encloses('[', ']') => queue_messages(&list, None),
                Ok(object @ Value::Object(_)) if encloses('{', '}') => {
                    vec![indented(&object).into_bytes()]
                }
                _ => vec![text.clone().into_bytes()],
            }
        }
        other => vec![indented(other).into_bytes()],
    }
}

/// The text of one element of a list of messages.
fn element(value: &Value) -> String {
    match value {
        Value::String(text) if !is_date(text) => text.clone(),
        other => indented(other),
    }
}

/// What .NET decodes as base64: whole groups of four, white space ignored, padding where it
/// belongs. The empty text is no bytes.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let compact: String = text
        .chars()
        .filter(|one| !matches!(one, ' ' | '\t' | '\r' | '\n'))
        .collect();
    // .NET does not mind bits left over in the last group.
    let engine = GeneralPurpose::new(
        &alphabet::STANDARD,
        PAD.with_decode_allow_trailing_bits(true),
    );
    engine.decode(compact).ok()
}

/// Whether the JSON reader of the host takes a text for a moment, as it does by default. Then it
/// is written as JSON, with quotation marks.
fn is_date(text: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range)
            .is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    text.len() >= 19
        && text.is_ascii()
        && digits(0..4)
        && digits(5..7)
        && digits(8..10)
        && digits(11..13)
        && digits(14..16)
        && digits(17..19)
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
            .iter()
            .all(|(index, byte)| text.as_bytes()[*index] == *byte)
        && text[19..]
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".:+-Z".contains(&byte))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        // .NET spells them so.
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn indented(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a JSON value can be written")
}
