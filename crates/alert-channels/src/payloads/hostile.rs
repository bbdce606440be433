//! Names that try everything, on every channel: what they say is shown, and nothing else happens.

use budget_engine::Transition;
use serde_json::Value;
use wiremock::ResponseTemplate;

use crate::testing::{answering, channels, http_kinds, send_notice, text};
use crate::{Kind, Link, Message, Notice, samples};

/// Each as the whole of a name, so that nothing of it is cut.
fn attacks() -> Vec<String> {
    let mut attacks: Vec<String> = [
        "<script>alert(1)</script>",
        "a\r\nBcc: evil@contoso.example\r\n\r\nb",
        "<!channel> <!here> <@U123>",
        "@everyone @here @channel @ada",
        "<users/all>",
        "<at>all</at>",
        "[x](https://evil.contoso.example)",
        "https://evil.contoso.example/x www.evil.contoso.example",
        "<https://evil.contoso.example|pay>",
        "**b** __u__ _i_ ~~s~~ ||x|| `c`",
        "# title",
        "- item",
        "~town-square #tag",
        "\u{202e}gnp.exe\u{2066}",
        "a\0b",
        "{{ 7*7 }} {% raw %}",
        "=?utf-8?q?x?=",
        "\"'\\`&amp;&lt;",
        "![i](https://evil.contoso.example/i.png)",
    ]
    .map(str::to_owned)
    .into();
    attacks.push("x".repeat(10_000));
    attacks.push("z\u{302}".repeat(10_000));
    attacks
}

/// Notices of all forms with the text wherever there is one from outside.
fn notices(evil: &str) -> Vec<Notice> {
    let crossing = |mut transition: Transition| {
        transition.also = vec![evil.into()];
        transition.when = evil.into();
        let status = &mut transition.status;
        status.name = evil.into();
        status.period_label = evil.into();
        status.owners = vec![evil.into()];
        if let Some(drivers) = &mut status.drivers {
            for driver in &mut drivers.items {
                driver.service_name = evil.into();
            }
        }
        samples::notice(transition)
    };
    let correction = samples::correction().message;
    let Message::Crossing(correction) = correction else {
        unreachable!("the sample is a crossing");
    };
    let at = samples::at();
    let (title, lines, advice) = (evil.to_owned(), vec![evil.into()], Some(evil.to_owned()));
    let trouble = Message::Trouble {
        at,
        title: title.clone(),
        lines: lines.clone(),
        advice: advice.clone(),
    };
    let action = Message::Action {
        at,
        title,
        lines,
        advice,
    };
    let probe = Message::Probe {
        at,
        from: evil.into(),
    };
    let mut notices = vec![crossing(samples::transition()), crossing(*correction)];
    notices.extend([trouble, action, probe].map(|message| Notice {
        recipient: Some("owner@contoso.example".into()),
        ..Notice::new(evil, evil, message)
    }));
    for notice in &mut notices {
        notice.id = evil.into();
        notice.thread = evil.into();
        notice.reason_for_recipient = evil.into();
        notice.links = vec![
            Link {
                title: evil.into(),
                url: "https://costs.contoso.example/a(b)?c=|d&e=%3Cf".into(),
            },
            Link {
                title: "bad".into(),
                url: "javascript:alert(1)".into(),
            },
        ];
    }
    notices
}

