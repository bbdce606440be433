//! The client against local servers: hand-written answers, and the sandbox.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod access;
mod alerts;
mod billing;
mod budgets;
mod charges;
mod commerce;
mod cost_management_budgets;
mod cost_query;
mod credits;
mod disorder;
mod enterprise;
mod examples;
mod exports;
mod faults;
mod fuzz;
mod operations;
mod prepared_files;
mod price_sheets;
mod requests;
mod reservations;
mod retail;
mod sandbox;
mod scheduled_actions;
mod support;
mod tls;
mod usage;
mod views;
