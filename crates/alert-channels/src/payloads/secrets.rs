//! Secrets appear nowhere: not in `Debug`, errors, results, payloads or logs.

use std::sync::Arc;

use wiremock::ResponseTemplate;

use crate::http::Access;
use crate::testing::{CANARY, answering, channel, channels, http_kinds, local_http, send, text};
use crate::{Attempt, samples};

/// What every secret has in it, as text and in base64.
const PARTS: [&str; 2] = ["c4n4ry", "YzRuNHJ5"];

/// Everything that is logged, by anybody.
#[derive(Clone, Default)]
struct Logs(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn secrets_appear_nowhere() {
    let logs = Logs::default();
    let writer = logs.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let mut said = String::new();
    let http = local_http();
    // The answer repeats the secret wherever a channel looks for a word.
    let echo = serde_json::json!({
        "ok": false, "error": CANARY, "code": CANARY, "id": CANARY, "status": CANARY,
        "name": format!("spaces/x/messages/{CANARY}"), "requestId": CANARY, "errors": [CANARY],
        "channel": CANARY, "ts": CANARY,
    });
    let nested = serde_json::json!({"error": {"code": CANARY, "status": CANARY}});
    let xml = format!("<MessageId>{CANARY}</MessageId>");
    for kind in http_kinds() {
        for status in [200, 201, 202, 400, 404, 410, 429, 500] {
            for body in [
                CANARY.to_owned(),
                echo.to_string(),
                nested.to_string(),
                xml.clone(),
            ] {
                let answer = ResponseTemplate::new(status)
                    .set_body_string(body)
                    .insert_header("x-ms-error-code", CANARY);
                let server = answering(answer).await;
                said.push_str(&format!("{:?}", send(kind, &server).await));
            }
        }
        // Nobody listens.
        let channel = channel(kind, &http, "http://127.0.0.1:1", Access::loopback());
        let attempt = Attempt::first(samples::at());
        let result = channel.send(&samples::crossing(), attempt).await;
        said.push_str(&format!("{result:?} {channel:?}"));
    }
    for channel in channels() {
        said.push_str(&format!("{channel:?}"));
        for (_, notice) in samples::all() {
            if channel.kind().takes(&notice.message) {
                said.push_str(&text(&*channel, &notice));
            }
        }
    }
    let logs = String::from_utf8(logs.0.lock().unwrap().clone()).unwrap();
    assert!(!logs.is_empty(), "everything is logged here");
    for part in PARTS {
        let at = said.find(part);
        let near = at.map(|at| &said[at.saturating_sub(200)..at]);
        assert_eq!(near, None, "said");
        let line = logs.lines().find(|line| line.contains(part));
        assert_eq!(line, None, "logged");
    }
}
