//! Usage aggregates of pay-as-you-go subscriptions, priced by the rate card of their offer.

mod pricing;

use std::ops::Range;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use azure_cost::{
    Client, Error, Granularity, OfferTerm, RateCard, RateCardQuery, UsageAggregate,
    UsageAggregatesQuery, UsageFold, UsageKind, UsageRow,
};
use budget_engine::{CostBasis, Currency, FactsBuilder, Projection, Scope, plus_days};
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use tokio::sync::OnceCell;

use super::azure::advice;
use super::months::{Begun, Costs, MonthReader, Reading, Save};
use super::{Answer, Attempt, CostSource, Examined, ReadContext, ReadRequest};
use pricing::Usage;

/// How many days after a month its usage is still looked for: Azure bills what arrives within three
/// days.
const REPORTED_WITHIN_DAYS: i32 = 5;

/// Usage of subscriptions, priced by a rate card.
pub struct UsageAggregates {
    client: Client,
    rate_card: RateCardQuery,
    history_days: u32,
}

impl UsageAggregates {
    /// A source that asks with this client for usage, and for the prices of this offer, reading
    /// `history_days` more than the current periods.
    pub fn new(client: Client, rate_card: RateCardQuery, history_days: u32) -> UsageAggregates {
        UsageAggregates {
            client,
            rate_card,
            history_days,
        }
    }
}

#[async_trait]
impl CostSource for UsageAggregates {
    async fn read(&self, request: &ReadRequest, context: &ReadContext) -> anyhow::Result<Answer> {
        ensure!(
            request.cost_basis == CostBasis::Actual,
            "usage aggregates know no purchases, so they have no amortized cost: set `cost_basis` of \
             the budget to actual, or read it from another source"
        );
        let as_of = Timestamp::now();
        let mut reading = Reading {
            kept: context.kept.as_ref(),
            basis: CostBasis::Actual,
            // Whole months: the rates of a day depend on what was used since the first.
            days: request.days(self.history_days, None),
            now: as_of,
            used: Vec::new(),
            notes: Vec::new(),
        };
        let client = self.client.clone().with_waits(context.waits());
        // One rate card holds for all subscriptions of the offer.
        let card = OnceCell::new();
        let mut facts = FactsBuilder::new(request.projection.clone());
        for scope in &request.scopes {
            let reader = Reader {
                client: &client,
                rate_card: &self.rate_card,
                scope,
                today: request.today,
                projection: &request.projection,
                card: &card,
            };
            reading.read(&reader, &mut facts).await?;
        }
        reading.tidy().await;
        let facts = facts.finish(as_of);
        let mut notes = reading.notes;
        notes.extend(card.get().into_iter().flat_map(unapplied_terms));
        if facts.skipped_rows() > 0 {
            notes.push(format!(
                "{} rows of usage have no price, and their cost is missing",
                facts.skipped_rows()
            ));
        }
        Ok(Answer { facts, notes })
    }

    async fn examine(&self, request: &ReadRequest) -> Vec<Examined> {
        let mut examined = Vec::new();
        for scope in &request.scopes {
            let day = plus_days(request.today, -3);
            let usage = async {
                let query = query(day, plus_days(day, 1))?;
                let pages = self.client.usage_aggregates(scope, &query);
                pin_mut!(pages);
                Ok::<_, anyhow::Error>(pages.next().await.transpose().map(drop)?)
            };
            let usage = usage.await.err();
            let prices = self.client.rate_card(scope, &self.rate_card).await.err();
            let words = |error: &anyhow::Error| match error.downcast_ref::<Error>() {
                Some(error) => words_for(error, scope),
                None => format!("{error:#}"),
            };
            let attempt = |what: String, problem| Attempt {
                what,
                is_needed: true,
                problem,
                nothing_for: None,
            };
            let RateCardQuery { offer, .. } = &self.rate_card;
            examined.push(Examined {
                about: scope.to_string(),
                way: "usage aggregates, priced by the rate card".to_owned(),
                agreement: None,
                attempts: vec![
                    attempt("usage aggregates".to_owned(), usage.as_ref().map(words)),
                    attempt(
                        format!("rate card of {offer}"),
                        prices.map(|error| words_for(&error, scope)),
                    ),
                ],
            });
        }
        examined
    }
}

