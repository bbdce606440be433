//! Which settled days cost something other than expected, and what happened.
//!
//! ```
//! use cost_forecast::{DailySeries, Day, anomaly};
//! use jiff::civil::date;
//!
//! let mut days = vec![Day::settled(10.0); 60];
//! days[50] = Day::settled(35.0);
//! let series = DailySeries::try_new(date(2026, 3, 1), days)?;
//!
//! let checked = anomaly::check(&series, &anomaly::Options::default());
//! let summary = anomaly::summarize(&checked);
//! assert_eq!(summary.days_checked, 32); // The first four weeks are for learning.
//! assert_eq!(summary.incidents.len(), 1);
//! let incident = &summary.incidents[0];
//! assert_eq!(incident.kind, anomaly::Kind::Spike);
//! assert_eq!((incident.first, incident.impact), (date(2026, 4, 20), 25.0));
//! # Ok::<(), cost_forecast::Error>(())
//! ```
//!
//! # Method
//!
//! The days are read in order, once, and each is judged by those before it alone. A history is kept
//! from which a day's cost is expected: the median of the newest seven days without their weekday
//! profile, plus that profile, plus a charge that fell on the same day of an earlier month. Four
//! questions are asked of a day, each answered by a ratio to its limit, and any ratio above 1 makes
//! the day unusual:
//!
//! - *The day.* Is it off by many standard deviations of such errors, by a few of its weekday, and by
//!   more than what happens to this series every few weeks?
//! - *Three days.* The same of the mean error of the newest three, all to the same side.
//! - *A climb.* Has the level of the newest days left that of the month before, rising (or falling)
//!   for nine days?
//! - *A weekend.* Where weekends rest, does this day cost nearly as much as a weekday?
//!
//! Unusual days do not enter the history with their cost but with what was expected, so that a spike
//! teaches nothing; after four of them in a row the cost is taken for the new level, and the past is
//! lifted to it. For some days after that, and after every run of odd days, the limits are higher:
//! what follows an event is mostly its echo. What exceeds them and goes on to the same side is more of
//! the same event: a cost that grows day by day is one climb, however many levels it passes.

mod calendar;
mod incident;
mod judge;
mod noise;
mod past;
mod profile;
mod sorted;

use jiff::civil::Date;

pub use incident::{Incident, IncidentDay, Summary, summarize};

use crate::{DailySeries, DayState, PlannedCost, options::planned_on};
use past::Watch;

/// What a check may be told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Days whose cost is off by less than this are usual; in the unit of the costs, 0 by default.
    pub least_impact: f64,
    /// The score above which a day is unusual: 1 by default, higher for fewer alarms.
    pub limit: f64,
    /// Costs that were planned: they are expected on top of what is usual. None by default.
    pub planned: Vec<PlannedCost>,
    /// Public holidays, on which costs may rest; none by default.
    pub holidays: Vec<Date>,
}

/// A settled day, and what was to be expected of it.
///
/// Costs are in the unit of the series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CheckedDay {
    /// The day.
    pub date: Date,
    /// What it cost.
    pub cost: f64,
    /// What it was expected to cost, given all days before it.
    pub expected: f64,
    /// Lower end of the usual range: two standard deviations of past errors below `expected`.
    pub low: f64,
    /// Upper end of the usual range, as far above.
    pub high: f64,
    /// How strange the day is, from 0: it is unusual above [`Options::limit`].
    pub score: f64,
    /// What came of it.
    pub verdict: Verdict,
    /// The new level at which it was expected, if that is so new that its event may go on, and the day
    /// is not the beginning of another.
    pub new_level: Option<NewLevel>,
}

/// A level that an event has brought, and that has become what is expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewLevel {
    /// First unusual day of the event.
    pub since: Date,
    /// By how much it is above the level before the event; negative if below.
    pub by: f64,
}

/// What came of checking a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Fewer than 28 settled days came before: nothing can be said.
    TooLittleHistory,
    /// As expected.
    Usual,
    /// Not as expected.
    Unusual(Kind),
}

/// What kind of event an unusual day belongs to, as far as was known on that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Far more than expected, so far for a day or two, or for a few days that are over.
    Spike,
    /// More than expected for three days: a new level.
    Step,
    /// A level that has climbed for more than a week.
    Ramp,
    /// Less than expected.
    Drop,
    /// A weekend day, in a series that rests on weekends, that costs like a weekday.
    WeekendNotResting,
    /// A cost where there was none for four weeks.
    NewCost,
    /// No cost where there always was some for four weeks.
    StoppedCost,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            least_impact: 0.0,
            limit: 1.0,
            planned: Vec::new(),
            holidays: Vec::new(),
        }
    }
}

impl Options {
    /// Leaves days alone that are off by less than `impact`, in the unit of the costs.
    #[must_use]
    pub fn with_least_impact(self, impact: f64) -> Self {
        Self {
            least_impact: impact,
            ..self
        }
    }

    /// Tells of costs that were planned.
    #[must_use]
    pub fn with_planned(self, planned: Vec<PlannedCost>) -> Self {
        Self { planned, ..self }
    }

    /// Tells of public holidays: a day that costs less than others is usual then, and teaches nothing.
    #[must_use]
    pub fn with_holidays(self, holidays: Vec<Date>) -> Self {
        Self { holidays, ..self }
    }

    /// Calls a day unusual above the score `limit`.
    #[must_use]
    pub fn with_limit(self, limit: f64) -> Self {
        Self { limit, ..self }
    }
}

impl CheckedDay {
    /// What the day cost more than expected, negative if less.
    pub fn impact(&self) -> f64 {
        self.cost - self.expected
    }

    /// Whether the day is unusual.
    pub fn is_unusual(&self) -> bool {
        matches!(self.verdict, Verdict::Unusual(_))
    }
}

/// Checks each settled day of `series` against the days before it, oldest first.
///
/// Days that are missing or still settling are neither checked nor taken for days without cost. What
/// is said of a day depends on no later day: a series that is read again with more days at its end
/// gives the same answers for those it had. About a year of history is plenty.
pub fn check(series: &DailySeries, options: &Options) -> Vec<CheckedDay> {
    let mut watch = Watch::new(series.days().len());
    let mut checked = Vec::with_capacity(series.days().len());
    let mut next_date = series.start();
    for day in series.days() {
        let date = next_date;
        next_date = date.tomorrow().unwrap_or(date);
        let settled = (day.state == DayState::Settled).then_some(day.cost);
        let planned: f64 = planned_on(&options.planned, date)
            .map(|one| one.daily)
            .sum();
        let may_rest = options.holidays.contains(&date);
        let judged = watch.next(date, settled.map(|cost| cost - planned), may_rest);
        if let (Some(cost), Some(judged)) = (settled, judged) {
            let judged = judged.beyond(planned);
            checked.push(judged.into_checked(date, cost, options));
        } else if let Some(cost) = settled {
            checked.push(CheckedDay {
                date,
                cost,
                expected: cost,
                low: cost,
                high: cost,
                score: 0.0,
                verdict: Verdict::TooLittleHistory,
                new_level: None,
            });
        }
    }
    checked
}
