//! Cost facts: daily sums of cost, keyed by what budgets and drivers ask about.
//!
//! A source folds its rows into a [`FactsBuilder`] while they stream by. Memory follows the number
//! of distinct keys and days, never the number of rows, and one pass serves every budget of the
//! read.

#![deny(clippy::float_arithmetic)]

mod stored;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::charge::{ChargeCategory, CostBasis};
use crate::filter::{Attributes, Dimension, Projection, TagName};
use crate::money::{Currency, MoneyError};
use crate::scope::Scope;

/// Where a cost lies: every scope that is known to hold it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    /// Resource group or subscription; `None` for charges that have neither.
    pub resource: Option<Scope>,
    /// Billing scopes from the row itself: section, profile, department, account, customer.
    pub billing: Vec<Scope>,
    /// The scope the rows were read at, which holds all of them (a management group, say).
    pub read_at: Option<Scope>,
}

impl Place {
    /// Whether the cost lies in `scope`.
    pub fn is_in(&self, scope: &Scope) -> bool {
        let known = self
            .resource
            .iter()
            .chain(&self.billing)
            .chain(&self.read_at);
        known.into_iter().any(|place| scope.contains(place))
    }
}

/// What makes two rows part of the same series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// Where the cost lies.
    pub place: Arc<Place>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// Kind of charge.
    pub category: ChargeCategory,
    /// One value for each dimension of the projection, in its order; `""` if the row has none.
    pub dimensions: Vec<Arc<str>>,
    /// One value for each tag of the projection, in its order; `""` if the row has none.
    pub tags: Vec<Arc<str>>,
}

/// The cost of one day. A basis that the source does not have is zero in every row; ask
/// [`CostFacts::has_basis`] before reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCost {
    /// The day, UTC.
    pub date: Date,
    /// Cost as billed.
    pub actual: Decimal,
    /// Cost with purchases spread over the days they serve.
    pub amortized: Decimal,
}

impl DayCost {
    /// The cost of one basis.
    pub fn cost(&self, basis: CostBasis) -> Decimal {
        match basis {
            CostBasis::Actual => self.actual,
            CostBasis::Amortized => self.amortized,
        }
    }
}

/// Daily costs of one key, ordered by day, without days that have no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What the rows have in common.
    pub key: SeriesKey,
    /// The days that have rows.
    pub days: Vec<DayCost>,
}

/// A series seen through its projection, so that a filter can ask it.
struct Described<'a> {
    key: &'a SeriesKey,
    projection: &'a Projection,
}

impl Attributes for Described<'_> {
    fn dimension(&self, name: Dimension) -> &str {
        let index = self
            .projection
            .dimensions
            .iter()
            .position(|kept| *kept == name);
        index
            .and_then(|index| self.key.dimensions.get(index))
            .map_or("", |value| value)
    }

    fn tag(&self, name: &TagName) -> &str {
        let index = self.projection.tags.iter().position(|kept| kept == name);
        index
            .and_then(|index| self.key.tags.get(index))
            .map_or("", |value| value)
    }
}

/// Folds rows into daily sums.
///
/// ```
/// use budget_engine::{ChargeCategory, FactsBuilder, Place, Projection, SeriesKey, Scope};
/// use jiff::{Timestamp, civil::date};
/// let mut facts = FactsBuilder::new(Projection::default());
/// let place = Place { resource: Some(Scope::subscription("s")?), ..Place::default() };
/// let series = facts.series(SeriesKey {
///     place: place.into(),
///     currency: "EUR".parse()?,
///     category: ChargeCategory::Usage,
///     dimensions: vec![],
///     tags: vec![],
/// });
/// facts.add(series, date(2026, 11, 1), Some("1.5".parse()?), None)?;
/// facts.add(series, date(2026, 11, 1), Some("2".parse()?), None)?;
/// let facts = facts.finish(Timestamp::UNIX_EPOCH);
/// assert_eq!(facts.series()[0].days[0].actual.to_string(), "3.5");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FactsBuilder {
    projection: Projection,
    ids: HashMap<SeriesKey, SeriesId>,
    /// First spelling of each value of a dimension, by the dimension's place and the folded value.
    spellings: HashMap<(usize, String), Arc<str>>,
    days: Vec<Vec<DayCost>>,
    has_actual: bool,
    has_amortized: bool,
    skipped_rows: u64,
}

/// Stands for a series inside the builder that gave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeriesId(usize);

impl FactsBuilder {
    /// An empty fold that keeps the columns of `projection`.
    pub fn new(projection: Projection) -> Self {
        FactsBuilder {
            projection,
            ids: HashMap::new(),
            spellings: HashMap::new(),
            days: Vec::new(),
            has_actual: false,
            has_amortized: false,
            skipped_rows: 0,
        }
    }

