//! The jobs: what the handlers call. Each may run twice, and each may be killed anywhere.

pub mod act;
pub mod alerts;
pub mod anomalies;
pub mod anomaly_rules;
pub mod answer;
pub mod apply;
pub mod attend;
pub mod backtest;
pub mod check;
pub mod deliver;
pub mod deliveries;
pub mod digest;
pub mod evaluate;
pub mod import;
pub mod native_alert;
pub mod plan;
pub mod probe;
pub mod scores;
pub mod silence;
pub mod suggest;
pub mod sweep;
pub mod sync;
pub mod twin;
pub mod watch;
pub mod work;
