//! alert-channels
