//! cost-forecast
