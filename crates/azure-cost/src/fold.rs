//! Folding usage rows into cost facts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use budget_engine::{
    ChargeCategory, CostBasis, Dimension, FactsBuilder, MoneyError, Place, Scope, ScopeKind,
    SeriesKey, TagName,
};

use crate::consumption::usage_details::UsageRow;

/// Folds usage rows into daily sums, page after page.
///
/// It keeps each distinct place and value once, so memory follows the number of series and not
/// the number of rows. Azure varies the letter case of names from row to row; the first spelling
/// stands for all.
#[derive(Debug)]
pub struct UsageFold {
    read_at: Scope,
    basis: CostBasis,
    places: HashMap<String, Arc<Place>>,
    /// Values of dimensions by their lower case.
    values: HashMap<String, Arc<str>>,
    /// Values of tags, which are told apart by letter case.
    tag_values: HashSet<Arc<str>>,
    /// Reused for keys, so that a row that brings nothing new allocates little.
    folded: String,
}

/// Why a row cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the costs of {date} in {resource} cannot be summed")]
pub struct FoldError {
    date: jiff::civil::Date,
    resource: String,
    source: MoneyError,
}

impl UsageFold {
    /// A fold of the rows that are read at a scope, with one basis of cost.
    pub fn new(read_at: &Scope, basis: CostBasis) -> UsageFold {
        UsageFold {
            read_at: read_at.clone(),
            basis,
            places: HashMap::new(),
            values: HashMap::new(),
            tag_values: HashSet::new(),
            folded: String::new(),
        }
    }

    /// Adds rows to facts: the columns of the facts' projection, the place, the currency and the
    /// kind of charge make the series.
    pub fn add(&mut self, rows: &[UsageRow], facts: &mut FactsBuilder) -> Result<(), FoldError> {
        for row in rows {
            let projection = facts.projection();
            let dimensions = projection.dimensions.iter();
            let dimensions = dimensions.map(|name| self.value(row, *name)).collect();
            let tags = projection.tags.iter();
            let tags = tags.map(|name| self.tag(row, name)).collect();
            let series = facts.series(SeriesKey {
                place: self.place(row),
                currency: row.currency,
                category: ChargeCategory::from_charge_type(&row.charge_type),
                dimensions,
                tags,
            });
            let (actual, amortized) = match self.basis {
                CostBasis::Actual => (Some(row.cost), None),
                CostBasis::Amortized => (None, Some(row.cost)),
            };
            let added = facts.add(series, row.date, actual, amortized);
            added.map_err(|source| FoldError {
                date: row.date,
                resource: row.resource_id.clone(),
                source,
            })?;
        }
        Ok(())
    }

    fn place(&mut self, row: &UsageRow) -> Arc<Place> {
        let (subscription, group) = (subscription(row), resource_group(row));
        let parts = [
            subscription,
            group,
            &row.billing_account_id,
            &row.billing_profile_id,
            &row.invoice_section_id,
        ];
        self.folded.clear();
        for part in parts {
            fold_case(part, &mut self.folded);
            self.folded.push('\n');
        }
        if let Some(place) = self.places.get(&self.folded) {
            return Arc::clone(place);
        }
        let resource = Scope::resource_group(subscription, group)
            .or_else(|_| Scope::subscription(subscription));
        // Some charges name no subscription; what was read at one belongs to it all the same.
        let read_at = Some(&self.read_at).filter(|scope| scope.kind() == ScopeKind::Subscription);
        let place = Arc::new(Place {
            resource: resource.ok().or_else(|| read_at.cloned()),
            billing: billing(row).into_iter().collect(),
            read_at: Some(self.read_at.clone()),
        });
        self.places.insert(self.folded.clone(), Arc::clone(&place));
        place
    }

