//! The examples that Microsoft publishes beside the descriptions of its APIs, read and written
//! through the client.
//!
//! They are not part of the project. `SPENDWATCH_AZURE_EXAMPLES` names their folder; else it is
//! looked for beside the checkout; where there is none, the test says so and passes. A file's
//! path says service and version (`consumption/2024-08-01/Budget.json`), and the file the rest, so
//! any other files of the same kind will do.

mod calls;
mod example;
mod json;
mod meaning;
mod numbers;
mod operations;
mod requests;
mod server;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::support::client;
use calls::Heard;
use example::{Example, ExampleAnswer};
use json::Json;
use meaning::difference;
use operations::{Known, Operation, Thing, Verb, classify};
use requests::Asked;
use server::Playing;

/// Each example's answers arrive in our types, whole and with all digits; its request is the one
/// that we send; and what can be written says the same when it is written again.
#[tokio::test]
async fn azures_own_examples_are_understood() {
    let (folder, is_given) = folder();
    if !folder.is_dir() {
        let problem = format!("left out: no examples of Azure in {}", folder.display());
        assert!(
            !is_given,
            "{problem}, which SPENDWATCH_AZURE_EXAMPLES names"
        );
        return say(&problem);
    }
    let mut failures = Vec::new();
    let mut unspoken: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut understood = 0;
    for file in files(&folder) {
        let example = match Example::read(&folder, &file) {
            Ok(Some(example)) => example,
            Ok(None) => {
                let file = file.display().to_string();
                unspoken.entry("no examples").or_default().push(file);
                continue;
            }
            Err(problem) => {
                failures.push(format!("{}: {problem}", file.display()));
                continue;
            }
        };
        match classify(&example) {
            Known::Spoken(operation) => match check(&example, operation).await {
                Ok(()) => understood += 1,
                Err(problem) => failures.push(format!("{}: {problem}", example.file)),
            },
            Known::Unspoken(reason) => unspoken.entry(reason).or_default().push(example.file),
            // Of the files that we know, we know what each one is.
            Known::Unknown if !is_given => {
                failures.push(format!("{}: of no known operation", example.file));
            }
            Known::Unknown => unspoken.entry("unknown").or_default().push(example.file),
        }
    }
    say(&format!("{understood} examples of Azure were understood"));
    for (reason, files) in unspoken {
        say(&format!(
            "{} left out ({reason}): {}",
            files.len(),
            files.join(", ")
        ));
    }
    let count = failures.len();
    assert!(
        failures.is_empty(),
        "{count} examples failed:\n{}",
        failures.join("\n")
    );
    assert!(
        understood > 0,
        "there is no example in {}",
        folder.display()
    );
}

/// The folder of the examples, and whether somebody named it.
fn folder() -> (PathBuf, bool) {
    match std::env::var_os("SPENDWATCH_AZURE_EXAMPLES") {
        Some(folder) => (folder.into(), true),
        None => {
            let beside = "../../../shared/azure-rest-examples";
            (Path::new(env!("CARGO_MANIFEST_DIR")).join(beside), false)
        }
    }
}

/// Says something even when the test passes, where prints are not shown.
fn say(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// The JSON files of a folder and of those in it, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let found = paths.into_iter().flat_map(|path| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    });
    let is_json = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    found.filter(is_json).collect()
}

/// Plays each good answer of an example to the client.
async fn check(example: &Example, operation: Operation) -> Result<(), String> {
    let asked = requests::expected(example, operation)?;
    let with_status = |status: &[u16]| {
        let answers = example.answers.iter();
        answers
            .filter(|answer| status.contains(&answer.status))
            .collect::<Vec<_>>()
    };
    let done = with_status(&[200, 201, 204]);
    let accepted = with_status(&[202]);
    if done.is_empty() && accepted.is_empty() {
        return Err("it has no answer that says yes".to_owned());
    }
    let at_once = done.iter().map(|answer| vec![*answer]);
    // What was accepted is there later; without a result in the example, there is nothing.
    let nothing = ExampleAnswer {
        status: 204,
        headers: Vec::new(),
        body: None,
    };
    let last = done.first().copied().unwrap_or(&nothing);
    let later = accepted.iter().map(|answer| match operation.thing {
        // Exports and actions only say that they will run.
        _ if operation.verb == Verb::Do => vec![*answer],
        _ => vec![*answer, last],
    });
    for answers in at_once.chain(later) {
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        let played = play(example, operation, &asked, &answers).await;
        played.map_err(|problem| format!("answered with {statuses:?}: {problem}"))?;
    }
    Ok(())
}

