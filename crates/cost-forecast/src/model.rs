//! From a series to a forecast: fit once, predict over any days.

use jiff::civil::Date;

use crate::{
    Arrival, DailySeries, DayState, Distribution, Error, Estimate, Options, Part, PlannedCost,
    WeekShape,
    clean::{self, MonthlyCharge},
    holidays::Holidays,
    level::{Level, LevelHistory},
    options::planned_on,
    profile::{weekday_at, weekday_profile},
    series::{date_after, days_between},
    year::LastYear,
};

/// Older days say nothing that newer ones do not say better, and they cost time.
const LONGEST_HISTORY: usize = 400;
/// Settled days from which on a series speaks for itself.
const ENOUGH_DAYS: usize = 14;
/// With fewer days than this, the backtest has seen too little, and the typical error is greater: ...
const GROWN_UP: f64 = 28.0;
/// ... by this power of how many times too few they are.
const IGNORANCE: f64 = 0.4;
/// With fewer than this many nobody knows whether they are usual at all, ...
const GLIMPSE: f64 = 5.0;
/// ... and the typical error is greater by this power of that, too.
const IGNORANCE_OF_A_GLIMPSE: f64 = 0.7;
/// No day is known better than this share before anything of it is posted.
const LEAST_SURPRISE: f64 = 0.1;
/// Settled days by whose sum a series of costs is told from one of credits.
const NEWEST_DAYS: usize = 28;
/// Settled days that show how little a day may cost.
const DAYS_OF_CREDITS: usize = 90;

/// The forecasting method.
#[derive(Clone, Copy, Debug)]
pub struct Model;

/// What a forecast rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis {
    /// The series' own history, of at least 14 settled days.
    History,
    /// A few days: the level is theirs and the range is wide because nobody knows more.
    FewDays {
        /// How many of them are settled, from 1 to 13.
        settled: usize,
    },
    /// A few days, with the weekdays of similar costs.
    FewDaysAndWeek {
        /// How many of them are settled, from 1 to 13.
        settled: usize,
    },
}

/// A model that has read a series.
#[derive(Clone, Debug)]
pub struct Fitted {
    start: Date,
    /// What is known of each unsettled day of the history.
    history: Vec<HistoryDay>,
    profile: [f64; 7],
    charges: Vec<MonthlyCharge>,
    levels: LevelHistory,
    last_year: LastYear,
    holidays: Holidays,
    planned: Vec<PlannedCost>,
    arrivals: Vec<Arrival>,
    /// By what all that is expected is multiplied.
    factor: f64,
    basis: Basis,
    /// By how much the typical error is greater than the level says.
    widening: f64,
    /// Whether the newest days bring money in, all in all.
    is_credit: bool,
    /// The least that one of the newest 90 days cost, at most 0: refunds may come again.
    least: f64,
}

/// The cost of the unsettled days of a range, to be expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// One entry for each unsettled day, oldest first.
    pub path: Vec<DayForecast>,
    /// The sum over the days of `path`; a certain 0 if there are none.
    pub total: Distribution,
    /// What of the sum is posted, or is the least that the days cost: [`Fitted::times`] leaves it as it is.
    pub posted: f64,
}

/// The cost of one day, to be expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DayForecast {
    /// The day.
    pub date: Date,
    /// Expected cost, in the unit of the series.
    pub mean: f64,
}

/// A day of the history, as far as a forecast may still have to say something about it.
#[derive(Clone, Copy, Debug)]
enum HistoryDay {
    Settled,
    /// With the cost that similar days around had, and what is posted so far.
    Open {
        usual: Option<f64>,
        posted: Option<f64>,
    },
}

/// The unsettled days of a range with what is known of them.
#[derive(Clone, Debug)]
pub(crate) struct OpenDays {
    pub(crate) path: Vec<DayForecast>,
    /// What each day of the path costs at least.
    floors: Vec<f64>,
    /// Days between the last settled day and the range.
    lead: usize,
}