    fn value(&mut self, row: &UsageRow, name: Dimension) -> Arc<str> {
        let resource_type;
        let value = match name {
            Dimension::ServiceName if row.meter_category.is_empty() => &row.consumed_service,
            Dimension::ServiceName => &row.meter_category,
            Dimension::ServiceSubcategory => &row.meter_subcategory,
            Dimension::SkuMeter => &row.meter_name,
            Dimension::RegionId => &row.region,
            Dimension::ResourceId => &row.resource_id,
            Dimension::ResourceType => {
                resource_type = type_of(&row.resource_id);
                &resource_type
            }
            Dimension::ResourceGroupName => resource_group(row),
            Dimension::SubAccountId => subscription(row),
            Dimension::SubAccountName => &row.subscription_name,
            Dimension::ChargeFrequency => frequency(&row.frequency),
            Dimension::PricingCategory => &row.pricing_model,
            Dimension::PublisherName => &row.publisher_name,
            Dimension::CommitmentDiscountId => &row.benefit_id,
            Dimension::CostCenter => &row.cost_center,
            Dimension::InvoiceSectionName => &row.invoice_section_name,
        };
        self.folded.clear();
        fold_case(value, &mut self.folded);
        if let Some(known) = self.values.get(&self.folded) {
            return Arc::clone(known);
        }
        let new: Arc<str> = value.into();
        self.values.insert(self.folded.clone(), Arc::clone(&new));
        new
    }

    fn tag(&mut self, row: &UsageRow, name: &TagName) -> Arc<str> {
        let found = row.tags.iter().find(|(tag, _)| TagName::new(tag) == *name);
        let value = found.map_or("", |(_, value)| value);
        if let Some(known) = self.tag_values.get(value) {
            return Arc::clone(known);
        }
        let new: Arc<str> = value.into();
        self.tag_values.insert(Arc::clone(&new));
        new
    }
}

fn fold_case(text: &str, folded: &mut String) {
    folded.extend(text.chars().flat_map(char::to_lowercase));
}

/// The subscription id, from the resource id where the row has no field for it.
fn subscription(row: &UsageRow) -> &str {
    let id = row.subscription_id.trim_matches('/');
    match id.rsplit('/').next().unwrap_or_default() {
        "" => part_after(&row.resource_id, "subscriptions"),
        id => id,
    }
}

/// The resource group, from the resource id where the row has no field for it.
fn resource_group(row: &UsageRow) -> &str {
    // Azure's words for charges that have none.
    let is_none = ["", "null", "others", "not applicable", "unassigned"]
        .iter()
        .any(|word| row.resource_group.eq_ignore_ascii_case(word));
    if is_none {
        part_after(&row.resource_id, "resourceGroups")
    } else {
        &row.resource_group
    }
}

/// The part of a path that follows a fixed part.
fn part_after<'a>(path: &'a str, fixed: &str) -> &'a str {
    let mut parts = path.split('/');
    parts.find(|part| part.eq_ignore_ascii_case(fixed));
    parts.next().unwrap_or_default()
}

/// Provider and type of a resource id: `Microsoft.Compute/virtualMachines`.
fn type_of(resource_id: &str) -> String {
    let parts: Vec<&str> = resource_id.split('/').collect();
    let is_providers = |part: &&str| part.eq_ignore_ascii_case("providers");
    let Some(index) = parts.iter().rposition(is_providers) else {
        return String::new();
    };
    let Some((provider, names)) = parts[index + 1..].split_first() else {
        return String::new();
    };
    let types = names.iter().step_by(2);
    types.fold((*provider).to_owned(), |text, part| text + "/" + part)
}

/// The FOCUS word for Azure's charge frequency.
fn frequency(azure: &str) -> &str {
    let is = |word: &str| azure.eq_ignore_ascii_case(word);
    if is("UsageBased") {
        "Usage-Based"
    } else if is("OneTime") {
        "One-Time"
    } else if is("Monthly") {
        "Recurring"
    } else {
        azure
    }
}

/// The narrowest billing scope that the row names. The wider ones contain it by their paths.
fn billing(row: &UsageRow) -> Option<Scope> {
    const ACCOUNTS: &str = "/providers/Microsoft.Billing/billingAccounts";
    // Some answers give whole paths where others give bare ids.
    let id = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let account = id(&row.billing_account_id);
    let profile = id(&row.billing_profile_id);
    let section = id(&row.invoice_section_id);
    if account.is_empty() {
        return None;
    }
    let account_path = format!("{ACCOUNTS}/{account}");
    let mut paths = Vec::new();
    // Under an Enterprise Agreement the profile is the account once more.
    if !profile.is_empty() && profile != account {
        let profile_path = format!("{account_path}/billingProfiles/{profile}");
        if !section.is_empty() {
            paths.push(format!("{profile_path}/invoiceSections/{section}"));
        }
        paths.push(profile_path);
    }
    paths.push(account_path);
    paths.iter().find_map(|path| Scope::parse(path).ok())
}

