//! What was known of a budget's costs on each day of the past.
//!
//! Snapshots say it where there are any. Elsewhere the final costs stand in for it, cut at the day by
//! which the source has settled them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use budget_engine::{
    Budget, CostFacts, Currency, Feed, Known, Lag, ObserveError, Observed, Period, Projection,
    Selector, SeriesKey, check_counted, counted_series, dates, days_between, feeds, plus_days,
};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::snapshots::Snapshot;

/// What the knowledge of one day rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Snapshots: the costs as they were read then.
    Snapshots,
    /// The costs as they are today, up to the day that was settled then.
    Final,
}

/// A budget's costs, final and as they became known.
pub(crate) struct History {
    currency: Currency,
    lag: Lag,
    costs: BTreeMap<Date, Decimal>,
    /// For each feed, its days with rows.
    feeds: Vec<Vec<Date>>,
    /// First day of the feed that begins last.
    covered_from: Option<Date>,
    /// First day with a cost in the scopes.
    begins: Date,
    skipped_rows: u64,
    revisions: Vec<Revision>,
}

/// What one day's snapshot changed.
struct Revision {
    day: Date,
    as_of: Timestamp,
    /// All days from this one on are told anew.
    from: Option<Date>,
    /// What is added to the costs of days.
    changes: BTreeMap<Date, Decimal>,
    /// How far the data go; `None` when the snapshot does not tell for this budget.
    last_day: Option<Date>,
}

impl History {
    /// Reads the facts of today and the snapshots, oldest first, as one budget counts them.
    pub(crate) fn new(
        facts: &CostFacts,
        snapshots: &[Snapshot],
        budget: &Budget,
        selectors: &[Selector<'_>],
        lag: Lag,
    ) -> Result<History, ObserveError> {
        let series = counted_series(facts, selectors);
        check_counted(facts, budget, &series)?;
        let mut costs: BTreeMap<Date, Decimal> = BTreeMap::new();
        for day in series.iter().flat_map(|one| &one.days) {
            add(&mut costs, day.date, day.cost(budget.cost_basis))?;
        }
        let feeds: Vec<Vec<Date>> = feeds(selectors)
            .iter()
            .map(|feed| {
                let days = facts.series_in(feed).flat_map(|one| &one.days);
                let mut days: Vec<Date> = days.map(|day| day.date).collect();
                days.sort_unstable();
                days.dedup();
                days
            })
            .filter(|days| !days.is_empty())
            .collect();
        let in_scope = selectors.iter().flat_map(|one| one.scopes);
        let begins = in_scope
            .flat_map(|scope| facts.series_in(scope))
            .filter_map(|one| one.days.first())
            .map(|day| day.date)
            .min();
        let Some(begins) = begins else {
            let scopes = selectors.iter().flat_map(|one| one.scopes);
            let scopes: Vec<String> = scopes.map(ToString::to_string).collect();
            return Err(ObserveError::NoData {
                scopes: scopes.join(", "),
            });
        };
        Ok(History {
            currency: budget.currency,
            lag,
            costs,
            covered_from: feeds.iter().filter_map(|days| days.first()).max().copied(),
            feeds,
            begins,
            skipped_rows: facts.skipped_rows(),
            revisions: revisions(snapshots, budget, selectors)?,
        })
    }

    /// The final costs by day.
    pub(crate) fn costs(&self) -> &BTreeMap<Date, Decimal> {
        &self.costs
    }

    /// First day with a cost that the budget counts or leaves out.
    pub(crate) fn begins(&self) -> Date {
        self.begins
    }

    /// Whether the data go over all days of a period.
    pub(crate) fn covers(&self, period: &Period) -> bool {
        self.feeds.iter().all(|days| {
            days.first().is_some_and(|first| *first <= period.start())
                && days.last().is_some_and(|last| *last >= period.last_day())
        })
    }

    /// First and last day of the data, of the feed that tells least.
    pub(crate) fn covered(&self) -> Option<(Date, Date)> {
        let first = self.feeds.iter().filter_map(|days| days.first()).max()?;
        let last = self.feeds.iter().filter_map(|days| days.last()).min()?;
        Some((*first, *last))
    }

    /// The final costs of the days up to `last_day`, as if that were all that is known.
    pub(crate) fn final_until(&self, last_day: Date, as_of: Timestamp) -> Known {
        let costs = self.costs.range(..=last_day);
        Known {
            costs: costs.map(|(day, cost)| (*day, *cost)).collect(),
            covered_from: self.covered_from,
            missing: self.missing(last_day),
            last_day,
            as_of,
            skipped_rows: self.skipped_rows,
        }
    }

    /// Days without rows that are not taken for days without cost, as data up to `last_day` show it.
    fn missing(&self, last_day: Date) -> BTreeSet<Date> {
        let feeds = self.feeds.iter().filter_map(|days| feed(days));
        feeds.flat_map(|feed| feed.missing(last_day)).collect()
    }

    /// The final costs as they are seen on a day after all of them are settled.
    pub(crate) fn observed(&self, known: &Known, today: Date) -> Observed {
        Observed::new(self.currency, known, self.lag, today)
    }

    /// The past, from its beginning.
    pub(crate) fn walk(&self) -> Walk<'_> {
        let empty = |costs| Known {
            costs,
            covered_from: self.covered_from,
            missing: BTreeSet::new(),
            last_day: self.begins,
            as_of: Timestamp::UNIX_EPOCH,
            skipped_rows: self.skipped_rows,
        };
        let base = self.revisions.first().and_then(|first| first.from);
        let before = self.costs.range(..base.unwrap_or(self.begins));
        let before = before.map(|(day, cost)| (*day, *cost)).collect();
        Walk {
            history: self,
            cut: empty(BTreeMap::new()),
            cut_until: None,
            read: empty(before),
            last_revision: None,
            next_revision: 0,
        }
    }

