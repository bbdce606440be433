//! cost-data
