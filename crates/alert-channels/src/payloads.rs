//! Every payload of every channel as a snapshot, and what must hold for all of them.

use jiff::Timestamp;
use serde_json::Value;

use crate::outcome::{Class, SendResult};
use crate::testing::{channels, text};
use crate::{Attempt, Kind, Language, Message, Notice, samples};

mod answers;
mod hostile;
mod network;
mod secrets;

/// Samples whose payloads differ in more than words: every kind of message, and what of an alert's
/// life has a form of its own. The words of all samples are in the snapshots of the text part.
const SHAPES: [&str; 10] = [
    "anomaly",
    "crossing",
    "correction",
    "acknowledged",
    "resolved",
    "trouble",
    "action",
    "bundle",
    "digest",
    "hostile",
];

#[test]
fn payloads() {
    let mut shapes = samples::all();
    shapes.retain(|(name, _)| SHAPES.contains(name));
    assert_eq!(shapes.len(), SHAPES.len());
    for channel in channels() {
        for (name, notice) in shapes.clone() {
            if !channel.kind().takes(&notice.message) {
                assert!(channel.render(&notice).is_err(), "{name}");
                continue;
            }
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
    let mut channels = channels();
    channels.retain(|channel| channel.kind().is_for_programs());
    assert_eq!(channels.len(), 3);
    for channel in channels {
        for (name, notice) in samples::all() {
            let dutch = samples::in_language(notice.clone(), Language::Dutch);
            let (dutch, english) = (text(&*channel, &dutch), text(&*channel, &notice));
            assert_eq!(dutch, english, "{name}");
        }
    }
}

#[test]
fn kinds_have_one_word_everywhere() {
    for kind in Kind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        assert_eq!(kind.to_string(), kind.as_str());
    }
    let kinds: Vec<Kind> = channels().iter().map(|channel| channel.kind()).collect();
    assert_eq!(kinds, Kind::ALL);
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

#[test]
fn attempts_begin_at_one() {
    let at: Timestamp = samples::at();
    let first = Attempt::first(at);
    assert_eq!((first.number, first.at, first.earlier), (1, at, None));
}
