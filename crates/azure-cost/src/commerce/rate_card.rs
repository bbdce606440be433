//! The rate card: the prices of an offer for a currency, a language and a region.

use budget_engine::{Currency, Scope, ScopeKind};
use futures::StreamExt;
use http::header::LOCATION;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::value::RawValue;

use super::API_VERSION;
use super::pricing::MeterRates;
use crate::client::{Client, path_of_kind};
use crate::download::{SignedLink, download};
use crate::error::Error;
use crate::fields::Fields;
use crate::parameters::quoted;
use crate::request::{Answer, Request};
use crate::wire;

/// Which rate card. Azure wants all four.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateCardQuery {
    /// Offer, for example `MS-AZR-0003P` (pay-as-you-go).
    pub offer: String,
    /// Currency of the prices.
    pub currency: Currency,
    /// Language of the names, for example `en-US`.
    pub locale: String,
    /// Country where the offer was bought, two letters.
    pub region: String,
}

/// The prices of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateCard {
    /// Currency of all prices.
    pub currency: Currency,
    /// Language of the names.
    pub locale: String,
    /// Whether tax is in the prices; so far it never is.
    pub is_tax_included: Option<bool>,
    /// What holds for the offer as a whole.
    pub offer_terms: Vec<OfferTerm>,
    /// By folded id and day, so that a meter is found among tens of thousands.
    meters: Vec<Meter>,
}

/// What is counted, and its price. Text that Azure leaves out is `""`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meter {
    /// Meter id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Category.
    pub category: String,
    /// Subcategory.
    pub sub_category: String,
    /// What one unit is.
    pub unit: String,
    /// Words such as `Third Party`.
    pub tags: Vec<String>,
    /// Region.
    pub region: String,
    /// Prices and included quantity. Where Azure names no prices there are none, and asking for a
    /// cost is [`PriceError::NoRate`](super::pricing::PriceError).
    pub rates: MeterRates,
    /// Since when they hold; `None` for always.
    pub effective: Option<Date>,
}

/// Something that holds for an offer as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OfferTerm {
    /// An amount for every month.
    RecurringCharge {
        /// How much.
        charge: Decimal,
        /// Since when.
        effective: Option<Date>,
    },
    /// A discount for a promised spend.
    MonetaryCommitment {
        /// Discount by the promised amount from which it holds, ascending.
        tiered_discount: Vec<(Decimal, Decimal)>,
        /// Meters that it leaves out.
        excluded_meter_ids: Vec<String>,
        /// Since when.
        effective: Option<Date>,
    },
    /// An amount that is free every month.
    MonetaryCredit {
        /// How much.
        credit: Decimal,
        /// Meters that it leaves out.
        excluded_meter_ids: Vec<String>,
        /// Since when.
        effective: Option<Date>,
    },
    /// A term that this crate does not know, by its name.
    Other(String),
}

/// Rate cards come in one piece of tens of megabytes.
const LONGEST_ANSWER: usize = 256 << 20;

impl RateCard {
    /// All meters, by id and then by the day since when their prices hold.
    pub fn meters(&self) -> &[Meter] {
        &self.meters
    }

    /// The prices of a meter that hold on a day. Letter case of the id does not matter.
    pub fn meter(&self, id: &str, on: Date) -> Option<&Meter> {
        let folded = id.to_ascii_lowercase();
        let wanted = (folded.as_str(), Some(on));
        let after = self.meters.partition_point(|meter| {
            let folded = meter.id.to_ascii_lowercase();
            (folded.as_str(), meter.effective) <= wanted
        });
        let meter = self.meters.get(after.checked_sub(1)?)?;
        meter.id.eq_ignore_ascii_case(id).then_some(meter)
    }
}

impl Client {
    /// The rate card of an offer, as a subscription with that offer sees it. Served for
    /// pay-as-you-go, Visual Studio, commitment and credit offers, not for Enterprise Agreements
    /// and partners.
    pub async fn rate_card(
        &self,
        subscription: &Scope,
        query: &RateCardQuery,
    ) -> Result<RateCard, Error> {
        let operation = format!("read the rate card of {subscription}");
        let path = path_of_kind(&operation, subscription, &[ScopeKind::Subscription])?;
        let query_text = format!(
            "{API_VERSION}&$filter=OfferDurableId eq {} and Currency eq '{}' and \
             Locale eq {} and RegionInfo eq {}",
            quoted(&query.offer),
            query.currency.code(),
            quoted(&query.locale),
            quoted(&query.region),
        );
        let tail = "/providers/Microsoft.Commerce/RateCard";
        let url = self.url(&path, tail, &query_text);
        let mut request = Request::get(&*operation, url);
        request.answer_bytes = Some(LONGEST_ANSWER);
        let answer = self.send(&request).await?;
        let unexpected = |problem| Error::unexpected(&operation, problem);
        let body = match answer.status {
            200 => answer.body,
            301 | 302 | 303 | 307 | 308 => self.redirected(&operation, &answer).await?,
            status => return Err(unexpected(format!("status {status}"))),
        };
        read(&body, query).map_err(unexpected)
    }

