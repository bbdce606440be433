//! Microsoft.CostManagement: queries, forecasts, reports, exports, budgets and alerts.

pub(crate) mod cost_details;

/// The query parameter of the newest stable version of all its operations.
pub(crate) const API_VERSION: &str = "api-version=2025-03-01";
