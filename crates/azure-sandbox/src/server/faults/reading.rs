//! What of a list of faults makes no sense, told where it is read.

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue};
use serde::de::{Deserialize, Deserializer, Error};

use super::Wait;
use crate::server::operation_names;

/// The operation that a fault is aimed at: one that there is, or the start of one and a `*`.
pub(super) fn operation<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<String>, D::Error> {
    let Some(aim) = Option::<String>::deserialize(reader)? else {
        return Ok(None);
    };
    let wanted = aim.to_ascii_lowercase();
    let mut names = operation_names().into_iter();
    let is_known = match wanted.strip_suffix('*') {
        Some(start) => names.any(|name| name.to_ascii_lowercase().starts_with(start)),
        None => names.any(|name| name.eq_ignore_ascii_case(&wanted)),
    };
    if is_known {
        return Ok(Some(aim));
    }
    let near = nearest(&wanted).join("`, `");
    Err(D::Error::custom(format!(
        "operation = `{aim}` is no operation of the sandbox; the nearest are `{near}`, and a `*` at \
         the end stands for anything"
    )))
}

/// The three names that differ least.
fn nearest(wanted: &str) -> Vec<&'static str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&name.to_ascii_lowercase(), wanted);
    let mut names: Vec<_> = operation_names().into_iter().collect();
    names.sort_by_key(|name| distance(name));
    names.truncate(3);
    names
}

/// A status that an answer can have: what is below 200 announces an answer and is none.
pub(super) fn status<'de, D: Deserializer<'de>>(reader: D) -> Result<u16, D::Error> {
    let status = i64::deserialize(reader)?;
    let fits = u16::try_from(status).ok();
    fits.filter(|status| (200..=599).contains(status))
        .ok_or_else(|| {
            D::Error::custom(format!(
                "status = {status} is no status of an answer; it is 200 to 599"
            ))
        })
}

/// Headers and their waits.
pub(super) fn headers<'de, D: Deserializer<'de>>(
    reader: D,
) -> Result<BTreeMap<String, Wait>, D::Error> {
    let headers = BTreeMap::<String, Wait>::deserialize(reader)?;
    for (name, wait) in &headers {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(D::Error::custom(format!(
                "throttled: `{name}` is no name of a header; a name is letters, digits and hyphens, \
                 for example Retry-After"
            )));
        }
        check(name, wait).map_err(D::Error::custom)?;
    }
    Ok(headers)
}

/// The wait of a 503.
pub(super) fn wait<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Wait>, D::Error> {
    let wait = Option::<Wait>::deserialize(reader)?;
    if let Some(wait) = &wait {
        check("retry_after", wait).map_err(D::Error::custom)?;
    }
    Ok(wait)
}

fn check(name: &str, wait: &Wait) -> Result<(), String> {
    let Wait::Text(text) = wait else {
        return Ok(());
    };
    match HeaderValue::from_str(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "{name} = {text:?} is no value of a header; it is visible characters and spaces"
        )),
    }
}

#[cfg(test)]
mod tests {
    use crate::server::Faults;

    #[test]
    fn nonsense_is_told_with_its_place_and_what_would_be_right() {
        for (text, words) in [
            (
                r#"[{"what": "cut_off", "operation": "Query_Usages"}]"#,
                "operation = `Query_Usages` is no operation of the sandbox; the nearest are `Query_Usage`",
            ),
            (
                r#"[{"what": "cut_off", "operation": "Budget_*"}]"#,
                "`Budget_*` is no operation",
            ),
            (
                r#"[{"what": {"html": {"status": 99}}}]"#,
                "status = 99 is no status of an answer; it is 200 to 599",
            ),
            (
                r#"[{"what": {"refused": {"status": 600, "code": "x"}}}]"#,
                "status = 600",
            ),
            (
                r#"[{"what": {"refused": {"status": 70000, "code": "x"}}}]"#,
                "status = 70000",
            ),
            (
                r#"[{"what": {"throttled": {"Retry After": 3}}}]"#,
                "`Retry After` is no name of a header",
            ),
            (
                r#"[{"what": {"throttled": {"": 3}}}]"#,
                "`` is no name of a header",
            ),
            (
                r#"[{"what": {"throttled": {"Retry-After": "a\nb"}}}]"#,
                "Retry-After = \"a\\nb\" is no value of a header",
            ),
            (
                r#"[{"what": {"unavailable": {"retry_after": "a\u0000"}}}]"#,
                "retry_after = ",
            ),
        ] {
            let error = serde_json::from_str::<Faults>(text).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(words), "{text}: {error}");
            assert!(error.contains("line 1"), "{text}: {error}");
        }
    }

    #[test]
    fn names_are_read_in_any_case_and_by_their_start() {
        for name in [
            "query_usage",
            "Budgets_*",
            "*",
            "blob_*",
            "TOKEN_GET",
            "Exports_Execute",
        ] {
            let text = format!(r#"[{{"what": "cut_off", "operation": "{name}"}}]"#);
            let faults: Faults = serde_json::from_str(&text).unwrap();
            assert_eq!(faults.0[0].operation.as_deref(), Some(name));
        }
    }
}
