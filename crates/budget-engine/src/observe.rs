//! From cost facts to what one budget has spent: day by day, by service, and how sure that is.

#![deny(clippy::float_arithmetic)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::budget::{Budget, Planned, Selector, Statistic};
use crate::charge::CostBasis;
use crate::facts::{CostFacts, DayCost, Series};
use crate::filter::{Attributes, Dimension};
use crate::money::{Currency, Money};
use crate::period::{Period, dates, days_between, plus_days};
use crate::scope::Scope;

/// How much of a day's cost is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DayState {
    /// Not expected to change.
    Settled,
    /// There, but Azure may still add to it.
    Settling,
    /// Nothing has arrived. Never to be read as zero.
    Missing,
}

/// How late cost data are as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// A day is settled when it is this many days before the day the data were written.
    pub settles_after_days: u32,
    /// Data whose last day is more than this many days ago are stale.
    pub stale_after_days: u32,
}

impl Default for Lag {
    /// Azure posts cost 8 to 24 hours late and restates the last days: settled after two days,
    /// stale after three.
    fn default() -> Self {
        Lag {
            settles_after_days: 2,
            stale_after_days: 3,
        }
    }
}

/// How old and how settled the data behind an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataState {
    /// When the source wrote or gave the data.
    pub as_of: Timestamp,
    /// First day with a cost in the budget's scopes.
    pub first_day: Date,
    /// Last day with a cost in the subscriptions (or billing scopes) that the budget lies in; of
    /// several, of the one that is furthest behind.
    pub last_day: Date,
    /// Last day that is not expected to change.
    pub settled_to: Date,
    /// Days between that last day and today.
    pub age_days: u32,
    /// Whether that is more than the source's usual lag.
    pub stale: bool,
    /// Rows of the source that could not be read: they may be missing from the spend.
    #[serde(default)]
    pub skipped_rows: u64,
}

/// The cost of one day as a budget counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyCost {
    /// The day, UTC.
    pub date: Date,
    /// Its cost in the budget's currency and basis.
    pub cost: Decimal,
    /// How much of it is known.
    pub state: DayState,
}

/// What a budget has spent, over all days that the facts hold.
#[derive(Debug, Clone)]
pub struct Observed {
    /// Currency of all amounts.
    pub currency: Currency,
    /// Every day from the first with a cost up to today, without gaps. A day inside the data without a
    /// row cost nothing, unless it is one of the last days and the whole subscription (or billing scope) has
    /// none, which as a rule has some every day: that one is missing, and so is a day after the data.
    pub days: Vec<DailyCost>,
    /// First day with any cost in the subscriptions (or billing scopes) that the budget lies in; of
    /// several, of the one that begins last. What was not there on the days from then on cost nothing.
    pub covered_from: Date,
    /// Days by service, for drivers.
    pub by_service: BTreeMap<Arc<str>, BTreeMap<Date, Decimal>>,
    /// Addresses that the budget names as owners, then values of its owner tags by their cost of the
    /// last weeks, most costly first.
    pub owners: Vec<String>,
    /// How old and how settled.
    pub data: DataState,
    /// Days within the data, from the start of the previous period on, on which a subscription (or a
    /// billing scope) that the budget lies in has no row at all: nothing was used there, or a part of
    /// the data is missing. Oldest first.
    pub gaps: Vec<Date>,
}

/// Why a budget cannot be evaluated. None of these is ever taken for a spend of zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "problem")]
pub enum ObserveError {
    /// No row lies in the budget's scopes.
    #[error("the source has no cost in the scopes of this budget: {scopes}")]
    NoData {
        /// The scopes.
        scopes: String,
    },
    /// Costs in the scopes are in another currency than the budget.
    #[error(
        "costs are in {found}, the budget is in {expected}: amounts in two currencies have no sum"
    )]
    Currency {
        /// The budget's currency.
        expected: Currency,
        /// What was found beside or instead of it.
        found: String,
    },
    /// The source does not give the cost basis of the budget.
    #[error("the source gives no {basis} cost; choose the other cost_basis or another source")]
    Basis {
        /// The basis that is missing.
        basis: CostBasis,
    },
    /// A sum has more digits than money can hold.
    #[error("a sum of costs is too large")]
    Overflow,
    /// The plan names no amount for the period, or there is too little history for it.
    #[error("no planned amount for the period {period}: {reason}")]
    NoPlan {
        /// The period.
        period: Period,
        /// What is missing.
        reason: String,
    },
    /// The date lies outside of the supported calendar.
    #[error("the date lies outside of the supported calendar")]
    Calendar,
}

