//! Whole behaviours through the front doors.
