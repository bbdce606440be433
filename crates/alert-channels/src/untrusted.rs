//! Names, tags and notes as they come from cost data: hostile until shown otherwise.
//!
//! [`clean`] makes a text canonical once, before any sentence is built. After that every sink is one
//! in which nothing is interpreted: text nodes of auto-escaped HTML, `TextRun` in Teams,
//! `plain_text` in Slack, encoded words in mail headers. The functions here cover what is left.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Longest name in graphemes.
const MAX_GRAPHEMES: usize = 128;
/// Most characters of one grapheme; the longest emoji in use have ten.
const MAX_MARKS: usize = 16;
/// Longest name in bytes: one grapheme can carry any number of combining marks.
const MAX_BYTES: usize = 1024;

/// A name as it is shown: NFC, one line, no invisible or direction-changing characters, at most 128
/// graphemes.
///
/// ```
/// use alert_channels::untrusted::clean;
/// assert_eq!(clean("  pay\u{202e}ments\r\nBcc: x "), "payments Bcc: x");
/// assert_eq!(clean(&"a".repeat(200)).chars().count(), 128);
/// ```
pub fn clean(text: &str) -> String {
    capped(text, MAX_GRAPHEMES, MAX_BYTES)
}

/// Like [`clean`] with other bounds. What is cut ends in `…`.
pub fn capped(text: &str, max_graphemes: usize, max_bytes: usize) -> String {
    let visible = text
        .chars()
        // Bounds the work; four times, because normalization can only shrink by so much.
        .take(max_bytes * 4)
        .filter(|c| c.is_whitespace() || !is_invisible(*c));
    let spaced: String = visible.nfc().collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown = String::with_capacity(line.len().min(max_bytes));
    let mut seen = 0;
    for (count, grapheme) in line.graphemes(true).enumerate() {
        // No script needs that many marks on one letter.
        let end = grapheme.char_indices().nth(MAX_MARKS).map(|(at, _)| at);
        let (whole, grapheme) = (grapheme, &grapheme[..end.unwrap_or(grapheme.len())]);
        let room = shown.len() + grapheme.len() + '…'.len_utf8() <= max_bytes;
        // The last place is kept for the ellipsis unless the text ends right there.
        seen += whole.len();
        let last = count + 1 == max_graphemes && seen < line.len();
        if !room || last {
            shown.push('…');
            break;
        }
        shown.push_str(grapheme);
    }
    shown
}

/// A mail subject or display name: clean, no start of an encoded word, at most `max_chars`
/// characters.
pub fn header(text: &str, max_chars: usize) -> String {
    let mut text = capped(text, max_chars, max_chars * 4);
    while text.contains("=?") {
        text = text.replace("=?", "= ?");
    }
    if text.chars().count() > max_chars {
        text = text.chars().take(max_chars.saturating_sub(1)).collect();
        text.push('…');
    }
    text
}

/// Whether a character is not seen, or changes how others are.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, expected: &str) {
        assert_eq!(clean(given), expected, "{given:?}");
        assert_eq!(clean(expected), expected, "twice is the same");
    }

    #[test]
    fn names_become_one_visible_line() {
        check("Payments, production", "Payments, production");
        check(
            "a\r\nBcc: evil@contoso.example",
            "a Bcc: evil@contoso.example",
        );
        check("a\0b\u{7f}\u{9b}c", "abc");
        check("\u{202e}gnp.exe\u{2066}x\u{2069}", "gnp.exex");
        check("ad\u{200b}m\u{feff}in\u{2060}", "admin");
        check("hi\u{e0041}\u{e007f}", "hi");
        check("e\u{301}", "é");
        check("a\u{2028}b\u{a0}\u{3000}c", "a b c");
        check("   ", "");
        check("日本語 👩‍💻", "日本語 👩💻");
    }

    #[test]
    fn long_names_are_cut_at_graphemes_and_bytes() {
        let flags = "🇩🇪".repeat(200);
        let shown = clean(&flags);
        assert_eq!(shown.graphemes(true).count(), 128);
        assert_eq!(shown.trim_end_matches('…'), "🇩🇪".repeat(127));
        assert_eq!(clean(&"x".repeat(128)), "x".repeat(128));
        let zalgo = format!("a{}", "\u{302}\u{327}".repeat(5000));
        assert_eq!(clean(&zalgo).chars().count(), MAX_MARKS);
    }

    #[test]
    fn headers_never_look_like_encoded_words() {
        assert_eq!(header("=?utf-8?q?hi?=", 64), "= ?utf-8?q?hi?=");
        assert!(!header("==??", 64).contains("=?"));
        assert_eq!(header(&"y".repeat(500), 180).chars().count(), 180);
    }
}
