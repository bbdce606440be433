//! What a query or a forecast asks: a definition, as a person may keep it in a file and as views
//! hold it.
//!
//! Definitions are read without regard to the letter case of keys and written in Azure's own
//! spelling. What Azure leaves open (types, timeframes, granularities) stays text.

use std::collections::BTreeMap;

use budget_engine::CostBasis;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fields::{Fields, deserialize};

/// A stretch of time as definitions write it: both ends belong to it, and Cost Management counts
/// the day of the end as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TimePeriod {
    /// Its beginning.
    pub from: Timestamp,
    /// Its last moment.
    pub to: Timestamp,
}

impl TimePeriod {
    /// The days from `from` until before `to`, in UTC.
    ///
    /// ```
    /// use azure_cost::TimePeriod;
    /// use jiff::civil::date;
    /// let november = TimePeriod::days(date(2026, 11, 1), date(2026, 12, 1));
    /// assert_eq!(november.from.to_string(), "2026-11-01T00:00:00Z");
    /// assert_eq!(november.to.to_string(), "2026-11-30T23:59:59Z");
    /// ```
    pub fn days(from: Date, to: Date) -> TimePeriod {
        let begin = |day: Date| day.to_zoned(TimeZone::UTC).map(|day| day.timestamp());
        let to = begin(to).map(|to| to.as_second().saturating_sub(1));
        TimePeriod {
            from: begin(from).unwrap_or(Timestamp::MIN),
            to: to
                .and_then(Timestamp::from_second)
                .unwrap_or(Timestamp::MIN),
        }
    }

    /// How many calendar months it touches; at least one.
    pub(crate) fn months(&self) -> u32 {
        let month = |moment: Timestamp| {
            let day = moment.to_zoned(TimeZone::UTC).date();
            i32::from(day.year()) * 12 + i32::from(day.month())
        };
        u32::try_from(month(self.to) - month(self.from) + 1)
            .unwrap_or(1)
            .max(1)
    }

    pub(crate) fn read(fields: &Fields) -> Result<TimePeriod, String> {
        let moment = |name| {
            let moment = fields.optional_moment(name)?;
            moment.ok_or_else(|| fields.missing(name))
        };
        Ok(TimePeriod {
            from: moment("from")?,
            to: moment("to")?,
        })
    }
}

/// What a query asks.
///
/// ```
/// use azure_cost::{QueryDefinition, TimePeriod};
/// use budget_engine::CostBasis;
/// use jiff::civil::date;
/// let november = TimePeriod::days(date(2026, 11, 1), date(2026, 12, 1));
/// let query = QueryDefinition::costs(CostBasis::Actual, november)
///     .daily()
///     .by_dimension("ServiceName");
/// let json = serde_json::to_string(&query).unwrap();
/// assert_eq!(serde_json::from_str::<QueryDefinition>(&json).unwrap(), query);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryDefinition {
    /// `ActualCost`, `AmortizedCost` or `Usage`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `MonthToDate`, `BillingMonthToDate`, `TheCurrentMonth`, `TheLastMonth`,
    /// `TheLastBillingMonth`, `WeekToDate`, or `Custom` together with a period.
    pub timeframe: String,
    /// The days, only and always with the timeframe `Custom`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_period: Option<TimePeriod>,
    /// What is summed up how.
    pub dataset: QueryDataset,
}

/// What a query sums up how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QueryDataset {
    /// `Daily`, `Monthly` or `None`, which gives one total; `""` leaves it out.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub granularity: String,
    /// Columns to list; without meaning where something is aggregated or grouped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<QueryConfiguration>,
    /// Sums by a name of one's own; two at most.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aggregation: BTreeMap<String, QueryAggregation>,
    /// What is told apart; two at most, and none in a forecast.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grouping: Vec<QueryGrouping>,
    /// Which costs count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<QueryFilter>,
    /// The order of rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sorting: Vec<QuerySorting>,
}

/// The columns of rows that are not summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QueryConfiguration {
    /// Their names.
    pub columns: Vec<String>,
}

/// A sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueryAggregation {
    /// `Cost`, `CostUSD`, `PreTaxCost`, `PreTaxCostUSD` or `UsageQuantity`.
    pub name: String,
    /// `Sum`.
    pub function: String,
}

/// Something that rows are told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueryGrouping {
    /// `Dimension` or `TagKey`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The dimension or the tag.
    pub name: String,
}

/// A column to sort by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuerySorting {
    /// The column.
    pub name: String,
    /// `Ascending` or `Descending`.
    pub direction: String,
}

