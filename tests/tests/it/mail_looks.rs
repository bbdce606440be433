//! Mails as people see them: in a browser, on a phone and a desk, light and dark, with and without
//! images.
//!
//! What it saw is kept as pictures under `target/mail-screenshots/`.

use std::fs;
use std::path::PathBuf;

use alert_channels::email::{Config, Email};
use alert_channels::text::wording;
use alert_channels::{Channel, Language, Notice, samples};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tests::chromium::{self, Chromium, View};
use tests::node;

const PHONE: u32 = 390;
const DESK: u32 = 1280;

/// The HTML part as a mail program would show it: read back by npm mailparser, which puts inline
/// pictures in their places.
fn html(notice: &Notice) -> String {
    let server = "smtp://relay.contoso.example".parse().unwrap();
    let config = Config::new(server, "Cost alerts <cost@contoso.example>");
    let mail = Email::new(config).unwrap().render(notice).unwrap().bytes;
    let mail = node::parsed_mail(&mail);
    let mut html = mail["html"].as_str().unwrap().to_owned();
    for one in mail["attachments"].as_array().unwrap() {
        let id = one["cid"].as_str().unwrap();
        assert_eq!(one["type"], "image/png");
        assert_eq!(
            (&one["disposition"], &one["related"]),
            (&"inline".into(), &true.into())
        );
        let content = STANDARD.decode(one["content"].as_str().unwrap()).unwrap();
        assert!(content.starts_with(b"\x89PNG\r\n\x1a\n"));
        let data = format!("data:image/png;base64,{}", STANDARD.encode(content));
        assert!(html.contains(&format!("cid:{id}")));
        html = html.replace(&format!("cid:{id}"), &data);
    }
    assert!(!html.contains("cid:"));
    html
}

/// The samples that look different, and one of each language.
fn shown() -> Vec<(String, Notice)> {
    let by_name = samples::all()
        .into_iter()
        .map(|(name, notice)| (name.to_owned(), notice));
    let mut shown: Vec<_> = by_name.collect();
    for language in [Language::Dutch, Language::German, Language::French] {
        let notice = samples::in_language(samples::forecast(), language);
        shown.push((format!("forecast_{language}"), notice));
    }
    shown
}

fn folder() -> PathBuf {
    let folder = node::directory().join("../target/mail-screenshots");
    fs::create_dir_all(&folder).unwrap();
    folder.canonicalize().unwrap()
}

/// What must hold of every view of every mail.
#[track_caller]
fn check(name: &str, notice: &Notice, view: View<'_>, seen: &Value) {
    let about = format!("{name}, {view:?}");
    let words = wording(notice);
    // Nothing is cut off, and nobody scrolls sideways.
    let (width, viewport) = (seen["width"].as_u64(), seen["viewport"].as_u64());
    assert_eq!(
        (width, viewport),
        (Some(view.width.into()), Some(view.width.into())),
        "{about}"
    );
    let texts = seen["texts"].as_array().unwrap();
    assert!(texts.len() > 5, "{about}: {texts:#?}");
    for text in texts {
        assert_eq!(text["outside"], false, "{about}: {text}");
        let contrast = text["contrast"].as_f64().unwrap();
        assert!(contrast >= 4.5, "{about}: {text}");
        assert!(text["size"].as_f64().unwrap() >= 12.0, "{about}: {text}");
    }
    // It is all there, without images as well.
    let all = seen["shown"].as_str().unwrap();
    let flat = |text: &str| {
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase()
    };
    let all = flat(all);
    let facts = words.facts.iter().map(|fact| fact.value.clone());
    let said = facts.chain([
        words.headline.clone(),
        words.why.clone(),
        words.tone_word.into(),
    ]);
    for text in said
        .chain(words.remarks.clone())
        .chain(words.advice.clone())
    {
        assert!(all.contains(&flat(&text)), "{about} does not show: {text}");
    }
    assert_eq!(seen["language"], words.language.as_str(), "{about}");
    let headings: Vec<&str> = seen["headings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        headings.iter().filter(|one| **one == "H1").count(),
        1,
        "{about}"
    );
    assert_eq!(headings[0], "H1", "{about}");
    let links = seen["links"].as_array().unwrap();
    assert_eq!(links.len(), words.links.len(), "{about}");
    // Every picture says the same in words.
    let images = seen["images"].as_array().unwrap();
    assert_eq!(images.len(), usize::from(words.chart.is_some()), "{about}");
    for image in images {
        assert_eq!(image["alt"], words.chart.as_ref().unwrap().alt, "{about}");
        assert_eq!(image["loaded"], view.images, "{about}");
        assert!(image["width"].as_f64().unwrap() > 200.0, "{about}");
    }
    // A mail loads nothing from anywhere, apart from what the view without images put there.
    let requests = seen["requests"].as_array().unwrap();
    assert!(!view.images || requests.is_empty(), "{about}: {requests:?}");
    // The second opinion.
    let axe = &seen["axe"];
    assert_eq!(axe["violations"], serde_json::json!([]), "{about}");
    let passes = axe["passes"].as_array().unwrap();
    for rule in ["color-contrast", "document-title", "html-has-lang"] {
        assert!(
            passes.iter().any(|one| one == rule),
            "{about} was not asked for {rule}"
        );
    }
}

