//! What query and forecast have in common: the definition in the body, dimensions of rows, and
//! filters over them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::answer::Refusal;
use super::operation::{Call, day};
use super::scope::Kind;
use crate::world::{Basis, CostRow};

/// The body of a query or forecast.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Definition {
    #[serde(rename = "type")]
    kind: String,
    pub(super) timeframe: String,
    pub(super) time_period: Option<TimePeriod>,
    pub(super) dataset: Option<Dataset>,
    pub(super) include_actual_cost: Option<bool>,
    pub(super) include_fresh_partial_cost: Option<bool>,
}

/// `from` and `to`, date-times.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TimePeriod {
    pub(super) from: String,
    pub(super) to: String,
}

/// What is summed by what.
#[derive(Debug, Deserialize)]
pub(super) struct Dataset {
    granularity: Option<String>,
    #[serde(default)]
    pub(super) aggregation: BTreeMap<String, Aggregation>,
    #[serde(default)]
    pub(super) grouping: Vec<Grouping>,
    pub(super) filter: Option<FilterNode>,
    #[serde(default)]
    pub(super) sorting: Vec<Sorting>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Aggregation {
    pub(super) name: String,
    pub(super) function: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Grouping {
    #[serde(rename = "type")]
    kind: String,
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Sorting {
    pub(super) name: String,
    #[serde(default)]
    pub(super) direction: String,
}

/// A node of a filter; exactly one of its members is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct FilterNode {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) and: Option<Vec<FilterNode>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) or: Option<Vec<FilterNode>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dimensions: Option<Comparison>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Comparison>,
}

/// A name that has one of some values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Comparison {
    pub(super) name: String,
    pub(super) operator: String,
    pub(super) values: Vec<String>,
}

/// How days become rows of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Granularity {
    Total,
    Daily,
    Monthly,
}

/// What is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Cost,
    CostInUsd,
    Quantity,
}

impl Measure {
    pub(super) fn of(name: &str) -> Result<Measure, Refusal> {
        match name.to_ascii_lowercase().as_str() {
            "cost" | "pretaxcost" => Ok(Measure::Cost),
            "costusd" | "pretaxcostusd" => Ok(Measure::CostInUsd),
            "usagequantity" => Ok(Measure::Quantity),
            _ => Err(invalid(&format!(
                "the aggregation '{name}' is none of Cost, PreTaxCost, CostUSD, PreTaxCostUSD, \
                 UsageQuantity"
            ))),
        }
    }

    pub(super) fn in_row(self, row: &CostRow) -> Decimal {
        match self {
            Measure::Cost => row.cost,
            Measure::CostInUsd => row.cost_in_usd(),
            Measure::Quantity => row.quantity,
        }
    }
}

/// What rows are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Group {
    Dimension(String),
    Tag(String),
}

impl Group {
    /// The value that a row has; empty without one. Resource groups come back in lower case.
    pub(super) fn of(&self, row: &CostRow) -> String {
        match self {
            Group::Dimension(name) => {
                let value = dimension(row, name).unwrap_or_default();
                match is_resource_group(name) {
                    true => value.to_lowercase(),
                    false => value.into_owned(),
                }
            }
            Group::Tag(key) => tag(row, key).unwrap_or_default().to_owned(),
        }
    }
}

/// 400 as these APIs word it.
pub(super) fn invalid(problem: &str) -> Refusal {
    Refusal::bad_request(format!("Invalid query definition: {problem}."))
}

impl Definition {
    /// Actual or amortized, by the type.
    pub(super) fn basis(&self) -> Result<Basis, Refusal> {
        match self.kind.to_ascii_lowercase().as_str() {
            "usage" | "actualcost" => Ok(Basis::Actual),
            "amortizedcost" => Ok(Basis::Amortized),
            _ => Err(invalid(&format!(
                "the type '{}' is none of Usage, ActualCost, AmortizedCost",
                self.kind
            ))),
        }
    }

    /// First and last day.
    pub(super) fn days(&self, today: Date) -> Result<(Date, Date), Refusal> {
        let first = today.first_of_month();
        let is_custom = self.timeframe.eq_ignore_ascii_case("Custom");
        match (&self.time_period, is_custom) {
            (Some(period), true) => {
                let from = day("timePeriod.from", &period.from)?;
                let to = day("timePeriod.to", &period.to)?;
                return if from <= to {
                    Ok((from, to))
                } else {
                    Err(invalid("timePeriod.from lies after timePeriod.to"))
                };
            }
            (None, true) => return Err(invalid("the timeframe Custom needs a timePeriod")),
            (Some(_), false) => {
                return Err(invalid("a timePeriod needs the timeframe Custom"));
            }
            (None, false) => {}
        }
        let before = first.yesterday().unwrap_or(first);
        let since_sunday = i64::from(today.weekday().to_sunday_zero_offset());
        match self.timeframe.to_ascii_lowercase().as_str() {
            "monthtodate" | "billingmonthtodate" => Ok((first, today)),
            "thecurrentmonth" => Ok((first, today.last_of_month())),
            "thelastmonth" | "thelastbillingmonth" => Ok((before.first_of_month(), before)),
            "weektodate" => Ok((today.saturating_sub(since_sunday.days()), today)),
            _ => Err(invalid(&format!(
                "the timeframe '{}' is unknown",
                self.timeframe
            ))),
        }
    }
}

