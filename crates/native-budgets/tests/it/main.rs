//! What becomes of budgets in Azure.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod alerting;
mod anomalies;
mod compiling;
mod converging;
mod naming;
mod planning;
mod sample;
mod splitting;
mod twins;
