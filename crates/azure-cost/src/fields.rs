//! Reading one JSON object, field by field: tolerant where Azure is sloppy, strict elsewhere.
//!
//! Keys are compared without regard to letter case, unknown keys are left alone, and absent,
//! `null` and `""` mean the same. A field that is there and says nothing sensible is a problem that
//! names the field, as is a required one that is missing. Problems never repeat the value.

use budget_engine::{Currency, Money};
use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::error::printable;
use crate::wire;

/// The fields of a JSON object.
pub(crate) struct Fields<'a> {
    /// Where the object stands, for problems: `properties.`, or nothing.
    place: String,
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// The object that is an answer's whole body. A problem reads on after "page 1" or "it".
    pub(crate) fn of_body(body: &'a [u8]) -> Result<Fields<'a>, String> {
        // Some gateways put a byte order mark in front.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let fields: Object = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
        Ok(Fields {
            place: String::new(),
            fields: fields.0,
        })
    }

    /// The object that is an item of a list.
    pub(crate) fn of(raw: &'a RawValue) -> Result<Fields<'a>, String> {
        Fields::at(raw, String::new())
    }

    fn at(raw: &'a RawValue, place: String) -> Result<Fields<'a>, String> {
        match serde_json::from_str::<Object>(raw.get()) {
            Ok(fields) => Ok(Fields {
                place,
                fields: fields.0,
            }),
            Err(_) if place.is_empty() => Err("what should be an object is none".to_owned()),
            Err(_) => Err(format!("`{}` is no object", place.trim_end_matches('.'))),
        }
    }

    /// The value of a field that says something.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let mut fields = self.fields.iter();
        let (_, raw) = fields.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        let says_nothing = matches!(raw.get(), "null" | "\"\"");
        (!says_nothing).then_some(*raw)
    }

    /// Names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| &**name)
    }

    /// All fields with their values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.fields.iter().map(|(name, raw)| (&**name, *raw))
    }

    /// The problem of a required field that is missing.
    pub(crate) fn missing(&self, name: &str) -> String {
        format!("`{}{name}` is missing", self.place)
    }

    /// The problem of a field that is not what it should be.
    pub(crate) fn wrong(&self, name: &str, what: &str) -> String {
        format!("`{}{name}` is not {what}", self.place)
    }

    fn required<T>(&self, name: &str, found: Option<T>) -> Result<T, String> {
        found.ok_or_else(|| self.missing(name))
    }

    fn optional<T>(
        &self,
        name: &str,
        what: &str,
        read: impl Fn(&'a RawValue) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        read(raw).map(Some).ok_or_else(|| self.wrong(name, what))
    }

    /// Text; numbers and truth values, which some API versions send instead, count as text.
    /// Trimmed; `""` if there is none.
    pub(crate) fn text(&self, name: &str) -> Result<String, String> {
        Ok(self.optional_text(name)?.unwrap_or_default())
    }

    /// Text that has to be there.
    pub(crate) fn required_text(&self, name: &str) -> Result<String, String> {
        let text = self.optional_text(name)?;
        self.required(name, text.filter(|text| !text.is_empty()))
    }

    /// Text that may be missing.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<String>, String> {
        self.optional(name, "text", |raw| {
            let text: wire::Text = serde_json::from_str(raw.get()).ok()?;
            let is_text = !raw.get().starts_with(['{', '[']);
            is_text.then_some(text.0)
        })
    }

    /// A decimal from its digits; quoted ones count too.
    pub(crate) fn optional_decimal(&self, name: &str) -> Result<Option<Decimal>, String> {
        self.optional(name, "a decimal number", wire::decimal)
    }

    /// A decimal that has to be there.
    pub(crate) fn decimal(&self, name: &str) -> Result<Decimal, String> {
        let number = self.optional_decimal(name)?;
        self.required(name, number)
    }

    /// A whole number, quoted or not.
    pub(crate) fn optional_integer(&self, name: &str) -> Result<Option<i64>, String> {
        self.optional(name, "a whole number", |raw| {
            let number = wire::decimal(raw)?;
            number
                .fract()
                .is_zero()
                .then(|| i64::try_from(number).ok())?
        })
    }

    /// A day, from any form in which Azure writes moments. Year 1 means "never", which is `None`.
    pub(crate) fn optional_day(&self, name: &str) -> Result<Option<Date>, String> {
        let Some(text) = self.optional_text(name)? else {
            return Ok(None);
        };
        if wire::is_never(&text) {
            return Ok(None);
        }
        let day = wire::day(&text);
        day.map(Some).ok_or_else(|| self.wrong(name, "a day"))
    }

    /// A day that has to be there.
    pub(crate) fn day(&self, name: &str) -> Result<Date, String> {
        let day = self.optional_day(name)?;
        self.required(name, day)
    }

    /// A moment; without a zone it counts as UTC. Year 1 means "never", which is `None`.
    pub(crate) fn optional_moment(&self, name: &str) -> Result<Option<Timestamp>, String> {
        let Some(text) = self.optional_text(name)? else {
            return Ok(None);
        };
        if wire::is_never(&text) {
            return Ok(None);
        }
        let moment = wire::moment(&text);
        moment.map(Some).ok_or_else(|| self.wrong(name, "a moment"))
    }

    /// Yes or no; the words count too, in any letter case.
    pub(crate) fn optional_flag(&self, name: &str) -> Result<Option<bool>, String> {
        self.optional(name, "true or false", |raw| {
            let word = raw.get().trim_matches('"');
            match word {
                _ if word.eq_ignore_ascii_case("true") => Some(true),
                _ if word.eq_ignore_ascii_case("false") => Some(false),
                _ => None,
            }
        })
    }

    /// A currency. Padding is cut off; letter case does not matter.
    pub(crate) fn optional_currency(&self, name: &str) -> Result<Option<Currency>, String> {
        let Some(text) = self.optional_text(name)? else {
            return Ok(None);
        };
        let known = text.trim().parse();
        known
            .map(Some)
            .map_err(|_| self.wrong(name, "a known currency"))
    }

    /// A currency that has to be there.
    pub(crate) fn currency(&self, name: &str) -> Result<Currency, String> {
        let currency = self.optional_currency(name)?;
        self.required(name, currency)
    }

    /// `{"currency": "USD", "value": 1.5}`, as the modern shapes write amounts.
    pub(crate) fn optional_money(&self, name: &str) -> Result<Option<Money>, String> {
        let Some(fields) = self.optional_object(name)? else {
            return Ok(None);
        };
        let Some(value) = fields.optional_decimal("value")? else {
            return Ok(None);
        };
        Ok(Some(Money::new(value, fields.currency("currency")?)))
    }

    /// An object in this one.
    pub(crate) fn optional_object(&self, name: &str) -> Result<Option<Fields<'a>>, String> {
        let raw = self.raw(name);
        let place = || format!("{}{name}.", self.place);
        raw.map(|raw| Fields::at(raw, place())).transpose()
    }

    /// An object that has to be there.
    pub(crate) fn object(&self, name: &str) -> Result<Fields<'a>, String> {
        let object = self.optional_object(name)?;
        self.required(name, object)
    }

    /// The items of a list; none if it is missing.
    pub(crate) fn optional_list(&self, name: &str) -> Result<Vec<&'a RawValue>, String> {
        let items = self.optional(name, "a list", |raw| serde_json::from_str(raw.get()).ok())?;
        Ok(items.unwrap_or_default())
    }

    /// The items of a list that has to be there.
    pub(crate) fn list(&self, name: &str) -> Result<Vec<&'a RawValue>, String> {
        if self.raw(name).is_none() {
            return Err(self.missing(name));
        }
        self.optional_list(name)
    }

    /// The objects of a list, each with its own place; none if it is missing.
    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Fields<'a>>, String> {
        let items = self.optional_list(name)?.into_iter().enumerate();
        let place = |index| format!("{}{name}[{index}].", self.place);
        items
            .map(|(index, raw)| Fields::at(raw, place(index)))
            .collect()
    }

    /// The objects in an object, by their names; none if it is missing. What is no object there is
    /// left out.
    pub(crate) fn object_map(&self, name: &str) -> Result<Vec<(String, Fields<'a>)>, String> {
        let Some(map) = self.optional_object(name)? else {
            return Ok(Vec::new());
        };
        let objects = map.entries().filter(|(_, raw)| raw.get().starts_with('{'));
        let read = |(key, raw): (&str, &'a RawValue)| {
            let place = format!("{}{}.", map.place, printable(key, 60));
            Ok((key.to_owned(), Fields::at(raw, place)?))
        };
        objects.map(read).collect()
    }

    /// A list of text; what is neither text nor number is a problem.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        let what = "a list of text";
        let texts = self.optional(name, what, |raw| {
            let texts: Vec<wire::Text> = serde_json::from_str(raw.get()).ok()?;
            Some(texts.into_iter().map(|text| text.0).collect())
        })?;
        Ok(texts.unwrap_or_default())
    }

    /// A map of text to text, such as tags. `{}` if it is missing or is no map.
    pub(crate) fn text_map(&self, name: &str) -> BTreeMap<String, String> {
        let map = self.raw(name).and_then(|raw| {
            let map: BTreeMap<String, wire::Text> = serde_json::from_str(raw.get()).ok()?;
            Some(map.into_iter().map(|(key, text)| (key, text.0)).collect())
        });
        map.unwrap_or_default()
    }
}

