//! Answers kept with their ETags, so that the service can say "unchanged" instead of all again.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::request::Answer;

/// An answer and the version of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The version, as the service named it.
    pub etag: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl fmt::Debug for KeptAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptAnswer({} bytes)", self.body.len())
    }
}

/// Where answers are kept by the URL that they answer.
///
/// A store may forget at any time; then the whole answer is asked for. What it gives back must be
/// what was put in under the same URL.
pub trait AnswerStore: Send + Sync {
    /// The answer that is kept for a URL.
    fn get(&self, url: &str) -> Option<KeptAnswer>;

    /// Keeps an answer in place of an older one.
    fn put(&self, url: &str, answer: KeptAnswer);
}

/// Keeps answers in memory, up to a number of bytes; those unused for longest go first.
pub struct MemoryAnswers {
    bytes: usize,
    /// The one used last is at the end.
    kept: Mutex<VecDeque<(String, KeptAnswer)>>,
}

impl MemoryAnswers {
    /// A store for so many bytes of bodies. Longer answers are not kept at all.
    pub fn new(bytes: usize) -> MemoryAnswers {
        MemoryAnswers {
            bytes,
            kept: Mutex::default(),
        }
    }
}

impl AnswerStore for MemoryAnswers {
    fn get(&self, url: &str) -> Option<KeptAnswer> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(known, _)| known == url)?;
        let found = kept.remove(place)?;
        let answer = found.1.clone();
        kept.push_back(found);
        Some(answer)
    }

    fn put(&self, url: &str, answer: KeptAnswer) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| known != url);
        if answer.body.len() > self.bytes {
            return;
        }
        kept.push_back((url.to_owned(), answer));
        let total = |kept: &VecDeque<(String, KeptAnswer)>| -> usize {
            kept.iter().map(|(_, answer)| answer.body.len()).sum()
        };
        while total(&kept) > self.bytes {
            kept.pop_front();
        }
    }
}

impl fmt::Debug for MemoryAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryAnswers")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// The kept answer if the service says that it has not changed, else the new one, which is kept.
pub(crate) fn kept_or_new(
    store: &dyn AnswerStore,
    url: &str,
    known: Option<KeptAnswer>,
    answer: Answer,
) -> Answer {
    match known {
        Some(known) if answer.status == 304 => Answer {
            status: 200,
            body: known.body,
            ..answer
        },
        _ => {
            // A page for people, which some front ends send with status 200, is no answer to keep.
            let is_json = answer.body.trim_ascii_start().starts_with(b"{")
                || answer.body.trim_ascii_start().starts_with(b"[");
            if let Some(etag) = answer.header("etag").filter(|etag| !etag.is_empty())
                && answer.status == 200
                && is_json
            {
                let kept = KeptAnswer {
                    etag: etag.to_owned(),
                    body: answer.body.clone(),
                };
                store.put(url, kept);
            }
            answer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(etag: &str, length: usize) -> KeptAnswer {
        KeptAnswer {
            etag: etag.to_owned(),
            body: vec![b'x'; length],
        }
    }

    #[test]
    fn what_is_unused_for_longest_goes_first() {
        let store = MemoryAnswers::new(10);
        store.put("a", answer("1", 4));
        store.put("b", answer("1", 4));
        assert_eq!(store.get("a"), Some(answer("1", 4)));
        store.put("c", answer("1", 4));
        assert_eq!(store.get("b"), None);
        assert_eq!(store.get("a"), Some(answer("1", 4)));
        assert_eq!(store.get("c"), Some(answer("1", 4)));
    }

    #[test]
    fn a_newer_answer_takes_the_place_of_the_older() {
        let store = MemoryAnswers::new(10);
        store.put("a", answer("1", 8));
        store.put("a", answer("2", 10));
        assert_eq!(store.get("a"), Some(answer("2", 10)));
        store.put("a", answer("3", 11));
        assert_eq!(
            store.get("a"),
            None,
            "too long to keep, and the old one is stale"
        );
    }
}
