//! The engine through its public surface: from rows to decisions.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod anomalies;
mod decisions;
mod figures;
mod life;
mod rechecking;
mod support;
