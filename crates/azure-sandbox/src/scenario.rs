//! Worlds from small files.
//!
//! ```
//! let scenario = azure_sandbox::Scenario::parse(
//!     r#"
//!     agreement = "customer"
//!     today = 2026-11-18
//!
//!     [[subscription]]
//!     name = "Shop"
//!     monthly = "3000"
//!     growth_percent = 2
//!     "#,
//! )?;
//! assert_eq!(scenario.world.subscriptions.len(), 1);
//! # Ok::<(), azure_sandbox::ScenarioError>(())
//! ```

mod build;
mod file;
mod sense;
mod standing;

use std::fmt;
use std::ops::Range;

use crate::example;
use crate::server::{Faults, Standing};
use crate::world::World;

/// What a scenario file says.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The bill, also of days after its own today: [`World::as_seen_on`] gives what is known.
    pub world: World,
    /// What goes wrong: its tables `[[faults]]`.
    pub faults: Faults,
    /// What is there from the start: its tables `[[budget]]`, `[[action_group]]`,
    /// `[[anomaly_rule]]` and `[[export]]`.
    pub standing: Standing,
}

/// Why a scenario file is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioError(String);

impl ScenarioError {
    /// With the line of a place in the file.
    fn at(text: &str, place: Range<usize>, message: impl fmt::Display) -> ScenarioError {
        let before = text.get(..place.start).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        ScenarioError(format!("line {line}: {message}"))
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScenarioError {}

/// Scenarios that are always there, by name.
const BUILT_IN: [(&str, &str); 4] = [
    ("enterprise", include_str!("../scenarios/enterprise.toml")),
    ("customer", include_str!("../scenarios/customer.toml")),
    (
        "pay-as-you-go",
        include_str!("../scenarios/pay-as-you-go.toml"),
    ),
    ("partner", include_str!("../scenarios/partner.toml")),
];

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// When it is not TOML, has a key that there is none of, or a value that makes no sense: with
    /// the line, the key, the value and what would be right.
    pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
        let file: file::File =
            toml::from_str(text).map_err(|error| ScenarioError(error.to_string()))?;
        build::scenario(file, text)
    }

    /// A scenario that is always there; `None` for an unknown name.
    pub fn named(name: &str) -> Option<Scenario> {
        if name == "example" {
            let world = example::world();
            let text = include_str!("../scenarios/example-documents.toml");
            let tables = toml::from_str(text).expect("the example's documents are tested");
            let standing = standing::standing(&tables, &world, text);
            return Some(Scenario {
                world,
                faults: Faults::default(),
                standing: standing.expect("the example's documents are tested"),
            });
        }
        let text = Scenario::text(name)?;
        Some(Scenario::parse(text).expect("the built-in scenarios are tested"))
    }

    /// The file of a scenario that is always there, to start one's own from; `None` for an unknown
    /// name and for `example`, which has no file.
    pub fn text(name: &str) -> Option<&'static str> {
        let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
        Some(text)
    }

    /// Names of the scenarios that are always there.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ["example"]
            .into_iter()
            .chain(BUILT_IN.iter().map(|(name, _)| *name))
    }
}

#[cfg(test)]
mod tests;
