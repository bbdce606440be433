//! Filters: which costs of a scope a budget counts.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A column of cost data that can be filtered on or named as a driver. The names are those of
/// FOCUS 1.2; `x_` marks a column that FOCUS leaves to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dimension {
    /// Service, for example `Virtual Machines`; Azure `MeterCategory`.
    ServiceName,
    /// Part of a service; Azure `MeterSubCategory`.
    ServiceSubcategory,
    /// Meter; Azure `MeterName`.
    SkuMeter,
    /// Azure region; Azure `ResourceLocation`.
    RegionId,
    /// Full resource id.
    ResourceId,
    /// Resource provider and type, for example `Microsoft.Compute/virtualMachines`.
    ResourceType,
    /// Resource group name.
    #[serde(rename = "x_ResourceGroupName")]
    ResourceGroupName,
    /// Subscription id without its prefix.
    SubAccountId,
    /// Subscription name.
    SubAccountName,
    /// One-Time, Recurring or Usage-Based.
    ChargeFrequency,
    /// On demand, reservation, savings plan or spot; Azure `PricingModel`.
    PricingCategory,
    /// Who sells the service.
    PublisherName,
    /// Reservation or savings plan that applied.
    CommitmentDiscountId,
    /// Cost center.
    #[serde(rename = "x_CostCenter")]
    CostCenter,
    /// Invoice section name (Microsoft Customer Agreement) or department (Enterprise).
    #[serde(rename = "x_InvoiceSectionName")]
    InvoiceSectionName,
}

impl Dimension {
    /// All dimensions, in the order of the documentation.
    pub const ALL: [Dimension; 15] = [
        Dimension::ServiceName,
        Dimension::ServiceSubcategory,
        Dimension::SkuMeter,
        Dimension::RegionId,
        Dimension::ResourceId,
        Dimension::ResourceType,
        Dimension::ResourceGroupName,
        Dimension::SubAccountId,
        Dimension::SubAccountName,
        Dimension::ChargeFrequency,
        Dimension::PricingCategory,
        Dimension::PublisherName,
        Dimension::CommitmentDiscountId,
        Dimension::CostCenter,
        Dimension::InvoiceSectionName,
    ];

