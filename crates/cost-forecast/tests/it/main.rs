//! What a forecast promises, through its public surface.

mod anomaly;
mod anomaly_properties;
mod behavior;
mod properties;
