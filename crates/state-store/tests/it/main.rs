//! The stores that need nothing but this machine, held to the contract and to their own promises.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod json;
mod local;
mod memory;
