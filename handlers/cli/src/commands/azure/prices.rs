//! `azure prices`: the agreement's price sheet, an offer's rate card, the public price list.

use azure_cost::{
    Meter, PriceSheetPrice, RateCardQuery, RetailFilter, RetailPrice, RetailPrices, RetailQuery,
};
use budget_engine::{Currency, Money, ScopeKind};
use futures::{StreamExt, stream};
use spendwatch::sources;

use super::{Asking, Explain, price_file};
use crate::args::azure::Prices;
use crate::args::wrong_use;
use crate::listing::{List, Value};

pub(super) async fn run(asking: &Asking<'_>, options: &Prices) -> anyhow::Result<()> {
    if options.retail {
        retail(asking, options).await
    } else if let Some(offer) = &options.rate_card {
        rate_card(asking, options, offer).await
    } else if options.currency.is_some() {
        Err(wrong_use(
            "--currency is for --retail and --rate-card; a price sheet has the agreement's",
        ))
    } else {
        sheet(asking, options).await
    }
}

async fn sheet(asking: &Asking<'_>, options: &Prices) -> anyhow::Result<()> {
    let scope = asking.scope(&[
        ScopeKind::Subscription,
        ScopeKind::BillingProfile,
        ScopeKind::BillingAccount,
    ])?;
    if scope.kind() != ScopeKind::Subscription {
        return price_file::run(asking, options, &scope).await;
    }
    for (option, is_given) in [
        ("--invoice", options.invoice.is_some()),
        ("--save", options.save.is_some()),
    ] {
        if is_given {
            return Err(wrong_use(format!(
                "{option} is for the price sheet of a billing profile or billing account, which \
                 Azure makes as a file; that of a subscription comes page by page"
            )));
        }
    }
    let prices = asking
        .client()?
        .price_sheet(&scope, options.period.as_deref());
    let prices = prices.map(|price| price.map_err(|error| price_file::with_who_has(error, &scope)));
    asking.print(sheet_list(), prices).await
}

fn sheet_list() -> List<PriceSheetPrice> {
    let meter = |read: fn(&azure_cost::PriceSheetMeter) -> &String| {
        move |price: &PriceSheetPrice| {
            let meter = price.meter_details.as_ref();
            meter.map_or(Value::Nothing, |meter| Value::from(read(meter)))
        }
    };
    List::of("price", "prices")
        .shown("Category", "category", meter(|meter| &meter.meter_category))
        .field("sub_category", meter(|meter| &meter.meter_sub_category))
        .shown("Meter", "meter", meter(|meter| &meter.meter_name))
        .shown("Region", "region", meter(|meter| &meter.meter_location))
        .field("meter_id", |price| Value::from(&price.meter_id))
        .field("part_number", |price| Value::from(&price.part_number))
        .field("offer", |price| Value::from(&price.offer_id))
        .shown("Unit", "unit", |price| Value::from(&price.unit_of_measure))
        .field("included_quantity", |price| price.included_quantity)
        .number("Price", "price", |price| {
            Value::Price(Money::new(price.unit_price, price.currency))
        })
        .field("currency", |price| price.currency)
}

async fn retail(asking: &Asking<'_>, options: &Prices) -> anyhow::Result<()> {
    let http = sources::http()?;
    let prices = match &asking.connection.endpoint {
        Some(endpoint) => RetailPrices::at(http, endpoint.as_str())?,
        None => RetailPrices::new(http),
    };
    let filter = RetailFilter::of_text(options.filter.as_deref().unwrap_or_default());
    let mut query = RetailQuery::new(filter);
    if let Some(currency) = options.currency {
        query = query.with_currency(currency);
    }
    // There is no scope whose roles could be missing; the client says the rest.
    let found = prices.prices(&query).map(|price| Ok(price?));
    asking.print(retail_list(), found).await
}

fn retail_list() -> List<RetailPrice> {
    List::of("price", "prices")
        .shown("Service", "service", |price: &RetailPrice| {
            Value::from(&price.service_name)
        })
        .field("product", |price| Value::from(&price.product_name))
        .shown("SKU", "sku", |price| Value::from(&price.sku_name))
        .shown("Meter", "meter", |price| Value::from(&price.meter_name))
        .field("meter_id", |price| Value::from(&price.meter_id))
        .field("arm_sku", |price| Value::from(&price.arm_sku_name))
        .shown("Region", "region", |price| {
            Value::from(&price.arm_region_name)
        })
        .shown("Kind", "kind", |price| Value::from(&price.price_type))
        .shown("Term", "term", |price| Value::from(&price.reservation_term))
        .field("effective_from", |price| price.effective_start)
        .field("from_quantity", |price| price.tier_minimum_units)
        .shown("Unit", "unit", |price| Value::from(&price.unit_of_measure))
        .number("Price", "price", |price| {
            Value::Price(Money::new(price.retail_price, price.currency))
        })
        .field("currency", |price| price.currency)
}

async fn rate_card(asking: &Asking<'_>, options: &Prices, offer: &str) -> anyhow::Result<()> {
    let scope = asking.scope(&[ScopeKind::Subscription])?;
    let dollars = "USD".parse::<Currency>()?;
    let query = RateCardQuery {
        offer: offer.to_owned(),
        currency: options.currency.unwrap_or(dollars),
        locale: "en-US".to_owned(),
        region: options.region.clone(),
    };
    let card = asking
        .client()?
        .rate_card(&scope, &query)
        .await
        .explain(&scope)?;
    let currency = card.currency;
    let list = List::of("price", "prices")
        .shown("Category", "category", |meter: &Meter| {
            Value::from(&meter.category)
        })
        .field("sub_category", |meter| Value::from(&meter.sub_category))
        .shown("Meter", "meter", |meter| Value::from(&meter.name))
        .shown("Region", "region", |meter| Value::from(&meter.region))
        .field("meter_id", |meter| Value::from(&meter.id))
        .field("effective_from", |meter| meter.effective)
        .shown("Unit", "unit", |meter| Value::from(&meter.unit))
        .field("included_quantity", |meter| meter.rates.included())
        .number("Price", "price", move |meter| {
            let first = meter.rates.rates().first();
            first.map(|(_, rate)| Value::Price(Money::new(*rate, currency)))
        })
        .field("tiers", |meter| {
            let tiers = meter.rates.rates().iter();
            Value::Pairs(
                tiers
                    .map(|(from, rate)| (from.to_string(), rate.to_string()))
                    .collect(),
            )
        })
        .field("currency", move |_| currency);
    asking
        .print(list, stream::iter(card.meters().iter().cloned().map(Ok)))
        .await
}
