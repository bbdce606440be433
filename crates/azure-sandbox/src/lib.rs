//! A local stand-in for Azure's cost APIs, over a made-up but believable bill.
//!
//! A [`World`] generates cost rows from a seed: the same seed gives the same rows on every
//! machine. They can be written as the files that Azure exports ([`write_costs`]) or served the
//! way Azure serves them ([`serve`]), with the ways in which Azure misbehaves ([`Faults`]). It is
//! for demonstrations and tests; it knows Azure's wire shapes and nothing of the product.
//!
//! ```
//! use azure_sandbox::{Agreement, example_world, write_costs};
//! let world = example_world();
//! let mut file = Vec::new();
//! let rows = write_costs(world.rows().take(3), Agreement::Enterprise, &mut file)?;
//! assert_eq!(rows, 3);
//! assert!(String::from_utf8_lossy(&file).contains("payments-prod"));
//! # Ok::<(), std::io::Error>(())
//! ```

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a panic is how a test reports")
)]

mod books;
pub mod example;
mod files;
mod scenario;
mod server;
mod world;

pub use books::{
    Advice, Balance, Books, Credits, Event, EventKind, Invoice, Line, LotState, Payer, Sums,
};
pub use example::world as example_world;
pub use files::write_costs;
pub use scenario::{Scenario, ScenarioError};
pub use server::{
    Denial, Fault, Faults, Mishap, Options, Quota, Standing, TENANT, Wait, router, serve, token,
};
pub use world::{
    Agreement, Basis, Charge, CostRow, Group, Installment, Lot, LotSource, Meter, Named, Offer,
    Plan, Reservation, Restatement, RetailPrice, Rhythm, Section, SheetPrice, Subscription, Term,
    World, convert, currencies, rate,
};
