//! The retired Enterprise Reporting API as a cost source: usage, marketplace charges and charges for
//! reservations of a whole enrollment.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use azure_cost::{
    EnterpriseMarketplaceCharge, EnterprisePeriod, EnterpriseReporting as Client,
    EnterpriseReservationCharge, EnterpriseUsageRow, Error, Resume, UsageFold, UsageKind, UsageRow,
};
use budget_engine::{CostBasis, Currency, FactsBuilder, Projection, Scope, plus_days};
use futures::{StreamExt, pin_mut};
use jiff::Timestamp;
use jiff::civil::Date;

use super::months::{Begun, Costs, MonthReader, Reading, Save};
use super::{Answer, Attempt, CostSource, Examined, Progress, ReadContext, ReadRequest};

/// Pages between two times that the sums so far are kept.
const PAGES_PER_SAVE: usize = 25;

/// The reports of one enrollment. Rows hold actual cost only.
pub struct EnterpriseReporting {
    client: Client,
    enrollment: String,
    /// The enrollment as a billing account.
    scope: Scope,
    history_days: u32,
}

impl EnterpriseReporting {
    /// A source that asks with this client of the enrollment, reading `history_days` more than the
    /// current periods.
    ///
    /// # Errors
    /// When the number is no part of a path.
    pub fn new(
        client: Client,
        enrollment: &str,
        history_days: u32,
    ) -> anyhow::Result<EnterpriseReporting> {
        let path = format!("/providers/Microsoft.Billing/billingAccounts/{enrollment}");
        Ok(EnterpriseReporting {
            client,
            enrollment: enrollment.to_owned(),
            scope: Scope::parse(&path).context("`enrollment` is not a number")?,
            history_days,
        })
    }
}

#[async_trait]
impl CostSource for EnterpriseReporting {
    async fn read(&self, request: &ReadRequest, context: &ReadContext) -> anyhow::Result<Answer> {
        let as_of = Timestamp::now();
        let mut reading = Reading {
            kept: context.kept.as_ref(),
            basis: CostBasis::Actual,
            days: request.days(self.history_days, None),
            now: as_of,
            used: Vec::new(),
            notes: Vec::new(),
        };
        // Rows name no currency: it is the enrollment's.
        let client = self.client.clone().with_waits(context.waits());
        let currency = client.balance_summary(None).await?.currency;
        let reader = Reader {
            source: self,
            client,
            currency,
            projection: &request.projection,
            progress: context.progress.as_ref(),
        };
        let mut facts = FactsBuilder::new(request.projection.clone());
        reading.read(&reader, &mut facts).await?;
        reading.tidy().await;
        Ok(Answer {
            facts: facts.finish(as_of),
            notes: reading.notes,
        })
    }

    async fn examine(&self, request: &ReadRequest) -> Vec<Examined> {
        let day = plus_days(request.today, -3);
        let period = EnterprisePeriod::Days(day, plus_days(day, 1));
        let usage = self.client.usage_details(&period);
        let charges = self.client.marketplace_charges(&period);
        let reservations = self.client.reservation_charges(day, plus_days(day, 1));
        pin_mut!(usage, charges, reservations);
        let reservations = reservations.next().await.and_then(Result::err);
        let attempt = |what: &str, problem: Option<Error>| Attempt {
            what: what.to_owned(),
            is_needed: true,
            problem: problem.map(|error| advice(&error)),
            nothing_for: None,
        };
        vec![Examined {
            about: self.scope.to_string(),
            way: "Enterprise Reporting, which Microsoft has retired".to_owned(),
            agreement: Some("Enterprise Agreement".to_owned()),
            attempts: vec![
                attempt(
                    "balance summary",
                    self.client.balance_summary(None).await.err(),
                ),
                attempt("usage", usage.next().await.and_then(Result::err)),
                attempt(
                    "marketplace charges",
                    charges.next().await.and_then(Result::err),
                ),
                Attempt {
                    // An endpoint without this report is read without it, which is noted then.
                    is_needed: !matches!(reservations, Some(Error::NotFound { .. })),
                    ..attempt("reservation charges", reservations)
                },
            ],
        }]
    }
}

/// What to do about an error.
fn advice(error: &Error) -> String {
    match error {
        Error::Unauthorized { message, .. } => format!(
            "the key is refused ({message}): it is valid for six months and for one enrollment; check \
             `key` and `enrollment`"
        ),
        Error::NotFound { .. } => {
            format!("{error}; check `endpoint`: Microsoft's own has been switched off")
        }
        other => other.to_string(),
    }
}

struct Reader<'a> {
    source: &'a EnterpriseReporting,
    client: Client,
    currency: Currency,
    projection: &'a Projection,
    progress: Option<&'a Arc<dyn Progress>>,
}