/// Texts with where they stand, names of members included.
fn strings(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| strings(item, path, found)),
        Value::Object(members) => {
            for (name, value) in members {
                strings(value, &format!("{path}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// A text in Markdown without its escapes, and without the links that are ours.
fn without_our_links(text: &str) -> String {
    let mut rest = text.to_owned();
    while let Some(at) = rest.find("](https://costs.contoso.example/") {
        let end = rest[at..].find(')').unwrap() + at;
        rest.replace_range(at..=end, " ");
        // The bracket that begins it is the last one that is not escaped.
        let mut opens = rest[..at].rmatch_indices('[').map(|(open, _)| open);
        let open = opens.find(|open| !rest[..*open].ends_with('\\')).unwrap();
        rest.replace_range(open..=open, " ");
    }
    rest
}

/// Nothing in a text of a chat program that mentions, links or formats.
#[track_caller]
fn check_markdown(text: &str, context: &str) {
    let text = without_our_links(text);
    let characters: Vec<char> = text.chars().collect();
    for (at, c) in characters.iter().enumerate() {
        let next = characters.get(at + 1).copied().unwrap_or(' ');
        let before = at.checked_sub(1).map_or(' ', |at| characters[at]);
        let is_word = |c: char| c.is_alphanumeric() || "!/@<_-".contains(c);
        if matches!(c, '@' | '<' | '~' | '#') {
            assert!(!is_word(next), "{context}: {text}");
        }
        if matches!(c, '[' | ']' | '`' | '|' | '_' | '~') {
            assert!(before == '\\', "{c} {context}: {text}");
        }
    }
    let lower = text.to_lowercase();
    for link in ["://", "www.", "mailto:", "javascript:"] {
        assert!(!lower.contains(link), "{context}: {text}");
    }
    for line in text.lines() {
        assert!(!line.starts_with(['#', '>', '-', '+']), "{context}: {line}");
    }
    assert!(!text.contains("**b"), "{context}: {text}");
}

#[track_caller]
fn check(kind: Kind, evil: &str, payload: &str) {
    let context = format!("{kind} {:?}", evil.chars().take(40).collect::<String>());
    assert!(payload.len() < 200_000, "{context}");
    assert!(!payload.contains("javascript:"), "{context}");
    if kind == Kind::Email {
        let (head, body) = payload.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("\nBcc"), "{head}");
        assert!(!head.contains("=?utf-8?q?x?="), "{head}");
        let html = body.split_once("Content-Type: text/html").unwrap().1;
        assert!(!html.replace("=\r\n", "").contains("<script"), "{html}");
        for line in payload.split("\r\n") {
            assert!(line.len() <= 998 && !line.contains('\n'), "{line}");
        }
        return;
    }
    let value: Value = serde_json::from_str(payload).unwrap();
    let mut found = Vec::new();
    strings(&value, "", &mut found);
    for (path, text) in &found {
        let context = format!("{context} {path}");
        // Programs get names as they came, but not without end.
        if matches!(kind, Kind::Webhook | Kind::EventGrid | Kind::StorageQueue) {
            assert!(text.chars().count() <= 1100, "{context}");
            continue;
        }
        let hidden = ['\0', '\r', '\u{202e}', '\u{2066}'];
        assert!(!text.contains(hidden), "{context}: {text}");
        match kind {
            Kind::Teams => {
                let lower = text.to_lowercase();
                assert!(!lower.contains("<at>"), "{context}: {text}");
                // Markdown is interpreted everywhere but in text runs and titles.
                if text.contains("**b**") || text.contains("](https://evil") {
                    let inert = path.ends_with("/inlines/text") || path.ends_with("/actions/title");
                    assert!(inert, "{context}: {text}");
                }
            }
            Kind::Discord if path.ends_with("/footer/text") => {
                assert!(!text.contains("://"), "{context}: {text}");
            }
            Kind::Discord if path.ends_with("/timestamp") => {}
            Kind::Discord | Kind::Mattermost => check_markdown(text, &context),
            Kind::GoogleChat if path.ends_with("/openLink/url") => {
                assert!(text.starts_with("https://costs.contoso.example/"));
            }
            Kind::GoogleChat => {
                let tags = text.replace("<b>", "").replace("</b>", "");
                let is_html =
                    path.ends_with("/textParagraph/text") || path.ends_with("/decoratedText/text");
                assert!(!is_html || !tags.contains(['<', '>']), "{context}: {text}");
                for bad in ["<script", "<users/", "://evil", "@everyone", "www.evil"] {
                    assert!(!text.contains(bad), "{context}: {text}");
                }
            }
            Kind::AcsEmail if path == "/content/html" => {
                for bad in [
                    "<script",
                    "<at>",
                    "<!channel",
                    "<users",
                    "href=\"javascript",
                ] {
                    assert!(!text.contains(bad), "{context}: {text}");
                }
            }
            Kind::AcsEmail if path != "/content/plainText" => {
                assert!(!text.contains('\n'), "{context}: {text}");
            }
            _ => {}
        }
    }
    if matches!(kind, Kind::Slack | Kind::SlackBot) {
        assert!(!value["text"].as_str().unwrap().contains('<'), "{context}");
        assert_eq!(value["mrkdwn"], false);
        for block in value["blocks"].as_array().unwrap() {
            let text = block["text"]["text"].as_str().unwrap_or_default();
            if block["text"]["type"] == "mrkdwn" {
                assert_eq!(text.matches('<').count(), 1, "only our link: {text}");
                assert!(
                    text.starts_with("<https://costs.contoso.example/"),
                    "{text}"
                );
                assert!(!text.contains(['*', '~', '`']), "{text}");
            }
        }
    }
    if kind == Kind::Discord {
        assert_eq!(value["allowed_mentions"], serde_json::json!({"parse": []}));
    }
}

#[test]
fn hostile_names_stay_text_on_every_channel() {
    for channel in channels() {
        for evil in attacks() {
            for notice in notices(&evil) {
                if channel.kind().takes(&notice.message) {
                    check(channel.kind(), &evil, &text(&*channel, &notice));
                }
            }
        }
    }
}

#[test]
fn hostile_names_are_still_shown() {
    for channel in channels() {
        let shown = text(&*channel, &samples::hostile());
        let shown = shown.replace("=\r\n", "").replace('\\', "");
        assert!(shown.contains("alert(1)"), "{}", channel.kind());
    }
}

#[tokio::test]
async fn no_header_of_a_request_comes_from_a_name() {
    let known = [
        "accept",
        "aeg-sas-key",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "operation-id",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
        "x-ms-client-request-id",
        "x-ms-date",
        "x-ms-version",
    ];
    for kind in http_kinds() {
        let server = answering(ResponseTemplate::new(200)).await;
        for evil in attacks() {
            for notice in notices(&evil) {
                if kind.takes(&notice.message) {
                    let _ = send_notice(kind, &server, &notice).await;
                }
            }
        }
        let requests = server.received_requests().await.unwrap();
        assert!(!requests.is_empty());
        for request in requests {
            for (name, value) in &request.headers {
                assert!(known.contains(&name.as_str()), "{kind}: {name}");
                let value = value.to_str().unwrap();
                assert!(
                    !value.contains("evil@") && !value.contains("evil.contoso"),
                    "{kind}: {name}: {value}"
                );
            }
            assert!(
                !request.url.as_str().contains("evil"),
                "{kind}: {}",
                request.url
            );
        }
    }
}
