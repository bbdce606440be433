//! Whole behaviors through the front doors, and the real counterparts they talk to.
//!
//! The library part is what the test files share. Counterparts that are Node programs (the storage
//! emulator, the mail server) live in `tests/node_modules` as pinned by `package-lock.json`; a test
//! that needs one asks [`node::available`] first:
//!
//! ```
//! # async fn test() {
//! if !tests::node::available("the store on the storage emulator") {
//!     return;
//! }
//! let azurite = tests::azurite::Azurite::start();
//! let container = azurite.blob_container_url("spendwatch");
//! # }
//! ```
//!
//! Microsoft's Python clients of the cost APIs live in an environment in `target/`, as pinned by
//! `tests/python/requirements.txt`; a test that runs them asks [`python::available`] first. What checks
//! templates and Dockerfiles is in another one, [`python::TOOLS`], and Azure CLI in a third,
//! [`python::AZURE_CLI`].

pub mod azurite;
pub mod chromium;
pub mod host;
pub mod node;
pub mod otlp;
pub mod packaged;
pub mod proxy;
pub mod python;
pub mod scripted_smtp;
pub mod smtp;

/// Makes ring the TLS provider of this process, as the application does first thing in `main`.
///
/// The Azure SDK and reqwest panic without one, also for plain HTTP. Call it as often as you like.
pub fn install_crypto() {
    // An error says that a provider is installed already, which is all we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
