//! What the documentation shows, and the bundled example, is read by the program and valid for editors.

use std::path::{Path, PathBuf};

use serde_json::Value;
use spendwatch::Config;

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(checkout().join(path)).unwrap()
}

/// The fenced TOML blocks of a page that are whole configurations.
fn configurations(page: &str) -> Vec<String> {
    let text = read(page);
    let blocks = text
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    blocks
        .filter(|block| block.contains("version = 1"))
        .map(str::to_owned)
        .collect()
}

fn complaints(toml: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(spendwatch::SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let document: toml::Value = toml::from_str(toml).unwrap();
    let document = plain(document);
    validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// As JSON, with dates as texts: editors see them so.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(items) => items.into_iter().map(plain).collect(),
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, plain(value)))
            .collect(),
        other => serde_json::to_value(other).unwrap(),
    }
}

#[test]
fn every_configuration_that_is_shown_is_read_and_fits_the_schema() {
    let mut shown = vec![read("handlers/cli/example/spendwatch.toml")];
    shown.extend(configurations("README.md"));
    shown.extend(configurations("docs/configuration.md"));
    let channels = configurations("docs/channels.md");
    assert!(!channels.is_empty());
    shown.extend(channels);
    assert!(shown.len() >= 4);
    for text in shown {
        let files = [(PathBuf::from("spendwatch.toml"), text.clone())];
        if let Err(error) = Config::parse(&files) {
            panic!("{error}\n{text}");
        }
        assert_eq!(complaints(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_schema_refuses_what_the_program_refuses() {
    let good = read("handlers/cli/example/spendwatch.toml");
    for (from, to) in [
        ("version = 1", "version = 2"),
        ("kind = \"files\"", "kind = \"file\""),
        ("kind = \"email\"", "kind = \"mail\""),
        ("amount = ", "amuont = "),
        ("amount = ", "grain = \"monthy\"\namount = "),
    ] {
        let wrong = good.replacen(from, to, 1);
        assert_ne!(wrong, good, "{from}");
        assert!(
            Config::parse(&[(PathBuf::from("a.toml"), wrong.clone())]).is_err(),
            "{to}"
        );
        assert!(!complaints(&wrong).is_empty(), "{to}");
    }
}
