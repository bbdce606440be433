//! JSON whose numbers stay the text that they were.

use std::fmt;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value. Objects keep their order and their letter case.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Truth(bool),
    /// The digits as they were written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(crate) fn parse(text: &str) -> Result<Json, String> {
        let raw = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        Json::of(raw)
    }

    fn of(raw: &RawValue) -> Result<Json, String> {
        let text = raw.get();
        let wrong = |error: serde_json::Error| format!("it is no JSON: {error}");
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let fields: Entries = serde_json::from_str(text).map_err(wrong)?;
                let fields = fields.0.into_iter();
                let fields = fields.map(|(key, value)| Ok((key, Json::of(value)?)));
                Json::Object(fields.collect::<Result<_, String>>()?)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(wrong)?;
                Json::List(items.into_iter().map(Json::of).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Json::Text(serde_json::from_str(text).map_err(wrong)?),
            Some(b't') => Json::Truth(true),
            Some(b'f') => Json::Truth(false),
            Some(b'n') => Json::Null,
            _ => Json::Number(text.to_owned()),
        })
    }

    /// A field of an object, whatever its letter case.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        let fields = self.fields().iter();
        let mut found = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value)
    }

    /// A field by the names on the way to it.
    pub(crate) fn at(&self, names: &[&str]) -> Option<&Json> {
        names.iter().try_fold(self, |json, name| json.get(name))
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Json> {
        let Json::Object(fields) = self else {
            return None;
        };
        let mut found = fields.iter_mut();
        let found = found.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    pub(crate) fn fields(&self) -> &[(String, Json)] {
        match self {
            Json::Object(fields) => fields,
            _ => &[],
        }
    }

    pub(crate) fn list(&self) -> Option<&[Json]> {
        match self {
            Json::List(items) => Some(items),
            _ => None,
        }
    }

    /// Text, or what stands for it; `None` for nothing, `""` and what holds more.
    pub(crate) fn text(&self) -> Option<String> {
        let text = match self {
            Json::Text(text) | Json::Number(text) => text.trim().to_owned(),
            Json::Truth(truth) => truth.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// A number, or a text that is one.
    pub(crate) fn number(&self) -> Option<Decimal> {
        match self {
            Json::Number(text) | Json::Text(text) => number(text.trim()),
            _ => None,
        }
    }
}

/// The number that a text says; beyond 28 digits it is rounded.
pub(crate) fn number(text: &str) -> Option<Decimal> {
    let plain = text.parse().ok();
    plain.or_else(|| Decimal::from_scientific(text).ok())
}

/// Writes JSON that says the same.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Truth(truth) => truth.fmt(f),
            Json::Number(digits) => f.write_str(digits),
            Json::Text(text) => serde_json::Value::from(text.as_str()).fmt(f),
            Json::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Json::Object(fields) => {
                f.write_str("{")?;
                for (index, (key, value)) in fields.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(
                        f,
                        "{comma}{}:{value}",
                        serde_json::Value::from(key.as_str())
                    )?;
                }
                f.write_str("}")
            }
        }
    }
}

struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