/// What an offer has besides rates, and these figures have not.
fn unapplied_terms(card: &RateCard) -> Vec<String> {
    let term = |term: &OfferTerm| match term {
        OfferTerm::RecurringCharge { charge, .. } => {
            format!(
                "its recurring charge of {charge} {} is not counted",
                card.currency
            )
        }
        OfferTerm::MonetaryCommitment { .. } => {
            "its discounts for a commitment are not taken off".to_owned()
        }
        OfferTerm::MonetaryCredit { credit, .. } => {
            format!("its credit of {credit} {} is not taken off", card.currency)
        }
        OfferTerm::Other(name) => format!("its term `{name}` is not known and not applied"),
        _ => "a term of it is not applied".to_owned(),
    };
    let words =
        |one: &OfferTerm| format!("costs are usage at the rates of the offer: {}", term(one));
    card.offer_terms.iter().map(words).collect()
}

/// What to do about an error. Cost roles do not reach these APIs.
fn words_for(error: &Error, scope: &Scope) -> String {
    match error {
        Error::Forbidden { code, .. } => format!(
            "{code}: the identity may not read usage or prices here; grant it the role Reader on {scope}"
        ),
        other => advice(other, scope),
    }
}

struct Reader<'a> {
    client: &'a Client,
    rate_card: &'a RateCardQuery,
    scope: &'a Scope,
    today: Date,
    projection: &'a Projection,
    card: &'a OnceCell<RateCard>,
}

#[async_trait]
impl MonthReader for Reader<'_> {
    fn identity(&self) -> String {
        let RateCardQuery {
            offer,
            currency,
            locale,
            region,
        } = self.rate_card;
        format!(
            "usage aggregates of {} at the rates of {offer} in {currency} for {region} ({locale})",
            self.scope
        )
    }

    async fn read(
        &self,
        days: Range<Date>,
        _: Option<Begun>,
        _: &Save<'_>,
    ) -> anyhow::Result<Costs> {
        let as_of = Timestamp::now();
        let mut facts = FactsBuilder::new(self.projection.clone());
        // Azure refuses an end in the future, and days end at midnight.
        let end = plus_days(days.end, REPORTED_WITHIN_DAYS).min(self.today);
        if end <= days.start {
            return Ok(facts.finish(as_of).into());
        }
        let card = self
            .card
            .get_or_try_init(|| self.client.rate_card(self.scope, self.rate_card))
            .await?;
        let query = query(days.start, end)?;
        let pages = self.client.usage_aggregates(self.scope, &query);
        pin_mut!(pages);
        let mut usage = Usage::default();
        while let Some(page) = pages.next().await {
            for row in page?.rows {
                let day = row.usage_start.to_zoned(TimeZone::UTC).date();
                if days.contains(&day) {
                    let priced_later = usage_row(&row, day, card.currency);
                    usage.add(&row.meter_id, row.quantity, &row.unit, priced_later)?;
                }
            }
        }
        let (rows, unpriced) = usage.priced(|meter, day| Some(&card.meter(meter, day)?.rates));
        UsageFold::new(self.scope, CostBasis::Actual).add(&rows, &mut facts)?;
        let mut notes = Vec::new();
        for one in unpriced {
            facts.skip(one.rows);
            notes.push(format!(
                "{}, {} until {}: no price for {}",
                self.scope, days.start, days.end, one.words
            ));
        }
        let facts = facts.finish(as_of);
        Ok(Costs {
            notes,
            ..facts.into()
        })
    }
}

/// Usage by day and resource that was reported from a day until before another.
fn query(from: Date, to: Date) -> anyhow::Result<UsageAggregatesQuery> {
    let midnight = |day: Date| {
        let zoned = day.to_zoned(TimeZone::UTC);
        zoned
            .map(|zoned| zoned.timestamp())
            .context("a day has no midnight")
    };
    Ok(UsageAggregatesQuery {
        from: midnight(from)?,
        to: midnight(to)?,
        granularity: Granularity::Daily,
        show_details: true,
    })
}

/// A row of usage without its cost.
fn usage_row(usage: &UsageAggregate, date: Date, currency: Currency) -> UsageRow {
    let mut row = UsageRow::new(UsageKind::Legacy, date, Decimal::ZERO, currency);
    row.charge_type = "Usage".to_owned();
    row.frequency = "UsageBased".to_owned();
    row.subscription_id = usage.subscription_id.clone();
    row.meter_category = usage.meter_category.clone();
    row.meter_subcategory = usage.meter_sub_category.clone();
    row.meter_name = usage.meter_name.clone();
    row.region = usage.meter_region.clone();
    row.publisher_type = "Azure".to_owned();
    if let Some(instance) = &usage.instance {
        row.resource_id = instance.resource_uri.clone();
        row.tags = instance.tags.clone().into_iter().collect();
        if !instance.location.is_empty() {
            row.region = instance.location.clone();
        }
    }
    row
}