#[async_trait]
impl MonthReader for Reader<'_> {
    fn identity(&self) -> String {
        format!("enterprise reporting of {}", self.source.scope)
    }

    async fn read(
        &self,
        days: Range<Date>,
        begun: Option<Begun>,
        save: &Save<'_>,
    ) -> anyhow::Result<Costs> {
        let as_of = Timestamp::now();
        let mut facts = FactsBuilder::new(self.projection.clone());
        let mut resume: Option<Resume> = None;
        if let Some(begun) = begun {
            resume = Some(serde_json::from_value(begun.rest)?);
            facts.absorb(&begun.costs.facts)?;
        }
        let period = EnterprisePeriod::Days(days.start, days.end);
        let client = &self.client;
        let mut fold = UsageFold::new(&self.source.scope, CostBasis::Actual);
        let mut add = |row: UsageRow, facts: &mut FactsBuilder| match days.contains(&row.date) {
            true => fold.add(&[row], facts),
            false => Ok(()),
        };
        let pages = client.usage_details_from(&period, resume.as_ref());
        pin_mut!(pages);
        let (mut rows, mut count) = (0, 0);
        while let Some(page) = pages.next().await {
            let page = page?;
            rows += page.rows.len() as u64;
            count += 1;
            for row in page.rows {
                add(self.usage_row(row), &mut facts)?;
            }
            if let Some(progress) = self.progress {
                progress.advanced(0, None, rows);
            }
            if let Some(next) = page.next
                && count % PAGES_PER_SAVE == 0
            {
                save.keep(&facts, &[], &next).await;
            }
        }
        let charges = client.marketplace_charges(&period);
        pin_mut!(charges);
        while let Some(charge) = charges.next().await {
            add(self.marketplace_row(charge?), &mut facts)?;
        }
        let mut notes = Vec::new();
        let charges = client.reservation_charges(days.start, days.end);
        pin_mut!(charges);
        while let Some(charge) = charges.next().await {
            match charge {
                Ok(charge) => add(self.reservation_row(charge)?, &mut facts)?,
                // An endpoint that stands in for the retired one may not have this report.
                Err(Error::NotFound { .. }) => notes.push(format!(
                    "{} until {}: this endpoint has no report of charges for reservations, so \
                     their purchases are not counted",
                    days.start, days.end
                )),
                Err(error) => return Err(error.into()),
            }
        }
        let facts = facts.finish(as_of);
        Ok(Costs {
            notes,
            ..facts.into()
        })
    }
}

impl Reader<'_> {
    fn row(&self, date: Date, cost: rust_decimal::Decimal) -> UsageRow {
        let mut row = UsageRow::new(UsageKind::Legacy, date, cost, self.currency);
        row.billing_account_id = self.source.enrollment.clone();
        row.charge_type = "Usage".to_owned();
        row
    }

    fn usage_row(&self, usage: EnterpriseUsageRow) -> UsageRow {
        let mut row = self.row(usage.date, usage.cost);
        row.frequency = "UsageBased".to_owned();
        row.subscription_id = usage.subscription_guid;
        row.subscription_name = usage.subscription_name;
        row.resource_group = usage.resource_group;
        row.resource_id = usage.instance_id;
        row.region = usage.resource_location;
        row.consumed_service = usage.consumed_service;
        row.meter_category = usage.meter_category;
        row.meter_subcategory = usage.meter_sub_category;
        row.meter_name = usage.meter_name;
        row.publisher_type = "Azure".to_owned();
        row.cost_center = usage.cost_center;
        row.invoice_section_name = usage.department_name;
        row.tags = usage.tags.into_iter().collect();
        row
    }

    /// A charge for a reservation as the usage row that it would be, on the day of the charge.
    fn reservation_row(&self, charge: EnterpriseReservationCharge) -> anyhow::Result<UsageRow> {
        let date = charge.event_date.with_context(|| {
            let order = &charge.reservation_order_id;
            format!("a charge for the reservation order {order} has no day")
        })?;
        let is_refund = charge.event_type.eq_ignore_ascii_case("refund");
        let mut row = self.row(date, charge.amount);
        if is_refund {
            // It gives money back, whichever sign it is written with.
            row.cost = -charge.amount.abs();
        }
        row.currency = charge.currency;
        row.charge_type = if is_refund { "Refund" } else { "Purchase" }.to_owned();
        row.frequency = charge.billing_frequency;
        row.pricing_model = "Reservation".to_owned();
        row.subscription_id = charge.purchasing_subscription_guid;
        row.subscription_name = charge.purchasing_subscription_name;
        row.region = charge.region;
        row.meter_subcategory = charge.reservation_order_name;
        row.meter_name = charge.arm_sku_name;
        row.publisher_type = "Azure".to_owned();
        row.benefit_id = charge.reservation_order_id;
        row.cost_center = charge.cost_center;
        row.invoice_section_name = charge.department_name;
        Ok(row)
    }

    /// A marketplace charge as the usage row that it would be. It counts on the day on which its
    /// use began.
    fn marketplace_row(&self, charge: EnterpriseMarketplaceCharge) -> UsageRow {
        let mut row = self.row(charge.usage_start, charge.extended_cost);
        if charge.is_recurring_charge == Some(true) {
            row.charge_type = "Purchase".to_owned();
        }
        row.subscription_id = charge.subscription_guid;
        row.subscription_name = charge.subscription_name;
        row.resource_group = charge.resource_group;
        row.resource_id = charge.instance_id;
        row.meter_category = "Azure Marketplace".to_owned();
        row.meter_subcategory = charge.offer_name;
        row.meter_name = charge.plan_name;
        row.publisher_name = charge.publisher_name;
        row.publisher_type = "Marketplace".to_owned();
        row.cost_center = charge.cost_center;
        row.invoice_section_name = charge.department_name;
        row.tags = charge.tags.into_iter().collect();
        row
    }
}
