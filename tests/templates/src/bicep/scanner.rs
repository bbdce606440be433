//! The text of a Bicep file as a row of signs and words, with blanks, comments and, where they mean
//! nothing, line breaks passed over.

use std::sync::Arc;

use crate::finding::{Finding, Place};

/// Where in a file the reading is.
pub(super) struct Scanner<'a> {
    pub(super) file: Arc<str>,
    pub(super) text: &'a str,
    /// Where lines begin.
    starts: Vec<usize>,
    pub(super) at: usize,
    /// In how many parentheses we are: line breaks are blanks there.
    pub(super) nested: usize,
    /// What is wrong, and did not end the reading.
    pub(super) findings: Vec<Finding>,
}

pub(super) type Read<T> = Result<T, Finding>;

impl<'a> Scanner<'a> {
    pub(super) fn new(file: &str, text: &'a str) -> Self {
        Scanner {
            file: file.into(),
            text,
            starts: std::iter::once(0)
                .chain(text.match_indices('\n').map(|(at, _)| at + 1))
                .collect(),
            at: 0,
            nested: 0,
            findings: Vec::new(),
        }
    }

    pub(super) fn place(&self) -> Place {
        Place {
            file: self.file.clone(),
            line: self.starts.partition_point(|start| *start <= self.at),
        }
    }

    pub(super) fn refuse<T>(&self, why: &str) -> Read<T> {
        let line = self.rest().lines().next().unwrap_or_default();
        let short: String = line.trim_end().chars().take(60).collect();
        let at = match short.as_str() {
            "" if self.rest().is_empty() => "at the end of the file".to_owned(),
            "" => "at the end of the line".to_owned(),
            short => format!("at: {short}"),
        };
        Err(Finding::new(
            &self.place(),
            format!("not Bicep: {why} {at}"),
        ))
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Goes past blanks and comments; past line breaks only in parentheses.
    pub(super) fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let first = rest.chars().next();
            match first {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('\n') if self.nested > 0 => self.at += 1,
                Some('/') if rest.starts_with("//") => self.line(),
                Some('/') if rest.starts_with("/*") => {
                    self.at += rest.find("*/").map_or(rest.len(), |end| end + 2);
                }
                Some('#') => self.line(),
                _ => return,
            }
        }
    }

    /// Goes to the end of the line.
    fn line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// Goes past line breaks, too.
    pub(super) fn skip_lines(&mut self) {
        self.nested += 1;
        self.skip();
        self.nested -= 1;
    }

    pub(super) fn is_at(&mut self, sign: &str) -> bool {
        self.skip();
        self.rest().starts_with(sign)
    }

    pub(super) fn take(&mut self, sign: &str) -> bool {
        let is_there = self.is_at(sign);
        if is_there {
            self.at += sign.len();
        }
        is_there
    }

    pub(super) fn expect(&mut self, sign: &str) -> Read<()> {
        if self.take(sign) {
            return Ok(());
        }
        self.refuse(&format!("{sign} is missing"))
    }

    pub(super) fn peek_word(&mut self) -> Option<&'a str> {
        self.skip();
        let rest = self.rest();
        let first = rest.chars().next()?;
        if !first.is_ascii_alphabetic() && first != '_' {
            return None;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        Some(&rest[..end.unwrap_or(rest.len())])
    }

    pub(super) fn word(&mut self) -> Read<String> {
        match self.peek_word() {
            Some(word) => {
                self.at += word.len();
                Ok(word.to_owned())
            }
            None => self.refuse("a name is missing"),
        }
    }

    pub(super) fn take_word(&mut self, wanted: &str) -> bool {
        let is_there = self.peek_word() == Some(wanted);
        if is_there {
            self.at += wanted.len();
        }
        is_there
    }

    /// The end of a statement.
    pub(super) fn end(&mut self) -> Read<()> {
        self.skip();
        if self.rest().is_empty() || self.rest().starts_with('\n') {
            return Ok(());
        }
        self.refuse("a line break is missing")
    }
}
