//! The ledger: what was decided about one budget in one period, and the facts of every decision.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::budget::{Severity, ThresholdKind};
use crate::decide::Reason;
use crate::money::Money;
use crate::period::Period;
use crate::status::Status;

/// The alerts and transitions of one budget in one period. One document in the store; it changes
/// only by a conditional write, which is what decides a crossing once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Layout of the document; 1.
    pub version: u32,
    /// Id of the budget.
    pub budget: String,
    /// Key of the period.
    pub period_key: String,
    /// When the budget was last evaluated.
    pub evaluated_at: Option<Timestamp>,
    /// How old the data of that evaluation were. Older data never overwrite newer.
    pub as_of: Option<Timestamp>,
    /// First and last day of the data so far. Data that cover less undo nothing: what is missing is
    /// not zero.
    #[serde(default)]
    pub covered: Option<Period>,
    /// Alerts by threshold; a repeating threshold has one for each step, `every-5000#3`.
    pub alerts: BTreeMap<String, Alert>,
    /// Everything that happened, oldest first.
    pub transitions: Vec<Transition>,
}

/// A crossing with a life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Deterministic id, see [`alert_id`].
    pub id: String,
    /// Id of the threshold, without the step.
    pub threshold: String,
    /// Its kind.
    pub kind: ThresholdKind,
    /// The condition as it was configured. Another one under the same id is another question.
    pub when: String,
    /// Step of a repeating threshold, from 1; 0 otherwise.
    pub step: u32,
    /// Where it stands.
    pub state: AlertState,
    /// Number of the last transition; 0 when it was only ever covered.
    pub sequence: u32,
    /// When it was first crossed.
    pub since: Timestamp,
    /// Planned amount at that time, to tell a changed plan from restated data.
    pub planned: Money,
}

/// Where an alert stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// Crossed and told.
    Firing,
    /// Crossed in the same step as a higher one, whose notice tells of both.
    Covered {
        /// Key of the higher alert in [`Ledger::alerts`].
        by: String,
    },
    /// The crossing was undone by restated data or a changed plan.
    Withdrawn,
    /// No longer true and not taken back: stale data that arrived, a forecast under a plan that was
    /// changed, a condition that was configured anew. The next crossing fires again.
    Resolved,
}

/// One change of an alert that somebody is to be told, with the facts that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// Id of the alert.
    pub alert: String,
    /// Key of the alert in [`Ledger::alerts`].
    pub threshold: String,
    /// Kind of the threshold.
    pub kind: ThresholdKind,
    /// The condition as it was configured.
    pub when: String,
    /// Number within the alert, from 1.
    pub sequence: u32,
    /// What happened.
    pub change: Change,
    /// When it was decided.
    pub at: Timestamp,
    /// How urgent.
    pub severity: Severity,
    /// Why.
    pub reason: Reason,
    /// Conditions crossed in the same step that this transition tells of too.
    pub also: Vec<String>,
    /// The figures.
    pub status: Box<Status>,
    /// Destinations of the threshold and of those it covers.
    pub notify: Vec<String>,
    /// For a correction: the ids of the transitions it takes back. It goes to their recipients.
    #[serde(default)]
    pub takes_back: Vec<String>,
    /// What is to be done because of it, frozen like the route. Only crossings of spend to date have
    /// any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<RoutedAction>,
    /// The deliveries this transition became, frozen before the first one is written, so that a
    /// second routing pass meets the same ones.
    pub route: Option<Vec<RoutedDelivery>>,
    /// Whether all of those deliveries are in the outbox.
    pub routed: bool,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It fired.
    Fired,
    /// It was withdrawn: a correction.
    Withdrawn,
}

/// One delivery that a transition became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutedDelivery {
    /// Deterministic id.
    pub id: String,
    /// Name of the destination.
    pub destination: String,
    /// The one recipient, for channels that have them.
    pub recipient: Option<String>,
}

/// One action that a transition became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutedAction {
    /// Deterministic id.
    pub id: String,
    /// Name of the action in the configuration.
    pub action: String,
    /// Key of the alert in [`Ledger::alerts`] whose threshold asks for it.
    pub threshold: String,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(budget: &str, period_key: &str) -> Self {
        Ledger {
            version: 1,
            budget: budget.into(),
            period_key: period_key.into(),
            evaluated_at: None,
            as_of: None,
            covered: None,
            alerts: BTreeMap::new(),
            transitions: Vec::new(),
        }
    }
}

impl Transition {
    /// Id of the transition: the alert and the number.
    pub fn id(&self) -> String {
        format!("{}-{}", self.alert, self.sequence)
    }
}

/// The id of an alert: the first 80 bits of SHA-256 over budget, period, kind and threshold key, as
/// hexadecimal text. No observed amount enters it, so a repeated evaluation finds the same alert.
pub fn alert_id(budget: &str, period_key: &str, kind: ThresholdKind, threshold: &str) -> String {
    let mut hash = Sha256::new();
    for part in [budget, period_key, kind.as_str(), threshold] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(10)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alert_ids_never_change() {
        // Computed with: printf 'payments\0monthly-2026-11-01\0actual\0eighty\0' | sha256sum
        let id = alert_id(
            "payments",
            "monthly-2026-11-01",
            ThresholdKind::Actual,
            "eighty",
        );
        assert_eq!(id, "2c7c18cee59d20de614d");
    }
}