    /// What a redirect leads to: a file in storage, which must not see our token.
    async fn redirected(&self, operation: &str, answer: &Answer) -> Result<Vec<u8>, Error> {
        let unexpected = |problem: String| Error::unexpected(operation, problem);
        let place = answer.header(LOCATION.as_str()).unwrap_or_default();
        let link = SignedLink::parse(place, None, self.endpoint.base()).map_err(unexpected)?;
        let chunks = download(self.transport.clone(), operation.to_owned(), link);
        let mut chunks = std::pin::pin!(chunks);
        let mut body = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            if body.len() + chunk.len() > LONGEST_ANSWER {
                let problem = format!("it is longer than {LONGEST_ANSWER} bytes");
                return Err(unexpected(problem));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn read(body: &[u8], query: &RateCardQuery) -> Result<RateCard, String> {
    let body = Fields::of_body(body).map_err(|problem| format!("it {problem}"))?;
    let mut meters = Vec::new();
    for (index, raw) in body.list("Meters")?.into_iter().enumerate() {
        let meter = read_meter(raw);
        meters.push(meter.map_err(|problem| format!("{problem} in meter {}", index + 1))?);
    }
    meters.sort_by_cached_key(|meter| (meter.id.to_ascii_lowercase(), meter.effective));
    let terms = body.objects("OfferTerms")?;
    // Answers without a currency hold the prices that were asked for.
    let currency = body.optional_currency("Currency")?;
    let currency = currency.unwrap_or(query.currency);
    if currency != query.currency {
        return Err(format!(
            "its prices are in {currency}, not in {}",
            query.currency
        ));
    }
    Ok(RateCard {
        currency,
        locale: body.text("Locale")?,
        is_tax_included: body.optional_flag("IsTaxIncluded")?,
        offer_terms: terms.iter().map(read_term).collect::<Result<_, _>>()?,
        meters,
    })
}

fn read_meter(raw: &RawValue) -> Result<Meter, String> {
    let meter = Fields::of(raw)?;
    let included = meter.optional_decimal("IncludedQuantity")?;
    let rates = steps(&meter, "MeterRates")?;
    Ok(Meter {
        id: meter.required_text("MeterId")?,
        name: meter.text("MeterName")?,
        category: meter.text("MeterCategory")?,
        sub_category: meter.text("MeterSubCategory")?,
        unit: meter.text("Unit")?,
        tags: meter.texts("MeterTags")?,
        region: meter.text("MeterRegion")?,
        rates: MeterRates::new(rates, included.unwrap_or_default()),
        effective: meter.optional_day("EffectiveDate")?,
    })
}

/// A map of quantities or amounts, as decimal text, to numbers.
fn steps(fields: &Fields, name: &str) -> Result<Vec<(Decimal, Decimal)>, String> {
    let Some(map) = fields.optional_object(name)? else {
        return Ok(Vec::new());
    };
    let mut steps = Vec::new();
    for (from, value) in map.entries() {
        let step = from.trim().parse().ok().zip(wire::decimal(value));
        steps.push(step.ok_or_else(|| fields.wrong(name, "a map of numbers to numbers"))?);
    }
    steps.sort();
    Ok(steps)
}

fn read_term(term: &Fields) -> Result<OfferTerm, String> {
    let name = term.text("Name")?;
    let effective = term.optional_day("EffectiveDate")?;
    // The documentation writes the names with a space, and some answers do without.
    let folded = name.replace(' ', "").to_ascii_lowercase();
    Ok(match &*folded {
        "recurringcharge" => OfferTerm::RecurringCharge {
            charge: term.decimal("RecurringCharge")?,
            effective,
        },
        "monetarycommitment" => OfferTerm::MonetaryCommitment {
            tiered_discount: steps(term, "TieredDiscount")?,
            excluded_meter_ids: term.texts("ExcludedMeterIds")?,
            effective,
        },
        "monetarycredit" => OfferTerm::MonetaryCredit {
            credit: term.decimal("Credit")?,
            excluded_meter_ids: term.texts("ExcludedMeterIds")?,
            effective,
        },
        _ => OfferTerm::Other(name),
    })
}
