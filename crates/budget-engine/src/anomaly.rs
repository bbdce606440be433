//! Anomalies: costs that were not expected, as events with an amount, and what made them up.
//!
//! Which days are unusual is found elsewhere; here the events are values that figures, decisions and
//! notices share.

#![deny(clippy::float_arithmetic)]

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::budget::{Budget, Selector, Side, Statistic};
use crate::charge::CostBasis;
use crate::drivers::Cause;
use crate::facts::{CostFacts, Series};
use crate::filter::{Dimension, TagName};
use crate::money::Money;
use crate::observe::counted_series;
use crate::period::{Period, days_between, plus_days};
use crate::scope::ScopeKind;

/// How many drivers of one aspect are named; the rest is one sum.
const NAMED: usize = 3;
/// How many aspects are told at most.
const MOST_ASPECTS: usize = 5;
/// With how many weeks before an event its days are compared.
const WEEKS: usize = 4;
/// How far back these lie at most, where some have no rows.
const MOST_WEEKS: usize = 8;
/// Two events of one side whose days lie so few days apart are the same one, restated.
const NEAR: i32 = 2;

/// What was found when the settled days of a budget were checked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Anomalies {
    /// From the first to the last day that was checked; `None` when none was.
    pub checked: Option<Period>,
    /// How many days were checked. Days are not that have fewer than four weeks of settled days before
    /// them, or that are not settled.
    pub days_checked: u32,
    /// The events, oldest first.
    pub incidents: Vec<Anomaly>,
}

impl Anomalies {
    /// The event that `known` is now: it may have grown, and restated data may have moved its days.
    pub fn same_as(&self, known: &Anomaly) -> Option<&Anomaly> {
        let mut incidents = self.incidents.iter();
        incidents.find(|one| one.is_same(known))
    }
}

/// Unusual days that belong together: one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Anomaly {
    /// What happened.
    pub kind: AnomalyKind,
    /// First unusual day.
    pub first: Date,
    /// Last unusual day, so far.
    pub last: Date,
    /// Its days, oldest first: the unusual ones, and those between on the level that it had brought by
    /// then. Others may lie between them.
    pub days: Vec<Date>,
    /// Whether more unusual days may follow.
    pub is_open: bool,
    /// What its days were expected to cost, as things were before it.
    pub expected: Money,
    /// What they cost.
    pub cost: Money,
    /// What that is more than expected; negative if it is less.
    pub impact: Money,
    /// How strange its strangest day is: above 1.
    pub score: Decimal,
    /// What made up the impact, by service first and then by whatever else the facts hold. Empty where
    /// it was not looked into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drivers: Vec<AnomalyDrivers>,
}

/// What happened to a cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnomalyKind {
    /// Far more than expected for a day or two.
    Spike,
    /// A new level.
    Step,
    /// A level that climbs.
    Ramp,
    /// Less than expected.
    Drop,
    /// A weekend that costs like weekdays, where weekends rest.
    WeekendNotResting,
    /// A cost where there was none.
    NewCost,
    /// No cost where there always was some.
    StoppedCost,
}

impl AnomalyKind {
    /// All.
    pub const ALL: [AnomalyKind; 7] = [
        AnomalyKind::Spike,
        AnomalyKind::Step,
        AnomalyKind::Ramp,
        AnomalyKind::Drop,
        AnomalyKind::WeekendNotResting,
        AnomalyKind::NewCost,
        AnomalyKind::StoppedCost,
    ];

    /// The word used in payloads and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            AnomalyKind::Spike => "spike",
            AnomalyKind::Step => "step",
            AnomalyKind::Ramp => "ramp",
            AnomalyKind::Drop => "drop",
            AnomalyKind::WeekendNotResting => "weekend-not-resting",
            AnomalyKind::NewCost => "new-cost",
            AnomalyKind::StoppedCost => "stopped-cost",
        }
    }

    /// Whether costs are as before when the event is over. What lasts becomes what is expected, and
    /// that ends the event, too.
    pub fn passes(self) -> bool {
        matches!(self, AnomalyKind::Spike | AnomalyKind::WeekendNotResting)
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What made up the impact of an event, by one aspect of the costs.
///
/// The changes of `items`, `other` and `expected` add up to the impact exactly. A change is what the days of
/// the event cost beyond the median of the same weekdays of four weeks before it; what was expected of the
/// whole differs from those where costs had a trend, a charge was to come, or something was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnomalyDrivers {
    /// By what.
    pub by: Aspect,
    /// The largest changes in the direction of the impact, the largest first.
    pub items: Vec<AnomalyDriver>,
    /// Sum of the changes that are not named.
    pub other: Money,
    /// What is no part of the impact because it was expected: negative where more was expected than the
    /// days before cost. `None` where that is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Money>,
}

/// One part of an impact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnomalyDriver {
    /// A value of the aspect; empty for costs without one. Comes from cost data: untrusted text.
    pub name: String,
    /// What as many days cost as a rule.
    pub before: Money,
    /// What the unusual days cost.
    pub now: Money,
    /// The difference.
    pub change: Money,
    /// What kind of change.
    pub cause: Cause,
}

