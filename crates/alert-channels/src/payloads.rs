//! Every payload of every channel as a snapshot, and what must hold for all of them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::email::{Config, Email, Login};
use crate::http::{Access, Http};
use crate::outcome::{Class, SendResult};
use crate::slack::Slack;
use crate::teams::Teams;
use crate::webhook::Webhook;
use crate::{Attempt, Channel, Kind, Language, Message, Notice, samples};

const CANARY: &str = "c4n4ry-in-every-secret-place";
/// The canary as a signing key: `whsec_` and base64 of 28 bytes.
const KEY: &str = "whsec_YzRuNHJ5LWluLWV2ZXJ5LXNlY3JldC1wbGFjZQ==";

fn http_channel(kind: Kind, http: &Http, url: &str, access: Access) -> Arc<dyn Channel> {
    let url = url.into();
    match kind {
        Kind::Teams => Arc::new(Teams::new(http, &url, access).unwrap()),
        Kind::Slack => Arc::new(Slack::new(http, &url, access).unwrap()),
        Kind::Webhook => Arc::new(Webhook::new(http, &url, access, &[KEY.into()]).unwrap()),
        Kind::Email => unreachable!("mail is no HTTP"),
    }
}

fn email() -> Email {
    let server = "smtp://relay.contoso.example".parse().unwrap();
    let mut config = Config::new(server, "Cost alerts <cost@contoso.example>");
    config.login = Some(Login {
        username: CANARY.into(),
        password: CANARY.into(),
    });
    Email::new(config).unwrap()
}

fn channels() -> Vec<Arc<dyn Channel>> {
    let http = Http::new().unwrap();
    let mut channels: Vec<Arc<dyn Channel>> = vec![Arc::new(email())];
    for kind in [Kind::Teams, Kind::Slack, Kind::Webhook] {
        let url = "https://hooks.contoso.example/x";
        channels.push(http_channel(kind, &http, url, Access::public()));
    }
    channels
}

fn text(channel: &dyn Channel, notice: &Notice) -> String {
    String::from_utf8(channel.render(notice).unwrap().bytes).unwrap()
}

#[test]
fn payloads() {
    for channel in channels() {
        for (name, notice) in samples::all() {
            let name = format!("{}_{name}", channel.kind());
            let text = text(&*channel, &notice);
            if channel.kind() == Kind::Email {
                insta::assert_snapshot!(name, without_chart(&text.replace("\r\n", "\n")));
            } else {
                let value: Value = serde_json::from_str(&text).unwrap();
                insta::assert_snapshot!(name, serde_json::to_string_pretty(&value).unwrap());
            }
        }
    }
}

/// A mail in which the bytes of the picture are only counted: its own tests look at them.
fn without_chart(mail: &str) -> String {
    let Some((head, picture)) = mail.split_once("Content-Type: image/png\n") else {
        return mail.to_owned();
    };
    let (headers, picture) = picture.split_once("\n\n").unwrap();
    let (_, rest) = picture.split_once("\n--").unwrap();
    format!("{head}Content-Type: image/png\n{headers}\n\n(the picture)\n--{rest}")
}

#[test]
fn the_text_part_reads_from_top_to_bottom_in_every_language() {
    for (name, notice) in samples::all() {
        for language in Language::ALL {
            let words = crate::text::wording(&samples::in_language(notice.clone(), language));
            let text = format!(
                "Subject: {}\n\n{}",
                words.subject,
                crate::text::plain(&words)
            );
            let name = match language {
                Language::English => format!("text_{name}"),
                language => format!("text_{name}_{language}"),
            };
            insta::assert_snapshot!(name, text);
        }
    }
}

#[test]
fn programs_read_english_whoever_the_recipient_is() {
    let http = Http::new().unwrap();
    let url = "https://hooks.contoso.example/x";
    let webhook = http_channel(Kind::Webhook, &http, url, Access::public());
    for (name, notice) in samples::all() {
        let dutch = samples::in_language(notice.clone(), Language::Dutch);
        assert_eq!(text(&*webhook, &dutch), text(&*webhook, &notice), "{name}");
    }
}

/// Texts that people see, with where they stand.
fn strings<'a>(value: &'a Value, path: &str, found: &mut Vec<(String, &'a str)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text)),
        Value::Array(items) => items.iter().for_each(|item| strings(item, path, found)),
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| strings(value, &format!("{path}/{name}"), found)),
        _ => {}
    }
}

