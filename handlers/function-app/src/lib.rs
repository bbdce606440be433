//! The Azure Functions custom handler: host envelopes in and out, one axum router, one module per
//! function.
//!
//! The Functions host posts every invocation as a JSON envelope to `/<folder name>`
//! ([`envelope`]); HTTP functions are turned into ordinary requests and answered by the ordinary
//! router in [`api`], which `spendwatch serve` serves as well. The process binds first and answers
//! `GET /` at once; configuration and store are opened by the first invocation ([`spendwatch::Live`]).

mod answer;
pub mod api;
mod approval;
pub mod envelope;
mod functions;
mod link;
mod page;
mod router;

pub use functions::NAMES;
pub use router::router;
pub use telemetry::Telemetry;