#[cfg(test)]
mod tests {
    use budget_engine::{CostFacts, Projection};
    use jiff::Timestamp;
    use jiff::civil::date;
    use rust_decimal::Decimal;

    use super::*;
    use crate::consumption::usage_details::UsageKind;

    fn row() -> UsageRow {
        let text = str::to_owned;
        UsageRow {
            kind: UsageKind::Legacy,
            date: date(2026, 11, 3),
            cost: "1.25".parse().unwrap(),
            currency: "EUR".parse().unwrap(),
            charge_type: text("Usage"),
            frequency: text("UsageBased"),
            pricing_model: text("On Demand"),
            subscription_id: text("1f2e"),
            subscription_name: text("Platform"),
            resource_group: text("payments"),
            resource_id: text(
                "/subscriptions/1f2e/resourceGroups/payments/providers/Microsoft.Compute/virtualMachines/vm1",
            ),
            region: text("westeurope"),
            consumed_service: text("Microsoft.Compute"),
            meter_category: text("Virtual Machines"),
            meter_subcategory: text("Dv5"),
            meter_name: text("D2 v5"),
            publisher_name: text("Microsoft"),
            publisher_type: text("Azure"),
            benefit_id: String::new(),
            cost_center: text("42"),
            billing_account_id: text("100"),
            billing_profile_id: text("100"),
            invoice_section_id: String::new(),
            invoice_section_name: text("Shop"),
            tags: vec![(text("Env"), text("prod"))],
        }
    }

