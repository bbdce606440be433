//! Retail Prices: what Azure costs anyone who has negotiated nothing.

use std::fmt;

use budget_engine::Currency;
use futures::Stream;
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use crate::client::Limits;
use crate::cloud::{Cloud, Endpoint, EndpointError};
use crate::error::Error;
use crate::fields::Fields;
use crate::paging::{Page, flatten, pages, read_items};
use crate::parameters::encoded;
use crate::request::{Answer, Request};
use crate::retry::{Gate, Pacing, Retry};
use crate::transport::{SignIn, Transport};

/// The public price list. It needs no sign-in. Cheap to clone; clones share the pace.
///
/// ```no_run
/// use azure_cost::{RetailField, RetailFilter, RetailPrices, RetailQuery};
/// use futures::{TryStreamExt, pin_mut};
/// # async fn read(http: reqwest::Client) -> Result<(), azure_cost::Error> {
/// let filter = RetailFilter::is(RetailField::ServiceName, "Virtual Machines")
///     .and(RetailFilter::is(RetailField::ArmRegionName, "westeurope"));
/// let prices = RetailPrices::new(http).prices(&RetailQuery::new(filter));
/// pin_mut!(prices);
/// while let Some(price) = prices.try_next().await? {
///     println!("{}: {}", price.meter_name, price.retail_price);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RetailPrices {
    transport: Transport,
    endpoint: Endpoint,
}

/// Which prices to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RetailQuery {
    /// Which ones; all of them, hundreds of thousands, if it is empty.
    pub filter: RetailFilter,
    /// In which currency; US dollars if `None`. Others are for reference: Azure bills by rates of
    /// its own.
    pub currency: Option<Currency>,
    /// Only primary meters, which leaves out repetitions by region.
    pub primary_meters: bool,
}

impl RetailQuery {
    /// The prices that a filter lets through, in US dollars.
    pub fn new(filter: RetailFilter) -> RetailQuery {
        RetailQuery {
            filter,
            ..RetailQuery::default()
        }
    }

    /// The same in another currency.
    pub fn with_currency(mut self, currency: Currency) -> RetailQuery {
        self.currency = Some(currency);
        self
    }

    /// The same with primary meters only.
    pub fn with_primary_meters(mut self) -> RetailQuery {
        self.primary_meters = true;
        self
    }
}

/// A condition on prices. Azure compares values with regard to letter case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetailFilter {
    text: String,
    /// Whether it has to be put in parentheses to be part of another one.
    is_compound: bool,
}

impl RetailFilter {
    /// A field has a value.
    pub fn is(field: RetailField, value: &str) -> RetailFilter {
        RetailFilter {
            text: format!("{} eq {}", field.as_str(), quoted(value)),
            is_compound: false,
        }
    }

    /// A field's value contains some text.
    pub fn contains(field: RetailField, text: &str) -> RetailFilter {
        RetailFilter {
            text: format!("contains({}, {})", field.as_str(), quoted(text)),
            is_compound: false,
        }
    }

    /// A condition in Azure's own words, such as `serviceName eq 'Storage'`.
    pub fn of_text(text: &str) -> RetailFilter {
        RetailFilter {
            text: text.trim().to_owned(),
            is_compound: true,
        }
    }

    /// Both this and the other hold.
    pub fn and(self, other: RetailFilter) -> RetailFilter {
        self.joined("and", other)
    }

    /// This or the other holds.
    pub fn or(self, other: RetailFilter) -> RetailFilter {
        self.joined("or", other)
    }

    fn joined(self, word: &str, other: RetailFilter) -> RetailFilter {
        if self.text.is_empty() {
            return other;
        }
        if other.text.is_empty() {
            return self;
        }
        let part = |filter: &RetailFilter| match filter.is_compound {
            true => format!("({})", filter.text),
            false => filter.text.clone(),
        };
        RetailFilter {
            text: format!("{} {word} {}", part(&self), part(&other)),
            is_compound: true,
        }
    }
}