impl Dataset {
    pub(super) fn granularity(&self) -> Result<Granularity, Refusal> {
        match self.granularity.as_deref() {
            None => Ok(Granularity::Total),
            Some(text) => match text.to_ascii_lowercase().as_str() {
                "none" => Ok(Granularity::Total),
                "daily" => Ok(Granularity::Daily),
                "monthly" => Ok(Granularity::Monthly),
                _ => Err(invalid(&format!(
                    "the granularity '{text}' is none of None, Daily, Monthly"
                ))),
            },
        }
    }

    /// Column names and measures.
    pub(super) fn measures(&self) -> Result<Vec<(String, Measure)>, Refusal> {
        if self.aggregation.len() > 2 {
            return Err(invalid("there are at most 2 aggregations"));
        }
        let mut measures: Vec<(String, Measure)> = Vec::new();
        for (alias, aggregation) in &self.aggregation {
            if !aggregation.function.eq_ignore_ascii_case("Sum") {
                return Err(invalid("the only function of an aggregation is Sum"));
            }
            let measure = Measure::of(&aggregation.name)?;
            // Azure names a column after its source, except when two have the same one.
            let is_taken = measures.iter().any(|(name, _)| *name == aggregation.name);
            let name = if is_taken { alias } else { &aggregation.name };
            measures.push((name.clone(), measure));
        }
        if measures.is_empty() {
            measures.push(("PreTaxCost".to_owned(), Measure::Cost));
        }
        Ok(measures)
    }

    pub(super) fn groups(&self, call: &Call) -> Result<Vec<Group>, Refusal> {
        if self.grouping.len() > 2 {
            return Err(invalid("there are at most 2 groupings"));
        }
        let kind = call.scope()?.kind;
        let groups = self.grouping.iter().map(|each| {
            match each.kind.to_ascii_lowercase().as_str() {
                "tagkey" | "tag" => return Ok(Group::Tag(each.name.clone())),
                "dimension" => {}
                _ => return Err(invalid("the type of a grouping is Dimension or TagKey")),
            }
            if !is_dimension(&each.name) {
                return Err(invalid(&format!(
                    "the dimension '{}' is unknown",
                    each.name
                )));
            }
            let is_near = matches!(kind, Kind::Subscription | Kind::ResourceGroup);
            if each.name.eq_ignore_ascii_case("ResourceId") && !is_near {
                let problem =
                    "ResourceId can be grouped by only at subscriptions and resource groups";
                return Err(invalid(problem));
            }
            Ok(Group::Dimension(each.name.clone()))
        });
        groups.collect()
    }
}

impl FilterNode {
    /// Refuses what is no filter; `nests` says whether `and` and `or` may hold each other.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let count = [
            self.and.is_some(),
            self.or.is_some(),
            self.dimensions.is_some(),
            self.tags.is_some(),
        ];
        if count.iter().filter(|is_there| **is_there).count() != 1 {
            return Err(invalid(
                "a filter has exactly one of and, or, dimensions, tags",
            ));
        }
        for list in [&self.and, &self.or].into_iter().flatten() {
            if list.len() < 2 {
                return Err(invalid("and, or hold at least 2 filters"));
            }
            list.iter().try_for_each(FilterNode::check)?;
        }
        for comparison in [&self.dimensions, &self.tags].into_iter().flatten() {
            if !comparison.operator.eq_ignore_ascii_case("In") {
                return Err(invalid("the only operator of a filter is In"));
            }
            if comparison.values.is_empty() {
                return Err(invalid("a filter has at least one value"));
            }
        }
        if let Some(comparison) = &self.dimensions
            && !is_dimension(&comparison.name)
        {
            return Err(invalid(&format!(
                "the dimension '{}' is unknown",
                comparison.name
            )));
        }
        Ok(())
    }

    pub(super) fn passes(&self, row: &CostRow) -> bool {
        let is_one = |values: &[String], value: &str| {
            values.iter().any(|one| one.eq_ignore_ascii_case(value))
        };
        if let Some(list) = &self.and {
            return list.iter().all(|node| node.passes(row));
        }
        if let Some(list) = &self.or {
            return list.iter().any(|node| node.passes(row));
        }
        if let Some(asked) = &self.dimensions {
            let value = dimension(row, &asked.name).unwrap_or_default();
            return is_one(&asked.values, &value);
        }
        if let Some(asked) = &self.tags {
            return is_one(&asked.values, tag(row, &asked.name).unwrap_or_default());
        }
        true
    }
}