    fn fold(pages: &[&[UsageRow]], basis: CostBasis) -> CostFacts {
        let scope = Scope::parse("/providers/Microsoft.Management/managementGroups/root").unwrap();
        let mut facts = FactsBuilder::new(Projection {
            dimensions: Dimension::ALL.into_iter().collect(),
            tags: [TagName::new("env"), TagName::new("team")].into(),
        });
        let mut fold = UsageFold::new(&scope, basis);
        for page in pages {
            fold.add(page, &mut facts).unwrap();
        }
        facts.finish(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn letter_case_makes_no_second_series_not_even_on_another_page() {
        let mut shouting = row();
        shouting.resource_group = "PAYMENTS".to_owned();
        shouting.meter_category = "virtual machines".to_owned();
        shouting.subscription_id = "1F2E".to_owned();
        shouting.resource_id = shouting.resource_id.to_uppercase();
        shouting.tags = vec![("ENV".to_owned(), "prod".to_owned())];
        let facts = fold(&[&[row()], &[shouting]], CostBasis::Actual);
        assert_eq!(facts.series().len(), 1);
        assert_eq!(facts.series()[0].days[0].actual.to_string(), "2.50");
        let values: Vec<&str> = facts.series()[0]
            .key
            .dimensions
            .iter()
            .map(|value| &**value)
            .collect();
        assert!(values.contains(&"Virtual Machines") && values.contains(&"Usage-Based"));
        assert!(values.contains(&"Microsoft.Compute/virtualMachines"));
    }

    #[test]
    fn values_of_tags_keep_their_case() {
        let mut other = row();
        other.tags[0].1 = "Prod".to_owned();
        assert_eq!(
            fold(&[&[row(), other]], CostBasis::Actual).series().len(),
            2
        );
    }

    #[test]
    fn a_row_lies_in_its_group_its_account_and_the_scope_of_the_read() {
        let facts = fold(&[&[row()]], CostBasis::Amortized);
        assert!(facts.has_basis(CostBasis::Amortized) && !facts.has_basis(CostBasis::Actual));
        for (scope, inside) in [
            ("/subscriptions/1F2E/resourceGroups/Payments", true),
            ("/subscriptions/1f2e", true),
            ("/subscriptions/1f2e/resourceGroups/other", false),
            ("/providers/Microsoft.Billing/billingAccounts/100", true),
            ("/providers/Microsoft.Billing/billingAccounts/101", false),
            (
                "/providers/Microsoft.Management/managementGroups/root",
                true,
            ),
        ] {
            let scope = Scope::parse(scope).unwrap();
            assert_eq!(facts.series_in(&scope).count() == 1, inside, "{scope}");
        }
    }

    #[test]
    fn the_resource_id_fills_in_and_odd_groups_fall_back() {
        let mut by_id = row();
        by_id.subscription_id.clear();
        by_id.resource_group.clear();
        let mut odd = row();
        odd.resource_group = "a group with spaces".to_owned();
        let mut none = row();
        none.resource_group = "Not applicable".to_owned();
        none.resource_id.clear();
        none.subscription_id = "/subscriptions/1f2e".to_owned();
        let mut bare = row();
        for text in [
            &mut bare.subscription_id,
            &mut bare.resource_group,
            &mut bare.resource_id,
            &mut bare.billing_account_id,
        ] {
            text.clear();
        }
        let mut fold = UsageFold::new(&Scope::subscription("1f2e").unwrap(), CostBasis::Actual);
        let mut resource = |row: &UsageRow| {
            let resource = fold.place(row).resource.clone();
            resource.map(|scope| scope.to_string())
        };
        let group = "/subscriptions/1f2e/resourceGroups/payments";
        assert_eq!(resource(&by_id).as_deref(), Some(group));
        assert_eq!(resource(&odd).as_deref(), Some("/subscriptions/1f2e"));
        assert_eq!(resource(&none).as_deref(), Some("/subscriptions/1f2e"));
        assert_eq!(resource(&bare).as_deref(), Some("/subscriptions/1f2e"));
        assert_eq!(fold.place(&bare).billing, []);
    }

    #[test]
    fn a_row_without_a_subscription_lies_in_the_subscription_it_was_read_at() {
        let mut bare = row();
        for text in [
            &mut bare.subscription_id,
            &mut bare.resource_group,
            &mut bare.resource_id,
        ] {
            text.clear();
        }
        let resource_at = |read_at: &str| {
            let read_at = Scope::parse(read_at).unwrap();
            let place = UsageFold::new(&read_at, CostBasis::Actual).place(&bare);
            place.resource.as_ref().map(ToString::to_string)
        };
        let subscription = "/subscriptions/1f2e";
        assert_eq!(resource_at(subscription).as_deref(), Some(subscription));
        let account = "/providers/Microsoft.Billing/billingAccounts/100";
        assert_eq!(resource_at(account), None);
    }

    #[test]
    fn billing_scopes_are_as_narrow_as_the_row_allows() {
        let accounts = "/providers/Microsoft.Billing/billingAccounts";
        for (account, profile, section, expected) in [
            ("100", "100", "", "/100"),
            (
                "a:b_2019-05-31",
                "P",
                "S",
                "/a:b_2019-05-31/billingProfiles/P/invoiceSections/S",
            ),
            (
                "a:b_2019-05-31",
                "P",
                "",
                "/a:b_2019-05-31/billingProfiles/P",
            ),
            (
                "/providers/Microsoft.Billing/billingAccounts/a:b",
                "/providers/Microsoft.Billing/billingAccounts/a:b/billingProfiles/P",
                "",
                "/a:b/billingProfiles/P",
            ),
        ] {
            let mut row = row();
            row.billing_account_id = account.to_owned();
            row.billing_profile_id = profile.to_owned();
            row.invoice_section_id = section.to_owned();
            let expected = Scope::parse(&format!("{accounts}{expected}")).unwrap();
            assert_eq!(billing(&row), Some(expected));
        }
    }

    #[test]
    fn a_sum_beyond_what_a_decimal_holds_is_an_error() {
        let mut huge = row();
        huge.cost = Decimal::MAX;
        let mut facts = FactsBuilder::new(Projection::default());
        let mut fold = UsageFold::new(&Scope::subscription("1f2e").unwrap(), CostBasis::Actual);
        let error = fold.add(&[huge.clone(), huge], &mut facts).unwrap_err();
        assert!(error.to_string().contains("2026-11-03"), "{error}");
    }
}
