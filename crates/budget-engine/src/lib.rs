//! The engine: what was planned, what was spent, and whether somebody must be told.
//!
//! Pure functions over values. There is no I/O here, no clock, no environment and no floating
//! point: money is decimal, days are civil dates, "now" is a parameter, and a decision is data
//! that says what to do and why. Reading costs, forecasting, storing and sending are the work of
//! other crates.
//!
//! ```
//! use budget_engine::{Money, Scope, When};
//! let spent = Money::parse("8214.20 EUR").unwrap();
//! let planned = Money::parse("10000 EUR").unwrap();
//! assert_eq!(spent.percent_of(planned).unwrap().unwrap().normalize().to_string(), "82.142");
//! assert!(Scope::parse("/subscriptions/1f2e/resourceGroups/payments").is_ok());
//! assert!("actual 80%".parse::<When>().is_ok());
//! ```

mod anomaly;
mod budget;
mod charge;
mod course;
mod decide;
mod drivers;
mod facts;
mod filter;
mod forecast;
mod ledger;
mod life;
mod money;
mod observe;
mod period;
mod recheck;
mod rhythm;
mod scope;
mod score;
mod status;

pub use anomaly::{Anomalies, Anomaly, AnomalyDriver, AnomalyDrivers, AnomalyKind, Aspect};
pub use budget::{
    Budget, Budgets, BudgetsError, FollowUp, LARGEST_AMOUNT, Level, Planned, Selector, Severity,
    Side, Statistic, Threshold, ThresholdKind, When, WhenError,
};
pub use charge::{ChargeCategory, CostBasis, UnknownCategory};
pub use course::{Course, MOST_STEPS, Span};
pub use decide::{Decision, Evaluation, Outcome, Reason, decide};
pub use drivers::{Cause, Driver, Drivers};
pub use facts::{CostFacts, DayCost, FactsBuilder, Place, Series, SeriesId, SeriesKey};
pub use filter::{Attributes, Dimension, Filter, Projection, TagName, UnknownDimension};
pub use forecast::{Breach, FewDays, Forecast, ForecastSummary, PathDay};
pub use ledger::{
    Acknowledgement, Alert, AlertKey, AlertState, Change, Ledger, Part, RoutedAction,
    RoutedDelivery, Transition, alert_id,
};
pub use life::NotAcknowledged;
pub use money::{Currency, Money, MoneyError};
pub use observe::{
    DailyCost, DataState, DayState, Feed, Known, Lag, ObserveError, Observed, check_counted,
    counted_series, feeds, observe,
};
pub use period::{Calendar, Period, TimeGrain, UnknownGrain, dates, days_between, plus_days};
pub use recheck::{Check, Recheck, Verdict, recheck, recheck_covered};
pub use scope::{Scope, ScopeError, ScopeKind};
pub use score::ForecastScore;
pub use status::{Pace, Percent, Status, status};