    /// The last day whose final costs are known on `today`.
    fn settled_on(&self, today: Date) -> Date {
        // Data that are never stale: it is the usual lag, not an outage.
        let lag = self.lag.settles_after_days.min(self.lag.stale_after_days);
        plus_days(today, -i32::try_from(lag).unwrap_or(i32::MAX))
    }
}

/// Goes through the past day by day.
pub(crate) struct Walk<'a> {
    history: &'a History,
    cut: Known,
    cut_until: Option<Date>,
    read: Known,
    last_revision: Option<Date>,
    next_revision: usize,
}

impl Walk<'_> {
    /// What is known on `today`, not earlier than the day that was asked for before; `None` before
    /// there were any costs.
    pub(crate) fn to(&mut self, today: Date) -> Result<Option<(&Known, Basis)>, ObserveError> {
        self.advance_cut(today);
        self.advance_read(today)?;
        let fresh = self
            .last_revision
            .is_some_and(|last| days_between(last, today) <= self.history.lag.stale_after_days);
        if fresh && self.history.begins <= self.read.last_day {
            return Ok(Some((&self.read, Basis::Snapshots)));
        }
        let known = self.cut_until.is_some() && self.history.begins <= self.cut.last_day;
        Ok(known.then_some((&self.cut, Basis::Final)))
    }

    fn advance_cut(&mut self, today: Date) {
        let until = self.history.settled_on(today);
        let last_day = |days: &Vec<Date>| {
            let known = days.partition_point(|day| *day <= until);
            known.checked_sub(1).map(|last| days[last])
        };
        let last_days = self.history.feeds.iter().map(last_day);
        let Some(last_day) = last_days.flatten().min() else {
            return;
        };
        let new = match self.cut_until {
            Some(before) => self
                .history
                .costs
                .range(plus_days(before, 1)..=until.max(before)),
            None => self.history.costs.range(..=until),
        };
        self.cut.costs.extend(new.map(|(day, cost)| (*day, *cost)));
        self.cut_until = self.cut_until.max(Some(until));
        self.cut.last_day = last_day;
        self.cut.missing = self.history.missing(last_day);
        self.cut.as_of = midnight(today);
    }

    fn advance_read(&mut self, today: Date) -> Result<(), ObserveError> {
        let revisions = &self.history.revisions[self.next_revision..];
        for revision in revisions.iter().take_while(|one| one.day <= today) {
            self.next_revision += 1;
            if let Some(from) = revision.from {
                self.read.costs.split_off(&from);
            }
            for (day, change) in &revision.changes {
                add(&mut self.read.costs, *day, *change)?;
            }
            self.last_revision = revision.last_day.map(|_| revision.day);
            self.read.last_day = revision.last_day.unwrap_or(self.read.last_day);
            self.read.missing = self.history.missing(self.read.last_day);
            self.read.as_of = revision.as_of;
        }
        Ok(())
    }
}

