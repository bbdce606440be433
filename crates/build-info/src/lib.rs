//! Which version of spendwatch this is, and of which commit.
//!
//! ```
//! assert!(build_info::VERSION.starts_with(env!("CARGO_PKG_VERSION")));
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a panic is how a test reports")
)]

#[cfg(test)]
mod commit;

/// The version and, in a release build, the commit with its date: `0.1.0 (abc1234 2026-11-30)`. No time
/// of building, so that the same source gives the same bytes.
pub const VERSION: &str = env!("SPENDWATCH_VERSION");
