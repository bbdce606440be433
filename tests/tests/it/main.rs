//! The product against real counterparts: the Functions host's contract, storage, mail servers,
//! browsers, Microsoft's own clients.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod cards;
mod configuration;
mod conformance;
mod documents;
mod exports;
mod host_rules;
mod kill;
mod mail;
mod mail_looks;
mod native_budgets;
mod python_clients;
mod releases;
mod scenarios;
mod smtp_faults;
mod store_contract;
mod told;
mod webhooks;
