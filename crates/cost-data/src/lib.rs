//! Bulk cost files, folded into the engine's cost facts while they stream by.
//!
//! Reads what Azure Cost Management exports and the cost details APIs deliver as CSV, plain or
//! gzip: Enterprise Agreement, Microsoft Customer and Partner Agreement, pay-as-you-go, and FOCUS
//! 1.0 to 1.2. It does not fetch files, does not keep rows and does not mix currencies (the
//! currency is part of what makes a series). Blocking; call it where blocking is allowed.
//!
//! ```
//! use budget_engine::{CostBasis, FactsBuilder, Projection};
//! use cost_data::{Options, fold};
//!
//! let file = "Date,SubscriptionId,ResourceGroup,CostInBillingCurrency,BillingCurrencyCode\n\
//!             10/31/2026,1f2e,payments,12.50,EUR\n\
//!             10/31/2026,1F2E,Payments,1.25E-05,EUR\n";
//! let mut facts = FactsBuilder::new(Projection::default());
//! let report = fold(file.as_bytes(), &Options::new(CostBasis::Actual), &mut facts)?;
//! assert_eq!(report.folded, 2);
//! let facts = facts.finish(jiff::Timestamp::UNIX_EPOCH);
//! assert_eq!(facts.series()[0].days[0].actual.to_string(), "12.5000125");
//! # Ok::<(), cost_data::Error>(())
//! ```
//!
//! # What is read
//!
//! Columns are found by name, in any letter case and with or without spaces; their order does not
//! matter and unknown ones are ignored. A file needs a day, a cost, a currency and a subscription.
//!
//! - **Costs** are decimal digits with an optional sign and exponent, exact up to 28 significant
//!   digits and 28 decimals; what lies beyond is rounded half to even. A comma is never guessed
//!   at: the row has a problem.
//! - **Days** are `MM/DD/YYYY` or ISO 8601, with or without a time. A month above 12 is a problem,
//!   never read as a day. A file with day and month swapped and no day above 12 cannot be told
//!   from a right one.
//! - **Places.** Without a subscription (purchases, mostly) a cost lies in its billing scopes and
//!   in [`Options::read_at`] only; without a resource group, for which Azure also writes `Others`
//!   and `Not applicable`, in the subscription.
//! - **Values.** Dimensions that differ in letter case only are one value, in the spelling that
//!   came first. `ChargeFrequency` is written in FOCUS words. A resource type that a file does not
//!   have is read out of the resource id.
//!
//! # What is done about bad data
//!
//! A sum with holes must not pass as the truth. What cannot be cut into rows with certainty is an
//! error: a file that is cut off, a stray quote, a row that is too long. A row whose day, cost or
//! currency cannot be read is skipped, counted and reported; a row whose tags or scope cannot be
//! read keeps its cost, and is counted and reported as doubtful. If too many rows have a problem
//! (see [`Tolerance`]), the file is refused.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a panic is how a test reports")
)]

mod columns;
mod day;
mod error;
mod fold;
mod keys;
mod number;
mod report;
mod rows;
mod source;
mod tags;

pub use error::Error;
pub use fold::{Options, Tolerance, fold, fold_with_progress};
pub use report::{Format, Progress, Report, RowProblem};
