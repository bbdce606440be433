//! azure-cost