/// What costs are told apart by: a column, or a tag. Written `ServiceName` or `tag:team`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Aspect {
    /// A column.
    Dimension(Dimension),
    /// A tag.
    Tag(TagName),
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Aspect::Dimension(dimension) => dimension.fmt(f),
            Aspect::Tag(name) => write!(f, "tag:{name}"),
        }
    }
}

impl FromStr for Aspect {
    type Err = crate::filter::UnknownDimension;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("tag:") {
            Some(name) => Ok(Aspect::Tag(TagName::new(name))),
            None => text.parse().map(Aspect::Dimension),
        }
    }
}

impl TryFrom<String> for Aspect {
    type Error = crate::filter::UnknownDimension;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Aspect> for String {
    fn from(aspect: Aspect) -> String {
        aspect.to_string()
    }
}

impl Anomaly {
    /// Whether it cost more or less than expected.
    pub fn side(&self) -> Side {
        match self.impact.amount < Decimal::ZERO {
            true => Side::Drop,
            false => Side::Rise,
        }
    }

    /// Whether both are one event, before and after it grew or its data were restated.
    pub fn is_same(&self, other: &Anomaly) -> bool {
        self.side() == other.side()
            && self.first <= plus_days(other.last, NEAR)
            && other.first <= plus_days(self.last, NEAR)
    }

    /// The same with what made it up, by the costs that a budget counts; `None` when a sum does not fit.
    /// What was `asked` for comes first, though it has one value only.
    #[must_use]
    pub fn explained(
        self,
        facts: &CostFacts,
        budget: &Budget,
        selectors: &[Selector<'_>],
        asked: Option<&Aspect>,
    ) -> Option<Anomaly> {
        let series = counted_series(facts, selectors);
        let first_day = series.iter().filter_map(|one| one.days.first());
        let first_day = first_day.map(|day| day.date).min()?;
        let table = Table::of(&self, &series, budget.cost_basis, first_day)?;
        let mut drivers = Vec::new();
        let others = aspects(facts);
        let others = others.iter().filter(|aspect| asked != Some(*aspect));
        for aspect in asked.into_iter().chain(others) {
            if drivers.len() < MOST_ASPECTS {
                let is_asked = asked == Some(aspect);
                drivers.extend(table.drivers(&self, aspect, facts, is_asked)?);
            }
        }
        Some(Anomaly { drivers, ..self })
    }
}

/// What the facts tell costs apart by: services first, then where they lie, then the rest.
fn aspects(facts: &CostFacts) -> Vec<Aspect> {
    let projection = facts.projection();
    let first = [
        Dimension::ServiceName,
        Dimension::ResourceGroupName,
        Dimension::SubAccountId,
    ];
    let rest = projection.dimensions.iter().copied();
    let rest = rest.filter(|dimension| !first.contains(dimension));
    let dimensions = first.into_iter().chain(rest).map(Aspect::Dimension);
    let tags = projection.tags.iter().cloned().map(Aspect::Tag);
    dimensions.chain(tags).collect()
}

/// The value of an aspect in a series; `None` if the facts do not tell.
fn value_of<'a>(series: &'a Series, aspect: &Aspect, facts: &CostFacts) -> Option<&'a str> {
    let projection = facts.projection();
    let place = series.key.place.resource.as_ref();
    match aspect {
        Aspect::Tag(name) => {
            let index = projection.tags.iter().position(|kept| kept == name)?;
            series.key.tags.get(index).map(|value| &**value)
        }
        Aspect::Dimension(name) => {
            let index = projection.dimensions.iter().position(|kept| kept == name);
            if let Some(index) = index {
                return series.key.dimensions.get(index).map(|value| &**value);
            }
            match name {
                Dimension::ResourceGroupName => {
                    let group = place.filter(|place| place.kind() == ScopeKind::ResourceGroup);
                    Some(group.map_or("", |group| group.id()))
                }
                Dimension::SubAccountId => Some(place.map_or("", subscription_id)),
                _ => None,
            }
        }
    }
}

/// The id in the path of a subscription or a resource group.
fn subscription_id(place: &crate::scope::Scope) -> &str {
    let mut parts = place.path().split('/').skip_while(|part| part.is_empty());
    match parts.next() {
        Some(first) if first.eq_ignore_ascii_case("subscriptions") => parts.next().unwrap_or(""),
        _ => "",
    }
}

/// What each counted series cost on the unusual days, and on the same weekdays of the weeks before.
struct Table<'a> {
    /// How many days there are.
    days: usize,
    /// With how many earlier days each of them is compared.
    weeks: Vec<usize>,
    /// Of each series with a cost on one of those days: the unusual days, then the earlier ones of each
    /// day in turn.
    costs: Vec<(&'a Series, Vec<Decimal>)>,
}