#[test]
fn hostile_names_stay_text() {
    for channel in channels() {
        let text = text(&*channel, &samples::hostile());
        // Programs get names as they came.
        let invisible = text.contains('\0') || text.contains('\u{202e}');
        assert!(!invisible || channel.kind() == Kind::Webhook);
        if channel.kind() == Kind::Email {
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(!head.contains("\nBcc"), "{head}");
            assert!(!head.contains("=?utf-8?q?x?="), "{head}");
            let html = body.split_once("Content-Type: text/html").unwrap().1;
            assert!(!html.replace("=\r\n", "").contains("<script"), "{html}");
            for line in text.split("\r\n") {
                assert!(line.len() <= 998 && !line.contains('\n'), "{line}");
            }
            continue;
        }
        let value: Value = serde_json::from_str(&text).unwrap();
        let mut found = Vec::new();
        strings(&value, "", &mut found);
        let shown = found
            .iter()
            .filter(|(_, text)| text.contains("alert(1)"))
            .count();
        assert!(shown > 2, "the names are shown: {}", channel.kind());
        match channel.kind() {
            Kind::Teams => {
                for (path, text) in &found {
                    assert!(!text.to_lowercase().contains("<at>"), "{path}: {text}");
                    // Markdown is interpreted everywhere but in text runs.
                    if text.contains("**b**") {
                        assert!(path.ends_with("/inlines/text"), "{path}");
                    }
                }
                assert!(value["attachments"][0].get("contentUrl").unwrap().is_null());
            }
            Kind::Slack => {
                assert!(!value["text"].as_str().unwrap().contains('<'));
                for block in value["blocks"].as_array().unwrap() {
                    if block["text"]["type"] == "mrkdwn" {
                        assert!(!block.to_string().contains("alert(1)"));
                    }
                }
                assert!(!text.contains("\"mrkdwn\":true"));
            }
            _ => {
                assert!(value["budget"]["name"].as_str().unwrap().contains("\r\n"));
            }
        }
        assert!(!text.contains("javascript:"), "{}", channel.kind());
    }
}

#[test]
fn notices_survive_storage() {
    for (name, notice) in samples::all() {
        let stored = serde_json::to_string(&notice).unwrap();
        let read: Notice = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, notice, "{name}");
    }
    let probe = serde_json::to_value(samples::probe()).unwrap();
    assert_eq!(probe["message"]["probe"]["from"], "contoso");
    assert_eq!(probe["maybeDuplicate"], false);
    let crossing = serde_json::to_value(samples::crossing()).unwrap();
    assert_eq!(crossing["message"]["crossing"]["kind"], "actual");
    // What an earlier version stored.
    let old = serde_json::json!({
        "id": "d", "thread": "t", "recipient": null,
        "message": {"probe": {"at": "2026-05-15T06:30:00Z", "from": "contoso"}},
    });
    let read: Notice = serde_json::from_value(old).unwrap();
    assert!(matches!(read.message, Message::Probe { .. }));
}

#[test]
fn results_survive_storage() {
    for result in [
        SendResult::Delivered { provider_id: None },
        SendResult::Throttled {
            until: samples::at(),
        },
        SendResult::transient(Class::Timeout, "x"),
        SendResult::unknown(Class::Interrupted, "x"),
        SendResult::message(Class::TooLarge, "x"),
        SendResult::destination(Class::Auth, "x"),
    ] {
        let stored = serde_json::to_value(&result).unwrap();
        assert_eq!(stored["result"], result.as_str());
        let failure = result.failure();
        if let Some(failure) = failure {
            assert_eq!(stored["failure"]["class"], failure.class.as_str());
        }
        assert_eq!(
            serde_json::from_value::<SendResult>(stored).unwrap(),
            result
        );
    }
}

async fn answers(status: u16, body: &str, retry_after: Option<&str>) -> MockServer {
    let server = MockServer::start().await;
    let mut answer = ResponseTemplate::new(status).set_body_string(body);
    if let Some(value) = retry_after {
        answer = answer.insert_header("retry-after", value);
    }
    if (300..400).contains(&status) {
        answer = answer.insert_header("location", "http://127.0.0.1:1/");
    }
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

async fn send(kind: Kind, server: &MockServer) -> SendResult {
    let http = Http::new().unwrap();
    let url = format!("{}/{CANARY}?sig={CANARY}", server.uri());
    http_channel(kind, &http, &url, Access::loopback())
        .send(&samples::crossing(), Attempt::first(samples::at()))
        .await
}

/// What each channel makes of a status without a telling body.
fn expected(kind: Kind, status: u16) -> &'static str {
    match (status, kind) {
        (200..=299, Kind::Teams) => "accepted",
        (200..=299, Kind::Webhook) => "delivered",
        // Success is the word `ok`, and nothing else.
        (200..=299, _) => "rejected-destination",
        (300..=399, _) => "rejected-destination",
        (429, _) => "throttled",
        (408 | 425 | 503, _) => "transient",
        (400 | 409 | 411 | 413 | 414 | 415 | 422 | 431, _) => "rejected-message",
        (400..=499 | 501 | 505, _) => "rejected-destination",
        (_, Kind::Webhook) => "transient",
        _ => "unknown",
    }
}