/// Owner tags are read from the costs of this many days, so that who left is no longer told.
const OWNERS_OF_DAYS: i32 = 35;
/// How many owners the tags of a budget name at most, the most costly first.
const OWNERS: usize = 20;

/// Reads the facts as one budget counts them. `today` is the day of the evaluation, UTC; costs that
/// a source dates later than that are not looked at yet.
pub fn observe(
    facts: &CostFacts,
    budget: &Budget,
    selectors: &[Selector<'_>],
    lag: Lag,
    today: Date,
) -> Result<Observed, ObserveError> {
    let mut has_cost = false;
    let series = count(facts, selectors, |one| {
        has_cost |= !until(&one.days, today).is_empty();
    });

    let last_day = last_day_of_feeds(facts, selectors, today).filter(|_| has_cost);
    let Some(last_day) = last_day else {
        let scopes: Vec<String> = selectors
            .iter()
            .flat_map(|one| one.scopes)
            .map(ToString::to_string)
            .collect();
        return Err(ObserveError::NoData {
            scopes: scopes.join(", "),
        });
    };
    check_counted(facts, budget, &series)?;

    let mut costs: BTreeMap<Date, Decimal> = BTreeMap::new();
    let mut by_service: BTreeMap<Arc<str>, BTreeMap<Date, Decimal>> = BTreeMap::new();
    let service_index = facts
        .projection()
        .dimensions
        .iter()
        .position(|kept| *kept == Dimension::ServiceName);
    let mut owners: BTreeMap<String, Decimal> = BTreeMap::new();
    let owner_tags: Vec<_> = budget
        .owners
        .iter()
        .filter_map(|owner| owner.strip_prefix("tag:"))
        .map(crate::filter::TagName::new)
        .collect();
    let add = |sum: &mut Decimal, cost: Decimal| {
        *sum = sum.checked_add(cost).ok_or(ObserveError::Overflow)?;
        Ok(())
    };
    for one in series {
        let service = service_index.map(|index| one.key.dimensions[index].clone());
        let service_days = by_service.entry(service.unwrap_or_default()).or_default();
        let mut recent = Decimal::ZERO;
        for day in until(&one.days, today) {
            let cost = day.cost(budget.cost_basis);
            add(costs.entry(day.date).or_default(), cost)?;
            add(service_days.entry(day.date).or_default(), cost)?;
            if day.date > plus_days(today, -OWNERS_OF_DAYS) {
                add(&mut recent, cost)?;
            }
        }
        for tag in &owner_tags {
            let owner = facts.describe(one).tag(tag).to_owned();
            if !owner.is_empty() {
                add(owners.entry(owner).or_default(), recent)?;
            }
        }
    }
    let mut owners: Vec<(String, Decimal)> = owners.into_iter().collect();
    owners.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    let costly = owners.into_iter().filter(|(_, cost)| *cost > Decimal::ZERO);
    let named = budget.owners.iter().filter(|one| !one.starts_with("tag:"));
    let mut owners: Vec<String> = named.cloned().collect();
    let tagged = costly.map(|(owner, _)| owner).take(OWNERS);
    let tagged: Vec<String> = tagged.filter(|owner| !owners.contains(owner)).collect();
    owners.extend(tagged);
    let feeds: Vec<Feed> = feeds(selectors)
        .iter()
        .filter_map(|feed| Feed::of(facts, feed, last_day))
        .collect();
    let known = Known {
        costs,
        covered_from: feeds.iter().map(|feed| feed.first_day).max(),
        last_day,
        missing: feeds
            .iter()
            .flat_map(|feed| feed.missing(last_day))
            .collect(),
        as_of: facts.as_of(),
        skipped_rows: facts.skipped_rows(),
    };
    let calendar = &budget.calendar;
    let period = calendar.period_of(last_day);
    let earlier = period.and_then(|period| calendar.previous(&period).or(Some(period)));
    let gaps: BTreeSet<Date> = match earlier {
        Some(earlier) => {
            let gaps = feeds.iter().flat_map(|feed| &feed.gaps);
            gaps.filter(|day| **day >= earlier.start())
                .copied()
                .collect()
        }
        None => BTreeSet::new(),
    };
    Ok(Observed {
        by_service,
        owners,
        gaps: gaps.into_iter().collect(),
        ..Observed::new(budget.currency, &known, lag, today)
    })
}

/// The series that a budget counts, each once, though two scopes or two children may hold it.
pub fn counted_series<'a>(facts: &'a CostFacts, selectors: &[Selector<'a>]) -> Vec<&'a Series> {
    count(facts, selectors, |_| {})
}

/// The counted series; `meet` sees every one in the scopes, also those that do not count.
fn count<'a>(
    facts: &'a CostFacts,
    selectors: &[Selector<'a>],
    mut meet: impl FnMut(&Series),
) -> Vec<&'a Series> {
    let mut series: Vec<&Series> = Vec::new();
    for selector in selectors {
        for scope in selector.scopes {
            for one in facts.series_in(scope) {
                meet(one);
                let counted = !selector.exclude.contains(&one.key.category)
                    && selector
                        .filter
                        .is_none_or(|filter| filter.matches(&facts.describe(one)));
                if counted {
                    series.push(one);
                }
            }
        }
    }
    series.sort_by_key(|one| std::ptr::from_ref(*one));
    series.dedup_by_key(|one| std::ptr::from_ref(*one));
    series
}

/// Whether counted series can be added up for a budget: all in its currency, with its cost basis.
pub fn check_counted(
    facts: &CostFacts,
    budget: &Budget,
    series: &[&Series],
) -> Result<(), ObserveError> {
    let foreign: BTreeSet<Currency> = series
        .iter()
        .map(|one| one.key.currency)
        .filter(|found| *found != budget.currency)
        .collect();
    if !foreign.is_empty() {
        let codes: Vec<&str> = foreign.iter().map(Currency::code).collect();
        return Err(ObserveError::Currency {
            expected: budget.currency,
            found: codes.join(" and "),
        });
    }
    if !facts.has_basis(budget.cost_basis) {
        return Err(ObserveError::Basis {
            basis: budget.cost_basis,
        });
    }
    Ok(())
}

/// The feeds that scopes take part in: whole subscriptions, or the scopes themselves where there is
/// none.
pub fn feeds(selectors: &[Selector<'_>]) -> BTreeSet<Scope> {
    selectors
        .iter()
        .flat_map(|selector| selector.scopes)
        .map(|scope| scope.subscription_of().unwrap_or_else(|| scope.clone()))
        .collect()
}

/// The day up to which the data of all feeds go that the scopes take part in.
///
/// A resource group that costs nothing any more is no sign of missing data while its subscription
/// has costs, so a feed is a whole subscription. Of several feeds the one that is furthest behind
/// counts: its missing days are not zero.
fn last_day_of_feeds(facts: &CostFacts, selectors: &[Selector<'_>], today: Date) -> Option<Date> {
    let last_day = |feed: &Scope| {
        let days = facts
            .series_in(feed)
            .filter_map(|one| until(&one.days, today).last());
        days.map(|day| day.date).max()
    };
    feeds(selectors).iter().filter_map(last_day).min()
}

/// A run of days without rows that is no longer may be missing data, ...
const LONGEST_LOSS: usize = 7;
/// ... if it is not older: what has not come by then will not come, ...
const OLDEST_LOSS: i32 = 10;
/// ... and if of so many days before it, ...
const RULE_DAYS: i32 = 28;
/// ... of which there are so many at least, ...
const LEAST_RULE_DAYS: usize = 14;
/// ... all had rows but for so many runs.
const MOST_EXCEPTIONS: usize = 1;

/// The days of a subscription or billing scope, whatever of it a budget counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// First day with a row.
    pub first_day: Date,
    /// Later days without any row.
    pub gaps: BTreeSet<Date>,
}

impl Feed {
    /// The days up to `last_day` of what lies in `scope`; `None` if nothing does.
    pub fn of(facts: &CostFacts, scope: &Scope, last_day: Date) -> Option<Feed> {
        let firsts = facts.series_in(scope).filter_map(|one| one.days.first());
        let first_day = firsts.map(|day| day.date).min()?;
        let mut gaps: BTreeSet<Date> = dates(first_day, plus_days(last_day, 1)).collect();
        for one in facts.series_in(scope) {
            // Mostly a few series have them all.
            if gaps.is_empty() {
                break;
            }
            gaps.retain(|gap| one.days.binary_search_by_key(gap, |day| day.date).is_err());
        }
        Some(Feed { first_day, gaps })
    }

    /// The gaps that are taken for missing data and not for days without cost, as data up to `last_day` show
    /// it: at most a week in a row, at most ten days ago, after four weeks (two at least) in which there was
    /// no more than one other.
    pub fn missing(&self, last_day: Date) -> Vec<Date> {
        let mut runs: Vec<Vec<Date>> = Vec::new();
        for gap in self.gaps.range(..=last_day) {
            match runs.last_mut() {
                Some(run) if run.last().is_some_and(|last| plus_days(*last, 1) == *gap) => {
                    run.push(*gap);
                }
                _ => runs.push(vec![*gap]),
            }
        }
        let lost = (0..runs.len()).filter(|&at| self.is_lost(&runs[at], &runs[..at], last_day));
        lost.flat_map(|at| runs[at].iter().copied()).collect()
    }

    /// Whether a run of gaps, after earlier ones, is taken for missing data.
    fn is_lost(&self, run: &[Date], earlier: &[Vec<Date>], last_day: Date) -> bool {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            return false;
        };
        let since = plus_days(*first, -RULE_DAYS).max(self.first_day);
        let exceptions = earlier.iter().rev();
        let exceptions = exceptions.take_while(|run| run.last().is_some_and(|last| *last >= since));
        run.len() <= LONGEST_LOSS
            && *last >= plus_days(last_day, -OLDEST_LOSS)
            && dates(since, *first).count() >= LEAST_RULE_DAYS
            && exceptions.count() <= MOST_EXCEPTIONS
    }
}

/// The days up to and including `today`.
fn until(days: &[DayCost], today: Date) -> &[DayCost] {
    &days[..days.partition_point(|day| day.date <= today)]
}

/// What is known of a budget's costs at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Costs in the budget's currency and basis by day, without days that have no row.
    pub costs: BTreeMap<Date, Decimal>,
    /// See [`Observed::covered_from`]; `None` for the first of `costs`.
    pub covered_from: Option<Date>,
    /// See [`DataState::last_day`].
    pub last_day: Date,
    /// Days without rows that are not taken for days without cost: see [`Feed::missing`].
    pub missing: BTreeSet<Date>,
    /// When the source wrote or gave the data.
    pub as_of: Timestamp,
    /// Rows of the source that could not be read.
    pub skipped_rows: u64,
}

