//! The price sheet of an Enterprise enrollment: page by page, or as a file.

use budget_engine::{Currency, Scope, ScopeKind};
use futures::Stream;
use rust_decimal::Decimal;

use super::{API_VERSION, in_billing_period};
use crate::client::{Client, billing_account_path, part, path_of_kind};
use crate::cost_management::prepared::PreparedFile;
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{Page, flatten, lazily, pages};
use crate::request::{Answer, Request};

/// The price of a meter. What Azure leaves out is `None` or `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PriceSheetPrice {
    /// Path of the billing period.
    pub billing_period_id: String,
    /// Meter id.
    pub meter_id: String,
    /// What the price is for, its number included: `100 Hours`.
    pub unit_of_measure: String,
    /// Quantity that is included.
    pub included_quantity: Option<Decimal>,
    /// Part number.
    pub part_number: String,
    /// Price of one unit of measure.
    pub unit_price: Decimal,
    /// Its currency.
    pub currency: Currency,
    /// Offer.
    pub offer_id: String,
    /// The price under a savings plan.
    pub savings_plan: Option<SavingsPlanPrice>,
    /// What the meter is.
    pub meter_details: Option<PriceSheetMeter>,
}

/// A price under a savings plan, in the currency of the price.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SavingsPlanPrice {
    /// How long: `P1Y` or `P3Y`.
    pub term: String,
    /// Price without the plan.
    pub market_price: Option<Decimal>,
    /// Price with it.
    pub effective_price: Option<Decimal>,
}

/// What a meter of a price sheet is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PriceSheetMeter {
    /// Name.
    pub meter_name: String,
    /// Category.
    pub meter_category: String,
    /// Subcategory.
    pub meter_sub_category: String,
    /// Unit.
    pub unit: String,
    /// Region.
    pub meter_location: String,
    /// Quantity that is included.
    pub total_included_quantity: Option<Decimal>,
    /// List price before tax.
    pub pretax_standard_rate: Option<Decimal>,
    /// Service.
    pub service_name: String,
    /// Tier of the service.
    pub service_tier: String,
}

impl Client {
    /// The prices of a subscription under an Enterprise Agreement, of a billing period (`202611`)
    /// or else of the current one.
    pub fn price_sheet(
        &self,
        subscription: &Scope,
        period: Option<&str>,
    ) -> impl Stream<Item = Result<PriceSheetPrice, Error>> + Send + use<> {
        let operation = format!("read the price sheet of {subscription}");
        let path = path_of_kind(&operation, subscription, &[ScopeKind::Subscription]);
        let path = path.and_then(|path| match period {
            Some(period) => in_billing_period(&operation, &path, period),
            None => Ok(path),
        });
        lazily(path.map(|path| {
            let tail = "/providers/Microsoft.Consumption/pricesheets/default";
            let query = format!("{API_VERSION}&$expand=meterDetails&$top=1000");
            let request = Request::get(operation, self.url(&path, tail, &query));
            flatten(pages(
                self.transport.clone(),
                request,
                None,
                |answer, number, _| read_page(answer, number),
            ))
        }))
    }

    /// Starts the price sheet of an Enterprise billing account in a billing period (`202611`) as a
    /// file. Cost Management makes it as well: [`Client::start_price_sheet`].
    pub async fn start_consumption_price_sheet(
        &self,
        billing_account: &Scope,
        period: &str,
    ) -> Result<PreparedFile, Error> {
        let operation = format!("make the price sheet of {billing_account}");
        let path = billing_account_path(&operation, billing_account)?;
        let period = part(&operation, "the billing period", period)?;
        let tail = format!(
            "/billingPeriods/{period}/providers/Microsoft.Consumption/pricesheets/download"
        );
        let url = self.url(&path, &tail, API_VERSION);
        self.start_file(&Request::prepare(operation, url)).await
    }
}

fn read_page(answer: &Answer, number: usize) -> Result<Page<Vec<PriceSheetPrice>>, String> {
    let body =
        Fields::of_body(&answer.body).map_err(|problem| format!("page {number} {problem}"))?;
    let in_page = |problem| format!("{problem} in page {number}");
    let properties = body.object("properties").map_err(in_page)?;
    if properties.raw("pricesheets").is_none() {
        return Err(in_page(properties.missing("pricesheets")));
    }
    let prices = properties.objects("pricesheets").map_err(in_page)?;
    let prices = prices.iter().map(read_price).collect::<Result<_, _>>();
    Ok(Page {
        content: prices.map_err(in_page)?,
        next: properties.optional_text("nextLink").map_err(in_page)?,
    })
}

fn read_price(fields: &Fields) -> Result<PriceSheetPrice, String> {
    let savings_plan = fields.optional_object("savingsPlan")?;
    let meter = fields.optional_object("meterDetails")?;
    Ok(PriceSheetPrice {
        billing_period_id: fields.text("billingPeriodId")?,
        meter_id: fields.text("meterId")?,
        unit_of_measure: fields.text("unitOfMeasure")?,
        included_quantity: fields.optional_decimal("includedQuantity")?,
        part_number: fields.text("partNumber")?,
        unit_price: fields.decimal("unitPrice")?,
        currency: fields.currency("currencyCode")?,
        offer_id: fields.text("offerId")?,
        savings_plan: savings_plan.as_ref().map(read_plan).transpose()?,
        meter_details: meter.as_ref().map(read_meter).transpose()?,
    })
}

fn read_plan(fields: &Fields) -> Result<SavingsPlanPrice, String> {
    Ok(SavingsPlanPrice {
        term: fields.text("term")?,
        market_price: fields.optional_decimal("marketPrice")?,
        effective_price: fields.optional_decimal("effectivePrice")?,
    })
}

fn read_meter(fields: &Fields) -> Result<PriceSheetMeter, String> {
    Ok(PriceSheetMeter {
        meter_name: fields.text("meterName")?,
        meter_category: fields.text("meterCategory")?,
        meter_sub_category: fields.text("meterSubCategory")?,
        unit: fields.text("unit")?,
        meter_location: fields.text("meterLocation")?,
        total_included_quantity: fields.optional_decimal("totalIncludedQuantity")?,
        pretax_standard_rate: fields.optional_decimal("pretaxStandardRate")?,
        service_name: fields.text("serviceName")?,
        service_tier: fields.text("serviceTier")?,
    })
}
