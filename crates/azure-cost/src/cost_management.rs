//! Microsoft.CostManagement: queries, forecasts, reports, exports, budgets and alerts.

pub(crate) mod alerts;
pub(crate) mod budgets;
pub(crate) mod cost_details;
pub(crate) mod definition;
pub(crate) mod dimensions;
pub(crate) mod export;
pub(crate) mod exports;
pub(crate) mod forecast;
pub(crate) mod prepared;
pub(crate) mod query;
pub(crate) mod scheduled_actions;
pub(crate) mod views;

/// The query parameter of the newest stable version of all its operations.
pub(crate) const API_VERSION: &str = "api-version=2025-03-01";