    /// Remembers rows that could not be read, so that every answer can say that they are missing.
    pub fn skip(&mut self, rows: u64) {
        self.skipped_rows = self.skipped_rows.saturating_add(rows);
    }

    /// The columns and tags that keys hold, and their order.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// The series of a key; made on first sight. Values of dimensions that differ in letter case
    /// only are one value, and the first spelling stays.
    ///
    /// # Panics
    /// When the key does not have one value for each column and tag of the projection.
    pub fn series(&mut self, mut key: SeriesKey) -> SeriesId {
        assert_eq!(
            key.dimensions.len(),
            self.projection.dimensions.len(),
            "one value a column"
        );
        assert_eq!(
            key.tags.len(),
            self.projection.tags.len(),
            "one value a tag"
        );
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        for (place, value) in key.dimensions.iter_mut().enumerate() {
            let folded = (place, value.to_lowercase());
            let first = self.spellings.entry(folded);
            *value = Arc::clone(first.or_insert_with(|| Arc::clone(value)));
        }
        let next = SeriesId(self.days.len());
        let id = *self.ids.entry(key).or_insert(next);
        if id == next {
            self.days.push(Vec::new());
        }
        id
    }

    /// Adds a row's cost to a day. `None` says that the source does not have that basis.
    pub fn add(
        &mut self,
        series: SeriesId,
        date: Date,
        actual: Option<Decimal>,
        amortized: Option<Decimal>,
    ) -> Result<(), MoneyError> {
        self.has_actual |= actual.is_some();
        self.has_amortized |= amortized.is_some();
        let days = &mut self.days[series.0];
        let index = match days.last() {
            Some(last) if last.date == date => days.len() - 1,
            Some(last) if last.date < date => days.len(),
            _ => days.partition_point(|day| day.date < date),
        };
        if days.get(index).is_none_or(|day| day.date != date) {
            days.insert(
                index,
                DayCost {
                    date,
                    actual: Decimal::ZERO,
                    amortized: Decimal::ZERO,
                },
            );
        }
        let day = &mut days[index];
        let sum = |old: Decimal, new: Option<Decimal>| {
            old.checked_add(new.unwrap_or_default())
                .ok_or(MoneyError::Overflow)
        };
        day.actual = sum(day.actual, actual)?;
        day.amortized = sum(day.amortized, amortized)?;
        Ok(())
    }

    /// Adds what another fold with the same projection gave: the days of another month, say.
    ///
    /// # Panics
    /// When the projections differ.
    pub fn absorb(&mut self, facts: &CostFacts) -> Result<(), MoneyError> {
        assert_eq!(facts.projection, self.projection, "one projection");
        self.skip(facts.skipped_rows);
        self.has_actual |= facts.has_actual;
        self.has_amortized |= facts.has_amortized;
        for one in &facts.series {
            let series = self.series(one.key.clone());
            for day in &one.days {
                self.add(
                    series,
                    day.date,
                    facts.has_actual.then_some(day.actual),
                    facts.has_amortized.then_some(day.amortized),
                )?;
            }
        }
        Ok(())
    }

    /// Number of series so far.
    pub fn len(&self) -> usize {
        self.days.len()
    }

    /// Whether no series was made yet.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// The facts, with the moment at which the source wrote or gave the data.
    pub fn finish(self, as_of: Timestamp) -> CostFacts {
        let mut days = self.days;
        let mut ids: Vec<(SeriesKey, SeriesId)> = self.ids.into_iter().collect();
        // By resource, and in the order of first sight within one: the same rows give the same list.
        ids.sort_by(|(left, left_id), (right, right_id)| {
            let by_resource = left.place.resource.cmp(&right.place.resource);
            by_resource.then_with(|| left_id.0.cmp(&right_id.0))
        });
        let series = ids
            .into_iter()
            .map(|(key, id)| Series {
                key,
                days: std::mem::take(&mut days[id.0]),
            })
            .filter(|series| !series.days.is_empty())
            .collect();
        CostFacts {
            projection: self.projection,
            as_of,
            has_actual: self.has_actual,
            has_amortized: self.has_amortized,
            skipped_rows: self.skipped_rows,
            series,
        }
    }
}

/// Daily cost sums of one read. They can be stored as a document and read again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "stored::Stored", try_from = "stored::Stored")]
pub struct CostFacts {
    projection: Projection,
    as_of: Timestamp,
    has_actual: bool,
    has_amortized: bool,
    skipped_rows: u64,
    /// Ordered by the resource scope's folded path, so that a scope's series lie together.
    series: Vec<Series>,
}