impl fmt::Display for RetailFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// What prices can be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetailField {
    /// Region as resources name it: `westeurope`.
    ArmRegionName,
    /// Region in words: `EU West`.
    Location,
    /// Meter id.
    MeterId,
    /// Meter name.
    MeterName,
    /// Product id.
    ProductId,
    /// SKU id.
    SkuId,
    /// Product name.
    ProductName,
    /// SKU name.
    SkuName,
    /// Service name: `Virtual Machines`.
    ServiceName,
    /// Service id.
    ServiceId,
    /// Service family: `Compute`.
    ServiceFamily,
    /// Kind of price: `Consumption`, `DevTestConsumption` or `Reservation`.
    PriceType,
    /// SKU as resources name it: `Standard_D2s_v5`.
    ArmSkuName,
}

impl RetailField {
    fn as_str(self) -> &'static str {
        match self {
            RetailField::ArmRegionName => "armRegionName",
            RetailField::Location => "location",
            RetailField::MeterId => "meterId",
            RetailField::MeterName => "meterName",
            RetailField::ProductId => "productId",
            RetailField::SkuId => "skuId",
            RetailField::ProductName => "productName",
            RetailField::SkuName => "skuName",
            RetailField::ServiceName => "serviceName",
            RetailField::ServiceId => "serviceId",
            RetailField::ServiceFamily => "serviceFamily",
            RetailField::PriceType => "priceType",
            RetailField::ArmSkuName => "armSkuName",
        }
    }
}

/// A public price. A meter with graduated prices has several. Text that Azure leaves out is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetailPrice {
    /// Currency of the prices.
    pub currency: Currency,
    /// Quantity from which this price holds.
    pub tier_minimum_units: Decimal,
    /// Price of a unit; of a reservation, of the whole term.
    pub retail_price: Decimal,
    /// The same, for nearly all meters.
    pub unit_price: Option<Decimal>,
    /// Region as resources name it.
    pub arm_region_name: String,
    /// Region in words.
    pub location: String,
    /// Since when the price holds.
    pub effective_start: Option<Timestamp>,
    /// Until when, where that is known.
    pub effective_end: Option<Timestamp>,
    /// Meter id.
    pub meter_id: String,
    /// Meter name.
    pub meter_name: String,
    /// Product id.
    pub product_id: String,
    /// Product name.
    pub product_name: String,
    /// SKU id.
    pub sku_id: String,
    /// SKU name.
    pub sku_name: String,
    /// SKU as resources name it.
    pub arm_sku_name: String,
    /// Service name.
    pub service_name: String,
    /// Service id.
    pub service_id: String,
    /// Service family.
    pub service_family: String,
    /// What one unit is; on reservations `1 Hour`, although the price is for the term.
    pub unit_of_measure: String,
    /// `Consumption`, `DevTestConsumption` or `Reservation`.
    pub price_type: String,
    /// Whether it is a primary meter.
    pub is_primary_meter_region: Option<bool>,
    /// `1 Year`, `3 Years`, … on reservations.
    pub reservation_term: String,
    /// Prices under a savings plan.
    pub savings_plans: Vec<RetailSavingsPlanPrice>,
}

/// A price under a savings plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetailSavingsPlanPrice {
    /// `1 Year` or `3 Years`.
    pub term: String,
    /// Price of a unit.
    pub retail_price: Decimal,
    /// The same, for nearly all meters.
    pub unit_price: Option<Decimal>,
}

impl RetailPrice {
    /// What an hour costs: of a reservation the price of its term over the term's hours (8,760 in a
    /// year, as Azure counts), else the price if its unit is an hour. `None` where the unit is
    /// something else or the term cannot be read.
    pub fn per_hour(&self) -> Option<Decimal> {
        if self.price_type.eq_ignore_ascii_case("Reservation") {
            let (number, unit) = self.reservation_term.split_once(' ')?;
            let years: u8 = number.parse().ok()?;
            let is_years = matches!(&*unit.to_ascii_lowercase(), "year" | "years");
            let hours = Decimal::from(u32::from(years) * 8760);
            return (is_years && years > 0).then(|| self.retail_price / hours);
        }
        let is_hour = self.unit_of_measure.eq_ignore_ascii_case("1 Hour");
        is_hour.then_some(self.retail_price)
    }
}

impl RetailPrices {
    /// Azure's own price list.
    pub fn new(http: reqwest::Client) -> RetailPrices {
        let endpoint = Endpoint::at("https://prices.azure.com", Cloud::Public);
        RetailPrices {
            transport: Transport::new(http, SignIn::Nobody),
            endpoint: endpoint.expect("the address of the price list is an endpoint"),
        }
    }

