//! Balance, usage, marketplace charges, prices and billing periods of an enrollment.

use std::collections::BTreeMap;

use budget_engine::Currency;
use futures::{Stream, StreamExt};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{EnterprisePeriod, EnterpriseReporting, map_in_text};
use crate::client::part;
use crate::consumption::balances::NamedAmount;
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::Resume;

/// The balance of a billing period.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnterpriseBalance {
    /// Billing period, such as `202611`.
    pub billing_period_id: String,
    /// Currency of all amounts, and of the enrollment.
    pub currency: Currency,
    /// Prepayment left at the beginning.
    pub beginning_balance: Decimal,
    /// Prepayment left at the end.
    pub ending_balance: Decimal,
    /// Prepayment bought.
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
    /// Azure services altogether.
    pub total_usage: Decimal,
    /// Charges of Azure Marketplace.
    pub azure_marketplace_service_charges: Decimal,
    /// The new purchases one by one.
    pub new_purchases_details: Vec<NamedAmount>,
    /// The adjustments one by one.
    pub adjustment_details: Vec<NamedAmount>,
}

/// One page of usage rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EnterpriseUsagePage {
    /// The rows.
    pub rows: Vec<EnterpriseUsageRow>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<Resume>,
}

/// The cost of a meter of a resource on a day. Text that the service leaves out is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnterpriseUsageRow {
    /// The day, UTC.
    pub date: Date,
    /// Cost in the currency of the enrollment.
    pub cost: Decimal,
    /// Units consumed.
    pub consumed_quantity: Option<Decimal>,
    /// Price of a unit.
    pub resource_rate: Option<Decimal>,
    /// What a unit is.
    pub unit_of_measure: String,
    /// Subscription id.
    pub subscription_guid: String,
    /// Subscription name.
    pub subscription_name: String,
    /// Resource group.
    pub resource_group: String,
    /// Resource id.
    pub instance_id: String,
    /// Region.
    pub resource_location: String,
    /// Service that metered the use.
    pub consumed_service: String,
    /// Product.
    pub product: String,
    /// Meter id.
    pub meter_id: String,
    /// Meter name.
    pub meter_name: String,
    /// Meter category.
    pub meter_category: String,
    /// Meter subcategory.
    pub meter_sub_category: String,
    /// Enrollment account name.
    pub account_name: String,
    /// Department name.
    pub department_name: String,
    /// Cost center.
    pub cost_center: String,
    /// Tags, names in Azure's spelling.
    pub tags: BTreeMap<String, String>,
    /// What else the service says.
    pub additional_info: BTreeMap<String, String>,
    /// Whether no prepayment covers it.
    pub charges_billed_separately: Option<bool>,
}

/// A charge of Azure Marketplace.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnterpriseMarketplaceCharge {
    /// Id of the record.
    pub id: String,
    /// First day of the use.
    pub usage_start: Date,
    /// Last day of the use.
    pub usage_end: Date,
    /// Cost in the currency of the enrollment.
    pub extended_cost: Decimal,
    /// Units consumed.
    pub consumed_quantity: Option<Decimal>,
    /// Price of a unit.
    pub resource_rate: Option<Decimal>,
    /// What a unit is.
    pub unit_of_measure: String,
    /// Offer.
    pub offer_name: String,
    /// Plan.
    pub plan_name: String,
    /// Who sells it.
    pub publisher_name: String,
    /// Order number.
    pub order_number: String,
    /// Meter id.
    pub meter_id: String,
    /// Subscription id.
    pub subscription_guid: String,
    /// Subscription name.
    pub subscription_name: String,
    /// Resource group.
    pub resource_group: String,
    /// Resource id.
    pub instance_id: String,
    /// Enrollment account name.
    pub account_name: String,
    /// Department name.
    pub department_name: String,
    /// Cost center.
    pub cost_center: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is charged again every month.
    pub is_recurring_charge: Option<bool>,
}

/// A price of the enrollment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnterprisePrice {
    /// Billing period.
    pub billing_period_id: String,
    /// Meter id.
    pub meter_id: String,
    /// Meter name.
    pub meter_name: String,
    /// What a unit is.
    pub unit_of_measure: String,
    /// Quantity that is free.
    pub included_quantity: Option<Decimal>,
    /// Part number.
    pub part_number: String,
    /// Price of a unit.
    pub unit_price: Decimal,
    /// Currency of the price.
    pub currency: Currency,
    /// Offer.
    pub offer_id: String,
}