    /// The FOCUS column name.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::ServiceName => "ServiceName",
            Dimension::ServiceSubcategory => "ServiceSubcategory",
            Dimension::SkuMeter => "SkuMeter",
            Dimension::RegionId => "RegionId",
            Dimension::ResourceId => "ResourceId",
            Dimension::ResourceType => "ResourceType",
            Dimension::ResourceGroupName => "x_ResourceGroupName",
            Dimension::SubAccountId => "SubAccountId",
            Dimension::SubAccountName => "SubAccountName",
            Dimension::ChargeFrequency => "ChargeFrequency",
            Dimension::PricingCategory => "PricingCategory",
            Dimension::PublisherName => "PublisherName",
            Dimension::CommitmentDiscountId => "CommitmentDiscountId",
            Dimension::CostCenter => "x_CostCenter",
            Dimension::InvoiceSectionName => "x_InvoiceSectionName",
        }
    }

    /// Azure's own names for the same columns, as people know them from the portal.
    fn azure_names(self) -> &'static [&'static str] {
        match self {
            Dimension::ServiceName => &["MeterCategory"],
            Dimension::ServiceSubcategory => &["MeterSubCategory"],
            Dimension::SkuMeter => &["MeterName", "Meter"],
            Dimension::RegionId => &["ResourceLocation"],
            Dimension::ResourceGroupName => &["ResourceGroupName", "ResourceGroup"],
            Dimension::SubAccountId => &["SubscriptionId"],
            Dimension::SubAccountName => &["SubscriptionName"],
            Dimension::ChargeFrequency => &["Frequency"],
            Dimension::PricingCategory => &["PricingModel"],
            Dimension::CommitmentDiscountId => &["BenefitId", "ReservationId"],
            Dimension::CostCenter => &["CostCenter"],
            Dimension::InvoiceSectionName => &["InvoiceSectionName", "InvoiceSection"],
            Dimension::ResourceId | Dimension::ResourceType | Dimension::PublisherName => &[],
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Dimension {
    type Err = UnknownDimension;

    /// Reads the FOCUS or the Azure name, in any letter case.
    fn from_str(text: &str) -> Result<Self, UnknownDimension> {
        Dimension::ALL
            .into_iter()
            .find(|dimension| {
                dimension.as_str().eq_ignore_ascii_case(text)
                    || dimension
                        .azure_names()
                        .iter()
                        .any(|name| name.eq_ignore_ascii_case(text))
            })
            .ok_or_else(|| UnknownDimension(text.chars().take(60).collect()))
    }
}

/// The text names no dimension.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a dimension; expected one of {list}", list = dimension_list())]
pub struct UnknownDimension(String);

fn dimension_list() -> String {
    Dimension::ALL.map(Dimension::as_str).join(", ")
}

/// A tag name. Compared without regard to letter case, as Azure does; tag values keep their case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TagName(String);

impl TagName {
    /// The name, folded to lower case.
    pub fn new(name: &str) -> Self {
        TagName(name.trim().to_lowercase())
    }

    /// The folded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A condition on a cost's dimensions and tags.
///
/// Values of dimensions are compared without regard to letter case, values of tags exactly. The
/// value `""` matches a dimension or tag that a cost does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Every part holds; true when there is none.
    All(Vec<Filter>),
    /// At least one part holds; false when there is none.
    Any(Vec<Filter>),
    /// The part does not hold.
    Not(Box<Filter>),
    /// The dimension has one of these values.
    Dimension {
        /// Which column.
        name: Dimension,
        /// Any of these.
        values: Vec<String>,
    },
    /// The tag has one of these values.
    Tag {
        /// Which tag.
        name: TagName,
        /// Any of these.
        values: Vec<String>,
    },
}

/// What a filter can ask about a cost. A column or tag that a cost lacks is `""`.
pub trait Attributes {
    /// Value of a dimension.
    fn dimension(&self, name: Dimension) -> &str;
    /// Value of a tag.
    fn tag(&self, name: &TagName) -> &str;
}

impl Filter {
    /// Whether the condition holds for a cost.
    pub fn matches(&self, cost: &dyn Attributes) -> bool {
        match self {
            Filter::All(parts) => parts.iter().all(|part| part.matches(cost)),
            Filter::Any(parts) => parts.iter().any(|part| part.matches(cost)),
            Filter::Not(part) => !part.matches(cost),
            Filter::Dimension { name, values } => {
                let found = cost.dimension(*name);
                values.iter().any(|value| same_text(value, found))
            }
            Filter::Tag { name, values } => {
                let found = cost.tag(name);
                values.iter().any(|value| value == found)
            }
        }
    }

    /// Adds the dimensions and tags that the condition asks about to a projection.
    pub fn add_needs(&self, projection: &mut Projection) {
        match self {
            Filter::All(parts) | Filter::Any(parts) => {
                parts.iter().for_each(|part| part.add_needs(projection));
            }
            Filter::Not(part) => part.add_needs(projection),
            Filter::Dimension { name, .. } => {
                projection.dimensions.insert(*name);
            }
            Filter::Tag { name, .. } => {
                projection.tags.insert(name.clone());
            }
        }
    }
}

fn same_text(left: &str, right: &str) -> bool {
    left == right || left.to_lowercase() == right.to_lowercase()
}

/// The columns and tags that a read must keep, because some budget or driver asks about them.
/// Everything else is summed away while rows stream by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Projection {
    /// Columns to keep.
    pub dimensions: BTreeSet<Dimension>,
    /// Tags to keep.
    pub tags: BTreeSet<TagName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Cost;

    impl Attributes for Cost {
        fn dimension(&self, name: Dimension) -> &str {
            match name {
                Dimension::ServiceName => "Virtual Machines",
                Dimension::RegionId => "westeurope",
                _ => "",
            }
        }

        fn tag(&self, name: &TagName) -> &str {
            if name.as_str() == "env" { "Prod" } else { "" }
        }
    }

    fn dimension(name: &str, values: &[&str]) -> Filter {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Filter::Dimension {
            name: name.parse().unwrap(),
            values,
        }
    }

    fn tag(name: &str, values: &[&str]) -> Filter {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Filter::Tag {
            name: TagName::new(name),
            values,
        }
    }

    #[test]
    fn conditions_combine() {
        let machines = || dimension("MeterCategory", &["storage", "VIRTUAL machines"]);
        for (filter, expected) in [
            (machines(), true),
            (Filter::Not(Box::new(machines())), false),
            (tag("ENV", &["Prod"]), true),
            (tag("env", &["prod"]), false),
            (tag("team", &[""]), true),
            (Filter::All(vec![]), true),
            (Filter::Any(vec![]), false),
            (Filter::All(vec![machines(), tag("env", &["Prod"])]), true),
            (Filter::All(vec![machines(), tag("env", &["x"])]), false),
            (
                Filter::Any(vec![dimension("RegionId", &["x"]), machines()]),
                true,
            ),
        ] {
            assert_eq!(filter.matches(&Cost), expected, "{filter:?}");
        }
    }

    #[test]
    fn a_filter_tells_which_columns_a_read_must_keep() {
        let filter = Filter::All(vec![
            tag("Env", &["x"]),
            Filter::Not(Box::new(dimension("ResourceLocation", &["y"]))),
        ]);
        let mut projection = Projection::default();
        filter.add_needs(&mut projection);
        assert_eq!(projection.dimensions, BTreeSet::from([Dimension::RegionId]));
        assert_eq!(projection.tags, BTreeSet::from([TagName::new("ENV")]));
    }
}
