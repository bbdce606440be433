//! function-app
