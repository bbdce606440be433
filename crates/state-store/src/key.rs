//! The rules for names.

use crate::{Error, Result};

/// The longest key, in bytes. Azure allows 1,024; a path below a home directory allows less.
pub const MAX_KEY_BYTES: usize = 512;

/// The longest segment of a key, in bytes. A file name may have 255, and [`Local`](crate::Local)
/// spends up to two on each.
pub const MAX_SEGMENT_BYTES: usize = 120;

/// Says whether `key` may name a document, and answers [`Error::InvalidKey`] if not.
///
/// A key is one or more segments joined by `/`. A segment has 1 to [`MAX_SEGMENT_BYTES`] of the
/// characters `A-Z a-z 0-9 . _ = -` and does not end in a dot (which also rules out `.` and `..`);
/// the whole key has at most [`MAX_KEY_BYTES`]. Upper and lower case differ everywhere.
///
/// ```
/// assert!(state_store::check_key("outbox/teams=ops/0f3a").is_ok());
/// assert!(state_store::check_key("outbox/../secret").is_err());
/// ```
pub fn check_key(key: &str) -> Result<()> {
    let reason = if key.is_empty() {
        "is empty"
    } else if key.len() > MAX_KEY_BYTES {
        "is longer than 512 bytes"
    } else if !key
        .bytes()
        .all(|byte| byte == b'/' || is_segment_byte(byte))
    {
        "has a character other than A-Z a-z 0-9 . _ = - /"
    } else if key.split('/').any(str::is_empty) {
        "has an empty segment"
    } else if key.split('/').any(|segment| segment.ends_with('.')) {
        "has a segment that ends in a dot"
    } else if key
        .split('/')
        .any(|segment| segment.len() > MAX_SEGMENT_BYTES)
    {
        "has a segment longer than 120 bytes"
    } else {
        return Ok(());
    };
    Err(Error::InvalidKey {
        key: key.to_owned(),
        reason,
    })
}

/// Says whether `prefix` may be listed: empty, or any beginning of a key.
pub(crate) fn check_prefix(prefix: &str) -> Result<()> {
    // Whatever a beginning lacks, one more letter supplies: "a/" and "a." begin "a/x" and "a.x".
    if prefix.is_empty() || prefix.len() >= MAX_KEY_BYTES {
        return if prefix.is_empty() {
            Ok(())
        } else {
            check_key(prefix)
        };
    }
    check_key(&format!("{prefix}x")).map_err(|error| match error {
        Error::InvalidKey { reason, .. } => Error::InvalidKey {
            key: prefix.to_owned(),
            reason,
        },
        other => other,
    })
}

/// Says whether `queue` may name a queue, and answers [`Error::InvalidKey`] if not.
///
/// The rule is the one of Azure Queue Storage: 3 to 63 of `a-z 0-9 -`, beginning and ending with a
/// letter or digit, no two dashes in a row.
///
/// ```
/// assert!(state_store::check_queue("deliver-notices").is_ok());
/// assert!(state_store::check_queue("Deliver").is_err());
/// ```
pub fn check_queue(queue: &str) -> Result<()> {
    let reason = if !(3..=63).contains(&queue.len()) {
        "a queue name has 3 to 63 characters"
    } else if !queue
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        "a queue name has only a-z 0-9 -"
    } else if queue.starts_with('-') || queue.ends_with('-') || queue.contains("--") {
        "a queue name has no dash at an end and no two in a row"
    } else {
        return Ok(());
    };
    Err(Error::InvalidKey {
        key: queue.to_owned(),
        reason,
    })
}

fn is_segment_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'=' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_checked() {
        for good in [
            "a",
            "a/b",
            "A_b=c-d.e/0",
            ".hidden/x",
            "x/".repeat(255).trim_end_matches('/'),
        ] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        let long_key = ["abcdefg"; 65].join("/");
        let long_segment = "x".repeat(121);
        for bad in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a/./b",
            "a.",
            "a b",
            "a\\b",
            "a\0b",
            "ä",
            "a%2Fb",
            "a?b",
            "a~b",
            "a+b",
            "a\n",
            &long_key,
            &long_segment,
        ] {
            let Err(Error::InvalidKey { key, .. }) = check_key(bad) else {
                panic!("{bad} passed")
            };
            assert_eq!(key, bad);
        }
    }

    #[test]
    fn prefixes_are_beginnings_of_keys() {
        for good in ["", "a", "a/", "a/b", "a.", "a/.", "a/.."] {
            assert!(check_prefix(good).is_ok(), "{good}");
        }
        for bad in ["/", "//", "a//", "a/../b", "a b", "ä"] {
            assert!(check_prefix(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn queue_names_are_checked() {
        for good in ["abc", "deliver-notices", "1-2-3", &"q".repeat(63)] {
            assert!(check_queue(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            "Abc",
            "a--b",
            "-abc",
            "abc-",
            "a_b",
            "a/b",
            "../x",
            &"q".repeat(64),
        ] {
            assert!(check_queue(bad).is_err(), "{bad}");
        }
    }
}
