//! What a fit may be told.

use jiff::civil::Date;

use crate::Scored;

/// What a fit may be told.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Settled days below which there is no forecast; 14 by default, and never less than 1.
    pub needed_days: usize,
    /// Public holidays, past and to come; none by default.
    pub holidays: Vec<Date>,
    /// Costs that are known to come, or that came, on top of what is usual; none by default.
    pub planned: Vec<PlannedCost>,
    /// How earlier forecasts turned out; none by default.
    pub scored: Option<Scored>,
    /// Parts of the method that are left out; none by default.
    pub without: Vec<Part>,
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

impl Default for Options {
    fn default() -> Self {
        Self {
            needed_days: 14,
            holidays: Vec::new(),
            planned: Vec::new(),
            scored: None,
            without: Vec::new(),
        }
    }
}

impl Options {
    /// Asks for at least `days` settled days of history.
    #[must_use]
    pub fn with_needed_days(self, days: usize) -> Self {
        Self {
            needed_days: days,
            ..self
        }
    }

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

    /// Tells how earlier forecasts of the series turned out: estimates that were better weigh more, and
    /// the range is widened or narrowed by what it has held.
    #[must_use]
    pub fn with_scored(self, scored: Scored) -> Self {
        Self {
            scored: Some(scored),
            ..self
        }
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