/// Which costs count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryFilter {
    /// Those to which all apply; at least two.
    And(Vec<QueryFilter>),
    /// Those to which one applies; at least two.
    Or(Vec<QueryFilter>),
    /// Those to which it does not apply. Only older versions of the API describe it.
    Not(Box<QueryFilter>),
    /// Those with one of some values in a dimension.
    Dimension(QueryComparison),
    /// Those with one of some values of a tag.
    Tag(QueryComparison),
}

/// A name and the values that it may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QueryComparison {
    /// The dimension or the tag.
    pub name: String,
    /// `In`.
    pub operator: String,
    /// The values; at least one.
    pub values: Vec<String>,
}

/// What a forecast asks. Its timeframe is `Custom`, its period ends in the future, it aggregates
/// one or two costs and groups by nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ForecastDefinition {
    /// What a query would ask.
    #[serde(flatten)]
    pub query: QueryDefinition,
    /// Whether days that are over come along, with the cost they had.
    pub include_actual_cost: bool,
    /// Whether today's cost so far comes along; only with `include_actual_cost`.
    pub include_fresh_partial_cost: bool,
}

/// The name under which the definitions made here sum up costs.
const TOTAL: &str = "totalCost";

impl QueryDefinition {
    /// The cost of a period as one total for each currency.
    pub fn costs(basis: CostBasis, period: TimePeriod) -> QueryDefinition {
        let sum = QueryAggregation {
            name: "Cost".to_owned(),
            function: "Sum".to_owned(),
        };
        QueryDefinition {
            kind: match basis {
                CostBasis::Actual => "ActualCost",
                CostBasis::Amortized => "AmortizedCost",
            }
            .to_owned(),
            timeframe: "Custom".to_owned(),
            time_period: Some(period),
            dataset: QueryDataset {
                granularity: "None".to_owned(),
                aggregation: BTreeMap::from([(TOTAL.to_owned(), sum)]),
                ..QueryDataset::default()
            },
        }
    }

    /// The same day by day. Days without cost are missing in the answer. Azure wants such a query
    /// to ask for about a month at most.
    pub fn daily(mut self) -> QueryDefinition {
        "Daily".clone_into(&mut self.dataset.granularity);
        self
    }

    /// The same month by month.
    pub fn monthly(mut self) -> QueryDefinition {
        "Monthly".clone_into(&mut self.dataset.granularity);
        self
    }

    /// The same for each value of a dimension, such as `ServiceName`.
    pub fn by_dimension(self, name: &str) -> QueryDefinition {
        self.by("Dimension", name)
    }

    /// The same for each value of a tag.
    pub fn by_tag(self, name: &str) -> QueryDefinition {
        self.by("TagKey", name)
    }

    fn by(mut self, kind: &str, name: &str) -> QueryDefinition {
        self.dataset.grouping.push(QueryGrouping {
            kind: kind.to_owned(),
            name: name.to_owned(),
        });
        self
    }

    /// The same of fewer costs.
    pub fn filtered(mut self, filter: QueryFilter) -> QueryDefinition {
        self.dataset.filter = Some(filter);
        self
    }

    /// The months of data that it asks for, which is what Azure charges.
    pub(crate) fn months(&self) -> u32 {
        self.time_period.map_or(1, |period| period.months())
    }

    pub(crate) fn read(fields: &Fields) -> Result<QueryDefinition, String> {
        let period = fields.optional_object("timePeriod")?;
        let dataset = fields.optional_object("dataset")?;
        Ok(QueryDefinition {
            kind: fields.required_text("type")?,
            timeframe: fields.required_text("timeframe")?,
            time_period: period.map(|period| TimePeriod::read(&period)).transpose()?,
            dataset: dataset.map_or_else(|| Ok(QueryDataset::default()), |d| read_dataset(&d))?,
        })
    }
}

impl QueryFilter {
    /// Costs with one of some values in a dimension.
    pub fn dimension(name: &str, values: &[&str]) -> QueryFilter {
        QueryFilter::Dimension(QueryComparison::new(name, values))
    }

    /// Costs with one of some values of a tag.
    pub fn tag(name: &str, values: &[&str]) -> QueryFilter {
        QueryFilter::Tag(QueryComparison::new(name, values))
    }

