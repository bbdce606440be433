//! Teams cards as Microsoft's own library and Microsoft's JSON Schema read them.
//!
//! The library's parser complains about unknown elements, missing properties and elements newer than
//! the card's version; the schema (1.6, which contains 1.5) about unknown properties and wrong values.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use alert_channels::http::{Access, Http};
use alert_channels::teams::Teams;
use alert_channels::{Channel, samples};
use serde_json::{Value, json};
use tests::node;

/// Microsoft's library in a Node process.
struct Library {
    process: Child,
    input: ChildStdin,
    answers: mpsc::Receiver<String>,
}

impl Library {
    fn start() -> Self {
        let mut process = node::command(&node::directory().join("node/card.cjs"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            process,
            input,
            answers,
        }
    }

    fn read(&mut self, card: &Value) -> Value {
        writeln!(self.input, "{card}").unwrap();
        let answer = self.answers.recv_timeout(Duration::from_secs(20)).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn microsofts_library_has_nothing_to_complain_about() {
    if !node::available("cards in Microsoft's library") {
        return;
    }
    let mut library = Library::start();
    let url = "https://contoso.example/workflows/1".into();
    let teams = Teams::new(&Http::new().unwrap(), &url, Access::public()).unwrap();
    for (name, notice) in samples::all() {
        let message: Value = serde_json::from_slice(&teams.render(&notice).unwrap().bytes).unwrap();
        assert_eq!(message["type"], "message");
        let attachments = message["attachments"].as_array().unwrap();
        assert_eq!(attachments.len(), 1);
        assert_eq!(
            attachments[0]["contentType"],
            "application/vnd.microsoft.card.adaptive"
        );
        assert_eq!(attachments[0].get("contentUrl"), Some(&Value::Null));
        let read = library.read(&attachments[0]["content"]);
        assert_eq!(read["version"], "1.5");
        assert_eq!(read["parsing"], json!([]), "{name}");
        assert_eq!(read["validation"], json!([]), "{name}");
        assert_eq!(
            read["counts"].get("TextBlock"),
            None,
            "all text is in runs, which are not Markdown"
        );
        let words = alert_channels::text::wording(&notice);
        let texts: Vec<&str> = read["texts"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        if name != "hostile" {
            assert!(texts.contains(&words.headline.as_str()), "{name}");
        }
        for fact in &words.facts {
            assert!(texts.contains(&fact.label), "{name}: {}", fact.label);
        }
        assert!(texts.contains(&words.footer.as_str()));
        assert_eq!(read["actions"].as_array().unwrap().len(), words.links.len());
    }
}

#[test]
fn the_library_does_complain_about_wrong_cards() {
    if !node::available("wrong cards in Microsoft's library") {
        return;
    }
    let mut library = Library::start();
    let card = |body: Value, actions: Value| json!({"type": "AdaptiveCard", "version": "1.5", "body": body, "actions": actions});
    let read = library.read(&card(json!([{"type": "Nonsense"}]), json!([])));
    assert_ne!(read["parsing"], json!([]));
    let read = library.read(&card(
        json!([]),
        json!([{"type": "Action.OpenUrl", "title": "x"}]),
    ));
    assert_ne!(read["validation"], json!([]));
}

/// What the schema says of a card. It does not know the member that only Teams reads.
fn complaints(card: &Value) -> Vec<String> {
    let mut card = card.clone();
    card.as_object_mut().unwrap().remove("msteams");
    let errors = adaptive_card_core::schema::validate(&card);
    errors
        .into_iter()
        .map(|error| format!("{}: {}", error.path, error.message))
        .collect()
}

#[test]
fn the_adaptive_cards_schema_has_nothing_to_complain_about() {
    let url = "https://contoso.example/workflows/1".into();
    let teams = Teams::new(&Http::new().unwrap(), &url, Access::public()).unwrap();
    for (name, notice) in samples::all() {
        let message: Value = serde_json::from_slice(&teams.render(&notice).unwrap().bytes).unwrap();
        let card = &message["attachments"][0]["content"];
        assert_eq!(complaints(card), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_adaptive_cards_schema_complains_about_wrong_cards() {
    let card = |body: Value| json!({ "type": "AdaptiveCard", "version": "1.5", "body": [body] });
    for wrong in [
        card(json!({ "type": "TextBlock" })),
        card(json!({ "type": "TextBlock", "text": "x", "size": "Gigantic" })),
        card(json!({ "type": "NoSuchElement" })),
        json!({ "type": "AdaptiveCard", "version": "1.5", "actions": [{ "type": "Action.OpenUrl", "title": "x" }] }),
    ] {
        assert!(!complaints(&wrong).is_empty(), "{wrong}");
    }
}