/// A billing period, and for which reports it has data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnterpriseBillingPeriod {
    /// Its name, such as `202611`.
    pub id: String,
    /// First day.
    pub start: Option<Date>,
    /// Last day.
    pub end: Option<Date>,
    /// Whether it has a balance.
    pub has_balance_summary: bool,
    /// Whether it has usage.
    pub has_usage_details: bool,
    /// Whether it has marketplace charges.
    pub has_marketplace_charges: bool,
    /// Whether it has prices.
    pub has_price_sheet: bool,
}

impl EnterpriseReporting {
    /// The balance of a billing period, or of the current one.
    pub async fn balance_summary(
        &self,
        billing_period: Option<&str>,
    ) -> Result<EnterpriseBalance, Error> {
        let period = billing_period.map(|name| EnterprisePeriod::Billing(name.to_owned()));
        let period = period.unwrap_or(EnterprisePeriod::Current);
        let request = self.of_period("read the balance", "balancesummary", &period)?;
        let answer = self.transport.send(&request).await?;
        let unexpected = |problem| Error::unexpected(&request.operation, problem);
        if answer.status != 200 {
            return Err(unexpected(format!("status {}", answer.status)));
        }
        let body = Fields::of_body(&answer.body).map_err(|it| unexpected(format!("it {it}")))?;
        read_balance(&body).map_err(unexpected)
    }

    /// The usage of a period, page by page.
    pub fn usage_details(
        &self,
        period: &EnterprisePeriod,
    ) -> impl Stream<Item = Result<EnterpriseUsagePage, Error>> + Send + use<> {
        self.usage_details_from(period, None)
    }

    /// The same, from [`EnterpriseUsagePage::next`] of an earlier read of the same period.
    pub fn usage_details_from(
        &self,
        period: &EnterprisePeriod,
        resume: Option<&Resume>,
    ) -> impl Stream<Item = Result<EnterpriseUsagePage, Error>> + Send + use<> {
        let request = self.of_period("read usage", "usagedetails", period);
        let pages = self.row_pages(request, resume.cloned(), read_usage);
        pages.map(|page| {
            let (rows, next) = page?;
            Ok(EnterpriseUsagePage { rows, next })
        })
    }

    /// The marketplace charges of a period.
    pub fn marketplace_charges(
        &self,
        period: &EnterprisePeriod,
    ) -> impl Stream<Item = Result<EnterpriseMarketplaceCharge, Error>> + Send + use<> {
        let request = self.of_period("read marketplace charges", "marketplacecharges", period);
        self.rows(request, read_marketplace)
    }

    /// The prices of a billing period.
    pub fn price_sheet(
        &self,
        billing_period: &str,
    ) -> impl Stream<Item = Result<EnterprisePrice, Error>> + Send + use<> {
        let operation = "read the price sheet";
        let request = part(operation, "the billing period", billing_period).and_then(|name| {
            self.request(
                operation,
                "v3",
                &format!("billingPeriods/{name}/pricesheet"),
                "",
            )
        });
        self.rows(request, read_price)
    }

    /// The billing periods with data.
    pub fn billing_periods(
        &self,
    ) -> impl Stream<Item = Result<EnterpriseBillingPeriod, Error>> + Send + use<> {
        let request = self.request("list billing periods", "v3", "billingperiods", "");
        self.rows(request, read_period)
    }
}

fn read_balance(body: &Fields) -> Result<EnterpriseBalance, String> {
    let amount = |name| Ok::<_, String>(body.optional_decimal(name)?.unwrap_or_default());
    let named = |name| {
        let details = body.objects(name)?;
        let read = |detail: &Fields| {
            Ok::<_, String>(NamedAmount {
                name: detail.text("name")?,
                value: detail.decimal("value")?,
            })
        };
        details.iter().map(read).collect::<Result<Vec<_>, _>>()
    };
    Ok(EnterpriseBalance {
        billing_period_id: body.text("billingPeriodId")?,
        currency: body.currency("currencyCode")?,
        beginning_balance: body.decimal("beginningBalance")?,
        ending_balance: body.decimal("endingBalance")?,
        new_purchases: amount("newPurchases")?,
        adjustments: amount("adjustments")?,
        utilized: amount("utilized")?,
        service_overage: amount("serviceOverage")?,
        charges_billed_separately: amount("chargesBilledSeparately")?,
        total_overage: amount("totalOverage")?,
        total_usage: amount("totalUsage")?,
        azure_marketplace_service_charges: amount("azureMarketplaceServiceCharges")?,
        new_purchases_details: named("newPurchasesDetails")?,
        adjustment_details: named("adjustmentDetails")?,
    })
}