impl Model {
    /// Learns from the settled days of `series`, of the newest 400 days.
    ///
    /// A day that is still settling does not pull the level down, and a missing day is not a day
    /// without cost: both are left out, and forecast.
    ///
    /// # Errors
    ///
    /// [`Error::NoHistory`] if no day is settled. A few days give a forecast that is marked as such, see
    /// [`Fitted::basis`].
    pub fn fit(series: &DailySeries, options: &Options) -> Result<Fitted, Error> {
        let skipped = series.days().len().saturating_sub(LONGEST_HISTORY);
        let days = &series.days()[skipped..];
        let start = date_after(series.start(), skipped);

        let costs: Vec<Option<f64>> = days
            .iter()
            .map(|day| (day.state == DayState::Settled).then_some(day.cost))
            .collect();
        let settled = costs.iter().flatten().count();
        if settled == 0 {
            return Err(Error::NoHistory);
        }
        // What follows the last settled day is forecast like the days to come.
        let known = costs
            .iter()
            .rposition(Option::is_some)
            .map_or(0, |last| last + 1);
        let dates: Vec<Date> = (0..known).map(|index| date_after(start, index)).collect();

        let mut raw: Vec<Option<f64>> = dates
            .iter()
            .zip(&costs)
            .map(|(date, cost)| {
                cost.filter(|_| planned_on(&options.planned, *date).next().is_none())
            })
            .collect();
        // Without any other day, days with planned costs are better than none.
        if raw.iter().flatten().next().is_none() {
            raw.copy_from_slice(&costs[..known]);
        }
        let holidays = Holidays::learn(&options.holidays, &dates, &mut raw);
        let charges = if options.uses(Part::MonthlyCharges) {
            clean::take_out_charges(&dates, &mut raw)
        } else {
            Vec::new()
        };
        let mut cleaned = raw.clone();
        let comes_in_spikes =
            options.uses(Part::EndedSpikes) && clean::damp_ended_spikes(&mut cleaned);
        let week = options.week.filter(|_| settled < ENOUGH_DAYS);
        let profile = match week {
            Some(week) => week.profile(start, &cleaned),
            None if options.uses(Part::WeekdayProfile) => weekday_profile(&cleaned),
            None => [0.0; 7],
        };
        let basis = match week {
            _ if settled >= ENOUGH_DAYS => Basis::History,
            Some(_) => Basis::FewDaysAndWeek { settled },
            None => Basis::FewDays { settled },
        };
        let missing = |days: f64| (days / settled as f64).max(1.0);
        let widening =
            missing(GROWN_UP).powf(IGNORANCE) * missing(GLIMPSE).powf(IGNORANCE_OF_A_GLIMPSE);
        let without_profile = |costs: &[Option<f64>]| -> Vec<f64> {
            let of_day = |(index, cost): (usize, &Option<f64>)| Some((*cost)? - profile[index % 7]);
            costs.iter().enumerate().filter_map(of_day).collect()
        };
        let levels = LevelHistory::new(&without_profile(&cleaned), &without_profile(&raw))
            .weighing(options.uses(Part::Weights))
            .coming_in_spikes(comes_in_spikes)
            // A few days agree with each other by chance.
            .with_own_spread(options.uses(Part::OwnSpread) && settled as f64 >= GLIMPSE)
            .with_scored(options.scored.clone());
        let season = if options.uses(Part::LastYear) {
            raw
        } else {
            Vec::new()
        };

        let history = days.iter().enumerate().map(|(index, day)| match day.state {
            DayState::Settled => HistoryDay::Settled,
            state => HistoryDay::Open {
                usual: (index < known)
                    .then(|| clean::usual_cost(&cleaned, index))
                    .flatten(),
                posted: (state == DayState::Settling).then_some(day.cost),
            },
        });
        let newest = costs.iter().rev().flatten().take(DAYS_OF_CREDITS);
        let least = newest.fold(0.0, |least: f64, cost| least.min(*cost));
        let is_credit = costs.iter().rev().flatten().take(NEWEST_DAYS).sum::<f64>() < 0.0;
        Ok(Fitted {
            start,
            history: history.collect(),
            profile,
            charges,
            levels,
            last_year: LastYear::new(season),
            holidays,
            planned: options.planned.clone(),
            arrivals: options.arrivals.clone(),
            factor: 1.0,
            basis,
            widening,
            is_credit,
            least,
        })
    }
}

impl Fitted {
    /// Forecasts the unsettled days from `from` until before `until`, and their total.
    ///
    /// Days of the history that are settled are left out, so that asking for a whole period gives
    /// what is to be added to its settled cost; days before the history are left out as well. A
    /// settling day is expected to cost at least what is posted. Neither the path nor a quantile is
    /// below zero where no day was: if one of the newest 90 settled days was negative, each day may be as
    /// low, and if the newest 28 are credits in sum, there is no limit. With no unsettled day in the
    /// range the path is empty and the total a certain 0.
    pub fn predict(&self, from: Date, until: Date) -> Forecast {
        let Some((open, level)) = self.open_days(from, until) else {
            return Forecast {
                path: Vec::new(),
                total: Distribution::point(0.0),
                posted: 0.0,
            };
        };
        let total = self.total_of(&open, open.path.len(), level);
        Forecast {
            posted: open.floors.iter().copied().map(beyond).sum(),
            path: open.path,
            total,
        }
    }

