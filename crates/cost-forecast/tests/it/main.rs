//! What a forecast promises, through its public surface.

mod behavior;
mod properties;
