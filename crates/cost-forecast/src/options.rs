//! What a fit may be told.

use jiff::civil::Date;

use crate::{Arrival, Scored};

/// What a fit may be told.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Public holidays, past and to come; none by default.
    pub holidays: Vec<Date>,
    /// Costs that are known to come, or that came, on top of what is usual; none by default.
    pub planned: Vec<PlannedCost>,
    /// How the weekdays of similar costs differ, for a series that is too young to show it; unknown
    /// by default.
    pub week: Option<WeekShape>,
    /// How much of the settling days is posted; unknown by default, and then what is posted is no more
    /// than the least that such a day costs.
    pub arrivals: Vec<Arrival>,
    /// How earlier forecasts turned out; none by default.
    pub scored: Option<Scored>,
    /// Parts of the method that are left out; none by default.
    pub without: Vec<Part>,
}

/// What each weekday costs, as a multiple of the mean day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeekShape {
    /// From Monday to Sunday; 1 in the mean, none of them negative.
    pub(crate) multiples: [f64; 7],
}

/// A cost that somebody knows of: a load test, a migration, a sale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedCost {
    /// The first day.
    pub from: Date,
    /// The day after the last one.
    pub until: Date,
    /// What each day costs more than usual, in the unit of the series; less if negative.
    pub daily: f64,
}

/// A part of the method, for measuring what it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// Charges that recur on a day of the month are told from the rest.
    MonthlyCharges,
    /// Spikes that have ended do not count.
    EndedSpikes,
    /// Weekdays differ.
    WeekdayProfile,
    /// The season of the year before comes again, to a part.
    LastYear,
    /// Estimates of the level are weighted by their backtest, rather than alike.
    Weights,
    /// The spread follows the series' own backtest and the estimates' disagreement, rather than
    /// being the same for all series.
    OwnSpread,
}

impl Part {
    /// Every part, in the order in which a fit uses them.
    pub const ALL: [Part; 6] = [
        Part::MonthlyCharges,
        Part::EndedSpikes,
        Part::WeekdayProfile,
        Part::LastYear,
        Part::Weights,
        Part::OwnSpread,
    ];
}

impl Options {
    /// Tells of public holidays, past and to come.
    ///
    /// What a holiday does to the costs of this series is learned from those in its history, and
    /// expected of those to come; a series without a holiday in its history expects none to matter.
    #[must_use]
    pub fn with_holidays(self, holidays: Vec<Date>) -> Self {
        Self { holidays, ..self }
    }

    /// Tells of costs that are planned. Days of the history on which one fell teach nothing of usual
    /// days; days to come cost as much more.
    #[must_use]
    pub fn with_planned(self, planned: Vec<PlannedCost>) -> Self {
        Self { planned, ..self }
    }

    /// Tells how the weekdays of similar costs differ, such as those of the scope around: see
    /// [`Fitted::week_shape`](crate::Fitted::week_shape). A series of 14 settled days or more is judged
    /// by its own days alone.
    #[must_use]
    pub fn with_week(self, week: Option<WeekShape>) -> Self {
        Self { week, ..self }
    }

    /// Tells how much of the settling days is posted: they are expected to cost what that stands for.
    #[must_use]
    pub fn with_arrivals(self, arrivals: Vec<Arrival>) -> Self {
        Self { arrivals, ..self }
    }

    /// Tells how earlier forecasts of the series turned out: estimates that were better weigh more, and
    /// the range is widened or narrowed by what it has held.
    #[must_use]
    pub fn with_scored(self, scored: Option<Scored>) -> Self {
        Self { scored, ..self }
    }

    /// Leaves a part of the method out.
    #[must_use]
    pub fn without(mut self, part: Part) -> Self {
        self.without.push(part);
        self
    }

    pub(crate) fn uses(&self, part: Part) -> bool {
        !self.without.contains(&part)
    }
}

/// The planned costs that fall on a day.
pub(crate) fn planned_on(
    planned: &[PlannedCost],
    date: Date,
) -> impl Iterator<Item = &PlannedCost> {
    let is_on = move |one: &&PlannedCost| one.from <= date && date < one.until;
    planned.iter().filter(is_on)
}
