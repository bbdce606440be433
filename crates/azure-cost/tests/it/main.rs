//! The client against local servers: hand-written answers, and the sandbox.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod budgets;
mod charges;
mod cost_query;
mod credits;
mod prepared_files;
mod price_sheets;
mod requests;
mod reservations;
mod sandbox;
mod support;
mod usage;
