//! Filters that Azure's budgets can say: conditions of the form "one of these values", all of which
//! have to be met.

use std::collections::BTreeSet;

use azure_cost::{BudgetComparison, BudgetCondition};
use budget_engine::{ChargeCategory, Dimension, Filter};

/// The conditions that mean the same as a filter, or why there are none.
pub(super) fn conditions(filter: &Filter) -> Result<Vec<BudgetCondition>, String> {
    match filter {
        Filter::All(parts) => {
            let parts: Result<Vec<_>, _> = parts.iter().map(conditions).collect();
            Ok(parts?.into_iter().flatten().collect())
        }
        Filter::Any(parts) => any(parts).map(|condition| vec![condition]),
        Filter::Not(_) => Err("Azure's budgets have no `not`".to_owned()),
        Filter::Dimension { name, values } => {
            check_values(values)?;
            let name = native_name(*name)?;
            let comparison = BudgetComparison::new(name, values.clone());
            Ok(vec![BudgetCondition::Dimensions(comparison)])
        }
        Filter::Tag { name, values } => {
            check_values(values)?;
            let comparison = BudgetComparison::new(name.as_str(), values.clone());
            Ok(vec![BudgetCondition::Tags(comparison)])
        }
    }
}

/// Alternatives are one condition if they ask about the same thing.
fn any(parts: &[Filter]) -> Result<BudgetCondition, String> {
    let mut found: Option<BudgetCondition> = None;
    let different = || {
        "Azure's budgets have no `any` of different dimensions or tags; name the values of one in \
         its `in` list"
            .to_owned()
    };
    for part in parts {
        let [condition] = <[_; 1]>::try_from(conditions(part)?).map_err(|_| different())?;
        use BudgetCondition::{Dimensions, Tags};
        match (&mut found, condition) {
            (None, condition) => found = Some(condition),
            (Some(Dimensions(before)), Dimensions(more)) | (Some(Tags(before)), Tags(more))
                if before.name == more.name =>
            {
                before.values.extend(more.values);
            }
            _ => return Err(different()),
        }
    }
    found.ok_or_else(|| "it matches nothing: `any` is empty".to_owned())
}

fn check_values(values: &[String]) -> Result<(), String> {
    if values.is_empty() {
        return Err("it matches nothing: `in` is empty".to_owned());
    }
    if values.iter().any(String::is_empty) {
        return Err("Azure's budgets cannot ask for costs that have no value (`\"\"`)".to_owned());
    }
    Ok(())
}

/// Azure's name of a dimension in a budget's filter.
fn native_name(dimension: Dimension) -> Result<&'static str, String> {
    Ok(match dimension {
        Dimension::ServiceName => "MeterCategory",
        Dimension::ServiceSubcategory => "MeterSubCategory",
        Dimension::SkuMeter => "Meter",
        Dimension::ResourceId => "ResourceId",
        Dimension::ResourceType => "ResourceType",
        Dimension::ResourceGroupName => "ResourceGroupName",
        Dimension::SubAccountId => "SubscriptionID",
        Dimension::SubAccountName => "SubscriptionName",
        Dimension::ChargeFrequency => "Frequency",
        Dimension::PricingCategory => "PricingModel",
        Dimension::RegionId => {
            return Err("Azure's budgets spell regions in another way than costs do".to_owned());
        }
        Dimension::PublisherName
        | Dimension::CommitmentDiscountId
        | Dimension::CostCenter
        | Dimension::InvoiceSectionName => {
            return Err(format!("Azure's budgets have no dimension {dimension}"));
        }
    })
}

/// The charge types of the categories that still count.
pub(crate) fn charge_types(exclude: &BTreeSet<ChargeCategory>) -> Result<BudgetCondition, String> {
    let counted = ChargeCategory::ALL
        .into_iter()
        .filter(|each| !exclude.contains(each));
    let words: Vec<String> = counted
        .flat_map(words)
        .map(|word| (*word).to_owned())
        .collect();
    if words.is_empty() {
        return Err("it excludes every charge category".to_owned());
    }
    let comparison = BudgetComparison::new("ChargeType", words);
    Ok(BudgetCondition::Dimensions(comparison))
}

/// The inverse of [`ChargeCategory::from_charge_type`].
fn words(category: ChargeCategory) -> &'static [&'static str] {
    match category {
        ChargeCategory::Usage => &["Usage", "UnusedReservation", "UnusedSavingsPlan"],
        ChargeCategory::Purchase => &["Purchase"],
        ChargeCategory::Tax => &["Tax"],
        ChargeCategory::Credit => &["Credit"],
        ChargeCategory::Adjustment => &["Refund", "RoundingAdjustment", "Adjustment"],
    }
}