#[tokio::test]
async fn every_status_has_a_fate_on_every_channel() {
    for status in (200..600).filter(|status| ![204, 205, 304].contains(status)) {
        let server = answers(status, "", None).await;
        for kind in [Kind::Teams, Kind::Slack, Kind::Webhook] {
            let result = send(kind, &server).await;
            assert_eq!(
                result.as_str(),
                expected(kind, status),
                "{kind} {status}: {result:?}"
            );
            assert!(!format!("{result:?}").contains(CANARY));
        }
    }
}

#[tokio::test]
async fn slacks_words_decide() {
    for (status, word, expected, class) in [
        (200, "ok", "delivered", None),
        (200, "no_text", "rejected-message", Some(Class::Invalid)),
        (
            400,
            "invalid_blocks",
            "rejected-message",
            Some(Class::Invalid),
        ),
        (
            400,
            "msg_blocks_too_long",
            "rejected-message",
            Some(Class::TooLarge),
        ),
        (
            400,
            "user_not_found",
            "rejected-destination",
            Some(Class::NotFound),
        ),
        (
            403,
            "invalid_token",
            "rejected-destination",
            Some(Class::Auth),
        ),
        (
            404,
            "no_service",
            "rejected-destination",
            Some(Class::NotFound),
        ),
        (
            410,
            "channel_is_archived",
            "rejected-destination",
            Some(Class::Gone),
        ),
        (500, "rollup_error", "transient", Some(Class::Server)),
        (429, "rate_limited", "throttled", None),
        (
            200,
            "<html>sign in</html>",
            "rejected-destination",
            Some(Class::Protocol),
        ),
    ] {
        let server = answers(status, word, None).await;
        let result = send(Kind::Slack, &server).await;
        assert_eq!(result.as_str(), expected, "{word}: {result:?}");
        assert_eq!(
            result.failure().map(|failure| failure.class),
            class,
            "{word}"
        );
    }
}

#[tokio::test]
async fn teams_codes_tell_the_card_from_the_workflow() {
    for (code, expected) in [
        ("TriggerInputSchemaMismatch", "rejected-message"),
        ("WorkflowTriggerIsNotEnabled", "rejected-destination"),
        ("WorkflowNotFound", "rejected-destination"),
        ("MissingApiVersionParameter", "rejected-destination"),
        ("FlowSuspended", "rejected-destination"),
    ] {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"{CANARY}"}}}}"#);
        let server = answers(400, &body, None).await;
        let result = send(Kind::Teams, &server).await;
        assert_eq!(result.as_str(), expected, "{code}");
        let detail = &result.failure().unwrap().detail;
        assert!(
            detail.contains(code) && !detail.contains(CANARY),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn destinations_are_left_alone_as_long_as_they_ask() {
    let at = samples::at();
    let seconds = |n: i64| at + jiff::SignedDuration::from_secs(n);
    for (value, until) in [
        (None, seconds(60)),
        (Some("17"), seconds(17)),
        (Some("Fri, 15 May 2026 06:40:00 GMT"), seconds(600)),
    ] {
        for kind in [Kind::Teams, Kind::Slack, Kind::Webhook] {
            let server = answers(429, "", value).await;
            assert_eq!(send(kind, &server).await, SendResult::Throttled { until });
        }
    }
    let server = answers(503, "", Some("30")).await;
    for kind in [Kind::Teams, Kind::Slack, Kind::Webhook] {
        let SendResult::Transient { not_before, .. } = send(kind, &server).await else {
            panic!("503 is for now");
        };
        assert_eq!(not_before, Some(seconds(30)));
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_long_answers_not_read() {
    let target = answers(200, "ok", None).await;
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(307).insert_header("location", target.uri());
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let result = send(Kind::Webhook, &server).await;
    assert_eq!(result.failure().unwrap().class, Class::Redirect);
    assert!(target.received_requests().await.unwrap().is_empty());

    let long = "x".repeat(1024 * 1024);
    let server = answers(200, &long, None).await;
    let result = send(Kind::Slack, &server).await;
    assert_eq!(result.as_str(), "unknown", "it may have ended in anything");
}

#[tokio::test]
async fn webhooks_carry_their_id_and_signature() {
    let server = answers(204, "", None).await;
    let result = send(Kind::Webhook, &server).await;
    assert!(result.is_success());
    let request = server.received_requests().await.unwrap().remove(0);
    let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("webhook-id"), samples::crossing().id);
    assert_eq!(
        header("webhook-timestamp"),
        samples::at().as_second().to_string()
    );
    assert!(header("webhook-signature").starts_with("v1,"));
    assert_eq!(header("content-type"), "application/json");
    assert!(header("user-agent").starts_with("spendwatch/"));
}

/// A server that takes the request and then does what `end` says.
async fn raw_server(answer: &'static [u8], hang: bool) -> (String, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/{CANARY}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 65536];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(answer).await;
        if hang {
            std::future::pending::<()>().await;
        }
    });
    (url, task)
}