impl Observed {
    /// The days of known costs as an evaluation on the day `today` sees them, without services and
    /// owners.
    pub fn new(currency: Currency, known: &Known, lag: Lag, today: Date) -> Observed {
        let (costs, last_day) = (&known.costs, known.last_day);
        let first_day = costs.keys().next().copied().unwrap_or(last_day);
        // An evaluation as of an earlier day must not know how its days settled later.
        let written = known
            .as_of
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date()
            .min(today);
        let settles = i32::try_from(lag.settles_after_days).unwrap_or(i32::MAX);
        let age_days = days_between(last_day, today);
        let data = DataState {
            as_of: known.as_of,
            first_day,
            last_day,
            settled_to: plus_days(written, -settles).min(last_day),
            age_days,
            stale: age_days > lag.stale_after_days,
            skipped_rows: known.skipped_rows,
        };
        let end = last_day.max(plus_days(today, -1));
        let days = dates(first_day, plus_days(end, 1))
            .map(|date| DailyCost {
                date,
                cost: costs.get(&date).copied().unwrap_or_default(),
                state: if date > data.last_day || known.missing.contains(&date) {
                    DayState::Missing
                } else if date > data.settled_to {
                    DayState::Settling
                } else {
                    DayState::Settled
                },
            })
            .collect();
        Observed {
            currency,
            days,
            covered_from: known.covered_from.unwrap_or(first_day).min(first_day),
            by_service: BTreeMap::new(),
            owners: Vec::new(),
            data,
            gaps: Vec::new(),
        }
    }

