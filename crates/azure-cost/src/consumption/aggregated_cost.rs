//! The cost of a management group, with that of the groups in it.

use budget_engine::{Currency, Scope, ScopeKind};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{API_VERSION, ChargePeriod, in_billing_period};
use crate::client::{Client, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::parameters::last_day;
use crate::request::Request;

/// The cost of a management group of an Enterprise Agreement, before tax.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AggregatedCost {
    /// Path of the record, with the management group in it.
    pub id: String,
    /// Path of the billing period, or `""`.
    pub billing_period_id: String,
    /// First day.
    pub usage_start: Option<Date>,
    /// Last day.
    pub usage_end: Option<Date>,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Azure services.
    pub azure_charges: Decimal,
    /// Azure Marketplace.
    pub marketplace_charges: Decimal,
    /// What no prepayment covers.
    pub charges_billed_separately: Decimal,
    /// The same of the management groups right below.
    pub children: Vec<AggregatedCost>,
    /// Subscriptions that are counted.
    pub included_subscriptions: Vec<String>,
    /// Subscriptions that are not, for example because they are of another agreement.
    pub excluded_subscriptions: Vec<String>,
}

/// Azure nests management groups six deep.
const DEEPEST: usize = 16;

impl Client {
    /// The cost of a management group of an Enterprise Agreement, with that of the groups in it.
    pub async fn aggregated_cost(
        &self,
        management_group: &Scope,
        period: &ChargePeriod,
    ) -> Result<AggregatedCost, Error> {
        let operation = format!("read the aggregated cost of {management_group}");
        let kinds = [ScopeKind::ManagementGroup];
        let mut path = path_of_kind(&operation, management_group, &kinds)?;
        let mut query = API_VERSION.to_owned();
        match period {
            ChargePeriod::Current => {}
            ChargePeriod::Days(from, to) => {
                let last = last_day(&operation, *from, *to)?;
                query.push_str(&format!(
                    "&$filter=properties/usageStart ge '{from}' and \
                     properties/usageEnd le '{last}'"
                ));
            }
            ChargePeriod::BillingPeriod(name) => path = in_billing_period(&operation, &path, name)?,
        }
        let tail = "/providers/Microsoft.Consumption/aggregatedcost";
        let request = Request::get(operation, self.url(&path, tail, &query));
        self.read_required(&request, |body| read(body, 0)).await
    }
}

fn read(fields: &Fields, depth: usize) -> Result<AggregatedCost, String> {
    let properties = fields.object("properties")?;
    let children = properties.objects("children")?;
    if depth == DEEPEST && !children.is_empty() {
        return Err(format!("management groups are more than {DEEPEST} deep"));
    }
    let children = children.iter().map(|child| read(child, depth + 1));
    Ok(AggregatedCost {
        id: fields.text("id")?,
        billing_period_id: properties.text("billingPeriodId")?,
        usage_start: properties.optional_day("usageStart")?,
        usage_end: properties.optional_day("usageEnd")?,
        currency: properties.currency("currency")?,
        azure_charges: properties.decimal("azureCharges")?,
        marketplace_charges: properties.decimal("marketplaceCharges")?,
        charges_billed_separately: properties.decimal("chargesBilledSeparately")?,
        children: children.collect::<Result<_, _>>()?,
        included_subscriptions: properties.texts("includedSubscriptions")?,
        excluded_subscriptions: properties.texts("excludedSubscriptions")?,
    })
}