#[test]
fn mails_look_right_on_a_phone_and_a_desk_in_light_and_dark() {
    let Some(path) = chromium::available("the looks of mails") else {
        return;
    };
    let mut browser = Chromium::start(&path);
    let folder = folder();
    for (name, notice) in shown() {
        let html = html(&notice);
        for (place, width) in [("phone", PHONE), ("desk", DESK)] {
            for (scheme, dark) in [("light", false), ("dark", true)] {
                let picture = folder.join(format!("{name}-{place}-{scheme}.png"));
                let view = View {
                    width,
                    dark,
                    images: true,
                    picture: Some(&picture),
                };
                check(&name, &notice, view, &browser.look(&html, view));
                assert!(fs::metadata(&picture).unwrap().len() > 5_000);
            }
        }
    }
}

#[test]
fn mails_read_without_images() {
    let Some(path) = chromium::available("mails without images") else {
        return;
    };
    let mut browser = Chromium::start(&path);
    let folder = folder();
    for (name, notice) in [
        ("crossing", samples::crossing()),
        ("yearly", samples::yearly()),
        ("hostile", samples::hostile()),
    ] {
        let html = html(&notice);
        for (place, width, dark) in [("phone", PHONE, true), ("desk", DESK, false)] {
            let picture = folder.join(format!("{name}-{place}-without-images.png"));
            let view = View {
                width,
                dark,
                images: false,
                picture: Some(&picture),
            };
            check(name, &notice, view, &browser.look(&html, view));
        }
    }
}

/// The measure itself: it must see what is wrong.
#[test]
fn a_page_that_nobody_could_read_is_seen_as_such() {
    let Some(path) = chromium::available("a page that nobody could read") else {
        return;
    };
    let mut browser = Chromium::start(&path);
    let html = "<!doctype html><html><head><title>x</title></head><body style='margin:0;background:#fff'>\
                <div style='background:rgba(0,0,0,.5)'><p style='color:#777'>gray on gray</p></div>\
                <p style='color:#000'>black on white</p>\
                <p style='width:2000px;background:#eee'>wide</p><img src='data:,'></body></html>";
    let view = View {
        width: PHONE,
        dark: false,
        images: true,
        picture: None,
    };
    let seen = browser.look(html, view);
    assert_eq!(seen["width"], 2000);
    let contrast = |text: &str| {
        let texts = seen["texts"].as_array().unwrap();
        let found = texts.iter().find(|one| one["text"] == text).unwrap();
        found["contrast"].as_f64().unwrap()
    };
    assert!((contrast("black on white") - 21.0).abs() < 0.01);
    // Half black over white is #808080, of luminance 0.2140; #777777 is 0.1845: 0.2640 to 0.2345.
    assert!((contrast("gray on gray") - 1.13).abs() < 0.02);
    assert_eq!(seen["images"][0]["alt"], "");
    let violations = seen["axe"]["violations"].as_array().unwrap();
    for rule in ["color-contrast", "html-has-lang", "image-alt"] {
        assert!(
            violations.iter().any(|one| one["rule"] == rule),
            "{rule}: {violations:#?}"
        );
    }
}