    /// A filter with another condition; exactly one kind of node has to be there.
    fn read(fields: &Fields) -> Result<QueryFilter, String> {
        let all = |name| {
            let parts = fields.objects(name)?;
            parts
                .iter()
                .map(QueryFilter::read)
                .collect::<Result<Vec<_>, String>>()
        };
        let mut found = fields.entries().filter(|(_, raw)| raw.get() != "null");
        let (Some((name, _)), None) = (found.next(), found.next()) else {
            return Err(fields.wrong("filter", "one condition"));
        };
        let comparison = || QueryComparison::read(&fields.object(name)?);
        match &*name.to_ascii_lowercase() {
            "and" => Ok(QueryFilter::And(all(name)?)),
            "or" => Ok(QueryFilter::Or(all(name)?)),
            "not" => {
                let inner = QueryFilter::read(&fields.object(name)?)?;
                Ok(QueryFilter::Not(Box::new(inner)))
            }
            // Early versions of the API used the singular.
            "dimensions" | "dimension" => Ok(QueryFilter::Dimension(comparison()?)),
            "tags" | "tag" => Ok(QueryFilter::Tag(comparison()?)),
            // Left out, it would let in costs that it was meant to keep out.
            _ => Err(fields.wrong(name, "one of and, or, not, dimensions and tags")),
        }
    }
}

impl QueryComparison {
    fn new(name: &str, values: &[&str]) -> QueryComparison {
        QueryComparison {
            name: name.to_owned(),
            operator: "In".to_owned(),
            values: values.iter().map(|&value| value.to_owned()).collect(),
        }
    }

    fn read(fields: &Fields) -> Result<QueryComparison, String> {
        Ok(QueryComparison {
            name: fields.required_text("name")?,
            operator: fields.required_text("operator")?,
            values: fields.texts("values")?,
        })
    }
}

impl ForecastDefinition {
    /// A forecast of the same costs, with the costs that are known already.
    pub fn new(query: QueryDefinition) -> ForecastDefinition {
        ForecastDefinition {
            query,
            include_actual_cost: true,
            include_fresh_partial_cost: true,
        }
    }

    /// The same without costs that are known already.
    pub fn without_actual_cost(self) -> ForecastDefinition {
        ForecastDefinition {
            include_actual_cost: false,
            include_fresh_partial_cost: false,
            ..self
        }
    }

    fn read(fields: &Fields) -> Result<ForecastDefinition, String> {
        let flag = |name| Ok::<_, String>(fields.optional_flag(name)?.unwrap_or(true));
        Ok(ForecastDefinition {
            query: QueryDefinition::read(fields)?,
            include_actual_cost: flag("includeActualCost")?,
            include_fresh_partial_cost: flag("includeFreshPartialCost")?,
        })
    }
}

fn read_dataset(fields: &Fields) -> Result<QueryDataset, String> {
    let mut dataset = QueryDataset {
        granularity: fields.text("granularity")?,
        ..QueryDataset::default()
    };
    if let Some(configuration) = fields.optional_object("configuration")? {
        let columns = configuration.texts("columns")?;
        dataset.configuration = Some(QueryConfiguration { columns });
    }
    if let Some(aggregation) = fields.optional_object("aggregation")? {
        for (alias, _) in aggregation.entries() {
            let sum = aggregation.object(alias)?;
            let sum = QueryAggregation {
                name: sum.required_text("name")?,
                function: sum.required_text("function")?,
            };
            dataset.aggregation.insert(alias.to_owned(), sum);
        }
    }
    for grouping in fields.objects("grouping")? {
        dataset.grouping.push(QueryGrouping {
            kind: grouping.required_text("type")?,
            name: grouping.required_text("name")?,
        });
    }
    if let Some(filter) = fields.optional_object("filter")?
        && filter.names().next().is_some()
    {
        dataset.filter = Some(QueryFilter::read(&filter)?);
    }
    for sorting in fields.objects("sorting")? {
        dataset.sorting.push(QuerySorting {
            name: sorting.required_text("name")?,
            direction: sorting.text("direction")?,
        });
    }
    Ok(dataset)
}

impl Serialize for QueryFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut node = serializer.serialize_map(Some(1))?;
        match self {
            QueryFilter::And(parts) => node.serialize_entry("and", parts)?,
            QueryFilter::Or(parts) => node.serialize_entry("or", parts)?,
            QueryFilter::Not(inner) => node.serialize_entry("not", inner)?,
            QueryFilter::Dimension(comparison) => node.serialize_entry("dimensions", comparison)?,
            QueryFilter::Tag(comparison) => node.serialize_entry("tags", comparison)?,
        }
        node.end()
    }
}

impl<'de> Deserialize<'de> for TimePeriod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer, TimePeriod::read)
    }
}

impl<'de> Deserialize<'de> for QueryDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer, QueryDefinition::read)
    }
}

impl<'de> Deserialize<'de> for QueryFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer, QueryFilter::read)
    }
}

impl<'de> Deserialize<'de> for ForecastDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer, ForecastDefinition::read)
    }
}
