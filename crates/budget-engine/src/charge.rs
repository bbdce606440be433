//! What kind of charge a row is, and which of its costs counts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// FOCUS `ChargeCategory`: the highest-level kind of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ChargeCategory {
    /// Use of a resource or service.
    Usage,
    /// Bought ahead: reservations, savings plans, marketplace offers.
    Purchase,
    /// Taxes and levies.
    Tax,
    /// Vouchers and credits.
    Credit,
    /// Corrections, refunds and rounding after the fact.
    Adjustment,
}

impl ChargeCategory {
    /// All five categories of FOCUS.
    pub const ALL: [ChargeCategory; 5] = [
        ChargeCategory::Usage,
        ChargeCategory::Purchase,
        ChargeCategory::Tax,
        ChargeCategory::Credit,
        ChargeCategory::Adjustment,
    ];

    /// The FOCUS word.
    pub fn as_str(self) -> &'static str {
        match self {
            ChargeCategory::Usage => "Usage",
            ChargeCategory::Purchase => "Purchase",
            ChargeCategory::Tax => "Tax",
            ChargeCategory::Credit => "Credit",
            ChargeCategory::Adjustment => "Adjustment",
        }
    }

    /// The category of an Azure `ChargeType`, which cost details and usage details write.
    ///
    /// `UnusedReservation` and `UnusedSavingsPlan` are usage that was paid for and not used; a
    /// `Refund` corrects an earlier purchase; a word that is not known counts as usage, so that
    /// no cost is left out. Source: Microsoft's mapping of cost details to FOCUS.
    pub fn from_charge_type(charge_type: &str) -> ChargeCategory {
        let is = |word: &str| charge_type.trim().eq_ignore_ascii_case(word);
        if is("Purchase") {
            ChargeCategory::Purchase
        } else if is("Tax") {
            ChargeCategory::Tax
        } else if is("Credit") {
            ChargeCategory::Credit
        } else if is("Refund") || is("RoundingAdjustment") || is("Adjustment") {
            ChargeCategory::Adjustment
        } else {
            ChargeCategory::Usage
        }
    }
}

impl fmt::Display for ChargeCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChargeCategory {
    type Err = UnknownCategory;

    fn from_str(text: &str) -> Result<Self, UnknownCategory> {
        ChargeCategory::ALL
            .into_iter()
            .find(|category| category.as_str().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownCategory(text.chars().take(40).collect()))
    }
}

/// The text names no charge category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a charge category; expected Usage, Purchase, Tax, Credit or Adjustment")]
pub struct UnknownCategory(String);

/// Which cost of a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CostBasis {
    /// As billed: a reservation costs everything on the day it is bought. FOCUS `BilledCost`.
    Actual,
    /// Purchases spread over the days they serve. FOCUS `EffectiveCost`.
    Amortized,
}

impl CostBasis {
    /// The word used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            CostBasis::Actual => "actual",
            CostBasis::Amortized => "amortized",
        }
    }
}

impl fmt::Display for CostBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azure_charge_types_become_focus_categories() {
        for (charge_type, category) in [
            ("Usage", ChargeCategory::Usage),
            ("usage", ChargeCategory::Usage),
            ("UnusedReservation", ChargeCategory::Usage),
            ("UnusedSavingsPlan", ChargeCategory::Usage),
            ("Purchase", ChargeCategory::Purchase),
            ("Refund", ChargeCategory::Adjustment),
            ("RoundingAdjustment", ChargeCategory::Adjustment),
            ("Tax", ChargeCategory::Tax),
            ("", ChargeCategory::Usage),
            ("SomethingNew", ChargeCategory::Usage),
        ] {
            assert_eq!(
                ChargeCategory::from_charge_type(charge_type),
                category,
                "{charge_type}"
            );
        }
    }
}
