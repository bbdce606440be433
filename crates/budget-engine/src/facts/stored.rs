//! Cost facts as a document: every place and value once, days as short rows.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{CostFacts, DayCost, Place, Series, SeriesKey};
use crate::charge::ChargeCategory;
use crate::filter::Projection;
use crate::money::Currency;
use crate::scope::Scope;

/// What [`CostFacts`] look like when they are written down.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stored {
    projection: Projection,
    as_of: Timestamp,
    has_actual: bool,
    has_amortized: bool,
    skipped_rows: u64,
    places: Vec<StoredPlace>,
    values: Vec<String>,
    series: Vec<StoredSeries>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPlace {
    resource: Option<Scope>,
    billing: Vec<Scope>,
    read_at: Option<Scope>,
}

/// Numbers stand for positions in `places` and `values`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredSeries {
    place: usize,
    currency: Currency,
    category: ChargeCategory,
    dimensions: Vec<usize>,
    tags: Vec<usize>,
    days: Vec<(Date, Decimal, Decimal)>,
}

impl From<CostFacts> for Stored {
    fn from(facts: CostFacts) -> Stored {
        let mut places = Vec::new();
        let mut place_numbers: HashMap<Arc<Place>, usize> = HashMap::new();
        let mut values = Vec::new();
        let mut value_numbers: HashMap<Arc<str>, usize> = HashMap::new();
        let mut number = |value: Arc<str>| {
            *value_numbers.entry(Arc::clone(&value)).or_insert_with(|| {
                values.push(value.to_string());
                values.len() - 1
            })
        };
        let mut series = Vec::with_capacity(facts.series.len());
        for one in facts.series {
            let place = Arc::clone(&one.key.place);
            let place = *place_numbers.entry(place).or_insert_with(|| {
                places.push(StoredPlace {
                    resource: one.key.place.resource.clone(),
                    billing: one.key.place.billing.clone(),
                    read_at: one.key.place.read_at.clone(),
                });
                places.len() - 1
            });
            let days = one.days.into_iter();
            series.push(StoredSeries {
                place,
                currency: one.key.currency,
                category: one.key.category,
                dimensions: one.key.dimensions.into_iter().map(&mut number).collect(),
                tags: one.key.tags.into_iter().map(&mut number).collect(),
                days: days
                    .map(|day| (day.date, day.actual, day.amortized))
                    .collect(),
            });
        }
        Stored {
            projection: facts.projection,
            as_of: facts.as_of,
            has_actual: facts.has_actual,
            has_amortized: facts.has_amortized,
            skipped_rows: facts.skipped_rows,
            places,
            values,
            series,
        }
    }
}

/// Why a document is not one of cost facts.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("a series names a place or value that is not there")]
    Dangling,
    #[error("a series does not have one value for each column and tag")]
    Shape,
    #[error("the days of a series are not in order")]
    Order,
}

impl TryFrom<Stored> for CostFacts {
    type Error = Broken;

    fn try_from(stored: Stored) -> Result<CostFacts, Broken> {
        let places: Vec<Arc<Place>> = stored
            .places
            .into_iter()
            .map(|place| {
                Arc::new(Place {
                    resource: place.resource,
                    billing: place.billing,
                    read_at: place.read_at,
                })
            })
            .collect();
        let known: Vec<Arc<str>> = stored.values.into_iter().map(Arc::from).collect();
        let value = |number: usize| known.get(number).cloned().ok_or(Broken::Dangling);
        let values = |numbers: Vec<usize>| -> Result<Vec<Arc<str>>, Broken> {
            numbers.into_iter().map(value).collect()
        };
        let mut series = Vec::with_capacity(stored.series.len());
        for one in stored.series {
            let fits = one.dimensions.len() == stored.projection.dimensions.len()
                && one.tags.len() == stored.projection.tags.len();
            if !fits {
                return Err(Broken::Shape);
            }
            if !one.days.is_sorted_by(|left, right| left.0 < right.0) {
                return Err(Broken::Order);
            }
            let place = places.get(one.place).ok_or(Broken::Dangling)?;
            let days = one.days.into_iter();
            series.push(Series {
                key: SeriesKey {
                    place: Arc::clone(place),
                    currency: one.currency,
                    category: one.category,
                    dimensions: values(one.dimensions)?,
                    tags: values(one.tags)?,
                },
                days: days
                    .map(|(date, actual, amortized)| DayCost {
                        date,
                        actual,
                        amortized,
                    })
                    .collect(),
            });
        }
        // The order is what lookups rely on, and a document may have been written by anybody.
        series.sort_by(|left, right| left.key.place.resource.cmp(&right.key.place.resource));
        Ok(CostFacts {
            projection: stored.projection,
            as_of: stored.as_of,
            has_actual: stored.has_actual,
            has_amortized: stored.has_amortized,
            skipped_rows: stored.skipped_rows,
            series,
        })
    }
}