    /// Multiplies what is expected of the days that are not settled, beyond what is posted of them, by
    /// `factor`, which must not be negative: so the forecasts of parts are brought to add up to that of
    /// the whole, see [`reconcile`](crate::reconcile).
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            factor: self.factor * factor,
            ..self
        }
    }

    /// What the forecasts rest on.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// How the weekdays differ, for younger series of the same kind; `None` if that is not known, or if
    /// the costs are no multiple of anything, because they are nearly none or credits.
    pub fn week_shape(&self) -> Option<WeekShape> {
        let mean = self.levels.over(0, 7).mean;
        if self.basis != Basis::History || mean <= 0.0 {
            return None;
        }
        let mut multiples = [0.0; 7];
        for (index, deviation) in self.profile.iter().enumerate() {
            multiples[weekday_at(self.start, index)] = (1.0 + deviation / mean).max(0.0);
        }
        let sum: f64 = multiples.iter().sum();
        (sum > 0.0).then(|| WeekShape {
            multiples: multiples.map(|multiple| multiple * 7.0 / sum),
        })
    }

    /// The expected total of the same days as [`predict`](Self::predict) has them, if each estimate of
    /// the level stood alone; all 0 if there are none.
    pub fn totals_by_estimate(&self, from: Date, until: Date) -> [(Estimate, f64); 8] {
        let open = self.open_indices(from, until);
        let levels = self.levels.newest();
        std::array::from_fn(|index| {
            let (path, _) = self.path(&open, levels[index]);
            (
                Estimate::ALL[index],
                path.iter().map(|day| day.mean).sum::<f64>(),
            )
        })
    }

    /// The unsettled days of a range, and the level over them; `None` without such a day.
    pub(crate) fn open_days(&self, from: Date, until: Date) -> Option<(OpenDays, Level)> {
        let open = self.open_indices(from, until);
        let first = *open.first()?;
        let settled_until = self.settled_until();
        let lead = first.saturating_sub(settled_until);
        let level = self.levels.over(lead, open.len());
        let (path, floors) = self.path(&open, level.mean);
        Some((OpenDays { path, floors, lead }, level))
    }

    /// The unsettled days of a range, counted from the start of the history.
    fn open_indices(&self, from: Date, until: Date) -> Vec<usize> {
        let range = days_between(self.start, from).max(0)..days_between(self.start, until);
        range
            .filter_map(|index| usize::try_from(index).ok())
            .filter(|&index| !matches!(self.history.get(index), Some(HistoryDay::Settled)))
            .collect()
    }

    /// What unsettled days are expected to cost if an average day costs `level`, and at least.
    fn path(&self, open: &[usize], level: f64) -> (Vec<DayForecast>, Vec<f64>) {
        let mut path = Vec::with_capacity(open.len());
        let mut floors = Vec::with_capacity(open.len());
        let settled_until = self.settled_until();
        for &index in open {
            let date = date_after(self.start, index);
            let (usual, posted) = match self.history.get(index) {
                Some(HistoryDay::Open { usual, posted }) => (*usual, *posted),
                _ => (None, None),
            };
            let planned: f64 = planned_on(&self.planned, date).map(|one| one.daily).sum();
            let charges: f64 = self
                .charges
                .iter()
                .filter(|charge| charge.falls_on(date))
                .map(|charge| charge.amount)
                .sum();
            // Where the days are credits, or one is to come, what is posted may still fall.
            let is_credit = self.is_credit || charges < 0.0;
            let floor = match posted {
                _ if is_credit => f64::NEG_INFINITY,
                Some(posted) if posted < 0.0 => f64::NEG_INFINITY,
                posted => posted.unwrap_or(0.0) + self.least,
            };
            let everyday = usual
                .unwrap_or(level * self.last_year.factor(index) + self.profile[index % 7])
                * self.holidays.factor(date);
            let arrival = self.arrivals.iter().find(|one| one.date == date);
            let everyday = everyday + planned;
            let everyday = match arrival.zip(posted) {
                // A refund is posted as a whole, and is no share of anything either.
                _ if posted.is_some_and(|posted| posted < 0.0) && !is_credit => {
                    everyday + posted.unwrap_or_default()
                }
                // A charge is posted as a whole, and is no share of anything.
                Some((arrival, posted)) => {
                    let one_day = self
                        .levels
                        .over(index.saturating_sub(settled_until), 1)
                        .relative_error
                        .max(LEAST_SURPRISE);
                    arrival.complete(posted - charges, everyday, one_day)
                }
                None => everyday,
            };
            let mean = everyday + charges;
            path.push(DayForecast {
                date,
                mean: beyond(floor) + (mean.max(floor) - beyond(floor)) * self.factor,
            });
            floors.push(floor);
        }
        (path, floors)
    }

    /// The total of the first `count` days of `open`, at least one, with the spread of `level`.
    pub(crate) fn total_of(&self, open: &OpenDays, count: usize, level: Level) -> Distribution {
        let days = || open.path[..count].iter().map(|day| day.mean);
        let center: f64 = days().sum();
        // A credit makes the total smaller, and not the error.
        let size: f64 = days().map(f64::abs).sum();
        let scale =
            self.widening * level.relative_error * size.max(level.least_size * count as f64);
        let floor = open.floors[..count].iter().sum();
        Distribution::around(center, scale, floor)
    }

    /// The level over the first `count` days of `open`.
    pub(crate) fn level_over(&self, open: &OpenDays, count: usize) -> Level {
        self.levels.over(open.lead, count)
    }

    /// Number of days from the start to the end of the last settled one.
    fn settled_until(&self) -> usize {
        self.history
            .iter()
            .rposition(|day| matches!(day, HistoryDay::Settled))
            .map_or(0, |last| last + 1)
    }
}

/// The least that a day costs, or nothing where that is not known.
fn beyond(floor: f64) -> f64 {
    if floor.is_finite() { floor } else { 0.0 }
}