    /// Sum of the known costs from `start` up to, not including, `end`.
    pub fn sum(&self, start: Date, end: Date) -> Result<Money, ObserveError> {
        let amount = self
            .days
            .iter()
            .filter(|day| start <= day.date && day.date < end)
            .try_fold(Decimal::ZERO, |sum, day| sum.checked_add(day.cost))
            .ok_or(ObserveError::Overflow)?;
        Ok(Money::new(amount, self.currency))
    }

    /// The planned amount of a period.
    pub fn planned(&self, budget: &Budget, period: &Period) -> Result<Money, ObserveError> {
        let missing = |reason: &str| ObserveError::NoPlan {
            period: *period,
            reason: reason.into(),
        };
        let amount = match &budget.planned {
            Planned::Flat(amount) => *amount,
            Planned::PerPeriod(amounts) => *amounts
                .get(&period.start())
                .ok_or_else(|| missing("the configuration has no amount for it"))?,
            Planned::History {
                statistic,
                periods,
                plus_percent,
            } => {
                let mut sums = Vec::new();
                let mut earlier = *period;
                for _ in 0..*periods {
                    earlier = budget
                        .calendar
                        .previous(&earlier)
                        .ok_or(ObserveError::Calendar)?;
                    if earlier.start() < self.data.first_day {
                        let text = format!(
                            "{periods} complete earlier periods are needed, the data begin on {}",
                            self.data.first_day
                        );
                        return Err(missing(&text));
                    }
                    sums.push(self.sum(earlier.start(), earlier.end())?.amount);
                }
                let base = statistic.of(&mut sums).ok_or(ObserveError::Overflow)?;
                let percent = Decimal::ONE_HUNDRED.checked_add(*plus_percent);
                percent
                    .and_then(|percent| base.checked_mul(percent / Decimal::ONE_HUNDRED))
                    .ok_or(ObserveError::Overflow)?
            }
        };
        if amount <= Decimal::ZERO {
            return Err(missing("the amount would not be greater than zero"));
        }
        Ok(Money::new(amount, self.currency))
    }
}

impl Statistic {
    /// The amount that some amounts become, which are brought into order. `None` when there is none, or
    /// a sum does not fit.
    pub fn of(self, sums: &mut [Decimal]) -> Option<Decimal> {
        sums.sort_unstable();
        let count = sums.len();
        match self {
            Statistic::Max => sums.last().copied(),
            Statistic::Mean => {
                let total = sums
                    .iter()
                    .try_fold(Decimal::ZERO, |sum, one| sum.checked_add(*one))?;
                total.checked_div(Decimal::from(count))
            }
            Statistic::Median if count % 2 == 1 => Some(sums[count / 2]),
            Statistic::Median => {
                let middle = sums
                    .get(count / 2)?
                    .checked_add(*sums.get((count / 2).checked_sub(1)?)?)?;
                middle.checked_div(Decimal::TWO)
            }
        }
    }
}
