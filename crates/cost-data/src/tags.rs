//! Reads the tags of a row.

use std::collections::BTreeMap;
use std::sync::Arc;

use budget_engine::TagName;
use serde_json::Value;

/// The values of the wanted tags, in their order; `""` for a tag that is not there.
///
/// The text is a JSON object (Customer Agreement, FOCUS) or the inside of one, without its braces
/// (Enterprise Agreement). Names are compared folded. If two names differ in letter case only,
/// the one that sorts first and is not empty counts.
pub(crate) fn parse(text: &[u8], wanted: &[TagName]) -> Option<Vec<Arc<str>>> {
    let text = text.trim_ascii();
    let none: Arc<str> = "".into();
    let mut values = vec![none; wanted.len()];
    if text.is_empty() || text.eq_ignore_ascii_case(b"null") {
        return Some(values);
    }
    let tags: BTreeMap<String, Value> = if text.starts_with(b"{") {
        serde_json::from_slice(text).ok()?
    } else {
        let whole = [b"{", text, b"}"].concat();
        serde_json::from_slice(&whole).ok()?
    };
    for (name, value) in tags {
        let name = TagName::new(&name);
        let Some(index) = wanted.iter().position(|wanted| *wanted == name) else {
            continue;
        };
        if values[index].is_empty() {
            values[index] = match value {
                Value::Null => continue,
                Value::String(text) => text.into(),
                other => other.to_string().into(),
            };
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env_and_team(text: &str) -> Option<Vec<String>> {
        let wanted = [TagName::new("Env"), TagName::new("team")];
        let values = parse(text.as_bytes(), &wanted)?;
        Some(values.iter().map(|value| value.to_string()).collect())
    }

    #[test]
    fn all_spellings_of_tags_are_read() {
        for (text, env, team) in [
            ("", "", ""),
            ("{}", "", ""),
            ("null", "", ""),
            (r#""env": "prod","org": "x""#, "prod", ""),
            (r#"{"ENV":"Prod","Team":"a, \"b\""}"#, "Prod", r#"a, "b""#),
            (r#"{ "env": "caf\u00e9" , "team": null }"#, "café", ""),
            (r#""env": "","team": "x""#, "", "x"),
            (r#"{"env": 7, "team": true}"#, "7", "true"),
            (r#"{"Env": "", "env": "low"}"#, "low", ""),
        ] {
            let expected = Some(vec![env.to_owned(), team.to_owned()]);
            assert_eq!(env_and_team(text), expected, "{text}");
        }
    }

    #[test]
    fn broken_tags_are_no_tags() {
        for text in [
            r#"env": "prod"#,
            r#""env": "prod""org": "x""#,
            r#"{"env": "prod""#,
            "env=prod",
            "[]",
            r#""env""#,
        ] {
            assert_eq!(env_and_team(text), None, "{text}");
        }
        assert_eq!(parse(b"\"env\": \"\xff\"", &[TagName::new("env")]), None);
    }
}
