//! `spendwatch azure` and `spendwatch sandbox` through the real binary. What is expected is
//! worked out from the sandbox's world, not from its answers.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod billing;
mod costs;
mod importing;
mod native;
mod refusals;
mod sandbox;
mod support;
