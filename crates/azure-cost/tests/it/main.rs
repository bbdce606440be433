//! The client against local servers: hand-written answers, and the sandbox.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod budgets;
mod cost_query;
mod prepared_files;
mod requests;
mod sandbox;
mod support;
mod usage;
