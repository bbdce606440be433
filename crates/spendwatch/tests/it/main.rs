//! The application's jobs over in-memory twins, with a clock that is moved by hand.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acting;
mod action_settings;
mod alerts;
mod anomaly_rules;
mod azure;
mod backtest;
mod checking;
mod configuration;
mod delivering;
mod evaluating;
mod holding;
mod importing;
mod native;
mod native_alerts;
mod native_apply;
mod older_sources;
mod reads;
mod sources;
mod suggesting;
mod support;
mod tokens;
mod twins;
