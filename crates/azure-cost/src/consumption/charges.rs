//! Charges summed up by billing period.

use budget_engine::{Currency, Scope, ScopeKind};
use futures::Stream;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use url::Url;

use super::{API_VERSION, ChargePeriod, in_billing_period};
use crate::client::{Client, path_of_kind};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{items, lazily};
use crate::parameters::{encoded, last_day};
use crate::request::Request;

/// The charges of a scope in a billing period, before tax. Text that Azure leaves out is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChargeSummary {
    /// Path of the summary.
    pub id: String,
    /// `legacy` (Enterprise) or `modern` (Customer Agreement); `""` is `legacy`.
    pub kind: String,
    /// Path of the billing period.
    pub billing_period_id: String,
    /// First day.
    pub usage_start: Option<Date>,
    /// Last day.
    pub usage_end: Option<Date>,
    /// Currency of all amounts.
    pub currency: Currency,
    /// Azure services.
    pub azure_charges: Decimal,
    /// What no prepayment covers.
    pub charges_billed_separately: Decimal,
    /// Azure Marketplace.
    pub marketplace_charges: Decimal,
    /// Billing account (Customer Agreement).
    pub billing_account_id: String,
    /// Billing profile (Customer Agreement).
    pub billing_profile_id: String,
    /// Invoice section (Customer Agreement).
    pub invoice_section_id: String,
    /// Customer (partners).
    pub customer_id: String,
    /// Subscription.
    pub subscription_id: String,
    /// Whether there is an invoice already (Customer Agreement).
    pub is_invoiced: Option<bool>,
}

const KINDS: [ScopeKind; 6] = [
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
    ScopeKind::BillingProfile,
    ScopeKind::InvoiceSection,
    ScopeKind::Customer,
];

impl Client {
    /// The summed-up charges of a department or enrollment account (Enterprise) or of a billing
    /// account, billing profile, invoice section or customer (Customer Agreement), one for each
    /// billing period. `by` splits them, at a billing account: `billingProfileId`,
    /// `invoiceSectionId` or `customerId`.
    pub fn charges(
        &self,
        scope: &Scope,
        period: &ChargePeriod,
        by: Option<&str>,
    ) -> impl Stream<Item = Result<ChargeSummary, Error>> + Send + use<> {
        let operation = format!("read charges of {scope}");
        lazily(self.charges_url(&operation, scope, period, by).map(|url| {
            let request = Request::get(operation, url);
            items(self.transport.clone(), request, read)
        }))
    }

    fn charges_url(
        &self,
        operation: &str,
        scope: &Scope,
        period: &ChargePeriod,
        by: Option<&str>,
    ) -> Result<Url, Error> {
        let mut path = path_of_kind(operation, scope, &KINDS)?;
        let mut query = API_VERSION.to_owned();
        match period {
            ChargePeriod::Current => {}
            ChargePeriod::Days(from, to) => {
                let last = last_day(operation, *from, *to)?;
                let is_enterprise = matches!(
                    scope.kind(),
                    ScopeKind::Department | ScopeKind::EnrollmentAccount
                );
                query.push_str(&match is_enterprise {
                    true => format!("&$filter=usageStart eq '{from}' AND usageEnd eq '{last}'"),
                    false => format!("&startDate={from}&endDate={last}"),
                });
            }
            ChargePeriod::BillingPeriod(name) => path = in_billing_period(operation, &path, name)?,
        }
        if let Some(by) = by {
            query.push_str(&format!("&$apply=groupby((properties/{}))", encoded(by)));
        }
        Ok(self.url(&path, "/providers/Microsoft.Consumption/charges", &query))
    }
}

fn read(item: &RawValue) -> Result<ChargeSummary, String> {
    let item = Fields::of(item)?;
    let properties = item.object("properties")?;
    let kind = item.text("kind")?;
    let (
        currency,
        [
            azure_charges,
            charges_billed_separately,
            marketplace_charges,
        ],
    ) = match &*kind.to_ascii_lowercase() {
        // Old API versions knew one kind and did not name it.
        "legacy" | "" => legacy_amounts(&properties)?,
        "modern" => modern_amounts(&properties)?,
        // Its amounts would be missing without anybody seeing it.
        _ => return Err("`kind` is neither legacy nor modern".to_owned()),
    };
    Ok(ChargeSummary {
        id: item.text("id")?,
        kind,
        billing_period_id: properties.text("billingPeriodId")?,
        usage_start: properties.optional_day("usageStart")?,
        usage_end: properties.optional_day("usageEnd")?,
        currency,
        azure_charges,
        charges_billed_separately,
        marketplace_charges,
        billing_account_id: properties.text("billingAccountId")?,
        billing_profile_id: properties.text("billingProfileId")?,
        invoice_section_id: properties.text("invoiceSectionId")?,
        customer_id: properties.text("customerId")?,
        subscription_id: properties.text("subscriptionId")?,
        is_invoiced: properties.optional_flag("isInvoiced")?,
    })
}

fn legacy_amounts(properties: &Fields) -> Result<(Currency, [Decimal; 3]), String> {
    let currency = properties.currency("currency")?;
    let azure = properties.decimal("azureCharges")?;
    let separate = properties.decimal("chargesBilledSeparately")?;
    let marketplace = match properties.optional_decimal("marketplaceCharges")? {
        Some(amount) => amount,
        None => properties.decimal("azureMarketplaceCharges")?,
    };
    Ok((currency, [azure, separate, marketplace]))
}

fn modern_amounts(properties: &Fields) -> Result<(Currency, [Decimal; 3]), String> {
    let money = |name| {
        let money = properties.optional_money(name)?;
        money.ok_or_else(|| properties.missing(name))
    };
    let azure = money("azureCharges")?;
    let in_one_currency = |name| {
        let money = money(name)?;
        match money.currency == azure.currency {
            true => Ok(money.amount),
            false => Err(properties.wrong(name, "in the currency of `azureCharges`")),
        }
    };
    let separate = in_one_currency("chargesBilledSeparately")?;
    let marketplace = in_one_currency("marketplaceCharges")?;
    Ok((azure.currency, [azure.amount, separate, marketplace]))
}
