//! Text for places that look for mentions, links and Markdown in it.
//!
//! Names are already one visible line ([`crate::untrusted`]); here they lose what chat programs
//! would make of them. An invisible space keeps a mention or an address from being recognized, so
//! they look the same and do nothing.

/// A zero-width space, which belongs to no word and no address.
const BREAK: char = '\u{200b}';

/// Text without mentions, channel names, hashtags and addresses that a program would act on: `@`,
/// `~`, `#`, `<`, `://` and `www.` are broken.
pub(crate) fn unlinked(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        safe.push(first);
        let is_www = |text: &str| {
            text.get(..4)
                .is_some_and(|start| start.eq_ignore_ascii_case("www."))
        };
        let breaks = match first {
            '@' | '~' | '#' | '<' => true,
            ':' => after.starts_with("//"),
            _ => is_www(rest),
        };
        if breaks {
            safe.push(BREAK);
        }
        rest = after;
    }
    safe
}

/// The same for Markdown: what formats is escaped by `\`.
pub(crate) fn markdown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            safe.push('\n');
        }
        // What makes a list, a title or a rule of a line.
        let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let ends = [". ", ") "].iter().any(|end| digits.starts_with(end));
        let is_numbered = digits.len() < line.len() && (ends || digits == ".");
        let starts = if is_numbered {
            line.len() - digits.len()
        } else if line.starts_with(['-', '+', '=']) {
            0
        } else {
            usize::MAX
        };
        for (at, c) in line.char_indices() {
            let formats = matches!(
                c,
                '\\' | '`' | '*' | '_' | '~' | '|' | '<' | '>' | '[' | ']' | '#'
            );
            if formats || at == starts {
                safe.push('\\');
            }
            safe.push(c);
        }
    }
    unlinked(&safe)
}

/// The title of a link in Markdown.
pub(crate) fn link(title: &str, url: &str) -> String {
    let url = url.replace('(', "%28").replace(')', "%29");
    format!("[{}]({url})", markdown(title))
}

/// At most so many UTF-16 code units, which is never less than the characters that services count.
/// What is cut ends in `…`, and never in half an escape.
pub(crate) fn cut(text: &str, max_units: usize) -> String {
    if units(text) <= max_units {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.len_utf16();
        if used > max_units {
            break;
        }
        shown.push(c);
    }
    let slashes = shown.len() - shown.trim_end_matches('\\').len();
    if slashes % 2 == 1 {
        shown.pop();
    }
    shown.push('…');
    shown
}

/// UTF-16 code units of a text.
pub(crate) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_and_addresses_are_broken() {
        for (given, expected) in [
            ("plain: 82.1 % of 10/20", "plain: 82.1 % of 10/20"),
            ("@everyone a@b.example", "@ everyone a@ b.example"),
            ("<users/all> <!channel>", "< users/all> < !channel>"),
            ("~town #tag", "~ town # tag"),
            ("https://x.example HTTP://y", "https: //x.example HTTP: //y"),
            ("WWW.x.example wwww.", "W WW.x.example ww ww."),
            ("www", "www"),
        ] {
            assert_eq!(unlinked(given).replace(BREAK, " "), expected, "{given}");
        }
    }

    #[test]
    fn nothing_formats() {
        for (given, expected) in [
            (
                "**b** _i_ `c` ~~s~~ ||x||",
                r"\*\*b\*\* \_i\_ \`c\` \~\~s\~\~ \|\|x\|\|",
            ),
            ("[x](https://e.example)", r"\[x\](https://e.example)"),
            ("# title", r"\# title"),
            ("a # b - c 1. d", r"a \# b - c 1. d"),
            ("- item", r"\- item"),
            ("12. item", r"12\. item"),
            ("181.8 % of 10", "181.8 % of 10"),
            ("> quote\n+ item", "\\> quote\n\\+ item"),
            (r"\*", r"\\\*"),
        ] {
            assert_eq!(markdown(given).replace(BREAK, ""), expected, "{given}");
        }
        let link = link("a]b", "https://e.example/(x)");
        assert_eq!(link, r"[a\]b](https://e.example/%28x%29)");
    }

    #[test]
    fn what_is_cut_fits_and_is_whole() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("😀😀😀", 5), "😀😀…");
        assert_eq!(cut(r"ab\*", 4), r"ab\*");
        assert_eq!(cut(r"ab\*cd", 4), "ab…");
        assert_eq!(cut(r"a\\cd", 4), r"a\\…");
        for max in 1..40 {
            let text = cut(&"é😀\\*".repeat(10), max);
            assert!(units(&text) <= max, "{max}: {text}");
        }
    }
}
