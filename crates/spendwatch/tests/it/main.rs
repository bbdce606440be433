//! The application's jobs over in-memory twins, with a clock that is moved by hand.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acting;
mod action_settings;
mod alerts;
mod anomaly_rules;
mod answering;
mod azure;
mod backtest;
mod channel_fates;
mod channel_kinds;
mod checking;
mod configuration;
mod delivering;
mod evaluating;
mod holding;
mod holding_reminders;
mod importing;
mod native;
mod native_alerts;
mod native_apply;
mod native_azure;
mod native_ownership;
mod native_parts;
mod native_replacing;
mod native_succession;
mod native_year;
mod older_sources;
mod reaching;
mod reads;
mod sources;
mod suggesting;
mod support;
mod threads;
mod tokens;
mod twins;
mod unevaluated;
