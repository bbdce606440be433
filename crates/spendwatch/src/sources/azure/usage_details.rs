//! Consumption usage details as a month reader, with marketplace charges where they are separate.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use azure_cost::{Client, MarketplaceCharge, Resume, UsageFold, UsageKind, UsageQuery, UsageRow};
use budget_engine::{CostBasis, FactsBuilder, Projection, Scope, ScopeKind};
use futures::{StreamExt, pin_mut};
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::sources::Progress;
use crate::sources::months::{Begun, Costs, MonthReader, Save};

/// Pages between two times that the sums so far are kept.
const PAGES_PER_SAVE: usize = 25;

pub(super) struct UsageDetails<'a> {
    pub(super) client: &'a Client,
    pub(super) scope: &'a Scope,
    pub(super) basis: CostBasis,
    pub(super) projection: &'a Projection,
    pub(super) progress: Option<&'a Arc<dyn Progress>>,
}

/// Where a read stopped, and what its rows so far have told.
#[derive(Serialize, Deserialize)]
struct Place {
    page: Resume,
    seen: Seen,
}

/// What decides whether marketplace charges are asked for on their own.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Seen {
    rows: bool,
    modern: bool,
    marketplace: bool,
}

impl Seen {
    fn add(&mut self, rows: &[UsageRow]) {
        let is_marketplace =
            |row: &UsageRow| row.publisher_type.eq_ignore_ascii_case("marketplace");
        self.rows |= !rows.is_empty();
        self.modern |= rows.iter().any(|row| row.kind == UsageKind::Modern);
        self.marketplace |= rows.iter().any(is_marketplace);
    }
}

#[async_trait]
impl MonthReader for UsageDetails<'_> {
    fn identity(&self) -> String {
        format!("usage details of {}", self.scope)
    }

    async fn read(
        &self,
        days: Range<Date>,
        begun: Option<Begun>,
        save: &Save<'_>,
    ) -> anyhow::Result<Costs> {
        let as_of = Timestamp::now();
        let mut facts = FactsBuilder::new(self.projection.clone());
        let mut seen = Seen::default();
        let mut resume = None;
        if let Some(begun) = begun {
            let place: Place = serde_json::from_value(begun.rest)?;
            facts.absorb(&begun.costs.facts)?;
            (seen, resume) = (place.seen, Some(place.page));
        }
        let query = UsageQuery::new(days.start, days.end, self.basis);
        let mut fold = UsageFold::new(self.scope, self.basis);
        let pages = self
            .client
            .usage_details_from(self.scope, &query, resume.as_ref());
        pin_mut!(pages);
        let (mut rows, mut count) = (0, 0);
        while let Some(page) = pages.next().await {
            let page = page?;
            if let Some(item) = page.skipped.first() {
                // Without its cost the sum would be too small, and nobody would see it.
                anyhow::bail!(
                    "item {} of page {} is of the unknown kind `{}`, so its cost would be missing",
                    item.item,
                    item.page,
                    item.kind
                );
            }
            seen.add(&page.rows);
            fold.add(&page.rows, &mut facts)?;
            rows += page.rows.len() as u64;
            count += 1;
            if let Some(progress) = self.progress {
                progress.advanced(0, None, rows);
            }
            if let Some(next) = page.next
                && count % PAGES_PER_SAVE == 0
            {
                let place = Place { page: next, seen };
                save.keep(&facts, &[], &place).await;
            }
        }
        let mut lacks_usage = false;
        if self.has_separate_marketplace(seen) {
            let charges = self.client.marketplaces(self.scope, days.start, days.end);
            pin_mut!(charges);
            while let Some(charge) = charges.next().await {
                let row = match charge {
                    Ok(charge) => row_of(charge),
                    // Where nothing tells the agreement yet, it may be one without this API.
                    Err(azure_cost::Error::NotFound { .. } | azure_cost::Error::Invalid { .. })
                        if !seen.rows =>
                    {
                        break;
                    }
                    Err(error) => return Err(error.into()),
                };
                if days.contains(&row.date) {
                    fold.add(&[row], &mut facts)?;
                    lacks_usage = !seen.rows;
                }
            }
        }
        let costs = Costs::from(facts.finish(as_of));
        Ok(Costs {
            lacks_usage,
            ..costs
        })
    }
}

impl UsageDetails<'_> {
    /// Usage details carry marketplace charges today, but have not always done so for Enterprise
    /// and pay-as-you-go customers. They are asked for on their own where no usage row is one, so
    /// that none is missing and none counts twice.
    fn has_separate_marketplace(&self, seen: Seen) -> bool {
        let is_served = matches!(
            self.scope.kind(),
            ScopeKind::Subscription
                | ScopeKind::ManagementGroup
                | ScopeKind::BillingAccount
                | ScopeKind::Department
                | ScopeKind::EnrollmentAccount
        );
        // The id of a Customer Agreement's account has a colon.
        let is_customer_agreement =
            self.scope.kind() == ScopeKind::BillingAccount && self.scope.id().contains(':');
        is_served && !is_customer_agreement && !seen.modern && !seen.marketplace
    }
}

/// A marketplace charge as the usage row that it would be. It counts on the day on which its use
/// began.
fn row_of(charge: MarketplaceCharge) -> UsageRow {
    let date = charge.usage_start.to_zoned(TimeZone::UTC).date();
    let charge_type = match charge.is_recurring_charge {
        Some(true) => "Purchase",
        _ => "Usage",
    };
    let mut row = UsageRow::new(UsageKind::Legacy, date, charge.pretax_cost, charge.currency);
    row.charge_type = charge_type.to_owned();
    row.subscription_id = charge.subscription_guid;
    row.subscription_name = charge.subscription_name;
    row.resource_group = charge.resource_group;
    row.resource_id = charge.instance_id;
    row.consumed_service = charge.consumed_service;
    row.meter_category = "Azure Marketplace".to_owned();
    row.meter_subcategory = charge.offer_name;
    row.meter_name = charge.plan_name;
    row.publisher_name = charge.publisher_name;
    row.publisher_type = "Marketplace".to_owned();
    row.cost_center = charge.cost_center;
    row.tags = charge.tags;
    row
}