fn read_usage(row: &Fields) -> Result<EnterpriseUsageRow, String> {
    // The first version of the API had another name for the cost.
    let cost = match row.optional_decimal("cost")? {
        Some(cost) => cost,
        None if row.raw("extendedCost").is_some() => row.decimal("extendedCost")?,
        None => return Err(row.missing("cost")),
    };
    Ok(EnterpriseUsageRow {
        date: row.day("date")?,
        cost,
        consumed_quantity: row.optional_decimal("consumedQuantity")?,
        resource_rate: row.optional_decimal("resourceRate")?,
        unit_of_measure: row.text("unitOfMeasure")?,
        subscription_guid: row.text("subscriptionGuid")?,
        subscription_name: row.text("subscriptionName")?,
        resource_group: row.text("resourceGroup")?,
        instance_id: row.text("instanceId")?,
        resource_location: row.text("resourceLocation")?,
        consumed_service: row.text("consumedService")?,
        product: row.text("product")?,
        meter_id: row.text("meterId")?,
        meter_name: row.text("meterName")?,
        meter_category: row.text("meterCategory")?,
        meter_sub_category: row.text("meterSubCategory")?,
        account_name: row.text("accountName")?,
        department_name: row.text("departmentName")?,
        cost_center: row.text("costCenter")?,
        tags: map_in_text(row, "tags")?,
        additional_info: map_in_text(row, "additionalInfo")?,
        charges_billed_separately: row.optional_flag("chargesBilledSeparately")?,
    })
}

fn read_marketplace(row: &Fields) -> Result<EnterpriseMarketplaceCharge, String> {
    Ok(EnterpriseMarketplaceCharge {
        id: row.text("id")?,
        usage_start: row.day("usageStartDate")?,
        usage_end: row.day("usageEndDate")?,
        extended_cost: row.decimal("extendedCost")?,
        consumed_quantity: row.optional_decimal("consumedQuantity")?,
        resource_rate: row.optional_decimal("resourceRate")?,
        unit_of_measure: row.text("unitOfMeasure")?,
        offer_name: row.text("offerName")?,
        plan_name: row.text("planName")?,
        publisher_name: row.text("publisherName")?,
        order_number: row.text("orderNumber")?,
        meter_id: row.text("meterId")?,
        subscription_guid: row.text("subscriptionGuid")?,
        subscription_name: row.text("subscriptionName")?,
        resource_group: row.text("resourceGroup")?,
        instance_id: row.text("instanceId")?,
        account_name: row.text("accountName")?,
        department_name: row.text("departmentName")?,
        cost_center: row.text("costCenter")?,
        tags: map_in_text(row, "tags")?,
        is_recurring_charge: row.optional_flag("isRecurringCharge")?,
    })
}

fn read_price(row: &Fields) -> Result<EnterprisePrice, String> {
    Ok(EnterprisePrice {
        billing_period_id: row.text("billingPeriodId")?,
        meter_id: row.text("meterId")?,
        meter_name: row.text("meterName")?,
        unit_of_measure: row.text("unitOfMeasure")?,
        included_quantity: row.optional_decimal("includedQuantity")?,
        part_number: row.text("partNumber")?,
        unit_price: row.decimal("unitPrice")?,
        currency: row.currency("currencyCode")?,
        offer_id: row.text("offerId")?,
    })
}

fn read_period(row: &Fields) -> Result<EnterpriseBillingPeriod, String> {
    // Each report's field is the path to its data, and null where there is none.
    let has = |name| row.raw(name).is_some();
    Ok(EnterpriseBillingPeriod {
        id: row.required_text("billingPeriodId")?,
        start: row.optional_day("billingStart")?,
        end: row.optional_day("billingEnd")?,
        has_balance_summary: has("balanceSummary"),
        has_usage_details: has("usageDetails"),
        has_marketplace_charges: has("marketplaceCharges"),
        has_price_sheet: has("priceSheet"),
    })
}
