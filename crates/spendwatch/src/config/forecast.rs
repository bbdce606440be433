//! How far forecasts are believed.

/// How far forecasts are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForecastSettings {
    /// Whether thresholds of a forecast are held back where earlier forecasts of the budget have been poor.
    pub hold_back: bool,
}

impl Default for ForecastSettings {
    /// Poor forecasts are held back.
    fn default() -> Self {
        ForecastSettings { hold_back: true }
    }
}
