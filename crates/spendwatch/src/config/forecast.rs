//! What forecasts are told besides costs.

use jiff::civil::Date;

/// What forecasts are told besides costs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forecasting {
    /// Public holidays, in order, each once: what one does to the costs of a budget is learned from those
    /// in its past.
    pub holidays: Vec<Date>,
}
