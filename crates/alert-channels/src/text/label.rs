//! What figures are called.

/// The name of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// When a test was sent.
    Sent,
    /// When notices were put together.
    PutTogether,
    /// Spend to date.
    Spent,
    /// What is left of the planned amount.
    Remaining,
    /// The period and its day.
    Period,
    /// The unusual days of an event.
    Unusual,
    /// Spend against plan.
    Pace,
    /// Expected end of the period.
    Forecast,
    /// How old and how settled the data are.
    Data,
    /// What is counted.
    Scope,
    /// Whose money it is.
    Owner,
}
