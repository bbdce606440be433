//! Promises that ports break on purpose, to see that the simulation notices.

use crate::books::Invariant;

/// One broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// A ledger is written whatever its version: two evaluators decide the same.
    LedgersAreOverwritten,
    /// Deliveries are never stored.
    OutboxForgets,
    /// That a delivery is being sent is not stored.
    SendingIsForgotten,
    /// What is sent again is not marked.
    NothingIsMarked,
    /// The oldest delivery of a destination is not seen while there are others.
    OutboxHidesTheOldest,
    /// That a delivery is dead is not seen.
    HistoryHidesTheDead,
    /// Lanes are taken whatever their version: two workers send at once.
    LanesAreOverwritten,
    /// That a destination asked to wait is not stored.
    ParkingIsForgotten,
    /// A channel's failure names its address.
    FailuresTellTheAddress,
    /// The sweep finds nothing that waits, and hints are lost for good.
    SweepSeesNothing,
}

impl Sabotage {
    /// All of them, each with the invariant that must be seen to be violated.
    pub(crate) const ALL: [(Sabotage, Invariant); 10] = [
        (Sabotage::LedgersAreOverwritten, Invariant::DecidedOnce),
        (Sabotage::OutboxForgets, Invariant::Terminal),
        (Sabotage::SendingIsForgotten, Invariant::ToldOnce),
        (Sabotage::NothingIsMarked, Invariant::ToldOnce),
        (Sabotage::OutboxHidesTheOldest, Invariant::InOrder),
        (
            Sabotage::HistoryHidesTheDead,
            Invariant::NothingOutOfTheBlue,
        ),
        (Sabotage::LanesAreOverwritten, Invariant::OneAtATime),
        (Sabotage::ParkingIsForgotten, Invariant::OneAtATime),
        (Sabotage::FailuresTellTheAddress, Invariant::NoSecrets),
        (Sabotage::SweepSeesNothing, Invariant::Drains),
    ];

    /// Whether a delivery says that it will never arrive.
    pub(crate) fn is_dead(delivery: &[u8]) -> bool {
        let delivery: serde_json::Value = serde_json::from_slice(delivery).unwrap_or_default();
        delivery.pointer("/state") == Some(&"dead".into())
    }

    /// Whether a delivery says that it is being sent.
    pub(crate) fn is_sending(delivery: &[u8]) -> bool {
        let delivery: serde_json::Value = serde_json::from_slice(delivery).unwrap_or_default();
        delivery.pointer("/state/sending").is_some()
    }

    /// Takes out of a lane that its destination asked to wait.
    pub(crate) fn unpark(lane: &mut Vec<u8>) {
        let mut value: serde_json::Value = serde_json::from_slice(lane).unwrap_or_default();
        if let Some(not_before) = value.get_mut("notBefore") {
            *not_before = serde_json::Value::Null;
            *lane = value.to_string().into_bytes();
        }
    }
}
