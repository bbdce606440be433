//! Teams cards as Microsoft's own library reads them.
//!
//! The JSON Schema of Adaptive Cards is not part of any package in use, so the library's parser and
//! property validation are the judges; they complain about unknown elements, missing properties and
//! elements newer than the card's version.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

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