fn add(costs: &mut BTreeMap<Date, Decimal>, day: Date, cost: Decimal) -> Result<(), ObserveError> {
    let sum = costs.entry(day).or_default();
    *sum = sum.checked_add(cost).ok_or(ObserveError::Overflow)?;
    Ok(())
}

/// A feed by its days with rows, in order.
fn feed(days: &[Date]) -> Option<Feed> {
    let (first, last) = (*days.first()?, *days.last()?);
    let mut gaps: BTreeSet<Date> = dates(first, last).collect();
    for day in days {
        gaps.remove(day);
    }
    Some(Feed {
        first_day: first,
        gaps,
    })
}

fn midnight(day: Date) -> Timestamp {
    let midnight = day.to_zoned(TimeZone::UTC);
    midnight.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}

/// The snapshots as one budget counts them, from the first whole one on.
fn revisions(
    snapshots: &[Snapshot],
    budget: &Budget,
    selectors: &[Selector<'_>],
) -> Result<Vec<Revision>, ObserveError> {
    let needs = needs(selectors);
    let own_feeds = feeds(selectors);
    let mut state: HashMap<SeriesKey, BTreeMap<Date, Decimal>> = HashMap::new();
    let mut revisions: Vec<Revision> = Vec::new();
    // Snapshots that lack a column which the budget asks about tell nothing about it.
    let tells = |one: &Snapshot| {
        let kept = one.changed.projection();
        needs.dimensions.is_subset(&kept.dimensions)
            && needs.tags.is_subset(&kept.tags)
            && (one.from.is_none() || one.changed.has_basis(budget.cost_basis))
    };
    let mut in_chain = false;
    for one in snapshots {
        in_chain = tells(one) && (one.from.is_some() || in_chain);
        let mut changes = BTreeMap::new();
        if in_chain {
            if let Some(from) = one.from {
                for days in state.values_mut() {
                    days.split_off(&from);
                }
            }
            for series in counted_series(&one.changed, selectors) {
                let days = state.entry(series.key.clone()).or_default();
                for day in &series.days {
                    let cost = day.cost(budget.cost_basis);
                    let before = days.insert(day.date, cost).unwrap_or_default();
                    let change = cost.checked_sub(before).ok_or(ObserveError::Overflow)?;
                    add(&mut changes, day.date, change)?;
                }
            }
            for series in counted_series(&one.gone, selectors) {
                let Some(days) = state.get_mut(&series.key) else {
                    continue;
                };
                for day in &series.days {
                    if let Some(before) = days.remove(&day.date) {
                        add(&mut changes, day.date, -before)?;
                    }
                }
            }
        } else if revisions.is_empty() {
            continue;
        }
        let last_day = |feed| {
            let mut told = one.feeds.iter();
            told.find(|(known, _)| known == feed).map(|(_, day)| *day)
        };
        revisions.push(Revision {
            day: one.day,
            as_of: one.as_of,
            from: one.from.filter(|_| in_chain),
            changes,
            last_day: own_feeds
                .iter()
                .filter_map(last_day)
                .min()
                .filter(|_| in_chain),
        });
    }
    Ok(revisions)
}

/// The columns and tags that selectors ask about.
fn needs(selectors: &[Selector<'_>]) -> Projection {
    let mut needs = Projection::default();
    for filter in selectors.iter().filter_map(|one| one.filter) {
        filter.add_needs(&mut needs);
    }
    needs
}