impl<'a> Table<'a> {
    fn of(
        anomaly: &Anomaly,
        series: &[&'a Series],
        basis: CostBasis,
        first_day: Date,
    ) -> Option<Table<'a>> {
        let mut wanted = anomaly.days.clone();
        let mut weeks = Vec::with_capacity(anomaly.days.len());
        for day in &anomaly.days {
            // Weeks that lie in the event say nothing of what is usual.
            let inside = days_between(anomaly.first, *day) / 7 + 1;
            let inside = i32::try_from(inside).ok()?;
            let earlier = (0..).map(|week| plus_days(*day, -7 * (inside + week)));
            let earlier = earlier.take(MOST_WEEKS).take_while(|day| *day >= first_day);
            // A day without any row may be lost, and says nothing where others have some.
            let has_rows = |day: &Date| {
                let mut days = series.iter().map(|one| &one.days);
                days.any(|days| days.binary_search_by_key(day, |known| known.date).is_ok())
            };
            let earlier = earlier.filter(has_rows).take(WEEKS);
            let before = wanted.len();
            wanted.extend(earlier);
            weeks.push(wanted.len() - before);
        }
        let costs = series.iter().filter_map(|one| {
            let cost = |day: &Date| {
                let found = one.days.binary_search_by_key(day, |known| known.date);
                found.map_or(Decimal::ZERO, |index| one.days[index].cost(basis))
            };
            let costs: Vec<Decimal> = wanted.iter().map(cost).collect();
            let is_there = costs.iter().any(|cost| !cost.is_zero());
            is_there.then_some((*one, costs))
        });
        Some(Table {
            days: anomaly.days.len(),
            weeks,
            costs: costs.collect(),
        })
    }

    /// What made up the impact by one aspect: `Some(None)` if it tells nothing apart, `None` when a sum
    /// does not fit.
    fn drivers(
        &self,
        anomaly: &Anomaly,
        aspect: &Aspect,
        facts: &CostFacts,
        is_asked: bool,
    ) -> Option<Option<AnomalyDrivers>> {
        let mut sums: HashMap<&str, Vec<Decimal>> = HashMap::new();
        for (series, costs) in &self.costs {
            let Some(value) = value_of(series, aspect, facts) else {
                return Some(None);
            };
            let sum = sums
                .entry(value)
                .or_insert_with(|| vec![Decimal::ZERO; costs.len()]);
            for (sum, cost) in sum.iter_mut().zip(costs) {
                *sum = sum.checked_add(*cost)?;
            }
        }
        // One value for everything says nothing new, but which service it is.
        let is_service = *aspect == Aspect::Dimension(Dimension::ServiceName);
        if sums.len() < 2 && !is_service && !is_asked {
            return Some(None);
        }
        let money = |amount| Money::new(amount, anomaly.impact.currency);
        let direction = match anomaly.side() {
            Side::Rise => Decimal::ONE,
            Side::Drop => Decimal::NEGATIVE_ONE,
        };
        let sums: BTreeMap<&str, Vec<Decimal>> = sums.into_iter().collect();
        let mut items = Vec::with_capacity(sums.len());
        let mut changes = Decimal::ZERO;
        for (name, costs) in sums {
            let (now, before) = self.now_and_before(&costs)?;
            let change = now.checked_sub(before)?;
            changes = changes.checked_add(change)?;
            if change * direction <= Decimal::ZERO {
                continue;
            }
            items.push(AnomalyDriver {
                name: name.to_owned(),
                before: money(before),
                now: money(now),
                change: money(change),
                cause: match (before.is_zero(), now.is_zero()) {
                    (true, _) => Cause::New,
                    (_, true) => Cause::Stopped,
                    _ if change > Decimal::ZERO => Cause::Rose,
                    _ => Cause::Fell,
                },
            });
        }
        items.sort_by_key(|item| std::cmp::Reverse(item.change.amount.abs()));
        items.truncate(NAMED);
        if items.iter().all(|item| item.name.is_empty()) && !is_service && !is_asked {
            return Some(None);
        }
        let mut named = items.iter().map(|item| item.change.amount);
        let named = named.try_fold(Decimal::ZERO, |sum, change| sum.checked_add(change))?;
        let expected = anomaly.impact.amount.checked_sub(changes)?;
        // Less than is shown is the rounding of the expectation.
        let is_shown = !money(expected).rounded().is_zero();
        let other = match is_shown {
            true => changes.checked_sub(named)?,
            false => anomaly.impact.amount.checked_sub(named)?,
        };
        Some(Some(AnomalyDrivers {
            by: aspect.clone(),
            items,
            other: money(other),
            expected: is_shown.then(|| money(expected)),
        }))
    }

    /// What the unusual days cost, and what they cost as a rule.
    fn now_and_before(&self, costs: &[Decimal]) -> Option<(Decimal, Decimal)> {
        let (now, mut earlier) = costs.split_at(self.days);
        let mut sum = Decimal::ZERO;
        for cost in now {
            sum = sum.checked_add(*cost)?;
        }
        let mut before = Decimal::ZERO;
        for weeks in &self.weeks {
            let (own, rest) = earlier.split_at(*weeks);
            earlier = rest;
            if !own.is_empty() {
                before = before.checked_add(Statistic::Median.of(&mut own.to_vec())?)?;
            }
        }
        Some((sum, before))
    }
}