/// Reads a type for which [`Deserialize`] is implemented by way of its fields, so that a file is
/// read just as an answer is. Works with JSON only.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&Fields) -> Result<T, String>,
) -> Result<T, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let fields = Fields::of(&raw).map_err(D::Error::custom)?;
    read(&fields).map_err(D::Error::custom)
}

/// What is wrong with a JSON text, without repeating any of it.
pub(crate) fn not_json(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "ends early",
        serde_json::error::Category::Data => "has another shape",
        _ => "is not JSON",
    };
    format!("{what}, at line {} column {}", error.line(), error.column())
}

/// An object's fields in the order of the text, its values not looked at.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((key, value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    fields.push((key.0, value));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A key, borrowed unless it has escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Key<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_in_an_object_keep_their_names_and_places() {
        let json = br#"{"Outer": {"a b": {"n": 1}, "text": "x", "none": null, "c": {"n": "y"}}}"#;
        let body = Fields::of_body(json).unwrap();
        let found = body.object_map("outer").unwrap();
        let names: Vec<&str> = found.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["a b", "c"]);
        assert_eq!(found[0].1.decimal("n"), Ok(Decimal::ONE));
        let problem = "`outer.c.n` is not a decimal number";
        assert_eq!(found[1].1.decimal("n"), Err(problem.to_owned()));
        assert!(body.object_map("missing").unwrap().is_empty());
        let list = Fields::of_body(b"{\"outer\": []}").unwrap();
        assert!(list.object_map("outer").is_err());
    }
}