    /// A price list at another address: https, or http on this machine.
    pub fn at(http: reqwest::Client, base: &str) -> Result<RetailPrices, EndpointError> {
        Ok(RetailPrices {
            transport: Transport::new(http, SignIn::Nobody),
            endpoint: Endpoint::at(base, Cloud::Public)?,
        })
    }

    /// The same with other bounds of repetition.
    pub fn with_retry(mut self, retry: Retry) -> RetailPrices {
        self.transport.retry = retry;
        self
    }

    /// The same with a pace of its own.
    pub fn with_pacing(mut self, pacing: Pacing) -> RetailPrices {
        self.transport.gate = Gate::new(pacing).into();
        self
    }

    /// The same with other bounds on answers.
    pub fn with_limits(mut self, limits: Limits) -> RetailPrices {
        self.transport.limits = limits;
        self
    }

    /// The prices that a query asks for.
    pub fn prices(
        &self,
        query: &RetailQuery,
    ) -> impl Stream<Item = Result<RetailPrice, Error>> + Send + use<> {
        let mut parameters = "api-version=2023-01-01-preview".to_owned();
        if let Some(currency) = query.currency {
            parameters.push_str(&format!("&currencyCode='{currency}'"));
        }
        if query.primary_meters {
            parameters.push_str("&meterRegion='primary'");
        }
        if !query.filter.text.is_empty() {
            parameters.push_str(&format!("&$filter={}", encoded(&query.filter.text)));
        }
        let url = self.endpoint.join("/api/retail/prices", &parameters);
        let request = Request::get("read retail prices", url);
        flatten(pages(
            self.transport.clone(),
            request,
            None,
            |answer, number, _| read_page(answer, number),
        ))
    }
}

impl fmt::Debug for RetailPrices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetailPrices")
            .field("endpoint", &self.endpoint.base().host_str())
            .field("transport", &self.transport)
            .finish()
    }
}

fn read_page(answer: &Answer, number: usize) -> Result<Page<Vec<RetailPrice>>, String> {
    let page =
        Fields::of_body(&answer.body).map_err(|problem| format!("page {number} {problem}"))?;
    let in_page = |problem| format!("{problem} in page {number}");
    let items = page.list("Items").map_err(in_page)?;
    Ok(Page {
        content: read_items(&items, number, read)?,
        next: page.optional_text("NextPageLink").map_err(in_page)?,
    })
}

fn read(item: &RawValue) -> Result<RetailPrice, String> {
    let item = Fields::of(item)?;
    let plans = item.objects("savingsPlan")?;
    let plan = |plan: &Fields| {
        Ok::<_, String>(RetailSavingsPlanPrice {
            term: plan.text("term")?,
            retail_price: plan.decimal("retailPrice")?,
            unit_price: plan.optional_decimal("unitPrice")?,
        })
    };
    let minimum = item.optional_decimal("tierMinimumUnits")?;
    Ok(RetailPrice {
        currency: item.currency("currencyCode")?,
        tier_minimum_units: minimum.unwrap_or_default(),
        retail_price: item.decimal("retailPrice")?,
        unit_price: item.optional_decimal("unitPrice")?,
        arm_region_name: item.text("armRegionName")?,
        location: item.text("location")?,
        effective_start: item.optional_moment("effectiveStartDate")?,
        effective_end: item.optional_moment("effectiveEndDate")?,
        meter_id: item.text("meterId")?,
        meter_name: item.text("meterName")?,
        product_id: item.text("productId")?,
        product_name: item.text("productName")?,
        sku_id: item.text("skuId")?,
        sku_name: item.text("skuName")?,
        arm_sku_name: item.text("armSkuName")?,
        service_name: item.text("serviceName")?,
        service_id: item.text("serviceId")?,
        service_family: item.text("serviceFamily")?,
        unit_of_measure: item.text("unitOfMeasure")?,
        price_type: item.text("type")?,
        is_primary_meter_region: item.optional_flag("isPrimaryMeterRegion")?,
        reservation_term: item.text("reservationTerm")?,
        savings_plans: plans.iter().map(plan).collect::<Result<_, _>>()?,
    })
}