/// The dimensions of a row, by their usual names.
pub(super) const DIMENSIONS: &[&str] = &[
    "BillingAccountId",
    "BillingAccountName",
    "BillingMonth",
    "BillingPeriod",
    "ChargeType",
    "Frequency",
    "Meter",
    "MeterCategory",
    "MeterId",
    "MeterSubCategory",
    "PartNumber",
    "PricingModel",
    "Product",
    "ProductOrderId",
    "ProductOrderName",
    "PublisherType",
    "ReservationId",
    "ReservationName",
    "ResourceGroup",
    "ResourceGroupName",
    "ResourceGuid",
    "ResourceId",
    "ResourceLocation",
    "ResourceType",
    "ServiceFamily",
    "ServiceName",
    "SubscriptionId",
    "SubscriptionName",
    "UnitOfMeasure",
    "DepartmentName",
    "EnrollmentAccountName",
    "BillingProfileId",
    "BillingProfileName",
    "InvoiceSectionId",
    "InvoiceSectionName",
    "CustomerName",
    "InvoiceId",
];

pub(super) fn is_dimension(name: &str) -> bool {
    DIMENSIONS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

fn is_resource_group(name: &str) -> bool {
    name.eq_ignore_ascii_case("ResourceGroup") || name.eq_ignore_ascii_case("ResourceGroupName")
}

/// What a row has as a dimension.
pub(super) fn dimension<'r>(row: &'r CostRow, name: &str) -> Option<Cow<'r, str>> {
    let (subscription, section) = (row.subscription, &row.subscription.section);
    let reserved = row.reservation;
    Some(match name.to_ascii_lowercase().as_str() {
        "billingaccountid" => Cow::from(&row.world.billing_account),
        "billingaccountname" => Cow::from(&row.world.account_name),
        "billingmonth" => Cow::from(row.date.first_of_month().to_string()),
        "billingperiod" => Cow::from(row.date.strftime("%Y%m").to_string()),
        "chargetype" => Cow::from(row.charge_type.to_lowercase()),
        "frequency" => Cow::from(row.frequency()),
        "meter" => Cow::from(&row.charge.meter),
        "metercategory" | "servicename" => Cow::from(&row.charge.service),
        "meterid" | "resourceguid" => Cow::from(row.meter().id),
        "metersubcategory" => Cow::from(row.meter().subcategory),
        "partnumber" => Cow::from(row.meter().part_number),
        "pricingmodel" => Cow::from(row.pricing_model()),
        "product" => Cow::from(row.meter().product),
        "productorderid" => Cow::from(&reserved?.order),
        "productordername" | "reservationname" => Cow::from(&reserved?.name),
        "reservationid" => Cow::from(&reserved?.id),
        "publishertype" => Cow::from(row.publisher_type(row.world.agreement.is_modern())),
        "resourcegroup" | "resourcegroupname" => Cow::from(&row.group.name),
        "resourceid" => Cow::from(row.resource_id().to_lowercase()),
        "resourcelocation" => Cow::from(&row.charge.region),
        "resourcetype" => Cow::from(row.charge.resource_type.to_lowercase()),
        "servicefamily" => Cow::from(row.meter().family),
        "subscriptionid" => Cow::from(&subscription.id),
        "subscriptionname" => Cow::from(&subscription.name),
        "unitofmeasure" => Cow::from(row.meter().unit_of_measure),
        "departmentname" | "billingprofilename" => Cow::from(&section.parent.name),
        "billingprofileid" => Cow::from(&section.parent.id),
        "enrollmentaccountname" | "invoicesectionname" => Cow::from(&section.part.name),
        "invoicesectionid" => Cow::from(&section.part.id),
        "customername" => Cow::from(&section.customer.as_ref()?.name),
        _ => return None,
    })
}

/// The value of a tag; keys are compared without regard to case.
pub(super) fn tag<'r>(row: &CostRow<'r>, key: &str) -> Option<&'r str> {
    let mut tags = row.group.tags.iter();
    let found = tags.find(|(name, _)| name.eq_ignore_ascii_case(key));
    found.map(|(_, value)| &**value)
}
