//! Lines with their numbers, none longer than can be held.

use std::io::{self, BufRead, Read};

/// Longest line that is read: thirty thousand days and more, with all digits.
const LONGEST: usize = 1 << 20;

/// A line that says something.
pub(super) struct Line {
    /// Counted from 1, with the empty ones.
    pub(super) number: u64,
    text: Vec<u8>,
    is_too_long: bool,
}

impl Line {
    /// What it says.
    pub(super) fn text(&self) -> Result<&[u8], String> {
        match self.is_too_long {
            // Some programs begin a file with a mark of its byte order.
            false => Ok(self
                .text
                .strip_prefix(b"\xef\xbb\xbf")
                .unwrap_or(&self.text)),
            true => Err(format!(
                "the line is longer than {LONGEST} bytes; leave the oldest values out"
            )),
        }
    }
}

/// Where lines come from.
pub(super) struct Input<R> {
    from: R,
    number: u64,
}

impl<R: BufRead> Input<R> {
    pub(super) fn new(from: R) -> Input<R> {
        Input { from, number: 0 }
    }

    /// The next line that is not blank. It does not wait for more than that line.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            let mut text = Vec::new();
            let limit = LONGEST as u64 + 1;
            if Read::take(&mut self.from, limit).read_until(b'\n', &mut text)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let is_too_long = text.len() > LONGEST && text.last() != Some(&b'\n');
            if is_too_long {
                text.clear();
                self.from.skip_until(b'\n')?;
            }
            if is_too_long || !text.trim_ascii().is_empty() {
                return Ok(Some(Line {
                    number: self.number,
                    text,
                    is_too_long,
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_are_counted_and_long_ones_skipped() {
        let long = "x".repeat(LONGEST + 100);
        let text = format!("first\n\n  \r\n{long}\nlast");
        let mut input = Input::new(io::Cursor::new(text));
        let first = input.next_line().unwrap().unwrap();
        assert_eq!((first.number, first.text().unwrap()), (1, &b"first\n"[..]));
        let long = input.next_line().unwrap().unwrap();
        assert_eq!(long.number, 4);
        assert!(long.text().unwrap_err().contains("longer than"));
        let last = input.next_line().unwrap().unwrap();
        assert_eq!((last.number, last.text().unwrap()), (5, &b"last"[..]));
        assert!(input.next_line().unwrap().is_none());
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_whole() {
        let text = format!("{}\nnext\n", "x".repeat(LONGEST));
        let mut input = Input::new(io::Cursor::new(text));
        let first = input.next_line().unwrap().unwrap();
        assert_eq!(first.text().unwrap().len(), LONGEST + 1);
        assert_eq!(
            input.next_line().unwrap().unwrap().text().unwrap(),
            b"next\n"
        );
    }
}