async fn play(
    example: &Example,
    operation: Operation,
    asked: &Asked,
    answers: &[&ExampleAnswer],
) -> Result<(), String> {
    let accepted = ExampleAnswer {
        status: 202,
        headers: Vec::new(),
        body: None,
    };
    // A result is asked for after a start, which is not in the example of the result.
    let mut script = Vec::new();
    if operation.thing == Thing::CostDetailsResult && answers[0].status != 202 {
        script.push(&accepted);
    }
    script.extend(answers);
    let playing = Playing::start(&script).await;
    let client = client(&playing.server.uri());
    let heard = calls::call(&client, example, operation).await;
    check_request(example, asked, &playing).await?;
    let heard = heard?;
    // What comes with "not yet" is not the answer.
    let last = answers.last().filter(|answer| answer.status != 202);
    let answer = last.and_then(|answer| answer.body.as_ref());
    let expected = answer.map_or(Ok(0), |body| count(operation, body))?;
    if heard.items != expected {
        return Err(format!("{} were read of {expected}", heard.items));
    }
    let Some(body) = answer else { return Ok(()) };
    if let Some(problem) = numbers::lost(operation.thing, body, &heard.said) {
        return Err(problem);
    }
    write_again(example, operation, body, &heard).await
}

/// The first request is the one that the example describes.
async fn check_request(example: &Example, asked: &Asked, playing: &Playing) -> Result<(), String> {
    let requests = playing.asked().await;
    let Some(first) = requests.first() else {
        return Ok(());
    };
    let method = first.method.as_str();
    if method != asked.method {
        return Err(format!("it was asked by {method}, not by {}", asked.method));
    }
    let path = decoded(first.url.path());
    if !asked
        .paths
        .iter()
        .any(|one| one.eq_ignore_ascii_case(&path))
    {
        return Err(format!(
            "asked was {path}, not {}",
            asked.paths.join(" or ")
        ));
    }
    for (name, wanted) in &asked.query {
        let mut sent = first
            .url
            .query_pairs()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let holds = |value: &str| {
            value
                .to_ascii_lowercase()
                .contains(&wanted.to_ascii_lowercase())
        };
        if !sent.any(|(_, value)| holds(&value)) {
            let query = first.url.query().unwrap_or_default();
            return Err(format!("`{name}` does not say {wanted} in {query}"));
        }
    }
    let Some(meant) = example.body() else {
        return Ok(());
    };
    let sent = Json::parse(&String::from_utf8_lossy(&first.body))?;
    difference(&sent, meant, false)
        .map_or(Ok(()), |problem| Err(format!("in the request, {problem}")))
}

/// A path as it reads without percent-encoding.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut parts = path.split('%');
    bytes.extend(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let code = part
            .get(..2)
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend(&part.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How many things an answer holds.
fn count(operation: Operation, body: &Json) -> Result<usize, String> {
    let names: &[&str] = match operation.thing {
        _ if matches!(operation.verb, Verb::Delete) => return Ok(0),
        Thing::Export | Thing::ScheduledAction if operation.verb == Verb::Do => return Ok(0),
        Thing::PriceSheet => &["properties", "pricesheets"],
        Thing::Query | Thing::Forecast => &["properties", "rows"],
        Thing::Tag => &["properties", "tags"],
        Thing::RateCard => &["Meters"],
        Thing::CostDetails | Thing::CostDetailsResult => &["manifest", "blobs"],
        _ => &["value"],
    };
    match body.at(names) {
        Some(Json::List(items)) => Ok(items.len()),
        None | Some(_) if names == ["value"] => Ok(1),
        None => Ok(0),
        Some(_) => Err(format!("its `{}` is no list", names.join("."))),
    }
}

/// Writes what was read; it has to say the same as the answer that it was read from.
async fn write_again(
    example: &Example,
    operation: Operation,
    body: &Json,
    heard: &Heard,
) -> Result<(), String> {
    let items = match body.get("value") {
        Some(Json::List(items)) => items.as_slice(),
        _ => std::slice::from_ref(body),
    };
    for (thing, item) in heard.writable.iter().zip(items) {
        let answer = ExampleAnswer {
            status: 200,
            headers: Vec::new(),
            body: Some(item.clone()),
        };
        let playing = Playing::start(&[&answer]).await;
        let client = client(&playing.server.uri());
        calls::write(&client, example, operation, thing).await?;
        let requests = playing.asked().await;
        let request = requests.last().ok_or("nothing was written")?;
        let sent = Json::parse(&String::from_utf8_lossy(&request.body))?;
        if let Some(problem) = difference(&sent, item, true) {
            return Err(format!("written again, {problem}"));
        }
    }
    Ok(())
}
