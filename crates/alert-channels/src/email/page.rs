//! The HTML part of a mail: a table layout by hand, because that is what mail programs show alike.
//!
//! It reads without images, without styles and in dark mode; the tone is a word as well as a color, and
//! every text has a contrast of at least 4.5 to 1 against what it lies on, in both schemes.

use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;

use super::chart::{self, colors};
use crate::text::{ChartText, Tone, Wording, plain};

/// The engine escapes what it inserts because of the ending `.html`.
const TEMPLATE: &str = "page.html";

/// Lays mails out.
pub(super) struct Page {
    templates: Environment<'static>,
}

/// A picture that the HTML part refers to.
#[derive(Serialize)]
pub(super) struct Picture {
    /// Its `Content-ID`, without brackets.
    pub(super) id: String,
    /// Width in which it is shown.
    width: u32,
    legend: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    color: &'static str,
    /// Height of its mark: lines are thin, areas are not.
    height: u8,
    text: String,
}

impl Picture {
    pub(super) fn of(id: String, words: &ChartText) -> Picture {
        let entry = |color, height, text: &str| Entry {
            color,
            height,
            text: text.to_owned(),
        };
        let mut legend = vec![
            entry(colors::SPENT, 4, &words.spent),
            entry(colors::PLANNED, 2, &words.planned),
        ];
        if let Some(forecast) = &words.forecast {
            legend.push(entry(colors::EXPECTED, 12, forecast));
        }
        legend.push(entry(colors::OPEN, 12, &words.bars));
        Picture {
            id,
            width: chart::SIZE.0 / 2,
            legend,
        }
    }
}

impl Page {
    pub(super) fn new() -> Page {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.add_filter("glued", |text: String| glued(&text));
        // A template that does not parse is a bug that the tests find; until then the plain
        // fallback serves.
        let _ = templates.add_template(TEMPLATE, include_str!("page.html"));
        Page { templates }
    }

    /// The page of a notice, with its chart if there is one.
    pub(super) fn html(&self, words: &Wording, chart: Option<&Picture>) -> String {
        self.templates
            .get_template(TEMPLATE)
            .and_then(|template| {
                template.render(context! {
                    words => minijinja::value::Serde(words),
                    chart => chart.map(minijinja::value::Serde),
                    color => color(words.tone),
                })
            })
            .unwrap_or_else(|_| fallback(words))
    }
}

/// A text in which no line begins with a sign that belongs to the word before it: a percent sign, and
/// in French a colon, a semicolon or a quotation mark.
fn glued(text: &str) -> String {
    let mut glued = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut last = ' ';
    while let Some(c) = rest.next() {
        let is_bound = last == '«' || matches!(rest.peek(), Some('%' | ':' | ';' | '»'));
        glued.push(if c == ' ' && is_bound { '\u{a0}' } else { c });
        last = c;
    }
    glued
}

/// A color on which white text can be read, and which shows on white and on dark.
fn color(tone: Tone) -> &'static str {
    match tone {
        Tone::Calm => "#237a4b",
        Tone::Info => "#2467ad",
        Tone::Warning => "#965f00",
        Tone::Critical => "#c0322b",
    }
}

/// HTML that cannot fail: the text part as it is.
pub(super) fn fallback(words: &Wording) -> String {
    let text = plain(words)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let language = words.language;
    format!(
        "<!doctype html><html lang=\"{language}\"><body><pre style=\"white-space:pre-wrap\">{text}</pre>\
         </body></html>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use crate::text::{Language, wording};

    #[test]
    fn the_template_renders_every_notice_in_every_language_and_stays_small() {
        let page = Page::new();
        for language in Language::ALL {
            for (name, notice) in samples::all() {
                let words = wording(&samples::in_language(notice, language));
                let picture = words.chart.as_ref();
                let picture = picture.map(|words| Picture::of("chart@x".into(), words));
                let html = page.html(&words, picture.as_ref());
                assert!(html.contains("</html>"), "{name}");
                assert!(!html.contains("<pre"), "{name} fell back");
                assert!(html.len() < 100_000, "{name}: {}", html.len());
                assert!(!html.contains("<script"), "{name}");
                let lang = format!("<html lang=\"{}\"", words.language);
                assert!(html.contains(&lang), "{name}");
                assert_eq!(html.contains("cid:chart@x"), picture.is_some(), "{name}");
            }
        }
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(glued("82 % of it"), "82\u{a0}% of it");
        assert_eq!(
            glued("seuil : « réel 80 % » ; puis"),
            "seuil\u{a0}: «\u{a0}réel 80\u{a0}%\u{a0}»\u{a0}; puis"
        );
        assert_eq!(glued(" a  b "), " a  b ");
    }

    #[test]
    fn the_fallback_interprets_nothing() {
        let html = fallback(&wording(&samples::hostile()));
        assert!(!html.contains("<script"));
    }
}
