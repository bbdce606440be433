//! What forecasts are told besides costs, and how far they are believed.

use jiff::civil::Date;

/// What forecasts are told besides costs, and how far they are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForecastSettings {
    /// Public holidays, in order, each once: what one does to the costs of a budget is learned from those
    /// in its past.
    pub holidays: Vec<Date>,
    /// Whether thresholds of a forecast are held back where earlier forecasts of the budget have been poor.
    pub hold_back: bool,
}

impl Default for ForecastSettings {
    /// No holidays, and poor forecasts are held back.
    fn default() -> Self {
        ForecastSettings {
            holidays: Vec::new(),
            hold_back: true,
        }
    }
}