#[tokio::test]
async fn no_answer_is_an_unknown_outcome() {
    let brief = std::time::Duration::from_millis(300);
    for (answer, hang, class) in [
        (&b""[..], false, Class::Interrupted),
        (b"", true, Class::Timeout),
        (b"HTTP/1.1 2", false, Class::Interrupted),
        (b"HTTP/1.1 2", true, Class::Timeout),
        (b"garbage\r\n\r\n", false, Class::Interrupted),
    ] {
        let (url, task) = raw_server(answer, hang).await;
        let http = Http::new().unwrap().with_deadline(brief);
        let channel = http_channel(Kind::Teams, &http, &url, Access::loopback());
        let attempt = Attempt::first(samples::at());
        let result = channel.send(&samples::crossing(), attempt).await;
        task.abort();
        assert_eq!(result.as_str(), "unknown", "{answer:?} {hang}: {result:?}");
        assert_eq!(result.failure().unwrap().class, class);
        assert!(!format!("{result:?}").contains(CANARY));
    }
}

#[test]
fn local_addresses_are_refused_before_any_packet() {
    let http = Http::new().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let access = || Access {
        any_port: true,
        plain_http: true,
        networks: vec!["10.0.0.0/8".parse().unwrap()],
    };
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "①②⑦.⓪.⓪.①",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0",
        "[::1]",
        "localhost",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/").as_str().into();
            let refused = http.endpoint(&url, access());
            assert!(refused.is_err(), "{scheme}://{host}");
        }
    }
    assert!(listener.accept().is_err(), "nobody connected");
}

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
    let http = Http::new().unwrap();
    for kind in [Kind::Teams, Kind::Slack, Kind::Webhook] {
        for status in [200, 400, 404, 410, 429, 500] {
            let server = answers(status, CANARY, None).await;
            said.push_str(&format!("{:?}", send(kind, &server).await));
        }
        // Nobody listens, and nothing resolves.
        for url in [
            format!("http://127.0.0.1:1/{CANARY}"),
            format!("https://nothing.invalid/{CANARY}?sig={CANARY}"),
        ] {
            let channel = http_channel(kind, &http, &url, Access::loopback());
            let attempt = Attempt::first(samples::at());
            let result = channel.send(&samples::crossing(), attempt).await;
            said.push_str(&format!("{result:?}"));
        }
        for (_, notice) in samples::all() {
            let url = format!("https://hooks.contoso.example/{CANARY}");
            let channel = http_channel(kind, &http, &url, Access::public());
            said.push_str(&text(&*channel, &notice));
        }
    }
    let url = format!("https://hooks.contoso.example/{CANARY}");
    let url = url.as_str().into();
    let teams = Teams::new(&http, &url, Access::public()).unwrap();
    let slack = Slack::new(&http, &url, Access::public()).unwrap();
    let webhook = Webhook::new(&http, &url, Access::public(), &[KEY.into()]).unwrap();
    said.push_str(&format!("{teams:?} {slack:?} {webhook:?} {:?}", email()));
    said.push_str(&text(&email(), &samples::crossing()));
    let logs = String::from_utf8(logs.0.lock().unwrap().clone()).unwrap();
    for secret in [CANARY, "YzRuNHJ5"] {
        assert!(!said.contains(secret));
        let line = logs.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "logged");
    }
}

#[test]
fn attempts_begin_at_one() {
    let at: Timestamp = samples::at();
    assert_eq!(Attempt::first(at), Attempt { number: 1, at });
}