impl CostFacts {
    /// When the source wrote or gave the data.
    pub fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// Rows of the source that could not be read and are in no sum.
    pub fn skipped_rows(&self) -> u64 {
        self.skipped_rows
    }

    /// The columns and tags that were kept.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// All series.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// Whether the source gave costs of this basis.
    pub fn has_basis(&self, basis: CostBasis) -> bool {
        match basis {
            CostBasis::Actual => self.has_actual,
            CostBasis::Amortized => self.has_amortized,
        }
    }

    /// The series that lie in a scope. For subscriptions and resource groups only their own
    /// stretch of the ordered list is looked at.
    pub fn series_in<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = &'a Series> {
        let stretch = if scope.subscription_of().is_some() {
            fn folded(series: &Series) -> Option<&str> {
                series.key.place.resource.as_ref().map(Scope::folded)
            }
            let first = self
                .series
                .partition_point(|series| folded(series) < Some(scope.folded()));
            let count = self.series[first..].partition_point(|series| {
                folded(series).is_some_and(|path| path.starts_with(scope.folded()))
            });
            &self.series[first..first + count]
        } else {
            &self.series[..]
        };
        stretch
            .iter()
            .filter(|series| series.key.place.is_in(scope))
    }

    /// The same without other days than these.
    pub fn only(mut self, days: &Range<Date>) -> CostFacts {
        for series in &mut self.series {
            series.days.retain(|day| days.contains(&day.date));
        }
        self.series.retain(|series| !series.days.is_empty());
        self
    }

    /// The same without these days.
    pub fn without(mut self, days: &Range<Date>) -> CostFacts {
        for series in &mut self.series {
            series.days.retain(|day| !days.contains(&day.date));
        }
        self.series.retain(|series| !series.days.is_empty());
        self
    }

    /// A series as filters see it.
    pub(crate) fn describe<'a>(&'a self, series: &'a Series) -> impl Attributes + 'a {
        Described {
            key: &series.key,
            projection: &self.projection,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn key(resource: &str) -> SeriesKey {
        let resource = Some(Scope::parse(resource).unwrap());
        SeriesKey {
            place: Arc::new(Place {
                resource,
                ..Place::default()
            }),
            currency: "EUR".parse().unwrap(),
            category: ChargeCategory::Usage,
            dimensions: vec![],
            tags: vec![],
        }
    }

    #[test]
    fn rows_in_any_order_give_the_same_daily_sums() {
        let days = [
            date(2026, 11, 3),
            date(2026, 11, 1),
            date(2026, 11, 2),
            date(2026, 11, 1),
        ];
        let mut builder = FactsBuilder::new(Projection::default());
        for day in days {
            let series = builder.series(key("/subscriptions/a"));
            builder.add(series, day, Some(Decimal::TEN), None).unwrap();
        }
        let facts = builder.finish(Timestamp::UNIX_EPOCH);
        let sums: Vec<_> = facts.series()[0]
            .days
            .iter()
            .map(|day| (day.date, day.actual))
            .collect();
        assert_eq!(
            sums,
            [
                (date(2026, 11, 1), Decimal::from(20)),
                (date(2026, 11, 2), Decimal::TEN),
                (date(2026, 11, 3), Decimal::TEN)
            ]
        );
        assert!(facts.has_basis(CostBasis::Actual) && !facts.has_basis(CostBasis::Amortized));
    }

    #[test]
    fn letter_case_of_a_dimension_makes_no_second_series() {
        let dimensions = [Dimension::ServiceName, Dimension::RegionId];
        let mut builder = FactsBuilder::new(Projection {
            dimensions: dimensions.into(),
            ..Projection::default()
        });
        let mut series = |service: &str, region: &str| {
            let dimensions = vec![service.into(), region.into()];
            builder.series(SeriesKey {
                dimensions,
                ..key("/subscriptions/a")
            })
        };
        let first = series("Storage", "storage");
        assert_eq!(series("STORAGE", "Storage"), first);
        assert_ne!(series("Storage", ""), first);
        builder
            .add(first, date(2026, 1, 1), Some(Decimal::ONE), None)
            .unwrap();
        let facts = builder.finish(Timestamp::UNIX_EPOCH);
        let kept: Vec<&str> = facts.series()[0]
            .key
            .dimensions
            .iter()
            .map(|v| &**v)
            .collect();
        assert_eq!(kept, ["Storage", "storage"]);
    }

    #[test]
    fn a_scope_finds_its_series_and_no_neighbours() {
        let paths = [
            "/subscriptions/a",
            "/subscriptions/a/resourceGroups/one",
            "/subscriptions/A/resourceGroups/One-more",
            "/subscriptions/ab/resourceGroups/one",
            "/subscriptions/a-b",
        ];
        let mut builder = FactsBuilder::new(Projection::default());
        for path in paths {
            let series = builder.series(key(path));
            builder
                .add(series, date(2026, 1, 1), Some(Decimal::ONE), None)
                .unwrap();
        }
        let facts = builder.finish(Timestamp::UNIX_EPOCH);
        let count = |scope: &str| facts.series_in(&Scope::parse(scope).unwrap()).count();
        assert_eq!(count("/subscriptions/a"), 3);
        assert_eq!(count("/subscriptions/a/resourceGroups/one"), 1);
        assert_eq!(count("/subscriptions/AB"), 1);
        assert_eq!(count("/subscriptions/c"), 0);
    }

    #[test]
    fn billing_scopes_come_from_the_row_and_from_the_read() {
        let section =
            "/providers/Microsoft.Billing/billingAccounts/1/billingProfiles/p/invoiceSections/s";
        let group = "/providers/Microsoft.Management/managementGroups/root";
        let place = Place {
            resource: Some(Scope::subscription("a").unwrap()),
            billing: vec![Scope::parse(section).unwrap()],
            read_at: Some(Scope::parse(group).unwrap()),
        };
        for (scope, inside) in [
            (section, true),
            ("/providers/Microsoft.Billing/billingAccounts/1", true),
            (group, true),
            ("/subscriptions/a", true),
            ("/subscriptions/a/resourceGroups/g", false),
            ("/providers/Microsoft.Billing/billingAccounts/2", false),
        ] {
            assert_eq!(
                place.is_in(&Scope::parse(scope).unwrap()),
                inside,
                "{scope}"
            );
        }
    }

    #[test]
    fn stored_facts_are_the_same_and_add_up_with_others() {
        let projection = Projection {
            dimensions: [Dimension::ServiceName].into(),
            tags: [TagName::new("env")].into(),
        };
        let fold = |days: &[(&str, Date, &str)]| {
            let mut builder = FactsBuilder::new(projection.clone());
            for (service, day, cost) in days {
                let series = builder.series(SeriesKey {
                    dimensions: vec![(*service).into()],
                    tags: vec!["prod".into()],
                    ..key("/subscriptions/a/resourceGroups/g")
                });
                let cost = cost.parse().unwrap();
                builder.add(series, *day, Some(cost), None).unwrap();
            }
            builder.skip(1);
            builder.finish(Timestamp::UNIX_EPOCH)
        };
        let october = fold(&[
            ("Storage", date(2026, 10, 31), "0.10000000000000000001"),
            ("SQL", date(2026, 10, 30), "2"),
        ]);
        let november = fold(&[("storage", date(2026, 11, 1), "-3.5")]);
        let mut whole = FactsBuilder::new(projection.clone());
        for facts in [&october, &november] {
            let text = serde_json::to_string(facts).unwrap();
            let again: CostFacts = serde_json::from_str(&text).unwrap();
            assert_eq!(again.series(), facts.series());
            assert_eq!(serde_json::to_string(&again).unwrap(), text);
            whole.absorb(&again).unwrap();
        }
        let whole = whole.finish(Timestamp::UNIX_EPOCH);
        let both = fold(&[
            ("Storage", date(2026, 10, 31), "0.10000000000000000001"),
            ("SQL", date(2026, 10, 30), "2"),
            ("Storage", date(2026, 11, 1), "-3.5"),
        ]);
        assert_eq!(whole.series(), both.series());
        assert_eq!(whole.skipped_rows(), 2);
        assert!(whole.has_basis(CostBasis::Actual) && !whole.has_basis(CostBasis::Amortized));
    }

    #[test]
    fn a_document_that_is_not_one_is_refused() {
        let mut builder = FactsBuilder::new(Projection::default());
        let series = builder.series(key("/subscriptions/a"));
        for day in [1, 2] {
            let cost = Some(Decimal::ONE);
            builder
                .add(series, date(2026, 11, day), cost, None)
                .unwrap();
        }
        let facts = builder.finish(Timestamp::UNIX_EPOCH);
        let good = serde_json::to_string(&facts).unwrap();
        for (from, to) in [
            (r#""place":0"#, r#""place":7"#),
            (
                r#""dimensions":[],"tags":[],"days""#,
                r#""dimensions":[0],"tags":[],"days""#,
            ),
            ("2026-11-01", "2026-11-03"),
        ] {
            assert!(good.contains(from), "{good}");
            let bad = good.replace(from, to);
            assert!(serde_json::from_str::<CostFacts>(&bad).is_err(), "{to}");
        }
    }
}
