//! budget-engine
