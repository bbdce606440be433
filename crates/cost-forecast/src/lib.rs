//! Forecasts what a period will cost, from what its days have cost so far: a daily path, and a
//! calibrated distribution of the total. It does no I/O, reads no clock, knows no currency and no
//! budget; all costs are plain numbers in whatever unit the caller uses, and the same series always
//! gives the same answer.
//!
//! ```
//! use cost_forecast::{DailySeries, Day, Model, Options};
//! use jiff::civil::date;
//!
//! // Twenty settled days at 10 a day; 11 days of March are still to come.
//! let series = DailySeries::try_new(date(2026, 3, 1), vec![Day::settled(10.0); 20])?;
//! let fitted = Model::fit(&series, &Options::default())?;
//! let rest = fitted.predict(date(2026, 3, 1), date(2026, 4, 1));
//! let month = rest.total.shifted_by(200.0);
//! assert_eq!(month.mean().round(), 310.0);
//! assert!(month.probability_above(400.0) < 0.05);
//! # Ok::<(), cost_forecast::Error>(())
//! ```
//!
//! # Who adds what
//!
//! [`Fitted::predict`] covers the days of a range that are *not settled*: those after the history,
//! and those inside it that are missing or still settling. The caller asks for the whole period and
//! adds the cost of its settled days, and of nothing else; no day is then counted twice or left out.
//!
//! # Method
//!
//! Charges that recur on a day of the month are taken out and put back on their day; spikes that
//! have ended are damped; a weekday profile is learned and shrunk by its own noise. The level is the
//! weighted median of eight smoothers, each weighted by how well it would have forecast the recent
//! past over the same horizon; what last year's season did to it comes again, to a part. The spread
//! of the total follows from the error that this combination would have made, from how far the
//! smoothers are apart, and from what is usual. The modules' comments give the formulas and where
//! they come from; the page `docs/forecasting.md` explains them in plain words, with what each part
//! brings.

pub mod anomaly;

mod breach;
mod clean;
mod distribution;
mod error;
mod hierarchy;
mod holidays;
mod level;
mod median;
mod model;
mod normal;
mod options;
mod profile;
mod series;
mod settling;
mod year;

pub use breach::{Breach, RunningTotal};
pub use distribution::{Distribution, Interval};
pub use error::Error;
pub use hierarchy::{Node, reconcile};
pub use model::{Basis, DayForecast, Fitted, Forecast, Model};
pub use options::{Options, Part, PlannedCost, WeekShape};
pub use series::{DailySeries, Day, DayState};
pub use settling::{Arrival, SettlingCurve};
