//! Balances of an Enterprise enrollment: its prepayment, and what was charged on top.

use budget_engine::{Currency, Scope};
use rust_decimal::Decimal;

use super::API_VERSION;
use crate::client::{Client, billing_account_path, part};
use crate::error::Error;
use crate::fields::Fields;
use crate::request::Request;

/// The balance of one billing period of an Enterprise enrollment. All amounts are in its currency;
/// the open period changes every day.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Balance {
    /// Name of the balance, which Azure makes of the billing period.
    pub name: String,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Prepayment left at the beginning of the period.
    pub beginning_balance: Decimal,
    /// Prepayment left at its end.
    pub ending_balance: Decimal,
    /// Prepayment bought in the period.
    pub new_purchases: Decimal,
    /// Adjustments of the prepayment.
    pub adjustments: Decimal,
    /// Prepayment used up.
    pub utilized: Decimal,
    /// Azure services beyond the prepayment.
    pub service_overage: Decimal,
    /// Charges that no prepayment covers.
    pub charges_billed_separately: Decimal,
    /// Service overage and separately billed charges together.
    pub total_overage: Decimal,
    /// Azure services altogether: utilized and total overage.
    pub total_usage: Decimal,
    /// Charges of Azure Marketplace.
    pub azure_marketplace_service_charges: Decimal,
    /// Overage that is given back.
    pub overage_refund: Decimal,
    /// `Month`, `Quarter` or `Year`.
    pub billing_frequency: String,
    /// Whether the enrollment hides prices from its users.
    pub price_hidden: Option<bool>,
    /// The new purchases one by one.
    pub new_purchases_details: Vec<NamedAmount>,
    /// The adjustments one by one.
    pub adjustment_details: Vec<NamedAmount>,
}

/// An amount and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAmount {
    /// What it is for.
    pub name: String,
    /// How much, in the currency of the balance.
    pub value: Decimal,
}

impl Client {
    /// The balance of an Enterprise billing account, of a billing period (`202611`) or else of the
    /// current one. `None` if Azure has none. Needs an enterprise administrator.
    pub async fn balance(
        &self,
        billing_account: &Scope,
        period: Option<&str>,
    ) -> Result<Option<Balance>, Error> {
        let operation = format!("read the balance of {billing_account}");
        let mut path = billing_account_path(&operation, billing_account)?;
        if let Some(period) = period {
            let period = part(&operation, "the billing period", period)?;
            path.push_str("/billingPeriods/");
            path.push_str(&period);
        }
        let tail = "/providers/Microsoft.Consumption/balances";
        let url = self.url(&path, tail, API_VERSION);
        self.read_one(&Request::get(operation, url), read).await
    }
}

fn read(body: &Fields) -> Result<Balance, String> {
    let properties = body.object("properties")?;
    let amount = |name| Ok::<_, String>(properties.optional_decimal(name)?.unwrap_or_default());
    Ok(Balance {
        name: body.text("name")?,
        currency: properties.currency("currency")?,
        beginning_balance: properties.decimal("beginningBalance")?,
        ending_balance: properties.decimal("endingBalance")?,
        new_purchases: amount("newPurchases")?,
        adjustments: amount("adjustments")?,
        utilized: amount("utilized")?,
        service_overage: amount("serviceOverage")?,
        charges_billed_separately: amount("chargesBilledSeparately")?,
        total_overage: amount("totalOverage")?,
        total_usage: amount("totalUsage")?,
        azure_marketplace_service_charges: amount("azureMarketplaceServiceCharges")?,
        overage_refund: amount("overageRefund")?,
        billing_frequency: properties.text("billingFrequency")?,
        price_hidden: properties.optional_flag("priceHidden")?,
        new_purchases_details: named_amounts(&properties, "newPurchasesDetails")?,
        adjustment_details: named_amounts(&properties, "adjustmentDetails")?,
    })
}

fn named_amounts(properties: &Fields, name: &str) -> Result<Vec<NamedAmount>, String> {
    let details = properties.objects(name)?;
    let read = |detail: &Fields| {
        Ok(NamedAmount {
            name: detail.text("name")?,
            value: detail.decimal("value")?,
        })
    };
    details.iter().map(read).collect()
}
